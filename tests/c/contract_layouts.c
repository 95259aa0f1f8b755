/* Hive and flat datasets through the C interface: what is written where, and every way in which an array of
 * records, a partition key or another layout can be refused. */
#include "check.h"

#include <sys/resource.h>

static lode_store *store;

static lode_bytes bytes_of(const char *text)
{
    lode_bytes bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

static lode_dataset_options hive_options(const char *const *keys, size_t count)
{
    lode_dataset_options options = jsonl_options();
    options.layout = LODE_LAYOUT_HIVE;
    options.partition_keys = keys;
    options.partition_key_count = count;
    return options;
}

static void expect_no_snapshot(lode_dataset *dataset)
{
    lode_snapshot *snapshot = NULL;
    REFUSED(LODE_ERR_NO_SNAPSHOTS, "no snapshot yet", lode_dataset_find_latest(dataset, NULL, &snapshot, error));
}

static void refuse_options(void)
{
    static const char *const day[] = {"day"};
    static const char *const slash[] = {"day", "a/b"};
    static const char *const empty[] = {""};
    static const char *const twice[] = {"day", "day"};
    static const char *const latin1[] = {"r\xe9gion"};
    static const char *const missing[] = {"day", NULL};
    static const char *const control[] = {"day\n"};
    static const struct {
        int32_t codec, layout;
        const char *const *keys;
        size_t count;
        lode_status want;
        const char *fragment;
    } bad[] = {
        {LODE_CODEC_JSONL, LODE_LAYOUT_HIVE, NULL, 0, LODE_ERR_INVALID_ARGUMENT, "at least one key"},
        {LODE_CODEC_JSONL, LODE_LAYOUT_HIVE, day, 0, LODE_ERR_INVALID_ARGUMENT, "at least one key"},
        {LODE_CODEC_JSONL, LODE_LAYOUT_HIVE, NULL, 1, LODE_ERR_INVALID_ARGUMENT, "options.partition_keys"},
        {LODE_CODEC_JSONL, LODE_LAYOUT_HIVE, slash, 2, LODE_ERR_INVALID_ARGUMENT, "\"a/b\""},
        {LODE_CODEC_JSONL, LODE_LAYOUT_HIVE, empty, 1, LODE_ERR_INVALID_ARGUMENT, "it is empty"},
        {LODE_CODEC_JSONL, LODE_LAYOUT_HIVE, twice, 2, LODE_ERR_INVALID_ARGUMENT, "twice"},
        {LODE_CODEC_JSONL, LODE_LAYOUT_HIVE, latin1, 1, LODE_ERR_INVALID_ARGUMENT, "options.partition_keys[0]"},
        {LODE_CODEC_JSONL, LODE_LAYOUT_HIVE, missing, 2, LODE_ERR_INVALID_ARGUMENT, "options.partition_keys[1] is NULL"},
        {LODE_CODEC_JSONL, LODE_LAYOUT_HIVE, control, 1, LODE_ERR_INVALID_ARGUMENT, "control character"},
        {LODE_CODEC_JSONL, LODE_LAYOUT_DEFAULT, day, 1, LODE_ERR_INVALID_ARGUMENT, "the default layout is not partitioned"},
        {LODE_CODEC_JSONL, LODE_LAYOUT_FLAT, day, 1, LODE_ERR_INVALID_ARGUMENT, "the flat layout is not partitioned"},
        {LODE_CODEC_NONE, LODE_LAYOUT_HIVE, day, 1, LODE_ERR_CODEC_REQUIRED, "codec"},
        {LODE_CODEC_JSONL, 3, NULL, 0, LODE_ERR_INVALID_ARGUMENT, "options.layout is 3"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        lode_dataset *dataset = (lode_dataset *)GARBAGE;
        lode_dataset_options options = hive_options(bad[i].keys, bad[i].count);
        options.codec = bad[i].codec;
        options.layout = bad[i].layout;
        REFUSED(bad[i].want, bad[i].fragment, lode_dataset_open(store, "bad", &options, &dataset, error));
        CHECK(dataset == NULL, "case %zu: *dataset was not reset", i);
    }
    lode_dataset *dataset = NULL;
    lode_dataset_options options = jsonl_options();
    options.file_statistics = 2;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "options.file_statistics is 2",
            lode_dataset_open(store, "bad", &options, &dataset, error));
    /* The struct of a program that was compiled before there were partition keys. */
    options = jsonl_options();
    options.struct_size = offsetof(lode_dataset_options, partition_keys);
    options.partition_keys = (const char *const *)GARBAGE;
    options.partition_key_count = 7;
    GIVES(LODE_OK, lode_dataset_open(store, "old", &options, &dataset, error));
    lode_dataset_free(dataset);
}

static void refuse_records(void)
{
    static const char *const day[] = {"day"};
    lode_dataset_options options = hive_options(day, 1);
    lode_dataset *dataset = open_dataset(store, "refused", &options);
    char longest[400];
    snprintf(longest, sizeof longest, "{\"day\":\"%0300d\"}", 0);
    const struct {
        const char *record, *fragment;
        int64_t offset;
    } bad[] = {
        {"{\"id\":1}", "key \"day\": the record does not have it", -1},
        {"{\"day\":{}}", "key \"day\": its value is an object", 7},
        {"{\"day\":[1]}", "key \"day\": its value is an array", 7},
        {"{\"day\":1,\"day\":null}", "key \"day\": its value is null", 15},
        {longest, "longer than 255 bytes", 7},
        {"[\"day\"]", "no JSON object", -1},
        {"{\"day\":}", "not one JSON document", 7},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        lode_bytes records[] = {bytes_of("{\"day\":1}"), bytes_of(bad[i].record), bytes_of("{}")};
        lode_snapshot *snapshot = (lode_snapshot *)GARBAGE;
        lode_error *failure = NULL;
        lode_status status = lode_dataset_write_records(dataset, records, NULL, 3, "{}", NULL, &snapshot, &failure);
        CHECK(snapshot == NULL, "%s: *snapshot was not reset", bad[i].record);
        CHECK(status < 0 && lode_error_record(failure) == 1, "%s: the record's number", bad[i].record);
        CHECK(status < 0 && lode_error_offset(failure) == bad[i].offset, "%s: the offset is %" PRId64, bad[i].record,
              lode_error_offset(failure));
        CHECK(status < 0 && strstr(lode_error_message(failure), "record 1") != NULL, "%s: the message lacks the record",
              bad[i].record);
        refused_at(__FILE__, __LINE__, bad[i].record, status, failure, LODE_ERR_INVALID_RECORD, bad[i].fragment);
    }
    expect_no_snapshot(dataset);

    /* The arguments, each refused before anything is written. */
    lode_bytes good[] = {bytes_of("{\"day\":1}"), {NULL, 0}};
    lode_bytes nowhere[] = {bytes_of("{\"day\":1}"), {NULL, 5}};
    lode_bytes huge[] = {{(const uint8_t *)"x", SIZE_MAX}};
    int64_t times[] = {1, LODE_NO_TIMESTAMP};
    lode_snapshot *snapshot = NULL;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_write_records(NULL, good, NULL, 1, "{}", NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "records (length 1) is NULL",
            lode_dataset_write_records(dataset, NULL, NULL, 1, "{}", NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "records[1]",
            lode_dataset_write_records(dataset, nowhere, times, 2, "{}", NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "records[0]",
            lode_dataset_write_records(dataset, huge, NULL, 1, "{}", NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_RECORD, "record 1",
            lode_dataset_write_records(dataset, good, times, 2, "{}", NULL, &snapshot, error));
    REFUSED(LODE_ERR_METADATA_REQUIRED, "metadata",
            lode_dataset_write_records(dataset, good, NULL, 1, NULL, NULL, &snapshot, error));
    REFUSED(LODE_ERR_METADATA_RESERVED, "lode.x",
            lode_dataset_write_records(dataset, good, NULL, 1, "{\"lode.x\":1}", NULL, &snapshot, error));
    lode_commit_options commit;
    lode_commit_options_init(&commit, sizeof commit);
    commit.deadline_ms = -1;
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_dataset_write_records(dataset, good, NULL, 1, "{}", &commit, &snapshot, error));
    expect_no_snapshot(dataset);

    /* In one pass nothing can be partitioned: refused before the iterator is touched, which is released. */
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_error *failure = NULL;
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, &snapshot, &failure);
    refused_at(__FILE__, __LINE__, "a stream", status, failure, LODE_ERR_PARTITIONING_NOT_SUPPORTED, "(by day)");
    CHECK(feed.next_calls == 0 && feed.released == 1, "%d calls of next, released %d times", feed.next_calls,
          feed.released);
    lode_record_writer *writer = (lode_record_writer *)GARBAGE;
    REFUSED(LODE_ERR_PARTITIONING_NOT_SUPPORTED, "(by day)", lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    CHECK(writer == NULL, "*writer was not reset");
    expect_no_snapshot(dataset);
    lode_dataset_free(dataset);

    lode_dataset_options raw;
    lode_dataset_options_init(&raw, sizeof raw);
    dataset = open_dataset(store, "raw", &raw);
    REFUSED(LODE_ERR_CODEC_REQUIRED, "codec", lode_dataset_write_records(dataset, good, NULL, 1, "{}", NULL, &snapshot, error));
    lode_dataset_free(dataset);
}

static void write_layouts(void)
{
    static const char *const keys[] = {"region", "day"};
    static const struct {
        int32_t layout;
        size_t key_count, files;
        const char *path;
    } layouts[] = {
        {LODE_LAYOUT_DEFAULT, 0, 1, "datasets/written-0/snapshots/"},
        {LODE_LAYOUT_HIVE, 2, 3, "datasets/written-1/partitions/region=a%20b%2F../day=1/segments/"},
        {LODE_LAYOUT_FLAT, 0, 1, "written-2/"},
    };
    lode_bytes records[] = {
        bytes_of("{\"day\":1,\"region\":\"eu\"}"),
        bytes_of("{\"day\":2,\"region\":\"eu\"}"),
        bytes_of("{\"day\":1,\"region\":\"a b/..\"}"),
        bytes_of("{\"day\":2,\n\"region\":\"eu\"}"),
    };
    int64_t times[] = {LODE_NO_TIMESTAMP, 5, -5, 0};
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        char id[16];
        snprintf(id, sizeof id, "written-%zu", i);
        lode_dataset_options options = hive_options(keys, layouts[i].key_count);
        options.layout = layouts[i].layout;
        options.file_statistics = 1;
        lode_dataset *dataset = open_dataset(store, id, &options);
        lode_snapshot *empty = NULL, *snapshot = NULL, *latest = NULL;
        GIVES(LODE_OK, lode_dataset_write_records(dataset, NULL, NULL, 0, "{}", NULL, &empty, error));
        GIVES(LODE_OK, lode_dataset_write_records(dataset, records, times, 4, "{\"k\":1}", NULL, &snapshot, error));
        CHECK(lode_snapshot_row_count(empty) == 0, "%s: an empty snapshot", id);
        CHECK(lode_snapshot_row_count(snapshot) == 4, "%s: the row count", id);
        CHECK(lode_snapshot_min_timestamp(snapshot) == -5 && lode_snapshot_max_timestamp(snapshot) == 5, "%s: times", id);
        CHECK(lode_snapshot_file_count(snapshot) == layouts[i].files, "%s: %zu files", id, lode_snapshot_file_count(snapshot));
        const char *path = lode_snapshot_file_path(snapshot, 0);
        CHECK(strncmp(path, layouts[i].path, strlen(layouts[i].path)) == 0, "%s: %s", id, path);
        int64_t rows = 0;
        for (size_t file = 0; file < lode_snapshot_file_count(snapshot); file++) {
            rows += lode_snapshot_file_row_count(snapshot, file);
        }
        CHECK(rows == 4, "%s: the files' row counts add up to %" PRId64, id, rows);
        CHECK(strstr(lode_snapshot_manifest_json(snapshot), "\"null_count\": 0") != NULL, "%s: no statistics", id);
        size_t count = 0;
        GIVES(LODE_OK, read_all(dataset, snapshot, 1, &count, error));
        CHECK(count == 4, "%s: %zu records were read", id, count);
        GIVES(LODE_OK, lode_dataset_find_latest(dataset, NULL, &latest, error));
        CHECK(strcmp(lode_snapshot_id(latest), lode_snapshot_id(snapshot)) == 0, "%s: latest", id);
        CHECK(strcmp(lode_snapshot_parent_id(latest), lode_snapshot_id(empty)) == 0, "%s: the parent", id);
        lode_snapshot_free(empty);
        lode_snapshot_free(snapshot);
        lode_snapshot_free(latest);
        lode_dataset_free(dataset);
    }

    /* Default and hive share their prefix: opening the dataset with the other layout is refused. */
    lode_snapshot *snapshot = NULL;
    lode_dataset *wrong = open_dataset(store, "written-1", NULL);
    REFUSED(LODE_ERR_LAYOUT_MISMATCH, "\"hive\"", lode_dataset_write_records(wrong, records, NULL, 4, "{}", NULL, &snapshot, error));
    REFUSED(LODE_ERR_LAYOUT_MISMATCH, "\"hive\"", lode_dataset_find_latest(wrong, NULL, &snapshot, error));
    lode_dataset_free(wrong);
    lode_dataset_options options = hive_options(keys, 2);
    wrong = open_dataset(store, "written-0", &options);
    REFUSED(LODE_ERR_LAYOUT_MISMATCH, "\"default\"", lode_dataset_write_records(wrong, records, NULL, 4, "{}", NULL, &snapshot, error));
    lode_dataset_free(wrong);
}

/* Three hundred partitions are written with a few file descriptors. */
static void many_partitions(void)
{
    enum { COUNT = 600, PARTITIONS = 300 };
    static char texts[COUNT][24];
    static lode_bytes records[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], "{\"p\":%zu}", i % PARTITIONS);
        records[i] = bytes_of(texts[i]);
    }
    char root[256];
    make_root(root);
    struct rlimit before, few;
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = 24;
    lode_store *disk = open_store(root);
    static const char *const keys[] = {"p"};
    lode_dataset_options options = hive_options(keys, 1);
    options.durability = LODE_DURABILITY_PROCESS;
    lode_dataset *dataset = open_dataset(disk, "many", &options);
    lode_snapshot *snapshot = NULL;
    setrlimit(RLIMIT_NOFILE, &few);
    GIVES(LODE_OK, lode_dataset_write_records(dataset, records, NULL, COUNT, "{}", NULL, &snapshot, error));
    size_t count = 0;
    GIVES(LODE_OK, read_all(dataset, snapshot, 0, &count, error));
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(count == COUNT && lode_snapshot_file_count(snapshot) == PARTITIONS, "%zu records in %zu files", count,
          lode_snapshot_file_count(snapshot));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_store_free(disk);
    remove_tree(root);
}

int main(void)
{
    if (elsewhere() != NULL) {
        store = open_store("layouts");
    } else {
        GIVES(LODE_OK, lode_store_open_memory(NULL, &store, error));
    }
    refuse_options();
    refuse_records();
    write_layouts();
    many_partitions();
    lode_store_free(store);
    return finish("contract_layouts");
}
