/* SPDX-License-Identifier: MIT
 * base-value.c — tests of the validator for values: tables of good and bad, every blank, every short text.
 * May touch: the heap.
 */
#include "base/json.h"
#include "base/jsontext.h"
#include "base/plain.h"
#include "base/utf8.h"
#include "check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static int check(const char *s) {
    return rn_value_check(s, strlen(s), NULL);
}

static void good(void **state) {
    static const char *const table[] = {
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "0.5",
        "-0.5",
        "1.25",
        "1E+5",
        "1e-5",
        "1E5",
        "0e0",
        "0.0e00",
        "1e999",
        "123456789012345678901234567890.123456789",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a b\"",
        "\"\\u0000\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\uD83C\\uDF0A\"",
        "\"\\ud83c\\udf0a\"",
        "\"\\uFFFF\\uE000\\uD7FF\"",
        "\"\x7f\"",
        "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x8a\"",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "{\"\":[]}",
        "[1,2,\"x\"]",
        "{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":-1.5e3}}",
        "{\"a\":1,\"a\":2}",
        "\"//\"",
        "\"/* */\"",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct runnel_err e = {0};
        if (rn_value_check(table[i], strlen(table[i]), &e) != 0)
            fail_msg("refused %s: %s", table[i], e.msg);
    }
}

