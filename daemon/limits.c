/* SPDX-License-Identifier: MIT
 * limits.c — how many files may be open.
 * May touch: the process's limits.
 */
#include "daemon/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* Below this the many links that a node may have (limit SESSIONS) are out of reach. */
#define FEW 4096u

void rn_limits_raise(const struct rn_log *log) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        rlim_t before = r.rlim_cur;
        r.rlim_cur = r.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &r) != 0) {
            rn_log(log, RUNNEL_WARN, "daemon", "the limit of open files stays at %llu: %s", (unsigned long long)before,
                   strerror(errno));
            return;
        }
    }
    if (r.rlim_cur < FEW)
        rn_log(log, RUNNEL_NOTICE, "daemon",
               "at most %llu files may be open, and each link is one: raise the hard limit (LimitNOFILE= in systemd) "
               "for more",
               (unsigned long long)r.rlim_cur);
}
