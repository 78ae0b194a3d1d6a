/* SPDX-License-Identifier: MIT
 * sign.h — Ed25519 signatures over bytes that begin with their purpose.
 * May touch: libsodium. Standard: RFC 8032.
 */
#ifndef RN_DATA_SIGN_H
#define RN_DATA_SIGN_H

#include <runnel/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RN_KEY 32u
#define RN_SEED 32u
#define RN_SIGNATURE 64u

/* What a signature is for; signed bytes begin with it and one NUL. */
#define RN_PURPOSE_HEAD "runnel/head/1"
#define RN_PURPOSE_ALIVE "runnel/alive/1"

/* A node id: an Ed25519 public key. */
struct rn_key {
    uint8_t b[RN_KEY];
};

/* A key pair; wipe it with rn_pair_wipe. */
struct rn_pair {
    struct rn_key id;
    uint8_t secret[64];
};

/* Derives the pair from its seed (RFC 8032 section 5.1.5); deterministic. 0 or -RUNNEL_EINTERNAL. */
int rn_pair_from_seed(const uint8_t seed[RN_SEED], struct rn_pair *out);
void rn_pair_wipe(struct rn_pair *pair);

/* Signs purpose || 0x00 || the bytes. `n` at most 4096. 0 or a negative code. */
int rn_sign(const struct rn_pair *pair, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]);
/* 0 when the signature is by `id` over just that; -RUNNEL_EDAMAGED when not. */
int rn_verify(const struct rn_key *id, const char *purpose, const void *p, size_t n, const uint8_t sig[RN_SIGNATURE]);

#ifdef __cplusplus
}
#endif
#endif
