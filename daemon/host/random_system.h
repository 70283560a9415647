/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real random source: the kernel's getrandom() and OpenSSL's RAND_priv_bytes(), both, through
 * HKDF-SHA256. Either one alone would do, so either one alone may turn out to be broken. If either
 * fails nothing is given out.
 */
#ifndef STEKD_HOST_RANDOM_SYSTEM_H
#define STEKD_HOST_RANDOM_SYSTEM_H

#include "base/random.h"

/* Has no state; the value may be copied. */
struct random_source random_system_make(void);

#endif
