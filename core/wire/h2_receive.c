/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "wire/h2_internal.h"

#define FIELDS_POLITE 8 /* up to so many times header_list_max are read, and answered with 431 */

void h2_receive_count(const struct h2_session *session, enum h2_refusal what)
{
    if (session->events.on_refused != NULL) {
        session->events.on_refused(session->ctx, what);
    }
}

/* ---- header blocks ---- */

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = user_data;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    if (session->is_shut_down) {
        /* Our GOAWAY does not count it, so the client may try it elsewhere: it must not run here.
         */
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    }
    /* Failing here resets that stream only. */
    return h2_session_add(session, frame->hd.stream_id) != NULL
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    struct h2_stream *stream = h2_session_find(user_data, frame->hd.stream_id);

    (void)ng;
    (void)flags;
    if (stream == NULL) {
        return 0;
    }
    h2_headers_take(stream, (struct slice){name, name_len}, (struct slice){value, value_len});
    if (stream->fields.bytes / FIELDS_POLITE <= stream->session->limits.header_list_max) {
        return 0;
    }
    /* A few bytes of HPACK become megabytes, each of which nghttp2 looks at: from here on it only
     * keeps its table. */
    h2_receive_count(stream->session, H2_REFUSED_FIELDS);
    stream->is_deaf = true;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Answers what is not a gRPC request of ours. True when it was answered. */
