/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_reply.h"

#include <string.h>

#define QUOTED_MAX 160

static const struct {
    const char *word; /* the first of the reply */
    enum err code;
    enum redis_next next;
    const char *sentence;
} rows[] = {
    {"NOAUTH", ERR_DENIED, REDIS_NEXT_REDIAL, "Redis asks for a password: set store.password_file"},
    {"WRONGPASS", ERR_DENIED, REDIS_NEXT_REDIAL,
     "Redis refuses this user and password: see store.username and store.password_file"},
    {"NOPERM", ERR_DENIED, REDIS_NEXT_KEEP, "Redis does not let our user do this"},
    {"READONLY", ERR_UNAVAILABLE, REDIS_NEXT_REDIAL,
     "this Redis is a read-only replica: store.address must lead to the master"},
    {"LOADING", ERR_UNAVAILABLE, REDIS_NEXT_KEEP, "Redis is loading its data"},
    {"BUSY", ERR_UNAVAILABLE, REDIS_NEXT_KEEP, "Redis is busy with somebody's script"},
    {"OOM", ERR_UNAVAILABLE, REDIS_NEXT_KEEP, "Redis is out of memory (maxmemory)"},
    {"MISCONF", ERR_UNAVAILABLE, REDIS_NEXT_KEEP,
     "Redis takes no writes, for it cannot save to its disk"},
    {"MASTERDOWN", ERR_UNAVAILABLE, REDIS_NEXT_REDIAL, "this Redis is a replica without a master"},
    {"NOREPLICAS", ERR_UNAVAILABLE, REDIS_NEXT_KEEP,
     "Redis takes no writes, for it has too few replicas"},
    {"NOSCRIPT", ERR_UNAVAILABLE, REDIS_NEXT_EVAL, "Redis does not know our script"},
    {"WRONGTYPE", ERR_INVALID, REDIS_NEXT_KEEP,
     "the key holds something else than a string, so it is not ours: delete it or set "
     "store.prefix"},
    {"MOVED", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, "Redis Cluster is not in this version"},
    {"CLUSTERDOWN", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, "Redis Cluster is not in this version"},
    {"DENIED", ERR_DENIED, REDIS_NEXT_REDIAL, "Redis runs in protected mode"},
};

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
    size_t word = strcspn(quoted, " ");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strlen(rows[i].word) == word && strncmp(quoted, rows[i].word, word) == 0) {
            errbuf_set(why, "%s (%s)", rows[i].sentence, quoted);
            return (struct redis_refusal){rows[i].code, rows[i].next};
        }
    }
    errbuf_set(why, "Redis refuses: %s", quoted);
    return other;
}
