/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vault.h"

#include <string.h>

#include "wire/codec.h"

_Static_assert(STORE_VERSION_LEN == WIRE_VERSION_LEN, "one version, in the record and beside it");

/* The record must be the one its place in the store says it is. */
static enum err check_place(const struct wire_record *record, const struct store_result *result,
                            const char *realm, struct errbuf *why)
{
    if (strcmp(record->ring.realm, realm) != 0) {
        errbuf_set(why, "it belongs to realm '%s'", record->ring.realm);
        return ERR_INVALID;
    }
    if (memcmp(record->version, result->version.bytes, STORE_VERSION_LEN) != 0) {
        errbuf_set(why, "its version is not the one the store has it under");
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Fills `record` from what the store holds, or says why it cannot. */
static enum err open_record(const struct vault_load *load, const struct store_result *result,
                            struct wire_record *record, struct errbuf *why)
{
    struct secret_buf opened = {0};
    struct slice bytes = result->record;
    uint64_t revision = 0;
    enum err rc = ERR_OK;

    if (load->sealing != NULL) {
        struct sealing_place place = {.realm = load->op.realm, .version = result->version};
        rc = load->sealing->open(load->sealing->ctx, &place, bytes, &opened, &revision, why);
        bytes = (struct slice){opened.at, opened.len};
    }
    if (rc == ERR_OK) {
        rc = wire_decode_record(bytes, record, why);
    }
    if (rc == ERR_OK) {
        rc = check_place(record, result, load->op.realm, why);
    }
    if (rc == ERR_OK && load->sealing != NULL && revision != record->revision) {
        errbuf_set(why, "its revision is not the one it was sealed with");
        rc = ERR_INVALID;
    }
    secret_buf_fini(&opened);
    return rc;
}

static bool is_known_version(const struct vault_load *load, const struct store_result *result)
{
    return load->has_known &&
           memcmp(load->known.bytes, result->version.bytes, STORE_VERSION_LEN) == 0;
}

/* Fills in what is said of a record that is there. */
static void look_at(struct vault_load *load, const struct store_result *result,
                    struct vault_loaded *loaded, struct wire_record *record, struct errbuf *why)
{
    uint8_t digest[KDF_SHA256_LEN] = {0};
    bool has_digest = kdf_sha256(result->record, digest) == ERR_OK;

    loaded->is_known = is_known_version(load, result) && has_digest && load->has_opened &&
                       memcmp(load->opened, digest, sizeof(digest)) == 0;
    if (loaded->is_known) {
        return;
    }
    if (load->sealing != NULL) {
        (void)load->sealing->sealed_by(load->sealing->ctx, result->record, loaded->sealed_by);
    }
    loaded->unreadable = open_record(load, result, record, why);
    loaded->is_known = loaded->unreadable == ERR_OK && is_known_version(load, result);
    load->has_opened = has_digest && loaded->unreadable == ERR_OK;
    memcpy(load->opened, digest, sizeof(digest));
}

static void on_loaded(void *ctx, const struct store_result *result)
{
    struct vault_load *load = ctx;
    struct wire_record record = {0};
    struct errbuf why = {""};
    struct errbuf place = {""};
    struct vault_loaded loaded = {
        .code = result->code,
        .why = result->why,
        .store_time_ms = result->store_time_ms,
        .present = result->present,
        .version = result->version,
    };

    if (result->code == ERR_OK && result->present) {
        look_at(load, result, &loaded, &record, &why);
    }
    if (result->code == ERR_OK && result->present && !loaded.is_known) {
        store_place(load->store, load->op.realm, &place);
        if (loaded.unreadable != ERR_OK && place.text[0] != '\0') {
            errbuf_prefix(&why, "%.150s", place.text);
        }
        loaded.why = why.text;
        loaded.record = loaded.unreadable == ERR_OK ? &record : NULL;
    }
    load->done(load->ctx, &loaded);
    wire_record_fini(&record);
}

void vault_load(struct store *store, struct vault_load *load, const char *realm,
                const struct store_version *known)
{
    load->has_known = known != NULL;
    if (known != NULL) {
        load->known = *known;
    }
    load->store = store;
    load->op.done = on_loaded;
    load->op.ctx = load;
    store_load(store, &load->op, realm);
}

void vault_load_cancel(struct store *store, struct vault_load *load)
{
    store_cancel(store, &load->op);
}

static int64_t last_forgotten(const struct keyring *ring)
{
    int64_t last = 0;

    for (size_t i = 0; i < ring->count; i++) {
        last = ring->keys[i].forgotten_from > last ? ring->keys[i].forgotten_from : last;
    }
    return last;
}

static enum err seal_record(const struct vault_putting *putting,
                            const struct store_version *version, struct slice record,
                            struct secret_buf *out)
{
    const struct sealing_place place = {.realm = putting->ring->realm, .version = *version};

    return putting->sealing->seal(putting->sealing->ctx, &place, putting->revision, record, out);
}

enum err vault_put(struct store *store, struct store_op *op, const struct vault_putting *putting,
                   const struct random_source *random, struct store_version *out_version)
{
    struct wire_record record = {.revision = putting->revision};
    struct secret_buf bytes = {0};
    struct secret_buf sealed = {0};
    struct store_put_request request = {.realm = putting->ring->realm,
                                        .expected = putting->expected,
                                        .not_after_ms = putting->not_after_ms};

    enum err rc = random_fill(random, record.version, sizeof(record.version));
    if (rc != ERR_OK) {
        goto out;
    }
    rc = policy_hash(putting->policy, record.policy_hash);
    if (rc != ERR_OK) {
        goto out;
    }
    rc = text_copy(record.writer, sizeof(record.writer), putting->writer);
    if (rc != ERR_OK) {
        rc = ERR_INVALID;
        goto out;
    }
    record.ring = *putting->ring; /* borrowed for the encoding only */
    rc = wire_encode_record(&record, &bytes);
    if (rc != ERR_OK) {
        goto out;
    }
    memcpy(request.next.bytes, record.version, STORE_VERSION_LEN);
    request.record = (struct slice){bytes.at, bytes.len};
    if (putting->sealing != NULL) {
        rc = seal_record(putting, &request.next, request.record, &sealed);
        if (rc != ERR_OK) {
            goto out;
        }
        request.record = (struct slice){sealed.at, sealed.len};
    }
    request.expires_at_ms = last_forgotten(putting->ring);
    *out_version = request.next;
    store_put(store, op, &request);

out:
    secret_buf_fini(&sealed);
    secret_buf_fini(&bytes);
    return rc;
}
