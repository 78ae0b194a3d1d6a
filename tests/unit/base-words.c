/* SPDX-License-Identifier: MIT
 * base-words.c — tests of err and log: what people and programs are told.
 * May touch: nothing of the world.
 */
#include "base/err.h"
#include "base/log.h"
#include "base/utf8.h"
#include "check.h"
#include <string.h>

/* ---- err ---- */

static void err_fail_and_wrap(void **state) {
    struct runnel_err e = {0};
    (void)state;
    assert_int_equal(rn_fail(&e, RUNNEL_EIO, "disk %d: %s", 3, "gone"), -RUNNEL_EIO);
    assert_int_equal(e.code, RUNNEL_EIO);
    assert_string_equal(e.msg, "disk 3: gone");
    assert_int_equal(rn_wrap(&e, "storage.%s", "main"), -RUNNEL_EIO);
    assert_string_equal(e.msg, "storage.main: disk 3: gone");
    assert_int_equal(rn_fail(&e, RUNNEL_EFULL, "again: %s", e.msg), -RUNNEL_EFULL);
    assert_string_equal(e.msg, "again: storage.main: disk 3: gone");
    assert_int_equal(rn_fail(NULL, RUNNEL_EBUSY, "x"), -RUNNEL_EBUSY);
    assert_int_equal(rn_wrap(NULL, "x"), -RUNNEL_EINTERNAL);
    assert_int_equal(rn_fail(&e, 0, "no code"), -RUNNEL_EINTERNAL);
    assert_int_equal(rn_fail(&e, -5, "no code"), -RUNNEL_EINTERNAL);
}

static void err_copy(void **state) {
    struct runnel_err a = {RUNNEL_EFORK, "100% two heads"}, b = {0};
    (void)state;
    assert_int_equal(rn_err_copy(&b, &a), -RUNNEL_EFORK);
    assert_int_equal(b.code, RUNNEL_EFORK);
    assert_string_equal(b.msg, "100% two heads");
    assert_int_equal(rn_err_copy(&b, &b), -RUNNEL_EFORK);
    assert_string_equal(b.msg, "100% two heads");
    assert_int_equal(rn_err_copy(&b, NULL), -RUNNEL_EINTERNAL);
    assert_true(strlen(b.msg) > 0);
    assert_int_equal(rn_err_copy(NULL, &a), -RUNNEL_EFORK);
}

/* Every length around the bound, with characters of each width across the cut. */
static void err_cut(void **state) {
    static const char *const chars[] = {"x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x8c\x8a"};
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        size_t width = k + 1;
        for (int pad = 0; pad < 8; pad++) {
            struct runnel_err e = {0};
            char many[700] = "";
            for (size_t i = 0; i + width < sizeof many; i += width)
                memcpy(many + i, chars[k], width);
            rn_fail(&e, RUNNEL_EINVALID, "%*s%s", pad, "", many);
            size_t n = strlen(e.msg);
            assert_true(n <= 511 && n + width > 511);
            assert_true(rn_utf8_valid(e.msg, n));
            assert_null(strchr(e.msg, '?'));
            rn_wrap(&e, "%s", "outer");
            n = strlen(e.msg);
            assert_true(n <= 511 && n + width > 511 && rn_utf8_valid(e.msg, n));
            assert_memory_equal(e.msg, "outer: ", 7);
            assert_null(strchr(e.msg, '?'));
            rn_wrap(&e, "%s", many);
            assert_true(strlen(e.msg) <= 511 && rn_utf8_valid(e.msg, strlen(e.msg)));
        }
    }
}

static void err_cleans(void **state) {
    struct runnel_err e = {0};
    (void)state;
    rn_fail(&e, RUNNEL_EINVALID, "found \"%s\"", "a\nb\x1b[1m\xff\xc3");
    assert_string_equal(e.msg, "found \"a?b?[1m??\"");
}

