/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_frontends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rotate/standing.h"
#include "serve/admin_call.h"
#include "serve/frontends.h"
#include "serve/status.h"
#include "wire/codec.h"
#include "wire/methods.h"

#define REALM_BYTES_MAX  ((size_t)192) /* of one realm in the answer, without a sentence */
#define ANSWER_BYTES_MAX ((size_t)WIRE_MESSAGE_MAX - 1024)

struct listing {
    struct wire_frontend_list list;
    size_t capacity;   /* of list.frontends */
    size_t bytes_left; /* for frontends */
};

static enum err append(struct listing *listing, const struct frontends *frontends)
{
    struct wire_frontend_list *list = &listing->list;
    size_t count = list->count + frontends->count;

    if (count > listing->capacity) {
        struct wire_frontend *grown = realloc(list->frontends, count * sizeof(*grown));
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        list->frontends = grown;
        listing->capacity = count;
    }
    if (frontends->count > 0) {
        memcpy(&list->frontends[list->count], frontends->at,
               frontends->count * sizeof(*frontends->at));
    }
    list->count = count;
    list->omitted += frontends->omitted;
    listing->bytes_left -= frontends->bytes;
    return ERR_OK;
}

static enum err add_realm(const struct services *services, struct replica *replica,
                          struct listing *listing, bool with_why)
{
    struct wire_realm_frontends *to = &listing->list.realms[listing->list.realm_count];
    const struct rotator *rotator = services_find_rotator(services, replica_realm(replica));
    struct frontends frontends = {0};
    struct errbuf why = {""};

    enum err rc = frontends_collect(services->hub, replica_realm(replica), false,
                                    listing->bytes_left, &frontends);
    if (rc == ERR_OK) {
        rc = append(listing, &frontends);
    }
    if (rc == ERR_OK) {
        (void)snprintf(to->realm, sizeof(to->realm), "%s", replica_realm(replica));
        to->ready = replica_is_ready(replica);
        memcpy(to->digest, replica_digest(replica), DIGEST_LEN);
        to->is_stored =
            to->ready &&
            standing_ring_is_stored(replica, rotator == NULL ? "" : rotator_problem(rotator), &why);
        if (with_why) {
            (void)snprintf(to->not_stored_why, sizeof(to->not_stored_why), "%s",
                           to->ready ? why.text : "its record has not been loaded yet");
        }
        to->connected = frontends.connected;
        to->current = frontends.current;
        to->gone = frontends.gone;
        to->confirmed = frontends.confirmed;
        to->lost = frontends.lost;
        listing->list.realm_count++;
    }
    frontends_fini(&frontends);
    return rc;
}

/* Those that the caller may operate on. */
static enum err add_realms(struct call *call, struct listing *listing)
{
    const struct services *services = call_services(call);
    enum err rc = ERR_OK;

    for (size_t i = 0; i < hub_realm_count(services->hub) && rc == ERR_OK; i++) {
        struct replica *replica = hub_replica_at(services->hub, i);
        if (status_may_operate(services, call_peer(call), replica_realm(replica))) {
            rc = add_realm(services, replica, listing, false);
        }
    }
    return rc;
}

static enum err start_listing(const struct services *services, struct listing *listing)
{
    size_t realms = hub_realm_count(services->hub);
    size_t taken = realms * REALM_BYTES_MAX;

    listing->list.realms = calloc(realms + 1, sizeof(*listing->list.realms));
    listing->bytes_left = taken < ANSWER_BYTES_MAX ? ANSWER_BYTES_MAX - taken : 0;
    listing->list.moment.server_time_ms = clock_wall_ms(services->clock);
    return listing->list.realms == NULL ? ERR_NOMEM : ERR_OK;
}

static void list(struct call *call, struct replica *only)
{
    const struct services *services = call_services(call);
    struct listing listing = {0};
    struct secret_buf bytes = {0};

    enum err rc = start_listing(services, &listing);
    if (rc == ERR_OK && only != NULL) {
        hub_moment(only, &listing.list.moment);
        rc = add_realm(services, only, &listing, true);
    } else if (rc == ERR_OK) {
        rc = add_realms(call, &listing);
    }
    if (rc == ERR_OK) {
        rc = wire_encode_frontend_list(&listing.list, &bytes);
    }
    wire_frontend_list_fini(&listing.list);
    call_reply(call, rc, &bytes);
}

static void list_on_message(struct call *call, struct slice message)
{
    char realm[REALM_NAME_MAX + 1];
    struct replica *only = NULL;
    struct errbuf why = {""};

    enum err rc = wire_decode_list_frontends(message, realm, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    if (realm[0] != '\0') {
        if (admin_call_find_realm(call, realm, &only) != ERR_OK) {
            return;
        }
    } else if (!status_is_visible_to(call_services(call), call_peer(call)) &&
               !call_authorize(call, AUTHZ_OPERATE, NULL)) {
        return;
    }
    list(call, only);
}

const struct method rpc_admin_list_frontends = {
    .path = METHOD_LIST_FRONTENDS,
    .kind = CALL_UNARY,
    .on_message = list_on_message,
};
