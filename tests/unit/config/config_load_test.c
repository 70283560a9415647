/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: the golden ones of tests/golden/config (NAME.yaml and everything that is to be said
 * about it in NAME.expected), the values of a good one, files that are no files, and texts nobody
 * would write. */
#include "config/config_load.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config_sample.h"

/* The allocation that fails, counted from 1; 0: none. */
static struct {
    long fail_at;
    long count;
} alloc;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void *__real_reallocarray(void *block, size_t count, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);

static bool must_fail(void)
{
    return alloc.fail_at != 0 && ++alloc.count == alloc.fail_at;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

char *__wrap_strdup(const char *text)
{
    return must_fail() ? NULL : __real_strdup(text);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    return must_fail() ? NULL : __real_reallocarray(block, count, size);
}

/* The caller frees. */
static char *read_text(const char *path, size_t *out_len)
{
    struct stat st;
    int fd = open(path, O_RDONLY);

    if (fd < 0 || fstat(fd, &st) != 0) {
        fail_msg("%s cannot be opened", path);
    }
    char *text = test_calloc(1, (size_t)st.st_size + 1);
    assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
    (void)close(fd);
    *out_len = (size_t)st.st_size;
    return text;
}

static char *printed(const struct config_problems *problems, const char *name)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    config_problems_print(problems, name, to);
    assert_int_equal(fclose(to), 0);
    return text;
}

/* Whether all that was to be said was said. */
static bool check_golden(const char *name, size_t stem_len)
{
    char yaml[512];
    char expected[512];
    size_t len = 0;
    struct config *config = NULL;
    struct config_problems problems = {0};
    bool is_good = strncmp(name, "good-", 5) == 0;

    (void)snprintf(yaml, sizeof(yaml), "%s/%s", CONFIG_GOLDEN_DIR, name);
    (void)snprintf(expected, sizeof(expected), "%s/%.*s.expected", CONFIG_GOLDEN_DIR, (int)stem_len,
                   name);
    enum err rc = config_load(yaml, &config, &problems);
    char *want = read_text(expected, &len);
    char *got = printed(&problems, name);
    bool is_right = strcmp(want, got) == 0 && rc == (is_good ? ERR_OK : ERR_INVALID) &&
                    (config != NULL) == is_good && (problems.errors == 0) == is_good;
    if (!is_right) {
        print_error("%s: %s\n--- wanted\n%s--- got\n%s", name, err_text(rc), want, got);
    }
    free(got);
    test_free(want);
    config_problems_fini(&problems);
    config_free(config);
    return is_right;
}

static void every_golden_file_gets_exactly_its_problems(void **unused)
{
    size_t good = 0;
    size_t wrong = 0;
    size_t failed = 0;
    struct dirent *entry = NULL;

    (void)unused;
    DIR *dir = opendir(CONFIG_GOLDEN_DIR);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".yaml") != 0) {
            continue;
        }
        good += strncmp(entry->d_name, "good-", 5) == 0;
        wrong += strncmp(entry->d_name, "good-", 5) != 0;
        failed += !check_golden(entry->d_name, (size_t)(dot - entry->d_name));
    }
    (void)closedir(dir);
    assert_int_equal(failed, 0);
    assert_true(good >= 4);
    assert_true(wrong >= 40);
}

static struct config *load_good(const char *path)
{
    struct config *config = NULL;
    struct config_problems problems = {0};

    assert_int_equal(config_load(path, &config, &problems), ERR_OK);
    config_problems_fini(&problems);
    return config;
}

static void the_values_of_a_store_arrive_too(void **unused)
{
    (void)unused;
    struct config *c = load_good(CONFIG_GOLDEN_DIR "/good-redis.yaml");
    assert_int_equal(c->store.type, CONFIG_STORE_REDIS);
    assert_string_equal(c->store.address.unix_path, "");
    assert_string_equal(c->store.address.host, "::1");
    assert_int_equal(c->store.address.port, 6379);
    assert_string_equal(c->store.username, "stekd");
    assert_string_equal(c->store.password_file, "redis.password");
    assert_string_equal(c->store.prefix, "fleet-7");
    assert_int_equal(c->store.key_encryption_keys.count, 2);
    assert_string_equal(c->store.key_encryption_keys.at[0], "kek/2026-11.key");
    assert_string_equal(c->store.key_encryption_keys.at[1], "/etc/stekd/kek/2026-05.key");
    config_free(c);
    c = load_good(CONFIG_GOLDEN_DIR "/good-file-store.yaml");
    assert_int_equal(c->store.type, CONFIG_STORE_FILE);
    assert_string_equal(c->store.path, "/var/lib/stekd");
    assert_string_equal(c->store.prefix, "stek");
    config_free(c);
}

