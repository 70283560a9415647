/* SPDX-License-Identifier: Apache-2.0 */
/* pilot.c and conn.c by mutual TLS: over real sockets, with daemons that say what the test wants;
 * time is set, certificates are made for it. */
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "ring_bench.h"
#include "src/pilot.h"
#include "src/renewal.h"
#include "support/fake_daemon.h"
#include "support/tls_bench.h"

#define DAEMONS 2
#define B0      INT64_C(100000) /* boot clock at the start; fleet time is then T0 */
#define DAY_S   86400

/* Names are found when a test lets them be. */
static _Atomic bool may_answer;
static _Atomic int lookups;

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    if ((hints->ai_flags & AI_NUMERICHOST) != 0) {
        return __real_getaddrinfo(host, service, hints, out);
    }
    atomic_fetch_add(&lookups, 1);
    while (!atomic_load(&may_answer)) {
        (void)poll(NULL, 0, 1);
    }
    if (strcmp(host, "two.test") != 0) {
        return __real_getaddrinfo("127.0.0.1", service, hints, out);
    }
    const int rc = __real_getaddrinfo("127.0.0.2", service, hints, out);
    return rc != 0 ? rc : __real_getaddrinfo("127.0.0.1", service, hints, &(*out)->ai_next);
}

struct bench {
    int64_t boot;
    int64_t wall_skew;
    struct clock clock;
    struct ringmap *map;
    struct policy policy;
    struct keyring ring;
    struct tls_bench files;
    struct credentials *credentials;
    SSL_CTX *context; /* a good daemon's */
    struct endpoint endpoints[DAEMONS];
    struct fake_daemon daemons[DAEMONS];
    struct pilot *pilot;
    size_t lines;
};

static int64_t read_boot(void *ctx)
{
    return ((struct bench *)ctx)->boot;
}

static int64_t read_wall(void *ctx)
{
    const struct bench *bench = ctx;
    return T0 + bench->boot - B0 + bench->wall_skew;
}

static void count_line(void *arg, enum pilot_level level, const char *line)
{
    struct bench *bench = arg;
    (void)line;
    bench->lines += level == PILOT_WARNING;
}

static void add_key(struct bench *bench, uint64_t seed, int64_t active_from)
{
    const struct key key = fixture_key(seed, &bench->policy, T0 - HOUR - MINUTE, active_from);
    fixture_add(&bench->ring, &key);
}

static void set_endpoint(struct bench *bench, size_t i, const char *text)
{
    assert_int_equal(endpoint_parse(text, &bench->endpoints[i], NULL), ERR_OK);
}

static int set_up(void **state)
{
    static const char *const realms[] = {"web"};
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    atomic_store(&lookups, 0);
    bench->boot = B0;
    bench->clock = (struct clock){.wall_ms = read_wall, .boot_ms = read_boot, .ctx = bench};
    bench->policy = policy_default(12 * HOUR);
    bench->ring = fixture_ring();
    add_key(bench, 1, T0 - HOUR);
    add_key(bench, 2, T0 + 11 * HOUR);
    assert_int_equal(ringmap_new(realms, 1, 1, &bench->map, NULL), ERR_OK);
    tls_bench_init_at(&bench->files, T0 / 1000);
    bench->context = tls_bench_daemon(&bench->files);
    for (size_t i = 0; i < DAEMONS; i++) {
        fake_daemon_start_tls(&bench->daemons[i], bench->context, false);
        set_endpoint(bench, i, bench->daemons[i].endpoint);
    }
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    pilot_free(bench->pilot);
    for (size_t i = 0; i < DAEMONS; i++) {
        fake_daemon_stop(&bench->daemons[i]);
    }
    SSL_CTX_free(bench->context);
    credentials_free(bench->credentials);
    tls_bench_fini(&bench->files);
    keyring_fini(&bench->ring);
    ringmap_free(bench->map);
    free(bench);
    return 0;
}

/* Lets everybody say what they have to say at this moment: sockets of one host deliver at once. */
static void settle(struct bench *bench)
{
    for (int quiet = 0; quiet < 3; quiet++) {
        struct pollfd wait = {.fd = pilot_fd(bench->pilot), .events = pilot_wants(bench->pilot)};
        const bool is_ready = poll(&wait, 1, 0) > 0;
        pilot_step(bench->pilot, is_ready);
        bool any = is_ready;
        for (size_t i = 0; i < DAEMONS; i++) {
            any |= fake_daemon_step(&bench->daemons[i]);
        }
        quiet = any ? -1 : quiet;
    }
}

