/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_load.h"

/* Every key of a redis store with its own line, so that one can be another. */
static const char *const lines[] = {
    "deployment: a\n",
    "listen:\n",
    "  - unix: /run/a.sock\n",
    "    mode: \"0660\"\n",
    "  - address: 0.0.0.0:7443\n",
    "    tls: {certificate: c, private_key: k, client_ca: a}\n",
    "http: 127.0.0.1:7480\n",
    "store:\n",
    "  type: redis\n",
    "  sentinel: {master: m, addresses: [10.0.0.1:1, 10.0.0.2:1]}\n",
    "  prefix: p\n",
    "  username: u\n",
    "  password_file: f\n",
    "  tls: {ca: a}\n",
    "  key_encryption_keys: [a]\n",
    "operators: [\"uid:0\"]\n",
    "realms:\n",
    "  web: {readers: [\"uid:1\"], rotate_every: 1h}\n",
    "  mail: {readers: [\"uid:1\"]}\n",
    "log: {format: json, level: debug}\n",
};

#define LINES (sizeof(lines) / sizeof(lines[0]))

/* With line number `at` (from 0) replaced. */
static struct config *load_with(size_t at, const char *line)
{
    char text[4096] = "";
    struct config *config = NULL;
    struct config_problems problems = {0};

    for (size_t i = 0; i < LINES; i++) {
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s",
                       i == at ? line : lines[i]);
    }
    enum err rc = config_load_text(text, strlen(text), &config, &problems);
    if (rc != ERR_OK) {
        config_problems_print(&problems, "test", stderr);
    }
    assert_int_equal(rc, ERR_OK);
    config_problems_fini(&problems);
    return config;
}

static void assert_change(size_t at, const char *line, const char *want)
{
    struct config *running = load_with(LINES, "");
    struct config *next = load_with(at, line);
    struct config_problems problems = {0};
    char *said = NULL;
    size_t len = 0;

    config_changes_find(running, next, &problems);
    FILE *to = open_memstream(&said, &len);
    assert_non_null(to);
    config_problems_print(&problems, "f", to);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(said, want);
    free(said);
    config_problems_fini(&problems);
    config_free(next);
    config_free(running);
}

static void what_needs_a_restart_is_named_at_its_place(void **unused)
{
    static const struct {
        size_t at;
        const char *line;
        const char *want;
    } rows[] = {
        {0, "deployment: b\n",
         "f:1:13: \"deployment\" has changed, which needs a restart of stekd\n"},
        {0, "", "f:1:1: \"deployment\" has changed, which needs a restart of stekd\n"},
        {2, "  - unix: /run/b.sock\n",
         "f:3:5: \"unix\" has changed, which needs a restart of stekd\n"},
        {3, "    mode: \"0666\"\n",
         "f:3:5: \"mode\" has changed, which needs a restart of stekd\n"},
        {4, "  - address: 0.0.0.0:7444\n",
         "f:5:5: \"address\" has changed, which needs a restart of stekd\n"},
        {4, "  - address: 127.0.0.1:7443\n",
         "f:5:5: \"address\" has changed, which needs a restart of stekd\n"},
        {2, "  - unix: /run/c.sock\n  - unix: /run/a.sock\n",
         "f:3:5: \"listen\" has 3 entries where 2 are in use, which needs a restart of stekd\n"},
        {6, "http: 127.0.0.1:7481\n",
         "f:7:7: \"http\" has changed, which needs a restart of stekd\n"},
        {6, "", "f:1:1: \"http\" has changed, which needs a restart of stekd\n"},
        {10, "  prefix: q\n",
         "f:9:3: \"store.prefix\" has changed, which needs a restart of stekd\n"},
        {11, "  username: v\n",
         "f:9:3: \"store.username\" has changed, which needs a restart of stekd\n"},
        {9, "  sentinel: {master: n, addresses: [10.0.0.1:1, 10.0.0.2:1]}\n",
         "f:9:3: \"store.sentinel.master\" has changed, which needs a restart of stekd\n"},
        {9, "  sentinel: {master: m, addresses: [10.0.0.1:1, 10.0.0.2:2]}\n",
         "f:9:3: \"store.sentinel.addresses\" has changed, which needs a restart of stekd\n"},
        {9, "  sentinel: {master: m, addresses: [10.0.0.1:1]}\n",
         "f:9:3: \"store.sentinel.addresses\" has changed, which needs a restart of stekd\n"},
        {9, "  address: 10.0.0.1:1\n",
         "f:9:3: \"store.address\" has changed, which needs a restart of stekd\n"
         "f:9:3: \"store.sentinel.master\" has changed, which needs a restart of stekd\n"
         "f:9:3: \"store.sentinel.addresses\" has changed, which needs a restart of stekd\n"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_change(rows[i].at, rows[i].line, rows[i].want);
    }
}

static void what_can_be_reloaded_is_no_problem(void **unused)
{
    static const struct {
        size_t at;
        const char *line;
    } rows[] = {
        {LINES, ""},
        {5, "    tls: {certificate: d, private_key: l, client_ca: b, crl: r}\n"},
        {12, "  password_file: g\n"},
        {13, "  tls: {ca: b, certificate: c, private_key: k}\n"},
        {13, ""},
        {14, "  key_encryption_keys: [b, a]\n"},
        {15, "operators: [\"uid:7\", \"dns:a\"]\n"},
        {17, ""},
        {17, "  web: {readers: [], rotate_every: 2h, max_offline: 1h}\n  new: {}\n"},
        {19, "log: {format: logfmt}\n"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_change(rows[i].at, rows[i].line, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_needs_a_restart_is_named_at_its_place),
        cmocka_unit_test(what_can_be_reloaded_is_no_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
