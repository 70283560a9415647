/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes in four threads while the ring is published again and again, and rotates. */
#include <pthread.h>
#include <stdatomic.h>

#include "unit/client/openssl_fixture.h"

#define THREADS   4
#define ROTATIONS 60

struct run {
    SSL_CTX *server;
    atomic_bool is_over;
    _Atomic uint64_t handshakes;
    _Atomic uint64_t failures;
    _Atomic uint64_t refusals;
};

/* A ticket is offered at once, and its key lives for hours: none may be refused. */
static SSL_SESSION *shake_once(struct run *run, SSL_CTX *client, int version, SSL_SESSION *ticket)
{
    struct tls_pair_result result;

    if (!tls_pair_handshake(run->server, client, version, ticket, &result)) {
        atomic_fetch_add(&run->failures, 1);
    } else if (ticket != NULL && !result.resumed) {
        atomic_fetch_add(&run->refusals, 1);
    }
    atomic_fetch_add(&run->handshakes, 1);
    SSL_SESSION_free(ticket);
    return result.session;
}

static void *shake(void *arg)
{
    struct run *run = arg;
    SSL_CTX *client = tls_pair_client_ctx();
    SSL_SESSION *tickets[2] = {NULL, NULL};

    while (!atomic_load(&run->is_over)) {
        for (size_t i = 0; i < 2; i++) {
            tickets[i] = shake_once(run, client, versions[i], tickets[i]);
        }
    }
    SSL_SESSION_free(tickets[0]);
    SSL_SESSION_free(tickets[1]);
    SSL_CTX_free(client);
    return NULL;
}

static void rotations_under_four_threads_fail_and_refuse_nothing(void **state)
{
    struct fixture *f = *state;
    struct run run = {.server = f->server};
    pthread_t threads[THREADS];

    fixture_add_active(f, 1);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, shake, &run), 0);
    }
    for (unsigned int rotation = 0; rotation < ROTATIONS; rotation++) {
        uint64_t before = atomic_load(&run.handshakes);
        if (rotation % 2 == 0) {
            /* Newer than the last by a millisecond: takes over at once. */
            key_world_add(&f->world, (uint8_t)(2 + rotation), -HOUR + 1 + rotation, 11 * HOUR,
                          23 * HOUR);
        }
        while (atomic_load(&run.handshakes) < before + THREADS) {
            key_world_publish(&f->world);
        }
    }
    atomic_store(&run.is_over, true);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&run.failures), 0);
    /* A look-up may give up after its eight tries under such a writer; it says so, and only then
     * may a ticket be refused. */
    assert_true(atomic_load(&run.refusals) <= fixture_count(f, COUNT_BUSY));
    assert_true(fixture_count(f, COUNT_DECRYPTED) > ROTATIONS);
    assert_int_equal(fixture_count(f, COUNT_UNKNOWN_KEY), 0);
    assert_int_equal(fixture_count(f, COUNT_CRYPTO_FAILURES), 0);
    assert_true(ringmap_max_tries(f->world.map, 0) <= RINGMAP_TRIES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(rotations_under_four_threads_fail_and_refuse_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
