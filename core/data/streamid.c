/* SPDX-License-Identifier: MIT
 * streamid.c — stream ids: of a descriptor's hash, and as text (descriptor.h).
 * May touch: nothing. Standard: RFC 9562.
 */
#include "data/descriptor.h"

#include <string.h>

struct runnel_id rn_stream_id(const struct rn_hash *descriptor) {
    struct runnel_id id;
    memcpy(id.b, descriptor->b, sizeof id.b);
    id.b[6] = (uint8_t)((id.b[6] & 0x0f) | 0x80);
    id.b[8] = (uint8_t)((id.b[8] & 0x3f) | 0x80);
    return id;
}

/* Whether a hyphen stands before byte `i`. */
static int hyphen_before(size_t i) {
    return i == 4 || i == 6 || i == 8 || i == 10;
}

char *rn_id_format(const struct runnel_id *id, char out[RN_ID_TEXT]) {
    char *at = out;
    for (size_t i = 0; i < sizeof id->b; i++) {
        if (hyphen_before(i))
            *at++ = '-';
        *at++ = "0123456789abcdef"[id->b[i] >> 4];
        *at++ = "0123456789abcdef"[id->b[i] & 15];
    }
    *at = 0;
    return out;
}

int rn_id_parse(const char *s, size_t n, struct runnel_id *out) {
    size_t at = 0;
    if (n != RN_ID_TEXT - 1)
        return -RUNNEL_EINVALID;
    for (size_t i = 0; i < sizeof out->b; i++) {
        if (hyphen_before(i) && s[at++] != '-')
            return -RUNNEL_EINVALID;
        if (rn_hex_parse(s + at, 2, &out->b[i], 1) != 0)
            return -RUNNEL_EINVALID;
        at += 2;
    }
    return 0;
}

int rn_id_equal(const struct runnel_id *a, const struct runnel_id *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}
