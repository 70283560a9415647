/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets of hostile clients, through libssl into libstek's callbacks. Byte 0 chooses the version
 * (bit 0), whether the name is put in front of the bytes (bit 1: a live key's, bit 2: with bit 1, a
 * dropped one's), and whether the bytes change a good ticket instead of replacing it (bit 3): then
 * they are {where 2, with what 1}, and at the end may cut or lengthen it.
 *
 * I9: no handshake fails. Only a ticket we have issued, byte for byte, resumes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/secret.h"
#include "fuzz.h"
#include "support/key_world.h"
#include "support/tls_pair.h"

#define HOUR       KEY_WORLD_HOUR
#define TICKET_TAG 0xAA /* [10], the ticket in an SSL_SESSION's DER */
#define TICKET_MAX 65535

enum { LIVE = 1, DROPPED = 2 };

/* Made once: a handshake costs enough. Nothing in it changes from one input to the next but
 * counters. */
struct bench {
    struct key_world world;
    SSL_CTX *server;
    SSL_CTX *client;
    SSL_SESSION *good[2]; /* by version */
};

static const int versions[2] = {TLS1_2_VERSION, TLS1_3_VERSION};

static struct bench *bench_get(void)
{
    static struct bench bench;
    static bool is_made;
    struct tls_pair_result result;

    if (!is_made) {
        key_world_init(&bench.world);
        key_world_add(&bench.world, LIVE, -HOUR, 11 * HOUR, 23 * HOUR);
        key_world_add(&bench.world, DROPPED, -3 * HOUR, -2 * HOUR, -HOUR);
        bench.server = key_world_server(&bench.world, "");
        bench.client = tls_pair_client_ctx();
        for (size_t i = 0; i < 2; i++) {
            assert(tls_pair_handshake(bench.server, bench.client, versions[i], NULL, &result));
            assert(result.session != NULL);
            bench.good[i] = result.session;
        }
        is_made = true;
    }
    return &bench;
}

/* ---- DER: just enough to exchange the ticket of a session ---- */

static size_t put_length(uint8_t *at, size_t len)
{
    if (len < 0x80) {
        at[0] = (uint8_t)len;
        return 1;
    }
    at[0] = 0x83;
    at[1] = (uint8_t)(len >> 16);
    at[2] = (uint8_t)(len >> 8);
    at[3] = (uint8_t)len;
    return 4;
}

/* Takes the tag and the length; what is left of *r begins with the value. */
static size_t take_length(struct reader *r)
{
    size_t len = reader_u8(r);

    if (len >= 0x80) {
        size_t bytes = len & 0x7F;
        for (len = 0; bytes > 0; bytes--) {
            len = len << 8 | reader_u8(r);
        }
    }
    return len;
}

static void put(struct writer *w, uint8_t tag, const uint8_t *value, size_t len)
{
    uint8_t length[4];

    writer_u8(w, tag);
    writer_bytes(w, length, put_length(length, len));
    writer_bytes(w, value, len);
}

/* The session's fields but for the ticket, which is `ticket`. */
static void copy_fields(struct reader *r, struct writer *w, struct slice ticket)
{
    uint8_t *octets = malloc(ticket.len + 8);
    struct writer inner;

    assert(octets != NULL);
    writer_init(&inner, octets, ticket.len + 8);
    put(&inner, 0x04, ticket.at, ticket.len);
    while (r->len > 0 && !r->failed) {
        const uint8_t tag = reader_u8(r);
        const size_t len = take_length(r);
        const uint8_t *value = reader_take(r, len);
        if (tag == TICKET_TAG) {
            put(w, tag, octets, inner.len);
        } else {
            put(w, tag, value, len);
        }
    }
    assert(!r->failed && !w->failed && !inner.failed);
    free(octets);
}

static SSL_SESSION *with_ticket(SSL_SESSION *session, struct slice ticket)
{
    unsigned char *der = NULL;
    const int der_len = i2d_SSL_SESSION(session, &der);
    const size_t cap = (size_t)der_len + ticket.len + 64;
    uint8_t *fields = malloc(cap);
    uint8_t *made = malloc(cap);
    struct reader r;
    struct writer w;

    assert(der_len > 0 && fields != NULL && made != NULL);
    reader_init(&r, der, (size_t)der_len);
    assert(reader_u8(&r) == 0x30 && take_length(&r) == r.len);
    writer_init(&w, fields, cap);
    copy_fields(&r, &w, ticket);
    const size_t len = w.len;
    writer_init(&w, made, cap);
    put(&w, 0x30, fields, len);
    assert(!w.failed);
    const unsigned char *at = made;
    SSL_SESSION *out = d2i_SSL_SESSION(NULL, &at, (long)w.len);
    assert(out != NULL);
    OPENSSL_free(der);
    free(fields);
    free(made);
    return out;
}

/* ---- the ticket ---- */

static void make_fresh(uint8_t how, struct slice in, struct secret_buf *out)
{
    uint8_t name[KEY_NAME_LEN];

    if ((how & 2) != 0) {
        key_world_name((how & 4) != 0 ? DROPPED : LIVE, name);
        assert(secret_buf_append(out, name, sizeof(name)) == ERR_OK);
    }
    assert(in.len == 0 || secret_buf_append(out, in.at, in.len) == ERR_OK);
}

static void make_changed(struct slice good, struct slice in, struct secret_buf *out)
{
    struct reader r;

    assert(secret_buf_append(out, good.at, good.len) == ERR_OK);
    reader_init(&r, in.at, in.len);
    while (r.len >= 3) {
        const uint16_t where = reader_u16be(&r);
        out->at[where % out->len] ^= reader_u8(&r);
    }
    if (r.len == 2) {
        out->len -= reader_u16be(&r) % out->len;
    } else if (r.len == 1) {
        const uint8_t byte = reader_u8(&r);
        assert(secret_buf_append(out, &byte, 1) == ERR_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bench *bench = bench_get();
    struct secret_buf ticket = {0};
    struct slice good = {NULL, 0};
    struct tls_pair_result result;

    if (size == 0 || size > TICKET_MAX / 2) {
        return 0;
    }
    const size_t version = data[0] & 1;
    const struct slice in = {data + 1, size - 1};
    SSL_SESSION_get0_ticket(bench->good[version], &good.at, &good.len);
    if ((data[0] & 8) != 0) {
        make_changed(good, in, &ticket);
    } else {
        make_fresh(data[0], in, &ticket);
    }
    if (ticket.len > 0) {
        SSL_SESSION *offer =
            with_ticket(bench->good[version], (struct slice){ticket.at, ticket.len});
        const bool is_good = ticket.len == good.len && memcmp(ticket.at, good.at, good.len) == 0;
        assert(tls_pair_handshake(bench->server, bench->client, versions[version], offer, &result));
        assert(result.resumed == is_good);
        /* Everybody leaves with a ticket of the encrypting key (or, in 1.2, with the one it has).
         */
        assert(result.session != NULL || is_good);
        SSL_SESSION_free(result.session);
        SSL_SESSION_free(offer);
    }
    assert(key_world_count(&bench->world, COUNT_CRYPTO_FAILURES) == 0);
    secret_buf_fini(&ticket);
    return 0;
}
