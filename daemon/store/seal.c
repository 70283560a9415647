/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/kdf.h"
#include "base/text.h"

#define FORMAT         1
#define MAGIC_LEN      4
#define SALT_LEN       32
#define COMMITMENT_LEN 16
#define TAG_LEN        16
#define KEY_LEN        32
#define HEADER_LEN     (MAGIC_LEN + 1 + KEK_ID_LEN + 8 + SALT_LEN + COMMITMENT_LEN)
#define AAD_MAX        256

_Static_assert(HEADER_LEN + TAG_LEN == SEAL_OVERHEAD, "what seal.h says");

static const uint8_t magic[MAGIC_LEN] = {'S', 'T', 'K', 'S'};
static const char key_label[] = "stek seal v1";
static const uint8_t nonce[12]; /* constant: each key is used once */

/* In secret memory as a whole. */
struct keys {
    size_t count;
    struct kek keks[SEAL_KEKS_MAX];
    struct {
        uint8_t key[KEY_LEN];
        uint8_t commitment[COMMITMENT_LEN];
    } once; /* of the record at hand; wiped after it */
};

struct seal {
    struct sealing sealing;
    char deployment[SEAL_DEPLOYMENT_MAX + 1];
    const struct random_source *random;
    struct keys *keys; /* owned */
    struct seal_stats stats;
};

struct header {
    uint8_t format;
    const uint8_t *kek_id;
    uint64_t revision;
    const uint8_t *salt;
    const uint8_t *commitment;
};

/* Fills keys->once. */
static enum err derive(struct seal *seal, const struct kek *kek, const uint8_t salt[SALT_LEN])
{
    uint8_t *out = (uint8_t *)&seal->keys->once;

    return kdf_hkdf_sha256_salted((struct slice){kek->bytes, KEK_LEN},
                                  (struct slice){salt, SALT_LEN},
                                  (struct slice){(const uint8_t *)key_label, sizeof(key_label) - 1},
                                  out, sizeof(seal->keys->once));
}

static void write_text(struct writer *w, const char *text)
{
    writer_u16be(w, (uint16_t)strlen(text));
    writer_bytes(w, text, strlen(text));
}

static struct slice make_aad(const struct seal *seal, const struct sealing_place *place,
                             const struct header *header, uint8_t buffer[AAD_MAX])
{
    struct writer w;

    writer_init(&w, buffer, AAD_MAX);
    writer_bytes(&w, magic, MAGIC_LEN);
    writer_u8(&w, header->format);
    write_text(&w, seal->deployment);
    write_text(&w, place->realm);
    writer_bytes(&w, place->version.bytes, STORE_VERSION_LEN);
    writer_u64be(&w, header->revision);
    writer_bytes(&w, header->kek_id, KEK_ID_LEN);
    return (struct slice){buffer, w.failed ? 0 : w.len};
}

/* Encrypts or decrypts `from` to `to` under keys->once; `tag` is written or compared. */
static enum err run_gcm(const struct seal *seal, bool encrypts, struct slice aad, struct slice from,
                        uint8_t *to, uint8_t tag[TAG_LEN])
{
    enum err rc = ERR_CRYPTO;
    int len = 0;
    int last = 0;

    if (aad.len == 0 || from.len > INT_MAX) {
        return ERR_LIMIT;
    }
    (void)ERR_set_mark();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->keys->once.key, nonce,
                                         encrypts ? 1 : 0) != 1) {
        goto out;
    }
    if (!encrypts && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) != 1) {
        goto out;
    }
    if (EVP_CipherUpdate(ctx, NULL, &len, aad.at, (int)aad.len) != 1 ||
        EVP_CipherUpdate(ctx, to, &len, from.at, (int)from.len) != 1) {
        goto out;
    }
    if (EVP_CipherFinal_ex(ctx, to + len, &last) != 1) {
        rc = encrypts ? ERR_CRYPTO : ERR_INVALID;
        goto out;
    }
    if (encrypts && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) != 1) {
        goto out;
    }
    rc = ERR_OK;

out:
    EVP_CIPHER_CTX_free(ctx);
    (void)ERR_pop_to_mark();
    return rc;
}

static enum err seal_record(void *ctx, const struct sealing_place *place, uint64_t revision,
                            struct slice record, struct secret_buf *out)
{
    struct seal *seal = ctx;
    const struct kek *kek = &seal->keys->keks[0];
    uint8_t salt[SALT_LEN];
    uint8_t tag[TAG_LEN];
    uint8_t buffer[AAD_MAX];
    struct writer w;
    const struct header header = {.format = FORMAT, .kek_id = kek->id, .revision = revision};

