/* SPDX-License-Identifier: MIT
 * confsections.c — the sections that are instances: a name, a plugin, and the plugin's options.
 * May touch: the heap and the registry.
 */
#include "node/conftexts.h"

#include "base/err.h"
#include "data/hash.h"
#include "node/fill.h"
#include "node/near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 192u
#define NAME_BYTES 32u

struct checking {
    struct rn_conf *c;
    struct rn_conf_texts *t;
    struct rn_registry *r;
    struct rn_hasher *h;
};

/* One section under check. */
struct at {
    struct checking *k;
    const struct rn_text *text;
    const struct rn_json *v;
    uint32_t kind;
    char path[PATH];
};

static struct rn_place place(const struct at *a, const struct rn_json *v) {
    return (struct rn_place){a->text, v != NULL ? v : a->v};
}

static void path_of(const struct at *a, const char *option, char out[PATH]) {
    if (option != NULL)
        (void)snprintf(out, PATH, "%.80s.%.48s", a->path, option);
    else
        (void)snprintf(out, PATH, "%s", a->path);
}

/* ---- the plugin ---- */

struct names {
    char text[200];
    size_t used;
    const char *first_is; /* a name to look for */
    int seen;
    char first[NAME_BYTES + 1];
};

static void one_name(void *to, const char *name) {
    struct names *n = to;
    int k = snprintf(n->text + n->used, sizeof n->text - n->used, "%s%s", n->used == 0 ? "" : ", ", name);
    if (k > 0 && (size_t)k < sizeof n->text - n->used)
        n->used += (size_t)k;
    if (n->first[0] == 0)
        (void)snprintf(n->first, sizeof n->first, "%.32s", name);
    n->seen |= strcmp(name, n->first_is) == 0;
}

/* "one of tcp, unix" */
static void known_plugins(const struct at *a, struct names *n, char *want, size_t size) {
    *n = (struct names){.first_is = a->v->key};
    rn_registry_names(a->k->r, a->kind, one_name, n);
    if (n->used == 0)
        (void)snprintf(want, size, "the name of a %s plugin (none is installed)", rn_kind_name(a->kind));
    else
        (void)snprintf(want, size, "one of %s", n->text);
}

static void no_plugin(const struct at *a) {
    struct names n;
    char path[PATH], want[256], remedy[128];
    known_plugins(a, &n, want, sizeof want);
    path_of(a, "plugin", path);
    if (n.used == 0)
        (void)snprintf(remedy, sizeof remedy, "install a plugin, and add \"plugin\": its name");
    else
        (void)snprintf(remedy, sizeof remedy, "add \"plugin\": \"%.32s\"", n.seen ? a->v->key : n.first);
    rn_wrong(a->k->t, place(a, NULL), path, "nothing", want, remedy);
}

static void try_name(void *near, const char *name) {
    rn_near_try(near, name);
}

static void plugin_unknown(const struct at *a, const struct rn_json *v, const struct runnel_err *err) {
    struct names n;
    struct rn_near near;
    char path[PATH], want[256], remedy[80] = "install that plugin, or use another";
    path_of(a, "plugin", path);
    if (err->code != RUNNEL_ENOTFOUND) {
        rn_wrong_value(a->k->t, place(a, v), path, "a plugin that can be loaded", err->msg);
        return;
    }
    rn_near_init(&near, v->text);
    rn_registry_names(a->k->r, a->kind, try_name, &near);
    if (near.best[0] != 0)
        (void)snprintf(remedy, sizeof remedy, "did you mean \"%s\"?", near.best);
    known_plugins(a, &n, want, sizeof want);
    rn_wrong_value(a->k->t, place(a, v), path, want, remedy);
}

/* The plugin that the section names; NULL after an error. */
static const struct runnel_plugin *plugin_of(const struct at *a) {
    char path[PATH];
    struct names n;
    char want[256];
    const struct rn_json *v = rn_json_get(a->v, "plugin");
    if (v == NULL) {
        no_plugin(a);
        return NULL;
    }
    if (v->type != RN_STRING || memchr(v->text, 0, v->n_text) != NULL) {
        path_of(a, "plugin", path);
        known_plugins(a, &n, want, sizeof want);
        rn_wrong_value(a->k->t, place(a, v), path, want, "write the plugin's name within quotes");
        return NULL;
    }
    struct runnel_err err = {0};
    const struct runnel_plugin *p = rn_registry_find(a->k->r, a->kind, v->text, &err);
    if (p == NULL)
        plugin_unknown(a, v, &err);
    return p;
}

/* ---- the section ---- */

static void option_wrong(void *arg, const char *option, const struct rn_json *v, const struct rn_fault *fault) {
    const struct at *a = arg;
    char path[PATH];
    path_of(a, option, path);
    rn_wrong(a->k->t, place(a, v), path, fault->found, fault->want, fault->remedy);
}

/* SHA-256 of the section, spelt compactly: white space and comments change nothing. */
static int fingerprint(struct rn_hasher *h, const struct rn_json *v, uint8_t out[32]) {
    struct rn_buf b;
    struct rn_jw w;
    rn_buf_init(&b, 0);
    rn_jw_init(&w, &b);
    rn_jw_tree(&w, v);
    int rc = b.failed;
    if (rc == 0) {
        struct rn_hash hash = rn_sha256(h, b.p, b.n);
        memcpy(out, hash.b, sizeof hash.b);
    }
    rn_buf_free(&b);
    return rc;
}

