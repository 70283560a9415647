/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_file.h"

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

struct bench {
    char folder[64];
    char a[96];
    char b[96];
};

static struct bench open_bench(void)
{
    struct bench bench = {.folder = "/tmp/stek-pki-XXXXXX"};

    assert_non_null(mkdtemp(bench.folder));
    (void)snprintf(bench.a, sizeof(bench.a), "%s/a", bench.folder);
    (void)snprintf(bench.b, sizeof(bench.b), "%s/b", bench.folder);
    return bench;
}

/* rmdir() succeeds only if nothing else was left in the folder. */
static void close_bench(const struct bench *bench)
{
    (void)unlink(bench->a);
    (void)unlink(bench->b);
    assert_int_equal(rmdir(bench->folder), 0);
}

static struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static enum err write_two(const struct bench *bench, const char *text, bool overwrites,
                          struct errbuf *why)
{
    const struct pki_file files[] = {
        {bench->a, slice_of(text), PKI_MODE_KEY},
        {bench->b, slice_of(text), PKI_MODE_OTHER},
    };
    return pki_files_write(files, 2, overwrites, why);
}

static void must_hold(const char *path, const char *text)
{
    struct secret_buf buf = {0};

    assert_int_equal(pki_file_read(path, false, &buf, NULL), ERR_OK);
    assert_int_equal(buf.len, strlen(text));
    assert_memory_equal(buf.at, text, buf.len);
    secret_buf_fini(&buf);
}

static void must_be_missing(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), -1);
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    return st.st_mode & 07777;
}

static void files_have_their_mode_whatever_the_umask(void **unused)
{
    static const mode_t masks[] = {0, 022, 077, 0777};

    (void)unused;
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        struct bench bench = open_bench();
        mode_t before = umask(masks[i]);
        enum err rc = write_two(&bench, "text", false, NULL);
        (void)umask(before);
        assert_int_equal(rc, ERR_OK);
        assert_int_equal(mode_of(bench.a), 0600);
        assert_int_equal(mode_of(bench.b), 0644);
        close_bench(&bench);
    }
}

static void what_is_there_is_not_overwritten_and_the_other_not_written(void **unused)
{
    struct bench bench = open_bench();
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(write_two(&bench, "first", false, NULL), ERR_OK);
    assert_int_equal(unlink(bench.a), 0);
    assert_int_equal(write_two(&bench, "second", false, &why), ERR_REFUSED);
    assert_non_null(strstr(why.text, bench.b));
    assert_non_null(strstr(why.text, "exists already"));
    must_be_missing(bench.a);
    must_hold(bench.b, "first");
    assert_int_equal(write_two(&bench, "third", true, NULL), ERR_OK);
    must_hold(bench.a, "third");
    must_hold(bench.b, "third");
    close_bench(&bench);
}

static void a_link_is_replaced_and_never_followed(void **unused)
{
    struct bench bench = open_bench();
    char target[96];

    (void)unused;
    (void)snprintf(target, sizeof(target), "%s/target", bench.folder);
    assert_int_equal(symlink(target, bench.a), 0);
    assert_int_equal(pki_file_check_free(bench.a, "x", NULL), ERR_REFUSED);
    assert_int_equal(write_two(&bench, "text", false, NULL), ERR_REFUSED);
    must_be_missing(target);
    must_be_missing(bench.b);
    assert_int_equal(write_two(&bench, "text", true, NULL), ERR_OK);
    must_be_missing(target);
    assert_int_equal(mode_of(bench.a), 0600);
    close_bench(&bench);
}

static void a_folder_in_the_way_or_missing_leaves_nothing_behind(void **unused)
{
    struct bench bench = open_bench();
    struct errbuf why = {""};
    char path[128];

    (void)unused;
    assert_int_equal(mkdir(bench.a, 0700), 0);
    assert_true(write_two(&bench, "text", true, &why) != ERR_OK);
    assert_non_null(strstr(why.text, bench.a));
    assert_int_equal(rmdir(bench.a), 0);
    must_be_missing(bench.b);
    (void)snprintf(path, sizeof(path), "%s/none/file", bench.folder);
    const struct pki_file file = {path, slice_of("text"), PKI_MODE_KEY};
    assert_int_equal(pki_files_write(&file, 1, false, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "its folder is not there"));
    close_bench(&bench);
}

