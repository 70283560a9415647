/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/exit_code.h"

#include <stdio.h>

enum exit_code exit_code_of(enum err code)
{
    switch (code) {
    case ERR_OK:
        return EXIT_CODE_DONE;
    case ERR_DENIED:
        return EXIT_CODE_DENIED;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
        return EXIT_CODE_UNREACHABLE;
    case ERR_INVALID:
    case ERR_NOMEM:
    case ERR_IO:
    case ERR_CRYPTO:
    case ERR_CONFLICT:
    case ERR_NOT_FOUND:
    case ERR_REFUSED:
    case ERR_LIMIT:
    case ERR_PROTOCOL:
    case ERR_CANCELLED:
    case ERR_UNSUPPORTED:
        break;
    }
    return EXIT_CODE_REFUSED;
}

enum exit_code exit_code_report(enum err code, const struct errbuf *why)
{
    (void)fprintf(stderr, "stekctl: %s\n", why->text[0] != '\0' ? why->text : err_text(code));
    return exit_code_of(code);
}
