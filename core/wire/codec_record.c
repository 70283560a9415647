/* SPDX-License-Identifier: Apache-2.0 */
/* The record of one realm, as stores keep it. */
#include "stek/v1/record.pb-c.h"
#include "wire/codec.h"
#include "wire/codec_internal.h"

#define RECORD_FORMAT 1

void wire_record_fini(struct wire_record *record)
{
    keyring_fini(&record->ring);
    *record = (struct wire_record){0};
}

enum err wire_encode_record(const struct wire_record *in, struct secret_buf *out)
{
    struct codec_ring view = {0};

    enum err rc = codec_ring_init(&view, &in->ring);
    if (rc == ERR_OK) {
        Stek__V1__Record message;
        stek__v1__record__init(&message);
        message.format = RECORD_FORMAT;
        message.version = codec_lend_bytes(in->version, WIRE_VERSION_LEN);
        message.revision = in->revision;
        message.policy_hash = codec_lend_bytes(in->policy_hash, POLICY_HASH_LEN);
        message.writer = codec_lend_text(in->writer);
        message.keyring = &view.message;
        rc = codec_pack(&message.base, out);
    }
    codec_ring_fini(&view);
    return rc;
}

static enum err take_record(struct wire_record *out, const Stek__V1__Record *from,
                            struct errbuf *why)
{
    struct wire_record record = {.revision = from->revision};

    if (from->format != RECORD_FORMAT) {
        errbuf_set(why, "record: format %u, but this version reads format %d only", from->format,
                   RECORD_FORMAT);
        /* A newer stekd wrote it: whoever cannot read it must not overwrite it either. Format 0 is
         * no format: the field is missing, and the author broken. */
        return from->format > RECORD_FORMAT ? ERR_UNSUPPORTED : ERR_INVALID;
    }
    enum err rc =
        codec_take_bytes(record.version, WIRE_VERSION_LEN, &from->version, "version", why);
    if (rc == ERR_OK) {
        rc = codec_take_bytes(record.policy_hash, POLICY_HASH_LEN, &from->policy_hash,
                              "policy_hash", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_label(record.writer, sizeof(record.writer), from->writer, "writer", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_ring(&record.ring, from->keyring, why);
    }
    if (rc == ERR_OK) {
        *out = record;
    }
    return rc;
}

enum err wire_decode_record(struct slice in, struct wire_record *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__record__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        rc = take_record(out, (const Stek__V1__Record *)base, why);
    }
    pb_arena_fini(&arena);
    return rc;
}
