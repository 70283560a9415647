/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending. Messages wait in secret memory and go from there straight to the session's output,
 * also secret memory: nghttp2 is told their length (NO_COPY) and never sees their bytes.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/h2_internal.h"

#define FRAME_HEADER_LEN 9
#define MESSAGE_MAX      2048 /* bytes of an encoded grpc-message; clients take 8 KiB of headers */

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name,
        .namelen = strlen(name),
        .value = (uint8_t *)(uintptr_t)value,
        .valuelen = strlen(value),
        .flags = NGHTTP2_NV_FLAG_NONE,
    };
}

static size_t waiting(const struct h2_stream *stream)
{
    return stream->queue.len - stream->taken;
}

/* ---- trailers ---- */

#define TRAILER_FIELDS_MAX 3

struct trailers {
    nghttp2_nv fields[TRAILER_FIELDS_MAX];
    size_t count;
    char status[4];
    char message[MESSAGE_MAX + 1];
};

/* `t` must not move afterwards: the fields point into it. */
static void fill_trailers(struct trailers *t, const struct h2_stream *stream)
{
    (void)snprintf(t->status, sizeof(t->status), "%u", (unsigned int)stream->verdict % 100U);
    t->count = 0;
    t->fields[t->count++] = field("grpc-status", t->status);
    if (stream->verdict_text != NULL && stream->verdict_text[0] != '\0') {
        (void)grpc_message_encode(stream->verdict_text, t->message, sizeof(t->message));
        t->fields[t->count++] = field("grpc-message", t->message);
    }
    if (stream->refuses_compression) {
        t->fields[t->count++] = field("grpc-accept-encoding", "identity");
    }
}

static int submit_trailers(struct h2_stream *stream)
{
    struct trailers t;

    fill_trailers(&t, stream);
    return nghttp2_submit_trailer(stream->session->ng, stream->id, t.fields, t.count);
}

/* The whole answer in one header block. */
static int submit_trailers_only(struct h2_stream *stream)
{
    struct trailers t;
    nghttp2_nv fields[2 + TRAILER_FIELDS_MAX];

    fill_trailers(&t, stream);
    fields[0] = field(":status", "200");
    fields[1] = field("content-type", "application/grpc");
    memcpy(&fields[2], t.fields, t.count * sizeof(t.fields[0]));
    return nghttp2_submit_response(stream->session->ng, stream->id, fields, 2 + t.count, NULL);
}

/* ---- data ---- */

/* nghttp2 asks how much there is; on_send_data() delivers it. */
static ssize_t on_read(nghttp2_session *ng, int32_t id, uint8_t *unused, size_t length,
                       uint32_t *data_flags, nghttp2_data_source *source, void *user_data)
{
    struct h2_stream *stream = h2_session_find(user_data, id);
    const bool is_server = ((struct h2_session *)user_data)->role == H2_SERVER;

    (void)ng;
    (void)unused;
    (void)source;
    if (stream == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const size_t left = waiting(stream);
    const size_t n = left < length ? left : length;
    if (n == 0 && !stream->has_ended) {
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n > 0) {
        *data_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    }
    if (n == left && stream->has_ended) {
        *data_flags |= NGHTTP2_DATA_FLAG_EOF;
        if (is_server) {
            *data_flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (submit_trailers(stream) != 0) {
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
            }
        }
    }
    return (ssize_t)n;
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *header,
                        size_t length, nghttp2_data_source *source, void *user_data)
{
    struct h2_session *session = user_data;
    struct h2_stream *stream = h2_session_find(session, frame->hd.stream_id);

    (void)ng;
    (void)source;
    if (stream == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    assert(waiting(stream) >= length && frame->data.padlen == 0);
    if (session->output.len >= session->limits.output_max) {
        return NGHTTP2_ERR_WOULDBLOCK; /* asked again in the next drain */
    }
    if (secret_buf_reserve(&session->output, FRAME_HEADER_LEN + length) != ERR_OK ||
        secret_buf_append(&session->output, header, FRAME_HEADER_LEN) != ERR_OK ||
        secret_buf_append(&session->output, stream->queue.at + stream->taken, length) != ERR_OK) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    stream->taken += length;
    if (waiting(stream) == 0) {
        secret_buf_fini(&stream->queue);
        stream->taken = 0;
    }
    return 0;
}

/* A server that has said all stops a client that has not: nobody would read it. */
static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = user_data;

    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
        session->is_condemned = true; /* our own say NO_ERROR */
    }
    if (session->role != H2_SERVER || frame->hd.type != NGHTTP2_HEADERS ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        return 0;
    }
    const struct h2_stream *stream = h2_session_find(session, frame->hd.stream_id);
    if (stream == NULL || stream->is_remote_done) {
        return 0;
    }
    return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
}

void h2_send_install(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
}

static const nghttp2_data_provider provider = {.read_callback = on_read};

/* There is something new to send, or to end. */
static void resume(struct h2_stream *stream)
{
    /* It says "invalid argument" when the stream was not waiting; then nothing is to be done. */
    (void)nghttp2_session_resume_data(stream->session->ng, stream->id);
}

static enum err answer(struct h2_stream *stream)
{
    const nghttp2_nv fields[] = {field(":status", "200"),
                                 field("content-type", "application/grpc")};

    if (nghttp2_submit_response(stream->session->ng, stream->id, fields,
                                sizeof(fields) / sizeof(fields[0]), &provider) != 0) {
        return ERR_NOMEM;
    }
    stream->is_answered = true;
    return ERR_OK;
}

