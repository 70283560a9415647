/* SPDX-License-Identifier: Apache-2.0 */
/* Revoke, ListFrontends and Rekey: what goes in comes out, and what may not is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "samples.h"
#include "wire/codec.h"

static struct slice bytes_of(const struct secret_buf *buf)
{
    return (struct slice){buf->at, buf->len};
}

static void assert_same_frontend(const struct wire_frontend *a, const struct wire_frontend *b)
{
    assert_string_equal(a->realm, b->realm);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->identity, b->identity);
    assert_string_equal(a->library_version, b->library_version);
    assert_int_equal(a->connected_at, b->connected_at);
    assert_int_equal(a->left_at, b->left_at);
    assert_int_equal(a->last_heard, b->last_heard);
    assert_int_equal(a->as_of, b->as_of);
    assert_int_equal(a->has_digest, b->has_digest);
    assert_memory_equal(a->digest, b->digest, DIGEST_LEN);
    assert_int_equal(a->installed_at, b->installed_at);
    assert_int_equal(a->is_current, b->is_current);
    assert_int_equal(a->has_revocations, b->has_revocations);
    assert_int_equal(a->clock_skew_ms, b->clock_skew_ms);
    assert_memory_equal(&a->counters, &b->counters, sizeof(a->counters));
}

static void each_kind_of_revoke_comes_back(void **unused)
{
    static const enum wire_revoke_kind kinds[] = {WIRE_REVOKE_KEY, WIRE_REVOKE_ALL,
                                                  WIRE_REVOKE_CHECK};

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        struct wire_revoke in = {.realm = "web", .kind = kinds[i], .reason = "why not"};
        struct wire_revoke out;
        struct secret_buf buf = {0};
        if (kinds[i] == WIRE_REVOKE_KEY) {
            memset(in.name, 7, sizeof(in.name));
        }
        assert_int_equal(wire_encode_revoke(&in, &buf), ERR_OK);
        assert_int_equal(wire_decode_revoke(bytes_of(&buf), &out, NULL), ERR_OK);
        assert_int_equal(out.kind, in.kind);
        assert_string_equal(out.realm, "web");
        assert_string_equal(out.reason, "why not");
        assert_memory_equal(out.name, in.name, KEY_NAME_LEN);
        secret_buf_fini(&buf);
    }
}

/* Field 1: "w". Then name (2), all (3), check (4) by hand. */
static void a_revoke_that_says_two_things_or_none_is_refused(void **unused)
{
    static const struct {
        uint8_t bytes[32];
        size_t len;
    } rows[] = {
        {{0x0a, 1, 'w'}, 3},
        {{0x0a, 1, 'w', 0x18, 0, 0x20, 0}, 7},
        {{0x0a, 1, 'w', 0x18, 1, 0x20, 1}, 7},
        {{0x0a, 1, 'w', 0x12, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x18, 1},
         23},
        {{0x0a, 1, 'w', 0x12, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x20, 1},
         23},
        {{0x0a, 1, 'w', 0x12, 3, 1, 2, 3}, 8},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wire_revoke out = {.kind = WIRE_REVOKE_ALL};
        struct errbuf why = {""};
        const struct slice in = {rows[i].bytes, rows[i].len};
        assert_int_equal(wire_decode_revoke(in, &out, &why), ERR_INVALID);
        assert_true(why.text[0] != '\0');
    }
}

