/* SPDX-License-Identifier: MIT
 * loader.c — finds a plugin's file, opens it for good, and hands its symbol to the registry.
 * May touch: the plugin folders, dlopen.
 */
#include "daemon/loader.h"

#include "base/buf.h"
#include "base/err.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 256u

void rn_loader_init(struct rn_loader *l) {
    *l = (struct rn_loader){.path = secure_getenv("RUNNEL_PLUGIN_PATH"), .installed = PLUGINDIR};
}

/* ---- one file ---- */

int rn_loader_file(struct rn_registry *r, const char *file, const struct runnel_plugin **out, struct runnel_err *err) {
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *why = dlerror(); /* names the file by itself */
        return rn_fail(err, RUNNEL_EIO, "%s: cannot be loaded: %s", file, why != NULL ? why : "no reason given");
    }
    const struct runnel_plugin *plugin = dlsym(handle, RUNNEL_PLUGIN_SYMBOL);
    if (plugin == NULL)
        return rn_fail(err, RUNNEL_EINVALID, "%s: no runnel plugin: it has no symbol \"%s\"", file,
                       RUNNEL_PLUGIN_SYMBOL);
    return rn_registry_add(r, plugin, file, out, err);
}

/* ---- the folders ---- */

/* Calls fn for each folder in order until it returns other than 0; `build` says whether it may be a
 * build tree. */
static int each_folder(const struct rn_loader *l, int (*fn)(void *arg, const char *dir, int build), void *arg) {
    int rc = 0;
    char *copy = l->path != NULL ? strdup(l->path) : NULL, *rest = copy;
    if (l->path != NULL && copy == NULL)
        return -RUNNEL_ENOMEM;
    for (const char *dir; rc == 0 && (dir = strsep(&rest, ":")) != NULL;)
        if (dir[0] != 0)
            rc = fn(arg, dir, 1);
    free(copy);
    return rc != 0 ? rc : fn(arg, l->installed, 0);
}

struct finding {
    uint32_t kind;
    const char *name;
    struct rn_buf file, looked;
};

static int exists(struct rn_buf *b) {
    const char *s = rn_buf_cstr(b);
    return s != NULL && access(s, F_OK) == 0;
}

/* Leaves the path in `file` and returns 1 when there is such a file. */
static int find_in(void *arg, const char *dir, int build) {
    struct finding *f = arg;
    const char *kind = rn_kind_name(f->kind);
    (void)rn_buf_fmt(&f->looked, "%s%s", f->looked.n > 0 ? ", " : "", dir);
    rn_buf_clear(&f->file);
    (void)rn_buf_fmt(&f->file, "%s/%s-%s.so", dir, kind, f->name);
    if (exists(&f->file) || !build)
        return exists(&f->file);
    rn_buf_clear(&f->file);
    (void)rn_buf_fmt(&f->file, "%s/plugins/%s/%s/.libs/%s-%s.so", dir, kind, f->name, kind, f->name);
    return exists(&f->file);
}

static int load_found(struct rn_registry *r, const struct finding *f, const char *file, struct runnel_err *err) {
    const struct runnel_plugin *p = NULL;
    int rc = rn_loader_file(r, file, &p, err);
    if (rc != 0)
        return rc;
    if (p->kind == f->kind && strcmp(p->name, f->name) == 0)
        return 0;
    return rn_fail(err, RUNNEL_EINVALID, "%s: holds the %s plugin \"%s\": rename the file to %s-%s.so", file,
                   rn_kind_name(p->kind), p->name, rn_kind_name(p->kind), p->name);
}

/* A name that could lead out of the folders is not looked for. */
static int plain(const char *name) {
    return name[0] != 0 && name[0] != '.' && strchr(name, '/') == NULL && strlen(name) <= 64;
}

static int load(void *arg, struct rn_registry *r, uint32_t kind, const char *name, struct runnel_err *err) {
    struct finding f = {.kind = kind, .name = name};
    if (!plain(name))
        return rn_fail(err, RUNNEL_ENOTFOUND, "\"%.64s\" cannot be the name of a plugin", name);
    int rc = each_folder(arg, find_in, &f);
    if (rc > 0)
        rc = load_found(r, &f, rn_buf_cstr(&f.file), err);
    else if (rc < 0)
        (void)rn_fail(err, -rc, "no memory to look for the plugin \"%s\"", name);
    else
        rc = rn_fail(err, RUNNEL_ENOTFOUND, "there is no file %s-%s.so in %s", rn_kind_name(kind), name,
                     rn_buf_cstr(&f.looked) != NULL ? rn_buf_cstr(&f.looked) : "any folder");
    rn_buf_free(&f.file);
    rn_buf_free(&f.looked);
    return rc;
}

/* ---- the names that could be found ---- */

struct listing {
    uint32_t kind;
    unsigned n;
    char *names[NAMES_MAX];
};

static void note_name(struct listing *l, const char *name, size_t n) {
    if (l->n == NAMES_MAX || n == 0)
        return;
    for (unsigned i = 0; i < l->n; i++)
        if (strlen(l->names[i]) == n && memcmp(l->names[i], name, n) == 0)
            return;
    l->names[l->n] = strndup(name, n);
    l->n += l->names[l->n] != NULL; /* for messages: a name less does no harm */
}

/* Takes NAME from KIND-NAME.so. */
static void list_file(struct listing *l, const char *file) {
    const char *kind = rn_kind_name(l->kind);
    size_t k = strlen(kind), n = strlen(file);
    if (n > k + 4 && strncmp(file, kind, k) == 0 && file[k] == '-' && strcmp(file + n - 3, ".so") == 0)
        note_name(l, file + k + 1, n - k - 4);
}

static void each_entry(const char *dir, void (*fn)(void *arg, const char *dir, const char *name), void *arg) {
    DIR *d = opendir(dir);
    if (d == NULL)
        return;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            fn(arg, dir, e->d_name);
    (void)closedir(d);
}

static void list_entry(void *arg, const char *dir, const char *name) {
    (void)dir;
    list_file(arg, name);
}

/* A folder plugins/KIND/NAME of a build tree, if the plugin is built. */
static void list_built(void *arg, const char *dir, const char *name) {
    struct listing *l = arg;
    struct rn_buf b;
    rn_buf_init(&b, 0);
    (void)rn_buf_fmt(&b, "%s/%s/.libs/%s-%s.so", dir, name, rn_kind_name(l->kind), name);
    if (exists(&b))
        note_name(l, name, strlen(name));
    rn_buf_free(&b);
}

static int list_in(void *arg, const char *dir, int build) {
    struct listing *l = arg;
    struct rn_buf b;
    each_entry(dir, list_entry, l);
    rn_buf_init(&b, 0);
    (void)rn_buf_fmt(&b, "%s/plugins/%s", dir, rn_kind_name(l->kind));
    if (build && rn_buf_cstr(&b) != NULL)
        each_entry(rn_buf_cstr(&b), list_built, l);
    rn_buf_free(&b);
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names(void *arg, uint32_t kind, void (*name)(void *to, const char *name), void *to) {
    struct listing *l = calloc(1, sizeof *l);
    if (l == NULL)
        return;
    l->kind = kind;
    (void)each_folder(arg, list_in, l);
    qsort(l->names, l->n, sizeof *l->names, by_name);
    for (unsigned i = 0; i < l->n; i++) {
        name(to, l->names[i]);
        free(l->names[i]);
    }
    free(l);
}

void rn_loader_serve(struct rn_loader *l, struct rn_registry *r) {
    r->load = load;
    r->names = names;
    r->load_arg = l;
}
