/* Upkeep: a verification of a whole and of a damaged dataset, what its callback is told, and what is
 * refused. */
#include "check.h"

#include <fcntl.h>
#include <time.h>

static lode_store *store;
static char root[256];

typedef struct finding_log {
    int calls;
    int32_t kind;
    char path[512];
    char snapshot_id[128];
    char message[1024];
    int stop;
} finding_log;

static int32_t log_finding(void *ctx, int32_t kind, const char *path, const char *snapshot_id, const char *message)
{
    finding_log *log = ctx;
    log->calls++;
    log->kind = kind;
    snprintf(log->path, sizeof log->path, "%s", path);
    snprintf(log->snapshot_id, sizeof log->snapshot_id, "%s", snapshot_id != NULL ? snapshot_id : "-");
    snprintf(log->message, sizeof log->message, "%s", message);
    return log->stop;
}

static void verified(void)
{
    lode_dataset_options options = jsonl_options();
    lode_dataset *dataset = open_dataset(store, "verified", &options);
    lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
    uint64_t findings = 9;
    finding_log log = {0};
    for (int32_t level = LODE_VERIFY_LEVEL_STRUCTURE; level <= LODE_VERIFY_LEVEL_RECORDS; level++) {
        GIVES(LODE_OK, lode_dataset_verify(dataset, level, log_finding, &log, NULL, &findings, error));
        CHECK(findings == 0 && log.calls == 0, "level %d: %" PRIu64 " findings in a whole dataset", (int)level, findings);
    }
    flip_stored(store, lode_snapshot_file_path(snapshot, 0));
    GIVES(LODE_OK, lode_dataset_verify(dataset, LODE_VERIFY_LEVEL_SIZES, NULL, NULL, NULL, NULL, error));
    const char *path = lode_snapshot_file_path(snapshot, 0);
    for (int32_t level = LODE_VERIFY_LEVEL_CHECKSUMS; level <= LODE_VERIFY_LEVEL_RECORDS; level++) {
        memset(&log, 0, sizeof log);
        REFUSED(LODE_ERR_CORRUPT, "1 findings, the first at",
                lode_dataset_verify(dataset, level, log_finding, &log, NULL, &findings, error));
        CHECK(findings == 1, "%" PRIu64 " findings are counted", findings);
        CHECK(log.calls == 2, "with and without an error wanted it is told %d times", log.calls);
        CHECK(log.kind == LODE_FINDING_FILE_CHECKSUM, "the kind is %d", (int)log.kind);
        CHECK(strcmp(log.path, path) == 0, "the path is %s", log.path);
        CHECK(strcmp(log.snapshot_id, lode_snapshot_id(snapshot)) == 0, "the snapshot is %s", log.snapshot_id);
        CHECK(strstr(log.message, "expected") != NULL, "the message is %s", log.message);
    }
    lode_error *error = NULL;
    lode_status status = lode_dataset_verify(dataset, LODE_VERIFY_LEVEL_RECORDS, NULL, NULL, NULL, NULL, &error);
    REQUIRE(status == LODE_ERR_CORRUPT, "%s", lode_status_name(status));
    CHECK(strcmp(lode_error_path(error), path) == 0, "the error's path is %s", lode_error_path(error));
    lode_error_free(error);
    log.stop = 1;
    REFUSED(LODE_ERR_ABORTED, "callback",
            lode_dataset_verify(dataset, LODE_VERIFY_LEVEL_RECORDS, log_finding, &log, NULL, &findings, error));
    lode_call_options over = {.struct_size = sizeof over, .deadline_ms = -1};
    REFUSED(LODE_ERR_DEADLINE, NULL, lode_dataset_verify(dataset, 0, NULL, NULL, &over, &findings, error));
    progress_log progress = {.stop_at = 1 << 30}; /* never reached: the call is made twice */
    lode_call_options told = {.struct_size = sizeof told, .progress = log_progress, .progress_ctx = &progress};
    REFUSED(LODE_ERR_CORRUPT, NULL,
            lode_dataset_verify(dataset, LODE_VERIFY_LEVEL_CHECKSUMS, NULL, NULL, &told, NULL, error));
    CHECK(progress.bytes_in > 0, "progress tells of %" PRId64 " bytes read", progress.bytes_in);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "level is 4", lode_dataset_verify(dataset, 4, NULL, NULL, NULL, &findings, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "level is -1",
            lode_dataset_verify(dataset, -1, NULL, NULL, NULL, &findings, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_verify(NULL, 0, NULL, NULL, NULL, &findings, error));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    dataset = open_dataset(store, "nothing", &options);
    REFUSED(LODE_ERR_NO_SNAPSHOTS, "no snapshot", lode_dataset_verify(dataset, 0, NULL, NULL, NULL, &findings, error));
    lode_dataset_free(dataset);
}

typedef struct removal_log {
    int calls;
    int32_t kind;
    char path[512];
    uint64_t size;
    int64_t age_seconds;
    int stop;
} removal_log;

static int32_t log_removal(void *ctx, int32_t kind, const char *path, uint64_t size, int64_t age_seconds)
{
    removal_log *log = ctx;
    log->calls++;
    log->kind = kind;
    snprintf(log->path, sizeof log->path, "%s", path);
    log->size = size;
    log->age_seconds = age_seconds;
    return log->stop;
}

/* A data file that nothing names, as a writer leaves it that died so many days ago. */
static void plant_orphan(const char *dataset, int days)
{
    char path[512];
    const char *parts[] = {"datasets", dataset, "snapshots", "1700000000000000000-0123456789abcdef", "data"};
    snprintf(path, sizeof path, "%s", root);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        strcat(strcat(path, "/"), parts[i]);
        REQUIRE(mkdir(path, 0777) == 0 || errno == EEXIST, "cannot make %s", path);
    }
    strcat(path, "/data");
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL && fputs("{}\n", file) >= 0 && fclose(file) == 0, "cannot write %s", path);
    struct timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= (time_t)days * 24 * 60 * 60;
    times[1] = times[0];
    REQUIRE(utimensat(AT_FDCWD, path, times, 0) == 0, "cannot set the time of %s", path);
}

