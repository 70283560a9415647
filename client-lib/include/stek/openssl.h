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
 * time, of which two nodes never think quite the same: a ticket is taken for 2 s more than its
 * client was told, but never at or after the key's own end. The session's application data
 * (SSL_SESSION_set1_ticket_appdata) is used for it.
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
 * among them with stek_ssl_ctx_select(), which does so before tickets are opened. That is also the
 * only way to resume on any but the first: tickets are issued by the context that was switched to.
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

/* Which SSL_CTX serves this name? `server_name` is as the client sent it but in lower case; NULL:
 * it sent none. NULL: the listener's own. The context is borrowed: libssl takes a reference of its
 * own after the return. Called during handshakes, on their threads. */
typedef SSL_CTX *(*stek_ssl_lookup_fn)(void *arg, const char *server_name);

/*
 * Makes `ctx`, the SSL_CTX that a listener's SSL objects are made from, choose among several by
 * server name before tickets are opened, so that each has its own tickets, keys and rules. It sets
 * the ClientHello callback: do not set another. It takes the place of a server-name callback that
 * switches contexts; do not switch again in such a callback.
 *
 * With `lookup` NULL: `ctx` chooses none, but may be chosen. Call it so for every context that a
 * lookup may return, but for those that choose themselves: a client that is made to say hello again
 * (HelloRetryRequest) may ask for another name then, and libssl asks the chosen context about it.
 * A lookup that returns a context which may not be chosen, or is not attached, fails the handshake.
 *
 * The choice replaces what SSL_set_SSL_CTX() does (certificates, CA list and store, session-id
 * context, ALPN callback, cipher list) and what it does not: verify mode, callback, depth and
 * parameters, options, least and greatest version, number of tickets, early data. Still the
 * listener's afterwards: modes, groups, TLS 1.3 cipher suites, PSK and message callbacks.
 *
 * `ctx` must be attached already, or STEK_ERR_REFUSED. If the switch itself fails, for want of
 * memory, so does the handshake: to go on under another's rules would be worse. `arg` is borrowed
 * for the life of `ctx`. STEK_ERR_INVALID, STEK_ERR_NOMEM, STEK_ERR_REFUSED: it chooses already.
 * Before the first connection; not thread safe for one `ctx`.
 */
STEK_API STEK_MUST_USE enum stek_status stek_ssl_ctx_select(SSL_CTX *ctx, stek_ssl_lookup_fn lookup,
                                                            void *arg);

/* One host of a table. `server_name`: without regard to case; or "*.example.org", for any one label
 * in the star's place. */
struct stek_ssl_host {
    const char *server_name;
    SSL_CTX *ctx;
};

/* The same by a table, whose contexts may be chosen then, of at most 4096 rows, which is copied; a
 * name that is not in it, and none, leave the listener's own. A whole name goes before a star. Each
 * `ctx` must be attached, or STEK_ERR_REFUSED, and is borrowed for the listener's life.
 * STEK_ERR_INVALID: a name is none, or stands there twice. */
STEK_API STEK_MUST_USE enum stek_status
stek_ssl_ctx_select_table(SSL_CTX *listener, const struct stek_ssl_host *hosts, size_t count);

#ifdef __cplusplus
}
#endif

#endif
