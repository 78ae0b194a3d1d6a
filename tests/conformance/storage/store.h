/* SPDX-License-Identifier: MIT
 * store.h — a storage plugin for tests that wait for each call; checks what holds for every completion.
 * May touch: the test host, cmocka's assertions.
 */
#ifndef TEST_STORE_H
#define TEST_STORE_H

#include "tests/conformance/host.h"
#include <runnel/storage.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STORE_DEADLINE_MS 120000

struct store {
    struct test_host *host;
    struct runnel_inst *inst;
    const struct runnel_storage *ops;
    runnel_fn *at_done; /* called within each commit's completion that brings success; NULL: nothing is */
    void *at_done_arg;
};

/* A completion that is waited for. */
struct answer {
    struct store *store;
    bool fired;
    int code; /* RUNNEL_OK or what the error said */
    char msg[512];
    uint8_t *p; /* of a get */
    size_t n;
};

/* What a scan has listed. */
struct listing {
    struct answer answer;
    size_t n, cap;
    struct listed {
        uint8_t key[RUNNEL_KEY_MAX];
        size_t n_key;
        uint8_t *val;
        size_t n_val;
    } * v;
};

/* Each plugin that is opened gets the option that RUNNEL_STORE_CONF names ("option=value"), if it is set. */

/* Opens and starts; fails the test when that fails. `dir` NULL: a fresh one, removed at the end. */
void store_open(struct store *s, const char *path, const char *dir);
/* As store_open, but hands a failure back: 0, or the code; nothing stays open then. */
int store_try(struct store *s, const char *path, const char *dir, struct runnel_err *err);
/* The two halves of it: the host alone, and the plugin on it. A start that fails leaves the host only. */
void store_init(struct store *s);
int store_start(struct store *s, const char *path, const char *dir, struct runnel_err *err);
void store_close(struct store *s);
/* Stops and destroys the plugin; the host stays. The stop may end with an error. */
void store_stop(struct store *s);
/* Whether the engine forgets everything when it is closed. */
bool store_is_volatile(const struct store *s);
/* Whether it can move a damaged store out of the way. */
bool store_sets_aside(const struct store *s);

/* Asks without waiting; fails the test if done fires within the call. */
void store_ask(struct store *s, const struct runnel_change *changes, size_t n, struct answer *a);
void store_wait(struct store *s, struct answer *a);
/* Asks and waits: the code. */
int store_commit(struct store *s, const struct runnel_change *changes, size_t n);
int store_put(struct store *s, const char *key, const char *val);
int store_append(struct store *s, const char *key, uint64_t off, const char *val);
int store_erase(struct store *s, const char *key, const char *to);

/* Reads; the bytes are freed by answer_free. */
void store_get(struct store *s, struct runnel_bytes key, uint64_t off, uint32_t max, struct answer *a);
void answer_free(struct answer *a);
/* Fails the test unless the record reads like this; NULL: unless there is none. */
void store_expect(struct store *s, const char *key, const char *val);

void store_scan(struct store *s, struct runnel_bytes from, struct runnel_bytes to, uint32_t limit, struct listing *l);
void listing_free(struct listing *l);
/* Fails the test unless a scan lists "key=value " and so on. */
void store_expect_scan(struct store *s, const char *from, const char *to, uint32_t limit, const char *want);

/* One of many commits that are asked for at once: its place among the completions. */
struct ordered {
    unsigned *count;
    unsigned at;
    int code;
    bool fired;
};
runnel_done on_ordered;

struct runnel_bytes text(const char *s);
/* `n` bytes that the seed determines; for free(). */
uint8_t *random_bytes(size_t n, uint64_t seed);

/* A directory for engines that are opened more than once. */
void fresh_dir(char *out, size_t n);
void remove_dir(const char *dir);

/* A small generator, so that a seed replays a run. */
uint32_t next_random(uint64_t *state);

#endif
