/* SPDX-License-Identifier: MIT
 * node.c — a node is put together, stopped, taken apart (node.h); start.c starts it.
 * May touch: what it is handed.
 */
#include "node/node.h"

#include "base/err.h"
#include "node/heads.h"
#include "node/inner.h"
#include "node/mend.h"
#include "node/peers.h"
#include "node/reload.h"
#include "node/sessionstate.h"
#include "node/twin.h"
#include "node/upstream.h"
#include <runnel/discovery.h>
#include <stdlib.h>
#include <string.h>

static void discovered(struct runnel_inst *inst, uint64_t watch, const struct runnel_candidate *const *list, size_t n) {
    struct rn_node *node = rn_inst_node(inst);
    if (watch == RN_WATCH_SAFETY) {
        rn_safety_found(node, inst, list, n);
        return;
    }
    rn_upstream_found(node, watch, rn_inst_name(inst), list, n);
    rn_mend_found(node, watch, rn_inst_name(inst), list, n);
}

static const struct runnel_discovery_up discovery_up = {.size = sizeof discovery_up, .found = discovered};

static void failed(void *node, const struct runnel_err *why) {
    const struct rn_node *n = node;
    if (n->phase < RN_STOPPING && n->env->failed)
        n->env->failed(n->env->ctx, why);
}

/* ---- making ---- */

static int make_parts(struct rn_node *n, struct runnel_err *err) {
    uint8_t seed[16];
    n->env->random(n->env->ctx, n->nonce, sizeof n->nonce);
    n->env->random(n->env->ctx, &n->tag, sizeof n->tag);
    n->env->random(n->env->ctx, seed, sizeof seed);
    n->hasher = rn_hasher_new();
    n->streams = rn_map_new(seed);
    n->names = rn_map_new(seed);
    n->peers = rn_map_new(seed);
    n->upstreams = rn_map_new(seed);
    n->lost = rn_map_new(seed);
    n->mends = rn_map_new(seed);
    n->blocks = rn_blocks_new(n);
    n->room = malloc(RN_READ_ROOM);
    if (rn_gone_init(n, seed) != 0)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    if (!n->hasher || !n->streams || !n->names || !n->peers || !n->upstreams || !n->lost || !n->mends || !n->blocks ||
        !n->room)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    return 0;
}

static void lend(struct rn_node *n) {
    n->services = (struct rn_inst_services){
        .loop = &n->loop, .node = n, .note_put = rn_note_put, .note_scan = rn_note_scan, .failed = failed};
    n->services.up[RUNNEL_TRANSPORT] = &rn_session_up;
    n->services.up[RUNNEL_DISCOVERY] = &discovery_up;
}

static int make_members(struct rn_node *n, struct runnel_err *err) {
    size_t count = 0;
    rn_list_for (it, &n->conf->sections)
        count++;
    n->members = calloc(count ? count : 1, sizeof *n->members);
    if (!n->members)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    rn_list_for (it, &n->conf->sections) {
        const struct rn_section *s = rn_list_of(it, struct rn_section, link);
        struct rn_member *m = &n->members[n->n_members];
        int rc = rn_inst_new(&n->services, s->plugin, s->name, s->conf, &m->inst, err);
        if (rc != 0)
            return rc;
        m->section = s;
        n->n_members++;
        if (s == n->conf->storage)
            rn_store_init(&n->store, m->inst, n->hasher);
    }
    return n->store.inst ? 0 : rn_fail(err, RUNNEL_EINVALID, "the config names no storage section for node.storage");
}

int rn_node_new(const struct rn_env *env, struct rn_conf *conf, const struct rn_registry *registry,
                const struct rn_key *id, struct rn_node **out, struct runnel_err *err) {
    struct rn_node *n = calloc(1, sizeof *n);
    if (!n)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    n->env = env;
    n->conf = conf;
    n->registry = registry;
    n->id = *id;
    rn_loop_init(&n->loop, env);
    rn_quiet_init(&n->chatter, &n->loop, "session");
    rn_quiet_init(&n->damage, &n->loop, "store");
    rn_list_init(&n->ops);
    rn_drain_init(n);
    rn_list_init(&n->reloads);
    rn_list_init(&n->leaving);
    rn_list_init(&n->heads);
    rn_list_init(&n->twins);
    rn_sessions_init(n);
    rn_author_init(&n->author, n);
    rn_safety_init(n);
    lend(n);
    int rc = make_parts(n, err);
    if (rc == 0)
        rc = make_members(n, err);
    if (rc != 0) {
        rn_node_free(n);
        return rc;
    }
    *out = n;
    return 0;
}

