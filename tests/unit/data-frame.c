/* SPDX-License-Identifier: MIT
 * data-frame.c — tests of frame: every type goes round, every truncation waits, what is malformed is refused.
 * May touch: the heap.
 */
#include "base/buf.h"
#include "base/err.h"
#include "check.h"
#include "data/frame.h"
#include <string.h>

static const uint8_t BODY[64] = "{\"method\":\"ping\"}, and some more bytes to make it up to 64.....";
static const struct runnel_id STREAM = {{1, 2, 3, 4, 5, 6, 0x87, 8, 0x99, 10, 11, 12, 13, 14, 15, 16}};

static struct runnel_bytes body(size_t n) {
    return (struct runnel_bytes){BODY, n};
}

/* Appends one frame of the given type with its fields from `x`. */
static int put_frame(struct rn_buf *b, enum rn_frame_type type, uint64_t x, struct runnel_bytes bytes) {
    int64_t t = (int64_t)(x * UINT64_C(0x9e3779b97f4a7c15));
    uint8_t flags = x % 2 ? RN_PUBLISH_SEQ : 0;
    switch (type) {
    case RN_FRAME_PUBLISH:
        return rn_frame_publish(b, x, &STREAM, flags, x / 2, t, bytes);
    case RN_FRAME_PUBLISHED:
        return rn_frame_published(b, x, x / 2, x / 3, t, -t);
    case RN_FRAME_DATA:
        return rn_frame_data(b, x, x / 2, t, bytes);
    case RN_FRAME_HEAD:
        return rn_frame_head(b, x, bytes);
    case RN_FRAME_CREDIT:
        return rn_frame_credit(b, x, x / 3);
    case RN_FRAME_HASHES:
        return rn_frame_hashes(b, x, bytes);
    default:
        return rn_frame_json(b, type, x, bytes);
    }
}

static void expect(const struct rn_frame *f, enum rn_frame_type type, uint64_t x, struct runnel_bytes bytes) {
    int64_t t = (int64_t)(x * UINT64_C(0x9e3779b97f4a7c15));
    int publish = type == RN_FRAME_PUBLISH, published = type == RN_FRAME_PUBLISHED, data = type == RN_FRAME_DATA;
    assert_int_equal(f->type, type);
    assert_true(f->id == (type == RN_FRAME_HELLO ? 0 : x));
    assert_true(f->seq == ((publish && x % 2) || published || data ? x / 2 : 0));
    assert_true(f->count == (published || type == RN_FRAME_CREDIT ? x / 3 : 0));
    assert_true(f->base == (publish || published || data ? t : 0));
    assert_true(f->last == (published ? -t : 0));
    assert_int_equal(f->flags, publish && x % 2 ? RN_PUBLISH_SEQ : 0);
    if (publish)
        assert_memory_equal(f->stream.b, STREAM.b, sizeof STREAM.b);
    if (published || type == RN_FRAME_CREDIT)
        bytes.n = 0;
    assert_int_equal(f->body.n, bytes.n);
    assert_memory_equal(f->body.p ? f->body.p : BODY, BODY, bytes.n);
}

/* One frame: decodes to what went in; each shorter piece of it waits; bytes of the next do not disturb it. */
static void check_round(enum rn_frame_type type, uint64_t x, size_t n) {
    struct rn_buf b = {0};
    struct rn_frame f;
    assert_int_equal(put_frame(&b, type, x, body(n)), 0);
    for (size_t cut = 0; cut < b.n; cut++)
        assert_int_equal(rn_frame_get(b.p, cut, &f, NULL), 0);
    int whole = (int)b.n;
    assert_int_equal(rn_frame_get(b.p, b.n, &f, NULL), whole);
    expect(&f, type, x, body(n));
    assert_int_equal(rn_buf_add(&b, "\xff\xff", 2), 0);
    assert_int_equal(rn_frame_get(b.p, b.n, &f, NULL), whole);
    expect(&f, type, x, body(n));
    rn_buf_free(&b);
}

static void every_type_goes_round(void **state) {
    (void)state;
    static const uint64_t xs[] = {0, 1, 2, 127, 128, 300, UINT32_MAX, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX};
    for (unsigned type = RN_FRAME_HELLO; type <= RN_FRAME_HASHES; type++)
        for (size_t i = 0; i < sizeof xs / sizeof xs[0]; i++)
            for (size_t n = 0; n <= sizeof BODY; n += 32)
                check_round((enum rn_frame_type)type, xs[i], n);
}

