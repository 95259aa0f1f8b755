/* Misuse by a caller: NULL for each pointer, text that is no UTF-8, struct sizes of zero and beyond reason, a
 * length with NULL. Each is an error that names the parameter, never a crash, and nothing is written beyond
 * the caller's room. */
#include "check.h"

#include <stddef.h>

static lode_store *store;
static lode_dataset *dataset;

static const char BAD_UTF8[] = "id-\xc3\x28";

#define INVALID LODE_ERR_INVALID_ARGUMENT

static void null_pointers(void)
{
    lode_store *new_store = NULL;
    lode_dataset *new_dataset = NULL;
    lode_snapshot *snapshot = NULL;
    lode_snapshot_iterator *snapshots = NULL;
    lode_record_writer *writer = NULL;
    lode_record_reader *reader = NULL;
    lode_cancel_token *token = NULL;
    lode_dataset_options jsonl = jsonl_options();
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_bytes record;
    size_t count = 0;
    size_t length = 1;

    REFUSED(INVALID, "token", lode_cancel_token_new(NULL, error));
    REFUSED(INVALID, "root", lode_store_open_filesystem(NULL, NULL, &new_store, error));
    REFUSED(INVALID, "store", lode_store_open_filesystem("/tmp", NULL, NULL, error));
    REFUSED(INVALID, "store", lode_store_open_memory(NULL, NULL, error));
    REFUSED(INVALID, "store", lode_dataset_open(NULL, "id", &jsonl, &new_dataset, error));
    REFUSED(INVALID, "dataset_id", lode_dataset_open(store, NULL, &jsonl, &new_dataset, error));
    REFUSED(INVALID, "dataset", lode_dataset_open(store, "id", &jsonl, NULL, error));

    REFUSED(INVALID, "dataset", lode_dataset_stream_write_records(NULL, &iterator, "{}", NULL, &snapshot, error));
    CHECK(feed.released == 2, "an iterator given with a NULL dataset twice was released %d times", feed.released);
    REFUSED(LODE_ERR_NIL_ITERATOR, "records", lode_dataset_stream_write_records(dataset, NULL, "{}", NULL, &snapshot, error));

    REFUSED(INVALID, "dataset", lode_dataset_open_record_writer(NULL, NULL, &writer, error));
    REFUSED(INVALID, "writer", lode_dataset_open_record_writer(dataset, NULL, NULL, error));
    REFUSED(INVALID, "writer", lode_record_writer_append(NULL, "1", 1, NULL, error));
    REFUSED(INVALID, "writer", lode_record_writer_append_batch(NULL, "1", &length, NULL, 1, &count, error));
    const lode_bytes one = {(const uint8_t *)"1", 1};
    REFUSED(INVALID, "writer", lode_record_writer_append_records(NULL, &one, NULL, 1, &count, error));
    REFUSED(INVALID, "writer", lode_record_writer_append_lines(NULL, "1\n", 2, &count, error));
    REFUSED(INVALID, "writer", lode_record_writer_commit(NULL, "{}", NULL, &snapshot, error));
    REFUSED(INVALID, "writer", lode_record_writer_abort(NULL, error));
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    REFUSED(INVALID, "data", lode_record_writer_append(writer, NULL, 1, NULL, error));
    REFUSED(INVALID, "data", lode_record_writer_append_batch(writer, NULL, &length, NULL, 1, &count, error));
    REFUSED(INVALID, "lengths", lode_record_writer_append_batch(writer, "1", NULL, NULL, 1, &count, error));
    REFUSED(INVALID, "data", lode_record_writer_append_lines(writer, NULL, 1, &count, error));
    REFUSED(INVALID, "consumed", lode_record_writer_append_lines(writer, "1\n", 2, NULL, error));
    REFUSED(INVALID, "taken", lode_record_writer_append_batch(writer, "1", &length, NULL, 1, NULL, error));
    GIVES(LODE_OK, lode_record_writer_append_batch(writer, NULL, NULL, NULL, 0, &count, error));
    REFUSED(INVALID, "records", lode_record_writer_append_records(writer, NULL, NULL, 1, &count, error));
    REFUSED(INVALID, "taken", lode_record_writer_append_records(writer, &one, NULL, 1, NULL, error));
    GIVES(LODE_OK, lode_record_writer_append_records(writer, NULL, NULL, 0, &count, error));
    GIVES(LODE_OK, lode_record_writer_append_lines(writer, NULL, 0, &count, error));
    size_t huge[2] = {SIZE_MAX, SIZE_MAX};
    REFUSED(INVALID, "lengths", lode_record_writer_append_batch(writer, "1", huge, NULL, 2, &count, error));
    REFUSED(INVALID, "data", lode_record_writer_append(writer, "1", SIZE_MAX, NULL, error));
    REFUSED(INVALID, "data", lode_record_writer_append_lines(writer, "1", SIZE_MAX, &count, error));
    CHECK(lode_record_writer_record_count(writer) == 0, "refused records were counted");

    GIVES(LODE_OK, lode_record_writer_append(writer, "1", 1, NULL, error));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));

    REFUSED(INVALID, "dataset", lode_dataset_resolve_commit(NULL, "1-2", NULL, NULL, error));
    REFUSED(INVALID, "snapshot_id", lode_dataset_resolve_commit(dataset, NULL, NULL, NULL, error));
    REFUSED(INVALID, "dataset", lode_dataset_find_latest(NULL, NULL, &(lode_snapshot *){NULL}, error));
    REFUSED(INVALID, "snapshot", lode_dataset_find_latest(dataset, NULL, NULL, error));
    REFUSED(INVALID, "dataset", lode_dataset_find_snapshot(NULL, "1", NULL, &(lode_snapshot *){NULL}, error));
    REFUSED(INVALID, "snapshot_id", lode_dataset_find_snapshot(dataset, NULL, NULL, &(lode_snapshot *){NULL}, error));
    REFUSED(INVALID, "snapshot", lode_dataset_find_snapshot(dataset, lode_snapshot_id(snapshot), NULL, NULL, error));
    REFUSED(INVALID, "dataset", lode_dataset_list_snapshots(NULL, NULL, &snapshots, error));
    REFUSED(INVALID, "snapshots", lode_dataset_list_snapshots(dataset, NULL, NULL, error));
    REFUSED(INVALID, "snapshots", lode_snapshot_iterator_next(NULL, &(lode_snapshot *){NULL}, error));
    GIVES(LODE_OK, lode_dataset_list_snapshots(dataset, NULL, &snapshots, error));
    REFUSED(INVALID, "snapshot", lode_snapshot_iterator_next(snapshots, NULL, error));

    REFUSED(INVALID, "dataset", lode_dataset_open_record_reader(NULL, snapshot, NULL, &reader, error));
    REFUSED(INVALID, "snapshot", lode_dataset_open_record_reader(dataset, NULL, NULL, &reader, error));
    REFUSED(INVALID, "reader", lode_dataset_open_record_reader(dataset, snapshot, NULL, NULL, error));
    REFUSED(INVALID, "reader", lode_record_reader_next(NULL, &record, error));
    REFUSED(INVALID, "reader", lode_record_reader_next_batch(NULL, &record, 1, &count, error));
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
    REFUSED(INVALID, "record", lode_record_reader_next(reader, NULL, error));
    REFUSED(INVALID, "records", lode_record_reader_next_batch(reader, NULL, 1, &count, error));
    REFUSED(INVALID, "count", lode_record_reader_next_batch(reader, &record, 1, NULL, error));
    REFUSED(INVALID, "capacity", lode_record_reader_next_batch(reader, &record, 0, &count, error));
    GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error)); /* the reader is unharmed */

    lode_record_reader_free(reader);
    lode_snapshot_iterator_free(snapshots);
    lode_record_writer_free(writer);
    lode_snapshot_free(snapshot);
    CHECK(token == NULL && new_store == NULL && new_dataset == NULL, "a refused call gave a handle");
}

