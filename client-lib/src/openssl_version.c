/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_version.h"

#include <stddef.h>

#define VERSION(major, minor, patch)                                                               \
    (((unsigned long)(major) << 28) | ((unsigned long)(minor) << 20) |                             \
     ((unsigned long)(patch) << 4))

bool openssl_version_is_safe(unsigned long number)
{
    static const struct {
        unsigned long series;
        unsigned long first_good;
    } affected[] = {
        {VERSION(3, 0, 0), VERSION(3, 0, 14)},
        {VERSION(3, 1, 0), VERSION(3, 1, 6)},
        {VERSION(3, 2, 0), VERSION(3, 2, 2)},
    };
    unsigned long series = number & 0xFFF00000UL;

    for (size_t i = 0; i < sizeof(affected) / sizeof(affected[0]); i++) {
        if (series == affected[i].series) {
            return number >= affected[i].first_good;
        }
    }
    return number > VERSION(3, 2, 0);
}
