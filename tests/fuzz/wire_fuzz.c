/* SPDX-License-Identifier: Apache-2.0 */
/* Every message decoder on any bytes: no crash, no leak, and what it accepts it can say again. The
 * first byte chooses the decoder. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "keyring/check.h"
#include "wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reply(struct slice in)
{
    struct wire_snapshot snapshot = {0};
    struct secret_buf again = {0};
    struct errbuf why = {""};

    if (wire_decode_get_keyring_reply(in, &snapshot, &why) == ERR_OK) {
        assert(snapshot.ring.count <= CHECK_ENTRIES_MAX);
        assert(wire_encode_get_keyring_reply(&snapshot, &again) == ERR_OK);
        (void)!check_arrival(&snapshot.ring, INT64_C(1750000000000), &why);
        wire_snapshot_fini(&snapshot);
    } else {
        assert(why.text[0] != '\0');
    }
    secret_buf_fini(&again);
}

static void watch_response(struct slice in)
{
    struct wire_watch_response message = {0};
    struct errbuf why = {""};

    if (wire_decode_watch_response(in, &message, &why) == ERR_OK &&
        message.kind == WIRE_WATCH_SNAPSHOT) {
        wire_snapshot_fini(&message.as.snapshot);
    }
}

static void record(struct slice in)
{
    struct wire_record message = {0};
    struct errbuf why = {""};

    if (wire_decode_record(in, &message, &why) == ERR_OK) {
        wire_record_fini(&message);
    }
}

static void requests(struct slice in)
{
    struct wire_watch_request watch = {0};
    struct wire_get_keyring get = {0};
    struct wire_rotate rotate = {0};
    struct wire_revoke revoke = {0};
    struct wire_rekey rekey = {0};
    char realm[REALM_NAME_MAX + 1];
    char service[WIRE_LABEL_MAX + 1];
    struct errbuf why = {""};

    (void)!wire_decode_watch_request(in, &watch, &why);
    (void)!wire_decode_get_keyring(in, &get, &why);
    (void)!wire_decode_rotate(in, &rotate, &why);
    (void)!wire_decode_revoke(in, &revoke, &why);
    (void)!wire_decode_rekey(in, &rekey, &why);
    (void)!wire_decode_list_frontends(in, realm, &why);
    (void)!wire_decode_list_keys(in, realm, &why);
    (void)!wire_decode_health_check(in, service, &why);
    (void)!wire_decode_empty(in, &why);
}

static void answers(struct slice in)
{
    struct wire_status status = {0};
    struct wire_key_list list = {0};
    struct wire_rotated rotated = {0};
    struct wire_revoked revoked = {0};
    struct wire_rekeyed rekeyed = {0};
    struct wire_frontend_list frontends = {0};
    int health = 0;
    struct errbuf why = {""};

    if (wire_decode_status(in, &status, &why) == ERR_OK) {
        wire_status_fini(&status);
    }
    if (wire_decode_key_list(in, &list, &why) == ERR_OK) {
        wire_key_list_fini(&list);
    }
    if (wire_decode_revoked(in, &revoked, &why) == ERR_OK) {
        wire_revoked_fini(&revoked);
    }
    if (wire_decode_frontend_list(in, &frontends, &why) == ERR_OK) {
        wire_frontend_list_fini(&frontends);
    }
    (void)!wire_decode_rotated(in, &rotated, &why);
    (void)!wire_decode_rekeyed(in, &rekeyed, &why);
    (void)!wire_decode_health_status(in, &health, &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const decoders[])(struct slice) = {reply, watch_response, record, requests,
                                                     answers};
    if (size > 0) {
        decoders[data[0] % (sizeof(decoders) / sizeof(decoders[0]))](
            (struct slice){data + 1, size - 1});
    }
    return 0;
}
