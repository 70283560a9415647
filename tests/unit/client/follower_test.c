/* SPDX-License-Identifier: Apache-2.0 */
#include "src/follower.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring_bench.h"

struct bench {
    struct follower follower;
    struct policy policy;
    struct wire_snapshot snapshot; /* of keys[0..2]; changed by the tests */
    struct key keys[4];
};

static void seal(struct bench *bench)
{
    assert_int_equal(keyring_digest(&bench->snapshot.ring, bench->snapshot.digest), ERR_OK);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    bench->policy = policy_default(12 * HOUR);
    assert_int_equal(follower_init(&bench->follower, "web"), ERR_OK);
    bench->snapshot.ring = fixture_ring();
    bench->snapshot.policy = bench->policy;
    bench->snapshot.moment = (struct wire_moment){T0, T0 - 10, false};
    for (uint64_t i = 0; i < 4; i++) {
        const int64_t start = T0 - HOUR + (int64_t)i * 12 * HOUR;
        bench->keys[i] = fixture_key(i + 1, &bench->policy, T0 - HOUR - MINUTE, start);
        if (i < 3) {
            fixture_add(&bench->snapshot.ring, &bench->keys[i]);
        }
    }
    seal(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    follower_fini(&bench->follower);
    follower_fini(&bench->follower);
    keyring_fini(&bench->snapshot.ring);
    free(bench);
    return 0;
}

static enum err accept_at(struct bench *bench, int64_t now, struct errbuf *why)
{
    seal(bench);
    return follower_accept(&bench->follower, &bench->snapshot, now, why);
}

static void must_accept(struct bench *bench, int64_t now)
{
    struct errbuf why = {""};
    assert_int_equal(accept_at(bench, now, &why), ERR_OK);
}

static struct key *sent(struct bench *bench, size_t i)
{
    struct key *key = keyring_find(&bench->snapshot.ring, bench->keys[i].name);
    assert_non_null(key);
    return key;
}

static const struct key *held(const struct bench *bench, size_t i)
{
    return keyring_find(&bench->follower.ring, bench->keys[i].name);
}

static void a_sound_snapshot_is_taken_whole(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(follower_next_due(&bench->follower, T0), INT64_MAX);
    must_accept(bench, T0);
    const struct ringmap_view view = follower_view(&bench->follower);
    assert_true(fixture_rings_are_equal(view.ring, &bench->snapshot.ring));
    assert_memory_equal(view.digest, bench->snapshot.digest, DIGEST_LEN);
    assert_int_equal(view.as_of, T0 - 10);
    assert_int_equal(view.policy.sync_interval_ms, bench->policy.sync_interval_ms);
    for (size_t i = 0; i < 3; i++) {
        assert_true(view.scheduled[i]);
    }
    assert_int_equal(bench->follower.accepted, 1);
}

static void what_a_newer_snapshot_leaves_out_still_decrypts_and_may_not_encrypt(void **state)
{
    struct bench *bench = *state;
    must_accept(bench, T0);
    const size_t gone = (size_t)(sent(bench, 1) - bench->snapshot.ring.keys);
    keyring_remove_at(&bench->snapshot.ring, gone);
    must_accept(bench, T0);
    assert_int_equal(bench->follower.ring.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const size_t at = (size_t)(held(bench, i) - bench->follower.ring.keys);
        assert_true(bench->follower.ring.keys[at].has_bytes);
        assert_int_equal(bench->follower.scheduled[at], i != 1);
    }
}

static void a_revocation_once_seen_stays(void **state)
{
    struct bench *bench = *state;
    must_accept(bench, T0);
    struct keyring before = fixture_ring();
    assert_int_equal(keyring_copy(&before, &bench->snapshot.ring), ERR_OK);
    sent(bench, 0)->revoked = true;
    key_wipe(sent(bench, 0));
    must_accept(bench, T0);
    assert_true(held(bench, 0)->revoked);
    keyring_swap(&before, &bench->snapshot.ring); /* a daemon that has not heard of it */
    must_accept(bench, T0);
    assert_true(held(bench, 0)->revoked);
    assert_false(held(bench, 0)->has_bytes);
    keyring_fini(&before);
}

static void an_unsound_snapshot_is_refused_whole_counted_and_explained(void **state)
{
    enum fault {
        ZEROED,
        REPEATED,
        FOREIGN_BYTES,
        TOO_LONG,
        UNORDERED,
        FUTURE,
        BIRTH,
        POLICY_SYNC,
        POLICY_OFFLINE,
        REALM,
        DIGEST,
        FAULTS
    };
    struct bench *bench = *state;
    must_accept(bench, T0);
    for (int fault = 0; fault < FAULTS; fault++) {
        struct errbuf why = {""};
        struct bench *other = NULL;
        assert_int_equal(set_up((void **)&other), 0);
        struct key *key = sent(other, 0);
        switch ((enum fault)fault) {
        case ZEROED:
            memset(key->bytes, 0, KEY_LEN);
            break;
        case REPEATED:
            memset(key->bytes, 0x5a, KEY_LEN);
            break;
        case FOREIGN_BYTES:
            key->bytes[7] ^= 1;
            break;
        case TOO_LONG:
            key->forgotten_from = key->published_at + POLICY_LIFE_MAX_MS + 1;
            break;
        case UNORDERED:
            key->retired_from = key->active_from;
            break;
        case FUTURE:
            key->published_at = T0 + HOUR;
            key->active_from = T0 + 2 * HOUR;
            break;
        case BIRTH:
            key->published_at--;
            break;
        case POLICY_SYNC:
            other->snapshot.policy.sync_interval_ms = 0;
            break;
        case POLICY_OFFLINE:
            other->snapshot.policy.max_offline_ms = -1;
            break;
        case REALM:
            assert_int_equal(
                text_copy(other->snapshot.ring.realm, sizeof(other->snapshot.ring.realm), "api"),
                ERR_OK);
            break;
        default:
            break;
        }
        seal(other);
        other->snapshot.digest[0] ^= fault == DIGEST;
        assert_int_equal(follower_accept(&bench->follower, &other->snapshot, T0, &why),
                         ERR_INVALID);
        assert_non_null(strstr(why.text, "realm web: snapshot refused: "));
        assert_int_equal(bench->follower.refused, fault + 1);
        assert_int_equal(bench->follower.accepted, 1);
        assert_true(fixture_rings_are_equal(&bench->follower.ring, &bench->snapshot.ring));
        assert_memory_equal(bench->follower.digest, bench->snapshot.digest, DIGEST_LEN);
        assert_int_equal(tear_down((void **)&other), 0);
    }
}

/* Keys that end one millisecond after another, all of them later than keys[0]. */
static void fill_up(struct bench *bench, size_t count)
{
    for (uint64_t i = bench->snapshot.ring.count - 3; i < count - 3; i++) {
        const struct key key = fixture_key(100 + i, &bench->policy, T0 - MINUTE, T0 + (int64_t)i);
        fixture_add(&bench->snapshot.ring, &key);
    }
}

static size_t count_live(const struct keyring *ring)
{
    size_t live = 0;
    for (size_t i = 0; i < ring->count; i++) {
        live += ring->keys[i].has_bytes && !ring->keys[i].revoked;
    }
    return live;
}

static void of_more_usable_keys_than_fit_those_that_end_first_are_given_up(void **state)
{
    struct bench *bench = *state;
    struct ringmap *map = bench_map();
    fill_up(bench, RINGMAP_LIVE_MAX);
    must_accept(bench, T0);
    assert_int_equal(bench->follower.given_up, 0);
    assert_int_equal(count_live(&bench->follower.ring), RINGMAP_LIVE_MAX);
    /* Another partition's keys: the union is one too many, then four. */
    for (size_t more = 1; more <= 4; more += 3) {
        fill_up(bench, RINGMAP_LIVE_MAX + more);
        must_accept(bench, T0);
        assert_int_equal(bench->follower.given_up, more == 1 ? 1 : 3);
        assert_int_equal(bench->follower.ring.count, RINGMAP_LIVE_MAX + more);
        assert_int_equal(count_live(&bench->follower.ring), RINGMAP_LIVE_MAX);
        const struct ringmap_view view = follower_view(&bench->follower);
        assert_int_equal(ringmap_publish(map, 0, &view), ERR_OK);
    }
    assert_false(held(bench, 0)->has_bytes); /* ends first of all */
    assert_true(held(bench, 2)->has_bytes);  /* ends last of all */
    for (uint64_t i = 0; i < RINGMAP_LIVE_MAX; i++) {
        const struct key key = fixture_key(100 + i, &bench->policy, T0 - MINUTE, T0 + (int64_t)i);
        const struct key *mine = keyring_find(&bench->follower.ring, key.name);
        assert_int_equal(mine->has_bytes, i >= 3);
    }
    must_accept(bench, T0); /* told once */
    assert_int_equal(bench->follower.given_up, 0);
    assert_int_equal(count_live(&bench->follower.ring), RINGMAP_LIVE_MAX);
    ringmap_free(map);
}

static void a_union_of_too_many_entries_is_refused_and_what_is_held_stays(void **state)
{
    struct bench *bench = *state;
    struct errbuf why = {""};
    for (uint64_t seed = 100; seed <= 400; seed += 300) {
        for (uint64_t i = 0; i < RINGMAP_ENTRIES_MAX / 2; i++) {
            struct key key = fixture_key(seed + i, &bench->policy, T0 - MINUTE, T0);
            key.revoked = true;
            key_wipe(&key);
            fixture_add(&bench->snapshot.ring, &key);
        }
        if (seed == 100) {
            must_accept(bench, T0);
        }
        while (bench->snapshot.ring.count > 0 && seed == 100) {
            keyring_remove_at(&bench->snapshot.ring, bench->snapshot.ring.count - 1);
        }
    }
    assert_int_equal(accept_at(bench, T0, &why), ERR_LIMIT);
    assert_int_equal(bench->follower.ring.count, 3 + RINGMAP_ENTRIES_MAX / 2);
    assert_int_equal(bench->follower.refused, 1);
}

static void keys_are_wiped_and_forgotten_on_time_with_no_daemon_in_reach(void **state)
{
    struct bench *bench = *state;
    must_accept(bench, T0);
    const int64_t end = bench->keys[0].dropped_from;
    assert_int_equal(follower_next_due(&bench->follower, T0), end);
    assert_false(follower_tick(&bench->follower, end - 1));
    assert_true(held(bench, 0)->has_bytes);
    assert_true(follower_tick(&bench->follower, end)); /* born so: forgotten_from is the same */
    assert_null(held(bench, 0));
    assert_false(follower_tick(&bench->follower, end));
    assert_int_equal(follower_next_due(&bench->follower, end), bench->keys[1].dropped_from);
    for (size_t i = 0; i < bench->follower.ring.count; i++) {
        assert_true(bench->follower.scheduled[i]);
    }
}

static void a_tombstone_stays_until_it_may_be_forgotten(void **state)
{
    struct bench *bench = *state;
    struct key *key = sent(bench, 0);
    key->retired_from = T0 + MINUTE; /* rotated early */
    key->dropped_from = T0 + HOUR;
    must_accept(bench, T0);
    assert_true(follower_tick(&bench->follower, T0 + HOUR));
    assert_false(held(bench, 0)->has_bytes);
    assert_int_equal(follower_next_due(&bench->follower, T0 + HOUR), bench->keys[0].forgotten_from);
    /* An older copy of the ring cannot bring it back. */
    key->retired_from = bench->keys[0].retired_from;
    key->dropped_from = bench->keys[0].dropped_from;
    must_accept(bench, T0 + HOUR);
    assert_false(held(bench, 0)->has_bytes);
}

static void as_of_moves_with_heartbeats_about_what_is_held_only(void **state)
{
    struct bench *bench = *state;
    struct wire_heartbeat beat = {.moment = {T0, T0 + 100, false}};
    assert_false(follower_heartbeat(&bench->follower, &beat, T0 + 1000));
    must_accept(bench, T0);
    assert_false(follower_heartbeat(&bench->follower, &beat, T0 + 1000)); /* another digest */
    memcpy(beat.digest, bench->snapshot.digest, DIGEST_LEN);
    beat.moment.suspect = true;
    assert_false(follower_heartbeat(&bench->follower, &beat, T0 + 1000));
    beat.moment.suspect = false;
    assert_true(follower_heartbeat(&bench->follower, &beat, T0 + 1000));
    assert_int_equal(bench->follower.as_of, T0 + 100);
    beat.moment.as_of_ms = T0 + 99; /* never back */
    assert_false(follower_heartbeat(&bench->follower, &beat, T0 + 1000));
    beat.moment.as_of_ms = T0 + DAY; /* never beyond now */
    assert_true(follower_heartbeat(&bench->follower, &beat, T0 + 1000));
    assert_int_equal(bench->follower.as_of, T0 + 1000);
}

/* Accepted while the fleet was taken to be a day ahead. */
static void as_of_comes_back_with_a_time_that_steps_back(void **state)
{
    static const bool suspect[] = {false, true};
    for (size_t i = 0; i < 2; i++) {
        struct bench *bench = NULL;
        assert_int_equal(set_up((void **)&bench), 0);
        bench->snapshot.moment = (struct wire_moment){T0 + DAY, T0 + DAY, false};
        must_accept(bench, T0 + DAY);
        assert_int_equal(bench->follower.as_of, T0 + DAY);
        struct wire_heartbeat beat = {.moment = {T0, T0, suspect[i]}};
        memcpy(beat.digest, bench->snapshot.digest, DIGEST_LEN);
        assert_true(follower_heartbeat(&bench->follower, &beat, T0));
        assert_int_equal(bench->follower.as_of, T0);
        assert_int_equal(tear_down((void **)&bench), 0);
    }
    struct bench *bench = *state;
    bench->snapshot.moment = (struct wire_moment){T0 + DAY, T0 + DAY, false};
    must_accept(bench, T0 + DAY);
    assert_false(
        follower_tick(&bench->follower, T0)); /* what it may publish is not in the future */
    assert_int_equal(follower_view(&bench->follower).as_of, T0);
}

static void the_next_driver_goes_on_where_the_last_one_ended(void **state)
{
    struct bench *bench = *state;
    struct ringmap *map = bench_map();
    struct follower next;
    assert_int_equal(follower_init(&next, "web"), ERR_OK);
    assert_int_equal(follower_import(&next, map, 0), ERR_NOT_FOUND);
    assert_false(next.has_snapshot);
    must_accept(bench, T0);
    const size_t gone = (size_t)(sent(bench, 1) - bench->snapshot.ring.keys);
    keyring_remove_at(&bench->snapshot.ring, gone);
    must_accept(bench, T0);
    const struct ringmap_view view = follower_view(&bench->follower);
    assert_int_equal(ringmap_publish(map, 0, &view), ERR_OK);

    assert_int_equal(follower_import(&next, map, 0), ERR_OK);
    assert_true(next.has_snapshot);
    assert_true(fixture_rings_are_equal(&next.ring, &bench->follower.ring));
    assert_memory_equal(next.scheduled, bench->follower.scheduled, 3 * sizeof(bool));
    assert_memory_equal(next.digest, bench->follower.digest, DIGEST_LEN);
    assert_int_equal(next.as_of, bench->follower.as_of);
    assert_int_equal(next.newest_count, 2);
    /* What it knows to be scheduled survives a forgetting. */
    assert_true(follower_tick(&next, bench->keys[0].forgotten_from));
    assert_int_equal(next.ring.count, 2);
    const size_t unscheduled =
        (size_t)(keyring_find(&next.ring, bench->keys[1].name) - next.ring.keys);
    assert_false(next.scheduled[unscheduled]);
    assert_true(next.scheduled[1 - unscheduled]);
    follower_fini(&next);
    ringmap_free(map);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_sound_snapshot_is_taken_whole),
        TEST(what_a_newer_snapshot_leaves_out_still_decrypts_and_may_not_encrypt),
        TEST(a_revocation_once_seen_stays),
        TEST(an_unsound_snapshot_is_refused_whole_counted_and_explained),
        TEST(of_more_usable_keys_than_fit_those_that_end_first_are_given_up),
        TEST(a_union_of_too_many_entries_is_refused_and_what_is_held_stays),
        TEST(keys_are_wiped_and_forgotten_on_time_with_no_daemon_in_reach),
        TEST(a_tombstone_stays_until_it_may_be_forgotten),
        TEST(as_of_moves_with_heartbeats_about_what_is_held_only),
        TEST(as_of_comes_back_with_a_time_that_steps_back),
        TEST(the_next_driver_goes_on_where_the_last_one_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
