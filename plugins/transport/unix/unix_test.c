/* SPDX-License-Identifier: MIT
 * unix_test.c — the file of the unix transport's socket: rights, old sockets, what is not touched.
 * May touch: the plugin, the test host, a folder of its own under /tmp.
 */
#include "tests/conformance/host.h"
#include <dirent.h>
#include <fcntl.h>
#include <runnel/transport.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A host, a folder, and the path of a socket in it. */
struct place {
    struct test_host *h;
    char folder[32], path[64], word[80];
};

static const struct runnel_transport_up up = {.size = sizeof up};

static struct place *place_new(void) {
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->h = host_new();
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/rnXXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->path, sizeof p->path, "%s/sock", p->folder);
    (void)snprintf(p->word, sizeof p->word, "path=%s", p->path);
    return p;
}

/* Nothing may be left in the folder. */
static void place_end(struct place *p) {
    assert_int_equal(rmdir(p->folder), 0);
    host_free(p->h);
    free(p);
}

static struct runnel_inst *open_conf(struct place *p, const char *const *conf, struct runnel_err *err) {
    char so[4096];
    struct host_section section = {.path = host_plugin_path("transport", "unix", so, sizeof so),
                                   .up = &up,
                                   .kind = RUNNEL_TRANSPORT,
                                   .conf = conf};
    return host_open(p->h, &section, err);
}

static struct runnel_inst *open_it(struct place *p) {
    struct runnel_err err = {0};
    struct runnel_inst *inst = open_conf(p, (const char *const[]){p->word, NULL}, &err);
    if (!inst)
        fail_msg("%s", err.msg);
    return inst;
}

static void starts(struct runnel_inst *inst) {
    struct runnel_err err = {0};
    if (host_start(inst, &err) != 0)
        fail_msg("%s", err.msg);
}

/* The start fails with this code and names the path; nothing but `left` files are in the folder afterwards. */
static void refuses(struct place *p, const char *const *conf, int code, const char *says) {
    struct runnel_err err = {0};
    struct runnel_inst *inst = open_conf(p, conf, &err);
    assert_non_null(inst);
    assert_int_equal(host_start(inst, &err), -code);
    assert_non_null(strstr(err.msg, says));
    host_close(inst);
}

static unsigned count_files(const char *folder) {
    unsigned n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    assert_int_equal(closedir(d), 0);
    return n;
}

