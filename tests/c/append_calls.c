/* Appends between two marks that a trace of the system calls shows: two calls of getppid.

     append_calls ROOT FORM COMPRESSOR COUNT

   FORM is append, append-batch or append-lines, COMPRESSOR none, gzip or zstd. The check compares what lies
   between the marks. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <unistd.h>

enum { BATCH = 64, RECORD_MAX = 96 };

static void must(lode_status status, lode_error *error, const char *what) {
    if (status >= 0) return;
    fprintf(stderr, "append_calls: %s: %s\n", what, lode_error_message(error));
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    const char *form = argv[2];
    const long count = atol(argv[4]);
    lode_error *error = NULL;
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_record_writer *writer = NULL;
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    options.compressor = strcmp(argv[3], "gzip") == 0   ? LODE_COMPRESSOR_GZIP
                         : strcmp(argv[3], "zstd") == 0 ? LODE_COMPRESSOR_ZSTD
                                                        : LODE_COMPRESSOR_NONE;
    must(lode_store_open_filesystem(argv[1], NULL, &store, &error), error, "open the store");
    must(lode_dataset_open(store, "events", &options, &dataset, &error), error, "open the dataset");
    must(lode_dataset_open_record_writer(dataset, NULL, &writer, &error), error, "open a writer");

    static char lines[BATCH * RECORD_MAX];
    size_t lengths[BATCH], taken = 0;
    unsigned random = 1;
    getppid();
    for (long done = 0; done < count; done += BATCH) {
        size_t at = 0;
        int is_lines = strcmp(form, "append-lines") == 0;
        for (int i = 0; i < BATCH; i++) {
            random = random * 1664525u + 1013904223u;
            int len = snprintf(lines + at, RECORD_MAX, "{\"id\":%ld,\"value\":%u,\"again\":%u}%s", done + i, random, ~random,
                               is_lines ? "\n" : "");
            lengths[i] = (size_t)len;
            if (strcmp(form, "append") == 0)
                must(lode_record_writer_append(writer, lines + at, lengths[i], NULL, &error), error, form);
            at += lengths[i];
        }
        if (strcmp(form, "append-batch") == 0)
            must(lode_record_writer_append_batch(writer, lines, lengths, NULL, BATCH, &taken, &error), error, form);
        if (is_lines) must(lode_record_writer_append_lines(writer, lines, at, &taken, &error), error, form);
    }
    getppid();
    must(lode_record_writer_commit(writer, "{}", NULL, NULL, &error), error, "commit");
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return 0;
}
