/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/connection.h"

#include <stdlib.h>

#include <event2/event.h>

#define READ_MAX   16384
#define READ_BURST 16 /* then the loop's other events have their turn */

struct connection {
    const struct connection_env *env;
    struct peer peer;            /* owned */
    struct transport *transport; /* owned */
    struct call_set *calls;
    struct event *readable;
    struct event *writable;
    struct event *wake; /* somebody outside our callbacks has something to send */
    struct timer *guard;
    int64_t guard_due;
    struct secret_buf unsent; /* what the socket did not take */
    /* Boot clock: */
    int64_t since;
    int64_t stalled_since; /* meaningful while something is unsent */
    int64_t drain_until;   /* meaningful while draining */
    int64_t closing_until; /* meaningful while closing */
    bool is_draining;
    bool is_broken;  /* nothing can be read or written any more */
    bool is_closing; /* the peer broke the protocol: over once the last bytes are out, or soon */
    bool is_over;
};

struct connection_limits connection_limits_default(void)
{
    return (struct connection_limits){
        .handshake_ms = 10000,
        .idle_ms = 300000,
        .stall_ms = 60000,
        .drain_ms = 5000,
        /* The longest request has less than 1 KiB, and a frontend watches 64 realms at most. */
        .h2 = {.message_max = 4096, .partial_max = 16384, .streams_max = 72},
    };
}

struct connection_limits connection_limits_for_stranger(const struct connection_limits *others)
{
    struct connection_limits limits = *others;

    limits.h2 = (struct h2_limits){.message_max = 4096,
                                   .partial_max = 8192,
                                   .streams_max = 8,
                                   .output_max = 4096,
                                   .pool = others->h2.pool};
    return limits;
}

static int64_t boot_now(const struct connection *c)
{
    return clock_boot_ms(c->env->services->clock);
}

static struct serve_stats *stats_of(const struct connection *c)
{
    return c->env->services->stats;
}

/* ---- output ---- */

/* How many bytes the socket took, 0 when it is full. */
static size_t send_some(struct connection *c, struct slice bytes)
{
    size_t sent = 0;

    switch (transport_write(c->transport, bytes, &sent)) {
    case TRANSPORT_OK:
        return sent;
    case TRANSPORT_WAIT:
        return 0;
    case TRANSPORT_END:
    case TRANSPORT_BROKEN:
        break;
    }
    c->is_broken = true;
    return 0;
}

/* Sends what an earlier flush left. True when nothing is left. */
static bool flush_unsent(struct connection *c)
{
    while (c->unsent.len > 0) {
        size_t sent = send_some(c, (struct slice){c->unsent.at, c->unsent.len});
        if (sent == 0) {
            return false;
        }
        secret_buf_consume(&c->unsent, sent);
        c->stalled_since = boot_now(c);
    }
    secret_buf_fini(&c->unsent);
    return true;
}

static void flush(struct connection *c)
{
    struct slice bytes = {NULL, 0};
    enum err rc = ERR_OK;

    while (rc == ERR_OK && !c->is_broken && flush_unsent(c)) {
        rc = call_set_drain(c->calls, &bytes, NULL);
        if (rc == ERR_OK && bytes.len == 0) {
            return;
        }
        size_t sent = rc == ERR_OK ? send_some(c, bytes) : 0;
        if (rc == ERR_OK && sent < bytes.len) {
            rc = secret_buf_append(&c->unsent, bytes.at + sent, bytes.len - sent);
            c->stalled_since = boot_now(c);
        }
    }
    if (rc != ERR_OK) {
        /* Bytes of the stream are lost: nothing that follows would make sense. */
        c->is_broken = true;
    }
}

/* ---- limits ---- */

/* The next moment at which a limit ends this connection, and which one that is. */
static int64_t next_limit(const struct connection *c, uint64_t **out_counter)
{
    const struct connection_limits *limits = &c->env->limits;
    struct serve_stats *stats = stats_of(c);
    int64_t due = INT64_MAX;

    if (!call_set_has_begun(c->calls)) {
        due = c->since + limits->handshake_ms;
        *out_counter = &stats->handshake_timeouts;
    } else if (call_set_count(c->calls) == 0) {
        due = call_set_idle_since(c->calls) + limits->idle_ms;
        *out_counter = &stats->idle_timeouts;
    }
    if (c->unsent.len > 0 && c->stalled_since + limits->stall_ms < due) {
        due = c->stalled_since + limits->stall_ms;
        *out_counter = &stats->stall_timeouts;
    }
    if (c->is_closing && c->closing_until < due) {
        due = c->closing_until;
        *out_counter = &stats->stall_timeouts;
    }
    if (c->is_draining && c->drain_until < due) {
        due = c->drain_until;
        *out_counter = &stats->drain_timeouts;
    }
    return due;
}

static void arm_guard(struct connection *c)
{
    uint64_t *counter = NULL;
    int64_t due = next_limit(c, &counter);

    /* A timer that fires too early looks again; one that is early enough is left alone. */
    if (due < c->guard_due) {
        int64_t now = boot_now(c);
        c->guard_due = due;
        timer_arm(c->env->services->timers, c->guard, due > now ? due - now : 0);
    }
}

/* ---- one step ---- */

static bool has_ended(const struct connection *c)
{
    if (c->is_broken) {
        return true;
    }
    if (c->unsent.len > 0) {
        return false;
    }
    return c->is_closing || !call_set_is_alive(c->calls) ||
           (c->is_draining && call_set_count(c->calls) == 0);
}

