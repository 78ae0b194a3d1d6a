/* SPDX-License-Identifier: MIT
 * identity.c — a line "runnel-identity-1 HEXSEED": made once, then guarded; a line "used" joins it with the first
 * store. May touch: that file, the kernel's randomness.
 */
#include "daemon/identity.h"

#include "base/buf.h"
#include "base/err.h"
#include "daemon/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD "runnel-identity-1 "
#define HEX (2u * RN_SEED)
#define LINE (sizeof WORD - 1 + HEX + 1) /* with the newline */
#define USED "used\n"
#define MOST (LINE + sizeof USED - 1)

static int failed(struct runnel_err *err, const char *path, const char *what) {
    return rn_fail(err, RUNNEL_EIO, "identity %s: %s: %s", path, what, strerror(errno));
}

/* ---- reading ---- */

static int check_stat(const struct stat *st, const char *path, struct runnel_err *err) {
    if (!S_ISREG(st->st_mode))
        return rn_fail(err, RUNNEL_EINVALID, "identity %s: no regular file: move it away, or set node.identity", path);
    if (st->st_uid != geteuid())
        return rn_fail(err, RUNNEL_EDENIED, "identity %s: belongs to user %ld, runneld runs as user %ld: chown %ld %s",
                       path, (long)st->st_uid, (long)geteuid(), (long)geteuid(), path);
    if ((st->st_mode & 077) != 0)
        return rn_fail(err, RUNNEL_EDENIED,
                       "identity %s: others than its owner have rights (mode %04o): chmod 600 %s, and make a new "
                       "identity if somebody may have read it",
                       path, (unsigned)st->st_mode & 07777, path);
    return 0;
}

/* Reads all of it; a byte more is room to see that the file goes on. */
static int read_text(int fd, char text[MOST + 1], size_t *n) {
    *n = 0;
    while (*n <= MOST) {
        ssize_t k = read(fd, text + *n, MOST + 1 - *n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        if (k == 0)
            return 0;
        *n += (size_t)k;
    }
    return 0;
}

static int is_used(const char *text, size_t n) {
    return n == MOST && memcmp(text + LINE, USED, sizeof USED - 1) == 0;
}

static int parse(const char *line, size_t n, uint8_t seed[RN_SEED]) {
    int rc = (n == LINE || is_used(line, n)) && line[LINE - 1] == '\n' && memcmp(line, WORD, sizeof WORD - 1) == 0
                 ? rn_hex_parse(line + sizeof WORD - 1, HEX, seed, RN_SEED)
                 : -RUNNEL_EINVALID;
    return rc;
}

static int read_fd(int fd, const char *path, uint8_t seed[RN_SEED], int *used, struct runnel_err *err) {
    struct stat st;
    char text[MOST + 1];
    size_t n = 0;
    if (fstat(fd, &st) != 0)
        return failed(err, path, "cannot be looked at");
    int rc = check_stat(&st, path, err);
    if (rc != 0)
        return rc;
    if (read_text(fd, text, &n) != 0)
        rc = failed(err, path, "cannot be read");
    else if (parse(text, n, seed) != 0)
        rc = rn_fail(err, RUNNEL_EDAMAGED,
                     "identity %s: not one line of the form \"" WORD "\" and %u hexadecimal digits: restore it from a "
                     "backup, or move it away and a new identity is made",
                     path, HEX);
    *used = is_used(text, n);
    sodium_memzero(text, sizeof text);
    return rc;
}

/* -RUNNEL_ENOTFOUND: there is none. */
static int read_file(const char *path, uint8_t seed[RN_SEED], int *used, struct runnel_err *err) {
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return -RUNNEL_ENOTFOUND;
    if (fd < 0)
        return failed(err, path,
                      errno == ELOOP ? "a symbolic link is not followed: name the file itself" : "cannot be opened");
    int rc = read_fd(fd, path, seed, used, err);
    (void)close(fd);
    return rc;
}

/* ---- making ---- */

static int write_all(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

static int write_text(int fd, const uint8_t seed[RN_SEED], int used) {
    char line[LINE + 1] = WORD;
    (void)sodium_bin2hex(line + sizeof WORD - 1, HEX + 1, seed, RN_SEED);
    line[LINE - 1] = '\n';
    int rc = write_all(fd, line, LINE);
    if (rc == 0 && used)
        rc = write_all(fd, USED, sizeof USED - 1);
    if (rc == 0)
        rc = fsync(fd);
    sodium_memzero(line, sizeof line);
    return rc;
}

static int no_file(const char *temp, struct runnel_err *err) {
    int denied = errno == EACCES || errno == EROFS || errno == EPERM;
    (void)failed(err, temp, "cannot be made");
    if (denied)
        err->code = RUNNEL_EDENIED;
    return -err->code;
}

/* Under another name first, so that the file is there whole or not at all. */
static int make_file(const char *path, const char *temp, const uint8_t seed[RN_SEED], int used,
                     struct runnel_err *err) {
    if (unlink(temp) != 0 && errno != ENOENT)
        return no_file(temp, err);
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return no_file(temp, err);
    int rc = write_text(fd, seed, used);
    if (close(fd) != 0)
        rc = -1;
    if (rc != 0 || rename(temp, path) != 0 || rn_sync_name(path) != 0) {
        (void)failed(err, path, "cannot be written");
        (void)unlink(temp); /* harmless when it has been renamed */
        return -RUNNEL_EIO;
    }
    return 0;
}

static int make(const char *path, const uint8_t seed[RN_SEED], int used, struct runnel_err *err) {
    struct rn_buf temp;
    rn_buf_init(&temp, 0);
    (void)rn_buf_fmt(&temp, "%s.new", path);
    const char *s = rn_buf_cstr(&temp);
    int rc =
        s != NULL ? make_file(path, s, seed, used, err) : rn_fail(err, RUNNEL_ENOMEM, "identity %s: no memory", path);
    rn_buf_free(&temp);
    return rc;
}

/* A start that was killed may have left the file without a durable name. Where we may not look into the folder
 * another program has made it. */
static int keep_name(const char *path, struct runnel_err *err) {
    return rn_sync_name(path) == 0 || errno == EACCES ? 0 : failed(err, path, "its folder cannot be synced");
}

int rn_identity(const char *path, struct rn_pair *out, struct rn_identity_state *state, struct runnel_err *err) {
    uint8_t seed[RN_SEED];
    *state = (struct rn_identity_state){0};
    int rc = read_file(path, seed, &state->used, err);
    if (rc == -RUNNEL_ENOTFOUND) {
        state->made = 1;
        randombytes_buf(seed, sizeof seed);
        rc = make(path, seed, 0, err);
    } else if (rc == 0) {
        rc = keep_name(path, err);
    }
    if (rc == 0 && rn_pair_from_seed(seed, out) != 0)
        rc = rn_fail(err, RUNNEL_EINTERNAL, "identity %s: libsodium cannot make a key pair", path);
    sodium_memzero(seed, sizeof seed);
    return rc;
}

int rn_identity_note_used(const char *path, struct runnel_err *err) {
    uint8_t seed[RN_SEED];
    int used = 0;
    int rc = read_file(path, seed, &used, err);
    if (rc == -RUNNEL_ENOTFOUND)
        rc = rn_fail(err, RUNNEL_EIO, "identity %s: it has gone since the start", path);
    if (rc == 0 && !used)
        rc = make(path, seed, 1, err);
    sodium_memzero(seed, sizeof seed);
    return rc;
}
