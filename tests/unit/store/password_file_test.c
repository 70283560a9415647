/* SPDX-License-Identifier: Apache-2.0 */
#include "store/password_file.h"

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

static void one_line_is_the_password_and_the_rest_is_refused(void **unused)
{
    static char longest[PASSWORD_FILE_MAX + 2];
    const struct {
        const char *text;
        size_t len;
        mode_t mode;
        const char *password; /* NULL: refused */
        const char *why;
    } rows[] = {
        {"secret\n", 7, 0400, "secret", ""},
        {"secret", 6, 0440, "secret", ""},
        {"with blank \r\n", 13, 0600, "with blank ", ""},
        {longest, PASSWORD_FILE_MAX, 0400, longest, ""},
        {longest, PASSWORD_FILE_MAX + 1, 0400, NULL, "longer"},
        {"", 0, 0400, NULL, "empty"},
        {"\n\n", 2, 0400, NULL, "empty"},
        {"a\nb\n", 4, 0400, NULL, "more than one line"},
        {"secret\n", 7, 0404, NULL, "every user"},
    };

    (void)unused;
    memset(longest, 'x', PASSWORD_FILE_MAX + 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[] = "/tmp/stek-password-XXXXXX";
        struct secret_buf out = {0};
        struct errbuf why = {""};
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, rows[i].text, rows[i].len), (ssize_t)rows[i].len);
        assert_int_equal(fchmod(fd, rows[i].mode), 0);
        enum err rc = password_file_read(path, &out, &why);
        assert_int_equal(rc, rows[i].password == NULL ? ERR_INVALID : ERR_OK);
        assert_non_null(strstr(why.text, rows[i].why));
        if (rows[i].password != NULL) {
            size_t want = rows[i].password == longest ? rows[i].len : strlen(rows[i].password);
            assert_int_equal(out.len, want);
            assert_memory_equal(out.at, rows[i].password, want);
        } else {
            assert_int_equal(out.len, 0);
        }
        secret_buf_fini(&out);
        (void)close(fd);
        assert_int_equal(unlink(path), 0);
    }
}

static void what_is_no_file_is_named(void **unused)
{
    struct secret_buf out = {0};
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(password_file_read("/nonexistent", &out, &why), ERR_IO);
    assert_non_null(strstr(why.text, "/nonexistent"));
    assert_int_equal(password_file_read("/tmp", &out, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "regular"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_is_the_password_and_the_rest_is_refused),
        cmocka_unit_test(what_is_no_file_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
