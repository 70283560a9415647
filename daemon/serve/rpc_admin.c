/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/admin_call.h"
#include "serve/status.h"
#include "wire/codec.h"
#include "wire/methods.h"

typedef enum err encode_status_fn(const struct wire_status *in, struct secret_buf *out);

static void reply_status(struct call *call, struct slice message, encode_status_fn *encode)
{
    const struct services *services = call_services(call);
    struct wire_status status = {0};
    struct secret_buf reply = {0};
    struct errbuf why = {""};

    enum err rc = wire_decode_empty(message, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    /* The verdict over all realms is the one that words the refusal. */
    if (!status_is_visible_to(services, call_peer(call)) &&
        !call_authorize(call, AUTHZ_OPERATE, NULL)) {
        return;
    }
    rc = status_collect(services, call_peer(call), &status);
    if (rc == ERR_OK) {
        rc = encode(&status, &reply);
    }
    wire_status_fini(&status);
    call_reply(call, rc, &reply);
}

static void get_status_on_message(struct call *call, struct slice message)
{
    reply_status(call, message, wire_encode_status);
}

static void list_realms_on_message(struct call *call, struct slice message)
{
    reply_status(call, message, wire_encode_realms);
}

static int compare_keys(const void *a, const void *b)
{
    const struct wire_key_info *left = a;
    const struct wire_key_info *right = b;

    if (left->active_from != right->active_from) {
        return left->active_from < right->active_from ? -1 : 1;
    }
    return memcmp(left->name, right->name, KEY_NAME_LEN);
}

static void describe_key(const struct key *key, const struct key *encrypting, int64_t now,
                         struct wire_key_info *out)
{
    memcpy(out->name, key->name, KEY_NAME_LEN);
    (void)snprintf(out->state, sizeof(out->state), "%s", key_state_text(key_state_at(key, now)));
    out->published_at = key->published_at;
    out->active_from = key->active_from;
    out->retired_from = key->retired_from;
    out->dropped_from = key->dropped_from;
    out->forgotten_from = key->forgotten_from;
    out->revoked = key->revoked;
    out->encrypting = key == encrypting;
}

static enum err list_keys(struct replica *replica, struct wire_key_list *list)
{
    const struct keyring *ring = replica_ring(replica);
    int64_t now = replica_now(replica);
    const struct key *encrypting = keyring_pick(ring, now);

    (void)snprintf(list->realm, sizeof(list->realm), "%s", replica_realm(replica));
    list->keys = calloc(ring->count == 0 ? 1 : ring->count, sizeof(*list->keys));
    if (list->keys == NULL) {
        return ERR_NOMEM;
    }
    list->count = ring->count;
    for (size_t i = 0; i < ring->count; i++) {
        describe_key(&ring->keys[i], encrypting, now, &list->keys[i]);
    }
    qsort(list->keys, list->count, sizeof(*list->keys), compare_keys);
    memcpy(list->digest, replica_digest(replica), DIGEST_LEN);
    hub_moment(replica, &list->moment);
    return ERR_OK;
}

static void list_keys_on_message(struct call *call, struct slice message)
{
    char realm[REALM_NAME_MAX + 1];
    struct replica *replica = NULL;
    struct wire_key_list list = {0};
    struct secret_buf reply = {0};
    struct errbuf why = {""};

    enum err rc = wire_decode_list_keys(message, realm, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    if (admin_call_find_realm(call, realm, &replica) != ERR_OK) {
        return;
    }
    if (!replica_is_ready(replica)) {
        call_finish(call, ERR_UNAVAILABLE, "not ready yet: the realm's record has not been loaded");
        return;
    }
    rc = list_keys(replica, &list);
    if (rc == ERR_OK) {
        rc = wire_encode_key_list(&list, &reply);
    }
    wire_key_list_fini(&list);
    call_reply(call, rc, &reply);
}

/* A rotate under way: what the audit line needs when it ends. */
struct rotation {
    struct wire_rotate request;
    struct replica *replica; /* borrowed: lives as long as the hub */
    struct rotator *rotator; /* borrowed; NULL when nothing is under way */
};

static void audit(struct call *call, const struct wire_rotate *request, enum err outcome,
                  const char *detail)
{
    const struct admin_act act = {"rotate", request->realm, request->retire, request->reason};

    admin_call_audit(call, &act, outcome, detail);
}

static void on_rotated(void *ctx, enum err code, const char *why,
                       const struct change_result *result)
{
    struct call *call = ctx;
    struct rotation *rotation = call_state(call);
    struct secret_buf reply = {0};

    rotation->rotator = NULL;
    if (code != ERR_OK) {
        audit(call, &rotation->request, code, why);
        call_finish(call, code, why);
        return;
    }
    audit(call, &rotation->request, ERR_OK, result->changed ? "rotated" : "nothing to change");
    static const uint8_t none[KEY_NAME_LEN];
    struct wire_rotated rotated = {.changed = result->changed, .at_ms = result->at};
    if (memcmp(result->promoted, none, KEY_NAME_LEN) != 0) {
        rotated.has_promoted = true;
        memcpy(rotated.promoted, result->promoted, KEY_NAME_LEN);
    }
    memcpy(rotated.digest, replica_digest(rotation->replica), DIGEST_LEN);
    hub_moment(rotation->replica, &rotated.moment);
    call_reply(call, wire_encode_rotated(&rotated, &reply), &reply);
}

static void rotate_on_message(struct call *call, struct slice message)
{
    struct rotation *rotation = call_state(call);
    struct wire_rotate *request = &rotation->request;
    struct errbuf why = {""};

    enum err rc = wire_decode_rotate(message, request, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    rc = admin_call_find_realm(call, request->realm, &rotation->replica);
    if (rc != ERR_OK) {
        const struct admin_act act = {"rotate", request->realm, request->retire, request->reason};
        admin_call_audit_failed(call, &act, rc);
        return;
    }
    /* Set before the call: a refusal may complete inside it. */
    rotation->rotator = services_find_rotator(call_services(call), request->realm);
    rotator_rotate(rotation->rotator, request->retire, on_rotated, call);
}

static void rotate_on_closed(struct call *call)
{
    struct rotation *rotation = call_state(call);

    if (rotation->rotator != NULL) {
        rotator_abandon(rotation->rotator, call);
        rotation->rotator = NULL;
        audit(call, &rotation->request, ERR_CANCELLED,
              "the caller left before the outcome was known; the key may have been rotated");
    }
}

const struct method rpc_admin_get_status = {
    .path = METHOD_GET_STATUS,
    .kind = CALL_UNARY,
    .on_message = get_status_on_message,
};

const struct method rpc_admin_list_realms = {
    .path = METHOD_LIST_REALMS,
    .kind = CALL_UNARY,
    .on_message = list_realms_on_message,
};

const struct method rpc_admin_list_keys = {
    .path = METHOD_LIST_KEYS,
    .kind = CALL_UNARY,
    .on_message = list_keys_on_message,
};

const struct method rpc_admin_rotate = {
    .path = METHOD_ROTATE,
    .kind = CALL_UNARY,
    .state_size = sizeof(struct rotation),
    .on_message = rotate_on_message,
    .on_denied = rotate_on_closed,
    .on_closed = rotate_on_closed,
};
