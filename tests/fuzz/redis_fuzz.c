/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a Redis or a Sentinel may answer, through hiredis' reader and every reader of ours: no
 * crash, no leak, and what is accepted is within its limits. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "store/redis_bounds.h"
#include "store/redis_commands.h"
#include "store/redis_conn.h"
#include "store/redis_reply.h"
#include "store/redis_sentinels.h"

#define MASTER "stek"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_endpoint(const struct redis_endpoint *at)
{
    char text[REDIS_ENDPOINT_TEXT];

    assert(at->port != 0 && at->host[0] != '\0' && at->unix_path[0] == '\0');
    redis_endpoint_format(at, text);
    assert(strlen(text) + 1 < sizeof(text));
}

static void as_sentinels(const redisReply *reply)
{
    struct redis_endpoint at = {.port = 0};
    struct errbuf why = {""};

    if (redis_sentinels_read_master(reply, MASTER, &at, &why) == ERR_OK) {
        check_endpoint(&at);
    } else {
        assert(why.text[0] != '\0');
    }
    why.text[0] = '\0';
    assert(redis_sentinels_read_role(reply, &why) == ERR_OK || why.text[0] != '\0');
    if (reply->type == REDIS_REPLY_STRING && redis_sentinels_read_switch(reply->str, MASTER, &at)) {
        check_endpoint(&at);
    }
}

static void as_stores(const redisReply *reply)
{
    struct store_result result = {.code = ERR_OK};
    struct errbuf why = {""};
    int64_t time_ms = 0;

    if (redis_commands_read_time(reply, &time_ms)) {
        assert(time_ms > 0);
    }
    if (redis_commands_read_record(reply, &result)) {
        assert(result.record.len <= STORE_RECORD_MAX);
    }
    (void)redis_commands_read_put(reply, &result);
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)redis_reply_classify(reply->str, (size_t)reply->len, &why);
        assert(why.text[0] != '\0');
        for (const char *c = why.text; *c != '\0'; c++) {
            assert(*c >= ' ' && *c <= '~');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *reply = NULL;
    struct redis_bounds bounds = {0};
    redisReader *reader = redisReaderCreate();

    if (reader == NULL) {
        return 0;
    }
    if (redis_bounds_take(&bounds, (const char *)data, size, REDIS_CONN_INPUT_MAX) &&
        redisReaderFeed(reader, (const char *)data, size) == REDIS_OK) {
        while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL) {
            as_sentinels(reply);
            as_stores(reply);
            freeReplyObject(reply);
            reply = NULL;
        }
    }
    redisReaderFree(reader);
    return 0;
}
