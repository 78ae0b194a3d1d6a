/* SPDX-License-Identifier: MIT
 * publisher.c — makes observations, sends them in batches, remembers which were acknowledged.
 * May touch: the world.
 */
#include "sim/publisher.h"
#include "data/descriptor.h"
#include <stdio.h>
#include <string.h>

static struct sim_publisher *of(struct sim_program *p) {
    return (struct sim_publisher *)p;
}

void sim_publisher_value(const struct sim_publisher *b, uint64_t number, struct rn_buf *out) {
    uint64_t h = sim_mix(b->salt ^ sim_mix(number));
    size_t pad = h % 16 == 0 ? (size_t)(h >> 8) % b->value_max : (size_t)(h >> 8) % 12;
    sim_must(rn_buf_fmt(out, "{\"n\":%llu,\"x\":\"%016llx", (unsigned long long)number, (unsigned long long)h),
             "a value");
    for (; pad > 0; pad--)
        sim_must(rn_buf_byte(out, (uint8_t)('a' + pad % 26)), "a value");
    sim_must(rn_buf_str(out, "\"}"), "a value");
}

static void make_batch(struct sim_publisher *b) {
    struct sim_world *w = b->p.host.world;
    uint64_t left = b->goal - b->made;
    struct sim_batch *t = &b->batch[b->n_batch++];
    *t = (struct sim_batch){.first = b->made, .n = 1 + (uint32_t)sim_below(&b->p.rand, b->most)};
    if (t->n > left)
        t->n = (uint32_t)left;
    b->made += t->n;
    t->time = SIM_WALL + w->now - sim_between(&b->p.rand, 0, SIM_S);
    if (t->time < b->last_time)
        t->time = b->last_time;
    b->last_time = t->time;
}

static void send_batch(struct sim_publisher *b, struct sim_batch *t) {
    struct rn_buf entries, value;
    uint8_t flags = b->how == SIM_WITH_SEQ ? RN_PUBLISH_SEQ : b->how == SIM_NOW ? RN_PUBLISH_NOW : 0;
    int64_t base = b->how == SIM_NOW ? 0 : t->time;
    rn_buf_init(&entries, 0);
    rn_buf_init(&value, 0);
    for (uint32_t i = 0; i < t->n; i++) {
        rn_buf_clear(&value);
        sim_publisher_value(b, t->first + i, &value);
        sim_must(rn_entry_add(&entries, base, base, rn_buf_bytes(&value)), "an entry");
    }
    t->id = sim_program_id(&b->p);
    sim_must(rn_frame_publish(&b->p.talk.out, t->id, &b->id, flags, t->first, base, rn_buf_bytes(&entries)), "a frame");
    rn_buf_free(&entries);
    rn_buf_free(&value);
    sim_talk_flush(&b->p.talk);
}

static void send_unsent(struct sim_publisher *b) {
    for (size_t i = 0; b->p.open && b->created && i < b->n_batch; i++)
        if (b->batch[i].id == 0)
            send_batch(b, &b->batch[i]);
}

static void tick(struct sim_program *p) {
    struct sim_publisher *b = of(p);
    if (b->created && b->made < b->goal && b->n_batch < SIM_UNACKED && (p->open || b->how == SIM_WITH_SEQ)) {
        make_batch(b);
        send_unsent(b);
    }
    sim_after(p->host.world, &p->tick, sim_between(&p->rand, b->every / 4, b->every * 7 / 4));
}

static void open(struct sim_program *p) {
    struct sim_publisher *b = of(p);
    b->create_id = sim_program_id(p);
    sim_talk_say(&p->talk, RN_FRAME_REQUEST, b->create_id, "{\"method\":\"create\",\"descriptor\":%s}", b->descriptor);
    if (!sim_event_set(&p->tick))
        tick(p);
}

