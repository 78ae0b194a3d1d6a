/* SPDX-License-Identifier: MIT
 * base64.c — three bytes are four letters (base64.h).
 * May touch: nothing but its arguments.
 */
#include "base/base64.h"

#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int rn_base64_add(struct rn_buf *b, const void *p, size_t n) {
    const uint8_t *in = p;
    size_t text = (n + 2) / 3 * 4;
    uint8_t *out = rn_buf_room(b, text);
    if (!out)
        return b->failed;
    for (size_t i = 0; i < n; i += 3, out += 4) {
        size_t k = n - i < 3 ? n - i : 3;
        uint32_t v = (uint32_t)in[i] << 16 | (k > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (k > 2 ? in[i + 2] : 0u);
        out[0] = (uint8_t)letters[v >> 18];
        out[1] = (uint8_t)letters[v >> 12 & 63];
        out[2] = k > 1 ? (uint8_t)letters[v >> 6 & 63] : '=';
        out[3] = k > 2 ? (uint8_t)letters[v & 63] : '=';
    }
    b->n += text;
    return 0;
}

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four letters, of which the last `pad` are '='. Bits that stand for nothing must be 0: one spelling only. */
static int group(const char *s, unsigned pad, uint8_t out[3]) {
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) {
        int d = i >= 4 - pad ? (s[i] == '=' ? 0 : -1) : value_of(s[i]);
        if (d < 0)
            return -1;
        v = v << 6 | (uint32_t)d;
    }
    out[0] = (uint8_t)(v >> 16);
    out[1] = (uint8_t)(v >> 8);
    out[2] = (uint8_t)v;
    return (pad > 0 && out[2]) || (pad > 1 && out[1]) ? -1 : 0;
}

int rn_base64_parse(const char *s, size_t n, struct rn_buf *out) {
    if (n % 4 != 0)
        return -RUNNEL_EINVALID;
    unsigned pad = n && s[n - 1] == '=' ? (s[n - 2] == '=' ? 2 : 1) : 0;
    uint8_t *to = rn_buf_room(out, n / 4 * 3 + 1);
    if (!to)
        return out->failed;
    for (size_t i = 0; i < n; i += 4, to += 3) {
        uint8_t three[3];
        unsigned p = i + 4 == n ? pad : 0;
        if (group(s + i, p, three) != 0)
            return -RUNNEL_EINVALID;
        memcpy(to, three, 3 - p);
    }
    out->n += n / 4 * 3 - pad;
    return 0;
}
