/* SPDX-License-Identifier: MIT
 * author.h — a stream made by hand: blocks byte by byte, any tree over them, any head signed by any key.
 * May touch: the heap. It checks nothing, so that it can also make what must be refused.
 */
#ifndef SIM_AUTHOR_H
#define SIM_AUTHOR_H

#include "data/block.h"
#include "data/descriptor.h"
#include "data/head.h"
#include "sim/world.h"

#define SIM_AUTHOR_BLOCKS 64u

/* How an entry is spelt. */
enum sim_spelling { SIM_PROPER, SIM_LONG_DELTA, SIM_LONG_LENGTH, SIM_PAST_THE_END, SIM_FIRST_DELTA };

struct sim_block {
    struct rn_buf bytes;
    uint32_t n;
    size_t end[RN_MAX_BLOCK]; /* offset behind each entry */
    int64_t time[RN_MAX_BLOCK];
};

struct sim_author {
    struct sim_world *world;
    struct rn_pair pair;
    struct rn_descriptor *descriptor;
    uint64_t count;
    struct sim_block blocks[SIM_AUTHOR_BLOCKS];
};

/* An author whose key comes from `name`; `stream` names its stream. Never NULL. */
struct sim_author *sim_author_new(struct sim_world *w, const char *name, const char *stream);
void sim_author_free(struct sim_author *a);

/* Appends as it is told: LONG_ spells an integer longer than need be, PAST_THE_END adds a delta that
 * passes INT64_MAX, FIRST_DELTA gives the first entry of a block a delta that is not 0. */
void sim_author_add(struct sim_author *a, int64_t time, const char *value, enum sim_spelling spelling);
/* The run [from, to), to be within one block: base and entries (borrowed). */
void sim_author_run(const struct sim_author *a, uint64_t from, uint64_t to, int64_t *base,
                    struct runnel_bytes *entries);
struct rn_hash sim_author_root(const struct sim_author *a, uint64_t count);
/* Node (level, index) of the tree of `count` observations; 0 when it is not perfect there and not the
 * last leaf. */
int sim_author_node(const struct sim_author *a, uint64_t count, uint32_t level, uint64_t index, struct rn_hash *out);
/* The head of `count` observations with this root, signed by `signer`; a whole signed head is appended. */
void sim_author_sign(const struct sim_author *a, uint64_t count, const struct rn_hash *root,
                     const struct rn_pair *signer, struct rn_buf *out);
void sim_author_head(const struct sim_author *a, uint64_t count, struct rn_buf *out);

#endif
