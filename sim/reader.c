/* SPDX-License-Identifier: MIT
 * reader.c — follows with little credit and checks each frame: no gap, nothing twice, the values that all others saw.
 * May touch: the world.
 */
#include "sim/reader.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct sim_reader *of(struct sim_program *p) {
    return (struct sim_reader *)p;
}

static void follow(struct sim_program *p) {
    struct sim_reader *r = of(p);
    char id[RN_ID_TEXT];
    if (!p->open || r->id != 0)
        return;
    if (!r->check->has_id) { /* nobody has created it yet */
        sim_after(p->host.world, &p->tick, 50 * SIM_MS);
        return;
    }
    r->id = sim_program_id(p);
    r->answered = r->live = 0;
    r->start = r->next;
    sim_talk_say(&p->talk, RN_FRAME_REQUEST, r->id,
                 "{\"method\":\"follow\",\"stream\":\"%s\",\"from\":%" PRIu64 ",\"credit\":%u,\"heads\":true}",
                 rn_id_format(&r->check->id, id), r->next, r->credit);
}

static void lost(struct sim_program *p) {
    of(p)->id = 0;
}

static void tick(struct sim_program *p) {
    if (p->talk.deaf)
        sim_talk_hear(&p->talk);
    if (p->open && of(p)->id == 0)
        follow(p);
}

static void again(struct sim_reader *r) {
    sim_talk_say(&r->p.talk, RN_FRAME_REQUEST, sim_program_id(&r->p),
                 "{\"method\":\"unfollow\",\"follow\":%" PRIu64 "}", r->id);
    r->id = 0;
    if (sim_chance(&r->p.rand, 300)) {
        r->next = 0;
        r->last = INT64_MIN;
    }
    follow(&r->p);
}

static void on_data(struct sim_reader *r, const struct rn_frame *f) {
    struct rn_cursor c;
    struct rn_obs o;
    struct runnel_err err = {0};
    int more;
    if (f->seq != r->next)
        sim_fail(r->check->world, "%s at %s: got observations from %" PRIu64 " on, wanted %" PRIu64, r->p.host.name,
                 r->p.node, f->seq, r->next);
    rn_cursor_init(&c, f->body.p, f->body.n, f->seq, f->base);
    while ((more = rn_cursor_next(&c, &o, &err)) == 1) {
        if (o.time < r->last)
            sim_program_fail(&r->p, "a time runs backwards");
        sim_check_saw(r->check, r->p.host.name, o.seq, &o.time, o.value);
        r->last = o.time;
        r->next = o.seq + 1;
    }
    if (more < 0)
        sim_program_fail(&r->p, err.msg);
    if (r->next > sim_check_durable(r->check))
        sim_program_fail(&r->p, "observations came that are not durable at their author");
    r->n_data++;
    if (sim_chance(&r->p.rand, r->fickle)) {
        again(r);
        return;
    }
    sim_must(rn_frame_credit(&r->p.talk.out, r->id, f->body.n), "a frame");
    sim_talk_flush(&r->p.talk);
    if (sim_chance(&r->p.rand, r->lazy)) {
        r->p.talk.deaf = 1;
        sim_after(r->p.host.world, &r->p.tick, sim_between(&r->p.rand, SIM_MS, SIM_S));
    }
}

static int verify(void *arg, const struct rn_key *id, const char *purpose, const void *p, size_t n,
                  const uint8_t sig[RN_SIGNATURE]) {
    return sim_verify(arg, id, purpose, p, n, sig);
}

static void on_head(struct sim_reader *r, const struct rn_frame *f) {
    struct rn_signed_head s;
    struct runnel_err err = {0};
    struct sim_world *w = r->check->world;
    if (rn_signed_head_decode(f->body.p, f->body.n, &s, &err) != 0 ||
        rn_head_check_by(w->hasher, &s.head, &s.attestation, &r->check->author, verify, w, NULL, &err) != 0) {
        sim_program_fail(&r->p, err.msg);
        return;
    }
    if (s.head.count > r->next)
        sim_program_fail(&r->p, "a head came before its observations");
    if (s.head.count > sim_check_durable(r->check))
        sim_program_fail(&r->p, "a head came that is not durable at its author");
    sim_check_root(r->check, r->p.host.name, s.head.count, &s.head.root);
    r->head_count = s.head.count;
    r->n_heads++;
}

static void on_state(struct sim_reader *r, const struct rn_frame *f) {
    struct rn_json *o = sim_program_json(&r->p, f->body);
    struct runnel_err err = {0};
    const char *end = NULL;
    uint64_t next = 0;
    if (!o)
        return;
    if (rn_json_u64(o, "next", &next, &err) == 0 && next != r->next)
        sim_program_fail(&r->p, "a state names another next seq than the data led to");
    (void)rn_json_bool(o, "live", &r->live, &err);
    if (rn_json_str(o, "end", &end, &err) == 0) {
        r->id = 0;
        sim_after(r->p.host.world, &r->p.tick, 200 * SIM_MS);
    }
    rn_json_free(o);
}

static void on_answer(struct sim_reader *r, const struct rn_frame *f) {
    struct rn_json *o = sim_program_json(&r->p, f->body);
    struct runnel_err err = {0};
    uint64_t from = UINT64_MAX;
    if (!o)
        return;
    if (rn_json_u64(o, "from", &from, &err) != 0 || from != r->next)
        sim_program_fail(&r->p, "the answer to follow names another first seq than was asked");
    r->answered = 1;
    rn_json_free(o);
}

static void frame(struct sim_program *p, const struct rn_frame *f) {
    struct sim_reader *r = of(p);
    if (f->type == RN_FRAME_ERROR && f->id == 0) {
        sim_program_drop(p);
    } else if (f->id != r->id || r->id == 0) {
        return; /* of a follow that we have left */
    } else if (f->type == RN_FRAME_ERROR) {
        r->id = 0; /* not known here yet: ask again */
        sim_after(p->host.world, &p->tick, 200 * SIM_MS);
    } else if (f->type == RN_FRAME_ANSWER) {
        on_answer(r, f);
    } else if (!r->answered) {
        sim_program_fail(p, "a frame of a follow came before its answer");
    } else if (f->type == RN_FRAME_DATA) {
        on_data(r, f);
    } else if (f->type == RN_FRAME_HEAD) {
        on_head(r, f);
    } else if (f->type == RN_FRAME_STATE) {
        on_state(r, f);
    }
}

static const struct sim_program_ops ops = {.open = follow, .frame = frame, .lost = lost, .tick = tick};

void sim_reader_init(struct sim_reader *r, struct sim_check *check, const char *name, const char *node) {
    memset(r, 0, sizeof *r);
    sim_program_init(&r->p, check->world, name, node, &ops);
    r->check = check;
    r->last = INT64_MIN;
    r->credit = 65536;
}
