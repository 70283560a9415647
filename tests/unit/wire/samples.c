/* SPDX-License-Identifier: Apache-2.0 */
#include "samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keyring/check.h"
#include "wire/codec.h"

#define T0 INT64_C(1790000000000)

static const struct wire_moment moment = {
    .server_time_ms = T0 + 5, .as_of_ms = T0 - 7, .suspect = true};
static const struct policy policy = {
    .rotate_every_ms = 43200000,
    .ticket_lifetime_ms = 43200001,
    .sync_interval_ms = 15000,
    .max_offline_ms = 77,
    .max_session_age_ms = 86400000,
    .keys_ahead = 2,
};

struct keyring sample_ring(void)
{
    struct keyring ring;
    assert_int_equal(keyring_init(&ring, "web.eu-1"), ERR_OK);
    for (uint8_t i = 0; i < 3; i++) {
        struct key key = {.published_at = T0 + i,
                          .active_from = T0 + 100 + i,
                          .retired_from = T0 + 200 + i,
                          .dropped_from = T0 + 300 + i,
                          .forgotten_from = T0 + 400 + i,
                          .revoked = i == 2,
                          .has_bytes = i == 0};
        memset(key.name, 0x30 - i, sizeof(key.name));
        for (uint8_t j = 0; key.has_bytes && j < KEY_LEN; j++) {
            key.bytes[j] = (uint8_t)(0xa0 + j);
        }
        assert_int_equal(keyring_add(&ring, &key), ERR_OK);
    }
    return ring;
}

struct wire_snapshot sample_snapshot(void)
{
    struct wire_snapshot snapshot = {.ring = sample_ring(), .policy = policy, .moment = moment};
    memset(snapshot.digest, 0xd1, DIGEST_LEN);
    return snapshot;
}

struct wire_status sample_status(struct wire_realm_status *realms, size_t count)
{
    struct wire_status status = {
        .version = "0.1.0",
        .deployment = "example",
        .moment = moment,
        .started_ms = T0 - 1000,
        .store = {.type = "memory",
                  .reachable = true,
                  .last_error = "store: down",
                  .last_read_ms = T0 - 1},
        .connections = 12,
        .realms = realms,
        .realm_count = count,
        .problems = {"one", "two"},
        .problem_count = 2,
    };
    for (size_t i = 0; i < count; i++) {
        struct wire_realm_status *realm = &realms[i];
        *realm = (struct wire_realm_status){.realm = "web",
                                            .ready = true,
                                            .revision = UINT64_MAX - i,
                                            .keys = 3,
                                            .tombstones = 2,
                                            .has_active = i % 2 == 0,
                                            .active_since_ms = T0,
                                            .next_active_ms = T0 + 9,
                                            .watchers = 8,
                                            .watchers_current = 7,
                                            .as_of_ms = T0 - 3,
                                            .policy = policy,
                                            .problem = "suspect clock"};
        memset(realm->digest, 0xd2, DIGEST_LEN);
        if (realm->has_active) {
            memset(realm->active_name, 0x11, KEY_NAME_LEN);
        }
    }
    return status;
}

void sample_assert_ring(const struct keyring *ring)
{
    static const uint8_t zero[KEY_LEN];

    assert_true(text_is_realm_name(ring->realm));
    assert_in_range(ring->count, 0, CHECK_ENTRIES_MAX);
    for (size_t i = 0; i < ring->count; i++) {
        if (i > 0) {
            assert_true(memcmp(ring->keys[i - 1].name, ring->keys[i].name, KEY_NAME_LEN) < 0);
        }
        if (!ring->keys[i].has_bytes) {
            assert_memory_equal(ring->keys[i].bytes, zero, KEY_LEN);
        }
    }
}

void sample_assert_same_ring(const struct keyring *a, const struct keyring *b)
{
    assert_string_equal(a->realm, b->realm);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct key *x = &a->keys[i];
        const struct key *y = &b->keys[i];
        assert_memory_equal(x->name, y->name, KEY_NAME_LEN);
        assert_memory_equal(x->bytes, y->bytes, KEY_LEN);
        assert_int_equal(x->has_bytes, y->has_bytes);
        assert_int_equal(x->revoked, y->revoked);
        assert_int_equal(x->published_at, y->published_at);
        assert_int_equal(x->active_from, y->active_from);
        assert_int_equal(x->retired_from, y->retired_from);
        assert_int_equal(x->dropped_from, y->dropped_from);
        assert_int_equal(x->forgotten_from, y->forgotten_from);
    }
}

