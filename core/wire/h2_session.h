/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC over HTTP/2 without a socket: bytes in, bytes out, events between; one type for both
 * roles. Only core/wire/h2_*.c name nghttp2. It runs on an allocator that wipes what it frees;
 * messages pass it by and lie in secret memory until h2_session_drain() has handed them out.
 *
 * Callbacks come from inside h2_session_feed() and h2_session_drain(). From a callback every
 * function here may be called except h2_session_free(), feed and drain. Stream ids are odd
 * positive numbers. After on_closed the id is dead: calls on it return ERR_NOT_FOUND.
 * Not thread safe; never blocks. What ends a stream or a session may be called without looking at
 * the result: ERR_NOT_FOUND means that the peer was faster.
 */
#ifndef STEK_WIRE_H2_SESSION_H
#define STEK_WIRE_H2_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/grpc_status.h"

struct secret_pool;

enum h2_role { H2_CLIENT, H2_SERVER };

/* Everything a peer can make us hold. Zero takes the default in brackets. */
struct h2_limits {
    size_t message_max;   /* bytes of one received gRPC message [WIRE_MESSAGE_MAX] */
    size_t partial_max;   /* memory of unfinished messages over all streams [8 * message_max] */
    size_t queue_max;     /* bytes of messages queued for sending on one stream [1 MiB] */
    size_t output_max;    /* bytes after which one h2_session_drain() stops gathering [16 KiB] */
    uint32_t streams_max; /* concurrent streams a client may open [100] */
    uint32_t header_list_max; /* bytes of one header block [8192] */
    struct secret_pool *pool; /* borrowed until h2_session_free(): blocks for messages [none] */
};

/* A request as the server sees it. Borrowed: valid during the callback. */
struct h2_request {
    const char *path;
    const char *authority; /* may be empty */
    int64_t timeout_ms;    /* from grpc-timeout; 0: none */
};

/* What a session refuses by itself: name, text for metrics. */
#define H2_REFUSAL_MAP(X)                                                                          \
    X(H2_REFUSED_STREAM, "streams") /* more at once than streams_max */                            \
    X(H2_REFUSED_FIELDS, "header_block")                                                           \
    X(H2_REFUSED_REQUEST, "not_grpc")     /* method, content-type or grpc-timeout */               \
    X(H2_REFUSED_MESSAGE, "message_size") /* or partial_max of unfinished ones */                  \
    X(H2_REFUSED_COMPRESSED, "compressed")                                                         \
    X(H2_REFUSED_CUT, "cut_off") /* the stream ended within a message */                           \
    X(H2_REFUSED_FRAME, "frame") /* against RFC 9113; often the connection ends */                 \
    X(H2_REFUSED_FLOOD, "flood") /* the peer makes us answer and takes no answer */                \
    X(H2_REFUSED_NOMEM, "memory")

enum h2_refusal {
#define H2_REFUSAL_ENUM(name, text) name,
    H2_REFUSAL_MAP(H2_REFUSAL_ENUM)
#undef H2_REFUSAL_ENUM
};
#define H2_REFUSALS (H2_REFUSED_NOMEM + 1)

struct h2_events {
    /* Server: headers of a well-formed gRPC request are complete. Requests that are not (method,
     * content-type, path) were answered already and are not reported. */
    void (*on_request)(void *ctx, int32_t stream, const struct h2_request *request);
    /* One whole message. Borrowed: valid during the callback. */
    void (*on_message)(void *ctx, int32_t stream, struct slice message);
    /* Server: the client will send no more (half-closed). */
    void (*on_half_closed)(void *ctx, int32_t stream);
    /* The stream is over. Client: `status` and `message` are the server's grpc-status and
     * grpc-message, or what stands for them when it broke off (UNAVAILABLE, ...). Server: what it
     * was finished with, by the user or by the session; else CANCELLED when the client reset it, OK
     * otherwise. `message` is never NULL; borrowed. */
    void (*on_closed)(void *ctx, int32_t stream, enum grpc_status status, const char *message);
    /* Client, may be NULL: the server said GOAWAY: no new calls will be served here. */
    void (*on_goaway)(void *ctx);
    /* May be NULL: something was refused. For counting only: the session must not be called. */
    void (*on_refused)(void *ctx, enum h2_refusal what);
};

struct h2_session;

/* `events` is copied, `ctx` is borrowed until h2_session_free(). Connection preface and SETTINGS
 * are queued at once. */
enum err h2_session_new(enum h2_role role, const struct h2_limits *limits,
                        const struct h2_events *events, void *ctx,
                        struct h2_session **out_session) MUST_USE;
/* Fires no callback. NULL allowed. */
void h2_session_free(struct h2_session *session);

/* Takes all of `bytes`. ERR_PROTOCOL with a sentence: the connection must be closed after what
 * h2_session_drain() still gives (a GOAWAY). */
enum err h2_session_feed(struct h2_session *session, struct slice bytes,
                         struct errbuf *why) MUST_USE;

/* The next bytes to send; len 0 when there are none for now. Borrowed: valid until the next call
 * on the session. Everything returned counts as sent. */
enum err h2_session_drain(struct h2_session *session, struct slice *out,
                          struct errbuf *why) MUST_USE;

/* False once the session is over: nothing more to read or write, close the connection. */
bool h2_session_is_alive(const struct h2_session *session);

/* Client: opens a stream. `timeout_ms` 0: no deadline is sent. `authority` e.g. "localhost".
 * ERR_UNAVAILABLE after GOAWAY or when ids are used up. */
enum err h2_session_call(struct h2_session *session, const char *path, const char *authority,
                         int64_t timeout_ms, int32_t *out_stream) MUST_USE;

/* Queues one gRPC message; the bytes are copied into secret memory. ERR_LIMIT when the stream's
 * queue is full (nothing is queued), ERR_NOT_FOUND when the stream is over. */
enum err h2_session_send(struct h2_session *session, int32_t stream, struct slice message) MUST_USE;

/* Bytes queued on the stream and not yet taken by h2_session_drain(): a writer that only sends
 * when this is 0 lets slow readers skip ahead. 0 for unknown streams. */
size_t h2_session_queued(const struct h2_session *session, int32_t stream);

/* Client: no more messages from us on this stream (END_STREAM after what is queued). */
enum err h2_session_half_close(struct h2_session *session, int32_t stream);

/* Server: ends the stream with trailers after what is queued. `message` may be NULL; is copied and
 * percent-encoded. Without a message sent before, this is a trailers-only answer. */
enum err h2_session_finish(struct h2_session *session, int32_t stream, enum grpc_status status,
                           const char *message);

/* Resets the stream (CANCEL); on_closed follows from the next feed or drain. */
enum err h2_session_cancel(struct h2_session *session, int32_t stream);

/* GOAWAY: no new streams; the ones there may finish. `status` text goes into the debug data. */
enum err h2_session_shutdown(struct h2_session *session, const char *reason);

/* Opaque per-stream pointer of the user, NULL at first. */
void h2_session_set_data(struct h2_session *session, int32_t stream, void *data);
void *h2_session_get_data(const struct h2_session *session, int32_t stream);

/* Frames received so far that move a call on (header blocks, messages), and that move none (PING,
 * SETTINGS, WINDOW_UPDATE, empty DATA, ...): whoever has a clock can tell chatter from work. */
struct h2_traffic {
    uint64_t working;
    uint64_t idle;
};
struct h2_traffic h2_session_traffic(const struct h2_session *session);

size_t h2_session_stream_count(const struct h2_session *session);

#endif
