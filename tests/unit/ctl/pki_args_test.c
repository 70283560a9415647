/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 20

struct line {
    const char *words[WORDS_MAX]; /* NULL terminated */
};

static enum err parse(const struct line *line, struct pki_args *out, struct errbuf *why)
{
    char *argv[WORDS_MAX + 1] = {NULL};
    int argc = 0;

    for (size_t i = 0; i < WORDS_MAX && line->words[i] != NULL; i++) {
        argv[argc++] = (char *)(uintptr_t)line->words[i];
    }
    return pki_args_parse(argc, argv, ARGS_OUTPUT_TABLE, out, why);
}

static void each_act_has_its_own_defaults(void **unused)
{
    static const struct {
        struct line line;
        enum pki_act act;
        uint32_t days;
        size_t words;
    } rows[] = {
        {{{"ca"}}, PKI_ACT_CA, 3650, 0},
        {{{"server", "a", "b", "c"}}, PKI_ACT_SERVER, 90, 3},
        {{{"client", "fe-1"}}, PKI_ACT_CLIENT, 90, 1},
        {{{"operator", "alice"}}, PKI_ACT_OPERATOR, 90, 1},
        {{{"crl"}}, PKI_ACT_CRL, 30, 0},
        {{{"crl", "x.pem", "y.pem"}}, PKI_ACT_CRL, 30, 2},
        {{{"kek", "a.key"}}, PKI_ACT_KEK, 0, 1},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pki_args args;
        struct errbuf why = {""};
        assert_int_equal(parse(&rows[i].line, &args, &why), ERR_OK);
        assert_int_equal(args.act, rows[i].act);
        assert_string_equal(args.act_name, rows[i].line.words[0]);
        assert_int_equal(args.days, rows[i].days);
        assert_int_equal(args.word_count, rows[i].words);
        assert_string_equal(args.ca_dir, "tls");
        assert_null(args.out);
        assert_null(args.name);
        assert_null(args.domain);
        assert_false(args.is_force);
        assert_int_equal(args.output, ARGS_OUTPUT_TABLE);
    }
}

static void options_may_stand_anywhere_and_in_every_form(void **unused)
{
    static const struct line rows[] = {
        {{"--ca-dir", "d", "--days", "7", "--out", "p", "--force", "-o", "json", "server", "h"}},
        {{"server", "--ca-dir=d", "--days=7", "--out=p", "h", "--force", "--output=json"}},
        {{"server", "--ca-dir=d", "--days=7", "--out=p", "--force", "--output=json", "--", "h"}},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pki_args args;
        struct errbuf why = {""};
        assert_int_equal(parse(&rows[i], &args, &why), ERR_OK);
        assert_string_equal(args.ca_dir, "d");
        assert_string_equal(args.out, "p");
        assert_int_equal(args.days, 7);
        assert_true(args.is_force);
        assert_int_equal(args.output, ARGS_OUTPUT_JSON);
        assert_int_equal(args.word_count, 1);
        assert_string_equal(args.words[0], "h");
    }
}

static void what_cannot_be_meant_is_refused_with_a_sentence(void **unused)
{
    static const struct {
        struct line line;
        const char *says;
    } rows[] = {
        {{{NULL}}, "which of ca, server"},
        {{{"cert"}}, "\"cert\""},
        {{{"sever"}}, "did you mean \"server\"?"},
        {{{"ca", "--dasy", "3"}}, "did you mean \"--days\"?"},
        {{{"ca", "x"}}, "usage: stekctl pki ca"},
        {{{"server"}}, "usage: stekctl pki server HOST..."},
        {{{"client", "a", "b"}}, "usage: stekctl pki client NAME|URI|dns:HOST"},
        {{{"operator"}}, "usage: stekctl pki operator"},
        {{{"kek"}}, "usage: stekctl pki kek FILE"},
        {{{"kek", "f", "--force"}}, "never overwritten"},
        {{{"kek", "f", "--days", "3"}}, "pki kek takes no --days"},
        {{{"crl", "--force"}}, "pki crl takes no --force"},
        {{{"server", "h", "--name", "x"}}, "pki server takes no --name"},
        {{{"server", "h", "--domain", "x"}}, "pki server takes no --domain"},
        {{{"ca", "--out", "x"}}, "pki ca takes no --out"},
        {{{"ca", "--days"}}, "--days needs a value"},
        {{{"ca", "--days="}}, "--days needs a value"},
        {{{"ca", "--days", "0"}}, "from 1 to 36500"},
        {{{"ca", "--days", "36501"}}, "from 1 to 36500"},
        {{{"ca", "--days", "10d"}}, "--days: \"10d\" is not a whole number"},
        {{{"ca", "--ca-dir", ""}}, "--ca-dir needs a value"},
        {{{"ca", "--force=yes"}}, "--force takes no value"},
        {{{"ca", "-o", "xml"}}, "must be table or json"},
        {{{"server", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14",
           "15", "16", "17"}},
         "at most 16"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pki_args args = {.word_count = 99};
        struct errbuf why = {""};
        assert_int_equal(parse(&rows[i].line, &args, &why), ERR_INVALID);
        if (strstr(why.text, rows[i].says) == NULL) {
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, why.text, rows[i].says);
        }
        assert_int_equal(args.word_count, 99);
    }
}

static void days_have_exact_ends(void **unused)
{
    static const struct line rows[] = {{{"ca", "--days", "1"}}, {{"ca", "--days", "36500"}}};
    static const uint32_t want[] = {1, 36500};

    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        struct pki_args args;
        struct errbuf why = {""};
        assert_int_equal(parse(&rows[i], &args, &why), ERR_OK);
        assert_int_equal(args.days, want[i]);
    }
}

static void help_wins_and_names_every_act(void **unused)
{
    static const struct line rows[] = {{{"--help"}}, {{"-h"}}, {{"help"}}, {{"server", "-h"}}};
    static const char *const acts[] = {"ca ", "server ", "client ", "operator ", "crl ", "kek "};

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pki_args args;
        struct errbuf why = {""};
        assert_int_equal(parse(&rows[i], &args, &why), ERR_OK);
        assert_true(args.is_help);
    }
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        assert_non_null(strstr(pki_args_help(), acts[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_act_has_its_own_defaults),
        cmocka_unit_test(options_may_stand_anywhere_and_in_every_form),
        cmocka_unit_test(what_cannot_be_meant_is_refused_with_a_sentence),
        cmocka_unit_test(days_have_exact_ends),
        cmocka_unit_test(help_wins_and_names_every_act),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
