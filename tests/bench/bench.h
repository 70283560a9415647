/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmarks share. Every figure is a ratio of two things done in turn in one run. */
#ifndef STEK_TESTS_BENCH_BENCH_H
#define STEK_TESTS_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#define BENCH_ROUNDS 15

/* CPU time of the calling thread, nanoseconds. */
int64_t bench_cpu_ns(void);
/* A clock that costs little to read, nanoseconds. */
int64_t bench_wall_ns(void);
/* Sorts `values`. */
double bench_median(double *values, size_t count);
/* One line: name, median and range of `ratios`, goal, met or missed. Sorts `ratios`. */
void bench_report(const char *name, double *ratios, size_t count, double goal);
/* Aborts with `what` unless `ok`. */
void bench_must(int ok, const char *what);

/* Two SSL objects joined in memory, not yet shaken. `offer` may be NULL. */
void bench_pair(SSL_CTX *server_ctx, SSL_CTX *client_ctx, int version, SSL_SESSION *offer,
                SSL **out_server, SSL **out_client);

#endif
