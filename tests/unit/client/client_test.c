/* SPDX-License-Identifier: Apache-2.0 */
/* The public interface, with threads and processes as servers have them. The daemon is a process of
 * its own; fleet time is T0 plus what has passed since it began. */
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <stek/stek.h>

#include "base/secret.h"
#include "ring_bench.h"
#include "src/client_clock.h"
#include "support/fake_daemon.h"
#include "support/tls_bench.h"

/* ThreadSanitizer does not allow a thread to be started after a process with threads has forked. */
#if defined(__SANITIZE_THREAD__)
#define MAY_START_AFTER_FORK false
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MAY_START_AFTER_FORK false
#endif
#endif
#ifndef MAY_START_AFTER_FORK
#define MAY_START_AFTER_FORK true
#endif

#define SYNC_MS   INT64_C(1000)
#define BEAT_MS   100
#define PATIENCE  20000 /* ms that a condition may take before a test fails */
#define SEED_NOW  1
#define SEED_NEXT 2

static struct policy test_policy(void)
{
    struct policy policy = policy_default(12 * HOUR);
    policy.sync_interval_ms = SYNC_MS;
    return policy;
}

static struct key test_key(uint64_t seed)
{
    const struct policy policy = test_policy();
    return fixture_key(seed, &policy, T0 - HOUR - MINUTE,
                       seed == SEED_NOW ? T0 - HOUR : T0 + 11 * HOUR);
}

/* --- the daemon's process -------------------------------------------------------------------- */

static int64_t boot_now(void)
{
    return clock_boot_ms(client_clock_host());
}

static void serve_watch(struct fake_daemon *daemon, const struct keyring *ring, int64_t began)
{
    static const struct fake_daemon_watch none = {0};
    const struct policy policy = test_policy();
    const struct fake_daemon_watch *watch = fake_daemon_find(daemon, "web");
    const int64_t now = T0 + boot_now() - began;
    const struct wire_moment moment = {.server_time_ms = now, .as_of_ms = now};
    watch = watch == NULL ? &none : watch;
    if (watch->stream != 0 && watch->acks == 0) {
        fake_daemon_send_snapshot(daemon, ring, &policy, &moment);
    } else if (watch->stream != 0) {
        fake_daemon_send_heartbeat(daemon, ring, &moment);
    }
}

static void serve_for_ever(struct fake_daemon *daemon)
{
    const struct key keys[] = {test_key(SEED_NOW), test_key(SEED_NEXT)};
    const int64_t began = boot_now();
    struct keyring ring = fixture_ring();
    fixture_add(&ring, &keys[0]);
    fixture_add(&ring, &keys[1]);
    for (int64_t next = 0;;) {
        struct pollfd wait[2] = {{.fd = daemon->fd, .events = POLLIN},
                                 {.fd = daemon->fd < 0 ? daemon->listener : -1, .events = POLLIN}};
        (void)poll(wait, 2, 10);
        const bool is_new = fake_daemon_step(daemon);
        if (daemon->fd >= 0 && (is_new || boot_now() >= next)) {
            next = boot_now() + BEAT_MS;
            serve_watch(daemon, &ring, began);
        }
    }
}

struct bench {
    struct tls_bench *files; /* NULL: by a Unix socket */
    SSL_CTX *context;
    struct fake_daemon daemon;
    pid_t daemon_pid;
    struct stek_options *options;
    struct stek_client *client;
    _Atomic int lines;
    _Atomic int complaints; /* about the TLS files */
};

static void count_line(void *arg, enum stek_log_level level, const char *message)
{
    struct bench *bench = arg;
    if (level == STEK_LOG_WARNING && strncmp(message, "realm web: ", 11) == 0) {
        atomic_fetch_add(&bench->lines, 1);
    }
    if (strstr(message, "the ones before stay in use") != NULL) {
        atomic_fetch_add(&bench->complaints, 1);
    }
}

static void listen_anew(struct bench *bench)
{
    if (bench->files == NULL) {
        fake_daemon_start(&bench->daemon);
    } else {
        fake_daemon_start_tls(&bench->daemon, bench->context, false);
    }
}

