/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stamp: application data inside the ticket, so that age is judged by the fleet's time, and a
 * ticket opens under the server name only that it was got under.
 *
 *   u8 version = 2 | u64be chain start | u64be issue time | 16 bytes of server name digest
 *
 * Times are fleet milliseconds. The digest is the front of SHA-256 over the name that the client
 * offered in the full handshake, byte for byte; over nothing when it offered none. A chain carries
 * it on. A ticket offered under another name is answered with a full handshake (openssl_name.h).
 *
 * Chain start is when the full handshake was made; every ticket that descends from it carries it
 * on, so that re-issuing (each TLS 1.3 resumption does) cannot keep a session alive for ever:
 * libssl has no limit of its own. A ticket ends at issue time + the session's timeout, which is
 * also the lifetime the client is told, in whole seconds rounded down: the least of
 * ticket_lifetime, what is left of the key, and what is left of the chain. So a ticket never
 * outlives what opens it, and no client is promised more than it gets.
 *
 * The node that is offered the ticket reckons the fleet's time a little differently from the one
 * that issued it. So that a client never loses what it was told it has, a ticket is taken for
 * SLACK_MS longer than it was told. The key's own dropped_from (I3) and max_session_age are never
 * stretched.
 *
 * libssl judges age as well, by the issuer's wall clock against ours: on acceptance we set the
 * session's own time so that both judgements agree, however wrong either clock is.
 *
 * TLS 1.2: libssl puts no lifetime (0, "unspecified") into a ticket issued on a resumed session;
 * the timeout inside is as above all the same.
 */
#include "src/openssl_session.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>

#include "base/secret.h"
#include "src/fleet_clock.h"
#include "src/openssl_attach.h"
#include "src/openssl_name.h"

#define STAMP_VERSION 2
#define STAMP_NAME_AT 17
#define STAMP_LEN     (STAMP_NAME_AT + OPENSSL_NAME_LEN)
#define MS_PER_S      1000
#define SLACK_MS      FLEET_CLOCK_TRUST_MS /* sound clocks may be that far apart (R10) */

struct stamp {
    int64_t chain_start;
    int64_t issued_at;
    uint8_t name[OPENSSL_NAME_LEN];
};

