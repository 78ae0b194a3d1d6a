/* SPDX-License-Identifier: MIT
 * reload.c — runnel reload: has the node read its configuration again, and says what came of it.
 * May touch: the node, by asking it.
 */
#include "tool/tool.h"
#include <stdio.h>

static void show_changes(struct rn_tool *t, const struct rn_json *list) {
    if (!list || !list->child)
        rn_out(t, "nothing has changed\n");
    for (const struct rn_json *v = list ? list->child : NULL; v; v = v->next) {
        rn_out_clean(t, v->type == RN_STRING ? v->text : "");
        rn_out(t, "\n");
    }
}

/* As runneld -t writes them, so that one can go from one to the next. */
static void show_errors(const struct rn_json *list) {
    struct rn_buf b = {0};
    for (const struct rn_json *v = list ? list->child : NULL; v; v = v->next) {
        if (v->type != RN_STRING)
            continue;
        rn_buf_clear(&b);
        rn_text_clean(&b, v->text, v->n_text);
        const char *line = rn_buf_cstr(&b);
        (void)fprintf(stderr, "%s\n", line ? line : "runnel: no memory");
    }
    rn_buf_free(&b);
}

int rn_cmd_reload(struct rn_tool *t) {
    struct rn_answer a;
    int taken = 0, r = rn_ask(t, "reload", NULL, &a);
    if (r != 0)
        return r;
    (void)rn_json_bool(a.tree, "taken", &taken, NULL); /* absent is no */
    if (t->json)
        rn_out_answer(t, &a);
    else if (taken)
        show_changes(t, rn_json_get(a.tree, "changes"));
    if (!taken) {
        if (!t->json)
            show_errors(rn_json_get(a.tree, "errors"));
        struct runnel_err err;
        (void)rn_fail(&err, RUNNEL_EINVALID, "reload: nothing was taken over; the node goes on as it was");
        r = rn_tool_fail(t, RN_EXIT_ERROR, &err);
    }
    rn_answer_free(&a);
    return r;
}