/* ---- each kind ---- */

static enum err encode_get(struct secret_buf *out)
{
    const struct wire_get_keyring in = {.realm = "web", .frontend = "fe-17"};
    return wire_encode_get_keyring(&in, out);
}

static enum err decode_get(struct slice in, struct errbuf *why)
{
    struct wire_get_keyring out;
    const enum err rc = wire_decode_get_keyring(in, &out, why);
    if (rc == ERR_OK) {
        assert_true(text_is_realm_name(out.realm));
        assert_true(text_is_label(out.frontend, WIRE_LABEL_MAX));
    }
    return rc;
}

static enum err encode_reply(struct secret_buf *out)
{
    struct wire_snapshot in = sample_snapshot();
    const enum err rc = wire_encode_get_keyring_reply(&in, out);
    wire_snapshot_fini(&in);
    return rc;
}

static enum err decode_reply(struct slice in, struct errbuf *why)
{
    struct wire_snapshot out;
    const enum err rc = wire_decode_get_keyring_reply(in, &out, why);
    if (rc == ERR_OK) {
        sample_assert_ring(&out.ring);
        assert_true(out.policy.sync_interval_ms >= 0);
        wire_snapshot_fini(&out);
    }
    return rc;
}

static enum err encode_open(struct secret_buf *out)
{
    struct wire_watch_request in = {
        .kind = WIRE_WATCH_OPEN,
        .as.open = {
            .realm = "web", .frontend = "fe-17", .library_version = "0.1.0", .has_digest = true}};
    memset(in.as.open.digest, 0xd3, DIGEST_LEN);
    return wire_encode_watch_request(&in, out);
}

static enum err encode_ack(struct secret_buf *out)
{
    struct wire_watch_request in = {
        .kind = WIRE_WATCH_ACK,
        .as.ack = {.has_digest = true, .counters = {1, 2, 3, 4, 5, 6, 7}, .clock_skew_ms = -1500}};
    memset(in.as.ack.digest, 0xd4, DIGEST_LEN);
    return wire_encode_watch_request(&in, out);
}

static enum err decode_request(struct slice in, struct errbuf *why)
{
    struct wire_watch_request out;
    const enum err rc = wire_decode_watch_request(in, &out, why);
    if (rc == ERR_OK && out.kind == WIRE_WATCH_OPEN) {
        assert_true(text_is_realm_name(out.as.open.realm));
        assert_true(text_is_label(out.as.open.library_version, WIRE_LABEL_MAX));
    } else if (rc == ERR_OK) {
        assert_int_equal(out.kind, WIRE_WATCH_ACK);
    }
    return rc;
}

static enum err encode_watch_snapshot(struct secret_buf *out)
{
    struct wire_watch_response in = {.kind = WIRE_WATCH_SNAPSHOT};
    in.as.snapshot = sample_snapshot();
    const enum err rc = wire_encode_watch_response(&in, out);
    wire_snapshot_fini(&in.as.snapshot);
    return rc;
}

static enum err encode_heartbeat(struct secret_buf *out)
{
    struct wire_watch_response in = {.kind = WIRE_WATCH_HEARTBEAT, .as.heartbeat.moment = moment};
    memset(in.as.heartbeat.digest, 0xd5, DIGEST_LEN);
    return wire_encode_watch_response(&in, out);
}

static enum err decode_response(struct slice in, struct errbuf *why)
{
    struct wire_watch_response out;
    const enum err rc = wire_decode_watch_response(in, &out, why);
    if (rc == ERR_OK && out.kind == WIRE_WATCH_SNAPSHOT) {
        sample_assert_ring(&out.as.snapshot.ring);
        wire_snapshot_fini(&out.as.snapshot);
    } else if (rc == ERR_OK) {
        assert_int_equal(out.kind, WIRE_WATCH_HEARTBEAT);
    }
    return rc;
}

