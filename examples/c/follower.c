/* SPDX-License-Identifier: MIT
 * follower.c — writes out a stream from its start: its history, then what is made, until it is interrupted.
 * May touch: the node, standard output.
 *
 *     cc -o follower follower.c $(pkg-config --cflags --libs librunnel)
 *     ./follower STREAM            STREAM is an id or AUTHOR/source/stream/target
 */
#include <runnel/easy.h>
#include <stdio.h>

int main(int argc, char **argv) {
    struct runnel_easy *node = NULL;
    struct runnel_easy_follow *follow = NULL;
    struct runnel_observation o;
    struct runnel_err err;
    if (argc != 2) {
        fprintf(stderr, "usage: follower STREAM\n");
        return 2;
    }
    int r = runnel_easy_open(NULL, NULL, &node, &err);
    if (r == 0)
        r = runnel_easy_follow(node, argv[1], NULL, &follow, &err);
    /* -1: waits for ever, also while the node is away; afterwards it goes on where it was */
    while (r == 0 && (r = runnel_easy_next(follow, -1, &o, &err)) > 0) {
        printf("#%llu %lld %.*s\n", (unsigned long long)o.seq, (long long)o.time, (int)o.value.n,
               (const char *)o.value.p);
        fflush(stdout);
        r = 0;
    }
    if (r < 0)
        fprintf(stderr, "follower: %s: %s\n", argv[1], err.msg);
    runnel_easy_unfollow(follow);
    runnel_easy_close(node);
    return r < 0;
}
