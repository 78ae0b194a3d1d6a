/* SPDX-License-Identifier: MIT
 * publish.c — runnel publish: values from the command line, or lines from standard input as they come.
 * May touch: the node, standard input.
 */
#include "tool/batch.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)1 << 17)

static int show(struct rn_tool *t, const struct rn_made *m) {
    char first[RN_TIME_TEXT], last[RN_TIME_TEXT];
    struct rn_buf b = {0};
    struct rn_jw w;
    if (t->json) {
        rn_jw_init(&w, &b);
        rn_jw_object(&w);
        rn_jw_key(&w, "seq");
        rn_jw_u64(&w, m->seq);
        rn_jw_key(&w, "count");
        rn_jw_u64(&w, m->count);
        if (m->count > 0) {
            rn_jw_kns(&w, "first_time", m->first_time);
            rn_jw_kns(&w, "last_time", m->last_time);
        }
        rn_jw_end_object(&w);
        rn_out_bytes(t, b.p, b.n);
        rn_out(t, "\n");
        rn_buf_free(&b);
        return 0;
    }
    (void)rn_time_format(m->first_time, first);
    (void)rn_time_format(m->last_time, last);
    if (m->count == 0)
        rn_out(t, "nothing to publish\n");
    else if (m->count == 1)
        rn_out(t, "#%llu at %s\n", (unsigned long long)m->seq, first);
    else
        rn_out(t, "#%llu to #%llu from %s to %s\n", (unsigned long long)m->seq,
               (unsigned long long)(m->seq + m->count - 1), first, last);
    return 0;
}

/* The hint that most people need. */
static int bad_value(struct rn_tool *t, const char *where, const char *text, const struct runnel_err *err) {
    int letter = (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z');
    return rn_tool_failf(t, RN_EXIT_ERROR, err->code, "publish: %s: %s%s", where, err->msg,
                         letter ? "; text is written with its quotes, as in '\"text\"'" : "");
}

static int publish_words(struct rn_tool *t, struct rn_batch *b, int64_t time) {
    struct runnel_err err;
    for (int i = 1; i < t->n_words; i++) {
        int r = rn_batch_add_json(b, time, t->words[i], strlen(t->words[i]), &err);
        if (r == -RUNNEL_ETOOBIG)
            return rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_ETOOBIG,
                                 "publish: value %d: %s; what is more than 64 KiB together is published with \"-\"", i,
                                 err.msg);
        if (r < 0) {
            char where[24];
            (void)snprintf(where, sizeof where, "value %d", i);
            return bad_value(t, where, t->words[i], &err);
        }
    }
    int r = rn_batch_send(b, &err);
    return r < 0 ? rn_tool_fail(t, rn_exit_of(&err), &err) : rn_batch_finish(b);
}

/* ---- standard input ---- */

struct lines {
    struct rn_tool *tool;
    struct rn_batch *batch;
    struct rn_buf text; /* read and not yet taken */
    size_t number;      /* of the line at hand */
    struct event *readable;
    int eof, exit;
};

/* "TIME,VALUE", when the line as a whole is no JSON. */
static int add_timed(struct lines *l, const char *line, size_t n, struct runnel_err *err) {
    const char *comma = memchr(line, ',', n);
    int64_t time;
    struct runnel_err ignored;
    if (!comma)
        return -RUNNEL_EINVALID; /* with what the JSON reader said */
    size_t k = (size_t)(comma - line);
    if (rn_time_parse(line, k, rn_wall(), &time, &ignored) < 0) {
        (void)rn_wrap(&ignored, "neither JSON nor TIME,VALUE");
        return rn_err_copy(err, &ignored);
    }
    return rn_batch_add_json(l->batch, time, comma + 1, n - k - 1, err);
}

static int add_line(struct lines *l, const char *line, size_t n, struct runnel_err *err) {
    int r = rn_batch_add_json(l->batch, RUNNEL_NOW, line, n, err);
    return r == -RUNNEL_EINVALID ? add_timed(l, line, n, err) : r;
}

static int blank(const char *line, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return 0;
    return 1;
}

static int is_header(const struct lines *l, const char *line, size_t n) {
    return l->number == 1 && n >= 10 && strncmp(line, "time,value", 10) == 0 && blank(line + 10, n - 10);
}

