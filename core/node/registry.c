/* SPDX-License-Identifier: MIT
 * registry.c — takes plugins in size first, checks them, and finds them by kind and name.
 * May touch: the heap.
 */
#include "node/registry.h"

#include "base/err.h"
#include "base/json.h"
#include "node/near.h"
#include "node/option.h"

#include <runnel/discovery.h>
#include <runnel/storage.h>
#include <runnel/sync.h>
#include <runnel/transport.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 256u
#define SIZE_LEAST (offsetof(struct runnel_plugin, options)) /* up to here every plugin must reach */
#define SIZE_SANE 65536u
#define NAME_MAX_BYTES 32u

/* One plugin that was taken in. */
struct entry {
    struct rn_list link;
    struct runnel_plugin plugin;
    char *from;
};

static struct entry *entry_of(struct rn_list *l) {
    return rn_list_of(l, struct entry, link);
}

static const struct entry *entry_with(const struct runnel_plugin *p) {
    return (const struct entry *)(const void *)((const char *)p - offsetof(struct entry, plugin));
}

void rn_registry_init(struct rn_registry *r) {
    *r = (struct rn_registry){0};
    rn_list_init(&r->plugins);
}

static void entry_free(struct entry *e) {
    free(e->from);
    free(e);
}

void rn_registry_free(struct rn_registry *r) {
    rn_list_for_safe (it, &r->plugins) {
        rn_list_del(it);
        entry_free(entry_of(it));
    }
}

/* ---- is it a plugin that we can use? ---- */

static int check_abi(const struct runnel_plugin *p, const char *from, struct runnel_err *err) {
    if (p->abi_major != RUNNEL_ABI_MAJOR)
        return rn_fail(err, RUNNEL_EUNSUPPORTED,
                       "%s: the plugin is built for plugin ABI %u.%u, this runnel has %u.%u: install a build of the "
                       "plugin for ABI %u",
                       from, p->abi_major, p->abi_minor, RUNNEL_ABI_MAJOR, RUNNEL_ABI_MINOR, RUNNEL_ABI_MAJOR);
    if (p->abi_minor > RUNNEL_ABI_MINOR)
        return rn_fail(err, RUNNEL_EUNSUPPORTED,
                       "%s: the plugin needs plugin ABI %u.%u, this runnel has %u.%u: upgrade runnel, or install an "
                       "older version of the plugin",
                       from, p->abi_major, p->abi_minor, RUNNEL_ABI_MAJOR, RUNNEL_ABI_MINOR);
    return 0;
}

/* [a-z][a-z0-9-]* and, where `more` allows, '_'. */
static int good_name(const char *s, int underscore) {
    if (s == NULL || s[0] < 'a' || s[0] > 'z' || strlen(s) > NAME_MAX_BYTES)
        return 0;
    for (; *s != 0; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-' || (underscore && *s == '_')))
            return 0;
    return 1;
}

static int storage_ops(const void *ops) {
    const struct runnel_storage *o = ops;
    return o->size >= sizeof *o && o->commit != NULL && o->get != NULL && o->scan != NULL;
}

static int transport_ops(const void *ops) {
    const struct runnel_transport *o = ops;
    return o->size >= sizeof *o && o->scheme != NULL && o->dial != NULL && o->read != NULL && o->write != NULL &&
           o->shut != NULL && o->close != NULL && o->addresses != NULL;
}

static int discovery_ops(const void *ops) {
    const struct runnel_discovery *o = ops;
    return o->size >= sizeof *o && o->watch != NULL;
}

static int sync_ops(const void *ops) {
    const struct runnel_sync *o = ops;
    return o->size >= sizeof *o && o->decide != NULL;
}

/* The kind's calls. The sizes here are those of minor 0: no plugin may have less. */
static int check_ops(const struct runnel_plugin *p, const char *from, struct runnel_err *err) {
    static int (*const checks[])(const void *) = {[RUNNEL_STORAGE] = storage_ops,
                                                  [RUNNEL_TRANSPORT] = transport_ops,
                                                  [RUNNEL_DISCOVERY] = discovery_ops,
                                                  [RUNNEL_SYNC] = sync_ops};
    if (p->kind == RUNNEL_SERVICE)
        return 0;
    if (p->ops == NULL || !checks[p->kind](p->ops))
        return rn_fail(err, RUNNEL_EINVALID,
                       "%s: the plugin lacks calls that every %s plugin must have: tell its author", from,
                       rn_kind_name(p->kind));
    return 0;
}

static int check_head(const struct runnel_plugin *p, const char *from, struct runnel_err *err) {
    if (rn_kind_name(p->kind) == NULL)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "%s: the plugin is of kind %u, which this runnel does not know", from,
                       p->kind);
    if (!good_name(p->name, 0))
        return rn_fail(err, RUNNEL_EINVALID,
                       "%s: the plugin's name is not of the form [a-z][a-z0-9-]{0,31}: tell its author", from);
    if (p->version == NULL || p->summary == NULL || p->create == NULL || p->destroy == NULL)
        return rn_fail(err, RUNNEL_EINVALID,
                       "%s: the plugin lacks a version, a summary, create or destroy: tell its author", from);
    return check_ops(p, from, err);
}

