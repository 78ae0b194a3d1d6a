/* SPDX-License-Identifier: MIT
 * model.h — a node of one stream that keeps the rules and breaks the session wherever a test wants.
 * May touch: a unix socket in a temporary folder; runs the event loop; cmocka's assertions.
 *
 * What it is sent it does at once and durably. A session ends after so many bytes of its answers, or so
 * many frames of the client's; frames of the client that were not read then may still arrive later, as
 * from a socket that the node had not got to.
 */
#ifndef RN_TESTS_MODEL_H
#define RN_TESTS_MODEL_H

#include "tests/unit/peer.h"

#define MODEL_MOST 4096
#define MODEL_ID "00112233-4455-8677-8899-aabbccddeeff"

struct model_value {
    int64_t time;
    char text[16];
};

struct model_follow {
    uint64_t id, next;
    int live;
};

struct model {
    struct peer p;
    struct model_value v[MODEL_MOST];
    size_t n;
    /* this session */
    size_t bytes_left;  /* of answers, until it ends */
    size_t frames_left; /* of the client's, until it ends */
    struct model_follow follows[8];
    size_t n_follows;
    struct rn_buf out;
    /* of all */
    size_t sessions, bytes_sent, frames_read;
    int full;           /* refuses this many publishes as full */
    int stopping;       /* refuses all as closed */
    int odd;            /* how often the method "odd" was done */
    struct rn_buf late; /* whole frames of earlier sessions that were not read */
};

void model_open(struct model *m);
void model_close(struct model *m);
void model_client(struct model *m, const struct runnel_client_options *options); /* it is not accepted yet */
void model_turn(struct model *m);                                                /* of the loop, and of the node */
void model_cut(struct model *m);                                                 /* ends the session now */
void model_late(struct model *m);                                                /* what is late arrives */
void model_add(struct model *m, const char *text);                               /* somebody else's publish */
size_t model_holds(const struct model *m, const char *text);                     /* how often */

#endif
