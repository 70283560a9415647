/* SPDX-License-Identifier: Apache-2.0 */
/* libstek with every call that may fail made to fail in turn: making and renewing a client, a whole
 * snapshot arriving, a call to a daemon. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stek/stek.h>

#include "src/pilot.h"
#include "src/unary.h"
#include "support/fake_daemon.h"
#include "support/fault_sweep.h"
#include "support/tls_bench.h"
#include "unit/keyring/fixture.h"

#define OURS                                                                                       \
    (FAULT_BIT(FAULT_MEMORY) | FAULT_BIT(FAULT_LOCKING) | FAULT_BIT(FAULT_RANDOM) |                \
     FAULT_BIT(FAULT_CRYPTO) | FAULT_BIT(FAULT_WRITE) | FAULT_BIT(FAULT_SYSTEM))

/* --- a client is made, renewed, and freed ---------------------------------------------------- */

static enum stek_status configure(struct stek_options *options, const struct tls_bench *bench)
{
    enum stek_status status = stek_options_add_endpoint(options, "unix:/run/stekd/stekd.sock");
    status = status == STEK_OK ? stek_options_add_endpoint(options, "127.0.0.1:7443") : status;
    status = status == STEK_OK ? stek_options_add_realm(options, "web") : status;
    status = status == STEK_OK ? stek_options_add_realm(options, "mail") : status;
    status = status == STEK_OK ? stek_options_set_name(options, "fe-17") : status;
    return status == STEK_OK
               ? stek_options_set_tls(options, bench->ca_path, bench->cert_path, bench->key_path)
               : status;
}

/* False: it was refused, and why is known. */
static bool make_client(struct stek_options *options, struct stek_client **client)
{
    faults_arm();
    const enum stek_status status = stek_client_new(options, client);
    faults_disarm();
    if (status != STEK_OK) {
        assert_null(*client);
        assert_true(faults_have_fired());
        assert_string_not_equal(stek_options_error(options), "");
    }
    return status == STEK_OK;
}

static void reload(struct stek_client *client, struct tls_bench *bench)
{
    struct cert cert = tls_bench_renew(bench, &bench->ca, time(NULL) + 86400);

    faults_arm();
    const enum stek_status status = stek_client_reload_tls(client);
    faults_disarm();
    assert_true(status == STEK_OK || faults_have_fired());
    /* Whatever came of it, the same files are taken, or were, when asked again: at the latest when
     * they are written again. */
    cert_fini(&cert);
    cert = tls_bench_renew(bench, &bench->ca, time(NULL) + 2 * 86400);
    assert_int_equal(stek_client_reload_tls(client), STEK_OK);
    cert_fini(&cert);
}

static void run_client(void *ctx)
{
    struct tls_bench *bench = ctx;
    struct stek_client *client = NULL;

    faults_arm();
    struct stek_options *options = stek_options_new();
    enum stek_status status = options != NULL ? configure(options, bench) : STEK_ERR_NOMEM;
    faults_disarm();
    assert_true(status == STEK_OK || (status == STEK_ERR_NOMEM && faults_have_fired()));
    if (status != STEK_OK) { /* what was set stays set: a retry takes up where it failed */
        stek_options_free(options);
        return;
    }
    if (!make_client(options, &client)) {
        assert_int_equal(stek_client_new(options, &client), STEK_OK);
    }
    stek_options_free(options);
    reload(client, bench);
    stek_client_free(client);
}

static void a_client_is_made_and_renewed_or_not_at_all(void **unused)
{
    struct tls_bench bench;
    const struct fault_scenario ours = {
        .name = "client made and renewed", .kinds = OURS, .run = run_client, .ctx = &bench};
    const struct fault_scenario openssl = {.name = "client made and renewed",
                                           .kinds = FAULT_BIT(FAULT_OPENSSL),
                                           .run = run_client,
                                           .ctx = &bench,
                                           .short_most = 150};

    (void)unused;
    tls_bench_init(&bench);
    assert_true(fault_sweep(&ours) >= 40);
    assert_true(fault_sweep(&openssl) >= 100);
    tls_bench_fini(&bench);
}

/* --- a snapshot arrives ---------------------------------------------------------------------- */

struct watch {
    int64_t boot;
    struct clock clock;
    struct policy policy;
    struct keyring ring;
    struct key key;
    struct ringmap *map;
    size_t context;
    struct fake_daemon daemon;
    struct endpoint endpoint;
    struct pilot *pilot;
};

static int64_t read_boot(void *ctx)
{
    return ((struct watch *)ctx)->boot;
}

static int64_t read_wall(void *ctx)
{
    return T0 + ((struct watch *)ctx)->boot;
}

static bool serves(const struct watch *watch)
{
    struct ringmap_reading reading;
    struct ringmap_key key;

    return ringmap_encrypting(watch->map, watch->context, watch->boot, &key, &reading) ==
               RINGMAP_FOUND &&
           memcmp(key.name, watch->key.name, KEY_NAME_LEN) == 0;
}

static void step(struct watch *watch)
{
    struct pollfd wait = {.fd = pilot_fd(watch->pilot), .events = pilot_wants(watch->pilot)};
    const bool is_ready = poll(&wait, 1, 0) > 0;

    faults_arm();
    pilot_step(watch->pilot, is_ready);
    faults_disarm();
    (void)fake_daemon_step(&watch->daemon);
    struct fake_daemon_watch *open = fake_daemon_find(&watch->daemon, "web");
    if (open != NULL && open->is_open && open->acks == 0) {
        const struct wire_moment now = {.server_time_ms = T0 + watch->boot,
                                        .as_of_ms = T0 + watch->boot};
        fake_daemon_send_snapshot(&watch->daemon, &watch->ring, &watch->policy, &now);
    }
}

