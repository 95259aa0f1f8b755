/* What a commit may be told, and what stops one: the expected parent, deadline, cancelling, progress, a full
 * disk, a file too large, a symbolic link out of the store, a history without its slots. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>

static lode_store *store;
static char root[256];

static lode_status stream(lode_dataset *dataset, const lode_commit_options *options, lode_snapshot **snapshot,
                          lode_error **error)
{
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", options, snapshot, error);
    CHECK(feed.released == 1, "released %d times", feed.released);
    return status;
}

static void expect_head(lode_dataset *dataset, const char *id, const char *what)
{
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    lode_status status = lode_dataset_find_latest(dataset, NULL, &snapshot, &error);
    if (id == NULL) {
        CHECK(status == LODE_ERR_NO_SNAPSHOTS, "%s: latest gave %s", what, lode_status_name(status));
    } else {
        CHECK(status == LODE_OK && strcmp(lode_snapshot_id(snapshot), id) == 0, "%s: the head is %s, expected %s", what,
              status == LODE_OK ? lode_snapshot_id(snapshot) : lode_status_name(status), id);
    }
    lode_snapshot_free(snapshot);
    lode_error_free(error);
}

static void expected_parent(void)
{
    lode_dataset *dataset = open_dataset(store, "parents", NULL);
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);

    options.expected_parent = "1700000000000000000-0123456789abcdef";
    REFUSED(LODE_ERR_CONFLICT, "parent", stream(dataset, &options, NULL, error));
    expect_head(dataset, NULL, "a parent that does not exist");

    options.expected_parent = "";
    lode_snapshot *first = NULL;
    GIVES(LODE_OK, stream(dataset, &options, &first, error));
    CHECK(lode_snapshot_parent_id(first) == NULL, "the first snapshot has the parent %s", lode_snapshot_parent_id(first));

    lode_error *error = NULL;
    lode_snapshot *second = NULL;
    lode_status status = stream(dataset, &options, &second, &error);
    CHECK(status == LODE_ERR_CONFLICT && second == NULL, "no snapshot expected, one there: %s", lode_status_name(status));
    if (status < 0) {
        CHECK(lode_error_snapshot_id(error) != NULL && strcmp(lode_error_snapshot_id(error), lode_snapshot_id(first)) == 0,
              "the conflict names the head %s, expected %s", lode_error_snapshot_id(error), lode_snapshot_id(first));
        CHECK(lode_error_action(error) == LODE_ACTION_REBASE, "a conflict's action is %d", lode_error_action(error));
        CHECK(strstr(lode_error_message(error), lode_snapshot_id(first)) != NULL, "the message does not name the head: %s",
              lode_error_message(error));
        lode_error_free(error);
    }

    options.expected_parent = lode_snapshot_id(first);
    GIVES(LODE_OK, stream(dataset, &options, &second, error));
    CHECK(strcmp(lode_snapshot_parent_id(second), lode_snapshot_id(first)) == 0, "the second's parent is %s",
          lode_snapshot_parent_id(second));
    CHECK(strcmp(lode_snapshot_id(first), lode_snapshot_id(second)) < 0, "ids do not rise");
    REFUSED(LODE_ERR_CONFLICT, "parent", stream(dataset, &options, NULL, error));
    expect_head(dataset, lode_snapshot_id(second), "after the conflict");

    /* Another handle rebases by itself when no parent is expected. */
    lode_dataset *other = open_dataset(store, "parents", NULL);
    lode_snapshot *third = commit_records(other, FIVE, 1);
    CHECK(strcmp(lode_snapshot_parent_id(third), lode_snapshot_id(second)) == 0, "the third's parent is %s",
          lode_snapshot_parent_id(third));
    lode_snapshot *fourth = commit_records(dataset, FIVE, 2);
    CHECK(strcmp(lode_snapshot_parent_id(fourth), lode_snapshot_id(third)) == 0, "the fourth's parent is %s",
          lode_snapshot_parent_id(fourth));

    /* The outcome of a commit can be asked for afterwards. */
    lode_snapshot *resolved = NULL;
    GIVES(LODE_OK, lode_dataset_resolve_commit(dataset, lode_snapshot_id(first), NULL, &resolved, error));
    CHECK(strcmp(lode_snapshot_id(resolved), lode_snapshot_id(first)) == 0, "resolved %s", lode_snapshot_id(resolved));
    lode_snapshot_free(resolved);
    resolved = (lode_snapshot *)GARBAGE;
    GIVES(LODE_NOT_COMMITTED,
          lode_dataset_resolve_commit(dataset, "1700000000000000000-0123456789abcdef", NULL, &resolved, error));
    CHECK(resolved == NULL, "NOT_COMMITTED with a snapshot");

    lode_snapshot_free(first);
    lode_snapshot_free(second);
    lode_snapshot_free(third);
    lode_snapshot_free(fourth);
    lode_dataset_free(other);
    lode_dataset_free(dataset);
}

