/* SPDX-License-Identifier: MIT
 * audit.c — walks a disk's map record by record and compares it with the truth (audit.h).
 * May touch: the world; disks by looking only.
 */
#include "sim/audit.h"
#include "node/record.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One stream on a disk. */
struct entry {
    uint32_t number;
    struct sim_check *check;
    struct rn_hash descriptor_leaf;
};

/* One disk that is looked at. */
struct disk {
    struct sim_audit *audit;
    const struct sim_node *node;
    struct entry entries[SIM_AUDIT_STREAMS];
    size_t n;
};

static void fail(const struct disk *d, const char *what, uint64_t at, const char *why) {
    sim_fail(d->audit->world, "the disk of %s: %s %" PRIu64 ": %s", d->node->host.name, what, at, why);
}

static struct rn_hasher *hasher(const struct disk *d) {
    return d->audit->world->hasher;
}

static int get(const struct disk *d, const struct rn_place *p, struct runnel_bytes *out) {
    return rn_memory_get(d->node->disk.map, rn_place_bytes(p), out);
}

/* ---- which streams it holds ---- */

static struct sim_check *check_of(const struct sim_audit *a, const struct rn_hash *descriptor) {
    for (size_t i = 0; i < a->n_checks; i++)
        if (rn_hash_equal(&a->checks[i]->descriptor, descriptor))
            return a->checks[i];
    return NULL;
}

static void add_stream(struct disk *d, struct runnel_bytes key, struct runnel_bytes record) {
    struct runnel_err err = {0};
    struct runnel_bytes text;
    struct entry *e = &d->entries[d->n];
    sim_must(d->n < SIM_AUDIT_STREAMS ? 0 : -RUNNEL_ETOOBIG, "so many streams on a disk");
    if (rn_record_open(hasher(d), key, &record, &err) != 0 ||
        rn_stream_record_get(record, &e->number, &text, &err) != 0) {
        fail(d, "stream record", d->n, err.msg);
        return;
    }
    struct rn_hash hash = rn_sha256(hasher(d), text.p, text.n);
    e->check = check_of(d->audit, &hash);
    e->descriptor_leaf = rn_hash_leaf(hasher(d), text.p, text.n, NULL, 0);
    if (!e->check || key.n != 1 + sizeof e->check->id.b || memcmp(key.p + 1, e->check->id.b, key.n - 1) != 0)
        fail(d, "stream record", d->n, "a descriptor that no author has made");
    else
        d->n++;
}

static void disk_open(struct disk *d, struct sim_audit *a, const struct sim_node *n) {
    struct rn_place first = rn_place_area('S'), end = rn_place_behind(&first);
    struct runnel_bytes key = rn_place_bytes(&first), val, stop = rn_place_bytes(&end);
    *d = (struct disk){.audit = a, .node = n};
    for (bool more = rn_memory_seek(n->disk.map, key, false, &key, &val); more && memcmp(key.p, stop.p, 1) < 0;
         more = rn_memory_seek(n->disk.map, key, true, &key, &val))
        add_stream(d, key, val);
}

/* ---- blocks ---- */

static int is_author(const struct disk *d, const struct sim_check *c) {
    return c->publisher == d->node;
}

/* The observations of one block, those that stand from byte `off` on. At the author those that are not durable yet
 * are nobody's business. */
static void audit_block(struct disk *d, const struct entry *e, uint64_t k, struct runnel_bytes block, uint64_t off) {
    struct runnel_err err = {0};
    struct rn_cursor c;
    struct rn_obs o;
    uint64_t durable = sim_check_durable(e->check), n = 0;
    int more = rn_cursor_block(&c, block.p, block.n, k * RN_MAX_BLOCK, &err);
    d->audit->n_blocks++;
    while (more == 0 && (more = rn_cursor_next(&c, &o, &err)) == 1) {
        more = 0;
        if (++n > RN_MAX_BLOCK)
            fail(d, "block", k, "it holds too many observations");
        if ((uint64_t)(o.value.p - block.p) < off)
            continue;
        d->audit->n_observations++;
        if (!is_author(d, e->check) || o.seq < durable)
            sim_check_saw(e->check, d->node->host.name, o.seq, &o.time, o.value);
    }
    if (more < 0)
        fail(d, "block", k, err.msg);
}

