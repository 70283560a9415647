/* SPDX-License-Identifier: Apache-2.0 */
/* Where a daemon listens, as people write it. */
#ifndef STEK_SRC_ENDPOINT_H
#define STEK_SRC_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define ENDPOINT_PATH_MAX 107 /* bytes of sun_path without the NUL */
#define ENDPOINT_HOST_MAX 253 /* of a DNS name (RFC 1035 section 2.3.4) */
#define ENDPOINT_TEXT_MAX (ENDPOINT_HOST_MAX + 8)

struct endpoint {
    char text[ENDPOINT_TEXT_MAX + 1]; /* as it was written: for sentences */
    bool is_tcp;                      /* mutual TLS to host and port; else the Unix socket */
    char path[ENDPOINT_PATH_MAX + 1]; /* absolute */
    char host[ENDPOINT_HOST_MAX + 1]; /* a name or an address, without brackets */
    uint16_t port;
};

/* "host:port", "[v6 address]:port" or "unix:/absolute/path". ERR_INVALID with a sentence. */
enum err endpoint_parse(const char *text, struct endpoint *out, struct errbuf *why) MUST_USE;

#endif