struct calls {
    int count;
    int answer;
    int64_t records;
    int64_t bytes_in;
};

static int32_t on_progress(void *ctx, int64_t records, int64_t bytes_in, int64_t bytes_stored)
{
    struct calls *calls = (struct calls *)ctx;
    calls->count++;
    CHECK(records >= calls->records && bytes_in >= calls->bytes_in && bytes_stored >= 0, "progress went back");
    calls->records = records;
    calls->bytes_in = bytes_in;
    return calls->answer;
}

/* An iterator of 40,000 records of 100 bytes, so that output leaves the buffers while it runs. */
struct many {
    int left;
    int released;
    char record[104];
    lode_cancel_token *cancel_halfway;
};

static int32_t many_next(void *ctx)
{
    struct many *many = (struct many *)ctx;
    if (many->left == 20000) {
        lode_cancel_token_cancel(many->cancel_halfway);
    }
    return many->left-- > 0;
}

static void many_record(void *ctx, lode_bytes *record)
{
    struct many *many = (struct many *)ctx;
    record->data = (const uint8_t *)many->record;
    record->len = (size_t)snprintf(many->record, sizeof many->record, "{\"left\":%80d}", many->left);
}

static void many_release(void *ctx)
{
    ((struct many *)ctx)->released++;
}

static lode_status stream_many(lode_dataset *dataset, struct many *many, const lode_commit_options *options,
                               lode_snapshot **snapshot, lode_error **error)
{
    lode_record_iterator iterator;
    lode_record_iterator_init(&iterator, sizeof iterator);
    many->left = 40000;
    many->released = 0;
    iterator.ctx = many;
    iterator.next = many_next;
    iterator.record = many_record;
    iterator.release = many_release;
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", options, snapshot, error);
    CHECK(many->released == 1, "released %d times", many->released);
    return status;
}

static void stopped(void)
{
    lode_dataset *dataset = open_dataset(store, "stopped", NULL);
    lode_commit_options options;
    struct many many = {0};

    lode_commit_options_init(&options, sizeof options);
    options.deadline_ms = -1;
    REFUSED(LODE_ERR_DEADLINE, "deadline", stream_many(dataset, &many, &options, NULL, error));
    expect_head(dataset, NULL, "a deadline that is over");

    lode_cancel_token *token = NULL;
    GIVES(LODE_OK, lode_cancel_token_new(&token, error));
    lode_commit_options_init(&options, sizeof options);
    options.cancel = token;
    many.cancel_halfway = token;
    REFUSED(LODE_ERR_CANCELLED, "cancel", stream_many(dataset, &many, &options, NULL, error));
    expect_head(dataset, NULL, "cancelled");
    many.cancel_halfway = NULL;
    lode_cancel_token_free(token);

    struct calls calls = {0, 1, 0, 0};
    lode_commit_options_init(&options, sizeof options);
    options.progress = on_progress;
    options.progress_ctx = &calls;
    lode_error *error = NULL;
    lode_status status = stream_many(dataset, &many, &options, NULL, &error);
    CHECK(status == LODE_ERR_ABORTED, "a progress callback that says stop: %s", lode_status_name(status));
    CHECK(calls.count == 1, "progress was called %d times, expected once", calls.count);
    lode_error_free(error);
    expect_head(dataset, NULL, "aborted by the progress callback");

    memset(&calls, 0, sizeof calls);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, stream_many(dataset, &many, &options, &snapshot, error));
    CHECK(calls.count >= 2 && calls.records > 0, "progress was called %d times, last with %" PRId64 " records", calls.count,
          calls.records);
    CHECK(lode_snapshot_row_count(snapshot) == 40000, "row count %" PRId64, lode_snapshot_row_count(snapshot));
    lode_snapshot_free(snapshot);

    /* Reading calls stop, too. */
    lode_call_options call;
    lode_call_options_init(&call, sizeof call);
    call.deadline_ms = -1;
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_dataset_find_latest(dataset, &call, &snapshot, error));
    lode_dataset_free(dataset);

    /* A writer whose commit was over before it began keeps its data: the same commit again succeeds. */
    dataset = open_dataset(store, "again", NULL);
    lode_record_writer *writer = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_record_writer_append(writer, "1", 1, NULL, error));
    lode_commit_options_init(&options, sizeof options);
    options.deadline_ms = -1;
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_record_writer_commit(writer, "{}", &options, NULL, error));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    CHECK(lode_snapshot_row_count(snapshot) == 1, "row count %" PRId64, lode_snapshot_row_count(snapshot));
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
}

