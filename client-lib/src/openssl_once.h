/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers that belong to the process and not to a client: where a context keeps its attachment,
 * a connection who chose its context and what became of its ticket, and a thread its initialisation
 * vectors. All are given out by others (OpenSSL, the C library) once, for the life of the process.
 * The library's only file-level state.
 */
#ifndef STEK_SRC_OPENSSL_ONCE_H
#define STEK_SRC_OPENSSL_ONCE_H

#include <pthread.h>

struct openssl_once {
    int ctx_index;          /* of SSL_CTX ex_data; freed with the context */
    int ssl_index;          /* of SSL ex_data; borrowed */
    int ticket_index;       /* of SSL ex_data; not NULL: the ticket's refusal is counted */
    pthread_key_t iv_pools; /* freed with the thread */
};

/* Any thread. NULL when the system has none left to give: then nothing can be attached. */
const struct openssl_once *openssl_once_get(void);

#endif
