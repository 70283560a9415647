/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXP-1: a session got where no client certificate is asked for (or another CA's) is resumed where
 * one is: CVE-2025-23419 and its kin. Shown first with careless sharing of one key, which must
 * succeed or the rest proves nothing, then to be impossible with libstek, with and without
 * stek_ssl_ctx_select(); then what that function promises besides.
 *
 *   a.test  open                b.test  certificate of CA 1 demanded
 *                               c.test  certificate of CA 2 demanded, or of CA 1 too
 */
#include <openssl/hmac.h>
#include <openssl/x509v3.h>

#include "support/certs.h"
#include "unit/client/openssl_fixture.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define A "a.test"
#define B "b.test"
#define C "c.test"

/* How a connection comes to a host's context. */
enum way {
    LISTENERS,     /* each host has a listener of its own */
    SERVERNAME_CB, /* one listener; switched after tickets are opened */
    SELECT,        /* one listener; stek_ssl_ctx_select() */
};

struct hosts {
    struct fixture *f;
    bool is_careless;
    enum way way;
    bool is_same_cert;
    bool is_same_ca;
    struct cert ca[2];
    struct cert server[3];
    struct cert member; /* a client's, of CA 1 */
    SSL_CTX *ctx[3];    /* a, b, c */
    SSL_CTX *anonymous; /* clients */
    SSL_CTX *known;
};

static size_t host_of(const char *name)
{
    return name == NULL ? 0 : (size_t)(name[0] - 'a');
}

/* --- careless servers ------------------------------------------------------------------------ */

/* One key for all, as careless servers share it. */
static int share(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                 HMAC_CTX *mac, int is_encrypting)
{
    static const unsigned char key[32] = "not a secret, for once in a test";

    (void)ssl;
    if (is_encrypting != 0) {
        memset(name, 'n', 16);
        memset(iv, 'i', 16);
    }
    if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv, is_encrypting) != 1 ||
        HMAC_Init_ex(mac, key, sizeof(key), EVP_sha256(), NULL) != 1) {
        return -1;
    }
    return is_encrypting != 0 || SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
}

/* What a server does that is careful about everything but when. */
static int switch_late(SSL *ssl, int *alert, void *arg)
{
    const struct hosts *hosts = arg;
    SSL_CTX *ctx = hosts->ctx[host_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name))];

    (void)alert;
    (void)SSL_set_SSL_CTX(ssl, ctx);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx));
    return SSL_TLSEXT_ERR_OK;
}

/* --- hosts ----------------------------------------------------------------------------------- */

static SSL_CTX *lookup(void *arg, const char *name)
{
    const struct hosts *hosts = arg;

    return hosts->ctx[host_of(name)];
}

static void demand(SSL_CTX *ctx, const struct cert *ca)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca->x509), 1);
    assert_int_equal(SSL_CTX_add_client_CA(ctx, ca->x509), 1);
}

static SSL_CTX *new_ctx(const struct hosts *hosts, size_t i)
{
    static const unsigned char sid[] = "app"; /* what libssl demands where certificates are */
    const struct cert *server = &hosts->server[hosts->is_same_cert ? 0 : i];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    assert_non_null(ctx);
    assert_int_equal(SSL_CTX_use_certificate(ctx, server->x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, server->key), 1);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (i > 0) {
        demand(ctx, &hosts->ca[i == 2 && !hosts->is_same_ca]);
    }
    if (hosts->is_careless) {
        (void)SSL_CTX_set_session_id_context(ctx, sid, sizeof(sid));
        (void)SSL_CTX_set_tlsext_ticket_key_cb(ctx, share);
    } else {
        assert_int_equal(stek_ssl_ctx_attach(hosts->f->world.client, ctx, "web", ""), STEK_OK);
    }
    return ctx;
}

static SSL_CTX *new_client(const struct cert *member)
{
    SSL_CTX *ctx = tls_pair_client_ctx();

    assert_non_null(ctx);
    if (member != NULL) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, member->x509), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, member->key), 1);
    }
    return ctx;
}

