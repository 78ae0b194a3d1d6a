/* SPDX-License-Identifier: MIT
 * peer.c — the other end of a client, in the same thread and on the same loop.
 * May touch: a unix socket in a temporary folder.
 */
#include "tests/unit/peer.h"
#include "base/leb128.h"
#include "data/block.h"
#include "tests/unit/check.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void) {
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void peer_open(struct peer *p) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memset(p, 0, sizeof *p);
    p->fd = -1;
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/runnel-peer-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    (void)snprintf(p->path, sizeof p->path, "%s/s", p->dir);
    (void)snprintf(p->address, sizeof p->address, "unix://%s", p->path);
    memcpy(un.sun_path, p->path, strlen(p->path) + 1);
    p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(p->listener >= 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&un, sizeof un), 0);
    assert_int_equal(listen(p->listener, 4), 0);
    p->base = event_base_new();
    assert_non_null(p->base);
}

void peer_close(struct peer *p) {
    runnel_client_free(p->client);
    peer_hang_up(p);
    (void)close(p->listener);
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(rmdir(p->dir), 0);
    rn_buf_free(&p->in);
    event_base_free(p->base);
}

static void on_state(void *arg, enum runnel_state state, const struct runnel_err *err) {
    struct peer *p = arg;
    if (state == RUNNEL_CONNECTED) {
        assert_null(err);
        p->connected++;
        return;
    }
    if (state == RUNNEL_LOST) {
        assert_true(p->stays);
        assert_true(runnel_client_retry(p->client) >= 0);
        p->lost = err->code;
        return;
    }
    assert_int_equal(runnel_client_retry(p->client), -1);
    assert_int_equal(p->closed, 0); /* once only */
    p->closed = err->code;
    (void)snprintf(p->why, sizeof p->why, "%s", err->msg);
}

void peer_make(struct peer *p, const struct runnel_client_options *options) {
    struct runnel_err err = {0};
    struct runnel_client_options o = {.size = sizeof o};
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    if (!p->stays)
        o.flags |= RUNNEL_CLIENT_ONCE;
    if (p->stays && o.retry_least == 0)
        o.retry_least = o.retry_most = 2000000;
    assert_int_equal(runnel_client_new(p->base, p->address, &o, on_state, p, &p->client, &err), 0);
}

void peer_client(struct peer *p, const struct runnel_client_options *options) {
    peer_make(p, options);
    p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(p->fd >= 0);
}

static void exchange_hellos(struct peer *p) {
    assert_int_equal(peer_frame(p).type, RN_FRAME_HELLO);
    peer_json(p, RN_FRAME_HELLO, 0,
              "{\"runnel\":[1],\"node\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\","
              "\"nonce\":\"00000000000000000000000000000000\",\"agent\":\"peer/1\"}");
}

/* Both hellos; the client is connected then. */
static void greet(struct peer *p) {
    int before = p->connected;
    exchange_hellos(p);
    while (p->connected == before)
        peer_turn(p);
}

void peer_start(struct peer *p, const struct runnel_client_options *options) {
    peer_open(p);
    peer_client(p, options);
    greet(p);
}

void peer_start_staying(struct peer *p, const struct runnel_client_options *options) {
    peer_open(p);
    p->stays = 1;
    peer_client(p, options);
    greet(p);
}

static void next_session(struct peer *p) {
    int64_t end = now_ms() + 10000;
    struct pollfd pf = {.fd = p->listener, .events = POLLIN};
    peer_hang_up(p);
    rn_buf_clear(&p->in);
    p->taken = 0;
    while (poll(&pf, 1, 1) == 0) {
        assert_true(now_ms() < end);
        peer_turn(p);
    }
    p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(p->fd >= 0);
}

void peer_again(struct peer *p) {
    next_session(p);
    greet(p);
}

void peer_meet(struct peer *p) {
    next_session(p);
    exchange_hellos(p);
}

void peer_turn(struct peer *p) {
    assert_true(event_base_loop(p->base, EVLOOP_NONBLOCK) >= 0);
}

void peer_until(struct peer *p, const int *flag) {
    int64_t end = now_ms() + 10000;
    struct timeval tick = {.tv_usec = 50000};
    while (!*flag) {
        assert_true(now_ms() < end);
        (void)event_base_loopexit(p->base, &tick); /* nothing is watched once the client has closed */
        assert_true(event_base_loop(p->base, EVLOOP_ONCE) >= 0);
    }
}

