/* SPDX-License-Identifier: MIT
 * heads.c — peers are asked for the heads of our own streams, and what they show is compared (heads.h).
 * May touch: sessions, the streams of this node's own, the store.
 */
#include "node/heads.h"

#include "base/err.h"
#include "base/json.h"
#include "node/gone.h"
#include "node/peers.h"
#include "node/rootat.h"
#include "node/sessionstate.h"
#include "node/upstream.h"
#include <stdlib.h>
#include <string.h>

#define PAGE 64u
#define PAGES_MOST 16384u /* all streams that a node may have */
#define ASK_NS (INT64_C(10) * 1000000000)
#define LIES_MOST 64u /* heads that fail verification, until no more is asked */

/* A session that is being asked, page by page. */
struct asking {
    struct rn_list link; /* in node->heads */
    struct rn_node *node;
    struct rn_session *session; /* NULL: it has ended while older heads are compared */
    struct runnel_id after;
    int has_after;
    unsigned pages, lies;
    struct rn_list olders; /* of struct older: heads of this page that are being compared */
    int page;              /* meanwhile: what take_page has returned */
    struct rn_attested_memo memo;
};

/* A head that counts less than is held: it lies on the way to ours, or on another branch. */
struct older {
    struct rn_list link; /* in asking->olders */
    struct asking *asking;
    struct rn_stream *stream;
    uint64_t count;
    struct rn_hash root;
};

static void older_free(struct older *o) {
    rn_list_del(&o->link);
    free(o);
}

static void asking_free(struct asking *a) {
    while (!rn_list_empty(&a->olders))
        older_free(rn_list_of(a->olders.next, struct older, link));
    rn_list_del(&a->link);
    free(a);
}

/* ---- a stream of ours that is not known here ---- */

/* A stream that a peer gave back to us is on its way to the disk. */
struct adopting {
    struct rn_op op;
    struct rn_stream *stream;
    struct rn_changes changes;
    struct rn_growth growth;
    struct rn_signed_head head;
    char *address; /* of the peer; NULL: it is gone */
};

static void adopting_free(struct rn_op *op) {
    struct adopting *t = (struct adopting *)op;
    rn_growth_free(&t->growth);
    rn_changes_free(&t->changes);
    free(t->address);
    free(t);
}

static void recover(struct rn_stream *s, const char *address, uint64_t count) {
    struct runnel_err err;
    int rc = rn_upstream_recover(s, address, count);
    if (rc == 0)
        return;
    rn_fail(&err, RUNNEL_EBUSY,
            "the end of it is lost here and cannot be fetched for lack of memory; restart the node");
    rn_stream_trouble(s, &err);
}

static void behind(struct rn_stream *s, const char *who, uint64_t count) {
    struct runnel_err err;
    if (s->trouble.code && s->trouble.code != RUNNEL_EBUSY)
        return;
    rn_fail(&err, RUNNEL_EBUSY,
            "this node has published %llu observations of it, as %s shows, and %llu are here: the others are being "
            "fetched back; publish again when they are here",
            (unsigned long long)count, who, (unsigned long long)s->tail.count);
    if (s->trouble.code != RUNNEL_EBUSY)
        rn_stream_trouble(s, &err);
}

/* The stream is as unknown here as before, and what was signed of it is not: nobody may begin it anew. */
static void give_up(struct rn_node *n, const struct runnel_id *id, const char *why) {
    char text[RN_ID_TEXT];
    rn_node_log(n, RUNNEL_ERROR, "author",
                "stream %s of this node's own, which a peer gave back, cannot be kept: %s; it is asked for again at "
                "the next start, or after runnel identity confirm",
                rn_id_format(id, text), why);
    if (rn_map_put(n->lost, id->b, sizeof id->b, n) != 0)
        rn_node_log(n, RUNNEL_ERROR, "author", "out of memory: do not create stream %s again before a restart", text);
}

