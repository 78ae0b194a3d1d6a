/* SPDX-License-Identifier: MIT
 * methods.c — tests of every method's rights and parameters: each fault has its error, and changes nothing.
 * May touch: doc/protocol.md, to read.
 */
#include "tests/node/bed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S "\"stream\":\"$\""
#define NONE "\"stream\":\"00000000-0000-8000-8000-000000000000\""

/* A request and the error that it must get. "$" stands for the id of a stream with 300 observations. */
static const struct row {
    const char *method, *params, *code, *word;
} rows[] = {
/* streams that are not there, or are no stream's name: for every method that takes one */
#define NAMES(method, more)                                                                                            \
    {method, more, "invalid", "stream"}, {method, more ",\"stream\":7", "invalid", "stream"},                          \
        {method, more ",\"stream\":null", "invalid", "stream"},                                                        \
        {method, more ",\"stream\":\"\"", "invalid", "stream"},                                                        \
        {method, more ",\"stream\":\"sim/s/\"", "invalid", "AUTHOR"},                                                  \
        {method, more ",\"stream\":\"00000000-0000-8000-8000-00000000000\"", "invalid", "stream"},                     \
        {method, more ",\"stream\":\"00000000-0000-8000-8000-000000000000 \"", "invalid", "stream"},                   \
        {method, more ",\"stream\":\"a\\u0000b\"", "invalid", "NUL"}, {                                                \
        method, more ",\"stream\":\"%/sim/s/t/u\"", "invalid", "AUTHOR"                                                \
    }
#define UNKNOWN(method, more)                                                                                          \
    {method, more "," NONE, "not-found", "not known"}, {                                                               \
        method, more ",\"stream\":\"%/sim/other/\"", "not-found", "not known"                                          \
    }
    NAMES("head", ""),
    UNKNOWN("head", ""),
    NAMES("follow", ""),
    UNKNOWN("follow", ""),
    NAMES("at", "\"time\":1"),
    UNKNOWN("at", "\"time\":1"),
    NAMES("nodes", "\"count\":1,\"level\":0,\"from\":0,\"n\":1"),
    UNKNOWN("nodes", "\"count\":1,\"level\":0,\"from\":0,\"n\":1"),
    NAMES("verify", ""),
    NAMES("drop", ""),
    UNKNOWN("drop", ""),
    UNKNOWN("verify", ""),
    {"verify", S ",\"mend\":7", "invalid", "mend"},
    {"fsck", "\"mend\":\"yes\"", "invalid", "mend"},
    {"backup.next", "", "not-found", "backup.begin"},
    {"restore.begin", "", "invalid", "node"},
    {"restore.put", "", "not-found", "restore.begin"},
    {"restore.end", "", "not-found", "restore.begin"},
    NAMES("subscribe", ""),
    {"subscribe", S, "invalid", "author"},
    {"subscribe", "\"stream\":\"%/sim/s/\"", "invalid", "author"},
    NAMES("unsubscribe", ""),
    /* create */
    {"create", "", "invalid", "descriptor"},
    {"create", "\"descriptor\":[]", "invalid", "descriptor"},
    {"create", "\"descriptor\":\"x\"", "invalid", "descriptor"},
    {"create", "\"descriptor\":{}", "invalid", "source"},
    {"create", "\"descriptor\":{\"source\":\"a\",\"target\":\"\"}", "invalid", "stream"},
    {"create", "\"descriptor\":{\"source\":\"a\",\"stream\":7,\"target\":\"\"}", "invalid", "stream"},
    {"create", "\"descriptor\":{\"source\":\"\",\"stream\":\"b\",\"target\":\"\"}", "invalid", "source"},
    {"create", "\"descriptor\":{\"source\":\"a/b\",\"stream\":\"b\",\"target\":\"\"}", "invalid", "source"},
    {"create", "\"descriptor\":{\"source\":\"a\",\"stream\":\"b\",\"target\":\"\",\"unit\":\"K\"}", "invalid", "unit"},
    {"create", "\"descriptor\":{\"source\":\"a\",\"stream\":\"b\",\"target\":\"\",\"meta\":7}", "invalid", "meta"},
    {"create", "\"descriptor\":{\"source\":\"a\",\"stream\":\"b\",\"target\":\"\",\"meta\":{\"x\":1.5}}", "invalid",
     ""},
    {"create", "\"descriptor\":{\"source\":\"a\",\"stream\":\"b\",\"target\":\"\",\"prior\":{}}", "invalid", "prior"},
    {"create",
     "\"descriptor\":{\"author\":\"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\",\"source\":\"a\","
     "\"stream\":\"b\",\"target\":\"\"}",
     "invalid", "author"},
    {"create", "\"descriptor\":{\"author\":\"x\",\"source\":\"a\",\"stream\":\"b\",\"target\":\"\"}", "invalid",
     "author"},
    /* streams */
    {"streams", "\"limit\":0", "invalid", "1 to 256"},
    {"streams", "\"limit\":257", "invalid", "1 to 256"},
    {"streams", "\"limit\":-1", "invalid", "limit"},
    {"streams", "\"limit\":\"7\"", "invalid", "limit"},
    {"streams", "\"limit\":1.5", "invalid", "limit"},
    {"streams", "\"after\":7", "invalid", "after"},
    {"streams", "\"after\":\"\"", "invalid", "after"},
    {"streams", "\"after\":\"x\"", "invalid", "after"},
    {"streams", "\"author\":7", "invalid", "author"},
    {"streams", "\"author\":\"\"", "invalid", "64 hexadecimal digits"},
    {"streams", "\"author\":\"%0\"", "invalid", "64 hexadecimal digits"},
    /* alive, twin */
    {"alive", "", "invalid", "nonce"},
    {"alive", "\"nonce\":\"\"", "invalid", "32 hexadecimal digits"},
    {"alive", "\"nonce\":7", "invalid", "nonce"},
    {"twin", "", "invalid", "nonce"},
    {"twin", "\"nonce\":\"00112233445566778899aabbccddeeff\"", "invalid", "signature"},
    {"twin", "\"nonce\":\"00112233445566778899aabbccddeeff\",\"signature\":\"%\"", "invalid", "128 hexadecimal digits"},
    {"twin", "\"nonce\":\"00112233445566778899aabbccddeeff\",\"signature\":\"%%\"", "damaged", "no proof"},
    /* follow */
    {"follow", S ",\"from\":-1", "invalid", "from"},
    {"follow", S ",\"from\":\"0\"", "invalid", "from"},
    {"follow", S ",\"from\":18446744073709551616", "invalid", "from"},
    {"follow", S ",\"from_time\":true", "invalid", "from_time"},
    {"follow", S ",\"from_time\":\"2020\\u0000\"", "invalid", "from_time"},
    {"follow", S ",\"from_time\":\"9223372036854775808\"", "invalid", "from_time"},
    {"follow", S ",\"now\":1", "invalid", "now"},
    {"follow", S ",\"until\":-1", "invalid", "until"},
    {"follow", S ",\"until_time\":\"\"", "invalid", "until_time"},
    {"follow", S ",\"credit\":-1", "invalid", "credit"},
    {"follow", S ",\"credit\":\"1\"", "invalid", "credit"},
    {"follow", S ",\"heads\":0", "invalid", "heads"},
    {"follow", S ",\"from\":0,\"from_time\":0", "invalid", "more than one"},
    {"follow", S ",\"from\":0,\"now\":true", "invalid", "more than one"},
    {"follow", S ",\"from_time\":\"0\",\"now\":true", "invalid", "more than one"},
    {"follow", S ",\"until\":1,\"until_time\":1", "invalid", "one of them"},
    {"follow", S ",\"from\":-1,\"until\":-1,\"until_time\":1", "invalid", "from"},
    {"follow", S ",\"from_time\":[],\"now\":true,\"from\":0", "invalid", "from_time"},
    /* unfollow */
    {"unfollow", "", "invalid", "follow"},
    {"unfollow", "\"follow\":\"1\"", "invalid", "follow"},
    {"unfollow", "\"follow\":-1", "invalid", "follow"},
    /* at */
    {"at", S, "invalid", "time"},
    {"at", S ",\"time\":null", "invalid", "time"},
    {"at", S ",\"time\":\"x\"", "invalid", "time"},
    {"at", S ",\"time\":1.5", "invalid", "time"},
    {"at", S ",\"time\":9223372036854775808", "invalid", "time"},
    {"at", S ",\"time\":\"-9223372036854775808\"", "not-found", "at or before"},
    {"at", S ",\"time\":0", "not-found", "at or before"},
    /* nodes */
    {"nodes", S ",\"level\":0,\"from\":0,\"n\":1", "invalid", "count"},
    {"nodes", S ",\"count\":300,\"from\":0,\"n\":1", "invalid", "level"},
    {"nodes", S ",\"count\":300,\"level\":0,\"n\":1", "invalid", "from"},
    {"nodes", S ",\"count\":300,\"level\":0,\"from\":0", "invalid", "n:"},
    {"nodes", S ",\"count\":301,\"level\":0,\"from\":0,\"n\":1", "not-found", "300"},
    {"nodes", S ",\"count\":18446744073709551615,\"level\":0,\"from\":0,\"n\":1", "not-found", "300"},
    {"nodes", S ",\"count\":300,\"level\":0,\"from\":0,\"n\":0", "too-big", "1024"},
    {"nodes", S ",\"count\":300,\"level\":0,\"from\":0,\"n\":1025", "too-big", "1024"},
    {"nodes", S ",\"count\":300,\"level\":0,\"from\":0,\"n\":4", "invalid", "level 0"},
    {"nodes", S ",\"count\":300,\"level\":0,\"from\":3,\"n\":1", "invalid", "level 0"},
    {"nodes", S ",\"count\":300,\"level\":0,\"from\":18446744073709551615,\"n\":2", "invalid", "level 0"},
    {"nodes", S ",\"count\":300,\"level\":1,\"from\":0,\"n\":2", "invalid", "level 1"},
    {"nodes", S ",\"count\":300,\"level\":2,\"from\":0,\"n\":1", "invalid", "level 2"},
    {"nodes", S ",\"count\":300,\"level\":48,\"from\":0,\"n\":1", "invalid", "level 48"},
    {"nodes", S ",\"count\":300,\"level\":4294967296,\"from\":0,\"n\":1", "invalid", "level 4294967296"},
    {"nodes", S ",\"count\":300,\"level\":-1,\"from\":0,\"n\":1", "invalid", "level"},
    {"nodes", S ",\"count\":\"300\",\"level\":0,\"from\":0,\"n\":1", "invalid", "count"},
    /* no method */
    {"", "", "unsupported", "no such method"},
    {"Ping", "", "unsupported", "no such method"},
    {"publish", S, "unsupported", "no such method"},
};

