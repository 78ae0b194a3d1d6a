/* SPDX-License-Identifier: MIT
 * log.c — log lines with an area and a level, handed to a sink.
 * May touch: nothing but its arguments.
 */
#include "base/log.h"
#include "base/err.h"
#include "base/utf8.h"
#include <stdio.h>
#include <string.h>

#define LEVEL_WORDS "error, warn, notice, info, debug"

static const char *const level_names[] = {
    [RUNNEL_ERROR] = "error", [RUNNEL_WARN] = "warn",   [RUNNEL_NOTICE] = "notice",
    [RUNNEL_INFO] = "info",   [RUNNEL_DEBUG] = "debug",
};
#define N_LEVELS (int)(sizeof level_names / sizeof *level_names)

const char *rn_level_name(int level) {
    return level < 0 ? level_names[0] : level_names[level < N_LEVELS ? level : N_LEVELS - 1];
}

static int level_of(const char *name, size_t n) {
    for (int i = 0; i < N_LEVELS; i++)
        if (strlen(level_names[i]) == n && memcmp(level_names[i], name, n) == 0)
            return i;
    return -1;
}

int rn_level_of(const char *name) {
    return level_of(name, strlen(name));
}

void rn_log_init(struct rn_log *log, int level, rn_log_sink *sink, void *arg) {
    memset(log, 0, sizeof *log);
    log->sink = sink;
    log->arg = arg;
    log->level = level;
}

/* ---- specs ---- */

static int is_area_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

static int area_ok(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!is_area_char(s[i]))
            return 0;
    return n > 0 && n < RN_LOG_AREA;
}

static int add_rule(struct rn_log *log, const char *area, size_t n, int level, struct runnel_err *err) {
    uint32_t i = 0;
    while (i < log->n_rules && (strlen(log->rules[i].area) != n || memcmp(log->rules[i].area, area, n) != 0))
        i++;
    if (i == RN_LOG_RULES)
        return rn_fail(err, RUNNEL_EINVALID, "log levels: more than %u areas; leave some out", RN_LOG_RULES);
    if (i == log->n_rules)
        log->n_rules++;
    memcpy(log->rules[i].area, area, n);
    log->rules[i].area[n] = 0;
    log->rules[i].level = level;
    return 0;
}

static int one_item(struct rn_log *log, const char *s, size_t n, struct runnel_err *err) {
    const char *eq = memchr(s, '=', n);
    const char *word = eq ? eq + 1 : s;
    size_t n_word = n - (size_t)(word - s);
    int level = level_of(word, n_word);
    if (level < 0)
        return rn_fail(err, RUNNEL_EINVALID, "log levels: found \"%.*s\", want one of " LEVEL_WORDS,
                       (int)(n_word < 64 ? n_word : 64), word);
    if (!eq) {
        log->level = level;
        return 0;
    }
    size_t n_area = (size_t)(eq - s);
    if (!area_ok(s, n_area))
        return rn_fail(err, RUNNEL_EINVALID,
                       "log levels: found the area \"%.*s\", want 1 to %u letters, digits, dots, dashes",
                       (int)(n_area < 64 ? n_area : 64), s, RN_LOG_AREA - 1);
    return add_rule(log, s, n_area, level, err);
}

int rn_log_spec(struct rn_log *log, const char *spec, struct runnel_err *err) {
    struct rn_log new = *log; /* a spec with a mistake changes nothing */
    new.n_rules = 0;
    for (const char *s = spec;; s++) {
        s += strspn(s, " ");
        size_t n = strcspn(s, ","), word = n;
        while (word > 0 && s[word - 1] == ' ')
            word--;
        int rc = one_item(&new, s, word, err);
        if (rc < 0)
            return rc;
        s += n;
        if (!*s)
            break;
    }
    *log = new;
    return 0;
}

/* ---- lines ---- */

/* The length of a rule's area when it holds for `area`, else 0. */
static size_t match(const char *rule, const char *area) {
    size_t n = strlen(rule);
    return strncmp(rule, area, n) == 0 && (area[n] == 0 || area[n] == '.') ? n : 0;
}

int rn_log_on(const struct rn_log *log, const char *area, int level) {
    int most = log->level;
    size_t best = 0;
    if (!log->sink)
        return 0;
    for (uint32_t i = 0; i < log->n_rules; i++) {
        size_t n = match(log->rules[i].area, area);
        if (n > best) {
            best = n;
            most = log->rules[i].level;
        }
    }
    return level <= most;
}

void rn_vlog(const struct rn_log *log, int level, const char *area, const char *fmt, va_list ap) {
    static const char more[] = "...";
    char line[RN_LOG_MAX + 1];
    if (!rn_log_on(log, area, level))
        return;
    int want = vsnprintf(line, sizeof line, fmt, ap);
    if (want < 0)
        want = snprintf(line, sizeof line, "(a line that could not be formatted)");
    if (want > (int)RN_LOG_MAX) {
        size_t n = rn_utf8_clean(line, RN_LOG_MAX, RN_LOG_MAX - (sizeof more - 1));
        memcpy(line + n, more, sizeof more);
    } else if (want >= 0) {
        line[rn_utf8_clean(line, (size_t)want, RN_LOG_MAX)] = 0;
    } else {
        line[0] = 0;
    }
    log->sink(log->arg, level, area, line);
}

void rn_log(const struct rn_log *log, int level, const char *area, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    rn_vlog(log, level, area, fmt, ap);
    va_end(ap);
}
