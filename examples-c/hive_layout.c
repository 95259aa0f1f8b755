/* Writes records into the partitions of a hive dataset, and reads them back.
 *
 * The program is its own test: it exits with 1, saying why, if anything is not as it says.
 *
 *   cc -std=c11 hive_layout.c -llode -o hive_layout && ./hive_layout
 */
#define _XOPEN_SOURCE 700 /* nftw */

#include <lode.h>

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const EVENTS[] = {
    "{\"id\":1,\"event\":\"login\",\"day\":\"2024-01-15\",\"user\":\"alice\"}",
    "{\"id\":2,\"event\":\"click\",\"day\":\"2024-01-16\",\"user\":\"bob\"}",
    "{\"id\":3,\"event\":\"logout\",\"day\":\"2024-01-15\",\"user\":\"alice\"}",
    "{\"id\":4,\"event\":\"login\",\"day\":\"2024-01-16\",\"user\":\"charlie\"}",
};
#define EVENT_COUNT (sizeof EVENTS / sizeof EVENTS[0])

/* Prints what failed, frees the error, gives 1 to return. */
static int failed(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "%s failed: %s: %s\n", what, lode_status_name(status), lode_error_message(error));
    lode_error_free(error);
    return 1;
}

/* ---- The tree of files, as it is on the disk. ---- */

static size_t root_len;
static char *paths[64];
static size_t path_count;

