/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole daemon behind its handlers, on simulated time, and gRPC clients joined to it in memory.
 *
 * Realms "web" (uid 33 reads, uid 50 operates) and "mail" (uid 34 reads); uid 7 operates all.
 */
#ifndef STEK_TESTS_UNIT_SERVE_WORLD_H
#define STEK_TESTS_UNIT_SERVE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "serve/call_set.h"
#include "serve/rpc_health.h"
#include "support/fake_time.h"
#include "wire/h2_session.h"

#define WORLD_REALMS  2
#define WORLD_SYNC_MS 1000
#define WORLD_LEAD_MS (2 * WORLD_SYNC_MS)
/* From the start until the first key encrypts and a second one may follow it at once: that one is
 * published by the first look after the start. */
#define WORLD_SETTLED_MS (WORLD_LEAD_MS + WORLD_SYNC_MS)

enum {
    UID_TOP = 7,
    UID_WEB_READER = 33,
    UID_MAIL_READER = 34,
    UID_WEB_OPERATOR = 50,
    UID_NOBODY = 99
};

struct world {
    struct fake_time *time;
    struct fake_random random;
    struct store *store;
    struct hub *hub;
    struct replica *replicas[WORLD_REALMS]; /* web, mail */
    struct rotator *rotators[WORLD_REALMS];
    struct service_realm service_realms[WORLD_REALMS];
    struct health *health;
    struct log *log;
    int log_fd;
    struct serve_lines lines;
    struct serve_stats stats;
    struct services services;
};

/* Built, not started: nothing is ready. */
struct world *world_new(void);
/* The same with the wall clock of this host, for what looks at the dates of real certificates. */
struct world *world_new_today(void);
/* Lets the replicas load; afterwards every realm is ready, and its first key not yet active. */
void world_start(struct world *world);
void world_free(struct world *world);
/* How many lines of the log have both. */
size_t world_count_logged(struct world *world, const char *one, const char *other);
bool world_has_logged(struct world *world, const char *one, const char *other);

/* What a client has seen of one of its calls. */
struct seen {
    int32_t stream;
    size_t messages;
    struct secret_buf last;
    bool is_closed;
    enum grpc_status status;
    char message[512];
};

#define CLIENT_CALLS_MAX 16

struct client {
    struct world *world;
    struct peer peer;
    struct call_set *calls;
    struct h2_session *session;
    struct seen seen[CLIENT_CALLS_MAX];
    size_t count;
    size_t outputs; /* how often the set has said that there is something to send */
};

/* Starts as {0}. */
void client_init(struct client *client, struct world *world, uint32_t uid);
void client_fini(struct client *client);

/* Carries bytes both ways until there are none. */
void client_pump(struct client *client);
/* Lets time pass, pumping before and after every step. */
void client_run(struct client *client, int64_t ms);

/* Opens a call and pumps. */
struct seen *client_open(struct client *client, const char *path, int64_t timeout_ms);
/* Sends and frees one encoded message, and pumps. */
void client_send(struct client *client, struct seen *seen, enum err encoded,
                 struct secret_buf *message);
void client_half_close(struct client *client, struct seen *seen);
/* A unary call with its message. */
struct seen *client_ask(struct client *client, const char *path, enum err encoded,
                        struct secret_buf *message);

/* Fails the test unless the call was closed with this, and `part` stands in its message. */
void seen_must_end(const struct seen *seen, enum grpc_status status, const char *part);
struct slice seen_last(const struct seen *seen);

#endif
