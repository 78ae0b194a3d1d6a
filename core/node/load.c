/* SPDX-License-Identifier: MIT
 * load.c — what the store remembers of streams is read at start (stream.h).
 * May touch: the store.
 *
 * First all stream records in one scan; then all state records, for numbers that no stream has; then each stream,
 * one after the other (loadstream.c). A stream record that is damaged names its stream by its key, and the head in
 * its state record by the hash of the descriptor: so its number can be found again while its descriptor is whole.
 * What cannot be found again is remembered by its id: nobody may begin that stream anew here, since its author
 * would contradict what it has signed.
 */
#include "base/err.h"
#include "node/inner.h"
#include "node/step.h"
#include "node/upstream.h"
#include <stdlib.h>
#include <string.h>

/* A stream record that fails its check. */
struct hurt {
    struct rn_list link;
    struct runnel_id id;
    struct rn_descriptor *desc; /* NULL: damaged too */
};

struct loading {
    struct rn_step step;
    struct rn_stream **list; /* all that were found, to be completed */
    size_t n, cap, at;
    struct rn_map *numbers; /* those in use */
    struct rn_list hurt;    /* of struct hurt */
};

static void next_stream(void *arg, const struct runnel_err *err);

static void hurt_free(struct hurt *h) {
    rn_list_del(&h->link);
    rn_descriptor_free(h->desc);
    free(h);
}

static void loading_free(struct rn_op *op) {
    struct loading *l = (struct loading *)op;
    while (!rn_list_empty(&l->hurt))
        hurt_free(rn_list_of(l->hurt.next, struct hurt, link));
    if (l->numbers)
        rn_map_free(l->numbers);
    free(l->list);
    free(l);
}

static int no_memory(struct loading *l) {
    return rn_fail(&l->step.err, RUNNEL_ENOMEM, "out of memory while streams are loaded");
}

/* Takes a stream up; the descriptor is taken over. */
static int keep(struct loading *l, struct rn_descriptor *d, uint32_t number) {
    struct rn_stream *s;
    uint8_t key[4];
    rn_put_le32(key, number);
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct rn_stream **v = realloc(l->list, cap * sizeof(struct rn_stream *));
        if (!v) {
            rn_descriptor_free(d);
            return no_memory(l);
        }
        l->list = v;
        l->cap = cap;
    }
    if (rn_stream_new(l->step.node, d, number, &s) != 0 || rn_map_put(l->numbers, key, sizeof key, s) != 0)
        return no_memory(l);
    l->list[l->n++] = s;
    return 0;
}

/* Remembers an id that must not be begun anew. */
static void give_up(struct loading *l, const struct runnel_id *id, const char *what) {
    char text[RN_ID_TEXT];
    rn_node_log(l->step.node, RUNNEL_ERROR, "store",
                "stream %s: %s; what is stored of it is left where it is and not served. Subscribe to it, if it is by "
                "another author, and it is fetched again; else it is brought back from a peer or a backup",
                rn_id_format(id, text), what);
    if (rn_map_put(l->step.node->lost, id->b, sizeof id->b, l->step.node) != 0)
        (void)no_memory(l);
}

/* ---- stream records ---- */

/* The descriptor of a record that may be damaged: it is whole when it gives the id that its key says. */
static int read_descriptor(struct loading *l, struct runnel_bytes key, struct runnel_bytes text,
                           struct rn_descriptor **d) {
    if (key.n != 1 + sizeof(*d)->id.b || rn_descriptor_parse(l->step.node->hasher, text.p, text.n, d, NULL) != 0)
        return -RUNNEL_EDAMAGED;
    if (memcmp(key.p + 1, (*d)->id.b, sizeof(*d)->id.b) == 0)
        return 0;
    rn_descriptor_free(*d);
    return -RUNNEL_EDAMAGED;
}

/* The record fails its check: it waits for the scan of the states. */
static void add_hurt(struct loading *l, struct runnel_bytes key, struct runnel_bytes record) {
    struct rn_descriptor *d = NULL;
    struct hurt *h;
    if (key.n != 1 + sizeof h->id.b) {
        rn_node_log(l->step.node, RUNNEL_ERROR, "store", "a stream record under a damaged key is passed over");
        return;
    }
    if (record.n < 5 + RN_RECORD_CHECK ||
        read_descriptor(l, key, (struct runnel_bytes){record.p + 5, record.n - 5 - RN_RECORD_CHECK}, &d) != 0)
        d = NULL;
    if (!(h = calloc(1, sizeof *h))) {
        rn_descriptor_free(d);
        (void)no_memory(l);
        return;
    }
    memcpy(h->id.b, key.p + 1, sizeof h->id.b);
    h->desc = d;
    rn_list_init(&h->link);
    rn_list_add(&l->hurt, &h->link);
}

static void on_record(void *arg, struct runnel_bytes key, struct runnel_bytes record) {
    struct loading *l = arg;
    struct runnel_bytes val = record, text;
    struct rn_buf corrected = {.n = 0};
    struct rn_descriptor *d;
    uint32_t number;
    if (l->step.err.code)
        return;
    int rc = rn_record_open(l->step.node->hasher, key, &val, NULL);
    if (rc != 0 && (rc = rn_record_correct(l->step.node->hasher, key, record, &corrected)) == 0) {
        rn_node_log(l->step.node, RUNNEL_WARN, "store",
                    "a bit of a stream record was flipped on the disk; it is put right");
        val = rn_buf_bytes(&corrected);
    }
    if (rc == 0)
        rc = rn_stream_record_get(val, &number, &text, NULL);
    if (rc == 0)
        rc = read_descriptor(l, key, text, &d);
    if (rc == 0)
        (void)keep(l, d, number);
    else
        add_hurt(l, key, record);
    rn_buf_free(&corrected);
}

