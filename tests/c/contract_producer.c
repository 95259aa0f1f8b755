/* Exactly-once commits: a sequence happens once, whichever process repeats it; a late one is right within the
 * window; and a producer finds its position after a restart. */
#include "check.h"

static lode_store *store;

static lode_status stream(lode_dataset *dataset, const char *producer, uint64_t sequence, const char *position,
                          lode_snapshot **snapshot, lode_error **error)
{
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);
    options.producer_id = producer;
    options.sequence = sequence;
    options.position = position;
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", &options, snapshot, error);
    CHECK(feed.released == 1, "released %d times", feed.released);
    return status;
}

static void once(void)
{
    lode_dataset *dataset = open_dataset(store, "once", NULL);
    lode_snapshot *first = NULL, *again = NULL, *second = NULL;
    GIVES(LODE_OK, stream(dataset, "meter", 1, "at 1", &first, error));
    GIVES(LODE_ALREADY_COMMITTED, stream(dataset, "meter", 1, "elsewhere", &again, error));
    CHECK(again != NULL && strcmp(lode_snapshot_id(again), lode_snapshot_id(first)) == 0, "the repetition gives %s, expected %s",
          lode_snapshot_id(again), lode_snapshot_id(first));
    GIVES(LODE_OK, stream(dataset, "meter", 70, NULL, &second, error));
    GIVES(LODE_OK, stream(dataset, "meter", 69, "late", NULL, error));
    GIVES(LODE_ALREADY_COMMITTED, stream(dataset, "meter", 69, "late", NULL, error));
    /* The snapshot that comes with it is the head that says so: by now a later one. */
    lode_snapshot *head = NULL, *later = NULL;
    GIVES(LODE_OK, lode_dataset_find_latest(dataset, NULL, &head, error));
    GIVES(LODE_ALREADY_COMMITTED, stream(dataset, "meter", 70, "elsewhere", &later, error));
    CHECK(strcmp(lode_snapshot_id(later), lode_snapshot_id(head)) == 0 &&
              strcmp(lode_snapshot_id(later), lode_snapshot_id(second)) != 0,
          "the repetition gives %s, the head is %s", lode_snapshot_id(later), lode_snapshot_id(head));
    lode_snapshot_free(head);
    lode_snapshot_free(later);
    REFUSED(LODE_ERR_SEQUENCE_TOO_OLD, "the highest that is committed is 70", stream(dataset, "meter", 6, NULL, NULL, error));
    GIVES(LODE_OK, stream(dataset, "another", 6, NULL, NULL, error));

    /* The push writer; what is already committed ends it, too. */
    lode_record_writer *writer = NULL;
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);
    options.producer_id = "meter";
    options.sequence = 70;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_record_writer_append(writer, "1", 1, NULL, error));
    GIVES(LODE_ALREADY_COMMITTED, lode_record_writer_commit(writer, "{}", &options, NULL, error));
    REFUSED(LODE_ERR_STATE, "committed", lode_record_writer_append(writer, "1", 1, NULL, error));
    lode_record_writer_free(writer);
    lode_snapshot_free(first);
    lode_snapshot_free(again);
    lode_snapshot_free(second);
    lode_dataset_free(dataset);
}

static void place(void)
{
    lode_dataset *dataset = open_dataset(store, "place", NULL);
    lode_snapshot *snapshot = NULL;
    uint64_t sequence = 99;
    const char *position = "untouched";
    GIVES(LODE_NONE, lode_dataset_find_producer(dataset, "meter", NULL, &snapshot, error));
    CHECK(snapshot == NULL, "LODE_NONE with a snapshot");
    GIVES(LODE_OK, stream(dataset, "meter", 41, "offset \"41\"", NULL, error));
    GIVES(LODE_OK, stream(dataset, NULL, 0, NULL, NULL, error));
    lode_dataset_free(dataset);

    /* As another process would, after a restart. */
    dataset = open_dataset(store, "place", NULL);
    GIVES(LODE_NONE, lode_dataset_find_producer(dataset, "unknown", NULL, &snapshot, error));
    GIVES(LODE_OK, lode_dataset_find_producer(dataset, "meter", NULL, &snapshot, error));
    GIVES(LODE_OK, lode_snapshot_find_producer(snapshot, "meter", &sequence, &position, error));
    CHECK(sequence == 41 && position != NULL && strcmp(position, "offset \"41\"") == 0, "sequence %" PRIu64 ", position %s", sequence,
          position);
    GIVES(LODE_OK, lode_snapshot_find_producer(snapshot, "meter", NULL, NULL, error));
    GIVES(LODE_NONE, lode_snapshot_find_producer(snapshot, "unknown", &sequence, &position, error));
    CHECK(sequence == 0 && position == NULL, "LODE_NONE leaves %" PRIu64 ", %s", sequence, position == NULL ? "NULL" : position);
    CHECK(strcmp(lode_snapshot_metadata_json(snapshot), "{}") == 0, "the metadata is %s", lode_snapshot_metadata_json(snapshot));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

static void misuse(void)
{
    lode_dataset *dataset = open_dataset(store, "misuse", NULL);
    lode_snapshot *snapshot = NULL;
    char id[300];
    memset(id, 'p', sizeof id);
    id[sizeof id - 1] = 0;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer_id", stream(dataset, NULL, 1, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer_id", stream(dataset, NULL, 0, "here", NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "sequence is 0", stream(dataset, "meter", 0, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer_id is empty", stream(dataset, "", 1, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer_id has 299 bytes", stream(dataset, id, 1, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer_id", stream(dataset, "\xff", 1, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "position", stream(dataset, "meter", 1, "\xff", NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_find_producer(NULL, "meter", NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer_id", lode_dataset_find_producer(dataset, NULL, NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer_id", lode_dataset_find_producer(dataset, "\xff", NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer id is empty", lode_dataset_find_producer(dataset, "", NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot", lode_dataset_find_producer(dataset, "meter", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot", lode_snapshot_find_producer(NULL, "meter", NULL, NULL, error));
    GIVES(LODE_OK, stream(dataset, NULL, 0, NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer_id", lode_snapshot_find_producer(snapshot, NULL, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "producer_id", lode_snapshot_find_producer(snapshot, "\xff", NULL, NULL, error));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

int main(void)
{
    char root[256];
    make_root(root);
    store = open_store(root);
    once();
    place();
    misuse();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_producer");
}
