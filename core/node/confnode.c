/* SPDX-License-Identifier: MIT
 * confnode.c — the section "node": where everything is kept, the log, the storage.
 * May touch: the heap.
 */
#include "node/conftexts.h"

#include "base/log.h"
#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4000u /* below PATH_MAX, with room for what is put behind */
#define NAME_BYTES 128u
#define LEVELS "levels such as \"info,session=debug\""

static const char *const words[] = {"data", "identity", "log", "name", "stop_timeout", "storage", "unsent", NULL};

/* The least is what a session needs to have two frames under way. */
static const struct runnel_option unsent = {
    .name = "unsent", .type = RUNNEL_OPT_SIZE, .dflt = "256KiB", .min = 131072, .max = 16777216};

static const struct runnel_option stop_timeout = {
    .name = "stop_timeout", .type = RUNNEL_OPT_DURATION, .dflt = "5s", .min = 0, .max = 600 * RN_NS_S};

/* Where something that is missing in "node" should stand. */
static struct rn_place section(const struct rn_conf_texts *t) {
    rn_texts_for(x, t) {
        const struct rn_json *v = rn_json_get(rn_text_of(x_link)->root, "node");
        if (v != NULL)
            return (struct rn_place){rn_text_of(x_link), v};
    }
    const struct rn_text *first = rn_text_of(t->texts.next);
    return (struct rn_place){first, first->root};
}

/* ---- the words ---- */

static void check_word(struct rn_conf_texts *t, struct rn_place at) {
    char path[64], found[256];
    (void)snprintf(path, sizeof path, "node.%.48s", at.v->key);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], at.v->key) != 0)
            continue;
        struct rn_place first = rn_texts_section(t, "node", words[i], at.text);
        if (first.text == NULL)
            return;
        (void)snprintf(found, sizeof found, "the same word again (the first is at %.180s:%u)", first.text->file,
                       rn_place_line(first));
        rn_wrong(t, at, path, found, "it once", "remove one of the two");
        return;
    }
    rn_wrong_word(t, at, path, words);
}

static void check_words(struct rn_conf_texts *t) {
    rn_texts_for(x, t) {
        const struct rn_text *text = rn_text_of(x_link);
        const struct rn_json *node = rn_json_get(text->root, "node");
        if (node != NULL && node->type != RN_OBJECT)
            rn_wrong_value(t, (struct rn_place){text, node}, "node", "an object", "write { \"data\": DIRECTORY, ... }");
        else if (node != NULL)
            for (const struct rn_json *v = node->child; v != NULL; v = v->next)
                check_word(t, (struct rn_place){text, v});
    }
}

/* A string without NUL, of 1 to `max` bytes; NULL when the member is absent or wrong. */
static const char *text_of(struct rn_conf_texts *t, const char *key, size_t max, const char *want,
                           struct rn_place *at) {
    char path[64];
    *at = rn_texts_section(t, "node", key, NULL);
    if (at->v == NULL)
        return NULL;
    if (at->v->type == RN_STRING && at->v->n_text > 0 && at->v->n_text <= max &&
        memchr(at->v->text, 0, at->v->n_text) == NULL)
        return at->v->text;
    (void)snprintf(path, sizeof path, "node.%s", key);
    rn_wrong_value(t, *at, path, want, "correct it");
    return NULL;
}

static const char *path_of(struct rn_conf_texts *t, const char *key, const char *want, struct rn_place *at) {
    char path[64];
    const char *s = text_of(t, key, PATH_BYTES, want, at);
    if (s == NULL || s[0] == '/')
        return s;
    (void)snprintf(path, sizeof path, "node.%s", key);
    rn_wrong_value(t, *at, path, want, "begin it with '/'");
    return NULL;
}

/* Whether something may be called missing: all the texts are there, and "node" is what it should be. */
static int may_miss(const struct rn_conf_texts *t) {
    if (t->broken || rn_list_empty(&t->texts))
        return 0;
    const struct rn_json *node = section(t).v;
    return node == NULL || node->type == RN_OBJECT;
}

