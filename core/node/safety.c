/* SPDX-License-Identifier: MIT
 * safety.c — doubts are written down, peers asked, publishes held back meanwhile (safety.h).
 * May touch: the store, discovery instances, peers.
 *
 * Only a peer that discovery named can lay a doubt to rest: anybody may dial us and say that he holds nothing.
 */
#include "node/safety.h"

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "node/discover.h"
#include "node/heads.h"
#include "node/methods.h"
#include "node/peers.h"
#include "node/sessionstate.h"
#include <runnel/discovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_MOST (5 * RN_NS_S) /* publishes wait for the comparison at most so long */
#define SETTLE (5 * RN_NS_S)     /* all that is wanted is here, and no twin has shown up since */
#define AGAIN (5 * RN_NS_S)      /* peers that could not be asked are tried again */
#define SOURCES_MOST 256u

/* A peer that discovery named. */
struct source {
    struct rn_list link;
    struct rn_node *node;
    struct rn_peer_user user;
    struct rn_session *session; /* that is being asked; NULL: none */
    int tried, answered;
    char address[];
};

/* A create that waits until heads have been compared. */
struct waiting {
    struct rn_list link;
    struct rn_call *call;
    struct rn_descriptor *desc;
};

/* Who gave his word waits until it is written. */
struct confirming {
    struct rn_list link;
    struct rn_call *call;
    unsigned doubts; /* that were laid to rest */
};

static void settle(void *arg);
static void write_note(struct rn_node *n);

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

