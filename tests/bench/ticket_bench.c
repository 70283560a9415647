/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ticket of 208 bytes, sealed and opened as libssl does around the key callback: contexts made,
 * keys set, AES-256-CBC, HMAC-SHA-256, contexts freed. Against OpenSSL's built-in ticket keys,
 * whose code path (three fetches and RAND_bytes) is written down here call by call, since libssl
 * does not let it be run alone.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "bench/bench.h"
#include "src/openssl_session.h"
#include "src/openssl_ticket.h"
#include "support/key_world.h"
#include "support/tls_pair.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define PLAIN_LEN  140 /* 144 encrypted, and 64 around it: 208 */
#define TICKET_LEN 208
#define MAC_LEN    32
#define CALLS      4000 /* of a round */

struct ticket {
    unsigned char name[16];
    unsigned char iv[16];
    unsigned char body[TICKET_LEN - 64];
    unsigned char mac[MAC_LEN];
};
_Static_assert(sizeof(struct ticket) == TICKET_LEN, "a ticket is its bytes");

/* One way to make and open a ticket. `work` belongs to one thread. */
struct work {
    SSL *ssl; /* a server's, after its full handshake */
    unsigned char key[2][32];
    unsigned char name[16];
    struct ticket ticket;
    unsigned char plain[TICKET_LEN];
};
typedef void (*codec)(struct work *work, bool is_sealing);

static void run_cipher(struct work *w, EVP_CIPHER_CTX *cipher, bool is_sealing)
{
    int len = 0;
    int last = 0;

    if (is_sealing) {
        bench_must(EVP_EncryptUpdate(cipher, w->ticket.body, &len, w->plain, PLAIN_LEN) &&
                       EVP_EncryptFinal_ex(cipher, w->ticket.body + len, &last),
                   "encrypt");
    } else {
        bench_must(EVP_DecryptUpdate(cipher, w->plain, &len, w->ticket.body,
                                     (int)sizeof(w->ticket.body)) &&
                       EVP_DecryptFinal_ex(cipher, w->plain + len, &last),
                   "decrypt");
    }
}

static void finish_mac(struct work *w, const unsigned char *mac, bool is_sealing)
{
    if (is_sealing) {
        memcpy(w->ticket.mac, mac, MAC_LEN);
    } else {
        bench_must(CRYPTO_memcmp(w->ticket.mac, mac, MAC_LEN) == 0, "the tag");
    }
}

static void run_built_in(struct work *w, bool is_sealing)
{
    unsigned char mac[MAC_LEN];
    size_t mac_len = 0;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *hmac_ctx = EVP_MAC_CTX_new(hmac);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);

    EVP_MAC_free(hmac);
    if (is_sealing) {
        memcpy(w->ticket.name, w->name, sizeof(w->name));
        bench_must(RAND_bytes(w->ticket.iv, sizeof(w->ticket.iv)), "RAND_bytes");
    } else {
        bench_must(memcmp(w->ticket.name, w->name, sizeof(w->name)) == 0, "the name");
    }
    bench_must(EVP_CipherInit_ex(ctx, cipher, NULL, w->key[0], w->ticket.iv, is_sealing) &&
                   EVP_MAC_init(hmac_ctx, w->key[1], sizeof(w->key[1]), params),
               "keys");
    EVP_CIPHER_free(cipher);
    if (is_sealing) {
        run_cipher(w, ctx, true);
    }
    bench_must(EVP_MAC_update(hmac_ctx, w->ticket.name, TICKET_LEN - MAC_LEN) &&
                   EVP_MAC_final(hmac_ctx, mac, &mac_len, sizeof(mac)),
               "mac");
    finish_mac(w, mac, is_sealing);
    if (!is_sealing) {
        run_cipher(w, ctx, false);
    }
    EVP_CIPHER_CTX_free(ctx);
    EVP_MAC_CTX_free(hmac_ctx);
}

static void run_ours(struct work *w, bool is_sealing)
{
    unsigned char mac[MAC_LEN];
    unsigned char iv[EVP_MAX_IV_LENGTH];
    unsigned int mac_len = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    HMAC_CTX *hmac_ctx = HMAC_CTX_new();

    memcpy(iv, w->ticket.iv, sizeof(iv));
    bench_must(openssl_ticket_on_key(w->ssl, w->ticket.name, iv, ctx, hmac_ctx, is_sealing) > 0,
               "the callback");
    if (is_sealing) {
        memcpy(w->ticket.iv, iv, sizeof(iv));
        run_cipher(w, ctx, true);
    }
    bench_must(HMAC_Update(hmac_ctx, w->ticket.name, TICKET_LEN - MAC_LEN) &&
                   HMAC_Final(hmac_ctx, mac, &mac_len),
               "mac");
    finish_mac(w, mac, is_sealing);
    if (!is_sealing) {
        run_cipher(w, ctx, false);
    }
    EVP_CIPHER_CTX_free(ctx);
    HMAC_CTX_free(hmac_ctx);
}

/* With all that libstek does when it makes a ticket: age and name are stamped first. (What it does
 * when it opens one needs a ClientHello: handshake_bench has it in.) */
static void run_ours_whole(struct work *w, bool is_sealing)
{
    if (is_sealing) {
        (void)openssl_session_on_generate(w->ssl, NULL);
    }
    run_ours(w, is_sealing);
}

