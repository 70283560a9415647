/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_session.h"

#include <openssl/hmac.h>

#include "base/secret.h"
#include "unit/client/openssl_fixture.h"

#define MINUTE INT64_C(60000)

static int64_t hint_s(const SSL_SESSION *session)
{
    return (int64_t)SSL_SESSION_get_ticket_lifetime_hint(session);
}

/* The session inside the ticket, as only a holder of the key sees it. Caller frees. */
static SSL_SESSION *open_ticket(SSL_SESSION *session, uint8_t seed)
{
    struct subkeys subkeys;
    const unsigned char *ticket = NULL;
    uint8_t plain[1024];
    size_t len = 0;
    int plain_len = 0;
    int last_len = 0;
    EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();

    key_world_subkeys(seed, "web", "", &subkeys);
    SSL_SESSION_get0_ticket(session, &ticket, &len);
    assert_true(len > 64 && len - 64 <= sizeof(plain));
    assert_int_equal(EVP_DecryptInit_ex(aes, EVP_aes_256_cbc(), NULL, subkeys.aes, ticket + 16), 1);
    assert_int_equal(EVP_DecryptUpdate(aes, plain, &plain_len, ticket + 32, (int)(len - 64)), 1);
    assert_int_equal(EVP_DecryptFinal_ex(aes, plain + plain_len, &last_len), 1);
    EVP_CIPHER_CTX_free(aes);
    const unsigned char *at = plain;
    SSL_SESSION *inside = d2i_SSL_SESSION(NULL, &at, plain_len + last_len);
    assert_non_null(inside);
    return inside;
}

/* --- the lifetime -----------------------------------------------------------------------------
 */

/* N7: at the start, middle and end of a key's life, and with a remainder of a second. */
static void the_client_is_told_how_long_its_ticket_really_lives(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int64_t pass_ms;
        int64_t want_s;
    } rows[] = {
        {0, 12 * 3600},                     /* ticket_lifetime is the least */
        {11 * HOUR, 12 * 3600},             /* 12 h of the key are left */
        {1, 12 * 3600 - 1},                 /* 1 ms less: rounded down */
        {999, 12 * 3600 - 1},               /* 1 s less */
        {1, 12 * 3600 - 2},                 /* 1.001 s less */
        {11 * HOUR - 1001 + 500, 3600 - 1}, /* half a second into the last hour but one */
        {HOUR - 500 - 1000, 1},             /* one second */
        {1, 0},                             /* less than one: no ticket */
    };

    key_world_add(&f->world, 1, 0, 23 * HOUR - 1, 23 * HOUR);
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        key_world_pass(&f->world, rows[row].pass_ms);
        for (size_t i = 0; i < 2; i++) {
            struct tls_pair_result result = fixture_shake(f, versions[i], NULL);
            assert_int_equal(result.tickets > 0, rows[row].want_s > 0);
            if (result.session != NULL) {
                assert_int_equal(hint_s(result.session), rows[row].want_s);
                SSL_SESSION *inside = open_ticket(result.session, 1);
                assert_int_equal(SSL_SESSION_get_timeout(inside), rows[row].want_s);
                SSL_SESSION_free(inside);
            }
            SSL_SESSION_free(result.session);
        }
    }
}

static void
a_ticket_resumes_for_its_timeout_and_the_slack_of_clocks_and_not_a_millisecond_longer(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        key_world_add(&f->world, (uint8_t)(1 + i), 0, 30 * HOUR, 40 * HOUR);
        SSL_SESSION *ticket = fixture_ticket(f, versions[i]);
        key_world_pass(&f->world, 12 * HOUR);
        assert_true(fixture_resumes(f, versions[i], ticket));
        key_world_pass(&f->world, 2000 - 1);
        assert_true(fixture_resumes(f, versions[i], ticket));
        key_world_pass(&f->world, 1);
        assert_false(fixture_resumes(f, versions[i], ticket));
        SSL_SESSION_free(ticket);
    }
    assert_int_equal(fixture_count(f, COUNT_REFUSED_OLD), 2);
}

/* The wall clock stands still here while 11 hours pass in the fleet, which is what a host with a
 * wrong clock looks like: libssl alone would accept or refuse by it. */
