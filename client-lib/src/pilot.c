/* SPDX-License-Identifier: Apache-2.0 */
#include "src/pilot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/fleet_clock.h"
#include "src/follower.h"
#include "src/renewal.h"

#define TIMEOUT_MAX_MS INT64_C(60000)
#define LOG_AGAIN_MS   INT64_C(60000) /* between two lines about one realm's continuing trouble */
#define TROUBLE_MAX    256
#define ROUNDS_MAX     4u /* from then on a stale daemon is left no more rarely */

struct realm {
    struct follower follower;
    char trouble[TROUBLE_MAX]; /* "" when all is well */
    int64_t logged_at;         /* boot ms */
    int64_t stay_until;        /* boot ms: as long a stale daemon is given time; 0: all is well */
    unsigned int moves;        /* left stale daemons in a row */
};

struct pilot {
    struct pilot_config config;
    struct conn *conn;
    struct fleet_clock fleet;
    struct renewal renewal;
    const char *names[RINGMAP_REALMS_MAX];
    size_t realm_count;
    struct realm realms[RINGMAP_REALMS_MAX];
};

static int64_t boot_ms(const struct pilot *pilot)
{
    return clock_boot_ms(pilot->config.clock);
}

/* --- reporting ------------------------------------------------------------------------------- */

static void log_line(const struct pilot *pilot, size_t realm, enum pilot_level level,
                     const char *text)
{
    char line[sizeof(struct errbuf) + REALM_NAME_MAX + 16]; /* the longest sentence there is */
    if (pilot->config.log != NULL) {
        (void)snprintf(line, sizeof(line), "realm %s: %s", pilot->names[realm], text);
        pilot->config.log(pilot->config.log_arg, level, line);
    }
}

/* Retries say the same again and again, or each endpoint its own: one line when it begins, one a
 * minute while it lasts, one when it ends. */
static void on_trouble(void *ctx, size_t realm, const char *why)
{
    struct pilot *pilot = ctx;
    struct realm *mine = &pilot->realms[realm];
    const int64_t now = boot_ms(pilot);
    const bool was_well = mine->trouble[0] == '\0';
    const bool is_well = why[0] == '\0';
    if (was_well && is_well) {
        return;
    }
    (void)snprintf(mine->trouble, sizeof(mine->trouble), "%s", why);
    ringmap_set_error(pilot->config.map, realm, mine->trouble);
    if (is_well) {
        log_line(pilot, realm, PILOT_INFO, "followed again");
    } else if (was_well || now - mine->logged_at >= LOG_AGAIN_MS) {
        mine->logged_at = now;
        log_line(pilot, realm, PILOT_WARNING, mine->trouble);
    }
}

static void ack(struct pilot *pilot, size_t realm, bool is_installed)
{
    const struct ringmap *map = pilot->config.map;
    struct wire_watch_ack report = {
        .has_digest = is_installed,
        .counters =
            {
                .issued = ringmap_total(map, realm, COUNT_ISSUED),
                .decrypted = ringmap_total(map, realm, COUNT_DECRYPTED),
                .renewed = ringmap_total(map, realm, COUNT_RENEWED),
                .unknown_key = ringmap_total(map, realm, COUNT_UNKNOWN_KEY),
                .refused_old = ringmap_total(map, realm, COUNT_REFUSED_OLD),
                .no_key = ringmap_total(map, realm, COUNT_NO_KEY),
                .policy_mismatch = ringmap_total(map, realm, COUNT_POLICY_MISMATCH),
            },
        .clock_skew_ms = ringmap_skew(map),
    };
    if (is_installed) {
        memcpy(report.digest, pilot->realms[realm].follower.digest, DIGEST_LEN);
    }
    conn_ack(pilot->conn, realm, &report);
}

/* --- time ------------------------------------------------------------------------------------ */

/* Takes a daemon's word about the time as far as R10 allows. False: so far off that it is being
 * left for another. */
static bool hear_time(struct pilot *pilot, const struct wire_moment *moment, int64_t asked_ms,
                      int64_t heard_ms)
{
    const size_t daemon = conn_endpoint(pilot->conn);
    const enum fleet_clock_verdict verdict =
        asked_ms >= 0 ? fleet_clock_answer(&pilot->fleet, daemon, asked_ms, heard_ms,
                                           moment->server_time_ms, moment->suspect)
                      : fleet_clock_heartbeat(&pilot->fleet, daemon, heard_ms,
                                              moment->server_time_ms, moment->suspect);
    if (verdict == FLEET_CLOCK_TAKEN) {
        const int64_t fleet_ms = fleet_clock_now(&pilot->fleet, heard_ms);
        ringmap_set_time(pilot->config.map, heard_ms, fleet_ms);
        ringmap_set_skew(pilot->config.map,
                         clock_between_ms(fleet_ms, clock_wall_ms(pilot->config.clock)));
    } else if (verdict == FLEET_CLOCK_DISSENT && pilot->config.endpoint_count > 1) {
        conn_leave(pilot->conn, "its clock differs from the fleet's by more than 2s; asking "
                                "another daemon");
        return false;
    }
    return true;
}