/* A frame whose length is cut or stretched to what its body does not fill is malformed or another body, never read
 * beyond its end. */
static void lengths_must_fit(void **state) {
    (void)state;
    static const enum rn_frame_type fixed[] = {RN_FRAME_PUBLISHED, RN_FRAME_CREDIT};
    for (size_t i = 0; i < 2; i++) {
        struct rn_buf b = {0};
        struct rn_frame f;
        struct runnel_err err;
        assert_int_equal(put_frame(&b, fixed[i], 300, body(0)), 0);
        uint32_t length = (uint32_t)b.n - RN_FRAME_LENGTH;
        for (uint32_t claimed = 1; claimed < length; claimed++) {
            rn_put_le32(b.p, claimed);
            assert_int_equal(rn_frame_get(b.p, b.n, &f, &err), -RUNNEL_EINVALID);
        }
        rn_put_le32(b.p, length + 1);
        assert_int_equal(rn_buf_byte(&b, 0), 0);
        assert_int_equal(rn_frame_get(b.p, b.n, &f, &err), -RUNNEL_EINVALID);
        rn_buf_free(&b);
    }
}

/* Decodes a frame of the given body. */
static int get(const void *p, size_t n) {
    struct rn_buf b = {0};
    struct rn_frame f;
    assert_int_equal(rn_buf_le32(&b, (uint32_t)n), 0);
    assert_int_equal(rn_buf_add(&b, p, n), 0);
    int rc = rn_frame_get(b.p, b.n, &f, NULL);
    rn_buf_free(&b);
    return rc;
}

