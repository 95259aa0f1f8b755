/* See README.md. */
#include <lode.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lines {
    char line[4096];
};

static int32_t next(void *ctx)
{
    struct lines *in = ctx;
    return fgets(in->line, sizeof in->line, stdin) != NULL ? 1 : ferror(stdin) ? -1 : 0;
}

static void record(void *ctx, lode_bytes *record)
{
    struct lines *in = ctx;
    record->data = (const uint8_t *)in->line;
    record->len = strcspn(in->line, "\n");
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        return 2;
    }
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_snapshot *snapshot = NULL;
    lode_record_reader *reader = NULL;
    lode_error *error = NULL;
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_JSONL;
    options.compressor = LODE_COMPRESSOR_ZSTD;
    struct lines in;
    lode_record_iterator records = LODE_RECORD_ITERATOR_INIT;
    records.ctx = &in;
    records.next = next;
    records.record = record;
    lode_status status = lode_store_open_filesystem(argv[2], NULL, &store, &error);
    status = status < 0 ? status : lode_dataset_open(store, argv[3], &options, &dataset, &error);
    if (status >= 0 && strcmp(argv[1], "write") == 0) {
        status = lode_dataset_stream_write_records(dataset, &records, "{\"by\":\"c\"}", NULL, &snapshot, &error);
    } else if (status >= 0) {
        status = lode_dataset_find_latest(dataset, NULL, &snapshot, &error);
        status = status < 0 ? status : lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, &error);
        status = status < 0 ? status : lode_record_reader_read_to_fd(reader, 1, &error);
    }
    if (status < 0) {
        fprintf(stderr, "%s\n", lode_error_message(error));
    }
    lode_error_free(error);
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return status < 0 ? 1 : 0;
}
