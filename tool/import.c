/* SPDX-License-Identifier: MIT
 * import.c — runnel import: two columns of a CSV file into a stream.
 * May touch: the file, the node.
 *
 * The file is read twice: first all rows are checked, so that a bad one is found before anything is
 * published; then they are published, each batch at the seq where it belongs, so that nothing can
 * come between and a batch that fails fails all behind it.
 */
#include "base/utf8.h"
#include "tool/batch.h"
#include <errno.h>
#include <string.h>

#define LISTED 20u /* refused rows that are told one by one */
#define AHEAD (600 * RN_NS_S)

enum row { ROW_END, ROW_TAKEN, ROW_EMPTY, ROW_REFUSED, ROW_BROKEN };

struct import {
    struct rn_tool *tool;
    const char *path;
    FILE *file;
    struct rn_csv csv;
    size_t time_column, value_column;
    int64_t epoch; /* ns a unit of the times; 0: they are dates */
    int strings, skip, no_header;
    int64_t now, last; /* last: time of the row before */
    int any;
    /* the row at hand */
    int64_t time;
    struct rn_buf value;
    /* what was found */
    uint64_t rows, empty, refused;
};

/* ---- columns ---- */

static int number_of(const char *s, size_t *out) {
    size_t v = 0;
    for (const char *p = s; *p; p++) {
        if (*p < '0' || *p > '9' || v > 100000)
            return 0;
        v = v * 10 + (size_t)(*p - '0');
    }
    *out = v - 1;
    return v > 0;
}

static int unknown_column(struct import *m, const char *option, const char *name) {
    struct rn_buf b = {0};
    for (size_t i = 0; i < m->csv.n_fields; i++) {
        size_t n = 0;
        const char *s = rn_csv_field_at(&m->csv, i, &n);
        rn_buf_str(&b, i ? ", " : "");
        rn_text_clean(&b, s, n);
    }
    int r = rn_usage(m->tool, "--%s %s: %s has no such column; it has %s", option, name, m->path,
                     rn_buf_cstr(&b) ? (const char *)b.p : "others");
    rn_buf_free(&b);
    return r;
}

static int find_column(struct import *m, const char *option, size_t *out) {
    const char *name = rn_arg(m->tool, option);
    for (size_t i = 0; i < m->csv.n_fields && !m->no_header; i++) {
        size_t n = 0;
        const char *s = rn_csv_field_at(&m->csv, i, &n);
        if (strlen(name) == n && memcmp(name, s, n) == 0) {
            *out = i;
            return 0;
        }
    }
    if (number_of(name, out) && *out < m->csv.n_fields)
        return 0;
    return unknown_column(m, option, name);
}

/* ---- a row ---- */

static void trim(const char **s, size_t *n) {
    while (*n > 0 && (**s == ' ' || **s == '\t')) {
        ++*s;
        --*n;
    }
    while (*n > 0 && ((*s)[*n - 1] == ' ' || (*s)[*n - 1] == '\t'))
        --*n;
}

