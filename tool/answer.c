/* SPDX-License-Identifier: MIT
 * answer.c — a question of a command, its failure said, and what stands in the answer.
 * May touch: the node, by asking it.
 */
#include "tool/tool.h"
#include <string.h>

/* "drop: …", once, also where the node says the name of its method itself. */
static int say(const struct rn_tool *t, int exit, struct runnel_err *err) {
    size_t n = strlen(t->command->name);
    if (strncmp(err->msg, t->command->name, n) != 0 || err->msg[n] != ':')
        (void)rn_wrap(err, "%s", t->command->name);
    return rn_tool_fail(t, exit, err);
}

int rn_ask(struct rn_tool *t, const char *method, const char *params, struct rn_answer *a) {
    struct runnel_err err;
    int r = rn_node_ask(t, method, params, a, &err);
    return r < 0 ? say(t, rn_exit_of(&err), &err) : 0;
}

int rn_ask_stream(struct rn_tool *t, const char *method, const char *stream, struct rn_answer *a) {
    struct runnel_err err;
    struct rn_buf b = {0};
    const char *params = rn_node_stream_json(&b, stream);
    int r = params ? rn_node_ask(t, method, params, a, &err) : rn_fail(&err, RUNNEL_ENOMEM, "no memory");
    rn_buf_free(&b);
    return r < 0 ? say(t, err.code == RUNNEL_ENOTFOUND ? RN_EXIT_STREAM : rn_exit_of(&err), &err) : 0;
}

void rn_out_answer(struct rn_tool *t, const struct rn_answer *a) {
    rn_out_bytes(t, a->text.p, a->text.n);
    rn_out(t, "\n");
}

const char *rn_text_of(const struct rn_json *o, const char *key) {
    const char *s = "";
    (void)rn_json_str(o, key, &s, NULL); /* absent is empty */
    return s;
}

uint64_t rn_number_of(const struct rn_json *o, const char *key) {
    uint64_t v = 0;
    (void)rn_json_u64(o, key, &v, NULL); /* absent is 0 */
    return v;
}

int rn_truth_of(const struct rn_json *o, const char *key) {
    int v = 0;
    (void)rn_json_bool(o, key, &v, NULL); /* absent is false */
    return v;
}
