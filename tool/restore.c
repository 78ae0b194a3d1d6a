/* SPDX-License-Identifier: MIT
 * restore.c — runnel restore: a backup into a node that holds nothing.
 * May touch: the node, by asking it; the files of the backup; the terminal.
 */
#include "base/base64.h"
#include "tool/archive.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNDER_WAY 32u                       /* slices that are sent and not yet acknowledged */
#define BACK_AGAIN (INT64_C(120) * RN_NS_S) /* until the node, started anew, must answer */

struct restore {
    struct rn_tool *tool;
    const char *dir;
    struct rn_archive *file;
    struct rn_archive_head head;
    char nonce[65], identity[1024];
    unsigned open; /* slices under way */
    uint64_t sent;
    int failed;
    struct runnel_err err;
    struct rn_progress progress;
    uint64_t damaged; /* streams that are not whole */
};

/* ---- who it is ---- */

static void keep_status(struct restore *x, const struct rn_json *o) {
    (void)snprintf(x->nonce, sizeof x->nonce, "%s", rn_text_of(o, "nonce"));
    (void)snprintf(x->identity, sizeof x->identity, "%s", rn_text_of(o, "identity"));
}

static int check_node(struct restore *x, struct runnel_err *err) {
    struct rn_answer a;
    uint8_t id[32];
    int r = rn_node_ask(x->tool, "status", NULL, &a, err);
    if (r < 0)
        return r;
    keep_status(x, a.tree);
    const char *node = rn_text_of(a.tree, "node");
    int same = rn_hex_parse(node, strlen(node), id, sizeof id) == 0 && memcmp(id, x->head.node, sizeof id) == 0;
    if (!same)
        r = rn_fail(
            err, RUNNEL_ECONFLICT,
            "the backup is of another node than this one (%.8s). Stop runneld; empty its data folder, moving away "
            "what is still wanted; copy %s/identity to %s with mode 0600, owned by the user that runneld runs "
            "as; start runneld; then restore again",
            node, x->dir, *x->identity ? x->identity : "where node.identity says");
    rn_answer_free(&a);
    return r;
}

/* ---- another life of the node ---- */

/* Waits until the node that was told to start anew answers. */
static int wait_anew(struct restore *x, struct runnel_err *err) {
    struct rn_tool *t = x->tool;
    struct rn_answer a;
    char before[sizeof x->nonce];
    int64_t end = rn_wall() + BACK_AGAIN;
    memcpy(before, x->nonce, sizeof before);
    for (;;) {
        int r = rn_node_again(t, err);
        if (r == 0)
            r = rn_node_ask(t, "status", NULL, &a, err);
        if (r == 0) {
            keep_status(x, a.tree);
            rn_answer_free(&a);
            if (strcmp(x->nonce, before) != 0)
                return 0;
        }
        if (rn_wall() > end)
            return rn_wrap(err, "the node was told to start anew and has not come back; look into its log");
        (void)usleep(100000);
    }
}

/* ---- sending ---- */

static int ask_begin(struct restore *x, int *again, struct runnel_err *err) {
    struct rn_buf b = {0};
    struct rn_jw w;
    struct rn_answer a;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_khex(&w, "node", x->head.node, sizeof x->head.node);
    rn_jw_kint(&w, "version", x->head.version);
    rn_jw_kbool(&w, "replace", rn_arg(x->tool, "replace") != NULL);
    rn_jw_end_object(&w);
    const char *json = rn_buf_cstr(&b);
    int r = json ? rn_node_ask(x->tool, "restore.begin", json, &a, err) : rn_fail(err, RUNNEL_ENOMEM, "no memory");
    rn_buf_free(&b);
    if (r < 0)
        return r;
    *again = 0;
    (void)rn_json_bool(a.tree, "again", again, NULL); /* absent is no */
    rn_answer_free(&a);
    return 0;
}

