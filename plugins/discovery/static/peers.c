/* SPDX-License-Identifier: MIT
 * peers.c — parses the option "peers" and finds what it says of a stream.
 * May touch: the heap.
 */
#include "plugins/discovery/static/peers.h"
#include "base/buf.h"
#include "base/json.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_MAX 255u
#define NODE_BYTES 32u
#define UUID_TEXT 36u
#define PARTS 3u /* source, stream, target */

/* How closely a key names a stream; lists are joined in this order. */
enum key_kind { BY_ID, BY_NAME, FOR_ALL, KEY_KINDS };

struct peer {
    const char *address; /* in the JSON tree */
    uint8_t node[NODE_BYTES];
    bool has_node;
};

struct entry {
    enum key_kind kind;
    struct runnel_id id;
    uint8_t author[NODE_BYTES];
    char *part[PARTS]; /* NULL: any */
    struct peer *peers;
    size_t n_peers;
};

struct rn_peers {
    struct rn_json *tree; /* NULL: the option said nothing */
    struct entry *entries;
    size_t n_entries;
};

/* Where complaints go, and whether there were any. */
struct parse {
    runnel_complain *complain;
    void *arg;
    int rc;
};

static void wrong(struct parse *s, const char *found, const char *want, const char *remedy) {
    if (s->complain)
        s->complain(s->arg, "peers", found, want, remedy);
    if (s->rc == 0)
        s->rc = -RUNNEL_EINVALID;
}

/* As wrong, where what was found stands under a key. */
static void wrong_under(struct parse *s, const char *key, const char *found, const char *want, const char *remedy) {
    char text[256];
    (void)snprintf(text, sizeof text, "%.100s, under the key \"%.100s\"", found, key);
    wrong(s, text, want, remedy);
}

/* ---- keys --------------------------------------------------------------------------------------- */

/* The text of a UUID of version 8 (RFC 9562), variant 10. 0, or -1. */
static int parse_id(const char *s, size_t n, struct runnel_id *id) {
    char hex[2 * sizeof id->b];
    size_t k = 0;
    if (n != UUID_TEXT)
        return -1;
    for (size_t at = 0; at < n; at++) {
        bool dash = at == 8 || at == 13 || at == 18 || at == 23;
        if (dash != (s[at] == '-'))
            return -1;
        if (!dash)
            hex[k++] = s[at];
    }
    if (rn_hex_parse(hex, k, id->b, sizeof id->b) != 0)
        return -1;
    return id->b[6] >> 4 == 8 && id->b[8] >> 6 == 2 ? 0 : -1;
}

/* One part of a name: NULL in *out for "*". */
static int parse_part(const char *s, size_t n, char **out, struct parse *p) {
    if (n == 1 && s[0] == '*')
        return 0;
    *out = strndup(s, n);
    if (!*out)
        p->rc = -RUNNEL_ENOMEM;
    return 0;
}

/* AUTHOR/source/stream/target, of which what comes behind AUTHOR may be left out or be "*". Only the target may be
 * empty. 0, or -1. */
static int parse_name(const char *s, struct entry *e, struct parse *p) {
    size_t n = strcspn(s, "/");
    if (rn_hex_parse(s, n, e->author, sizeof e->author) != 0)
        return -1;
    s += n;
    for (size_t k = 0; *s == '/'; k++) {
        n = strcspn(++s, "/");
        if (k == PARTS || (n == 0 && k + 1 < PARTS) || parse_part(s, n, &e->part[k], p) != 0)
            return -1;
        s += n;
    }
    return 0;
}

static void parse_key(const struct rn_json *v, struct entry *e, struct parse *p) {
    char found[160];
    e->kind = FOR_ALL;
    if (strlen(v->key) == v->n_key) {
        if (strcmp(v->key, "*") == 0)
            return;
        e->kind = BY_ID;
        if (parse_id(v->key, v->n_key, &e->id) == 0)
            return;
        e->kind = BY_NAME;
        if (parse_name(v->key, e, p) == 0)
            return;
    }
    (void)snprintf(found, sizeof found, "the key \"%.140s\"", v->key);
    wrong(p, found, "a stream id, AUTHOR/source/stream/target (AUTHOR: 64 hexadecimal digits), or *",
          "copy the id or the author from `runnel streams` on a node that has the stream; trailing parts of a name may "
          "be left out or be *");
}

