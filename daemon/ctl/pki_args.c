/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_args.h"

#include <string.h>

#include "config/config_suggest.h"
#include "config/config_value.h"

#define DAYS_CA   3650
#define DAYS_LEAF 90
#define DAYS_CRL  30

#define BIT(act) (1U << (act))

static const struct act_row {
    const char *name;
    const char *operands;
    size_t words_min;
    size_t words_max;
    uint32_t days;
    enum pki_act act;
} acts[] = {
    {"ca", "", 0, 0, DAYS_CA, PKI_ACT_CA},
    {"server", "HOST...", 1, PKI_ARGS_WORDS_MAX, DAYS_LEAF, PKI_ACT_SERVER},
    {"client", "NAME|URI|dns:HOST", 1, 1, DAYS_LEAF, PKI_ACT_CLIENT},
    {"operator", "NAME|URI", 1, 1, DAYS_LEAF, PKI_ACT_OPERATOR},
    {"crl", "[CERTIFICATE...]", 0, PKI_ARGS_WORDS_MAX, DAYS_CRL, PKI_ACT_CRL},
    {"kek", "FILE", 1, 1, 0, PKI_ACT_KEK},
};

#define ACT_COUNT (sizeof(acts) / sizeof(acts[0]))

enum option_id {
    OPTION_CA_DIR,
    OPTION_OUT,
    OPTION_NAME,
    OPTION_DOMAIN,
    OPTION_DAYS,
    OPTION_FORCE,
    OPTION_OUTPUT,
    OPTION_HELP,
};

#define LEAVES (BIT(PKI_ACT_SERVER) | BIT(PKI_ACT_CLIENT) | BIT(PKI_ACT_OPERATOR))
#define SIGNED (LEAVES | BIT(PKI_ACT_CA) | BIT(PKI_ACT_CRL))
#define EVERY  (SIGNED | BIT(PKI_ACT_KEK))

static const struct option {
    const char *name;
    const char *letter; /* its short form, or NULL */
    bool takes_value;
    enum option_id id;
    unsigned int acts; /* which take it */
} options[] = {
    {"--ca-dir", NULL, true, OPTION_CA_DIR, SIGNED},
    {"--out", NULL, true, OPTION_OUT, LEAVES},
    {"--name", NULL, true, OPTION_NAME, BIT(PKI_ACT_CA)},
    {"--domain", NULL, true, OPTION_DOMAIN, BIT(PKI_ACT_CA)},
    {"--days", NULL, true, OPTION_DAYS, SIGNED},
    {"--force", NULL, false, OPTION_FORCE, LEAVES | BIT(PKI_ACT_CA)},
    {"--output", "-o", true, OPTION_OUTPUT, EVERY},
    {"--help", "-h", false, OPTION_HELP, EVERY},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

const char *pki_args_help(void)
{
    return "usage: stekctl pki ACT [OPTION...]\n\n"
           "A throw-away CA and certificates for trying stekd over mutual TLS, and keys that seal\n"
           "its records. No daemon is needed. Whoever has a PKI uses that instead.\n\n"
           "  ca                        a CA: DIR/ca.pem for everybody, DIR/ca.key for nobody "
           "else\n"
           "  server HOST...            a daemon's certificate, for these DNS names and addresses\n"
           "  client NAME|URI|dns:HOST  a frontend's; NAME is short for\n"
           "                            spiffe://DOMAIN/frontend/NAME\n"
           "  operator NAME|URI         for stekctl; NAME is short for\n"
           "                            spiffe://DOMAIN/operator/NAME\n"
           "  crl [CERTIFICATE...]      DIR/ca.crl: these certificates (files) count no longer;\n"
           "                            without any, the list as it is, valid anew\n"
           "  kek FILE                  32 random bytes for store.key_encryption_keys; never\n"
           "                            overwrites a file\n\n"
           "  --ca-dir DIR   where the CA is [" PKI_ARGS_CA_DIR "]; pki ca makes the folder\n"
           "  --out PATH     PATH.pem and PATH.key [DIR/ and the first name's last part]\n"
           "  --name TEXT    the CA's name [stekd throw-away CA]\n"
           "  --domain NAME  the CA's SPIFFE trust domain [example.org]\n"
           "  --days N       how long it is valid [ca 3650, crl 30, others 90]\n"
           "  --force        overwrite files that are there\n"
           "  -o, --output table|json\n"
           "  -h, --help     this text\n";
}

static const struct act_row *find_act(const char *word, struct errbuf *why)
{
    struct config_suggest suggest = config_suggest_start(word);

    for (size_t i = 0; i < ACT_COUNT; i++) {
        if (strcmp(word, acts[i].name) == 0) {
            return &acts[i];
        }
        config_suggest_offer(&suggest, acts[i].name);
    }
    errbuf_set(why, "pki: \"%s\" is none of ca, server, client, operator, crl, kek",
               config_value_show(word));
    if (suggest.nearest != NULL) {
        errbuf_set(why, "pki: there is no \"%s\"; did you mean \"%s\"?", config_value_show(word),
                   suggest.nearest);
    }
    return NULL;
}

/* "--name", "--name=value" or "-n". *out_value is what stands after the '=', or NULL. */
static const struct option *find_option(const char *word, const char **out_value,
                                        struct errbuf *why)
{
    struct config_suggest suggest = config_suggest_start(word);

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &options[i];
        size_t len = strlen(option->name);
        *out_value = NULL;
        if (strcmp(word, option->name) == 0 ||
            (option->letter != NULL && strcmp(word, option->letter) == 0)) {
            return option;
        }
        if (strncmp(word, option->name, len) == 0 && word[len] == '=') {
            *out_value = word + len + 1;
            return option;
        }
        config_suggest_offer(&suggest, option->name);
    }
    errbuf_set(why, "pki: there is no option \"%s\"", config_value_show(word));
    if (suggest.nearest != NULL) {
        errbuf_set(why, "pki: there is no option \"%s\"; did you mean \"%s\"?",
                   config_value_show(word), suggest.nearest);
    }
    return NULL;
}

