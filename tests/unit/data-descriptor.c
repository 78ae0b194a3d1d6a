/* SPDX-License-Identifier: MIT
 * data-descriptor.c — tests of descriptor: the one spelling is read, every other is refused, a free one is made it.
 * May touch: the heap.
 */
#include "base/buf.h"
#include "check.h"
#include "data/descriptor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
#define AUTHOR "\"author\":\"" A "\""
#define NAMES "\"source\":\"noaa\",\"stream\":\"co2\",\"target\":\"mlo\"}"
#define ROOT "\"0000000000000000000000000000000000000000000000000000000000000fff\""
#define PRIOR(count, id, mode, root)                                                                                   \
    "{" AUTHOR ",\"prior\":{\"count\":" count ",\"id\":" id ",\"mode\":" mode ",\"root\":" root "}," NAMES
#define ID "\"00112233-4455-8677-8899-aabbccddeeff\""
#define META(meta) "{" AUTHOR ",\"meta\":" meta "," NAMES

static int parse(struct rn_hasher *h, const char *text, struct rn_descriptor **out) {
    return rn_descriptor_parse(h, text, strlen(text), out, NULL);
}

/* ---- what is read ---- */

static void a_descriptor_is_read(void **state) {
    struct rn_hasher *h = *state;
    static const char text[] = "{" AUTHOR ",\"meta\":{\"cadence\":86400000,\"tags\":[\"air\",\"\xc3\xa9\"],"
                               "\"unit\":\"ppm\"}," NAMES;
    struct rn_descriptor *d;
    struct rn_hash hash = rn_sha256(h, text, sizeof text - 1);
    assert_int_equal(parse(h, text, &d), 0);
    assert_string_equal(d->source, "noaa");
    assert_string_equal(d->stream, "co2");
    assert_string_equal(d->target, "mlo");
    assert_string_equal(d->unit, "ppm");
    assert_true(d->cadence_ms == 86400000);
    assert_int_equal(d->prior.mode, RN_PRIOR_NONE);
    assert_int_equal(d->author.b[0], 0x3b);
    assert_int_equal(d->author.b[31], 0x29);
    assert_true(rn_hash_equal(&d->hash, &hash));
    struct runnel_id id = rn_stream_id(&hash);
    assert_true(rn_id_equal(&d->id, &id));
    assert_int_equal(d->bytes.n, sizeof text - 1);
    assert_memory_equal(d->bytes.p, text, sizeof text - 1);
    assert_non_null(rn_json_get(d->meta, "tags"));
    rn_descriptor_free(d);
    rn_descriptor_free(NULL);
}

static void a_prior_is_read(void **state) {
    struct rn_descriptor *d;
    assert_int_equal(parse(*state, PRIOR("9007199254740991", ID, "\"replaces\"", ROOT), &d), 0);
    assert_int_equal(d->prior.mode, RN_PRIOR_REPLACES);
    assert_true(d->prior.count == UINT64_C(9007199254740991));
    assert_int_equal(d->prior.id.b[15], 0xff);
    assert_int_equal(d->prior.root.b[31], 0xff);
    assert_null(d->meta);
    assert_null(d->unit);
    rn_descriptor_free(d);
    assert_int_equal(parse(*state, PRIOR("0", ID, "\"continues\"", ROOT), &d), 0);
    assert_int_equal(d->prior.mode, RN_PRIOR_CONTINUES);
    rn_descriptor_free(d);
}

static void what_is_canonical_is_accepted(void **state) {
    static const char *const ok[] = {
        "{" AUTHOR "," NAMES,
        "{" AUTHOR ",\"source\":\"a\",\"stream\":\"b\",\"target\":\"\"}",
        META("{}"),
        META("{\"\":0,\"A\":-1,\"a\":-9007199254740991,\"aa\":{},\"b\":[]}"),
        META("{\"x\":[[],[1,[2,{\"y\":\"z\"}]]]}"),
        META("{\"x\":\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/\x7f\xe2\x82\xac\xf0\x9f\x98\x80\"}"),
        META("{\"a\\nb\":1}"),
        META("{\"description\":\"d\",\"tags\":[]}"),
    };
    for (size_t i = 0; i < sizeof ok / sizeof ok[0]; i++) {
        struct rn_descriptor *d;
        assert_int_equal(parse(*state, ok[i], &d), 0);
        rn_descriptor_free(d);
    }
}

