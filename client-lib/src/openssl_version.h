/* SPDX-License-Identifier: Apache-2.0 */
/* Which libssl may be handed session tickets at all. */
#ifndef STEK_SRC_OPENSSL_VERSION_H
#define STEK_SRC_OPENSSL_VERSION_H

#include <stdbool.h>

/*
 * `number` as OpenSSL_version_num() gives it: 0xMNN00PP0.
 *
 * False for what CVE-2024-2511 affects (a TLS 1.3 server's sessions grow without bound): before
 * 3.0.14, 3.1.6, 3.2.2. False too before 3.0.6, where a ticket key callback that answers 0 made
 * libssl send a ticket of no bytes, which TLS 1.3 clients take for an error.
 */
bool openssl_version_is_safe(unsigned long number);

#endif
