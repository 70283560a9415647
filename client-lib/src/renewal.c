/* SPDX-License-Identifier: Apache-2.0 */
#include "src/renewal.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/text.h"

#define LOOK_LEAST_MS INT64_C(1000)
#define LATE_PART     10

void renewal_init(struct renewal *renewal, struct credentials *credentials)
{
    *renewal = (struct renewal){.credentials = credentials, .look_at = INT64_MIN};
}

int64_t renewal_due(const struct renewal *renewal)
{
    return renewal->credentials == NULL ? INT64_MAX : renewal->look_at;
}

static int64_t pause_ms(int64_t left_ms)
{
    const int64_t half = left_ms / 2;
    if (half >= RENEWAL_LOOK_MS) {
        return RENEWAL_LOOK_MS;
    }
    return half > LOOK_LEAST_MS ? half : LOOK_LEAST_MS;
}

static void warn_of_the_end(struct renewal *renewal, int64_t left_ms, int64_t life_ms)
{
    const int64_t left_s = left_ms / 1000 * 1000;
    if (left_ms <= 0) {
        errbuf_set(&renewal->trouble, "our certificate has expired and no newer one is there");
    } else if (left_ms < life_ms / LATE_PART) {
        errbuf_set(&renewal->trouble, "our certificate ends in %s and no newer one is there",
                   text_span_of(left_s).text);
    }
}

void renewal_step(struct renewal *renewal, int64_t boot_ms, int64_t wall_ms)
{
    if (renewal->credentials == NULL ||
        (boot_ms < renewal->look_at &&
         renewal->version == credentials_version(renewal->credentials))) {
        return;
    }
    errbuf_set(&renewal->trouble, "%s", "");
    const enum err rc = credentials_look(renewal->credentials, wall_ms, &renewal->trouble);
    renewal->version = credentials_version(renewal->credentials);
    const struct credentials_dates dates = credentials_dates(renewal->credentials);
    const int64_t left_ms = clock_between_ms(wall_ms, dates.not_after_ms);
    if (rc == ERR_OK) {
        warn_of_the_end(renewal, left_ms,
                        clock_between_ms(dates.not_before_ms, dates.not_after_ms));
    }
    renewal->look_at = clock_add_ms(boot_ms, pause_ms(left_ms));
}
