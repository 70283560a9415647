/* SPDX-License-Identifier: Apache-2.0 */
/* stekctl, the operator's hand: the table of verbs and its help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_suggest.h"
#include "config/config_value.h"
#include "ctl/args.h"
#include "ctl/ask.h"
#include "ctl/cmd_config.h"
#include "ctl/cmd_frontends.h"
#include "ctl/cmd_keys.h"
#include "ctl/cmd_pki.h"
#include "ctl/cmd_realms.h"
#include "ctl/cmd_rekey.h"
#include "ctl/cmd_revoke.h"
#include "ctl/cmd_rotate.h"
#include "ctl/cmd_status.h"
#include "ctl/cmd_version.h"
#include "ctl/cmd_wait.h"
#include "ctl/exit_code.h"

struct verb {
    const char *name;
    const char *operands; /* as the help shows them; NULL: none */
    size_t operand_count;
    size_t optional_count; /* more that there may be */
    bool names_realm;      /* the first operand is a realm */
    bool takes_reason;
    bool takes_all;
    bool takes_converged;
    enum exit_code (*run)(const struct args *args); /* NULL: a later version's */
    const char *help;
};

static const struct verb verbs[] = {
    {.name = "status", .run = cmd_status, .help = "whether all is well: daemon, store, realms"},
    {.name = "realms", .run = cmd_realms, .help = "the realms and their policies"},
    {.name = "keys",
     .operands = "REALM",
     .operand_count = 1,
     .names_realm = true,
     .run = cmd_keys,
     .help = "a realm's keys: names, states, dates"},
    {.name = "rotate",
     .operands = "REALM [--reason TEXT]",
     .operand_count = 1,
     .names_realm = true,
     .takes_reason = true,
     .run = cmd_rotate,
     .help = "encrypt with the next key"},
    {.name = "revoke",
     .operands = "REALM NAME|--all [--reason TEXT]",
     .operand_count = 1,
     .optional_count = 1,
     .names_realm = true,
     .takes_reason = true,
     .takes_all = true,
     .run = cmd_revoke,
     .help = "make a key worthless, or all keys"},
    {.name = "frontends",
     .operands = "[REALM]",
     .optional_count = 1,
     .names_realm = true,
     .run = cmd_frontends,
     .help = "who holds which keyring, since when"},
    {.name = "wait",
     .operands = "REALM --converged",
     .operand_count = 1,
     .names_realm = true,
     .takes_converged = true,
     .run = cmd_wait,
     .help = "until store and frontends hold the keyring"},
    {.name = "rekey",
     .operands = "[REALM] [--reason TEXT]",
     .optional_count = 1,
     .names_realm = true,
     .takes_reason = true,
     .run = cmd_rekey,
     .help = "seal records under the first key-encryption key"},
    {.name = "pki",
     .operands = "ACT ...",
     .run = cmd_pki,
     .help = "a CA and keys for trying it: stekctl pki --help"},
    {.name = "config",
     .operands = "check FILE | sample | man",
     .operand_count = 1,
     .optional_count = 1,
     .run = cmd_config,
     .help = "every mistake in a configuration; a sample; its manual"},
    {.name = "version", .run = cmd_version, .help = "the version of stekctl"},
    {.name = "watch"},
    {.name = "events"},
    {.name = "doctor"},
    {.name = "probe"},
    {.name = "completion"},
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static const char *operands_of(const struct verb *verb)
{
    return verb->operands == NULL ? "" : verb->operands;
}

static void print_help(FILE *to)
{
    (void)fputs("usage: stekctl [OPTION...] VERB [OPERAND...]\n\n", to);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (verbs[i].run != NULL) {
            char call[64];
            (void)snprintf(call, sizeof(call), "%s %s", verbs[i].name, operands_of(&verbs[i]));
            (void)fprintf(to, "  %-42s %s\n", call, verbs[i].help);
        }
    }
    (void)fputs(
        "\n"
        "  -s, --server SERVER       unix:/PATH or HOST:PORT [" ARGS_SERVER_DEFAULT "]\n"
        "      --ca FILE             for HOST:PORT, PEM: who issues the daemon's certificate,\n"
        "      --cert FILE           our own certificate,\n"
        "      --key FILE            and its private key\n"
        "  -o, --output table|json   how to show it [table]\n"
        "  -t, --timeout DURATION    how long one answer may take [5s; rotate, rekey: 15s];\n"
        "                            revoke and wait: how long to wait [30s]\n"
        "  -r, --reason TEXT         why, for the audit log (rotate, revoke, rekey)\n"
        "  -h, --help                this text\n"
        "\n"
        "STEKCTL_SERVER, _CA, _CERT, _KEY and _OUTPUT set what options do not.\n"
        "Exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration,\n"
        "3 unreachable or timed out, 4 reachable, but degraded (status) or not everywhere\n"
        "yet (revoke, wait), 5 denied.\n",
        to);
}

