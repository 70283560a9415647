/* SPDX-License-Identifier: Apache-2.0 */
/* Who was let in is not in for ever: certificates end, lists and rules change. */
#include "serve/server_private.h"

/* How late a certificate's end may be noticed; the wall clock can be set at any time. */
#define EXPIRY_LOOK_MS INT64_C(500)

static void log_cut(struct server *server, const struct slot *slot, const char *why)
{
    const struct services *services = server->options.services;
    char who[PEER_TEXT_MAX];

    peer_format(connection_get_peer(slot->connection), who);
    log_write(services->log, LOG_LEVEL_WARNING, "connection-cut",
              LOG_FIELDS(log_string("peer", who), log_string("why", why)));
}

static void cut(struct server *server, struct slot *slot, const char *why)
{
    if (slot->is_cut) {
        return;
    }
    slot->is_cut = true;
    server_stats(server)->rechecks_closed++;
    log_cut(server, slot, why);
    connection_cut(slot->connection, why);
}

/* ---- certificates that end by themselves ---- */

static void look_for_ended(struct server *server)
{
    const int64_t now = clock_wall_ms(server->options.services->clock);
    bool has_any = false;

    for (struct slot *slot = server->slots; slot != NULL; slot = slot->next) {
        if (now >= slot->not_after_ms) {
            cut(server, slot, "the client's certificate, or one of its chain, has expired");
        }
        has_any = has_any || slot->not_after_ms != INT64_MAX;
    }
    if (has_any) {
        server_recheck_watch(server);
    }
}

static void on_expiry(void *arg)
{
    struct server *server = arg;

    server->is_looking = false;
    look_for_ended(server);
}

void server_recheck_watch(struct server *server)
{
    if (!server->is_looking) {
        server->is_looking = true;
        timer_arm(server->options.services->timers, server->expiry, EXPIRY_LOOK_MS);
    }
}

enum err server_recheck_init(struct server *server)
{
    server->expiry = timer_new(server->options.services->timers, on_expiry, server);
    return server->expiry == NULL ? ERR_NOMEM : ERR_OK;
}

void server_recheck_fini(struct server *server)
{
    timer_free(server->options.services->timers, server->expiry);
}

/* ---- changes ---- */

static void judge(struct server *server, struct slot *slot)
{
    const struct services *services = server->options.services;
    const struct transport *transport = connection_get_transport(slot->connection);
    const struct peer *peer = connection_get_peer(slot->connection);
    struct errbuf why = {""};

    if (transport_verify(transport, slot->endpoint->context, clock_wall_ms(services->clock),
                         &why) != ERR_OK) {
        cut(server, slot, why.text);
        return;
    }
    server_stats(server)->rechecks_ended += connection_recheck(slot->connection);
    const bool is_stranger = !authz_is_named(services->rules, peer);
    if (is_stranger && !slot->is_stranger) {
        cut(server, slot, "no rule names this client any longer");
    } else if (!is_stranger && slot->is_stranger) {
        /* It has a stranger's limits; the next one will have its own. */
        connection_drain(slot->connection, "the rules have changed: connect again");
    }
}

void server_recheck(struct server *server)
{
    for (struct slot *slot = server->slots; slot != NULL; slot = slot->next) {
        judge(server, slot);
    }
}
