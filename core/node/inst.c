/* SPDX-License-Identifier: MIT
 * inst.c — the life of an instance: made, started, given another conf, stopped, freed (inst.h).
 * May touch: the node's loop and env, and what the node lends it.
 */
#include "node/inststate.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ---- */

static char *text(const char *a, const char *sep, const char *b) {
    size_t n = strlen(a) + strlen(sep) + strlen(b) + 1;
    char *s = malloc(n);
    if (s != NULL)
        (void)snprintf(s, n, "%s%s%s", a, sep, b);
    return s;
}

static void free_memory(struct runnel_inst *i) {
    free(i->name);
    free(i->path);
    free(i->area);
    free(i);
}

static void stop_told(void *arg);

static struct runnel_inst *alloc(const struct rn_inst_services *s, const struct runnel_plugin *plugin, const char *name,
                                 const void *conf) {
    struct runnel_inst *i = calloc(1, sizeof *i);
    if (i == NULL)
        return NULL;
    i->s = s;
    i->env = s->loop->env;
    i->plugin = plugin;
    i->conf = conf;
    rn_task_init(&i->stopped, stop_told, i);
    i->name = text("", "", name);
    i->path = text(rn_kind_name(plugin->kind), ".", name);
    i->area = text(plugin->name, ".", name);
    if (i->name == NULL || i->path == NULL || i->area == NULL || rn_host_init(i) != 0) {
        free_memory(i);
        return NULL;
    }
    return i;
}

int rn_inst_new(const struct rn_inst_services *s, const struct runnel_plugin *plugin, const char *name,
                const void *conf, struct runnel_inst **out, struct runnel_err *err) {
    struct runnel_err own;
    struct runnel_err *e = err != NULL ? err : &own;
    *out = NULL;
    struct runnel_inst *i = alloc(s, plugin, name, conf);
    if (i == NULL)
        return rn_fail(e, RUNNEL_ENOMEM, "%s.%s: no memory for the instance", rn_kind_name(plugin->kind), name);
    *e = (struct runnel_err){0};
    if (plugin->create(i, &i->host, conf, &i->self, e) != 0) {
        if (e->code == 0)
            (void)rn_fail(e, RUNNEL_EINTERNAL, "the plugin %s gave no reason why it cannot be made", plugin->name);
        (void)rn_wrap(e, "%s", i->path);
        i->plugin = NULL; /* nothing to destroy */
        rn_inst_free(i);
        return -e->code;
    }
    *out = i;
    return 0;
}

int rn_inst_start(struct runnel_inst *i, struct runnel_err *err) {
    struct runnel_err own;
    struct runnel_err *e = err != NULL ? err : &own;
    *e = (struct runnel_err){0};
    if (i->plugin->start == NULL || i->plugin->start(i->self, e) == 0) {
        i->state = RN_INST_STARTED;
        return 0;
    }
    if (i->dir_err.code != 0) /* the root of the matter, which the plugin cannot know */
        *e = i->dir_err;
    else if (e->code == 0)
        (void)rn_fail(e, RUNNEL_EINTERNAL, "the plugin %s gave no reason why it cannot start", i->plugin->name);
    return rn_wrap(e, "%s", i->path);
}

int rn_inst_reload(struct runnel_inst *i, const void *conf, struct runnel_err *err) {
    *err = (struct runnel_err){0};
    if (i->plugin->reload == NULL)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "%s: the plugin %s takes over no changes while it runs", i->path,
                       i->plugin->name);
    if (i->plugin->reload(i->self, conf, err) == 0) {
        i->conf = conf;
        return 0;
    }
    if (err->code == 0)
        (void)rn_fail(err, RUNNEL_EINTERNAL, "the plugin %s gave no reason why it does not take over the changes",
                      i->plugin->name);
    return rn_wrap(err, "%s", i->path);
}

/* ---- ending ---- */

static void stop_told(void *arg) {
    struct runnel_inst *i = arg;
    i->done(i->done_arg, i->failed ? &i->err : NULL);
}

static void stop_done(void *arg, const struct runnel_err *err) {
    struct runnel_inst *i = arg;
    if (i->state != RN_INST_STOPPING) /* too late, or twice */
        return;
    i->state = RN_INST_STOPPED;
    rn_alarm_cancel(rn_inst_loop(i), &i->limit);
    if (err != NULL) {
        i->failed = 1;
        i->err = *err;
        (void)rn_wrap(&i->err, "%s", i->path);
    }
    rn_task_run_soon(rn_inst_loop(i), &i->stopped);
}

static void abandon(void *arg) {
    struct runnel_inst *i = arg;
    i->state = RN_INST_ABANDONED;
    i->failed = 1;
    (void)rn_fail(&i->err, RUNNEL_ETIMEOUT, "%s: the plugin %s did not stop within 10s and is abandoned", i->path,
                  i->plugin->name);
    rn_log(i->env->log, RUNNEL_ERROR, i->area, "%s", i->err.msg);
    rn_task_run_soon(rn_inst_loop(i), &i->stopped);
}

void rn_inst_stop(struct runnel_inst *i, runnel_done *done, void *arg) {
    i->done = done;
    i->done_arg = arg;
    int running = i->state == RN_INST_STARTED && i->plugin->stop != NULL;
    i->state = RN_INST_STOPPING;
    if (!running)
        stop_done(i, NULL);
    else if (rn_alarm_set(rn_inst_loop(i), &i->limit, RN_STOP_NS, abandon, i) != 0)
        abandon(i); /* without memory for the alarm nobody could tell that it hangs */
    else
        i->plugin->stop(i->self, stop_done, i);
}

void rn_inst_free(struct runnel_inst *i) {
    if (i == NULL)
        return;
    if (i->state != RN_INST_ABANDONED && i->plugin != NULL)
        i->plugin->destroy(i->self);
    rn_task_cancel(&i->stopped);
    rn_alarm_cancel(rn_inst_loop(i), &i->limit);
    rn_host_end(i);
    if (i->state != RN_INST_ABANDONED)
        free_memory(i);
    else
        i->s = NULL; /* its memory is left to it */
}

/* ---- asking ---- */

const void *rn_inst_ops(const struct runnel_inst *i) {
    return i->plugin->ops;
}

void *rn_inst_self(const struct runnel_inst *i) {
    return i->self;
}

const char *rn_inst_name(const struct runnel_inst *i) {
    return i->name;
}

const char *rn_inst_path(const struct runnel_inst *i) {
    return i->path;
}

void *rn_inst_node(const struct runnel_inst *i) {
    return rn_inst_gone(i) ? NULL : i->s->node;
}

const struct runnel_plugin *rn_inst_plugin(const struct runnel_inst *i) {
    return i->plugin;
}
