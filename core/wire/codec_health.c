/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1, the health protocol every gRPC tool knows. */
#include <string.h>

#include "grpc/health/v1/health.pb-c.h"
#include "wire/codec.h"
#include "wire/codec_internal.h"

#define HEALTH_STATUS_MAX GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

enum err wire_encode_health_check(const char *service, struct secret_buf *out)
{
    Grpc__Health__V1__HealthCheckRequest message;
    grpc__health__v1__health_check_request__init(&message);
    message.service = codec_lend_text(service);
    return codec_pack(&message.base, out);
}

enum err wire_decode_health_check(struct slice in, char service[WIRE_LABEL_MAX + 1],
                                  struct errbuf *why)
{
    struct pb_arena arena = {0};
    ProtobufCMessage *base = NULL;
    const ProtobufCMessageDescriptor *kind = &grpc__health__v1__health_check_request__descriptor;
    char label[WIRE_LABEL_MAX + 1];

    enum err rc = codec_unpack(kind, in, &arena, &base, why);
    if (rc == ERR_OK) {
        const char *asked = ((const Grpc__Health__V1__HealthCheckRequest *)base)->service;
        rc = codec_take_label(label, sizeof(label), asked, "service", why);
    }
    if (rc == ERR_OK) {
        memcpy(service, label, sizeof(label));
    }
    pb_arena_fini(&arena);
    return rc;
}

enum err wire_encode_health_status(int status, struct secret_buf *out)
{
    Grpc__Health__V1__HealthCheckResponse message;
    grpc__health__v1__health_check_response__init(&message);
    message.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    return codec_pack(&message.base, out);
}

enum err wire_decode_health_status(struct slice in, int *out_status, struct errbuf *why)
{
    struct pb_arena arena = {0};
    ProtobufCMessage *base = NULL;
    const ProtobufCMessageDescriptor *kind = &grpc__health__v1__health_check_response__descriptor;

    enum err rc = codec_unpack(kind, in, &arena, &base, why);
    if (rc == ERR_OK) {
        const int status = (int)((const Grpc__Health__V1__HealthCheckResponse *)base)->status;
        /* A number from a newer protocol tells us nothing: unknown. */
        *out_status = status >= 0 && status <= (int)HEALTH_STATUS_MAX ? status : 0;
    }
    pb_arena_fini(&arena);
    return rc;
}
