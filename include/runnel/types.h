/* SPDX-License-Identifier: MIT
 * types.h — the few types that every public header shares: bytes, errors, callbacks.
 * May touch: the C library's freestanding headers only.
 */
#ifndef RUNNEL_TYPES_H
#define RUNNEL_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed bytes. Whoever hands them out keeps them; they are valid for the call unless the call's
 * comment says otherwise. `p` may be NULL only when `n` is 0. */
struct runnel_bytes {
    const uint8_t *p;
    size_t n;
};

/* What went wrong, as a program sees it. Numbers are frozen; new ones are appended. The words that
 * stand for them on the wire are in the comment (see doc/protocol.md, "Errors"). */
enum runnel_code {
    RUNNEL_OK = 0,
    RUNNEL_EINVALID = 1,      /* "invalid": malformed or refused input */
    RUNNEL_ENOTFOUND = 2,     /* "not-found": no such thing, or none that the asker may see */
    RUNNEL_ECONFLICT = 3,     /* "conflict": something else is there already */
    RUNNEL_EDENIED = 4,       /* "denied": the asker lacks the right */
    RUNNEL_ETOOBIG = 5,       /* "too-big": over a limit; the message names it */
    RUNNEL_EBUSY = 6,         /* "busy": try again later, or elsewhere */
    RUNNEL_EFULL = 7,         /* "full": no space left where data is kept */
    RUNNEL_EIO = 8,           /* "io": the disk, socket or library failed */
    RUNNEL_EDAMAGED = 9,      /* "damaged": stored or received bytes fail their check */
    RUNNEL_EUNSUPPORTED = 10, /* "unsupported": unknown method, version or feature */
    RUNNEL_ECLOSED = 11,      /* "closed": the link, session or instance is gone */
    RUNNEL_ETIMEOUT = 12,     /* "timeout": no answer within the time allowed */
    RUNNEL_ENOMEM = 13,       /* "no-memory": an allocation failed */
    RUNNEL_EINTERNAL = 14,    /* "internal": a defect in this program */
    RUNNEL_EINACTIVE = 15,    /* "inactive": known here, but not being followed or not yet held */
    RUNNEL_EFORK = 16         /* "fork": two heads of one author contradict each other */
};

/* An error: one of enum runnel_code and a sentence that says what, where and what to do. The
 * caller supplies it; NULL is allowed wherever a `struct runnel_err *` is taken and discards it.
 * `msg` is valid UTF-8 and always terminated. */
struct runnel_err {
    int code;
    char msg[512];
};

/* The 16 bytes of a stream id: a UUID of version 8 (RFC 9562, section 5.8), in network order. */
struct runnel_id {
    uint8_t b[16];
};

/* Log levels, most severe first; the values are frozen. */
enum runnel_level { RUNNEL_ERROR = 0, RUNNEL_WARN = 1, RUNNEL_NOTICE = 2, RUNNEL_INFO = 3, RUNNEL_DEBUG = 4 };

/* A plain callback. */
typedef void runnel_fn(void *arg);

/* Completions. Each fires exactly once, on the loop thread, after the call that asked for it has
 * returned. `err` is NULL for success and is borrowed for the call, as are the bytes. */
typedef void runnel_done(void *arg, const struct runnel_err *err);
typedef void runnel_data(void *arg, struct runnel_bytes data, const struct runnel_err *err);

/* One result of a scan; may fire any number of times before the scan's runnel_done. */
typedef void runnel_pair(void *arg, struct runnel_bytes key, struct runnel_bytes val);

#ifdef __cplusplus
}
#endif
#endif
