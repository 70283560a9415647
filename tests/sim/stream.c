/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch: real protobuf messages in both directions, in order, with delay. A cut loses what is
 * on its way and what follows, and tells neither end: as a network does.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"
#include "wire/codec.h"

#define DELAY_MIN_MS 1
#define DELAY_MAX_MS 150

enum direction { UP, DOWN };

struct stream {
    struct world *world;
    struct stream *next;
    unsigned int frontend;
    unsigned int daemon;
    bool frontend_is_there;
    bool daemon_is_there;
    bool is_dead;            /* something was lost: no byte gets through any more */
    struct watcher *watcher; /* NULL until the opening message arrived */
    int64_t last_at[2];      /* boot: order is kept in each direction */
    struct packet *packets;
};

struct packet {
    struct stream *stream;
    struct packet *next;
    struct timer *arrival;
    enum direction direction;
    bool is_end; /* the other end closed; no bytes */
    struct secret_buf bytes;
};

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void packet_free(struct packet *packet)
{
    struct packet **at = &packet->stream->packets;

    while (*at != packet) {
        at = &(*at)->next;
    }
    *at = packet->next;
    timer_free(fake_time_timers(packet->stream->world->time), packet->arrival);
    secret_buf_fini(&packet->bytes);
    free(packet);
}

static struct sim_daemon *daemon_of(struct stream *stream)
{
    return &stream->world->daemons[stream->daemon];
}

static struct sim_frontend *frontend_of(struct stream *stream)
{
    return &stream->world->frontends[stream->frontend];
}

static void on_arrival(void *arg);

static struct packet *packet_send(struct stream *stream, enum direction direction)
{
    struct world *world = stream->world;
    struct packet *packet = must(calloc(1, sizeof(*packet)));
    int64_t boot = world_boot(world);
    int64_t delay = DELAY_MIN_MS + world_draw(world, DELAY_MAX_MS - DELAY_MIN_MS + 1);
    int64_t at = boot + delay;

    at = at > stream->last_at[direction] ? at : stream->last_at[direction];
    stream->last_at[direction] = at;
    packet->stream = stream;
    packet->direction = direction;
    packet->arrival = timer_new(fake_time_timers(world->time), on_arrival, packet);
    packet->next = stream->packets;
    stream->packets = packet;
    timer_arm(fake_time_timers(world->time), packet->arrival, at - boot);
    return packet;
}

/* --- the daemon's end --- */

static void daemon_end_close(struct stream *stream)
{
    watcher_free(stream->watcher);
    stream->watcher = NULL;
    stream->daemon_is_there = false;
}

static void send_response(struct stream *stream, const struct wire_watch_response *response)
{
    struct packet *packet = packet_send(stream, DOWN);

    if (wire_encode_watch_response(response, &packet->bytes) != ERR_OK) {
        abort();
    }
}

static void on_snapshot_due(void *ctx)
{
    struct stream *stream = ctx;
    struct wire_watch_response response = {.kind = WIRE_WATCH_SNAPSHOT};

    if (hub_snapshot(daemon_of(stream)->replica, &response.as.snapshot) != ERR_OK) {
        world_violate(stream->world, "I9 d%u: a snapshot was due but there is none",
                      stream->daemon);
        return;
    }
    send_response(stream, &response);
    wire_snapshot_fini(&response.as.snapshot);
}

static void on_heartbeat_due(void *ctx)
{
    struct stream *stream = ctx;
    struct replica *replica = daemon_of(stream)->replica;
    struct wire_watch_response response = {.kind = WIRE_WATCH_HEARTBEAT};

    hub_moment(replica, &response.as.heartbeat.moment);
    memcpy(response.as.heartbeat.digest, replica_digest(replica), DIGEST_LEN);
    send_response(stream, &response);
}

static void on_ended(void *ctx, enum err code, const char *why)
{
    struct stream *stream = ctx;

    (void)code;
    (void)why;
    daemon_end_close(stream);
    packet_send(stream, DOWN)->is_end = true;
}

