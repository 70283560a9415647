/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's reasons in words that say who has to do what. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "wire/tls_context.h"

struct reason {
    long code;
    const char *text;
};

static const char *find(const struct reason *rows, size_t count, long code)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].code == code) {
            return rows[i].text;
        }
    }
    return NULL;
}

const char *tls_verify_text(long verdict)
{
    static const char not_ours[] = "no CA that is trusted here has issued it";
    static const struct reason rows[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, "it has expired"},
        {X509_V_ERR_CERT_NOT_YET_VALID, "it is not valid yet"},
        {X509_V_ERR_CERT_REVOKED, "it has been revoked"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, not_ours},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, not_ours},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, not_ours},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "it has signed itself, and is not trusted here"},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, not_ours},
        {X509_V_ERR_CERT_SIGNATURE_FAILURE, "its signature is not its issuer's"},
        {X509_V_ERR_INVALID_PURPOSE, "its extended key usage does not name its role"},
        {X509_V_ERR_INVALID_CA, "a certificate in its chain is not one of a CA"},
        {X509_V_ERR_HOSTNAME_MISMATCH, "it is not for the name that was asked for"},
        {X509_V_ERR_IP_ADDRESS_MISMATCH, "it is not for the address that was asked for"},
        {X509_V_ERR_UNABLE_TO_GET_CRL, "there is no revocation list of its issuer here"},
        {X509_V_ERR_CRL_HAS_EXPIRED, "the revocation list here has expired: fetch the CA's newest"},
        {X509_V_ERR_CRL_NOT_YET_VALID, "the revocation list here is not valid yet"},
        {X509_V_ERR_CERT_CHAIN_TOO_LONG, "its chain is too long"},
        {X509_V_ERR_EE_KEY_TOO_SMALL, "its key is too short"},
        {X509_V_ERR_CA_KEY_TOO_SMALL, "its issuer's key is too short"},
        {X509_V_ERR_CA_MD_TOO_WEAK, "it is signed with a weak digest"},
    };
    const char *text = find(rows, sizeof(rows) / sizeof(rows[0]), verdict);

    return text != NULL ? text : X509_verify_cert_error_string(verdict);
}

/* What the peer said in an alert (RFC 8446 section 6.2), which OpenSSL adds to an offset. */
static const char *alert_text(int reason)
{
    static const struct reason rows[] = {
        {SSL_AD_UNKNOWN_CA, "it refuses our certificate: no CA that it trusts has issued it"},
        {SSL_AD_CERTIFICATE_EXPIRED, "it refuses our certificate as expired"},
        {SSL_AD_CERTIFICATE_REVOKED, "it refuses our certificate as revoked"},
        {SSL_AD_CERTIFICATE_UNKNOWN, "it refuses our certificate"},
        {SSL_AD_BAD_CERTIFICATE, "it refuses our certificate as bad"},
        {SSL_AD_UNSUPPORTED_CERTIFICATE,
         "it refuses our certificate: the extended key usage does not name our role"},
        {SSL_AD_CERTIFICATE_REQUIRED, "it demands a client certificate"},
        {SSL_AD_ACCESS_DENIED, "it denies us access"},
        {SSL_AD_HANDSHAKE_FAILURE,
         "it found nothing that both sides speak, or misses a certificate"},
        {SSL_AD_PROTOCOL_VERSION, "it speaks no version of TLS that is taken here"},
        {SSL_AD_NO_APPLICATION_PROTOCOL, "it does not speak HTTP/2 (ALPN h2)"},
        {SSL_AD_UNRECOGNIZED_NAME, "it does not know the name that was asked for"},
    };

    return find(rows, sizeof(rows) / sizeof(rows[0]), reason - SSL_AD_REASON_OFFSET);
}

static const char *reason_text(int reason)
{
    static const char not_tls[] = "it does not speak TLS";
    static const char old_tls[] = "it speaks no version of TLS that is taken here";
    static const struct reason rows[] = {
        {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "it sent no certificate, and one is demanded"},
        {SSL_R_WRONG_VERSION_NUMBER, not_tls},
        {SSL_R_HTTP_REQUEST, not_tls},
        {SSL_R_HTTPS_PROXY_REQUEST, not_tls},
        {SSL_R_UNKNOWN_PROTOCOL, not_tls},
        {SSL_R_UNSUPPORTED_PROTOCOL, old_tls},
        {SSL_R_VERSION_TOO_LOW, old_tls},
        {SSL_R_NO_SHARED_CIPHER, "it shares no cipher with us"},
        {SSL_R_NO_APPLICATION_PROTOCOL, "it does not speak HTTP/2 (ALPN h2)"},
        {SSL_R_UNEXPECTED_EOF_WHILE_READING, "it closed the connection"},
        {SSL_R_RECORD_LENGTH_MISMATCH, not_tls},
        {SSL_R_PACKET_LENGTH_TOO_LONG, not_tls},
    };

    return find(rows, sizeof(rows) / sizeof(rows[0]), reason);
}

void tls_explain(const SSL *ssl, struct errbuf *why)
{
    const long verdict = SSL_get_verify_result(ssl);
    const unsigned long error = ERR_peek_error();
    const int reason = ERR_GET_REASON(error);

    if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED &&
        verdict != X509_V_OK) {
        errbuf_set(why, "its certificate is refused: %s", tls_verify_text(verdict));
    } else if (error == 0) {
        errbuf_set(why, "it closed the connection");
    } else {
        const char *text = alert_text(reason);
        text = text != NULL ? text : reason_text(reason);
        text = text != NULL ? text : ERR_reason_error_string(error);
        errbuf_set(why, "%s", text != NULL ? text : "TLS failed");
    }
    ERR_clear_error();
}
