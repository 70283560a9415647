/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to Redis, which comes back by itself: one redis_conn at a time. Knows where to go, the
 * greeting and when to try again; what commands mean its owner knows.
 *
 *                +------------------------------- any failure
 *                v                                     ^
 *   STARTING -> (WAITING ->) [ASKING ->] CONNECTING -> GREETING (AUTH, PING or ROLE) -> UP
 *
 *   - With Sentinels it asks them first, goes where they say, and is UP only with a master: ROLE
 *     takes PING's place. A Sentinel whose answer led to none is not asked first the next time.
 *   - CONNECTING (TLS included) and GREETING together may take timeout_ms, each Sentinel half of
 *     that; UP commands have their owner's deadlines, who calls redis_link_drop() when one passes.
 *   - WAITING lasts 50 ms after the first failure and doubles up to 1 s (with Sentinels half a
 *     second: a failover ends at any time), half of it random.
 *   - Commands are answered in order, or on_down() says that none of the rest will be.
 *   - All callbacks come from the loop, never from inside a call, but for on_down(), which
 *     redis_link_drop() and redis_link_follow() call. In each of them the link may be closed.
 */
#ifndef STEKD_STORE_REDIS_LINK_H
#define STEKD_STORE_REDIS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"
#include "host/timers.h"
#include "store/redis_conn.h"
#include "store/redis_sentinels.h"
#include "store/redis_server.h"

struct redis_link;

struct redis_link_owner {
    void (*on_up)(void *ctx);
    /* `reply` is borrowed during the call. */
    void (*on_reply)(void *ctx, const struct redisReply *reply);
    /* `why` is borrowed during the call. Comes for a failed attempt to connect, too. */
    void (*on_down)(void *ctx, enum err code, const char *why);
    void *ctx;
};

/* What all links of one store share; borrowed by each. */
struct redis_link_options {
    struct event_base *base;
    const struct timers *timers;
    const struct random_source *random; /* jitter only */
    const struct redis_server *server;
    struct redis_sentinels *sentinels; /* count 0: server->at is the place */
    struct redis_dns *dns;
    int64_t timeout_ms;
};

/* Starts to connect in the next turn. ERR_NOMEM. `options` is copied. */
enum err redis_link_open(const struct redis_link_options *options,
                         const struct redis_link_owner *owner,
                         struct redis_link **out_link) MUST_USE;
/* No callback comes any more; the memory goes when the loop has left the link. NULL allowed. */
void redis_link_close(struct redis_link *link);

bool redis_link_is_up(const struct redis_link *link);
/* WAITING: whatever is asked now has to be answered with redis_link_why(). */
bool redis_link_is_waiting(const struct redis_link *link);
/* Why the last connection ended, or could not be made; "": it never did. */
const char *redis_link_why(const struct redis_link *link);

/* Only while up. ERR_NOMEM: nothing was sent. */
enum err redis_link_send(struct redis_link *link, int argc, const struct slice *argv) MUST_USE;
/* Gives the connection up: on_down() follows, inside this call. Nothing if there is none. */
void redis_link_drop(struct redis_link *link, enum err code, const char *why);
/* The master is at `at` now: whoever is elsewhere, or waits, asks at once. A hint. */
void redis_link_follow(struct redis_link *link, const struct redis_endpoint *at);

#endif
