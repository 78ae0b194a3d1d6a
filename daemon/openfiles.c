/* SPDX-License-Identifier: MIT
 * openfiles.c — raises the soft limit of open files to the hard one.
 * May touch: the process's limits.
 */
#include "daemon/openfiles.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

void rn_open_files(const struct rn_log *log) {
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return; /* nothing is known, nothing is changed */
    rlim_t before = l.rlim_cur;
    l.rlim_cur = l.rlim_max;
    if (before < l.rlim_max && setrlimit(RLIMIT_NOFILE, &l) != 0)
        rn_log(log, RUNNEL_WARN, "daemon", "no more than %llu files may be open: %s; the hard limit is %llu",
               (unsigned long long)before, strerror(errno), (unsigned long long)l.rlim_max);
}
