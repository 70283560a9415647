/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_make.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/pki_file.h"
#include "support/fake_time.h"

#define NOW_MS 1790000000000
#define DAY_MS 86400000

struct bench {
    char folder[64];
    char ca_dir[96];
    struct fake_random random;
};

static void open_bench(struct bench *bench)
{
    *bench = (struct bench){.folder = "/tmp/stek-pki-XXXXXX"};
    assert_non_null(mkdtemp(bench->folder));
    (void)snprintf(bench->ca_dir, sizeof(bench->ca_dir), "%s/tls", bench->folder);
    fake_random_init(&bench->random, 1);
}

/* The number of files in `folder`; 0 when it is not there. With `removes`, they are then gone. */
static int files_in(const char *folder, bool removes)
{
    DIR *dir = opendir(folder);
    int count = 0;

    if (dir == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_type == DT_REG) {
            count++;
            if (removes) {
                assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
            }
        }
    }
    (void)closedir(dir);
    return count;
}

static void close_bench(const struct bench *bench)
{
    (void)files_in(bench->ca_dir, true);
    (void)rmdir(bench->ca_dir);
    (void)files_in(bench->folder, true);
    assert_int_equal(rmdir(bench->folder), 0);
}

static struct pki_args args_of(const struct bench *bench, enum pki_act act, uint32_t days,
                               const char *word)
{
    return (struct pki_args){.act = act,
                             .act_name = "act",
                             .ca_dir = bench->ca_dir,
                             .days = days,
                             .words = {word},
                             .word_count = word != NULL ? 1 : 0};
}

static enum err make_at(struct bench *bench, const struct pki_args *args, int64_t now_ms,
                        struct pki_made *made, struct errbuf *why)
{
    return pki_make(args, now_ms, &bench->random.source, made, why);
}

static void make_ca(struct bench *bench, uint32_t days)
{
    const struct pki_args args = args_of(bench, PKI_ACT_CA, days, NULL);
    struct pki_made made = {.path_count = 0};
    struct errbuf why = {""};

    assert_int_equal(make_at(bench, &args, NOW_MS, &made, &why), ERR_OK);
    assert_int_equal(made.until_ms, NOW_MS + days * (int64_t)DAY_MS);
    assert_string_equal(made.domain, "example.org");
}

static void a_certificate_ends_no_later_than_its_ca(void **unused)
{
    static const struct {
        uint32_t days;
        int64_t want_days;
    } rows[] = {{9, 9}, {10, 10}, {11, 10}, {36500, 10}};

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        open_bench(&bench);
        make_ca(&bench, 10);
        const struct pki_args args = args_of(&bench, PKI_ACT_CLIENT, rows[i].days, "fe-1");
        struct pki_made made = {.path_count = 0};
        assert_int_equal(make_at(&bench, &args, NOW_MS, &made, NULL), ERR_OK);
        assert_int_equal(made.until_ms, NOW_MS + rows[i].want_days * DAY_MS);
        assert_string_equal(made.names[0].text, "spiffe://example.org/frontend/fe-1");
        close_bench(&bench);
    }
}

