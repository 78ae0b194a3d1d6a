/* SPDX-License-Identifier: MIT
 * transportflow.h — many bytes through a connection, both ways, against readers that pause.
 * May touch: the test host.
 */
#ifndef TEST_TRANSPORTFLOW_H
#define TEST_TRANSPORTFLOW_H

#include "tests/conformance/transportbed.h"

/* Sends `n` random bytes each way at once; the readers pause now and then. Both ends shut when they have sent all,
 * and each must read what was sent, and then the end. */
void flow_both_ways(struct runnel_link *a, struct runnel_link *z, size_t n);
/* While nobody reads, writing must come to -RUNNEL_EBUSY before `bound` bytes were taken; once somebody reads, all
 * that was taken arrives. */
void flow_held_back(struct runnel_link *a, struct runnel_link *z, size_t bound);

#endif
