/* Raw blobs: written from memory, pulled and pushed; read as a stream and by range; what is refused; and that
 * a blob of 300 MB passes through a small part of that in memory. */
#include "check.h"

#include <sys/resource.h>
#include <sys/wait.h>

enum { CHUNK = 256 << 10 };

static lode_store *store;

static lode_dataset *open_blobs(const char *id, int32_t compressor)
{
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.compressor = compressor;
    return open_dataset(store, id, &options);
}

/* Byte number `at` of a blob that no two offsets make equal for long. */
static uint8_t byte_at(uint64_t at)
{
    uint64_t mixed = (at >> 3) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint8_t)(mixed >> (8 * (at & 7)));
}

static void fill(uint8_t *buffer, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        buffer[i] = byte_at(at + i);
    }
}

static int is_filled(const uint8_t *buffer, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (buffer[i] != byte_at(at + i)) {
            return 0;
        }
    }
    return 1;
}

/* A source of `len` such bytes, `piece` at a time, with every way to misbehave. */
struct source {
    uint64_t len;
    uint64_t given;
    size_t piece;
    int64_t answer;       /* given instead of the end */
    int lie;              /* answers one byte more than there is room for */
    int calls_after_end;
    int ended;
    size_t least;         /* the least room there was */
    lode_dataset *free;   /* freed by the first call */
    lode_cancel_token *cancel; /* cancelled by the first call */
    const char *text;     /* what it says about its end */
    int asked;            /* how often it was asked for that */
    int released;
};

static int64_t source_read(void *ctx, uint8_t *buffer, size_t capacity)
{
    struct source *source = (struct source *)ctx;
    source->calls_after_end += source->ended;
    if (source->least == 0 || capacity < source->least) {
        source->least = capacity;
    }
    lode_dataset_free(source->free);
    source->free = NULL;
    if (source->cancel != NULL) {
        lode_cancel_token_cancel(source->cancel);
    }
    if (source->lie) {
        source->ended = 1;
        return (int64_t)capacity + 1;
    }
    uint64_t left = source->len - source->given;
    size_t len = source->piece < capacity ? source->piece : capacity;
    len = left < len ? (size_t)left : len;
    if (len == 0) {
        source->ended = 1;
        return source->answer;
    }
    fill(buffer, source->given, len);
    source->given += len;
    return (int64_t)len;
}

static const char *source_err(void *ctx)
{
    struct source *source = (struct source *)ctx;
    source->asked++;
    return source->text;
}

static void source_release(void *ctx)
{
    ((struct source *)ctx)->released++;
}

static lode_byte_source source_bytes(struct source *source)
{
    lode_byte_source bytes;
    lode_byte_source_init(&bytes, sizeof bytes);
    bytes.ctx = source;
    bytes.read = source_read;
    bytes.err = source_err;
    bytes.release = source_release;
    return bytes;
}

/* Streams the source's bytes in, and checks that it was released once. */
static lode_status stream_write(lode_dataset *dataset, struct source *source, const char *metadata,
                                const lode_commit_options *options, lode_snapshot **snapshot, lode_error **error)
{
    lode_byte_source bytes = source_bytes(source);
    source->released = 0;
    lode_status status = lode_dataset_stream_write_blob(dataset, &bytes, metadata, options, snapshot, error);
    CHECK(source->released == 1, "the source was released %d times", source->released);
    return status;
}

static struct source source_of(uint64_t len, size_t piece)
{
    struct source source = {0};
    source.len = len;
    source.piece = piece;
    return source;
}

