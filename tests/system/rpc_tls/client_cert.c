/* SPDX-License-Identifier: Apache-2.0 */
/* For LD_PRELOAD: gives every TLS client context of a program the certificate in STEK_TEST_CERT and
 * the key in STEK_TEST_KEY. h2load, which is good at load, knows no client certificates. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

typedef SSL_CTX *new_fn(const SSL_METHOD *method);

__attribute__((visibility("default"))) SSL_CTX *SSL_CTX_new(const SSL_METHOD *method);

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    void *symbol = dlsym(RTLD_NEXT, "SSL_CTX_new");
    const char *cert = getenv("STEK_TEST_CERT");
    const char *key = getenv("STEK_TEST_KEY");
    new_fn *real = NULL;

    memcpy(&real, &symbol, sizeof(real));
    SSL_CTX *context = real == NULL ? NULL : real(method);
    if (context != NULL && cert != NULL && key != NULL &&
        (SSL_CTX_use_certificate_chain_file(context, cert) != 1 ||
         SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)) {
        (void)fprintf(stderr, "client_cert: cannot use %s and %s\n", cert, key);
        abort();
    }
    return context;
}