/* ---- state records of numbers that no stream has ---- */

/* The stream whose state this is: the id is in the hash of the descriptor. */
static int id_of_state(struct loading *l, struct runnel_bytes key, struct runnel_bytes val, struct runnel_id *id,
                       int *own) {
    struct rn_state_record r;
    struct rn_signed_head h;
    if (rn_record_open(l->step.node->hasher, key, &val, NULL) != 0 || rn_state_record_get(val, &r, NULL) != 0 ||
        r.head.n == 0 || rn_signed_head_decode(r.head.p, r.head.n, &h, NULL) != 0)
        return -RUNNEL_EDAMAGED;
    *id = rn_stream_id(&h.head.descriptor);
    *own = rn_node_check_head(l->step.node, &h.head, &h.attestation, &l->step.node->id, NULL, NULL) == 0;
    return 0;
}

static struct hurt *hurt_of(struct loading *l, const struct runnel_id *id) {
    rn_list_for (it, &l->hurt) {
        struct hurt *h = rn_list_of(it, struct hurt, link);
        if (rn_id_equal(&h->id, id))
            return h;
    }
    return NULL;
}

static void on_state(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct loading *l = arg;
    struct runnel_id id;
    uint8_t name[4];
    char text[RN_ID_TEXT];
    int own;
    if (l->step.err.code || key.n != 5)
        return;
    uint32_t number = (uint32_t)key.p[1] << 24 | (uint32_t)key.p[2] << 16 | (uint32_t)key.p[3] << 8 | key.p[4];
    rn_put_le32(name, number);
    if (rn_map_get(l->numbers, name, sizeof name))
        return;
    if (number >= l->step.node->next_number && number < UINT32_MAX)
        l->step.node->next_number = number + 1;
    if (id_of_state(l, key, val, &id, &own) != 0)
        return;
    struct hurt *h = hurt_of(l, &id);
    if (h && h->desc && !rn_stream_find(l->step.node, &id)) {
        rn_node_log(l->step.node, RUNNEL_WARN, "store",
                    "stream %s: its record is damaged, and made again from its state", rn_id_format(&id, text));
        struct rn_descriptor *d = h->desc;
        h->desc = NULL;
        hurt_free(h);
        (void)keep(l, d, number);
    } else if (!h && own && !rn_stream_find(l->step.node, &id) && !rn_dropped(l->step.node, &id)) {
        give_up(l, &id, "its record is missing in the store");
    }
}

static void on_aside(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct loading *l = arg;
    (void)key;
    (void)val;
    l->step.node->n_aside++;
}

static void on_asides(void *arg, const struct runnel_err *err) {
    (void)err; /* at worst, more are set aside than should be */
    next_stream(arg, NULL);
}

static void on_states(void *arg, const struct runnel_err *err) {
    struct loading *l = arg;
    if (err && !l->step.err.code) {
        rn_err_copy(&l->step.err, err);
        rn_wrap(&l->step.err, "the store's list of states");
    }
    while (!rn_list_empty(&l->hurt)) {
        struct hurt *h = rn_list_of(l->hurt.next, struct hurt, link);
        give_up(l, &h->id, "its record in the store is damaged");
        hurt_free(h);
    }
    if (l->step.err.code) {
        rn_step_end(&l->step);
        return;
    }
    struct rn_place from = rn_place_area('X'), to = rn_place_behind(&from);
    rn_store_scan_some(&l->step.node->store, &from, &to, RN_ASIDE_MOST, on_aside, on_asides, l);
}

static void on_records(void *arg, const struct runnel_err *err) {
    struct loading *l = arg;
    if (err && !l->step.err.code) {
        rn_err_copy(&l->step.err, err);
        rn_wrap(&l->step.err, "the store's list of streams");
    }
    if (l->step.err.code) {
        rn_step_end(&l->step);
        return;
    }
    rn_step_scan(&l->step, 'H', on_state, on_states);
}

/* ---- one after the other ---- */

/* Every step goes through the storage's callback, so that this cannot recurse over many streams. */
static void next_stream(void *arg, const struct runnel_err *err) {
    struct loading *l = arg;
    rn_step_failed(&l->step, err);
    if (l->step.err.code || l->at == l->n) {
        rn_step_end(&l->step);
        return;
    }
    if (rn_stream_load(l->list[l->at++], next_stream, l) != 0) {
        (void)no_memory(l);
        rn_step_end(&l->step);
    }
}

void rn_streams_load(struct rn_node *n, runnel_done *done, void *arg) {
    struct loading *l = rn_step_new(sizeof *l, n, loading_free, "streams", done, arg);
    uint8_t seed[16];
    if (!l)
        return;
    n->env->random(n->env->ctx, seed, sizeof seed);
    rn_list_init(&l->hurt);
    l->numbers = rn_map_new(seed);
    if (l->numbers) {
        rn_step_scan(&l->step, 'S', on_record, on_records);
        return;
    }
    (void)no_memory(l);
    rn_step_end(&l->step);
}

void rn_streams_recover(struct rn_node *n) {
    rn_map_for (e, n->streams) {
        struct rn_stream *s = e->val;
        if (s->trouble.code != RUNNEL_EBUSY || s->up) /* a subscription brings it too */
            continue;
        if (rn_upstream_recover(s, NULL, s->promised_count ? s->promised_count : 1) != 0)
            rn_node_log(n, RUNNEL_ERROR, "store", "out of memory: a damaged stream is not looked for at peers");
    }
}
