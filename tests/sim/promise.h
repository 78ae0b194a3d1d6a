/* SPDX-License-Identifier: MIT
 * promise.h — in a quiet country: a provider that goes is replaced in the time that is promised.
 * May touch: the world.
 */
#ifndef RN_TESTS_PROMISE_H
#define RN_TESTS_PROMISE_H

#include "tests/sim/country.h"

struct promise {
    struct country *country;
    uint64_t n_replaced; /* followers that had to find another provider, and did in time */
};

/* Some providers fall silent, of others all links break, one after the other. Each of their followers that knows
 * others who are live without them must be live again: at once where the link broke, within 3 s of silence, and the
 * time that dialling and asking take. What is published in the meantime must be there then. A failure of the world
 * names who is not. The country must be quiet, and is to be so long enough that no back-off is left. */
void promise_keep(struct promise *p, struct country *c);

#endif
