/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One gRPC call as its handler sees it. A handler is a row of functions (struct method); the call
 * keeps a zeroed block of the handler's own state.
 *
 *   on_start -> on_message... -> on_closed      (always exactly one on_closed)
 *
 * Between call_finish() and on_closed the handler's own callbacks (a watcher's, a rotator's) may
 * still come; what they send then is dropped. Callbacks of the method no longer come, except
 * on_closed. A call is never freed from inside a function named here.
 */
#ifndef STEKD_SERVE_CALL_H
#define STEKD_SERVE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "serve/authz.h"
#include "serve/services.h"

struct call;

enum call_kind {
    CALL_UNARY,  /* exactly one message each way, within CALL_UNARY_MAX_MS */
    CALL_STREAM, /* any number, for as long as it takes */
};

#define CALL_UNARY_MAX_MS INT64_C(60000)
/* A finished call whose last bytes the client does not take is reset after this. */
#define CALL_LINGER_MS INT64_C(60000)

struct method {
    const char *path;
    enum call_kind kind;
    bool is_local; /* only for processes at the Unix socket; others are told there is none */
    size_t state_size;
    /* Each may be NULL, except on_message. */
    void (*on_start)(struct call *call);
    /* Borrowed: valid during the callback. */
    void (*on_message)(struct call *call, struct slice message);
    void (*on_half_closed)(struct call *call);
    /* After call_want_writable(): nothing is queued any more. */
    void (*on_writable)(struct call *call);
    /* The daemon stops: end a stream that would not end by itself. */
    void (*on_drain)(struct call *call);
    /* The caller may not have this any longer: let go at once of what call_authorize() allowed
     * (the realm may be gone next). The call has ended already. */
    void (*on_denied)(struct call *call);
    /* Let go of everything in the state; the call is freed afterwards. */
    void (*on_closed)(struct call *call);
};

void *call_state(struct call *call);
const struct services *call_services(const struct call *call);
const struct peer *call_peer(const struct call *call);

/* Queues one message. A failure ends the call with its code. */
void call_send(struct call *call, struct slice message);
/* Sends the message as the only one, ends the call well, and frees the buffer. When `encoded` is
 * not ERR_OK the call ends with that instead. */
void call_reply(struct call *call, enum err encoded, struct secret_buf *message);

/* Ends the call; the first one counts. `why` may be NULL: then the code's own text is sent. */
void call_finish(struct call *call, enum err code, const char *why);
bool call_is_finished(const struct call *call);

/* Bytes not yet handed to the connection. A stream that sends only when this is 0 lets a slow
 * reader skip ahead. */
size_t call_queued(const struct call *call);
/* Asks for one on_writable. */
void call_want_writable(struct call *call);

/* Ends the call with ERR_TIMEOUT and `why` (a constant) unless it is finished or the limit is
 * taken back with call_limit_none() before. The client's own deadline holds all the same. */
void call_limit(struct call *call, int64_t delay_ms, const char *why);
void call_limit_none(struct call *call);

/* Whether the caller may; a denial is counted and logged, and ends the call with a sentence. What
 * was allowed is asked again when rules or realms change, for as long as the call is open. */
bool call_authorize(struct call *call, enum authz_action action, const char *realm) MUST_USE;

/* log_limit_allows() with the caller's of the two. */
bool call_may_log(const struct call *call, struct log_limit limits[2], int64_t *out_unlogged);

#endif
