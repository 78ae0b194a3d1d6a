/* SPDX-License-Identifier: MIT
 * discovery.h — the calls of a discovery plugin: who serves a stream.
 * May touch: plugin.h only.
 */
#ifndef RUNNEL_DISCOVERY_H
#define RUNNEL_DISCOVERY_H

#include <runnel/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of a stream that is looked for: its id, or its author and name, or both. Size first.
 * Strings are UTF-8 and terminated. Unknown parts: has_id 0, author NULL, names NULL (all three or
 * none of the names). The author alone: peers that may hold any stream of that author's. */
struct runnel_sought {
    uint32_t size;
    uint32_t has_id;
    struct runnel_id id;
    const uint8_t *author; /* 32 bytes: the node id of the author */
    const char *source, *stream, *target;
};

/* The role that a candidate is said to have. It is a hint: what a candidate serves is verified. */
enum runnel_role { RUNNEL_PUBLISHER = 1, RUNNEL_SUBSCRIBER = 2 };

/* One who may serve a stream. Size first. */
struct runnel_candidate {
    uint32_t size;
    uint32_t role;       /* enum runnel_role */
    const char *address; /* "tcp://host:port" */
    const uint8_t *node; /* 32 bytes: the node id to insist on, or NULL when it is not known */
};

struct runnel_discovery {
    uint32_t size;
    /* Makes known that this node serves a stream: `record` was made and signed by the core; an empty
     * record withdraws it. May be NULL for a plugin that announces nothing. */
    void (*announce)(void *self, const struct runnel_sought *stream, struct runnel_bytes record);
    /* Starts (on != 0) or ends to look for a stream. `watch` is a number chosen by the core that
     * up->found names. What is found comes by up->found, at once or later, and again whenever it
     * changes; never inside this call. `stream` is borrowed for the call. */
    void (*watch)(void *self, uint64_t watch, const struct runnel_sought *stream, int on);
};

/* Upcalls of the core, in host->up. */
struct runnel_discovery_up {
    uint32_t size;
    /* The whole list for a watch, in the order in which its source gave it; it replaces the one
     * before. All of it is borrowed for the call. */
    void (*found)(struct runnel_inst *inst, uint64_t watch, const struct runnel_candidate *const *list, size_t n);
};

#ifdef __cplusplus
}
#endif
#endif
