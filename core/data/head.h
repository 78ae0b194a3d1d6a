/* SPDX-License-Identifier: MIT
 * head.h — the signed tree head of a stream, and one signature over many heads.
 * May touch: the heap. Standards: RFC 9162 (tree), RFC 8032 (Ed25519).
 */
#ifndef RN_DATA_HEAD_H
#define RN_DATA_HEAD_H

#include "base/buf.h"
#include "data/descriptor.h"
#include "data/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_HEAD 92u      /* bytes of an encoded head */
#define RN_HEAD_FINAL 1u /* flags: nothing comes after this head */
#define RN_THROUGH_NONE INT64_MIN

/* Encoded: descriptor hash (32), count (u64 LE), root (32), signed_at (i64 LE, ns), through (i64 LE,
 * ns), flags (u32 LE). */
struct rn_head {
    struct rn_hash descriptor;
    uint64_t count;
    struct rn_hash root;
    int64_t signed_at;
    int64_t through;
    uint32_t flags;
};

/* Encoded: LEB128 index, LEB128 number of heads, the inclusion path (32 bytes each, as many as index
 * and number demand), the signature (64) over RN_PURPOSE_HEAD, 0x00, u64 LE number of heads, root of
 * the RFC 9162 tree whose leaves are the encoded heads. */
#define RN_ATTESTATION_MAX (10u + 10u + 32u * 16u + 64u)
struct rn_attestation {
    uint64_t index, n;
    uint32_t n_path;
    struct rn_hash path[16];
    uint8_t signature[RN_SIGNATURE];
};

void rn_head_encode(const struct rn_head *head, uint8_t out[RN_HEAD]);
/* Unknown flags are refused. 0 or -RUNNEL_EDAMAGED. */
int rn_head_decode(const void *p, size_t n, struct rn_head *out, struct runnel_err *err);
int rn_attestation_encode(const struct rn_attestation *a, struct rn_buf *out);
/* Takes all `n` bytes, or refuses (-RUNNEL_EDAMAGED): index >= number, number over RN_MAX_ATTESTED or 0,
 * LEB128 not the shortest, a wrong length. */
int rn_attestation_decode(const void *p, size_t n, struct rn_attestation *out, struct runnel_err *err);

/* Signs the bytes that are to be signed; 0 or a negative code. The core hands in its env's. */
typedef int rn_sign_fn(void *arg, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]);

/* Attests `n` heads (1 to RN_MAX_ATTESTED) with one signature; `out` has room for n. 0 or a negative
 * code. */
int rn_attest(struct rn_hasher *h, const struct rn_head *heads, size_t n, rn_sign_fn *sign, void *arg,
              struct rn_attestation *out, struct runnel_err *err);
/* Checks that `author` attested this head. 0, or -RUNNEL_EDAMAGED. Costs one signature check; callers
 * that check many heads of one commit may remember the last good (author, number, root, signature) in
 * `memo` (zeroed at first; NULL: none) to skip it. */
struct rn_attested_memo {
    uint8_t known;
    struct rn_key author;
    uint64_t n;
    struct rn_hash root;
    uint8_t signature[RN_SIGNATURE];
};
int rn_head_check(struct rn_hasher *h, const struct rn_head *head, const struct rn_attestation *a,
                  const struct rn_key *author, struct rn_attested_memo *memo, struct runnel_err *err);
/* As rn_head_check, with signatures checked by the caller's function (as rn_verify). The core hands in its env's. */
typedef int rn_verify_fn(void *arg, const struct rn_key *id, const char *purpose, const void *p, size_t n,
                         const uint8_t sig[RN_SIGNATURE]);
int rn_head_check_by(struct rn_hasher *h, const struct rn_head *head, const struct rn_attestation *a,
                     const struct rn_key *author, rn_verify_fn *verify, void *arg, struct rn_attested_memo *memo,
                     struct runnel_err *err);

/* A head with its attestation, as stored and sent: encoded head, then encoded attestation. */
struct rn_signed_head {
    struct rn_head head;
    struct rn_attestation attestation;
};
int rn_signed_head_encode(const struct rn_signed_head *s, struct rn_buf *out);
int rn_signed_head_decode(const void *p, size_t n, struct rn_signed_head *out, struct runnel_err *err);

#ifdef __cplusplus
}
#endif
#endif
