/* Visibility: a snapshot is seen when its manifest is there, whole, and not before; and never changes after.
 *
 * The program is its own test: it exits with 1, saying why, if anything is not as it says.
 *
 *   cc -std=c11 manifest_driven.c -llode -o manifest_driven && ./manifest_driven
 */
#define _XOPEN_SOURCE 700 /* nftw */

#include <lode.h>

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[256];

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Ends the program: the example's claim does not hold. */
static void require(int holds, const char *claim, lode_error *error)
{
    if (holds) {
        return;
    }
    fprintf(stderr, "manifest_driven: not true: %s: %s\n", claim, error != NULL ? lode_error_message(error) : "-");
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    exit(1);
}

/* What another process sees: a store and a dataset of its own. Gives the snapshots' number; the newest one's
 * id. */
static int seen_by_another(char *latest, size_t size)
{
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_snapshot_iterator *snapshots = NULL;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    require(lode_store_open_filesystem(root, NULL, &store, &error) >= 0, "the store opens", error);
    require(lode_dataset_open(store, "events", NULL, &dataset, &error) >= 0, "the dataset opens", error);
    lode_status status = lode_dataset_find_latest(dataset, NULL, &snapshot, &error);
    snprintf(latest, size, "%s", status >= 0 ? lode_snapshot_id(snapshot) : lode_status_name(status));
    lode_snapshot_free(snapshot);
    lode_error_free(error);
    require(lode_dataset_list_snapshots(dataset, NULL, &snapshots, &error) >= 0, "snapshots are listed", error);
    int count = 0;
    while ((status = lode_snapshot_iterator_next(snapshots, &snapshot, &error)) == LODE_ITEM) {
        count++;
        lode_snapshot_free(snapshot);
    }
    require(status == LODE_OK, "the list has an end", error);
    lode_snapshot_iterator_free(snapshots);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return count;
}

static void show(const char *when)
{
    char latest[64];
    int count = seen_by_another(latest, sizeof latest);
    printf("%-44s another process sees %d snapshots, the latest: %s\n", when, count, latest);
}

static lode_record_writer *writer_with(lode_dataset *dataset, const char *record)
{
    lode_record_writer *writer = NULL;
    lode_error *error = NULL;
    require(lode_dataset_open_record_writer(dataset, NULL, &writer, &error) >= 0, "a writer opens", error);
    require(lode_record_writer_append(writer, record, strlen(record), NULL, &error) >= 0, "it takes a record", error);
    return writer;
}

/* Puts a data file where a writer puts it that is killed before its commit. */
static void leave_data_without_a_manifest(void)
{
    static const char *const parts[] = {"datasets", "events", "snapshots", "1900000000000000000-00000000000000ff", "data"};
    char path[1024];
    size_t len = (size_t)snprintf(path, sizeof path, "%s", root);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        len += (size_t)snprintf(path + len, sizeof path - len, "/%s", parts[i]);
        mkdir(path, 0777);
    }
    snprintf(path + len, sizeof path - len, "/data");
    FILE *file = fopen(path, "w");
    require(file != NULL && fputs("{\"orphan\":true}\n", file) >= 0 && fclose(file) == 0, "a file can be written", NULL);
}

static size_t count_records(lode_record_reader *reader)
{
    lode_bytes record;
    lode_error *error = NULL;
    size_t count = 0;
    lode_status status;
    while ((status = lode_record_reader_next(reader, &record, &error)) == LODE_ITEM) {
        count++;
    }
    require(status == LODE_OK, "a snapshot that is seen can be read to its end", error);
    return count;
}

int main(void)
{
    char latest[64];
    const char *parent = getenv("TMPDIR");
    snprintf(root, sizeof root, "%.200s/lode-manifest-driven-%ld", parent != NULL && *parent != '\0' ? parent : "/tmp",
             (long)getpid());
    if (mkdir(root, 0700) != 0) {
        perror(root);
        return 1;
    }
    lode_error *error = NULL;
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    require(lode_store_open_filesystem(root, NULL, &store, &error) >= 0, "the store opens", error);
    require(lode_dataset_open(store, "events", &options, &dataset, &error) >= 0, "the dataset opens", error);

    show("At first");
    lode_record_writer *writer = writer_with(dataset, "{\"n\":1}");
    show("A writer has taken a record");
    require(seen_by_another(latest, sizeof latest) == 0, "records are not seen before their commit", NULL);
    leave_data_without_a_manifest();
    show("A dead writer's data file lies there");
    require(seen_by_another(latest, sizeof latest) == 0, "data without a manifest are not seen", NULL);

    lode_snapshot *first = NULL;
    require(lode_record_writer_commit(writer, "{}", NULL, &first, &error) >= 0, "the commit works", error);
    lode_record_writer_free(writer);
    show("The writer has committed");
    require(seen_by_another(latest, sizeof latest) == 1 && strcmp(latest, lode_snapshot_id(first)) == 0,
            "a committed snapshot is seen at once", NULL);
    printf("\nThe manifest names all there is to the snapshot:\n%s\n\n", lode_snapshot_manifest_json(first));
    for (size_t i = 0; i < lode_snapshot_file_count(first); i++) {
        struct stat info;
        require(stat(lode_snapshot_file_location(first, i), &info) == 0 && info.st_size == lode_snapshot_file_size(first, i),
                "every file that a manifest names is there", NULL);
    }

    /* A reader keeps its snapshot while others commit. */
    lode_record_reader *reader = NULL;
    require(lode_dataset_open_record_reader(dataset, first, NULL, &reader, &error) >= 0, "the snapshot opens", error);
    writer = writer_with(dataset, "{\"n\":2}");
    require(lode_record_writer_abort(writer, &error) >= 0, "a writer can give up", error);
    lode_record_writer_free(writer);
    show("A second writer has given up");
    require(seen_by_another(latest, sizeof latest) == 1, "what was given up is not seen", NULL);
    writer = writer_with(dataset, "{\"n\":3}");
    lode_snapshot *second = NULL;
    require(lode_record_writer_commit(writer, "{}", NULL, &second, &error) >= 0, "the next commit works", error);
    lode_record_writer_free(writer);
    show("A third has committed");
    require(seen_by_another(latest, sizeof latest) == 2 && strcmp(latest, lode_snapshot_id(second)) == 0,
            "the new snapshot is the latest", NULL);
    require(count_records(reader) == 1, "the first snapshot is what it was", NULL);
    lode_record_reader_free(reader);

    lode_snapshot_free(first);
    lode_snapshot_free(second);
    lode_dataset_free(dataset);
    lode_store_free(store);
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    printf("\n=== SUCCESS: what is seen is what a manifest names ===\n");
    return 0;
}
