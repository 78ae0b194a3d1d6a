/* SPDX-License-Identifier: MIT
 * base-json.c — tests of the tree and the writer: types, bounds, doubled names, offsets, round trips.
 * May touch: the heap.
 */
#include "base/json.h"
#include "base/utf8.h"
#include "check.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static struct rn_json *parse(const char *s) {
    struct rn_json *tree = NULL;
    struct runnel_err e = {0};
    if (rn_json_parse(s, strlen(s), NULL, &tree, NULL, &e) != 0)
        fail_msg("%s: %s", s, e.msg);
    assert_non_null(tree);
    return tree;
}

/* ---- the tree ---- */

static void tree_types(void **state) {
    struct rn_json *t =
        parse(" { \"a\" : [ 1 , -2.50 , \"x\\u0000y\" , true , false , null , [ ] ] , \"\xc3\xbc\" : { } } ");
    (void)state;
    assert_int_equal(t->type, RN_OBJECT);
    assert_int_equal(t->n, 2);
    assert_null(t->key);
    assert_null(t->next);
    const struct rn_json *a = rn_json_get(t, "a"), *u = rn_json_get(t, "\xc3\xbc");
    assert_ptr_equal(t->child, a);
    assert_ptr_equal(a->next, u);
    assert_null(u->next);
    assert_int_equal(u->type, RN_OBJECT);
    assert_int_equal(u->n, 0);
    assert_null(u->child);
    assert_string_equal(a->key, "a");
    assert_int_equal(a->n_key, 1);
    assert_int_equal(a->type, RN_ARRAY);
    assert_int_equal(a->n, 7);
    const struct rn_json *v = a->child;
    assert_int_equal(v->type, RN_INT);
    assert_int_equal(v->i, 1);
    assert_null(v->key);
    v = v->next;
    assert_int_equal(v->type, RN_NUMBER);
    assert_string_equal(v->text, "-2.50");
    v = v->next;
    assert_int_equal(v->type, RN_STRING);
    assert_int_equal(v->n_text, 3);
    assert_memory_equal(v->text, "x\0y", 4);
    v = v->next;
    assert_int_equal(v->type, RN_BOOL);
    assert_int_equal(v->i, 1);
    v = v->next;
    assert_int_equal(v->type, RN_BOOL);
    assert_int_equal(v->i, 0);
    v = v->next;
    assert_int_equal(v->type, RN_NULL);
    v = v->next;
    assert_int_equal(v->type, RN_ARRAY);
    assert_null(v->next);
    assert_null(rn_json_get(t, "b"));
    assert_null(rn_json_get(a, "a"));
    assert_null(rn_json_get(NULL, "a"));
    rn_json_free(t);
    rn_json_free(NULL);
}

