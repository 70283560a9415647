/* SPDX-License-Identifier: Apache-2.0 */
/* Rekey over a toy sealing: 8 bytes of id, 8 of revision, then the record in clear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "rotate/rotator.h"
#include "support/fake_store.h"
#include "support/fake_time.h"

#define REALM   "web"
#define SYNC_MS INT64_C(4000)
#define HEAD    16

struct toy {
    struct sealing sealing;
    uint8_t first; /* the id's every byte */
};

static enum err toy_seal(void *ctx, const struct sealing_place *place, uint64_t revision,
                         struct slice record, struct secret_buf *out)
{
    const struct toy *toy = ctx;
    struct writer w;

    (void)place;
    enum err rc = secret_buf_reserve(out, HEAD + record.len);
    if (rc == ERR_OK) {
        writer_init(&w, out->at + out->len, HEAD + record.len);
        for (int i = 0; i < SEALING_KEY_ID_LEN; i++) {
            writer_u8(&w, toy->first);
        }
        writer_u64be(&w, revision);
        writer_bytes(&w, record.at, record.len);
        out->len += HEAD + record.len;
    }
    return rc;
}

static enum err toy_open(void *ctx, const struct sealing_place *place, struct slice sealed,
                         struct secret_buf *out, uint64_t *out_revision, struct errbuf *why)
{
    (void)ctx;
    (void)place;
    (void)why;
    assert_true(sealed.len > HEAD);
    enum err rc = secret_buf_reserve(out, sealed.len - HEAD);
    if (rc == ERR_OK) {
        memcpy(out->at + out->len, sealed.at + HEAD, sealed.len - HEAD);
        out->len += sealed.len - HEAD;
        *out_revision = 0;
        for (int i = SEALING_KEY_ID_LEN; i < HEAD; i++) {
            *out_revision = *out_revision << 8 | sealed.at[i];
        }
    }
    return rc;
}

static bool toy_sealed_by(void *ctx, struct slice sealed, uint8_t out_id[SEALING_KEY_ID_LEN])
{
    (void)ctx;
    memcpy(out_id, sealed.at, SEALING_KEY_ID_LEN);
    return true;
}

static void toy_seals_by(void *ctx, uint8_t out_id[SEALING_KEY_ID_LEN])
{
    const struct toy *toy = ctx;

    memset(out_id, toy->first, SEALING_KEY_ID_LEN);
}

struct bench {
    struct fake_time *time;
    struct fake_random random;
    struct fake_store *place;
    struct fake_link *link;
    struct toy toy;
    struct replica *replica;
    struct rotator *rotator;
};

struct answer {
    unsigned int calls;
    enum err code;
    struct errbuf why;
    bool changed;
};

static void on_done(void *ctx, enum err code, const char *why, const struct change_result *result)
{
    struct answer *answer = ctx;

    answer->calls++;
    answer->code = code;
    errbuf_set(&answer->why, "%s", why);
    answer->changed = result != NULL && result->changed;
}

static void open_bench(struct bench *bench, bool is_sealed)
{
    *bench = (struct bench){.time = fake_time_new()};
    bench->toy = (struct toy){
        .sealing = {toy_seal, toy_open, toy_sealed_by, toy_seals_by, &bench->toy}, .first = 0xA1};
    fake_random_init(&bench->random, 3);
    bench->place = fake_store_new(bench->time, &bench->random);
    bench->link = fake_store_connect(bench->place, 1000);
    struct policy policy = policy_default(3600000);
    policy.sync_interval_ms = SYNC_MS;
    const struct replica_options replica = {
        .realm = REALM,
        .policy = policy,
        .store = fake_link_store(bench->link),
        .sealing = is_sealed ? &bench->toy.sealing : NULL,
        .clock = fake_time_clock(bench->time),
        .timers = fake_time_timers(bench->time),
        .random = &bench->random.source,
    };
    assert_int_equal(replica_new(&replica, &bench->replica), ERR_OK);
    const struct rotator_options rotator = {
        .replica = bench->replica,
        .store = replica.store,
        .sealing = replica.sealing,
        .clock = replica.clock,
        .timers = replica.timers,
        .random = replica.random,
        .writer = "daemon-1",
    };
    assert_int_equal(rotator_new(&rotator, &bench->rotator), ERR_OK);
    replica_start(bench->replica);
    fake_time_run(bench->time, 3 * SYNC_MS);
}

