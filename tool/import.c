/* SPDX-License-Identifier: MIT
 * import.c — runnel import: two columns of a CSV file into a stream, as often as one likes.
 * May touch: the file, the node.
 *
 * The file has a place in the stream: the seq of its first row, which --seq names or the time of that row
 * finds. It is read twice. First all rows are checked, those from the place on against what the stream
 * holds there; so a bad row, or a file that is another one, is found before anything is published. Then
 * what is not held yet is published, each batch at the seq where it belongs: nothing can come between,
 * and a batch that fails fails all behind it. A node that is restarted meanwhile is waited for. What is cut
 * off leaves a beginning, and the next import goes on behind it.
 */
#include "tool/batch.h"
#include "tool/rows.h"
#include <string.h>

#define LISTED 1000u /* refused rows that are told one by one */
#define SHOWN 60u    /* bytes of a value in a message */
#define OFTEN 1024u  /* rows between two looks at the session */

struct import {
    struct rn_tool *tool;
    struct rn_rows rows;
    struct rn_stream stream;
    struct rn_batch batch;
    struct rn_progress progress;
    int skip;
    uint64_t seq;               /* of the next row; the file's place at first */
    uint64_t held;              /* what the stream holds, when it was looked up */
    struct rn_row_mark unheld;  /* the rows from here on are new */
    struct runnel_follow *what; /* what the rows are compared with */
    int compared, exit, ended;  /* the file has ended */
    struct runnel_err err;
    /* what was found */
    uint64_t there, new_rows, empty, refused;
};

/* ---- rows that are refused ---- */

static void tell_json(const struct import *m, const char *why) {
    struct rn_buf b = {0};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "refused");
    rn_jw_object(&w);
    rn_jw_key(&w, "line");
    rn_jw_u64(&w, m->rows.csv.line);
    rn_jw_kstr(&w, "reason", why);
    rn_jw_end_object(&w);
    rn_jw_end_object(&w);
    if (rn_buf_cstr(&b))
        (void)fprintf(stderr, "%s\n", (const char *)b.p);
    rn_buf_free(&b);
}

static void tell_refused(struct import *m, const struct runnel_err *err) {
    if (++m->refused > LISTED)
        return;
    rn_progress_hide(&m->progress);
    if (m->tool->json)
        tell_json(m, err->msg);
    else
        (void)fprintf(stderr, "%s:%zu: %s\n", m->rows.name, m->rows.csv.line, err->msg);
}

static int end_refused(struct import *m) {
    if (m->refused > LISTED && !m->tool->json)
        (void)fprintf(stderr, "%s: and %llu more\n", m->rows.name, (unsigned long long)(m->refused - LISTED));
    if (m->refused == 0 || m->skip)
        return 0;
    return rn_tool_failf(m->tool, RN_EXIT_ERROR, RUNNEL_EINVALID,
                         "import: %llu of the rows of %s are refused and nothing was published; --skip-refused "
                         "imports the others",
                         (unsigned long long)m->refused, m->rows.name);
}

/* ---- the first pass: rows are checked, and compared with what is held ---- */

/* The next row that is taken, or the end: 1, 0, or -1 with m->exit set. */
static int next_row(struct import *m) {
    for (;;) {
        enum rn_row row = rn_rows_next(&m->rows, &m->err);
        if (row == RN_ROW_TAKEN)
            return 1;
        if (row == RN_ROW_END)
            return 0;
        m->empty += row == RN_ROW_EMPTY;
        if (row == RN_ROW_REFUSED)
            tell_refused(m, &m->err);
        if (row == RN_ROW_BROKEN) {
            m->exit = rn_rows_broken(&m->rows, &m->err);
            return -1;
        }
    }
}

static void show_value(struct rn_buf *b, const uint8_t *p, size_t n) {
    rn_text_clean(b, p, n < SHOWN ? n : SHOWN);
    rn_buf_str(b, n > SHOWN ? "..." : "");
}

/* Both values, one above the other: they may differ in a digit. */
static int differs(struct import *m, const struct runnel_observation *o) {
    char here[RN_TIME_TEXT], there[RN_TIME_TEXT];
    struct rn_buf a = {0}, b = {0};
    size_t from = 0, least = m->rows.value.n < o->value.n ? m->rows.value.n : o->value.n;
    while (from < least && m->rows.value.p[from] == o->value.p[from])
        from++;
    from = from > SHOWN / 2 ? from - SHOWN / 2 : 0; /* long ones are shown from shortly before they differ */
    show_value(&a, m->rows.value.p + from, m->rows.value.n - from);
    show_value(&b, o->value.p + from, o->value.n - from);
    int r = rn_tool_failf(m->tool, RN_EXIT_ERROR, RUNNEL_ECONFLICT,
                          "import: %s:%zu: the row is not observation #%llu that the stream holds: found %s %s, the "
                          "stream has %s %s; nothing was published. Import it into another stream, or say with --seq "
                          "which observation its first row is",
                          m->rows.name, m->rows.csv.line, (unsigned long long)o->seq,
                          rn_time_format(m->rows.time, here), rn_buf_cstr(&a) ? (const char *)a.p : "?",
                          rn_time_format(o->time, there), rn_buf_cstr(&b) ? (const char *)b.p : "?");
    rn_buf_free(&a);
    rn_buf_free(&b);
    return r;
}