void rn_safety_describe(const struct rn_node *n, struct rn_jw *w) {
    const struct rn_safety *f = &n->safety;
    struct runnel_err err;
    rn_jw_key(w, "author");
    rn_jw_object(w);
    rn_jw_kstr(w, "state", f->doubts ? "unconfirmed" : f->checking ? "checking" : "confirmed");
    rn_jw_key(w, "why");
    rn_jw_array(w);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (f->doubts & words[i].doubt)
            rn_jw_str(w, words[i].word);
    rn_jw_end_array(w);
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

/* ---- sources ---- */

static void source_free(struct source *c) {
    rn_peer_leave(&c->user);
    rn_list_del(&c->link);
    free(c);
}

static void free_sources(struct rn_safety *f) {
    while (!rn_list_empty(&f->sources))
        source_free(rn_list_of(f->sources.next, struct source, link));
}

static void on_up(struct rn_peer_user *u, struct rn_session *s) {
    struct source *c = rn_list_of(u, struct source, user);
    c->session = s;
    if (s->heads_shown)
        rn_safety_answered(c->node, s);
}

static void on_down(struct rn_peer_user *u, const struct runnel_err *why) {
    struct source *c = rn_list_of(u, struct source, user);
    (void)why;
    c->session = NULL;
    c->tried = 1;
    rn_safety_consider(c->node);
}

static void try_source(struct source *c) {
    if (c->user.peer)
        return;
    c->user = (struct rn_peer_user){.up = on_up, .down = on_down};
    if (rn_peer_use(c->node, c->address, &c->user) != 0)
        c->tried = 1;
}

static void try_again(void *arg) {
    struct rn_node *n = arg;
    rn_list_for (it, &n->safety.sources) {
        struct source *c = rn_list_of(it, struct source, link);
        if (!c->answered)
            try_source(c);
    }
    (void)rn_alarm_set(&n->loop, &n->safety.again, AGAIN, try_again, n);
}

static void add_source(struct rn_node *n, const char *address) {
    size_t count = 0;
    rn_list_for (it, &n->safety.sources) {
        if (strcmp(rn_list_of(it, struct source, link)->address, address) == 0)
            return;
        count++;
    }
    struct source *c = count < SOURCES_MOST ? calloc(1, sizeof *c + strlen(address) + 1) : NULL;
    if (!c)
        return;
    c->node = n;
    memcpy(c->address, address, strlen(address) + 1);
    rn_list_init(&c->link);
    rn_list_add(&n->safety.sources, &c->link);
    try_source(c);
}

void rn_safety_found(struct rn_node *n, const struct runnel_inst *from, const struct runnel_candidate *const *list,
                     size_t count) {
    if (!n->safety.asking)
        return;
    for (size_t i = 0; i < count; i++)
        add_source(n, list[i]->address);
    for (size_t i = 0; i < n->n_members; i++)
        if (n->members[i].inst == from)
            n->members[i].sought = 0;
    rn_safety_consider(n);
}

void rn_safety_answered(struct rn_node *n, struct rn_session *s) {
    rn_list_for (it, &n->safety.sources) {
        struct source *c = rn_list_of(it, struct source, link);
        if (c->session != s)
            continue;
        c->tried = 1;
        c->answered |= s->heads_shown > 0;
    }
    rn_safety_consider(n);
}

/* ---- what follows from it ---- */

static void watch_at(struct rn_node *n, struct rn_member *only, int on) {
    struct runnel_sought sought = {.size = sizeof sought, .author = n->id.b};
    for (size_t i = 0; i < n->n_members; i++) {
        struct rn_member *m = &n->members[i];
        if (m->section->kind == RUNNEL_DISCOVERY && m->started && (!only || m == only))
            m->sought = on;
    }
    rn_discover(n, only, RN_WATCH_SAFETY, &sought, on);
}

static void watch(struct rn_node *n, int on) {
    n->safety.asking = on;
    watch_at(n, NULL, on);
}

void rn_safety_watch(struct rn_node *n, struct rn_member *m) {
    if (n->safety.asking)
        watch_at(n, m, 1);
}

static void stop_asking(struct rn_node *n) {
    struct rn_safety *f = &n->safety;
    rn_alarm_cancel(&n->loop, &f->again);
    rn_alarm_cancel(&n->loop, &f->settle);
    if (!f->asking)
        return;
    watch(n, 0);
    free_sources(f);
}

/* Whether every peer has been tried that discovery names; *answered: how many have shown their heads. */
static int all_tried(const struct rn_node *n, size_t *answered) {
    int tried = 1;
    *answered = 0;
    for (size_t i = 0; i < n->n_members; i++)
        tried &= !n->members[i].sought;
    rn_list_for (it, &n->safety.sources) {
        const struct source *c = rn_list_of(it, struct source, link);
        tried &= c->tried;
        *answered += (size_t)c->answered;
    }
    return tried;
}

void rn_safety_consider(struct rn_node *n) {
    struct rn_safety *f = &n->safety;
    size_t answered;
    if (!f->asking)
        return;
    int ended = all_tried(n, &answered) && rn_heads_settled(n);
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
    write_note(n);
    rn_safety_consider(n);
}

/* ---- the note in the store ---- */

struct writing {
    struct rn_op op;
    struct rn_node *node;
    struct rn_list calls; /* those whose word it carries */
};

static void drop_calls(struct rn_list *calls) {
    while (!rn_list_empty(calls)) {
        struct confirming *c = rn_list_of(calls->next, struct confirming, link);
        rn_list_del(&c->link);
        rn_call_free(c->call);
        free(c);
    }
}

static void writing_free(struct rn_op *op) {
    struct writing *w = (struct writing *)op;
    drop_calls(&w->calls);
    free(w);
}

static void answer(struct confirming *c, const struct runnel_err *err) {
    struct rn_buf b = {.max = 256};
    struct rn_jw w;
    if (err) {
        rn_call_fail(c->call, err);
        free(c);
        return;
    }
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "was");
    rn_jw_array(&w);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (c->doubts & words[i].doubt)
            rn_jw_str(&w, words[i].word);
    rn_jw_end_array(&w);
    rn_jw_end_object(&w);
    rn_method_answer(c->call, &b);
    free(c);
}

static void answer_all(struct rn_list *calls, const struct runnel_err *err) {
    while (!rn_list_empty(calls)) {
        struct confirming *c = rn_list_of(calls->next, struct confirming, link);
        rn_list_del(&c->link);
        answer(c, err);
    }
}

/* Who gave his word is told that it could not be written: so it counts for nothing. */
static void unconfirm(struct rn_safety *f, const struct rn_list *calls) {
    rn_list_for (it, calls)
        f->doubts |= rn_list_of(it, struct confirming, link)->doubts;
}

