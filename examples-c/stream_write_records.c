/* Streams records from an iterator into one snapshot, and reads them back.
 *
 * The program is its own test: it exits with 1, saying why, if anything is not as it says.
 *
 *   cc -std=c11 stream_write_records.c -llode -o stream_write_records && ./stream_write_records
 */
#define _XOPEN_SOURCE 700 /* nftw, open_memstream */

#include <lode.h>

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- The iterator: records out of an array, as they could come from a file, a cursor or a queue. ---- */

struct array_iterator {
    const char *const *records;
    size_t count;
    size_t position;     /* how many records next has given */
    size_t fail_after;   /* fail once so many were given; SIZE_MAX: never */
    char current[256];   /* stands for a buffer that every record reuses: lode has copied what it needs before it calls next */
};

static int32_t array_next(void *ctx)
{
    struct array_iterator *it = ctx;
    if (it->position == it->fail_after) {
        return -5; /* the caller's own code; it comes back from lode_error_callback_code */
    }
    if (it->position == it->count) {
        return 0;
    }
    snprintf(it->current, sizeof it->current, "%s", it->records[it->position]);
    it->position++;
    return 1;
}

static void array_record(void *ctx, lode_bytes *record)
{
    struct array_iterator *it = ctx;
    record->data = (const uint8_t *)it->current;
    record->len = strlen(it->current);
}

static const char *array_err(void *ctx)
{
    const struct array_iterator *it = ctx;
    return it->position == it->fail_after ? "the source went away" : NULL;
}

static lode_record_iterator iterator_over(struct array_iterator *it)
{
    lode_record_iterator records;
    lode_record_iterator_init(&records, sizeof records);
    records.ctx = it;
    records.next = array_next;
    records.record = array_record;
    records.err = array_err;
    return records;
}

/* ---- What every program needs: say what failed, and clean up. ---- */

/* Prints what failed, frees the error, gives 1 to return. */
static int failed(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "%s failed: %s: %s\n", what, lode_status_name(status), lode_error_message(error));
    lode_error_free(error);
    return 1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* ---- The demonstration. ---- */

static const char *const EVENTS[] = {
    "{\"id\":1,\"event\":\"signup\",\"user\":\"alice\"}",
    "{\"id\":2,\"event\":\"login\",\"user\":\"alice\"}",
    "{\"id\":3,\"event\":\"purchase\",\"user\":\"alice\",\"amount\":99.99}",
    "{\"id\":4,\"event\":\"logout\",\"user\":\"alice\"}",
    "{\"id\":5,\"event\":\"signup\",\"user\":\"bob\"}",
};
static const size_t EVENT_COUNT = sizeof EVENTS / sizeof EVENTS[0];

static const char METADATA[] = "{\"source\":\"stream_write_records_example\",\"record_type\":\"user_events\"}";

/* Reads the snapshot back, verified, and compares with what was written. */
static int verify(lode_dataset *dataset, const lode_snapshot *snapshot)
{
    lode_error *error = NULL;
    lode_record_reader *reader = NULL;
    lode_status status = lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, &error);
    if (status < 0) {
        return failed("lode_dataset_open_record_reader", status, error);
    }

    char *lines = NULL;
    size_t lines_len = 0;
    FILE *out = open_memstream(&lines, &lines_len);
    if (out == NULL) {
        perror("open_memstream");
        lode_record_reader_free(reader);
        return 1;
    }
    size_t count = 0;
    int wrong = 0;
    lode_bytes record;
    while ((status = lode_record_reader_next(reader, &record, &error)) == LODE_ITEM) {
        /* The bytes are ours until the next call on the reader. */
        fprintf(out, "  %.*s\n", (int)record.len, (const char *)record.data);
        if (count >= EVENT_COUNT || record.len != strlen(EVENTS[count]) ||
            memcmp(record.data, EVENTS[count], record.len) != 0) {
            wrong = 1;
        }
        count++;
    }
    lode_record_reader_free(reader);
    fclose(out);

    int result = 0;
    if (status < 0) { /* LODE_OK is the end: size, checksum and row count were as the manifest says */
        result = failed("lode_record_reader_next", status, error);
    } else {
        printf("Read back %zu records:\n%s", count, lines);
        if (wrong || count != EVENT_COUNT) {
            fprintf(stderr, "what was read is not what was written\n");
            result = 1;
        }
    }
    free(lines);
    return result;
}

/* Shows key point 6: a partitioned dataset refuses a stream before it pulls a record, and takes the same
 * records as an array, whose partitions it can find before it writes. */
static int show_partitioning(lode_store *store)
{
    static const char *const keys[] = {"user"};
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    options.layout = LODE_LAYOUT_HIVE;
    options.partition_keys = keys;
    options.partition_key_count = 1;
    lode_error *error = NULL;
    lode_dataset *dataset = NULL;
    lode_status status = lode_dataset_open(store, "events_by_user", &options, &dataset, &error);
    if (status < 0) {
        return failed("lode_dataset_open", status, error);
    }

    struct array_iterator events = {.records = EVENTS, .count = EVENT_COUNT, .fail_after = SIZE_MAX};
    lode_record_iterator stream = iterator_over(&events);
    status = lode_dataset_stream_write_records(dataset, &stream, METADATA, NULL, NULL, &error);
    if (status != LODE_ERR_PARTITIONING_NOT_SUPPORTED || events.position != 0) {
        fprintf(stderr, "a stream into partitions gave %s\n", lode_status_name(status));
        lode_error_free(error);
        lode_dataset_free(dataset);
        return 1;
    }
    printf("Stream into partitions: %s\n", lode_status_name(status));
    printf("  %s\n", lode_error_message(error));
    lode_error_free(error);

    lode_bytes records[sizeof EVENTS / sizeof EVENTS[0]];
    for (size_t i = 0; i < EVENT_COUNT; i++) {
        records[i].data = (const uint8_t *)EVENTS[i];
        records[i].len = strlen(EVENTS[i]);
    }
    lode_snapshot *snapshot = NULL;
    status = lode_dataset_write_records(dataset, records, NULL, EVENT_COUNT, METADATA, NULL, &snapshot, &error);
    lode_dataset_free(dataset);
    if (status < 0) {
        return failed("lode_dataset_write_records", status, error);
    }
    printf("An array of records: %zu partitions\n\n", lode_snapshot_file_count(snapshot));
    int two = lode_snapshot_file_count(snapshot) == 2;
    lode_snapshot_free(snapshot);
    return two ? 0 : 1;
}