static void a_private_file_is_read_only_if_nobody_else_can(void **unused)
{
    static const struct {
        mode_t mode;
        enum err want;
    } rows[] = {{0600, ERR_OK},      {0400, ERR_OK},      {0640, ERR_INVALID},
                {0620, ERR_INVALID}, {0604, ERR_INVALID}, {0644, ERR_INVALID}};
    struct bench bench = open_bench();

    (void)unused;
    assert_int_equal(write_two(&bench, "text", false, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct secret_buf buf = {0};
        struct errbuf why = {""};
        assert_int_equal(chmod(bench.a, rows[i].mode), 0);
        assert_int_equal(pki_file_read(bench.a, true, &buf, &why), rows[i].want);
        assert_int_equal(buf.len, rows[i].want == ERR_OK ? 4 : 0);
        secret_buf_fini(&buf);
        assert_int_equal(pki_file_read(bench.a, false, &buf, &why), ERR_OK);
        secret_buf_fini(&buf);
    }
    close_bench(&bench);
}

static void only_regular_files_of_a_bounded_size_are_read(void **unused)
{
    struct bench bench = open_bench();
    struct secret_buf buf = {0};
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(pki_file_read(bench.a, false, &buf, &why), ERR_NOT_FOUND);
    assert_int_equal(pki_file_read(bench.folder, false, &buf, &why), ERR_INVALID);
    assert_int_equal(mkfifo(bench.a, 0600), 0);
    assert_int_equal(pki_file_read(bench.a, false, &buf, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "not a regular file"));
    assert_int_equal(unlink(bench.a), 0);
    assert_int_equal(write_two(&bench, "", false, NULL), ERR_OK);
    for (off_t size = PKI_FILE_MAX - 1; size <= PKI_FILE_MAX + 1; size++) {
        assert_int_equal(truncate(bench.a, size), 0);
        assert_int_equal(pki_file_read(bench.a, false, &buf, &why),
                         size <= PKI_FILE_MAX ? ERR_OK : ERR_INVALID);
        assert_int_equal(buf.len, size <= PKI_FILE_MAX ? size : 0);
        secret_buf_fini(&buf);
    }
    close_bench(&bench);
}

static void two_paths_of_one_file_are_known(void **unused)
{
    struct bench bench = open_bench();
    char roundabout[160];

    (void)unused;
    assert_int_equal(write_two(&bench, "text", false, NULL), ERR_OK);
    (void)snprintf(roundabout, sizeof(roundabout), "%s/./a", bench.folder);
    assert_true(pki_file_is_same(bench.a, roundabout));
    assert_false(pki_file_is_same(bench.a, bench.b));
    assert_int_equal(unlink(bench.a), 0);
    assert_false(pki_file_is_same(bench.a, bench.a));
    close_bench(&bench);
}

static void a_folder_is_made_once_and_for_its_owner_alone(void **unused)
{
    struct bench bench = open_bench();
    struct errbuf why = {""};
    struct stat st;

    (void)unused;
    assert_int_equal(pki_folder_make(bench.a, &why), ERR_OK);
    assert_int_equal(stat(bench.a, &st), 0);
    assert_int_equal(st.st_mode & 0077, 0);
    assert_int_equal(pki_folder_make(bench.a, &why), ERR_OK);
    assert_int_equal(rmdir(bench.a), 0);
    const struct pki_file file = {bench.a, slice_of("text"), PKI_MODE_KEY};
    assert_int_equal(pki_files_write(&file, 1, false, &why), ERR_OK);
    assert_int_equal(pki_folder_make(bench.a, &why), ERR_IO);
    assert_non_null(strstr(why.text, "Not a directory"));
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_their_mode_whatever_the_umask),
        cmocka_unit_test(what_is_there_is_not_overwritten_and_the_other_not_written),
        cmocka_unit_test(a_link_is_replaced_and_never_followed),
        cmocka_unit_test(a_folder_in_the_way_or_missing_leaves_nothing_behind),
        cmocka_unit_test(a_private_file_is_read_only_if_nobody_else_can),
        cmocka_unit_test(only_regular_files_of_a_bounded_size_are_read),
        cmocka_unit_test(two_paths_of_one_file_are_known),
        cmocka_unit_test(a_folder_is_made_once_and_for_its_owner_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
