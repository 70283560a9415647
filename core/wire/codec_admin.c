/* SPDX-License-Identifier: Apache-2.0 */
/* ListKeys and Rotate of the operator's service. No struct here has room for a key byte. */
#include <stdlib.h>
#include <string.h>

#include "keyring/check.h"
#include "stek/v1/admin.pb-c.h"
#include "wire/codec.h"
#include "wire/codec_internal.h"

void wire_key_list_fini(struct wire_key_list *list)
{
    free(list->keys);
    *list = (struct wire_key_list){0};
}

/* ---- ListKeys ---- */

enum err wire_encode_list_keys(const char *realm, struct secret_buf *out)
{
    Stek__V1__ListKeysRequest message;
    stek__v1__list_keys_request__init(&message);
    message.realm = codec_lend_text(realm);
    return codec_pack(&message.base, out);
}

enum err wire_decode_list_keys(struct slice in, char realm[REALM_NAME_MAX + 1], struct errbuf *why)
{
    struct pb_arena arena = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__list_keys_request__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        rc = codec_take_realm(realm, ((const Stek__V1__ListKeysRequest *)base)->realm, why);
    }
    pb_arena_fini(&arena);
    return rc;
}

static void fill_info(const struct wire_key_info *from, Stek__V1__KeyInfo *to)
{
    stek__v1__key_info__init(to);
    to->name = codec_lend_bytes(from->name, KEY_NAME_LEN);
    to->state = codec_lend_text(from->state);
    to->published_at_ms = from->published_at;
    to->active_from_ms = from->active_from;
    to->retired_from_ms = from->retired_from;
    to->dropped_from_ms = from->dropped_from;
    to->forgotten_from_ms = from->forgotten_from;
    to->revoked = from->revoked;
    to->encrypting = from->encrypting;
}

enum err wire_encode_key_list(const struct wire_key_list *in, struct secret_buf *out)
{
    Stek__V1__ListKeysResponse message;
    Stek__V1__Moment moment;
    stek__v1__list_keys_response__init(&message);
    enum err rc = ERR_NOMEM;

    Stek__V1__KeyInfo *infos = calloc(in->count + 1, sizeof(*infos));
    Stek__V1__KeyInfo **pointers = calloc(in->count + 1, sizeof(*pointers));
    if (infos == NULL || pointers == NULL) {
        goto out;
    }
    for (size_t i = 0; i < in->count; i++) {
        fill_info(&in->keys[i], &infos[i]);
        pointers[i] = &infos[i];
    }
    codec_fill_moment(&in->moment, &moment);
    message.realm = codec_lend_text(in->realm);
    message.keys = pointers;
    message.n_keys = in->count;
    message.digest = codec_lend_bytes(in->digest, DIGEST_LEN);
    message.moment = &moment;
    rc = codec_pack(&message.base, out);

out:
    free(infos);
    free(pointers);
    return rc;
}

static enum err take_info(struct wire_key_info *to, const Stek__V1__KeyInfo *from,
                          struct errbuf *why)
{
    to->published_at = from->published_at_ms;
    to->active_from = from->active_from_ms;
    to->retired_from = from->retired_from_ms;
    to->dropped_from = from->dropped_from_ms;
    to->forgotten_from = from->forgotten_from_ms;
    to->revoked = from->revoked != 0;
    to->encrypting = from->encrypting != 0;
    const enum err rc = codec_take_bytes(to->name, KEY_NAME_LEN, &from->name, "key name", why);
    return rc == ERR_OK ? codec_take_label(to->state, sizeof(to->state), from->state, "state", why)
                        : rc;
}

/* On failure what was allocated is in `list` all the same. */
static enum err take_list(struct wire_key_list *list, const Stek__V1__ListKeysResponse *from,
                          struct errbuf *why)
{
    bool has_digest = false;

