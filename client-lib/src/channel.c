/* SPDX-License-Identifier: Apache-2.0 */
#include "src/channel.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "src/endpoint.h"
#include "wire/tls_context.h"

struct channel {
    SSL *ssl;      /* owned */
    BIO *incoming; /* the SSL's: from the socket */
    BIO *outgoing; /* the SSL's: to the socket */
    char host[ENDPOINT_HOST_MAX + 1];
    bool is_open;
};

/* SSL_set_tlsext_host_name() casts const away in a way that compilers warn of. */
static bool ask_for(SSL *ssl, const char *name)
{
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)name) == 1;
}

static bool is_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

/* Whom the daemon's certificate must name, and when it must be valid. */
static bool set_expectation(struct channel *channel, int64_t now_ms)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(channel->ssl);
    const size_t len = strlen(channel->host);
    if (len > 0 && channel->host[len - 1] == '.') {
        channel->host[len - 1] = '\0'; /* certificates name hosts without the root's dot */
    }
    X509_VERIFY_PARAM_set_time(param, (time_t)(now_ms / 1000));
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (is_address(channel->host)) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, channel->host) == 1;
    }
    return X509_VERIFY_PARAM_set1_host(param, channel->host, 0) == 1 &&
           ask_for(channel->ssl, channel->host);
}

static bool set_up(struct channel *channel, SSL_CTX *context, int64_t now_ms)
{
    channel->ssl = SSL_new(context);
    channel->incoming = BIO_new(BIO_s_mem());
    channel->outgoing = BIO_new(BIO_s_mem());
    if (channel->ssl == NULL || channel->incoming == NULL || channel->outgoing == NULL) {
        BIO_free(channel->incoming);
        BIO_free(channel->outgoing);
        return false;
    }
    SSL_set_bio(channel->ssl, channel->incoming, channel->outgoing);
    SSL_set_connect_state(channel->ssl);
    /* Keys come this way: OpenSSL wipes its copy of what it has handed out. */
    (void)SSL_set_options(channel->ssl, SSL_OP_CLEANSE_PLAINTEXT);
    return set_expectation(channel, now_ms);
}

enum err channel_new(SSL_CTX *context, const char *host, int64_t now_ms,
                     struct channel **out_channel)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL) {
        return ERR_NOMEM;
    }
    memcpy(channel->host, host, strnlen(host, ENDPOINT_HOST_MAX));
    (void)ERR_set_mark();
    const bool ok = set_up(channel, context, now_ms);
    (void)ERR_pop_to_mark();
    if (!ok) {
        channel_free(channel);
        return ERR_NOMEM;
    }
    *out_channel = channel;
    return ERR_OK;
}

void channel_free(struct channel *channel)
{
    if (channel != NULL) {
        SSL_free(channel->ssl);
        free(channel);
    }
}

bool channel_is_open(const struct channel *channel)
{
    return channel->is_open;
}

enum err channel_feed(struct channel *channel, struct slice bytes)
{
    size_t written = 0;
    if (bytes.len == 0) {
        return ERR_OK;
    }
    return BIO_write_ex(channel->incoming, bytes.at, bytes.len, &written) == 1 &&
                   written == bytes.len
               ? ERR_OK
               : ERR_NOMEM;
}

/* Alerts by which a daemon says that we are not welcome (RFC 8446 section 6.2). */
static bool is_refusal(unsigned long error)
{
    switch (ERR_GET_REASON(error)) {
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return ERR_GET_LIB(error) == ERR_LIB_SSL;
    default:
        return false;
    }
}

static enum err explain(const struct channel *channel, struct errbuf *why)
{
    const long verdict = SSL_get_verify_result(channel->ssl);
    const enum err rc = is_refusal(ERR_peek_error()) ? ERR_DENIED : ERR_UNAVAILABLE;
    tls_explain(channel->ssl, why);
    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        errbuf_set(why, "its certificate is refused: no %s in it is %s",
                   verdict == X509_V_ERR_HOSTNAME_MISMATCH ? "DNS name" : "IP address",
                   channel->host);
    }
    return rc;
}

static enum err check_protocol(const struct channel *channel, struct errbuf *why)
{
    const unsigned char *chosen = NULL;
    unsigned int len = 0;
    SSL_get0_alpn_selected(channel->ssl, &chosen, &len);
    if (len != 2 || chosen[0] != 'h' || chosen[1] != '2') {
        errbuf_set(why, "it does not speak HTTP/2 (ALPN h2)");
        return ERR_PROTOCOL;
    }
    return ERR_OK;
}

enum err channel_shake(struct channel *channel, struct errbuf *why)
{
    ERR_clear_error();
    const int result = SSL_do_handshake(channel->ssl);
    if (result != 1) {
        const int reason = SSL_get_error(channel->ssl, result);
        return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE
                   ? ERR_OK
                   : explain(channel, why);
    }
    const enum err rc = check_protocol(channel, why);
    channel->is_open = rc == ERR_OK;
    return rc;
}

enum err channel_read(struct channel *channel, uint8_t *at, size_t cap, size_t *out_len,
                      struct errbuf *why)
{
    size_t len = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(channel->ssl, at, cap, &len);
    if (result == 1) {
        *out_len = len;
        return ERR_OK;
    }
    switch (SSL_get_error(channel->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        *out_len = 0;
        return ERR_OK;
    case SSL_ERROR_ZERO_RETURN:
        errbuf_set(why, "the daemon closed the connection");
        return ERR_UNAVAILABLE;
    default:
        return explain(channel, why);
    }
}

enum err channel_write(struct channel *channel, struct slice plain, struct errbuf *why)
{
    size_t done = 0;
    while (done < plain.len) {
        size_t written = 0;
        ERR_clear_error();
        /* Into memory: there is always room, or none at all. */
        if (SSL_write_ex(channel->ssl, plain.at + done, plain.len - done, &written) != 1) {
            return explain(channel, why);
        }
        done += written;
    }
    return ERR_OK;
}

void channel_say_goodbye(struct channel *channel)
{
    if (channel->is_open) {
        ERR_clear_error();
        (void)SSL_shutdown(channel->ssl);
        ERR_clear_error();
    }
}

struct slice channel_pending(const struct channel *channel)
{
    char *at = NULL;
    const long len = BIO_get_mem_data(channel->outgoing, &at);
    return (struct slice){(const uint8_t *)at, len > 0 ? (size_t)len : 0};
}

void channel_sent(struct channel *channel)
{
    (void)BIO_reset(channel->outgoing);
}
