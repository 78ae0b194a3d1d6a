/* SPDX-License-Identifier: MIT
 * peer.h — the other end of a client: a node that says just what a test tells it to.
 * May touch: a unix socket in a temporary folder; runs the event loop; cmocka's assertions.
 */
#ifndef RN_TESTS_PEER_H
#define RN_TESTS_PEER_H

#include "data/frame.h"
#include <event2/event.h>
#include <runnel/client.h>

struct peer {
    char dir[64], path[96], address[112];
    struct event_base *base;
    int listener, fd;
    struct rn_buf in;
    size_t taken; /* bytes of in that were given out already */
    size_t chunk; /* bytes a send; 0: all at once */
    struct runnel_client *client;
    int stays;                   /* the client is one that opens another session; else RUNNEL_CLIENT_ONCE is added */
    int connected, lost, closed; /* as told by the client; connected: how often; the others: the last code */
    char why[512];
};

void peer_open(struct peer *p);  /* listens */
void peer_close(struct peer *p); /* frees the client too */
/* Makes the client; it is not accepted yet. */
void peer_make(struct peer *p, const struct runnel_client_options *options);
/* Makes the client and accepts it; `options` may be NULL. */
void peer_client(struct peer *p, const struct runnel_client_options *options);
/* peer_open, peer_client, both hellos. */
void peer_start(struct peer *p, const struct runnel_client_options *options);

/* peer_start with a client that opens another session when one is lost, within a few ms. */
void peer_start_staying(struct peer *p, const struct runnel_client_options *options);
/* Waits for the client's next session and exchanges the hellos in it. */
void peer_again(struct peer *p);
/* The same, for a client that another thread runs: one that was not made here. */
void peer_meet(struct peer *p);

/* Runs the loop until *flag is not 0; fails the test after 10 s. */
void peer_until(struct peer *p, const int *flag);
/* Runs what is due in the loop, without waiting. */
void peer_turn(struct peer *p);
/* The next frame from the client, borrowed until the next call. */
struct rn_frame peer_frame(struct peer *p);
/* Fails unless the next frame is a REQUEST whose JSON is this; returns its id. */
uint64_t peer_request(struct peer *p, const char *json);
/* 1 when the client has sent nothing more, after a turn of the loop. */
int peer_quiet(struct peer *p);

/* Takes what has come into p->in, without waiting; 0 when the client has hung up. */
int peer_receive(struct peer *p);

void peer_send(struct peer *p, const void *data, size_t n);
void peer_send_buf(struct peer *p, struct rn_buf *b); /* and frees it */
void peer_json(struct peer *p, enum rn_frame_type type, uint64_t id, const char *json);
/* One DATA frame with `n` observations, the value of each its own seq; times are 1000 * seq. */
void peer_data(struct peer *p, uint64_t follow, uint64_t seq, size_t n);
/* A HEAD frame of 157 bytes whose count is this and whose signature is none. */
void peer_head(struct peer *p, uint64_t follow, uint64_t count);
void peer_hang_up(struct peer *p);

#endif
