/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that keeps store.h's promises and is as bad as they allow: slow, deaf, forgetful, rolled
 * back. One place holds the record of one realm; each daemon has a link of its own to it. Held to
 * the contract like any other (tests/unit/support/fake_store_test.c).
 */
#ifndef STEK_TESTS_SUPPORT_FAKE_STORE_H
#define STEK_TESTS_SUPPORT_FAKE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"
#include "support/fake_time.h"

#define FAKE_STORE_HISTORY 16

struct fake_store;
struct fake_link;

/* What may go wrong on a link. Zero: nothing. */
struct fake_faults {
    int64_t delay_min_ms; /* each way */
    int64_t delay_max_ms;
    unsigned int lose_request_percent; /* nothing happens, ERR_TIMEOUT */
    unsigned int lose_reply_percent;   /* it happens, ERR_TIMEOUT */
    unsigned int lose_hint_percent;
    bool is_cut;  /* no request arrives, no hint either: ERR_TIMEOUT */
    bool is_full; /* loads are answered, puts refused: ERR_REFUSED */
};

struct fake_store_stats {
    unsigned int puts;      /* accepted */
    unsigned int conflicts; /* refused for their version */
    unsigned int late;      /* refused for coming late */
    unsigned int lost_puts; /* accepted and forgotten */
};

/* `time` and `random` are borrowed until fake_store_free(). Aborts when out of memory. */
struct fake_store *fake_store_new(struct fake_time *time, struct fake_random *random);
/* Every link must have been closed. */
void fake_store_free(struct fake_store *place);

/* A new link; store_close() on it ends it. Operations end with ERR_TIMEOUT after `timeout_ms`. */
struct fake_link *fake_store_connect(struct fake_store *place, int64_t timeout_ms);
struct store *fake_link_store(struct fake_link *link);
/* May be changed at any time. */
struct fake_faults *fake_link_faults(struct fake_link *link);

void fake_store_set_skew(struct fake_store *place, int64_t skew_ms);
int64_t fake_store_wall(const struct fake_store *place);
/* FLUSHALL. */
void fake_store_flush(struct fake_store *place);
/* The record as it was `back` accepted puts ago (at most FAKE_STORE_HISTORY - 1; 0 changes
 * nothing): a failover, an old backup. Returns false when there is nothing so old. */
bool fake_store_roll_back(struct fake_store *place, unsigned int back);
/* The next accepted put is acknowledged and forgotten: a failover right after it. */
void fake_store_lose_next_put(struct fake_store *place, bool is_wanted);
/* Two primaries: from now on links of side 1 have a copy of the record to themselves, and each side
 * accepts puts the other knows nothing of. */
void fake_store_split(struct fake_store *place);
/* 0 or 1; matters while the store is split. A new link is of side 0. */
void fake_link_set_side(struct fake_link *link, unsigned int side);
/* The record of `winner` is the only one again. How many puts of the other side are lost by that.
 */
unsigned int fake_store_unite(struct fake_store *place, unsigned int winner);
bool fake_store_is_split(const struct fake_store *place);
/* Replaces whatever is there by these bytes, which need not make sense. */
void fake_store_write(struct fake_store *place, const char *realm, struct slice bytes,
                      const struct store_version *version);

bool fake_store_present(const struct fake_store *place);
struct slice fake_store_record(const struct fake_store *place);
const struct fake_store_stats *fake_store_get_stats(const struct fake_store *place);

#endif
