/* SPDX-License-Identifier: MIT
 * names.c — tests of streams asked for by author and name: several of one name, dropped ones, restarts.
 * May touch: standard output.
 */
#include "node/inner.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

#define SAME 5

struct scene {
    struct bed b;
    struct client *c;
    char key[2 * RN_KEY + 1];
    char ids[SAME][RN_ID_TEXT];
};

static void create(struct scene *s, const char *name, int i, char id[RN_ID_TEXT]) {
    struct got *g = client_ask(s->c,
                               "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"%s\","
                               "\"target\":\"t\",\"meta\":{\"description\":\"%d\"}}}",
                               name, i);
    assert_int_equal(got_bool(g, "created"), 1);
    (void)snprintf(id, RN_ID_TEXT, "%s", got_str(g, "stream"));
}

static void scene_init(struct scene *s) {
    bed_init(&s->b, 1);
    s->c = client_new(&s->b, "a", 1);
    bed_key(bed_a(&s->b), s->key);
    for (int i = 0; i < SAME; i++)
        create(s, "x", i, s->ids[i]);
}

/* By its name it is this one; NULL: none. */
static void is(struct scene *s, const char *name, const char *id) {
    const char *const ask = "{\"method\":\"head\",\"stream\":\"%s/sim/%s/t\"}";
    if (id)
        assert_string_equal(got_str(client_ask(s->c, ask, s->key, name), "stream"), id);
    else
        client_refused(s->c, "not-found", "not known here", ask, s->key, name);
}

static void drop(struct scene *s, int i) {
    (void)client_ask(s->c, "{\"method\":\"drop\",\"stream\":\"%s\"}", s->ids[i]);
}

static void restart(struct scene *s) {
    bed_restart(&s->b, bed_a(&s->b));
    client_close(s->c);
    s->c = client_new(&s->b, "a", 1);
}

/* The newest of them is meant, and when that is dropped the one before it, in whatever order they go. */
static void the_newest_is_meant(void **state) {
    static const int order[SAME] = {2, 4, 0, 3, 1}, newest[SAME] = {4, 3, 3, 1, -1};
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        struct scene s;
        scene_init(&s);
        is(&s, "x", s.ids[SAME - 1]);
        for (int i = 0; i < SAME; i++) {
            drop(&s, order[i]);
            if (restarts)
                restart(&s);
            is(&s, "x", newest[i] < 0 ? NULL : s.ids[newest[i]]);
        }
        assert_int_equal(rn_map_count(bed_a(&s.b)->node->names), 0);
        char again[RN_ID_TEXT];
        create(&s, "x", SAME, again);
        is(&s, "x", again);
        bed_free(&s.b);
    }
}

/* Parts of a name are not taken for one another's, and a name needs its author. */
static void names_are_exact(void **state) {
    struct scene s;
    char other[RN_ID_TEXT];
    (void)state;
    scene_init(&s);
    create(&s, "xx", 0, other);
    is(&s, "xx", other);
    is(&s, "x", s.ids[SAME - 1]);
    is(&s, "y", NULL);
    client_refused(s.c, "not-found", "", "{\"method\":\"head\",\"stream\":\"%s/simx/t/\"}", s.key);
    client_refused(s.c, "not-found", "", "{\"method\":\"head\",\"stream\":\"%s/sim/x/\"}", s.key);
    s.key[0] = s.key[0] == '0' ? '1' : '0';
    is(&s, "x", NULL);
    bed_free(&s.b);
}

/* One that could not be stored leaves its name to the others. */
static void a_create_that_fails(void **state) {
    struct scene s;
    (void)state;
    scene_init(&s);
    bed_a(&s.b)->disk.faults.full = 1000;
    for (int i = 0; i < 2; i++)
        client_refused(s.c, "full", "space",
                       "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"%s\",\"target\":\"t\"}}",
                       i ? "new" : "x");
    bed_a(&s.b)->disk.faults.full = 0;
    is(&s, "x", s.ids[SAME - 1]);
    is(&s, "new", NULL);
    assert_int_equal(rn_map_count(bed_a(&s.b)->node->names), 1);
    bed_free(&s.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_is_meant),
        cmocka_unit_test(names_are_exact),
        cmocka_unit_test(a_create_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
