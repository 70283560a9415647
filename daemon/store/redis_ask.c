/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_ask.h"

#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

struct redis_ask {
    struct redis_ask_options options;
    struct redis_conn *conn; /* owned; NULL: the timer's next turn opens the next */
    struct timer *timer;
    size_t asked; /* Sentinels that were asked before the present one */
    size_t from;  /* whom the ring began with */
    enum err code;
    struct errbuf why;  /* of the last one that gave no answer */
    unsigned int depth; /* callbacks of ours on the stack */
    bool is_stopped;
};

static void destroy(struct redis_ask *ask)
{
    timer_free(ask->options.timers, ask->timer);
    free(ask);
}

static void enter(struct redis_ask *ask)
{
    ask->depth++;
}

/* Last statement of whatever the loop calls. */
static void leave(struct redis_ask *ask)
{
    ask->depth--;
    if (ask->is_stopped && ask->depth == 0) {
        destroy(ask);
    }
}

static size_t index_now(const struct redis_ask *ask)
{
    return (ask->from + ask->asked) % ask->options.sentinels->count;
}

static void hang_up(struct redis_ask *ask)
{
    redis_conn_close(ask->conn);
    ask->conn = NULL;
}

/* The present one gives no good answer: the next one in the next turn, or the end. */
static void go_on(struct redis_ask *ask, enum err code, const char *why)
{
    ask->code = code;
    errbuf_set(&ask->why, "%s", why);
    hang_up(ask);
    ask->asked++;
    timer_arm(ask->options.timers, ask->timer, 0);
}

static void go_on_saying(struct redis_ask *ask, enum err code, const char *rest)
{
    struct errbuf why;

    redis_conn_say(ask->conn, rest, &why);
    go_on(ask, code, why.text);
}

/* --- the connection --- */

static void on_up(void *ctx)
{
    struct redis_ask *ask = ctx;
    static const char sentinel[] = "SENTINEL";
    static const char get[] = "get-master-addr-by-name";
    const char *master = ask->options.sentinels->master;
    const struct slice argv[] = {{(const uint8_t *)sentinel, sizeof(sentinel) - 1},
                                 {(const uint8_t *)get, sizeof(get) - 1},
                                 {(const uint8_t *)master, strlen(master)}};

    if (redis_conn_send(ask->conn, 3, argv) != ERR_OK) {
        go_on_saying(ask, ERR_NOMEM, "out of memory");
    }
}

static void on_reply(void *ctx, const redisReply *reply)
{
    struct redis_ask *ask = ctx;
    struct redis_endpoint at;
    struct errbuf why;
    const size_t index = index_now(ask);

    enter(ask);
    enum err rc = redis_sentinels_read_master(reply, ask->options.sentinels->master, &at, &why);
    if (rc != ERR_OK) {
        go_on_saying(ask, rc, why.text);
    } else {
        hang_up(ask);
        timer_disarm(ask->options.timers, ask->timer);
        redis_sentinels_prefer(ask->options.sentinels, index);
        ask->options.owner.on_master(ask->options.owner.ctx, &at, index);
    }
    leave(ask);
}

static void on_end(void *ctx, enum err code, const char *why)
{
    go_on(ctx, code, why);
}

/* --- the turn --- */

static void open_next(struct redis_ask *ask)
{
    const struct redis_conn_options options = {
        .base = ask->options.base,
        .dns = ask->options.dns,
        .at = &ask->options.sentinels->at[index_now(ask)],
        .whom = "Sentinel",
        .tls = ask->options.server->tls,
        .owner = {.on_up = on_up, .on_reply = on_reply, .on_end = on_end, .ctx = ask},
    };
    struct errbuf why;

    enum err rc = redis_conn_open(&options, &ask->conn, &why);
    if (rc != ERR_OK) {
        go_on(ask, rc, why.text);
    } else {
        timer_arm(ask->options.timers, ask->timer, ask->options.each_ms);
    }
}

static void on_timer(void *arg)
{
    struct redis_ask *ask = arg;

    enter(ask);
    if (ask->conn != NULL) {
        go_on_saying(ask, ERR_TIMEOUT, redis_conn_silence(ask->conn));
    } else if (ask->asked < ask->options.sentinels->count) {
        open_next(ask);
    } else {
        ask->options.owner.on_none(ask->options.owner.ctx, ask->code, ask->why.text);
    }
    leave(ask);
}

/* --- life --- */

enum err redis_ask_start(const struct redis_ask_options *options, struct redis_ask **out_ask)
{
    struct redis_ask *ask = calloc(1, sizeof(*ask));

    if (ask == NULL) {
        return ERR_NOMEM;
    }
    ask->options = *options;
    ask->from = options->sentinels->first;
    ask->timer = timer_new(options->timers, on_timer, ask);
    if (ask->timer == NULL) {
        free(ask);
        return ERR_NOMEM;
    }
    timer_arm(options->timers, ask->timer, 0);
    *out_ask = ask; /* moves to the caller */
    return ERR_OK;
}

void redis_ask_stop(struct redis_ask *ask)
{
    if (ask == NULL || ask->is_stopped) {
        return;
    }
    ask->is_stopped = true;
    hang_up(ask);
    timer_disarm(ask->options.timers, ask->timer);
    if (ask->depth == 0) {
        destroy(ask);
    }
}