static bool refuse_request(struct h2_stream *stream)
{
    const struct h2_fields *fields = &stream->fields;

    if (fields->is_too_large) {
        h2_receive_count(stream->session, H2_REFUSED_FIELDS);
        h2_send_http_status(stream, "431");
        return true;
    }
    if (!fields->is_post) {
        h2_send_http_status(stream, "405");
    } else if (!fields->is_grpc) {
        h2_send_http_status(stream, "415");
    } else if (fields->is_out_of_memory || fields->path == NULL) {
        h2_receive_count(stream->session, H2_REFUSED_NOMEM);
        h2_send_give_up(stream, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return true;
    } else if (fields->is_bad_timeout) {
        h2_send_give_up(stream, GRPC_INVALID_ARGUMENT, "malformed grpc-timeout");
    } else {
        return false;
    }
    h2_receive_count(stream->session, H2_REFUSED_REQUEST);
    return true;
}

static void take_request(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;
    struct h2_fields *fields = &stream->fields;

    if (!refuse_request(stream)) {
        const struct h2_request request = {
            .path = fields->path,
            .authority = fields->authority != NULL ? fields->authority : "",
            .timeout_ms = fields->timeout_ms,
        };
        stream->is_reported = true;
        session->events.on_request(session->ctx, stream->id, &request);
    }
    /* Trailers count on, so that a peer cannot have the limit twice. */
    const size_t bytes = fields->bytes;
    h2_headers_fini(fields);
    fields->bytes = bytes;
}

/* Client: a header block of the answer is complete. */
static void take_response(struct h2_stream *stream)
{
    if (stream->fields.is_too_large && !stream->is_deaf) {
        h2_receive_count(stream->session, H2_REFUSED_FIELDS);
        h2_send_give_up(stream, GRPC_RESOURCE_EXHAUSTED, "the answer's header block is too large");
    }
}

/* ---- messages ---- */

static void break_off(struct h2_stream *stream, enum err rc)
{
    const struct h2_session *session = stream->session;

    stream->refuses_compression = rc == ERR_UNSUPPORTED;
    if (rc == ERR_UNSUPPORTED) {
        h2_receive_count(session, H2_REFUSED_COMPRESSED);
        h2_send_give_up(stream, GRPC_UNIMPLEMENTED, "compressed messages are not supported");
    } else if (rc == ERR_LIMIT) {
        h2_receive_count(session, H2_REFUSED_MESSAGE);
        h2_send_give_up(stream, GRPC_RESOURCE_EXHAUSTED, "the message is too large");
    } else {
        h2_receive_count(session, H2_REFUSED_NOMEM);
        h2_send_give_up(stream, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    }
}

/* Counts the memory the stream keeps for an unfinished message: a block is locked as a whole,
 * however few bytes are in it. ERR_LIMIT: too much over all streams. */
static enum err count_held(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;

    session->held += stream->incoming.buf.cap - stream->held;
    stream->held = stream->incoming.buf.cap;
    return session->held <= session->limits.partial_max ? ERR_OK : ERR_LIMIT;
}

static void take_bytes(struct h2_stream *stream, struct slice bytes)
{
    struct h2_session *session = stream->session;
    struct slice message;

    enum err rc = grpc_assembler_feed(&stream->incoming, bytes);
    /* Whole messages before the one that is refused still count. */
    while (!stream->is_deaf && grpc_assembler_next(&stream->incoming, &message)) {
        session->events.on_message(session->ctx, stream->id, message);
    }
    if (rc == ERR_OK) {
        rc = count_held(stream);
    }
    if (rc != ERR_OK && !stream->is_deaf) {
        break_off(stream, rc);
    }
    if (stream->is_deaf) {
        grpc_assembler_fini(&stream->incoming);
        (void)count_held(stream);
    }
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *bytes,
                         size_t len, void *user_data)
{
    struct h2_session *session = user_data;
    struct h2_stream *stream = h2_session_find(session, id);

    (void)ng;
    (void)flags;
    if (stream == NULL || stream->is_deaf) {
        return 0;
    }
    const struct h2_fields *fields = &stream->fields;
    if (session->role == H2_CLIENT && (fields->http_status != 200 || !fields->is_grpc)) {
        return 0; /* somebody's error page */
    }
    take_bytes(stream, (struct slice){bytes, len});
    return 0;
}

/* ---- ends ---- */

static void take_end(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;

    stream->is_remote_done = true;
    if (session->role == H2_CLIENT) {
        /* The server has said all; without this a stream we still write to would never close. */
        if (nghttp2_session_get_stream_local_close(session->ng, stream->id) == 0) {
            (void)nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, stream->id,
                                            NGHTTP2_NO_ERROR);
            stream->has_ended = true;
        }
        return;
    }
    if (stream->is_deaf) {
        return;
    }
    if (grpc_assembler_is_partial(&stream->incoming)) {
        h2_receive_count(session, H2_REFUSED_CUT);
        h2_send_give_up(stream, GRPC_INVALID_ARGUMENT, "the request was cut off within a message");
        return;
    }
    session->events.on_half_closed(session->ctx, stream->id);
}

static void take_goaway(struct h2_session *session)
{
    const bool is_first = !session->is_shunned;

    session->is_shunned = true;
    if (is_first && session->role == H2_CLIENT && session->events.on_goaway != NULL) {
        session->events.on_goaway(session->ctx);
    }
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = user_data;

    (void)ng;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        take_goaway(session);
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    struct h2_stream *stream = h2_session_find(session, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS && session->role == H2_CLIENT) {
        take_response(stream);
    } else if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        take_request(stream);
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        take_end(stream);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error_code, void *user_data)
{
    struct h2_session *session = user_data;
    struct h2_stream *stream = h2_session_find(session, id);

    (void)ng;
    if (stream == NULL) {
        return 0;
    }
    /* The user may still ask for its data from the callback, but no more send anything. */
    stream->is_deaf = true;
    stream->has_ended = true;
    stream->is_closed = true;
    if (stream->is_reported) {
        const char *text = "";
        enum grpc_status status = error_code == NGHTTP2_NO_ERROR ? GRPC_OK : GRPC_CANCELLED;
        if (session->role == H2_CLIENT) {
            status = h2_headers_outcome(stream, error_code, &text);
        } else if (stream->has_verdict) {
            status = stream->verdict;
        }
        session->events.on_closed(session->ctx, id, status, text);
    }
    h2_session_remove(stream);
    return 0;
}

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *head, void *user_data)
{
    struct h2_session *session = user_data;
    const bool is_working = head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_CONTINUATION ||
                            (head->type == NGHTTP2_DATA && head->length > 0);

    (void)ng;
    session->traffic.working += is_working;
    session->traffic.idle += !is_working;
    return 0;
}

/* Of a type nobody knows (RFC 9113 section 4.1): ignored, but not unseen. */
static int on_unknown_frame(nghttp2_session *ng, void **payload, const nghttp2_frame_hd *head,
                            void *user_data)
{
    struct h2_session *session = user_data;

    (void)ng;
    (void)payload;
    (void)head;
    session->traffic.idle++;
    return NGHTTP2_ERR_CANCEL;
}

/* ---- complaints ---- */

static int on_error(nghttp2_session *ng, int code, const char *text, size_t len, void *user_data)
{
    struct h2_session *session = user_data;

    (void)ng;
    (void)code;
    (void)len;
    /* It may quote the peer. */
    if (text_is_label(text, sizeof(session->problem.text) - 1)) {
        errbuf_set(&session->problem, "%s", text);
    }
    return 0;
}

static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int code,
                            void *user_data)
{
    struct h2_session *session = user_data;

    (void)ng;
    h2_receive_count(session,
                     code == NGHTTP2_ERR_REFUSED_STREAM ? H2_REFUSED_STREAM : H2_REFUSED_FRAME);
    errbuf_set(&session->problem, "frame of type %d: %s", frame->hd.type, nghttp2_strerror(code));
    return 0;
}

void h2_receive_install(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, on_unknown_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_error_callback2(callbacks, on_error);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
}
