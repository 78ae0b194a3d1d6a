/* SPDX-License-Identifier: MIT
 * store.c — asks a storage plugin and waits for its completions.
 * May touch: the test host, cmocka's assertions, temporary directories.
 */
#include "tests/conformance/storage/store.h"
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

struct runnel_bytes text(const char *s) {
    return (struct runnel_bytes){(const uint8_t *)s, strlen(s)};
}

uint8_t *random_bytes(size_t n, uint64_t seed) {
    uint8_t *p = malloc(n + 1);
    assert_non_null(p);
    for (size_t k = 0; k < n; k++)
        p[k] = (uint8_t)next_random(&seed);
    return p;
}

void store_init(struct store *s) {
    *s = (struct store){.host = host_new()};
}

int store_start(struct store *s, const char *path, const char *dir, struct runnel_err *err) {
    *err = (struct runnel_err){0};
    const char *const conf[] = {getenv("RUNNEL_STORE_CONF"), NULL};
    s->inst =
        host_open(s->host, &(struct host_section){.path = path, .dir = dir, .kind = RUNNEL_STORAGE, .conf = conf}, err);
    int rc = s->inst ? host_start(s->inst, err) : -err->code;
    if (rc == 0) {
        s->ops = s->inst->ops;
        assert_true(s->ops->size >= offsetof(struct runnel_storage, set_aside));
        return 0;
    }
    if (rc != -err->code || err->code <= 0 || !err->msg[0])
        fail_msg("%s: a start that fails must say why: it returned %d, the error has code %d and the text \"%s\"", path,
                 rc, err->code, err->msg);
    if (s->inst)
        host_close(s->inst);
    s->inst = NULL;
    return err->code;
}

int store_try(struct store *s, const char *path, const char *dir, struct runnel_err *err) {
    store_init(s);
    int code = store_start(s, path, dir, err);
    if (code != 0)
        host_free(s->host);
    return code;
}

void store_open(struct store *s, const char *path, const char *dir) {
    struct runnel_err err;
    if (store_try(s, path, dir, &err) != 0)
        fail_msg("%s: %s", path, err.msg);
}

void store_stop(struct store *s) {
    host_close(s->inst);
    s->inst = NULL;
}

void store_close(struct store *s) {
    store_stop(s);
    host_free(s->host);
}

bool store_is_volatile(const struct store *s) {
    return (s->ops->flags & RUNNEL_STORAGE_VOLATILE) != 0;
}

bool store_sets_aside(const struct store *s) {
    return s->ops->size > offsetof(struct runnel_storage, set_aside) && s->ops->set_aside;
}

/* ---- commits ---- */

/* What a callback does is ours, not the plugin's. */
static bool go_out(const struct answer *a) {
    bool was = a->store->host->inside;
    a->store->host->inside = false;
    return was;
}

static void take_error(struct answer *a, const struct runnel_err *err) {
    assert_false(a->fired);
    a->fired = true;
    a->code = err ? err->code : RUNNEL_OK;
    if (err) {
        assert_true(err->code > 0);
        assert_true(err->msg[0] && memchr(err->msg, 0, sizeof err->msg));
        memcpy(a->msg, err->msg, sizeof a->msg);
    }
}

static void on_done(void *arg, const struct runnel_err *err) {
    struct answer *a = arg;
    bool was = go_out(a);
    take_error(a, err);
    if (!err && a->store->at_done)
        a->store->at_done(a->store->at_done_arg);
    a->store->host->inside = was;
}

void on_ordered(void *arg, const struct runnel_err *err) {
    struct ordered *o = arg;
    assert_false(o->fired);
    o->fired = true;
    o->at = (*o->count)++;
    o->code = err ? err->code : 0;
}

void store_ask(struct store *s, const struct runnel_change *changes, size_t n, struct answer *a) {
    *a = (struct answer){.store = s};
    s->host->inside = true;
    s->ops->commit(s->inst->self, changes, n, on_done, a);
    s->host->inside = false;
    assert_false(a->fired);
}

void store_wait(struct store *s, struct answer *a) {
    assert_true(host_run_until(s->host, host_flag, &a->fired, STORE_DEADLINE_MS));
}

int store_commit(struct store *s, const struct runnel_change *changes, size_t n) {
    struct answer a;
    store_ask(s, changes, n, &a);
    store_wait(s, &a);
    return a.code;
}

