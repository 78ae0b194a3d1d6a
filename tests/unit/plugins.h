/* SPDX-License-Identifier: MIT
 * plugins.h — plugins that exist only to be configured: every type of option, a check that complains.
 * May touch: nothing.
 */
#ifndef RN_TESTS_PLUGINS_H
#define RN_TESTS_PLUGINS_H

#include "node/registry.h"

#include <runnel/discovery.h>
#include <runnel/storage.h>
#include <runnel/sync.h>
#include <runnel/transport.h>

/* "tcp" */
struct tcp_conf {
    uint8_t nodelay;
    int64_t backlog, idle;
    const char *listen;
    const char *const *allow;
    struct runnel_bytes extra;
};

extern const struct runnel_plugin test_bdb, test_memory, test_tcp, test_unix, test_static, test_incremental, test_full;

/* Adds all of them. 0 or a negative code. */
int test_plugins_add(struct rn_registry *r);

#endif
