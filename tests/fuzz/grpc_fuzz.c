/* SPDX-License-Identifier: Apache-2.0 */
/* The message assembler fed in pieces, grpc-message and grpc-timeout on any bytes. The first byte
 * says how large the pieces are. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "wire/grpc_frame.h"
#include "wire/grpc_status.h"

#define MESSAGE_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assemble(struct slice in, size_t piece)
{
    struct grpc_assembler assembler;

    grpc_assembler_init(&assembler, MESSAGE_MAX);
    for (size_t at = 0; at < in.len; at += piece) {
        size_t len = in.len - at < piece ? in.len - at : piece;
        if (grpc_assembler_feed(&assembler, (struct slice){in.at + at, len}) != ERR_OK) {
            break;
        }
        struct slice message = {0};
        while (grpc_assembler_next(&assembler, &message)) {
            assert(message.len <= MESSAGE_MAX);
        }
    }
    grpc_assembler_fini(&assembler);
}

static void texts(struct slice in)
{
    char out[128];
    int64_t ms = 0;

    size_t len = grpc_message_decode((const char *)in.at, in.len, out, sizeof(out));
    assert(len < sizeof(out) && strlen(out) == len);
    if (grpc_timeout_parse((const char *)in.at, in.len, &ms) == ERR_OK) {
        assert(ms >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        struct slice in = {data + 1, size - 1};
        assemble(in, (size_t)data[0] % 16 + 1);
        texts(in);
    }
    return 0;
}
