/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration file: accepted, or refused with at least one sentence. */
#include <assert.h>
#include <stdint.h>

#include "config/config_load.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_problems problems = {0};
    struct config *config = NULL;

    enum err rc = config_load_text((const char *)data, size, &config, &problems);
    if (rc == ERR_OK) {
        assert(problems.errors == 0);
        config_free(config);
    } else {
        assert(config == NULL);
        assert(problems.errors > 0 || rc == ERR_NOMEM);
    }
    config_problems_fini(&problems);
    return 0;
}
