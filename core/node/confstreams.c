/* SPDX-License-Identifier: MIT
 * confstreams.c — the rules of "streams": which sync section a stream gets.
 * May touch: the heap.
 */
#include "node/conftexts.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 64u

static const char *const words[] = {"author", "id", "source", "stream", "sync", "target", NULL};

/* One rule under check. */
struct at {
    struct rn_conf *c;
    struct rn_conf_texts *t;
    const struct rn_text *text;
    const struct rn_json *v;
    unsigned index;
};

static void path_of(const struct at *a, const char *key, char out[PATH]) {
    (void)snprintf(out, PATH, "streams[%u]%s%.40s", a->index, key[0] != 0 ? "." : "", key);
}

static void wrong(const struct at *a, const struct rn_json *v, const char *key, const char *want, const char *remedy) {
    char path[PATH];
    path_of(a, key, path);
    rn_wrong_value(a->t, (struct rn_place){a->text, v}, path, want, remedy);
}

static void missing(const struct at *a, const char *key, const char *want, const char *remedy) {
    char path[PATH];
    path_of(a, key, path);
    rn_wrong(a->t, (struct rn_place){a->text, a->v}, path, "nothing", want, remedy);
}

static void check_words(const struct at *a) {
    char path[PATH];
    for (const struct rn_json *v = a->v->child; v != NULL; v = v->next) {
        size_t i = 0;
        while (words[i] != NULL && strcmp(words[i], v->key) != 0)
            i++;
        path_of(a, v->key, path);
        if (words[i] == NULL)
            rn_wrong_word(a->t, (struct rn_place){a->text, v}, path, words);
    }
}

static void read_author(const struct at *a, struct rn_stream_rule *rule) {
    const struct rn_json *v = rn_json_get(a->v, "author");
    if (v == NULL)
        return;
    rule->has_author = 1;
    if (v->type != RN_STRING || rn_hex_parse(v->text, v->n_text, rule->author.b, sizeof rule->author.b) != 0)
        wrong(a, v, "author", "a node id of 64 hexadecimal digits",
              "copy it from \"runnel status\" of the author's node");
}

static void read_id(const struct at *a, struct rn_stream_rule *rule) {
    const struct rn_json *v = rn_json_get(a->v, "id");
    if (v == NULL)
        return;
    rule->has_id = 1;
    if (v->type != RN_STRING || rn_id_parse(v->text, v->n_text, &rule->id) != 0)
        wrong(a, v, "id", "a stream id (a UUID of version 8)", "copy it from \"runnel streams\"");
}

/* A name, or the beginning of one before '*'. NULL: absent or wrong. */
static const char *read_name(const struct at *a, const char *key, size_t least) {
    const struct rn_json *v = rn_json_get(a->v, key);
    if (v == NULL)
        return NULL;
    int text = v->type == RN_STRING && memchr(v->text, 0, v->n_text) == NULL;
    if (!text || v->n_text < least || v->n_text > RN_MAX_NAME) {
        wrong(a, v, key, least == 0 ? "a string of 0 to 128 bytes" : "a string of 1 to 128 bytes", "correct it");
        return NULL;
    }
    const char *star = strchr(v->text, '*');
    if (star != NULL && star[1] != 0) {
        wrong(a, v, key, "a '*' at the end only", "write the beginning of the name and '*', or the whole name");
        return NULL;
    }
    return v->text;
}

static void check_author(const struct at *a, const struct rn_stream_rule *rule) {
    if (rule->has_author || (rn_json_get(a->v, "source") == NULL && rn_json_get(a->v, "stream") == NULL &&
                             rn_json_get(a->v, "target") == NULL))
        return;
    missing(a, "author", "a node id of 64 hexadecimal digits",
            "anyone may give a stream any name: add \"author\" to the rule, or match by \"id\" alone");
}

static void read_sync(const struct at *a, struct rn_stream_rule *rule) {
    char path[PATH];
    const struct rn_json *v = rn_json_get(a->v, "sync");
    if (v == NULL) {
        missing(a, "sync", "the name of a section of \"sync\"", "say which one this rule gives its streams");
        return;
    }
    if (v->type == RN_STRING && memchr(v->text, 0, v->n_text) == NULL) {
        rule->sync = rn_section_find(a->c, RUNNEL_SYNC, v->text);
        if (rule->sync != NULL || a->t->broken || rn_texts_section(a->t, "sync", v->text, NULL).text != NULL)
            return;
    }
    path_of(a, "sync", path);
    rn_wrong_name(a->t, (struct rn_place){a->text, v}, path, "sync");
}

static int check_rule(const struct at *a) {
    if (a->v->type != RN_OBJECT) {
        wrong(a, a->v, "", "an object", "write { \"author\": ..., \"sync\": NAME }");
        return 0;
    }
    struct rn_stream_rule *rule = calloc(1, sizeof *rule);
    if (rule == NULL)
        return -RUNNEL_ENOMEM;
    rn_list_add(&a->c->streams, &rule->link);
    check_words(a);
    read_author(a, rule);
    read_id(a, rule);
    rule->source = read_name(a, "source", 1);
    rule->stream = read_name(a, "stream", 1);
    rule->target = read_name(a, "target", 0);
    check_author(a, rule);
    read_sync(a, rule);
    return 0;
}

int rn_check_streams(struct rn_conf *c) {
    rn_texts_for(x, c->texts) {
        const struct rn_text *text = rn_text_of(x_link);
        const struct rn_json *all = rn_json_get(text->root, "streams");
        if (all == NULL)
            continue;
        if (all->type != RN_ARRAY) {
            rn_wrong_value(c->texts, (struct rn_place){text, all}, "streams", "an array of rules",
                           "write [ { ... }, ... ]");
            continue;
        }
        unsigned i = 0;
        for (const struct rn_json *v = all->child; v != NULL; v = v->next) {
            int rc = check_rule(&(struct at){.c = c, .t = c->texts, .text = text, .v = v, .index = i++});
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}
