/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ringmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"
#include "ring_bench.h"
#include "src/ringmap_layout.h"
#include "support/broken_writer.h"

/* Sanitizers turn mlock() into nothing, so under them nobody can see whether memory is locked. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LOCKS_CAN_BE_SEEN false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LOCKS_CAN_BE_SEEN false
#endif
#endif
#ifndef LOCKS_CAN_BE_SEEN
#define LOCKS_CAN_BE_SEEN true
#endif

static struct policy test_policy(void)
{
    return policy_default(12 * HOUR);
}

/* Three keys in a row, an hour after each other, of which the second is active at T0. */
struct row {
    struct keyring ring;
    struct key keys[3];
};

static struct row three_in_a_row(void)
{
    const struct policy policy = test_policy();
    struct row row = {.ring = fixture_ring()};
    for (size_t i = 0; i < 3; i++) {
        const int64_t start = T0 + ((int64_t)i - 1) * 12 * HOUR;
        row.keys[i] = fixture_key(i + 1, &policy, start - MINUTE, start);
        fixture_add(&row.ring, &row.keys[i]);
    }
    return row;
}

static void what_cannot_be_made_is_refused_with_a_sentence(void **unused)
{
    static const char *const twice[] = {"web", "web"};
    static const char *const bad[] = {"no/slash"};
    static const char *const good[] = {"web"};
    const struct {
        const char *const *realms;
        size_t count;
        size_t contexts;
    } rows[] = {
        {good, 0, 1}, {twice, 2, 1}, {bad, 1, 1}, {good, 1, 0}, {good, 1, RINGMAP_CONTEXTS_MAX + 1},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ringmap *map = NULL;
        struct errbuf why = {""};
        assert_int_equal(ringmap_new(rows[i].realms, rows[i].count, rows[i].contexts, &map, &why),
                         ERR_INVALID);
        assert_null(map);
        assert_true(strlen(why.text) > 10);
    }
}

