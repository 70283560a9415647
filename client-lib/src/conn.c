/* SPDX-License-Identifier: Apache-2.0 */
#include "src/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

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
    int64_t begun_ms;     /* when the connection was */
    bool has_spoken;      /* a message has come on it */
    uint64_t version;     /* of the credentials it was made with */
    unsigned int attempt; /* connections in a row that brought nothing */
    uint64_t random;
    bool is_leaving; /* asked for from inside a callback */
    struct errbuf leaving;
    struct resolve *lookups[CONN_ENDPOINTS_MAX]; /* owned; of the endpoints' hosts */
    struct stream streams[RINGMAP_REALMS_MAX];
};

static bool is_begun(const struct conn *conn)
{
    return conn->link.state != LINK_CLOSED;
}

static const struct endpoint *endpoint_in_use(const struct conn *conn)
{
    return &conn->config.endpoints[conn->endpoint];
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
                                                    backoff_random(&conn->random)));
}

static int64_t patience(int64_t sync_interval_ms)
{
    const int64_t half = sync_interval_ms / 2;
    return half < CONN_PATIENCE_MS ? half : CONN_PATIENCE_MS;
}

/* What :authority says (RFC 9113 section 8.3.1). */
static const char *authority(const struct conn *conn)
{
    const struct endpoint *endpoint = endpoint_in_use(conn);
    return endpoint->is_tcp ? endpoint->text : "localhost";
}

static void open_stream(struct conn *conn, size_t realm)
{
    struct wire_watch_request request = {.kind = WIRE_WATCH_OPEN};
    struct stream *stream = &conn->streams[realm];
    enum err rc =
        h2_session_call(conn->link.h2, METHOD_WATCH_KEYRING, authority(conn), 0, &stream->id);
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
    const int64_t from = conn->has_spoken ? conn->now_ms : conn->begun_ms;
    stream->silent_at = clock_add_ms(from, patience(stream->sync_interval_ms));
}

/* --- what the daemon says -------------------------------------------------------------------- */

static void note_spoken(struct conn *conn, struct stream *stream)
{
    stream->has_spoken = true;
    conn->has_spoken = true;
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
    conn->endpoint = (size_t)(backoff_random(&conn->random) % config->endpoint_count);
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
        for (size_t i = 0; i < CONN_ENDPOINTS_MAX; i++) {
            resolve_free(conn->lookups[i]);
        }
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
        errbuf_set(&conn->leaving, "%s: %s", endpoint_in_use(conn)->text, why);
    }
}

static void hang_up(struct conn *conn)
{
    link_close(&conn->link);
    for (size_t i = 0; i < conn->config.realm_count; i++) {
        conn->streams[i].id = NO_STREAM;
        conn->streams[i].retry_at = INT64_MIN;
    }
}

/* What conn_leave() asked for, once no callback is under way. */
static void leave(struct conn *conn)
{
    const size_t endpoints = conn->config.endpoint_count;
    hang_up(conn);
    for (size_t i = 0; i < conn->config.realm_count; i++) {
        conn->events.on_trouble(conn->ctx, i, conn->leaving.text);
    }
    conn->is_leaving = false;
    conn->endpoint = (conn->endpoint + 1) % endpoints;
    /* Once round all endpoints is one attempt: the others may be well. */
    const unsigned int round = conn->attempt++ / (unsigned int)endpoints;
    conn->retry_at =
        clock_add_ms(conn->now_ms, backoff_delay_ms(round, least_sync_interval(conn) / 4,
                                                    backoff_random(&conn->random)));
}

/* Our certificate is another now: a new connection to the same endpoint, at once and without
 * trouble to report. */
static void renew(struct conn *conn)
{
    if (is_begun(conn) && endpoint_in_use(conn)->is_tcp &&
        credentials_version(conn->config.credentials) != conn->version) {
        hang_up(conn);
        conn->retry_at = INT64_MIN;
    }
}