/* The hash of the leaf over the first `count` observations of a block. 0, or -1: they are not there. */
static int leaf_of(struct disk *d, const struct entry *e, uint64_t k, uint64_t count, struct rn_hash *out) {
    struct rn_place p = rn_place_block(e->number, k);
    struct runnel_bytes block;
    struct runnel_err err = {0};
    size_t cut = 0;
    if (!get(d, &p, &block)) {
        fail(d, "block", k, "it is not there");
        return -1;
    }
    if (rn_block_cut(block.p, block.n, count, &cut, &err) != 0) {
        fail(d, "block", k, err.msg);
        return -1;
    }
    *out = rn_hash_leaf(hasher(d), block.p, cut, NULL, 0);
    return 0;
}

/* ---- trees ---- */

/* MTH of RFC 9162, section 2.1.1; the recursion is as deep as the tree is high. */
static struct rn_hash fold(struct rn_hasher *h, const struct rn_hash *leaves, size_t n) {
    size_t split = 1;
    if (n == 1)
        return leaves[0];
    while (split * 2 < n)
        split *= 2;
    struct rn_hash left = fold(h, leaves, split), right = fold(h, leaves + split, n - split);
    return rn_hash_node(h, &left, &right);
}

/* The leaves of the tree of `count` observations; NULL (and a failure): something of them is not there. */
static struct rn_hash *leaves_of(struct disk *d, const struct entry *e, uint64_t count) {
    uint64_t n = rn_tree_leaves(count);
    struct rn_hash *leaves = sim_alloc((size_t)n * sizeof *leaves);
    leaves[0] = e->descriptor_leaf;
    for (uint64_t k = 1; k < n; k++) {
        uint64_t left = count - (k - 1) * RN_MAX_BLOCK;
        if (leaf_of(d, e, k - 1, left < RN_MAX_BLOCK ? left : RN_MAX_BLOCK, &leaves[k]) != 0) {
            free(leaves);
            return NULL;
        }
    }
    return leaves;
}

/* Each perfect node that the packs hold is the hash of what is below it. */
static void audit_nodes(struct disk *d, const struct entry *e, const struct rn_hash *leaves, uint64_t closed) {
    for (uint32_t level = 0; closed >> level; level++)
        for (uint64_t i = 0; (i + 1) << level <= closed; i++) {
            uint32_t off;
            struct rn_place p = rn_place_node(e->number, level, i, &off);
            struct rn_hash want = fold(hasher(d), leaves + (i << level), (size_t)1 << level);
            struct runnel_bytes pack;
            if (!get(d, &p, &pack) || pack.n < off + rn_entry_size(level))
                fail(d, "tree node", i, "it is not there");
            else if (memcmp(pack.p + off, want.b, sizeof want.b) != 0)
                fail(d, "tree node", i, "it is not the hash of what is below it");
        }
}

/* ---- heads ---- */

static int verify(void *arg, const struct rn_key *id, const char *purpose, const void *p, size_t n,
                  const uint8_t sig[RN_SIGNATURE]) {
    return sim_verify(arg, id, purpose, p, n, sig);
}

static int state_of(struct disk *d, const struct entry *e, struct rn_state_record *out) {
    struct rn_place p = rn_place_state(e->number);
    struct runnel_bytes record;
    struct runnel_err err = {0};
    if (!get(d, &p, &record))
        return 0; /* it has just the descriptor */
    if (rn_record_open(hasher(d), rn_place_bytes(&p), &record, &err) == 0 &&
        rn_state_record_get(record, out, &err) == 0)
        return 1;
    fail(d, "state of stream", e->number, err.msg);
    return 0;
}

/* Whether the root of a head is that of the observations that are here. */
static void audit_root(struct disk *d, const struct entry *e, const struct rn_head *head) {
    struct rn_hash *leaves = leaves_of(d, e, head->count);
    if (!leaves)
        return;
    struct rn_hash root = fold(hasher(d), leaves, (size_t)rn_tree_leaves(head->count));
    free(leaves);
    d->audit->n_roots++;
    if (!rn_hash_equal(&root, &head->root))
        fail(d, "head of stream", e->number, "its root is not that of the observations");
}

