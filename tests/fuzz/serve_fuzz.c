/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the daemon's handlers, over gRPC and HTTP/2 but without a socket: a whole daemon on
 * simulated time, and a client that does what the bytes say. Byte 0 chooses who it is; then come
 * steps, a byte for the kind and what it takes:
 *
 *   0 METHOD TIMEOUT     opens a call (timeout in units of 100 ms; 0: none)
 *   1 CALL LEN16 BYTES   sends a message
 *   2 CALL LEN8 BYTES    sends a message with a realm's and a frontend's name put in front
 *   3 CALL               half-closes
 *   4 CALL               resets
 *   5 TIME16             lets so many milliseconds pass
 *   6 LEN16 BYTES        sends bytes that are no client's of ours
 *
 * What must hold whoever asks and whatever: key bytes go to a realm's readers only, nobody else's
 * acts are obeyed, what we say is well formed, and when all have gone nothing is held.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "serve/connection.h"
#include "serve/router.h"
#include "unit/serve/world.h"
#include "wire/codec.h"
#include "wire/methods.h"

#define CALLS_MAX 16
#define STEPS_MAX 64
#define PUMPS_MAX 1000

struct asker {
    struct world *world;
    struct peer peer;
    struct call_set *calls;
    struct h2_session *session;
    struct {
        int32_t stream; /* 0: over */
        const char *path;
    } at[CALLS_MAX];
    size_t count;
    bool is_foul; /* it has said something no client of ours says */
    bool is_over; /* the daemon has closed */
};

static const uint32_t askers[] = {UID_TOP, UID_WEB_READER, UID_MAIL_READER, UID_WEB_OPERATOR,
                                  UID_NOBODY};

static const char *path_of(const struct asker *asker, int32_t stream)
{
    for (size_t i = 0; i < asker->count; i++) {
        if (asker->at[i].stream == stream) {
            return asker->at[i].path;
        }
    }
    return "";
}

static void check_ring(const struct asker *asker, const struct keyring *ring)
{
    const bool is_web = strcmp(ring->realm, "web") == 0;

    assert(asker->peer.uid == (is_web ? (uint32_t)UID_WEB_READER : (uint32_t)UID_MAIL_READER));
    assert(is_web || strcmp(ring->realm, "mail") == 0);
}

static void check_watch(const struct asker *asker, struct slice message)
{
    struct wire_watch_response response = {.kind = WIRE_WATCH_HEARTBEAT};
    struct errbuf why = {""};

    assert(wire_decode_watch_response(message, &response, &why) == ERR_OK);
    if (response.kind == WIRE_WATCH_SNAPSHOT) {
        check_ring(asker, &response.as.snapshot.ring);
        wire_snapshot_fini(&response.as.snapshot);
    }
    assert(asker->peer.uid == UID_WEB_READER || asker->peer.uid == UID_MAIL_READER);
}

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct asker *asker = ctx;
    struct wire_snapshot snapshot = {.policy = {0}};
    struct errbuf why = {""};
    const char *path = path_of(asker, stream);

    if (strcmp(path, METHOD_GET_KEYRING) == 0) {
        assert(wire_decode_get_keyring_reply(message, &snapshot, &why) == ERR_OK);
        check_ring(asker, &snapshot.ring);
        wire_snapshot_fini(&snapshot);
    } else if (strcmp(path, METHOD_WATCH_KEYRING) == 0) {
        check_watch(asker, message);
    } else if (strstr(path, "Admin") != NULL) {
        assert(asker->peer.uid == UID_TOP || asker->peer.uid == UID_WEB_OPERATOR);
    }
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct asker *asker = ctx;

    assert(status <= GRPC_UNAUTHENTICATED && message != NULL);
    for (size_t i = 0; i < asker->count; i++) {
        if (asker->at[i].stream == stream) {
            asker->at[i].stream = 0;
        }
    }
}

static void on_output(void *ctx)
{
    (void)ctx;
}

/* What the daemon has to say; a client of ours understands it, unless it was foul. */
static size_t hear(struct asker *asker)
{
    struct slice down = {NULL, 0};
    struct errbuf why = {""};

    const enum err rc = call_set_drain(asker->calls, &down, &why);
    assert(rc == ERR_OK || why.text[0] != '\0');
    if (rc == ERR_OK && down.len > 0 && !asker->is_foul) {
        assert(h2_session_feed(asker->session, down, &why) == ERR_OK);
    }
    return down.len;
}

static void say(struct asker *asker, struct slice up)
{
    struct errbuf why = {""};

    if (asker->is_over) {
        return;
    }
    if (call_set_feed(asker->calls, up, &why) != ERR_OK) {
        assert(why.text[0] != '\0');
        asker->is_over = true; /* the connection says what is left and closes */
    }
}