/* The whole stream is bytes of that kind, `len` of them. */
static void expect_stream(lode_dataset *dataset, const lode_snapshot *snapshot, int32_t verify, uint64_t len)
{
    static uint8_t buffer[100003];
    lode_read_options options;
    lode_read_options_init(&options, sizeof options);
    options.verify = verify;
    lode_blob_reader *reader = (lode_blob_reader *)GARBAGE;
    GIVES(LODE_OK, lode_dataset_open_blob_reader(dataset, snapshot, &options, &reader, error));
    uint64_t at = 0;
    size_t read = 99;
    lode_error *error = NULL;
    lode_status status;
    while ((status = lode_blob_reader_read(reader, buffer, sizeof buffer, &read, &error)) == LODE_ITEM) {
        CHECK(read == sizeof buffer || at + read == len, "%zu bytes in the midst of the blob", read);
        CHECK(is_filled(buffer, at, read), "other bytes at %" PRIu64, at);
        at += read;
    }
    CHECK(status == LODE_OK && read == 0, "the end gave %s with %zu bytes: %s", lode_status_name(status), read,
          status < 0 ? lode_error_message(error) : "-");
    lode_error_free(error);
    CHECK(at == len, "read %" PRIu64 " bytes, wrote %" PRIu64, at, len);
    GIVES(LODE_OK, lode_blob_reader_read(reader, buffer, sizeof buffer, &read, error));
    lode_blob_reader_free(reader);
}

static void round_trips(void)
{
    static const char *const extensions[] = {"/data/blob", "/data/blob.gz", "/data/blob.zst"};
    const size_t len = 3 * CHUNK + 77;
    uint8_t *data = (uint8_t *)malloc(len);
    REQUIRE(data != NULL, "no memory");
    fill(data, 0, len);
    for (int32_t compressor = LODE_COMPRESSOR_NONE; compressor <= LODE_COMPRESSOR_ZSTD; compressor++) {
        char id[32];
        snprintf(id, sizeof id, "blobs-%d", (int)compressor);
        lode_dataset *dataset = open_blobs(id, compressor);
        lode_snapshot *snapshots[4] = {NULL, NULL, NULL, NULL};
        GIVES(LODE_OK, lode_dataset_write_blob(dataset, data, len, "{\"form\":\"memory\"}", NULL, &snapshots[0], error));
        struct source source = source_of(len, 1000);
        GIVES(LODE_OK, stream_write(dataset, &source, "{}", NULL, &snapshots[1], error));
        CHECK(source.ended && source.calls_after_end == 0, "%d calls after the end", source.calls_after_end);
        CHECK(source.least >= 65536, "room for %zu bytes only", source.least);
        lode_blob_writer *writer = (lode_blob_writer *)GARBAGE;
        lode_blob_writer_options early;
        lode_blob_writer_options_init(&early, sizeof early);
        early.early_writeback = 1;
        GIVES(LODE_OK, lode_dataset_open_blob_writer(dataset, &early, &writer, error));
        GIVES(LODE_OK, lode_blob_writer_write(writer, data, 1, error));
        GIVES(LODE_OK, lode_blob_writer_write(writer, NULL, 0, error));
        GIVES(LODE_OK, lode_blob_writer_write(writer, data + 1, len - 1, error));
        GIVES(LODE_OK, lode_blob_writer_commit(writer, "{}", NULL, &snapshots[2], error));
        lode_blob_writer_free(writer);
        GIVES(LODE_OK, lode_dataset_write_blob(dataset, NULL, 0, "{}", NULL, &snapshots[3], error));

        for (int i = 0; i < 4; i++) {
            const lode_snapshot *snapshot = snapshots[i];
            CHECK(lode_snapshot_codec(snapshot) == NULL, "codec %s", lode_snapshot_codec(snapshot));
            CHECK(lode_snapshot_row_count(snapshot) == 1, "row count %" PRId64, lode_snapshot_row_count(snapshot));
            CHECK(lode_snapshot_file_count(snapshot) == 1, "%zu files", lode_snapshot_file_count(snapshot));
            const char *path = lode_snapshot_file_path(snapshot, 0);
            const char *name = extensions[compressor];
            CHECK(strlen(path) > strlen(name) && strcmp(path + strlen(path) - strlen(name), name) == 0, "path %s", path);
            for (int32_t verify = 0; verify <= 2; verify++) {
                expect_stream(dataset, snapshot, verify, i < 3 ? len : 0);
            }
            if (i > 0) {
                CHECK(strcmp(lode_snapshot_parent_id(snapshot), lode_snapshot_id(snapshots[i - 1])) == 0, "the parent is %s",
                      lode_snapshot_parent_id(snapshot));
            }
        }
        CHECK(strstr(lode_snapshot_metadata_json(snapshots[0]), "memory") != NULL, "metadata %s",
              lode_snapshot_metadata_json(snapshots[0]));

        /* By range. Dataset and snapshot may go before the reader. */
        lode_blob_reader *reader = NULL;
        GIVES(LODE_OK, lode_dataset_open_blob_reader(dataset, snapshots[1], NULL, &reader, error));
        for (int i = 0; i < 4; i++) {
            lode_snapshot_free(snapshots[i]);
        }
        lode_dataset_free(dataset);
        static const struct { uint64_t offset; size_t capacity; size_t expected; } ranges[] = {
            {0, 10, 10}, {2 * CHUNK, 1000, 1000}, {5, 3 * CHUNK, 3 * CHUNK}, {3 * CHUNK + 70, 100, 7},
            {3 * CHUNK + 77, 1, 0}, {UINT64_MAX, 10, 0}, {1, 1, 1},
        };
        uint8_t *buffer = (uint8_t *)malloc(len);
        REQUIRE(buffer != NULL, "no memory");
        for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
            size_t read = 99;
            GIVES(ranges[i].expected > 0 ? LODE_ITEM : LODE_OK,
                  lode_blob_reader_read_at(reader, ranges[i].offset, buffer, ranges[i].capacity, &read, error));
            CHECK(read == ranges[i].expected && is_filled(buffer, ranges[i].offset, read),
                  "%zu bytes at %" PRIu64 ", expected %zu of the blob's", read, ranges[i].offset, ranges[i].expected);
        }
        size_t read = 0;
        GIVES(LODE_ITEM, lode_blob_reader_read(reader, buffer, 5, &read, error));
        CHECK(read == 5 && is_filled(buffer, 0, 5), "the ranges have moved the stream");
        free(buffer);
        lode_blob_reader_free(reader);
    }
    free(data);
}

