/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hears from one Sentinel where the master is, when it subscribes and each time that changes
 * (`+switch-master`): a hint that makes a failover quick and that nothing relies on. A Sentinel
 * that is silent, gone or no good is left for the next one after about a second.
 */
#ifndef STEKD_STORE_REDIS_WATCH_H
#define STEKD_STORE_REDIS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "store/redis_link.h"

#define REDIS_WATCH_PING_MS  INT64_C(10000)
#define REDIS_WATCH_RETRY_MS INT64_C(1000)

struct redis_watch;

struct redis_watch_stats {
    uint64_t switches; /* times a Sentinel told of another master */
    uint64_t losses;   /* Sentinels left, or not reached */
    bool is_subscribed;
};

struct redis_watch_options {
    const struct redis_link_options *link; /* copied; it has Sentinels */
    /* `at` is borrowed during the call, in which redis_watch_close() may be called. */
    void (*on_master)(void *ctx, const struct redis_endpoint *at);
    void *ctx;
    struct redis_watch_stats *stats; /* borrowed */
};

/* ERR_NOMEM. */
enum err redis_watch_open(const struct redis_watch_options *options,
                          struct redis_watch **out_watch) MUST_USE;
/* No callback comes any more. NULL allowed. */
void redis_watch_close(struct redis_watch *watch);

#endif