static void make_client(struct bench *bench)
{
    listen_anew(bench);
    bench->options = stek_options_new();
    assert_int_equal(stek_options_add_endpoint(bench->options, bench->daemon.endpoint), STEK_OK);
    assert_int_equal(stek_options_add_realm(bench->options, "web"), STEK_OK);
    if (bench->files != NULL) {
        assert_int_equal(stek_options_set_tls(bench->options, bench->files->ca_path,
                                              bench->files->cert_path, bench->files->key_path),
                         STEK_OK);
    }
    stek_options_set_log(bench->options, count_line, bench);
    assert_int_equal(stek_client_new(bench->options, &bench->client), STEK_OK);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    make_client(bench);
    *state = bench;
    return 0;
}

/* The certificates are good at fleet time, which is T0, and at this host's, by which the first
 * daemon is judged. */
static int set_up_tls(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    bench->files = calloc(1, sizeof(*bench->files));
    assert_non_null(bench->files);
    tls_bench_init_since(bench->files, T0 / 1000);
    bench->context = tls_bench_daemon(bench->files);
    make_client(bench);
    *state = bench;
    return 0;
}

static void start_daemon(struct bench *bench)
{
    bench->daemon_pid = fork();
    assert_true(bench->daemon_pid >= 0);
    if (bench->daemon_pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve_for_ever(&bench->daemon);
        _exit(0);
    }
}

static void stop_daemon(struct bench *bench)
{
    if (bench->daemon_pid > 0) {
        (void)kill(bench->daemon_pid, SIGKILL);
        (void)waitpid(bench->daemon_pid, NULL, 0);
        bench->daemon_pid = 0;
    }
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    stek_client_free(bench->client);
    stek_client_free(NULL);
    stop_daemon(bench);
    fake_daemon_stop(&bench->daemon);
    stek_options_free(bench->options);
    SSL_CTX_free(bench->context);
    if (bench->files != NULL) {
        tls_bench_fini(bench->files);
    }
    free(bench->files);
    free(bench);
    return 0;
}

static struct stek_realm_status status_of(struct stek_client *client)
{
    struct stek_realm_status status;
    memset(&status, 0xa5, sizeof(status));
    assert_int_equal(stek_client_status(client, "web", &status, sizeof(status)), STEK_OK);
    return status;
}

/* Whether `test` becomes true in time. */
static bool becomes(struct stek_client *client, bool (*test)(const struct stek_realm_status *))
{
    const int64_t end = boot_now() + PATIENCE;
    while (boot_now() < end) {
        const struct stek_realm_status status = status_of(client);
        if (test(&status)) {
            return true;
        }
        (void)poll(NULL, 0, 1);
    }
    return false;
}

static void start_and_wait(struct bench *bench)
{
    start_daemon(bench);
    assert_int_equal(stek_client_start(bench->client), STEK_OK);
    assert_int_equal(stek_client_wait(bench->client, PATIENCE), STEK_OK);
}

/* --- options and arguments ------------------------------------------------------------------- */

static void a_client_needs_an_endpoint_and_a_realm(void **unused)
{
    struct stek_options *options = stek_options_new();
    struct stek_client *client = NULL;
    (void)unused;
    assert_int_equal(stek_client_new(NULL, &client), STEK_ERR_INVALID);
    assert_int_equal(stek_client_new(options, NULL), STEK_ERR_INVALID);
    assert_int_equal(stek_client_new(options, &client), STEK_ERR_INVALID);
    assert_non_null(strstr(stek_options_error(options), "no endpoint"));
    assert_int_equal(stek_options_add_endpoint(options, "unix:/x"), STEK_OK);
    assert_int_equal(stek_client_new(options, &client), STEK_ERR_INVALID);
    assert_non_null(strstr(stek_options_error(options), "no realm"));
    assert_null(client);
    assert_int_equal(stek_client_start(NULL), STEK_ERR_INVALID);
    assert_int_equal(stek_client_wait(NULL, 1), STEK_ERR_INVALID);
    stek_options_free(options);
}

