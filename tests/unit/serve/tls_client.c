/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "wire/codec.h"
#include "wire/methods.h"
#include "wire/tls_context.h"

/* ---- certificates ---- */

static struct cert make(const char *name, const struct cert *issuer, bool is_ca, const char *san,
                        const char *eku)
{
    const struct cert_wish wish = {.name = name, .san = san, .eku = eku, .is_ca = is_ca};

    return cert_make(&wish, issuer);
}

void fleet_init(struct fleet *fleet)
{
    fleet->ca = make("ca", NULL, true, NULL, NULL);
    fleet->other_ca = make("other ca", NULL, true, NULL, NULL);
    fleet->server = make("stekd", &fleet->ca, false, "IP:127.0.0.1", "serverAuth");
}

void fleet_fini(struct fleet *fleet)
{
    cert_fini(&fleet->ca);
    cert_fini(&fleet->other_ca);
    cert_fini(&fleet->server);
}

struct cert fleet_client(const struct cert *issuer, const char *san, const char *eku,
                         int64_t until_s)
{
    const struct cert_wish wish = {
        .name = "client", .san = san, .eku = eku, .from_s = -FLEET_DAY_S, .until_s = until_s};

    return cert_make(&wish, issuer);
}

static struct tls_pem pem_of(const char *path, const char *text)
{
    const size_t len = text == NULL ? 0 : strlen(text);

    return (struct tls_pem){path, {(const uint8_t *)text, len}};
}

SSL_CTX *fleet_server_context(const struct fleet *fleet, const struct cert *ca, const char *crl)
{
    const struct tls_context_options options = {
        .role = TLS_SERVER,
        .certificate = pem_of("server.pem", fleet->server.pem),
        .private_key = pem_of("server.key", fleet->server.key_pem),
        .ca = pem_of("ca.pem", ca->pem),
        .crl = pem_of("crl.pem", crl),
        .min_version = TLS1_3_VERSION,
        .now_ms = (int64_t)time(NULL) * 1000,
    };
    SSL_CTX *context = NULL;
    struct errbuf why = {""};

    if (tls_context_new(&options, &context, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    return context;
}

/* ---- the client ---- */

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct tls_client *client = ctx;

    (void)stream;
    (void)message;
    client->messages++;
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct tls_client *client = ctx;

    (void)stream;
    client->closed++;
    client->last_status = status;
    (void)snprintf(client->last_message, sizeof(client->last_message), "%s", message);
}

static void on_goaway(void *ctx)
{
    struct tls_client *client = ctx;

    client->has_goaway = true;
}

static int connect_to(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static SSL_CTX *client_context(const struct tls_client_options *options)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    assert_non_null(context);
    if (options->max_version != 0) {
        assert_int_equal(SSL_CTX_set_max_proto_version(context, options->max_version), 1);
    }
    if (!options->has_no_alpn) {
        const char *alpn = options->alpn != NULL ? options->alpn : "\x02h2";
        assert_int_equal(SSL_CTX_set_alpn_protos(context, (const unsigned char *)alpn,
                                                 (unsigned int)strlen(alpn)),
                         0);
    }
    if (options->trusts != NULL) {
        assert_int_equal(
            X509_STORE_add_cert(SSL_CTX_get_cert_store(context), options->trusts->x509), 1);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    if (options->cert != NULL) {
        assert_int_equal(SSL_CTX_use_certificate(context, options->cert->x509), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(context, options->cert->key), 1);
    }
    return context;
}

void tls_client_init(struct tls_client *client, const struct tls_client_options *options)
{
    static const struct h2_events events = {
        .on_message = on_message, .on_closed = on_closed, .on_goaway = on_goaway};
    const struct h2_limits limits = {0};

    *client = (struct tls_client){.fd = connect_to(options->port)};
    client->context = client_context(options);
    client->ssl = SSL_new(client->context);
    assert_non_null(client->ssl);
    assert_int_equal(SSL_set_fd(client->ssl, client->fd), 1);
    SSL_set_connect_state(client->ssl);
    assert_int_equal(h2_session_new(H2_CLIENT, &limits, &events, client, &client->h2), ERR_OK);
}

void tls_client_fini(struct tls_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    h2_session_free(client->h2);
    if (client->fd >= 0) {
        (void)close(client->fd);
    }
    *client = (struct tls_client){.fd = -1};
}

/* True: it must be tried again later, or not at all. */
static bool is_stuck(struct tls_client *client, int result)
{
    const int state = SSL_get_error(client->ssl, result);

    if (result > 0) {
        return false;
    }
    if (state != SSL_ERROR_WANT_READ && state != SSL_ERROR_WANT_WRITE) {
        const unsigned long error = ERR_peek_error();
        client->is_over = true;
        if (client->error[0] == '\0' && error != 0) {
            (void)snprintf(client->error, sizeof(client->error), "%s",
                           ERR_reason_error_string(error));
        }
    }
    return true;
}

static bool write_some(struct tls_client *client)
{
    struct errbuf why = {""};
    struct slice bytes = {NULL, 0};
    bool wrote = false;

    for (;;) {
        assert_int_equal(h2_session_drain(client->h2, &bytes, &why), ERR_OK);
        if (bytes.len == 0) {
            return wrote;
        }
        ERR_clear_error();
        if (is_stuck(client, SSL_write(client->ssl, bytes.at, (int)bytes.len))) {
            return wrote; /* over: what was to be said is lost */
        }
        wrote = true;
    }
}

static bool read_some(struct tls_client *client)
{
    struct errbuf why = {""};
    uint8_t bytes[16384];
    bool has_read = false;

    for (;;) {
        ERR_clear_error();
        const int got = SSL_read(client->ssl, bytes, sizeof(bytes));
        if (is_stuck(client, got)) {
            return has_read;
        }
        has_read = true;
        assert_int_equal(h2_session_feed(client->h2, (struct slice){bytes, (size_t)got}, &why),
                         ERR_OK);
    }
}

bool tls_client_turn(struct tls_client *client)
{
    if (client->is_over) {
        return false;
    }
    if (!client->is_up) {
        ERR_clear_error();
        client->is_up = !is_stuck(client, SSL_do_handshake(client->ssl));
        return client->is_up;
    }
    const bool wrote = write_some(client);
    const bool has_read = !client->is_over && read_some(client);
    return wrote || has_read;
}

void tls_client_call(struct tls_client *client, const char *path, enum err encoded,
                     struct secret_buf *message, bool is_unary)
{
    int32_t stream = 0;

    assert_int_equal(encoded, ERR_OK);
    assert_int_equal(h2_session_call(client->h2, path, "localhost", 0, &stream), ERR_OK);
    assert_int_equal(h2_session_send(client->h2, stream, (struct slice){message->at, message->len}),
                     ERR_OK);
    if (is_unary) {
        assert_int_equal(h2_session_half_close(client->h2, stream), ERR_OK);
    }
    secret_buf_fini(message);
}

void tls_client_ask_health(struct tls_client *client)
{
    struct secret_buf bytes = {0};
    enum err rc = wire_encode_health_check("", &bytes);

    tls_client_call(client, METHOD_HEALTH_CHECK, rc, &bytes, true);
}

void tls_client_watch(struct tls_client *client, const char *realm)
{
    struct wire_watch_request request = {.kind = WIRE_WATCH_OPEN};
    struct secret_buf bytes = {0};

    (void)snprintf(request.as.open.realm, sizeof(request.as.open.realm), "%s", realm);
    enum err rc = wire_encode_watch_request(&request, &bytes);
    tls_client_call(client, METHOD_WATCH_KEYRING, rc, &bytes, false);
}
