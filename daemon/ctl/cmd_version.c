/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_version.h"

#include <stdio.h>

#include "ctl/show.h"

enum exit_code cmd_version(const struct args *args)
{
    if (args->output == ARGS_OUTPUT_JSON) {
        struct json json = show_json_start(stdout, "version");
        json_string(&json, "version", STEKCTL_VERSION);
        json_close_object(&json);
    } else {
        (void)puts("stekctl " STEKCTL_VERSION);
    }
    return EXIT_CODE_DONE;
}
