/* SPDX-License-Identifier: Apache-2.0 */
#include "base/registers.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"

#define PATTERN_LEN 512
#define HEAD        8
#define SAVED_MAX   8192

/* What a signal finds in the registers: all of them are in its frame. */
static struct {
    uint8_t bytes[SAVED_MAX];
    size_t len;
} saved;

#if defined(__x86_64__)

#define XSTATE_MAGIC 0x46505853U /* FP_XSTATE_MAGIC1, arch/x86 of the kernel */
#define SW_RESERVED  464         /* where in the FXSAVE image: magic, then the size of all of it */

static void on_signal(int number, siginfo_t *info, void *context)
{
    const ucontext_t *at = context;
    const uint8_t *frame = (const uint8_t *)at->uc_mcontext.fpregs;
    uint32_t words[2] = {0};
    size_t len = 512;

    (void)number;
    (void)info;
    memcpy(words, frame + SW_RESERVED, sizeof(words));
    if (words[0] == XSTATE_MAGIC && words[1] <= SAVED_MAX - sizeof(at->uc_mcontext.gregs)) {
        len = words[1];
    }
    memcpy(saved.bytes, frame, len);
    memcpy(saved.bytes + len, at->uc_mcontext.gregs, sizeof(at->uc_mcontext.gregs));
    saved.len = len + sizeof(at->uc_mcontext.gregs);
}

static void signal_self(void)
{
    long rc = 62; /* kill */
    __asm__ volatile("syscall"
                     : "+a"(rc)
                     : "D"((long)getpid()), "S"((long)SIGUSR1)
                     : "rcx", "r11", "memory");
}

#define CAN_SEE true

#else

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
}

static void signal_self(void)
{
}

#define CAN_SEE false

#endif

static uint8_t pattern[PATTERN_LEN];
static uint8_t target[PATTERN_LEN];

static bool is_pattern_saved(void)
{
    for (size_t at = 0; at + HEAD <= PATTERN_LEN; at++) {
        if (memmem(saved.bytes, saved.len, pattern + at, HEAD) != NULL) {
            return true;
        }
    }
    return false;
}

static int set_up(void **unused)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    uint32_t x = 12345;

    (void)unused;
    for (size_t i = 0; i < PATTERN_LEN; i++) {
        x = x * 1664525U + 1013904223U;
        pattern[i] = (uint8_t)(x >> 24);
    }
    return sigaction(SIGUSR1, &action, NULL);
}

/* By the C library's memcpy(): a length the compiler does not know. */
static void copy(size_t len)
{
    volatile size_t hidden = len;
    memcpy(target, pattern, hidden);
}

/* The test sees what it is to see not. */
static void a_copy_stays_in_registers(void **unused)
{
    size_t seen = 0;

    (void)unused;
    if (!CAN_SEE) {
        skip();
    }
    for (size_t len = HEAD; len <= PATTERN_LEN; len++) {
        copy(len);
        signal_self();
        seen += is_pattern_saved();
    }
    print_message("a copy was seen in registers at %zu of %d lengths\n", seen,
                  PATTERN_LEN - HEAD + 1);
    assert_true(seen > 100);
}

static void forget_by_name(size_t len)
{
    copy(len);
    registers_forget();
}

static void forget_by_wipe(size_t len)
{
    copy(len);
    secret_wipe(target, len);
}

static void forget_by_free(size_t len)
{
    void *block = secret_alloc(len);
    assert_non_null(block);
    copy(len);
    secret_free(block);
}

static void forget_by_copy(size_t len)
{
    secret_copy(target, pattern, len);
}

static void forget_by_append(size_t len)
{
    struct secret_buf buf = {0};
    assert_int_equal(secret_buf_append(&buf, pattern, len), ERR_OK);
    assert_memory_equal(buf.at, pattern, len);
    copy(len);
    secret_buf_fini(&buf);
}

static void nothing_of_a_copy_is_left_in_registers(void **unused)
{
    static void (*const ways[])(size_t) = {forget_by_name, forget_by_wipe, forget_by_free,
                                           forget_by_copy, forget_by_append};

    (void)unused;
    if (!CAN_SEE) {
        skip();
    }
    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
        for (size_t len = HEAD; len <= PATTERN_LEN; len++) {
            ways[way](len);
            signal_self();
            assert_true(saved.len > 512);
            assert_false(is_pattern_saved());
        }
    }
}

static void a_secret_copy_copies(void **unused)
{
    (void)unused;
    memset(target, 0, sizeof(target));
    secret_copy(target, pattern, 100);
    assert_memory_equal(target, pattern, 100);
    assert_int_equal(target[100], 0);
    secret_copy(NULL, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_stays_in_registers),
        cmocka_unit_test(nothing_of_a_copy_is_left_in_registers),
        cmocka_unit_test(a_secret_copy_copies),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
