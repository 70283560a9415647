/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 8

struct line {
    const char *words[WORDS_MAX]; /* after the program's name, NULL terminated */
};

static const struct args_environment nothing_set = {.server = NULL};

static enum err parse(const struct line *line, const struct args_environment *environment,
                      struct args *out, struct errbuf *why)
{
    char *argv[WORDS_MAX + 2] = {(char *)(uintptr_t) "stekctl"};
    int argc = 1;

    for (size_t i = 0; i < WORDS_MAX && line->words[i] != NULL; i++) {
        argv[argc++] = (char *)(uintptr_t)line->words[i];
    }
    return args_parse(argc, argv, environment, out, why);
}

static void without_options_the_defaults_hold(void **unused)
{
    const struct line line = {{"status"}};
    struct args args;
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(parse(&line, &nothing_set, &args, &why), ERR_OK);
    assert_string_equal(args.server, "unix:/run/stekd/stekd.sock");
    assert_int_equal(args.output, ARGS_OUTPUT_TABLE);
    assert_int_equal(args.timeout_ms, 5000);
    assert_null(args.reason);
    assert_int_equal(args.word_count, 1);
    assert_string_equal(args.words[0], "status");
    assert_null(args.unknown_option);
}

static void options_may_stand_anywhere_and_in_every_form(void **unused)
{
    static const struct line rows[] = {
        {{"-s", "unix:/s", "-o", "json", "-t", "90s", "keys", "web"}},
        {{"--server=unix:/s", "keys", "--output=json", "web", "--timeout=90s"}},
        {{"keys", "web", "--server", "unix:/s", "--output", "json", "--timeout", "90s"}},
        {{"--server=unix:/s", "--output=json", "-t", "90s", "--", "keys", "web"}},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct args args;
        struct errbuf why = {""};
        assert_int_equal(parse(&rows[i], &nothing_set, &args, &why), ERR_OK);
        assert_string_equal(args.server, "unix:/s");
        assert_int_equal(args.output, ARGS_OUTPUT_JSON);
        assert_int_equal(args.timeout_ms, 90000);
        assert_int_equal(args.word_count, 2);
        assert_string_equal(args.words[1], "web");
    }
}

static void what_cannot_be_meant_is_refused_with_a_sentence(void **unused)
{
    static const struct {
        struct line line;
        enum err want;
        const char *says;
    } rows[] = {
        {{{"--server"}}, ERR_INVALID, "--server needs a value"},
        {{{"-o"}}, ERR_INVALID, "--output needs a value"},
        {{{"--server", "stekd.sock"}}, ERR_INVALID, "must be HOST:PORT or unix:/PATH"},
        {{{"--server", "unix:stekd.sock"}}, ERR_INVALID, "unix:stekd.sock"},
        {{{"--ca"}}, ERR_INVALID, "--ca needs a value"},
        {{{"--cert="}}, ERR_INVALID, "--cert needs a file"},
        {{{"--key", ""}}, ERR_INVALID, "--key needs a file"},
        {{{"-o", "yaml"}}, ERR_INVALID, "must be table or json"},
        {{{"-t", "5"}}, ERR_INVALID, "timeout \"5\""},
        {{{"-t", "0s"}}, ERR_INVALID, "from 1ms to 10m"},
        {{{"-t", "600001ms"}}, ERR_INVALID, "from 1ms to 10m"},
        {{{"--help=yes"}}, ERR_INVALID, "--help takes no value"},
        {{{"--reason", "two\nlines"}}, ERR_INVALID, "one line"},
        {{{"a", "b", "c", "d", "e"}}, ERR_INVALID, "too many arguments"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct args args = {.word_count = 99};
        struct errbuf why = {""};
        assert_int_equal(parse(&rows[i].line, &nothing_set, &args, &why), rows[i].want);
        if (strstr(why.text, rows[i].says) == NULL) {
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, why.text, rows[i].says);
        }
        assert_int_equal(args.word_count, 99);
    }
}

static void what_follows_pki_is_left_unread(void **unused)
{
    const struct line line = {{"-o", "json", "pki", "ca", "--days", "3", "-o", "x"}};
    struct args args;
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(parse(&line, &nothing_set, &args, &why), ERR_OK);
    assert_int_equal(args.output, ARGS_OUTPUT_JSON);
    assert_int_equal(args.word_count, 1);
    assert_null(args.unknown_option);
    assert_int_equal(args.rest_count, 5);
    assert_string_equal(args.rest[0], "ca");
    assert_string_equal(args.rest[4], "x");
}

static void the_timeout_has_exact_ends(void **unused)
{
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {{"1ms", 1}, {"10m", 600000}, {"600000ms", 600000}};

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct line line = {{"-t", rows[i].text, "status"}};
        struct args args;
        struct errbuf why = {""};
        assert_int_equal(parse(&line, &nothing_set, &args, &why), ERR_OK);
        assert_int_equal(args.timeout_ms, rows[i].want);
    }
}

static void a_reason_has_an_exact_longest_length(void **unused)
{
    char reason[502];

    (void)unused;
    for (size_t len = 499; len <= 501; len++) {
        memset(reason, 'x', len);
        reason[len] = '\0';
        const struct line line = {{"rotate", "web", "--reason", reason}};
        struct args args;
        struct errbuf why = {""};
        assert_int_equal(parse(&line, &nothing_set, &args, &why),
                         len <= 500 ? ERR_OK : ERR_INVALID);
    }
}

