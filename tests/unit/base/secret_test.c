/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Sanitizers turn mlock() into nothing, so under them nobody can see whether memory is locked. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LOCKS_CAN_BE_SEEN false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LOCKS_CAN_BE_SEEN false
#endif
#endif
#ifndef LOCKS_CAN_BE_SEEN
#define LOCKS_CAN_BE_SEEN true
#endif

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Runs `body` in a child; returns its wait status. */
static int in_child(void (*body)(void *block), void *block)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* A sanitizer's own handler would turn the signal into a report. */
        (void)signal(SIGSEGV, SIG_DFL);
        body(block);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void a_block_is_zero_filled_aligned_and_writable_to_its_end(void **unused)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 4080, 4095, 4096, 4097, 100000};
    (void)unused;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *block = secret_alloc(sizes[i]);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        assert_true(is_zero(block, sizes[i]));
        memset(block, 0xa5, sizes[i]);
        secret_free(block);
    }
    secret_free(NULL);
}

static void write_past_end(void *block)
{
    ((volatile uint8_t *)block)[64] = 1;
}

static void running_past_a_block_faults(void **unused)
{
    void *block = secret_alloc(64);
    (void)unused;
    assert_non_null(block);
    const int status = in_child(write_past_end, block);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    secret_free(block);
}

static void expect_zeros_and_free(void *block)
{
    if (!is_zero(block, 100)) {
        _exit(1);
    }
    memset(block, 7, 100);
    secret_free(block);
    void *another = secret_alloc(10);
    _exit(another == NULL ? 2 : 0);
}

static void a_forked_child_finds_zeros_and_can_free_the_block(void **unused)
{
    uint8_t *block = secret_alloc(100);
    (void)unused;
    assert_non_null(block);
    memset(block, 0x5a, 100);
    const int status = in_child(expect_zeros_and_free, block);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(block[0], 0x5a);
    assert_int_equal(block[99], 0x5a);
    secret_free(block);
}

/* The VmFlags of the mapping that holds `block`, from the kernel's own account. */
static void find_flags(const void *block, char *flags, size_t cap)
{
    char line[512];
    bool is_inside = false;
    FILE *smaps = fopen("/proc/self/smaps", "re");
    assert_non_null(smaps);
    flags[0] = '\0';
    while (fgets(line, sizeof(line), smaps) != NULL) {
        char *end = NULL;
        const unsigned long from = strtoul(line, &end, 16);
        if (*end == '-' && end != line) {
            const unsigned long to = strtoul(end + 1, NULL, 16);
            is_inside = (uintptr_t)block >= from && (uintptr_t)block < to;
        } else if (is_inside && strncmp(line, "VmFlags:", 8) == 0) {
            (void)snprintf(flags, cap, "%s", line);
        }
    }
    (void)fclose(smaps);
}

static void the_kernel_has_it_locked_undumped_and_wiped_on_fork(void **unused)
{
    char flags[512];
    void *block = secret_alloc(5000);
    (void)unused;
    assert_non_null(block);
    find_flags(block, flags, sizeof(flags));
    assert_true(strstr(flags, " lo") != NULL || !LOCKS_CAN_BE_SEEN);
    assert_non_null(strstr(flags, " dd"));
    assert_non_null(strstr(flags, " wf"));
    secret_free(block);
}

static void expect_bytes_and_lock(void *block)
{
    char flags[512];
    const uint8_t *bytes = block;
    if (bytes[0] != 0x5a || bytes[99] != 0x5a || secret_lock_here(block) != ERR_OK) {
        _exit(1);
    }
    find_flags(block, flags, sizeof(flags));
    if ((LOCKS_CAN_BE_SEEN && strstr(flags, " lo") == NULL) || strstr(flags, " dd") == NULL) {
        _exit(2);
    }
    secret_free(block);
    _exit(0);
}

static void a_block_for_children_is_theirs_too_and_can_be_locked_there(void **unused)
{
    uint8_t *block = secret_alloc_for_children(100);
    (void)unused;
    assert_non_null(block);
    assert_true(is_zero(block, 100));
    memset(block, 0x5a, 100);
    const int status = in_child(expect_bytes_and_lock, block);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(block[0], 0x5a);
    secret_free(block);
}

/* Exit code 0: refused with errno set, as promised. */
static void ask_without_permission_to_lock(void *unused)
{
    const struct rlimit none = {0, 0};
    (void)unused;
    /* Root may lock without limit, so become nobody. */
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0)) {
        _exit(2);
    }
    errno = 0;
    _exit(secret_alloc(10) == NULL && errno != 0 ? 0 : 1);
}

