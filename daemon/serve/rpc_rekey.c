/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_rekey.h"

#include <string.h>

#include "serve/admin_call.h"
#include "wire/codec.h"
#include "wire/methods.h"

_Static_assert(WIRE_KEK_ID_LEN == SEALING_KEY_ID_LEN, "one id of a key-encryption key");

/* One under way. */
struct rekeying {
    struct wire_rekey request;
    uint8_t kek_before[WIRE_KEK_ID_LEN];
    struct replica *replica; /* borrowed: lives as long as the call may go on */
    struct rotator *rotator; /* likewise; NULL when nothing is under way */
};

static void audit(struct call *call, enum err outcome, const char *detail)
{
    const struct rekeying *rekeying = call_state(call);
    const struct admin_act act = {
        .what = "rekey", .realm = rekeying->request.realm, .reason = rekeying->request.reason};

    admin_call_audit(call, &act, outcome, detail);
}

static void on_rekeyed(void *ctx, enum err code, const char *why,
                       const struct change_result *result)
{
    struct call *call = ctx;
    struct rekeying *rekeying = call_state(call);
    struct wire_rekeyed rekeyed = {0};
    struct secret_buf reply = {0};

    rekeying->rotator = NULL;
    if (code != ERR_OK) {
        audit(call, code, why);
        call_finish(call, code, why);
        return;
    }
    audit(call, ERR_OK, result->changed ? "sealed anew" : "nothing to change");
    rekeyed.changed = result->changed;
    memcpy(rekeyed.kek_before, rekeying->kek_before, WIRE_KEK_ID_LEN);
    memcpy(rekeyed.kek, replica_last_stored(rekeying->replica)->sealed_by, WIRE_KEK_ID_LEN);
    hub_moment(rekeying->replica, &rekeyed.moment);
    call_reply(call, wire_encode_rekeyed(&rekeyed, &reply), &reply);
}

static void rekey_on_message(struct call *call, struct slice message)
{
    struct rekeying *rekeying = call_state(call);
    struct wire_rekey *request = &rekeying->request;
    struct errbuf why = {""};

    enum err rc = wire_decode_rekey(message, request, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    rc = admin_call_find_realm(call, request->realm, &rekeying->replica);
    if (rc != ERR_OK) {
        const struct admin_act act = {
            .what = "rekey", .realm = request->realm, .reason = request->reason};
        admin_call_audit_failed(call, &act, rc);
        return;
    }
    memcpy(rekeying->kek_before, replica_last_stored(rekeying->replica)->sealed_by,
           WIRE_KEK_ID_LEN);
    /* Set before the call: a refusal may complete inside it. */
    rekeying->rotator = services_find_rotator(call_services(call), request->realm);
    rotator_rekey(rekeying->rotator, on_rekeyed, call);
}

static void rekey_on_closed(struct call *call)
{
    struct rekeying *rekeying = call_state(call);

    if (rekeying->rotator != NULL) {
        rotator_abandon(rekeying->rotator, call);
        rekeying->rotator = NULL;
        audit(call, ERR_CANCELLED,
              "the caller left before the outcome was known; the record may have been sealed anew");
    }
}

const struct method rpc_admin_rekey = {
    .path = METHOD_REKEY,
    .kind = CALL_UNARY,
    .state_size = sizeof(struct rekeying),
    .on_message = rekey_on_message,
    .on_denied = rekey_on_closed,
    .on_closed = rekey_on_closed,
};
