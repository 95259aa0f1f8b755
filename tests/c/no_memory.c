/* Memory that runs out, at one allocation or from one on. In the calls that take records and bytes a failed
 * allocation of any size is LODE_ERR_NO_MEMORY; in all others one of LARGE bytes or more is, and a smaller
 * one may end the process by abort, as lode.h says. The store is whole in every case. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { LARGE = 4096 };

/* ---- The C library's allocator, with one allocation that fails ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static size_t least = SIZE_MAX; /* smaller ones do not count; SIZE_MAX: none does */
static long until_failure;      /* 1: the next one that counts fails */
static int has_failed;
static int for_good; /* all that follow the one that fails do, too */

static int fails(size_t size)
{
    if (size < least) {
        return 0;
    }
    if (--until_failure == 0 || (for_good && until_failure < 0)) {
        has_failed = 1;
        return 1;
    }
    return 0;
}

void *malloc(size_t size)
{
    return fails(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(size) ? NULL : __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size)
{
    return fails(size) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(size) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = fails(size) ? NULL : __libc_memalign(alignment, size);
    return *memory == NULL ? ENOMEM : 0;
}

/* ---- What is done while one fails ---- */

static char root[256];
static lode_store *store;
static lode_dataset *records;
static lode_dataset *blobs;
static lode_snapshot *committed;
static lode_snapshot *blob;
static int32_t compressor;

enum { LONG = 3000000, MANY = 20000 };
static char *document; /* of LONG bytes, one JSON string */

static long nth;
static size_t smallest;

static void arm(void)
{
    until_failure = nth;
    least = smallest;
}

static void disarm(void)
{
    least = SIZE_MAX;
}

/* What came of a call: nothing failed in it, or it says what did. */
static void outcome(const char *call, lode_status status, lode_error *error)
{
    disarm();
    if (!has_failed) {
        CHECK(status >= 0, "%s gave %s: %s", call, lode_status_name(status), lode_error_message(error));
        lode_error_free(error);
    } else if (status < 0) {
        refused_at(__FILE__, __LINE__, call, status, error, LODE_ERR_NO_MEMORY, "memory");
    }
}

static void append_one(void)
{
    lode_record_writer *writer = NULL;
    lode_error *error = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(records, NULL, &writer, error));
    arm();
    lode_status status = lode_record_writer_append(writer, document, LONG, NULL, &error);
    outcome("append", status, error);
    lode_record_writer_free(writer);
}

static void append_many(void)
{
    lode_record_writer *writer = NULL;
    lode_error *error = NULL;
    lode_status status = LODE_OK;
    GIVES(LODE_OK, lode_dataset_open_record_writer(records, NULL, &writer, error));
    arm();
    for (int i = 0; i < MANY && status >= 0; i++) {
        char record[128];
        int len = snprintf(record, sizeof record, "{\"id\":%d,\"name\":\"number %d\",\"at\":%d.5}", i, i, i);
        status = lode_record_writer_append(writer, record, (size_t)len, NULL, &error);
    }
    outcome("append", status, error);
    lode_record_writer_free(writer);
}

static void append_lines(void)
{
    lode_record_writer *writer = NULL;
    lode_error *error = NULL;
    size_t consumed = 0;
    static char lines[] = "{\"id\":1}\n{\"id\":2}\n[3]\n";
    GIVES(LODE_OK, lode_dataset_open_record_writer(records, NULL, &writer, error));
    arm();
    lode_status status = lode_record_writer_append_lines(writer, lines, sizeof lines - 1, &consumed, &error);
    outcome("append_lines", status, error);
    lode_record_writer_free(writer);
}

static void write_blob(void)
{
    lode_blob_writer *writer = NULL;
    lode_error *error = NULL;
    GIVES(LODE_OK, lode_dataset_open_blob_writer(blobs, NULL, &writer, error));
    arm();
    lode_status status = lode_blob_writer_write(writer, document, LONG, &error);
    outcome("write", status, error);
    lode_blob_writer_free(writer);
}

static void read_records(void)
{
    lode_record_reader *reader = NULL;
    lode_error *error = NULL;
    lode_bytes record;
    lode_status status;
    GIVES(LODE_OK, lode_dataset_open_record_reader(records, committed, NULL, &reader, error));
    GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error)); /* the file is open */
    arm();
    while ((status = lode_record_reader_next(reader, &record, &error)) == LODE_ITEM) {
    }
    outcome("next", status, error);
    lode_record_reader_free(reader);
}

