/* SPDX-License-Identifier: MIT
 * quantity.c — durations and sizes: a number and a unit, exact or refused.
 * May touch: nothing but its arguments.
 */
#include "base/quantity.h"
#include "base/err.h"
#include "base/number.h"
#include "base/time.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 64u /* characters of bad input that an error repeats */
#define FRACTION_MAX 18u

struct unit {
    const char *name;
    int64_t of;
};

/* Largest first, as the writers try them. */
static const struct unit durations[] = {
    {"w", 7 * 86400 * RN_NS_S},
    {"d", 86400 * RN_NS_S},
    {"h", 3600 * RN_NS_S},
    {"m", 60 * RN_NS_S},
    {"s", RN_NS_S},
    {"ms", RN_NS_MS},
    {"us", RN_NS_US},
    {"ns", 1},
    {NULL, 0},
};
static const struct unit sizes[] = {
    {"TiB", INT64_C(1) << 40},
    {"GiB", INT64_C(1) << 30},
    {"MiB", INT64_C(1) << 20},
    {"KiB", INT64_C(1) << 10},
    {"", 1},
    {NULL, 0},
};

static const struct unit *unit_of(const struct unit *u, const char *s, size_t n) {
    for (; u->name; u++)
        if (strlen(u->name) == n && memcmp(u->name, s, n) == 0)
            return u;
    return NULL;
}

static size_t count_digits(const char *s, size_t n) {
    size_t i = 0;
    while (i < n && s[i] >= '0' && s[i] <= '9')
        i++;
    return i;
}

/* `digits` decimal places of a unit, if that is a whole number: cancels twos and fives. */
static int fraction(uint64_t decimals, size_t digits, int64_t unit, uint64_t *out) {
    static const uint64_t primes[] = {2, 5};
    uint64_t u = (uint64_t)unit;
    for (size_t k = 0; k < 2; k++) {
        for (size_t left = digits; left > 0; left--) {
            if (u % primes[k] == 0)
                u /= primes[k];
            else if (decimals % primes[k] == 0)
                decimals /= primes[k];
            else
                return 0;
        }
    }
    *out = decimals * u; /* less than the unit itself */
    return 1;
}

/* Decimal digits, which may begin with zeros. */
static int integer(const char *s, size_t n, uint64_t *out) {
    while (n > 1 && *s == '0') {
        s++;
        n--;
    }
    return rn_number_u64(s, n, out);
}

int rn_quantity_ns(const char *s, size_t n, int64_t *out) {
    uint64_t whole, part = 0, decimals = 0;
    size_t minus = n > 0 && *s == '-' ? 1 : 0, places = 0;
    s += minus;
    n -= minus;
    size_t i = count_digits(s, n), begin = i + 1;
    if (i < n && s[i] == '.') {
        places = count_digits(s + begin, n - begin);
        if (places == 0 || places > FRACTION_MAX)
            return 0;
    }
    size_t end = places ? begin + places : i;
    const struct unit *u = unit_of(durations, s + end, n - end);
    if (!u || !integer(s, i, &whole))
        return 0;
    if (places && (!integer(s + begin, places, &decimals) || !fraction(decimals, places, u->of, &part)))
        return 0;
    if (__builtin_mul_overflow(whole, (uint64_t)u->of, &whole) || __builtin_add_overflow(whole, part, &whole))
        return 0;
    return rn_number_sign(whole, minus != 0, out);
}

int rn_duration_parse(const char *s, size_t n, int64_t *out, struct runnel_err *err) {
    if (rn_quantity_ns(s, n, out))
        return 0;
    return rn_fail(err, RUNNEL_EINVALID,
                   "duration: found \"%.*s\", want a number and a unit (ns, us, ms, s, m, h, d, w), such as \"30s\"",
                   (int)(n < SHOWN ? n : SHOWN), s);
}

int rn_size_parse(const char *s, size_t n, int64_t *out, struct runnel_err *err) {
    size_t digits = count_digits(s, n);
    const struct unit *u = unit_of(sizes, s + digits, n - digits);
    uint64_t v;
    if (u && integer(s, digits, &v) && !__builtin_mul_overflow(v, (uint64_t)u->of, &v) && rn_number_sign(v, 0, out))
        return 0;
    return rn_fail(err, RUNNEL_EINVALID,
                   "size: found \"%.*s\", want a whole number of bytes or with a unit (KiB, MiB, GiB, TiB), such as "
                   "\"64KiB\"",
                   (int)(n < SHOWN ? n : SHOWN), s);
}

/* The largest unit of which `v` is a whole number; `zero` is the one for 0. */
static char *format(int64_t v, const struct unit *u, const char *zero, char *out) {
    while (v % u->of != 0)
        u++;
    (void)snprintf(out, RN_TIME_TEXT, "%" PRId64 "%s", v / u->of, v ? u->name : zero);
    return out;
}

char *rn_duration_format(int64_t ns, char out[RN_TIME_TEXT]) {
    return format(ns, durations, "s", out);
}

char *rn_size_format(int64_t bytes, char out[RN_TIME_TEXT]) {
    return format(bytes, sizes, "", out);
}
