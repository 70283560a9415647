/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_reflection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"
#include "wire/descriptors.h"
#include "wire/methods.h"
#include "wire/reflection.h"

struct reflection {
    unsigned int requests;
};

static void refuse(struct reflection_reply *reply, enum grpc_status status, const char *why)
{
    reply->status = status;
    reply->why = why;
}

static void add_service(void *ctx, const char *name)
{
    struct reflection_reply *reply = ctx;

    assert(reply->service_count < REFLECTION_SERVICES_MAX);
    (void)snprintf(reply->services[reply->service_count++], sizeof(reply->services[0]), "%s", name);
}

static void answer_file(struct reflection_reply *reply, size_t file, const char *why)
{
    if (file < descriptors_count()) {
        reply->file_count = descriptors_with_imports(file, reply->files);
    } else {
        refuse(reply, GRPC_NOT_FOUND, why);
    }
}

/* A question that has no answer is an answer: the stream goes on, as the protocol wants it. */
static void answer(const struct reflection_request *request, struct reflection_reply *reply)
{
    reply->request = request;
    switch (request->kind) {
    case REFLECTION_FILE:
        answer_file(reply, descriptors_find_file(request->text), "there is no such file");
        break;
    case REFLECTION_SYMBOL:
        answer_file(reply, descriptors_find_symbol(request->text), "there is no such symbol");
        break;
    case REFLECTION_SERVICES:
        descriptors_each_service(add_service, reply);
        break;
    case REFLECTION_EXTENSION:
    case REFLECTION_EXTENSION_NUMBERS:
        refuse(reply, GRPC_NOT_FOUND, "there are no extensions in proto3");
        break;
    case REFLECTION_NOTHING:
        refuse(reply, GRPC_INVALID_ARGUMENT, "this asks nothing that this version knows");
        break;
    }
}

static void wait_for_more(struct call *call)
{
    call_limit(call, RPC_REFLECTION_IDLE_MAX_MS, "nothing was asked for too long");
}

static void on_message(struct call *call, struct slice message)
{
    struct reflection *state = call_state(call);
    struct reflection_request request;
    struct secret_buf bytes = {0};
    struct errbuf why = {""};

    if (++state->requests > RPC_REFLECTION_REQUESTS_MAX) {
        call_finish(call, ERR_LIMIT, "too many requests on one stream: open another");
        return;
    }
    if (call_queued(call) > RPC_REFLECTION_QUEUE_MAX) {
        call_finish(call, ERR_LIMIT, "too many answers are unread");
        return;
    }
    enum err rc = reflection_decode_request(message, &request, &why);
    if (rc != ERR_OK) {
        call_finish(call, rc, why.text);
        return;
    }
    struct reflection_reply reply = {.status = GRPC_OK};
    answer(&request, &reply);
    rc = reflection_encode_reply(&reply, &bytes);
    if (rc == ERR_OK) {
        call_send(call, (struct slice){bytes.at, bytes.len});
        wait_for_more(call);
    } else {
        call_finish(call, rc, NULL);
    }
    secret_buf_fini(&bytes);
}

static void on_half_closed(struct call *call)
{
    call_finish(call, ERR_OK, NULL);
}

static void on_drain(struct call *call)
{
    call_finish(call, ERR_UNAVAILABLE, "the daemon is stopping");
}

const struct method rpc_reflection_v1 = {
    .path = METHOD_REFLECTION_V1,
    .kind = CALL_STREAM,
    .is_local = true,
    .state_size = sizeof(struct reflection),
    .on_start = wait_for_more,
    .on_message = on_message,
    .on_half_closed = on_half_closed,
    .on_drain = on_drain,
};

const struct method rpc_reflection_v1alpha = {
    .path = METHOD_REFLECTION_V1ALPHA,
    .kind = CALL_STREAM,
    .is_local = true,
    .state_size = sizeof(struct reflection),
    .on_start = wait_for_more,
    .on_message = on_message,
    .on_half_closed = on_half_closed,
    .on_drain = on_drain,
};
