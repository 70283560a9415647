/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/frontend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"
#include "src/follower.h"
#include "wire/codec.h"

#define RETRY_MS 100

static const struct timers *timers_of(const struct sim_frontend *frontend)
{
    return fake_time_timers(frontend->world->time);
}

static void listen_on(struct sim_frontend *frontend)
{
    timer_arm(timers_of(frontend), frontend->silence, frontend->world->policy.sync_interval_ms / 2);
}

static void leave(struct sim_frontend *frontend)
{
    if (frontend->stream != NULL) {
        stream_leave(frontend->stream);
        frontend->stream = NULL;
    }
    timer_disarm(timers_of(frontend), frontend->silence);
    timer_arm(timers_of(frontend), frontend->connect, 1 + world_draw(frontend->world, RETRY_MS));
}

static void send_open(struct sim_frontend *frontend)
{
    struct wire_watch_request request = {.kind = WIRE_WATCH_OPEN};

    (void)snprintf(request.as.open.realm, sizeof(request.as.open.realm), WORLD_REALM);
    (void)snprintf(request.as.open.frontend, sizeof(request.as.open.frontend), "fe-%u",
                   frontend->id);
    request.as.open.has_digest = follower_digest(frontend->follower, request.as.open.digest);
    stream_send_up(frontend->stream, &request);
}

static void send_ack(struct sim_frontend *frontend)
{
    struct wire_watch_request request = {.kind = WIRE_WATCH_ACK};

    request.as.ack.has_digest = follower_digest(frontend->follower, request.as.ack.digest);
    stream_send_up(frontend->stream, &request);
}

/* The next daemon in turn. */
static void on_connect(void *arg)
{
    struct sim_frontend *frontend = arg;

    frontend->daemon = (frontend->daemon + 1) % WORLD_DAEMONS;
    frontend->stream = stream_open(frontend->world, frontend->id, frontend->daemon);
    send_open(frontend);
    listen_on(frontend);
}

static void on_silence(void *arg)
{
    struct sim_frontend *frontend = arg;

    world_note(frontend->world, "f%u leaves d%u, which is silent", frontend->id, frontend->daemon);
    world_sometimes(frontend->world, SOMETIMES_SILENT_LEFT);
    leave(frontend);
}

static void begin(struct sim_frontend *frontend)
{
    const char *const realms[] = {WORLD_REALM};
    struct errbuf why = {""};

    if (ringmap_new(realms, 1, 1, &frontend->map, &why) != ERR_OK ||
        ringmap_register(frontend->map, 0, "", &frontend->context) != ERR_OK) {
        fprintf(stderr, "no mapping for a frontend: %s\n", why.text);
        abort();
    }
    frontend->follower = follower_new(frontend->map, WORLD_REALM);
    frontend->model = (struct model){.count = 0};
}

static void end(struct sim_frontend *frontend)
{
    follower_free(frontend->follower);
    ringmap_free(frontend->map);
}

void sim_frontend_init(struct sim_frontend *frontend, struct world *world, unsigned int id)
{
    frontend->world = world;
    frontend->id = id;
    frontend->daemon = id;
    frontend->connect = timer_new(timers_of(frontend), on_connect, frontend);
    frontend->silence = timer_new(timers_of(frontend), on_silence, frontend);
    begin(frontend);
    timer_arm(timers_of(frontend), frontend->connect, 1);
}

void sim_frontend_fini(struct sim_frontend *frontend)
{
    end(frontend);
    timer_free(timers_of(frontend), frontend->connect);
    timer_free(timers_of(frontend), frontend->silence);
}

void sim_frontend_restart(struct sim_frontend *frontend)
{
    world_note(frontend->world, "f%u begins anew", frontend->id);
    world_sometimes(frontend->world, SOMETIMES_FRONTEND_RESTARTED);
    end(frontend);
    begin(frontend);
    leave(frontend);
}

static void take_snapshot(struct sim_frontend *frontend, const struct wire_snapshot *snapshot)
{
    struct errbuf why = {""};
    int64_t boot = world_boot(frontend->world);

    enum err rc = follower_snapshot(frontend->follower, snapshot, boot, &why);
    if (rc == ERR_OK) {
        model_take(&frontend->model, snapshot);
        send_ack(frontend);
    } else if (rc != ERR_REFUSED) {
        world_violate(frontend->world, "I9 f%u cannot install a snapshot: %s", frontend->id,
                      why.text);
    }
    world_note(frontend->world, "f%u gets %zu keys from d%u: %s", frontend->id,
               snapshot->ring.count, frontend->daemon, err_text(rc));
}

void sim_frontend_receive(struct sim_frontend *frontend, struct slice message)
{
    struct wire_watch_response response = {0};
    struct errbuf why = {""};

    listen_on(frontend);
    if (wire_decode_watch_response(message, &response, &why) != ERR_OK) {
        world_violate(frontend->world, "I9 f%u cannot read a message: %s", frontend->id, why.text);
        return;
    }
    if (response.kind == WIRE_WATCH_SNAPSHOT) {
        take_snapshot(frontend, &response.as.snapshot);
        wire_snapshot_fini(&response.as.snapshot);
    } else {
        (void)follower_heartbeat(frontend->follower, &response.as.heartbeat,
                                 world_boot(frontend->world));
    }
}

void sim_frontend_stream_ended(struct sim_frontend *frontend)
{
    leave(frontend);
}
