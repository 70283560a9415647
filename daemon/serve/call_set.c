/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/call_set.h"

#include <stdlib.h>

#include "serve/call_private.h"
#include "serve/router.h"

#define CHATTER_BURST      1000
#define CHATTER_PER_SECOND 100
#define CHATTER_PER_WORK   4 /* for each frame with a header block or a part of a message */

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t boot_now(const struct call_set *set)
{
    return clock_boot_ms(set->options.services->clock);
}

void call_set_wake_at(struct call_set *set, int64_t boot_ms)
{
    if (boot_ms >= set->timer_due) {
        return;
    }
    int64_t now = boot_now(set);
    set->timer_due = boot_ms;
    timer_arm(set->options.services->timers, set->timer, boot_ms > now ? boot_ms - now : 0);
}

void call_set_count_end(struct call_set *set, const struct method *method, enum err code)
{
    struct serve_stats *stats = set->options.services->stats;

    stats->calls_ended[router_index_of(method)][grpc_status_from_err(code)]++;
}

/* The peer or the session has given it up, or the connection is gone. */
static void give_up(struct call *call, enum grpc_status status)
{
    struct serve_stats *stats = call->set->options.services->stats;

    if (!call->is_finished) {
        call->is_finished = true;
        stats->calls_ended[router_index_of(call->method)][status]++;
    }
}

/* Ends what has run out; a call that was finished long ago and still hangs is reset. */
static void expire(struct call_set *set, struct call *call, int64_t now)
{
    if (call->is_finished) {
        if (now >= call->limit) {
            enum err rc = h2_session_cancel(set->session, call->stream);
            call->limit = rc == ERR_OK ? CALL_NO_LIMIT : now + CALL_LINGER_MS;
            set->options.on_output(set->options.ctx);
        }
    } else if (now >= call->deadline) {
        call_finish(call, ERR_TIMEOUT, "the call's deadline has passed");
    } else if (now >= call->limit) {
        call_finish(call, ERR_TIMEOUT, call->limit_why);
    }
}

static void on_timer(void *arg)
{
    struct call_set *set = arg;
    int64_t now = boot_now(set);
    int64_t next = CALL_NO_LIMIT;

    set->timer_due = CALL_NO_LIMIT;
    for (struct call *call = set->first; call != NULL; call = call->next) {
        expire(set, call, now);
        next = min_ms(next, call->limit);
        if (!call->is_finished) {
            next = min_ms(next, call->deadline);
        }
    }
    call_set_wake_at(set, next);
}

static void insert(struct call_set *set, struct call *call)
{
    call->set = set;
    call->next = set->first;
    if (set->first != NULL) {
        set->first->previous = call;
    }
    set->first = call;
    set->count++;
}

static void discard(struct call_set *set, struct call *call)
{
    if (call->method->on_closed != NULL) {
        call->method->on_closed(call);
    }
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        set->first = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    set->count--;
    set->idle_since = boot_now(set);
    free(call);
}

static void refuse(struct call_set *set, int32_t stream, enum err code, const char *why)
{
    enum err rc = h2_session_finish(set->session, stream, grpc_status_from_err(code), why);

    if (rc != ERR_OK) {
        rc = h2_session_cancel(set->session, stream);
    }
    if (rc != ERR_OK) {
        /* Not even memory for a reset. To us there is no call, so the idle limit ends it. */
        set->options.on_output(set->options.ctx);
    }
}

static int64_t first_deadline(const struct method *method, int64_t timeout_ms, int64_t now)
{
    int64_t limit = method->kind == CALL_UNARY ? CALL_UNARY_MAX_MS : CALL_NO_LIMIT;

    if (timeout_ms > 0) {
        limit = min_ms(limit, timeout_ms);
    }
    return limit >= CALL_NO_LIMIT - now ? CALL_NO_LIMIT : now + limit;
}

/* NULL when there is none, as far as this peer may know. */
static const struct method *find_method(const struct call_set *set, const char *path)
{
    const struct method *method = router_find(path);
    const bool is_remote = set->options.peer->certificate != NULL;

    return method != NULL && method->is_local && is_remote ? NULL : method;
}

static void on_request(void *ctx, int32_t stream, const struct h2_request *request)
{
    struct call_set *set = ctx;
    struct serve_stats *stats = set->options.services->stats;

    set->has_begun = true;
    stats->calls++;
    const struct method *method = find_method(set, request->path);
    if (method == NULL) {
        struct errbuf why;
        stats->calls_unknown++;
        errbuf_set(&why, "there is no method \"%.200s\" in this version", request->path);
        call_set_count_end(set, NULL, ERR_UNSUPPORTED);
        refuse(set, stream, ERR_UNSUPPORTED, why.text);
        return;
    }
    struct call *call = calloc(1, sizeof(*call) + method->state_size);
    if (call == NULL) {
        call_set_count_end(set, method, ERR_NOMEM);
        refuse(set, stream, ERR_NOMEM, "out of memory");
        return;
    }
    call->method = method;
    call->stream = stream;
    call->deadline = first_deadline(method, request->timeout_ms, boot_now(set));
    call->limit = CALL_NO_LIMIT;
    insert(set, call);
    h2_session_set_data(set->session, stream, call);
    call_set_wake_at(set, call->deadline);
    if (method->on_start != NULL) {
        method->on_start(call);
    }
    if (set->is_draining && method->on_drain != NULL && !call->is_finished) {
        method->on_drain(call);
    }
}

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct call_set *set = ctx;
    struct call *call = h2_session_get_data(set->session, stream);

    if (call == NULL || call->is_finished) {
        return;
    }
    if (call->method->kind == CALL_UNARY && call->messages > 0) {
        call_finish(call, ERR_INVALID, "this method takes exactly one message");
        return;
    }
    call->messages++;
    call->method->on_message(call, message);
}

