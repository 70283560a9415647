/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_value.h"

#define TEMPORARY ".XXXXXX"

static enum err fail_errno(const char *path, int error, struct errbuf *why)
{
    errbuf_set(why, "%s: %s", config_value_show(path), strerror(error));
    return error == ENOENT ? ERR_NOT_FOUND : ERR_IO;
}

static enum err check_readable(const char *path, int fd, bool is_private, struct errbuf *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return fail_errno(path, errno, why);
    }
    if (!S_ISREG(st.st_mode)) {
        errbuf_set(why, "%s: is not a regular file", config_value_show(path));
    } else if (is_private && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        errbuf_set(why, "%s: others than its owner may read or write it: chmod 0600",
                   config_value_show(path));
    } else if (st.st_size > PKI_FILE_MAX) {
        errbuf_set(why, "%s: is larger than such a file can be (%d bytes)", config_value_show(path),
                   PKI_FILE_MAX);
    } else {
        return ERR_OK;
    }
    return ERR_INVALID;
}

static enum err read_all(const char *path, int fd, struct secret_buf *buf, struct errbuf *why)
{
    /* One byte more than may be there: a file that grows is seen to. */
    enum err rc = secret_buf_reserve(buf, PKI_FILE_MAX + 1);

    if (rc != ERR_OK) {
        errbuf_set(why, "%s: no memory that may be locked (ulimit -l)", config_value_show(path));
        return rc;
    }
    while (buf->len <= PKI_FILE_MAX) {
        ssize_t got = read(fd, buf->at + buf->len, PKI_FILE_MAX + 1 - buf->len);
        if (got == 0) {
            return ERR_OK;
        }
        if (got < 0 && errno != EINTR) {
            return fail_errno(path, errno, why);
        }
        buf->len += got > 0 ? (size_t)got : 0;
    }
    errbuf_set(why, "%s: is larger than such a file can be (%d bytes)", config_value_show(path),
               PKI_FILE_MAX);
    return ERR_INVALID;
}

enum err pki_file_read(const char *path, bool is_private, struct secret_buf *out,
                       struct errbuf *why)
{
    struct secret_buf buf = {0};
    /* O_NONBLOCK: to open a pipe in place of a file must not hang. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return fail_errno(path, errno, why);
    }
    enum err rc = check_readable(path, fd, is_private, why);
    if (rc == ERR_OK) {
        rc = read_all(path, fd, &buf, why);
    }
    (void)close(fd);
    if (rc == ERR_OK) {
        *out = buf;
    } else {
        secret_buf_fini(&buf);
    }
    return rc;
}

enum err pki_file_check_free(const char *path, const char *advice, struct errbuf *why)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        return ERR_OK;
    }
    errbuf_set(why, "%s: exists already; %s", config_value_show(path), advice);
    return ERR_REFUSED;
}

bool pki_file_is_same(const char *a, const char *b)
{
    struct stat first;
    struct stat second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

enum err pki_folder_make(const char *path, struct errbuf *why)
{
    struct stat st;

    if (mkdir(path, 0700) == 0) {
        return ERR_OK;
    }
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return ERR_OK;
    }
    (void)fail_errno(path, errno == EEXIST ? ENOTDIR : errno, why);
    return ERR_IO;
}

static enum err write_bytes(int fd, struct slice bytes)
{
    for (size_t done = 0; done < bytes.len;) {
        ssize_t put = write(fd, bytes.at + done, bytes.len - done);
        if (put < 0 && errno != EINTR) {
            return ERR_IO;
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return ERR_OK;
}

/* The file under a name of its own beside its place; `temporary` is then that name, else "". */
static enum err write_beside(const struct pki_file *file, char temporary[PKI_PATH_MAX + 1],
                             struct errbuf *why)
{
    char name[PKI_PATH_MAX + 1];
    enum err rc = ERR_OK;

    int len = snprintf(name, sizeof(name), "%s" TEMPORARY, file->path);
    if (len < 0 || (size_t)len >= sizeof(name)) {
        errbuf_set(why, "a path has at most %zu bytes; this one has %zu",
                   sizeof(name) - sizeof(TEMPORARY), strlen(file->path));
        return ERR_INVALID;
    }
    /* Made with mode 0600 and O_EXCL, so through no link. */
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) {
        rc = fail_errno(file->path, errno, why);
        if (rc == ERR_NOT_FOUND) {
            errbuf_set(why, "%s: its folder is not there: make it first (mkdir -m 0700)",
                       config_value_show(file->path));
        }
        return rc;
    }
    memcpy(temporary, name, (size_t)len + 1);
    if (fchmod(fd, file->mode) != 0 || write_bytes(fd, file->bytes) != ERR_OK || fsync(fd) != 0) {
        rc = fail_errno(file->path, errno, why);
    }
    if (close(fd) != 0 && rc == ERR_OK) {
        rc = fail_errno(file->path, errno, why);
    }
    return rc;
}

/* Gives the file its own name. link(), because it never replaces anything and every file system of
 * Unix has it, rename(), because it always does. */
static enum err publish(const char *temporary, const char *path, bool overwrites,
                        struct errbuf *why)
{
    int rc = overwrites ? rename(temporary, path) : link(temporary, path);

    if (rc != 0) {
        if (errno != EEXIST) {
            return fail_errno(path, errno, why);
        }
        errbuf_set(why, "%s: exists already", config_value_show(path));
        return ERR_REFUSED;
    }
    if (!overwrites) {
        (void)unlink(temporary);
    }
    return ERR_OK;
}

static void sync_folder_of(const char *path)
{
    char folder[PKI_PATH_MAX + 1] = ".";
    const char *slash = strrchr(path, '/');

    if (slash != NULL) {
        size_t len = slash == path ? 1 : (size_t)(slash - path);
        memcpy(folder, path, len);
        folder[len] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        /* The files are whole whether or not this reaches the disk before the power fails. */
        (void)fsync(fd);
        (void)close(fd);
    }
}

enum err pki_files_write(const struct pki_file *files, size_t count, bool overwrites,
                         struct errbuf *why)
{
    char temporary[PKI_FILES_MAX][PKI_PATH_MAX + 1] = {{'\0'}};
    size_t published = 0;
    enum err rc = ERR_OK;

    assert(count <= PKI_FILES_MAX);
    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        rc = write_beside(&files[i], temporary[i], why);
    }
    while (rc == ERR_OK && published < count) {
        rc = publish(temporary[published], files[published].path, overwrites, why);
        published += rc == ERR_OK;
    }
    for (size_t i = 0; i < count && rc != ERR_OK; i++) {
        if (i < published && !overwrites) {
            (void)unlink(files[i].path);
        } else if (i >= published && temporary[i][0] != '\0') {
            (void)unlink(temporary[i]);
        }
    }
    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        sync_folder_of(files[i].path);
    }
    return rc;
}
