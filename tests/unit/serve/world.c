/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve/connection.h"
#include "store/store_memory.h"

static const struct authz_principal top[] = {{AUTHZ_UID, UID_TOP, NULL}};
static const struct authz_principal web_readers[] = {{AUTHZ_UID, UID_WEB_READER, NULL}};
static const struct authz_principal web_operators[] = {{AUTHZ_UID, UID_WEB_OPERATOR, NULL}};
static const struct authz_principal mail_readers[] = {{AUTHZ_UID, UID_MAIL_READER, NULL}};
static const struct authz_realm realms[] = {
    {"web", {web_readers, 1}, {web_operators, 1}},
    {"mail", {mail_readers, 1}, {NULL, 0}},
};
static const struct authz_rules rules = {{top, 1}, realms, WORLD_REALMS};

static void build_realm(struct world *world, size_t i)
{
    struct policy policy = policy_default(60000);

    policy.sync_interval_ms = WORLD_SYNC_MS;
    policy.ticket_lifetime_ms = 60000;
    const struct replica_options replica = {
        .realm = realms[i].name,
        .policy = policy,
        .store = world->store,
        .clock = fake_time_clock(world->time),
        .timers = fake_time_timers(world->time),
        .random = &world->random.source,
    };
    assert_int_equal(replica_new(&replica, &world->replicas[i]), ERR_OK);
    assert_int_equal(hub_add_realm(world->hub, world->replicas[i]), ERR_OK);
    const struct rotator_options rotator = {
        .replica = world->replicas[i],
        .store = world->store,
        .clock = fake_time_clock(world->time),
        .timers = fake_time_timers(world->time),
        .random = &world->random.source,
        .writer = "test/1",
    };
    assert_int_equal(rotator_new(&rotator, &world->rotators[i]), ERR_OK);
    world->service_realms[i].realm = realms[i].name;
    world->service_realms[i].rotator = world->rotators[i];
}

static struct world *build(int64_t wall_ms)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->time = fake_time_new();
    fake_time_jump_wall(world->time, wall_ms - fake_time_wall(world->time));
    fake_random_init(&world->random, 1);
    world->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(world->log_fd >= 0);
    const struct log_options log = {.fd = world->log_fd,
                                    .format = LOG_FORMAT_LOGFMT,
                                    .level = LOG_LEVEL_DEBUG,
                                    .clock = fake_time_clock(world->time)};
    assert_int_equal(log_new(&log, &world->log), ERR_OK);
    assert_int_equal(store_memory_new(fake_time_clock(world->time), fake_time_timers(world->time),
                                      &world->store),
                     ERR_OK);
    assert_int_equal(hub_new(fake_time_timers(world->time), &world->hub), ERR_OK);
    for (size_t i = 0; i < WORLD_REALMS; i++) {
        build_realm(world, i);
    }
    assert_int_equal(health_new(world->hub, &world->health), ERR_OK);
    world->services = (struct services){
        .hub = world->hub,
        .health = world->health,
        .realms = world->service_realms,
        .realm_count = WORLD_REALMS,
        .rules = &rules,
        .clock = fake_time_clock(world->time),
        .timers = fake_time_timers(world->time),
        .log = world->log,
        .lines = &world->lines,
        .stats = &world->stats,
        .version = "1.2.3",
        .deployment = "test",
        .store_type = "memory",
        .started_ms = fake_time_wall(world->time),
    };
    return world;
}

struct world *world_new(void)
{
    return build(FAKE_TIME_START);
}

struct world *world_new_today(void)
{
    return build((int64_t)time(NULL) * 1000);
}

void world_start(struct world *world)
{
    for (size_t i = 0; i < WORLD_REALMS; i++) {
        replica_start(world->replicas[i]);
    }
    fake_time_run(world->time, 0);
    for (size_t i = 0; i < WORLD_REALMS; i++) {
        assert_true(replica_is_ready(world->replicas[i]));
        assert_true(replica_ring(world->replicas[i])->count > 0);
    }
}

void world_free(struct world *world)
{
    health_free(world->health);
    for (size_t i = 0; i < WORLD_REALMS; i++) {
        rotator_free(world->rotators[i]);
    }
    hub_free(world->hub);
    for (size_t i = 0; i < WORLD_REALMS; i++) {
        replica_free(world->replicas[i]);
    }
    store_close(world->store);
    log_free(world->log);
    (void)close(world->log_fd);
    fake_time_free(world->time);
    free(world);
}

size_t world_count_logged(struct world *world, const char *one, const char *other)
{
    char text[65536];
    char *rest = text;
    size_t count = 0;

    ssize_t len = pread(world->log_fd, text, sizeof(text) - 1, 0);
    assert_true(len >= 0 && (size_t)len < sizeof(text) - 1);
    text[len] = '\0';
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        count += strstr(line, one) != NULL && strstr(line, other) != NULL;
    }
    return count;
}

