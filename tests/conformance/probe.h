/* SPDX-License-Identifier: MIT
 * probe.h — a plugin for the test host's own test: it only shows the conf that it was given.
 * May touch: include/runnel only.
 */
#ifndef TEST_PROBE_H
#define TEST_PROBE_H

#include <runnel/plugin.h>

struct probe_conf {
    uint8_t flag;
    int64_t number, wait, room;
    const char *word, *absent;
    const char *const *words;
    struct runnel_bytes json;
};

/* The ops of the probe. */
struct probe_ops {
    uint32_t size;
    const struct probe_conf *(*conf)(void *self);
};

#endif
