/* SPDX-License-Identifier: MIT
 * manager.c — ready, reloading, stopping, and a pulse in between.
 * May touch: the manager's socket, the loop's timers.
 */
#include "daemon/manager.h"

#include "base/time.h"

#define PULSE_NS (10 * RN_NS_S)
#define RECOVERY_NS (600 * RN_NS_S) /* the engine recovers in one call, in which the loop does not turn */
#define LOADING_NS (60 * RN_NS_S)   /* from one pulse to the next */
#define INSTANCES_NS (30 * RN_NS_S) /* until all the instances have stopped, one kind after the other */

void rn_manager_open(struct rn_manager *m, const struct rn_log *log) {
    struct runnel_err err = {0};
    *m = (struct rn_manager){.starting = 1};
    if (rn_notify_open(&m->notify, &err) != 0)
        rn_log(log, RUNNEL_WARN, "daemon", "%s", err.msg);
}

static void on_pulse(evutil_socket_t fd, short what, void *arg) {
    const struct rn_manager *m = arg;
    (void)fd;
    (void)what;
    if (m->starting)
        rn_notify_extend(&m->notify, LOADING_NS);
    if (m->notify.watchdog > 0)
        rn_notify(&m->notify, "WATCHDOG=1");
}

void rn_manager_attach(struct rn_manager *m, struct event_base *base) {
    int64_t ns = m->notify.watchdog > 0 && m->notify.watchdog / 2 < PULSE_NS ? m->notify.watchdog / 2 : PULSE_NS;
    struct timeval every = {.tv_sec = ns / RN_NS_S, .tv_usec = ns % RN_NS_S / RN_NS_US};
    if (m->notify.fd < 0)
        return;
    m->pulse = event_new(base, -1, EV_PERSIST, on_pulse, m);
    if (m->pulse != NULL)
        (void)event_add(m->pulse, &every); /* only without memory: then the manager restarts us in time */
}

void rn_manager_close(struct rn_manager *m) {
    if (m->pulse != NULL)
        event_free(m->pulse);
    m->pulse = NULL;
    rn_notify_close(&m->notify);
}

void rn_manager_starting(struct rn_manager *m) {
    m->starting = 1;
    rn_notify(&m->notify, "STATUS=opening the store");
    rn_notify_extend(&m->notify, RECOVERY_NS);
}

void rn_manager_ready(struct rn_manager *m, const char *status) {
    m->starting = 0;
    rn_notify_ready(&m->notify, status);
}

void rn_manager_reloading(const struct rn_manager *m) {
    rn_notify_reloading(&m->notify);
}

void rn_manager_stopping(struct rn_manager *m, int64_t patience) {
    m->starting = 0;
    rn_notify(&m->notify, "STOPPING=1\nSTATUS=stopping: readers get what they have not got yet");
    rn_notify_extend(&m->notify, patience + INSTANCES_NS);
}
