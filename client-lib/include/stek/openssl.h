/* SPDX-License-Identifier: Apache-2.0 */
/* libstek for OpenSSL servers: one call makes an SSL_CTX issue and open the fleet's tickets. */
#ifndef STEK_OPENSSL_H
#define STEK_OPENSSL_H

#include <openssl/ssl.h>
#include <stek/stek.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Makes `ctx` use the keys of `realm` for its session tickets (RFC 5077, RFC 8446 section 4.6.1).
 * `context` separates policies inside a realm ("" if there is one): a ticket of one context never
 * opens in another.
 *
 * Call it after the verify mode and client CA list are set, and before the first connection. It
 * sets the ticket key callback, the session ticket callbacks (generation and decryption), and the
 * session-id context: SHA-256 over realm, context, verify mode and client CA names. Do not set
 * these afterwards: if the session-id context differs when a ticket would be issued, or the verify
 * mode when one would be issued or opened, that does not happen (counted policy_mismatch).
 *
 * Handshakes never fail and never wait because of it: without a usable key they are full.
 *
 * A ticket lives for the least of the realm's ticket_lifetime, what is left of its key, and what is
 * left of max_session_age since the full handshake; that is the lifetime the client is told (but
 * libssl tells none for a ticket renewed in a TLS 1.2 resumption). Age is judged by the fleet's
 * time; the session's application data (SSL_SESSION_set1_ticket_appdata) is used for it.
 *
 * A ticket opens only under the server name (SNI) that the client offered in the full handshake,
 * byte for byte, or without one if it offered none. Any other is answered with a full handshake
 * (counted policy_mismatch). This matters because OpenSSL opens tickets before its server-name
 * callback runs, with the keys and the rules of the listener's first SSL_CTX: were it not so, a
 * ticket of one host would resume on another that the callback then switches to, past that one's
 * client certificate rule (CVE-2025-23419).
 *
 * It does not help where one name has several rules. A listener whose callback leads a name to a
 * strict SSL_CTX still resumes tickets for that name that were issued by a listener whose first
 * SSL_CTX serves it, if both first ones are attached to the same realm and context; and its own
 * from before the rule was made. A listener that serves several contexts should therefore choose
 * among them in the ClientHello callback (SSL_CTX_set_client_hello_cb), which runs before tickets
 * are opened; all of them must be attached. That is also the only way to resume on any but the
 * first: tickets are issued by the context that was switched to.
 *
 * Attaching again with nothing changed is STEK_OK. STEK_ERR_REFUSED, with nothing changed:
 * SSL_OP_NO_TICKET is set; early data (0-RTT) is on; `ctx` is already attached otherwise.
 * STEK_ERR_UNSUPPORTED: the libssl loaded is older than 3.0.14, 3.1.6 or 3.2.2 (CVE-2024-2511), or
 * `ctx` is for DTLS. STEK_ERR_UNKNOWN_REALM, STEK_ERR_INVALID, STEK_ERR_TOO_SMALL (more contexts
 * than stek_options_set_max_contexts), STEK_ERR_NOMEM, STEK_ERR_SYSTEM, STEK_ERR_CRYPTO. On any
 * failure the application must not serve with `ctx` as it is: OpenSSL's own never-rotated keys are
 * still in place (SSL_OP_NO_TICKET turns tickets off).
 *
 * `client` must outlive `ctx`. Not thread safe for one `ctx`; does not block on the network.
 */
STEK_API STEK_MUST_USE enum stek_status stek_ssl_ctx_attach(struct stek_client *client,
                                                            SSL_CTX *ctx, const char *realm,
                                                            const char *context);

#ifdef __cplusplus
}
#endif

#endif
