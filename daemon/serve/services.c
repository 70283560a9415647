/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/services.h"

#include <string.h>

bool services_have_realm(const struct services *services, const char *realm)
{
    return services_find_rotator(services, realm) != NULL;
}

struct rotator *services_find_rotator(const struct services *services, const char *realm)
{
    for (size_t i = 0; i < services->realm_count; i++) {
        if (strcmp(services->realms[i].realm, realm) == 0) {
            return services->realms[i].rotator;
        }
    }
    return NULL;
}
