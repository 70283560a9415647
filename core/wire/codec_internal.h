/* SPDX-License-Identifier: Apache-2.0 */
/* What the codec_*.c files share. Nothing outside them includes this, or a generated header. */
#ifndef STEK_WIRE_CODEC_INTERNAL_H
#define STEK_WIRE_CODEC_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "stek/v1/admin.pb-c.h"
#include "stek/v1/keys.pb-c.h"
#include "wire/messages.h"
#include "wire/pb_arena.h"

/* Appends the packed message. ERR_NOMEM, ERR_LIMIT. */
enum err codec_pack(const ProtobufCMessage *message, struct secret_buf *out) MUST_USE;

/* Unpacks into `arena`, which the caller starts as {0} and always gives to pb_arena_fini().
 * `kind` names the message in sentences. The result is borrowed from the arena. */
enum err codec_unpack(const ProtobufCMessageDescriptor *kind, struct slice in,
                      struct pb_arena *arena, ProtobufCMessage **out, struct errbuf *why) MUST_USE;

/* protobuf-c's structs are not const, packing does not write to them. */
char *codec_lend_text(const char *text);
ProtobufCBinaryData codec_lend_bytes(const uint8_t *bytes, size_t len);

/* Each of these is for one field, which `field` names in the sentence. ERR_INVALID. */
enum err codec_take_realm(char to[REALM_NAME_MAX + 1], const char *from,
                          struct errbuf *why) MUST_USE;
/* text_is_label() of at most cap - 1 bytes; may be empty. */
enum err codec_take_label(char *to, size_t cap, const char *from, const char *field,
                          struct errbuf *why) MUST_USE;
/* Exactly `len` bytes. */
enum err codec_take_bytes(uint8_t *to, size_t len, const ProtobufCBinaryData *from,
                          const char *field, struct errbuf *why) MUST_USE;
/* `len` bytes or none; *out_has tells which; `to` is zeroed when there are none. */
enum err codec_take_optional(uint8_t *to, size_t len, const ProtobufCBinaryData *from,
                             bool *out_has, const char *field, struct errbuf *why) MUST_USE;
/* A submessage that must be there. */
enum err codec_need(const void *submessage, const char *field, struct errbuf *why) MUST_USE;

/* A sentence for people. It never makes a message fail: what does not fit is cut, and if it is
 * not a label then, everything but printable ASCII becomes '?'. Used in both directions. */
void codec_copy_sentence(char *to, size_t cap, const char *from);

void codec_fill_moment(const struct wire_moment *from, Stek__V1__Moment *to);
enum err codec_take_moment(struct wire_moment *to, const Stek__V1__Moment *from,
                           struct errbuf *why) MUST_USE;
void codec_fill_policy(const struct policy *from, Stek__V1__Policy *to);
/* Durations from 0 to CODEC_DURATION_MAX_MS, so that nobody's sums overflow; whether the policy
 * makes sense is policy_check()'s business. */
#define CODEC_DURATION_MAX_MS INT64_C(1000000000000)
enum err codec_take_policy(struct policy *to, const Stek__V1__Policy *from,
                           struct errbuf *why) MUST_USE;

void codec_fill_counters(const struct wire_counters *from, Stek__V1__Counters *to);
/* NULL: none were sent, all are 0. */
void codec_take_counters(struct wire_counters *to, const Stek__V1__Counters *from);

/* A keyring as protobuf-c wants it: structs that point into the ring, no key byte copied. */
struct codec_ring {
    Stek__V1__Keyring message; /* what to pack */
    Stek__V1__Key *keys;       /* owned */
    Stek__V1__Key **pointers;  /* owned */
};

/* ERR_NOMEM. `ring` is borrowed until codec_ring_fini(), which is safe on {0} and twice. */
enum err codec_ring_init(struct codec_ring *view, const struct keyring *ring) MUST_USE;
void codec_ring_fini(struct codec_ring *view);
/* Makes a sorted ring. On success the caller owns *out. */
enum err codec_take_ring(struct keyring *out, const Stek__V1__Keyring *from,
                         struct errbuf *why) MUST_USE;

/* The same for what GetKeyring and WatchKeyring both send. */
struct codec_snapshot {
    Stek__V1__Snapshot message; /* what to pack */
    Stek__V1__Policy policy;
    Stek__V1__Moment moment;
    struct codec_ring ring;
};

enum err codec_snapshot_init(struct codec_snapshot *view,
                             const struct wire_snapshot *snapshot) MUST_USE;
void codec_snapshot_fini(struct codec_snapshot *view);
enum err codec_take_snapshot(struct wire_snapshot *out, const Stek__V1__Snapshot *from,
                             struct errbuf *why) MUST_USE;

struct codec_frontends {
    struct codec_frontend *views;  /* owned */
    Stek__V1__Frontend **pointers; /* owned; what to pack */
};

/* `frontends` is borrowed until codec_frontends_fini(), which is safe on {0} and twice. */
enum err codec_frontends_init(struct codec_frontends *view, const struct wire_frontend *frontends,
                              size_t count) MUST_USE;
void codec_frontends_fini(struct codec_frontends *view);
/* On success the caller owns *out (malloc; NULL when there are none). */
enum err codec_take_frontends(struct wire_frontend **out, Stek__V1__Frontend *const *from,
                              size_t count, struct errbuf *why) MUST_USE;

#endif