/* A limit on the size of files makes the kernel answer EFBIG. */
static void system_failure(void)
{
    lode_dataset *dataset = open_dataset(store, "efbig", NULL);
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = before;
    small.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &small);
    struct many many = {0};
    lode_error *error = NULL;
    lode_status status = stream_many(dataset, &many, NULL, NULL, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(lode_error_errno(error) == EFBIG, "errno %d, expected EFBIG", lode_error_errno(error));
    CHECK(lode_error_path(error) != NULL, "no path in: %s", lode_error_message(error));
    refused_at(__FILE__, __LINE__, "a file too large for its limit", status, error, LODE_ERR_NO_SPACE, "File too large");
    expect_head(dataset, NULL, "EFBIG");

    /* A writer that meets it keeps its records, and goes on once it is lifted. */
    lode_record_writer *writer = NULL;
    char record[3000];
    memset(record, '7', sizeof record);
    record[0] = record[sizeof record - 1] = '"';
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    setrlimit(RLIMIT_FSIZE, &small);
    int64_t taken = 0;
    while ((status = lode_record_writer_append(writer, record, sizeof record, NULL, &error)) == LODE_OK && taken < 1000) {
        taken++;
    }
    CHECK(lode_error_action(error) == LODE_ACTION_RETRY, "%s advises action %d", lode_error_message(error),
          (int)lode_error_action(error));
    refused_at(__FILE__, __LINE__, "an append that meets the limit", status, error, LODE_ERR_NO_SPACE, "RLIMIT_FSIZE");
    REFUSED(LODE_ERR_NO_SPACE, "RLIMIT_FSIZE", lode_record_writer_append(writer, record, sizeof record, NULL, error));
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_append(writer, record, sizeof record, NULL, error));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    size_t count = 0;
    GIVES(LODE_OK, read_all(dataset, snapshot, LODE_VERIFY_FIRST, &count, error));
    CHECK((int64_t)count == taken + 1, "%zu records, %" PRId64 " were taken", count, taken + 1);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
}

/* A store on a file system of 256 KiB. */
static void full_disk(void)
{
    char small_root[300];
    snprintf(small_root, sizeof small_root, "%s/small-disk", root);
    mkdir(small_root, 0777);
    if (mount("tmpfs", small_root, "tmpfs", 0, "size=256k") != 0) {
        printf("skipped: a full disk (cannot mount a small tmpfs: %s)\n", strerror(errno));
        return;
    }
    lode_store *small = open_store(small_root);
    lode_dataset *dataset = open_dataset(small, "full", NULL);
    lode_snapshot *head = commit_records(dataset, FIVE, 5);
    struct many many = {0};
    lode_error *error = NULL;
    lode_status status = stream_many(dataset, &many, NULL, NULL, &error);
    CHECK(lode_error_errno(error) == ENOSPC, "errno %d, expected ENOSPC", lode_error_errno(error));
    CHECK(lode_error_action(error) == LODE_ACTION_RETRY, "action %d", lode_error_action(error));
    refused_at(__FILE__, __LINE__, "a full disk", status, error, LODE_ERR_NO_SPACE, "No space left");
    expect_head(dataset, lode_snapshot_id(head), "a full disk");
    lode_snapshot_free(head);
    lode_snapshot_free(commit_records(dataset, FIVE, 5)); /* the failed one gave its space back */
    lode_dataset_free(dataset);
    lode_store_free(small);
    CHECK(umount(small_root) == 0, "cannot unmount %s: %s", small_root, strerror(errno));
}

