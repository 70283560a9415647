/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libssl runs the ClientHello callback before it looks at tickets, and the server-name callback
 * after. Whoever switches in the second has tickets opened by the first context's keys and rules,
 * under which a session may be resumed that the switched-to context would never have made
 * (CVE-2025-23419). So the choice is made in the first.
 *
 * After a HelloRetryRequest a client says hello again, and may ask for another name (RFC 8446
 * section 4.1.2 forbids it, libssl does not look). libssl then calls the ClientHello callback of
 * the context that was chosen, not the listener's. So every context that may be chosen has the
 * callback, and the connection remembers whose choice it was: the choice is made again. Otherwise
 * one could come in under one host's rules and be taken for a client of another.
 *
 * A table is sorted by name and searched by halves: a listener may serve thousands.
 */
#include "src/openssl_select.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <stek/openssl.h>

#include "src/openssl_attach.h"
#include "src/openssl_name.h"
#include "src/openssl_once.h"

#define HOSTS_MAX    4096
#define NAME_MAX_LEN 255 /* TLSEXT_MAXLEN_host_name: libssl refuses longer ones */

struct host {
    char *name;   /* owned; lower case */
    SSL_CTX *ctx; /* borrowed */
};

struct openssl_select {
    SSL_CTX *listener; /* whose this is */
    stek_ssl_lookup_fn lookup;
    void *arg;          /* borrowed */
    struct host *hosts; /* owned; sorted */
    size_t count;
};

void openssl_select_free(struct openssl_select *select)
{
    if (select == NULL) {
        return;
    }
    for (size_t i = 0; i < select->count; i++) {
        free(select->hosts[i].name);
    }
    free(select->hosts);
    free(select);
}

/* --- switching ------------------------------------------------------------------------------- */

/* What SSL_new() copied from the listener and SSL_set_SSL_CTX() leaves alone. */
static bool carry(SSL *ssl, SSL_CTX *ctx)
{
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx));
    (void)SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(ctx));
    (void)SSL_set_options(ssl, SSL_CTX_get_options(ctx));
    return SSL_set1_param(ssl, SSL_CTX_get0_param(ctx)) == 1 &&
           SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(ctx)) == 1 &&
           SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(ctx)) == 1 &&
           SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(ctx)) == 1 &&
           SSL_set_max_early_data(ssl, SSL_CTX_get_max_early_data(ctx)) == 1;
}

/* libssl takes the new context's session-id context only if the connection still has the old one's;
 * ours is known, whatever an application has set on the connection. */
static bool set_session_id_context(SSL *ssl)
{
    const struct openssl_attachment *attachment = openssl_attach_find(ssl);

    return attachment == NULL ||
           SSL_set_session_id_context(ssl, attachment->sid, sizeof(attachment->sid)) == 1;
}

/* The listener's own is chosen by NULL; coming back to it from another is a switch too. */
static bool switch_to(SSL *ssl, SSL_CTX *ctx)
{
    const struct openssl_attachment *chosen = openssl_attach_of(ctx);

    if (ctx == SSL_get_SSL_CTX(ssl)) {
        return true;
    }
    return chosen != NULL && (chosen->may_be_chosen || chosen->select != NULL) &&
           SSL_set_SSL_CTX(ssl, ctx) == ctx && carry(ssl, ctx) && set_session_id_context(ssl);
}