static void pump(struct asker *asker)
{
    struct slice up = {NULL, 0};
    struct errbuf why = {""};
    size_t pumps = 0;
    size_t down = 0;

    do {
        assert(pumps++ < PUMPS_MAX);
        up = (struct slice){NULL, 0};
        if (!asker->is_foul) {
            assert(h2_session_drain(asker->session, &up, &why) == ERR_OK);
            if (up.len > 0) {
                say(asker, up);
                assert(!asker->is_over);
            }
        }
        down = hear(asker);
    } while (up.len > 0 || down > 0);
    asker->is_over = asker->is_over || !call_set_is_alive(asker->calls);
}

static void pass(struct asker *asker, int64_t ms)
{
    const int64_t until = fake_time_boot(asker->world->time) + ms;

    do {
        pump(asker);
    } while (fake_time_step(asker->world->time, until));
    pump(asker);
}

static void open_call(struct asker *asker, struct reader *r)
{
    const uint8_t method = reader_u8(r);
    const int64_t timeout_ms = (int64_t)reader_u8(r) * 100;
    const size_t methods = router_method_count();
    int32_t stream = 0;

    if (asker->count == CALLS_MAX || asker->is_foul) {
        return;
    }
    const char *path = method % (methods + 1) == methods
                           ? "/stek.v1.KeyService/Nothing"
                           : router_method_at(method % (methods + 1))->path;
    if (h2_session_call(asker->session, path, "localhost", timeout_ms, &stream) == ERR_OK) {
        asker->at[asker->count].stream = stream;
        asker->at[asker->count++].path = path;
    }
}

static int32_t read_stream(const struct asker *asker, struct reader *r)
{
    const uint8_t call = reader_u8(r);

    return asker->count == 0 ? 0 : asker->at[call % asker->count].stream;
}

static void send_message(struct asker *asker, struct reader *r, bool is_named)
{
    /* The first two fields of most requests: the realm and whose request it is. */
    static const uint8_t front[] = "\n\3web\22\4fe-1";
    struct secret_buf message = {0};

    const int32_t stream = read_stream(asker, r);
    const size_t want = is_named ? reader_u8(r) : reader_u16be(r);
    const size_t len = want < r->len ? want : r->len;
    const uint8_t *bytes = reader_take(r, len);
    if (is_named) {
        assert(secret_buf_append(&message, front, sizeof(front) - 1) == ERR_OK);
    }
    assert(len == 0 || secret_buf_append(&message, bytes, len) == ERR_OK);
    if (!asker->is_foul && stream != 0) {
        (void)!h2_session_send(asker->session, stream, (struct slice){message.at, message.len});
    }
    secret_buf_fini(&message);
}

static void send_foul(struct asker *asker, struct reader *r)
{
    const size_t want = reader_u16be(r);
    const size_t len = want < r->len ? want : r->len;

    pump(asker);
    asker->is_foul = true;
    say(asker, (struct slice){reader_take(r, len), len});
}

static void step(struct asker *asker, struct reader *r)
{
    switch (reader_u8(r) % 7) {
    case 0:
        open_call(asker, r);
        break;
    case 1:
        send_message(asker, r, false);
        break;
    case 2:
        send_message(asker, r, true);
        break;
    case 3:
        (void)!h2_session_half_close(asker->session, read_stream(asker, r));
        break;
    case 4:
        (void)!h2_session_cancel(asker->session, read_stream(asker, r));
        break;
    case 5:
        pass(asker, reader_u16be(r));
        break;
    default:
        send_foul(asker, r);
        break;
    }
    pump(asker);
}

static void begin(struct asker *asker, uint32_t uid)
{
    static const struct h2_events events = {.on_message = on_message, .on_closed = on_closed};
    const struct h2_limits limits = {0};

    *asker = (struct asker){.world = world_new(), .peer = {.uid = uid, .gid = uid, .pid = 4711}};
    world_start(asker->world);
    const struct call_set_options options = {.services = &asker->world->services,
                                             .peer = &asker->peer,
                                             .limits = connection_limits_default().h2,
                                             .on_output = on_output};
    assert(call_set_new(&options, &asker->calls) == ERR_OK);
    assert(h2_session_new(H2_CLIENT, &limits, &events, asker, &asker->session) == ERR_OK);
    pass(asker, WORLD_SETTLED_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct asker asker;
    struct reader r;

    if (size == 0) {
        return 0;
    }
    reader_init(&r, data + 1, size - 1);
    begin(&asker, askers[data[0] % (sizeof(askers) / sizeof(askers[0]))]);
    for (size_t i = 0; i < STEPS_MAX && r.len > 0 && !asker.is_over; i++) {
        step(&asker, &r);
    }
    const struct serve_stats *stats = &asker.world->stats;
    assert(stats->calls >= stats->calls_unknown);
    call_set_free(asker.calls);
    h2_session_free(asker.session);
    /* Closed calls have let go of everything: a hub that still had a watcher would not free. */
    world_free(asker.world);
    return 0;
}
