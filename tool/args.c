/* SPDX-License-Identifier: MIT
 * args.c — reads the command line by the table of commands.
 * May touch: the clock, standard error.
 */
#include "tool/tool.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t rn_wall(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_REALTIME, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * RN_NS_S + t.tv_nsec;
}

int rn_usage(const struct rn_tool *t, const char *fmt, ...) {
    struct runnel_err err;
    va_list ap;
    va_start(ap, fmt);
    (void)rn_vfail(&err, RUNNEL_EINVALID, fmt, ap);
    va_end(ap);
    if (t->command)
        (void)rn_wrap(&err, "%s", t->command->name);
    (void)rn_tool_fail(t, RN_EXIT_USAGE, &err);
    if (!t->json)
        (void)fprintf(stderr, "Try \"runnel help%s%s\".\n", t->command ? " " : "", t->command ? t->command->name : "");
    return RN_EXIT_USAGE;
}

static int find_option(const struct rn_tool_option *options, const char *name, size_t n) {
    for (int i = 0; options[i].name; i++)
        if (strlen(options[i].name) == n && memcmp(options[i].name, name, n) == 0)
            return i;
    return -1;
}

static int unknown_option(const struct rn_tool *t, const char *word, size_t n) {
    const char *names[2 * RN_TOOL_OPTIONS];
    char typed[64];
    size_t k = 0;
    for (size_t i = 0; t->command && t->command->options[i].name; i++)
        names[k++] = t->command->options[i].name;
    for (size_t i = 0; rn_general_options[i].name; i++)
        names[k++] = rn_general_options[i].name;
    (void)snprintf(typed, sizeof typed, "%.*s", (int)(n < 60 ? n : 60), word);
    const char *near = rn_nearest(typed, names, k);
    if (near)
        return rn_usage(t, "there is no option --%s: did you mean --%s?", typed, near);
    return rn_usage(t, "there is no option --%s", typed);
}

static void set_general(struct rn_tool *t, const char *name, const char *value) {
    if (strcmp(name, "node") == 0)
        t->address = value;
    else if (strcmp(name, "json") == 0)
        t->json = 1;
    else if (strcmp(name, "verbose") == 0)
        t->verbose = 1;
    else if (strcmp(name, "help") == 0)
        t->help = 1;
    else
        t->version = 1;
}

/* One "--name", "--name=value" or "--name value". */
static int take_option(struct rn_tool *t, int argc, char **argv, int *i) {
    const char *name = argv[*i] + 2, *eq = strchr(name, '='), *value = "";
    size_t n = eq ? (size_t)(eq - name) : strlen(name);
    const struct rn_tool_option *o = NULL;
    int own = t->command ? find_option(t->command->options, name, n) : -1;
    int general = find_option(rn_general_options, name, n);
    if (own >= 0)
        o = &t->command->options[own];
    else if (general >= 0)
        o = &rn_general_options[general];
    else
        return unknown_option(t, name, n);
    if (!o->arg && eq)
        return rn_usage(t, "--%s takes no argument", o->name);
    if (o->arg && eq)
        value = eq + 1;
    else if (o->arg && *i + 1 < argc)
        value = argv[++*i];
    else if (o->arg)
        return rn_usage(t, "--%s needs its %s", o->name, o->arg);
    if (own < 0)
        set_general(t, o->name, value);
    else if (t->values[own])
        return rn_usage(t, "--%s is given twice", o->name);
    else
        t->values[own] = value;
    return 0;
}

static int take_letter(struct rn_tool *t, int argc, char **argv, int *i) {
    static const struct {
        char letter;
        const char *name;
    } letters[] = {{'n', "node"}, {'v', "verbose"}, {'h', "help"}, {'V', "version"}};
    const char *word = argv[*i];
    for (size_t k = 0; k < sizeof letters / sizeof *letters; k++) {
        if (word[1] != letters[k].letter)
            continue;
        if (letters[k].letter != 'n' && word[2])
            break;
        const char *value = word[2] ? word + 2 : *i + 1 < argc ? argv[++*i] : NULL;
        if (letters[k].letter != 'n') {
            if (!word[2] && value)
                --*i;
            value = "";
        }
        if (!value)
            return rn_usage(t, "-n needs its ADDRESS");
        set_general(t, letters[k].name, value);
        return 0;
    }
    return rn_usage(t, "there is no option %s", word);
}

static int take_word(struct rn_tool *t, const char *word) {
    if (t->command) {
        t->words[t->n_words++] = word;
        return 0;
    }
    t->command = rn_command_find(word);
    return t->command ? 0 : rn_unknown_command(t, word);
}

/* "-" is standard input, and "-5" or "-0.5" a value. */
static int is_word(const char *s) {
    return s[0] != '-' || s[1] == 0 || (s[1] >= '0' && s[1] <= '9');
}

int rn_args_parse(struct rn_tool *t, int argc, char **argv) {
    int only_words = 0, r = 0;
    for (int i = 1; i < argc && r == 0; i++) {
        if (only_words || is_word(argv[i]))
            r = take_word(t, argv[i]);
        else if (strcmp(argv[i], "--") == 0)
            only_words = 1;
        else if (argv[i][1] == '-')
            r = take_option(t, argc, argv, &i);
        else
            r = take_letter(t, argc, argv, &i);
    }
    if (r != 0 || !t->command || t->help)
        return r;
    if (t->n_words < t->command->least)
        return rn_usage(t, "something is missing: want runnel %s %s", t->command->name, t->command->synopsis);
    if (t->command->most >= 0 && t->n_words > t->command->most)
        return rn_usage(t, "\"%s\" is one word too many", t->words[t->command->most]);
    return 0;
}

const char *rn_arg(const struct rn_tool *t, const char *name) {
    int i = find_option(t->command->options, name, strlen(name));
    return i < 0 ? NULL : t->values[i];
}

static int digits(const char *s, uint64_t *out) {
    uint64_t v = 0;
    if (*s == 0)
        return -1;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > (UINT64_MAX - 9) / 10)
            return -1;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    *out = v;
    return 0;
}

int rn_arg_u64(const struct rn_tool *t, const char *name, uint64_t least, uint64_t most, uint64_t *out) {
    const char *s = rn_arg(t, name);
    uint64_t v = 0;
    if (!s)
        return RN_EXIT_OK;
    if (digits(s, &v) < 0 || v < least || v > most)
        return rn_usage(t, "--%s %s: want a whole number from %llu to %llu", name, s, (unsigned long long)least,
                        (unsigned long long)most);
    *out = v;
    return RN_EXIT_OK;
}

int rn_arg_time(const struct rn_tool *t, const char *name, int64_t *out) {
    struct runnel_err err;
    const char *s = rn_arg(t, name);
    if (s && rn_time_parse(s, strlen(s), rn_wall(), out, &err) < 0)
        return rn_usage(t, "--%s: %s", name, err.msg);
    return RN_EXIT_OK;
}

int rn_arg_point(const struct rn_tool *t, const char *name, struct rn_point *out) {
    const char *s = rn_arg(t, name);
    memset(out, 0, sizeof *out);
    if (!s)
        return RN_EXIT_OK;
    out->given = 1;
    if (s[0] != '#')
        return rn_arg_time(t, name, &out->time);
    out->is_seq = 1;
    if (digits(s + 1, &out->seq) < 0)
        return rn_usage(t, "--%s %s: want a whole number behind the #", name, s);
    return RN_EXIT_OK;
}
