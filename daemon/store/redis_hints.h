/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hears of changes on a connection of its own: SUBSCRIBE to one channel on which each put
 * publishes its realm. Hints may be lost, and nothing relies on them; after each subscription
 * every realm may have changed, and that is said. A silent connection is asked with PING and
 * left if it does not answer.
 */
#ifndef STEKD_STORE_REDIS_HINTS_H
#define STEKD_STORE_REDIS_HINTS_H

#include <stdint.h>

#include "store/redis_link.h"

#define REDIS_HINTS_PING_MS INT64_C(10000)

struct redis_hints;

struct redis_hints_stats {
    uint64_t heard;
    uint64_t refused; /* no realm's name */
    bool is_subscribed;
};

struct redis_hints_options {
    const struct redis_link_options *link; /* copied */
    const char *channel;                   /* borrowed */
    /* `realm` is NULL for each. From the loop; redis_hints_close() may be called in it. */
    void (*on_changed)(void *ctx, const char *realm);
    void *ctx;
    struct redis_hints_stats *stats; /* borrowed */
};

enum err redis_hints_open(const struct redis_hints_options *options,
                          struct redis_hints **out_hints) MUST_USE;
/* As redis_link_follow(). */
void redis_hints_follow(struct redis_hints *hints, const struct redis_endpoint *at);
/* The master it hears from is none any more: it connects anew. */
void redis_hints_drop(struct redis_hints *hints, const char *why);
/* No callback comes any more. NULL allowed. */
void redis_hints_close(struct redis_hints *hints);

#endif
