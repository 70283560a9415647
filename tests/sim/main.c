/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim --seeds N [--from S]   runs N seeds; fails on a violation or when a rare state was never met
 *                            (ten times as many, from ten times S, with STEK_TEST_LONG=1)
 * sim --seed S [--trace]     runs one; --trace prints every event
 * sim --same S               runs one twice and fails unless both went the same way
 * sim --break WHAT --seeds N breaks a rule (lead, write-back, tombstones) and fails unless that is
 *                            found, by the invariant that is for it
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

#define EXIT_USAGE  2
#define LONG_FACTOR 10

struct request {
    uint64_t seeds;
    uint64_t from;
    bool is_traced;
    bool is_twice;
    enum world_break broken;
};

struct totals {
    uint64_t sometimes[SOMETIMES_KINDS];
    uint64_t strikes[CHAOS_KINDS];
    uint64_t steps;
    uint64_t violations;
};

static const char *const sometimes_text[SOMETIMES_KINDS] = {
#define SOMETIMES_TEXT(name, text) text,
    SOMETIMES_MAP(SOMETIMES_TEXT)
#undef SOMETIMES_TEXT
};

/* A broken rule breaks more than one invariant. */
static bool is_wanted(enum world_break broken, const char *violation)
{
    return broken != BREAK_TOMBSTONES || strncmp(violation, "I5 ", 3) == 0;
}

static uint64_t run_seed(const struct request *request, uint64_t seed, struct totals *totals)
{
    const struct world_options options = {
        .seed = seed, .broken = request->broken, .is_traced = request->is_traced};
    struct world *world = world_new(&options);

    while (world_step(world)) {
    }
    if (world->violation[0] != '\0' && is_wanted(world->broken, world->violation)) {
        totals->violations++;
        printf("seed %" PRIu64 " after %" PRIu64 " events: %s\n", seed, world->steps,
               world->violation);
    }
    for (size_t i = 0; i < SOMETIMES_KINDS; i++) {
        totals->sometimes[i] += world->sometimes[i];
    }
    for (size_t i = 0; i < CHAOS_KINDS; i++) {
        totals->strikes[i] += world->chaos.strikes[i];
    }
    totals->steps += world->steps;
    uint64_t hash = world->trace_hash;
    world_free(world);
    return hash;
}

static int run_twice(const struct request *request)
{
    struct totals totals = {0};
    uint64_t first = run_seed(request, request->from, &totals);
    uint64_t second = run_seed(request, request->from, &totals);

    printf("seed %" PRIu64 ": %016" PRIx64 " and %016" PRIx64 "\n", request->from, first, second);
    return first == second && totals.violations == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Over many seeds everything rare must have happened: else the simulation proves little. */
static bool is_all_met(const struct totals *totals)
{
    bool is_met = true;

    for (size_t i = 0; i < SOMETIMES_KINDS; i++) {
        printf("%12" PRIu64 "  %s\n", totals->sometimes[i], sometimes_text[i]);
        is_met = is_met && totals->sometimes[i] > 0;
    }
    if (!is_met) {
        printf("something rare has never happened\n");
    }
    return is_met;
}

/* Together and by kind; not every one found something to break. */
static void show_faults(const struct totals *totals)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < CHAOS_KINDS; i++) {
        sum += totals->strikes[i];
    }
    printf("%" PRIu64 " faults:", sum);
    for (size_t i = 0; i < CHAOS_KINDS; i++) {
        printf("%s %" PRIu64 " %s", i == 0 ? "" : ",", totals->strikes[i], chaos_name(i));
    }
    printf("\n");
}

static int run_seeds(const struct request *request)
{
    struct totals totals = {0};
    uint64_t hash = 0;

    for (uint64_t seed = request->from; seed < request->from + request->seeds; seed++) {
        hash = run_seed(request, seed, &totals);
        if (request->broken != BREAK_NOTHING && totals.violations > 0) {
            printf("found after %" PRIu64 " seeds, as it must be\n", seed - request->from + 1);
            return EXIT_SUCCESS;
        }
    }
    printf("%" PRIu64 " seeds, %" PRIu64 " events, %" PRIu64 " violations, last trace %016" PRIx64
           "\n",
           request->seeds, totals.steps, totals.violations, hash);
    show_faults(&totals);
    if (request->broken != BREAK_NOTHING) {
        printf("a broken rule was not found\n");
        return EXIT_FAILURE;
    }
    bool is_met = request->seeds < 100 || is_all_met(&totals);
    return is_met && totals.violations == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end = NULL;

    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return false;
    }
    *out = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool parse_break(const char *text, enum world_break *out)
{
    if (text != NULL && strcmp(text, "lead") == 0) {
        *out = BREAK_LEAD;
        return true;
    }
    if (text != NULL && strcmp(text, "write-back") == 0) {
        *out = BREAK_WRITE_BACK;
        return true;
    }
    if (text != NULL && strcmp(text, "tombstones") == 0) {
        *out = BREAK_TOMBSTONES;
        return true;
    }
    return false;
}

static bool parse(int argc, char **argv, struct request *request)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--trace") == 0) {
            request->is_traced = true;
            continue;
        }
        bool is_good = false;
        if (strcmp(argv[i], "--seeds") == 0) {
            is_good = parse_number(value, &request->seeds);
        } else if (strcmp(argv[i], "--from") == 0 || strcmp(argv[i], "--seed") == 0) {
            is_good = parse_number(value, &request->from);
        } else if (strcmp(argv[i], "--same") == 0) {
            is_good = parse_number(value, &request->from);
            request->is_twice = true;
        } else if (strcmp(argv[i], "--break") == 0) {
            is_good = parse_break(value, &request->broken);
        }
        if (!is_good) {
            return false;
        }
        i++;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct request request = {.seeds = 1};

    if (!parse(argc, argv, &request)) {
        fprintf(stderr, "usage: sim [--seeds N] [--from S | --seed S] [--trace] [--same S] "
                        "[--break lead|write-back|tombstones]\n");
        return EXIT_USAGE;
    }
    const char *is_long = getenv("STEK_TEST_LONG");
    if (request.seeds > 1 && is_long != NULL && strcmp(is_long, "1") == 0) {
        request.seeds *= LONG_FACTOR;
        request.from *= LONG_FACTOR;
    }
    return request.is_twice ? run_twice(&request) : run_seeds(&request);
}