static void the_values_of_a_fleet_arrive_too(void **unused)
{
    (void)unused;
    struct config *c = load_good(CONFIG_GOLDEN_DIR "/good-fleet.yaml");
    const struct config_listener *tcp = c->listeners;
    assert_int_equal(c->listener_count, 3);
    assert_string_equal(tcp[0].unix_path, "");
    assert_string_equal(tcp[0].address.host, "0.0.0.0");
    assert_int_equal(tcp[0].address.port, 7443);
    assert_string_equal(tcp[0].tls.certificate, "tls/server.pem");
    assert_string_equal(tcp[0].tls.private_key, "tls/server.key");
    assert_string_equal(tcp[0].tls.ca, "tls/ca.pem");
    assert_string_equal(tcp[0].tls.crl, "");
    assert_string_equal(tcp[1].address.host, "::1");
    assert_string_equal(tcp[1].tls.crl, "tls/crl.pem");
    assert_string_equal(tcp[2].unix_path, "/run/stekd/stekd.sock");
    assert_string_equal(c->store.tls.ca, "tls/ca.pem");
    assert_string_equal(c->store.tls.certificate, "tls/redis.pem");
    assert_string_equal(c->store.tls.private_key, "tls/redis.key");
    assert_string_equal(c->store.sentinel.master, "stek");
    const struct config_addresses *sentinels = &c->store.sentinel.addresses;
    assert_int_equal(sentinels->count, 2);
    assert_string_equal(sentinels->at[0].host, "10.0.0.1");
    assert_int_equal(sentinels->at[0].port, 26379);
    assert_string_equal(sentinels->at[1].host, "fe80::2");
    assert_int_equal(sentinels->at[1].port, 26380);
    const struct config_principals *readers = &c->realms[0].readers;
    assert_int_equal(readers->count, 3);
    assert_int_equal(readers->at[0].kind, CONFIG_PRINCIPAL_URI);
    assert_string_equal(readers->at[0].pattern, "spiffe://example.org/frontend/*");
    assert_int_equal(readers->at[1].kind, CONFIG_PRINCIPAL_DNS);
    assert_string_equal(readers->at[1].pattern, "*.fe.example.org");
    assert_int_equal(readers->at[2].kind, CONFIG_PRINCIPAL_UID);
    assert_null(readers->at[2].pattern);
    config_free(c);
}

static void every_value_arrives_where_it_belongs(void **unused)
{
    (void)unused;
    struct config *c = load_good(CONFIG_GOLDEN_DIR "/good-everything.yaml");
    assert_string_equal(c->deployment, "example fleet");
    assert_int_equal(c->listener_count, 2);
    assert_string_equal(c->listeners[0].unix_path, "/run/stekd/stekd.sock");
    assert_int_equal(c->listeners[0].mode, 0666);
    assert_string_equal(c->listeners[1].unix_path, "/run/stekd/admin.sock");
    assert_int_equal(c->listeners[1].mode, 0600);
    assert_int_equal(c->store.type, CONFIG_STORE_MEMORY);
    assert_string_equal(c->folder, CONFIG_GOLDEN_DIR "/");
    assert_int_equal(c->operators.count, 2);
    assert_int_equal(c->operators.at[0].kind, CONFIG_PRINCIPAL_UID);
    assert_int_equal(c->operators.at[0].id, 0);
    assert_int_equal(c->operators.at[1].kind, CONFIG_PRINCIPAL_GID);
    assert_int_equal(c->realm_count, 2);
    const struct config_realm *web = &c->realms[0];
    assert_string_equal(web->name, "web");
    assert_int_equal(web->policy.rotate_every_ms, 4000);
    assert_int_equal(web->policy.ticket_lifetime_ms, 8000);
    assert_int_equal(web->policy.keys_ahead, 2);
    assert_int_equal(web->policy.sync_interval_ms, 500);
    assert_int_equal(web->policy.max_offline_ms, 60000);
    assert_int_equal(web->policy.max_session_age_ms, 604800000);
    assert_int_equal(web->readers.count, 1);
    assert_int_equal(web->readers.at[0].id, 33);
    assert_int_equal(web->operators.count, 1);
    assert_int_equal(web->operators.at[0].kind, CONFIG_PRINCIPAL_GID);
    assert_int_equal(web->operators.at[0].id, 1000);
    assert_string_equal(c->realms[1].name, "0mail.example-1_a");
    assert_int_equal(c->realms[1].policy.rotate_every_ms, 3600000);
    assert_int_equal(c->log.format, LOG_FORMAT_JSON);
    assert_int_equal(c->log.level, LOG_LEVEL_DEBUG);
    config_free(c);
}

