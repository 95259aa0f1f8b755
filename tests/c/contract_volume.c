/* Volumes: ranges staged in any order and committed, read back, holes, conflicts, blocks that travel, and
 * what is refused. */
#include "check.h"

static lode_store *store;
static char root[256];

static lode_volume *open_volume(const char *id, uint64_t length)
{
    lode_error *error = NULL;
    lode_volume *volume = NULL;
    lode_volume_options options;
    lode_volume_options_init(&options, sizeof options);
    options.total_length = length;
    REQUIRE(lode_volume_open(store, id, &options, &volume, &error) == LODE_OK, "%s", lode_error_message(error));
    return volume;
}

static lode_volume_block *stage(lode_volume *volume, uint64_t offset, const char *text)
{
    lode_error *error = NULL;
    lode_volume_block *block = NULL;
    lode_status status = lode_volume_stage_write_at(volume, offset, text, strlen(text), NULL, &block, &error);
    REQUIRE(status == LODE_OK, "%s", lode_error_message(error));
    CHECK(lode_volume_block_offset(block) == offset && lode_volume_block_length(block) == strlen(text), "another range");
    return block;
}

static lode_snapshot *commit(lode_volume *volume, lode_volume_block *block)
{
    lode_error *error = NULL;
    lode_snapshot *snapshot = NULL;
    const lode_volume_block *blocks[1] = {block};
    lode_status status = lode_volume_commit(volume, blocks, 1, "{\"by\":\"c\"}", NULL, &snapshot, &error);
    REQUIRE(status == LODE_OK, "%s: %s", lode_status_name(status), lode_error_message(error));
    return snapshot;
}

