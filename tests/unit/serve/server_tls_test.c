/* SPDX-License-Identifier: Apache-2.0 */
/* A server with a TLS listener and clients over real sockets of this host. */
#include <linux/sockios.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cmocka.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include "serve/handshake.h"
#include "serve/server.h"
#include "tls_client.h"
#include "wire/tls_context.h"
#include "world.h"

static const struct authz_principal readers[] = {{AUTHZ_URI, 0, "spiffe://a.org/fe/*"}};
static const struct authz_principal operators[] = {{AUTHZ_DNS, 0, "*.op.a.org"},
                                                   {AUTHZ_UID, 0, NULL}};
static const struct authz_realm realms[] = {{"web", {readers, 1}, {NULL, 0}},
                                            {"mail", {NULL, 0}, {NULL, 0}}};
static const struct authz_rules rules = {{operators, 2}, realms, 2};
static const struct authz_rules nobody;

#define HANDSHAKES_MAX 3

struct fixture {
    struct world *world;
    struct event_base *base;
    struct server *server;
    struct fleet fleet;
    size_t listener;
    uint16_t port;
};

static void use_context(struct fixture *f, const struct cert *ca, const char *crl)
{
    SSL_CTX *context = fleet_server_context(&f->fleet, ca, crl);

    server_set_tls(f->server, f->listener, context);
    SSL_CTX_free(context);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct errbuf why = {""};

    assert_non_null(f);
    fleet_init(&f->fleet);
    f->world = world_new_today();
    world_start(f->world);
    f->world->services.rules = &rules;
    f->base = event_base_new();
    assert_non_null(f->base);
    const struct server_options options = {.base = f->base,
                                           .services = &f->world->services,
                                           .limits = connection_limits_default(),
                                           .connections_max = 4,
                                           .strangers_max = 1,
                                           .handshakes_max = HANDSHAKES_MAX};
    SSL_CTX *context = fleet_server_context(&f->fleet, &f->fleet.ca, NULL);
    assert_int_equal(server_new(&options, &f->server), ERR_OK);
    assert_int_equal(server_listen_tls(f->server, "127.0.0.1", 0, context, &f->listener, &why),
                     ERR_OK);
    SSL_CTX_free(context);
    const char *name = server_get_listener_name(f->server, f->listener);
    f->port = (uint16_t)strtoul(strrchr(name, ':') + 1, NULL, 10);
    assert_true(f->port > 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    server_free(f->server);
    assert_int_equal(f->world->stats.connections, 0);
    assert_int_equal(f->world->stats.handshakes, 0);
    event_base_free(f->base);
    world_free(f->world);
    fleet_fini(&f->fleet);
    free(f);
    return 0;
}

/* Whether bytes that one socket of this process has sent have not reached another yet: the kernel
 * may take its time when the machine is busy. */
static bool is_in_flight(void)
{
    for (int fd = 3; fd < 64; fd++) {
        struct pollfd look = {.fd = fd};
        int bytes = 0;
        if (ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 && poll(&look, 1, 0) == 0) {
            return true; /* and the other end is there to take them */
        }
    }
    return false;
}

#define QUIET_ROUNDS   8 /* of a millisecond: for what is in flight without having bytes */
#define ROUNDS_AT_MOST 20000

/* Until nobody has anything to say. */
static void pump(struct fixture *f, struct tls_client *clients, size_t count)
{
    int quiet = 0;

    for (int round = 0; quiet < QUIET_ROUNDS; round++) {
        bool is_busy = is_in_flight();
        fake_time_run(f->world->time, 0);
        assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
        for (size_t i = 0; i < count; i++) {
            is_busy = tls_client_turn(&clients[i]) || is_busy;
        }
        quiet = is_busy ? 0 : quiet + 1;
        if (quiet > 0) {
            (void)poll(NULL, 0, 1);
        }
        assert_true(round < ROUNDS_AT_MOST);
    }
}

/* In steps small enough for what is to be sent within a limit. */
static void run(struct fixture *f, struct tls_client *client, int64_t ms)
{
    while (ms > 0) {
        const int64_t step = ms < 100 ? ms : 100;
        fake_time_run(f->world->time, step);
        pump(f, client, 1);
        ms -= step;
    }
}

static uint64_t failed(const struct fixture *f, enum handshake_failure failure)
{
    return f->world->stats.handshakes_failed[failure];
}

/* ---- who gets in ---- */

static void a_frontend_with_its_certificate_reads_its_realm(void **state)
{
    struct fixture *f = *state;
    struct cert cert =
        fleet_client(&f->fleet.ca, "URI:spiffe://a.org/fe/1", "clientAuth", FLEET_DAY_S);
    const struct tls_client_options options = {
        .port = f->port, .cert = &cert, .trusts = &f->fleet.ca};
    struct tls_client client;

    tls_client_init(&client, &options);
    tls_client_ask_health(&client);
    tls_client_watch(&client, "web");
    pump(f, &client, 1);
    assert_string_equal(client.error, "");
    assert_int_equal(client.messages, 2); /* the health, the snapshot */
    assert_int_equal(client.closed, 1);
    assert_int_equal(f->world->stats.connections, 1);
    assert_int_equal(f->world->stats.strangers, 0);
    assert_int_equal(f->world->stats.handshakes, 0);
    assert_int_equal(f->world->stats.handshakes_done, 1);
    tls_client_watch(&client, "mail");
    pump(f, &client, 1);
    assert_int_equal(client.last_status, GRPC_PERMISSION_DENIED);
    assert_non_null(strstr(client.last_message, "add \"spiffe://a.org/fe/1\" to realms: mail"));
    assert_true(world_has_logged(f->world, "event=call-denied", "uri:spiffe://a.org/fe/1 127.0"));
    tls_client_fini(&client);
    pump(f, NULL, 0);
    assert_int_equal(f->world->stats.connections, 0);
    cert_fini(&cert);
}

struct refusal {
    const char *what;
    bool has_no_certificate;
    bool is_by_other_ca;
    const char *san;
    const char *eku;
    int64_t until_s;
    int max_version;
    bool has_no_alpn;
    const char *alpn;
    enum handshake_failure failure;
    const char *log;   /* in stekd's line */
    const char *alert; /* in the client's words */
};

static const struct refusal refusals[] = {
    {.what = "no certificate",
     .has_no_certificate = true,
     .failure = HANDSHAKE_NO_CERTIFICATE,
     .log = "it sent no certificate",
     .alert = "certificate required"},
    {.what = "another CA",
     .is_by_other_ca = true,
     .failure = HANDSHAKE_UNKNOWN_CA,
     .log = "no CA that is trusted here",
     .alert = "unknown ca"},
    {.what = "expired",
     .until_s = -10,
     .failure = HANDSHAKE_EXPIRED,
     .log = "it has expired",
     .alert = "certificate expired"},
    {.what = "a server's certificate",
     .eku = "serverAuth",
     .failure = HANDSHAKE_BAD_PURPOSE,
     .log = "extended key usage does not name",
     .alert = "unsupported certificate"},
    {.what = "only a common name",
     .san = "",
     .failure = HANDSHAKE_BAD_NAMES,
     .log = "no URI or DNS name",
     .alert = "bad certificate"},
    {.what = "a space in a name",
     .san = "DNS:a b",
     .failure = HANDSHAKE_BAD_NAMES,
     .log = "holds the byte 0x20",
     .alert = "bad certificate"},
    {.what = "no ALPN",
     .has_no_alpn = true,
     .failure = HANDSHAKE_NO_H2,
     .log = "ALPN h2",
     .alert = "no application protocol"},
    {.what = "HTTP/1.1 by ALPN",
     .alpn = "\x08http/1.1",
     .failure = HANDSHAKE_NO_H2,
     .log = "ALPN h2",
     .alert = "no application protocol"},
    {.what = "TLS 1.2",
     .max_version = TLS1_2_VERSION,
     .failure = HANDSHAKE_OLD_TLS,
     .log = "does not offer TLS 1.3",
     .alert = "protocol version"},
    {.what = "TLS 1.2 without ALPN",
     .max_version = TLS1_2_VERSION,
     .has_no_alpn = true,
     .failure = HANDSHAKE_OLD_TLS,
     .log = "does not offer TLS 1.3",
     .alert = "protocol version"},
};

static void check_refusal(struct fixture *f, const struct refusal *row)
{
    const char *san = row->san == NULL      ? "URI:spiffe://a.org/fe/1"
                      : row->san[0] == '\0' ? NULL
                                            : row->san;
    const int64_t until_s = row->until_s == 0 ? FLEET_DAY_S : row->until_s;
    struct cert cert = fleet_client(row->is_by_other_ca ? &f->fleet.other_ca : &f->fleet.ca, san,
                                    row->eku == NULL ? "clientAuth" : row->eku, until_s);
    const struct tls_client_options options = {
        .port = f->port,
        .cert = row->has_no_certificate ? NULL : &cert,
        .max_version = row->max_version,
        .has_no_alpn = row->has_no_alpn,
        .alpn = row->alpn,
    };
    const uint64_t before = failed(f, row->failure);
    struct tls_client client;

    tls_client_init(&client, &options);
    tls_client_ask_health(&client);
    fake_time_run(f->world->time, 1000); /* so that the line is not kept back */
    pump(f, &client, 1);
    if (failed(f, row->failure) != before + 1 || strstr(client.error, row->alert) == NULL ||
        !world_has_logged(f->world, handshake_failure_text(row->failure), row->log)) {
        fail_msg("%s: counted %llu, alert \"%s\", logged %d", row->what,
                 (unsigned long long)(failed(f, row->failure) - before), client.error,
                 world_has_logged(f->world, handshake_failure_text(row->failure), row->log));
    }
    assert_int_equal(client.messages, 0);
    tls_client_fini(&client);
    pump(f, NULL, 0);
    assert_int_equal(f->world->stats.handshakes, 0);
    assert_int_equal(f->world->stats.connections, 0);
    cert_fini(&cert);
}

static void whoever_is_refused_hears_why_and_so_does_the_log(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        check_refusal(f, &refusals[i]);
    }
    assert_int_equal(f->world->stats.handshakes_done, 0);
    assert_true(world_has_logged(f->world, "reason=expired", "claims=uri:spiffe://a.org/fe/1"));
}