static void every_status_has_a_text_and_the_version_is_the_headers(void **unused)
{
    (void)unused;
    for (int i = STEK_OK; i <= STEK_ERR_CRYPTO; i++) {
        const char *text = stek_status_text((enum stek_status)i);
        assert_true(strlen(text) > 1);
        assert_string_not_equal(text, "unknown status");
    }
    assert_string_equal(stek_status_text((enum stek_status)99), "unknown status");
    assert_string_equal(stek_version(), STEK_VERSION);
}

static bool says_lost(const struct stek_realm_status *status)
{
    return status->last_error[0] != '\0';
}

static void without_a_daemon_nothing_fails_and_the_reason_is_told(void **state)
{
    struct bench *bench = *state;
    struct stek_key key;
    size_t count = 77;
    fake_daemon_stop(&bench->daemon);
    assert_int_equal(stek_client_start(bench->client), STEK_OK);
    assert_int_equal(stek_client_wait(bench->client, 100), STEK_ERR_TIMEOUT);
    assert_int_equal(stek_keyring_read(bench->client, "web", "", &key, sizeof(key), 1, &count),
                     STEK_ERR_NO_KEYS);
    assert_int_equal(count, 77);
    assert_true(becomes(bench->client, says_lost));
    const struct stek_realm_status status = status_of(bench->client);
    assert_int_equal(status.has_snapshot, 0);
    assert_int_equal(status.is_synced, 0);
    assert_int_equal(status.age_ms, -1);
    assert_int_equal(status.first_active_in_ms, -1);
    assert_int_equal(status.driver_pid, getpid());
    assert_non_null(strstr(status.last_error, "cannot connect"));
    stek_client_free(bench->client); /* its thread has said all it had to say */
    bench->client = NULL;
    assert_int_equal(atomic_load(&bench->lines), 1);
    listen_anew(bench);
}

/* --- following ------------------------------------------------------------------------------- */

static void a_started_client_follows_and_tells_how(void **state)
{
    struct bench *bench = *state;
    start_and_wait(bench);
    assert_int_equal(stek_client_start(bench->client), STEK_OK); /* again: nothing */
    const struct stek_realm_status status = status_of(bench->client);
    assert_int_equal(status.has_snapshot, 1);
    assert_int_equal(status.sync_interval_ms, SYNC_MS);
    assert_int_equal(status.first_active_in_ms, 0);
    assert_int_equal(status.keys, 2);
    assert_false(bench_is_zero(status.digest, sizeof(status.digest)));
    assert_int_equal(status.driver_pid, getpid());
    assert_string_equal(status.last_error, "");
    assert_true(status.age_ms >= 0);
}

static void status_serves_callers_of_other_versions(void **state)
{
    struct bench *bench = *state;
    struct {
        struct stek_realm_status known;
        uint8_t later[16];
    } newer;
    uint8_t older[sizeof(int) + 4];
    start_and_wait(bench);
    memset(&newer, 0xa5, sizeof(newer));
    assert_int_equal(stek_client_status(bench->client, "web", &newer.known, sizeof(newer)),
                     STEK_OK);
    assert_int_equal(newer.known.has_snapshot, 1);
    assert_true(bench_is_zero(newer.later, sizeof(newer.later)));
    memset(older, 0xa5, sizeof(older));
    assert_int_equal(stek_client_status(bench->client, "web", (void *)older, sizeof(int)), STEK_OK);
    assert_int_equal(older[sizeof(int)], 0xa5);
    assert_int_equal(stek_client_status(bench->client, "web", &newer.known, 0), STEK_ERR_INVALID);
    assert_int_equal(stek_client_status(bench->client, "mail", &newer.known, 1),
                     STEK_ERR_UNKNOWN_REALM);
    assert_int_equal(stek_client_status(bench->client, NULL, &newer.known, 1), STEK_ERR_INVALID);
}

