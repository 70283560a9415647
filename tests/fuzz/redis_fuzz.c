/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a Redis or a Sentinel may answer, through hiredis' reader and every reader of ours: no
 * crash, no leak, and what is accepted is within its limits. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "fuzz.h"
#include "keyring/check.h"
#include "store/redis_bounds.h"
#include "store/redis_commands.h"
#include "store/redis_conn.h"
#include "store/redis_reply.h"
#include "store/redis_sentinels.h"
#include "wire/codec.h"

#define MASTER "stek"

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

/* The way of a record that is not sealed: from the reply to a keyring that may be merged. */
static void as_record(const struct store_result *result)
{
    struct wire_record record;
    struct errbuf why = {""};

    assert(result->record.len <= STORE_RECORD_MAX);
    assert(result->present || result->record.len == 0);
    fuzz_stain(&record, sizeof(record));
    if (wire_decode_record(result->record, &record, &why) != ERR_OK) {
        assert(why.text[0] != '\0' && fuzz_is_stained(&record, sizeof(record)));
        return;
    }
    assert(check_arrival(&record.ring, FUZZ_NOW, &why) != ERR_OK ||
           record.ring.count <= CHECK_ENTRIES_MAX);
    wire_record_fini(&record);
}

static void as_put(const redisReply *reply)
{
    struct store_result result = {.code = ERR_IO, .why = ""};

    if (redis_commands_read_put(reply, &result)) {
        assert(result.code == ERR_OK || result.code == ERR_CONFLICT || result.code == ERR_TIMEOUT);
        assert((result.code == ERR_OK) == (result.why[0] == '\0'));
    } else {
        assert(result.code == ERR_IO && result.store_time_ms == 0);
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
        as_record(&result);
    }
    as_put(reply);
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)redis_reply_classify(reply->str, (size_t)reply->len, &why);
        assert(why.text[0] != '\0');
        for (const char *c = why.text; *c != '\0'; c++) {
            assert(*c >= ' ' && *c <= '~');
        }
    }
}

/* In two pieces and at once, the bounds decide alike. */
static bool bounds_allow(const uint8_t *data, size_t size)
{
    struct redis_bounds whole = {0};
    struct redis_bounds parts = {0};
    const size_t half = size / 2;

    const bool is_allowed =
        redis_bounds_take(&whole, (const char *)data, size, REDIS_CONN_INPUT_MAX);
    assert(
        is_allowed ==
        (redis_bounds_take(&parts, (const char *)data, half, REDIS_CONN_INPUT_MAX) &&
         redis_bounds_take(&parts, (const char *)data + half, size - half, REDIS_CONN_INPUT_MAX)));
    return is_allowed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();

    if (reader == NULL) {
        return 0;
    }
    if (bounds_allow(data, size) && redisReaderFeed(reader, (const char *)data, size) == REDIS_OK) {
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
