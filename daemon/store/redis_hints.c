/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_hints.h"

#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/text.h"
#include "store/redis_reply.h"

struct redis_hints {
    struct redis_hints_options options;
    const struct timers *timers;
    int64_t timeout_ms;
    struct redis_link *link; /* owned */
    struct timer *ping;
    bool is_waiting_for_pong;
};

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void on_up(void *ctx)
{
    struct redis_hints *hints = ctx;
    const struct slice argv[] = {text_slice("SUBSCRIBE"), text_slice(hints->options.channel)};

    hints->is_waiting_for_pong = false;
    timer_arm(hints->timers, hints->ping, REDIS_HINTS_PING_MS);
    if (redis_link_send(hints->link, 2, argv) != ERR_OK) {
        redis_link_drop(hints->link, ERR_NOMEM, "out of memory");
    }
}

static void on_down(void *ctx, enum err code, const char *why)
{
    struct redis_hints *hints = ctx;

    (void)code;
    (void)why; /* the other connection has the same trouble, and its owner tells */
    hints->options.stats->is_subscribed = false;
    timer_disarm(hints->timers, hints->ping);
}

static void on_ping_timer(void *arg)
{
    struct redis_hints *hints = arg;
    const struct slice argv[] = {text_slice("PING")};

    if (hints->is_waiting_for_pong) {
        redis_link_drop(hints->link, ERR_TIMEOUT, "no answer to PING");
    } else if (redis_link_is_up(hints->link) && redis_link_send(hints->link, 1, argv) == ERR_OK) {
        hints->is_waiting_for_pong = true;
        timer_arm(hints->timers, hints->ping, hints->timeout_ms);
    }
}

static bool is_word(const redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, word) == 0;
}

/* Last statement of on_reply(): whoever hears of it may close us. */
static void take_message(struct redis_hints *hints, const redisReply *payload)
{
    if (payload->type != REDIS_REPLY_STRING || !text_is_realm_name(payload->str)) {
        hints->options.stats->refused++;
        return;
    }
    hints->options.stats->heard++;
    hints->options.on_changed(hints->options.ctx, payload->str);
}

static void on_reply(void *ctx, const redisReply *reply)
{
    struct redis_hints *hints = ctx;
    struct errbuf why;

    hints->is_waiting_for_pong = false;
    timer_arm(hints->timers, hints->ping, REDIS_HINTS_PING_MS);
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)redis_reply_classify(reply->str, (size_t)reply->len, &why);
        redis_link_drop(hints->link, ERR_UNAVAILABLE, why.text);
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) {
        return; /* "pong" */
    }
    if (is_word(reply->element[0], "subscribe")) {
        hints->options.stats->is_subscribed = true;
        hints->options.on_changed(hints->options.ctx, NULL);
    } else if (is_word(reply->element[0], "message")) {
        take_message(hints, reply->element[2]);
    }
}

enum err redis_hints_open(const struct redis_hints_options *options, struct redis_hints **out_hints)
{
    struct redis_hints *hints = calloc(1, sizeof(*hints));

    if (hints == NULL) {
        return ERR_NOMEM;
    }
    hints->options = *options;
    hints->timers = options->link->timers;
    hints->timeout_ms = options->link->timeout_ms;
    hints->ping = timer_new(hints->timers, on_ping_timer, hints);
    const struct redis_link_owner owner = {
        .on_up = on_up, .on_reply = on_reply, .on_down = on_down, .ctx = hints};
    enum err rc =
        hints->ping == NULL ? ERR_NOMEM : redis_link_open(options->link, &owner, &hints->link);
    if (rc != ERR_OK) {
        redis_hints_close(hints);
        return rc;
    }
    *out_hints = hints; /* moves to the caller */
    return ERR_OK;
}

void redis_hints_follow(struct redis_hints *hints, const struct redis_endpoint *at)
{
    redis_link_follow(hints->link, at);
}

void redis_hints_drop(struct redis_hints *hints, const char *why)
{
    redis_link_drop(hints->link, ERR_UNAVAILABLE, why);
}

void redis_hints_close(struct redis_hints *hints)
{
    if (hints == NULL) {
        return;
    }
    redis_link_close(hints->link);
    if (hints->ping != NULL) {
        timer_free(hints->timers, hints->ping);
    }
    hints->options.stats->is_subscribed = false;
    free(hints);
}
