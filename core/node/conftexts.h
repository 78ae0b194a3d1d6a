/* SPDX-License-Identifier: MIT
 * conftexts.h — the texts that a conf was read from, and the errors that were found in them.
 * May touch: the heap. Private to conf*.c.
 */
#ifndef RN_NODE_CONFTEXTS_H
#define RN_NODE_CONFTEXTS_H

#include "node/conf.h"
#include "node/near.h"
#include "node/option.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One file. */
struct rn_text {
    struct rn_list link;
    unsigned order; /* 0: the first */
    char *file;
    char *bytes;
    size_t n;
    struct rn_json *root; /* an object; NULL: it could not be read as one */
};

struct rn_conf_texts {
    struct rn_list texts;
    unsigned n;
    int broken;           /* a text is missing: nothing may be called missing */
    int no_memory;        /* an error could not be kept */
    struct rn_list wrong; /* of struct complaint, in order of the texts */
    uint32_t n_wrong;     /* also those that are not kept */
    struct rn_buf lines;  /* finished by rn_conf_errors */
    char *identity;       /* the default path */
};

/* Where something stands. `v` NULL: at the text's start. */
struct rn_place {
    const struct rn_text *text;
    const struct rn_json *v;
};

struct rn_conf_texts *rn_texts_new(void); /* NULL: out of memory */
void rn_texts_free(struct rn_conf_texts *t);
int rn_texts_add(struct rn_conf_texts *t, const char *file, const void *text, size_t n);
const char *rn_texts_errors(struct rn_conf_texts *t);

unsigned rn_place_line(struct rn_place at);
/* Remembers one error. */
void rn_wrong(struct rn_conf_texts *t, struct rn_place at, const char *path, const char *found, const char *want,
              const char *remedy);
/* As rn_wrong; found is the value at the place. */
void rn_wrong_value(struct rn_conf_texts *t, struct rn_place at, const char *path, const char *want,
                    const char *remedy);
/* An unknown member at the place: `words` (NULL-terminated) are the ones that are known. */
void rn_wrong_word(struct rn_conf_texts *t, struct rn_place at, const char *path, const char *const *words);
/* The value at the place should name a section of this kind, and there is none such. */
void rn_wrong_name(struct rn_conf_texts *t, struct rn_place at, const char *path, const char *kind);

/* The names of all sections of a kind, as "a, b", also of those with errors, and how many; `near` (may
 * be NULL) is offered each. */
unsigned rn_texts_names(const struct rn_conf_texts *t, const char *kind, char *out, size_t size, struct rn_near *near);
/* Where the texts (`before` not NULL: those before that one) first say a member of a top section; its
 * text is NULL where they do not. */
struct rn_place rn_texts_section(const struct rn_conf_texts *t, const char *kind, const char *name,
                                 const struct rn_text *before);

#define rn_texts_for(it, t) rn_list_for (it##_link, &(t)->texts)
static inline const struct rn_text *rn_text_of(const struct rn_list *l) {
    return (const struct rn_text *)(const void *)((const char *)l - offsetof(struct rn_text, link));
}

/* ---- the parts of the check, one a file; each remembers what is wrong. 0 or -RUNNEL_ENOMEM ---- */

int rn_check_sections(struct rn_conf *c, struct rn_registry *r);
int rn_check_node(struct rn_conf *c);
int rn_check_streams(struct rn_conf *c);

#ifdef __cplusplus
}
#endif
#endif
