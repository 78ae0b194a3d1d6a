/* SPDX-License-Identifier: MIT
 * stream.c — questions about a stream: at, head; stream ids as text.
 * May touch: the heap.
 */
#include "client/client.h"
#include "data/descriptor.h"
#include <stdlib.h>
#include <string.h>

char *runnel_id_format(const struct runnel_id *id, char out[RUNNEL_ID_TEXT]) {
    return rn_id_format(id, out);
}

int runnel_id_parse(const char *s, struct runnel_id *out) {
    return rn_id_parse(s, strlen(s), out);
}

/* A pending request of a method whose parameters are a stream and perhaps a time; the caller fills p->done
 * and sends it. NULL and err. */
static struct rn_pending *ask(struct runnel_client *c, const char *method, const char *stream, const int64_t *time,
                              rn_answer_fn *answer, void *arg, struct runnel_err *err) {
    struct rn_pending *p = rn_ask_new(c, 0, answer, arg, err);
    struct rn_jw w;
    if (!p)
        return NULL;
    p->repeat = RN_ALWAYS;
    rn_jw_init(&w, &p->body);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "method", method);
    rn_jw_kstr(&w, "stream", stream);
    if (time)
        rn_jw_kns(&w, "time", *time);
    rn_jw_end_object(&w);
    return p;
}

/* The JSON object of an ANSWER. */
static int object_of(const struct rn_frame *f, struct rn_json **o, struct runnel_err *why) {
    return f->type == RN_FRAME_ANSWER ? rn_session_json(f->body, o, why) : rn_ask_wrong(f, "ANSWER", why);
}

/* ---- at ---- */

static int read_at(const struct rn_json *o, struct runnel_observation *out, struct rn_buf *value,
                   struct runnel_err *why) {
    const struct rn_json *v = rn_json_get(o, "value");
    struct rn_jw w;
    if (!v || rn_json_u64(o, "seq", &out->seq, why) < 0 || rn_json_i64(o, "time", &out->time, why) < 0)
        return rn_fail(why, RUNNEL_EDAMAGED, "the answer to at must have seq, time and value");
    rn_jw_init(&w, value);
    rn_jw_tree(&w, v);
    out->value = rn_buf_bytes(value);
    return value->failed ? rn_fail(why, -value->failed, "no memory for a value") : 0;
}

static int at_answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                       const struct runnel_err *err, struct runnel_err *why) {
    struct runnel_observation out = {0};
    struct rn_buf value = {0};
    struct rn_json *o = NULL;
    int r = 0;
    (void)c;
    if (!err) {
        r = object_of(f, &o, why);
        if (r == 0)
            r = read_at(o, &out, &value, why);
        if (r < 0)
            err = why;
    }
    p->done.at(p->arg, err ? NULL : &out, err);
    rn_json_free(o);
    rn_buf_free(&value);
    return r;
}

int runnel_at(struct runnel_client *c, const char *stream, int64_t time, runnel_at_done *done, void *arg,
              struct runnel_err *err) {
    struct runnel_err why = {0};
    struct rn_pending *p = ask(c, "at", stream, &time, at_answered, arg, &why);
    if (!p)
        return rn_err_copy(err, &why);
    p->done.at = done;
    return rn_ask_send(c, p, err);
}

/* ---- head ---- */

/* The bytes that a JSON member spells in hexadecimal, appended to `b`; 0 when the member is absent. */
static int hex_member(const struct rn_json *o, const char *key, struct rn_buf *b) {
    const char *s = NULL;
    if (rn_json_str(o, key, &s, NULL) < 0)
        return 0;
    size_t n = strlen(s) / 2;
    uint8_t *room = rn_buf_room(b, n ? n : 1);
    if (!room || rn_hex_parse(s, strlen(s), room, n) < 0)
        return -RUNNEL_EDAMAGED;
    b->n += n;
    return 1;
}

static int read_held(const struct rn_json *o, struct runnel_stream_info *info, struct rn_buf *head,
                     struct runnel_err *why) {
    struct rn_buf root = {0};
    int r = hex_member(o, "head", head);
    if (r > 0 && (hex_member(o, "root", &root) <= 0 || root.n != sizeof info->root ||
                  rn_json_u64(o, "head_count", &info->head_count, why) < 0 ||
                  rn_json_i64(o, "signed_at", &info->signed_at, why) < 0 ||
                  rn_json_i64(o, "through", &info->through, why) == -RUNNEL_EINVALID)) /* absent: no promise */
        r = -RUNNEL_EDAMAGED;
    if (r > 0) {
        memcpy(info->root, root.p, root.n);
        info->head = rn_buf_bytes(head);
        info->has_head = 1;
    }
    rn_buf_free(&root);
    return r < 0 ? rn_fail(why, RUNNEL_EDAMAGED, "a stream's head is malformed") : 0;
}

static int flag(const struct rn_json *o, const char *key, uint8_t *out) {
    int v = 0;
    int r = rn_json_bool(o, key, &v, NULL);
    *out = v != 0;
    return r;
}

static int read_info(const struct rn_json *o, struct runnel_stream_info *info, struct rn_buf *text, struct rn_buf *head,
                     struct runnel_err *why) {
    const struct rn_json *descriptor = rn_json_get(o, "descriptor");
    const char *id = "";
    struct rn_jw w;
    if (!descriptor || rn_json_str(o, "stream", &id, why) < 0 || rn_id_parse(id, strlen(id), &info->stream) < 0 ||
        rn_json_str(o, "state", &info->state, why) < 0 || rn_json_u64(o, "count", &info->count, why) < 0 ||
        flag(o, "own", &info->own) < 0 || flag(o, "subscribed", &info->subscribed) < 0 ||
        flag(o, "live", &info->live) < 0)
        return rn_fail(why, RUNNEL_EDAMAGED,
                       "a stream must have stream, descriptor, own, subscribed, live, count, state");
    info->has_last = rn_json_i64(o, "last", &info->last, NULL) == 0;
    rn_jw_init(&w, text);
    rn_jw_tree(&w, descriptor);
    info->descriptor = rn_buf_bytes(text);
    return text->failed ? rn_fail(why, -text->failed, "no memory for a descriptor") : read_held(o, info, head, why);
}

static int head_answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                         const struct runnel_err *err, struct runnel_err *why) {
    struct runnel_stream_info info = {.size = sizeof info, .through = INT64_MIN};
    struct rn_buf text = {0}, head = {0};
    struct rn_json *o = NULL;
    int r = 0;
    (void)c;
    if (!err) {
        r = object_of(f, &o, why);
        if (r == 0)
            r = read_info(o, &info, &text, &head, why);
        if (r < 0)
            err = why;
    }
    p->done.head(p->arg, err ? NULL : &info, err);
    rn_json_free(o);
    rn_buf_free(&text);
    rn_buf_free(&head);
    return r;
}

int runnel_head(struct runnel_client *c, const char *stream, runnel_head_done *done, void *arg,
                struct runnel_err *err) {
    struct runnel_err why = {0};
    struct rn_pending *p = ask(c, "head", stream, NULL, head_answered, arg, &why);
    if (!p)
        return rn_err_copy(err, &why);
    p->done.head = done;
    return rn_ask_send(c, p, err);
}
