/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL failing under libstek: handshakes go on without tickets, and are counted (I9, F8). */
#include "support/openssl_faults.h"

#include "unit/client/openssl_fixture.h"

/* Handshakes that first use up the thread's pool, so that the generator is asked again. */
static void drain_pool(struct fixture *f)
{
    uint64_t failures = fixture_count(f, COUNT_CRYPTO_FAILURES);

    for (int i = 0; i < 1000 && fixture_count(f, COUNT_CRYPTO_FAILURES) == failures; i++) {
        struct tls_pair_result result = fixture_shake(f, TLS1_3_VERSION, NULL);
        SSL_SESSION_free(result.session);
    }
    assert_true(fixture_count(f, COUNT_CRYPTO_FAILURES) > failures);
}

static void while_openssl_fails_handshakes_are_full_and_without_tickets(void **state)
{
    static const enum openssl_fault faults[] = {OPENSSL_FAULT_RAND, OPENSSL_FAULT_CIPHER,
                                                OPENSSL_FAULT_MAC, OPENSSL_FAULT_APPDATA,
                                                OPENSSL_FAULT_HASH};
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t row = 0; row < sizeof(faults) / sizeof(faults[0]); row++) {
        openssl_faults_set(faults[row]);
        if (faults[row] == OPENSSL_FAULT_RAND) {
            drain_pool(f);
        }
        for (size_t i = 0; i < 2; i++) {
            uint64_t failures = fixture_count(f, COUNT_CRYPTO_FAILURES);
            struct tls_pair_result result = fixture_shake(f, versions[i], NULL);
            assert_int_equal(result.tickets, 0);
            assert_true(fixture_count(f, COUNT_CRYPTO_FAILURES) > failures);
            assert_int_equal(ERR_peek_error(), 0);
        }
        openssl_faults_set(OPENSSL_FAULT_NONE);
        SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION); /* and it recovers */
        SSL_SESSION_free(ticket);
    }
}

static void while_openssl_fails_a_good_ticket_means_a_full_handshake(void **state)
{
    static const enum openssl_fault faults[] = {OPENSSL_FAULT_CIPHER, OPENSSL_FAULT_MAC,
                                                OPENSSL_FAULT_HASH};
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 6; i++) {
        SSL_SESSION *ticket = fixture_ticket(f, versions[i % 2]);
        uint64_t failures = fixture_count(f, COUNT_CRYPTO_FAILURES);
        openssl_faults_set(faults[i / 2]);
        assert_false(fixture_resumes(f, versions[i % 2], ticket));
        openssl_faults_set(OPENSSL_FAULT_NONE);
        assert_true(fixture_count(f, COUNT_CRYPTO_FAILURES) > failures);
        assert_true(fixture_resumes(f, versions[i % 2], ticket));
        SSL_SESSION_free(ticket);
    }
}

/* The last ticket's stamp must not do for the next one. */
static void a_stamp_that_cannot_be_renewed_ends_the_chain_without_a_ticket(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION);
    openssl_faults_set(OPENSSL_FAULT_APPDATA);
    struct tls_pair_result result = fixture_shake(f, TLS1_3_VERSION, ticket);
    openssl_faults_set(OPENSSL_FAULT_NONE);
    assert_true(result.resumed);
    assert_int_equal(result.tickets, 0);
    SSL_SESSION_free(ticket);
}

static void attach_tells_when_openssl_fails_and_changes_nothing(void **state)
{
    static const struct {
        enum openssl_fault fault;
        enum stek_status want;
    } rows[] = {
        {OPENSSL_FAULT_FETCH_CIPHER, STEK_ERR_CRYPTO},
        {OPENSSL_FAULT_FETCH_DIGEST, STEK_ERR_CRYPTO},
        {OPENSSL_FAULT_DIGEST, STEK_ERR_CRYPTO},
        {OPENSSL_FAULT_EX_DATA, STEK_ERR_NOMEM},
    };
    struct fixture *f = *state;

    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        SSL_CTX *ctx = tls_pair_server_ctx();
        openssl_faults_set(rows[row].fault);
        enum stek_status status = stek_ssl_ctx_attach(f->world.client, ctx, "web", "");
        openssl_faults_set(OPENSSL_FAULT_NONE);
        assert_int_equal(status, rows[row].want);
        assert_int_equal(ERR_peek_error(), 0);
        /* Untouched: libssl's own tickets still work, which is why the caller must look. */
        struct tls_pair_result made = fixture_shake_with(ctx, f->client, TLS1_3_VERSION, NULL);
        struct tls_pair_result got =
            fixture_shake_with(ctx, f->client, TLS1_3_VERSION, made.session);
        assert_true(got.resumed);
        assert_int_equal(stek_ssl_ctx_attach(f->world.client, ctx, "web", ""), STEK_OK);
        SSL_SESSION_free(made.session);
        SSL_SESSION_free(got.session);
        SSL_CTX_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(while_openssl_fails_handshakes_are_full_and_without_tickets),
        FIXTURE_TEST(while_openssl_fails_a_good_ticket_means_a_full_handshake),
        FIXTURE_TEST(a_stamp_that_cannot_be_renewed_ends_the_chain_without_a_ticket),
        FIXTURE_TEST(attach_tells_when_openssl_fails_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