/* A row of which the clock said at the first import that it is in the future was left out then. */
static int was_ahead(struct import *m) {
    if (!m->skip || m->rows.time <= m->stream.last)
        return 0;
    rn_rows_refuse(&m->rows);
    (void)rn_fail(&m->err, RUNNEL_EINVALID, "the time is after that of #%llu, which stands in the stream already",
                  (unsigned long long)(m->held - 1));
    tell_refused(m, &m->err);
    return 1;
}

/* 1 when a row of the file is this observation; else the comparison is over. */
static int compare(struct import *m, const struct runnel_observation *o) {
    int r = 0;
    do {
        r = next_row(m);
        m->ended = r == 0;
        if (r <= 0)
            return 0;
    } while (was_ahead(m));
    if (m->rows.time != o->time || m->rows.value.n != o->value.n ||
        memcmp(m->rows.value.p, o->value.p, o->value.n) != 0) {
        m->exit = differs(m, o);
        return 0;
    }
    m->there++;
    m->seq = o->seq + 1;
    return 1;
}

static void on_held(void *arg, const struct runnel_observation *o, size_t n) {
    struct import *m = arg;
    size_t i = 0;
    while (i < n && compare(m, &o[i]))
        i++;
    if (i == n && rn_rows_mark(&m->rows, &m->unheld, &m->err) < 0)
        m->exit = rn_rows_broken(&m->rows, &m->err);
    rn_progress_set(&m->progress, rn_rows_read(&m->rows));
    if (i == n && m->exit == 0)
        return;
    runnel_unfollow(m->what);
    m->compared = 1;
}

static void on_held_end(void *arg, uint64_t next, const struct runnel_err *err) {
    struct import *m = arg;
    (void)next;
    m->compared = 1;
    if (!err)
        return;
    m->err = *err;
    (void)rn_wrap(&m->err, "import: cannot read what the stream holds");
    m->exit = rn_tool_fail(m->tool, rn_exit_of(&m->err), &m->err);
}

static int compare_held(struct import *m) {
    struct runnel_follow_options o = {
        .size = sizeof o, .flags = RUNNEL_FOLLOW_HELD, .from = RUNNEL_FROM_SEQ, .from_seq = m->seq};
    struct runnel_follow_calls calls = {.size = sizeof calls, .observations = on_held, .end = on_held_end};
    if (runnel_follow(m->tool->client, m->stream.id, &o, &calls, m, &m->what, &m->err) < 0)
        return rn_tool_fail(m->tool, rn_exit_of(&m->err), &m->err);
    rn_node_wait(m->tool, &m->compared);
    if (m->compared)
        return m->exit;
    return rn_tool_fail(m->tool, RN_EXIT_NODE, &m->tool->why);
}

/* Between rows the session with the node lives on. */
static int look_around(struct import *m, uint64_t rows) {
    if (rows % OFTEN != 0)
        return 0;
    rn_progress_set(&m->progress, rn_rows_read(&m->rows));
    if (event_base_loop(m->tool->base, EVLOOP_NONBLOCK) < 0)
        return rn_tool_failf(m->tool, RN_EXIT_ERROR, RUNNEL_EIO, "import: the event loop failed");
    return m->tool->lost ? rn_tool_fail(m->tool, RN_EXIT_NODE, &m->tool->why) : 0;
}

static int check_rows(struct import *m) {
    int r = rn_rows_rewind(&m->rows), got = 0;
    if (r == 0 && rn_rows_mark(&m->rows, &m->unheld, &m->err) < 0)
        r = rn_rows_broken(&m->rows, &m->err);
    if (r == 0 && m->seq < m->held)
        r = compare_held(m);
    while (r == 0 && !m->ended && (got = next_row(m)) == 1)
        r = look_around(m, ++m->new_rows);
    if (r == 0 && got < 0)
        r = m->exit;
    rn_progress_end(&m->progress);
    return r ? r : end_refused(m);
}

/* ---- the second pass: what is new is published ---- */

static int changed(const struct import *m) {
    return rn_tool_failf(m->tool, RN_EXIT_ERROR, RUNNEL_ECONFLICT,
                         "import: %s:%zu: the file was changed while it was read; import it again", m->rows.name,
                         m->rows.csv.line);
}

