/* A volume's random reads beside pread, and a verification.

     upkeep_bench fill ROOT BLOCKS              a volume of so many blocks of 64 MiB is made; not timed
     upkeep_bench volume ROOT COUNT             COUNT reads of 1 MiB at random offsets through liblode
     upkeep_bench pread ROOT COUNT              the same reads by open, pread and close of the block's file
     upkeep_bench commits ROOT COUNT            COUNT commits of one block of 1 KiB each
     upkeep_bench reads ROOT COUNT              COUNT reads of 16 bytes of that volume, a block each
     upkeep_bench latest ROOT 1                 the newest snapshot of a volume, loaded, and its last gap
     upkeep_bench refuse ROOT STATUS            the same of a manifest that must be refused with this status
     upkeep_bench verify ROOT DATASET           all data files of a dataset are compared with their checksums

   Each prints one JSON object on a line. Times are in nanoseconds. */
#define _POSIX_C_SOURCE 200809L

#include "bench.h"

#include <lode.h>

#define PIECE ((size_t)1 << 20)
#define BLOCK ((size_t)64 << 20)
#define SMALL ((size_t)1024)
#define VOLUME "bench"

static void check(lode_status status, lode_error *error, const char *what) {
    if (status >= 0) return;
    die("%s: %s: %s", what, lode_status_name(status), lode_error_message(error));
}

static lode_store *open_store(const char *root) {
    lode_error *error = NULL;
    lode_store *store = NULL;
    check(lode_store_open_filesystem(root, NULL, &store, &error), error, "open");
    return store;
}

static lode_volume *open_volume(lode_store *store, uint64_t length) {
    lode_error *error = NULL;
    lode_volume *volume = NULL;
    lode_volume_options options = LODE_VOLUME_OPTIONS_INIT;
    options.total_length = length;
    check(lode_volume_open(store, VOLUME, &options, &volume, &error), error, "open the volume");
    return volume;
}

/* The same offsets for both sides: multiples of 4 KiB within one block each. */
static uint64_t next_offset(uint64_t *state, uint64_t blocks) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    uint64_t block = (*state >> 33) % blocks;
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return block * BLOCK + ((*state >> 33) % ((BLOCK - PIECE) / 4096)) * 4096;
}

