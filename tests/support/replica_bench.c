/* SPDX-License-Identifier: Apache-2.0 */
#include "support/replica_bench.h"

#include <stdlib.h>
#include <string.h>

#include "keyring/schedule.h"
#include "wire/codec.h"

static void must(enum err rc)
{
    if (rc != ERR_OK) {
        abort();
    }
}

void replica_bench_open(struct replica_bench *bench)
{
    replica_bench_open_skewed(bench, 0);
}

void replica_bench_open_skewed(struct replica_bench *bench, int64_t skew_ms)
{
    *bench = (struct replica_bench){.time = fake_time_new()};
    fake_clock_init(&bench->clock, bench->time, skew_ms);
    fake_random_init(&bench->random, 42);
    bench->place = fake_store_new(bench->time, &bench->random);
    bench->link = fake_store_connect(bench->place, 1000);
    bench->store = fake_link_store(bench->link);
    bench->policy = policy_default(3600000);
    bench->policy.sync_interval_ms = BENCH_SYNC_MS;
    bench->policy.ticket_lifetime_ms = 3600000;
    const struct replica_options options = {
        .realm = BENCH_REALM,
        .policy = bench->policy,
        .store = bench->store,
        .clock = &bench->clock.clock,
        .timers = fake_time_timers(bench->time),
        .random = &bench->random.source,
    };
    must(replica_new(&options, &bench->replica));
}

void replica_bench_close(struct replica_bench *bench)
{
    replica_free(bench->replica);
    store_close(bench->store);
    fake_store_free(bench->place);
    fake_time_free(bench->time);
}

void replica_bench_run(struct replica_bench *bench, int64_t ms)
{
    fake_time_run(bench->time, ms);
}

void replica_bench_add_key(struct replica_bench *bench, struct keyring *ring, int64_t age_ms,
                           int64_t begins_in_ms)
{
    int64_t now = fake_time_wall(bench->time);
    struct key *key = secret_alloc(sizeof(*key));

    if (key == NULL) {
        abort();
    }
    if (ring->realm[0] == '\0') {
        must(keyring_init(ring, BENCH_REALM));
    }
    must(schedule_birth(ring, &bench->policy, now - age_ms, now + begins_in_ms,
                        &bench->random.source, key));
    must(keyring_add(ring, key));
    secret_free(key);
}

void replica_bench_write(struct replica_bench *bench, const struct keyring *ring,
                         const struct policy *policy)
{
    struct wire_record record = {.revision = 7, .writer = "elsewhere"};
    struct store_version version = {{++bench->versions}};
    struct secret_buf bytes = {0};

    memcpy(record.version, version.bytes, STORE_VERSION_LEN);
    must(policy_hash(policy, record.policy_hash));
    record.ring = *ring; /* borrowed for the encoding only */
    must(wire_encode_record(&record, &bytes));
    fake_store_write(bench->place, BENCH_REALM, (struct slice){bytes.at, bytes.len}, &version);
    secret_buf_fini(&bytes);
}

void replica_bench_write_garbage(struct replica_bench *bench)
{
    struct store_version version = {{++bench->versions}};

    fake_store_write(bench->place, BENCH_REALM, (struct slice){(const uint8_t *)"\xff\xff", 2},
                     &version);
}

void replica_bench_read(struct replica_bench *bench, struct keyring *out)
{
    struct wire_record record = {0};

    must(wire_decode_record(fake_store_record(bench->place), &record, NULL));
    keyring_swap(out, &record.ring);
    wire_record_fini(&record);
}