static int64_t fleet_now(const struct pilot *pilot, int64_t boot)
{
    return ringmap_now(pilot->config.map, boot);
}

/* The fleet's once it is known: a host whose clock is wrong would take good certificates for
 * expired. */
static int64_t best_wall(void *ctx)
{
    const struct pilot *pilot = ctx;
    const int64_t now = fleet_now(pilot, boot_ms(pilot));
    return now != 0 ? now : clock_wall_ms(pilot->config.clock);
}

/* --- following ------------------------------------------------------------------------------- */

static enum err publish(struct pilot *pilot, size_t realm, struct errbuf *why)
{
    const struct ringmap_view view = follower_view(&pilot->realms[realm].follower);
    const enum err rc = ringmap_publish(pilot->config.map, realm, &view);
    if (rc != ERR_OK) {
        errbuf_set(why, "cannot publish the keyring to this host's processes: %s", err_text(rc));
    }
    return rc;
}

static void log_given_up(const struct pilot *pilot, size_t realm, size_t count)
{
    struct errbuf line;
    errbuf_set(&line,
               "more than %d usable keys: the %zu that end first are given up, and their "
               "tickets mean full handshakes here",
               RINGMAP_LIVE_MAX, count);
    log_line(pilot, realm, PILOT_WARNING, line.text);
}

static enum err install(struct pilot *pilot, size_t realm, const struct wire_snapshot *snapshot,
                        int64_t heard_ms, struct errbuf *why)
{
    const int64_t now = fleet_now(pilot, heard_ms);
    if (now == 0) {
        errbuf_set(why, "this daemon distrusts its own clock, and no other has told the time yet");
        return ERR_UNAVAILABLE;
    }
    const struct follower *follower = &pilot->realms[realm].follower;
    const enum err rc = follower_accept(&pilot->realms[realm].follower, snapshot, now, why);
    if (rc != ERR_OK) {
        return rc;
    }
    if (follower->given_up > 0) {
        log_given_up(pilot, realm, follower->given_up);
    }
    return publish(pilot, realm, why);
}

/* How long a daemon is given to bring news that are new enough: once round all endpoints quickly,
 * for one of them may be well; then ever more rarely, for it is probably the store that is away. */
static int64_t time_to_stay(const struct pilot *pilot, const struct realm *mine)
{
    const int64_t sync_interval = mine->follower.policy.sync_interval_ms;
    const unsigned int round = mine->moves / (unsigned int)pilot->config.endpoint_count;
    if (round == 0) {
        return sync_interval / 4;
    }
    return sync_interval << (round < ROUNDS_MAX ? round : ROUNDS_MAX);
}

/* L2. A daemon that speaks but cannot read the store, or distrusts its clock, keeps nobody synced;
 * another may. */
static void leave_if_stale(struct pilot *pilot, size_t realm, int64_t heard_ms)
{
    struct realm *mine = &pilot->realms[realm];
    const struct follower *follower = &mine->follower;
    const int64_t age = clock_between_ms(follower->as_of, fleet_now(pilot, heard_ms));
    if (pilot->config.endpoint_count == 1 || !follower->has_snapshot) {
        return;
    }
    if (age <= follower->policy.sync_interval_ms) {
        mine->stay_until = 0;
        mine->moves = 0;
    } else if (mine->stay_until == 0) {
        mine->stay_until = clock_add_ms(heard_ms, time_to_stay(pilot, mine));
    } else if (heard_ms >= mine->stay_until) {
        mine->moves++;
        mine->stay_until = clock_add_ms(heard_ms, time_to_stay(pilot, mine));
        conn_leave(pilot->conn, "what it tells is older than sync_interval; asking another daemon");
    }
}

/* What is wrong with a realm that is being followed. */
static void note_well(struct pilot *pilot, size_t realm, bool is_suspect)
{
    on_trouble(pilot, realm,
               is_suspect ? "this daemon distrusts its own clock: its times are ignored"
                          : pilot->renewal.trouble.text);
}

static bool on_snapshot(void *ctx, size_t realm, const struct wire_snapshot *snapshot,
                        int64_t asked_ms, int64_t heard_ms)
{
    struct pilot *pilot = ctx;
    struct errbuf why = {""};
    const bool is_staying = hear_time(pilot, &snapshot->moment, asked_ms, heard_ms);
    if (install(pilot, realm, snapshot, heard_ms, &why) != ERR_OK) {
        conn_leave(pilot->conn, why.text);
        return false;
    }
    conn_set_sync_interval(pilot->conn, realm, snapshot->policy.sync_interval_ms);
    if (is_staying) {
        note_well(pilot, realm, snapshot->moment.suspect);
        ack(pilot, realm, true);
        leave_if_stale(pilot, realm, heard_ms);
    }
    return true;
}

