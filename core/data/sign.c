/* SPDX-License-Identifier: MIT
 * sign.c — Ed25519 by libsodium, over the purpose, one NUL and the bytes.
 * May touch: libsodium.
 */
#include "data/sign.h"

#include <sodium.h>
#include <string.h>

#define PURPOSE_MAX 63u
#define SIGNED_MAX 4096u

_Static_assert(RN_KEY == crypto_sign_ed25519_PUBLICKEYBYTES, "a node id is an Ed25519 public key");
_Static_assert(RN_SEED == crypto_sign_ed25519_SEEDBYTES, "seed");
_Static_assert(RN_SIGNATURE == crypto_sign_ed25519_BYTES, "signature");
_Static_assert(sizeof(((struct rn_pair *)0)->secret) == crypto_sign_ed25519_SECRETKEYBYTES, "secret");

int rn_pair_from_seed(const uint8_t seed[RN_SEED], struct rn_pair *out) {
    return crypto_sign_ed25519_seed_keypair(out->id.b, out->secret, seed) == 0 ? 0 : -RUNNEL_EINTERNAL;
}

void rn_pair_wipe(struct rn_pair *pair) {
    sodium_memzero(pair, sizeof *pair);
}

/* What is signed: the purpose keeps a signature made for one thing from being shown for another. */
struct message {
    uint8_t b[PURPOSE_MAX + 1 + SIGNED_MAX];
    size_t n;
};

static int compose(struct message *m, const char *purpose, const void *p, size_t n) {
    size_t n_purpose = strlen(purpose);
    if (n_purpose == 0 || n_purpose > PURPOSE_MAX)
        return -RUNNEL_EINVALID;
    if (n > SIGNED_MAX)
        return -RUNNEL_ETOOBIG;
    memcpy(m->b, purpose, n_purpose + 1);
    if (n)
        memcpy(m->b + n_purpose + 1, p, n);
    m->n = n_purpose + 1 + n;
    return 0;
}

int rn_sign(const struct rn_pair *pair, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    struct message m;
    int rc = compose(&m, purpose, p, n);
    if (rc < 0)
        return rc;
    return crypto_sign_ed25519_detached(sig, NULL, m.b, m.n, pair->secret) == 0 ? 0 : -RUNNEL_EINTERNAL;
}

int rn_verify(const struct rn_key *id, const char *purpose, const void *p, size_t n, const uint8_t sig[RN_SIGNATURE]) {
    struct message m;
    int rc = compose(&m, purpose, p, n);
    if (rc < 0)
        return rc;
    return crypto_sign_ed25519_verify_detached(sig, m.b, m.n, id->b) == 0 ? 0 : -RUNNEL_EDAMAGED;
}
