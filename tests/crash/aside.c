/* SPDX-License-Identifier: MIT
 * aside.c — aside PLUGIN DIR: opens a store as a node would, sets it aside when it is damaged, writes one record.
 * May touch: the plugin through the test host, the directory.
 */
#include "tests/conformance/host.h"
#include <runnel/storage.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
    bool over;
    int code;
};

static void on_done(void *arg, const struct runnel_err *err) {
    struct outcome *o = arg;
    o->over = true;
    o->code = err ? err->code : 0;
}

static int start(struct runnel_inst *inst, struct runnel_err *err) {
    const struct runnel_storage *ops = inst->ops;
    char where[4096];
    int rc = host_start(inst, err);
    if (rc == -RUNNEL_EDAMAGED) {
        (void)printf("damaged\n");
        rc = ops->set_aside(inst->self, where, sizeof where, err);
        if (rc == 0)
            rc = host_start(inst, err);
    }
    return rc;
}

static int put(struct runnel_inst *inst) {
    const struct runnel_storage *ops = inst->ops;
    struct outcome o = {false, 0};
    struct runnel_change c = {.what = RUNNEL_PUT, .key = {(const uint8_t *)"a", 1}, .data = {(const uint8_t *)"1", 1}};
    ops->commit(inst->self, &c, 1, on_done, &o);
    return host_run_until(inst->host, host_flag, &o.over, 30000) ? o.code : -RUNNEL_ETIMEOUT;
}

int main(int argc, char **argv) {
    static const char *const conf[] = {"ballast=64KiB", "cache=1MiB", NULL};
    struct runnel_err err = {0};
    if (argc != 3)
        return 2;
    struct test_host *h = host_new();
    struct runnel_inst *inst = host_open(
        h, &(struct host_section){.path = argv[1], .dir = argv[2], .kind = RUNNEL_STORAGE, .conf = conf}, &err);
    int rc = inst ? start(inst, &err) : -1;
    if (rc == 0)
        rc = put(inst);
    if (rc != 0)
        (void)fprintf(stderr, "%d %s\n", rc, err.msg);
    if (inst)
        host_close(inst);
    host_free(h);
    return rc != 0;
}