static void close_bench(struct bench *bench)
{
    rotator_free(bench->rotator);
    replica_free(bench->replica);
    store_close(fake_link_store(bench->link));
    fake_store_free(bench->place);
    fake_time_free(bench->time);
}

static struct answer rekey(struct bench *bench)
{
    struct answer answer = {0};

    rotator_rekey(bench->rotator, on_done, &answer);
    fake_time_run(bench->time, ROTATOR_ACT_TIMEOUT_MS);
    assert_int_equal(answer.calls, 1);
    return answer;
}

static uint8_t sealed_by(const struct bench *bench)
{
    return fake_store_record(bench->place).at[0];
}

static void the_record_is_sealed_anew_once_and_no_key_changes(void **unused)
{
    struct bench bench;
    uint8_t digest[DIGEST_LEN];

    (void)unused;
    open_bench(&bench, true);
    assert_int_equal(sealed_by(&bench), 0xA1);
    assert_int_equal(replica_last_stored(bench.replica)->sealed_by[0], 0xA1);
    assert_false(rekey(&bench).changed);

    bench.toy.first = 0xB2;
    memcpy(digest, replica_digest(bench.replica), DIGEST_LEN);
    const uint64_t puts = rotator_get_stats(bench.rotator)->puts;
    struct answer answer = rekey(&bench);
    assert_int_equal(answer.code, ERR_OK);
    assert_true(answer.changed);
    assert_int_equal(sealed_by(&bench), 0xB2);
    assert_int_equal(replica_last_stored(bench.replica)->sealed_by[0], 0xB2);
    assert_memory_equal(replica_digest(bench.replica), digest, DIGEST_LEN);
    assert_int_equal(rotator_get_stats(bench.rotator)->puts, puts + 1);

    answer = rekey(&bench);
    assert_int_equal(answer.code, ERR_OK);
    assert_false(answer.changed);
    assert_int_equal(rotator_get_stats(bench.rotator)->puts, puts + 1);
    close_bench(&bench);
}

static void a_put_whose_answer_was_lost_counts(void **unused)
{
    struct bench bench;
    struct answer answer = {0};

    (void)unused;
    open_bench(&bench, true);
    bench.toy.first = 0xB2;
    fake_link_faults(bench.link)->lose_reply_percent = 100;
    rotator_rekey(bench.rotator, on_done, &answer);
    fake_time_run(bench.time, 500);
    assert_int_equal(sealed_by(&bench), 0xB2);
    assert_int_equal(answer.calls, 0);
    fake_link_faults(bench.link)->lose_reply_percent = 0;
    fake_time_run(bench.time, 2 * SYNC_MS);
    assert_int_equal(answer.calls, 1);
    assert_int_equal(answer.code, ERR_OK);
    assert_true(answer.changed);
    close_bench(&bench);
}

static void what_is_not_sealed_or_not_there_is_refused_in_words(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, false);
    struct answer answer = rekey(&bench);
    assert_int_equal(answer.code, ERR_REFUSED);
    assert_non_null(strstr(answer.why.text, "not sealed"));
    close_bench(&bench);

    open_bench(&bench, true);
    fake_link_faults(bench.link)->is_cut = true;
    fake_time_run(bench.time, SYNC_MS);
    answer = rekey(&bench);
    assert_int_equal(answer.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(answer.why.text, "cannot read the store"));
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_is_sealed_anew_once_and_no_key_changes),
        cmocka_unit_test(a_put_whose_answer_was_lost_counts),
        cmocka_unit_test(what_is_not_sealed_or_not_there_is_refused_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
