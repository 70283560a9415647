/* SPDX-License-Identifier: Apache-2.0 */
#include "src/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "src/backoff.h"
#include "wire/codec.h"
#include "wire/methods.h"

#define SYNC_DEFAULT_MS INT64_C(15000) /* until a realm's policy is known */
#define SYNC_LEAST_MS                                                                              \
    INT64_C(200) /* patience below this would mistake a busy host for a dead one */
#define NO_STREAM 0

struct stream {
    int32_t id; /* NO_STREAM: closed */
    bool has_spoken;
    int64_t asked_ms;  /* when it was opened */
    int64_t silent_at; /* when silence becomes too long */
    int64_t retry_at;  /* while closed */
    unsigned int attempt;
    int64_t sync_interval_ms;
};

struct conn {
    struct conn_config config;
    struct conn_events events;
    void *ctx;
    struct link link;
    size_t endpoint;
    int64_t now_ms;       /* of the conn_step() that is under way */
    int64_t retry_at;     /* while waiting */
    unsigned int attempt; /* connections in a row that brought nothing */
    uint64_t random;
    bool is_leaving; /* asked for from inside a callback */
    struct errbuf leaving;
    struct stream streams[RINGMAP_REALMS_MAX];
};

/* Jitter needs to differ between frontends, not to be secret (splitmix64). */
static uint64_t next_random(struct conn *conn)
{
    uint64_t z = (conn->random += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static bool is_connected(const struct conn *conn)
{
    return conn->link.fd >= 0;
}

/* --- streams --------------------------------------------------------------------------------- */

static size_t find_stream(const struct conn *conn, int32_t id)
{
    for (size_t i = 0; i < conn->config.realm_count; i++) {
        if (conn->streams[i].id == id) {
            return i;
        }
    }
    return conn->config.realm_count;
}

static size_t count_open(const struct conn *conn)
{
    size_t open = 0;
    for (size_t i = 0; i < conn->config.realm_count; i++) {
        open += conn->streams[i].id != NO_STREAM;
    }
    return open;
}

static int64_t least_sync_interval(const struct conn *conn)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < conn->config.realm_count; i++) {
        const int64_t mine = conn->streams[i].sync_interval_ms;
        least = mine < least ? mine : least;
    }
    return least;
}

static enum err send_request(struct conn *conn, size_t realm,
                             const struct wire_watch_request *request)
{
    struct secret_buf bytes = {0};
    enum err rc = wire_encode_watch_request(request, &bytes);
    if (rc == ERR_OK) {
        rc = h2_session_send(conn->link.h2, conn->streams[realm].id,
                             (struct slice){bytes.at, bytes.len});
    }
    secret_buf_fini(&bytes);
    return rc;
}

/* Without the digest held: a daemon that knew it would send no keyring, and with it no policy,
 * which may have changed while we were away and is not part of the digest. */
static enum err fill_open(const struct conn *conn, size_t realm, struct wire_watch_open *open)
{
    enum err rc = text_copy(open->realm, sizeof(open->realm), conn->config.realms[realm]);
    if (rc == ERR_OK) {
        rc = text_copy(open->frontend, sizeof(open->frontend), conn->config.frontend);
    }
    if (rc == ERR_OK) {
        rc = text_copy(open->library_version, sizeof(open->library_version),
                       conn->config.library_version);
    }
    return rc;
}

static void plan_stream_retry(struct conn *conn, size_t realm)
{
    struct stream *stream = &conn->streams[realm];
    stream->id = NO_STREAM;
    stream->retry_at =
        clock_add_ms(conn->now_ms, backoff_delay_ms(stream->attempt++, stream->sync_interval_ms / 4,
                                                    next_random(conn)));
}

static int64_t patience(const struct stream *stream)
{
    const int64_t half = stream->sync_interval_ms / 2;
    return half < CONN_PATIENCE_MS ? half : CONN_PATIENCE_MS;
}

