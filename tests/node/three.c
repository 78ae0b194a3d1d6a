/* SPDX-License-Identifier: MIT
 * three.c — makes it, alters its disk, holds it against fsck and verify (three.h).
 * May touch: the world.
 */
#include "tests/node/three.h"
#include <string.h>

void three_init(struct three *t, uint64_t seed) {
    char name[4] = "s0";
    bed_init(&t->b, seed);
    t->c = client_new(&t->b, "a", 1);
    for (int i = 0; i < 3; i++) {
        name[1] = (char)('0' + i);
        t->id[i] = make_stream(t->c, name);
        publish_many(t->c, &t->id[i], 0, 700, 350);
    }
}

void three_restart(struct three *t) {
    bed_restart(&t->b, bed_a(&t->b));
    client_close(t->c);
    t->c = client_new(&t->b, "a", 1);
}

void disk_put(struct sim_node *n, const struct rn_place *p, struct runnel_bytes data) {
    struct runnel_change c = {.what = RUNNEL_PUT, .key = rn_place_bytes(p), .data = data};
    uint64_t number;
    struct runnel_err err;
    assert_int_equal(rn_memory_apply(n->disk.map, &c, 1, &number, &err), 0);
    rn_memory_sync(n->disk.map, number);
}

void disk_flip(struct sim_node *n, const struct rn_place *p, size_t bit) {
    struct runnel_bytes val;
    struct rn_buf b = {.n = 0};
    assert_true(rn_memory_get(n->disk.map, rn_place_bytes(p), &val));
    assert_true(bit / 8 < val.n);
    assert_int_equal(rn_buf_add(&b, val.p, val.n), 0);
    b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    disk_put(n, p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

void three_checked(struct three *t, struct client *c) {
    (void)client_ask(c, "{\"method\":\"fsck\",\"mend\":true}");
    for (size_t k = 0; k < 3; k++)
        (void)client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\",\"mend\":true}", id_text(&t->id[k]).s);
    sim_run(&t->b.w, 10 * SIM_S); /* what is erased goes in slices */
    struct got *g = client_ask(c, "{\"method\":\"fsck\"}");
    if (!got_bool(g, "ok") || got_u64(g, "found") != 0)
        fail_msg("%.*s", (int)g->f.body.n, (const char *)g->bytes);
    for (size_t k = 0; k < 3; k++) {
        g = client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&t->id[k]).s);
        if (!got_bool(g, "ok"))
            fail_msg("%.*s", (int)g->f.body.n, (const char *)g->bytes);
    }
}

int disk_key(struct sim_node *n, size_t i, struct rn_place *p) {
    struct runnel_bytes key = {NULL, 0}, val;
    bool more = rn_memory_seek(n->disk.map, key, false, &key, &val);
    for (; more && i > 0; i--)
        more = rn_memory_seek(n->disk.map, key, true, &key, &val);
    if (more) {
        memcpy(p->b, key.p, key.n);
        p->n = key.n;
    }
    return more;
}

void disk_harm(struct sim_node *n, const struct rn_place *p, enum harm how, struct sim_rand *r) {
    struct runnel_change erase = {.what = RUNNEL_ERASE, .key = rn_place_bytes(p)};
    struct runnel_bytes val;
    struct runnel_err err;
    uint64_t number;
    struct rn_buf b = {.n = 0};
    if (how == GONE) {
        assert_int_equal(rn_memory_apply(n->disk.map, &erase, 1, &number, &err), 0);
        rn_memory_sync(n->disk.map, number);
        return;
    }
    assert_true(rn_memory_get(n->disk.map, rn_place_bytes(p), &val));
    assert_int_equal(rn_buf_add(&b, val.p, val.n), 0);
    size_t at = (size_t)sim_between(r, 0, (int64_t)val.n - 1);
    if (how == ONE_BIT)
        b.p[at] ^= (uint8_t)(1u << sim_between(r, 0, 7));
    else if (how == MANY_BITS)
        for (size_t i = at; i < b.n && i < at + 20; i++)
            b.p[i] ^= (uint8_t)sim_between(r, 1, 255);
    else if (how == SHORTER)
        rn_buf_cut(&b, at);
    else
        assert_int_equal(rn_buf_add(&b, "1234567890", 10), 0);
    disk_put(n, p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

uint64_t three_reads_right(struct three *t, struct client *c, size_t i) {
    uint64_t h = client_send(c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t->id[i]).s);
    if (client_answer(c, h)->f.type == RN_FRAME_ERROR)
        return 0;
    uint64_t count = got_u64(client_answer(c, h), "count");
    assert_true(count <= 710);
    uint64_t f =
        client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"until\":%d}", id_text(&t->id[i]).s, (int)count);
    sim_run(&t->b.w, 12 * SIM_S);
    struct taken got = client_taken(c, f, 0, 1);
    assert_non_null(got.end);
    if (got.next < count)
        assert_string_equal(got_str(got.state, "code"), "damaged");
    for (uint64_t k = 1; k < 700; k += 233) { /* a time in the middle: right, or an error */
        uint64_t at = client_send(c, "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", id_text(&t->id[i]).s,
                                  (long long)many_time(k));
        struct got *g = client_answer(c, at);
        if (g->f.type == RN_FRAME_ERROR)
            continue;
        uint64_t seq = got_u64(g, "seq");
        assert_true(seq < 700 && many_time(seq) <= many_time(k)); /* the stream may have grown */
        assert_true(seq + 1 >= count || many_time(seq + 1) > many_time(k));
    }
    return got.next;
}
