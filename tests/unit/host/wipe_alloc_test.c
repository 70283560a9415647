/* SPDX-License-Identifier: Apache-2.0 */
#include "host/wipe_alloc.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define CANARY_LEN 64
static const char canary[CANARY_LEN + 1] =
    "canary-0123456789abcdef0123456789abcdef0123456789abcdef012345678";

/* What passed through free() while `watching`. */
static struct {
    bool watching;
    bool malloc_fails;
    size_t frees;
    size_t dirty; /* freed with a part of the canary still inside */
} seen;

void __real_free(void *block);
void __wrap_free(void *block);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void __wrap_free(void *block)
{
    if (seen.watching && block != NULL) {
        seen.frees++;
        if (memmem(block, malloc_usable_size(block), canary + 24, 16) != NULL) {
            seen.dirty++;
        }
    }
    __real_free(block);
}

void *__wrap_malloc(size_t size)
{
    return seen.malloc_fails ? NULL : __real_malloc(size);
}

static int watch(void **unused)
{
    (void)unused;
    memset(&seen, 0, sizeof(seen));
    seen.watching = true;
    return 0;
}

static int unwatch(void **unused)
{
    (void)unused;
    seen.watching = false;
    return 0;
}

static void free_wipes_the_block(void **unused)
{
    (void)unused;
    char *block = wipe_alloc_malloc(CANARY_LEN);
    assert_non_null(block);
    memcpy(block, canary, CANARY_LEN);
    wipe_alloc_free(block);
    wipe_alloc_free(NULL);
    assert_int_equal(seen.frees, 1);
    assert_int_equal(seen.dirty, 0);
}

static void the_watch_itself_sees_a_block_that_is_not_wiped(void **unused)
{
    (void)unused;
    char *block = malloc(CANARY_LEN);
    assert_non_null(block);
    memcpy(block, canary, CANARY_LEN);
    /* Otherwise the compiler drops the copy: nobody reads what is freed next. */
    __asm__ volatile("" : : "r"(block) : "memory");
    free(block);
    assert_int_equal(seen.dirty, 1);
}

static void calloc_gives_zeros_and_refuses_an_overflow(void **unused)
{
    static const uint8_t zeros[CANARY_LEN] = {0};
    volatile size_t huge = SIZE_MAX / 2;

    (void)unused;
    uint8_t *block = wipe_alloc_calloc(8, 8);
    assert_non_null(block);
    assert_memory_equal(block, zeros, sizeof(zeros));
    wipe_alloc_free(block);
    assert_null(wipe_alloc_calloc(huge, 4));
}

static void realloc_keeps_the_bytes_and_wipes_the_old_block(void **unused)
{
    static const size_t sizes[] = {65, 100, 4096, 100000, 100, 64};

    (void)unused;
    char *block = wipe_alloc_realloc(NULL, CANARY_LEN);
    assert_non_null(block);
    memcpy(block, canary, CANARY_LEN);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        block = wipe_alloc_realloc(block, sizes[i]);
        assert_non_null(block);
        assert_memory_equal(block, canary, CANARY_LEN);
    }
    assert_null(wipe_alloc_realloc(block, 0));
    assert_true(seen.frees >= 2);
    assert_int_equal(seen.dirty, 0);
}

static void a_failed_realloc_leaves_the_block_alone(void **unused)
{
    (void)unused;
    char *block = wipe_alloc_malloc(CANARY_LEN);
    assert_non_null(block);
    memcpy(block, canary, CANARY_LEN);
    seen.malloc_fails = true;
    void *moved = wipe_alloc_realloc(block, 100000);
    seen.malloc_fails = false;
    assert_null(moved);
    assert_memory_equal(block, canary, CANARY_LEN);
    wipe_alloc_free(block);
}

static void openssl_and_libevent_use_it_once_installed(void **unused)
{
    (void)unused;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_non_null(md);
    assert_int_equal(EVP_DigestInit_ex(md, EVP_sha256(), NULL), 1);
    /* A part of a block stays in the context's own buffer, and OPENSSL_free() itself wipes
     * nothing. */
    assert_int_equal(EVP_DigestUpdate(md, canary, CANARY_LEN - 8), 1);
    char *copy = OPENSSL_strdup(canary);
    assert_non_null(copy);
    struct evbuffer *buffer = evbuffer_new();
    assert_non_null(buffer);
    assert_int_equal(evbuffer_add(buffer, canary, CANARY_LEN), 0);

    size_t before = seen.frees;
    OPENSSL_free(copy);
    EVP_MD_CTX_free(md);
    evbuffer_free(buffer);
    assert_true(seen.frees >= before + 3);
    assert_int_equal(seen.dirty, 0);
}

/* In a child and before the real installation, for which this process must be untouched. */
static int install_too_late(void)
{
    struct errbuf why = {""};
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        void *first = OPENSSL_malloc(1);
        enum err rc = wipe_alloc_install(&why);
        OPENSSL_free(first);
        _exit(rc == ERR_REFUSED && strstr(why.text, "too late") != NULL ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static int too_late_status;

static void installing_too_late_is_refused_and_said(void **unused)
{
    (void)unused;
    assert_int_equal(too_late_status, 0);
}

int main(void)
{
    struct errbuf why = {""};
#define TEST(name) cmocka_unit_test_setup_teardown(name, watch, unwatch)
    const struct CMUnitTest tests[] = {
        TEST(free_wipes_the_block),
        TEST(the_watch_itself_sees_a_block_that_is_not_wiped),
        TEST(calloc_gives_zeros_and_refuses_an_overflow),
        TEST(realloc_keeps_the_bytes_and_wipes_the_old_block),
        TEST(a_failed_realloc_leaves_the_block_alone),
        TEST(openssl_and_libevent_use_it_once_installed),
        TEST(installing_too_late_is_refused_and_said),
    };

    too_late_status = install_too_late();
    if (wipe_alloc_install(&why) != ERR_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
