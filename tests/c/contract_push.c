/* The push writer: append, append_batch, append_records and append_lines, what each took when one record is
 * bad, skipping bad records, and a writer's states before and after commit and abort. */
#include "check.h"

static lode_store *store;

static lode_record_writer *new_writer(lode_dataset *dataset, int32_t bad_records)
{
    lode_record_writer_options options;
    lode_record_writer_options_init(&options, sizeof options);
    options.bad_records = bad_records;
    lode_record_writer *writer = NULL;
    lode_error *error = NULL;
    lode_status status = lode_dataset_open_record_writer(dataset, &options, &writer, &error);
    REQUIRE(status == LODE_OK, "cannot open a writer: %s", lode_error_message(error));
    return writer;
}

static lode_status append(lode_record_writer *writer, const char *record, lode_error **error)
{
    return lode_record_writer_append(writer, record, strlen(record), NULL, error);
}

static void expect_content(lode_dataset *dataset, const lode_snapshot *snapshot, const char *const *records, size_t count)
{
    lode_record_reader *reader = NULL;
    lode_bytes record;
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
    for (size_t i = 0; i < count; i++) {
        record.data = NULL;
        record.len = 0;
        GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error));
        CHECK(record.len == strlen(records[i]) && memcmp(record.data, records[i], record.len) == 0,
              "record %zu: read %.*s, wrote %s", i, (int)record.len, (const char *)record.data, records[i]);
    }
    GIVES(LODE_OK, lode_record_reader_next(reader, &record, error));
    GIVES(LODE_OK, lode_record_reader_next(reader, &record, error));
    lode_record_reader_free(reader);
}

