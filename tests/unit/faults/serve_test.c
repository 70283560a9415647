/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of a TLS connection and of each call over it, with every call that may fail
 * made to fail in turn: the peer gets an answer, a status, or the end of its connection; the next
 * one is served. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include "serve/server.h"
#include "support/fault_sweep.h"
#include "unit/serve/tls_client.h"
#include "unit/serve/world.h"
#include "wire/codec.h"
#include "wire/methods.h"
#include "wire/tls_context.h"

#define OURS                                                                                       \
    (FAULT_BIT(FAULT_MEMORY) | FAULT_BIT(FAULT_LOCKING) | FAULT_BIT(FAULT_RANDOM) |                \
     FAULT_BIT(FAULT_CRYPTO) | FAULT_BIT(FAULT_WRITE) | FAULT_BIT(FAULT_SYSTEM))

static const struct authz_principal everybody[] = {{AUTHZ_URI, 0, "spiffe://a.org/fe/*"}};
static const struct authz_realm realms[] = {{"web", {everybody, 1}, {everybody, 1}},
                                            {"mail", {NULL, 0}, {NULL, 0}}};
static const struct authz_rules rules = {{everybody, 1}, realms, 2};

struct bench {
    struct fleet fleet;
    struct cert cert; /* the clients' */
    const char *method;
    struct world *world;
    struct event_base *base;
    struct server *server;
    uint16_t port;
};

/* --- the daemon ------------------------------------------------------------------------------ */

static enum err listen_here(struct bench *bench)
{
    struct errbuf why = {""};
    size_t listener = 0;
    SSL_CTX *context = fleet_server_context(&bench->fleet, &bench->fleet.ca, NULL);

    faults_arm();
    enum err rc = server_listen_tls(bench->server, "127.0.0.1", 0, context, &listener, &why);
    faults_disarm();
    SSL_CTX_free(context);
    if (rc != ERR_OK) {
        assert_true(faults_have_fired());
        assert_string_not_equal(why.text, "");
        return rc;
    }
    const char *name = server_get_listener_name(bench->server, listener);
    bench->port = (uint16_t)strtoul(strrchr(name, ':') + 1, NULL, 10);
    return rc;
}

static void open_daemon(struct bench *bench)
{
    bench->world = world_new_today();
    world_start(bench->world);
    fake_time_run(bench->world->time, WORLD_SETTLED_MS);
    bench->world->services.rules = &rules;
    bench->base = event_base_new();
    assert_non_null(bench->base);
    const struct server_options options = {.base = bench->base,
                                           .services = &bench->world->services,
                                           .limits = connection_limits_default(),
                                           .connections_max = 4,
                                           .strangers_max = 1,
                                           .handshakes_max = 3};
    faults_arm();
    enum err rc = server_new(&options, &bench->server);
    faults_disarm();
    if (rc != ERR_OK) {
        assert_true(faults_have_fired() && bench->server == NULL);
        assert_int_equal(server_new(&options, &bench->server), ERR_OK);
    }
    if (listen_here(bench) != ERR_OK) {
        assert_int_equal(listen_here(bench), ERR_OK);
    }
}

static void close_daemon(struct bench *bench)
{
    server_free(bench->server);
    bench->server = NULL;
    assert_int_equal(bench->world->stats.connections, 0);
    assert_int_equal(bench->world->stats.handshakes, 0);
    event_base_free(bench->base);
    world_free(bench->world);
}

static void turn(struct bench *bench, int64_t ms)
{
    fake_time_run(bench->world->time, ms);
    assert_true(event_base_loop(bench->base, EVLOOP_NONBLOCK) >= 0);
}

/* --- a peer ---------------------------------------------------------------------------------- */

static void encrypting(struct bench *bench, uint8_t out[KEY_NAME_LEN])
{
    struct replica *replica = bench->world->replicas[0];
    const struct key *key = keyring_pick(replica_ring(replica), replica_now(replica));

    assert_non_null(key);
    memcpy(out, key->name, KEY_NAME_LEN);
}

static enum err encode(struct bench *bench, struct secret_buf *bytes)
{
    const char *method = bench->method;

    if (strcmp(method, METHOD_LIST_KEYS) == 0) {
        return wire_encode_list_keys("web", bytes);
    }
    if (strcmp(method, METHOD_LIST_FRONTENDS) == 0) {
        return wire_encode_list_frontends("web", bytes);
    }
    if (strcmp(method, METHOD_GET_KEYRING) == 0) {
        const struct wire_get_keyring request = {.realm = "web", .frontend = "fe-1"};
        return wire_encode_get_keyring(&request, bytes);
    }
    if (strcmp(method, METHOD_ROTATE) == 0) {
        struct wire_rotate request = {.realm = "web", .reason = "laptop lost"};
        encrypting(bench, request.retire);
        return wire_encode_rotate(&request, bytes);
    }
    if (strcmp(method, METHOD_REVOKE) == 0) {
        struct wire_revoke request = {
            .realm = "web", .kind = WIRE_REVOKE_KEY, .reason = "laptop lost"};
        encrypting(bench, request.name);
        return wire_encode_revoke(&request, bytes);
    }
    if (strcmp(method, METHOD_REKEY) == 0) {
        const struct wire_rekey request = {.realm = "web", .reason = "spring"};
        return wire_encode_rekey(&request, bytes);
    }
    return ERR_OK; /* an empty message */
}