static int begin(struct restore *x, struct runnel_err *err) {
    int again = 0, r = ask_begin(x, &again, err);
    if (r == 0 && again) {
        r = wait_anew(x, err);
        if (r == 0)
            r = ask_begin(x, &again, err);
        if (r == 0 && again)
            r = rn_fail(err, RUNNEL_EINTERNAL, "the node does not become empty");
    }
    return r;
}

static void on_put(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct restore *x = arg;
    (void)data;
    x->open--;
    if (err && !x->failed) {
        x->failed = 1;
        x->err = *err;
    }
}

static int send_slice(struct restore *x, struct runnel_bytes slice, struct runnel_err *err) {
    struct rn_buf b = {0};
    rn_buf_str(&b, "{\"slice\":\"");
    rn_base64_add(&b, slice.p, slice.n);
    rn_buf_str(&b, "\"}");
    const char *json = rn_buf_cstr(&b);
    int r = json ? runnel_client_request(x->tool->client, "restore.put", json, on_put, x, err)
                 : rn_fail(err, RUNNEL_ENOMEM, "no memory");
    rn_buf_free(&b);
    x->open += r == 0;
    return r;
}

/* Runs the loop until no more than `most` slices are under way. */
static int wait_for(struct restore *x, unsigned most, struct runnel_err *err) {
    while (x->open > most && !x->failed && !x->tool->lost)
        if (event_base_loop(x->tool->base, EVLOOP_ONCE) < 0)
            return rn_fail(err, RUNNEL_EIO, "the event loop failed");
    if (x->failed)
        return rn_err_copy(err, &x->err);
    return x->tool->lost ? rn_err_copy(err, &x->tool->why) : 0;
}

static int send_all(struct restore *x, struct runnel_err *err) {
    struct runnel_bytes slice;
    int r;
    rn_progress_begin(&x->progress, x->tool, "restoring", x->head.slices);
    while ((r = rn_archive_next(x->file, &slice, err)) > 0) {
        r = send_slice(x, slice, err);
        if (r == 0)
            r = wait_for(x, UNDER_WAY, err);
        if (r < 0)
            break;
        rn_progress_set(&x->progress, ++x->sent);
    }
    if (r == 0)
        r = wait_for(x, 0, err);
    rn_progress_end(&x->progress);
    return r;
}

static int end(struct restore *x, struct runnel_err *err) {
    struct rn_answer a;
    int r = rn_node_ask(x->tool, "restore.end", NULL, &a, err);
    if (r < 0)
        return r;
    rn_answer_free(&a);
    return wait_anew(x, err);
}

/* ---- is all of it whole? ---- */

static int keep_id(void *arg, const struct rn_json *o) {
    struct rn_buf *ids = arg;
    const char *id = rn_text_of(o, "stream");
    return rn_buf_add(ids, id, strlen(id) + 1) == 0 ? 0 : RN_EXIT_ERROR;
}

static void verify_one(struct restore *x, const char *id) {
    struct rn_buf json = {0};
    struct rn_answer a;
    struct runnel_err err;
    const char *params = rn_node_stream_json(&json, id);
    int ok = 0,
        r = params ? rn_node_ask(x->tool, "verify", params, &a, &err) : rn_fail(&err, RUNNEL_ENOMEM, "no memory");
    rn_buf_free(&json);
    if (r == 0) {
        (void)rn_json_bool(a.tree, "ok", &ok, NULL); /* absent is no */
        rn_answer_free(&a);
        (void)rn_fail(&err, RUNNEL_EDAMAGED, "\"runnel verify\" tells where");
    }
    if (ok)
        return;
    x->damaged++;
    (void)rn_tool_failf(x->tool, RN_EXIT_DAMAGED, RUNNEL_EDAMAGED, "restore: stream %s is not whole: %s", id, err.msg);
}

