/* SPDX-License-Identifier: MIT
 * safety.c — doubts, and the gate at which publishes wait meanwhile (safety.h).
 * May touch: the loop; the other files of its name touch more.
 */
#include "node/safetystate.h"

#include "base/err.h"
#include "base/json.h"
#include "node/heads.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK_MOST (5 * RN_NS_S) /* publishes wait for the comparison at most so long */
#define SETTLE (5 * RN_NS_S)     /* all that is wanted is here, and no twin has shown up since */

/* A create that waits until heads have been compared. */
struct waiting {
    struct rn_list link;
    struct rn_call *call;
    struct rn_descriptor *desc;
};

static void settle(void *arg);

/* ---- words ---- */

static const struct {
    enum rn_doubt doubt;
    const char *word, *sentence;
} words[] = {
    {RN_TWIN, "twin", "another process with this node's identity is running: stop one of the two for good"},
    {RN_COPIED, "copied",
     "the store is a copy, or was brought back from a backup: it stands in another place than the one noted in it"},
    {RN_LOST, "lost",
     "the store is empty, or its own record was damaged, and this node's identity has been used with another store "
     "before"},
};

static void say_why(const struct rn_node *n, struct rn_buf *b) {
    const char *sep = "";
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!(n->safety.doubts & words[i].doubt))
            continue;
        rn_buf_fmt(b, "%s%s", sep, words[i].sentence);
        if (words[i].doubt == RN_TWIN && n->safety.twin[0])
            rn_buf_fmt(b, " (%s)", n->safety.twin);
        sep = "; ";
    }
    rn_buf_str(b, n->safety.doubts & RN_TWIN
                      ? ". Then"
                      : ". It appends again when the peers that discovery names have shown what they hold. If nothing "
                        "newer was published and no other process uses this identity,");
    rn_buf_str(b, " say: runnel identity confirm");
}

int rn_safety_refuses(const struct rn_node *n, struct runnel_err *err) {
    struct rn_buf b = {.max = 2048};
    const char *text;
    if (!n->safety.doubts)
        return 0;
    say_why(n, &b);
    text = rn_buf_cstr(&b);
    int rc = rn_fail(err, RUNNEL_ECONFLICT, "this node appends to none of its streams: %s",
                     text ? text : "see runnel status");
    rn_buf_free(&b);
    return rc;
}

void rn_safety_words(struct rn_jw *w, unsigned doubts) {
    rn_jw_array(w);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (doubts & words[i].doubt)
            rn_jw_str(w, words[i].word);
    rn_jw_end_array(w);
}

void rn_safety_describe(const struct rn_node *n, struct rn_jw *w) {
    const struct rn_safety *f = &n->safety;
    struct runnel_err err;
    rn_jw_key(w, "author");
    rn_jw_object(w);
    rn_jw_kstr(w, "state", f->doubts ? "unconfirmed" : f->checking ? "checking" : "confirmed");
    rn_jw_key(w, "why");
    rn_safety_words(w, f->doubts);
    if (rn_safety_refuses(n, &err) != 0)
        rn_jw_kstr(w, "message", err.msg);
    rn_jw_end_object(w);
}

/* ---- the gate ---- */

static void open_gate(struct rn_node *n) {
    struct rn_safety *f = &n->safety;
    if (!f->checking)
        return;
    f->checking = 0;
    rn_alarm_cancel(&n->loop, &f->limit);
    rn_task_run_late(&n->loop, &n->author.task);
    while (!rn_list_empty(&f->waiting)) {
        struct waiting *w = rn_list_of(f->waiting.next, struct waiting, link);
        struct rn_call *call = w->call;
        struct rn_descriptor *d = w->desc;
        rn_list_del(&w->link);
        free(w);
        rn_author_create_desc(&n->author, call, d);
    }
}

static void on_limit(void *arg) {
    struct rn_node *n = arg;
    rn_node_log(n, RUNNEL_INFO, "author", "not every peer has shown its heads within %lld s; publishes wait no longer",
                (long long)(CHECK_MOST / RN_NS_S));
    open_gate(n);
}

int rn_safety_wait(struct rn_node *n, struct rn_call *call, struct rn_descriptor *d) {
    struct waiting *w = calloc(1, sizeof *w);
    if (!w)
        return -RUNNEL_ENOMEM;
    w->call = call;
    w->desc = d;
    rn_list_init(&w->link);
    rn_list_add(&n->safety.waiting, &w->link);
    rn_call_weigh(call, sizeof *w + d->bytes.n);
    return 0;
}

