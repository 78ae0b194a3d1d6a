/* SPDX-License-Identifier: MIT
 * rows.c — the rows of a CSV file as observations: its columns, times and values.
 * May touch: the file.
 */
#include "tool/rows.h"
#include "base/utf8.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AHEAD (600 * RN_NS_S)
#define SHOWN 60u /* bytes of a cell in a message */

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

static int unknown_column(struct rn_rows *x, const char *option, const char *name) {
    struct rn_buf b = {0};
    for (size_t i = 0; i < x->csv.n_fields; i++) {
        size_t n = 0;
        const char *s = rn_csv_field_at(&x->csv, i, &n);
        rn_buf_str(&b, i ? ", " : "");
        rn_text_clean(&b, s, n);
    }
    int r = rn_usage(x->tool, "--%s %s: %s has no such column; it has %s", option, name, x->name,
                     rn_buf_cstr(&b) ? (const char *)b.p : "others");
    rn_buf_free(&b);
    return r;
}

/* Without the option it is the column that runnel history writes: by its name, or where there are none its place. */
static int find_column(struct rn_rows *x, const char *option, const char *place, size_t *out) {
    const char *given = rn_arg(x->tool, option), *name = given ? given : x->no_header ? place : option;
    for (size_t i = 0; i < x->csv.n_fields && !x->no_header; i++) {
        size_t n = 0;
        const char *s = rn_csv_field_at(&x->csv, i, &n);
        if (strlen(name) == n && memcmp(name, s, n) == 0) {
            *out = i;
            return 0;
        }
    }
    if (number_of(name, out) && *out < x->csv.n_fields)
        return 0;
    return unknown_column(x, option, name);
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

static int refuse_time(const char *s, size_t n, const char *why, struct runnel_err *err) {
    return rn_fail(err, RUNNEL_EINVALID, "the time \"%.*s\" %s", (int)(n < SHOWN ? n : SHOWN), s, why);
}

static int parse_time(const struct rn_rows *x, const char *s, size_t n, int64_t *out, struct runnel_err *err) {
    if (n == 0)
        return rn_fail(err, RUNNEL_EINVALID, "the time is empty");
    if (s[0] == 'n') /* "now" would be another time whenever the file is read again */
        return refuse_time(s, n, "is none that stays: want RFC 3339, a date, or a count with --epoch", err);
    if (is_count(s, n) && !x->epoch)
        return refuse_time(s, n, "is a bare number: say what it counts with --epoch", err);
    if (!is_count(s, n) && x->epoch)
        return refuse_time(s, n, "is no whole number, as --epoch says it is", err);
    return rn_time_parse(s, n, x->now, out, err); /* a bare count is read as ns */
}

static int read_time(struct rn_rows *x, const char *s, size_t n, struct runnel_err *err) {
    int64_t v = 0;
    int r = parse_time(x, s, n, &v, err);
    if (r < 0)
        return r;
    int64_t unit = x->epoch ? x->epoch : 1;
    if (v > INT64_MAX / unit || v < INT64_MIN / unit || v * unit == RUNNEL_NOW)
        return rn_fail(err, RUNNEL_EINVALID, "the time is outside the years 1677 to 2262");
    x->time = v * unit;
    if (x->time > x->now + AHEAD)
        return rn_fail(err, RUNNEL_EINVALID, "the time is more than 10 minutes in the future");
    if (x->any && x->time < x->last) {
        char before[RN_TIME_TEXT];
        return rn_fail(err, RUNNEL_EINVALID, "the time goes back behind %s of the row before",
                       rn_time_format(x->last, before));
    }
    return 0;
}

static int read_value(struct rn_rows *x, const char *s, size_t n, struct runnel_err *err) {
    rn_buf_clear(&x->value);
    int r = rn_value_compact(s, n, &x->value, err);
    if (r == 0)
        return runnel_value_check(x->value.p, x->value.n, err);
    if (!x->strings)
        return rn_fail(err, RUNNEL_EINVALID, "the value \"%.*s\" is no JSON (--strings takes such cells as strings)",
                       (int)(n < SHOWN ? n : SHOWN), s);
    if (!rn_utf8_valid(s, n))
        return rn_fail(err, RUNNEL_EINVALID, "the value is not UTF-8");
    struct rn_jw w;
    rn_buf_clear(&x->value);
    rn_jw_init(&w, &x->value);
    rn_jw_strn(&w, s, n);
    return x->value.failed ? rn_fail(err, RUNNEL_ENOMEM, "no memory") : runnel_value_check(x->value.p, x->value.n, err);
}

enum rn_row rn_rows_next(struct rn_rows *x, struct runnel_err *err) {
    size_t n_time = 0, n_value = 0;
    int r = rn_csv_next(&x->csv, err);
    if (r == 0)
        return RN_ROW_END;
    if (r < 0)
        return r == -RUNNEL_EINVALID ? RN_ROW_REFUSED : RN_ROW_BROKEN;
    if (x->csv.n_fields == 1 && x->csv.ends[0] == 0)
        return RN_ROW_EMPTY; /* a blank line */
    size_t most = x->time_column > x->value_column ? x->time_column : x->value_column;
    const char *time = rn_csv_field_at(&x->csv, x->time_column, &n_time);
    const char *value = rn_csv_field_at(&x->csv, x->value_column, &n_value);
    if (!time || !value) {
        (void)rn_fail(err, RUNNEL_EINVALID, "has %zu fields, column %zu is wanted", x->csv.n_fields, most + 1);
        return RN_ROW_REFUSED;
    }
    trim(&time, &n_time);
    trim(&value, &n_value);
    if (n_value == 0)
        return RN_ROW_EMPTY;
    if (read_time(x, time, n_time, err) < 0 || read_value(x, value, n_value, err) < 0)
        return RN_ROW_REFUSED;
    x->last_but_one = x->last;
    x->any_before = x->any;
    x->last = x->time;
    x->any = 1;
    return RN_ROW_TAKEN;
}

void rn_rows_refuse(struct rn_rows *x) {
    x->last = x->last_but_one;
    x->any = x->any_before;
}

/* ---- places ---- */

int rn_rows_broken(const struct rn_rows *x, const struct runnel_err *err) {
    return rn_tool_failf(x->tool, RN_EXIT_ERROR, err->code, "import: %s: %s", x->name, err->msg);
}

uint64_t rn_rows_read(const struct rn_rows *x) {
    off_t at = ftello(x->file);
    return at > x->base ? (uint64_t)(at - x->base) : 0;
}

int rn_rows_mark(const struct rn_rows *x, struct rn_row_mark *out, struct runnel_err *err) {
    *out = (struct rn_row_mark){.offset = ftello(x->file),
                                .next_line = x->csv.next_line,
                                .last = x->last,
                                .any = x->any,
                                .begun = x->csv.begun};
    return out->offset < 0 ? rn_fail(err, RUNNEL_EIO, "cannot say where it is read: %s", strerror(errno)) : 0;
}

int rn_rows_seek(struct rn_rows *x, const struct rn_row_mark *m, struct runnel_err *err) {
    if (fseeko(x->file, m->offset, SEEK_SET) != 0)
        return rn_fail(err, RUNNEL_EIO, "cannot be read again: %s", strerror(errno));
    x->csv.next_line = m->next_line;
    x->csv.begun = m->begun;
    x->last = m->last;
    x->any = m->any;
    return 0;
}

int rn_rows_rewind(struct rn_rows *x) {
    const struct rn_row_mark start = {.offset = x->base, .next_line = 1};
    struct runnel_err err;
    int r = rn_rows_seek(x, &start, &err);
    if (r == 0 && !x->no_header)
        r = rn_csv_next(&x->csv, &err);
    return r < 0 ? rn_rows_broken(x, &err) : 0;
}

/* ---- opening ---- */

static int read_options(struct rn_rows *x) {
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {{"s", RN_NS_S}, {"ms", RN_NS_MS}, {"us", RN_NS_US}, {"ns", 1}};
    const char *epoch = rn_arg(x->tool, "epoch");
    for (size_t i = 0; epoch && i < 4; i++)
        if (strcmp(units[i].unit, epoch) == 0)
            x->epoch = units[i].ns;
    if (epoch && x->epoch == 0)
        return rn_usage(x->tool, "--epoch %s: want s, ms, us or ns", epoch);
    x->strings = rn_arg(x->tool, "strings") != NULL;
    x->no_header = rn_arg(x->tool, "no-header") != NULL;
    return 0;
}

static int cannot_open(const struct rn_rows *x) {
    return rn_tool_failf(x->tool, RN_EXIT_ERROR, RUNNEL_EIO, "import: cannot open %s: %s", x->name, strerror(errno));
}

/* A regular file is read where it is, everything else from a copy. */
static int open_file(struct rn_rows *x, const char *path) {
    struct stat st;
    int in = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : -1;
    x->file = strcmp(path, "-") != 0 ? fopen(path, "rbe") : in >= 0 ? fdopen(in, "rb") : NULL;
    if (!x->file) {
        int r = cannot_open(x);
        if (in >= 0)
            (void)close(in);
        return r;
    }
    if (fstat(fileno(x->file), &st) != 0)
        return cannot_open(x);
    if (!S_ISREG(st.st_mode)) {
        void *copy = NULL;
        int r = rn_spool(x->tool, fileno(x->file), x->name, &copy);
        if (r != 0)
            return r;
        (void)fclose(x->file); /* it was read to its end */
        x->file = copy;
        if (fstat(fileno(x->file), &st) != 0 || fseeko(x->file, 0, SEEK_SET) != 0)
            return cannot_open(x);
    }
    x->base = ftello(x->file);
    x->size = st.st_size > x->base ? (uint64_t)(st.st_size - x->base) : 0;
    return x->base < 0 ? cannot_open(x) : 0;
}

static int read_header(struct rn_rows *x) {
    struct runnel_err err;
    int r = rn_csv_next(&x->csv, &err);
    if (r < 0)
        return rn_rows_broken(x, &err);
    if (r == 0)
        return rn_tool_failf(x->tool, RN_EXIT_ERROR, RUNNEL_EINVALID, "import: %s is empty", x->name);
    r = find_column(x, "time", "1", &x->time_column);
    return r ? r : find_column(x, "value", "2", &x->value_column);
}

int rn_rows_open(struct rn_rows *x, struct rn_tool *t, const char *path) {
    *x = (struct rn_rows){.tool = t, .name = strcmp(path, "-") == 0 ? "standard input" : path, .now = rn_wall()};
    rn_csv_init(&x->csv, NULL);
    int r = read_options(x);
    if (r == 0)
        r = open_file(x, path);
    x->csv.file = x->file;
    if (r == 0)
        r = read_header(x);
    return r ? r : rn_rows_rewind(x);
}

void rn_rows_free(struct rn_rows *x) {
    if (x->file)
        (void)fclose(x->file); /* it was only read */
    x->file = NULL;
    rn_csv_free(&x->csv);
    rn_buf_free(&x->value);
}
