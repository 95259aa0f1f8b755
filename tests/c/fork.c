/* After a fork a writer, reader or iterator belongs to the process that made it: in the other one each of its
 * calls gives LODE_ERR_FORKED, and its free closes and removes nothing; of an Arrow stream the calls fail
 * with EIO. Stores, datasets, volumes, catalogs, snapshots, parts, blocks, buffers, tokens and errors go on
 * working in both. The parent's commits are right, regardless of what the child did. */
#include "memory_store.h"

#include <fcntl.h>
#include <sys/wait.h>

static char root[256];

/* ---- Every handle that belongs to one process, and every call on it ---- */

struct handles {
    lode_record_writer *records;
    lode_blob_writer *blob;
    lode_record_reader *record_reader;
    lode_blob_reader *blob_reader;
    lode_snapshot_iterator *snapshots;
    lode_string_iterator *strings;
    struct ArrowArrayStream rows; /* with the feature "parquet" alone */
    int nothing;                  /* a descriptor that has nothing to give, and takes everything */
};

static lode_bytes batch[4];
static uint8_t room[64];

static lode_status append(struct handles *of, lode_error **error)
{
    return lode_record_writer_append(of->records, "1", 1, NULL, error);
}

static lode_status append_batch(struct handles *of, lode_error **error)
{
    static const size_t lengths[] = {1, 1};
    size_t taken = 9;
    lode_status status = lode_record_writer_append_batch(of->records, "12", lengths, NULL, 2, &taken, error);
    CHECK(status >= 0 || taken == 0, "%zu records were taken", taken);
    return status;
}

static lode_status append_records(struct handles *of, lode_error **error)
{
    static const lode_bytes record = {(const uint8_t *)"1", 1};
    size_t taken = 9;
    lode_status status = lode_record_writer_append_records(of->records, &record, NULL, 1, &taken, error);
    CHECK(status >= 0 || taken == 0, "%zu records were taken", taken);
    return status;
}

static lode_status append_lines(struct handles *of, lode_error **error)
{
    size_t consumed = 9;
    lode_status status = lode_record_writer_append_lines(of->records, "1\n2\n", 4, &consumed, error);
    CHECK(status >= 0 || consumed == 0, "%zu bytes were consumed", consumed);
    return status;
}

static lode_status append_from_fd(struct handles *of, lode_error **error)
{
    return lode_record_writer_append_from_fd(of->records, of->nothing, NULL, error);
}

static lode_status append_arrow(struct handles *of, lode_error **error)
{
    struct ArrowArray array = {0};
    struct ArrowSchema schema = {0};
    size_t taken = 9;
    lode_status status = lode_record_writer_append_arrow(of->records, &array, &schema, &taken, error);
    CHECK(taken == 0, "%zu rows were taken", taken);
    return status;
}

static lode_status stage(struct handles *of, lode_error **error)
{
    lode_part *part = (lode_part *)GARBAGE;
    lode_status status = lode_record_writer_stage(of->records, NULL, &part, error);
    CHECK(part == NULL, "a part was given");
    return status;
}

static lode_status commit(struct handles *of, lode_error **error)
{
    lode_snapshot *snapshot = (lode_snapshot *)GARBAGE;
    lode_status status = lode_record_writer_commit(of->records, "{}", NULL, &snapshot, error);
    CHECK(snapshot == NULL, "a snapshot was given");
    return status;
}

static lode_status abort_records(struct handles *of, lode_error **error)
{
    return lode_record_writer_abort(of->records, error);
}

static lode_status write_blob(struct handles *of, lode_error **error)
{
    return lode_blob_writer_write(of->blob, "1", 1, error);
}

static lode_status write_from_fd(struct handles *of, lode_error **error)
{
    return lode_blob_writer_write_from_fd(of->blob, of->nothing, NULL, error);
}

static lode_status stage_blob(struct handles *of, lode_error **error)
{
    lode_part *part = (lode_part *)GARBAGE;
    lode_status status = lode_blob_writer_stage(of->blob, NULL, &part, error);
    CHECK(part == NULL, "a part was given");
    return status;
}

static lode_status commit_blob(struct handles *of, lode_error **error)
{
    return lode_blob_writer_commit(of->blob, "{}", NULL, NULL, error);
}

static lode_status abort_blob(struct handles *of, lode_error **error)
{
    return lode_blob_writer_abort(of->blob, error);
}