/* ---- what follows from it ---- */

static void stop_asking(struct rn_node *n) {
    rn_alarm_cancel(&n->loop, &n->safety.settle);
    rn_safety_ask_no_more(n);
}

void rn_safety_consider(struct rn_node *n) {
    struct rn_safety *f = &n->safety;
    size_t answered;
    if (!f->asking)
        return;
    int ended = rn_safety_all_tried(n, &answered) && rn_heads_settled(n);
    if (ended)
        open_gate(n);
    if (ended && !f->doubts)
        stop_asking(n);
    else if (!ended || answered == 0 || f->doubts & RN_TWIN)
        rn_alarm_cancel(&n->loop, &f->settle);
    else if (!rn_timer_set(&f->settle.timer))
        (void)rn_alarm_set(&n->loop, &f->settle, SETTLE, settle, n);
}

static void settle(void *arg) {
    struct rn_node *n = arg;
    rn_node_log(n, RUNNEL_NOTICE, "author",
                "peers have shown what they hold of this node's streams, and all of it is here: confirmed");
    n->safety.doubts = 0;
    rn_safety_write(n);
    rn_safety_consider(n);
}

/* ---- doubts ---- */

void rn_safety_doubt(struct rn_node *n, enum rn_doubt why, const char *where) {
    struct rn_safety *f = &n->safety;
    struct runnel_err err;
    int fresh = !(f->doubts & why) || (why == RN_TWIN && !f->twin[0]);
    if (why == RN_TWIN && where)
        (void)snprintf(f->twin, sizeof f->twin, "%s", where);
    if (!fresh)
        return;
    f->doubts |= why;
    rn_alarm_cancel(&n->loop, &f->settle);
    if (rn_safety_refuses(n, &err) != 0)
        rn_node_log(n, RUNNEL_ERROR, "author", "%s", err.msg);
    rn_safety_write(n);
    open_gate(n); /* nobody waits for what will not come */
    rn_task_run_late(&n->loop, &n->author.task);
}

void rn_safety_begin(struct rn_node *n) {
    struct rn_safety *f = &n->safety;
    size_t own = rn_map_count(n->lost); /* a peer may give them back */
    rn_map_for (e, n->streams)
        own += (size_t)((struct rn_stream *)e->val)->own;
    if (!f->doubts && own == 0)
        return; /* nothing to append to */
    if (!f->doubts && rn_alarm_set(&n->loop, &f->limit, CHECK_MOST, on_limit, n) == 0)
        f->checking = 1;
    rn_safety_ask(n);
    rn_safety_consider(n);
}

/* ---- life ---- */

void rn_safety_init(struct rn_node *n) {
    rn_list_init(&n->safety.sources);
    rn_list_init(&n->safety.waiting);
    rn_list_init(&n->safety.calls);
}

void rn_safety_start(struct rn_node *n) {
    struct runnel_err err;
    if (rn_safety_refuses(n, &err) != 0)
        rn_node_log(n, RUNNEL_ERROR, "author", "%s", err.msg);
    rn_safety_begin(n);
}

static void drop_waiting(struct rn_safety *f, const struct runnel_err *err) {
    while (!rn_list_empty(&f->waiting)) {
        struct waiting *w = rn_list_of(f->waiting.next, struct waiting, link);
        rn_list_del(&w->link);
        if (err)
            rn_call_fail(w->call, err);
        else
            rn_call_free(w->call);
        rn_descriptor_free(w->desc);
        free(w);
    }
}

void rn_safety_stop(struct rn_node *n) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ECLOSED, "the node is stopping");
    if (n->safety.checking)
        rn_map_for (e, n->streams)
            rn_author_forget(e->val, &err);
    drop_waiting(&n->safety, &err);
    stop_asking(n);
    open_gate(n);
}

void rn_safety_drop(struct rn_node *n) {
    struct rn_safety *f = &n->safety;
    rn_alarm_cancel(&n->loop, &f->limit);
    rn_alarm_cancel(&n->loop, &f->settle);
    rn_alarm_cancel(&n->loop, &f->again);
    rn_safety_drop_sources(f);
    drop_waiting(f, NULL);
    rn_safety_drop_words(f);
}
