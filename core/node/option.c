/* SPDX-License-Identifier: MIT
 * option.c — checks a value against an option and writes it into a plugin's conf.
 * May touch: the heap.
 */
#include "node/option.h"

#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRIEF 40u /* bytes of a string that a message shows */

/* ---- the memory of a conf ---- */

struct chunk {
    struct chunk *next;
    max_align_t bytes[];
};

struct fill {
    struct chunk *chunks;
    max_align_t conf[];
};

static struct fill *fill_of(void *conf) {
    return (struct fill *)(void *)((char *)conf - offsetof(struct fill, conf));
}

void *rn_fill_new(size_t conf_size) {
    struct fill *f = conf_size > SIZE_MAX / 2 ? NULL : calloc(1, sizeof *f + conf_size);
    return f != NULL ? f->conf : NULL;
}

void rn_fill_free(void *conf) {
    if (conf == NULL)
        return;
    struct fill *f = fill_of(conf);
    for (struct chunk *c = f->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    free(f);
}

/* Memory that lives as long as the conf. */
static void *keep(void *conf, size_t n) {
    struct chunk *c = n > SIZE_MAX / 2 ? NULL : malloc(sizeof *c + n);
    if (c == NULL)
        return NULL;
    struct fill *f = fill_of(conf);
    c->next = f->chunks;
    f->chunks = c;
    return c->bytes;
}

static char *keep_text(void *conf, const char *text, size_t n) {
    char *s = keep(conf, n + 1);
    if (s != NULL) {
        memcpy(s, text, n);
        s[n] = 0;
    }
    return s;
}

static void put(const struct runnel_option *o, void *conf, const void *p, size_t n) {
    memcpy((char *)conf + o->at, p, n);
}

/* ---- words ---- */

static const struct type {
    const char *name;
    size_t size, align;
} types[] = {
    [RUNNEL_OPT_BOOL] = {"bool", sizeof(uint8_t), _Alignof(uint8_t)},
    [RUNNEL_OPT_INT] = {"int", sizeof(int64_t), _Alignof(int64_t)},
    [RUNNEL_OPT_DURATION] = {"duration", sizeof(int64_t), _Alignof(int64_t)},
    [RUNNEL_OPT_SIZE] = {"size", sizeof(int64_t), _Alignof(int64_t)},
    [RUNNEL_OPT_STRING] = {"string", sizeof(const char *), _Alignof(const char *)},
    [RUNNEL_OPT_STRINGS] = {"strings", sizeof(const char *const *), _Alignof(const char *const *)},
    [RUNNEL_OPT_JSON] = {"json", sizeof(struct runnel_bytes), _Alignof(struct runnel_bytes)},
};
#define N_TYPES (sizeof types / sizeof *types)

static const struct type *type_of(uint32_t type) {
    static const struct type none = {NULL, 0, 0};
    return type < N_TYPES ? &types[type] : &none;
}

const char *rn_option_type_name(uint32_t type) {
    return type_of(type)->name;
}

size_t rn_option_size(uint32_t type) {
    return type_of(type)->size;
}

size_t rn_option_align(uint32_t type) {
    return type_of(type)->align;
}

int rn_option_bounded(const struct runnel_option *o) {
    return o->min != 0 || o->max != 0;
}

void rn_option_bound(const struct runnel_option *o, int64_t v, char *out, size_t n) {
    char text[RN_TIME_TEXT];
    if (o->type == RUNNEL_OPT_DURATION)
        (void)snprintf(out, n, "%s", rn_duration_format(v, text));
    else if (o->type == RUNNEL_OPT_SIZE)
        (void)snprintf(out, n, "%s", rn_size_format(v, text));
    else
        (void)snprintf(out, n, "%lld", (long long)v);
}

/* " from A to B", " of at least A", or nothing. */
static void range_words(const struct runnel_option *o, const char *unit, char *out, size_t n) {
    char min[RN_TIME_TEXT], max[RN_TIME_TEXT];
    out[0] = 0;
    if (!rn_option_bounded(o))
        return;
    rn_option_bound(o, o->min, min, sizeof min);
    rn_option_bound(o, o->max, max, sizeof max);
    if (o->max == INT64_MAX)
        (void)snprintf(out, n, " of at least %s%s", min, unit);
    else
        (void)snprintf(out, n, "%s%s to %s%s", unit[0] != 0 ? " of " : " from ", min, max, unit);
}

void rn_option_want(const struct runnel_option *o, char *out, size_t n) {
    char range[100];
    range_words(o, o->type == RUNNEL_OPT_STRING ? " bytes" : "", range, sizeof range);
    switch (o->type) {
    case RUNNEL_OPT_BOOL:
        (void)snprintf(out, n, "true or false");
        break;
    case RUNNEL_OPT_INT:
        (void)snprintf(out, n, "an integer%s", range);
        break;
    case RUNNEL_OPT_DURATION:
        (void)snprintf(out, n, "a duration%s, such as \"%s\"", range, o->dflt != NULL ? o->dflt : "30s");
        break;
    case RUNNEL_OPT_SIZE:
        (void)snprintf(out, n, "a size%s, such as \"%s\"", range, o->dflt != NULL ? o->dflt : "64KiB");
        break;
    case RUNNEL_OPT_STRING:
        (void)snprintf(out, n, "a string%s", range);
        break;
    case RUNNEL_OPT_STRINGS:
        (void)snprintf(out, n, "a string or an array of strings");
        break;
    default:
        (void)snprintf(out, n, "a JSON value");
    }
}

/* Where a text of more than BRIEF bytes is cut: at the end of a character. */
static size_t brief_cut(const char *text, size_t n) {
    if (n <= BRIEF)
        return n;
    size_t cut = BRIEF;
    while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
        cut--;
    return cut;
}

void rn_value_brief(const struct rn_json *v, char *out, size_t n) {
    struct rn_buf b;
    struct rn_jw w;
    switch (v->type) {
    case RN_NULL:
        (void)snprintf(out, n, "null");
        return;
    case RN_BOOL:
        (void)snprintf(out, n, "%s", v->i ? "true" : "false");
        return;
    case RN_INT:
    case RN_NUMBER:
        (void)snprintf(out, n, "%.*s%s", (int)brief_cut(v->text, v->n_text), v->text, v->n_text > BRIEF ? "..." : "");
        return;
    case RN_STRING:
        break;
    default:
        (void)snprintf(out, n, "%s", rn_json_type_name(v->type));
        return;
    }
    rn_buf_init(&b, 0);
    rn_jw_init(&w, &b);
    rn_jw_strn(&w, v->text, brief_cut(v->text, v->n_text));
    const char *s = rn_buf_cstr(&b);
    (void)snprintf(out, n, "%.80s%s", s != NULL ? s : "a string", v->n_text > BRIEF ? "..." : "");
    rn_buf_free(&b);
}

/* ---- faults ---- */

static void say_remedy(const struct runnel_option *o, struct rn_fault *f) {
    const char *quote = o->type == RUNNEL_OPT_BOOL || o->type == RUNNEL_OPT_INT || o->type == RUNNEL_OPT_JSON ||
                                (o->dflt != NULL && o->dflt[0] == '[')
                            ? ""
                            : "\"";
    if (o->dflt != NULL)
        (void)snprintf(f->remedy, sizeof f->remedy, "correct it, or leave it out for the default %s%.150s%s", quote,
                       o->dflt, quote);
    else
        (void)snprintf(f->remedy, sizeof f->remedy, "correct it: %.200s", o->help);
}

static int wrong(const struct runnel_option *o, const struct rn_json *v, struct rn_fault *f) {
    rn_value_brief(v, f->found, sizeof f->found);
    rn_option_want(o, f->want, sizeof f->want);
    say_remedy(o, f);
    return -RUNNEL_EINVALID;
}

static int wrong_so(const struct runnel_option *o, const struct rn_json *v, struct rn_fault *f, const char *remedy) {
    (void)wrong(o, v, f);
    (void)snprintf(f->remedy, sizeof f->remedy, "%s", remedy);
    return -RUNNEL_EINVALID;
}

/* ---- one function a type ---- */

static int set_bool(const struct runnel_option *o, const struct rn_json *v, void *conf, struct rn_fault *f) {
    if (v->type == RN_STRING)
        return wrong_so(o, v, f, "write it without quotes");
    if (v->type != RN_BOOL)
        return wrong(o, v, f);
    uint8_t b = v->i != 0;
    if (conf != NULL)
        put(o, conf, &b, sizeof b);
    return 0;
}

static int in_range(const struct runnel_option *o, int64_t i) {
    if (rn_option_bounded(o))
        return i >= o->min && i <= o->max;
    return o->type == RUNNEL_OPT_INT || i >= 0;
}

static int set_i64(const struct runnel_option *o, const struct rn_json *v, int64_t i, void *conf, struct rn_fault *f) {
    if (!in_range(o, i))
        return wrong(o, v, f);
    if (conf != NULL)
        put(o, conf, &i, sizeof i);
    return 0;
}

static int set_int(const struct runnel_option *o, const struct rn_json *v, void *conf, struct rn_fault *f) {
    if (v->type == RN_STRING)
        return wrong_so(o, v, f, "write a number without quotes");
    return v->type == RN_INT ? set_i64(o, v, v->i, conf, f) : wrong(o, v, f);
}

static int set_duration(const struct runnel_option *o, const struct rn_json *v, void *conf, struct rn_fault *f) {
    int64_t ns = 0;
    if (v->type == RN_INT || v->type == RN_NUMBER)
        return wrong_so(o, v, f, "write a number and a unit (ns us ms s m h d w) within quotes");
    if (v->type != RN_STRING)
        return wrong(o, v, f);
    if (rn_duration_parse(v->text, v->n_text, &ns, NULL) != 0)
        return wrong_so(o, v, f, "write a number and a unit (ns us ms s m h d w)");
    return set_i64(o, v, ns, conf, f);
}

static int set_size(const struct runnel_option *o, const struct rn_json *v, void *conf, struct rn_fault *f) {
    int64_t bytes = 0;
    if (v->type == RN_INT)
        return set_i64(o, v, v->i, conf, f);
    if (v->type != RN_STRING)
        return wrong(o, v, f);
    if (rn_size_parse(v->text, v->n_text, &bytes, NULL) != 0)
        return wrong_so(o, v, f, "write an integer and a unit (KiB MiB GiB TiB, or none for bytes)");
    return set_i64(o, v, bytes, conf, f);
}

/* A string that C can hold. */
static int is_text(const struct rn_json *v) {
    return v->type == RN_STRING && memchr(v->text, 0, v->n_text) == NULL;
}

static int set_string(const struct runnel_option *o, const struct rn_json *v, void *conf, struct rn_fault *f) {
    if (!is_text(v) || (rn_option_bounded(o) && !in_range(o, (int64_t)v->n_text)))
        return wrong(o, v, f);
    if (conf == NULL)
        return 0;
    const char *s = keep_text(conf, v->text, v->n_text);
    if (s == NULL)
        return -RUNNEL_ENOMEM;
    put(o, conf, &s, sizeof s);
    return 0;
}

static int set_strings(const struct runnel_option *o, const struct rn_json *v, void *conf, struct rn_fault *f) {
    const struct rn_json *first = v->type == RN_ARRAY ? v->child : v;
    size_t n = v->type == RN_ARRAY ? v->n : 1;
    const struct rn_json *e = first;
    for (size_t i = 0; i < n; i++, e = e->next)
        if (!is_text(e))
            return wrong(o, e, f);
    if (conf == NULL)
        return 0;
    const char **list = keep(conf, (n + 1) * sizeof *list);
    if (list == NULL)
        return -RUNNEL_ENOMEM;
    e = first;
    for (size_t i = 0; i < n; i++, e = e->next)
        if ((list[i] = keep_text(conf, e->text, e->n_text)) == NULL)
            return -RUNNEL_ENOMEM;
    list[n] = NULL;
    put(o, conf, &list, sizeof list);
    return 0;
}

static int set_json(const struct runnel_option *o, const struct rn_json *v, void *conf) {
    struct rn_buf b;
    struct rn_jw w;
    if (conf == NULL)
        return 0;
    rn_buf_init(&b, 0);
    rn_jw_init(&w, &b);
    rn_jw_tree(&w, v);
    int rc = b.failed;
    if (rc == 0) {
        struct runnel_bytes bytes = {(const uint8_t *)keep_text(conf, (const char *)b.p, b.n), b.n};
        rc = bytes.p != NULL ? 0 : -RUNNEL_ENOMEM;
        if (rc == 0)
            put(o, conf, &bytes, sizeof bytes);
    }
    rn_buf_free(&b);
    return rc;
}

int rn_option_set(const struct runnel_option *o, const struct rn_json *v, void *conf, struct rn_fault *f) {
    switch (o->type) {
    case RUNNEL_OPT_BOOL:
        return set_bool(o, v, conf, f);
    case RUNNEL_OPT_INT:
        return set_int(o, v, conf, f);
    case RUNNEL_OPT_DURATION:
        return set_duration(o, v, conf, f);
    case RUNNEL_OPT_SIZE:
        return set_size(o, v, conf, f);
    case RUNNEL_OPT_STRING:
        return set_string(o, v, conf, f);
    case RUNNEL_OPT_STRINGS:
        return set_strings(o, v, conf, f);
    case RUNNEL_OPT_JSON:
        return set_json(o, v, conf);
    default:
        return wrong(o, v, f);
    }
}

/* ---- defaults ---- */

/* Whether a default is written as JSON; the others are the bare text of a string. */
static int default_is_json(const struct runnel_option *o) {
    return o->type == RUNNEL_OPT_BOOL || o->type == RUNNEL_OPT_INT || o->type == RUNNEL_OPT_JSON ||
           (o->type == RUNNEL_OPT_STRINGS && o->dflt[0] == '[');
}

int rn_option_default(const struct runnel_option *o, void *conf, struct rn_fault *f) {
    if (o->dflt == NULL)
        return 0;
    struct rn_json text = {.type = RN_STRING, .text = o->dflt, .n_text = strlen(o->dflt)};
    if (!default_is_json(o))
        return rn_option_set(o, &text, conf, f);
    struct rn_json *v = NULL;
    int rc = rn_json_parse(o->dflt, strlen(o->dflt), NULL, &v, NULL, NULL);
    if (rc == -RUNNEL_ENOMEM)
        return rc;
    if (rc != 0)
        return wrong(o, &text, f);
    rc = rn_option_set(o, v, conf, f);
    rn_json_free(v);
    return rc;
}

/* ---- comparing ---- */

static int same_string(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int same_strings(const char *const *a, const char *const *b) {
    if (a == NULL || b == NULL)
        return a == b;
    for (; *a != NULL && *b != NULL; a++, b++)
        if (strcmp(*a, *b) != 0)
            return 0;
    return *a == *b;
}

int rn_option_same(const struct runnel_option *o, const void *a, const void *b) {
    const void *in_a = (const uint8_t *)a + o->at, *in_b = (const uint8_t *)b + o->at;
    switch (o->type) {
    case RUNNEL_OPT_STRING:
        return same_string(*(const char *const *)in_a, *(const char *const *)in_b);
    case RUNNEL_OPT_STRINGS:
        return same_strings(*(const char *const *const *)in_a, *(const char *const *const *)in_b);
    case RUNNEL_OPT_JSON: {
        const struct runnel_bytes *x = in_a, *y = in_b;
        return x->n == y->n && (x->n == 0 || memcmp(x->p, y->p, x->n) == 0);
    }
    default:
        return memcmp(in_a, in_b, rn_option_size(o->type)) == 0;
    }
}
