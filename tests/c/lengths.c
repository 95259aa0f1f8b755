/* Lengths that no object can have, for every function that takes one: refused by name before anything is read
 * or written. tests/contracts.rs sees to it that no function of the header is missing here. */
#include "check.h"

static lode_store *store;
static lode_dataset *dataset;
static lode_dataset *blobs;
static lode_snapshot *snapshot;
static lode_snapshot *blob;
static lode_record_writer *writer;
static lode_blob_writer *blob_writer;
static lode_record_reader *reader;
static lode_blob_reader *blob_reader;
static lode_part *part;
static lode_volume *volume;
static lode_volume_block *block;
static lode_snapshot *filled;

static char byte[1] = {'1'};

static lode_status put(size_t length, lode_error **error)
{
    return lode_store_put(store, "object", byte, length, NULL, error);
}

static lode_status read_at(size_t length, lode_error **error)
{
    size_t len = 9;
    lode_status status = lode_store_read_at(store, "there", 0, byte, length, NULL, &len, error);
    CHECK(len == 0, "%zu bytes are said to be read", len);
    return status;
}

static lode_status swap_expected(size_t length, lode_error **error)
{
    return lode_store_compare_and_swap(store, "there", byte, length, byte, 1, NULL, error);
}

static lode_status swap_value(size_t length, lode_error **error)
{
    return lode_store_compare_and_swap(store, "there", byte, 1, byte, length, NULL, error);
}

static lode_status write_blob(size_t length, lode_error **error)
{
    return lode_dataset_write_blob(blobs, byte, length, "{}", NULL, NULL, error);
}

static lode_status write_records(size_t length, lode_error **error)
{
    lode_bytes record = {(const uint8_t *)byte, 1};
    return lode_dataset_write_records(dataset, &record, NULL, length, "{}", NULL, NULL, error);
}

static lode_status write_long_record(size_t length, lode_error **error)
{
    lode_bytes record = {(const uint8_t *)byte, length};
    return lode_dataset_write_records(dataset, &record, NULL, 1, "{}", NULL, NULL, error);
}

static lode_status commit_parts(size_t length, lode_error **error)
{
    const lode_part *parts[] = {part};
    return lode_dataset_commit_parts(dataset, parts, length, "{}", NULL, NULL, error);
}

static lode_status append(size_t length, lode_error **error)
{
    return lode_record_writer_append(writer, byte, length, NULL, error);
}

static lode_status append_count(size_t length, lode_error **error)
{
    size_t one = 1, taken = 9;
    lode_status status = lode_record_writer_append_batch(writer, byte, &one, NULL, length, &taken, error);
    CHECK(taken == 0, "%zu records are said to be taken", taken);
    return status;
}

static lode_status append_length(size_t length, lode_error **error)
{
    size_t taken = 9;
    lode_status status = lode_record_writer_append_batch(writer, byte, &length, NULL, 1, &taken, error);
    CHECK(taken == 0, "%zu records are said to be taken", taken);
    return status;
}

static lode_status append_records(size_t length, lode_error **error)
{
    size_t taken = 9;
    lode_bytes record = {(const uint8_t *)byte, 1};
    lode_status status = lode_record_writer_append_records(writer, &record, NULL, length, &taken, error);
    CHECK(taken == 0, "%zu records are said to be taken", taken);
    return status;
}

static lode_status append_long_record(size_t length, lode_error **error)
{
    size_t taken = 9;
    lode_bytes record = {(const uint8_t *)byte, length};
    lode_status status = lode_record_writer_append_records(writer, &record, NULL, 1, &taken, error);
    CHECK(taken == 0, "%zu records are said to be taken", taken);
    return status;
}

static lode_status append_lines(size_t length, lode_error **error)
{
    size_t consumed = 9;
    lode_status status = lode_record_writer_append_lines(writer, byte, length, &consumed, error);
    CHECK(consumed == 0, "%zu bytes are said to be consumed", consumed);
    return status;
}

static lode_status write_bytes(size_t length, lode_error **error)
{
    return lode_blob_writer_write(blob_writer, byte, length, error);
}

static lode_status next_batch(size_t length, lode_error **error)
{
    lode_bytes record;
    size_t count = 9;
    lode_status status = lode_record_reader_next_batch(reader, &record, length, &count, error);
    CHECK(count == 0, "%zu records are said to be given", count);
    return status;
}