static void keys_are_read_encrypting_first_into_structs_of_any_version(void **state)
{
    struct bench *bench = *state;
    struct later_key {
        struct stek_key known;
        uint8_t later[24];
    } keys[3];
    const struct key expected[] = {test_key(SEED_NOW), test_key(SEED_NEXT)};
    size_t count = 0;
    start_and_wait(bench);
    memset(keys, 0xa5, sizeof(keys));
    assert_int_equal(
        stek_keyring_read(bench->client, "web", "ctx", &keys[0].known, sizeof(keys[0]), 1, &count),
        STEK_ERR_TOO_SMALL);
    assert_int_equal(count, 2);
    assert_int_equal(keys[0].known.name[0], 0xa5);
    assert_int_equal(
        stek_keyring_read(bench->client, "web", "ctx", &keys[0].known, sizeof(keys[0]), 3, &count),
        STEK_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++) {
        struct subkeys subkeys;
        assert_int_equal(derive_subkeys(expected[i].bytes, "web", "ctx", &subkeys), ERR_OK);
        assert_memory_equal(keys[i].known.name, expected[i].name, KEY_NAME_LEN);
        assert_memory_equal(keys[i].known.aes, subkeys.aes, sizeof(subkeys.aes));
        assert_memory_equal(keys[i].known.hmac, subkeys.hmac, sizeof(subkeys.hmac));
        assert_int_equal(keys[i].known.active_from_ms, expected[i].active_from);
        assert_int_equal(keys[i].known.retired_from_ms, expected[i].retired_from);
        assert_int_equal(keys[i].known.dropped_from_ms, expected[i].dropped_from);
        assert_int_equal(keys[i].known.encrypts, i == 0);
        assert_true(bench_is_zero(keys[i].later, sizeof(keys[i].later)));
    }
    stek_keyring_wipe(&keys[0].known, sizeof(keys[0]), 2);
    assert_true(bench_is_zero(keys, 2 * sizeof(keys[0])));
    stek_keyring_wipe(NULL, sizeof(keys[0]), 2);
}

static void wrong_arguments_of_a_read_are_told_apart(void **state)
{
    struct bench *bench = *state;
    struct stek_key key;
    char longest[CONTEXT_MAX + 2];
    size_t count = 0;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(stek_keyring_read(bench->client, "mail", "", &key, sizeof(key), 1, &count),
                     STEK_ERR_UNKNOWN_REALM);
    assert_int_equal(stek_keyring_read(bench->client, "web", "", &key, sizeof(key) - 1, 1, &count),
                     STEK_ERR_INVALID);
    assert_int_equal(stek_keyring_read(bench->client, "web", "", NULL, sizeof(key), 1, &count),
                     STEK_ERR_INVALID);
    assert_int_equal(stek_keyring_read(bench->client, "web", longest, &key, sizeof(key), 1, &count),
                     STEK_ERR_INVALID);
    for (int i = 0; i < 16; i++) {
        char context[8];
        (void)snprintf(context, sizeof(context), "%d", i);
        assert_int_equal(
            stek_keyring_read(bench->client, "web", context, &key, sizeof(key), 1, &count),
            STEK_ERR_NO_KEYS);
    }
    assert_int_equal(
        stek_keyring_read(bench->client, "web", "one more", &key, sizeof(key), 1, &count),
        STEK_ERR_TOO_SMALL);
}

static void when_the_daemon_dies_the_keys_stay(void **state)
{
    struct bench *bench = *state;
    start_and_wait(bench);
    stop_daemon(bench);
    assert_true(becomes(bench->client, says_lost));
    const struct stek_realm_status status = status_of(bench->client);
    assert_int_equal(status.has_snapshot, 1);
    assert_int_equal(status.keys, 2);
    assert_int_equal(status.first_active_in_ms, 0);
}

/* --- the thread ------------------------------------------------------------------------------ */

/* Field `name` of /proc/self/task/<tid>/status. */
static bool read_field(const char *tid, const char *name, char *out, size_t cap)
{
    char path[64];
    char line[256];
    bool found = false;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", tid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            (void)snprintf(out, cap, "%s", line + strlen(name));
            out[strcspn(out, "\n")] = '\0';
            found = true;
        }
    }
    (void)fclose(file);
    return found;
}

