/* SPDX-License-Identifier: MIT
 * backup.c — runnel backup: a copy of all that the node holds, into a folder.
 * May touch: the node, by asking it; files, with the rights of whoever runs it.
 *
 * The files are written under other names and get theirs when all is on the disk, the records last, once the other
 * names are there for good: so a folder with a file "records" is a whole backup, also when the power failed.
 */
#include "base/base64.h"
#include "tool/archive.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDENTITY_MOST 4096u

enum { IDENTITY, README, RECORDS, FILES };
static const char *const names[FILES] = {"identity", "README.txt", "records"};

struct backup {
    struct rn_tool *tool;
    const char *dir;
    int made; /* the folder, by us */
    struct rn_archive_head head;
    uint64_t records, bytes, damaged, unread;
    char identity[1024]; /* the node's; "": not told */
    int copied;
    struct runnel_err uncopied; /* why the identity was not */
};

static int io_failed(const char *path, const char *what, struct runnel_err *err) {
    int why = errno;
    return rn_fail(err, why == ENOSPC || why == EDQUOT ? RUNNEL_EFULL : RUNNEL_EIO, "%s: cannot be %s: %s", path, what,
                   strerror(why));
}

/* DIR/NAME, or DIR/NAME.part while it is being written. */
static int path_of(const struct backup *b, int file, int part, char out[4096], struct runnel_err *err) {
    int n = snprintf(out, 4096, "%s/%s%s", b->dir, names[file], part ? ".part" : "");
    return n > 0 && n < 4096 ? 0 : rn_fail(err, RUNNEL_ETOOBIG, "%s: the path is too long", b->dir);
}

/* ---- the folder ---- */

/* What a backup that was cut off has left. */
static int is_part(const char *name) {
    for (int i = 0; i < FILES; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(name, names[i], n) == 0 && strcmp(name + n, ".part") == 0)
            return 1;
    }
    return 0;
}

static int check_empty(const struct backup *b, struct runnel_err *err) {
    DIR *d = opendir(b->dir);
    const struct dirent *e;
    int r = 0;
    if (!d)
        return io_failed(b->dir, "read", err);
    while (r == 0 && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !is_part(e->d_name))
            r = rn_fail(err, RUNNEL_ECONFLICT, "%s: it is not empty (it has %s); name a new folder, or an empty one",
                        b->dir, e->d_name);
    (void)closedir(d); /* only read */
    return r;
}

static void remove_parts(const struct backup *b) {
    char path[4096];
    for (int i = 0; i < FILES; i++)
        if (path_of(b, i, 1, path, NULL) == 0)
            (void)unlink(path); /* mostly it is not there */
}

static int make_folder(struct backup *b, struct runnel_err *err) {
    if (mkdir(b->dir, 0700) == 0)
        b->made = 1;
    else if (errno != EEXIST)
        return io_failed(b->dir, "made", err);
    int r = check_empty(b, err);
    if (r == 0)
        remove_parts(b);
    return r;
}

static int sync_folder(const char *path, struct runnel_err *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_failed(path, "opened", err);
    int r = fsync(fd) == 0 ? 0 : io_failed(path, "written", err);
    (void)close(fd);
    return r;
}

/* The folder's own name stands in the one above it. It is made durable also when the folder was there: a backup that
 * was cut off may have made it. Where we may not look into the one above, somebody else has made it. */
static int sync_above(const struct backup *b, struct runnel_err *err) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/..", b->dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return rn_fail(err, RUNNEL_ETOOBIG, "%s: the path is too long", b->dir);
    return !b->made && access(path, R_OK) != 0 ? 0 : sync_folder(path, err);
}

/* ---- small files ---- */

static int write_file(const struct backup *b, int file, const void *p, size_t n, struct runnel_err *err) {
    char path[4096];
    if (path_of(b, file, 1, path, err) < 0)
        return -RUNNEL_ETOOBIG;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r = 0;
    if (fd < 0)
        return io_failed(path, "made", err);
    if (rn_write_all(fd, p, n) != 0 || fsync(fd) != 0)
        r = io_failed(path, "written", err);
    (void)close(fd);
    return r;
}

/* Reads the node's identity: 0 and how long it is. */
static int read_identity(const char *path, char *out, size_t *n, struct runnel_err *err) {
    if (!*path)
        return rn_fail(err, RUNNEL_EDENIED, "the node does not tell where it is");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return io_failed(path, "read", err);
    ssize_t got = read(fd, out, IDENTITY_MOST);
    int r = got > 0 ? 0 : io_failed(path, "read", err);
    *n = got > 0 ? (size_t)got : 0;
    (void)close(fd);
    return r;
}

