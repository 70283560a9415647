/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I9: a handshake never fails because of us, whichever call fails inside our callbacks. Calls fail
 * only there (libssl's own are libssl's), and while an SSL_CTX is attached or a keyring is read.
 */
#include "support/certs.h"
#include "support/fault_sweep.h"
#include "unit/client/openssl_fixture.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define OURS                                                                                       \
    (FAULT_BIT(FAULT_MEMORY) | FAULT_BIT(FAULT_LOCKING) | FAULT_BIT(FAULT_OPENSSL) |               \
     FAULT_BIT(FAULT_RANDOM) | FAULT_BIT(FAULT_CRYPTO))

/* --- our callbacks, with faults armed inside ------------------------------------------------- */

typedef int (*key_callback)(SSL *ssl, unsigned char *name, unsigned char *iv,
                            EVP_CIPHER_CTX *cipher, HMAC_CTX *mac, int is_encrypting);

static struct {
    key_callback on_key;
    SSL_CTX_generate_session_ticket_fn on_generate;
    SSL_CTX_decrypt_session_ticket_fn on_decrypted;
    SSL_client_hello_cb_fn on_hello;
    size_t calls;
} ours;

static int on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                  HMAC_CTX *mac, int is_encrypting)
{
    faults_arm();
    const int answer = ours.on_key(ssl, name, iv, cipher, mac, is_encrypting);
    faults_disarm();
    ours.calls++;
    assert_in_range(answer, 0, 2);
    return answer;
}

static int on_generate(SSL *ssl, void *arg)
{
    faults_arm();
    const int answer = ours.on_generate(ssl, arg);
    faults_disarm();
    ours.calls++;
    assert_int_equal(answer, 1); /* 0 would fail the handshake */
    return answer;
}

static SSL_TICKET_RETURN on_decrypted(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                      size_t len, SSL_TICKET_STATUS status, void *arg)
{
    faults_arm();
    const SSL_TICKET_RETURN answer = ours.on_decrypted(ssl, session, name, len, status, arg);
    faults_disarm();
    ours.calls++;
    assert_int_not_equal(answer, SSL_TICKET_RETURN_ABORT);
    return answer;
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
    faults_arm();
    const int answer = ours.on_hello(ssl, alert, arg);
    faults_disarm();
    ours.calls++;
    return answer;
}

long __real_SSL_CTX_callback_ctrl(SSL_CTX *ctx, int command, void (*callback)(void));
long __wrap_SSL_CTX_callback_ctrl(SSL_CTX *ctx, int command, void (*callback)(void))
{
    if (command == SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB && callback != NULL) {
        ours.on_key = (key_callback)callback;
        callback = (void (*)(void))on_key;
    }
    return __real_SSL_CTX_callback_ctrl(ctx, command, callback);
}

int __real_SSL_CTX_set_session_ticket_cb(SSL_CTX *ctx, SSL_CTX_generate_session_ticket_fn generate,
                                         SSL_CTX_decrypt_session_ticket_fn decrypted, void *arg);
int __wrap_SSL_CTX_set_session_ticket_cb(SSL_CTX *ctx, SSL_CTX_generate_session_ticket_fn generate,
                                         SSL_CTX_decrypt_session_ticket_fn decrypted, void *arg)
{
    ours.on_generate = generate;
    ours.on_decrypted = decrypted;
    return __real_SSL_CTX_set_session_ticket_cb(ctx, on_generate, on_decrypted, arg);
}

void __real_SSL_CTX_set_client_hello_cb(SSL_CTX *ctx, SSL_client_hello_cb_fn callback, void *arg);
void __wrap_SSL_CTX_set_client_hello_cb(SSL_CTX *ctx, SSL_client_hello_cb_fn callback, void *arg)
{
    ours.on_hello = callback;
    __real_SSL_CTX_set_client_hello_cb(ctx, on_hello, arg);
}

/* --- tickets --------------------------------------------------------------------------------- */

struct bench {
    struct fixture *f;
    int version;
    SSL_CTX *host; /* chosen by name */
};

/* A full handshake that should issue, and one that should resume; both must come through. */
static void run_tickets(void *ctx)
{
    const struct bench *bench = ctx;
    struct tls_pair_result made = fixture_shake(bench->f, bench->version, NULL);

    assert_false(made.resumed);
    assert_true(made.session != NULL || faults_have_fired());
    if (made.session != NULL) {
        struct tls_pair_result got = fixture_shake(bench->f, bench->version, made.session);
        assert_true(got.resumed || faults_have_fired());
        SSL_SESSION_free(got.session);
        SSL_SESSION_free(made.session);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static void no_handshake_fails_whichever_call_does(void **state)
{
    struct fixture *f = *state;
    size_t failed = 0;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        struct bench bench = {.f = f, .version = versions[i]};
        const struct fault_scenario once = {.name = i == 0 ? "TLS 1.2 issued and resumed"
                                                           : "TLS 1.3 issued and resumed",
                                            .kinds = OURS,
                                            .run = run_tickets,
                                            .ctx = &bench,
                                            .grows = 1}; /* the thread's pool of vectors */
        struct fault_scenario ever = once;
        ever.goes_on = true;
        failed += fault_sweep(&once) + fault_sweep(&ever);
        SSL_SESSION *ticket = fixture_ticket(f, versions[i]); /* and it recovers */
        assert_true(fixture_resumes(f, versions[i], ticket));
        SSL_SESSION_free(ticket);
    }
    assert_true(ours.calls > 100);
    assert_true(failed >= 30);
}

/* A thread's first ticket makes its pool of vectors and draws for it: each run in a new thread. */
static void *run_in_thread(void *arg)
{
    run_tickets(arg);
    OPENSSL_thread_stop();
    return NULL;
}

static void run_new_thread(void *ctx)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, ctx), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void a_new_threads_first_handshakes_do_not_fail(void **state)
{
    struct fixture *f = *state;
    struct bench bench = {.f = f, .version = TLS1_3_VERSION};
    const struct fault_scenario scenario = {
        .name = "a thread's first tickets", .kinds = OURS, .run = run_new_thread, .ctx = &bench};

    fixture_add_active(f, 1);
    assert_true(fault_sweep(&scenario) >= 15);
}

