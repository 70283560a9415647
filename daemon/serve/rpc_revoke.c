/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_revoke.h"

#include <stdio.h>
#include <string.h>

#include "keyring/schedule.h"
#include "rotate/standing.h"
#include "serve/admin_call.h"
#include "serve/frontends.h"
#include "wire/codec.h"
#include "wire/methods.h"

/* When the last of the revoked keys ends by the dates it was born with: whoever did not hear of the
 * revocation may not have heard either that they moved. */
static int64_t last_end(const struct keyring *ring)
{
    int64_t last = 0;

    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        if (key->revoked && key->forgotten_from > last) {
            last = key->forgotten_from;
        }
    }
    return last;
}

/* max_offline helps against those who hear nothing of any daemon. While the store has not got the
 * revocation, other daemons' frontends hear of other daemons, and it does not help. */
static int64_t bound_of(struct replica *replica, const struct wire_revoked *revoked,
                        int64_t last_caught)
{
    int64_t max_offline = replica_policy(replica)->max_offline_ms;
    int64_t end = last_end(replica_ring(replica));

    if (revoked->is_stored && revoked->confirmed == revoked->frontends) {
        return 0;
    }
    if (!revoked->is_stored || max_offline == 0) {
        return end;
    }
    int64_t offline = clock_add_ms(last_caught, max_offline);
    return offline < end ? offline : end;
}

/* Moves the frontends' names to *revoked. */
static void describe(const struct services *services, struct replica *replica,
                     struct frontends *frontends, struct wire_revoked *revoked)
{
    const struct rotator *rotator = services_find_rotator(services, replica_realm(replica));
    struct errbuf why = {""};

    hub_moment(replica, &revoked->moment);
    int64_t first = schedule_first_active(replica_ring(replica), revoked->moment.server_time_ms);
    revoked->encrypts_from = first == SCHEDULE_NEVER ? 0 : first;
    revoked->is_stored = standing_revocations_are_stored(
        replica, rotator == NULL ? "" : rotator_problem(rotator), &why);
    (void)snprintf(revoked->not_stored_why, sizeof(revoked->not_stored_why), "%s", why.text);
    revoked->confirmed = frontends->confirmed;
    revoked->frontends = frontends->connected + frontends->gone;
    revoked->bound_ms = bound_of(replica, revoked, frontends->last_caught);
    memcpy(revoked->digest, replica_digest(replica), DIGEST_LEN);
    revoked->stragglers = frontends->at;
    revoked->straggler_count = frontends->count;
    revoked->stragglers_omitted = frontends->omitted;
    frontends->at = NULL;
}

static void reply(struct call *call, struct replica *replica, struct wire_revoked *revoked)
{
    const struct services *services = call_services(call);
    struct frontends frontends = {0};
    struct secret_buf bytes = {0};

    enum err rc = frontends_collect(services->hub, replica_realm(replica), true,
                                    RPC_REVOKE_STRAGGLER_BYTES, &frontends);
    if (rc == ERR_OK) {
        describe(services, replica, &frontends, revoked);
        rc = wire_encode_revoked(revoked, &bytes);
    }
    frontends_fini(&frontends);
    call_reply(call, rc, &bytes);
}

static struct admin_act act_of(const struct wire_revoke *request)
{
    return (struct admin_act){
        .what = request->kind == WIRE_REVOKE_ALL ? "revoke-all" : "revoke",
        .realm = request->realm,
        .key_name = request->kind == WIRE_REVOKE_KEY ? request->name : NULL,
        .reason = request->reason,
    };
}

static enum err revoke(struct call *call, struct replica *replica,
                       const struct wire_revoke *request, struct wire_revoked *revoked)
{
    const struct admin_act act = act_of(request);
    struct rotator *rotator = services_find_rotator(call_services(call), request->realm);
    struct revocation done = {0};
    struct errbuf why = {""};

    enum err rc = rotator_revoke(rotator, request->kind == WIRE_REVOKE_ALL ? NULL : request->name,
                                 &done, &why);
    if (rc != ERR_OK) {
        admin_call_audit(call, &act, rc, why.text);
        call_finish(call, rc, why.text[0] == '\0' ? NULL : why.text);
        return rc;
    }
    struct errbuf detail;
    errbuf_set(&detail, "%zu key%s revoked%s", done.keys, done.keys == 1 ? "" : "s",
               replica_is_suspect(replica) ? "; nothing promoted: the clock is suspect" : "");
    admin_call_audit(call, &act, ERR_OK, detail.text);
    revoked->keys = (uint32_t)done.keys;
    revoked->has_promoted = done.has_promoted;
    memcpy(revoked->promoted, done.promoted, KEY_NAME_LEN);
    return ERR_OK;
}

static void revoke_on_message(struct call *call, struct slice message)
{
    struct wire_revoke request;
    struct wire_revoked revoked = {0};
    struct replica *replica = NULL;
    struct errbuf why = {""};

    enum err rc = wire_decode_revoke(message, &request, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    const struct admin_act act = act_of(&request);
    rc = admin_call_find_realm(call, request.realm, &replica);
    if (rc != ERR_OK) {
        if (request.kind != WIRE_REVOKE_CHECK) {
            admin_call_audit_failed(call, &act, rc);
        }
        return;
    }
    if (request.kind != WIRE_REVOKE_CHECK) {
        rc = revoke(call, replica, &request, &revoked);
    } else if (!replica_is_ready(replica)) {
        rc = ERR_UNAVAILABLE;
        call_finish(call, rc, "not ready yet: the realm's record has not been loaded");
    }
    if (rc == ERR_OK) {
        reply(call, replica, &revoked);
    }
    wire_revoked_fini(&revoked);
}

const struct method rpc_admin_revoke = {
    .path = METHOD_REVOKE,
    .kind = CALL_UNARY,
    .on_message = revoke_on_message,
};
