/* SPDX-License-Identifier: Apache-2.0 */
/* Chatter that moves no call on, and generated requests of every method: what is refused is
 * answered, and counted as it was answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serve/router.h"
#include "support/mutate.h"
#include "unit/wire/h2_raw.h"
#include "unit/wire/samples.h"
#include "wire/methods.h"
#include "world.h"

/* ---- chatter ---- */

static void ignore_output(void *ctx)
{
    (void)ctx;
}

static struct call_set *calls_of(struct world *world, const struct peer *peer)
{
    const struct call_set_options options = {
        .services = &world->services, .peer = peer, .on_output = ignore_output};
    struct call_set *calls = NULL;

    assert_int_equal(call_set_new(&options, &calls), ERR_OK);
    return calls;
}

static enum err feed(struct call_set *calls, struct secret_buf *in)
{
    struct errbuf why = {""};
    struct slice bytes;

    const enum err rc = call_set_feed(calls, (struct slice){in->at, in->len}, &why);
    secret_buf_consume(in, in->len);
    do {
        assert_int_equal(call_set_drain(calls, &bytes, &why), ERR_OK);
    } while (bytes.len > 0);
    return rc;
}

static void put_pings(struct secret_buf *in, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        h2_raw_frame(in, RAW_PING, 0, 0, "12345678", 8);
    }
}

static const struct peer nobody = {.uid = UID_NOBODY, .gid = UID_NOBODY, .pid = 1};

static void chatter_has_a_budget(void **unused)
{
    struct world *world = world_new();
    struct call_set *calls = calls_of(world, &nobody);
    struct secret_buf in = {0};

    (void)unused;
    h2_raw_hello(&in, H2_CLIENT);
    put_pings(&in, 900);
    assert_int_equal(feed(calls, &in), ERR_OK);
    /* A hundred a second may go on for ever. */
    for (int second = 0; second < 600; second++) {
        fake_time_run(world->time, 1000);
        put_pings(&in, 100);
        assert_int_equal(feed(calls, &in), ERR_OK);
    }
    assert_int_equal(world->stats.refusals[H2_REFUSED_FLOOD], 0);
    put_pings(&in, 200);
    assert_int_equal(feed(calls, &in), ERR_PROTOCOL);
    assert_int_equal(world->stats.refusals[H2_REFUSED_FLOOD], 1);
    secret_buf_fini(&in);
    call_set_free(calls);
    world_free(world);
}

/* Some clients send a PING or a WINDOW_UPDATE or two with each call, as fast as calls go. */
static void frames_that_go_with_calls_cost_nothing(void **unused)
{
    struct world *world = world_new();
    struct call_set *calls = calls_of(world, &nobody);
    struct secret_buf in = {0};

    (void)unused;
    h2_raw_hello(&in, H2_CLIENT);
    for (uint32_t stream = 1; stream < 2001; stream += 2) {
        h2_raw_headers(&in, stream, 0,
                       ":method: POST\n:scheme: http\n:path: " METHOD_HEALTH_CHECK
                       "\n:authority: h\ncontent-type: application/grpc\n");
        h2_raw_frame(&in, RAW_DATA, RAW_END_STREAM, stream, "\0\0\0\0\0", 5);
        put_pings(&in, 4);
        assert_int_equal(feed(calls, &in), ERR_OK);
    }
    assert_int_equal(world->stats.calls, 1000);
    secret_buf_fini(&in);
    call_set_free(calls);
    world_free(world);
}

/* ---- generated requests ---- */

#define CASES_EACH 300

static const struct {
    const char *path;
    const char *sample;
    uint32_t uid;
} requests[] = {
    {METHOD_GET_KEYRING, "get", UID_WEB_READER},
    {METHOD_WATCH_KEYRING, "open", UID_WEB_READER},
    {METHOD_LIST_KEYS, "list keys", UID_TOP},
    {METHOD_LIST_FRONTENDS, "list frontends", UID_TOP},
    {METHOD_ROTATE, "rotate", UID_TOP},
    {METHOD_REVOKE, "revoke", UID_TOP},
    {METHOD_REKEY, "rekey", UID_TOP},
    {METHOD_HEALTH_CHECK, "health check", UID_NOBODY},
};

static const struct sample_kind *find_sample(const char *name)
{
    for (size_t i = 0; i < sample_kind_count; i++) {
        if (strcmp(sample_kinds[i].name, name) == 0) {
            return &sample_kinds[i];
        }
    }
    fail_msg("no sample \"%s\"", name);
    return NULL;
}

/* How a call with these bytes ends; one that is still open is given up, which is CANCELLED. */
static enum grpc_status try_request(struct world *world, size_t row, const uint8_t *bytes,
                                    size_t len)
{
    struct client client = {0};
    struct secret_buf message = {0};

    client_init(&client, world, requests[row].uid);
    assert_int_equal(secret_buf_append(&message, bytes, len), ERR_OK);
    const struct seen *seen = client_ask(&client, requests[row].path, ERR_OK, &message);
    client_run(&client, 0);
    const enum grpc_status status = seen->is_closed ? seen->status : GRPC_CANCELLED;
    client_fini(&client);
    return status;
}

static void every_answer_to_a_generated_request_is_counted(void **unused)
{
    struct mutate m;

    (void)unused;
    mutate_seed(&m, MUTATE_SEED);
    for (size_t row = 0; row < sizeof(requests) / sizeof(requests[0]); row++) {
        struct world *world = world_new();
        struct secret_buf valid = {0};
        uint64_t seen[SERVE_STATUSES] = {0};
        world_start(world);
        assert_int_equal(find_sample(requests[row].sample)->encode(&valid), ERR_OK);
        for (size_t i = 0; i < CASES_EACH; i++) {
            uint8_t bytes[2048];
            const size_t len =
                mutate_bytes(&m, (struct slice){valid.at, valid.len}, bytes, sizeof(bytes));
            seen[try_request(world, row, bytes, len)]++;
        }
        const uint64_t *counted =
            world->stats.calls_ended[router_index_of(router_find(requests[row].path))];
        for (size_t status = 0; status < SERVE_STATUSES; status++) {
            assert_int_equal(counted[status], seen[status]);
        }
        print_message("seed %llu: %-40s %d requests, %llu refused as malformed\n",
                      (unsigned long long)MUTATE_SEED, requests[row].path, CASES_EACH,
                      (unsigned long long)seen[GRPC_INVALID_ARGUMENT]);
        assert_true(seen[GRPC_INVALID_ARGUMENT] > CASES_EACH / 10);
        secret_buf_fini(&valid);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chatter_has_a_budget),
        cmocka_unit_test(frames_that_go_with_calls_cost_nothing),
        cmocka_unit_test(every_answer_to_a_generated_request_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
