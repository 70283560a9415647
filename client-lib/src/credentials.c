/* SPDX-License-Identifier: Apache-2.0 */
#include "src/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/secret.h"
#include "wire/tls_context.h"

enum { CA, CERTIFICATE, KEY, FILES };

/* What tells one version of a file from another. */
struct stamp {
    int error; /* errno of looking; 0: the rest is filled */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

/* Files' contents that fit together. Never changed once held. */
struct material {
    uint8_t *at[FILES]; /* owned: secret memory for children */
    size_t len[FILES];
    struct credentials_dates dates;
};

struct credentials {
    pthread_mutex_t lock;
    pid_t process;         /* that `lock` belongs to */
    char *paths[FILES];    /* owned */
    struct material *held; /* owned */
    uint64_t version;
    struct stamp stamps[FILES]; /* of what was last read, or could not be */
    enum err last;              /* how that went */
    struct errbuf last_why;
};

/* --- one file -------------------------------------------------------------------------------- */

static struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){.device = st->st_dev,
                          .inode = st->st_ino,
                          .size = st->st_size,
                          .modified = st->st_mtim,
                          .changed = st->st_ctim};
}

static struct stamp look_at(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? stamp_of(&st) : (struct stamp){.error = errno};
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->error == b->error && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && is_same_time(&a->modified, &b->modified) &&
           is_same_time(&a->changed, &b->changed);
}

static enum err check_file(const char *path, const struct stat *st, bool is_key, struct errbuf *why)
{
    if (!S_ISREG(st->st_mode)) {
        errbuf_set(why, "%s: is not a regular file", path);
        return ERR_INVALID;
    }
    if (is_key && (st->st_mode & (S_IRWXO | S_IWGRP)) != 0) {
        errbuf_set(why, "%s: others than its owner may use this private key: chmod g-w,o-rwx %s",
                   path, path);
        return ERR_INVALID;
    }
    if ((size_t)st->st_size > CREDENTIALS_FILE_MAX) {
        errbuf_set(why, "%s: has more than %zu bytes", path, CREDENTIALS_FILE_MAX);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* All of it. A file that grows meanwhile is being written: its stamp will differ. */
static enum err read_bytes(int fd, const char *path, uint8_t *at, size_t cap, size_t *out_len,
                           struct errbuf *why)
{
    size_t len = 0;
    while (len < cap) {
        const ssize_t n = read(fd, at + len, cap - len);
        if (n < 0 && errno != EINTR) {
            errbuf_set(why, "%s: cannot be read: %s", path, strerror(errno));
            return ERR_INVALID;
        }
        if (n == 0) {
            break;
        }
        len += n > 0 ? (size_t)n : 0;
    }
    if (len == 0) {
        errbuf_set(why, "%s: is empty", path);
        return ERR_INVALID;
    }
    *out_len = len;
    return ERR_OK;
}

static enum err read_open(int fd, const char *path, size_t file, struct material *out,
                          struct stamp *out_stamp, struct errbuf *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        errbuf_set(why, "%s: cannot be read: %s", path, strerror(errno));
        return ERR_INVALID;
    }
    *out_stamp = stamp_of(&st);
    const enum err rc = check_file(path, &st, file == KEY, why);
    if (rc != ERR_OK) {
        return rc;
    }
    const size_t cap = (size_t)st.st_size + 1; /* never nothing */
    out->at[file] = secret_alloc_for_children(cap);
    if (out->at[file] == NULL) {
        errbuf_set(why, "%s: no locked memory to read it (raise RLIMIT_MEMLOCK): %s", path,
                   strerror(errno));
        return ERR_LIMIT;
    }
    return read_bytes(fd, path, out->at[file], cap, &out->len[file], why);
}

static enum err read_file(const char *path, size_t file, struct material *out,
                          struct stamp *out_stamp, struct errbuf *why)
{
    /* Not blocking: somebody may have named a pipe. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        *out_stamp = look_at(path);
        errbuf_set(why, "%s: cannot be read: %s", path, strerror(errno));
        return ERR_INVALID;
    }
    const enum err rc = read_open(fd, path, file, out, out_stamp, why);
    (void)close(fd);
    return rc;
}

/* --- a set of them --------------------------------------------------------------------------- */

static void material_free(struct material *material)
{
    if (material != NULL) {
        for (size_t i = 0; i < FILES; i++) {
            secret_free(material->at[i]);
        }
        free(material);
    }
}

static struct tls_pem pem_of(const struct credentials *credentials, const struct material *material,
                             size_t file)
{
    return (struct tls_pem){.path = credentials->paths[file],
                            .bytes = {material->at[file], material->len[file]}};
}

static enum err make_context(const struct credentials *credentials, const struct material *material,
                             int64_t now_ms, SSL_CTX **out_context, struct errbuf *why)
{
    const struct tls_context_options options = {
        .role = TLS_CLIENT,
        .certificate = pem_of(credentials, material, CERTIFICATE),
        .private_key = pem_of(credentials, material, KEY),
        .ca = pem_of(credentials, material, CA),
        .min_version = TLS1_3_VERSION,
        .now_ms = now_ms,
    };
    return tls_context_new(&options, out_context, why);
}

static struct credentials_dates dates_of(const X509 *own)
{
    const int64_t until = tls_not_after_ms(own);
    int days = 0;
    int seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(own), X509_get0_notAfter(own)) != 1) {
        return (struct credentials_dates){.not_before_ms = until, .not_after_ms = until};
    }
    const int64_t life = ((int64_t)days * 86400 + seconds) * 1000;
    return (struct credentials_dates){.not_before_ms = until - life, .not_after_ms = until};
}