/* A socket that is bound here, as a daemon that crashed leaves it (fd closed) or as one that lives. */
static int bind_here(const struct place *p, int type) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", p->path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void the_mode_is_as_said(void **state) {
    (void)state;
    static const struct {
        const char *word;
        mode_t mask, mode;
    } cases[] = {{"mode=0660", 0077, 0660}, {"mode=0600", 0, 0600}, {"mode=777", 0777, 0777}, {"mode=0000", 022, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct place *p = place_new();
        struct runnel_inst *inst = open_conf(p, (const char *const[]){p->word, cases[k].word, NULL}, NULL);
        struct stat st;
        mode_t before = umask(cases[k].mask);
        assert_non_null(inst);
        starts(inst);
        (void)umask(before);
        assert_int_equal(lstat(p->path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 07777, cases[k].mode);
        assert_int_equal(count_files(p->folder), 1);
        host_close(inst);
        place_end(p);
    }
}

static void the_group_is_as_said(void **state) {
    (void)state;
    struct place *p = place_new();
    char word[32];
    struct stat st;
    (void)snprintf(word, sizeof word, "group=%lu", (unsigned long)getgid());
    struct runnel_inst *inst = open_conf(p, (const char *const[]){p->word, word, NULL}, NULL);
    assert_non_null(inst);
    starts(inst);
    assert_int_equal(lstat(p->path, &st), 0);
    assert_int_equal(st.st_gid, getgid());
    host_close(inst);
    refuses(p, (const char *const[]){p->word, "group=no-such-group-here", NULL}, RUNNEL_ENOTFOUND,
            "no-such-group-here");
    assert_int_equal(count_files(p->folder), 0);
    place_end(p);
}

static void an_old_socket_is_replaced(void **state) {
    (void)state;
    struct place *p = place_new();
    assert_int_equal(close(bind_here(p, SOCK_STREAM)), 0);
    assert_int_equal(count_files(p->folder), 1);
    struct runnel_inst *inst = open_it(p);
    starts(inst);
    assert_int_equal(count_files(p->folder), 1);
    host_close(inst);
    place_end(p);
}

static void one_who_answers_is_left_alone(void **state) {
    (void)state;
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        struct place *p = place_new();
        struct stat before, after;
        int fd = bind_here(p, types[k]);
        assert_int_equal(lstat(p->path, &before), 0);
        refuses(p, (const char *const[]){p->word, NULL}, RUNNEL_ECONFLICT, p->path);
        assert_int_equal(lstat(p->path, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(count_files(p->folder), 1);
        assert_int_equal(close(fd), 0);
        assert_int_equal(unlink(p->path), 0);
        place_end(p);
    }
}

static void a_file_is_left_alone(void **state) {
    (void)state;
    struct place *p = place_new();
    int fd = open(p->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "precious", 8), 8);
    assert_int_equal(close(fd), 0);
    refuses(p, (const char *const[]){p->word, NULL}, RUNNEL_ECONFLICT, p->path);
    struct stat st;
    assert_int_equal(lstat(p->path, &st), 0);
    assert_int_equal(st.st_size, 8);
    assert_int_equal(count_files(p->folder), 1);
    assert_int_equal(unlink(p->path), 0);
    place_end(p);
}

static void only_its_own_file_is_removed(void **state) {
    (void)state;
    struct place *p = place_new();
    struct runnel_inst *inst = open_it(p);
    starts(inst);
    assert_int_equal(unlink(p->path), 0);
    int fd = bind_here(p, SOCK_STREAM); /* another took the name */
    host_close(inst);
    assert_int_equal(count_files(p->folder), 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(p->path), 0);
    place_end(p);
}

static void an_abandoned_one_removes_its_file(void **state) {
    (void)state;
    struct place *p = place_new();
    struct runnel_inst *inst = open_it(p);
    starts(inst);
    host_abandon(inst);
    place_end(p);
}

static void a_missing_folder_is_named(void **state) {
    (void)state;
    struct place *p = place_new();
    char word[128], path[100];
    (void)snprintf(path, sizeof path, "%s/none/sock", p->folder);
    (void)snprintf(word, sizeof word, "path=%s", path);
    refuses(p, (const char *const[]){word, NULL}, RUNNEL_ECLOSED, path);
    refuses(p, (const char *const[]){word, NULL}, RUNNEL_ECLOSED, "make its folder");
    place_end(p);
}

static void a_wrong_conf_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"path=relative", "path=",  "mode=9", "mode=0888", "mode=1777", "mode=rw",
                                      "mode=0660x",    "group=", "mode=",  "mode=77",   "backlog=0", "mode=00660"};
    struct place *p = place_new();
    char word[160] = "path=/";
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        struct runnel_err err = {0};
        if (open_conf(p, (const char *const[]){bad[k], NULL}, &err))
            fail_msg("%s was not refused", bad[k]);
        assert_string_not_equal(err.msg, "");
    }
    /* 98 bytes of path are the most. */
    memset(word + 6, 'x', 97);
    struct runnel_inst *inst = open_conf(p, (const char *const[]){word, NULL}, NULL);
    assert_non_null(inst);
    host_close(inst);
    word[6 + 97] = 'x';
    struct runnel_err err = {0};
    assert_null(open_conf(p, (const char *const[]){word, NULL}, &err));
    assert_non_null(strstr(err.msg, "98"));
    place_end(p);
}

/* As long as a path may be, in a folder that is there. */
static void the_longest_path_works(void **state) {
    (void)state;
    struct place *p = place_new();
    char path[99], word[128];
    size_t n = (size_t)snprintf(path, sizeof path, "%s/", p->folder);
    memset(path + n, 'x', 98 - n);
    path[98] = '\0';
    (void)snprintf(word, sizeof word, "path=%s", path);
    struct runnel_inst *inst = open_conf(p, (const char *const[]){word, NULL}, NULL);
    assert_non_null(inst);
    starts(inst);
    assert_int_equal(access(path, F_OK), 0);
    host_close(inst);
    place_end(p);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mode_is_as_said),
        cmocka_unit_test(the_group_is_as_said),
        cmocka_unit_test(an_old_socket_is_replaced),
        cmocka_unit_test(one_who_answers_is_left_alone),
        cmocka_unit_test(a_file_is_left_alone),
        cmocka_unit_test(only_its_own_file_is_removed),
        cmocka_unit_test(an_abandoned_one_removes_its_file),
        cmocka_unit_test(a_missing_folder_is_named),
        cmocka_unit_test(a_wrong_conf_is_refused),
        cmocka_unit_test(the_longest_path_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
