/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_file.h"

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

#include "support/fake_time.h"
#include "support/store_contract.h"

struct env {
    struct fake_time *time;
    char folder[64];
};

static struct env *make_env(void)
{
    struct env *env = calloc(1, sizeof(*env));

    assert_non_null(env);
    env->time = fake_time_new();
    (void)snprintf(env->folder, sizeof(env->folder), "/tmp/stek-file-XXXXXX");
    assert_non_null(mkdtemp(env->folder));
    return env;
}

static struct store *open_store(struct env *env)
{
    struct store *store = NULL;
    struct errbuf why = {""};
    const struct store_file_options options = {.folder = env->folder,
                                               .clock = fake_time_clock(env->time),
                                               .timers = fake_time_timers(env->time)};

    assert_int_equal(store_file_new(&options, &store, &why), ERR_OK);
    return store;
}

static char *path_of(const struct env *env, const char *name, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", env->folder, name);
    return path;
}

static void free_env(struct env *env)
{
    static const char *const names[] = {".lock", "web.record", "web.tmp"};
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(path_of(env, names[i], path));
    }
    assert_int_equal(rmdir(env->folder), 0); /* nothing else was left */
    fake_time_free(env->time);
    free(env);
}

/* --- what only this store promises --- */

struct outcome {
    unsigned int calls;
    enum err code;
    bool present;
    struct store_version version;
    size_t len;
    char why[400];
    struct store_op op;
};

static void on_done(void *ctx, const struct store_result *result)
{
    struct outcome *outcome = ctx;

    outcome->calls++;
    outcome->code = result->code;
    outcome->present = result->present;
    outcome->version = result->version;
    outcome->len = result->record.len;
    assert_int_equal(text_copy(outcome->why, sizeof(outcome->why), result->why), ERR_OK);
}

static struct outcome load(struct env *env, struct store *store)
{
    struct outcome outcome = {.op = {.done = on_done}};

    outcome.op.ctx = &outcome;
    store_load(store, &outcome.op, "web");
    fake_time_run(env->time, 0);
    assert_int_equal(outcome.calls, 1);
    return outcome;
}

static struct outcome put(struct env *env, struct store *store,
                          const struct store_version *expected, uint8_t next)
{
    struct outcome outcome = {.op = {.done = on_done}};
    const struct store_put_request request = {
        .realm = "web",
        .expected = expected,
        .next = {{next}},
        .record = {(const uint8_t *)"sealed", 6},
        .not_after_ms = INT64_MAX,
        .expires_at_ms = fake_time_wall(env->time) + 600000,
    };

    outcome.op.ctx = &outcome;
    store_put(store, &outcome.op, &request);
    fake_time_run(env->time, 0);
    assert_int_equal(outcome.calls, 1);
    return outcome;
}

