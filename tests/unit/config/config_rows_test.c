/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the table with every kind of value it should not have: what is said about each is in
 * tests/golden/config_rows.expected, one line a case. A new row changes that file, so it cannot be
 * forgotten. STEK_GOLDEN_UPDATE=1 writes the file; look at the difference before it is committed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_describe.h"
#include "config/config_keys.h"
#include "config/config_load.h"

#define LONG_LEN 4200 /* longer than any value may be */

struct shape {
    const char *name;
    const char *value; /* NULL: LONG_LEN letters */
};

static const struct shape of_any[] = {
    {"nothing", ""},
    {"null", "~"},
    {"null in letters", "null"},
    {"blank", "\" \""},
    {"empty", "\"\""},
    {"a list", "[a]"},
    {"an empty list", "[]"},
    {"a list of lists", "[[a]]"},
    {"a list of blanks", "[\" \"]"},
    {"a mapping", "{a: b}"},
    {"an empty mapping", "{}"},
    {"a word", "word"},
    {"control characters", "\"a\\x01b\""},
    {"endless", NULL},
};

static const struct shape of_duration[] = {
    {"no unit", "12"},
    {"unit of its own", "2w"},
    {"blank before unit", "12 h"},
    {"negative", "-1h"},
    {"fraction", "1.5h"},
    {"large unit", "12H"},
    {"zero", "0s"},
    {"no number", "h"},
    {"two", "1h30m"},
    {"overflow", "99999999999999999999d"},
    {"hexadecimal", "0x10s"},
};

static const struct shape of_count[] = {
    {"quoted", "\"2\""}, {"negative", "-1"},     {"fraction", "1.0"},
    {"exponent", "1e1"}, {"hexadecimal", "0x2"}, {"overflow", "4294967297"},
};

static const struct shape of_mode[] = {
    {"decimal", "\"0698\""}, {"executable", "\"0770\""}, {"not for the owner", "\"0060\""},
    {"sticky", "\"01660\""}, {"letters", "rw-rw----"},   {"overflow", "\"77777777777\""},
};

static const struct shape of_address[] = {
    {"no port", "10.0.0.1"},
    {"port 0", "10.0.0.1:0"},
    {"port 65536", "10.0.0.1:65536"},
    {"port of letters", "10.0.0.1:https"},
    {"no host", "\":7443\""},
    {"bare IPv6", "\"::1:7443\""},
    {"open bracket", "\"[::1:7443\""},
    {"blank", "\"a b:1\""},
    {"relative socket", "unix:run/x.sock"},
    {"URL", "\"tcp://10.0.0.1:1\""},
};

static const struct shape of_path[] = {
    {"relative", "run/x"},
    {"a folder", "/run/"},
};

struct shapes {
    const struct shape *at;
    size_t count;
};

#define SHAPES(list)                                                                               \
    (struct shapes)                                                                                \
    {                                                                                              \
        (list), sizeof(list) / sizeof((list)[0])                                                   \
    }

static struct shapes shapes_of(enum config_type type)
{
    switch (type) {
    case CONFIG_TYPE_DURATION:
        return SHAPES(of_duration);
    case CONFIG_TYPE_COUNT:
        return SHAPES(of_count);
    case CONFIG_TYPE_MODE:
        return SHAPES(of_mode);
    case CONFIG_TYPE_ADDRESS:
    case CONFIG_TYPE_LOOPBACK:
        return SHAPES(of_address);
    case CONFIG_TYPE_UNIX_PATH:
        return SHAPES(of_path);
    case CONFIG_TYPE_CHOICE:
    case CONFIG_TYPE_LABEL:
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_PATHS:
    case CONFIG_TYPE_ADDRESSES:
    case CONFIG_TYPE_PRINCIPALS:
    case CONFIG_TYPE_SECTION:
    case CONFIG_TYPE_LISTENERS:
    case CONFIG_TYPE_REALMS:
    case CONFIG_TYPE_LATER:
        break;
    }
    return (struct shapes){NULL, 0};
}