/* --- attaching, choosing, reading ------------------------------------------------------------ */

static void run_attach(void *arg)
{
    struct bench *bench = arg;
    struct stek_client *client = bench->f->world.client;
    SSL_CTX *ctx = tls_pair_server_ctx();
    const struct stek_ssl_host hosts[] = {{"b.test", bench->host}, {"*.c.test", bench->host}};

    assert_non_null(ctx);
    faults_arm();
    enum stek_status status = stek_ssl_ctx_attach(client, ctx, "web", "");
    faults_disarm();
    if (status != STEK_OK) {
        assert_true(faults_have_fired());
        assert_true(status == STEK_ERR_NOMEM || status == STEK_ERR_CRYPTO ||
                    status == STEK_ERR_SYSTEM);
        assert_int_equal(ERR_peek_error(), 0);
        assert_int_equal(stek_ssl_ctx_attach(client, ctx, "web", ""), STEK_OK);
    }
    faults_arm();
    status = stek_ssl_ctx_select_table(ctx, hosts, 2);
    faults_disarm();
    if (status != STEK_OK) {
        assert_true(faults_have_fired());
        assert_true(status == STEK_ERR_NOMEM || status == STEK_ERR_CRYPTO ||
                    status == STEK_ERR_SYSTEM);
        assert_int_equal(stek_ssl_ctx_select_table(ctx, hosts, 2), STEK_OK);
    }
    SSL_CTX_free(ctx);
}

static void run_attach_then_serve(void *arg)
{
    struct bench *bench = arg;
    SSL_CTX *ctx = tls_pair_server_ctx();

    assert_non_null(ctx);
    faults_arm();
    enum stek_status status = stek_ssl_ctx_attach(bench->f->world.client, ctx, "web", "");
    faults_disarm();
    if (status != STEK_OK) {
        assert_int_equal(stek_ssl_ctx_attach(bench->f->world.client, ctx, "web", ""), STEK_OK);
    }
    struct tls_pair_result made = fixture_shake_with(ctx, bench->f->client, TLS1_3_VERSION, NULL);
    assert_true(made.session != NULL || (status == STEK_OK && faults_have_fired()));
    SSL_SESSION_free(made.session);
    SSL_CTX_free(ctx);
}

static void a_context_is_attached_whole_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct bench bench = {.f = f, .host = key_world_server(&f->world, "")};
    const struct fault_scenario attach = {.name = "attach and serve",
                                          .kinds = OURS,
                                          .run = run_attach_then_serve,
                                          .ctx = &bench,
                                          .grows = 1};
    const struct fault_scenario table = {
        .name = "attach and choose by name", .kinds = OURS, .run = run_attach, .ctx = &bench};

    fixture_add_active(f, 1);
    assert_int_equal(stek_ssl_ctx_select(bench.host, NULL, NULL), STEK_OK);
    const size_t failed = fault_sweep(&attach) + fault_sweep(&table);
    SSL_CTX_free(bench.host);
    assert_true(failed >= 30);
}

static void run_read(void *arg)
{
    struct fixture *f = arg;
    struct stek_key keys[8] = {{{0}, {0}, {0}, 0, 0, 0, 0}};
    struct key_world fresh;
    size_t count = 0;

    /* A client that has derived nothing yet. */
    key_world_init(&fresh);
    key_world_add(&fresh, 1, -HOUR, 11 * HOUR, 23 * HOUR);
    faults_arm();
    enum stek_status status =
        stek_keyring_read(fresh.client, "web", "", keys, sizeof(keys[0]), 8, &count);
    faults_disarm();
    if (status != STEK_OK) {
        assert_true(faults_have_fired());
        assert_int_equal(count, 0);
        assert_int_equal(
            stek_keyring_read(fresh.client, "web", "", keys, sizeof(keys[0]), 8, &count), STEK_OK);
    }
    assert_int_equal(count, 1);
    assert_true(keys[0].encrypts);
    stek_keyring_wipe(keys, sizeof(keys[0]), count);
    key_world_fini(&fresh);
    (void)f;
}

static void a_keyring_is_read_or_the_reason_is_told(void **state)
{
    const struct fault_scenario scenario = {
        .name = "keyring read", .kinds = OURS, .run = run_read, .ctx = *state};

    assert_true(fault_sweep(&scenario) >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(no_handshake_fails_whichever_call_does),
        FIXTURE_TEST(a_new_threads_first_handshakes_do_not_fail),
        FIXTURE_TEST(a_context_is_attached_whole_or_not_at_all),
        FIXTURE_TEST(a_keyring_is_read_or_the_reason_is_told),
    };

    faults_hook_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
