/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_keys.h"

#include <string.h>

#include "base/secret.h"
#include "serve/watch_identity.h"
#include "wire/codec.h"
#include "wire/methods.h"

/* The realm if the caller may read it; otherwise the call has ended. Only top-level operators, who
 * may list the realms anyway, learn that there is none of that name. */
static struct replica *find_readable(struct call *call, const char *realm)
{
    const struct services *services = call_services(call);
    struct replica *replica = hub_replica(services->hub, realm);
    struct errbuf why;

    if (replica == NULL &&
        authz_decide(services->rules, call_peer(call), AUTHZ_OPERATE, NULL).is_allowed) {
        errbuf_set(&why, "there is no realm \"%s\"", realm);
        call_finish(call, ERR_NOT_FOUND, why.text);
        return NULL;
    }
    if (!call_authorize(call, AUTHZ_READ_KEYS, realm)) {
        return NULL;
    }
    return replica;
}

static void get_on_message(struct call *call, struct slice message)
{
    struct wire_get_keyring request;
    struct slice reply = {NULL, 0};
    struct errbuf why = {""};

    enum err rc = wire_decode_get_keyring(message, &request, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    struct replica *replica = find_readable(call, request.realm);
    if (replica == NULL) {
        return;
    }
    rc = hub_get_reply(call_services(call)->hub, replica, &reply);
    if (rc == ERR_UNAVAILABLE) {
        errbuf_set(&why, "realm \"%s\" is not ready yet: its record has not been loaded",
                   request.realm);
        call_finish(call, rc, why.text);
        return;
    }
    if (rc == ERR_OK) {
        call_send(call, reply);
    }
    call_finish(call, rc, NULL);
}

struct watch {
    struct watcher *watcher; /* owned; NULL until the client has opened */
    struct replica *replica; /* borrowed: lives as long as the watcher */
    bool snapshot_is_due;    /* and waits for the queue to empty */
    int64_t unread_since;    /* boot clock; 0: the client took what it was sent */
};

static void send_response(struct call *call, const struct wire_watch_response *response)
{
    struct secret_buf bytes = {0};

    enum err rc = wire_encode_watch_response(response, &bytes);
    if (rc == ERR_OK) {
        call_send(call, (struct slice){bytes.at, bytes.len});
    } else {
        call_finish(call, rc, NULL);
    }
    secret_buf_fini(&bytes);
}

static void send_snapshot(struct call *call, struct watch *watch)
{
    struct wire_watch_response response = {.kind = WIRE_WATCH_SNAPSHOT};

    enum err rc = hub_snapshot(watch->replica, &response.as.snapshot);
    if (rc == ERR_OK) {
        watcher_sent(watch->watcher, response.as.snapshot.moment.as_of_ms);
        send_response(call, &response);
        wire_snapshot_fini(&response.as.snapshot);
    } else if (rc != ERR_UNAVAILABLE) {
        /* Not ready is no failure: the hub says so again when it is. */
        call_finish(call, rc, NULL);
    }
}

/* Newest wins: while something is queued only the fact is kept. */
static void send_snapshot_if_due(struct call *call, struct watch *watch)
{
    if (!watch->snapshot_is_due || call_is_finished(call)) {
        return;
    }
    if (call_queued(call) > 0) {
        call_want_writable(call);
        return;
    }
    watch->snapshot_is_due = false;
    watch->unread_since = 0;
    send_snapshot(call, watch);
}

static void on_snapshot_due(void *ctx)
{
    struct call *call = ctx;
    struct watch *watch = call_state(call);

    watch->snapshot_is_due = true;
    send_snapshot_if_due(call, watch);
}

/* A client whose windows are shut holds one message, and not for ever. */
static bool is_unread(struct call *call, struct watch *watch)
{
    const int64_t now = clock_boot_ms(call_services(call)->clock);

    if (call_queued(call) == 0) {
        watch->unread_since = 0;
        return false;
    }
    call_services(call)->stats->unread++;
    if (watch->unread_since == 0) {
        watch->unread_since = now;
    } else if (now - watch->unread_since >= RPC_KEYS_UNREAD_MS) {
        call_finish(call, ERR_TIMEOUT, "the client does not take what it is sent");
    }
    return true;
}

static void on_heartbeat_due(void *ctx)
{
    struct call *call = ctx;
    struct watch *watch = call_state(call);
    struct wire_watch_response response = {.kind = WIRE_WATCH_HEARTBEAT};

    if (call_is_finished(call) || is_unread(call, watch)) {
        return;
    }
    memcpy(response.as.heartbeat.digest, replica_digest(watch->replica), DIGEST_LEN);
    hub_moment(watch->replica, &response.as.heartbeat.moment);
    watcher_sent(watch->watcher, response.as.heartbeat.moment.as_of_ms);
    send_response(call, &response);
}

static void on_ended(void *ctx, enum err code, const char *why)
{
    struct watch *watch = call_state(ctx);

    /* The realm may be gone when this returns. */
    watcher_free(watch->watcher);
    *watch = (struct watch){0};
    call_finish(ctx, code, why);
}

static void watch_on_start(struct call *call)
{
    call_limit(call, RPC_KEYS_OPEN_MS, "no open message arrived in time");
}

static void open_watch(struct call *call, struct watch *watch, const struct wire_watch_open *open)
{
    const struct watcher_events events = {
        .on_snapshot_due = on_snapshot_due,
        .on_heartbeat_due = on_heartbeat_due,
        .on_ended = on_ended,
        .ctx = call,
    };
    char identity[PEER_TEXT_MAX];

    if (watch->watcher != NULL) {
        call_finish(call, ERR_INVALID, "this watch is open already");
        return;
    }
    watch->replica = find_readable(call, open->realm);
    if (watch->replica == NULL) {
        return;
    }
    call_limit_none(call);
    watch_identity_format(call_peer(call), identity);
    enum err rc = hub_watch(call_services(call)->hub, open, identity, &events, &watch->watcher);
    if (rc != ERR_OK) {
        call_finish(call, rc, NULL);
    }
}

static void watch_on_message(struct call *call, struct slice message)
{
    struct watch *watch = call_state(call);
    struct wire_watch_request request;
    struct errbuf why = {""};

    enum err rc = wire_decode_watch_request(message, &request, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
    } else if (request.kind == WIRE_WATCH_OPEN) {
        open_watch(call, watch, &request.as.open);
    } else if (watch->watcher == NULL) {
        call_finish(call, ERR_INVALID, "the first message of a watch must be open");
    } else {
        watcher_ack(watch->watcher, &request.as.ack);
    }
}

static void watch_on_writable(struct call *call)
{
    send_snapshot_if_due(call, call_state(call));
}

static void watch_on_drain(struct call *call)
{
    call_finish(call, ERR_UNAVAILABLE, "the daemon is stopping");
}

static void watch_on_closed(struct call *call)
{
    struct watch *watch = call_state(call);

    watcher_free(watch->watcher);
    watch->watcher = NULL;
}

const struct method rpc_keys_get = {
    .path = METHOD_GET_KEYRING,
    .kind = CALL_UNARY,
    .on_message = get_on_message,
};

const struct method rpc_keys_watch = {
    .path = METHOD_WATCH_KEYRING,
    .kind = CALL_STREAM,
    .state_size = sizeof(struct watch),
    .on_start = watch_on_start,
    .on_message = watch_on_message,
    .on_writable = watch_on_writable,
    .on_drain = watch_on_drain,
    .on_denied = watch_on_closed,
    .on_closed = watch_on_closed,
};
