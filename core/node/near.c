/* SPDX-License-Identifier: MIT
 * near.c — counts the edits between words (Damerau and Levenshtein, neighbours swapped once).
 * May touch: nothing but its arguments.
 */
#include "node/near.h"

#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t rn_near_distance(const char *a, const char *b) {
    size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a > RN_NEAR_WORD || n_b > RN_NEAR_WORD)
        return n_a > n_b ? n_a : n_b;
    size_t rows[3][RN_NEAR_WORD + 1]; /* of the table of distances: this one and the two above */
    size_t *two_up = rows[0], *up = rows[1], *row = rows[2];
    for (size_t k = 0; k <= n_b; k++)
        up[k] = k;
    for (size_t i = 1; i <= n_a; i++) {
        row[0] = i;
        for (size_t k = 1; k <= n_b; k++) {
            size_t changed = up[k - 1] + (a[i - 1] != b[k - 1]);
            row[k] = least(changed, least(up[k], row[k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = least(row[k], two_up[k - 2] + 1);
        }
        size_t *free_row = two_up;
        two_up = up;
        up = row;
        row = free_row;
    }
    return up[n_b];
}

void rn_near_init(struct rn_near *n, const char *word) {
    *n = (struct rn_near){.word = word};
    size_t len = strlen(word);
    n->distance = len < 4 ? 2 : len / 3 + 2; /* one more than may differ */
}

void rn_near_try(struct rn_near *n, const char *right) {
    size_t d = rn_near_distance(n->word, right);
    if (d >= n->distance || strlen(right) > RN_NEAR_WORD || d >= strlen(right))
        return;
    n->distance = d;
    (void)snprintf(n->best, sizeof n->best, "%s", right);
}