    if (from->n_keys > CHECK_ENTRIES_MAX) {
        errbuf_set(why, "key list: %zu keys, but %d is the most", from->n_keys, CHECK_ENTRIES_MAX);
        return ERR_INVALID;
    }
    enum err rc = codec_take_realm(list->realm, from->realm, why);
    if (rc == ERR_OK) {
        rc = codec_take_optional(list->digest, DIGEST_LEN, &from->digest, &has_digest, "digest",
                                 why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_moment(&list->moment, from->moment, why);
    }
    if (rc != ERR_OK || from->n_keys == 0) {
        return rc;
    }
    list->keys = calloc(from->n_keys, sizeof(*list->keys));
    if (list->keys == NULL) {
        return ERR_NOMEM;
    }
    for (; rc == ERR_OK && list->count < from->n_keys; list->count++) {
        rc = take_info(&list->keys[list->count], from->keys[list->count], why);
    }
    return rc;
}

enum err wire_decode_key_list(struct slice in, struct wire_key_list *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_key_list list = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__list_keys_response__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        rc = take_list(&list, (const Stek__V1__ListKeysResponse *)base, why);
    }
    if (rc == ERR_OK) {
        *out = list;
    } else {
        wire_key_list_fini(&list);
    }
    pb_arena_fini(&arena);
    return rc;
}

/* ---- Rotate ---- */

enum err wire_encode_rotate(const struct wire_rotate *in, struct secret_buf *out)
{
    Stek__V1__RotateRequest message;
    stek__v1__rotate_request__init(&message);
    message.realm = codec_lend_text(in->realm);
    message.retire = codec_lend_bytes(in->retire, KEY_NAME_LEN);
    message.reason = codec_lend_text(in->reason);
    return codec_pack(&message.base, out);
}

enum err wire_decode_rotate(struct slice in, struct wire_rotate *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_rotate rotate = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__rotate_request__descriptor, in, &arena, &base, why);
    if (rc != ERR_OK) {
        goto out;
    }
    const Stek__V1__RotateRequest *message = (const Stek__V1__RotateRequest *)base;
    rc = codec_take_realm(rotate.realm, message->realm, why);
    if (rc == ERR_OK) {
        rc = codec_take_bytes(rotate.retire, KEY_NAME_LEN, &message->retire, "retire", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_label(rotate.reason, sizeof(rotate.reason), message->reason, "reason", why);
    }
    if (rc == ERR_OK) {
        *out = rotate;
    }

out:
    pb_arena_fini(&arena);
    return rc;
}

enum err wire_encode_rotated(const struct wire_rotated *in, struct secret_buf *out)
{
    Stek__V1__RotateResponse message;
    Stek__V1__Moment moment;

    stek__v1__rotate_response__init(&message);
    codec_fill_moment(&in->moment, &moment);
    message.changed = in->changed;
    message.at_ms = in->at_ms;
    message.promoted = codec_lend_bytes(in->promoted, in->has_promoted ? KEY_NAME_LEN : 0);
    message.digest = codec_lend_bytes(in->digest, DIGEST_LEN);
    message.moment = &moment;
    return codec_pack(&message.base, out);
}

enum err wire_decode_rotated(struct slice in, struct wire_rotated *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_rotated rotated = {0};
    ProtobufCMessage *base = NULL;
    bool has_digest = false;

    enum err rc = codec_unpack(&stek__v1__rotate_response__descriptor, in, &arena, &base, why);
    if (rc != ERR_OK) {
        goto out;
    }
    const Stek__V1__RotateResponse *message = (const Stek__V1__RotateResponse *)base;
    rotated.changed = message->changed != 0;
    rotated.at_ms = message->at_ms;
    rc = codec_take_optional(rotated.promoted, KEY_NAME_LEN, &message->promoted,
                             &rotated.has_promoted, "promoted", why);
    if (rc == ERR_OK) {
        rc = codec_take_optional(rotated.digest, DIGEST_LEN, &message->digest, &has_digest,
                                 "digest", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_moment(&rotated.moment, message->moment, why);
    }
    if (rc == ERR_OK) {
        *out = rotated;
    }

out:
    pb_arena_fini(&arena);
    return rc;
}