static void start_call(struct bench *bench, struct tls_client *client)
{
    if (strcmp(bench->method, METHOD_HEALTH_CHECK) == 0) {
        tls_client_ask_health(client);
    } else if (strcmp(bench->method, METHOD_WATCH_KEYRING) == 0) {
        tls_client_watch(client, "web");
    } else {
        struct secret_buf bytes = {0};
        enum err rc = encode(bench, &bytes);
        tls_client_call(client, bench->method, rc, &bytes, true);
    }
}

static bool is_done(const struct bench *bench, const struct tls_client *client)
{
    const bool is_watch = strcmp(bench->method, METHOD_WATCH_KEYRING) == 0;

    return client->is_over || client->closed > 0 || (is_watch && client->messages >= 2);
}

/* Turns until the peer has what it will get: without an end of the daemon's time-outs. */
static void talk(struct bench *bench, struct tls_client *client, bool is_armed)
{
    for (int quiet = 0, round = 0; !is_done(bench, client); round++) {
        assert_true(round < 20000);
        if (is_armed) {
            faults_arm();
        }
        /* Loopback is quick but not at once; when all is quiet for long, a time-out is due. */
        turn(bench, quiet > 20 ? 500 : 0);
        if (is_armed) {
            faults_disarm();
        }
        quiet = tls_client_turn(client) ? 0 : quiet + 1;
        (void)poll(NULL, 0, quiet > 1 && quiet < 20 ? 1 : 0);
    }
}

/* True: answered with OK (a watch: with a snapshot, and a heartbeat). */
static bool call_once(struct bench *bench, bool is_armed)
{
    const struct tls_client_options options = {
        .port = bench->port, .cert = &bench->cert, .trusts = &bench->fleet.ca};
    struct tls_client client;

    tls_client_init(&client, &options);
    start_call(bench, &client);
    talk(bench, &client, is_armed);
    const bool is_answered = client.messages > 0 && client.last_status == GRPC_OK;
    if (!is_answered && !client.is_over) {
        /* A stream that could only be reset says why by its code. */
        assert_true(client.closed > 0 && client.last_status != GRPC_OK);
    }
    tls_client_fini(&client);
    /* The end of a connection is handled with calls failing too. */
    for (int i = 0; i < 200 && bench->world->stats.connections > 0; i++) {
        if (is_armed) {
            faults_arm();
        }
        turn(bench, i > 100 ? 500 : 0);
        if (is_armed) {
            faults_disarm();
        }
        (void)poll(NULL, 0, i > 2 ? 1 : 0);
    }
    assert_int_equal(bench->world->stats.connections, 0);
    return is_answered;
}

static void run_call(void *ctx)
{
    struct bench *bench = ctx;
    const char *method = bench->method;

    open_daemon(bench);
    if (!call_once(bench, true)) { /* this daemon seals nothing */
        assert_true(faults_have_fired() || strcmp(method, METHOD_REKEY) == 0);
    }
    /* Everybody is served afterwards, by a realm that is sound. */
    bench->method = METHOD_GET_KEYRING;
    fake_time_run(bench->world->time, 10 * WORLD_SYNC_MS);
    assert_true(call_once(bench, false));
    uint8_t name[KEY_NAME_LEN];
    encrypting(bench, name);
    assert_string_equal(replica_problem(bench->world->replicas[0]), "");
    bench->method = method;
    close_daemon(bench);
}

static void each_call_is_answered_or_ended_and_the_next_is_served(void **unused)
{
    static const char *const methods[] = {
        METHOD_GET_STATUS,    METHOD_LIST_REALMS, METHOD_LIST_KEYS, METHOD_LIST_FRONTENDS,
        METHOD_ROTATE,        METHOD_REVOKE,      METHOD_REKEY,     METHOD_HEALTH_CHECK,
        METHOD_WATCH_KEYRING, METHOD_GET_KEYRING,
    };
    static struct bench bench;
    size_t failed = 0;

    (void)unused;
    fleet_init(&bench.fleet);
    bench.cert =
        fleet_client(&bench.fleet.ca, "URI:spiffe://a.org/fe/1", "clientAuth", FLEET_DAY_S);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        bench.method = methods[i];
        const struct fault_scenario scenario = {
            .name = methods[i], .kinds = OURS, .run = run_call, .ctx = &bench, .short_most = 15};
        failed += fault_sweep(&scenario);
    }
    bench.method = METHOD_GET_KEYRING;
    const struct fault_scenario openssl = {.name = "a TLS connection",
                                           .kinds = FAULT_BIT(FAULT_OPENSSL),
                                           .run = run_call,
                                           .ctx = &bench,
                                           .short_most = 150};
    failed += fault_sweep(&openssl);
    cert_fini(&bench.cert);
    fleet_fini(&bench.fleet);
    assert_true(failed >= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_is_answered_or_ended_and_the_next_is_served),
    };

    faults_hook_openssl();
    (void)signal(SIGPIPE, SIG_IGN); /* as stekd does */
    event_set_mem_functions(faults_malloc, faults_realloc, faults_free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
