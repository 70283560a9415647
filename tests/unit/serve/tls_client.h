/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC client over TLS on a real socket of this host, driven by hand in turns with the server's
 * loop; and the certificates of a small fleet, for world_new_today().
 */
#ifndef STEK_TESTS_UNIT_SERVE_TLS_CLIENT_H
#define STEK_TESTS_UNIT_SERVE_TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/secret.h"
#include "support/certs.h"
#include "wire/h2_session.h"

#define FLEET_DAY_S 86400

struct fleet {
    struct cert ca;
    struct cert other_ca; /* nobody trusts it */
    struct cert server;
};

void fleet_init(struct fleet *fleet);
void fleet_fini(struct fleet *fleet);
/* A client's certificate by `issuer` that began a day ago and ends `until_s` from now. */
struct cert fleet_client(const struct cert *issuer, const char *san, const char *eku,
                         int64_t until_s);
/* The server's context: trusts `ca`; `crl` NULL: none. */
SSL_CTX *fleet_server_context(const struct fleet *fleet, const struct cert *ca, const char *crl);

struct tls_client_options {
    uint16_t port;
    const struct cert *cert;   /* NULL: none */
    const struct cert *trusts; /* NULL: whatever the server shows */
    int max_version;           /* 0: TLS 1.3 */
    bool has_no_alpn;
    const char *alpn; /* as on the wire; NULL: h2 */
};

struct tls_client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    struct h2_session *h2;
    bool is_up;      /* the client's part of the handshake is done */
    bool is_over;    /* nothing more can be read */
    char error[128]; /* OpenSSL's words, "" for none; of the alert, if one came */
    bool has_goaway;
    size_t messages;
    size_t closed;
    enum grpc_status last_status;
    char last_message[512];
};

/* Connects; the handshake begins with the first turn. */
void tls_client_init(struct tls_client *client, const struct tls_client_options *options);
void tls_client_fini(struct tls_client *client);
/* Handshakes, writes and reads what can be without waiting. True: something happened. */
bool tls_client_turn(struct tls_client *client);

/* Opens a call with one message and, if `is_unary`, ends our side. */
void tls_client_call(struct tls_client *client, const char *path, enum err encoded,
                     struct secret_buf *message, bool is_unary);
void tls_client_ask_health(struct tls_client *client);
void tls_client_watch(struct tls_client *client, const char *realm);

#endif
