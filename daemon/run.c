/* SPDX-License-Identifier: MIT
 * run.c — starts a node, serves until a signal, ends orderly.
 * May touch: the process: umask, signals, the data directory.
 */
#include "daemon/run.h"

#include "base/err.h"
#include "daemon/datadir.h"
#include "daemon/env.h"
#include "daemon/identity.h"
#include "daemon/manager.h"
#include "daemon/openfiles.h"
#include "daemon/reread.h"
#include "node/node.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_SIGNALS 3u

struct run {
    const struct rn_run_conf *with;
    struct rn_log *log;
    char *data, *identity_file; /* no reload changes them */
    int lock;
    struct rn_manager manager;
    struct event *reload;
    int reload_due; /* asked for while the node started */
    struct rn_pair pair;
    struct rn_identity_state identity;
    struct rn_world *world;
    struct rn_node *node;
    struct event *signals[N_SIGNALS];
    int ready, stopping;
    int again; /* what stops is to be started anew */
    enum rn_exit exit;
};

static enum rn_exit cannot_start(const struct run *r, const struct runnel_err *err) {
    rn_log(r->log, RUNNEL_ERROR, "daemon", "cannot start: %s", err->msg);
    return RN_EXIT_START;
}

/* ---- the end ---- */

static void stopped(void *arg, const struct runnel_err *err) {
    struct run *r = arg;
    if (err != NULL) {
        rn_log(r->log, RUNNEL_ERROR, "daemon", "stopped, but not orderly: %s", err->msg);
        r->again = 0;
        if (r->exit == RN_EXIT_OK)
            r->exit = RN_EXIT_FAILED;
    } else {
        rn_log(r->log, RUNNEL_NOTICE, "daemon", r->again ? "stopped, to start anew" : "stopped");
    }
    (void)event_base_loopbreak(rn_world_base(r->world));
}

static void stop(struct run *r) {
    r->stopping = 1;
    if (!r->again)
        rn_manager_stopping(&r->manager, (*r->with->conf)->stop_timeout);
    rn_node_stop(r->node, stopped, r);
}

static void start_anew(void *arg) {
    struct run *r = arg;
    if (r->stopping)
        return;
    r->again = 1;
    stop(r);
}

static void on_end(evutil_socket_t sig, short what, void *arg) {
    struct run *r = arg;
    (void)what;
    if (r->again) { /* it stops already */
        r->again = 0;
        return;
    }
    if (r->stopping) {
        rn_log(r->log, RUNNEL_WARN, "daemon", "a second signal: ending at once");
        _exit(RN_EXIT_FAILED);
    }
    rn_log(r->log, RUNNEL_NOTICE, "daemon", "stopping (%s)", sig == SIGTERM ? "SIGTERM" : "SIGINT");
    stop(r);
}

/* What has failed is better in a new process, which the service manager starts. */
static void on_failure(void *arg, const struct runnel_err *err) {
    struct run *r = arg;
    (void)err; /* logged where it happened */
    if (r->stopping)
        return;
    r->exit = RN_EXIT_FAILED;
    rn_log(r->log, RUNNEL_ERROR, "daemon", "stopping, to be started again (exit code %d)", (int)RN_EXIT_FAILED);
    stop(r);
}

/* ---- another config ---- */

/* The levels of the config are its own matter: the log is the daemon's. */
static void take_levels(struct run *r) {
    struct runnel_err err = {0};
    if (r->with->levels == NULL && rn_log_spec(r->log, (*r->with->conf)->log, &err) != 0)
        rn_log(r->log, RUNNEL_ERROR, "daemon", "node.log: %s", err.msg); /* the check of the config lets none through */
}

static void log_lines(const struct run *r, int level, const char *before, const char *text) {
    for (size_t n; *text != 0; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        rn_log(r->log, level, "daemon", "%s%.*s", before, (int)n, text);
    }
}

