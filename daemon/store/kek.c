/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/kdf.h"
#include "base/secret.h"

#define MAKE_ONE "make one with: stekctl pki kek FILE"

static const char id_label[] = "stek kek id v1";

static enum err check_file(const char *path, int fd, struct errbuf *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        errbuf_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        errbuf_set(why, "%s: is not a regular file", path);
    } else if ((st.st_mode & S_IRWXO) != 0) {
        errbuf_set(why, "%s: is open to every user: chmod 0400, and make a new key", path);
    } else if ((st.st_mode & S_IWGRP) != 0) {
        errbuf_set(why, "%s: its group may write it: chmod 0400 or 0440", path);
    } else if (st.st_uid != 0 && st.st_uid != geteuid()) {
        errbuf_set(why, "%s: belongs to user %u: it must belong to root or to stekd's user", path,
                   (unsigned)st.st_uid);
    } else if (st.st_size != KEK_LEN) {
        errbuf_set(why,
                   "%s: has %lld bytes: a key-encryption key is exactly %d raw bytes, not text; %s",
                   path, (long long)st.st_size, KEK_LEN, MAKE_ONE);
    } else {
        return ERR_OK;
    }
    return ERR_INVALID;
}

/* Whether the bytes are one piece over and over: zeros, a filler, a word. */
static bool is_repeated(const uint8_t bytes[KEK_LEN])
{
    for (size_t period = 1; period <= KEK_LEN / 2; period *= 2) {
        if (secret_equal(bytes, bytes + period, KEK_LEN - period)) {
            return true;
        }
    }
    return false;
}

/* Whether all bytes are between `from` and `to`, or hexadecimal digits: in constant time, as a
 * good key goes through here too. */
static bool is_text(const uint8_t bytes[KEK_LEN], bool hex_only)
{
    unsigned int others = 0;

    for (size_t i = 0; i < KEK_LEN; i++) {
        unsigned int c = bytes[i];
        unsigned int lower = c | 0x20u;
        unsigned int digit = (unsigned int)(c - '0' < 10u);
        unsigned int letter = (unsigned int)(lower - 'a' < 6u);
        unsigned int printable = (unsigned int)(c - 0x20u < 0x5fu) |
                                 (unsigned int)(c - '\t' < 5u); /* blanks and line ends */
        others |= hex_only ? (digit | letter) ^ 1u : printable ^ 1u;
    }
    return others == 0;
}

static enum err check_bytes(const char *path, const uint8_t bytes[KEK_LEN], struct errbuf *why)
{
    if (secret_is_weak(bytes, KEK_LEN)) {
        errbuf_set(why, "%s: is one byte 32 times: not a random key; %s", path, MAKE_ONE);
    } else if (is_repeated(bytes)) {
        errbuf_set(why, "%s: is a few bytes over and over: not a random key; %s", path, MAKE_ONE);
    } else if (is_text(bytes, true)) {
        errbuf_set(why, "%s: is 32 hexadecimal digits, so half a key: 32 raw bytes are needed; %s",
                   path, MAKE_ONE);
    } else if (is_text(bytes, false)) {
        errbuf_set(why, "%s: is text (a password? base64?): 32 raw random bytes are needed; %s",
                   path, MAKE_ONE);
    } else {
        return ERR_OK;
    }
    return ERR_INVALID;
}

static enum err read_bytes(const char *path, int fd, uint8_t bytes[KEK_LEN], struct errbuf *why)
{
    size_t len = 0;

    while (len < KEK_LEN) {
        ssize_t got = read(fd, bytes + len, KEK_LEN - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errbuf_set(why, "%s: %s", path, got < 0 ? strerror(errno) : "ended while being read");
            return ERR_IO;
        }
        len += (size_t)got;
    }
    return ERR_OK;
}

static enum err read_kek(const char *path, int fd, struct kek *kek, struct errbuf *why)
{
    enum err rc = check_file(path, fd, why);

    if (rc == ERR_OK) {
        rc = read_bytes(path, fd, kek->bytes, why);
    }
    if (rc == ERR_OK) {
        rc = check_bytes(path, kek->bytes, why);
    }
    if (rc == ERR_OK) {
        rc = kdf_hkdf_sha256((struct slice){kek->bytes, KEK_LEN},
                             (struct slice){(const uint8_t *)id_label, sizeof(id_label) - 1},
                             kek->id, KEK_ID_LEN);
        if (rc != ERR_OK) {
            errbuf_set(why, "%s: %s", path, err_text(rc));
        }
    }
    return rc;
}

enum err kek_read(const char *path, struct kek *out, struct errbuf *why)
{
    struct kek *kek = NULL;
    enum err rc = ERR_IO;
    /* O_NONBLOCK: to open a pipe in place of a file must not hang. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        errbuf_set(why, "%s: %s", path, strerror(errno));
        goto out;
    }
    kek = secret_alloc(sizeof(*kek));
    if (kek == NULL) {
        errbuf_set(why, "%s: no memory that may be locked (RLIMIT_MEMLOCK)", path);
        rc = ERR_NOMEM;
        goto out;
    }
    rc = read_kek(path, fd, kek, why);
    if (rc == ERR_OK) {
        secret_copy(out, kek, sizeof(*out));
    }

out:
    secret_free(kek);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}