static struct rn_section *section_new(struct rn_conf *c, const struct runnel_plugin *p, const char *name) {
    struct rn_section *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->kind = p->kind;
    s->name = name;
    s->plugin = p;
    s->conf = rn_fill_new(p->conf_size);
    if (s->conf == NULL) {
        free(s);
        return NULL;
    }
    rn_list_add(&c->sections, &s->link);
    return s;
}

static int add_section(struct at *a) {
    const struct runnel_plugin *p = plugin_of(a);
    if (p == NULL)
        return 0;
    struct rn_section *s = section_new(a->k->c, p, a->v->key);
    if (s == NULL)
        return -RUNNEL_ENOMEM;
    s->file = a->text->file;
    s->line = rn_place_line(place(a, NULL));
    int rc = rn_fill(p, a->v, s->conf, option_wrong, a);
    if (rc != 0 && rc != -RUNNEL_EINVALID)
        return rc;
    return fingerprint(a->k->h, a->v, s->print);
}

static int good_name(const char *s) {
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_");
    return n > 0 && s[n] == 0 && n <= NAME_BYTES && s[0] >= 'a' && s[0] <= 'z';
}

static int said_twice(const struct at *a) {
    char found[256];
    struct rn_place first = rn_texts_section(a->k->t, rn_kind_name(a->kind), a->v->key, a->text);
    if (first.text == NULL)
        return 0;
    (void)snprintf(found, sizeof found, "the same section again (the first is at %.180s:%u)", first.text->file,
                   rn_place_line(first));
    rn_wrong(a->k->t, place(a, NULL), a->path, found, "one section of a name", "rename or remove one of the two");
    return 1;
}

static int check_section(struct at *a) {
    (void)snprintf(a->path, sizeof a->path, "%s.%.60s", rn_kind_name(a->kind), a->v->key);
    if (said_twice(a))
        return 0;
    if (!good_name(a->v->key))
        rn_wrong(a->k->t, place(a, NULL), a->path, "a name that cannot be",
                 "a-z, then a-z, 0-9, '-' and '_', 32 bytes at most", "rename the section");
    if (a->v->type != RN_OBJECT) {
        rn_wrong_value(a->k->t, place(a, NULL), a->path, "an object", "write { \"plugin\": NAME, ... }");
        return 0;
    }
    return add_section(a);
}

static int check_kind(struct checking *k, const struct rn_text *text, uint32_t kind) {
    const struct rn_json *all = rn_json_get(text->root, rn_kind_name(kind));
    if (all == NULL)
        return 0;
    if (all->type != RN_OBJECT) {
        rn_wrong_value(k->t, (struct rn_place){text, all}, rn_kind_name(kind), "an object of sections",
                       "write { NAME: { \"plugin\": ... } }");
        return 0;
    }
    for (const struct rn_json *v = all->child; v != NULL; v = v->next) {
        struct at a = {.k = k, .text = text, .v = v, .kind = kind};
        int rc = check_section(&a);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- the sync section that stands for all the streams without a rule ---- */

/* Adds the one that no text need say. */
static int add_default_sync(struct checking *k) {
    struct runnel_err err = {0};
    const struct runnel_plugin *p = rn_registry_find(k->r, RUNNEL_SYNC, "incremental", &err);
    if (p == NULL) {
        const struct rn_text *first = rn_text_of(k->t->texts.next);
        rn_wrong(k->t, (struct rn_place){first, first->root}, "sync", "nothing", "a section", err.msg);
        return 0;
    }
    struct rn_section *s = section_new(k->c, p, "default");
    if (s == NULL)
        return -RUNNEL_ENOMEM;
    struct rn_json none = {.type = RN_OBJECT};
    struct at a = {.k = k, .text = rn_text_of(k->t->texts.next), .v = rn_text_of(k->t->texts.next)->root};
    (void)snprintf(a.path, sizeof a.path, "sync.default");
    int rc = rn_fill(p, &none, s->conf, option_wrong, &a);
    return rc == -RUNNEL_EINVALID ? 0 : rc;
}

static const struct rn_section *first_sync(const struct rn_conf *c) {
    rn_list_for (it, &c->sections)
        if (rn_list_of(it, struct rn_section, link)->kind == RUNNEL_SYNC)
            return rn_list_of(it, struct rn_section, link);
    return NULL;
}

static int said_somewhere(const struct rn_conf_texts *t, uint32_t kind) {
    rn_texts_for(x, t) if (rn_json_get(rn_text_of(x_link)->root, rn_kind_name(kind)) != NULL) return 1;
    return 0;
}

static int choose_sync(struct checking *k) {
    int rc = 0;
    if (first_sync(k->c) == NULL && !k->t->broken && !rn_list_empty(&k->t->texts) && !said_somewhere(k->t, RUNNEL_SYNC))
        rc = add_default_sync(k);
    const struct rn_section *s = rn_section_find(k->c, RUNNEL_SYNC, "default");
    k->c->sync = s != NULL ? s : first_sync(k->c);
    return rc;
}

int rn_check_sections(struct rn_conf *c, struct rn_registry *r) {
    struct checking k = {.c = c, .t = c->texts, .r = r, .h = rn_hasher_new()};
    int rc = k.h != NULL ? 0 : -RUNNEL_ENOMEM;
    rn_texts_for(x, c->texts) for (uint32_t kind = RUNNEL_STORAGE; kind <= RUNNEL_SYNC && rc == 0; kind++) rc =
        check_kind(&k, rn_text_of(x_link), kind);
    if (rc == 0)
        rc = choose_sync(&k);
    if (rc == 0 && !rn_hasher_ok(k.h))
        rc = -RUNNEL_ENOMEM;
    rn_hasher_free(k.h);
    return rc;
}