static enum err open_link(struct conn *conn, struct errbuf *why)
{
    const struct h2_events events = {
        .on_message = on_message, .on_closed = on_closed, .on_goaway = on_goaway};
    struct link_way way = {.endpoint = endpoint_in_use(conn)};
    SSL_CTX *context = NULL;
    enum err rc = ERR_OK;
    if (way.endpoint->is_tcp) {
        way.wall_ms = conn->events.wall_ms(conn->ctx);
        way.patience_ms = patience(least_sync_interval(conn));
        way.lookup = &conn->lookups[conn->endpoint];
        /* New files that are no good: pilot.c says so. */
        (void)!credentials_look(conn->config.credentials, way.wall_ms, NULL);
        conn->version = credentials_version(conn->config.credentials);
        rc = credentials_context(conn->config.credentials, way.wall_ms, &context, why);
        way.context = context;
    }
    if (rc == ERR_OK) {
        rc = link_open(&conn->link, &way, conn->now_ms, &events, conn, why);
    }
    SSL_CTX_free(context);
    return rc;
}

static void try_connecting(struct conn *conn)
{
    struct errbuf why = {""};
    conn->begun_ms = conn->now_ms;
    conn->has_spoken = false;
    if (open_link(conn, &why) != ERR_OK) {
        conn_leave(conn, why.text);
    }
}

/* When a connection that is not open yet is given up. */
static int64_t opening_ends(const struct conn *conn)
{
    return clock_add_ms(conn->begun_ms, patience(least_sync_interval(conn)));
}

static enum err check_opening(const struct conn *conn, struct errbuf *why)
{
    static const char *const steps[] = {
        [LINK_RESOLVING] = "its name was not found in time",
        [LINK_CONNECTING] = "it does not answer",
        [LINK_SHAKING] = "it does not finish the TLS handshake",
    };
    if (conn->link.state == LINK_OPEN || conn->now_ms < opening_ends(conn)) {
        return ERR_OK;
    }
    errbuf_set(why, "%s", steps[conn->link.state]);
    return ERR_TIMEOUT;
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

static void open_streams(struct conn *conn)
{
    for (size_t i = 0; !conn->is_leaving && i < conn->config.realm_count; i++) {
        if (conn->streams[i].id == NO_STREAM && conn->now_ms >= conn->streams[i].retry_at) {
            open_stream(conn, i);
        }
    }
}

static void serve_link(struct conn *conn, bool is_ready)
{
    struct errbuf why = {""};
    enum err rc = link_step(&conn->link, conn->now_ms, is_ready, &why);
    if (rc == ERR_OK) {
        rc = check_opening(conn, &why);
    }
    /* After reading: what waited in the socket while this process slept is not silence. */
    if (rc == ERR_OK && is_silent(conn)) {
        errbuf_set(&why, "a watch has been silent for too long");
        rc = ERR_TIMEOUT;
    }
    if (rc == ERR_OK && conn->link.state == LINK_OPEN) {
        open_streams(conn);
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
    renew(conn);
    if (!is_begun(conn) && !conn->is_leaving && now_ms >= conn->retry_at) {
        try_connecting(conn);
        is_ready = false;
    }
    if (is_begun(conn) && !conn->is_leaving) {
        serve_link(conn, is_ready);
    }
    if (conn->is_leaving) {
        leave(conn);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t conn_deadline(const struct conn *conn)
{
    int64_t deadline = INT64_MAX;
    if (conn->is_leaving) {
        return conn->now_ms;
    }
    if (!is_begun(conn)) {
        return conn->retry_at;
    }
    if (conn->link.state != LINK_OPEN) {
        return earlier(link_deadline(&conn->link), opening_ends(conn));
    }
    for (size_t i = 0; i < conn->config.realm_count; i++) {
        const struct stream *stream = &conn->streams[i];
        deadline =
            earlier(deadline, stream->id == NO_STREAM ? stream->retry_at : stream->silent_at);
    }
    return deadline;
}

void conn_ack(struct conn *conn, size_t realm, const struct wire_watch_ack *ack)
{
    const struct wire_watch_request request = {.kind = WIRE_WATCH_ACK, .as.ack = *ack};
    if (!is_begun(conn) || conn->streams[realm].id == NO_STREAM) {
        return;
    }
    /* A daemon that does not read falls silent too, and is left for that. */
    const enum err rc = send_request(conn, realm, &request);
    (void)rc;
}
