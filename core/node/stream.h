/* SPDX-License-Identifier: MIT
 * stream.h — a stream as this node holds it: descriptor, head, the growing end, who waits for it.
 * May touch: the node it belongs to.
 */
#ifndef RN_NODE_STREAM_H
#define RN_NODE_STREAM_H

#include "data/tail.h"
#include "node/store.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_node;
struct rn_upstream;
struct rn_flight;
struct rn_creating;
struct rn_mend;
struct rn_drop;

struct rn_stream {
    struct rn_node *node;
    struct rn_descriptor *desc;
    uint32_t number;            /* its short name in the store */
    struct rn_stream *namesake; /* another one with its author and name; names.c */
    int own;
    int ready;                    /* its records are durable */
    int settling;                 /* they are on their way, for a subscription */
    struct rn_creating *creating; /* own: as that, for who creates it; else NULL */

    struct rn_drop *drop; /* it is being dropped: nothing more is appended or subscribed; else NULL */
    int dropped;          /* it is gone: known to nobody, kept while something under way points here */

    /* What is durable and verified. */
    struct rn_tail tail;
    int has_head;
    struct rn_signed_head head; /* the newest head held whole: head.count <= tail.count */
    struct rn_buf head_bytes;   /* encoded; empty without head */

    /* Why nothing may be appended (code 0: it may), a sentence with the remedy. RUNNEL_EFORK: its author's
     * history has two branches; RUNNEL_EBUSY: its end is lost here and being fetched back (heads.c); else something
     * of it is damaged. What is whole is served. */
    struct runnel_err trouble;
    /* The newest head that is known, while less is held than it counts, as the rest was lost here; it stays in the
     * state record, so that a restart does not forget it. Empty: none is known. */
    struct rn_buf promised;
    uint64_t promised_count;

    struct rn_list follows;   /* of struct rn_follow, by stream_link */
    struct rn_list caught_up; /* of those that have all of it and wait for more, by end_link */
    struct rn_list publishes; /* own: of struct rn_publish, waiting to be appended */
    struct rn_list dirty;     /* own: in node->dirty when publishes wait */
    struct rn_upstream *up;   /* the subscription, or NULL */
    struct rn_mend *mend;     /* damaged blocks of it are being fetched again, or NULL */
    struct rn_flight *flight; /* what a provider gave and is on its way to the disk, or NULL */
};

/* A new stream over a descriptor, which it takes over also when it fails. Known to the node (by id)
 * from here on; `number` is its own. 0, or a negative code. */
int rn_stream_new(struct rn_node *n, struct rn_descriptor *d, uint32_t number, struct rn_stream **out);
/* The node knows it no longer, neither by id nor by name. */
void rn_stream_forget(struct rn_stream *s);
void rn_stream_free(struct rn_stream *s);

struct rn_stream *rn_stream_find(const struct rn_node *n, const struct runnel_id *id);
/* The newest (highest number) that has this name, of those that are ready if any is; NULL when there is none. */
struct rn_stream *rn_stream_named(const struct rn_node *n, const struct rn_key *author, const char *source,
                                  const char *stream, const char *target);

/* A stream that a program or the config wants: by id, or by author and name. */
struct rn_stream_ref {
    int has_id;
    struct runnel_id id;
    struct rn_key author;
    char source[RN_MAX_NAME + 1], stream[RN_MAX_NAME + 1], target[RN_MAX_NAME + 1];
};
#define RN_REF_TEXT (64u + 3u * (RN_MAX_NAME + 1u) + 1u)
/* Reads "uuid" or "AUTHOR/source/stream/target"; -RUNNEL_EINVALID and why. */
int rn_stream_ref_parse(const char *text, struct rn_stream_ref *out, struct runnel_err *err);
char *rn_stream_ref_format(const struct rn_stream_ref *ref, char out[RN_REF_TEXT]);
struct rn_stream *rn_stream_resolve(const struct rn_node *n, const struct rn_stream_ref *ref);
/* Whether a descriptor is what the reference asked for. */
int rn_stream_ref_fits(const struct rn_stream_ref *ref, const struct rn_descriptor *d);

/* Puts a stream in trouble: `why` names what is wrong and the remedy, not the stream. Logged and told to its
 * readers. A fork stays the trouble until the node restarts; of others the last counts. */
