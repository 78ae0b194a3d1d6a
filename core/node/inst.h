/* SPDX-License-Identifier: MIT
 * inst.h — an instance: a plugin under one config section, its life and the host it sees.
 * May touch: the node's loop and env, and what the node lends it.
 */
#ifndef RN_NODE_INST_H
#define RN_NODE_INST_H

#include "base/time.h"
#include "node/loop.h"
#include "node/registry.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_NOTE_KEY 24u /* bytes of a note's key */
#define RN_NOTE_VALUE 65536u

#define RN_STOP_NS (10 * RN_NS_S) /* after which a stopping instance is abandoned */

/* What the node lends to its instances; outlives them. */
struct rn_inst_services {
    struct rn_loop *loop; /* freed after the instances */
    void *node;           /* handed back by rn_inst_node */
    /* The upcalls of each kind, by enum runnel_kind; NULL where there are none. */
    const void *up[8];
    /* As in runnel_host; the arguments have been checked. `kind` and `name` keep instances apart. */
    void (*note_put)(void *node, uint32_t kind, const char *name, struct runnel_bytes key, struct runnel_bytes val,
                     runnel_done *done, void *arg);
    void (*note_scan)(void *node, uint32_t kind, const char *name, struct runnel_bytes prefix, runnel_pair *pair,
                      runnel_done *done, void *arg);
    /* An instance has failed for good; it has been logged. May be NULL. */
    void (*failed)(void *node, const struct runnel_err *why);
};

/* Makes the instance (plugin->create). `plugin` and `conf` outlive it; `name` is copied. 0, or a
 * negative code and err naming the section ("transport.wan: ..."). */
int rn_inst_new(const struct rn_inst_services *s, const struct runnel_plugin *plugin, const char *name,
                const void *conf, struct runnel_inst **out, struct runnel_err *err);
/* plugin->start; does nothing when the plugin has none. On failure only rn_inst_free may follow. */
int rn_inst_start(struct runnel_inst *i, struct runnel_err *err);
/* plugin->reload: `conf`, in which only LIVE options differ, takes the place of the one before. 0; or a negative code,
 * err, and the old conf in force (-RUNNEL_EUNSUPPORTED also when the plugin has no reload). */
int rn_inst_reload(struct runnel_inst *i, const void *conf, struct runnel_err *err);
/* plugin->stop with its 10 s; `done` fires on the loop in any case. An instance that was abandoned
 * is never freed: its memory is left to it. */
void rn_inst_stop(struct runnel_inst *i, runnel_done *done, void *arg);
/* plugin->destroy and all that is left: timers cancelled, deferred and posted calls and notes' answers
 * dropped (the node may still answer them, harmlessly). Only when stopped or never started; the
 * simulator also frees running ones. NULL is allowed. */
void rn_inst_free(struct runnel_inst *i);

const void *rn_inst_ops(const struct runnel_inst *i);
void *rn_inst_self(const struct runnel_inst *i);
const char *rn_inst_name(const struct runnel_inst *i); /* "wan" */
const char *rn_inst_path(const struct runnel_inst *i); /* "transport.wan" */
void *rn_inst_node(const struct runnel_inst *i); /* NULL once an abandoned instance has been freed: then do nothing */
const struct runnel_plugin *rn_inst_plugin(const struct runnel_inst *i);

#ifdef __cplusplus
}
#endif
#endif
