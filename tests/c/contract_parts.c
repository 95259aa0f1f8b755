/* Parts: staged by writers, iterators and sources, sent as JSON, committed once and in order, discarded; each
 * refusal with its message. And streams into partitions, and threads, which share the options of a
 * dataset. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

static lode_store *store;
static char root[256];

static lode_part *stage(lode_dataset *dataset, const char *record)
{
    lode_record_writer *writer = NULL;
    lode_part *part = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_record_writer_append(writer, record, strlen(record), NULL, error));
    GIVES(LODE_OK, lode_record_writer_stage(writer, NULL, &part, error));
    REFUSED(LODE_ERR_STATE, "staged as a part", lode_record_writer_append(writer, "1", 1, NULL, error));
    REFUSED(LODE_ERR_STATE, "staged as a part", lode_record_writer_abort(writer, error));
    lode_record_writer_free(writer);
    return part;
}

static lode_part *sent(lode_dataset *dataset, const lode_part *part)
{
    lode_part *copy = NULL;
    GIVES(LODE_OK, lode_dataset_part_from_json(dataset, lode_part_json(part), &copy, error));
    return copy;
}

static lode_status commit(lode_dataset *dataset, lode_part *one, lode_part *two, lode_snapshot **snapshot, lode_error **error)
{
    const lode_part *parts[2] = {one, two};
    return lode_dataset_commit_parts(dataset, parts, two == NULL ? 1 : 2, "{}", NULL, snapshot, error);
}

static void staging(void)
{
    lode_dataset *dataset = open_dataset(store, "staging", NULL);
    lode_part *pushed = stage(dataset, "{\"n\":1}"), *pulled = NULL;
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    progress_log log = {0};
    lode_call_options call = LODE_CALL_OPTIONS_INIT;
    call.progress = log_progress;
    call.progress_ctx = &log;
    GIVES(LODE_OK, lode_dataset_stage_records(dataset, &iterator, &call, &pulled, error));
    CHECK(feed.released == 1, "released %d times", feed.released);
    CHECK(log.calls > 0 && log.records == 5, "progress told of %" PRId64 " records", log.records);
    CHECK(lode_part_record_count(pulled) == 5 && lode_part_record_count(pushed) == 1, "the parts' records");
    CHECK(lode_part_file_count(pushed) == 1 && lode_part_size(pushed) == 8, "the part has %" PRId64 " bytes", lode_part_size(pushed));
    CHECK(strstr(lode_part_file_path(pushed, 0), lode_part_id(pushed)) != NULL, "%s", lode_part_file_path(pushed, 0));
    CHECK(lode_part_file_path(pushed, 1) == NULL, "a file out of range");
    CHECK(strchr(lode_part_json(pushed), '\n') == NULL && strstr(lode_part_json(pushed), lode_part_file_path(pushed, 0)) != NULL,
          "%s", lode_part_json(pushed));
    lode_snapshot *snapshot = NULL;
    REFUSED(LODE_ERR_NO_SNAPSHOTS, "no snapshot yet", lode_dataset_find_latest(dataset, NULL, &snapshot, error));

    lode_part *copy = sent(dataset, pulled);
    GIVES(LODE_OK, commit(dataset, copy, pushed, &snapshot, error));
    CHECK(lode_snapshot_row_count(snapshot) == 6 && lode_snapshot_file_count(snapshot) == 2, "the snapshot's records and files");
    CHECK(strcmp(lode_snapshot_file_path(snapshot, 0), lode_part_file_path(copy, 0)) == 0, "the order of the files is that of the call");

    lode_error *error = NULL;
    lode_status status = commit(dataset, pushed, NULL, NULL, &error);
    CHECK(status == LODE_ERR_PART_COMMITTED && strcmp(lode_error_snapshot_id(error), lode_snapshot_id(snapshot)) == 0, "%s",
          lode_status_name(status));
    lode_error_free(error);
    REFUSED(LODE_ERR_PART_COMMITTED, "holds one of these parts already", commit(dataset, copy, NULL, NULL, error));
    REFUSED(LODE_ERR_PART_COMMITTED, "is committed", lode_part_discard(pushed, NULL, error));

    lode_commit_options once = LODE_COMMIT_OPTIONS_INIT;
    once.producer_id = "job";
    once.sequence = 1;
    once.verify_parts = 1;
    lode_part *more = stage(dataset, "2");
    const lode_part *parts[] = {more};
    lode_snapshot *first = NULL, *again = NULL;
    GIVES(LODE_OK, lode_dataset_commit_parts(dataset, parts, 1, "{}", &once, &first, error));
    GIVES(LODE_ALREADY_COMMITTED, lode_dataset_commit_parts(dataset, parts, 1, "{}", &once, &again, error));
    CHECK(strcmp(lode_snapshot_id(first), lode_snapshot_id(again)) == 0, "a repetition gives another snapshot");
    GIVES(LODE_OK, lode_dataset_commit_parts(dataset, NULL, 0, "{}", NULL, NULL, error));

    lode_part *given_up = stage(dataset, "3");
    GIVES(LODE_OK, lode_part_discard(given_up, NULL, error));
    GIVES(LODE_OK, lode_part_discard(given_up, NULL, error));
    REFUSED(LODE_ERR_NOT_FOUND, "part 0: its file", commit(dataset, given_up, NULL, NULL, error));
    lode_part_free(given_up);
    lode_part_free(more);
    lode_part_free(pushed);
    lode_part_free(pulled);
    lode_part_free(copy);
    lode_snapshot_free(snapshot);
    lode_snapshot_free(first);
    lode_snapshot_free(again);
    lode_dataset_free(dataset);
}

static int64_t give_once(void *ctx, uint8_t *buffer, size_t capacity)
{
    int *given = ctx;
    (void)capacity;
    if ((*given)++ > 0) {
        return 0;
    }
    memcpy(buffer, "pulled", 6);
    return 6;
}

static void blobs(void)
{
    lode_dataset_options raw = LODE_DATASET_OPTIONS_INIT;
    lode_dataset *dataset = NULL;
    GIVES(LODE_OK, lode_dataset_open(store, "blobs", &raw, &dataset, error));
    lode_blob_writer *writer = NULL;
    lode_part *pushed = NULL, *pulled = NULL;
    GIVES(LODE_OK, lode_dataset_open_blob_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_blob_writer_write(writer, "pushed", 6, error));
    GIVES(LODE_OK, lode_blob_writer_stage(writer, NULL, &pushed, error));
    REFUSED(LODE_ERR_STATE, "staged as a part", lode_blob_writer_write(writer, "x", 1, error));
    lode_blob_writer_free(writer);
    int given = 0;
    lode_byte_source source = LODE_BYTE_SOURCE_INIT;
    source.ctx = &given;
    source.read = give_once;
    GIVES(LODE_OK, lode_dataset_stage_blob(dataset, &source, NULL, &pulled, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "exactly one file, and there are 2 parts", commit(dataset, pushed, pulled, NULL, error));
    GIVES(LODE_OK, commit(dataset, pulled, NULL, NULL, error));
    lode_part_free(pushed);
    lode_part_free(pulled);
    lode_dataset_free(dataset);
}

/* What the clock of the store says is what counts: the file's time is set back by 25 hours. */
static void too_old(void)
{
    if (!on_directories("a part whose file's time is set back")) {
        return;
    }
    lode_dataset *dataset = open_dataset(store, "old", NULL);
    lode_part *part = stage(dataset, "1"), *copy = sent(dataset, part);
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", root, lode_part_file_path(part, 0));
    struct timespec times[2];
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_sec = time(NULL) - 25 * 3600;
    times[1].tv_nsec = 0;
    REQUIRE(utimensat(AT_FDCWD, path, times, 0) == 0, "utimensat: %s", strerror(errno));
    REFUSED(LODE_ERR_STAGED_TOO_OLD, "staged 25 hours ago", commit(dataset, copy, NULL, NULL, error));
    /* The process that staged it counts the time by itself. */
    GIVES(LODE_OK, commit(dataset, part, NULL, NULL, error));
    REFUSED(LODE_ERR_PART_COMMITTED, "a part is committed once", commit(dataset, copy, NULL, NULL, error));
    lode_part_free(part);
    lode_part_free(copy);
    lode_dataset_free(dataset);
}

