/* SPDX-License-Identifier: MIT
 * reload.c — a node changes over to another config (reload.h).
 * May touch: the node's instances, sessions, subscriptions.
 */
#include "node/reload.h"
#include "node/option.h"

#include "base/err.h"
#include "base/json.h"
#include "node/discover.h"
#include "node/methods.h"
#include "node/sessionstate.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

/* ---- instances that go ---- */

/* One that is being stopped, with the conf that it was made with. */
struct leaver {
    struct rn_list link; /* in node->leaving */
    struct rn_node *node;
    struct runnel_inst *inst;
    void *conf; /* owned; NULL: it is the new config's */
};

static void leaver_free(struct leaver *l) {
    rn_list_del(&l->link);
    rn_inst_free(l->inst);
    rn_fill_free(l->conf);
    free(l);
}

static void on_left(void *arg, const struct runnel_err *err) {
    struct leaver *l = arg;
    struct rn_node *n = l->node;
    if (err)
        rn_node_log(n, RUNNEL_WARN, "node", "%s", err->msg);
    leaver_free(l);
    rn_node_left(n);
}

/* Any session over a link of this instance. The end of one may end others. */
static struct rn_session *session_over(const struct rn_node *n, const struct runnel_inst *inst) {
    rn_list_for (it, &n->sessions)
        if (rn_list_of(it, struct rn_session, link)->inst == inst)
            return rn_list_of(it, struct rn_session, link);
    return NULL;
}

/* Stops it and frees it when it has stopped. `l` was allocated before: what must be done cannot fail. */
static void see_off(struct leaver *l, struct rn_node *n, struct runnel_inst *inst, void *conf) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ECLOSED, "%s was taken out of the configuration", rn_inst_path(inst));
    *l = (struct leaver){.node = n, .inst = inst, .conf = conf};
    rn_list_init(&l->link);
    rn_list_add(&n->leaving, &l->link);
    for (struct rn_session *s; (s = session_over(n, inst)) != NULL;)
        rn_session_close(s, &err);
    rn_inst_stop(inst, on_left, l);
}

/* ---- doing it, as long as it may fail ---- */

/* What a reload needs and could not get half-way through. */
struct hands {
    struct leaver **leavers; /* enough for all that may leave */
    size_t n_leavers;
    struct rn_member *members;
};

static void hands_free(struct hands *h) {
    for (size_t i = 0; i < h->n_leavers; i++)
        free(h->leavers[i]);
    free(h->leavers);
    free(h->members);
}

static int hands_make(struct hands *h, const struct rn_reload_plan *p) {
    size_t most = p->n + p->node->n_members;
    h->members = calloc(p->n ? p->n : 1, sizeof *h->members);
    h->leavers = calloc(most ? most : 1, sizeof *h->leavers);
    if (!h->members || !h->leavers)
        return -RUNNEL_ENOMEM;
    for (; h->n_leavers < most; h->n_leavers++) {
        h->leavers[h->n_leavers] = calloc(1, sizeof **h->leavers);
        if (!h->leavers[h->n_leavers])
            return -RUNNEL_ENOMEM;
    }
    return 0;
}

static void leave(struct hands *h, struct rn_node *n, struct runnel_inst *inst, void *conf) {
    see_off(h->leavers[--h->n_leavers], n, inst, conf);
}

static int make(const struct rn_reload_plan *p, struct rn_reload_item *it, struct runnel_err *err) {
    int rc = rn_inst_new(&p->node->services, it->section->plugin, it->section->name, it->section->conf, &it->inst, err);
    if (rc == 0)
        rc = rn_inst_start(it->inst, err);
    it->started = rc == 0;
    return rc;
}

/* Everything that can fail. */
static int attempt(const struct rn_reload_plan *p, struct runnel_err *err) {
    int rc = 0;
    for (size_t i = 0; i < p->n && rc == 0; i++)
        if (p->v[i].what == RN_JOIN || p->v[i].what == RN_RENEW)
            rc = make(p, &p->v[i], err);
    for (size_t i = 0; i < p->n && rc == 0; i++)
        if (p->v[i].what == RN_CHANGE) {
            rc = rn_inst_reload(p->v[i].old->inst, p->v[i].section->conf, err);
            p->v[i].changed = rc == 0;
        }
    return rc;
}