static void filled(void)
{
    lode_volume *volume = open_volume("disk", 100);
    lode_snapshot *snapshot = NULL;
    char buffer[64];
    REFUSED(LODE_ERR_NO_SNAPSHOTS, "volume \"disk\"", lode_volume_find_latest(volume, NULL, &snapshot, error));
    lode_volume_block *late = stage(volume, 50, "late"), *early = stage(volume, 0, "early");
    const lode_volume_block *both[] = {late, early, late};
    GIVES(LODE_OK, lode_volume_commit(volume, both, 3, "{}", NULL, &snapshot, error));
    CHECK(lode_snapshot_total_length(snapshot) == 100 && lode_snapshot_block_count(snapshot) == 2, "another table");
    CHECK(lode_snapshot_block_offset(snapshot, 1) == 50 && lode_snapshot_block_length(snapshot, 1) == 4, "another block");
    CHECK(strcmp(lode_snapshot_block_path(snapshot, 0), "volumes/disk/data/0-5.bin") == 0, "another path: %s",
          lode_snapshot_block_path(snapshot, 0));
    const char *location = lode_snapshot_block_location(snapshot, 0);
    if (on_directories("where a block is")) {
        CHECK(location != NULL && strncmp(location, root, strlen(root)) == 0 && access(location, R_OK) == 0, "not there: %s", location);
    } else {
        CHECK(location == NULL, "a block in a bucket has the location %s", location);
    }
    CHECK(strlen(lode_snapshot_block_checksum(snapshot, 0)) == 16, "no XXH3");
    CHECK(lode_snapshot_block_path(snapshot, 2) == NULL && lode_snapshot_block_length(snapshot, 2) == 0 &&
              lode_snapshot_block_offset(NULL, 0) == 0 && lode_snapshot_block_checksum(NULL, 0) == NULL &&
              lode_snapshot_block_location(NULL, 0) == NULL && lode_snapshot_block_count(NULL) == 0 &&
              lode_snapshot_total_length(NULL) == 0,
          "out of range there is nothing");
    CHECK(lode_snapshot_codec(snapshot) == NULL && lode_snapshot_row_count(snapshot) == 0 && lode_snapshot_file_count(snapshot) == 0,
          "it has no records and no files");
    GIVES(LODE_OK, lode_volume_read_at(volume, snapshot, 1, buffer, 4, NULL, error));
    CHECK(memcmp(buffer, "arly", 4) == 0, "other bytes");
    lode_read_options first = LODE_READ_OPTIONS_INIT;
    first.verify = LODE_VERIFY_FIRST;
    GIVES(LODE_OK, lode_volume_read_at(volume, snapshot, 50, buffer, 4, &first, error));
    GIVES(LODE_OK, lode_volume_verify_snapshot(volume, snapshot, NULL, error));

    /* Holes. */
    lode_error *error = NULL;
    CHECK(lode_volume_read_at(volume, snapshot, 3, buffer, 10, NULL, &error) == LODE_ERR_RANGE_MISSING, "a hole is read");
    CHECK(lode_error_offset(error) == 5, "the hole is at %" PRId64, (int64_t)lode_error_offset(error));
    lode_error_free(error);
    REFUSED(LODE_ERR_RANGE_MISSING, "no block covers them", lode_volume_read_at(volume, snapshot, 54, buffer, 1, NULL, error));
    uint64_t offset = 9, len = 9;
    GIVES(LODE_ITEM, lode_snapshot_next_gap(snapshot, 0, &offset, &len, error));
    CHECK(offset == 5 && len == 45, "another gap: %" PRIu64 " %" PRIu64, offset, len);
    GIVES(LODE_ITEM, lode_snapshot_next_gap(snapshot, 50, &offset, &len, error));
    CHECK(offset == 54 && len == 46, "another gap");
    GIVES(LODE_OK, lode_snapshot_next_gap(snapshot, 100, &offset, &len, error));
    CHECK(offset == 0 && len == 0, "no gap");
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot", lode_snapshot_next_gap(NULL, 0, NULL, NULL, error));

    /* Repeated, and in conflict. */
    lode_snapshot *again = NULL;
    GIVES(LODE_ALREADY_COMMITTED, lode_volume_commit(volume, both, 2, "{}", NULL, &again, error));
    CHECK(strcmp(lode_snapshot_id(again), lode_snapshot_id(snapshot)) == 0, "another snapshot");
    lode_snapshot_free(again);
    lode_volume_block *over = stage(volume, 4, "xx");
    const lode_volume_block *one[] = {over};
    REFUSED(LODE_ERR_OVERLAPPING_BLOCKS, "overlaps [0, 5)", lode_volume_commit(volume, one, 1, "{}", NULL, NULL, error));
    lode_volume_block_free(over);

    /* A block of another process. */
    lode_volume_block *block = stage(volume, 90, "0123456789"), *came = NULL;
    GIVES(LODE_OK, lode_volume_block_from_json(volume, lode_volume_block_json(block), &came, error));
    CHECK(strstr(lode_volume_block_json(came), "\"path\":\"volumes/disk/data/90-10.bin\"") != NULL, "%s", lode_volume_block_json(came));
    lode_snapshot *second = commit(volume, came);
    CHECK(lode_snapshot_block_count(second) == 3, "another count");
    lode_volume_block_free(came);
    lode_volume_block_free(block);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "JSON", lode_volume_block_from_json(volume, "{}", &came, error));
    REFUSED(LODE_ERR_INVALID_PATH, "is not that of its range",
            lode_volume_block_from_json(volume, "{\"offset\":0,\"length\":1,\"path\":\"x\"}", &came, error));

    /* The history. */
    lode_snapshot_iterator *snapshots = NULL;
    lode_snapshot *found = NULL;
    GIVES(LODE_OK, lode_volume_list_snapshots(volume, NULL, &snapshots, error));
    GIVES(LODE_ITEM, lode_snapshot_iterator_next(snapshots, &found, error));
    CHECK(strcmp(lode_snapshot_id(found), lode_snapshot_id(snapshot)) == 0, "the first comes first");
    lode_snapshot_free(found);
    lode_snapshot_iterator_free(snapshots);
    GIVES(LODE_OK, lode_volume_list_changes(volume, lode_snapshot_id(snapshot), NULL, &snapshots, error));
    GIVES(LODE_ITEM, lode_snapshot_iterator_next(snapshots, &found, error));
    CHECK(strcmp(lode_snapshot_id(found), lode_snapshot_id(second)) == 0, "the second is new");
    lode_snapshot_free(found);
    GIVES(LODE_OK, lode_snapshot_iterator_next(snapshots, &found, error));
    lode_snapshot_iterator_free(snapshots);
    GIVES(LODE_OK, lode_volume_find_latest(volume, NULL, &found, error));
    CHECK(strcmp(lode_snapshot_id(found), lode_snapshot_id(second)) == 0, "the latest is another");
    lode_snapshot_free(found);
    GIVES(LODE_OK, lode_volume_find_snapshot(volume, lode_snapshot_id(snapshot), NULL, &found, error));
    lode_snapshot_free(found);
    GIVES(LODE_OK, lode_volume_resolve_commit(volume, lode_snapshot_id(second), NULL, NULL, error));
    GIVES(LODE_NONE, lode_volume_find_producer(volume, "p", NULL, &found, error));
    GIVES(LODE_OK, lode_volume_adopt(volume, lode_snapshot_id(second), NULL, NULL, error));

    /* Upkeep. */
    uint64_t count = 9, bytes = 9;
    GIVES(LODE_OK, lode_volume_verify(volume, LODE_VERIFY_LEVEL_RECORDS, NULL, NULL, NULL, &count, error));
    CHECK(count == 0, "findings");
    GIVES(LODE_OK, lode_volume_collect(volume, NULL, NULL, NULL, NULL, &count, &bytes, error));
    CHECK(count == 0 && bytes == 0, "something young was removed");

    /* A dataset takes no snapshot of a volume, nor the other way round. */
    lode_dataset *dataset = open_dataset(store, "disk", NULL);
    lode_blob_reader *reader = NULL;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "of the volume", lode_dataset_open_blob_reader(dataset, snapshot, NULL, &reader, error));
    lode_dataset_free(dataset);
    lode_snapshot_free(snapshot);
    lode_snapshot_free(second);
    lode_volume_block_free(late);
    lode_volume_block_free(early);
    lode_volume_free(volume);
}

