/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_tls.h"

#include <stdbool.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "store/redis_server.h"
#include "wire/tls_context.h"

/* The name the certificate must have; and the one a server may choose its certificate by (RFC 6066
 * section 3: never an address). */
static bool set_name(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    char name[REDIS_SERVER_HOST_MAX + 1]; /* OpenSSL's macro wants one it might change */

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1) {
        return true;
    }
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return text_copy(name, sizeof(name), host) == ERR_OK &&
           X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

enum err redis_tls_new(SSL_CTX *context, const char *host, SSL **out_ssl)
{
    SSL *ssl = SSL_new(context);

    if (ssl == NULL || !set_name(ssl, host)) {
        SSL_free(ssl);
        ERR_clear_error();
        return ERR_NOMEM;
    }
    *out_ssl = ssl; /* moves to the caller */
    return ERR_OK;
}

/* A refusal among the alerts (RFC 8446 section 6.2) is a peer's that does not like our certificate,
 * or misses one. */
static enum err code_of(int reason)
{
    switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return ERR_DENIED;
    default:
        break;
    }
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return ERR_UNAVAILABLE;
    }
    return reason == SSL_R_CERTIFICATE_VERIFY_FAILED ? ERR_DENIED : ERR_PROTOCOL;
}

/* What libevent has kept. It keeps the newest first, and the oldest says what happened; among them
 * are results of SSL_get_error(), which belong to no library. */
static unsigned long kept_error(struct bufferevent *bev)
{
    unsigned long first = 0;
    unsigned long error = bufferevent_get_openssl_error(bev);

    while (error != 0) {
        first = ERR_GET_LIB(error) == 0 ? first : error;
        error = bufferevent_get_openssl_error(bev);
    }
    return first;
}

/* Who refuses our certificate in TLS 1.3 says so and hangs up while we already write: the write may
 * meet the hang-up before that last word was read. It is still there. */
static unsigned long last_word(SSL *ssl)
{
    char byte;

    ERR_clear_error();
    if (SSL_get_fd(ssl) < 0) {
        return 0; /* it never had a socket */
    }
    return SSL_read(ssl, &byte, 1) > 0 ? 0 : ERR_peek_error();
}

enum err redis_tls_explain(struct bufferevent *bev, struct errbuf *why)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    unsigned long error = kept_error(bev);

    if (error == 0) {
        error = last_word(ssl);
    }
    ERR_clear_error();
    if (error == 0 || ERR_SYSTEM_ERROR(error)) {
        return ERR_OK; /* the socket's errno tells */
    }
    ERR_raise(ERR_GET_LIB(error), ERR_GET_REASON(error)); /* where tls_explain() looks */
    tls_explain(ssl, why);
    return code_of(ERR_GET_REASON(error));
}
