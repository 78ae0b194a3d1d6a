/* SPDX-License-Identifier: MIT
 * base-time.c — tests of time: round trips over the whole range, the calendar, every malformed spelling.
 * May touch: nothing of the world.
 */
#include "base/time.h"
#include "check.h"
#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define NOW INT64_C(1700000000123456789)

static int parse(const char *s, int64_t *out) {
    return rn_time_parse(s, strlen(s), NOW, out, NULL);
}

static void known(void **state) {
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {500000000, "1970-01-01T00:00:00.5Z"},
        {-500000000, "1969-12-31T23:59:59.5Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_C(951782400) * RN_NS_S, "2000-02-29T00:00:00Z"},
        {INT64_C(951868800) * RN_NS_S, "2000-03-01T00:00:00Z"},
        {INT64_C(1709164800) * RN_NS_S, "2024-02-29T00:00:00Z"},
        {INT64_C(-2203891200) * RN_NS_S, "1900-03-01T00:00:00Z"},
        {INT64_C(-2203977600) * RN_NS_S, "1900-02-28T00:00:00Z"},
        {INT64_C(-373593600) * RN_NS_S, "1958-03-01T00:00:00Z"},
        {INT64_C(1325376000) * RN_NS_S, "2012-01-01T00:00:00Z"},
        {NOW, "2023-11-14T22:13:20.123456789Z"},
    };
    char text[RN_TIME_TEXT];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ns = 42;
        assert_ptr_equal(rn_time_format(rows[i].ns, text), text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(parse(rows[i].text, &ns), 0);
        assert_true(ns == rows[i].ns);
    }
}

static void round_trip(void **state) {
    uint64_t seed = 7;
    size_t wrong = 0;
    (void)state;
    for (int i = 0; i < 300000; i++) {
        int64_t ns = (int64_t)(check_random(&seed) >> 1) >> check_below(&seed, 63), back = 0;
        if (i % 2)
            ns = -ns;
        if (i % 3 == 0)
            ns -= ns % RN_NS_S;
        char text[RN_TIME_TEXT], count[RN_TIME_TEXT];
        wrong += parse(rn_time_format(ns, text), &back) != 0 || back != ns;
        snprintf(count, sizeof count, "%lld", (long long)ns);
        wrong += parse(count, &back) != 0 || back != ns;
    }
    assert_int_equal(wrong, 0);
}

/* Each day of the range, counted by hand. */
static void every_day(void **state) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1677, month = 9, day = 22;
    size_t wrong = 0;
    (void)state;
    for (int64_t d = -106751; d <= 106751; d++) {
        char want[64], got[RN_TIME_TEXT];
        int64_t ns = 1;
        snprintf(want, sizeof want, "%04d-%02d-%02dT00:00:00Z", year, month, day);
        wrong += strcmp(rn_time_format(d * 86400 * RN_NS_S, got), want) != 0;
        want[10] = 0;
        wrong += parse(want, &ns) != 0 || ns != d * 86400 * RN_NS_S;
        int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (++day > lengths[month - 1] + (leap && month == 2)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(year, 2262);
}

static void spellings(void **state) {
    static const char *const rows[][2] = {
        {"2012-01-01", "2012-01-01T00:00:00Z"},
        {"2012-01-01T12:30:00", "2012-01-01T12:30:00Z"},
        {"2012-01-01 12:30:00", "2012-01-01T12:30:00Z"},
        {"2012-01-01t12:30:00z", "2012-01-01T12:30:00Z"},
        {"2012-01-01T00:00:00.5+01:00", "2011-12-31T23:00:00.5Z"},
        {"2012-01-01 00:00:00-05:30", "2012-01-01T05:30:00Z"},
        {"2012-01-01T00:00:00-00:00", "2012-01-01T00:00:00Z"},
        {"2012-01-01T00:00:00+23:59", "2011-12-31T00:01:00Z"},
        {"2012-01-01T00:00:00.10", "2012-01-01T00:00:00.1Z"},
        {"2012-01-01T00:00:00.1234567890000Z", "2012-01-01T00:00:00.123456789Z"},
        {"2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z"},
        {"2016-12-31T23:59:60.25Z", "2016-12-31T23:59:59.999999999Z"},
        {"2017-01-01T05:29:60+05:30", "2016-12-31T23:59:59.999999999Z"},
        {"1969-12-31T23:59:60Z", "1969-12-31T23:59:59.999999999Z"},
        {"2000-02-29", "2000-02-29T00:00:00Z"},
        {"2262-04-12T00:47:16.854775807+01:00", "2262-04-11T23:47:16.854775807Z"},
        {"1677-09-20T23:12:43.145224192-01:00", "1677-09-21T00:12:43.145224192Z"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct runnel_err e = {0};
        char text[RN_TIME_TEXT];
        int64_t ns = 0;
        if (rn_time_parse(rows[i][0], strlen(rows[i][0]), NOW, &ns, &e) != 0)
            fail_msg("%s: %s", rows[i][0], e.msg);
        assert_string_equal(rn_time_format(ns, text), rows[i][1]);
    }
}

static void relative(void **state) {
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"now", NOW},
        {"now-1h", NOW - 3600 * RN_NS_S},
        {"now+90s", NOW + 90 * RN_NS_S},
        {"now-1.5s", NOW - 1500 * RN_NS_MS},
        {"now-0s", NOW},
        {"0", 0},
        {"-1234", -1234},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ns = 42;
        assert_int_equal(parse(rows[i].text, &ns), 0);
        assert_true(ns == rows[i].ns);
    }
    int64_t ns = 42;
    assert_int_equal(rn_time_parse("now+1ns", 7, INT64_MAX, &ns, NULL), -RUNNEL_EINVALID);
    assert_int_equal(rn_time_parse("now-1ns", 7, INT64_MIN, &ns, NULL), -RUNNEL_EINVALID);
    assert_int_equal(ns, 42);
}

