/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing the SSL_CTX in the ClientHello callback: before tickets are opened. */
#ifndef STEK_SRC_OPENSSL_SELECT_H
#define STEK_SRC_OPENSSL_SELECT_H

#include <openssl/ssl.h>

struct openssl_select;

/* NULL allowed. */
void openssl_select_free(struct openssl_select *select);

/* For SSL_CTX_set_client_hello_cb(); `arg` is a struct openssl_select. */
int openssl_select_on_hello(SSL *ssl, int *alert, void *arg);

#endif
