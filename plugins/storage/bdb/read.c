/* SPDX-License-Identifier: MIT
 * read.c — get and scan, a bounded amount in one turn of the loop.
 * May touch: Berkeley DB through bdb.h.
 */
#include "base/changes.h"
#include "base/err.h"
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one turn hands out, about, before others have theirs; a record is never split. */
#define TURN_BYTES 262144u
#define TURN_REQUESTS 1024u
#define FIRST_BUFFER 65536u

static int make_room(struct rn_bdb *b, size_t n) {
    if (n <= b->buf_cap)
        return 0;
    uint8_t *buf = realloc(b->buf, n);
    if (!buf)
        return ENOMEM;
    b->buf = buf;
    b->buf_cap = n;
    return 0;
}

static DBT key_dbt(const struct rn_request *r, uint8_t at[RUNNEL_KEY_MAX]) {
    DBT key;
    memset(&key, 0, sizeof key);
    if (r->from.n)
        memcpy(at, r->from.p, r->from.n);
    key.data = at;
    key.size = (u_int32_t)r->from.n;
    key.ulen = RUNNEL_KEY_MAX;
    key.flags = DB_DBT_USERMEM;
    return key;
}

static DBT data_dbt(const struct rn_bdb *b) {
    DBT data;
    memset(&data, 0, sizeof data);
    data.data = b->buf;
    data.ulen = (u_int32_t)b->buf_cap; /* never more than a record is long */
    data.flags = DB_DBT_USERMEM;
    return data;
}

static void end_failed(struct rn_bdb *b, struct rn_request *r, int rc) {
    struct runnel_err err;
    char text[RN_KEY_TEXT];
    if (rc == DB_NOTFOUND)
        (void)rn_fail(&err, RUNNEL_ENOTFOUND, "there is no record %s", rn_key_text(r->from, text));
    else
        (void)rn_bdb_fail(b, rc, "reading a record", &err);
    rn_request_end(r, &err);
}

/* ---- get ---- */

static int get_part(struct rn_bdb *b, const struct rn_request *r, uint32_t *got) {
    uint8_t at[RUNNEL_KEY_MAX];
    int rc = make_room(b, FIRST_BUFFER);
    while (rc == 0) {
        DBT key = key_dbt(r, at), data = data_dbt(b);
        data.flags |= DB_DBT_PARTIAL;
        data.doff = (u_int32_t)(r->off < RUNNEL_RECORD_MAX ? r->off : RUNNEL_RECORD_MAX);
        data.dlen = r->max < RUNNEL_RECORD_MAX ? r->max : RUNNEL_RECORD_MAX;
        rc = b->db->get(b->db, NULL, &key, &data, 0);
        *got = data.size;
        if (rc != DB_BUFFER_SMALL)
            break;
        rc = make_room(b, data.size);
    }
    return rc;
}

/* How many bytes it handed out. */
static size_t serve_get(struct rn_bdb *b, struct rn_request *r) {
    uint32_t n = 0;
    int rc = get_part(b, r, &n);
    if (rc != 0) {
        end_failed(b, r, rc);
        return 0;
    }
    rn_request_data(r, (struct runnel_bytes){b->buf, n});
    return n;
}

/* ---- scan ---- */

/* Moves the cursor and reads the record there, whole. */
static int read_at(struct rn_bdb *b, DBC *cursor, u_int32_t move, DBT *key, DBT *data) {
    int rc = make_room(b, FIRST_BUFFER);
    while (rc == 0) {
        *data = data_dbt(b);
        rc = cursor->get(cursor, key, data, move);
        if (rc != DB_BUFFER_SMALL)
            break;
        rc = make_room(b, data->size); /* the cursor has not moved */
    }
    return rc;
}

/* Lists from the cursor on. 0: `budget` is used up; DB_NOTFOUND: through; another failure. */
static int list_some(struct rn_bdb *b, DBC *cursor, struct rn_request *r, size_t *budget) {
    uint8_t at[RUNNEL_KEY_MAX];
    DBT data, key = key_dbt(r, at);
    int rc = read_at(b, cursor, r->from.n ? DB_SET_RANGE : DB_FIRST, &key, &data);
    if (rc == 0 && r->beyond && rn_key_compare((struct runnel_bytes){at, key.size}, r->from) == 0)
        rc = read_at(b, cursor, DB_NEXT, &key, &data);
    while (rc == 0) {
        struct runnel_bytes found = {at, key.size};
        if (r->from.n && rn_key_compare(found, r->from) < (r->beyond ? 1 : 0))
            return DB_VERIFY_BAD; /* pages that lead back: it might never end */
        if (r->to.n && rn_key_compare(found, r->to) >= 0)
            return DB_NOTFOUND;
        if (!rn_request_pair(r, found, (struct runnel_bytes){b->buf, data.size}))
            return DB_NOTFOUND;
        size_t n = found.n + data.size;
        if (n >= *budget) {
            *budget = 0;
            return 0;
        }
        *budget -= n;
        rc = read_at(b, cursor, DB_NEXT, &key, &data);
    }
    return rc;
}

/* The cursor lives within this call only: the next turn finds its place again by the key. */
static void serve_scan(struct rn_bdb *b, struct rn_request *r, struct rn_list *reads, size_t *budget) {
    DBC *cursor;
    int rc = b->db->cursor(b->db, NULL, &cursor, 0);
    if (rc == 0) {
        rc = list_some(b, cursor, r, budget);
        int closed = cursor->close(cursor);
        if (closed != 0 && (rc == 0 || rc == DB_NOTFOUND))
            rc = closed;
    } else if (rc == DB_NOTFOUND) {
        rc = EINVAL; /* never of a cursor that is being opened */
    }
    if (rc == 0)
        rn_list_add(reads, &r->link);
    else if (rc == DB_NOTFOUND)
        rn_request_end(r, NULL);
    else
        end_failed(b, r, rc);
}

/* ---- the queue ---- */

static void serve(struct rn_bdb *b, struct rn_request *r, struct rn_list *reads, size_t *budget) {
    struct runnel_err err;
    rn_list_del(&r->link);
    if (r->refused) {
        rn_request_end(r, r->refused);
    } else if (rn_bdb_begin(b, &err) != 0) {
        rn_request_end(r, &err);
    } else if (r->what == RN_REQUEST_SCAN) {
        serve_scan(b, r, reads, budget);
    } else {
        size_t n = serve_get(b, r);
        *budget -= n < *budget ? n : *budget;
    }
}

void rn_bdb_read_some(struct rn_bdb *b, struct rn_list *reads) {
    size_t budget = TURN_BYTES;
    for (unsigned k = 0; k < TURN_REQUESTS && budget > 0 && !rn_list_empty(reads); k++)
        serve(b, rn_list_of(reads->next, struct rn_request, link), reads, &budget);
}
