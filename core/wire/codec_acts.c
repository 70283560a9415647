/* SPDX-License-Identifier: Apache-2.0 */
/* Revoke and Rekey of the operator's service. */
#include <stdlib.h>

#include "stek/v1/admin.pb-c.h"
#include "wire/codec.h"
#include "wire/codec_internal.h"

void wire_revoked_fini(struct wire_revoked *revoked)
{
    free(revoked->stragglers);
    *revoked = (struct wire_revoked){0};
}

/* ---- Revoke ---- */

enum err wire_encode_revoke(const struct wire_revoke *in, struct secret_buf *out)
{
    Stek__V1__RevokeRequest message;

    stek__v1__revoke_request__init(&message);
    message.realm = codec_lend_text(in->realm);
    message.name = codec_lend_bytes(in->name, in->kind == WIRE_REVOKE_KEY ? KEY_NAME_LEN : 0);
    message.all = in->kind == WIRE_REVOKE_ALL;
    message.check = in->kind == WIRE_REVOKE_CHECK;
    message.reason = codec_lend_text(in->reason);
    return codec_pack(&message.base, out);
}

/* A request that says two things, or nothing, must not be guessed at. */
static enum err take_kind(struct wire_revoke *to, const Stek__V1__RevokeRequest *from,
                          struct errbuf *why)
{
    bool has_name = false;

    enum err rc = codec_take_optional(to->name, KEY_NAME_LEN, &from->name, &has_name, "name", why);
    if (rc != ERR_OK) {
        return rc;
    }
    int said = (has_name ? 1 : 0) + (from->all != 0 ? 1 : 0) + (from->check != 0 ? 1 : 0);
    if (said != 1) {
        errbuf_set(why, "revoke: exactly one of name, all and check must be given");
        return ERR_INVALID;
    }
    if (has_name) {
        to->kind = WIRE_REVOKE_KEY;
    } else {
        to->kind = from->all != 0 ? WIRE_REVOKE_ALL : WIRE_REVOKE_CHECK;
    }
    return ERR_OK;
}

enum err wire_decode_revoke(struct slice in, struct wire_revoke *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_revoke revoke = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__revoke_request__descriptor, in, &arena, &base, why);
    if (rc != ERR_OK) {
        goto out;
    }
    const Stek__V1__RevokeRequest *message = (const Stek__V1__RevokeRequest *)base;
    rc = codec_take_realm(revoke.realm, message->realm, why);
    if (rc == ERR_OK) {
        rc = take_kind(&revoke, message, why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_label(revoke.reason, sizeof(revoke.reason), message->reason, "reason", why);
    }
    if (rc == ERR_OK) {
        *out = revoke;
    }

out:
    pb_arena_fini(&arena);
    return rc;
}

enum err wire_encode_revoked(const struct wire_revoked *in, struct secret_buf *out)
{
    Stek__V1__RevokeResponse message;
    Stek__V1__Moment moment;
    struct codec_frontends stragglers = {0};
    char not_stored_why[WIRE_SENTENCE_MAX + 1];

    stek__v1__revoke_response__init(&message);
    codec_fill_moment(&in->moment, &moment);
    codec_copy_sentence(not_stored_why, sizeof(not_stored_why), in->not_stored_why);
    enum err rc = codec_frontends_init(&stragglers, in->stragglers, in->straggler_count);
    if (rc != ERR_OK) {
        goto out;
    }
    message.keys = in->keys;
    message.promoted = codec_lend_bytes(in->promoted, in->has_promoted ? KEY_NAME_LEN : 0);
    message.encrypts_from_ms = in->encrypts_from;
    message.stored = in->is_stored;
    message.not_stored_why = not_stored_why;
    message.confirmed = in->confirmed;
    message.frontends = in->frontends;
    message.stragglers = stragglers.pointers;
    message.n_stragglers = in->straggler_count;
    message.stragglers_omitted = in->stragglers_omitted;
    message.bound_ms = in->bound_ms;
    message.digest = codec_lend_bytes(in->digest, DIGEST_LEN);
    message.moment = &moment;
    rc = codec_pack(&message.base, out);

out:
    codec_frontends_fini(&stragglers);
    return rc;
}