/* ---- the options table ---- */

struct runnel_option rn_plugin_option(const struct runnel_plugin *p, uint32_t i) {
    struct runnel_option o = {0};
    size_t n = p->option_size < sizeof o ? p->option_size : sizeof o;
    memcpy(&o, (const char *)p->options + (size_t)i * p->option_size, n);
    return o;
}

static int option_repeats(const struct runnel_plugin *p, uint32_t i, const char *name) {
    for (uint32_t k = 0; k < i; k++)
        if (strcmp(rn_plugin_option(p, k).name, name) == 0)
            return 1;
    return 0;
}

/* What is wrong with an option's place and words; NULL: nothing. */
static const char *option_defect(const struct runnel_plugin *p, uint32_t i, const struct runnel_option *o) {
    size_t size = rn_option_size(o->type);
    if (strcmp(o->name, "plugin") == 0)
        return "the name is the host's own";
    if (option_repeats(p, i, o->name))
        return "the name stands in the table twice";
    if (size == 0)
        return "the type is not known";
    if (size > p->conf_size || o->at > p->conf_size - size)
        return "it lies outside the conf";
    if (o->at % rn_option_align(o->type) != 0)
        return "its place in the conf is not aligned";
    if (o->min > o->max)
        return "its least value exceeds its greatest";
    if ((o->flags & RUNNEL_OPT_REQUIRED) != 0 && o->dflt != NULL)
        return "it is required and yet has a default";
    return o->help == NULL ? "it has no help" : NULL;
}

static int check_option(const struct runnel_plugin *p, uint32_t i, const char *from, struct runnel_err *err) {
    struct runnel_option o = rn_plugin_option(p, i);
    struct rn_fault fault;
    if (!good_name(o.name, 1))
        return rn_fail(err, RUNNEL_EINVALID,
                       "%s: option %u of the plugin has a name that is not of the form [a-z][a-z0-9_-]{0,31}: tell its "
                       "author",
                       from, i);
    const char *defect = option_defect(p, i, &o);
    if (defect != NULL)
        return rn_fail(err, RUNNEL_EINVALID, "%s: option \"%s\" of the plugin: %s: tell its author", from, o.name,
                       defect);
    int rc = rn_option_default(&o, NULL, &fault);
    if (rc == -RUNNEL_EINVALID)
        return rn_fail(err, RUNNEL_EINVALID,
                       "%s: option \"%s\" of the plugin has the default %s, want %s: tell its author", from, o.name,
                       fault.found, fault.want);
    return rc == 0 ? 0 : rn_fail(err, -rc, "%s: no memory to check the plugin", from);
}