static lode_status read_bytes(size_t length, lode_error **error)
{
    size_t len = 9;
    lode_status status = lode_blob_reader_read(blob_reader, byte, length, &len, error);
    CHECK(len == 0, "%zu bytes are said to be read", len);
    return status;
}

static lode_status read_range(size_t length, lode_error **error)
{
    size_t len = 9;
    lode_status status = lode_blob_reader_read_at(blob_reader, 0, byte, length, &len, error);
    CHECK(len == 0, "%zu bytes are said to be read", len);
    return status;
}

static lode_status stage_block(size_t length, lode_error **error)
{
    lode_volume_block *staged = NULL;
    return lode_volume_stage_write_at(volume, 0, byte, length, NULL, &staged, error);
}

static lode_status commit_blocks(size_t length, lode_error **error)
{
    const lode_volume_block *blocks[] = {block};
    return lode_volume_commit(volume, blocks, length, "{}", NULL, NULL, error);
}

static lode_status read_volume(size_t length, lode_error **error)
{
    return lode_volume_read_at(volume, filled, 0, byte, length, NULL, error);
}

static lode_status partition_keys(size_t length, lode_error **error)
{
    static const char *const keys[] = {"key"};
    lode_dataset_options options = jsonl_options();
    options.layout = LODE_LAYOUT_HIVE;
    options.partition_keys = keys;
    options.partition_key_count = length;
    lode_dataset *opened = NULL;
    lode_status status = lode_dataset_open(store, "partitioned", &options, &opened, error);
    lode_dataset_free(opened);
    return status;
}

static const struct {
    const char *name;
    lode_status (*use)(size_t length, lode_error **error);
    const char *parameter;
} USES[] = {
    {"lode_store_put", put, "data"},
    {"lode_store_read_at", read_at, "buffer"},
    {"lode_store_compare_and_swap", swap_expected, "expected"},
    {"lode_store_compare_and_swap", swap_value, "value"},
    {"lode_dataset_write_blob", write_blob, "data"},
    {"lode_dataset_write_records", write_records, "records"},
    {"lode_dataset_write_records", write_long_record, "records[0]"},
    {"lode_dataset_commit_parts", commit_parts, "parts"},
    {"lode_record_writer_append", append, "data"},
    {"lode_record_writer_append_batch", append_count, "lengths"},
    {"lode_record_writer_append_batch", append_length, "data"},
    {"lode_record_writer_append_records", append_records, "records"},
    {"lode_record_writer_append_records", append_long_record, "records[0]"},
    {"lode_record_writer_append_lines", append_lines, "data"},
    {"lode_blob_writer_write", write_bytes, "data"},
    {"lode_record_reader_next_batch", next_batch, "records"},
    {"lode_blob_reader_read", read_bytes, "buffer"},
    {"lode_blob_reader_read_at", read_range, "buffer"},
    {"lode_dataset_open", partition_keys, "partition_keys"},
    {"lode_volume_stage_write_at", stage_block, "data"},
    {"lode_volume_commit", commit_blocks, "blocks"},
    {"lode_volume_read_at", read_volume, "buffer"},
};

static void lengths(void)
{
    static const size_t LENGTHS[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < sizeof USES / sizeof USES[0]; i++) {
        for (size_t j = 0; j < sizeof LENGTHS / sizeof LENGTHS[0]; j++) {
            lode_error *error = NULL;
            lode_status status = USES[i].use(LENGTHS[j], &error);
            if (status < 0) {
                const char *message = lode_error_message(error);
                CHECK(strncmp(message, USES[i].name, strlen(USES[i].name)) == 0, "%s: %s", USES[i].name, message);
                CHECK(strstr(message, USES[i].parameter) != NULL, "%s: the message lacks %s: %s", USES[i].name,
                      USES[i].parameter, message);
            }
            refused_at(__FILE__, __LINE__, USES[i].name, status, error, LODE_ERR_INVALID_ARGUMENT, NULL);
        }
    }
    CHECK(byte[0] == '1', "the buffer was written to");
    /* Nothing is broken by it. */
    GIVES(LODE_OK, lode_record_writer_append(writer, "1", 1, NULL, error));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, NULL, error));
    GIVES(LODE_OK, lode_blob_writer_commit(blob_writer, "{}", NULL, NULL, error));
    lode_bytes record;
    GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error));
    size_t len = 0;
    GIVES(LODE_ITEM, lode_blob_reader_read(blob_reader, byte, 1, &len, error));
}

