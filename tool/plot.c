/* SPDX-License-Identifier: MIT
 * plot.c — runnel plot: the numbers of a stream, drawn.
 * May touch: the node, the terminal's size.
 */
#include "tool/tool.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct drawing {
    struct rn_tool *tool;
    unsigned width, height;
    int ascii;
    struct rn_plot *plot;
    int64_t to, first, last;
    uint64_t numbers, others;
    double least, greatest, newest;
    int done, no_memory;
    int failed;
    struct runnel_err err;
};

static int number_of(struct runnel_bytes v, double *out) {
    char text[512];
    char *end;
    if (v.n >= sizeof text || !(v.p[0] == '-' || (v.p[0] >= '0' && v.p[0] <= '9')))
        return 0;
    memcpy(text, v.p, v.n);
    text[v.n] = 0;
    *out = strtod(text, &end);
    return *end == 0 && isfinite(*out);
}

static void add(struct drawing *d, const struct runnel_observation *o) {
    double v;
    if (!number_of(o->value, &v)) {
        d->others++;
        return;
    }
    if (!d->plot) {
        d->first = o->time;
        d->least = d->greatest = v;
        d->plot = rn_plot_new(d->width, d->height, d->ascii, o->time, d->to);
    }
    if (!d->plot) {
        d->no_memory = 1;
        return;
    }
    if (o->time > d->to)
        return; /* made while we draw */
    rn_plot_add(d->plot, o->time, v);
    d->numbers++;
    d->newest = v;
    d->last = o->time;
    d->least = v < d->least ? v : d->least;
    d->greatest = v > d->greatest ? v : d->greatest;
}

static void on_observations(void *arg, const struct runnel_observation *o, size_t n) {
    for (size_t i = 0; i < n; i++)
        add(arg, &o[i]);
}

static void on_end(void *arg, uint64_t next, const struct runnel_err *err) {
    struct drawing *d = arg;
    (void)next;
    d->done = 1;
    d->failed = err != NULL;
    if (err)
        d->err = *err;
}

static int read_all(struct drawing *d, const struct rn_stream *s, const struct runnel_follow_options *o) {
    struct runnel_follow_calls calls = {.size = sizeof calls, .observations = on_observations, .end = on_end};
    struct runnel_err err;
    if (runnel_history(d->tool->client, s->id, o, &calls, d, NULL, &err) < 0)
        return rn_tool_fail(d->tool, rn_exit_of(&err), &err);
    d->done = 0;
    rn_node_wait(d->tool, &d->done);
    if (d->no_memory)
        return rn_tool_failf(d->tool, RN_EXIT_ERROR, RUNNEL_ENOMEM, "plot: no memory");
    if (d->failed)
        return rn_tool_fail(d->tool, rn_exit_of(&d->err), &d->err);
    return 0;
}

/* Where the time axis ends. Only for an end given as a seq must the node be asked. */
static void on_last(void *arg, const struct runnel_observation *o, size_t n) {
    struct drawing *d = arg;
    d->to = o[n - 1].time;
}

static int find_end(struct drawing *d, const struct rn_stream *s, const struct runnel_follow_options *o) {
    d->to = s->last;
    if (o->until == RUNNEL_UNTIL_TIME && o->until_time <= s->last)
        d->to = o->until_time - 1;
    if (o->until != RUNNEL_UNTIL_SEQ || o->until_seq == 0 || o->until_seq >= s->count)
        return 0;
    struct runnel_follow_options last = {.size = sizeof last,
                                         .from = RUNNEL_FROM_SEQ,
                                         .from_seq = o->until_seq - 1,
                                         .until = RUNNEL_UNTIL_SEQ,
                                         .until_seq = o->until_seq};
    struct runnel_follow_calls calls = {.size = sizeof calls, .observations = on_last, .end = on_end};
    struct runnel_err err;
    if (runnel_history(d->tool->client, s->id, &last, &calls, d, NULL, &err) < 0)
        return rn_tool_fail(d->tool, rn_exit_of(&err), &err);
    rn_node_wait(d->tool, &d->done);
    return d->failed ? rn_tool_fail(d->tool, rn_exit_of(&d->err), &d->err) : 0;
}

static int sizes(struct drawing *d) {
    struct winsize w;
    uint64_t width = 80, height = 12;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        width = w.ws_col < 30 ? 30 : w.ws_col > 400 ? 400 : w.ws_col;
    int r = rn_arg_u64(d->tool, "width", 30, 400, &width);
    if (r == 0)
        r = rn_arg_u64(d->tool, "height", 3, 100, &height);
    d->width = (unsigned)width;
    d->height = (unsigned)height;
    d->ascii = rn_arg(d->tool, "ascii") != NULL;
    return r;
}

static void write_text(struct drawing *d, const struct rn_stream *s) {
    struct rn_buf b = {0};
    char from[RN_TIME_TEXT], to[RN_TIME_TEXT];
    rn_text_clean(&b, s->name, strlen(s->name));
    if (s->unit[0]) {
        rn_buf_str(&b, ", ");
        rn_text_clean(&b, s->unit, strlen(s->unit));
    }
    rn_buf_byte(&b, '\n');
    rn_plot_draw(d->plot, &b);
    rn_human_count(&b, d->numbers);
    rn_buf_fmt(&b, " observations from %s to %s\nleast %.10g, greatest %.10g, last %.10g",
               rn_time_format(d->first, from), rn_time_format(d->last, to), d->least, d->greatest, d->newest);
    if (d->others > 0)
        rn_buf_fmt(&b, "; %llu that are no numbers are left out", (unsigned long long)d->others);
    rn_buf_byte(&b, '\n');
    if (b.failed)
        d->tool->out.failed = b.failed;
    rn_out_bytes(d->tool, b.p, b.n);
    rn_buf_free(&b);
}

/* For programs: the numbers under the drawing; they have history for the rest. */
static void write_json(struct drawing *d, const struct rn_stream *s) {
    struct rn_buf b = {0};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "stream", s->id);
    rn_jw_key(&w, "numbers");
    rn_jw_u64(&w, d->numbers);
    rn_jw_key(&w, "others");
    rn_jw_u64(&w, d->others);
    rn_jw_kns(&w, "from", d->first);
    rn_jw_kns(&w, "to", d->last);
    const double v[] = {d->least, d->greatest, d->newest};
    static const char *const names[] = {"least", "greatest", "last"};
    for (size_t i = 0; i < 3; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "%.17g", v[i]);
        rn_jw_key(&w, names[i]);
        rn_jw_raw(&w, text, (size_t)n);
    }
    rn_jw_end_object(&w);
    rn_buf_byte(&b, '\n');
    rn_out_bytes(d->tool, b.p, b.n);
    rn_buf_free(&b);
}

int rn_cmd_plot(struct rn_tool *t) {
    struct drawing d = {.tool = t};
    struct rn_stream s;
    struct runnel_follow_options o = {.size = sizeof o};
    struct rn_range range;
    int r = sizes(&d);
    if (r == 0)
        r = rn_range_read(t, &range);
    if (r == 0)
        r = rn_resolve(t, t->words[0], &s);
    if (r == 0)
        r = rn_range_apply(t, &range, &s, &o);
    if (r == 0)
        r = find_end(&d, &s, &o);
    if (r == 0)
        r = read_all(&d, &s, &o);
    if (r == 0 && !d.plot)
        r = rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_ENOTFOUND, "plot: there is no number to draw in that range of %s",
                          s.name);
    if (r == 0 && t->json)
        write_json(&d, &s);
    else if (r == 0)
        write_text(&d, &s);
    rn_plot_free(d.plot);
    return r;
}