static void tree_strings(void **state) {
    static const char *const rows[][2] = {
        {"\"\"", ""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u00fc\\u20AC\\uD83C\\uDF0A\\uFFFF\"", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x8a\xef\xbf\xbf"},
        {"\"\\uDBFF\\uDFFF\\uD800\\uDC00\"", "\xf4\x8f\xbf\xbf\xf0\x90\x80\x80"},
        {"\"a\\u0041\xc3\xbc\"", "aA\xc3\xbc"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rn_json *t = parse(rows[i][0]);
        assert_int_equal(t->type, RN_STRING);
        assert_string_equal(t->text, rows[i][1]);
        assert_int_equal(t->n_text, strlen(rows[i][1]));
        rn_json_free(t);
    }
}

static void tree_integers(void **state) {
    static const struct {
        const char *text;
        int64_t i;
        enum rn_json_type type;
    } rows[] = {
        {"0", 0, RN_INT},
        {"-0", 0, RN_INT},
        {"9223372036854775807", INT64_MAX, RN_INT},
        {"-9223372036854775808", INT64_MIN, RN_INT},
        {"-9223372036854775807", INT64_MIN + 1, RN_INT},
        {"9007199254740993", INT64_C(9007199254740993), RN_INT},
        {"9223372036854775808", 0, RN_NUMBER},
        {"-9223372036854775809", 0, RN_NUMBER},
        {"18446744073709551616", 0, RN_NUMBER},
        {"92233720368547758070", 0, RN_NUMBER},
        {"1e2", 0, RN_NUMBER},
        {"1.0", 0, RN_NUMBER},
        {"-0.0", 0, RN_NUMBER},
        {"1E+999", 0, RN_NUMBER},
        {"23.850000000000001421", 0, RN_NUMBER},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int inside = 0; inside < 2; inside++) {
            char text[64];
            snprintf(text, sizeof text, inside ? "[%s]" : "%s", rows[i].text);
            struct rn_json *t = parse(text);
            const struct rn_json *v = inside ? t->child : t;
            assert_int_equal(v->type, rows[i].type);
            assert_true(v->i == rows[i].i);
            assert_string_equal(v->text, rows[i].text);
            assert_int_equal(v->n_text, strlen(rows[i].text));
            assert_int_equal(v->off, strlen(rows[i].text) + (size_t)inside);
            rn_json_free(t);
        }
    }
}

static void tree_offsets(void **state) {
    const char *text = "{\"a\": 12 ,\n \"b\":[true, \"x\"], \"c\" : {\"d\":null}}";
    struct rn_json *t = parse(text);
    (void)state;
    const struct rn_json *b = rn_json_get(t, "b"), *c = rn_json_get(t, "c");
    assert_int_equal(t->off, 0);
    assert_int_equal(rn_json_get(t, "a")->off, strstr(text, " ,") - text);
    assert_int_equal(b->off, strchr(text, '[') - text);
    assert_int_equal(b->child->off, strstr(text, ", \"x") - text);
    assert_int_equal(b->child->next->off, strchr(text, ']') - text);
    assert_int_equal(c->off, strstr(text, "{\"d") - text);
    assert_int_equal(c->child->off, strchr(text, '}') - text);
    rn_json_free(t);
    assert_int_equal(rn_json_line("a\nb\nc", 5, 0), 1);
    assert_int_equal(rn_json_line("a\nb\nc", 5, 1), 1);
    assert_int_equal(rn_json_line("a\nb\nc", 5, 2), 2);
    assert_int_equal(rn_json_line("a\nb\nc", 5, 99), 3);
}

static void tree_refuses(void **state) {
    static const struct {
        const char *text;
        size_t at;
        const char *msg;
    } rows[] = {
        {"", 0, "line 1: found the end, want a value"},
        {" \n ", 3, "line 2: found the end, want a value"},
        {"{\n\"a\":1\n\"b\":2}", 8, "line 3: found '\"', want ',' or '}'"},
        {"[1] x", 4, "line 1: found 'x', want the end"},
        {"{\"a\":1,\n\"b\":2,\n\"a\":3}", 20,
         "line 3: the name \"a\" stands twice in one object, first on line 1; leave one out"},
        {"[{\"x\":1,\"\\u0078\":[]}]", 17,
         "line 1: the name \"x\" stands twice in one object, first on line 1; leave one out"},
        {"{\"c\":1,\"b\":1,\"c\":2,\"b\":2,\"b\":3}", 18,
         "line 1: the name \"c\" stands twice in one object, first on line 1; leave one out"},
        {"{\"\":1,\"\":2}", 10, "line 1: the name \"\" stands twice in one object, first on line 1; leave one out"},
        {"[1,\n//x\n2]", 4, "line 2: found '/', want a value"},
        {"\"\\ud800\"", 1, "line 1: half a surrogate pair"},
        {"\"\xed\xa0\x80\"", 1, "line 1: bytes that are not UTF-8"},
        {"\"\xc0\x80\"", 1, "line 1: bytes that are not UTF-8"},
        {"\xef\xbb\xbf{}", 0, "line 1: found the byte 0xef"},
        {"[1,\v2]", 3, "line 1: found the byte 0x0b"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rn_json *t = (struct rn_json *)&state;
        struct runnel_err e = {0};
        size_t at = 99;
        assert_int_equal(rn_json_parse(rows[i].text, strlen(rows[i].text), NULL, &t, &at, &e), -RUNNEL_EINVALID);
        assert_null(t);
        assert_int_equal(e.code, RUNNEL_EINVALID);
        if (at != rows[i].at || strncmp(e.msg, rows[i].msg, strlen(rows[i].msg)) != 0)
            fail_msg("%s: byte %zu, %s", rows[i].text, at, e.msg);
        assert_int_equal(rn_json_parse(rows[i].text, strlen(rows[i].text), NULL, &t, NULL, NULL), -RUNNEL_EINVALID);
    }
    /* the same name in two objects, and names of which one begins the other, are fine */
    rn_json_free(parse("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}],\"aa\":1,\"a\\u0000\":1}"));
}

static void tree_comments(void **state) {
    static const char *const good[] = {"// x\n[1, /* two\nlines */ 2] // end",
                                       "/**/{/***/\"a\"/* } */:/*\"*/1//\n}/* */",
                                       "[\"//\"]//",
                                       "1//",
                                       "1/* x */",
                                       "/*//*/1",
                                       "//*\n1",
                                       "{\"a\":\"/*\"}/**/ "};
    static const char *const bad[] = {"[1] /* open", "[1] /",         "/*/ 1", "1 / 2", "// only",
                                      "/* only */",  "[1 /* x */ 2]", "1/*",   "#\n1",  "1/**"};
    struct rn_json_limits limits = {.flags = RN_JSON_COMMENTS};
    struct rn_json *t;
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct runnel_err e = {0};
        if (rn_json_parse(good[i], strlen(good[i]), &limits, &t, NULL, &e) != 0)
            fail_msg("%s: %s", good[i], e.msg);
        rn_json_free(t);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(rn_json_parse(bad[i], strlen(bad[i]), &limits, &t, NULL, NULL), -RUNNEL_EINVALID);
    assert_int_equal(rn_json_parse("[1]//", 5, NULL, &t, NULL, NULL), -RUNNEL_EINVALID);
}

static int nested(size_t depth, uint32_t limit) {
    char text[600];
    struct rn_json_limits limits = {.depth = limit};
    struct rn_json *t;
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    int rc = rn_json_parse(text, 2 * depth, &limits, &t, NULL, NULL);
    rn_json_free(t);
    return rc;
}

static void tree_bounds(void **state) {
    struct rn_json_limits small = {.size = 5, .values = 3};
    struct runnel_err e = {0};
    struct rn_json *t;
    size_t at;
    (void)state;
    assert_int_equal(nested(32, 0), 0);
    assert_int_equal(nested(33, 0), -RUNNEL_ETOOBIG);
    assert_int_equal(nested(3, 3), 0);
    assert_int_equal(nested(4, 3), -RUNNEL_ETOOBIG);
    assert_int_equal(nested(128, 128), 0);
    assert_int_equal(nested(129, 129), -RUNNEL_ETOOBIG);
    assert_int_equal(nested(200, UINT32_MAX), -RUNNEL_ETOOBIG);
    assert_int_equal(rn_json_parse("[1,2]", 5, &small, &t, NULL, NULL), 0);
    rn_json_free(t);
    assert_int_equal(rn_json_parse("[1,2] ", 6, &small, &t, &at, &e), -RUNNEL_ETOOBIG);
    assert_non_null(strstr(e.msg, "limit is 5"));
    small.size = 0;
    assert_int_equal(rn_json_parse("[1,2,3]", 7, &small, &t, &at, &e), -RUNNEL_ETOOBIG);
    assert_non_null(strstr(e.msg, "limit of 3 values"));
    assert_int_equal(at, 6);
    assert_int_equal(rn_json_parse("{\"a\":[],\"b\":{}}", 15, &small, &t, NULL, NULL), 0);
    rn_json_free(t);

    char *big = malloc(65537);
    assert_non_null(big);
    memset(big, ' ', 65537);
    big[0] = '1';
    assert_int_equal(rn_json_parse(big, 65536, NULL, &t, NULL, NULL), 0);
    rn_json_free(t);
    assert_int_equal(rn_json_parse(big, 65537, NULL, &t, NULL, NULL), -RUNNEL_ETOOBIG);
    for (size_t values = 16384; values <= 16385; values++) { /* the array and its elements */
        struct rn_buf b = {0};
        for (size_t i = 1; i < values; i++)
            rn_buf_str(&b, i == 1 ? "[1" : ",1");
        rn_buf_byte(&b, ']');
        assert_int_equal(rn_json_parse(b.p, b.n, NULL, &t, NULL, NULL), values == 16384 ? 0 : -RUNNEL_ETOOBIG);
        rn_json_free(t);
        rn_buf_free(&b);
    }
    free(big);
}

/* One long token of each kind, up to the size limit: yajl's own buffers must have been foreseen. */
static void tree_long_tokens(void **state) {
    const size_t n = 65536;
    char *text = malloc(n);
    struct rn_json *t;
    (void)state;
    assert_non_null(text);
    memset(text, '1', n);
    assert_int_equal(rn_json_parse(text, n, NULL, &t, NULL, NULL), 0);
    assert_int_equal(t->n_text, n);
    assert_int_equal(t->off, n);
    rn_json_free(t);
    memset(text, 'x', n);
    text[0] = text[n - 1] = '"';
    assert_int_equal(rn_json_parse(text, n, NULL, &t, NULL, NULL), 0);
    assert_int_equal(t->n_text, n - 2);
    rn_json_free(t);
    for (size_t i = 1; i + 4 < n; i += 2)
        memcpy(text + i, "\\n", 2);
    assert_int_equal(rn_json_parse(text, n, NULL, &t, NULL, NULL), 0);
    assert_int_equal(t->n_text, (n - 4) / 2 + 2);
    rn_json_free(t);
    memcpy(text, "{\"", 2);
    memcpy(text + n - 4, "\":1}", 4);
    text[n - 5] = 'x';
    for (size_t i = 2; i + 5 < n; i += 2)
        memcpy(text + i, i + 6 < n ? "\\t" : "xx", 2);
    assert_int_equal(rn_json_parse(text, n, NULL, &t, NULL, NULL), 0);
    assert_int_equal(t->child->i, 1);
    rn_json_free(t);
    free(text);
}

/* Thousands of names, in an order that is bad for many a sort; then one of them once more. */
static void tree_many_names(void **state) {
    struct rn_buf b = {0};
    struct rn_json *t;
    size_t at;
    (void)state;
    rn_buf_byte(&b, '{');
    for (int i = 0; i < 5000; i++)
        rn_buf_fmt(&b, "%s\"%d\":0", i ? "," : "", i % 2 ? i : 5000 - i);
    rn_buf_byte(&b, '}');
    assert_int_equal(rn_json_parse(b.p, b.n, NULL, &t, NULL, NULL), 0);
    assert_int_equal(t->n, 5000);
    rn_json_free(t);
    rn_buf_cut(&b, b.n - 1);
    rn_buf_str(&b, ",\"2500\":1}");
    assert_int_equal(rn_json_parse(b.p, b.n, NULL, &t, &at, NULL), -RUNNEL_EINVALID);
    assert_int_equal(at, b.n - 1);
    rn_buf_free(&b);
}

static void tree_every_cut(void **state) {
    static const char text[] =
        "{\"a b\":[1,-2.5e3,true],\"c\\\"\":{\"\xc3\xbc\":null,\"d\":\"\\uD83C\\uDF0A \"},\"e\":false}";
    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct rn_json *t;
        char *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, text, n);
        assert_int_equal(rn_json_parse(cut, n, NULL, &t, NULL, NULL), -RUNNEL_EINVALID);
        free(cut);
    }
}