static lode_status read_record(struct handles *of, lode_error **error)
{
    return lode_record_reader_next(of->record_reader, batch, error);
}

static lode_status read_records(struct handles *of, lode_error **error)
{
    size_t count = 0;
    return lode_record_reader_next_batch(of->record_reader, batch, 4, &count, error);
}

static lode_status read_to_fd(struct handles *of, lode_error **error)
{
    return lode_record_reader_read_to_fd(of->record_reader, of->nothing, error);
}

static lode_status get_position(struct handles *of, lode_error **error)
{
    const char *position = "";
    lode_status status = lode_record_reader_get_position(of->record_reader, &position, error);
    CHECK(position == NULL, "a position was given");
    return status;
}

static lode_status read_bytes(struct handles *of, lode_error **error)
{
    size_t len = 0;
    return lode_blob_reader_read(of->blob_reader, room, sizeof room, &len, error);
}

static lode_status read_range(struct handles *of, lode_error **error)
{
    size_t len = 0;
    return lode_blob_reader_read_at(of->blob_reader, 1, room, sizeof room, &len, error);
}

static lode_status read_bytes_to_fd(struct handles *of, lode_error **error)
{
    return lode_blob_reader_read_to_fd(of->blob_reader, of->nothing, error);
}

static lode_status next_snapshot(struct handles *of, lode_error **error)
{
    lode_snapshot *snapshot = NULL;
    return lode_snapshot_iterator_next(of->snapshots, &snapshot, error);
}

static lode_status next_string(struct handles *of, lode_error **error)
{
    const char *string = NULL;
    return lode_string_iterator_next(of->strings, &string, error);
}

static const struct {
    const char *handle;
    lode_status (*call)(struct handles *of, lode_error **error);
} CALLS[] = {
    {"lode_record_writer", append},
    {"lode_record_writer", append_batch},
    {"lode_record_writer", append_records},
    {"lode_record_writer", append_lines},
    {"lode_record_writer", append_from_fd},
    {"lode_record_writer", append_arrow},
    {"lode_record_writer", stage},
    {"lode_record_writer", commit},
    {"lode_record_writer", abort_records},
    {"lode_blob_writer", write_blob},
    {"lode_blob_writer", write_from_fd},
    {"lode_blob_writer", stage_blob},
    {"lode_blob_writer", commit_blob},
    {"lode_blob_writer", abort_blob},
    {"lode_record_reader", read_record},
    {"lode_record_reader", read_records},
    {"lode_record_reader", read_to_fd},
    {"lode_record_reader", get_position},
    {"lode_blob_reader", read_bytes},
    {"lode_blob_reader", read_range},
    {"lode_blob_reader", read_bytes_to_fd},
    {"lode_snapshot_iterator", next_snapshot},
    {"lode_string_iterator", next_string},
};

static void all_refused(struct handles *of)
{
    int arrow = lode_has_feature("parquet");
    for (size_t at = 0; at < sizeof CALLS / sizeof CALLS[0]; at++) {
        if (CALLS[at].call == append_arrow && !arrow) {
            REFUSED(LODE_ERR_UNSUPPORTED, "parquet", CALLS[at].call(of, error));
            continue;
        }
        REFUSED(LODE_ERR_FORKED, CALLS[at].handle, CALLS[at].call(of, error));
        REFUSED(LODE_ERR_FORKED, "forked", CALLS[at].call(of, error));
    }
    CHECK(lode_record_writer_record_count(of->records) == -1, "a count of another process");
    CHECK(lode_record_writer_skipped_count(of->records) == -1, "a count of another process");
    CHECK(lode_record_writer_byte_count(of->records) == -1, "a count of another process");
    if (arrow) {
        struct ArrowArray array = {0};
        struct ArrowSchema schema = {0};
        CHECK(of->rows.get_next(&of->rows, &array) == EIO && array.release == NULL, "rows of another process");
        CHECK(of->rows.get_schema(&of->rows, &schema) == EIO && schema.release == NULL, "columns of another process");
        CHECK(strstr(of->rows.get_last_error(&of->rows), "FORKED: an Arrow stream") != NULL, "message: %s",
              of->rows.get_last_error(&of->rows));
    }
}

static void free_all(struct handles *of)
{
    lode_record_writer_free(of->records);
    lode_blob_writer_free(of->blob);
    lode_record_reader_free(of->record_reader);
    lode_blob_reader_free(of->blob_reader);
    lode_snapshot_iterator_free(of->snapshots);
    lode_string_iterator_free(of->strings);
    if (of->rows.release != NULL) {
        of->rows.release(&of->rows);
    }
    close(of->nothing);
}

