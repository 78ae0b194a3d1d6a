/* SPDX-License-Identifier: MIT
 * incremental.c — the default sync policy: all that is missing, then the live tail; keeps everything.
 * May touch: nothing but its arguments.
 */
#include "config.h"

#include <runnel/sync.h>

static void add(struct runnel_want *want, uint64_t from, uint64_t to) {
    if (from < to && want->n < RUNNEL_WANT_MAX)
        want->want[want->n++] = (struct runnel_range){from, to};
}

/* The gaps of [0, head_count), the earliest first: what does not fit is asked for when these are held. */
static void decide(const void *conf, const struct runnel_view *view, struct runnel_want *want) {
    uint64_t at = 0;
    (void)conf;
    want->n = 0;
    want->keep_from = 0;
    want->live = view->own ? 0 : 1;
    want->providers = view->own ? 0 : 1;
    if (view->own)
        return;
    for (size_t i = 0; i < view->n_held && at < view->head_count; i++) {
        const struct runnel_range *held = &view->held[i];
        add(want, at, held->from < view->head_count ? held->from : view->head_count);
        if (held->to > at)
            at = held->to;
    }
    add(want, at, view->head_count);
}

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    (void)inst;
    (void)host;
    (void)conf;
    (void)err;
    *self = NULL; /* nothing to remember: decide is pure */
    return 0;
}

static void destroy(void *self) {
    (void)self;
}

static const struct runnel_sync ops = {.size = sizeof ops, .decide = decide};

const struct runnel_plugin runnel_plugin = {
    .size = sizeof runnel_plugin,
    .abi_major = RUNNEL_ABI_MAJOR,
    .abi_minor = 0,
    .kind = RUNNEL_SYNC,
    .name = "incremental",
    .version = PACKAGE_VERSION,
    .summary = "Fetches all history that is missing, then follows the live tail",
    .option_size = sizeof(struct runnel_option),
    .create = create,
    .destroy = destroy,
    .ops = &ops,
};
