/* SPDX-License-Identifier: MIT
 * registry.h — the plugins that are known, taken in size first and checked.
 * May touch: the heap. Where plugins come from (dlopen, a static table) is the caller's business.
 */
#ifndef RN_NODE_REGISTRY_H
#define RN_NODE_REGISTRY_H

#include "base/list.h"
#include <runnel/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Initialised by rn_registry_init it is empty. */
struct rn_registry {
    struct rn_list plugins;
    /* Called for a plugin that is not known yet; it adds it with rn_registry_add and returns 0, or a
     * negative code and why. NULL: nothing is loaded on demand. */
    int (*load)(void *arg, struct rn_registry *r, uint32_t kind, const char *name, struct runnel_err *err);
    void *load_arg;
    /* Calls name(to, ...) for each plugin of a kind that `load` could find, in order of name: for
     * messages only. NULL: the known ones are all there are. */
    void (*names)(void *load_arg, uint32_t kind, void (*name)(void *to, const char *name), void *to);
};

void rn_registry_init(struct rn_registry *r);
void rn_registry_free(struct rn_registry *r);

/* Takes a plugin in: copies min(its size, ours) and zero-fills, checks ABI numbers (a mismatch names
 * both and the remedy), kind, name, required calls, the options table (types, names, offsets within
 * conf_size, defaults that parse and are in range). `from` says where it came from, for messages; it
 * is copied. The same kind and name twice is an error. 0 and the copy in *out (may be NULL). */
int rn_registry_add(struct rn_registry *r, const struct runnel_plugin *plugin, const char *from,
                    const struct runnel_plugin **out, struct runnel_err *err);
/* Finds, loading it if need be. NULL and err, with a "did you mean" where one is near. */
const struct runnel_plugin *rn_registry_find(struct rn_registry *r, uint32_t kind, const char *name,
                                             struct runnel_err *err);
/* Where it came from ("built in", a path). */
const char *rn_registry_from(const struct rn_registry *r, const struct runnel_plugin *plugin);
/* Calls name(to, ...) for each plugin of a kind, known or to be found; none twice. */
void rn_registry_names(const struct rn_registry *r, uint32_t kind, void (*name)(void *to, const char *name), void *to);
/* Walks what is known, in order of arrival: NULL starts; NULL ends. */
const struct runnel_plugin *rn_registry_next(const struct rn_registry *r, const struct runnel_plugin *before);

/* "storage", "transport", "discovery", "sync", "service"; NULL for no kind. And back; 0: no such word. */
const char *rn_kind_name(uint32_t kind);
uint32_t rn_kind_of(const char *name);
/* Option i of a plugin, read with its option_size; zero-filled. */
struct runnel_option rn_plugin_option(const struct runnel_plugin *plugin, uint32_t i);
/* Describes a plugin as JSON: kind, name, version, summary, abi, options with type, default, range, live and help. */
struct rn_jw;
void rn_plugin_describe(struct rn_jw *w, const struct runnel_plugin *plugin, const char *from);

#ifdef __cplusplus
}
#endif
#endif