static void misuse(void)
{
    lode_dataset *dataset = open_dataset(store, "misuse", NULL), *other = open_dataset(store, "other", NULL);
    lode_part *part = stage(dataset, "1"), *theirs = stage(other, "2"), *made = NULL;
    const lode_part *none[] = {part, NULL};
    lode_record_iterator empty = LODE_RECORD_ITERATOR_INIT;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "parts[1] (a lode_part) is NULL",
            lode_dataset_commit_parts(dataset, none, 2, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "parts", lode_dataset_commit_parts(dataset, NULL, 1, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "it is given twice", commit(dataset, part, part, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "part 1", commit(dataset, part, theirs, NULL, error));
    REFUSED(LODE_ERR_METADATA_REQUIRED, "metadata_json", lode_dataset_commit_parts(dataset, none, 1, NULL, NULL, NULL, error));
    lode_commit_options options = LODE_COMMIT_OPTIONS_INIT;
    options.verify_parts = 2;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "verify_parts", lode_dataset_commit_parts(dataset, none, 1, "{}", &options, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset_id: the part has \"other\"",
            lode_dataset_part_from_json(dataset, lode_part_json(theirs), &made, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "a part's JSON", lode_dataset_part_from_json(dataset, "{", &made, error));
    REFUSED(LODE_ERR_UNSUPPORTED, "of the form 9", lode_dataset_part_from_json(dataset, "{\"lode_part\":9}", &made, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "json", lode_dataset_part_from_json(dataset, NULL, &made, error));
    REFUSED(LODE_ERR_NIL_ITERATOR, "records", lode_dataset_stage_records(dataset, &empty, NULL, &made, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "writer", lode_record_writer_stage(NULL, NULL, &made, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "writer", lode_blob_writer_stage(NULL, NULL, &made, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "part", lode_part_discard(NULL, NULL, error));
    lode_record_writer *writer = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "part", lode_record_writer_stage(writer, NULL, NULL, error));
    lode_record_writer_free(writer);
    CHECK(made == NULL, "a refusal gives a part");
    CHECK(lode_part_json(NULL) == NULL && lode_part_id(NULL) == NULL && lode_part_record_count(NULL) == -1 &&
              lode_part_size(NULL) == -1 && lode_part_file_count(NULL) == 0 && lode_part_file_path(NULL, 0) == NULL,
          "NULL is no part");
    lode_part_free(NULL);
    lode_part_free(part);
    lode_part_free(theirs);
    lode_dataset_free(dataset);
    lode_dataset_free(other);
}

static void streams_into_partitions(void)
{
    static const char *const keys[] = {"p"};
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_JSONL;
    options.layout = LODE_LAYOUT_HIVE;
    options.partition_keys = keys;
    options.partition_key_count = 1;
    lode_dataset *dataset = NULL;
    lode_record_writer *writer = NULL;
    lode_snapshot *snapshot = NULL;
    lode_part *part = NULL;
    GIVES(LODE_OK, lode_dataset_open(store, "stream", &options, &dataset, error));
    REFUSED(LODE_ERR_PARTITIONING_NOT_SUPPORTED, "partition_streaming", lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    lode_dataset_free(dataset);
    options.partition_streaming = 2;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "partition_streaming", lode_dataset_open(store, "stream", &options, &dataset, error));
    options.partition_streaming = 1;
    options.max_open_partitions = -1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "max_open_partitions", lode_dataset_open(store, "stream", &options, &dataset, error));
    options.max_open_partitions = 2;
    GIVES(LODE_OK, lode_dataset_open(store, "stream", &options, &dataset, error));
    for (int staged = 0; staged <= 1; staged++) {
        GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
        for (int i = 0; i < 9; i++) {
            char record[32];
            int len = snprintf(record, sizeof record, "{\"p\":%d,\"n\":%d}", i % 3, i);
            GIVES(LODE_OK, lode_record_writer_append(writer, record, (size_t)len, NULL, error));
        }
        if (staged) {
            GIVES(LODE_OK, lode_record_writer_stage(writer, NULL, &part, error));
            CHECK(lode_part_file_count(part) == 9, "%zu files", lode_part_file_count(part));
            lode_part *copy = sent(dataset, part);
            GIVES(LODE_OK, commit(dataset, copy, NULL, &snapshot, error));
            lode_part_free(copy);
            lode_part_free(part);
        } else {
            GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
        }
        CHECK(lode_snapshot_row_count(snapshot) == 9 && lode_snapshot_file_count(snapshot) == 9, "%zu files",
              lode_snapshot_file_count(snapshot));
        lode_snapshot_free(snapshot);
        lode_record_writer_free(writer);
    }
    lode_dataset_free(dataset);
}

/* Records that need several files keep their order. */
static void divides_into_files(void)
{
    static char record[300000];
    lode_dataset_options options = jsonl_options();
    lode_dataset *dataset = NULL;
    lode_record_writer *writer = NULL;
    lode_snapshot *snapshot = NULL;
    options.target_file_bytes = -1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "target_file_bytes is -1", lode_dataset_open(store, "divided", &options, &dataset, error));
    options.target_file_bytes = 1;
    options.codec = LODE_CODEC_NONE;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "target_file_bytes", lode_dataset_open(store, "divided", &options, &dataset, error));
    options.codec = LODE_CODEC_JSONL;
    GIVES(LODE_OK, lode_dataset_open(store, "divided", &options, &dataset, error));
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    for (int i = 0; i < 3; i++) {
        int len = snprintf(record, sizeof record, "{\"n\":%d,\"pad\":\"%0*d\"}", i, (int)sizeof record - 40, 0);
        GIVES(LODE_OK, lode_record_writer_append(writer, record, (size_t)len, NULL, error));
    }
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_record_writer_free(writer);
    CHECK(lode_snapshot_file_count(snapshot) == 3, "%zu files", lode_snapshot_file_count(snapshot));
    lode_record_reader *reader = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
    for (int i = 0; i < 3; i++) {
        lode_bytes read;
        char begin[16];
        int len = snprintf(begin, sizeof begin, "{\"n\":%d,", i);
        GIVES(LODE_ITEM, lode_record_reader_next(reader, &read, error));
        CHECK(memcmp(read.data, begin, (size_t)len) == 0, "record %d is another", i);
    }
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* Threads of the caller's. */
struct pool {
    int asked, refused;
    pthread_t threads[256];
    int started;
};

struct work {
    void (*task)(void *arg);
    void *arg;
};

static void *run_work(void *arg)
{
    struct work *work = arg;
    work->task(work->arg);
    free(work);
    return NULL;
}

static int32_t spawn(void *ctx, void (*task)(void *arg), void *arg)
{
    struct pool *pool = ctx;
    pool->asked++;
    struct work *work = malloc(sizeof *work);
    if (pool->refused || pool->started == 256 || work == NULL) {
        free(work);
        return -1;
    }
    work->task = task;
    work->arg = arg;
    if (pthread_create(&pool->threads[pool->started], NULL, run_work, work) != 0) {
        free(work);
        return -1;
    }
    pool->started++;
    return 0;
}

static void several_threads_compress(void)
{
    enum { COUNT = 400000 };
    for (int way = 0; way < 3; way++) {
        struct pool pool = {.refused = way == 1};
        lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
        options.codec = LODE_CODEC_JSONL;
        options.compressor = way == 2 ? LODE_COMPRESSOR_GZIP : LODE_COMPRESSOR_ZSTD;
        options.threads = 3;
        options.spawn = way == 2 ? NULL : spawn;
        options.spawn_ctx = &pool;
        lode_dataset *dataset = NULL;
        lode_record_writer *writer = NULL;
        lode_snapshot *snapshot = NULL;
        lode_record_reader *reader = NULL;
        char name[32];
        snprintf(name, sizeof name, "threads%d", way);
        GIVES(LODE_OK, lode_dataset_open(store, name, &options, &dataset, error));
        GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
        lode_error *error = NULL;
        char record[64];
        int refused = 0;
        for (int i = 0; i < COUNT; i++) {
            int len = snprintf(record, sizeof record, "{\"number\":%d,\"also\":\"%d\"}", i, i % 7919);
            refused += lode_record_writer_append(writer, record, (size_t)len, NULL, &error) < 0;
        }
        CHECK(refused == 0, "%d records are refused", refused);
        GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
        lode_record_writer_free(writer);
        for (int i = 0; i < pool.started; i++) {
            pthread_join(pool.threads[i], NULL);
        }
        CHECK(way == 2 || pool.asked > 0, "no thread was asked for");
        GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
        int number = 0, wrong = 0;
        lode_bytes read;
        lode_status status;
        while ((status = lode_record_reader_next(reader, &read, &error)) == LODE_ITEM) {
            int len = snprintf(record, sizeof record, "{\"number\":%d,\"also\":\"%d\"}", number, number % 7919);
            wrong += read.len != (size_t)len || memcmp(read.data, record, read.len) != 0;
            number++;
        }
        CHECK(status == LODE_OK && number == COUNT && wrong == 0, "%d records, %d in the wrong place, %s", number, wrong,
              lode_status_name(status));
        lode_error_free(error);
        lode_record_reader_free(reader);
        lode_snapshot_free(snapshot);
        lode_dataset_free(dataset);
    }
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.threads = -1;
    lode_dataset *dataset = NULL;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "threads", lode_dataset_open(store, "x", &options, &dataset, error));
}

int main(void)
{
    make_root(root);
    store = open_store(root);
    staging();
    blobs();
    too_old();
    misuse();
    streams_into_partitions();
    divides_into_files();
    several_threads_compress();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_parts");
}
