/* SPDX-License-Identifier: MIT
 * probe.c — a plugin of the sync kind with one option of each type.
 * May touch: include/runnel, the heap.
 */
#include "tests/conformance/probe.h"
#include <stdlib.h>
#include <string.h>

struct probe {
    struct runnel_inst *inst;
    const struct runnel_host *host;
    const struct probe_conf *conf;
};

#define AT(field) offsetof(struct probe_conf, field)
static const struct runnel_option options[] = {
    {"flag", RUNNEL_OPT_BOOL, RUNNEL_OPT_LIVE, AT(flag), "true", 0, 0, "A truth"},
    {"number", RUNNEL_OPT_INT, 0, AT(number), "7", -10, 10, "A number"},
    {"wait", RUNNEL_OPT_DURATION, 0, AT(wait), "250ms", 0, 0, "A duration"},
    {"room", RUNNEL_OPT_SIZE, 0, AT(room), "2MiB", 0, 0, "A size"},
    {"word", RUNNEL_OPT_STRING, RUNNEL_OPT_REQUIRED, AT(word), NULL, 1, 8, "A word"},
    {"absent", RUNNEL_OPT_STRING, 0, AT(absent), NULL, 0, 0, "A word that nobody says"},
    {"words", RUNNEL_OPT_STRINGS, 0, AT(words), "default", 0, 0, "Some words"},
    {"json", RUNNEL_OPT_JSON, 0, AT(json), "{}", 0, 0, "Any value"},
};

static int check(const void *conf, runnel_complain *complain, void *arg) {
    const struct probe_conf *c = conf;
    if (strcmp(c->word, "bad") != 0)
        return 0;
    complain(arg, "word", "bad", "a good word", "say a good one");
    return -RUNNEL_EINVALID;
}

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    (void)err;
    struct probe *p = malloc(sizeof *p);
    if (!p)
        return -RUNNEL_ENOMEM;
    *p = (struct probe){inst, host, conf};
    *self = p;
    return 0;
}

static int start(void *self, struct runnel_err *err) {
    (void)err;
    struct probe *p = self;
    p->host->log(p->inst, RUNNEL_INFO, "started with the word %s", p->conf->word);
    return 0;
}

static int reload(void *self, const void *conf, struct runnel_err *err) {
    (void)err;
    ((struct probe *)self)->conf = conf;
    return 0;
}

static const struct probe_conf *show(void *self) {
    return ((struct probe *)self)->conf;
}

static const struct probe_ops ops = {.size = sizeof ops, .conf = show};

const struct runnel_plugin runnel_plugin = {
    .size = sizeof(struct runnel_plugin),
    .abi_major = RUNNEL_ABI_MAJOR,
    .kind = RUNNEL_SYNC,
    .name = "probe",
    .version = "1",
    .summary = "Shows its conf to the test host's test",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .conf_size = sizeof(struct probe_conf),
    .check = check,
    .create = create,
    .start = start,
    .reload = reload,
    .destroy = free,
    .ops = &ops,
};
