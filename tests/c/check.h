/* What the C tests share: checks that count and report, temporary directories, and a configurable iterator.
 * Each test program includes it first and ends with `return finish("its name");`. */
#ifndef LODE_TESTS_CHECK_H
#define LODE_TESTS_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <lode.h>

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__GNUC__)
#define MAYBE_UNUSED __attribute__((unused))
#define FORMAT(string, first) __attribute__((format(printf, string, first)))
#else
#define MAYBE_UNUSED
#define FORMAT(string, first)
#endif

static int checks_made;
static int checks_failed;

static FORMAT(4, 5) MAYBE_UNUSED void check_at(const char *file, int line, int holds, const char *format, ...)
{
    checks_made++;
    if (holds) {
        return;
    }
    checks_failed++;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* Counts a check; prints the message when it does not hold. */
#define CHECK(...) check_at(__FILE__, __LINE__, __VA_ARGS__)

/* The state of a progress callback: what it was told last, how often, and when it stops the call. */
typedef struct progress_log {
    int64_t records, bytes_in, bytes_stored;
    int calls;
    int stop_at; /* 0: never */
} progress_log;

static MAYBE_UNUSED int32_t log_progress(void *ctx, int64_t records, int64_t bytes_in, int64_t bytes_stored)
{
    progress_log *log = ctx;
    CHECK(log->stop_at != 0 || /* a call that is stopped may be made again, from 0 */
              (records >= log->records && bytes_in >= log->bytes_in && bytes_stored >= log->bytes_stored),
          "progress went back: %" PRId64 " %" PRId64 " %" PRId64, records, bytes_in, bytes_stored);
    log->records = records;
    log->bytes_in = bytes_in;
    log->bytes_stored = bytes_stored;
    log->calls++;
    return log->stop_at != 0 && log->calls >= log->stop_at;
}

/* Ends the program at once where nothing after it could hold. */
#define REQUIRE(holds, ...)                                                                                            \
    do {                                                                                                               \
        int holds_ = (holds);                                                                                          \
        CHECK(holds_, __VA_ARGS__);                                                                                    \
        if (!holds_) {                                                                                                 \
            exit(finish("given up"));                                                                                  \
        }                                                                                                              \
    } while (0)

static MAYBE_UNUSED int finish(const char *name)
{
    printf("%s: %d checks, %d failed\n", name, checks_made, checks_failed);
    fflush(stdout);
    return checks_failed == 0 ? 0 : 1;
}

/* The bytes a pointer holds before a call that must reset it on entry, never free it. */
#define GARBAGE ((void *)(uintptr_t)0xDEAD0)

/* A call that must fail with `want`, and a message that has `fragment`. The error is freed. */
static MAYBE_UNUSED void refused_at(const char *file, int line, const char *call, lode_status status, lode_error *error,
                                    lode_status want, const char *fragment)
{
    check_at(file, line, status == want, "%s: gave %d %s, expected %s (message: %s)", call, (int)status,
             lode_status_name(status), lode_status_name(want),
             status < 0 && error != NULL && error != GARBAGE ? lode_error_message(error) : "-");
    if (status >= 0 || error == NULL || error == GARBAGE) {
        check_at(file, line, status >= 0, "%s: failed without setting its error", call);
        return;
    }
    const char *message = lode_error_message(error);
    check_at(file, line, lode_error_status(error) == status, "%s: the error's status is %s, the call's %s", call,
             lode_status_name(lode_error_status(error)), lode_status_name(status));
    check_at(file, line, message != NULL && message[0] != '\0', "%s: an error without a message", call);
    check_at(file, line, lode_error_action(error) >= LODE_ACTION_RETRY && lode_error_action(error) <= LODE_ACTION_GIVE_UP,
             "%s: an error with action %d", call, (int)lode_error_action(error));
    if (fragment != NULL && message != NULL) {
        check_at(file, line, strstr(message, fragment) != NULL, "%s: the message lacks \"%s\": %s", call, fragment, message);
    }
    lode_error_free(error);
}

/* `call` must be refused; it hands `&error` to the function. Made once, where it takes what it was given. */
#define REFUSED_ONCE(want, fragment, call)                                                                             \
    do {                                                                                                               \
        lode_error *error_ = (lode_error *)GARBAGE;                                                                    \
        lode_error **error = &error_;                                                                                  \
        lode_status status_ = (call);                                                                                  \
        refused_at(__FILE__, __LINE__, #call, status_, error_, (want), (fragment));                                    \
    } while (0)

/* The same, and a second time with no error wanted. */
#define REFUSED(want, fragment, call)                                                                                  \
    do {                                                                                                               \
        REFUSED_ONCE(want, fragment, call);                                                                            \
        lode_error **error = NULL;                                                                                     \
        lode_status status_ = (call);                                                                                  \
        CHECK(status_ == (want), "%s without an error pointer: gave %s", #call, lode_status_name(status_));            \
    } while (0)

/* `call` must succeed with `want`; it hands `&error` to the function. Made once. */
#define GIVES(want, call)                                                                                              \
    do {                                                                                                               \
        lode_error *error_ = (lode_error *)GARBAGE;                                                                    \
        lode_error **error = &error_;                                                                                  \
        (void)error;                                                                                                   \
        lode_status status_ = (call);                                                                                  \
        CHECK(status_ == (want), "%s: gave %s, expected %s: %s", #call, lode_status_name(status_),                     \
              lode_status_name(want), status_ < 0 ? lode_error_message(error_) : "-");                                 \
        if (status_ < 0) {                                                                                             \
            lode_error_free(error_);                                                                                   \
        } else {                                                                                                       \
            CHECK(error_ == NULL, "%s: a success that leaves its error set", #call);                                   \
        }                                                                                                              \
    } while (0)

/* ---- Temporary directories ---- */

static MAYBE_UNUSED int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static MAYBE_UNUSED void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes a fresh directory; `root` has room for 256 bytes. */
static MAYBE_UNUSED void make_root(char *root)
{
    const char *parent = getenv("TMPDIR");
    struct timespec now;
    do { /* a name that no earlier run has used in a bucket either */
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(root, 256, "%.180s/lode-c-test-%ld-%lld-%09ld", parent != NULL && *parent != '\0' ? parent : "/tmp",
                 (long)getpid(), (long long)now.tv_sec, now.tv_nsec);
    } while (mkdir(root, 0700) != 0 && errno == EEXIST);
    if (access(root, W_OK) != 0) {
        perror(root);
        exit(1);
    }
}

/* ---- An iterator over strings, with every way to misbehave ---- */

struct feed {
    const char *const *records;
    size_t count;
    size_t given;
    size_t stop_at;        /* next answers `answer` once so many were given; SIZE_MAX: never */
    int32_t answer;
    const char *text;      /* what err says */
    int leave_unfilled;    /* record writes nothing */
    int err_when_done;     /* err says `text` after a plain end, too */
    int next_calls;
    int err_calls;
    int released;
};

static MAYBE_UNUSED int32_t feed_next(void *ctx)
{
    struct feed *feed = (struct feed *)ctx;
    feed->next_calls++;
    if (feed->given == feed->stop_at) {
        return feed->answer;
    }
    if (feed->given == feed->count) {
        return 0;
    }
    feed->given++;
    return 1;
}

static MAYBE_UNUSED void feed_record(void *ctx, lode_bytes *record)
{
    struct feed *feed = (struct feed *)ctx;
    if (feed->leave_unfilled) {
        return;
    }
    record->data = (const uint8_t *)feed->records[feed->given - 1];
    record->len = strlen(feed->records[feed->given - 1]);
}

static MAYBE_UNUSED const char *feed_err(void *ctx)
{
    struct feed *feed = (struct feed *)ctx;
    feed->err_calls++;
    return feed->given == feed->stop_at || feed->err_when_done ? feed->text : NULL;
}

static MAYBE_UNUSED void feed_release(void *ctx)
{
    struct feed *feed = (struct feed *)ctx;
    feed->released++;
}

static MAYBE_UNUSED lode_record_iterator feed_iterator(struct feed *feed)
{
    lode_record_iterator records;
    lode_record_iterator_init(&records, sizeof records);
    records.ctx = feed;
    records.next = feed_next;
    records.record = feed_record;
    records.err = feed_err;
    records.release = feed_release;
    return records;
}

static const char *const FIVE[] MAYBE_UNUSED = {"{\"id\":1}", "{\"id\":2}", "[3]", "\"four\"", "5"};

static MAYBE_UNUSED struct feed feed_of(const char *const *records, size_t count)
{
    struct feed feed = {0};
    feed.records = records;
    feed.count = count;
    feed.stop_at = SIZE_MAX;
    return feed;
}

/* ---- Opening ---- */

/* Where stores lie that are no directories: a URL whose last part each test adds, with the settings in
 * LODE_TEST_STORE_SETTINGS; NULL: they are directories. */
static MAYBE_UNUSED const char *elsewhere(void)
{
    const char *url = getenv("LODE_TEST_STORE_URL");
    return url != NULL && *url != '\0' ? url : NULL;
}

/* Whether what only a directory has can be tried; says what is not. */
static MAYBE_UNUSED int on_directories(const char *what)
{
    if (elsewhere() != NULL) {
        printf("on directories only: %s\n", what);
    }
    return elsewhere() == NULL;
}

static MAYBE_UNUSED lode_store *open_directory(const char *root)
{
    lode_store *store = NULL;
    lode_error *error = NULL;
    lode_status status = lode_store_open_filesystem(root, NULL, &store, &error);
    REQUIRE(status == LODE_OK, "cannot open %s: %s", root, lode_error_message(error));
    return store;
}

/* The store in this fresh directory, or elsewhere under the directory's name. */
static MAYBE_UNUSED lode_store *open_store(const char *root)
{
    if (elsewhere() == NULL) {
        return open_directory(root);
    }
    char url[600];
    const char *name = strrchr(root, '/');
    snprintf(url, sizeof url, "%s/%s", elsewhere(), name != NULL ? name + 1 : root);
    lode_store *store = NULL;
    lode_error *error = NULL;
    lode_status status = lode_store_open_url(url, getenv("LODE_TEST_STORE_SETTINGS"), NULL, NULL, &store, &error);
    REQUIRE(status == LODE_OK, "cannot open %s: %s", root, lode_error_message(error));
    return store;
}

/* ---- Objects, changed behind a dataset's back ---- */

/* All bytes of an object, and room for a hundred more; the caller frees them. */
static MAYBE_UNUSED char *stored(lode_store *store, const char *key, size_t *len)
{
    lode_buffer *buffer = NULL;
    lode_error *error = NULL;
    lode_status status = lode_store_get(store, key, NULL, &buffer, &error);
    REQUIRE(status == LODE_OK, "cannot read %s: %s", key, lode_error_message(error));
    *len = lode_buffer_len(buffer);
    char *data = calloc(1, *len + 100);
    REQUIRE(data != NULL, "no memory");
    if (*len > 0) {
        memcpy(data, lode_buffer_data(buffer), *len);
    }
    lode_buffer_free(buffer);
    return data;
}

static MAYBE_UNUSED void remove_stored(lode_store *store, const char *key)
{
    lode_error *error = NULL;
    REQUIRE(lode_store_delete(store, key, NULL, &error) == LODE_OK, "cannot remove %s: %s", key, lode_error_message(error));
}

/* Puts an object, over one that is there. */
static MAYBE_UNUSED void store_bytes(lode_store *store, const char *key, const void *data, size_t len)
{
    lode_error *error = NULL;
    remove_stored(store, key);
    REQUIRE(lode_store_put(store, key, data, len, NULL, &error) == LODE_OK, "cannot put %s: %s", key, lode_error_message(error));
}

/* Changes a bit of an object's first byte. */
static MAYBE_UNUSED void flip_stored(lode_store *store, const char *key)
{
    size_t len;
    char *data = stored(store, key, &len);
    REQUIRE(len > 0, "%s is empty", key);
    data[0] ^= 1;
    store_bytes(store, key, data, len);
    free(data);
}

static MAYBE_UNUSED lode_dataset_options jsonl_options(void)
{
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    return options;
}

static MAYBE_UNUSED lode_dataset *open_dataset(lode_store *store, const char *id, const lode_dataset_options *options)
{
    lode_dataset *dataset = NULL;
    lode_error *error = NULL;
    lode_dataset_options jsonl = jsonl_options();
    lode_status status = lode_dataset_open(store, id, options != NULL ? options : &jsonl, &dataset, &error);
    REQUIRE(status == LODE_OK, "cannot open dataset %s: %s", id, lode_error_message(error));
    return dataset;
}

/* Commits the records in one stream; gives the snapshot. */
static MAYBE_UNUSED lode_snapshot *commit_records(lode_dataset *dataset, const char *const *records, size_t count)
{
    struct feed feed = feed_of(records, count);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, &snapshot, &error);
    REQUIRE(status == LODE_OK && snapshot != NULL, "cannot commit: %s: %s", lode_status_name(status),
            status < 0 ? lode_error_message(error) : "-");
    return snapshot;
}

/* Reads a snapshot to its end: how many records, and the last status; the error goes to `error`. */
static MAYBE_UNUSED lode_status read_all(lode_dataset *dataset, const lode_snapshot *snapshot, int32_t verify,
                                         size_t *count, lode_error **error)
{
    lode_read_options options;
    lode_read_options_init(&options, sizeof options);
    options.verify = verify;
    lode_record_reader *reader = NULL;
    *count = 0;
    lode_status status = lode_dataset_open_record_reader(dataset, snapshot, &options, &reader, error);
    if (status < 0) {
        return status;
    }
    lode_bytes record;
    while ((status = lode_record_reader_next(reader, &record, error)) == LODE_ITEM) {
        ++*count;
    }
    lode_record_reader_free(reader);
    return status;
}

#endif
