/* Reading: what an undamaged snapshot says of itself, every kind of damage to a data file or manifest with
 * its message, options that this build cannot serve, dataset ids that are none. */
#include "check.h"

static lode_store *store;
/* ---- Damage to the data ---- */

enum damage { FLIP, TRUNCATE, EXTEND, EMPTY };

static void damage_file(const char *key, enum damage damage)
{
    size_t len;
    char *data = stored(store, key, &len);
    switch (damage) {
    case FLIP:
        data[len / 2] ^= 1;
        break;
    case TRUNCATE:
        len--;
        break;
    case EXTEND:
        data[len++] = '\n';
        break;
    case EMPTY:
        len = 0;
        break;
    }
    store_bytes(store, key, data, len);
    free(data);
}

static void damaged(const lode_dataset_options *options, const char *id)
{
    static const char *const names[] = {"flipped", "truncated", "extended", "emptied"};
    for (int damage = FLIP; damage <= EMPTY; damage++) {
        for (int32_t verify = 0; verify <= 2; verify++) {
            lode_dataset *dataset = open_dataset(store, id, options);
            lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
            damage_file(lode_snapshot_file_path(snapshot, 0), (enum damage)damage);
            size_t count = 0;
            lode_error *error = NULL;
            lode_status status = read_all(dataset, snapshot, verify, &count, &error);
            if (damage == FLIP && verify == 2 && options->compressor != LODE_COMPRESSOR_GZIP) {
                /* Only the decompressor would notice, and it may accept other bytes. */
                CHECK(status == LODE_OK || (status == LODE_ERR_CORRUPT && options->compressor == LODE_COMPRESSOR_ZSTD),
                      "%s, sizes only: %s after %zu records", id, lode_status_name(status), count);
                lode_error_free(error);
            } else {
                CHECK(status == LODE_ERR_CORRUPT, "%s, %s, verify %d: %s after %zu records", id, names[damage], (int)verify,
                      lode_status_name(status), count);
                if (status < 0) {
                    const char *message = lode_error_message(error);
                    CHECK(lode_error_path(error) != NULL &&
                              strcmp(lode_error_path(error), lode_snapshot_file_path(snapshot, 0)) == 0,
                          "%s, %s, verify %d: the path is %s", id, names[damage], (int)verify, lode_error_path(error));
                    CHECK(strstr(message, lode_snapshot_file_path(snapshot, 0)) != NULL,
                          "%s, %s, verify %d: the message does not name the path: %s", id, names[damage], (int)verify, message);
                    if (options->compressor == LODE_COMPRESSOR_NONE || damage != FLIP || verify == 1) {
                        CHECK(strstr(message, "expected") != NULL && strpbrk(message, "0123456789") != NULL,
                              "%s, %s, verify %d: what was expected and found? %s", id, names[damage], (int)verify, message);
                    }
                    lode_error_free(error);
                }
                if (verify == 1) {
                    CHECK(count == 0, "%s, %s: %zu records before the whole file was checked", id, names[damage], count);
                }
            }
            lode_snapshot_free(snapshot);
            lode_dataset_free(dataset);
        }
    }
}

