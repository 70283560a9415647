/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/audit.h"

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

void audit_write(struct log *log, const struct audit_entry *entry)
{
    struct log_field fields[8];
    size_t count = 0;

    fields[count++] = log_string("who", entry->who);
    fields[count++] = log_string("what", entry->what);
    fields[count++] = log_string("realm", entry->realm == NULL ? "*" : entry->realm);
    if (entry->key_name != NULL) {
        fields[count++] = log_key_name("key", entry->key_name);
    }
    /* Before the texts that others wrote: those are what may not fit. */
    fields[count++] =
        log_string("outcome", entry->outcome == ERR_OK ? "done" : err_text(entry->outcome));
    if (is_given(entry->why)) {
        fields[count++] = log_string("why", entry->why);
    }
    if (is_given(entry->detail)) {
        fields[count++] = log_string("detail", entry->detail);
    }
    log_write(log, LOG_LEVEL_AUDIT, "audit", fields, count);
}
