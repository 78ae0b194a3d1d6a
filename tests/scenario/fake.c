/* SPDX-License-Identifier: MIT
 * fake.c — plugins of other times: each build of this file is one that a daemon may meet.
 * May touch: nothing.
 */
#include <runnel/sync.h>
#include <stdlib.h>

#ifndef FAKE_MAJOR
#define FAKE_MAJOR RUNNEL_ABI_MAJOR
#endif
#ifndef FAKE_MINOR
#define FAKE_MINOR 0
#endif
#ifndef FAKE_KIND
#define FAKE_KIND RUNNEL_SYNC
#endif
#ifndef FAKE_SIZE
#define FAKE_SIZE sizeof(struct runnel_plugin)
#endif

#ifdef FAKE_NOTHING
extern const char not_a_runnel_plugin[];
__attribute__((visibility("default"))) const char not_a_runnel_plugin[] = "this file has another symbol";
#else
static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    (void)inst;
    (void)host;
    (void)conf;
    (void)err;
    *self = NULL;
    return 0;
}

static void destroy(void *self) {
    (void)self;
}

static void decide(const void *conf, const struct runnel_view *view, struct runnel_want *want) {
    (void)conf;
    (void)view;
    want->live = 1;
}

static const struct runnel_sync ops = {.size = sizeof ops, .decide = decide};

/* What a newer header might have behind: an older daemon must not read it. The symbol has the name that
 * the loader asks for, and another type than the header of today declares. */
struct newer {
    struct runnel_plugin plugin;
    size_t more[4];
};

extern const struct newer fake __asm__(RUNNEL_PLUGIN_SYMBOL) __attribute__((visibility("default")));
const struct newer fake = {
    .plugin = {.size = FAKE_SIZE,
               .abi_major = FAKE_MAJOR,
               .abi_minor = FAKE_MINOR,
               .kind = FAKE_KIND,
               .name = FAKE_NAME,
               .version = "1",
               .summary = "for tests",
               .create = create,
               .destroy = destroy,
               .ops = &ops},
    .more = {1, 2, 3, 4},
};
#endif
