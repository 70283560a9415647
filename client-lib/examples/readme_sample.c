/* SPDX-License-Identifier: Apache-2.0 */
/* The sample of the README, whole: compiled and run by the tests. */
#include <stdio.h>

#include <stek/openssl.h>
#include <stek/stek.h>

int main(int argc, char **argv)
{
    struct stek_options *options = stek_options_new();
    struct stek_client *client = NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method()); /* and your certificate, as always */

    if (options == NULL || ctx == NULL ||
        stek_options_add_endpoint(options, argc > 1 ? argv[1] : "unix:/run/stekd/stekd.sock") ||
        stek_options_add_realm(options, "web") || stek_client_new(options, &client)) {
        fprintf(stderr, "libstek: %s\n",
                options != NULL ? stek_options_error(options) : "no memory");
        return 1;
    }
    stek_options_free(options);
    /* Without this call OpenSSL would go on with ticket keys of its own: do not serve if it fails.
     */
    enum stek_status status = stek_ssl_ctx_attach(client, ctx, "web", "");
    if (status == STEK_OK) {
        status = stek_client_start(client); /* after fork(), in each worker */
    }
    printf("%s\n", stek_status_text(status));
    /* ... accept connections with `ctx` ... */
    SSL_CTX_free(ctx);
    stek_client_free(client);
    return status == STEK_OK ? 0 : 1;
}