static void a_revoked_and_its_stragglers_come_back(void **unused)
{
    struct wire_frontend stragglers[2] = {sample_frontend(), sample_frontend()};
    struct secret_buf buf = {0};
    struct wire_revoked out;

    (void)unused;
    stragglers[1].has_digest = false;
    memset(stragglers[1].digest, 0, DIGEST_LEN);
    const struct wire_revoked in = {
        .keys = 2,
        .has_promoted = true,
        .promoted = {9},
        .encrypts_from = 11,
        .is_stored = true,
        .not_stored_why = "because",
        .confirmed = 3,
        .frontends = 5,
        .stragglers = stragglers,
        .straggler_count = 2,
        .stragglers_omitted = 4,
        .bound_ms = 12,
        .digest = {8},
        .moment = {.server_time_ms = 13, .as_of_ms = 14, .suspect = true},
    };
    assert_int_equal(wire_encode_revoked(&in, &buf), ERR_OK);
    assert_int_equal(wire_decode_revoked(bytes_of(&buf), &out, NULL), ERR_OK);
    assert_int_equal(out.keys, 2);
    assert_true(out.has_promoted);
    assert_memory_equal(out.promoted, in.promoted, KEY_NAME_LEN);
    assert_int_equal(out.encrypts_from, 11);
    assert_true(out.is_stored);
    assert_string_equal(out.not_stored_why, "because");
    assert_int_equal(out.confirmed, 3);
    assert_int_equal(out.frontends, 5);
    assert_int_equal(out.stragglers_omitted, 4);
    assert_int_equal(out.bound_ms, 12);
    assert_memory_equal(out.digest, in.digest, DIGEST_LEN);
    assert_int_equal(out.moment.as_of_ms, 14);
    assert_int_equal(out.straggler_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_same_frontend(&out.stragglers[i], &stragglers[i]);
    }
    wire_revoked_fini(&out);
    secret_buf_fini(&buf);
}

static void a_frontend_list_comes_back(void **unused)
{
    struct wire_frontend frontends[1] = {sample_frontend()};
    struct wire_realm_frontends realms[2] = {{.realm = "web",
                                              .ready = true,
                                              .digest = {1},
                                              .is_stored = true,
                                              .connected = 2,
                                              .current = 3,
                                              .gone = 4,
                                              .confirmed = 5,
                                              .lost = 6},
                                             {.realm = "mail", .not_stored_why = "not ready"}};
    const struct wire_frontend_list in = {.realms = realms,
                                          .realm_count = 2,
                                          .frontends = frontends,
                                          .count = 1,
                                          .omitted = 7,
                                          .moment = {.server_time_ms = 8}};
    struct wire_frontend_list out;
    struct secret_buf buf = {0};

    (void)unused;
    assert_int_equal(wire_encode_frontend_list(&in, &buf), ERR_OK);
    assert_int_equal(wire_decode_frontend_list(bytes_of(&buf), &out, NULL), ERR_OK);
    assert_int_equal(out.realm_count, 2);
    assert_string_equal(out.realms[0].realm, "web");
    assert_true(out.realms[0].ready && out.realms[0].is_stored);
    assert_memory_equal(out.realms[0].digest, realms[0].digest, DIGEST_LEN);
    assert_int_equal(out.realms[0].connected, 2);
    assert_int_equal(out.realms[0].current, 3);
    assert_int_equal(out.realms[0].gone, 4);
    assert_int_equal(out.realms[0].confirmed, 5);
    assert_int_equal(out.realms[0].lost, 6);
    assert_string_equal(out.realms[1].not_stored_why, "not ready");
    assert_false(out.realms[1].ready || out.realms[1].is_stored);
    assert_int_equal(out.count, 1);
    assert_same_frontend(&out.frontends[0], &frontends[0]);
    assert_int_equal(out.omitted, 7);
    assert_int_equal(out.moment.server_time_ms, 8);
    wire_frontend_list_fini(&out);
    secret_buf_fini(&buf);
}

/* As many frontends as may be, of which there is little to say: they must come apart in the block
 * that the decoder takes for so many bytes. */
static void a_list_of_many_idle_frontends_comes_back(void **unused)
{
    struct wire_frontend *frontends = calloc(WIRE_FRONTENDS_MAX + 1, sizeof(*frontends));
    struct wire_realm_frontends realm = {.realm = "r"};
    struct wire_frontend_list out;

    (void)unused;
    assert_non_null(frontends);
    for (size_t i = 0; i <= WIRE_FRONTENDS_MAX; i++) {
        frontends[i] = (struct wire_frontend){.realm = "r",
                                              .identity = "uid:0 gid:0",
                                              .connected_at = INT64_C(1795472104123),
                                              .last_heard = INT64_C(1795472104123)};
    }
    for (size_t count = WIRE_FRONTENDS_MAX; count <= WIRE_FRONTENDS_MAX + 1; count++) {
        const struct wire_frontend_list in = {
            .realms = &realm, .realm_count = 1, .frontends = frontends, .count = count};
        struct secret_buf buf = {0};
        assert_int_equal(wire_encode_frontend_list(&in, &buf), ERR_OK);
        const enum err want = count > WIRE_FRONTENDS_MAX ? ERR_INVALID : ERR_OK;
        assert_int_equal(wire_decode_frontend_list(bytes_of(&buf), &out, NULL), want);
        if (want == ERR_OK) {
            assert_int_equal(out.count, WIRE_FRONTENDS_MAX);
            wire_frontend_list_fini(&out);
        }
        secret_buf_fini(&buf);
    }
    free(frontends);
}

