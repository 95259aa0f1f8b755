/* The least that a small durable commit can cost: the library's promise, kept by hand for one small record at
   a time.

     floor DIRECTORY COUNT

   The promise: a reader sees a commit whole or not at all; of several writers each gets its own place in the
   order; what was committed survives a power cut, and whatever a cut leaves, an object is there only if those
   that it builds on are. POSIX keeps of a file and of a directory only what was synced since it changed, so a
   commit needs ten syncs:

     * the bytes of its four files: data, slot (the decision), manifest, the new value of the pointer
     * the names that lead to the data: in the data directory, the snapshot's directory, the directory of
       snapshots
     * then, each after the one before: the slot's name, the manifest's, the pointer's

   All four files are written before the first sync, so that a file system with a journal commits it four
   times: once for the bytes and the names of the data, and once for each of the three names that follow.
   Nothing is checked, counted or hashed, and all directories but the snapshot's own stay open.

   Prints one JSON object on a line; times are in nanoseconds. */
#define _GNU_SOURCE /* sync_file_range */
#define _DARWIN_C_SOURCE
#define _POSIX_C_SOURCE 200809L

#include "bench.h"

#include <sys/file.h>

#define RECORD_BYTES 30
#define MANIFEST_BYTES 700 /* about what a manifest of one file has */
#define SLOT_BYTES 950     /* the manifest after a line that says whose it is */

static int open_directory(int at, const char *name) {
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) die_errno("open", name);
    return fd;
}

static int make_directory(int at, const char *name) {
    if (mkdirat(at, name, 0777) != 0) die_errno("mkdir", name);
    return open_directory(at, name);
}

static void sync_fd(int fd, const char *what) {
    if (fsync(fd) != 0) die_errno("fsync", what);
}

/* Writes a file under a temporary name, and lets its bytes begin their way to the disk. */
static int stage(int at, const char *name, const char *bytes, size_t len) {
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) die_errno("open", name);
    ssize_t written = write(fd, bytes, len);
    if (written < 0 || (size_t)written != len) die_errno("write", name);
#ifdef __linux__
    (void)sync_file_range(fd, 0, (off_t)len, SYNC_FILE_RANGE_WRITE); /* a hint: the sync tells of a failure */
#endif
    return fd;
}

/* Gives a staged file its name, unless another has it. */
static void name_file(int at, const char *temporary, const char *name) {
    if (linkat(at, temporary, at, name, 0) != 0) die_errno("link", name);
    if (unlinkat(at, temporary, 0) != 0) die_errno("unlink", temporary);
}

static void close_file(int fd, const char *what) {
    if (close(fd) != 0) die_errno("close", what);
}

/* Moves the pointer from `expected` to the staged value, under the lock that all writers take. */
static void swap_pointer(int dataset, const char *expected, size_t expected_len) {
    int lock = openat(dataset, "latest.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0 || flock(lock, LOCK_EX) != 0) die_errno("lock", "latest.lock");
    char found[64];
    ssize_t len = 0;
    int fd = openat(dataset, "latest", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        len = read(fd, found, sizeof found);
        close(fd);
    }
    if (len < 0 || (size_t)len != expected_len || memcmp(found, expected, expected_len) != 0) die("the pointer is not as expected");
    if (renameat(dataset, "pointer.tmp", dataset, "latest") != 0) die_errno("rename", "latest");
    sync_fd(dataset, "the dataset's directory");
    if (flock(lock, LOCK_UN) != 0) die_errno("unlock", "latest.lock");
    close_file(lock, "latest.lock");
}

int main(int argc, char **argv) {
    if (argc != 3) die("floor: wrong arguments; the file's first comment says which there are");
    int64_t count = parse_count(argv[2], "COUNT");
    int64_t *took = must_allocate((size_t)count * sizeof *took);
    char bytes[SLOT_BYTES], before[64] = "", id[64], parent[64] = "root";
    memset(bytes, 'x', sizeof bytes);

    int root = open_directory(AT_FDCWD, argv[1]);
    int datasets = make_directory(root, "datasets"), dataset = make_directory(datasets, "events");
    int snapshots = make_directory(dataset, "snapshots"), slots = make_directory(dataset, "_commits");
    sync_fd(root, "the root");
    sync_fd(datasets, "the directory of datasets");
    sync_fd(dataset, "the dataset's directory");

    for (int64_t i = 0; i < count; i++) {
        int len = snprintf(id, sizeof id, "%019lld-%016llx", (long long)i, (unsigned long long)i);
        int64_t start = now_ns();
        int snapshot = make_directory(snapshots, id), folder = make_directory(snapshot, "data");
        int data = stage(folder, "data.tmp", bytes, RECORD_BYTES);
        int slot = stage(slots, "slot.tmp", bytes, SLOT_BYTES);
        int manifest = stage(snapshot, "manifest.tmp", bytes, MANIFEST_BYTES);
        int pointer = stage(dataset, "pointer.tmp", id, (size_t)len);
        name_file(folder, "data.tmp", "data");
        sync_fd(data, "data");
        sync_fd(slot, "slot");
        sync_fd(manifest, "manifest");
        sync_fd(pointer, "pointer");
        sync_fd(folder, "the data directory");
        sync_fd(snapshot, "the snapshot's directory");
        sync_fd(snapshots, "the directory of snapshots");
        close_file(data, "data");
        close_file(slot, "slot");
        close_file(manifest, "manifest");
        close_file(pointer, "pointer");
        name_file(slots, "slot.tmp", parent);
        sync_fd(slots, "the directory of slots");
        name_file(snapshot, "manifest.tmp", "manifest.json");
        sync_fd(snapshot, "the snapshot's directory");
        swap_pointer(dataset, before, strlen(before));
        close_file(folder, "the data directory");
        close_file(snapshot, "the snapshot's directory");
        took[i] = now_ns() - start;
        memcpy(before, id, sizeof before);
        memcpy(parent, id, sizeof parent);
    }
    printf("{\"commits\":[");
    for (int64_t i = 0; i < count; i++) printf("%s%lld", i == 0 ? "" : ",", (long long)took[i]);
    printf("]}\n");
    free(took);
    return fflush(stdout) == 0 ? 0 : 1;
}
