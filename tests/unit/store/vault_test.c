/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "keyring/schedule.h"
#include "support/fake_store.h"
#include "wire/codec.h"

struct bench {
    struct fake_time *time;
    struct fake_random random;
    struct fake_store *place;
    struct store *store;
    struct policy policy;
    struct keyring ring;
};

struct seen {
    unsigned int calls;
    struct vault_loaded loaded;
    struct wire_record record; /* the ring is taken over */
    char why[400];
};

static void on_loaded(void *ctx, const struct vault_loaded *loaded)
{
    struct seen *seen = ctx;

    seen->calls++;
    seen->loaded = *loaded;
    assert_int_equal(text_copy(seen->why, sizeof(seen->why), loaded->why), ERR_OK);
    if (loaded->record != NULL) {
        seen->record = *loaded->record;
        seen->record.ring = (struct keyring){0};
        keyring_swap(&seen->record.ring, &loaded->record->ring);
    }
}

static void on_put(void *ctx, const struct store_result *result)
{
    enum err *code = ctx;

    *code = result->code;
}

static void open_bench(struct bench *bench)
{
    struct key *key = secret_alloc(sizeof(*key));

    assert_non_null(key);
    *bench = (struct bench){.time = fake_time_new()};
    fake_random_init(&bench->random, 9);
    bench->place = fake_store_new(bench->time, &bench->random);
    bench->store = fake_link_store(fake_store_connect(bench->place, 1000));
    bench->policy = policy_default(3600000);
    assert_int_equal(keyring_init(&bench->ring, "web"), ERR_OK);
    assert_int_equal(schedule_birth(&bench->ring, &bench->policy, FAKE_TIME_START,
                                    FAKE_TIME_START + 60000, &bench->random.source, key),
                     ERR_OK);
    assert_int_equal(keyring_add(&bench->ring, key), ERR_OK);
    secret_free(key);
}

static void close_bench(struct bench *bench)
{
    keyring_fini(&bench->ring);
    store_close(bench->store);
    fake_store_free(bench->place);
    fake_time_free(bench->time);
}

static enum err put(struct bench *bench, const struct store_version *expected,
                    struct store_version *out_version)
{
    enum err code = ERR_PROTOCOL;
    struct store_op op = {.done = on_put, .ctx = &code};
    const struct vault_putting putting = {
        .ring = &bench->ring,
        .expected = expected,
        .not_after_ms = INT64_MAX,
        .revision = 12,
        .policy = &bench->policy,
        .writer = "daemon-1",
    };

    enum err rc = vault_put(bench->store, &op, &putting, &bench->random.source, out_version);
    if (rc != ERR_OK) {
        return rc;
    }
    fake_time_run(bench->time, 0);
    return code;
}

static void load(struct bench *bench, const char *realm, struct seen *seen)
{
    struct vault_load load = {.done = on_loaded, .ctx = seen};

    vault_load(bench->store, &load, realm, NULL);
    fake_time_run(bench->time, 1000);
    assert_int_equal(seen->calls, 1);
}

static void a_ring_comes_back_as_it_was_put(void **unused)
{
    struct bench bench;
    struct seen seen = {0};
    struct store_version version;
    uint8_t hash[POLICY_HASH_LEN];

    (void)unused;
    open_bench(&bench);
    assert_int_equal(put(&bench, NULL, &version), ERR_OK);
    load(&bench, "web", &seen);
    assert_int_equal(seen.loaded.code, ERR_OK);
    assert_int_equal(seen.loaded.unreadable, ERR_OK);
    assert_true(seen.loaded.present);
    assert_memory_equal(seen.loaded.version.bytes, version.bytes, STORE_VERSION_LEN);
    assert_int_equal(seen.record.revision, 12);
    assert_string_equal(seen.record.writer, "daemon-1");
    assert_int_equal(policy_hash(&bench.policy, hash), ERR_OK);
    assert_memory_equal(seen.record.policy_hash, hash, POLICY_HASH_LEN);
    assert_true(keyring_covers(&seen.record.ring, &bench.ring));
    assert_true(keyring_covers(&bench.ring, &seen.record.ring));
    wire_record_fini(&seen.record);
    close_bench(&bench);
}

static void every_put_has_a_version_of_its_own(void **unused)
{
    struct bench bench;
    struct store_version first;
    struct store_version second;

    (void)unused;
    open_bench(&bench);
    assert_int_equal(put(&bench, NULL, &first), ERR_OK);
    assert_int_equal(put(&bench, &first, &second), ERR_OK);
    assert_memory_not_equal(first.bytes, second.bytes, STORE_VERSION_LEN);
    assert_int_equal(put(&bench, &first, &second), ERR_CONFLICT);
    close_bench(&bench);
}

static void a_put_that_cannot_be_prepared_is_not_started(void **unused)
{
    struct bench bench;
    struct store_version version = {{7}};

    (void)unused;
    open_bench(&bench);
    bench.random.is_broken = true;
    assert_int_equal(put(&bench, NULL, &version), ERR_CRYPTO);
    assert_int_equal(version.bytes[0], 7);
    assert_false(fake_store_present(bench.place));
    close_bench(&bench);
}