/* What serve/ counts with. */
static void no_frontend_is_larger_than_it_is_said_to_be(void **unused)
{
    struct wire_frontend full = sample_frontend();
    struct wire_frontend empty = {.realm = "r"};
    const struct wire_frontend *const both[] = {&full, &empty};

    (void)unused;
    memset(full.name, 'n', WIRE_LABEL_MAX);
    memset(full.identity, 'i', WIRE_IDENTITY_MAX);
    memset(full.library_version, 'v', WIRE_LABEL_MAX);
    memset(full.realm, 'r', REALM_NAME_MAX);
    memset(&full.counters, 0xFF, sizeof(full.counters));
    full.connected_at = full.left_at = full.last_heard = full.as_of = full.installed_at =
        full.clock_skew_ms = INT64_MIN;
    for (size_t i = 0; i < 2; i++) {
        struct wire_realm_frontends realm = {.realm = "r"};
        struct wire_frontend_list list = {.realms = &realm, .realm_count = 1};
        struct secret_buf without = {0};
        struct secret_buf with = {0};
        struct wire_frontend one = *both[i];
        assert_int_equal(wire_encode_frontend_list(&list, &without), ERR_OK);
        list.frontends = &one;
        list.count = 1;
        assert_int_equal(wire_encode_frontend_list(&list, &with), ERR_OK);
        assert_true(with.len - without.len <= wire_frontend_size_max(&one));
        secret_buf_fini(&with);
        secret_buf_fini(&without);
    }
}

static void a_rekey_comes_back(void **unused)
{
    const struct wire_rekey rekey = {.realm = "web", .reason = "why not"};
    const struct wire_rekeyed rekeyed = {.changed = true, .kek_before = {1}, .kek = {2}};
    struct wire_rekey rekey_out;
    struct wire_rekeyed rekeyed_out;
    struct secret_buf buf = {0};
    char realm[REALM_NAME_MAX + 1] = "x";

    (void)unused;
    assert_int_equal(wire_encode_rekey(&rekey, &buf), ERR_OK);
    assert_int_equal(wire_decode_rekey(bytes_of(&buf), &rekey_out, NULL), ERR_OK);
    assert_string_equal(rekey_out.realm, "web");
    assert_string_equal(rekey_out.reason, "why not");
    secret_buf_consume(&buf, buf.len);
    assert_int_equal(wire_encode_rekeyed(&rekeyed, &buf), ERR_OK);
    assert_int_equal(wire_decode_rekeyed(bytes_of(&buf), &rekeyed_out, NULL), ERR_OK);
    assert_true(rekeyed_out.changed);
    assert_memory_equal(rekeyed_out.kek_before, rekeyed.kek_before, WIRE_KEK_ID_LEN);
    assert_memory_equal(rekeyed_out.kek, rekeyed.kek, WIRE_KEK_ID_LEN);
    secret_buf_fini(&buf);
    /* No realm is all realms; a bad one is none. */
    assert_int_equal(wire_decode_list_frontends((struct slice){NULL, 0}, realm, NULL), ERR_OK);
    assert_string_equal(realm, "");
    assert_int_equal(
        wire_decode_list_frontends((struct slice){(const uint8_t *)"\x0a\x01W", 3}, realm, NULL),
        ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_revoke_comes_back),
        cmocka_unit_test(a_revoke_that_says_two_things_or_none_is_refused),
        cmocka_unit_test(a_revoked_and_its_stragglers_come_back),
        cmocka_unit_test(a_frontend_list_comes_back),
        cmocka_unit_test(a_list_of_many_idle_frontends_comes_back),
        cmocka_unit_test(no_frontend_is_larger_than_it_is_said_to_be),
        cmocka_unit_test(a_rekey_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