static void read_batches(void)
{
    lode_record_reader *reader = NULL;
    lode_error *error = NULL;
    static lode_bytes batch[1000];
    lode_bytes record;
    size_t count = 0;
    lode_status status;
    GIVES(LODE_OK, lode_dataset_open_record_reader(records, committed, NULL, &reader, error));
    GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error));
    arm();
    while ((status = lode_record_reader_next_batch(reader, batch, 1000, &count, &error)) == LODE_ITEM) {
    }
    outcome("next_batch", status, error);
    lode_record_reader_free(reader);
}

static void read_blob(void)
{
    lode_blob_reader *reader = NULL;
    lode_error *error = NULL;
    static uint8_t buffer[100000];
    size_t len = 0;
    lode_status status;
    GIVES(LODE_OK, lode_dataset_open_blob_reader(blobs, blob, NULL, &reader, error));
    GIVES(LODE_ITEM, lode_blob_reader_read(reader, buffer, 1, &len, error));
    arm();
    while ((status = lode_blob_reader_read(reader, buffer, sizeof buffer, &len, &error)) == LODE_ITEM) {
    }
    outcome("read", status, error);
    lode_blob_reader_free(reader);
}

/* From opening the store to the end of reading: everything. */
static void everything(void)
{
    lode_store *own = NULL;
    lode_dataset *dataset = NULL;
    lode_record_writer *writer = NULL;
    lode_snapshot *snapshot = NULL;
    lode_record_reader *reader = NULL;
    lode_snapshot_iterator *snapshots = NULL;
    lode_error *error = NULL;
    lode_dataset_options options = jsonl_options();
    options.compressor = compressor;
    options.file_statistics = 1;
    options.durability = LODE_DURABILITY_PROCESS;
    lode_bytes record;
    size_t taken = 0;
    static const char data[] = "{\"id\":1}{\"id\":2}";
    static const size_t lengths[] = {8, 8};
    arm();
    lode_status status = lode_store_open_filesystem(root, NULL, &own, &error);
    if (status >= 0) {
        status = lode_dataset_open(own, "everything", &options, &dataset, &error);
    }
    if (status >= 0) {
        status = lode_dataset_open_record_writer(dataset, NULL, &writer, &error);
    }
    if (status >= 0) {
        status = lode_record_writer_append_batch(writer, data, lengths, NULL, 2, &taken, &error);
    }
    if (status >= 0) {
        status = lode_record_writer_commit(writer, "{\"made\":\"whole\"}", NULL, &snapshot, &error);
    }
    if (status >= 0) {
        status = lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, &error);
    }
    while (status >= 0 && (status = lode_record_reader_next(reader, &record, &error)) == LODE_ITEM) {
    }
    if (status >= 0) {
        status = lode_dataset_list_snapshots(dataset, NULL, &snapshots, &error);
    }
    lode_snapshot *each = NULL;
    while (status >= 0 && (status = lode_snapshot_iterator_next(snapshots, &each, &error)) == LODE_ITEM) {
        lode_snapshot_free(each);
    }
    disarm();
    if (status == LODE_ERR_COMMIT_UNKNOWN) { /* an answer, too: what failed came after the decision */
        CHECK(has_failed, "in doubt without a reason: %s", lode_error_message(error));
        lode_error_free(error);
    } else {
        outcome("everything", status, error);
    }
    lode_snapshot_iterator_free(snapshots);
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
    lode_store_free(own);
}

static const struct {
    const char *name;
    void (*work)(void);
    int any_size; /* no failed allocation ends the process, however small */
} WORK[] = {
    {"append one", append_one, 1},     {"append many", append_many, 1},   {"append lines", append_lines, 1},
    {"write a blob", write_blob, 1},   {"read records", read_records, 0}, {"read batches", read_batches, 0},
    {"read a blob", read_blob, 0},     {"everything", everything, 0},
};

