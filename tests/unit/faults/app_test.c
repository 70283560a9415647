/* SPDX-License-Identifier: Apache-2.0 */
/* A whole daemon, from its configuration to its end, with every call that may fail made to fail in
 * turn: it starts or says why not; it reloads wholly or stays as it was. */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
#include "app/app_reload.h"
#include "config/config_load.h"
#include "host/clock_system.h"
#include "support/certs.h"
#include "support/fault_sweep.h"

#define OURS                                                                                       \
    (FAULT_BIT(FAULT_MEMORY) | FAULT_BIT(FAULT_LOCKING) | FAULT_BIT(FAULT_RANDOM) |                \
     FAULT_BIT(FAULT_CRYPTO) | FAULT_BIT(FAULT_WRITE) | FAULT_BIT(FAULT_SYSTEM))

struct bench {
    char folder[64];
    char file[96];
    const char *store;
    uint16_t ports[2];
    struct clock clock;
    int log_fd;
};

static void write_file(const struct bench *bench, const char *name, const char *text, size_t len)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
    (void)unlink(path);
    FILE *to = fopen(path, "we");
    assert_non_null(to);
    assert_int_equal(fwrite(text, 1, len, to), len);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void make_certificates(const struct bench *bench)
{
    static const struct cert_wish ca_wish = {.name = "ca", .is_ca = true};
    static const struct cert_wish wish = {.name = "server",
                                          .san = "DNS:localhost",
                                          .eku = "serverAuth",
                                          .from_s = -60,
                                          .until_s = 30 * 86400};
    struct cert ca = cert_make(&ca_wish, NULL);
    struct cert cert = cert_make(&wish, &ca);

    write_file(bench, "ca.pem", ca.pem, strlen(ca.pem));
    write_file(bench, "c.pem", cert.pem, strlen(cert.pem));
    write_file(bench, "k.pem", cert.key_pem, strlen(cert.key_pem));
    cert_fini(&cert);
    cert_fini(&ca);
}

static void configure(const struct bench *bench, const char *realms)
{
    char text[1024];
    int len = snprintf(text, sizeof(text),
                       "deployment: test\n"
                       "listen:\n"
                       "  - unix: %s/s.sock\n"
                       "  - address: 127.0.0.1:%u\n"
                       "    tls: {certificate: c.pem, private_key: k.pem, client_ca: ca.pem}\n"
                       "http: 127.0.0.1:%u\n"
                       "store: {%s}\n"
                       "operators: [\"uid:0\"]\n"
                       "realms: %s\n",
                       bench->folder, (unsigned)bench->ports[0], (unsigned)bench->ports[1],
                       bench->store, realms);

    write_file(bench, "stekd.yaml", text, (size_t)len);
}