static int check_paths(struct rn_conf *c) {
    struct rn_conf_texts *t = c->texts;
    struct rn_place at;
    c->data = path_of(t, "data", "the absolute path of a directory", &at);
    if (at.v == NULL && may_miss(t))
        rn_wrong(t, section(t), "node.data", "nothing", "the absolute path of a directory",
                 "add \"node\": { \"data\": \"/var/lib/runnel\" }");
    c->identity = path_of(t, "identity", "the absolute path of a file", &at);
    if (at.v != NULL || c->data == NULL)
        return 0;
    size_t n = strlen(c->data) + sizeof "/identity";
    t->identity = malloc(n);
    if (t->identity == NULL)
        return -RUNNEL_ENOMEM;
    (void)snprintf(t->identity, n, "%s/identity", c->data);
    c->identity = t->identity;
    return 0;
}

static void check_log(struct rn_conf *c) {
    struct rn_place at;
    struct rn_log log;
    struct runnel_err err = {0};
    c->log = text_of(c->texts, "log", 1024, LEVELS, &at);
    rn_log_init(&log, RUNNEL_INFO, NULL, NULL);
    if (c->log != NULL && rn_log_spec(&log, c->log, &err) != 0)
        rn_wrong_value(c->texts, at, "node.log", LEVELS, err.msg);
    if (c->log == NULL)
        c->log = "info";
}

static void check_name(struct rn_conf *c) {
    struct rn_place at;
    c->name = text_of(c->texts, "name", NAME_BYTES, "a text of 1 to 128 bytes", &at);
    if (c->name == NULL)
        return;
    for (const char *s = c->name; *s != 0; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            rn_wrong_value(c->texts, at, "node.name", "a text without control characters", "correct it");
            return;
        }
}

/* Fills a number of the section from what is said, or else its default. */
static int64_t number_of(struct rn_conf *c, const struct runnel_option *o, const char *path) {
    struct rn_place at = rn_texts_section(c->texts, "node", o->name, NULL);
    struct rn_fault fault;
    int64_t v = 0;
    int rc = at.v != NULL ? rn_option_set(o, at.v, &v, &fault) : rn_option_default(o, &v, &fault);
    if (rc != 0)
        rn_wrong(c->texts, at, path, fault.found, fault.want, fault.remedy);
    return v;
}

static void check_numbers(struct rn_conf *c) {
    c->unsent = (uint64_t)number_of(c, &unsent, "node.unsent");
    c->stop_timeout = number_of(c, &stop_timeout, "node.stop_timeout");
}

/* ---- the storage ---- */

static const struct rn_section *only_storage(const struct rn_conf *c) {
    rn_list_for (it, &c->sections)
        if (rn_list_of(it, struct rn_section, link)->kind == RUNNEL_STORAGE)
            return rn_list_of(it, struct rn_section, link);
    return NULL;
}

/* Whether there is a "storage" that was already complained about as a whole. */
static int storage_faulty(const struct rn_conf_texts *t) {
    rn_texts_for(x, t) {
        const struct rn_json *all = rn_json_get(rn_text_of(x_link)->root, "storage");
        if (all != NULL && all->type != RN_OBJECT)
            return 1;
    }
    return 0;
}

static void check_storage(struct rn_conf *c) {
    struct rn_conf_texts *t = c->texts;
    struct rn_place at;
    char names[160], want[200];
    const char *name = text_of(t, "storage", NAME_BYTES, "the name of a section of \"storage\"", &at);
    unsigned n = rn_texts_names(t, "storage", names, sizeof names, NULL);
    c->storage = name != NULL ? rn_section_find(c, RUNNEL_STORAGE, name) : n == 1 ? only_storage(c) : NULL;
    if (t->broken || rn_list_empty(&t->texts) || storage_faulty(t))
        return;
    (void)snprintf(want, sizeof want, "one of %s", names);
    if (n == 0)
        rn_wrong(t, section(t), "storage", "nothing", "a section",
                 "add \"storage\": { \"main\": { \"plugin\": \"bdb\" } }");
    else if (name != NULL && rn_texts_section(t, "storage", name, NULL).text == NULL)
        rn_wrong_name(t, at, "node.storage", "storage");
    else if (at.v == NULL && n > 1 && may_miss(t))
        rn_wrong(t, section(t), "node.storage", "nothing", want,
                 "say in which section of \"storage\" this node keeps its streams");
}

int rn_check_node(struct rn_conf *c) {
    check_words(c->texts);
    int rc = check_paths(c);
    check_log(c);
    check_name(c);
    check_numbers(c);
    check_storage(c);
    return rc;
}
