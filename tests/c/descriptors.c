/* Records and bytes through file descriptors: written in any pieces, blocking or not, interrupted, closed at
 * the other end; commits that are tried again; and the records since a position, left and taken up again. */
#include "memory_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static char root[256];
static lode_store *store;

static void set_blocking(int fd, int blocking)
{
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void write_whole(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t count = write(fd, data, len);
        REQUIRE(count > 0, "cannot write into a pipe");
        data += count;
        len -= (size_t)count;
    }
}

/* A child writes the text into a pipe, `piece` bytes at a time. */
static int written_by_child(const char *data, size_t len, size_t piece, pid_t *child)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0, "no pipe");
    fflush(NULL);
    *child = fork();
    REQUIRE(*child >= 0, "cannot fork");
    if (*child == 0) {
        close(ends[0]);
        for (size_t at = 0; at < len; at += piece) {
            write_whole(ends[1], data + at, len - at < piece ? len - at : piece);
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

/* A child reads a pipe to its end, slowly, and tells whether it was `data`. */
static int read_by_child(const char *data, size_t len, pid_t *child)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0, "no pipe");
    fflush(NULL);
    *child = fork();
    REQUIRE(*child >= 0, "cannot fork");
    if (*child == 0) {
        close(ends[1]);
        static char buffer[1000];
        size_t at = 0;
        ssize_t count;
        while ((count = read(ends[0], buffer, sizeof buffer)) > 0) {
            if (at + (size_t)count > len || memcmp(buffer, data + at, (size_t)count) != 0) {
                _exit(2);
            }
            at += (size_t)count;
        }
        _exit(at == len ? 0 : 3);
    }
    close(ends[0]);
    return ends[1];
}

static void expect_exit(pid_t child)
{
    int how = 0;
    REQUIRE(waitpid(child, &how, 0) == child, "lost the child");
    CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0, "the child ended with %x", (unsigned)how);
}

static lode_record_writer *open_writer(lode_dataset *dataset, int32_t bad_records)
{
    lode_record_writer_options options = LODE_RECORD_WRITER_OPTIONS_INIT;
    options.bad_records = bad_records;
    lode_record_writer *writer = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, &options, &writer, error));
    return writer;
}

/* ---- Into a writer ---- */

static void lines_in_pieces(void)
{
    /* The last line has no end, or blanks without one follow it. */
#define LINES "{\"id\":1}\n{\"id\":2}\r\n\n   \n[3,4]\n\"five\"\n6"
    static const char *const texts[] = {LINES, LINES "\n   "};
    static const size_t pieces[] = {1, 3, 7, sizeof LINES + 4};
    lode_dataset *dataset = open_dataset(store, "pieces", NULL);
    for (size_t at = 0; at < 4 * sizeof pieces / sizeof pieces[0]; at++) {
        const char *text = texts[at / 2 % 2];
        lode_record_writer *writer = open_writer(dataset, LODE_BAD_RECORD_FAIL);
        pid_t child;
        int fd = written_by_child(text, strlen(text), pieces[at / 4], &child);
        set_blocking(fd, at % 2);
        GIVES(LODE_OK, lode_record_writer_append_from_fd(writer, fd, NULL, error));
        CHECK(lode_record_writer_record_count(writer) == 5, "%" PRId64 " records",
              lode_record_writer_record_count(writer));
        GIVES(LODE_OK, lode_record_writer_append_from_fd(writer, fd, NULL, error));
        close(fd);
        expect_exit(child);
        lode_snapshot *snapshot = NULL;
        GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
        static const char stored[] = "{\"id\":1}\n{\"id\":2}\n[3,4]\n\"five\"\n6\n";
        fd = read_by_child(stored, sizeof stored - 1, &child);
        lode_record_reader *reader = NULL;
        GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
        GIVES(LODE_OK, lode_record_reader_read_to_fd(reader, fd, error));
        GIVES(LODE_OK, lode_record_reader_read_to_fd(reader, fd, error));
        close(fd);
        expect_exit(child);
        lode_record_reader_free(reader);
        lode_snapshot_free(snapshot);
        lode_record_writer_free(writer);
    }
    lode_dataset_free(dataset);
}

