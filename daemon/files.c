/* SPDX-License-Identifier: MIT
 * files.c — reads the config's files, bounded.
 * May touch: the files that are named.
 */
#include "daemon/files.h"

#include "base/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int cannot(struct runnel_err *err, const char *path, const char *what) {
    int code = errno == ENOENT ? RUNNEL_ENOTFOUND : errno == EACCES ? RUNNEL_EDENIED : RUNNEL_EIO;
    return rn_fail(err, code, "%s: %s: %s", path, what, strerror(errno));
}

static int read_fd(int fd, const char *path, size_t max, struct rn_buf *out, struct runnel_err *err) {
    for (;;) {
        uint8_t *room = rn_buf_room(out, 16384);
        if (room == NULL)
            return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory to read it", path);
        ssize_t n = read(fd, room, 16384);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot(err, path, "cannot be read");
        out->n += (size_t)n;
        if (out->n > max)
            return rn_fail(err, RUNNEL_ETOOBIG, "%s: more than the limit of %zu bytes", path, max);
    }
}

int rn_file_read(const char *path, size_t max, struct rn_buf *out, struct runnel_err *err) {
    struct stat st;
    rn_buf_clear(out);
    /* Non-blocking, for a path that turns out to be a FIFO must not hang the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return cannot(err, path, "cannot be opened");
    int rc = 0;
    if (fstat(fd, &st) != 0)
        rc = cannot(err, path, "cannot be looked at");
    else if (!S_ISREG(st.st_mode))
        rc = rn_fail(err, RUNNEL_EINVALID, "%s: no regular file: name the file itself", path);
    else
        rc = read_fd(fd, path, max, out, err);
    (void)close(fd); /* it was only read */
    return rc;
}

/* ---- conf.d ---- */

/* Names ending in ".conf" that are not hidden. */
static int is_conf(const struct dirent *e) {
    size_t n = strlen(e->d_name);
    return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

/* By byte value: the order must not hang on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_file(struct rn_conf *c, const char *path, struct runnel_err *err) {
    struct rn_buf b;
    rn_buf_init(&b, 0);
    int rc = rn_file_read(path, RN_CONF_SIZE, &b, err);
    if (rc == 0 && (rc = rn_conf_add(c, path, b.p, b.n)) != 0)
        (void)rn_fail(err, -rc, "%s: no memory for the config", path);
    rn_buf_free(&b);
    return rc;
}

static int add_named(struct rn_conf *c, const char *dir, const char *name, struct runnel_err *err) {
    struct rn_buf path;
    rn_buf_init(&path, 0);
    (void)rn_buf_fmt(&path, "%s/%s", dir, name);
    const char *s = rn_buf_cstr(&path);
    int rc = s != NULL ? add_file(c, s, err) : rn_fail(err, RUNNEL_ENOMEM, "%s: no memory", dir);
    rn_buf_free(&path);
    return rc;
}

static int add_dir(struct rn_conf *c, const char *dir, struct runnel_err *err) {
    struct dirent **list = NULL;
    int n = scandir(dir, &list, is_conf, by_name);
    if (n < 0)
        return errno == ENOENT ? 0 : cannot(err, dir, "cannot be listed");
    int rc = 0;
    if ((unsigned)n > RN_CONF_FILES)
        rc = rn_fail(err, RUNNEL_ETOOBIG, "%s: %d files, the limit is %u", dir, n, RN_CONF_FILES);
    for (int i = 0; i < n; i++) {
        if (rc == 0)
            rc = add_named(c, dir, list[i]->d_name, err);
        free(list[i]);
    }
    free(list);
    return rc;
}

int rn_files_add(struct rn_conf *c, const char *path, struct runnel_err *err) {
    struct rn_buf dir;
    const char *slash = strrchr(path, '/');
    int rc = add_file(c, path, err);
    if (rc != 0)
        return rc;
    rn_buf_init(&dir, 0);
    (void)rn_buf_add(&dir, path, slash != NULL ? (size_t)(slash - path) + 1 : 0);
    (void)rn_buf_str(&dir, "conf.d");
    const char *s = rn_buf_cstr(&dir);
    rc = s != NULL ? add_dir(c, s, err) : rn_fail(err, RUNNEL_ENOMEM, "%s: no memory", path);
    rn_buf_free(&dir);
    return rc;
}
