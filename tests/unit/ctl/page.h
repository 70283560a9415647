/* SPDX-License-Identifier: Apache-2.0 */
/* A FILE in memory, for what a verb shows. */
#ifndef STEK_TESTS_CTL_PAGE_H
#define STEK_TESTS_CTL_PAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct page {
    FILE *to;
    char *text; /* owned */
    size_t len;
};

static inline void page_open(struct page *page)
{
    *page = (struct page){NULL, NULL, 0};
    page->to = open_memstream(&page->text, &page->len);
    assert_non_null(page->to);
}

static inline void page_finish(struct page *page)
{
    assert_int_equal(fclose(page->to), 0);
}

static inline void page_must_say(const struct page *page, const char *text)
{
    if (strstr(page->text, text) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", text, page->text);
    }
}

static inline void page_free(struct page *page)
{
    free(page->text);
}

#endif