/* Requests whose text as a whole is wrong. */
static const struct text_row {
    const char *text, *code, *word;
} texts[] = {
    {"{}", "invalid", "method"},
    {"[]", "invalid", "method"},
    {"7", "invalid", "method"},
    {"{\"method\":7}", "invalid", "method"},
    {"{\"method\":null}", "invalid", "method"},
    {"{\"method\":\"ping\"", "invalid", "request"},
    {"", "invalid", "request"},
    {"{\"method\":\"ping\"}x", "invalid", "request"},
    {"{\"method\":\"ping\",\"method\":\"ping\"}", "invalid", "method"},
    {"{\"method\":\"ping\",\"x\":"
     "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
     "too-big", ""},
};

/* Every method of doc/protocol.md, the right that it says, and parameters with which it succeeds. */
static const struct method_row {
    const char *name, *right, *params;
} methods[] = {
    {"ping", "–", ""},
    {"status", "read", ""},
    {"streams", "read", ""},
    {"create", "publish", "\"descriptor\":{\"source\":\"sim\",\"stream\":\"s\",\"target\":\"\"}"},
    {"head", "read", S},
    {"publish", "publish", NULL}, /* a frame of its own: tests/node/publish.c */
    {"follow", "read", S},
    {"unfollow", "read", "\"follow\":1"},
    {"at", "read", S ",\"time\":\"9223372036854775807\""},
    {"nodes", "read", S ",\"count\":300,\"level\":0,\"from\":0,\"n\":3"},
    {"subscribe", "admin", NONE},
    {"unsubscribe", "admin", NONE},
    {"alive", "–", "\"nonce\":\"00112233445566778899aabbccddeeff\""},
    {"twin", "–", NULL}, /* wants a proof: tests/node/author.c */
    {"confirm", "admin", ""},
    {"verify", "admin", S},
    {"fsck", "admin", ""},
    {"peers", "admin", ""},
    {"plugins", "admin", ""},
    {"reload", "admin", NULL}, /* tests/node/reload.c */
    {"drop", "admin", S},
    {"backup.begin", "admin", ""},
    {"backup.next", "admin", ""},
    {"restore.begin", "admin", NULL}, /* tests/node/copies.c */
    {"restore.put", "admin", NULL},
    {"restore.end", "admin", NULL},
};
#define N(v) (sizeof(v) / sizeof(v)[0])