bool world_has_logged(struct world *world, const char *one, const char *other)
{
    return world_count_logged(world, one, other) > 0;
}

/* ---- the client ---- */

static struct seen *find_seen(struct client *client, int32_t stream)
{
    for (size_t i = 0; i < client->count; i++) {
        if (client->seen[i].stream == stream) {
            return &client->seen[i];
        }
    }
    fail_msg("stream %d was not opened", stream);
    return NULL;
}

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct seen *seen = find_seen(ctx, stream);

    seen->messages++;
    secret_buf_fini(&seen->last);
    assert_int_equal(secret_buf_append(&seen->last, message.at, message.len), ERR_OK);
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct seen *seen = find_seen(ctx, stream);

    assert_false(seen->is_closed);
    seen->is_closed = true;
    seen->status = status;
    (void)snprintf(seen->message, sizeof(seen->message), "%s", message);
}

static void on_output(void *ctx)
{
    struct client *client = ctx;

    client->outputs++;
}

void client_init(struct client *client, struct world *world, uint32_t uid)
{
    static const struct h2_events events = {.on_message = on_message, .on_closed = on_closed};

    client->world = world;
    client->peer = (struct peer){.uid = uid, .gid = uid, .pid = 4711};
    const struct call_set_options options = {.services = &world->services,
                                             .peer = &client->peer,
                                             .limits = connection_limits_default().h2,
                                             .on_output = on_output,
                                             .ctx = client};
    assert_int_equal(call_set_new(&options, &client->calls), ERR_OK);
    const struct h2_limits limits = {0};
    assert_int_equal(h2_session_new(H2_CLIENT, &limits, &events, client, &client->session), ERR_OK);
    client_pump(client);
}

void client_fini(struct client *client)
{
    call_set_free(client->calls);
    h2_session_free(client->session);
    for (size_t i = 0; i < client->count; i++) {
        secret_buf_fini(&client->seen[i].last);
    }
    *client = (struct client){0};
}

void client_pump(struct client *client)
{
    struct errbuf why = {""};
    struct slice up;
    struct slice down;

    do {
        up = (struct slice){NULL, 0};
        down = (struct slice){NULL, 0};
        assert_int_equal(h2_session_drain(client->session, &up, &why), ERR_OK);
        if (up.len > 0) {
            assert_int_equal(call_set_feed(client->calls, up, &why), ERR_OK);
        }
        assert_int_equal(call_set_drain(client->calls, &down, &why), ERR_OK);
        if (down.len > 0) {
            assert_int_equal(h2_session_feed(client->session, down, &why), ERR_OK);
        }
    } while (up.len > 0 || down.len > 0);
}

void client_run(struct client *client, int64_t ms)
{
    int64_t until = fake_time_boot(client->world->time) + ms;

    do {
        client_pump(client);
    } while (fake_time_step(client->world->time, until));
}

struct seen *client_open(struct client *client, const char *path, int64_t timeout_ms)
{
    assert_true(client->count < CLIENT_CALLS_MAX);
    struct seen *seen = &client->seen[client->count++];
    assert_int_equal(h2_session_call(client->session, path, "localhost", timeout_ms, &seen->stream),
                     ERR_OK);
    client_pump(client);
    return seen;
}

void client_send(struct client *client, struct seen *seen, enum err encoded,
                 struct secret_buf *message)
{
    assert_int_equal(encoded, ERR_OK);
    assert_int_equal(
        h2_session_send(client->session, seen->stream, (struct slice){message->at, message->len}),
        ERR_OK);
    secret_buf_fini(message);
    client_pump(client);
}

void client_half_close(struct client *client, struct seen *seen)
{
    assert_int_equal(h2_session_half_close(client->session, seen->stream), ERR_OK);
    client_pump(client);
}

struct seen *client_ask(struct client *client, const char *path, enum err encoded,
                        struct secret_buf *message)
{
    struct seen *seen = client_open(client, path, 0);

    client_send(client, seen, encoded, message);
    if (!seen->is_closed) {
        client_half_close(client, seen);
    }
    return seen;
}

void seen_must_end(const struct seen *seen, enum grpc_status status, const char *part)
{
    assert_true(seen->is_closed);
    if (seen->status != status || strstr(seen->message, part) == NULL) {
        fail_msg("ended with %s \"%s\", not %s \"%s\"", grpc_status_name(seen->status),
                 seen->message, grpc_status_name(status), part);
    }
}

struct slice seen_last(const struct seen *seen)
{
    assert_true(seen->messages > 0);
    return (struct slice){seen->last.at, seen->last.len};
}