/* Long because it is the table of all that is refused. */
static void bad(void **state) {
    static const struct {
        const char *text;
        int at; /* the byte that the error names */
    } table[] = {
        {"", 0},
        {" ", 0},
        {"01", 1},
        {"00", 1},
        {"-", 1},
        {"-01", 2},
        {"--1", 1},
        {"+1", 0},
        {"1.", 2},
        {".5", 0},
        {"-.5", 1},
        {"1.e5", 2},
        {"1e", 2},
        {"1e+", 3},
        {"1E-", 3},
        {"1e1.5", 3},
        {"1.5.5", 3},
        {"0x10", 1},
        {"1a", 1},
        {"NaN", 0},
        {"nan", 0},
        {"Infinity", 0},
        {"-Infinity", 1},
        {"inf", 0},
        {"1_000", 1},
        {"1,2", 1},
        {"tru", 0},
        {"truex", 4},
        {"True", 0},
        {"nul", 0},
        {"falsee", 5},
        {"truefalse", 4},
        {"\"", 0},
        {"\"a", 0},
        {"\"\\\"", 0},
        {"'a'", 0},
        {"\"a\tb\"", 2},
        {"\"\n\"", 1},
        {"\"\x01\"", 1},
        {"\"\x1f\"", 1},
        {"\"\\a\"", 1},
        {"\"\\x41\"", 1},
        {"\"\\u12\"", 1},
        {"\"\\u123g\"", 1},
        {"\"\\U1234\"", 1},
        {"\"\\uD800\"", 1},
        {"\"\\uDC00\"", 1},
        {"\"\\uDFFF\"", 1},
        {"\"\\uD800x\"", 1},
        {"\"\\uD800\\n\"", 1},
        {"\"\\uD800\\uD800\"", 1},
        {"\"\\uD800\\u0041\"", 1},
        {"\"\\uDC00\\uD800\"", 1},
        {"\"\\uD800\\uDBFF\"", 1},
        {"\"\\uD800\\uE000\"", 1},
        {"\"\\uD83C\\uDF0A\\uDF0A\"", 13},
        {"\"\x80\"", 1},
        {"\"\xc0\x80\"", 1},
        {"\"\xed\xa0\x80\"", 1},
        {"\"\xf4\x90\x80\x80\"", 1},
        {"\"a\xc3\"", 2},
        {"\xc3\xbc", 0},
        {"\xef\xbb\xbf"
         "1",
         0},
        {"[", 1},
        {"]", 0},
        {"{", 1},
        {"}", 0},
        {"[1", 2},
        {"[1,", 3},
        {"[1,]", 3},
        {"[,1]", 1},
        {"[,]", 1},
        {"[1 2]", 2},
        {"[1}", 2},
        {"{]", 1},
        {"{\"a\"}", 4},
        {"{\"a\":}", 5},
        {"{\"a\":1,}", 7},
        {"{,}", 1},
        {"{a:1}", 1},
        {"{1:1}", 1},
        {"{\"a\",1}", 4},
        {"{\"a\":1;}", 6},
        {"{\"a\":1\"b\":2}", 6},
        {"[]]", 2},
        {"{}}", 2},
        {"[][]", 2},
        {"{}1", 2},
        {"\"a\"\"b\"", 3},
        {"[\"a\"\"b\"]", 4},
        {"[1]\n", 3},
        {"1/**/", 1},
        {"//\n1", 0},
        {"[1,//\n2]", 3},
        {"\v1", 0},
        {"\f1", 0},
        {"\xc2\xa0"
         "1",
         0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct runnel_err e = {0};
        char where[32];
        snprintf(where, sizeof where, "value, byte %d: ", table[i].at);
        if (rn_value_check(table[i].text, strlen(table[i].text), &e) != -RUNNEL_EINVALID)
            fail_msg("not refused: %s", table[i].text);
        if (strncmp(e.msg, where, strlen(where)) != 0)
            fail_msg("%s: %s, want %s", table[i].text, e.msg, where);
        assert_int_equal(e.code, RUNNEL_EINVALID);
    }
    assert_int_equal(rn_value_check(NULL, 0, NULL), -RUNNEL_EINVALID);
    assert_int_equal(rn_value_check("1\0", 2, NULL), -RUNNEL_EINVALID);
    assert_int_equal(rn_value_check("\0", 1, NULL), -RUNNEL_EINVALID);
    assert_int_equal(rn_value_check("\"\0\"", 3, NULL), -RUNNEL_EINVALID);
    assert_int_equal(rn_value_check("tr\0e", 4, NULL), -RUNNEL_EINVALID);
    assert_int_equal(rn_value_check("\"\\\0\"", 4, NULL), -RUNNEL_EINVALID);
}

static void nest(char *out, size_t depth, int objects) {
    *out = 0;
    for (size_t i = 0; i < depth; i++)
        strcat(out, objects ? i + 1 < depth ? "{\"k\":" : "{" : "[");
    for (size_t i = 0; i < depth; i++)
        strcat(out, objects ? "}" : "]");
}

static void depth(void **state) {
    char text[1000];
    (void)state;
    for (int objects = 0; objects < 2; objects++) {
        nest(text, RN_VALUE_DEPTH, objects);
        assert_int_equal(check(text), 0);
        nest(text, RN_VALUE_DEPTH + 1, objects);
        assert_int_equal(check(text), -RUNNEL_ETOOBIG);
        nest(text, 100, objects);
        assert_int_equal(check(text), -RUNNEL_ETOOBIG);
    }
    assert_int_equal(check("[[[[]]],[{},{}],[[[]]]]"), 0); /* depth, not the number of brackets */
}

static void size(void **state) {
    char *text = malloc(RN_VALUE_MAX + 1);
    (void)state;
    assert_non_null(text);
    memset(text, '7', RN_VALUE_MAX + 1);
    assert_int_equal(rn_value_check(text, RN_VALUE_MAX, NULL), 0);
    struct runnel_err e = {0};
    assert_int_equal(rn_value_check(text, RN_VALUE_MAX + 1, &e), -RUNNEL_ETOOBIG);
    assert_non_null(strstr(e.msg, "16384"));
    struct rn_buf b = {0};
    assert_int_equal(rn_value_compact(text, RN_VALUE_MAX, &b, NULL), 0);
    assert_int_equal(b.n, RN_VALUE_MAX);
    assert_int_equal(rn_value_compact(text, RN_VALUE_MAX + 1, &b, &e), -RUNNEL_ETOOBIG);
    assert_int_equal(b.n, RN_VALUE_MAX);
    memset(text, ' ', RN_VALUE_MAX + 1); /* blanks do not count */
    text[RN_VALUE_MAX] = '1';
    assert_int_equal(rn_value_compact(text, RN_VALUE_MAX + 1, &b, &e), 0);
    assert_int_equal(b.n, RN_VALUE_MAX + 1);
    rn_buf_free(&b);
    rn_buf_init(&b, 3);
    assert_int_equal(rn_value_compact("[12]", 4, &b, &e), -RUNNEL_ETOOBIG);
    rn_buf_free(&b);
    free(text);
}

/* Each byte at each place of a string of any length to 20: eight at a time must be as one at a time. */
static void every_byte_in_strings(void **state) {
    size_t wrong = 0;
    (void)state;
    for (size_t n = 1; n <= 20; n++) {
        for (size_t at = 0; at < n; at++) {
            for (unsigned c = 0; c < 256; c++) {
                char *text = malloc(n + 2); /* of its own, so that a sanitizer sees a read beyond the end */
                assert_non_null(text);
                memset(text, at % 2 ? '~' : ' ', n + 2);
                text[0] = text[n + 1] = '"';
                text[at + 1] = (char)c;
                int fine = c >= 0x20 && c < 0x80 && c != '"' && (c != '\\');
                wrong += (rn_value_check(text, n + 2, NULL) == 0) != fine;
                free(text);
            }
        }
    }
    assert_int_equal(wrong, 0);
}

/* What the glance calls plain the walk must call right, and the glance must know most of what it is for. */
static void the_glance_agrees_with_the_walk(void **state) {
    static const char alphabet[] = "\"\"0019.-+eE\\u tfn~\x1f\x7f\x80\xc3\xbc";
    const struct rn_text_rules rules = {.depth = RN_VALUE_DEPTH};
    uint64_t seed = 7;
    size_t wrong = 0, plain = 0, missed = 0;
    (void)state;
    for (size_t round = 0; round < 300000; round++) {
        size_t n = 1 + check_below(&seed, 24), at = 0;
        uint8_t *text = malloc(n); /* of its own, so that a sanitizer sees a read beyond the end */
        assert_non_null(text);
        int string = check_below(&seed, 2) == 0, any = check_below(&seed, 8) == 0;
        for (size_t i = 0; i < n; i++)
            text[i] = string && !any && check_below(&seed, 16) ? (uint8_t)('a' + check_below(&seed, 26))
                      : any                                    ? (uint8_t)check_below(&seed, 256)
                      : string ? (uint8_t)alphabet[check_below(&seed, sizeof alphabet - 1)]
                               : (uint8_t)alphabet[2 + check_below(&seed, 8)];
        if (string)
            text[0] = text[n - 1] = '"';
        int glance = rn_value_plain(text, n), walk = rn_text_walk(text, n, &rules, NULL, &at, NULL) == 0;
        wrong += glance && !walk;
        missed += walk && !glance && !memchr(text, '\\', n) && !memchr(text, 0xc3, n) && !any;
        plain += (size_t)glance;
        free(text);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(missed, 0);
    assert_true(plain > 30000);
}

static const char sample[] =
    "{\"a b\":[1,-2.5e3,true],\"c\\\"\":{\"\xc3\xbc\":null,\"d\":\"\\uD83C\\uDF0A \"},\"e\":false,\"f\":[[],{}]}";

static void every_cut(void **state) {
    (void)state;
    assert_int_equal(check(sample), 0);
    for (size_t n = 0; n < sizeof sample - 1; n++) {
        char *cut = malloc(n + 1); /* of its own, so that a sanitizer sees a read beyond the end */
        assert_non_null(cut);
        memcpy(cut, sample, n);
        char *tight = realloc(cut, n ? n : 1);
        assert_non_null(tight);
        if (rn_value_check(tight, n, NULL) != -RUNNEL_EINVALID)
            fail_msg("accepted the first %zu bytes", n);
        free(tight);
    }
}

/* Whether byte `at` of the sample stands within a token: nothing may come between it and the one before. */
static int inside_token(size_t at, int *in_string) {
    *in_string = 0;
    for (size_t i = 0; i < at; i++) {
        if (*in_string && sample[i] == '\\')
            i++;
        else if (sample[i] == '"')
            *in_string = !*in_string;
    }
    static const char punctuation[] = "{}[],:\"";
    return at > 0 && at < sizeof sample - 1 && !strchr(punctuation, sample[at]) && !strchr(punctuation, sample[at - 1]);
}

static void every_blank(void **state) {
    (void)state;
    for (size_t at = 0; at < sizeof sample; at++) {
        for (const char *blank = " \t\n\r\v\f"; *blank; blank++) {
            char text[sizeof sample + 1];
            int in_string, inside = inside_token(at, &in_string), is_json = strchr(" \t\n\r", *blank) != NULL;
            memcpy(text, sample, at);
            text[at] = *blank;
            memcpy(text + at + 1, sample + at, sizeof sample - at);
            int in_escape = in_string && *blank == ' ' && rn_value_check(text, strlen(text), NULL) != 0;
            if (in_escape) /* within an escape, between the halves of a pair, or within a character */
                assert_true(sample[at - 1] == '\\' || (at >= 6 && memchr(sample + at - 6, '\\', 6)) ||
                            (unsigned char)sample[at] >= 0x80);
            else
                assert_int_equal(rn_value_check(text, strlen(text), NULL),
                                 in_string && *blank == ' ' ? 0 : -RUNNEL_EINVALID);
            struct rn_buf b = {0};
            int rc = rn_value_compact(text, strlen(text), &b, NULL);
            if (in_string || !is_json || inside) {
                assert_int_equal(rc, in_string && *blank == ' ' && !in_escape ? 0 : -RUNNEL_EINVALID);
            } else {
                assert_int_equal(rc, 0);
                assert_string_equal(rn_buf_cstr(&b), sample);
            }
            rn_buf_free(&b);
        }
    }
}

static void compact(void **state) {
    static const char *const rows[][2] = {
        {" 1 ", "1"},
        {"\t[ 1 ,\n2 , \"a b\" ]\r\n", "[1,2,\"a b\"]"},
        {"{ \"a\" : 1.50 , \"b\" : [ ] , \"c\" : { } }", "{\"a\":1.50,\"b\":[],\"c\":{}}"},
        {"\"\\u0041\"", "\"\\u0041\""},
        {" -1E+05", "-1E+05"},
    };
    static const char *const refused[] = {"", " ", "1 2", "- 1", "tr ue", "/**/1", "[1,]", "\xa0", "\v1", "\"a\nb\""};
    struct rn_buf b = {0};
    (void)state;
    rn_buf_str(&b, ">");
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(rn_value_compact(rows[i][0], strlen(rows[i][0]), &b, NULL), 0);
        assert_string_equal(rn_buf_cstr(&b) + 1, rows[i][1]);
        assert_int_equal(check(rows[i][1]), 0);
        rn_buf_cut(&b, 1);
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct runnel_err e = {0};
        assert_int_equal(rn_value_compact(refused[i], strlen(refused[i]), &b, &e), -RUNNEL_EINVALID);
        assert_true(strlen(e.msg) > 0);
        assert_string_equal(rn_buf_cstr(&b), ">");
    }
    rn_buf_free(&b);
}

/* ---- a second opinion: RFC 8259's grammar, written down rule by rule ---- */

static const char *model_value(const char *s, int blanks);

static const char *model_blanks(const char *s, int blanks) {
    return s && blanks ? s + strspn(s, " \t\n\r") : s;
}

static const char *model_digits(const char *s) {
    size_t n = strspn(s, "0123456789");
    return n ? s + n : NULL;
}

static const char *model_number(const char *s) {
    if (*s == '-')
        s++;
    s = *s == '0' ? s + 1 : model_digits(s);
    if (s && *s == '.')
        s = model_digits(s + 1);
    if (s && (*s == 'e' || *s == 'E')) {
        s++;
        if (*s == '+' || *s == '-')
            s++;
        s = model_digits(s);
    }
    return s;
}

static const char *model_string(const char *s) {
    for (s++; *s && *s != '"'; s++)
        if (*s == '\\' && (!s[1] || !strchr("\"\\/bfnrt", *++s)))
            return NULL;
    return *s ? s + 1 : NULL;
}

static const char *model_list(const char *s, int blanks, char end) {
    s = model_blanks(s + 1, blanks);
    if (*s == end)
        return s + 1;
    for (;;) {
        if (end == '}') {
            s = *s == '"' ? model_blanks(model_string(s), blanks) : NULL;
            if (!s || *s != ':')
                return NULL;
            s = model_blanks(s + 1, blanks);
        }
        s = model_blanks(model_value(s, blanks), blanks);
        if (!s || (*s != ',' && *s != end))
            return NULL;
        if (*s == end)
            return s + 1;
        s = model_blanks(s + 1, blanks);
    }
}

static const char *model_value(const char *s, int blanks) {
    if (*s == '[' || *s == '{')
        return model_list(s, blanks, *s == '[' ? ']' : '}');
    return *s == '"' ? model_string(s) : model_number(s);
}

static int model(const char *s, int blanks) {
    s = model_blanks(model_value(model_blanks(s, blanks), blanks), blanks);
    return s && !*s;
}

static int agrees(const char *s, struct rn_buf *b) {
    size_t n = strlen(s);
    struct rn_json *tree = NULL;
    int rc = rn_json_parse(s, n, NULL, &tree, NULL, NULL);
    rn_json_free(tree);
    rn_buf_clear(b);
    return (rn_value_check(s, n, NULL) == 0) == model(s, 0) && (rn_value_compact(s, n, b, NULL) == 0) == model(s, 1) &&
           rc == (model(s, 1) ? 0 : -RUNNEL_EINVALID);
}

static void every_short_text(void **state) {
    static const char alphabet[] = "[]{}\",:01-.e+\\ ";
    const size_t letters = sizeof alphabet - 1;
    struct rn_buf b = {0};
    size_t wrong = 0, all = 1;
    (void)state;
    for (size_t len = 1; len <= 5; len++) {
        all *= letters;
        for (size_t k = 0; k < all; k++) {
            char text[6] = "";
            for (size_t i = 0, v = k; i < len; i++, v /= letters)
                text[i] = alphabet[v % letters];
            wrong += !agrees(text, &b);
        }
    }
    assert_int_equal(wrong, 0);
    rn_buf_free(&b);
}

/* Longer texts: good ones with one byte changed, added or taken out. */
static void changed_text(void **state) {
    static const char *const seeds[] = {"{\"a\":[1,-2.5e+1],\"long-name\":{}}", "[[0,\"\\\\\"],{\"\":[]}]",
                                        "[1.0e-1,[[]],\"x\\n\"]"};
    static const char alphabet[] = "[]{}\",:01-.e+\\ ";
    struct rn_buf b = {0};
    uint64_t seed = 6;
    size_t wrong = 0, fine = 0;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        strcpy(text, seeds[check_below(&seed, COUNT(seeds))]);
        for (size_t changes = 1 + check_below(&seed, 2); changes > 0; changes--) {
            size_t n = strlen(text), at = check_below(&seed, n);
            char c = alphabet[check_below(&seed, sizeof alphabet - 1)];
            size_t kind = check_below(&seed, 3);
            if (kind > 0)
                memmove(text + at + (kind == 1), text + at + (kind == 2), n + 1 - at - (kind == 2));
            if (kind < 2)
                text[at] = c;
        }
        wrong += !agrees(text, &b);
        fine += (size_t)model(text, 1);
    }
    assert_int_equal(wrong, 0);
    assert_true(fine > 10000);
    rn_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(depth),
        cmocka_unit_test(size),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(every_blank),
        cmocka_unit_test(compact),
        cmocka_unit_test(every_short_text),
        cmocka_unit_test(changed_text),
        cmocka_unit_test(every_byte_in_strings),
        cmocka_unit_test(the_glance_agrees_with_the_walk),
    };
    return cmocka_run_group_tests_name("base value", tests, NULL, NULL);
}