static enum err take_revoked(struct wire_revoked *to, const Stek__V1__RevokeResponse *from,
                             struct errbuf *why)
{
    to->keys = from->keys;
    to->encrypts_from = from->encrypts_from_ms;
    to->is_stored = from->stored != 0;
    to->confirmed = from->confirmed;
    to->frontends = from->frontends;
    to->stragglers_omitted = from->stragglers_omitted;
    to->bound_ms = from->bound_ms;
    codec_copy_sentence(to->not_stored_why, sizeof(to->not_stored_why), from->not_stored_why);
    enum err rc = codec_take_optional(to->promoted, KEY_NAME_LEN, &from->promoted,
                                      &to->has_promoted, "promoted", why);
    if (rc == ERR_OK) {
        rc = codec_take_bytes(to->digest, DIGEST_LEN, &from->digest, "digest", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_moment(&to->moment, from->moment, why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_frontends(&to->stragglers, from->stragglers, from->n_stragglers, why);
    }
    if (rc == ERR_OK) {
        to->straggler_count = from->n_stragglers;
    }
    return rc;
}

enum err wire_decode_revoked(struct slice in, struct wire_revoked *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_revoked revoked = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__revoke_response__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        rc = take_revoked(&revoked, (const Stek__V1__RevokeResponse *)base, why);
    }
    if (rc == ERR_OK) {
        *out = revoked;
    }
    pb_arena_fini(&arena);
    return rc;
}

/* ---- Rekey ---- */

enum err wire_encode_rekey(const struct wire_rekey *in, struct secret_buf *out)
{
    Stek__V1__RekeyRequest message;

    stek__v1__rekey_request__init(&message);
    message.realm = codec_lend_text(in->realm);
    message.reason = codec_lend_text(in->reason);
    return codec_pack(&message.base, out);
}

enum err wire_decode_rekey(struct slice in, struct wire_rekey *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_rekey rekey = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__rekey_request__descriptor, in, &arena, &base, why);
    if (rc != ERR_OK) {
        goto out;
    }
    const Stek__V1__RekeyRequest *message = (const Stek__V1__RekeyRequest *)base;
    rc = codec_take_realm(rekey.realm, message->realm, why);
    if (rc == ERR_OK) {
        rc = codec_take_label(rekey.reason, sizeof(rekey.reason), message->reason, "reason", why);
    }
    if (rc == ERR_OK) {
        *out = rekey;
    }

out:
    pb_arena_fini(&arena);
    return rc;
}

enum err wire_encode_rekeyed(const struct wire_rekeyed *in, struct secret_buf *out)
{
    Stek__V1__RekeyResponse message;
    Stek__V1__Moment moment;

    stek__v1__rekey_response__init(&message);
    codec_fill_moment(&in->moment, &moment);
    message.changed = in->changed;
    message.kek_before = codec_lend_bytes(in->kek_before, WIRE_KEK_ID_LEN);
    message.kek = codec_lend_bytes(in->kek, WIRE_KEK_ID_LEN);
    message.moment = &moment;
    return codec_pack(&message.base, out);
}

enum err wire_decode_rekeyed(struct slice in, struct wire_rekeyed *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_rekeyed rekeyed = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__rekey_response__descriptor, in, &arena, &base, why);
    if (rc != ERR_OK) {
        goto out;
    }
    const Stek__V1__RekeyResponse *message = (const Stek__V1__RekeyResponse *)base;
    rekeyed.changed = message->changed != 0;
    rc = codec_take_bytes(rekeyed.kek_before, WIRE_KEK_ID_LEN, &message->kek_before, "kek_before",
                          why);
    if (rc == ERR_OK) {
        rc = codec_take_bytes(rekeyed.kek, WIRE_KEK_ID_LEN, &message->kek, "kek", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_moment(&rekeyed.moment, message->moment, why);
    }
    if (rc == ERR_OK) {
        *out = rekeyed;
    }

out:
    pb_arena_fini(&arena);
    return rc;
}
