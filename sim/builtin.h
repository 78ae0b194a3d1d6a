/* SPDX-License-Identifier: MIT
 * builtin.h — the shipped plugins that simulated nodes use, linked in instead of loaded.
 * May touch: plugin.h only. sim/local.mk compiles their sources with their one symbol renamed to these.
 */
#ifndef SIM_BUILTIN_H
#define SIM_BUILTIN_H

#include <runnel/plugin.h>

extern const struct runnel_plugin sim_builtin_static;
extern const struct runnel_plugin sim_builtin_incremental;

#endif
