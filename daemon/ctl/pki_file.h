/* SPDX-License-Identifier: Apache-2.0 */
/* The files of "stekctl pki": read whole and bounded, written whole or not at all. */
#ifndef STEKD_CTL_PKI_FILE_H
#define STEKD_CTL_PKI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

#define PKI_FILE_MAX   65536 /* bytes that are read */
#define PKI_FILES_MAX  2     /* that are written together */
#define PKI_PATH_MAX   1023  /* bytes of a path */
#define PKI_MODE_KEY   0600
#define PKI_MODE_OTHER 0644

/* Reads all of `path` into *out, which starts as {0}; the caller ends it with secret_buf_fini().
 * With `is_private` a file that others than its owner may read or write is refused.
 * ERR_NOT_FOUND, ERR_IO, ERR_INVALID, ERR_NOMEM with a sentence that begins with the path. */
enum err pki_file_read(const char *path, bool is_private, struct secret_buf *out,
                       struct errbuf *why) MUST_USE;

struct pki_file {
    const char *path;   /* borrowed */
    struct slice bytes; /* borrowed */
    mode_t mode;
};

/* Writes one to PKI_FILES_MAX files: each beside its place first, with its mode from the start and
 * through no symbolic link, then all of them to their places. Nobody ever sees half a file.
 * Without `overwrites` a file that is there is an ERR_REFUSED and all stay as they were; with it,
 * a failure half-way may leave some new and some old, and the sentence names the file. */
enum err pki_files_write(const struct pki_file *files, size_t count, bool overwrites,
                         struct errbuf *why) MUST_USE;

/* ERR_REFUSED when something is at `path` already; the sentence ends with `advice`. To be told
 * before keys are made; what counts is what pki_files_write() finds. */
enum err pki_file_check_free(const char *path, const char *advice, struct errbuf *why) MUST_USE;

/* Whether both paths lead to one file that is there. */
bool pki_file_is_same(const char *a, const char *b);

/* Makes the folder (mode 0700) unless it is there. ERR_IO. */
enum err pki_folder_make(const char *path, struct errbuf *why) MUST_USE;

#endif