static enum err set_days(const char *value, struct pki_args *args, struct errbuf *why)
{
    uint32_t days = 0;

    if (config_value_uint(value, &days, why) != ERR_OK) {
        errbuf_prefix(why, "--days");
        return ERR_INVALID;
    }
    if (days < 1 || days > PKI_ARGS_DAYS_MAX) {
        errbuf_set(why, "--days %s: must be from 1 to %d", value, PKI_ARGS_DAYS_MAX);
        return ERR_INVALID;
    }
    args->days = days;
    return ERR_OK;
}

static enum err set_output(const char *value, struct pki_args *args, struct errbuf *why)
{
    if (strcmp(value, "table") != 0 && strcmp(value, "json") != 0) {
        errbuf_set(why, "output \"%s\": must be table or json", config_value_show(value));
        return ERR_INVALID;
    }
    args->output = strcmp(value, "json") == 0 ? ARGS_OUTPUT_JSON : ARGS_OUTPUT_TABLE;
    return ERR_OK;
}

static enum err set_option(enum option_id id, const char *value, struct pki_args *args,
                           struct errbuf *why)
{
    switch (id) {
    case OPTION_CA_DIR:
        args->ca_dir = value;
        break;
    case OPTION_OUT:
        args->out = value;
        break;
    case OPTION_NAME:
        args->name = value;
        break;
    case OPTION_DOMAIN:
        args->domain = value;
        break;
    case OPTION_FORCE:
        args->is_force = true;
        break;
    case OPTION_HELP:
        args->is_help = true;
        break;
    case OPTION_DAYS:
        return set_days(value, args, why);
    case OPTION_OUTPUT:
        return set_output(value, args, why);
    }
    return ERR_OK;
}

/* The option at argv[*at]; moves *at to its last word, and notes in *seen that it was there. */
static enum err read_option(int argc, char *const argv[], int *at, struct pki_args *args,
                            unsigned int *seen, struct errbuf *why)
{
    const char *value = NULL;
    const struct option *option = find_option(argv[*at], &value, why);

    if (option == NULL) {
        return ERR_INVALID;
    }
    if (!option->takes_value && value != NULL) {
        errbuf_set(why, "pki: %s takes no value", option->name);
        return ERR_INVALID;
    }
    if (option->takes_value && value == NULL && *at + 1 < argc) {
        value = argv[++*at];
    }
    if (option->takes_value && (value == NULL || value[0] == '\0')) {
        errbuf_set(why, "pki: %s needs a value", option->name);
        return ERR_INVALID;
    }
    *seen |= BIT(option - options);
    return set_option(option->id, value != NULL ? value : "", args, why);
}

static enum err add_word(const char *word, struct pki_args *args, struct errbuf *why)
{
    if (args->word_count == PKI_ARGS_WORDS_MAX) {
        errbuf_set(why, "pki %s: at most %d at once", args->act_name, PKI_ARGS_WORDS_MAX);
        return ERR_INVALID;
    }
    args->words[args->word_count++] = word;
    return ERR_OK;
}

/* What the act takes, now that it is known. */
static enum err check_act(const struct act_row *row, const struct pki_args *args, unsigned int seen,
                          struct errbuf *why)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((seen & BIT(i)) != 0 && (options[i].acts & BIT(row->act)) == 0) {
            errbuf_set(why,
                       row->act == PKI_ACT_KEK && options[i].id == OPTION_FORCE
                           ? "pki %s takes no %s: a key that records are sealed with is never "
                             "overwritten"
                           : "pki %s takes no %s",
                       row->name, options[i].name);
            return ERR_INVALID;
        }
    }
    if (args->word_count < row->words_min || args->word_count > row->words_max) {
        errbuf_set(why, "usage: stekctl pki %s%s%s", row->name, row->operands[0] == '\0' ? "" : " ",
                   row->operands);
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err pki_args_parse(int argc, char *const argv[], enum args_output output, struct pki_args *out,
                        struct errbuf *why)
{
    struct pki_args args = {.output = output, .ca_dir = PKI_ARGS_CA_DIR};
    const struct act_row *row = NULL;
    bool are_options = true;
    unsigned int seen = 0;
    enum err rc = ERR_OK;

    for (int i = 0; i < argc && rc == ERR_OK; i++) {
        if (are_options && strcmp(argv[i], "--") == 0) {
            are_options = false;
        } else if (are_options && argv[i][0] == '-' && argv[i][1] != '\0') {
            rc = read_option(argc, argv, &i, &args, &seen, why);
        } else if (row == NULL && strcmp(argv[i], "help") == 0) {
            args.is_help = true;
        } else if (row == NULL) {
            row = find_act(argv[i], why);
            rc = row == NULL ? ERR_INVALID : ERR_OK;
            args.act_name = argv[i];
        } else {
            rc = add_word(argv[i], &args, why);
        }
    }
    if (rc == ERR_OK && !args.is_help && row == NULL) {
        errbuf_set(why, "pki: which of ca, server, client, operator, crl, kek?");
        rc = ERR_INVALID;
    }
    if (rc == ERR_OK && !args.is_help) {
        rc = check_act(row, &args, seen, why);
        args.act = row->act;
        args.days = args.days == 0 ? row->days : args.days;
    }
    if (rc == ERR_OK) {
        *out = args;
    }
    return rc;
}
