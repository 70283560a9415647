/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message decoder on any bytes; the first byte chooses which. What is accepted can be said
 * again and means the same then; what is refused has a sentence and leaves the output untouched.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "keyring/check.h"
#include "wire/codec.h"

struct codec {
    size_t size; /* of the message as a struct */
    enum err (*decode)(struct slice in, void *out, struct errbuf *why);
    enum err (*encode)(const void *in, struct secret_buf *out);
    void (*fini)(void *message);
};

#define WRAP(name)                                                                                 \
    static enum err name##_decode(struct slice in, void *out, struct errbuf *why)                  \
    {                                                                                              \
        return wire_decode_##name(in, out, why);                                                   \
    }                                                                                              \
    static enum err name##_encode(const void *in, struct secret_buf *out)                          \
    {                                                                                              \
        return wire_encode_##name(in, out);                                                        \
    }
#define ROW(name, type)                                                                            \
    {                                                                                              \
        sizeof(type), name##_decode, name##_encode, fini_nothing                                   \
    }
#define ROW_TEXT(name, max)                                                                        \
    {                                                                                              \
        (max) + 1, name##_decode, name##_encode, fini_nothing                                      \
    }
#define ROW_OWNING(name, type, fini)                                                               \
    {                                                                                              \
        sizeof(type), name##_decode, name##_encode, fini                                           \
    }

WRAP(get_keyring)
WRAP(get_keyring_reply)
WRAP(watch_request)
WRAP(watch_response)
WRAP(record)
WRAP(status)
WRAP(realms)
WRAP(list_keys)
WRAP(key_list)
WRAP(rotate)
WRAP(rotated)
WRAP(revoke)
WRAP(revoked)
WRAP(list_frontends)
WRAP(frontend_list)
WRAP(rekey)
WRAP(rekeyed)
WRAP(health_check)

static enum err health_status_decode(struct slice in, void *out, struct errbuf *why)
{
    return wire_decode_health_status(in, out, why);
}

static enum err health_status_encode(const void *in, struct secret_buf *out)
{
    return wire_encode_health_status(*(const int *)in, out);
}

static void fini_nothing(void *message)
{
    (void)message;
}

static void fini_snapshot(void *message)
{
    struct wire_snapshot *snapshot = message;
    struct errbuf why = {""};

    assert(snapshot->ring.count <= CHECK_ENTRIES_MAX);
    assert(check_arrival(&snapshot->ring, FUZZ_NOW, &why) == ERR_OK || why.text[0] != '\0');
    wire_snapshot_fini(snapshot);
}

static void fini_watch_response(void *message)
{
    struct wire_watch_response *response = message;

    if (response->kind == WIRE_WATCH_SNAPSHOT) {
        fini_snapshot(&response->as.snapshot);
    }
}

static void fini_record(void *message)
{
    wire_record_fini(message);
}

static void fini_status(void *message)
{
    wire_status_fini(message);
}

static void fini_key_list(void *message)
{
    wire_key_list_fini(message);
}

static void fini_revoked(void *message)
{
    wire_revoked_fini(message);
}

static void fini_frontend_list(void *message)
{
    const struct wire_frontend_list *list = message;

    for (size_t i = 0; i < list->count; i++) {
        struct secret_buf bytes = {0};
        const struct wire_frontend_list one = {.frontends = &list->frontends[i], .count = 1};
        assert(wire_encode_frontend_list(&one, &bytes) == ERR_OK);
        assert(bytes.len <= wire_frontend_size_max(&list->frontends[i]));
        secret_buf_fini(&bytes);
    }
    wire_frontend_list_fini(message);
}

static const struct codec codecs[] = {
    ROW_OWNING(get_keyring_reply, struct wire_snapshot, fini_snapshot),
    ROW_OWNING(watch_response, struct wire_watch_response, fini_watch_response),
    ROW_OWNING(record, struct wire_record, fini_record),
    ROW(get_keyring, struct wire_get_keyring),
    ROW(watch_request, struct wire_watch_request),
    ROW_OWNING(status, struct wire_status, fini_status),
    ROW_OWNING(realms, struct wire_status, fini_status),
    ROW_TEXT(list_keys, REALM_NAME_MAX),
    ROW_OWNING(key_list, struct wire_key_list, fini_key_list),
    ROW(rotate, struct wire_rotate),
    ROW(rotated, struct wire_rotated),
    ROW(revoke, struct wire_revoke),
    ROW_OWNING(revoked, struct wire_revoked, fini_revoked),
    ROW_TEXT(list_frontends, REALM_NAME_MAX),
    ROW_OWNING(frontend_list, struct wire_frontend_list, fini_frontend_list),
    ROW(rekey, struct wire_rekey),
    ROW(rekeyed, struct wire_rekeyed),
    ROW_TEXT(health_check, WIRE_LABEL_MAX),
    ROW(health_status, int),
};

#define CODECS (sizeof(codecs) / sizeof(codecs[0]))

/* False: refused. */
static bool translate(const struct codec *codec, struct slice in, struct secret_buf *out)
{
    struct errbuf why = {""};
    void *message = malloc(codec->size);

    assert(message != NULL);
    fuzz_stain(message, codec->size);
    const enum err rc = codec->decode(in, message, &why);
    if (rc == ERR_OK) {
        assert(codec->encode(message, out) == ERR_OK);
        codec->fini(message);
    } else {
        assert(why.text[0] != '\0');
        assert(fuzz_is_stained(message, codec->size));
    }
    free(message);
    return rc == ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct secret_buf once = {0};
    struct secret_buf twice = {0};
    struct errbuf why = {""};

    if (size == 0) {
        return 0;
    }
    const struct codec *codec = &codecs[data[0] % CODECS];
    const struct slice in = {data + 1, size - 1};
    if (translate(codec, in, &once)) {
        assert(translate(codec, (struct slice){once.at, once.len}, &twice));
        assert(once.len == twice.len);
        assert(once.len == 0 || memcmp(once.at, twice.at, once.len) == 0);
        assert(wire_decode_empty(in, &why) == ERR_OK);
    }
    secret_buf_fini(&once);
    secret_buf_fini(&twice);
    return 0;
}