void rn_stream_trouble(struct rn_stream *s, const struct runnel_err *why);
/* It has none any more. Harmless when it had none; refused while a head is promised that is not held. */
void rn_stream_untroubled(struct rn_stream *s);

/* Whether the observations that it gets are the author's newest: own and without trouble, or followed live. */
int rn_stream_live(const struct rn_stream *s);
/* The word for its state: own, held, looking, probing, fetching, live; in trouble: damaged, recovering (its end is
 * being fetched back: RUNNEL_EBUSY), stopped (a fork). */
const char *rn_stream_state(const struct rn_stream *s);
/* The block that the tail has open; UINT64_MAX when none is. */
uint64_t rn_stream_open_block(const struct rn_stream *s);

/* Why no new reading of a stream was begun: it has been dropped, or `rc`. Returns err's negative code. */
int rn_stream_unread(const struct rn_stream *s, int rc, struct runnel_err *err);

/* Whether nothing of the stream, nor of the author's, is on its way to the disk. */
int rn_stream_at_rest(const struct rn_stream *s);
/* Adds what memory knows of it, as the store should have it: its record; its state; its open block. The last two
 * only while it is at rest. */
void rn_stream_rewrite_record(const struct rn_stream *s, struct rn_changes *c);
void rn_stream_rewrite_state(const struct rn_stream *s, struct rn_changes *c);
void rn_stream_rewrite_open(const struct rn_stream *s, struct rn_changes *c);

/* Adds the records of a stream that is new to the store: descriptor and first leaf. */
void rn_stream_store_new(const struct rn_stream *s, struct rn_changes *c);

/* ---- growing ---- */

/* A growth: a copy of the tail to which observations are added, while the changes that make it
 * durable are gathered. Thrown away, or taken over by the stream once they are. */
struct rn_growth {
    struct rn_stream *stream;
    struct rn_tail next;
    struct rn_changes *changes; /* borrowed */
    /* For a fetch: the hashes that new leaves must have; `leaves` covers [leaf_from, leaf_from + n). */
    const struct rn_hash *leaves;
    uint64_t leaf_from, n_leaves;
    int leaf_differs;               /* one had another hash: the addition failed for that */
    size_t pack_at[RN_TREE_LEVELS]; /* the change in which each level's pack grows (rn_changes_grow) */
};

/* Starts from the stream's tail, or from that of an earlier growth which is on its way to the disk.
 * 0 or -RUNNEL_ENOMEM. */
int rn_growth_begin(struct rn_growth *g, struct rn_stream *s, const struct rn_tail *from, struct rn_changes *changes);
int rn_growth_add(struct rn_growth *g, const struct rn_obs *o, size_t n, struct runnel_err *err);
int rn_growth_add_run(struct rn_growth *g, uint64_t seq, int64_t base, struct runnel_bytes entries,
                      struct runnel_err *err);
/* As that, for a run that has been checked already. */
int rn_growth_add_checked(struct rn_growth *g, const struct rn_checked_run *run, struct runnel_err *err);
/* Adds the state record: what is held after this growth, and the head (encoded; empty: none). A promised head that
 * counts more stays in its place. */
void rn_growth_state(struct rn_growth *g, struct runnel_bytes head);
/* The growth is durable: the stream takes the tail over. `head` (NULL: as before) is now held whole. */
int rn_growth_take(struct rn_growth *g, const struct rn_signed_head *head);
void rn_growth_free(struct rn_growth *g);

/* Tells all who wait on the stream (follows) that it has grown or changed. */
void rn_stream_changed(struct rn_stream *s);

/* ---- loading at start ---- */

/* Loads all streams from the store, as far as each is whole, then fires done; with an error only where memory
 * runs out or the store cannot be read at all. */
void rn_streams_load(struct rn_node *n, runnel_done *done, void *arg);
/* Streams that could not be loaded whole are looked for at peers (the node serves now). */
void rn_streams_recover(struct rn_node *n);
/* Loads one: state, tree, open block. `done` fires once, later; with an error only where memory runs out. 0 or
 * -RUNNEL_ENOMEM. */
int rn_stream_load(struct rn_stream *s, runnel_done *done, void *arg);
/* Adds the bytes of a damaged block to what is set aside, if there is still room for it. */
#define RN_ASIDE_MOST 64u
void rn_set_aside(struct rn_stream *s, uint64_t block, struct runnel_bytes bytes, struct rn_changes *c);

#ifdef __cplusplus
}
#endif
#endif
