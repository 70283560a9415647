/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the h2_*.c files share: the session, its streams, and who calls whom. Only they include
 * this, and with it nghttp2.
 *
 *      h2_session.c   life of the session, bytes in and out, the table of streams
 *      h2_receive.c   nghttp2's receiving callbacks: requests, messages, the end of a stream
 *      h2_headers.c   one header field at a time, and the status a client makes of them
 *      h2_send.c      queues of messages, response headers, trailers, resets
 *      h2_memory.c    nghttp2's allocator
 */
#ifndef STEK_WIRE_H2_INTERNAL_H
#define STEK_WIRE_H2_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#include "base/err.h"
#include "base/secret.h"
#include "wire/grpc_frame.h"
#include "wire/h2_session.h"

/* What the header fields received on a stream said. */
struct h2_fields {
    size_t bytes;      /* as SETTINGS_MAX_HEADER_LIST_SIZE counts */
    bool is_too_large; /* over the limit: what came after is not kept */
    bool is_out_of_memory;
    bool is_grpc; /* content-type */
    /* Request: */
    bool is_post;
    bool is_bad_timeout;
    int64_t timeout_ms; /* 0: none */
    char *path;         /* owned; NULL until seen */
    char *authority;    /* owned; NULL until seen */
    /* Response: */
    unsigned int http_status; /* 0 until seen */
    bool has_status;
    enum grpc_status status;
    char *message; /* owned; decoded; NULL until seen */
};

struct h2_stream {
    struct h2_session *session;
    struct h2_stream *next;
    struct h2_stream *previous;
    int32_t id;
    void *data; /* borrowed: the user's */
    struct h2_fields fields;
    struct grpc_assembler incoming;
    size_t held; /* memory of `incoming` as counted in session->held */

    struct secret_buf queue; /* framed messages; the first `taken` bytes are with nghttp2 */
    size_t taken;

    bool is_reported;    /* the user knows this stream, so it hears of its end */
    bool is_deaf;        /* nothing more from the peer is reported, but the end */
    bool is_answered;    /* server: response headers are submitted */
    bool has_ended;      /* nothing more is taken from the user */
    bool is_closed;      /* on_closed is being told, or was */
    bool is_cancelled;   /* reset by the user */
    bool is_remote_done; /* the peer has half-closed */
    bool refuses_compression;

    /* Server, once finished: what the trailers say. Client, once we gave up on the stream: what
     * the user is told whatever the server says. */
    bool has_verdict;
    enum grpc_status verdict;
    char *verdict_text; /* owned; plain; NULL: none */
};

struct h2_session {
    enum h2_role role;
    struct h2_limits limits;
    struct h2_events events;
    void *ctx; /* borrowed */
    nghttp2_session *ng;
    struct h2_stream *streams; /* owned; newest first */
    size_t stream_count;
    size_t held;              /* memory of unfinished messages, over all streams */
    struct secret_buf output; /* written by nghttp2, to be handed out by a drain */
    size_t handed_out;        /* of it, by the last drain: goes with the next call */
    struct h2_traffic traffic;
    struct errbuf problem; /* nghttp2's last complaint */
    bool is_shut_down;     /* we said GOAWAY */
    bool is_condemned;     /* nghttp2 said GOAWAY because of what the peer did */
    bool is_shunned;       /* the peer said GOAWAY */
    bool is_dead;          /* nghttp2 must not be called any more */
};

/* ---- h2_session.c ---- */

/* NULL when there is none. */
struct h2_stream *h2_session_find(const struct h2_session *session, int32_t id);
/* The same for those who want to send: NULL too once the stream takes no more from the user. */
struct h2_stream *h2_session_find_open(const struct h2_session *session, int32_t id);
/* NULL when memory is short. */
struct h2_stream *h2_session_add(struct h2_session *session, int32_t id);
void h2_session_remove(struct h2_stream *stream);

/* ---- h2_receive.c ---- */

void h2_receive_install(nghttp2_session_callbacks *callbacks);
/* Tells the user. */
void h2_receive_count(const struct h2_session *session, enum h2_refusal what);

/* ---- h2_headers.c ---- */

/* Takes one received field into stream->fields. */
void h2_headers_take(struct h2_stream *stream, struct slice name, struct slice value);
void h2_headers_fini(struct h2_fields *fields);
/* What a client tells its user about a stream that ended with `error_code`. `*out_text` is never
 * NULL; borrowed from the stream. */
enum grpc_status h2_headers_outcome(const struct h2_stream *stream, uint32_t error_code,
                                    const char **out_text);

/* ---- h2_send.c ---- */

void h2_send_install(nghttp2_session_callbacks *callbacks);
/* Answers with a bare HTTP status: for requests that are not gRPC. */
void h2_send_http_status(struct h2_stream *stream, const char *status);
/* The rest of the stream is not worth hearing: a server finishes it with this verdict, a client
 * resets it and remembers the verdict for its user. */
void h2_send_give_up(struct h2_stream *stream, enum grpc_status status, const char *text);

/* ---- h2_memory.c ---- */

/* malloc and friends; what is freed or moved is wiped first. */
nghttp2_mem h2_memory_wiping(void);

#endif
