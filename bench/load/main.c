/* SPDX-License-Identifier: MIT
 * main.c — load: puts a load on a server and prints what was measured.
 * May touch: sockets, the clock, standard output.
 */
#include "base/err.h"
#include "bench/load/load.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: load MODE [--proto runnel|redis|nats|mqtt] --to ADDRESS [OPTION VALUE]...\n"
    "Modes:\n"
    "  publish   publishes, each acknowledged\n"
    "  read      reads --count values of a stream from the beginning\n"
    "  fanout    publishes to --clients readers of one stream\n"
    "  idle      has --clients readers that wait, until standard input ends\n"
    "  disk      appends to the file ADDRESS, an fdatasync each\n"
    "Options:\n"
    "  --stream NAME   stream id, key or subject; several: one a client, in turn\n"
    "  --clients N     connections (1)\n"
    "  --flight N      unanswered publishes of a connection (1)\n"
    "  --join N        observations in one publish (1); runnel only\n"
    "  --readers ADDRESS  of the mode fanout: where the readers connect, if not at --to\n"
    "  --deaf N        of the mode fanout: readers besides, who want all from the beginning and read nothing\n"
    "  --count N       messages in all\n"
    "  --seconds N     how long\n"
    "  --rate N        messages a second; 0: as fast as it goes\n"
    "  --bytes N       of a write of the mode disk (4096)\n"
    "  --deadline N    seconds until it must be over (120)\n"
    "Prints one JSON object.\n";

static const struct {
    const char *name;
    load_mode *run;
} modes[] = {
    {"publish", load_publish}, {"read", load_read}, {"fanout", load_fanout}, {"idle", load_idle}, {"disk", load_disk}};

static const struct load_proto *const protos[] = {&load_runnel, &load_redis, &load_nats, &load_mqtt};

static int number(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *v,
                  struct runnel_err *err) {
    char *end;
    *v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || *v < least || *v > most)
        return rn_fail(err, RUNNEL_EINVALID, "%s: found \"%s\", want a number from %llu to %llu", name, text,
                       (unsigned long long)least, (unsigned long long)most);
    return 0;
}

static int set_proto(struct load_options *o, const char *text, struct runnel_err *err) {
    for (size_t i = 0; i < sizeof protos / sizeof protos[0]; i++)
        if (strcmp(protos[i]->name, text) == 0) {
            o->proto = protos[i];
            return 0;
        }
    return rn_fail(err, RUNNEL_EINVALID, "--proto: found \"%s\", want one of those in --help", text);
}

static int set(struct load_options *o, const char *name, char *text, struct runnel_err *err) {
    struct {
        const char *name;
        uint64_t *v, least, most;
    } numbers[] = {{"--clients", &o->clients, 1, 65536},  {"--flight", &o->flight, 1, 1048576},
                   {"--join", &o->join, 1, LOAD_JOIN},    {"--count", &o->count, 0, 1000000000000},
                   {"--deaf", &o->deaf, 0, 65536},        {"--seconds", &o->seconds, 0, 86400},
                   {"--rate", &o->rate, 0, 1000000000},   {"--bytes", &o->bytes, 1, 16777216},
                   {"--deadline", &o->deadline, 1, 86400}};
    if (strcmp(name, "--proto") == 0)
        return set_proto(o, text, err);
    if (strcmp(name, "--to") == 0) {
        o->to = text;
        return 0;
    }
    if (strcmp(name, "--readers") == 0) {
        o->readers = text;
        return 0;
    }
    if (strcmp(name, "--stream") == 0) {
        if (o->n_streams == LOAD_STREAMS)
            return rn_fail(err, RUNNEL_ETOOBIG, "--stream: more than %u", LOAD_STREAMS);
        o->streams[o->n_streams++] = text;
        return 0;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(name, numbers[i].name) == 0)
            return number(name, text, numbers[i].least, numbers[i].most, numbers[i].v, err);
    return rn_fail(err, RUNNEL_EINVALID, "unknown option %s; see load --help", name);
}

static int run(int argc, char **argv, struct load_options *o, struct runnel_err *err) {
    for (int i = 2; i < argc; i += 2) {
        int r = i + 1 < argc ? set(o, argv[i], argv[i + 1], err)
                             : rn_fail(err, RUNNEL_EINVALID, "%s: a value is missing", argv[i]);
        if (r < 0)
            return r;
    }
    o->mode = argv[1];
    if (!o->to)
        return rn_fail(err, RUNNEL_EINVALID, "--to is missing");
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, o->mode) == 0)
            return modes[i].run(o, err);
    return rn_fail(err, RUNNEL_EINVALID, "unknown mode %s; see load --help", o->mode);
}

int main(int argc, char **argv) {
    struct runnel_err err = {0};
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        int n = fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 || n < 0 ? 2 : 0;
    }
    struct load_options *o = calloc(1, sizeof *o);
    if (!o)
        return 1;
    o->clients = o->flight = o->join = 1;
    o->bytes = 4096;
    o->deadline = 120;
    int r = signal(SIGPIPE, SIG_IGN) == SIG_ERR ? rn_fail(&err, RUNNEL_EIO, "signal") : run(argc, argv, o, &err);
    free(o);
    if (r < 0)
        (void)fprintf(stderr, "load: %s\n", err.msg);
    return r == -RUNNEL_EINVALID ? 2 : r < 0;
}