/* ---- addresses ---------------------------------------------------------------------------------- */

/* scheme://rest, printable and without blanks. Which schemes there are is not known here. */
static bool is_address(const char *s, size_t n) {
    size_t scheme = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
    if (strlen(s) != n || n > ADDRESS_MAX || !islower((unsigned char)s[0]) || strncmp(s + scheme, "://", 3) != 0)
        return false;
    s += scheme + 3;
    if (!*s)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || (unsigned char)*s == 0x7f)
            return false;
    return true;
}

static void parse_address(const char *key, const struct rn_json *v, struct peer *out, struct parse *p) {
    char found[128];
    if (v && v->type == RN_STRING && is_address(v->text, v->n_text)) {
        out->address = v->text;
        return;
    }
    if (v && v->type == RN_STRING)
        (void)snprintf(found, sizeof found, "\"%.120s\"", v->text);
    else
        (void)snprintf(found, sizeof found, "%s", v ? rn_json_type_name(v->type) : "no address");
    wrong_under(p, key, found, "an address SCHEME://REST of at most 255 bytes",
                "write it as in \"tcp://127.0.0.1:24600\" or \"unix:///run/other/runnel.sock\"");
}

static void parse_node(const char *key, const struct rn_json *v, struct peer *out, struct parse *p) {
    char found[128];
    if (v->type == RN_STRING && rn_hex_parse(v->text, v->n_text, out->node, sizeof out->node) == 0) {
        out->has_node = true;
        return;
    }
    (void)snprintf(found, sizeof found, "the node %.100s", v->type == RN_STRING ? v->text : rn_json_type_name(v->type));
    wrong_under(p, key, found, "a node id: 64 hexadecimal digits", "copy it from `runnel status` on that node");
}

/* An address, or {"address": ..., "node": ...}. */
static void parse_peer(const char *key, const struct rn_json *v, struct peer *out, struct parse *p) {
    char found[128];
    if (v->type != RN_OBJECT) {
        parse_address(key, v, out, p);
        return;
    }
    parse_address(key, rn_json_get(v, "address"), out, p);
    for (const struct rn_json *m = v->child; m; m = m->next) {
        if (strcmp(m->key, "node") == 0)
            parse_node(key, m, out, p);
        else if (strcmp(m->key, "address") != 0) {
            (void)snprintf(found, sizeof found, "the word \"%.100s\"", m->key);
            wrong_under(p, key, found, "address and node only", "take it out, or correct it");
        }
    }
}

static void parse_list(const struct rn_json *v, struct entry *e, struct parse *p) {
    if (v->type != RN_ARRAY) {
        wrong_under(p, v->key, rn_json_type_name(v->type), "a list of addresses, the publisher's first",
                    "write it in brackets, as in [\"tcp://127.0.0.1:24600\"]");
        return;
    }
    e->peers = calloc(v->n ? v->n : 1, sizeof *e->peers);
    if (!e->peers) {
        p->rc = -RUNNEL_ENOMEM;
        return;
    }
    for (const struct rn_json *m = v->child; m; m = m->next)
        parse_peer(v->key, m, &e->peers[e->n_peers++], p);
}

/* ---- the table ---------------------------------------------------------------------------------- */

void rn_peers_free(struct rn_peers *p) {
    if (!p)
        return;
    for (size_t k = 0; k < p->n_entries; k++) {
        for (size_t part = 0; part < PARTS; part++)
            free(p->entries[k].part[part]);
        free(p->entries[k].peers);
    }
    free(p->entries);
    rn_json_free(p->tree);
    free(p);
}

static void parse_table(struct rn_peers *t, struct parse *p) {
    const struct rn_json *root = t->tree;
    if (root->type != RN_OBJECT) {
        wrong(p, rn_json_type_name(root->type), "an object: for each stream a list of addresses",
              "write it as in {\"*\": [\"tcp://127.0.0.1:24600\"]}");
        return;
    }
    t->entries = calloc(root->n ? root->n : 1, sizeof *t->entries);
    if (!t->entries) {
        p->rc = -RUNNEL_ENOMEM;
        return;
    }
    for (const struct rn_json *v = root->child; v; v = v->next) {
        struct entry *e = &t->entries[t->n_entries++];
        parse_key(v, e, p);
        parse_list(v, e, p);
    }
}