/* ---- what is refused ---- */

/* Long because it is the table of all spellings. */
static void every_other_spelling_is_refused(void **state) {
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "\"x\"",
        "1",
        "{" AUTHOR "," NAMES " ",
        " {" AUTHOR "," NAMES,
        "{ " AUTHOR "," NAMES,
        "{" AUTHOR ", " NAMES,
        "{" AUTHOR "," NAMES "{}",
        "{" AUTHOR ",\"stream\":\"co2\",\"source\":\"noaa\",\"target\":\"mlo\"}", /* order */
        META("{\"b\":1,\"a\":1}"),
        META("{\"aa\":1,\"a\":1}"),
        META("{\"a\":1,\"A\":1}"),
        META("{\"a\":1,\"a\":1}"), /* twice */
        META("{\"a\":1,\"\\u0061\":1}"),
        META("{\"\\u0061\":1}"), /* escapes */
        META("{\"a\":\"\\u0061\"}"),
        META("{\"a\":\"\\/\"}"),
        META("{\"a\":\"\\u000a\"}"),
        META("{\"a\":\"\\u001F\"}"),
        META("{\"a\":\"\\u00e9\"}"),
        META("{\"a\":\"\\ud83d\\ude00\"}"),
        META("{\"a\":\"\\ud800\"}"),
        META("{\"a\":\"\x01\"}"),
        META("{\"a\":\"\xff\"}"), /* not UTF-8 */
        META("{\"a\":\"\xed\xa0\x80\"}"),
        META("{\"a\":1.0}"), /* numbers */
        META("{\"a\":1.5}"),
        META("{\"a\":1e3}"),
        META("{\"a\":-0}"),
        META("{\"a\":01}"),
        META("{\"a\":+1}"),
        META("{\"a\":9007199254740992}"),
        META("{\"a\":-9007199254740992}"),
        META("{\"a\":9223372036854775807}"),
        META("{\"a\":99999999999999999999}"),
        META("{\"a\":true}"), /* kinds */
        META("{\"a\":false}"),
        META("{\"a\":null}"),
        META("{\"a\":[null]}"),
        META("{\"\xc3\xa9\":1}"), /* key not ASCII */
        META("[]"),
        META("\"x\""),
        META("{\"unit\":1}"),
        META("{\"unit\":\"a\\u0000b\"}"),
        META("{\"cadence\":-1}"),
        META("{\"cadence\":\"1s\"}"),
        META("{\"description\":[]}"),
        META("{\"tags\":\"a\"}"),
        META("{\"tags\":[1]}"),
        META("{\"tags\":[\"a\",[\"b\"]]}"),
        META("{/**/}"),
        "{" AUTHOR ",\"other\":1," NAMES, /* members */
        "{" AUTHOR ",\"authors\":1," NAMES,
        "{\"aut\":1," AUTHOR "," NAMES,
        "{" AUTHOR ",\"source\":\"noaa\",\"stream\":\"co2\"}",
        "{" AUTHOR ",\"source\":\"noaa\",\"target\":\"co2\"}",
        "{" AUTHOR ",\"stream\":\"noaa\",\"target\":\"co2\"}",
        "{" NAMES,
        "{" AUTHOR ",\"source\":\"\",\"stream\":\"b\",\"target\":\"\"}", /* names */
        "{" AUTHOR ",\"source\":\"a\",\"stream\":\"\",\"target\":\"\"}",
        "{" AUTHOR ",\"source\":\"a/b\",\"stream\":\"b\",\"target\":\"\"}",
        "{" AUTHOR ",\"source\":\"a\",\"stream\":\"b\",\"target\":\"/\"}",
        "{" AUTHOR ",\"source\":\"a\\n\",\"stream\":\"b\",\"target\":\"\"}",
        "{" AUTHOR ",\"source\":\"a\\u0000\",\"stream\":\"b\",\"target\":\"\"}",
        "{" AUTHOR ",\"source\":\"a\x7f\",\"stream\":\"b\",\"target\":\"\"}",
        "{" AUTHOR ",\"source\":\"a\xc2\x85\",\"stream\":\"b\",\"target\":\"\"}",
        "{" AUTHOR ",\"source\":1,\"stream\":\"b\",\"target\":\"\"}",
        "{\"author\":\"3B6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29\"," NAMES, /* author */
        "{\"author\":\"3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da2\"," NAMES,
        "{\"author\":\"3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da290\"," NAMES,
        "{\"author\":\"gb6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29\"," NAMES,
        "{\"author\":1," NAMES,
        "{" AUTHOR ",\"prior\":1," NAMES, /* prior */
        "{" AUTHOR ",\"prior\":{}," NAMES,
        PRIOR("-1", ID, "\"continues\"", ROOT),
        PRIOR("\"1\"", ID, "\"continues\"", ROOT),
        PRIOR("1", ID, "\"other\"", ROOT),
        PRIOR("1", ID, "\"continues\\u0000\"", ROOT),
        PRIOR("1", ID, "1", ROOT),
        PRIOR("1", ID, "\"continues\",\"more\":1", ROOT),
        PRIOR("1", "\"00112233-4455-8677-8899-AABBCCDDEEFF\"", "\"continues\"", ROOT),
        PRIOR("1", "\"00112233-4455-8677-8899-aabbccddeef\"", "\"continues\"", ROOT),
        PRIOR("1", "\"00112233445586778899aabbccddeeff\"", "\"continues\"", ROOT),
        PRIOR("1", ID, "\"continues\"", "\"fff\""),
        PRIOR("1", ID, "\"continues\"", "\"0000000000000000000000000000000000000000000000000000000000000FFF\""),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rn_descriptor *d;
        struct runnel_err err;
        if (parse(*state, bad[i], &d) == 0)
            fail_msg("accepted: %s", bad[i]);
        int rc = rn_descriptor_parse(*state, bad[i], strlen(bad[i]), &d, &err);
        assert_in_range(-rc, RUNNEL_EINVALID, RUNNEL_ETOOBIG);
        assert_int_equal(err.code, -rc);
        assert_true(strncmp(err.msg, "descriptor: ", 12) == 0);
        assert_null(d);
    }
}

