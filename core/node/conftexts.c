/* SPDX-License-Identifier: MIT
 * conftexts.c — keeps the texts of a config and every error that was found in them, in their order.
 * May touch: the heap.
 */
#include "node/conftexts.h"

#include "base/err.h"
#include "base/utf8.h"
#include "node/near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 32u
#define VALUES 65536u

struct complaint {
    struct rn_list link;
    unsigned order, line;
    char *text;
};

struct rn_conf_texts *rn_texts_new(void) {
    struct rn_conf_texts *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    rn_list_init(&t->texts);
    rn_list_init(&t->wrong);
    rn_buf_init(&t->lines, 0);
    return t;
}

static void text_free(struct rn_text *t) {
    rn_json_free(t->root);
    free(t->file);
    free(t->bytes);
    free(t);
}

void rn_texts_free(struct rn_conf_texts *t) {
    if (t == NULL)
        return;
    rn_list_for_safe (it, &t->texts)
        text_free(rn_list_of(it, struct rn_text, link));
    rn_list_for_safe (it, &t->wrong) {
        struct complaint *w = rn_list_of(it, struct complaint, link);
        free(w->text);
        free(w);
    }
    rn_buf_free(&t->lines);
    free(t->identity);
    free(t);
}

/* ---- errors ---- */

/* Puts a line where it belongs; equal places keep the order in which they were found. */
static void keep(struct rn_conf_texts *t, unsigned order, unsigned line, char *text) {
    struct complaint *w = text != NULL ? malloc(sizeof *w) : NULL;
    t->n_wrong++;
    if (w == NULL || t->n_wrong > RN_CONF_ERRORS) {
        t->no_memory |= w == NULL;
        free(text);
        free(w);
        return;
    }
    *w = (struct complaint){.order = order, .line = line, .text = text};
    struct rn_list *at = t->wrong.prev;
    for (; at != &t->wrong; at = at->prev) {
        const struct complaint *b = rn_list_of(at, struct complaint, link);
        if (b->order < order || (b->order == order && b->line <= line))
            break;
    }
    rn_list_push(at, &w->link);
}

unsigned rn_place_line(struct rn_place at) {
    return at.v != NULL ? rn_json_line(at.text->bytes, at.text->n, at.v->off) : 1;
}

void rn_wrong(struct rn_conf_texts *t, struct rn_place at, const char *path, const char *found, const char *want,
              const char *remedy) {
    struct rn_buf b;
    unsigned line = rn_place_line(at);
    rn_buf_init(&b, 0);
    (void)rn_buf_fmt(&b, "%s:%u: %s: found %s, want %s; %s", at.text->file, line, path, found, want, remedy);
    b.n = rn_utf8_clean((char *)b.p, b.n, b.n); /* a misspelt word may hold anything */
    const char *s = rn_buf_cstr(&b);
    keep(t, at.text->order, line, s != NULL ? strdup(s) : NULL);
    rn_buf_free(&b);
}

void rn_wrong_value(struct rn_conf_texts *t, struct rn_place at, const char *path, const char *want,
                    const char *remedy) {
    char found[128];
    rn_value_brief(at.v, found, sizeof found);
    rn_wrong(t, at, path, found, want, remedy);
}

void rn_wrong_word(struct rn_conf_texts *t, struct rn_place at, const char *path, const char *const *words) {
    struct rn_near near;
    char want[256] = "one of ", remedy[80] = "remove it";
    size_t used = strlen(want);
    rn_near_init(&near, at.v->key);
    for (size_t i = 0; words[i] != NULL; i++) {
        int n = snprintf(want + used, sizeof want - used, "%s%s", i == 0 ? "" : ", ", words[i]);
        used += n > 0 && (size_t)n < sizeof want - used ? (size_t)n : 0;
        rn_near_try(&near, words[i]);
    }
    if (near.best[0] != 0)
        (void)snprintf(remedy, sizeof remedy, "did you mean \"%s\"?", near.best);
    rn_wrong(t, at, path, "an unknown word", want, remedy);
}

void rn_wrong_name(struct rn_conf_texts *t, struct rn_place at, const char *path, const char *kind) {
    struct rn_near near;
    char names[200] = "", want[256], remedy[128];
    int text = at.v->type == RN_STRING;
    rn_near_init(&near, text ? at.v->text : "");
    unsigned n = rn_texts_names(t, kind, names, sizeof names, &near);
    if (n == 0)
        (void)snprintf(want, sizeof want, "a section of \"%s\" (there is none)", kind);
    else
        (void)snprintf(want, sizeof want, "one of %s", names);
    if (near.best[0] != 0)
        (void)snprintf(remedy, sizeof remedy, "did you mean \"%s\"?", near.best);
    else if (text)
        (void)snprintf(remedy, sizeof remedy, "add the section \"%.32s\" to \"%s\", or name another", at.v->text, kind);
    else
        (void)snprintf(remedy, sizeof remedy, "write the name of a section of \"%s\" within quotes", kind);
    rn_wrong_value(t, at, path, want, remedy);
}

