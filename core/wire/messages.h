/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RPC messages as plain structs, so that nobody outside core/wire sees a generated name.
 * Strings are NUL terminated and already checked; a message that breaks a limit does not decode.
 */
#ifndef STEK_WIRE_MESSAGES_H
#define STEK_WIRE_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "keyring/keyring.h"
#include "keyring/policy.h"

#define WIRE_LABEL_MAX     127    /* a frontend's name, a library version, a deployment */
#define WIRE_IDENTITY_MAX  255    /* whose connection it is, in words */
#define WIRE_REASON_MAX    500    /* why an operator acts */
#define WIRE_MESSAGE_MAX   262144 /* bytes of one gRPC message, either direction */
#define WIRE_VERSION_LEN   16
#define WIRE_PROBLEMS_MAX  16
#define WIRE_REALMS_MAX    1024
#define WIRE_FRONTENDS_MAX 4096 /* in one answer; fewer if they do not fit its bytes */
#define WIRE_KEK_ID_LEN    8
#define WIRE_SENTENCE_MAX  383 /* what went wrong, for people; as long as a struct errbuf */

struct wire_moment {
    int64_t server_time_ms;
    int64_t as_of_ms;
    bool suspect;
};

/* Owns its ring: wire_snapshot_fini(). */
struct wire_snapshot {
    struct keyring ring;
    uint8_t digest[DIGEST_LEN];
    struct policy policy;
    struct wire_moment moment;
};

void wire_snapshot_fini(struct wire_snapshot *snapshot);

struct wire_get_keyring {
    char realm[REALM_NAME_MAX + 1];
    char frontend[WIRE_LABEL_MAX + 1];
};

struct wire_watch_open {
    char realm[REALM_NAME_MAX + 1];
    char frontend[WIRE_LABEL_MAX + 1];
    char library_version[WIRE_LABEL_MAX + 1];
    bool has_digest;
    uint8_t digest[DIGEST_LEN];
};

struct wire_counters {
    uint64_t issued;
    uint64_t decrypted;
    uint64_t renewed;
    uint64_t unknown_key;
    uint64_t refused_old;
    uint64_t no_key;
    uint64_t policy_mismatch;
};

struct wire_watch_ack {
    bool has_digest;
    uint8_t digest[DIGEST_LEN];
    struct wire_counters counters;
    int64_t clock_skew_ms;
};

enum wire_watch_request_kind { WIRE_WATCH_OPEN, WIRE_WATCH_ACK };

struct wire_watch_request {
    enum wire_watch_request_kind kind;
    union {
        struct wire_watch_open open;
        struct wire_watch_ack ack;
    } as;
};

struct wire_heartbeat {
    uint8_t digest[DIGEST_LEN];
    struct wire_moment moment;
};

enum wire_watch_response_kind { WIRE_WATCH_SNAPSHOT, WIRE_WATCH_HEARTBEAT };

struct wire_watch_response {
    enum wire_watch_response_kind kind;
    union {
        struct wire_snapshot snapshot;
        struct wire_heartbeat heartbeat;
    } as;
};

/* The record of one realm (proto/stek/v1/record.proto). Owns its ring. */
struct wire_record {
    uint8_t version[WIRE_VERSION_LEN];
    uint64_t revision;
    uint8_t policy_hash[POLICY_HASH_LEN];
    char writer[WIRE_LABEL_MAX + 1];
    struct keyring ring;
};

void wire_record_fini(struct wire_record *record);

struct wire_store_status {
    char type[16];
    bool reachable;
    char last_error[WIRE_SENTENCE_MAX + 1];
    int64_t last_read_ms;
};

struct wire_realm_status {
    char realm[REALM_NAME_MAX + 1];
    bool ready;
    uint8_t digest[DIGEST_LEN];
    uint64_t revision;
    uint32_t keys;
    uint32_t tombstones;
    bool has_active;
    uint8_t active_name[KEY_NAME_LEN];
    int64_t active_since_ms;
    int64_t next_active_ms;
    uint32_t watchers;
    uint32_t watchers_current;
    int64_t as_of_ms;
    struct policy policy;
    char problem[WIRE_SENTENCE_MAX + 1];
};