/* Shows key points 4 and 5: after either failure the dataset's head is what it was. */
static int show_rules(lode_dataset *dataset, const char *head)
{
    lode_error *error = NULL;
    lode_snapshot *snapshot = NULL;

    struct array_iterator failing = {.records = EVENTS, .count = EVENT_COUNT, .fail_after = 3};
    lode_record_iterator records = iterator_over(&failing);
    lode_status status = lode_dataset_stream_write_records(dataset, &records, METADATA, NULL, &snapshot, &error);
    if (status != LODE_ERR_ITERATOR || snapshot != NULL || lode_error_callback_code(error) != -5) {
        fprintf(stderr, "a failing iterator gave %s\n", lode_status_name(status));
        lode_error_free(error);
        lode_snapshot_free(snapshot);
        return 1;
    }
    printf("Iterator failed after %zu records: %s\n", failing.position, lode_status_name(status));
    printf("  %s\n", lode_error_message(error));
    lode_error_free(error);

    struct array_iterator whole = {.records = EVENTS, .count = EVENT_COUNT, .fail_after = SIZE_MAX};
    records = iterator_over(&whole);
    status = lode_dataset_stream_write_records(dataset, &records, NULL, NULL, &snapshot, &error);
    if (status != LODE_ERR_METADATA_REQUIRED || snapshot != NULL || whole.position != 0) {
        fprintf(stderr, "NULL metadata gave %s\n", lode_status_name(status));
        lode_error_free(error);
        lode_snapshot_free(snapshot);
        return 1;
    }
    printf("NULL metadata: %s\n", lode_status_name(status));
    printf("  %s\n", lode_error_message(error));
    lode_error_free(error);

    status = lode_dataset_find_latest(dataset, NULL, &snapshot, &error);
    if (status < 0) {
        return failed("lode_dataset_find_latest", status, error);
    }
    int same = strcmp(lode_snapshot_id(snapshot), head) == 0;
    printf("Latest snapshot is still: %s\n", lode_snapshot_id(snapshot));
    lode_snapshot_free(snapshot);
    if (!same) {
        fprintf(stderr, "a failed write left a snapshot\n");
        return 1;
    }
    return 0;
}

static int demonstrate(lode_store *store, lode_dataset *dataset)
{
    lode_error *error = NULL;
    lode_snapshot *snapshot = NULL;

    printf("=== STREAM WRITE ===\n");
    printf("Streaming %zu records...\n", EVENT_COUNT);
    struct array_iterator events = {.records = EVENTS, .count = EVENT_COUNT, .fail_after = SIZE_MAX};
    lode_record_iterator records = iterator_over(&events);
    lode_status status = lode_dataset_stream_write_records(dataset, &records, METADATA, NULL, &snapshot, &error);
    if (status < 0) {
        return failed("lode_dataset_stream_write_records", status, error);
    }
    /* The snapshot is committed and durable from here on. */
    printf("Created snapshot: %s\n", lode_snapshot_id(snapshot));
    printf("Row count: %" PRId64 "\n", lode_snapshot_row_count(snapshot));
    printf("Codec: %s\n", lode_snapshot_codec(snapshot));
    printf("Files:\n");
    for (size_t i = 0; i < lode_snapshot_file_count(snapshot); i++) {
        printf("  - %s (%" PRId64 " bytes)\n", lode_snapshot_file_path(snapshot, i),
               lode_snapshot_file_size(snapshot, i));
    }

    printf("\n=== VERIFY ===\n");
    int result = verify(dataset, snapshot);

    if (result == 0) {
        printf("\n=== KEY POINTS ===\n");
        printf("1. StreamWriteRecords requires a streaming-capable codec (e.g., JSONL)\n");
        printf("2. Records are pulled from iterator one at a time (memory efficient)\n");
        printf("3. Manifest is written only after successful completion\n");
        printf("4. If iterator returns error, no manifest is written (no snapshot)\n");
        printf("5. Metadata must be non-nil (use empty object {} if no metadata)\n");
        printf("6. Partitioning is NOT supported (single-pass streaming cannot partition)\n");

        printf("\n=== POINTS 4, 5 AND 6 SHOWN ===\n");
        result = show_rules(dataset, lode_snapshot_id(snapshot));
        result = result || show_partitioning(store);
    }
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

    printf("=== SETUP ===\n");
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    status = lode_dataset_open(store, "events", &options, &dataset, &error);
    if (status < 0) {
        lode_store_free(store);
        return failed("lode_dataset_open", status, error);
    }
    printf("Created dataset with JSONL codec (streaming-capable)\n\n");

    int result = demonstrate(store, dataset);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return result;
}

int main(void)
{
    const char *parent = getenv("TMPDIR");
    char root[4096];
    snprintf(root, sizeof root, "%s/lode-stream-records-%ld", parent != NULL && *parent != '\0' ? parent : "/tmp", (long)getpid());
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
        printf("=== SUCCESS ===\n");
        printf("StreamWriteRecords demonstration complete!\n");
    }
    return result;
}