static int is_count(const char *s, size_t n) {
    size_t i = n > 0 && s[0] == '-';
    if (i == n)
        return 0;
    for (; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return 0;
    return 1;
}

static int read_time(struct import *m, const char *s, size_t n, struct runnel_err *err) {
    int64_t v = 0;
    if (n == 0)
        return rn_fail(err, RUNNEL_EINVALID, "the time is empty");
    if (is_count(s, n) != (m->epoch != 0))
        return rn_fail(err, RUNNEL_EINVALID,
                       m->epoch ? "the time \"%.*s\" is no whole number, as --epoch says it is"
                                : "the time \"%.*s\" is a bare number: say what it counts with --epoch",
                       (int)(n < 60 ? n : 60), s);
    int r = rn_time_parse(s, n, m->now, &v, err); /* a bare count is read as ns */
    if (r < 0)
        return r;
    if (m->epoch > 1 && (v > INT64_MAX / m->epoch || v < INT64_MIN / m->epoch))
        return rn_fail(err, RUNNEL_EINVALID, "the time is outside the years 1677 to 2262");
    m->time = m->epoch ? v * m->epoch : v;
    if (m->time > m->now + AHEAD)
        return rn_fail(err, RUNNEL_EINVALID, "the time is more than 10 minutes in the future");
    if (m->any && m->time < m->last) {
        char before[RN_TIME_TEXT];
        return rn_fail(err, RUNNEL_EINVALID, "the time goes back behind %s of the row before",
                       rn_time_format(m->last, before));
    }
    return 0;
}

static int read_value(struct import *m, const char *s, size_t n, struct runnel_err *err) {
    rn_buf_clear(&m->value);
    int r = rn_value_compact(s, n, &m->value, err);
    if (r == 0)
        return runnel_value_check(m->value.p, m->value.n, err);
    if (!m->strings)
        return rn_fail(err, RUNNEL_EINVALID, "the value \"%.*s\" is no JSON (--strings takes such cells as strings)",
                       (int)(n < 60 ? n : 60), s);
    if (!rn_utf8_valid(s, n))
        return rn_fail(err, RUNNEL_EINVALID, "the value is not UTF-8");
    struct rn_jw w;
    rn_buf_clear(&m->value);
    rn_jw_init(&w, &m->value);
    rn_jw_strn(&w, s, n);
    return m->value.failed ? rn_fail(err, RUNNEL_ENOMEM, "no memory") : runnel_value_check(m->value.p, m->value.n, err);
}

static enum row take_row(struct import *m, struct runnel_err *err) {
    size_t n_time = 0, n_value = 0;
    int r = rn_csv_next(&m->csv, err);
    if (r <= 0)
        return r < 0 ? ROW_BROKEN : ROW_END;
    if (m->csv.n_fields == 1 && m->csv.ends[0] == 0)
        return ROW_EMPTY; /* a blank line */
    size_t most = m->time_column > m->value_column ? m->time_column : m->value_column;
    const char *time = rn_csv_field_at(&m->csv, m->time_column, &n_time);
    const char *value = rn_csv_field_at(&m->csv, m->value_column, &n_value);
    if (!time || !value) {
        (void)rn_fail(err, RUNNEL_EINVALID, "has %zu fields, column %zu is wanted", m->csv.n_fields, most + 1);
        return ROW_REFUSED;
    }
    trim(&time, &n_time);
    trim(&value, &n_value);
    if (n_value == 0)
        return ROW_EMPTY;
    if (read_time(m, time, n_time, err) < 0 || read_value(m, value, n_value, err) < 0)
        return ROW_REFUSED;
    m->last = m->time;
    m->any = 1;
    return ROW_TAKEN;
}

/* ---- the two passes ---- */

static int broken(struct import *m, const struct runnel_err *err) {
    return rn_tool_failf(m->tool, RN_EXIT_ERROR, err->code, "import: %s: %s", m->path, err->msg);
}

static int rewind_rows(struct import *m) {
    struct runnel_err err;
    rn_csv_free(&m->csv);
    rn_csv_init(&m->csv, m->file);
    m->any = 0;
    m->rows = m->empty = m->refused = 0;
    if (fseek(m->file, 0, SEEK_SET) != 0)
        return rn_tool_failf(
            m->tool, RN_EXIT_ERROR, RUNNEL_EINVALID,
            "import: %s cannot be read twice: save it to a file first, or pipe lines to \"runnel publish\"", m->path);
    if (m->no_header)
        return 0;
    int r = rn_csv_next(&m->csv, &err);
    return r < 0 ? broken(m, &err) : 0;
}

static void tell_refused(struct import *m, const struct runnel_err *err) {
    m->refused++;
    if (m->tool->json || m->refused > LISTED)
        return;
    (void)fprintf(stderr, "%s:%zu: %s\n", m->path, m->csv.line, err->msg);
}

static int check_rows(struct import *m) {
    struct runnel_err err;
    int r = rewind_rows(m);
    if (r != 0)
        return r;
    for (;;) {
        enum row row = take_row(m, &err);
        if (row == ROW_BROKEN)
            return broken(m, &err);
        if (row == ROW_END)
            break;
        m->rows += row == ROW_TAKEN;
        m->empty += row == ROW_EMPTY;
        if (row == ROW_REFUSED)
            tell_refused(m, &err);
    }
    if (m->refused > LISTED && !m->tool->json)
        (void)fprintf(stderr, "%s: and %llu more\n", m->path, (unsigned long long)(m->refused - LISTED));
    if (m->refused > 0 && !m->skip)
        return rn_tool_failf(
            m->tool, RN_EXIT_ERROR, RUNNEL_EINVALID,
            "import: %llu of the rows of %s are refused and nothing was published; --skip-refused imports "
            "the others",
            (unsigned long long)m->refused, m->path);
    return 0;
}

/* Rows that are in the stream already end in a batch of their own: it is the one that was sent then. */
static int at_seam(const struct rn_batch *b, uint64_t count) {
    return b->n > 0 && b->seq + b->n == count;
}

static int publish_row(struct import *m, struct rn_batch *b, const struct rn_stream *s, struct runnel_err *err) {
    const char *value = (const char *)m->value.p;
    int r = at_seam(b, s->count) ? rn_batch_send(b, err) : 0;
    if (r == 0)
        r = rn_batch_add_json(b, m->time, value, m->value.n, err);
    if (r == -RUNNEL_ETOOBIG) {
        r = rn_batch_send(b, err);
        if (r == 0)
            r = rn_batch_add_json(b, m->time, value, m->value.n, err);
    }
    return r;
}

static int publish_rows(struct import *m, struct rn_batch *b, const struct rn_stream *s) {
    struct runnel_err err;
    uint64_t rows = 0;
    for (;;) {
        enum row row = take_row(m, &err);
        if (row == ROW_BROKEN || (row == ROW_REFUSED && !m->skip))
            return broken(m, &err); /* the file was changed since */
        if (row == ROW_END || b->failed)
            break;
        if (row == ROW_REFUSED)
            m->refused++;
        m->empty += row == ROW_EMPTY;
        if (row != ROW_TAKEN)
            continue;
        rows++;
        if (publish_row(m, b, s, &err) < 0)
            return broken(m, &err);
    }
    m->rows = rows;
    return rn_batch_send(b, &err) < 0 ? broken(m, &err) : 0;
}

/* ---- before and after ---- */

static int read_options(struct import *m, uint64_t *seq) {
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {{"s", RN_NS_S}, {"ms", RN_NS_MS}, {"us", RN_NS_US}, {"ns", 1}};
    const struct rn_tool *t = m->tool;
    const char *epoch = rn_arg(t, "epoch");
    if (!rn_arg(t, "time") || !rn_arg(t, "value"))
        return rn_usage(t,
                        "--time and --value are needed, as in runnel import STREAM FILE.csv --time date --value co2");
    for (size_t i = 0; epoch && i < 4; i++)
        if (strcmp(units[i].unit, epoch) == 0)
            m->epoch = units[i].ns;
    if (epoch && m->epoch == 0)
        return rn_usage(t, "--epoch %s: want s, ms, us or ns", epoch);
    m->strings = rn_arg(t, "strings") != NULL;
    m->skip = rn_arg(t, "skip-refused") != NULL;
    m->no_header = rn_arg(t, "no-header") != NULL;
    return rn_arg_u64(t, "seq", 0, (uint64_t)1 << 53, seq);
}

static int open_file(struct import *m) {
    struct runnel_err err;
    m->file = fopen(m->path, "rbe");
    if (!m->file)
        return rn_tool_failf(m->tool, RN_EXIT_ERROR, RUNNEL_EIO, "import: cannot open %s: %s", m->path,
                             strerror(errno));
    rn_csv_init(&m->csv, m->file);
    int r = rn_csv_next(&m->csv, &err);
    if (r < 0)
        return broken(m, &err);
    if (r == 0)
        return rn_tool_failf(m->tool, RN_EXIT_ERROR, RUNNEL_EINVALID, "import: %s is empty", m->path);
    r = find_column(m, "time", &m->time_column);
    return r ? r : find_column(m, "value", &m->value_column);
}

/* Rows before the stream's end can only be a repeat. */
static int check_against(struct import *m, const struct rn_stream *s, uint64_t seq) {
    char last[RN_TIME_TEXT], first[RN_TIME_TEXT];
    struct runnel_err err;
    if (seq != s->count || !s->has_last)
        return 0;
    int r = rewind_rows(m);
    enum row row = r == 0 ? take_row(m, &err) : ROW_END;
    while (row == ROW_EMPTY || row == ROW_REFUSED)
        row = take_row(m, &err);
    if (row != ROW_TAKEN || m->time >= s->last)
        return r;
    return rn_tool_failf(
        m->tool, RN_EXIT_ERROR, RUNNEL_EINVALID,
        "import: the rows begin with %s, the stream goes to %s already; to repeat an import that was cut "
        "off, say with --seq where it began",
        rn_time_format(m->time, first), rn_time_format(s->last, last));
}

static void show(struct import *m, const struct rn_batch *b) {
    struct rn_tool *t = m->tool;
    const struct rn_made *made = &b->made;
    if (t->json) {
        rn_out(t, "{\"seq\":%llu,\"imported\":%llu,\"empty\":%llu,\"refused\":%llu}\n", (unsigned long long)made->seq,
               (unsigned long long)made->count, (unsigned long long)m->empty, (unsigned long long)m->refused);
        return;
    }
    rn_out(t, "imported %llu observations", (unsigned long long)made->count);
    if (made->count > 0)
        rn_out(t, ", #%llu to #%llu", (unsigned long long)made->seq, (unsigned long long)(made->seq + made->count - 1));
    if (m->empty > 0)
        rn_out(t, "; %llu rows without a value", (unsigned long long)m->empty);
    if (m->refused > 0)
        rn_out(t, "; %llu refused", (unsigned long long)m->refused);
    rn_out(t, "\n");
}

static int run(struct import *m, const struct rn_stream *s, uint64_t seq) {
    struct rn_progress progress;
    struct rn_batch b;
    int r = check_rows(m);
    uint64_t rows = m->rows;
    if (r == 0)
        r = check_against(m, s, seq);
    if (r == 0)
        r = rewind_rows(m);
    if (r != 0)
        return r;
    rn_batch_init(&b, m->tool, &s->raw, seq);
    rn_progress_begin(&progress, m->tool, "import", rows);
    b.progress = &progress;
    r = publish_rows(m, &b, s);
    int finished = rn_batch_finish(&b);
    rn_progress_end(&progress);
    r = r ? r : finished;
    if (r == 0)
        show(m, &b);
    else if (b.made.count > 0 && !m->tool->json)
        (void)fprintf(stderr, "runnel: import: %llu rows are in; --seq %llu with the same file goes on behind them\n",
                      (unsigned long long)b.made.count, (unsigned long long)seq);
    rn_batch_free(&b);
    return r;
}

int rn_cmd_import(struct rn_tool *t) {
    struct import m = {.tool = t, .path = t->words[1], .now = rn_wall()};
    struct rn_stream s;
    uint64_t seq = UINT64_MAX;
    int r = read_options(&m, &seq);
    if (r == 0)
        r = open_file(&m);
    if (r == 0)
        r = rn_resolve(t, t->words[0], &s);
    if (r == 0)
        r = run(&m, &s, seq == UINT64_MAX ? s.count : seq);
    if (m.file && fclose(m.file) != 0 && r == 0)
        r = rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_EIO, "import: cannot read %s to its end", m.path);
    rn_csv_free(&m.csv);
    rn_buf_free(&m.value);
    return r;
}
