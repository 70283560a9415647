/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_once.h"

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "src/openssl_attach.h"
#include "src/openssl_iv.h"

static pthread_once_t guard = PTHREAD_ONCE_INIT; /* lint: one-time index */
static struct openssl_once numbers;              /* lint: one-time index */
static bool is_made;                             /* lint: one-time index */

static void make(void)
{
    numbers.ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, openssl_attach_on_ctx_free);
    numbers.ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    numbers.ticket_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    is_made = numbers.ctx_index >= 0 && numbers.ssl_index >= 0 && numbers.ticket_index >= 0 &&
              pthread_key_create(&numbers.iv_pools, openssl_iv_on_thread_end) == 0;
}

const struct openssl_once *openssl_once_get(void)
{
    (void)pthread_once(&guard, make);
    return is_made ? &numbers : NULL;
}
