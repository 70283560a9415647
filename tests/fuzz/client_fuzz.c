/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile daemon, as libstek's pilot meets it on a real socket, time being set. The bytes are
 * steps of that daemon, a byte for the kind and what it takes:
 *
 *   0 LEN16 BYTES   a message on the watch, whatever it is
 *   1 KEYS          a well-formed snapshot of keys read from the bytes, digest right
 *   2 FLAGS TIME8   a heartbeat (bit 0: wrong digest, bit 1: suspect)
 *   3 STATUS        ends the stream with that status
 *   4 LEN16 BYTES   bytes that are no server's of ours
 *   5 TIME16        lets so many milliseconds pass
 *   6               GOAWAY
 *   7               hangs up
 *
 * What must hold: no key is used outside its window or published unsound, what was revoked never
 * comes back, time never runs back by a small step, and the pilot always has something to do later.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuzz.h"
#include "keyring/check.h"
#include "src/link.h"
#include "src/pilot.h"
#include "unit/keyring/fixture.h"
#include "wire/codec.h"

#define BOOT      INT64_C(100000)
#define STEPS_MAX 64
#define TURNS_MAX 16
#define SEEDS     8 /* keys there are */

struct bench {
    int64_t boot;
    struct clock clock;
    struct policy policy;
    struct ringmap *map;
    struct pilot *pilot;
    size_t context;
    int fd; /* the daemon's end; -1: nobody is connected */
    struct h2_session *h2;
    int32_t watch; /* stream; 0: none */
    uint8_t digest[DIGEST_LEN];
    struct keyring published; /* as it was at the last look */
};

/* The socket that the pilot's next connection gets is the other end of one. */
static struct bench *at_hand;

enum err __wrap_dial_begin(struct link *link, int64_t now_ms, struct errbuf *why);

static int64_t read_boot(void *ctx)
{
    return ((struct bench *)ctx)->boot;
}

static int64_t read_wall(void *ctx)
{
    return FUZZ_NOW + ((struct bench *)ctx)->boot - BOOT;
}

/* ---- the daemon's end ---- */

static void on_request(void *ctx, int32_t stream, const struct h2_request *request)
{
    struct bench *bench = ctx;

    assert(strcmp(request->path, "/stek.v1.KeyService/WatchKeyring") == 0);
    bench->watch = stream;
}

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct wire_watch_request request;
    struct errbuf why = {""};

    (void)ctx;
    (void)stream;
    assert(wire_decode_watch_request(message, &request, &why) == ERR_OK);
    assert(request.kind == WIRE_WATCH_ACK || strcmp(request.as.open.realm, "web") == 0);
}

static void on_half_closed(void *ctx, int32_t stream)
{
    (void)ctx;
    (void)stream;
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct bench *bench = ctx;

    (void)status;
    (void)message;
    if (bench->watch == stream) {
        bench->watch = 0;
    }
}

static void hang_up(struct bench *bench)
{
    if (bench->fd >= 0) {
        (void)close(bench->fd);
        h2_session_free(bench->h2);
    }
    bench->fd = -1;
    bench->h2 = NULL;
    bench->watch = 0;
}

enum err __wrap_dial_begin(struct link *link, int64_t now_ms, struct errbuf *why)
{
    static const struct h2_events events = {.on_request = on_request,
                                            .on_message = on_message,
                                            .on_half_closed = on_half_closed,
                                            .on_closed = on_closed};
    const struct h2_limits limits = {0};
    struct bench *bench = at_hand;
    int ends[2];

    (void)now_ms;
    (void)why;
    hang_up(bench);
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    assert(h2_session_new(H2_SERVER, &limits, &events, bench, &bench->h2) == ERR_OK);
    bench->fd = ends[0];
    link->fd = ends[1];
    link->state = LINK_OPEN;
    return ERR_OK;
}

/* Carries what there is between the pilot and the daemon's session. */
static bool carry(struct bench *bench)
{
    uint8_t bytes[16384];
    struct slice out = {NULL, 0};
    struct errbuf why = {""};

    if (bench->fd < 0) {
        return false;
    }
    const ssize_t len = recv(bench->fd, bytes, sizeof(bytes), 0);
    if (len == 0 || (len < 0 && errno != EAGAIN)) {
        hang_up(bench);
        return true;
    }
    if (len > 0 && h2_session_feed(bench->h2, (struct slice){bytes, (size_t)len}, &why) != ERR_OK) {
        hang_up(bench); /* it had heard something else than this session has said */
        return true;
    }
    if (h2_session_drain(bench->h2, &out, &why) != ERR_OK || out.len == 0) {
        return len > 0;
    }
    (void)!send(bench->fd, out.at, out.len, MSG_NOSIGNAL);
    return true;
}

