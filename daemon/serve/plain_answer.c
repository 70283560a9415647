/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/plain_answer.h"

#include <stddef.h>
#include <string.h>

#define SENTENCE "this port speaks gRPC over TLS 1.3 with client certificates only"

static const char http1[] = "HTTP/1.1 400 Bad Request\r\n"
                            "Content-Type: text/plain\r\n"
                            "Connection: close\r\n\r\n" SENTENCE "\n";

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

struct slice plain_answer_bytes(void)
{
    return (struct slice){(const uint8_t *)http1, sizeof(http1) - 1};
}