/* Wherever a commit broke off, the dataset has a history that can be read; the next one begins anew. */
static void expect_whole(void)
{
    lode_dataset_options options = jsonl_options();
    options.durability = LODE_DURABILITY_PROCESS;
    lode_dataset *dataset = open_dataset(store, "everything", &options);
    lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
    size_t count = 0;
    GIVES(LODE_OK, read_all(dataset, snapshot, LODE_VERIFY_FIRST, &count, error));
    CHECK(count == 5, "read %zu records", count);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    char path[300];
    snprintf(path, sizeof path, "%s/datasets/everything", root);
    remove_tree(path);
}

/* Fails the n-th allocation of `size` bytes or more, n from 1 until none failed; with `for_good` all after
 * it, too. */
static void each_allocation(size_t work, size_t size)
{
    int aborted = 0;
    for (nth = 1;; nth++) {
        smallest = size;
        fflush(NULL);
        pid_t child = fork();
        REQUIRE(child >= 0, "cannot fork");
        if (child == 0) {
            has_failed = 0;
            checks_failed = 0;
            static const struct rlimit no_core = {0, 0};
            setrlimit(RLIMIT_CORE, &no_core);
            int nowhere = open("/dev/null", O_WRONLY);
            dup2(nowhere, STDERR_FILENO); /* for what is said of an allocation that ends the process */
            WORK[work].work();
            fflush(NULL);
            _exit(checks_failed > 0 ? 2 : has_failed ? 1 : 0);
        }
        int how = 0;
        REQUIRE(waitpid(child, &how, 0) == child, "lost the child");
        if (WORK[work].work == everything) {
            expect_whole();
        }
        if (WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT) {
            aborted++;
            CHECK(!WORK[work].any_size && size < LARGE, "%s, compressor %d, allocation %ld of %zu bytes or more: aborted",
                  WORK[work].name, (int)compressor, nth, size);
            continue;
        }
        CHECK(WIFEXITED(how) && WEXITSTATUS(how) <= 1, "%s, compressor %d, allocation %ld of %zu bytes or more: ended with %x",
              WORK[work].name, (int)compressor, nth, size, (unsigned)how);
        if (!WIFEXITED(how) || WEXITSTATUS(how) != 1) {
            break;
        }
    }
    printf("no_memory: %s, compressor %d: %ld allocations of %zu bytes or more%s, %d of them ended the process\n",
           WORK[work].name, (int)compressor, nth - 1, size, for_good ? " and all that follow" : "", aborted);
}

int main(void)
{
    make_root(root);
    document = (char *)malloc(LONG);
    REQUIRE(document != NULL, "no memory");
    memset(document, 'x', LONG);
    document[0] = document[LONG - 1] = '"';
    for (compressor = LODE_COMPRESSOR_NONE; compressor <= LODE_COMPRESSOR_ZSTD; compressor++) {
        remove_tree(root);
        make_root(root);
        store = open_store(root);
        lode_dataset_options options = jsonl_options();
        options.compressor = compressor;
        options.file_statistics = 1;
        records = open_dataset(store, "records", &options);
        options.codec = LODE_CODEC_NONE;
        blobs = open_dataset(store, "blobs", &options);
        lode_record_writer *writer = NULL;
        GIVES(LODE_OK, lode_dataset_open_record_writer(records, NULL, &writer, error));
        GIVES(LODE_OK, lode_record_writer_append(writer, "{\"id\":1}", 8, NULL, error));
        GIVES(LODE_OK, lode_record_writer_append(writer, document, LONG, NULL, error));
        GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &committed, error));
        lode_record_writer_free(writer);
        GIVES(LODE_OK, lode_dataset_write_blob(blobs, document, LONG, "{}", NULL, &blob, error));
        for (size_t work = 0; work < sizeof WORK / sizeof WORK[0]; work++) {
            if (WORK[work].any_size || compressor == LODE_COMPRESSOR_NONE) {
                each_allocation(work, 1); /* the others are the same for every compressor, but for the large ones */
            }
            if (!WORK[work].any_size) {
                each_allocation(work, LARGE);
            }
            for_good = 1;
            each_allocation(work, LARGE);
            for_good = 0;
        }
        lode_snapshot_free(blob);
        lode_snapshot_free(committed);
        lode_dataset_free(blobs);
        lode_dataset_free(records);
        lode_store_free(store);
    }
    free(document);
    remove_tree(root);
    return finish("no_memory");
}