enum err h2_session_send(struct h2_session *session, int32_t id, struct slice message)
{
    struct h2_stream *stream = h2_session_find_open(session, id);

    if (stream == NULL) {
        return ERR_NOT_FOUND;
    }
    const size_t room = session->limits.queue_max - waiting(stream);
    if (message.len > room || GRPC_PREFIX_LEN > room - message.len) {
        return ERR_LIMIT;
    }
    secret_buf_consume(&stream->queue, stream->taken);
    stream->taken = 0;
    enum err rc = grpc_frame_append(&stream->queue, message);
    if (rc == ERR_OK && session->role == H2_SERVER && !stream->is_answered) {
        rc = answer(stream);
        if (rc != ERR_OK) {
            secret_buf_fini(&stream->queue); /* nothing else can have been in it */
        }
    } else if (rc == ERR_OK) {
        resume(stream);
    }
    return rc;
}

size_t h2_session_queued(const struct h2_session *session, int32_t id)
{
    const struct h2_stream *stream = h2_session_find(session, id);
    return stream != NULL ? waiting(stream) : 0;
}

/* ---- ends ---- */

enum err h2_session_half_close(struct h2_session *session, int32_t id)
{
    struct h2_stream *stream = h2_session_find_open(session, id);

    assert(session->role == H2_CLIENT);
    if (stream == NULL) {
        return ERR_NOT_FOUND;
    }
    stream->has_ended = true;
    resume(stream);
    return ERR_OK;
}

/* The text is a courtesy: without memory for it the status goes alone. */
static void set_verdict(struct h2_stream *stream, enum grpc_status status, const char *text)
{
    stream->has_verdict = true;
    stream->verdict = status;
    stream->verdict_text = text != NULL ? strdup(text) : NULL;
    stream->has_ended = true;
    stream->is_deaf = true;
}

static enum err finish(struct h2_stream *stream, enum grpc_status status, const char *text)
{
    set_verdict(stream, status, text);
    if (stream->is_answered) {
        resume(stream);
        return ERR_OK;
    }
    stream->is_answered = true;
    return submit_trailers_only(stream) == 0 ? ERR_OK : ERR_NOMEM;
}

enum err h2_session_finish(struct h2_session *session, int32_t id, enum grpc_status status,
                           const char *message)
{
    struct h2_stream *stream = h2_session_find_open(session, id);

    assert(session->role == H2_SERVER);
    if (stream == NULL) {
        return ERR_NOT_FOUND;
    }
    return finish(stream, status, message);
}

void h2_send_http_status(struct h2_stream *stream, const char *status)
{
    const nghttp2_nv fields[] = {field(":status", status)};

    stream->is_answered = true;
    stream->has_ended = true;
    stream->is_deaf = true;
    (void)nghttp2_submit_response(stream->session->ng, stream->id, fields, 1, NULL);
}

static enum err reset(struct h2_stream *stream)
{
    return nghttp2_submit_rst_stream(stream->session->ng, NGHTTP2_FLAG_NONE, stream->id,
                                     NGHTTP2_CANCEL) == 0
               ? ERR_OK
               : ERR_NOMEM;
}

void h2_send_give_up(struct h2_stream *stream, enum grpc_status status, const char *text)
{
    if (stream->session->role == H2_CLIENT) {
        set_verdict(stream, status, text);
        (void)reset(stream);
    } else if (!stream->has_ended) {
        (void)finish(stream, status, text);
    }
}

enum err h2_session_cancel(struct h2_session *session, int32_t id)
{
    struct h2_stream *stream = h2_session_find(session, id);

    if (stream == NULL || stream->is_closed || session->is_dead) {
        return ERR_NOT_FOUND;
    }
    if (stream->is_cancelled) {
        return ERR_OK;
    }
    stream->is_cancelled = true;
    stream->is_deaf = true;
    stream->has_ended = true;
    return reset(stream);
}

/* ---- calls ---- */

#define CALL_FIELDS_MAX 8

enum err h2_session_call(struct h2_session *session, const char *path, const char *authority,
                         int64_t timeout_ms, int32_t *out_stream)
{
    nghttp2_nv fields[CALL_FIELDS_MAX];
    size_t count = 0;
    char timeout[16];

    assert(session->role == H2_CLIENT);
    if (session->is_dead || session->is_shut_down || session->is_shunned) {
        return ERR_UNAVAILABLE;
    }
    fields[count++] = field(":method", "POST");
    fields[count++] = field(":scheme", "http");
    fields[count++] = field(":path", path);
    fields[count++] = field(":authority", authority);
    fields[count++] = field("te", "trailers");
    fields[count++] = field("content-type", "application/grpc");
    fields[count++] = field("user-agent", STEK_WIRE_USER_AGENT);
    if (timeout_ms > 0) {
        grpc_timeout_format(timeout_ms, timeout);
        fields[count++] = field("grpc-timeout", timeout);
    }
    const int32_t id = nghttp2_submit_request(session->ng, NULL, fields, count, &provider, NULL);
    if (id < 0) {
        return id == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_UNAVAILABLE;
    }
    struct h2_stream *stream = h2_session_add(session, id);
    if (stream == NULL) {
        /* It ends before it began: nobody will hear of it. */
        (void)nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        return ERR_NOMEM;
    }
    stream->is_reported = true;
    *out_stream = id;
    return ERR_OK;
}
