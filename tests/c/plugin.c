/* A plug-in that holds liblode.a; plugin_host.c loads two copies of it. All it exports is plugin_commit. */
#include <lode.h>

#include <stddef.h>

const void *plugin_commit(const char *root, const char *dataset_id, int *committed);

/* Commits one record. Gives the address of the library's code that did it. */
const void *plugin_commit(const char *root, const char *dataset_id, int *committed)
{
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_record_writer *writer = NULL;
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    options.compressor = LODE_COMPRESSOR_ZSTD;
    *committed = lode_store_open_filesystem(root, NULL, &store, NULL) == LODE_OK &&
                 lode_dataset_open(store, dataset_id, &options, &dataset, NULL) == LODE_OK &&
                 lode_dataset_open_record_writer(dataset, NULL, &writer, NULL) == LODE_OK &&
                 lode_record_writer_append(writer, "{\"a\":1}", 7, NULL, NULL) == LODE_OK &&
                 lode_record_writer_commit(writer, "{}", NULL, NULL, NULL) == LODE_OK;
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return (const void *)(size_t)lode_version;
}