static void on_adopted(void *arg, const struct runnel_err *err) {
    struct adopting *t = arg;
    struct rn_stream *s = t->stream;
    uint64_t count = t->head.head.count;
    int rc = 0;
    s->settling = 0;
    if (!err && count == 0)
        rc = rn_growth_take(&t->growth, &t->head);
    if (err || rc != 0) {
        struct rn_node *n = s->node;
        give_up(n, &s->desc->id, err ? err->msg : "out of memory");
        rn_stream_forget(s);
        rn_op_end(&t->op);
        rn_stream_free(s);
        rn_safety_consider(n);
        return;
    }
    s->ready = 1;
    if (count == 0)
        rn_heads_recovered(s);
    else
        recover(s, t->address, count);
    rn_op_end(&t->op);
}

static int gather(struct adopting *t) {
    struct rn_stream *s = t->stream;
    struct rn_buf b = {.n = 0};
    int rc = rn_growth_begin(&t->growth, s, NULL, &t->changes);
    if (rc != 0)
        return rc;
    rn_stream_store_new(s, &t->changes);
    if (t->head.head.count == 0 && (rc = rn_signed_head_encode(&t->head, &b)) == 0)
        rn_growth_state(&t->growth, rn_buf_bytes(&b));
    rn_buf_free(&b);
    return rc;
}

/* Takes the descriptor over. */
static void adopt(struct asking *a, struct rn_descriptor *d, const struct rn_signed_head *head) {
    struct rn_node *n = a->node;
    const char *address = rn_peer_address(a->session);
    struct adopting *t = NULL;
    struct rn_stream *s = NULL;
    struct runnel_id id = d->id;
    int full = rn_map_count(n->streams) >= RN_MAX_STREAMS;
    if (full)
        rn_descriptor_free(d);
    else if (rn_stream_new(n, d, n->next_number, &s) == 0)
        t = calloc(1, sizeof *t);
    if (t) {
        t->stream = s;
        t->head = *head;
        t->address = address ? strdup(address) : NULL;
        rn_op_begin(&n->ops, &t->op, adopting_free);
        behind(s, rn_session_name(a->session), head->head.count);
        s->settling = 1;
        int rc = gather(t);
        if (rc == 0)
            rc = rn_store_commit(&n->store, &t->changes, on_adopted, t);
        if (rc == 0)
            return;
        rn_op_end(&t->op);
    }
    give_up(n, &id, full ? "there are as many streams as may be (limit STREAMS)" : "out of memory");
    if (s) {
        rn_stream_forget(s);
        rn_stream_free(s);
    }
}

/* ---- comparing ---- */

static int read_descriptor(struct asking *a, const struct rn_json *o, struct rn_descriptor **d,
                           struct runnel_err *err) {
    const struct rn_json *tree = rn_json_get(o, "descriptor");
    struct rn_buf b = {.max = RN_MAX_DESCRIPTOR + 1};
    int rc = tree ? rn_canonical(tree, &b, err) : rn_fail(err, RUNNEL_EDAMAGED, "a stream without a descriptor");
    if (rc == 0)
        rc = rn_descriptor_parse(a->node->hasher, b.p, b.n, d, err);
    rn_buf_free(&b);
    return rc;
}

/* The head, which must be signed by our own key. */
static int read_head(struct asking *a, const char *hex, const struct rn_descriptor *d, struct rn_signed_head *head,
                     struct runnel_err *err) {
    uint8_t bytes[RN_HEAD + RN_ATTESTATION_MAX];
    size_t n = strlen(hex) / 2;
    if (n > sizeof bytes || rn_hex_parse(hex, strlen(hex), bytes, n) != 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "a head that is no hexadecimal of a head");
    int rc = rn_signed_head_decode(bytes, n, head, err);
    if (rc != 0)
        return rc;
    if (!rn_hash_equal(&head->head.descriptor, &d->hash))
        return rn_fail(err, RUNNEL_EDAMAGED, "a head of another stream");
    return rn_node_check_head(a->node, &head->head, &head->attestation, &a->node->id, &a->memo, err);
}

static void fork(struct rn_stream *s, const char *who, uint64_t count) {
    struct runnel_err err;
    if (s->trouble.code == RUNNEL_EFORK)
        return;
    rn_fail(&err, RUNNEL_EFORK,
            "this node's key has signed two histories of it: %s holds another one of %llu observations than this node, "
            "which goes on serving its own; nothing can be appended any more: publish under another descriptor, with "
            "this stream as its prior",
            who, (unsigned long long)count);
    rn_stream_trouble(s, &err);
}

