/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log_limit.h"

bool log_limit_allows(struct log_limit *limit, int64_t boot_ms, int64_t *out_left_out)
{
    if (boot_ms < limit->quiet_until) {
        limit->left_out++;
        return false;
    }
    *out_left_out = limit->left_out;
    limit->left_out = 0;
    limit->quiet_until = boot_ms + LOG_LIMIT_MS;
    return true;
}