static void refused_lines(void)
{
    lode_dataset_options options = jsonl_options();
    options.max_record_bytes = 1000;
    lode_dataset *dataset = open_dataset(store, "refused", &options);
    size_t len = 700000;
    char *text = (char *)malloc(len);
    REQUIRE(text != NULL, "no memory");
    memset(text, 'x', len);
    memcpy(text, "1\n{bad}\n2\n\"", 11);   /* then a line of 600,000 bytes */
    memcpy(text + 600000, "\n3\n", 3);
    memcpy(text + 600003, "\"", 1);          /* and one of 100,000 without an end */
    for (int32_t bad = LODE_BAD_RECORD_FAIL; bad <= LODE_BAD_RECORD_SKIP; bad++) {
        lode_record_writer *writer = open_writer(dataset, bad);
        pid_t child;
        int fd = written_by_child(text, len, 65536, &child);
        if (bad == LODE_BAD_RECORD_FAIL) {
            static const lode_status expected[] = {LODE_ERR_INVALID_RECORD, LODE_ERR_RECORD_TOO_LARGE,
                                                   LODE_ERR_RECORD_TOO_LARGE};
            static const int64_t numbers[] = {1, 2, 3};
            static const char *const places[] = {"line 2 (byte 3 of the input): ", "line 4 (byte 10 of the input): ",
                                                 "line 6 (byte 600003 of the input): "};
            for (size_t at = 0; at < 3; at++) {
                lode_error *error = NULL;
                lode_status status = lode_record_writer_append_from_fd(writer, fd, NULL, &error);
                CHECK(status == expected[at], "line %zu gave %s", at, lode_status_name(status));
                CHECK(lode_error_record(error) == numbers[at], "record %" PRId64, lode_error_record(error));
                CHECK(strstr(lode_error_message(error), places[at]) != NULL, "%s", lode_error_message(error));
                lode_error_free(error);
            }
        }
        GIVES(LODE_OK, lode_record_writer_append_from_fd(writer, fd, NULL, error));
        CHECK(lode_record_writer_record_count(writer) == 3, "%" PRId64 " records",
              lode_record_writer_record_count(writer));
        CHECK(lode_record_writer_skipped_count(writer) == (bad == LODE_BAD_RECORD_SKIP ? 3 : 0), "%" PRId64 " skipped",
              lode_record_writer_skipped_count(writer));
        close(fd);
        expect_exit(child);
        lode_record_writer_free(writer);
    }
    free(text);
    lode_dataset_free(dataset);
}

static void limits_of_a_call(void)
{
    lode_dataset *dataset = open_dataset(store, "limits", NULL);
    lode_record_writer *writer = open_writer(dataset, LODE_BAD_RECORD_FAIL);
    lode_call_options call = LODE_CALL_OPTIONS_INIT;
    int ends[2];
    REQUIRE(pipe(ends) == 0, "no pipe");
    for (int blocking = 0; blocking <= 1; blocking++) {
        set_blocking(ends[0], blocking);
        write_whole(ends[1], "1\n\"half", 7);
        call.deadline_ms = 1;
        lode_error *error = NULL;
        lode_status status;
        do { /* until what was written has arrived */
            lode_error_free(error);
            status = lode_record_writer_append_from_fd(writer, ends[0], &call, &error);
        } while (status == LODE_ERR_DEADLINE && lode_record_writer_record_count(writer) < 1 + 2 * blocking);
        CHECK(status == LODE_ERR_DEADLINE, "a pipe without an end gave %s", lode_status_name(status));
        CHECK(strstr(lode_error_message(error), "reading from a descriptor") != NULL, "message: %s",
              lode_error_message(error));
        lode_error_free(error);
        write_whole(ends[1], " a line\"\n", 9);
        do {
            status = lode_record_writer_append_from_fd(writer, ends[0], &call, NULL);
        } while (status == LODE_ERR_DEADLINE && lode_record_writer_record_count(writer) < 2 + 2 * blocking);
        CHECK(lode_record_writer_record_count(writer) == 2 + 2 * blocking, "%" PRId64 " records",
              lode_record_writer_record_count(writer));
    }
    call.deadline_ms = 0;
    GIVES(LODE_OK, lode_cancel_token_new(&call.cancel, error));
    lode_cancel_token_cancel(call.cancel);
    REFUSED(LODE_ERR_CANCELLED, "descriptor", lode_record_writer_append_from_fd(writer, ends[0], &call, error));
    lode_cancel_token_free(call.cancel);
    close(ends[1]);
    close(ends[0]);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "fd is -1", lode_record_writer_append_from_fd(writer, -1, NULL, error));
    REFUSED(LODE_ERR_IO, "cannot read from the descriptor", lode_record_writer_append_from_fd(writer, ends[0], NULL, error));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_STATE, "committed", lode_record_writer_append_from_fd(writer, 0, NULL, error));
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
}

/* ---- Out of a reader ---- */

static volatile sig_atomic_t pipe_signals;

static void count_signal(int number)
{
    (void)number;
    pipe_signals++;
}