/* Owns `realms` (malloc): wire_status_fini(). Also carries ListRealms (the rest is then zero). */
struct wire_status {
    char version[WIRE_LABEL_MAX + 1];
    char deployment[WIRE_LABEL_MAX + 1];
    struct wire_moment moment;
    int64_t started_ms;
    struct wire_store_status store;
    uint32_t connections;
    struct wire_realm_status *realms;
    size_t realm_count;
    char problems[WIRE_PROBLEMS_MAX][WIRE_SENTENCE_MAX + 1];
    size_t problem_count;
};

void wire_status_fini(struct wire_status *status);

struct wire_key_info {
    uint8_t name[KEY_NAME_LEN];
    char state[16];
    int64_t published_at;
    int64_t active_from;
    int64_t retired_from;
    int64_t dropped_from;
    int64_t forgotten_from;
    bool revoked;
    bool encrypting;
};

/* Owns `keys` (malloc): wire_key_list_fini(). */
struct wire_key_list {
    char realm[REALM_NAME_MAX + 1];
    struct wire_key_info *keys;
    size_t count;
    uint8_t digest[DIGEST_LEN];
    struct wire_moment moment;
};

void wire_key_list_fini(struct wire_key_list *list);

struct wire_rotate {
    char realm[REALM_NAME_MAX + 1];
    uint8_t retire[KEY_NAME_LEN];
    char reason[WIRE_REASON_MAX + 1];
};

struct wire_rotated {
    bool changed;
    int64_t at_ms;
    bool has_promoted;
    uint8_t promoted[KEY_NAME_LEN];
    uint8_t digest[DIGEST_LEN];
    struct wire_moment moment;
};

enum wire_revoke_kind {
    WIRE_REVOKE_KEY,
    WIRE_REVOKE_ALL,
    WIRE_REVOKE_CHECK, /* changes nothing */
};

struct wire_revoke {
    char realm[REALM_NAME_MAX + 1];
    enum wire_revoke_kind kind;
    uint8_t name[KEY_NAME_LEN]; /* WIRE_REVOKE_KEY */
    char reason[WIRE_REASON_MAX + 1];
};

/* A frontend that is connected, or left and may still hold keys. */
struct wire_frontend {
    char realm[REALM_NAME_MAX + 1];
    char name[WIRE_LABEL_MAX + 1];
    char identity[WIRE_IDENTITY_MAX + 1];
    char library_version[WIRE_LABEL_MAX + 1];
    int64_t connected_at;
    int64_t left_at; /* 0: it is connected */
    int64_t last_heard;
    int64_t as_of; /* of what it holds; 0: not known */
    bool has_digest;
    uint8_t digest[DIGEST_LEN];
    int64_t installed_at;
    bool is_current;
    bool has_revocations;
    int64_t clock_skew_ms;
    struct wire_counters counters;
};

/* Owns `stragglers` (malloc): wire_revoked_fini(). */
struct wire_revoked {
    uint32_t keys; /* revoked by the call */
    bool has_promoted;
    uint8_t promoted[KEY_NAME_LEN];
    int64_t encrypts_from; /* 0: no key is scheduled */
    bool is_stored;
    char not_stored_why[WIRE_SENTENCE_MAX + 1];
    uint32_t confirmed;
    uint32_t frontends;
    struct wire_frontend *stragglers;
    size_t straggler_count;
    uint32_t stragglers_omitted;
    int64_t bound_ms;
    uint8_t digest[DIGEST_LEN];
    struct wire_moment moment;
};

void wire_revoked_fini(struct wire_revoked *revoked);

struct wire_realm_frontends {
    char realm[REALM_NAME_MAX + 1];
    bool ready;
    uint8_t digest[DIGEST_LEN];
    bool is_stored;
    char not_stored_why[WIRE_SENTENCE_MAX + 1];
    uint32_t connected;
    uint32_t current;
    uint32_t gone;
    uint32_t confirmed;
    uint64_t lost;
};

/* Owns `realms` and `frontends` (malloc): wire_frontend_list_fini(). */
struct wire_frontend_list {
    struct wire_realm_frontends *realms;
    size_t realm_count;
    struct wire_frontend *frontends;
    size_t count;
    uint32_t omitted;
    struct wire_moment moment;
};

void wire_frontend_list_fini(struct wire_frontend_list *list);

struct wire_rekey {
    char realm[REALM_NAME_MAX + 1];
    char reason[WIRE_REASON_MAX + 1];
};

struct wire_rekeyed {
    bool changed;
    uint8_t kek_before[WIRE_KEK_ID_LEN];
    uint8_t kek[WIRE_KEK_ID_LEN];
    struct wire_moment moment;
};

#endif
