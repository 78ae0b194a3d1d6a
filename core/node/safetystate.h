/* SPDX-License-Identifier: MIT
 * safetystate.h — what an author's safety is made of, for safety.c and the others of its name.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_SAFETYSTATE_H
#define RN_NODE_SAFETYSTATE_H

#include "node/inner.h"

/* ---- safety.c ---- */

/* All peers are asked, anew where they have been asked before; publishes wait for it where there is no doubt. */
void rn_safety_begin(struct rn_node *n);
/* The words for these doubts, as an array. */
void rn_safety_words(struct rn_jw *w, unsigned doubts);

/* ---- safetysources.c ---- */

void rn_safety_ask(struct rn_node *n);
void rn_safety_ask_no_more(struct rn_node *n);
/* Whether every peer has been tried that discovery names; *answered: how many have shown their heads. */
int rn_safety_all_tried(const struct rn_node *n, size_t *answered);
void rn_safety_drop_sources(struct rn_safety *f);

/* ---- safetynote.c ---- */

/* Writes the store's own record; where one is on its way, once more after it. */
void rn_safety_write(struct rn_node *n);
/* Nobody who gave his word is answered any more. */
void rn_safety_drop_words(struct rn_safety *f);

#endif
