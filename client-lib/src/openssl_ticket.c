/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers that libssl understands:
 *
 *   encrypt   1 ticket        0 no ticket, the handshake goes on      -1 the connection dies
 *   decrypt   1 opens         0 full handshake                        -1 the connection dies
 *             2 opens, and a new ticket is issued
 *
 * -1 is never given: a handshake never fails because of us (I9). In TLS 1.3 a ticket that opens is
 * always answered 2: clients use a ticket once, and with 1 they would be left with none.
 *
 * This is the callback with an HMAC_CTX, deprecated in OpenSSL 3.0 and present in all of it. Its
 * successor, with an EVP_MAC_CTX, fetches the digest by name for every ticket, which costs more
 * than the ticket itself and does not scale over threads (docs/decisions/0005).
 */
#include "src/openssl_ticket.h"

#include <string.h>

#include <openssl/err.h>

#include "base/secret.h"
#include "src/openssl_attach.h"
#include "src/openssl_iv.h"
#include "src/openssl_session.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define ANSWER_NO    0
#define ANSWER_YES   1
#define ANSWER_RENEW 2

/* What libssl hands over: where the key goes, and the two fields in clear before the ticket. */
struct sealing {
    unsigned char *name;
    unsigned char *iv;
    EVP_CIPHER_CTX *cipher;
    HMAC_CTX *mac;
};

static bool set_keys(const struct openssl_attachment *attachment, const struct sealing *sealing,
                     const struct ringmap_key *key, const uint8_t *iv, int is_encrypting)
{
    return EVP_CipherInit_ex(sealing->cipher, attachment->cipher, NULL, key->subkeys.aes, iv,
                             is_encrypting) == 1 &&
           HMAC_Init_ex(sealing->mac, key->subkeys.hmac, SUBKEY_HMAC_LEN, attachment->digest,
                        NULL) == 1;
}

static enum ringmap_counter why_not(enum ringmap_answer answer)
{
    switch (answer) {
    case RINGMAP_BUSY:
        return COUNT_BUSY;
    case RINGMAP_UNKNOWN:
        return COUNT_UNKNOWN_KEY;
    case RINGMAP_OLD:
        return COUNT_REFUSED_OLD;
    default:
        return COUNT_NO_KEY;
    }
}

/* The session was made under the policy that was attached, and under no other that an application
 * has set since or switched to. */
static bool is_session_ours(const struct openssl_attachment *attachment, const SSL_SESSION *session)
{
    unsigned int len = 0;
    const unsigned char *sid = SSL_SESSION_get0_id_context(session, &len);

    return len == sizeof(attachment->sid) && memcmp(sid, attachment->sid, len) == 0;
}

/* COUNT_ISSUED when everything is set, else why there is no ticket. */
static enum ringmap_counter seal_with(const struct openssl_attachment *attachment,
                                      const SSL_SESSION *session, const struct sealing *sealing,
                                      struct ringmap_key *key)
{
    struct ringmap_reading reading = {0};
    uint8_t iv[OPENSSL_IV_LEN];
    enum ringmap_answer answer = ringmap_encrypting(
        attachment->map, attachment->context, clock_boot_ms(attachment->clock), key, &reading);

    openssl_attach_note_tries(attachment, reading.tries);
    if (answer != RINGMAP_FOUND) {
        return why_not(answer);
    }
    /* No stamp: nothing was active a moment ago, or too little is left of the key or the chain. */
    if (!openssl_session_may_issue(session, key->dropped_from)) {
        return COUNT_NO_KEY;
    }
    if (!openssl_iv_take(iv) || !set_keys(attachment, sealing, key, iv, 1)) {
        return COUNT_CRYPTO_FAILURES;
    }
    memcpy(sealing->name, key->name, KEY_NAME_LEN);
    memcpy(sealing->iv, iv, sizeof(iv));
    return COUNT_ISSUED;
}

static int seal(const struct openssl_attachment *attachment, const SSL *ssl,
                const struct sealing *sealing)
{
    const SSL_SESSION *session = SSL_get_session(ssl);
    enum ringmap_counter outcome = COUNT_POLICY_MISMATCH;

    /* libssl puts whatever stands here in front of the ticket: never the stack (EXP-2). */
    memset(sealing->name, 0, KEY_NAME_LEN);
    memset(sealing->iv, 0, EVP_MAX_IV_LENGTH);
    if (attachment == NULL || session == NULL) {
        return ANSWER_NO;
    }
    if (openssl_attach_policy_holds(attachment, ssl) && is_session_ours(attachment, session)) {
        struct ringmap_key key = {0};
        outcome = seal_with(attachment, session, sealing, &key);
        secret_wipe(&key, sizeof(key));
    }
    openssl_attach_count(attachment, outcome);
    return outcome == COUNT_ISSUED ? ANSWER_YES : ANSWER_NO;
}

/* Whether the ticket opens, and is accepted, is settled and counted later: openssl_session.c. */
static int open_with(const struct openssl_attachment *attachment, const SSL *ssl,
                     const struct sealing *sealing, struct ringmap_key *key)
{
    struct ringmap_reading reading = {0};
    enum ringmap_answer answer =
        ringmap_decrypting(attachment->map, attachment->context, sealing->name,
                           clock_boot_ms(attachment->clock), key, &reading);

    openssl_attach_note_tries(attachment, reading.tries);
    if (answer != RINGMAP_FOUND) {
        openssl_attach_count(attachment, why_not(answer));
        return ANSWER_NO;
    }
    if (!set_keys(attachment, sealing, key, sealing->iv, 0)) {
        openssl_attach_count(attachment, COUNT_CRYPTO_FAILURES);
        return ANSWER_NO;
    }
    return SSL_version(ssl) == TLS1_3_VERSION || key->renew ? ANSWER_RENEW : ANSWER_YES;
}

static int open_ticket(const struct openssl_attachment *attachment, const SSL *ssl,
                       const struct sealing *sealing)
{
    struct ringmap_key key = {0};
    int answer = ANSWER_NO;

    if (attachment == NULL) {
        return ANSWER_NO;
    }
    /* Resuming would skip the client certificate that this connection asks for. */
    if (!openssl_attach_policy_holds(attachment, ssl)) {
        openssl_attach_count(attachment, COUNT_POLICY_MISMATCH);
        return ANSWER_NO;
    }
    answer = open_with(attachment, ssl, sealing, &key);
    secret_wipe(&key, sizeof(key));
    return answer;
}

int openssl_ticket_on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                          HMAC_CTX *mac, int is_encrypting)
{
    const struct sealing sealing = {.name = name, .iv = iv, .cipher = cipher, .mac = mac};
    const struct openssl_attachment *attachment = openssl_attach_find(ssl);

    const bool is_opening = is_encrypting == 0 && attachment != NULL;
    int is_marked = ERR_set_mark(); /* 0: the queue is empty */
    int answer = is_encrypting != 0 ? seal(attachment, ssl, &sealing)
                                    : open_ticket(attachment, ssl, &sealing);
    if (is_opening && answer == ANSWER_NO) {
        openssl_attach_set_counted(ssl);
    }
    if (is_marked != 0 || answer == ANSWER_NO) {
        (void)ERR_pop_to_mark(); /* leaves the queue as it was found */
    }
    return answer;
}

void openssl_ticket_install(SSL_CTX *ctx)
{
    /* libssl asks this one first, if an application has set it. */
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, NULL);
    (void)SSL_CTX_set_tlsext_ticket_key_cb(ctx, openssl_ticket_on_key);
}
