/* SPDX-License-Identifier: Apache-2.0 */
/* Files of every wrong kind, and handshakes in memory between our two roles. */
#include "wire/tls_context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "support/certs.h"

#define DAY_S INT64_C(86400)

struct world {
    struct cert ca;
    struct cert other_ca;
    struct cert server;
    struct cert client;
};

static struct world *world_of(void **state)
{
    return *state;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->ca = cert_make(&(struct cert_wish){.name = "ca", .is_ca = true}, NULL);
    w->other_ca = cert_make(&(struct cert_wish){.name = "other ca", .is_ca = true}, NULL);
    w->server = cert_make(
        &(struct cert_wish){.name = "server", .san = "DNS:stekd.example", .eku = "serverAuth"},
        &w->ca);
    w->client = cert_make(
        &(struct cert_wish){.name = "client", .san = "URI:spiffe://a/b", .eku = "clientAuth"},
        &w->ca);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = world_of(state);
    cert_fini(&w->ca);
    cert_fini(&w->other_ca);
    cert_fini(&w->server);
    cert_fini(&w->client);
    free(w);
    return 0;
}

static struct tls_pem pem(const char *path, const char *text)
{
    return (struct tls_pem){path, {(const uint8_t *)text, text == NULL ? 0 : strlen(text)}};
}

static struct tls_context_options options_of(enum tls_role role, const struct cert *own,
                                             const struct cert *ca)
{
    return (struct tls_context_options){
        .role = role,
        .certificate = pem("own.pem", own == NULL ? NULL : own->pem),
        .private_key = pem("own.key", own == NULL ? NULL : own->key_pem),
        .ca = pem("ca.pem", ca->pem),
        .crl = pem("crl.pem", NULL),
        .min_version = TLS1_3_VERSION,
        .now_ms = (int64_t)time(NULL) * 1000,
    };
}

