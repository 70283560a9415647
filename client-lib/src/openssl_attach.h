/* SPDX-License-Identifier: Apache-2.0 */
/* What stek_ssl_ctx_attach() leaves in an SSL_CTX, and how the callbacks find it. */
#ifndef STEK_SRC_OPENSSL_ATTACH_H
#define STEK_SRC_OPENSSL_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "src/openssl_sid.h"
#include "src/ringmap.h"

struct openssl_select;

/* Made once, never changed once handshakes are made, freed with its SSL_CTX. Holds no key
 * material. */
struct openssl_attachment {
    struct ringmap *map;       /* borrowed: the client's */
    const struct clock *clock; /* borrowed: the client's */
    size_t realm;
    size_t context;
    uint8_t sid[OPENSSL_SID_LEN];
    int verify_mode;
    EVP_CIPHER *cipher; /* owned; fetched here because a fetch costs as much as a ticket */
    EVP_MD *digest;     /* owned */
    struct openssl_select *select; /* owned; NULL: this context chooses no other */
    bool may_be_chosen;            /* by another */
};

/* The attachment of the context that `ssl` uses now, NULL when it has none. A server that switches
 * contexts by name runs the callbacks of the first one: only the SSL knows where it has got to. */
const struct openssl_attachment *openssl_attach_find(const SSL *ssl);

/* The attachment of `ctx`, NULL when it has none. */
struct openssl_attachment *openssl_attach_of(const SSL_CTX *ctx);

/* False when this connection's client-certificate rule is not the one that was attached, or early
 * data was switched on for it: its tickets would carry a session past that rule. */
bool openssl_attach_policy_holds(const struct openssl_attachment *attachment, const SSL *ssl);

void openssl_attach_count(const struct openssl_attachment *attachment,
                          enum ringmap_counter counter);
void openssl_attach_note_tries(const struct openssl_attachment *attachment, unsigned int tries);

/* The key callback has counted why this connection's ticket does not open; libssl says only that it
 * did not, which may be the ticket's own fault too. Taking it clears it. */
void openssl_attach_set_counted(SSL *ssl);
bool openssl_attach_take_counted(SSL *ssl);

/* The CRYPTO_EX_free of openssl_once's `ctx_index`. */
void openssl_attach_on_ctx_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                                void *argp);

#endif