static void each_new_ticket_lives_by_fleet_time_from_its_own_issue(void **state)
{
    struct fixture *f = *state;

    key_world_add(&f->world, 1, 0, 30 * HOUR, 40 * HOUR);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION);
    key_world_pass(&f->world, 11 * HOUR);
    struct tls_pair_result second = fixture_shake(f, TLS1_3_VERSION, ticket);
    assert_true(second.resumed);
    assert_non_null(second.session);
    assert_int_equal(hint_s(second.session), 12 * 3600);
    key_world_pass(&f->world, 11 * HOUR);
    assert_false(fixture_resumes(f, TLS1_3_VERSION, ticket));
    assert_true(fixture_resumes(f, TLS1_3_VERSION, second.session));
    SSL_SESSION_free(ticket);
    SSL_SESSION_free(second.session);
}

/* libssl compares the session's time with this host's clock. A ticket from a node whose wall clock
 * is a day slow looks a day old here; by fleet time it is new. */
static void a_wrong_wall_clock_of_the_issuer_refuses_nothing(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        struct subkeys keys;
        const unsigned char *ticket = NULL;
        size_t len = 0;
        unsigned char *der = NULL;
        uint8_t sealed[2048];
        int at = 0;
        int last = 0;

        SSL_SESSION *session = fixture_ticket(f, versions[i]);
        SSL_SESSION *inside = open_ticket(session, 1);
        assert_true(SSL_SESSION_set_time(inside, SSL_SESSION_get_time(inside) - 86400) > 0);
        int der_len = i2d_SSL_SESSION(inside, &der);
        SSL_SESSION_get0_ticket(session, &ticket, &len);
        assert_true(der_len > 0 && len <= sizeof(sealed));
        key_world_subkeys(1, "web", "", &keys);
        memcpy(sealed, ticket, 32);
        EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
        assert_int_equal(EVP_EncryptInit_ex(aes, EVP_aes_256_cbc(), NULL, keys.aes, sealed + 16),
                         1);
        assert_int_equal(EVP_EncryptUpdate(aes, sealed + 32, &at, der, der_len), 1);
        assert_int_equal(EVP_EncryptFinal_ex(aes, sealed + 32 + at, &last), 1);
        assert_int_equal((size_t)(at + last) + 64, len); /* same length: fits in place */
        assert_non_null(HMAC(EVP_sha256(), keys.hmac, sizeof(keys.hmac), sealed, len - 32,
                             sealed + len - 32, NULL));
        EVP_CIPHER_CTX_free(aes);
        OPENSSL_free(der);

        der = NULL;
        der_len = i2d_SSL_SESSION(session, &der);
        unsigned char *place = memmem(der, (size_t)der_len, ticket, len);
        assert_non_null(place);
        memcpy(place, sealed, len);
        const unsigned char *p = der;
        SSL_SESSION *offer = d2i_SSL_SESSION(NULL, &p, der_len);
        assert_true(fixture_resumes(f, versions[i], offer));
        OPENSSL_free(der);
        SSL_SESSION_free(offer);
        SSL_SESSION_free(inside);
        SSL_SESSION_free(session);
    }
}

/* --- chains -----------------------------------------------------------------------------------
 */

static void a_chain_of_tickets_ends_at_max_session_age_however_often_renewed(void **state)
{
    struct fixture *f = *state;

    key_world_add(&f->world, 1, 0, 100 * HOUR, 120 * HOUR);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION);
    for (int hours = 0; hours < 20; hours += 5) {
        key_world_pass(&f->world, 5 * HOUR);
        struct tls_pair_result result = fixture_shake(f, TLS1_3_VERSION, ticket);
        assert_true(result.resumed);
        assert_non_null(result.session);
        SSL_SESSION_free(ticket);
        ticket = result.session;
        /* Never promised beyond the chain's end, 24 h after the full handshake. */
        int64_t left = (24 - (hours + 5)) * 3600;
        assert_int_equal(hint_s(ticket), left < 12 * 3600 ? left : 12 * 3600);
    }
    key_world_pass(&f->world, 4 * HOUR - 1);
    struct tls_pair_result last = fixture_shake(f, TLS1_3_VERSION, ticket);
    assert_true(last.resumed);
    assert_null(last.session); /* less than a second is left: none */
    key_world_pass(&f->world, 1);
    struct tls_pair_result over = fixture_shake(f, TLS1_3_VERSION, ticket);
    assert_false(over.resumed);
    assert_int_equal(hint_s(over.session), 12 * 3600); /* a new chain */
    assert_int_equal(fixture_count(f, COUNT_REFUSED_OLD), 1);
    SSL_SESSION_free(over.session);
    SSL_SESSION_free(ticket);
}

