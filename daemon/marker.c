/* SPDX-License-Identifier: MIT
 * marker.c — machine, file system, inodes and the time of birth of a file: what a copy of a folder cannot take along.
 * May touch: the folder, /etc/machine-id.
 *
 * The device's number may change with each boot, so the file system's own id stands for it. An inode's number may
 * be given again to the next file, so the file's time of birth goes with it.
 */
#include "daemon/marker.h"

#include "base/buf.h"
#include "base/err.h"
#include "daemon/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define MACHINE "/etc/machine-id"

static int failed(struct runnel_err *err, const char *dir, const char *what) {
    return rn_fail(err, errno == ENOSPC ? RUNNEL_EFULL : RUNNEL_EIO, "%s/marker: %s: %s", dir, what, strerror(errno));
}

/* Empty where there is none, or none yet. */
static void machine(struct rn_buf *out) {
    struct runnel_err err;
    struct rn_buf b;
    rn_buf_init(&b, 0);
    if (rn_file_read(MACHINE, 64, &b, &err) == 0 && b.n >= 32)
        (void)rn_buf_add(out, b.p, 32);
    rn_buf_free(&b);
}

/* Opens the file, and makes it when it is not there. Its name is durable then, also when an earlier start has made it
 * and was killed; there is nothing else in it that could be lost. */
static int open_file(int folder, const char *dir, struct runnel_err *err) {
    int fd = openat(folder, "marker", O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(err, dir, "cannot be opened");
    if (fsync(folder) == 0)
        return fd;
    int rc = failed(err, dir, "cannot be synced");
    (void)close(fd);
    return rc;
}

static int describe(int folder, int fd, struct rn_buf *b) {
    struct statx dir, file;
    struct statfs fs;
    if (statx(folder, "", AT_EMPTY_PATH, STATX_INO, &dir) != 0 || fstatfs(fd, &fs) != 0 ||
        statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &file) != 0)
        return -1;
    (void)rn_buf_str(b, "machine ");
    machine(b);
    (void)rn_buf_str(b, ", file system ");
    (void)rn_buf_hex(b, &fs.f_fsid, sizeof fs.f_fsid);
    (void)rn_buf_fmt(b, ", folder %llu, marker %llu", (unsigned long long)dir.stx_ino,
                     (unsigned long long)file.stx_ino);
    if (file.stx_mask & STATX_BTIME)
        (void)rn_buf_fmt(b, " of %lld.%09u", (long long)file.stx_btime.tv_sec, file.stx_btime.tv_nsec);
    return 0;
}

int rn_marker(const char *dir, char *out, size_t n, struct runnel_err *err) {
    struct rn_buf b;
    int rc = 0, fd = -1, folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rn_buf_init(&b, n);
    if (folder < 0)
        rc = failed(err, dir, "its folder cannot be opened");
    else if ((fd = open_file(folder, dir, err)) < 0)
        rc = fd;
    else if (describe(folder, fd, &b) != 0)
        rc = failed(err, dir, "cannot be looked at");
    const char *text = rc == 0 ? rn_buf_cstr(&b) : NULL;
    if (rc == 0 && text == NULL)
        rc = rn_fail(err, RUNNEL_ENOMEM, "%s/marker: no memory", dir);
    if (rc == 0)
        memcpy(out, text, strlen(text) + 1);
    rn_buf_free(&b);
    if (fd >= 0)
        (void)close(fd);
    if (folder >= 0)
        (void)close(folder);
    return rc;
}