static void through_pipes(void)
{
    enum { COUNT = 30000 };
    lode_dataset *dataset = open_dataset(store, "pipes", NULL);
    lode_dataset_options raw = LODE_DATASET_OPTIONS_INIT;
    raw.compressor = LODE_COMPRESSOR_ZSTD;
    lode_dataset *blobs = open_dataset(store, "raw-pipes", &raw);
    char *text = (char *)malloc(COUNT * 16);
    REQUIRE(text != NULL, "no memory");
    size_t len = 0;
    for (int i = 0; i < COUNT; i++) {
        len += (size_t)snprintf(text + len, 16, "{\"id\":%d}\n", i);
    }
    pid_t child;
    lode_snapshot *snapshot = NULL;
    lode_snapshot *blob = NULL;
    lode_record_writer *writer = open_writer(dataset, LODE_BAD_RECORD_FAIL);
    int fd = written_by_child(text, len, 10007, &child);
    GIVES(LODE_OK, lode_record_writer_append_from_fd(writer, fd, NULL, error));
    close(fd);
    expect_exit(child);
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_record_writer_free(writer);
    lode_blob_writer *bytes = NULL;
    GIVES(LODE_OK, lode_dataset_open_blob_writer(blobs, NULL, &bytes, error));
    fd = written_by_child(text, len, 10007, &child);
    set_blocking(fd, 0);
    GIVES(LODE_OK, lode_blob_writer_write_from_fd(bytes, fd, NULL, error));
    close(fd);
    expect_exit(child);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "fd is -1", lode_blob_writer_write_from_fd(bytes, -1, NULL, error));
    GIVES(LODE_OK, lode_blob_writer_commit(bytes, "{}", NULL, &blob, error));
    lode_blob_writer_free(bytes);

    signal(SIGPIPE, count_signal);
    for (int kind = 0; kind < 4; kind++) {
        lode_read_options options = LODE_READ_OPTIONS_INIT;
        options.deadline_ms = kind % 2 ? 2 : 0;
        lode_record_reader *reader = NULL;
        lode_blob_reader *stream = NULL;
        if (kind < 2) {
            GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, &options, &reader, error));
        } else {
            GIVES(LODE_OK, lode_dataset_open_blob_reader(blobs, blob, &options, &stream, error));
        }
        /* A pipe that is full and not read: the deadline ends the call, and the next one goes on. */
        fd = read_by_child(text, len, &child);
        kill(child, kind % 2 ? SIGSTOP : SIGCONT);
        set_blocking(fd, 0);
        lode_status status;
        int deadlines = 0;
        do {
            status = kind < 2 ? lode_record_reader_read_to_fd(reader, fd, NULL) : lode_blob_reader_read_to_fd(stream, fd, NULL);
            kill(child, SIGCONT);
            deadlines += status == LODE_ERR_DEADLINE;
        } while (status == LODE_ERR_DEADLINE);
        CHECK(status == LODE_OK, "gave %s", lode_status_name(status));
        CHECK(kind % 2 == 0 || deadlines > 0, "a pipe whose reader was stopped took everything");
        close(fd);
        expect_exit(child);
        lode_record_reader_free(reader);
        lode_blob_reader_free(stream);

        /* The reader has closed its end. */
        int ends[2];
        REQUIRE(pipe(ends) == 0, "no pipe");
        close(ends[0]);
        lode_error *error = NULL;
        if (kind < 2) {
            GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
            status = lode_record_reader_read_to_fd(reader, ends[1], &error);
        } else {
            GIVES(LODE_OK, lode_dataset_open_blob_reader(blobs, blob, NULL, &stream, error));
            status = lode_blob_reader_read_to_fd(stream, ends[1], &error);
        }
        CHECK(status == LODE_ERR_IO && lode_error_errno(error) == EPIPE, "gave %s: %s", lode_status_name(status),
              lode_error_message(error));
        lode_error_free(error);
        close(ends[1]);
        /* It does not stay: another descriptor gets all of it. */
        fd = read_by_child(text, len, &child);
        status = kind < 2 ? lode_record_reader_read_to_fd(reader, fd, NULL) : lode_blob_reader_read_to_fd(stream, fd, NULL);
        CHECK(status == LODE_OK, "gave %s", lode_status_name(status));
        close(fd);
        expect_exit(child);
        lode_record_reader_free(kind < 2 ? reader : NULL);
        lode_blob_reader_free(kind < 2 ? NULL : stream);
    }
    CHECK(pipe_signals == 0, "%d signals", (int)pipe_signals);
    signal(SIGPIPE, SIG_DFL);
    lode_snapshot_free(blob);
    lode_snapshot_free(snapshot);
    free(text);
    lode_dataset_free(blobs);
    lode_dataset_free(dataset);
}