static void missing_data(void)
{
    lode_dataset *dataset = open_dataset(store, "missing-data", NULL);
    lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
    remove_stored(store, lode_snapshot_file_path(snapshot, 0));
    size_t count = 0;
    lode_error *error = NULL;
    lode_status status = read_all(dataset, snapshot, 0, &count, &error);
    CHECK(status == LODE_ERR_CORRUPT || status == LODE_ERR_NOT_FOUND, "a missing data file: %s", lode_status_name(status));
    if (status < 0) {
        CHECK(lode_error_path(error) != NULL && strcmp(lode_error_path(error), lode_snapshot_file_path(snapshot, 0)) == 0,
              "a missing data file: the path is %s", lode_error_path(error));
        lode_error_free(error);
    }
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* ---- Damage to the manifest ---- */

/* Replaces `old` by `new` in the manifest of a fresh snapshot, and reads it through a fresh handle. */
static lode_status with_manifest(const char *id, const char *old, const char *replacement, int read_records, lode_error **error)
{
    lode_dataset *dataset = open_dataset(store, id, NULL);
    lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
    lode_dataset_free(dataset);
    char path[512];
    snprintf(path, sizeof path, "datasets/%s/snapshots/%s/manifest.json", id, lode_snapshot_id(snapshot));
    size_t len;
    char *manifest = stored(store, path, &len);
    CHECK(strcmp(manifest, lode_snapshot_manifest_json(snapshot)) == 0, "the manifest's JSON is not the stored manifest");
    char *at = old[0] == '\0' ? manifest + len : strstr(manifest, old);
    REQUIRE(at != NULL, "the manifest has no %s: %s", old, manifest);
    char *changed = (char *)calloc(1, len + 200);
    snprintf(changed, len + 200, "%.*s%s%s", (int)(at - manifest), manifest, replacement, at + strlen(old));
    store_bytes(store, path, changed, strlen(changed));
    free(changed);
    free(manifest);

    dataset = open_dataset(store, id, NULL);
    lode_snapshot *found = NULL;
    lode_status status = lode_dataset_find_latest(dataset, NULL, &found, error);
    if (status >= 0 && read_records) {
        size_t count = 0;
        status = read_all(dataset, found, 0, &count, error);
    }
    lode_snapshot_free(found);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    return status;
}

static void manifests(void)
{
    static const struct {
        const char *id, *old, *replacement, *fragment;
    } invalid[] = {
        {"m-schema", "\"schema_name\": \"lode-manifest\"", "\"schema_name\": \"\"", "schema_name"},
        {"m-version", "\"format_version\": \"1.0.0\"", "\"format_version\": \"2.0.0\"", "format_version"},
        {"m-dataset", "\"dataset_id\": \"m-dataset\"", "\"dataset_id\": \"another\"", "dataset_id"},
        {"m-created", "\"created_at\"", "\"created_on\"", "created_at"},
        {"m-metadata", "\"metadata\": {}", "\"metadata\": null", "metadata"},
        {"m-files", "\"files\"", "\"fules\"", "files"},
        {"m-rows", "\"row_count\": 5", "\"row_count\": -5", "row_count"},
        {"m-trailing", "", " {}", "manifest"},
        {"m-escape", "\"path\": \"datasets", "\"path\": \"../datasets", "path"},
    };
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        lode_error *error = NULL;
        lode_status status = with_manifest(invalid[i].id, invalid[i].old, invalid[i].replacement, 0, &error);
        refused_at(__FILE__, __LINE__, invalid[i].replacement, status, error, LODE_ERR_MANIFEST_INVALID, invalid[i].fragment);
    }

    /* The data are as the manifest says, but for the number of records. */
    lode_error *error = NULL;
    lode_status status = with_manifest("m-count", "\"row_count\": 5", "\"row_count\": 6", 1, &error);
    refused_at(__FILE__, __LINE__, "six records promised", status, error, LODE_ERR_CORRUPT, "6 records");
}

/* ---- An undamaged snapshot ---- */

