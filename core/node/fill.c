/* SPDX-License-Identifier: MIT
 * fill.c — defaults first, then what the section says, then the plugin's own check.
 * May touch: the heap.
 */
#include "node/fill.h"

#include "base/err.h"
#include "node/conf.h"
#include "node/near.h"

#include <stdio.h>
#include <string.h>

struct filling {
    const struct runnel_plugin *plugin;
    const struct rn_json *options;
    void *conf;
    rn_on_fault *fault;
    void *arg;
    int faults;
    int unsafe; /* a required option is not there: the plugin's check may rely on it */
};

static void report(struct filling *f, const char *option, const struct rn_json *v, const struct rn_fault *fault) {
    f->faults++;
    f->fault(f->arg, option, v, fault);
}

/* Finds an option by name: 1 and *o, or 0. */
static int find_option(const struct runnel_plugin *p, const char *name, struct runnel_option *o) {
    for (uint32_t i = 0; i < p->n_options; i++) {
        *o = rn_plugin_option(p, i);
        if (strcmp(o->name, name) == 0)
            return 1;
    }
    return 0;
}

/* ---- words that the plugin does not know ---- */

/* "a, b and 3 more" of the options' names. */
static void list_options(const struct runnel_plugin *p, char *out, size_t n) {
    size_t used = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < p->n_options; i++) {
        int k = snprintf(out + used, n - used, "%s%s", i == 0 ? "" : ", ", rn_plugin_option(p, i).name);
        if (k < 0 || (size_t)k >= n - used - 16) {
            (void)snprintf(out + used, n - used, " ...");
            return;
        }
        used += (size_t)k;
    }
}

static void unknown(struct filling *f, const struct rn_json *v) {
    struct rn_fault fault;
    struct rn_near near;
    char names[200];
    rn_near_init(&near, v->key);
    for (uint32_t i = 0; i < f->plugin->n_options; i++)
        rn_near_try(&near, rn_plugin_option(f->plugin, i).name);
    list_options(f->plugin, names, sizeof names);
    (void)snprintf(fault.found, sizeof fault.found, "an unknown option");
    if (f->plugin->n_options == 0)
        (void)snprintf(fault.want, sizeof fault.want, "no options: the plugin %s has none", f->plugin->name);
    else
        (void)snprintf(fault.want, sizeof fault.want, "one of %s", names);
    if (near.best[0] != 0)
        (void)snprintf(fault.remedy, sizeof fault.remedy, "did you mean \"%s\"?", near.best);
    else
        (void)snprintf(fault.remedy, sizeof fault.remedy, "remove it");
    report(f, v->key, v, &fault);
}

static void unknown_words(struct filling *f) {
    struct runnel_option o;
    if (f->options == NULL)
        return;
    for (const struct rn_json *v = f->options->child; v != NULL; v = v->next)
        if (strcmp(v->key, "plugin") != 0 && !find_option(f->plugin, v->key, &o))
            unknown(f, v);
}

/* ---- the options one by one ---- */

static void missing(struct filling *f, const struct runnel_option *o) {
    struct rn_fault fault;
    f->unsafe = 1;
    (void)snprintf(fault.found, sizeof fault.found, "nothing");
    rn_option_want(o, fault.want, sizeof fault.want);
    (void)snprintf(fault.remedy, sizeof fault.remedy, "add \"%s\": %.200s", o->name, o->help);
    report(f, o->name, NULL, &fault);
}

static int fill_option(struct filling *f, const struct runnel_option *o) {
    struct rn_fault fault;
    const struct rn_json *v = rn_json_get(f->options, o->name);
    int rc = rn_option_default(o, f->conf, &fault); /* checked when the plugin was taken in */
    if (rc == -RUNNEL_ENOMEM)
        return rc;
    if (v == NULL) {
        if ((o->flags & RUNNEL_OPT_REQUIRED) != 0)
            missing(f, o);
        return 0;
    }
    rc = rn_option_set(o, v, f->conf, &fault);
    if (rc == -RUNNEL_EINVALID) {
        f->unsafe |= (o->flags & RUNNEL_OPT_REQUIRED) != 0;
        report(f, o->name, v, &fault);
        return 0;
    }
    return rc;
}

/* ---- the plugin's own check ---- */

static void copy(char *out, size_t n, const char *s, const char *instead) {
    (void)snprintf(out, n, "%s", s != NULL && s[0] != 0 ? s : instead);
}

/* What a plugin complains about. */
static void complain(void *arg, const char *option, const char *found, const char *want, const char *remedy) {
    struct filling *f = arg;
    struct rn_fault fault;
    const struct rn_json *v = option != NULL ? rn_json_get(f->options, option) : NULL;
    char written[sizeof fault.found] = "nothing";
    if (v != NULL)
        rn_value_brief(v, written, sizeof written);
    copy(fault.found, sizeof fault.found, found, written);
    copy(fault.want, sizeof fault.want, want, "another value");
    copy(fault.remedy, sizeof fault.remedy, remedy, "correct it");
    report(f, option, v, &fault);
}

static void own_check(struct filling *f) {
    struct rn_fault fault = {"a section that the plugin refuses", "another one", "tell the plugin's author"};
    int before = f->faults;
    if (f->plugin->check == NULL || f->unsafe)
        return;
    if (f->plugin->check(f->conf, complain, f) != 0 && f->faults == before)
        report(f, NULL, NULL, &fault);
}

int rn_fill(const struct runnel_plugin *plugin, const struct rn_json *options, void *conf, rn_on_fault *fault,
            void *arg) {
    struct filling f = {.plugin = plugin, .options = options, .conf = conf, .fault = fault, .arg = arg};
    unknown_words(&f);
    for (uint32_t i = 0; i < plugin->n_options; i++) {
        struct runnel_option o = rn_plugin_option(plugin, i);
        int rc = fill_option(&f, &o);
        if (rc != 0)
            return rc;
    }
    own_check(&f);
    return f.faults != 0 ? -RUNNEL_EINVALID : 0;
}

/* ---- for callers without files ---- */

static void first_fault(void *arg, const char *option, const struct rn_json *v, const struct rn_fault *fault) {
    struct runnel_err *err = arg;
    (void)v;
    if (err->code != 0)
        return;
    (void)rn_fail(err, RUNNEL_EINVALID, "%s%sfound %s, want %s; %s", option != NULL ? option : "",
                  option != NULL ? ": " : "", fault->found, fault->want, fault->remedy);
}

int rn_conf_fill(const struct runnel_plugin *plugin, const struct rn_json *options, void **out,
                 struct runnel_err *err) {
    struct runnel_err first = {0};
    void *conf = rn_fill_new(plugin->conf_size);
    *out = NULL;
    int rc = conf != NULL ? rn_fill(plugin, options, conf, first_fault, &first) : -RUNNEL_ENOMEM;
    if (rc == 0) {
        *out = conf;
        return 0;
    }
    rn_fill_free(conf);
    if (rc == -RUNNEL_EINVALID) {
        if (err != NULL)
            *err = first;
        return rc;
    }
    return rn_fail(err, -rc, "no memory for the options of the plugin %s", plugin->name);
}

void rn_conf_fill_free(void *conf) {
    rn_fill_free(conf);
}
