/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "app/app_material.h"
#include "host/random_system.h"
#include "support/certs.h"

#define DAY 86400

struct bench {
    char folder[64];
    struct config config;
    struct config_listener listeners[2];
    struct cert ca;
    int64_t now_ms;
};

static void write_file(const struct bench *bench, const char *name, const char *text, mode_t mode)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
    (void)unlink(path);
    FILE *to = fopen(path, "we");
    assert_non_null(to);
    assert_int_equal(fputs(text, to) >= 0, 1);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void issue(const struct bench *bench, int64_t until_s)
{
    const struct cert_wish wish = {.name = "server",
                                   .san = "DNS:localhost",
                                   .eku = "serverAuth,clientAuth",
                                   .from_s = -3600,
                                   .until_s = until_s};
    struct cert cert = cert_make(&wish, &bench->ca);

    write_file(bench, "c.pem", cert.pem, 0444);
    write_file(bench, "k.pem", cert.key_pem, 0400);
    cert_fini(&cert);
}

static int set_up(void **state)
{
    static const struct cert_wish ca = {
        .name = "ca", .is_ca = true, .from_s = -3600, .until_s = 100 * DAY};
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/stek-tls-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    (void)snprintf(bench->config.folder, sizeof(bench->config.folder), "%s/", bench->folder);
    bench->config.listeners = bench->listeners;
    bench->config.listener_count = 2;
    (void)snprintf(bench->listeners[0].unix_path, sizeof(bench->listeners[0].unix_path), "/x");
    struct config_listener *tcp = &bench->listeners[1];
    tcp->tls = (struct config_tls){
        .certificate = "c.pem", .private_key = "k.pem", .ca = "ca.pem", .crl = ""};
    tcp->mark = (struct config_mark){3, 5};
    bench->ca = cert_make(&ca, NULL);
    bench->now_ms = (int64_t)time(NULL) * 1000;
    write_file(bench, "ca.pem", bench->ca.pem, 0444);
    issue(bench, 30 * DAY);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"c.pem", "k.pem", "ca.pem", "crl.pem"};
    struct bench *bench = *state;
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", bench->folder, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(bench->folder), 0);
    cert_fini(&bench->ca);
    free(bench);
    return 0;
}

/* What app_material_read() says; the caller frees it. "" and a context of its own: all is well. */
static char *read_material(const struct bench *bench)
{
    const struct random_source random = random_system_make();
    struct app_material material = {.redis = NULL};
    struct config_problems problems = {0};
    char *said = NULL;
    size_t len = 0;

    enum err rc = app_material_read(&bench->config, &random, bench->now_ms, &material, &problems);
    assert_int_equal(rc == ERR_OK, problems.errors == 0);
    assert_int_equal(rc == ERR_OK, material.listeners[1] != NULL);
    assert_null(material.listeners[0]);
    FILE *to = open_memstream(&said, &len);
    assert_non_null(to);
    config_problems_print(&problems, "f", to);
    assert_int_equal(fclose(to), 0);
    config_problems_fini(&problems);
    app_material_fini(&material);
    app_material_fini(&material);
    return said;
}

static void assert_says(const struct bench *bench, const char *part)
{
    char *said = read_material(bench);

    if (strstr(said, part) == NULL || (part[0] == '\0' && said[0] != '\0')) {
        fail_msg("\"%s\" does not say \"%s\"", said, part);
    }
    free(said);
}

static void paths_begin_in_the_folder_of_the_configuration(void **state)
{
    assert_says(*state, "");
}

static void each_file_that_is_no_good_is_named_at_its_entry(void **state)
{
    struct bench *bench = *state;

    write_file(bench, "ca.pem", "", 0444);
    assert_says(bench, "f:3:5: tls: ");
    assert_says(bench, "/ca.pem: is empty");
    write_file(bench, "ca.pem", "nothing\n", 0444);
    assert_says(bench, "/ca.pem");
    write_file(bench, "ca.pem", bench->ca.pem, 0444);
    write_file(bench, "k.pem", "x", 0404);
    assert_says(bench, "/k.pem: is open to every user");
    write_file(bench, "k.pem", bench->ca.key_pem, 0400);
    assert_says(bench, "/k.pem");
    issue(bench, -60);
    assert_says(bench, "/c.pem");
    issue(bench, 30 * DAY);
    assert_says(bench, "");
    (void)snprintf(bench->listeners[1].tls.crl, sizeof(bench->listeners[1].tls.crl), "crl.pem");
    assert_says(bench, "/crl.pem: No such file");
    char *crl = cert_crl(&bench->ca, NULL, -60);
    write_file(bench, "crl.pem", crl, 0444);
    free(crl);
    assert_says(bench, "/crl.pem");
}

static void what_ends_soon_is_a_note(void **state)
{
    struct bench *bench = *state;

    issue(bench, 7 * DAY + 3600);
    assert_says(bench, "");
    issue(bench, 3 * DAY + 3600);
    assert_says(bench, "f:3:5: note: the certificate c.pem expires in 3d: ");
    issue(bench, 30 * DAY);
    (void)snprintf(bench->listeners[1].tls.crl, sizeof(bench->listeners[1].tls.crl), "crl.pem");
    char *crl = cert_crl(&bench->ca, NULL, 5 * 3600 + 60);
    write_file(bench, "crl.pem", crl, 0444);
    free(crl);
    assert_says(bench, "f:3:5: note: the revocation list crl.pem expires in 5h: ");
    crl = cert_crl(&bench->ca, NULL, DAY);
    write_file(bench, "crl.pem", crl, 0444);
    free(crl);
    assert_says(bench, "");
}

static void what_has_ended_while_in_use_is_said_so(void **state)
{
    struct bench *bench = *state;
    struct app_tls_lines lines;
    struct errbuf why = {""};
    SSL_CTX *context = NULL;

    assert_int_equal(app_tls_for_listener(&bench->config, 1, bench->now_ms, &context, &why),
                     ERR_OK);
    app_tls_describe_expiry(context, &bench->listeners[1].tls, bench->now_ms, &lines);
    assert_int_equal(lines.count, 0);
    app_tls_describe_expiry(context, &bench->listeners[1].tls,
                            bench->now_ms + INT64_C(1000) * (32 * DAY + 60), &lines);
    assert_int_equal(lines.count, 1);
    assert_non_null(strstr(lines.at[0].text, "the certificate c.pem has expired 2d ago"));
    SSL_CTX_free(context);
}

static void redis_needs_no_certificate_of_ours(void **state)
{
    struct bench *bench = *state;
    struct errbuf why = {""};
    SSL_CTX *context = NULL;
    struct app_tls_lines lines;

    bench->config.store.tls = (struct config_tls){.ca = "ca.pem"};
    assert_int_equal(app_tls_for_redis(&bench->config, bench->now_ms, &context, &why), ERR_OK);
    app_tls_describe_expiry(context, &bench->config.store.tls, bench->now_ms, &lines);
    assert_int_equal(lines.count, 0);
    SSL_CTX_free(context);
    bench->config.store.tls =
        (struct config_tls){.ca = "ca.pem", .certificate = "c.pem", .private_key = "no.pem"};
    assert_int_equal(app_tls_for_redis(&bench->config, bench->now_ms, &context, &why), ERR_IO);
    assert_non_null(strstr(why.text, "/no.pem: No such file"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(paths_begin_in_the_folder_of_the_configuration),
        TEST(each_file_that_is_no_good_is_named_at_its_entry),
        TEST(what_ends_soon_is_a_note),
        TEST(what_has_ended_while_in_use_is_said_so),
        TEST(redis_needs_no_certificate_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
