/* SPDX-License-Identifier: MIT
 * reloadplan.c — in what two configs differ, and whether that can change while the node runs (reload.h).
 * May touch: nothing but its arguments.
 */
#include "base/err.h"
#include "node/option.h"
#include "node/reload.h"
#include <stdlib.h>
#include <string.h>

#define REMEDY "needs a restart of the daemon; nothing was taken over"

static void refuse(struct rn_reload_plan *p, const struct rn_section *s, const char *option, const char *what) {
    p->refused = 1;
    if (s && s->file)
        rn_buf_fmt(p->told, "%s:%u: ", s->file, s->line);
    if (s)
        rn_buf_fmt(p->told, "%s.%s%s", rn_kind_name(s->kind), s->name, option ? "." : "");
    rn_buf_fmt(p->told, "%s: %s: " REMEDY "\n", option ? option : "", what);
}

/* ---- the section "node" ---- */

static int same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void compare_node(struct rn_reload_plan *p) {
    const struct rn_conf *a = p->node->conf, *b = p->conf;
    if (!same_text(a->data, b->data))
        refuse(p, NULL, "node.data", "changed");
    else if (!same_text(a->identity, b->identity))
        refuse(p, NULL, "node.identity", "changed");
    if (strcmp(a->storage->name, b->storage->name) != 0)
        refuse(p, NULL, "node.storage", "changed");
}

/* ---- the instances ---- */

/* Whether it is of no consequence to make this one anew: a policy is a function. */
static int renewable(uint32_t kind) {
    return kind == RUNNEL_SYNC;
}

static struct rn_member *member_of(const struct rn_node *n, const struct rn_section *s) {
    for (size_t i = 0; i < n->n_members; i++)
        if (n->members[i].section->kind == s->kind && strcmp(n->members[i].section->name, s->name) == 0)
            return &n->members[i];
    return NULL;
}

/* The same plugin with other options: can they change? */
static void compare_options(struct rn_reload_plan *p, struct rn_reload_item *it) {
    const struct rn_section *a = it->old->section, *b = it->section;
    for (uint32_t i = 0; i < b->plugin->n_options; i++) {
        struct runnel_option o = rn_plugin_option(b->plugin, i);
        if (rn_option_same(&o, a->conf, b->conf))
            continue;
        if (renewable(b->kind))
            it->what = RN_RENEW;
        else if ((o.flags & RUNNEL_OPT_LIVE) && b->plugin->reload)
            it->what = RN_CHANGE;
        else
            refuse(p, b, o.name, "changed");
    }
}

static void compare_section(struct rn_reload_plan *p, struct rn_reload_item *it) {
    it->old = member_of(p->node, it->section);
    if (!it->old) {
        it->what = RN_JOIN;
        if (it->section->kind == RUNNEL_STORAGE)
            refuse(p, it->section, NULL, "added");
    } else if (it->old->section->plugin == it->section->plugin) {
        compare_options(p, it);
    } else {
        it->what = RN_RENEW;
        if (!renewable(it->section->kind))
            refuse(p, it->section, "plugin", "changed");
    }
}

int rn_reload_leaves(const struct rn_reload_plan *p, const struct rn_member *m) {
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].old == m)
            return 0;
    return 1;
}

int rn_reload_compare(struct rn_reload_plan *p) {
    size_t count = 0;
    rn_list_for (it, &p->conf->sections)
        count++;
    p->v = calloc(count ? count : 1, sizeof *p->v);
    if (!p->v)
        return -RUNNEL_ENOMEM;
    compare_node(p);
    rn_list_for (it, &p->conf->sections) {
        p->v[p->n].section = rn_list_of(it, struct rn_section, link);
        compare_section(p, &p->v[p->n++]);
    }
    for (size_t i = 0; i < p->node->n_members; i++)
        if (p->node->members[i].section->kind == RUNNEL_STORAGE && rn_reload_leaves(p, &p->node->members[i]))
            refuse(p, p->node->members[i].section, NULL, "removed");
    return p->refused ? -RUNNEL_ECONFLICT : 0;
}

/* ---- telling ---- */

static void tell_if(const struct rn_reload_plan *p, int same, const char *what) {
    if (!same)
        rn_buf_fmt(p->told, "%s: changed\n", what);
}

void rn_reload_tell(const struct rn_reload_plan *p) {
    static const char *const words[] = {[RN_CHANGE] = "changed", [RN_RENEW] = "changed", [RN_JOIN] = "added"};
    const struct rn_node *n = p->node;
    tell_if(p, same_text(n->conf->name, p->conf->name), "node.name");
    tell_if(p, same_text(n->conf->log, p->conf->log), "node.log");
    tell_if(p, n->conf->stop_timeout == p->conf->stop_timeout, "node.stop_timeout");
    tell_if(p, n->conf->unsent == p->conf->unsent, "node.unsent");
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].what != RN_KEEP)
            rn_buf_fmt(p->told, "%s.%s: %s\n", rn_kind_name(p->v[i].section->kind), p->v[i].section->name,
                       words[p->v[i].what]);
    for (size_t i = 0; i < n->n_members; i++)
        if (rn_reload_leaves(p, &n->members[i]))
            rn_buf_fmt(p->told, "%s: removed\n", rn_inst_path(n->members[i].inst));
    tell_if(p, rn_conf_same_rules(n->conf, p->conf), "streams");
}
