/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of one Redis and its clients, the wrong ones included. Everything asserts. */
#ifndef STEK_TESTS_SUPPORT_REDIS_PKI_H
#define STEK_TESTS_SUPPORT_REDIS_PKI_H

#include <openssl/types.h>

#include "support/certs.h"

struct redis_pki {
    struct cert ca;
    struct cert other_ca;
    struct cert server; /* for 127.0.0.1, localhost and *.redis.example; both roles, as replicas and
                           Sentinels are clients, too */
    struct cert client;
    struct cert stranger; /* a client of the other CA */
};

void redis_pki_init(struct redis_pki *pki);
void redis_pki_fini(struct redis_pki *pki);

/* As the daemon makes one for Redis. `own` NULL: no client certificate. The caller frees it. */
SSL_CTX *redis_pki_client(const struct cert *ca, const struct cert *own);
/* As Redis does: demands a client certificate of `ca`, TLS up to `max_version` (0: any). */
SSL_CTX *redis_pki_server(const struct cert *ca, const struct cert *own, int max_version);

#endif