/* It need not be readable for whoever makes the backup: that is told, and no failure. */
static int copy_identity(struct backup *b, struct runnel_err *err) {
    char text[IDENTITY_MOST];
    size_t n = 0;
    if (rn_arg(b->tool, "no-identity")) {
        (void)rn_fail(&b->uncopied, RUNNEL_OK, "--no-identity was given");
        return 0;
    }
    if (read_identity(b->identity, text, &n, &b->uncopied) < 0)
        return 0;
    int r = write_file(b, IDENTITY, text, n, err);
    explicit_bzero(text, sizeof text);
    b->copied = r == 0;
    return r;
}

static int write_readme(const struct backup *b, struct runnel_err *err) {
    struct rn_buf t = {0};
    char time[RN_TIME_TEXT];
    rn_buf_fmt(&t, "A backup of the runnel node ");
    rn_buf_hex(&t, b->head.node, sizeof b->head.node);
    rn_buf_fmt(&t, "\nmade %s: %llu streams with %llu observations.\n\n", rn_time_format(b->head.time, time),
               (unsigned long long)b->head.streams, (unsigned long long)b->head.observations);
    rn_buf_str(&t, "records   all that the node held: streams, subscriptions, notes; with a SHA-256 at its end\n");
    if (b->copied)
        rn_buf_str(
            &t, "identity  the node's SECRET key. Whoever has it can sign as this node. Keep it away from others.\n");
    else
        rn_buf_str(
            &t,
            "The node's identity (its secret key) is NOT in this backup. Without it this backup cannot be restored.\n");
    rn_buf_fmt(&t,
               "\nTo restore it:\n\n"
               "1. Make sure that the node of which this is a copy runs nowhere any more: two that use one identity\n"
               "   would contradict each other.\n"
               "2. With runneld stopped and its data folder empty, copy the identity to where node.identity of the\n"
               "   configuration says (it was %s), with mode 0600 and owned by\n"
               "   the user that runneld runs as.\n"
               "3. Start runneld, and run: runnel restore THIS-FOLDER\n\n"
               "What was published after the backup is fetched back from peers that have it, before anything is\n"
               "appended. See runneld(8), BACKUP AND RESTORE.\n",
               *b->identity ? b->identity : "not told");
    int r = t.failed ? rn_fail(err, -t.failed, "no memory") : write_file(b, README, t.p, t.n, err);
    rn_buf_free(&t);
    return r;
}

/* ---- the records ---- */

static int begin(struct backup *b, struct runnel_err *err) {
    struct rn_answer a;
    const char *text = "";
    int r = rn_node_ask(b->tool, "status", NULL, &a, err);
    if (r < 0)
        return r;
    if (rn_json_str(a.tree, "identity", &text, NULL) == 0)
        (void)snprintf(b->identity, sizeof b->identity, "%s", text);
    rn_answer_free(&a);
    b->head.time = rn_wall();
    r = rn_node_ask(b->tool, "backup.begin", NULL, &a, err);
    if (r < 0)
        return r;
    r = rn_json_str(a.tree, "node", &text, err);
    if (r == 0 && rn_hex_parse(text, strlen(text), b->head.node, sizeof b->head.node) < 0)
        r = rn_fail(err, RUNNEL_EDAMAGED, "backup.begin: the node's answer has no node id");
    b->head.version = (uint32_t)rn_number_of(a.tree, "version");
    b->head.streams = rn_number_of(a.tree, "streams");
    b->head.observations = rn_number_of(a.tree, "count");
    b->unread = rn_number_of(a.tree, "unread");
    rn_answer_free(&a);
    return r;
}

/* One slice: 1 when there are more, 0 at the end. */
static int take_slice(struct backup *b, struct rn_archive *file, struct rn_progress *p, struct runnel_err *err) {
    struct rn_answer a;
    struct rn_buf slice = {0};
    const char *text = "";
    int more = 0, r = rn_node_ask(b->tool, "backup.next", NULL, &a, err);
    if (r < 0)
        return r;
    if (rn_json_str(a.tree, "slice", &text, err) != 0 || rn_json_bool(a.tree, "more", &more, err) != 0 ||
        rn_base64_parse(text, strlen(text), &slice) != 0)
        r = rn_fail(err, RUNNEL_EDAMAGED, "backup.next: the node's answer is no slice");
    if (r == 0)
        r = rn_archive_add(file, rn_buf_bytes(&slice), err);
    rn_progress_set(p, rn_number_of(a.tree, "done"));
    b->records = rn_number_of(a.tree, "records");
    b->damaged = rn_number_of(a.tree, "damaged");
    rn_buf_free(&slice);
    rn_answer_free(&a);
    return r < 0 ? r : more;
}

