/* SPDX-License-Identifier: MIT
 * commit.c — group commit: what was asked for within one turn is one transaction, and one sync.
 * May touch: Berkeley DB through bdb.h.
 */
#include "base/changes.h"
#include "base/err.h"
#include "plugins/storage/bdb/bdb.h"
#include <string.h>

/* What is joined in one transaction at most (one larger commit goes alone), so that the loop is not
 * held for long. */
#define GROUP_BYTES (4u << 20)
#define GROUP_CHANGES 65536u

/* Berkeley DB takes pointers without const for what it only reads. */
static DBT dbt_of(struct runnel_bytes bytes) {
    DBT t;
    memset(&t, 0, sizeof t);
    memcpy(&t.data, &bytes.p, sizeof t.data);
    t.size = (u_int32_t)bytes.n; /* checked: at most RUNNEL_RECORD_MAX */
    return t;
}

/* How long a record is: 0, DB_NOTFOUND, or another failure. Reads none of it. */
static int length_of(struct rn_bdb *b, DB_TXN *txn, DBT *key, uint32_t *length) {
    DBT data;
    memset(&data, 0, sizeof data);
    data.flags = DB_DBT_USERMEM;
    int rc = b->db->get(b->db, txn, key, &data, 0);
    *length = data.size;
    return rc == DB_BUFFER_SMALL ? 0 : rc;
}

static int put(struct rn_bdb *b, DB_TXN *txn, const struct runnel_change *c, struct runnel_err *err) {
    DBT key = dbt_of(c->key), data = dbt_of(c->data);
    int rc = b->db->put(b->db, txn, &key, &data, 0);
    return rc == 0 ? 0 : rn_bdb_fail(b, rc, "writing a record", err);
}

static int append(struct rn_bdb *b, DB_TXN *txn, const struct runnel_change *c, struct runnel_err *err) {
    DBT key = dbt_of(c->key), data = dbt_of(c->data);
    uint32_t length = 0;
    char text[RN_KEY_TEXT];
    int rc = length_of(b, txn, &key, &length);
    bool absent = rc == DB_NOTFOUND;
    if (rc != 0 && !absent)
        return rn_bdb_fail(b, rc, "looking at a record", err);
    if (c->off != (absent ? 0 : length))
        return rn_fail(err, RUNNEL_ECONFLICT, "the record %s is %u bytes long, the append wants it at %llu",
                       rn_key_text(c->key, text), absent ? 0 : length, (unsigned long long)c->off);
    if (absent)
        return put(b, txn, c, err);
    if (!c->data.n)
        return 0;
    data.flags = DB_DBT_PARTIAL;
    data.doff = length;
    data.dlen = 0;
    rc = b->db->put(b->db, txn, &key, &data, 0);
    return rc == 0 ? 0 : rn_bdb_fail(b, rc, "appending to a record", err);
}

static int erase_one(struct rn_bdb *b, DB_TXN *txn, const struct runnel_change *c, struct runnel_err *err) {
    DBT key = dbt_of(c->key);
    int rc = b->db->del(b->db, txn, &key, 0);
    return rc == 0 || rc == DB_NOTFOUND ? 0 : rn_bdb_fail(b, rc, "erasing a record", err);
}

/* Deletes from the cursor on; what Berkeley DB returned last, DB_NOTFOUND at the end of the range. */
static int erase_from(DBC *cursor, const struct runnel_change *c) {
    uint8_t at[RUNNEL_KEY_MAX];
    DBT key, data;
    memset(&key, 0, sizeof key);
    memset(&data, 0, sizeof data);
    memcpy(at, c->key.p, c->key.n);
    key.data = at;
    key.size = (u_int32_t)c->key.n;
    key.ulen = sizeof at;
    key.flags = DB_DBT_USERMEM;
    data.flags = DB_DBT_USERMEM | DB_DBT_PARTIAL; /* none of the value */
    int rc = cursor->get(cursor, &key, &data, DB_SET_RANGE);
    while (rc == 0) {
        if (rn_key_compare((struct runnel_bytes){at, key.size}, c->to) >= 0)
            return DB_NOTFOUND;
        rc = cursor->del(cursor, 0);
        if (rc == 0)
            rc = cursor->get(cursor, &key, &data, DB_NEXT);
    }
    return rc;
}

static int erase_range(struct rn_bdb *b, DB_TXN *txn, const struct runnel_change *c, struct runnel_err *err) {
    DBC *cursor;
    int rc = b->db->cursor(b->db, txn, &cursor, 0);
    if (rc != 0)
        return rn_bdb_fail(b, rc, "opening a cursor", err);
    rc = erase_from(cursor, c);
    int closed = cursor->close(cursor);
    if (rc == DB_NOTFOUND)
        rc = closed;
    return rc == 0 ? 0 : rn_bdb_fail(b, rc, "erasing records", err);
}

static int change_one(struct rn_bdb *b, DB_TXN *txn, const struct runnel_change *c, struct runnel_err *err) {
    if (c->what == RUNNEL_PUT)
        return put(b, txn, c, err);
    if (c->what == RUNNEL_APPEND)
        return append(b, txn, c, err);
    return c->to.n ? erase_range(b, txn, c, err) : erase_one(b, txn, c, err);
}

static int change_all(struct rn_bdb *b, DB_TXN *txn, const struct rn_request *r, struct runnel_err *err) {
    for (size_t k = 0; k < r->n; k++) {
        int rc = change_one(b, txn, &r->changes[k], err);
        if (rc != 0) {
            (void)rn_wrap(err, "change %zu of %zu", k + 1, r->n);
            return rc;
        }
    }
    return 0;
}

