/* SPDX-License-Identifier: MIT
 * storage.h — the calls of a storage plugin: an ordered map that can commit.
 * May touch: plugin.h only.
 */
#ifndef RUNNEL_STORAGE_H
#define RUNNEL_STORAGE_H

#include <runnel/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits that every engine must carry. */
#define RUNNEL_KEY_MAX 64u          /* bytes in a key, at least 1 */
#define RUNNEL_RECORD_MAX 8388608u  /* bytes in a record: 8 MiB */
#define RUNNEL_CHANGES_MAX 65536u   /* changes in one commit */
#define RUNNEL_COMMIT_MAX 67108864u /* bytes of data in one commit: 64 MiB */

/* What a change does; the values are frozen. */
enum runnel_change_what {
    RUNNEL_PUT = 1,    /* key := data, whatever was there */
    RUNNEL_APPEND = 2, /* data goes behind the record, which must be exactly `off` bytes long (0: absent
                        * or empty); otherwise the whole commit fails with RUNNEL_ECONFLICT */
    RUNNEL_ERASE = 3   /* removes all keys with key <= k < to; `to` empty: only `key` itself */
};

/* One change of a commit. Frozen: it will not grow. */
struct runnel_change {
    uint32_t what;            /* enum runnel_change_what */
    uint64_t off;             /* APPEND only */
    struct runnel_bytes key;  /* 1 to RUNNEL_KEY_MAX bytes */
    struct runnel_bytes to;   /* ERASE only */
    struct runnel_bytes data; /* PUT and APPEND */
};

/* Flags that an engine declares. */
#define RUNNEL_STORAGE_VOLATILE 1u /* forgets everything when the process ends */

/* The ops of a storage plugin. Keys are ordered as by memcmp, a prefix before what it begins.
 *
 * The plugin's start opens what is there. It fails with RUNNEL_EDAMAGED when what is there cannot be
 * opened, not even by recovery, and no retry would change that; then, and only then, the host may call
 * set_aside and start again. A full disk, a lock, a lack of memory or of rights are other codes.
 * Bytes that the disk has altered may come back as they are: the core checks each record it reads. An
 * engine that finds the damage itself answers RUNNEL_EDAMAGED; it never crashes over it.
 *
 * No completion fires within the call that asked for it, also when memory is short: an engine keeps room in
 * advance for 64 calls at least that wait to be refused with RUNNEL_ENOMEM. Only when those wait already and
 * there is no memory for one more may that one fire at once.
 *
 * Reads see every commit whose done has fired without error, and may see commits that are still on
 * their way: those a crash may lose yet, so nobody may take what he has read for durable before that done. They
 * never see a part of a failed one after its done. Completions of commits fire in the order in which the commits
 * were asked for.
 *
 * A disk whose syncs take long holds up the commits that wait for them, and nothing else: reads are answered
 * meanwhile. An engine may let the loop wait for a sync only as long as its syncs have been fast. */
struct runnel_storage {
    uint32_t size;
    uint32_t flags; /* RUNNEL_STORAGE_* */

    /* Applies all `n` changes in order, or none. The array and all bytes are copied before the call
     * returns. `done` fires when the changes are durable (a crash of the machine cannot lose them),
     * or with an error after which nothing of them is there: RUNNEL_EFULL when there is no space,
     * RUNNEL_ECONFLICT for a wrong `off`, RUNNEL_EINVALID or RUNNEL_ETOOBIG for a breach of the limits
     * above, RUNNEL_ENOMEM; or with RUNNEL_EIO when the engine failed: then all of them are there after the
     * next start or none is, and until then it may refuse every call. */
    void (*commit)(void *self, const struct runnel_change *changes, size_t n, runnel_done *done, void *arg);

    /* Reads up to `max` bytes of a record from byte `off`; fewer at its end, none behind it.
     * RUNNEL_ENOTFOUND when there is no such record. `data` is valid for the callback only. */
    void (*get)(void *self, struct runnel_bytes key, uint64_t off, uint32_t max, runnel_data *data, void *arg);

    /* Lists records with from <= key < to (`to` empty: no upper end) in order of key, `limit` at
     * most (0: no limit), each with its whole value, then done. Changes made while it runs may or
     * may not be seen. */
    void (*scan)(void *self, struct runnel_bytes from, struct runnel_bytes to, uint32_t limit, runnel_pair *pair,
                 runnel_done *done, void *arg);

    /* Moves all that the store keeps out of the way, so that the next start begins an empty one, and
     * writes into `where` (terminated, at most `n` bytes) the place to which an operator may look for
     * it. Nothing is deleted. Called only after a start that failed with RUNNEL_EDAMAGED, and followed
     * by another start. 0, or a negative code and why; what is there is then as it was. NULL: the
     * engine cannot, and a damaged store stops the node. */
    int (*set_aside)(void *self, char *where, size_t n, struct runnel_err *err);
};

#ifdef __cplusplus
}
#endif
#endif
