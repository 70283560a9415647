/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_attach.h"

#include "support/broken_writer.h"
#include "unit/client/openssl_fixture.h"

/* --- refusals ---------------------------------------------------------------------------------
 */

static void arguments_that_cannot_be_meant_are_invalid(void **state)
{
    struct fixture *f = *state;
    struct stek_client *client = f->world.client;
    char context[CONTEXT_MAX + 2];
    SSL_CTX *ctx = tls_pair_server_ctx();

    assert_int_equal(stek_ssl_ctx_attach(NULL, ctx, "web", ""), STEK_ERR_INVALID);
    assert_int_equal(stek_ssl_ctx_attach(client, NULL, "web", ""), STEK_ERR_INVALID);
    assert_int_equal(stek_ssl_ctx_attach(client, ctx, NULL, ""), STEK_ERR_INVALID);
    assert_int_equal(stek_ssl_ctx_attach(client, ctx, "web", NULL), STEK_ERR_INVALID);
    assert_int_equal(stek_ssl_ctx_attach(client, ctx, "other", ""), STEK_ERR_UNKNOWN_REALM);
    memset(context, 'x', sizeof(context));
    context[CONTEXT_MAX + 1] = '\0';
    assert_int_equal(stek_ssl_ctx_attach(client, ctx, "web", context), STEK_ERR_INVALID);
    context[CONTEXT_MAX] = '\0';
    assert_int_equal(stek_ssl_ctx_attach(client, ctx, "web", context), STEK_OK);
    SSL_CTX_free(ctx);
}

static void a_server_that_libssl_would_not_give_tickets_is_refused(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *no_tickets = tls_pair_server_ctx();
    SSL_CTX *early_data = tls_pair_server_ctx();
    SSL_CTX *datagrams = SSL_CTX_new(DTLS_server_method());

    (void)SSL_CTX_set_options(no_tickets, SSL_OP_NO_TICKET);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, no_tickets, "web", ""), STEK_ERR_REFUSED);
    assert_int_equal(SSL_CTX_set_max_early_data(early_data, 1), 1);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, early_data, "web", ""), STEK_ERR_REFUSED);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, datagrams, "web", ""),
                     STEK_ERR_UNSUPPORTED);

    /* With nothing changed: switched to what is allowed, it goes. */
    (void)SSL_CTX_clear_options(no_tickets, SSL_OP_NO_TICKET);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, no_tickets, "web", ""), STEK_OK);
    assert_int_equal(SSL_CTX_set_max_early_data(early_data, 0), 1);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, early_data, "mail", ""), STEK_OK);
    SSL_CTX_free(no_tickets);
    SSL_CTX_free(early_data);
    SSL_CTX_free(datagrams);
}

static void more_contexts_than_were_asked_for_are_too_many(void **state)
{
    struct fixture *f = *state; /* room for 4, one is taken */
    const char *contexts[] = {"a", "b", "c", "d"};
    SSL_CTX *ctx[4];

    for (size_t i = 0; i < 4; i++) {
        ctx[i] = tls_pair_server_ctx();
        assert_int_equal(stek_ssl_ctx_attach(f->world.client, ctx[i], "web", contexts[i]),
                         i < 3 ? STEK_OK : STEK_ERR_TOO_SMALL);
    }
    /* One that is known needs no room. */
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, ctx[3], "web", "a"), STEK_OK);
    for (size_t i = 0; i < 4; i++) {
        SSL_CTX_free(ctx[i]);
    }
}

/* As stek_keyring_read() names it. */
static void a_mapping_beyond_repair_is_the_systems_fault_and_not_openssls(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *ctx = tls_pair_server_ctx();
    struct stek_key key;
    size_t count = 0;

    broken_writer_make(f->world.map);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, ctx, "web", "new"), STEK_ERR_SYSTEM);
    assert_int_equal(stek_keyring_read(f->world.client, "web", "new", &key, sizeof(key), 1, &count),
                     STEK_ERR_SYSTEM);
    SSL_CTX_free(ctx);
}

