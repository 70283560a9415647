/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets that nobody of ours has made: each is answered with a full handshake and counted, and
 * nothing is kept of it. */
#include <malloc.h>
#include <time.h>

#include <openssl/hmac.h>

#include "base/secret.h"
#include "src/openssl_ticket.h"
#include "support/mutate.h"
#include "unit/client/openssl_fixture.h"

/* The callback with an HMAC_CTX: docs/decisions/0005. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define RANDOM_TICKETS 1000000
#define TICKET_MAX     65000 /* what fits beside the other extensions of a ClientHello */

static int64_t mono_ms(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + (int64_t)now.tv_nsec / 1000000;
}

/* ---- sessions with any ticket in them ---- */

static size_t der_head(uint8_t *to, uint8_t tag, size_t len)
{
    size_t at = 0;

    to[at++] = tag;
    if (len >= 0x100) {
        to[at++] = 0x82;
        to[at++] = (uint8_t)(len >> 8);
    } else if (len >= 0x80) {
        to[at++] = 0x81;
    }
    to[at++] = (uint8_t)len;
    return at;
}

static size_t der_head_len(size_t len)
{
    uint8_t unused[4];

    return der_head(unused, 0, len);
}

static void append(struct secret_buf *out, const void *bytes, size_t len)
{
    assert_int_equal(secret_buf_append(out, bytes, len), ERR_OK);
}

/* The session as its client keeps it, but for the ticket: in DER that is [10] { OCTET STRING }. */
static SSL_SESSION *with_ticket(const SSL_SESSION *session, const uint8_t *ticket, size_t len)
{
    const unsigned char *had = NULL;
    size_t had_len = 0;
    unsigned char *der = NULL;
    struct secret_buf out = {0};
    uint8_t head[4];

    const size_t der_len = (size_t)i2d_SSL_SESSION(session, &der);
    SSL_SESSION_get0_ticket(session, &had, &had_len);
    const unsigned char *place = memmem(der, der_len, had, had_len);
    assert_non_null(place);
    const size_t had_octets = had_len + der_head_len(had_len);
    const unsigned char *from = place - der_head_len(had_len) - der_head_len(had_octets);
    const unsigned char *body = der + der_head_len(der_len - 4);
    assert_int_equal(from[0], 0xaa);
    const size_t octets = len + der_head_len(len);
    const size_t before = (size_t)(from - body);
    const size_t after = (size_t)(der + der_len - (place + had_len));
    const size_t all = before + octets + der_head_len(octets) + after;
    append(&out, head, der_head(head, 0x30, all));
    append(&out, body, before);
    append(&out, head, der_head(head, 0xaa, octets));
    append(&out, head, der_head(head, 0x04, len));
    append(&out, ticket, len);
    append(&out, place + had_len, after);
    const unsigned char *at = out.at;
    SSL_SESSION *made = d2i_SSL_SESSION(NULL, &at, (long)out.len);
    assert_non_null(made);
    OPENSSL_free(der);
    secret_buf_fini(&out);
    return made;
}

/* What tickets have come to, all in all. */
struct sums {
    uint64_t unknown;
    uint64_t old;
    uint64_t decrypted;
    uint64_t others;
};

static struct sums sums_of(const struct fixture *f)
{
    return (struct sums){
        .unknown = fixture_count(f, COUNT_UNKNOWN_KEY),
        .old = fixture_count(f, COUNT_REFUSED_OLD),
        .decrypted = fixture_count(f, COUNT_DECRYPTED),
        .others = fixture_count(f, COUNT_POLICY_MISMATCH) +
                  fixture_count(f, COUNT_CRYPTO_FAILURES) + fixture_count(f, COUNT_BUSY) +
                  fixture_count(f, COUNT_NO_KEY),
    };
}

/* Offers it: a full handshake, and exactly one is counted as unknown. */
static void offer_and_refuse(struct fixture *f, int version, const SSL_SESSION *session,
                             const uint8_t *ticket, size_t len)
{
    SSL_SESSION *offer = with_ticket(session, ticket, len);
    const struct sums before = sums_of(f);

    assert_false(fixture_resumes(f, version, offer));
    const struct sums after = sums_of(f);
    assert_int_equal(after.unknown, before.unknown + 1);
    assert_int_equal(after.old, before.old);
    assert_int_equal(after.decrypted, before.decrypted);
    assert_int_equal(after.others, before.others);
    SSL_SESSION_free(offer);
}

static size_t take_ticket(const SSL_SESSION *session, uint8_t out[1024])
{
    const unsigned char *ticket = NULL;
    size_t len = 0;

    SSL_SESSION_get0_ticket(session, &ticket, &len);
    assert_true(len <= 1024);
    memcpy(out, ticket, len);
    return len;
}

static void a_ticket_cut_off_anywhere_is_refused_and_counted(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        uint8_t ticket[1024];
        SSL_SESSION *session = fixture_ticket(f, versions[i]);
        const size_t whole = take_ticket(session, ticket);
        for (size_t len = 1; len < whole; len++) {
            offer_and_refuse(f, versions[i], session, ticket, len);
        }
        print_message("TLS 1.%zu: %zu cut off tickets\n", i + 2, whole - 1);
        assert_true(fixture_resumes(f, versions[i], session));
        SSL_SESSION_free(session);
    }
}

