/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/reflection.h"

#include <assert.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "wire/codec_internal.h"

/* The generated names are as long as protobuf-c makes them. */
#define REQUEST(field) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##field
#define REPLY(field)   GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##field

/* `extension` is where the request's own goes, if it has one. */
static void fill_request(const struct reflection_request *from,
                         Grpc__Reflection__V1__ExtensionRequest *extension,
                         Grpc__Reflection__V1__ServerReflectionRequest *to)
{
    char *text = codec_lend_text(from->text);

    grpc__reflection__v1__server_reflection_request__init(to);
    grpc__reflection__v1__extension_request__init(extension);
    to->host = codec_lend_text(from->host);
    switch (from->kind) {
    case REFLECTION_NOTHING:
        break;
    case REFLECTION_FILE:
        to->message_request_case = REQUEST(FILE_BY_FILENAME);
        to->file_by_filename = text;
        break;
    case REFLECTION_SYMBOL:
        to->message_request_case = REQUEST(FILE_CONTAINING_SYMBOL);
        to->file_containing_symbol = text;
        break;
    case REFLECTION_EXTENSION:
        to->message_request_case = REQUEST(FILE_CONTAINING_EXTENSION);
        to->file_containing_extension = extension;
        extension->containing_type = text;
        extension->extension_number = from->extension;
        break;
    case REFLECTION_EXTENSION_NUMBERS:
        to->message_request_case = REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE);
        to->all_extension_numbers_of_type = text;
        break;
    case REFLECTION_SERVICES:
        to->message_request_case = REQUEST(LIST_SERVICES);
        to->list_services = text;
        break;
    }
}

enum err reflection_encode_request(const struct reflection_request *in, struct secret_buf *out)
{
    Grpc__Reflection__V1__ServerReflectionRequest message;
    Grpc__Reflection__V1__ExtensionRequest extension;

    fill_request(in, &extension, &message);
    return codec_pack(&message.base, out);
}

static enum err take_request(const Grpc__Reflection__V1__ServerReflectionRequest *from,
                             struct reflection_request *to, struct errbuf *why)
{
    const char *text = "";

    switch (from->message_request_case) {
    case REQUEST(FILE_BY_FILENAME):
        to->kind = REFLECTION_FILE;
        text = from->file_by_filename;
        break;
    case REQUEST(FILE_CONTAINING_SYMBOL):
        to->kind = REFLECTION_SYMBOL;
        text = from->file_containing_symbol;
        break;
    case REQUEST(FILE_CONTAINING_EXTENSION):
        to->kind = REFLECTION_EXTENSION;
        text = from->file_containing_extension->containing_type;
        to->extension = from->file_containing_extension->extension_number;
        break;
    case REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE):
        to->kind = REFLECTION_EXTENSION_NUMBERS;
        text = from->all_extension_numbers_of_type;
        break;
    case REQUEST(LIST_SERVICES):
        to->kind = REFLECTION_SERVICES;
        text = from->list_services;
        break;
    default:
        break;
    }
    const enum err rc = codec_take_label(to->text, sizeof(to->text), text, "name", why);
    return rc != ERR_OK ? rc
                        : codec_take_label(to->host, sizeof(to->host), from->host, "host", why);
}

enum err reflection_decode_request(struct slice in, struct reflection_request *out,
                                   struct errbuf *why)
{
    struct pb_arena arena = {0};
    ProtobufCMessage *base = NULL;
    struct reflection_request request = {.kind = REFLECTION_NOTHING};

    enum err rc = codec_unpack(&grpc__reflection__v1__server_reflection_request__descriptor, in,
                               &arena, &base, why);
    if (rc == ERR_OK) {
        rc = take_request((const Grpc__Reflection__V1__ServerReflectionRequest *)base, &request,
                          why);
    }
    if (rc == ERR_OK) {
        *out = request;
    }
    pb_arena_fini(&arena);
    return rc;
}

/* Everything a reply may consist of; `message` points into the rest. */
struct reply_view {
    Grpc__Reflection__V1__ServerReflectionResponse message;
    Grpc__Reflection__V1__ServerReflectionRequest request;
    Grpc__Reflection__V1__ExtensionRequest extension;
    Grpc__Reflection__V1__ErrorResponse error;
    Grpc__Reflection__V1__FileDescriptorResponse files;
    ProtobufCBinaryData file_bytes[DESCRIPTORS_MAX];
    Grpc__Reflection__V1__ListServiceResponse services;
    Grpc__Reflection__V1__ServiceResponse service[REFLECTION_SERVICES_MAX];
    Grpc__Reflection__V1__ServiceResponse *service_at[REFLECTION_SERVICES_MAX];
};

static void fill_error(struct reply_view *view, const struct reflection_reply *in)
{
    grpc__reflection__v1__error_response__init(&view->error);
    view->error.error_code = (int32_t)in->status;
    view->error.error_message = codec_lend_text(in->why);
    view->message.message_response_case = REPLY(ERROR_RESPONSE);
    view->message.error_response = &view->error;
}

static void fill_files(struct reply_view *view, const struct reflection_reply *in)
{
    grpc__reflection__v1__file_descriptor_response__init(&view->files);
    for (size_t i = 0; i < in->file_count; i++) {
        view->file_bytes[i] = codec_lend_bytes(in->files[i].at, in->files[i].len);
    }
    view->files.n_file_descriptor_proto = in->file_count;
    view->files.file_descriptor_proto = view->file_bytes;
    view->message.message_response_case = REPLY(FILE_DESCRIPTOR_RESPONSE);
    view->message.file_descriptor_response = &view->files;
}

static void fill_services(struct reply_view *view, const struct reflection_reply *in)
{
    grpc__reflection__v1__list_service_response__init(&view->services);
    for (size_t i = 0; i < in->service_count; i++) {
        grpc__reflection__v1__service_response__init(&view->service[i]);
        view->service[i].name = codec_lend_text(in->services[i]);
        view->service_at[i] = &view->service[i];
    }
    view->services.n_service = in->service_count;
    view->services.service = view->service_at;
    view->message.message_response_case = REPLY(LIST_SERVICES_RESPONSE);
    view->message.list_services_response = &view->services;
}

enum err reflection_encode_reply(const struct reflection_reply *in, struct secret_buf *out)
{
    struct reply_view view;

    assert(in->file_count <= DESCRIPTORS_MAX && in->service_count <= REFLECTION_SERVICES_MAX);
    grpc__reflection__v1__server_reflection_response__init(&view.message);
    fill_request(in->request, &view.extension, &view.request);
    view.message.valid_host = codec_lend_text(in->request->host);
    view.message.original_request = &view.request;
    if (in->status != GRPC_OK) {
        fill_error(&view, in);
    } else if (in->file_count > 0) {
        fill_files(&view, in);
    } else {
        fill_services(&view, in);
    }
    return codec_pack(&view.message.base, out);
}