static enum err encode_record(struct secret_buf *out)
{
    struct wire_record in = {.revision = 42, .writer = "stekd-1", .ring = sample_ring()};
    memset(in.version, 0x77, sizeof(in.version));
    memset(in.policy_hash, 0x66, sizeof(in.policy_hash));
    const enum err rc = wire_encode_record(&in, out);
    wire_record_fini(&in);
    return rc;
}

static enum err decode_record(struct slice in, struct errbuf *why)
{
    struct wire_record out;
    const enum err rc = wire_decode_record(in, &out, why);
    if (rc == ERR_OK) {
        sample_assert_ring(&out.ring);
        assert_true(text_is_label(out.writer, WIRE_LABEL_MAX));
        wire_record_fini(&out);
    }
    return rc;
}

static void assert_status(const struct wire_status *status)
{
    assert_in_range(status->realm_count, 0, WIRE_REALMS_MAX);
    assert_in_range(status->problem_count, 0, WIRE_PROBLEMS_MAX);
    for (size_t i = 0; i < status->realm_count; i++) {
        assert_true(text_is_realm_name(status->realms[i].realm));
        assert_true(text_is_label(status->realms[i].problem, WIRE_SENTENCE_MAX));
    }
    for (size_t i = 0; i < status->problem_count; i++) {
        assert_true(text_is_label(status->problems[i], WIRE_SENTENCE_MAX));
    }
    assert_true(text_is_label(status->store.last_error, WIRE_SENTENCE_MAX));
}

static enum err encode_status(struct secret_buf *out)
{
    struct wire_realm_status realms[2];
    const struct wire_status in = sample_status(realms, 2);
    return wire_encode_status(&in, out);
}

static enum err decode_status(struct slice in, struct errbuf *why)
{
    struct wire_status out;
    const enum err rc = wire_decode_status(in, &out, why);
    if (rc == ERR_OK) {
        assert_status(&out);
        wire_status_fini(&out);
    }
    return rc;
}

static enum err encode_realms(struct secret_buf *out)
{
    struct wire_realm_status realms[3];
    const struct wire_status in = sample_status(realms, 3);
    return wire_encode_realms(&in, out);
}

static enum err decode_realms(struct slice in, struct errbuf *why)
{
    struct wire_status out;
    const enum err rc = wire_decode_realms(in, &out, why);
    if (rc == ERR_OK) {
        assert_status(&out);
        wire_status_fini(&out);
    }
    return rc;
}

static enum err encode_list_keys(struct secret_buf *out)
{
    return wire_encode_list_keys("web", out);
}

static enum err decode_list_keys(struct slice in, struct errbuf *why)
{
    char realm[REALM_NAME_MAX + 1];
    const enum err rc = wire_decode_list_keys(in, realm, why);
    if (rc == ERR_OK) {
        assert_true(text_is_realm_name(realm));
    }
    return rc;
}

static enum err encode_key_list(struct secret_buf *out)
{
    struct wire_key_info keys[2] = {
        {.state = "active", .published_at = T0, .forgotten_from = T0 + 4, .encrypting = true},
        {.state = "revoked", .active_from = T0 + 1, .dropped_from = T0 + 2, .revoked = true}};
    struct wire_key_list in = {.realm = "web", .keys = keys, .count = 2, .moment = moment};
    memset(keys[0].name, 1, KEY_NAME_LEN);
    memset(keys[1].name, 2, KEY_NAME_LEN);
    memset(in.digest, 0xd6, DIGEST_LEN);
    return wire_encode_key_list(&in, out);
}

static enum err decode_key_list(struct slice in, struct errbuf *why)
{
    struct wire_key_list out;
    const enum err rc = wire_decode_key_list(in, &out, why);
    if (rc == ERR_OK) {
        assert_in_range(out.count, 0, CHECK_ENTRIES_MAX);
        for (size_t i = 0; i < out.count; i++) {
            assert_true(text_is_label(out.keys[i].state, sizeof(out.keys[i].state) - 1));
        }
        wire_key_list_fini(&out);
    }
    return rc;
}

static enum err encode_rotate(struct secret_buf *out)
{
    struct wire_rotate in = {.realm = "web", .reason = "a laptop was lost"};
    memset(in.retire, 3, KEY_NAME_LEN);
    return wire_encode_rotate(&in, out);
}

