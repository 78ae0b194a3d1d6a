/* SPDX-License-Identifier: MIT
 * spool.c — copies what can be read only once, a pipe or a terminal, to a file that has no name.
 * May touch: the input, a temporary file, librunnel's loop: the session lives on meanwhile.
 */
#include "tool/tool.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536u

static int make(struct rn_tool *t, char *path, size_t room, FILE **out) {
    const char *dir = getenv("TMPDIR");
    int n = snprintf(path, room, "%s/runnel-XXXXXX", dir && *dir ? dir : "/tmp");
    int fd = n > 0 && (size_t)n < room ? mkstemp(path) : -1;
    *out = fd >= 0 ? fdopen(fd, "w+b") : NULL;
    if (*out && unlink(path) == 0)
        return 0;
    int r = rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_EIO,
                          "%s: cannot make the temporary file %s: %s; TMPDIR names the "
                          "folder",
                          t->command->name, path, n > 0 && (size_t)n < room ? strerror(errno) : "the path is too long");
    if (fd >= 0 && !*out)
        (void)close(fd);
    return r;
}

/* Waits for input; the node's pings are answered. */
static int wait_for_input(struct rn_tool *t, int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready = 0;
    while ((ready = poll(&p, 1, 1000)) == 0 || (ready < 0 && errno == EINTR)) {
        (void)event_base_loop(t->base, EVLOOP_NONBLOCK); /* what is lost by it is seen below */
        if (t->lost)
            return rn_tool_fail(t, RN_EXIT_NODE, &t->why);
    }
    return 0;
}

static int copy(struct rn_tool *t, int fd, const char *name, const char *path, FILE *to) {
    char chunk[CHUNK];
    for (;;) {
        int r = wait_for_input(t, fd);
        if (r != 0)
            return r;
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_EIO, "%s: cannot read %s: %s", t->command->name, name,
                                 strerror(errno));
        if ((n > 0 && fwrite(chunk, 1, (size_t)n, to) != (size_t)n) || (n == 0 && fflush(to) != 0))
            return rn_tool_failf(t, RN_EXIT_ERROR, errno == ENOSPC ? RUNNEL_EFULL : RUNNEL_EIO,
                                 "%s: cannot write the temporary copy %s of %s: %s; TMPDIR names another folder",
                                 t->command->name, path, name, strerror(errno));
        if (n == 0)
            return 0;
    }
}

int rn_spool(struct rn_tool *t, int fd, const char *name, void **out) {
    char path[256];
    FILE *file = NULL;
    int r = make(t, path, sizeof path, &file);
    if (r == 0)
        r = copy(t, fd, name, path, file);
    if (r != 0 && file)
        (void)fclose(file); /* it has no name: nothing stays */
    *out = r == 0 ? file : NULL;
    return r;
}
