/* SPDX-License-Identifier: MIT
 * csv.c — reads CSV records by RFC 4180; lines may end in LF alone.
 * May touch: the file it is given.
 */
#include "tool/tool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_MAX ((size_t)1 << 20)

void rn_csv_init(struct rn_csv *c, void *file) {
    memset(c, 0, sizeof *c);
    c->file = file;
    c->next_line = 1;
    rn_buf_init(&c->text, RECORD_MAX);
}

void rn_csv_free(struct rn_csv *c) {
    rn_buf_free(&c->text);
    free(c->ends);
    c->ends = NULL;
}

static int end_field(struct rn_csv *c, struct runnel_err *err) {
    if (c->n_fields == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 16;
        size_t *ends = realloc(c->ends, cap * sizeof *ends);
        if (!ends)
            return rn_fail(err, RUNNEL_ENOMEM, "no memory for a record");
        c->ends = ends;
        c->cap = cap;
    }
    c->ends[c->n_fields++] = c->text.n;
    rn_buf_byte(&c->text, 0);
    if (c->text.failed)
        return rn_fail(err, -c->text.failed, "line %zu: a record of more than %zu bytes", c->line, RECORD_MAX);
    return 0;
}

/* The bytes behind an opening quote up to the closing one. Returns the character behind that, or a
 * negative code. */
static int quoted(struct rn_csv *c, struct runnel_err *err) {
    int ch;
    while ((ch = getc((FILE *)c->file)) != EOF && !c->text.failed) {
        if (ch == '"') {
            ch = getc((FILE *)c->file);
            if (ch != '"')
                return ch == EOF ? '\n' : ch;
        }
        if (ch == '\n')
            c->next_line++;
        rn_buf_byte(&c->text, (uint8_t)ch);
    }
    if (c->text.failed)
        return rn_fail(err, RUNNEL_ETOOBIG, "line %zu: a quoted field of more than %zu bytes", c->line, RECORD_MAX);
    return rn_fail(err, RUNNEL_EDAMAGED, "line %zu: a quote is opened and never closed", c->line);
}

/* The rest of a line that makes no sense: the next one may. */
static void skip_line(struct rn_csv *c, int ch) {
    while (ch != '\n' && ch != EOF)
        ch = getc((FILE *)c->file);
    c->next_line++;
}

/* Reads a field. Returns ',' or '\n' for what ended it, or a negative code. */
static int field(struct rn_csv *c, int ch, struct runnel_err *err) {
    if (ch == '"') {
        ch = quoted(c, err);
        if (ch < 0)
            return ch;
    } else {
        for (; ch != ',' && ch != '\n' && ch != EOF && !c->text.failed; ch = getc((FILE *)c->file)) {
            if (ch == '\r') {
                int next = getc((FILE *)c->file);
                if (next == '\n' || next == EOF) {
                    ch = '\n';
                    break;
                }
                (void)ungetc(next, (FILE *)c->file);
            }
            rn_buf_byte(&c->text, (uint8_t)ch);
        }
    }
    if (ch == '\r')
        ch = getc((FILE *)c->file);
    if (ch == EOF)
        ch = '\n';
    if (ch != ',' && ch != '\n' && !c->text.failed) {
        skip_line(c, ch);
        return rn_fail(err, RUNNEL_EINVALID, "something stands behind a closing quote");
    }
    int r = end_field(c, err);
    return r < 0 ? r : ch;
}

static void skip_mark(struct rn_csv *c) {
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    int ch = 0;
    for (size_t i = 0; i < sizeof mark; i++) {
        ch = getc((FILE *)c->file);
        if (ch != mark[i]) {
            if (ch != EOF)
                (void)ungetc(ch, (FILE *)c->file);
            return; /* a file that begins with a part of the mark loses it; it is no text anyway */
        }
    }
}

int rn_csv_next(struct rn_csv *c, struct runnel_err *err) {
    if (!c->begun)
        skip_mark(c);
    c->begun = 1;
    c->n_fields = 0;
    rn_buf_clear(&c->text);
    c->line = c->next_line;
    int ch = getc((FILE *)c->file);
    if (ch == EOF)
        return ferror((FILE *)c->file) ? rn_fail(err, RUNNEL_EIO, "line %zu: cannot read", c->line) : 0;
    for (;;) {
        int end = field(c, ch, err);
        if (end < 0)
            return end;
        if (end == '\n')
            break;
        ch = getc((FILE *)c->file);
    }
    c->next_line++;
    return ferror((FILE *)c->file) ? rn_fail(err, RUNNEL_EIO, "line %zu: cannot read", c->line) : 1;
}

const char *rn_csv_field_at(const struct rn_csv *c, size_t i, size_t *n) {
    if (i >= c->n_fields)
        return NULL;
    size_t from = i > 0 ? c->ends[i - 1] + 1 : 0;
    *n = c->ends[i] - from;
    return (const char *)c->text.p + from;
}
