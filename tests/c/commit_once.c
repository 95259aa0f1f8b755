/* One commit, for the tests that break it off at every system call.
 *
 *   commit_once ROOT DATASET [records|blob|hive|parts|stream]
 *   commit_once ROOT DATASET choose ID      instead of a commit, the choice of this head
 *   commit_once ROOT DATASET once SEQUENCE  records, as this commit of a producer's
 *   commit_once ROOT DATASET columns SEQUENCE  the same as Parquet
 *   commit_once ROOT VOLUME volume NUMBER   two blocks of a volume, others for each number
 *   commit_once ROOT NAME collect           instead of a commit, a clean-up of dataset and volume
 *   commit_once ROOT NAME leave             stages a part and a block, and dies
 *
 * `parts` stages two parts, one pushed and one pulled, the latter committed from its JSON; `stream` streams
 * into partitions, of which two have an open file. Prints "committed ID", "unpublished ID", "already ID",
 * "collected OBJECTS BYTES", "unknown ID MESSAGE" or "failed STATUS MESSAGE". Exit status 0 for the first
 * four, 3 else. A call of getppid marks where the work begins. */
#include "check.h"

#include <sys/syscall.h>

/* 700,000 bytes, which are more than one buffer. */
static int64_t give_bytes(void *ctx, uint8_t *buffer, size_t capacity)
{
    size_t *left = (size_t *)ctx;
    size_t len = *left < capacity ? *left : capacity;
    memset(buffer, 'b', len);
    *left -= len;
    return (int64_t)len;
}

/* Stages two parts, and commits them in the other order. */
static lode_status commit_parts(lode_dataset *dataset, const lode_record_iterator *iterator, lode_snapshot **snapshot,
                                lode_error **error)
{
    lode_record_writer *writer = NULL;
    lode_part *parts[2] = {NULL, NULL}, *pulled = NULL;
    lode_status status = lode_dataset_open_record_writer(dataset, NULL, &writer, error);
    if (status >= 0) {
        status = lode_record_writer_append(writer, "{\"p\":1}", 7, NULL, error);
    }
    if (status >= 0) {
        status = lode_record_writer_stage(writer, NULL, &parts[1], error);
    }
    lode_record_writer_free(writer);
    if (status >= 0) {
        status = lode_dataset_stage_records(dataset, iterator, NULL, &pulled, error);
    }
    if (status >= 0) {
        status = lode_dataset_part_from_json(dataset, lode_part_json(pulled), &parts[0], error);
    }
    lode_part_free(pulled);
    if (status >= 0) {
        status = lode_dataset_commit_parts(dataset, (const lode_part *const *)parts, 2, "{}", NULL, snapshot, error);
    }
    lode_part_free(parts[0]);
    lode_part_free(parts[1]);
    return status;
}

/* Streams into three partitions, of which two have an open file. */
static lode_status commit_stream(lode_dataset *dataset, lode_snapshot **snapshot, lode_error **error)
{
    static const char *const records[] = {"{\"p\":\"b\"}", "{\"p\":\"a/..\"}", "{\"p\":\"c\"}", "{\"p\":\"b\",\"n\":1}"};
    lode_record_writer *writer = NULL;
    lode_status status = lode_dataset_open_record_writer(dataset, NULL, &writer, error);
    for (size_t i = 0; status >= 0 && i < 4; i++) {
        status = lode_record_writer_append(writer, records[i], strlen(records[i]), NULL, error);
    }
    if (status >= 0) {
        status = lode_record_writer_commit(writer, "{}", NULL, snapshot, error);
    }
    lode_record_writer_free(writer);
    return status;
}

/* Opens a volume of 1 MiB. */
static lode_status open_volume(lode_store *store, const char *name, lode_volume **volume, lode_error **error)
{
    lode_volume_options options = LODE_VOLUME_OPTIONS_INIT;
    options.total_length = 1 << 20;
    return lode_volume_open(store, name, &options, volume, error);
}

