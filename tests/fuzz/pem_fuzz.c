/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files an operator hands us, through a real file. The first byte chooses:
 *
 *   0  a key-encryption key       1  a password         2  any PEM file, as its reader sees it
 *   3  the CA of a TLS context    4  its certificate and key, in one file, and the CA too
 *   5  its revocation list, with the rest sound
 * and 8 more is the same for a client.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "fuzz.h"
#include "host/pem_file.h"
#include "pem_sound.h"
#include "store/kek.h"
#include "store/password_file.h"
#include "wire/tls_context.h"

struct file {
    int fd;
    char path[32];
};

static void file_open(struct file *file, struct slice in)
{
    file->fd = memfd_create("fuzz", MFD_CLOEXEC);
    assert(file->fd >= 0 && fchmod(file->fd, 0600) == 0);
    assert(in.len == 0 || write(file->fd, in.at, in.len) == (ssize_t)in.len);
    (void)snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

static void as_kek(const char *path, struct slice in)
{
    struct kek *kek = secret_alloc(sizeof(*kek));
    struct errbuf why = {""};

    assert(kek != NULL);
    fuzz_stain(kek, sizeof(*kek));
    if (kek_read(path, kek, &why) == ERR_OK) {
        assert(in.len == KEK_LEN && memcmp(kek->bytes, in.at, KEK_LEN) == 0);
        assert(!secret_is_weak(kek->bytes, KEK_LEN));
    } else {
        assert(why.text[0] != '\0' && fuzz_is_stained(kek, sizeof(*kek)));
    }
    secret_free(kek);
}

static void as_password(const char *path, struct slice in)
{
    struct secret_buf out = {0};
    struct errbuf why = {""};

    if (password_file_read(path, &out, &why) == ERR_OK) {
        assert(out.len > 0 && out.len <= PASSWORD_FILE_MAX && out.len <= in.len);
        assert(memcmp(out.at, in.at, out.len) == 0);
        assert(memchr(out.at, '\n', out.len) == NULL);
    } else {
        assert(why.text[0] != '\0' && out.len == 0);
    }
    secret_buf_fini(&out);
}

static void as_pem_file(const char *path, struct slice in)
{
    static const enum pem_file_kind kinds[] = {PEM_FILE_PUBLIC, PEM_FILE_PRIVATE_KEY};

    for (size_t i = 0; i < 2; i++) {
        struct pem_file out = {0};
        struct errbuf why = {""};
        if (pem_file_read(path, kinds[i], &out, &why) == ERR_OK) {
            assert(out.len == in.len && memcmp(out.at, in.at, in.len) == 0);
        } else {
            assert(why.text[0] != '\0' && out.at == NULL);
        }
        pem_file_fini(&out);
    }
}

static struct tls_pem pem_of(const char *path, const char *text)
{
    return (struct tls_pem){path, {(const uint8_t *)text, strlen(text)}};
}

static void as_context(uint8_t what, struct slice in)
{
    const struct tls_pem fuzzed = {"fuzzed.pem", in};
    struct tls_context_options options = {.role = (what & 8) != 0 ? TLS_CLIENT : TLS_SERVER,
                                          .certificate = pem_of("cert.pem", pem_sound_cert),
                                          .private_key = pem_of("key.pem", pem_sound_key),
                                          .ca = pem_of("ca.pem", pem_sound_ca),
                                          .min_version = TLS1_3_VERSION,
                                          .now_ms = PEM_SOUND_NOW};
    SSL_CTX *context = NULL;
    struct errbuf why = {""};

    ERR_clear_error();
    if (what % 8 == 3) {
        options.ca = fuzzed;
    } else if (what % 8 == 4) {
        options.ca = fuzzed;
        options.certificate = fuzzed;
        options.private_key = fuzzed;
    } else {
        options.crl = fuzzed;
    }
    if (tls_context_new(&options, &context, &why) == ERR_OK) {
        assert(in.len > 0 || what % 8 >= 5);
        assert(tls_context_not_after_ms(context) > PEM_SOUND_NOW);
        assert(tls_context_crl_until_ms(context) > PEM_SOUND_NOW);
        SSL_CTX_free(context);
    } else {
        assert(context == NULL && why.text[0] != '\0');
    }
    assert(ERR_peek_error() == 0); /* the thread's error queue is as before */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct file file;

    if (size == 0) {
        return 0;
    }
    const struct slice in = {data + 1, size - 1};
    const uint8_t what = data[0] % 8;
    if (what >= 3) {
        as_context(data[0] % 16, in);
        return 0;
    }
    file_open(&file, in);
    if (what == 0) {
        as_kek(file.path, in);
    } else if (what == 1) {
        as_password(file.path, in);
    } else {
        as_pem_file(file.path, in);
    }
    (void)close(file.fd);
    return 0;
}
