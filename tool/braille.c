/* SPDX-License-Identifier: MIT
 * braille.c — draws a line over time in text: 2 by 4 dots a character, axes with round numbers.
 * May touch: the heap.
 *
 * What is added is kept as first, last, least and greatest of each column of dots, so that any number
 * of observations needs the same memory and no peak gets lost.
 */
#include "tool/tool.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUTTER 10u /* columns left of the drawing: number, blank, axis */
#define DAY (86400 * RN_NS_S)

struct bin {
    int any;
    double first, last, least, greatest;
};

struct rn_plot {
    unsigned columns, rows; /* of characters */
    int ascii;
    int64_t from, to;
    double lo, hi;    /* of all values */
    struct bin *bins; /* two a column */
    uint8_t *cells;   /* dots of each character, row by row */
};

struct rn_plot *rn_plot_new(unsigned width, unsigned height, int ascii, int64_t from, int64_t to) {
    struct rn_plot *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->columns = width > GUTTER + 10 ? width - GUTTER : 10;
    p->rows = height;
    p->ascii = ascii;
    p->from = from;
    p->to = to > from ? to : from;
    p->lo = INFINITY;
    p->hi = -INFINITY;
    p->bins = calloc((size_t)p->columns * 2, sizeof *p->bins);
    p->cells = calloc((size_t)p->columns, p->rows);
    if (p->bins && p->cells)
        return p;
    rn_plot_free(p);
    return NULL;
}

void rn_plot_free(struct rn_plot *p) {
    if (!p)
        return;
    free(p->bins);
    free(p->cells);
    free(p);
}

/* The column of dots for an instant; spans over 292 years do not fit int64_t, hence the doubles. */
static int dot_x(const struct rn_plot *p, int64_t time) {
    double span = (double)p->to - (double)p->from;
    if (span <= 0)
        return (int)p->columns;
    return (int)lround(((double)time - (double)p->from) / span * (double)(2 * p->columns - 1));
}

void rn_plot_add(struct rn_plot *p, int64_t time, double v) {
    int x = dot_x(p, time);
    if (x < 0 || x >= (int)(2 * p->columns) || !isfinite(v))
        return;
    struct bin *b = &p->bins[x];
    if (!b->any)
        *b = (struct bin){1, v, v, v, v};
    b->last = v;
    b->least = v < b->least ? v : b->least;
    b->greatest = v > b->greatest ? v : b->greatest;
    p->lo = v < p->lo ? v : p->lo;
    p->hi = v > p->hi ? v : p->hi;
}

/* ---- dots ---- */

static void dot(const struct rn_plot *p, int x, int y) {
    static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    if (x >= 0 && y >= 0 && x < (int)(2 * p->columns) && y < (int)(4 * p->rows))
        p->cells[(unsigned)y / 4 * p->columns + (unsigned)x / 2] |= bits[y % 4][x % 2];
}

static void line(const struct rn_plot *p, int x0, int y0, int x1, int y1) {
    int steps = abs(x1 - x0) > abs(y1 - y0) ? abs(x1 - x0) : abs(y1 - y0);
    for (int i = 0; i <= steps; i++) {
        double part = steps ? (double)i / steps : 0;
        dot(p, x0 + (int)lround(part * (x1 - x0)), y0 + (int)lround(part * (y1 - y0)));
    }
}

static int dot_y(const struct rn_plot *p, double lo, double hi, double v) {
    return (int)lround((hi - v) / (hi - lo) * (double)(4 * p->rows - 1));
}

static void draw_line(const struct rn_plot *p, double lo, double hi) {
    int before = -1, y_before = 0;
    memset(p->cells, 0, (size_t)p->columns * p->rows);
    for (int x = 0; x < (int)(2 * p->columns); x++) {
        const struct bin *b = &p->bins[x];
        if (!b->any)
            continue;
        if (before >= 0)
            line(p, before, y_before, x, dot_y(p, lo, hi, b->first));
        line(p, x, dot_y(p, lo, hi, b->greatest), x, dot_y(p, lo, hi, b->least));
        before = x;
        y_before = dot_y(p, lo, hi, b->last);
    }
}

