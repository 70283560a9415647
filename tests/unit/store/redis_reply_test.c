/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The servers' own words, of Redis 6.2 to 7.4. */
static void each_error_has_its_code_its_way_on_and_a_sentence_that_says_what_to_do(void **unused)
{
    static const struct {
        const char *text;
        enum err code;
        enum redis_next next;
        const char *what_to_do;
    } rows[] = {
        {"NOAUTH Authentication required.", ERR_DENIED, REDIS_NEXT_REDIAL,
         "set store.password_file"},
        {"WRONGPASS invalid username-password pair or user is disabled.", ERR_DENIED,
         REDIS_NEXT_REDIAL, "see store.username"},
        {"ERR AUTH <password> called without any password configured for the default user. Are "
         "you sure your configuration is correct?",
         ERR_DENIED, REDIS_NEXT_REDIAL, "take store.password_file away"},
        {"NOPERM this user has no permissions to run the 'evalsha' command", ERR_DENIED,
         REDIS_NEXT_KEEP, "see the README"},
        {"DENIED Redis is running in protected mode because", ERR_DENIED, REDIS_NEXT_REDIAL,
         "give it a password"},
        {"READONLY You can't write against a read only replica.", ERR_UNAVAILABLE,
         REDIS_NEXT_REDIAL, "lead to the master"},
        {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
         ERR_UNAVAILABLE, REDIS_NEXT_REDIAL, "lead to the master"},
        {"LOADING Redis is loading the dataset in memory", ERR_UNAVAILABLE, REDIS_NEXT_KEEP,
         "it will be done"},
        {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
         ERR_UNAVAILABLE, REDIS_NEXT_KEEP, "SCRIPT KILL"},
        {"OOM command not allowed when used memory > 'maxmemory'.", ERR_UNAVAILABLE,
         REDIS_NEXT_KEEP, "raise its maxmemory"},
        {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable",
         ERR_UNAVAILABLE, REDIS_NEXT_KEEP, "see its log"},
        {"NOREPLICAS Not enough good replicas to write.", ERR_UNAVAILABLE, REDIS_NEXT_KEEP,
         "min-replicas-to-write"},
        {"ERR max number of clients reached", ERR_UNAVAILABLE, REDIS_NEXT_REDIAL,
         "raise its maxclients"},
        {"NOSCRIPT No matching script. Please use EVAL.", ERR_UNAVAILABLE, REDIS_NEXT_EVAL, ""},
        {"WRONGTYPE Operation against a key holding the wrong kind of value", ERR_INVALID,
         REDIS_NEXT_KEEP, "delete it"},
        {"ERR unknown command 'EVALSHA', with args beginning with: ", ERR_UNSUPPORTED,
         REDIS_NEXT_KEEP, "6.2 or later"},
        {"ERR unknown command `ROLE`, with args beginning with: ", ERR_UNSUPPORTED, REDIS_NEXT_KEEP,
         "6.2 or later"},
        {"MOVED 3999 127.0.0.1:6381", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, "is not supported"},
        {"ASK 3999 127.0.0.1:6381", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, "is not supported"},
        {"TRYAGAIN Multiple keys request during rehashing of slot", ERR_UNSUPPORTED,
         REDIS_NEXT_KEEP, "is not supported"},
        {"CLUSTERDOWN The cluster is down", ERR_UNSUPPORTED, REDIS_NEXT_KEEP, "is not supported"},
        {"CROSSSLOT Keys in request don't hash to the same slot", ERR_UNSUPPORTED, REDIS_NEXT_KEEP,
         "is not supported"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errbuf why = {{0}};
        struct redis_refusal refusal;
        refusal = redis_reply_classify(rows[i].text, strlen(rows[i].text), &why);
        assert_int_equal(refusal.code, rows[i].code);
        assert_int_equal(refusal.next, rows[i].next);
        assert_non_null(strstr(why.text, rows[i].what_to_do));
        assert_non_null(strstr(why.text, " (")); /* the server's own words */
    }
}

static void what_only_begins_alike_is_another_error(void **unused)
{
    static const char *const texts[] = {"BUSYKEY Target key name already exists.",
                                        "ERR unknown commands",
                                        "ERR",
                                        "",
                                        "NOAUTHX",
                                        "OOMx y"};

    (void)unused;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct errbuf why = {{0}};
        struct redis_refusal refusal = redis_reply_classify(texts[i], strlen(texts[i]), &why);
        assert_int_equal(refusal.code, ERR_REFUSED);
        assert_int_equal(refusal.next, REDIS_NEXT_KEEP);
        assert_non_null(strstr(why.text, "Redis refuses: "));
    }
}

static void the_servers_words_are_cut_and_cleaned(void **unused)
{
    char text[1000];
    struct errbuf why = {{0}};

    (void)unused;
    memset(text, 'x', sizeof(text));
    text[0] = '\x1b';
    text[1] = '\0';
    text[2] = (char)0xff;
    (void)redis_reply_classify(text, sizeof(text), &why);
    assert_null(strchr(why.text, '\x1b'));
    assert_non_null(strstr(why.text, "Redis refuses: ???xxx"));
    assert_in_range(strlen(why.text), 100, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_its_code_its_way_on_and_a_sentence_that_says_what_to_do),
        cmocka_unit_test(what_only_begins_alike_is_another_error),
        cmocka_unit_test(the_servers_words_are_cut_and_cleaned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
