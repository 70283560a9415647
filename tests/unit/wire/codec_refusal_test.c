/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders refuse, and why they say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keyring/check.h"
#include "samples.h"
#include "wire/codec.h"

static struct slice bytes_of(const struct secret_buf *buf)
{
    return (struct slice){buf->at, buf->len};
}

struct piece {
    uint8_t bytes[512];
    struct writer w;
};

static void begin(struct piece *p)
{
    writer_init(&p->w, p->bytes, sizeof(p->bytes));
}

static void put(struct piece *p, unsigned int number, const void *bytes, size_t len)
{
    writer_u8(&p->w, (uint8_t)(number << 3 | 2));
    assert_true(len < 0x4000);
    if (len >= 0x80) {
        writer_u8(&p->w, (uint8_t)((len & 0x7f) | 0x80));
        writer_u8(&p->w, (uint8_t)(len >> 7));
    } else {
        writer_u8(&p->w, (uint8_t)len);
    }
    writer_bytes(&p->w, bytes, len);
    assert_false(p->w.failed);
}

/* A snapshot reply around the keys in `ring` (field 2 of a Keyring, already encoded). */
static enum err decode_ring(const char *realm, const struct piece *keys, struct wire_snapshot *out,
                            struct errbuf *why)
{
    static const uint8_t digest[DIGEST_LEN];
    struct piece ring, snapshot, reply;
    begin(&ring);
    begin(&snapshot);
    begin(&reply);
    put(&ring, 1, realm, strlen(realm));
    writer_bytes(&ring.w, keys->bytes, keys->w.len);
    put(&snapshot, 1, ring.bytes, ring.w.len);
    put(&snapshot, 2, digest, sizeof(digest));
    put(&snapshot, 3, NULL, 0);
    put(&snapshot, 4, NULL, 0);
    put(&reply, 1, snapshot.bytes, snapshot.w.len);
    return wire_decode_get_keyring_reply((struct slice){reply.bytes, reply.w.len}, out, why);
}

static void put_key(struct piece *keys, const void *name, size_t name_len, size_t key_len)
{
    static const uint8_t bytes[64] = {1, 2, 3};
    struct piece key;
    begin(&key);
    put(&key, 1, name, name_len);
    put(&key, 2, bytes, key_len);
    put(keys, 2, key.bytes, key.w.len);
}

static void keys_have_the_right_lengths_or_the_ring_is_refused(void **unused)
{
    static const struct {
        size_t name_len;
        size_t key_len;
        enum err want;
    } rows[] = {
        {16, 32, ERR_OK},      {16, 0, ERR_OK},      {15, 32, ERR_INVALID},
        {17, 32, ERR_INVALID}, {0, 32, ERR_INVALID}, {16, 31, ERR_INVALID},
        {16, 33, ERR_INVALID}, {16, 1, ERR_INVALID}, {16, 64, ERR_INVALID},
    };
    static const uint8_t name[32] = {1};
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct piece keys;
        struct wire_snapshot out = {0};
        struct errbuf why = {""};
        begin(&keys);
        put_key(&keys, name, rows[i].name_len, rows[i].key_len);
        assert_int_equal(decode_ring("web", &keys, &out, &why), rows[i].want);
        if (rows[i].want == ERR_OK) {
            assert_int_equal(out.ring.count, 1);
            assert_int_equal(out.ring.keys[0].has_bytes, rows[i].key_len == 32);
        } else {
            assert_null(out.ring.keys);
            assert_string_not_equal(why.text, "");
        }
        wire_snapshot_fini(&out);
    }
}

static void keys_come_out_sorted_and_never_twice(void **unused)
{
    struct piece keys;
    struct wire_snapshot out = {0};
    struct errbuf why = {""};
    (void)unused;
    begin(&keys);
    put_key(&keys, "cccccccccccccccc", 16, 32);
    put_key(&keys, "aaaaaaaaaaaaaaaa", 16, 0);
    put_key(&keys, "bbbbbbbbbbbbbbbb", 16, 32);
    assert_int_equal(decode_ring("web", &keys, &out, &why), ERR_OK);
    assert_int_equal(out.ring.count, 3);
    sample_assert_ring(&out.ring);
    wire_snapshot_fini(&out);

    put_key(&keys, "aaaaaaaaaaaaaaaa", 16, 32);
    assert_int_equal(decode_ring("web", &keys, &out, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "two keys of one name"));
    assert_null(out.ring.keys);
}

static void a_ring_without_a_plain_realm_name_is_refused(void **unused)
{
    static const char *const realms[] = {"", "Web", "a/b", "../x", "w\xc3\xa9"};
    struct piece keys;
    (void)unused;
    begin(&keys);
    for (size_t i = 0; i < sizeof(realms) / sizeof(realms[0]); i++) {
        struct wire_snapshot out = {0};
        struct errbuf why = {""};
        assert_int_equal(decode_ring(realms[i], &keys, &out, &why), ERR_INVALID);
        assert_non_null(strstr(why.text, "realm"));
    }
}