static void put_u64(uint8_t *at, uint64_t value)
{
    for (size_t i = 0; i < 8; i++) {
        at[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value = 0;

    for (size_t i = 0; i < 8; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static bool write_stamp(SSL_SESSION *session, const struct stamp *stamp)
{
    uint8_t bytes[STAMP_LEN] = {STAMP_VERSION};

    put_u64(bytes + 1, (uint64_t)stamp->chain_start);
    put_u64(bytes + 9, (uint64_t)stamp->issued_at);
    memcpy(bytes + STAMP_NAME_AT, stamp->name, sizeof(stamp->name));
    return SSL_SESSION_set1_ticket_appdata(session, bytes, sizeof(bytes)) == 1;
}

static bool read_stamp(const SSL_SESSION *session, struct stamp *stamp)
{
    void *data = NULL;
    size_t len = 0;

    /* libssl declares the session mutable but only reads it. */
    if (SSL_SESSION_get0_ticket_appdata((SSL_SESSION *)(uintptr_t)session, &data, &len) != 1 ||
        data == NULL || len != STAMP_LEN) {
        return false;
    }
    const uint8_t *bytes = data;
    if (bytes[0] != STAMP_VERSION) {
        return false;
    }
    stamp->chain_start = (int64_t)get_u64(bytes + 1);
    stamp->issued_at = (int64_t)get_u64(bytes + 9);
    memcpy(stamp->name, bytes + STAMP_NAME_AT, sizeof(stamp->name));
    return true;
}

static int64_t at_most(int64_t value, int64_t limit)
{
    return value < limit ? value : limit;
}

static int64_t timeout_ms(const SSL_SESSION *session)
{
    return (int64_t)SSL_SESSION_get_timeout(session) * MS_PER_S;
}

bool openssl_session_may_issue(const SSL_SESSION *session, int64_t dropped_from)
{
    struct stamp stamp;

    return read_stamp(session, &stamp) &&
           clock_add_ms(stamp.issued_at, timeout_ms(session)) <= dropped_from;
}

/* The time and the end of the key that encrypts now. Its bytes are not wanted. */
static bool look_ahead(const struct openssl_attachment *attachment, int64_t *dropped_from,
                       struct ringmap_reading *reading)
{
    struct ringmap_key key = {0};
    enum ringmap_answer answer = ringmap_encrypting(
        attachment->map, attachment->context, clock_boot_ms(attachment->clock), &key, reading);

    *dropped_from = key.dropped_from;
    secret_wipe(&key, sizeof(key));
    return answer == RINGMAP_FOUND;
}

/* How long a ticket issued now may live; less than a second: not at all. */
static int64_t life_ms(const struct ringmap_reading *reading, int64_t dropped_from,
                       int64_t chain_start)
{
    int64_t chain_end = clock_add_ms(chain_start, reading->max_session_age_ms);
    int64_t life =
        at_most(reading->ticket_lifetime_ms, clock_between_ms(reading->now, dropped_from));

    return at_most(life, clock_between_ms(reading->now, chain_end));
}

/* For a session that has just come from a full handshake. */
static bool start_chain(const struct openssl_attachment *attachment, const SSL *ssl, int64_t now,
                        struct stamp *stamp)
{
    stamp->chain_start = now;
    return openssl_name_of_handshake(ssl, attachment->digest, stamp->name) == OPENSSL_NAME_READ;
}

static void prepare(const struct openssl_attachment *attachment, const SSL *ssl,
                    SSL_SESSION *session)
{
    struct ringmap_reading reading = {0};
    struct stamp stamp = {0};
    int64_t dropped_from = 0;
    bool ok = true;
    bool is_stamped = read_stamp(session, &stamp);

    if (!is_stamped && SSL_session_reused(ssl) == 1) {
        return; /* from a session cache, where other threads see it: not ours to change */
    }
    int64_t life = 0;
    if (look_ahead(attachment, &dropped_from, &reading)) {
        ok = is_stamped || start_chain(attachment, ssl, reading.now, &stamp);
        stamp.issued_at = reading.now;
        life = life_ms(&reading, dropped_from, stamp.chain_start);
    }
    if (life < MS_PER_S) {
        /* Not the last ticket's stamp on this one. */
        (void)SSL_SESSION_set1_ticket_appdata(session, NULL, 0);
        return;
    }
    if (!ok || !write_stamp(session, &stamp)) {
        openssl_attach_count(attachment, COUNT_CRYPTO_FAILURES);
        return;
    }
    (void)SSL_SESSION_set_timeout(session, (long)(life / MS_PER_S));
}

int openssl_session_on_generate(SSL *ssl, void *arg)
{
    const struct openssl_attachment *attachment = openssl_attach_find(ssl);
    SSL_SESSION *session = SSL_get_session(ssl);

    (void)arg;
    if (attachment != NULL && session != NULL) {
        (void)ERR_set_mark();
        prepare(attachment, ssl, session);
        (void)ERR_pop_to_mark();
    }
    return 1;
}

/* The connection asks for the server name that the ticket was got under. Counts what it refuses. */
static bool is_name_ours(const struct openssl_attachment *attachment, SSL *ssl,
                         const struct stamp *stamp)
{
    uint8_t name[OPENSSL_NAME_LEN];
    enum openssl_name_answer answer = openssl_name_of_hello(ssl, attachment->digest, name);

    if (answer == OPENSSL_NAME_READ &&
        memcmp(name, stamp->name, OPENSSL_NAME_LEN) == 0) { /* lint: public bytes */
        return true;
    }
    openssl_attach_count(attachment, answer == OPENSSL_NAME_FAILED ? COUNT_CRYPTO_FAILURES
                                                                   : COUNT_POLICY_MISMATCH);
    return false;
}

/* So that libssl comes to our verdict: it may be a little ahead of us, or in the slack. */
static void set_age(SSL_SESSION *session, int64_t age)
{
    const int64_t told = at_most(age, timeout_ms(session));
    const int64_t age_s = told > 0 ? told / MS_PER_S : 0;

    (void)SSL_SESSION_set_time(session, (long)(time(NULL) - (time_t)age_s));
}

/* Counts what it refuses, but for what the key callback has counted a moment ago. */
static bool is_still_good(const struct openssl_attachment *attachment, SSL *ssl,
                          SSL_SESSION *session, const unsigned char *key_name)
{
    struct ringmap_reading reading = {0};
    struct ringmap_key key = {0};
    struct stamp stamp;

    if (!read_stamp(session, &stamp)) {
        openssl_attach_count(attachment, COUNT_UNKNOWN_KEY); /* our key, but not our ticket */
        return false;
    }
    if (!is_name_ours(attachment, ssl, &stamp)) {
        return false;
    }
    /* Asked again for time and policy; a key that was revoked in between is caught as well. */
    enum ringmap_answer answer =
        ringmap_decrypting(attachment->map, attachment->context, key_name,
                           clock_boot_ms(attachment->clock), &key, &reading);
    secret_wipe(&key, sizeof(key));
    if (answer != RINGMAP_FOUND) {
        openssl_attach_count(attachment, answer == RINGMAP_BUSY ? COUNT_BUSY : COUNT_REFUSED_OLD);
        return false;
    }
    int64_t age = clock_between_ms(stamp.issued_at, reading.now);
    int64_t chain_age = clock_between_ms(stamp.chain_start, reading.now);
    if (age >= clock_add_ms(timeout_ms(session), SLACK_MS) ||
        chain_age >= reading.max_session_age_ms) {
        openssl_attach_count(attachment, COUNT_REFUSED_OLD);
        return false;
    }
    set_age(session, age);
    return true;
}

SSL_TICKET_RETURN openssl_session_on_decrypted(SSL *ssl, SSL_SESSION *session,
                                               const unsigned char *key_name, size_t key_name_len,
                                               SSL_TICKET_STATUS status, void *arg)
{
    const struct openssl_attachment *attachment = openssl_attach_find(ssl);
    bool is_open = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;

    (void)arg;
    if (!openssl_attach_take_counted(ssl) && status == SSL_TICKET_NO_DECRYPT &&
        attachment != NULL) {
        openssl_attach_count(attachment, COUNT_UNKNOWN_KEY); /* forged, or cut off */
    }
    /* For an empty ticket and one that did not open this is what libssl does by itself: a full
     * handshake, with a new ticket. */
    if (!is_open || attachment == NULL || session == NULL || key_name_len != KEY_NAME_LEN ||
        !is_still_good(attachment, ssl, session, key_name)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    openssl_attach_count(attachment, COUNT_DECRYPTED);
    if (status == SSL_TICKET_SUCCESS) {
        return SSL_TICKET_RETURN_USE;
    }
    openssl_attach_count(attachment, COUNT_RENEWED);
    return SSL_TICKET_RETURN_USE_RENEW;
}