static void fill(const char *root, uint64_t blocks) {
    lode_error *error = NULL;
    lode_store *store = open_store(root);
    lode_volume *volume = open_volume(store, blocks * BLOCK);
    uint8_t *bytes = must_allocate(BLOCK);
    for (size_t i = 0; i < BLOCK; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    for (uint64_t n = 0; n < blocks; n++) {
        lode_volume_block *block = NULL;
        check(lode_volume_stage_write_at(volume, n * BLOCK, bytes, BLOCK, NULL, &block, &error), error, "stage");
        const lode_volume_block *one[] = {block};
        check(lode_volume_commit(volume, one, 1, "{}", NULL, NULL, &error), error, "commit");
        lode_volume_block_free(block);
    }
    free(bytes);
    lode_volume_free(volume);
    lode_store_free(store);
    printf("{\"blocks\":%llu}\n", (unsigned long long)blocks);
}

static void read_random(const char *root, long count, int by_hand) {
    lode_error *error = NULL;
    lode_store *store = open_store(root);
    lode_volume *volume = open_volume(store, 0);
    lode_snapshot *snapshot = NULL;
    check(lode_volume_find_latest(volume, NULL, &snapshot, &error), error, "latest");
    uint64_t blocks = lode_snapshot_block_count(snapshot), state = 7;
    uint8_t *room = must_allocate(PIECE);
    int64_t begin = now_ns();
    for (long i = 0; i < count; i++) {
        uint64_t at = next_offset(&state, blocks);
        if (by_hand) {
            const char *path = lode_snapshot_block_location(snapshot, (size_t)(at / BLOCK));
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            if (fd < 0 || pread(fd, room, PIECE, (off_t)(at % BLOCK)) != (ssize_t)PIECE) die_errno("pread", path);
            close(fd);
        } else {
            check(lode_volume_read_at(volume, snapshot, at, room, PIECE, NULL, &error), error, "read_at");
        }
    }
    int64_t ns = now_ns() - begin;
    printf("{\"ns\":%lld,\"bytes\":%lld}\n", (long long)ns, (long long)count * (long long)PIECE);
    free(room);
    lode_snapshot_free(snapshot);
    lode_volume_free(volume);
    lode_store_free(store);
}

static void commit_small(const char *root, uint64_t count) {
    lode_error *error = NULL;
    lode_store *store = open_store(root);
    lode_volume *volume = open_volume(store, count * SMALL);
    uint8_t bytes[SMALL];
    memset(bytes, 'x', sizeof bytes);
    int64_t begin = now_ns();
    for (uint64_t n = 0; n < count; n++) {
        lode_volume_block *block = NULL;
        check(lode_volume_stage_write_at(volume, n * SMALL, bytes, sizeof bytes, NULL, &block, &error), error, "stage");
        const lode_volume_block *one[] = {block};
        check(lode_volume_commit(volume, one, 1, "{}", NULL, NULL, &error), error, "commit");
        lode_volume_block_free(block);
    }
    printf("{\"ns\":%lld}\n", (long long)(now_ns() - begin));
    lode_volume_free(volume);
    lode_store_free(store);
}

/* `count` is 1: only what finding a snapshot costs, to which a gap at its end adds a search of the table. */
static void read_small(const char *root, uint64_t count, int only_latest) {
    lode_error *error = NULL;
    lode_store *store = open_store(root);
    lode_volume *volume = open_volume(store, 0);
    lode_snapshot *snapshot = NULL;
    uint8_t bytes[16];
    int64_t begin = now_ns();
    check(lode_volume_find_latest(volume, NULL, &snapshot, &error), error, "latest");
    uint64_t blocks = lode_snapshot_block_count(snapshot), offset = 0, len = 0;
    if (only_latest) {
        check(lode_snapshot_next_gap(snapshot, lode_snapshot_total_length(snapshot) - 1, &offset, &len, &error), error, "gap");
    } else {
        begin = now_ns();
        for (uint64_t n = 0; n < count; n++) {
            uint64_t at = n * 7919 % blocks * SMALL;
            check(lode_volume_read_at(volume, snapshot, at, bytes, sizeof bytes, NULL, &error), error, "read_at");
        }
    }
    printf("{\"ns\":%lld,\"blocks\":%llu}\n", (long long)(now_ns() - begin), (unsigned long long)blocks);
    lode_snapshot_free(snapshot);
    lode_volume_free(volume);
    lode_store_free(store);
}

static void refuse(const char *root, const char *expected) {
    lode_error *error = NULL;
    lode_store *store = open_store(root);
    lode_volume *volume = open_volume(store, 0);
    lode_snapshot *snapshot = NULL;
    int64_t begin = now_ns();
    lode_status status = lode_volume_find_latest(volume, NULL, &snapshot, &error);
    int64_t ns = now_ns() - begin;
    if (strcmp(lode_status_name(status), expected) != 0) die("latest: %s, expected %s", lode_status_name(status), expected);
    printf("{\"ns\":%lld}\n", (long long)ns);
    lode_error_free(error);
    lode_volume_free(volume);
    lode_store_free(store);
}

static void verify(const char *root, const char *id) {
    lode_error *error = NULL;
    lode_store *store = open_store(root);
    lode_dataset *dataset = NULL;
    check(lode_dataset_open(store, id, NULL, &dataset, &error), error, "open the dataset");
    int64_t begin = now_ns();
    check(lode_dataset_verify(dataset, LODE_VERIFY_LEVEL_CHECKSUMS, NULL, NULL, NULL, NULL, &error), error, "verify");
    printf("{\"ns\":%lld}\n", (long long)(now_ns() - begin));
    lode_dataset_free(dataset);
    lode_store_free(store);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "fill") == 0) fill(argv[2], strtoull(argv[3], NULL, 10));
    else if (argc == 4 && strcmp(argv[1], "volume") == 0) read_random(argv[2], atol(argv[3]), 0);
    else if (argc == 4 && strcmp(argv[1], "pread") == 0) read_random(argv[2], atol(argv[3]), 1);
    else if (argc == 4 && strcmp(argv[1], "commits") == 0) commit_small(argv[2], strtoull(argv[3], NULL, 10));
    else if (argc == 4 && strcmp(argv[1], "reads") == 0) read_small(argv[2], strtoull(argv[3], NULL, 10), 0);
    else if (argc == 4 && strcmp(argv[1], "latest") == 0) read_small(argv[2], 1, 1);
    else if (argc == 4 && strcmp(argv[1], "refuse") == 0) refuse(argv[2], argv[3]);
    else if (argc == 4 && strcmp(argv[1], "verify") == 0) verify(argv[2], argv[3]);
    else die("usage: upkeep_bench fill|volume|pread|commits|reads|latest|refuse|verify ROOT ...");
    return 0;
}
