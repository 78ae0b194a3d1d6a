/* SPDX-License-Identifier: MIT
 * easy.h — the inside of a blocking handle: its loop, and how a call waits.
 * May touch: the heap, libevent's loop, the monotonic clock.
 */
#ifndef RN_CLIENT_EASY_H
#define RN_CLIENT_EASY_H

#include "base/buf.h"
#include "base/list.h"
#include <event2/event.h>
#include <runnel/easy.h>

struct runnel_easy {
    struct event_base *base;
    struct runnel_client *client;
    struct event *alarm;
    int rang;
    int connected, closed;
    int64_t limit;
    struct runnel_err why; /* of the last loss; code 0: there was none */
    struct rn_buf answer;  /* what the last answer points to */
    struct rn_list follows;
    char name[600]; /* the last stream named in full, and its id */
    struct runnel_id id;
};

/* Runs the loop until *done, or the handle has closed, or `ns` are over (negative: never). 0, or
 * -RUNNEL_ETIMEOUT, -RUNNEL_ECLOSED, -RUNNEL_EIO. */
int rn_easy_wait(struct runnel_easy *e, const int *done, int64_t ns, struct runnel_err *err);
void rn_easy_drop_follows(struct runnel_easy *e);

#endif
