/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Initialisation vectors for tickets.
 *
 * RAND_bytes() costs more than the rest of a ticket, so each thread draws a page of randomness at
 * a time. The page is secret memory: locked, undumped, and all zero in a forked child, which
 * therefore finds it empty and draws its own. No vector is ever given out twice, in no process.
 */
#ifndef STEK_SRC_OPENSSL_IV_H
#define STEK_SRC_OPENSSL_IV_H

#include <stdbool.h>
#include <stdint.h>

#define OPENSSL_IV_LEN 16

/* False when OpenSSL's random generator fails; `out` is then zero. Without memory for a pool it
 * draws one vector at a time. Any thread. */
bool openssl_iv_take(uint8_t out[OPENSSL_IV_LEN]);

/* The destructor of openssl_once's `iv_pools`. */
void openssl_iv_on_thread_end(void *pool);

#endif