/* ---- What is shared by threads goes on working ---- */

struct world {
    lode_store *store;
    lode_dataset *records;
    lode_dataset *blobs;
    lode_dataset *columns;
    lode_volume *volume;
    lode_catalog *catalog;
    lode_snapshot *snapshot;
    lode_snapshot *blob;
    lode_part *part;
    lode_volume_block *block;
    lode_error *error;
    lode_buffer *buffer;
    lode_cancel_token *token;
};

static lode_part *stage_part(lode_dataset *dataset)
{
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_part *part = NULL;
    GIVES(LODE_OK, lode_dataset_stage_records(dataset, &iterator, NULL, &part, error));
    return part;
}

static struct world open_world(lode_store *store)
{
    struct world world = {0};
    world.store = store;
    world.records = open_dataset(store, "records", NULL);
    lode_dataset_options raw = LODE_DATASET_OPTIONS_INIT;
    world.blobs = open_dataset(store, "blobs", &raw);
    GIVES(LODE_OK, lode_catalog_open(store, NULL, &world.catalog, error));
    world.snapshot = commit_records(world.records, FIVE, 5);
    GIVES(LODE_OK, lode_dataset_write_blob(world.blobs, "blob", 4, "{}", NULL, &world.blob, error));
    lode_dataset_options jsonl = jsonl_options();
    jsonl.schema_json = "{\"fields\":[{\"name\":\"id\",\"type\":\"int64\"}]}";
    world.columns = lode_has_feature("parquet") ? open_dataset(store, "columns", &jsonl) : NULL;
    lode_volume_options length = LODE_VOLUME_OPTIONS_INIT;
    length.total_length = 100;
    GIVES(LODE_OK, lode_volume_open(store, "disk", &length, &world.volume, error));
    GIVES(LODE_OK, lode_volume_stage_write_at(world.volume, 7, "block", 5, NULL, &world.block, error));
    world.part = stage_part(world.records);
    lode_snapshot *none = NULL;
    lode_status status = lode_dataset_find_snapshot(world.records, "17", NULL, &none, &world.error);
    CHECK(status == LODE_ERR_SNAPSHOT_NOT_FOUND, "gave %s", lode_status_name(status));
    GIVES(LODE_OK, lode_store_put(store, "mine", "mine", 4, NULL, error));
    GIVES(LODE_OK, lode_store_get(store, "mine", NULL, &world.buffer, error));
    GIVES(LODE_OK, lode_cancel_token_new(&world.token, error));
    return world;
}

static void close_world(struct world *world)
{
    lode_cancel_token_free(world->token);
    lode_buffer_free(world->buffer);
    lode_error_free(world->error);
    lode_volume_block_free(world->block);
    lode_part_free(world->part);
    lode_snapshot_free(world->blob);
    lode_snapshot_free(world->snapshot);
    lode_catalog_free(world->catalog);
    lode_volume_free(world->volume);
    lode_dataset_free(world->columns);
    lode_dataset_free(world->blobs);
    lode_dataset_free(world->records);
    lode_store_free(world->store);
}

static struct handles open_handles(const struct world *world)
{
    struct handles of = {0};
    of.nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    REQUIRE(of.nothing >= 0, "no /dev/null");
    if (world->columns != NULL) {
        lode_snapshot *rows = commit_records(world->columns, FIVE, 2);
        GIVES(LODE_OK, lode_dataset_read_arrow(world->columns, rows, NULL, &of.rows, error));
        lode_snapshot_free(rows);
    }
    GIVES(LODE_OK, lode_dataset_open_record_writer(world->records, NULL, &of.records, error));
    GIVES(LODE_OK, lode_record_writer_append(of.records, "\"before the fork\"", 17, NULL, error));
    GIVES(LODE_OK, lode_dataset_open_blob_writer(world->blobs, NULL, &of.blob, error));
    GIVES(LODE_OK, lode_blob_writer_write(of.blob, "before", 6, error));
    GIVES(LODE_OK, lode_dataset_open_record_reader(world->records, world->snapshot, NULL, &of.record_reader, error));
    GIVES(LODE_ITEM, lode_record_reader_next(of.record_reader, batch, error));
    GIVES(LODE_OK, lode_dataset_open_blob_reader(world->blobs, world->blob, NULL, &of.blob_reader, error));
    size_t len = 0;
    GIVES(LODE_ITEM, lode_blob_reader_read(of.blob_reader, room, 1, &len, error));
    GIVES(LODE_OK, lode_dataset_list_snapshots(world->records, NULL, &of.snapshots, error));
    GIVES(LODE_OK, lode_store_list(world->store, "", NULL, &of.strings, error));
    return of;
}

