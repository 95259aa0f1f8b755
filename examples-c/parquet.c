/* Typed columns: records pushed into a Parquet dataset, a record that does not fit, and the records back.
 *
 *   cc -std=c11 parquet.c -llode -o parquet && ./parquet STORE
 *
 * The directory STORE then holds a file that DuckDB, Polars, PyArrow, Spark and the Go library read. The
 * library must have the feature "parquet".
 */
#include <lode.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char schema[] =
    "{\"fields\": [{\"name\": \"id\", \"type\": \"int64\"},"
    " {\"name\": \"at\", \"type\": \"timestamp\"},"
    " {\"name\": \"user\", \"type\": \"string\", \"nullable\": true},"
    " {\"name\": \"score\", \"type\": \"float64\", \"nullable\": true}]}";

static const char *const records[] = {
    "{\"id\": 1, \"at\": \"2026-01-02T03:04:05Z\", \"user\": \"alice\", \"score\": 0.5}",
    "{\"id\": 2, \"at\": \"2026-01-02T03:04:06.5+01:00\", \"user\": null}",
    "{\"id\": 2.5, \"at\": \"2026-01-02T03:04:07Z\"}", /* does not fit: the id has a fraction */
    "{\"id\": 3, \"at\": \"2026-01-02T03:04:08Z\", \"score\": 1e3, \"more\": [\"ignored\"]}",
};

/* Ends the program if a call has failed. */
static void require(lode_status status, lode_error *const *error)
{
    if (status < 0) {
        fprintf(stderr, "parquet: %s: %s\n", lode_status_name(status), lode_error_message(*error));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: parquet STORE\n");
        return 2;
    }
    lode_store *store = NULL;
    lode_dataset *events = NULL;
    lode_record_writer *writer = NULL;
    lode_snapshot *snapshot = NULL;
    lode_record_reader *reader = NULL;
    lode_error *error = NULL;
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_PARQUET;
    options.schema_json = schema;
    options.parquet_compression = LODE_PARQUET_ZSTD;
    require(lode_store_open_filesystem(argv[1], NULL, &store, &error), &error);
    require(lode_dataset_open(store, "scores", &options, &events, &error), &error);

    /* A record that does not fit leaves no trace, and the writer goes on. */
    require(lode_dataset_open_record_writer(events, NULL, &writer, &error), &error);
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        lode_status status = lode_record_writer_append(writer, records[i], strlen(records[i]), NULL, &error);
        if (status == LODE_ERR_SCHEMA_VIOLATION) {
            printf("refused: %s (byte %" PRId64 " of the record)\n", lode_error_message(error), lode_error_offset(error));
            lode_error_free(error);
            continue;
        }
        require(status, &error);
    }
    require(lode_record_writer_commit(writer, "{}", NULL, &snapshot, &error), &error);
    printf("committed %s: %" PRId64 " rows\n", lode_snapshot_id(snapshot), lode_snapshot_row_count(snapshot));

    /* Back as JSON: the columns in the order of their names, null written out, times in UTC. */
    require(lode_dataset_open_record_reader(events, snapshot, NULL, &reader, &error), &error);
    lode_bytes record;
    lode_status status;
    while ((status = lode_record_reader_next(reader, &record, &error)) == LODE_ITEM) {
        printf("%.*s\n", (int)record.len, (const char *)record.data);
    }
    require(status, &error);

    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    lode_dataset_free(events);
    lode_store_free(store);
    return 0;
}
