/* SPDX-License-Identifier: MIT
 * datadir.c — makes and locks the data directory.
 * May touch: that directory.
 */
#include "daemon/datadir.h"

#include "base/buf.h"
#include "base/err.h"
#include "daemon/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int no_dir(const char *path, int why, struct runnel_err *err) {
    const char *remedy = why == ENOENT   ? "make the directory above it"
                         : why == EACCES ? "make it, and give it to the user that runneld runs as"
                                         : "set node.data to another directory";
    return rn_fail(err, why == EACCES ? RUNNEL_EDENIED : RUNNEL_EIO, "%s: the directory cannot be made: %s: %s", path,
                   strerror(why), remedy);
}

static int check_dir(const char *path, struct runnel_err *err) {
    struct stat st;
    if (stat(path, &st) != 0)
        return no_dir(path, errno, err);
    if (!S_ISDIR(st.st_mode))
        return rn_fail(err, RUNNEL_EINVALID, "%s: no directory: move it away, or set node.data to a directory", path);
    if ((st.st_mode & 022) != 0)
        return rn_fail(err, RUNNEL_EDENIED, "%s: others than its owner may write there (mode %04o): chmod go-w %s",
                       path, (unsigned)st.st_mode & 07777, path);
    return 0;
}

/* Its name is made durable also when it was there: the start that made it may have been killed. Where we may not
 * look into the folder above, another program has made it. */
int rn_dir_make(const char *path, struct runnel_err *err) {
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return no_dir(path, errno, err);
    int rc = made ? 0 : check_dir(path, err);
    if (rc == 0 && rn_sync_name(path) != 0 && (made || errno != EACCES))
        rc = rn_fail(err, RUNNEL_EIO, "%s: the folder above it cannot be synced: %s", path, strerror(errno));
    return rc;
}

/* The holder of a lock wrote its process number. */
static long holder(int fd) {
    char text[24] = "";
    long pid = 0;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 && sscanf(text, "%ld", &pid) == 1 ? pid : 0;
}

static int take_lock(const char *dir, int fd, struct runnel_err *err) {
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return rn_fail(err, RUNNEL_EIO, "%s: cannot be locked: %s", dir, strerror(errno));
        return rn_fail(err, RUNNEL_EBUSY,
                       "%s: another runneld (process %ld) uses this data directory: stop it, or set node.data to "
                       "another directory",
                       dir, holder(fd));
    }
    char text[24];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    ssize_t put = pwrite(fd, text, (size_t)n, 0); /* in place, so that a full disk has room for it */
    if (put == n && ftruncate(fd, n) == 0)
        return 0;
    /* The number is for others to read: without it the lock holds as well. */
    if (put >= 0 || errno == ENOSPC || errno == EDQUOT)
        return 0;
    return rn_fail(err, RUNNEL_EIO, "%s: the lock cannot be written: %s", dir, strerror(errno));
}

static int open_lock(const char *dir, const char *path, int *fd, struct runnel_err *err) {
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return rn_fail(err, errno == EACCES ? RUNNEL_EDENIED : RUNNEL_EIO,
                       "%s: cannot be opened: %s: give %s to the user that runneld runs as", path, strerror(errno),
                       dir);
    int rc = take_lock(dir, *fd, err);
    if (rc != 0) {
        (void)close(*fd);
        *fd = -1;
    }
    return rc;
}

int rn_datadir_open(const char *path, int *fd, struct runnel_err *err) {
    struct rn_buf lock;
    *fd = -1;
    int rc = rn_dir_make(path, err);
    if (rc != 0)
        return rc;
    rn_buf_init(&lock, 0);
    (void)rn_buf_fmt(&lock, "%s/lock", path);
    const char *s = rn_buf_cstr(&lock);
    rc = s != NULL ? open_lock(path, s, fd, err) : rn_fail(err, RUNNEL_ENOMEM, "%s: no memory", path);
    rn_buf_free(&lock);
    return rc;
}
