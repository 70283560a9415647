/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stekctl's command line: arguments a line each. The first byte chooses whose line it is ("stekctl"
 * or "stekctl pki") and whether the first five lines are the environment's.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/key_choice.h"
#include "ctl/pki_args.h"
#include "ctl/pki_name.h"
#include "fuzz.h"

#define ARGUMENTS_MAX 64

struct line {
    char *text; /* owned: all arguments, each with its NUL */
    char *argv[ARGUMENTS_MAX + 1];
    int argc;
};

static void split(struct slice in, struct line *out)
{
    out->text = fuzz_text(in);
    out->argc = 0;
    char *rest = out->text;
    while (rest != NULL && out->argc < ARGUMENTS_MAX) {
        out->argv[out->argc++] = strsep(&rest, "\n");
    }
    out->argv[out->argc] = NULL;
}

static const char *take(struct line *line, int *at)
{
    return *at < line->argc ? line->argv[(*at)++] : NULL;
}

static void check_name(const struct pki_name *name)
{
    char stem[PKI_NAME_MAX + 1];
    struct errbuf why = {""};

    assert(name->text[0] != '\0' && strlen(name->text) <= PKI_NAME_MAX);
    assert(strchr(name->text, '*') == NULL);
    if (pki_name_stem(name, stem, &why) == ERR_OK) {
        /* It becomes the name of a file in a folder of the operator's choice, and of none else. */
        assert(stem[0] != '\0' && stem[0] != '.' && strchr(stem, '/') == NULL);
    } else {
        assert(why.text[0] != '\0');
    }
}

/* One word as everything that a verb may take it for. */
static void check_word(const char *word)
{
    struct pki_name name;
    struct errbuf why = {""};
    struct wire_key_list nothing = {.realm = "web"};
    uint8_t key[KEY_NAME_LEN];

    fuzz_stain(&name, sizeof(name));
    if (pki_name_of_host(word, &name, &why) == ERR_OK) {
        check_name(&name);
    } else {
        assert(why.text[0] != '\0' && fuzz_is_stained(&name, sizeof(name)));
    }
    fuzz_stain(&name, sizeof(name));
    why.text[0] = '\0';
    if (pki_name_of_client(word, "example.org", "frontend", &name, &why) == ERR_OK) {
        check_name(&name);
    } else {
        assert(why.text[0] != '\0' && fuzz_is_stained(&name, sizeof(name)));
    }
    fuzz_stain(key, sizeof(key));
    assert(key_choice_find(&nothing, word, key, &why) != ERR_OK);
    assert(fuzz_is_stained(key, sizeof(key)));
    (void)!pki_name_check_domain(word, &why);
}

static void check_args(const struct args *args)
{
    assert(args->word_count <= ARGS_WORDS_MAX);
    assert(args->server != NULL && args->server[0] != '\0');
    assert(args->output == ARGS_OUTPUT_TABLE || args->output == ARGS_OUTPUT_JSON);
    assert(args->timeout_ms > 0 && args->timeout_ms <= ARGS_TIMEOUT_MAX_MS);
    for (size_t i = 0; i < args->word_count; i++) {
        check_word(args->words[i]);
    }
    if (args->unknown_option != NULL) {
        const char *near = args_suggest(args->unknown_option);
        assert(near == NULL || near[0] == '-');
    }
}

static void check_pki_args(const struct pki_args *args)
{
    assert(args->word_count <= PKI_ARGS_WORDS_MAX);
    if (!args->is_help) {
        /* A key-encryption key does not end. */
        assert((args->days > 0) == (args->act != PKI_ACT_KEK));
        assert(args->days <= PKI_ARGS_DAYS_MAX);
        assert(args->act_name != NULL && args->ca_dir != NULL);
        for (size_t i = 0; i < args->word_count; i++) {
            check_word(args->words[i]);
        }
    }
}

static void read_args(struct line *line, int from, const struct args_environment *environment)
{
    struct args args;
    struct pki_args pki;
    struct errbuf why = {""};

    fuzz_stain(&args, sizeof(args));
    const enum err rc = args_parse(line->argc - from, &line->argv[from], environment, &args, &why);
    if (rc != ERR_OK) {
        assert(why.text[0] != '\0' && fuzz_is_stained(&args, sizeof(args)));
        return;
    }
    check_args(&args);
    if (args.rest != NULL) {
        assert(args.rest_count >= 0 && args.rest + args.rest_count == line->argv + line->argc);
        (void)!pki_args_parse(args.rest_count, args.rest, args.output, &pki, &why);
    }
}

static void read_pki(const struct line *line, int from)
{
    struct pki_args args;
    struct errbuf why = {""};

    fuzz_stain(&args, sizeof(args));
    if (pki_args_parse(line->argc - from, &line->argv[from], ARGS_OUTPUT_TABLE, &args, &why) ==
        ERR_OK) {
        check_pki_args(&args);
    } else {
        assert(why.text[0] != '\0' && fuzz_is_stained(&args, sizeof(args)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line line;
    struct args_environment environment = {.server = NULL};
    int at = 0;

    if (size == 0) {
        return 0;
    }
    split((struct slice){data + 1, size - 1}, &line);
    if ((data[0] & 2) != 0) {
        environment.server = take(&line, &at);
        environment.output = take(&line, &at);
        environment.ca = take(&line, &at);
        environment.cert = take(&line, &at);
        environment.key = take(&line, &at);
    }
    if ((data[0] & 1) != 0) {
        read_pki(&line, at);
    } else {
        read_args(&line, at, &environment);
    }
    free(line.text);
    return 0;
}