static int check_options(const struct runnel_plugin *p, const char *from, struct runnel_err *err) {
    if (p->n_options == 0)
        return 0;
    if (p->n_options > OPTIONS_MAX || p->options == NULL || p->option_size < sizeof(struct runnel_option) ||
        p->option_size > SIZE_SANE)
        return rn_fail(err, RUNNEL_EINVALID,
                       "%s: the plugin's table of %u options of %u bytes each cannot be read: tell its author", from,
                       p->n_options, p->option_size);
    for (uint32_t i = 0; i < p->n_options; i++) {
        int rc = check_option(p, i, from, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- taking in ---- */

static struct entry *entry_new(const struct runnel_plugin *p, const char *from) {
    struct entry *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    rn_list_init(&e->link);
    memcpy(&e->plugin, p, p->size < sizeof e->plugin ? p->size : sizeof e->plugin);
    e->from = strdup(from);
    if (e->from == NULL) {
        free(e);
        return NULL;
    }
    return e;
}

static struct entry *known(const struct rn_registry *r, uint32_t kind, const char *name) {
    rn_list_for (it, &r->plugins)
        if (entry_of(it)->plugin.kind == kind && strcmp(entry_of(it)->plugin.name, name) == 0)
            return entry_of(it);
    return NULL;
}

static int check_entry(const struct rn_registry *r, const struct entry *e, struct runnel_err *err) {
    int rc = check_abi(&e->plugin, e->from, err);
    if (rc == 0)
        rc = check_head(&e->plugin, e->from, err);
    if (rc == 0)
        rc = check_options(&e->plugin, e->from, err);
    if (rc != 0)
        return rc;
    const struct entry *other = known(r, e->plugin.kind, e->plugin.name);
    if (other != NULL)
        return rn_fail(err, RUNNEL_ECONFLICT, "%s: the %s plugin \"%s\" is there already, from %s: remove one of them",
                       e->from, rn_kind_name(e->plugin.kind), e->plugin.name, other->from);
    return 0;
}

int rn_registry_add(struct rn_registry *r, const struct runnel_plugin *plugin, const char *from,
                    const struct runnel_plugin **out, struct runnel_err *err) {
    if (plugin->size < SIZE_LEAST || plugin->size > SIZE_SANE)
        return rn_fail(err, RUNNEL_EINVALID, "%s: no runnel plugin: it says that it has %u bytes", from, plugin->size);
    struct entry *e = entry_new(plugin, from);
    if (e == NULL)
        return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory for the plugin", from);
    int rc = check_entry(r, e, err);
    if (rc != 0) {
        entry_free(e);
        return rc;
    }
    rn_list_add(&r->plugins, &e->link);
    if (out != NULL)
        *out = &e->plugin;
    return 0;
}

/* ---- finding ---- */

struct naming {
    const struct rn_registry *r;
    uint32_t kind;
    void (*name)(void *to, const char *name);
    void *to;
};

static void name_if_new(void *arg, const char *name) {
    const struct naming *n = arg;
    if (known(n->r, n->kind, name) == NULL)
        n->name(n->to, name);
}

void rn_registry_names(const struct rn_registry *r, uint32_t kind, void (*name)(void *to, const char *name), void *to) {
    struct naming naming = {r, kind, name, to};
    rn_list_for (it, &r->plugins)
        if (entry_of(it)->plugin.kind == kind)
            name(to, entry_of(it)->plugin.name);
    if (r->names != NULL)
        r->names(r->load_arg, kind, name_if_new, &naming);
}

static void try_name(void *to, const char *name) {
    rn_near_try(to, name);
}

static int not_found(const struct rn_registry *r, uint32_t kind, const char *name, struct runnel_err *err) {
    struct rn_near near;
    rn_near_init(&near, name);
    rn_registry_names(r, kind, try_name, &near);
    if (near.best[0] != 0)
        return rn_fail(err, RUNNEL_ENOTFOUND, "there is no %s plugin \"%s\"; did you mean \"%s\"?", rn_kind_name(kind),
                       name, near.best);
    return rn_fail(err, RUNNEL_ENOTFOUND, "there is no %s plugin \"%s\"", rn_kind_name(kind), name);
}

const struct runnel_plugin *rn_registry_find(struct rn_registry *r, uint32_t kind, const char *name,
                                             struct runnel_err *err) {
    struct entry *e = known(r, kind, name);
    if (e != NULL)
        return &e->plugin;
    if (r->load != NULL) {
        int rc = r->load(r->load_arg, r, kind, name, err);
        e = rc == 0 ? known(r, kind, name) : NULL;
        if (e != NULL)
            return &e->plugin;
        if (rc != 0 && rc != -RUNNEL_ENOTFOUND)
            return NULL;
    }
    (void)not_found(r, kind, name, err);
    return NULL;
}

const char *rn_registry_from(const struct rn_registry *r, const struct runnel_plugin *plugin) {
    (void)r;
    return entry_with(plugin)->from;
}

const struct runnel_plugin *rn_registry_next(const struct rn_registry *r, const struct runnel_plugin *before) {
    const struct rn_list *next = before == NULL ? r->plugins.next : entry_with(before)->link.next;
    if (next == &r->plugins)
        return NULL;
    return &((const struct entry *)(const void *)((const char *)next - offsetof(struct entry, link)))->plugin;
}
