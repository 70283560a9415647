/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    char text[TABLE_CELL_MAX + 1];
};

struct table {
    const struct table_column *columns; /* borrowed */
    size_t column_count;
    struct cell *cells; /* owned */
    size_t count;
    size_t cap;
    bool failed; /* latches: memory ran out */
};

struct table *table_new(const struct table_column *columns, size_t count)
{
    assert(count >= 1 && count <= TABLE_COLUMNS_MAX);
    struct table *table = calloc(1, sizeof(*table));
    if (table != NULL) {
        table->columns = columns;
        table->column_count = count;
    }
    return table;
}

void table_free(struct table *table)
{
    if (table != NULL) {
        free(table->cells);
        free(table);
    }
}

static bool make_room(struct table *table)
{
    if (table->count < table->cap) {
        return true;
    }
    size_t cap = table->cap == 0 ? 64 : table->cap * 2;
    struct cell *cells = reallocarray(table->cells, cap, sizeof(*cells));
    if (cells == NULL) {
        table->failed = true;
        return false;
    }
    table->cells = cells;
    table->cap = cap;
    return true;
}

void table_add(struct table *table, const char *format, ...)
{
    va_list list;

    if (!make_room(table)) {
        return;
    }
    struct cell *cell = &table->cells[table->count++];
    va_start(list, format);
    (void)vsnprintf(cell->text, sizeof(cell->text), format, list);
    va_end(list);
    for (char *at = cell->text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
}

/* Characters, not bytes: continuation bytes of UTF-8 take no place. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (const char *at = text; *at != '\0'; at++) {
        width += ((unsigned char)*at & 0xc0) != 0x80;
    }
    return width;
}

static void pad(FILE *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)fputc(' ', to);
    }
}

static void print_cell(const struct table *table, size_t column, const char *text, size_t width,
                       FILE *to)
{
    bool is_last = column + 1 == table->column_count;
    size_t gap = width - width_of(text);

    if (table->columns[column].is_right) {
        pad(to, gap);
        (void)fputs(text, to);
    } else {
        (void)fputs(text, to);
        pad(to, is_last ? 0 : gap);
    }
    (void)fputs(is_last ? "\n" : "  ", to);
}

enum err table_print(const struct table *table, FILE *to)
{
    size_t widths[TABLE_COLUMNS_MAX];

    if (table->failed) {
        return ERR_NOMEM;
    }
    assert(table->count % table->column_count == 0);
    for (size_t i = 0; i < table->column_count; i++) {
        widths[i] = width_of(table->columns[i].title);
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t width = width_of(table->cells[i].text);
        size_t column = i % table->column_count;
        widths[column] = width > widths[column] ? width : widths[column];
    }
    for (size_t i = 0; i < table->column_count; i++) {
        print_cell(table, i, table->columns[i].title, widths[i], to);
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->column_count;
        print_cell(table, column, table->cells[i].text, widths[column], to);
    }
    return ERR_OK;
}
