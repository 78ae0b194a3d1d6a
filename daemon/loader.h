/* SPDX-License-Identifier: MIT
 * loader.h — plugins from shared objects, into the registry.
 * May touch: the plugin folders, dlopen.
 */
#ifndef RN_DAEMON_LOADER_H
#define RN_DAEMON_LOADER_H

#include "node/registry.h"

/* The environment's RUNNEL_PLUGIN_PATH (folders with ':' between) comes before the installed folder.
 * There DIR/KIND-NAME.so is looked for, and for the build tree DIR/plugins/KIND/NAME/.libs/KIND-NAME.so. */
struct rn_loader {
    const char *path;      /* RUNNEL_PLUGIN_PATH; NULL: not set */
    const char *installed; /* the folder of `make install` */
};

void rn_loader_init(struct rn_loader *l);
/* Has the registry ask this loader for what it does not know. The loader outlives its use. */
void rn_loader_serve(struct rn_loader *l, struct rn_registry *r);
/* Loads one file. 0 and the plugin, or a negative code and why. It is never unloaded. */
int rn_loader_file(struct rn_registry *r, const char *file, const struct runnel_plugin **out, struct runnel_err *err);

#endif