static void the_environment_sets_what_options_do_not(void **unused)
{
    const struct args_environment set = {.server = "unix:/from-environment", .output = "json"};
    const struct line plain = {{"status"}};
    const struct line loud = {{"status", "-o", "table", "-s", "unix:/from-option"}};
    struct args args;
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(parse(&plain, &set, &args, &why), ERR_OK);
    assert_string_equal(args.server, "unix:/from-environment");
    assert_int_equal(args.output, ARGS_OUTPUT_JSON);
    assert_int_equal(parse(&loud, &set, &args, &why), ERR_OK);
    assert_string_equal(args.server, "unix:/from-option");
    assert_int_equal(args.output, ARGS_OUTPUT_TABLE);
}

static void the_files_for_tcp_come_from_options_or_the_environment(void **unused)
{
    const struct args_environment set = {
        .server = "ks.example:7443", .ca = "/e/ca", .cert = "/e/cert", .key = "/e/key"};
    const struct line plain = {{"status"}};
    const struct line loud = {
        {"--server=[::1]:7443", "--ca", "a", "--cert=c", "status", "--key=k"}};
    struct args args;
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(parse(&plain, &nothing_set, &args, &why), ERR_OK);
    assert_null(args.ca);
    assert_null(args.cert);
    assert_null(args.key);
    assert_int_equal(parse(&plain, &set, &args, &why), ERR_OK);
    assert_string_equal(args.server, "ks.example:7443");
    assert_string_equal(args.ca, "/e/ca");
    assert_string_equal(args.cert, "/e/cert");
    assert_string_equal(args.key, "/e/key");
    assert_int_equal(parse(&loud, &set, &args, &why), ERR_OK);
    assert_string_equal(args.server, "[::1]:7443");
    assert_string_equal(args.ca, "a");
    assert_string_equal(args.cert, "c");
    assert_string_equal(args.key, "k");
}

static void an_empty_environment_variable_is_not_set_and_a_wrong_one_is_named(void **unused)
{
    const struct args_environment empty = {
        .server = "", .output = "", .ca = "", .cert = "", .key = ""};
    const struct args_environment wrong_server = {.server = "stekd"};
    const struct args_environment wrong_output = {.output = "xml"};
    const struct line line = {{"status"}};
    struct args args;
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(parse(&line, &empty, &args, &why), ERR_OK);
    assert_int_equal(parse(&line, &wrong_server, &args, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "STEKCTL_SERVER"));
    assert_int_equal(parse(&line, &wrong_output, &args, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "STEKCTL_OUTPUT"));
}

static void an_unknown_option_ends_the_reading_and_is_kept(void **unused)
{
    const struct line line = {{"watch", "web", "--forever", "--server"}};
    struct args args;
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(parse(&line, &nothing_set, &args, &why), ERR_OK);
    assert_string_equal(args.unknown_option, "--forever");
    assert_int_equal(args.word_count, 2);
}

static void verbs_that_act_on_all_or_wait_have_their_flags(void **unused)
{
    static const struct line plain = {{"revoke", "web"}};
    static const struct line all = {{"revoke", "web", "--all"}};
    static const struct line wait = {{"wait", "web", "--converged", "-t", "5s"}};
    struct args args;
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(parse(&plain, &nothing_set, &args, &why), ERR_OK);
    assert_false(args.is_all || args.is_converged || args.has_timeout);
    assert_int_equal(parse(&all, &nothing_set, &args, &why), ERR_OK);
    assert_true(args.is_all && !args.is_converged && !args.has_timeout);
    assert_int_equal(parse(&wait, &nothing_set, &args, &why), ERR_OK);
    assert_true(args.is_converged && args.has_timeout);
    assert_int_equal(args.timeout_ms, 5000);
}

static void after_two_dashes_everything_is_a_word(void **unused)
{
    const struct line line = {{"config", "check", "--", "-o"}};
    struct args args;
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(parse(&line, &nothing_set, &args, &why), ERR_OK);
    assert_int_equal(args.word_count, 3);
    assert_string_equal(args.words[2], "-o");
}

static void a_slip_in_an_option_is_answered_with_the_nearest(void **unused)
{
    (void)unused;
    assert_string_equal(args_suggest("--sever"), "--server");
    assert_string_equal(args_suggest("--time-out"), "--timeout");
    assert_null(args_suggest("--everything"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_the_defaults_hold),
        cmocka_unit_test(options_may_stand_anywhere_and_in_every_form),
        cmocka_unit_test(what_cannot_be_meant_is_refused_with_a_sentence),
        cmocka_unit_test(what_follows_pki_is_left_unread),
        cmocka_unit_test(the_timeout_has_exact_ends),
        cmocka_unit_test(a_reason_has_an_exact_longest_length),
        cmocka_unit_test(the_environment_sets_what_options_do_not),
        cmocka_unit_test(the_files_for_tcp_come_from_options_or_the_environment),
        cmocka_unit_test(an_empty_environment_variable_is_not_set_and_a_wrong_one_is_named),
        cmocka_unit_test(an_unknown_option_ends_the_reading_and_is_kept),
        cmocka_unit_test(verbs_that_act_on_all_or_wait_have_their_flags),
        cmocka_unit_test(after_two_dashes_everything_is_a_word),
        cmocka_unit_test(a_slip_in_an_option_is_answered_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
