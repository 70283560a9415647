/* SPDX-License-Identifier: Apache-2.0 */
/* stekd: arguments -> configuration -> app -> exit code. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "app/app.h"
#include "app/app_material.h"
#include "app/app_places.h"
#include "config/config_load.h"
#include "host/clock_system.h"
#include "host/process.h"
#include "host/syscall_filter.h"
#include "host/wipe_alloc.h"

#define DEFAULT_CONFIG "/etc/stekd/stekd.yaml"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct arguments {
    const char *config;
    bool is_check;
    bool is_help;
    bool is_version;
};

static void print_usage(FILE *to)
{
    (void)fputs(
        "usage: stekd [--config FILE] [--check]\n"
        "       stekd --help | --version\n"
        "\n"
        "Makes, schedules and serves the keys of TLS session tickets.\n"
        "\n"
        "  --config FILE  the configuration [" DEFAULT_CONFIG "]\n"
        "  --check        say what is wrong with the configuration and the files it names,\n"
        "                 and end\n"
        "  --help         this text\n"
        "  --version      the version\n"
        "\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.\n"
        "SIGHUP reads the configuration anew, and keeps the old one if anything is wrong.\n"
        "SIGTERM and SIGINT let calls under way finish; a second one ends at once.\n",
        to);
}

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            out->is_check = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            out->is_help = true;
        } else if (strcmp(argv[i], "--version") == 0) {
            out->is_version = true;
        } else if (strncmp(argv[i], "--config=", 9) == 0) {
            out->config = argv[i] + 9;
        } else if (strcmp(argv[i], "--config") == 0) {
            out->config = i + 1 < argc ? argv[++i] : "";
        } else {
            (void)fprintf(stderr, "stekd: unknown argument \"%s\"\n", argv[i]);
            return false;
        }
    }
    if (out->config[0] == '\0') {
        (void)fputs("stekd: --config needs a file\n", stderr);
        return false;
    }
    return true;
}

static enum exit_code fail(const struct errbuf *why)
{
    (void)fprintf(stderr, "stekd: %s\n", why->text);
    return EXIT_FAILED;
}

static enum err prepare_process(const struct config *config, struct log *log,
                                uint64_t *out_descriptors, struct errbuf *why)
{
    const size_t need = app_places_wanted(config);

    enum err rc = process_harden(why);
    if (rc != ERR_OK) {
        return rc;
    }
    const struct process_descriptors descriptors = process_raise_descriptors();
    log_write(log, LOG_LEVEL_INFO, "starting",
              LOG_FIELDS(log_string("version", STEKD_VERSION),
                         log_int("descriptors", (int64_t)descriptors.now),
                         log_int("descriptors_before", (int64_t)descriptors.before)));
    if (descriptors.now < need) {
        log_write(log, LOG_LEVEL_WARNING, "few-descriptors",
                  LOG_FIELDS(log_int("descriptors", (int64_t)descriptors.now),
                             log_int("wanted", (int64_t)need),
                             log_string("remedy", "LimitNOFILE in the systemd unit, ulimit -Hn")));
    }
    rc = process_check_locked_memory(app_locked_memory_need(config), why);
    if (rc == ERR_OK) {
        *out_descriptors = descriptors.now;
    }
    return rc;
}

/* Everything that is opened once is open, and no peer has been heard yet. */
static void filter_syscalls(enum syscall_filter_mode mode, struct log *log)
{
    static const char *const words[] = {"enforce", "log", "off"};
    struct errbuf why = {""};

    if (!syscall_filter_is_built()) {
        log_write(log, LOG_LEVEL_INFO, "syscall-filter", LOG_FIELDS(log_string("mode", "absent")));
    } else if (syscall_filter_apply(mode, &why) == ERR_OK) {
        log_write(log, LOG_LEVEL_INFO, "syscall-filter",
                  LOG_FIELDS(log_string("mode", words[mode])));
    } else {
        log_write(log, LOG_LEVEL_WARNING, "no-syscall-filter",
                  LOG_FIELDS(log_string("why", why.text)));
    }
}

/* A SIGHUP that comes before anybody listens for it would end us; held back, it is a reload as soon
 * as there is something to reload. */
static void hold_hangups(bool is_held)
{
    sigset_t hangup;

    (void)sigemptyset(&hangup);
    (void)sigaddset(&hangup, SIGHUP);
    (void)sigprocmask(is_held ? SIG_BLOCK : SIG_UNBLOCK, &hangup, NULL);
}

/* Takes the configuration. */
static enum exit_code serve(struct config *config, const char *path)
{
    enum exit_code code = EXIT_FAILED;
    struct clock clock = clock_system_make();
    const struct log_options log_options = {
        .fd = 2, .format = config->log.format, .level = config->log.level, .clock = &clock};
    struct log *log = NULL;
    const enum syscall_filter_mode mode = config->syscall_filter; /* a reload frees the first one */
    struct app *app = NULL;
    struct errbuf why = {"out of memory"};

    if (log_new(&log_options, &log) != ERR_OK) {
        config_free(config);
        return fail(&why);
    }
    struct app_options options = {
        .config = config, .config_path = path, .log = log, .version = STEKD_VERSION};
    enum err rc = prepare_process(config, log, &options.descriptors, &why);
    if (rc == ERR_OK) {
        rc = app_new(&options, &app, &why);
    }
    if (rc != ERR_OK) {
        config_free(config);
    } else {
        filter_syscalls(mode, log);
        hold_hangups(false);
        rc = app_run(app, &why);
    }
    if (rc == ERR_OK) {
        code = EXIT_DONE;
    } else {
        log_write(log, LOG_LEVEL_ERROR, "failed", LOG_FIELDS(log_string("why", why.text)));
    }
    app_free(app);
    log_free(log);
    return code;
}

static enum exit_code run(const struct arguments *arguments)
{
    struct config *config = NULL;
    struct config_problems problems = {0};
    enum exit_code code = EXIT_USAGE;

    hold_hangups(!arguments->is_check);
    enum err rc = config_load(arguments->config, &config, &problems);
    if (rc == ERR_OK && arguments->is_check) {
        rc = app_material_check(config, &problems);
    }
    config_problems_print(&problems, arguments->config, stderr);
    config_problems_fini(&problems);
    if (rc == ERR_OK && !arguments->is_check) {
        return serve(config, arguments->config);
    }
    if (rc == ERR_OK) {
        (void)printf("%s: ok\n", arguments->config);
        code = EXIT_DONE;
    }
    config_free(config);
    return code;
}

/* An answer that did not reach its reader (a full disk, a closed pipe) is not an answer. */
static enum exit_code finish(enum exit_code code)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fputs("stekd: the output could not be written\n", stderr);
        return EXIT_FAILED;
    }
    return code;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.config = DEFAULT_CONFIG};
    struct errbuf why = {""};

    /* Before any library has allocated, and before any file is open. */
    if (process_fill_standard_files(&why) != ERR_OK || wipe_alloc_install(&why) != ERR_OK) {
        return (int)fail(&why);
    }
    if (!parse_arguments(argc, argv, &arguments)) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (arguments.is_help) {
        print_usage(stdout);
        return (int)finish(EXIT_DONE);
    }
    if (arguments.is_version) {
        (void)puts("stekd " STEKD_VERSION);
        return (int)finish(EXIT_DONE);
    }
    enum exit_code code = run(&arguments);
    libevent_global_shutdown();
    return (int)finish(code);
}