static void the_thread_is_named_and_takes_no_signal(void **state)
{
    struct bench *bench = *state;
    sigset_t before;
    sigset_t after;
    int found = 0;
    memset(&before, 0, sizeof(before));
    memset(&after, 0, sizeof(after));
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    start_and_wait(bench);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    assert_memory_equal(&before, &after, sizeof(before));
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        char value[64] = "";
        if (task->d_name[0] == '.' || !read_field(task->d_name, "Name:\t", value, sizeof(value)) ||
            strcmp(value, "stek") != 0) {
            continue;
        }
        found++;
        assert_true(read_field(task->d_name, "SigBlk:\t", value, sizeof(value)));
        const uint64_t blocked = strtoull(value, NULL, 16);
        const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE, SIGALRM, SIGUSR1};
        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
            assert_true((blocked >> (signals[i] - 1) & 1) != 0);
        }
    }
    (void)closedir(tasks);
    assert_int_equal(found, 1);
}

static void freeing_takes_less_than_a_second(void **state)
{
    struct bench *bench = *state;
    start_and_wait(bench);
    const int64_t began = boot_now();
    stek_client_free(bench->client);
    assert_true(boot_now() - began < 1000);
    bench->client = NULL;
}

/* --- processes ------------------------------------------------------------------------------- */

/* Runs `body` in a forked child that dies with us; its result must be 0. */
static pid_t fork_child(struct bench *bench, int (*body)(struct bench *bench))
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(body(bench));
    }
    return pid;
}

