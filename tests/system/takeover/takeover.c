/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGKILL of the driving worker, again and again, while four workers serve.
 *
 * The parent makes the client and the server context, never drives, and forks the workers; each
 * of them starts the client and makes handshakes against itself without pause. The parent kills
 * whoever drives at a random moment, waits until another drives, and offers a ticket from before.
 * What must hold: no handshake fails, no ticket is refused, no lookup takes more than eight tries
 * or gives up, another process drives within sync_interval.
 *
 * usage: takeover ENDPOINT REALM KILLS SEED. Exit 0: all of it held; 1: not, and standard error
 * says what; 2: usage. One JSON object on standard output.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <stek/openssl.h>
#include <stek/stek.h>

#include "support/tls_pair.h"

#define WORKERS     4
#define DEADLINE_MS 20000

struct shared {
    _Atomic uint64_t handshakes;
    _Atomic uint64_t failures;
    _Atomic uint64_t offers;
    _Atomic uint64_t refused;
};

struct run {
    struct stek_client *client;
    const char *realm;
    SSL_CTX *server;
    SSL_CTX *dialer;
    struct shared *shared;
    pid_t workers[WORKERS];
    uint64_t seed;
    int64_t slowest_ms;
    uint64_t kills;
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t next_random(struct run *run)
{
    uint64_t z = (run->seed += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* A ticket is offered at once, so it is always inside its lifetime. */
static SSL_SESSION *serve_once(struct run *run, SSL_SESSION *ticket, int version)
{
    struct tls_pair_result result = {0};

    bool ok = tls_pair_handshake(run->server, run->dialer, version, ticket, &result);
    atomic_fetch_add(&run->shared->handshakes, 1);
    if (!ok) {
        atomic_fetch_add(&run->shared->failures, 1);
    }
    if (ticket != NULL && ok) {
        atomic_fetch_add(&run->shared->offers, 1);
        if (!result.resumed) {
            atomic_fetch_add(&run->shared->refused, 1);
        }
    }
    SSL_SESSION_free(ticket);
    return result.session;
}

static void work(struct run *run)
{
    SSL_SESSION *ticket[2] = {NULL, NULL};

    if (stek_client_start(run->client) != STEK_OK) {
        _exit(1);
    }
    for (;;) {
        ticket[0] = serve_once(run, ticket[0], TLS1_2_VERSION);
        ticket[1] = serve_once(run, ticket[1], TLS1_3_VERSION);
    }
}

static bool spawn(struct run *run, size_t slot)
{
    pid_t pid = fork();

    if (pid == 0) {
        /* Workers never end by themselves: not even a killed test leaves them behind. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        work(run);
    }
    run->workers[slot] = pid;
    return pid > 0;
}

static size_t find_worker(const struct run *run, int64_t pid)
{
    for (size_t i = 0; i < WORKERS; i++) {
        if (pid > 0 && run->workers[i] == (pid_t)pid) {
            return i;
        }
    }
    return WORKERS;
}

/* Waits until one of the living workers drives; its slot, or WORKERS after the deadline. */
static size_t wait_for_driver(struct run *run)
{
    int64_t end = now_ms() + DEADLINE_MS;

    while (now_ms() < end) {
        struct stek_realm_status status = {0};
        if (stek_client_status(run->client, run->realm, &status, sizeof(status)) == STEK_OK) {
            size_t slot = find_worker(run, status.driver_pid);
            if (slot < WORKERS) {
                return slot;
            }
        }
        (void)poll(NULL, 0, 1);
    }
    return WORKERS;
}

static bool kill_driver(struct run *run)
{
    size_t slot = wait_for_driver(run);
    if (slot == WORKERS) {
        (void)fprintf(stderr, "takeover: nobody drives after %d ms\n", DEADLINE_MS);
        return false;
    }
    /* A random moment of the new driver's first 16 ms: taking over, connecting, publishing. */
    struct timespec pause = {.tv_nsec = (long)(next_random(run) % 16000000)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);

    pid_t victim = run->workers[slot];
    run->workers[slot] = -1;
    if (kill(victim, SIGKILL) != 0 || waitpid(victim, NULL, 0) != victim) {
        (void)fprintf(stderr, "takeover: worker %ld had ended by itself\n", (long)victim);
        return false;
    }
    int64_t dead_at = now_ms();
    if (wait_for_driver(run) == WORKERS) {
        (void)fprintf(stderr, "takeover: nobody took over\n");
        return false;
    }
    int64_t took = now_ms() - dead_at;
    run->slowest_ms = took > run->slowest_ms ? took : run->slowest_ms;
    run->kills++;
    return spawn(run, slot);
}

static bool run_kills(struct run *run, uint64_t kills)
{
    while (run->kills < kills) {
        /* No key is lost: a ticket from before the kill opens after it. */
        int version = run->kills % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
        SSL_SESSION *kept = serve_once(run, NULL, version);
        bool ok = kill_driver(run);
        SSL_SESSION_free(serve_once(run, kept, version));
        if (!ok) {
            return false;
        }
    }
    return true;
}

static void stop_workers(struct run *run)
{
    for (size_t i = 0; i < WORKERS; i++) {
        if (run->workers[i] > 0) {
            (void)kill(run->workers[i], SIGKILL);
            (void)waitpid(run->workers[i], NULL, 0);
        }
    }
}

static bool judge(struct run *run)
{
    struct stek_realm_status s = {0};
    struct shared *sh = run->shared;

    if (stek_client_status(run->client, run->realm, &s, sizeof(s)) != STEK_OK) {
        return false;
    }
    (void)printf("{\"kills\": %" PRIu64 ", \"handshakes\": %" PRIu64 ", \"offers\": %" PRIu64
                 ", \"failures\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"max_tries\": %" PRIu64
                 ", \"busy\": %" PRIu64 ", \"unknown_key\": %" PRIu64
                 ", \"slowest_takeover_ms\": %" PRId64 ", \"sync_interval_ms\": %" PRId64 "}\n",
                 run->kills, sh->handshakes, sh->offers, sh->failures, sh->refused,
                 s.counters.max_tries, s.counters.busy, s.counters.unknown_key, run->slowest_ms,
                 s.sync_interval_ms);
    return sh->failures == 0 && sh->refused == 0 && sh->offers > run->kills &&
           s.counters.max_tries >= 1 && s.counters.max_tries <= 8 && s.counters.busy == 0 &&
           s.counters.unknown_key == 0 && run->slowest_ms <= s.sync_interval_ms;
}

static bool prepare(struct run *run, const char *endpoint)
{
    struct stek_options *options = stek_options_new();
    bool ok = options != NULL && stek_options_add_endpoint(options, endpoint) == STEK_OK &&
              stek_options_add_realm(options, run->realm) == STEK_OK &&
              stek_client_new(options, &run->client) == STEK_OK;

    if (!ok) {
        (void)fprintf(stderr, "takeover: %s\n",
                      options != NULL ? stek_options_error(options) : "out of memory");
    }
    stek_options_free(options);
    if (!ok) {
        return false;
    }
    run->server = tls_pair_server_ctx();
    run->dialer = tls_pair_client_ctx();
    run->shared =
        mmap(NULL, sizeof(*run->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run->server == NULL || run->dialer == NULL || run->shared == MAP_FAILED) {
        return false;
    }
    enum stek_status rc = stek_ssl_ctx_attach(run->client, run->server, run->realm, "");
    if (rc != STEK_OK) {
        (void)fprintf(stderr, "takeover: attach: %s\n", stek_status_text(rc));
    }
    return rc == STEK_OK;
}

/* Until a key is active, tickets are not issued, and the run would prove nothing. */
static bool wait_for_active(struct run *run)
{
    int64_t end = now_ms() + DEADLINE_MS;

    while (now_ms() < end) {
        struct stek_realm_status status = {0};
        if (stek_client_status(run->client, run->realm, &status, sizeof(status)) == STEK_OK &&
            status.has_snapshot && status.first_active_in_ms == 0) {
            return true;
        }
        (void)poll(NULL, 0, 5);
    }
    (void)fprintf(stderr, "takeover: no active key after %d ms\n", DEADLINE_MS);
    return false;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    bool ok = false;

    if (argc != 5) {
        (void)fprintf(stderr, "usage: takeover ENDPOINT REALM KILLS SEED\n");
        return 2;
    }
    run.realm = argv[2];
    run.seed = strtoull(argv[4], NULL, 10);
    if (!prepare(&run, argv[1])) {
        return 1;
    }
    for (size_t i = 0; i < WORKERS; i++) {
        if (!spawn(&run, i)) {
            goto out;
        }
    }
    ok = wait_for_active(&run) && run_kills(&run, strtoull(argv[3], NULL, 10));
    ok = judge(&run) && ok;

out:
    stop_workers(&run);
    SSL_CTX_free(run.server);
    SSL_CTX_free(run.dialer);
    stek_client_free(run.client);
    (void)munmap(run.shared, sizeof(*run.shared));
    return ok ? 0 : 1;
}
