/* SPDX-License-Identifier: MIT
 * engine.c — a skip list of records and, for each commit that is not durable, how to undo it.
 * May touch: the heap.
 */
#include "plugins/storage/memory/engine.h"
#include "base/changes.h"
#include "base/err.h"
#include <stdlib.h>
#include <string.h>

#define LEVELS 20u /* fit for 4^20 records */

struct record {
    uint8_t *val;
    size_t n, cap;
    uint8_t key[RUNNEL_KEY_MAX];
    uint8_t n_key;
    uint8_t height;        /* levels that it stands in */
    struct record *next[]; /* one for each level */
};

enum undo_what {
    UNDO_INSERT,  /* take `record` out */
    UNDO_REPLACE, /* give `record` its old val, n, cap back */
    UNDO_APPEND,  /* cut `record` to n bytes */
    UNDO_ERASE    /* put `record` in again */
};

/* How to undo one step. What it takes to do so is all here: undoing never allocates. */
struct undo {
    struct undo *before; /* the step before it in the same commit */
    enum undo_what what;
    struct record *record;
    uint8_t *val;
    size_t n, cap;
};

/* A commit that is not durable. */
struct commit {
    struct commit *older, *newer;
    uint64_t number;
    struct undo *last;
};

struct rn_memory {
    uint64_t limit, bytes, last, durable;
    uint64_t inserted; /* records ever made: what heights are derived from */
    size_t count;
    struct commit *oldest, *newest;
    struct record *head[LEVELS];
};

/* ---- the skip list ---- */

static struct runnel_bytes key_of(const struct record *r) {
    return (struct runnel_bytes){r->key, r->n_key};
}

/* The places where a record with this key is, or would be, linked in: one a level. */
struct path {
    struct record **at[LEVELS];
};

/* `beyond`: behind a record with this very key instead of before it. */
static struct record *find(struct rn_memory *m, struct runnel_bytes key, bool beyond, struct path *path) {
    struct record **links = m->head;
    for (unsigned level = LEVELS; level-- > 0;) {
        for (struct record *r; (r = links[level]) != NULL; links = r->next) {
            int order = rn_key_compare(key_of(r), key);
            if (order > 0 || (order == 0 && !beyond))
                break;
        }
        path->at[level] = &links[level];
    }
    return *path->at[0];
}

/* The same, for reading only. */
static const struct record *look(const struct rn_memory *m, struct runnel_bytes key, bool beyond) {
    struct record *const *links = m->head;
    for (unsigned level = LEVELS; level-- > 0;)
        for (const struct record *r; (r = links[level]) != NULL; links = r->next) {
            int order = rn_key_compare(key_of(r), key);
            if (order > 0 || (order == 0 && !beyond))
                break;
        }
    return links[0];
}

static bool is(const struct record *r, struct runnel_bytes key) {
    return r && rn_key_compare(key_of(r), key) == 0;
}

/* 1 with probability 3/4, 2 with 3/16, ...: from a counter through a mixer (splitmix64), so that the
 * shape depends on the order of the calls alone. */
static uint8_t next_height(struct rn_memory *m) {
    uint64_t x = ++m->inserted * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    uint8_t height = 1;
    for (; (x & 3) == 0 && height < LEVELS; x >>= 2)
        height++;
    return height;
}

static struct record *new_record(struct rn_memory *m, struct runnel_bytes key) {
    uint8_t height = next_height(m);
    struct record *r = calloc(1, sizeof *r + height * sizeof r->next[0]);
    if (!r)
        return NULL;
    memcpy(r->key, key.p, key.n);
    r->n_key = (uint8_t)key.n;
    r->height = height;
    return r;
}

static void free_record(struct record *r) {
    free(r->val);
    free(r);
}

static void link_in(struct rn_memory *m, const struct path *path, struct record *r) {
    for (unsigned level = 0; level < r->height; level++) {
        r->next[level] = *path->at[level];
        *path->at[level] = r;
    }
    m->count++;
    m->bytes += r->n_key + r->n;
}

static void link_out(struct rn_memory *m, const struct path *path, struct record *r) {
    for (unsigned level = 0; level < r->height; level++)
        *path->at[level] = r->next[level];
    m->count--;
    m->bytes -= r->n_key + r->n;
}

/* ---- undoing ---- */

