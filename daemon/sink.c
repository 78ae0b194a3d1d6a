/* SPDX-License-Identifier: MIT
 * sink.c — log lines on standard error.
 * May touch: standard error, the clock.
 */
#include "daemon/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* systemd names the device and inode of the stream that it reads: a terminal is none such. */
void rn_sink_init(struct rn_sink *s) {
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long dev = 0, ino = 0;
    struct stat st;
    s->journal = stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
                 (unsigned long long)st.st_dev == dev && (unsigned long long)st.st_ino == ino;
}

/* RFC 3339 in UTC with ms, so that all lines are equally wide. */
static void now_text(char *out, size_t n) {
    struct timespec t = {0};
    struct tm tm = {0};
    (void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
    (void)gmtime_r(&t.tv_sec, &tm);
    size_t k = strftime(out, n, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + k, n - k, ".%03ldZ", t.tv_nsec / 1000000);
}

void rn_sink_line(void *arg, int level, const char *area, const char *line) {
    static const int syslog[] = {3, 4, 5, 6, 7};
    const struct rn_sink *s = arg;
    char text[RN_LOG_MAX + 256], when[48];
    int n;
    if (s->journal) {
        n = snprintf(text, sizeof text, "<%d>%s: %s\n", level >= 0 && level <= 4 ? syslog[level] : 6, area, line);
    } else {
        now_text(when, sizeof when);
        n = snprintf(text, sizeof text, "%s %-6s %s: %s\n", when, rn_level_name(level), area, line);
    }
    if (n < 0)
        return;
    size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    ssize_t written = write(STDERR_FILENO, text, len); /* one call, so that lines of several processes stay whole */
    (void)written;                                     /* there is no place left to tell that the log is gone */
}
