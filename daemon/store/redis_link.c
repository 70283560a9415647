/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_link.h"

#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "store/redis_ask.h"
#include "store/redis_reply.h"

#define WAIT_FIRST_MS    INT64_C(50)
#define WAIT_MOST_MS     INT64_C(1000)
#define WAIT_SENTINEL_MS INT64_C(500) /* whoever waits may be missing a failover's end */
#define DOUBLINGS_MAX    5u

enum state { STARTING, WAITING, ASKING, CONNECTING, GREETING, UP };

struct redis_link {
    struct redis_link_options options;
    struct redis_link_owner owner;

    enum state state;
    struct timer *timer;   /* WAITING: when to connect; CONNECTING and GREETING: when to give up */
    struct redis_ask *ask; /* ASKING */
    struct redis_conn *conn; /* CONNECTING and on */
    struct redis_endpoint at;
    size_t sentinel;      /* which one led to `at` */
    unsigned int greeted; /* replies the greeting still waits for */
    unsigned int failures;
    struct errbuf why;

    unsigned int depth; /* callbacks of ours on the stack */
    bool is_closed;
};

static void set_state(struct redis_link *link, enum state state)
{
    link->state = state;
}

static bool has_sentinels(const struct redis_link *link)
{
    return link->options.sentinels->count > 0;
}

static void destroy(struct redis_link *link)
{
    timer_free(link->options.timers, link->timer);
    free(link);
}

static void enter(struct redis_link *link)
{
    link->depth++;
}

/* Last statement of whatever the loop calls. */
static void leave(struct redis_link *link)
{
    link->depth--;
    if (link->is_closed && link->depth == 0) {
        destroy(link);
    }
}

/* --- down --- */

static int64_t wait_ms(struct redis_link *link)
{
    uint32_t draw = 0;
    unsigned int doublings = link->failures < DOUBLINGS_MAX ? link->failures : DOUBLINGS_MAX;
    int64_t wait = WAIT_FIRST_MS << doublings;
    int64_t most = has_sentinels(link) ? WAIT_SENTINEL_MS : WAIT_MOST_MS;

    (void)!random_fill(link->options.random, (uint8_t *)&draw, sizeof(draw));
    wait = wait < most ? wait : most;
    return wait - (int64_t)draw % (wait / 2 + 1);
}

static void hang_up(struct redis_link *link)
{
    redis_ask_stop(link->ask);
    link->ask = NULL;
    redis_conn_close(link->conn);
    link->conn = NULL;
}

void redis_link_drop(struct redis_link *link, enum err code, const char *why)
{
    struct errbuf told;

    if (link->is_closed || link->state == STARTING || link->state == WAITING) {
        return;
    }
    errbuf_set(&told, "%s", why); /* it may lie in what goes now */
    if (has_sentinels(link) && (link->state == CONNECTING || link->state == GREETING)) {
        redis_sentinels_distrust(link->options.sentinels, link->sentinel);
    }
    hang_up(link);
    link->why = told;
    timer_arm(link->options.timers, link->timer, wait_ms(link));
    link->failures++;
    set_state(link, WAITING);
    enter(link);
    link->owner.on_down(link->owner.ctx, code, told.text);
    leave(link);
}

static void drop_saying(struct redis_link *link, enum err code, const char *rest)
{
    struct errbuf text;

    redis_conn_say(link->conn, rest, &text);
    redis_link_drop(link, code, text.text);
}

void redis_link_follow(struct redis_link *link, const struct redis_endpoint *at)
{
    char text[REDIS_ENDPOINT_TEXT];
    struct errbuf why;

    if (link->is_closed || link->state == STARTING || link->state == ASKING ||
        (link->state != WAITING && redis_endpoint_equals(&link->at, at))) {
        return;
    }
    redis_endpoint_format(at, text);
    errbuf_set(&why, "Sentinel has made another Redis the master: %s", text);
    enter(link);
    redis_link_drop(link, ERR_UNAVAILABLE, why.text);
    if (!link->is_closed) {
        timer_arm(link->options.timers, link->timer, 0);
    }
    leave(link);
}

/* --- the greeting --- */

enum err redis_link_send(struct redis_link *link, int argc, const struct slice *argv)
{
    return redis_conn_send(link->conn, argc, argv);
}

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void on_connected(void *ctx)
{
    struct redis_link *link = ctx;
    const struct redis_server *server = link->options.server;
    struct slice auth[3] = {text_slice("AUTH")};
    const struct slice last[1] = {text_slice(has_sentinels(link) ? "ROLE" : "PING")};
    int argc = 1;
    enum err rc = ERR_OK;

    set_state(link, GREETING);
    link->greeted = 1;
    if (server->username[0] != '\0') {
        auth[argc++] = text_slice(server->username);
    }
    if (server->password.len > 0) {
        auth[argc++] = (struct slice){server->password.at, server->password.len};
        link->greeted++;
        rc = redis_link_send(link, argc, auth);
    }
    if (rc == ERR_OK) {
        rc = redis_link_send(link, 1, last);
    }
    if (rc != ERR_OK) {
        drop_saying(link, rc, err_text(rc));
    }
}

