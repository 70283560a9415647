/* SPDX-License-Identifier: Apache-2.0 */
/* "stekctl pki" with every call that may fail made to fail in turn: files are whole or not there,
 * nobody's key is half written, and the same command works the next time. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/pki_file.h"
#include "ctl/pki_make.h"
#include "host/random_system.h"
#include "support/fault_sweep.h"

#define OURS                                                                                       \
    (FAULT_BIT(FAULT_MEMORY) | FAULT_BIT(FAULT_LOCKING) | FAULT_BIT(FAULT_RANDOM) |                \
     FAULT_BIT(FAULT_CRYPTO) | FAULT_BIT(FAULT_WRITE) | FAULT_BIT(FAULT_SYSTEM))

struct bench {
    char folder[64];
    char ca_dir[96];
    char kek[96];
};

/* The names and sizes of the files in the CA's folder and beside it, and how many. */
struct listing {
    size_t count;
    size_t bytes;
    size_t temporary;
};

static void list_folder(const char *folder, struct listing *listing)
{
    char path[512];
    struct stat st;
    DIR *dir = opendir(folder);

    if (dir == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            const char *dot = strrchr(entry->d_name, '.');
            listing->count++;
            listing->bytes += (size_t)st.st_size;
            listing->temporary += dot != NULL && strlen(dot) == 7; /* .XXXXXX */
        }
    }
    (void)closedir(dir);
}

static struct listing list(const struct bench *bench)
{
    struct listing listing = {0};

    list_folder(bench->folder, &listing);
    list_folder(bench->ca_dir, &listing);
    return listing;
}

static void remove_files(const char *folder)
{
    char path[512];
    DIR *dir = opendir(folder);

    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(dir);
}

/* Armed; then, if it failed, again. Returns how many files there are more. */
static size_t make(const struct bench *bench, enum pki_act act, const char *word, bool is_force)
{
    const struct random_source random = random_system_make();
    const struct listing before = list(bench);
    const struct pki_args args = {.act = act,
                                  .act_name = "act",
                                  .ca_dir = bench->ca_dir,
                                  .days = 5,
                                  .is_force = is_force,
                                  .words = {word},
                                  .word_count = word != NULL ? 1 : 0};
    struct pki_made made = {.path_count = 99};
    struct errbuf why = {""};

    faults_arm();
    enum err rc = pki_make(&args, (int64_t)time(NULL) * 1000, &random, &made, &why);
    faults_disarm();
    if (rc != ERR_OK) {
        const struct listing after = list(bench);
        assert_true(faults_have_fired());
        assert_string_not_equal(why.text, "");
        assert_int_equal(made.path_count, 99);
        assert_int_equal(after.temporary, 0);
        if (!is_force) {
            assert_int_equal(after.count, before.count);
            assert_int_equal(after.bytes, before.bytes);
        }
        rc = pki_make(&args, (int64_t)time(NULL) * 1000, &random, &made, &why);
        if (rc != ERR_OK) {
            fail_msg("again: %s", why.text);
        }
    }
    assert_int_equal(list(bench).temporary, 0);
    return list(bench).count - before.count;
}

static void run_pki(void *unused)
{
    struct bench bench = {.folder = "/dev/shm/stek-pki-faults-XXXXXX"};

    (void)unused;
    assert_non_null(mkdtemp(bench.folder));
    (void)snprintf(bench.ca_dir, sizeof(bench.ca_dir), "%s/tls", bench.folder);
    (void)snprintf(bench.kek, sizeof(bench.kek), "%s/a.key", bench.folder);
    assert_int_equal(make(&bench, PKI_ACT_CA, NULL, false), 2);
    assert_int_equal(make(&bench, PKI_ACT_SERVER, "localhost", false), 2);
    assert_int_equal(make(&bench, PKI_ACT_CLIENT, "fe-1", false), 2);
    assert_int_equal(make(&bench, PKI_ACT_OPERATOR, "alice", false), 2);
    assert_int_equal(make(&bench, PKI_ACT_KEK, bench.kek, false), 1);
    assert_int_equal(make(&bench, PKI_ACT_CRL, NULL, false), 1);
    assert_int_equal(make(&bench, PKI_ACT_CLIENT, "fe-1", true), 0);
    remove_files(bench.ca_dir);
    (void)rmdir(bench.ca_dir);
    remove_files(bench.folder);
    assert_int_equal(rmdir(bench.folder), 0);
}

static void files_are_whole_or_not_there(void **unused)
{
    const struct fault_scenario ours = {
        .name = "stekctl pki", .kinds = OURS, .run = run_pki, .short_most = 25};
    const struct fault_scenario full = {.name = "stekctl pki, ENOSPC",
                                        .kinds = FAULT_BIT(FAULT_WRITE),
                                        .run = run_pki,
                                        .error = ENOSPC,
                                        .short_most = 25};
    const struct fault_scenario cut = {.name = "stekctl pki, writes cut short",
                                       .kinds = FAULT_BIT(FAULT_WRITE),
                                       .run = run_pki,
                                       .is_short = true,
                                       .short_most = 25};
    const struct fault_scenario openssl = {
        .name = "stekctl pki", .kinds = FAULT_BIT(FAULT_OPENSSL), .run = run_pki, .short_most = 60};

    (void)unused;
    assert_true(fault_sweep(&ours) >= 100);
    assert_true(fault_sweep(&full) >= 20);
    assert_true(fault_sweep(&cut) >= 20);
    assert_true(fault_sweep(&openssl) >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_whole_or_not_there),
    };

    faults_hook_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