static int write_records(struct backup *b, struct runnel_err *err) {
    struct rn_archive *file;
    struct rn_progress p;
    char path[4096];
    int r = path_of(b, RECORDS, 1, path, err);
    if (r == 0)
        r = rn_archive_create(path, &b->head, &file, err);
    if (r < 0)
        return r;
    rn_progress_begin(&p, b->tool, "backing up", b->head.observations);
    do
        r = take_slice(b, file, &p, err);
    while (r > 0);
    if (r == 0)
        r = rn_archive_finish(file, &b->head, err);
    rn_progress_end(&p);
    b->bytes = rn_archive_bytes(file);
    rn_archive_free(file);
    return r;
}

/* ---- all of it ---- */

static int name_file(const struct backup *b, int file, struct runnel_err *err) {
    char from[4096], to[4096];
    int r = path_of(b, file, 1, from, err);
    if (r == 0)
        r = path_of(b, file, 0, to, err);
    if (r == 0 && rename(from, to) != 0)
        r = io_failed(to, "made", err);
    return r;
}

static int name_files(const struct backup *b, struct runnel_err *err) {
    int r = b->copied ? name_file(b, IDENTITY, err) : 0;
    if (r == 0)
        r = name_file(b, README, err);
    if (r == 0)
        r = sync_folder(b->dir, err); /* all else is there before the records */
    if (r == 0)
        r = name_file(b, RECORDS, err);
    if (r == 0)
        r = sync_folder(b->dir, err); /* and they are there too */
    return r == 0 ? sync_above(b, err) : r;
}

static int make(struct backup *b, struct runnel_err *err) {
    int r = make_folder(b, err);
    if (r < 0)
        return r;
    r = begin(b, err);
    if (r == 0)
        r = write_records(b, err);
    if (r == 0)
        r = copy_identity(b, err);
    if (r == 0)
        r = write_readme(b, err);
    if (r == 0)
        r = name_files(b, err);
    if (r < 0)
        remove_parts(b);
    return r;
}

static void say_json(const struct backup *b) {
    struct rn_buf t = {0};
    struct rn_jw w;
    const struct {
        const char *key;
        uint64_t v;
    } numbers[] = {{"streams", b->head.streams}, {"count", b->head.observations}, {"records", b->records},
                   {"bytes", b->bytes},          {"damaged", b->damaged},         {"unread", b->unread}};
    rn_jw_init(&w, &t);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "dir", b->dir);
    rn_jw_khex(&w, "node", b->head.node, sizeof b->head.node);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        rn_jw_key(&w, numbers[i].key);
        rn_jw_u64(&w, numbers[i].v);
    }
    rn_jw_kbool(&w, "identity", b->copied);
    rn_jw_end_object(&w);
    rn_out_bytes(b->tool, t.p, t.n);
    rn_out(b->tool, "\n");
    rn_buf_free(&t);
}

static void say(const struct backup *b) {
    struct rn_buf t = {0};
    rn_human_count(&t, b->head.streams);
    rn_buf_fmt(&t, " stream%s with ", b->head.streams == 1 ? "" : "s");
    rn_human_count(&t, b->head.observations);
    rn_buf_fmt(&t, " observation%s backed up into %s (", b->head.observations == 1 ? "" : "s", b->dir);
    rn_human_bytes(&t, b->bytes);
    rn_buf_str(&t, ")\n");
    if (b->copied)
        rn_buf_str(&t, "with the node's identity, its secret key: keep the folder away from others\n");
    else
        rn_buf_fmt(&t, "WITHOUT the node's identity, which a restore needs: %s\n", b->uncopied.msg);
    rn_out_bytes(b->tool, t.p, t.n);
    rn_buf_free(&t);
}

int rn_cmd_backup(struct rn_tool *t) {
    struct backup b = {.tool = t, .dir = t->words[0]};
    struct runnel_err err;
    if (make(&b, &err) < 0) {
        if (b.made)
            (void)rmdir(b.dir); /* not when something of it is left */
        int exit = rn_exit_of(&err);
        (void)rn_wrap(&err, "backup");
        return rn_tool_fail(t, exit, &err);
    }
    if (t->json)
        say_json(&b);
    else
        say(&b);
    if (b.damaged + b.unread == 0)
        return RN_EXIT_OK;
    return rn_tool_failf(t, RN_EXIT_DAMAGED, RUNNEL_EDAMAGED,
                         "backup: %llu blocks and records, and %llu streams, are damaged at the node and not in the "
                         "backup; verify and mend them there, then make another one",
                         (unsigned long long)b.damaged, (unsigned long long)b.unread);
}
