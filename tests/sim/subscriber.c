/* SPDX-License-Identifier: MIT
 * subscriber.c — a node with the peers that it is given as candidates, and a program that says subscribe
 * (subscriber.h). May touch: standard output.
 */
#include "tests/sim/subscriber.h"
#include <stdio.h>

void subscriber_start(struct subscriber *s, struct sim_world *w, struct sim_peer *one, struct sim_peer *other,
                      const struct sim_author *a) {
    char config[512], request[128], id[RN_ID_TEXT];
    *s = (struct subscriber){.world = w, .one = one, .other = other, .node = sim_node_new(w, "sub")};
    (void)snprintf(config, sizeof config,
                   "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
                   "\"transport\":{\"net\":{\"plugin\":\"sim\"}},"
                   "\"discovery\":{\"known\":{\"plugin\":\"static\",\"peers\":"
                   "{\"*\":[\"sim://%s\",\"sim://%s\"]}}},"
                   "\"sync\":{\"default\":{\"plugin\":\"incremental\"}}}",
                   one->host.name, other->host.name);
    sim_node_config(s->node, config);
    (void)snprintf(request, sizeof request, "{\"method\":\"subscribe\",\"stream\":\"%s\"}",
                   rn_id_format(&a->descriptor->id, id));
    sim_ask_init(&s->ask, w, "program", "sub", request);
    sim_node_start(s->node);
    sim_program_start(&s->ask.p);
}

static void print_line(void *arg, const char *line) {
    (void)arg;
    (void)printf("#   %s\n", line);
}

int subscriber_end(struct subscriber *s, const char *name) {
    int failed = sim_failed(s->world);
    if (failed) {
        (void)printf("# %s: %s\n", name, s->world->failure);
        sim_node_log(s->node, print_line, NULL);
    }
    sim_program_end(&s->ask.p);
    sim_node_crash(s->node, SIM_KILLED);
    sim_peer_end(s->one);
    sim_peer_end(s->other);
    sim_host_free(&s->ask.p.host);
    sim_host_free(&s->one->host);
    sim_host_free(&s->other->host);
    sim_node_free(s->node);
    return failed;
}
