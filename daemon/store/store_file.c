/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/local_store.h"

#define FOLDER_MAX    4095
#define HEADER_LEN    (STORE_VERSION_LEN + 8)
#define FILE_MAX      (HEADER_LEN + STORE_RECORD_MAX)
#define FILE_NAME_MAX (REALM_NAME_MAX + 16)
#define FILE_MODE     0600

static const char lock_name[] = ".lock";

struct file_name {
    char text[FILE_NAME_MAX];
};

struct store_file {
    struct local_store local;
    char *folder; /* owned; for sentences */
    int folder_fd;
    int lock_fd;
    uint8_t *buffer; /* owned: FILE_MAX + 1 bytes, what was read last; sealed bytes only */
    size_t len;
    struct errbuf why;
};

static struct file_name name_of(const char *realm, const char *suffix)
{
    struct file_name name;

    (void)snprintf(name.text, sizeof(name.text), "%s%s", realm, suffix);
    return name;
}

static void fail(struct store_file *store, struct store_result *result, const char *what,
                 const char *name)
{
    errbuf_set(&store->why, "cannot %s %s/%s: %s", what, store->folder, name, strerror(errno));
    result->code = ERR_IO;
    result->why = store->why.text;
}

/* Up to FILE_MAX + 1 bytes, so that too much shows. False with errno. */
static bool read_all(struct store_file *store, int fd)
{
    store->len = 0;
    while (store->len <= FILE_MAX) {
        ssize_t got = read(fd, store->buffer + store->len, FILE_MAX + 1 - store->len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0;
        }
        store->len += (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        ssize_t put = write(fd, at, len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return false;
        }
        at += put;
        len -= (size_t)put;
    }
    return true;
}

/* A file that is no file of ours is a record all the same, one the vault will find unreadable: so
 * that it is shown and replaced and not taken for an empty place. */
static void take_file(struct store_file *store, struct store_result *result)
{
    struct reader r;

    if (store->len < HEADER_LEN || store->len > FILE_MAX) {
        result->present = true;
        memset(result->version.bytes, 0, STORE_VERSION_LEN);
        memcpy(result->version.bytes, store->buffer,
               store->len < STORE_VERSION_LEN ? store->len : STORE_VERSION_LEN);
        return;
    }
    reader_init(&r, store->buffer, store->len);
    memcpy(result->version.bytes, reader_take(&r, STORE_VERSION_LEN), STORE_VERSION_LEN);
    if ((uint64_t)result->store_time_ms >= reader_u64be(&r)) {
        memset(result->version.bytes, 0, STORE_VERSION_LEN);
        return; /* expired */
    }
    result->present = true;
    result->record = (struct slice){r.at, r.len};
}

static void file_load(struct local_store *local, const struct store_op *op,
                      struct store_result *result)
{
    struct store_file *store = (struct store_file *)local;
    struct file_name name = name_of(op->realm, ".record");

    int fd = openat(store->folder_fd, name.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        return;
    }
    if (fd < 0 || !read_all(store, fd)) {
        fail(store, result, "read", name.text);
    } else {
        take_file(store, result);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static bool write_temporary(struct store_file *store, const char *name, const struct store_op *op)
{
    uint8_t header[HEADER_LEN];
    struct writer w;

    writer_init(&w, header, sizeof(header));
    writer_bytes(&w, op->next_version.bytes, STORE_VERSION_LEN);
    writer_u64be(&w, op->expires_at_ms < 0 ? 0 : (uint64_t)op->expires_at_ms);
    /* What a crash left behind may have another mode. */
    (void)unlinkat(store->folder_fd, name, 0);
    int fd = openat(store->folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                    FILE_MODE);
    if (fd < 0) {
        return false;
    }
    bool ok = write_all(fd, header, sizeof(header)) &&
              write_all(fd, op->record.at, op->record.len) && fsync(fd) == 0;
    int reason = errno;
    ok = close(fd) == 0 && ok;
    errno = reason;
    return ok;
}

static void file_put(struct local_store *local, struct store_op *op, struct store_result *result)
{
    struct store_file *store = (struct store_file *)local;
    struct store_result held = {.code = ERR_OK, .store_time_ms = result->store_time_ms};
    struct file_name name = name_of(op->realm, ".record");
    struct file_name temporary = name_of(op->realm, ".tmp");

    file_load(local, op, &held);
    if (held.code != ERR_OK) {
        result->code = held.code;
        result->why = held.why;
        return;
    }
    if (!local_store_is_expected(op, held.present ? &held.version : NULL)) {
        result->code = ERR_CONFLICT;
        result->why = "the record was changed by somebody else first";
        return;
    }
    if (!write_temporary(store, temporary.text, op)) {
        fail(store, result, "write", temporary.text);
        (void)unlinkat(store->folder_fd, temporary.text, 0);
        return;
    }
    if (renameat(store->folder_fd, temporary.text, store->folder_fd, name.text) != 0) {
        fail(store, result, "replace", name.text);
        (void)unlinkat(store->folder_fd, temporary.text, 0);
        return;
    }
    local_store_hint(local, op->realm);
    if (fsync(store->folder_fd) != 0) {
        fail(store, result, "sync", name.text); /* it may have happened or not */
    }
}

static void file_destroy(struct local_store *local)
{
    struct store_file *store = (struct store_file *)local;

    local_store_fini(local);
    if (store->lock_fd >= 0) {
        (void)close(store->lock_fd); /* and so unlocked */
    }
    if (store->folder_fd >= 0) {
        (void)close(store->folder_fd);
    }
    free(store->buffer);
    free(store->folder);
    free(store);
}

static void file_place(const struct store *base, const char *realm, struct errbuf *out)
{
    const struct store_file *store = (const struct store_file *)base;

    errbuf_set(out, "file %s/%s.record", store->folder, realm);
}

static const struct local_backend backend = {
    .load = file_load, .put = file_put, .destroy = file_destroy};

static const struct store_ops file_ops = {
    .type = "file",
    .load = local_store_start,
    .put = local_store_start,
    .cancel = local_store_cancel,
    .watch = local_store_watch,
    .close = local_store_close,
    .place = file_place,
};

/* On success the caller closes *out_fd. */
static enum err open_checked(const char *folder, int *out_fd, struct errbuf *why)
{
    struct stat st;
    enum err rc = ERR_OK;

    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        errbuf_set(why, "store folder %s: %s", folder, strerror(errno));
        rc = ERR_IO;
    } else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        errbuf_set(why, "store folder %s: others may write it: chmod 0700", folder);
        rc = ERR_INVALID;
    }
    if (rc == ERR_OK) {
        *out_fd = fd;
    } else if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

enum err store_file_check(const char *folder, struct errbuf *why)
{
    int fd = -1;

    enum err rc = open_checked(folder, &fd, why);
    if (rc == ERR_OK) {
        (void)close(fd);
    }
    return rc;
}

static enum err open_folder(struct store_file *store, struct errbuf *why)
{
    enum err rc = open_checked(store->folder, &store->folder_fd, why);
    if (rc != ERR_OK) {
        return rc;
    }
    /* Not for writing: a file system with a file open for that cannot be made read-only, and on one
     * that is, what is there can be served. */
    store->lock_fd =
        openat(store->folder_fd, lock_name, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (store->lock_fd < 0) {
        errbuf_set(why, "store folder %s: cannot make a lock: %s", store->folder, strerror(errno));
        return ERR_IO;
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        errbuf_set(why,
                   "store folder %s: another stekd has it; several daemons need one Redis, or a "
                   "folder each",
                   store->folder);
        return ERR_REFUSED;
    }
    return ERR_OK;
}

enum err store_file_new(const struct store_file_options *options, struct store **out_store,
                        struct errbuf *why)
{
    struct store_file *store = calloc(1, sizeof(*store));

    errbuf_set(why, "out of memory");
    if (store == NULL) {
        return ERR_NOMEM;
    }
    store->local.base.ops = &file_ops;
    store->local.backend = &backend;
    store->folder_fd = -1;
    store->lock_fd = -1;
    store->folder = strndup(options->folder, FOLDER_MAX);
    store->buffer = malloc(FILE_MAX + 1);
    enum err rc = store->folder == NULL || store->buffer == NULL ? ERR_NOMEM : ERR_OK;
    if (rc == ERR_OK) {
        rc = local_store_init(&store->local, options->clock, options->timers);
    }
    if (rc == ERR_OK) {
        rc = open_folder(store, why);
    }
    if (rc != ERR_OK) {
        file_destroy(&store->local);
        return rc;
    }
    *out_store = &store->local.base; /* moves to the caller */
    return ERR_OK;
}
