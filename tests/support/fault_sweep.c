/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fault_sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>

#define RUNS_MAX 200000 /* a scenario that never gets through is a mistake of the test */

static void run_once(const struct fault_scenario *scenario, enum fault_kind kind, size_t at)
{
    const size_t blocks = faults_live_blocks();
    const size_t files = faults_open_files();

    faults_plan(kind, at, scenario->error, scenario->goes_on);
    if (scenario->is_short) {
        faults_write_short();
    }
    scenario->run(scenario->ctx);
    const size_t left = faults_live_blocks();
    if (left > blocks + scenario->grows || (scenario->grows == 0 && left != blocks)) {
        fail_msg("%s: %s call %zu: %zu blocks before, %zu after", scenario->name,
                 faults_kind_name(kind), at, blocks, left);
    }
    if (scenario->grows == 0 && faults_open_files() != files) {
        fail_msg("%s: %s call %zu: %zu files before, %zu after", scenario->name,
                 faults_kind_name(kind), at, files, faults_open_files());
    }
}

/* In the short form, evenly spread; the whole scenario is counted first. */
static size_t stride(const struct fault_scenario *scenario, size_t calls)
{
    if (scenario->short_most == 0 || getenv("STEK_TEST_LONG") != NULL) {
        return 1;
    }
    return calls / scenario->short_most + 1;
}

static size_t sweep_kind(const struct fault_scenario *scenario, enum fault_kind kind)
{
    size_t failed = 0;
    size_t at = 1;

    run_once(scenario, kind, SIZE_MAX);
    const size_t calls = faults_seen();
    const size_t step = stride(scenario, calls);
    do {
        assert_true(at < RUNS_MAX);
        run_once(scenario, kind, at);
        failed += faults_have_fired();
        at += step;
    } while (faults_have_fired());
    if (calls > 0) {
        print_message("%s: %zu %s calls, %zu made to fail%s\n", scenario->name, calls,
                      faults_kind_name(kind), failed, step > 1 ? " (long form: all)" : "");
    }
    return failed;
}

size_t fault_sweep(const struct fault_scenario *scenario)
{
    size_t failed = 0;

    faults_plan(FAULT_NONE, 0, 0, false);
    scenario->run(scenario->ctx);
    for (enum fault_kind kind = FAULT_MEMORY; kind < FAULT_KINDS; kind++) {
        if ((scenario->kinds & FAULT_BIT(kind)) != 0) {
            failed += sweep_kind(scenario, kind);
        }
    }
    faults_plan(FAULT_NONE, 0, 0, false);
    return failed;
}
