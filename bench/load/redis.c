/* SPDX-License-Identifier: MIT
 * redis.c — RESP2, as far as a load driver speaks it.
 * May touch: nothing but the buffers of a connection.
 */
#include "base/err.h"
#include "bench/load/proto.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000u /* entries of an XRANGE */
#define MOST_BULK ((size_t)64 << 20)

/* Phases of a connection. */
enum { GREETING, GREETED, READING, SUBSCRIBING, SUBSCRIBED };

/* One element that has come whole: its type, its number, its bytes when it is a bulk or a line. */
struct element {
    uint8_t type;
    long number; /* of ':', the length of '$', the elements of '*' */
    struct runnel_bytes bytes;
};

static int line_number(const uint8_t *p, size_t n, long *v) {
    int minus = n > 0 && p[0] == '-';
    long sum = 0;
    if (n == (size_t)minus || n > 18)
        return -1;
    for (size_t i = (size_t)minus; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        sum = sum * 10 + (p[i] - '0');
    }
    *v = minus ? -sum : sum;
    return 0;
}

/* The first element: its bytes, 0 when it is not whole yet. */
static long element(const uint8_t *p, size_t n, struct element *e, struct runnel_err *err) {
    const uint8_t *end = memchr(p, '\n', n < 4096 ? n : 4096);
    if (!end)
        return n < 4096 ? 0 : rn_fail(err, RUNNEL_EDAMAGED, "redis: a line without an end");
    size_t line = (size_t)(end - p) + 1;
    if (line < 3 || end[-1] != '\r')
        return rn_fail(err, RUNNEL_EDAMAGED, "redis: a line without \\r");
    *e = (struct element){.type = p[0], .bytes = {p + 1, line - 3}};
    if (e->type == '-')
        return rn_fail(err, RUNNEL_EIO, "redis says: %.*s", (int)e->bytes.n, (const char *)e->bytes.p);
    if (e->type == '+')
        return (long)line;
    if (!strchr(":$*", e->type) || line_number(e->bytes.p, e->bytes.n, &e->number) < 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "redis: not understood: %.*s", (int)(line - 2), (const char *)p);
    if (e->type != '$' || e->number < 0)
        return (long)line;
    size_t size = (size_t)e->number;
    if (size > MOST_BULK)
        return rn_fail(err, RUNNEL_EDAMAGED, "redis: a string of %zu bytes", size);
    e->bytes = (struct runnel_bytes){p + line, size};
    return n < line + size + 2 ? 0 : (long)(line + size + 2);
}

/* One whole reply; e: its last element. *parts: how many elements it has, 1 for a simple one. */
static long reply(const uint8_t *p, size_t n, struct element *e, unsigned long *parts, struct runnel_err *err) {
    size_t at = 0;
    long used = 0;
    unsigned long left = 1;
    *e = (struct element){0};
    for (*parts = 0; left > 0; left--, ++*parts, at += (size_t)used) {
        used = at < n ? element(p + at, n - at, e, err) : 0;
        if (used <= 0)
            return used;
        if (e->type == '*' && e->number > 0)
            left += (unsigned long)e->number;
    }
    return (long)at;
}

static int hello(struct load_conn *c, struct runnel_err *err) {
    return rn_buf_str(&c->out, "*1\r\n$4\r\nPING\r\n") < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no hello") : 0;
}

static int bulk(struct rn_buf *b, const char *text) {
    return rn_buf_fmt(b, "$%zu\r\n%s\r\n", strlen(text), text);
}

/* All of a command up to its value, made once. The connection keeps it. */
static const char *command(struct load_conn *c, const char *verb, size_t value, struct runnel_err *err) {
    struct rn_buf b = {0};
    if (c->mine)
        return c->mine;
    (void)rn_buf_fmt(&b, "*%d\r\n", strcmp(verb, "XADD") == 0 ? 5 : 3);
    (void)bulk(&b, verb);
    (void)bulk(&b, c->stream);
    if (strcmp(verb, "XADD") == 0)
        (void)rn_buf_str(&b, "$1\r\n*\r\n$1\r\nv\r\n");
    (void)rn_buf_fmt(&b, "$%zu\r\n", value);
    c->mine = b.failed || !rn_buf_cstr(&b) ? NULL : b.p;
    if (!c->mine) {
        rn_buf_free(&b);
        (void)rn_fail(err, RUNNEL_ENOMEM, "no memory for a command");
    }
    return c->mine;
}

static int say(struct load_conn *c, const char *verb, struct runnel_bytes value, struct runnel_err *err) {
    const char *before = command(c, verb, value.n, err);
    if (!before)
        return -RUNNEL_ENOMEM;
    (void)rn_buf_str(&c->out, before);
    (void)rn_buf_add(&c->out, value.p, value.n);
    c->made++;
    return rn_buf_str(&c->out, "\r\n") < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no memory for what is to be sent") : 0;
}

static int publish(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err) {
    return say(c, "XADD", value, err);
}

/* ---- reading ---- */

/* What a reading connection remembers. */
struct pages {
    uint64_t left;    /* entries that are to come still */
    uint64_t in_page; /* of these in the page at hand */
    char last[48];    /* id of the last one; empty: none has come */
};

static int ask_page(struct load_conn *c, struct runnel_err *err) {
    const struct pages *s = c->mine;
    char count[24], from[56];
    (void)snprintf(count, sizeof count, "%u", PAGE);
    (void)snprintf(from, sizeof from, s->last[0] ? "(%s" : "-%s", s->last);
    const char *words[] = {"XRANGE", c->stream, from, "+", "COUNT", count};
    int r = rn_buf_str(&c->out, "*6\r\n");
    for (size_t i = 0; r == 0 && i < sizeof words / sizeof words[0]; i++)
        r = bulk(&c->out, words[i]);
    return r < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no memory for what is to be sent") : 0;
}