unsigned rn_texts_names(const struct rn_conf_texts *t, const char *kind, char *out, size_t size, struct rn_near *near) {
    unsigned n = 0;
    size_t used = 0;
    out[0] = 0;
    rn_texts_for(x, t) {
        const struct rn_text *text = rn_text_of(x_link);
        const struct rn_json *all = rn_json_get(text->root, kind);
        if (all == NULL || all->type != RN_OBJECT)
            continue;
        for (const struct rn_json *v = all->child; v != NULL; v = v->next) {
            if (rn_texts_section(t, kind, v->key, text).text != NULL)
                continue;
            int k = snprintf(out + used, size - used, "%s%.32s", used == 0 ? "" : ", ", v->key);
            used += k > 0 && (size_t)k < size - used ? (size_t)k : 0;
            if (near != NULL)
                rn_near_try(near, v->key);
            n++;
        }
    }
    return n;
}

struct rn_place rn_texts_section(const struct rn_conf_texts *t, const char *kind, const char *name,
                                 const struct rn_text *before) {
    rn_texts_for(x, t) {
        const struct rn_text *text = rn_text_of(x_link);
        if (text == before)
            break;
        const struct rn_json *v = rn_json_get(rn_json_get(text->root, kind), name);
        if (v != NULL)
            return (struct rn_place){text, v};
    }
    return (struct rn_place){NULL, NULL};
}

const char *rn_texts_errors(struct rn_conf_texts *t) {
    rn_buf_clear(&t->lines);
    if (t->n == 0)
        return "no config was given\n";
    rn_list_for (it, &t->wrong)
        (void)rn_buf_fmt(&t->lines, "%s\n", rn_list_of(it, struct complaint, link)->text);
    if (t->n_wrong > RN_CONF_ERRORS)
        (void)rn_buf_fmt(&t->lines, "and %u more errors\n", t->n_wrong - RN_CONF_ERRORS);
    if (t->no_memory)
        (void)rn_buf_str(&t->lines, "and errors for which there was no memory\n");
    const char *s = rn_buf_cstr(&t->lines);
    return s != NULL ? s : "no memory to tell the errors\n";
}

/* ---- texts ---- */

/* The message without the "line N: " in front, which stands behind the file's name already. */
static const char *without_line(const char *msg) {
    unsigned line = 0;
    int n = 0;
    return sscanf(msg, "line %u: %n", &line, &n) == 1 && n > 0 ? msg + n : msg;
}

static void not_json(struct rn_conf_texts *t, const struct rn_text *x, size_t off, const struct runnel_err *err) {
    char *s = NULL;
    struct rn_buf b;
    unsigned line = rn_json_line(x->bytes, x->n, off);
    rn_buf_init(&b, 0);
    (void)rn_buf_fmt(&b, "%s:%u: no JSON: %s", x->file, line, without_line(err->msg));
    if (rn_buf_cstr(&b) != NULL)
        s = strdup(rn_buf_cstr(&b));
    keep(t, x->order, line, s);
    rn_buf_free(&b);
    t->broken = 1;
}

/* Reads the text into its tree; what is no object is an error. */
static int parse(struct rn_conf_texts *t, struct rn_text *x) {
    struct runnel_err err = {0};
    struct rn_json_limits limits = {RN_CONF_SIZE, DEPTH, VALUES, RN_JSON_COMMENTS};
    size_t off = 0;
    int rc = rn_json_parse(x->bytes, x->n, &limits, &x->root, &off, &err);
    if (rc == -RUNNEL_ENOMEM)
        return rc;
    if (rc != 0) {
        x->root = NULL;
        not_json(t, x, off, &err);
    } else if (x->root->type != RN_OBJECT) {
        rn_wrong_value(t, (struct rn_place){x, x->root}, "the config", "an object",
                       "write the sections within { and }");
        rn_json_free(x->root);
        x->root = NULL;
        t->broken = 1;
    }
    return 0;
}

int rn_texts_add(struct rn_conf_texts *t, const char *file, const void *text, size_t n) {
    struct rn_text *x = calloc(1, sizeof *x);
    if (x == NULL)
        return -RUNNEL_ENOMEM;
    x->file = strdup(file);
    x->bytes = malloc(n + 1);
    if (x->file == NULL || x->bytes == NULL) {
        text_free(x);
        return -RUNNEL_ENOMEM;
    }
    if (n > 0)
        memcpy(x->bytes, text, n);
    x->bytes[n] = 0;
    x->n = n;
    x->order = t->n++;
    rn_list_add(&t->texts, &x->link);
    return parse(t, x);
}