static void pass(struct bench *bench, int64_t ms)
{
    bench->boot += ms;
    settle(bench);
}

static void start(struct bench *bench, size_t endpoints)
{
    const struct credentials_paths paths = {bench->files.ca_path, bench->files.cert_path,
                                            bench->files.key_path};
    struct errbuf why = {""};
    if (credentials_new(&paths, read_wall(bench), &bench->credentials, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    const struct pilot_config config = {
        .map = bench->map,
        .clock = &bench->clock,
        .endpoints = bench->endpoints,
        .endpoint_count = endpoints,
        .credentials = bench->credentials,
        .frontend = "fe-17",
        .seed = 1,
        .log = count_line,
        .log_arg = bench,
    };
    assert_int_equal(pilot_new(&config, &bench->pilot), ERR_OK);
    settle(bench);
}

static struct wire_moment moment(const struct bench *bench)
{
    const int64_t now = T0 + bench->boot - B0;
    return (struct wire_moment){.server_time_ms = now, .as_of_ms = now};
}

static void send_snapshot(struct bench *bench, size_t daemon)
{
    const struct wire_moment now = moment(bench);
    fake_daemon_send_snapshot(&bench->daemons[daemon], &bench->ring, &bench->policy, &now);
    settle(bench);
}

static void send_heartbeat(struct bench *bench, size_t daemon)
{
    const struct wire_moment now = moment(bench);
    fake_daemon_send_heartbeat(&bench->daemons[daemon], &bench->ring, &now);
    settle(bench);
}

/* Which of the daemons is being watched; DAEMONS when none is. */
static size_t watched(struct bench *bench)
{
    for (size_t i = 0; i < DAEMONS; i++) {
        if (fake_daemon_find(&bench->daemons[i], "web") != NULL) {
            return i;
        }
    }
    return DAEMONS;
}

static void assert_error(const struct bench *bench, const char *says)
{
    char text[256];
    ringmap_get_error(bench->map, 0, text, sizeof(text));
    if (says[0] == '\0') {
        assert_string_equal(text, "");
    } else if (strstr(text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, says);
    }
}

static void assert_serving(const struct bench *bench)
{
    struct ringmap_info info;
    assert_true(ringmap_info(bench->map, 0, bench->boot, &info));
    assert_true(info.has_snapshot);
    assert_int_equal(info.live_keys, 2);
}

/* Until it has tried again, however the jitter fell. */
static void pass_a_retry(struct bench *bench)
{
    pass(bench, pilot_timeout_ms(bench->pilot));
}

/* --- following ------------------------------------------------------------------------------- */

static void a_daemon_is_followed_by_mutual_tls(void **state)
{
    struct bench *bench = *state;
    start(bench, 1);
    assert_int_equal(watched(bench), 0);
    send_snapshot(bench, 0);
    assert_serving(bench);
    assert_error(bench, "");
    pass(bench, 3000);
    send_heartbeat(bench, 0);
    assert_int_equal(fake_daemon_find(&bench->daemons[0], "web")->acks, 2);
    assert_int_equal(bench->daemons[0].connections, 1);
    assert_string_equal(bench->daemons[0].tls_trouble, "");
}

static void the_watch_is_opened_when_the_handshake_is_over_and_not_before(void **state)
{
    struct bench *bench = *state;
    bench->daemons[0].is_deaf = true;
    start(bench, 1);
    pass(bench, 100); /* the fleet's time must not be judged by when the connection was begun */
    bench->daemons[0].is_deaf = false;
    pass(bench, 0);
    assert_int_equal(watched(bench), 0);
    send_snapshot(bench, 0);
    assert_int_equal(ringmap_now(bench->map, bench->boot), T0 + 100);
}

static void a_wrong_certificate_is_trouble_and_the_next_endpoint_serves(void **state)
{
    struct bench *bench = *state;
    const struct cert_wish wish = {.name = "x",
                                   .san = "DNS:stekd.example",
                                   .eku = "serverAuth",
                                   .from_s = bench->files.shift_s - 3600,
                                   .until_s = bench->files.shift_s + DAY_S};
    SSL_CTX *wrong = tls_bench_daemon_as(&bench->files, &wish, &bench->files.ca);
    start(bench, 2);
    const size_t at = watched(bench);
    assert_true(at < DAEMONS);
    send_snapshot(bench, at);
    /* The one in use goes, and comes back as somebody else. */
    bench->daemons[at].tls = wrong;
    bench->daemons[1 - at].is_deaf = true;
    fake_daemon_hang_up(&bench->daemons[at]);
    settle(bench);
    assert_error(bench, "closed the connection");
    pass_a_retry(bench);
    pass(bench, CONN_PATIENCE_MS);
    assert_error(bench, "does not finish the TLS handshake");
    pass_a_retry(bench);
    assert_error(bench, "its certificate is refused: no IP address in it is 127.0.0.1");
    assert_int_equal(watched(bench), DAEMONS);
    fake_daemon_hang_up(&bench->daemons[1 - at]);
    bench->daemons[1 - at].is_deaf = false;
    pass_a_retry(bench);
    assert_int_equal(watched(bench), 1 - at);
    send_snapshot(bench, 1 - at);
    assert_error(bench, "");
    assert_serving(bench);
    assert_int_equal(bench->lines, 1); /* one line, not one a retry */
    bench->daemons[at].tls = bench->context;
    SSL_CTX_free(wrong);
}

static void a_certificate_of_ours_that_is_refused_is_said(void **state)
{
    struct bench *bench = *state;
    const struct cert_wish foreign = {.name = "stranger",
                                      .is_ca = true,
                                      .from_s = bench->files.shift_s - 3600,
                                      .until_s = bench->files.shift_s + DAY_S};
    struct cert stranger = cert_make(&foreign, NULL);
    cert_fini(&bench->files.client);
    bench->files.client = tls_bench_renew(&bench->files, &stranger, DAY_S);
    start(bench, 1);
    assert_error(bench, "it refuses our certificate: no CA that it trusts has issued it");
    cert_fini(&stranger);
}

/* --- silence --------------------------------------------------------------------------------- */

/* What comes before the first message is part of the half sync_interval, not beside it. */
static void a_peer_that_accepts_and_says_nothing_is_left_in_time(void **state)
{
    struct bench *bench = *state;
    bench->daemons[0].is_deaf = true;
    bench->daemons[1].is_deaf = true;
    start(bench, 2);
    pass(bench, CONN_PATIENCE_MS - 1);
    assert_error(bench, "");
    pass(bench, 1);
    assert_error(bench, "it does not finish the TLS handshake");
    assert_in_range(pilot_timeout_ms(bench->pilot), 1, 100);
}

static void a_short_sync_interval_shortens_the_patience(void **state)
{
    struct bench *bench = *state;
    bench->policy.sync_interval_ms = 1000;
    start(bench, 1);
    send_snapshot(bench, 0);
    fake_daemon_hang_up(&bench->daemons[0]);
    bench->daemons[0].is_deaf = true;
    settle(bench);
    pass_a_retry(bench);
    pass(bench, 499);
    assert_error(bench, "closed the connection");
    pass(bench, 1);
    assert_error(bench, "it does not finish the TLS handshake");
}

static void time_spent_before_the_watch_is_taken_from_its_patience(void **state)
{
    struct bench *bench = *state;
    bench->daemons[0].is_deaf = true;
    start(bench, 1);
    pass(bench, CONN_PATIENCE_MS - 10);
    bench->daemons[0].is_deaf = false;
    pass(bench, 0);
    assert_int_equal(watched(bench), 0);
    pass(bench, 9);
    assert_int_equal(watched(bench), 0);
    pass(bench, 1);
    assert_error(bench, "silent for too long");
}

/* A listener whose queue is full drops what comes: as a host that is switched off does. */
struct hole {
    int listener;
    int fillers[4];
    uint16_t port;
};

static void dig(struct hole *hole, uint32_t address, uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons(port)};
    socklen_t len = sizeof(at);
    hole->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(hole->listener, (const struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(hole->listener, 0), 0);
    assert_int_equal(getsockname(hole->listener, (struct sockaddr *)&at, &len), 0);
    for (size_t i = 0; i < 4; i++) {
        hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(hole->fillers[i], (const struct sockaddr *)&at, len);
    }
    hole->port = ntohs(at.sin_port);
}

static void fill_in(struct hole *hole)
{
    for (size_t i = 0; i < 4; i++) {
        (void)close(hole->fillers[i]);
    }
    (void)close(hole->listener);
}

static void a_black_hole_is_left_in_time(void **state)
{
    struct bench *bench = *state;
    struct hole hole;
    char text[64];
    dig(&hole, INADDR_LOOPBACK, 0);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", hole.port);
    set_endpoint(bench, 0, text);
    start(bench, 1);
    pass(bench, CONN_PATIENCE_MS - 1);
    assert_error(bench, "");
    pass(bench, 1);
    assert_error(bench, "it does not answer");
    fill_in(&hole);
}

/* Of a name's addresses each has its share of the patience. */
static void of_two_addresses_the_second_serves_when_the_first_is_a_black_hole(void **state)
{
    struct bench *bench = *state;
    const struct cert_wish wish = {.name = "x",
                                   .san = "DNS:two.test",
                                   .eku = "serverAuth",
                                   .from_s = bench->files.shift_s - 3600,
                                   .until_s = bench->files.shift_s + DAY_S};
    SSL_CTX *context = tls_bench_daemon_as(&bench->files, &wish, &bench->files.ca);
    struct hole hole;
    char text[64];
    bench->daemons[0].tls = context;
    dig(&hole, INADDR_LOOPBACK + 1, bench->daemons[0].port);
    (void)snprintf(text, sizeof(text), "two.test:%u", bench->daemons[0].port);
    set_endpoint(bench, 0, text);
    atomic_store(&may_answer, true);
    start(bench, 1);
    for (int i = 0; i < 400 && pilot_fd(bench->pilot) < 0; i++) {
        (void)poll(NULL, 0, 5);
        pass(bench, 1);
    }
    assert_true(pilot_fd(bench->pilot) >= 0);
    pass(bench, CONN_PATIENCE_MS / 2);
    assert_int_equal(watched(bench), 0);
    send_snapshot(bench, 0);
    assert_error(bench, "");
    fill_in(&hole);
    bench->daemons[0].tls = bench->context;
    SSL_CTX_free(context);
}

/* A lookup that is given up is joined by the next attempt, not begun once more: however long a
 * resolver takes, it is asked once, and its answer serves. */
static void a_name_that_is_found_late_is_asked_for_once(void **state)
{
    struct bench *bench = *state;
    char text[64];
    (void)snprintf(text, sizeof(text), "late.test:%u", bench->daemons[0].port);
    set_endpoint(bench, 0, text);
    atomic_store(&may_answer, false);
    start(bench, 1);
    for (int i = 0; i < 3; i++) {
        pass(bench, CONN_PATIENCE_MS);
        assert_error(bench, "its name was not found in time");
        pass_a_retry(bench);
    }
    assert_int_equal(atomic_load(&lookups), 1);
    atomic_store(&may_answer, true);
    for (int i = 0; i < 400 && bench->daemons[0].connections == 0; i++) {
        (void)poll(NULL, 0, 5);
        pass(bench, 10);
    }
    settle(bench);
    /* The certificate names localhost and addresses: who asked for another name is told so. */
    assert_error(bench, "no DNS name in it is late.test");
    assert_int_equal(atomic_load(&lookups), 1);
}

/* --- certificates that end ------------------------------------------------------------------- */

static void a_renewed_certificate_gets_a_new_connection_without_trouble(void **state)
{
    struct bench *bench = *state;
    start(bench, 2);
    const size_t at = watched(bench);
    send_snapshot(bench, at);
    cert_fini(&bench->files.client);
    bench->files.client = tls_bench_renew(&bench->files, &bench->files.ca, 2 * DAY_S);
    assert_in_range(pilot_timeout_ms(bench->pilot), 0, RENEWAL_LOOK_MS);
    pass(bench, 5000);
    send_heartbeat(bench, at);
    pass(bench, 5000);
    assert_int_equal(watched(bench), at); /* the same daemon */
    assert_int_equal(bench->daemons[at].connections, 2);
    assert_int_equal(bench->daemons[1 - at].connections, 0);
    send_snapshot(bench, at);
    assert_error(bench, "");
    assert_int_equal(bench->lines, 0);
    assert_string_equal(bench->daemons[at].tls_trouble, "");
    assert_serving(bench);
}

static void a_broken_renewal_is_reported_and_the_connection_stays(void **state)
{
    struct bench *bench = *state;
    start(bench, 1);
    send_snapshot(bench, 0);
    tls_bench_put(bench->files.cert_path, "half of a certif", 0644);
    for (int i = 0; i < 6; i++) {
        pass(bench, 5000);
        send_heartbeat(bench, 0);
    }
    assert_error(bench, "the TLS files have changed, and the ones before stay in use");
    assert_int_equal(bench->daemons[0].connections, 1);
    assert_int_equal(bench->lines, 1); /* once a minute */
    /* And a new connection is made with the old ones. */
    fake_daemon_hang_up(&bench->daemons[0]);
    settle(bench);
    pass_a_retry(bench);
    assert_int_equal(watched(bench), 0);
    send_snapshot(bench, 0);
    assert_error(bench, "the ones before stay in use");
    tls_bench_put(bench->files.cert_path, bench->files.client.pem, 0644);
    for (int i = 0; i < 3; i++) {
        pass(bench, 5000);
        send_heartbeat(bench, 0);
    }
    assert_error(bench, "");
    assert_int_equal(bench->daemons[0].connections, 2); /* they say the same as before */
}

/* A heartbeat every five seconds until `until` ms have passed. */
static void follow_for(struct bench *bench, int64_t until)
{
    while (bench->boot - B0 < until) {
        pass(bench, 5000);
        send_heartbeat(bench, 0);
    }
}

static void the_end_of_our_certificate_is_announced_and_told(void **state)
{
    struct bench *bench = *state;
    cert_fini(&bench->files.client);
    bench->files.client = tls_bench_renew(&bench->files, &bench->files.ca, 600); /* of 4200 s */
    start(bench, 1);
    send_snapshot(bench, 0);
    follow_for(bench, 170000);
    assert_error(bench, "");
    follow_for(bench, 190000); /* less than 420 s are left */
    assert_error(bench, "our certificate ends in 4");
    assert_error(bench, "and no newer one is there");
    follow_for(bench, 600000);
    assert_error(bench, "our certificate has expired and no newer one is there");
    fake_daemon_hang_up(&bench->daemons[0]); /* as stekd does then */
    settle(bench);
    pass_a_retry(bench);
    assert_error(bench, "client.pem: the certificate expired on");
    cert_fini(&bench->files.client);
    bench->files.client = tls_bench_renew(&bench->files, &bench->files.ca, DAY_S);
    pass_a_retry(bench);
    assert_int_equal(watched(bench), 0);
    send_snapshot(bench, 0);
    assert_error(bench, "");
}

/* R10 for TLS: certificates are judged by the fleet's time. */
static void a_host_clock_that_jumps_costs_no_connection(void **state)
{
    struct bench *bench = *state;
    start(bench, 1);
    send_snapshot(bench, 0);
    bench->wall_skew = INT64_C(3650) * DAY_S * 1000;
    fake_daemon_hang_up(&bench->daemons[0]);
    settle(bench);
    pass_a_retry(bench);
    assert_int_equal(watched(bench), 0);
    send_snapshot(bench, 0);
    assert_error(bench, "");
    assert_in_range(ringmap_skew(bench->map), bench->wall_skew - 1, bench->wall_skew + 1);
}

static void a_host_clock_that_is_wrong_from_the_start_is_said(void **state)
{
    struct bench *bench = *state;
    start(bench, 1);
    pilot_free(bench->pilot);
    fake_daemon_hang_up(&bench->daemons[0]);
    credentials_free(bench->credentials);
    bench->credentials = NULL;
    const struct credentials_paths paths = {bench->files.ca_path, bench->files.cert_path,
                                            bench->files.key_path};
    struct errbuf why = {""};
    bench->pilot = NULL;
    bench->wall_skew = -T0; /* 1970 */
    assert_int_equal(credentials_new(&paths, read_wall(bench), &bench->credentials, &why),
                     ERR_INVALID);
    assert_non_null(strstr(why.text, "is this host's clock right?"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_daemon_is_followed_by_mutual_tls),
        TEST(the_watch_is_opened_when_the_handshake_is_over_and_not_before),
        TEST(a_wrong_certificate_is_trouble_and_the_next_endpoint_serves),
        TEST(a_certificate_of_ours_that_is_refused_is_said),
        TEST(a_peer_that_accepts_and_says_nothing_is_left_in_time),
        TEST(a_short_sync_interval_shortens_the_patience),
        TEST(time_spent_before_the_watch_is_taken_from_its_patience),
        TEST(a_black_hole_is_left_in_time),
        TEST(of_two_addresses_the_second_serves_when_the_first_is_a_black_hole),
        TEST(a_name_that_is_found_late_is_asked_for_once),
        TEST(a_renewed_certificate_gets_a_new_connection_without_trouble),
        TEST(a_broken_renewal_is_reported_and_the_connection_stays),
        TEST(the_end_of_our_certificate_is_announced_and_told),
        TEST(a_host_clock_that_jumps_costs_no_connection),
        TEST(a_host_clock_that_is_wrong_from_the_start_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