static void what_is_left_out_has_the_defaults_of_the_policy(void **unused)
{
    struct policy want = policy_default(INT64_C(43200000));

    (void)unused;
    struct config *c = load_good(CONFIG_GOLDEN_DIR "/good-minimal.yaml");
    assert_string_equal(c->deployment, "stek");
    assert_int_equal(c->listeners[0].mode, 0660);
    assert_int_equal(c->operators.count, 0);
    assert_int_equal(c->log.format, LOG_FORMAT_LOGFMT);
    assert_int_equal(c->log.level, LOG_LEVEL_INFO);
    uint8_t got_hash[POLICY_HASH_LEN];
    uint8_t want_hash[POLICY_HASH_LEN];
    assert_int_equal(policy_hash(&c->realms[0].policy, got_hash), ERR_OK);
    assert_int_equal(policy_hash(&want, want_hash), ERR_OK);
    assert_memory_equal(got_hash, want_hash, POLICY_HASH_LEN);
    config_free(c);
}

static enum err load_text(const char *text, struct config **out_config)
{
    struct config_problems problems = {0};
    enum err rc = config_load_text(text, strlen(text), out_config, &problems);

    config_problems_fini(&problems);
    return rc;
}

static void defaults_follow_from_the_values_given(void **unused)
{
    static const struct {
        const char *realm;
        int64_t sync_interval_ms;
        int64_t max_session_age_ms;
    } rows[] = {
        {"rotate_every: 800ms, ticket_lifetime: 1s", 100, 86400000},
        {"rotate_every: 119992ms, ticket_lifetime: 1m", 14999, 86400000},
        {"rotate_every: 120s, ticket_lifetime: 1m", 15000, 86400000},
        {"rotate_every: 121s, ticket_lifetime: 1m", 15000, 86400000},
        {"ticket_lifetime: 24h", 15000, 86400000},
        {"ticket_lifetime: 86400001ms", 15000, 86400001},
        {"ticket_lifetime: 2d", 15000, 172800000},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        struct config *c = NULL;
        (void)snprintf(text, sizeof(text),
                       "listen: [{unix: /a}]\nstore: {type: memory}\nrealms: {web: {%s}}\n",
                       rows[i].realm);
        assert_int_equal(load_text(text, &c), ERR_OK);
        assert_int_equal(c->realms[0].policy.sync_interval_ms, rows[i].sync_interval_ms);
        assert_int_equal(c->realms[0].policy.max_session_age_ms, rows[i].max_session_age_ms);
        config_free(c);
    }
}

static void the_sample_file_is_the_table_and_can_be_loaded(void **unused)
{
    char *want = NULL;
    size_t want_len = 0;
    size_t len = 0;

    (void)unused;
    FILE *to = open_memstream(&want, &want_len);
    assert_non_null(to);
    config_sample_print(to);
    assert_int_equal(fclose(to), 0);
    char *text = read_text(CONFIG_SAMPLE, &len);
    assert_string_equal(text, want);
    test_free(text);
    free(want);

    struct config *c = load_good(CONFIG_SAMPLE);
    assert_string_equal(c->realms[0].name, "web");
    config_free(c);
}

/* With every comment sign of an optional key removed it is still a configuration; but for those of
 * the store, where each type has keys of its own. */
static void the_sample_file_can_be_loaded_with_everything_in(void **unused)
{
    char *text = NULL;
    size_t len = 0;
    struct config *c = NULL;

    (void)unused;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    config_sample_print(to);
    assert_int_equal(fclose(to), 0);
    bool is_store = false;
    for (char *line = text; line != NULL && *line != '\0';) {
        if (strchr(" #\n", *line) == NULL) {
            is_store = strncmp(line, "store:", 6) == 0;
        }
        char *next = strchr(line, '\n');
        char *at = line + strspn(line, " ");
        size_t blanks = strspn(at + 1, " ");
        blanks += at[1 + blanks] == '-' ? 2 : 0; /* the dash of an entry */
        size_t name = strspn(at + 1 + blanks, "abcdefghijklmnopqrstuvwxyz_");
        /* "# name:" is a key; "# A sentence." and "# (type)" are not. */
        if (*at == '#' && name > 0 && at[1 + blanks + name] == ':' && !is_store) {
            memmove(at, at + 2, strlen(at + 2) + 1);
            next = strchr(line, '\n');
        }
        line = next == NULL ? NULL : next + 1;
    }
    struct config_problems problems = {0};
    enum err rc = config_load_text(text, strlen(text), &c, &problems);
    char *said = printed(&problems, "sample");
    assert_string_equal(said, "");
    assert_int_equal(rc, ERR_OK);
    assert_int_equal(c->realms[0].policy.max_offline_ms, 3600000);
    assert_int_equal(c->listener_count, 2);
    free(said);
    config_problems_fini(&problems);
    config_free(c);
    free(text);
}

