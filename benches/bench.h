/* What the hand-written program and the programs that use the library share: the clock, the input in memory,
   ending with a message. Both sides get the same input in the same form, so that neither pays for reading it
   or for finding its lines. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)256 * 1024) /* what is written, or handed over as lines, at a time */

/* One line of the input without its line feed; the line feed follows it in memory. */
typedef struct line {
    const uint8_t *data;
    size_t len;
} line;

/* A whole file in memory, and where its lines are. */
typedef struct input {
    uint8_t *data;
    size_t len;
    line *lines;
    size_t count;
} input;

static inline void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static inline void die_errno(const char *what, const char *name) {
    die("%s %s: %s", what, name, strerror(errno));
}

static inline void *must_allocate(size_t size) {
    void *memory = malloc(size == 0 ? 1 : size);
    if (memory == NULL) die("out of memory: %zu bytes", size);
    return memory;
}

/* Nanoseconds of a clock that never goes back. */
static inline int64_t now_ns(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) die_errno("clock_gettime", "CLOCK_MONOTONIC");
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Reads the file at `path`, whose lines all end in a line feed. */
static inline input load(const char *path) {
    input in = {NULL, 0, NULL, 0};
    int fd = open(path, O_RDONLY);
    if (fd < 0) die_errno("open", path);
    struct stat info;
    if (fstat(fd, &info) != 0) die_errno("fstat", path);
    in.len = (size_t)info.st_size;
    in.data = must_allocate(in.len);
    for (size_t have = 0; have < in.len;) {
        ssize_t got = read(fd, in.data + have, in.len - have);
        if (got < 0) die_errno("read", path);
        if (got == 0) die("read %s: ends after %zu of %zu bytes", path, have, in.len);
        have += (size_t)got;
    }
    close(fd);
    if (in.len == 0 || in.data[in.len - 1] != '\n') die("%s: its last line does not end in a line feed", path);

    const uint8_t *end = in.data + in.len;
    for (const uint8_t *at = in.data; at < end; in.count++) at = (const uint8_t *)memchr(at, '\n', (size_t)(end - at)) + 1;
    in.lines = must_allocate(in.count * sizeof *in.lines);
    const uint8_t *at = in.data;
    for (size_t i = 0; i < in.count; i++) {
        const uint8_t *feed = memchr(at, '\n', (size_t)(end - at));
        in.lines[i] = (line){at, (size_t)(feed - at)};
        at = feed + 1;
    }
    return in;
}

/* The result of a run that moved records: one JSON object on a line. */
static inline void report(int64_t nanoseconds, int64_t records, int64_t bytes) {
    printf("{\"ns\":%lld,\"records\":%lld,\"bytes\":%lld}\n", (long long)nanoseconds, (long long)records, (long long)bytes);
}

/* A count among the arguments; anything else ends the program. */
static inline int64_t parse_count(const char *text, const char *name) {
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 0) die("%s: '%s' is no count", name, text);
    return value;
}

#endif
