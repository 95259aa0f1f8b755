/* Every way in which lode_dataset_stream_write_records can be refused: its own status, a message that names
 * the thing, the facts as values, nothing committed, and the iterator released exactly once. */
#include "check.h"

static lode_store *store;

/* What a refused stream must leave: no snapshot. */
static void expect_no_snapshot(lode_dataset *dataset, const char *what)
{
    lode_snapshot *snapshot = (lode_snapshot *)GARBAGE;
    lode_error *error = NULL;
    lode_status status = lode_dataset_find_latest(dataset, NULL, &snapshot, &error);
    CHECK(status == LODE_ERR_NO_SNAPSHOTS, "%s: the dataset has a snapshot, or cannot be read: %s", what,
          lode_status_name(status));
    CHECK(snapshot == NULL, "%s: *snapshot was not reset", what);
    lode_error_free(error);
}

/* Streams; gives the error of a call that must fail with `want` and release the feed once. */
static lode_error *stream_fails(lode_dataset *dataset, struct feed *feed, const lode_record_iterator *iterator,
                                const char *metadata, lode_status want, const char *fragment, const char *what)
{
    lode_snapshot *snapshot = (lode_snapshot *)GARBAGE;
    lode_error *error = (lode_error *)GARBAGE;
    lode_status status = lode_dataset_stream_write_records(dataset, iterator, metadata, NULL, &snapshot, &error);
    CHECK(status == want, "%s: gave %s, expected %s: %s", what, lode_status_name(status), lode_status_name(want),
          status < 0 ? lode_error_message(error) : "-");
    CHECK(snapshot == NULL, "%s: *snapshot was not reset", what);
    if (status >= 0) {
        return NULL;
    }
    CHECK(strstr(lode_error_message(error), fragment) != NULL, "%s: the message lacks \"%s\": %s", what, fragment,
          lode_error_message(error));
    if (feed != NULL) {
        CHECK(feed->released == 1, "%s: released %d times", what, feed->released);
    }
    expect_no_snapshot(dataset, what);
    return error;
}

static void refuse_arguments(void)
{
    lode_dataset *dataset = open_dataset(store, "refused", NULL);
    struct feed feed;
    lode_record_iterator iterator;

    lode_error_free(stream_fails(dataset, NULL, NULL, "{}", LODE_ERR_NIL_ITERATOR, "iterator", "a NULL iterator"));

    feed = feed_of(FIVE, 5);
    iterator = feed_iterator(&feed);
    iterator.next = NULL;
    lode_error_free(stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_NIL_ITERATOR, "next", "no next"));
    feed = feed_of(FIVE, 5);
    iterator = feed_iterator(&feed);
    iterator.record = NULL;
    lode_error_free(stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_NIL_ITERATOR, "record", "no record"));

    static const struct {
        const char *metadata;
        lode_status want;
        const char *fragment;
    } metadata[] = {
        {NULL, LODE_ERR_METADATA_REQUIRED, "metadata"},
        {"", LODE_ERR_METADATA_INVALID, "metadata"},
        {"[]", LODE_ERR_METADATA_INVALID, "object"},
        {"7", LODE_ERR_METADATA_INVALID, "object"},
        {"null", LODE_ERR_METADATA_INVALID, "object"},
        {"{\"a\":", LODE_ERR_METADATA_INVALID, "metadata"},
        {"{} {}", LODE_ERR_METADATA_INVALID, "metadata"},
        {"{\"lode.producers\":{}}", LODE_ERR_METADATA_RESERVED, "lode.producers"},
        {"{\"a\":1,\"lode.\":2}", LODE_ERR_METADATA_RESERVED, "lode."},
        {"{\"lod\\u0065.x\":1}", LODE_ERR_METADATA_RESERVED, "lode.x"},
    };
    for (size_t i = 0; i < sizeof metadata / sizeof metadata[0]; i++) {
        feed = feed_of(FIVE, 5);
        iterator = feed_iterator(&feed);
        lode_error_free(stream_fails(dataset, &feed, &iterator, metadata[i].metadata, metadata[i].want,
                                     metadata[i].fragment, metadata[i].metadata != NULL ? metadata[i].metadata : "NULL"));
        CHECK(feed.next_calls == 0, "metadata %s: refused after %d calls of next", metadata[i].metadata, feed.next_calls);
    }
    lode_dataset_free(dataset);

    lode_dataset_options raw;
    lode_dataset_options_init(&raw, sizeof raw);
    dataset = open_dataset(store, "raw", &raw);
    feed = feed_of(FIVE, 5);
    iterator = feed_iterator(&feed);
    lode_error_free(stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_CODEC_REQUIRED, "codec", "no codec"));
    CHECK(feed.next_calls == 0, "no codec: refused after %d calls of next", feed.next_calls);
    lode_dataset_free(dataset);
}