static void abort_txn(struct rn_bdb *b, DB_TXN *txn) {
    struct runnel_err err;
    int rc = txn->abort(txn);
    if (rc == 0)
        return;
    rn_bdb_break(b, RUNNEL_EIO); /* what is in the cache now is not what is committed */
    (void)rn_bdb_fail(b, rc, "aborting a transaction", &err);
    b->host->log(b->inst, RUNNEL_ERROR, "%s", err.msg);
}

/* Ends it: it is written, and synced later. Where there is no space, Berkeley DB takes the transaction back. */
static int end_txn(struct rn_bdb *b, DB_TXN *txn, struct runnel_err *err) {
    int rc = txn->commit(txn, DB_TXN_WRITE_NOSYNC);
    if (rc == 0) {
        rn_bdb_log_end(b, &b->flight);
        return 0;
    }
    int code = rn_bdb_fail(b, rc, "writing the log", err);
    if (rn_bdb_is_full(rc) && !b->broken)
        return code;
    rn_bdb_break(b, RUNNEL_EIO); /* whether it is there is known after the next start */
    err->code = RUNNEL_EIO;
    return rn_wrap(err, "restart the daemon, which then knows whether this commit is there");
}

/* The group as one transaction. When a commit cannot be applied nothing is, and *guilty says which. */
static int try_group(struct rn_bdb *b, struct rn_list *group, struct rn_request **guilty, struct runnel_err *err) {
    DB_TXN *txn;
    *guilty = NULL;
    int rc = rn_bdb_begin(b, err);
    if (rc == 0)
        rc = rn_bdb_room(b, err);
    if (rc != 0)
        return rc;
    rc = b->env->txn_begin(b->env, NULL, &txn, 0);
    if (rc != 0)
        return rn_bdb_fail(b, rc, "beginning a transaction", err);
    rn_list_for (it, group) {
        struct rn_request *r = rn_list_of(it, struct rn_request, link);
        rc = r->refused ? 0 : change_all(b, txn, r, err);
        if (rc != 0) {
            *guilty = r;
            abort_txn(b, txn);
            return rc;
        }
    }
    return end_txn(b, txn, err);
}

/* Takes from the front of `commits` what may go together. */
static void take_group(struct rn_list *commits, struct rn_list *group) {
    size_t bytes = 0, changes = 0;
    while (!rn_list_empty(commits)) {
        struct rn_request *r = rn_list_of(commits->next, struct rn_request, link);
        if (!rn_list_empty(group) && (r->cost > GROUP_BYTES - bytes || r->n > GROUP_CHANGES - changes))
            return;
        rn_list_del(&r->link);
        rn_list_add(group, &r->link);
        bytes = r->cost < GROUP_BYTES - bytes ? bytes + r->cost : GROUP_BYTES;
        changes = r->n < GROUP_CHANGES - changes ? changes + r->n : GROUP_CHANGES;
    }
}

/* Puts `r` and what stands behind it in the group back to the front of the queue. */
static void give_back(struct rn_list *commits, struct rn_list *group, const struct rn_request *r) {
    for (bool through = false; !through;) {
        struct rn_list *last = group->prev;
        through = last == &r->link;
        rn_list_del(last);
        rn_list_push(commits, last);
    }
}

void rn_bdb_end_group(struct rn_list *group, const struct runnel_err *err) {
    while (!rn_list_empty(group)) {
        struct rn_request *r = rn_list_of(group->next, struct rn_request, link);
        rn_request_end(r, r->refused ? r->refused : err);
    }
}

bool rn_bdb_commits_wait(const struct rn_bdb *b) {
    return b->syncer.busy || (b->writer.busy && (b->unwritten || rn_bdb_log_is_long(b)));
}

/* What the last checkpoint could not write comes first. True: it is on its way. */
static bool write_first(struct rn_bdb *b) {
    if (!b->unwritten || b->tried || b->broken)
        return false;
    b->checkpoint_due = true;
    rn_bdb_checkpoint(b);
    return b->writer.busy;
}

static size_t cost_of(const struct rn_list *group) {
    size_t n = 0;
    rn_list_for (it, group)
        n += rn_list_of(it, struct rn_request, link)->cost;
    return n;
}

/* The disk has no room for a commit: the pages of those before it are written while there is the ballast, for after a
 * kill a start would have to write them, and what has been tried in vain. */
static void note_full(struct rn_bdb *b) {
    if (!b->full)
        b->checkpoint_due = true;
    b->full = true;
}

/* A commit fails by itself only when it stands first: then nothing before it in the group can be to
 * blame. Otherwise those before it are committed without it, and it comes first in the next turn. */
void rn_bdb_commit_some(struct rn_bdb *b, struct rn_list *commits, bool alone) {
    struct rn_list *group = &b->flight.group;
    struct rn_request *guilty;
    struct runnel_err err;
    if (rn_list_empty(commits) || rn_bdb_commits_wait(b))
        return;
    rn_bdb_room_again(b);
    if (write_first(b))
        return;
    take_group(commits, group);
    int rc = try_group(b, group, &guilty, &err);
    while (rc != 0 && guilty && &guilty->link != group->next) {
        give_back(commits, group, guilty);
        rc = try_group(b, group, &guilty, &err);
    }
    if (rc != 0 && guilty && guilty->link.next != group)
        give_back(commits, group, rn_list_of(guilty->link.next, struct rn_request, link));
    if (rc != 0 && err.code == RUNNEL_EFULL)
        note_full(b);
    if (rc == 0)
        rn_bdb_sync(b, cost_of(group), alone && group->next->next == group);
    else
        rn_bdb_end_group(group, &err);
}