static void undo_one(struct rn_memory *m, struct undo *u) {
    struct record *r = u->record;
    struct path path;
    switch (u->what) {
    case UNDO_INSERT:
        (void)find(m, key_of(r), false, &path);
        link_out(m, &path, r);
        free_record(r);
        break;
    case UNDO_REPLACE:
        m->bytes = m->bytes - r->n + u->n;
        free(r->val);
        r->val = u->val;
        r->n = u->n;
        r->cap = u->cap;
        break;
    case UNDO_APPEND:
        m->bytes -= r->n - u->n;
        r->n = u->n;
        break;
    case UNDO_ERASE:
        (void)find(m, key_of(r), false, &path);
        link_in(m, &path, r);
        break;
    }
    free(u);
}

static void undo_all(struct rn_memory *m, struct undo *u) {
    while (u) {
        struct undo *before = u->before;
        undo_one(m, u);
        u = before;
    }
}

/* The commit stands for good: what would have undone it goes. */
static void forget_all(struct undo *u) {
    while (u) {
        struct undo *before = u->before;
        if (u->what == UNDO_ERASE)
            free_record(u->record);
        if (u->what == UNDO_REPLACE)
            free(u->val);
        free(u);
        u = before;
    }
}

static struct undo *note_undo(struct commit *c, enum undo_what what, struct record *r) {
    struct undo *u = malloc(sizeof *u);
    if (!u)
        return NULL;
    *u = (struct undo){.before = c->last, .what = what, .record = r, .val = r->val, .n = r->n, .cap = r->cap};
    c->last = u;
    return u;
}

/* ---- changing ---- */

static int no_memory(struct runnel_err *err) {
    return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
}

static int check_limit(const struct rn_memory *m, size_t more, struct runnel_err *err) {
    if (!m->limit || (m->bytes <= m->limit && more <= m->limit - m->bytes))
        return 0;
    return rn_fail(err, RUNNEL_EFULL, "%zu bytes more would exceed the limit of %llu: raise `limit` or erase data",
                   more, (unsigned long long)m->limit);
}

static int insert(struct rn_memory *m, struct commit *c, const struct path *path, const struct runnel_change *change,
                  struct runnel_err *err) {
    int rc = check_limit(m, change->key.n + change->data.n, err);
    if (rc != 0)
        return rc;
    struct record *r = new_record(m, change->key);
    if (!r)
        return no_memory(err);
    r->val = malloc(change->data.n ? change->data.n : 1);
    if (!r->val || !note_undo(c, UNDO_INSERT, r)) {
        free_record(r);
        return no_memory(err);
    }
    if (change->data.n)
        memcpy(r->val, change->data.p, change->data.n);
    r->n = r->cap = change->data.n;
    link_in(m, path, r);
    return 0;
}

static int replace(struct rn_memory *m, struct commit *c, struct record *r, struct runnel_bytes data,
                   struct runnel_err *err) {
    int rc = data.n > r->n ? check_limit(m, data.n - r->n, err) : 0;
    if (rc != 0)
        return rc;
    uint8_t *val = malloc(data.n ? data.n : 1);
    if (!val || !note_undo(c, UNDO_REPLACE, r)) {
        free(val);
        return no_memory(err);
    }
    if (data.n)
        memcpy(val, data.p, data.n);
    m->bytes = m->bytes - r->n + data.n;
    r->val = val;
    r->n = r->cap = data.n;
    return 0;
}

/* Makes room behind a record; doubles, so that many small appends cost little. */
static int grow(struct record *r, size_t n, struct runnel_err *err) {
    if (n <= r->cap)
        return 0;
    size_t cap = n > 2 * r->cap ? n : 2 * r->cap;
    uint8_t *val = realloc(r->val, cap);
    if (!val)
        return no_memory(err);
    r->val = val;
    r->cap = cap;
    return 0;
}

static int append(struct rn_memory *m, struct commit *c, struct record *r, struct runnel_bytes data,
                  struct runnel_err *err) {
    int rc = check_limit(m, data.n, err);
    if (rc == 0)
        rc = grow(r, r->n + data.n, err);
    if (rc != 0)
        return rc;
    if (!note_undo(c, UNDO_APPEND, r))
        return no_memory(err);
    if (data.n)
        memcpy(r->val + r->n, data.p, data.n);
    r->n += data.n;
    m->bytes += data.n;
    return 0;
}

static int append_at(struct rn_memory *m, struct commit *c, const struct path *path, struct record *r,
                     const struct runnel_change *change, struct runnel_err *err) {
    size_t length = r ? r->n : 0;
    char text[RN_KEY_TEXT];
    if (length != change->off)
        return rn_fail(err, RUNNEL_ECONFLICT, "the record %s is %zu bytes long, the append wants it at %llu",
                       rn_key_text(change->key, text), length, (unsigned long long)change->off);
    return r ? append(m, c, r, change->data, err) : insert(m, c, path, change, err);
}