static void refused(void)
{
    lode_dataset *dataset = open_blobs("refused", LODE_COMPRESSOR_NONE);
    lode_dataset *records = open_dataset(store, "refused", NULL);
    lode_snapshot *snapshot = (lode_snapshot *)GARBAGE;
    lode_blob_writer *writer = (lode_blob_writer *)GARBAGE;
    lode_blob_reader *reader = (lode_blob_reader *)GARBAGE;
    struct source source = source_of(10, 10);

    /* A codec, or none: each call says which it needs. */
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "without a codec", lode_dataset_write_blob(records, "x", 1, "{}", NULL, &snapshot, error));
    CHECK(snapshot == NULL, "a refused call left its output");
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "without a codec",
            stream_write(records, &source, "{}", NULL, NULL, error));
    CHECK(source.given == 0 && !source.ended, "a refused call has pulled");
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "without a codec", lode_dataset_open_blob_writer(records, NULL, &writer, error));
    CHECK(writer == NULL, "a refused call left its output");
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    REFUSED(LODE_ERR_CODEC_REQUIRED, "codec", lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, NULL, error));

    /* NULL and nonsense. */
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_write_blob(NULL, "x", 1, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "data", lode_dataset_write_blob(dataset, NULL, 1, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "PTRDIFF_MAX", lode_dataset_write_blob(dataset, "x", SIZE_MAX, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_METADATA_REQUIRED, "metadata_json", lode_dataset_write_blob(dataset, "x", 1, NULL, NULL, NULL, error));
    REFUSED(LODE_ERR_METADATA_INVALID, "metadata", lode_dataset_write_blob(dataset, "x", 1, "[]", NULL, NULL, error));
    REFUSED(LODE_ERR_METADATA_RESERVED, "lode.x", lode_dataset_write_blob(dataset, "x", 1, "{\"lode.x\":1}", NULL, NULL, error));
    REFUSED(LODE_ERR_NIL_ITERATOR, "source is NULL", lode_dataset_stream_write_blob(dataset, NULL, "{}", NULL, NULL, error));
    lode_byte_source nothing = LODE_BYTE_SOURCE_INIT;
    REFUSED(LODE_ERR_NIL_ITERATOR, "source has no read", lode_dataset_stream_write_blob(dataset, &nothing, "{}", NULL, NULL, error));
    nothing.struct_size = 1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "struct_size 1", lode_dataset_stream_write_blob(dataset, &nothing, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_METADATA_REQUIRED, "metadata_json",
            stream_write(dataset, &source, NULL, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "writer", lode_dataset_open_blob_writer(dataset, NULL, NULL, error));
    lode_blob_writer_options hasty = LODE_BLOB_WRITER_OPTIONS_INIT;
    hasty.early_writeback = -1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "options.early_writeback is -1", lode_dataset_open_blob_writer(dataset, &hasty, &writer, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "writer", lode_blob_writer_write(NULL, "x", 1, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "writer", lode_blob_writer_commit(NULL, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "writer", lode_blob_writer_abort(NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "no such handle", lode_blob_writer_write((lode_blob_writer *)(void *)dataset, "x", 1, error));
    lode_blob_writer_free(NULL);
    lode_blob_reader_free(NULL);

    /* The callback's failure and its lies; the fourth ends with an error that only `err` tells. */
    for (int i = 0; i < 4; i++) {
        lode_error *error = NULL;
        source = source_of(i == 2 ? 0 : 500, 100);
        source.answer = i == 3 ? 0 : -7;
        source.text = i == 3 ? "the pipe broke" : NULL;
        source.lie = i == 1;
        lode_status status = stream_write(dataset, &source, "{}", NULL, &snapshot, &error);
        CHECK(status == (i == 1 ? LODE_ERR_ITERATOR_CONTRACT : LODE_ERR_ITERATOR), "gave %s", lode_status_name(status));
        REQUIRE(status < 0, "a blob whose source failed was committed");
        CHECK(snapshot == NULL, "a refused call left its output");
        int32_t code = lode_error_callback_code(error);
        CHECK(i == 1 ? code > 65536 : code == (i == 3 ? 0 : -7), "the callback's code is %d", (int)code);
        CHECK(lode_error_offset(error) == (i == 0 || i == 3 ? 500 : 0), "at byte %" PRId64, lode_error_offset(error));
        CHECK(strstr(lode_error_message(error), i == 1 ? "broke its contract" : i == 3 ? "after 500 bytes: the pipe broke" : "with code -7") != NULL, "message: %s",
              lode_error_message(error));
        CHECK(source.asked == (i != 1), "asked %d times why it ended", source.asked);
        CHECK(source.calls_after_end == 0, "%d calls after the failure", source.calls_after_end);
        lode_error_free(error);
    }
    GIVES(LODE_ERR_NO_SNAPSHOTS, lode_dataset_find_latest(dataset, NULL, &snapshot, error));

    /* The limits of a call, and a callback that cancels and frees. */
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);
    options.deadline_ms = -1;
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_dataset_write_blob(dataset, "x", 1, "{}", &options, NULL, error));
    lode_commit_options_init(&options, sizeof options);
    options.expected_parent = "1700000000000000000";
    REFUSED(LODE_ERR_CONFLICT, "1700000000000000000", lode_dataset_write_blob(dataset, "x", 1, "{}", &options, NULL, error));
    lode_commit_options_init(&options, sizeof options);
    GIVES(LODE_OK, lode_cancel_token_new(&options.cancel, error));
    source = source_of(1000, 100);
    source.cancel = options.cancel;
    GIVES(LODE_ERR_CANCELLED, stream_write(dataset, &source, "{}", &options, NULL, error));
    CHECK(source.given == 100, "pulled %" PRIu64 " bytes after the token was cancelled", source.given);
    lode_cancel_token_free(options.cancel);
    source = source_of(1000, 100);
    source.free = open_blobs("refused", LODE_COMPRESSOR_NONE);
    GIVES(LODE_OK, stream_write(source.free, &source, "{}", NULL, &snapshot, error));

    /* Reading. */
    uint8_t buffer[10];
    size_t read = 99;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_open_blob_reader(NULL, snapshot, NULL, &reader, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot", lode_dataset_open_blob_reader(dataset, NULL, NULL, &reader, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "reader", lode_dataset_open_blob_reader(dataset, snapshot, NULL, NULL, error));
    CHECK(reader == NULL, "a refused call left its output");
    lode_read_options reading;
    lode_read_options_init(&reading, sizeof reading);
    reading.verify = 3;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "verify", lode_dataset_open_blob_reader(dataset, snapshot, &reading, &reader, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "reader", lode_blob_reader_read(NULL, buffer, 1, &read, error));
    CHECK(read == 0, "a refused call left its output");
    GIVES(LODE_OK, lode_dataset_open_blob_reader(records, snapshot, NULL, &reader, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "buffer", lode_blob_reader_read(reader, NULL, 1, &read, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "capacity", lode_blob_reader_read(reader, buffer, 0, &read, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "PTRDIFF_MAX", lode_blob_reader_read(reader, buffer, SIZE_MAX, &read, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "len", lode_blob_reader_read(reader, buffer, 1, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "reader", lode_blob_reader_read_at(NULL, 0, buffer, 1, &read, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "buffer", lode_blob_reader_read_at(reader, 0, NULL, 1, &read, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "capacity", lode_blob_reader_read_at(reader, 0, buffer, 0, &read, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "len", lode_blob_reader_read_at(reader, 0, buffer, 1, NULL, error));
    GIVES(LODE_ITEM, lode_blob_reader_read(reader, buffer, sizeof buffer, &read, error));
    CHECK(read == 10 && is_filled(buffer, 0, 10), "the refused reads have moved the reader");
    lode_blob_reader_free(reader);
    lode_record_reader *of_records = NULL;
    REFUSED(LODE_ERR_CODEC_REQUIRED, "raw blob", lode_dataset_open_record_reader(dataset, snapshot, NULL, &of_records, error));
    lode_snapshot *recorded = commit_records(records, FIVE, 5);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "holds records", lode_dataset_open_blob_reader(dataset, recorded, NULL, &reader, error));
    lode_snapshot_free(recorded);

    /* Each call has a deadline of its own, and a token ends them all. */
    lode_read_options_init(&reading, sizeof reading);
    GIVES(LODE_OK, lode_cancel_token_new(&reading.cancel, error));
    GIVES(LODE_OK, lode_dataset_open_blob_reader(dataset, snapshot, &reading, &reader, error));
    GIVES(LODE_ITEM, lode_blob_reader_read(reader, buffer, 1, &read, error));
    lode_cancel_token_cancel(reading.cancel);
    lode_cancel_token_free(reading.cancel);
    REFUSED(LODE_ERR_CANCELLED, "reading", lode_blob_reader_read(reader, buffer, 1, &read, error));
    REFUSED(LODE_ERR_CANCELLED, "reading", lode_blob_reader_read_at(reader, 0, buffer, 1, &read, error));
    lode_blob_reader_free(reader);
    lode_read_options_init(&reading, sizeof reading);
    reading.deadline_ms = -1;
    GIVES(LODE_OK, lode_dataset_open_blob_reader(dataset, snapshot, &reading, &reader, error));
    REFUSED(LODE_ERR_DEADLINE, "reading", lode_blob_reader_read_at(reader, 0, buffer, 1, &read, error));
    lode_blob_reader_free(reader);

    /* Damage: the bytes come first, the verdict with the end. */
    const char *key = lode_snapshot_file_path(snapshot, 0);
    size_t stored_len;
    char *bytes = stored(store, key, &stored_len);
    bytes[0] ^= 1;
    store_bytes(store, key, bytes, stored_len);
    GIVES(LODE_OK, lode_dataset_open_blob_reader(dataset, snapshot, NULL, &reader, error));
    uint8_t all[2000];
    GIVES(LODE_ITEM, lode_blob_reader_read(reader, all, sizeof all, &read, error));
    CHECK(read == 1000, "%zu bytes before the verdict", read);
    REFUSED(LODE_ERR_CORRUPT, lode_snapshot_file_checksum(snapshot, 0), lode_blob_reader_read(reader, all, sizeof all, &read, error));
    GIVES(LODE_ITEM, lode_blob_reader_read_at(reader, 10, all, 10, &read, error));
    lode_blob_reader_free(reader);
    lode_read_options_init(&reading, sizeof reading);
    reading.verify = 1;
    GIVES(LODE_OK, lode_dataset_open_blob_reader(dataset, snapshot, &reading, &reader, error));
    REFUSED(LODE_ERR_CORRUPT, "has the checksum", lode_blob_reader_read_at(reader, 10, all, 10, &read, error));
    lode_blob_reader_free(reader);
    store_bytes(store, key, bytes, 999);
    free(bytes);
    GIVES(LODE_OK, lode_dataset_open_blob_reader(dataset, snapshot, NULL, &reader, error));
    REFUSED(LODE_ERR_CORRUPT, "has 999 bytes, expected 1000", lode_blob_reader_read_at(reader, 10, all, 10, &read, error));
    lode_blob_reader_free(reader);
    remove_stored(store, key);
    GIVES(LODE_OK, lode_dataset_open_blob_reader(dataset, snapshot, NULL, &reader, error));
    REFUSED(LODE_ERR_CORRUPT, "is missing", lode_blob_reader_read(reader, all, 10, &read, error));
    lode_blob_reader_free(reader);

    lode_snapshot_free(snapshot);
    lode_dataset_free(records);
    lode_dataset_free(dataset);
}

static void states(void)
{
    lode_dataset *dataset = open_blobs("states", LODE_COMPRESSOR_GZIP);
    lode_blob_writer *writer = NULL;
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_dataset_open_blob_writer(dataset, NULL, &writer, error));
    lode_dataset_free(dataset);
    GIVES(LODE_OK, lode_blob_writer_write(writer, "abc", 3, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "data", lode_blob_writer_write(writer, NULL, 1, error));
    REFUSED(LODE_ERR_METADATA_REQUIRED, "metadata", lode_blob_writer_commit(writer, NULL, NULL, NULL, error));
    GIVES(LODE_OK, lode_blob_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_snapshot_free(snapshot);
    REFUSED(LODE_ERR_STATE, "committed", lode_blob_writer_write(writer, "x", 1, error));
    REFUSED(LODE_ERR_STATE, "committed", lode_blob_writer_commit(writer, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_STATE, "committed", lode_blob_writer_abort(writer, error));
    lode_blob_writer_free(writer);

    dataset = open_blobs("states", LODE_COMPRESSOR_GZIP);
    GIVES(LODE_OK, lode_dataset_open_blob_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_blob_writer_write(writer, "abc", 3, error));
    GIVES(LODE_OK, lode_blob_writer_abort(writer, error));
    GIVES(LODE_OK, lode_blob_writer_abort(writer, error));
    REFUSED(LODE_ERR_STATE, "aborted", lode_blob_writer_write(writer, "x", 1, error));
    REFUSED(LODE_ERR_STATE, "aborted", lode_blob_writer_commit(writer, "{}", NULL, NULL, error));
    lode_blob_writer_free(writer);
    /* Freed without a commit: nothing of it stays. */
    GIVES(LODE_OK, lode_dataset_open_blob_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_blob_writer_write(writer, "abc", 3, error));
    lode_blob_writer_free(writer);
    lode_snapshot_iterator *snapshots = NULL;
    GIVES(LODE_OK, lode_dataset_list_snapshots(dataset, NULL, &snapshots, error));
    GIVES(LODE_ITEM, lode_snapshot_iterator_next(snapshots, &snapshot, error));
    lode_snapshot_free(snapshot);
    GIVES(LODE_OK, lode_snapshot_iterator_next(snapshots, &snapshot, error));
    lode_snapshot_iterator_free(snapshots);
    lode_dataset_free(dataset);
}

/* A progress callback that uses the writer whose commit it watches. */
struct watcher {
    lode_blob_writer *writer;
    int calls;
    lode_status status;
    int64_t records;
    int64_t bytes;
};

static int32_t watch(void *ctx, int64_t records, int64_t bytes_in, int64_t bytes_stored)
{
    struct watcher *watcher = (struct watcher *)ctx;
    (void)bytes_stored;
    watcher->calls++;
    watcher->records = records;
    watcher->bytes = bytes_in;
    watcher->status = lode_blob_writer_write(watcher->writer, "x", 1, NULL);
    return 0;
}

static void re_entered(void)
{
    lode_dataset *dataset = open_blobs("watched", LODE_COMPRESSOR_NONE);
    struct watcher watcher = {0};
    GIVES(LODE_OK, lode_dataset_open_blob_writer(dataset, NULL, &watcher.writer, error));
    GIVES(LODE_OK, lode_blob_writer_write(watcher.writer, "abc", 3, error));
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);
    options.progress = watch;
    options.progress_ctx = &watcher;
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_blob_writer_commit(watcher.writer, "{}", &options, &snapshot, error));
    CHECK(watcher.calls > 0 && watcher.status == LODE_ERR_STATE, "%d calls, a write in them gave %s", watcher.calls,
          lode_status_name(watcher.status));
    CHECK(watcher.records == 1 && watcher.bytes == 3, "%" PRId64 " records, %" PRId64 " bytes", watcher.records, watcher.bytes);
    CHECK(lode_snapshot_file_size(snapshot, 0) == 3, "%" PRId64 " bytes", lode_snapshot_file_size(snapshot, 0));
    lode_snapshot_free(snapshot);
    lode_blob_writer_free(watcher.writer);
    lode_dataset_free(dataset);
}

/* Writes and reads 300 MB, in a bucket 60, in a process of its own, whose memory may grow by 16 MiB, there
 * 40. */
static int large_in_child(const char *id, int32_t compressor)
{
    const uint64_t len = (elsewhere() != NULL ? 60 : 300) * 1000 * 1000;
    static uint8_t buffer[1 << 18];
    if (elsewhere() != NULL) {
        store = open_store("large"); /* a store in a bucket is its process's own */
    }
    lode_dataset *dataset = open_blobs(id, compressor);
    lode_snapshot *snapshot = NULL;
    struct rusage before;
    struct rusage after;
    memset(buffer, 1, sizeof buffer);
    getrusage(RUSAGE_SELF, &before);
    struct source source = source_of(len, SIZE_MAX);
    lode_status status = stream_write(dataset, &source, "{}", NULL, &snapshot, NULL);
    lode_blob_reader *reader = NULL;
    if (status >= 0) {
        status = lode_dataset_open_blob_reader(dataset, snapshot, NULL, &reader, NULL);
    }
    uint64_t at = 0;
    size_t read = 0;
    while (status >= 0 && (status = lode_blob_reader_read(reader, buffer, sizeof buffer, &read, NULL)) == LODE_ITEM) {
        if (!is_filled(buffer, at, read)) {
            fprintf(stderr, "other bytes at %" PRIu64 "\n", at);
            return 1;
        }
        at += read;
    }
    int range = lode_blob_reader_read_at(reader, len - 100, buffer, 100, &read, NULL);
    int right = range == LODE_ITEM && read == 100 && is_filled(buffer, len - 100, 100);
    getrusage(RUSAGE_SELF, &after);
    lode_blob_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_store_free(store);
    long grown = after.ru_maxrss - before.ru_maxrss; /* KiB */
    /* In a bucket two parts of 8 MiB are on their way, and what the connection holds. */
    if (status != LODE_OK || at != len || !right || grown > (elsewhere() != NULL ? 40 : 16) * 1024) {
        fprintf(stderr, "compressor %d: %s, read %" PRIu64 " of %" PRIu64 " bytes, the range %d, memory grew by %ld KiB\n",
                (int)compressor, lode_status_name(status), at, len, right, grown);
        return 1;
    }
    return 0;
}

static void large(void)
{
    /* Under a checker of memory this would only measure the checker, for minutes. */
    const char *checked = getenv("LODE_TEST_CHECKED_MEMORY");
    for (int32_t compressor = LODE_COMPRESSOR_NONE; checked == NULL && compressor <= LODE_COMPRESSOR_ZSTD; compressor += 2) {
        pid_t child = fork();
        REQUIRE(child >= 0, "cannot fork");
        if (child == 0) {
            _exit(large_in_child(compressor == LODE_COMPRESSOR_NONE ? "large" : "large-zstd", compressor));
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
              "300 MB with compressor %d: status %d", (int)compressor, status);
    }
}

int main(void)
{
    char root[256];
    make_root(root);
    store = open_store(root);
    large(); /* first: what a child's memory was at its beginning is what it had ever been */
    round_trips();
    refused();
    states();
    re_entered();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_blob");
}
