/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/args.h"

#include <string.h>

#include "base/text.h"
#include "config/config_suggest.h"
#include "config/config_value.h"
#include "wire/messages.h"

enum option_id {
    OPTION_SERVER,
    OPTION_OUTPUT,
    OPTION_TIMEOUT,
    OPTION_REASON,
    OPTION_ALL,
    OPTION_CONVERGED,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_CA,
    OPTION_CERT,
    OPTION_KEY,
};

struct option {
    const char *name;
    const char *letter; /* its short form, or NULL */
    bool takes_value;
    enum option_id id;
};

static const struct option options[] = {
    {"--server", "-s", true, OPTION_SERVER},   {"--output", "-o", true, OPTION_OUTPUT},
    {"--timeout", "-t", true, OPTION_TIMEOUT}, {"--reason", "-r", true, OPTION_REASON},
    {"--help", "-h", false, OPTION_HELP},      {"--version", NULL, false, OPTION_VERSION},
    {"--all", NULL, false, OPTION_ALL},        {"--converged", NULL, false, OPTION_CONVERGED},
    {"--ca", NULL, true, OPTION_CA},           {"--cert", NULL, true, OPTION_CERT},
    {"--key", NULL, true, OPTION_KEY},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

const char *args_suggest(const char *option)
{
    struct config_suggest suggest = config_suggest_start(option);

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        config_suggest_offer(&suggest, options[i].name);
    }
    return suggest.nearest;
}

/* "--name", "--name=value" or "-n". *out_value is what stands after the '=', or NULL. */
static const struct option *find_option(const char *word, const char **out_value)
{
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
    }
    return NULL;
}

static enum err set_server(const char *value, struct args *args, struct errbuf *why)
{
    if (strncmp(value, "unix:", 5) == 0) {
        struct errbuf detail = {""};
        if (config_value_unix_path(value + 5, &detail) != ERR_OK) {
            errbuf_set(why, "server \"%s\": %s", config_value_show(value), detail.text);
            return ERR_INVALID;
        }
        args->server = value;
        return ERR_OK;
    }
    /* What a host and a port are, the connection knows: unary_check(). */
    if (strchr(value, ':') == NULL) {
        errbuf_set(why, "server \"%s\": must be HOST:PORT or unix:/PATH", config_value_show(value));
        return ERR_INVALID;
    }
    args->server = value;
    return ERR_OK;
}

static enum err set_file(const char *name, const char *value, const char **out, struct errbuf *why)
{
    if (value[0] == '\0') {
        errbuf_set(why, "%s needs a file", name);
        return ERR_INVALID;
    }
    *out = value;
    return ERR_OK;
}

