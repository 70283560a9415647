/* SPDX-License-Identifier: Apache-2.0 */
/* What a ticket says about its own age and server name, and whether that is still good. */
#ifndef STEK_SRC_OPENSSL_SESSION_H
#define STEK_SRC_OPENSSL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

/* For SSL_CTX_set_session_ticket_cb(). The first never answers 0, which libssl takes as fatal: a
 * session that must not become a ticket is left without a stamp, and the key callback refuses. */
int openssl_session_on_generate(SSL *ssl, void *arg);
SSL_TICKET_RETURN openssl_session_on_decrypted(SSL *ssl, SSL_SESSION *session,
                                               const unsigned char *key_name, size_t key_name_len,
                                               SSL_TICKET_STATUS status, void *arg);

/* True when `session` carries a stamp and ends no later than a key that is dropped at
 * `dropped_from` (fleet ms). */
bool openssl_session_may_issue(const SSL_SESSION *session, int64_t dropped_from);

#endif