static void open_stream(struct conn *conn, size_t realm)
{
    struct wire_watch_request request = {.kind = WIRE_WATCH_OPEN};
    struct stream *stream = &conn->streams[realm];
    enum err rc = h2_session_call(conn->link.h2, METHOD_WATCH_KEYRING, "localhost", 0, &stream->id);
    if (rc == ERR_OK) {
        rc = fill_open(conn, realm, &request.as.open);
    }
    if (rc == ERR_OK) {
        rc = send_request(conn, realm, &request);
    }
    if (rc != ERR_OK) {
        conn->events.on_trouble(conn->ctx, realm, err_text(rc));
        conn_leave(conn, err_text(rc));
        return;
    }
    stream->has_spoken = false;
    stream->asked_ms = conn->now_ms;
    stream->silent_at = clock_add_ms(conn->now_ms, patience(stream));
}

/* --- what the daemon says -------------------------------------------------------------------- */

static void note_spoken(struct conn *conn, struct stream *stream)
{
    stream->has_spoken = true;
    stream->attempt = 0;
    conn->attempt = 0;
}

static void hear(struct conn *conn, size_t realm, const struct wire_watch_response *response)
{
    struct stream *stream = &conn->streams[realm];
    /* Only a stream's first message answers something: its opening. */
    const int64_t asked = stream->has_spoken ? -1 : stream->asked_ms;
    if (response->kind == WIRE_WATCH_HEARTBEAT) {
        conn->events.on_heartbeat(conn->ctx, realm, &response->as.heartbeat, asked, conn->now_ms);
    } else if (!conn->events.on_snapshot(conn->ctx, realm, &response->as.snapshot, asked,
                                         conn->now_ms)) {
        conn_leave(conn, "its keyring was refused");
    }
    /* A daemon that is left for what it said has brought nothing: the back-off goes on growing. */
    if (conn->is_leaving) {
        return;
    }
    note_spoken(conn, stream);
    stream->silent_at = clock_add_ms(conn->now_ms, stream->sync_interval_ms / 2);
}

static void on_message(void *ctx, int32_t id, struct slice message)
{
    struct conn *conn = ctx;
    struct wire_watch_response response = {0};
    struct errbuf why = {""};
    const size_t realm = find_stream(conn, id);
    if (realm == conn->config.realm_count || conn->is_leaving) {
        return;
    }
    if (wire_decode_watch_response(message, &response, &why) != ERR_OK) {
        conn->events.on_trouble(conn->ctx, realm, why.text);
        conn_leave(conn, why.text);
        return;
    }
    hear(conn, realm, &response);
    if (response.kind == WIRE_WATCH_SNAPSHOT) {
        wire_snapshot_fini(&response.as.snapshot);
    }
}

static void on_closed(void *ctx, int32_t id, enum grpc_status status, const char *message)
{
    struct conn *conn = ctx;
    struct errbuf why;
    const size_t realm = find_stream(conn, id);
    if (realm == conn->config.realm_count) {
        return;
    }
    errbuf_set(&why, "the daemon ended the watch: %s%s%s", grpc_status_name((unsigned int)status),
               message[0] != '\0' ? ": " : "", message);
    conn->events.on_trouble(conn->ctx, realm, why.text);
    plan_stream_retry(conn, realm);
    if (count_open(conn) == 0) {
        conn_leave(conn, why.text);
    }
}

static void on_goaway(void *ctx)
{
    conn_leave(ctx, "the daemon is stopping");
}

/* --- the connection -------------------------------------------------------------------------- */

enum err conn_new(const struct conn_config *config, const struct conn_events *events, void *ctx,
                  struct conn **out_conn)
{
    assert(config->endpoint_count > 0 && config->realm_count <= RINGMAP_REALMS_MAX);
    struct conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL) {
        return ERR_NOMEM;
    }
    conn->config = *config;
    conn->events = *events;
    conn->ctx = ctx;
    conn->random = config->seed;
    link_init(&conn->link);
    conn->endpoint = (size_t)(next_random(conn) % config->endpoint_count);
    conn->retry_at = INT64_MIN;
    for (size_t i = 0; i < config->realm_count; i++) {
        conn->streams[i].sync_interval_ms = SYNC_DEFAULT_MS;
    }
    *out_conn = conn;
    return ERR_OK;
}

void conn_free(struct conn *conn)
{
    if (conn != NULL) {
        link_close(&conn->link);
        free(conn);
    }
}

int conn_fd(const struct conn *conn)
{
    return conn->link.fd;
}

short conn_wants(const struct conn *conn)
{
    return link_wants(&conn->link);
}

size_t conn_endpoint(const struct conn *conn)
{
    return conn->endpoint;
}

