/* SPDX-License-Identifier: MIT
 * rows.h — the rows of a CSV file as observations: a time, a value, or why a row is none.
 * May touch: the file, a temporary one for what cannot be read twice.
 */
#ifndef RN_TOOL_ROWS_H
#define RN_TOOL_ROWS_H

#include "tool/tool.h"
#include <stdio.h>

enum rn_row {
    RN_ROW_END,
    RN_ROW_TAKEN,   /* `time` and `value` say what */
    RN_ROW_EMPTY,   /* blank, or without a value: left out */
    RN_ROW_REFUSED, /* err says why; the next one can be read */
    RN_ROW_BROKEN   /* err says why; nothing more can be read */
};

/* A place between two rows. */
struct rn_row_mark {
    off_t offset;
    size_t next_line;
    int64_t last;
    int any, begun;
};

struct rn_rows {
    struct rn_tool *tool;
    const char *name; /* of the file, for messages */
    FILE *file;
    uint64_t size; /* bytes of the file */
    struct rn_csv csv;
    size_t time_column, value_column;
    int64_t epoch; /* ns a unit of the times; 0: they are dates */
    int strings, no_header;
    int64_t now;  /* of the start: what is in the future is so in each pass */
    int64_t last; /* time of the row before */
    int any;      /* there was one */
    int64_t last_but_one;
    int any_before;
    off_t base; /* where the file begins: standard input may have been read from before */
    /* the row at hand */
    int64_t time;
    struct rn_buf value;
};

/* Reads the command's options, opens the file ("-": standard input; what cannot be read twice is copied
 * to a temporary file first) and finds the columns. The rows begin. 0, or an exit code after saying why;
 * free it in any case. */
int rn_rows_open(struct rn_rows *x, struct rn_tool *t, const char *path);
void rn_rows_free(struct rn_rows *x);
/* The first row comes next. 0 or an exit code. */
int rn_rows_rewind(struct rn_rows *x);
enum rn_row rn_rows_next(struct rn_rows *x, struct runnel_err *err);
/* The row just taken is refused after all: the next one is not held against its time. */
void rn_rows_refuse(struct rn_rows *x);
/* Where the next row begins, and back to there. 0 or a negative code. */
int rn_rows_mark(const struct rn_rows *x, struct rn_row_mark *out, struct runnel_err *err);
int rn_rows_seek(struct rn_rows *x, const struct rn_row_mark *m, struct runnel_err *err);
/* How many bytes have been read, for a bar. */
uint64_t rn_rows_read(const struct rn_rows *x);
/* Says that the file cannot be read. Returns the exit code. */
int rn_rows_broken(const struct rn_rows *x, const struct runnel_err *err);

#endif