static void refuse_records(void)
{
    static const struct {
        const char *record;
        int64_t offset; /* where the document goes wrong; -1: anywhere in it */
    } bad[] = {
        {"{\"a\":}", 5}, {"{\"a\":1} {\"b\":2}", 8}, {"", -1},        {"  \t ", -1},        {"nul", -1},
        {"{\"a\":1,}", -1}, {"[1,2", -1},             {"\"\xff\"", 1}, {"\xef\xbb\xbf{}", 0}, {"{'a':1}", 1},
        {"01", -1},         {"\"\x01\"", 1},          {"+1", 0},
    };
    lode_dataset *dataset = open_dataset(store, "bad-records", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *records[] = {FIVE[0], FIVE[1], bad[i].record, FIVE[3]};
        struct feed feed = feed_of(records, 4);
        lode_record_iterator iterator = feed_iterator(&feed);
        lode_error *error =
            stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_INVALID_RECORD, "record", bad[i].record);
        if (error == NULL) {
            continue;
        }
        CHECK(lode_error_record(error) == 2, "%s: record %" PRId64 ", expected 2", bad[i].record, lode_error_record(error));
        int64_t offset = lode_error_offset(error);
        CHECK(offset >= 0 && offset <= (int64_t)strlen(bad[i].record), "%s: offset %" PRId64, bad[i].record, offset);
        if (bad[i].offset >= 0) {
            CHECK(offset == bad[i].offset, "%s: offset %" PRId64 ", expected %" PRId64, bad[i].record, offset,
                  bad[i].offset);
        }
        CHECK(strstr(lode_error_message(error), "bad-records") != NULL, "%s: the message does not name the dataset: %s",
              bad[i].record, lode_error_message(error));
        CHECK(lode_error_action(error) == LODE_ACTION_GIVE_UP, "%s: action %d", bad[i].record, lode_error_action(error));
        CHECK(feed.next_calls == 3, "%s: %d calls of next, expected 3", bad[i].record, feed.next_calls);
        lode_error_free(error);
    }
    lode_dataset_free(dataset);

    lode_dataset_options small = jsonl_options();
    small.max_record_bytes = 32;
    dataset = open_dataset(store, "small-records", &small);
    /* 32 bytes fit, 33 do not. */
    const char *records[] = {"\"0123456789012345678901234567890\"", "\"012345678901234567890123456789\"", "\"0123456789012345678901234567890\""};
    struct feed feed = feed_of(records + 1, 2);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_error *error =
        stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_RECORD_TOO_LARGE, "32", "a record over the limit");
    if (error != NULL) {
        CHECK(lode_error_record(error) == 1, "oversized record %" PRId64 ", expected 1", lode_error_record(error));
        lode_error_free(error);
    }
    lode_dataset_free(dataset);
}

static void refuse_iterators(void)
{
    lode_dataset *dataset = open_dataset(store, "bad-iterators", NULL);

    struct feed feed = feed_of(FIVE, 5);
    feed.stop_at = 3;
    feed.answer = -4711;
    feed.text = "the cable was cut";
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_error *error =
        stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_ITERATOR, "the cable was cut", "a failing iterator");
    if (error != NULL) {
        CHECK(lode_error_callback_code(error) == -4711, "callback code %d", lode_error_callback_code(error));
        CHECK(lode_error_record(error) == 3, "failed at record %" PRId64 ", expected 3", lode_error_record(error));
        lode_error_free(error);
    }
    CHECK(feed.next_calls == 4, "next was called %d times, expected 4: never again after a failure", feed.next_calls);
    CHECK(feed.err_calls == 1, "err was called %d times, expected once", feed.err_calls);

    feed = feed_of(FIVE, 5);
    feed.stop_at = 0;
    feed.answer = INT32_MIN;
    iterator = feed_iterator(&feed);
    iterator.err = NULL;
    error = stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_ITERATOR, "-2147483648", "a failure without err");
    if (error != NULL) {
        CHECK(lode_error_callback_code(error) == INT32_MIN, "callback code %d", lode_error_callback_code(error));
        lode_error_free(error);
    }

    /* err after a plain end: the iterator reports that the stream was cut short. */
    feed = feed_of(FIVE, 5);
    feed.err_when_done = 1;
    feed.text = "the cursor timed out";
    iterator = feed_iterator(&feed);
    lode_error_free(
        stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_ITERATOR, "the cursor timed out", "an end with err set"));
    CHECK(feed.next_calls == 6 && feed.err_calls == 1, "next %d times, err %d times; expected 6 and 1", feed.next_calls,
          feed.err_calls);

    /* An error text that is no UTF-8 breaks nothing. */
    feed = feed_of(FIVE, 5);
    feed.stop_at = 1;
    feed.answer = -1;
    feed.text = "caf\xe9 closed";
    iterator = feed_iterator(&feed);
    lode_error_free(stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_ITERATOR, "closed", "an err text in Latin-1"));

    static const int32_t answers[] = {7, 2, INT32_MAX};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        feed = feed_of(FIVE, 5);
        feed.stop_at = 2;
        feed.answer = answers[i];
        iterator = feed_iterator(&feed);
        char number[16];
        snprintf(number, sizeof number, "%d", (int)answers[i]);
        error = stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_ITERATOR_CONTRACT, number, "a wrong answer of next");
        CHECK(error == NULL || strstr(lode_error_message(error), "next") != NULL, "the message does not name next: %s",
              lode_error_message(error));
        lode_error_free(error);
    }

    feed = feed_of(FIVE, 5);
    feed.leave_unfilled = 1;
    iterator = feed_iterator(&feed);
    lode_error_free(stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_ITERATOR_CONTRACT, "record",
                                 "a record that fills nothing"));
    lode_dataset_free(dataset);
}

