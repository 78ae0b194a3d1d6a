/* SPDX-License-Identifier: MIT
 * nats.c — the NATS client protocol, as far as a load driver speaks it; JetStream acknowledges to an inbox.
 * May touch: nothing but the buffers of a connection.
 */
#include "base/err.h"
#include "bench/load/proto.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LINE 65536u
#define MOST_PAYLOAD 1048576u

/* Its own inbox: _INBOX.<connection>.<serial>. */
static int hello(struct load_conn *c, struct runnel_err *err) {
    int r =
        rn_buf_fmt(&c->out,
                   "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"lang\":\"c\",\"protocol\":1}\r\n"
                   "SUB _INBOX.%u.* 1\r\nPING\r\n",
                   c->number);
    return r < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no hello") : 0;
}

/* The decimal digits of v. */
static int digits(struct rn_buf *b, uint64_t v) {
    char text[20];
    size_t at = sizeof text;
    do
        text[--at] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    return rn_buf_add(b, text + at, sizeof text - at);
}

/* Without printf: this is called for every message. */
static int publish(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err) {
    (void)rn_buf_str(&c->out, "PUB ");
    (void)rn_buf_str(&c->out, c->stream);
    (void)rn_buf_str(&c->out, " _INBOX.");
    (void)digits(&c->out, c->number);
    (void)rn_buf_byte(&c->out, '.');
    (void)digits(&c->out, c->made++);
    (void)rn_buf_byte(&c->out, ' ');
    (void)digits(&c->out, value.n);
    (void)rn_buf_str(&c->out, "\r\n");
    (void)rn_buf_add(&c->out, value.p, value.n);
    return rn_buf_str(&c->out, "\r\n") < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no publish") : 0;
}

/* MSG <subject> <sid> [reply] <bytes>, or HMSG with the headers' bytes before that: where it goes, and which publish an
 * inbox is of. */
struct head {
    struct runnel_bytes reply;
    size_t payload, headers; /* the headers are a part of the payload */
    int inbox;               /* the subject is that of an acknowledgement */
    uint64_t serial;
};

static int decimal(struct runnel_bytes b, uint64_t *v) {
    *v = 0;
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] < '0' || b.p[i] > '9' || *v > UINT64_MAX / 10)
            return -1;
        *v = *v * 10 + (uint64_t)(b.p[i] - '0');
    }
    return b.n > 0 ? 0 : -1;
}

/* The next word of a line; empty at its end. */
static struct runnel_bytes word(const uint8_t **p, const uint8_t *end) {
    while (*p < end && **p == ' ')
        ++*p;
    const uint8_t *from = *p;
    while (*p < end && **p != ' ')
        ++*p;
    return (struct runnel_bytes){from, (size_t)(*p - from)};
}

static int message_head(const uint8_t *p, const uint8_t *end, struct head *h) {
    struct runnel_bytes words[6];
    size_t n = 0, with_headers = *p == 'H', least = 4 + with_headers;
    uint64_t payload, headers = 0;
    while (n < 5 + with_headers && (words[n] = word(&p, end)).n > 0)
        n++;
    if (n < least || decimal(words[n - 1], &payload) < 0 || payload > MOST_PAYLOAD ||
        (with_headers && (decimal(words[n - 2], &headers) < 0 || headers > payload)))
        return -1;
    const uint8_t *subject = words[1].p, *dot = memrchr(subject, '.', words[1].n);
    *h = (struct head){.payload = (size_t)payload, .headers = (size_t)headers};
    if (n > least)
        h->reply = words[3];
    h->inbox = words[1].n > 7 && memcmp(subject, "_INBOX.", 7) == 0;
    if (!h->inbox)
        return 0;
    size_t before = (size_t)(dot + 1 - subject);
    return decimal((struct runnel_bytes){dot + 1, words[1].n - before}, &h->serial);
}

/* ---- reading: an ordered consumer, pushed with flow control ---- */

#define MADE UINT64_MAX /* serial of the answer that tells of the consumer */

/* What a reading connection remembers. */
struct reading {
    uint64_t left; /* values that are to come still */
    uint64_t next; /* sequence that must come next in the stream */
};

static int read_all(struct load_conn *c, uint64_t count, struct runnel_err *err) {
    struct reading *s = calloc(1, sizeof *s);
    struct rn_buf b = {.max = 4096};
    if (!s || c->mine)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory to read with");
    *s = (struct reading){.left = count, .next = 1};
    c->mine = s;
    (void)rn_buf_fmt(&b,
                     "{\"stream_name\":\"%s\",\"config\":{\"deliver_subject\":\"_READ.%u\",\"deliver_policy\":\"all\","
                     "\"ack_policy\":\"none\",\"max_deliver\":1,\"flow_control\":true,\"idle_heartbeat\":5000000000,"
                     "\"mem_storage\":true,\"num_replicas\":1}}",
                     c->stream, c->number);
    (void)rn_buf_fmt(&c->out, "SUB _READ.%u 2\r\nPUB $JS.API.CONSUMER.CREATE.%s _INBOX.%u.%" PRIu64 " %zu\r\n",
                     c->number, c->stream, c->number, (uint64_t)MADE, b.n);
    (void)rn_buf_add(&c->out, b.p, b.n);
    int r = b.failed ? b.failed : rn_buf_str(&c->out, "\r\n");
    rn_buf_free(&b);
    return r < 0 ? rn_fail(err, -r, "no memory for what is to be sent") : 0;
}

