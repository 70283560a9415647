/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal without table look-ups or branches on the value (it may be key material), and the
 * checked text operations that everything else uses instead of strcpy and friends. */
#ifndef STEK_BASE_TEXT_H
#define STEK_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Lower case. `out` takes 2 * len digits and a NUL. */
void text_hex_encode(const uint8_t *bytes, size_t len, char *out);

/* Exactly 2 * len hex digits (either case) and then NUL, else ERR_INVALID and `out` is wiped. */
enum err text_hex_decode(const char *hex, uint8_t *out, size_t len) MUST_USE;

/* Copies `from` with its NUL. ERR_LIMIT when it does not fit; `to` is then the empty string. */
enum err text_copy(char *to, size_t cap, const char *from) MUST_USE;

/* A realm name: 1 to 63 of [a-z0-9._-], beginning with a letter or digit. It travels in RPC
 * messages, store keys, metrics and file names, so it is kept this plain. */
#define REALM_NAME_MAX 63
bool text_is_realm_name(const char *name);

/* Printable one-line text for logs and terminals: no control byte, at most `max` bytes, valid
 * UTF-8. Used on every name a peer gives itself. */
bool text_is_label(const char *text, size_t max);

/* A length of time as operators write it, in the largest unit that divides it: "12h", "90s",
 * "1500ms", "0s". By value, so that it can be an argument of errbuf_set(). */
struct text_span {
    char text[24];
};
struct text_span text_span_of(int64_t ms);

#endif