static enum err set_output(const char *value, struct args *args, struct errbuf *why)
{
    if (strcmp(value, "table") == 0) {
        args->output = ARGS_OUTPUT_TABLE;
    } else if (strcmp(value, "json") == 0) {
        args->output = ARGS_OUTPUT_JSON;
    } else {
        errbuf_set(why, "output \"%s\": must be table or json", config_value_show(value));
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err set_timeout(const char *value, struct args *args, struct errbuf *why)
{
    int64_t timeout_ms = 0;

    if (config_value_duration(value, &timeout_ms, why) != ERR_OK) {
        errbuf_prefix(why, "timeout \"%s\"", config_value_show(value));
        return ERR_INVALID;
    }
    if (timeout_ms < 1 || timeout_ms > ARGS_TIMEOUT_MAX_MS) {
        errbuf_set(why, "timeout \"%s\": must be from 1ms to 10m", value);
        return ERR_INVALID;
    }
    args->timeout_ms = timeout_ms;
    args->has_timeout = true;
    return ERR_OK;
}

static enum err set_reason(const char *value, struct args *args, struct errbuf *why)
{
    if (!text_is_label(value, WIRE_REASON_MAX)) {
        errbuf_set(why, "reason: must be one line of at most %d bytes", WIRE_REASON_MAX);
        return ERR_INVALID;
    }
    args->reason = value;
    return ERR_OK;
}

static enum err set_option(const struct option *option, const char *value, struct args *args,
                           struct errbuf *why)
{
    switch (option->id) {
    case OPTION_SERVER:
        return set_server(value, args, why);
    case OPTION_OUTPUT:
        return set_output(value, args, why);
    case OPTION_TIMEOUT:
        return set_timeout(value, args, why);
    case OPTION_REASON:
        return set_reason(value, args, why);
    case OPTION_ALL:
        args->is_all = true;
        return ERR_OK;
    case OPTION_CONVERGED:
        args->is_converged = true;
        return ERR_OK;
    case OPTION_HELP:
        args->is_help = true;
        return ERR_OK;
    case OPTION_VERSION:
        args->is_version = true;
        return ERR_OK;
    case OPTION_CA:
        return set_file(option->name, value, &args->ca, why);
    case OPTION_CERT:
        return set_file(option->name, value, &args->cert, why);
    case OPTION_KEY:
        return set_file(option->name, value, &args->key, why);
    }
    return ERR_INVALID;
}

static bool is_set(const char *value)
{
    return value != NULL && value[0] != '\0';
}

static enum err read_environment(const struct args_environment *environment, struct args *args,
                                 struct errbuf *why)
{
    enum err rc = ERR_OK;

    args->ca = is_set(environment->ca) ? environment->ca : NULL;
    args->cert = is_set(environment->cert) ? environment->cert : NULL;
    args->key = is_set(environment->key) ? environment->key : NULL;
    if (is_set(environment->server)) {
        rc = set_server(environment->server, args, why);
        if (rc != ERR_OK) {
            errbuf_prefix(why, "STEKCTL_SERVER");
            return rc;
        }
    }
    if (is_set(environment->output)) {
        rc = set_output(environment->output, args, why);
        if (rc != ERR_OK) {
            errbuf_prefix(why, "STEKCTL_OUTPUT");
        }
    }
    return rc;
}

/* A verb with acts and options of its own. */
static bool reads_its_own_line(const char *verb)
{
    return strcmp(verb, "pki") == 0;
}

static enum err add_word(const char *word, struct args *args, struct errbuf *why)
{
    if (args->word_count == ARGS_WORDS_MAX) {
        errbuf_set(why, "too many arguments, from \"%s\" on", config_value_show(word));
        return ERR_INVALID;
    }
    args->words[args->word_count++] = word;
    return ERR_OK;
}

/* The option at argv[*at]; moves *at to its last word. */
static enum err read_option(int argc, char *const argv[], int *at, struct args *args,
                            struct errbuf *why)
{
    const char *value = NULL;
    const struct option *option = find_option(argv[*at], &value);

    if (option == NULL) {
        args->unknown_option = argv[*at];
        return ERR_OK;
    }
    if (option->takes_value && value == NULL) {
        if (*at + 1 >= argc) {
            errbuf_set(why, "%s needs a value", option->name);
            return ERR_INVALID;
        }
        value = argv[++*at];
    }
    if (!option->takes_value && value != NULL) {
        errbuf_set(why, "%s takes no value", option->name);
        return ERR_INVALID;
    }
    return set_option(option, value != NULL ? value : "", args, why);
}

enum err args_parse(int argc, char *const argv[], const struct args_environment *environment,
                    struct args *out, struct errbuf *why)
{
    struct args args = {.server = ARGS_SERVER_DEFAULT, .timeout_ms = ARGS_TIMEOUT_MS};
    bool are_options = true;

    enum err rc = read_environment(environment, &args, why);
    for (int i = 1; i < argc && rc == ERR_OK && args.unknown_option == NULL; i++) {
        if (are_options && strcmp(argv[i], "--") == 0) {
            are_options = false;
        } else if (are_options && argv[i][0] == '-' && argv[i][1] != '\0') {
            rc = read_option(argc, argv, &i, &args, why);
        } else {
            rc = add_word(argv[i], &args, why);
        }
        if (args.word_count == 1 && reads_its_own_line(args.words[0])) {
            args.rest = argv + i + 1;
            args.rest_count = argc - i - 1;
            break;
        }
    }
    if (rc == ERR_OK) {
        *out = args;
    }
    return rc;
}