struct bench {
    struct bed b;
    struct client *c;
    struct runnel_id id;
    char key[2 * RN_KEY + 1];
};

/* Replaces "$" by the stream's id and "%" by the author's key, and drops a leading comma. */
static void fill(const struct bench *t, const char *params, char *out, size_t size) {
    size_t n = 0;
    for (const char *p = *params == ',' ? params + 1 : params; *p; p++) {
        struct id_text id = id_text(&t->id);
        char one[2] = {*p, 0};
        const char *add = *p == '$' ? id.s : *p == '%' ? t->key : one;
        size_t k = strlen(add);
        assert_true(n + k < size);
        memcpy(out + n, add, k);
        n += k;
    }
    out[n] = 0;
}

static uint64_t ask(const struct bench *t, struct client *c, const char *method, const char *params) {
    char text[2048];
    fill(t, params, text, sizeof text);
    return client_send(c, "{\"method\":\"%s\"%s%s}", method, *text ? "," : "", text);
}

static void bench_init(struct bench *t, uint64_t seed) {
    bed_init(&t->b, seed);
    t->c = client_new(&t->b, "a", 1);
    t->id = make_stream(t->c, "s");
    bed_key(bed_a(&t->b), t->key);
    publish_many(t->c, &t->id, 0, 300, 300);
}

