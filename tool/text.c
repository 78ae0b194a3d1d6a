/* SPDX-License-Identifier: MIT
 * text.c — text for people: widths, human units; and CSV and JSON for programs.
 * May touch: nothing but its arguments.
 */
#include "base/utf8.h"
#include "tool/tool.h"
#include <string.h>

/* Characters that take no column, or two. Ranges of the common scripts; a terminal may differ in rare
 * ones, which shifts a column and nothing more. */
static unsigned columns(uint32_t c) {
    static const struct {
        uint32_t from, to;
        unsigned width;
    } special[] = {{0x0300, 0x036f, 0},   {0x200b, 0x200f, 0},   {0x20d0, 0x20f0, 0},  {0xfe00, 0xfe0f, 0},
                   {0xfe20, 0xfe2f, 0},   {0x1100, 0x115f, 2},   {0x2e80, 0x303e, 2},  {0x3041, 0x4dbf, 2},
                   {0x4e00, 0x9fff, 2},   {0xa000, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},  {0xf900, 0xfaff, 2},
                   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2},  {0x1f300, 0x1f64f, 2},
                   {0x1f680, 0x1f6ff, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2}};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (c >= special[i].from && c <= special[i].to)
            return special[i].width;
    return 1;
}

size_t rn_text_width(const char *s, size_t n) {
    size_t width = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        int k = rn_utf8_get((const uint8_t *)s + i, n - i, &c);
        width += k > 0 ? columns(c) : 1;
        i += k > 0 ? (size_t)k : 1;
    }
    return width;
}

/* C0, DEL, C1, and the marks that turn the direction of writing: none may reach a terminal. */
static int harmful(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void rn_text_clean(struct rn_buf *b, const void *p, size_t n) {
    const uint8_t *s = p;
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        int k = rn_utf8_get(s + i, n - i, &c);
        if (k <= 0 || harmful(c))
            rn_buf_byte(b, '?');
        else
            rn_buf_add(b, s + i, (size_t)k);
        i += k > 0 ? (size_t)k : 1;
    }
}

void rn_human_bytes(struct rn_buf *b, uint64_t n) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)n;
    size_t u = 0;
    while (v >= 1024 && u < 6) {
        v /= 1024;
        u++;
    }
    rn_buf_fmt(b, u > 0 && v < 10 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

void rn_human_count(struct rn_buf *b, uint64_t n) {
    char digits[24];
    size_t k = 0;
    do {
        digits[k++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (k > 0) {
        rn_buf_byte(b, (uint8_t)digits[--k]);
        if (k > 0 && k % 3 == 0)
            rn_buf_byte(b, ',');
    }
}

void rn_human_span(struct rn_buf *b, int64_t ns) {
    static const struct {
        int64_t ns;
        const char *unit;
    } units[] = {
        {86400 * RN_NS_S, "d"}, {3600 * RN_NS_S, "h"}, {60 * RN_NS_S, "min"}, {RN_NS_S, "s"}, {RN_NS_MS, "ms"}};
    if (ns < 0)
        ns = 0;
    for (size_t i = 0; i < 5; i++) {
        if (ns < units[i].ns && i < 4)
            continue;
        rn_buf_fmt(b, "%lld %s", (long long)(ns / units[i].ns), units[i].unit);
        if (i < 3 && ns % units[i].ns >= units[i + 1].ns) /* two units tell enough */
            rn_buf_fmt(b, " %lld %s", (long long)(ns % units[i].ns / units[i + 1].ns), units[i + 1].unit);
        return;
    }
}

void rn_csv_field(struct rn_buf *b, struct runnel_bytes f) {
    int quote = 0;
    for (size_t i = 0; i < f.n && !quote; i++)
        quote = f.p[i] == '"' || f.p[i] == ',' || f.p[i] == '\n' || f.p[i] == '\r';
    if (!quote) {
        rn_buf_add(b, f.p, f.n);
        return;
    }
    rn_buf_byte(b, '"');
    for (size_t i = 0; i < f.n; i++) {
        if (f.p[i] == '"')
            rn_buf_byte(b, '"');
        rn_buf_byte(b, f.p[i]);
    }
    rn_buf_byte(b, '"');
}

void rn_json_observation(struct rn_buf *b, const struct runnel_observation *o) {
    struct rn_jw w;
    rn_jw_init(&w, b);
    rn_jw_object(&w);
    rn_jw_key(&w, "seq");
    rn_jw_u64(&w, o->seq);
    rn_jw_kns(&w, "time", o->time);
    rn_jw_key(&w, "value");
    rn_jw_raw(&w, o->value.p, o->value.n);
    rn_jw_end_object(&w);
}
