/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_name.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/bytes.h"

static enum openssl_name_answer digest(struct slice name, const EVP_MD *sha256,
                                       uint8_t out[OPENSSL_NAME_LEN])
{
    uint8_t hash[EVP_MAX_MD_SIZE];

    if (EVP_Digest(name.at, name.len, hash, NULL, sha256, NULL) != 1) {
        return OPENSSL_NAME_FAILED;
    }
    memcpy(out, hash, OPENSSL_NAME_LEN);
    return OPENSSL_NAME_READ;
}

/* RFC 6066 section 3, as strict as libssl, which comes to read it later: a list of one entry, of
 * type host_name. */
static bool parse(const unsigned char *bytes, size_t len, struct slice *out_name)
{
    struct reader reader;

    reader_init(&reader, bytes, len);
    bool is_whole = reader_u16be(&reader) == reader.len;
    bool is_host = reader_u8(&reader) == TLSEXT_NAMETYPE_host_name;
    size_t name_len = reader_u16be(&reader);
    const uint8_t *name = reader_take(&reader, name_len);
    if (reader.failed || reader.len != 0 || !is_whole || !is_host) {
        return false;
    }
    *out_name = (struct slice){name, name_len};
    return true;
}

bool openssl_name_read(SSL *ssl, struct slice *out_name)
{
    const unsigned char *bytes = NULL;
    size_t len = 0;

    /* 0: there is no hello to look at. That must not pass for a hello without a name. */
    if (SSL_client_hello_get0_legacy_version(ssl) == 0) {
        return false;
    }
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &len) != 1) {
        *out_name = (struct slice){(const uint8_t *)"", 0};
        return true;
    }
    return parse(bytes, len, out_name);
}

enum openssl_name_answer openssl_name_of_hello(SSL *ssl, const EVP_MD *sha256,
                                               uint8_t out[OPENSSL_NAME_LEN])
{
    struct slice name = {0};

    return openssl_name_read(ssl, &name) ? digest(name, sha256, out) : OPENSSL_NAME_UNREADABLE;
}

enum openssl_name_answer openssl_name_of_handshake(const SSL *ssl, const EVP_MD *sha256,
                                                   uint8_t out[OPENSSL_NAME_LEN])
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    name = name != NULL ? name : "";
    return digest((struct slice){(const uint8_t *)name, strlen(name)}, sha256, out);
}
