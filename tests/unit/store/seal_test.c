/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "keyring/schedule.h"
#include "store/vault.h"
#include "support/fake_store.h"
#include "support/fake_time.h"

#define KEK_COUNT 3

static const char text[] = "attack at dawn, with the keys of the realm";

struct bench {
    char folder[64];
    char paths[KEK_COUNT][96];
    struct fake_random random;
    struct seal *seal;
};

static struct seal *make_seal(struct bench *bench, const char *deployment, size_t first,
                              size_t count)
{
    const char *keks[KEK_COUNT];
    struct seal *seal = NULL;
    struct errbuf why = {""};

    for (size_t i = 0; i < count; i++) {
        keks[i] = bench->paths[(first + i) % KEK_COUNT];
    }
    const struct seal_options options = {.deployment = deployment,
                                         .keks = keks,
                                         .kek_count = count,
                                         .random = &bench->random.source};
    assert_int_equal(seal_new(&options, &seal, &why), ERR_OK);
    return seal;
}

static void open_bench(struct bench *bench)
{
    *bench = (struct bench){.folder = "/tmp/stek-seal-XXXXXX"};
    fake_random_init(&bench->random, 5);
    assert_non_null(mkdtemp(bench->folder));
    for (size_t i = 0; i < KEK_COUNT; i++) {
        uint8_t bytes[KEK_LEN];
        assert_int_equal(random_fill(&bench->random.source, bytes, sizeof(bytes)), ERR_OK);
        (void)snprintf(bench->paths[i], sizeof(bench->paths[i]), "%s/%zu", bench->folder, i);
        FILE *f = fopen(bench->paths[i], "we");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, sizeof(bytes), f), sizeof(bytes));
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(bench->paths[i], 0400), 0);
    }
    bench->seal = make_seal(bench, "test", 0, 1);
}

static void close_bench(struct bench *bench)
{
    seal_free(bench->seal);
    for (size_t i = 0; i < KEK_COUNT; i++) {
        assert_int_equal(unlink(bench->paths[i]), 0);
    }
    assert_int_equal(rmdir(bench->folder), 0);
}

static const struct sealing_place here = {.realm = "web", .version = {{1, 2, 3}}};

static struct secret_buf seal_text(struct seal *seal, uint64_t revision)
{
    const struct sealing *sealing = seal_sealing(seal);
    struct secret_buf out = {0};

    assert_int_equal(sealing->seal(sealing->ctx, &here, revision,
                                   (struct slice){(const uint8_t *)text, sizeof(text)}, &out),
                     ERR_OK);
    assert_int_equal(out.len, sizeof(text) + SEAL_OVERHEAD);
    return out;
}

static enum err open_at(struct seal *seal, const struct sealing_place *place, struct slice sealed,
                        struct errbuf *why)
{
    const struct sealing *sealing = seal_sealing(seal);
    struct secret_buf out = {0};
    uint64_t revision = 0;

    enum err rc = sealing->open(sealing->ctx, place, sealed, &out, &revision, why);
    if (rc == ERR_OK) {
        assert_int_equal(out.len, sizeof(text));
        assert_memory_equal(out.at, text, sizeof(text));
        assert_int_equal(revision, 7);
    } else {
        assert_int_equal(out.len, 0);
    }
    secret_buf_fini(&out);
    return rc;
}

static void what_was_sealed_opens_and_shows_nothing(void **unused)
{
    struct bench bench;
    struct errbuf why = {""};

    (void)unused;
    open_bench(&bench);
    struct secret_buf sealed = seal_text(bench.seal, 7);
    assert_null(memmem(sealed.at, sealed.len, "attack", 6));
    assert_int_equal(open_at(bench.seal, &here, (struct slice){sealed.at, sealed.len}, &why),
                     ERR_OK);
    struct secret_buf again = seal_text(bench.seal, 7);
    assert_memory_not_equal(sealed.at + SEAL_OVERHEAD - 16, again.at + SEAL_OVERHEAD - 16,
                            sizeof(text));
    secret_buf_fini(&sealed);
    secret_buf_fini(&again);
    close_bench(&bench);
}