static void symbolic_links(void)
{
    char outside[300];
    char link_path[300];
    snprintf(outside, sizeof outside, "%s/outside", root);
    mkdir(outside, 0777);
    lode_dataset *dataset = open_dataset(store, "linked", NULL);
    snprintf(link_path, sizeof link_path, "%s/datasets/linked", root);
    REQUIRE(symlink(outside, link_path) == 0, "symlink: %s", strerror(errno));
    REFUSED(LODE_ERR_INVALID_PATH, "linked", stream(dataset, NULL, NULL, error));
    CHECK(rmdir(outside) == 0, "something was written outside the store: %s", strerror(errno));
    unlink(link_path);
    lode_dataset_free(dataset);
}

/* Another process holds the lock of the pointer: the commit stands, and the next one publishes it. */
static void locked_pointer(void)
{
    lode_dataset *dataset = open_dataset(store, "locked", NULL);
    lode_snapshot *first = commit_records(dataset, FIVE, 1);
    char path[300];
    snprintf(path, sizeof path, "%s/datasets/locked/latest.lock", root);
    int lock = open(path, O_RDWR | O_CREAT, 0666);
    REQUIRE(lock >= 0 && flock(lock, LOCK_EX) == 0, "cannot lock %s: %s", path, strerror(errno));

    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);
    options.deadline_ms = 2000;
    lode_snapshot *second = NULL;
    GIVES(LODE_COMMITTED_UNPUBLISHED, stream(dataset, &options, &second, error));
    CHECK(second != NULL && strcmp(lode_snapshot_parent_id(second), lode_snapshot_id(first)) == 0,
          "an unpublished commit without its snapshot");

    /* Another handle, which knows nothing, finds it; that it cannot publish it costs its own commit
     * nothing. */
    lode_dataset_options hasty = jsonl_options();
    hasty.retry_attempts = 2;
    hasty.retry_base_ms = 1;
    lode_dataset *next = open_dataset(store, "locked", &hasty);
    lode_snapshot *beside = NULL;
    GIVES(LODE_COMMITTED_UNPUBLISHED, stream(next, &options, &beside, error));
    CHECK(beside != NULL && strcmp(lode_snapshot_parent_id(beside), lode_snapshot_id(second)) == 0,
          "a commit beside one whose pointer cannot be set");
    close(lock);

    lode_dataset *other = open_dataset(store, "locked", NULL);
    lode_snapshot *third = commit_records(other, FIVE, 3);
    CHECK(strcmp(lode_snapshot_parent_id(third), lode_snapshot_id(beside)) == 0, "the next commit's parent is %s",
          lode_snapshot_parent_id(third));
    lode_snapshot_free(beside);
    lode_dataset_free(next);
    size_t count = 0;
    GIVES(LODE_OK, read_all(other, second, 0, &count, error));
    CHECK(count == 5, "read %zu records", count);
    expect_head(dataset, lode_snapshot_id(third), "after the unpublished commit");
    lode_snapshot_free(first);
    lode_snapshot_free(second);
    lode_snapshot_free(third);
    lode_dataset_free(other);
    lode_dataset_free(dataset);
}

