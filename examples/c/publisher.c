/* SPDX-License-Identifier: MIT
 * publisher.c — publishes lines of standard input, each one JSON value, to a stream of this node.
 * May touch: the node, standard input and output.
 *
 *     cc -o publisher publisher.c $(pkg-config --cflags --libs librunnel)
 *     echo 21.5 | ./publisher home temperature
 */
#include <runnel/easy.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *what, const struct runnel_err *err) {
    fprintf(stderr, "publisher: %s: %s\n", what, err->msg);
    return 1;
}

int main(int argc, char **argv) {
    struct runnel_easy *node;
    struct runnel_published made;
    struct runnel_err err;
    struct runnel_id id;
    char descriptor[512], stream[RUNNEL_ID_TEXT], line[16387];
    int code = 0;
    if (argc != 3) {
        fprintf(stderr, "usage: publisher SOURCE STREAM\n");
        return 2;
    }
    int n = snprintf(descriptor, sizeof descriptor, "{\"source\":\"%s\",\"stream\":\"%s\",\"target\":\"\"}", argv[1],
                     argv[2]);
    if (n < 0 || (size_t)n >= sizeof descriptor)
        return 2;
    /* the address of $RUNNEL_NODE, or the system's node */
    if (runnel_easy_open(NULL, NULL, &node, &err) < 0)
        return failed("no node", &err);
    /* a stream that is there already is found */
    if (runnel_easy_create(node, descriptor, &id, &err) < 0) {
        runnel_easy_close(node);
        return failed("create", &err);
    }
    runnel_id_format(&id, stream);
    /* a value has 16384 bytes at most: of a longer line the first piece is too long already, and refused */
    while (code == 0 && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = 0;
        if (*line == 0)
            continue;
        /* returns when it is on the node's disk; a node that is restarted meanwhile is waited for */
        if (runnel_easy_publish(node, stream, RUNNEL_NOW, line, &made, &err) < 0)
            code = failed(line, &err);
        else
            printf("%s #%llu %s\n", stream, (unsigned long long)made.seq, line);
    }
    runnel_easy_close(node);
    return code;
}
