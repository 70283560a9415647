/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_suggest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BEGINNING_MIN 3

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t config_suggest_distance(const char *a, const char *b)
{
    /* rows[i % 3][j]: from the first i bytes of a to the first j of b. */
    size_t rows[3][CONFIG_SUGGEST_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > CONFIG_SUGGEST_MAX || b_len > CONFIG_SUGGEST_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (is_swap) {
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

struct config_suggest config_suggest_start(const char *word)
{
    return (struct config_suggest){.word = word, .nearest = NULL, .distance = SIZE_MAX};
}

void config_suggest_offer(struct config_suggest *suggest, const char *candidate)
{
    size_t distance = config_suggest_distance(suggest->word, candidate);
    /* A word broken off is nearer than one misspelt: "warn", "rotate". */
    if (strlen(suggest->word) >= BEGINNING_MIN &&
        strncmp(suggest->word, candidate, strlen(suggest->word)) == 0) {
        distance = 1;
    }
    /* One slip, and one more for each four letters; beyond that it is another word. */
    size_t allowed = 1 + strlen(candidate) / 4;

    if (distance <= allowed && distance < suggest->distance) {
        suggest->nearest = candidate;
        suggest->distance = distance;
    }
}
