/* SPDX-License-Identifier: MIT
 * describe.c — a plugin and its options as JSON, for programs.
 * May touch: nothing but its arguments.
 */
#include "base/json.h"
#include "node/option.h"
#include "node/registry.h"

/* A bound as the config would write it: a string where it has a unit, else a number. */
static void bound(struct rn_jw *w, const char *key, const struct runnel_option *o, int64_t v) {
    char text[64];
    rn_jw_key(w, key);
    if (o->type != RUNNEL_OPT_DURATION && o->type != RUNNEL_OPT_SIZE) {
        rn_jw_i64(w, v);
        return;
    }
    rn_option_bound(o, v, text, sizeof text);
    rn_jw_str(w, text);
}

static void option(struct rn_jw *w, const struct runnel_option *o) {
    rn_jw_object(w);
    rn_jw_kstr(w, "name", o->name);
    rn_jw_kstr(w, "type", rn_option_type_name(o->type));
    if (o->dflt != NULL)
        rn_jw_kstr(w, "default", o->dflt);
    if (rn_option_bounded(o)) {
        bound(w, "min", o, o->min);
        if (o->max != INT64_MAX)
            bound(w, "max", o, o->max);
    }
    rn_jw_kbool(w, "required", (o->flags & RUNNEL_OPT_REQUIRED) != 0);
    rn_jw_kbool(w, "live", (o->flags & RUNNEL_OPT_LIVE) != 0);
    rn_jw_kstr(w, "help", o->help);
    rn_jw_end_object(w);
}

void rn_plugin_describe(struct rn_jw *w, const struct runnel_plugin *plugin, const char *from) {
    rn_jw_object(w);
    rn_jw_kstr(w, "kind", rn_kind_name(plugin->kind));
    rn_jw_kstr(w, "name", plugin->name);
    rn_jw_kstr(w, "version", plugin->version);
    rn_jw_kstr(w, "summary", plugin->summary);
    rn_jw_key(w, "abi");
    rn_jw_object(w);
    rn_jw_kint(w, "major", plugin->abi_major);
    rn_jw_kint(w, "minor", plugin->abi_minor);
    rn_jw_end_object(w);
    rn_jw_kstr(w, "from", from);
    rn_jw_key(w, "options");
    rn_jw_array(w);
    for (uint32_t i = 0; i < plugin->n_options; i++) {
        struct runnel_option o = rn_plugin_option(plugin, i);
        option(w, &o);
    }
    rn_jw_end_array(w);
    rn_jw_end_object(w);
}
