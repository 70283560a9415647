/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a YAML file to a struct config, or to the list of everything that is wrong with it.
 * Refused: unknown, duplicate and ill-typed keys, anchors, aliases, tags, several documents, text
 * that is not UTF-8, files over CONFIG_FILE_MAX. Nothing is half accepted.
 */
#ifndef STEKD_CONFIG_CONFIG_LOAD_H
#define STEKD_CONFIG_CONFIG_LOAD_H

#include <stddef.h>

#include "base/err.h"
#include "config/config.h"
#include "config/config_problems.h"

#define CONFIG_FILE_MAX 1048576

/* `problems` starts as {0}; the caller frees it with config_problems_fini() either way. On ERR_OK
 * it holds notes at most and the caller owns *out_config (config_free()). ERR_INVALID: the file's
 * content is wrong; ERR_IO: it cannot be read. Both come with at least one problem. */
enum err config_load(const char *path, struct config **out_config,
                     struct config_problems *problems) MUST_USE;

/* The same from memory. */
enum err config_load_text(const char *text, size_t len, struct config **out_config,
                          struct config_problems *problems) MUST_USE;

#endif