static void one_by_one(void)
{
    lode_dataset *dataset = open_dataset(store, "push", NULL);
    lode_record_writer *writer = new_writer(dataset, LODE_BAD_RECORD_FAIL);
    for (size_t i = 0; i < 3; i++) {
        GIVES(LODE_OK, append(writer, FIVE[i], error));
    }

    /* A refused record leaves the writer usable, and nothing of the record in it. */
    int64_t bytes = lode_record_writer_byte_count(writer);
    lode_error *error = NULL;
    lode_status status = append(writer, "{\"a\":}", &error);
    CHECK(status == LODE_ERR_INVALID_RECORD, "a bad record gave %s", lode_status_name(status));
    if (status < 0) {
        CHECK(lode_error_record(error) == 3 && lode_error_offset(error) == 5,
              "bad record %" PRId64 " at %" PRId64 ", expected 3 at 5", lode_error_record(error), lode_error_offset(error));
        lode_error_free(error);
    }
    CHECK(lode_record_writer_record_count(writer) == 3, "%" PRId64 " records", lode_record_writer_record_count(writer));
    CHECK(lode_record_writer_skipped_count(writer) == 0, "%" PRId64 " skipped", lode_record_writer_skipped_count(writer));
    CHECK(lode_record_writer_byte_count(writer) == bytes, "a refused record changed the writer's bytes");

    GIVES(LODE_OK, append(writer, FIVE[3], error));
    GIVES(LODE_OK, append(writer, FIVE[4], error));
    CHECK(lode_record_writer_record_count(writer) == 5, "%" PRId64 " records", lode_record_writer_record_count(writer));

    /* A commit that is refused for its metadata keeps the data. */
    REFUSED(LODE_ERR_METADATA_REQUIRED, "metadata", lode_record_writer_commit(writer, NULL, NULL, NULL, error));
    REFUSED(LODE_ERR_METADATA_INVALID, "metadata", lode_record_writer_commit(writer, "{", NULL, NULL, error));
    REFUSED(LODE_ERR_METADATA_RESERVED, "lode.x", lode_record_writer_commit(writer, "{\"lode.x\":1}", NULL, NULL, error));

    lode_snapshot *snapshot = (lode_snapshot *)GARBAGE;
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{\"via\":\"push\"}", NULL, &snapshot, error));
    CHECK(lode_snapshot_row_count(snapshot) == 5, "row count %" PRId64, lode_snapshot_row_count(snapshot));
    CHECK(strstr(lode_snapshot_metadata_json(snapshot), "push") != NULL, "metadata %s", lode_snapshot_metadata_json(snapshot));
    expect_content(dataset, snapshot, FIVE, 5);
    lode_snapshot_free(snapshot);

    /* After the commit: each call says so, free is fine. */
    size_t n = 0;
    size_t length = 1;
    REFUSED(LODE_ERR_STATE, "commit", append(writer, "1", error));
    REFUSED(LODE_ERR_STATE, "commit", lode_record_writer_append_batch(writer, "1", &length, NULL, 1, &n, error));
    const lode_bytes one = {(const uint8_t *)"1", 1};
    REFUSED(LODE_ERR_STATE, "commit", lode_record_writer_append_records(writer, &one, NULL, 1, &n, error));
    REFUSED(LODE_ERR_STATE, "commit", lode_record_writer_append_lines(writer, "1\n", 2, &n, error));
    REFUSED(LODE_ERR_STATE, "commit", lode_record_writer_commit(writer, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_STATE, "commit", lode_record_writer_abort(writer, error));
    lode_record_writer_free(writer);

    /* After an abort, too. */
    writer = new_writer(dataset, LODE_BAD_RECORD_FAIL);
    GIVES(LODE_OK, append(writer, "1", error));
    int64_t records = lode_record_writer_record_count(writer);
    bytes = lode_record_writer_byte_count(writer);
    CHECK(records > 0 && bytes > 0, "%" PRId64 " records of %" PRId64 " bytes are in", records, bytes);
    GIVES(LODE_OK, lode_record_writer_abort(writer, error));
    CHECK(lode_record_writer_record_count(writer) == records && lode_record_writer_byte_count(writer) == bytes,
          "the abort changed the counts");
    REFUSED(LODE_ERR_STATE, "abort", append(writer, "1", error));
    REFUSED(LODE_ERR_STATE, "abort", lode_record_writer_append_lines(writer, "1\n", 2, &n, error));
    REFUSED(LODE_ERR_STATE, "abort", lode_record_writer_commit(writer, "{}", NULL, NULL, error));
    lode_record_writer_free(writer);

    /* Any order of freeing is fine: the writer keeps its parents. */
    lode_store *store2 = NULL;
    GIVES(LODE_OK, lode_store_open_memory(NULL, &store2, error));
    lode_dataset *dataset2 = open_dataset(store2, "orphan", NULL);
    writer = new_writer(dataset2, LODE_BAD_RECORD_FAIL);
    lode_store_free(store2);
    lode_dataset_free(dataset2);
    GIVES(LODE_OK, append(writer, "1", error));
    snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_record_writer_free(writer);
    CHECK(lode_snapshot_row_count(snapshot) == 1, "row count %" PRId64, lode_snapshot_row_count(snapshot));
    CHECK(lode_snapshot_file_location(snapshot, 0) == NULL, "a file in memory has the location %s",
          lode_snapshot_file_location(snapshot, 0));
    lode_snapshot_free(snapshot);

    /* A dataset without a codec has no record writer. */
    lode_dataset_options raw;
    lode_dataset_options_init(&raw, sizeof raw);
    lode_dataset *blobs = open_dataset(store, "push-raw", &raw);
    REFUSED(LODE_ERR_CODEC_REQUIRED, "codec", lode_dataset_open_record_writer(blobs, NULL, &writer, error));
    lode_dataset_free(blobs);
    lode_dataset_free(dataset);
}

/* Puts the records one behind the other; their lengths go to `lengths`. */
static size_t joined(const char *const *records, size_t count, char *buffer, size_t *lengths)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        lengths[i] = strlen(records[i]);
        memcpy(buffer + len, records[i], lengths[i]);
        len += lengths[i];
    }
    return len;
}

/* The rest of the six records from number `done` on, by one of the two calls for many. */
static lode_status append_many(lode_record_writer *writer, int scattered, size_t done, const int64_t *times, size_t *taken,
                               lode_error **error)
{
    static const char *const records[] = {"{\"n\":0}", "{\"n\":1}", "{\"n\":", "{\"n\":3}", "", "[5]"};
    char buffer[128];
    size_t lengths[6], before = 0;
    lode_bytes apart[6];
    joined(records, 6, buffer, lengths);
    for (size_t i = 0; i < 6; i++) {
        apart[i] = (lode_bytes){(const uint8_t *)records[i], lengths[i]};
        before += i < done ? lengths[i] : 0;
    }
    if (scattered) {
        return lode_record_writer_append_records(writer, apart + done, times, 6 - done, taken, error);
    }
    return lode_record_writer_append_batch(writer, buffer + before, lengths + done, times, 6 - done, taken, error);
}

