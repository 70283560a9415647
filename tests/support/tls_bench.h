/* SPDX-License-Identifier: Apache-2.0 */
/* A client's three TLS files in a folder of a test's own, and daemons' contexts, the wrong ones
 * included. Everything asserts. */
#ifndef STEK_TESTS_SUPPORT_TLS_BENCH_H
#define STEK_TESTS_SUPPORT_TLS_BENCH_H

#include <stdint.h>
#include <sys/types.h>

#include <openssl/types.h>

#include "support/certs.h"

struct tls_bench {
    int64_t shift_s;  /* from now to the time for which all certificates are made */
    int64_t longer_s; /* and so much longer than usual they are good */
    char folder[32];
    char ca_path[64];
    char cert_path[64];
    char key_path[64];
    struct cert ca;
    struct cert client; /* what lies in the files; for clients, of `ca` */
};

void tls_bench_init(struct tls_bench *bench);
/* In a world whose time is `at_s`, Unix seconds. */
void tls_bench_init_at(struct tls_bench *bench, int64_t at_s);
/* Good from `at_s` until years from now: for a fleet whose time is not this host's. */
void tls_bench_init_since(struct tls_bench *bench, int64_t at_s);
void tls_bench_fini(struct tls_bench *bench);

/* By a new file and a rename, as those do who renew certificates. */
void tls_bench_put(const char *path, const char *text, mode_t mode);
/* A certificate for clients in both files, of `issuer`, that began an hour ago; the caller gives it
 * to cert_fini(). */
struct cert tls_bench_renew(struct tls_bench *bench, const struct cert *issuer, int64_t until_s);

/* What daemons do: mutual TLS 1.3, ALPN h2. The certificate is for 127.0.0.1, ::1 and localhost.
 * The caller frees it. */
SSL_CTX *tls_bench_daemon(struct tls_bench *bench);
/* The same with a certificate of any kind. */
SSL_CTX *tls_bench_daemon_as(struct tls_bench *bench, const struct cert_wish *wish,
                             const struct cert *issuer);

#endif