/* AUTH and PING. */
static enum err read_status(const struct redis_link *link, const redisReply *reply,
                            struct errbuf *why)
{
    if (reply->type == REDIS_REPLY_STATUS) {
        return ERR_OK;
    }
    if (reply->type != REDIS_REPLY_ERROR) {
        errbuf_set(why, "this is no Redis: it answers PING with something else");
        return ERR_PROTOCOL;
    }
    /* A user who may not PING is known all the same. */
    if (link->greeted == 1 && strncmp(reply->str, "NOPERM", 6) == 0) {
        return ERR_OK;
    }
    return redis_reply_classify(reply->str, (size_t)reply->len, why).code;
}

static void take_greeting(struct redis_link *link, const redisReply *reply)
{
    struct errbuf why;
    enum err rc = link->greeted == 1 && has_sentinels(link) ? redis_sentinels_read_role(reply, &why)
                                                            : read_status(link, reply, &why);

    if (rc != ERR_OK) {
        drop_saying(link, rc, why.text);
        return;
    }
    link->greeted--;
    if (link->greeted == 0) {
        timer_disarm(link->options.timers, link->timer);
        set_state(link, UP);
        link->owner.on_up(link->owner.ctx);
    }
}

static void on_reply(void *ctx, const redisReply *reply)
{
    struct redis_link *link = ctx;

    enter(link);
    if (link->state == GREETING) {
        take_greeting(link, reply);
    } else {
        link->failures = 0;
        link->owner.on_reply(link->owner.ctx, reply);
    }
    leave(link);
}

static void on_end(void *ctx, enum err code, const char *why)
{
    redis_link_drop(ctx, code, why);
}

/* --- connecting --- */

static void connect_to(struct redis_link *link, const struct redis_endpoint *at)
{
    const struct redis_conn_options options = {
        .base = link->options.base,
        .dns = link->options.dns,
        .at = at,
        .whom = "Redis",
        .tls = link->options.server->tls,
        .owner = {.on_up = on_connected, .on_reply = on_reply, .on_end = on_end, .ctx = link},
    };
    struct errbuf why;

    link->at = *at;
    set_state(link, CONNECTING);
    timer_arm(link->options.timers, link->timer, link->options.timeout_ms);
    enum err rc = redis_conn_open(&options, &link->conn, &why);
    if (rc != ERR_OK) {
        redis_link_drop(link, rc, why.text);
    }
}

static void on_master(void *ctx, const struct redis_endpoint *at, size_t index)
{
    struct redis_link *link = ctx;

    enter(link);
    redis_ask_stop(link->ask);
    link->ask = NULL;
    link->sentinel = index;
    connect_to(link, at);
    leave(link);
}

static void on_none(void *ctx, enum err code, const char *why)
{
    struct redis_link *link = ctx;
    struct errbuf text;

    errbuf_set(&text, "no Sentinel leads to master %s: %s", link->options.sentinels->master, why);
    redis_link_drop(link, code, text.text);
}

static void ask(struct redis_link *link)
{
    const struct redis_ask_options options = {
        .base = link->options.base,
        .timers = link->options.timers,
        .dns = link->options.dns,
        .sentinels = link->options.sentinels,
        .server = link->options.server,
        .each_ms = link->options.timeout_ms / 2,
        .owner = {.on_master = on_master, .on_none = on_none, .ctx = link},
    };

    set_state(link, ASKING);
    if (redis_ask_start(&options, &link->ask) != ERR_OK) {
        redis_link_drop(link, ERR_NOMEM, "out of memory");
    }
}

static void on_timer(void *arg)
{
    struct redis_link *link = arg;

    enter(link);
    if (link->state != STARTING && link->state != WAITING) {
        drop_saying(link, ERR_TIMEOUT, redis_conn_silence(link->conn));
    } else if (has_sentinels(link)) {
        ask(link);
    } else {
        connect_to(link, &link->options.server->at);
    }
    leave(link);
}

/* --- life --- */

enum err redis_link_open(const struct redis_link_options *options,
                         const struct redis_link_owner *owner, struct redis_link **out_link)
{
    struct redis_link *link = calloc(1, sizeof(*link));

    if (link == NULL) {
        return ERR_NOMEM;
    }
    link->options = *options;
    link->owner = *owner;
    link->timer = timer_new(options->timers, on_timer, link);
    if (link->timer == NULL) {
        free(link);
        return ERR_NOMEM;
    }
    timer_arm(options->timers, link->timer, 0);
    *out_link = link; /* moves to the caller */
    return ERR_OK;
}

void redis_link_close(struct redis_link *link)
{
    if (link == NULL || link->is_closed) {
        return;
    }
    link->is_closed = true;
    hang_up(link);
    timer_disarm(link->options.timers, link->timer);
    if (link->depth == 0) {
        destroy(link);
    }
}

bool redis_link_is_up(const struct redis_link *link)
{
    return link->state == UP;
}

bool redis_link_is_waiting(const struct redis_link *link)
{
    return link->state == WAITING;
}

const char *redis_link_why(const struct redis_link *link)
{
    return link->why.text;
}