/* Each kind of shared handle does its work; `marker` is the record that is committed. */
static void use_world(const struct world *world, const char *marker)
{
    lode_snapshot *snapshot = commit_records(world->records, &marker, 1);
    size_t count = 0;
    GIVES(LODE_OK, read_all(world->records, snapshot, LODE_VERIFY_FIRST, &count, error));
    CHECK(count == 1, "read %zu records", count);
    lode_snapshot_free(snapshot);
    GIVES(LODE_OK, read_all(world->records, world->snapshot, LODE_VERIFY_STREAMING, &count, error));
    CHECK(count == 5, "read %zu records", count);
    lode_string_iterator *ids = NULL;
    const char *id = NULL;
    GIVES(LODE_OK, lode_catalog_list_datasets(world->catalog, NULL, &ids, error));
    GIVES(LODE_ITEM, lode_string_iterator_next(ids, &id, error));
    CHECK(id != NULL && strcmp(id, "blobs") == 0, "the first dataset is %s", id);
    lode_string_iterator_free(ids);
    GIVES(LODE_OK, lode_store_exists(world->store, "mine", NULL, error));
    CHECK(lode_snapshot_row_count(world->snapshot) == 5, "%" PRId64 " rows", lode_snapshot_row_count(world->snapshot));
    CHECK(strstr(lode_error_message(world->error), "17") != NULL, "message: %s", lode_error_message(world->error));
    CHECK(lode_buffer_len(world->buffer) == 4, "%zu bytes", lode_buffer_len(world->buffer));
    lode_part *part = stage_part(world->records);
    GIVES(LODE_OK, lode_part_discard(part, NULL, error));
    lode_part_free(part);
    GIVES(LODE_OK, lode_dataset_part_from_json(world->records, lode_part_json(world->part), &part, error));
    CHECK(lode_part_record_count(part) == 5, "%" PRId64 " records in a part", lode_part_record_count(part));
    lode_part_free(part);
    const lode_volume_block *block = world->block;
    char bytes[5];
    lode_status status = lode_volume_commit(world->volume, &block, 1, "{}", NULL, &snapshot, NULL);
    CHECK(status == LODE_OK || status == LODE_ALREADY_COMMITTED, "a block gave %s", lode_status_name(status));
    GIVES(LODE_OK, lode_volume_read_at(world->volume, snapshot, 7, bytes, sizeof bytes, NULL, error));
    CHECK(memcmp(bytes, "block", 5) == 0 && lode_volume_block_offset(block) == 7, "another block");
    lode_snapshot_free(snapshot);
    lode_call_options call = LODE_CALL_OPTIONS_INIT;
    call.cancel = world->token;
    GIVES(LODE_OK, lode_dataset_find_latest(world->records, &call, &snapshot, error));
    lode_snapshot_free(snapshot);
}

/* Runs a child to its end, through its exit handlers and destructors, and gives how many of its checks
 * failed. */
static pid_t begin_child(void)
{
    fflush(NULL);
    pid_t child = fork();
    REQUIRE(child >= 0, "cannot fork");
    return child;
}

static void end_child(void)
{
    exit(checks_failed > 0 ? 1 : 0);
}

static void expect_child(pid_t child)
{
    int how = 0;
    REQUIRE(waitpid(child, &how, 0) == child, "lost the child");
    CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0, "the child ended with %x", (unsigned)how);
}

static void expect_records(const struct world *world, const lode_snapshot *snapshot, size_t expected)
{
    size_t count = 0;
    GIVES(LODE_OK, read_all(world->records, snapshot, LODE_VERIFY_FIRST, &count, error));
    CHECK(count == expected, "read %zu records, expected %zu", count, expected);
}

static size_t history(const struct world *world)
{
    lode_snapshot_iterator *snapshots = NULL;
    GIVES(LODE_OK, lode_dataset_list_snapshots(world->records, NULL, &snapshots, error));
    size_t count = 0;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    lode_status status;
    while ((status = lode_snapshot_iterator_next(snapshots, &snapshot, &error)) == LODE_ITEM) {
        count++;
        lode_snapshot_free(snapshot);
    }
    CHECK(status == LODE_OK, "the history gave %s", lode_error_message(error));
    lode_error_free(error);
    lode_snapshot_iterator_free(snapshots);
    return count;
}