static void a_ring_may_have_256_keys_and_no_more(void **unused)
{
    (void)unused;
    for (size_t count = CHECK_ENTRIES_MAX; count <= CHECK_ENTRIES_MAX + 1; count++) {
        struct secret_buf buf = {0};
        struct wire_record in = {0};
        struct wire_record out;
        struct errbuf why = {""};
        assert_int_equal(keyring_init(&in.ring, "web"), ERR_OK);
        for (size_t i = 0; i < count; i++) {
            struct key key = {.has_bytes = true};
            key.name[0] = (uint8_t)(i >> 8);
            key.name[1] = (uint8_t)i;
            assert_int_equal(keyring_add(&in.ring, &key), ERR_OK);
        }
        assert_int_equal(wire_encode_record(&in, &buf), ERR_OK);
        const enum err rc = wire_decode_record(bytes_of(&buf), &out, &why);
        assert_int_equal(rc, count > CHECK_ENTRIES_MAX ? ERR_INVALID : ERR_OK);
        if (rc == ERR_OK) {
            sample_assert_same_ring(&in.ring, &out.ring);
            wire_record_fini(&out);
        } else {
            assert_non_null(strstr(why.text, "257"));
        }
        wire_record_fini(&in);
        secret_buf_fini(&buf);
    }
}

static void a_snapshot_needs_its_policy_moment_and_ring(void **unused)
{
    static const uint8_t digest[DIGEST_LEN];
    static const char ring[] = "\x0a\x03web";
    (void)unused;
    for (unsigned int without = 0; without <= 4; without++) {
        struct piece snapshot, reply;
        struct wire_snapshot out = {0};
        struct errbuf why = {""};
        begin(&snapshot);
        begin(&reply);
        for (unsigned int number = 1; number <= 4; number++) {
            const bool is_digest = number == 2;
            const bool is_ring = number == 1;
            if (number != without) {
                put(&snapshot, number, is_digest ? (const void *)digest : (const void *)ring,
                    is_digest ? sizeof(digest)
                    : is_ring ? sizeof(ring) - 1
                              : 0);
            }
        }
        put(&reply, 1, snapshot.bytes, snapshot.w.len);
        const struct slice in = {reply.bytes, reply.w.len};
        assert_int_equal(wire_decode_get_keyring_reply(in, &out, &why),
                         without == 0 ? ERR_OK : ERR_INVALID);
        wire_snapshot_fini(&out);
    }
}

static void a_policy_with_absurd_durations_is_refused(void **unused)
{
    static const struct {
        int64_t sync_interval_ms;
        enum err want;
    } rows[] = {{0, ERR_OK},
                {-1, ERR_INVALID},
                {INT64_C(1000000000000), ERR_OK},
                {INT64_C(1000000000001), ERR_INVALID},
                {INT64_MAX, ERR_INVALID}};
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct secret_buf buf = {0};
        struct wire_snapshot in = sample_snapshot();
        struct wire_snapshot out = {0};
        in.policy.sync_interval_ms = rows[i].sync_interval_ms;
        assert_int_equal(wire_encode_get_keyring_reply(&in, &buf), ERR_OK);
        assert_int_equal(wire_decode_get_keyring_reply(bytes_of(&buf), &out, NULL), rows[i].want);
        wire_snapshot_fini(&in);
        wire_snapshot_fini(&out);
        secret_buf_fini(&buf);
    }
}

static void labels_fit_or_are_refused(void **unused)
{
    char name[WIRE_LABEL_MAX + 2];
    (void)unused;
    memset(name, 'x', sizeof(name));
    for (size_t len = WIRE_LABEL_MAX; len <= WIRE_LABEL_MAX + 1; len++) {
        struct piece p;
        struct wire_get_keyring out;
        begin(&p);
        put(&p, 1, "web", 3);
        put(&p, 2, name, len);
        assert_int_equal(wire_decode_get_keyring((struct slice){p.bytes, p.w.len}, &out, NULL),
                         len == WIRE_LABEL_MAX ? ERR_OK : ERR_INVALID);
    }
    struct piece p;
    struct wire_get_keyring out = {.realm = "untouched"};
    begin(&p);
    put(&p, 1, "web", 3);
    put(&p, 2, "fe\n17", 5);
    assert_int_equal(wire_decode_get_keyring((struct slice){p.bytes, p.w.len}, &out, NULL),
                     ERR_INVALID);
    assert_string_equal(out.realm, "untouched");
}