static void without_the_right_to_lock_memory_there_is_no_mapping(void **unused)
{
    (void)unused;
    if (!LOCKS_CAN_BE_SEEN) {
        print_message("skipped: the sanitizers make mlock() do nothing\n");
        skip();
    }
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static const char *const realms[] = {"web"};
        const struct rlimit none = {0, 0};
        struct ringmap *map = NULL;
        struct errbuf why = {""};
        /* root may lock as much as it likes */
        if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0)) {
            _exit(2);
        }
        const enum err rc = ringmap_new(realms, 1, 1, &map, &why);
        _exit(rc == ERR_LIMIT && strstr(why.text, "RLIMIT_MEMLOCK") != NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void realms_are_found_by_name(void **unused)
{
    struct ringmap *map = bench_map();
    (void)unused;
    assert_int_equal(ringmap_realm_count(map), 2);
    assert_int_equal(ringmap_find_realm(map, "api"), 1);
    assert_int_equal(ringmap_find_realm(map, "we"), -1);
    assert_string_equal(ringmap_realm_name(map, 0), "web");
    ringmap_free(map);
    ringmap_free(NULL);
}

static void before_anything_is_published_nothing_is_found(void **unused)
{
    struct ringmap *map = bench_map();
    const size_t context = bench_register(map, "");
    struct ringmap_key key;
    struct ringmap_reading reading;
    struct ringmap_info info;
    enum ringmap_answer answer = RINGMAP_FOUND;
    const uint8_t name[KEY_NAME_LEN] = {1};
    (void)unused;
    memset(&key, 0xa5, sizeof(key));
    assert_int_equal(ringmap_encrypting(map, context, BENCH_BOOT, &key, &reading), RINGMAP_NONE);
    assert_true(bench_is_zero(&key, sizeof(key)));
    memset(&key, 0xa5, sizeof(key));
    assert_int_equal(ringmap_decrypting(map, context, name, BENCH_BOOT, &key, &reading),
                     RINGMAP_UNKNOWN);
    assert_true(bench_is_zero(&key, sizeof(key)));
    assert_int_equal(ringmap_read_all(map, context, BENCH_BOOT, &key, 1, &answer), 0);
    assert_int_equal(answer, RINGMAP_NONE);
    assert_true(ringmap_info(map, 0, BENCH_BOOT, &info));
    assert_false(info.has_snapshot);
    assert_int_equal(info.first_active_at, -1);
    ringmap_free(map);
}

/* The middle key of three at every edge of its life. */
static void windows_are_half_open_at_every_edge(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    const size_t context = bench_register(map, "");
    const struct key *mine = &row.keys[1];
    const struct {
        int64_t at;
        int encrypting; /* index of the key that encrypts, -1: none */
        enum ringmap_answer decrypts;
        bool renew;
    } rows[] = {
        {mine->active_from - 1, 0, RINGMAP_FOUND, false},
        {mine->active_from, 1, RINGMAP_FOUND, false},
        {mine->active_from + 1, 1, RINGMAP_FOUND, false},
        {mine->retired_from - 1, 1, RINGMAP_FOUND, false},
        {mine->retired_from, 2, RINGMAP_FOUND, true},
        {mine->retired_from + 1, 2, RINGMAP_FOUND, true},
        {row.keys[2].retired_from - 1, 2, RINGMAP_FOUND, true},
        {row.keys[2].retired_from, -1, RINGMAP_FOUND, false},
        {mine->dropped_from - 1, -1, RINGMAP_FOUND, false},
        {mine->dropped_from, -1, RINGMAP_OLD, false},
        {mine->dropped_from + 1, -1, RINGMAP_OLD, false},
    };
    (void)unused;
    bench_publish(map, &row.ring, &policy);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ringmap_key key;
        struct ringmap_reading reading;
        const int64_t boot = bench_boot_at(rows[i].at);
        const enum ringmap_answer answer = ringmap_encrypting(map, context, boot, &key, &reading);
        assert_int_equal(answer, rows[i].encrypting < 0 ? RINGMAP_NONE : RINGMAP_FOUND);
        if (answer == RINGMAP_FOUND) {
            assert_true(bench_is_key(&key, &row.keys[rows[i].encrypting], ""));
            assert_true(key.encrypts);
            assert_false(key.renew);
        }
        assert_int_equal(reading.now, rows[i].at);
        assert_int_equal(reading.ticket_lifetime_ms, policy.ticket_lifetime_ms);
        assert_int_equal(reading.max_session_age_ms, policy.max_session_age_ms);
        assert_int_equal(reading.tries, 1);
        assert_int_equal(ringmap_decrypting(map, context, mine->name, boot, &key, &reading),
                         rows[i].decrypts);
        if (rows[i].decrypts == RINGMAP_FOUND) {
            assert_true(bench_is_key(&key, mine, ""));
            assert_int_equal(key.renew, rows[i].renew);
            assert_int_equal(key.encrypts, rows[i].encrypting == 1);
        } else {
            assert_true(bench_is_zero(&key, sizeof(key)));
        }
    }
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void revoked_and_wiped_keys_are_old_and_foreign_names_unknown(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    const size_t context = bench_register(map, "");
    struct ringmap_key key;
    struct ringmap_reading reading;
    uint8_t foreign[KEY_NAME_LEN];
    (void)unused;
    keyring_find(&row.ring, row.keys[1].name)->revoked = true; /* bytes still there: even so */
    key_wipe(keyring_find(&row.ring, row.keys[0].name));
    bench_publish(map, &row.ring, &policy);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            ringmap_decrypting(map, context, row.keys[i].name, BENCH_BOOT, &key, &reading),
            RINGMAP_OLD);
    }
    assert_int_equal(ringmap_encrypting(map, context, BENCH_BOOT, &key, &reading), RINGMAP_NONE);
    memcpy(foreign, row.keys[2].name, sizeof(foreign));
    foreign[KEY_NAME_LEN - 1] ^= 1;
    assert_int_equal(ringmap_decrypting(map, context, foreign, BENCH_BOOT, &key, &reading),
                     RINGMAP_UNKNOWN);
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void what_the_newest_snapshot_does_not_schedule_decrypts_and_does_not_encrypt(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    const size_t context = bench_register(map, "");
    bool scheduled[RINGMAP_ENTRIES_MAX] = {false};
    struct ringmap_key key;
    struct ringmap_reading reading;
    struct ringmap_info info;
    (void)unused;
    assert_int_equal(bench_publish_as(map, &row.ring, scheduled, &policy, T0), ERR_OK);
    assert_int_equal(ringmap_encrypting(map, context, BENCH_BOOT, &key, &reading), RINGMAP_NONE);
    assert_int_equal(ringmap_decrypting(map, context, row.keys[1].name, BENCH_BOOT, &key, &reading),
                     RINGMAP_FOUND);
    assert_false(key.encrypts);
    assert_true(ringmap_info(map, 0, BENCH_BOOT, &info));
    assert_int_equal(info.first_active_at, -1);
    assert_int_equal(info.live_keys, 3);
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void too_long_offline_neither_issues_nor_accepts(void **unused)
{
    struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    const size_t context = bench_register(map, "");
    struct ringmap_key key;
    struct ringmap_reading reading;
    enum ringmap_answer answer;
    (void)unused;
    policy.max_offline_ms = MINUTE;
    bench_publish(map, &row.ring, &policy);
    for (int64_t late = -1; late <= 1; late++) {
        const int64_t boot = bench_boot_at(T0 + MINUTE + late);
        const bool ok = late <= 0; /* older than max_offline: exactly that is not older */
        assert_int_equal(ringmap_encrypting(map, context, boot, &key, &reading),
                         ok ? RINGMAP_FOUND : RINGMAP_NONE);
        assert_int_equal(ringmap_decrypting(map, context, row.keys[1].name, boot, &key, &reading),
                         ok ? RINGMAP_FOUND : RINGMAP_OLD);
        assert_int_equal(ringmap_read_all(map, context, boot, &key, 1, &answer), ok ? 3 : 0);
    }
    ringmap_set_as_of(map, 0, T0 + 1);
    const int64_t boot = bench_boot_at(T0 + MINUTE + 1);
    assert_int_equal(ringmap_encrypting(map, context, boot, &key, &reading), RINGMAP_FOUND);
    ringmap_set_as_of(map, 0, T0 - HOUR); /* never back */
    assert_int_equal(ringmap_encrypting(map, context, boot, &key, &reading), RINGMAP_FOUND);
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void contexts_have_their_own_subkeys_whenever_they_register(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    const char *const names[] = {"", "before", "after"};
    size_t contexts[3];
    (void)unused;
    contexts[0] = bench_register(map, names[0]);
    contexts[1] = bench_register(map, names[1]);
    bench_publish(map, &row.ring, &policy);
    contexts[2] = bench_register(map, names[2]);
    assert_int_equal(bench_register(map, names[1]), contexts[1]);
    /* Once as registered, twice as carried over by publishes into either slot. */
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 3; i++) {
            struct ringmap_key key;
            struct ringmap_reading reading;
            assert_int_equal(ringmap_encrypting(map, contexts[i], BENCH_BOOT, &key, &reading),
                             RINGMAP_FOUND);
            assert_true(bench_is_key(&key, &row.keys[1], names[i]));
        }
        bench_publish(map, &row.ring, &policy);
    }
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void a_realm_has_only_its_own_keys(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    struct ringmap_key key;
    struct ringmap_reading reading;
    size_t other = SIZE_MAX;
    (void)unused;
    bench_publish(map, &row.ring, &policy);
    assert_int_equal(ringmap_register(map, 1, "", &other), ERR_OK);
    assert_int_equal(ringmap_encrypting(map, other, BENCH_BOOT, &key, &reading), RINGMAP_NONE);
    assert_int_equal(ringmap_decrypting(map, other, row.keys[1].name, BENCH_BOOT, &key, &reading),
                     RINGMAP_UNKNOWN);
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void a_context_registered_in_a_forked_child_serves_everybody(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    struct ringmap_key key;
    struct ringmap_reading reading;
    (void)unused;
    bench_publish(map, &row.ring, &policy);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        size_t context = SIZE_MAX;
        const bool ok = ringmap_lock_here(map) == ERR_OK &&
                        ringmap_register(map, 0, "child", &context) == ERR_OK && context == 0;
        _exit(ok ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(bench_register(map, "child"), 0);
    bench_publish(map, &row.ring, &policy);
    assert_int_equal(ringmap_encrypting(map, 0, BENCH_BOOT, &key, &reading), RINGMAP_FOUND);
    assert_true(bench_is_key(&key, &row.keys[1], "child"));
    keyring_fini(&row.ring);
    ringmap_free(map);
}

/* A writer that is stopped in the middle holds the mutex for as long as it likes. */
static void a_context_that_exists_is_found_without_the_writer_mutex(void **unused)
{
    struct ringmap *map = bench_map();
    const size_t first = bench_register(map, "a");
    const size_t second = bench_register(map, "b");
    size_t context = SIZE_MAX;
    (void)unused;
    broken_writer_make(map);
    assert_int_equal(ringmap_register(map, 0, "a", &context), ERR_OK);
    assert_int_equal(context, first);
    assert_int_equal(ringmap_register(map, 0, "b", &context), ERR_OK);
    assert_int_equal(context, second);
    assert_int_equal(ringmap_register(map, 1, "b", &context), ERR_IO);
    assert_int_equal(ringmap_register(map, 0, "c", &context), ERR_IO);
    assert_int_equal(context, second);
    ringmap_free(map);
}

static void there_are_only_so_many_contexts_and_only_so_long(void **unused)
{
    struct ringmap *map = bench_map();
    char longest[CONTEXT_MAX + 2];
    size_t context = SIZE_MAX;
    (void)unused;
    memset(longest, 'x', sizeof(longest));
    longest[CONTEXT_MAX + 1] = '\0';
    assert_int_equal(ringmap_register(map, 0, longest, &context), ERR_INVALID);
    longest[CONTEXT_MAX] = '\0';
    assert_int_equal(ringmap_register(map, 0, longest, &context), ERR_OK);
    assert_int_equal(ringmap_register(map, 1, longest, &context), ERR_OK);
    (void)bench_register(map, "a");
    (void)bench_register(map, "b");
    assert_int_equal(ringmap_register(map, 0, "c", &context), ERR_LIMIT);
    assert_int_equal(bench_register(map, "b"), 3);
    ringmap_free(map);
}

static void too_many_keys_are_refused_and_what_was_published_stays(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    const size_t context = bench_register(map, "");
    struct keyring many = fixture_ring();
    bool scheduled[RINGMAP_ENTRIES_MAX + 1] = {false};
    struct ringmap_key key;
    struct ringmap_reading reading;
    (void)unused;
    bench_publish(map, &row.ring, &policy);
    for (uint64_t i = 0; many.count <= RINGMAP_ENTRIES_MAX; i++) {
        struct key one = fixture_key(100 + i, &policy, T0, T0 + (int64_t)i);
        /* One live key too many, then as many as there may be, then one entry too many. */
        if (many.count == RINGMAP_LIVE_MAX + 1) {
            assert_int_equal(bench_publish_as(map, &many, scheduled, &policy, T0), ERR_LIMIT);
            key_wipe(&many.keys[3]);
            assert_int_equal(bench_publish_as(map, &many, scheduled, &policy, T0), ERR_OK);
            bench_publish(map, &row.ring, &policy);
        }
        if (many.count > RINGMAP_LIVE_MAX) {
            key_wipe(&one);
        }
        if (many.count == RINGMAP_ENTRIES_MAX) {
            assert_int_equal(bench_publish_as(map, &many, scheduled, &policy, T0), ERR_OK);
            bench_publish(map, &row.ring, &policy);
        }
        fixture_add(&many, &one);
    }
    assert_int_equal(bench_publish_as(map, &many, scheduled, &policy, T0), ERR_LIMIT);
    assert_int_equal(ringmap_encrypting(map, context, BENCH_BOOT, &key, &reading), RINGMAP_FOUND);
    assert_true(bench_is_key(&key, &row.keys[1], ""));
    keyring_fini(&many);
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void what_was_replaced_is_scrubbed(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    const size_t context = bench_register(map, "");
    (void)unused;
    for (int round = 0; round < 3; round++) {
        bench_publish(map, &row.ring, &policy);
        const size_t old = (map->realms[0].generation + 1) & 1;
        assert_true(bench_is_zero(&map->realms[0].slots[old], sizeof(map->realms[0].slots[old])));
        assert_true(bench_is_zero(&map->contexts[context].subkeys[old],
                                  sizeof(map->contexts[context].subkeys[old])));
        assert_false(bench_is_zero(&map->contexts[context].subkeys[old ^ 1],
                                   sizeof(map->contexts[context].subkeys[old ^ 1])));
    }
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void all_keys_come_encrypting_first_then_newest_first(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    const size_t context = bench_register(map, "c");
    static const size_t order[] = {1, 2, 0};
    struct ringmap_key keys[RINGMAP_LIVE_MAX];
    enum ringmap_answer answer = RINGMAP_NONE;
    (void)unused;
    bench_publish(map, &row.ring, &policy);
    assert_int_equal(ringmap_read_all(map, context, BENCH_BOOT, keys, RINGMAP_LIVE_MAX, &answer),
                     3);
    assert_int_equal(answer, RINGMAP_FOUND);
    for (size_t i = 0; i < 3; i++) {
        assert_true(bench_is_key(&keys[i], &row.keys[order[i]], "c"));
        assert_int_equal(keys[i].encrypts, i == 0);
        assert_int_equal(keys[i].renew, i == 2);
    }
    memset(keys, 0, sizeof(keys));
    assert_int_equal(ringmap_read_all(map, context, BENCH_BOOT, keys, 1, &answer), 3);
    assert_true(bench_is_zero(&keys[1], sizeof(keys[1])));
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void the_next_driver_gets_back_what_was_published(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    struct keyring ring = fixture_ring();
    bool scheduled[RINGMAP_ENTRIES_MAX] = {true, false, true};
    bool got[RINGMAP_ENTRIES_MAX] = {false};
    struct policy got_policy;
    uint8_t digest[DIGEST_LEN];
    uint8_t expected[DIGEST_LEN];
    int64_t as_of = 0;
    (void)unused;
    assert_int_equal(ringmap_export(map, 0, &ring, got, &got_policy, digest, &as_of),
                     ERR_NOT_FOUND);
    key_wipe(&row.ring.keys[0]); /* a tombstone in front: the mapping keeps it behind */
    assert_int_equal(bench_publish_as(map, &row.ring, scheduled, &policy, T0 + 7), ERR_OK);
    assert_int_equal(ringmap_export(map, 0, &ring, got, &got_policy, digest, &as_of), ERR_OK);
    assert_true(fixture_rings_are_equal(&ring, &row.ring));
    assert_memory_equal(got, scheduled, 3 * sizeof(got[0]));
    assert_memory_equal(&got_policy.rotate_every_ms, &policy.rotate_every_ms, sizeof(int64_t));
    assert_int_equal(got_policy.sync_interval_ms, policy.sync_interval_ms);
    assert_int_equal(got_policy.keys_ahead, policy.keys_ahead);
    assert_int_equal(keyring_digest(&row.ring, expected), ERR_OK);
    assert_memory_equal(digest, expected, sizeof(digest));
    assert_int_equal(as_of, T0 + 7);
    keyring_fini(&ring);
    keyring_fini(&row.ring);
    ringmap_free(map);
}

static void info_says_when_the_first_key_becomes_active(void **unused)
{
    const struct policy policy = test_policy();
    struct row row = three_in_a_row();
    struct ringmap *map = bench_map();
    struct ringmap_info info;
    const struct {
        int64_t at;
        int64_t expected;
    } rows[] = {
        {row.keys[0].active_from - 1, row.keys[0].active_from},
        {row.keys[0].active_from, 0},
        {row.keys[2].retired_from - 1, 0},
        {row.keys[2].retired_from, -1},
    };
    (void)unused;
    /* Time only goes forward, so the map starts before the first row. */
    ringmap_free(map);
    static const char *const realms[] = {"web"};
    assert_int_equal(ringmap_new(realms, 1, 1, &map, NULL), ERR_OK);
    ringmap_set_time(map, bench_boot_at(T0 - DAY), T0 - DAY);
    bench_publish(map, &row.ring, &policy);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(ringmap_info(map, 0, bench_boot_at(rows[i].at), &info));
        assert_true(info.has_snapshot);
        assert_int_equal(info.first_active_at, rows[i].expected);
        assert_int_equal(info.as_of, T0);
    }
    keyring_fini(&row.ring);
    ringmap_free(map);
}

/* A ring of keys whose starts often coincide, some revoked, some wiped. */
static struct keyring random_ring(struct rng *rng, const struct policy *policy)
{
    struct keyring ring = fixture_ring();
    const uint64_t count = rng_below(rng, 12);
    for (uint64_t i = 0; i < count; i++) {
        const int64_t start = T0 + (int64_t)rng_below(rng, 6) * 3 * HOUR;
        struct key key = fixture_key(rng_next(rng), policy, start - HOUR, start);
        if (rng_chance(rng, 30)) {
            key.retired_from = start + 1 + (int64_t)rng_below(rng, 6) * HOUR;
        }
        if (rng_chance(rng, 15)) {
            key.revoked = true;
            key_wipe(&key);
        } else if (rng_chance(rng, 10)) {
            key_wipe(&key);
        }
        fixture_add(&ring, &key);
    }
    return ring;
}

static void check_against_core(struct rng *rng, struct ringmap *map, size_t context)
{
    const struct policy policy = test_policy();
    struct keyring ring = random_ring(rng, &policy);
    struct keyring may_encrypt = fixture_ring();
    bool scheduled[RINGMAP_ENTRIES_MAX];
    struct ringmap_key key;
    struct ringmap_reading reading;
    for (size_t i = 0; i < ring.count; i++) {
        scheduled[i] = rng_chance(rng, 75);
        if (scheduled[i]) {
            fixture_add(&may_encrypt, &ring.keys[i]);
        }
    }
    assert_int_equal(bench_publish_as(map, &ring, scheduled, &policy, T0), ERR_OK);
    for (int64_t now = T0; now < T0 + 36 * HOUR; now += HOUR + (int64_t)rng_below(rng, 2)) {
        const struct key *picked = keyring_pick(&may_encrypt, now);
        const int64_t boot = bench_boot_at(now);
        assert_int_equal(ringmap_encrypting(map, context, boot, &key, &reading),
                         picked == NULL ? RINGMAP_NONE : RINGMAP_FOUND);
        assert_true(picked == NULL || bench_is_key(&key, picked, ""));
        for (size_t i = 0; i < ring.count; i++) {
            const enum ringmap_answer answer =
                ringmap_decrypting(map, context, ring.keys[i].name, boot, &key, &reading);
            assert_int_equal(answer,
                             key_decrypts_at(&ring.keys[i], now) ? RINGMAP_FOUND : RINGMAP_OLD);
        }
    }
    keyring_fini(&may_encrypt);
    keyring_fini(&ring);
}

static void the_mapping_picks_as_the_core_does(void **unused)
{
    struct rng rng = {20261123};
    struct ringmap *map = bench_map();
    const size_t context = bench_register(map, "");
    (void)unused;
    for (int i = 0; i < FIXTURE_HISTORIES(2000); i++) {
        check_against_core(&rng, map, context);
    }
    ringmap_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_made_is_refused_with_a_sentence),
        cmocka_unit_test(without_the_right_to_lock_memory_there_is_no_mapping),
        cmocka_unit_test(realms_are_found_by_name),
        cmocka_unit_test(before_anything_is_published_nothing_is_found),
        cmocka_unit_test(windows_are_half_open_at_every_edge),
        cmocka_unit_test(revoked_and_wiped_keys_are_old_and_foreign_names_unknown),
        cmocka_unit_test(what_the_newest_snapshot_does_not_schedule_decrypts_and_does_not_encrypt),
        cmocka_unit_test(too_long_offline_neither_issues_nor_accepts),
        cmocka_unit_test(contexts_have_their_own_subkeys_whenever_they_register),
        cmocka_unit_test(a_realm_has_only_its_own_keys),
        cmocka_unit_test(a_context_registered_in_a_forked_child_serves_everybody),
        cmocka_unit_test(a_context_that_exists_is_found_without_the_writer_mutex),
        cmocka_unit_test(there_are_only_so_many_contexts_and_only_so_long),
        cmocka_unit_test(too_many_keys_are_refused_and_what_was_published_stays),
        cmocka_unit_test(what_was_replaced_is_scrubbed),
        cmocka_unit_test(all_keys_come_encrypting_first_then_newest_first),
        cmocka_unit_test(the_next_driver_gets_back_what_was_published),
        cmocka_unit_test(info_says_when_the_first_key_becomes_active),
        cmocka_unit_test(the_mapping_picks_as_the_core_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