/* ---- left axis ---- */

/* The least of 1, 2, 5 times a power of ten that is not under `least`. */
static double round_step(double least) {
    double ten = pow(10, floor(log10(least)));
    double part = least / ten;
    return ten * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* The label of a row, when a round number falls into it. */
static void row_label(const struct rn_plot *p, unsigned row, double lo, double hi, double step, char out[16]) {
    double most = hi - (double)row * 4 / (double)(4 * p->rows - 1) * (hi - lo);
    double least = hi - (double)(row * 4 + 4) / (double)(4 * p->rows - 1) * (hi - lo);
    double v = floor(most / step + 1e-9) * step;
    int digits = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    out[0] = 0;
    if (v <= least)
        return;
    if (fabs(v) < step / 2)
        v = 0; /* never "-0" */
    if (fabs(v) >= 1e7 || digits > 5)
        (void)snprintf(out, 16, "%.3g", v);
    else
        (void)snprintf(out, 16, "%.*f", digits, v);
}

static void put_cell(const struct rn_plot *p, uint8_t bits, struct rn_buf *out) {
    if (bits == 0) {
        rn_buf_byte(out, ' ');
    } else if (p->ascii) {
        int up = (bits & 0x1b) != 0, down = (bits & 0xe4) != 0;
        rn_buf_byte(out, up && down ? '|' : up ? '\'' : '.');
    } else { /* U+2800 and the dots */
        rn_buf_byte(out, 0xe2);
        rn_buf_byte(out, (uint8_t)(0xa0 | bits >> 6));
        rn_buf_byte(out, (uint8_t)(0x80 | (bits & 0x3f)));
    }
}

static void draw_row(const struct rn_plot *p, unsigned row, double lo, double hi, double step, struct rn_buf *out) {
    char label[16];
    unsigned n = p->columns;
    row_label(p, row, lo, hi, step, label);
    rn_buf_fmt(out, "%*s %s", (int)GUTTER - 2, label, p->ascii ? (*label ? "+" : "|") : *label ? "┤" : "│");
    while (n > 0 && p->cells[row * p->columns + n - 1] == 0)
        n--; /* no blanks at the end of a line */
    for (unsigned i = 0; i < n; i++)
        put_cell(p, p->cells[row * p->columns + i], out);
    rn_buf_byte(out, '\n');
}

/* ---- bottom axis ---- */

/* A way to divide time: so many ns, or so many months. */
struct division {
    int64_t ns;
    int months;
    int from, n; /* part of the RFC 3339 text that labels it */
};

static const struct division divisions[] = {
    {RN_NS_MS, 0, 17, 6},        {10 * RN_NS_MS, 0, 17, 6},  {100 * RN_NS_MS, 0, 17, 4}, {RN_NS_S, 0, 11, 8},
    {5 * RN_NS_S, 0, 11, 8},     {15 * RN_NS_S, 0, 11, 8},   {30 * RN_NS_S, 0, 11, 8},   {60 * RN_NS_S, 0, 11, 5},
    {300 * RN_NS_S, 0, 11, 5},   {900 * RN_NS_S, 0, 11, 5},  {1800 * RN_NS_S, 0, 11, 5}, {3600 * RN_NS_S, 0, 11, 5},
    {10800 * RN_NS_S, 0, 11, 5}, {21600 * RN_NS_S, 0, 5, 8}, {43200 * RN_NS_S, 0, 5, 8}, {DAY, 0, 5, 5},
    {2 * DAY, 0, 5, 5},          {5 * DAY, 0, 5, 5},         {10 * DAY, 0, 5, 5},        {30 * DAY, 1, 0, 7},
    {91 * DAY, 3, 0, 7},         {182 * DAY, 6, 0, 7},       {365 * DAY, 12, 0, 4},      {730 * DAY, 24, 0, 4},
    {1826 * DAY, 60, 0, 4},      {3652 * DAY, 120, 0, 4},    {7305 * DAY, 240, 0, 4},    {18262 * DAY, 600, 0, 4},
    {36524 * DAY, 1200, 0, 4},
};

static const struct division *divide(const struct rn_plot *p) {
    size_t n = sizeof divisions / sizeof *divisions;
    double most = p->columns / 11.0 < 2 ? 2 : p->columns / 11.0;
    for (size_t i = 0; i < n; i++)
        if (((double)p->to - (double)p->from) / (double)divisions[i].ns <= most)
            return &divisions[i];
    return &divisions[n - 1];
}

/* Month number `m` (12 a year since year 0) as an instant; INT64_MAX when there is none such. */
static int64_t month_start(int m) {
    char text[24];
    int64_t t = INT64_MAX;
    (void)snprintf(text, sizeof text, "%04d-%02d-01", m / 12, m % 12 + 1);
    return rn_time_parse(text, strlen(text), 0, &t, NULL) < 0 ? INT64_MAX : t;
}

/* The first division not before `from`, and then the next; INT64_MAX behind the last. */
static int64_t first_tick(const struct rn_plot *p, const struct division *d, int *month) {
    char text[RN_TIME_TEXT];
    if (d->months == 0) {
        int64_t rest = p->from % d->ns;
        return rest == 0 ? p->from : p->from - rest + (rest > 0 ? d->ns : 0);
    }
    (void)rn_time_format(p->from, text);
    int m = atoi(text) * 12 + atoi(text + 5) - 1;
    *month = (m + d->months - 1) / d->months * d->months;
    int64_t t = month_start(*month);
    if (t < p->from) {
        *month += d->months;
        t = month_start(*month);
    }
    return t;
}

static int64_t next_tick(const struct division *d, int64_t t, int *month) {
    if (d->months == 0)
        return t > INT64_MAX - d->ns ? INT64_MAX : t + d->ns;
    *month += d->months;
    return month_start(*month);
}

static void draw_axis(const struct rn_plot *p, struct rn_buf *out) {
    const struct division *d = divide(p);
    struct rn_buf axis = {0}, labels = {0};
    size_t drawn = 0, used = 0; /* columns of each that are written */
    int month = 0;
    for (int64_t t = first_tick(p, d, &month); t <= p->to && t != INT64_MAX; t = next_tick(d, t, &month)) {
        char text[RN_TIME_TEXT];
        size_t x = (size_t)dot_x(p, t) / 2, half = (size_t)d->n / 2;
        size_t at = x + GUTTER > half ? x + GUTTER - half : 0;
        if (x >= p->columns || (used > 0 && at < used + 2) || x < drawn)
            continue;
        for (; drawn < x; drawn++)
            rn_buf_str(&axis, p->ascii ? "-" : "─");
        rn_buf_str(&axis, p->ascii ? "+" : "┬");
        drawn++;
        (void)rn_time_format(t, text);
        rn_buf_fmt(&labels, "%*s%.*s", (int)(at - used), "", d->n, text + d->from);
        used = at + (size_t)d->n;
    }
    for (; drawn < p->columns; drawn++)
        rn_buf_str(&axis, p->ascii ? "-" : "─");
    rn_buf_fmt(out, "%*s%s", (int)GUTTER - 1, "", p->ascii ? "+" : "└");
    rn_buf_add(out, axis.p, axis.n);
    rn_buf_byte(out, '\n');
    rn_buf_add(out, labels.p, labels.n);
    rn_buf_byte(out, '\n');
    if (axis.failed || labels.failed)
        out->failed = -RUNNEL_ENOMEM;
    rn_buf_free(&axis);
    rn_buf_free(&labels);
}

void rn_plot_draw(const struct rn_plot *p, struct rn_buf *out) {
    double lo = p->lo, hi = p->hi;
    if (!(hi > lo)) { /* one value only: draw it in the middle */
        double half = lo == 0 ? 1 : fabs(lo) * 0.05;
        lo -= half;
        hi += half;
    }
    double step = round_step((hi - lo) / (p->rows > 3 ? p->rows / 2.0 : 1));
    draw_line(p, lo, hi);
    for (unsigned row = 0; row < p->rows; row++)
        draw_row(p, row, lo, hi, step, out);
    draw_axis(p, out);
}