static void join_child(pid_t pid)
{
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int start_stand_by_and_free(struct bench *bench)
{
    struct stek_realm_status status;
    if (stek_client_start(bench->client) != STEK_OK ||
        stek_client_status(bench->client, "web", &status, sizeof(status)) != STEK_OK ||
        status.driver_pid != getppid()) {
        return 1;
    }
    stek_client_free(bench->client);
    return 0;
}

static int only_free(struct bench *bench)
{
    stek_client_free(bench->client);
    return 0;
}

static bool is_well(const struct stek_realm_status *status)
{
    return status->is_synced != 0 && status->last_error[0] == '\0';
}

static void a_forked_child_starts_and_frees_without_disturbing_its_parent(void **state)
{
    struct bench *bench = *state;
    if (!MAY_START_AFTER_FORK) {
        print_message("skipped: ThreadSanitizer forbids threads after a fork\n");
        skip();
    }
    start_and_wait(bench);
    join_child(fork_child(bench, start_stand_by_and_free));
    join_child(fork_child(bench, only_free));
    assert_int_equal(status_of(bench->client).driver_pid, getpid());
    /* The parent's thread still hears heartbeats: its connection was not closed. */
    const int64_t later = boot_now() + 2 * SYNC_MS;
    while (boot_now() < later) {
        (void)poll(NULL, 0, BEAT_MS);
    }
    assert_true(becomes(bench->client, is_well));
    assert_int_equal(status_of(bench->client).driver_pid, getpid());
}

/* As a daemonizing server does: everything closed, the numbers used for its own files. */
static int close_all_then_start_and_free(struct bench *bench)
{
    int mine[64];
    (void)close_range(3, ~0u, 0);
    for (size_t i = 0; i < 64; i++) {
        mine[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
    }
    if (stek_client_start(bench->client) != STEK_OK) {
        return 1;
    }
    stek_client_free(bench->client);
    for (size_t i = 0; i < 64; i++) {
        if (fcntl(mine[i], F_GETFD) < 0) {
            return 2;
        }
    }
    return 0;
}

static void descriptors_that_the_child_reused_are_left_alone(void **state)
{
    struct bench *bench = *state;
    if (!MAY_START_AFTER_FORK) {
        print_message("skipped: ThreadSanitizer forbids threads after a fork\n");
        skip();
    }
    start_and_wait(bench);
    join_child(fork_child(bench, close_all_then_start_and_free));
    assert_int_equal(status_of(bench->client).driver_pid, getpid());
}

static int drive_until_killed(struct bench *bench)
{
    if (stek_client_start(bench->client) != STEK_OK) {
        return 1;
    }
    for (;;) {
        (void)pause();
    }
}

static bool is_driven(const struct stek_realm_status *status)
{
    return status->driver_pid > 0;
}

static void
when_the_driver_is_killed_another_drives(struct bench *bench,
                                         bool (*is_right)(const struct stek_realm_status *))
{
    pid_t drivers[2];
    start_daemon(bench);
    drivers[0] = fork_child(bench, drive_until_killed);
    drivers[1] = fork_child(bench, drive_until_killed);
    assert_int_equal(stek_client_wait(bench->client, PATIENCE), STEK_OK);
    const pid_t first = (pid_t)status_of(bench->client).driver_pid;
    assert_true(first == drivers[0] || first == drivers[1]);
    assert_int_equal(kill(first, SIGKILL), 0);
    assert_int_equal(waitpid(first, NULL, 0), first);
    const int64_t killed = boot_now();
    assert_true(becomes(bench->client, is_driven));
    assert_true(boot_now() - killed < SYNC_MS);
    assert_int_equal(status_of(bench->client).driver_pid, drivers[0] + drivers[1] - first);
    assert_int_equal(status_of(bench->client).keys, 2);
    assert_true(becomes(bench->client, is_right));
    (void)kill(drivers[0] + drivers[1] - first, SIGKILL);
    (void)waitpid(drivers[0] + drivers[1] - first, NULL, 0);
}

static void when_the_driver_is_killed_another_drives_within_sync_interval(void **state)
{
    when_the_driver_is_killed_another_drives(*state, is_well);
}

/* --- secrets --------------------------------------------------------------------------------- */

/* Sanitizers keep copies and shadows of everything. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAY_SCAN false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MAY_SCAN false
#endif
#endif
#ifndef MAY_SCAN
#define MAY_SCAN true
#endif

#define CHUNK   ((size_t)65536)
#define MASK    0x5a
#define OVERLAP (KEY_LEN - 1)

struct scan {
    int memory;              /* /proc/self/mem: a region may go while it is read */
    uint8_t *chunk;          /* secret memory, so that it is not scanned itself */
    uint8_t masked[KEY_LEN]; /* the needle, so that this is not found either */
    size_t regions;
    size_t found;
};

static void scan_chunk(struct scan *scan, size_t len)
{
    for (size_t i = 0; i + KEY_LEN <= len; i++) {
        size_t same = 0;
        while (same < KEY_LEN && (scan->chunk[i + same] ^ MASK) == scan->masked[same]) {
            same++;
        }
        scan->found += same == KEY_LEN;
    }
}

static void scan_region(struct scan *scan, uint64_t from, uint64_t until)
{
    scan->regions++;
    while (from < until) {
        const size_t want = until - from < CHUNK ? (size_t)(until - from) : CHUNK;
        const ssize_t n = pread(scan->memory, scan->chunk, want, (off_t)from);
        if (n < KEY_LEN) {
            return;
        }
        scan_chunk(scan, (size_t)n);
        from += (size_t)n == want && want == CHUNK ? want - OVERLAP : (size_t)n;
    }
}

/* Everything this process may write to, but for this thread's stack, where the test has the key,
 * and what is kept out of core dumps, which is where keys belong. */
static size_t count_copies(const uint8_t *needle)
{
    struct scan scan = {.memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC),
                        .chunk = secret_alloc(CHUNK)};
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    unsigned long region[2] = {0, 0};
    bool is_wanted = false;
    assert_true(scan.memory >= 0 && scan.chunk != NULL && maps != NULL);
    for (size_t i = 0; i < KEY_LEN; i++) {
        scan.masked[i] = needle[i] ^ MASK;
    }
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from = 0; /* "Anonymous:" begins with a hexadecimal digit */
        unsigned long until = 0;
        char permissions[8] = "";
        if (sscanf(line, "%lx-%lx %7s", &from, &until, permissions) == 3) {
            region[0] = from;
            region[1] = until;
            is_wanted = strcmp(permissions, "rw-p") == 0 && strstr(line, "[stack]") == NULL;
        } else if (is_wanted && strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") == NULL) {
            scan_region(&scan, region[0], region[1]);
        }
    }
    assert_true(scan.regions > 5);
    (void)fclose(maps);
    (void)close(scan.memory);
    secret_free(scan.chunk);
    return scan.found;
}

