/* SPDX-License-Identifier: Apache-2.0 */
/* Keyrings and snapshots, and GetKeyring, which asks for one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "keyring/check.h"
#include "wire/codec.h"
#include "wire/codec_internal.h"

void wire_snapshot_fini(struct wire_snapshot *snapshot)
{
    keyring_fini(&snapshot->ring);
    *snapshot = (struct wire_snapshot){0};
}

/* ---- keyring ---- */

static void fill_key(const struct key *from, Stek__V1__Key *to)
{
    stek__v1__key__init(to);
    to->name = codec_lend_bytes(from->name, KEY_NAME_LEN);
    to->key = codec_lend_bytes(from->bytes, from->has_bytes ? KEY_LEN : 0);
    to->published_at_ms = from->published_at;
    to->active_from_ms = from->active_from;
    to->retired_from_ms = from->retired_from;
    to->dropped_from_ms = from->dropped_from;
    to->forgotten_from_ms = from->forgotten_from;
    to->revoked = from->revoked;
}

enum err codec_ring_init(struct codec_ring *view, const struct keyring *ring)
{
    stek__v1__keyring__init(&view->message);
    view->keys = calloc(ring->count + 1, sizeof(*view->keys));
    view->pointers = calloc(ring->count + 1, sizeof(*view->pointers));
    if (view->keys == NULL || view->pointers == NULL) {
        codec_ring_fini(view);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < ring->count; i++) {
        fill_key(&ring->keys[i], &view->keys[i]);
        view->pointers[i] = &view->keys[i];
    }
    view->message.realm = codec_lend_text(ring->realm);
    view->message.keys = view->pointers;
    view->message.n_keys = ring->count;
    return ERR_OK;
}

void codec_ring_fini(struct codec_ring *view)
{
    free(view->keys);
    free(view->pointers);
    *view = (struct codec_ring){0};
}

static enum err add_key(struct keyring *ring, const Stek__V1__Key *from, struct errbuf *why)
{
    struct key key = {
        .published_at = from->published_at_ms,
        .active_from = from->active_from_ms,
        .retired_from = from->retired_from_ms,
        .dropped_from = from->dropped_from_ms,
        .forgotten_from = from->forgotten_from_ms,
        .revoked = from->revoked != 0,
    };

    enum err rc = codec_take_bytes(key.name, KEY_NAME_LEN, &from->name, "key name", why);
    if (rc == ERR_OK) {
        rc = codec_take_optional(key.bytes, KEY_LEN, &from->key, &key.has_bytes, "key", why);
    }
    if (rc == ERR_OK) {
        rc = keyring_add(ring, &key);
    }
    if (rc == ERR_CONFLICT) {
        errbuf_set(why, "keyring: two keys of one name");
        rc = ERR_INVALID;
    }
    secret_wipe(&key, sizeof(key));
    return rc;
}

enum err codec_take_ring(struct keyring *out, const Stek__V1__Keyring *from, struct errbuf *why)
{
    struct keyring ring = {0};
    char realm[REALM_NAME_MAX + 1];

    enum err rc = codec_need(from, "keyring", why);
    if (rc != ERR_OK) {
        return rc;
    }
    if (from->n_keys > CHECK_ENTRIES_MAX) {
        errbuf_set(why, "keyring: %zu keys, but %d is the most", from->n_keys, CHECK_ENTRIES_MAX);
        return ERR_INVALID;
    }
    rc = codec_take_realm(realm, from->realm, why);
    if (rc == ERR_OK) {
        rc = keyring_init(&ring, realm);
    }
    for (size_t i = 0; rc == ERR_OK && i < from->n_keys; i++) {
        rc = add_key(&ring, from->keys[i], why);
    }
    if (rc != ERR_OK) {
        keyring_fini(&ring);
        return rc;
    }
    *out = ring;
    return ERR_OK;
}

/* ---- snapshot ---- */

enum err codec_snapshot_init(struct codec_snapshot *view, const struct wire_snapshot *snapshot)
{
    const enum err rc = codec_ring_init(&view->ring, &snapshot->ring);
    if (rc != ERR_OK) {
        return rc;
    }
    stek__v1__snapshot__init(&view->message);
    codec_fill_policy(&snapshot->policy, &view->policy);
    codec_fill_moment(&snapshot->moment, &view->moment);
    view->message.keyring = &view->ring.message;
    view->message.digest = codec_lend_bytes(snapshot->digest, DIGEST_LEN);
    view->message.policy = &view->policy;
    view->message.moment = &view->moment;
    return ERR_OK;
}

void codec_snapshot_fini(struct codec_snapshot *view)
{
    codec_ring_fini(&view->ring);
    *view = (struct codec_snapshot){0};
}

enum err codec_take_snapshot(struct wire_snapshot *out, const Stek__V1__Snapshot *from,
                             struct errbuf *why)
{
    struct wire_snapshot snapshot = {0};

    enum err rc = codec_need(from, "snapshot", why);
    if (rc == ERR_OK) {
        rc = codec_take_bytes(snapshot.digest, DIGEST_LEN, &from->digest, "digest", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_policy(&snapshot.policy, from->policy, why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_moment(&snapshot.moment, from->moment, why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_ring(&snapshot.ring, from->keyring, why);
    }
    if (rc == ERR_OK) {
        *out = snapshot;
    }
    return rc;
}

/* ---- GetKeyring ---- */

enum err wire_encode_get_keyring(const struct wire_get_keyring *in, struct secret_buf *out)
{
    Stek__V1__GetKeyringRequest message;
    stek__v1__get_keyring_request__init(&message);
    message.realm = codec_lend_text(in->realm);
    message.frontend = codec_lend_text(in->frontend);
    return codec_pack(&message.base, out);
}

enum err wire_decode_get_keyring(struct slice in, struct wire_get_keyring *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_get_keyring request = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__get_keyring_request__descriptor, in, &arena, &base, why);
    if (rc != ERR_OK) {
        goto out;
    }
    const Stek__V1__GetKeyringRequest *message = (const Stek__V1__GetKeyringRequest *)base;
    rc = codec_take_realm(request.realm, message->realm, why);
    if (rc == ERR_OK) {
        rc = codec_take_label(request.frontend, sizeof(request.frontend), message->frontend,
                              "frontend", why);
    }
    if (rc == ERR_OK) {
        *out = request;
    }

out:
    pb_arena_fini(&arena);
    return rc;
}

enum err wire_encode_get_keyring_reply(const struct wire_snapshot *in, struct secret_buf *out)
{
    struct codec_snapshot view = {0};

    enum err rc = codec_snapshot_init(&view, in);
    if (rc == ERR_OK) {
        Stek__V1__GetKeyringResponse message;
        stek__v1__get_keyring_response__init(&message);
        message.snapshot = &view.message;
        rc = codec_pack(&message.base, out);
    }
    codec_snapshot_fini(&view);
    return rc;
}

enum err wire_decode_get_keyring_reply(struct slice in, struct wire_snapshot *out,
                                       struct errbuf *why)
{
    struct pb_arena arena = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__get_keyring_response__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        const Stek__V1__GetKeyringResponse *message = (const Stek__V1__GetKeyringResponse *)base;
        rc = codec_take_snapshot(out, message->snapshot, why);
    }
    pb_arena_fini(&arena);
    return rc;
}
