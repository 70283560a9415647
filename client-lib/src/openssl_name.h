/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server name a client asked for, as a digest: what a ticket is bound to.
 *
 * libssl opens tickets before it runs the server-name callback, so it may resume a session of one
 * virtual host on a connection that the callback then gives to another, past that one's client
 * certificate rule (CVE-2025-23419 was that). A ticket that opens under its own name only cannot.
 */
#ifndef STEK_SRC_OPENSSL_NAME_H
#define STEK_SRC_OPENSSL_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/bytes.h"

#define OPENSSL_NAME_LEN 16 /* of SHA-256 over the name's bytes; no name offered: over none */

enum openssl_name_answer {
    OPENSSL_NAME_READ,
    OPENSSL_NAME_UNREADABLE, /* libssl will refuse the connection for it, or has nothing to show */
    OPENSSL_NAME_FAILED,     /* the digest failed */
};

/* The name in the ClientHello at hand, empty if it has none; borrowed: valid during the callback.
 * False: libssl will refuse the connection for it, or there is no hello to look at. */
bool openssl_name_read(SSL *ssl, struct slice *out_name);

/* In the ticket decryption callback: the name in the ClientHello that carries the ticket. After a
 * HelloRetryRequest that is the second one, which libssl goes by too. */
enum openssl_name_answer openssl_name_of_hello(SSL *ssl, const EVP_MD *sha256,
                                               uint8_t out[OPENSSL_NAME_LEN]);
/* When a ticket is made, after a full handshake: the name that was offered, acknowledged or not. */
enum openssl_name_answer openssl_name_of_handshake(const SSL *ssl, const EVP_MD *sha256,
                                                   uint8_t out[OPENSSL_NAME_LEN]);

#endif
