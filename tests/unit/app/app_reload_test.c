/* SPDX-License-Identifier: Apache-2.0 */
/* One daemon in this process, its configuration changed under it: what is taken, what is refused,
 * and that nothing changes when anything at all goes wrong. */
#include "app/app_reload.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "app/app_private.h"
#include "config/config_load.h"
#include "host/clock_system.h"
#include "host/random_system.h"
#include "store/kek.h"
#include "support/certs.h"

/* The allocation that fails, counted from 1; 0: none. */
static struct {
    long fail_at;
    long count;
} alloc;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void *__real_secret_alloc(size_t size);
void *__wrap_secret_alloc(size_t size);

static bool must_fail(void)
{
    return alloc.fail_at != 0 && ++alloc.count == alloc.fail_at;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

char *__wrap_strdup(const char *text)
{
    return must_fail() ? NULL : __real_strdup(text);
}

void *__wrap_secret_alloc(size_t size)
{
    return must_fail() ? NULL : __real_secret_alloc(size);
}

/* What a reload asks for; 0: it has not asked. */
static struct {
    size_t bytes;
    bool is_gone;
} lockable;

enum err __wrap_process_check_locked_memory(size_t bytes, struct errbuf *why);

enum err __wrap_process_check_locked_memory(size_t bytes, struct errbuf *why)
{
    lockable.bytes = bytes;
    if (lockable.is_gone) {
        errbuf_set(why, "cannot lock more (RLIMIT_MEMLOCK)");
    }
    return lockable.is_gone ? ERR_LIMIT : ERR_OK;
}

struct bench {
    char folder[64];
    char file[96];
    uint16_t port;
    struct cert ca;
    struct clock clock;
    int log_fd;
    struct log *log;
    struct app *app;
};

static void write_file(const struct bench *bench, const char *name, const void *bytes, size_t len,
                       mode_t mode)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
    (void)unlink(path);
    FILE *to = fopen(path, "we");
    assert_non_null(to);
    assert_int_equal(fwrite(bytes, 1, len, to), len);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void write_text(const struct bench *bench, const char *name, const char *text, mode_t mode)
{
    write_file(bench, name, text, strlen(text), mode);
}

static void write_kek(const struct bench *bench, const char *name)
{
    const struct random_source random = random_system_make();
    uint8_t bytes[KEK_LEN];

    assert_int_equal(random_fill(&random, bytes, sizeof(bytes)), ERR_OK);
    write_file(bench, name, bytes, sizeof(bytes), 0400);
}

static void issue(const struct bench *bench)
{
    const struct cert_wish wish = {.name = "server",
                                   .san = "DNS:localhost",
                                   .eku = "serverAuth",
                                   .from_s = -60,
                                   .until_s = 30 * 86400};
    struct cert cert = cert_make(&wish, &bench->ca);

    write_text(bench, "c.pem", cert.pem, 0444);
    write_text(bench, "k.pem", cert.key_pem, 0400);
    cert_fini(&cert);
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)close(fd);
    return ntohs(at.sin_port);
}

/* `store` and `rest`: lines of YAML. */
static void configure(const struct bench *bench, const char *deployment, const char *store,
                      const char *rest)
{
    char text[2048];

    (void)snprintf(text, sizeof(text),
                   "deployment: %s\n"
                   "listen:\n"
                   "  - unix: %s/s.sock\n"
                   "  - address: 127.0.0.1:%u\n"
                   "    tls: {certificate: c.pem, private_key: k.pem, client_ca: ca.pem}\n"
                   "store: {type: file, path: records, %s}\n"
                   "%s",
                   deployment, bench->folder, (unsigned)bench->port, store, rest);
    write_text(bench, "stekd.yaml", text, 0600);
}

