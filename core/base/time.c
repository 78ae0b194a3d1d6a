/* SPDX-License-Identifier: MIT
 * time.c — instants as people write them: RFC 3339, relative to now, or a count of ns.
 * May touch: nothing but its arguments.
 */
#include "base/time.h"
#include "base/err.h"
#include "base/number.h"
#include "base/quantity.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_S INT64_C(86400)
#define ERA_DAYS INT64_C(146097) /* 400 years */
#define SHOWN 64u                /* characters of bad input that an error repeats */

/* ---- days and dates (the proleptic Gregorian calendar; years begin in March, so that leap days come last) ---- */

static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day) {
    int64_t z = days + 719468; /* since 0000-03-01; days of int64_t ns never go below it */
    int64_t era = z / ERA_DAYS, of_era = z % ERA_DAYS;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = y + era * 400 + (*month <= 2 ? 1 : 0);
}

static int64_t days_in(int64_t year, int64_t month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

char *rn_time_format(int64_t ns, char out[RN_TIME_TEXT]) {
    int64_t s = ns / RN_NS_S, rest = ns % RN_NS_S, year, month, day;
    if (rest < 0) {
        rest += RN_NS_S;
        s--;
    }
    int64_t of_day = s % DAY_S, days = s / DAY_S;
    if (of_day < 0) {
        of_day += DAY_S;
        days--;
    }
    date_of(days, &year, &month, &day);
    int n = snprintf(out, RN_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%09d", (int)year, (int)month, (int)day,
                     (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), (int)rest);
    while (n > 0 && out[n - 1] == '0' && rest != 0)
        n--;
    if (rest == 0)
        n -= 10;
    memcpy(out + n, "Z", 2);
    return out;
}

/* ---- reading ---- */

struct text {
    const char *s;
    size_t n, i;
    const char *why; /* what is wrong, where "found, want" does not say it well */
};

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static char peek(const struct text *t) {
    return t->i < t->n ? t->s[t->i] : 0;
}

static int take(struct text *t, const char *one_of) {
    if (!peek(t) || !strchr(one_of, peek(t)))
        return 0;
    t->i++;
    return 1;
}

/* Exactly `width` digits, from `min` to `max`. */
static int take_int(struct text *t, unsigned width, int64_t min, int64_t max, int64_t *out) {
    *out = 0;
    for (unsigned k = 0; k < width; k++, t->i++) {
        if (!is_digit(peek(t)))
            return 0;
        *out = *out * 10 + (peek(t) - '0');
    }
    if (*out >= min && *out <= max)
        return 1;
    t->why = "there is no such day or time of day";
    return 0;
}

static int take_fraction(struct text *t, int64_t *ns) {
    int64_t unit = RN_NS_S / 10;
    *ns = 0;
    if (!take(t, "."))
        return 1;
    if (!is_digit(peek(t)))
        return 0;
    for (; is_digit(peek(t)); t->i++, unit /= 10) {
        if (unit == 0 && peek(t) != '0') {
            t->why = "a second has nine decimal places here, no more";
            return 0;
        }
        *ns += unit * (peek(t) - '0');
    }
    return 1;
}

/* "Z", "+01:00" or nothing, which is UTC. */
static int take_zone(struct text *t, int64_t *seconds) {
    int64_t h, m;
    *seconds = 0;
    if (t->i == t->n || take(t, "Zz"))
        return 1;
    int west = peek(t) == '-';
    if (!take(t, "+-") || !take_int(t, 2, 0, 23, &h) || !take(t, ":") || !take_int(t, 2, 0, 59, &m))
        return 0;
    *seconds = (h * 3600 + m * 60) * (west ? -1 : 1);
    return 1;
}

/* Seconds and ns make an instant, if it fits. */
static int instant(struct text *t, int64_t seconds, int64_t ns, int64_t *out) {
    if (seconds < 0 && ns > 0) { /* so that no partial sum is out of range where the whole is not */
        seconds++;
        ns -= RN_NS_S;
    }
    if (!__builtin_mul_overflow(seconds, RN_NS_S, &seconds) && !__builtin_add_overflow(seconds, ns, out))
        return 1;
    t->why = "only times from 1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z can be kept";
    return 0;
}

/* The time of day behind a date whose midnight is `seconds`. */
static int clock_time(struct text *t, int64_t seconds, int64_t *out) {
    int64_t h, m, s, ns, zone;
    if (!take_int(t, 2, 0, 23, &h) || !take(t, ":") || !take_int(t, 2, 0, 59, &m) || !take(t, ":") ||
        !take_int(t, 2, 0, 60, &s) || !take_fraction(t, &ns) || !take_zone(t, &zone) || t->i != t->n)
        return 0;
    seconds += h * 3600 + m * 60 - zone;
    if (s == 60) {
        if (((seconds % DAY_S) + DAY_S) % DAY_S != DAY_S - 60) {
            t->why = "a leap second is the last one of a day in UTC";
            return 0;
        }
        s = 59;
        ns = RN_NS_S - 1;
    }
    return instant(t, seconds + s, ns, out);
}

static int date_time(struct text *t, int64_t *out) {
    int64_t year, month, day;
    if (!take_int(t, 4, 0, 9999, &year) || !take(t, "-") || !take_int(t, 2, 1, 12, &month) || !take(t, "-") ||
        !take_int(t, 2, 1, 31, &day))
        return 0;
    if (day > days_in(year, month)) {
        t->why = "there is no such day";
        return 0;
    }
    int64_t midnight = days_of(year, month, day) * DAY_S;
    if (t->i == t->n)
        return instant(t, midnight, 0, out);
    return take(t, "Tt ") && clock_time(t, midnight, out);
}

/* What follows "now". */
static int relative(struct text *t, int64_t now, int64_t *out) {
    int64_t by;
    *out = now;
    if (t->i == t->n)
        return 1;
    int back = peek(t) == '-';
    if (!take(t, "+-") || !is_digit(peek(t)) || !rn_quantity_ns(t->s + t->i, t->n - t->i, &by))
        return 0;
    if (back ? !__builtin_sub_overflow(now, by, out) : !__builtin_add_overflow(now, by, out))
        return 1;
    t->why = "that is out of range";
    return 0;
}

int rn_time_parse(const char *s, size_t n, int64_t now, int64_t *out, struct runnel_err *err) {
    struct text t = {.s = s, .n = n};
    int64_t v = 0;
    int ok;
    if (n >= 3 && memcmp(s, "now", 3) == 0) {
        t.i = 3;
        ok = relative(&t, now, &v);
    } else {
        ok = rn_number_i64(s, n, &v) || date_time(&t, &v);
    }
    if (ok) {
        *out = v;
        return 0;
    }
    return rn_fail(err, RUNNEL_EINVALID,
                   "time: found \"%.*s\"%s%s, want RFC 3339 (\"2012-01-01T00:00:00Z\"), a date (\"2012-01-01\"), "
                   "\"now\", \"now-1h\" or ns since 1970",
                   (int)(n < SHOWN ? n : SHOWN), s, t.why ? ": " : "", t.why ? t.why : "");
}
