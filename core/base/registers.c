/* SPDX-License-Identifier: Apache-2.0 */
#include "base/registers.h"

#include <stdbool.h>

#if defined(__x86_64__)

#define EACH_OF_16(op, r)                                                                          \
    op(r "0") op(r "1") op(r "2") op(r "3") op(r "4") op(r "5") op(r "6") op(r "7") op(r "8")      \
        op(r "9") op(r "10") op(r "11") op(r "12") op(r "13") op(r "14") op(r "15")
#define ZERO_XMM(r) "pxor %%" r ", %%" r "\n\t"
#define ZERO_HIGH(n)                                                                               \
    "vpxord %%xmm" n ", %%xmm" n ", %%xmm" n "\n\t" /* all 512 bits: EVEX zeroes what is above */

static void forget_general(void)
{
    __asm__ volatile("xorl %%eax, %%eax\n\t"
                     "xorl %%ecx, %%ecx\n\t"
                     "xorl %%edx, %%edx\n\t"
                     "xorl %%esi, %%esi\n\t"
                     "xorl %%edi, %%edi\n\t"
                     "xorl %%r8d, %%r8d\n\t"
                     "xorl %%r9d, %%r9d\n\t"
                     "xorl %%r10d, %%r10d\n\t"
                     "xorl %%r11d, %%r11d\n\t" ::
                         : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc");
}

static void forget_vectors(void)
{
    __asm__ volatile(EACH_OF_16(ZERO_XMM, "xmm")::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                           "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx")) {
        __asm__ volatile("vzeroupper");
    }
    /* The compiler uses none of these here; the C library's memcpy() does. */
    if (__builtin_cpu_supports("avx512vl")) {
        __asm__ volatile(ZERO_HIGH("16") ZERO_HIGH("17") ZERO_HIGH("18") ZERO_HIGH("19")
                             ZERO_HIGH("20") ZERO_HIGH("21") ZERO_HIGH("22") ZERO_HIGH("23")
                                 ZERO_HIGH("24") ZERO_HIGH("25") ZERO_HIGH("26") ZERO_HIGH("27")
                                     ZERO_HIGH("28") ZERO_HIGH("29") ZERO_HIGH("30")
                                         ZERO_HIGH("31")::);
    }
}

#elif defined(__aarch64__)

#define ZERO_V(n) "movi v" n ".2d, #0\n\t"
#define ZERO_X(n) "mov x" n ", #0\n\t"

static void forget_general(void)
{
    __asm__ volatile(ZERO_X("0") ZERO_X("1") ZERO_X("2") ZERO_X("3") ZERO_X("4") ZERO_X("5")
                         ZERO_X("6") ZERO_X("7") ZERO_X("8") ZERO_X("9") ZERO_X("10") ZERO_X("11")
                             ZERO_X("12") ZERO_X("13") ZERO_X("14") ZERO_X("15")::
                                 : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9",
                                   "x10", "x11", "x12", "x13", "x14", "x15");
}

static void forget_vectors(void)
{
    __asm__ volatile(ZERO_V("0") ZERO_V("1") ZERO_V("2") ZERO_V("3") ZERO_V("4") ZERO_V("5")
                         ZERO_V("6") ZERO_V("7") ZERO_V("16") ZERO_V("17") ZERO_V("18") ZERO_V("19")
                             ZERO_V("20") ZERO_V("21") ZERO_V("22") ZERO_V("23") ZERO_V("24")
                                 ZERO_V("25") ZERO_V("26") ZERO_V("27") ZERO_V("28") ZERO_V("29")
                                     ZERO_V("30") ZERO_V("31")::
                                         : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16",
                                           "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24",
                                           "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

#else

static void forget_general(void)
{
}

static void forget_vectors(void)
{
}

#endif

void registers_forget(void)
{
    forget_vectors();
    forget_general();
}