static void attaching_again_is_fine_only_if_nothing_differs(void **state)
{
    struct fixture *f = *state;
    struct stek_client *client = f->world.client;

    assert_int_equal(stek_ssl_ctx_attach(client, f->server, "web", ""), STEK_OK);
    assert_int_equal(stek_ssl_ctx_attach(client, f->server, "web", "x"), STEK_ERR_REFUSED);
    assert_int_equal(stek_ssl_ctx_attach(client, f->server, "mail", ""), STEK_ERR_REFUSED);
    SSL_CTX_set_verify(f->server, SSL_VERIFY_PEER, NULL);
    assert_int_equal(stek_ssl_ctx_attach(client, f->server, "web", ""), STEK_ERR_REFUSED);
    SSL_CTX_set_verify(f->server, SSL_VERIFY_NONE, NULL);
    fixture_add_active(f, 1);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION);
    assert_true(fixture_resumes(f, TLS1_3_VERSION, ticket));
    SSL_SESSION_free(ticket);
}

static int their_evp_callback(SSL *ssl, unsigned char *name, unsigned char *iv,
                              EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_encrypting)
{
    (void)ssl;
    (void)name;
    (void)iv;
    (void)cipher;
    (void)mac;
    (void)is_encrypting;
    return -1;
}

static void the_applications_own_key_callback_is_replaced(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *ctx = tls_pair_server_ctx();

    fixture_add_active(f, 1);
    assert_int_equal(SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, their_evp_callback), 1);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, ctx, "web", ""), STEK_OK);
    for (size_t i = 0; i < 2; i++) {
        struct tls_pair_result result = fixture_shake_with(ctx, f->client, versions[i], NULL);
        assert_non_null(result.session);
        SSL_SESSION_free(result.session);
    }
    SSL_CTX_free(ctx);
}

/* --- the policy changes after attach ----------------------------------------------------------
 */

static void a_session_id_context_changed_after_attach_issues_no_ticket(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *before = fixture_ticket(f, versions[i]);
        assert_int_equal(SSL_CTX_set_session_id_context(f->server, (const unsigned char *)"x", 1),
                         1);
        struct tls_pair_result result = fixture_shake(f, versions[i], before);
        assert_false(result.resumed);
        assert_int_equal(result.tickets, 0);
        SSL_SESSION_free(before);
        SSL_CTX_free(f->server);
        f->server = key_world_server(&f->world, "");
    }
    assert_true(fixture_count(f, COUNT_POLICY_MISMATCH) >= 2);
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

static void a_verify_mode_changed_after_attach_neither_issues_nor_opens(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *before = fixture_ticket(f, versions[i]);
        SSL_CTX_set_verify(f->server, SSL_VERIFY_PEER, accept_any);
        struct tls_pair_result result = fixture_shake(f, versions[i], before);
        assert_false(result.resumed);
        assert_int_equal(result.tickets, 0);
        SSL_CTX_set_verify(f->server, SSL_VERIFY_NONE, NULL);
        assert_true(fixture_resumes(f, versions[i], before));
        SSL_SESSION_free(before);
    }
    assert_true(fixture_count(f, COUNT_POLICY_MISMATCH) >= 4);
}

static void early_data_switched_on_after_attach_issues_no_ticket(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    assert_int_equal(SSL_CTX_set_max_early_data(f->server, 1024), 1);
    (void)SSL_CTX_set_options(f->server, SSL_OP_NO_ANTI_REPLAY);
    struct tls_pair_result result = fixture_shake(f, TLS1_3_VERSION, NULL);
    assert_int_equal(result.tickets, 0);
    assert_true(fixture_count(f, COUNT_POLICY_MISMATCH) >= 1);
}

/* --- one listener, two policies (EXP-1) -------------------------------------------------------
 */

#define OPEN_NAME   "open.example"
#define STRICT_NAME "strict.example"

/* As many servers do it: too late to choose a policy, for libssl has opened the ticket by then. */
static int switch_by_name(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    if (name != NULL && strcmp(name, STRICT_NAME) == 0) {
        (void)SSL_set_SSL_CTX(ssl, arg);
        SSL_set_verify(ssl, SSL_CTX_get_verify_mode(arg), accept_any);
    }
    return SSL_TLSEXT_ERR_OK;
}