static void on_half_closed(void *ctx, int32_t stream)
{
    struct call_set *set = ctx;
    struct call *call = h2_session_get_data(set->session, stream);

    if (call == NULL || call->is_finished) {
        return;
    }
    if (call->messages == 0) {
        call_finish(call, ERR_INVALID, "the call ended before its first message");
    } else if (call->method->on_half_closed != NULL) {
        call->method->on_half_closed(call);
    }
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct call_set *set = ctx;
    struct call *call = h2_session_get_data(set->session, stream);

    (void)message;
    if (call != NULL) {
        give_up(call, status == GRPC_OK ? GRPC_CANCELLED : status);
        discard(set, call);
    }
}

static void on_refused(void *ctx, enum h2_refusal what)
{
    const struct call_set *set = ctx;

    set->options.services->stats->refusals[what]++;
}

enum err call_set_new(const struct call_set_options *options, struct call_set **out_set)
{
    static const struct h2_events events = {
        .on_request = on_request,
        .on_message = on_message,
        .on_half_closed = on_half_closed,
        .on_closed = on_closed,
        .on_refused = on_refused,
    };
    struct call_set *set = calloc(1, sizeof(*set));

    if (set == NULL) {
        return ERR_NOMEM;
    }
    set->options = *options;
    set->timer_due = CALL_NO_LIMIT;
    set->idle_since = boot_now(set);
    set->fed_at = set->idle_since;
    enum err rc = ERR_NOMEM;
    set->timer = timer_new(options->services->timers, on_timer, set);
    if (set->timer != NULL) {
        rc = h2_session_new(H2_SERVER, &options->limits, &events, set, &set->session);
    }
    if (rc != ERR_OK) {
        call_set_free(set);
        return rc;
    }
    *out_set = set;
    return ERR_OK;
}

void call_set_free(struct call_set *set)
{
    if (set == NULL) {
        return;
    }
    for (struct call *call = set->first, *next = NULL; call != NULL; call = next) {
        next = call->next;
        give_up(call, GRPC_CANCELLED);
        discard(set, call);
    }
    timer_free(set->options.services->timers, set->timer);
    h2_session_free(set->session);
    free(set);
}

/* PING, SETTINGS and their kind cost us an answer and the peer nothing. An honest client sends some
 * with its calls, and a few a second without. */
static enum err check_chatter(struct call_set *set, struct errbuf *why)
{
    const struct h2_traffic now = h2_session_traffic(set->session);
    const int64_t at = boot_now(set);

    set->chatter -= (double)(at - set->fed_at) / 1000 * CHATTER_PER_SECOND;
    set->chatter = set->chatter > 0 ? set->chatter : 0;
    set->chatter += (double)(now.idle - set->traffic.idle);
    set->chatter -= (double)(now.working - set->traffic.working) * CHATTER_PER_WORK;
    set->traffic = now;
    set->fed_at = at;
    if (set->chatter <= CHATTER_BURST) {
        return ERR_OK;
    }
    on_refused(set, H2_REFUSED_FLOOD);
    errbuf_set(why, "the peer sends frames that move nothing, too many too fast");
    return ERR_PROTOCOL;
}

enum err call_set_feed(struct call_set *set, struct slice bytes, struct errbuf *why)
{
    const enum err rc = h2_session_feed(set->session, bytes, why);

    return rc == ERR_OK ? check_chatter(set, why) : rc;
}

/* Gives the word to streams that waited for their queue to empty. True when one was asked, so that
 * there may be more to drain. */
static bool tell_writable(struct call_set *set)
{
    bool told = false;

    for (struct call *call = set->first; call != NULL; call = call->next) {
        if (call->wants_writable && call_queued(call) == 0) {
            call->wants_writable = false;
            told = true;
            call->method->on_writable(call);
        }
    }
    return told;
}

enum err call_set_drain(struct call_set *set, struct slice *out, struct errbuf *why)
{
    struct slice bytes = {NULL, 0};
    enum err rc = ERR_OK;

    do {
        rc = h2_session_drain(set->session, &bytes, why);
    } while (rc == ERR_OK && bytes.len == 0 && tell_writable(set));
    if (rc == ERR_OK) {
        *out = bytes;
    }
    return rc;
}

bool call_set_is_alive(const struct call_set *set)
{
    return h2_session_is_alive(set->session);
}

size_t call_set_count(const struct call_set *set)
{
    return set->count;
}

int64_t call_set_idle_since(const struct call_set *set)
{
    return set->idle_since;
}

bool call_set_has_begun(const struct call_set *set)
{
    return set->has_begun;
}

void call_set_deny(struct call_set *set, const char *why)
{
    for (struct call *call = set->first; call != NULL; call = call->next) {
        call_deny(call, why);
    }
}

size_t call_set_recheck(struct call_set *set)
{
    size_t ended = 0;

    for (struct call *call = set->first; call != NULL; call = call->next) {
        ended += !call_recheck(call);
    }
    return ended;
}

void call_set_shutdown(struct call_set *set, const char *reason)
{
    if (set->is_draining) {
        return;
    }
    set->is_draining = true;
    enum err rc = h2_session_shutdown(set->session, reason);
    for (struct call *call = set->first; call != NULL; call = call->next) {
        if (call->method->on_drain != NULL && !call->is_finished) {
            call->method->on_drain(call);
        }
    }
    if (rc == ERR_OK) { /* else memory is short, and the connection's drain limit ends it */
        set->options.on_output(set->options.ctx);
    }
}
