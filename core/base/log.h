/* SPDX-License-Identifier: MIT
 * log.h — log lines with an area and a level, handed to a sink.
 * May touch: nothing but its arguments; where lines go is the sink's business.
 */
#ifndef RN_BASE_LOG_H
#define RN_BASE_LOG_H

#include <runnel/types.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Receives one finished line, without newline: valid UTF-8, no control characters, at most
 * RN_LOG_MAX bytes (longer lines end in "..."). */
typedef void rn_log_sink(void *arg, int level, const char *area, const char *line);

#define RN_LOG_MAX 1024u
#define RN_LOG_RULES 32u
#define RN_LOG_AREA 32u

/* Which levels are wanted, by area. A zeroed struct logs nothing; see rn_log_init. */
struct rn_log {
    rn_log_sink *sink;
    void *arg;
    int level; /* for areas without a rule */
    uint32_t n_rules;
    struct {
        char area[RN_LOG_AREA];
        int level;
    } rules[RN_LOG_RULES];
};

void rn_log_init(struct rn_log *log, int level, rn_log_sink *sink, void *arg);
/* Sets levels from a spec like "info,session=debug,bdb=warn": a bare level is for all the areas that
 * have no rule (without one it stays as it is); the rules of an earlier spec are forgotten. 0, or -RUNNEL_EINVALID with
 * what was found and the words that are allowed. */
int rn_log_spec(struct rn_log *log, const char *spec, struct runnel_err *err);
/* Whether a line of this area ("session", "bdb.main": a rule for "bdb" holds for it too) and level is wanted. */
int rn_log_on(const struct rn_log *log, const char *area, int level);
void rn_log(const struct rn_log *log, int level, const char *area, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void rn_vlog(const struct rn_log *log, int level, const char *area, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));
/* "error", "warn", "notice", "info", "debug"; and back (-1: no such word). */
const char *rn_level_name(int level);
int rn_level_of(const char *name);

#ifdef __cplusplus
}
#endif
#endif