/* Accessors have an answer for a NULL handle. */
static void null_accessors(void)
{
    CHECK(lode_error_status(NULL) == LODE_OK && lode_error_action(NULL) == LODE_ACTION_NONE, "no error is a failure");
    const char *message = lode_error_message(NULL);
    CHECK(message == NULL || message[0] == '\0', "no error says %s", message);
    CHECK(lode_error_path(NULL) == NULL && lode_error_snapshot_id(NULL) == NULL, "no error has a path or a snapshot id");
    CHECK(lode_error_record(NULL) == -1 && lode_error_offset(NULL) == -1, "no error has a record or an offset");
    CHECK(lode_error_errno(NULL) == 0 && lode_error_callback_code(NULL) == 0, "no error has a number");

    CHECK(lode_snapshot_id(NULL) == NULL && lode_snapshot_dataset_id(NULL) == NULL && lode_snapshot_parent_id(NULL) == NULL &&
              lode_snapshot_codec(NULL) == NULL && lode_snapshot_compressor(NULL) == NULL &&
              lode_snapshot_metadata_json(NULL) == NULL && lode_snapshot_manifest_json(NULL) == NULL,
          "no snapshot has a text");
    lode_snapshot_created_at(NULL);
    lode_snapshot_row_count(NULL);
    CHECK(lode_snapshot_min_timestamp(NULL) == LODE_NO_TIMESTAMP && lode_snapshot_max_timestamp(NULL) == LODE_NO_TIMESTAMP,
          "no snapshot has a timestamp");
    CHECK(lode_snapshot_file_count(NULL) == 0 && lode_snapshot_file_path(NULL, 0) == NULL &&
              lode_snapshot_file_location(NULL, 0) == NULL && lode_snapshot_file_checksum(NULL, 0) == NULL &&
              lode_snapshot_file_size(NULL, 0) == -1 && lode_snapshot_file_row_count(NULL, 0) == -1,
          "no snapshot has a file");
    lode_record_writer_record_count(NULL);
    lode_record_writer_skipped_count(NULL);
    lode_record_writer_byte_count(NULL);

    lode_error_free(NULL);
    lode_store_free(NULL);
    lode_dataset_free(NULL);
    lode_snapshot_free(NULL);
    lode_snapshot_iterator_free(NULL);
    lode_record_writer_free(NULL);
    lode_record_reader_free(NULL);
    lode_cancel_token_free(NULL);
    lode_cancel_token_cancel(NULL);

    CHECK(strcmp(lode_status_name(LODE_ERR_CONFLICT), "LODE_ERR_CONFLICT") == 0, "the name %s",
          lode_status_name(LODE_ERR_CONFLICT));
    CHECK(strcmp(lode_status_name(LODE_ITEM), "LODE_ITEM") == 0, "the name %s", lode_status_name(LODE_ITEM));
    CHECK(strcmp(lode_status_name(-12345), "LODE_ERR_UNKNOWN") == 0, "the name %s", lode_status_name(-12345));
    CHECK(strcmp(lode_status_name(12345), "LODE_OK") == 0, "the name %s", lode_status_name(12345));
    CHECK(strcmp(lode_action_name(LODE_ACTION_REBASE), "LODE_ACTION_REBASE") == 0, "the name %s",
          lode_action_name(LODE_ACTION_REBASE));
    CHECK(strcmp(lode_action_name(12345), "LODE_ACTION_GIVE_UP") == 0, "the name %s", lode_action_name(12345));
    CHECK(lode_has_feature(NULL) == 0 && lode_has_feature("no such thing") == 0 && lode_has_feature(BAD_UTF8) == 0,
          "a feature that does not exist is there");
#ifdef EVERY_FEATURE
    CHECK(lode_has_feature("parquet") == 1, "no parquet in a build with it");
#else
    CHECK(lode_has_feature("parquet") == 0, "parquet in a build without it");
#endif
#if !LODE_CHECK_VERSION(LODE_VERSION_MAJOR, LODE_VERSION_MINOR, LODE_VERSION_PATCH) || !LODE_CHECK_VERSION(0, 1, 0)
#error "the header is not of its own version"
#endif
#if LODE_CHECK_VERSION(LODE_VERSION_MAJOR, LODE_VERSION_MINOR, LODE_VERSION_PATCH + 1) ||                              \
    LODE_CHECK_VERSION(LODE_VERSION_MAJOR, LODE_VERSION_MINOR + 1, 0) || LODE_CHECK_VERSION(LODE_VERSION_MAJOR + 1, 0, 0)
#error "the header is of a later version than its own"
#endif
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", LODE_VERSION_MAJOR, LODE_VERSION_MINOR, LODE_VERSION_PATCH);
    CHECK(strcmp(lode_version(), version) == 0, "the library is %s, the header %s", lode_version(), version);
    CHECK(lode_version_number() == LODE_VERSION_NUMBER, "the library is %d, the header %d", lode_version_number(),
          LODE_VERSION_NUMBER);
}