static void make_certs(struct hosts *hosts)
{
    static const struct cert_wish ca[] = {{.name = "CA 1", .is_ca = true},
                                          {.name = "CA 2", .is_ca = true}};
    static const struct cert_wish server[] = {{.name = A, .san = "DNS:a.test,DNS:b.test"},
                                              {.name = B, .san = "DNS:b.test"},
                                              {.name = C, .san = "DNS:c.test"}};
    const struct cert_wish member = {.name = "member", .eku = "clientAuth"};

    for (size_t i = 0; i < 2; i++) {
        hosts->ca[i] = cert_make(&ca[i], NULL);
    }
    for (size_t i = 0; i < 3; i++) {
        hosts->server[i] = cert_make(&server[i], NULL);
    }
    hosts->member = cert_make(&member, &hosts->ca[0]);
    hosts->anonymous = new_client(NULL);
    hosts->known = new_client(&hosts->member);
}

static void set_up_hosts(struct hosts *hosts)
{
    for (size_t i = 0; i < 3; i++) {
        hosts->ctx[i] = new_ctx(hosts, i);
    }
    if (hosts->way == SERVERNAME_CB) {
        SSL_CTX_set_tlsext_servername_callback(hosts->ctx[0], switch_late);
        (void)SSL_CTX_set_tlsext_servername_arg(hosts->ctx[0], hosts);
    } else if (hosts->way == SELECT) {
        assert_int_equal(stek_ssl_ctx_select(hosts->ctx[0], lookup, hosts), STEK_OK);
        assert_int_equal(stek_ssl_ctx_select(hosts->ctx[1], NULL, NULL), STEK_OK);
        assert_int_equal(stek_ssl_ctx_select(hosts->ctx[2], NULL, NULL), STEK_OK);
    }
}

static void free_ctxs(struct hosts *hosts)
{
    for (size_t i = 0; i < 3; i++) {
        SSL_CTX_free(hosts->ctx[i]);
    }
}

