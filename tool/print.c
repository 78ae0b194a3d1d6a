/* SPDX-License-Identifier: MIT
 * print.c — writes observations as csv, ndjson or a table.
 * May touch: the tool's output.
 */
#include "tool/tool.h"
#include <string.h>

int rn_format_arg(const struct rn_tool *t, enum rn_format *out) {
    const char *s = rn_arg(t, "format");
    *out = t->json ? RN_NDJSON : RN_TABLE;
    if (!s)
        return 0;
    if (t->json && strcmp(s, "ndjson") != 0)
        return rn_usage(t, "--json and --format %s exclude one another", s);
    if (strcmp(s, "csv") == 0)
        *out = RN_CSV;
    else if (strcmp(s, "ndjson") == 0)
        *out = RN_NDJSON;
    else if (strcmp(s, "table") == 0)
        *out = RN_TABLE;
    else
        return rn_usage(t, "--format %s: want csv, ndjson or table", s);
    return 0;
}

static size_t digits(uint64_t n) {
    size_t k = 1;
    for (; n >= 10; n /= 10)
        k++;
    return k;
}

void rn_print_begin(struct rn_printer *p, const struct rn_stream *s) {
    if (p->format == RN_CSV)
        rn_out(p->tool, "time,value\n");
    if (p->format != RN_TABLE)
        return;
    p->seq_width = digits(s->count) < 3 ? 3 : digits(s->count);
    p->time_width = 20;
    struct rn_buf unit = {0};
    rn_text_clean(&unit, s->unit, strlen(s->unit));
    rn_out(p->tool, "%*s  %-*s  value", (int)p->seq_width, "seq", (int)p->time_width, "time");
    if (unit.n > 0 && !unit.failed)
        rn_out(p->tool, " (%s)", rn_buf_cstr(&unit));
    rn_out(p->tool, "\n");
    rn_buf_free(&unit);
}

static void print_row(struct rn_printer *p, const struct runnel_observation *o, struct rn_buf *line) {
    char time[RN_TIME_TEXT];
    (void)rn_time_format(o->time, time);
    switch (p->format) {
    case RN_CSV:
        rn_buf_str(line, time);
        rn_buf_byte(line, ',');
        rn_csv_field(line, o->value);
        break;
    case RN_NDJSON:
        rn_json_observation(line, o);
        break;
    case RN_TABLE:
        rn_buf_fmt(line, "%*llu  %-*s  ", (int)p->seq_width, (unsigned long long)o->seq, (int)p->time_width, time);
        rn_text_clean(line, o->value.p, o->value.n);
        break;
    }
    rn_buf_byte(line, '\n');
}

void rn_print(struct rn_printer *p, const struct runnel_observation *o, size_t n) {
    struct rn_buf lines = {0};
    char time[RN_TIME_TEXT];
    for (size_t i = 0; i < n && p->format == RN_TABLE; i++) {
        size_t w = strlen(rn_time_format(o[i].time, time)), d = digits(o[i].seq);
        p->time_width = w > p->time_width ? w : p->time_width;
        p->seq_width = d > p->seq_width ? d : p->seq_width;
    }
    for (size_t i = 0; i < n; i++)
        print_row(p, &o[i], &lines);
    if (lines.failed)
        p->tool->out.failed = lines.failed;
    rn_out_bytes(p->tool, lines.p, lines.n);
    rn_buf_free(&lines);
}
