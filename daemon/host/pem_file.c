/* SPDX-License-Identifier: Apache-2.0 */
#include "host/pem_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

static enum err check_access(const char *path, const struct stat *st, struct errbuf *why)
{
    if ((st->st_mode & S_IRWXO) != 0) {
        errbuf_set(why, "%s: is open to every user: chmod 0400, and make a new private key", path);
    } else if ((st->st_mode & S_IWGRP) != 0) {
        errbuf_set(why, "%s: its group may write it: chmod 0400 or 0440", path);
    } else if (st->st_uid != 0 && st->st_uid != geteuid()) {
        errbuf_set(why, "%s: belongs to user %u: it must belong to root or to stekd's user", path,
                   (unsigned)st->st_uid);
    } else {
        return ERR_OK;
    }
    return ERR_INVALID;
}

/* *out_size is how much it is said to hold. */
static enum err check_file(const char *path, int fd, enum pem_file_kind kind, size_t *out_size,
                           struct errbuf *why)
{
    const size_t max = kind == PEM_FILE_PRIVATE_KEY ? PEM_FILE_KEY_MAX : PEM_FILE_MAX;
    struct stat st;

    if (fstat(fd, &st) != 0) {
        errbuf_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        errbuf_set(why, "%s: is not a regular file", path);
        return ERR_INVALID;
    }
    if (st.st_size == 0) {
        errbuf_set(why, "%s: is empty", path);
        return ERR_INVALID;
    }
    if (st.st_size > (off_t)max) {
        errbuf_set(why, "%s: has %lld bytes: more than %zu no such file needs", path,
                   (long long)st.st_size, max);
        return ERR_INVALID;
    }
    *out_size = (size_t)st.st_size;
    return kind == PEM_FILE_PRIVATE_KEY ? check_access(path, &st, why) : ERR_OK;
}

static enum err read_bytes(const char *path, int fd, struct pem_file *file, size_t size,
                           struct errbuf *why)
{
    while (file->len < size) {
        ssize_t got = read(fd, file->at + file->len, size - file->len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errbuf_set(why, "%s: %s", path, got < 0 ? strerror(errno) : "ended while being read");
            return ERR_IO;
        }
        file->len += (size_t)got;
    }
    return ERR_OK;
}

enum err pem_file_read(const char *path, enum pem_file_kind kind, struct pem_file *out,
                       struct errbuf *why)
{
    struct pem_file file = {.kind = kind};
    size_t size = 0;
    enum err rc = ERR_IO;
    /* O_NONBLOCK: to open a pipe in place of a file must not hang. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        errbuf_set(why, "%s: %s", path, strerror(errno));
        goto out;
    }
    rc = check_file(path, fd, kind, &size, why);
    if (rc != ERR_OK) {
        goto out;
    }
    file.at = kind == PEM_FILE_PRIVATE_KEY ? secret_alloc(size) : malloc(size);
    if (file.at == NULL) {
        errbuf_set(why, "%s: no memory%s", path,
                   kind == PEM_FILE_PRIVATE_KEY ? " that may be locked (RLIMIT_MEMLOCK)" : "");
        rc = ERR_NOMEM;
        goto out;
    }
    rc = read_bytes(path, fd, &file, size, why);
    if (rc == ERR_OK) {
        *out = file; /* moves to the caller */
        file = (struct pem_file){0};
    }

out:
    pem_file_fini(&file);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

void pem_file_fini(struct pem_file *file)
{
    if (file->kind == PEM_FILE_PRIVATE_KEY) {
        secret_free(file->at);
    } else {
        free(file->at);
    }
    *file = (struct pem_file){0};
}
