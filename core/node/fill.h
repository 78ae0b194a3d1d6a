/* SPDX-License-Identifier: MIT
 * fill.h — a plugin's conf from an object of options, every fault reported.
 * May touch: the heap.
 */
#ifndef RN_NODE_FILL_H
#define RN_NODE_FILL_H

#include "node/option.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One fault: the option's name and where it stands; `value` NULL: the section does not say it. */
typedef void rn_on_fault(void *arg, const char *option, const struct rn_json *value, const struct rn_fault *fault);

/* Fills `conf` (from rn_fill_new) with the defaults and the members of `options` (NULL: none; its
 * member "plugin" is passed over), then asks the plugin's own check. `fault` hears everything that is
 * wrong. 0: nothing is; -RUNNEL_EINVALID; -RUNNEL_ENOMEM. */
int rn_fill(const struct runnel_plugin *plugin, const struct rn_json *options, void *conf, rn_on_fault *fault,
            void *arg);

#ifdef __cplusplus
}
#endif
#endif
