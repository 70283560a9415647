/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/plain_answer.h"

#include <stddef.h>
#include <string.h>

#define SENTENCE "this port speaks gRPC over TLS 1.3 with client certificates only"

static const char http1[] = "HTTP/1.1 400 Bad Request\r\n"
                            "Content-Type: text/plain\r\n"
                            "Connection: close\r\n\r\n" SENTENCE "\n";

#define GOAWAY_FIXED_LEN    8
#define INADEQUATE_SECURITY 0x0c
#define FRAME_SETTINGS      0x04
#define FRAME_GOAWAY        0x07
_Static_assert(sizeof(SENTENCE) - 1 + GOAWAY_FIXED_LEN < 256, "the length below is one byte");

static const struct {
    uint8_t settings[9];
    uint8_t goaway[9];
    uint8_t last_stream[4];
    uint8_t code[4];
    char text[sizeof(SENTENCE) - 1];
} http2 = {
    .settings = {0, 0, 0, FRAME_SETTINGS},
    .goaway = {0, 0, sizeof(SENTENCE) - 1 + GOAWAY_FIXED_LEN, FRAME_GOAWAY},
    .code = {0, 0, 0, INADEQUATE_SECURITY},
    .text = SENTENCE,
};

static bool begins_with(struct slice first, const char *word)
{
    const size_t len = strlen(word);

    return first.len >= len && memcmp(first.at, word, len) == 0;
}

bool plain_answer_is_due(struct slice first)
{
    static const char *const words[] = {"PRI ", "GET ",    "POST ",  "HEAD ",
                                        "PUT ", "DELETE ", "OPTION", "CONNEC"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (begins_with(first, words[i])) {
            return true;
        }
    }
    return false;
}

struct slice plain_answer_to(struct slice first)
{
    if (begins_with(first, "PRI ")) {
        return (struct slice){(const uint8_t *)&http2, sizeof(http2)};
    }
    return (struct slice){(const uint8_t *)http1, sizeof(http1) - 1};
}