static void getters(void **state) {
    struct rn_json *t = parse(
        "{\"s\":\"x\",\"nul\":\"a\\u0000b\",\"i\":-7,\"big\":18446744073709551615,\"bigger\":18446744073709551616,"
        "\"f\":1.5,\"ns\":\"-9223372036854775808\",\"b\":true,\"n\":null,\"o\":{},\"a\":[],\"bad\":\"1e3\",\"lead\":"
        "\"01\",\"plus\":\"+1\",\"none\":\"\"}");
    struct runnel_err e = {0};
    const char *s = "before";
    int64_t i = 42;
    uint64_t u = 42;
    int b = 42;
    (void)state;
    assert_int_equal(rn_json_str(t, "none-such", &s, &e), -RUNNEL_ENOTFOUND);
    assert_int_equal(rn_json_i64(t, "none-such", &i, &e), -RUNNEL_ENOTFOUND);
    assert_int_equal(rn_json_u64(t, "none-such", &u, &e), -RUNNEL_ENOTFOUND);
    assert_int_equal(rn_json_bool(NULL, "b", &b, &e), -RUNNEL_ENOTFOUND);
    assert_int_equal(e.code, 0);
    assert_string_equal(s, "before");
    assert_int_equal(rn_json_str(t, "s", &s, &e), 0);
    assert_string_equal(s, "x");
    assert_int_equal(rn_json_str(t, "nul", &s, &e), -RUNNEL_EINVALID);
    assert_int_equal(rn_json_str(t, "i", &s, &e), -RUNNEL_EINVALID);
    assert_string_equal(e.msg, "i: found an integer, want a string");
    assert_int_equal(rn_json_i64(t, "i", &i, &e), 0);
    assert_int_equal(i, -7);
    assert_int_equal(rn_json_i64(t, "ns", &i, &e), 0);
    assert_true(i == INT64_MIN);
    i = 42;
    static const char *const not_i64[] = {"s", "big", "f", "b", "n", "o", "a", "bad", "lead", "plus", "none", "nul"};
    for (size_t k = 0; k < COUNT(not_i64); k++)
        assert_int_equal(rn_json_i64(t, not_i64[k], &i, &e), -RUNNEL_EINVALID);
    assert_int_equal(i, 42);
    assert_int_equal(rn_json_u64(t, "big", &u, &e), 0);
    assert_true(u == UINT64_MAX);
    u = 42;
    static const char *const not_u64[] = {"i", "bigger", "f", "ns", "s", "b", "n"};
    for (size_t k = 0; k < COUNT(not_u64); k++)
        assert_int_equal(rn_json_u64(t, not_u64[k], &u, &e), -RUNNEL_EINVALID);
    assert_int_equal(u, 42);
    assert_int_equal(rn_json_u64(t, "i", &u, &e), -RUNNEL_EINVALID);
    assert_string_equal(e.msg, "i: found -7, want an integer from 0 to 2^64-1");
    assert_int_equal(rn_json_bool(t, "b", &b, &e), 0);
    assert_int_equal(b, 1);
    assert_int_equal(rn_json_bool(t, "n", &b, &e), -RUNNEL_EINVALID);
    assert_string_equal(e.msg, "n: found null, want true or false");
    assert_string_equal(rn_json_type_name((enum rn_json_type)0), "nothing");
    assert_string_equal(rn_json_type_name((enum rn_json_type)99), "nothing");
    rn_json_free(t);
}

