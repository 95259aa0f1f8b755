/* The path of a record, from opening the store to reading it back, on a stack of 24 KiB: what coroutine hosts
 * give; with columns, in a build that has them, on one of 64 KiB. Each case runs twice in a child of its own:
 * on a large painted stack, to print how deep it went, and on one of exactly that size with an unreadable
 * page below it. */
#include "check.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

enum { LIMIT = 24 * 1024, COLUMNS_LIMIT = 64 * 1024, LARGE = 1024 * 1024, PAINT = 0xA5, RECORDS = 40000 };

struct job {
    const char *root;
    int32_t compressor;
    int32_t checksum;
    size_t limit;
    const char *(*steps)(void);
    const char *failed; /* the step that failed */
};

static ucontext_t host_context;
static ucontext_t job_context;
static struct job job;

struct numbers {
    int left;
    char record[64];
};

/* Formats without snprintf, whose own stack would be measured with ours. */
static int32_t number_next(void *ctx)
{
    struct numbers *numbers = (struct numbers *)ctx;
    if (numbers->left == 0) {
        return 0;
    }
    numbers->left--;
    return 1;
}

static void number_record(void *ctx, lode_bytes *record)
{
    struct numbers *numbers = (struct numbers *)ctx;
    memcpy(numbers->record, "{\"nested\":[[[[{\"n\":", 19);
    size_t len = 19;
    for (int divisor = 100000; divisor > 0; divisor /= 10) {
        char digit = (char)('0' + numbers->left / divisor % 10);
        if (digit != '0' || divisor == 1 || len > 19) {
            numbers->record[len++] = digit;
        }
    }
    memcpy(numbers->record + len, "}]]]]}", 6);
    record->data = (const uint8_t *)numbers->record;
    record->len = len + 6;
}

static const char *steps(void)
{
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_dataset_options options;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    options.compressor = job.compressor;
    options.checksum = job.checksum;
    options.file_statistics = 1;
    if (lode_store_open_filesystem(job.root, NULL, &store, NULL) < 0 ||
        lode_dataset_open(store, "stack", &options, &dataset, NULL) < 0) {
        return "open";
    }

    static struct numbers numbers;
    numbers.left = RECORDS;
    lode_record_iterator iterator;
    lode_record_iterator_init(&iterator, sizeof iterator);
    iterator.ctx = &numbers;
    iterator.next = number_next;
    iterator.record = number_record;
    if (lode_dataset_stream_write_records(dataset, &iterator, "{\"a\":1}", NULL, &snapshot, NULL) != LODE_OK) {
        return "pull and commit";
    }
    lode_snapshot_free(snapshot);

    lode_record_writer *writer = NULL;
    size_t consumed = 0;
    if (lode_dataset_open_record_writer(dataset, NULL, &writer, NULL) < 0 ||
        lode_record_writer_append(writer, "{\"n\":1}", 7, NULL, NULL) < 0 ||
        lode_record_writer_append_lines(writer, "{\"n\":2}\n[3]\n", 12, &consumed, NULL) < 0 ||
        lode_record_writer_append(writer, "{", 1, NULL, &error) != LODE_ERR_INVALID_RECORD) {
        return "push";
    }
    lode_error_free(error);
    if (lode_record_writer_commit(writer, "{}", NULL, &snapshot, NULL) != LODE_OK) {
        return "push commit";
    }
    lode_record_writer_free(writer);
    lode_snapshot_free(snapshot);

    static const char *const keys[] = {"p"};
    static const char *const texts[] = {"{\"p\":1,\"v\":\"\\u0041\"}", "{\"p\":2,\"v\":1.5}", "{\"p\":1,\"v\":\"b\"}"};
    lode_bytes partitioned[3];
    for (size_t i = 0; i < 3; i++) {
        partitioned[i].data = (const uint8_t *)texts[i];
        partitioned[i].len = strlen(texts[i]);
    }
    lode_dataset *hive = NULL;
    options.layout = LODE_LAYOUT_HIVE;
    options.partition_keys = keys;
    options.partition_key_count = 1;
    if (lode_dataset_open(store, "hive", &options, &hive, NULL) < 0 ||
        lode_dataset_write_records(hive, partitioned, NULL, 3, "{}", NULL, &snapshot, NULL) != LODE_OK) {
        return "partition";
    }
    lode_snapshot_free(snapshot);
    lode_dataset_free(hive);

    lode_snapshot_iterator *snapshots = NULL;
    if (lode_dataset_list_snapshots(dataset, NULL, &snapshots, NULL) < 0) {
        return "list";
    }
    size_t total = 0;
    while (lode_snapshot_iterator_next(snapshots, &snapshot, NULL) == LODE_ITEM) {
        lode_record_reader *reader = NULL;
        static lode_bytes records[64];
        size_t count = 0;
        if (lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, NULL) < 0) {
            return "open a reader";
        }
        lode_status status;
        while ((status = lode_record_reader_next_batch(reader, records, 64, &count, NULL)) == LODE_ITEM) {
            total += count;
        }
        if (status != LODE_OK) {
            return "read";
        }
        lode_record_reader_free(reader);
        lode_snapshot_free(snapshot);
    }
    lode_snapshot_iterator_free(snapshots);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return total == RECORDS + 3 ? NULL : "count the records";
}

/* Columns: records pulled and pushed, read back as records and as an Arrow stream, which is then written
 * again. */
