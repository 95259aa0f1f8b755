/* Many threads and processes write one snapshot: each stages parts, and one process commits all of them.
 *
 *   parts stage ROOT DATASET NAME THREADS PARTS    THREADS threads stage PARTS parts of ten records
 *   parts commit ROOT DATASET JOB                  commits the parts on standard input, once for this JOB
 *   parts demo ROOT DATASET                        both, with four threads
 *
 * `stage` prints each part as one line of JSON as soon as it is durable. `commit` may be killed and started
 * again with the same lines and the same JOB: the parts are committed once. It prints the snapshot's id, and
 * on standard error whether it was committed before. Exit status: 0; 1 failed, with the reason on standard
 * error; 2 wrong usage. */
#define _POSIX_C_SOURCE 200809L

#include <lode.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS = 10, THREADS_MAX = 256 };

/* What the threads of one process share. A dataset may be used by all of them at once; each has writers of
 * its own. */
struct work {
    lode_dataset *dataset;
    const char *name;
    atomic_int next, failed;
    int parts;
    /* Where the parts go: printed, or kept for a commit by this process. */
    lode_part **kept;
};

static void report(const char *doing, lode_error *error)
{
    fprintf(stderr, "parts: %s: %s\n", doing, lode_error_message(error));
    lode_error_free(error);
}

/* Stages one part: the records of one task. Gives the part, or NULL. */
static lode_part *stage(struct work *work, int number)
{
    lode_record_writer *writer = NULL;
    lode_part *part = NULL;
    lode_error *error = NULL;
    lode_status status = lode_dataset_open_record_writer(work->dataset, NULL, &writer, &error);
    for (int i = 0; status >= 0 && i < RECORDS; i++) {
        char record[256];
        int len = snprintf(record, sizeof record, "{\"by\":\"%s\",\"part\":%d,\"record\":%d}", work->name, number, i);
        status = lode_record_writer_append(writer, record, (size_t)len, NULL, &error);
    }
    if (status >= 0) {
        status = lode_record_writer_stage(writer, NULL, &part, &error);
    }
    if (status < 0) {
        report("cannot stage", error);
    }
    lode_record_writer_free(writer);
    return part;
}

/* Sends a part's line to the coordinator, by one write, so that a line is there whole or not at all. */
static int tell(const lode_part *part)
{
    const char *json = lode_part_json(part);
    size_t len = strlen(json);
    char *line = malloc(len + 1);
    if (line == NULL) {
        return -1;
    }
    memcpy(line, json, len);
    line[len] = '\n';
    ssize_t written = write(STDOUT_FILENO, line, len + 1);
    free(line);
    return written == (ssize_t)len + 1 ? 0 : -1;
}

static void *run(void *arg)
{
    struct work *work = arg;
    for (int number = atomic_fetch_add(&work->next, 1); number < work->parts; number = atomic_fetch_add(&work->next, 1)) {
        lode_part *part = stage(work, number);
        if (part != NULL && work->kept != NULL) {
            work->kept[number] = part; /* until it is committed */
            continue;
        }
        if (part == NULL || tell(part) != 0) {
            atomic_store(&work->failed, 1);
        }
        lode_part_free(part); /* what is staged stays */
    }
    return NULL;
}

static int run_threads(struct work *work, int count)
{
    pthread_t threads[THREADS_MAX];
    int started = 0;
    while (started < count && pthread_create(&threads[started], NULL, run, work) == 0) {
        started++;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    return started == count && !atomic_load(&work->failed) ? 0 : 1;
}

/* Commits parts as one snapshot. With a job: exactly once, however often it is repeated. */
static int commit(lode_dataset *dataset, lode_part **parts, size_t count, const char *job)
{
    lode_commit_options options = LODE_COMMIT_OPTIONS_INIT;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    options.producer_id = job;
    options.sequence = job != NULL;
    lode_status status =
        lode_dataset_commit_parts(dataset, (const lode_part *const *)parts, count, "{}", &options, &snapshot, &error);
    if (status < 0) {
        report("cannot commit", error);
        return 1;
    }
    if (status == LODE_ALREADY_COMMITTED) {
        fprintf(stderr, "parts: committed before\n");
    }
    printf("%s\n", lode_snapshot_id(snapshot));
    lode_snapshot_free(snapshot);
    return 0;
}

/* Reads the parts' lines, and commits them in that order. */
static int commit_lines(lode_dataset *dataset, const char *job)
{
    lode_part **parts = NULL;
    size_t count = 0, capacity = 0, room = 0;
    char *line = NULL;
    ssize_t len;
    int failed = 0;
    while (!failed && (len = getline(&line, &room, stdin)) > 0) {
        lode_error *error = NULL;
        line[strcspn(line, "\n")] = '\0';
        if (count == capacity) {
            capacity = capacity == 0 ? 64 : 2 * capacity;
            lode_part **more = realloc(parts, capacity * sizeof *parts);
            if (more == NULL) {
                fprintf(stderr, "parts: no memory\n");
                failed = 1;
                break;
            }
            parts = more;
        }
        if (lode_dataset_part_from_json(dataset, line, &parts[count], &error) < 0) {
            report("a line is no part", error);
            failed = 1;
        } else {
            count++;
        }
    }
    if (!failed) {
        failed = commit(dataset, parts, count, job);
    }
    for (size_t i = 0; i < count; i++) {
        lode_part_free(parts[i]);
    }
    free(parts);
    free(line);
    return failed;
}

static int demo(lode_dataset *dataset)
{
    lode_part *parts[20] = {NULL};
    struct work work = {.dataset = dataset, .name = "demo", .parts = 20, .kept = parts};
    int failed = run_threads(&work, 4);
    for (int i = 0; i < 20; i++) {
        failed |= parts[i] == NULL;
    }
    failed = failed ? 1 : commit(dataset, parts, 20, NULL);
    for (int i = 0; i < 20; i++) {
        lode_part_free(parts[i]);
    }
    return failed;
}

int main(int argc, char **argv)
{
    int is_stage = argc == 7 && strcmp(argv[1], "stage") == 0, is_commit = argc == 5 && strcmp(argv[1], "commit") == 0;
    int is_demo = argc == 4 && strcmp(argv[1], "demo") == 0;
    int threads = is_stage ? atoi(argv[5]) : 1;
    if (!(is_stage || is_commit || is_demo) || threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: parts stage ROOT DATASET NAME THREADS PARTS | commit ROOT DATASET JOB | demo ROOT DATASET\n");
        return 2;
    }
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_error *error = NULL;
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_JSONL;
    options.compressor = LODE_COMPRESSOR_ZSTD;
    mkdir(argv[2], 0777); /* what is wrong with it, the store says */
    int failed = 1;
    if (lode_store_open_filesystem(argv[2], NULL, &store, &error) < 0 ||
        lode_dataset_open(store, argv[3], &options, &dataset, &error) < 0) {
        report("cannot open", error);
    } else if (is_stage) {
        struct work work = {.dataset = dataset, .name = argv[4], .parts = atoi(argv[6])};
        failed = run_threads(&work, threads);
    } else {
        failed = is_commit ? commit_lines(dataset, argv[4]) : demo(dataset);
    }
    lode_dataset_free(dataset);
    lode_store_free(store);
    return failed;
}
