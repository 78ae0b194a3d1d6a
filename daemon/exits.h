/* SPDX-License-Identifier: MIT
 * exits.h — how runneld ends, as runneld(8) says.
 * May touch: nothing.
 */
#ifndef RN_DAEMON_EXITS_H
#define RN_DAEMON_EXITS_H

enum rn_exit {
    RN_EXIT_OK = 0,
    RN_EXIT_CONFIG = 1, /* an error in the config, or no such plugin */
    RN_EXIT_USAGE = 2,  /* the command line */
    RN_EXIT_START = 3,  /* it cannot start: directory, identity, a plugin */
    RN_EXIT_FAILED = 4  /* it ran, and failed: to be started again; or a second signal ended it */
};

#endif
