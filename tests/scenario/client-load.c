/* SPDX-License-Identifier: MIT
 * client-load.c — a publisher and a follower on librunnel, for a scenario that kills the daemon under them.
 * May touch: the node, standard input and output.
 *
 *     client-load publish ADDRESS STREAM   publishes 0, 1, 2 … many at a time, and writes how many are
 *                                          acknowledged; stops at the end of its input and writes "done N"
 *     client-load follow ADDRESS STREAM    expects them, and writes how many have come; the input brings at
 *                                          the end how many there are to be, then it writes "done N"
 */
#include <event2/event.h>
#include <runnel/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLYING 24u

struct load {
    struct event_base *base;
    struct runnel_client *client;
    struct event *input;
    struct runnel_id stream;
    unsigned long long made, done, goal;
    unsigned lost;
    int last; /* no more is to be made; or `goal` is known */
    int code;
};

static void stop(struct load *l, const char *why) {
    if (why) {
        fprintf(stderr, "client-load: %s\n", why);
        l->code = 1;
    }
    (void)event_base_loopbreak(l->base);
}

static void told(struct load *l) {
    printf("%llu\n", l->done);
    fflush(stdout);
    if (l->last && l->done == l->goal) {
        printf("done %llu lost %u\n", l->done, l->lost);
        stop(l, NULL);
    }
}

static void on_state(void *arg, enum runnel_state state, const struct runnel_err *err) {
    struct load *l = arg;
    l->lost += state == RUNNEL_LOST;
    if (state == RUNNEL_CLOSED)
        stop(l, err->msg);
}

/* ---- publishing ---- */

static void publish_more(struct load *l);

/* Alone on its stream each must go to the seq that is its value. Those that were there already may be
 * acknowledged behind later ones. */
struct sent {
    struct load *load;
    unsigned long long first;
};

static void on_made(void *arg, const struct runnel_published *made, const struct runnel_err *err) {
    struct sent *s = arg;
    struct load *l = s->load;
    unsigned long long first = s->first;
    free(s);
    if (err) {
        stop(l, err->msg);
        return;
    }
    if (made->seq != first) {
        stop(l, "it went elsewhere");
        return;
    }
    l->done += made->count;
    told(l);
    publish_more(l);
}

static void publish_more(struct load *l) {
    struct runnel_err err;
    while (!l->last && l->code == 0 && l->made - l->done < FLYING) {
        char text[2][24];
        struct runnel_observation o[2];
        size_t n = 1 + l->made % 2;
        struct sent *s = malloc(sizeof *s);
        if (!s) {
            stop(l, "no memory");
            return;
        }
        *s = (struct sent){l, l->made};
        for (size_t i = 0; i < n; i++) {
            int k = snprintf(text[i], sizeof text[i], "%llu", l->made + i);
            o[i] = (struct runnel_observation){.time = RUNNEL_NOW, .value = {(const uint8_t *)text[i], (size_t)k}};
        }
        if (runnel_publish(l->client, &l->stream, RUNNEL_ANY, o, n, on_made, s, &err) < 0) {
            free(s);
            stop(l, err.msg);
            return;
        }
        l->made += n;
    }
}

/* ---- following ---- */

static void on_observations(void *arg, const struct runnel_observation *o, size_t n) {
    struct load *l = arg;
    for (size_t i = 0; i < n; i++, l->done++) {
        char want[24];
        int k = snprintf(want, sizeof want, "%llu", l->done);
        if (o[i].seq != l->done || o[i].value.n != (size_t)k || memcmp(o[i].value.p, want, (size_t)k) != 0) {
            stop(l, "the follow has a gap, a double or another value");
            return;
        }
    }
    told(l);
}

static void on_end(void *arg, uint64_t next, const struct runnel_err *err) {
    struct load *l = arg;
    (void)next;
    if (l->done != l->goal || !l->last)
        stop(l, err ? err->msg : "the follow ended");
}

/* ---- the input ---- */

static void on_input(int fd, short what, void *arg) {
    struct load *l = arg;
    char text[64];
    (void)what;
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n > 0) {
        text[n] = 0;
        l->goal = strtoull(text, NULL, 10);
    } else {
        l->goal = l->made;
    }
    (void)event_del(l->input);
    l->last = 1;
    told(l);
}

static int begin(struct load *l, const char *what, const char *stream, struct runnel_err *err) {
    static const struct runnel_follow_calls calls = {
        .size = sizeof calls, .observations = on_observations, .end = on_end};
    if (strcmp(what, "follow") == 0)
        return runnel_follow(l->client, stream, NULL, &calls, l, NULL, err);
    publish_more(l);
    return 0;
}

int main(int argc, char **argv) {
    struct load l = {0};
    struct runnel_err err = {0};
    struct runnel_client_options o = {.size = sizeof o, .retry_least = 5000000, .retry_most = 20000000};
    if (argc != 4 || runnel_id_parse(argv[3], &l.stream) < 0)
        return 2;
    l.base = event_base_new();
    l.input = l.base ? event_new(l.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, &l) : NULL;
    if (!l.input || event_add(l.input, NULL) != 0)
        return 2;
    int r = runnel_client_new(l.base, argv[2], &o, on_state, &l, &l.client, &err);
    if (r == 0)
        r = begin(&l, argv[1], argv[3], &err);
    if (r < 0)
        fprintf(stderr, "client-load: %s\n", err.msg);
    else if (event_base_dispatch(l.base) < 0)
        r = -1;
    l.last = 1;
    l.goal = l.done;
    runnel_client_free(l.client);
    event_free(l.input);
    event_base_free(l.base);
    return r < 0 ? 1 : l.code;
}