static void what_is_wrong_is_said_and_nothing_is_written(void **unused)
{
    static const struct {
        enum pki_act act;
        const char *word;
        bool has_ca;
        int64_t later_ms;
        enum err want;
        const char *says;
    } rows[] = {
        {PKI_ACT_SERVER, "a.example", false, 0, ERR_NOT_FOUND, "stekctl pki ca makes a CA"},
        {PKI_ACT_CRL, NULL, false, 0, ERR_NOT_FOUND, "stekctl pki ca makes a CA"},
        {PKI_ACT_SERVER, "a.example", true, 11 * (int64_t)DAY_MS, ERR_REFUSED, "has expired"},
        {PKI_ACT_SERVER, "*.example", true, 0, ERR_INVALID, "wildcard"},
        {PKI_ACT_CLIENT, "a b", true, 0, ERR_INVALID, "no name for a certificate"},
        {PKI_ACT_OPERATOR, "ca", true, 0, ERR_INVALID, "--out PATH"},
        {PKI_ACT_CA, NULL, true, 0, ERR_REFUSED, "exists already; --force makes a new CA"},
        {PKI_ACT_CRL, "/nowhere/x.pem", true, 0, ERR_NOT_FOUND, "/nowhere/x.pem"},
        {PKI_ACT_CRL, "/dev/null", true, 0, ERR_REFUSED, "/dev/null: is not a regular file"},
        {PKI_ACT_KEK, "/nowhere/x.key", true, 0, ERR_NOT_FOUND, "its folder is not there"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        struct pki_made made = {.path_count = 99};
        struct errbuf why = {""};
        open_bench(&bench);
        if (rows[i].has_ca) {
            make_ca(&bench, 10);
        }
        const struct pki_args args = args_of(&bench, rows[i].act, 5, rows[i].word);
        enum err rc = make_at(&bench, &args, NOW_MS + rows[i].later_ms, &made, &why);
        if (rc != rows[i].want || strstr(why.text, rows[i].says) == NULL) {
            fail_msg("row %zu: %s: \"%s\" does not say \"%s\"", i, err_text(rc), why.text,
                     rows[i].says);
        }
        assert_int_equal(made.path_count, 99);
        assert_int_equal(files_in(bench.ca_dir, false), rows[i].has_ca ? 2 : 0);
        close_bench(&bench);
    }
}

static void a_ca_whose_key_others_can_read_signs_nothing(void **unused)
{
    struct bench bench;
    char path[160];
    struct pki_made made = {.path_count = 0};
    struct errbuf why = {""};

    (void)unused;
    open_bench(&bench);
    make_ca(&bench, 10);
    (void)snprintf(path, sizeof(path), "%s/ca.key", bench.ca_dir);
    assert_int_equal(chmod(path, 0640), 0);
    const struct pki_args args = args_of(&bench, PKI_ACT_SERVER, 5, "localhost");
    assert_int_equal(make_at(&bench, &args, NOW_MS, &made, &why), ERR_REFUSED);
    assert_non_null(strstr(why.text, "ca.key: others than its owner"));
    close_bench(&bench);
}

static void force_never_reaches_the_key_of_the_ca(void **unused)
{
    static const char *const spellings[] = {"tls/ca", "./tls//ca", "tls/../tls/ca"};
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    make_ca(&bench, 10);
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        struct pki_args args = args_of(&bench, PKI_ACT_SERVER, 5, "localhost");
        struct pki_made made = {.path_count = 0};
        struct errbuf why = {""};
        char out[160];
        (void)snprintf(out, sizeof(out), "%s/%s", bench.folder, spellings[i]);
        args.out = out;
        args.is_force = true;
        assert_int_equal(make_at(&bench, &args, NOW_MS, &made, &why), ERR_REFUSED);
        assert_non_null(strstr(why.text, "is the CA's own key"));
    }
    close_bench(&bench);
}

static void a_key_encryption_key_is_what_the_source_gave_and_stays(void **unused)
{
    struct bench bench;
    struct fake_random same;
    uint8_t want[32];
    char path[160];
    struct pki_made made = {.path_count = 0};
    struct secret_buf bytes = {0};
    struct stat st;

    (void)unused;
    open_bench(&bench);
    fake_random_init(&same, 1);
    assert_int_equal(random_fill(&same.source, want, sizeof(want)), ERR_OK);
    (void)snprintf(path, sizeof(path), "%s/a.key", bench.folder);
    const struct pki_args args = args_of(&bench, PKI_ACT_KEK, 0, path);
    assert_int_equal(make_at(&bench, &args, NOW_MS, &made, NULL), ERR_OK);
    assert_int_equal(made.until_ms, 0);
    assert_int_equal(make_at(&bench, &args, NOW_MS, &made, NULL), ERR_REFUSED);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(pki_file_read(path, true, &bytes, NULL), ERR_OK);
    assert_int_equal(bytes.len, sizeof(want));
    assert_memory_equal(bytes.at, want, sizeof(want));
    secret_buf_fini(&bytes);
    close_bench(&bench);
}

static enum err fail_to_fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0, len);
    return ERR_IO;
}

static void without_randomness_there_is_no_file(void **unused)
{
    const struct random_source broken = {fail_to_fill, NULL};
    struct bench bench;
    char path[160];
    struct pki_made made = {.path_count = 0};

    (void)unused;
    open_bench(&bench);
    (void)snprintf(path, sizeof(path), "%s/a.key", bench.folder);
    const struct pki_args kek = args_of(&bench, PKI_ACT_KEK, 0, path);
    const struct pki_args ca = args_of(&bench, PKI_ACT_CA, 5, NULL);
    assert_int_equal(pki_make(&kek, NOW_MS, &broken, &made, NULL), ERR_IO);
    assert_int_equal(pki_make(&ca, NOW_MS, &broken, &made, NULL), ERR_CRYPTO);
    assert_int_equal(files_in(bench.folder, false) + files_in(bench.ca_dir, false), 0);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_ends_no_later_than_its_ca),
        cmocka_unit_test(what_is_wrong_is_said_and_nothing_is_written),
        cmocka_unit_test(a_ca_whose_key_others_can_read_signs_nothing),
        cmocka_unit_test(force_never_reaches_the_key_of_the_ca),
        cmocka_unit_test(a_key_encryption_key_is_what_the_source_gave_and_stays),
        cmocka_unit_test(without_randomness_there_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
