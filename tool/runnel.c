/* SPDX-License-Identifier: MIT
 * runnel.c — the command line of runnel, on librunnel alone.
 * May touch: everything that a program may.
 */
#include "tool/tool.h"
#include <config.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int run(struct rn_tool *t) {
    if (t->version) {
        rn_out(t, "runnel " PACKAGE_VERSION "\n");
        return RN_EXIT_OK;
    }
    if (!t->command && t->help)
        return t->json ? rn_cmd_help(t) : rn_help(t);
    if (!t->command)
        return rn_usage(t, "a command is missing");
    if (t->help)
        return rn_help_command(t, t->command);
    if (t->command->run == rn_cmd_help)
        return rn_cmd_help(t);
    int r = rn_node_connect(t);
    if (r == 0)
        r = t->command->run(t);
    rn_node_leave(t);
    return r;
}

/* A reader that went away, as in "runnel history X | head", is no error. */
static int finish_output(struct rn_tool *t, int exit) {
    if (rn_out_flush(t) == 0 || t->out_errno == EPIPE)
        return exit;
    int code = t->out_errno == ENOSPC ? RUNNEL_EFULL : RUNNEL_EIO;
    int r = rn_tool_failf(t, RN_EXIT_ERROR, code, "cannot write the output: %s", strerror(t->out_errno));
    return exit ? exit : r;
}

int main(int argc, char **argv) {
    struct rn_tool t = {0};
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return rn_tool_failf(&t, RN_EXIT_ERROR, RUNNEL_EINTERNAL, "cannot ignore SIGPIPE");
    t.words = calloc((size_t)(argc > 0 ? argc : 1), sizeof *t.words);
    if (!t.words)
        return rn_tool_failf(&t, RN_EXIT_ERROR, RUNNEL_ENOMEM, "no memory");
    int r = rn_args_parse(&t, argc, argv);
    if (r == 0)
        r = run(&t);
    r = finish_output(&t, r);
    rn_buf_free(&t.out);
    free(t.words);
    return r;
}