static struct tls_pair_result shake_as(struct fixture *f, int version, SSL_SESSION *offer,
                                       const char *name)
{
    struct tls_pair_result result;
    SSL_SESSION *copy = offer != NULL ? SSL_SESSION_dup(offer) : NULL;

    assert_true(tls_pair_handshake_as(f->server, f->client, version, copy, name, &result));
    SSL_SESSION_free(copy);
    return result;
}

/* Neither a ticket of the open host nor one got without a name opens the strict one, which asks for
 * a client certificate; and the strict one's own tickets open nothing before the switch. */
static void a_ticket_of_one_host_never_resumes_on_another(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *strict = tls_pair_server_ctx();

    SSL_CTX_set_verify(strict, SSL_VERIFY_PEER, accept_any);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, strict, "web", "strict"), STEK_OK);
    fixture_add_active(f, 1);
    SSL_CTX_set_tlsext_servername_callback(f->server, switch_by_name);
    SSL_CTX_set_tlsext_servername_arg(f->server, strict);
    for (size_t i = 0; i < 2; i++) {
        static const char *const names[] = {OPEN_NAME, NULL};
        for (size_t j = 0; j < 2; j++) {
            uint64_t mismatches = fixture_count(f, COUNT_POLICY_MISMATCH);
            struct tls_pair_result open = shake_as(f, versions[i], NULL, names[j]);
            assert_non_null(open.session);
            struct tls_pair_result result = shake_as(f, versions[i], open.session, STRICT_NAME);
            assert_false(result.resumed);
            assert_true(fixture_count(f, COUNT_POLICY_MISMATCH) > mismatches);
            SSL_SESSION_free(result.session);
            result = shake_as(f, versions[i], open.session, names[j]);
            assert_true(result.resumed);
            SSL_SESSION_free(result.session);
            SSL_SESSION_free(open.session);
        }
    }
    SSL_CTX_free(strict);
}

static int switch_always(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    (void)SSL_set_SSL_CTX(ssl, arg);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(arg), accept_any);
    return SSL_TLSEXT_ERR_OK;
}

/* The rule is newer than the ticket: the name is the same, and no name tells of it (stek/openssl.h
 * says so). What holds is that the session is not written into a ticket of the stricter context. */
static void a_session_resumed_into_another_policy_gets_no_ticket_there(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *strict = tls_pair_server_ctx();

    SSL_CTX_set_verify(strict, SSL_VERIFY_PEER, accept_any);
    assert_int_equal(stek_ssl_ctx_attach(f->world.client, strict, "web", "strict"), STEK_OK);
    fixture_add_active(f, 1);
    SSL_SESSION *open = fixture_ticket(f, TLS1_3_VERSION);
    SSL_CTX_set_tlsext_servername_callback(f->server, switch_always);
    SSL_CTX_set_tlsext_servername_arg(f->server, strict);
    struct tls_pair_result result = fixture_shake(f, TLS1_3_VERSION, open);
    assert_true(result.resumed); /* libssl's way, known: this shows that the test is at the place */
    assert_int_equal(result.tickets, 0);
    assert_true(fixture_count(f, COUNT_POLICY_MISMATCH) >= 1);
    SSL_SESSION_free(open);
    SSL_CTX_free(strict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(arguments_that_cannot_be_meant_are_invalid),
        FIXTURE_TEST(a_server_that_libssl_would_not_give_tickets_is_refused),
        FIXTURE_TEST(more_contexts_than_were_asked_for_are_too_many),
        FIXTURE_TEST(a_mapping_beyond_repair_is_the_systems_fault_and_not_openssls),
        FIXTURE_TEST(attaching_again_is_fine_only_if_nothing_differs),
        FIXTURE_TEST(the_applications_own_key_callback_is_replaced),
        FIXTURE_TEST(a_session_id_context_changed_after_attach_issues_no_ticket),
        FIXTURE_TEST(a_verify_mode_changed_after_attach_neither_issues_nor_opens),
        FIXTURE_TEST(early_data_switched_on_after_attach_issues_no_ticket),
        FIXTURE_TEST(a_ticket_of_one_host_never_resumes_on_another),
        FIXTURE_TEST(a_session_resumed_into_another_policy_gets_no_ticket_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
