/* SPDX-License-Identifier: MIT
 * toy.c — does to files what its arguments say: the program with which the shim is tested.
 * May touch: the files that are named.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int opened(const char *path, int flags) {
    int fd = open(path, flags, 0600);
    if (fd < 0) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    return fd;
}

/* FLAGS is a word of letters: c O_CREAT, t O_TRUNC, a O_APPEND, d O_DSYNC. */
static int flags_of(const char *word) {
    int flags = O_WRONLY;
    for (; *word; word++)
        flags |= *word == 'c' ? O_CREAT : *word == 't' ? O_TRUNC : *word == 'a' ? O_APPEND : *word == 'd' ? O_DSYNC : 0;
    return flags;
}

static int two(const char *what, const char *a, const char *b) {
    if (strcmp(what, "rename") == 0)
        return rename(a, b);
    if (strcmp(what, "link") == 0)
        return link(a, b);
    int fd = opened(a, O_WRONLY);
    if (strcmp(what, "truncate") == 0)
        return ftruncate(fd, atol(b)) != 0 || close(fd) != 0;
    if (strcmp(what, "allocate") == 0)
        return posix_fallocate(fd, 0, atol(b)) != 0 || close(fd) != 0;
    if (strcmp(what, "print") == 0)
        return dprintf(fd, "%s", b) < 0 || close(fd) != 0;
    return -1;
}

static int one(const char *what, const char *a) {
    if (strcmp(what, "mkdir") == 0)
        return mkdir(a, 0700);
    if (strcmp(what, "unlink") == 0)
        return unlink(a);
    if (strcmp(what, "rmdir") == 0)
        return rmdir(a);
    if (strcmp(what, "sync") == 0 || strcmp(what, "datasync") == 0) {
        int fd = opened(a, O_RDONLY);
        return (*what == 's' ? fsync(fd) : fdatasync(fd)) != 0 || close(fd) != 0;
    }
    if (strcmp(what, "stdio") == 0) { /* past the shim: the comparison must find it */
        FILE *f = fopen(a, "w");
        return f == NULL || fputs("hidden", f) < 0 || fclose(f) != 0;
    }
    return -1;
}

/* write FLAGS PATH OFFSET TEXT; an offset of -1: where the file stands. */
static int write_text(char **v) {
    int fd = opened(v[1], flags_of(v[0]));
    struct iovec io = {v[3], strlen(v[3])};
    ssize_t n = atol(v[2]) >= 0 ? pwrite(fd, v[3], io.iov_len, atol(v[2])) : writev(fd, &io, 1);
    return n != (ssize_t)io.iov_len || close(fd) != 0;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc;) {
        int left = argc - i - 1, rc = -1, used = 1;
        if (strcmp(argv[i], "die") == 0)
            rc = raise(SIGKILL);
        else if (left >= 4 && strcmp(argv[i], "write") == 0)
            rc = write_text(argv + i + 1), used = 5;
        else if (left >= 1 && (rc = one(argv[i], argv[i + 1])) == 0)
            used = 2;
        else if (left >= 2)
            rc = two(argv[i], argv[i + 1], argv[i + 2]), used = 3;
        if (rc != 0) {
            (void)fprintf(stderr, "%s failed: %s\n", argv[i], strerror(errno));
            return 1;
        }
        i += used;
    }
    return 0;
}