static void the_record_is_forgotten_with_its_last_key(void **unused)
{
    struct bench bench;
    struct seen before = {0};
    struct seen after = {0};
    struct store_version version;

    (void)unused;
    open_bench(&bench);
    assert_int_equal(put(&bench, NULL, &version), ERR_OK);
    int64_t left = bench.ring.keys[0].forgotten_from - fake_time_wall(bench.time);
    fake_time_run(bench.time, left - 1);
    load(&bench, "web", &before);
    assert_true(before.loaded.present);
    load(&bench, "web", &after);
    assert_false(after.loaded.present);
    assert_int_equal(after.loaded.code, ERR_OK);
    wire_record_fini(&before.record);
    close_bench(&bench);
}

static void a_record_out_of_place_is_unreadable(void **unused)
{
    static const struct {
        const char *realm;
        uint8_t version;
        bool garbage;
        const char *want;
    } rows[] = {
        {"web", 1, false, NULL},
        {"web", 2, false, "version"},
        {"mail", 1, false, "realm"},
        {"web", 1, true, ""},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        struct seen seen = {0};
        struct wire_record record = {.version = {1}, .revision = 1, .writer = "x"};
        struct secret_buf bytes = {0};
        const struct store_version version = {{rows[i].version}};
        open_bench(&bench);
        record.ring = bench.ring; /* borrowed */
        assert_int_equal(wire_encode_record(&record, &bytes), ERR_OK);
        fake_store_write(bench.place, rows[i].realm,
                         (struct slice){bytes.at, rows[i].garbage ? 5 : bytes.len}, &version);
        load(&bench, rows[i].realm, &seen);
        assert_int_equal(seen.loaded.code, ERR_OK);
        assert_true(seen.loaded.present);
        assert_int_equal(seen.loaded.unreadable == ERR_OK, rows[i].want == NULL);
        if (rows[i].want != NULL) {
            assert_non_null(strstr(seen.why, rows[i].want));
            assert_null(seen.loaded.record);
        }
        wire_record_fini(&seen.record);
        secret_buf_fini(&bytes);
        close_bench(&bench);
    }
}

static void damage_under_a_known_version_is_noticed(void **unused)
{
    struct bench bench;
    struct seen seen = {0};
    struct vault_load load = {.done = on_loaded, .ctx = &seen};
    struct store_version version;
    uint8_t damaged[4096];

    (void)unused;
    open_bench(&bench);
    assert_int_equal(put(&bench, NULL, &version), ERR_OK);
    const struct slice held = fake_store_record(bench.place);
    assert_in_range(held.len, 1, sizeof(damaged));
    memcpy(damaged, held.at, held.len);
    damaged[0] = 0xff; /* no message begins so */
    fake_store_write(bench.place, "web", (struct slice){damaged, held.len}, &version);
    vault_load(bench.store, &load, "web", &version);
    fake_time_run(bench.time, 0);
    assert_true(seen.loaded.present);
    assert_false(seen.loaded.is_known);
    assert_int_not_equal(seen.loaded.unreadable, ERR_OK);
    close_bench(&bench);
}

static void a_known_version_is_not_handed_over_again(void **unused)
{
    struct bench bench;
    struct seen seen = {0};
    struct vault_load load = {.done = on_loaded, .ctx = &seen};
    struct store_version first;
    struct store_version second;

    (void)unused;
    open_bench(&bench);
    assert_int_equal(put(&bench, NULL, &first), ERR_OK);
    vault_load(bench.store, &load, "web", &first);
    fake_time_run(bench.time, 0);
    assert_true(seen.loaded.present && seen.loaded.is_known);
    assert_null(seen.loaded.record);
    assert_int_equal(put(&bench, &first, &second), ERR_OK);
    vault_load(bench.store, &load, "web", &first);
    fake_time_run(bench.time, 0);
    assert_false(seen.loaded.is_known);
    assert_int_equal(seen.record.ring.count, 1);
    wire_record_fini(&seen.record);
    close_bench(&bench);
}

static void no_answer_is_not_an_absent_record(void **unused)
{
    struct bench bench;
    struct seen seen = {0};

    (void)unused;
    open_bench(&bench);
    store_close(bench.store);
    struct fake_link *link = fake_store_connect(bench.place, 1000);
    bench.store = fake_link_store(link);
    fake_link_faults(link)->is_cut = true;
    load(&bench, "web", &seen);
    assert_int_equal(seen.loaded.code, ERR_TIMEOUT);
    assert_string_not_equal(seen.why, "");
    close_bench(&bench);
}

static void a_cancelled_load_says_nothing(void **unused)
{
    struct bench bench;
    struct seen seen = {0};
    struct vault_load load = {.done = on_loaded, .ctx = &seen};

    (void)unused;
    open_bench(&bench);
    vault_load(bench.store, &load, "web", NULL);
    vault_load_cancel(bench.store, &load);
    fake_time_run(bench.time, 5000);
    assert_int_equal(seen.calls, 0);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_comes_back_as_it_was_put),
        cmocka_unit_test(every_put_has_a_version_of_its_own),
        cmocka_unit_test(a_put_that_cannot_be_prepared_is_not_started),
        cmocka_unit_test(the_record_is_forgotten_with_its_last_key),
        cmocka_unit_test(a_record_out_of_place_is_unreadable),
        cmocka_unit_test(a_known_version_is_not_handed_over_again),
        cmocka_unit_test(damage_under_a_known_version_is_noticed),
        cmocka_unit_test(no_answer_is_not_an_absent_record),
        cmocka_unit_test(a_cancelled_load_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