/* Appends `n` times the character. */
static void repeat(struct rn_buf *b, uint8_t c, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_int_equal(rn_buf_byte(b, c), 0);
}

/* A descriptor with a name of `n_name` bytes and of `n` bytes in all, by its description. */
static int parse_sized(struct rn_hasher *h, size_t n_name, size_t n) {
    static const char start[] = "{" AUTHOR ",\"meta\":{\"description\":\"", middle[] = "\"},\"source\":\"";
    static const char end[] = "\",\"stream\":\"s\",\"target\":\"\"}";
    struct rn_buf b = {0};
    struct rn_descriptor *d;
    assert_int_equal(rn_buf_str(&b, start), 0);
    repeat(&b, 'd', n - n_name - strlen(start) - strlen(middle) - strlen(end));
    assert_int_equal(rn_buf_str(&b, middle), 0);
    repeat(&b, 'n', n_name);
    assert_int_equal(rn_buf_str(&b, end), 0);
    assert_int_equal(b.n, n);
    int rc = rn_descriptor_parse(h, b.p, b.n, &d, NULL);
    rn_descriptor_free(d);
    rn_buf_free(&b);
    return rc;
}

static void sizes_are_bounded(void **state) {
    assert_int_equal(parse_sized(*state, 1, 1000), 0);
    assert_int_equal(parse_sized(*state, RN_MAX_NAME, 1000), 0);
    assert_int_equal(parse_sized(*state, RN_MAX_NAME + 1, 1000), -RUNNEL_EINVALID);
    assert_int_equal(parse_sized(*state, 1, RN_MAX_DESCRIPTOR), 0);
    assert_int_equal(parse_sized(*state, 1, RN_MAX_DESCRIPTOR + 1), -RUNNEL_ETOOBIG);
}