void conn_set_sync_interval(struct conn *conn, size_t realm, int64_t sync_interval_ms)
{
    conn->streams[realm].sync_interval_ms =
        sync_interval_ms < SYNC_LEAST_MS ? SYNC_LEAST_MS : sync_interval_ms;
}

void conn_leave(struct conn *conn, const char *why)
{
    if (!conn->is_leaving) {
        conn->is_leaving = true;
        errbuf_set(&conn->leaving, "unix:%s: %s", conn->config.endpoints[conn->endpoint].path, why);
    }
}

/* What conn_leave() asked for, once no callback is under way. */
static void leave(struct conn *conn)
{
    const size_t endpoints = conn->config.endpoint_count;
    link_close(&conn->link);
    for (size_t i = 0; i < conn->config.realm_count; i++) {
        conn->streams[i].id = NO_STREAM;
        conn->streams[i].retry_at = INT64_MIN;
        conn->events.on_trouble(conn->ctx, i, conn->leaving.text);
    }
    conn->is_leaving = false;
    conn->endpoint = (conn->endpoint + 1) % endpoints;
    /* Once round all endpoints is one attempt: the others may be well. */
    const unsigned int round = conn->attempt++ / (unsigned int)endpoints;
    conn->retry_at = clock_add_ms(
        conn->now_ms, backoff_delay_ms(round, least_sync_interval(conn) / 4, next_random(conn)));
}

static void try_connecting(struct conn *conn)
{
    const struct h2_events events = {
        .on_message = on_message, .on_closed = on_closed, .on_goaway = on_goaway};
    struct errbuf why = {""};
    if (link_open(&conn->link, &conn->config.endpoints[conn->endpoint], &events, conn, &why) !=
        ERR_OK) {
        conn_leave(conn, why.text);
    }
}

static bool is_silent(const struct conn *conn)
{
    for (size_t i = 0; i < conn->config.realm_count; i++) {
        if (conn->streams[i].id != NO_STREAM && conn->now_ms >= conn->streams[i].silent_at) {
            return true;
        }
    }
    return false;
}

static void serve_link(struct conn *conn, bool is_ready)
{
    struct errbuf why = {""};
    enum err rc = is_ready ? link_on_ready(&conn->link, &why) : ERR_OK;
    /* After reading: what waited in the socket while this process slept is not silence. */
    if (rc == ERR_OK && is_silent(conn)) {
        errbuf_set(&why, "a watch has been silent for too long");
        rc = ERR_TIMEOUT;
    }
    for (size_t i = 0; rc == ERR_OK && !conn->is_leaving && i < conn->config.realm_count; i++) {
        if (conn->streams[i].id == NO_STREAM && conn->now_ms >= conn->streams[i].retry_at) {
            open_stream(conn, i);
        }
    }
    if (rc == ERR_OK && !conn->is_leaving) {
        rc = link_flush(&conn->link, &why);
    }
    if (rc != ERR_OK) {
        conn_leave(conn, why.text);
    }
}

void conn_step(struct conn *conn, int64_t now_ms, bool is_ready)
{
    conn->now_ms = now_ms;
    if (!is_connected(conn) && !conn->is_leaving && now_ms >= conn->retry_at) {
        try_connecting(conn);
        is_ready = false;
    }
    if (is_connected(conn) && !conn->is_leaving) {
        serve_link(conn, is_ready);
    }
    if (conn->is_leaving) {
        leave(conn);
    }
}

int64_t conn_deadline(const struct conn *conn)
{
    int64_t deadline = INT64_MAX;
    if (conn->is_leaving) {
        return conn->now_ms;
    }
    if (!is_connected(conn)) {
        return conn->retry_at;
    }
    for (size_t i = 0; i < conn->config.realm_count; i++) {
        const struct stream *stream = &conn->streams[i];
        const int64_t at = stream->id == NO_STREAM ? stream->retry_at : stream->silent_at;
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

void conn_ack(struct conn *conn, size_t realm, const struct wire_watch_ack *ack)
{
    const struct wire_watch_request request = {.kind = WIRE_WATCH_ACK, .as.ack = *ack};
    if (!is_connected(conn) || conn->streams[realm].id == NO_STREAM) {
        return;
    }
    /* A daemon that does not read falls silent too, and is left for that. */
    const enum err rc = send_request(conn, realm, &request);
    (void)rc;
}