#define KEKS  "key_encryption_keys: [a.kek]"
#define START "operators: [\"uid:0\"]\nrealms: {web: {readers: [\"uid:33\"]}, mail: {}}\n"

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct config_problems problems = {0};
    struct config *config = NULL;
    struct errbuf why = {""};
    char path[128];

    assert_non_null(bench);
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/stek-reload-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    (void)snprintf(bench->file, sizeof(bench->file), "%s/stekd.yaml", bench->folder);
    (void)snprintf(path, sizeof(path), "%s/records", bench->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_kek(bench, "a.kek");
    write_kek(bench, "b.kek");
    static const struct cert_wish ca = {.name = "ca", .is_ca = true};
    bench->port = free_port();
    bench->ca = cert_make(&ca, NULL);
    write_text(bench, "ca.pem", bench->ca.pem, 0444);
    issue(bench);
    configure(bench, "test", KEKS, START);
    assert_int_equal(config_load(bench->file, &config, &problems), ERR_OK);
    config_problems_fini(&problems);
    bench->clock = clock_system_make();
    bench->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(bench->log_fd >= 0);
    const struct log_options log = {.fd = bench->log_fd,
                                    .format = LOG_FORMAT_LOGFMT,
                                    .level = LOG_LEVEL_INFO,
                                    .clock = &bench->clock};
    assert_int_equal(log_new(&log, &bench->log), ERR_OK);
    const struct app_options options = {
        .config = config, .config_path = bench->file, .log = bench->log, .version = "1.2.3"};
    if (app_new(&options, &bench->app, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    *state = bench;
    return 0;
}

/* Files only. */
static void remove_folder(const char *folder)
{
    char path[512];
    struct dirent *entry = NULL;
    DIR *dir = opendir(folder);

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(folder), 0);
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    char records[128];

    app_free(bench->app);
    log_free(bench->log);
    (void)close(bench->log_fd);
    (void)snprintf(records, sizeof(records), "%s/records", bench->folder);
    remove_folder(records);
    remove_folder(bench->folder);
    cert_fini(&bench->ca);
    free(bench);
    return 0;
}

static bool has_logged(const struct bench *bench, const char *part)
{
    char text[65536] = "";

    assert_true(pread(bench->log_fd, text, sizeof(text) - 1, 0) >= 0);
    return strstr(text, part) != NULL;
}

static void turn(const struct bench *bench)
{
    assert_true(event_base_loop(bench->app->base, EVLOOP_NONBLOCK) >= 0);
}

/* Until every realm is ready. */
static void settle(const struct bench *bench)
{
    for (size_t i = 0; i < bench->app->realms.count; i++) {
        while (!replica_is_ready(bench->app->realms.at[i]->replica)) {
            assert_true(event_base_loop(bench->app->base, EVLOOP_ONCE) >= 0);
        }
    }
}

static struct replica *realm_of(const struct bench *bench, const char *name)
{
    return hub_replica(bench->app->hub, name);
}

static bool may_read(const struct bench *bench, const char *realm, uint32_t uid)
{
    const struct peer peer = {.uid = uid, .gid = 12345};

    return authz_decide(bench->app->services.rules, &peer, AUTHZ_READ_KEYS, realm).is_allowed;
}

/* What a daemon is, as far as a reload could change it. */
struct picture {
    struct config *config;
    struct app_realm **realms;
    size_t realm_count;
    const struct service_realm *services;
    size_t service_count;
    const void *principals;
    SSL_CTX *context;
    size_t hub_realms;
    uint64_t policies;
    uint8_t kek[KEK_ID_LEN];
};

static struct picture take_picture(const struct bench *bench)
{
    const struct app *app = bench->app;
    struct picture picture = {
        .config = app->config,
        .realms = app->realms.at,
        .realm_count = app->realms.count,
        .services = app->services.realms,
        .service_count = app->services.realm_count,
        .principals = app->rules.principals,
        .context = app->material.listeners[1],
        .hub_realms = hub_realm_count(app->hub),
    };

    for (size_t i = 0; i < app->realms.count; i++) {
        picture.policies += replica_policy_changes(app->realms.at[i]->replica);
    }
    memcpy(picture.kek, seal_kek_id(app->storage.seal), KEK_ID_LEN);
    return picture;
}

static void assert_unchanged(const struct bench *bench, const struct picture *before)
{
    const struct picture after = take_picture(bench);

    assert_memory_equal(&after, before, sizeof(after));
    turn(bench);
    assert_true(may_read(bench, "web", 33));
}

static void everything_that_can_change_does(void **state)
{
    struct bench *bench = *state;

    settle(bench);
    struct replica *web = realm_of(bench, "web");
    const struct keyring *ring = replica_ring(web);
    while (ring->count == 0) {
        assert_true(event_base_loop(bench->app->base, EVLOOP_ONCE) >= 0);
    }
    const struct key before = ring->keys[0];
    const SSL_CTX *context = bench->app->material.listeners[1];
    issue(bench);
    configure(bench, "test", "key_encryption_keys: [b.kek, a.kek]",
              "operators: [\"uid:7\"]\n"
              "realms:\n"
              "  new: {readers: [\"uid:34\", \"dns:*.fe.example.org\"]}\n"
              "  web: {readers: [\"uid:35\"], ticket_lifetime: 6h}\n"
              "log: {format: json}\n");
    assert_int_equal(app_reload(bench->app), ERR_OK);
    assert_true(has_logged(bench, "\"event\":\"reloaded\""));
    assert_true(has_logged(bench, "\"realms_added\":1"));
    assert_true(has_logged(bench, "\"realms_removed\":1"));
    assert_true(has_logged(bench, "\"policies_changed\":1"));
    /* Realms: the one that stays is the same, with its keys. */
    assert_ptr_equal(realm_of(bench, "web"), web);
    assert_null(realm_of(bench, "mail"));
    assert_non_null(realm_of(bench, "new"));
    assert_int_equal(replica_policy(web)->ticket_lifetime_ms, 6 * 3600000);
    const struct key *after = keyring_find(replica_ring(web), before.name);
    assert_non_null(after);
    assert_int_equal(after->retired_from, before.retired_from);
    assert_int_equal(after->dropped_from, before.dropped_from);
    assert_null(services_find_rotator(&bench->app->services, "mail"));
    assert_non_null(services_find_rotator(&bench->app->services, "new"));
    assert_ptr_not_equal(bench->app->material.listeners[1], context);
    /* Rules. */
    assert_false(may_read(bench, "web", 33));
    assert_true(may_read(bench, "web", 35));
    assert_true(may_read(bench, "new", 34));
    settle(bench);
    /* A record under the new first key; those of the old one still open. */
    assert_string_equal(replica_problem(web), "");
    assert_int_equal(bench->app->reloads.done, 1);
    assert_string_equal(bench->app->reloads.problem.text, "");
}

static void nothing_changes_when_anything_is_wrong(void **state)
{
    static const struct {
        const char *deployment;
        const char *store;
        const char *rest;
        const char *log;
    } rows[] = {
        {"test", KEKS, "realms: {web: {redaers: []}}\n", "stekd.yaml:7:16"},
        {"test", KEKS, "realms: [\n", "stekd.yaml:"},
        {"test", "key_encryption_keys: [no.kek]", START, "no.kek: No such file"},
        {"test", "key_encryption_keys: [a.kek, a.kek]", START, "list it once"},
        {"test", "key_encryption_keys: [stekd.yaml]", START, "32 raw bytes"},
        {"other", KEKS, START, "stekd.yaml:1:13 problem=\"\\\"deployment\\\" has changed"},
        {"test", KEKS, START "http: 127.0.0.1:1\n", "\\\"http\\\" has changed"},
    };
    struct bench *bench = *state;

    settle(bench);
    const struct picture before = take_picture(bench);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct service_problems problems = {.count = 0};
        configure(bench, rows[i].deployment, rows[i].store, rows[i].rest);
        assert_int_not_equal(app_reload(bench->app), ERR_OK);
        assert_unchanged(bench, &before);
        if (!has_logged(bench, rows[i].log)) {
            fail_msg("row %zu does not say %s", i, rows[i].log);
        }
        assert_int_equal(bench->app->reloads.failed, i + 1);
        app_ops_collect_problems(bench->app, &problems);
        assert_int_equal(problems.count, 1);
        assert_non_null(strstr(problems.at[0].text, "the last reload failed"));
    }
    assert_true(has_logged(bench, "event=reload-failed"));
    configure(bench, "test", KEKS, START);
    write_text(bench, "c.pem", bench->ca.pem, 0444);
    assert_int_not_equal(app_reload(bench->app), ERR_OK);
    assert_unchanged(bench, &before);
    assert_true(has_logged(bench, "stekd.yaml:4:5 problem=\"tls: "));
    issue(bench);
    assert_int_equal(unlink(bench->file), 0);
    assert_int_not_equal(app_reload(bench->app), ERR_OK);
    assert_unchanged(bench, &before);
    /* All is well again once the file is. */
    configure(bench, "test", KEKS, START);
    assert_int_equal(app_reload(bench->app), ERR_OK);
    assert_string_equal(bench->app->reloads.problem.text, "");
}

