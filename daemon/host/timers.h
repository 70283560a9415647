/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers as an interface: libevent's in the daemon (timers_libevent.h), a simulated clock's in
 * tests/sim. A timer fires once for each arm, from the loop, never from inside the call that armed
 * it. After timer_free() it never fires.
 */
#ifndef STEKD_HOST_TIMERS_H
#define STEKD_HOST_TIMERS_H

#include <stdint.h>

struct timer;

typedef void (*timer_fn)(void *arg);

struct timers {
    /* NULL when out of memory. `arg` is borrowed until free. */
    struct timer *(*create)(void *ctx, timer_fn fire, void *arg);
    /* Fires once, `delay_ms` from now (0: on the next turn); a second arm replaces the first. */
    void (*arm)(void *ctx, struct timer *timer, int64_t delay_ms);
    void (*disarm)(void *ctx, struct timer *timer);
    /* NULL allowed. */
    void (*destroy)(void *ctx, struct timer *timer);
    void *ctx; /* borrowed: must outlive every timer */
};

static inline struct timer *timer_new(const struct timers *timers, timer_fn fire, void *arg)
{
    return timers->create(timers->ctx, fire, arg);
}

static inline void timer_arm(const struct timers *timers, struct timer *timer, int64_t delay_ms)
{
    timers->arm(timers->ctx, timer, delay_ms);
}

static inline void timer_disarm(const struct timers *timers, struct timer *timer)
{
    timers->disarm(timers->ctx, timer);
}

static inline void timer_free(const struct timers *timers, struct timer *timer)
{
    timers->destroy(timers->ctx, timer);
}

#endif
