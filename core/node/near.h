/* SPDX-License-Identifier: MIT
 * near.h — "did you mean": the word that is nearest to one that was misspelt.
 * May touch: nothing but its arguments.
 */
#ifndef RN_NODE_NEAR_H
#define RN_NODE_NEAR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RN_NEAR_WORD 48u /* longer words are near to nothing */

struct rn_near {
    const char *word;
    char best[RN_NEAR_WORD + 1]; /* empty: none is near */
    size_t distance;
};

void rn_near_init(struct rn_near *n, const char *word);
/* Offers a word that would have been right; the first of the nearest wins. It is copied. */
void rn_near_try(struct rn_near *n, const char *right);
/* Edits between two words: letters put in, left out, changed, or neighbours swapped. */
size_t rn_near_distance(const char *a, const char *b);

#ifdef __cplusplus
}
#endif
#endif
