/* SPDX-License-Identifier: Apache-2.0 */
#include "support/tls_pair.h"

#include <stdint.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define STEPS_MAX 64 /* a handshake in memory takes fewer than ten */

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *cert = X509_new();

    if (cert == NULL) {
        return NULL;
    }
    X509_NAME *name = X509_get_subject_name(cert);
    if (X509_set_version(cert, 2) != 1 || ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(cert), -3600) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(cert), 86400) == NULL ||
        X509_set_pubkey(cert, key) != 1 ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
                                   -1, 0) != 1 ||
        X509_set_issuer_name(cert, name) != 1 || X509_sign(cert, key, EVP_sha256()) == 0) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

SSL_CTX *tls_pair_server_ctx(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key != NULL ? self_signed(key) : NULL;

    if (ctx == NULL || cert == NULL || SSL_CTX_use_certificate(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        SSL_CTX_free(ctx);
        ctx = NULL;
    } else {
        (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_pair_result *result = SSL_get_app_data(ssl);

    if (result == NULL || !SSL_SESSION_has_ticket(session)) {
        return 0;
    }
    SSL_SESSION_free(result->session);
    result->session = session;
    result->tickets++;
    return 1; /* the reference is ours */
}

SSL_CTX *tls_pair_client_ctx(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx != NULL) {
        (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                                      SSL_SESS_CACHE_NO_INTERNAL_STORE);
        SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    }
    return ctx;
}

/* True once the side is done; false while it wants more, or (*failed) for good. */
static bool advance(SSL *ssl, bool *failed)
{
    int rc = SSL_do_handshake(ssl);

    if (rc == 1) {
        return true;
    }
    int reason = SSL_get_error(ssl, rc);
    *failed = reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE;
    return false;
}

static bool shake(SSL *server, SSL *client, struct tls_pair_result *result)
{
    bool server_done = false;
    bool client_done = false;
    bool failed = false;

    for (int i = 0; i < STEPS_MAX && !(server_done && client_done) && !failed; i++) {
        client_done = client_done || advance(client, &failed);
        if (!failed && !server_done) {
            server_done = advance(server, &failed);
            if (failed) {
                result->server_error = (long)ERR_peek_error();
            }
        }
    }
    return server_done && client_done && !failed;
}

static bool one_byte(SSL *from, SSL *to)
{
    char byte = 'x';

    return SSL_write(from, &byte, 1) == 1 && SSL_read(to, &byte, 1) == 1;
}

static bool join(SSL *server, SSL *client)
{
    BIO *left = NULL;
    BIO *right = NULL;

    if (BIO_new_bio_pair(&left, 65536, &right, 65536) != 1) {
        return false;
    }
    SSL_set_bio(server, left, left);
    SSL_set_bio(client, right, right);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    return true;
}

/* A ticket renewed in a TLS 1.2 resumption is announced by no callback: it is just there. */
static void note_renewed(SSL *client, const SSL_SESSION *offer, struct tls_pair_result *result)
{
    SSL_SESSION *now = SSL_get1_session(client);
    const unsigned char *was_ticket = NULL;
    const unsigned char *ticket = NULL;
    size_t was_len = 0;
    size_t len = 0;

    SSL_SESSION_get0_ticket(offer, &was_ticket, &was_len);
    if (now != NULL) {
        SSL_SESSION_get0_ticket(now, &ticket, &len);
    }
    if (len > 0 && (len != was_len || memcmp(ticket, was_ticket, len) != 0)) {
        result->session = now;
        result->tickets++;
    } else {
        SSL_SESSION_free(now);
    }
}

/* SSL_set_tlsext_host_name() casts const away in a way that clang warns of. */
static bool ask_for(SSL *client, const char *name)
{
    return SSL_ctrl(client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)name) == 1;
}

bool tls_pair_handshake(SSL_CTX *server_ctx, SSL_CTX *client_ctx, int version, SSL_SESSION *offer,
                        struct tls_pair_result *result)
{
    return tls_pair_handshake_as(server_ctx, client_ctx, version, offer, NULL, result);
}

bool tls_pair_handshake_as(SSL_CTX *server_ctx, SSL_CTX *client_ctx, int version,
                           SSL_SESSION *offer, const char *name, struct tls_pair_result *result)
{
    bool ok = false;
    SSL *server = SSL_new(server_ctx);
    SSL *client = SSL_new(client_ctx);

    memset(result, 0, sizeof(*result));
    ERR_clear_error();
    if (server == NULL || client == NULL || !join(server, client)) {
        goto out;
    }
    (void)SSL_set_min_proto_version(client, version);
    (void)SSL_set_max_proto_version(client, version);
    (void)SSL_set_app_data(client, result);
    if ((offer != NULL && SSL_set_session(client, offer) != 1) ||
        (name != NULL && !ask_for(client, name))) {
        goto out;
    }
    ok = shake(server, client, result) && one_byte(client, server) && one_byte(server, client);
    result->resumed = ok && SSL_session_reused(client) == 1;
    if (result->resumed && version == TLS1_2_VERSION) {
        note_renewed(client, offer, result);
    }

out:
    /* libssl takes a session whose connection ends without a goodbye for bad, and never offers it
     * again. */
    if (ok) {
        SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(server);
    SSL_free(client);
    return ok;
}
