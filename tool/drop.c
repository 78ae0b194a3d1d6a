/* SPDX-License-Identifier: MIT
 * drop.c — runnel drop: asks first, then has the node forget a stream.
 * May touch: the node, by asking it; the terminal.
 */
#include "tool/tool.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void say(struct rn_buf *b, const struct rn_stream *s, const struct rn_json *o) {
    rn_text_clean(b, s->name, strlen(s->name));
    rn_buf_fmt(b, " (%s): ", s->id);
    rn_human_count(b, s->count);
    rn_buf_fmt(b, " observation%s", s->count == 1 ? "" : "s");
    if (rn_truth_of(o, "own"))
        rn_buf_str(b,
                   ", a stream of this node.\n"
                   "Dropping it erases them here for good, and it cannot be made again: its id is used up. What other\n"
                   "nodes hold of it stays with them.\n");
    else
        rn_buf_fmt(b,
                   ", fetched from others%s.\n"
                   "Dropping it erases them here%s. It can be fetched again as long as another node serves it.\n",
                   rn_truth_of(o, "subscribed") ? " and followed" : "",
                   rn_truth_of(o, "subscribed") ? " and ends the subscription" : "");
}

/* Whoever sits at the terminal must type the whole word. */
static int agreed(const struct rn_stream *s, const struct rn_json *o) {
    struct rn_buf b = {0};
    char line[16] = "";
    say(&b, s, o);
    const char *text = rn_buf_cstr(&b);
    (void)fprintf(stderr, "%sType yes to drop it: ", text ? text : "");
    (void)fflush(stderr);
    int yes = text && fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0;
    rn_buf_free(&b);
    return yes;
}

/* 0, or an exit code. */
static int ask_person(struct rn_tool *t, const struct rn_stream *s) {
    struct rn_answer a;
    if (rn_arg(t, "yes"))
        return 0;
    if (t->json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return rn_usage(t, "there is no terminal to ask at: add --yes if the observations of %s shall be erased",
                        s->id);
    int r = rn_ask_stream(t, "head", s->id, &a);
    if (r != 0)
        return r;
    int yes = agreed(s, a.tree);
    rn_answer_free(&a);
    return yes ? 0 : rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_EINVALID, "drop: nothing was dropped");
}

int rn_cmd_drop(struct rn_tool *t) {
    struct rn_stream s;
    struct rn_answer a;
    int r = rn_resolve(t, t->words[0], &s);
    if (r == 0)
        r = ask_person(t, &s);
    if (r == 0)
        r = rn_ask_stream(t, "drop", s.id, &a);
    if (r != 0)
        return r;
    if (t->json) {
        rn_out_answer(t, &a);
    } else {
        uint64_t count = rn_number_of(a.tree, "count");
        rn_out(t, "dropped %s with %llu observation%s\n", s.id, (unsigned long long)count, count == 1 ? "" : "s");
    }
    rn_answer_free(&a);
    return 0;
}
