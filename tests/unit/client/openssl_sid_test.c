/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_sid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

static SSL_CTX *server(int verify_mode, const char *const *cas)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

    assert_non_null(ctx);
    SSL_CTX_set_verify(ctx, verify_mode, NULL);
    for (size_t i = 0; cas != NULL && cas[i] != NULL; i++) {
        X509_NAME *name = X509_NAME_new();
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                    (const unsigned char *)cas[i], -1, -1, 0),
                         1);
        assert_true(sk_X509_NAME_push(names, name) > 0);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    return ctx;
}

static void sid_of(int verify_mode, const char *const *cas, const char *realm, const char *context,
                   uint8_t out[OPENSSL_SID_LEN])
{
    SSL_CTX *ctx = server(verify_mode, cas);

    assert_int_equal(openssl_sid_make(ctx, realm, context, out), ERR_OK);
    SSL_CTX_free(ctx);
}

/* Byte for byte what the head of openssl_sid.c says, written down by hand. */
static void the_context_is_the_hash_of_the_documented_bytes(void **state)
{
    static const uint8_t bytes[] = "stek v1 session-id context\0"
                                   "\x03"
                                   "web"
                                   "\x00\x02"
                                   "eu"
                                   "\x00\x00\x00\x03"
                                   "\x00\x00\x00\x01"
                                   "\x00\x00\x00\x0e"
                                   "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
                                   "A";
    static const char *const cas[] = {"A", NULL};
    uint8_t want[SHA256_DIGEST_LENGTH];
    uint8_t got[OPENSSL_SID_LEN];

    (void)state;
    (void)SHA256(bytes, sizeof(bytes) - 1, want);
    sid_of(SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, cas, "web", "eu", got);
    assert_memory_equal(got, want, sizeof(want));
}

static void any_difference_of_policy_gives_another_context(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const a[] = {"A", NULL};
    static const char *const ab[] = {"A", "B", NULL};
    static const char *const ba[] = {"B", "A", NULL};
    static const struct {
        int verify_mode;
        const char *const *cas;
        const char *realm;
        const char *context;
    } rows[] = {
        {SSL_VERIFY_NONE, none, "web", ""},
        {SSL_VERIFY_NONE, none, "we", "b"},
        {SSL_VERIFY_NONE, none, "web", "b"},
        {SSL_VERIFY_NONE, none, "webb", ""},
        {SSL_VERIFY_PEER, none, "web", ""},
        {SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, none, "web", ""},
        {SSL_VERIFY_PEER, a, "web", ""},
        {SSL_VERIFY_PEER, ab, "web", ""},
        {SSL_VERIFY_PEER, ba, "web", ""},
    };
    uint8_t sids[sizeof(rows) / sizeof(rows[0])][OPENSSL_SID_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sid_of(rows[i].verify_mode, rows[i].cas, rows[i].realm, rows[i].context, sids[i]);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(sids[i], sids[j], OPENSSL_SID_LEN);
        }
    }
}

static void the_same_policy_gives_the_same_context_on_every_node(void **state)
{
    static const char *const ab[] = {"A", "B", NULL};
    uint8_t one[OPENSSL_SID_LEN];
    uint8_t two[OPENSSL_SID_LEN];

    (void)state;
    sid_of(SSL_VERIFY_PEER, ab, "web", "x", one);
    sid_of(SSL_VERIFY_PEER, ab, "web", "x", two);
    assert_memory_equal(one, two, sizeof(one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_context_is_the_hash_of_the_documented_bytes),
        cmocka_unit_test(any_difference_of_policy_gives_another_context),
        cmocka_unit_test(the_same_policy_gives_the_same_context_on_every_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
