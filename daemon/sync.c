/* SPDX-License-Identifier: MIT
 * sync.c — fsync of the folder in which a name lies (sync.h).
 * May touch: the folder.
 */
#include "daemon/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int rn_sync_name(const char *path) {
    char *copy = strdup(path);
    int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(copy);
    if (fd < 0)
        return -1;
    int rc = fsync(fd), why = errno;
    (void)close(fd); /* nothing was written through it */
    errno = why;
    return rc;
}