/* All that a node can tell of itself and that does not pass with time. */
static void snapshot(const struct bench *t, struct rn_buf *out) {
    static const char *const keys[] = {"streams", "own", "subscriptions", "follows"};
    rn_buf_clear(out);
    struct got *g = client_ask(t->c, "{\"method\":\"status\"}");
    for (size_t i = 0; i < N(keys); i++)
        sim_must(rn_buf_le64(out, got_u64(g, keys[i])), "a buffer");
    g = client_ask(t->c, "{\"method\":\"streams\"}");
    sim_must(rn_buf_add(out, g->bytes, g->f.body.n), "a buffer");
    sim_must(rn_buf_le64(out, rn_memory_last(t->b.node[0]->disk.map)), "a buffer");
}

static int same_snapshot(const struct bench *t, const struct rn_buf *before) {
    struct rn_buf now;
    rn_buf_init(&now, 0);
    snapshot(t, &now);
    int same = now.n == before->n && memcmp(now.p, before->p, now.n) == 0;
    rn_buf_free(&now);
    return same;
}

static void faults_change_nothing(void **state) {
    struct bench t;
    struct rn_buf before;
    (void)state;
    bench_init(&t, 1);
    rn_buf_init(&before, 0);
    snapshot(&t, &before);
    for (size_t i = 0; i < N(rows); i++) {
        struct got *g = client_answer(t.c, ask(&t, t.c, rows[i].method, rows[i].params));
        if (g->f.type != RN_FRAME_ERROR)
            print_error("%s %s: found success\n", rows[i].method, rows[i].params);
        got_is_error(g, rows[i].code, rows[i].word);
        sim_run(&t.b.w, SIM_MS);
        if (!same_snapshot(&t, &before)) {
            /* the note that nothing is subscribed may be written again */
            print_error("%s %s: something has changed\n", rows[i].method, rows[i].params);
            fail();
        }
    }
    for (size_t i = 0; i < N(texts); i++)
        client_refused(t.c, texts[i].code, texts[i].word, "%s", texts[i].text);
    assert_int_equal(same_snapshot(&t, &before), 1);
    rn_buf_free(&before);
    bed_free(&t.b);
}

