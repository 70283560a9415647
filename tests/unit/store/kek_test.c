/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kek.h"

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

#include "base/secret.h"

struct bench {
    char folder[64];
    char path[96];
    struct kek *kek;
};

static struct bench open_bench(void)
{
    struct bench bench = {.folder = "/tmp/stek-kek-XXXXXX"};

    assert_non_null(mkdtemp(bench.folder));
    (void)snprintf(bench.path, sizeof(bench.path), "%s/kek", bench.folder);
    bench.kek = secret_alloc(sizeof(*bench.kek));
    assert_non_null(bench.kek);
    return bench;
}

static void close_bench(struct bench *bench)
{
    secret_free(bench->kek);
    (void)unlink(bench->path);
    assert_int_equal(rmdir(bench->folder), 0);
}

static void write_file(const struct bench *bench, const void *bytes, size_t len, mode_t mode)
{
    FILE *f = fopen(bench->path, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(bench->path, mode), 0);
}

static const uint8_t good[KEK_LEN] = {0x7a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xff, 0xfe, 0x80, 13};

static void a_key_is_read_and_its_id_follows_from_its_bytes(void **unused)
{
    static const mode_t modes[] = {0400, 0600, 0440, 0640};
    struct bench bench = open_bench();
    uint8_t first[KEK_ID_LEN];

    (void)unused;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct errbuf why = {""};
        (void)unlink(bench.path);
        write_file(&bench, good, sizeof(good), modes[i]);
        assert_int_equal(kek_read(bench.path, bench.kek, &why), ERR_OK);
        assert_memory_equal(bench.kek->bytes, good, KEK_LEN);
        if (i == 0) {
            memcpy(first, bench.kek->id, KEK_ID_LEN);
        }
        assert_memory_equal(bench.kek->id, first, KEK_ID_LEN);
    }
    uint8_t other[KEK_LEN];
    struct errbuf why = {""};
    memcpy(other, good, KEK_LEN);
    other[31] ^= 1;
    (void)unlink(bench.path);
    write_file(&bench, other, sizeof(other), 0400);
    assert_int_equal(kek_read(bench.path, bench.kek, &why), ERR_OK);
    assert_memory_not_equal(bench.kek->id, first, KEK_ID_LEN);
    close_bench(&bench);
}

static void each_unfit_file_is_refused_in_its_own_words(void **unused)
{
    static const struct {
        const char *bytes; /* NULL: the good key */
        size_t len;
        mode_t mode;
        const char *want;
    } rows[] = {
        {NULL, 31, 0400, "has 31 bytes"},
        {NULL, 0, 0400, "has 0 bytes"},
        {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 65, 0400,
         "has 65 bytes"},
        {NULL, 32, 0404, "open to every user"},
        {NULL, 32, 0402, "open to every user"},
        {NULL, 32, 0420, "group may write"},
        {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32, 0400, "one byte 32"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
         "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
         32, 0400, "one byte 32"},
        {"\x01\xfe\x01\xfe\x01\xfe\x01\xfe\x01\xfe\x01\xfe\x01\xfe\x01\xfe"
         "\x01\xfe\x01\xfe\x01\xfe\x01\xfe\x01\xfe\x01\xfe\x01\xfe\x01\xfe",
         32, 0400, "over and over"},
        {"0123456789abcdefghij\x01\x02\x03\x04"
         "01234567",
         32, 0400, NULL},
        {"00112233445566778899aAbBcCdDeEfF", 32, 0400, "hexadecimal"},
        {"correct horse battery staple!!!\n", 32, 0400, "is text"},
        {"q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ", 32, 0400, "is text"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench = open_bench();
        struct errbuf why = {""};
        bench.kek->bytes[0] = 0x55;
        write_file(&bench, rows[i].bytes == NULL ? (const char *)good : rows[i].bytes, rows[i].len,
                   rows[i].mode);
        enum err rc = kek_read(bench.path, bench.kek, &why);
        if (rows[i].want == NULL) {
            assert_int_equal(rc, ERR_OK);
        } else {
            assert_int_equal(rc, ERR_INVALID);
            assert_non_null(strstr(why.text, rows[i].want));
            assert_non_null(strstr(why.text, bench.path));
            assert_int_equal(bench.kek->bytes[0], 0x55);
        }
        close_bench(&bench);
    }
}

static void what_is_no_regular_file_is_refused_and_does_not_hang(void **unused)
{
    struct bench bench = open_bench();
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(kek_read(bench.path, bench.kek, &why), ERR_IO);
    assert_non_null(strstr(why.text, "No such file"));
    assert_int_equal(mkfifo(bench.path, 0600), 0);
    assert_int_equal(kek_read(bench.path, bench.kek, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "not a regular file"));
    assert_int_equal(kek_read(bench.folder, bench.kek, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "not a regular file"));
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_read_and_its_id_follows_from_its_bytes),
        cmocka_unit_test(each_unfit_file_is_refused_in_its_own_words),
        cmocka_unit_test(what_is_no_regular_file_is_refused_and_does_not_hang),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