static int collect(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)walk;
    if (type == FTW_F && path_count < sizeof paths / sizeof paths[0]) {
        paths[path_count] = strdup(path + root_len + 1);
        path_count += paths[path_count] != NULL;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_tree(const char *root)
{
    root_len = strlen(root);
    path_count = 0;
    nftw(root, collect, 16, FTW_PHYS);
    qsort(paths, path_count, sizeof paths[0], by_name);
    for (size_t i = 0; i < path_count; i++) {
        printf("  %s\n", paths[i]);
        free(paths[i]);
    }
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* ---- Writing: all records are in memory, so that they can be put in order. ---- */

static lode_status write_records(lode_dataset *dataset, const char *const *texts, size_t count,
                                 lode_snapshot **snapshot, lode_error **error)
{
    lode_bytes records[EVENT_COUNT];
    for (size_t i = 0; i < count; i++) {
        records[i].data = (const uint8_t *)texts[i];
        records[i].len = strlen(texts[i]);
    }
    return lode_dataset_write_records(dataset, records, NULL, count, "{\"source\":\"hive-example\"}", NULL, snapshot,
                                      error);
}

/* ---- Reading: the files of a partition follow each other. ---- */

static int read_back(lode_dataset *dataset, const lode_snapshot *snapshot)
{
    lode_error *error = NULL;
    lode_record_reader *reader = NULL;
    lode_status status = lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, &error);
    if (status < 0) {
        return failed("lode_dataset_open_record_reader", status, error);
    }
    size_t count = 0;
    lode_bytes record;
    while ((status = lode_record_reader_next(reader, &record, &error)) == LODE_ITEM) {
        printf("  %.*s\n", (int)record.len, (const char *)record.data);
        count++;
    }
    lode_record_reader_free(reader);
    if (status < 0) {
        return failed("lode_record_reader_next", status, error);
    }
    if (count != EVENT_COUNT) {
        fprintf(stderr, "%zu records were read, %zu were written\n", count, EVENT_COUNT);
        return 1;
    }
    return 0;
}

/* Expects a call to have failed like this; prints and frees its error. */
static int refused(const char *what, lode_status status, lode_status want, lode_error *error)
{
    if (status != want) {
        fprintf(stderr, "%s gave %s\n", what, lode_status_name(status));
        lode_error_free(error);
        return 1;
    }
    printf("%s: %s\n  %s\n", what, lode_status_name(status), lode_error_message(error));
    lode_error_free(error);
    return 0;
}

static int32_t never(void *ctx)
{
    ++*(int *)ctx;
    return 0;
}

static void no_record(void *ctx, lode_bytes *record)
{
    (void)ctx;
    (void)record;
}

/* What cannot be partitioned is refused before anything is written. */
static int show_rules(lode_dataset *dataset)
{
    static const char *const WITHOUT_DAY[] = {"{\"id\":5,\"day\":\"2024-01-17\"}", "{\"id\":6}"};
    lode_error *error = NULL;
    lode_status status = write_records(dataset, WITHOUT_DAY, 2, NULL, &error);
    if (refused("A record without the key", status, LODE_ERR_INVALID_RECORD, error) != 0) {
        return 1;
    }
    static const char *const LIST[] = {"{\"id\":7,\"day\":[\"2024-01-17\"]}"};
    status = write_records(dataset, LIST, 1, NULL, &error);
    if (refused("A key that is a list", status, LODE_ERR_INVALID_RECORD, error) != 0) {
        return 1;
    }
    int calls = 0;
    lode_record_iterator records;
    lode_record_iterator_init(&records, sizeof records);
    records.ctx = &calls;
    records.next = never;
    records.record = no_record;
    status = lode_dataset_stream_write_records(dataset, &records, "{}", NULL, NULL, &error);
    return refused("A stream", status, LODE_ERR_PARTITIONING_NOT_SUPPORTED, error) != 0 || calls != 0;
}

static int demonstrate(lode_dataset *dataset, const char *root)
{
    lode_error *error = NULL;
    lode_snapshot *snapshot = NULL;
    printf("=== WRITE ===\n");
    lode_status status = write_records(dataset, EVENTS, EVENT_COUNT, &snapshot, &error);
    if (status < 0) {
        return failed("lode_dataset_write_records", status, error);
    }
    printf("Created snapshot: %s\n", lode_snapshot_id(snapshot));
    printf("Files in manifest:\n");
    for (size_t i = 0; i < lode_snapshot_file_count(snapshot); i++) {
        printf("  - %s (%" PRId64 " bytes, %" PRId64 " records)\n", lode_snapshot_file_path(snapshot, i),
               lode_snapshot_file_size(snapshot, i), lode_snapshot_file_row_count(snapshot, i));
    }
    printf("\nFile structure (hive layout):\n");
    print_tree(root);

    printf("\n=== READ ===\n");
    printf("Row count: %" PRId64 "\n", lode_snapshot_row_count(snapshot));
    int result = lode_snapshot_file_count(snapshot) != 2;
    result = result || read_back(dataset, snapshot);

    printf("\n=== REFUSED ===\n");
    result = result || show_rules(dataset);
    lode_snapshot_free(snapshot);
    return result;
}

static int run(const char *root)
{
    lode_error *error = NULL;
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_status status = lode_store_open_filesystem(root, NULL, &store, &error);
    if (status < 0) {
        return failed("lode_store_open_filesystem", status, error);
    }
    /* Each record goes to the partition day=<its day>. */
    static const char *const keys[] = {"day"};
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    options.layout = LODE_LAYOUT_HIVE;
    options.partition_keys = keys;
    options.partition_key_count = 1;
    options.file_statistics = 1; /* so that the manifest tells the records of each file */
    status = lode_dataset_open(store, "events", &options, &dataset, &error);
    if (status < 0) {
        lode_store_free(store);
        return failed("lode_dataset_open", status, error);
    }
    int result = demonstrate(dataset, root);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return result;
}

int main(void)
{
    const char *parent = getenv("TMPDIR");
    char root[4096];
    snprintf(root, sizeof root, "%s/lode-hive-%ld", parent != NULL && *parent != '\0' ? parent : "/tmp", (long)getpid());
    if (mkdir(root, 0700) != 0) {
        fprintf(stderr, "cannot make a directory %s: ", root);
        perror(NULL);
        return 1;
    }
    printf("Storage root: %s\n\n", root);

    int result = run(root);
    if (nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        fprintf(stderr, "cannot remove %s: ", root);
        perror(NULL);
        result = 1;
    }
    if (result == 0) {
        printf("\n=== SUCCESS ===\nHive layout round-trip complete!\n");
    }
    return result;
}
