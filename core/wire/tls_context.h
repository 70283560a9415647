/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our TLS connections have in common: bytes of PEM files become an SSL_CTX, and whatever is
 * wrong with them becomes a sentence. Opens no file, asks for no time; one such context serves
 * stekd's listeners, libstek and stekctl (mutual TLS 1.3), and stekd's way to Redis.
 *
 * Every context verifies its peer (RFC 5280): chain to one of the certificates given, dates,
 * revocation list if there is one, and the extended key usage of the peer's role (section
 * 4.2.1.12), which must be there by name. A server demands a certificate and tells which issuers it
 * takes. No session cache, no tickets, no renegotiation; buffers are given back while a connection
 * is idle. A verified chain may end at any certificate given as trusted, root or not.
 *
 * Not thread safe while it is made; afterwards as an SSL_CTX is. Nothing process-wide changes, and
 * the thread's OpenSSL error queue is as before.
 */
#ifndef STEK_WIRE_TLS_CONTEXT_H
#define STEK_WIRE_TLS_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"

#define TLS_CHAIN_MAX 8  /* certificates in one chain, and the verify depth */
#define TLS_CA_MAX    64 /* trusted certificates, and revocation lists */

enum tls_role { TLS_SERVER, TLS_CLIENT };

/* A file's content. `path` is for sentences. bytes.len 0: not given. */
struct tls_pem {
    const char *path;
    struct slice bytes;
};

/* Borrowed during the call. */
struct tls_context_options {
    enum tls_role role;
    struct tls_pem certificate; /* the chain, leaf first; a client may have none */
    struct tls_pem private_key; /* with the certificate; not encrypted */
    struct tls_pem ca;          /* whom to trust: at least one certificate of a CA */
    struct tls_pem crl;         /* optional: then the peer's issuer must have a list in it */
    int min_version;            /* TLS1_3_VERSION: also ALPN "h2" (RFC 7301); or TLS1_2_VERSION */
    bool is_eku_optional;       /* certificates without any extended key usage pass, as the servers
                                   of others may have them */
    int64_t now_ms;             /* wall clock, Unix ms: expired files are refused */
};

/* ERR_INVALID with a sentence that names the file; ERR_NOMEM; ERR_CRYPTO. On ERR_OK the caller owns
 * *out_context (SSL_CTX_free). A server that speaks h2 must look at SSL_get0_alpn_selected() after
 * the handshake: a client that offers no protocol at all is not refused by OpenSSL. */
enum err tls_context_new(const struct tls_context_options *options, SSL_CTX **out_context,
                         struct errbuf *why) MUST_USE;

/* Unix ms at which our own certificate ends, and the first of the revocation lists; INT64_MAX
 * without one. From then on peers refuse us, or everybody is refused. */
int64_t tls_context_not_after_ms(const SSL_CTX *context);
int64_t tls_context_crl_until_ms(const SSL_CTX *context);

/* Unix ms at which a certificate ends. */
int64_t tls_not_after_ms(const X509 *certificate);

/* Whether the extended key usage names the role (clientAuth, serverAuth). */
enum err tls_check_purpose(const X509 *leaf, enum tls_role role, bool is_eku_optional,
                           struct errbuf *why) MUST_USE;

/* Why a handshake or a connection failed, for an operator, about the peer as "it": "its certificate
 * is refused: it has expired". Call it right after the SSL function that failed; it empties the
 * thread's error queue down to what it explains. */
void tls_explain(const SSL *ssl, struct errbuf *why);

/* The same for a verdict of X509_verify_cert() alone: "it has been revoked". */
const char *tls_verify_text(long verdict);

#endif