/* Commits two blocks that nobody else does: one from memory, and a streamed one that comes as its JSON. */
static lode_status commit_blocks(lode_store *store, const char *name, uint64_t number, lode_snapshot **snapshot,
                                 lode_error **error)
{
    lode_volume *volume = NULL;
    lode_volume_block *blocks[2] = {NULL, NULL}, *streamed = NULL;
    uint8_t bytes[32];
    memset(bytes, (int)number, sizeof bytes);
    size_t left = sizeof bytes;
    lode_byte_source source = LODE_BYTE_SOURCE_INIT;
    source.ctx = &left;
    source.read = give_bytes;
    lode_status status = open_volume(store, name, &volume, error);
    if (status >= 0) {
        status = lode_volume_stage_write_at(volume, 64 * number, bytes, sizeof bytes, NULL, &blocks[0], error);
    }
    if (status >= 0) {
        status = lode_volume_stage_stream_at(volume, 64 * number + 32, sizeof bytes, &source, NULL, &streamed, error);
    }
    if (status >= 0) {
        status = lode_volume_block_from_json(volume, lode_volume_block_json(streamed), &blocks[1], error);
    }
    if (status >= 0) {
        status = lode_volume_commit(volume, (const lode_volume_block *const *)blocks, 2, "{}", NULL, snapshot, error);
    }
    lode_volume_block_free(streamed);
    lode_volume_block_free(blocks[0]);
    lode_volume_block_free(blocks[1]);
    lode_volume_free(volume);
    return status;
}

/* Cleans up dataset and volume; counts what was removed of both. */
static lode_status collect(lode_store *store, lode_dataset *dataset, const char *name, uint64_t *objects, uint64_t *bytes,
                           lode_error **error)
{
    uint64_t more_objects = 0, more_bytes = 0;
    lode_volume *volume = NULL;
    lode_status status = lode_dataset_collect(dataset, NULL, NULL, NULL, NULL, objects, bytes, error);
    if (status >= 0) {
        status = open_volume(store, name, &volume, error);
    }
    if (status >= 0) {
        status = lode_volume_collect(volume, NULL, NULL, NULL, NULL, &more_objects, &more_bytes, error);
    }
    lode_volume_free(volume);
    *objects += more_objects;
    *bytes += more_bytes;
    return status;
}

/* Leaves a part and a block that nobody will commit, as a killed process does. */
static void leave(lode_store *store, lode_dataset *dataset, const char *name, const lode_record_iterator *iterator)
{
    lode_error *error = NULL;
    lode_part *part = NULL;
    lode_volume *volume = NULL;
    lode_volume_block *block = NULL;
    REQUIRE(lode_dataset_stage_records(dataset, iterator, NULL, &part, &error) >= 0, "%s", lode_error_message(error));
    REQUIRE(open_volume(store, name, &volume, &error) >= 0, "%s", lode_error_message(error));
    REQUIRE(lode_volume_stage_write_at(volume, 1 << 19, "lost", 4, NULL, &block, &error) >= 0, "%s", lode_error_message(error));
    _exit(0);
}