static void memory_that_cannot_be_locked_is_not_given(void **unused)
{
    (void)unused;
    if (!LOCKS_CAN_BE_SEEN) {
        print_message("skipped: the sanitizers make mlock() do nothing\n");
        skip();
    }
    const int status = in_child(ask_without_permission_to_lock, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void an_absurd_size_is_refused(void **unused)
{
    (void)unused;
    errno = 0;
    assert_null(secret_alloc(SIZE_MAX));
    assert_int_equal(errno, ENOMEM);
    assert_null(secret_alloc(SIZE_MAX / 4 + 1));
    assert_null(secret_alloc(SIZE_MAX / 4));
}

static void weak_means_one_repeated_byte(void **unused)
{
    uint8_t bytes[32];
    (void)unused;
    for (unsigned value = 0; value < 256; value++) {
        memset(bytes, (int)value, sizeof(bytes));
        assert_true(secret_is_weak(bytes, sizeof(bytes)));
    }
    for (size_t at = 0; at < sizeof(bytes); at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memset(bytes, 0x33, sizeof(bytes));
            bytes[at] ^= (uint8_t)(1U << bit);
            assert_false(secret_is_weak(bytes, sizeof(bytes)));
        }
    }
}

static void equality_looks_at_every_byte(void **unused)
{
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    (void)unused;
    assert_true(secret_equal(a, b, sizeof(a)));
    for (size_t at = 0; at < sizeof(b); at++) {
        b[at] = 1;
        assert_false(secret_equal(a, b, sizeof(a)));
        assert_true(secret_equal(a, b, at));
        b[at] = 0;
    }
}

static void wiping_clears_just_what_was_asked(void **unused)
{
    uint8_t bytes[6] = {1, 2, 3, 4, 5, 6};
    (void)unused;
    secret_wipe(bytes + 1, 4);
    secret_wipe(NULL, 0);
    assert_memory_equal(bytes, "\1\0\0\0\0\6", 6);
}

static void a_buffer_grows_and_keeps_its_bytes(void **unused)
{
    struct secret_buf buf = {0};
    uint8_t chunk[1000];
    (void)unused;
    for (unsigned i = 0; i < 50; i++) {
        memset(chunk, (int)i, sizeof(chunk));
        assert_int_equal(secret_buf_append(&buf, chunk, sizeof(chunk)), ERR_OK);
    }
    assert_int_equal(buf.len, 50000);
    for (size_t i = 0; i < buf.len; i++) {
        assert_int_equal(buf.at[i], i / 1000);
    }
    assert_int_equal(secret_buf_append(&buf, NULL, 0), ERR_OK);
    assert_int_equal(secret_buf_reserve(&buf, SIZE_MAX), ERR_NOMEM);
    assert_int_equal(buf.len, 50000);
    secret_buf_fini(&buf);
    assert_null(buf.at);
    assert_int_equal(buf.cap, 0);
    secret_buf_fini(&buf);
}

static void what_is_consumed_leaves_zeros(void **unused)
{
    struct secret_buf buf = {0};
    (void)unused;
    assert_int_equal(secret_buf_append(&buf, "abcdef", 6), ERR_OK);
    secret_buf_consume(&buf, 0);
    assert_int_equal(buf.len, 6);
    secret_buf_consume(&buf, 4);
    assert_int_equal(buf.len, 2);
    assert_memory_equal(buf.at, "ef\0\0\0\0", 6);
    secret_buf_consume(&buf, 2);
    assert_int_equal(buf.len, 0);
    assert_true(is_zero(buf.at, 6));
    secret_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_zero_filled_aligned_and_writable_to_its_end),
        cmocka_unit_test(running_past_a_block_faults),
        cmocka_unit_test(a_forked_child_finds_zeros_and_can_free_the_block),
        cmocka_unit_test(the_kernel_has_it_locked_undumped_and_wiped_on_fork),
        cmocka_unit_test(a_block_for_children_is_theirs_too_and_can_be_locked_there),
        cmocka_unit_test(memory_that_cannot_be_locked_is_not_given),
        cmocka_unit_test(an_absurd_size_is_refused),
        cmocka_unit_test(weak_means_one_repeated_byte),
        cmocka_unit_test(equality_looks_at_every_byte),
        cmocka_unit_test(wiping_clears_just_what_was_asked),
        cmocka_unit_test(a_buffer_grows_and_keeps_its_bytes),
        cmocka_unit_test(what_is_consumed_leaves_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