/* ---- The child uses everything, in one of several ways, and the parent goes on ---- */

enum child { CALLS_AND_FREES, FREES, LEAVES, FREES_THE_WORLD, CHILDREN };

static void both_sides(lode_store *(*make)(void), int shared)
{
    struct world world = open_world(make());
    size_t snapshots = 1;
    for (int kind = 0; kind < CHILDREN; kind++) {
        struct handles of = open_handles(&world);
        pid_t child = begin_child();
        if (child == 0) {
            if (kind == CALLS_AND_FREES) {
                all_refused(&of);
                use_world(&world, "\"the child's\"");
                struct handles own = open_handles(&world);
                GIVES(LODE_OK, lode_record_writer_commit(own.records, "{}", NULL, NULL, error));
                free_all(&own);
            }
            if (kind != LEAVES) {
                free_all(&of);
            }
            if (kind == FREES_THE_WORLD) {
                close_world(&world);
            }
            end_child();
        }
        expect_child(child);
        snapshots += shared && kind == CALLS_AND_FREES ? 2 : 0;

        /* The parent's handles are as they were. */
        GIVES(LODE_OK, lode_record_writer_append(of.records, "\"after it\"", 10, NULL, error));
        CHECK(lode_record_writer_record_count(of.records) == 2, "%" PRId64 " records",
              lode_record_writer_record_count(of.records));
        lode_snapshot *snapshot = NULL;
        GIVES(LODE_OK, lode_record_writer_commit(of.records, "{}", NULL, &snapshot, error));
        expect_records(&world, snapshot, 2);
        lode_snapshot_free(snapshot);
        GIVES(LODE_OK, lode_blob_writer_write(of.blob, " after", 6, error));
        GIVES(LODE_OK, lode_blob_writer_commit(of.blob, "{}", NULL, &snapshot, error));
        lode_blob_reader *reader = NULL;
        size_t len = 0;
        GIVES(LODE_OK, lode_dataset_open_blob_reader(world.blobs, snapshot, NULL, &reader, error));
        GIVES(LODE_ITEM, lode_blob_reader_read(reader, room, sizeof room, &len, error));
        CHECK(len == 12 && memcmp(room, "before after", 12) == 0, "the blob is %.*s", (int)len, (const char *)room);
        GIVES(LODE_OK, lode_blob_reader_read(reader, room, sizeof room, &len, error));
        lode_blob_reader_free(reader);
        lode_snapshot_free(snapshot);
        for (int left = 4; left > 0; left--) {
            GIVES(LODE_ITEM, lode_record_reader_next(of.record_reader, batch, error));
        }
        GIVES(LODE_OK, lode_record_reader_next(of.record_reader, batch, error));
        GIVES(LODE_ITEM, lode_blob_reader_read(of.blob_reader, room, sizeof room, &len, error));
        CHECK(len == 3, "%zu bytes more of the blob", len);
        GIVES(LODE_ITEM, lode_snapshot_iterator_next(of.snapshots, &snapshot, error));
        lode_snapshot_free(snapshot);
        GIVES(LODE_ITEM, next_string(&of, error));
        if (of.rows.release != NULL) {
            struct ArrowArray array = {0};
            CHECK(of.rows.get_next(&of.rows, &array) == 0 && array.length == 2, "%" PRId64 " rows", array.length);
            array.release(&array);
        }
        free_all(&of);
        snapshots++;
        use_world(&world, "\"the parent's\"");
        snapshots++;
        CHECK(history(&world) == snapshots, "%zu snapshots, expected %zu", history(&world), snapshots);
    }
    close_world(&world);
}

static lode_store *directory(void)
{
    return open_store(root);
}

static struct memory_store memory;

static lode_store *callbacks(void)
{
    return memory_open(&memory);
}

/* A store of callbacks hears nothing of what the child gives up: the upload is the parent's. */
static void uploads_of_callbacks(void)
{
    lode_store *store = callbacks();
    lode_dataset *dataset = open_dataset(store, "uploads", NULL);
    lode_record_writer *writer = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    int begun = memory.uploads;
    pid_t child = begin_child();
    if (child == 0) {
        lode_record_writer_free(writer);
        CHECK(memory.uploads == begun, "put_abort was called in the child");
        end_child();
    }
    expect_child(child);
    lode_record_writer_free(writer);
    CHECK(memory.uploads == begun - 1, "put_abort was not called in the parent");
    lode_dataset_free(dataset);
    lode_store_free(store);
}