static enum exit_code refuse_usage(const struct errbuf *why)
{
    (void)fprintf(stderr, "stekctl: %s\n", why->text);
    (void)fputs("\"stekctl --help\" shows what there is\n", stderr);
    return EXIT_CODE_USAGE;
}

static const struct verb *find_verb(const char *name, struct errbuf *why)
{
    struct config_suggest suggest = config_suggest_start(name);

    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return &verbs[i];
        }
        if (verbs[i].run != NULL) {
            config_suggest_offer(&suggest, verbs[i].name);
        }
    }
    errbuf_set(why, "there is no verb \"%s\"", config_value_show(name));
    if (suggest.nearest != NULL) {
        errbuf_set(why, "there is no verb \"%s\"; did you mean \"%s\"?", config_value_show(name),
                   suggest.nearest);
    }
    return NULL;
}

static void refuse_option(const char *option, struct errbuf *why)
{
    const char *nearest = args_suggest(option);

    errbuf_set(why, "there is no option \"%s\"", config_value_show(option));
    if (nearest != NULL) {
        errbuf_set(why, "there is no option \"%s\"; did you mean \"%s\"?",
                   config_value_show(option), nearest);
    }
}

static enum err check_call(const struct verb *verb, const struct args *args, struct errbuf *why)
{
    if (verb->run == NULL) {
        errbuf_set(why, "%s: not in this version", verb->name);
        return ERR_UNSUPPORTED;
    }
    if (args->unknown_option != NULL) {
        refuse_option(args->unknown_option, why);
        return ERR_INVALID;
    }
    if (args->word_count < 1 + verb->operand_count ||
        args->word_count > 1 + verb->operand_count + verb->optional_count) {
        errbuf_set(why, "usage: stekctl %s%s%s", verb->name, verb->operands == NULL ? "" : " ",
                   operands_of(verb));
        return ERR_INVALID;
    }
    if (args->reason != NULL && !verb->takes_reason) {
        errbuf_set(why, "%s takes no --reason", verb->name);
        return ERR_INVALID;
    }
    if ((args->is_all && !verb->takes_all) || (args->is_converged && !verb->takes_converged)) {
        errbuf_set(why, "%s takes no --%s", verb->name,
                   args->is_all && !verb->takes_all ? "all" : "converged");
        return ERR_INVALID;
    }
    if (verb->names_realm && args->word_count > 1 && !text_is_realm_name(args->words[1])) {
        errbuf_set(why, "\"%s\" cannot be a realm: 1 to %d of a-z, 0-9, '.', '_', '-'",
                   config_value_show(args->words[1]), REALM_NAME_MAX);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static bool asks_the_daemon(const struct verb *verb)
{
    static const char *const others[] = {"config", "version", "pki", "completion"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(verb->name, others[i]) == 0) {
            return false;
        }
    }
    return true;
}

static enum exit_code run(const struct args *args)
{
    struct errbuf why = {""};

    if (args->word_count == 0 && args->unknown_option != NULL) {
        refuse_option(args->unknown_option, &why);
        return refuse_usage(&why);
    }
    if (args->word_count == 0) {
        errbuf_set(&why, "which verb?");
        return refuse_usage(&why);
    }
    const struct verb *verb = find_verb(args->words[0], &why);
    if (verb == NULL || check_call(verb, args, &why) != ERR_OK) {
        return refuse_usage(&why);
    }
    if (asks_the_daemon(verb) && ask_check(args, &why) != ERR_OK) {
        return refuse_usage(&why);
    }
    return verb->run(args);
}

/* An answer that did not reach its reader (a full disk, a closed pipe) is not an answer. */
static enum exit_code finish(enum exit_code code)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fputs("stekctl: the output could not be written\n", stderr);
        return EXIT_CODE_REFUSED;
    }
    return code;
}

int main(int argc, char **argv)
{
    const struct args_environment environment = {
        .server = getenv("STEKCTL_SERVER"),
        .output = getenv("STEKCTL_OUTPUT"),
        .ca = getenv("STEKCTL_CA"),
        .cert = getenv("STEKCTL_CERT"),
        .key = getenv("STEKCTL_KEY"),
    };
    struct args args = {.word_count = 0};
    struct errbuf why = {""};

    if (args_parse(argc, argv, &environment, &args, &why) != ERR_OK) {
        return (int)refuse_usage(&why);
    }
    if (args.is_help || (args.word_count == 1 && strcmp(args.words[0], "help") == 0)) {
        print_help(stdout);
        return (int)finish(EXIT_CODE_DONE);
    }
    if (args.is_version) {
        return (int)finish(cmd_version(&args));
    }
    return (int)finish(run(&args));
}