/* An index is a number among the files, whatever it is. */
static void indices(void)
{
    static const size_t INDICES[] = {SIZE_MAX, SIZE_MAX / 2 + 1, 1};
    for (size_t i = 0; i < sizeof INDICES / sizeof INDICES[0]; i++) {
        size_t index = INDICES[i];
        CHECK(lode_snapshot_file_path(snapshot, index) == NULL && lode_snapshot_file_location(snapshot, index) == NULL &&
                  lode_snapshot_file_checksum(snapshot, index) == NULL && lode_snapshot_file_size(snapshot, index) == -1 &&
                  lode_snapshot_file_row_count(snapshot, index) == -1,
              "there is a file %zu", index);
        CHECK(lode_part_file_path(part, index) == NULL, "the part has a file %zu", index);
        CHECK(lode_snapshot_block_path(filled, index) == NULL && lode_snapshot_block_location(filled, index) == NULL &&
                  lode_snapshot_block_checksum(filled, index) == NULL && lode_snapshot_block_offset(filled, index) == 0 &&
                  lode_snapshot_block_length(filled, index) == 0,
              "there is a block %zu", index);
    }
}

/* A size that no struct can have: nothing is written. */
#define UNWRITTEN(type)                                                                                                \
    do {                                                                                                               \
        type room;                                                                                                     \
        memset(&room, 0xA5, sizeof room);                                                                              \
        type##_init(&room, SIZE_MAX);                                                                                  \
        type##_init(&room, 65537);                                                                                     \
        const unsigned char *bytes = (const unsigned char *)&room;                                                     \
        size_t same = 0;                                                                                               \
        while (same < sizeof room && bytes[same] == 0xA5) {                                                            \
            same++;                                                                                                    \
        }                                                                                                              \
        CHECK(same == sizeof room, #type "_init(…, SIZE_MAX) wrote byte %zu", same);                                   \
    } while (0)

static void sizes(void)
{
    UNWRITTEN(lode_call_options);
    UNWRITTEN(lode_commit_options);
    UNWRITTEN(lode_store_options);
    UNWRITTEN(lode_store_callbacks);
    UNWRITTEN(lode_dataset_options);
    UNWRITTEN(lode_record_iterator);
    UNWRITTEN(lode_byte_source);
    UNWRITTEN(lode_record_writer_options);
    UNWRITTEN(lode_blob_writer_options);
    UNWRITTEN(lode_read_options);
    UNWRITTEN(lode_catalog_options);
    UNWRITTEN(lode_collect_options);
    UNWRITTEN(lode_volume_options);
}

int main(void)
{
    char root[256];
    make_root(root);
    store = open_store(root);
    dataset = open_dataset(store, "records", NULL);
    lode_dataset_options raw = LODE_DATASET_OPTIONS_INIT;
    blobs = open_dataset(store, "blobs", &raw);
    snapshot = commit_records(dataset, FIVE, 5);
    GIVES(LODE_OK, lode_store_put(store, "there", "1", 1, NULL, error));
    GIVES(LODE_OK, lode_dataset_write_blob(blobs, "blob", 4, "{}", NULL, &blob, error));
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_dataset_open_blob_writer(blobs, NULL, &blob_writer, error));
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
    GIVES(LODE_OK, lode_dataset_open_blob_reader(blobs, blob, NULL, &blob_reader, error));
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    GIVES(LODE_OK, lode_dataset_stage_records(dataset, &iterator, NULL, &part, error));
    lode_volume_options fixed = LODE_VOLUME_OPTIONS_INIT;
    fixed.total_length = 4096;
    GIVES(LODE_OK, lode_volume_open(store, "volume", &fixed, &volume, error));
    GIVES(LODE_OK, lode_volume_stage_write_at(volume, 0, "1", 1, NULL, &block, error));
    const lode_volume_block *blocks[] = {block};
    GIVES(LODE_OK, lode_volume_commit(volume, blocks, 1, "{}", NULL, &filled, error));
    lengths();
    indices();
    sizes();
    lode_snapshot_free(filled);
    lode_volume_block_free(block);
    lode_volume_free(volume);
    lode_part_free(part);
    lode_blob_reader_free(blob_reader);
    lode_record_reader_free(reader);
    lode_blob_writer_free(blob_writer);
    lode_record_writer_free(writer);
    lode_snapshot_free(blob);
    lode_snapshot_free(snapshot);
    lode_dataset_free(blobs);
    lode_dataset_free(dataset);
    lode_store_free(store);
    remove_tree(root);
    return finish("lengths");
}
