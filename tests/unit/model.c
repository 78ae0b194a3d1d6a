/* SPDX-License-Identifier: MIT
 * model.c — a node of one stream that keeps the rules (model.h).
 * May touch: a unix socket in a temporary folder.
 */
#include "tests/unit/model.h"
#include "base/json.h"
#include "data/block.h"
#include "tests/unit/check.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char hello[] =
    "{\"runnel\":[1],\"node\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\","
    "\"nonce\":\"00000000000000000000000000000000\",\"agent\":\"model/1\"}";

void model_open(struct model *m) {
    memset(m, 0, sizeof *m);
    peer_open(&m->p);
    m->bytes_left = m->frames_left = SIZE_MAX;
}

void model_close(struct model *m) {
    rn_buf_free(&m->out);
    rn_buf_free(&m->late);
    peer_close(&m->p);
}

void model_client(struct model *m, const struct runnel_client_options *options) {
    m->p.stays = 1;
    peer_make(&m->p, options);
}

static int next_frame(const struct rn_buf *b, size_t at, struct rn_frame *f) {
    return b->n > at ? rn_frame_get(b->p + at, b->n - at, f, NULL) : 0;
}

/* ---- what it says ---- */

static void say(struct model *m, enum rn_frame_type type, uint64_t id, const char *json) {
    assert_int_equal(rn_frame_json(&m->out, type, id, (struct runnel_bytes){(const uint8_t *)json, strlen(json)}), 0);
}

static void refuse(struct model *m, uint64_t id, const char *code) {
    char json[64];
    (void)snprintf(json, sizeof json, "{\"code\":\"%s\",\"message\":\"m\"}", code);
    say(m, RN_FRAME_ERROR, id, json);
}

/* ---- publishes ---- */

static void append(struct model *m, int64_t time, const void *text, size_t n) {
    struct model_value *v = &m->v[m->n++];
    assert_true(m->n < MODEL_MOST && n < sizeof v->text);
    v->time = time;
    memcpy(v->text, text, n);
    v->text[n] = 0;
}

/* Its clock, which shows in each time when it was asked. */
static int64_t clock_of(const struct model *m) {
    return (m->n ? m->v[m->n - 1].time : 0) + 7;
}

void model_add(struct model *m, const char *text) {
    append(m, clock_of(m), text, strlen(text));
}

size_t model_holds(const struct model *m, const char *text) {
    size_t k = 0;
    for (size_t i = 0; i < m->n; i++)
        k += strcmp(m->v[i].text, text) == 0;
    return k;
}

static int same(const struct model *m, const struct rn_frame *f) {
    struct rn_cursor c;
    struct rn_obs o;
    rn_cursor_init(&c, f->body.p, f->body.n, f->seq, f->base);
    while (rn_cursor_next(&c, &o, NULL) > 0) {
        if (o.seq >= m->n)
            return 0;
        const struct model_value *v = &m->v[o.seq];
        if (strlen(v->text) != o.value.n || memcmp(v->text, o.value.p, o.value.n) != 0 ||
            (!(f->flags & RN_PUBLISH_NOW) && v->time != o.time))
            return 0;
    }
    return 1;
}

/* As doc/protocol.md says. The code of a refusal, or NULL and where it went. */
static const char *publish(struct model *m, const struct rn_frame *f, uint64_t *seq, uint64_t *n) {
    struct rn_cursor c;
    struct rn_obs o;
    *n = 0;
    rn_cursor_init(&c, f->body.p, f->body.n, 0, f->base);
    while (rn_cursor_next(&c, &o, NULL) > 0)
        ++*n;
    *seq = f->flags & RN_PUBLISH_SEQ ? f->seq : m->n;
    if (m->stopping)
        return "closed";
    if (*seq != m->n)
        return !(f->flags & RN_PUBLISH_FRESH) && same(m, f) ? NULL : "conflict";
    if (m->full > 0) {
        m->full--;
        return "full";
    }
    rn_cursor_init(&c, f->body.p, f->body.n, 0, f->base);
    while (rn_cursor_next(&c, &o, NULL) > 0)
        append(m, f->flags & RN_PUBLISH_NOW ? clock_of(m) : o.time, o.value.p, o.value.n);
    return NULL;
}

static void on_publish(struct model *m, const struct rn_frame *f) {
    uint64_t seq, n;
    const char *code = publish(m, f, &seq, &n);
    if (code)
        refuse(m, f->id, code);
    else
        assert_int_equal(rn_frame_published(&m->out, f->id, seq, n, m->v[seq].time, m->v[seq + n - 1].time), 0);
}

/* ---- requests ---- */

static void on_follow(struct model *m, uint64_t id, const struct rn_json *o) {
    char json[160];
    uint64_t from = 0;
    int now = 0;
    (void)rn_json_u64(o, "from", &from, NULL);
    (void)rn_json_bool(o, "now", &now, NULL);
    if (now)
        from = m->n;
    assert_true(m->n_follows < 8);
    m->follows[m->n_follows++] = (struct model_follow){.id = id, .next = from};
    (void)snprintf(json, sizeof json, "{\"stream\":\"" MODEL_ID "\",\"from\":%llu,\"count\":%zu,\"live\":true}",
                   (unsigned long long)from, m->n);
    say(m, RN_FRAME_ANSWER, id, json);
}

static void on_unfollow(struct model *m, uint64_t id, const struct rn_json *o) {
    uint64_t follow = 0;
    assert_int_equal(rn_json_u64(o, "follow", &follow, NULL), 0);
    for (size_t i = 0; i < m->n_follows; i++)
        if (m->follows[i].id == follow) {
            m->follows[i] = m->follows[--m->n_follows];
            say(m, RN_FRAME_ANSWER, id, "{}");
            return;
        }
    refuse(m, id, "not-found");
}

