/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at what a server sends before hiredis does, which makes room for as many elements as a
 * header announces, be it billions. Knows of the protocol (RESP2) only where numbers stand; what is
 * malformed it lets pass, for the reader to refuse.
 */
#ifndef STEKD_STORE_REDIS_BOUNDS_H
#define STEKD_STORE_REDIS_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REDIS_BOUNDS_ELEMENTS 1024 /* in one array: ROLE's replicas are the most */
#define REDIS_BOUNDS_LINE     4096 /* bytes: the reader looks for a line's end from its begin on */

/* Between two calls: where we are. Starts as {0}. */
struct redis_bounds {
    char type;       /* of the line; 0: it has not begun */
    bool is_minus;   /* the line's number is negative */
    bool has_cr;     /* the last byte was one */
    uint32_t line;   /* bytes of it so far */
    uint32_t number; /* as far as it was read; UINT32_MAX: that or more */
    uint64_t skip;   /* bytes of a bulk string, with its end, still to come */
};

/* The next bytes. False: an array announces more than REDIS_BOUNDS_ELEMENTS, or a bulk string more
 * than `bulk_max` bytes, or a line is longer than REDIS_BOUNDS_LINE; then there is no way on. */
bool redis_bounds_take(struct redis_bounds *bounds, const char *bytes, size_t len,
                       uint32_t bulk_max);

#endif
