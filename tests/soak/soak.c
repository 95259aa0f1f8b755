/* The processes of the soak: see soak.py.
 *
 *   soak write ROOT DATASET ACKNOWLEDGED NAME SEED COMMITS
 *
 * Commits COMMITS times (0: until it is killed), every commit of records that name it:
 * {"commit":"NAME-1","record":0} and on. After each it adds a line "ID NAME-1" to the file ACKNOWLEDGED. SEED
 * decides sizes, compressors, checksums, durability, and whether records are pulled or pushed.
 *
 *   soak read ROOT DATASET
 *
 * Reads the latest snapshot over and over until its standard input ends. Prints the id and the number of
 * records of each that is new to it; ends with status 1 when something fails or goes backwards. */
#include "../c/check.h"

#include <fcntl.h>
#include <poll.h>

enum { MOST_RECORDS = 400, RECORD_MAX = 128, LISTED_EVERY = 64 };

/* A small generator (splitmix64). */
static uint64_t draw(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int failed(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "soak: %s: %s: %s\n", what, lode_status_name(status), lode_error_message(error));
    lode_error_free(error);
    return 1;
}

/* ---- Writing ---- */

struct records {
    const char *commit;
    int count;
    int given;
    char text[RECORD_MAX];
};

static int32_t records_next(void *ctx)
{
    struct records *records = ctx;
    if (records->given == records->count) {
        return 0;
    }
    snprintf(records->text, sizeof records->text, "{\"commit\":\"%s\",\"record\":%d}", records->commit, records->given);
    records->given++;
    return 1;
}

static void records_record(void *ctx, lode_bytes *record)
{
    struct records *records = ctx;
    record->data = (const uint8_t *)records->text;
    record->len = strlen(records->text);
}

static lode_status pull(lode_dataset *dataset, struct records *records, lode_snapshot **snapshot, lode_error **error)
{
    lode_record_iterator iterator;
    lode_record_iterator_init(&iterator, sizeof iterator);
    iterator.ctx = records;
    iterator.next = records_next;
    iterator.record = records_record;
    return lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, snapshot, error);
}

static lode_status push(lode_dataset *dataset, struct records *records, lode_snapshot **snapshot, lode_error **error)
{
    lode_record_writer *writer = NULL;
    lode_status status = lode_dataset_open_record_writer(dataset, NULL, &writer, error);
    while (status >= 0 && records_next(records)) {
        lode_bytes record;
        records_record(records, &record);
        status = lode_record_writer_append(writer, record.data, record.len, NULL, error);
    }
    if (status >= 0) {
        status = lode_record_writer_commit(writer, "{}", NULL, snapshot, error);
    }
    lode_record_writer_free(writer);
    return status;
}

static int write_snapshots(char **arguments)
{
    const char *name = arguments[3];
    uint64_t seed = strtoull(arguments[4], NULL, 10);
    long commits = atol(arguments[5]);
    int acknowledged = open(arguments[2], O_WRONLY | O_CREAT | O_APPEND, 0666);
    REQUIRE(acknowledged >= 0, "cannot open %s: %s", arguments[2], strerror(errno));
    lode_store *store = open_store(arguments[0]);
    lode_dataset_options options = jsonl_options();
    options.compressor = draw(&seed) % 2 == 0 ? LODE_COMPRESSOR_NONE : LODE_COMPRESSOR_GZIP;
    options.checksum = draw(&seed) % 2 == 0 ? LODE_CHECKSUM_XXH3 : LODE_CHECKSUM_SHA256;
    options.durability = draw(&seed) % 2 == 0 ? LODE_DURABILITY_FULL : LODE_DURABILITY_PROCESS;
    lode_dataset *dataset = open_dataset(store, arguments[1], &options);

    for (long number = 1; commits == 0 || number <= commits; number++) {
        char commit[64];
        snprintf(commit, sizeof commit, "%s-%ld", name, number);
        struct records records = {.commit = commit, .count = (int)(draw(&seed) % MOST_RECORDS)};
        lode_snapshot *snapshot = NULL;
        lode_error *error = NULL;
        int pulled = draw(&seed) % 2 == 0;
        lode_status status = (pulled ? pull : push)(dataset, &records, &snapshot, &error);
        if (status < 0) {
            return failed(commit, status, error);
        }
        char line[128];
        int len = snprintf(line, sizeof line, "%s %s\n", lode_snapshot_id(snapshot), commit);
        REQUIRE(write(acknowledged, line, (size_t)len) == len, "cannot write down a commit");
        lode_snapshot_free(snapshot);
    }
    lode_dataset_free(dataset);
    lode_store_free(store);
    return 0;
}

/* ---- Reading ---- */

/* Whether standard input has ended. */
static int told_to_end(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

static lode_status count_listed(lode_dataset *dataset, size_t *count, lode_error **error)
{
    lode_snapshot_iterator *snapshots = NULL;
    lode_status status = lode_dataset_list_snapshots(dataset, NULL, &snapshots, error);
    *count = 0;
    while (status >= 0) {
        lode_snapshot *snapshot = NULL;
        status = lode_snapshot_iterator_next(snapshots, &snapshot, error);
        if (status != LODE_ITEM) {
            break;
        }
        ++*count;
        lode_snapshot_free(snapshot);
    }
    lode_snapshot_iterator_free(snapshots);
    return status;
}

static int read_snapshots(char **arguments)
{
    lode_store *store = open_store(arguments[0]);
    char newest[64] = "";
    size_t listed = 0;
    for (unsigned long look = 1; !told_to_end(); look++) {
        /* A fresh handle each time, which knows nothing of what the last one read. */
        lode_dataset *dataset = open_dataset(store, arguments[1], NULL);
        lode_snapshot *snapshot = NULL;
        lode_error *error = NULL;
        lode_status status = lode_dataset_find_latest(dataset, NULL, &snapshot, &error);
        if (status == LODE_ERR_NO_SNAPSHOTS && newest[0] == '\0') {
            lode_error_free(error);
            lode_dataset_free(dataset);
            continue;
        }
        if (status < 0) {
            return failed("the latest snapshot", status, error);
        }
        const char *id = lode_snapshot_id(snapshot);
        int order = strcmp(newest, id);
        if (order > 0) {
            fprintf(stderr, "soak: the latest snapshot went back from %s to %s\n", newest, id);
            return 1;
        }
        size_t count = 0;
        status = read_all(dataset, snapshot, (int32_t)(look % 3), &count, &error);
        if (status < 0) {
            return failed(id, status, error);
        }
        if (order < 0) {
            snprintf(newest, sizeof newest, "%s", id);
            printf("%s %zu\n", id, count);
        }
        if (look % LISTED_EVERY == 0) {
            status = count_listed(dataset, &count, &error);
            if (status < 0) {
                return failed("the list of snapshots", status, error);
            }
            if (count < listed) {
                fprintf(stderr, "soak: %zu snapshots are listed, and before it were %zu\n", count, listed);
                return 1;
            }
            listed = count;
        }
        lode_snapshot_free(snapshot);
        lode_dataset_free(dataset);
    }
    lode_store_free(store);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 8 && strcmp(argv[1], "write") == 0) {
        return write_snapshots(argv + 2);
    }
    if (argc == 4 && strcmp(argv[1], "read") == 0) {
        return read_snapshots(argv + 2);
    }
    fprintf(stderr, "usage: soak write ROOT DATASET ACKNOWLEDGED NAME SEED COMMITS\n       soak read ROOT DATASET\n");
    return 2;
}
