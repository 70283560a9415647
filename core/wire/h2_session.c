/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/h2_session.h"

#include <stdlib.h>
#include <string.h>

#include "wire/h2_internal.h"
#include "wire/messages.h"

#define QUEUE_DEFAULT       ((size_t)1 << 20)
#define OUTPUT_DEFAULT      ((size_t)16384)
#define STREAMS_DEFAULT     100
#define HEADER_LIST_DEFAULT 8192
#define WINDOW_DEFAULT      65535 /* RFC 9113 section 6.9.2 */

/* A client may be clumsy, but these are attacks: rapid reset (CVE-2023-44487), CONTINUATION
 * floods, SETTINGS of a thousand entries. */
#define RESET_BURST       200
#define RESETS_PER_SECOND 20
#define CONTINUATIONS_MAX 4
#define SETTINGS_MAX      32
/* Frames we have yet to send. All streams together make a few hundred; refusals and acknowledgments
 * that nobody takes make any number. */
#define UNSENT_FRAMES_MAX 2000

/* ---- streams ---- */

struct h2_stream *h2_session_find(const struct h2_session *session, int32_t id)
{
    /* At most streams_max of them, and the newest, which is the likeliest, comes first. */
    struct h2_stream *stream = session->streams;
    while (stream != NULL && stream->id != id) {
        stream = stream->next;
    }
    return stream;
}

struct h2_stream *h2_session_find_open(const struct h2_session *session, int32_t id)
{
    struct h2_stream *stream = session->is_dead ? NULL : h2_session_find(session, id);
    return stream != NULL && !stream->has_ended ? stream : NULL;
}

struct h2_stream *h2_session_add(struct h2_session *session, int32_t id)
{
    struct h2_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL) {
        return NULL;
    }
    stream->session = session;
    stream->id = id;
    grpc_assembler_init(&stream->incoming, session->limits.message_max);
    stream->incoming.buf.pool = session->limits.pool;
    stream->queue.pool = session->limits.pool;
    stream->next = session->streams;
    if (stream->next != NULL) {
        stream->next->previous = stream;
    }
    session->streams = stream;
    session->stream_count++;
    return stream;
}

static void free_stream(struct h2_stream *stream)
{
    h2_headers_fini(&stream->fields);
    grpc_assembler_fini(&stream->incoming);
    secret_buf_fini(&stream->queue);
    free(stream->verdict_text);
    free(stream);
}

void h2_session_remove(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;

    if (stream->previous != NULL) {
        stream->previous->next = stream->next;
    } else {
        session->streams = stream->next;
    }
    if (stream->next != NULL) {
        stream->next->previous = stream->previous;
    }
    session->stream_count--;
    session->held -= stream->held;
    free_stream(stream);
}

void h2_session_set_data(struct h2_session *session, int32_t id, void *data)
{
    struct h2_stream *stream = h2_session_find(session, id);
    if (stream != NULL) {
        stream->data = data;
    }
}

void *h2_session_get_data(const struct h2_session *session, int32_t id)
{
    const struct h2_stream *stream = h2_session_find(session, id);
    return stream != NULL ? stream->data : NULL;
}

struct h2_traffic h2_session_traffic(const struct h2_session *session)
{
    return session->traffic;
}

size_t h2_session_stream_count(const struct h2_session *session)
{
    return session->stream_count;
}

/* ---- life ---- */

static struct h2_limits with_defaults(const struct h2_limits *given)
{
    struct h2_limits limits = *given;

    limits.message_max = limits.message_max != 0 ? limits.message_max : WIRE_MESSAGE_MAX;
    limits.partial_max = limits.partial_max != 0 ? limits.partial_max : 8 * limits.message_max;
    limits.queue_max = limits.queue_max != 0 ? limits.queue_max : QUEUE_DEFAULT;
    limits.output_max = limits.output_max != 0 ? limits.output_max : OUTPUT_DEFAULT;
    limits.streams_max = limits.streams_max != 0 ? limits.streams_max : STREAMS_DEFAULT;
    limits.header_list_max =
        limits.header_list_max != 0 ? limits.header_list_max : HEADER_LIST_DEFAULT;
    return limits;
}