static void in_batches(int scattered)
{
    static const int64_t times[] = {50, 40, 1, 60, 2, 55};
    static const char *const good[] = {"{\"n\":0}", "{\"n\":1}", "{\"n\":3}", "[5]"};

    lode_dataset *dataset = open_dataset(store, scattered ? "scattered" : "batches", NULL);
    lode_record_writer *writer = new_writer(dataset, LODE_BAD_RECORD_FAIL);

    /* Go on behind each bad record, as the manual says. */
    size_t done = 0, bad = 0;
    while (done < 6) {
        size_t taken = 99;
        lode_error *error = NULL;
        lode_status status = append_many(writer, scattered, done, times + done, &taken, &error);
        REQUIRE(taken <= 6 - done, "taken is %zu of %zu", taken, 6 - done);
        done += taken;
        if (status == LODE_OK) {
            CHECK(done == 6, "a success that took %zu of 6", done);
            break;
        }
        CHECK(status == LODE_ERR_INVALID_RECORD, "gave %s", lode_status_name(status));
        CHECK(done == 2 || done == 4, "record %zu is called bad", done);
        lode_error_free(error);
        done++;
        bad++;
    }
    CHECK(bad == 2, "%zu bad records, expected 2", bad);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_record_writer_free(writer);
    expect_content(dataset, snapshot, good, 4);
    CHECK(lode_snapshot_min_timestamp(snapshot) == 40 && lode_snapshot_max_timestamp(snapshot) == 60,
          "timestamps %" PRId64 " to %" PRId64 ", expected 40 to 60: of the records taken only",
          lode_snapshot_min_timestamp(snapshot), lode_snapshot_max_timestamp(snapshot));
    lode_snapshot_free(snapshot);

    /* The same with the writer skipping. */
    writer = new_writer(dataset, LODE_BAD_RECORD_SKIP);
    size_t taken = 99;
    GIVES(LODE_OK, append_many(writer, scattered, 0, NULL, &taken, error));
    CHECK(taken == 6, "%zu taken of 6", taken);
    CHECK(lode_record_writer_record_count(writer) == 4 && lode_record_writer_skipped_count(writer) == 2,
          "%" PRId64 " records, %" PRId64 " skipped; expected 4 and 2", lode_record_writer_record_count(writer),
          lode_record_writer_skipped_count(writer));
    GIVES(LODE_OK, append_many(writer, scattered, 6, NULL, &taken, error));
    CHECK(taken == 0, "%zu taken of none", taken);
    GIVES(LODE_OK, append(writer, "not json", error));
    CHECK(lode_record_writer_skipped_count(writer) == 3, "%" PRId64 " skipped", lode_record_writer_skipped_count(writer));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_record_writer_free(writer);
    expect_content(dataset, snapshot, good, 4);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* One record, committed: the snapshot's least and greatest time are the record's. */
static void expect_time(lode_dataset *dataset, const int64_t *given, int64_t expected)
{
    lode_record_writer *writer = new_writer(dataset, LODE_BAD_RECORD_FAIL);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_append(writer, "1", 1, given, error));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    CHECK(lode_snapshot_min_timestamp(snapshot) == expected && lode_snapshot_max_timestamp(snapshot) == expected,
          "timestamps %" PRId64 " to %" PRId64 ", expected %" PRId64, lode_snapshot_min_timestamp(snapshot),
          lode_snapshot_max_timestamp(snapshot), expected);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
}

/* A record without a time needs no constant for it, and the epoch is a time like any other. */
static void with_times(void)
{
    static const int64_t times[] = {0, 1, -1, INT64_MIN + 1, INT64_MAX};
    static const int64_t none = LODE_NO_TIMESTAMP;
    lode_dataset *dataset = open_dataset(store, "times", NULL);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        expect_time(dataset, &times[i], times[i]);
    }
    expect_time(dataset, NULL, LODE_NO_TIMESTAMP);
    expect_time(dataset, 0, LODE_NO_TIMESTAMP);
    expect_time(dataset, &none, LODE_NO_TIMESTAMP);
    lode_record_writer *writer = new_writer(dataset, LODE_BAD_RECORD_FAIL);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "unix_nanos",
            lode_record_writer_append(writer, "1", 1, (const int64_t *)((uintptr_t)&times[0] + 1), error));
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
}