static void go_on(struct asking *a, int page, const struct runnel_err *err);

static void on_root(void *arg, const struct rn_hash *root, const struct runnel_err *err) {
    struct older *o = arg;
    struct asking *a = o->asking;
    if (err)
        rn_stream_log(o->stream, RUNNEL_WARN, "author", "a head that a peer shows cannot be compared: %s", err->msg);
    else if (!o->stream->dropped && !rn_hash_equal(root, &o->root))
        fork(o->stream, a->session ? rn_session_name(a->session) : "a peer", o->count);
    older_free(o);
    if (!rn_list_empty(&a->olders))
        return;
    if (a->session)
        go_on(a, a->page, NULL);
    else
        asking_free(a);
}

static void compare_older(struct asking *a, struct rn_stream *s, const struct rn_head *head) {
    struct older *o = calloc(1, sizeof *o);
    if (o) {
        *o = (struct older){.asking = a, .stream = s, .count = head->count, .root = head->root};
        rn_list_init(&o->link);
        rn_list_add(&a->olders, &o->link);
        if (rn_root_at(s, head->count, on_root, o) == 0)
            return;
        older_free(o);
    }
    rn_stream_log(s, RUNNEL_WARN, "author", "a head that a peer shows cannot be compared: out of memory");
}

static void compare(struct asking *a, struct rn_stream *s, const struct rn_signed_head *head) {
    const char *who = rn_session_name(a->session);
    uint64_t count = head->head.count;
    if (!s->ready)
        return; /* it is being adopted: whoever has more of it will be found by discovery, or asked again */
    if (s->has_head && count == s->head.head.count && !rn_hash_equal(&head->head.root, &s->head.head.root)) {
        fork(s, who, count);
    } else if (count > s->tail.count && (!s->trouble.code || s->trouble.code == RUNNEL_EBUSY)) {
        behind(s, who, count);
        recover(s, rn_peer_address(a->session), count);
    } else if (count < s->tail.count && s->trouble.code != RUNNEL_EFORK) {
        compare_older(a, s, &head->head);
    }
}

/* One stream that the peer shows. What is not ours, or not signed by us, tells nothing. */
static void look(struct asking *a, const struct rn_json *o) {
    struct rn_node *n = a->node;
    struct rn_descriptor *d = NULL;
    struct rn_signed_head head;
    struct runnel_err err;
    const char *hex = NULL;
    if (rn_json_str(o, "head", &hex, NULL) != 0)
        return;
    int rc = read_descriptor(a, o, &d, &err);
    if (rc == 0 && memcmp(d->author.b, n->id.b, RN_KEY) != 0) {
        rn_descriptor_free(d);
        return;
    }
    if (rc == 0)
        rc = read_head(a, hex, d, &head, &err);
    if (rc != 0) {
        rn_descriptor_free(d);
        if (a->lies++ == 0 && (a->session->dialled || rn_quiet_may(&n->chatter, a->session->remote)))
            rn_node_log(n, RUNNEL_WARN, "author",
                        "%s shows a head of this node's own that fails verification: %s; it is ignored",
                        rn_session_name(a->session), err.msg);
        return;
    }
    struct rn_stream *s = rn_stream_find(n, &d->id);
    if (!s && !rn_dropped(n, &d->id) && rn_restore_refuses(n, NULL) == 0) {
        adopt(a, d, &head);
        return;
    }
    if (s && !s->drop && rn_hash_equal(&s->desc->hash, &d->hash))
        compare(a, s, &head);
    rn_descriptor_free(d);
}

/* ---- asking ---- */

static void on_page(void *arg, const struct rn_reply *r, const struct runnel_err *err);

static int ask(struct asking *a) {
    struct rn_buf b = {.max = 512};
    char id[RN_ID_TEXT];
    rn_buf_str(&b, "\"author\":\"");
    rn_buf_hex(&b, a->node->id.b, RN_KEY);
    rn_buf_fmt(&b, "\",\"limit\":%u", PAGE);
    if (a->has_after)
        rn_buf_fmt(&b, ",\"after\":\"%s\"", rn_id_format(&a->after, id));
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(a->session, "streams", rn_buf_bytes(&b), ASK_NS, on_page, NULL, a, NULL);
    rn_buf_free(&b);
    return rc;
}

