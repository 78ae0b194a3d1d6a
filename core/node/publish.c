/* SPDX-License-Identifier: MIT
 * publish.c — how a publish ends: with its answer, or without one (authorstate.h).
 * May touch: the call of its session.
 */
#include "node/authorstate.h"

#include <stdlib.h>

void rn_publish_free(struct rn_publish *p) {
    rn_list_del(&p->link);
    if (p->call)
        rn_call_free(p->call);
    free(p);
}

void rn_publish_fail(struct rn_publish *p, const struct runnel_err *err) {
    rn_call_fail(p->call, err);
    p->call = NULL;
    rn_publish_free(p);
}

void rn_publish_done(struct rn_publish *p) {
    rn_call_published(p->call, p->seq, p->count, p->base, p->last);
    p->call = NULL;
    rn_publish_free(p);
}

void rn_publishes_drop(struct rn_list *l) {
    while (!rn_list_empty(l))
        rn_publish_free(rn_list_of(l->next, struct rn_publish, link));
}

void rn_publishes_fail(struct rn_list *publishes, const struct runnel_err *err) {
    while (!rn_list_empty(publishes))
        rn_publish_fail(rn_list_of(publishes->next, struct rn_publish, link), err);
}