static void a_revoked_certificate_is_refused(void **state)
{
    struct fixture *f = *state;
    struct cert bad =
        fleet_client(&f->fleet.ca, "URI:spiffe://a.org/fe/1", "clientAuth", FLEET_DAY_S);
    struct cert good =
        fleet_client(&f->fleet.ca, "URI:spiffe://a.org/fe/2", "clientAuth", FLEET_DAY_S);
    char *crl = cert_crl(&f->fleet.ca, &bad, FLEET_DAY_S);
    struct tls_client clients[2];

    use_context(f, &f->fleet.ca, crl);
    const struct tls_client_options options[] = {{.port = f->port, .cert = &bad},
                                                 {.port = f->port, .cert = &good}};
    for (size_t i = 0; i < 2; i++) {
        tls_client_init(&clients[i], &options[i]);
        tls_client_ask_health(&clients[i]);
    }
    pump(f, clients, 2);
    assert_int_equal(failed(f, HANDSHAKE_REVOKED), 1);
    assert_non_null(strstr(clients[0].error, "certificate revoked"));
    assert_true(world_has_logged(f->world, "reason=revoked", "it has been revoked"));
    assert_int_equal(clients[1].messages, 1);
    tls_client_fini(&clients[0]);
    tls_client_fini(&clients[1]);
    cert_fini(&bad);
    cert_fini(&good);
    free(crl);
}