static void accessors(void)
{
    lode_dataset *dataset = open_dataset(store, "accessors", NULL);
    lode_snapshot *nothing = (lode_snapshot *)GARBAGE;
    REFUSED(LODE_ERR_NO_SNAPSHOTS, "accessors", lode_dataset_find_latest(dataset, NULL, &nothing, error));
    CHECK(nothing == NULL, "*snapshot was not reset");
    REFUSED(LODE_ERR_SNAPSHOT_NOT_FOUND, "1700000000000000000",
            lode_dataset_find_snapshot(dataset, "1700000000000000000-0123456789abcdef", NULL, &nothing, error));

    lode_snapshot *first = commit_records(dataset, FIVE, 5);
    lode_snapshot *second = commit_records(dataset, FIVE, 2);
    CHECK(strlen(lode_snapshot_id(first)) == 36, "the id %s", lode_snapshot_id(first));
    CHECK(strcmp(lode_snapshot_dataset_id(first), "accessors") == 0, "dataset id %s", lode_snapshot_dataset_id(first));
    CHECK(lode_snapshot_created_at(first) > 1700000000000000000, "created at %" PRId64, lode_snapshot_created_at(first));
    CHECK(lode_snapshot_created_at(first) < lode_snapshot_created_at(second), "the second was created before the first");
    CHECK(strcmp(lode_snapshot_codec(first), "jsonl") == 0, "codec %s", lode_snapshot_codec(first));
    CHECK(strcmp(lode_snapshot_compressor(first), "noop") == 0, "compressor %s", lode_snapshot_compressor(first));
    CHECK(strcmp(lode_snapshot_metadata_json(first), "{}") == 0, "metadata %s", lode_snapshot_metadata_json(first));
    CHECK(lode_snapshot_min_timestamp(first) == LODE_NO_TIMESTAMP && lode_snapshot_max_timestamp(first) == LODE_NO_TIMESTAMP,
          "timestamps that no record had");
    CHECK(lode_snapshot_file_count(first) == 1, "%zu files", lode_snapshot_file_count(first));
    CHECK(lode_snapshot_file_row_count(first, 0) == 5, "file row count %" PRId64,
          lode_snapshot_file_row_count(first, 0));
    CHECK(strlen(lode_snapshot_file_checksum(first, 0)) == 16, "xxh3 %s", lode_snapshot_file_checksum(first, 0));
    char path[400];
    snprintf(path, sizeof path, "datasets/accessors/snapshots/%s/data/data", lode_snapshot_id(first));
    CHECK(strcmp(lode_snapshot_file_path(first, 0), path) == 0, "path %s, expected %s", lode_snapshot_file_path(first, 0), path);
    const char *location = lode_snapshot_file_location(first, 0);
    if (on_directories("where a data file is, and its mode")) {
        struct stat info;
        CHECK(location[0] == '/' && stat(location, &info) == 0 && info.st_size == lode_snapshot_file_size(first, 0),
              "location %s is not the file", location);
        mode_t mask = umask(0);
        umask(mask);
        CHECK((info.st_mode & 0777) == (0666 & ~mask), "the data file's mode is %o under umask %o", info.st_mode & 0777, mask);
    } else {
        CHECK(location == NULL, "an object in a bucket has the location %s", location);
    }
    CHECK(lode_snapshot_file_path(first, 1) == NULL && lode_snapshot_file_location(first, 1) == NULL &&
              lode_snapshot_file_checksum(first, SIZE_MAX) == NULL && lode_snapshot_file_size(first, 1) == -1 &&
              lode_snapshot_file_row_count(first, 1) == -1,
          "accessors beyond the last file");

    lode_snapshot *found = NULL;
    GIVES(LODE_OK, lode_dataset_find_snapshot(dataset, lode_snapshot_id(first), NULL, &found, error));
    CHECK(strcmp(lode_snapshot_manifest_json(found), lode_snapshot_manifest_json(first)) == 0, "another manifest");
    lode_snapshot_free(found);

    /* All in order, the head fixed at the call. */
    lode_snapshot_iterator *snapshots = NULL;
    GIVES(LODE_OK, lode_dataset_list_snapshots(dataset, NULL, &snapshots, error));
    lode_snapshot *third = commit_records(dataset, FIVE, 1);
    const char *expected[] = {lode_snapshot_id(first), lode_snapshot_id(second)};
    for (size_t i = 0; i < 2; i++) {
        GIVES(LODE_ITEM, lode_snapshot_iterator_next(snapshots, &found, error));
        CHECK(strcmp(lode_snapshot_id(found), expected[i]) == 0, "snapshot %zu is %s", i, lode_snapshot_id(found));
        lode_snapshot_free(found);
    }
    GIVES(LODE_OK, lode_snapshot_iterator_next(snapshots, &found, error));
    CHECK(found == NULL, "the end with a snapshot");
    GIVES(LODE_OK, lode_snapshot_iterator_next(snapshots, &found, error));
    lode_snapshot_iterator_free(snapshots);

    /* Batches: no longer than asked, all records in order; the end stays. */
    lode_record_reader *reader = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, first, NULL, &reader, error));
    size_t total = 0;
    lode_bytes records[2];
    size_t count = 99;
    lode_error *error = NULL;
    lode_status status;
    while ((status = lode_record_reader_next_batch(reader, records, 2, &count, &error)) == LODE_ITEM) {
        REQUIRE(count >= 1 && count <= 2, "a batch of %zu, asked for 2", count);
        for (size_t i = 0; i < count; i++, total++) {
            CHECK(records[i].len == strlen(FIVE[total]) && memcmp(records[i].data, FIVE[total], records[i].len) == 0,
                  "record %zu is %.*s", total, (int)records[i].len, (const char *)records[i].data);
        }
    }
    CHECK(status == LODE_OK && total == 5 && count == 0, "ended with %s after %zu records, count %zu",
          lode_status_name(status), total, count);
    GIVES(LODE_OK, lode_record_reader_next_batch(reader, records, 2, &count, error));
    lode_record_reader_free(reader);

    lode_snapshot_free(first);
    lode_snapshot_free(second);
    lode_snapshot_free(third);
    lode_dataset_free(dataset);
}

/* ---- Every compressor and checksum ---- */

