/* SPDX-License-Identifier: Apache-2.0 */
/* TCP peers until they are known. */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "serve/server_private.h"
#include "wire/tls_context.h"

static void free_guest(struct server *server, struct guest *guest)
{
    handshake_free(guest->handshake);
    server_stats(server)->handshakes--;
    free(guest);
}

/* Out of the list; NULL: the last, which is the oldest. */
static struct guest *take_guest(struct server *server, const struct handshake *handshake)
{
    struct guest **at = &server->guests;

    while (handshake != NULL ? (*at)->handshake != handshake : (*at)->next != NULL) {
        at = &(*at)->next;
    }
    struct guest *guest = *at;
    *at = guest->next;
    return guest;
}

void server_free_guests(struct server *server)
{
    while (server->guests != NULL) {
        free_guest(server, take_guest(server, server->guests->handshake));
    }
}

static void on_failed(void *ctx, struct handshake *handshake)
{
    struct endpoint *endpoint = ctx;

    free_guest(endpoint->server, take_guest(endpoint->server, handshake));
}

/* A handshake that began before the listener's certificates were changed counts only if it holds
 * under the new ones. */
static enum err check_context(const struct endpoint *endpoint, const struct handshake *handshake,
                              const struct transport *transport, struct errbuf *why)
{
    const struct services *services = endpoint->server->options.services;

    if (handshake_get_context(handshake) == endpoint->context) {
        return ERR_OK;
    }
    return transport_verify(transport, endpoint->context, clock_wall_ms(services->clock), why);
}

static void on_done(void *ctx, struct handshake *handshake, struct transport *transport,
                    struct peer *peer)
{
    struct endpoint *endpoint = ctx;
    struct errbuf why = {""};

    if (check_context(endpoint, handshake, transport, &why) == ERR_OK) {
        server_admit(endpoint, transport, peer);
        server_recheck_watch(endpoint->server);
    } else {
        server_refuse(endpoint->server, transport, false, why.text);
        peer_fini(peer);
    }
    free_guest(endpoint->server, take_guest(endpoint->server, handshake));
}

static void make_room(struct server *server)
{
    if (server_stats(server)->handshakes >= server->options.handshakes_max) {
        struct guest *oldest = take_guest(server, NULL);
        handshake_evict(oldest->handshake);
        free_guest(server, oldest);
    }
}

void server_greet(struct endpoint *endpoint, int fd)
{
    struct server *server = endpoint->server;
    const struct handshake_options options = {
        .base = server->options.base,
        .services = server->options.services,
        .listener = listener_name(endpoint->listener),
        .context = endpoint->context,
        .timeout_ms = server->options.limits.handshake_ms,
        .on_done = on_done,
        .on_failed = on_failed,
        .ctx = endpoint,
    };
    struct guest *guest = calloc(1, sizeof(*guest));

    make_room(server);
    if (guest == NULL || handshake_new(&options, fd, &guest->handshake) != ERR_OK) {
        free(guest);
        (void)close(fd);
        server_refuse(server, NULL, false, "out of memory");
        return;
    }
    guest->next = server->guests;
    server->guests = guest;
    server_stats(server)->handshakes++;
}

void server_set_tls(struct server *server, size_t listener, SSL_CTX *context)
{
    struct endpoint *endpoint = &server->endpoints[listener];

    assert(listener < server->endpoint_count);
    if (SSL_CTX_up_ref(context) != 1) {
        return; /* cannot be: a count of references */
    }
    handshake_prepare_context(context);
    SSL_CTX_free(endpoint->context);
    endpoint->context = context;
}