/* Looks at a page. 1: there is another; 0: that was all; -1: it is no answer. */
static int take_page(struct asking *a, const struct rn_json *o) {
    const struct rn_session *s = a->session; /* also when it ends meanwhile */
    const struct rn_json *list = rn_json_get(o, "streams");
    const char *text = NULL;
    struct runnel_id id;
    int more = 0;
    if (!list || list->type != RN_ARRAY || rn_json_bool(o, "more", &more, NULL) != 0)
        return -1;
    for (const struct rn_json *v = list->child; v; v = v->next) {
        if (v->type != RN_OBJECT || rn_json_str(v, "stream", &text, NULL) != 0 ||
            rn_id_parse(text, strlen(text), &id) != 0)
            return -1;
        if (a->has_after && memcmp(id.b, a->after.b, sizeof id.b) <= 0)
            return -1; /* out of order: it would never end */
        a->after = id;
        a->has_after = 1;
        look(a, v);
        if (!rn_session_open(s) || a->lies >= LIES_MOST)
            return -1;
    }
    return more && list->child && ++a->pages < PAGES_MOST;
}

/* All of a page has been looked at. */
static void go_on(struct asking *a, int page, const struct runnel_err *err) {
    if (page == 1 && ask(a) == 0)
        return;
    if (err)
        rn_node_log(a->node, RUNNEL_DEBUG, "author", "%s does not show its heads: %s", rn_session_name(a->session),
                    err->msg);
    struct rn_node *n = a->node;
    struct rn_session *s = a->session;
    s->heads_shown = page == 0 ? 1 : -1;
    asking_free(a);
    rn_safety_answered(n, s);
}

static void on_page(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct asking *a = arg;
    a->page = err ? -1 : take_page(a, r->json);
    if (rn_list_empty(&a->olders))
        go_on(a, a->page, err);
}

void rn_heads_ask(struct rn_node *n, struct rn_session *s) {
    s->heads_shown = 0;
    struct asking *a = calloc(1, sizeof *a);
    if (a) {
        a->node = n;
        a->session = s;
        rn_list_init(&a->olders);
        rn_list_init(&a->link);
        rn_list_add(&n->heads, &a->link);
        if (ask(a) == 0)
            return;
        asking_free(a);
    }
    rn_node_log(n, RUNNEL_WARN, "author", "%s cannot be asked for heads: out of memory", rn_session_name(s));
    s->heads_shown = -1;
    rn_safety_answered(n, s);
}

void rn_heads_gone(struct rn_session *s) {
    rn_list_for (it, &s->node->heads) {
        struct asking *a = rn_list_of(it, struct asking, link);
        if (a->session == s && !rn_list_empty(&a->olders))
            a->session = NULL;
    }
}

void rn_heads_drop(struct rn_node *n) {
    while (!rn_list_empty(&n->heads))
        asking_free(rn_list_of(n->heads.next, struct asking, link));
}

int rn_heads_settled(const struct rn_node *n) {
    rn_map_for (e, n->streams) {
        const struct rn_stream *s = e->val;
        if (s->own && (rn_upstream_recovering(s) || s->settling))
            return 0;
    }
    return 1;
}

/* ---- what recovery brings ---- */

void rn_heads_recovered(struct rn_stream *s) {
    if (s->trouble.code == RUNNEL_EBUSY)
        rn_stream_untroubled(s);
    rn_safety_consider(s->node);
}

void rn_heads_contradicted(struct rn_stream *s, const char *who, const struct runnel_err *why) {
    struct runnel_err err;
    if (why->code == RUNNEL_EFORK) {
        fork(s, who ? who : "a peer", s->tail.count);
        return;
    }
    if (s->trouble.code != RUNNEL_EBUSY)
        return;
    rn_fail(&err, RUNNEL_EBUSY,
            "more of it was published by this node than is here, and what %s gave of that does not continue what is "
            "here (%s): other peers are tried; if it stays so, another process has published with this node's key: "
            "publish under another descriptor, with this stream as its prior",
            who ? who : "a peer", why->msg);
    rn_stream_trouble(s, &err);
}
