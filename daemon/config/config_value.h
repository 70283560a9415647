/* SPDX-License-Identifier: Apache-2.0 */
/* One scalar's text to one value. Each failure says what was expected. */
#ifndef STEKD_CONFIG_CONFIG_VALUE_H
#define STEKD_CONFIG_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"

/* "500ms", "15s", "90m", "12h", "7d": digits and one unit. */
enum err config_value_duration(const char *text, int64_t *out_ms, struct errbuf *why) MUST_USE;

/* Whether all of `text` is decimal digits, and there is one. */
bool config_value_is_digits(const char *text);

/* Decimal digits only. */
enum err config_value_uint(const char *text, uint32_t *out, struct errbuf *why) MUST_USE;

/* Octal digits only: "660" and "0660" are the same. */
enum err config_value_mode(const char *text, uint32_t *out, struct errbuf *why) MUST_USE;

/* An absolute path that fits in a socket address. */
enum err config_value_unix_path(const char *text, struct errbuf *why) MUST_USE;

/* Printable, neither empty nor with blanks at its ends, where nobody sees them. */
enum err config_value_path(const char *text, struct errbuf *why) MUST_USE;

/* "127.0.0.1:7480", "[::1]:7480": an address of this machine only, and a port. */
enum err config_value_loopback(const char *text, struct config_http *out,
                               struct errbuf *why) MUST_USE;

/* `text` itself if it can be shown on one line, else a stand-in. Never NULL. */
const char *config_value_show(const char *text);

/* HOST:PORT, [IPv6]:PORT or unix:/PATH. */
enum err config_value_address(const char *text, struct config_address *out,
                              struct errbuf *why) MUST_USE;

#endif
