/* Many processes on one dataset.
 *
 *   concurrent ROOT DATASET PROCESSES COMMITS ACKNOWLEDGED
 *
 * Each process commits COMMITS times through a handle of its own and writes each acknowledged id as a line to
 * the file ACKNOWLEDGED. Afterwards the snapshots must be one chain of PROCESSES * COMMITS. */
#include "check.h"

#include <fcntl.h>
#include <sys/wait.h>

static int write_snapshots(const char *root, const char *id, int commits, int acknowledged)
{
    lode_store *store = open_store(root);
    lode_dataset *dataset = open_dataset(store, id, NULL);
    for (int i = 0; i < commits; i++) {
        lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
        char line[64];
        int len = snprintf(line, sizeof line, "%s\n", lode_snapshot_id(snapshot));
        REQUIRE(write(acknowledged, line, (size_t)len) == len, "cannot write down an id");
        lode_snapshot_free(snapshot);
    }
    lode_dataset_free(dataset);
    lode_store_free(store);
    return checks_failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: concurrent ROOT DATASET PROCESSES COMMITS ACKNOWLEDGED\n");
        return 2;
    }
    mkdir(argv[1], 0777);
    int processes = atoi(argv[3]);
    int commits = atoi(argv[4]);
    int acknowledged = open(argv[5], O_CREAT | O_WRONLY | O_TRUNC | O_APPEND, 0666);
    REQUIRE(acknowledged >= 0, "cannot open %s: %s", argv[5], strerror(errno));
    for (int i = 0; i < processes; i++) {
        if (fork() == 0) {
            exit(write_snapshots(argv[1], argv[2], commits, acknowledged));
        }
    }
    for (int i = 0; i < processes; i++) {
        int status = -1;
        wait(&status);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a writer ended with wait status %d", status);
    }

    lode_store *store = open_store(argv[1]);
    lode_dataset *dataset = open_dataset(store, argv[2], NULL);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_dataset_find_latest(dataset, NULL, &snapshot, error));
    int length = 0;
    while (snapshot != NULL) {
        length++;
        lode_snapshot *parent = NULL;
        if (lode_snapshot_parent_id(snapshot) != NULL) {
            CHECK(strcmp(lode_snapshot_parent_id(snapshot), lode_snapshot_id(snapshot)) < 0, "%s is not above its parent",
                  lode_snapshot_id(snapshot));
            GIVES(LODE_OK, lode_dataset_find_snapshot(dataset, lode_snapshot_parent_id(snapshot), NULL, &parent, error));
        }
        lode_snapshot_free(snapshot);
        snapshot = parent;
    }
    CHECK(length == processes * commits, "a chain of %d snapshots, expected %d", length, processes * commits);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return finish("concurrent");
}