/* Reads the files again, and has the node take them over or refuse them. */
static int reload(struct run *r, struct rn_buf *told) {
    struct rn_conf *conf = NULL;
    int rc = rn_reread(r->with->file, r->with->registry, &conf, told);
    if (rc != 0) {
        const char *errors = rn_buf_cstr(told);
        rn_node_reload_refused(r->node, errors != NULL ? errors : "out of memory");
        return rc;
    }
    rc = rn_node_reload(r->node, conf, told);
    if (rc != 0) {
        rn_conf_free(conf);
        return rc;
    }
    rn_conf_free(*r->with->conf);
    *r->with->conf = conf;
    take_levels(r);
    return 0;
}

static void on_reload(evutil_socket_t fd, short what, void *arg) {
    struct run *r = arg;
    struct rn_buf told;
    (void)fd;
    (void)what;
    if (r->stopping || r->node == NULL)
        return;
    if (!r->ready) {
        r->reload_due = 1;
        return;
    }
    rn_buf_init(&told, RN_REREAD_TOLD);
    rn_manager_reloading(&r->manager);
    int rc = reload(r, &told);
    const char *text = rn_buf_cstr(&told);
    if (rc != 0)
        log_lines(r, RUNNEL_ERROR, "the config is not taken over: ", text != NULL ? text : "out of memory");
    else if (text != NULL && *text != 0)
        log_lines(r, RUNNEL_NOTICE, "config taken over: ", text);
    else
        rn_log(r->log, RUNNEL_NOTICE, "daemon", "config taken over: nothing has changed");
    rn_manager_ready(&r->manager, rc == 0 ? "ready" : "ready; a changed config was refused: see the log");
    rn_buf_free(&told);
}

/* The node is asked by an admin; it must not be called from here. */
static void ask_reload(void *arg) {
    struct run *r = arg;
    event_active(r->reload, EV_TIMEOUT, 0);
}

static void on_hangup(evutil_socket_t sig, short what, void *arg) {
    struct run *r = arg;
    (void)sig;
    (void)what;
    rn_log(r->log, RUNNEL_NOTICE, "daemon", "reading the config again (SIGHUP)");
    event_active(r->reload, EV_TIMEOUT, 0);
}

/* ---- the start ---- */