static void plain_http_is_answered_in_words(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[][2] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "gRPC over TLS 1.3"},
    };

    for (size_t i = 0; i < 2; i++) {
        const struct tls_client_options options = {.port = f->port};
        struct tls_client client;
        char answer[512] = "";
        tls_client_init(&client, &options);
        assert_true(send(client.fd, rows[i][0], strlen(rows[i][0]), 0) > 0);
        pump(f, NULL, 0);
        const ssize_t got = recv(client.fd, answer, sizeof(answer) - 1, 0);
        assert_true(got > 0);
        assert_non_null(memmem(answer, (size_t)got, rows[i][1], strlen(rows[i][1])));
        assert_int_equal(failed(f, HANDSHAKE_NOT_TLS), i + 1);
        tls_client_fini(&client);
    }
    pump(f, NULL, 0);
    assert_int_equal(f->world->stats.handshakes, 0);
}

static void who_says_nothing_is_cut_off_and_cannot_keep_others_out(void **state)
{
    struct fixture *f = *state;
    struct cert cert =
        fleet_client(&f->fleet.ca, "URI:spiffe://a.org/fe/1", "clientAuth", FLEET_DAY_S);
    const struct tls_client_options silent = {.port = f->port};
    const struct tls_client_options options = {.port = f->port, .cert = &cert};
    struct tls_client mute[HANDSHAKES_MAX + 2];
    struct tls_client client;

    for (size_t i = 0; i < HANDSHAKES_MAX + 2; i++) {
        tls_client_init(&mute[i], &silent);
        pump(f, NULL, 0);
    }
    assert_int_equal(f->world->stats.handshakes, HANDSHAKES_MAX);
    assert_int_equal(failed(f, HANDSHAKE_EVICTED), 2);
    assert_int_equal(recv(mute[0].fd, &(char){0}, 1, 0), 0);
    assert_int_equal(recv(mute[2].fd, &(char){0}, 1, 0), -1);
    tls_client_init(&client, &options);
    tls_client_ask_health(&client);
    pump(f, &client, 1);
    assert_int_equal(client.messages, 1);
    assert_int_equal(failed(f, HANDSHAKE_EVICTED), 3);
    fake_time_run(f->world->time, connection_limits_default().handshake_ms - 1);
    assert_int_equal(f->world->stats.handshakes, HANDSHAKES_MAX - 1);
    fake_time_run(f->world->time, 1);
    assert_int_equal(f->world->stats.handshakes, 0);
    assert_int_equal(failed(f, HANDSHAKE_TIMED_OUT), HANDSHAKES_MAX - 1);
    for (size_t i = 0; i < HANDSHAKES_MAX + 2; i++) {
        tls_client_fini(&mute[i]);
    }
    tls_client_fini(&client);
    cert_fini(&cert);
}