void rn_node_free(struct rn_node *n) {
    if (!n)
        return;
    n->phase = RN_STOPPED;
    rn_drain_drop(n);
    if (n->upstreams)
        rn_upstreams_drop(n);
    rn_twins_drop(n);
    rn_sessions_drop(n);
    rn_heads_drop(n);
    rn_safety_drop(n);
    rn_peers_drop(n);
    if (n->streams)
        rn_author_drop(&n->author);
    for (size_t i = n->n_members; i-- > 0;)
        if (n->members[i].inst)
            rn_inst_free(n->members[i].inst);
    free(n->members);
    rn_reload_drop(n);
    while (!rn_list_empty(&n->ops)) /* the storage is gone: nobody will call them */
        rn_op_end(rn_list_of(n->ops.next, struct rn_op, link));
    rn_author_free(&n->author);
    rn_blocks_free(n->blocks);
    rn_gone_free(n);
    rn_backup_drop(n);
    rn_restore_drop(n);
    if (n->streams) {
        rn_map_for (e, n->streams)
            rn_stream_free(e->val);
        rn_map_free(n->streams);
    }
    rn_map_free(n->names);
    if (n->lost)
        rn_map_free(n->lost);
    if (n->mends)
        rn_map_free(n->mends);
    rn_shares_clear(&n->shares);
    free(n->room);
    rn_hasher_free(n->hasher);
    rn_loop_free(&n->loop);
    free(n);
}

void rn_node_turn(struct rn_node *n) {
    rn_loop_turn(&n->loop);
}

/* ---- stopping ---- */

static void stop_next(struct rn_node *n);

static void on_inst_stopped(void *arg, const struct runnel_err *err) {
    struct rn_node *n = arg;
    if (err)
        rn_node_log(n, RUNNEL_WARN, "node", "%s", err->msg);
    if (--n->waiting == 0)
        stop_next(n);
}

static void stop_kind(struct rn_node *n, uint32_t kind) {
    n->waiting = 1; /* ours, so that none that stops at once ends the stage early */
    for (size_t i = 0; i < n->n_members; i++) {
        struct rn_member *m = &n->members[i];
        if (!m->started || m->section->kind != kind)
            continue;
        m->started = 0;
        n->waiting++;
        rn_inst_stop(m->inst, on_inst_stopped, n);
    }
    on_inst_stopped(n, NULL);
}

/* One stage after the other; each ends by calling this again. */
static void stop_next(struct rn_node *n) {
    static const uint32_t order[] = {RUNNEL_TRANSPORT, RUNNEL_DISCOVERY, RUNNEL_SYNC, RUNNEL_STORAGE};
    n->stop_waits = !rn_list_empty(&n->leaving);
    if (n->stop_waits)
        return;
    size_t stage = n->stop_stage++;
    if (stage < sizeof order / sizeof order[0]) {
        stop_kind(n, order[stage]);
        return;
    }
    n->phase = RN_STOPPED;
    n->when_stopped(n->stopped_arg, NULL);
}

void rn_node_left(struct rn_node *n) {
    if (n->stop_waits)
        stop_next(n);
}

void rn_node_drained(struct rn_node *n) {
    stop_next(n);
}

void rn_node_stop(struct rn_node *n, runnel_done *done, void *arg) {
    n->when_stopped = done;
    n->stopped_arg = arg;
    n->when_ready = NULL;
    n->phase = RN_STOPPING;
    n->author.stopping = 1;
    rn_safety_stop(n);
    rn_drain_begin(n);
}

int rn_node_may_complain(struct rn_node *n) {
    int64_t now = n->env->now(n->env->ctx);
    if (now < n->quiet)
        return 0;
    n->quiet = now + 60 * RN_NS_S;
    return 1;
}

int rn_node_sign(void *node, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    const struct rn_node *self = node;
    return self->env->sign(self->env->ctx, purpose, p, n, sig);
}

int rn_node_check_head(struct rn_node *n, const struct rn_head *head, const struct rn_attestation *a,
                       const struct rn_key *author, struct rn_attested_memo *memo, struct runnel_err *err) {
    return rn_head_check_by(n->hasher, head, a, author, n->env->verify, n->env->ctx, memo, err);
}
