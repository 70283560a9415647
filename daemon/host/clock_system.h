/* SPDX-License-Identifier: Apache-2.0 */
/* The real clocks: CLOCK_REALTIME and CLOCK_BOOTTIME. */
#ifndef STEKD_HOST_CLOCK_SYSTEM_H
#define STEKD_HOST_CLOCK_SYSTEM_H

#include "base/clock.h"

/* Has no state; the value may be copied. */
struct clock clock_system_make(void);

#endif
