/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the service manager how the daemon is: sd_notify(3) by hand, since a datagram is no reason
 * for a library. READY=1 and STOPPING=1 when the caller says so; WATCHDOG=1 from a timer of the
 * event loop at half the time the manager allows, so that a loop that hangs is found out; STATUS=,
 * one line, whenever it has changed.
 *
 * Never blocks: what the manager does not take at once is lost, and the next beat says it again.
 * Without a manager (no $NOTIFY_SOCKET) every call does nothing and succeeds.
 */
#ifndef STEKD_HOST_NOTIFY_H
#define STEKD_HOST_NOTIFY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "host/timers.h"

#define NOTIFY_STATUS_MAX 256            /* bytes, with the NUL */
#define NOTIFY_STATUS_MS  INT64_C(15000) /* how often STATUS is looked at without a watchdog */

struct notify;

struct notify_options {
    /* Copied from the environment by the caller; each may be NULL. */
    const char *socket;        /* $NOTIFY_SOCKET: a path, or "@name" in the abstract name space */
    const char *watchdog_usec; /* $WATCHDOG_USEC */
    const char *watchdog_pid;  /* $WATCHDOG_PID: whom the watchdog is meant for; NULL: us */
    pid_t pid;
    const struct timers *timers; /* borrowed until notify_free() */
    /* Writes the state of the daemon as one sentence. May be NULL. */
    void (*describe)(void *ctx, char *text, size_t cap);
    void *ctx; /* borrowed, likewise */
};

/* ERR_INVALID, with a sentence: the environment makes no sense. ERR_IO, ERR_NOMEM. */
enum err notify_new(const struct notify_options *options, struct notify **out_notify,
                    struct errbuf *why) MUST_USE;
/* NULL allowed. */
void notify_free(struct notify *notify);

/* READY=1 with the first STATUS=; beats begin. ERR_IO: the manager cannot be reached. */
enum err notify_ready(struct notify *notify, struct errbuf *why) MUST_USE;
/* RELOADING=1 with MONOTONIC_USEC, which Type=notify-reload wants: `now_us` is CLOCK_MONOTONIC in
 * microseconds, taken now. notify_ready() ends it, whether or not anything was changed. */
void notify_reloading(struct notify *notify, uint64_t now_us);
/* STOPPING=1. Beats go on: a daemon that drains is alive. */
void notify_stopping(struct notify *notify);

/* Between two WATCHDOG=1; 0: nobody asked for them. */
int64_t notify_watchdog_ms(const struct notify *notify);

#endif