static void a_right_name_with_a_bad_mac_is_refused_and_counted(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        uint8_t ticket[1024];
        SSL_SESSION *session = fixture_ticket(f, versions[i]);
        const size_t len = take_ticket(session, ticket);
        for (size_t at = KEY_NAME_LEN; at < len; at++) {
            ticket[at] ^= 1;
            offer_and_refuse(f, versions[i], session, ticket, len);
            ticket[at] ^= 1;
        }
        assert_true(fixture_resumes(f, versions[i], session));
        SSL_SESSION_free(session);
    }
}

static void a_ticket_of_64_kib_is_refused_and_counted(void **state)
{
    struct fixture *f = *state;
    uint8_t *large = malloc(TICKET_MAX);

    assert_non_null(large);
    fixture_add_active(f, 1);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session = fixture_ticket(f, versions[i]);
        memset(large, 0x5a, TICKET_MAX);
        offer_and_refuse(f, versions[i], session, large, TICKET_MAX);
        key_world_name(1, large);
        offer_and_refuse(f, versions[i], session, large, TICKET_MAX);
        SSL_SESSION_free(session);
    }
    free(large);
}

/* Old keys are told from unknown ones, and a refusal by the key callback is counted once. */
static void a_ticket_of_a_revoked_key_is_counted_as_old_only(void **state)
{
    struct fixture *f = *state;

    fixture_add_active(f, 1);
    SSL_SESSION *session = fixture_ticket(f, TLS1_3_VERSION);
    key_world_revoke_all(&f->world);
    const struct sums before = sums_of(f);
    for (size_t i = 0; i < 10; i++) {
        assert_false(fixture_resumes(f, TLS1_3_VERSION, session));
    }
    const struct sums after = sums_of(f);
    assert_int_equal(after.old, before.old + 10);
    assert_int_equal(after.unknown, before.unknown);
    SSL_SESSION_free(session);
}

/* The callback itself, as often as an attacker could have it called. */
static void a_million_random_names_are_counted_and_leave_nothing(void **state)
{
    struct fixture *f = *state;
    uint8_t name[KEY_NAME_LEN];
    uint8_t iv[EVP_MAX_IV_LENGTH] = {0};
    struct mutate m;
    size_t right = 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    HMAC_CTX *mac = HMAC_CTX_new();
    SSL *ssl = SSL_new(f->server);

    assert_true(cipher != NULL && mac != NULL && ssl != NULL);
    mutate_seed(&m, MUTATE_SEED);
    fixture_add_active(f, 1);
    const struct sums before = sums_of(f);
    size_t held = 0;
    const int64_t began = mono_ms();
    for (size_t i = 0; i < RANDOM_TICKETS; i++) {
        const uint64_t words[] = {mutate_next(&m), mutate_next(&m)};
        memcpy(name, words, sizeof(name));
        const bool is_right = i % 1000 == 0;
        if (is_right) {
            key_world_name(1, name);
        } else if (i % 1000 == 1) {
            key_world_name(1, name);
            name[i / 1000 % KEY_NAME_LEN] ^= 1; /* all but a bit of it */
        }
        const int answer = openssl_ticket_on_key(ssl, name, iv, cipher, mac, 0);
        assert_int_equal(answer > 0, is_right);
        assert_true(answer >= 0);
        right += is_right;
        if (i == 2000) {
            held = mallinfo2().uordblks;
        }
    }
    const size_t holds = mallinfo2().uordblks;
    const struct sums after = sums_of(f);
    print_message("seed %llu: %d tickets in %lld ms, %zu of them with a right name; heap %zu bytes "
                  "before, %zu after\n",
                  (unsigned long long)MUTATE_SEED, RANDOM_TICKETS, (long long)(mono_ms() - began),
                  right, held, holds);
    assert_int_equal(after.unknown - before.unknown, RANDOM_TICKETS - right);
    assert_int_equal(after.old, before.old);
    assert_int_equal(after.others, before.others);
    assert_int_equal(holds, held);
    SSL_free(ssl);
    EVP_CIPHER_CTX_free(cipher);
    HMAC_CTX_free(mac);
}

/* Through libssl: the key callback, then the decryption callback. */
static void random_tickets_are_full_handshakes(void **state)
{
    struct fixture *f = *state;
    uint8_t ticket[600];
    struct mutate m;

    mutate_seed(&m, MUTATE_SEED);
    fixture_add_active(f, 1);
    for (size_t i = 0; i < 1000; i++) {
        const int version = versions[i % 2];
        SSL_SESSION *session = fixture_ticket(f, version);
        const size_t len = 1 + mutate_below(&m, sizeof(ticket));
        for (size_t at = 0; at < len; at++) {
            ticket[at] = (uint8_t)mutate_next(&m);
        }
        offer_and_refuse(f, version, session, ticket, len);
        SSL_SESSION_free(session);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_ticket_cut_off_anywhere_is_refused_and_counted),
        FIXTURE_TEST(a_right_name_with_a_bad_mac_is_refused_and_counted),
        FIXTURE_TEST(a_ticket_of_64_kib_is_refused_and_counted),
        FIXTURE_TEST(a_ticket_of_a_revoked_key_is_counted_as_old_only),
        FIXTURE_TEST(a_million_random_names_are_counted_and_leave_nothing),
        FIXTURE_TEST(random_tickets_are_full_handshakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
