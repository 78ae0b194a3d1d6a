/* SPDX-License-Identifier: MIT
 * archive.h — the file DIR/records of a backup: slices behind a head, with a SHA-256 at the end.
 * May touch: files, libcrypto.
 *
 * The file is: "runnel-backup 1\n"; node id (32 bytes); u32 LE version of the records; i64 LE time at which it was
 * begun, ns since 1970; then each slice as u32 LE length (1 to RN_SLICE_MAX) and its bytes; u32 LE 0; u64 LE number
 * of slices, streams and observations; SHA-256 of all bytes before it.
 */
#ifndef RN_TOOL_ARCHIVE_H
#define RN_TOOL_ARCHIVE_H

#include "tool/tool.h"

#define RN_SLICE_MAX 49152u

struct rn_archive_head {
    uint8_t node[32];
    uint32_t version;
    int64_t time;
    uint64_t slices, streams, observations; /* known at the end */
};

struct rn_archive; /* opaque */

/* A new file, which must not be there; its head is written. 0 or a negative code. */
int rn_archive_create(const char *path, const struct rn_archive_head *head, struct rn_archive **out,
                      struct runnel_err *err);
int rn_archive_add(struct rn_archive *a, struct runnel_bytes slice, struct runnel_err *err);
/* Writes the end and has all of it on the disk. */
int rn_archive_finish(struct rn_archive *a, const struct rn_archive_head *head, struct runnel_err *err);
uint64_t rn_archive_bytes(const struct rn_archive *a);

/* Opens a file that is there and reads all of it against its SHA-256; `progress` (may be NULL) is told of bytes. */
int rn_archive_open(const char *path, struct rn_archive **out, struct rn_archive_head *head,
                    struct rn_progress *progress, struct runnel_err *err);
/* The next slice, valid until the next call: 1, 0 at the end, or a negative code. */
int rn_archive_next(struct rn_archive *a, struct runnel_bytes *slice, struct runnel_err *err);

void rn_archive_free(struct rn_archive *a); /* NULL is allowed */

#endif