/* Undoes an attempt that failed. */
static void withdraw(const struct rn_reload_plan *p, struct hands *h) {
    struct runnel_err err;
    for (size_t i = 0; i < p->n; i++) {
        struct rn_reload_item *it = &p->v[i];
        if (it->changed && rn_inst_reload(it->old->inst, it->old->section->conf, &err) != 0)
            rn_node_log(p->node, RUNNEL_ERROR, "node", "%s; it keeps what the refused configuration says: restart",
                        err.msg);
        if (it->inst && it->started) {
            void *conf = it->section->conf;
            it->section->conf = NULL; /* the refused conf may go before the instance has */
            leave(h, p->node, it->inst, conf);
        } else {
            rn_inst_free(it->inst);
        }
        it->inst = NULL;
    }
}

/* ---- changing over ---- */

/* The sections whose instances go on with the conf that they were made with. */
static void hand_over(struct rn_section *from, struct rn_section *to) {
    void *kept = from->conf;
    from->conf = to->conf;
    to->conf = kept;
}

static struct rn_section *section_in(const struct rn_conf *c, const struct rn_member *m) {
    return rn_section_find(c, m->section->kind, m->section->name);
}

/* Takes from the old conf what the instance that leaves was made with. */
static void *take_conf(struct rn_section *s) {
    void *conf = s->conf;
    s->conf = NULL;
    return conf;
}

static void fill_members(const struct rn_reload_plan *p, struct hands *h) {
    const struct rn_conf *old = p->node->conf;
    for (size_t i = 0; i < p->n; i++) {
        struct rn_reload_item *it = &p->v[i];
        struct rn_member *m = &h->members[i];
        if (it->inst) {
            *m = (struct rn_member){.inst = it->inst, .started = 1};
        } else {
            *m = *it->old;
            if (it->what == RN_KEEP)
                hand_over(section_in(old, it->old), it->section);
        }
        m->section = it->section;
    }
}

/* Subscriptions whose policy is another now. */
static void reconsider(struct rn_node *n, const struct rn_conf *before, const struct rn_reload_plan *p) {
    rn_map_for (e, n->upstreams) {
        struct rn_upstream *u = e->val;
        if (!u->stream)
            continue;
        const struct rn_section *a = rn_conf_sync_for(before, &u->stream->desc->id, u->stream->desc);
        const struct rn_section *b = rn_conf_sync_for(p->conf, &u->stream->desc->id, u->stream->desc);
        int renewed = 0;
        for (size_t i = 0; i < p->n; i++)
            renewed |= p->v[i].section == b && p->v[i].what != RN_KEEP;
        if (renewed || strcmp(a->name, b->name) != 0)
            rn_upstream_reconsider(u);
    }
}

static void change_over(const struct rn_reload_plan *p, struct hands *h) {
    struct rn_node *n = p->node;
    struct rn_conf *before = n->conf;
    struct rn_member *members = n->members;
    size_t n_members = n->n_members;
    for (size_t i = 0; i < n_members; i++)
        if (rn_reload_leaves(p, &members[i]) && members[i].section->kind == RUNNEL_DISCOVERY)
            rn_discover_left(n, &members[i]);
    fill_members(p, h);
    n->members = h->members;
    n->n_members = p->n;
    h->members = NULL;
    n->conf = p->conf;
    reconsider(n, before, p);
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].what == RN_JOIN && p->v[i].section->kind == RUNNEL_DISCOVERY)
            rn_discover_joined(n, &n->members[i]);
    for (size_t i = 0; i < n_members; i++) {
        int renewed = 0;
        for (size_t j = 0; j < p->n; j++)
            renewed |= p->v[j].old == &members[i] && p->v[j].what == RN_RENEW;
        if (renewed || rn_reload_leaves(p, &members[i]))
            leave(h, n, members[i].inst, take_conf(section_in(before, &members[i])));
    }
    free(members);
}

/* ---- who asked ---- */

