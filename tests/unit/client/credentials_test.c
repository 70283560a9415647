/* SPDX-License-Identifier: Apache-2.0 */
#include "src/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "support/tls_bench.h"

#define DAY_MS INT64_C(86400000)

static int64_t now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

static int set_up(void **state)
{
    struct tls_bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    tls_bench_init(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    tls_bench_fini(*state);
    free(*state);
    return 0;
}

static struct credentials_paths paths_of(const struct tls_bench *bench)
{
    return (struct credentials_paths){bench->ca_path, bench->cert_path, bench->key_path};
}

static struct credentials *read_good(const struct tls_bench *bench)
{
    const struct credentials_paths paths = paths_of(bench);
    struct credentials *credentials = NULL;
    struct errbuf why = {""};
    if (credentials_new(&paths, now_ms(), &credentials, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    assert_string_equal(why.text, "");
    return credentials;
}

static void assert_says(const char *text, const char *says)
{
    if (strstr(text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, says);
    }
}

/* Makes one thing wrong with the files of `bench`, which are otherwise sound. */
static void spoil(struct tls_bench *bench, int how)
{
    const struct cert_wish for_servers = {.name = "x", .eku = "serverAuth"};
    struct cert other = cert_make(&for_servers, &bench->ca);
    char *encrypted = cert_key_encrypted(&other, "secret");
    char *const big = calloc(1, CREDENTIALS_FILE_MAX + 2);
    assert_non_null(big);
    memset(big, 'x', CREDENTIALS_FILE_MAX + 1);
    switch (how) {
    case 0:
        (void)unlink(bench->ca_path);
        break;
    case 1:
        tls_bench_put(bench->cert_path, "", 0644);
        break;
    case 2:
        tls_bench_put(bench->cert_path, "nothing of interest\n", 0644);
        break;
    case 3:
        tls_bench_put(bench->key_path, other.key_pem, 0600);
        break;
    case 4:
        tls_bench_put(bench->key_path, encrypted, 0600);
        break;
    case 5:
        (void)chmod(bench->key_path, 0604);
        break;
    case 6:
        (void)chmod(bench->key_path, 0620);
        break;
    case 7:
        tls_bench_put(bench->cert_path, other.pem, 0644);
        tls_bench_put(bench->key_path, other.key_pem, 0600);
        break;
    case 8:
        tls_bench_put(bench->ca_path, other.pem, 0644);
        break;
    case 9:
        tls_bench_put(bench->ca_path, big, 0644);
        break;
    default:
        (void)unlink(bench->key_path);
        assert_int_equal(mkfifo(bench->key_path, 0600), 0); /* nobody must wait for its writer */
        break;
    }
    free(big);
    free(encrypted);
    cert_fini(&other);
}

static const char *const complaints[] = {
    "ca.pem: cannot be read: No such file",
    "client.pem: is empty",
    "client.pem: no certificate in PEM form",
    "client.key: this private key does not belong to the certificate in",
    "client.key: the private key is encrypted",
    "client.key: others than its owner may use this private key: chmod",
    "client.key: others than its owner may use this private key: chmod",
    "client.pem: this certificate is not for a client",
    "ca.pem: certificate 1 of it is not one of a CA",
    "ca.pem: has more than 262144 bytes",
    "client.key: is not a regular file",
};
#define WAYS (sizeof(complaints) / sizeof(complaints[0]))

static void everything_that_can_be_wrong_names_its_file(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < WAYS; i++) {
        struct tls_bench bench;
        struct credentials *credentials = NULL;
        struct errbuf why = {""};
        tls_bench_init(&bench);
        const struct credentials_paths paths = paths_of(&bench);
        spoil(&bench, (int)i);
        assert_int_equal(credentials_new(&paths, now_ms(), &credentials, &why), ERR_INVALID);
        assert_says(why.text, complaints[i]);
        assert_null(credentials);
        tls_bench_fini(&bench);
    }
}

static void an_expired_certificate_is_refused_when_read_and_when_used(void **state)
{
    struct tls_bench *bench = *state;
    struct credentials *credentials = read_good(bench);
    struct credentials *late = NULL;
    const struct credentials_paths paths = paths_of(bench);
    const struct credentials_dates dates = credentials_dates(credentials);
    SSL_CTX *context = NULL;
    struct errbuf why = {""};
    assert_int_equal(dates.not_after_ms - dates.not_before_ms, DAY_MS + DAY_MS / 24);
    assert_int_equal(credentials_context(credentials, dates.not_after_ms - 1, &context, &why),
                     ERR_OK);
    SSL_CTX_free(context);
    context = NULL;
    assert_int_equal(credentials_context(credentials, dates.not_after_ms, &context, &why),
                     ERR_INVALID);
    assert_says(why.text, "client.pem: the certificate expired on");
    assert_null(context);
    assert_int_equal(credentials_new(&paths, dates.not_after_ms, &late, &why), ERR_INVALID);
    assert_says(why.text, "client.pem: the certificate expired on");
    credentials_free(credentials);
}

static void a_renewed_pair_is_taken_and_only_then_the_version_changes(void **state)
{
    struct tls_bench *bench = *state;
    struct credentials *credentials = read_good(bench);
    const uint64_t first = credentials_version(credentials);
    struct errbuf why = {""};
    assert_int_equal(credentials_look(credentials, now_ms(), &why), ERR_OK);
    assert_int_equal(credentials_version(credentials), first);
    tls_bench_put(bench->cert_path, bench->client.pem, 0644); /* another file that says the same */
    assert_int_equal(credentials_look(credentials, now_ms(), &why), ERR_OK);
    assert_int_equal(credentials_version(credentials), first);
    cert_fini(&bench->client);
    bench->client = tls_bench_renew(bench, &bench->ca, 2 * 86400);
    assert_int_equal(credentials_look(credentials, now_ms(), &why), ERR_OK);
    assert_int_not_equal(credentials_version(credentials), first);
    assert_true(credentials_dates(credentials).not_after_ms > now_ms() + DAY_MS + DAY_MS / 2);
    credentials_free(credentials);
}

static void what_is_not_sound_is_told_until_it_is_and_the_old_stays(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < WAYS; i++) {
        struct tls_bench bench;
        SSL_CTX *context = NULL;
        struct errbuf why = {""};
        tls_bench_init(&bench);
        struct credentials *credentials = read_good(&bench);
        const uint64_t first = credentials_version(credentials);
        spoil(&bench, (int)i);
        for (int again = 0; again < 2; again++) {
            why = (struct errbuf){""};
            assert_int_equal(credentials_look(credentials, now_ms(), &why), ERR_INVALID);
            assert_says(why.text, complaints[i]);
            assert_says(why.text, "the ones before stay in use");
        }
        assert_int_equal(credentials_version(credentials), first);
        assert_int_equal(credentials_context(credentials, now_ms(), &context, &why), ERR_OK);
        SSL_CTX_free(context);
        tls_bench_put(bench.ca_path, bench.ca.pem, 0644);
        cert_fini(&bench.client);
        bench.client = tls_bench_renew(&bench, &bench.ca, 2 * 86400);
        assert_int_equal(credentials_look(credentials, now_ms(), &why), ERR_OK);
        assert_int_not_equal(credentials_version(credentials), first);
        credentials_free(credentials);
        tls_bench_fini(&bench);
    }
}

/* The order in which others write: first one file, then the other. */
static void half_of_a_renewal_is_waited_out(void **state)
{
    struct tls_bench *bench = *state;
    const struct cert_wish wish = {.name = "frontend", .eku = "clientAuth"};
    struct credentials *credentials = read_good(bench);
    struct cert fresh = cert_make(&wish, &bench->ca);
    const uint64_t first = credentials_version(credentials);
    struct errbuf why = {""};
    tls_bench_put(bench->cert_path, fresh.pem, 0644);
    assert_int_equal(credentials_look(credentials, now_ms(), &why), ERR_INVALID);
    assert_int_equal(credentials_version(credentials), first);
    tls_bench_put(bench->key_path, fresh.key_pem, 0600);
    assert_int_equal(credentials_look(credentials, now_ms(), &why), ERR_OK);
    assert_int_not_equal(credentials_version(credentials), first);
    cert_fini(&fresh);
    credentials_free(credentials);
}

/* As a worker does that has lost the right to read the files, or a chroot() their names. */
static int use_in_child(struct tls_bench *bench, struct credentials *credentials)
{
    SSL_CTX *context = NULL;
    struct errbuf why = {""};
    (void)unlink(bench->key_path);
    if (credentials_adopt(credentials) != ERR_OK ||
        credentials_look(credentials, now_ms(), &why) != ERR_INVALID ||
        strstr(why.text, "client.key: cannot be read") == NULL ||
        credentials_context(credentials, now_ms(), &context, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    SSL_CTX_free(context);
    credentials_free(credentials);
    return 0;
}

static void a_forked_child_has_them_without_the_files(void **state)
{
    struct tls_bench *bench = *state;
    struct credentials *credentials = read_good(bench);
    int status = 0;
    assert_int_equal(credentials_adopt(credentials), ERR_OK); /* its maker: nothing happens */
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(use_in_child(bench, credentials));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    credentials_free(credentials);
}

static void relative_paths_are_those_of_the_beginning(void **state)
{
    struct tls_bench *bench = *state;
    const struct credentials_paths paths = {"ca.pem", "client.pem", "client.key"};
    struct credentials *credentials = NULL;
    struct errbuf why = {""};
    char before[512];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(bench->folder), 0);
    assert_int_equal(credentials_new(&paths, now_ms(), &credentials, &why), ERR_OK);
    assert_int_equal(chdir(before), 0);
    cert_fini(&bench->client);
    bench->client = tls_bench_renew(bench, &bench->ca, 86400);
    assert_int_equal(credentials_look(credentials, now_ms(), &why), ERR_OK);
    assert_int_equal(credentials_version(credentials), 1);
    credentials_free(credentials);
    credentials_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_that_can_be_wrong_names_its_file),
        TEST(an_expired_certificate_is_refused_when_read_and_when_used),
        TEST(a_renewed_pair_is_taken_and_only_then_the_version_changes),
        cmocka_unit_test(what_is_not_sound_is_told_until_it_is_and_the_old_stays),
        TEST(half_of_a_renewal_is_waited_out),
        TEST(a_forked_child_has_them_without_the_files),
        TEST(relative_paths_are_those_of_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
