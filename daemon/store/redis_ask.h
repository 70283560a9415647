/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the Sentinels in turn where the master is, until one knows or all were asked:
 *
 *   next Sentinel -> CONNECTING -> ASKED -> on_master()
 *        ^               |           |
 *        +---- no answer within each_ms, or none that is good; after the last one: on_none()
 *
 * One connection at a time, closed after its answer. They are asked without a user or password.
 * Exactly one of the callbacks comes, from the loop, and nothing after it.
 */
#ifndef STEKD_STORE_REDIS_ASK_H
#define STEKD_STORE_REDIS_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "host/timers.h"
#include "store/redis_conn.h"
#include "store/redis_sentinels.h"

struct redis_ask;

struct redis_ask_owner {
    /* `index` of the Sentinel that said so; `at` is borrowed during the call. */
    void (*on_master)(void *ctx, const struct redis_endpoint *at, size_t index);
    /* `why`: the last one's reason, with its name; borrowed during the call. */
    void (*on_none)(void *ctx, enum err code, const char *why);
    void *ctx;
};

struct redis_ask_options {
    struct event_base *base; /* borrowed until redis_ask_stop(), like all below */
    const struct timers *timers;
    struct redis_dns *dns;
    struct redis_sentinels *sentinels; /* who answers goes to the front */
    const struct redis_server *server; /* for its TLS */
    int64_t each_ms;
    struct redis_ask_owner owner;
};

/* ERR_NOMEM. */
enum err redis_ask_start(const struct redis_ask_options *options,
                         struct redis_ask **out_ask) MUST_USE;
/* To be called in or after the callback, too. No callback comes any more. NULL allowed. */
void redis_ask_stop(struct redis_ask *ask);

#endif
