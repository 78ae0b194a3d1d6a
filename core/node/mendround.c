/* SPDX-License-Identifier: MIT
 * mendround.c — who may have a damaged block: asked one after the other, round after round (mend.h).
 * May touch: discovery instances, peers.
 */
#include "node/mendstate.h"

#include "base/err.h"
#include "base/time.h"
#include "node/discover.h"
#include <stdlib.h>
#include <string.h>

#define DISCOVERING (300 * RN_NS_MS) /* until discovery has named somebody */

static void watch(struct rn_mend *m, struct rn_member *only, int on) {
    struct rn_descriptor *d = m->stream->desc;
    struct runnel_sought sought = {.size = sizeof sought,
                                   .has_id = 1,
                                   .id = d->id,
                                   .author = d->author.b,
                                   .source = d->source,
                                   .stream = d->stream,
                                   .target = d->target};
    rn_discover(m->stream->node, only, m->watch, &sought, on);
}

void rn_mend_watch(struct rn_mend *m, int on) {
    watch(m, NULL, on);
}

void rn_mends_watch(struct rn_node *n, struct rn_member *member) {
    rn_map_for (e, n->mends)
        watch(e->val, member, 1);
}

void rn_mends_unnamed(struct rn_node *n, const char *from) {
    rn_map_for (e, n->mends)
        rn_mend_found(n, ((const struct rn_mend *)e->val)->watch, from, NULL, 0);
}

void rn_mend_round_free(struct rn_mend *m) {
    for (size_t i = 0; i < m->n_round; i++)
        free(m->round[i]);
    free(m->round);
    m->round = NULL;
    m->n_round = m->at = 0;
    m->provider = NULL;
}

static void add_to_round(struct rn_mend *m, const char *address) {
    for (size_t i = 0; i < m->n_round; i++)
        if (strcmp(m->round[i], address) == 0)
            return;
    char **v = m->n_round < RN_MEND_CANDIDATES ? realloc(m->round, (m->n_round + 1) * sizeof *v) : NULL;
    if (!v)
        return;
    m->round = v;
    if ((v[m->n_round] = strdup(address)) != NULL)
        m->n_round++;
}

/* A round: those that discovery names, then all nodes that have a session with us. */
void rn_mend_round(void *arg) {
    struct rn_mend *m = arg;
    if (m->busy)
        return;                        /* what the store brings goes on from there */
    if (!m->has_leaf && !m->proving) { /* it had not come so far */
        rn_mend_look(m);
        return;
    }
    rn_mend_round_free(m);
    m->last_round = rn_mend_now(m);
    for (size_t i = 0; i < m->n; i++)
        add_to_round(m, m->v[i].address);
    rn_list_for (it, &m->stream->node->sessions) {
        struct rn_session *s = rn_list_of(it, struct rn_session, link);
        const char *address = s->has_peer && rn_session_open(s) ? rn_peer_address(s) : NULL;
        if (address)
            add_to_round(m, address);
    }
    rn_mend_next_provider(m);
}

static void give_up_round(struct rn_mend *m) {
    struct runnel_err why;
    if (m->n_round == 0 && !m->patient) {
        m->patient = 1;
        rn_mend_round_in(m, DISCOVERING);
        return;
    }
    if (m->n_round == 0)
        rn_fail(&why, RUNNEL_EDAMAGED, "no peer is known that could give it again");
    else
        rn_fail(&why, RUNNEL_EDAMAGED, "none of %zu peers could give it again so far", m->n_round);
    rn_mend_again_later(m, &why);
}

void rn_mend_next_provider(struct rn_mend *m) {
    rn_mend_let_go(m);
    while (m->at < m->n_round && m->stream->node->phase == RN_SERVING) {
        const char *address = m->round[m->at++];
        if (rn_peer_use(m->stream->node, address, &m->user) == 0) {
            m->provider = address;
            return;
        }
    }
    give_up_round(m);
}

void rn_mend_found(struct rn_node *n, uint64_t watch, const char *from, const struct runnel_candidate *const *list,
                   size_t count) {
    uint8_t key[8];
    rn_put_le64(key, watch);
    struct rn_mend *m = n->mends ? rn_map_get(n->mends, key, sizeof key) : NULL;
    size_t kept = 0;
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->v[i].from, from) != 0) {
            m->v[kept++] = m->v[i];
            continue;
        }
        free(m->v[i].address);
        free(m->v[i].from);
    }
    m->n = kept;
    for (size_t i = 0; i < count && m->n < RN_MEND_CANDIDATES; i++) {
        struct rn_mend_named *v = realloc(m->v, (m->n + 1) * sizeof *v);
        if (!v)
            return;
        m->v = v;
        v[m->n] = (struct rn_mend_named){strdup(list[i]->address), strdup(from)};
        if (!v[m->n].address || !v[m->n].from) {
            free(v[m->n].address);
            free(v[m->n].from);
            return;
        }
        m->n++;
    }
    if ((m->has_leaf || m->proving) && !m->busy && !m->provider &&
        count > 0) /* it waits for the next round: this is it */
        rn_mend_round(m);
}
