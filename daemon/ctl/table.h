/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns for a terminal: titles, rows, two spaces between, nothing else. */
#ifndef STEKD_CTL_TABLE_H
#define STEKD_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

#define TABLE_COLUMNS_MAX 12
#define TABLE_CELL_MAX    80 /* bytes a cell shows; more is cut */

struct table_column {
    const char *title;
    bool is_right; /* numbers stand to the right */
};

struct table;

/* `columns` is borrowed for the table's life. NULL when out of memory. */
struct table *table_new(const struct table_column *columns, size_t count) MUST_USE;
/* NULL allowed. */
void table_free(struct table *table);

/* The next cell; after the last column the next row begins. Control bytes become '?', so that no
 * text from outside commands the terminal. */
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ERR_NOMEM when a cell was lost to lack of memory: then nothing is printed. The rows must be
 * complete. */
enum err table_print(const struct table *table, FILE *to) MUST_USE;

#endif
