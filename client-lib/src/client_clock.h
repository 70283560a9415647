/* SPDX-License-Identifier: Apache-2.0 */
/* The host's clocks as a struct clock. */
#ifndef STEK_SRC_CLIENT_CLOCK_H
#define STEK_SRC_CLIENT_CLOCK_H

#include "base/clock.h"

/* CLOCK_REALTIME and CLOCK_BOOTTIME. Constant. */
const struct clock *client_clock_host(void);

#endif