static void malformed_frames_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *p;
        size_t n;
        int want;
    } of[] = {
        {"", 0, -RUNNEL_EINVALID},
        {"\x00", 1, -RUNNEL_EUNSUPPORTED},
        {"\x0c", 1, -RUNNEL_EUNSUPPORTED},
        {"\xff", 1, -RUNNEL_EUNSUPPORTED},
        {"\x01", 1, 5},                        /* HELLO: nothing in it, which its reader refuses */
        {"\x02", 1, -RUNNEL_EINVALID},         /* REQUEST without id */
        {"\x02\x80", 2, -RUNNEL_EINVALID},     /* id cut */
        {"\x02\x80\x00", 3, -RUNNEL_EINVALID}, /* id not the shortest */
        {"\x02\x00", 2, 6},
        {"\x07\x01\x81\x00", 4, -RUNNEL_EINVALID},
        {"\x07\x01\x01\0\0\0\0\0\0\0", 10, -RUNNEL_EINVALID}, /* DATA: base cut */
        {"\x07\x01\x01\0\0\0\0\0\0\0\0", 11, 15},
        {"\x0a\x01\x01\x00", 4, -RUNNEL_EINVALID}, /* CREDIT with more behind it */
        {"\x0a\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 12, -RUNNEL_EINVALID},
        {"\x0b\x01"
         "0123456789012345678901234567890",
         33, -RUNNEL_EINVALID}, /* 31 bytes of hashes */
        {"\x05\x01"
         "0123456789abcdef\x04\0\0\0\0\0\0\0\0",
         27, -RUNNEL_EINVALID}, /* PUBLISH: FRESH without SEQ */
        {"\x05\x01"
         "0123456789abcdef\x08\0\0\0\0\0\0\0\0",
         27, -RUNNEL_EINVALID}, /* PUBLISH: unknown flag */
        {"\x05\x01"
         "0123456789abcdef\x05\x01\0\0\0\0\0\0\0\0",
         28, 32},
        {"\x05\x01"
         "0123456789abcdef\x02\0\0\0\0\0\0\0\0",
         27, 31},
        {"\x05\x01"
         "0123456789abcdef\x02\0\0\0\0\0\0\0\1",
         27, -RUNNEL_EINVALID}, /* PUBLISH NOW with a base */
        {"\x05\x01"
         "0123456789abcdef\x01\x80\x00\0\0\0\0\0\0\0\0",
         29, -RUNNEL_EINVALID},
        {"\x05\x01"
         "0123456789abcdef\x01\x05\0\0\0\0\0\0\0",
         27, -RUNNEL_EINVALID},
        {"\x05\x01"
         "0123456789abcde",
         17, -RUNNEL_EINVALID},
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        assert_int_equal(get(of[i].p, of[i].n), of[i].want);
}

static void what_is_too_long_is_refused_at_once(void **state) {
    (void)state;
    uint8_t length[4];
    struct rn_frame f;
    struct runnel_err err;
    rn_put_le32(length, RN_MAX_FRAME);
    assert_int_equal(rn_frame_get(length, 4, &f, &err), 0);
    rn_put_le32(length, RN_MAX_FRAME + 1);
    assert_int_equal(rn_frame_get(length, 4, &f, &err), -RUNNEL_ETOOBIG);
    rn_put_le32(length, UINT32_MAX);
    assert_int_equal(rn_frame_get(length, 4, &f, &err), -RUNNEL_ETOOBIG);
    rn_put_le32(length, 0);
    assert_int_equal(rn_frame_get(length, 4, &f, &err), -RUNNEL_EINVALID);
}

static void writers_keep_the_limits(void **state) {
    (void)state;
    static const uint8_t much[RN_MAX_FRAME + 32] = {0};
    struct rn_buf b = {0};
    struct rn_frame f;
    assert_int_equal(rn_buf_str(&b, "before"), 0);
    struct runnel_bytes fits = {much, RN_MAX_FRAME - 2}, over = {much, RN_MAX_FRAME - 1};
    assert_int_equal(rn_frame_json(&b, RN_FRAME_REQUEST, 1, over), -RUNNEL_ETOOBIG);
    assert_int_equal(b.n, 6);
    assert_int_equal(rn_frame_json(&b, RN_FRAME_REQUEST, 1, fits), 0);
    assert_int_equal(rn_frame_get(b.p + 6, b.n - 6, &f, NULL), RN_MAX_FRAME + 4);
    size_t n = b.n;
    struct runnel_bytes hashes = {much, (RN_MAX_HASHES + 1) * RN_HASH}, ragged = {much, 33};
    assert_int_equal(rn_frame_hashes(&b, 1, hashes), -RUNNEL_ETOOBIG);
    assert_int_equal(rn_frame_hashes(&b, 1, ragged), -RUNNEL_EINVALID);
    struct runnel_bytes run = {much, RN_RUN_MAX};
    assert_int_equal(b.n, n);
    assert_int_equal(rn_frame_publish(&b, UINT64_MAX, &STREAM, RN_PUBLISH_SEQ, UINT64_MAX, -1, run), 0);
    assert_int_equal(rn_frame_data(&b, UINT64_MAX, UINT64_MAX, -1, run), 0);
    rn_buf_free(&b);
}

static void a_full_buffer_stays_as_it_was(void **state) {
    (void)state;
    struct rn_buf b;
    rn_buf_init(&b, 20);
    assert_int_equal(rn_frame_credit(&b, 1, 1), 0);
    size_t n = b.n;
    assert_int_equal(rn_frame_json(&b, RN_FRAME_ANSWER, 1, body(20)), -RUNNEL_ETOOBIG);
    assert_int_equal(b.n, n);
    assert_int_equal(rn_frame_credit(&b, 1, 1), 0);
    rn_buf_free(&b);
}

/* Random bytes never make the reader read outside (the sanitizers watch) nor take more than there is. */
static void random_bytes_do_no_harm(void **state) {
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[48];
        struct rn_frame f;
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)check_random(&seed);
        rn_put_le32(bytes, (uint32_t)check_below(&seed, 50));
        bytes[4] = (uint8_t)check_below(&seed, 13);
        size_t n = check_below(&seed, sizeof bytes + 1);
        int rc = rn_frame_get(bytes, n, &f, NULL);
        assert_true(rc <= (int)n);
        if (rc > 0 && f.body.n)
            assert_true(f.body.p >= bytes && f.body.p + f.body.n == bytes + rc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_goes_round),        cmocka_unit_test(lengths_must_fit),
        cmocka_unit_test(malformed_frames_are_refused), cmocka_unit_test(what_is_too_long_is_refused_at_once),
        cmocka_unit_test(writers_keep_the_limits),      cmocka_unit_test(a_full_buffer_stays_as_it_was),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests_name("data-frame", tests, NULL, NULL);
}
