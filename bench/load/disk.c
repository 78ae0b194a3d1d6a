/* SPDX-License-Identifier: MIT
 * disk.c — the mode without a server: appends to a growing file, each followed by fdatasync.
 * May touch: the file, the clock, standard output.
 *
 * It is what a commit of one observation costs at least on this disk.
 */
#include "base/err.h"
#include "bench/load/tally.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int append(int fd, const uint8_t *p, size_t n, const char *path, struct runnel_err *err) {
    ssize_t r = write(fd, p, n);
    if (r < 0 || (size_t)r != n)
        return rn_fail(err, RUNNEL_EIO, "%s: cannot write: %s", path, r < 0 ? strerror(errno) : "no room");
    if (fdatasync(fd) != 0)
        return rn_fail(err, RUNNEL_EIO, "%s: fdatasync: %s", path, strerror(errno));
    return 0;
}

static int measure(int fd, const uint8_t *p, const struct load_options *o, struct load_tally *t,
                   struct runnel_err *err) {
    int64_t until = o->seconds ? load_now() + (int64_t)o->seconds * 1000000000 : INT64_MAX;
    int r = 0;
    load_tally_begin(t);
    for (int64_t now = t->began; r == 0 && now < until && (!o->count || t->messages < o->count);) {
        r = append(fd, p, o->bytes, o->to, err);
        int64_t then = load_now();
        load_tally_latency(t, then - now);
        now = then;
        t->messages++;
    }
    load_tally_end(t);
    return r;
}

int load_disk(const struct load_options *o, struct runnel_err *err) {
    struct load_tally t = {0};
    if (o->count == 0 && o->seconds == 0)
        return rn_fail(err, RUNNEL_EINVALID, "disk needs --count or --seconds");
    uint8_t *p = malloc(o->bytes);
    if (!p)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for a write");
    memset(p, 0x5a, o->bytes);
    int fd = open(o->to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int r = fd < 0 ? rn_fail(err, RUNNEL_EIO, "%s: cannot open: %s", o->to, strerror(errno)) : 0;
    if (r == 0)
        r = measure(fd, p, o, &t, err);
    if (fd >= 0 && close(fd) != 0 && r == 0)
        r = rn_fail(err, RUNNEL_EIO, "%s: close: %s", o->to, strerror(errno));
    free(p);
    return r < 0 ? r : load_tally_print(&t, o, err);
}