static enum err make_options(nghttp2_option **out)
{
    nghttp2_option *option = NULL;

    if (nghttp2_option_new(&option) != 0) {
        return ERR_NOMEM;
    }
    nghttp2_option_set_max_reserved_remote_streams(option, 0);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_settings(option, SETTINGS_MAX);
    for (unsigned int type = NGHTTP2_CONTINUATION + 1; type <= UINT8_MAX; type++) {
        nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
    }
#ifdef STEK_WIRE_HAVE_RESET_LIMIT
    nghttp2_option_set_stream_reset_rate_limit(option, RESET_BURST, RESETS_PER_SECOND);
#endif
#ifdef STEK_WIRE_HAVE_MAX_CONTINUATIONS
    nghttp2_option_set_max_continuations(option, CONTINUATIONS_MAX);
#endif
    *out = option;
    return ERR_OK;
}

static enum err make_nghttp2(struct h2_session *session)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_mem memory = h2_memory_wiping();
    enum err rc = ERR_NOMEM;

    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        goto out;
    }
    h2_receive_install(callbacks);
    h2_send_install(callbacks);
    rc = make_options(&option);
    if (rc != ERR_OK) {
        goto out;
    }
    const int made =
        session->role == H2_SERVER
            ? nghttp2_session_server_new3(&session->ng, callbacks, session, option, &memory)
            : nghttp2_session_client_new3(&session->ng, callbacks, session, option, &memory);
    rc = made == 0 ? ERR_OK : ERR_NOMEM;

out:
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return rc;
}

/* One whole message may be under way on a stream without the sender having to stop. */
static int32_t window_for(size_t message_max)
{
    const size_t window = message_max + GRPC_PREFIX_LEN;
    if (window < WINDOW_DEFAULT) {
        return WINDOW_DEFAULT;
    }
    return window < INT32_MAX ? (int32_t)window : INT32_MAX;
}

static enum err submit_settings(struct h2_session *session)
{
    const struct h2_limits *limits = &session->limits;
    const int32_t window = window_for(limits->message_max);
    /* A server opens no streams: there is no push. That push is off is the client's to say.
     * NO_RFC7540_PRIORITIES is left alone: with it, nghttp2 1.52 frees an item twice when memory
     * runs out at the wrong moment. */
    const bool is_server = session->role == H2_SERVER;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, is_server ? limits->streams_max : 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->header_list_max},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    const size_t count = sizeof(entries) / sizeof(entries[0]) - (is_server ? 1 : 0);

    if (nghttp2_submit_settings(session->ng, NGHTTP2_FLAG_NONE, entries, count) != 0 ||
        nghttp2_session_set_local_window_size(session->ng, NGHTTP2_FLAG_NONE, 0, window) != 0) {
        return ERR_NOMEM;
    }
    return ERR_OK;
}

enum err h2_session_new(enum h2_role role, const struct h2_limits *limits,
                        const struct h2_events *events, void *ctx, struct h2_session **out_session)
{
    struct h2_session *session = calloc(1, sizeof(*session));

    if (session == NULL) {
        return ERR_NOMEM;
    }
    session->role = role;
    session->limits = with_defaults(limits);
    session->output.pool = limits->pool;
    session->events = *events;
    session->ctx = ctx;
    enum err rc = make_nghttp2(session);
    if (rc == ERR_OK) {
        rc = submit_settings(session);
    }
    if (rc != ERR_OK) {
        h2_session_free(session);
        return rc;
    }
    *out_session = session;
    return ERR_OK;
}

void h2_session_free(struct h2_session *session)
{
    if (session == NULL) {
        return;
    }
    /* Without the streams first, nghttp2 would have them reported as closed. */
    struct h2_stream *stream = session->streams;
    while (stream != NULL) {
        struct h2_stream *next = stream->next;
        free_stream(stream);
        stream = next;
    }
    session->streams = NULL;
    nghttp2_session_del(session->ng);
    secret_buf_fini(&session->output);
    free(session);
}