static void bad_text(void)
{
    lode_store *new_store = NULL;
    lode_dataset *new_dataset = NULL;
    lode_snapshot *snapshot = NULL;
    lode_dataset_options jsonl = jsonl_options();
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);

    REFUSED(INVALID, "root", lode_store_open_filesystem("/tmp/\xff\xfe", NULL, &new_store, error));
    REFUSED(INVALID, "root", lode_store_open_filesystem("", NULL, &new_store, error));
    REFUSED(INVALID, "dataset_id", lode_dataset_open(store, BAD_UTF8, &jsonl, &new_dataset, error));
    REFUSED(INVALID, "metadata", lode_dataset_stream_write_records(dataset, &iterator, "{\"a\":\"\xff\"}", NULL, NULL, error));
    options.expected_parent = BAD_UTF8;
    REFUSED(INVALID, "expected_parent", lode_dataset_stream_write_records(dataset, &iterator, "{}", &options, NULL, error));
    CHECK(feed.released == 4 && feed.next_calls == 0, "four refused streams: released %d times, next called %d times",
          feed.released, feed.next_calls);
    lode_record_writer *writer = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    REFUSED(INVALID, "metadata", lode_record_writer_commit(writer, "{\"a\":\"\xff\"}", NULL, NULL, error));
    REFUSED(INVALID, "expected_parent", lode_record_writer_commit(writer, "{}", &options, NULL, error));
    lode_record_writer_free(writer);
    REFUSED(INVALID, "snapshot_id", lode_dataset_find_snapshot(dataset, BAD_UTF8, NULL, &snapshot, error));
    REFUSED(INVALID, "snapshot_id", lode_dataset_resolve_commit(dataset, BAD_UTF8, NULL, &snapshot, error));
}