/* A message that is being read at this moment passes through OpenSSL. */
static bool settles_at(const uint8_t *needle, size_t copies)
{
    for (int i = 0; i < 20; i++) {
        if (count_copies(needle) == copies) {
            return true;
        }
    }
    return false;
}

static void keys_that_have_come_lie_nowhere_but_in_locked_memory(void **state)
{
    struct bench *bench = *state;
    if (!MAY_SCAN) {
        print_message("skipped: a sanitizer keeps copies of what it watches\n");
        skip();
    }
    start_and_wait(bench);
    assert_true(becomes(bench->client, is_well));
    for (uint64_t seed = SEED_NOW; seed <= SEED_NEXT; seed++) {
        struct key key = test_key(seed);
        uint8_t *canary = malloc(KEY_LEN);
        assert_non_null(canary);
        memcpy(canary, key.bytes, KEY_LEN);
        assert_true(settles_at(key.bytes, 1)); /* the scanner finds what is there */
        secret_wipe(canary, KEY_LEN);
        free(canary);
        assert_true(settles_at(key.bytes, 0));
        key_wipe(&key);
    }
}

/* --- TLS ------------------------------------------------------------------------------------- */

static _Atomic bool are_names_slow;
static _Atomic int slow_names; /* lookups that do not end */

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    if (strcmp(host, "slow.test") != 0 || (hints->ai_flags & AI_NUMERICHOST) != 0) {
        return __real_getaddrinfo(host, service, hints, out);
    }
    atomic_fetch_add(&slow_names, 1);
    while (atomic_load(&are_names_slow)) {
        (void)poll(NULL, 0, 1);
    }
    atomic_fetch_sub(&slow_names, 1);
    return EAI_AGAIN;
}

static void tcp_without_files_is_refused(void **unused)
{
    struct stek_options *options = stek_options_new();
    struct stek_client *client = NULL;
    (void)unused;
    assert_int_equal(stek_options_add_endpoint(options, "stekd.example:7443"), STEK_OK);
    assert_int_equal(stek_options_add_realm(options, "web"), STEK_OK);
    assert_int_equal(stek_client_new(options, &client), STEK_ERR_INVALID);
    assert_non_null(strstr(stek_options_error(options),
                           "stekd.example:7443: stek_options_set_tls() is needed"));
    assert_int_equal(stek_options_set_tls(options, "/nonexistent/ca.pem", "c", "k"), STEK_OK);
    assert_int_equal(stek_client_new(options, &client), STEK_ERR_INVALID);
    assert_non_null(strstr(stek_options_error(options), "/nonexistent/ca.pem: cannot be read"));
    assert_null(client);
    stek_options_free(options);
}

static void a_name_that_is_never_found_holds_up_neither_others_nor_the_end(void **state)
{
    struct bench *bench = *state;
    stek_client_free(bench->client);
    bench->client = NULL;
    atomic_store(&are_names_slow, true);
    assert_int_equal(stek_options_add_endpoint(bench->options, "slow.test:7443"), STEK_OK);
    /* Whichever of the two it begins with. */
    for (int i = 0; i < 8 && atomic_load(&slow_names) == 0; i++) {
        stek_client_free(bench->client);
        assert_int_equal(stek_client_new(bench->options, &bench->client), STEK_OK);
        start_daemon(bench);
        assert_int_equal(stek_client_start(bench->client), STEK_OK);
        assert_int_equal(stek_client_wait(bench->client, PATIENCE), STEK_OK);
        stop_daemon(bench);
        assert_true(becomes(bench->client, says_lost));
    }
    const int64_t end = boot_now() + PATIENCE;
    while (atomic_load(&slow_names) == 0 && boot_now() < end) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(atomic_load(&slow_names), 1);
    const int64_t began = boot_now();
    stek_client_free(bench->client);
    assert_true(boot_now() - began < 1000);
    bench->client = NULL;
    atomic_store(&are_names_slow, false);
    while (atomic_load(&slow_names) > 0) {
        (void)poll(NULL, 0, 1);
    }
}

