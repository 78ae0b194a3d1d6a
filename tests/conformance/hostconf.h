/* SPDX-License-Identifier: MIT
 * hostconf.h — the test host's section of a config: fills a plugin's conf from its options table.
 * May touch: include/runnel and the heap.
 */
#ifndef TEST_HOSTCONF_H
#define TEST_HOSTCONF_H

#include <runnel/plugin.h>

/* A filled conf and all memory that its pointers lead to. */
struct host_conf {
    void *p; /* conf_size bytes */
    void **owned;
    size_t n_owned;
};

/* Fills a conf with the defaults, then with `given` ("option=value", up to NULL; may be NULL), and
 * asks the plugin's check. NULL and err when something is unknown, malformed, out of range, missing. */
struct host_conf *host_conf_new(const struct runnel_plugin *plugin, const char *const *given, struct runnel_err *err);
void host_conf_free(struct host_conf *c);

/* Fills `err` and returns -code. */
int host_fail(struct runnel_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As malloc with zeroes, and strdup; end the program when out of memory. */
void *host_alloc(size_t n);
char *host_strdup(const char *s);

#endif