static void on_request(struct model *m, const struct rn_frame *f) {
    struct rn_json *o = NULL;
    const char *method = "";
    char json[128];
    assert_int_equal(rn_json_parse(f->body.p, f->body.n, NULL, &o, NULL, NULL), 0);
    assert_int_equal(rn_json_str(o, "method", &method, NULL), 0);
    if (strcmp(method, "follow") == 0) {
        on_follow(m, f->id, o);
    } else if (strcmp(method, "unfollow") == 0) {
        on_unfollow(m, f->id, o);
    } else if (strcmp(method, "head") == 0) {
        (void)snprintf(json, sizeof json, "{\"stream\":\"" MODEL_ID "\",\"count\":%zu}", m->n);
        say(m, RN_FRAME_ANSWER, f->id, json);
    } else {
        m->odd += strcmp(method, "odd") == 0;
        say(m, RN_FRAME_ANSWER, f->id, "{}");
    }
    rn_json_free(o);
}

static void on_frame(struct model *m, const struct rn_frame *f) {
    m->frames_read++;
    if (f->type == RN_FRAME_HELLO)
        say(m, RN_FRAME_HELLO, 0, hello);
    else if (f->type == RN_FRAME_REQUEST)
        on_request(m, f);
    else if (f->type == RN_FRAME_PUBLISH)
        on_publish(m, f);
    else
        assert_int_equal(f->type, RN_FRAME_CREDIT);
}

void model_late(struct model *m) {
    size_t at = 0;
    struct rn_frame f;
    int r;
    while ((r = next_frame(&m->late, at, &f)) > 0) {
        uint64_t seq, n;
        at += (size_t)r;
        if (f.type == RN_FRAME_PUBLISH)
            (void)publish(m, &f, &seq, &n);
    }
    rn_buf_clear(&m->late);
}

/* ---- its turn ---- */

void model_cut(struct model *m) {
    if (m->p.in.n > m->p.taken)
        rn_buf_add(&m->late, m->p.in.p + m->p.taken, m->p.in.n - m->p.taken);
    assert_int_equal(m->late.failed, 0);
    rn_buf_clear(&m->p.in);
    m->p.taken = 0;
    rn_buf_clear(&m->out);
    m->n_follows = 0;
    peer_hang_up(&m->p);
}

/* Only whole frames can arrive late. */
static void cut_whole(struct model *m) {
    size_t at = m->p.taken;
    struct rn_frame f;
    int r;
    while ((r = next_frame(&m->p.in, at, &f)) > 0)
        at += (size_t)r;
    rn_buf_cut(&m->p.in, at);
    model_cut(m);
}

static void serve(struct model *m, struct model_follow *f) {
    char json[64];
    while (f->next < m->n) {
        struct rn_buf entries = {0};
        uint64_t at = f->next, end = at / 256 * 256 + 256;
        int64_t base = at % 256 ? m->v[at - 1].time : m->v[at].time, last = base;
        for (; f->next < m->n && f->next < end; f->next++) {
            const struct model_value *v = &m->v[f->next];
            struct runnel_bytes text = {(const uint8_t *)v->text, strlen(v->text)};
            assert_int_equal(rn_entry_add(&entries, last, v->time, text), 0);
            last = v->time;
        }
        assert_int_equal(rn_frame_data(&m->out, f->id, at, base, rn_buf_bytes(&entries)), 0);
        rn_buf_free(&entries);
    }
    if (f->live)
        return;
    f->live = 1;
    (void)snprintf(json, sizeof json, "{\"live\":true,\"next\":%llu}", (unsigned long long)f->next);
    say(m, RN_FRAME_STATE, f->id, json);
}

static void flush(struct model *m) {
    size_t n = m->out.n < m->bytes_left ? m->out.n : m->bytes_left;
    ssize_t r = n ? send(m->p.fd, m->out.p, n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (r < 0 && errno == EAGAIN)
        return;
    if (r < 0 || (m->bytes_left != SIZE_MAX && (m->bytes_left -= (size_t)r) == 0)) {
        cut_whole(m);
        return;
    }
    m->bytes_sent += (size_t)r;
    rn_buf_drop(&m->out, (size_t)r);
}

static void read_frames(struct model *m) {
    struct rn_frame f;
    int r;
    while ((r = next_frame(&m->p.in, m->p.taken, &f)) > 0) {
        if (m->frames_left != SIZE_MAX && m->frames_left-- == 0) {
            flush(m); /* what was done is told, as far as it goes */
            if (m->p.fd >= 0)
                cut_whole(m);
            return;
        }
        m->p.taken += (size_t)r;
        on_frame(m, &f);
    }
    assert_true(r == 0);
    rn_buf_drop(&m->p.in, m->p.taken);
    m->p.taken = 0;
}

void model_turn(struct model *m) {
    struct pollfd pf = {.fd = m->p.listener, .events = POLLIN};
    peer_turn(&m->p);
    if (m->p.fd < 0) {
        if (poll(&pf, 1, 1) <= 0)
            return;
        m->p.fd = accept4(m->p.listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(m->p.fd >= 0);
        m->sessions++;
    }
    if (!peer_receive(&m->p)) {
        cut_whole(m);
        return;
    }
    read_frames(m);
    for (size_t i = 0; m->p.fd >= 0 && i < m->n_follows; i++)
        serve(m, &m->follows[i]);
    if (m->p.fd >= 0)
        flush(m);
}
