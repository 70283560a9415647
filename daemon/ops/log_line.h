/* SPDX-License-Identifier: Apache-2.0 */
/* One log line as text, in either format. Pure; private to this room. */
#ifndef STEKD_OPS_LOG_LINE_H
#define STEKD_OPS_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/log.h"

/* A line under construction. What does not fit is left out as a whole field, and the line is
 * marked as cut; there is always room for the mark. */
struct log_line {
    char text[LOG_LINE_MAX];
    size_t len;
    enum log_format format;
    bool is_cut;
};

void log_line_start(struct log_line *line, enum log_format format);
void log_line_add(struct log_line *line, const struct log_field *field);
/* Adds the mark if needed, the end and the newline. */
void log_line_finish(struct log_line *line);

#endif