static void combinations(void)
{
    static const char *const suffixes[] = {"data/data", "data/data.gz", "data/data.zst"};
    static const char *const compressors[] = {"noop", "gzip", "zstd"};
    static const size_t digits[] = {16, 0, 32, 64};
    for (int32_t compressor = LODE_COMPRESSOR_NONE; compressor <= LODE_COMPRESSOR_ZSTD; compressor++) {
        for (int32_t checksum = LODE_CHECKSUM_XXH3; checksum <= LODE_CHECKSUM_SHA256; checksum++) {
            char id[64];
            snprintf(id, sizeof id, "c%d-s%d", (int)compressor, (int)checksum);
            lode_dataset_options options = jsonl_options();
            options.compressor = compressor;
            options.checksum = checksum;
            lode_dataset *dataset = open_dataset(store, id, &options);
            lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
            const char *path = lode_snapshot_file_path(snapshot, 0);
            const char *sum = lode_snapshot_file_checksum(snapshot, 0);
            CHECK(strcmp(lode_snapshot_compressor(snapshot), compressors[compressor]) == 0, "%s: compressor %s", id,
                  lode_snapshot_compressor(snapshot));
            CHECK(strcmp(path + strlen(path) - strlen(suffixes[compressor]), suffixes[compressor]) == 0, "%s: path %s", id, path);
            CHECK((sum == NULL ? 0 : strlen(sum)) == digits[checksum], "%s: checksum %s", id, sum);
            lode_dataset_free(dataset);

            /* What is read follows the manifest, not the options of the handle that reads. */
            dataset = open_dataset(store, id, NULL);
            size_t count = 0;
            GIVES(LODE_OK, read_all(dataset, snapshot, 0, &count, error));
            CHECK(count == 5, "%s: read %zu records", id, count);
            lode_snapshot_free(snapshot);
            lode_dataset_free(dataset);
            if (checksum != LODE_CHECKSUM_NONE) {
                strcat(id, "-damaged");
                damaged(&options, id);
            }
        }
    }
}

/* ---- What a dataset cannot be ---- */

static void refused_options(void)
{
    static const struct {
        int32_t codec, compressor, level, checksum, layout, durability;
        lode_status want;
        const char *fragment;
    } options[] = {
        {LODE_CODEC_PARQUET, 0, 0, 0, 0, 0, LODE_ERR_UNSUPPORTED, "parquet"},
        {99, 0, 0, 0, 0, 0, LODE_ERR_INVALID_ARGUMENT, "codec"},
        {-1, 0, 0, 0, 0, 0, LODE_ERR_INVALID_ARGUMENT, "codec"},
        {LODE_CODEC_JSONL, 7, 0, 0, 0, 0, LODE_ERR_INVALID_ARGUMENT, "compressor"},
        {LODE_CODEC_JSONL, LODE_COMPRESSOR_GZIP, 99, 0, 0, 0, LODE_ERR_INVALID_ARGUMENT, "level"},
        {LODE_CODEC_JSONL, LODE_COMPRESSOR_ZSTD, 999, 0, 0, 0, LODE_ERR_INVALID_ARGUMENT, "level"},
        {LODE_CODEC_JSONL, 0, 0, 9, 0, 0, LODE_ERR_INVALID_ARGUMENT, "checksum"},
        {LODE_CODEC_JSONL, 0, 0, 0, LODE_LAYOUT_HIVE, 0, LODE_ERR_INVALID_ARGUMENT, "at least one key"},
        {LODE_CODEC_JSONL, 0, 0, 0, 5, 0, LODE_ERR_INVALID_ARGUMENT, "layout"},
        {LODE_CODEC_JSONL, 0, 0, 0, 0, 3, LODE_ERR_INVALID_ARGUMENT, "durability"},
    };
    lode_dataset *dataset = NULL;
    /* The first of them is none where the library has the codec. */
    for (size_t i = lode_has_feature("parquet") != 0; i < sizeof options / sizeof options[0]; i++) {
        lode_dataset_options wanted = jsonl_options();
        wanted.codec = options[i].codec;
        wanted.compressor = options[i].compressor;
        wanted.compression_level = options[i].level;
        wanted.checksum = options[i].checksum;
        wanted.layout = options[i].layout;
        wanted.durability = options[i].durability;
        REFUSED(options[i].want, options[i].fragment, lode_dataset_open(store, "options", &wanted, &dataset, error));
        CHECK(dataset == NULL, "a refused dataset was given");
    }

    char long_id[257];
    memset(long_id, 'x', sizeof long_id);
    long_id[256] = '\0';
    const char *ids[] = {"", "a/b", "/", ".", "..", "tab\tid", "\x7f", long_id, "bad\xff"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        lode_dataset_options wanted = jsonl_options();
        REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_open(store, ids[i], &wanted, &dataset, error));
    }
    long_id[255] = '\0';
    lode_dataset_options wanted = jsonl_options();
    GIVES(LODE_OK, lode_dataset_open(store, long_id, &wanted, &dataset, error));
    lode_dataset_free(dataset);
}

int main(void)
{
    char root[256];
    make_root(root);
    store = open_store(root);
    accessors();
    combinations();
    missing_data();
    manifests();
    refused_options();
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_read");
}
