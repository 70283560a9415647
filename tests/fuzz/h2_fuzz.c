/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes into an HTTP/2 session, either role: it must refuse or go on, never crash, and what it
 * wants to send must end. The first byte chooses the role. */
#include <assert.h>
#include <stdint.h>

#include "fuzz.h"
#include "wire/h2_session.h"
#include "wire/methods.h"

#define DRAINS_MAX 1000

struct peer {
    struct h2_session *session;
};

static void on_request(void *ctx, int32_t stream, const struct h2_request *request)
{
    struct peer *peer = ctx;

    assert(request->path != NULL);
    (void)!h2_session_finish(peer->session, stream, GRPC_UNIMPLEMENTED, "fuzz");
}

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct peer *peer = ctx;

    (void)!h2_session_send(peer->session, stream, message);
}

static void on_half_closed(void *ctx, int32_t stream)
{
    (void)ctx;
    (void)stream;
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    (void)ctx;
    (void)stream;
    (void)status;
    assert(message != NULL);
}

static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void drain(struct h2_session *session)
{
    struct errbuf why = {""};
    struct slice out = {0};
    size_t times = 0;

    do {
        assert(times++ < DRAINS_MAX);
        if (h2_session_drain(session, &out, &why) != ERR_OK) {
            return;
        }
    } while (out.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h2_events events = {.on_request = on_request,
                                            .on_message = on_message,
                                            .on_half_closed = on_half_closed,
                                            .on_closed = on_closed};
    struct peer peer = {NULL};
    struct errbuf why = {""};
    int32_t stream = 0;

    if (size == 0) {
        return 0;
    }
    enum h2_role role = data[0] % 2 == 0 ? H2_SERVER : H2_CLIENT;
    struct h2_limits limits = {0};
    if (h2_session_new(role, &limits, &events, &peer, &peer.session) != ERR_OK) {
        return 0;
    }
    enum err rc = ERR_OK;
    if (role == H2_CLIENT) {
        (void)!h2_session_call(peer.session, METHOD_GET_KEYRING, "localhost", 1000, &stream);
    } else {
        /* A fuzzer would need long to find these 24 bytes by itself. */
        rc = h2_session_feed(peer.session, (struct slice){preface, sizeof(preface) - 1}, &why);
    }
    if (rc == ERR_OK) {
        rc = h2_session_feed(peer.session, (struct slice){data + 1, size - 1}, &why);
    }
    assert(rc == ERR_OK || why.text[0] != '\0');
    drain(peer.session);
    h2_session_free(peer.session);
    return 0;
}