int main(int argc, char **argv)
{
    const char *kind = argc >= 4 ? argv[3] : "records";
    int is_blob = strcmp(kind, "blob") == 0, hive = strcmp(kind, "hive") == 0, choose = strcmp(kind, "choose") == 0;
    int columns = strcmp(kind, "columns") == 0, once = columns || strcmp(kind, "once") == 0, parts = strcmp(kind, "parts") == 0, stream = strcmp(kind, "stream") == 0;
    int blocks = strcmp(kind, "volume") == 0, clean_up = strcmp(kind, "collect") == 0, leaves = strcmp(kind, "leave") == 0;
    if (argc < 3 || argc > 5 || (choose || once || blocks) != (argc == 5) ||
        !(is_blob || hive || choose || once || parts || stream || blocks || clean_up || leaves || strcmp(kind, "records") == 0)) {
        fprintf(stderr, "usage: commit_once ROOT NAME [records|blob|hive|parts|stream|choose ID|once SEQUENCE|columns SEQUENCE|volume NUMBER|"
                        "collect|leave]\n");
        return 2;
    }
    uint64_t objects = 0, freed = 0;
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    lode_dataset_options options = jsonl_options();
    /* Those that are objects, where they are to be rows. */
    struct feed feed = feed_of(FIVE, columns ? 2 : 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    size_t left = 700000;
    lode_byte_source bytes = LODE_BYTE_SOURCE_INIT;
    bytes.ctx = &left;
    bytes.read = give_bytes;
    static const char *const keys[] = {"p"};
    static const char *const partitioned[] = {"{\"p\":\"b\"}", "{\"p\":\"a/..\"}", "{\"p\":\"b\",\"n\":1}"};
    lode_bytes records[3];
    for (size_t i = 0; i < 3; i++) {
        records[i].data = (const uint8_t *)partitioned[i];
        records[i].len = strlen(partitioned[i]);
    }
    if (hive || stream) {
        options.partition_streaming = stream;
        options.max_open_partitions = 2;
        options.layout = LODE_LAYOUT_HIVE;
        options.partition_keys = keys;
        options.partition_key_count = 1;
    } else if (is_blob) {
        options.codec = LODE_CODEC_NONE;
    } else if (columns) {
        options.codec = LODE_CODEC_PARQUET;
        options.schema_json = "{\"fields\":[{\"name\":\"id\",\"type\":\"int64\",\"nullable\":true}]}";
    }
    lode_commit_options commit;
    lode_commit_options_init(&commit, sizeof commit);
    if (once) {
        commit.producer_id = "meter";
        commit.sequence = strtoull(argv[4], NULL, 10);
        commit.position = argv[4];
    }

    syscall(SYS_getppid);
    lode_status status = lode_store_open_filesystem(argv[1], NULL, &store, &error);
    if (status >= 0) {
        status = lode_dataset_open(store, argv[2], &options, &dataset, &error);
    }
    if (status >= 0 && leaves) {
        leave(store, dataset, argv[2], &iterator);
    }
    if (status >= 0 && blocks) {
        status = commit_blocks(store, argv[2], strtoull(argv[4], NULL, 10), &snapshot, &error);
    } else if (status >= 0 && clean_up) {
        status = collect(store, dataset, argv[2], &objects, &freed, &error);
    } else if (status >= 0 && is_blob) {
        status = lode_dataset_stream_write_blob(dataset, &bytes, "{}", NULL, &snapshot, &error);
    } else if (status >= 0 && choose) {
        status = lode_dataset_adopt(dataset, argv[4], NULL, &snapshot, &error);
    } else if (status >= 0 && parts) {
        status = commit_parts(dataset, &iterator, &snapshot, &error);
    } else if (status >= 0 && stream) {
        status = commit_stream(dataset, &snapshot, &error);
    } else if (status >= 0 && hive) {
        status = lode_dataset_write_records(dataset, records, NULL, 3, "{}", NULL, &snapshot, &error);
    } else if (status >= 0) {
        status = lode_dataset_stream_write_records(dataset, &iterator, "{}", &commit, &snapshot, &error);
    }
    syscall(SYS_getppid);

    if (status >= 0 && clean_up) {
        printf("collected %" PRIu64 " %" PRIu64 "\n", objects, freed);
    } else if (status >= 0) {
        const char *how = status == LODE_COMMITTED_UNPUBLISHED ? "unpublished" : "committed";
        printf("%s %s\n", status == LODE_ALREADY_COMMITTED ? "already" : how, lode_snapshot_id(snapshot));
    } else if (status == LODE_ERR_COMMIT_UNKNOWN) {
        printf("unknown %s %s\n", lode_error_snapshot_id(error), lode_error_message(error));
    } else {
        printf("failed %s %s\n", lode_status_name(status), lode_error_message(error));
    }
    fflush(stdout);
    lode_error_free(error);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return status >= 0 ? 0 : 3;
}
