/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_parse.h"
#include "config/config_read.h"

/* Some editors begin UTF-8 with it; libyaml takes it only where it may guess the encoding. */
#define BOM     "\xef\xbb\xbf"
#define BOM_LEN 3

static const struct config_mark whole_file = {0, 0};

static enum err load_text(const char *text, size_t len, struct config **out_config,
                          struct config_problems *problems)
{
    struct config_node *root = NULL;
    struct config *config = calloc(1, sizeof(*config));
    enum err rc = config == NULL ? ERR_NOMEM : config_parse(text, len, &root, problems);

    if (rc == ERR_OK) {
        rc = config_read(root, config, problems);
    }
    config_node_free(root);
    if (rc == ERR_OK && problems->errors > 0) {
        rc = ERR_INVALID;
    }
    if (rc != ERR_OK) {
        config_free(config);
        return rc;
    }
    *out_config = config;
    return ERR_OK;
}

enum err config_load_text(const char *text, size_t len, struct config **out_config,
                          struct config_problems *problems)
{
    enum err rc = ERR_LIMIT;

    if (len > CONFIG_FILE_MAX) {
        config_problems_add(problems, whole_file, "larger than %d bytes: no configuration is",
                            CONFIG_FILE_MAX);
        return ERR_INVALID;
    }
    size_t skip = len >= BOM_LEN && memcmp(text, BOM, BOM_LEN) == 0 ? BOM_LEN : 0;
    rc = load_text(text + skip, len - skip, out_config, problems);
    if (rc != ERR_OK && problems->errors == 0) {
        config_problems_add(problems, whole_file, "%s", err_text(rc));
    }
    config_problems_sort(problems);
    return rc;
}

/* Up to `cap` bytes; -1 with errno. */
static ssize_t read_all(int fd, char *buffer, size_t cap)
{
    size_t len = 0;

    while (len < cap) {
        ssize_t got = read(fd, buffer + len, cap - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        len += (size_t)got;
    }
    return (ssize_t)len;
}

/* One byte more than is allowed, so that too much shows. The caller frees *out_text. */
static enum err read_file(int fd, char **out_text, size_t *out_len,
                          struct config_problems *problems)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        config_problems_add(problems, whole_file, "is not a regular file");
        return ERR_IO;
    }
    char *text = malloc(CONFIG_FILE_MAX + 1);
    if (text == NULL) {
        config_problems_add(problems, whole_file, "out of memory");
        return ERR_NOMEM;
    }
    ssize_t len = read_all(fd, text, CONFIG_FILE_MAX + 1);
    if (len < 0) {
        config_problems_add(problems, whole_file, "cannot be read: %s", strerror(errno));
        free(text);
        return ERR_IO;
    }
    *out_text = text;
    *out_len = (size_t)len;
    return ERR_OK;
}

enum err config_load(const char *path, struct config **out_config, struct config_problems *problems)
{
    char *text = NULL;
    size_t len = 0;
    /* O_NONBLOCK: to open a pipe in place of a file must not hang. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        config_problems_add(problems, whole_file, "cannot be opened: %s", strerror(errno));
        return ERR_IO;
    }
    enum err rc = read_file(fd, &text, &len, problems);
    (void)close(fd);
    if (rc == ERR_OK) {
        rc = config_load_text(text, len, out_config, problems);
    }
    free(text);
    if (rc == ERR_OK) {
        const char *slash = strrchr(path, '/');
        size_t folder = slash == NULL ? 0 : (size_t)(slash - path) + 1;
        memcpy((*out_config)->folder, path, folder <= CONFIG_PATH_MAX ? folder : 0);
    }
    return rc;
}
