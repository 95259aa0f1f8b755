/* Upkeep: a verification of a whole and of a damaged dataset, what its callback is told, and what is refused. */
#include "check.h"

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

static void flip_a_bit(const char *path)
{
    FILE *file = fopen(path, "r+b");
    REQUIRE(file != NULL, "cannot open %s: %s", path, strerror(errno));
    int byte = fgetc(file);
    REQUIRE(byte != EOF && fseek(file, 0, SEEK_SET) == 0 && fputc(byte ^ 1, file) != EOF && fclose(file) == 0,
            "cannot write %s", path);
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
    flip_a_bit(lode_snapshot_file_location(snapshot, 0));
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

int main(void)
{
    make_root(root);
    store = open_store(root);
    verified();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_upkeep");
}