/* ---- what must hold ---- */

static void check_use(const struct bench *bench, const struct ringmap_key *key, int64_t now)
{
    const struct key *held = keyring_find(&bench->published, key->name);

    assert(now < key->dropped_from);
    assert(key->active_from < key->retired_from && key->retired_from < key->dropped_from);
    assert(held != NULL && held->has_bytes && !held->revoked);
}

/* Whatever a daemon says, the ring only grows in the merge order (I6): no date moves later, no
 * revocation is taken back, no bytes return, until an entry's time is over. */
static void check_ring(struct bench *bench, int64_t now)
{
    struct keyring ring = fixture_ring();
    bool scheduled[RINGMAP_ENTRIES_MAX];
    struct policy policy;
    uint8_t digest[DIGEST_LEN];
    int64_t as_of = 0;
    struct errbuf why = {""};

    if (ringmap_export(bench->map, 0, &ring, scheduled, &policy, digest, &as_of) == ERR_OK) {
        assert(as_of <= now);
        for (size_t i = 0; i < ring.count; i++) {
            assert(check_key(&ring.keys[i], "web", &why) == ERR_OK);
            assert(key_dates_are_sound(&ring.keys[i]));
        }
        (void)keyring_drop(&bench->published, now);
        (void)keyring_forget(&bench->published, now);
        assert(keyring_covers(&ring, &bench->published));
        keyring_swap(&ring, &bench->published);
    }
    keyring_fini(&ring);
}

static void check(struct bench *bench)
{
    static struct ringmap_key keys[RINGMAP_LIVE_MAX];
    struct ringmap_reading reading = {0};
    struct ringmap_key key = {0};
    enum ringmap_answer answer = RINGMAP_FOUND;

    const int64_t now = ringmap_now(bench->map, bench->boot);
    check_ring(bench, now);
    if (ringmap_encrypting(bench->map, bench->context, bench->boot, &key, &reading) ==
        RINGMAP_FOUND) {
        assert(now != 0 && key.active_from <= now && now < key.retired_from);
        check_use(bench, &key, now);
    }
    const size_t count =
        ringmap_read_all(bench->map, bench->context, bench->boot, keys, RINGMAP_LIVE_MAX, &answer);
    assert(count <= RINGMAP_LIVE_MAX && answer != RINGMAP_BUSY);
    for (size_t i = 0; i < count; i++) {
        check_use(bench, &keys[i], now);
    }
    const int timeout_ms = pilot_timeout_ms(bench->pilot);
    assert(timeout_ms >= 0 && timeout_ms <= 60000);
}

static void turn(struct bench *bench)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        struct pollfd ready = {.fd = pilot_fd(bench->pilot), .events = POLLIN};
        const bool is_ready = ready.fd >= 0 && poll(&ready, 1, 0) > 0;
        pilot_step(bench->pilot, is_ready);
        check(bench);
        if (!carry(bench) && !is_ready) {
            return;
        }
    }
}

/* ---- the steps ---- */

static void send_message(struct bench *bench, const struct secret_buf *message)
{
    if (bench->watch != 0) {
        (void)!h2_session_send(bench->h2, bench->watch, (struct slice){message->at, message->len});
    }
}

/* Mostly near now and in order; what is not is refused, which is the point too. */
static int64_t read_date(struct reader *r, int64_t from)
{
    const uint8_t byte = reader_u8(r);

    return byte == 0xFF   ? INT64_MAX
           : byte == 0xFE ? INT64_MIN
                          : clock_add_ms(from, (int64_t)byte * 60000);
}

static void read_key(struct reader *r, int64_t now, struct bench *bench, struct keyring *ring)
{
    const uint8_t which = reader_u8(r);
    const size_t seed = which % SEEDS;

    const int64_t published_at = now - 7200000 + (int64_t)reader_u8(r) * 60000;
    struct key key = fixture_key(seed + 1, &bench->policy, published_at, published_at);
    if ((which & 0x08) != 0) {
        key.active_from = read_date(r, published_at);
        key.retired_from = read_date(r, key.active_from);
        key.dropped_from = read_date(r, key.retired_from);
        key.forgotten_from = read_date(r, key.dropped_from);
    }
    key.revoked = (which & 0x10) != 0;
    if (key.revoked || (which & 0x20) != 0) {
        key_wipe(&key);
    }
    key.bytes[0] ^= (which & 0x40) != 0 ? 1 : 0;
    (void)!keyring_add(ring, &key);
}