/* Nanoseconds of CPU for one sealing, for one opening, and for both. */
struct cost {
    double seal;
    double open;
    double both;
};

static struct cost measure(struct work *w, codec run)
{
    int64_t start = bench_cpu_ns();

    for (int i = 0; i < CALLS; i++) {
        run(w, true);
    }
    int64_t middle = bench_cpu_ns();
    for (int i = 0; i < CALLS; i++) {
        run(w, false);
    }
    int64_t end = bench_cpu_ns();
    return (struct cost){.seal = (double)(middle - start) / CALLS,
                         .open = (double)(end - middle) / CALLS,
                         .both = (double)(end - start) / CALLS};
}

/* --- two threads ------------------------------------------------------------------------------
 */

struct thread_run {
    struct work *work;
    codec run;
    pthread_barrier_t *start;
    double ns;
};

static void *run_thread(void *arg)
{
    struct thread_run *r = arg;

    r->run(r->work, true); /* the thread's own first time is not what is measured */
    (void)pthread_barrier_wait(r->start);
    r->ns = measure(r->work, r->run).both;
    return NULL;
}

static double measure_two(struct work work[2], codec run)
{
    pthread_barrier_t start;
    pthread_t threads[2];
    struct thread_run runs[2];

    bench_must(pthread_barrier_init(&start, NULL, 2) == 0, "a barrier");
    for (size_t i = 0; i < 2; i++) {
        runs[i] = (struct thread_run){.work = &work[i], .run = run, .start = &start};
        bench_must(pthread_create(&threads[i], NULL, run_thread, &runs[i]) == 0, "a thread");
    }
    for (size_t i = 0; i < 2; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_barrier_destroy(&start);
    return (runs[0].ns + runs[1].ns) / 2;
}

/* --- the run ----------------------------------------------------------------------------------
 */

static void prepare(struct work *w, SSL_CTX *server, SSL_CTX *client)
{
    SSL *dialer = NULL;

    memset(w, 7, sizeof(*w));
    bench_pair(server, client, TLS1_3_VERSION, NULL, &w->ssl, &dialer);
    for (int i = 0; i < 4; i++) {
        (void)SSL_do_handshake(dialer);
        (void)SSL_do_handshake(w->ssl);
    }
    bench_must(SSL_is_init_finished(w->ssl), "the handshake");
    SSL_free(dialer);
    memset(w->plain, 5, sizeof(w->plain));
}

enum figure {
    FIGURE_BOTH,
    FIGURE_SEAL,
    FIGURE_OPEN,
    FIGURE_WHOLE,
    FIGURE_THREADS,
    FIGURE_THREADS_BUILT_IN,
    FIGURE_COUNT
};

static const struct {
    const char *name;
    double goal; /* 0: none, for information */
} figures[FIGURE_COUNT] = {
    [FIGURE_BOTH] = {"ticket: callback + AES + HMAC / built-in keys", 0.40},
    [FIGURE_SEAL] = {"ticket:   of it sealing", 0},
    [FIGURE_OPEN] = {"ticket:   of it opening", 0},
    [FIGURE_WHOLE] = {"ticket:   sealing, with age and name stamped", 0},
    [FIGURE_THREADS] = {"ticket: two threads / one", 1.05},
    [FIGURE_THREADS_BUILT_IN] = {"ticket: two threads / one, built-in keys", 0},
};

static void run_round(struct work work[2], double ratios[FIGURE_COUNT])
{
    struct cost built_in = measure(&work[0], run_built_in);
    struct cost ours = measure(&work[0], run_ours);
    struct cost whole = measure(&work[0], run_ours_whole);

    ratios[FIGURE_BOTH] = ours.both / built_in.both;
    ratios[FIGURE_SEAL] = ours.seal / built_in.seal;
    ratios[FIGURE_OPEN] = ours.open / built_in.open;
    ratios[FIGURE_WHOLE] = whole.seal / built_in.seal;
    ratios[FIGURE_THREADS] = measure_two(work, run_ours) / ours.both;
    ratios[FIGURE_THREADS_BUILT_IN] = measure_two(work, run_built_in) / built_in.both;
}

int main(void)
{
    struct key_world world;
    struct work work[2];
    double rounds[BENCH_ROUNDS][FIGURE_COUNT];
    double ratios[BENCH_ROUNDS];

    key_world_init(&world);
    key_world_add(&world, 1, -KEY_WORLD_HOUR, 11 * KEY_WORLD_HOUR, 23 * KEY_WORLD_HOUR);
    SSL_CTX *server = key_world_server(&world, "");
    SSL_CTX *client = tls_pair_client_ctx();
    prepare(&work[0], server, client);
    prepare(&work[1], server, client);
    (void)measure(&work[0], run_ours); /* to warm up */
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        run_round(work, rounds[round]);
    }
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        for (size_t round = 0; round < BENCH_ROUNDS; round++) {
            ratios[round] = rounds[round][i];
        }
        bench_report(figures[i].name, ratios, BENCH_ROUNDS, figures[i].goal);
    }
    SSL_free(work[0].ssl);
    SSL_free(work[1].ssl);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    key_world_fini(&world);
    return 0;
}
