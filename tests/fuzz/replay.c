/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzzer's input files through it, once each, without libFuzzer: so that any compiler and
 * any sanitizer sees them in the ordinary tests.
 *
 *      fuzz_NAME FILE-OR-FOLDER...
 *
 * A folder that holds no file is a failure: a corpus that went missing must not look like success.
 */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

struct sum {
    size_t files;
    size_t bytes;
};

/* In memory of exactly its size, so that a sanitizer sees a read beyond. */
static void run(const char *path, size_t size, struct sum *sum)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    FILE *file = fopen(path, "rb");

    if (data == NULL || file == NULL || fread(data, 1, size, file) != size) {
        (void)fprintf(stderr, "%s: cannot be read: %s\n", path, strerror(errno));
        exit(2);
    }
    (void)fclose(file);
    /* Said before, so that the last line names the file that a crash belongs to. */
    if (getenv("FUZZ_REPLAY_VERBOSE") != NULL) {
        (void)fprintf(stderr, "%s\n", path);
    }
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    sum->files++;
    sum->bytes += size;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static struct sum run_all(char *root)
{
    char *const roots[] = {root, NULL};
    struct sum sum = {0};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);

    for (FTSENT *at = tree != NULL ? fts_read(tree) : NULL; at != NULL; at = fts_read(tree)) {
        if (at->fts_info == FTS_F) {
            run(at->fts_accpath, (size_t)at->fts_statp->st_size, &sum);
        }
    }
    if (tree != NULL) {
        (void)fts_close(tree);
    }
    return sum;
}

int main(int argc, char **argv)
{
    struct sum all = {0};

    for (int i = 1; i < argc; i++) {
        const struct sum sum = run_all(argv[i]);
        if (sum.files == 0) {
            (void)fprintf(stderr, "%s: holds no input\n", argv[i]);
            return 1;
        }
        all.files += sum.files;
        all.bytes += sum.bytes;
    }
    (void)printf("%zu inputs, %zu bytes\n", all.files, all.bytes);
    return all.files > 0 ? 0 : 1;
}