static void a_shorter_max_session_age_ends_chains_that_have_begun(void **state)
{
    struct fixture *f = *state;

    key_world_add(&f->world, 1, 0, 100 * HOUR, 120 * HOUR);
    for (size_t i = 0; i < 2; i++) {
        f->world.policy.max_session_age_ms = 24 * HOUR;
        key_world_publish(&f->world);
        SSL_SESSION *ticket = fixture_ticket(f, versions[i]);
        key_world_pass(&f->world, HOUR);
        f->world.policy.max_session_age_ms = HOUR + 1;
        key_world_publish(&f->world);
        assert_true(fixture_resumes(f, versions[i], ticket));
        f->world.policy.max_session_age_ms = HOUR;
        key_world_publish(&f->world);
        assert_false(fixture_resumes(f, versions[i], ticket));
        SSL_SESSION_free(ticket);
    }
}

static void a_renewed_tls_1_2_ticket_keeps_its_chain_and_lives_anew(void **state)
{
    struct fixture *f = *state;

    key_world_add(&f->world, 1, -HOUR, HOUR, 23 * HOUR);
    SSL_SESSION *first = fixture_ticket(f, TLS1_2_VERSION);
    key_world_pass(&f->world, 10 * HOUR);
    key_world_add(&f->world, 2, -HOUR, 20 * HOUR, 40 * HOUR);
    struct tls_pair_result renewed = fixture_shake(f, TLS1_2_VERSION, first);
    assert_true(renewed.resumed);
    assert_int_equal(renewed.tickets, 1);
    assert_int_equal(hint_s(renewed.session), 0); /* libssl: unspecified */
    SSL_SESSION *inside = open_ticket(renewed.session, 2);
    assert_int_equal(SSL_SESSION_get_timeout(inside), 12 * 3600);
    SSL_SESSION_free(inside);
    key_world_pass(&f->world, 12 * HOUR + 2000 - 1);
    assert_false(fixture_resumes(f, TLS1_2_VERSION, first));
    assert_true(fixture_resumes(f, TLS1_2_VERSION, renewed.session));
    key_world_pass(&f->world, 1);
    assert_false(fixture_resumes(f, TLS1_2_VERSION, renewed.session));
    SSL_SESSION_free(first);
    SSL_SESSION_free(renewed.session);
}

/* Renewal at the very end of a session's life made another server's handshakes fail. */
static void renewing_in_the_last_instant_of_a_life_fails_nothing(void **state)
{
    struct fixture *f = *state;

    for (int64_t early = 1; early <= 2001; early += 500) {
        uint8_t seed = (uint8_t)(early / 500);
        key_world_add(&f->world, (uint8_t)(2 * seed), 0, HOUR, 2 * HOUR);
        SSL_SESSION *ticket12 = fixture_ticket(f, TLS1_2_VERSION);
        SSL_SESSION *ticket13 = fixture_ticket(f, TLS1_3_VERSION);
        key_world_pass(&f->world, 2 * HOUR - early);
        key_world_add(&f->world, (uint8_t)(2 * seed + 1), -HOUR, early + 1, early + 2);
        assert_true(fixture_resumes(f, TLS1_2_VERSION, ticket12));
        assert_true(fixture_resumes(f, TLS1_3_VERSION, ticket13));
        SSL_SESSION_free(ticket12);
        SSL_SESSION_free(ticket13);
        key_world_pass(&f->world, early + 2);
    }
}

/* --- what is not ours -------------------------------------------------------------------------
 */

static int no_stamp(SSL *ssl, void *arg)
{
    (void)ssl;
    (void)arg;
    return 1;
}

static void a_session_without_a_stamp_becomes_no_ticket(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    assert_int_equal(
        SSL_CTX_set_session_ticket_cb(f->server, no_stamp, openssl_session_on_decrypted, NULL), 1);
    for (size_t i = 0; i < 2; i++) {
        struct tls_pair_result result = fixture_shake(f, versions[i], NULL);
        assert_int_equal(result.tickets, 0);
    }
    assert_int_equal(fixture_count(f, COUNT_ISSUED), 0);
}

struct forgery {
    unsigned char version;
    size_t len;
};

