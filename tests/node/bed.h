/* SPDX-License-Identifier: MIT
 * bed.h — one or more real nodes in a simulated world, and programs that speak to them frame by frame.
 * May touch: the world.
 */
#ifndef RN_TESTS_NODE_BED_H
#define RN_TESTS_NODE_BED_H

#include "base/json.h"
#include "sim/simnode.h"
#include "sim/talk.h"
#include "tests/unit/check.h"

#define BED_NODES 3u
#define BED_CLIENTS 1008u
#define BED_LINE 512u

/* A frame that came; its bytes are its own. */
struct got {
    struct rn_list link;
    struct rn_frame f;
    int64_t at;           /* when */
    struct rn_json *json; /* parsed when first asked for */
    uint8_t bytes[];
};

/* One who talks to a node by hand. It keeps all frames that come. */
struct client {
    struct bed *bed;
    struct sim_host host;
    struct sim_talk talk;
    struct rn_list got; /* of struct got, as they came */
    size_t n_got;
    uint64_t last_id;
    int opened, greeted, lost;
    int mute;           /* answers no pings */
    char why[BED_LINE]; /* of the loss */
    int64_t lost_at;
    void (*on_frame)(struct client *c, const struct rn_frame *f); /* may be NULL */
    void *arg;
};

struct bed {
    struct sim_world w;
    struct sim_node *node[BED_NODES];
    struct client *clients[BED_CLIENTS];
    size_t n_clients;
};

/* A world with the node "a" up, and nothing else. */
void bed_init(struct bed *b, uint64_t seed);
/* Ends all; the world must not have failed. */
void bed_free(struct bed *b);
/* Adds node number `i` (1 or 2, named "b" and "c") that finds all streams at `peer`, and starts it. */
struct sim_node *bed_node(struct bed *b, size_t i, const char *peer);
struct sim_node *bed_a(struct bed *b);
void bed_restart(struct bed *b, struct sim_node *n);
/* The node's id in hexadecimal. */
void bed_key(const struct sim_node *n, char out[2 * RN_KEY + 1]);

/* Prints what the nodes said last. */
void bed_log(struct bed *b);

/* ---- clients ---- */

/* One that has dialled node `to` and has said hello; a program with all rights, or a stranger who may read. */
struct client *client_new(struct bed *b, const char *to, int program);
/* One whose link is open and who has said nothing. */
struct client *client_silent(struct bed *b, const char *to, int program);
void client_close(struct client *c);
/* Runs until the session is lost, at most `ns`. */
int client_wait_lost(struct client *c, int64_t ns);
/* Forgets the frames that came. */
void client_forget(struct client *c);

/* Sends a request made as by printf; its id. */
uint64_t client_send(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The answer, error, published or hashes to a request, when it has come (or comes within 10 s). Never NULL. */
struct got *client_answer(struct client *c, uint64_t id);
/* Both; and asserts that it is an answer. */
struct got *client_ask(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Both; and asserts that it is an error with this code, whose message holds `word`. */
struct got *client_refused(struct client *c, const char *code, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* As that, of a frame that has come. */
void got_is_error(struct got *g, const char *code, const char *word);

/* The next frame of that type and id behind `after` (NULL: the first); NULL: none has come. Type 0: any of DATA,
 * HEAD and STATE. */
struct got *client_find(struct client *c, struct got *after, int type, uint64_t id);
/* Runs until one has come. Never NULL. */
struct got *client_next(struct client *c, struct got *after, int type, uint64_t id);

/* ---- reading answers ---- */

const struct rn_json *got_json(struct got *g);
uint64_t got_u64(struct got *g, const char *key);
int64_t got_i64(struct got *g, const char *key);
int got_bool(struct got *g, const char *key);
const char *got_str(struct got *g, const char *key); /* NULL: absent or no string */

/* ---- publishing ---- */

/* Creates sim/NAME/ and gives its id. */
struct runnel_id make_stream(struct client *c, const char *name);
/* An observation to publish. */
struct ob {
    int64_t time;
    const char *value;
};
/* Sends a publish; its id. With NOW the times are passed over. */
uint64_t publish(struct client *c, const struct runnel_id *id, unsigned flags, uint64_t seq, const struct ob *v,
                 size_t n);
/* Publishes and asserts success. */
struct got *published(struct client *c, const struct runnel_id *id, unsigned flags, uint64_t seq, const struct ob *v,
                      size_t n);
/* Publishes `n` observations number `from`, ... of a repeatable history, as many to a request as `batch` says. */
void publish_many(struct client *c, const struct runnel_id *id, uint64_t from, uint64_t n, unsigned batch);
/* Number `i` of that history: runs of equal times, values of several sizes. */
int64_t many_time(uint64_t i);
size_t many_value(uint64_t i, char out[256]);
#define MANY_START (SIM_WALL - 100000 * SIM_S)

/* A value of `n` bytes: a number of as many digits. The caller frees it. */
char *long_number(size_t n);

/* What the node holds. */
uint64_t held(struct sim_node *n, const struct runnel_id *id);
/* The text of an id; in one of a few buffers of the client's that are used in turn is not needed: valid within one
 * statement of the caller's. */
struct id_text {
    char s[RN_ID_TEXT];
};
struct id_text id_text(const struct runnel_id *id);

/* ---- reading follows ---- */

/* What a follow has brought so far, checked while it is walked: no gap, times that do not fall. */
struct taken {
    uint64_t from, next; /* seqs [from, next) came */
    uint64_t bytes;      /* of entries */
    uint64_t heads, head_count;
    int states, live;  /* STATE frames; the last told live, -1: none */
    const char *end;   /* the word of the end; NULL: goes on */
    struct got *state; /* the last STATE */
};
/* Walks all frames of a follow that began at `from`. `many`: each must be that of the repeatable history. */
struct taken client_taken(struct client *c, uint64_t id, uint64_t from, int many);

#endif
