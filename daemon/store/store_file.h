/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of one node: a folder with one file a realm, `<realm>.record`:
 *
 *   version 16 | expires at (Unix ms) 8 | record
 *
 * A put writes a temporary file, syncs it, renames it over the old one and syncs the folder, so
 * that a power cut leaves the one or the other. Files have mode 0600; the folder may be written by
 * nobody else. A lock keeps a second daemon out. Records must be sealed (seal.h): this store takes
 * whatever bytes it is given. The store's time is the clock it was given.
 *
 * Reads and writes are synchronous, in the loop: records are a few kilobytes and change a few
 * times a day. A disk that hangs, hangs the daemon; frontends go on with the keys they hold.
 */
#ifndef STEKD_STORE_STORE_FILE_H
#define STEKD_STORE_STORE_FILE_H

#include "base/clock.h"
#include "base/err.h"
#include "host/timers.h"
#include "store/store.h"

struct store_file_options {
    const char *folder;          /* copied; must exist */
    const struct clock *clock;   /* borrowed until store_close() */
    const struct timers *timers; /* likewise */
};

/* ERR_NOMEM; ERR_IO, ERR_INVALID (others may write the folder) and ERR_REFUSED (another daemon has
 * it), with a sentence that names the folder. */
enum err store_file_new(const struct store_file_options *options, struct store **out_store,
                        struct errbuf *why) MUST_USE;

/* Whether the folder is there and nobody else may write it; takes no lock. The same failures. */
enum err store_file_check(const char *folder, struct errbuf *why) MUST_USE;

#endif
