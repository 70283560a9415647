/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds an implementation of store/store.h to every promise of that header. A new store adds a
 * struct store_contract and one call; it passes or it is not a store.
 */
#ifndef STEK_TESTS_SUPPORT_STORE_CONTRACT_H
#define STEK_TESTS_SUPPORT_STORE_CONTRACT_H

#include <stdint.h>

#include "store/store.h"

struct store_contract {
    const char *name;
    /* A loop and an empty store on it. The environment goes to the others and to tear_down. */
    void *(*set_up)(struct store **out_store);
    /* Lets the loop run until nothing is under way. */
    void (*settle)(void *env);
    /* Lets `ms` of the store's time pass. */
    void (*pass)(void *env, int64_t ms);
    /* The store's own time, as near as can be known, and by how much it may be off. */
    int64_t (*store_time)(void *env);
    int64_t store_time_slack_ms;
    /* `store` was closed by the test. */
    void (*tear_down)(void *env);
};

/* Runs all tests; returns the number that failed, for main(). */
int store_contract_run(const struct store_contract *contract);

#endif
