/* SPDX-License-Identifier: MIT
 * names.c — streams by author and name: a map from the name to a chain of those that have it (names.h).
 * May touch: the node's map of names.
 */
#include "node/names.h"

#include "node/inner.h"
#include <string.h>

#define KEY (RN_KEY + 3u * (RN_MAX_NAME + 1u))

/* Writes author, source, stream and target, each part ended; its size. */
static size_t make_key(uint8_t key[KEY], const struct rn_key *author, const char *source, const char *stream,
                       const char *target) {
    const char *const parts[] = {source, stream, target};
    size_t n = RN_KEY;
    memcpy(key, author->b, RN_KEY);
    for (size_t i = 0; i < 3; i++) {
        size_t k = strlen(parts[i]) + 1;
        if (k > RN_MAX_NAME + 1)
            return 0; /* no stream has such a name */
        memcpy(key + n, parts[i], k);
        n += k;
    }
    return n;
}

static size_t key_of(uint8_t key[KEY], const struct rn_descriptor *d) {
    return make_key(key, &d->author, d->source, d->stream, d->target);
}

int rn_names_add(struct rn_stream *s) {
    uint8_t key[KEY];
    size_t n = key_of(key, s->desc);
    s->namesake = rn_map_get(s->node->names, key, n);
    return rn_map_put(s->node->names, key, n, s);
}

void rn_names_remove(struct rn_stream *s) {
    uint8_t key[KEY];
    size_t n = key_of(key, s->desc);
    struct rn_stream *first = rn_map_get(s->node->names, key, n);
    if (first == s && !s->namesake)
        (void)rn_map_del(s->node->names, key, n);
    else if (first == s)
        (void)rn_map_put(s->node->names, key, n, s->namesake); /* the key is there: nothing can fail */
    for (struct rn_stream *t = first; t && t != s; t = t->namesake)
        if (t->namesake == s) {
            t->namesake = s->namesake;
            break;
        }
    s->namesake = NULL;
}

struct rn_stream *rn_stream_named(const struct rn_node *n, const struct rn_key *author, const char *source,
                                  const char *stream, const char *target) {
    uint8_t key[KEY];
    size_t size = make_key(key, author, source, stream, target);
    struct rn_stream *best = NULL;
    for (struct rn_stream *s = size ? rn_map_get(n->names, key, size) : NULL; s; s = s->namesake)
        if (!best || s->ready > best->ready || (s->ready == best->ready && s->number > best->number))
            best = s;
    return best;
}