static enum err decode_rotate(struct slice in, struct errbuf *why)
{
    struct wire_rotate out;
    const enum err rc = wire_decode_rotate(in, &out, why);
    if (rc == ERR_OK) {
        assert_true(text_is_realm_name(out.realm));
        assert_true(text_is_label(out.reason, WIRE_REASON_MAX));
    }
    return rc;
}

static enum err encode_rotated(struct secret_buf *out)
{
    struct wire_rotated in = {.changed = true, .at_ms = T0, .has_promoted = true, .moment = moment};
    memset(in.promoted, 4, KEY_NAME_LEN);
    memset(in.digest, 0xd7, DIGEST_LEN);
    return wire_encode_rotated(&in, out);
}

static enum err decode_rotated(struct slice in, struct errbuf *why)
{
    struct wire_rotated out;
    return wire_decode_rotated(in, &out, why);
}

static enum err encode_health_check(struct secret_buf *out)
{
    return wire_encode_health_check("stek.v1.KeyService", out);
}

static enum err decode_health_check(struct slice in, struct errbuf *why)
{
    char service[WIRE_LABEL_MAX + 1];
    const enum err rc = wire_decode_health_check(in, service, why);
    if (rc == ERR_OK) {
        assert_true(text_is_label(service, WIRE_LABEL_MAX));
    }
    return rc;
}

static enum err encode_health_status(struct secret_buf *out)
{
    return wire_encode_health_status(2, out);
}

static enum err decode_health_status(struct slice in, struct errbuf *why)
{
    int status = -1;
    const enum err rc = wire_decode_health_status(in, &status, why);
    if (rc == ERR_OK) {
        assert_in_range(status, 0, 3);
    }
    return rc;
}

static enum err encode_revoke(struct secret_buf *out)
{
    struct wire_revoke in = {.realm = "web", .reason = "a laptop was lost"};
    memset(in.name, 0x17, sizeof(in.name));
    return wire_encode_revoke(&in, out);
}

static enum err decode_revoke(struct slice in, struct errbuf *why)
{
    struct wire_revoke out;
    const enum err rc = wire_decode_revoke(in, &out, why);
    if (rc == ERR_OK) {
        assert_true(text_is_realm_name(out.realm));
        assert_true(text_is_label(out.reason, WIRE_REASON_MAX));
        assert_in_range(out.kind, WIRE_REVOKE_KEY, WIRE_REVOKE_CHECK);
    }
    return rc;
}

struct wire_frontend sample_frontend(void)
{
    struct wire_frontend out = {
        .realm = "web",
        .name = "fe-17",
        .identity = "uid:33 gid:33",
        .library_version = "stek-c/0.1",
        .connected_at = T0,
        .left_at = T0 + 5,
        .last_heard = T0 + 4,
        .as_of = T0 + 3,
        .has_digest = true,
        .installed_at = T0 + 2,
        .is_current = true,
        .has_revocations = true,
        .clock_skew_ms = -7,
        .counters = {1, 2, 3, 4, 5, 6, 7},
    };
    memset(out.digest, 0x2d, sizeof(out.digest));
    return out;
}

static void assert_frontends(const struct wire_frontend *frontends, size_t count)
{
    assert_true(count <= WIRE_FRONTENDS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_true(text_is_realm_name(frontends[i].realm));
        assert_true(text_is_label(frontends[i].name, WIRE_LABEL_MAX));
        assert_true(text_is_label(frontends[i].identity, WIRE_IDENTITY_MAX));
        assert_true(text_is_label(frontends[i].library_version, WIRE_LABEL_MAX));
    }
}

static enum err encode_revoked(struct secret_buf *out)
{
    struct wire_frontend stragglers[2] = {sample_frontend(), sample_frontend()};
    struct wire_revoked in = {
        .keys = 2,
        .has_promoted = true,
        .encrypts_from = T0,
        .not_stored_why = "the store does not answer",
        .confirmed = 3,
        .frontends = 5,
        .stragglers = stragglers,
        .straggler_count = 2,
        .stragglers_omitted = 1,
        .bound_ms = T0 + 9,
        .moment = moment,
    };
    return wire_encode_revoked(&in, out);
}

static enum err decode_revoked(struct slice in, struct errbuf *why)
{
    struct wire_revoked out;
    const enum err rc = wire_decode_revoked(in, &out, why);
    if (rc == ERR_OK) {
        assert_frontends(out.stragglers, out.straggler_count);
        assert_true(text_is_label(out.not_stored_why, WIRE_SENTENCE_MAX));
        wire_revoked_fini(&out);
    }
    return rc;
}

