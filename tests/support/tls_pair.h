/* SPDX-License-Identifier: Apache-2.0 */
/* Two SSL objects joined in memory: real libssl handshakes without sockets. */
#ifndef STEK_SUPPORT_TLS_PAIR_H
#define STEK_SUPPORT_TLS_PAIR_H

#include <stdbool.h>

#include <openssl/ssl.h>

/* A server context with a fresh self-signed P-256 certificate, TLS 1.2 and 1.3, session cache
 * off. NULL on failure. The caller frees it. */
SSL_CTX *tls_pair_server_ctx(void);
/* A client context that does not verify and keeps no cache. */
SSL_CTX *tls_pair_client_ctx(void);

struct tls_pair_result {
    bool resumed;
    SSL_SESSION *session; /* the newest session with a ticket that arrived, or NULL; caller frees */
    unsigned int tickets; /* how many NewSessionTicket messages brought one */
    long server_error;    /* ERR_peek_error() of a failed server side, else 0 */
};

/* One handshake of `version` (TLS1_2_VERSION or TLS1_3_VERSION) and one byte each way, so that
 * TLS 1.3 tickets arrive. `offer` may be NULL; not consumed. False: it failed. `result` is filled
 * either way. */
bool tls_pair_handshake(SSL_CTX *server, SSL_CTX *client, int version, SSL_SESSION *offer,
                        struct tls_pair_result *result);
/* The same by a client that asks for the server `name`; NULL: for none. */
bool tls_pair_handshake_as(SSL_CTX *server, SSL_CTX *client, int version, SSL_SESSION *offer,
                           const char *name, struct tls_pair_result *result);

#endif
