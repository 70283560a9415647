/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_text(enum err code)
{
    switch (code) {
#define ERR_CASE(name, text)                                                                       \
    case name:                                                                                     \
        return text;
        ERR_MAP(ERR_CASE)
#undef ERR_CASE
    }
    return "unknown error";
}

void errbuf_set(struct errbuf *why, const char *format, ...)
{
    if (why == NULL) {
        return;
    }
    /* Formatted aside, because an argument may point into the sentence that is replaced. */
    struct errbuf next;
    va_list args;
    va_start(args, format);
    if (vsnprintf(next.text, sizeof(next.text), format, args) < 0) {
        next.text[0] = '\0';
    }
    va_end(args);
    memcpy(why->text, next.text, strlen(next.text) + 1);
}

void errbuf_prefix(struct errbuf *why, const char *format, ...)
{
    if (why == NULL) {
        return;
    }
    struct errbuf prefix;
    va_list args;
    va_start(args, format);
    if (vsnprintf(prefix.text, sizeof(prefix.text), format, args) < 0) {
        prefix.text[0] = '\0';
    }
    va_end(args);
    errbuf_set(why, "%s: %s", prefix.text, why->text);
}