    enum err rc = random_fill(seal->random, salt, sizeof(salt));
    if (rc != ERR_OK) {
        return rc;
    }
    rc = secret_buf_reserve(out, HEADER_LEN + record.len + TAG_LEN);
    if (rc != ERR_OK) {
        return rc;
    }
    rc = derive(seal, kek, salt);
    if (rc != ERR_OK) {
        goto out;
    }
    writer_init(&w, out->at + out->len, HEADER_LEN);
    writer_bytes(&w, magic, MAGIC_LEN);
    writer_u8(&w, FORMAT);
    writer_bytes(&w, kek->id, KEK_ID_LEN);
    writer_u64be(&w, revision);
    writer_bytes(&w, salt, SALT_LEN);
    writer_bytes(&w, seal->keys->once.commitment, COMMITMENT_LEN);
    rc = run_gcm(seal, true, make_aad(seal, place, &header, buffer), record,
                 out->at + out->len + HEADER_LEN, tag);
    if (rc == ERR_OK) {
        memcpy(out->at + out->len + HEADER_LEN + record.len, tag, TAG_LEN);
        out->len += HEADER_LEN + record.len + TAG_LEN;
        seal->stats.sealed++;
    }

out:
    secret_wipe(&seal->keys->once, sizeof(seal->keys->once));
    return rc;
}

/* The parts before the ciphertext; *r stands at it afterwards. */
static enum err read_header(struct reader *r, struct header *out, struct errbuf *why)
{
    const uint8_t *start = reader_take(r, MAGIC_LEN);

    if (r->failed || memcmp(start, magic, MAGIC_LEN) != 0) {
        errbuf_set(why, "it is no sealed record");
        return ERR_INVALID;
    }
    out->format = reader_u8(r);
    if (!r->failed && out->format != FORMAT) {
        errbuf_set(why, "it is sealed in format %u, which a later stekd knows",
                   (unsigned)out->format);
        return ERR_UNSUPPORTED;
    }
    out->kek_id = reader_take(r, KEK_ID_LEN);
    out->revision = reader_u64be(r);
    out->salt = reader_take(r, SALT_LEN);
    out->commitment = reader_take(r, COMMITMENT_LEN);
    if (r->failed || r->len < TAG_LEN) {
        errbuf_set(why, "it is cut short");
        return ERR_INVALID;
    }
    return ERR_OK;
}

static const struct kek *find_kek(const struct seal *seal, const uint8_t id[KEK_ID_LEN])
{
    for (size_t i = 0; i < seal->keys->count; i++) {
        if (memcmp(seal->keys->keks[i].id, id, KEK_ID_LEN) == 0) {
            return &seal->keys->keks[i];
        }
    }
    return NULL;
}

/* Derives, checks the commitment, decrypts. */
static enum err open_with(struct seal *seal, const struct kek *kek,
                          const struct sealing_place *place, const struct header *header,
                          struct slice rest, struct secret_buf *out)
{
    uint8_t buffer[AAD_MAX];
    uint8_t tag[TAG_LEN];
    const size_t len = rest.len - TAG_LEN;

    enum err rc = secret_buf_reserve(out, len + 1); /* a place to point to even when empty */
    if (rc != ERR_OK) {
        return rc;
    }
    rc = derive(seal, kek, header->salt);
    if (rc != ERR_OK) {
        goto out;
    }
    if (!secret_equal(seal->keys->once.commitment, header->commitment, COMMITMENT_LEN)) {
        rc = ERR_INVALID;
        goto out;
    }
    memcpy(tag, rest.at + len, TAG_LEN);
    rc = run_gcm(seal, false, make_aad(seal, place, header, buffer), (struct slice){rest.at, len},
                 out->at + out->len, tag);
    if (rc == ERR_OK) {
        out->len += len;
    } else {
        secret_wipe(out->at + out->len, len); /* decrypted, but not to be believed */
    }

out:
    secret_wipe(&seal->keys->once, sizeof(seal->keys->once));
    return rc;
}

static enum err open_record(void *ctx, const struct sealing_place *place, struct slice sealed,
                            struct secret_buf *out, uint64_t *out_revision, struct errbuf *why)
{
    struct seal *seal = ctx;
    struct header header = {0};
    struct reader r;
    char id[2 * KEK_ID_LEN + 1];

