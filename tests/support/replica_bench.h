/* SPDX-License-Identifier: Apache-2.0 */
/* One replica on simulated time over a fake store, and a hand that writes rings into that store. */
#ifndef STEK_TESTS_SUPPORT_REPLICA_BENCH_H
#define STEK_TESTS_SUPPORT_REPLICA_BENCH_H

#include "replica/replica.h"
#include "support/fake_store.h"
#include "support/fake_time.h"

#define BENCH_REALM   "web"
#define BENCH_SYNC_MS INT64_C(4000) /* so a load each second */

struct replica_bench {
    struct fake_time *time;
    struct fake_clock clock; /* the daemon's; the store's is without skew */
    struct fake_random random;
    struct fake_store *place;
    struct fake_link *link;
    struct store *store;
    struct policy policy;
    struct replica *replica;
    uint8_t versions; /* written so far */
};

/* Not started. Aborts when anything fails. */
void replica_bench_open(struct replica_bench *bench);
/* The daemon's clock is off from the start. */
void replica_bench_open_skewed(struct replica_bench *bench, int64_t skew_ms);
void replica_bench_close(struct replica_bench *bench);
void replica_bench_run(struct replica_bench *bench, int64_t ms);

/* A key published `age_ms` ago that begins `begins_in_ms` from now (both may be negative). */
void replica_bench_add_key(struct replica_bench *bench, struct keyring *ring, int64_t age_ms,
                           int64_t begins_in_ms);
/* Puts `ring` into the store from outside, with a policy hash of `policy`. */
void replica_bench_write(struct replica_bench *bench, const struct keyring *ring,
                         const struct policy *policy);
void replica_bench_write_garbage(struct replica_bench *bench);
/* What the store holds: decoded into `out` (initialised or {0}); aborts when it is no record. */
void replica_bench_read(struct replica_bench *bench, struct keyring *out);

#endif