/* ---- the writer ---- */

static void writer_all(void **state) {
    struct rn_buf b = {0};
    struct rn_jw w;
    (void)state;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "s", "a\"\\\b\f\n\r\t\x01\x1f\x7f/\xc3\xbc");
    rn_jw_kint(&w, "i", INT64_MIN);
    rn_jw_kns(&w, "t", -5);
    rn_jw_khex(&w, "h", "\x0f\xf0", 2);
    rn_jw_kbool(&w, "b", 7);
    rn_jw_key(&w, "l");
    rn_jw_array(&w);
    rn_jw_u64(&w, UINT64_MAX);
    rn_jw_null(&w);
    rn_jw_array(&w);
    rn_jw_end_array(&w);
    rn_jw_object(&w);
    rn_jw_end_object(&w);
    rn_jw_bool(&w, 0);
    rn_jw_raw(&w, "1.50", 4);
    rn_jw_strn(&w, "a\0b", 3);
    rn_jw_end_array(&w);
    rn_jw_key(&w, "k\n");
    rn_jw_i64(&w, 0);
    rn_jw_end_object(&w);
    assert_string_equal(
        rn_buf_cstr(&b),
        "{\"s\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/\xc3\xbc\",\"i\":-9223372036854775808,\"t\":\"-5\","
        "\"h\":\"0ff0\",\"b\":true,\"l\":[18446744073709551615,null,[],{},false,1.50,\"a\\u0000b\"],\"k\\n\":0}");
    assert_int_equal(rn_value_check(b.p, b.n, NULL), 0);
    rn_buf_free(&b);
}

