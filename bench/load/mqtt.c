/* SPDX-License-Identifier: MIT
 * mqtt.c — MQTT 3.1.1 at QoS 0, as far as a load driver speaks it.
 * May touch: nothing but the buffers of a connection.
 */
#include "base/err.h"
#include "bench/load/proto.h"
#include <stdio.h>
#include <string.h>

#define MOST 1048576u /* bytes of a packet */

enum { CONNECT = 0x10, CONNACK = 0x20, PUBLISH = 0x30, SUBSCRIBE = 0x82, SUBACK = 0x90 };

/* A packet's type and remaining length: seven bits a byte, the lowest first. */
static void start(struct rn_buf *b, int type, size_t n) {
    (void)rn_buf_byte(b, (uint8_t)type);
    (void)rn_buf_leb(b, n);
}

static int text(struct rn_buf *b, const char *s) {
    size_t n = strlen(s);
    (void)rn_buf_byte(b, (uint8_t)(n >> 8));
    (void)rn_buf_byte(b, (uint8_t)n);
    return rn_buf_add(b, s, n);
}

static int hello(struct load_conn *c, struct runnel_err *err) {
    static const uint8_t clean[] = {4, 2, 0, 0}; /* version, clean session, no keep-alive */
    char id[24];
    (void)snprintf(id, sizeof id, "load%u", c->number);
    start(&c->out, CONNECT, 6 + sizeof clean + 2 + strlen(id));
    (void)text(&c->out, "MQTT");
    (void)rn_buf_add(&c->out, clean, sizeof clean);
    return text(&c->out, id) < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no hello") : 0;
}

static int cast(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err) {
    start(&c->out, PUBLISH, 2 + strlen(c->stream) + value.n);
    (void)text(&c->out, c->stream);
    c->made++;
    return rn_buf_add(&c->out, value.p, value.n) < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no publish") : 0;
}

static int subscribe(struct load_conn *c, struct runnel_err *err) {
    start(&c->out, SUBSCRIBE, 2 + 2 + strlen(c->stream) + 1);
    (void)rn_buf_byte(&c->out, 0);
    (void)rn_buf_byte(&c->out, 1); /* the packet's id */
    (void)text(&c->out, c->stream);
    return rn_buf_byte(&c->out, 0) < 0 ? rn_fail(err, RUNNEL_ENOMEM, "no subscription") : 0;
}

static int told(struct load_conn *c, int type, const uint8_t *p, size_t n, struct runnel_err *err) {
    if (type == PUBLISH && n >= 2) {
        size_t topic = 2 + ((size_t)p[0] << 8 | p[1]);
        if (topic <= n)
            return c->calls->value ? c->calls->value(c, (struct runnel_bytes){p + topic, n - topic}, err) : 0;
    }
    if ((type == CONNACK && n == 2 && p[1] == 0) || (type == SUBACK && n == 3 && p[2] == 0)) {
        c->phase++;
        return c->calls->ready ? c->calls->ready(c, err) : 0;
    }
    return rn_fail(err, RUNNEL_EIO, "mqtt: a packet of type %d with %zu bytes was not expected", type >> 4, n);
}

static long take(struct load_conn *c, const uint8_t *p, size_t n, struct runnel_err *err) {
    size_t length = 0, at = 1;
    for (unsigned shift = 0;; shift += 7, at++) {
        if (at >= n)
            return 0;
        length |= (size_t)(p[at] & 127) << shift;
        if (length > MOST || shift > 21)
            return rn_fail(err, RUNNEL_EDAMAGED, "mqtt: a packet of more than %u bytes", MOST);
        if (p[at] < 128)
            break;
    }
    at++;
    if (n - at < length)
        return 0;
    int r = told(c, p[0], p + at, length, err);
    return r < 0 ? r : (long)(at + length);
}

const struct load_proto load_mqtt = {
    .name = "mqtt", .hello = hello, .cast = cast, .subscribe = subscribe, .take = take};