/* ---- bytes in and out ---- */

/* nghttp2 has given up: it keeps no state worth sending. */
static enum err die(struct h2_session *session, ssize_t code, struct errbuf *why)
{
    session->is_dead = true;
    if (code == NGHTTP2_ERR_NOMEM || code == NGHTTP2_ERR_CALLBACK_FAILURE) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    if (code == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
        errbuf_set(why, "the peer does not speak HTTP/2");
    } else {
        errbuf_set(why, "%s", nghttp2_strerror((int)code));
    }
    return ERR_PROTOCOL;
}

/* Moves what nghttp2 wants to send to the end of the output, up to the limit. */
static enum err gather(struct h2_session *session, struct errbuf *why)
{
    struct secret_buf *output = &session->output;
    const uint8_t *at = NULL;
    ssize_t n = 1;

    while (n > 0 && output->len < session->limits.output_max) {
        n = nghttp2_session_mem_send(session->ng, &at);
        if (n < 0) {
            return die(session, n, why);
        }
        if (n > 0 && secret_buf_append(output, at, (size_t)n) != ERR_OK) {
            return die(session, NGHTTP2_ERR_NOMEM, why);
        }
    }
    return ERR_OK;
}

/* Lets go of what the last drain handed out. */
static void release_output(struct h2_session *session)
{
    secret_buf_consume(&session->output, session->handed_out);
    session->handed_out = 0;
}

enum err h2_session_feed(struct h2_session *session, struct slice bytes, struct errbuf *why)
{
    if (session->is_dead) {
        errbuf_set(why, "the connection has failed already");
        return ERR_PROTOCOL;
    }
    release_output(session);
    const ssize_t taken = nghttp2_session_mem_recv(session->ng, bytes.at, bytes.len);
    if (taken < 0) {
        return die(session, taken, why);
    }
    /* nghttp2 answers a peer that broke the protocol with a GOAWAY. Only once it is written can one
     * see that nothing more will be read. */
    const enum err rc = gather(session, why);
    if (rc != ERR_OK) {
        return rc;
    }
    if (nghttp2_session_get_outbound_queue_size(session->ng) > UNSENT_FRAMES_MAX) {
        h2_receive_count(session, H2_REFUSED_FLOOD);
        session->is_dead = true;
        errbuf_set(why, "the peer makes us answer and does not take the answers");
        return ERR_PROTOCOL;
    }
    /* With a stream open nghttp2 would read on. */
    if (!session->is_condemned && (session->is_shut_down || session->is_shunned ||
                                   nghttp2_session_want_read(session->ng) != 0)) {
        return ERR_OK;
    }
    errbuf_set(why, "%s",
               session->problem.text[0] != '\0' ? session->problem.text
                                                : "the peer broke the HTTP/2 protocol");
    return ERR_PROTOCOL;
}

enum err h2_session_drain(struct h2_session *session, struct slice *out, struct errbuf *why)
{
    release_output(session);
    if (!session->is_dead) {
        const enum err rc = gather(session, why);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    if (session->output.len == 0) {
        secret_buf_fini(&session->output); /* idle connections hold no locked memory */
    }
    session->handed_out = session->output.len;
    *out = (struct slice){session->output.at, session->output.len};
    return ERR_OK;
}

bool h2_session_is_alive(const struct h2_session *session)
{
    return session->output.len > session->handed_out ||
           (!session->is_dead && (nghttp2_session_want_read(session->ng) != 0 ||
                                  nghttp2_session_want_write(session->ng) != 0));
}

enum err h2_session_shutdown(struct h2_session *session, const char *reason)
{
    if (session->is_dead || session->is_shut_down) {
        return ERR_OK;
    }
    const int32_t last = nghttp2_session_get_last_proc_stream_id(session->ng);
    if (nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR,
                              (const uint8_t *)reason, strlen(reason)) != 0) {
        return ERR_NOMEM;
    }
    session->is_shut_down = true;
    return ERR_OK;
}
