/* SPDX-License-Identifier: MIT
 * hostconf.c — parses "option=value" by the plugin's options table.
 * May touch: include/runnel and the heap.
 */
#include "tests/conformance/hostconf.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int host_fail(struct runnel_err *err, int code, const char *fmt, ...) {
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        if (vsnprintf(err->msg, sizeof err->msg, fmt, ap) < 0)
            err->msg[0] = 0;
        va_end(ap);
    }
    return -code;
}

void *host_alloc(size_t n) {
    void *p = calloc(1, n ? n : 1);
    if (!p) {
        fputs("test host: out of memory\n", stderr);
        abort();
    }
    return p;
}

char *host_strdup(const char *s) {
    size_t n = strlen(s) + 1;
    return memcpy(host_alloc(n), s, n);
}

static void *own(struct host_conf *c, void *p) {
    void **grown = realloc(c->owned, (c->n_owned + 1) * sizeof *grown);
    if (!grown)
        abort();
    c->owned = grown;
    c->owned[c->n_owned++] = p;
    return p;
}

/* The k-th option, by the size that an element had when the plugin was built. */
static struct runnel_option option_at(const struct runnel_plugin *plugin, uint32_t k) {
    struct runnel_option o;
    size_t n = plugin->option_size < sizeof o ? plugin->option_size : sizeof o;
    memset(&o, 0, sizeof o);
    memcpy(&o, (const char *)plugin->options + (size_t)k * plugin->option_size, n);
    return o;
}

/* An integer with one of the units, which are pairs of a word and a factor. */
struct unit {
    const char *word;
    int64_t factor;
};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
static const struct unit sizes[] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
static const struct unit durations[] = {{"ns", 1},
                                        {"us", 1000},
                                        {"ms", 1000000},
                                        {"s", 1000000000},
                                        {"m", INT64_C(60000000000)},
                                        {"h", INT64_C(3600000000000)},
                                        {"d", INT64_C(86400000000000)},
                                        {NULL, 0}};

static bool parse_number(const char *s, const struct unit *units, int64_t *out) {
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || end == s)
        return false;
    for (; units->word; units++)
        if (!strcmp(units->word, end))
            return !__builtin_mul_overflow((int64_t)v, units->factor, out);
    return false;
}

static int put_number(const struct runnel_option *o, const struct unit *units, const char *value, char *at,
                      struct runnel_err *err) {
    int64_t v;
    if (!parse_number(value, units, &v))
        return host_fail(err, RUNNEL_EINVALID, "%s: found \"%s\", want a number with its unit", o->name, value);
    if ((o->min || o->max) && (v < o->min || v > o->max))
        return host_fail(err, RUNNEL_EINVALID, "%s: found %" PRId64 ", want %" PRId64 " to %" PRId64, o->name, v,
                         o->min, o->max);
    memcpy(at, &v, sizeof v);
    return 0;
}

static int put_bool(const struct runnel_option *o, const char *value, char *at, struct runnel_err *err) {
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return host_fail(err, RUNNEL_EINVALID, "%s: found \"%s\", want true or false", o->name, value);
    *(uint8_t *)at = value[0] == 't';
    return 0;
}

static int put_string(struct host_conf *c, const struct runnel_option *o, const char *value, char *at,
                      struct runnel_err *err) {
    int64_t n = (int64_t)strlen(value);
    if ((o->min || o->max) && (n < o->min || n > o->max))
        return host_fail(err, RUNNEL_EINVALID, "%s: found %" PRId64 " bytes, want %" PRId64 " to %" PRId64, o->name, n,
                         o->min, o->max);
    const char *copy = own(c, host_strdup(value));
    memcpy(at, &copy, sizeof copy);
    return 0;
}

/* Makes a longer list with the string at its end; the old one stays owned. */
static void put_strings(struct host_conf *c, const char *value, char *at, bool first) {
    const char **old = NULL;
    size_t n = 0;
    memcpy(&old, at, sizeof old);
    while (!first && old && old[n])
        n++;
    const char **list = own(c, host_alloc((n + 2) * sizeof *list));
    if (n)
        memcpy(list, old, n * sizeof *list);
    list[n] = own(c, host_strdup(value));
    memcpy(at, &list, sizeof list);
}