/* A batch takes times or none: what does not go with the last line goes out first. */
static int take_line(struct lines *l, const char *line, size_t n) {
    char where[40];
    struct runnel_err err = {0};
    l->number++;
    if (blank(line, n) || is_header(l, line, n))
        return 0;
    int r = add_line(l, line, n, &err);
    if (r == -RUNNEL_ETOOBIG || r == -RUNNEL_ECONFLICT) {
        r = rn_batch_send(l->batch, &err);
        if (r == 0)
            r = add_line(l, line, n, &err);
    }
    if (r == 0)
        return 0;
    (void)snprintf(where, sizeof where, "line %zu", l->number);
    return bad_value(l->tool, where, line, &err);
}

/* Takes the lines that are whole, and at the end of input the rest. */
static void take_lines(struct lines *l) {
    size_t at = 0;
    struct runnel_err err;
    while (l->exit == 0 && at < l->text.n) {
        const char *line = (const char *)l->text.p + at, *nl = memchr(line, '\n', l->text.n - at);
        size_t n = nl ? (size_t)(nl - line) : l->text.n - at;
        if (!nl && !l->eof)
            break;
        l->exit = take_line(l, line, n);
        at += n + (nl != NULL);
    }
    rn_buf_drop(&l->text, at);
    if (rn_batch_send(l->batch, &err) < 0 && l->exit == 0)
        l->exit = rn_tool_fail(l->tool, rn_exit_of(&err), &err);
}

static void on_stdin(int fd, short what, void *arg) {
    struct lines *l = arg;
    (void)what;
    uint8_t *room = rn_buf_room(&l->text, 65536);
    if (!room) {
        l->exit = rn_tool_failf(l->tool, RN_EXIT_ERROR, RUNNEL_ETOOBIG, "publish: line %zu: more than %zu bytes",
                                l->number + 1, LINE_MAX_BYTES);
        return;
    }
    ssize_t r = read(fd, room, 65536);
    if (r < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (r < 0)
        l->exit = rn_tool_failf(l->tool, RN_EXIT_ERROR, RUNNEL_EIO, "publish: cannot read standard input: %s",
                                strerror(errno));
    else if (r == 0)
        l->eof = 1;
    else
        l->text.n += (size_t)r;
}

static int publish_lines(struct rn_tool *t, struct rn_batch *b) {
    struct lines l = {.tool = t, .batch = b};
    rn_buf_init(&l.text, LINE_MAX_BYTES + 65536);
    l.readable = event_new(t->base, STDIN_FILENO, EV_READ, on_stdin, &l);
    if (!l.readable)
        l.exit = rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_ENOMEM, "publish: no memory");
    while (l.exit == 0 && !l.eof && !t->lost && !b->failed) {
        /* Input waits while much is under way. */
        if (!rn_batch_busy(b) && event_add(l.readable, NULL) != 0)
            l.exit = rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_EIO, "publish: cannot wait for standard input");
        else if (event_base_loop(t->base, EVLOOP_ONCE) < 0)
            l.exit = rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_EIO, "publish: the event loop failed");
        /* Here and not in on_stdin, and nothing may be read meanwhile: it may run the loop to wait for room. */
        if (l.exit == 0 && event_del(l.readable) == 0)
            take_lines(&l);
    }
    if (l.readable)
        event_free(l.readable);
    rn_buf_free(&l.text);
    int r = rn_batch_finish(b);
    return l.exit ? l.exit : r;
}

int rn_cmd_publish(struct rn_tool *t) {
    struct rn_batch b;
    struct rn_stream s;
    uint64_t seq = RUNNEL_ANY;
    int64_t time = RUNNEL_NOW;
    int lines = t->n_words == 2 && strcmp(t->words[1], "-") == 0;
    int r = rn_arg_u64(t, "seq", 0, (uint64_t)1 << 53, &seq);
    if (r == 0)
        r = rn_arg_time(t, "time", &time);
    if (r == 0 && lines && rn_arg(t, "time"))
        r = rn_usage(t, "--time is for values of the command line; lines say it as TIME,VALUE");
    if (r == 0)
        r = rn_resolve(t, t->words[0], &s);
    if (r != 0)
        return r;
    rn_batch_init(&b, t, &s.raw, seq);
    r = lines ? publish_lines(t, &b) : publish_words(t, &b, time);
    if (r == 0 || b.made.count > 0)
        (void)show(t, &b.made);
    rn_batch_free(&b);
    return r;
}
