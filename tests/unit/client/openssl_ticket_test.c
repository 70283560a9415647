/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_ticket.h"

#include "base/secret.h"
#include "unit/client/openssl_fixture.h"

/* --- issuing ----------------------------------------------------------------------------------
 */

static void an_empty_ring_makes_full_handshakes_without_tickets(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        struct tls_pair_result result = fixture_shake(f, versions[i], NULL);
        assert_false(result.resumed);
        assert_int_equal(result.tickets, 0);
    }
    assert_true(fixture_count(f, COUNT_NO_KEY) >= 2);
    assert_int_equal(fixture_count(f, COUNT_ISSUED), 0);
}

static void a_key_that_is_not_active_yet_or_any_more_issues_nothing(void **state)
{
    struct fixture *f = *state;

    key_world_add(&f->world, 1, HOUR, 2 * HOUR, 3 * HOUR);
    for (int hour = 0; hour < 4; hour++) {
        for (size_t i = 0; i < 2; i++) {
            struct tls_pair_result result = fixture_shake(f, versions[i], NULL);
            assert_int_equal(result.tickets > 0, hour == 1);
            SSL_SESSION_free(result.session);
        }
        key_world_pass(&f->world, HOUR);
    }
}

static void a_ticket_resumes_and_carries_the_name_of_the_encrypting_key(void **state)
{
    struct fixture *f = *state;
    uint8_t name[KEY_NAME_LEN];

    fixture_add_active(f, 1);
    key_world_name(1, name);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *ticket = fixture_ticket(f, versions[i]);
        assert_memory_equal(fixture_key_name(ticket), name, sizeof(name));
        assert_true(fixture_resumes(f, versions[i], ticket));
        SSL_SESSION_free(ticket);
    }
    assert_int_equal(fixture_count(f, COUNT_DECRYPTED), 2);
}

/* RFC 5077 section 4: name | IV | AES-256-CBC | HMAC-SHA-256 over all before it, with the subkeys
 * of realm and context, recomputed here. */
static void a_ticket_is_what_the_rfc_says_under_the_derived_keys(void **state)
{
    struct fixture *f = *state;
    struct subkeys subkeys;
    uint8_t mac[32];
    uint8_t plain[1024];

    fixture_add_active(f, 1);
    key_world_subkeys(1, "web", "", &subkeys);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session = fixture_ticket(f, versions[i]);
        const unsigned char *ticket = NULL;
        size_t len = 0;
        int plain_len = 0;
        int last_len = 0;

        SSL_SESSION_get0_ticket(session, &ticket, &len);
        assert_non_null(HMAC(EVP_sha256(), subkeys.hmac, sizeof(subkeys.hmac), ticket,
                             len - sizeof(mac), mac, NULL));
        assert_memory_equal(mac, ticket + len - sizeof(mac), sizeof(mac));
        assert_int_equal((len - 32 - sizeof(mac)) % 16, 0);

        EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
        assert_int_equal(EVP_DecryptInit_ex(aes, EVP_aes_256_cbc(), NULL, subkeys.aes, ticket + 16),
                         1);
        assert_int_equal(
            EVP_DecryptUpdate(aes, plain, &plain_len, ticket + 32, (int)(len - 32 - sizeof(mac))),
            1);
        assert_int_equal(EVP_DecryptFinal_ex(aes, plain + plain_len, &last_len), 1);
        const unsigned char *at = plain;
        SSL_SESSION *inside = d2i_SSL_SESSION(NULL, &at, plain_len + last_len);
        assert_non_null(inside);
        assert_int_equal(SSL_SESSION_get_protocol_version(inside), versions[i]);
        SSL_SESSION_free(inside);
        EVP_CIPHER_CTX_free(aes);
        SSL_SESSION_free(session);
    }
}

/* Tickets under one vector open as well as others do, but show what they have in common. */
static void no_two_tickets_are_encrypted_under_one_vector(void **state)
{
    enum { TICKETS = 8 };
    struct fixture *f = *state;
    uint8_t seen[TICKETS][16];

    fixture_add_active(f, 1);
    for (size_t i = 0; i < TICKETS; i++) {
        SSL_SESSION *ticket = fixture_ticket(f, versions[i % 2]);
        memcpy(seen[i], fixture_key_name(ticket) + KEY_NAME_LEN, sizeof(seen[i]));
        SSL_SESSION_free(ticket);
        assert_false(secret_is_weak(seen[i], sizeof(seen[i])));
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(seen[i], seen[j], sizeof(seen[i]));
        }
    }
}

