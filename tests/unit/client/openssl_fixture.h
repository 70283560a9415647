/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of libstek's OpenSSL part begin with: a world, a server attached to its realm
 * "web", a client. */
#ifndef STEK_TESTS_UNIT_CLIENT_OPENSSL_FIXTURE_H
#define STEK_TESTS_UNIT_CLIENT_OPENSSL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stek/openssl.h>

#include "support/key_world.h"
#include "support/tls_pair.h"

#define HOUR KEY_WORLD_HOUR

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

struct fixture {
    struct key_world world;
    SSL_CTX *server; /* attached to ("web", "") */
    SSL_CTX *client;
};

static inline int fixture_set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    key_world_init(&f->world);
    f->server = key_world_server(&f->world, "");
    f->client = tls_pair_client_ctx();
    assert_non_null(f->client);
    *state = f;
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *f = *state;

    SSL_CTX_free(f->server);
    SSL_CTX_free(f->client);
    key_world_fini(&f->world);
    free(f);
    return 0;
}

/* A key that has been active for an hour: retired in 11 h, dropped in 23 h, as by default. */
static inline void fixture_add_active(struct fixture *f, uint8_t seed)
{
    key_world_add(&f->world, seed, -HOUR, 11 * HOUR, 23 * HOUR);
}

/* A handshake that must not fail (I9). Offers a copy: libssl's client marks a session that it used
 * for a TLS 1.3 resumption as spent. */
static inline struct tls_pair_result fixture_shake_with(SSL_CTX *server, SSL_CTX *client,
                                                        int version, SSL_SESSION *offer)
{
    struct tls_pair_result result;
    SSL_SESSION *copy = offer != NULL ? SSL_SESSION_dup(offer) : NULL;

    assert_int_equal(copy != NULL, offer != NULL);
    assert_true(tls_pair_handshake(server, client, version, copy, &result));
    SSL_SESSION_free(copy);
    return result;
}

static inline struct tls_pair_result fixture_shake(struct fixture *f, int version,
                                                   SSL_SESSION *offer)
{
    return fixture_shake_with(f->server, f->client, version, offer);
}

/* A full handshake that must bring a ticket; the caller frees it. */
static inline SSL_SESSION *fixture_ticket(struct fixture *f, int version)
{
    struct tls_pair_result result = fixture_shake(f, version, NULL);

    assert_false(result.resumed);
    assert_non_null(result.session);
    return result.session;
}

/* Offers `session`, which is not consumed; tells whether it was resumed. */
static inline bool fixture_resumes(struct fixture *f, int version, SSL_SESSION *session)
{
    struct tls_pair_result result = fixture_shake(f, version, session);

    SSL_SESSION_free(result.session);
    return result.resumed;
}

static inline uint64_t fixture_count(const struct fixture *f, enum ringmap_counter counter)
{
    return key_world_count(&f->world, counter);
}

/* The 16 bytes in clear at the front of a ticket. */
static inline const unsigned char *fixture_key_name(const SSL_SESSION *session)
{
    const unsigned char *ticket = NULL;
    size_t len = 0;

    SSL_SESSION_get0_ticket(session, &ticket, &len);
    assert_true(len > KEY_NAME_LEN + 16 + 32);
    return ticket;
}

#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

#endif
