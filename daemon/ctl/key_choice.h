/* SPDX-License-Identifier: Apache-2.0 */
/* Which key an operator means. Pure. */
#ifndef STEKD_CTL_KEY_CHOICE_H
#define STEKD_CTL_KEY_CHOICE_H

#include "base/err.h"
#include "wire/messages.h"

#define KEY_CHOICE_MIN 8 /* hexadecimal digits */

/* Whether `text` can name a key: from KEY_CHOICE_MIN to 2 * KEY_NAME_LEN hexadecimal digits.
 * ERR_INVALID, with a sentence. */
enum err key_choice_check(const char *text, struct errbuf *why) MUST_USE;
/* The one key of the list whose name begins so. ERR_NOT_FOUND: there is none; ERR_INVALID: there
 * are several, or key_choice_check(). */
enum err key_choice_find(const struct wire_key_list *list, const char *text,
                         uint8_t out_name[KEY_NAME_LEN], struct errbuf *why) MUST_USE;

#endif
