/* SPDX-License-Identifier: MIT
 * info.c — plugins and their options, as text or as JSON.
 * May touch: standard output.
 */
#include "daemon/info.h"

#include "base/err.h"
#include "base/json.h"
#include "daemon/loader.h"
#include "node/near.h"
#include "node/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

static void option_text(struct rn_buf *b, const struct runnel_option *o) {
    char min[64], max[64];
    (void)rn_buf_fmt(b, "  %s (%s", o->name, rn_option_type_name(o->type));
    if ((o->flags & RUNNEL_OPT_REQUIRED) != 0)
        (void)rn_buf_str(b, ", required");
    if (o->dflt != NULL)
        (void)rn_buf_fmt(b, ", default %s", o->dflt);
    if (rn_option_bounded(o)) {
        rn_option_bound(o, o->min, min, sizeof min);
        rn_option_bound(o, o->max, max, sizeof max);
        (void)(o->max == INT64_MAX ? rn_buf_fmt(b, ", at least %s", min) : rn_buf_fmt(b, ", %s to %s", min, max));
    }
    if ((o->flags & RUNNEL_OPT_LIVE) != 0)
        (void)rn_buf_str(b, ", live");
    (void)rn_buf_fmt(b, ")\n      %s\n", o->help);
}

static void plugin_text(struct rn_buf *b, const struct rn_registry *r, const struct runnel_plugin *p) {
    (void)rn_buf_fmt(b, "%s/%s %s: %s\n", rn_kind_name(p->kind), p->name, p->version, p->summary);
    (void)rn_buf_fmt(b, "file: %s\n", rn_registry_from(r, p));
    (void)rn_buf_fmt(b, "ABI: needs %u.%u, this runneld has %u.%u\n", p->abi_major, p->abi_minor, RUNNEL_ABI_MAJOR,
                     RUNNEL_ABI_MINOR);
    (void)rn_buf_str(b, p->n_options > 0 ? "options (live: may change by reload):\n" : "options: none\n");
    for (uint32_t i = 0; i < p->n_options; i++) {
        struct runnel_option o = rn_plugin_option(p, i);
        option_text(b, &o);
    }
}

static int print(struct rn_buf *b, struct runnel_err *err) {
    int rc = b->failed;
    if (rc != 0)
        (void)rn_fail(err, -rc, "no memory to tell about plugins");
    else if (fwrite(b->p, 1, b->n, stdout) != b->n || fflush(stdout) != 0)
        rc = rn_fail(err, RUNNEL_EIO, "standard output cannot be written");
    rn_buf_free(b);
    return rc;
}

/* ---- choosing ---- */

static int is_file(const char *what) {
    size_t n = strlen(what);
    return what[0] == '/' || what[0] == '.' || (n > 3 && strcmp(what + n - 3, ".so") == 0);
}

struct choice {
    uint32_t kinds; /* bit k: of that kind */
    const char *name;
};

/* "transport/tcp" or "tcp". */
static int choose(const char *what, struct choice *c, struct runnel_err *err) {
    const char *slash = strchr(what, '/');
    *c = (struct choice){.kinds = ~0u, .name = what};
    if (slash == NULL)
        return 0;
    char kind[16];
    (void)snprintf(kind, sizeof kind, "%.*s", (int)(slash - what < 15 ? slash - what : 15), what);
    uint32_t k = rn_kind_of(kind);
    if (k == 0)
        return rn_fail(err, RUNNEL_EINVALID,
                       "%s: there is no kind \"%s\": want storage, transport, discovery, sync or service", what, kind);
    *c = (struct choice){.kinds = 1u << k, .name = slash + 1};
    return 0;
}

static int all_kinds(const struct choice *c, uint32_t kind) {
    return (c->kinds >> kind & 1) != 0;
}

struct match {
    const char *name;
    int found;
    struct rn_near near;
};

static void match_name(void *to, const char *name) {
    struct match *m = to;
    m->found |= strcmp(name, m->name) == 0;
    rn_near_try(&m->near, name);
}

static int none_such(const struct match *m, const char *what, struct runnel_err *err) {
    if (m->near.best[0] != 0)
        return rn_fail(err, RUNNEL_ENOTFOUND, "%s: no such plugin is installed; did you mean \"%s\"?", what,
                       m->near.best);
    return rn_fail(err, RUNNEL_ENOTFOUND,
                   "%s: no such plugin is installed: \"runneld --plugins\" lists them, RUNNEL_PLUGIN_PATH adds folders",
                   what);
}