static char lower(uint8_t byte)
{
    return (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

/* False: not one that libssl will take. */
static bool copy_name(struct slice name, char out[NAME_MAX_LEN + 1])
{
    if (name.len > NAME_MAX_LEN || memchr(name.at, 0, name.len) != NULL) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        out[i] = lower(name.at[i]);
    }
    out[name.len] = '\0';
    return true;
}

/* Who chooses on this connection: whoever did at its first hello, else the context it began with.
 * NULL: nobody does. */
static const struct openssl_select *chooser_of(SSL *ssl, struct openssl_select *own)
{
    const struct openssl_once *once = openssl_once_get();
    const struct openssl_select *first = SSL_get_ex_data(ssl, once->ssl_index);

    if (first != NULL || own == NULL) {
        return first;
    }
    return SSL_set_ex_data(ssl, once->ssl_index, own) == 1 ? own : NULL;
}

static bool choose(SSL *ssl, struct openssl_select *own, const char *name)
{
    const struct openssl_select *select = chooser_of(ssl, own);

    if (select == NULL) {
        return own == NULL;
    }
    SSL_CTX *ctx = select->lookup(select->arg, name);
    return switch_to(ssl, ctx != NULL ? ctx : select->listener);
}

int openssl_select_on_hello(SSL *ssl, int *alert, void *arg)
{
    struct slice name = {0};
    char text[NAME_MAX_LEN + 1];

    /* A name that cannot be read ends the connection when libssl comes to read it. */
    if (!openssl_name_read(ssl, &name) || !copy_name(name, text)) {
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    (void)ERR_set_mark();
    const bool ok = choose(ssl, arg, name.len > 0 ? text : NULL);
    (void)ERR_pop_to_mark();
    if (!ok) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* --- a table --------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct host *left = a;
    const struct host *right = b;

    return strcmp(left->name, right->name);
}

static SSL_CTX *find_row(const struct openssl_select *select, const char *name)
{
    const struct host wanted = {.name = (char *)(uintptr_t)name};
    const struct host *found =
        bsearch(&wanted, select->hosts, select->count, sizeof(wanted), compare);

    return found != NULL ? found->ctx : NULL;
}

static SSL_CTX *look_up(void *arg, const char *server_name)
{
    char starred[NAME_MAX_LEN + 2];
    const char *dot = server_name != NULL ? strchr(server_name, '.') : NULL;
    SSL_CTX *ctx = server_name != NULL ? find_row(arg, server_name) : NULL;

    if (ctx != NULL || dot == NULL || dot == server_name) {
        return ctx;
    }
    starred[0] = '*';
    memcpy(starred + 1, dot, strlen(dot) + 1);
    return find_row(arg, starred);
}

/* Letters, digits, dots, hyphens, underscores; a star as the whole first of several labels. */
static bool is_host_name(const char *name)
{
    const size_t from = strncmp(name, "*.", 2) == 0 ? 2 : 0;
    const size_t len = strlen(name);

    return len > from && len <= NAME_MAX_LEN && name[from] != '.' && name[len - 1] != '.' &&
           strspn(name + from,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
               len - from;
}

static enum stek_status add_row(struct openssl_select *select, const struct stek_ssl_host *from)
{
    struct host *host = &select->hosts[select->count];
    char name[NAME_MAX_LEN + 1];

    if (from->server_name == NULL || from->ctx == NULL || !is_host_name(from->server_name) ||
        !copy_name((struct slice){(const uint8_t *)from->server_name, strlen(from->server_name)},
                   name)) {
        return STEK_ERR_INVALID;
    }
    if (openssl_attach_of(from->ctx) == NULL) {
        return STEK_ERR_REFUSED;
    }
    *host = (struct host){.name = strdup(name), .ctx = from->ctx};
    if (host->name == NULL) {
        return STEK_ERR_NOMEM;
    }
    select->count++;
    return STEK_OK;
}

static enum stek_status fill_table(struct openssl_select *select, const struct stek_ssl_host *hosts,
                                   size_t count)
{
    enum stek_status status = STEK_OK;

    select->hosts = calloc(count > 0 ? count : 1, sizeof(*select->hosts));
    if (select->hosts == NULL) {
        return STEK_ERR_NOMEM;
    }
    for (size_t i = 0; i < count && status == STEK_OK; i++) {
        status = add_row(select, &hosts[i]);
    }
    qsort(select->hosts, select->count, sizeof(*select->hosts), compare);
    for (size_t i = 1; i < select->count && status == STEK_OK; i++) {
        if (compare(&select->hosts[i - 1], &select->hosts[i]) == 0) {
            status = STEK_ERR_INVALID;
        }
    }
    return status;
}

/* --- setting up ------------------------------------------------------------------------------ */

/* `select` moves to the listener's attachment. */
static enum stek_status install(SSL_CTX *listener, struct openssl_select *select)
{
    struct openssl_attachment *attachment = openssl_attach_of(listener);

    if (attachment == NULL || attachment->select != NULL) {
        openssl_select_free(select);
        return STEK_ERR_REFUSED;
    }
    select->listener = listener;
    attachment->select = select;
    SSL_CTX_set_client_hello_cb(listener, openssl_select_on_hello, select);
    return STEK_OK;
}

/* Not one that chooses itself: its callback is in place. */
static enum stek_status let_be_chosen(SSL_CTX *ctx)
{
    struct openssl_attachment *attachment = openssl_attach_of(ctx);

    if (attachment == NULL) {
        return STEK_ERR_REFUSED;
    }
    attachment->may_be_chosen = true;
    if (attachment->select == NULL) {
        SSL_CTX_set_client_hello_cb(ctx, openssl_select_on_hello, NULL);
    }
    return STEK_OK;
}

enum stek_status stek_ssl_ctx_select(SSL_CTX *ctx, stek_ssl_lookup_fn lookup, void *arg)
{
    if (ctx == NULL) {
        return STEK_ERR_INVALID;
    }
    if (lookup == NULL) {
        return let_be_chosen(ctx);
    }
    struct openssl_select *select = calloc(1, sizeof(*select));
    if (select == NULL) {
        return STEK_ERR_NOMEM;
    }
    select->lookup = lookup;
    select->arg = arg;
    return install(ctx, select);
}

enum stek_status stek_ssl_ctx_select_table(SSL_CTX *listener, const struct stek_ssl_host *hosts,
                                           size_t count)
{
    if (listener == NULL || (hosts == NULL && count > 0) || count > HOSTS_MAX) {
        return STEK_ERR_INVALID;
    }
    struct openssl_select *select = calloc(1, sizeof(*select));
    if (select == NULL) {
        return STEK_ERR_NOMEM;
    }
    select->lookup = look_up;
    select->arg = select;
    enum stek_status status = fill_table(select, hosts, count);
    if (status != STEK_OK) {
        openssl_select_free(select);
        return status;
    }
    status = install(listener, select);
    for (size_t i = 0; i < count && status == STEK_OK; i++) {
        status = let_be_chosen(hosts[i].ctx);
    }
    return status;
}
