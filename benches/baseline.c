/* What a programmer would write by hand without the library, to compare every figure with. It checks nothing.

     baseline write INPUT DIRECTORY     fwrite per line through a 256 KiB buffer, fsync, rename, fsync of the
                                        directory
     baseline chunks INPUT DIRECTORY    the same bytes by write(2), 256 KiB at a time, and rename; no fsync:
                                        the writing alone
     baseline copy INPUT DIRECTORY      `cp` and fsync
     baseline getline FILE              getline to the end, counting
     baseline commits DIRECTORY COUNT   one small file at a time: write, fsync, rename, fsync of the directory
     baseline peak PROGRAM ARGUMENT...  runs the program and reports the peak of its resident memory
     baseline empty                     does nothing: the memory of an empty program

   Each prints one JSON object on a line. Times are in nanoseconds and leave out reading INPUT and finding its
   lines. */
#define _DEFAULT_SOURCE  /* wait4 */
#define _DARWIN_C_SOURCE /* the same on macOS */
#define _POSIX_C_SOURCE 200809L

#include "bench.h"

#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

#define PATH_BYTES 4096

static void join(char *path, const char *directory, const char *name) {
    int written = snprintf(path, PATH_BYTES, "%s/%s", directory, name);
    if (written < 0 || written >= PATH_BYTES) die("path too long: %s/%s", directory, name);
}

static void sync_directory(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) die_errno("open", path);
    if (fsync(fd) != 0) die_errno("fsync", path);
    if (close(fd) != 0) die_errno("close", path);
}

static void write_all(int fd, const uint8_t *data, size_t len, const char *path) {
    while (len > 0) {
        ssize_t written = write(fd, data, len);
        if (written < 0) die_errno("write", path);
        data += written;
        len -= (size_t)written;
    }
}

static void write_lines(const char *from, const char *directory) {
    input in = load(from);
    char temporary[PATH_BYTES], final[PATH_BYTES];
    join(temporary, directory, "data.tmp");
    join(final, directory, "data");
    char *buffer = must_allocate(BUFFER_BYTES);

    int64_t start = now_ns();
    FILE *file = fopen(temporary, "wb");
    if (file == NULL) die_errno("open", temporary);
    if (setvbuf(file, buffer, _IOFBF, BUFFER_BYTES) != 0) die("setvbuf failed");
    for (size_t i = 0; i < in.count; i++)
        if (fwrite(in.lines[i].data, 1, in.lines[i].len + 1, file) != in.lines[i].len + 1) die_errno("write", temporary);
    if (fflush(file) != 0) die_errno("write", temporary);
    if (fsync(fileno(file)) != 0) die_errno("fsync", temporary);
    if (fclose(file) != 0) die_errno("close", temporary);
    if (rename(temporary, final) != 0) die_errno("rename", temporary);
    sync_directory(directory);
    report(now_ns() - start, (int64_t)in.count, (int64_t)in.len);
}

static void write_chunks(const char *from, const char *directory) {
    input in = load(from);
    char temporary[PATH_BYTES], final[PATH_BYTES];
    join(temporary, directory, "data.tmp");
    join(final, directory, "data");

    int64_t start = now_ns();
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0) die_errno("open", temporary);
    for (size_t at = 0; at < in.len; at += BUFFER_BYTES)
        write_all(fd, in.data + at, in.len - at < BUFFER_BYTES ? in.len - at : BUFFER_BYTES, temporary);
    if (close(fd) != 0) die_errno("close", temporary);
    if (rename(temporary, final) != 0) die_errno("rename", temporary);
    report(now_ns() - start, (int64_t)in.count, (int64_t)in.len);
}

/* Runs a command and gives what wait4 says of it. */
static struct rusage run(char **command) {
    pid_t child = fork();
    if (child < 0) die_errno("fork for", command[0]);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY); /* this program's own result is the one on standard output */
        if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
        execvp(command[0], command);
        fprintf(stderr, "exec %s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    int status = 0;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child) die_errno("wait4 for", command[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("%s failed, wait status %d", command[0], status);
    return usage;
}

static void copy(char *from, const char *directory) {
    char to[PATH_BYTES], program[] = "cp";
    join(to, directory, "data");
    struct stat info;
    if (stat(from, &info) != 0) die_errno("stat", from);

    int64_t start = now_ns();
    run((char *[]){program, from, to, NULL});
    int fd = open(to, O_RDONLY);
    if (fd < 0) die_errno("open", to);
    if (fsync(fd) != 0) die_errno("fsync", to);
    close(fd);
    sync_directory(directory);
    report(now_ns() - start, 1, (int64_t)info.st_size);
}

static void read_lines(const char *path) {
    int64_t records = 0, bytes = 0;
    int64_t start = now_ns();
    FILE *file = fopen(path, "rb");
    if (file == NULL) die_errno("open", path);
    char *text = NULL;
    size_t capacity = 0;
    ssize_t len;
    while ((len = getline(&text, &capacity, file)) >= 0) {
        records++;
        bytes += len;
    }
    if (ferror(file)) die_errno("read", path);
    if (fclose(file) != 0) die_errno("close", path);
    int64_t end = now_ns();
    free(text);
    report(end - start, records, bytes);
}

static void write_small(const char *directory, int64_t count) {
    char temporary[PATH_BYTES], final[PATH_BYTES];
    join(temporary, directory, "small.tmp");
    int64_t *took = must_allocate((size_t)count * sizeof *took);
    for (int64_t i = 0; i < count; i++) {
        char name[64], record[64];
        snprintf(name, sizeof name, "small-%lld", (long long)i);
        join(final, directory, name);
        int len = snprintf(record, sizeof record, "{\"id\":%lld,\"event\":\"signup\"}\n", (long long)i);

        int64_t start = now_ns();
        int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (fd < 0) die_errno("open", temporary);
        write_all(fd, (const uint8_t *)record, (size_t)len, temporary);
        if (fsync(fd) != 0) die_errno("fsync", temporary);
        if (close(fd) != 0) die_errno("close", temporary);
        if (rename(temporary, final) != 0) die_errno("rename", temporary);
        sync_directory(directory);
        took[i] = now_ns() - start;
    }
    printf("{\"commits\":[");
    for (int64_t i = 0; i < count; i++) printf("%s%lld", i == 0 ? "" : ",", (long long)took[i]);
    printf("]}\n");
    free(took);
}

/* A fork of this small program, then exec: the child's peak starts from nothing that the caller of this
 * program used. */
static void peak(char **command) {
    struct rusage usage = run(command);
#ifdef __APPLE__
    long long bytes = usage.ru_maxrss;
#else
    long long bytes = (long long)usage.ru_maxrss * 1024;
#endif
    printf("{\"peak_bytes\":%lld}\n", bytes);
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "write") == 0 && argc == 4) write_lines(argv[2], argv[3]);
    else if (strcmp(mode, "chunks") == 0 && argc == 4) write_chunks(argv[2], argv[3]);
    else if (strcmp(mode, "copy") == 0 && argc == 4) copy(argv[2], argv[3]);
    else if (strcmp(mode, "getline") == 0 && argc == 3) read_lines(argv[2]);
    else if (strcmp(mode, "commits") == 0 && argc == 4) write_small(argv[2], parse_count(argv[3], "COUNT"));
    else if (strcmp(mode, "peak") == 0 && argc >= 3) peak(argv + 2);
    else if (strcmp(mode, "empty") == 0 && argc == 2) return 0;
    else die("baseline: wrong arguments; the file's first comment says which there are");
    return fflush(stdout) == 0 ? 0 : 1;
}
