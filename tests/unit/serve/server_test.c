/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "world.h"

static const struct authz_rules nobody;

struct fixture {
    char folder[64];
    char path[96];
    struct world *world;
    struct event_base *base;
    struct server *server;
    size_t drained;
    struct authz_principal me; /* these rules name this process */
    struct authz_rules mine;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/stek-server-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof(f->path), "%s/s.sock", f->folder);
    f->world = world_new();
    world_start(f->world);
    f->me = (struct authz_principal){.kind = AUTHZ_UID, .id = getuid()};
    f->mine = (struct authz_rules){.operators = {&f->me, 1}};
    f->world->services.rules = &f->mine;
    f->base = event_base_new();
    assert_non_null(f->base);
    const struct server_options options = {
        .base = f->base,
        .services = &f->world->services,
        .limits = connection_limits_default(),
        .connections_max = 2,
        .strangers_max = 1,
    };
    struct errbuf why = {""};
    assert_int_equal(server_new(&options, &f->server), ERR_OK);
    assert_int_equal(server_listen(f->server, f->path, 0600, &why), ERR_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    server_free(f->server);
    assert_int_equal(f->world->stats.connections, 0);
    event_base_free(f->base);
    world_free(f->world);
    assert_int_equal(rmdir(f->folder), 0); /* the socket is gone */
    free(f);
    return 0;
}

static int connect_to(const struct fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < 4; i++) {
        assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
    }
}

static void on_drained(void *ctx)
{
    struct fixture *f = ctx;

    f->drained++;
}

static void connections_over_the_limit_wait_for_a_place(void **state)
{
    struct fixture *f = *state;
    int fds[3];

    for (size_t i = 0; i < 3; i++) {
        fds[i] = connect_to(f);
        assert_true(fds[i] >= 0);
        turn(f);
    }
    assert_int_equal(f->world->stats.connections, 2);
    assert_int_equal(f->world->stats.accepted, 2);
    assert_int_equal(f->world->stats.limit_reached, 1);
    (void)close(fds[0]);
    turn(f);
    assert_int_equal(f->world->stats.connections, 2);
    assert_int_equal(f->world->stats.accepted, 3);
    (void)close(fds[1]);
    (void)close(fds[2]);
    turn(f);
    assert_int_equal(f->world->stats.connections, 0);
}

static bool is_closed(int fd)
{
    uint8_t byte;

    for (;;) {
        ssize_t got = recv(fd, &byte, 1, 0);
        if (got <= 0) {
            return got == 0;
        }
    }
}

static void strangers_share_a_few_connections_and_cannot_shut_out_others(void **state)
{
    struct fixture *f = *state;
    int strangers[4];

    f->world->services.rules = &nobody;
    for (size_t i = 0; i < 3; i++) {
        strangers[i] = connect_to(f);
        turn(f);
        assert_int_equal(is_closed(strangers[i]), i > 0);
    }
    assert_int_equal(f->world->stats.connections, 1);
    assert_int_equal(f->world->stats.strangers, 1);
    assert_int_equal(f->world->stats.strangers_refused, 2);
    assert_int_equal(world_count_logged(f->world, "event=connection-refused", "no rule names"), 1);
    f->world->services.rules = &f->mine;
    int known = connect_to(f);
    turn(f);
    assert_false(is_closed(known));
    assert_int_equal(f->world->stats.connections, 2);
    assert_int_equal(f->world->stats.strangers, 1);
    /* A place that is left is free again. */
    (void)close(strangers[0]);
    turn(f);
    assert_int_equal(f->world->stats.strangers, 0);
    f->world->services.rules = &nobody;
    strangers[3] = connect_to(f);
    turn(f);
    assert_false(is_closed(strangers[3]));
    (void)close(known);
    for (size_t i = 1; i < 4; i++) {
        (void)close(strangers[i]);
    }
    turn(f);
    assert_int_equal(f->world->stats.connections, 0);
    assert_int_equal(f->world->stats.strangers, 0);
}

static void draining_closes_everything_and_tells_once(void **state)
{
    struct fixture *f = *state;
    int fd = connect_to(f);

    turn(f);
    assert_int_equal(f->world->stats.connections, 1);
    server_drain(f->server, on_drained, f);
    assert_int_equal(f->drained, 0); /* never from inside the call */
    assert_int_equal(connect_to(f), -1);
    assert_false(health_is_serving(f->world->health));
    server_drain(f->server, on_drained, f);
    turn(f);
    assert_int_equal(f->drained, 1);
    assert_int_equal(f->world->stats.connections, 0);
    (void)close(fd);
}

static void draining_without_connections_ends_at_once(void **state)
{
    struct fixture *f = *state;

    server_drain(f->server, on_drained, f);
    turn(f);
    assert_int_equal(f->drained, 1);
}

static void a_server_may_be_freed_with_connections_open(void **state)
{
    struct fixture *f = *state;
    int fd = connect_to(f);

    turn(f);
    assert_int_equal(f->world->stats.connections, 1);
    server_free(f->server);
    f->server = NULL;
    assert_int_equal(f->world->stats.connections, 0);
    (void)close(fd);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(connections_over_the_limit_wait_for_a_place),
        WITH_SERVER(strangers_share_a_few_connections_and_cannot_shut_out_others),
        WITH_SERVER(draining_closes_everything_and_tells_once),
        WITH_SERVER(draining_without_connections_ends_at_once),
        WITH_SERVER(a_server_may_be_freed_with_connections_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
