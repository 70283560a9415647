/* SPDX-License-Identifier: Apache-2.0 */
/* A ticket is bound to the server name it was got under (EXP-1). */
#include "src/openssl_name.h"

#include "unit/client/openssl_fixture.h"

/* --- whose ticket resumes where ---------------------------------------------------------------
 */

static int acknowledge(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

static int pass_over(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_NOACK;
}

typedef int name_callback(SSL *ssl, int *alert, void *arg);

static struct tls_pair_result shake_as(struct fixture *f, int version, SSL_SESSION *offer,
                                       const char *name)
{
    struct tls_pair_result result;
    SSL_SESSION *copy = offer != NULL ? SSL_SESSION_dup(offer) : NULL;

    assert_true(tls_pair_handshake_as(f->server, f->client, version, copy, name, &result));
    SSL_SESSION_free(copy);
    return result;
}

/* The chain: each TLS 1.3 resumption's ticket is bound as the first was. */
static void assert_bound(struct fixture *f, int version, const char *name, const char *other)
{
    struct tls_pair_result first = shake_as(f, version, NULL, name);
    struct tls_pair_result second = shake_as(f, version, first.session, name);
    SSL_SESSION *newest = second.session != NULL ? second.session : first.session;
    uint64_t mismatches = fixture_count(f, COUNT_POLICY_MISMATCH);
    uint64_t decrypted = fixture_count(f, COUNT_DECRYPTED);

    assert_true(second.resumed);
    assert_int_equal(second.session != NULL, version == TLS1_3_VERSION);
    struct tls_pair_result foreign = shake_as(f, version, newest, other);
    assert_false(foreign.resumed);
    assert_non_null(foreign.session); /* a new ticket, bound anew */
    /* Once for each ClientHello: libssl opens the ticket again after a HelloRetryRequest. */
    assert_in_range(fixture_count(f, COUNT_POLICY_MISMATCH), mismatches + 1, mismatches + 2);
    assert_int_equal(fixture_count(f, COUNT_DECRYPTED), decrypted);
    struct tls_pair_result own = shake_as(f, version, newest, name);
    assert_true(own.resumed);
    struct tls_pair_result anew = shake_as(f, version, foreign.session, other);
    assert_true(anew.resumed);
    SSL_SESSION_free(anew.session);
    SSL_SESSION_free(own.session);
    SSL_SESSION_free(foreign.session);
    SSL_SESSION_free(second.session);
    SSL_SESSION_free(first.session);
}

static void assert_all_bound(struct fixture *f)
{
    static const struct {
        const char *name;
        const char *other;
    } rows[] = {
        {NULL, "a.example"},         {"a.example", NULL},         {"a.example", "b.example"},
        {"a.example", "a.example."}, {"a.example", "aa.example"},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        assert_bound(f, versions[i % 2], rows[i / 2].name, rows[i / 2].other);
    }
}

static void a_ticket_resumes_under_its_own_name_only(void **state)
{
    static name_callback *const callbacks[] = {NULL, acknowledge, pass_over};
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++) {
        SSL_CTX_set_tlsext_servername_callback(f->server, callbacks[i]);
        assert_all_bound(f);
    }
}

static void count_retries(int write_p, int version, int content_type, const void *bytes, size_t len,
                          SSL *ssl, void *arg)
{
    (void)version;
    (void)ssl;
    /* Two ClientHellos in one handshake. */
    if (write_p == 0 && content_type == SSL3_RT_HANDSHAKE && len > 0 &&
        *(const unsigned char *)bytes == SSL3_MT_CLIENT_HELLO) {
        ++*(size_t *)arg;
    }
}

static void a_hello_retry_request_changes_nothing(void **state)
{
    struct fixture *f = *state;
    char server_groups[] = "P-384";
    char client_groups[] = "X25519:P-384"; /* the first is what it brings a share of */
    size_t hellos = 0;

    fixture_add_active(f, 1);
    assert_int_equal(SSL_CTX_set1_groups_list(f->server, server_groups), 1);
    assert_int_equal(SSL_CTX_set1_groups_list(f->client, client_groups), 1);
    SSL_CTX_set_msg_callback(f->server, count_retries);
    SSL_CTX_set_msg_callback_arg(f->server, &hellos);
    assert_bound(f, TLS1_3_VERSION, "a.example", "b.example");
    assert_int_equal(hellos, 2 * 5);
    assert_bound(f, TLS1_3_VERSION, "a.example", NULL);
    assert_bound(f, TLS1_3_VERSION, NULL, "a.example");
    assert_int_equal(hellos, 2 * 15);
}

static void a_renewed_tls_1_2_ticket_stays_bound(void **state)
{
    struct fixture *f = *state;

    key_world_add(&f->world, 1, -HOUR, HOUR, 23 * HOUR);
    struct tls_pair_result first = shake_as(f, TLS1_2_VERSION, NULL, "a.example");
    key_world_pass(&f->world, 2 * HOUR);
    key_world_add(&f->world, 2, -HOUR, 20 * HOUR, 40 * HOUR);
    struct tls_pair_result renewed = shake_as(f, TLS1_2_VERSION, first.session, "a.example");
    assert_true(renewed.resumed);
    assert_non_null(renewed.session);
    struct tls_pair_result foreign = shake_as(f, TLS1_2_VERSION, renewed.session, "b.example");
    assert_false(foreign.resumed);
    struct tls_pair_result own = shake_as(f, TLS1_2_VERSION, renewed.session, "a.example");
    assert_true(own.resumed);
    SSL_SESSION_free(own.session);
    SSL_SESSION_free(foreign.session);
    SSL_SESSION_free(renewed.session);
    SSL_SESSION_free(first.session);
}

