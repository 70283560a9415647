/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t bench_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

int64_t bench_wall_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

void bench_report(const char *name, double *ratios, size_t count, double goal)
{
    double middle = bench_median(ratios, count);

    (void)printf("%-58s %6.3f  [%.3f %.3f]", name, middle, ratios[0], ratios[count - 1]);
    if (goal > 0) {
        (void)printf("  goal <= %.3f  %s", goal, middle <= goal ? "met" : "MISSED");
    }
    (void)printf("\n");
}

void bench_must(int ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "bench: %s failed\n", what);
        abort();
    }
}

void bench_pair(SSL_CTX *server_ctx, SSL_CTX *client_ctx, int version, SSL_SESSION *offer,
                SSL **out_server, SSL **out_client)
{
    BIO *left = NULL;
    BIO *right = NULL;

    *out_server = SSL_new(server_ctx);
    *out_client = SSL_new(client_ctx);
    bench_must(*out_server != NULL && *out_client != NULL &&
                   BIO_new_bio_pair(&left, 65536, &right, 65536) == 1,
               "a pair");
    SSL_set_bio(*out_server, left, left);
    SSL_set_bio(*out_client, right, right);
    SSL_set_accept_state(*out_server);
    SSL_set_connect_state(*out_client);
    (void)SSL_set_min_proto_version(*out_client, version);
    (void)SSL_set_max_proto_version(*out_client, version);
    if (offer != NULL) {
        bench_must(SSL_set_session(*out_client, offer), "SSL_set_session");
    }
}
