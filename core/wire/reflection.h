/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of grpc.reflection.v1, which are those of v1alpha too: plain structs <-> protobuf
 * bytes, as in codec.h. Requests go both ways; answers are only written.
 */
#ifndef STEK_WIRE_REFLECTION_H
#define STEK_WIRE_REFLECTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "wire/descriptors.h"
#include "wire/grpc_status.h"
#include "wire/messages.h"

#define REFLECTION_TEXT_MAX     255
#define REFLECTION_SERVICES_MAX 16

enum reflection_kind {
    REFLECTION_NOTHING, /* a request that asks nothing, or what this version does not know */
    REFLECTION_FILE,
    REFLECTION_SYMBOL,
    REFLECTION_EXTENSION,
    REFLECTION_EXTENSION_NUMBERS,
    REFLECTION_SERVICES,
};

struct reflection_request {
    enum reflection_kind kind;
    char host[WIRE_LABEL_MAX + 1];
    char text[REFLECTION_TEXT_MAX + 1]; /* a file's, symbol's or type's name; else unused */
    int32_t extension;
};

/* Files, services, or, when `status` is not GRPC_OK, why not. */
struct reflection_reply {
    const struct reflection_request *request; /* borrowed */
    enum grpc_status status;
    const char *why; /* borrowed */
    size_t file_count;
    struct slice files[DESCRIPTORS_MAX];
    size_t service_count;
    char services[REFLECTION_SERVICES_MAX][DESCRIPTORS_NAME_MAX + 1];
};

enum err reflection_encode_request(const struct reflection_request *in,
                                   struct secret_buf *out) MUST_USE;
enum err reflection_decode_request(struct slice in, struct reflection_request *out,
                                   struct errbuf *why) MUST_USE;
enum err reflection_encode_reply(const struct reflection_reply *in,
                                 struct secret_buf *out) MUST_USE;

#endif