/* --- opening ----------------------------------------------------------------------------------
 */

static void a_revoked_or_dropped_key_opens_nothing(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        uint8_t seed = (uint8_t)(10 + i);
        key_world_add(&f->world, seed, -HOUR, HOUR, 2 * HOUR);
        SSL_SESSION *ticket = fixture_ticket(f, versions[i]);
        assert_true(fixture_resumes(f, versions[i], ticket));
        if (i == 0) {
            key_world_revoke_all(&f->world);
        } else {
            key_world_pass(&f->world, 2 * HOUR);
        }
        assert_false(fixture_resumes(f, versions[i], ticket));
        assert_int_equal(fixture_count(f, COUNT_REFUSED_OLD), i + 1);
        SSL_SESSION_free(ticket);
    }
}

static void a_key_nobody_here_has_is_counted_as_unknown(void **state)
{
    struct fixture *f = *state;
    struct key_world other;

    key_world_init(&other);
    key_world_add(&other, 9, -HOUR, HOUR, 2 * HOUR);
    SSL_CTX *elsewhere = key_world_server(&other, "");
    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        struct tls_pair_result made = fixture_shake_with(elsewhere, f->client, versions[i], NULL);
        struct tls_pair_result got = fixture_shake(f, versions[i], made.session);
        assert_false(got.resumed);
        assert_non_null(got.session); /* and the client leaves with one of ours */
        SSL_SESSION_free(made.session);
        SSL_SESSION_free(got.session);
    }
    assert_int_equal(fixture_count(f, COUNT_UNKNOWN_KEY), 2);
    SSL_CTX_free(elsewhere);
    key_world_fini(&other);
}

/* I8, both ways and for both versions. */
static void a_ticket_never_opens_in_another_realm_or_context(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *contexts[3] = {f->server, key_world_server(&f->world, "strict"),
                            tls_pair_server_ctx()};

    assert_int_equal(stek_ssl_ctx_attach(f->world.client, contexts[2], "mail", ""), STEK_OK);
    fixture_add_active(f, 1);
    for (size_t from = 0; from < 3; from++) {
        for (size_t to = 0; to < 6; to++) {
            int version = versions[to % 2];
            struct tls_pair_result made =
                fixture_shake_with(contexts[from], f->client, version, NULL);
            assert_non_null(made.session);
            struct tls_pair_result got =
                fixture_shake_with(contexts[to / 2], f->client, version, made.session);
            assert_int_equal(got.resumed, from == to / 2);
            SSL_SESSION_free(made.session);
            SSL_SESSION_free(got.session);
        }
    }
    SSL_CTX_free(contexts[1]);
    SSL_CTX_free(contexts[2]);
}

/* --- renewing ---------------------------------------------------------------------------------
 */

static void tls_1_3_always_gives_a_new_ticket_so_that_chains_go_on(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION);
    for (int i = 0; i < 5; i++) {
        struct tls_pair_result result = fixture_shake(f, TLS1_3_VERSION, ticket);
        assert_true(result.resumed);
        assert_int_equal(result.tickets, 1);
        SSL_SESSION_free(ticket);
        ticket = result.session;
    }
    assert_int_equal(fixture_count(f, COUNT_RENEWED), 5);
    SSL_SESSION_free(ticket);
}

static void tls_1_2_renews_only_under_a_retired_key_while_another_is_active(void **state)
{
    struct fixture *f = *state;
    uint8_t name[KEY_NAME_LEN];

    key_world_name(2, name);
    key_world_add(&f->world, 1, -HOUR, HOUR, 12 * HOUR);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_2_VERSION);

    struct tls_pair_result while_active = fixture_shake(f, TLS1_2_VERSION, ticket);
    assert_true(while_active.resumed);
    assert_int_equal(while_active.tickets, 0);

    key_world_pass(&f->world, HOUR); /* retired, and nothing else is active */
    struct tls_pair_result alone = fixture_shake(f, TLS1_2_VERSION, ticket);
    assert_true(alone.resumed);
    assert_int_equal(alone.tickets, 0);
    assert_int_equal(fixture_count(f, COUNT_RENEWED), 0);

    key_world_add(&f->world, 2, -HOUR, 11 * HOUR, 23 * HOUR);
    struct tls_pair_result renewed = fixture_shake(f, TLS1_2_VERSION, ticket);
    assert_true(renewed.resumed);
    assert_int_equal(renewed.tickets, 1);
    assert_memory_equal(fixture_key_name(renewed.session), name, sizeof(name));
    assert_true(fixture_resumes(f, TLS1_2_VERSION, renewed.session));
    assert_int_equal(fixture_count(f, COUNT_RENEWED), 1);
    SSL_SESSION_free(renewed.session);
    SSL_SESSION_free(ticket);
}