static void a_record_outlives_the_daemon_in_a_file_of_ours_alone(void **unused)
{
    struct env *env = make_env();
    struct store *store = open_store(env);
    struct stat st;
    char path[128];

    (void)unused;
    assert_int_equal(put(env, store, NULL, 5).code, ERR_OK);
    store_close(store);
    assert_int_equal(stat(path_of(env, "web.record", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_not_equal(access(path_of(env, "web.tmp", path), F_OK), 0);
    store = open_store(env);
    struct outcome outcome = load(env, store);
    assert_true(outcome.present);
    assert_int_equal(outcome.version.bytes[0], 5);
    assert_int_equal(outcome.len, 6);
    store_close(store);
    free_env(env);
}

static void a_second_daemon_is_kept_out_while_the_first_lives(void **unused)
{
    struct env *env = make_env();
    struct store *first = open_store(env);
    struct store *second = NULL;
    struct errbuf why = {""};
    const struct store_file_options options = {.folder = env->folder,
                                               .clock = fake_time_clock(env->time),
                                               .timers = fake_time_timers(env->time)};

    (void)unused;
    assert_int_equal(store_file_new(&options, &second, &why), ERR_REFUSED);
    assert_non_null(strstr(why.text, "another stekd"));
    store_close(first);
    assert_int_equal(store_file_new(&options, &second, &why), ERR_OK);
    store_close(second);
    free_env(env);
}

static void an_unfit_folder_is_refused(void **unused)
{
    struct env *env = make_env();
    struct store *store = NULL;
    struct errbuf why = {""};
    struct store_file_options options = {.folder = env->folder,
                                         .clock = fake_time_clock(env->time),
                                         .timers = fake_time_timers(env->time)};

    (void)unused;
    assert_int_equal(chmod(env->folder, 0770), 0);
    assert_int_equal(store_file_new(&options, &store, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, env->folder));
    assert_int_equal(chmod(env->folder, 0700), 0);
    options.folder = "/nonexistent/folder";
    assert_int_equal(store_file_new(&options, &store, &why), ERR_IO);
    assert_non_null(strstr(why.text, "/nonexistent/folder"));
    free_env(env);
}

static void a_torn_file_is_a_record_that_can_be_replaced(void **unused)
{
    static const size_t lengths[] = {0, 1, 15, 16, 23, 24, 30, 262144 + 24, 262144 + 25, 300000};
    char path[128];

    (void)unused;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct env *env = make_env();
        struct store *store = open_store(env);
        uint8_t *bytes = malloc(lengths[i] + 1);
        assert_non_null(bytes);
        memset(bytes, 0x77, lengths[i] + 1);
        FILE *f = fopen(path_of(env, "web.record", path), "we");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, lengths[i], f), lengths[i]);
        assert_int_equal(fclose(f), 0);
        struct outcome outcome = load(env, store);
        assert_int_equal(outcome.code, ERR_OK);
        assert_true(outcome.present);
        assert_int_equal(put(env, store, NULL, 9).code, ERR_CONFLICT);
        assert_int_equal(put(env, store, &outcome.version, 9).code, ERR_OK);
        assert_int_equal(load(env, store).version.bytes[0], 9);
        store_close(store);
        free(bytes);
        free_env(env);
    }
}

static void what_a_crash_left_behind_does_no_harm(void **unused)
{
    struct env *env = make_env();
    struct store *store = open_store(env);
    struct stat st;
    char path[128];

    (void)unused;
    FILE *f = fopen(path_of(env, "web.tmp", path), "we");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_false(load(env, store).present);
    assert_int_equal(put(env, store, NULL, 5).code, ERR_OK);
    assert_int_equal(stat(path_of(env, "web.record", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    store_close(store);
    free_env(env);
}

static void a_place_that_cannot_be_written_is_named(void **unused)
{
    struct env *env = make_env();
    struct store *store = open_store(env);
    struct errbuf place;
    char path[128];

    (void)unused;
    /* A folder where the file should be: root cannot write that either. */
    assert_int_equal(mkdir(path_of(env, "web.record", path), 0700), 0);
    struct outcome outcome = put(env, store, NULL, 5);
    assert_int_equal(outcome.code, ERR_IO);
    assert_non_null(strstr(outcome.why, path));
    store_place(store, "web", &place);
    assert_non_null(strstr(place.text, path));
    assert_int_equal(rmdir(path), 0);
    store_close(store);
    free_env(env);
}

/* --- the contract --- */

static void *set_up(struct store **out_store)
{
    struct env *env = make_env();

    *out_store = open_store(env);
    return env;
}

static void settle(void *env)
{
    fake_time_run(((struct env *)env)->time, 0);
}

static void pass(void *env, int64_t ms)
{
    fake_time_run(((struct env *)env)->time, ms);
}

static int64_t store_time(void *env)
{
    return fake_time_wall(((struct env *)env)->time);
}

static void tear_down(void *env)
{
    free_env(env);
}

int main(void)
{
    const struct store_contract file = {
        .name = "file",
        .set_up = set_up,
        .settle = settle,
        .pass = pass,
        .store_time = store_time,
        .tear_down = tear_down,
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_outlives_the_daemon_in_a_file_of_ours_alone),
        cmocka_unit_test(a_second_daemon_is_kept_out_while_the_first_lives),
        cmocka_unit_test(an_unfit_folder_is_refused),
        cmocka_unit_test(a_torn_file_is_a_record_that_can_be_replaced),
        cmocka_unit_test(what_a_crash_left_behind_does_no_harm),
        cmocka_unit_test(a_place_that_cannot_be_written_is_named),
    };

    return store_contract_run(&file) + cmocka_run_group_tests(tests, NULL, NULL);
}