static void daemon_opens(struct stream *stream, const struct wire_watch_open *open)
{
    static const struct watcher_events template = {on_snapshot_due, on_heartbeat_due, on_ended,
                                                   NULL};
    struct watcher_events events = template;
    struct sim_daemon *daemon = daemon_of(stream);

    events.ctx = stream;
    if (!replica_is_ready(daemon->replica)) {
        world_sometimes(stream->world, SOMETIMES_NOT_READY);
    }
    if (hub_watch(daemon->hub, open, "sim", &events, &stream->watcher) != ERR_OK) {
        abort();
    }
}

static void daemon_receives(struct stream *stream, struct packet *packet)
{
    struct wire_watch_request request = {0};
    struct errbuf why = {""};

    if (packet->is_end) {
        daemon_end_close(stream);
        return;
    }
    enum err rc = wire_decode_watch_request((struct slice){packet->bytes.at, packet->bytes.len},
                                            &request, &why);
    if (rc != ERR_OK) {
        world_violate(stream->world, "I9 d%u cannot read what f%u sent: %s", stream->daemon,
                      stream->frontend, why.text);
        return;
    }
    if (request.kind == WIRE_WATCH_OPEN) {
        daemon_opens(stream, &request.as.open);
    } else {
        watcher_ack(stream->watcher, &request.as.ack);
    }
}

/* --- both ends --- */

static void on_arrival(void *arg)
{
    struct packet *packet = arg;
    struct stream *stream = packet->stream;
    struct world *world = stream->world;

    if (world->is_cut[stream->frontend][stream->daemon]) {
        stream->is_dead = true;
    }
    if (!stream->is_dead && packet->direction == UP && stream->daemon_is_there) {
        daemon_receives(stream, packet);
    } else if (!stream->is_dead && packet->direction == DOWN && stream->frontend_is_there) {
        if (packet->is_end) {
            sim_frontend_stream_ended(frontend_of(stream));
        } else {
            sim_frontend_receive(frontend_of(stream),
                                 (struct slice){packet->bytes.at, packet->bytes.len});
        }
    }
    if (stream->is_dead && !stream->frontend_is_there && stream->daemon_is_there) {
        daemon_end_close(stream); /* its keepalive has found out */
    }
    packet_free(packet);
}

struct stream *stream_open(struct world *world, unsigned int frontend, unsigned int daemon)
{
    struct stream *stream = must(calloc(1, sizeof(*stream)));

    stream->world = world;
    stream->frontend = frontend;
    stream->daemon = daemon;
    stream->frontend_is_there = true;
    stream->daemon_is_there = world->daemons[daemon].is_up;
    stream->next = world->streams;
    world->streams = stream;
    if (!stream->daemon_is_there) {
        packet_send(stream, DOWN)->is_end = true; /* connection refused */
    }
    return stream;
}

void stream_leave(struct stream *stream)
{
    stream->frontend_is_there = false;
    if (stream->daemon_is_there) {
        packet_send(stream, UP)->is_end = true;
    }
}

void stream_abandon_daemon(struct world *world, unsigned int daemon, bool is_silent)
{
    for (struct stream *stream = world->streams; stream != NULL; stream = stream->next) {
        if (stream->daemon != daemon || !stream->daemon_is_there) {
            continue;
        }
        daemon_end_close(stream);
        if (!is_silent && stream->frontend_is_there) {
            packet_send(stream, DOWN)->is_end = true;
        }
    }
}

void stream_send_up(struct stream *stream, const struct wire_watch_request *request)
{
    struct packet *packet = packet_send(stream, UP);

    if (wire_encode_watch_request(request, &packet->bytes) != ERR_OK) {
        abort();
    }
}

void streams_free(struct world *world)
{
    while (world->streams != NULL) {
        struct stream *stream = world->streams;
        world->streams = stream->next;
        while (stream->packets != NULL) {
            packet_free(stream->packets);
        }
        free(stream);
    }
}