static void writer_repairs(void **state) {
    static const char *const rows[][2] = {
        {"a\xff"
         "b",
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xc3", "\"\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xe2\x82x", "\"\xef\xbf\xbd\xef\xbf\xbdx\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rn_buf b = {0};
        struct rn_jw w;
        rn_jw_init(&w, &b);
        rn_jw_str(&w, rows[i][0]);
        assert_string_equal(rn_buf_cstr(&b), rows[i][1]);
        rn_buf_free(&b);
    }
}

static void writer_depth(void **state) {
    (void)state;
    for (unsigned depth = RN_JSON_DEPTH - 1; depth < RN_JSON_DEPTH + 3; depth++) {
        struct rn_buf b = {0};
        struct rn_jw w;
        rn_jw_init(&w, &b);
        for (unsigned i = 0; i < depth; i++)
            rn_jw_array(&w);
        for (unsigned i = 0; i < depth; i++)
            rn_jw_end_array(&w);
        assert_int_equal(b.failed, depth <= RN_JSON_DEPTH ? 0 : -RUNNEL_ETOOBIG);
        if (!b.failed)
            assert_int_equal(rn_value_check(b.p, b.n, NULL), 0);
        rn_buf_free(&b);
    }
    char deep[200];
    struct rn_json_limits limits = {.depth = 100};
    struct rn_json *t;
    struct rn_buf b = {0};
    struct rn_jw w;
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_int_equal(rn_json_parse(deep, 200, &limits, &t, NULL, NULL), 0);
    rn_jw_init(&w, &b);
    rn_jw_tree(&w, t);
    assert_int_equal(b.failed, -RUNNEL_ETOOBIG);
    rn_json_free(t);
    rn_buf_free(&b);
}

static void writer_tree_of_member(void **state) {
    struct rn_json *t = parse("{\"a\":[1,{\"b\":[]}],\"c\":2}");
    struct rn_buf b = {0};
    struct rn_jw w;
    (void)state;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "x");
    rn_jw_tree(&w, rn_json_get(t, "a"));
    rn_jw_key(&w, "y");
    rn_jw_array(&w);
    rn_jw_tree(&w, rn_json_get(t, "c"));
    rn_jw_tree(&w, t);
    rn_jw_end_array(&w);
    rn_jw_end_object(&w);
    assert_string_equal(rn_buf_cstr(&b), "{\"x\":[1,{\"b\":[]}],\"y\":[2,{\"a\":[1,{\"b\":[]}],\"c\":2}]}");
    rn_json_free(t);
    rn_buf_free(&b);
}

