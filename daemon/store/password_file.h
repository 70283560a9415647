/* SPDX-License-Identifier: Apache-2.0 */
/* A password in a file of its own, so that it stands in no configuration, argument or environment.
 */
#ifndef STEKD_STORE_PASSWORD_FILE_H
#define STEKD_STORE_PASSWORD_FILE_H

#include "base/err.h"
#include "base/secret.h"

#define PASSWORD_FILE_MAX 512

/* Appends the file's one line, without its end, to `out`. Refused: what is no regular file, what
 * every user can read, an empty one, a second line, more than PASSWORD_FILE_MAX bytes. */
enum err password_file_read(const char *path, struct secret_buf *out, struct errbuf *why) MUST_USE;

#endif
