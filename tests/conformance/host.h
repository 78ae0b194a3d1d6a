/* SPDX-License-Identifier: MIT
 * host.h — a small plugin host for tests: loads any plugin, fills its conf, runs it on a libevent loop.
 * May touch: include/runnel, libevent, libdl, the C library; nothing of this tree's core.
 */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <runnel/plugin.h>
#include <stdbool.h>
#include <stdio.h>

struct event;
struct host_call;
struct host_note;
struct host_conf;
struct host_post;

/* What is waiting to be called; first in, first out. */
struct host_queue {
    struct host_call *first, **last;
};

/* One host: a loop and what the instances on it have logged and noted. Not for use across fork: a
 * child makes its own. Out of memory ends the program with a message. */
struct test_host {
    struct event_base *base;
    struct event *alarm;    /* for the first of `timers` */
    struct event *soon;     /* runs `deferred` */
    struct event *posted;   /* reads `post_fd` */
    struct event *deadline; /* of host_run_until */
    struct runnel_timer *timers;
    struct host_queue deferred;
    struct host_post *post; /* what came from other threads */
    struct host_note *notes;
    char *log; /* all lines so far: "LEVEL NAME: text\n" */
    size_t n_log;
    bool late; /* the deadline of host_run_until has passed */
    /* Whether a call into a plugin is running now: what is allocated then is allocated by it. */
    bool inside;
    /* Asked before a service that may fail for lack of memory; true: let it fail. NULL: none fails. */
    bool (*refuse)(void);
};

/* One instance of a plugin. `self` and `ops` are what the tests call; `user` is theirs. */
struct runnel_inst {
    struct test_host *host;
    char *name;
    struct runnel_plugin *plugin; /* our copy, zero-filled where the plugin is older */
    void *self;
    const void *ops;
    void *user;
    struct runnel_host api;
    struct host_conf *conf;
    char *dir;
    bool own_dir; /* a fresh one, removed at the end */
    bool started;
    unsigned deferred; /* calls of its own that wait */
};

struct test_host *host_new(void);
/* Frees the host. All instances must have been closed. */
void host_free(struct test_host *h);

/* Where a plugin of this build is: $RUNNEL_BUILD/plugins/KIND/NAME/.libs/KIND-NAME.so. Returns `out`. */
const char *host_plugin_path(const char *kind, const char *name, char *out, size_t n);

/* What host_open may be told about an instance; zero is fit for all but `path`. */
struct host_section {
    const char *path; /* of the .so */
    const char *name; /* of the instance; NULL: the plugin's. Notes are kept by this name while the host lives */
    const char *dir;  /* its directory, which is kept; NULL: a fresh one, removed by host_close */
    const void *up;   /* the kind's upcalls */
    void *user;       /* stored in inst->user before `create` is called */
    uint32_t kind;    /* the kind that it must be; 0: any */
    /* "option=value", up to NULL; may itself be NULL. A STRINGS option is said once for each string. */
    const char *const *conf;
};

/* Loads the plugin, checks its ABI, fills and checks its conf, creates the instance. NULL and err
 * when any of it fails. The plugin stays mapped for ever, so that leak reports can name its frames. */
struct runnel_inst *host_open(struct test_host *h, const struct host_section *section, struct runnel_err *err);
int host_start(struct runnel_inst *inst, struct runnel_err *err);
/* Takes over a changed conf; -RUNNEL_EUNSUPPORTED when the plugin has no reload. */
int host_reload(struct runnel_inst *inst, const char *const *conf, struct runnel_err *err);
/* The conf that is in force: what the plugin's own calls that take one (sync) are handed. */
const void *host_conf_of(const struct runnel_inst *inst);
/* Calls stop and waits for its done: 0, the code that done brought, or -RUNNEL_ETIMEOUT. */
int host_stop(struct runnel_inst *inst, int64_t deadline_ms);
/* Stops what was started, destroys it, frees the instance and removes its own directory. */
void host_close(struct runnel_inst *inst);
/* As host_close, but destroys without stop (a daemon that abandoned it). */
void host_abandon(struct runnel_inst *inst);

/* Runs the loop until the predicate holds: true; false when the deadline came first. The predicate
 * is asked before the first turn and after each. */
typedef bool host_predicate(void *arg);
bool host_run_until(struct test_host *h, host_predicate *predicate, void *arg, int64_t deadline_ms);
/* The common predicate: *(const bool *)arg. */
bool host_flag(void *arg);
/* Runs the loop until nothing is deferred, posted or ready now. Timers that are not due stay. */
void host_settle(struct test_host *h);

/* Whether `text` stands in the log; forgets the log. With RUNNEL_TEST_LOG in the environment lines
 * are also written to stderr as they come. */
bool host_logged(const struct test_host *h, const char *text);
void host_log_clear(struct test_host *h);

#endif
