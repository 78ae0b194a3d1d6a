/* SPDX-License-Identifier: MIT
 * node-inst.c — tests of instances: what the host promises, and that nothing is called after the end.
 * May touch: the heap.
 */
#include "base/err.h"
#include "check.h"
#include "env.h"
#include "node/inst.h"

/* A plugin that does what the test tells it. */
struct orders {
    int fail_create, fail_start, silent, stop_at_once, never_stop, want_dir;
};

struct probe {
    struct runnel_inst *inst;
    const struct runnel_host *host;
    runnel_done *stopped;
    void *stopped_arg;
    int ran, destroyed;
    int code; /* of the last completion; -1: none yet */
    unsigned pairs;
};

struct world {
    struct test_env e;
    struct rn_loop l;
    struct rn_inst_services s;
    struct orders orders;
    struct probe p;
    struct runnel_inst *inst;
    int done; /* -1: not yet, else the code */
    /* what the node was asked */
    runnel_done *note_done;
    runnel_pair *note_pair;
    void *note_arg;
    char asked[96];
};

/* The probe stands in the world, so that the tests see it after destroy. */
static struct world *const_world(const void *conf) {
    return *(struct world *const *)conf;
}

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    struct world *w = const_world(conf);
    if (w->orders.fail_create)
        return w->orders.silent ? -RUNNEL_EIO : rn_fail(err, RUNNEL_EINVALID, "no luck");
    w->p = (struct probe){.inst = inst, .host = host, .code = -1};
    *self = w;
    return 0;
}

static int start(void *self, struct runnel_err *err) {
    struct world *w = self;
    if (w->orders.want_dir && w->p.host->dir(w->p.inst) == NULL)
        return rn_fail(err, RUNNEL_EIO, "no directory");
    return w->orders.fail_start ? rn_fail(err, RUNNEL_EBUSY, "taken") : 0;
}

static void stop(void *self, runnel_done *done, void *arg) {
    struct world *w = self;
    w->p.stopped = done;
    w->p.stopped_arg = arg;
    if (w->orders.stop_at_once)
        done(arg, NULL);
}

static void destroy(void *self) {
    ((struct world *)self)->p.destroyed++;
}

static const struct runnel_plugin plugin = {
    .size = sizeof plugin,
    .abi_major = RUNNEL_ABI_MAJOR,
    .kind = RUNNEL_TRANSPORT,
    .name = "probe",
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
    .ops = "ops",
};

static void note_put(void *node, uint32_t kind, const char *name, struct runnel_bytes key, struct runnel_bytes val,
                     runnel_done *done, void *arg) {
    struct world *w = node;
    (void)snprintf(w->asked, sizeof w->asked, "put %s.%s %zu %zu", rn_kind_name(kind), name, key.n, val.n);
    w->note_done = done;
    w->note_arg = arg;
}

static void note_scan(void *node, uint32_t kind, const char *name, struct runnel_bytes prefix, runnel_pair *pair,
                      runnel_done *done, void *arg) {
    struct world *w = node;
    (void)snprintf(w->asked, sizeof w->asked, "scan %s.%s %zu", rn_kind_name(kind), name, prefix.n);
    w->note_pair = pair;
    w->note_done = done;
    w->note_arg = arg;
}

static void note_failure(void *node, const struct runnel_err *why) {
    struct world *w = node;
    (void)snprintf(w->asked, sizeof w->asked, "%d %.60s", why->code, why->msg);
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    test_env_init(&w->e);
    rn_loop_init(&w->l, &w->e.env);
    w->s = (struct rn_inst_services){
        .loop = &w->l, .node = w, .note_put = note_put, .note_scan = note_scan, .failed = note_failure};
    w->s.up[RUNNEL_TRANSPORT] = "up";
    w->done = -1;
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    rn_inst_free(w->inst);
    rn_loop_free(&w->l);
    free(w);
    return 0;
}

static void make(struct world **w) {
    struct runnel_err err;
    assert_int_equal(rn_inst_new(&(*w)->s, &plugin, "wan", w, &(*w)->inst, &err), 0);
}

static void made(struct world **w) {
    struct runnel_err err;
    make(w);
    assert_int_equal(rn_inst_start((*w)->inst, &err), 0);
}

static void ran(void *arg) {
    ((struct world *)arg)->p.ran++;
}

static void completed(void *arg, const struct runnel_err *err) {
    ((struct world *)arg)->p.code = err != NULL ? err->code : 0;
}

static void pair(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    (void)key;
    (void)val;
    ((struct world *)arg)->p.pairs++;
}

static void stopped(void *arg, const struct runnel_err *err) {
    ((struct world *)arg)->done = err != NULL ? err->code : 0;
}

static void end(struct world *w) {
    rn_inst_free(w->inst);
    w->inst = NULL;
}

/* ---- tests ---- */

