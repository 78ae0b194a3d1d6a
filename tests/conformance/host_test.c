/* SPDX-License-Identifier: MIT
 * host_test.c — the test host keeps what plugin.h promises of a host.
 * May touch: the test host, the probe plugin, threads.
 */
#include "tests/conformance/host.h"
#include "tests/conformance/probe.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *probe_path(void) {
    static char path[4096];
    const char *build = getenv("RUNNEL_BUILD");
    int n = snprintf(path, sizeof path, "%s/tests/conformance/.libs/probe.so", build ? build : ".");
    assert_true(n > 0 && (size_t)n < sizeof path);
    return path;
}

static struct runnel_inst *open_probe(struct test_host *h, const char *const *conf, struct runnel_err *err) {
    struct host_section section = {.path = probe_path(), .conf = conf, .kind = RUNNEL_SYNC};
    return host_open(h, &section, err);
}

static const struct probe_conf *conf_of(struct runnel_inst *inst) {
    return ((const struct probe_ops *)inst->ops)->conf(inst->self);
}

static void conf_has_defaults_and_overrides(void **state) {
    (void)state;
    struct test_host *h = host_new();
    struct runnel_err err = {0};
    struct runnel_inst *inst = open_probe(
        h, (const char *const[]){"word=one", "number=-3", "words=a", "words=b,c", "json=[1]", "wait=2m", NULL}, &err);
    assert_non_null(inst);
    const struct probe_conf *c = conf_of(inst);
    assert_int_equal(c->flag, 1);
    assert_int_equal(c->number, -3);
    assert_int_equal(c->wait, INT64_C(120000000000));
    assert_int_equal(c->room, 2 << 20);
    assert_string_equal(c->word, "one");
    assert_null(c->absent);
    assert_string_equal(c->words[0], "a");
    assert_string_equal(c->words[1], "b,c");
    assert_null(c->words[2]);
    assert_int_equal(c->json.n, 3);
    assert_memory_equal(c->json.p, "[1]", 3);
    assert_int_equal(host_start(inst, &err), 0);
    assert_true(host_logged(h, "info probe: started with the word one"));
    assert_int_equal(host_reload(inst, (const char *const[]){"word=two", "flag=false", NULL}, &err), 0);
    assert_int_equal(conf_of(inst)->flag, 0);
    assert_string_equal(conf_of(inst)->words[0], "default");
    assert_int_equal(access(inst->dir, W_OK), 0);
    char dir[256];
    strncpy(dir, inst->dir, sizeof dir - 1);
    dir[sizeof dir - 1] = 0;
    host_close(inst);
    assert_int_not_equal(access(dir, F_OK), 0);
    host_free(h);
}

static void bad_conf_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *conf[3], *says;
    } bad[] = {
        {{NULL}, "word: found nothing"},
        {{"word=bad", NULL}, "say a good one"},
        {{"word=waytoolong", NULL}, "10 bytes"},
        {{"word=a", "number=11", NULL}, "want -10 to 10"},
        {{"word=a", "number=1x", NULL}, "number: found"},
        {{"word=a", "flag=yes", NULL}, "true or false"},
        {{"word=a", "wait=5", NULL}, "wait: found"},
        {{"word=a", "what=5", NULL}, "is no option"},
        {{"word=a", "room=9223372036854775807KiB", NULL}, "room: found"},
    };
    struct test_host *h = host_new();
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        struct runnel_err wrong = {0};
        assert_null(open_probe(h, bad[k].conf, &wrong));
        assert_int_equal(wrong.code, RUNNEL_EINVALID);
        assert_non_null(strstr(wrong.msg, bad[k].says));
    }
    struct runnel_err err = {0};
    struct host_section section = {.path = probe_path(), .kind = RUNNEL_STORAGE};
    assert_null(host_open(h, &section, &err));
    section.path = "/nonexistent.so";
    assert_null(host_open(h, &section, &err));
    assert_int_equal(err.code, RUNNEL_ENOTFOUND);
    host_free(h);
}

/* What has been called, one letter each. */
struct trace {
    struct runnel_inst *inst;
    char seen[64];
    size_t n;
};
struct mark {
    struct trace *trace;
    char c;
};

static void on_mark(void *arg) {
    struct mark *m = arg;
    assert_true(m->trace->n + 1 < sizeof m->trace->seen);
    m->trace->seen[m->trace->n++] = m->c;
}

static void on_mark_again(void *arg) {
    struct mark *m = arg;
    on_mark(m);
    m->c = '2';
    assert_int_equal(m->trace->inst->api.defer(m->trace->inst, on_mark, m), 0);
}

static bool all_seen(void *arg) {
    struct trace *t = arg;
    return t->n >= 6;
}

