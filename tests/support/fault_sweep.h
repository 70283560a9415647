/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scenario again and again, with the first, second, third ... call of a kind failing, until a
 * run in which none has. After each run, nothing may be left over: no block, no mapping, no open
 * file. What the sweep did is printed.
 */
#ifndef STEK_TESTS_SUPPORT_FAULT_SWEEP_H
#define STEK_TESTS_SUPPORT_FAULT_SWEEP_H

#include "support/faults.h"

#define FAULT_BIT(kind) (1u << (kind))

struct fault_scenario {
    const char *name;
    unsigned int kinds; /* FAULT_BIT()s */
    /* One run: arms what is under test, and asserts what holds whether or not a call failed
     * (faults_have_fired()). Called once before the first sweep with nothing failing, so that what
     * libraries keep for ever is there. */
    void (*run)(void *ctx);
    void *ctx;
    int error;         /* 0: what is usual */
    bool is_short;     /* writes fail after a part */
    bool goes_on;      /* every call from the n-th on fails */
    size_t short_most; /* in the short form about so many of the n; 0: all */
    /* Blocks that a run may leave with somebody who keeps them, a thread that goes on say; files
     * are not counted then. */
    size_t grows;
};

/* How many calls failed, of all kinds. */
size_t fault_sweep(const struct fault_scenario *scenario);

#endif