static void names(void **state) {
    struct world *w = *state;
    made(&w);
    assert_string_equal(rn_inst_name(w->inst), "wan");
    assert_string_equal(rn_inst_path(w->inst), "transport.wan");
    assert_ptr_equal(rn_inst_self(w->inst), w);
    assert_ptr_equal(rn_inst_node(w->inst), w);
    assert_ptr_equal(rn_inst_ops(w->inst), plugin.ops);
    assert_ptr_equal(rn_inst_plugin(w->inst), &plugin);
    assert_ptr_equal(w->p.host->up, w->s.up[RUNNEL_TRANSPORT]);
    assert_int_equal(w->p.host->size, sizeof *w->p.host);
    assert_int_equal(w->p.host->now(w->inst), 1000);
    assert_null(w->p.host->loop(w->inst));
    w->p.host->log(w->inst, RUNNEL_WARN, "hello %d", 7);
    assert_string_equal(w->e.line, "1 probe.wan: hello 7");
}

static void a_failure_is_passed_on(void **state) {
    struct world *w = *state;
    struct runnel_err err;
    made(&w);
    (void)rn_fail(&err, RUNNEL_EIO, "the engine stands still");
    w->p.host->failed(w->inst, &err);
    assert_string_equal(w->asked, "8 transport.wan has failed for good: the engine stands still");
    assert_non_null(strstr(w->e.line, "transport.wan has failed for good: the engine stands still"));
    w->s.failed = NULL;
    w->p.host->failed(w->inst, &err); /* nobody listens */
}

static void create_fails(void **state) {
    struct world *w = *state;
    struct runnel_err err;
    w->orders.fail_create = 1;
    assert_int_equal(rn_inst_new(&w->s, &plugin, "wan", &w, &w->inst, &err), -RUNNEL_EINVALID);
    assert_null(w->inst);
    assert_string_equal(err.msg, "transport.wan: no luck");
    w->orders.silent = 1;
    assert_int_equal(rn_inst_new(&w->s, &plugin, "wan", &w, &w->inst, NULL), -RUNNEL_EINTERNAL);
    assert_int_equal(w->p.destroyed, 0);
}

static void start_fails(void **state) {
    struct world *w = *state;
    struct runnel_err err;
    w->orders.fail_start = 1;
    make(&w);
    assert_int_equal(rn_inst_start(w->inst, &err), -RUNNEL_EBUSY);
    assert_string_equal(err.msg, "transport.wan: taken");
    end(w);
    assert_int_equal(w->p.destroyed, 1);
}

static void no_directory(void **state) {
    struct world *w = *state;
    struct runnel_err err;
    w->orders.want_dir = 1;
    w->e.dir_err = "/x: not a directory";
    make(&w);
    assert_int_equal(rn_inst_start(w->inst, &err), -RUNNEL_EIO);
    assert_string_equal(err.msg, "transport.wan: /x: not a directory");
}

static void timers(void **state) {
    struct world *w = *state;
    made(&w);
    const struct runnel_host *h = w->p.host;
    assert_non_null(h->after(w->inst, 10, ran, w));
    struct runnel_timer *t = h->after(w->inst, 10, ran, w);
    assert_non_null(t);
    h->cancel(w->inst, t);
    h->cancel(w->inst, NULL);
    w->e.now += 10;
    rn_loop_turn(&w->l);
    assert_int_equal(w->p.ran, 1);
    assert_non_null(h->after(w->inst, 10, ran, w));
    end(w);
    w->e.now += 10;
    rn_loop_turn(&w->l);
    assert_int_equal(w->p.ran, 1);
}

static void defer_and_post(void **state) {
    struct world *w = *state;
    made(&w);
    const struct runnel_host *h = w->p.host;
    assert_int_equal(h->defer(w->inst, ran, w), 0);
    assert_int_equal(h->post(w->inst, ran, w), 0);
    assert_int_equal(w->p.ran, 0);
    rn_loop_turn(&w->l);
    assert_int_equal(w->p.ran, 1);
    test_env_posts(&w->e);
    assert_int_equal(w->p.ran, 2);
    w->e.n_posts = ENV_POSTS;
    assert_int_equal(h->post(w->inst, ran, w), -RUNNEL_ENOMEM);
    w->e.n_posts = 0;
    assert_int_equal(h->defer(w->inst, ran, w), 0);
    assert_int_equal(h->post(w->inst, ran, w), 0);
    end(w);
    rn_loop_turn(&w->l);
    test_env_posts(&w->e);
    assert_int_equal(w->p.ran, 2);
}

static void refused_note(struct world *w, size_t key, size_t val, int code) {
    static const uint8_t bytes[RN_NOTE_VALUE + 1];
    w->p.code = -1;
    w->asked[0] = 0;
    w->p.host->note_put(w->inst, (struct runnel_bytes){bytes, key}, (struct runnel_bytes){bytes, val}, completed, w);
    assert_int_equal(w->p.code, -1); /* never within the call */
    rn_loop_turn(&w->l);
    assert_int_equal(w->p.code, code);
    assert_string_equal(w->asked, "");
}

