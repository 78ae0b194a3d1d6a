/* SPDX-License-Identifier: MIT
 * write.c — writes all of it.
 * May touch: the descriptor that is given.
 */
#include "tool/tool.h"
#include <errno.h>
#include <unistd.h>

int rn_write_all(int fd, const void *p, size_t n) {
    for (const char *from = p; n > 0;) {
        ssize_t w = write(fd, from, n);
        if (w > 0) {
            from += w;
            n -= (size_t)w;
        } else if (w == 0 || errno != EINTR) {
            errno = w == 0 ? EIO : errno;
            return -1;
        }
    }
    return 0;
}