static void parse_text(struct runnel_bytes text, struct rn_peers *t, struct parse *p) {
    static const struct rn_json_limits limits = {.size = 1u << 20, .depth = 8, .values = 65536};
    struct runnel_err err = {0};
    int rc = rn_json_parse(text.p, text.n, &limits, &t->tree, NULL, &err);
    if (rc == 0)
        parse_table(t, p);
    else if (rc == -RUNNEL_ENOMEM)
        p->rc = rc;
    else
        wrong(p, err.msg, "JSON of at most 1 MiB", "correct it");
}

int rn_peers_parse(struct runnel_bytes text, runnel_complain *complain, void *arg, struct rn_peers **out) {
    struct parse p = {.complain = complain, .arg = arg};
    struct rn_peers *t = calloc(1, sizeof *t);
    if (!t)
        return -RUNNEL_ENOMEM;
    if (text.n > 0)
        parse_text(text, t, &p);
    if (p.rc != 0)
        rn_peers_free(t);
    else
        *out = t;
    return p.rc;
}

/* ---- finding ------------------------------------------------------------------------------------ */

static bool name_matches(const struct entry *e, const struct runnel_sought *s) {
    const char *const part[PARTS] = {s->source, s->stream, s->target};
    if (!s->author || memcmp(s->author, e->author, sizeof e->author) != 0)
        return false;
    for (size_t k = 0; k < PARTS; k++)
        if (e->part[k] && (!part[k] || strcmp(e->part[k], part[k]) != 0))
            return false;
    return true;
}

static bool matches(const struct entry *e, const struct runnel_sought *s) {
    if (!s->has_id && s->author && !s->source) /* whatever is by this author, or may be */
        return e->kind != BY_NAME || memcmp(s->author, e->author, sizeof e->author) == 0;
    if (e->kind == BY_ID)
        return s->has_id && memcmp(&s->id, &e->id, sizeof e->id) == 0;
    return e->kind == FOR_ALL || name_matches(e, s);
}

static bool same_node(const uint8_t *a, const uint8_t *b) {
    return a == b || (a && b && memcmp(a, b, NODE_BYTES) == 0);
}

/* Adds a peer that is not in the list yet. One address with two node ids is two peers; an entry
 * without a node id says nothing that one with it does not. */
static void add_peer(const struct peer *p, struct rn_peers_found *found) {
    const uint8_t *node = p->has_node ? p->node : NULL;
    struct runnel_candidate *c;
    for (size_t k = 0; k < found->n; k++) {
        c = &found->list[k];
        if (strcmp(c->address, p->address) != 0 || (c->node && node && !same_node(c->node, node)))
            continue;
        c->node = c->node ? c->node : node;
        return;
    }
    found->list[found->n] = (struct runnel_candidate){.size = sizeof *c,
                                                      .role = found->n ? RUNNEL_SUBSCRIBER : RUNNEL_PUBLISHER,
                                                      .address = p->address,
                                                      .node = node};
    found->n++;
}

int rn_peers_find(const struct rn_peers *p, const struct runnel_sought *sought, struct rn_peers_found *found) {
    size_t room = 0;
    for (size_t k = 0; k < p->n_entries; k++)
        room += matches(&p->entries[k], sought) ? p->entries[k].n_peers : 0;
    found->n = 0;
    found->list = calloc(room ? room : 1, sizeof *found->list);
    if (!found->list)
        return -RUNNEL_ENOMEM;
    for (int kind = BY_ID; kind < KEY_KINDS; kind++)
        for (size_t k = 0; k < p->n_entries; k++) {
            const struct entry *e = &p->entries[k];
            for (size_t at = 0; (int)e->kind == kind && at < e->n_peers && matches(e, sought); at++)
                add_peer(&e->peers[at], found);
        }
    return 0;
}

int rn_peers_same(const struct rn_peers_found *a, const struct rn_peers_found *b) {
    if (a->n != b->n)
        return 0;
    for (size_t k = 0; k < a->n; k++)
        if (strcmp(a->list[k].address, b->list[k].address) != 0 || !same_node(a->list[k].node, b->list[k].node))
            return 0;
    return 1;
}
