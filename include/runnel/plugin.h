/* SPDX-License-Identifier: MIT
 * plugin.h — what every plugin is: one exported symbol, its options, its lifecycle, the host.
 * May touch: types.h only. The kinds' own calls are in storage.h, transport.h, discovery.h, sync.h.
 */
#ifndef RUNNEL_PLUGIN_H
#define RUNNEL_PLUGIN_H

#include <runnel/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ABI. Within one major number structs only ever grow at their end and `abi_minor` counts up;
 * the host copies min(its size, the plugin's size) and zero-fills the rest, so that an older plugin
 * loads in a newer daemon. A plugin names the least minor number that it needs. */
#define RUNNEL_ABI_MAJOR 1u
#define RUNNEL_ABI_MINOR 0u

/* Kinds; the values are frozen. A kind is also the name of the config section ("storage", ...). */
enum runnel_kind {
    RUNNEL_STORAGE = 1,
    RUNNEL_TRANSPORT = 2,
    RUNNEL_DISCOVERY = 3,
    RUNNEL_SYNC = 4,
    RUNNEL_SERVICE = 5 /* reserved: no ops yet */
};

/* ---- options: what a section of this plugin may say ------------------------------------------ */

/* Types of an option and the C type that the host writes at `at` in the plugin's conf. All pointers
 * in a conf belong to the host and live as long as the conf does (see create and reload). */
enum runnel_option_type {
    RUNNEL_OPT_BOOL = 1,     /* uint8_t, 0 or 1 */
    RUNNEL_OPT_INT = 2,      /* int64_t */
    RUNNEL_OPT_DURATION = 3, /* int64_t, ns; written "250ms", "30s", "5m", "1h", "7d" */
    RUNNEL_OPT_SIZE = 4,     /* int64_t, bytes; written "512", "64KiB", "32MiB", "1GiB" */
    RUNNEL_OPT_STRING = 5,   /* const char *; NULL when absent and without default */
    RUNNEL_OPT_STRINGS = 6,  /* const char *const *, NULL-terminated; one string or a list of them */
    RUNNEL_OPT_JSON = 7      /* struct runnel_bytes: the value's text, white space and comments removed */
};

#define RUNNEL_OPT_LIVE 1u     /* may change by reload; without it a change needs a restart of the daemon */
#define RUNNEL_OPT_REQUIRED 2u /* the section must say it */

/* One option. The table is the one source for the config check, --plugin-info, the defaults and the
 * manual. `min` and `max` bound INT, DURATION (ns), SIZE (bytes) and the length in bytes of STRING;
 * both 0 means unbounded. `dflt` is written as in the config (a STRING without its quotes); NULL
 * means zero or absent. Frozen at option_size bytes an element: a longer one is read up to its size. */
struct runnel_option {
    const char *name;
    uint32_t type;  /* enum runnel_option_type */
    uint32_t flags; /* RUNNEL_OPT_* */
    size_t at;      /* offsetof(struct its_conf, field) */
    const char *dflt;
    int64_t min, max;
    const char *help; /* one line, without a full stop */
};

/* ---- the host: what a plugin may ask of the core --------------------------------------------- */

struct runnel_inst;  /* one section of the config, owned by the host; opaque */
struct runnel_timer; /* a pending timer, owned by the host until it fires or is cancelled; opaque */
struct event_base;   /* libevent's; only plugins that do I/O include <event2/event.h> */

/* Services of the host, size first. Call them on the loop thread only, except `post`. A plugin
 * checks `size` before it calls a member newer than the minor number it requires. */
struct runnel_host {
    uint32_t size;

    /* Monotonic time in ns, from an arbitrary start. Only for intervals and deadlines. */
    int64_t (*now)(struct runnel_inst *inst);
    /* Wall-clock time in ns since the Unix epoch, UTC. May jump. */
    int64_t (*wall)(struct runnel_inst *inst);
    /* Fills `p` with `n` bytes fit for cryptographic use (in the simulator: from the seed). */
    void (*random)(struct runnel_inst *inst, void *p, size_t n);
    /* Logs one line under the instance's name. `level` is an enum runnel_level. Never log secrets. */
    void (*log)(struct runnel_inst *inst, int level, const char *fmt, ...)
#if defined(__GNUC__)
        __attribute__((format(printf, 3, 4)))
#endif
        ;
    /* Calls fn(arg) once, `ns` from now at the earliest; equal deadlines fire in the order they were
     * asked for. NULL when out of memory. The handle is dead once fn has been called. */
    struct runnel_timer *(*after)(struct runnel_inst *inst, int64_t ns, runnel_fn *fn, void *arg);
    /* Cancels a timer that has not fired; NULL is allowed. */
    void (*cancel)(struct runnel_inst *inst, struct runnel_timer *timer);
    /* Calls fn(arg) once, on this loop, after the present callback has returned, in order of asking.
     * Returns 0, or a negative enum runnel_code when out of memory. Cannot be cancelled. One call of an
     * instance is always possible: out of memory is only said while another one of its calls waits. */
    int (*defer)(struct runnel_inst *inst, runnel_fn *fn, void *arg);
    /* As defer, but from any thread, and without the promise of the one call. The only call that a
     * plugin's own threads may make. */
    int (*post)(struct runnel_inst *inst, runnel_fn *fn, void *arg);
    /* The loop's libevent base, for plugins that do I/O. NULL in the simulator. */
    struct event_base *(*loop)(struct runnel_inst *inst);
    /* A directory that only this instance uses; it exists and is private to the daemon's user. NULL
     * in the simulator. Owned by the host, valid until destroy. */
    const char *(*dir)(struct runnel_inst *inst);
    /* Remembers `val` under `key` (both copied; key 1 to 24 bytes, val up to 64 KiB) across
     * restarts; an empty val forgets it. Keys are private to the instance. `done` when durable. */
    void (*note_put)(struct runnel_inst *inst, struct runnel_bytes key, struct runnel_bytes val, runnel_done *done,
                     void *arg);
    /* Lists the instance's notes whose key begins with `prefix`, in order of key. */
    void (*note_scan)(struct runnel_inst *inst, struct runnel_bytes prefix, runnel_pair *pair, runnel_done *done,
                      void *arg);
    /* The kind's upcalls: a const struct runnel_transport_up *, runnel_discovery_up *, ...; NULL
     * where the kind has none. */
    const void *up;
    /* This instance can do nothing more, and only a new process could make it work again (an engine
     * whose memory is not to be trusted any more). The host logs `why`, ends the node, orderly where
     * that is possible, and the daemon with an exit code after which it is started again. The
     * instance goes on answering, with errors, until it is stopped. */
    void (*failed)(struct runnel_inst *inst, const struct runnel_err *why);
};

/* ---- the plugin ------------------------------------------------------------------------------- */

/* Reports one thing wrong with an option of the section: what was found, what is wanted, what to do.
 * The host adds file, line and path, and prints all of them. Strings are copied. */
typedef void runnel_complain(void *arg, const char *option, const char *found, const char *want, const char *remedy);

/* The one exported symbol of a plugin is
 *     const struct runnel_plugin runnel_plugin = { .size = sizeof(struct runnel_plugin), ... };
 * All calls come on the loop thread, except `check`, which may come from a process without a loop. */
struct runnel_plugin {
    uint32_t size;
    uint32_t abi_major, abi_minor; /* RUNNEL_ABI_MAJOR, and the least minor that the plugin needs */
    uint32_t kind;                 /* enum runnel_kind */
    const char *name;              /* what the config calls it: [a-z][a-z0-9-]{0,31} */
    const char *version;
    const char *summary; /* one line */
    const struct runnel_option *options;
    uint32_t n_options;
    uint32_t option_size; /* sizeof(struct runnel_option) as the plugin was built */
    size_t conf_size;     /* the host allocates and fills this many bytes */

    /* Checks a filled conf beyond types and ranges; pure: no I/O, no allocation that outlives it.
     * Complains about everything it finds; returns 0 if nothing. May be NULL. */
    int (*check)(const void *conf, runnel_complain *complain, void *arg);
    /* Makes an instance without any I/O and stores it in *self; on failure returns a negative enum
     * runnel_code, fills err and leaves nothing behind. `host` and `inst` live until destroy has
     * returned; `conf` until destroy, or until a reload that returned 0. */
    int (*create)(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err);
    /* Begins I/O. On failure the host calls destroy, without stop. May be NULL. */
    int (*start)(void *self, struct runnel_err *err);
    /* Takes over a changed conf (only LIVE options differ). On failure the old conf stays in force; and
     * after success it may be asked to go back to the old one. NULL: changes need a restart of the daemon. */
    int (*reload)(void *self, const void *conf, struct runnel_err *err);
    /* Ends all I/O, then fires done; after that nothing may be posted or called. Abandoned after
     * 10 s. May be NULL. */
    void (*stop)(void *self, runnel_done *done, void *arg);
    /* Frees the instance. */
    void (*destroy)(void *self);
    /* The kind's calls: const struct runnel_storage *, runnel_transport *, ... */
    const void *ops;
};

/* The name of the exported symbol, for dlsym. */
#define RUNNEL_PLUGIN_SYMBOL "runnel_plugin"

/* Declared here so that it is exported also from a plugin built with -fvisibility=hidden, and has
 * external linkage in C++. */
extern
#if defined(__GNUC__)
    __attribute__((visibility("default")))
#endif
    const struct runnel_plugin runnel_plugin;

#ifdef __cplusplus
}
#endif
#endif
