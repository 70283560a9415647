/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_watch.h"

#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

struct redis_watch {
    struct redis_link_options link;
    struct redis_watch_options options;
    struct redis_conn *conn; /* owned; NULL: the timer opens the next */
    struct timer *timer;
    size_t index;    /* the Sentinel that is asked */
    bool is_failing; /* the last one was no good: not the first of the ring, but the next */
    bool is_waiting; /* for an answer, or for the connection */
    unsigned int depth;
    bool is_closed;
};

static void destroy(struct redis_watch *watch)
{
    timer_free(watch->link.timers, watch->timer);
    free(watch);
}

static void enter(struct redis_watch *watch)
{
    watch->depth++;
}

/* Last statement of whatever the loop calls. */
static void leave(struct redis_watch *watch)
{
    watch->depth--;
    if (watch->is_closed && watch->depth == 0) {
        destroy(watch);
    }
}

static void hang_up(struct redis_watch *watch)
{
    redis_conn_close(watch->conn);
    watch->conn = NULL;
    watch->options.stats->is_subscribed = false;
}

static int64_t retry_ms(struct redis_watch *watch)
{
    uint32_t draw = 0;

    (void)!random_fill(watch->link.random, (uint8_t *)&draw, sizeof(draw));
    return REDIS_WATCH_RETRY_MS / 2 + (int64_t)draw % REDIS_WATCH_RETRY_MS;
}

static void give_up(struct redis_watch *watch)
{
    hang_up(watch);
    watch->options.stats->losses++;
    watch->is_failing = true;
    timer_arm(watch->link.timers, watch->timer, retry_ms(watch));
}

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void expect(struct redis_watch *watch, bool is_waiting)
{
    watch->is_waiting = is_waiting;
    timer_arm(watch->link.timers, watch->timer,
              is_waiting ? watch->link.timeout_ms : REDIS_WATCH_PING_MS);
}

/* --- the connection --- */

static void on_up(void *ctx)
{
    struct redis_watch *watch = ctx;
    const struct slice get[] = {text_slice("SENTINEL"), text_slice("get-master-addr-by-name"),
                                text_slice(watch->link.sentinels->master)};
    const struct slice subscribe[] = {text_slice("SUBSCRIBE"), text_slice("+switch-master")};

    expect(watch, true);
    if (redis_conn_send(watch->conn, 3, get) != ERR_OK ||
        redis_conn_send(watch->conn, 2, subscribe) != ERR_OK) {
        give_up(watch);
    }
}

static bool is_word(const redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, word) == 0;
}

/* The last statement of whoever calls it: whoever hears of it may close us. */
static void tell(struct redis_watch *watch, const struct redis_endpoint *at)
{
    watch->options.on_master(watch->options.ctx, at);
}

/* SUBSCRIBE's answer, messages, "pong". */
static void take_push(struct redis_watch *watch, const redisReply *reply)
{
    struct redis_endpoint at;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) {
        return;
    }
    if (is_word(reply->element[0], "subscribe")) {
        watch->options.stats->is_subscribed = true;
        watch->is_failing = false;
    } else if (is_word(reply->element[0], "message") &&
               reply->element[2]->type == REDIS_REPLY_STRING &&
               redis_sentinels_read_switch(reply->element[2]->str, watch->link.sentinels->master,
                                           &at)) {
        watch->options.stats->switches++;
        tell(watch, &at);
    }
}

static void on_reply(void *ctx, const redisReply *reply)
{
    struct redis_watch *watch = ctx;
    struct redis_endpoint at;
    struct errbuf why; /* the link that asks the same tells it */
    const bool is_first = watch->is_waiting && !watch->options.stats->is_subscribed;

    enter(watch);
    if (reply->type == REDIS_REPLY_ERROR) {
        give_up(watch);
    } else if (is_first && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        if (redis_sentinels_read_master(reply, watch->link.sentinels->master, &at, &why) ==
            ERR_OK) {
            tell(watch, &at);
        }
    } else {
        expect(watch, false);
        take_push(watch, reply);
    }
    leave(watch);
}

static void on_end(void *ctx, enum err code, const char *why)
{
    (void)code;
    (void)why; /* the link that asks the same tells it */
    give_up(ctx);
}

/* --- the timer --- */

static void open_next(struct redis_watch *watch)
{
    struct redis_sentinels *sentinels = watch->link.sentinels;
    struct errbuf why;

    watch->index = watch->is_failing ? (watch->index + 1) % sentinels->count : sentinels->first;
    const struct redis_conn_options options = {
        .base = watch->link.base,
        .dns = watch->link.dns,
        .at = &sentinels->at[watch->index],
        .whom = "Sentinel",
        .tls = watch->link.server->tls,
        .owner = {.on_up = on_up, .on_reply = on_reply, .on_end = on_end, .ctx = watch},
    };

    expect(watch, true);
    if (redis_conn_open(&options, &watch->conn, &why) != ERR_OK) {
        give_up(watch);
    }
}

static void on_timer(void *arg)
{
    struct redis_watch *watch = arg;
    const struct slice ping[] = {text_slice("PING")};

    enter(watch);
    if (watch->conn == NULL) {
        open_next(watch);
    } else if (watch->is_waiting || redis_conn_send(watch->conn, 1, ping) != ERR_OK) {
        give_up(watch);
    } else {
        expect(watch, true);
    }
    leave(watch);
}

/* --- life --- */

enum err redis_watch_open(const struct redis_watch_options *options, struct redis_watch **out_watch)
{
    struct redis_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL) {
        return ERR_NOMEM;
    }
    watch->link = *options->link;
    watch->options = *options;
    watch->timer = timer_new(watch->link.timers, on_timer, watch);
    if (watch->timer == NULL) {
        free(watch);
        return ERR_NOMEM;
    }
    timer_arm(watch->link.timers, watch->timer, 0);
    *out_watch = watch; /* moves to the caller */
    return ERR_OK;
}

void redis_watch_close(struct redis_watch *watch)
{
    if (watch == NULL || watch->is_closed) {
        return;
    }
    watch->is_closed = true;
    hang_up(watch);
    timer_disarm(watch->link.timers, watch->timer);
    if (watch->depth == 0) {
        destroy(watch);
    }
}
