/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "samples.h"

static struct slice bytes_of(const struct secret_buf *buf)
{
    return (struct slice){buf->at, buf->len};
}

static void every_kind_decodes_from_its_own_bytes(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < sample_kind_count; k++) {
        struct secret_buf buf = {0};
        struct errbuf why = {""};
        assert_int_equal(sample_kinds[k].encode(&buf), ERR_OK);
        if (sample_kinds[k].decode(bytes_of(&buf), &why) != ERR_OK) {
            fail_msg("%s: %s", sample_kinds[k].name, why.text);
        }
        secret_buf_fini(&buf);
    }
}

static void encoding_appends(void **unused)
{
    struct secret_buf buf = {0};
    char realm[REALM_NAME_MAX + 1];
    (void)unused;
    assert_int_equal(secret_buf_append(&buf, "before", 6), ERR_OK);
    assert_int_equal(wire_encode_list_keys("web", &buf), ERR_OK);
    assert_memory_equal(buf.at, "before", 6);
    const struct slice in = {buf.at + 6, buf.len - 6};
    assert_int_equal(wire_decode_list_keys(in, realm, NULL), ERR_OK);
    assert_string_equal(realm, "web");
    secret_buf_fini(&buf);
}

static void assert_same_snapshot(const struct wire_snapshot *a, const struct wire_snapshot *b)
{
    sample_assert_same_ring(&a->ring, &b->ring);
    assert_memory_equal(a->digest, b->digest, DIGEST_LEN);
    assert_int_equal(a->policy.rotate_every_ms, b->policy.rotate_every_ms);
    assert_int_equal(a->policy.ticket_lifetime_ms, b->policy.ticket_lifetime_ms);
    assert_int_equal(a->policy.sync_interval_ms, b->policy.sync_interval_ms);
    assert_int_equal(a->policy.max_offline_ms, b->policy.max_offline_ms);
    assert_int_equal(a->policy.max_session_age_ms, b->policy.max_session_age_ms);
    assert_int_equal(a->policy.keys_ahead, b->policy.keys_ahead);
    assert_int_equal(a->moment.server_time_ms, b->moment.server_time_ms);
    assert_int_equal(a->moment.as_of_ms, b->moment.as_of_ms);
    assert_int_equal(a->moment.suspect, b->moment.suspect);
}

static void a_snapshot_comes_back_whole_both_ways(void **unused)
{
    struct secret_buf buf = {0};
    struct wire_watch_response in = {.kind = WIRE_WATCH_SNAPSHOT};
    struct wire_watch_response out;
    struct wire_snapshot got;
    (void)unused;
    in.as.snapshot = sample_snapshot();

    assert_int_equal(wire_encode_get_keyring_reply(&in.as.snapshot, &buf), ERR_OK);
    assert_int_equal(wire_decode_get_keyring_reply(bytes_of(&buf), &got, NULL), ERR_OK);
    assert_same_snapshot(&in.as.snapshot, &got);
    wire_snapshot_fini(&got);

    secret_buf_consume(&buf, buf.len);
    assert_int_equal(wire_encode_watch_response(&in, &buf), ERR_OK);
    assert_int_equal(wire_decode_watch_response(bytes_of(&buf), &out, NULL), ERR_OK);
    assert_int_equal(out.kind, WIRE_WATCH_SNAPSHOT);
    assert_same_snapshot(&in.as.snapshot, &out.as.snapshot);
    wire_snapshot_fini(&out.as.snapshot);
    wire_snapshot_fini(&in.as.snapshot);
    secret_buf_fini(&buf);
}

static void an_empty_ring_comes_back_empty(void **unused)
{
    struct secret_buf buf = {0};
    struct wire_snapshot in = {0};
    struct wire_snapshot out;
    (void)unused;
    assert_int_equal(keyring_init(&in.ring, "web"), ERR_OK);
    assert_int_equal(wire_encode_get_keyring_reply(&in, &buf), ERR_OK);
    assert_int_equal(wire_decode_get_keyring_reply(bytes_of(&buf), &out, NULL), ERR_OK);
    assert_int_equal(out.ring.count, 0);
    assert_string_equal(out.ring.realm, "web");
    wire_snapshot_fini(&out);
    secret_buf_fini(&buf);
}

static void a_record_comes_back_whole(void **unused)
{
    struct secret_buf buf = {0};
    struct wire_record in = {.revision = UINT64_MAX, .writer = "stekd-1", .ring = sample_ring()};
    struct wire_record out;
    (void)unused;
    memset(in.version, 7, sizeof(in.version));
    memset(in.policy_hash, 8, sizeof(in.policy_hash));
    assert_int_equal(wire_encode_record(&in, &buf), ERR_OK);
    assert_int_equal(wire_decode_record(bytes_of(&buf), &out, NULL), ERR_OK);
    sample_assert_same_ring(&in.ring, &out.ring);
    assert_memory_equal(in.version, out.version, sizeof(in.version));
    assert_memory_equal(in.policy_hash, out.policy_hash, sizeof(in.policy_hash));
    assert_int_equal(out.revision, UINT64_MAX);
    assert_string_equal(out.writer, "stekd-1");
    wire_record_fini(&in);
    wire_record_fini(&out);
    secret_buf_fini(&buf);
}

