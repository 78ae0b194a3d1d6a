/* SPDX-License-Identifier: MIT
 * identity.c — runnel identity: whether the node may go on as the author of its streams, and an operator's word on it.
 * May touch: the node, by asking it.
 */
#include "tool/tool.h"
#include <string.h>

static int show(struct rn_tool *t) {
    struct rn_answer a;
    int r = rn_ask(t, "status", NULL, &a);
    if (r != 0)
        return r;
    const struct rn_json *author = rn_json_get(a.tree, "author");
    if (t->json) {
        struct rn_buf b = {0};
        struct rn_jw w;
        rn_jw_init(&w, &b);
        rn_jw_object(&w);
        rn_jw_kstr(&w, "node", rn_text_of(a.tree, "node"));
        rn_jw_kstr(&w, "state", rn_text_of(author, "state"));
        rn_jw_kstr(&w, "message", rn_text_of(author, "message"));
        rn_jw_end_object(&w);
        rn_out_bytes(t, b.p, b.n);
        rn_buf_free(&b);
    } else {
        rn_out(t, "node      ");
        rn_out_clean(t, rn_text_of(a.tree, "node"));
        rn_out(t, "\nauthor    ");
        rn_out_clean(t, rn_text_of(author, "state"));
        if (*rn_text_of(author, "message")) {
            rn_out(t, "\n");
            rn_out_clean(t, rn_text_of(author, "message"));
        }
    }
    rn_out(t, "\n");
    rn_answer_free(&a);
    return 0;
}

static int confirm(struct rn_tool *t) {
    struct rn_answer a;
    int r = rn_ask(t, "confirm", NULL, &a);
    if (r != 0)
        return r;
    const struct rn_json *was = rn_json_get(a.tree, "was");
    if (t->json) {
        rn_out_answer(t, &a);
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