static void on_written(void *arg, const struct runnel_err *err) {
    struct writing *w = arg;
    struct rn_node *n = w->node;
    struct rn_list calls;
    rn_list_init(&calls);
    while (!rn_list_empty(&w->calls)) {
        struct rn_list *it = w->calls.next;
        rn_list_del(it);
        rn_list_add(&calls, it);
    }
    rn_op_end(&w->op);
    n->safety.writing = 0;
    if (err) {
        rn_node_log(n, RUNNEL_ERROR, "author", "the store's own record cannot be written: %s", err->msg);
        unconfirm(&n->safety, &calls);
    }
    if (n->safety.changed)
        write_note(n);
    answer_all(&calls, err);
}

static int commit_note(struct rn_node *n, struct writing *w) {
    struct rn_store_note note = {.node = n->id, .doubts = n->safety.doubts};
    struct rn_changes c = {.n = 0};
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_store();
    memcpy(note.marker, n->safety.marker, sizeof note.marker);
    int rc = rn_store_record(&b, &note);
    if (rc == 0) {
        rn_changes_put(&c, &p, rn_buf_bytes(&b));
        rc = rn_store_commit(&n->store, &c, on_written, w);
    }
    rn_buf_free(&b);
    rn_changes_free(&c);
    return rc;
}

static void write_note(struct rn_node *n) {
    struct rn_safety *f = &n->safety;
    struct runnel_err err;
    f->changed = f->writing;
    if (f->writing)
        return;
    struct writing *w = calloc(1, sizeof *w);
    if (w) {
        w->node = n;
        rn_list_init(&w->calls);
        while (!rn_list_empty(&f->calls)) {
            struct rn_list *it = f->calls.next;
            rn_list_del(it);
            rn_list_add(&w->calls, it);
        }
        rn_op_begin(&n->ops, &w->op, writing_free);
        f->writing = 1;
        int rc = commit_note(n, w);
        if (rc == 0)
            return;
        rn_fail(&err, -rc, "the commit cannot be asked for");
        on_written(w, &err);
        return;
    }
    rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    unconfirm(f, &f->calls);
    answer_all(&f->calls, &err);
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
    write_note(n);
    open_gate(n); /* nobody waits for what will not come */
    rn_task_run_late(&n->loop, &n->author.task);
}

/* All peers are asked, anew where they have been asked before. */
static void begin_check(struct rn_node *n) {
    struct rn_safety *f = &n->safety;
    size_t own = rn_map_count(n->lost); /* a peer may give them back */
    rn_map_for (e, n->streams)
        own += (size_t)((struct rn_stream *)e->val)->own;
    if (!f->doubts && own == 0)
        return; /* nothing to append to */
    if (!f->doubts && rn_alarm_set(&n->loop, &f->limit, CHECK_MOST, on_limit, n) == 0)
        f->checking = 1;
    if (f->asking)
        free_sources(f);
    (void)rn_alarm_set(&n->loop, &f->again, AGAIN, try_again, n);
    watch(n, 1);
    rn_safety_consider(n);
}

void rn_method_confirm(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_safety *f = &n->safety;
    struct confirming *c = calloc(1, sizeof *c);
    struct runnel_err err;
    (void)params;
    if (!c) {
        rn_fail(&err, RUNNEL_ENOMEM, "confirm: out of memory");
        rn_call_fail(call, &err);
        return;
    }
    c->call = call;
    c->doubts = f->doubts;
    rn_list_init(&c->link);
    rn_list_add(&f->calls, &c->link);
    if (f->doubts)
        rn_node_log(n, RUNNEL_NOTICE, "author", "an operator confirms this node as the author of its streams");
    f->doubts = 0;
    f->twin[0] = '\0';
    if (c->doubts) {
        rn_list_for_safe (it, &n->sessions) {
            struct rn_session *s = rn_list_of(it, struct rn_session, link);
            if (rn_session_open(s) && s->has_peer)
                rn_heads_ask(n, s);
        }
        begin_check(n);
    }
    write_note(n);
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
    begin_check(n);
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
    f->asking = 0;
    while (!rn_list_empty(&f->sources)) {
        struct source *c = rn_list_of(f->sources.next, struct source, link);
        rn_list_del(&c->link);
        free(c);
    }
    drop_waiting(f, NULL);
    drop_calls(&f->calls);
}