static void refused(void **state) {
    static const char *const rows[] = {
        "",
        " ",
        "x",
        "nowish",
        "now ",
        " now",
        "NOW",
        "now-",
        "now+",
        "now1h",
        "now--1h",
        "now+-1h",
        "now-1",
        "now-1y",
        "now-0.5ns",
        "now - 1h",
        "+1",
        "1.5",
        "01",
        "--1",
        "9223372036854775808",
        "-9223372036854775809",
        "1e9",
        "0x1",
        "2012-1-1",
        "2012-01",
        "2012-01-",
        "2012-01-1",
        "2012/01/01",
        "20120101T000000Z",
        "12-01-01",
        "02012-01-01",
        "2012-00-01",
        "2012-13-01",
        "2012-01-00",
        "2012-01-32",
        "2013-02-29",
        "1900-02-29",
        "2012-04-31",
        "2012-01-01T",
        "2012-01-01Z",
        "2012-01-01x",
        "2012-01-01T00",
        "2012-01-01T00:00",
        "2012-01-01T00:00Z",
        "2012-01-01T24:00:00Z",
        "2012-01-01T00:60:00Z",
        "2012-01-01T00:00:61Z",
        "2012-01-01T00:00:60Z",
        "2016-12-31T22:59:60Z",
        "2016-12-31T23:59:60+01:00",
        "2012-01-01T0:00:00Z",
        "2012-01-01T00:00:00.Z",
        "2012-01-01T00:00:00,5Z",
        "2012-01-01T00:00:00.1234567891Z",
        "2012-01-01T00:00:00ZZ",
        "2012-01-01T00:00:00 Z",
        "2012-01-01  00:00:00",
        "2012-01-01_00:00:00",
        "2012-01-01T00:00:00+1:00",
        "2012-01-01T00:00:00+01",
        "2012-01-01T00:00:00+0100",
        "2012-01-01T00:00:00+24:00",
        "2012-01-01T00:00:00+00:60",
        "2012-01-01T00:00:00+",
        "2012-01-01T00:00:00UTC",
        " 2012-01-01",
        "2012-01-01 ",
        "-2012-01-01",
        "1677-09-21T00:12:43.145224191Z",
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21",
        "2262-04-12",
        "0000-01-01",
        "9999-12-31T23:59:59Z",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct runnel_err e = {0};
        int64_t ns = 42;
        int rc = rn_time_parse(rows[i], strlen(rows[i]), NOW, &ns, &e);
        if (rc != -RUNNEL_EINVALID)
            fail_msg("not refused: \"%s\"", rows[i]);
        assert_int_equal(ns, 42);
        assert_non_null(strstr(e.msg, "want"));
        assert_non_null(strstr(e.msg, rows[i]));
    }
}

/* No prefix of a whole instant passes but the digits of the year (a count of ns), the date, the second
 * and each place of the fraction. */
static void every_cut(void **state) {
    static const char text[] = "2012-03-04T05:06:07.89+01:00";
    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        int64_t ns;
        int fine = (n >= 1 && n <= 4) || n == 10 || n == 19 || n == 21 || n == 22 || n == sizeof text - 1;
        assert_int_equal(rn_time_parse(text, n, NOW, &ns, NULL), fine ? 0 : -RUNNEL_EINVALID);
    }
    assert_int_equal(rn_time_parse("2012-03-04\0", 11, NOW, &(int64_t){0}, NULL), -RUNNEL_EINVALID);
}

