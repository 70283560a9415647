/* SPDX-License-Identifier: Apache-2.0 */
#include "support/redis_pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "wire/tls_context.h"

void redis_pki_init(struct redis_pki *pki)
{
    pki->ca = cert_make(&(struct cert_wish){.name = "ca", .is_ca = true}, NULL);
    pki->other_ca = cert_make(&(struct cert_wish){.name = "other ca", .is_ca = true}, NULL);
    pki->server = cert_make(&(struct cert_wish){.name = "redis",
                                                .san = "IP:127.0.0.1,DNS:localhost,"
                                                       "DNS:*.redis.example",
                                                .eku = "serverAuth,clientAuth"},
                            &pki->ca);
    pki->client = cert_make(&(struct cert_wish){.name = "stekd", .eku = "clientAuth"}, &pki->ca);
    pki->stranger =
        cert_make(&(struct cert_wish){.name = "stranger", .eku = "clientAuth"}, &pki->other_ca);
}

void redis_pki_fini(struct redis_pki *pki)
{
    cert_fini(&pki->ca);
    cert_fini(&pki->other_ca);
    cert_fini(&pki->server);
    cert_fini(&pki->client);
    cert_fini(&pki->stranger);
}

static struct tls_pem pem(const char *path, const char *text)
{
    return (struct tls_pem){path, {(const uint8_t *)text, text == NULL ? 0 : strlen(text)}};
}

static SSL_CTX *make(enum tls_role role, const struct cert *ca, const struct cert *own)
{
    SSL_CTX *context = NULL;
    struct errbuf why = {{0}};
    const struct tls_context_options options = {
        .role = role,
        .certificate = pem("own.pem", own == NULL ? NULL : own->pem),
        .private_key = pem("own.key", own == NULL ? NULL : own->key_pem),
        .ca = pem("ca.pem", ca->pem),
        .min_version = TLS1_2_VERSION,
        .now_ms = (int64_t)time(NULL) * 1000,
    };

    enum err rc = tls_context_new(&options, &context, &why);
    if (rc != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
    }
    assert_int_equal(rc, ERR_OK);
    return context;
}

SSL_CTX *redis_pki_client(const struct cert *ca, const struct cert *own)
{
    return make(TLS_CLIENT, ca, own);
}

SSL_CTX *redis_pki_server(const struct cert *ca, const struct cert *own, int max_version)
{
    SSL_CTX *context = make(TLS_SERVER, ca, own);

    assert_int_equal(SSL_CTX_set_max_proto_version(context, max_version), 1);
    return context;
}