static void err_words(void **state) {
    static const struct {
        int code;
        const char *word;
    } rows[] = {{1, "invalid"},    {2, "not-found"},    {3, "conflict"},  {4, "denied"},
                {5, "too-big"},    {6, "busy"},         {7, "full"},      {8, "io"},
                {9, "damaged"},    {10, "unsupported"}, {11, "closed"},   {12, "timeout"},
                {13, "no-memory"}, {14, "internal"},    {15, "inactive"}, {16, "fork"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(rn_code_word(rows[i].code), rows[i].word);
        assert_int_equal(rn_code_of(rows[i].word, strlen(rows[i].word)), rows[i].code);
    }
    assert_string_equal(rn_code_word(0), "internal");
    assert_string_equal(rn_code_word(17), "internal");
    assert_string_equal(rn_code_word(-1), "internal");
    assert_int_equal(rn_code_of("bus", 3), RUNNEL_EINTERNAL);
    assert_int_equal(rn_code_of("busyx", 4), RUNNEL_EBUSY);
    assert_int_equal(rn_code_of("", 0), RUNNEL_EINTERNAL);
    assert_int_equal(rn_code_of("ok", 2), RUNNEL_EINTERNAL);
}

/* ---- log ---- */

struct caught {
    int n, level;
    char area[RN_LOG_AREA];
    char line[RN_LOG_MAX + 100];
};

static void keep(void *arg, int level, const char *area, const char *line) {
    struct caught *c = arg;
    c->n++;
    c->level = level;
    assert_true(strlen(area) < sizeof c->area && strlen(line) <= RN_LOG_MAX);
    assert_true(rn_utf8_valid(line, strlen(line)));
    strcpy(c->area, area);
    strcpy(c->line, line);
}

static void log_lines(void **state) {
    struct caught c = {0};
    struct rn_log log;
    (void)state;
    rn_log_init(&log, RUNNEL_INFO, keep, &c);
    rn_log(&log, RUNNEL_WARN, "session", "peer %s\n", "x\x1b[2J");
    assert_int_equal(c.n, 1);
    assert_int_equal(c.level, RUNNEL_WARN);
    assert_string_equal(c.area, "session");
    assert_string_equal(c.line, "peer x?[2J?");
    rn_log(&log, RUNNEL_DEBUG, "session", "not wanted");
    assert_int_equal(c.n, 1);
    struct rn_log none = {0};
    assert_false(rn_log_on(&none, "session", RUNNEL_ERROR));
    rn_log(&none, RUNNEL_ERROR, "session", "nobody listens");
}

static void log_long_lines(void **state) {
    static const char *const chars[] = {"x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x8c\x8a"};
    struct caught c = {0};
    struct rn_log log;
    (void)state;
    rn_log_init(&log, RUNNEL_INFO, keep, &c);
    for (size_t len = RN_LOG_MAX - 8; len < RN_LOG_MAX + 20; len++) {
        for (size_t k = 0; k < 4; k++) {
            char text[RN_LOG_MAX + 40];
            size_t n = 0;
            for (; n + k + 1 <= len; n += k + 1)
                memcpy(text + n, chars[k], k + 1);
            text[n] = 0;
            rn_log(&log, RUNNEL_ERROR, "a", "%s", text);
            if (n <= RN_LOG_MAX) {
                assert_string_equal(c.line, text);
                continue;
            }
            size_t got = strlen(c.line);
            assert_true(got <= RN_LOG_MAX && got + k + 1 > RN_LOG_MAX);
            assert_string_equal(c.line + got - 3, "...");
            assert_memory_equal(c.line, text, got - 3);
        }
    }
}

static void log_spec(void **state) {
    struct caught c = {0};
    struct rn_log log;
    struct runnel_err e = {0};
    (void)state;
    rn_log_init(&log, RUNNEL_NOTICE, keep, &c);
    assert_int_equal(rn_log_spec(&log, "info, session=debug,bdb=warn,bdb.main=debug", &e), 0);
    assert_true(rn_log_on(&log, "stream", RUNNEL_INFO));
    assert_false(rn_log_on(&log, "stream", RUNNEL_DEBUG));
    assert_true(rn_log_on(&log, "session", RUNNEL_DEBUG));
    assert_false(rn_log_on(&log, "sessions", RUNNEL_DEBUG));
    assert_false(rn_log_on(&log, "bdb", RUNNEL_NOTICE));
    assert_false(rn_log_on(&log, "bdb.other", RUNNEL_NOTICE));
    assert_true(rn_log_on(&log, "bdb.main", RUNNEL_DEBUG));
    assert_true(rn_log_on(&log, "bdb.main.x", RUNNEL_DEBUG));
    assert_int_equal(rn_log_spec(&log, "bdb=error", &e), 0); /* the old rules are forgotten, the level stays */
    assert_true(rn_log_on(&log, "stream", RUNNEL_INFO));
    assert_false(rn_log_on(&log, "session", RUNNEL_DEBUG));
    assert_int_equal(rn_log_spec(&log, "bdb=error,bdb=debug", &e), 0); /* the later word counts */
    assert_true(rn_log_on(&log, "bdb", RUNNEL_DEBUG));
}

static void log_spec_refuses(void **state) {
    static const char *const bad[] = {"",
                                      "loud",
                                      "info,",
                                      ",info",
                                      "session=",
                                      "=debug",
                                      "a=b=c",
                                      "a b=debug",
                                      "info debug",
                                      "INFO",
                                      "info,,debug",
                                      "x\n=debug",
                                      "an-area-name-that-is-much-too-long=debug"};
    struct caught c = {0};
    struct rn_log log, before;
    (void)state;
    rn_log_init(&log, RUNNEL_NOTICE, keep, &c);
    assert_int_equal(rn_log_spec(&log, "bdb=error", NULL), 0);
    before = log;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct runnel_err e = {0};
        assert_int_equal(rn_log_spec(&log, bad[i], &e), -RUNNEL_EINVALID);
        assert_non_null(strstr(e.msg, "want"));
        assert_memory_equal(&log, &before, sizeof log);
    }
    char many[8 * (RN_LOG_RULES + 1) + 1] = "";
    for (unsigned i = 0; i <= RN_LOG_RULES; i++) {
        char item[] = "aa=warn,";
        item[0] = (char)('a' + i / 26);
        item[1] = (char)('a' + i % 26);
        strcat(many, item);
    }
    many[strlen(many) - 1] = 0;
    assert_int_equal(rn_log_spec(&log, many, NULL), -RUNNEL_EINVALID);
    assert_memory_equal(&log, &before, sizeof log);
    many[strlen(many) - 8] = 0; /* without the last it fits */
    assert_int_equal(rn_log_spec(&log, many, NULL), 0);
}

static void log_levels(void **state) {
    static const char *const words[] = {"error", "warn", "notice", "info", "debug"};
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_string_equal(rn_level_name(i), words[i]);
        assert_int_equal(rn_level_of(words[i]), i);
    }
    assert_int_equal(rn_level_of("warning"), -1);
    assert_int_equal(rn_level_of(""), -1);
    assert_string_equal(rn_level_name(99), "debug");
    assert_string_equal(rn_level_name(-1), "error");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_fail_and_wrap), cmocka_unit_test(err_copy),  cmocka_unit_test(err_cut),
        cmocka_unit_test(err_cleans),        cmocka_unit_test(err_words), cmocka_unit_test(log_lines),
        cmocka_unit_test(log_long_lines),    cmocka_unit_test(log_spec),  cmocka_unit_test(log_spec_refuses),
        cmocka_unit_test(log_levels),
    };
    return cmocka_run_group_tests_name("base words", tests, NULL, NULL);
}
