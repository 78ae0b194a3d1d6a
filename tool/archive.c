/* SPDX-License-Identifier: MIT
 * archive.c — the file of a backup is written, or checked and read (archive.h).
 * May touch: files, libcrypto.
 */
#include "tool/archive.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES (16u + 32u + 4u + 8u)
#define END_BYTES (4u + 3u * 8u)
#define SUM_BYTES 32u

static const char magic[] = "runnel-backup 1\n";

struct rn_archive {
    char *path;
    int fd;     /* written to; -1: none */
    FILE *file; /* read from */
    EVP_MD_CTX *sum;
    uint64_t bytes, slices;
    uint8_t slice[RN_SLICE_MAX];
};

static int io_failed(const struct rn_archive *a, const char *what, struct runnel_err *err) {
    int why = errno;
    return rn_fail(err, why == ENOSPC || why == EDQUOT ? RUNNEL_EFULL : RUNNEL_EIO, "%s: cannot be %s: %s", a->path,
                   what, why ? strerror(why) : "the file ends too early");
}

static int damaged(const struct rn_archive *a, const char *what, struct runnel_err *err) {
    return rn_fail(err, RUNNEL_EDAMAGED, "%s: %s; use another copy of the backup", a->path, what);
}

static struct rn_archive *make(const char *path) {
    struct rn_archive *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->fd = -1;
    a->path = strdup(path);
    a->sum = EVP_MD_CTX_new();
    if (a->path && a->sum && EVP_DigestInit_ex(a->sum, EVP_sha256(), NULL) == 1)
        return a;
    rn_archive_free(a);
    return NULL;
}

void rn_archive_free(struct rn_archive *a) {
    if (!a)
        return;
    if (a->fd >= 0)
        (void)close(a->fd); /* what had to be on the disk is there already */
    if (a->file)
        (void)fclose(a->file);
    EVP_MD_CTX_free(a->sum);
    free(a->path);
    free(a);
}

uint64_t rn_archive_bytes(const struct rn_archive *a) {
    return a->bytes;
}

static int open_file(const char *path, int flags, struct rn_archive **out, struct runnel_err *err) {
    struct rn_archive *a = make(path);
    if (!a)
        return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory", path);
    a->fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (a->fd < 0) {
        int r = io_failed(a, "opened", err);
        rn_archive_free(a);
        return r;
    }
    *out = a;
    return 0;
}

/* ---- writing ---- */

static int write_all(struct rn_archive *a, const void *p, size_t n, struct runnel_err *err) {
    if (rn_write_all(a->fd, p, n) != 0)
        return io_failed(a, "written", err);
    a->bytes += n;
    return 0;
}

static int put(struct rn_archive *a, const void *p, size_t n, struct runnel_err *err) {
    int r = write_all(a, p, n, err);
    if (r < 0)
        return r;
    return EVP_DigestUpdate(a->sum, p, n) == 1 ? 0 : rn_fail(err, RUNNEL_ENOMEM, "%s: no memory", a->path);
}

int rn_archive_create(const char *path, const struct rn_archive_head *head, struct rn_archive **out,
                      struct runnel_err *err) {
    uint8_t b[HEAD_BYTES];
    int r = open_file(path, O_WRONLY | O_CREAT | O_EXCL, out, err);
    if (r < 0)
        return r;
    memcpy(b, magic, 16);
    memcpy(b + 16, head->node, 32);
    rn_put_le32(b + 48, head->version);
    rn_put_le64(b + 52, (uint64_t)head->time);
    r = put(*out, b, sizeof b, err);
    if (r < 0) {
        rn_archive_free(*out);
        *out = NULL;
    }
    return r;
}

int rn_archive_add(struct rn_archive *a, struct runnel_bytes slice, struct runnel_err *err) {
    uint8_t n[4];
    if (slice.n == 0)
        return 0;
    if (slice.n > RN_SLICE_MAX)
        return rn_fail(err, RUNNEL_ETOOBIG, "the node sent a slice of %zu bytes, %u are allowed", slice.n,
                       RN_SLICE_MAX);
    rn_put_le32(n, (uint32_t)slice.n);
    int r = put(a, n, sizeof n, err);
    if (r == 0)
        r = put(a, slice.p, slice.n, err);
    a->slices += r == 0;
    return r;
}

int rn_archive_finish(struct rn_archive *a, const struct rn_archive_head *head, struct runnel_err *err) {
    uint8_t b[END_BYTES] = {0}, sum[SUM_BYTES];
    unsigned n = 0;
    rn_put_le64(b + 4, a->slices);
    rn_put_le64(b + 12, head->streams);
    rn_put_le64(b + 20, head->observations);
    int r = put(a, b, sizeof b, err);
    if (r < 0)
        return r;
    if (EVP_DigestFinal_ex(a->sum, sum, &n) != 1)
        return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory", a->path);
    r = write_all(a, sum, sizeof sum, err);
    if (r == 0 && fsync(a->fd) != 0)
        r = io_failed(a, "written", err);
    return r;
}

