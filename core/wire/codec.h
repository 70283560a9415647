/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain structs <-> protobuf bytes (proto/stek/v1, grpc.health.v1).
 *
 * encode: appends the message to a secret_buf (many carry key bytes; those that do not pay a
 * page for the simplicity). ERR_NOMEM, ERR_LIMIT (over WIRE_MESSAGE_MAX). On failure `out` has its
 * old length.
 *
 * decode: ERR_INVALID with a sentence for malformed bytes, wrong lengths, bad names, too many
 * entries; ERR_LIMIT over WIRE_MESSAGE_MAX; ERR_NOMEM. protobuf-c unpacks into a wiped, locked
 * block. On failure `out` is untouched. Keyrings are decoded to the letter and sorted; whether the
 * keys are sound is check_arrival()'s business. Unknown fields are ignored.
 */
#ifndef STEK_WIRE_CODEC_H
#define STEK_WIRE_CODEC_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "wire/messages.h"

enum err wire_encode_get_keyring(const struct wire_get_keyring *in,
                                 struct secret_buf *out) MUST_USE;
enum err wire_decode_get_keyring(struct slice in, struct wire_get_keyring *out,
                                 struct errbuf *why) MUST_USE;

/* GetKeyringResponse. */
enum err wire_encode_get_keyring_reply(const struct wire_snapshot *in,
                                       struct secret_buf *out) MUST_USE;
enum err wire_decode_get_keyring_reply(struct slice in, struct wire_snapshot *out,
                                       struct errbuf *why) MUST_USE;

enum err wire_encode_watch_request(const struct wire_watch_request *in,
                                   struct secret_buf *out) MUST_USE;
enum err wire_decode_watch_request(struct slice in, struct wire_watch_request *out,
                                   struct errbuf *why) MUST_USE;

enum err wire_encode_watch_response(const struct wire_watch_response *in,
                                    struct secret_buf *out) MUST_USE;
/* The caller gives an out->as.snapshot to wire_snapshot_fini(). */
enum err wire_decode_watch_response(struct slice in, struct wire_watch_response *out,
                                    struct errbuf *why) MUST_USE;

enum err wire_encode_record(const struct wire_record *in, struct secret_buf *out) MUST_USE;
/* ERR_UNSUPPORTED: a later format, written by a newer stekd: leave it alone. */
enum err wire_decode_record(struct slice in, struct wire_record *out, struct errbuf *why) MUST_USE;

/* GetStatus. */
enum err wire_encode_status(const struct wire_status *in, struct secret_buf *out) MUST_USE;
enum err wire_decode_status(struct slice in, struct wire_status *out, struct errbuf *why) MUST_USE;

/* ListRealms: the realms and moment of a wire_status. */
enum err wire_encode_realms(const struct wire_status *in, struct secret_buf *out) MUST_USE;
enum err wire_decode_realms(struct slice in, struct wire_status *out, struct errbuf *why) MUST_USE;

/* ListKeysRequest carries one realm. */
enum err wire_encode_list_keys(const char *realm, struct secret_buf *out) MUST_USE;
enum err wire_decode_list_keys(struct slice in, char realm[REALM_NAME_MAX + 1],
                               struct errbuf *why) MUST_USE;
enum err wire_encode_key_list(const struct wire_key_list *in, struct secret_buf *out) MUST_USE;
enum err wire_decode_key_list(struct slice in, struct wire_key_list *out,
                              struct errbuf *why) MUST_USE;

enum err wire_encode_rotate(const struct wire_rotate *in, struct secret_buf *out) MUST_USE;
enum err wire_decode_rotate(struct slice in, struct wire_rotate *out, struct errbuf *why) MUST_USE;
enum err wire_encode_rotated(const struct wire_rotated *in, struct secret_buf *out) MUST_USE;
enum err wire_decode_rotated(struct slice in, struct wire_rotated *out,
                             struct errbuf *why) MUST_USE;

enum err wire_encode_revoke(const struct wire_revoke *in, struct secret_buf *out) MUST_USE;
enum err wire_decode_revoke(struct slice in, struct wire_revoke *out, struct errbuf *why) MUST_USE;
enum err wire_encode_revoked(const struct wire_revoked *in, struct secret_buf *out) MUST_USE;
enum err wire_decode_revoked(struct slice in, struct wire_revoked *out,
                             struct errbuf *why) MUST_USE;

/* ListFrontendsRequest carries one realm, or "": all. */
enum err wire_encode_list_frontends(const char *realm, struct secret_buf *out) MUST_USE;
enum err wire_decode_list_frontends(struct slice in, char realm[REALM_NAME_MAX + 1],
                                    struct errbuf *why) MUST_USE;
enum err wire_encode_frontend_list(const struct wire_frontend_list *in,
                                   struct secret_buf *out) MUST_USE;
enum err wire_decode_frontend_list(struct slice in, struct wire_frontend_list *out,
                                   struct errbuf *why) MUST_USE;
/* No frontend takes more bytes in an answer than this. */
size_t wire_frontend_size_max(const struct wire_frontend *frontend);

enum err wire_encode_rekey(const struct wire_rekey *in, struct secret_buf *out) MUST_USE;
enum err wire_decode_rekey(struct slice in, struct wire_rekey *out, struct errbuf *why) MUST_USE;
enum err wire_encode_rekeyed(const struct wire_rekeyed *in, struct secret_buf *out) MUST_USE;
enum err wire_decode_rekeyed(struct slice in, struct wire_rekeyed *out,
                             struct errbuf *why) MUST_USE;

/* grpc.health.v1. status: 0 unknown, 1 serving, 2 not serving, 3 service unknown. */
enum err wire_decode_health_check(struct slice in, char service[WIRE_LABEL_MAX + 1],
                                  struct errbuf *why) MUST_USE;
enum err wire_encode_health_check(const char *service, struct secret_buf *out) MUST_USE;
enum err wire_encode_health_status(int status, struct secret_buf *out) MUST_USE;
enum err wire_decode_health_status(struct slice in, int *out_status, struct errbuf *why) MUST_USE;

/* GetStatusRequest and ListRealmsRequest are empty: any well-formed protobuf will do. */
enum err wire_decode_empty(struct slice in, struct errbuf *why) MUST_USE;

#endif