static void lost(struct sim_program *p) {
    struct sim_publisher *b = of(p);
    if (b->how != SIM_WITH_SEQ)
        b->n_batch = 0; /* nobody knows whether these were taken: they must not be repeated */
    for (size_t i = 0; i < b->n_batch; i++)
        b->batch[i].id = 0;
}

static void created(struct sim_publisher *b, const struct rn_frame *f) {
    struct rn_json *o = sim_program_json(&b->p, f->body);
    struct runnel_err err = {0};
    const char *id = NULL;
    if (!o)
        return;
    if (rn_json_str(o, "stream", &id, &err) != 0 || rn_id_parse(id, strlen(id), &b->id) != 0)
        sim_program_fail(&b->p, "the answer to create names no stream");
    rn_json_free(o);
    b->created = 1;
    sim_check_stream(b->check, &b->id);
    send_unsent(b);
}

static void acked(struct sim_publisher *b, const struct rn_frame *f, size_t i) {
    struct sim_batch t = b->batch[i];
    struct rn_buf value;
    if (f->count != t.n || (b->how == SIM_WITH_SEQ && f->seq != t.first))
        sim_program_fail(&b->p, "a publish was acknowledged for other observations than it held");
    if (b->how != SIM_NOW && (f->base != t.time || f->last != t.time))
        sim_program_fail(&b->p, "a publish was acknowledged with other times than it had");
    rn_buf_init(&value, 0);
    for (uint32_t k = 0; k < t.n; k++) {
        rn_buf_clear(&value);
        sim_publisher_value(b, t.first + k, &value);
        sim_check_acked(b->check, b->p.host.name, f->seq + k, b->how == SIM_NOW ? NULL : &t.time, rn_buf_bytes(&value));
    }
    rn_buf_free(&value);
    b->n_acked += t.n;
    b->n_batch--;
    memmove(&b->batch[i], &b->batch[i + 1], (b->n_batch - i) * sizeof b->batch[0]);
}

/* Only a node that is going down, or a full disk, may refuse what is sent here: it is then sent again. */
static void refused(struct sim_publisher *b, const struct rn_frame *f) {
    char text[512];
    (void)snprintf(text, sizeof text, "%.*s", (int)f->body.n, (const char *)f->body.p);
    if (!strstr(text, "\"full\"") && !strstr(text, "\"closed\"") && !strstr(text, "\"busy\""))
        sim_program_fail(&b->p, text);
    sim_program_drop(&b->p);
}

static void frame(struct sim_program *p, const struct rn_frame *f) {
    struct sim_publisher *b = of(p);
    if (f->type == RN_FRAME_ERROR) {
        refused(b, f);
    } else if (f->type == RN_FRAME_ANSWER && f->id == b->create_id) {
        created(b, f);
    } else if (f->type == RN_FRAME_PUBLISHED) {
        for (size_t i = 0; i < b->n_batch; i++)
            if (b->batch[i].id == f->id) {
                acked(b, f, i);
                return;
            }
        sim_program_fail(p, "a publish was acknowledged that was not asked");
    } else {
        sim_program_fail(p, "an answer to nothing");
    }
}

static const struct sim_program_ops ops = {.open = open, .frame = frame, .lost = lost, .tick = tick};

void sim_publisher_init(struct sim_publisher *b, struct sim_check *check, const char *name, const char *node,
                        const char *descriptor, enum sim_publishing how) {
    memset(b, 0, sizeof *b);
    sim_program_init(&b->p, check->world, name, node, &ops);
    b->check = check;
    b->how = how;
    b->every = 50 * SIM_MS;
    b->most = SIM_BATCH;
    b->goal = 500;
    b->value_max = 1000;
    b->salt = sim_hash(check->world->seed, name, strlen(name));
    (void)snprintf(b->descriptor, sizeof b->descriptor, "%s", descriptor);
}

int sim_publisher_done(void *publisher) {
    const struct sim_publisher *b = publisher;
    return b->created && b->made == b->goal && b->n_batch == 0;
}