static int publish_row(struct import *m) {
    const char *value = (const char *)m->rows.value.p;
    int r = rn_batch_add_json(&m->batch, m->rows.time, value, m->rows.value.n, &m->err);
    if (r == -RUNNEL_ETOOBIG) {
        r = rn_batch_send(&m->batch, &m->err);
        if (r == 0)
            r = rn_batch_add_json(&m->batch, m->rows.time, value, m->rows.value.n, &m->err);
    }
    return r < 0 ? rn_tool_fail(m->tool, rn_exit_of(&m->err), &m->err) : 0;
}

static int publish_rows(struct import *m) {
    uint64_t n = 0;
    int r = 0;
    if (rn_rows_seek(&m->rows, &m->unheld, &m->err) < 0)
        return rn_rows_broken(&m->rows, &m->err);
    while (r == 0 && n < m->new_rows && !m->batch.failed) {
        enum rn_row row = rn_rows_next(&m->rows, &m->err);
        if (row == RN_ROW_BROKEN)
            r = rn_rows_broken(&m->rows, &m->err);
        else if (row == RN_ROW_END || (row == RN_ROW_REFUSED && !m->skip))
            r = changed(m);
        if (row != RN_ROW_TAKEN)
            continue;
        n++;
        r = publish_row(m);
    }
    if (r == 0 && rn_batch_send(&m->batch, &m->err) < 0)
        r = rn_tool_fail(m->tool, rn_exit_of(&m->err), &m->err);
    int finished = rn_batch_finish(&m->batch);
    return r ? r : finished;
}

/* ---- before and after ---- */

/* Where the file belongs: at the first observation that is not before its first row. */
static int find_place(struct import *m) {
    enum rn_row row;
    m->held = m->seq = m->stream.count;
    int r = rn_arg_u64(m->tool, "seq", 0, (uint64_t)1 << 53, &m->seq);
    if (r == 0 && m->seq > m->held)
        return rn_tool_failf(m->tool, RN_EXIT_ERROR, RUNNEL_ECONFLICT,
                             "import: --seq %llu: the stream has %llu observations only; want that or less",
                             (unsigned long long)m->seq, (unsigned long long)m->held);
    if (r != 0 || rn_arg(m->tool, "seq") || m->held == 0)
        return r;
    do
        row = rn_rows_next(&m->rows, &m->err);
    while (row == RN_ROW_EMPTY || row == RN_ROW_REFUSED);
    if (row == RN_ROW_TAKEN)
        return rn_count_before(m->tool, &m->stream, m->rows.time, &m->seq);
    return row == RN_ROW_BROKEN ? rn_rows_broken(&m->rows, &m->err) : 0;
}

static void show_json(struct import *m, uint64_t first) {
    rn_out(m->tool, "{\"seq\":%llu,\"imported\":%llu,\"there\":%llu,\"empty\":%llu,\"refused\":%llu}\n",
           (unsigned long long)first, (unsigned long long)m->new_rows, (unsigned long long)m->there,
           (unsigned long long)m->empty, (unsigned long long)m->refused);
}

static void show(struct import *m, uint64_t first) {
    struct rn_tool *t = m->tool;
    if (t->json) {
        show_json(m, first);
        return;
    }
    rn_out(t, "imported %llu observations", (unsigned long long)m->new_rows);
    if (m->new_rows > 0)
        rn_out(t, ", #%llu to #%llu", (unsigned long long)first, (unsigned long long)(first + m->new_rows - 1));
    if (m->there > 0)
        rn_out(t, "; %llu were there already", (unsigned long long)m->there);
    if (m->empty > 0)
        rn_out(t, "; %llu rows without a value", (unsigned long long)m->empty);
    if (m->refused > 0)
        rn_out(t, "; %llu refused", (unsigned long long)m->refused);
    rn_out(t, "\n");
}

static int run(struct import *m) {
    int r = find_place(m);
    rn_progress_begin(&m->progress, m->tool, "check", m->rows.size);
    if (r == 0)
        r = check_rows(m);
    if (r != 0)
        return r;
    uint64_t first = m->seq;
    rn_batch_init(&m->batch, m->tool, &m->stream.raw, first);
    rn_progress_begin(&m->progress, m->tool, "import", m->new_rows);
    m->batch.progress = &m->progress;
    r = publish_rows(m);
    rn_progress_end(&m->progress);
    if (r == 0)
        show(m, first);
    else if (!m->tool->json)
        (void)fprintf(stderr, "runnel: import: %llu rows were added and stay; the same command goes on behind them\n",
                      (unsigned long long)m->batch.made.count);
    rn_batch_free(&m->batch);
    return r;
}

int rn_cmd_import(struct rn_tool *t) {
    struct import m = {.tool = t, .skip = rn_arg(t, "skip-refused") != NULL};
    t->progress = &m.progress;
    int r = rn_rows_open(&m.rows, t, t->words[1]);
    if (r == 0)
        r = rn_resolve(t, t->words[0], &m.stream);
    if (r == 0)
        r = run(&m);
    t->progress = NULL;
    rn_rows_free(&m.rows);
    return r;
}
