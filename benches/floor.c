/* The least that a durable commit can cost: the library's promise, kept by hand.

     floor commits DIRECTORY COUNT      COUNT commits of one small record, each timed
     floor partitions INPUT DIRECTORY   all of INPUT, in memory, into partitions by origin and carrier (hive)

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

   A commit into partitions has a data file for each, and a copy of the manifest beside it. The names of all
   data files are durable before the slot, those of the copies after it and before the manifest's, which a
   reader takes for the commit: 7 syncs for each partition (its file, its copy, and the directories of the
   file, of the snapshot, twice, of the snapshots and of the partition) and some 15 more.

   Each prints one JSON object on a line; times are in nanoseconds. `partitions` leaves out reading INPUT. */
#define _GNU_SOURCE /* sync_file_range, memmem */
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

static void small_commits(const char *directory, int64_t count) {
    int64_t *took = must_allocate((size_t)count * sizeof *took);
    char bytes[SLOT_BYTES], before[64] = "", id[64], parent[64] = "root";
    memset(bytes, 'x', sizeof bytes);

    int root = open_directory(AT_FDCWD, directory);
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
}

/* ---- Into partitions ---- */

#define PARTITIONS_MAX 128
#define COPY_BYTES 9000 /* about what a manifest of 35 files has */
#define ID "0000000000000000001-0000000000000001"

typedef struct partition {
    char origin[8], carrier[8];
    int of_origin, itself, segments, snapshot, folder; /* its directories, from the outermost in */
    int data, copy;
    uint8_t *buffer;
    size_t len;
} partition;

/* Copies the text of a member; the input is known to have it. */
static void member(const line *record, const char *key, char value[8]) {
    const char *at = memmem(record->data, record->len, key, strlen(key));
    if (at == NULL) die("a record has no %s", key);
    at += strlen(key);
    const char *end = memchr(at, '"', record->len - (size_t)(at - (const char *)record->data));
    if (end == NULL || end - at > 7) die("a record's %s is too long", key);
    memcpy(value, at, (size_t)(end - at));
    value[end - at] = '\0';
}

static void write_out(partition *to) {
    for (size_t at = 0; at < to->len;) {
        ssize_t written = write(to->data, to->buffer + at, to->len - at);
        if (written < 0) die_errno("write", "data");
        at += (size_t)written;
    }
    to->len = 0;
}

static void begin_partition(int partitions, partition *all, size_t count) {
    partition *new = &all[count];
    char name[32];
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].origin, new->origin) == 0) new->of_origin = all[i].of_origin;
    snprintf(name, sizeof name, "origin=%s", new->origin);
    if (new->of_origin == 0) new->of_origin = make_directory(partitions, name);
    snprintf(name, sizeof name, "carrier=%s", new->carrier);
    new->itself = make_directory(new->of_origin, name);
    new->segments = make_directory(new->itself, "segments");
    new->snapshot = make_directory(new->segments, ID);
    new->folder = make_directory(new->snapshot, "data");
    new->data = openat(new->folder, "data.tmp", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (new->data < 0) die_errno("open", "data.tmp");
    new->buffer = must_allocate(BUFFER_BYTES);
    new->len = 0;
}

static void into_partitions(const char *from, const char *directory) {
    input in = load(from);
    static partition all[PARTITIONS_MAX];
    static char manifest[COPY_BYTES], slot_bytes[COPY_BYTES + 300];
    memset(manifest, 'x', sizeof manifest);
    memset(slot_bytes, 'x', sizeof slot_bytes);
    size_t count = 0;

    int64_t start = now_ns();
    int root = open_directory(AT_FDCWD, directory);
    int datasets = make_directory(root, "datasets"), dataset = make_directory(datasets, "events");
    int partitions = make_directory(dataset, "partitions"), slots = make_directory(dataset, "_commits");
    int segments = make_directory(dataset, "segments"), snapshot = make_directory(segments, ID);
    for (size_t i = 0; i < in.count; i++) {
        char origin[8], carrier[8];
        member(&in.lines[i], "\"carrier\":\"", carrier);
        member(&in.lines[i], "\"origin\":\"", origin);
        size_t at = 0;
        while (at < count && (strcmp(all[at].carrier, carrier) != 0 || strcmp(all[at].origin, origin) != 0)) at++;
        if (at == count) {
            if (count == PARTITIONS_MAX) die("more than %d partitions", PARTITIONS_MAX);
            strcpy(all[at].origin, origin);
            strcpy(all[at].carrier, carrier);
            begin_partition(partitions, all, count);
            count++;
        }
        size_t len = in.lines[i].len + 1;
        if (all[at].len + len > BUFFER_BYTES) write_out(&all[at]);
        memcpy(all[at].buffer + all[at].len, in.lines[i].data, len);
        all[at].len += len;
    }
    for (size_t i = 0; i < count; i++) {
        write_out(&all[i]);
        name_file(all[i].folder, "data.tmp", "data");
        all[i].copy = stage(all[i].snapshot, "manifest.tmp", manifest, sizeof manifest);
#ifdef __linux__
        (void)sync_file_range(all[i].data, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
    }
    int slot = stage(slots, "slot.tmp", slot_bytes, sizeof slot_bytes);
    int canonical = stage(snapshot, "manifest.tmp", manifest, sizeof manifest);
    int pointer = stage(dataset, "pointer.tmp", ID, sizeof ID - 1);

    for (size_t i = 0; i < count; i++) sync_fd(all[i].data, "data");
    for (size_t i = 0; i < count; i++) {
        int first_of_origin = 1;
        for (size_t before = 0; before < i; before++)
            first_of_origin = first_of_origin && all[before].of_origin != all[i].of_origin;
        sync_fd(all[i].copy, "a copy of the manifest");
        sync_fd(all[i].folder, "a data directory");
        sync_fd(all[i].snapshot, "the snapshot's directory in a partition");
        sync_fd(all[i].segments, "a partition's directory of snapshots");
        sync_fd(all[i].itself, "a partition's directory");
        if (first_of_origin) sync_fd(all[i].of_origin, "an origin's directory");
    }
    sync_fd(slot, "slot");
    sync_fd(canonical, "manifest");
    sync_fd(pointer, "pointer");
    const int above[] = {segments, partitions, dataset, datasets, root};
    for (size_t i = 0; i < sizeof above / sizeof above[0]; i++) sync_fd(above[i], "a directory of the dataset");
    name_file(slots, "slot.tmp", "root");
    sync_fd(slots, "the directory of slots");
    for (size_t i = 0; i < count; i++) {
        name_file(all[i].snapshot, "manifest.tmp", "manifest.json");
        sync_fd(all[i].snapshot, "the snapshot's directory in a partition");
    }
    name_file(snapshot, "manifest.tmp", "manifest.json");
    sync_fd(snapshot, "the snapshot's directory");
    swap_pointer(dataset, "", 0);
    report(now_ns() - start, (int64_t)in.count, (int64_t)in.len);
}

int main(int argc, char **argv) {
    const char *mode = argc == 4 ? argv[1] : "";
    if (strcmp(mode, "commits") == 0) small_commits(argv[2], parse_count(argv[3], "COUNT"));
    else if (strcmp(mode, "partitions") == 0) into_partitions(argv[2], argv[3]);
    else die("floor: wrong arguments; the file's first comment says which there are");
    return fflush(stdout) == 0 ? 0 : 1;
}
