/* SPDX-License-Identifier: Apache-2.0 */
/* WatchKeyring: open and acknowledgements one way, snapshots and heartbeats the other. */
#include <assert.h>

#include "wire/codec.h"
#include "wire/codec_internal.h"

/* ---- request ---- */

static enum err encode_open(const struct wire_watch_open *in, struct secret_buf *out)
{
    Stek__V1__WatchOpen open;
    Stek__V1__WatchKeyringRequest message;

    stek__v1__watch_open__init(&open);
    stek__v1__watch_keyring_request__init(&message);
    open.realm = codec_lend_text(in->realm);
    open.frontend = codec_lend_text(in->frontend);
    open.library_version = codec_lend_text(in->library_version);
    open.digest = codec_lend_bytes(in->digest, in->has_digest ? DIGEST_LEN : 0);
    message.kind_case = STEK__V1__WATCH_KEYRING_REQUEST__KIND_OPEN;
    message.open = &open;
    return codec_pack(&message.base, out);
}

static enum err encode_ack(const struct wire_watch_ack *in, struct secret_buf *out)
{
    Stek__V1__Counters counters;
    Stek__V1__WatchAck ack;
    Stek__V1__WatchKeyringRequest message;

    stek__v1__watch_ack__init(&ack);
    stek__v1__watch_keyring_request__init(&message);
    codec_fill_counters(&in->counters, &counters);
    ack.digest = codec_lend_bytes(in->digest, in->has_digest ? DIGEST_LEN : 0);
    ack.counters = &counters;
    ack.clock_skew_ms = in->clock_skew_ms;
    message.kind_case = STEK__V1__WATCH_KEYRING_REQUEST__KIND_ACK;
    message.ack = &ack;
    return codec_pack(&message.base, out);
}

enum err wire_encode_watch_request(const struct wire_watch_request *in, struct secret_buf *out)
{
    if (in->kind == WIRE_WATCH_OPEN) {
        return encode_open(&in->as.open, out);
    }
    assert(in->kind == WIRE_WATCH_ACK);
    return encode_ack(&in->as.ack, out);
}

static enum err take_open(struct wire_watch_open *to, const Stek__V1__WatchOpen *from,
                          struct errbuf *why)
{
    enum err rc = codec_take_realm(to->realm, from->realm, why);
    if (rc == ERR_OK) {
        rc = codec_take_label(to->frontend, sizeof(to->frontend), from->frontend, "frontend", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_label(to->library_version, sizeof(to->library_version),
                              from->library_version, "library_version", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_optional(to->digest, DIGEST_LEN, &from->digest, &to->has_digest, "digest",
                                 why);
    }
    return rc;
}

static enum err take_ack(struct wire_watch_ack *to, const Stek__V1__WatchAck *from,
                         struct errbuf *why)
{
    to->clock_skew_ms = from->clock_skew_ms;
    codec_take_counters(&to->counters, from->counters);
    return codec_take_optional(to->digest, DIGEST_LEN, &from->digest, &to->has_digest, "digest",
                               why);
}

static enum err take_request(struct wire_watch_request *to,
                             const Stek__V1__WatchKeyringRequest *from, struct errbuf *why)
{
    if (from->kind_case == STEK__V1__WATCH_KEYRING_REQUEST__KIND_OPEN) {
        to->kind = WIRE_WATCH_OPEN;
        return take_open(&to->as.open, from->open, why);
    }
    if (from->kind_case == STEK__V1__WATCH_KEYRING_REQUEST__KIND_ACK) {
        to->kind = WIRE_WATCH_ACK;
        return take_ack(&to->as.ack, from->ack, why);
    }
    errbuf_set(why, "watch request: neither open nor ack");
    return ERR_INVALID;
}

enum err wire_decode_watch_request(struct slice in, struct wire_watch_request *out,
                                   struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_watch_request request = {0};
    ProtobufCMessage *base = NULL;

    enum err rc =
        codec_unpack(&stek__v1__watch_keyring_request__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        rc = take_request(&request, (const Stek__V1__WatchKeyringRequest *)base, why);
    }
    if (rc == ERR_OK) {
        *out = request;
    }
    pb_arena_fini(&arena);
    return rc;
}

/* ---- response ---- */

static enum err encode_snapshot(const struct wire_snapshot *in, struct secret_buf *out)
{
    struct codec_snapshot view = {0};

    enum err rc = codec_snapshot_init(&view, in);
    if (rc == ERR_OK) {
        Stek__V1__WatchKeyringResponse message;
        stek__v1__watch_keyring_response__init(&message);
        message.kind_case = STEK__V1__WATCH_KEYRING_RESPONSE__KIND_SNAPSHOT;
        message.snapshot = &view.message;
        rc = codec_pack(&message.base, out);
    }
    codec_snapshot_fini(&view);
    return rc;
}

static enum err encode_heartbeat(const struct wire_heartbeat *in, struct secret_buf *out)
{
    Stek__V1__Moment moment;
    Stek__V1__Heartbeat heartbeat;
    Stek__V1__WatchKeyringResponse message;

    stek__v1__heartbeat__init(&heartbeat);
    stek__v1__watch_keyring_response__init(&message);
    codec_fill_moment(&in->moment, &moment);
    heartbeat.digest = codec_lend_bytes(in->digest, DIGEST_LEN);
    heartbeat.moment = &moment;
    message.kind_case = STEK__V1__WATCH_KEYRING_RESPONSE__KIND_HEARTBEAT;
    message.heartbeat = &heartbeat;
    return codec_pack(&message.base, out);
}

enum err wire_encode_watch_response(const struct wire_watch_response *in, struct secret_buf *out)
{
    if (in->kind == WIRE_WATCH_SNAPSHOT) {
        return encode_snapshot(&in->as.snapshot, out);
    }
    assert(in->kind == WIRE_WATCH_HEARTBEAT);
    return encode_heartbeat(&in->as.heartbeat, out);
}

static enum err take_response(struct wire_watch_response *to,
                              const Stek__V1__WatchKeyringResponse *from, struct errbuf *why)
{
    if (from->kind_case == STEK__V1__WATCH_KEYRING_RESPONSE__KIND_SNAPSHOT) {
        to->kind = WIRE_WATCH_SNAPSHOT;
        return codec_take_snapshot(&to->as.snapshot, from->snapshot, why);
    }
    if (from->kind_case != STEK__V1__WATCH_KEYRING_RESPONSE__KIND_HEARTBEAT) {
        errbuf_set(why, "watch response: neither snapshot nor heartbeat");
        return ERR_INVALID;
    }
    struct wire_heartbeat *beat = &to->as.heartbeat;
    to->kind = WIRE_WATCH_HEARTBEAT;
    const enum err rc =
        codec_take_bytes(beat->digest, DIGEST_LEN, &from->heartbeat->digest, "digest", why);
    return rc == ERR_OK ? codec_take_moment(&beat->moment, from->heartbeat->moment, why) : rc;
}

enum err wire_decode_watch_response(struct slice in, struct wire_watch_response *out,
                                    struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_watch_response response = {0};
    ProtobufCMessage *base = NULL;

    enum err rc =
        codec_unpack(&stek__v1__watch_keyring_response__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        rc = take_response(&response, (const Stek__V1__WatchKeyringResponse *)base, why);
    }
    if (rc == ERR_OK) {
        *out = response;
    }
    pb_arena_fini(&arena);
    return rc;
}
