/* SPDX-License-Identifier: MIT
 * sweep.h — many cases, each of which may crash, hang or leak: they run in child processes and are counted here.
 * May touch: child processes, cmocka.
 */
#ifndef TEST_STORAGE_SWEEP_H
#define TEST_STORAGE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

/* A case. It may use cmocka's assertions. False: there is no such case any more. */
typedef bool sweep_case(void *arg, unsigned long k);

struct sweep {
    const char *name;
    sweep_case *run;
    void *arg;
    unsigned long first, step; /* the cases are first, first + step, ... */
    unsigned seconds;          /* that one case may take */
};

/* Runs all cases. One that fails, crashes, is late or leaks is printed with what it said, and the next goes
 * on. How many failed; `ran` (may be NULL) is how many there were. The cases see one another's changes to
 * memory that is shared (sweep_shared), to files, and to nothing else that one may rely on. */
unsigned sweep_run(const struct sweep *s, unsigned long *ran);
/* As sweep_run, but fails the test when a case has failed. How many there were. */
unsigned long sweep_expect(const struct sweep *s);

/* Zeroed memory that the cases share with the test; give it back with its size. */
void *sweep_shared(size_t n);
void sweep_unshare(void *p, size_t n);

#endif
