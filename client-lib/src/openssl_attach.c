/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_attach.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stek/openssl.h>

#include "src/client_internal.h"
#include "src/openssl_once.h"
#include "src/openssl_select.h"
#include "src/openssl_session.h"
#include "src/openssl_ticket.h"
#include "src/openssl_version.h"

struct openssl_attachment *openssl_attach_of(const SSL_CTX *ctx)
{
    const struct openssl_once *once = openssl_once_get();

    return once != NULL ? SSL_CTX_get_ex_data(ctx, once->ctx_index) : NULL;
}

const struct openssl_attachment *openssl_attach_find(const SSL *ssl)
{
    return openssl_attach_of(SSL_get_SSL_CTX(ssl));
}

void openssl_attach_set_counted(SSL *ssl)
{
    const struct openssl_once *once = openssl_once_get();

    if (once != NULL) {
        (void)SSL_set_ex_data(ssl, once->ticket_index, ssl); /* without memory it counts twice */
    }
}

bool openssl_attach_take_counted(SSL *ssl)
{
    const struct openssl_once *once = openssl_once_get();

    return once != NULL && SSL_get_ex_data(ssl, once->ticket_index) != NULL &&
           SSL_set_ex_data(ssl, once->ticket_index, NULL) == 1;
}

bool openssl_attach_policy_holds(const struct openssl_attachment *attachment, const SSL *ssl)
{
    return SSL_get_verify_mode(ssl) == attachment->verify_mode && SSL_get_max_early_data(ssl) == 0;
}

/* Counters are striped so that threads do not share cache lines; the processor's number spreads
 * them as well as the thread's would, and is at hand. */
static unsigned int stripe(void)
{
    return (unsigned int)sched_getcpu();
}

void openssl_attach_count(const struct openssl_attachment *attachment, enum ringmap_counter counter)
{
    ringmap_count(attachment->map, attachment->realm, stripe(), counter);
}

void openssl_attach_note_tries(const struct openssl_attachment *attachment, unsigned int tries)
{
    ringmap_note_tries(attachment->map, attachment->realm, stripe(), tries);
}

static void attachment_free(struct openssl_attachment *attachment)
{
    if (attachment != NULL) {
        EVP_CIPHER_free(attachment->cipher);
        EVP_MD_free(attachment->digest);
        openssl_select_free(attachment->select);
        free(attachment);
    }
}

void openssl_attach_on_ctx_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                                void *argp)
{
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    attachment_free(ptr);
}

/* A datagram server's tickets go the same way, but nothing here has ever been run over them. */
static bool is_datagram(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    bool is_dtls = ssl != NULL && SSL_is_dtls(ssl) == 1;

    SSL_free(ssl);
    return is_dtls;
}

static enum stek_status check(SSL_CTX *ctx)
{
    if (!openssl_version_is_safe(OpenSSL_version_num()) || is_datagram(ctx)) {
        return STEK_ERR_UNSUPPORTED;
    }
    /* With SSL_OP_NO_TICKET, or early data, libssl issues references into its own session cache
     * instead of tickets: they open on no other node, whatever we do. */
    if ((SSL_CTX_get_options(ctx) & SSL_OP_NO_TICKET) != 0 || SSL_CTX_get_max_early_data(ctx) > 0) {
        return STEK_ERR_REFUSED;
    }
    return STEK_OK;
}

static enum stek_status make(struct stek_client *client, SSL_CTX *ctx, const char *realm,
                             const char *context, struct openssl_attachment **out_attachment)
{
    struct openssl_attachment *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return STEK_ERR_NOMEM;
    }
    made->map = client_ringmap(client);
    made->clock = client_clock(client);
    made->verify_mode = SSL_CTX_get_verify_mode(ctx);
    enum stek_status status =
        client_find_places(client, realm, context, &made->realm, &made->context);
    if (status == STEK_OK) {
        made->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
        made->digest = EVP_MD_fetch(NULL, "SHA2-256", NULL);
        if (made->cipher == NULL || made->digest == NULL ||
            openssl_sid_make(ctx, realm, context, made->sid) != ERR_OK) {
            status = STEK_ERR_CRYPTO;
        }
    }
    if (status != STEK_OK) {
        attachment_free(made);
        return status;
    }
    *out_attachment = made;
    return STEK_OK;
}

static bool is_same(const struct openssl_attachment *a, const struct openssl_attachment *b)
{
    return a->map == b->map && a->realm == b->realm && a->context == b->context &&
           a->verify_mode == b->verify_mode && memcmp(a->sid, b->sid, sizeof(a->sid)) == 0;
}

/* The step that can fail comes first; from there on `ctx` owns the attachment. */
static enum stek_status install(SSL_CTX *ctx, int index, struct openssl_attachment *attachment)
{
    if (SSL_CTX_set_ex_data(ctx, index, attachment) != 1) {
        attachment_free(attachment);
        return STEK_ERR_NOMEM;
    }
    (void)SSL_CTX_set_session_id_context(ctx, attachment->sid, sizeof(attachment->sid));
    (void)SSL_CTX_set_session_ticket_cb(ctx, openssl_session_on_generate,
                                        openssl_session_on_decrypted, NULL);
    openssl_ticket_install(ctx);
    return STEK_OK;
}

static enum stek_status attach(struct stek_client *client, SSL_CTX *ctx, const char *realm,
                               const char *context)
{
    const struct openssl_once *once = openssl_once_get();
    struct openssl_attachment *made = NULL;
    enum stek_status status = once != NULL ? check(ctx) : STEK_ERR_SYSTEM;

    if (status == STEK_OK) {
        status = make(client, ctx, realm, context, &made);
    }
    if (status != STEK_OK) {
        return status;
    }
    const struct openssl_attachment *held = SSL_CTX_get_ex_data(ctx, once->ctx_index);
    if (held != NULL) {
        status = is_same(held, made) ? STEK_OK : STEK_ERR_REFUSED;
        attachment_free(made);
        return status;
    }
    return install(ctx, once->ctx_index, made);
}

enum stek_status stek_ssl_ctx_attach(struct stek_client *client, SSL_CTX *ctx, const char *realm,
                                     const char *context)
{
    if (client == NULL || ctx == NULL || realm == NULL || context == NULL ||
        strlen(context) > CONTEXT_MAX) {
        return STEK_ERR_INVALID;
    }
    /* The caller's error queue stays as it was: stale entries speak for the next call. */
    (void)ERR_set_mark();
    enum stek_status status = attach(client, ctx, realm, context);
    (void)ERR_pop_to_mark();
    return status;
}
