/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_tls.h"

#include <stdbool.h>

#include <openssl/ssl.h>

#include "base/text.h"
#include "host/pem_file.h"
#include "wire/tls_context.h"

/* The files of one section, read; paths as the sentences show them. */
struct material {
    struct config_path paths[4];
    struct pem_file files[4];
};

enum { CERTIFICATE, PRIVATE_KEY, CA, CRL, FILES };

static enum err read_files(const struct config *config, const struct config_tls *tls,
                           struct material *material, struct errbuf *why)
{
    const char *const names[FILES] = {tls->certificate, tls->private_key, tls->ca, tls->crl};
    enum err rc = ERR_OK;

    for (size_t i = 0; i < FILES && rc == ERR_OK; i++) {
        if (names[i][0] == '\0') {
            continue;
        }
        config_path_of(config, names[i], &material->paths[i]);
        rc = pem_file_read(material->paths[i].text,
                           i == PRIVATE_KEY ? PEM_FILE_PRIVATE_KEY : PEM_FILE_PUBLIC,
                           &material->files[i], why);
    }
    return rc;
}

static struct tls_pem pem_of(const struct material *material, size_t i)
{
    return (struct tls_pem){.path = material->paths[i].text,
                            .bytes = {material->files[i].at, material->files[i].len}};
}

static enum err make_context(const struct config *config, const struct config_tls *tls,
                             struct tls_context_options *options, SSL_CTX **out_context,
                             struct errbuf *why)
{
    struct material material = {0};

    enum err rc = read_files(config, tls, &material, why);
    if (rc == ERR_OK) {
        options->certificate = pem_of(&material, CERTIFICATE);
        options->private_key = pem_of(&material, PRIVATE_KEY);
        options->ca = pem_of(&material, CA);
        options->crl = pem_of(&material, CRL);
        rc = tls_context_new(options, out_context, why);
    }
    for (size_t i = 0; i < FILES; i++) {
        pem_file_fini(&material.files[i]);
    }
    return rc;
}

enum err app_tls_for_listener(const struct config *config, size_t listener, int64_t now_ms,
                              SSL_CTX **out_context, struct errbuf *why)
{
    struct tls_context_options options = {
        .role = TLS_SERVER, .min_version = TLS1_3_VERSION, .now_ms = now_ms};

    return make_context(config, &config->listeners[listener].tls, &options, out_context, why);
}

enum err app_tls_for_redis(const struct config *config, int64_t now_ms, SSL_CTX **out_context,
                           struct errbuf *why)
{
    struct tls_context_options options = {.role = TLS_CLIENT,
                                          .min_version = TLS1_2_VERSION,
                                          .is_eku_optional = true,
                                          .now_ms = now_ms};

    return make_context(config, &config->store.tls, &options, out_context, why);
}

/* Of what an operator wants to know: days, or hours, or minutes. */
static struct text_span roughly(int64_t ms)
{
    static const int64_t units[] = {86400000, 3600000, 60000, 1000};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ms >= units[i]) {
            return text_span_of(ms / units[i] * units[i]);
        }
    }
    return text_span_of(0);
}

static void add_line(struct app_tls_lines *out, const char *what, const char *path, int64_t left_ms,
                     const char *consequence)
{
    bool is_over = left_ms <= 0;

    errbuf_set(&out->at[out->count++],
               "the %s %.200s %s %s%s: %s; put a new one there and send SIGHUP", what, path,
               is_over ? "has expired" : "expires in", roughly(is_over ? -left_ms : left_ms).text,
               is_over ? " ago" : "", consequence);
}

void app_tls_describe_expiry(const SSL_CTX *context, const struct config_tls *tls, int64_t now_ms,
                             struct app_tls_lines *out)
{
    const int64_t not_after = tls_context_not_after_ms(context);
    const int64_t crl_until = tls_context_crl_until_ms(context);

    *out = (struct app_tls_lines){.count = 0};
    if (not_after < now_ms + APP_TLS_CERTIFICATE_WARN_MS) {
        add_line(out, "certificate", tls->certificate, not_after - now_ms,
                 "from then on every peer refuses us");
    }
    if (crl_until < now_ms + APP_TLS_CRL_WARN_MS) {
        add_line(out, "revocation list", tls->crl, crl_until - now_ms,
                 "from then on every peer is refused");
    }
}
