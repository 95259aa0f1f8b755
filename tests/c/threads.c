/* One dataset handle, used by many threads at once: writers that pull, writers that push, readers.
 *
 *   threads [COMMITS of each writer]
 */
#include "check.h"

#include <pthread.h>

enum { WRITERS = 4, READERS = 4 };

static lode_dataset *dataset;
static lode_cancel_token *token;
static int commits = 25;
static pthread_mutex_t check_lock = PTHREAD_MUTEX_INITIALIZER;

/* CHECK counts in plain integers: only one thread at a time may. */
static void check_in_thread(int line, int holds, const char *what, lode_status status)
{
    pthread_mutex_lock(&check_lock);
    check_at(__FILE__, line, holds, "%s: %s", what, lode_status_name(status));
    pthread_mutex_unlock(&check_lock);
}

static void *write_snapshots(void *which)
{
    int push = *(const int *)which % 2;
    for (int i = 0; i < commits; i++) {
        lode_snapshot *snapshot = NULL;
        lode_error *error = NULL;
        lode_commit_options options;
        lode_commit_options_init(&options, sizeof options);
        options.cancel = token; /* shared by all, never cancelled */
        lode_status status;
        if (push) {
            lode_record_writer *writer = NULL;
            status = lode_dataset_open_record_writer(dataset, NULL, &writer, &error);
            for (int j = 0; status >= 0 && j < 5; j++) {
                status = lode_record_writer_append(writer, FIVE[j], strlen(FIVE[j]), NULL, &error);
            }
            if (status >= 0) {
                status = lode_record_writer_commit(writer, "{}", &options, &snapshot, &error);
            }
            lode_record_writer_free(writer);
        } else {
            struct feed feed = feed_of(FIVE, 5);
            lode_record_iterator iterator = feed_iterator(&feed);
            status = lode_dataset_stream_write_records(dataset, &iterator, "{}", &options, &snapshot, &error);
            check_in_thread(__LINE__, feed.released == 1, "not released once", status);
        }
        check_in_thread(__LINE__, status == LODE_OK, status < 0 ? lode_error_message(error) : "commit", status);
        lode_error_free(error);
        lode_snapshot_free(snapshot);
    }
    return NULL;
}

static void *read_snapshots(void *which)
{
    (void)which;
    int64_t newest = 0;
    for (int i = 0; i < commits; i++) {
        lode_snapshot *snapshot = NULL;
        lode_error *error = NULL;
        lode_status status = lode_dataset_find_latest(dataset, NULL, &snapshot, &error);
        if (status == LODE_OK) {
            size_t count = 0;
            check_in_thread(__LINE__, lode_snapshot_created_at(snapshot) >= newest, "the head went back", status);
            newest = lode_snapshot_created_at(snapshot);
            status = read_all(dataset, snapshot, 0, &count, &error);
            check_in_thread(__LINE__, status == LODE_OK && count == 5, status < 0 ? lode_error_message(error) : "count", status);
        } else {
            check_in_thread(__LINE__, status == LODE_ERR_NO_SNAPSHOTS, "latest", status);
        }
        lode_error_free(error);
        lode_snapshot_free(snapshot);
    }
    return NULL;
}

static void run_threads(const char *what)
{
    pthread_t threads[WRITERS + READERS];
    int which[WRITERS + READERS];
    for (int i = 0; i < WRITERS + READERS; i++) {
        which[i] = i;
        int failed = pthread_create(&threads[i], NULL, i < WRITERS ? write_snapshots : read_snapshots, &which[i]);
        if (failed != 0) {
            fprintf(stderr, "pthread_create: %s\n", strerror(failed));
            exit(1);
        }
    }
    for (int i = 0; i < WRITERS + READERS; i++) {
        pthread_join(threads[i], NULL);
    }

    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_dataset_find_latest(dataset, NULL, &snapshot, error));
    int length = 0;
    while (snapshot != NULL) {
        length++;
        lode_snapshot *parent = NULL;
        if (lode_snapshot_parent_id(snapshot) != NULL) {
            GIVES(LODE_OK, lode_dataset_find_snapshot(dataset, lode_snapshot_parent_id(snapshot), NULL, &parent, error));
        }
        lode_snapshot_free(snapshot);
        snapshot = parent;
    }
    CHECK(length == WRITERS * commits, "%s: a chain of %d snapshots, expected %d", what, length, WRITERS * commits);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        commits = atoi(argv[1]);
    }
    GIVES(LODE_OK, lode_cancel_token_new(&token, error));
    char root[256];
    make_root(root);
    lode_store *store = open_store(root);
    dataset = open_dataset(store, "threads", NULL);
    run_threads("filesystem");
    lode_dataset_free(dataset);
    lode_store_free(store);
    remove_tree(root);

    GIVES(LODE_OK, lode_store_open_memory(NULL, &store, error));
    dataset = open_dataset(store, "threads", NULL);
    run_threads("memory");
    lode_dataset_free(dataset);
    lode_store_free(store);
    lode_cancel_token_free(token);
    return finish("threads");
}