static void watch_requests_come_back_with_and_without_a_digest(void **unused)
{
    (void)unused;
    for (int has_digest = 0; has_digest < 2; has_digest++) {
        struct secret_buf buf = {0};
        struct wire_watch_request open = {
            .kind = WIRE_WATCH_OPEN,
            .as.open = {.realm = "web", .frontend = "fe", .library_version = "1"}};
        struct wire_watch_request ack = {
            .kind = WIRE_WATCH_ACK,
            .as.ack = {.counters = {1, 2, 3, 4, 5, 6, UINT64_MAX}, .clock_skew_ms = INT64_MIN}};
        struct wire_watch_request out;
        open.as.open.has_digest = ack.as.ack.has_digest = has_digest != 0;
        memset(open.as.open.digest, has_digest ? 9 : 0, DIGEST_LEN);
        memset(ack.as.ack.digest, has_digest ? 9 : 0, DIGEST_LEN);

        assert_int_equal(wire_encode_watch_request(&open, &buf), ERR_OK);
        assert_int_equal(wire_decode_watch_request(bytes_of(&buf), &out, NULL), ERR_OK);
        assert_int_equal(out.kind, WIRE_WATCH_OPEN);
        assert_string_equal(out.as.open.realm, "web");
        assert_string_equal(out.as.open.frontend, "fe");
        assert_string_equal(out.as.open.library_version, "1");
        assert_int_equal(out.as.open.has_digest, has_digest);
        assert_memory_equal(out.as.open.digest, open.as.open.digest, DIGEST_LEN);

        secret_buf_consume(&buf, buf.len);
        assert_int_equal(wire_encode_watch_request(&ack, &buf), ERR_OK);
        assert_int_equal(wire_decode_watch_request(bytes_of(&buf), &out, NULL), ERR_OK);
        assert_int_equal(out.kind, WIRE_WATCH_ACK);
        assert_int_equal(out.as.ack.has_digest, has_digest);
        assert_memory_equal(out.as.ack.digest, ack.as.ack.digest, DIGEST_LEN);
        assert_memory_equal(&out.as.ack.counters, &ack.as.ack.counters,
                            sizeof(ack.as.ack.counters));
        assert_int_equal(out.as.ack.clock_skew_ms, INT64_MIN);
        secret_buf_fini(&buf);
    }
}

static void a_status_comes_back_whole(void **unused)
{
    struct secret_buf buf = {0};
    struct wire_realm_status realms[2];
    const struct wire_status in = sample_status(realms, 2);
    struct wire_status out;
    (void)unused;
    assert_int_equal(wire_encode_status(&in, &buf), ERR_OK);
    assert_int_equal(wire_decode_status(bytes_of(&buf), &out, NULL), ERR_OK);
    assert_string_equal(out.version, in.version);
    assert_string_equal(out.deployment, in.deployment);
    assert_int_equal(out.started_ms, in.started_ms);
    assert_string_equal(out.store.type, in.store.type);
    assert_string_equal(out.store.last_error, in.store.last_error);
    assert_int_equal(out.store.last_read_ms, in.store.last_read_ms);
    assert_true(out.store.reachable);
    assert_int_equal(out.connections, 12);
    assert_int_equal(out.problem_count, 2);
    assert_string_equal(out.problems[1], "two");
    assert_int_equal(out.realm_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct wire_realm_status *a = &in.realms[i];
        const struct wire_realm_status *b = &out.realms[i];
        assert_string_equal(a->realm, b->realm);
        assert_int_equal(a->ready, b->ready);
        assert_memory_equal(a->digest, b->digest, DIGEST_LEN);
        assert_int_equal(a->revision, b->revision);
        assert_int_equal(a->keys, b->keys);
        assert_int_equal(a->tombstones, b->tombstones);
        assert_int_equal(a->has_active, b->has_active);
        assert_memory_equal(a->active_name, b->active_name, KEY_NAME_LEN);
        assert_int_equal(a->active_since_ms, b->active_since_ms);
        assert_int_equal(a->next_active_ms, b->next_active_ms);
        assert_int_equal(a->watchers, b->watchers);
        assert_int_equal(a->watchers_current, b->watchers_current);
        assert_int_equal(a->as_of_ms, b->as_of_ms);
        assert_int_equal(a->policy.keys_ahead, b->policy.keys_ahead);
        assert_string_equal(a->problem, b->problem);
    }
    wire_status_fini(&out);
    secret_buf_fini(&buf);
}