/* --- what a hello says ------------------------------------------------------------------------
 */

struct heard {
    size_t calls;
    enum openssl_name_answer answer;
    uint8_t digest[OPENSSL_NAME_LEN];
};

/* Runs where the ticket is opened: extensions are collected, none is parsed. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
    struct heard *heard = arg;

    *alert = SSL_AD_HANDSHAKE_FAILURE;
    heard->calls++;
    heard->answer = openssl_name_of_hello(ssl, EVP_sha256(), heard->digest);
    return SSL_CLIENT_HELLO_ERROR;
}

/* A ClientHello with one cipher suite and, if `body` is not NULL, one extension, server_name. */
static size_t make_hello(const char *body, size_t body_len, unsigned char out[128])
{
    unsigned char *at = out + 9;
    size_t extensions = body != NULL ? 4 + body_len : 0;

    memset(out, 0, 128);
    *at++ = 3;
    *at++ = 3;
    at += 32 + 1; /* random, no session id */
    memcpy(at, "\x00\x02\xc0\x2b\x01\x00", 6);
    at += 6;
    *at++ = 0;
    *at++ = (unsigned char)extensions;
    if (body != NULL) {
        at[3] = (unsigned char)body_len; /* type 0 is server_name */
        memcpy(at + 4, body, body_len);
        at += extensions;
    }
    size_t len = (size_t)(at - out);
    memcpy(out, "\x16\x03\x01\x00", 4);
    out[4] = (unsigned char)(len - 5);
    out[5] = SSL3_MT_CLIENT_HELLO;
    out[8] = (unsigned char)(len - 9);
    return len;
}

static struct heard hear(SSL_CTX *ctx, const char *body, size_t body_len)
{
    struct heard heard = {.answer = OPENSSL_NAME_FAILED};
    unsigned char hello[128];
    size_t len = make_hello(body, body_len, hello);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    assert_true(ssl != NULL && in != NULL && out != NULL);
    SSL_CTX_set_client_hello_cb(ctx, on_hello, &heard);
    assert_int_equal(BIO_write(in, hello, (int)len), (int)len);
    SSL_set_bio(ssl, in, out);
    assert_true(SSL_accept(ssl) <= 0);
    assert_int_equal(heard.calls, 1);
    SSL_free(ssl);
    ERR_clear_error();
    return heard;
}

static void only_what_libssl_takes_for_a_name_is_one(void **state)
{
#define BODY(text) text, sizeof(text) - 1
    static const struct {
        const char *body;
        size_t len;
        const char *name; /* NULL: unreadable */
    } rows[] = {
        {NULL, 0, ""},
        {BODY("\x00\x04\x00\x00\x01"
              "a"),
         "a"},
        {BODY("\x00\x0c\x00\x00\x09"
              "a.example"),
         "a.example"},
        {BODY("\x00\x03\x00\x00\x00"), ""},
        {BODY(""), NULL},
        {BODY("\x00"), NULL},
        {BODY("\x00\x00"), NULL},
        {BODY("\x00\x01\x00"), NULL},
        {BODY("\x00\x02\x00\x00"), NULL},
        {BODY("\x00\x03\x00\x00\x01"), NULL}, /* the name is cut off */
        {BODY("\x00\x04\x01\x00\x01"
              "a"),
         NULL}, /* another type */
        {BODY("\x00\x03\x00\x00\x01"
              "a"),
         NULL}, /* the list is shorter than what it holds */
        {BODY("\x00\x05\x00\x00\x01"
              "a"),
         NULL}, /* and longer */
        {BODY("\x00\x08\x00\x00\x01"
              "a\x00\x00\x01"
              "b"),
         NULL}, /* two names */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct heard heard = hear(f->server, rows[i].body, rows[i].len);
        unsigned char want[EVP_MAX_MD_SIZE];
        if (rows[i].name == NULL) {
            assert_int_equal(heard.answer, OPENSSL_NAME_UNREADABLE);
            continue;
        }
        assert_int_equal(heard.answer, OPENSSL_NAME_READ);
        assert_int_equal(
            EVP_Digest(rows[i].name, strlen(rows[i].name), want, NULL, EVP_sha256(), NULL), 1);
        assert_memory_equal(heard.digest, want, OPENSSL_NAME_LEN);
    }
}

static void without_a_hello_to_look_at_there_is_no_name_not_even_none(void **state)
{
    struct fixture *f = *state;
    uint8_t digest[OPENSSL_NAME_LEN];
    SSL *ssl = SSL_new(f->server);

    assert_non_null(ssl);
    assert_int_equal(openssl_name_of_hello(ssl, EVP_sha256(), digest), OPENSSL_NAME_UNREADABLE);
    SSL_free(ssl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_ticket_resumes_under_its_own_name_only),
        FIXTURE_TEST(a_hello_retry_request_changes_nothing),
        FIXTURE_TEST(a_renewed_tls_1_2_ticket_stays_bound),
        FIXTURE_TEST(only_what_libssl_takes_for_a_name_is_one),
        FIXTURE_TEST(without_a_hello_to_look_at_there_is_no_name_not_even_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