/* Describes all plugins of the choice. */
static int tell(struct rn_registry *r, const struct choice *c, const char *what, struct rn_buf *b, struct rn_jw *w,
                struct runnel_err *err) {
    struct match m = {.name = c->name};
    unsigned told = 0;
    rn_near_init(&m.near, c->name);
    for (uint32_t kind = RUNNEL_STORAGE; kind <= RUNNEL_SERVICE; kind++) {
        m.found = 0;
        if (all_kinds(c, kind))
            rn_registry_names(r, kind, match_name, &m);
        if (!m.found)
            continue;
        const struct runnel_plugin *p = rn_registry_find(r, kind, c->name, err);
        if (p == NULL)
            return -RUNNEL_EINVALID;
        if (w != NULL)
            rn_plugin_describe(w, p, rn_registry_from(r, p));
        else
            plugin_text(b, r, p);
        told++;
    }
    return told > 0 ? 0 : none_such(&m, what, err);
}

static int tell_file(struct rn_registry *r, const char *file, struct rn_buf *b, struct rn_jw *w,
                     struct runnel_err *err) {
    const struct runnel_plugin *p = NULL;
    char *full = realpath(file, NULL); /* dlopen looks elsewhere for names without '/' */
    int rc = full != NULL ? rn_loader_file(r, full, &p, err)
                          : rn_fail(err, RUNNEL_ENOTFOUND, "%s: there is no such file", file);
    free(full);
    if (rc != 0)
        return rc;
    if (w != NULL)
        rn_plugin_describe(w, p, rn_registry_from(r, p));
    else
        plugin_text(b, r, p);
    return 0;
}

int rn_info_plugin(struct rn_registry *r, const char *what, int json, struct runnel_err *err) {
    struct rn_buf b;
    struct rn_jw w;
    struct choice c;
    rn_buf_init(&b, 0);
    rn_jw_init(&w, &b);
    if (json)
        rn_jw_array(&w);
    int rc;
    if (is_file(what))
        rc = tell_file(r, what, &b, json ? &w : NULL, err);
    else if ((rc = choose(what, &c, err)) == 0)
        rc = tell(r, &c, what, &b, json ? &w : NULL, err);
    if (json) {
        rn_jw_end_array(&w);
        (void)rn_buf_byte(&b, '\n');
    }
    if (rc == 0)
        return print(&b, err);
    rn_buf_free(&b);
    return rc;
}

/* ---- all ---- */

struct all {
    struct rn_registry *r;
    uint32_t kind;
    struct rn_buf *b;
    struct rn_jw *w; /* NULL: text */
    struct runnel_err *err;
    int rc;
};

/* A plugin that cannot be loaded is told in its line, and does not hide the others. */
static void one(void *to, const char *name) {
    struct all *a = to;
    struct runnel_err err = {0};
    const struct runnel_plugin *p = rn_registry_find(a->r, a->kind, name, &err);
    if (p == NULL && a->rc == 0) {
        a->rc = -err.code;
        if (a->err != NULL)
            *a->err = err;
    }
    if (p != NULL && a->w != NULL)
        rn_plugin_describe(a->w, p, rn_registry_from(a->r, p));
    else if (p != NULL)
        (void)rn_buf_fmt(a->b, "%s/%s %s: %s\n", rn_kind_name(p->kind), p->name, p->version, p->summary);
}

struct collected {
    unsigned n;
    char names[256][33];
};

static void collect(void *to, const char *name) {
    struct collected *c = to;
    if (c->n < 256)
        (void)snprintf(c->names[c->n++], sizeof c->names[0], "%.32s", name);
}

int rn_info_list(struct rn_registry *r, int json, struct runnel_err *err) {
    struct rn_buf b;
    struct rn_jw w;
    struct collected *c = malloc(sizeof *c);
    if (c == NULL)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory to list the plugins");
    rn_buf_init(&b, 0);
    rn_jw_init(&w, &b);
    struct all a = {.r = r, .b = &b, .w = json ? &w : NULL, .err = err};
    if (json)
        rn_jw_array(&w);
    for (a.kind = RUNNEL_STORAGE; a.kind <= RUNNEL_SERVICE; a.kind++) {
        c->n = 0; /* collected first: finding changes what is walked */
        rn_registry_names(r, a.kind, collect, c);
        for (unsigned i = 0; i < c->n; i++)
            one(&a, c->names[i]);
    }
    free(c);
    if (json) {
        rn_jw_end_array(&w);
        (void)rn_buf_byte(&b, '\n');
    }
    int rc = print(&b, a.rc == 0 ? err : NULL);
    return a.rc != 0 ? a.rc : rc;
}