/* After a commit that failed the data lie in the store under their own name; they are the parent's still. */
static void after_a_failed_commit(void)
{
    lode_store *store = open_store(root);
    lode_dataset *dataset = open_dataset(store, "obstructed", NULL);
    lode_record_writer *writer = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_record_writer_append(writer, "1", 1, NULL, error));
    char obstacle[300];
    snprintf(obstacle, sizeof obstacle, "%s/datasets/obstructed/_commits", root);
    GIVES(LODE_OK, lode_store_put(store, "datasets/obstructed/_commits", "", 0, NULL, error));
    lode_status failed = lode_record_writer_commit(writer, "{}", NULL, NULL, NULL);
    CHECK(failed < 0, "a commit without its slots gave %s", lode_status_name(failed));
    pid_t child = begin_child();
    if (child == 0) {
        REFUSED(LODE_ERR_FORKED, "lode_record_writer", lode_record_writer_commit(writer, "{}", NULL, NULL, error));
        lode_record_writer_free(writer);
        end_child();
    }
    expect_child(child);
    REQUIRE(unlink(obstacle) == 0, "cannot remove %s", obstacle);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    size_t count = 0;
    GIVES(LODE_OK, read_all(dataset, snapshot, LODE_VERIFY_FIRST, &count, error));
    CHECK(count == 1, "read %zu records", count);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
    lode_store_free(store);
}

/* A callback that forks: the call goes on in both processes, and only the parent's may commit. */
struct forking {
    int left;
    pid_t child;
};

static int32_t forking_next(void *ctx)
{
    struct forking *feed = (struct forking *)ctx;
    if (feed->left-- == 3) {
        feed->child = begin_child();
        if (feed->child != 0) {
            expect_child(feed->child);
        }
    }
    return feed->left >= 0;
}

static void forking_record(void *ctx, lode_bytes *record)
{
    (void)ctx;
    record->data = (const uint8_t *)"1";
    record->len = 1;
}

static void inside_a_callback(void)
{
    lode_store *store = open_store(root);
    lode_dataset *dataset = open_dataset(store, "inside", NULL);
    struct forking feed = {4, -1};
    lode_record_iterator iterator = LODE_RECORD_ITERATOR_INIT;
    iterator.ctx = &feed;
    iterator.next = forking_next;
    iterator.record = forking_record;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, &snapshot, &error);
    if (feed.child == 0) {
        CHECK(status == LODE_ERR_FORKED, "the child's call gave %s", lode_status_name(status));
        CHECK(status >= 0 || strstr(lode_error_message(error), "forked") != NULL, "message: %s",
              lode_error_message(error));
        lode_error_free(error);
        end_child();
    }
    CHECK(status == LODE_OK, "the parent's call gave %s", lode_error_message(error));
    lode_error_free(error);
    size_t count = 0;
    GIVES(LODE_OK, read_all(dataset, snapshot, LODE_VERIFY_FIRST, &count, error));
    CHECK(count == 4, "read %zu records", count);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_store_free(store);
}

/* A handle of the child's own is refused to the child's child, and one of the grandparent's, too. */
static void generations(void)
{
    struct world world = open_world(open_store(root));
    struct handles of = open_handles(&world);
    pid_t child = begin_child();
    if (child == 0) {
        struct handles own = open_handles(&world);
        pid_t grandchild = begin_child();
        if (grandchild == 0) {
            all_refused(&of);
            all_refused(&own);
            free_all(&of);
            free_all(&own);
            end_child();
        }
        expect_child(grandchild);
        GIVES(LODE_OK, lode_record_writer_commit(own.records, "{}", NULL, NULL, error));
        free_all(&own);
        free_all(&of);
        end_child();
    }
    expect_child(child);
    GIVES(LODE_OK, lode_record_writer_commit(of.records, "{}", NULL, NULL, error));
    free_all(&of);
    close_world(&world);
}

int main(void)
{
    make_root(root);
    both_sides(directory, 1);
    remove_tree(root);
    make_root(root);
    both_sides(callbacks, 0);
    uploads_of_callbacks();
    after_a_failed_commit();
    inside_a_callback();
    generations();
    remove_tree(root);
    return finish("fork");
}