int peer_receive(struct peer *p) {
    for (;;) {
        uint8_t *room = rn_buf_room(&p->in, 65536);
        assert_non_null(room);
        ssize_t r = recv(p->fd, room, 65536, MSG_DONTWAIT);
        if (r <= 0)
            return r < 0 && errno == EAGAIN;
        p->in.n += (size_t)r;
    }
}

/* Takes what has come without waiting. Returns the number of bytes. */
static size_t receive(struct peer *p) {
    size_t before = p->in.n;
    (void)peer_receive(p);
    return p->in.n - before;
}

struct rn_frame peer_frame(struct peer *p) {
    struct rn_frame f;
    struct runnel_err err;
    int64_t end = now_ms() + 10000;
    for (;;) {
        int r = p->in.n > 0 ? rn_frame_get(p->in.p + p->taken, p->in.n - p->taken, &f, &err) : 0;
        assert_true(r >= 0);
        p->taken += (size_t)r;
        if (r > 0)
            return f;
        assert_true(now_ms() < end);
        rn_buf_drop(&p->in, p->taken);
        p->taken = 0;
        peer_turn(p);
        if (receive(p) == 0) {
            struct pollfd pf = {.fd = p->fd, .events = POLLIN};
            assert_true(poll(&pf, 1, 5) >= 0); /* the client's timers run between */
        }
    }
}

uint64_t peer_request(struct peer *p, const char *json) {
    struct rn_frame f = peer_frame(p);
    char text[1024];
    assert_int_equal(f.type, RN_FRAME_REQUEST);
    assert_true(f.body.n < sizeof text);
    memcpy(text, f.body.p, f.body.n);
    text[f.body.n] = 0;
    assert_string_equal(text, json);
    return f.id;
}

int peer_quiet(struct peer *p) {
    peer_turn(p);
    peer_turn(p);
    (void)receive(p);
    return p->in.n == p->taken;
}

void peer_send(struct peer *p, const void *data, size_t n) {
    const uint8_t *b = data;
    size_t step = p->chunk ? p->chunk : n;
    for (size_t at = 0; at < n; at += step) {
        size_t k = n - at < step ? n - at : step;
        ssize_t r = send(p->fd, b + at, k, MSG_NOSIGNAL);
        assert_int_equal(r, k);
        if (p->chunk)
            peer_turn(p);
    }
}

void peer_send_buf(struct peer *p, struct rn_buf *b) {
    assert_int_equal(b->failed, 0);
    peer_send(p, b->p, b->n);
    rn_buf_free(b);
}

void peer_json(struct peer *p, enum rn_frame_type type, uint64_t id, const char *json) {
    struct rn_buf b = {0};
    struct runnel_bytes text = {(const uint8_t *)json, strlen(json)};
    assert_int_equal(rn_frame_json(&b, type, id, text), 0);
    peer_send_buf(p, &b);
}

void peer_data(struct peer *p, uint64_t follow, uint64_t seq, size_t n) {
    struct rn_buf entries = {0}, b = {0};
    int64_t base = seq % 256 ? (int64_t)seq * 1000 - 1000 : (int64_t)seq * 1000, last = base;
    for (size_t i = 0; i < n; i++) {
        char text[24];
        int k = snprintf(text, sizeof text, "%llu", (unsigned long long)(seq + i));
        struct runnel_bytes value = {(const uint8_t *)text, (size_t)k};
        assert_int_equal(rn_entry_add(&entries, last, (int64_t)(seq + i) * 1000, value), 0);
        last = (int64_t)(seq + i) * 1000;
    }
    assert_int_equal(rn_frame_data(&b, follow, seq, base, rn_buf_bytes(&entries)), 0);
    rn_buf_free(&entries);
    peer_send_buf(p, &b);
}

void peer_head(struct peer *p, uint64_t follow, uint64_t count) {
    uint8_t head[157] = {1};
    struct rn_buf b = {0};
    rn_put_le64(head + 32, count);
    assert_int_equal(rn_frame_head(&b, follow, (struct runnel_bytes){head, sizeof head}), 0);
    peer_send_buf(p, &b);
}

void peer_hang_up(struct peer *p) {
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
}