static const char *column_steps(void)
{
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_dataset_options options;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_PARQUET;
    options.checksum = job.checksum;
    options.parquet_compression = job.compressor;
    options.row_group_bytes = 1 << 20;
    options.schema_json =
        "{\"fields\":[{\"name\":\"nested\",\"type\":\"string\",\"nullable\":true},"
        "{\"name\":\"n\",\"type\":\"int64\",\"nullable\":true},{\"name\":\"at\",\"type\":\"timestamp\",\"nullable\":true},"
        "{\"name\":\"x\",\"type\":\"float64\",\"nullable\":true}]}";
    if (lode_store_open_filesystem(job.root, NULL, &store, NULL) < 0 ||
        lode_dataset_open(store, "columns", &options, &dataset, NULL) < 0) {
        return "open";
    }
    lode_record_writer *writer = NULL;
    if (lode_dataset_open_record_writer(dataset, NULL, &writer, NULL) < 0) {
        return "open a writer";
    }
    static const char *const texts[] = {"{\"n\":1,\"nested\":\"a\\u00e9\",\"x\":1.5}",
                                        "{\"n\":1e3,\"at\":\"2026-01-01T00:00:00Z\",\"more\":[[{}]]}", "{\"x\":-0.1}"};
    for (int i = 0; i < RECORDS; i++) {
        if (lode_record_writer_append(writer, texts[i % 3], strlen(texts[i % 3]), NULL, NULL) < 0) {
            return "push";
        }
    }
    if (lode_record_writer_append(writer, "{\"n\":0.5}", 9, NULL, &error) != LODE_ERR_SCHEMA_VIOLATION) {
        return "refuse a record";
    }
    lode_error_free(error);
    if (lode_record_writer_commit(writer, "{}", NULL, &snapshot, NULL) != LODE_OK) {
        return "commit";
    }
    lode_record_writer_free(writer);
    lode_record_reader *reader = NULL;
    lode_bytes record;
    int64_t total = 0;
    if (lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, NULL) < 0) {
        return "open a reader";
    }
    while (lode_record_reader_next(reader, &record, NULL) == LODE_ITEM) {
        total++;
    }
    lode_record_reader_free(reader);
    static struct ArrowArrayStream stream;
    if (lode_dataset_read_arrow(dataset, snapshot, NULL, &stream, NULL) < 0) {
        return "open a stream";
    }
    lode_snapshot_free(snapshot);
    if (lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, &snapshot, NULL) != LODE_OK) {
        return "write a stream";
    }
    total += lode_snapshot_row_count(snapshot);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return total == 2 * RECORDS ? NULL : "count the rows";
}

static void entry(void)
{
    job.failed = job.steps();
    swapcontext(&job_context, &host_context);
}

/* Runs the job on a stack of `size`; gives how many bytes of it were used. */
static size_t run_on(size_t size)
{
    const size_t page = 4096;
    unsigned char *area = (unsigned char *)mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(area != MAP_FAILED && mprotect(area + page, size, PROT_READ | PROT_WRITE) == 0, "mmap: %s", strerror(errno));
    unsigned char *stack = area + page;
    memset(stack, PAINT, size);
    getcontext(&job_context);
    job_context.uc_stack.ss_sp = stack;
    job_context.uc_stack.ss_size = size;
    job_context.uc_link = &host_context;
    makecontext(&job_context, entry, 0);
    swapcontext(&host_context, &job_context);
    size_t untouched = 0;
    while (untouched < size && stack[untouched] == PAINT) {
        untouched++;
    }
    return size - untouched;
}

/* In a child: so that an overflow ends the child only, and so that every run binds its symbols afresh. */
static void run_case(const char *name, size_t size, int measure)
{
    char root[256];
    make_root(root);
    job.root = root;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        size_t used = run_on(size);
        if (job.failed != NULL) {
            fprintf(stderr, "stack: %s: could not %s\n", name, job.failed);
            _exit(2);
        }
        if (measure) {
            printf("stack: %s: %zu bytes used at most, of %zu\n", name, used, job.limit);
            fflush(stdout);
        }
        _exit(used > job.limit ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(!WIFSIGNALED(status), "%s on a stack of %zu bytes: killed by signal %d", name, size, WTERMSIG(status));
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0, "%s on a stack of %zu bytes: %s", name, size,
          WEXITSTATUS(status) == 1 ? "over the limit" : "a step failed");
    remove_tree(root);
}

int main(void)
{
    static const char *const compressors[] = {"none", "gzip", "zstd"};
    static const char *const checksums[] = {"xxh3", "none", "md5", "sha256"};
    for (int32_t compressor = LODE_COMPRESSOR_NONE; compressor <= LODE_COMPRESSOR_ZSTD; compressor++) {
        for (int32_t checksum = LODE_CHECKSUM_XXH3; checksum <= LODE_CHECKSUM_SHA256; checksum++) {
            char name[64];
            snprintf(name, sizeof name, "%s, checksum %s", compressors[compressor], checksums[checksum]);
            job.compressor = compressor;
            job.checksum = checksum;
            job.limit = LIMIT;
            job.steps = steps;
            run_case(name, LARGE, 1);
            run_case(name, job.limit, 0);
        }
    }
    static const char *const pages[] = {"snappy", "none", "zstd"};
    for (int32_t page = LODE_PARQUET_SNAPPY; lode_has_feature("parquet") && page <= LODE_PARQUET_ZSTD; page++) {
        char name[64];
        snprintf(name, sizeof name, "columns, pages %s", pages[page]);
        job.compressor = page;
        job.checksum = LODE_CHECKSUM_XXH3;
        job.limit = COLUMNS_LIMIT;
        job.steps = column_steps;
        run_case(name, LARGE, 1);
        run_case(name, job.limit, 0);
    }
    return finish("stack");
}