static void any_allocation_of_the_first_phase_may_fail(void **state)
{
    struct bench *bench = *state;
    long failures = 0;

    settle(bench);
    const struct picture before = take_picture(bench);
    configure(bench, "test", "key_encryption_keys: [b.kek, a.kek]",
              "realms:\n"
              "  new: {readers: [\"uid:34\", \"dns:*.fe.example.org\"]}\n"
              "  web: {readers: [\"uid:35\"], ticket_lifetime: 6h}\n");
    for (long n = 1;; n++) {
        alloc.count = 0;
        alloc.fail_at = n;
        enum err rc = app_reload(bench->app);
        alloc.fail_at = 0;
        if (rc == ERR_OK) {
            break;
        }
        failures++;
        assert_unchanged(bench, &before);
    }
    assert_true(failures > 60);
    assert_non_null(realm_of(bench, "new"));
    assert_true(may_read(bench, "web", 35));
}

static void more_realms_need_memory_that_can_be_locked(void **state)
{
    struct bench *bench = *state;

    settle(bench);
    const struct picture before = take_picture(bench);
    configure(bench, "test", KEKS, START);
    lockable.bytes = 0;
    assert_int_equal(app_reload(bench->app), ERR_OK);
    assert_int_equal(lockable.bytes, 0); /* as much as before is no question */
    configure(bench, "test", KEKS,
              "realms: {web: {readers: [\"uid:33\"]}, mail: {}, one: {}, two: {}}\n");
    lockable.is_gone = true;
    enum err rc = app_reload(bench->app);
    lockable.is_gone = false;
    assert_int_equal(rc, ERR_LIMIT);
    assert_in_range(lockable.bytes, 1, 1024 * 1024);
    assert_true(has_logged(bench, "cannot lock more"));
    assert_int_equal(hub_realm_count(bench->app->hub), before.hub_realms);
    assert_int_equal(app_reload(bench->app), ERR_OK);
    assert_int_equal(hub_realm_count(bench->app->hub), 4);
}