static void durations(void **state) {
    static const struct {
        const char *text, *shortest;
        int64_t ns;
    } rows[] = {
        {"90s", "90s", 90 * RN_NS_S},
        {"250ms", "250ms", 250 * RN_NS_MS},
        {"1h", "1h", 3600 * RN_NS_S},
        {"60m", "1h", 3600 * RN_NS_S},
        {"1.5h", "90m", 5400 * RN_NS_S},
        {"0s", "0s", 0},
        {"0w", "0s", 0},
        {"1d", "1d", 86400 * RN_NS_S},
        {"7d", "1w", 7 * 86400 * RN_NS_S},
        {"007us", "7us", 7000},
        {"1.001us", "1001ns", 1001},
        {"1.0ns", "1ns", 1},
        {"0.00000000005m", "3ns", 3},
        {"0.125us", "125ns", 125},
        {"-2.5s", "-2500ms", -2500 * RN_NS_MS},
        {"9223372036854775807ns", "9223372036854775807ns", INT64_MAX},
        {"-9223372036854775808ns", "-9223372036854775808ns", INT64_MIN},
        {"9223372036.854775807s", "9223372036854775807ns", INT64_MAX},
    };
    static const char *const bad[] = {"",
                                      "s",
                                      "1",
                                      "1.",
                                      "1.s",
                                      ".5s",
                                      "-",
                                      "-s",
                                      "--1s",
                                      "+1s",
                                      "1 s",
                                      "1S",
                                      "1sec",
                                      "1min",
                                      "1y",
                                      "1.5ns",
                                      "0.0000000001s",
                                      "1e3s",
                                      "1,5s",
                                      " 1s",
                                      "1s ",
                                      "1h30m",
                                      "9223372036854775808ns",
                                      "-9223372036854775809ns",
                                      "15251w",
                                      "18446744073709551616ns",
                                      "1.0000000000000000000s",
                                      "0x1s",
                                      "1.5.5s"};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[RN_TIME_TEXT];
        int64_t ns = 42;
        assert_int_equal(rn_duration_parse(rows[i].text, strlen(rows[i].text), &ns, NULL), 0);
        assert_true(ns == rows[i].ns);
        assert_string_equal(rn_duration_format(ns, text), rows[i].shortest);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct runnel_err e = {0};
        int64_t ns = 42;
        if (rn_duration_parse(bad[i], strlen(bad[i]), &ns, &e) != -RUNNEL_EINVALID)
            fail_msg("not refused: \"%s\"", bad[i]);
        assert_int_equal(ns, 42);
        assert_non_null(strstr(e.msg, "want"));
    }
}

static void sizes(void **state) {
    static const struct {
        const char *text, *shortest;
        int64_t bytes;
    } rows[] = {
        {"0", "0", 0},
        {"0KiB", "0", 0},
        {"512", "512", 512},
        {"1024", "1KiB", 1024},
        {"64KiB", "64KiB", 65536},
        {"1536KiB", "1536KiB", 1536 * 1024},
        {"32MiB", "32MiB", 32 << 20},
        {"1GiB", "1GiB", 1 << 30},
        {"8388607TiB", "8388607TiB", INT64_C(8388607) << 40},
        {"9223372036854775807", "9223372036854775807", INT64_MAX},
    };
    static const char *const bad[] = {"",
                                      "KiB",
                                      "-1",
                                      "1.5KiB",
                                      "1 KiB",
                                      "1kib",
                                      "1KB",
                                      "1K",
                                      "1B",
                                      "+1",
                                      "8388608TiB",
                                      "9223372036854775808",
                                      "18446744073709551616",
                                      "1KiBx",
                                      " 1",
                                      "1 "};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[RN_TIME_TEXT];
        int64_t v = 42;
        assert_int_equal(rn_size_parse(rows[i].text, strlen(rows[i].text), &v, NULL), 0);
        assert_true(v == rows[i].bytes);
        assert_string_equal(rn_size_format(v, text), rows[i].shortest);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct runnel_err e = {0};
        int64_t v = 42;
        if (rn_size_parse(bad[i], strlen(bad[i]), &v, &e) != -RUNNEL_EINVALID)
            fail_msg("not refused: \"%s\"", bad[i]);
        assert_int_equal(v, 42);
        assert_non_null(strstr(e.msg, "want"));
    }
}

static void quantities_round_trip(void **state) {
    uint64_t seed = 8;
    size_t wrong = 0;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        int64_t v = (int64_t)(check_random(&seed) >> 1) >> check_below(&seed, 63), back = 0;
        char text[RN_TIME_TEXT];
        if (i % 2)
            v -= v % (RN_NS_S * 60);
        rn_size_format(v, text);
        wrong += rn_size_parse(text, strlen(text), &back, NULL) != 0 || back != v;
        v = i % 3 ? v : -v;
        rn_duration_format(v, text);
        wrong += rn_duration_parse(text, strlen(text), &back, NULL) != 0 || back != v;
    }
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known),     cmocka_unit_test(round_trip),
        cmocka_unit_test(every_day), cmocka_unit_test(spellings),
        cmocka_unit_test(relative),  cmocka_unit_test(refused),
        cmocka_unit_test(every_cut), cmocka_unit_test(durations),
        cmocka_unit_test(sizes),     cmocka_unit_test(quantities_round_trip),
    };
    return cmocka_run_group_tests_name("base time", tests, NULL, NULL);
}
