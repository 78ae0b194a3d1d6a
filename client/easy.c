/* SPDX-License-Identifier: MIT
 * easy.c — a blocking handle: opening, waiting, and the calls that are one question (runnel/easy.h).
 * May touch: the heap, libevent's loop, the monotonic clock, the environment variable RUNNEL_NODE.
 */
#include "client/easy.h"
#include "base/err.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define LIMIT (30 * SECOND)
#define DEFAULT_ADDRESS "unix:///run/runnel/runnel.sock"

/* ---- waiting ---- */

static void on_alarm(int fd, short what, void *arg) {
    struct runnel_easy *e = arg;
    (void)fd;
    (void)what;
    e->rang = 1;
}

static int too_late(const struct runnel_easy *e, struct runnel_err *err) {
    if (!e->connected && e->why.code)
        return rn_fail(err, RUNNEL_ETIMEOUT, "there was no session with the node in time; the last attempt: %s",
                       e->why.msg);
    return rn_fail(err, RUNNEL_ETIMEOUT, "nothing has come from the node in the time allowed");
}

int rn_easy_wait(struct runnel_easy *e, const int *done, int64_t ns, struct runnel_err *err) {
    struct timeval tv = {.tv_sec = (time_t)(ns / SECOND), .tv_usec = (suseconds_t)(ns % SECOND / 1000)};
    int flags = ns == 0 ? EVLOOP_NONBLOCK : EVLOOP_ONCE, r = 0;
    e->rang = 0;
    if (ns > 0 && event_add(e->alarm, &tv) != 0)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for a timer");
    while (r == 0 && !*done) {
        if (e->closed)
            r = rn_err_copy(err, &e->why);
        else if (e->rang)
            r = too_late(e, err);
        else if (event_base_loop(e->base, flags) < 0)
            r = rn_fail(err, RUNNEL_EIO, "the event loop failed");
        else if (ns == 0)
            e->rang = 1; /* one look */
    }
    (void)event_del(e->alarm);
    return r;
}

/* ---- a handle ---- */

static void on_state(void *arg, enum runnel_state state, const struct runnel_err *err) {
    struct runnel_easy *e = arg;
    e->connected = state == RUNNEL_CONNECTED;
    e->closed = state == RUNNEL_CLOSED;
    if (err)
        e->why = *err;
    if (e->closed && e->why.code == RUNNEL_ETIMEOUT)
        e->why.code = RUNNEL_ECLOSED; /* who is told of a time-out may wait on; here there is nothing to wait for */
}

static int open_client(struct runnel_easy *e, const char *address, const struct runnel_client_options *options,
                       struct runnel_err *err) {
    const char *env = getenv("RUNNEL_NODE");
    if (!address)
        address = env && *env ? env : DEFAULT_ADDRESS;
    e->base = event_base_new();
    e->alarm = e->base ? event_new(e->base, -1, 0, on_alarm, e) : NULL;
    if (!e->alarm)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for an event loop");
    int r = runnel_client_new(e->base, address, options, on_state, e, &e->client, err);
    return r < 0 ? r : rn_easy_wait(e, &e->connected, e->limit, err);
}

int runnel_easy_open(const char *address, const struct runnel_client_options *options, struct runnel_easy **out,
                     struct runnel_err *err) {
    *out = NULL;
    struct runnel_easy *e = calloc(1, sizeof *e);
    if (!e)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for a handle");
    e->limit = LIMIT;
    rn_list_init(&e->follows);
    int r = open_client(e, address, options, err);
    if (r < 0) {
        runnel_easy_close(e);
        return r;
    }
    *out = e;
    return 0;
}

void runnel_easy_close(struct runnel_easy *e) {
    if (!e)
        return;
    rn_easy_drop_follows(e);
    runnel_client_free(e->client);
    if (e->alarm)
        event_free(e->alarm);
    if (e->base)
        event_base_free(e->base);
    rn_buf_free(&e->answer);
    free(e);
}

void runnel_easy_limit(struct runnel_easy *e, int64_t ns) {
    e->limit = ns;
}

/* ---- a question ---- */

/* What is asked and what comes back. It is given up when the time is over, and frees itself when the
 * answer comes all the same. */
struct question {
    int done, given_up, failed;
    struct runnel_err err;
    struct rn_buf bytes;
    struct runnel_published made;
    struct runnel_observation observation;
    struct runnel_stream_info info;
    char state[24];
};