/* The end of each of our top callbacks, and the only place where a connection ends. */
static void settle(struct connection *c)
{
    flush(c);
    if (has_ended(c)) {
        c->is_over = true;
        c->env->on_over(c->env->ctx, c); /* may have freed us */
        return;
    }
    if (c->unsent.len > 0) {
        /* Should it fail, the stall limit ends the wait. */
        (void)event_add(c->writable, NULL);
    }
    arm_guard(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    settle(arg);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    settle(arg);
}

static void log_broken(struct connection *c, const char *why)
{
    const struct services *services = c->env->services;
    bool is_named = authz_is_named(services->rules, &c->peer);
    char who[PEER_TEXT_MAX];
    int64_t unlogged = 0;

    if (!log_limit_allows(&services->lines->broken[is_named], boot_now(c), &unlogged)) {
        return;
    }
    peer_format(&c->peer, who);
    log_write(
        services->log, LOG_LEVEL_INFO, "connection-broken",
        LOG_FIELDS(log_string("peer", who), log_string("why", why), log_int("unlogged", unlogged)));
}

static void give_up(struct connection *c, const char *why)
{
    stats_of(c)->protocol_errors++;
    log_broken(c, why);
}

/* False: nothing more is to be read now. */
static bool take_some(struct connection *c)
{
    uint8_t bytes[READ_MAX];
    size_t got = 0;
    struct errbuf why = {""};

    switch (transport_read(c->transport, bytes, sizeof(bytes), &got, &why)) {
    case TRANSPORT_OK:
        break;
    case TRANSPORT_WAIT:
        return false;
    case TRANSPORT_BROKEN:
        give_up(c, why.text);
        c->is_broken = true;
        return false;
    case TRANSPORT_END:
        c->is_broken = true;
        return false;
    }
    if (!c->is_closing && call_set_feed(c->calls, (struct slice){bytes, got}, &why) != ERR_OK) {
        c->is_closing = true;
        c->closing_until = boot_now(c) + CONNECTION_CUT_MS;
        give_up(c, why.text);
    }
    return transport_has_buffered(c->transport);
}

static void take_input(struct connection *c)
{
    for (int i = 0; i < READ_BURST; i++) {
        if (!take_some(c)) {
            return;
        }
    }
    /* What TLS holds already makes no socket readable. */
    event_active(c->readable, EV_READ, 1);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct connection *c = arg;

    (void)fd;
    (void)what;
    take_input(c);
    settle(c);
}

static void on_guard(void *arg)
{
    struct connection *c = arg;
    uint64_t *counter = NULL;

    c->guard_due = INT64_MAX;
    if (boot_now(c) < next_limit(c, &counter) || counter == NULL) {
        arm_guard(c);
        return;
    }
    (*counter)++;
    if (c->unsent.len > 0 || c->is_draining) {
        c->is_broken = true;
    } else {
        connection_drain(c, "idle for too long");
    }
    settle(c);
}

static void on_output(void *ctx)
{
    struct connection *c = ctx;

    event_active(c->wake, EV_TIMEOUT, 1);
}

/* ---- life ---- */

static enum err make_parts(struct connection *c)
{
    struct event_base *base = c->env->base;
    const int fd = transport_get_fd(c->transport);
    const struct call_set_options options = {
        .services = c->env->services,
        .peer = &c->peer,
        .limits = c->env->limits.h2,
        .on_output = on_output,
        .ctx = c,
    };

    c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
    c->wake = event_new(base, -1, 0, on_wake, c);
    c->guard = timer_new(c->env->services->timers, on_guard, c);
    if (c->readable == NULL || c->writable == NULL || c->wake == NULL || c->guard == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = call_set_new(&options, &c->calls);
    if (rc == ERR_OK && event_add(c->readable, NULL) != 0) {
        rc = ERR_NOMEM;
    }
    return rc;
}

static void free_event(struct event *event)
{
    if (event != NULL) {
        event_free(event);
    }
}

void connection_free(struct connection *c)
{
    if (c == NULL) {
        return;
    }
    /* First the calls: their handlers let go of watchers and rotations. */
    call_set_free(c->calls);
    free_event(c->readable);
    free_event(c->writable);
    free_event(c->wake);
    timer_free(c->env->services->timers, c->guard);
    secret_buf_fini(&c->unsent);
    peer_fini(&c->peer);
    transport_free(c->transport);
    free(c);
}

enum err connection_new(const struct connection_env *env, struct transport *transport,
                        struct peer *peer, struct connection **out_connection)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->env = env;
    c->transport = transport;
    c->peer = *peer;
    c->since = boot_now(c);
    c->guard_due = INT64_MAX;
    enum err rc = make_parts(c);
    if (rc != ERR_OK) {
        /* Transport and peer stay the caller's. */
        c->transport = NULL;
        c->peer = (struct peer){0};
        connection_free(c);
        return rc;
    }
    *peer = (struct peer){0};
    arm_guard(c);
    on_output(c); /* our SETTINGS */
    *out_connection = c;
    return ERR_OK;
}

void connection_drain(struct connection *c, const char *reason)
{
    if (c->is_draining || c->is_over) {
        return;
    }
    c->is_draining = true;
    c->drain_until = boot_now(c) + c->env->limits.drain_ms;
    call_set_shutdown(c->calls, reason);
    arm_guard(c);
    on_output(c);
}

void connection_cut(struct connection *c, const char *why)
{
    if (c->is_over) {
        return;
    }
    call_set_deny(c->calls, why);
    connection_drain(c, why);
    const int64_t until = boot_now(c) + CONNECTION_CUT_MS;
    if (until < c->drain_until) {
        c->drain_until = until;
        arm_guard(c);
    }
}

size_t connection_recheck(struct connection *c)
{
    return c->is_over ? 0 : call_set_recheck(c->calls);
}

const struct peer *connection_get_peer(const struct connection *c)
{
    return &c->peer;
}

const struct transport *connection_get_transport(const struct connection *c)
{
    return c->transport;
}