/* ---- round trips ---- */

static void random_string(struct rn_jw *w, uint64_t *seed, int key, int serial) {
    char s[24];
    size_t n = check_below(seed, 12);
    for (size_t i = 0; i < n; i++)
        s[i] = (char)check_below(seed, 256);
    if (!key) {
        rn_jw_strn(w, s, n);
        return;
    }
    snprintf(s, sizeof s, "%d\n\xc3\xbc\"", serial); /* names must differ */
    rn_jw_key(w, s);
}

static void random_value(struct rn_jw *w, uint64_t *seed, unsigned depth) {
    static const char *const numbers[] = {
        "0", "-0.0", "1e400", "123456789012345678901234567890", "23.850000000000001421", "1E-7"};
    size_t kind = check_below(seed, depth < 6 ? 8 : 6);
    int n = (int)check_below(seed, 6);
    switch (kind) {
    case 0:
        rn_jw_null(w);
        break;
    case 1:
        rn_jw_bool(w, n > 2);
        break;
    case 2:
        rn_jw_i64(w, (int64_t)check_random(seed));
        break;
    case 3:
        rn_jw_u64(w, check_random(seed));
        break;
    case 4:
        rn_jw_raw(w, numbers[n], strlen(numbers[n]));
        break;
    case 5:
        random_string(w, seed, 0, 0);
        break;
    case 6:
        rn_jw_array(w);
        for (int i = 0; i < n; i++)
            random_value(w, seed, depth + 1);
        rn_jw_end_array(w);
        break;
    default:
        rn_jw_object(w);
        for (int i = 0; i < n; i++) {
            random_string(w, seed, 1, i);
            random_value(w, seed, depth + 1);
        }
        rn_jw_end_object(w);
    }
}

