/* SPDX-License-Identifier: Apache-2.0 */
/* Where a daemon listens, as people write it. */
#ifndef STEK_SRC_ENDPOINT_H
#define STEK_SRC_ENDPOINT_H

#include "base/err.h"

#define ENDPOINT_PATH_MAX 107 /* bytes of sun_path without the NUL */

struct endpoint {
    char path[ENDPOINT_PATH_MAX + 1]; /* of a Unix socket, absolute */
};

/* "unix:/absolute/path". ERR_INVALID with a sentence; ERR_UNSUPPORTED for "host:port". */
enum err endpoint_parse(const char *text, struct endpoint *out, struct errbuf *why) MUST_USE;

#endif