struct source {
    const char *text;
    size_t left;
    int released;
};

static int64_t read_source(void *ctx, uint8_t *buffer, size_t capacity)
{
    struct source *source = ctx;
    size_t count = source->left < 3 ? source->left : 3;
    count = count < capacity ? count : capacity;
    memcpy(buffer, source->text, count);
    source->text += count;
    source->left -= count;
    return (int64_t)count;
}

static void release_source(void *ctx)
{
    ((struct source *)ctx)->released++;
}

static void streamed(void)
{
    lode_volume *volume = open_volume("streamed", 100);
    lode_volume_block *block = NULL;
    struct source bytes = {"0123456789", 10, 0};
    lode_byte_source source = LODE_BYTE_SOURCE_INIT;
    source.ctx = &bytes;
    source.read = read_source;
    source.release = release_source;
    GIVES(LODE_OK, lode_volume_stage_stream_at(volume, 20, 10, &source, NULL, &block, error));
    CHECK(bytes.released == 1, "released %d times", bytes.released);
    lode_snapshot *snapshot = commit(volume, block);
    char buffer[10];
    GIVES(LODE_OK, lode_volume_read_at(volume, snapshot, 20, buffer, 10, NULL, error));
    CHECK(memcmp(buffer, "0123456789", 10) == 0, "other bytes");
    lode_volume_block_free(block);
    lode_snapshot_free(snapshot);
    lode_error *error = NULL;
    bytes = (struct source){"01234", 5, 0};
    CHECK(lode_volume_stage_stream_at(volume, 40, 10, &source, NULL, &block, &error) == LODE_ERR_INVALID_ARGUMENT, "a short source");
    CHECK(strstr(lode_error_message(error), "ended after 5 bytes") != NULL, "%s", lode_error_message(error));
    lode_error_free(error);
    REFUSED(LODE_ERR_NIL_ITERATOR, "source", lode_volume_stage_stream_at(volume, 40, 10, NULL, NULL, &block, error));
    lode_volume_free(volume);
}

