/* SPDX-License-Identifier: Apache-2.0 */
/* The message assembler fed in pieces, grpc-message and grpc-timeout on any bytes. The first byte
 * says how large the pieces are. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "fuzz.h"
#include "wire/grpc_frame.h"
#include "wire/grpc_status.h"

#define MESSAGE_MAX     65536
#define GRPC_PREFIX_LEN 5
#define REFUSED         SIZE_MAX

/* Returns how many bytes of messages came out; REFUSED: then what came before does not count. */
static size_t assemble(struct slice in, size_t piece)
{
    size_t sum = 0;
    struct grpc_assembler assembler;

    grpc_assembler_init(&assembler, MESSAGE_MAX);
    for (size_t at = 0; at < in.len; at += piece) {
        size_t len = in.len - at < piece ? in.len - at : piece;
        if (grpc_assembler_feed(&assembler, (struct slice){in.at + at, len}) != ERR_OK) {
            sum = REFUSED;
            break;
        }
        struct slice message = {0};
        while (grpc_assembler_next(&assembler, &message)) {
            assert(message.len <= MESSAGE_MAX);
            sum += message.len + GRPC_PREFIX_LEN;
        }
    }
    grpc_assembler_fini(&assembler);
    return sum;
}

static void texts(struct slice in)
{
    char out[128];
    char encoded[3 * sizeof(out)];
    char again[sizeof(out)];
    char text[16];
    int64_t ms = 0;
    int64_t ms_again = 0;

    /* What a peer may say in grpc-message: printable, and the same after another round. */
    size_t len = grpc_message_decode((const char *)in.at, in.len, out, sizeof(out));
    assert(len < sizeof(out) && strlen(out) == len);
    for (size_t i = 0; i < len; i++) {
        assert((unsigned char)out[i] >= ' ' && out[i] != 0x7F);
    }
    size_t encoded_len = grpc_message_encode(out, encoded, sizeof(encoded));
    assert(grpc_message_decode(encoded, encoded_len, again, sizeof(again)) == len);
    assert(strcmp(again, out) == 0);
    if (grpc_timeout_parse((const char *)in.at, in.len, &ms) == ERR_OK) {
        assert(ms >= 0);
        grpc_timeout_format(ms, text);
        assert(grpc_timeout_parse(text, strlen(text), &ms_again) == ERR_OK);
        assert(ms_again >= ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        struct slice in = {data + 1, size - 1};
        const size_t sum = assemble(in, (size_t)data[0] % 16 + 1);
        assert(sum == assemble(in, in.len + 1) && (sum == REFUSED || sum <= in.len));
        texts(in);
    }
    return 0;
}
