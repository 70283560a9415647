/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control experiments: what libssl does with a careless ticket callback. Each defect that libstek
 * must not have is shown here to be visible to the very means the other tests use. If one of these
 * stops failing in its way, libssl has changed and its counterpart proves nothing any more.
 */
#include <openssl/hmac.h>

#include "unit/client/openssl_fixture.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* What the careless callback of a context does; found by the context's app data. */
struct careless {
    int on_encrypt; /* its answers */
    int on_decrypt;
    bool leaves_fields;           /* writes neither name nor IV */
    unsigned char found_name[16]; /* what stood in them before */
    unsigned char found_iv[16];
};

static int careless_callback(SSL *ssl, unsigned char *name, unsigned char *iv,
                             EVP_CIPHER_CTX *cipher, HMAC_CTX *mac, int is_encrypting)
{
    static const unsigned char key[32] = "not a secret, for once in a test";
    struct careless *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (is_encrypting != 0 && c->leaves_fields) {
        memcpy(c->found_name, name, sizeof(c->found_name));
        memcpy(c->found_iv, iv, sizeof(c->found_iv));
    } else if (is_encrypting != 0) {
        memset(name, 'n', 16);
        memset(iv, 'i', 16);
    }
    if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv, is_encrypting) != 1 ||
        HMAC_Init_ex(mac, key, sizeof(key), EVP_sha256(), NULL) != 1) {
        return -1;
    }
    return is_encrypting != 0 ? c->on_encrypt : c->on_decrypt;
}

static SSL_CTX *careless_server(struct careless *c)
{
    SSL_CTX *ctx = tls_pair_server_ctx();

    assert_non_null(ctx);
    (void)SSL_CTX_set_app_data(ctx, c);
    (void)SSL_CTX_set_tlsext_ticket_key_cb(ctx, careless_callback);
    return ctx;
}

static void minus_one_on_encrypt_kills_the_connection(void **state)
{
    struct careless c = {.on_encrypt = -1, .on_decrypt = 1};
    SSL_CTX *server = careless_server(&c);
    SSL_CTX *client = tls_pair_client_ctx();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_pair_result result;
        assert_false(tls_pair_handshake(server, client, versions[i], NULL, &result));
        assert_null(result.session);
    }
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

static void minus_one_on_decrypt_kills_the_connection(void **state)
{
    struct careless c = {.on_encrypt = 1, .on_decrypt = -1};
    SSL_CTX *server = careless_server(&c);
    SSL_CTX *client = tls_pair_client_ctx();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_pair_result result;
        struct tls_pair_result made = fixture_shake_with(server, client, versions[i], NULL);
        assert_non_null(made.session);
        assert_false(tls_pair_handshake(server, client, versions[i], made.session, &result));
        SSL_SESSION_free(made.session);
        SSL_SESSION_free(result.session);
    }
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

static void one_on_decrypt_in_tls_1_3_leaves_the_client_without_a_ticket(void **state)
{
    struct careless c = {.on_encrypt = 1, .on_decrypt = 1};
    SSL_CTX *server = careless_server(&c);
    SSL_CTX *client = tls_pair_client_ctx();

    (void)state;
    struct tls_pair_result made = fixture_shake_with(server, client, TLS1_3_VERSION, NULL);
    struct tls_pair_result one = fixture_shake_with(server, client, TLS1_3_VERSION, made.session);
    assert_true(one.resumed);
    assert_int_equal(one.tickets, 0);
    c.on_decrypt = 2;
    struct tls_pair_result two = fixture_shake_with(server, client, TLS1_3_VERSION, made.session);
    assert_true(two.resumed);
    assert_int_equal(two.tickets, 1);
    SSL_SESSION_free(made.session);
    SSL_SESSION_free(two.session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

/* libssl sends its own uninitialised stack, in clear, in every ticket. */
static void fields_left_unfilled_go_out_as_they_were_found(void **state)
{
    struct careless c = {.on_encrypt = 1, .on_decrypt = 2, .leaves_fields = true};
    SSL_CTX *server = careless_server(&c);
    SSL_CTX *client = tls_pair_client_ctx();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_pair_result made = fixture_shake_with(server, client, versions[i], NULL);
        const unsigned char *ticket = fixture_key_name(made.session);
        assert_memory_equal(ticket, c.found_name, 16);
        assert_memory_equal(ticket + 16, c.found_iv, 16);
        SSL_SESSION_free(made.session);
    }
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

static int refuse_to_generate(SSL *ssl, void *arg)
{
    (void)ssl;
    (void)arg;
    return 0;
}

static SSL_TICKET_RETURN take_any(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                  size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl;
    (void)session;
    (void)name;
    (void)name_len;
    (void)arg;
    return status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW
               ? SSL_TICKET_RETURN_USE_RENEW
               : SSL_TICKET_RETURN_IGNORE_RENEW;
}

static void a_generation_callback_that_answers_zero_kills_the_connection(void **state)
{
    struct careless c = {.on_encrypt = 1, .on_decrypt = 2};
    SSL_CTX *server = careless_server(&c);
    SSL_CTX *client = tls_pair_client_ctx();

    (void)state;
    assert_int_equal(SSL_CTX_set_session_ticket_cb(server, refuse_to_generate, take_any, NULL), 1);
    for (size_t i = 0; i < 2; i++) {
        struct tls_pair_result result;
        assert_false(tls_pair_handshake(server, client, versions[i], NULL, &result));
    }
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

/* Why attach refuses it: the client gets something, but no other node can open it. */
static void no_ticket_in_tls_1_3_still_issues_references_to_the_local_cache(void **state)
{
    struct careless c = {.on_encrypt = -1, .on_decrypt = -1}; /* never asked */
    SSL_CTX *server = careless_server(&c);
    SSL_CTX *client = tls_pair_client_ctx();

    (void)state;
    (void)SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
    struct tls_pair_result made = fixture_shake_with(server, client, TLS1_3_VERSION, NULL);
    assert_non_null(made.session);
    SSL_SESSION_free(made.session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

/* The same means, pointed at libstek. */
static void libsteks_tickets_never_repeat_an_iv(void **state)
{
    struct fixture *f = *state;
    unsigned char seen[256][16];

    fixture_add_active(f, 1);
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        struct tls_pair_result made = fixture_shake(f, versions[i % 2], NULL);
        memcpy(seen[i], fixture_key_name(made.session) + 16, 16);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(seen[i], seen[j], 16);
        }
        SSL_SESSION_free(made.session);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minus_one_on_encrypt_kills_the_connection),
        cmocka_unit_test(minus_one_on_decrypt_kills_the_connection),
        cmocka_unit_test(one_on_decrypt_in_tls_1_3_leaves_the_client_without_a_ticket),
        cmocka_unit_test(fields_left_unfilled_go_out_as_they_were_found),
        cmocka_unit_test(a_generation_callback_that_answers_zero_kills_the_connection),
        cmocka_unit_test(no_ticket_in_tls_1_3_still_issues_references_to_the_local_cache),
        FIXTURE_TEST(libsteks_tickets_never_repeat_an_iv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