static void a_record_of_another_format_is_refused_by_number(void **unused)
{
    struct secret_buf buf = {0};
    struct wire_record out;
    struct errbuf why = {""};
    (void)unused;
    for (size_t k = 0; k < sample_kind_count; k++) {
        if (strcmp(sample_kinds[k].name, "record") == 0) {
            assert_int_equal(sample_kinds[k].encode(&buf), ERR_OK);
        }
    }
    assert_int_equal(buf.at[0], 0x08);
    buf.at[1] = 2;
    assert_int_equal(wire_decode_record(bytes_of(&buf), &out, &why), ERR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "format 2"));
    buf.at[1] = 0;
    assert_int_equal(wire_decode_record(bytes_of(&buf), &out, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "format 0"));
    secret_buf_fini(&buf);
}

/* A broken sentence must not take the status with it: status is what one asks when things break. */
static void a_status_survives_sentences_that_are_not_printable(void **unused)
{
    struct secret_buf buf = {0};
    struct wire_realm_status realm;
    struct wire_status in = sample_status(&realm, 1);
    struct wire_status out;
    (void)unused;
    memset(in.problems[0], 'x', WIRE_SENTENCE_MAX - 1);
    in.problems[0][WIRE_SENTENCE_MAX - 1] = '\xc3'; /* cut within a character */
    memcpy(realm.problem, "a\nb", 4);
    memcpy(in.store.last_error, "\x1b[2J", 5);
    assert_int_equal(wire_encode_status(&in, &buf), ERR_OK);
    assert_int_equal(wire_decode_status(bytes_of(&buf), &out, NULL), ERR_OK);
    assert_string_equal(out.realms[0].problem, "a?b");
    assert_string_equal(out.store.last_error, "?[2J");
    assert_int_equal(strlen(out.problems[0]), WIRE_SENTENCE_MAX);
    assert_int_equal(out.problems[0][WIRE_SENTENCE_MAX - 1], '?');
    wire_status_fini(&out);
    secret_buf_fini(&buf);
}

static void a_status_takes_1024_idle_realms_and_no_more(void **unused)
{
    struct wire_realm_status *realms = calloc(WIRE_REALMS_MAX + 1, sizeof(*realms));
    (void)unused;
    assert_non_null(realms);
    for (size_t count = WIRE_REALMS_MAX; count <= WIRE_REALMS_MAX + 1; count++) {
        struct secret_buf buf = {0};
        struct wire_status in = {.realms = realms, .realm_count = count};
        struct wire_status out;
        for (size_t i = 0; i < count; i++) {
            realms[i] = (struct wire_realm_status){.realm = "r"};
        }
        const enum err want = count > WIRE_REALMS_MAX ? ERR_LIMIT : ERR_OK;
        assert_int_equal(wire_encode_status(&in, &buf), want);
        if (want == ERR_OK) {
            assert_int_equal(wire_decode_status(bytes_of(&buf), &out, NULL), ERR_OK);
            assert_int_equal(out.realm_count, WIRE_REALMS_MAX);
            wire_status_fini(&out);
        }
        secret_buf_fini(&buf);
    }
    free(realms);
}

static void what_is_over_the_limit_does_not_encode(void **unused)
{
    struct wire_realm_status *realms = calloc(WIRE_REALMS_MAX, sizeof(*realms));
    struct secret_buf buf = {0};
    (void)unused;
    assert_non_null(realms);
    struct wire_status in = {.realms = realms, .realm_count = WIRE_REALMS_MAX};
    for (size_t i = 0; i < WIRE_REALMS_MAX; i++) {
        memset(realms[i].realm, 'r', REALM_NAME_MAX);
        memset(realms[i].problem, 'p', WIRE_SENTENCE_MAX);
    }
    assert_int_equal(secret_buf_append(&buf, "x", 1), ERR_OK);
    assert_int_equal(wire_encode_status(&in, &buf), ERR_LIMIT);
    assert_int_equal(buf.len, 1);
    secret_buf_fini(&buf);
    free(realms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_the_right_lengths_or_the_ring_is_refused),
        cmocka_unit_test(keys_come_out_sorted_and_never_twice),
        cmocka_unit_test(a_ring_without_a_plain_realm_name_is_refused),
        cmocka_unit_test(a_ring_may_have_256_keys_and_no_more),
        cmocka_unit_test(a_snapshot_needs_its_policy_moment_and_ring),
        cmocka_unit_test(a_policy_with_absurd_durations_is_refused),
        cmocka_unit_test(labels_fit_or_are_refused),
        cmocka_unit_test(a_record_of_another_format_is_refused_by_number),
        cmocka_unit_test(a_status_survives_sentences_that_are_not_printable),
        cmocka_unit_test(a_status_takes_1024_idle_realms_and_no_more),
        cmocka_unit_test(what_is_over_the_limit_does_not_encode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