/* ---- next_batch ---- */

struct batches {
    struct feed feed;
    int64_t answer_last; /* the answer once all records were given */
    int fill;            /* whether entries are filled at all */
    int64_t forced;      /* when not 0: the answer, regardless of what was filled */
    int timestamps_preset;
    size_t least_capacity;
};

static int64_t batches_next(void *ctx, lode_bytes *records, int64_t *unix_nanos, size_t capacity)
{
    struct batches *batches = (struct batches *)ctx;
    struct feed *feed = &batches->feed;
    feed->next_calls++;
    if (capacity < batches->least_capacity) {
        batches->least_capacity = capacity;
    }
    if (batches->forced != 0) {
        return batches->forced > 0 ? (int64_t)capacity + batches->forced : batches->forced;
    }
    size_t filled = 0;
    while (filled < capacity && filled < 2 && feed->given < feed->count) {
        if (unix_nanos[filled] == LODE_NO_TIMESTAMP) {
            batches->timestamps_preset++;
        }
        if (batches->fill) {
            records[filled].data = (const uint8_t *)feed->records[feed->given];
            records[filled].len = strlen(feed->records[feed->given]);
            unix_nanos[filled] = 1000 * (int64_t)(feed->given + 1);
        }
        filled++;
        feed->given++;
    }
    return filled > 0 ? (int64_t)filled : batches->answer_last;
}

static void batch_release(void *ctx)
{
    ((struct batches *)ctx)->feed.released++;
}

static lode_record_iterator batches_iterator(struct batches *batches)
{
    memset(batches, 0, sizeof *batches);
    batches->feed = feed_of(FIVE, 5);
    batches->fill = 1;
    batches->least_capacity = SIZE_MAX;
    lode_record_iterator iterator;
    lode_record_iterator_init(&iterator, sizeof iterator);
    iterator.ctx = batches;
    iterator.next_batch = batches_next;
    iterator.release = batch_release;
    return iterator;
}

static void batch_contract(void)
{
    lode_dataset *dataset = open_dataset(store, "bad-batches", NULL);
    struct batches batches;

    lode_record_iterator iterator = batches_iterator(&batches);
    batches.forced = 1; /* one more than there was room for */
    lode_error_free(stream_fails(dataset, &batches.feed, &iterator, "{}", LODE_ERR_ITERATOR_CONTRACT, "next_batch",
                                 "a batch larger than its room"));

    iterator = batches_iterator(&batches);
    batches.fill = 0;
    lode_error_free(stream_fails(dataset, &batches.feed, &iterator, "{}", LODE_ERR_ITERATOR_CONTRACT, "next_batch",
                                 "a batch that fills nothing"));

    iterator = batches_iterator(&batches);
    batches.forced = -99;
    lode_error *error = stream_fails(dataset, &batches.feed, &iterator, "{}", LODE_ERR_ITERATOR, "-99", "a failing batch");
    if (error != NULL) {
        CHECK(lode_error_callback_code(error) == -99, "callback code %d", lode_error_callback_code(error));
        lode_error_free(error);
    }

    iterator = batches_iterator(&batches);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, &snapshot, error));
    CHECK(batches.feed.released == 1, "a good batch iterator was released %d times", batches.feed.released);
    CHECK(batches.timestamps_preset == 5, "%d of 5 timestamps came filled with LODE_NO_TIMESTAMP", batches.timestamps_preset);
    CHECK(batches.least_capacity >= 1, "next_batch was given no room");
    CHECK(batches.feed.next_calls == 4, "next_batch was called %d times, expected 4", batches.feed.next_calls);
    CHECK(lode_snapshot_row_count(snapshot) == 5, "row count %" PRId64, lode_snapshot_row_count(snapshot));
    CHECK(lode_snapshot_min_timestamp(snapshot) == 1000 && lode_snapshot_max_timestamp(snapshot) == 5000,
          "timestamps %" PRId64 " to %" PRId64 ", expected 1000 to 5000", lode_snapshot_min_timestamp(snapshot),
          lode_snapshot_max_timestamp(snapshot));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* ---- What succeeds ---- */