static void assert_unreadable(const char *path, const char *want)
{
    struct config *config = NULL;
    struct config_problems problems = {0};

    assert_int_equal(config_load(path, &config, &problems), ERR_IO);
    assert_null(config);
    char *said = printed(&problems, "f");
    assert_string_equal(said, want);
    free(said);
    config_problems_fini(&problems);
}

static void what_is_no_readable_file_is_said(void **unused)
{
    char dir[] = "/tmp/stek-config-XXXXXX";
    char path[64];

    (void)unused;
    assert_non_null(mkdtemp(dir));
    assert_unreadable(dir, "f: is not a regular file\n");
    (void)snprintf(path, sizeof(path), "%s/f", dir);
    assert_unreadable(path, "f: cannot be opened: No such file or directory\n");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_unreadable(path, "f: is not a regular file\n");
    assert_int_equal(unlink(path), 0);
    int fd = open(path, O_WRONLY | O_CREAT, 0000);
    assert_true(fd >= 0);
    (void)close(fd);
    if (geteuid() != 0) {
        assert_unreadable(path, "f: cannot be opened: Permission denied\n");
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void the_size_limit_is_exact(void **unused)
{
    static const char body[] = "listen: [{unix: /a}]\nstore: {type: memory}\nrealms: {web: {}}\n";
    struct config *c = NULL;

    (void)unused;
    char *text = test_malloc(CONFIG_FILE_MAX + 2);
    memset(text, '\n', CONFIG_FILE_MAX + 1);
    text[CONFIG_FILE_MAX + 1] = '\0';
    memcpy(text, body, sizeof(body) - 1);
    assert_int_equal(load_text(text, &c), ERR_INVALID);
    assert_null(c);
    text[CONFIG_FILE_MAX] = '\0';
    assert_int_equal(load_text(text, &c), ERR_OK);
    config_free(c);
    test_free(text);
}

/* Loads and forgets. A sanitizer build sees what goes wrong inside. */
static void load_any(const char *text, size_t len)
{
    struct config *config = NULL;
    struct config_problems problems = {0};
    enum err rc = config_load_text(text, len, &config, &problems);

    assert_int_equal(rc == ERR_OK, config != NULL);
    assert_int_equal(rc == ERR_OK, problems.errors == 0);
    config_problems_fini(&problems);
    config_free(config);
}

static void no_cut_or_changed_file_does_harm(void **unused)
{
    static const char changes[] = {'\0', '\n', ' ', ':', '"', '[', '{', '&', '*', '\xff', '#', '-'};
    size_t len = 0;

    (void)unused;
    char *text = read_text(CONFIG_GOLDEN_DIR "/good-everything.yaml", &len);
    for (size_t i = 0; i <= len; i++) {
        load_any(text, i);
    }
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        for (size_t j = 0; j < sizeof(changes); j++) {
            text[i] = changes[j];
            load_any(text, len);
        }
        text[i] = was;
    }
    test_free(text);
}

static void any_allocation_may_fail(void **unused)
{
    static const char *const files[] = {
        CONFIG_GOLDEN_DIR "/good-everything.yaml", CONFIG_GOLDEN_DIR "/good-fleet.yaml",
        CONFIG_GOLDEN_DIR "/everything-at-once.yaml", CONFIG_GOLDEN_DIR "/certificate-names.yaml"};
    long failures = 0;

    (void)unused;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        bool was_reached = true;
        for (long n = 1; was_reached; n++) {
            struct config *config = NULL;
            struct config_problems problems = {0};
            alloc.count = 0;
            alloc.fail_at = n;
            enum err rc = config_load(files[i], &config, &problems);
            was_reached = alloc.count >= n;
            alloc.fail_at = 0;
            /* A problem that could not be kept is still counted. */
            assert_int_equal(rc == ERR_OK, config != NULL && problems.errors == 0);
            assert_true(rc != ERR_OK || !was_reached);
            failures += was_reached;
            config_problems_fini(&problems);
            config_free(config);
        }
    }
    assert_true(failures > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_file_gets_exactly_its_problems),
        cmocka_unit_test(every_value_arrives_where_it_belongs),
        cmocka_unit_test(the_values_of_a_store_arrive_too),
        cmocka_unit_test(the_values_of_a_fleet_arrive_too),
        cmocka_unit_test(what_is_left_out_has_the_defaults_of_the_policy),
        cmocka_unit_test(defaults_follow_from_the_values_given),
        cmocka_unit_test(the_sample_file_is_the_table_and_can_be_loaded),
        cmocka_unit_test(the_sample_file_can_be_loaded_with_everything_in),
        cmocka_unit_test(what_is_no_readable_file_is_said),
        cmocka_unit_test(the_size_limit_is_exact),
        cmocka_unit_test(no_cut_or_changed_file_does_harm),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
