/* SPDX-License-Identifier: Apache-2.0 */
/* What Sentinels and ROLE may say, each right and wrong way, and whom we ask first. */
#include "store/redis_sentinels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#define HOST_255                                                                                   \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaa"                                                                                         \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaa"                                                                                         \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* As it comes from the wire; `len` bytes. */
static redisReply *parse(const char *text, size_t len)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();

    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, text, len), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static void an_answer_is_an_address_or_an_error_in_words(void **unused)
{
#define TEXT(text) text, sizeof(text) - 1
    static const struct {
        const char *text;
        size_t len;
        enum err want;
        const char *says; /* the endpoint, or a part of the sentence */
    } rows[] = {
        {TEXT("*2\r\n$8\r\n10.0.0.7\r\n$4\r\n6379\r\n"), ERR_OK, "10.0.0.7:6379"},
        {TEXT("*2\r\n$11\r\n2001:db8::1\r\n$5\r\n65535\r\n"), ERR_OK, "[2001:db8::1]:65535"},
        {TEXT("*2\r\n$13\r\nr_1.b.example\r\n$1\r\n1\r\n"), ERR_OK, "r_1.b.example:1"},
        {TEXT("*2\r\n$255\r\n" HOST_255 "\r\n$4\r\n6379\r\n"), ERR_OK, HOST_255 ":6379"},
        {TEXT("*-1\r\n"), ERR_NOT_FOUND, "knows no master called stek"},
        {TEXT("$-1\r\n"), ERR_NOT_FOUND, "knows no master called stek"},
        {TEXT("*2\r\n$256\r\n" HOST_255 "a\r\n$4\r\n6379\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0.0.7\r\n$1\r\n0\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0.0.7\r\n$5\r\n65536\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0.0.7\r\n$6\r\n006379\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0.0.7\r\n$5\r\n-6379\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0.0.7\r\n$5\r\n6379x\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0.0.7\r\n$0\r\n\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0.0.7\r\n$4\r\n63\0009\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$0\r\n\r\n$4\r\n6379\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0\0000.7\r\n$4\r\n6379\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0 0.7\r\n$4\r\n6379\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n/tmp/red\r\n$4\r\n6379\r\n"), ERR_PROTOCOL, "is none"},
        {TEXT("*2\r\n$8\r\n10.0.0.7\r\n:6379\r\n"), ERR_PROTOCOL, "is it a Sentinel"},
        {TEXT("*1\r\n$8\r\n10.0.0.7\r\n"), ERR_PROTOCOL, "is it a Sentinel"},
        {TEXT("*3\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n1\r\n"), ERR_PROTOCOL, "is it a Sentinel"},
        {TEXT("*2\r\n*0\r\n*0\r\n"), ERR_PROTOCOL, "is it a Sentinel"},
        {TEXT("*0\r\n"), ERR_PROTOCOL, "is it a Sentinel"},
        {TEXT("+OK\r\n"), ERR_PROTOCOL, "is it a Sentinel"},
        {TEXT("-NOAUTH Authentication required.\r\n"), ERR_DENIED, "asked without one"},
        {TEXT("-ERR unknown command `SENTINEL`, with args\r\n"), ERR_UNSUPPORTED, "no Sentinel"},
        {TEXT("-ERR something\r\n"), ERR_REFUSED, "something"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct redis_endpoint at = {.host = "untouched"};
        struct errbuf why = {{0}};
        char text[REDIS_ENDPOINT_TEXT];
        redisReply *reply = parse(rows[i].text, rows[i].len);
        enum err rc = redis_sentinels_read_master(reply, "stek", &at, &why);
        redis_endpoint_format(&at, text);
        const char *said = rc == ERR_OK ? text : why.text;
        if (rc != rows[i].want || strstr(said, rows[i].says) == NULL) {
            fail_msg("row %zu: %d, %s", i, (int)rc, said);
        }
        if (rc != ERR_OK) {
            assert_string_equal(at.host, "untouched");
        }
        freeReplyObject(reply);
    }
}

static void a_role_is_the_masters_or_it_is_told_what_it_is(void **unused)
{
    static const struct {
        const char *text;
        size_t len;
        enum err want;
        const char *says;
    } rows[] = {
        {TEXT("*3\r\n$6\r\nmaster\r\n:3129659\r\n*0\r\n"), ERR_OK, ""},
        {TEXT("*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:9000\r\n$9\r\nconnected\r\n:1\r\n"),
         ERR_UNAVAILABLE, "a replica"},
        {TEXT("*2\r\n$8\r\nsentinel\r\n*0\r\n"), ERR_UNAVAILABLE, "a Sentinel"},
        {TEXT("*1\r\n$7\r\nmaster2\r\n"), ERR_PROTOCOL, "something else"},
        {TEXT("*1\r\n:1\r\n"), ERR_PROTOCOL, "something else"},
        {TEXT("*0\r\n"), ERR_PROTOCOL, "something else"},
        {TEXT("*-1\r\n"), ERR_PROTOCOL, "something else"},
        {TEXT("+PONG\r\n"), ERR_PROTOCOL, "something else"},
        {TEXT("-NOPERM this user has no permissions to run the 'role' command\r\n"), ERR_DENIED,
         "'role'"},
        {TEXT("-LOADING Redis is loading the dataset in memory\r\n"), ERR_UNAVAILABLE, "loading"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errbuf why = {{0}};
        redisReply *reply = parse(rows[i].text, rows[i].len);
        enum err rc = redis_sentinels_read_role(reply, &why);
        if (rc != rows[i].want || strstr(why.text, rows[i].says) == NULL) {
            fail_msg("row %zu: %d, %s", i, (int)rc, why.text);
        }
        freeReplyObject(reply);
    }
}

static void a_switch_is_our_masters_or_none(void **unused)
{
    static const struct {
        const char *message;
        const char *want; /* NULL: none */
    } rows[] = {
        {"stek 10.0.0.1 6379 10.0.0.2 6380", "10.0.0.2:6380"},
        {"stek 10.0.0.1 6379 2001:db8::2 6380", "[2001:db8::2]:6380"},
        {"other 10.0.0.1 6379 10.0.0.2 6380", NULL},
        {"stek2 10.0.0.1 6379 10.0.0.2 6380", NULL},
        {"stek 10.0.0.1 6379 10.0.0.2", NULL},
        {"stek 10.0.0.1 6379 10.0.0.2 0", NULL},
        {"stek 10.0.0.1 6379 10.0.0.2 6380 ", "10.0.0.2:6380"},
        {"stek 10.0.0.1 6379 10.0.0.2 6380 x", NULL},
        {"stek 10.0.0.1 6379  6380", NULL},
        {"stek", NULL},
        {"", NULL},
        {"stek 10.0.0.1 6379 " HOST_255 " 6380", HOST_255 ":6380"},
        {"stek 10.0.0.1 6379 " HOST_255 "a 6380", NULL},
        {"stek " HOST_255 HOST_255 HOST_255 " 6379 10.0.0.2 6380", NULL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct redis_endpoint at = {.host = "untouched"};
        char text[REDIS_ENDPOINT_TEXT];
        bool is_one = redis_sentinels_read_switch(rows[i].message, "stek", &at);
        redis_endpoint_format(&at, text);
        if (is_one != (rows[i].want != NULL) || (is_one && strcmp(text, rows[i].want) != 0)) {
            fail_msg("row %zu: %s", i, text);
        }
    }
}

static void who_answers_is_first_until_its_answer_is_no_good(void **unused)
{
    static const struct redis_address at[] = {
        {.host = "a", .port = 1}, {.host = "b", .port = 2}, {.host = "c", .port = 3}};
    const struct redis_sentinel_options options = {.master = "stek", .at = at, .count = 3};
    struct redis_sentinels sentinels = {.count = 0};

    (void)unused;
    assert_int_equal(redis_sentinels_init(&sentinels, &options), ERR_OK);
    assert_int_equal(sentinels.first, 0);
    redis_sentinels_prefer(&sentinels, 2);
    assert_int_equal(sentinels.first, 2);
    redis_sentinels_distrust(&sentinels, 1); /* it is not the first any more */
    assert_int_equal(sentinels.first, 2);
    redis_sentinels_distrust(&sentinels, 2);
    assert_int_equal(sentinels.first, 0);
    redis_sentinels_fini(&sentinels);
}

static void texts_and_lists_have_limits(void **unused)
{
    struct redis_address at[REDIS_SENTINELS_MAX + 1];
    char long_name[REDIS_MASTER_MAX + 2];
    struct redis_sentinels sentinels = {.count = 0};

    (void)unused;
    for (size_t i = 0; i <= REDIS_SENTINELS_MAX; i++) {
        at[i] = (struct redis_address){.host = "a", .port = 1};
    }
    memset(long_name, 'm', sizeof(long_name));
    long_name[REDIS_MASTER_MAX + 1] = '\0';
    const struct {
        const char *master;
        size_t count;
        enum err want;
    } rows[] = {
        {"stek", REDIS_SENTINELS_MAX, ERR_OK},
        {"stek", REDIS_SENTINELS_MAX + 1, ERR_LIMIT},
        {"stek", 0, ERR_LIMIT},
        {long_name + 1, 1, ERR_OK},
        {long_name, 1, ERR_LIMIT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct redis_sentinel_options options = {
            .master = rows[i].master, .at = at, .count = rows[i].count};
        assert_int_equal(redis_sentinels_init(&sentinels, &options), rows[i].want);
        redis_sentinels_fini(&sentinels);
    }
    at[0].host = HOST_255 "a";
    const struct redis_sentinel_options options = {.master = "stek", .at = at, .count = 1};
    assert_int_equal(redis_sentinels_init(&sentinels, &options), ERR_LIMIT);
    redis_sentinels_fini(&sentinels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_an_address_or_an_error_in_words),
        cmocka_unit_test(a_role_is_the_masters_or_it_is_told_what_it_is),
        cmocka_unit_test(a_switch_is_our_masters_or_none),
        cmocka_unit_test(who_answers_is_first_until_its_answer_is_no_good),
        cmocka_unit_test(texts_and_lists_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