static void refused(void)
{
    lode_volume *volume = open_volume("refused", 100), *other = NULL;
    lode_volume_block *block = NULL;
    lode_snapshot *snapshot = NULL;
    lode_volume_options options = LODE_VOLUME_OPTIONS_INIT;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "volume", lode_volume_open(store, "x", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "store", lode_volume_open(NULL, "x", NULL, &other, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "volume_id", lode_volume_open(store, NULL, NULL, &other, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset id", lode_volume_open(store, "a/b", NULL, &other, error));
    options.total_length = UINT64_MAX;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "total_length", lode_volume_open(store, "x", &options, &other, error));
    options = (lode_volume_options)LODE_VOLUME_OPTIONS_INIT;
    options.checksum = 9;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "options.checksum is 9", lode_volume_open(store, "x", &options, &other, error));
    options = (lode_volume_options)LODE_VOLUME_OPTIONS_INIT;
    options.durability = 9;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "options.durability is 9", lode_volume_open(store, "x", &options, &other, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "has no bytes", lode_volume_stage_write_at(volume, 0, NULL, 0, NULL, &block, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "leaves", lode_volume_stage_write_at(volume, 99, "ab", 2, NULL, &block, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "data", lode_volume_stage_write_at(volume, 0, NULL, 1, NULL, &block, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "block", lode_volume_stage_write_at(volume, 0, "a", 1, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "volume", lode_volume_stage_write_at(NULL, 0, "a", 1, NULL, &block, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "at least one block", lode_volume_commit(volume, NULL, 0, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "blocks", lode_volume_commit(volume, NULL, 1, "{}", NULL, NULL, error));
    const lode_volume_block *none[] = {NULL};
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "blocks[0]", lode_volume_commit(volume, none, 1, "{}", NULL, NULL, error));
    block = stage(volume, 0, "block");
    const lode_volume_block *one[] = {block};
    REFUSED(LODE_ERR_METADATA_REQUIRED, "metadata", lode_volume_commit(volume, one, 1, NULL, NULL, NULL, error));
    snapshot = commit(volume, block);
    char byte;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "has no bytes", lode_volume_read_at(volume, snapshot, 0, &byte, 0, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "buffer", lode_volume_read_at(volume, snapshot, 0, NULL, 1, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot", lode_volume_read_at(volume, NULL, 0, &byte, 1, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "leaves", lode_volume_read_at(volume, snapshot, 100, &byte, 1, NULL, error));
    lode_volume *longer = open_volume("refused", 200);
    REFUSED(LODE_ERR_VOLUME_LENGTH_MISMATCH, "100 bytes long", lode_volume_stage_write_at(longer, 0, "a", 1, NULL, &block, error));
    lode_volume_free(longer);
    options = (lode_volume_options)LODE_VOLUME_OPTIONS_INIT;
    options.max_blocks = 1;
    GIVES(LODE_OK, lode_volume_open(store, "refused", &options, &other, error));
    lode_volume_block *more = stage(other, 10, "more");
    const lode_volume_block *two[] = {more};
    REFUSED(LODE_ERR_VOLUME_TOO_FRAGMENTED, "max_blocks", lode_volume_commit(other, two, 1, "{}", NULL, NULL, error));
    lode_volume_block_free(more);
    lode_volume_free(other);
    lode_volume_block_free((lode_volume_block *)one[0]);
    lode_volume_block_free(NULL);
    lode_volume_free(NULL);
    lode_snapshot_free(snapshot);
    lode_volume_free(volume);
}

int main(void)
{
    make_root(root);
    store = open_store(root);
    filled();
    streamed();
    refused();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_volume");
}
