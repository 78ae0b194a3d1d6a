/* SPDX-License-Identifier: MIT
 * fsckstate.h — what a check of the store is made of, for fsck.c and the other of its name.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_FSCKSTATE_H
#define RN_NODE_FSCKSTATE_H

#include "base/json.h"
#include "node/inner.h"

#define RN_FSCK_SLICE 32u /* records at a time */

struct rn_fsck {
    struct rn_op op;
    struct rn_node *node;
    struct rn_call *call;
    int mend, lost; /* what nobody has may belong to a stream whose record is damaged */
    size_t area;
    struct rn_place from, last; /* where this slice begins; the last key of it */
    uint32_t got;
    struct rn_map *numbers; /* number (4, big-endian) → struct rn_stream, as of the start */
    struct rn_map *seen;    /* numbers whose record has come, of the area at hand */
    uint32_t next_number;   /* as of the start */
    struct rn_changes changes;
    struct rn_stream *rewrite[RN_FSCK_SLICE]; /* whose record is written anew, or state, at the end of the slice */
    size_t n_rewrite;
    struct rn_buf text; /* members of the answer's list */
    struct rn_jw list;
    uint64_t n_findings, n_damage, n_records;
};

struct rn_finding {
    const char *kind;
    const struct runnel_id *id; /* NULL: no stream is known */
    uint64_t block;             /* UINT64_MAX: none */
    const char *message, *remedy;
    int harmless;
};

struct rn_place rn_fsck_place(struct runnel_bytes key);
void rn_fsck_tell(struct rn_fsck *f, const struct rn_finding *x);
/* A record has come, of this area. */
void rn_fsck_see(struct rn_fsck *f, char area, struct runnel_bytes key, struct runnel_bytes val);
/* All records of an area have come: streams that have none are named. */
void rn_fsck_tell_missing(struct rn_fsck *f, char area);
/* Streams in trouble, and those whose record is lost. */
void rn_fsck_tell_streams(struct rn_fsck *f);

#endif
