/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for secrets in processes and files from outside: the engine of scanner.py.
 *
 *   scan TARGET... <needles        TARGET: pid:NUMBER (every mapping of it) or file:PATH
 *
 * A needle is a line "LABEL WINDOW HEX": any WINDOW bytes in a row out of it are a hit, so half a
 * key that a later write left over is found too. Written, one a line, separated by tabs:
 *
 *   hit   TARGET PLACE PERMISSIONS FLAGS ADDRESS LABEL BYTES-IN-A-ROW
 *   read  TARGET MAPPINGS BYTES
 *   huge  TARGET PLACE               a sanitizer's shadow: nothing of this target was judged
 *   lost  TARGET PLACE               what should be readable was not
 *
 * One pass whatever the number of needles: each position's eight bytes are looked up in a bitmap,
 * and then in a table of all windows.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD       8 /* bytes that are looked up */
#define BITS       22
#define CHUNK      ((size_t)16 << 20)
#define OVERLAP    512 /* no needle is longer */
#define HUGE_BYTES ((uint64_t)8 << 30)
#define LINE_MAX_  4096

struct needle {
    char *label;
    uint8_t *bytes;
    size_t len;
    size_t window;
    uint64_t reported; /* the address up to which a hit was told */
};

struct entry {
    uint64_t head;
    uint32_t needle;
    uint32_t at;
};

struct scan {
    struct needle *needles;
    size_t needle_count;
    struct entry *table;
    size_t table_size; /* a power of two */
    uint8_t *bitmap;
    uint8_t *buffer;
};

struct place {
    uint64_t start;
    uint64_t end;
    char permissions[8];
    char name[LINE_MAX_];
    char flags[256];
};

