/* SPDX-License-Identifier: Apache-2.0 */
/* What store_redis.c and store_redis_jobs.c share. Nobody else includes it. */
#ifndef STEKD_STORE_STORE_REDIS_PRIVATE_H
#define STEKD_STORE_STORE_REDIS_PRIVATE_H

#include "store/hint_list.h"
#include "store/redis_commands.h"
#include "store/redis_jobs.h"
#include "store/redis_link.h"
#include "store/store_redis.h"

struct store_redis {
    struct store base;
    const struct clock *clock;
    const struct timers *timers;
    int64_t timeout_ms;
    struct store_redis_stats *stats;
    struct redis_server server;
    struct redis_sentinels sentinels;
    struct redis_dns dns;
    struct redis_names names;

    struct redis_link *link;    /* owned */
    struct redis_hints *hints;  /* owned */
    struct redis_watch *watch;  /* owned; NULL without Sentinels */
    struct redis_jobs jobs;     /* sent ones first */
    struct store_op *stillborn; /* borrowed: they could not become jobs */
    struct timer *turn;         /* what failed without Redis is told here */
    struct timer *deadline;     /* the first job's */
    struct hint_list watchers;
    unsigned int depth; /* callbacks of ours on the stack */
    bool is_closed;
};

/* Around whatever the loop calls. store_redis_leave() is the last statement: a store that was
 * closed meanwhile goes in it. */
void store_redis_enter(struct store_redis *store);
void store_redis_leave(struct store_redis *store);
/* When nothing of it is on the stack. */
void store_redis_destroy(struct store_redis *store);

/* --- store_redis_jobs.c --- */

/* Makes a job of the operation, which ends within timeout_ms, and never in this call. */
void store_redis_start_job(struct store_redis *store, struct store_op *op);
/* `op` will never be heard of. */
void store_redis_cancel_job(struct store_redis *store, struct store_op *op);
void store_redis_cancel_jobs(struct store_redis *store);
/* The link's owner. */
struct redis_link_owner store_redis_link_owner(struct store_redis *store);
/* The two timers' callbacks. */
void store_redis_on_turn(void *arg);
void store_redis_on_deadline(void *arg);

#endif