static void tls_1_3_resumes_without_a_new_ticket_when_nothing_is_active(void **state)
{
    struct fixture *f = *state;

    key_world_add(&f->world, 1, -HOUR, HOUR, 12 * HOUR);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION);
    key_world_pass(&f->world, HOUR);
    struct tls_pair_result result = fixture_shake(f, TLS1_3_VERSION, ticket);
    assert_true(result.resumed);
    assert_int_equal(result.tickets, 0);
    SSL_SESSION_free(ticket);
}

/* libssl opens the ticket of each ClientHello, so that a retried one is looked at, and counted,
 * twice; it resumes and renews as any other. */
static void a_retried_hello_resumes_and_gets_one_new_ticket(void **state)
{
    struct fixture *f = *state;
    char groups[] = "P-384";

    fixture_add_active(f, 1);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION);
    assert_int_equal(SSL_CTX_set1_groups_list(f->server, groups), 1);
    struct tls_pair_result result = fixture_shake(f, TLS1_3_VERSION, ticket);
    assert_true(result.resumed);
    assert_int_equal(result.tickets, 1);
    assert_int_equal(fixture_count(f, COUNT_DECRYPTED), 2);
    SSL_SESSION_free(result.session);
    SSL_SESSION_free(ticket);
}

/* --- hostile tickets --------------------------------------------------------------------------
 */

/* `session` with the ticket replaced; the caller frees it. */
static SSL_SESSION *with_ticket(SSL_SESSION *session, size_t flip, size_t keep)
{
    const unsigned char *ticket = NULL;
    size_t ticket_len = 0;
    unsigned char *der = NULL;
    int der_len = i2d_SSL_SESSION(session, &der);

    assert_true(der_len > 0);
    SSL_SESSION_get0_ticket(session, &ticket, &ticket_len);
    unsigned char *at = memmem(der, (size_t)der_len, ticket, ticket_len);
    assert_non_null(at);
    if (flip < ticket_len) {
        at[flip] ^= 0x20;
    }
    memset(at + keep, 0, ticket_len - keep);
    const unsigned char *p = der;
    SSL_SESSION *made = d2i_SSL_SESSION(NULL, &p, der_len);
    assert_non_null(made);
    OPENSSL_free(der);
    return made;
}

static void a_ticket_with_any_byte_changed_never_resumes_and_never_fails(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *ticket = fixture_ticket(f, versions[i]);
        const unsigned char *bytes = NULL;
        size_t len = 0;

        SSL_SESSION_get0_ticket(ticket, &bytes, &len);
        SSL_SESSION *same = with_ticket(ticket, len, len);
        assert_true(fixture_resumes(f, versions[i], same)); /* the surgery itself is sound */
        SSL_SESSION_free(same);
        for (size_t at = 0; at < len; at++) {
            SSL_SESSION *bad = with_ticket(ticket, at, len);
            assert_false(fixture_resumes(f, versions[i], bad));
            SSL_SESSION_free(bad);
        }
        for (size_t keep = 0; keep < len; keep += 5) {
            SSL_SESSION *bad = with_ticket(ticket, len, keep);
            assert_false(fixture_resumes(f, versions[i], bad));
            SSL_SESSION_free(bad);
        }
        SSL_SESSION_free(ticket);
    }
    assert_int_equal(fixture_count(f, COUNT_CRYPTO_FAILURES), 0);
}

/* --- contexts that are switched ---------------------------------------------------------------
 */

static int switch_to(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    return SSL_set_SSL_CTX(ssl, arg) != NULL ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

static void a_connection_moved_to_an_unattached_context_has_no_tickets(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *bare = tls_pair_server_ctx();

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        SSL_CTX_set_client_hello_cb(f->server, NULL, NULL);
        SSL_SESSION *ticket = fixture_ticket(f, versions[i]);
        SSL_CTX_set_client_hello_cb(f->server, switch_to, bare);
        struct tls_pair_result result = fixture_shake(f, versions[i], ticket);
        assert_false(result.resumed);
        assert_int_equal(result.tickets, 0);
        SSL_SESSION_free(ticket);
    }
    SSL_CTX_free(bare);
}

