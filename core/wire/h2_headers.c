/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "wire/h2_internal.h"

#define FIELD_OVERHEAD 32   /* RFC 9113 section 6.5.2 */
#define MESSAGE_MAX    1024 /* bytes of grpc-message kept */

void h2_headers_fini(struct h2_fields *fields)
{
    free(fields->path);
    free(fields->authority);
    free(fields->message);
    *fields = (struct h2_fields){0};
}

static bool is_text(struct slice value, const char *text)
{
    return value.len == strlen(text) && memcmp(value.at, text, value.len) == 0;
}

static void keep(struct h2_fields *fields, char **to, struct slice value)
{
    char *copy = strndup((const char *)value.at, value.len);
    if (copy == NULL) {
        fields->is_out_of_memory = true;
        return;
    }
    free(*to);
    *to = copy;
}

/* application/grpc, or that with "+proto", and either with parameters. Not "application/grpc-web",
 * and not "+json", which we do not speak. */
static bool is_grpc_type(struct slice value)
{
    static const char *const types[] = {"application/grpc", "application/grpc+proto"};

    const uint8_t *end = memchr(value.at, ';', value.len);
    const size_t len = end != NULL ? (size_t)(end - value.at) : value.len;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (is_text((struct slice){value.at, len}, types[i])) {
            return true;
        }
    }
    return false;
}

/* Decimal digits only, at most three. */
static bool parse_number(struct slice value, unsigned int *out)
{
    unsigned int number = 0;

    if (value.len == 0 || value.len > 3) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') {
            return false;
        }
        number = number * 10 + (unsigned int)(value.at[i] - '0');
    }
    *out = number;
    return true;
}

/* ---- requests ---- */

static void take_method(struct h2_fields *fields, struct slice value)
{
    fields->is_post = is_text(value, "POST");
}

static void take_path(struct h2_fields *fields, struct slice value)
{
    keep(fields, &fields->path, value);
}

static void take_authority(struct h2_fields *fields, struct slice value)
{
    keep(fields, &fields->authority, value);
}

static void take_timeout(struct h2_fields *fields, struct slice value)
{
    int64_t timeout_ms = 0;

    if (grpc_timeout_parse((const char *)value.at, value.len, &timeout_ms) != ERR_OK) {
        fields->is_bad_timeout = true;
        return;
    }
    /* "0m" means at once, which our 0 does not. */
    fields->timeout_ms = timeout_ms > 0 ? timeout_ms : 1;
}

static void take_content_type(struct h2_fields *fields, struct slice value)
{
    fields->is_grpc = is_grpc_type(value);
}

/* ---- responses ---- */

static void take_http_status(struct h2_fields *fields, struct slice value)
{
    unsigned int status = 0;

    if (parse_number(value, &status)) {
        fields->http_status = status;
    }
}

static void take_grpc_status(struct h2_fields *fields, struct slice value)
{
    unsigned int status = 0;

    fields->has_status = true;
    fields->status = GRPC_UNKNOWN;
    if (parse_number(value, &status) && status <= GRPC_UNAUTHENTICATED) {
        fields->status = (enum grpc_status)status;
    }
}

static void take_grpc_message(struct h2_fields *fields, struct slice value)
{
    char text[MESSAGE_MAX + 1];

    const size_t len = grpc_message_decode((const char *)value.at, value.len, text, sizeof(text));
    keep(fields, &fields->message, (struct slice){(const uint8_t *)text, len});
}

struct field {
    const char *name;
    void (*take)(struct h2_fields *fields, struct slice value);
};

static const struct field request_fields[] = {
    {":method", take_method},       {":path", take_path},
    {":authority", take_authority}, {"content-type", take_content_type},
    {"grpc-timeout", take_timeout},
};

static const struct field response_fields[] = {
    {":status", take_http_status},
    {"content-type", take_content_type},
    {"grpc-status", take_grpc_status},
    {"grpc-message", take_grpc_message},
};

void h2_headers_take(struct h2_stream *stream, struct slice name, struct slice value)
{
    const bool is_server = stream->session->role == H2_SERVER;
    const struct field *known = is_server ? request_fields : response_fields;
    const size_t count = is_server ? sizeof(request_fields) / sizeof(request_fields[0])
                                   : sizeof(response_fields) / sizeof(response_fields[0]);
    struct h2_fields *fields = &stream->fields;

    fields->bytes += name.len + value.len + FIELD_OVERHEAD;
    if (fields->bytes > stream->session->limits.header_list_max) {
        fields->is_too_large = true;
        return;
    }
    if (stream->is_deaf) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_text(name, known[i].name)) {
            known[i].take(fields, value);
            return;
        }
    }
}

/* ---- what a client makes of them ---- */

/* The gRPC project's "HTTP to gRPC status code mapping". */
static enum grpc_status status_from_http(unsigned int http_status)
{
    switch (http_status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

/* The gRPC over HTTP/2 specification, "Errors". */
static enum grpc_status status_from_reset(uint32_t error_code)
{
    switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
        return GRPC_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return GRPC_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return GRPC_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return GRPC_PERMISSION_DENIED;
    default:
        return GRPC_INTERNAL;
    }
}

static enum grpc_status outcome_of_answer(const struct h2_stream *stream, const char **out_text)
{
    const struct h2_fields *fields = &stream->fields;

    if (fields->has_status) {
        if (fields->status == GRPC_OK && grpc_assembler_is_partial(&stream->incoming)) {
            *out_text = "the answer was cut off within a message";
            return GRPC_INTERNAL;
        }
        *out_text = fields->message != NULL ? fields->message : "";
        return fields->status;
    }
    if (fields->http_status != 200) {
        *out_text = "the server refused with a bare HTTP status";
        return status_from_http(fields->http_status);
    }
    *out_text = fields->is_grpc ? "the answer ended without a grpc-status"
                                : "the server does not speak gRPC";
    return GRPC_UNKNOWN;
}

enum grpc_status h2_headers_outcome(const struct h2_stream *stream, uint32_t error_code,
                                    const char **out_text)
{
    if (stream->has_verdict) {
        *out_text = stream->verdict_text != NULL ? stream->verdict_text : "";
        return stream->verdict;
    }
    /* A server that has said all resets the stream to stop our side: that is no failure. */
    if (stream->is_remote_done) {
        return outcome_of_answer(stream, out_text);
    }
    if (stream->is_cancelled) {
        *out_text = "cancelled";
        return GRPC_CANCELLED;
    }
    *out_text = error_code == NGHTTP2_REFUSED_STREAM ? "the server took no more calls"
                                                     : "the server broke off the call";
    return status_from_reset(error_code);
}
