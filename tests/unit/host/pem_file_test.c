/* SPDX-License-Identifier: Apache-2.0 */
#include "host/pem_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_memory_gone;

void *__real_secret_alloc(size_t size);
void *__wrap_secret_alloc(size_t size);

void *__wrap_secret_alloc(size_t size)
{
    return is_memory_gone ? NULL : __real_secret_alloc(size);
}

struct bench {
    char folder[64];
    char path[96];
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/stek-pem-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    (void)snprintf(bench->path, sizeof(bench->path), "%s/f", bench->folder);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    (void)unlink(bench->path);
    assert_int_equal(rmdir(bench->folder), 0);
    free(bench);
    return 0;
}

static void write_file(const struct bench *bench, size_t len, mode_t mode)
{
    char *text = test_malloc(len + 1);
    int fd = open(bench->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    memset(text, 'a', len + 1);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
    test_free(text);
}

static void assert_refused(const struct bench *bench, enum pem_file_kind kind, enum err code,
                           const char *part)
{
    struct pem_file file = {.len = 7};
    struct errbuf why = {""};

    assert_int_equal(pem_file_read(bench->path, kind, &file, &why), code);
    assert_int_equal(file.len, 7);
    assert_null(file.at);
    assert_ptr_equal(strstr(why.text, bench->path), why.text);
    if (strstr(why.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why.text, part);
    }
}

static void files_are_read_whole(void **state)
{
    static const size_t sizes[] = {1, 4096, PEM_FILE_KEY_MAX};
    const struct bench *bench = *state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int kind = PEM_FILE_PUBLIC; kind <= PEM_FILE_PRIVATE_KEY; kind++) {
            struct pem_file file = {0};
            struct errbuf why = {""};
            write_file(bench, sizes[i], 0400);
            assert_int_equal(pem_file_read(bench->path, (enum pem_file_kind)kind, &file, &why),
                             ERR_OK);
            assert_int_equal(file.len, sizes[i]);
            assert_int_equal(file.at[sizes[i] - 1], 'a');
            pem_file_fini(&file);
            pem_file_fini(&file);
        }
    }
}

static void sizes_have_limits(void **state)
{
    const struct bench *bench = *state;

    write_file(bench, 0, 0400);
    assert_refused(bench, PEM_FILE_PUBLIC, ERR_INVALID, "is empty");
    assert_refused(bench, PEM_FILE_PRIVATE_KEY, ERR_INVALID, "is empty");
    write_file(bench, PEM_FILE_KEY_MAX + 1, 0400);
    assert_refused(bench, PEM_FILE_PRIVATE_KEY, ERR_INVALID, "has 65537 bytes");
    write_file(bench, PEM_FILE_MAX + 1, 0444);
    assert_refused(bench, PEM_FILE_PUBLIC, ERR_INVALID, "has 4194305 bytes");
}

static void a_private_key_is_closed_to_others_and_a_certificate_need_not_be(void **state)
{
    static const struct {
        mode_t mode;
        const char *part; /* NULL: taken */
    } rows[] = {
        {0400, NULL},
        {0600, NULL},
        {0440, NULL},
        {0640, NULL},
        {0404, "open to every user"},
        {0602, "open to every user"},
        {0601, "open to every user"},
        {0660, "its group may write it"},
    };
    const struct bench *bench = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pem_file file = {0};
        struct errbuf why = {""};
        write_file(bench, 10, rows[i].mode);
        assert_int_equal(pem_file_read(bench->path, PEM_FILE_PUBLIC, &file, &why), ERR_OK);
        pem_file_fini(&file);
        if (rows[i].part != NULL) {
            assert_refused(bench, PEM_FILE_PRIVATE_KEY, ERR_INVALID, rows[i].part);
        } else {
            assert_int_equal(pem_file_read(bench->path, PEM_FILE_PRIVATE_KEY, &file, &why), ERR_OK);
            pem_file_fini(&file);
        }
    }
}

static void a_private_key_of_somebody_else_is_refused(void **state)
{
    const struct bench *bench = *state;

    if (geteuid() != 0) {
        print_message("only root may give a file to somebody else\n");
        skip();
    }
    write_file(bench, 10, 0400);
    assert_int_equal(chown(bench->path, 12345, 0), 0);
    assert_refused(bench, PEM_FILE_PRIVATE_KEY, ERR_INVALID, "belongs to user 12345");
}

static void what_is_no_file_is_said(void **state)
{
    const struct bench *bench = *state;
    struct bench folder = *bench;

    assert_refused(bench, PEM_FILE_PUBLIC, ERR_IO, "No such file");
    assert_int_equal(mkfifo(bench->path, 0600), 0);
    assert_refused(bench, PEM_FILE_PRIVATE_KEY, ERR_INVALID, "is not a regular file");
    (void)snprintf(folder.path, sizeof(folder.path), "%s", bench->folder);
    assert_refused(&folder, PEM_FILE_PUBLIC, ERR_INVALID, "is not a regular file");
}

static void without_locked_memory_a_key_is_not_read(void **state)
{
    const struct bench *bench = *state;

    write_file(bench, 10, 0400);
    is_memory_gone = true;
    assert_refused(bench, PEM_FILE_PRIVATE_KEY, ERR_NOMEM, "RLIMIT_MEMLOCK");
    is_memory_gone = false;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(files_are_read_whole),
        TEST(sizes_have_limits),
        TEST(a_private_key_is_closed_to_others_and_a_certificate_need_not_be),
        TEST(a_private_key_of_somebody_else_is_refused),
        TEST(what_is_no_file_is_said),
        TEST(without_locked_memory_a_key_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