static void calls_come_in_order(void **state) {
    (void)state;
    struct test_host *h = host_new();
    struct trace t = {.inst = open_probe(h, (const char *const[]){"word=a", NULL}, NULL)};
    assert_non_null(t.inst);
    struct mark d1 = {&t, '1'}, d3 = {&t, '3'}, a = {&t, 'a'}, b = {&t, 'b'}, c = {&t, 'c'}, x = {&t, 'x'};
    const struct runnel_host *api = &t.inst->api;
    assert_non_null(api->after(t.inst, 30000000, on_mark, &c));
    struct runnel_timer *gone = api->after(t.inst, 10000000, on_mark, &x);
    assert_non_null(api->after(t.inst, 10000000, on_mark, &a));
    assert_non_null(api->after(t.inst, 10000000, on_mark, &b));
    api->cancel(t.inst, gone);
    api->cancel(t.inst, NULL);
    assert_int_equal(api->defer(t.inst, on_mark_again, &d1), 0);
    assert_int_equal(api->defer(t.inst, on_mark, &d3), 0);
    assert_int_equal(t.n, 0);
    assert_true(host_run_until(h, all_seen, &t, 5000));
    assert_string_equal(t.seen, "132abc");
    assert_false(host_run_until(h, host_flag, &(bool){false}, 1));
    host_close(t.inst);
    host_free(h);
}

#define POSTS 1000
struct poster {
    struct runnel_inst *inst;
    unsigned got;
};

static void on_post(void *arg) {
    ((struct poster *)arg)->got++;
}

static void *post_many(void *arg) {
    struct poster *p = arg;
    for (unsigned k = 0; k < POSTS; k++)
        if (p->inst->api.post(p->inst, on_post, p) != 0)
            return arg;
    return NULL;
}

static bool all_posted(void *arg) {
    return ((struct poster *)arg)->got == 2 * POSTS;
}

static void posts_come_from_threads(void **state) {
    (void)state;
    struct test_host *h = host_new();
    struct poster p = {.inst = open_probe(h, (const char *const[]){"word=a", NULL}, NULL)};
    assert_non_null(p.inst);
    pthread_t threads[2];
    for (size_t k = 0; k < 2; k++)
        assert_int_equal(pthread_create(&threads[k], NULL, post_many, &p), 0);
    assert_true(host_run_until(h, all_posted, &p, 10000));
    for (size_t k = 0; k < 2; k++) {
        void *failed;
        assert_int_equal(pthread_join(threads[k], &failed), 0);
        assert_null(failed);
    }
    host_close(p.inst);
    host_free(h);
}

struct notes {
    char text[128];
    bool done;
};

static void on_note(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct notes *n = arg;
    size_t at = strlen(n->text);
    int got = snprintf(n->text + at, sizeof n->text - at, "%.*s=%.*s ", (int)key.n, (const char *)key.p, (int)val.n,
                       (const char *)val.p);
    assert_true(got > 0 && (size_t)got < sizeof n->text - at);
}

static void on_notes_done(void *arg, const struct runnel_err *err) {
    assert_null(err);
    ((struct notes *)arg)->done = true;
}

static struct runnel_bytes text(const char *s) {
    return (struct runnel_bytes){(const uint8_t *)s, strlen(s)};
}

static void notes_are_kept_by_name(void **state) {
    (void)state;
    struct test_host *h = host_new();
    static const char *const puts[][2] = {{"b", "2"}, {"a", "1"}, {"ab", "3"}, {"a", "4"}, {"b", ""}};
    struct runnel_inst *inst = open_probe(h, (const char *const[]){"word=a", NULL}, NULL);
    assert_non_null(inst);
    for (size_t k = 0; k < sizeof puts / sizeof puts[0]; k++) {
        struct notes n = {{0}, false};
        inst->api.note_put(inst, text(puts[k][0]), text(puts[k][1]), on_notes_done, &n);
        assert_false(n.done);
        assert_true(host_run_until(h, host_flag, &n.done, 5000));
    }
    host_close(inst);
    inst = open_probe(h, (const char *const[]){"word=a", NULL}, NULL);
    struct notes n = {{0}, false};
    inst->api.note_scan(inst, text(""), on_note, on_notes_done, &n);
    assert_true(host_run_until(h, host_flag, &n.done, 5000));
    assert_string_equal(n.text, "a=4 ab=3 ");
    host_close(inst);
    host_free(h);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_has_defaults_and_overrides),
        cmocka_unit_test(bad_conf_is_refused),
        cmocka_unit_test(calls_come_in_order),
        cmocka_unit_test(posts_come_from_threads),
        cmocka_unit_test(notes_are_kept_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