/* 0 or an exit code. */
static int verify_all(struct restore *x, uint64_t *streams) {
    struct rn_buf ids = {0};
    struct rn_progress p;
    int r = rn_each_stream(x->tool, keep_id, NULL, &ids);
    rn_progress_begin(&p, x->tool, "verifying", x->head.streams);
    *streams = 0;
    for (size_t at = 0; r == 0 && at < ids.n; at += strlen((const char *)ids.p + at) + 1) {
        verify_one(x, (const char *)ids.p + at);
        rn_progress_set(&p, ++*streams);
    }
    rn_progress_end(&p);
    rn_buf_free(&ids);
    return r;
}

/* ---- asking ---- */

/* With --replace what the node holds is erased: whoever sits at the terminal must type the whole word. */
static int agreed(struct rn_tool *t) {
    char line[16] = "";
    if (!rn_arg(t, "replace") || rn_arg(t, "yes"))
        return 0;
    if (t->json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return rn_usage(t, "there is no terminal to ask at: add --yes if all that the node holds shall be erased");
    (void)fprintf(stderr, "All that the node at %s holds is erased first.\nType yes to go on: ", t->address);
    (void)fflush(stderr);
    if (fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0)
        return 0;
    return rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_EINVALID, "restore: nothing was erased or restored");
}

/* ---- the command ---- */

static int bring_back(struct restore *x, struct runnel_err *err) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/records", x->dir);
    if (n <= 0 || (size_t)n >= sizeof path)
        return rn_fail(err, RUNNEL_ETOOBIG, "%s: the path is too long", x->dir);
    rn_progress_begin(&x->progress, x->tool, "checking", 0);
    int r = rn_archive_open(path, &x->file, &x->head, &x->progress, err);
    rn_progress_end(&x->progress);
    if (r == 0)
        r = check_node(x, err);
    if (r == 0)
        r = begin(x, err);
    if (r == 0)
        r = send_all(x, err);
    return r == 0 ? end(x, err) : r;
}

static void say(const struct restore *x, uint64_t streams) {
    struct rn_buf b = {0};
    struct rn_jw w;
    char time[RN_TIME_TEXT];
    if (x->tool->json) {
        rn_jw_init(&w, &b);
        rn_jw_object(&w);
        rn_jw_kns(&w, "time", x->head.time);
        rn_jw_key(&w, "streams");
        rn_jw_u64(&w, streams);
        rn_jw_key(&w, "count");
        rn_jw_u64(&w, x->head.observations);
        rn_jw_key(&w, "damaged");
        rn_jw_u64(&w, x->damaged);
        rn_jw_end_object(&w);
        rn_buf_byte(&b, '\n');
    } else {
        rn_human_count(&b, streams);
        rn_buf_fmt(&b, " stream%s with ", streams == 1 ? "" : "s");
        rn_human_count(&b, x->head.observations);
        rn_buf_fmt(&b, " observation%s restored, as of %s%s\n", x->head.observations == 1 ? "" : "s",
                   rn_time_format(x->head.time, time), x->damaged ? "" : "; all are whole and as signed");
        rn_buf_str(
            &b, "The store is a copy now: before the node appends to its own streams it asks its peers whether they\n"
                "have more. \"runnel status\" and \"runnel identity\" tell whether that is done.\n");
    }
    rn_out_bytes(x->tool, b.p, b.n);
    rn_buf_free(&b);
}

int rn_cmd_restore(struct rn_tool *t) {
    struct restore x = {.tool = t, .dir = t->words[0]};
    struct runnel_err err;
    uint64_t streams = 0;
    int exit = agreed(t);
    if (exit != 0)
        return exit;
    int r = bring_back(&x, &err);
    if (r == 0)
        exit = verify_all(&x, &streams);
    rn_archive_free(x.file);
    if (r < 0) {
        rn_node_leave(t); /* slices that are still under way are told to `x` */
        exit = err.code == RUNNEL_EDAMAGED ? RN_EXIT_DAMAGED : rn_exit_of(&err);
        (void)rn_wrap(&err, "restore");
        return rn_tool_fail(t, exit, &err);
    }
    if (exit != 0)
        return exit;
    say(&x, streams);
    return x.damaged ? RN_EXIT_DAMAGED : RN_EXIT_OK;
}
