/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store may give back. The first byte chooses:
 *
 *   0  sealed bytes as they are, opened in one place
 *   1  a record of ours, sealed and then changed where the bytes say: it opens only unchanged and
 *      in its own place
 *   2  an open record: what decodes is a ring that can be judged
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "keyring/check.h"
#include "store/seal.h"
#include "support/fake_time.h"
#include "wire/codec.h"

#define CHANGES_MAX 4

struct bench {
    int fd;
    struct fake_random random;
    struct seal *seal;
    const struct sealing *sealing;
};

static const struct sealing_place here = {.realm = "web", .version = {{1, 2, 3}}};

/* A key file without a place in the file system, so that many may run side by side. */
static void bench_init(struct bench *bench)
{
    char path[32];
    uint8_t bytes[KEK_LEN];
    struct errbuf why = {""};

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(0x80 + i * 11);
    }
    bench->fd = memfd_create("kek", MFD_CLOEXEC);
    assert(bench->fd >= 0 && fchmod(bench->fd, 0600) == 0);
    assert(write(bench->fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes));
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", bench->fd);
    const char *const keks[] = {path};
    fake_random_init(&bench->random, 1);
    const struct seal_options options = {
        .deployment = "fuzz", .keks = keks, .kek_count = 1, .random = &bench->random.source};
    assert(seal_new(&options, &bench->seal, &why) == ERR_OK);
    bench->sealing = seal_sealing(bench->seal);
}

static void bench_fini(struct bench *bench)
{
    seal_free(bench->seal);
    (void)close(bench->fd);
}

/* True: it opened; refused: with a sentence and nothing given out. */
static bool opens(const struct bench *bench, const struct sealing_place *place, struct slice sealed,
                  struct secret_buf *out, uint64_t *revision)
{
    struct errbuf why = {""};
    uint8_t id[SEALING_KEY_ID_LEN];
    const struct sealing *sealing = bench->sealing;

    const enum err rc = sealing->open(sealing->ctx, place, sealed, out, revision, &why);
    if (rc == ERR_OK) {
        assert(sealing->sealed_by(sealing->ctx, sealed, id));
        assert(out->len + SEAL_OVERHEAD == sealed.len);
        return true;
    }
    assert(rc == ERR_INVALID || rc == ERR_UNSUPPORTED);
    assert(why.text[0] != '\0' && out->len == 0 && *revision == 0);
    return false;
}

static void try_sealed(const struct bench *bench, struct slice in)
{
    struct secret_buf out = {0};
    uint64_t revision = 0;

    /* Nobody can guess what AES-GCM and a commitment of 16 bytes hold together: a corpus that did
     * would have been made with this key. */
    if (opens(bench, &here, in, &out, &revision)) {
        assert(out.len > 0);
    }
    secret_buf_fini(&out);
}

/* Bytes: revision 8, then changes of {where 2, with what 1}, then "|" and the record. */
static void try_changed(struct bench *bench, struct slice in)
{
    struct reader r;
    struct secret_buf sealed = {0};
    struct secret_buf out = {0};
    struct sealing_place place = here;
    uint64_t revision = 0;
    uint16_t where[CHANGES_MAX];
    uint8_t what[CHANGES_MAX];
    bool is_changed = false;

    reader_init(&r, in.at, in.len);
    const uint64_t true_revision = reader_u64be(&r);
    const uint8_t elsewhere = reader_u8(&r);
    for (size_t i = 0; i < CHANGES_MAX; i++) {
        where[i] = reader_u16be(&r);
        what[i] = reader_u8(&r);
    }
    if (r.failed) {
        return;
    }
    const struct slice record = {r.at, r.len};
    assert(bench->sealing->seal(bench->sealing->ctx, &here, true_revision, record, &sealed) ==
           ERR_OK);
    assert(sealed.len == record.len + SEAL_OVERHEAD);
    uint8_t *original = malloc(sealed.len);
    assert(original != NULL);
    memcpy(original, sealed.at, sealed.len);
    for (size_t i = 0; i < CHANGES_MAX; i++) {
        sealed.at[where[i] % sealed.len] ^= what[i];
    }
    is_changed = memcmp(original, sealed.at, sealed.len) != 0;
    place.version.bytes[STORE_VERSION_LEN - 1] = elsewhere;
    const bool is_open =
        opens(bench, &place, (struct slice){sealed.at, sealed.len}, &out, &revision);
    assert(is_open == (!is_changed && elsewhere == 0));
    if (is_open) {
        assert(revision == true_revision && out.len == record.len);
        assert(record.len == 0 || memcmp(out.at, record.at, record.len) == 0);
    }
    free(original);
    secret_buf_fini(&sealed);
    secret_buf_fini(&out);
}

static void try_open(struct slice in)
{
    struct wire_record record;
    struct secret_buf again = {0};
    struct errbuf why = {""};

    fuzz_stain(&record, sizeof(record));
    const enum err rc = wire_decode_record(in, &record, &why);
    if (rc != ERR_OK) {
        assert(why.text[0] != '\0' && fuzz_is_stained(&record, sizeof(record)));
        return;
    }
    assert(check_arrival(&record.ring, FUZZ_NOW, &why) == ERR_OK || why.text[0] != '\0');
    assert(wire_encode_record(&record, &again) == ERR_OK);
    assert(keyring_drop(&record.ring, FUZZ_NOW) <= record.ring.count);
    secret_buf_fini(&again);
    wire_record_fini(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bench bench;

    if (size == 0) {
        return 0;
    }
    const struct slice in = {data + 1, size - 1};
    if (data[0] % 3 == 2) {
        try_open(in);
        return 0;
    }
    bench_init(&bench);
    if (data[0] % 3 == 0) {
        try_sealed(&bench, in);
    } else {
        try_changed(&bench, in);
    }
    bench_fini(&bench);
    return 0;
}