struct asked {
    struct rn_list link; /* in node->reloads */
    struct rn_call *call;
};

static void write_lines(struct rn_jw *w, const char *key, const char *text) {
    rn_jw_key(w, key);
    rn_jw_array(w);
    for (size_t room = RN_MAX_FRAME / 2; *text; text += *text == '\n') {
        size_t n = strcspn(text, "\n");
        if (n > room) {
            rn_jw_str(w, "and more: see runneld -t");
            break;
        }
        if (n > 0)
            rn_jw_strn(w, text, n);
        room -= n;
        text += n;
    }
    rn_jw_end_array(w);
}

static void answer(struct rn_call *call, int taken, const char *text) {
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kbool(&w, "taken", taken);
    write_lines(&w, taken ? "changes" : "errors", text);
    rn_jw_end_object(&w);
    rn_method_answer(call, &b);
}

static void answer_all(struct rn_node *n, int taken, const char *text) {
    while (!rn_list_empty(&n->reloads)) {
        struct asked *a = rn_list_of(n->reloads.next, struct asked, link);
        struct rn_call *call = a->call;
        rn_list_del(&a->link);
        free(a);
        answer(call, taken, text);
    }
}

void rn_method_reload(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct runnel_err err;
    struct asked *a = n->env->reload ? calloc(1, sizeof *a) : NULL;
    (void)params;
    if (!a) {
        if (n->env->reload)
            rn_fail(&err, RUNNEL_ENOMEM, "reload: out of memory");
        else
            rn_fail(&err, RUNNEL_EUNSUPPORTED, "reload: this node has no configuration files");
        rn_call_fail(call, &err);
        return;
    }
    a->call = call;
    rn_list_init(&a->link);
    rn_list_add(&n->reloads, &a->link);
    n->env->reload(n->env->ctx);
}

void rn_reload_drop(struct rn_node *n) {
    while (!rn_list_empty(&n->reloads)) {
        struct asked *a = rn_list_of(n->reloads.next, struct asked, link);
        rn_list_del(&a->link);
        rn_call_free(a->call);
        free(a);
    }
    while (!rn_list_empty(&n->leaving))
        leaver_free(rn_list_of(n->leaving.next, struct leaver, link));
}

/* ---- all of it ---- */

void rn_node_reload_refused(struct rn_node *n, const char *errors) {
    answer_all(n, 0, errors);
}

static int out_of_memory(struct rn_buf *told) {
    rn_buf_fmt(told, "out of memory: nothing was taken over\n");
    return -RUNNEL_ENOMEM;
}

/* 0 when the node has changed over; `told` says what, or why not. */
static int reload(struct rn_reload_plan *p) {
    struct runnel_err err;
    struct hands h = {.n_leavers = 0};
    if (p->node->phase != RN_SERVING) {
        rn_buf_fmt(p->told, "the node is %s: nothing was taken over; ask again\n",
                   p->node->phase < RN_SERVING ? "starting" : "stopping");
        return -RUNNEL_EBUSY;
    }
    int rc = rn_reload_compare(p);
    if (rc == 0)
        rc = hands_make(&h, p);
    if (rc == -RUNNEL_ENOMEM)
        rc = out_of_memory(p->told);
    if (rc == 0 && (rc = attempt(p, &err)) != 0) {
        rn_buf_fmt(p->told, "%s: nothing was taken over\n", err.msg);
        withdraw(p, &h);
    }
    if (rc == 0) {
        rn_reload_tell(p);
        const char *text = rn_buf_cstr(p->told);
        answer_all(p->node, 1, text ? text : ""); /* first: who asked may do so over what leaves */
        change_over(p, &h);
    }
    hands_free(&h);
    return rc;
}

int rn_node_reload(struct rn_node *n, struct rn_conf *conf, struct rn_buf *told) {
    struct rn_reload_plan p = {.node = n, .conf = conf, .told = told};
    int rc = reload(&p);
    free(p.v);
    if (rc != 0) {
        const char *text = rn_buf_cstr(told);
        answer_all(n, 0, text ? text : "out of memory: nothing was taken over");
    }
    return rc;
}
