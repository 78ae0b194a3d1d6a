/* SPDX-License-Identifier: MIT
 * conf.c — a whole config: made, checked part by part, and asked.
 * May touch: the heap and the registry.
 */
#include "node/conf.h"

#include "base/err.h"
#include "node/conftexts.h"
#include "node/option.h"

#include <stdlib.h>
#include <string.h>

struct rn_conf *rn_conf_new(void) {
    struct rn_conf *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    rn_list_init(&c->sections);
    rn_list_init(&c->streams);
    c->texts = rn_texts_new();
    if (c->texts == NULL) {
        free(c);
        return NULL;
    }
    return c;
}

void rn_conf_free(struct rn_conf *c) {
    if (c == NULL)
        return;
    rn_list_for_safe (it, &c->streams)
        free(rn_list_of(it, struct rn_stream_rule, link));
    rn_list_for_safe (it, &c->sections) {
        struct rn_section *s = rn_list_of(it, struct rn_section, link);
        rn_fill_free(s->conf);
        free(s);
    }
    rn_texts_free(c->texts);
    free(c);
}

int rn_conf_add(struct rn_conf *c, const char *file, const void *text, size_t n) {
    return rn_texts_add(c->texts, file, text, n);
}

const char *rn_conf_errors(struct rn_conf *c) {
    return rn_texts_errors(c->texts);
}

/* ---- the top ---- */

static const char *const sections[] = {"node", "storage", "transport", "discovery", "sync", "streams", NULL};

/* Sections that other versions have. */
static int not_yet(struct rn_conf_texts *t, struct rn_place at) {
    if (strcmp(at.v->key, "access") == 0)
        rn_wrong(t, at, "access", "rules for rights", "no such section",
                 "rights cannot be configured yet: local programs of the daemon's own user and of root have all "
                 "rights, other local users and all peers may read; remove the section");
    else if (strcmp(at.v->key, "service") == 0)
        rn_wrong(t, at, "service", "sections of services", "no such section",
                 "there are no service plugins yet; remove the section");
    else
        return 0;
    return 1;
}

static int known_word(const char *word, const char *const *words) {
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return 1;
    return 0;
}

static void check_top(struct rn_conf_texts *t) {
    rn_texts_for(x, t) {
        const struct rn_text *text = rn_text_of(x_link);
        if (text->root == NULL)
            continue;
        for (const struct rn_json *v = text->root->child; v != NULL; v = v->next) {
            struct rn_place at = {text, v};
            if (!known_word(v->key, sections) && !not_yet(t, at))
                rn_wrong_word(t, at, v->key, sections);
        }
    }
}

int rn_conf_check(struct rn_conf *c, struct rn_registry *r) {
    check_top(c->texts);
    int rc = rn_check_sections(c, r);
    if (rc == 0)
        rc = rn_check_node(c);
    if (rc == 0)
        rc = rn_check_streams(c);
    if (rc != 0) {
        c->texts->no_memory = 1;
        c->texts->n_wrong++;
    }
    return c->texts->n_wrong != 0 || c->texts->n == 0 ? -RUNNEL_EINVALID : 0;
}

/* ---- asking ---- */

struct rn_section *rn_section_find(const struct rn_conf *c, uint32_t kind, const char *name) {
    rn_list_for (it, &c->sections) {
        struct rn_section *s = rn_list_of(it, struct rn_section, link);
        if (s->kind == kind && strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

/* A pattern is exact, or a prefix before '*'. */
static int name_matches(const char *pattern, const char *name) {
    if (pattern == NULL)
        return 1;
    size_t n = strlen(pattern);
    if (n > 0 && pattern[n - 1] == '*')
        return strncmp(pattern, name, n - 1) == 0;
    return strcmp(pattern, name) == 0;
}

static int rule_matches(const struct rn_stream_rule *rule, const struct runnel_id *id, const struct rn_descriptor *d) {
    if (rule->has_id && !rn_id_equal(&rule->id, id))
        return 0;
    if (d == NULL)
        return rule->has_id && !rule->has_author;
    if (rule->has_author && memcmp(rule->author.b, d->author.b, sizeof d->author.b) != 0)
        return 0;
    return name_matches(rule->source, d->source) && name_matches(rule->stream, d->stream) &&
           name_matches(rule->target, d->target);
}

const struct rn_section *rn_conf_sync_for(const struct rn_conf *c, const struct runnel_id *id,
                                          const struct rn_descriptor *d) {
    rn_list_for (it, &c->streams) {
        const struct rn_stream_rule *rule = rn_list_of(it, struct rn_stream_rule, link);
        if (rule_matches(rule, id, d))
            return rule->sync;
    }
    return c->sync;
}

/* ---- comparing ---- */

int rn_section_same(const struct rn_section *a, const struct rn_section *b) {
    if (a->plugin != b->plugin)
        return 0;
    for (uint32_t i = 0; i < a->plugin->n_options; i++) {
        const struct runnel_option o = rn_plugin_option(a->plugin, i);
        if (!rn_option_same(&o, a->conf, b->conf))
            return 0;
    }
    return 1;
}

static int same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int same_rule(const struct rn_stream_rule *a, const struct rn_stream_rule *b) {
    return a->has_id == b->has_id && a->has_author == b->has_author && (!a->has_id || rn_id_equal(&a->id, &b->id)) &&
           (!a->has_author || memcmp(a->author.b, b->author.b, sizeof a->author.b) == 0) &&
           same_text(a->source, b->source) && same_text(a->stream, b->stream) && same_text(a->target, b->target) &&
           strcmp(a->sync->name, b->sync->name) == 0;
}

int rn_conf_same_rules(const struct rn_conf *a, const struct rn_conf *b) {
    const struct rn_list *x = a->streams.next, *y = b->streams.next;
    for (; x != &a->streams && y != &b->streams; x = x->next, y = y->next)
        if (!same_rule(rn_list_of(x, struct rn_stream_rule, link), rn_list_of(y, struct rn_stream_rule, link)))
            return 0;
    return x == &a->streams && y == &b->streams;
}
