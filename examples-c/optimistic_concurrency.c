/* Several writers that each read, compute and commit, without a lock: a commit that was computed from a head
 * which is no longer the head is refused (LODE_ERR_CONFLICT), and its writer begins again from the new one.
 *
 * Each snapshot of the dataset holds one number; each of four processes adds one to it ten times. No addition
 * is lost. The program is its own test: it exits with 1, saying why, if anything is not as it says.
 *
 *   cc -std=c11 optimistic_concurrency.c -llode -o optimistic_concurrency && ./optimistic_concurrency
 */
#define _XOPEN_SOURCE 700 /* nftw */

#include <lode.h>

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 4, ADDITIONS = 10 };

static int failed(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "optimistic_concurrency: %s: %s (%s)\n", what, error != NULL ? lode_error_message(error) : "-",
            lode_status_name(status));
    lode_error_free(error);
    return 1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static lode_status open_counter(const char *root, lode_store **store, lode_dataset **dataset, lode_error **error)
{
    lode_dataset_options options; /* no codec: the number is a blob of a few digits */
    lode_dataset_options_init(&options, sizeof options);
    lode_status status = lode_store_open_filesystem(root, NULL, store, error);
    return status < 0 ? status : lode_dataset_open(*store, "counter", &options, dataset, error);
}

/* The head's id and number; "" and 0 if there is no snapshot yet, which is what expected_parent takes for
 * that. */
static lode_status read_counter(lode_dataset *dataset, char id[64], long *number, lode_error **error)
{
    lode_snapshot *snapshot = NULL;
    lode_blob_reader *reader = NULL;
    char text[32] = "";
    size_t len = 0;
    id[0] = '\0';
    *number = 0;
    lode_status status = lode_dataset_find_latest(dataset, NULL, &snapshot, error);
    if (status == LODE_ERR_NO_SNAPSHOTS) {
        lode_error_free(*error);
        *error = NULL;
        return LODE_OK;
    }
    if (status >= 0) {
        lode_read_options options;
        lode_read_options_init(&options, sizeof options);
        options.verify = 1; /* the checksum first: then one read is enough for so few bytes */
        snprintf(id, 64, "%s", lode_snapshot_id(snapshot));
        status = lode_dataset_open_blob_reader(dataset, snapshot, &options, &reader, error);
    }
    if (status >= 0) {
        status = lode_blob_reader_read(reader, text, sizeof text - 1, &len, error);
        *number = strtol(text, NULL, 10);
    }
    lode_blob_reader_free(reader);
    lode_snapshot_free(snapshot);
    return status;
}

/* Commits `number` if the head is still `parent`. */
static lode_status write_counter(lode_dataset *dataset, const char *parent, long number, lode_error **error)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%ld", number);
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);
    options.expected_parent = parent;
    return lode_dataset_write_blob(dataset, text, (size_t)len, "{}", &options, NULL, error);
}

/* Adds one, however often others are faster. Gives the number of conflicts on the way, or -1. */
static int add_one(lode_dataset *dataset)
{
    for (int conflicts = 0;; conflicts++) {
        char head[64];
        long number = 0;
        lode_error *error = NULL;
        lode_status status = read_counter(dataset, head, &number, &error);
        if (status < 0) {
            failed("cannot read the number", status, error);
            return -1;
        }
        status = write_counter(dataset, head, number + 1, &error);
        if (status >= 0) {
            return conflicts;
        }
        /* What to do is in the error: read the head and decide again. Anything else has another answer. */
        if (lode_error_action(error) != LODE_ACTION_REBASE) {
            failed("cannot write the number", status, error);
            return -1;
        }
        lode_error_free(error);
    }
}

/* Two writers in slow motion. */
static int two_by_turns(const char *root)
{
    lode_store *stores[2] = {NULL, NULL};
    lode_dataset *writers[2] = {NULL, NULL};
    char heads[2][64];
    long numbers[2];
    lode_error *error = NULL;
    lode_status status = LODE_OK;
    for (int i = 0; i < 2 && status >= 0; i++) {
        status = open_counter(root, &stores[i], &writers[i], &error);
        if (status >= 0) {
            status = read_counter(writers[i], heads[i], &numbers[i], &error);
        }
    }
    int result = 0;
    if (status >= 0) {
        printf("Both writers read %ld.\n", numbers[0]);
        status = write_counter(writers[0], heads[0], numbers[0] + 1, &error);
    }
    if (status < 0) {
        result = failed("the first of two", status, error);
    } else {
        printf("The first commits %ld.\n", numbers[0] + 1);
        status = write_counter(writers[1], heads[1], numbers[1] + 1, &error);
        if (status != LODE_ERR_CONFLICT || lode_error_action(error) != LODE_ACTION_REBASE) {
            result = failed("the second of two is not told of the conflict", status, error);
        } else {
            printf("The second is refused: %s\n", lode_error_message(error));
            printf("The head that it must begin from is in the error, too: %s\n", lode_error_snapshot_id(error));
            lode_error_free(error);
            result = add_one(writers[1]) == 0 ? 0 : 1;
            printf("It reads again, and commits %ld.\n", numbers[1] + 2);
        }
    }
    for (int i = 0; i < 2; i++) {
        lode_dataset_free(writers[i]);
        lode_store_free(stores[i]);
    }
    return result;
}

/* One of the processes. */
static int add(const char *root)
{
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_error *error = NULL;
    lode_status status = open_counter(root, &store, &dataset, &error);
    if (status < 0) {
        return failed("cannot open the dataset", status, error);
    }
    int conflicts = 0;
    for (int i = 0; i < ADDITIONS; i++) {
        int met = add_one(dataset);
        if (met < 0) {
            return 1;
        }
        conflicts += met;
    }
    printf("process %ld: %d additions, %d conflicts on the way\n", (long)getpid(), ADDITIONS, conflicts);
    fflush(stdout);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return 0;
}

static int many_at_once(const char *root)
{
    int result = 0;
    fflush(stdout);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(add(root));
        }
        if (child < 0) {
            perror("fork");
            result = 1;
        }
    }
    int status = 0;
    while (wait(&status) > 0) {
        result |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    return result;
}

int main(void)
{
    char root[256];
    char head[64];
    const char *parent = getenv("TMPDIR");
    snprintf(root, sizeof root, "%.200s/lode-optimistic-%ld", parent != NULL && *parent != '\0' ? parent : "/tmp",
             (long)getpid());
    if (mkdir(root, 0700) != 0) {
        perror(root);
        return 1;
    }
    int result = two_by_turns(root);
    if (result == 0) {
        result = many_at_once(root);
    }
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_error *error = NULL;
    long number = 0;
    lode_status status = open_counter(root, &store, &dataset, &error);
    if (status >= 0) {
        status = read_counter(dataset, head, &number, &error);
    }
    if (status < 0) {
        result = failed("cannot read the number", status, error);
    }
    lode_dataset_free(dataset);
    lode_store_free(store);
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (result == 0 && number != 2 + PROCESSES * ADDITIONS) {
        fprintf(stderr, "optimistic_concurrency: the number is %ld, expected %d\n", number, 2 + PROCESSES * ADDITIONS);
        result = 1;
    }
    if (result == 0) {
        printf("\n=== SUCCESS: the number is %ld, no addition was lost ===\n", number);
    }
    return result;
}