static void die(const char *what)
{
    (void)fprintf(stderr, "scan: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void *need(void *memory)
{
    if (memory == NULL) {
        die("memory");
    }
    return memory;
}

/* ---- needles ---- */

static uint64_t head_of(const uint8_t *at)
{
    uint64_t head = 0;
    memcpy(&head, at, HEAD);
    return head;
}

static uint64_t mix(uint64_t head)
{
    head *= UINT64_C(0x9e3779b97f4a7c15);
    return head ^ (head >> 29);
}

static void put_entry(struct scan *scan, struct entry entry)
{
    size_t slot = mix(entry.head) & (scan->table_size - 1);
    const uint64_t bit = mix(entry.head) >> (64 - BITS);

    scan->bitmap[bit / 8] |= (uint8_t)(1U << (bit % 8));
    while (scan->table[slot].at != UINT32_MAX) {
        slot = (slot + 1) & (scan->table_size - 1);
    }
    scan->table[slot] = entry;
}

static void index_needles(struct scan *scan)
{
    size_t count = 0;

    for (size_t i = 0; i < scan->needle_count; i++) {
        count += scan->needles[i].len;
    }
    for (scan->table_size = 1024; scan->table_size < 4 * count;) {
        scan->table_size *= 2;
    }
    scan->table = need(malloc(scan->table_size * sizeof(*scan->table)));
    for (size_t i = 0; i < scan->table_size; i++) {
        scan->table[i].at = UINT32_MAX;
    }
    scan->bitmap = need(calloc(1, ((size_t)1 << BITS) / 8));
    for (size_t i = 0; i < scan->needle_count; i++) {
        const struct needle *needle = &scan->needles[i];
        for (size_t at = 0; at + needle->window <= needle->len; at++) {
            put_entry(scan, (struct entry){.head = head_of(needle->bytes + at),
                                           .needle = (uint32_t)i,
                                           .at = (uint32_t)at});
        }
    }
}

static unsigned nibble(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static size_t from_hex(const char *hex, uint8_t *to)
{
    size_t len = 0;

    for (; isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]); hex += 2) {
        to[len++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
    }
    return len;
}

/* "LABEL WINDOW HEX" */
static void parse_needle(char *line, struct needle *needle)
{
    char *window = strchr(line, ' ');
    char *hex = NULL;

    if (window == NULL) {
        errno = EINVAL;
        die("a needle");
    }
    *window++ = '\0';
    needle->window = strtoul(window, &hex, 10);
    needle->label = need(strdup(line));
    needle->bytes = need(malloc(strlen(hex) / 2 + 1));
    needle->len = from_hex(hex + (*hex == ' '), needle->bytes);
    if (needle->window < HEAD || needle->window > needle->len || needle->len >= OVERLAP) {
        errno = ERANGE;
        die(needle->label);
    }
}

static void read_needles(struct scan *scan)
{
    char *line = NULL;
    size_t cap = 0;

    while (getline(&line, &cap, stdin) > 0) {
        struct needle needle = {0};
        parse_needle(line, &needle);
        scan->needles =
            need(realloc(scan->needles, (scan->needle_count + 1) * sizeof(*scan->needles)));
        scan->needles[scan->needle_count++] = needle;
    }
    free(line);
    index_needles(scan);
}

/* ---- bytes ---- */

static void tell_hit(const char *target, const struct place *place, uint64_t address,
                     const struct needle *needle, size_t run)
{
    (void)printf("hit\t%s\t%s\t%s\t%s\t%" PRIx64 "\t%s\t%zu\n", target, place->name,
                 place->permissions, place->flags, address, needle->label, run);
}

static void look_up(struct scan *scan, const char *target, const struct place *place,
                    uint64_t address, const uint8_t *at, size_t left)
{
    const uint64_t head = head_of(at);

    for (size_t slot = mix(head) & (scan->table_size - 1); scan->table[slot].at != UINT32_MAX;
         slot = (slot + 1) & (scan->table_size - 1)) {
        const struct entry *entry = &scan->table[slot];
        struct needle *needle = &scan->needles[entry->needle];
        size_t run = 0;
        if (entry->head != head || address < needle->reported) {
            continue;
        }
        while (run < left && entry->at + run < needle->len &&
               at[run] == needle->bytes[entry->at + run]) {
            run++;
        }
        if (run >= needle->window) {
            tell_hit(target, place, address, needle, run);
            needle->reported = address + run;
        }
    }
}

/* Judges positions before `until`; what lies behind is there to compare with. */
static void look_through(struct scan *scan, const char *target, const struct place *place,
                         uint64_t address, size_t len, size_t until)
{
    const uint8_t *bytes = scan->buffer;

    for (size_t i = 0; i < until && i + HEAD <= len; i++) {
        const uint64_t bit = mix(head_of(bytes + i)) >> (64 - BITS);
        if ((scan->bitmap[bit / 8] & (1U << (bit % 8))) != 0) {
            look_up(scan, target, place, address + i, bytes + i, len - i);
        }
    }
}

/* False: could not be read. */
static bool scan_range(struct scan *scan, const char *target, int fd, const struct place *place)
{
    uint64_t at = place->start;
    size_t kept = 0;

    for (size_t i = 0; i < scan->needle_count; i++) {
        scan->needles[i].reported = 0;
    }
    while (at < place->end) {
        const uint64_t left = place->end - at;
        const size_t want = left < CHUNK ? (size_t)left : CHUNK;
        const ssize_t got = pread(fd, scan->buffer + kept, want, (off_t)at);
        if (got <= 0) {
            return false;
        }
        const size_t len = kept + (size_t)got;
        const bool is_last = at + (uint64_t)got >= place->end;
        const size_t until = is_last || len < OVERLAP ? len : len - OVERLAP;
        look_through(scan, target, place, at - kept, len, is_last ? len : until);
        kept = is_last ? 0 : len - until;
        memmove(scan->buffer, scan->buffer + until, kept);
        at += (uint64_t)got;
    }
    return true;
}

/* ---- processes ---- */

/* "00400000-00452000 r-xp 00000000 08:02 173521   /usr/bin/x" */
static bool parse_header(const char *line, struct place *place)
{
    char *at = NULL;

    *place = (struct place){0};
    place->start = strtoull(line, &at, 16);
    if (at == line || *at != '-') {
        return false;
    }
    const char *end = at + 1;
    place->end = strtoull(end, &at, 16);
    if (at == end || *at != ' ') {
        return false;
    }
    const char *name = at + 1;
    (void)snprintf(place->permissions, sizeof(place->permissions), "%.*s", (int)strcspn(name, " "),
                   name);
    for (int field = 0; field < 4; field++) { /* permissions, offset, device, inode */
        name += strcspn(name, " \n");
        name += strspn(name, " ");
    }
    (void)snprintf(place->name, sizeof(place->name), "%.*s", (int)strcspn(name, "\n\t"), name);
    if (place->name[0] == '\0') {
        (void)snprintf(place->name, sizeof(place->name), "anonymous");
    }
    return true;
}

/* The kernel's own pages, the same in every process, cannot be read. */
static bool is_kernels(const struct place *place)
{
    return strncmp(place->name, "[vvar", 5) == 0 || strcmp(place->name, "[vsyscall]") == 0;
}

/* A process that runs lets go of mappings between the list and the look. */
static bool is_still_there(const char *pid, const struct place *place)
{
    char path[64];
    char *line = NULL;
    size_t cap = 0;
    bool is_there = false;
    struct place now = {0};

    (void)snprintf(path, sizeof(path), "/proc/%s/maps", pid);
    FILE *maps = fopen(path, "re");
    if (maps == NULL) {
        die(path);
    }
    while (!is_there && getline(&line, &cap, maps) > 0) {
        is_there = parse_header(line, &now) && now.start == place->start && now.end == place->end;
    }
    free(line);
    (void)fclose(maps);
    return is_there;
}

/* Shared object code and constants are read too: it is cheap. */
static void scan_mapping(struct scan *scan, const char *target, int fd, const struct place *place,
                         uint64_t *bytes)
{
    if (is_kernels(place)) {
        return;
    }
    if (place->end - place->start > HUGE_BYTES) {
        (void)printf("huge\t%s\t%s\n", target, place->name);
        return;
    }
    if (scan_range(scan, target, fd, place)) {
        *bytes += place->end - place->start;
    } else if (is_still_there(target + strlen("pid:"), place)) {
        (void)printf("lost\t%s\t%s %s %" PRIx64 "\n", target, place->name, place->permissions,
                     place->start);
    }
}

static void scan_process(struct scan *scan, const char *target, const char *pid)
{
    char path[64];
    char *line = NULL;
    size_t cap = 0;
    size_t mappings = 0;
    uint64_t bytes = 0;
    struct place place = {0};

    (void)snprintf(path, sizeof(path), "/proc/%s/mem", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "/proc/%s/smaps", pid);
    FILE *maps = fopen(path, "re");
    if (fd < 0 || maps == NULL) {
        die(path);
    }
    while (getline(&line, &cap, maps) > 0) {
        struct place next = {0};
        if (strncmp(line, "VmFlags: ", 9) == 0) {
            (void)snprintf(place.flags, sizeof(place.flags), "%.*s", (int)strcspn(line + 9, "\n"),
                           line + 9);
            scan_mapping(scan, target, fd, &place, &bytes);
            mappings++;
        } else if (strchr(line, '-') != NULL && parse_header(line, &next)) {
            place = next;
        }
    }
    (void)printf("read\t%s\t%zu\t%" PRIu64 "\n", target, mappings, bytes);
    free(line);
    (void)fclose(maps);
    (void)close(fd);
}

static void scan_file(struct scan *scan, const char *target, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    const struct place place = {
        .end = (uint64_t)end, .permissions = "-", .name = "file", .flags = "-"};

    if (end < 0) {
        die(path);
    }
    if (!scan_range(scan, target, fd, &place)) {
        (void)printf("lost\t%s\tfile\n", target);
    }
    (void)printf("read\t%s\t1\t%" PRIu64 "\n", target, place.end);
    (void)close(fd);
}

int main(int argc, char **argv)
{
    struct scan scan = {0};

    scan.buffer = need(malloc(CHUNK + OVERLAP));
    read_needles(&scan);
    for (int i = 1; i < argc; i++) {
        const char *what = strchr(argv[i], ':');
        if (what == NULL) {
            errno = EINVAL;
            die(argv[i]);
        }
        if (strncmp(argv[i], "pid:", 4) == 0) {
            scan_process(&scan, argv[i], what + 1);
        } else {
            scan_file(&scan, argv[i], what + 1);
        }
    }
    return 0;
}
