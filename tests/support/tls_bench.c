/* SPDX-License-Identifier: Apache-2.0 */
#include "support/tls_bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define TEN_YEARS_S INT64_C(315360000)

static void need(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void name_path(const struct tls_bench *bench, const char *name, char path[64])
{
    (void)snprintf(path, 64, "%s/%s", bench->folder, name);
}

void tls_bench_put(const char *path, const char *text, mode_t mode)
{
    char fresh[96];
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    (void)unlink(fresh);
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    need(fd >= 0);
    need(fchmod(fd, mode) == 0); /* whatever the umask says */
    need(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    need(close(fd) == 0);
    need(rename(fresh, path) == 0);
}

struct cert tls_bench_renew(struct tls_bench *bench, const struct cert *issuer, int64_t until_s)
{
    const struct cert_wish wish = {.name = "frontend",
                                   .san = "URI:spiffe://example.org/frontend/1",
                                   .eku = "clientAuth",
                                   .from_s = bench->shift_s - 3600,
                                   .until_s = bench->shift_s + bench->longer_s + until_s};
    const struct cert cert = cert_make(&wish, issuer);
    tls_bench_put(bench->key_path, cert.key_pem, 0600);
    tls_bench_put(bench->cert_path, cert.pem, 0644);
    return cert;
}

static void init(struct tls_bench *bench, int64_t shift_s, int64_t longer_s)
{
    const struct cert_wish ca = {.name = "authority",
                                 .is_ca = true,
                                 .from_s = shift_s - 7200,
                                 .until_s = shift_s + longer_s + INT64_C(10) * 86400};
    *bench = (struct tls_bench){
        .folder = "/tmp/stek-test-XXXXXX", .shift_s = shift_s, .longer_s = longer_s};
    need(mkdtemp(bench->folder) != NULL);
    name_path(bench, "ca.pem", bench->ca_path);
    name_path(bench, "client.pem", bench->cert_path);
    name_path(bench, "client.key", bench->key_path);
    bench->ca = cert_make(&ca, NULL);
    tls_bench_put(bench->ca_path, bench->ca.pem, 0644);
    bench->client = tls_bench_renew(bench, &bench->ca, 86400);
}

void tls_bench_init(struct tls_bench *bench)
{
    tls_bench_init_at(bench, time(NULL));
}

void tls_bench_init_at(struct tls_bench *bench, int64_t at_s)
{
    init(bench, at_s - time(NULL), 0);
}

void tls_bench_init_since(struct tls_bench *bench, int64_t at_s)
{
    init(bench, at_s - time(NULL), time(NULL) - at_s + TEN_YEARS_S);
}
void tls_bench_fini(struct tls_bench *bench)
{
    (void)unlink(bench->ca_path);
    (void)unlink(bench->cert_path);
    (void)unlink(bench->key_path);
    (void)rmdir(bench->folder);
    cert_fini(&bench->ca);
    cert_fini(&bench->client);
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *offered, unsigned int offered_len, void *arg)
{
    (void)ssl;
    (void)arg;
    need(offered_len == 3 && memcmp(offered, "\2h2", 3) == 0);
    *out = offered + 1;
    *out_len = 2;
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_bench_daemon_as(struct tls_bench *bench, const struct cert_wish *wish,
                             const struct cert *issuer)
{
    struct cert cert = cert_make(wish, issuer);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    need(context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
    need(SSL_CTX_use_certificate(context, cert.x509) == 1);
    need(SSL_CTX_use_PrivateKey(context, cert.key) == 1);
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), bench->ca.x509) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(context), time(NULL) + bench->shift_s);
    SSL_CTX_set_alpn_select_cb(context, choose_h2, NULL);
    (void)SSL_CTX_set_num_tickets(context, 0);
    cert_fini(&cert);
    return context;
}

SSL_CTX *tls_bench_daemon(struct tls_bench *bench)
{
    const struct cert_wish wish = {.name = "stekd",
                                   .san = "DNS:localhost,IP:127.0.0.1,IP:::1",
                                   .eku = "serverAuth",
                                   .from_s = bench->shift_s - 3600,
                                   .until_s = bench->shift_s + bench->longer_s + 86400};
    return tls_bench_daemon_as(bench, &wish, &bench->ca);
}
