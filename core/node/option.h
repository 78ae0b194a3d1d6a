/* SPDX-License-Identifier: MIT
 * option.h — one option of a plugin: is a value right for it, and what goes into the plugin's conf.
 * May touch: the heap.
 */
#ifndef RN_NODE_OPTION_H
#define RN_NODE_OPTION_H

#include "base/buf.h"
#include "base/json.h"
#include <runnel/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A conf being filled: zeroed bytes for the plugin, and what its pointers point at. */
void *rn_fill_new(size_t conf_size); /* NULL: out of memory */
void rn_fill_free(void *conf);       /* NULL is allowed */

/* What is wrong with a value, for people. */
struct rn_fault {
    char found[128], want[256], remedy[256];
};

/* Writes `value` into `conf` (from rn_fill_new, or any memory if the value is a number; NULL: only checks). 0;
 * -RUNNEL_EINVALID and the fault; -RUNNEL_ENOMEM. */
int rn_option_set(const struct runnel_option *o, const struct rn_json *value, void *conf, struct rn_fault *fault);
/* As rn_option_set with the option's default. A default that is not right is the plugin's defect. */
int rn_option_default(const struct runnel_option *o, void *conf, struct rn_fault *fault);

/* Whether two filled confs have the same value of it. */
int rn_option_same(const struct runnel_option *o, const void *a, const void *b);

/* "int", "duration" ...; NULL for no type. */
const char *rn_option_type_name(uint32_t type);
/* Size and alignment of what stands in the conf. 0 for no type. */
size_t rn_option_size(uint32_t type);
size_t rn_option_align(uint32_t type);
/* Whether the option says bounds. */
int rn_option_bounded(const struct runnel_option *o);
/* Writes a bound as the config would ("30s", "64MiB", "12"). */
void rn_option_bound(const struct runnel_option *o, int64_t v, char *out, size_t n);
/* What the option wants, in words. */
void rn_option_want(const struct runnel_option *o, char *out, size_t n);
/* A value as it was written, short enough for a message. */
void rn_value_brief(const struct rn_json *value, char *out, size_t n);

#ifdef __cplusplus
}
#endif
#endif
