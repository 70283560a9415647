/* SPDX-License-Identifier: Apache-2.0 */
#include "store/password_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err check_file(const char *path, int fd, struct errbuf *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        errbuf_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        errbuf_set(why, "%s: is not a regular file", path);
    } else if ((st.st_mode & S_IRWXO) != 0) {
        errbuf_set(why, "%s: is open to every user: chmod 0400, and change the password", path);
    } else if (st.st_size > PASSWORD_FILE_MAX) {
        errbuf_set(why, "%s: is longer than a password may be (%d bytes)", path, PASSWORD_FILE_MAX);
    } else {
        return ERR_OK;
    }
    return ERR_INVALID;
}

static enum err take_line(const char *path, struct secret_buf *line, struct errbuf *why)
{
    while (line->len > 0 && (line->at[line->len - 1] == '\n' || line->at[line->len - 1] == '\r')) {
        line->len--;
    }
    if (line->len == 0) {
        errbuf_set(why, "%s: is empty", path);
        return ERR_INVALID;
    }
    if (memchr(line->at, '\n', line->len) != NULL) {
        errbuf_set(why, "%s: has more than one line", path);
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err password_file_read(const char *path, struct secret_buf *out, struct errbuf *why)
{
    struct secret_buf line = {0};
    enum err rc = ERR_IO;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        errbuf_set(why, "%s: %s", path, strerror(errno));
        goto out;
    }
    rc = check_file(path, fd, why);
    if (rc == ERR_OK) {
        rc = secret_buf_reserve(&line, PASSWORD_FILE_MAX + 1);
    }
    if (rc != ERR_OK) {
        goto out;
    }
    ssize_t len = read(fd, line.at, PASSWORD_FILE_MAX);
    if (len < 0) {
        errbuf_set(why, "%s: %s", path, strerror(errno));
        rc = ERR_IO;
        goto out;
    }
    line.len = (size_t)len;
    rc = take_line(path, &line, why);
    if (rc == ERR_OK) {
        rc = secret_buf_append(out, line.at, line.len);
    }

out:
    secret_buf_fini(&line);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}