static int32_t odd_timestamps(void *ctx, int64_t *unix_nanos)
{
    struct feed *feed = (struct feed *)ctx;
    if (feed->given % 2 == 0) {
        return 0;
    }
    *unix_nanos = 1700000000000000000 + (int64_t)feed->given;
    return 1;
}

static int32_t wrong_timestamp_answer(void *ctx, int64_t *unix_nanos)
{
    (void)ctx;
    (void)unix_nanos;
    return 9;
}

static void good_streams(void)
{
    lode_dataset *dataset = open_dataset(store, "good", NULL);
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    iterator.timestamp = wrong_timestamp_answer;
    lode_error_free(stream_fails(dataset, &feed, &iterator, "{}", LODE_ERR_ITERATOR_CONTRACT, "timestamp",
                                 "a wrong answer of timestamp"));

    feed = feed_of(FIVE, 5);
    iterator = feed_iterator(&feed);
    iterator.timestamp = odd_timestamps;
    lode_snapshot *snapshot = (lode_snapshot *)GARBAGE;
    GIVES(LODE_OK, lode_dataset_stream_write_records(dataset, &iterator, "{\"b\":[1,null],\"a\":\"x\"}", NULL, &snapshot, error));
    CHECK(feed.released == 1, "a good iterator was released %d times", feed.released);
    CHECK(feed.next_calls == 6, "next was called %d times, expected 6", feed.next_calls);
    CHECK(lode_snapshot_min_timestamp(snapshot) == 1700000000000000001 &&
              lode_snapshot_max_timestamp(snapshot) == 1700000000000000005,
          "timestamps %" PRId64 " to %" PRId64, lode_snapshot_min_timestamp(snapshot),
          lode_snapshot_max_timestamp(snapshot));
    CHECK(strcmp(lode_snapshot_metadata_json(snapshot), "{\"a\":\"x\",\"b\":[1,null]}") == 0 ||
              strstr(lode_snapshot_metadata_json(snapshot), "\"a\"") < strstr(lode_snapshot_metadata_json(snapshot), "\"b\""),
          "metadata: %s", lode_snapshot_metadata_json(snapshot));
    lode_snapshot_free(snapshot);

    /* An empty stream is a snapshot, too; and the output may be NULL. */
    feed = feed_of(FIVE, 0);
    iterator = feed_iterator(&feed);
    GIVES(LODE_OK, lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, NULL, error));
    CHECK(feed.released == 1, "an empty iterator was released %d times", feed.released);
    GIVES(LODE_OK, lode_dataset_find_latest(dataset, NULL, &snapshot, error));
    CHECK(lode_snapshot_row_count(snapshot) == 0, "an empty stream has row count %" PRId64, lode_snapshot_row_count(snapshot));
    CHECK(lode_snapshot_min_timestamp(snapshot) == LODE_NO_TIMESTAMP, "an empty stream has a timestamp");
    lode_snapshot_free(snapshot);

    /* Line breaks between tokens go, every other byte stays. */
    const char *spread[] = {"{\n  \"a\" : [1,\r\n 2]\n}", "{\"a\":\"\\u0041 \xc3\xa9\"}"};
    const char *stored[] = {"{  \"a\" : [1, 2]}", "{\"a\":\"\\u0041 \xc3\xa9\"}"};
    snapshot = commit_records(dataset, spread, 2);
    lode_record_reader *reader = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
    for (size_t i = 0; i < 2; i++) {
        lode_bytes record = {NULL, 0};
        GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error));
        CHECK(record.len == strlen(stored[i]) && memcmp(record.data, stored[i], record.len) == 0,
              "record %zu came back as %.*s, expected %s", i, (int)record.len, (const char *)record.data, stored[i]);
    }
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

int main(void)
{
    char root[256];
    make_root(root);
    store = open_store(root);
    refuse_arguments();
    refuse_records();
    refuse_iterators();
    batch_contract();
    good_streams();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_pull");
}