/* Reads all three, notes their stamps, and holds the set to be one that works. */
static enum err read_all(struct credentials *credentials, int64_t now_ms,
                         struct material **out_material, struct errbuf *why)
{
    struct material *material = calloc(1, sizeof(*material));
    SSL_CTX *context = NULL;
    enum err rc = ERR_OK;
    if (material == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < FILES; i++) {
        struct errbuf mine = {""};
        const enum err one =
            read_file(credentials->paths[i], i, material, &credentials->stamps[i], &mine);
        if (one != ERR_OK && rc == ERR_OK) {
            rc = one;
            errbuf_set(why, "%s", mine.text);
        }
    }
    if (rc == ERR_OK) {
        rc = make_context(credentials, material, now_ms, &context, why);
    }
    if (rc == ERR_OK) {
        material->dates = dates_of(SSL_CTX_get0_certificate(context));
        *out_material = material;
        material = NULL;
    }
    SSL_CTX_free(context);
    material_free(material);
    return rc;
}

static bool is_same_material(const struct material *a, const struct material *b)
{
    for (size_t i = 0; i < FILES; i++) {
        if (a->len[i] != b->len[i] || !secret_equal(a->at[i], b->at[i], a->len[i])) {
            return false;
        }
    }
    return true;
}

/* --- life ------------------------------------------------------------------------------------ */

/* Servers change their working directory. NULL when that is too long, or out of memory. */
static char *make_absolute(const char *path)
{
    char here[PATH_MAX];
    char *whole = NULL;
    if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL) {
        return strdup(path);
    }
    return asprintf(&whole, "%s/%s", here, path) < 0 ? NULL : whole;
}

static bool init(struct credentials *credentials, const struct credentials_paths *paths)
{
    const char *const from[FILES] = {paths->ca, paths->certificate, paths->key};
    for (size_t i = 0; i < FILES; i++) {
        credentials->paths[i] = make_absolute(from[i]);
        if (credentials->paths[i] == NULL) {
            return false;
        }
    }
    return true;
}

enum err credentials_new(const struct credentials_paths *paths, int64_t now_ms,
                         struct credentials **out_credentials, struct errbuf *why)
{
    struct credentials *credentials = calloc(1, sizeof(*credentials));
    enum err rc = ERR_NOMEM;
    errbuf_set(why, "out of memory");
    if (credentials != NULL && pthread_mutex_init(&credentials->lock, NULL) != 0) {
        free(credentials);
        credentials = NULL;
    }
    if (credentials != NULL && init(credentials, paths)) {
        credentials->process = getpid();
        rc = read_all(credentials, now_ms, &credentials->held, why);
    }
    if (rc != ERR_OK) {
        credentials_free(credentials);
        return rc;
    }
    errbuf_set(why, "%s", "");
    *out_credentials = credentials;
    return ERR_OK;
}

void credentials_free(struct credentials *credentials)
{
    if (credentials == NULL) {
        return;
    }
    material_free(credentials->held);
    for (size_t i = 0; i < FILES; i++) {
        free(credentials->paths[i]);
    }
    (void)pthread_mutex_destroy(&credentials->lock);
    free(credentials);
}

enum err credentials_adopt(struct credentials *credentials)
{
    if (credentials->process == getpid()) {
        return ERR_OK;
    }
    if (pthread_mutex_init(&credentials->lock, NULL) != 0) {
        return ERR_NOMEM;
    }
    credentials->process = getpid();
    return secret_lock_here(credentials->held->at[KEY]);
}

/* --- use ------------------------------------------------------------------------------------- */

static bool have_changed(const struct credentials *credentials)
{
    for (size_t i = 0; i < FILES; i++) {
        const struct stamp now = look_at(credentials->paths[i]);
        if (!is_same_stamp(&now, &credentials->stamps[i])) {
            return true;
        }
    }
    return false;
}

static enum err reread(struct credentials *credentials, int64_t now_ms, struct errbuf *why)
{
    struct material *fresh = NULL;
    const enum err rc = read_all(credentials, now_ms, &fresh, why);
    if (rc != ERR_OK) {
        errbuf_prefix(why, "the TLS files have changed, and the ones before stay in use");
        return rc;
    }
    if (!is_same_material(credentials->held, fresh)) {
        /* One store: a process forked at any moment finds the one or the other. */
        struct material *before = credentials->held;
        credentials->held = fresh;
        credentials->version++;
        fresh = before;
    }
    material_free(fresh);
    return ERR_OK;
}

enum err credentials_look(struct credentials *credentials, int64_t now_ms, struct errbuf *why)
{
    (void)pthread_mutex_lock(&credentials->lock);
    if (have_changed(credentials)) {
        credentials->last = reread(credentials, now_ms, &credentials->last_why);
    }
    const enum err rc = credentials->last;
    if (rc != ERR_OK) {
        errbuf_set(why, "%s", credentials->last_why.text);
    }
    (void)pthread_mutex_unlock(&credentials->lock);
    return rc;
}

uint64_t credentials_version(struct credentials *credentials)
{
    (void)pthread_mutex_lock(&credentials->lock);
    const uint64_t version = credentials->version;
    (void)pthread_mutex_unlock(&credentials->lock);
    return version;
}

enum err credentials_context(struct credentials *credentials, int64_t now_ms, SSL_CTX **out_context,
                             struct errbuf *why)
{
    (void)pthread_mutex_lock(&credentials->lock);
    const enum err rc = make_context(credentials, credentials->held, now_ms, out_context, why);
    (void)pthread_mutex_unlock(&credentials->lock);
    return rc;
}

struct credentials_dates credentials_dates(struct credentials *credentials)
{
    (void)pthread_mutex_lock(&credentials->lock);
    const struct credentials_dates dates = credentials->held->dates;
    (void)pthread_mutex_unlock(&credentials->lock);
    return dates;
}