static void put_json(struct host_conf *c, const char *value, char *at) {
    struct runnel_bytes text = {own(c, host_strdup(value)), strlen(value)};
    memcpy(at, &text, sizeof text);
}

/* `first`: replaces a list instead of adding to it. */
static int put(struct host_conf *c, const struct runnel_option *o, const char *value, bool first,
               struct runnel_err *err) {
    char *at = (char *)c->p + o->at;
    switch (o->type) {
    case RUNNEL_OPT_BOOL:
        return put_bool(o, value, at, err);
    case RUNNEL_OPT_INT:
        return put_number(o, no_units, value, at, err);
    case RUNNEL_OPT_DURATION:
        return put_number(o, durations, value, at, err);
    case RUNNEL_OPT_SIZE:
        return put_number(o, sizes, value, at, err);
    case RUNNEL_OPT_STRING:
        return put_string(c, o, value, at, err);
    case RUNNEL_OPT_STRINGS:
        put_strings(c, value, at, first);
        return 0;
    case RUNNEL_OPT_JSON:
        put_json(c, value, at);
        return 0;
    default:
        return host_fail(err, RUNNEL_EINVALID, "%s: type %u is none that this host knows", o->name, o->type);
    }
}

/* The value if `word` is "NAME=value". */
static const char *value_for(const char *word, const char *name) {
    size_t n = strlen(name);
    return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static int fill(struct host_conf *c, const struct runnel_option *o, const char *const *given, struct runnel_err *err) {
    bool said = false;
    int rc = o->dflt ? put(c, o, o->dflt, true, err) : 0;
    for (; rc == 0 && given && *given; given++) {
        const char *value = value_for(*given, o->name);
        if (!value)
            continue;
        rc = put(c, o, value, !said, err);
        said = true;
    }
    if (rc == 0 && !said && (o->flags & RUNNEL_OPT_REQUIRED))
        rc = host_fail(err, RUNNEL_EINVALID, "%s: found nothing, the section must say it", o->name);
    return rc;
}

static int refuse_unknown(const struct runnel_plugin *plugin, const char *const *given, struct runnel_err *err) {
    for (; given && *given; given++) {
        bool known = false;
        for (uint32_t k = 0; k < plugin->n_options && !known; k++)
            known = value_for(*given, option_at(plugin, k).name) != NULL;
        if (!known)
            return host_fail(err, RUNNEL_EINVALID, "\"%s\" is no option of %s", *given, plugin->name);
    }
    return 0;
}

/* Keeps the first complaint. */
static void complain(void *arg, const char *option, const char *found, const char *want, const char *remedy) {
    struct runnel_err *err = arg;
    if (!err->code)
        (void)host_fail(err, RUNNEL_EINVALID, "%s: found %s, want %s; %s", option ? option : "", found ? found : "",
                        want ? want : "", remedy ? remedy : "");
}

static int ask_check(const struct runnel_plugin *plugin, const void *conf, struct runnel_err *err) {
    struct runnel_err first = {0};
    if (!plugin->check || plugin->check(conf, complain, &first) == 0)
        return 0;
    return host_fail(err, RUNNEL_EINVALID, "%s", first.code ? first.msg : "the plugin refused the section silently");
}

struct host_conf *host_conf_new(const struct runnel_plugin *plugin, const char *const *given, struct runnel_err *err) {
    struct host_conf *c = host_alloc(sizeof *c);
    c->p = host_alloc(plugin->conf_size);
    int rc = refuse_unknown(plugin, given, err);
    for (uint32_t k = 0; rc == 0 && k < plugin->n_options; k++) {
        struct runnel_option o = option_at(plugin, k);
        rc = fill(c, &o, given, err);
    }
    if (rc == 0)
        rc = ask_check(plugin, c->p, err);
    if (rc == 0)
        return c;
    host_conf_free(c);
    return NULL;
}

void host_conf_free(struct host_conf *c) {
    if (!c)
        return;
    for (size_t k = 0; k < c->n_owned; k++)
        free(c->owned[k]);
    free(c->owned);
    free(c->p);
    free(c);
}
