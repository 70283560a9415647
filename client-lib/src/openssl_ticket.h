/* SPDX-License-Identifier: Apache-2.0 */
/* The ticket key callback: which key seals a ticket, and whether one opens. */
#ifndef STEK_SRC_OPENSSL_TICKET_H
#define STEK_SRC_OPENSSL_TICKET_H

#include <openssl/ssl.h>

/* Makes libssl ask us, and nobody else, for ticket keys. */
void openssl_ticket_install(SSL_CTX *ctx);

#endif
