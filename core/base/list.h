/* SPDX-License-Identifier: MIT
 * list.h — an intrusive, doubly linked, circular list.
 * May touch: nothing but its arguments.
 */
#ifndef RN_BASE_LIST_H
#define RN_BASE_LIST_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A link within an element, or the head of a list. A head must be initialised; an element must be
 * initialised before rn_list_del or rn_list_linked may be asked of it. */
struct rn_list {
    struct rn_list *prev, *next;
};

static inline void rn_list_init(struct rn_list *l) {
    l->prev = l->next = l;
}
static inline int rn_list_empty(const struct rn_list *head) {
    return head->next == head;
}
/* Whether the element stands in some list. */
static inline int rn_list_linked(const struct rn_list *l) {
    return l->next != l;
}
static inline void rn_list_add(struct rn_list *head, struct rn_list *l) { /* at the end */
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}
static inline void rn_list_push(struct rn_list *head, struct rn_list *l) { /* at the front */
    rn_list_add(head->next, l);
}
/* Takes the element out and leaves it initialised; harmless when it stands in no list. */
static inline void rn_list_del(struct rn_list *l) {
    l->prev->next = l->next;
    l->next->prev = l->prev;
    rn_list_init(l);
}

/* The struct that holds the link `l` as its `member`. */
#define rn_list_of(l, type, member) ((type *)(void *)((char *)(l)-offsetof(type, member)))

/* Walks a list: `it` is a struct rn_list *. The second form allows the body to take out `it`. */
#define rn_list_for(it, head) for (struct rn_list *it = (head)->next; it != (head); it = it->next)
#define rn_list_for_safe(it, head)                                                                                     \
    for (struct rn_list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

#ifdef __cplusplus
}
#endif
#endif