/* ---- who stays ---- */

struct member {
    struct cert cert;
    struct tls_client client;
};

/* Joins and watches "web". */
static void member_init(struct fixture *f, struct member *member, const char *san, int64_t until_s)
{
    member->cert = fleet_client(&f->fleet.ca, san, "clientAuth", until_s);
    const struct tls_client_options options = {.port = f->port, .cert = &member->cert};
    tls_client_init(&member->client, &options);
    tls_client_watch(&member->client, "web");
    pump(f, &member->client, 1);
    assert_int_equal(member->client.messages, 1);
    assert_int_equal(member->client.closed, 0);
}

static void member_fini(struct member *member)
{
    tls_client_fini(&member->client);
    cert_fini(&member->cert);
}

static uint32_t watchers_of_web(const struct fixture *f)
{
    uint32_t watchers = 0;
    uint32_t current = 0;

    hub_count(f->world->hub, "web", &watchers, &current);
    return watchers;
}

static void must_be_cut(struct fixture *f, struct member *member, const char *why, const char *log)
{
    pump(f, &member->client, 1);
    assert_int_equal(member->client.closed, 1);
    assert_int_equal(member->client.last_status, GRPC_PERMISSION_DENIED);
    if (strstr(member->client.last_message, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", member->client.last_message, why);
    }
    assert_true(member->client.has_goaway);
    assert_true(member->client.is_over);
    assert_int_equal(f->world->stats.connections, 0);
    assert_int_equal(f->world->stats.rechecks_closed, 1);
    assert_int_equal(watchers_of_web(f), 0);
    assert_true(world_has_logged(f->world, "event=connection-cut", log));
}

static void a_certificate_that_ends_ends_its_connection_within_a_second(void **state)
{
    struct fixture *f = *state;
    struct member member;

    member_init(f, &member, "URI:spiffe://a.org/fe/1", 10);
    const int64_t until = tls_not_after_ms(member.cert.x509);
    run(f, &member.client, until - 1 - fake_time_wall(f->world->time));
    assert_int_equal(member.client.closed, 0);
    assert_int_equal(f->world->stats.connections, 1);
    run(f, &member.client, 1000);
    must_be_cut(f, &member, "expired", "expired");
    member_fini(&member);
}

/* A clock set forward makes it so without any time passing. */
static void a_clock_that_jumps_past_the_end_ends_it_too(void **state)
{
    struct fixture *f = *state;
    struct member member;

    member_init(f, &member, "URI:spiffe://a.org/fe/1", 3600);
    run(f, &member.client, 2000);
    assert_int_equal(member.client.closed, 0);
    fake_time_jump_wall(f->world->time, 3600 * 1000);
    run(f, &member.client, 1000);
    must_be_cut(f, &member, "expired", "expired");
    member_fini(&member);
}

static void a_peer_that_does_not_read_is_cut_all_the_same(void **state)
{
    struct fixture *f = *state;
    struct member member;

    member_init(f, &member, "URI:spiffe://a.org/fe/1", 10);
    const int64_t until = tls_not_after_ms(member.cert.x509);
    fake_time_run(f->world->time, until + 1000 - fake_time_wall(f->world->time));
    pump(f, NULL, 0);
    assert_int_equal(f->world->stats.connections, 0);
    member_fini(&member);
}

static void a_revocation_list_that_names_it_ends_it(void **state)
{
    struct fixture *f = *state;
    struct member member;

    member_init(f, &member, "URI:spiffe://a.org/fe/1", FLEET_DAY_S);
    char *crl = cert_crl(&f->fleet.ca, NULL, FLEET_DAY_S);
    use_context(f, &f->fleet.ca, crl);
    server_recheck(f->server);
    pump(f, &member.client, 1);
    assert_int_equal(member.client.closed, 0);
    free(crl);
    crl = cert_crl(&f->fleet.ca, &member.cert, FLEET_DAY_S);
    use_context(f, &f->fleet.ca, crl);
    server_recheck(f->server);
    must_be_cut(f, &member, "it has been revoked", "it has been revoked");
    free(crl);
    member_fini(&member);
}

static void another_ca_ends_what_the_old_one_issued(void **state)
{
    struct fixture *f = *state;
    struct member member;

    member_init(f, &member, "URI:spiffe://a.org/fe/1", FLEET_DAY_S);
    use_context(f, &f->fleet.other_ca, NULL);
    pump(f, &member.client, 1);
    assert_int_equal(member.client.closed, 0); /* not before it is asked for */
    server_recheck(f->server);
    must_be_cut(f, &member, "no CA that is trusted here", "no CA that is trusted here");
    member_fini(&member);
}

static void rules_that_no_longer_name_it_end_it(void **state)
{
    struct fixture *f = *state;
    struct member member;

    member_init(f, &member, "URI:spiffe://a.org/fe/1", FLEET_DAY_S);
    server_recheck(f->server);
    pump(f, &member.client, 1);
    assert_int_equal(member.client.closed, 0);
    f->world->services.rules = &nobody;
    server_recheck(f->server);
    /* No turn of the loop is needed for the realm to be let go of. */
    assert_int_equal(watchers_of_web(f), 0);
    must_be_cut(f, &member, "may not read the keys of realm \"web\"", "no rule names");
    member_fini(&member);
}

/* It is named still, so the connection stays; only the call goes. */
static void a_call_that_is_no_longer_allowed_ends_alone(void **state)
{
    static const struct authz_realm other[] = {{"mail", {readers, 1}, {NULL, 0}}};
    static const struct authz_rules only_mail = {{NULL, 0}, other, 1};
    struct fixture *f = *state;
    struct member member;

    member_init(f, &member, "URI:spiffe://a.org/fe/1", FLEET_DAY_S);
    f->world->services.rules = &only_mail;
    server_recheck(f->server);
    pump(f, &member.client, 1);
    assert_int_equal(member.client.closed, 1);
    assert_int_equal(member.client.last_status, GRPC_PERMISSION_DENIED);
    assert_false(member.client.has_goaway);
    assert_int_equal(f->world->stats.connections, 1);
    assert_int_equal(f->world->stats.rechecks_ended, 1);
    tls_client_watch(&member.client, "mail");
    pump(f, &member.client, 1);
    assert_int_equal(member.client.messages, 2);
    member_fini(&member);
}

static void a_realm_that_is_removed_ends_its_watches(void **state)
{
    struct fixture *f = *state;
    struct member member;

    member_init(f, &member, "URI:spiffe://a.org/fe/1", FLEET_DAY_S);
    f->world->services.realms = &f->world->service_realms[1]; /* "mail" */
    f->world->services.realm_count = 1;
    server_recheck(f->server);
    assert_int_equal(watchers_of_web(f), 0);
    pump(f, &member.client, 1);
    assert_int_equal(member.client.last_status, GRPC_PERMISSION_DENIED);
    assert_non_null(strstr(member.client.last_message, "\"web\" is no longer in the conf"));
    assert_int_equal(f->world->stats.connections, 1);
    member_fini(&member);
}

static void a_stranger_that_becomes_known_is_asked_to_come_again(void **state)
{
    struct fixture *f = *state;
    struct cert cert =
        fleet_client(&f->fleet.ca, "DNS:x.a.org,DNS:1.op.a.org", "clientAuth", FLEET_DAY_S);
    struct tls_client client;
    const struct tls_client_options options = {.port = f->port, .cert = &cert};

    f->world->services.rules = &nobody;
    tls_client_init(&client, &options);
    tls_client_ask_health(&client);
    pump(f, &client, 1);
    assert_int_equal(client.messages, 1);
    assert_int_equal(f->world->stats.strangers, 1);
    f->world->services.rules = &rules;
    server_recheck(f->server);
    pump(f, &client, 1);
    assert_true(client.has_goaway);
    assert_int_equal(f->world->stats.connections, 0);
    assert_int_equal(f->world->stats.rechecks_closed, 0);
    tls_client_fini(&client);
    cert_fini(&cert);
}

static void a_handshake_under_an_old_list_is_judged_by_the_new_one(void **state)
{
    struct fixture *f = *state;
    struct cert cert =
        fleet_client(&f->fleet.ca, "URI:spiffe://a.org/fe/1", "clientAuth", FLEET_DAY_S);
    struct tls_client client;
    const struct tls_client_options options = {.port = f->port, .cert = &cert};

    tls_client_init(&client, &options);
    pump(f, NULL, 0); /* accepted: the old context is its own */
    char *crl = cert_crl(&f->fleet.ca, &cert, FLEET_DAY_S);
    use_context(f, &f->fleet.ca, crl);
    tls_client_ask_health(&client);
    pump(f, &client, 1);
    assert_int_equal(client.messages, 0);
    assert_true(client.is_over);
    assert_int_equal(f->world->stats.connections, 0);
    assert_true(world_has_logged(f->world, "event=connection-refused", "has been revoked"));
    tls_client_fini(&client);
    cert_fini(&cert);
    free(crl);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_frontend_with_its_certificate_reads_its_realm),
        WITH_SERVER(whoever_is_refused_hears_why_and_so_does_the_log),
        WITH_SERVER(a_revoked_certificate_is_refused),
        WITH_SERVER(plain_http_is_answered_in_words),
        WITH_SERVER(who_says_nothing_is_cut_off_and_cannot_keep_others_out),
        WITH_SERVER(a_certificate_that_ends_ends_its_connection_within_a_second),
        WITH_SERVER(a_clock_that_jumps_past_the_end_ends_it_too),
        WITH_SERVER(a_peer_that_does_not_read_is_cut_all_the_same),
        WITH_SERVER(a_revocation_list_that_names_it_ends_it),
        WITH_SERVER(another_ca_ends_what_the_old_one_issued),
        WITH_SERVER(rules_that_no_longer_name_it_end_it),
        WITH_SERVER(a_call_that_is_no_longer_allowed_ends_alone),
        WITH_SERVER(a_realm_that_is_removed_ends_its_watches),
        WITH_SERVER(a_stranger_that_becomes_known_is_asked_to_come_again),
        WITH_SERVER(a_handshake_under_an_old_list_is_judged_by_the_new_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