static void realms_may_come_and_go_without_end(void **state)
{
    static const char *const rests[] = {
        "realms: {web: {readers: [\"uid:33\"]}, new: {}}\n",
        "realms: {mail: {}, web: {readers: [\"uid:33\"]}}\n",
        "realms: {other: {}}\n",
        START,
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < 40; i++) {
        configure(bench, "test", KEKS, rests[i % 4]);
        assert_int_equal(app_reload(bench->app), ERR_OK);
        if (i % 3 == 0) {
            settle(bench);
        }
    }
    assert_int_equal(hub_realm_count(bench->app->hub), 2);
    assert_int_equal(bench->app->reloads.done, 40);
}

static void an_added_realm_takes_no_readiness_away(void **state)
{
    struct bench *bench = *state;

    settle(bench);
    assert_true(health_is_serving(bench->app->health));
    configure(bench, "test", KEKS, "realms: {web: {}, mail: {}, new: {}}\n");
    assert_int_equal(app_reload(bench->app), ERR_OK);
    assert_false(replica_is_ready(realm_of(bench, "new")));
    assert_true(health_is_serving(bench->app->health));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(everything_that_can_change_does),
        TEST(nothing_changes_when_anything_is_wrong),
        TEST(any_allocation_of_the_first_phase_may_fail),
        TEST(more_realms_need_memory_that_can_be_locked),
        TEST(realms_may_come_and_go_without_end),
        TEST(an_added_realm_takes_no_readiness_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
