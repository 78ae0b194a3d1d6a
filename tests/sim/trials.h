/* SPDX-License-Identifier: MIT
 * trials.h — what befalls a country: crashes, links, disks, readers and publishers, drawn from the seed.
 * May touch: the world.
 */
#ifndef RN_TESTS_TRIALS_H
#define RN_TESTS_TRIALS_H

#include "tests/sim/country.h"

/* X(NAME, word, how often in 1000 trials). */
#define TRIALS(X)                                                                                                      \
    X(KILL, "killed", 90)          /* a process ends, its kernel closes the links */                                   \
    X(POWER, "unplugged", 90)      /* a machine ends, in the middle of commits; its peers hear nothing */              \
    X(STOP, "stopped", 60)         /* and started again, orderly */                                                    \
    X(CUT, "cut", 170)             /* a link breaks */                                                                 \
    X(SILENCE, "silent", 80)       /* a link brings nothing, either way, and does not break */                         \
    X(MUTE, "mute", 80)            /* the same one way */                                                              \
    X(ISOLATE, "isolated", 50)     /* all links of a node */                                                           \
    X(DELAY, "delayed", 60)        /* its links take long */                                                           \
    X(NARROW, "narrow", 60)        /* its links carry little */                                                        \
    X(SLOW_DISK, "slow-disk", 60)  /* commits take seconds */                                                          \
    X(FULL_DISK, "full-disk", 60)  /* commits fail for a while, reads go on */                                         \
    X(NAP, "napping", 60)          /* a reader reads nothing for long */                                               \
    X(DROP, "dropped", 40)         /* a publisher loses its link, with answers on their way */                         \
    X(BURST, "burst", 38)          /* a publisher sends all at once for a while */                                     \
    X(BLACKOUT, "blackout", 1)     /* all machines lose their power at once */                                         \
    X(RESTART, "all-restarted", 1) /* all nodes are stopped and started again */

#define TRIALS_ENUM(name, word, share) TRIAL_##name,
enum trial { TRIALS(TRIALS_ENUM) TRIAL_KINDS };
#undef TRIALS_ENUM

struct trials {
    struct country *country;
    struct sim_event next;
    int64_t every;
    uint64_t n[TRIAL_KINDS]; /* that have come to pass */
};

const char *trials_word(enum trial t);
/* Begins: one trial each `every`, in the mean. */
void trials_begin(struct trials *t, struct country *c, int64_t every);
/* One trial of this kind, now. 0 when there was nothing that it could befall. */
int trials_hit(struct trials *t, enum trial what);
/* Ends: all that was broken is put right, publishers and readers get on. */
void trials_end(struct trials *t);

#endif