static void a_key_list_and_a_rotation_come_back_whole(void **unused)
{
    struct secret_buf buf = {0};
    struct wire_key_info keys[2] = {{.name = {1},
                                     .state = "active",
                                     .published_at = 1,
                                     .active_from = 2,
                                     .retired_from = 3,
                                     .dropped_from = 4,
                                     .forgotten_from = 5,
                                     .encrypting = true},
                                    {.name = {2}, .state = "revoked", .revoked = true}};
    const struct wire_key_list list = {.realm = "web", .keys = keys, .count = 2, .digest = {6}};
    struct wire_key_list list_out;
    const struct wire_rotated rotated = {.changed = true, .at_ms = 7, .digest = {8}};
    struct wire_rotated rotated_out;
    const struct wire_rotate rotate = {.realm = "web", .retire = {9}, .reason = "why not"};
    struct wire_rotate rotate_out;
    (void)unused;

    assert_int_equal(wire_encode_key_list(&list, &buf), ERR_OK);
    assert_int_equal(wire_decode_key_list(bytes_of(&buf), &list_out, NULL), ERR_OK);
    assert_int_equal(list_out.count, 2);
    assert_string_equal(list_out.realm, "web");
    assert_memory_equal(list_out.digest, list.digest, DIGEST_LEN);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(list_out.keys[i].name, keys[i].name, KEY_NAME_LEN);
        assert_string_equal(list_out.keys[i].state, keys[i].state);
        assert_int_equal(list_out.keys[i].revoked, keys[i].revoked);
        assert_int_equal(list_out.keys[i].encrypting, keys[i].encrypting);
        assert_int_equal(list_out.keys[i].published_at, keys[i].published_at);
        assert_int_equal(list_out.keys[i].active_from, keys[i].active_from);
        assert_int_equal(list_out.keys[i].retired_from, keys[i].retired_from);
        assert_int_equal(list_out.keys[i].dropped_from, keys[i].dropped_from);
        assert_int_equal(list_out.keys[i].forgotten_from, keys[i].forgotten_from);
    }
    wire_key_list_fini(&list_out);

    secret_buf_consume(&buf, buf.len);
    assert_int_equal(wire_encode_rotate(&rotate, &buf), ERR_OK);
    assert_int_equal(wire_decode_rotate(bytes_of(&buf), &rotate_out, NULL), ERR_OK);
    assert_string_equal(rotate_out.realm, rotate.realm);
    assert_string_equal(rotate_out.reason, rotate.reason);
    assert_memory_equal(rotate_out.retire, rotate.retire, KEY_NAME_LEN);

    secret_buf_consume(&buf, buf.len);
    assert_int_equal(wire_encode_rotated(&rotated, &buf), ERR_OK);
    assert_int_equal(wire_decode_rotated(bytes_of(&buf), &rotated_out, NULL), ERR_OK);
    assert_true(rotated_out.changed);
    assert_int_equal(rotated_out.at_ms, 7);
    assert_false(rotated_out.has_promoted);
    assert_memory_equal(rotated_out.digest, rotated.digest, DIGEST_LEN);
    secret_buf_fini(&buf);
}

static void health_speaks_upstreams_numbers(void **unused)
{
    char service[WIRE_LABEL_MAX + 1];
    (void)unused;
    for (int status = 0; status < 4; status++) {
        struct secret_buf buf = {0};
        int got = -1;
        assert_int_equal(wire_encode_health_status(status, &buf), ERR_OK);
        assert_int_equal(wire_decode_health_status(bytes_of(&buf), &got, NULL), ERR_OK);
        assert_int_equal(got, status);
        secret_buf_fini(&buf);
    }
    int got = -1;
    assert_int_equal(
        wire_decode_health_status((struct slice){(const uint8_t *)"\x08\x63", 2}, &got, NULL),
        ERR_OK);
    assert_int_equal(got, 0);
    /* The empty message asks for the server as a whole. */
    assert_int_equal(wire_decode_health_check((struct slice){NULL, 0}, service, NULL), ERR_OK);
    assert_string_equal(service, "");
}

static void an_empty_request_takes_anything_well_formed(void **unused)
{
    static const uint8_t unknown_field[] = {0x9a, 0x06, 0x01, 0x78};
    (void)unused;
    assert_int_equal(wire_decode_empty((struct slice){NULL, 0}, NULL), ERR_OK);
    assert_int_equal(wire_decode_empty((struct slice){unknown_field, 4}, NULL), ERR_OK);
    assert_int_equal(wire_decode_empty((struct slice){unknown_field, 3}, NULL), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_decodes_from_its_own_bytes),
        cmocka_unit_test(encoding_appends),
        cmocka_unit_test(a_snapshot_comes_back_whole_both_ways),
        cmocka_unit_test(an_empty_ring_comes_back_empty),
        cmocka_unit_test(a_record_comes_back_whole),
        cmocka_unit_test(watch_requests_come_back_with_and_without_a_digest),
        cmocka_unit_test(a_status_comes_back_whole),
        cmocka_unit_test(a_key_list_and_a_rotation_come_back_whole),
        cmocka_unit_test(health_speaks_upstreams_numbers),
        cmocka_unit_test(an_empty_request_takes_anything_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
