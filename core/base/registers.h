/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What copying leaves behind in the processor. memcpy() moves a key through vector registers, the
 * compiler a struct through general ones, and nobody clears them: they are in the core of a process
 * that sleeps, a signal's frame saves them all to the stack, and a function that is called next
 * may spill some. Measured: without this, keys are in the cores of idle frontends.
 */
#ifndef STEK_BASE_REGISTERS_H
#define STEK_BASE_REGISTERS_H

/* Zeroes every register that a call may change, on x86-64 and AArch64; elsewhere does nothing.
 * secret_wipe(), secret_free() and secret_copy() call it. */
void registers_forget(void);

#endif