static void in_lines(void)
{
    static const char *const good[] = {"{\"n\":0}", "{\"n\":1}", "{\"n\":2}", "{\"n\":3}"};
    lode_dataset *dataset = open_dataset(store, "lines", NULL);
    lode_record_writer *writer = new_writer(dataset, LODE_BAD_RECORD_FAIL);
    size_t consumed = 99;

    /* The whole lines, not the beginning of the next. */
    static const char first[] = "{\"n\":0}\n\n{\"n\":1}\n{\"n\"";
    GIVES(LODE_OK, lode_record_writer_append_lines(writer, first, sizeof first - 1, &consumed, error));
    CHECK(consumed == strlen("{\"n\":0}\n\n{\"n\":1}\n"), "consumed %zu", consumed);
    CHECK(lode_record_writer_record_count(writer) == 2, "%" PRId64 " records", lode_record_writer_record_count(writer));
    GIVES(LODE_OK, lode_record_writer_append_lines(writer, "{\"n\"", 4, &consumed, error));
    CHECK(consumed == 0, "consumed %zu bytes of an unfinished line", consumed);
    GIVES(LODE_OK, lode_record_writer_append_lines(writer, "", 0, &consumed, error));
    CHECK(consumed == 0, "consumed %zu bytes of none", consumed);

    /* At a bad line: what was consumed ends before it. */
    static const char second[] = "{\"n\":2}\n\n\r\n{\"n\":x}\n{\"n\":3}\n";
    lode_error *error = NULL;
    lode_status status = lode_record_writer_append_lines(writer, second, sizeof second - 1, &consumed, &error);
    CHECK(status == LODE_ERR_INVALID_RECORD, "a bad line gave %s", lode_status_name(status));
    CHECK(consumed == strlen("{\"n\":2}\n\n\r\n"), "consumed %zu before the bad line", consumed);
    if (status < 0) {
        CHECK(lode_error_record(error) == 3 && lode_error_offset(error) == 5,
              "bad record %" PRId64 " at %" PRId64 ", expected 3 at 5", lode_error_record(error), lode_error_offset(error));
        lode_error_free(error);
    }
    const char *rest = strchr(second + consumed, '\n') + 1;
    GIVES(LODE_OK, lode_record_writer_append_lines(writer, rest, strlen(rest), &consumed, error));
    CHECK(consumed == strlen(rest), "consumed %zu of %zu", consumed, strlen(rest));
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_record_writer_free(writer);
    expect_content(dataset, snapshot, good, 4);
    lode_snapshot_free(snapshot);

    writer = new_writer(dataset, LODE_BAD_RECORD_SKIP);
    static const char all[] = "{\"n\":0}\r\nnope\n{\"n\":1}\n\r\n{\"n\":2}\n{}}\n{\"n\":3}\n";
    GIVES(LODE_OK, lode_record_writer_append_lines(writer, all, sizeof all - 1, &consumed, error));
    CHECK(consumed == sizeof all - 1, "consumed %zu of %zu", consumed, sizeof all - 1);
    CHECK(lode_record_writer_skipped_count(writer) == 2, "%" PRId64 " skipped, expected 2", lode_record_writer_skipped_count(writer));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_record_writer_free(writer);
    expect_content(dataset, snapshot, good, 4);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* 10 MiB less one byte, exactly, and one more. */
static void at_the_limit(void)
{
    const size_t limit = 10u << 20;
    char *line = (char *)malloc(limit + 3);
    REQUIRE(line != NULL, "no memory");
    memset(line, 'x', limit + 3);
    line[0] = '"';
    lode_dataset *dataset = open_dataset(store, "limit", NULL);
    lode_record_writer *writer = new_writer(dataset, LODE_BAD_RECORD_FAIL);

    line[limit - 2] = '"';
    GIVES(LODE_OK, lode_record_writer_append(writer, line, limit - 1, NULL, error));
    line[limit - 2] = 'x';

    /* Other readers of the format hold a line and its end in 10 MiB: that many bytes are too many. */
    for (size_t len = limit; len <= limit + 1; len++) {
        char size[32];
        snprintf(size, sizeof size, "%zu", len);
        line[len - 1] = '"';
        line[len] = '\n';
        REFUSED(LODE_ERR_RECORD_TOO_LARGE, size, lode_record_writer_append(writer, line, len, NULL, error));
        size_t consumed = 99;
        REFUSED(LODE_ERR_RECORD_TOO_LARGE, "10485759",
                lode_record_writer_append_lines(writer, line, len + 1, &consumed, error));
        CHECK(consumed == 0, "consumed %zu bytes of an oversized line", consumed);
        line[len - 1] = 'x';
    }
    GIVES(LODE_OK, append(writer, "1", error));
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    size_t count = 0;
    GIVES(LODE_OK, read_all(dataset, snapshot, 0, &count, error));
    CHECK(count == 2, "read %zu records, expected 2", count);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
    free(line);
}

int main(void)
{
    char root[256];
    make_root(root);
    store = open_store(root);
    one_by_one();
    in_batches(0);
    in_batches(1);
    with_times();
    in_lines();
    at_the_limit();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_push");
}