/* What the writer writes is a value, parses, and is written again to the byte, with blanks or without. */
static void round_trip(void **state) {
    uint64_t seed = 9;
    struct rn_buf a = {0}, b = {0}, c = {0};
    (void)state;
    for (int i = 0; i < 5000; i++) {
        struct rn_json_limits limits = {.size = 1 << 20, .values = 1 << 20};
        struct rn_json *t;
        struct runnel_err e = {0};
        struct rn_jw w;
        rn_buf_clear(&a);
        rn_buf_clear(&b);
        rn_buf_clear(&c);
        rn_jw_init(&w, &a);
        random_value(&w, &seed, 0);
        if (a.n <= RN_VALUE_MAX)
            assert_int_equal(rn_value_check(a.p, a.n, NULL), 0);
        if (rn_json_parse(a.p, a.n, &limits, &t, NULL, &e) != 0)
            fail_msg("%s: %s", rn_buf_cstr(&a), e.msg);
        rn_jw_init(&w, &b);
        rn_jw_tree(&w, t);
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.p, b.p, a.n);
        rn_json_free(t);
        if (a.n <= RN_VALUE_MAX) {
            assert_int_equal(rn_value_compact(a.p, a.n, &c, NULL), 0);
            assert_int_equal(c.n, a.n);
            assert_memory_equal(a.p, c.p, a.n);
        }
    }
    rn_buf_free(&a);
    rn_buf_free(&b);
    rn_buf_free(&c);
}

/* Whatever is fed in: either a tree that can be written and read again, or a code of ours. Our walk
 * and yajl never disagree (that would be -RUNNEL_EINTERNAL). */
static void never_internal(void **state) {
    static const char *const seeds[] = {
        "{\"a\":[1,-2.5e3,true],\"c\\\"\":{\"\xc3\xbc\":null,\"d\":\"\\uD83C\\uDF0A \"}}//x\n",
        "/* c */[false, \"\\u00e9\", {\"k\" : 1e5}, \"\xf0\x9f\x8c\x8a\", [], {}]", "[[\"\\\\\"],-0, 10 ] // end"};
    static const char bytes[] = "{}[]\",:\\u/*\n 0123eE+-.tfn\xc3\xed\xf0\x80\xa0\x01\x0b";
    uint64_t seed = 10;
    size_t fine = 0;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[128];
        strcpy(text, seeds[check_below(&seed, COUNT(seeds))]);
        size_t n = strlen(text);
        for (size_t k = 1 + check_below(&seed, 3); k > 0; k--)
            text[check_below(&seed, n)] = bytes[check_below(&seed, sizeof bytes)];
        struct rn_json_limits limits = {.flags = i % 2 ? RN_JSON_COMMENTS : 0};
        struct rn_json *t;
        struct runnel_err e = {0};
        int rc = rn_json_parse(text, n, &limits, &t, NULL, &e);
        if (rc != 0 && rc != -RUNNEL_EINVALID)
            fail_msg("%s: %s", text, e.msg);
        assert_int_equal(rn_utf8_valid(e.msg, strlen(e.msg)), 1);
        fine += rc == 0;
        rn_json_free(t);
    }
    assert_true(fine > 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_types),     cmocka_unit_test(tree_strings),     cmocka_unit_test(tree_integers),
        cmocka_unit_test(tree_offsets),   cmocka_unit_test(tree_refuses),     cmocka_unit_test(tree_comments),
        cmocka_unit_test(tree_bounds),    cmocka_unit_test(tree_long_tokens), cmocka_unit_test(tree_many_names),
        cmocka_unit_test(tree_every_cut), cmocka_unit_test(getters),          cmocka_unit_test(writer_all),
        cmocka_unit_test(writer_repairs), cmocka_unit_test(writer_depth),     cmocka_unit_test(writer_tree_of_member),
        cmocka_unit_test(round_trip),     cmocka_unit_test(never_internal),
    };
    return cmocka_run_group_tests_name("base json", tests, NULL, NULL);
}
