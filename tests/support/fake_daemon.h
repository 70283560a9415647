/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's end of a watch, as a test wants it: listens on a Unix socket of its own, or by TLS
 * on a port of the loopback, serves one connection at a time, says only what it is told to. No
 * thread: fake_daemon_step() does what can be done without waiting. Everything here aborts when it
 * cannot do its work.
 */
#ifndef STEK_TESTS_SUPPORT_FAKE_DAEMON_H
#define STEK_TESTS_SUPPORT_FAKE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "wire/h2_session.h"
#include "wire/messages.h"

#define FAKE_DAEMON_STREAMS 8

struct fake_daemon_watch {
    int32_t stream; /* 0: over */
    bool is_open;   /* the open message has come */
    struct wire_watch_open open;
    size_t acks;
    struct wire_watch_ack last_ack;
};

struct fake_daemon {
    char directory[32];
    char path[64];     /* of the socket */
    char endpoint[72]; /* "unix:" and the path; or 127.0.0.1 and the port */
    uint16_t port;
    SSL_CTX *tls; /* borrowed; NULL: plain. May be set to another between connections */
    SSL *ssl;
    bool is_shaken;
    char tls_trouble[384]; /* why the last handshake that failed did */
    int listener;
    int fd; /* -1: nobody is connected */
    struct h2_session *h2;
    bool is_deaf;                                          /* accepts and reads nothing */
    size_t connections;                                    /* ever */
    struct fake_daemon_watch watches[FAKE_DAEMON_STREAMS]; /* in order of opening */
    size_t watch_count;
    /* How a unary call is answered: with `reply`, or with a status. */
    enum grpc_status unary_status;
    const char *unary_message;
    size_t unary_replies; /* messages sent before the status; 1 is right */
    uint8_t unary_request[64];
    size_t unary_request_len;
};

void fake_daemon_start(struct fake_daemon *daemon);
/* On 127.0.0.1, or on ::1. */
void fake_daemon_start_tls(struct fake_daemon *daemon, SSL_CTX *context, bool is_v6);
void fake_daemon_stop(struct fake_daemon *daemon);

/* Accepts, reads, answers. True when anything happened. */
bool fake_daemon_step(struct fake_daemon *daemon);
/* Closes the connection, without a word. */
void fake_daemon_hang_up(struct fake_daemon *daemon);
/* Sends bytes as they are. */
void fake_daemon_send_raw(struct fake_daemon *daemon, const void *bytes, size_t len);
/* GOAWAY. */
void fake_daemon_say_goaway(struct fake_daemon *daemon);

/* NULL when that realm is not being watched. */
struct fake_daemon_watch *fake_daemon_find(struct fake_daemon *daemon, const char *realm);
/* With the digest that belongs to the ring, which is copied. */
void fake_daemon_send_snapshot(struct fake_daemon *daemon, const struct keyring *ring,
                               const struct policy *policy, const struct wire_moment *moment);
void fake_daemon_send_heartbeat(struct fake_daemon *daemon, const struct keyring *ring,
                                const struct wire_moment *moment);
void fake_daemon_send_message(struct fake_daemon *daemon, const char *realm, const void *bytes,
                              size_t len);
void fake_daemon_finish(struct fake_daemon *daemon, const char *realm, enum grpc_status status,
                        const char *message);

#endif