/* ---- Since a position ---- */

static void since_a_position(void)
{
    static const char *const first[] = {"1", "2", "3"};
    static const char *const third[] = {"4"};
    static const char *const fourth[] = {"5", "6"};
    lode_dataset *dataset = open_dataset(store, "since", NULL);
    lode_record_reader *reader = (lode_record_reader *)GARBAGE;
    lode_bytes record;
    const char *position = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_reader_since(dataset, NULL, NULL, &reader, error));
    GIVES(LODE_OK, lode_record_reader_next(reader, &record, error));
    GIVES(LODE_OK, lode_record_reader_get_position(reader, &position, error));
    CHECK(position != NULL && *position == '\0', "the position of nothing is %s", position);
    lode_record_reader_free(reader);
    lode_snapshot *snapshots[4] = {commit_records(dataset, first, 3), commit_records(dataset, first, 0),
                                   commit_records(dataset, third, 1), commit_records(dataset, fourth, 2)};

    /* Left after each record, and taken up again with its position. */
    char kept[400] = "";
    for (int number = 1; number <= 7; number++) {
        GIVES(LODE_OK, lode_dataset_open_record_reader_since(dataset, kept, NULL, &reader, error));
        GIVES(number <= 6 ? LODE_ITEM : LODE_OK, lode_record_reader_next(reader, &record, error));
        CHECK(number > 6 || (record.len == 1 && record.data[0] == '0' + number), "record %d is %.*s", number,
              (int)record.len, (const char *)record.data);
        GIVES(LODE_OK, lode_record_reader_get_position(reader, &position, error));
        snprintf(kept, sizeof kept, "%s", position);
        lode_record_reader_free(reader);
    }
    CHECK(strcmp(kept, lode_snapshot_id(snapshots[3])) == 0, "the last position is %s", kept);

    /* In batches, and to a descriptor. */
    lode_bytes batch[4];
    size_t count = 0;
    size_t sum = 0;
    GIVES(LODE_OK, lode_dataset_open_record_reader_since(dataset, lode_snapshot_id(snapshots[0]), NULL, &reader, error));
    lode_status status;
    while ((status = lode_record_reader_next_batch(reader, batch, 4, &count, NULL)) == LODE_ITEM) {
        sum += count;
    }
    CHECK(status == LODE_OK && sum == 3, "%zu records, and %s", sum, lode_status_name(status));
    lode_record_reader_free(reader);
    pid_t child;
    int fd = read_by_child("2\n3\n4\n5\n6\n", 10, &child);
    snprintf(kept, sizeof kept, "%s/1", lode_snapshot_id(snapshots[0]));
    GIVES(LODE_OK, lode_dataset_open_record_reader_since(dataset, kept, NULL, &reader, error));
    GIVES(LODE_OK, lode_record_reader_read_to_fd(reader, fd, error));
    close(fd);
    expect_exit(child);
    lode_record_reader_free(reader);

    /* A reader of one snapshot has positions, too. */
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshots[3], NULL, &reader, error));
    GIVES(LODE_OK, lode_record_reader_get_position(reader, &position, error));
    CHECK(strcmp(position, lode_snapshot_id(snapshots[2])) == 0, "before the first record: %s", position);
    GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error));
    GIVES(LODE_OK, lode_record_reader_get_position(reader, &position, error));
    snprintf(kept, sizeof kept, "%s/1", lode_snapshot_id(snapshots[3]));
    CHECK(strcmp(position, kept) == 0, "after one record: %s", position);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "position is NULL", lode_record_reader_get_position(reader, NULL, error));
    lode_record_reader_free(reader);

    static const char *const none[] = {"/", "/1", "17/0", "17/x", "17/-1"};
    for (size_t at = 0; at < sizeof none / sizeof none[0]; at++) {
        REFUSED(LODE_ERR_INVALID_ARGUMENT, "is no position",
                lode_dataset_open_record_reader_since(dataset, none[at], NULL, &reader, error));
    }
    snprintf(kept, sizeof kept, "%s/9", lode_snapshot_id(snapshots[3]));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "tells of 9 records", lode_dataset_open_record_reader_since(dataset, kept, NULL, &reader, error));
    REFUSED(LODE_ERR_SNAPSHOT_NOT_FOUND, "1700000000000000000",
            lode_dataset_open_record_reader_since(dataset, "1700000000000000000", NULL, &reader, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_open_record_reader_since(NULL, NULL, NULL, &reader, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "reader", lode_dataset_open_record_reader_since(dataset, NULL, NULL, NULL, error));
    for (int at = 0; at < 4; at++) {
        lode_snapshot_free(snapshots[at]);
    }
    lode_dataset_free(dataset);
}

/* ---- Commits that are tried again ---- */

static void attempts(void)
{
    struct memory_store memory = {0};
    lode_store *failing = memory_open(&memory);
    lode_dataset_options impatient = jsonl_options();
    impatient.retry_attempts = 1;
    lode_dataset *dataset = open_dataset(failing, "attempts", &impatient);
    lode_snapshot_free(commit_records(dataset, FIVE, 1));
    lode_commit_options options = LODE_COMMIT_OPTIONS_INIT;
    options.attempt_base_ms = 1;
    memory.only = "_commits/";
    memory.code = LODE_ERR_STORE;
    for (int pulled = 0; pulled <= 1; pulled++) {
        for (int tries = 0; tries <= 4; tries++) {
            struct feed feed = feed_of(FIVE, 5);
            lode_record_iterator iterator = feed_iterator(&feed);
            lode_record_writer *writer = open_writer(dataset, LODE_BAD_RECORD_FAIL);
            memory.fails = PUT_BEGIN;
            memory.times = 2;
            options.attempts = tries;
            lode_error *error = NULL;
            lode_status status = pulled ? lode_dataset_stream_write_records(dataset, &iterator, "{}", &options, NULL, &error)
                                        : lode_record_writer_commit(writer, "{}", &options, NULL, &error);
            CHECK(status == (tries >= 3 ? LODE_OK : LODE_ERR_STORE), "%d tries gave %s: %s", tries,
                  lode_status_name(status), lode_error_message(error));
            CHECK(memory.times == (tries >= 3 ? 0 : 2 - (tries < 1 ? 1 : tries)), "%d tries left %d failures", tries,
                  memory.times);
            CHECK(!pulled || feed.given == 5, "pulled %zu times", feed.given);
            lode_error_free(error);
            memory.fails = NONE;
            lode_record_writer_free(writer);
        }
    }

    /* Whether it happened is not known: the next try finds out. */
    memory.loses = PUT_FINISH;
    memory.fails = READ;
    memory.code = LODE_ERR_COMMIT_UNKNOWN;
    memory.times = 2;
    options.attempts = 5;
    lode_record_writer *writer = open_writer(dataset, LODE_BAD_RECORD_FAIL);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_append(writer, "1", 1, NULL, error));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", &options, &snapshot, error));
    size_t count = 0;
    GIVES(LODE_OK, read_all(dataset, snapshot, LODE_VERIFY_FIRST, &count, error));
    CHECK(count == 1, "%zu records", count);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    memory.loses = NONE;
    memory.fails = NONE;

    /* Not tried again: a conflict, an iterator's failure, a deadline that ends a pause. */
    options.expected_parent = "1700000000000000000";
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    GIVES(LODE_ERR_CONFLICT, lode_dataset_stream_write_records(dataset, &iterator, "{}", &options, NULL, error));
    options.expected_parent = NULL;
    feed = feed_of(FIVE, 5);
    feed.stop_at = 2;
    feed.answer = -9;
    iterator = feed_iterator(&feed);
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", &options, NULL, NULL);
    CHECK(status == LODE_ERR_ITERATOR && feed.next_calls == 3, "%s after %d calls", lode_status_name(status),
          feed.next_calls);
    memory.fails = PUT_BEGIN;
    memory.code = LODE_ERR_STORE;
    memory.times = -1;
    options.attempts = 1000000;
    options.attempt_base_ms = 1000000;
    options.attempt_cap_ms = 1000000;
    options.deadline_ms = 20;
    writer = open_writer(dataset, LODE_BAD_RECORD_FAIL);
    GIVES(LODE_ERR_STORE, lode_record_writer_commit(writer, "{}", &options, NULL, error));
    lode_record_writer_free(writer);
    options = (lode_commit_options)LODE_COMMIT_OPTIONS_INIT;
    memory.fails = NONE;
    options.attempts = -1;
    writer = open_writer(dataset, LODE_BAD_RECORD_FAIL);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "options.attempts is -1", lode_record_writer_commit(writer, "{}", &options, NULL, error));
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
    memory_close(&memory, failing);
}

int main(void)
{
    make_root(root);
    store = open_store(root);
    lines_in_pieces();
    refused_lines();
    limits_of_a_call();
    through_pipes();
    since_a_position();
    attempts();
    lode_store_free(store);
    remove_tree(root);
    return finish("descriptors");
}