/* Until the key encrypts and the daemon has been told; time passes as a client's back-off asks. */
static void follow(struct watch *watch)
{
    struct fake_daemon_watch *open = NULL;

    for (int i = 0; i < 3000 && !(serves(watch) && open != NULL && open->acks > 0); i++) {
        step(watch);
        watch->boot += 20;
        open = fake_daemon_find(&watch->daemon, "web");
    }
    assert_true(serves(watch));
    assert_true(open != NULL && open->acks > 0);
}

static void run_watch(void *ctx)
{
    static const char *const realms[] = {"web"};
    struct watch *watch = ctx;
    const struct pilot_config config = {.map = NULL,
                                        .clock = &watch->clock,
                                        .endpoints = &watch->endpoint,
                                        .endpoint_count = 1,
                                        .frontend = "fe-17",
                                        .seed = 1};
    struct pilot_config with_map = config;

    watch->boot = 100000;
    watch->map = NULL;
    watch->pilot = NULL;
    fake_daemon_start(&watch->daemon);
    assert_int_equal(endpoint_parse(watch->daemon.endpoint, &watch->endpoint, NULL), ERR_OK);
    faults_arm();
    enum err rc = ringmap_new(realms, 1, 1, &watch->map, NULL);
    faults_disarm();
    if (rc != ERR_OK) {
        assert_true(faults_have_fired() && watch->map == NULL);
        assert_int_equal(ringmap_new(realms, 1, 1, &watch->map, NULL), ERR_OK);
    }
    faults_arm();
    rc = ringmap_register(watch->map, 0, "", &watch->context);
    faults_disarm();
    if (rc != ERR_OK) {
        assert_true(faults_have_fired());
        assert_int_equal(ringmap_register(watch->map, 0, "", &watch->context), ERR_OK);
    }
    with_map.map = watch->map;
    faults_arm();
    rc = pilot_new(&with_map, &watch->pilot);
    faults_disarm();
    if (rc != ERR_OK) {
        assert_true(faults_have_fired() && watch->pilot == NULL);
        assert_int_equal(pilot_new(&with_map, &watch->pilot), ERR_OK);
    }
    follow(watch);
    pilot_free(watch->pilot);
    ringmap_free(watch->map);
    fake_daemon_stop(&watch->daemon);
}

static void a_snapshot_arrives_after_any_one_failure(void **unused)
{
    static struct watch watch;
    const struct fault_scenario scenario = {
        .name = "snapshot followed", .kinds = OURS, .run = run_watch, .ctx = &watch};
    const struct fault_scenario tiny = {.name = "snapshot followed, writes cut short",
                                        .kinds = FAULT_BIT(FAULT_WRITE),
                                        .run = run_watch,
                                        .ctx = &watch,
                                        .is_short = true,
                                        .goes_on = false};

    (void)unused;
    watch.clock = (struct clock){.wall_ms = read_wall, .boot_ms = read_boot, .ctx = &watch};
    watch.policy = policy_default(12 * HOUR);
    watch.ring = fixture_ring();
    watch.key = fixture_key(1, &watch.policy, T0 - HOUR - MINUTE, T0 - HOUR);
    fixture_add(&watch.ring, &watch.key);
    assert_true(fault_sweep(&scenario) >= 60);
    assert_true(fault_sweep(&tiny) >= 2);
    keyring_fini(&watch.ring);
}

/* --- a call to a daemon ---------------------------------------------------------------------- */

struct server {
    struct fake_daemon daemon;
    pthread_t thread;
    _Atomic bool stop;
};

static void *serve(void *arg)
{
    struct server *server = arg;

    while (!atomic_load(&server->stop)) {
        (void)fake_daemon_step(&server->daemon);
        (void)poll(NULL, 0, 1);
    }
    return NULL;
}

static void run_call(void *ctx)
{
    struct server *server = ctx;
    struct secret_buf reply = {0};
    struct errbuf why = {""};
    const struct unary_request request = {.endpoint = server->daemon.endpoint,
                                          .path = "/stek.v1.AdminService/GetStatus",
                                          .message = {(const uint8_t *)"ping", 4},
                                          .timeout_ms = 2000};

    faults_arm();
    const enum err rc = unary_call(&request, &reply, &why);
    faults_disarm();
    if (rc != ERR_OK) {
        assert_true(faults_have_fired());
        assert_int_equal(reply.len, 0);
        assert_string_not_equal(why.text, "");
        assert_int_equal(unary_call(&request, &reply, &why), ERR_OK);
    }
    assert_int_equal(reply.len, 4);
    secret_buf_fini(&reply);
}

static void a_call_is_answered_or_fails_with_a_sentence(void **unused)
{
    static struct server server;
    struct fault_scenario scenario = {
        .name = "call to a daemon", .kinds = OURS, .run = run_call, .ctx = &server};

    (void)unused;
    /* The daemon's thread has blocks of its own, more or fewer as it comes to look. */
    scenario.grows = 64;
    fake_daemon_start(&server.daemon);
    assert_int_equal(pthread_create(&server.thread, NULL, serve, &server), 0);
    const size_t failed = fault_sweep(&scenario);
    atomic_store(&server.stop, true);
    assert_int_equal(pthread_join(server.thread, NULL), 0);
    fake_daemon_stop(&server.daemon);
    assert_true(failed >= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_made_and_renewed_or_not_at_all),
        cmocka_unit_test(a_snapshot_arrives_after_any_one_failure),
        cmocka_unit_test(a_call_is_answered_or_fails_with_a_sentence),
    };

    faults_hook_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