/* ---- Structs ---- */

/* Room for any struct, and more behind it. */
union room {
    unsigned char bytes[1024];
    size_t struct_size;
    lode_call_options call;
    lode_store_options store;
    lode_dataset_options dataset;
    lode_commit_options commit;
    lode_record_iterator iterator;
    lode_record_writer_options writer;
    lode_read_options read;
    lode_byte_source source;
    lode_blob_writer_options blob_writer;
    lode_catalog_options catalog;
    lode_collect_options collect;
    lode_store_callbacks callbacks;
    lode_volume_options volume;
};

static lode_status use_call(union room *room, lode_error **error)
{
    lode_snapshot *snapshot = NULL;
    lode_status status = lode_dataset_find_latest(dataset, &room->call, &snapshot, error);
    lode_snapshot_free(snapshot);
    return status;
}

static lode_status use_store(union room *room, lode_error **error)
{
    lode_store *opened = NULL;
    lode_status status = lode_store_open_memory(&room->store, &opened, error);
    lode_store_free(opened);
    return status;
}

static lode_status use_dataset(union room *room, lode_error **error)
{
    lode_dataset *opened = NULL;
    lode_status status = lode_dataset_open(store, "structs", &room->dataset, &opened, error);
    lode_dataset_free(opened);
    return status;
}

static lode_status use_commit(union room *room, lode_error **error)
{
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", &room->commit, NULL, error);
    CHECK(feed.released == 1, "released %d times", feed.released);
    return status;
}

static struct feed iterated;

static lode_status use_iterator(union room *room, lode_error **error)
{
    iterated = feed_of(FIVE, 5);
    room->iterator.ctx = &iterated;
    room->iterator.next = feed_next;
    room->iterator.record = feed_record;
    return lode_dataset_stream_write_records(dataset, &room->iterator, "{}", NULL, NULL, error);
}

static lode_status use_writer(union room *room, lode_error **error)
{
    lode_record_writer *writer = NULL;
    lode_status status = lode_dataset_open_record_writer(dataset, &room->writer, &writer, error);
    lode_record_writer_free(writer);
    return status;
}

static lode_status use_read(union room *room, lode_error **error)
{
    lode_snapshot *snapshot = NULL;
    lode_record_reader *reader = NULL;
    GIVES(LODE_OK, lode_dataset_find_latest(dataset, NULL, &snapshot, error));
    lode_status status = lode_dataset_open_record_reader(dataset, snapshot, &room->read, &reader, error);
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    return status;
}

static int64_t no_bytes(void *ctx, uint8_t *buffer, size_t capacity)
{
    (void)ctx;
    (void)buffer;
    (void)capacity;
    return 0;
}

static lode_dataset *blobs;

static lode_status use_source(union room *room, lode_error **error)
{
    room->source.read = no_bytes;
    return lode_dataset_stream_write_blob(blobs, &room->source, "{}", NULL, NULL, error);
}