    reader_init(&r, sealed.at, sealed.len);
    enum err rc = read_header(&r, &header, why);
    if (rc != ERR_OK) {
        seal->stats.refused += rc == ERR_INVALID;
        seal->stats.unknown_kek += rc == ERR_UNSUPPORTED;
        return rc;
    }
    text_hex_encode(header.kek_id, KEK_ID_LEN, id);
    const struct kek *kek = find_kek(seal, header.kek_id);
    if (kek == NULL) {
        seal->stats.unknown_kek++;
        errbuf_set(why, "it is sealed under key-encryption key %s, which this daemon was not given",
                   id);
        return ERR_UNSUPPORTED;
    }
    rc = open_with(seal, kek, place, &header, (struct slice){r.at, r.len}, out);
    if (rc == ERR_INVALID) {
        seal->stats.refused++;
        errbuf_set(why,
                   "it does not open under its key-encryption key %s: damaged, forged, or of "
                   "another deployment or realm",
                   id);
    } else if (rc != ERR_OK) {
        errbuf_set(why, "%s", err_text(rc));
    } else {
        seal->stats.opened++;
        *out_revision = header.revision;
    }
    return rc;
}

_Static_assert(KEK_ID_LEN == SEALING_KEY_ID_LEN, "one id of a key-encryption key");

static bool sealed_by(void *ctx, struct slice sealed, uint8_t out_id[SEALING_KEY_ID_LEN])
{
    struct header header = {0};
    struct reader r;

    (void)ctx;
    reader_init(&r, sealed.at, sealed.len);
    if (read_header(&r, &header, NULL) != ERR_OK) {
        return false;
    }
    memcpy(out_id, header.kek_id, KEK_ID_LEN);
    return true;
}

static void seals_by(void *ctx, uint8_t out_id[SEALING_KEY_ID_LEN])
{
    const struct seal *seal = ctx;

    memcpy(out_id, seal->keys->keks[0].id, KEK_ID_LEN);
}

static enum err read_keks(struct seal *seal, const struct seal_options *options, struct errbuf *why)
{
    struct keys *keys = seal->keys;

    for (size_t i = 0; i < options->kek_count; i++) {
        enum err rc = kek_read(options->keks[i], &keys->keks[i], why);
        if (rc != ERR_OK) {
            return rc;
        }
        const struct kek *same = find_kek(seal, keys->keks[i].id);
        if (same != NULL) {
            errbuf_set(why, "%s: is the same key as %s: list it once", options->keks[i],
                       options->keks[same - keys->keks]);
            return ERR_INVALID;
        }
        keys->count++;
    }
    return ERR_OK;
}

enum err seal_new(const struct seal_options *options, struct seal **out_seal, struct errbuf *why)
{
    struct seal *seal = NULL;

    if (options->kek_count == 0 || options->kek_count > SEAL_KEKS_MAX) {
        errbuf_set(why, "1 to %d key-encryption keys are needed, not %zu", SEAL_KEKS_MAX,
                   options->kek_count);
        return ERR_LIMIT;
    }
    errbuf_set(why, "out of memory, or of memory that may be locked (RLIMIT_MEMLOCK)");
    seal = calloc(1, sizeof(*seal));
    if (seal == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = text_copy(seal->deployment, sizeof(seal->deployment), options->deployment);
    if (rc == ERR_OK) {
        seal->keys = secret_alloc(sizeof(*seal->keys));
        rc = seal->keys == NULL ? ERR_NOMEM : read_keks(seal, options, why);
    }
    if (rc != ERR_OK) {
        seal_free(seal);
        return rc;
    }
    seal->random = options->random;
    seal->sealing = (struct sealing){.seal = seal_record,
                                     .open = open_record,
                                     .sealed_by = sealed_by,
                                     .seals_by = seals_by,
                                     .ctx = seal};
    *out_seal = seal; /* moves to the caller */
    return ERR_OK;
}

void seal_swap_keys(struct seal *seal, struct seal *other)
{
    struct keys *keys = seal->keys;

    seal->keys = other->keys;
    other->keys = keys;
}

void seal_free(struct seal *seal)
{
    if (seal != NULL) {
        secret_free(seal->keys);
        free(seal);
    }
}

const struct sealing *seal_sealing(struct seal *seal)
{
    return &seal->sealing;
}

const struct seal_stats *seal_get_stats(const struct seal *seal)
{
    return &seal->stats;
}

const uint8_t *seal_kek_id(const struct seal *seal)
{
    return seal->keys->keks[0].id;
}