static int read_all(struct load_conn *c, uint64_t count, struct runnel_err *err) {
    struct pages *s = calloc(1, sizeof *s);
    if (!s || c->mine)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory to read with");
    s->left = count;
    c->mine = s;
    c->phase = READING;
    return ask_page(c, err);
}

/* The first element of a page: how many entries it has. */
static long begin_page(struct load_conn *c, const uint8_t *p, size_t n, struct runnel_err *err) {
    struct pages *s = c->mine;
    struct element e;
    long used = element(p, n, &e, err);
    if (used <= 0)
        return used;
    if (e.type != '*' || e.number <= 0 || (uint64_t)e.number > s->left)
        return rn_fail(err, RUNNEL_EDAMAGED, "redis: a page of %ld entries, %llu are to come", e.number,
                       (unsigned long long)s->left);
    s->in_page = (uint64_t)e.number;
    return used;
}

/* One entry of a page: its id, then the field and its value. */
static long take_entry(struct load_conn *c, const uint8_t *p, size_t n, struct runnel_err *err) {
    struct pages *s = c->mine;
    struct element e, id;
    unsigned long parts;
    long head = element(p, n, &e, err);
    if (head <= 0 || (size_t)head == n)
        return head < 0 ? head : 0;
    long middle = element(p + head, n - (size_t)head, &id, err);
    if (middle <= 0 || (size_t)(head + middle) == n)
        return middle < 0 ? middle : 0;
    long rest = reply(p + head + middle, n - (size_t)(head + middle), &e, &parts, err);
    if (rest <= 0)
        return rest;
    if (id.type != '$' || id.bytes.n >= sizeof s->last || e.type != '$')
        return rn_fail(err, RUNNEL_EDAMAGED, "redis: what came is no entry of a stream");
    int r = c->calls->value ? c->calls->value(c, e.bytes, err) : 0;
    s->left--;
    if (r == 0 && --s->in_page == 0 && s->left > 0) {
        memcpy(s->last, id.bytes.p, id.bytes.n);
        s->last[id.bytes.n] = '\0';
        r = ask_page(c, err);
    } else if (r == 0 && s->left == 0) {
        r = c->calls->end ? c->calls->end(c, err) : 0;
    }
    return r < 0 ? r : head + middle + rest;
}

/* ---- subscribing ---- */

static int cast(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err) {
    return say(c, "PUBLISH", value, err);
}

static int subscribe(struct load_conn *c, struct runnel_err *err) {
    c->phase = SUBSCRIBING;
    (void)rn_buf_str(&c->out, "*2\r\n");
    (void)bulk(&c->out, "SUBSCRIBE");
    return bulk(&c->out, c->stream) < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no subscription") : 0;
}

/* What every message of the channel begins with, made from the first that came whole. */
struct start {
    size_t n, value;
    uint8_t bytes[];
};

/* Messages that all look alike: taken by one comparison each. Returns the bytes used, 0 when the next must be looked at
 * element by element. */
static long take_alike(struct load_conn *c, const uint8_t *p, size_t n, struct runnel_err *err) {
    const struct start *s = c->mine;
    size_t at = 0;
    while (s && n - at >= s->n + s->value + 2 && memcmp(p + at, s->bytes, s->n) == 0) {
        int r = c->calls->value(c, (struct runnel_bytes){p + at + s->n, s->value}, err);
        if (r < 0)
            return r;
        at += s->n + s->value + 2;
    }
    return (long)at;
}

static int take_first(struct load_conn *c, const uint8_t *p, const struct element *e, struct runnel_err *err) {
    size_t n = (size_t)(e->bytes.p - p);
    if (!c->mine) {
        struct start *s = malloc(sizeof *s + n);
        if (!s)
            return rn_fail(err, RUNNEL_ENOMEM, "no memory for a message");
        *s = (struct start){.n = n, .value = e->bytes.n};
        memcpy(s->bytes, p, n);
        c->mine = s;
    }
    return c->calls->value ? c->calls->value(c, e->bytes, err) : 0;
}

static long take(struct load_conn *c, const uint8_t *p, size_t n, struct runnel_err *err) {
    struct element e;
    unsigned long parts;
    int r = 0;
    if (c->phase == READING)
        return ((struct pages *)c->mine)->in_page ? take_entry(c, p, n, err) : begin_page(c, p, n, err);
    long alike = c->phase == SUBSCRIBED && c->calls->value ? take_alike(c, p, n, err) : 0;
    if (alike != 0)
        return alike;
    long used = reply(p, n, &e, &parts, err);
    if (used <= 0)
        return used;
    if (c->phase == SUBSCRIBED) {
        r = take_first(c, p, &e, err);
    } else if (c->phase != GREETED) {
        c->phase = c->phase == SUBSCRIBING ? SUBSCRIBED : GREETED;
        r = c->calls->ready ? c->calls->ready(c, err) : 0;
    } else if (c->calls->acked) {
        r = c->calls->acked(c, c->done, err);
    }
    return r < 0 ? r : used;
}

const struct load_proto load_redis = {.name = "redis",
                                      .hello = hello,
                                      .publish = publish,
                                      .cast = cast,
                                      .subscribe = subscribe,
                                      .read = read_all,
                                      .take = take};