static lode_status use_blob_writer(union room *room, lode_error **error)
{
    lode_blob_writer *writer = NULL;
    lode_status status = lode_dataset_open_blob_writer(blobs, &room->blob_writer, &writer, error);
    lode_blob_writer_free(writer);
    return status;
}

static lode_status use_catalog(union room *room, lode_error **error)
{
    lode_catalog *catalog = NULL;
    lode_status status = lode_catalog_open(store, &room->catalog, &catalog, error);
    lode_catalog_free(catalog);
    return status;
}

static lode_status use_collect(union room *room, lode_error **error)
{
    return lode_dataset_collect(dataset, &room->collect, NULL, NULL, NULL, NULL, NULL, error);
}

static int64_t nothing_to_read(void *ctx, const char *key, uint64_t offset, uint8_t *buffer, size_t capacity,
                               lode_callback_error *error)
{
    (void)ctx;
    (void)key;
    (void)offset;
    (void)buffer;
    (void)capacity;
    (void)error;
    return LODE_ERR_NOT_FOUND;
}

static int32_t nothing_there(void *ctx, const char *key, uint64_t *size, lode_callback_error *error)
{
    (void)ctx;
    (void)key;
    (void)size;
    (void)error;
    return LODE_ERR_NOT_FOUND;
}

static lode_status use_callbacks(union room *room, lode_error **error)
{
    lode_store *opened = NULL;
    room->callbacks.read = nothing_to_read;
    room->callbacks.stat = nothing_there;
    lode_status status = lode_store_open_callbacks(&room->callbacks, NULL, &opened, error);
    lode_store_free(opened);
    return status;
}

static lode_status use_volume(union room *room, lode_error **error)
{
    lode_volume *volume = NULL;
    lode_status status = lode_volume_open(store, "structs", &room->volume, &volume, error);
    lode_volume_free(volume);
    return status;
}

/* The function that initialises a struct, and what the macro initialises one with. */
#define DEFINE_INIT(type, initial)                                                                                     \
    static void init_##type(void *room, size_t told)                                                                   \
    {                                                                                                                  \
        type##_init((type *)room, told);                                                                               \
    }                                                                                                                  \
    static const type initial_##type = initial;
DEFINE_INIT(lode_call_options, LODE_CALL_OPTIONS_INIT)
DEFINE_INIT(lode_store_options, LODE_STORE_OPTIONS_INIT)
DEFINE_INIT(lode_dataset_options, LODE_DATASET_OPTIONS_INIT)
DEFINE_INIT(lode_commit_options, LODE_COMMIT_OPTIONS_INIT)
DEFINE_INIT(lode_record_iterator, LODE_RECORD_ITERATOR_INIT)
DEFINE_INIT(lode_record_writer_options, LODE_RECORD_WRITER_OPTIONS_INIT)
DEFINE_INIT(lode_read_options, LODE_READ_OPTIONS_INIT)
DEFINE_INIT(lode_byte_source, LODE_BYTE_SOURCE_INIT)
DEFINE_INIT(lode_blob_writer_options, LODE_BLOB_WRITER_OPTIONS_INIT)
DEFINE_INIT(lode_catalog_options, LODE_CATALOG_OPTIONS_INIT)
DEFINE_INIT(lode_collect_options, LODE_COLLECT_OPTIONS_INIT)
DEFINE_INIT(lode_store_callbacks, LODE_STORE_CALLBACKS_INIT)
DEFINE_INIT(lode_volume_options, LODE_VOLUME_OPTIONS_INIT)

