/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_config.h"

#include <stdio.h>
#include <string.h>

#include "config/config_load.h"
#include "config/config_man.h"
#include "config/config_sample.h"
#include "ctl/show.h"

static void show_json(const char *file, bool is_good, const struct config_problems *problems)
{
    struct json json = show_json_start(stdout, "config");

    json_string(&json, "file", file);
    json_bool(&json, "ok", is_good);
    json_open_array(&json, "problems");
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->at[i];
        json_open_object(&json, NULL);
        json_uint(&json, "line", problem->mark.line);
        json_uint(&json, "column", problem->mark.column);
        json_bool(&json, "note", problem->is_note);
        json_string(&json, "text", problem->what.text);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_close_object(&json);
}

static enum exit_code check(const char *file, enum args_output output)
{
    struct config *config = NULL;
    struct config_problems problems = {0};

    bool is_good = config_load(file, &config, &problems) == ERR_OK;
    if (output == ARGS_OUTPUT_JSON) {
        show_json(file, is_good, &problems);
    } else {
        config_problems_print(&problems, file, stderr);
        if (is_good) {
            (void)printf("%s: ok\n", file);
        }
    }
    config_problems_fini(&problems);
    config_free(config);
    return is_good ? EXIT_CODE_DONE : EXIT_CODE_USAGE;
}

static enum exit_code refuse(const char *why)
{
    (void)fprintf(
        stderr, "stekctl: config: %s: write config check FILE, config sample or config man\n", why);
    return EXIT_CODE_USAGE;
}

enum exit_code cmd_config(const struct args *args)
{
    const char *act = args->words[1];
    const char *file = args->word_count > 2 ? args->words[2] : NULL;

    if (strcmp(act, "check") == 0) {
        return file == NULL ? refuse("check needs a file") : check(file, args->output);
    }
    if (strcmp(act, "sample") != 0 && strcmp(act, "man") != 0) {
        return refuse("there is no such act");
    }
    if (file != NULL) {
        return refuse("only check takes a file");
    }
    if (args->output == ARGS_OUTPUT_JSON) {
        return refuse("only check has a JSON form");
    }
    (strcmp(act, "man") == 0 ? config_man_print : config_sample_print)(stdout);
    return EXIT_CODE_DONE;
}
