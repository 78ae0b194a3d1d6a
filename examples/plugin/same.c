/* SPDX-License-Identifier: MIT
 * same.c — an example of a plugin outside the tree: discovery that names the same nodes for every stream.
 * May touch: what its host offers.
 *
 * Build it with: cc -std=c11 -fPIC -shared $(pkg-config --cflags runnel-base) same.c -o discovery-same.so
 */
#include <runnel/discovery.h>
#include <stdlib.h>

/* What a section of this plugin may say. The host fills it in by the table below. */
struct conf {
    const char *const *nodes;
};

static const struct runnel_option options[] = {
    {.name = "nodes",
     .type = RUNNEL_OPT_STRINGS,
     .flags = RUNNEL_OPT_REQUIRED,
     .at = offsetof(struct conf, nodes),
     .help = "Addresses of the nodes that serve every stream"},
};

struct same {
    struct runnel_inst *inst;
    const struct runnel_host *host;
    const struct conf *conf;
};

/* An answer that is due: up->found may not be called from within watch. */
struct answer {
    struct same *same;
    uint64_t watch;
};

static void tell(void *arg) {
    struct answer *a = arg;
    const struct runnel_discovery_up *up = a->same->host->up;
    struct runnel_candidate v[16];
    const struct runnel_candidate *list[16];
    size_t n = 0;
    for (; n < 16 && a->same->conf->nodes[n]; n++) {
        v[n] = (struct runnel_candidate){
            .size = sizeof v[n], .role = RUNNEL_SUBSCRIBER, .address = a->same->conf->nodes[n]};
        list[n] = &v[n];
    }
    up->found(a->same->inst, a->watch, list, n);
    free(a);
}

static void watch(void *self, uint64_t number, const struct runnel_sought *stream, int on) {
    struct same *s = self;
    struct answer *a = on ? malloc(sizeof *a) : NULL;
    (void)stream; /* the same for all */
    if (!on)
        return;
    if (a)
        *a = (struct answer){.same = s, .watch = number};
    if (!a || s->host->defer(s->inst, tell, a) != 0) {
        free(a);
        s->host->log(s->inst, RUNNEL_ERROR, "out of memory: a stream is not looked for");
    }
}

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    struct same *s = malloc(sizeof *s);
    (void)err; /* the host has words of its own for this code */
    if (!s)
        return -RUNNEL_ENOMEM;
    *s = (struct same){.inst = inst, .host = host, .conf = conf};
    *self = s;
    return 0;
}

static const struct runnel_discovery ops = {.size = sizeof ops, .watch = watch};

const struct runnel_plugin runnel_plugin = {
    .size = sizeof runnel_plugin,
    .abi_major = RUNNEL_ABI_MAJOR,
    .abi_minor = 0,
    .kind = RUNNEL_DISCOVERY,
    .name = "same",
    .version = "1",
    .summary = "Names the same nodes for every stream",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .conf_size = sizeof(struct conf),
    .create = create,
    .destroy = free,
    .ops = &ops,
};
