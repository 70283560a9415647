/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of the fleet: one string a realm in Redis (6.2 or later), key literally
 * `prefix:{realm}`, value `version 16 | record`. Records must be sealed (seal.h).
 *
 *   - load: TIME and GETRANGE. put: one script (redis_script.h), EVALSHA and, where the server does
 *     not know it, EVAL; it checks, then writes once, then publishes on `prefix:changed`.
 *   - Each operation ends within timeout_ms. One whose command was sent and not answered ends the
 *     connection: the answer could come later and be taken for another's.
 *   - While there is no connection operations fail at once with the reason, and the connection
 *     comes back by itself.
 *   - With Sentinels the connection is to the master they name, which every load asks for its role;
 *     one that is none any more is left. A put that the old master took may be lost: a store is a
 *     bulletin board.
 *   - With TLS the server's certificate must name the host it was reached by.
 *   - A put is sent at most once (and once more as EVAL after NOSCRIPT, when nothing was done): a
 *     lost answer is ERR_TIMEOUT or ERR_UNAVAILABLE, and the caller looks what is there.
 */
#ifndef STEKD_STORE_STORE_REDIS_H
#define STEKD_STORE_STORE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "host/timers.h"
#include "ops/metrics.h"
#include "store/redis_hints.h"
#include "store/redis_watch.h"
#include "store/store.h"

#define STORE_REDIS_TIMEOUT_MS INT64_C(2000)

struct event_base;

/* Kept by the caller, who may look at any time. */
struct store_redis_stats {
    uint64_t connects; /* times the connection came up */
    uint64_t losses;   /* times it was lost, or could not be made */
    uint64_t commands;
    uint64_t refusals; /* error replies */
    uint64_t timeouts;
    uint64_t evals;   /* the script had to be sent */
    size_t in_flight; /* operations under way */
    bool is_up;
    bool is_open; /* the store is there */
    struct redis_hints_stats hints;
    struct redis_watch_stats watch; /* with Sentinels */
};

/* The counters above by name; how many. */
#define STORE_REDIS_COUNTS 10
size_t store_redis_counts(const struct store_redis_stats *stats,
                          struct metrics_count out[STORE_REDIS_COUNTS]);

struct store_redis_options {
    struct event_base *base;   /* borrowed until store_close(), like all below */
    const struct clock *clock; /* the deadlines' */
    const struct timers *timers;
    const struct random_source *random;     /* jitter */
    struct redis_address address;           /* copied, the password into secret memory; where, only
                                               without Sentinels */
    struct redis_sentinel_options sentinel; /* copied; {0}: none */
    SSL_CTX *tls;       /* to Redis by TCP and to Sentinels; NULL: none; up-referenced */
    const char *prefix; /* copied; at most REDIS_PREFIX_MAX bytes */
    int64_t timeout_ms;
    struct store_redis_stats *stats;
};

/* Does not wait for Redis. ERR_NOMEM, ERR_LIMIT (a text is too long), ERR_CRYPTO. */
enum err store_redis_new(const struct store_redis_options *options,
                         struct store **out_store) MUST_USE;
/* From the next connection on; the present ones stay. NULL: no TLS. Takes a reference. `store` is
 * one of store_redis_new(). */
void store_redis_set_tls(struct store *store, SSL_CTX *tls);
/* Likewise, from the next connection on: takes *password, which is then what was used before (the
 * caller wipes it). At most REDIS_SERVER_PASSWORD_MAX bytes. */
void store_redis_swap_password(struct store *store, struct secret_buf *password);

#endif
