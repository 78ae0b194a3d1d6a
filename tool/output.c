/* SPDX-License-Identifier: MIT
 * output.c — what the tool writes: results to standard output, errors to standard error.
 * May touch: file descriptors 1 and 2.
 */
#include "tool/tool.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENOUGH 65536u

int rn_out_flush(struct rn_tool *t) {
    if (t->out.failed && !t->out_errno)
        t->out_errno = ENOMEM;
    if (!t->out_errno && rn_write_all(STDOUT_FILENO, t->out.p, t->out.n) != 0)
        t->out_errno = errno;
    rn_buf_clear(&t->out);
    return t->out_errno ? -1 : 0;
}

void rn_out_bytes(struct rn_tool *t, const void *p, size_t n) {
    (void)rn_buf_add(&t->out, p, n); /* a failure stays in the buffer: rn_out_flush sees it */
    if (t->out.n > ENOUGH || t->out.failed)
        (void)rn_out_flush(t);
}

void rn_out_clean(struct rn_tool *t, const char *text) {
    struct rn_buf b = {0};
    rn_text_clean(&b, text, strlen(text));
    rn_out_bytes(t, b.p, b.n);
    rn_buf_free(&b);
}

void rn_out(struct rn_tool *t, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    rn_out_bytes(t, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void fail_json(const struct runnel_err *err) {
    struct rn_buf b = {0};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "error");
    rn_jw_object(&w);
    rn_jw_kstr(&w, "code", rn_code_word(err->code));
    rn_jw_kstr(&w, "message", err->msg);
    rn_jw_end_object(&w);
    rn_jw_end_object(&w);
    (void)fprintf(stderr, "%s\n",
                  b.failed ? "{\"error\":{\"code\":\"no-memory\",\"message\":\"no memory\"}}" : rn_buf_cstr(&b));
    rn_buf_free(&b);
}

int rn_tool_fail(const struct rn_tool *t, int exit, const struct runnel_err *err) {
    if (t->json)
        fail_json(err);
    else
        (void)fprintf(stderr, "runnel: %s\n", err->msg);
    return exit;
}

int rn_tool_failf(const struct rn_tool *t, int exit, int code, const char *fmt, ...) {
    struct runnel_err err;
    va_list ap;
    va_start(ap, fmt);
    (void)rn_vfail(&err, code, fmt, ap);
    va_end(ap);
    return rn_tool_fail(t, exit, &err);
}

void rn_note(const struct rn_tool *t, const char *fmt, ...) {
    struct runnel_err text;
    va_list ap;
    if (!t->verbose && !isatty(STDERR_FILENO))
        return;
    va_start(ap, fmt);
    (void)rn_vfail(&text, RUNNEL_OK, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "runnel: %s\n", text.msg);
}