/* The word of $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.… that is the sequence. */
static uint64_t sequence(struct runnel_bytes reply) {
    const uint8_t *p = reply.p, *end = reply.p + reply.n;
    uint64_t v = 0;
    for (int dots = 0; dots < 5; dots++) {
        p = p < end ? memchr(p, '.', (size_t)(end - p)) : NULL;
        if (!p)
            return 0;
        p++;
    }
    const uint8_t *dot = memchr(p, '.', (size_t)(end - p));
    return dot && decimal((struct runnel_bytes){p, (size_t)(dot - p)}, &v) == 0 ? v : 0;
}

static int answer_empty(struct load_conn *c, struct runnel_bytes subject, struct runnel_err *err) {
    (void)rn_buf_str(&c->out, "PUB ");
    (void)rn_buf_add(&c->out, subject.p, subject.n);
    return rn_buf_str(&c->out, " 0\r\n\r\n") < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no answer") : 0;
}

/* What the consumer pushes: flow control, which is answered; a heartbeat, which may say that it waits for such an
 * answer; or the next message. */
static int pushed(struct load_conn *c, const struct head *h, struct runnel_bytes value, struct runnel_err *err) {
    static const char stalled[] = "Nats-Consumer-Stalled: ";
    struct reading *s = c->mine;
    if (h->headers) {
        const uint8_t *at = memmem(value.p, h->headers, stalled, sizeof stalled - 1);
        const uint8_t *end = value.p + h->headers, *from = at ? at + sizeof stalled - 1 : end;
        const uint8_t *stop = at ? memchr(from, '\r', (size_t)(end - from)) : NULL;
        if (stop)
            return answer_empty(c, (struct runnel_bytes){from, (size_t)(stop - from)}, err);
        return h->reply.n ? answer_empty(c, h->reply, err) : 0;
    }
    if (s->left == 0)
        return 0;
    if (sequence(h->reply) != s->next)
        return rn_fail(err, RUNNEL_EDAMAGED, "message %" PRIu64 " is due, what came was sent with %.*s", s->next,
                       (int)h->reply.n, (const char *)h->reply.p);
    s->next++;
    int r = c->calls->value ? c->calls->value(c, value, err) : 0;
    return r == 0 && --s->left == 0 && c->calls->end ? c->calls->end(c, err) : r;
}

static int message(struct load_conn *c, const struct head *h, struct runnel_bytes value, struct runnel_err *err) {
    if (!h->inbox && c->mine)
        return pushed(c, h, value, err);
    if (!h->inbox)
        return c->calls->value ? c->calls->value(c, value, err) : 0;
    if (h->serial == MADE && !memmem(value.p, value.n, "\"error\"", 7))
        return 0;
    if (memmem(value.p, value.n, "\"error\"", 7) || !memmem(value.p, value.n, "\"seq\"", 5))
        return rn_fail(err, RUNNEL_EIO, "nats says to publish %" PRIu64 ": %.*s", h->serial, (int)value.n,
                       (const char *)value.p);
    return c->calls->acked ? c->calls->acked(c, h->serial, err) : 0;
}

static int is(const char *line, size_t n, const char *w) {
    return n >= strlen(w) && memcmp(line, w, strlen(w)) == 0;
}

static int control(struct load_conn *c, const char *line, size_t n, struct runnel_err *err) {
    if (is(line, n, "PING"))
        return rn_buf_str(&c->out, "PONG\r\n") < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no answer to a ping") : 0;
    if (is(line, n, "PONG")) {
        c->phase++;
        return c->calls->ready ? c->calls->ready(c, err) : 0;
    }
    if (is(line, n, "INFO") || is(line, n, "+OK"))
        return 0;
    return rn_fail(err, RUNNEL_EIO, "nats says: %.*s", (int)(n < 400 ? n : 400), line);
}

static long take(struct load_conn *c, const uint8_t *p, size_t n, struct runnel_err *err) {
    const uint8_t *end = memchr(p, '\n', n < MOST_LINE ? n : MOST_LINE);
    if (!end)
        return n < MOST_LINE ? 0 : rn_fail(err, RUNNEL_EDAMAGED, "nats: a line without an end");
    size_t line = (size_t)(end - p) + 1;
    struct head h;
    if (line < 6 || (memcmp(p, "MSG ", 4) != 0 && memcmp(p, "HMSG ", 5) != 0)) {
        int r = control(c, (const char *)p, line - 1, err);
        return r < 0 ? r : (long)line;
    }
    if (message_head(p, end - 1, &h) < 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "nats: not understood: %.*s", (int)(line < 200 ? line : 200),
                       (const char *)p);
    if (n < line + h.payload + 2)
        return 0;
    int r = message(c, &h, (struct runnel_bytes){p + line, h.payload}, err);
    return r < 0 ? r : (long)(line + h.payload + 2);
}

/* Core NATS: no acknowledgement. */
static int cast(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err) {
    (void)rn_buf_str(&c->out, "PUB ");
    (void)rn_buf_str(&c->out, c->stream);
    (void)rn_buf_byte(&c->out, ' ');
    (void)digits(&c->out, value.n);
    (void)rn_buf_str(&c->out, "\r\n");
    (void)rn_buf_add(&c->out, value.p, value.n);
    c->made++;
    return rn_buf_str(&c->out, "\r\n") < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no publish") : 0;
}

/* The PONG to the PING behind it says that it stands. */
static int subscribe(struct load_conn *c, struct runnel_err *err) {
    int r = rn_buf_fmt(&c->out, "SUB %s 2\r\nPING\r\n", c->stream);
    return r < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no subscription") : 0;
}

const struct load_proto load_nats = {.name = "nats",
                                     .hello = hello,
                                     .publish = publish,
                                     .cast = cast,
                                     .subscribe = subscribe,
                                     .read = read_all,
                                     .take = take};