static void history_without_slots(void)
{
    lode_dataset *dataset = open_dataset(store, "foreign", NULL);
    lode_snapshot *head = commit_records(dataset, FIVE, 5);
    lode_dataset_free(dataset);
    remove_stored(store, "datasets/foreign/_commits/root");

    dataset = open_dataset(store, "foreign", NULL);
    REFUSED(LODE_ERR_NEEDS_REPAIR, "foreign", stream(dataset, NULL, NULL, error));
    expect_head(dataset, lode_snapshot_id(head), "a dataset without slots is read normally");
    size_t count = 0;
    GIVES(LODE_OK, read_all(dataset, head, 0, &count, error));
    CHECK(count == 5, "read %zu records", count);

    /* The way out: the caller says which head is to stay. */
    lode_snapshot *adopted = NULL;
    REFUSED(LODE_ERR_SNAPSHOT_NOT_FOUND, "no snapshot nowhere",
            lode_dataset_adopt(dataset, "nowhere", NULL, &adopted, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "a/b", lode_dataset_adopt(dataset, "a/b", NULL, &adopted, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot_id is NULL",
            lode_dataset_adopt(dataset, NULL, NULL, &adopted, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_adopt(NULL, "x", NULL, &adopted, error));
    CHECK(adopted == NULL, "a refused adoption gives a snapshot");
    GIVES(LODE_OK, lode_dataset_adopt(dataset, lode_snapshot_id(head), NULL, &adopted, error));
    CHECK(adopted != NULL && strcmp(lode_snapshot_id(adopted), lode_snapshot_id(head)) == 0, "another was adopted");
    GIVES(LODE_OK, lode_dataset_adopt(dataset, lode_snapshot_id(head), NULL, NULL, error));
    lode_snapshot *next = commit_records(dataset, FIVE, 2);
    CHECK(strcmp(lode_snapshot_parent_id(next), lode_snapshot_id(head)) == 0, "the next commit's parent is %s",
          lode_snapshot_parent_id(next));
    REFUSED(LODE_ERR_NEEDS_REPAIR, "choose that one",
            lode_dataset_adopt(dataset, lode_snapshot_id(head), NULL, NULL, error));
    lode_snapshot_free(next);
    lode_snapshot_free(adopted);
    lode_snapshot_free(head);
    lode_dataset_free(dataset);
}

/* Sets the pointer of a dataset, as the Go library would. */
static void point(const char *dataset, const char *from, const char *to)
{
    char key[300];
    snprintf(key, sizeof key, "datasets/%s/latest", dataset);
    size_t from_len = from == NULL ? 0 : strlen(from);
    GIVES(LODE_OK, lode_store_compare_and_swap(store, key, from, from_len, to, strlen(to), NULL, error));
}

/* One record, and while it is pulled another writer sets the pointer. */
struct meddler {
    const char *from;
    int given;
};

static int32_t meddle(void *ctx)
{
    struct meddler *meddler = (struct meddler *)ctx;
    if (meddler->given++ == 0) {
        point("beside", meddler->from, "1700000000000000000");
        return 1;
    }
    return 0;
}

static void give_empty(void *ctx, lode_bytes *record)
{
    (void)ctx;
    *record = (lode_bytes){(const uint8_t *)"{}", 2};
}

static void beside_another_implementation(void)
{
    /* A pointer without its manifest: its writer may be about to write it. */
    lode_dataset *dangling = open_dataset(store, "dangling", NULL);
    point("dangling", NULL, "1700000000000000000");
    REFUSED(LODE_ERR_BUSY, "1700000000000000000", stream(dangling, NULL, NULL, error));
    lode_dataset_free(dangling);

    /* A pointer that another sets while ours commits: ours is committed, and theirs is left alone. */
    lode_dataset *dataset = open_dataset(store, "beside", NULL);
    lode_snapshot *first = commit_records(dataset, FIVE, 1), *second = NULL;
    struct meddler meddler = {lode_snapshot_id(first), 0};
    lode_record_iterator iterator;
    lode_record_iterator_init(&iterator, sizeof iterator);
    iterator.ctx = &meddler;
    iterator.next = meddle;
    iterator.record = give_empty;
    GIVES(LODE_COMMITTED_BESIDE_FOREIGN,
          lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, &second, error));
    CHECK(second != NULL && strcmp(lode_snapshot_parent_id(second), lode_snapshot_id(first)) == 0,
          "a commit beside another's without its snapshot");
    lode_snapshot *found = NULL;
    GIVES(LODE_OK, lode_dataset_find_snapshot(dataset, lode_snapshot_id(second), NULL, &found, error));
    lode_snapshot_free(found);
    lode_snapshot_free(first);
    lode_snapshot_free(second);
    lode_dataset_free(dataset);

    /* A head whose id has no place in the order of ids. */
    dataset = open_dataset(store, "odd", NULL);
    static const char manifest[] =
        "{\"schema_name\":\"lode-manifest\",\"format_version\":\"1.0.0\",\"dataset_id\":\"odd\",\"snapshot_id\":\"first\","
        "\"created_at\":\"2024-01-15T00:00:00Z\",\"metadata\":{},\"files\":[],\"row_count\":0,\"codec\":\"jsonl\","
        "\"compressor\":\"noop\",\"partitioner\":\"noop\"}";
    GIVES(LODE_OK, lode_store_put(store, "datasets/odd/snapshots/first/manifest.json", manifest, sizeof manifest - 1, NULL, error));
    point("odd", NULL, "first");
    REFUSED(LODE_ERR_UNORDERABLE_PARENT, "no new id sorts after the parent \"first\"", stream(dataset, NULL, NULL, error));
    expect_head(dataset, "first", "a head of another form is read normally");
    lode_dataset_free(dataset);
}

int main(void)
{
    make_root(root);
    store = open_store(root);
    expected_parent();
    stopped();
    if (on_directories("a file too large, a full disk, a symbolic link, a locked pointer")) {
        system_failure();
        full_disk();
        symbolic_links();
        locked_pointer();
    }
    history_without_slots();
    beside_another_implementation();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_commit");
}
