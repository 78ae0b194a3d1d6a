/* SPDX-License-Identifier: MIT
 * inner.h — what a node is made of, for the files of core/node alone.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_INNER_H
#define RN_NODE_INNER_H

#include "base/map.h"
#include "node/author.h"
#include "node/blocks.h"
#include "node/copy.h"
#include "node/drain.h"
#include "node/follow.h"
#include "node/gone.h"
#include "node/inst.h"
#include "node/loop.h"
#include "node/node.h"
#include "node/quiet.h"
#include "node/record.h"
#include "node/safety.h"
#include "node/session.h"
#include "node/share.h"
#include "node/stream.h"

#define RN_NONCE 16u
#define RN_READ_ROOM 65536u /* bytes asked of a link at once */
#define RN_AGENT "runneld/" PACKAGE_VERSION

enum rn_phase { RN_NEW, RN_STARTING, RN_SERVING, RN_STOPPING, RN_STOPPED };

/* An instance of the config, in its order. */
struct rn_member {
    const struct rn_section *section;
    struct runnel_inst *inst;
    int started;
    int sought; /* discovery: it has not answered yet who may know our heads (safetysources.c) */
};

struct rn_node {
    const struct rn_env *env;
    struct rn_conf *conf;
    const struct rn_registry *registry;
    struct rn_key id;
    uint8_t nonce[RN_NONCE]; /* new at each start */
    uint64_t tag;            /* as well: its name in paths (hops.h) */
    enum rn_phase phase;
    int64_t started; /* monotonic */
    int64_t quiet;   /* until then no failure of the storage is logged */
    struct rn_loop loop;
    struct rn_hasher *hasher;
    struct rn_inst_services services;
    struct rn_member *members;
    size_t n_members;
    struct rn_store store;
    struct rn_blocks *blocks;
    struct rn_leaf_pack leaf_pack;
    struct rn_list ops; /* of struct rn_op */

    struct rn_map *streams; /* stream id → struct rn_stream */
    struct rn_map *names;   /* author and name → the first of those that have it (names.h) */
    uint32_t next_number;
    struct rn_map *lost; /* ids of streams that were here and are not: nobody may begin them anew */
    uint32_t n_aside;    /* damaged blocks that are set aside */
    struct rn_author author;
    struct rn_safety safety;
    struct rn_gone gone_streams; /* dropped */
    struct rn_backup *backup;    /* being made, or NULL */
    struct rn_restore *restore;  /* under way, or NULL */
    int unfinished;              /* the store is what a restore that was cut off has left: nothing of it is used */

    struct rn_shares shares; /* what sessions have to send */
    uint8_t *room;           /* RN_READ_ROOM bytes into which each session reads in its turn */
    struct rn_list sessions; /* of struct rn_session */
    struct rn_list gone;     /* closed ones, freed at the next turn */
    struct rn_task reap;
    size_t n_sessions, n_follows;
    struct rn_quiet chatter; /* of what accepted sessions make it log */
    struct rn_quiet damage;  /* of what who reads damaged streams makes it log */
    struct rn_map *peers;    /* address → struct rn_peer */
    uint64_t next_accepted;

    struct rn_list twins; /* sessions that claim one identity (twin.c) */
    struct rn_list heads; /* sessions that are asked for our own heads (heads.c) */

    struct rn_map *upstreams; /* watch number (8 bytes) → struct rn_upstream */
    uint64_t next_watch;
    struct rn_map *mends; /* watch number (8 bytes) → struct rn_mend */

    struct rn_list reloads; /* who waits for a reload's answer (reload.c) */
    struct rn_list leaving; /* instances that a reload has taken out, until they have stopped */

    /* While starting and stopping. */
    runnel_done *when_ready, *when_stopped;
    void *ready_arg, *stopped_arg;
    struct rn_alarm drain_limit;
    struct rn_task drain_look;
    int draining, drained; /* the sessions are being drained; all are gone (drain.h) */
    size_t waiting;        /* instances that have not stopped yet */
    size_t stop_stage;
    int stop_waits; /* for those that leave */
};

/* node.c: a rn_sign_fn over the node, by its env. */
int rn_node_sign(void *node, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]);
/* node.c: rn_head_check with the env's signature check. */
int rn_node_check_head(struct rn_node *n, const struct rn_head *head, const struct rn_attestation *a,
                       const struct rn_key *author, struct rn_attested_memo *memo, struct runnel_err *err);
/* node.c: an instance has left: goes on with a stop that waits for it. */
void rn_node_left(struct rn_node *n);
/* node.c: no session is left; the instances stop now. */
void rn_node_drained(struct rn_node *n);

/* node.c: whether a failed commit may be logged now: one a minute, however many streams meet a full disk. */
int rn_node_may_complain(struct rn_node *n);

/* Logs under an area. */
#define rn_node_log(n, level, area, ...) rn_log((n)->env->log, (level), (area), __VA_ARGS__)
#define rn_stream_log(s, level, area, ...) rn_log((s)->node->env->log, (level), (area), __VA_ARGS__)

/* Notes of instances (note.c). */
void rn_note_put(void *node, uint32_t kind, const char *name, struct runnel_bytes key, struct runnel_bytes val,
                 runnel_done *done, void *arg);
void rn_note_scan(void *node, uint32_t kind, const char *name, struct runnel_bytes prefix, runnel_pair *pair,
                  runnel_done *done, void *arg);

#endif
