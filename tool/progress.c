/* SPDX-License-Identifier: MIT
 * progress.c — a bar for long work, on a terminal only.
 * May touch: standard error, the clock.
 */
#include "tool/tool.h"
#include <stdio.h>
#include <unistd.h>

#define WIDTH 30

void rn_progress_begin(struct rn_progress *p, const struct rn_tool *t, const char *what, uint64_t total) {
    *p = (struct rn_progress){.tool = t, .what = what, .total = total};
    p->begun = p->last = rn_wall();
    /* Not between the lines of output that goes to the terminal itself; work that is short shows none. */
    p->on = isatty(STDERR_FILENO) && !t->json;
}

static void draw(struct rn_progress *p, int64_t now) {
    struct rn_buf b = {0};
    double part = p->total ? (double)p->done / (double)p->total : 0;
    int full = (int)((part > 1 ? 1 : part) * WIDTH);
    int64_t spent = now - p->begun;
    rn_buf_fmt(&b, "\r\033[K%s ", p->what);
    if (p->total > 0) {
        for (int i = 0; i < WIDTH; i++)
            rn_buf_str(&b, i < full ? "█" : "░");
        rn_buf_fmt(&b, " %3.0f %%  ", part > 1 ? 100 : part * 100);
        rn_human_count(&b, p->done);
        rn_buf_str(&b, " of ");
        rn_human_count(&b, p->total);
        if (part > 0.02 && part < 1) {
            rn_buf_str(&b, ", ");
            rn_human_span(&b, (int64_t)((double)spent * (1 - part) / part) / RN_NS_S * RN_NS_S);
            rn_buf_str(&b, " left");
        }
    } else {
        rn_human_span(&b, spent / RN_NS_S * RN_NS_S);
    }
    if (!b.failed)
        (void)fwrite(b.p, 1, b.n, stderr);
    (void)fflush(stderr);
    rn_buf_free(&b);
    p->drawn = 1;
}

void rn_progress_set(struct rn_progress *p, uint64_t done) {
    p->done = done;
    if (!p->on)
        return;
    int64_t now = rn_wall();
    if (now - p->begun < 500 * RN_NS_MS || now - p->last < 100 * RN_NS_MS)
        return;
    p->last = now;
    draw(p, now);
}

void rn_progress_hide(struct rn_progress *p) {
    if (p->drawn)
        (void)fputs("\r\033[K", stderr);
    p->drawn = 0;
}

void rn_progress_end(struct rn_progress *p) {
    rn_progress_hide(p);
    p->on = 0;
}
