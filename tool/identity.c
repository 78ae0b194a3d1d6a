/* SPDX-License-Identifier: MIT
 * identity.c — runnel identity: whether the node may go on as the author of its streams, and an operator's word on it.
 * May touch: the node, by asking it.
 */
#include "tool/tool.h"
#include <string.h>

static const char *text_of(const struct rn_json *o, const char *key) {
    const char *s = "";
    (void)rn_json_str(o, key, &s, NULL); /* absent is empty */
    return s;
}

static int ask(struct rn_tool *t, const char *method, struct rn_answer *a) {
    struct runnel_err err;
    if (rn_node_ask(t, method, NULL, a, &err) == 0)
        return 0;
    (void)rn_wrap(&err, "identity");
    return rn_tool_fail(t, rn_exit_of(&err), &err);
}

static void out_clean(struct rn_tool *t, const char *text) {
    struct rn_buf b = {0};
    rn_text_clean(&b, text, strlen(text));
    rn_out_bytes(t, b.p, b.n);
    rn_buf_free(&b);
}

static int show(struct rn_tool *t) {
    struct rn_answer a;
    int r = ask(t, "status", &a);
    if (r != 0)
        return r;
    const struct rn_json *author = rn_json_get(a.tree, "author");
    if (t->json) {
        struct rn_buf b = {0};
        struct rn_jw w;
        rn_jw_init(&w, &b);
        rn_jw_object(&w);
        rn_jw_kstr(&w, "node", text_of(a.tree, "node"));
        rn_jw_kstr(&w, "state", text_of(author, "state"));
        rn_jw_kstr(&w, "message", text_of(author, "message"));
        rn_jw_end_object(&w);
        rn_out_bytes(t, b.p, b.n);
        rn_buf_free(&b);
    } else {
        rn_out(t, "node      ");
        out_clean(t, text_of(a.tree, "node"));
        rn_out(t, "\nauthor    ");
        out_clean(t, text_of(author, "state"));
        if (*text_of(author, "message")) {
            rn_out(t, "\n");
            out_clean(t, text_of(author, "message"));
        }
    }
    rn_out(t, "\n");
    rn_answer_free(&a);
    return 0;
}

static int confirm(struct rn_tool *t) {
    struct rn_answer a;
    int r = ask(t, "confirm", &a);
    if (r != 0)
        return r;
    const struct rn_json *was = rn_json_get(a.tree, "was");
    if (t->json) {
        rn_out_bytes(t, a.text.p, a.text.n);
        rn_out(t, "\n");
    } else if (was && was->child) {
        rn_out(t, "confirmed: the node goes on as the author of its streams\n");
    } else {
        rn_out(t, "it was confirmed already\n");
    }
    rn_answer_free(&a);
    return 0;
}

int rn_cmd_identity(struct rn_tool *t) {
    const char *what = t->n_words > 0 ? t->words[0] : "show";
    if (strcmp(what, "show") == 0)
        return show(t);
    if (strcmp(what, "confirm") == 0)
        return confirm(t);
    return rn_usage(t, "identity: found \"%s\", want show or confirm", what);
}