static void hex(const struct rn_key *id, char out[2 * RN_KEY + 1]) {
    for (size_t i = 0; i < RN_KEY; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", id->b[i]);
}

static void ready(void *arg, const struct runnel_err *err) {
    struct run *r = arg;
    char addresses[512];
    if (err != NULL) {
        r->exit = cannot_start(r, err);
        if (!r->stopping)
            stop(r);
        return;
    }
    r->ready = 1;
    (void)rn_node_addresses(r->node, addresses, sizeof addresses);
    for (char *s = addresses; *s != 0; s++)
        if (*s == '\n')
            *s = s[1] != 0 ? ' ' : 0;
    rn_log(r->log, RUNNEL_NOTICE, "daemon", "ready%s%s", addresses[0] != 0 ? ", at " : ", at no address", addresses);
    rn_manager_ready(&r->manager, "ready");
    if (r->reload_due)
        ask_reload(r);
    r->reload_due = 0;
}

static void turn(void *node) {
    rn_node_turn(node);
}

static int add_signals(struct run *r) {
    static const struct {
        int sig;
        event_callback_fn fn;
    } all[N_SIGNALS] = {{SIGTERM, on_end}, {SIGINT, on_end}, {SIGHUP, on_hangup}};
    for (size_t i = 0; i < N_SIGNALS; i++) {
        r->signals[i] = evsignal_new(rn_world_base(r->world), all[i].sig, all[i].fn, r);
        if (r->signals[i] == NULL || event_add(r->signals[i], NULL) != 0)
            return -1;
    }
    return 0;
}

/* The data directory and the identity; logs who we are. */
static int open_data(struct run *r, struct runnel_err *err) {
    char id[2 * RN_KEY + 1];
    int rc = rn_datadir_open(r->data, &r->lock, err);
    if (rc == 0)
        rc = rn_identity(r->identity_file, &r->pair, &r->identity, err);
    if (rc != 0)
        return rc;
    hex(&r->pair.id, id);
    if (r->identity.made)
        rn_log(r->log, RUNNEL_NOTICE, "daemon", "made a new identity: %s", r->identity_file);
    rn_log(r->log, RUNNEL_NOTICE, "daemon", "node %s", id);
    return 0;
}

/* One life of the node. */
static enum rn_exit serve(struct run *r) {
    struct runnel_err err = {0};
    r->ready = r->stopping = r->again = 0;
    rn_manager_starting(&r->manager);
    if (rn_node_new(rn_world_env(r->world), *r->with->conf, r->with->registry, &r->pair.id, &r->node, &err) != 0)
        return cannot_start(r, &err);
    rn_world_serve(r->world, turn, r->node);
    rn_world_on_failure(r->world, on_failure, r);
    if (rn_node_start(r->node, ready, r, &err) != 0)
        return cannot_start(r, &err);
    if (event_base_dispatch(rn_world_base(r->world)) < 0) {
        rn_log(r->log, RUNNEL_ERROR, "daemon", "the event loop failed");
        return RN_EXIT_FAILED;
    }
    return r->exit;
}

static void bury(struct run *r) {
    rn_world_serve(r->world, NULL, NULL);
    rn_node_free(r->node);
    r->node = NULL;
}

static enum rn_exit live(struct run *r) {
    struct runnel_err err = {0};
    r->data = strdup((*r->with->conf)->data);
    r->identity_file = strdup((*r->with->conf)->identity);
    if (r->data == NULL || r->identity_file == NULL) {
        (void)rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
        return cannot_start(r, &err);
    }
    if (open_data(r, &err) != 0)
        return cannot_start(r, &err);
    struct rn_world_conf wc = {.pair = &r->pair,
                               .data = r->data,
                               .identity = r->identity_file,
                               .identity_used = r->identity.used,
                               .log = r->log,
                               .again = start_anew,
                               .again_arg = r,
                               .reload = ask_reload,
                               .reload_arg = r};
    r->world = rn_world_new(&wc, &err);
    if (r->world == NULL)
        return cannot_start(r, &err);
    r->reload = evtimer_new(rn_world_base(r->world), on_reload, r);
    if (r->reload == NULL || add_signals(r) != 0) {
        rn_log(r->log, RUNNEL_ERROR, "daemon", "cannot start: no signal handlers");
        return RN_EXIT_START;
    }
    rn_manager_attach(&r->manager, rn_world_base(r->world));
    enum rn_exit code = serve(r);
    while (r->again && code == RN_EXIT_OK) {
        bury(r);
        code = serve(r);
    }
    return code;
}

static void end(struct run *r) {
    if (r->world != NULL)
        bury(r);
    for (size_t i = 0; i < N_SIGNALS; i++)
        if (r->signals[i] != NULL)
            event_free(r->signals[i]);
    if (r->reload != NULL)
        event_free(r->reload);
    rn_manager_close(&r->manager);
    rn_world_free(r->world);
    rn_pair_wipe(&r->pair);
    free(r->data);
    free(r->identity_file);
    if (r->lock >= 0)
        (void)close(r->lock); /* gives the lock back */
}

enum rn_exit rn_run(const struct rn_run_conf *with) {
    struct run r = {.with = with, .log = with->log, .lock = -1, .exit = RN_EXIT_OK};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)umask(077);
    rn_open_files(r.log);
    (void)sigaction(SIGPIPE, &ignore, NULL); /* cannot fail for a valid signal */
    rn_manager_open(&r.manager, r.log);
    enum rn_exit code = live(&r);
    end(&r);
    return code;
}