static void a_connection_moved_to_another_context_uses_that_ones_keys(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *strict = key_world_server(&f->world, "strict");

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        SSL_CTX_set_client_hello_cb(f->server, NULL, NULL);
        SSL_SESSION *open = fixture_ticket(f, versions[i]);
        SSL_CTX_set_client_hello_cb(f->server, switch_to, strict);
        assert_false(fixture_resumes(f, versions[i], open));
        SSL_SESSION *own = fixture_ticket(f, versions[i]);
        assert_true(fixture_resumes(f, versions[i], own));
        struct tls_pair_result direct = fixture_shake_with(strict, f->client, versions[i], own);
        assert_true(direct.resumed);
        SSL_SESSION_free(direct.session);
        SSL_SESSION_free(open);
        SSL_SESSION_free(own);
    }
    SSL_CTX_free(strict);
}

/* EXP-2: what a callback leaves unfilled goes out in clear. Ours fills first and asks then. */
static void fields_in_clear_are_zero_when_no_ticket_is_issued(void **state)
{
    static const unsigned char zeros[EVP_MAX_IV_LENGTH];
    struct fixture *f = *state;
    unsigned char name[16];
    unsigned char iv[EVP_MAX_IV_LENGTH];
    SSL_CTX *bare = tls_pair_server_ctx();
    SSL *ssls[2] = {SSL_new(f->server), SSL_new(bare)};

    for (size_t i = 0; i < 2; i++) {
        memset(name, 0xAA, sizeof(name));
        memset(iv, 0xAA, sizeof(iv));
        assert_int_equal(openssl_ticket_on_key(ssls[i], name, iv, NULL, NULL, 1), 0);
        assert_memory_equal(name, zeros, sizeof(name));
        assert_memory_equal(iv, zeros, sizeof(iv));
        SSL_free(ssls[i]);
    }
    SSL_CTX_free(bare);
}

/* --- manners ----------------------------------------------------------------------------------
 */

static void the_error_queue_is_left_as_it_was_found(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION);
    assert_int_equal(ERR_peek_error(), 0);
    assert_true(fixture_resumes(f, TLS1_3_VERSION, ticket));
    assert_int_equal(ERR_peek_error(), 0);

    /* The application's own entry, made inside a handshake, is still there afterwards. */
    SSL_CTX *other = tls_pair_server_ctx();
    ERR_raise(ERR_LIB_USER, 42);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, other, "web", ""), STEK_OK);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, other, "none", ""),
                     STEK_ERR_UNKNOWN_REALM);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), 42);
    assert_int_equal(ERR_peek_error(), 0);
    SSL_CTX_free(other);
    SSL_SESSION_free(ticket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(an_empty_ring_makes_full_handshakes_without_tickets),
        FIXTURE_TEST(a_key_that_is_not_active_yet_or_any_more_issues_nothing),
        FIXTURE_TEST(a_ticket_resumes_and_carries_the_name_of_the_encrypting_key),
        FIXTURE_TEST(a_ticket_is_what_the_rfc_says_under_the_derived_keys),
        FIXTURE_TEST(no_two_tickets_are_encrypted_under_one_vector),
        FIXTURE_TEST(a_revoked_or_dropped_key_opens_nothing),
        FIXTURE_TEST(a_key_nobody_here_has_is_counted_as_unknown),
        FIXTURE_TEST(a_ticket_never_opens_in_another_realm_or_context),
        FIXTURE_TEST(tls_1_3_always_gives_a_new_ticket_so_that_chains_go_on),
        FIXTURE_TEST(tls_1_2_renews_only_under_a_retired_key_while_another_is_active),
        FIXTURE_TEST(tls_1_3_resumes_without_a_new_ticket_when_nothing_is_active),
        FIXTURE_TEST(a_retried_hello_resumes_and_gets_one_new_ticket),
        FIXTURE_TEST(a_ticket_with_any_byte_changed_never_resumes_and_never_fails),
        FIXTURE_TEST(a_connection_moved_to_an_unattached_context_has_no_tickets),
        FIXTURE_TEST(a_connection_moved_to_another_context_uses_that_ones_keys),
        FIXTURE_TEST(fields_in_clear_are_zero_when_no_ticket_is_issued),
        FIXTURE_TEST(the_error_queue_is_left_as_it_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