static void notes(void **state) {
    struct world *w = *state;
    static const uint8_t bytes[32];
    made(&w);
    refused_note(w, 0, 1, RUNNEL_EINVALID);
    refused_note(w, RN_NOTE_KEY + 1, 1, RUNNEL_EINVALID);
    refused_note(w, 1, RN_NOTE_VALUE + 1, RUNNEL_ETOOBIG);
    w->p.code = -1;
    w->p.host->note_put(w->inst, (struct runnel_bytes){bytes, RN_NOTE_KEY}, (struct runnel_bytes){NULL, 0}, completed,
                        w);
    assert_string_equal(w->asked, "put transport.wan 24 0");
    w->note_done(w->note_arg, NULL);
    assert_int_equal(w->p.code, 0);
    w->p.host->note_scan(w->inst, (struct runnel_bytes){bytes, 25}, pair, completed, w);
    rn_loop_turn(&w->l);
    assert_int_equal(w->p.code, RUNNEL_EINVALID);
    w->p.host->note_scan(w->inst, (struct runnel_bytes){bytes, 0}, pair, completed, w);
    assert_string_equal(w->asked, "scan transport.wan 0");
    w->note_pair(w->note_arg, (struct runnel_bytes){bytes, 1}, (struct runnel_bytes){bytes, 1});
    end(w);
    w->note_pair(w->note_arg, (struct runnel_bytes){bytes, 1}, (struct runnel_bytes){bytes, 1});
    w->note_done(w->note_arg, NULL);
    assert_int_equal(w->p.pairs, 1);
    assert_int_equal(w->p.code, RUNNEL_EINVALID);
}

/* A node that ends without answering leaves no memory behind (the leak checker looks). */
static void note_unanswered(void **state) {
    struct world *w = *state;
    static const uint8_t bytes[1];
    made(&w);
    w->p.host->note_put(w->inst, (struct runnel_bytes){bytes, 1}, (struct runnel_bytes){bytes, 1}, completed, w);
    end(w);
    assert_int_equal(w->p.code, -1);
}

static void stop_orderly(void **state) {
    struct world *w = *state;
    made(&w);
    rn_inst_stop(w->inst, stopped, w);
    rn_loop_turn(&w->l);
    assert_int_equal(w->done, -1);
    struct runnel_err err;
    (void)rn_fail(&err, RUNNEL_EIO, "half");
    w->p.stopped(w->p.stopped_arg, &err);
    assert_int_equal(w->done, -1);
    rn_loop_turn(&w->l);
    assert_int_equal(w->done, RUNNEL_EIO);
    assert_true(w->e.alarm == INT64_MAX);
    end(w);
    assert_int_equal(w->p.destroyed, 1);
}

static void stop_at_once(void **state) {
    struct world *w = *state;
    w->orders.stop_at_once = 1;
    made(&w);
    rn_inst_stop(w->inst, stopped, w);
    assert_int_equal(w->done, -1);
    rn_loop_turn(&w->l);
    assert_int_equal(w->done, 0);
}

static void stop_never_started(void **state) {
    struct world *w = *state;
    make(&w);
    rn_inst_stop(w->inst, stopped, w);
    rn_loop_turn(&w->l);
    assert_int_equal(w->done, 0);
    assert_null(w->p.stopped);
}

/* An abandoned instance keeps its memory and may go on calling its host; nothing comes of it. */
static void stop_abandoned(void **state) {
    struct world *w = *state;
    static struct runnel_inst *left; /* so that the leak checker still sees it */
    made(&w);
    rn_inst_stop(w->inst, stopped, w);
    assert_int_equal(w->e.alarm, 1000 + RN_STOP_NS);
    w->e.now += RN_STOP_NS;
    rn_loop_turn(&w->l);
    rn_loop_turn(&w->l);
    assert_int_equal(w->done, RUNNEL_ETIMEOUT);
    assert_string_equal(w->e.line,
                        "0 probe.wan: transport.wan: the plugin probe did not stop within 10s and is abandoned");
    w->done = -1;
    w->p.stopped(w->p.stopped_arg, NULL); /* too late */
    left = w->inst;
    end(w);
    assert_int_equal(w->p.destroyed, 0);
    const struct runnel_host *h = w->p.host;
    assert_null(rn_inst_node(left));
    assert_null(h->after(left, 1, ran, w));
    h->cancel(left, NULL);
    assert_int_equal(h->defer(left, ran, w), -RUNNEL_ECLOSED);
    assert_int_equal(h->post(left, ran, w), 0);
    test_env_posts(&w->e);
    h->note_put(left, (struct runnel_bytes){(const uint8_t *)"k", 1}, (struct runnel_bytes){NULL, 0}, completed, w);
    assert_int_equal(w->p.code, RUNNEL_ECLOSED);
    h->log(left, RUNNEL_INFO, "still here");
    rn_loop_turn(&w->l);
    assert_int_equal(w->p.ran, 0);
    assert_int_equal(w->done, -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(names),
        T(a_failure_is_passed_on),
        T(create_fails),
        T(start_fails),
        T(no_directory),
        T(timers),
        T(defer_and_post),
        T(notes),
        T(stop_orderly),
        T(note_unanswered),
        T(stop_at_once),
        T(stop_abandoned),
        T(stop_never_started),
    };
    return cmocka_run_group_tests_name("node-inst", tests, NULL, NULL);
}