/* The head of a state record: signed by the author, and of no branch. `hash`: all that it covers is hashed. */
static void audit_head(struct disk *d, const struct entry *e, const struct rn_state_record *s, int hash) {
    struct rn_signed_head h;
    struct runnel_err err = {0};
    struct sim_world *w = d->audit->world;
    if (rn_signed_head_decode(s->head.p, s->head.n, &h, &err) != 0 ||
        rn_head_check_by(w->hasher, &h.head, &h.attestation, &e->check->author, verify, w, NULL, &err) != 0) {
        fail(d, "head of stream", e->number, err.msg);
        return;
    }
    if (!rn_hash_equal(&h.head.descriptor, &e->check->descriptor) || h.head.count > s->held) {
        fail(d, "head of stream", e->number, "it is of another stream, or of more than is held");
        return;
    }
    if (hash)
        audit_root(d, e, &h.head);
    if (!is_author(d, e->check) && !sim_failed(w))
        sim_check_told(e->check, d->node->host.name, h.head.count, &h.head.root);
}

static void audit_stream(struct disk *d, const struct entry *e) {
    struct rn_state_record s;
    if (!state_of(d, e, &s))
        return;
    for (uint64_t k = 0; k * RN_MAX_BLOCK < s.held; k++) {
        struct rn_place p = rn_place_block(e->number, k);
        struct runnel_bytes block;
        if (get(d, &p, &block))
            audit_block(d, e, k, block, 0);
        else
            fail(d, "block", k, "it is not there");
    }
    struct rn_hash *leaves = sim_failed(d->audit->world) ? NULL : leaves_of(d, e, s.held);
    if (leaves)
        audit_nodes(d, e, leaves, 1 + s.held / RN_MAX_BLOCK);
    free(leaves);
    if (s.head.n > 0)
        audit_head(d, e, &s, 1);
}

/* ---- the outside ---- */

void sim_audit_init(struct sim_audit *a, struct sim_world *w, struct sim_check *const *checks, size_t n) {
    *a = (struct sim_audit){.world = w, .checks = checks, .n_checks = n};
}

void sim_audit_disk(struct sim_audit *a, const struct sim_node *n) {
    struct disk d;
    disk_open(&d, a, n);
    a->n_disks++;
    for (size_t i = 0; i < d.n && !sim_failed(a->world); i++)
        audit_stream(&d, &d.entries[i]);
}

static uint64_t be(const uint8_t *p, size_t n) {
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | *p++;
    return v;
}

/* One change of a commit: keys of blocks and states begin with the area and the stream's number. */
static void audit_change(struct disk *d, const struct runnel_change *c) {
    struct rn_state_record s;
    if (c->what == RUNNEL_ERASE || c->key.n < 5 || (c->key.p[0] != 'B' && c->key.p[0] != 'H'))
        return;
    for (size_t i = 0; i < d->n; i++) {
        const struct entry *e = &d->entries[i];
        struct runnel_bytes block;
        if (e->number != be(c->key.p + 1, 4))
            continue;
        if (c->key.p[0] == 'B' && rn_memory_get(d->node->disk.map, c->key, &block))
            audit_block(d, e, be(c->key.p + 5, 8), block, c->what == RUNNEL_APPEND ? c->off : 0);
        else if (c->key.p[0] == 'H' && state_of(d, e, &s) && s.head.n > 0)
            audit_head(d, e, &s, is_author(d, e->check)); /* roots elsewhere are compared with the author's */
        return;
    }
    fail(d, "stream number", be(c->key.p + 1, 4), "something is stored that belongs to no stream");
}

void sim_audit_commit(struct sim_audit *a, const struct sim_node *n, const struct runnel_change *changes,
                      size_t n_changes) {
    struct disk d;
    disk_open(&d, a, n);
    a->n_commits++;
    for (size_t i = 0; i < n_changes && !sim_failed(a->world); i++)
        audit_change(&d, &changes[i]);
}
