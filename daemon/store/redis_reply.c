/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_reply.h"

#include <string.h>

#define QUOTED_MAX 160

#define CLUSTER_SENTENCE "Redis Cluster is not supported: store.address must be a Redis of its own"

static const struct {
    const char *start; /* of the reply, up to the end or a space */
    enum err code;
    enum redis_next next;
    const char *sentence;
} rows[] = {
    {"NOAUTH", ERR_DENIED, REDIS_NEXT_REDIAL, "Redis asks for a password: set store.password_file"},
    {"WRONGPASS", ERR_DENIED, REDIS_NEXT_REDIAL,
     "Redis refuses this user and password: see store.username and store.password_file"},
    {"ERR AUTH <password> called without any password configured", ERR_DENIED, REDIS_NEXT_REDIAL,
     "Redis has no password for this user: take store.password_file away, or give it one"},
    {"NOPERM", ERR_DENIED, REDIS_NEXT_KEEP,
     "Redis does not let our user do this: see the README for the rules its ACL must have"},
    {"DENIED", ERR_DENIED, REDIS_NEXT_REDIAL,
     "Redis runs in protected mode: give it a password, or its own address to listen on"},
    {"READONLY", ERR_UNAVAILABLE, REDIS_NEXT_REDIAL,
     "this Redis is a read-only replica: store.address must lead to the master, or set "
     "store.sentinel"},
    {"MASTERDOWN", ERR_UNAVAILABLE, REDIS_NEXT_REDIAL,
     "this Redis is a replica without its master: store.address must lead to the master, or set "
     "store.sentinel"},
    {"LOADING", ERR_UNAVAILABLE, REDIS_NEXT_KEEP, "Redis is loading its data: it will be done"},
    {"BUSY", ERR_UNAVAILABLE, REDIS_NEXT_KEEP,
     "Redis is busy with somebody's script: wait, or SCRIPT KILL it"},
    {"OOM", ERR_UNAVAILABLE, REDIS_NEXT_KEEP, "Redis is out of memory: raise its maxmemory"},
    {"MISCONF", ERR_UNAVAILABLE, REDIS_NEXT_KEEP,
     "Redis takes no writes, for it cannot save to its disk: see its log"},
    {"NOREPLICAS", ERR_UNAVAILABLE, REDIS_NEXT_KEEP,
     "Redis takes no writes, for it has too few replicas (min-replicas-to-write)"},
    {"ERR max number of clients reached", ERR_UNAVAILABLE, REDIS_NEXT_REDIAL,
     "Redis has as many clients as it takes: raise its maxclients"},
    {"NOSCRIPT", ERR_UNAVAILABLE, REDIS_NEXT_EVAL, "Redis does not know our script"},
    {"WRONGTYPE", ERR_INVALID, REDIS_NEXT_KEEP,
     "the key holds something else than a string, so it is not ours: delete it or set "
     "store.prefix"},
    {"ERR unknown command", ERR_UNSUPPORTED, REDIS_NEXT_KEEP,
     "Redis lacks a command that is needed: it must be 6.2 or later, and rename none"},
    {"MOVED", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, CLUSTER_SENTENCE},
    {"ASK", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, CLUSTER_SENTENCE},
    {"TRYAGAIN", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, CLUSTER_SENTENCE},
    {"CROSSSLOT", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, CLUSTER_SENTENCE},
    {"CLUSTERDOWN", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, CLUSTER_SENTENCE},
};

static bool starts_with(const char *text, const char *start)
{
    const size_t len = strlen(start);

    return strncmp(text, start, len) == 0 && strchr(" ,.", text[len]) != NULL; /* NUL, too */
}

static void quote(const char *text, size_t len, char out[QUOTED_MAX + 1])
{
    size_t kept = len < QUOTED_MAX ? len : QUOTED_MAX;

    for (size_t i = 0; i < kept; i++) {
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    }
    out[kept] = '\0';
}

struct redis_refusal redis_reply_classify(const char *text, size_t len, struct errbuf *why)
{
    struct redis_refusal other = {ERR_REFUSED, REDIS_NEXT_KEEP};
    char quoted[QUOTED_MAX + 1];

    quote(text, len, quoted);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (starts_with(quoted, rows[i].start)) {
            errbuf_set(why, "%s (%s)", rows[i].sentence, quoted);
            return (struct redis_refusal){rows[i].code, rows[i].next};
        }
    }
    errbuf_set(why, "Redis refuses: %s", quoted);
    return other;
}