/* What was seen so far, and how much of it. */
struct record {
    FILE *to;
    size_t cases;
    size_t refused;
};

/* A document with nothing but `line`, so many times, where the row `path` has its place; every
 * mapping above begins with a key of its own, so that what is missing there is said on another
 * line. The number of the first line. */
static size_t print_document(FILE *to, const char *path, const char *line, size_t times)
{
    size_t lines = 1;
    int indent = 0;
    const char *at = path;

    (void)fputs("other: 0\n", to);
    for (const char *dot = strchr(at, '.'); dot != NULL; dot = strchr(at, '.')) {
        size_t len = (size_t)(dot - at);
        bool is_list = len > 2 && at[len - 1] == ']';
        bool is_name = len == 1 && *at == '*';
        (void)fprintf(to, "%*s%.*s:\n", indent, "",
                      is_list   ? (int)len - 2
                      : is_name ? 3
                                : (int)len,
                      is_name ? "web" : at);
        indent += 2;
        (void)fprintf(to, "%*s%sother: 0\n", indent, "", is_list ? "- " : "");
        indent += is_list ? 2 : 0;
        lines += 2;
        at = dot + 1;
    }
    for (size_t i = 0; i < times; i++) {
        (void)fprintf(to, "%*s%s\n", indent, "", line);
    }
    return lines + 1;
}

static void record_case(struct record *record, const struct config_key *key, const char *shape,
                        const char *line, size_t times)
{
    char *text = NULL;
    size_t len = 0;
    struct config *config = NULL;
    struct config_problems problems = {0};
    size_t said = 0;

    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    size_t first = print_document(to, key->path, line, times);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(config_load_text(text, len, &config, &problems), ERR_INVALID);
    assert_null(config);
    (void)fprintf(record->to, "%s, %s:", key->path, shape);
    for (size_t i = 0; i < problems.count; i++) {
        const struct config_problem *problem = &problems.at[i];
        if (problem->mark.line >= first && problem->mark.line < first + times) {
            (void)fprintf(record->to, "%s %s", said++ == 0 ? "" : ";", problem->what.text);
        }
    }
    (void)fprintf(record->to, "%s\n", said == 0 ? " ok" : "");
    record->cases++;
    record->refused += said > 0;
    config_problems_fini(&problems);
    free(text);
}

static const char *name_of(const struct config_key *key)
{
    const char *leaf = config_keys_leaf(key->path);

    return strcmp(leaf, "*") == 0 ? "web" : leaf;
}

static void record_shape(struct record *record, const struct config_key *key, const char *shape,
                         const char *value)
{
    static char line[LONG_LEN + 128];
    int len = snprintf(line, sizeof(line), "%s: %s", name_of(key), value == NULL ? "" : value);

    if (value == NULL) {
        memset(line + len, 'x', LONG_LEN);
        line[len + LONG_LEN] = '\0';
    }
    record_case(record, key, shape, line, 1);
}

static void record_choice(struct record *record, const struct config_key *key)
{
    char word[64];

    for (size_t i = 0; key->choices[i] != NULL; i++) {
        (void)snprintf(word, sizeof(word), "%.*s", (int)strlen(key->choices[i]) - 1,
                       key->choices[i]);
        record_shape(record, key, "broken off", word);
        (void)snprintf(word, sizeof(word), "%s", key->choices[i]);
        word[0] = (char)(word[0] - 'a' + 'A');
        record_shape(record, key, "large letter", word);
    }
}

static void record_range(struct record *record, const struct config_key *key)
{
    const char *unit = key->type == CONFIG_TYPE_DURATION ? "ms" : "";
    char value[64];

    (void)snprintf(value, sizeof(value), "%lld%s", (long long)key->min - 1, unit);
    record_shape(record, key, "one too few", value);
    (void)snprintf(value, sizeof(value), "%lld%s", (long long)key->min, unit);
    record_shape(record, key, "the fewest", value);
    (void)snprintf(value, sizeof(value), "%lld%s", (long long)key->max, unit);
    record_shape(record, key, "the most", value);
    (void)snprintf(value, sizeof(value), "%lld%s", (long long)key->max + 1, unit);
    record_shape(record, key, "one too many", value);
}

