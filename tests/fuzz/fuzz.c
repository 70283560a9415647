/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define STAIN 0xA5

char *fuzz_text(struct slice bytes)
{
    char *text = malloc(bytes.len + 1);

    if (text == NULL) {
        abort();
    }
    if (bytes.len > 0) {
        memcpy(text, bytes.at, bytes.len);
    }
    text[bytes.len] = '\0';
    return text;
}

struct slice fuzz_cut(struct slice *rest, uint8_t end)
{
    const uint8_t *at = rest->len > 0 ? memchr(rest->at, end, rest->len) : NULL;
    const struct slice part = {rest->at, at == NULL ? rest->len : (size_t)(at - rest->at)};
    const size_t gone = at == NULL ? rest->len : part.len + 1;

    *rest = (struct slice){gone > 0 ? rest->at + gone : rest->at, rest->len - gone};
    return part;
}

void fuzz_stain(void *at, size_t len)
{
    memset(at, STAIN, len);
}

bool fuzz_is_stained(const void *at, size_t len)
{
    const uint8_t *bytes = at;

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != STAIN) {
            return false;
        }
    }
    return true;
}