/* The kernel's choice of two. */
static void choose_ports(uint16_t ports[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fds[2];

    for (size_t i = 0; i < 2; i++) {
        at.sin_port = 0;
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
        assert_int_equal(bind(fds[i], (const struct sockaddr *)&at, len), 0);
        assert_int_equal(getsockname(fds[i], (struct sockaddr *)&at, &len), 0);
        ports[i] = ntohs(at.sin_port);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void set_up(struct bench *bench, const char *store)
{
    static const char kek[32] = "\x7a\x01\xff\xfe\x80 not text, so it is taken";
    static const char password[] = "a password";
    char path[128];

    *bench = (struct bench){.folder = "/dev/shm/stek-app-faults-XXXXXX", .store = store};
    assert_non_null(mkdtemp(bench->folder));
    (void)snprintf(bench->file, sizeof(bench->file), "%s/stekd.yaml", bench->folder);
    (void)snprintf(path, sizeof(path), "%s/records", bench->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(bench, "a.kek", kek, 32);
    write_file(bench, "password", password, strlen(password));
    make_certificates(bench);
    choose_ports(bench->ports);
    bench->clock = clock_system_make();
    bench->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(bench->log_fd >= 0);
}

static void remove_folder(const char *folder)
{
    char path[512];
    struct dirent *entry = NULL;
    DIR *dir = opendir(folder);

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        assert_null(strstr(entry->d_name, ".tmp"));
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(folder), 0);
}

static void tear_down(struct bench *bench)
{
    char records[128];

    (void)snprintf(records, sizeof(records), "%s/records", bench->folder);
    remove_folder(records);
    remove_folder(bench->folder);
    (void)close(bench->log_fd);
}

static bool has_error(const struct config_problems *problems)
{
    return problems->errors > 0;
}

static struct config *load(const struct bench *bench, bool is_armed)
{
    struct config_problems problems = {0};
    struct config *config = NULL;

    if (is_armed) {
        faults_arm();
    }
    enum err rc = config_load(bench->file, &config, &problems);
    if (is_armed) {
        faults_disarm();
    }
    if (rc != ERR_OK) {
        assert_true(is_armed && faults_have_fired());
        assert_null(config);
        assert_true(has_error(&problems) || rc == ERR_NOMEM);
    }
    config_problems_fini(&problems);
    return rc == ERR_OK ? config : load(bench, false);
}

static struct app *start(const struct bench *bench, struct log *log)
{
    struct app_options options = {
        .config = load(bench, true), .config_path = bench->file, .log = log, .version = "1.2.3"};
    struct app *app = NULL;
    struct errbuf why = {""};

    faults_arm();
    enum err rc = app_new(&options, &app, &why);
    faults_disarm();
    if (rc != ERR_OK) {
        if (!faults_have_fired()) {
            fail_msg("nothing failed but the start: %s", why.text);
        }
        assert_null(app);
        assert_string_not_equal(why.text, "");
        if (app_new(&options, &app, &why) != ERR_OK) {
            fail_msg("again: %s", why.text);
        }
    }
    return app;
}

static void turn(const struct app *app, int times)
{
    for (int i = 0; i < times; i++) {
        assert_true(event_base_loop(app->base, EVLOOP_NONBLOCK) >= 0);
    }
}

static void show_metrics(const struct app *app)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    faults_arm();
    app_ops_print_metrics(app->ops, to);
    faults_disarm();
    assert_int_equal(fclose(to), 0);
    assert_non_null(strstr(text, "stekd_build_info"));
    free(text);
}

static void reload(const struct bench *bench, struct app *app)
{
    const struct config *config = app->config;
    const SSL_CTX *context = app->material.listeners[1];

    configure(bench, "{web: {readers: [\"uid:35\"], ticket_lifetime: 6h}, new: {}}");
    faults_arm();
    enum err rc = app_reload(app);
    faults_disarm();
    if (rc != ERR_OK) {
        assert_true(faults_have_fired());
        assert_ptr_equal(app->config, config);
        assert_ptr_equal(app->material.listeners[1], context);
        assert_null(hub_replica(app->hub, "new"));
        assert_non_null(hub_replica(app->hub, "mail"));
        assert_string_not_equal(app->reloads.problem.text, "");
        assert_int_equal(app_reload(app), ERR_OK);
    }
    assert_ptr_not_equal(app->material.listeners[1], context);
    assert_non_null(hub_replica(app->hub, "new"));
    assert_null(hub_replica(app->hub, "mail"));
    assert_int_equal(replica_policy(hub_replica(app->hub, "web"))->ticket_lifetime_ms, 6 * 3600000);
    assert_string_equal(app->reloads.problem.text, "");
}

static void run_app(void *ctx)
{
    const struct bench *bench = ctx;
    struct log *log = NULL;
    const struct log_options options = {.fd = bench->log_fd,
                                        .format = LOG_FORMAT_LOGFMT,
                                        .level = LOG_LEVEL_INFO,
                                        .clock = &bench->clock};

    configure(bench, "{web: {readers: [\"uid:33\"]}, mail: {}}");
    assert_int_equal(ftruncate(bench->log_fd, 0), 0);
    assert_int_equal(log_new(&options, &log), ERR_OK);
    struct app *app = start(bench, log);
    faults_arm();
    turn(app, 6);
    faults_disarm();
    show_metrics(app);
    reload(bench, app);
    faults_arm();
    turn(app, 6);
    faults_disarm();
    app_free(app);
    log_free(log);
}

static void a_daemon_starts_and_reloads_wholly_or_not_at_all(void **unused)
{
    static const struct {
        const char *name;
        const char *store;
    } rows[] = {
        {"daemon, memory store", "type: memory"},
        {"daemon, file store", "type: file, path: records, key_encryption_keys: [a.kek]"},
        {"daemon, Redis that is away",
         "type: redis, address: \"unix:/nonexistent/redis.sock\", password_file: password, "
         "key_encryption_keys: [a.kek]"},
    };
    size_t failed = 0;

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        const struct fault_scenario ours = {
            .name = rows[i].name, .kinds = OURS, .run = run_app, .ctx = &bench, .short_most = 60};
        const struct fault_scenario openssl = {.name = rows[i].name,
                                               .kinds = FAULT_BIT(FAULT_OPENSSL),
                                               .run = run_app,
                                               .ctx = &bench,
                                               .short_most = 100};
        set_up(&bench, rows[i].store);
        failed += fault_sweep(&ours);
        failed += i == 1 ? fault_sweep(&openssl) : 0;
        tear_down(&bench);
    }
    assert_true(failed >= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_starts_and_reloads_wholly_or_not_at_all),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as stekd does */
    faults_hook_openssl();
    event_set_mem_functions(faults_malloc, faults_realloc, faults_free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