static void structs(void)
{
    static const struct {
        const char *name;
        size_t size;
        void (*init)(void *, size_t);
        const void *initial;
        lode_status (*use)(union room *, lode_error **);
    } structs[] = {
#define STRUCT(type, use) {#type, sizeof(type), init_##type, &initial_##type, use}
        STRUCT(lode_call_options, use_call),
        STRUCT(lode_store_options, use_store),
        STRUCT(lode_dataset_options, use_dataset),
        STRUCT(lode_commit_options, use_commit),
        STRUCT(lode_record_iterator, use_iterator),
        STRUCT(lode_record_writer_options, use_writer),
        STRUCT(lode_read_options, use_read),
        STRUCT(lode_byte_source, use_source),
        STRUCT(lode_blob_writer_options, use_blob_writer),
        STRUCT(lode_catalog_options, use_catalog),
        STRUCT(lode_collect_options, use_collect),
        STRUCT(lode_store_callbacks, use_callbacks),
        STRUCT(lode_volume_options, use_volume),
    };
    lode_dataset_options raw = LODE_DATASET_OPTIONS_INIT;
    GIVES(LODE_OK, lode_dataset_open(store, "blobs", &raw, &blobs, error));
    lode_snapshot_free(commit_records(dataset, FIVE, 5)); /* something to read */
    lode_store_options logged;
    lode_store_options_init(&logged, sizeof logged);
    CHECK(logged.log == NULL, "the default is a log");
    for (size_t i = 0; i < sizeof structs / sizeof structs[0]; i++) {
        const char *name = structs[i].name;
        size_t size = structs[i].size;
        union room room;

        /* init writes no more bytes than its size argument says. */
        for (size_t told = 0; told <= size + 16; told++) {
            memset(&room, 0xA5, sizeof room);
            structs[i].init(&room, told);
            size_t beyond = told;
            while (beyond < sizeof room && room.bytes[beyond] == 0xA5) {
                beyond++;
            }
            CHECK(beyond == sizeof room, "%s_init(…, %zu) wrote byte %zu", name, told, beyond);
            if (told >= sizeof(size_t)) {
                CHECK(room.struct_size == told, "%s_init(…, %zu) set struct_size %zu", name, told, room.struct_size);
            }
        }
        structs[i].init(NULL, size);
        memset(&room, 0, sizeof room);
        structs[i].init(&room, size);
        CHECK(memcmp(&room, structs[i].initial, size) == 0, "the macro and %s_init give different structs", name);

        /* All zero but the size, which is what init gives, means the defaults. */
        memset(&room, 0, sizeof room);
        room.struct_size = size;
        GIVES(LODE_OK, structs[i].use(&room, error));
        /* A larger struct of a later version, as long as what is new in it is zero. */
        room.struct_size = size + 64;
        GIVES(LODE_OK, structs[i].use(&room, error));
        room.bytes[size + 40] = 1;
        REFUSED(LODE_ERR_UNSUPPORTED, name, structs[i].use(&room, error));
        room.bytes[size + 40] = 0;
        static const size_t sizes[] = {0, 1, 4, 8};
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            memset(&room, 0, sizeof room);
            room.struct_size = sizes[j];
            REFUSED(INVALID, "struct_size", structs[i].use(&room, error));
        }
        /* A struct whose size makes no sense is not read to its end. */
        static const size_t unreasonable[] = {SIZE_MAX, SIZE_MAX / 2, 1u << 30};
        for (size_t j = 0; j < sizeof unreasonable / sizeof unreasonable[0]; j++) {
            memset(&room, 0, sizeof room);
            room.struct_size = unreasonable[j];
            REFUSED(INVALID, "struct_size", structs[i].use(&room, error));
        }
    }
    lode_dataset_free(blobs);
}

/* ---- Values out of range inside structs ---- */

static void values(void)
{
    lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
    lode_record_reader *reader = NULL;
    lode_read_options read;
    static const int32_t verifies[] = {-1, 3, INT32_MAX};
    for (size_t i = 0; i < sizeof verifies / sizeof verifies[0]; i++) {
        lode_read_options_init(&read, sizeof read);
        read.verify = verifies[i];
        REFUSED(INVALID, "verify", lode_dataset_open_record_reader(dataset, snapshot, &read, &reader, error));
    }
    lode_snapshot_free(snapshot);

    lode_record_writer_options writing;
    lode_record_writer *writer = NULL;
    lode_record_writer_options_init(&writing, sizeof writing);
    writing.bad_records = 9;
    REFUSED(INVALID, "bad_records", lode_dataset_open_record_writer(dataset, &writing, &writer, error));

    lode_dataset *opened = NULL;
    lode_dataset_options options = jsonl_options();
    options.max_record_bytes = -1;
    REFUSED(INVALID, "max_record_bytes", lode_dataset_open(store, "values", &options, &opened, error));
    options = jsonl_options();
    options.retry_attempts = -1;
    REFUSED(INVALID, "retry_attempts", lode_dataset_open(store, "values", &options, &opened, error));
}

int main(void)
{
    char root[256];
    make_root(root);
    store = open_store(root);
    dataset = open_dataset(store, "misused", NULL);
    null_pointers();
    null_accessors();
    bad_text();
    structs();
    values();
    lode_dataset_free(dataset);
    lode_store_free(store);
    remove_tree(root);
    return finish("api_misuse");
}