/* ---- reading ---- */

static int get(struct rn_archive *a, void *p, size_t n, struct runnel_err *err) {
    errno = 0;
    if (fread(p, 1, n, a->file) == n)
        return 0;
    return ferror(a->file) ? io_failed(a, "read", err) : damaged(a, "the file ends too early", err);
}

/* Everything but the last SUM_BYTES goes into the sum. */
static int check_sum(struct rn_archive *a, uint64_t size, struct rn_progress *progress, struct runnel_err *err) {
    uint8_t want[SUM_BYTES], have[SUM_BYTES];
    unsigned n = 0;
    uint64_t left = size - SUM_BYTES;
    while (left > 0) {
        size_t part = left < sizeof a->slice ? (size_t)left : sizeof a->slice;
        int r = get(a, a->slice, part, err);
        if (r < 0)
            return r;
        if (EVP_DigestUpdate(a->sum, a->slice, part) != 1)
            return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory", a->path);
        left -= part;
        if (progress)
            rn_progress_set(progress, size - SUM_BYTES - left);
    }
    int r = get(a, want, sizeof want, err);
    if (r < 0)
        return r;
    if (EVP_DigestFinal_ex(a->sum, have, &n) != 1)
        return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory", a->path);
    return memcmp(want, have, SUM_BYTES) == 0
               ? 0
               : damaged(a, "it is damaged: its bytes do not give the SHA-256 at its end", err);
}

static int seek(struct rn_archive *a, long off, int whence, struct runnel_err *err) {
    errno = 0;
    return fseek(a->file, off, whence) == 0 ? 0 : io_failed(a, "read", err);
}

static int read_head(struct rn_archive *a, struct rn_archive_head *head, struct runnel_err *err) {
    uint8_t b[HEAD_BYTES], e[END_BYTES];
    int r = seek(a, -(long)(END_BYTES + SUM_BYTES), SEEK_END, err);
    if (r == 0)
        r = get(a, e, sizeof e, err);
    if (r == 0)
        r = seek(a, 0, SEEK_SET, err);
    if (r == 0)
        r = get(a, b, sizeof b, err);
    if (r < 0)
        return r;
    memcpy(head->node, b + 16, sizeof head->node);
    head->version = rn_get_le32(b + 48);
    head->time = (int64_t)rn_get_le64(b + 52);
    head->slices = rn_get_le64(e + 4);
    head->streams = rn_get_le64(e + 12);
    head->observations = rn_get_le64(e + 20);
    return 0;
}

static int check(struct rn_archive *a, struct rn_archive_head *head, struct rn_progress *progress,
                 struct runnel_err *err) {
    struct stat st;
    uint8_t begin[16];
    errno = 0;
    if (fstat(fileno(a->file), &st) != 0)
        return io_failed(a, "read", err);
    if (!S_ISREG(st.st_mode))
        return rn_fail(err, RUNNEL_EINVALID, "%s: it is no regular file", a->path);
    if (st.st_size < (off_t)(HEAD_BYTES + END_BYTES + SUM_BYTES))
        return damaged(a, "it is shorter than any backup", err);
    int r = get(a, begin, sizeof begin, err);
    if (r == 0 && memcmp(begin, magic, sizeof begin) != 0)
        r = damaged(a, "it does not begin as a backup that this program can read", err);
    if (r == 0)
        r = seek(a, 0, SEEK_SET, err);
    if (r == 0 && progress)
        progress->total = (uint64_t)st.st_size;
    if (r == 0)
        r = check_sum(a, (uint64_t)st.st_size, progress, err);
    return r == 0 ? read_head(a, head, err) : r;
}

int rn_archive_open(const char *path, struct rn_archive **out, struct rn_archive_head *head,
                    struct rn_progress *progress, struct runnel_err *err) {
    int r = open_file(path, O_RDONLY, out, err);
    if (r < 0)
        return r;
    (*out)->file = fdopen((*out)->fd, "r");
    if ((*out)->file) {
        (*out)->fd = -1; /* it is the file's now */
        r = check(*out, head, progress, err);
    } else
        r = io_failed(*out, "opened", err);
    if (r < 0) {
        rn_archive_free(*out);
        *out = NULL;
    }
    return r;
}

int rn_archive_next(struct rn_archive *a, struct runnel_bytes *slice, struct runnel_err *err) {
    uint8_t b[4];
    int r = get(a, b, sizeof b, err);
    if (r < 0)
        return r;
    size_t n = rn_get_le32(b);
    if (n == 0)
        return 0;
    if (n > RN_SLICE_MAX)
        return damaged(a, "a slice is too long", err);
    r = get(a, a->slice, n, err);
    *slice = (struct runnel_bytes){a->slice, n};
    return r < 0 ? r : 1;
}