/* A stranger may read and nothing else; whoever may not is told which right is wanted. */
static void rights(void **state) {
    struct bench t;
    struct rn_buf before;
    (void)state;
    bench_init(&t, 2);
    rn_buf_init(&before, 0);
    snapshot(&t, &before);
    struct client *stranger = client_new(&t.b, "a", 0);
    for (size_t i = 0; i < N(methods); i++) {
        const struct method_row *m = &methods[i];
        if (!m->params || strcmp(m->name, "follow") == 0)
            continue;
        struct got *g = client_answer(stranger, ask(&t, stranger, m->name, m->params));
        int reads = strcmp(m->right, "read") == 0 || strcmp(m->right, "–") == 0;
        if (!reads)
            got_is_error(g, "denied", m->right);
        assert_int_equal(g->f.type != RN_FRAME_ERROR, reads);
    }
    for (size_t i = 0; i < N(rows); i++) { /* nor does a fault tell more than the lack of a right */
        const struct method_row *m = methods;
        while (m < methods + N(methods) && strcmp(m->name, rows[i].method) != 0)
            m++;
        if (m == methods + N(methods) || !m->params || strcmp(m->right, "read") == 0 || strcmp(m->right, "–") == 0)
            continue;
        got_is_error(client_answer(stranger, ask(&t, stranger, m->name, rows[i].params)), "denied", m->right);
    }
    assert_int_equal(same_snapshot(&t, &before), 1);
    for (size_t i = 0; i < N(methods); i++)
        if (methods[i].params) {
            struct got *g = client_answer(t.c, ask(&t, t.c, methods[i].name, methods[i].params));
            assert_true(g->f.type != RN_FRAME_ERROR);
        }
    rn_buf_free(&before);
    bed_free(&t.b);
}

/* The page names the methods of this table, with these rights, and each has rows above where it takes anything. */
static void the_page_names_the_same(void **state) {
    static const char *const without[] = {"ping",    "status",       "peers",   "plugins",
                                          "publish", "backup.begin", "confirm", "reload"};
    char path[512], line[2048], name[64], right[64];
    const char *srcdir = getenv("RUNNEL_SRC");
    size_t n = 0;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/doc/protocol.md", srcdir ? srcdir : ".");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    int inside = 0;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "| method |", 10) == 0)
            inside = 1;
        else if (line[0] != '|')
            inside = 0;
        if (!inside || sscanf(line, "| `%63[a-z.]` | %63s |", name, right) != 2)
            continue;
        assert_true(n < N(methods));
        assert_string_equal(name, methods[n].name);
        assert_string_equal(right, methods[n].right);
        n++;
    }
    (void)fclose(f);
    assert_int_equal(n, N(methods));
    for (size_t i = 0; i < N(methods); i++) {
        size_t has = 0;
        for (size_t k = 0; k < N(rows); k++)
            has += strcmp(rows[k].method, methods[i].name) == 0 && strcmp(rows[k].code, "unsupported") != 0;
        for (size_t k = 0; k < N(without); k++)
            has += strcmp(without[k], methods[i].name) == 0;
        assert_true(has > 0);
    }
}