static void send_snapshot(struct bench *bench, struct reader *r)
{
    struct wire_watch_response response = {.kind = WIRE_WATCH_SNAPSHOT};
    struct wire_snapshot *snapshot = &response.as.snapshot;
    struct secret_buf message = {0};

    const uint8_t count = reader_u8(r) % 8;
    const int64_t now = read_wall(bench) + ((int64_t)reader_u8(r) - 0x80) * 1000;
    snapshot->ring = fixture_ring();
    for (size_t i = 0; i < count && r->len > 0; i++) {
        read_key(r, read_wall(bench), bench, &snapshot->ring);
    }
    snapshot->policy = bench->policy;
    snapshot->moment = (struct wire_moment){.server_time_ms = now, .as_of_ms = now};
    assert(keyring_digest(&snapshot->ring, snapshot->digest) == ERR_OK);
    memcpy(bench->digest, snapshot->digest, DIGEST_LEN);
    assert(wire_encode_watch_response(&response, &message) == ERR_OK);
    send_message(bench, &message);
    secret_buf_fini(&message);
    keyring_fini(&snapshot->ring);
}

static void send_heartbeat(struct bench *bench, struct reader *r)
{
    struct wire_watch_response response = {.kind = WIRE_WATCH_HEARTBEAT};
    struct secret_buf message = {0};

    const uint8_t flags = reader_u8(r);
    const int64_t now = read_wall(bench) + ((int64_t)reader_u8(r) - 0x80) * 1000;
    response.as.heartbeat.moment =
        (struct wire_moment){.server_time_ms = now, .as_of_ms = now, .suspect = (flags & 2) != 0};
    memcpy(response.as.heartbeat.digest, bench->digest, DIGEST_LEN);
    response.as.heartbeat.digest[0] ^= flags & 1;
    assert(wire_encode_watch_response(&response, &message) == ERR_OK);
    send_message(bench, &message);
    secret_buf_fini(&message);
}

static void send_bytes(struct bench *bench, struct reader *r, bool is_message)
{
    const size_t want = reader_u16be(r);
    const size_t len = want < r->len ? want : r->len;
    const uint8_t *bytes = reader_take(r, len);

    if (is_message && bench->watch != 0) {
        (void)!h2_session_send(bench->h2, bench->watch, (struct slice){bytes, len});
    } else if (!is_message && bench->fd >= 0 && len > 0) {
        (void)!send(bench->fd, bytes, len, MSG_NOSIGNAL);
    }
}

static void step(struct bench *bench, struct reader *r)
{
    switch (reader_u8(r) % 8) {
    case 0:
        send_bytes(bench, r, true);
        break;
    case 1:
        send_snapshot(bench, r);
        break;
    case 2:
        send_heartbeat(bench, r);
        break;
    case 3:
        if (bench->watch != 0) {
            (void)!h2_session_finish(bench->h2, bench->watch, reader_u8(r) % 17, "no");
        }
        break;
    case 4:
        send_bytes(bench, r, false);
        break;
    case 5:
        bench->boot += reader_u16be(r);
        break;
    case 6:
        if (bench->h2 != NULL) {
            (void)!h2_session_shutdown(bench->h2, "stopping");
        }
        break;
    default:
        hang_up(bench);
        break;
    }
    turn(bench);
}

static void begin(struct bench *bench)
{
    static const char *const realms[] = {"web"};
    static const struct endpoint endpoint = {.text = "unix:/fuzz", .path = "/fuzz"};
    struct errbuf why = {""};

    *bench = (struct bench){.boot = BOOT, .fd = -1, .policy = policy_default(3600000)};
    bench->clock = (struct clock){.wall_ms = read_wall, .boot_ms = read_boot, .ctx = bench};
    at_hand = bench;
    bench->published = fixture_ring();
    assert(ringmap_new(realms, 1, 1, &bench->map, &why) == ERR_OK);
    assert(ringmap_register(bench->map, 0, "", &bench->context) == ERR_OK);
    const struct pilot_config config = {.map = bench->map,
                                        .clock = &bench->clock,
                                        .endpoints = &endpoint,
                                        .endpoint_count = 1,
                                        .frontend = "fe-17",
                                        .seed = 1};
    assert(pilot_new(&config, &bench->pilot) == ERR_OK);
    turn(bench);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bench bench;
    struct reader r;

    begin(&bench);
    reader_init(&r, data, size);
    for (size_t i = 0; i < STEPS_MAX && r.len > 0; i++) {
        step(&bench, &r);
    }
    pilot_free(bench.pilot);
    hang_up(&bench);
    keyring_fini(&bench.published);
    ringmap_free(bench.map);
    return 0;
}
