/* SPDX-License-Identifier: Apache-2.0 */
/* The helpers of all codec_*.c files, and the messages that carry nothing. */
#include "wire/codec.h"

#include <string.h>

#include "stek/v1/admin.pb-c.h"
#include "wire/codec_internal.h"

enum err codec_pack(const ProtobufCMessage *message, struct secret_buf *out)
{
    const size_t len = protobuf_c_message_get_packed_size(message);
    if (len > WIRE_MESSAGE_MAX) {
        return ERR_LIMIT;
    }
    const enum err rc = secret_buf_reserve(out, len);
    if (rc == ERR_OK && len > 0) {
        out->len += protobuf_c_message_pack(message, out->at + out->len);
    }
    return rc;
}

/* The requests that come most often: their decoding need not cost locked memory. */
static bool is_plain(const ProtobufCMessageDescriptor *kind)
{
    return kind == &stek__v1__get_keyring_request__descriptor ||
           kind == &stek__v1__watch_keyring_request__descriptor;
}

enum err codec_unpack(const ProtobufCMessageDescriptor *kind, struct slice in,
                      struct pb_arena *arena, ProtobufCMessage **out, struct errbuf *why)
{
    if (in.len > WIRE_MESSAGE_MAX) {
        errbuf_set(why, "%s: %zu bytes, but %d is the most", kind->short_name, in.len,
                   WIRE_MESSAGE_MAX);
        return ERR_LIMIT;
    }
    const enum err rc = pb_arena_init(arena, in.len, is_plain(kind));
    if (rc != ERR_OK) {
        errbuf_set(why, "%s: no memory to take it apart in", kind->short_name);
        return rc;
    }
    /* An empty message has no bytes to point at; protobuf-c wants a pointer all the same. */
    static const uint8_t nothing[1];
    const uint8_t *at = in.len > 0 ? in.at : nothing;
    ProtobufCMessage *message = protobuf_c_message_unpack(kind, &arena->allocator, in.len, at);
    if (message == NULL) {
        errbuf_set(why, "%s: malformed protobuf", kind->short_name);
        return ERR_INVALID;
    }
    *out = message;
    return ERR_OK;
}

char *codec_lend_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

ProtobufCBinaryData codec_lend_bytes(const uint8_t *bytes, size_t len)
{
    return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)bytes};
}

enum err codec_take_realm(char to[REALM_NAME_MAX + 1], const char *from, struct errbuf *why)
{
    if (!text_is_realm_name(from)) {
        errbuf_set(why, "realm: 1 to %d of a-z 0-9 . _ -, beginning with a letter or digit",
                   REALM_NAME_MAX);
        return ERR_INVALID;
    }
    return text_copy(to, REALM_NAME_MAX + 1, from);
}

enum err codec_take_label(char *to, size_t cap, const char *from, const char *field,
                          struct errbuf *why)
{
    if (!text_is_label(from, cap - 1)) {
        errbuf_set(why, "%s: at most %zu bytes of printable text on one line", field, cap - 1);
        return ERR_INVALID;
    }
    return text_copy(to, cap, from);
}

enum err codec_take_bytes(uint8_t *to, size_t len, const ProtobufCBinaryData *from,
                          const char *field, struct errbuf *why)
{
    if (from->len != len) {
        errbuf_set(why, "%s: %zu bytes instead of %zu", field, from->len, len);
        return ERR_INVALID;
    }
    memcpy(to, from->data, len);
    return ERR_OK;
}

enum err codec_take_optional(uint8_t *to, size_t len, const ProtobufCBinaryData *from,
                             bool *out_has, const char *field, struct errbuf *why)
{
    if (from->len == 0) {
        memset(to, 0, len);
        *out_has = false;
        return ERR_OK;
    }
    const enum err rc = codec_take_bytes(to, len, from, field, why);
    if (rc == ERR_OK) {
        *out_has = true;
    }
    return rc;
}

enum err codec_need(const void *submessage, const char *field, struct errbuf *why)
{
    if (submessage == NULL) {
        errbuf_set(why, "%s: missing", field);
        return ERR_INVALID;
    }
    return ERR_OK;
}

void codec_copy_sentence(char *to, size_t cap, const char *from)
{
    const size_t len = strnlen(from, cap - 1);
    memcpy(to, from, len);
    to[len] = '\0';
    if (text_is_label(to, cap - 1)) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (to[i] < ' ' || to[i] > '~') {
            to[i] = '?';
        }
    }
}

void codec_fill_moment(const struct wire_moment *from, Stek__V1__Moment *to)
{
    stek__v1__moment__init(to);
    to->server_time_ms = from->server_time_ms;
    to->as_of_ms = from->as_of_ms;
    to->suspect = from->suspect;
}

enum err codec_take_moment(struct wire_moment *to, const Stek__V1__Moment *from, struct errbuf *why)
{
    const enum err rc = codec_need(from, "moment", why);
    if (rc == ERR_OK) {
        to->server_time_ms = from->server_time_ms;
        to->as_of_ms = from->as_of_ms;
        to->suspect = from->suspect != 0;
    }
    return rc;
}

void codec_fill_policy(const struct policy *from, Stek__V1__Policy *to)
{
    stek__v1__policy__init(to);
    to->rotate_every_ms = from->rotate_every_ms;
    to->ticket_lifetime_ms = from->ticket_lifetime_ms;
    to->sync_interval_ms = from->sync_interval_ms;
    to->max_offline_ms = from->max_offline_ms;
    to->max_session_age_ms = from->max_session_age_ms;
    to->keys_ahead = from->keys_ahead;
}

enum err codec_take_policy(struct policy *to, const Stek__V1__Policy *from, struct errbuf *why)
{
    enum err rc = codec_need(from, "policy", why);
    if (rc != ERR_OK) {
        return rc;
    }
    const int64_t durations[] = {from->rotate_every_ms, from->ticket_lifetime_ms,
                                 from->sync_interval_ms, from->max_offline_ms,
                                 from->max_session_age_ms};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        if (durations[i] < 0 || durations[i] > CODEC_DURATION_MAX_MS) {
            errbuf_set(why, "policy: a length of time is out of range");
            return ERR_INVALID;
        }
    }
    *to = (struct policy){
        .rotate_every_ms = from->rotate_every_ms,
        .ticket_lifetime_ms = from->ticket_lifetime_ms,
        .sync_interval_ms = from->sync_interval_ms,
        .max_offline_ms = from->max_offline_ms,
        .max_session_age_ms = from->max_session_age_ms,
        .keys_ahead = from->keys_ahead,
    };
    return rc;
}

enum err wire_decode_empty(struct slice in, struct errbuf *why)
{
    struct pb_arena arena = {0};
    ProtobufCMessage *message = NULL;

    const enum err rc =
        codec_unpack(&stek__v1__get_status_request__descriptor, in, &arena, &message, why);
    pb_arena_fini(&arena);
    return rc;
}