/* What has stood for a week is removed, and nothing else. */
static void by_age(lode_dataset *dataset)
{
    uint64_t objects = 9, bytes = 9;
    removal_log log = {0};
    lode_collect_options wanted = LODE_COLLECT_OPTIONS_INIT;
    plant_orphan("collected", 6);
    GIVES(LODE_OK, lode_dataset_collect(dataset, NULL, log_removal, &log, NULL, &objects, &bytes, error));
    CHECK(objects == 0 && bytes == 0 && log.calls == 0, "what is younger than a week stays");
    wanted.min_age_seconds = 5 * 24 * 60 * 60;
    wanted.dry_run = 1;
    for (int i = 0; i < 2; i++) {
        GIVES(LODE_OK, lode_dataset_collect(dataset, &wanted, log_removal, &log, NULL, &objects, &bytes, error));
        CHECK(objects == 1 && bytes == 3, "%" PRIu64 " objects, %" PRIu64 " bytes", objects, bytes);
        CHECK(log.kind == LODE_GARBAGE_DATA_FILE && log.size == 3 && log.age_seconds >= wanted.min_age_seconds, "another object");
        CHECK(strstr(log.path, "datasets/collected/snapshots/17000") == log.path, "the path is %s", log.path);
        wanted.dry_run = 0;
    }
    GIVES(LODE_OK, lode_dataset_collect(dataset, &wanted, NULL, NULL, NULL, &objects, NULL, error));
    CHECK(objects == 0, "it was removed before");
    log.stop = 1;
    plant_orphan("collected", 8);
    lode_error *error = NULL;
    CHECK(lode_dataset_collect(dataset, NULL, log_removal, &log, NULL, NULL, NULL, &error) == LODE_ERR_ABORTED, "not stopped");
    lode_error_free(error);
}

static void collected(void)
{
    lode_dataset_options options = jsonl_options();
    lode_dataset *dataset = open_dataset(store, "collected", &options);
    lode_snapshot_free(commit_records(dataset, FIVE, 5));
    if (on_directories("objects whose time is set back")) {
        by_age(dataset);
    }
    uint64_t objects = 9, bytes = 9;
    GIVES(LODE_OK, lode_dataset_collect(dataset, NULL, NULL, NULL, NULL, &objects, &bytes, error));
    CHECK(objects == 0 && bytes == 0, "what is young stays");
    lode_collect_options wanted = LODE_COLLECT_OPTIONS_INIT;
    wanted.min_age_seconds = 48 * 60 * 60 - 1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "172800", lode_dataset_collect(dataset, &wanted, NULL, NULL, NULL, NULL, NULL, error));
    wanted.min_age_seconds = -1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "min_age_seconds is -1",
            lode_dataset_collect(dataset, &wanted, NULL, NULL, NULL, NULL, NULL, error));
    lode_collect_options_init(&wanted, sizeof wanted);
    wanted.dry_run = 2;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dry_run is 2", lode_dataset_collect(dataset, &wanted, NULL, NULL, NULL, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_collect(NULL, NULL, NULL, NULL, NULL, NULL, NULL, error));
    lode_dataset_free(dataset);
    lode_store *memory = NULL;
    REQUIRE(lode_store_open_memory(NULL, &memory, NULL) == LODE_OK, "no memory store");
    dataset = open_dataset(memory, "collected", &options);
    REFUSED(LODE_ERR_UNSUPPORTED, "how old its objects are", lode_dataset_collect(dataset, NULL, NULL, NULL, NULL, NULL, NULL, error));
    lode_dataset_free(dataset);
    lode_store_free(memory);
}

int main(void)
{
    make_root(root);
    store = open_store(root);
    verified();
    collected();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_upkeep");
}