static int erase_one(struct rn_memory *m, struct commit *c, const struct path *path, struct record *r,
                     struct runnel_err *err) {
    if (!note_undo(c, UNDO_ERASE, r))
        return no_memory(err);
    link_out(m, path, r);
    return 0;
}

static int erase(struct rn_memory *m, struct commit *c, const struct runnel_change *change, struct runnel_err *err) {
    struct path path;
    struct record *r = find(m, change->key, false, &path);
    if (!change->to.n)
        return is(r, change->key) ? erase_one(m, c, &path, r, err) : 0;
    /* A record that goes stands first behind the path on all its levels, hence the path stays right. */
    int rc = 0;
    while (rc == 0 && r && rn_key_compare(key_of(r), change->to) < 0) {
        struct record *next = r->next[0];
        rc = erase_one(m, c, &path, r, err);
        r = next;
    }
    return rc;
}

static int apply_one(struct rn_memory *m, struct commit *c, const struct runnel_change *change,
                     struct runnel_err *err) {
    if (change->what == RUNNEL_ERASE)
        return erase(m, c, change, err);
    struct path path;
    struct record *r = find(m, change->key, false, &path);
    if (!is(r, change->key))
        r = NULL;
    if (change->what == RUNNEL_APPEND)
        return append_at(m, c, &path, r, change, err);
    return r ? replace(m, c, r, change->data, err) : insert(m, c, &path, change, err);
}

int rn_memory_apply(struct rn_memory *m, const struct runnel_change *changes, size_t n, uint64_t *number,
                    struct runnel_err *err) {
    int rc = rn_changes_check(changes, n, NULL, err);
    if (rc != 0)
        return rc;
    struct commit *c = calloc(1, sizeof *c);
    if (!c)
        return no_memory(err);
    for (size_t k = 0; k < n; k++) {
        rc = apply_one(m, c, &changes[k], err);
        if (rc == 0)
            continue;
        undo_all(m, c->last);
        free(c);
        (void)rn_wrap(err, "change %zu of %zu", k + 1, n);
        return rc;
    }
    c->number = ++m->last;
    c->older = m->newest;
    *(m->newest ? &m->newest->newer : &m->oldest) = c;
    m->newest = c;
    if (number)
        *number = c->number;
    return 0;
}

void rn_memory_sync(struct rn_memory *m, uint64_t upto) {
    while (m->oldest && m->oldest->number <= upto) {
        struct commit *c = m->oldest;
        m->oldest = c->newer;
        *(c->newer ? &c->newer->older : &m->newest) = NULL;
        m->durable = c->number;
        forget_all(c->last);
        free(c);
    }
}

void rn_memory_crash(struct rn_memory *m) {
    while (m->newest) {
        struct commit *c = m->newest;
        m->newest = c->older;
        undo_all(m, c->last);
        free(c);
    }
    m->oldest = NULL;
}

/* ---- reading ---- */

bool rn_memory_seek(const struct rn_memory *m, struct runnel_bytes from, bool beyond, struct runnel_bytes *key,
                    struct runnel_bytes *val) {
    const struct record *r = look(m, from, beyond);
    if (!r)
        return false;
    *key = key_of(r);
    *val = (struct runnel_bytes){r->val, r->n};
    return true;
}

bool rn_memory_get(const struct rn_memory *m, struct runnel_bytes key, struct runnel_bytes *val) {
    struct runnel_bytes found;
    return rn_memory_seek(m, key, false, &found, val) && rn_key_compare(found, key) == 0;
}

uint64_t rn_memory_last(const struct rn_memory *m) {
    return m->last;
}

uint64_t rn_memory_durable(const struct rn_memory *m) {
    return m->durable;
}

size_t rn_memory_count(const struct rn_memory *m) {
    return m->count;
}

uint64_t rn_memory_bytes(const struct rn_memory *m) {
    return m->bytes;
}

/* ---- the whole ---- */

struct rn_memory *rn_memory_new(uint64_t limit) {
    struct rn_memory *m = calloc(1, sizeof *m);
    if (m)
        m->limit = limit;
    return m;
}

void rn_memory_set_limit(struct rn_memory *m, uint64_t limit) {
    m->limit = limit;
}

void rn_memory_free(struct rn_memory *m) {
    if (!m)
        return;
    rn_memory_sync(m, UINT64_MAX);
    for (struct record *r = m->head[0], *next; r; r = next) {
        next = r->next[0];
        free_record(r);
    }
    free(m);
}
