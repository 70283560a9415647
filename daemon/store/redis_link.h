/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to Redis that comes back by itself: hiredis' formatter and reader over a libevent
 * bufferevent. Knows bytes, replies and the greeting; what commands mean its owner knows.
 *
 *                +---------------------- any failure
 *                v                            ^
 *   STARTING -> (WAITING ->) CONNECTING -> GREETING (AUTH, PING) -> UP
 *
 *   - CONNECTING and GREETING together may take timeout_ms; UP commands have their owner's
 *     deadlines, who calls redis_link_drop() when one passes.
 *   - WAITING lasts 50 ms after the first failure and doubles up to 1 s, half of it random.
 *   - More than REDIS_LINK_INPUT_MAX bytes without a whole reply end the connection.
 *   - Commands are answered in order, or on_down() says that none of the rest will be.
 *   - All callbacks come from the loop, never from inside a call, but for on_down(), which
 *     redis_link_drop() calls. In each of them the link may be closed.
 */
#ifndef STEKD_STORE_REDIS_LINK_H
#define STEKD_STORE_REDIS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"
#include "host/timers.h"
#include "store/redis_server.h"

#define REDIS_LINK_INPUT_MAX (512 * 1024)

struct event_base;
struct evdns_base;
struct redisReply;
struct redis_link;

struct redis_link_owner {
    void (*on_up)(void *ctx);
    /* `reply` is borrowed during the call. */
    void (*on_reply)(void *ctx, const struct redisReply *reply);
    /* `why` is borrowed during the call. Comes for a failed attempt to connect, too. */
    void (*on_down)(void *ctx, enum err code, const char *why);
    void *ctx;
};

struct redis_link_options {
    struct event_base *base;
    const struct timers *timers;
    const struct random_source *random; /* jitter only */
    const struct redis_server *server;  /* borrowed */
    int64_t timeout_ms;
    struct redis_link_owner owner;
};

/* Starts to connect in the next turn. ERR_NOMEM. */
enum err redis_link_open(const struct redis_link_options *options,
                         struct redis_link **out_link) MUST_USE;
/* No callback comes any more; the memory goes when the loop has left the link. NULL allowed. */
void redis_link_close(struct redis_link *link);

bool redis_link_is_up(const struct redis_link *link);
/* WAITING: whatever is asked now has to be answered with redis_link_why(). */
bool redis_link_is_waiting(const struct redis_link *link);
const char *redis_link_why(const struct redis_link *link);

/* Only while up. ERR_NOMEM: nothing was sent. */
enum err redis_link_send(struct redis_link *link, int argc, const struct slice *argv) MUST_USE;
/* Gives the connection up: on_down() follows, inside this call. Nothing if there is none. */
void redis_link_drop(struct redis_link *link, enum err code, const char *why);

#endif
