/* A planner: which files of a snapshot a query needs, by the statistics in the manifest, without reading any
 * file; and then which rows are read, by the row groups' own statistics.
 *
 *   cc -std=c11 plan.c -llode -o plan && ./plan STORE
 *
 * The query is `temperature >= 30`, over readings that are partitioned by day. The library must have the
 * feature "parquet".
 */
#include <lode.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAYS = 4, READINGS = 250 };

static const char schema[] = "{\"fields\": [{\"name\": \"day\", \"type\": \"string\"},"
                             " {\"name\": \"station\", \"type\": \"int32\"},"
                             " {\"name\": \"temperature\", \"type\": \"float64\", \"nullable\": true}]}";

static void require(lode_status status, lode_error *const *error)
{
    if (status < 0) {
        fprintf(stderr, "plan: %s: %s\n", lode_status_name(status), lode_error_message(*error));
        exit(1);
    }
}

/* The number behind `key` in the object that begins at `json`; 0 if there is none before the object's end. */
static int number_of(const char *json, const char *key, double *number)
{
    const char *end = strchr(json, '}'), *at = strstr(json, key);
    if (at == NULL || end == NULL || at > end) {
        return 0;
    }
    *number = strtod(at + strlen(key), NULL);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: plan STORE\n");
        return 2;
    }
    lode_store *store = NULL;
    lode_dataset *readings = NULL;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    const char *const keys[] = {"day"};
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_PARQUET;
    options.schema_json = schema;
    options.layout = LODE_LAYOUT_HIVE;
    options.partition_keys = keys;
    options.partition_key_count = 1;
    require(lode_store_open_filesystem(argv[1], NULL, &store, &error), &error);
    require(lode_dataset_open(store, "readings", &options, &readings, &error), &error);

    /* Each day is warmer than the one before: from 15 to 35 degrees. */
    static char texts[DAYS * READINGS][80];
    static lode_bytes records[DAYS * READINGS];
    for (int i = 0; i < DAYS * READINGS; i++) {
        int day = i / READINGS, station = i % READINGS;
        int len = snprintf(texts[i], sizeof texts[i], "{\"day\":\"2026-07-0%d\",\"station\":%d,\"temperature\":%d.5}",
                           day + 1, station, 15 + 5 * day + station % 5);
        records[i] = (lode_bytes){.data = (const uint8_t *)texts[i], .len = (size_t)len};
    }
    require(lode_dataset_write_records(readings, records, NULL, DAYS * READINGS, "{}", NULL, &snapshot, &error), &error);

    /* The plan: a file whose greatest temperature is below 30 cannot hold such a row. */
    const char *manifest = lode_snapshot_manifest_json(snapshot);
    size_t files = lode_snapshot_file_count(snapshot), needed = 0;
    for (size_t file = 0; file < files; file++) {
        const char *entry = strstr(manifest, lode_snapshot_file_path(snapshot, file));
        const char *column = entry != NULL ? strstr(entry, "\"name\": \"temperature\"") : NULL;
        double least = 0, greatest = 0;
        int known = column != NULL && number_of(column, "\"min\":", &least) && number_of(column, "\"max\":", &greatest);
        int is_needed = !known || greatest >= 30;
        needed += (size_t)is_needed;
        printf("%s: %.1f to %.1f: %s\n", lode_snapshot_file_path(snapshot, file), least, greatest,
               is_needed ? "read" : "left out");
    }
    printf("%zu of %zu files are needed\n", needed, files);

    /* The same by the library, which leaves out row groups by the files' own statistics. */
    static const lode_comparison warm = {
        .column = "temperature", .value_json = "30", .operation = LODE_COMPARE_GREATER_OR_EQUAL};
    lode_read_options read = LODE_READ_OPTIONS_INIT;
    read.comparisons = &warm;
    read.comparison_count = 1;
    struct ArrowArrayStream stream;
    require(lode_dataset_read_arrow(readings, snapshot, &read, &stream, &error), &error);
    int64_t rows = 0;
    for (;;) {
        struct ArrowArray array;
        if (stream.get_next(&stream, &array) != 0) {
            fprintf(stderr, "plan: %s\n", stream.get_last_error(&stream));
            stream.release(&stream);
            return 1;
        }
        if (array.release == NULL) {
            break;
        }
        rows += array.length;
        array.release(&array);
    }
    stream.release(&stream);
    printf("%" PRId64 " of %" PRId64 " rows were read\n", rows, lode_snapshot_row_count(snapshot));

    lode_snapshot_free(snapshot);
    lode_dataset_free(readings);
    lode_store_free(store);
    return 0;
}