static void on_heartbeat(void *ctx, size_t realm, const struct wire_heartbeat *heartbeat,
                         int64_t asked_ms, int64_t heard_ms)
{
    struct pilot *pilot = ctx;
    struct follower *follower = &pilot->realms[realm].follower;
    const bool is_staying = hear_time(pilot, &heartbeat->moment, asked_ms, heard_ms);
    if (follower_heartbeat(follower, heartbeat, fleet_now(pilot, heard_ms))) {
        ringmap_set_as_of(pilot->config.map, realm, follower->as_of);
    }
    if (is_staying) {
        note_well(pilot, realm, heartbeat->moment.suspect);
        ack(pilot, realm, false);
        leave_if_stale(pilot, realm, heard_ms);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

static enum err take_over_realm(struct pilot *pilot, size_t realm)
{
    struct realm *mine = &pilot->realms[realm];
    pilot->names[realm] = ringmap_realm_name(pilot->config.map, realm);
    ringmap_get_error(pilot->config.map, realm, mine->trouble, sizeof(mine->trouble));
    mine->logged_at = boot_ms(pilot);
    enum err rc = follower_init(&mine->follower, pilot->names[realm]);
    if (rc == ERR_OK) {
        rc = follower_import(&mine->follower, pilot->config.map, realm);
    }
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static void take_over_time(struct pilot *pilot)
{
    const int64_t boot = boot_ms(pilot);
    const int64_t now = fleet_now(pilot, boot);
    fleet_clock_init(&pilot->fleet);
    if (now != 0) {
        fleet_clock_import(&pilot->fleet, boot, now);
    }
}

static enum err connect_up(struct pilot *pilot)
{
    const struct conn_config config = {
        .endpoints = pilot->config.endpoints,
        .endpoint_count = pilot->config.endpoint_count,
        .realms = pilot->names,
        .realm_count = pilot->realm_count,
        .frontend = pilot->config.frontend,
        .library_version = STEK_CLIENT_VERSION,
        .seed = pilot->config.seed,
        .credentials = pilot->config.credentials,
    };
    const struct conn_events events = {
        .on_snapshot = on_snapshot,
        .on_heartbeat = on_heartbeat,
        .on_trouble = on_trouble,
        .wall_ms = best_wall,
    };
    const enum err rc = conn_new(&config, &events, pilot, &pilot->conn);
    for (size_t i = 0; rc == ERR_OK && i < pilot->realm_count; i++) {
        const struct follower *follower = &pilot->realms[i].follower;
        if (follower->has_snapshot) {
            conn_set_sync_interval(pilot->conn, i, follower->policy.sync_interval_ms);
        }
    }
    return rc;
}

enum err pilot_new(const struct pilot_config *config, struct pilot **out_pilot)
{
    struct pilot *pilot = calloc(1, sizeof(*pilot));
    if (pilot == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = ERR_OK;
    pilot->config = *config;
    pilot->realm_count = ringmap_realm_count(config->map);
    for (size_t i = 0; i < pilot->realm_count && rc == ERR_OK; i++) {
        rc = take_over_realm(pilot, i);
    }
    renewal_init(&pilot->renewal, config->credentials);
    if (rc == ERR_OK) {
        take_over_time(pilot);
        rc = connect_up(pilot);
    }
    if (rc != ERR_OK) {
        pilot_free(pilot);
        return rc;
    }
    *out_pilot = pilot;
    return ERR_OK;
}

void pilot_free(struct pilot *pilot)
{
    if (pilot == NULL) {
        return;
    }
    conn_free(pilot->conn);
    for (size_t i = 0; i < pilot->realm_count; i++) {
        follower_fini(&pilot->realms[i].follower);
    }
    free(pilot);
}

int pilot_fd(const struct pilot *pilot)
{
    return conn_fd(pilot->conn);
}

short pilot_wants(const struct pilot *pilot)
{
    return conn_wants(pilot->conn);
}

int pilot_timeout_ms(const struct pilot *pilot)
{
    const int64_t boot = boot_ms(pilot);
    const int64_t now = fleet_now(pilot, boot);
    int64_t wait = clock_between_ms(boot, conn_deadline(pilot->conn));
    const int64_t look = clock_between_ms(boot, renewal_due(&pilot->renewal));
    wait = look < wait ? look : wait;
    for (size_t i = 0; i < pilot->realm_count && now != 0; i++) {
        const int64_t due = follower_next_due(&pilot->realms[i].follower, now);
        const int64_t mine = clock_between_ms(now, due);
        wait = mine < wait ? mine : wait;
    }
    wait = wait < TIMEOUT_MAX_MS ? wait : TIMEOUT_MAX_MS;
    return wait > 0 ? (int)wait : 0;
}

/* L4: what is over is wiped on time, idle or cut off. */
static void tick(struct pilot *pilot)
{
    const int64_t now = fleet_now(pilot, boot_ms(pilot));
    for (size_t i = 0; i < pilot->realm_count && now != 0; i++) {
        struct errbuf why = {""};
        if (follower_tick(&pilot->realms[i].follower, now) && publish(pilot, i, &why) != ERR_OK) {
            on_trouble(pilot, i, why.text);
        }
    }
}

void pilot_step(struct pilot *pilot, bool is_ready)
{
    renewal_step(&pilot->renewal, boot_ms(pilot), best_wall(pilot));
    conn_step(pilot->conn, boot_ms(pilot), is_ready);
    tick(pilot);
}
