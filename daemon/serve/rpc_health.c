/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_health.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "wire/codec.h"
#include "wire/methods.h"

/* The numbers of grpc.health.v1.HealthCheckResponse.ServingStatus. */
enum serving { SERVING_UNKNOWN = 0, SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

struct health_watch {
    struct call *call;
    struct health *health; /* NULL while not in the list */
    struct health_watch *next;
    struct health_watch *previous;
    enum serving sent;
};

struct health {
    struct hub *hub;
    struct health_watch *watches; /* borrowed: each lives in its call's state */
    bool was_ready; /* all realms were once: a realm that is added takes nothing away */
    bool is_draining;
};

bool health_is_serving(const struct health *health)
{
    if (health->is_draining || health->was_ready) {
        return !health->is_draining;
    }
    for (size_t i = 0; i < hub_realm_count(health->hub); i++) {
        if (!replica_is_ready(hub_replica_at(health->hub, i))) {
            return false;
        }
    }
    return true;
}

static bool service_is_known(const char *service)
{
    return strcmp(service, "") == 0 || strcmp(service, "stek.v1.KeyService") == 0;
}

static enum serving serving_now(const struct health *health)
{
    return health_is_serving(health) ? SERVING : NOT_SERVING;
}

static void send_status(struct call *call, enum serving status)
{
    struct secret_buf bytes = {0};

    enum err rc = wire_encode_health_status((int)status, &bytes);
    if (rc == ERR_OK) {
        call_send(call, (struct slice){bytes.at, bytes.len});
    } else {
        call_finish(call, rc, NULL);
    }
    secret_buf_fini(&bytes);
}

/* Only the newest status counts: what changes while something is queued is told afterwards. */
static void send_if_changed(struct health_watch *watch)
{
    enum serving status = serving_now(watch->health);

    if (status == watch->sent || call_is_finished(watch->call)) {
        return;
    }
    if (call_queued(watch->call) > 0) {
        call_want_writable(watch->call);
        return;
    }
    watch->sent = status;
    send_status(watch->call, status);
}

static void tell_all(void *ctx)
{
    struct health *health = ctx;

    health->was_ready = health->was_ready || health_is_serving(health);
    for (struct health_watch *watch = health->watches; watch != NULL; watch = watch->next) {
        send_if_changed(watch);
    }
}

enum err health_add_realm(struct health *health, struct replica *replica)
{
    const struct replica_events events = {.on_changed = tell_all, .ctx = health};

    return replica_listen(replica, &events);
}

void health_remove_realm(struct health *health, struct replica *replica)
{
    replica_unlisten(replica, health);
}

enum err health_new(struct hub *hub, struct health **out_health)
{
    struct health *health = calloc(1, sizeof(*health));

    if (health == NULL) {
        return ERR_NOMEM;
    }
    health->hub = hub;
    for (size_t i = 0; i < hub_realm_count(hub); i++) {
        enum err rc = health_add_realm(health, hub_replica_at(hub, i));
        if (rc != ERR_OK) {
            health_free(health);
            return rc;
        }
    }
    *out_health = health;
    return ERR_OK;
}

void health_free(struct health *health)
{
    if (health == NULL) {
        return;
    }
    for (size_t i = 0; i < hub_realm_count(health->hub); i++) {
        replica_unlisten(hub_replica_at(health->hub, i), health);
    }
    free(health);
}

void health_set_draining(struct health *health)
{
    health->is_draining = true;
    tell_all(health);
}

static void check_on_message(struct call *call, struct slice message)
{
    char service[WIRE_LABEL_MAX + 1];
    struct secret_buf reply = {0};
    struct errbuf why = {""};

    enum err rc = wire_decode_health_check(message, service, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    if (!service_is_known(service)) {
        call_finish(call, ERR_NOT_FOUND, "this service has no health of its own");
        return;
    }
    rc = wire_encode_health_status((int)serving_now(call_services(call)->health), &reply);
    call_reply(call, rc, &reply);
}

static void insert(struct health *health, struct health_watch *watch)
{
    watch->health = health;
    watch->next = health->watches;
    if (watch->next != NULL) {
        watch->next->previous = watch;
    }
    health->watches = watch;
}

static void watch_on_message(struct call *call, struct slice message)
{
    struct health_watch *watch = call_state(call);
    char service[WIRE_LABEL_MAX + 1];
    struct errbuf why = {""};

    if (watch->call != NULL) {
        call_finish(call, ERR_INVALID, "a health watch takes one request");
        return;
    }
    enum err rc = wire_decode_health_check(message, service, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    watch->call = call;
    if (!service_is_known(service)) {
        /* The protocol wants the stream kept: the service might come into being. */
        send_status(call, SERVICE_UNKNOWN);
        return;
    }
    insert(call_services(call)->health, watch);
    send_if_changed(watch);
}

static void watch_on_writable(struct call *call)
{
    struct health_watch *watch = call_state(call);

    if (watch->health != NULL) {
        send_if_changed(watch);
    }
}

static void watch_on_drain(struct call *call)
{
    call_finish(call, ERR_UNAVAILABLE, "the daemon is stopping");
}

static void watch_on_closed(struct call *call)
{
    struct health_watch *watch = call_state(call);

    if (watch->health == NULL) {
        return;
    }
    if (watch->previous != NULL) {
        watch->previous->next = watch->next;
    } else {
        watch->health->watches = watch->next;
    }
    if (watch->next != NULL) {
        watch->next->previous = watch->previous;
    }
    watch->health = NULL;
}

const struct method rpc_health_check = {
    .path = METHOD_HEALTH_CHECK,
    .kind = CALL_UNARY,
    .on_message = check_on_message,
};

const struct method rpc_health_watch = {
    .path = METHOD_HEALTH_WATCH,
    .kind = CALL_STREAM,
    .state_size = sizeof(struct health_watch),
    .on_message = watch_on_message,
    .on_writable = watch_on_writable,
    .on_drain = watch_on_drain,
    .on_closed = watch_on_closed,
};