static void free_hosts(struct hosts *hosts)
{
    SSL_CTX_free(hosts->anonymous);
    SSL_CTX_free(hosts->known);
    cert_fini(&hosts->member);
    for (size_t i = 0; i < 2; i++) {
        cert_fini(&hosts->ca[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        cert_fini(&hosts->server[i]);
    }
}

/* A connection to the host `name`; `*result` is filled either way. */
static bool visit(const struct hosts *hosts, SSL_CTX *client, int version, SSL_SESSION *offer,
                  const char *name, struct tls_pair_result *result)
{
    SSL_CTX *listener = hosts->ctx[hosts->way == LISTENERS ? host_of(name) : 0];
    SSL_SESSION *copy = offer != NULL ? SSL_SESSION_dup(offer) : NULL;
    const bool ok = tls_pair_handshake_as(listener, client, version, copy, name, result);

    SSL_SESSION_free(copy);
    return ok;
}

/* Where libstek must judge a context that is switched to late it may issue nothing: NULL. */
static SSL_SESSION *ticket_of(const struct hosts *hosts, SSL_CTX *client, int version,
                              const char *name)
{
    struct tls_pair_result result;

    assert_true(visit(hosts, client, version, NULL, name, &result));
    assert_false(result.resumed);
    assert_true(result.session != NULL || (hosts->way == SERVERNAME_CB && !hosts->is_careless));
    return result.session;
}

/* Whether a ticket got by `client` at `from` gets it into `to`. */
static bool gets_in(const struct hosts *hosts, SSL_CTX *client, int version, const char *from,
                    const char *to, bool *out_resumed)
{
    struct tls_pair_result result;
    SSL_SESSION *ticket = ticket_of(hosts, client, version, from);
    const bool ok = visit(hosts, client, version, ticket, to, &result);

    *out_resumed = result.resumed;
    SSL_SESSION_free(result.session);
    SSL_SESSION_free(ticket);
    return ok;
}

/* --- the matrix ------------------------------------------------------------------------------ */

/* Calls `check` for each version, same or different server certificates, same or different CAs. */
static void for_each_case(struct hosts *hosts, void (*check)(struct hosts *hosts, int version))
{
    for (size_t i = 0; i < 8; i++) {
        hosts->is_same_cert = (i & 1) != 0;
        hosts->is_same_ca = (i & 2) != 0;
        set_up_hosts(hosts);
        check(hosts, versions[i / 4]);
        free_ctxs(hosts);
    }
}

/* Without a ticket nobody gets in: the rules themselves are in force. */
static void assert_rules_hold(const struct hosts *hosts, int version)
{
    struct tls_pair_result result;

    assert_true(visit(hosts, hosts->anonymous, version, NULL, A, &result));
    SSL_SESSION_free(result.session);
    assert_false(visit(hosts, hosts->anonymous, version, NULL, B, &result));
    SSL_SESSION_free(result.session);
    assert_true(visit(hosts, hosts->known, version, NULL, B, &result));
    SSL_SESSION_free(result.session);
    assert_true(visit(hosts, hosts->known, version, NULL, C, &result) == hosts->is_same_ca);
    SSL_SESSION_free(result.session);
}

static void carelessness_is_punished(struct hosts *hosts, int version)
{
    bool resumed = false;

    assert_rules_hold(hosts, version);
    /* Past the certificate altogether. In TLS 1.2 libssl tells a server-name callback the session's
     * old name, so it is a.test that the session is resumed on, though b.test was asked for. */
    assert_true(gets_in(hosts, hosts->anonymous, version, A, B, &resumed));
    assert_true(resumed);
    /* Past the other CA. */
    assert_true(gets_in(hosts, hosts->known, version, B, C, &resumed));
    assert_true(resumed);
}

static void libstek_lets_nobody_past(struct hosts *hosts, int version)
{
    bool resumed = true;

    assert_rules_hold(hosts, version);
    assert_false(gets_in(hosts, hosts->anonymous, version, A, B, &resumed));
    assert_false(resumed);
    assert_true(gets_in(hosts, hosts->known, version, B, C, &resumed) == hosts->is_same_ca);
    assert_false(resumed);
    /* Nor does knowing more help elsewhere: a.test does not get b.test's sessions. */
    assert_true(gets_in(hosts, hosts->known, version, B, A, &resumed));
    assert_false(resumed);
}

/* And what should resume does, where tickets are opened by the right context. */
static void own_tickets_resume(struct hosts *hosts, int version)
{
    bool resumed = false;

    assert_true(gets_in(hosts, hosts->anonymous, version, A, A, &resumed));
    assert_true(resumed);
    assert_true(gets_in(hosts, hosts->known, version, B, B, &resumed));
    assert_true(resumed);
    if (hosts->is_same_ca) {
        assert_true(gets_in(hosts, hosts->known, version, C, C, &resumed));
        assert_true(resumed);
    }
}

static void careless_sharing_lets_sessions_past_client_certificates(void **state)
{
    for (enum way way = LISTENERS; way <= SERVERNAME_CB; way++) {
        struct hosts hosts = {.f = *state, .is_careless = true, .way = way};
        make_certs(&hosts);
        for_each_case(&hosts, carelessness_is_punished);
        free_hosts(&hosts);
    }
}

static void libstek_lets_no_session_past_client_certificates(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (enum way way = LISTENERS; way <= SELECT; way++) {
        struct hosts hosts = {.f = f, .way = way};
        make_certs(&hosts);
        for_each_case(&hosts, libstek_lets_nobody_past);
        free_hosts(&hosts);
    }
}

static void with_select_every_host_resumes_its_own_sessions(void **state)
{
    static const enum way ways[] = {LISTENERS, SELECT};
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        struct hosts hosts = {.f = f, .way = ways[i]};
        make_certs(&hosts);
        for_each_case(&hosts, own_tickets_resume);
        free_hosts(&hosts);
    }
}

/* One name with two rules, on two listeners: without select only the names' first contexts could
 * tell them apart (openssl.h). */
static void a_name_that_is_open_on_one_listener_is_not_on_another(void **state)
{
    struct fixture *f = *state;
    struct hosts hosts = {.f = f, .way = SELECT};

    fixture_add_active(f, 1);
    make_certs(&hosts);
    set_up_hosts(&hosts);
    SSL_CTX *lax = new_ctx(&hosts, 0); /* another listener, where b.test is open */
    for (size_t i = 0; i < 2; i++) {
        struct tls_pair_result got;
        struct tls_pair_result result;
        assert_true(tls_pair_handshake_as(lax, hosts.anonymous, versions[i], NULL, B, &got));
        assert_non_null(got.session);
        assert_false(visit(&hosts, hosts.anonymous, versions[i], got.session, B, &result));
        SSL_SESSION_free(result.session);
        SSL_SESSION_free(got.session);
    }
    SSL_CTX_free(lax);
    free_ctxs(&hosts);
    free_hosts(&hosts);
}

static void ask_for(SSL *client, const char *name)
{
    assert_int_equal(SSL_ctrl(client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                              (void *)(uintptr_t)name),
                     1);
}

/* Whether a client without a certificate gets in that asks for `name` first, and for `second` when
 * the server makes it say hello again. */
static bool gets_in_twice(const struct hosts *hosts, SSL_CTX *listener, const char *first,
                          const char *second)
{
    SSL *server = SSL_new(listener);
    SSL *client = SSL_new(hosts->anonymous);
    BIO *left = NULL;
    BIO *right = NULL;
    int done = 0;

    assert_int_equal(BIO_new_bio_pair(&left, 65536, &right, 65536), 1);
    SSL_set_bio(server, left, left);
    SSL_set_bio(client, right, right);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    ask_for(client, first);
    assert_int_equal(SSL_do_handshake(client), -1);
    assert_int_equal(SSL_do_handshake(server), -1);
    ask_for(client, second);
    for (int i = 0; i < 8; i++) {
        (void)SSL_do_handshake(client);
        done = SSL_do_handshake(server);
    }
    assert_ptr_equal(SSL_get_SSL_CTX(server), hosts->ctx[host_of(second)]);
    SSL_free(server);
    SSL_free(client);
    ERR_clear_error();
    return done == 1;
}

static void a_name_changed_between_two_hellos_gets_its_own_rules(void **state)
{
    struct fixture *f = *state;
    struct hosts hosts = {.f = f, .way = SELECT};
    char server_groups[] = "P-384";
    char client_groups[] = "X25519:P-384"; /* the first is what it brings a share of */

    fixture_add_active(f, 1);
    make_certs(&hosts);
    set_up_hosts(&hosts);
    /* Of the listener's own, and of one that is not: there libssl asks the chosen one. */
    SSL_CTX *other = key_world_server(&f->world, "");
    assert_int_equal(stek_ssl_ctx_select(other, lookup, &hosts), STEK_OK);
    SSL_CTX *const listeners[] = {hosts.ctx[0], other};
    assert_int_equal(SSL_CTX_set1_groups_list(hosts.anonymous, client_groups), 1);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(SSL_CTX_set1_groups_list(listeners[i], server_groups), 1);
        assert_true(gets_in_twice(&hosts, listeners[i], A, A));
        assert_false(gets_in_twice(&hosts, listeners[i], A, B));
        assert_true(gets_in_twice(&hosts, listeners[i], B, A));
        assert_false(gets_in_twice(&hosts, listeners[i], B, C));
    }
    SSL_CTX_free(other);
    free_ctxs(&hosts);
    free_hosts(&hosts);
}