/* The real stamp, with another version or length. */
static int forge_stamp(SSL *ssl, void *arg)
{
    const struct forgery *forgery = arg;
    unsigned char bytes[64] = {0};
    void *data = NULL;
    size_t len = 0;

    (void)openssl_session_on_generate(ssl, NULL);
    (void)SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &data, &len);
    if (data == NULL || len > sizeof(bytes)) {
        return 0;
    }
    memcpy(bytes, data, len);
    bytes[0] = forgery->version;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), bytes, forgery->len);
}

static void a_stamp_of_another_version_or_length_becomes_no_ticket(void **state)
{
    struct fixture *f = *state;
    static struct forgery rows[] = {{2, 33}, {0, 33}, {1, 33}, {3, 33}, {1, 17},
                                    {2, 32}, {2, 34}, {2, 1},  {2, 0}};

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(SSL_CTX_set_session_ticket_cb(f->server, forge_stamp,
                                                       openssl_session_on_decrypted, &rows[i / 2]),
                         1);
        struct tls_pair_result result = fixture_shake(f, versions[i % 2], NULL);
        assert_int_equal(result.tickets > 0, i / 2 == 0);
        SSL_SESSION_free(result.session);
    }
}

static SSL_TICKET_RETURN revoke_and_decide(SSL *ssl, SSL_SESSION *session,
                                           const unsigned char *key_name, size_t key_name_len,
                                           SSL_TICKET_STATUS status, void *arg)
{
    if (status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW) {
        key_world_revoke_all(arg);
    }
    return openssl_session_on_decrypted(ssl, session, key_name, key_name_len, status, arg);
}

static void a_key_revoked_while_its_ticket_is_being_opened_opens_nothing(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        fixture_add_active(f, (uint8_t)(1 + i));
        SSL_SESSION *ticket = fixture_ticket(f, versions[i]);
        assert_int_equal(SSL_CTX_set_session_ticket_cb(f->server, openssl_session_on_generate,
                                                       revoke_and_decide, &f->world),
                         1);
        assert_false(fixture_resumes(f, versions[i], ticket));
        assert_int_equal(fixture_count(f, COUNT_REFUSED_OLD), i + 1);
        SSL_SESSION_free(ticket);
    }
}

/* Keeps the session of a connection that had no ticket, as an application without tickets would. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

/* A session in the server's own cache is seen by other threads: neither changed nor made into a
 * ticket. The first connection has no ticket extension, the second asks for a ticket. */
static void a_session_from_the_servers_cache_is_left_alone(void **state)
{
    struct fixture *f = *state;
    SSL_SESSION *kept = NULL;
    SSL_CTX *plain = tls_pair_client_ctx();

    fixture_add_active(f, 1);
    (void)SSL_CTX_set_session_cache_mode(f->server, SSL_SESS_CACHE_SERVER);
    (void)SSL_CTX_set_options(plain, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_app_data(plain, &kept);
    SSL_CTX_sess_set_new_cb(plain, keep_session);
    (void)fixture_shake_with(f->server, plain, TLS1_2_VERSION, NULL);
    assert_non_null(kept);
    assert_int_equal(SSL_CTX_sess_number(f->server), 1);

    struct tls_pair_result result = fixture_shake(f, TLS1_2_VERSION, kept);
    assert_true(result.resumed);
    assert_int_equal(result.tickets, 0);
    assert_int_equal(fixture_count(f, COUNT_ISSUED), 0);
    SSL_SESSION_free(kept);
    SSL_CTX_free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_client_is_told_how_long_its_ticket_really_lives),
        FIXTURE_TEST(
            a_ticket_resumes_for_its_timeout_and_the_slack_of_clocks_and_not_a_millisecond_longer),
        FIXTURE_TEST(each_new_ticket_lives_by_fleet_time_from_its_own_issue),
        FIXTURE_TEST(a_wrong_wall_clock_of_the_issuer_refuses_nothing),
        FIXTURE_TEST(a_chain_of_tickets_ends_at_max_session_age_however_often_renewed),
        FIXTURE_TEST(a_shorter_max_session_age_ends_chains_that_have_begun),
        FIXTURE_TEST(a_renewed_tls_1_2_ticket_keeps_its_chain_and_lives_anew),
        FIXTURE_TEST(renewing_in_the_last_instant_of_a_life_fails_nothing),
        FIXTURE_TEST(a_session_without_a_stamp_becomes_no_ticket),
        FIXTURE_TEST(a_stamp_of_another_version_or_length_becomes_no_ticket),
        FIXTURE_TEST(a_key_revoked_while_its_ticket_is_being_opened_opens_nothing),
        FIXTURE_TEST(a_session_from_the_servers_cache_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