static void question_free(struct question *q) {
    rn_buf_free(&q->bytes);
    free(q);
}

static struct question *question_new(struct runnel_err *err) {
    struct question *q = calloc(1, sizeof *q);
    if (!q)
        (void)rn_fail(err, RUNNEL_ENOMEM, "no memory for a request");
    return q;
}

/* 1 when somebody still waits for it. */
static int answered(struct question *q, const struct runnel_err *err) {
    if (q->given_up) {
        question_free(q);
        return 0;
    }
    q->done = 1;
    q->failed = err != NULL;
    if (err)
        q->err = *err;
    return 1;
}

/* Waits for the answer of what was asked with `r`. The question stays the caller's when that is 0. */
static int settle(struct runnel_easy *e, struct question *q, int r, struct runnel_err *err) {
    if (r == 0)
        r = rn_easy_wait(e, &q->done, e->limit, err);
    else
        q->done = 1; /* it was not asked */
    if (r == 0 && q->bytes.failed)
        r = rn_fail(err, RUNNEL_ENOMEM, "no memory for an answer");
    else if (r == 0 && q->failed)
        r = rn_err_copy(err, e->closed && q->err.code == RUNNEL_ETIMEOUT ? &e->why : &q->err);
    if (r < 0 && q->done)
        question_free(q);
    else if (r < 0)
        q->given_up = 1;
    return r;
}

/* What the answer points to goes to the handle. */
static void keep_bytes(struct runnel_easy *e, struct question *q) {
    rn_buf_free(&e->answer);
    e->answer = q->bytes;
    memset(&q->bytes, 0, sizeof q->bytes);
    question_free(q);
}

static void on_data(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct question *q = arg;
    if (answered(q, err) && !err)
        rn_buf_add(&q->bytes, data.p, data.n);
}

int runnel_easy_request(struct runnel_easy *e, const char *method, const char *json, struct runnel_bytes *answer,
                        struct runnel_err *err) {
    struct question *q = question_new(err);
    if (!q)
        return -RUNNEL_ENOMEM;
    int r = settle(e, q, runnel_client_request(e->client, method, json, on_data, q, err), err);
    if (r < 0)
        return r;
    keep_bytes(e, q);
    *answer = rn_buf_bytes(&e->answer);
    return 0;
}

int runnel_easy_create(struct runnel_easy *e, const char *descriptor, struct runnel_id *out, struct runnel_err *err) {
    struct rn_buf json = {0};
    struct runnel_bytes answer;
    struct rn_json *o = NULL;
    const char *id = "";
    rn_buf_str(&json, "{\"descriptor\":");
    rn_buf_str(&json, descriptor);
    rn_buf_str(&json, "}");
    const char *text = rn_buf_cstr(&json);
    int r = text ? runnel_easy_request(e, "create", text, &answer, err)
                 : rn_fail(err, RUNNEL_ENOMEM, "no memory for a descriptor");
    rn_buf_free(&json);
    if (r == 0)
        r = rn_json_parse(answer.p, answer.n, NULL, &o, NULL, err);
    if (r == 0 && (rn_json_str(o, "stream", &id, err) < 0 || runnel_id_parse(id, out) < 0))
        r = rn_fail(err, RUNNEL_EDAMAGED, "the answer to create must have a stream");
    rn_json_free(o);
    return r;
}

/* ---- questions about a stream ---- */

static void on_at(void *arg, const struct runnel_observation *o, const struct runnel_err *err) {
    struct question *q = arg;
    if (!answered(q, err) || err)
        return;
    q->observation = *o;
    rn_buf_add(&q->bytes, o->value.p, o->value.n);
}

int runnel_easy_at(struct runnel_easy *e, const char *stream, int64_t time, struct runnel_observation *o,
                   struct runnel_err *err) {
    struct question *q = question_new(err);
    if (!q)
        return -RUNNEL_ENOMEM;
    int r = settle(e, q, runnel_at(e->client, stream, time, on_at, q, err), err);
    if (r < 0)
        return r;
    *o = q->observation;
    keep_bytes(e, q);
    o->value = rn_buf_bytes(&e->answer);
    return 0;
}

