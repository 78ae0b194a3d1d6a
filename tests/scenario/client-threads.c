/* SPDX-License-Identifier: MIT
 * client-threads.c — two threads, each with a handle of its own on one node; run under ThreadSanitizer.
 * May touch: the node, standard output; two threads.
 */
#include <pthread.h>
#include <runnel/easy.h>
#include <stdio.h>
#include <string.h>

#define EACH 300

struct worker {
    pthread_t thread;
    const char *address;
    int number, failed;
};

static int check(struct worker *w, int r, const struct runnel_err *err) {
    if (r < 0) {
        fprintf(stderr, "thread %d: %s\n", w->number, err->msg);
        w->failed = 1;
    }
    return r >= 0;
}

/* Counts what comes in order. */
static int count(void *arg, const struct runnel_observation *o) {
    int *n = arg;
    return o->seq == (uint64_t)(*n)++ ? 0 : 1;
}

static void publish_and_read(struct worker *w, struct runnel_easy *e, const char *stream) {
    struct runnel_easy_follow *f = NULL;
    struct runnel_observation o;
    struct runnel_err err;
    char value[24];
    int n = 0, r = 0;
    if (!check(w, runnel_easy_follow(e, stream, NULL, &f, &err), &err))
        return;
    for (int i = 0; i < EACH && !w->failed; i++) {
        (void)snprintf(value, sizeof value, "%d", i);
        (void)check(w, runnel_easy_publish(e, stream, RUNNEL_NOW, value, NULL, &err), &err);
        r = w->failed ? 0 : runnel_easy_next(f, INT64_C(30000000000), &o, &err);
        if (!check(w, r, &err) || r != 1 || o.seq != (uint64_t)i || o.value.n != strlen(value) ||
            memcmp(o.value.p, value, o.value.n) != 0)
            w->failed = 1;
    }
    runnel_easy_unfollow(f);
    r = runnel_easy_history(e, stream, NULL, count, &n, &err);
    if (!check(w, r, &err) || r != 0 || n != EACH)
        w->failed = 1;
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct runnel_easy *e = NULL;
    struct runnel_err err;
    struct runnel_id id;
    char descriptor[128], stream[RUNNEL_ID_TEXT];
    if (!check(w, runnel_easy_open(w->address, NULL, &e, &err), &err))
        return NULL;
    (void)snprintf(descriptor, sizeof descriptor, "{\"source\":\"threads\",\"stream\":\"%d\",\"target\":\"\"}",
                   w->number);
    if (check(w, runnel_easy_create(e, descriptor, &id, &err), &err))
        publish_and_read(w, e, runnel_id_format(&id, stream));
    runnel_easy_close(e);
    return NULL;
}

int main(int argc, char **argv) {
    struct worker w[2] = {{.number = 0}, {.number = 1}};
    if (argc != 2)
        return 2;
    for (int i = 0; i < 2; i++) {
        w[i].address = argv[1];
        if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
            return 2;
    }
    for (int i = 0; i < 2; i++)
        if (pthread_join(w[i].thread, NULL) != 0)
            return 2;
    printf("%s\n", w[0].failed || w[1].failed ? "failed" : "ok");
    return w[0].failed || w[1].failed;
}