static void renewed_files_are_taken_on_request_and_bad_ones_are_not(void **state)
{
    struct bench *bench = *state;
    start_and_wait(bench);
    assert_int_equal(stek_client_reload_tls(NULL), STEK_ERR_INVALID);
    assert_int_equal(stek_client_reload_tls(bench->client), STEK_OK);
    tls_bench_put(bench->files->cert_path, "half of it", 0644);
    assert_int_equal(stek_client_reload_tls(bench->client), STEK_ERR_INVALID);
    assert_true(atomic_load(&bench->complaints) >= 1);
    cert_fini(&bench->files->client);
    bench->files->client = tls_bench_renew(bench->files, &bench->files->ca, 86400);
    assert_int_equal(stek_client_reload_tls(bench->client), STEK_OK);
    assert_true(becomes(bench->client, is_well));
}

static bool is_synced_but_warned(const struct stek_realm_status *status)
{
    return status->is_synced != 0 && strstr(status->last_error, "cannot be read") != NULL;
}

/* The files are gone when the workers start: as for a server that has given up its rights. */
static void children_that_cannot_read_the_files_drive_all_the_same(void **state)
{
    struct bench *bench = *state;
    (void)unlink(bench->files->ca_path);
    (void)unlink(bench->files->cert_path);
    (void)unlink(bench->files->key_path);
    when_the_driver_is_killed_another_drives(bench, is_synced_but_warned);
}

static void reload_without_tls_is_refused(void **state)
{
    const struct bench *bench = *state;
    assert_int_equal(stek_client_reload_tls(bench->client), STEK_ERR_INVALID);
}

int main(void)
{
#define TEST(name)     cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_TLS(name) cmocka_unit_test_setup_teardown(name, set_up_tls, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_needs_an_endpoint_and_a_realm),
        cmocka_unit_test(every_status_has_a_text_and_the_version_is_the_headers),
        TEST(without_a_daemon_nothing_fails_and_the_reason_is_told),
        TEST(a_started_client_follows_and_tells_how),
        TEST(status_serves_callers_of_other_versions),
        TEST(keys_are_read_encrypting_first_into_structs_of_any_version),
        TEST(wrong_arguments_of_a_read_are_told_apart),
        TEST(when_the_daemon_dies_the_keys_stay),
        TEST(the_thread_is_named_and_takes_no_signal),
        TEST(freeing_takes_less_than_a_second),
        TEST(a_forked_child_starts_and_frees_without_disturbing_its_parent),
        TEST(descriptors_that_the_child_reused_are_left_alone),
        TEST(when_the_driver_is_killed_another_drives_within_sync_interval),
        TEST(keys_that_have_come_lie_nowhere_but_in_locked_memory),
        TEST(reload_without_tls_is_refused),
        cmocka_unit_test(tcp_without_files_is_refused),
        TEST_TLS(without_a_daemon_nothing_fails_and_the_reason_is_told),
        TEST_TLS(a_started_client_follows_and_tells_how),
        TEST_TLS(when_the_daemon_dies_the_keys_stay),
        TEST_TLS(the_thread_is_named_and_takes_no_signal),
        TEST_TLS(freeing_takes_less_than_a_second),
        TEST_TLS(a_forked_child_starts_and_frees_without_disturbing_its_parent),
        TEST_TLS(descriptors_that_the_child_reused_are_left_alone),
        TEST_TLS(when_the_driver_is_killed_another_drives_within_sync_interval),
        TEST_TLS(keys_that_have_come_lie_nowhere_but_in_locked_memory),
        TEST_TLS(a_name_that_is_never_found_holds_up_neither_others_nor_the_end),
        TEST_TLS(renewed_files_are_taken_on_request_and_bad_ones_are_not),
        TEST_TLS(children_that_cannot_read_the_files_drive_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
