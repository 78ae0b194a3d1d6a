/* SPDX-License-Identifier: MIT
 * help.c — help from the table of commands, and "did you mean".
 * May touch: standard output and error.
 */
#include "tool/tool.h"
#include <string.h>

const struct rn_command *rn_command_find(const char *name) {
    for (const struct rn_command *c = rn_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* ---- did you mean ---- */

#define LONGEST 24u

/* How many letters must be put in, left out, changed or swapped with the next. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m) {
    unsigned d[LONGEST + 1][LONGEST + 1];
    for (unsigned i = 0; i <= n; i++)
        d[i][0] = i;
    for (unsigned j = 0; j <= m; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            unsigned v = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < v)
                v = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < v)
                v = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < v)
                v = d[i - 2][j - 2] + 1;
            d[i][j] = v;
        }
    return d[n][m];
}

const char *rn_nearest(const char *word, const char *const *words, size_t n) {
    const char *best = NULL;
    size_t len = strlen(word);
    unsigned least = len < 4 ? 2 : 3; /* so many are too many */
    if (len > LONGEST)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t m = strlen(words[i]);
        unsigned d = m > LONGEST ? least : distance(word, len, words[i], m);
        if (len >= 2 && strncmp(word, words[i], len) == 0)
            d = 0; /* its beginning */
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

int rn_unknown_command(const struct rn_tool *t, const char *name) {
    const char *names[64];
    size_t n = 0;
    for (const struct rn_command *c = rn_commands; c->name && n < 64; c++)
        names[n++] = c->name;
    const char *near = rn_nearest(name, names, n);
    if (near)
        return rn_usage(t, "there is no command \"%s\": did you mean \"%s\"?", name, near);
    return rn_usage(t, "there is no command \"%s\"", name);
}

/* ---- help ---- */

/* Writes words in lines of at most 78 columns, each line after `indent` blanks. */
static void wrap(struct rn_tool *t, const char *text, size_t indent, size_t at) {
    while (*text) {
        size_t n = strcspn(text, " "), w = rn_text_width(text, n);
        if (at > indent && at + 1 + w > 78) {
            rn_out(t, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            rn_out(t, " ");
            at++;
        }
        rn_out_bytes(t, text, n);
        at += w;
        text += n;
        text += strspn(text, " ");
    }
    rn_out(t, "\n");
}

static void options_help(struct rn_tool *t, const struct rn_tool_option *o) {
    for (; o->name; o++) {
        int n = (int)(strlen(o->name) + (o->arg ? strlen(o->arg) + 1 : 0));
        rn_out(t, "  --%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        if (n < 20) {
            rn_out(t, "%*s", 22 - n, "");
            wrap(t, o->help, 26, 26);
        } else {
            rn_out(t, "\n%26s", "");
            wrap(t, o->help, 26, 26);
        }
    }
}

int rn_help_command(struct rn_tool *t, const struct rn_command *c) {
    rn_out(t, "runnel %s%s%s%s\n\n", c->name, c->options[0].name ? " [OPTION...]" : "", *c->synopsis ? " " : "",
           c->synopsis);
    wrap(t, c->help, 0, 0);
    if (c->options[0].name) {
        rn_out(t, "\nOptions:\n");
        options_help(t, c->options);
    }
    rn_out(t, "\nFor all commands:\n");
    options_help(t, rn_general_options);
    return RN_EXIT_OK;
}

int rn_help(struct rn_tool *t) {
    rn_out(t, "runnel: publish, follow and read streams of signed observations.\n\n"
              "usage: runnel [--node ADDRESS] [--json] COMMAND [ARGUMENT...]\n\nCommands:\n");
    for (const struct rn_command *c = rn_commands; c->name; c++)
        rn_out(t, "  %-12s %s\n", c->name, c->summary);
    rn_out(t, "\nFor all commands:\n");
    options_help(t, rn_general_options);
    rn_out(t, "\nA STREAM is a stream id or its first digits, source/stream or source/stream/target,\n"
              "or AUTHOR/source/stream/target. A TIME is RFC 3339, a date, now, now-1h, or a count of\n"
              "ns since 1970; #SEQ is the number of an observation (write --from=#7: a shell takes a\n"
              "# after a blank for a comment). More in runnel(1) and \"runnel help COMMAND\".\n");
    return RN_EXIT_OK;
}

static void options_json(struct rn_jw *w, const struct rn_tool_option *o) {
    rn_jw_array(w);
    for (; o->name; o++) {
        rn_jw_object(w);
        rn_jw_kstr(w, "name", o->name);
        if (o->arg)
            rn_jw_kstr(w, "argument", o->arg);
        rn_jw_kstr(w, "help", o->help);
        rn_jw_end_object(w);
    }
    rn_jw_end_array(w);
}

static int help_json(struct rn_tool *t) {
    struct rn_buf b = {0};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "options");
    options_json(&w, rn_general_options);
    rn_jw_key(&w, "commands");
    rn_jw_array(&w);
    for (const struct rn_command *c = rn_commands; c->name; c++) {
        rn_jw_object(&w);
        rn_jw_kstr(&w, "name", c->name);
        rn_jw_kstr(&w, "synopsis", c->synopsis);
        rn_jw_kstr(&w, "summary", c->summary);
        rn_jw_key(&w, "options");
        options_json(&w, c->options);
        rn_jw_end_object(&w);
    }
    rn_jw_end_array(&w);
    rn_jw_end_object(&w);
    rn_out_bytes(t, b.p, b.n);
    rn_out(t, "\n");
    int failed = b.failed;
    rn_buf_free(&b);
    return failed ? RN_EXIT_ERROR : RN_EXIT_OK;
}

int rn_cmd_help(struct rn_tool *t) {
    if (t->json)
        return help_json(t);
    if (t->n_words == 0)
        return rn_help(t);
    const struct rn_command *c = rn_command_find(t->words[0]);
    return c ? rn_help_command(t, c) : rn_unknown_command(t, t->words[0]);
}