static enum err encode_list_frontends(struct secret_buf *out)
{
    return wire_encode_list_frontends("web", out);
}

static enum err decode_list_frontends(struct slice in, struct errbuf *why)
{
    char realm[REALM_NAME_MAX + 1];
    const enum err rc = wire_decode_list_frontends(in, realm, why);
    if (rc == ERR_OK) {
        assert_true(realm[0] == '\0' || text_is_realm_name(realm));
    }
    return rc;
}

static enum err encode_frontend_list(struct secret_buf *out)
{
    struct wire_frontend frontends[2] = {sample_frontend(), sample_frontend()};
    struct wire_realm_frontends realms[1] = {{
        .realm = "web",
        .ready = true,
        .not_stored_why = "the put is under way",
        .connected = 2,
        .current = 1,
        .gone = 1,
        .confirmed = 2,
        .lost = 1,
    }};
    const struct wire_frontend_list in = {
        .realms = realms,
        .realm_count = 1,
        .frontends = frontends,
        .count = 2,
        .omitted = 4,
        .moment = moment,
    };
    return wire_encode_frontend_list(&in, out);
}

static enum err decode_frontend_list(struct slice in, struct errbuf *why)
{
    struct wire_frontend_list out;
    const enum err rc = wire_decode_frontend_list(in, &out, why);
    if (rc == ERR_OK) {
        assert_frontends(out.frontends, out.count);
        assert_true(out.realm_count <= WIRE_REALMS_MAX);
        for (size_t i = 0; i < out.realm_count; i++) {
            assert_true(text_is_realm_name(out.realms[i].realm));
            assert_true(text_is_label(out.realms[i].not_stored_why, WIRE_SENTENCE_MAX));
        }
        wire_frontend_list_fini(&out);
    }
    return rc;
}

static enum err encode_rekey(struct secret_buf *out)
{
    const struct wire_rekey in = {.realm = "web", .reason = "the old one is retired"};
    return wire_encode_rekey(&in, out);
}

static enum err decode_rekey(struct slice in, struct errbuf *why)
{
    struct wire_rekey out;
    const enum err rc = wire_decode_rekey(in, &out, why);
    if (rc == ERR_OK) {
        assert_true(text_is_realm_name(out.realm));
        assert_true(text_is_label(out.reason, WIRE_REASON_MAX));
    }
    return rc;
}

static enum err encode_rekeyed(struct secret_buf *out)
{
    const struct wire_rekeyed in = {
        .changed = true, .kek_before = {1, 2}, .kek = {3, 4}, .moment = moment};
    return wire_encode_rekeyed(&in, out);
}

static enum err decode_rekeyed(struct slice in, struct errbuf *why)
{
    struct wire_rekeyed out;
    return wire_decode_rekeyed(in, &out, why);
}

const struct sample_kind sample_kinds[] = {
    {"get", encode_get, decode_get},
    {"get reply", encode_reply, decode_reply},
    {"open", encode_open, decode_request},
    {"ack", encode_ack, decode_request},
    {"snapshot", encode_watch_snapshot, decode_response},
    {"heartbeat", encode_heartbeat, decode_response},
    {"record", encode_record, decode_record},
    {"status", encode_status, decode_status},
    {"realms", encode_realms, decode_realms},
    {"list keys", encode_list_keys, decode_list_keys},
    {"key list", encode_key_list, decode_key_list},
    {"rotate", encode_rotate, decode_rotate},
    {"rotated", encode_rotated, decode_rotated},
    {"revoke", encode_revoke, decode_revoke},
    {"revoked", encode_revoked, decode_revoked},
    {"list frontends", encode_list_frontends, decode_list_frontends},
    {"frontend list", encode_frontend_list, decode_frontend_list},
    {"rekey", encode_rekey, decode_rekey},
    {"rekeyed", encode_rekeyed, decode_rekeyed},
    {"health check", encode_health_check, decode_health_check},
    {"health status", encode_health_status, decode_health_status},
};
const size_t sample_kind_count = sizeof(sample_kinds) / sizeof(sample_kinds[0]);
