/* SPDX-License-Identifier: Apache-2.0 */
/* The ticket key callback: which key seals a ticket, and whether one opens. */
#ifndef STEK_SRC_OPENSSL_TICKET_H
#define STEK_SRC_OPENSSL_TICKET_H

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

/* For SSL_CTX_set_tlsext_ticket_key_cb(). Never answers -1. */
int openssl_ticket_on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                          HMAC_CTX *mac, int is_encrypting);

/* Makes libssl ask us, and nobody else, for ticket keys. */
void openssl_ticket_install(SSL_CTX *ctx);

#endif