/* What succeeds has the members that the page names. */
static const struct member_row {
    const char *method, *params, *members[15];
} members[] = {
    {"status",
     "",
     {"node", "nonce", "agent", "now", "uptime_ms", "streams", "own", "troubled", "author", "subscriptions", "sessions",
      "follows"}},
    {"streams", "", {"streams", "more"}},
    {"create",
     "\"descriptor\":{\"source\":\"sim\",\"stream\":\"s\",\"target\":\"\"}",
     {"stream", "descriptor", "created"}},
    {"head",
     S,
     {"stream", "descriptor", "own", "subscribed", "live", "state", "count", "last", "head", "head_count", "root",
      "signed_at"}},
    {"follow", S, {"stream", "from", "count", "live"}},
    {"at", S ",\"time\":\"9223372036854775807\"", {"seq", "time", "value"}},
    {"subscribe", NONE, {"stream", "added"}},
    {"unsubscribe", NONE, {"removed"}},
    {"verify", S, {"stream", "count", "blocks", "ok", "damaged"}},
    {"fsck", "", {"ok", "records", "found", "findings"}},
    {"peers", "", {"peers"}},
    {"plugins", "", {"plugins", "instances"}},
    {"drop", S, {"stream", "own", "count"}},
    {"backup.begin", "", {"node", "version", "streams", "count", "unread"}},
    {"backup.next", "", {"slice", "more", "done", "records", "damaged"}},
};

static void answers_have_their_members(void **state) {
    struct bench t;
    (void)state;
    bench_init(&t, 3);
    for (size_t i = 0; i < N(members); i++) {
        struct got *g = client_answer(t.c, ask(&t, t.c, members[i].method, members[i].params));
        for (size_t k = 0; k < N(members[i].members) && members[i].members[k]; k++) {
            if (!rn_json_get(got_json(g), members[i].members[k]))
                print_error("%s: no member %s\n", members[i].method, members[i].members[k]);
            assert_non_null(rn_json_get(got_json(g), members[i].members[k]));
        }
    }
    bed_free(&t.b);
}

/* Peers, as the page says them. */
static void peers_have_their_members(void **state) {
    static const char *const keys[] = {"address", "node",       "agent",       "dialled",  "state",
                                       "since",   "follows_in", "follows_out", "received", "sent"};
    struct bench t;
    (void)state;
    bench_init(&t, 4);
    (void)bed_node(&t.b, 1, "a");
    struct client *c = client_new(&t.b, "b", 1);
    (void)client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&t.id).s);
    sim_run(&t.b.w, 5 * SIM_S);
    for (int side = 0; side < 2; side++) {
        const struct rn_json *list =
            rn_json_get(got_json(client_ask(side ? c : t.c, "{\"method\":\"peers\"}")), "peers");
        assert_true(list && list->n == 1);
        for (size_t i = 0; i < N(keys); i++) {
            if (!rn_json_get(list->child, keys[i]))
                print_error("peers: no member %s\n", keys[i]);
            assert_non_null(rn_json_get(list->child, keys[i]));
        }
        uint64_t in = 9, out = 9;
        struct runnel_err err;
        assert_int_equal(rn_json_u64(list->child, "follows_in", &in, &err), 0);
        assert_int_equal(rn_json_u64(list->child, "follows_out", &out, &err), 0);
        assert_true(in == (side ? 0u : 1u) && out == (side ? 1u : 0u));
    }
    bed_free(&t.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_change_nothing),    cmocka_unit_test(rights),
        cmocka_unit_test(the_page_names_the_same),  cmocka_unit_test(answers_have_their_members),
        cmocka_unit_test(peers_have_their_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
