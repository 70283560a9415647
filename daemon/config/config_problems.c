/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_problems.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#define FIRST_CAP 8

/* The next free place, or NULL: then the problem is counted only. */
static struct config_problem *make_room(struct config_problems *problems)
{
    if (problems->count == CONFIG_PROBLEMS_MAX) {
        return NULL;
    }
    if (problems->count == problems->cap) {
        size_t cap = problems->cap == 0 ? FIRST_CAP : problems->cap * 2;
        struct config_problem *at = reallocarray(problems->at, cap, sizeof(*at));
        if (at == NULL) {
            return NULL;
        }
        problems->at = at;
        problems->cap = cap;
    }
    return &problems->at[problems->count++];
}

/* Where the sentence goes, or NULL: the problem is counted, but there is no room for it. */
static struct errbuf *add(struct config_problems *problems, struct config_mark mark, bool is_note)
{
    struct config_problem *problem = make_room(problems);

    problems->errors += is_note ? 0 : 1;
    if (problem == NULL) {
        problems->not_kept++;
        return NULL;
    }
    problem->mark = mark;
    problem->is_note = is_note;
    return &problem->what;
}

void config_problems_add(struct config_problems *problems, struct config_mark mark,
                         const char *format, ...)
{
    struct errbuf *what = add(problems, mark, false);
    va_list args;

    if (what != NULL) {
        va_start(args, format);
        (void)vsnprintf(what->text, sizeof(what->text), format, args);
        va_end(args);
    }
}

void config_problems_note(struct config_problems *problems, struct config_mark mark,
                          const char *format, ...)
{
    struct errbuf *what = add(problems, mark, true);
    va_list args;

    if (what != NULL) {
        va_start(args, format);
        (void)vsnprintf(what->text, sizeof(what->text), format, args);
        va_end(args);
    }
}

static bool stands_before(struct config_mark a, struct config_mark b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* By insertion: there are few, and those at one place keep their order. */
void config_problems_sort(struct config_problems *problems)
{
    for (size_t i = 1; i < problems->count; i++) {
        struct config_problem moving = problems->at[i];
        size_t to = i;
        while (to > 0 && stands_before(moving.mark, problems->at[to - 1].mark)) {
            problems->at[to] = problems->at[to - 1];
            to--;
        }
        problems->at[to] = moving;
    }
}

void config_problems_print(const struct config_problems *problems, const char *file, FILE *to)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->at[i];
        (void)fputs(file, to);
        if (problem->mark.line > 0) {
            (void)fprintf(to, ":%zu:%zu", problem->mark.line, problem->mark.column);
        }
        (void)fprintf(to, ": %s%s\n", problem->is_note ? "note: " : "", problem->what.text);
    }
    if (problems->not_kept > 0) {
        (void)fprintf(to, "%s: %zu more problems\n", file, problems->not_kept);
    }
}

void config_problems_fini(struct config_problems *problems)
{
    free(problems->at);
    *problems = (struct config_problems){0};
}
