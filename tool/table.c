/* SPDX-License-Identifier: MIT
 * table.c — rows of cells in columns that line up, whatever the script.
 * May touch: its arguments and the tool's output.
 */
#include "tool/tool.h"
#include <stdio.h>
#include <string.h>

static const char *title(const struct rn_table *x, size_t i) {
    return x->names[i] + (x->names[i][0] == '>');
}

void rn_table_init(struct rn_table *x, const char *const *names, size_t n) {
    memset(x, 0, sizeof *x);
    x->names = names;
    x->n_columns = n < RN_TABLE_COLUMNS ? n : RN_TABLE_COLUMNS;
    for (size_t i = 0; i < x->n_columns; i++)
        x->width[i] = rn_text_width(title(x, i), strlen(title(x, i)));
}

void rn_table_cell(struct rn_table *x, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    size_t at = x->cells.n, column = x->n_cells % x->n_columns;
    rn_text_clean(&x->cells, text, len);
    size_t w = x->cells.failed ? 0 : rn_text_width((const char *)x->cells.p + at, x->cells.n - at);
    rn_buf_byte(&x->cells, 0);
    if (w > x->width[column])
        x->width[column] = w;
    x->n_cells++;
}

static void write_cell(const struct rn_table *x, struct rn_tool *t, size_t column, const char *text) {
    size_t n = strlen(text), pad = x->width[column] - rn_text_width(text, n);
    int right = x->names[column][0] == '>', end = column + 1 == x->n_columns;
    if (right)
        rn_out(t, "%*s", (int)pad, "");
    rn_out_bytes(t, text, n);
    if (!right && !end)
        rn_out(t, "%*s", (int)pad, "");
    rn_out(t, end ? "\n" : "  ");
}

void rn_table_flush(struct rn_table *x, struct rn_tool *t) {
    const char *cell = (const char *)x->cells.p;
    if (x->cells.failed)
        t->out.failed = x->cells.failed;
    if (!x->begun)
        for (size_t i = 0; i < x->n_columns; i++)
            write_cell(x, t, i, title(x, i));
    x->begun = 1;
    for (size_t i = 0; i < x->n_cells && !x->cells.failed; i++) {
        write_cell(x, t, i % x->n_columns, cell);
        cell += strlen(cell) + 1;
    }
    x->n_cells = 0;
    rn_buf_clear(&x->cells);
}

void rn_table_free(struct rn_table *x) {
    rn_buf_free(&x->cells);
}
