/* SPDX-License-Identifier: MIT
 * quiet.c — counts the lines that addresses, or damaged streams, make the node log (quiet.h).
 * May touch: the log, an alarm.
 */
#include "node/quiet.h"

#include "base/time.h"
#include <stdio.h>
#include <string.h>

static void on_alarm(void *arg);

void rn_quiet_init(struct rn_quiet *q, struct rn_loop *loop, const char *area) {
    memset(q, 0, sizeof *q);
    q->area = area;
    q->loop = loop;
}

static int64_t now(const struct rn_quiet *q) {
    return q->loop->env->now(q->loop->env->ctx);
}

/* The address without its port: a host has many. */
static void host_of(const char *remote, char out[RN_QUIET_NAME]) {
    const char *colon = strrchr(remote, ':');
    size_t n = colon && colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == '\0' ? (size_t)(colon - remote)
                                                                                       : strlen(remote);
    (void)snprintf(out, RN_QUIET_NAME, "%.*s", (int)(n < RN_QUIET_NAME ? n : RN_QUIET_NAME - 1), remote);
}

static struct rn_quiet_slot *slot_of(struct rn_quiet *q, const char *host) {
    struct rn_quiet_slot *empty = NULL;
    for (size_t i = 0; i + 1 < RN_QUIET_SLOTS; i++) {
        if (strcmp(q->v[i].address, host) == 0)
            return &q->v[i];
        if (!empty && !q->v[i].address[0])
            empty = &q->v[i];
    }
    return empty ? empty : &q->v[RN_QUIET_SLOTS - 1];
}

/* Ends what is over; returns when the next one is, 0: none runs. */
static int64_t sweep(struct rn_quiet *q) {
    int64_t t = now(q), next = 0;
    for (size_t i = 0; i < RN_QUIET_SLOTS; i++) {
        struct rn_quiet_slot *s = &q->v[i];
        if (!s->address[0])
            continue;
        if (s->until > t) {
            next = next && next < s->until ? next : s->until;
            continue;
        }
        if (s->lines > RN_QUIET_LINES)
            rn_log(q->loop->env->log, RUNNEL_WARN, q->area, "%s: and %llu more lines about it in %lld s",
                   i + 1 < RN_QUIET_SLOTS ? s->address : "others", (unsigned long long)(s->lines - RN_QUIET_LINES),
                   (long long)(RN_QUIET_NS / RN_NS_S));
        *s = (struct rn_quiet_slot){.lines = 0};
    }
    return next;
}

static void on_alarm(void *arg) {
    struct rn_quiet *q = arg;
    int64_t next = sweep(q);
    if (next) /* out of memory: the next line begins anew */
        (void)rn_alarm_set(q->loop, &q->alarm, next - now(q), on_alarm, q);
}

int rn_quiet_may(struct rn_quiet *q, const char *remote) {
    char host[RN_QUIET_NAME];
    host_of(remote, host);
    struct rn_quiet_slot *s = slot_of(q, host);
    if (!s->address[0]) {
        (void)snprintf(s->address, sizeof s->address, "%s", host);
        s->until = now(q) + RN_QUIET_NS;
        on_alarm(q);
    }
    return ++s->lines <= RN_QUIET_LINES;
}
