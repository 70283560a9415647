/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <openssl/evp.h>

#include "base/secret.h"
#include "store/redis_script.h"

/* Lua counts in doubles: beyond this no millisecond is its own. */
#define DATE_MOST (INT64_C(1) << 53)

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

enum err redis_names_init(struct redis_names *names, const char *prefix)
{
    uint8_t sha1[REDIS_SHA1_LEN];
    size_t len = 0;

    enum err rc = text_copy(names->prefix, sizeof(names->prefix), prefix);
    if (rc != ERR_OK) {
        return rc;
    }
    (void)snprintf(names->channel, sizeof(names->channel), "%s:changed", names->prefix);
    /* Redis names scripts by it; nothing of ours leans on its strength. */
    if (EVP_Q_digest(NULL, "SHA1", NULL, REDIS_SCRIPT_PUT, sizeof(REDIS_SCRIPT_PUT) - 1, sha1,
                     &len) != 1 ||
        len != REDIS_SHA1_LEN) {
        return ERR_CRYPTO;
    }
    text_hex_encode(sha1, REDIS_SHA1_LEN, names->script);
    return ERR_OK;
}

void redis_names_key(const struct redis_names *names, const char *realm, char key[REDIS_KEY_MAX])
{
    (void)snprintf(key, REDIS_KEY_MAX, "%s:{%s}", names->prefix, realm);
}

enum err redis_commands_load(struct redis_link *link, const struct redis_names *names,
                             const char *realm, bool with_role)
{
    char key[REDIS_KEY_MAX];
    char last[24];
    const struct slice role[] = {text_slice("ROLE")};
    const struct slice time[] = {text_slice("TIME")};

    redis_names_key(names, realm, key);
    /* The server cuts what is too large to be a record of ours: one byte more shows that it is. */
    (void)snprintf(last, sizeof(last), "%d", STORE_VERSION_LEN + STORE_RECORD_MAX);
    const struct slice get[] = {text_slice("GETRANGE"), text_slice(key), text_slice("0"),
                                text_slice(last)};
    enum err rc = with_role ? redis_link_send(link, 1, role) : ERR_OK;
    if (rc == ERR_OK) {
        rc = redis_link_send(link, 1, time);
    }
    return rc == ERR_OK ? redis_link_send(link, 4, get) : rc;
}

static void format_date(int64_t date, char text[24])
{
    (void)snprintf(text, 24, "%" PRId64, date < DATE_MOST ? date : DATE_MOST);
}

enum err redis_commands_put(struct redis_link *link, const struct redis_names *names,
                            const struct store_op *op, bool is_eval)
{
    struct secret_buf value = {0};
    char key[REDIS_KEY_MAX];
    char not_after[24];
    char expires_at[24];

    redis_names_key(names, op->realm, key);
    format_date(op->not_after_ms, not_after);
    format_date(op->expires_at_ms, expires_at);
    enum err rc = secret_buf_append(&value, op->next_version.bytes, STORE_VERSION_LEN);
    if (rc == ERR_OK) {
        rc = secret_buf_append(&value, op->record.at, op->record.len);
    }
    if (rc == ERR_OK) {
        const struct slice argv[] = {
            text_slice(is_eval ? "EVAL" : "EVALSHA"),
            text_slice(is_eval ? REDIS_SCRIPT_PUT : names->script),
            text_slice("1"),
            text_slice(key),
            {op->expected.bytes, op->has_expected ? STORE_VERSION_LEN : 0},
            {value.at, value.len},
            text_slice(not_after),
            text_slice(expires_at),
            text_slice(names->channel),
            text_slice(op->realm),
        };
        rc = redis_link_send(link, (int)(sizeof(argv) / sizeof(argv[0])), argv);
    }
    secret_buf_fini(&value);
    return rc;
}

/* {seconds, microseconds} */
bool redis_commands_read_time(const redisReply *reply, int64_t *out_ms)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING) {
        return false;
    }
    long long seconds = strtoll(reply->element[0]->str, NULL, 10);
    long long micros = strtoll(reply->element[1]->str, NULL, 10);
    if (seconds <= 0 || seconds > DATE_MOST / 1000 || micros < 0 || micros >= 1000000) {
        return false;
    }
    *out_ms = seconds * 1000 + micros / 1000;
    return true;
}

bool redis_commands_read_record(const redisReply *reply, struct store_result *result)
{
    const size_t len = (size_t)reply->len;

    if (reply->type != REDIS_REPLY_STRING) {
        return false;
    }
    /* What is too short or too long is a record all the same, one the vault will find unreadable:
     * so that it is shown and replaced and not taken for an empty place. */
    if (len > 0) {
        result->present = true;
        memcpy(result->version.bytes, reply->str,
               len < STORE_VERSION_LEN ? len : STORE_VERSION_LEN);
    }
    if (len > STORE_VERSION_LEN && len <= STORE_VERSION_LEN + STORE_RECORD_MAX) {
        result->record = (struct slice){(const uint8_t *)reply->str + STORE_VERSION_LEN,
                                        len - STORE_VERSION_LEN};
    }
    return true;
}

bool redis_commands_read_put(const redisReply *reply, struct store_result *result)
{
    static const struct {
        enum err code;
        const char *why;
    } rows[] = {
        [REDIS_SCRIPT_DONE] = {ERR_OK, ""},
        [REDIS_SCRIPT_CONFLICT] = {ERR_CONFLICT, "the record was changed by somebody else first"},
        [REDIS_SCRIPT_LATE] = {ERR_TIMEOUT, "the put came too late"},
    };

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER ||
        reply->element[1]->type != REDIS_REPLY_INTEGER ||
        reply->element[0]->integer < REDIS_SCRIPT_DONE ||
        reply->element[0]->integer > REDIS_SCRIPT_LATE) {
        return false;
    }
    result->code = rows[reply->element[0]->integer].code;
    result->why = rows[reply->element[0]->integer].why;
    result->store_time_ms = reply->element[1]->integer;
    return true;
}