int store_put(struct store *s, const char *key, const char *val) {
    return store_commit(s, &(struct runnel_change){.what = RUNNEL_PUT, .key = text(key), .data = text(val)}, 1);
}

int store_append(struct store *s, const char *key, uint64_t off, const char *val) {
    return store_commit(
        s, &(struct runnel_change){.what = RUNNEL_APPEND, .off = off, .key = text(key), .data = text(val)}, 1);
}

int store_erase(struct store *s, const char *key, const char *to) {
    return store_commit(s, &(struct runnel_change){.what = RUNNEL_ERASE, .key = text(key), .to = text(to)}, 1);
}

/* ---- get ---- */

static uint8_t *copy_of(struct runnel_bytes b) {
    uint8_t *p = malloc(b.n + 1);
    assert_non_null(p);
    if (b.n)
        memcpy(p, b.p, b.n);
    p[b.n] = 0;
    return p;
}

static void on_data(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct answer *a = arg;
    bool was = go_out(a);
    take_error(a, err);
    a->p = copy_of(data);
    a->n = data.n;
    a->store->host->inside = was;
}

void store_get(struct store *s, struct runnel_bytes key, uint64_t off, uint32_t max, struct answer *a) {
    *a = (struct answer){.store = s};
    s->host->inside = true;
    s->ops->get(s->inst->self, key, off, max, on_data, a);
    s->host->inside = false;
    assert_false(a->fired);
    store_wait(s, a);
}

void answer_free(struct answer *a) {
    free(a->p);
    a->p = NULL;
}

void store_expect(struct store *s, const char *key, const char *val) {
    struct answer a;
    store_get(s, text(key), 0, UINT32_MAX, &a);
    assert_int_equal(a.code, val ? RUNNEL_OK : RUNNEL_ENOTFOUND);
    if (val)
        assert_string_equal((const char *)a.p, val);
    answer_free(&a);
}

/* ---- scan ---- */

static void on_pair(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct listing *l = arg;
    bool was = go_out(&l->answer);
    assert_false(l->answer.fired);
    assert_true(key.n >= 1 && key.n <= RUNNEL_KEY_MAX);
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        struct listed *grown = realloc(l->v, l->cap * sizeof *grown);
        assert_non_null(grown);
        l->v = grown;
    }
    struct listed *e = &l->v[l->n++];
    memcpy(e->key, key.p, key.n);
    e->n_key = key.n;
    e->val = copy_of(val);
    e->n_val = val.n;
    l->answer.store->host->inside = was;
}

static void on_scanned(void *arg, const struct runnel_err *err) {
    struct listing *l = arg;
    bool was = go_out(&l->answer);
    take_error(&l->answer, err);
    l->answer.store->host->inside = was;
}

void store_scan(struct store *s, struct runnel_bytes from, struct runnel_bytes to, uint32_t limit, struct listing *l) {
    *l = (struct listing){.answer.store = s};
    s->host->inside = true;
    s->ops->scan(s->inst->self, from, to, limit, on_pair, on_scanned, l);
    s->host->inside = false;
    assert_false(l->answer.fired);
    assert_int_equal(l->n, 0);
    store_wait(s, &l->answer);
}

void listing_free(struct listing *l) {
    for (size_t k = 0; k < l->n; k++)
        free(l->v[k].val);
    free(l->v);
    l->v = NULL;
    l->n = 0;
}

void store_expect_scan(struct store *s, const char *from, const char *to, uint32_t limit, const char *want) {
    struct listing l;
    char got[4096] = "";
    size_t at = 0;
    store_scan(s, text(from), text(to), limit, &l);
    assert_int_equal(l.answer.code, RUNNEL_OK);
    for (size_t k = 0; k < l.n; k++) {
        int n = snprintf(got + at, sizeof got - at, "%.*s=%s ", (int)l.v[k].n_key, (const char *)l.v[k].key,
                         (const char *)l.v[k].val);
        assert_true(n > 0 && (size_t)n < sizeof got - at);
        at += (size_t)n;
    }
    assert_string_equal(got, want);
    listing_free(&l);
}

/* ---- the rest ---- */

void fresh_dir(char *out, size_t n) {
    const char *tmp = getenv("TMPDIR");
    int got = snprintf(out, n, "%s/runnel-store-XXXXXX", tmp ? tmp : "/tmp");
    assert_true(got > 0 && (size_t)got < n);
    assert_non_null(mkdtemp(out));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void remove_dir(const char *dir) {
    assert_int_equal(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

uint32_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}
