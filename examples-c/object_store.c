/* Commits a record to a dataset in a bucket, and reads the newest snapshot back.
 *
 *   object_store URL [SETTINGS.json]
 *
 * URL is s3://bucket/prefix, gs://bucket/prefix or az://container/prefix (file:///path and memory: work,
 * too). SETTINGS.json holds the settings of docs/object-stores.md; without it credentials come from the
 * environment. Prints the snapshot's id and its records. Exit status: 0 committed; 1 failed, with the reason
 * on standard error; 2 wrong usage; 3 this library was built without the feature object-store.
 */
#include <lode.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "object_store: %s: %s (%s)\n", what, lode_error_message(error), lode_status_name(status));
    lode_error_free(error);
    return 1;
}

/* The settings as one text, which the caller frees; NULL if the file cannot be read. */
static char *read_settings(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 65536);
    if (file == NULL || text == NULL || fread(text, 1, 65535, file) == 0) {
        free(text);
        text = NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

static int commit_and_read(lode_dataset *dataset)
{
    lode_error *error = NULL;
    lode_snapshot *snapshot = NULL;
    lode_record_reader *reader = NULL;
    lode_record_writer *writer = NULL;
    static const char record[] = "{\"event\":\"signup\",\"user\":\"alice\"}";

    /* A deadline holds for every request of the call; what it may end a commit with is said in lode.h. */
    lode_commit_options options = LODE_COMMIT_OPTIONS_INIT;
    options.deadline_ms = 60000;

    lode_status status = lode_dataset_open_record_writer(dataset, NULL, &writer, &error);
    if (status >= 0) {
        status = lode_record_writer_append(writer, record, sizeof record - 1, NULL, &error);
    }
    if (status >= 0) {
        status = lode_record_writer_commit(writer, "{\"source\":\"example\"}", &options, &snapshot, &error);
    }
    lode_record_writer_free(writer);
    if (status == LODE_ERR_ACCESS_DENIED) {
        return failed("the service refuses the credentials, or what they may do", status, error);
    }
    if (status < 0) {
        return failed("cannot commit", status, error);
    }
    printf("committed %s\n", lode_snapshot_id(snapshot));

    status = lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, &error);
    while (status >= 0) {
        lode_bytes bytes;
        status = lode_record_reader_next(reader, &bytes, &error);
        if (status != LODE_ITEM) {
            break;
        }
        printf("%.*s\n", (int)bytes.len, (const char *)bytes.data);
    }
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    return status < 0 ? failed("cannot read", status, error) : 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: object_store URL [SETTINGS.json]\n");
        return 2;
    }
    char *settings = NULL;
    if (argc == 3 && (settings = read_settings(argv[2])) == NULL) {
        fprintf(stderr, "object_store: cannot read %s\n", argv[2]);
        return 1;
    }
    int is_bucket = strncmp(argv[1], "file:", 5) != 0 && strncmp(argv[1], "memory:", 7) != 0;
    const char *given = settings != NULL ? settings : is_bucket ? "{\"credentials\":\"environment\"}" : "{}";

    lode_error *error = NULL;
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_status status = lode_store_open_url(argv[1], given, NULL, NULL, &store, &error);
    free(settings);
    if (status == LODE_ERR_UNSUPPORTED && !lode_has_feature("object-store")) {
        failed("cannot open the store", status, error);
        return 3;
    }
    if (status < 0) {
        return failed("cannot open the store", status, error);
    }
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_JSONL;
    status = lode_dataset_open(store, "events", &options, &dataset, &error);
    lode_store_free(store);
    int code = status < 0 ? failed("cannot open the dataset", status, error) : commit_and_read(dataset);
    lode_dataset_free(dataset);
    return code;
}