/* --- what select carries --------------------------------------------------------------------- */

static int refuse_all(int is_good, X509_STORE_CTX *verification)
{
    (void)is_good;
    X509_STORE_CTX_set_error(verification, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static void everything_that_is_a_rule_is_the_chosen_contexts(void **state)
{
    struct fixture *f = *state;
    struct hosts hosts = {.f = f, .way = SELECT};
    struct tls_pair_result result;

    fixture_add_active(f, 1);
    make_certs(&hosts);
    set_up_hosts(&hosts);
    /* The least version. */
    assert_int_equal(SSL_CTX_set_min_proto_version(hosts.ctx[1], TLS1_3_VERSION), 1);
    assert_false(visit(&hosts, hosts.known, TLS1_2_VERSION, NULL, B, &result));
    assert_true(visit(&hosts, hosts.anonymous, TLS1_2_VERSION, NULL, A, &result));
    SSL_SESSION_free(result.session);
    /* The number of tickets. */
    assert_int_equal(SSL_CTX_set_num_tickets(hosts.ctx[1], 5), 1);
    assert_true(visit(&hosts, hosts.known, TLS1_3_VERSION, NULL, B, &result));
    assert_int_equal(result.tickets, 5);
    SSL_SESSION_free(result.session);
    /* Options. */
    (void)SSL_CTX_set_options(hosts.ctx[2], SSL_OP_NO_TLSv1_3);
    assert_false(visit(&hosts, hosts.known, TLS1_3_VERSION, NULL, C, &result));
    SSL_SESSION_free(result.session);
    (void)SSL_CTX_set_options(hosts.ctx[0], SSL_OP_NO_TLSv1_3);
    assert_true(visit(&hosts, hosts.known, TLS1_3_VERSION, NULL, B, &result));
    SSL_SESSION_free(result.session);
    (void)SSL_CTX_clear_options(hosts.ctx[0], SSL_OP_NO_TLSv1_3);
    /* The verify callback. */
    SSL_CTX_set_verify(hosts.ctx[1], SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, refuse_all);
    assert_false(visit(&hosts, hosts.known, TLS1_3_VERSION, NULL, B, &result));
    SSL_SESSION_free(result.session);
    /* Its parameters: at this time nothing is valid. */
    SSL_CTX_set_verify(hosts.ctx[1], SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(hosts.ctx[1]), 1000);
    assert_false(visit(&hosts, hosts.known, TLS1_3_VERSION, NULL, B, &result));
    SSL_SESSION_free(result.session);
    free_ctxs(&hosts);
    free_hosts(&hosts);
}

/* --- names ----------------------------------------------------------------------------------- */

struct asked {
    size_t calls;
    char name[300];
    bool was_null;
};

static SSL_CTX *note_name(void *arg, const char *name)
{
    struct asked *asked = arg;

    asked->calls++;
    asked->was_null = name == NULL;
    (void)snprintf(asked->name, sizeof(asked->name), "%s", name != NULL ? name : "");
    return NULL;
}

static void the_lookup_gets_the_name_in_lower_case_or_none(void **state)
{
    struct fixture *f = *state;
    struct asked asked = {.calls = 0};
    struct tls_pair_result result;

    fixture_add_active(f, 1);
    assert_int_equal(stek_ssl_ctx_select(f->server, note_name, &asked), STEK_OK);
    assert_true(
        tls_pair_handshake_as(f->server, f->client, TLS1_3_VERSION, NULL, "WWW.Example", &result));
    assert_non_null(result.session); /* NULL is the listener's own, which is attached */
    SSL_SESSION_free(result.session);
    assert_string_equal(asked.name, "www.example");
    assert_true(tls_pair_handshake(f->server, f->client, TLS1_2_VERSION, NULL, &result));
    SSL_SESSION_free(result.session);
    assert_true(asked.was_null);
    assert_int_equal(asked.calls, 2);
}

/* Which of the table's contexts serves `name`: told by the number of tickets it issues. */
static unsigned int tickets_for(struct fixture *f, const char *name)
{
    struct tls_pair_result result;

    assert_true(tls_pair_handshake_as(f->server, f->client, TLS1_3_VERSION, NULL, name, &result));
    SSL_SESSION_free(result.session);
    return result.tickets;
}

static void a_table_knows_whole_names_and_stars_for_one_label(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *whole = key_world_server(&f->world, "");
    SSL_CTX *starred = key_world_server(&f->world, "");
    const struct stek_ssl_host hosts[] = {{"www.Example", whole},
                                          {"*.example", starred},
                                          {"own.example", f->server},
                                          {"z.test", whole}};

    fixture_add_active(f, 1);
    assert_int_equal(SSL_CTX_set_num_tickets(whole, 3), 1);
    assert_int_equal(SSL_CTX_set_num_tickets(starred, 4), 1);
    assert_int_equal(SSL_CTX_set_num_tickets(f->server, 1), 1);
    assert_int_equal(stek_ssl_ctx_select_table(f->server, hosts, 4), STEK_OK);
    assert_int_equal(tickets_for(f, "www.example"), 3);
    assert_int_equal(tickets_for(f, "WWW.EXAMPLE"), 3);
    assert_int_equal(tickets_for(f, "z.test"), 3);
    assert_int_equal(tickets_for(f, "mail.example"), 4);
    assert_int_equal(tickets_for(f, "own.example"), 1);
    assert_int_equal(tickets_for(f, "example"), 1);
    assert_int_equal(tickets_for(f, "a.b.example"), 1);
    assert_int_equal(tickets_for(f, ".example"), 1);
    assert_int_equal(tickets_for(f, "other.test"), 1);
    assert_int_equal(tickets_for(f, NULL), 1);
    SSL_CTX_free(whole);
    SSL_CTX_free(starred);
}

static void what_cannot_be_a_choice_is_refused(void **state)
{
    struct fixture *f = *state;
    struct asked asked = {.calls = 0};
    SSL_CTX *foreign = tls_pair_server_ctx();
    const struct stek_ssl_host twice[] = {{"a.test", f->server}, {"A.test", f->server}};
    const struct stek_ssl_host unattached[] = {{"a.test", foreign}};
    static const char *const bad[] = {"",    "*",       "*.",    ".a",   "a.",
                                      "a b", "*a.test", "a.*.b", "**.a", NULL};

    assert_int_equal(stek_ssl_ctx_select(NULL, note_name, &asked), STEK_ERR_INVALID);
    assert_int_equal(stek_ssl_ctx_select(foreign, NULL, NULL), STEK_ERR_REFUSED);
    assert_int_equal(stek_ssl_ctx_select(foreign, note_name, &asked), STEK_ERR_REFUSED);
    assert_int_equal(stek_ssl_ctx_select_table(f->server, NULL, 1), STEK_ERR_INVALID);
    assert_int_equal(stek_ssl_ctx_select_table(f->server, twice, 2), STEK_ERR_INVALID);
    assert_int_equal(stek_ssl_ctx_select_table(f->server, unattached, 1), STEK_ERR_REFUSED);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct stek_ssl_host host = {bad[i], f->server};
        assert_int_equal(stek_ssl_ctx_select_table(f->server, &host, 1), STEK_ERR_INVALID);
    }
    assert_int_equal(stek_ssl_ctx_select_table(f->server, NULL, 0), STEK_OK);
    assert_int_equal(stek_ssl_ctx_select(f->server, note_name, &asked), STEK_ERR_REFUSED);
    SSL_CTX_free(foreign);
}

/* A context that was forgotten must be noticed, not serve with OpenSSL's own never-rotated keys or
 * without a look at second hellos. */
static void a_context_that_may_not_be_chosen_fails_the_handshake(void **state)
{
    struct fixture *f = *state;
    struct hosts hosts = {.f = f, .way = LISTENERS};
    SSL_CTX *forgotten[] = {tls_pair_server_ctx(), key_world_server(&f->world, "")};

    fixture_add_active(f, 1);
    assert_int_equal(stek_ssl_ctx_select(f->server, lookup, &hosts), STEK_OK);
    for (size_t i = 0; i < 4; i++) {
        struct tls_pair_result result;
        hosts.ctx[0] = forgotten[i / 2];
        assert_false(tls_pair_handshake(f->server, f->client, versions[i % 2], NULL, &result));
    }
    assert_int_equal(stek_ssl_ctx_select(forgotten[1], NULL, NULL), STEK_OK);
    struct tls_pair_result result = fixture_shake(f, TLS1_3_VERSION, NULL);
    assert_non_null(result.session);
    SSL_SESSION_free(result.session);
    SSL_CTX_free(forgotten[0]);
    SSL_CTX_free(forgotten[1]);
}

/* One that may be chosen is a listener like any other, if it is used as one. */
static void to_may_be_chosen_changes_nothing_else(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    assert_int_equal(stek_ssl_ctx_select(f->server, NULL, NULL), STEK_OK);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session = fixture_ticket(f, versions[i]);
        assert_true(fixture_resumes(f, versions[i], session));
        SSL_SESSION_free(session);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(careless_sharing_lets_sessions_past_client_certificates),
        FIXTURE_TEST(libstek_lets_no_session_past_client_certificates),
        FIXTURE_TEST(with_select_every_host_resumes_its_own_sessions),
        FIXTURE_TEST(a_name_that_is_open_on_one_listener_is_not_on_another),
        FIXTURE_TEST(a_name_changed_between_two_hellos_gets_its_own_rules),
        FIXTURE_TEST(everything_that_is_a_rule_is_the_chosen_contexts),
        FIXTURE_TEST(the_lookup_gets_the_name_in_lower_case_or_none),
        FIXTURE_TEST(a_table_knows_whole_names_and_stars_for_one_label),
        FIXTURE_TEST(what_cannot_be_a_choice_is_refused),
        FIXTURE_TEST(a_context_that_may_not_be_chosen_fails_the_handshake),
        FIXTURE_TEST(to_may_be_chosen_changes_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