static void every_flipped_byte_is_refused(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct secret_buf sealed = seal_text(bench.seal, 7);
    for (size_t i = 0; i < sealed.len; i++) {
        for (unsigned int bit = 0; bit < 8; bit++) {
            struct errbuf why = {""};
            sealed.at[i] ^= (uint8_t)(1u << bit);
            enum err rc = open_at(bench.seal, &here, (struct slice){sealed.at, sealed.len}, &why);
            /* Bytes 4 to 12 say which format and which KEK. */
            assert_int_equal(rc, i >= 4 && i < 13 ? ERR_UNSUPPORTED : ERR_INVALID);
            assert_string_not_equal(why.text, "");
            sealed.at[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_int_equal(seal_get_stats(bench.seal)->unknown_kek, 9 * 8);
    assert_int_equal(seal_get_stats(bench.seal)->refused, (sealed.len - 9) * 8);
    secret_buf_fini(&sealed);
    close_bench(&bench);
}

static void every_shorter_or_longer_record_is_refused(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct secret_buf sealed = seal_text(bench.seal, 7);
    assert_int_equal(secret_buf_append(&sealed, "x", 1), ERR_OK);
    for (size_t len = 0; len <= sealed.len; len++) {
        struct errbuf why = {""};
        enum err want = len == sealed.len - 1 ? ERR_OK : ERR_INVALID;
        /* On the heap and no longer than said, so that the sanitizer sees a read past its end. */
        uint8_t *copy = malloc(len + (len == 0));
        assert_non_null(copy);
        memcpy(copy, sealed.at, len);
        assert_int_equal(open_at(bench.seal, &here, (struct slice){copy, len}, &why), want);
        free(copy);
    }
    secret_buf_fini(&sealed);
    close_bench(&bench);
}

static void a_record_opens_only_where_it_belongs(void **unused)
{
    static const struct {
        const char *deployment;
        struct sealing_place place;
        enum err want;
    } rows[] = {
        {"test", {"web", {{1, 2, 3}}}, ERR_OK},
        {"test", {"mail", {{1, 2, 3}}}, ERR_INVALID},
        {"test", {"we", {{1, 2, 3}}}, ERR_INVALID},
        {"test", {"web", {{1, 2, 4}}}, ERR_INVALID},
        {"other", {"web", {{1, 2, 3}}}, ERR_INVALID},
        {"testw", {"eb", {{1, 2, 3}}}, ERR_INVALID}, /* the parts do not run together */
    };
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct secret_buf sealed = seal_text(bench.seal, 7);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errbuf why = {""};
        struct seal *seal = make_seal(&bench, rows[i].deployment, 0, 1);
        assert_int_equal(open_at(seal, &rows[i].place, (struct slice){sealed.at, sealed.len}, &why),
                         rows[i].want);
        seal_free(seal);
    }
    secret_buf_fini(&sealed);
    close_bench(&bench);
}

static void the_first_kek_seals_and_all_open(void **unused)
{
    struct bench bench;
    struct errbuf why = {""};
    char id[2 * KEK_ID_LEN + 1];

    (void)unused;
    open_bench(&bench);
    struct seal *both = make_seal(&bench, "test", 1, 3); /* 1, 2, 0 */
    struct secret_buf old = seal_text(bench.seal, 7);
    struct secret_buf new = seal_text(both, 7);
    assert_int_equal(open_at(both, &here, (struct slice){old.at, old.len}, &why), ERR_OK);
    assert_int_equal(open_at(both, &here, (struct slice){new.at, new.len}, &why), ERR_OK);
    assert_int_equal(open_at(bench.seal, &here, (struct slice){new.at, new.len}, &why),
                     ERR_UNSUPPORTED);
    text_hex_encode(seal_kek_id(both), KEK_ID_LEN, id);
    assert_non_null(strstr(why.text, id));
    secret_buf_fini(&old);
    secret_buf_fini(&new);
    seal_free(both);
    close_bench(&bench);
}

static void keys_can_be_exchanged_while_the_sealing_stays(void **unused)
{
    struct bench bench;
    struct errbuf why = {""};

    (void)unused;
    open_bench(&bench);
    struct seal *other = make_seal(&bench, "test", 1, 2);
    struct secret_buf by_first = seal_text(bench.seal, 7);
    struct secret_buf by_second = seal_text(other, 7);
    const struct slice first = {by_first.at, by_first.len};
    const struct slice second = {by_second.at, by_second.len};
    const struct sealing *sealing = seal_sealing(bench.seal);
    assert_int_equal(open_at(bench.seal, &here, second, &why), ERR_UNSUPPORTED);
    seal_swap_keys(bench.seal, other);
    assert_ptr_equal(seal_sealing(bench.seal), sealing);
    assert_int_equal(open_at(bench.seal, &here, second, &why), ERR_OK);
    assert_int_equal(open_at(bench.seal, &here, first, &why), ERR_UNSUPPORTED);
    assert_int_equal(open_at(other, &here, first, &why), ERR_OK);
    seal_free(other);
    assert_int_equal(open_at(bench.seal, &here, second, &why), ERR_OK);
    secret_buf_fini(&by_first);
    secret_buf_fini(&by_second);
    close_bench(&bench);
}

static void unfit_options_are_refused(void **unused)
{
    struct bench bench;
    struct seal *seal = NULL;

    (void)unused;
    open_bench(&bench);
    const char *twice[] = {bench.paths[0], bench.paths[0]};
    const char *missing[] = {bench.paths[0], "/nonexistent"};
    const struct {
        const char *const *keks;
        size_t count;
        enum err want;
        const char *why;
    } rows[] = {
        {twice, 0, ERR_LIMIT, "1 to 8"},
        {twice, SEAL_KEKS_MAX + 1, ERR_LIMIT, "1 to 8"},
        {twice, 2, ERR_INVALID, "same key"},
        {missing, 2, ERR_IO, "/nonexistent"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errbuf why = {""};
        const struct seal_options options = {.deployment = "test",
                                             .keks = rows[i].keks,
                                             .kek_count = rows[i].count,
                                             .random = &bench.random.source};
        assert_int_equal(seal_new(&options, &seal, &why), rows[i].want);
        assert_non_null(strstr(why.text, rows[i].why));
        assert_null(seal);
    }
    close_bench(&bench);
}

static void without_randomness_nothing_is_sealed(void **unused)
{
    struct bench bench;
    struct secret_buf out = {0};

    (void)unused;
    open_bench(&bench);
    const struct sealing *sealing = seal_sealing(bench.seal);
    bench.random.is_broken = true;
    assert_int_equal(sealing->seal(sealing->ctx, &here, 1, (struct slice){NULL, 0}, &out),
                     ERR_CRYPTO);
    assert_int_equal(out.len, 0);
    secret_buf_fini(&out);
    close_bench(&bench);
}

/* --- through the vault --- */

struct seen {
    unsigned int calls;
    enum err unreadable;
    size_t keys;
    char why[400];
};

static void on_loaded(void *ctx, const struct vault_loaded *loaded)
{
    struct seen *seen = ctx;

    seen->calls++;
    seen->unreadable = loaded->unreadable;
    seen->keys = loaded->record == NULL ? 0 : loaded->record->ring.count;
    assert_int_equal(text_copy(seen->why, sizeof(seen->why), loaded->why), ERR_OK);
}

static void on_put(void *ctx, const struct store_result *result)
{
    *(enum err *)ctx = result->code;
}

static void the_vault_stores_sealed_bytes_only(void **unused)
{
    struct bench bench;
    struct fake_time *time = fake_time_new();
    struct policy policy = policy_default(3600000);
    struct keyring ring = {0};
    struct key *key = secret_alloc(sizeof(*key));
    enum err code = ERR_PROTOCOL;
    struct store_op op = {.done = on_put, .ctx = &code};
    struct store_version version;

    (void)unused;
    open_bench(&bench);
    struct fake_store *place = fake_store_new(time, &bench.random);
    struct store *store = fake_link_store(fake_store_connect(place, 1000));
    assert_int_equal(keyring_init(&ring, "web"), ERR_OK);
    assert_int_equal(schedule_birth(&ring, &policy, FAKE_TIME_START, FAKE_TIME_START + 60000,
                                    &bench.random.source, key),
                     ERR_OK);
    assert_int_equal(keyring_add(&ring, key), ERR_OK);
    const struct vault_putting putting = {.ring = &ring,
                                          .not_after_ms = INT64_MAX,
                                          .revision = 3,
                                          .policy = &policy,
                                          .writer = "d",
                                          .sealing = seal_sealing(bench.seal)};
    assert_int_equal(vault_put(store, &op, &putting, &bench.random.source, &version), ERR_OK);
    fake_time_run(time, 0);
    assert_int_equal(code, ERR_OK);

    struct seal *other = make_seal(&bench, "test", 1, 1);
    const struct {
        const struct sealing *sealing;
        enum err want;
    } rows[] = {
        {seal_sealing(bench.seal), ERR_OK},
        {seal_sealing(other), ERR_UNSUPPORTED},
        {NULL, ERR_INVALID}, /* so what the store has is no plain record */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct seen seen = {0};
        struct vault_load load = {.done = on_loaded, .ctx = &seen, .sealing = rows[i].sealing};
        vault_load(store, &load, "web", NULL);
        fake_time_run(time, 0);
        assert_int_equal(seen.calls, 1);
        assert_int_equal(seen.unreadable, rows[i].want);
        assert_int_equal(seen.keys, rows[i].want == ERR_OK ? 1 : 0);
    }
    seal_free(other);
    secret_free(key);
    keyring_fini(&ring);
    store_close(store);
    fake_store_free(place);
    fake_time_free(time);
    close_bench(&bench);
}

static void a_record_says_which_key_sealed_it(void **unused)
{
    struct bench bench;
    struct secret_buf sealed = {0};
    struct sealing_place place = {.realm = "web"};
    uint8_t by[SEALING_KEY_ID_LEN] = {0};
    uint8_t now[SEALING_KEY_ID_LEN] = {0};

    (void)unused;
    open_bench(&bench);
    const struct sealing *sealing = seal_sealing(bench.seal);
    assert_int_equal(sealing->seal(sealing->ctx, &place, 1,
                                   (struct slice){(const uint8_t *)text, sizeof(text)}, &sealed),
                     ERR_OK);
    assert_true(sealing->sealed_by(sealing->ctx, (struct slice){sealed.at, sealed.len}, by));
    assert_memory_equal(by, seal_kek_id(bench.seal), SEALING_KEY_ID_LEN);
    sealing->seals_by(sealing->ctx, now);
    assert_memory_equal(by, now, SEALING_KEY_ID_LEN);
    /* So it does to a daemon that was given another one. */
    struct seal *other = make_seal(&bench, "test", 1, 1);
    sealing = seal_sealing(other);
    memset(by, 0, sizeof(by));
    assert_true(sealing->sealed_by(sealing->ctx, (struct slice){sealed.at, sealed.len}, by));
    assert_memory_equal(by, now, SEALING_KEY_ID_LEN);
    sealing->seals_by(sealing->ctx, now);
    assert_memory_not_equal(by, now, SEALING_KEY_ID_LEN);
    for (size_t len = 0; len < 13; len++) {
        assert_false(sealing->sealed_by(sealing->ctx, (struct slice){sealed.at, len}, by));
    }
    seal_free(other);
    secret_buf_fini(&sealed);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_says_which_key_sealed_it),
        cmocka_unit_test(what_was_sealed_opens_and_shows_nothing),
        cmocka_unit_test(every_flipped_byte_is_refused),
        cmocka_unit_test(every_shorter_or_longer_record_is_refused),
        cmocka_unit_test(a_record_opens_only_where_it_belongs),
        cmocka_unit_test(the_first_kek_seals_and_all_open),
        cmocka_unit_test(keys_can_be_exchanged_while_the_sealing_stays),
        cmocka_unit_test(unfit_options_are_refused),
        cmocka_unit_test(without_randomness_nothing_is_sealed),
        cmocka_unit_test(the_vault_stores_sealed_bytes_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
