/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_sentinels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/text.h"
#include "store/redis_reply.h"

#define PORT_MOST    65535UL
#define PORT_TEXT    6 /* with its NUL */
#define SWITCH_WORDS 5

enum err redis_sentinels_init(struct redis_sentinels *sentinels,
                              const struct redis_sentinel_options *options)
{
    enum err rc = text_copy(sentinels->master, sizeof(sentinels->master), options->master);

    if (rc != ERR_OK || options->count == 0 || options->count > REDIS_SENTINELS_MAX) {
        return ERR_LIMIT;
    }
    sentinels->at = calloc(options->count, sizeof(*sentinels->at));
    if (sentinels->at == NULL) {
        return ERR_NOMEM;
    }
    sentinels->count = options->count;
    for (size_t i = 0; i < options->count && rc == ERR_OK; i++) {
        rc = redis_endpoint_init(&sentinels->at[i], NULL, options->at[i].host, options->at[i].port);
    }
    return rc;
}

void redis_sentinels_fini(struct redis_sentinels *sentinels)
{
    free(sentinels->at);
    *sentinels = (struct redis_sentinels){0};
}

void redis_sentinels_prefer(struct redis_sentinels *sentinels, size_t index)
{
    sentinels->first = index;
}

void redis_sentinels_distrust(struct redis_sentinels *sentinels, size_t index)
{
    if (sentinels->first == index) {
        sentinels->first = (index + 1) % sentinels->count;
    }
}

/* --- what they say --- */

/* A host: an address or a name, of the bytes both are made of. */
static bool is_host(const char *text, size_t len)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";

    return len > 0 && len <= REDIS_SERVER_HOST_MAX && strlen(text) == len &&
           strspn(text, allowed) == len;
}

static bool is_port(const char *text, size_t len, uint16_t *out_port)
{
    if (len == 0 || len >= PORT_TEXT || strlen(text) != len || strspn(text, "0123456789") != len) {
        return false;
    }
    unsigned long port = strtoul(text, NULL, 10);
    if (port == 0 || port > PORT_MOST) {
        return false;
    }
    *out_port = (uint16_t)port;
    return true;
}

static bool read_endpoint(const struct slice *host, const struct slice *port,
                          struct redis_endpoint *out_at)
{
    uint16_t number = 0;

    return is_host((const char *)host->at, host->len) &&
           is_port((const char *)port->at, port->len, &number) &&
           redis_endpoint_init(out_at, NULL, (const char *)host->at, number) == ERR_OK;
}

static struct slice slice_of(const redisReply *reply)
{
    return (struct slice){(const uint8_t *)reply->str, (size_t)reply->len};
}

/* What concerns Sentinels alone; the rest is as Redis would mean it. */
static enum err read_refusal(const redisReply *reply, struct errbuf *why)
{
    if (strncmp(reply->str, "NOAUTH", 6) == 0) {
        errbuf_set(why, "it asks for a password, and Sentinels are asked without one: let its "
                        "default user do sentinel, subscribe and ping");
        return ERR_DENIED;
    }
    if (strncmp(reply->str, "ERR unknown command", 19) == 0) {
        errbuf_set(why, "it is no Sentinel: see store.sentinel.addresses");
        return ERR_UNSUPPORTED;
    }
    return redis_reply_classify(reply->str, (size_t)reply->len, why).code;
}

enum err redis_sentinels_read_master(const redisReply *reply, const char *master,
                                     struct redis_endpoint *out_at, struct errbuf *why)
{
    struct redis_endpoint at;

    if (reply->type == REDIS_REPLY_ERROR) {
        return read_refusal(reply, why);
    }
    if (reply->type == REDIS_REPLY_NIL) {
        errbuf_set(why, "it knows no master called %s: see store.sentinel.master", master);
        return ERR_NOT_FOUND;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING) {
        errbuf_set(why, "it answers with something else than an address: is it a Sentinel?");
        return ERR_PROTOCOL;
    }
    const struct slice host = slice_of(reply->element[0]);
    const struct slice port = slice_of(reply->element[1]);
    if (!read_endpoint(&host, &port, &at)) {
        errbuf_set(why, "the address it gives for master %s is none", master);
        return ERR_PROTOCOL;
    }
    *out_at = at;
    return ERR_OK;
}

/* A copy in which each word ends in NUL; how many there are, or SWITCH_WORDS + 1. */
static size_t split(char *text, struct slice words[SWITCH_WORDS])
{
    size_t count = 0;

    while (*text != '\0' && count < SWITCH_WORDS) {
        size_t len = strcspn(text, " ");
        words[count++] = (struct slice){(const uint8_t *)text, len};
        text += len;
        if (*text == ' ') {
            *text++ = '\0';
        }
    }
    return *text == '\0' ? count : SWITCH_WORDS + 1;
}

bool redis_sentinels_read_switch(const char *message, const char *master,
                                 struct redis_endpoint *out_at)
{
    char text[REDIS_MASTER_MAX + 2 * (REDIS_SERVER_HOST_MAX + PORT_TEXT) + SWITCH_WORDS];
    struct slice words[SWITCH_WORDS] = {{0}};

    return text_copy(text, sizeof(text), message) == ERR_OK && split(text, words) == SWITCH_WORDS &&
           strcmp((const char *)words[0].at, master) == 0 &&
           read_endpoint(&words[3], &words[4], out_at);
}

enum err redis_sentinels_read_role(const redisReply *reply, struct errbuf *why)
{
    const redisReply *role = NULL;

    if (reply->type == REDIS_REPLY_ERROR) {
        return redis_reply_classify(reply->str, (size_t)reply->len, why).code;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
        reply->element[0]->type == REDIS_REPLY_STRING) {
        role = reply->element[0];
    }
    if (role != NULL && strcmp(role->str, "master") == 0) {
        return ERR_OK;
    }
    if (role != NULL && strcmp(role->str, "slave") == 0) {
        errbuf_set(why, "it is a replica, not the master");
        return ERR_UNAVAILABLE;
    }
    if (role != NULL && strcmp(role->str, "sentinel") == 0) {
        errbuf_set(why, "it is a Sentinel, not the master");
        return ERR_UNAVAILABLE;
    }
    errbuf_set(why, "it answers ROLE with something else than a role");
    return ERR_PROTOCOL;
}