static void expect_refused(const struct tls_context_options *options, const char *sentence)
{
    struct errbuf why = {""};
    SSL_CTX *context = (SSL_CTX *)1;

    assert_int_equal(tls_context_new(options, &context, &why), ERR_INVALID);
    assert_ptr_equal(context, (SSL_CTX *)1);
    if (strstr(why.text, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why.text, sentence);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static SSL_CTX *expect_made(const struct tls_context_options *options)
{
    struct errbuf why = {""};
    SSL_CTX *context = NULL;

    if (tls_context_new(options, &context, &why) != ERR_OK) {
        fail_msg("refused: %s", why.text);
    }
    assert_int_equal(ERR_peek_error(), 0);
    return context;
}

/* ---- files ---- */

static void a_wrong_certificate_is_refused_by_name_and_reason(void **state)
{
    struct world *w = world_of(state);
    struct cert old = cert_make(
        &(struct cert_wish){
            .name = "old", .eku = "serverAuth", .from_s = -2 * DAY_S, .until_s = -DAY_S},
        &w->ca);
    struct cert early = cert_make(
        &(struct cert_wish){
            .name = "early", .eku = "serverAuth", .from_s = DAY_S, .until_s = 2 * DAY_S},
        &w->ca);
    struct cert bare = cert_make(&(struct cert_wish){.name = "bare"}, &w->ca);
    struct tls_context_options options = options_of(TLS_SERVER, &old, &w->ca);

    expect_refused(&options, "own.pem: the certificate expired on 2");
    options = options_of(TLS_SERVER, &early, &w->ca);
    expect_refused(&options, "own.pem: the certificate is not valid before 2");
    options = options_of(TLS_SERVER, &w->client, &w->ca);
    expect_refused(&options, "own.pem: this certificate is not for a server");
    options = options_of(TLS_CLIENT, &w->server, &w->ca);
    expect_refused(&options, "own.pem: this certificate is not for a client");
    options = options_of(TLS_SERVER, &bare, &w->ca);
    expect_refused(&options, "does not name serverAuth");
    options.is_eku_optional = true;
    SSL_CTX_free(expect_made(&options));
    options = options_of(TLS_SERVER, &w->server, &w->ca);
    options.certificate = pem("own.pem", "no PEM at all\n");
    expect_refused(&options, "own.pem: no certificate in PEM form");
    options.certificate =
        pem("own.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect_refused(&options, "own.pem: is damaged");
    options.certificate = pem("own.pem", NULL);
    expect_refused(&options, "a private key without a certificate");
    cert_fini(&old);
    cert_fini(&early);
    cert_fini(&bare);
}

static void a_wrong_private_key_is_refused_by_name_and_reason(void **state)
{
    struct world *w = world_of(state);
    struct tls_context_options options = options_of(TLS_SERVER, &w->server, &w->ca);
    char *encrypted = cert_key_encrypted(&w->server, "secret");

    options.private_key = pem("own.key", w->client.key_pem);
    expect_refused(&options, "own.key: this private key does not belong to the certificate in "
                             "own.pem");
    options.private_key = pem("own.key", encrypted);
    expect_refused(&options, "own.key: the private key is encrypted");
    options.private_key = pem("own.key", w->server.pem);
    expect_refused(&options, "own.key: no private key in PEM form");
    options.private_key = pem("own.key", NULL);
    expect_refused(&options, "a certificate without a private key");
    options.certificate = pem("own.pem", NULL);
    expect_refused(&options, "a server needs a certificate");
    free(encrypted);
}

static void a_wrong_ca_is_refused_by_name_and_reason(void **state)
{
    struct world *w = world_of(state);
    struct cert old = cert_make(
        &(struct cert_wish){
            .name = "old ca", .is_ca = true, .from_s = -2 * DAY_S, .until_s = -DAY_S},
        NULL);
    struct tls_context_options options = options_of(TLS_CLIENT, &w->client, &old);

    expect_refused(&options, "ca.pem: the CA expired on 2");
    options.ca = pem("ca.pem", w->server.pem);
    expect_refused(&options, "ca.pem: certificate 1 of it is not one of a CA");
    options.ca = pem("ca.pem", "");
    expect_refused(&options, "nobody to trust");
    options.ca = pem("ca.pem", w->server.key_pem);
    expect_refused(&options, "ca.pem: no certificate in PEM form");
    cert_fini(&old);
}

static void a_wrong_revocation_list_is_refused_by_name_and_reason(void **state)
{
    struct world *w = world_of(state);
    struct tls_context_options options = options_of(TLS_SERVER, &w->server, &w->ca);
    char *stale = cert_crl(&w->ca, NULL, -60);
    char *foreign = cert_crl(&w->other_ca, NULL, DAY_S);
    char *good = cert_crl(&w->ca, NULL, DAY_S);

    options.crl = pem("crl.pem", stale);
    expect_refused(&options, "crl.pem: revocation list 1 of it expired on 2");
    options.crl = pem("crl.pem", foreign);
    expect_refused(&options, "crl.pem: revocation list 1 of it was not issued by a CA in ca.pem");
    options.crl = pem("crl.pem", w->ca.pem);
    expect_refused(&options, "crl.pem: no revocation list in PEM form");
    options.crl = pem("crl.pem", good);
    SSL_CTX *context = expect_made(&options);
    const int64_t left = tls_context_crl_until_ms(context) - options.now_ms;
    assert_in_range(left, (uintmax_t)(DAY_S - 60) * 1000, (uintmax_t)(DAY_S + 60) * 1000);
    SSL_CTX_free(context);
    free(stale);
    free(foreign);
    free(good);
}

static void ends_are_told(void **state)
{
    struct world *w = world_of(state);
    const struct tls_context_options options = options_of(TLS_SERVER, &w->server, &w->ca);
    SSL_CTX *context = expect_made(&options);
    const int64_t left = tls_context_not_after_ms(context) - options.now_ms;

    assert_in_range(left, (uintmax_t)(DAY_S - 60) * 1000, (uintmax_t)(DAY_S + 60) * 1000);
    assert_int_equal(tls_context_crl_until_ms(context), INT64_MAX);
    SSL_CTX_free(context);
}

/* ---- handshakes ---- */

struct ends {
    SSL *server;
    SSL *client;
    struct errbuf server_why;
    struct errbuf client_why;
};

static bool step(SSL *ssl, struct errbuf *why)
{
    const int rc = SSL_do_handshake(ssl);

    if (rc != 1 && SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ && why->text[0] == '\0') {
        tls_explain(ssl, why);
    }
    return rc == 1;
}

/* What the client learns after its own side is done (TLS 1.3) comes with its first read. */
static void read_alert(SSL *ssl, struct errbuf *why)
{
    char byte;
    const int rc = SSL_read(ssl, &byte, 1);

    if (rc <= 0 && SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ && why->text[0] == '\0') {
        tls_explain(ssl, why);
    }
}

static bool shake(struct ends *ends, SSL_CTX *server, SSL_CTX *client, const char *name)
{
    BIO *a = NULL;
    BIO *b = NULL;
    bool is_server_done = false;
    bool is_client_done = false;

    *ends = (struct ends){.server = SSL_new(server), .client = SSL_new(client)};
    assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    SSL_set_bio(ends->server, a, a);
    SSL_set_bio(ends->client, b, b);
    SSL_set_accept_state(ends->server);
    SSL_set_connect_state(ends->client);
    if (name != NULL) {
        assert_int_equal(SSL_set1_host(ends->client, name), 1);
    }
    for (int i = 0; i < 8; i++) {
        is_client_done = is_client_done || step(ends->client, &ends->client_why);
        is_server_done = is_server_done || step(ends->server, &ends->server_why);
    }
    if (is_client_done) {
        read_alert(ends->client, &ends->client_why);
    }
    return is_server_done && is_client_done;
}

static void end(struct ends *ends)
{
    SSL_free(ends->server);
    SSL_free(ends->client);
    assert_int_equal(ERR_peek_error(), 0);
}

static void expect_says(const struct errbuf *why, const char *sentence)
{
    if (strstr(why->text, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why->text, sentence);
    }
}

static void our_two_roles_agree_on_tls_1_3_and_h2(void **state)
{
    struct world *w = world_of(state);
    const struct tls_context_options s = options_of(TLS_SERVER, &w->server, &w->ca);
    const struct tls_context_options c = options_of(TLS_CLIENT, &w->client, &w->ca);
    SSL_CTX *server = expect_made(&s);
    SSL_CTX *client = expect_made(&c);
    const unsigned char *protocol = NULL;
    unsigned int len = 0;
    struct ends ends;

    assert_true(shake(&ends, server, client, "stekd.example"));
    assert_int_equal(SSL_version(ends.client), TLS1_3_VERSION);
    SSL_get0_alpn_selected(ends.server, &protocol, &len);
    assert_int_equal(len, 2);
    assert_memory_equal(protocol, "h2", 2);
    assert_int_equal(SSL_session_reused(ends.client), 0);
    end(&ends);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

struct refusal {
    const char *what;
    const struct cert *server;
    const struct cert *server_ca; /* whom the server trusts */
    const char *crl;
    const struct cert *client; /* NULL: none */
    const struct cert *client_ca;
    bool is_client_plain; /* the client checks nothing of its own certificate */
    const char *server_says;
    const char *client_says;
};

/* A client that offers whatever certificate it was given: ours would refuse the file. */
static SSL_CTX *careless_client(const struct refusal *row)
{
    struct tls_context_options bare = options_of(TLS_CLIENT, NULL, row->client_ca);
    SSL_CTX *context = expect_made(&bare);

    assert_int_equal(SSL_CTX_use_certificate(context, row->client->x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, row->client->key), 1);
    return context;
}

static void check_refusal(const struct refusal *row)
{
    struct tls_context_options s = options_of(TLS_SERVER, row->server, row->server_ca);
    const struct tls_context_options c = options_of(TLS_CLIENT, row->client, row->client_ca);
    struct ends ends;

    print_message("%s\n", row->what);
    s.crl = pem("crl.pem", row->crl);
    SSL_CTX *server = expect_made(&s);
    SSL_CTX *client = row->is_client_plain ? careless_client(row) : expect_made(&c);
    assert_false(shake(&ends, server, client, "stekd.example") && ends.client_why.text[0] == '\0');
    expect_says(&ends.server_why, row->server_says);
    expect_says(&ends.client_why, row->client_says);
    end(&ends);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

static void who_must_not_pass_does_not_and_both_sides_say_why(void **state)
{
    struct world *w = world_of(state);
    struct cert foreign =
        cert_make(&(struct cert_wish){.name = "x", .eku = "clientAuth"}, &w->other_ca);
    struct cert old = cert_make(
        &(struct cert_wish){
            .name = "x", .eku = "clientAuth", .from_s = -2 * DAY_S, .until_s = -DAY_S},
        &w->ca);
    struct cert bare = cert_make(&(struct cert_wish){.name = "x"}, &w->ca);
    struct cert elsewhere = cert_make(
        &(struct cert_wish){.name = "stekd.example", .san = "DNS:a.example", .eku = "serverAuth"},
        &w->ca);
    char *crl = cert_crl(&w->ca, &w->client, DAY_S);
    const struct refusal rows[] = {
        {"no client certificate", &w->server, &w->ca, NULL, NULL, &w->ca, false,
         "it sent no certificate", "it demands a client certificate"},
        {"another CA's client", &w->server, &w->ca, NULL, &foreign, &w->ca, false,
         "no CA that is trusted here has issued it", "no CA that it trusts has issued it"},
        {"an expired client", &w->server, &w->ca, NULL, &old, &w->ca, true, "it has expired",
         "as expired"},
        {"a client without clientAuth", &w->server, &w->ca, NULL, &w->server, &w->ca, true,
         "its extended key usage does not name its role", "extended key usage"},
        {"a client without any usage", &w->server, &w->ca, NULL, &bare, &w->ca, true,
         "its extended key usage does not name its role", "extended key usage"},
        {"a revoked client", &w->server, &w->ca, crl, &w->client, &w->ca, false,
         "it has been revoked", "as revoked"},
        {"another CA's server", &w->server, &w->ca, NULL, &w->client, &w->other_ca, false,
         "no CA that it trusts has issued it", "no CA that is trusted here has issued it"},
        {"a server of another name", &elsewhere, &w->ca, NULL, &w->client, &w->ca, false,
         "it refuses our certificate", "not for the name"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_refusal(&rows[i]);
    }
    cert_fini(&foreign);
    cert_fini(&old);
    cert_fini(&bare);
    cert_fini(&elsewhere);
    free(crl);
}

static void an_older_tls_and_another_protocol_are_refused(void **state)
{
    struct world *w = world_of(state);
    const struct tls_context_options s = options_of(TLS_SERVER, &w->server, &w->ca);
    struct tls_context_options c = options_of(TLS_CLIENT, &w->client, &w->ca);
    SSL_CTX *server = expect_made(&s);
    struct ends ends;

    c.min_version = TLS1_2_VERSION;
    SSL_CTX *client = expect_made(&c);
    assert_int_equal(SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION), 1);
    assert_false(shake(&ends, server, client, NULL));
    expect_says(&ends.server_why, "no version of TLS that is taken here");
    expect_says(&ends.client_why, "no version of TLS that is taken here");
    end(&ends);
    assert_int_equal(SSL_CTX_set_max_proto_version(client, 0), 1);
    assert_int_equal(SSL_CTX_set_alpn_protos(client, (const unsigned char *)"\x08http/1.1", 9), 0);
    assert_false(shake(&ends, server, client, NULL));
    expect_says(&ends.server_why, "HTTP/2");
    expect_says(&ends.client_why, "HTTP/2");
    end(&ends);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void bytes_that_are_no_tls_are_named_so(void **state)
{
    struct world *w = world_of(state);
    const struct tls_context_options s = options_of(TLS_SERVER, &w->server, &w->ca);
    SSL_CTX *context = expect_made(&s);
    SSL *server = SSL_new(context);
    BIO *in = BIO_new_mem_buf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", -1);
    BIO *out = BIO_new(BIO_s_mem());
    struct errbuf why = {""};

    SSL_set_bio(server, in, out);
    SSL_set_accept_state(server);
    assert_false(step(server, &why));
    expect_says(&why, "it does not speak TLS");
    SSL_free(server);
    SSL_CTX_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_certificate_is_refused_by_name_and_reason),
        cmocka_unit_test(a_wrong_private_key_is_refused_by_name_and_reason),
        cmocka_unit_test(a_wrong_ca_is_refused_by_name_and_reason),
        cmocka_unit_test(a_wrong_revocation_list_is_refused_by_name_and_reason),
        cmocka_unit_test(ends_are_told),
        cmocka_unit_test(our_two_roles_agree_on_tls_1_3_and_h2),
        cmocka_unit_test(who_must_not_pass_does_not_and_both_sides_say_why),
        cmocka_unit_test(an_older_tls_and_another_protocol_are_refused),
        cmocka_unit_test(bytes_that_are_no_tls_are_named_so),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