static const char *good_value(const struct config_key *key)
{
    if (key->type == CONFIG_TYPE_LISTENERS) {
        return "[{other: 0}]";
    }
    return config_describe_is_container(key) ? "{other: 0}"
           : key->sample != NULL             ? key->sample
                                             : key->preset;
}

static void record_names(struct record *record, const struct config_key *key)
{
    const char *name = name_of(key);
    const char *value = good_value(key);
    size_t len = strlen(name);
    char line[512];

    (void)snprintf(line, sizeof(line), "%s: %s", name, value);
    record_case(record, key, "twice", line, 2);
    if (strcmp(name, "web") == 0) {
        return; /* any word is a name */
    }
    (void)snprintf(line, sizeof(line), "%.*s%s: %s", (int)len / 2, name, name + len / 2 + 1, value);
    record_case(record, key, "misspelt", line, 1);
    (void)snprintf(line, sizeof(line), "%c%s: %s", name[0] - 'a' + 'A', name + 1, value);
    record_case(record, key, "large letter in the key", line, 1);
}

static void record_row(struct record *record, const struct config_key *key)
{
    const struct shapes more = shapes_of(key->type);

    for (size_t i = 0; i < sizeof(of_any) / sizeof(of_any[0]); i++) {
        record_shape(record, key, of_any[i].name, of_any[i].value);
    }
    if (key->type == CONFIG_TYPE_CHOICE) {
        record_choice(record, key);
    } else {
        for (size_t i = 0; i < more.count; i++) {
            record_shape(record, key, more.at[i].name, more.at[i].value);
        }
    }
    if (key->type == CONFIG_TYPE_DURATION || key->type == CONFIG_TYPE_COUNT) {
        record_range(record, key);
    }
    record_names(record, key);
}

static char *record_all(struct record *record)
{
    char *text = NULL;
    size_t len = 0;

    *record = (struct record){.to = open_memstream(&text, &len)};
    assert_non_null(record->to);
    for (size_t i = 0; i < config_keys_count(); i++) {
        if (config_keys_at(i)->since != NULL) {
            record_row(record, config_keys_at(i));
        }
    }
    assert_int_equal(fclose(record->to), 0);
    return text;
}

/* The line that ends at the first byte in which `a` and `b` differ begins here. */
static size_t find_difference(const char *a, const char *b)
{
    size_t begin = 0;

    for (size_t i = 0; a[i] == b[i]; i++) {
        begin = a[i] == '\n' ? i + 1 : begin;
    }
    return begin;
}

static void every_row_refuses_what_it_should_and_says_why(void **unused)
{
    struct record record;
    const bool is_update = getenv("STEK_GOLDEN_UPDATE") != NULL;

    (void)unused;
    char *got = record_all(&record);
    FILE *file = fopen(CONFIG_ROWS_GOLDEN, is_update ? "w+" : "r");
    assert_non_null(file);
    if (is_update) {
        assert_true(fputs(got, file) >= 0);
        rewind(file);
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t len = (size_t)ftell(file);
    rewind(file);
    char *want = test_calloc(1, len + 1);
    assert_int_equal(fread(want, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    if (strcmp(got, want) != 0) {
        size_t at = find_difference(got, want);
        fail_msg("not as in the golden file (STEK_GOLDEN_UPDATE=1 writes it):\n--- wanted\n%.300s\n"
                 "--- got\n%.300s",
                 want + at, got + at);
    }
    print_message("%zu rows, %zu cases, %zu of them refused\n", config_keys_count(), record.cases,
                  record.refused);
    assert_true(record.cases > 12 * config_keys_count());
    test_free(want);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_refuses_what_it_should_and_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
