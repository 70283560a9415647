/* SPDX-License-Identifier: Apache-2.0 */
#include "host/timers_libevent.h"

#include <stdlib.h>
#include <sys/time.h>

#include <event2/event.h>

/* A year: no date of ours is further away, and libevent's own sums cannot overflow. */
#define DELAY_MAX_MS INT64_C(31536000000)

struct timer {
    struct event *event; /* owned */
    timer_fn fire;
    void *arg; /* borrowed */
};

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct timer *timer = arg;

    (void)fd;
    (void)what;
    /* Last statement: the callback may free the timer. */
    timer->fire(timer->arg);
}

static struct timer *create(void *ctx, timer_fn fire, void *arg)
{
    struct timer *timer = calloc(1, sizeof(*timer));

    if (timer == NULL) {
        return NULL;
    }
    timer->fire = fire;
    timer->arg = arg;
    timer->event = evtimer_new(ctx, on_timeout, timer);
    if (timer->event == NULL) {
        free(timer);
        return NULL;
    }
    return timer;
}

static void arm(void *ctx, struct timer *timer, int64_t delay_ms)
{
    int64_t delay = delay_ms < 0 ? 0 : delay_ms > DELAY_MAX_MS ? DELAY_MAX_MS : delay_ms;
    struct timeval tv = {
        .tv_sec = (time_t)(delay / 1000),
        .tv_usec = (suseconds_t)(delay % 1000 * 1000),
    };

    /* Inside a callback libevent counts from the moment the loop woke; without this a timer armed
     * at the end of a long callback fires early, and a look at a date before that date is wasted.
     */
    (void)event_base_update_cache_time(ctx);
    /* A pending event already has its place in libevent's heap, and a new one fails only without
     * memory. Then nothing can be promised any more, but nothing is corrupted either. */
    (void)evtimer_add(timer->event, &tv);
}

static void disarm(void *ctx, struct timer *timer)
{
    (void)ctx;
    (void)evtimer_del(timer->event);
}

static void destroy(void *ctx, struct timer *timer)
{
    (void)ctx;
    if (timer == NULL) {
        return;
    }
    event_free(timer->event);
    free(timer);
}

struct timers timers_libevent_make(struct event_base *base)
{
    return (struct timers){
        .create = create,
        .arm = arm,
        .disarm = disarm,
        .destroy = destroy,
        .ctx = base,
    };
}