static void depth_is_bounded(void **state) {
    for (size_t depth = 1; depth < 200; depth++) { /* arrays within meta */
        char deep[512], text[1024];
        struct rn_descriptor *d;
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        deep[2 * depth] = 0;
        snprintf(text, sizeof text, META("{\"a\":%s}"), deep);
        int rc = parse(*state, text, &d);
        assert_true(depth <= 30 ? rc == 0 : rc != 0);
        rn_descriptor_free(d);
    }
}

/* Every truncation and every altered bit is refused, or is another descriptor with another id. */
static void nothing_else_has_the_same_id(void **state) {
    char text[] = META("{\"cadence\":10,\"tags\":[\"a\"]}");
    struct rn_descriptor *d, *other;
    assert_int_equal(parse(*state, text, &d), 0);
    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_int_not_equal(rn_descriptor_parse(*state, text, n, &other, NULL), 0);
    for (size_t bit = 0; bit < 8 * (sizeof text - 1); bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        if (rn_descriptor_parse(*state, text, sizeof text - 1, &other, NULL) == 0)
            assert_false(rn_id_equal(&d->id, &other->id));
        rn_descriptor_free(other);
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
    rn_descriptor_free(d);
}

/* ---- what is made ---- */

static int make(struct rn_hasher *h, const char *text, struct rn_descriptor **out) {
    struct rn_json *o;
    struct rn_key author;
    assert_int_equal(rn_hex_parse(A, 64, author.b, RN_KEY), 0);
    assert_int_equal(rn_json_parse(text, strlen(text), NULL, &o, NULL, NULL), 0);
    int rc = rn_descriptor_make(h, o, &author, out, NULL);
    rn_json_free(o);
    return rc;
}

static void any_spelling_makes_the_one(void **state) {
    static const char want[] = META("{\"cadence\":0,\"description\":\"\xc3\xa9\\n\",\"tags\":[\"b\",\"a\"]}");
    static const char *const spelt[] = {
        want,
        " { \"target\": \"mlo\", \"stream\":\"co2\", \"source\":\"noa\\u0061\" ,\n"
        "\"meta\" : {\"tags\":[ \"b\" , \"a\"], \"description\":\"\\u00e9\\u000a\", \"cadence\":-0 } }",
        "{\"target\":\"mlo\",\"author\":\"" A "\",\"stream\":\"co2\",\"source\":\"noaa\","
        "\"meta\":{\"tags\":[\"b\",\"a\"],\"description\":\"\\u00E9\\n\",\"cadence\":0}}",
    };
    for (size_t i = 0; i < sizeof spelt / sizeof spelt[0]; i++) {
        struct rn_descriptor *d;
        assert_int_equal(make(*state, spelt[i], &d), 0);
        assert_int_equal(d->bytes.n, sizeof want - 1);
        assert_memory_equal(d->bytes.p, want, sizeof want - 1);
        rn_descriptor_free(d);
    }
}

static void making_refuses(void **state) {
    static const char *const bad[] = {
        "[]",
        "{}",
        "1",
        "{\"source\":\"a\",\"stream\":\"b\"}",
        "{\"source\":\"a\",\"stream\":\"b\",\"target\":1}",
        "{\"author\":\"" A "0\"," NAMES,
        "{\"author\":1," NAMES,
        "{\"author\":\"3B6A27BCCEB6A42D62A3A8D02A6F0D73653215771DE243A63AC048A18B59DA29\"," NAMES,
        "{\"author\":\"0000000000000000000000000000000000000000000000000000000000000000\"," NAMES,
        META("{\"a\":1.5}"),
        META("{\"a\":null}"),
        META("{\"\xc3\xa9\":1}"),
    };
    struct rn_descriptor *d;
    struct rn_key author = {{0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (make(*state, bad[i], &d) != -RUNNEL_EINVALID)
            fail_msg("made of: %s", bad[i]);
        assert_null(d);
    }
    assert_int_equal(rn_descriptor_make(*state, NULL, &author, &d, NULL), -RUNNEL_EINVALID);
}

static void what_is_too_big_is_not_made(void **state) {
    static char text[RN_MAX_DESCRIPTOR + 100], long_tag[RN_MAX_DESCRIPTOR - 200];
    struct rn_descriptor *d;
    for (size_t n = sizeof long_tag - 60; n < sizeof long_tag; n++) {
        memset(long_tag, 't', n);
        long_tag[n] = 0;
        int size = snprintf(text, sizeof text, META("{\"tags\":[\"%s\"]}"), long_tag);
        int want = size > RN_MAX_DESCRIPTOR ? -RUNNEL_ETOOBIG : 0;
        assert_int_equal(make(*state, text, &d), want);
        rn_descriptor_free(d);
    }
}

static void canonical_leaves_the_buffer_on_failure(void **state) {
    (void)state;
    struct rn_json *o;
    struct rn_buf b = {0};
    struct runnel_err err;
    assert_int_equal(rn_buf_str(&b, "before"), 0);
    assert_int_equal(rn_json_parse("[1,[2,null]]", 12, NULL, &o, NULL, NULL), 0);
    assert_int_equal(rn_canonical(o, &b, &err), -RUNNEL_EINVALID);
    rn_json_free(o);
    assert_int_equal(b.n, 6);
    rn_buf_free(&b);
}

/* ---- ids ---- */

static void ids_have_version_and_variant(void **state) {
    struct rn_hasher *h = *state;
    for (int i = 0; i < 200; i++) {
        struct rn_hash hash = rn_sha256(h, &i, sizeof i);
        struct runnel_id id = rn_stream_id(&hash), back;
        char text[RN_ID_TEXT];
        assert_int_equal(id.b[6] >> 4, 8);
        assert_int_equal(id.b[8] >> 6, 2);
        for (size_t k = 0; k < 16; k++)
            if (k != 6 && k != 8)
                assert_int_equal(id.b[k], hash.b[k]);
        assert_int_equal(strlen(rn_id_format(&id, text)), 36);
        assert_int_equal(text[14], '8');
        assert_int_equal(rn_id_parse(text, 36, &back), 0);
        assert_true(rn_id_equal(&id, &back));
        back.b[i % 16] ^= 1;
        assert_false(rn_id_equal(&id, &back));
    }
}

static void ids_are_read_strictly(void **state) {
    (void)state;
    static const char good[] = "00112233-4455-8677-8899-aabbccddeeff";
    struct runnel_id id;
    char text[38];
    assert_int_equal(rn_id_parse("00112233-4455-8677-8899-AABBCCDDEEFF", 36, &id), 0);
    for (size_t n = 0; n < 36; n++)
        assert_int_equal(rn_id_parse(good, n, &id), -RUNNEL_EINVALID);
    for (size_t i = 0; i < 36; i++) {
        memcpy(text, good, sizeof good);
        text[i] = text[i] == '-' ? '0' : '-';
        assert_int_equal(rn_id_parse(text, 36, &id), -RUNNEL_EINVALID);
    }
    snprintf(text, sizeof text, "%s0", good);
    assert_int_equal(rn_id_parse(text, 37, &id), -RUNNEL_EINVALID);
}

static int setup(void **state) {
    *state = rn_hasher_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    rn_hasher_free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_is_read),
        cmocka_unit_test(a_prior_is_read),
        cmocka_unit_test(what_is_canonical_is_accepted),
        cmocka_unit_test(every_other_spelling_is_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(nothing_else_has_the_same_id),
        cmocka_unit_test(any_spelling_makes_the_one),
        cmocka_unit_test(making_refuses),
        cmocka_unit_test(what_is_too_big_is_not_made),
        cmocka_unit_test(canonical_leaves_the_buffer_on_failure),
        cmocka_unit_test(ids_have_version_and_variant),
        cmocka_unit_test(ids_are_read_strictly),
    };
    return cmocka_run_group_tests_name("data-descriptor", tests, setup, teardown);
}