/* The descriptor, the head and the state, one behind the other. */
static void on_head(void *arg, const struct runnel_stream_info *info, const struct runnel_err *err) {
    struct question *q = arg;
    if (!answered(q, err) || err)
        return;
    q->info = *info;
    rn_buf_add(&q->bytes, info->descriptor.p, info->descriptor.n);
    if (info->has_head)
        rn_buf_add(&q->bytes, info->head.p, info->head.n);
    rn_buf_add(&q->bytes, info->state, strlen(info->state) + 1);
}

int runnel_easy_head(struct runnel_easy *e, const char *stream, struct runnel_stream_info *out,
                     struct runnel_err *err) {
    struct question *q = question_new(err);
    if (!q)
        return -RUNNEL_ENOMEM;
    int r = settle(e, q, runnel_head(e->client, stream, on_head, q, err), err);
    if (r < 0)
        return r;
    *out = q->info;
    keep_bytes(e, q);
    out->descriptor.p = e->answer.p;
    if (out->has_head)
        out->head.p = e->answer.p + out->descriptor.n;
    out->state = (const char *)e->answer.p + out->descriptor.n + (out->has_head ? out->head.n : 0);
    return 0;
}

/* ---- publishing ---- */

/* The id that a text names. A name is asked for once, as long as it is the only one in use. */
static int find(struct runnel_easy *e, const char *stream, struct runnel_id *out, struct runnel_err *err) {
    struct runnel_stream_info info;
    if (runnel_id_parse(stream, out) == 0)
        return 0;
    if (*e->name && strcmp(e->name, stream) == 0) {
        *out = e->id;
        return 0;
    }
    int r = runnel_easy_head(e, stream, &info, err);
    if (r < 0)
        return r;
    *out = e->id = info.stream;
    e->name[0] = 0;
    if (strlen(stream) < sizeof e->name)
        memcpy(e->name, stream, strlen(stream) + 1);
    return 0;
}

static void on_made(void *arg, const struct runnel_published *made, const struct runnel_err *err) {
    struct question *q = arg;
    if (answered(q, err) && !err)
        q->made = *made;
}

/* How many of them are sure to fit into one publish; one at least. */
static size_t part_of(const struct runnel_observation *o, size_t n) {
    size_t k = 0, cost = 0;
    while (k < n && (k == 0 || (cost + o[k].value.n + RUNNEL_PUBLISH_EACH <= RUNNEL_PUBLISH_BYTES &&
                                (o[k].time == RUNNEL_NOW) == (o[0].time == RUNNEL_NOW))))
        cost += o[k++].value.n + RUNNEL_PUBLISH_EACH;
    return k;
}

static int publish_part(struct runnel_easy *e, const struct runnel_id *id, uint64_t seq,
                        const struct runnel_observation *o, size_t n, struct runnel_published *all,
                        struct runnel_err *err) {
    struct question *q = question_new(err);
    if (!q)
        return -RUNNEL_ENOMEM;
    int r = settle(e, q, runnel_publish(e->client, id, seq, o, n, on_made, q, err), err);
    if (r < 0)
        return r;
    if (all->count == 0) {
        all->seq = q->made.seq;
        all->first_time = q->made.first_time;
    }
    all->count += q->made.count;
    all->last_time = q->made.last_time;
    question_free(q);
    return 0;
}

int runnel_easy_publish_many(struct runnel_easy *e, const char *stream, uint64_t seq,
                             const struct runnel_observation *o, size_t n, struct runnel_published *made,
                             struct runnel_err *err) {
    struct runnel_published all = {.size = sizeof all};
    struct runnel_id id;
    int r = n > 0 ? find(e, stream, &id, err) : rn_fail(err, RUNNEL_EINVALID, "there is no observation to publish");
    for (size_t at = 0; r == 0 && at < n;) {
        size_t k = part_of(o + at, n - at);
        r = publish_part(e, &id, seq == RUNNEL_ANY ? seq : seq + at, o + at, k, &all, err);
        at += k;
    }
    if (r == -RUNNEL_ENOTFOUND)
        e->name[0] = 0; /* the name may mean another stream by now */
    if (made)
        *made = all;
    return r;
}

int runnel_easy_publish(struct runnel_easy *e, const char *stream, int64_t time, const char *value,
                        struct runnel_published *made, struct runnel_err *err) {
    struct runnel_observation o = {.time = time, .value = {(const uint8_t *)value, strlen(value)}};
    return runnel_easy_publish_many(e, stream, RUNNEL_ANY, &o, 1, made, err);
}
