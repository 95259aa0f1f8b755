/* What is new since a snapshot, and the catalog of datasets, partitions, snapshots, manifests and objects;
 * every way in which these calls can be refused, and manifests that no writer makes. */
#include "check.h"

static lode_store *store;
static char root[256];

/* ---- Helpers ---- */

static lode_call_options limited(int64_t deadline_ms, lode_cancel_token *cancel)
{
    lode_call_options call;
    lode_call_options_init(&call, sizeof call);
    call.deadline_ms = deadline_ms;
    call.cancel = cancel;
    return call;
}

static lode_cancel_token *new_token(void)
{
    lode_cancel_token *token = NULL;
    REQUIRE(lode_cancel_token_new(&token, NULL) == LODE_OK, "no cancel token");
    return token;
}

static lode_catalog *open_catalog(int32_t layout)
{
    lode_catalog *catalog = (lode_catalog *)GARBAGE;
    lode_error *error = NULL;
    lode_catalog_options options;
    lode_catalog_options_init(&options, sizeof options);
    options.layout = layout;
    lode_status status = lode_catalog_open(store, &options, &catalog, &error);
    REQUIRE(status == LODE_OK, "cannot open a catalog: %s", lode_error_message(error));
    return catalog;
}

/* Puts an object that no writer wrote. */
static void plant(const char *key, const char *text)
{
    store_bytes(store, key, text, strlen(text));
}

static void plant_manifest(const char *dataset, const char *id, const char *files, const char *more)
{
    char key[300], text[4000];
    snprintf(key, sizeof key, "datasets/%s/snapshots/%s/manifest.json", dataset, id);
    snprintf(text, sizeof text,
             "{\"schema_name\":\"lode-manifest\",\"format_version\":\"1.0.0\",\"dataset_id\":\"%s\",\"snapshot_id\":\"%s\","
             "\"created_at\":\"2024-01-01T00:00:00Z\",\"metadata\":{},\"files\":%s,\"row_count\":0,\"compressor\":\"noop\","
             "\"partitioner\":\"noop\"%s}",
             dataset, id, files, more);
    plant(key, text);
}

/* The texts must be these, and then the end, which stays; the iterator is freed. */
static void expect_keys(const char *what, lode_string_iterator *keys, const char *const *expected, size_t count)
{
    const char *key = NULL;
    for (size_t i = 0; i < count; i++) {
        GIVES(LODE_ITEM, lode_string_iterator_next(keys, &key, error));
        CHECK(key != NULL && strcmp(key, expected[i]) == 0, "%s: %s, expected %s", what, key, expected[i]);
    }
    for (int again = 0; again < 2; again++) {
        GIVES(LODE_OK, lode_string_iterator_next(keys, &key, error));
        CHECK(key == NULL, "%s: %s at the end", what, key);
    }
    lode_string_iterator_free(keys);
}

static void expect_snapshots(const char *what, lode_snapshot_iterator *snapshots, lode_snapshot *const *expected,
                             size_t first, size_t end)
{
    lode_snapshot *snapshot = NULL;
    for (size_t i = first; i < end; i++) {
        GIVES(LODE_ITEM, lode_snapshot_iterator_next(snapshots, &snapshot, error));
        CHECK(snapshot != NULL && strcmp(lode_snapshot_manifest_json(snapshot), lode_snapshot_manifest_json(expected[i])) == 0,
              "%s: snapshot %zu is another", what, i);
        lode_snapshot_free(snapshot);
    }
    for (int again = 0; again < 2; again++) {
        GIVES(LODE_OK, lode_snapshot_iterator_next(snapshots, &snapshot, error));
        CHECK(snapshot == NULL, "%s: a snapshot at the end", what);
    }
    lode_snapshot_iterator_free(snapshots);
}

/* ---- What is new ---- */

static void changes(void)
{
    lode_dataset *dataset = open_dataset(store, "changes", NULL);
    lode_snapshot_iterator *news = (lode_snapshot_iterator *)GARBAGE;
    GIVES(LODE_OK, lode_dataset_list_changes(dataset, NULL, NULL, &news, error));
    expect_snapshots("nothing", news, NULL, 0, 0);
    REFUSED(LODE_ERR_SNAPSHOT_NOT_FOUND, "no snapshot yet",
            lode_dataset_list_changes(dataset, "1700000000000000000", NULL, &news, error));
    CHECK(news == NULL, "*snapshots was not reset");

    lode_snapshot *made[5];
    for (int i = 0; i < 5; i++) {
        made[i] = commit_records(dataset, FIVE, (size_t)i);
    }
    GIVES(LODE_OK, lode_dataset_list_changes(dataset, NULL, NULL, &news, error));
    expect_snapshots("all", news, made, 0, 5);
    for (size_t i = 0; i < 5; i++) {
        GIVES(LODE_OK, lode_dataset_list_changes(dataset, lode_snapshot_id(made[i]), NULL, &news, error));
        expect_snapshots("since", news, made, i + 1, 5);
    }
    const char *missing = "1700000000000000000-0123456789abcdef";
    lode_error *failure = NULL;
    CHECK(lode_dataset_list_changes(dataset, missing, NULL, &news, &failure) == LODE_ERR_SNAPSHOT_NOT_FOUND, "not refused");
    CHECK(strcmp(lode_error_snapshot_id(failure), missing) == 0, "it names %s", lode_error_snapshot_id(failure));
    CHECK(strstr(lode_error_message(failure), lode_snapshot_id(made[4])) != NULL, "no head: %s", lode_error_message(failure));
    lode_error_free(failure);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot id", lode_dataset_list_changes(dataset, "", NULL, &news, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot id", lode_dataset_list_changes(dataset, "../x", NULL, &news, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot_id is no valid UTF-8",
            lode_dataset_list_changes(dataset, "\xff", NULL, &news, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshots is NULL", lode_dataset_list_changes(dataset, NULL, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset", lode_dataset_list_changes(NULL, NULL, NULL, &news, error));
    for (int i = 0; i < 5; i++) {
        lode_snapshot_free(made[i]);
    }
    lode_dataset_free(dataset);
}

static void damaged_histories(void)
{
    static const struct {
        const char *dataset, *parent, *fragment;
    } bad[] = {
        {"cycle", ",\"parent_snapshot_id\":\"2\"", "does not sort below it"},
        {"above", ",\"parent_snapshot_id\":\"3\"", "does not sort below it"},
        {"missing", ",\"parent_snapshot_id\":\"1\"", "missing"},
        {"outside", ",\"parent_snapshot_id\":\"../../../../etc/passwd\"", "names a parent that cannot be one"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        plant_manifest(bad[i].dataset, "2", "[]", bad[i].parent);
        lode_dataset *dataset = open_dataset(store, bad[i].dataset, NULL);
        lode_snapshot_iterator *news = NULL;
        REFUSED(LODE_ERR_CORRUPT, bad[i].fragment, lode_dataset_list_changes(dataset, NULL, NULL, &news, error));
        lode_dataset_free(dataset);
    }
}

/* ---- Deadlines and cancelling ---- */

static void limits(void)
{
    static const char *const keys[] = {"p"};
    lode_dataset_options hive = jsonl_options();
    hive.layout = LODE_LAYOUT_HIVE;
    hive.partition_keys = keys;
    hive.partition_key_count = 1;
    lode_dataset *dataset = open_dataset(store, "limits", &hive);
    const lode_bytes records[] = {{(const uint8_t *)"{\"p\":1}", 7}, {(const uint8_t *)"{\"p\":2}", 7}};
    char key[300];
    for (int i = 0; i < 3; i++) {
        lode_snapshot *snapshot = NULL;
        GIVES(LODE_OK, lode_dataset_write_records(dataset, records, NULL, 2, "{}", NULL, &snapshot, error));
        snprintf(key, sizeof key, "datasets/limits/segments/%s/manifest.json", lode_snapshot_id(snapshot));
        lode_snapshot_free(snapshot);
    }
    lode_dataset *more = open_dataset(store, "limits2", &hive);
    GIVES(LODE_OK, lode_dataset_write_records(more, records, NULL, 2, "{}", NULL, NULL, error));
    lode_dataset_free(more);
    lode_catalog *catalog = open_catalog(LODE_LAYOUT_HIVE);

    lode_snapshot_iterator *snapshots = NULL;
    lode_string_iterator *names = NULL;
    lode_snapshot *snapshot = NULL;
    lode_blob_reader *reader = NULL;
    lode_call_options over = limited(-1, NULL);
    lode_read_options late;
    lode_read_options_init(&late, sizeof late);
    late.deadline_ms = -1;
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_dataset_list_changes(dataset, NULL, &over, &snapshots, error));
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_dataset_list_snapshots(dataset, &over, &snapshots, error));
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_catalog_list_datasets(catalog, &over, &names, error));
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_catalog_list_partitions(catalog, "limits", &over, &names, error));
    REFUSED(LODE_ERR_DEADLINE, "deadline",
            lode_catalog_list_snapshots(catalog, "limits", NULL, NULL, &over, &snapshots, error));
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_catalog_read_manifest(catalog, key, &over, &snapshot, error));
    REFUSED(LODE_ERR_DEADLINE, "deadline", lode_catalog_open_object(catalog, key, &late, &reader, error));

    /* Each of these calls reports progress, and stops when the callback says so. */
    for (int stop_at = 0; stop_at < 2; stop_at++) {
        progress_log log = {.stop_at = stop_at};
        lode_call_options heard = limited(0, NULL);
        heard.progress = log_progress;
        heard.progress_ctx = &log;
#define HEARD(call_it, free_it)                                                                                        \
    do {                                                                                                               \
        log = (progress_log){.stop_at = stop_at};                                                                      \
        if (stop_at == 0) {                                                                                            \
            GIVES(LODE_OK, call_it);                                                                                   \
            free_it;                                                                                                   \
        } else {                                                                                                       \
            REFUSED(LODE_ERR_ABORTED, "the progress callback stopped the call", call_it);                              \
        }                                                                                                              \
        CHECK(log.calls > 0, "%s: nothing was heard", #call_it);                                                       \
    } while (0)
        HEARD(lode_dataset_find_latest(dataset, &heard, &snapshot, error), lode_snapshot_free(snapshot));
        HEARD(lode_dataset_list_changes(dataset, NULL, &heard, &snapshots, error), lode_snapshot_iterator_free(snapshots));
        HEARD(lode_dataset_list_snapshots(dataset, &heard, &snapshots, error), lode_snapshot_iterator_free(snapshots));
        HEARD(lode_catalog_read_manifest(catalog, key, &heard, &snapshot, error), lode_snapshot_free(snapshot));
        HEARD(lode_store_list(store, "", &heard, &names, error), lode_string_iterator_free(names));
        HEARD(lode_store_check_conformance(store, "", &heard, error), (void)0);
        if (stop_at == 0) {
            CHECK(log.records > 100, "%" PRId64 " steps of the suite", log.records);
            log = (progress_log){0};
            GIVES(LODE_OK, lode_store_list(store, "", &heard, &names, error));
            CHECK(log.records >= 20, "%" PRId64 " keys were met", log.records);
            lode_string_iterator_free(names);
        }
#undef HEARD
    }
    progress_log log = {0};
    lode_call_options heard = limited(0, NULL);
    heard.progress = log_progress;
    heard.progress_ctx = &log;
    lode_snapshot_iterator *heard_all = NULL;
    GIVES(LODE_OK, lode_catalog_list_snapshots(catalog, "limits", NULL, NULL, &heard, &heard_all, error));
    log.stop_at = log.calls + 1;
    for (int again = 0; again < 2; again++) { /* and stays */
        REFUSED(LODE_ERR_ABORTED, "stopped the call while listing snapshots", lode_snapshot_iterator_next(heard_all, &snapshot, error));
    }
    lode_snapshot_iterator_free(heard_all);

    /* The options hold for each step, and the iterator keeps the token after the caller has freed it. */
    lode_cancel_token *token = new_token();
    lode_call_options call = limited(60000, token);
    lode_snapshot_iterator *all[3];
    lode_string_iterator *texts[2];
    GIVES(LODE_OK, lode_dataset_list_changes(dataset, NULL, &call, &all[0], error));
    GIVES(LODE_OK, lode_dataset_list_snapshots(dataset, &call, &all[1], error));
    GIVES(LODE_OK, lode_catalog_list_snapshots(catalog, "limits", NULL, NULL, &call, &all[2], error));
    GIVES(LODE_OK, lode_catalog_list_datasets(catalog, &call, &texts[0], error));
    GIVES(LODE_OK, lode_catalog_list_partitions(catalog, "limits", &call, &texts[1], error));
    lode_dataset_free(dataset);
    lode_catalog_free(catalog);
    for (int i = 0; i < 3; i++) {
        GIVES(LODE_ITEM, lode_snapshot_iterator_next(all[i], &snapshot, error));
        lode_snapshot_free(snapshot);
    }
    const char *name = NULL;
    for (int i = 0; i < 2; i++) {
        GIVES(LODE_ITEM, lode_string_iterator_next(texts[i], &name, error));
    }
    lode_cancel_token_cancel(token);
    lode_cancel_token_free(token);
    for (int i = 0; i < 3; i++) {
        REFUSED(LODE_ERR_CANCELLED, "cancelled", lode_snapshot_iterator_next(all[i], &snapshot, error));
        lode_snapshot_iterator_free(all[i]);
    }
    for (int i = 0; i < 2; i++) {
        REFUSED(LODE_ERR_CANCELLED, "cancelled", lode_string_iterator_next(texts[i], &name, error));
        CHECK(name == NULL, "*key was not reset");
        lode_string_iterator_free(texts[i]);
    }
}

/* ---- The catalog ---- */

static void datasets(void)
{
    lode_catalog *catalog = open_catalog(LODE_LAYOUT_DEFAULT);
    lode_string_iterator *names = NULL;
    GIVES(LODE_OK, lode_catalog_list_datasets(catalog, NULL, &names, error));
    expect_keys("an empty store", names, NULL, 0);

    static const char *const ids[] = {"foo", "foobar"};
    for (int i = 0; i < 2; i++) {
        lode_dataset *dataset = open_dataset(store, ids[i], NULL);
        lode_snapshot_free(commit_records(dataset, FIVE, 5));
        lode_dataset_free(dataset);
    }
    plant("datasets/data-alone/snapshots/1/data/data", "x");
    GIVES(LODE_OK, lode_catalog_list_datasets(catalog, NULL, &names, error));
    expect_keys("datasets", names, ids, 2);
    GIVES(LODE_OK, lode_catalog_list_partitions(catalog, "foo", NULL, &names, error));
    expect_keys("partitions of a layout without", names, NULL, 0);

    lode_snapshot_iterator *snapshots = NULL;
    REFUSED(LODE_ERR_NOT_FOUND, "no dataset \"data-alone\"",
            lode_catalog_list_snapshots(catalog, "data-alone", NULL, NULL, NULL, &snapshots, error));
    REFUSED(LODE_ERR_NOT_FOUND, "no dataset \"fo\"", lode_catalog_list_partitions(catalog, "fo", NULL, &names, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset id", lode_catalog_list_partitions(catalog, "a/b", NULL, &names, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset_id is NULL", lode_catalog_list_partitions(catalog, NULL, NULL, &names, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "dataset id",
            lode_catalog_list_snapshots(catalog, "..", NULL, NULL, NULL, &snapshots, error));
    lode_catalog_free(catalog);

    catalog = open_catalog(LODE_LAYOUT_FLAT);
    REFUSED(LODE_ERR_DATASETS_NOT_MODELED, "flat layout", lode_catalog_list_datasets(catalog, NULL, &names, error));
    lode_catalog_free(catalog);
    lode_catalog *none = (lode_catalog *)GARBAGE;
    lode_catalog_options wrong = LODE_CATALOG_OPTIONS_INIT;
    wrong.layout = 7;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "options.layout is 7", lode_catalog_open(store, &wrong, &none, error));
    CHECK(none == NULL, "*catalog was not reset");
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "store", lode_catalog_open(NULL, NULL, &none, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "strings", lode_string_iterator_next(NULL, NULL, error));
}

static void partitions(void)
{
    static const char *const keys[] = {"day", "region"};
    static const char *const texts[] = {"{\"day\":1,\"region\":\"eu\"}", "{\"day\":1,\"region\":\"us\"}",
                                        "{\"day\":10,\"region\":\"eu\"}"};
    static const char *const paths[] = {"day=1/region=eu", "day=1/region=us", "day=10/region=eu"};
    lode_dataset_options hive = jsonl_options();
    hive.layout = LODE_LAYOUT_HIVE;
    hive.partition_keys = keys;
    hive.partition_key_count = 2;
    lode_dataset *dataset = open_dataset(store, "parts", &hive);
    lode_snapshot *made[3];
    for (int i = 0; i < 3; i++) {
        lode_bytes record = {(const uint8_t *)texts[i], strlen(texts[i])};
        int64_t time = 100 * (i + 1);
        GIVES(LODE_OK, lode_dataset_write_records(dataset, &record, &time, 1, "{}", NULL, &made[i], error));
    }
    lode_dataset_free(dataset);

    lode_catalog *catalog = open_catalog(LODE_LAYOUT_HIVE);
    lode_string_iterator *names = NULL;
    GIVES(LODE_OK, lode_catalog_list_partitions(catalog, "parts", NULL, &names, error));
    expect_keys("partitions", names, paths, 3);
    static const struct {
        const char *prefix;
        int64_t from, to;
        size_t first, end;
    } cases[] = {
        {NULL, INT64_MIN, INT64_MAX, 0, 3}, {"", INT64_MIN, INT64_MAX, 0, 3}, {"day=1", INT64_MIN, INT64_MAX, 0, 2},
        {"day=1/region=us", INT64_MIN, INT64_MAX, 1, 2}, {"day", INT64_MIN, INT64_MAX, 0, 0},
        {NULL, 100, 200, 0, 2}, {NULL, 201, 299, 0, 0}, {"day=1", 200, 300, 1, 2},
    };
    lode_snapshot_iterator *snapshots = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int64_t range[] = {cases[i].from, cases[i].to};
        GIVES(LODE_OK, lode_catalog_list_snapshots(catalog, "parts", cases[i].prefix, range, NULL, &snapshots, error));
        expect_snapshots("filtered", snapshots, made, cases[i].first, cases[i].end);
    }
    GIVES(LODE_OK, lode_catalog_list_snapshots(catalog, "parts", NULL, NULL, NULL, &snapshots, error));
    expect_snapshots("all", snapshots, made, 0, 3);
    const int64_t backwards[] = {2, 1};
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "from 2 to 1",
            lode_catalog_list_snapshots(catalog, "parts", NULL, backwards, NULL, &snapshots, error));
    REFUSED(LODE_ERR_INVALID_PATH, "partition prefix",
            lode_catalog_list_snapshots(catalog, "parts", "../..", NULL, NULL, &snapshots, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "partition_prefix is no valid UTF-8",
            lode_catalog_list_snapshots(catalog, "parts", "\xff", NULL, NULL, &snapshots, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshots is NULL",
            lode_catalog_list_snapshots(catalog, "parts", NULL, NULL, NULL, NULL, error));

    /* One manifest, by its own key and by that of a copy. */
    char key[400];
    lode_snapshot *snapshot = NULL;
    for (int copy = 0; copy < 2; copy++) {
        snprintf(key, sizeof key, "datasets/parts/%ssegments/%s/manifest.json", copy ? "partitions/day=1/region=eu/" : "",
                 lode_snapshot_id(made[0]));
        GIVES(LODE_OK, lode_catalog_read_manifest(catalog, key, NULL, &snapshot, error));
        CHECK(strcmp(lode_snapshot_manifest_json(snapshot), lode_snapshot_manifest_json(made[0])) == 0, "%s is another", key);
        lode_snapshot_free(snapshot);
    }
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "no key of a manifest in the hive layout",
            lode_catalog_read_manifest(catalog, "datasets/parts/snapshots/1/manifest.json", NULL, &snapshot, error));
    CHECK(snapshot == NULL, "*snapshot was not reset");
    REFUSED(LODE_ERR_NOT_FOUND, "there is no manifest",
            lode_catalog_read_manifest(catalog, "datasets/parts/segments/1/manifest.json", NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_PATH, "would leave the store", lode_catalog_read_manifest(catalog, "../x", NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "key is NULL", lode_catalog_read_manifest(catalog, NULL, NULL, &snapshot, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "snapshot is NULL", lode_catalog_read_manifest(catalog, key, NULL, NULL, error));
    for (int i = 0; i < 3; i++) {
        lode_snapshot_free(made[i]);
    }
    lode_catalog_free(catalog);
}

static void hostile_manifests(void)
{
    static char nested[600];
    memset(nested, '[', 200);
    memset(nested + 200, ']', 200);
    static const struct {
        const char *dataset, *files, *more, *fragment;
    } bad[] = {
        {"h-escape", "[{\"path\":\"../../etc/passwd\",\"size_bytes\":1}]", "", "field files[0].path"},
        {"h-negative", "[{\"path\":\"datasets/h-negative/a\",\"size_bytes\":-1}]", "", "field files[0].size_bytes: it must not be negative"},
        {"h-huge", "[{\"path\":\"datasets/h-huge/a\",\"size_bytes\":9223372036854775808}]", "", "expected at most 9223372036854775807"},
        {"h-twice", "[]", ",\"row_count\":1", "field row_count: it occurs twice"},
        {"h-nested", nested, "", "field files[0]"},
    };
    lode_catalog *catalog = open_catalog(LODE_LAYOUT_DEFAULT);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char key[200];
        snprintf(key, sizeof key, "datasets/%s/snapshots/1/manifest.json", bad[i].dataset);
        plant_manifest(bad[i].dataset, "1", bad[i].files, bad[i].more);
        lode_snapshot *snapshot = NULL;
        lode_snapshot_iterator *snapshots = NULL;
        REFUSED(LODE_ERR_MANIFEST_INVALID, bad[i].fragment, lode_catalog_read_manifest(catalog, key, NULL, &snapshot, error));
        GIVES(LODE_OK, lode_catalog_list_snapshots(catalog, bad[i].dataset, NULL, NULL, NULL, &snapshots, error));
        REFUSED(LODE_ERR_MANIFEST_INVALID, bad[i].fragment, lode_snapshot_iterator_next(snapshots, &snapshot, error));
        lode_snapshot_iterator_free(snapshots);
    }
    if (on_directories("a manifest of 280 MB, a file with holes")) {
        /* Ten million files and more, longer than any manifest may be. */
        const char *key = "datasets/h-long/snapshots/1/manifest.json";
        plant(key, "");
        char path[400];
        snprintf(path, sizeof path, "%s/%s", root, key);
        REQUIRE(truncate(path, 280000000) == 0, "cannot extend %s: %s", path, strerror(errno));
        lode_snapshot *snapshot = NULL;
        REFUSED(LODE_ERR_CORRUPT, "longer than the 268435456 bytes", lode_catalog_read_manifest(catalog, key, NULL, &snapshot, error));
    }
    lode_catalog_free(catalog);
}

static void objects(void)
{
    lode_dataset *dataset = open_dataset(store, "objects", NULL);
    lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
    lode_dataset_free(dataset);
    lode_catalog *catalog = open_catalog(LODE_LAYOUT_DEFAULT);
    lode_blob_reader *reader = NULL;
    GIVES(LODE_OK, lode_catalog_open_object(catalog, lode_snapshot_file_path(snapshot, 0), NULL, &reader, error));
    char whole[100] = "";
    size_t len = 0, at = 0;
    GIVES(LODE_ITEM, lode_blob_reader_read_at(reader, 9, whole, sizeof whole, &len, error));
    CHECK(len == (size_t)lode_snapshot_file_size(snapshot, 0) - 9 && memcmp(whole, "{\"id\":2}\n", 9) == 0, "%zu bytes", len);
    lode_error *failure = NULL;
    while (lode_blob_reader_read(reader, whole + at, 4, &len, &failure) == LODE_ITEM) {
        at += len;
    }
    CHECK(failure == NULL && at == (size_t)lode_snapshot_file_size(snapshot, 0), "%zu bytes streamed", at);
    CHECK(strcmp(whole, "{\"id\":1}\n{\"id\":2}\n[3]\n\"four\"\n5\n") == 0, "other bytes: %s", whole);
    GIVES(LODE_OK, lode_blob_reader_read_at(reader, 1000, whole, 1, &len, error));
    lode_blob_reader_free(reader);
    reader = (lode_blob_reader *)GARBAGE;
    REFUSED(LODE_ERR_NOT_FOUND, "no object", lode_catalog_open_object(catalog, "datasets/objects/nothing", NULL, &reader, error));
    CHECK(reader == NULL, "*reader was not reset");
    REFUSED(LODE_ERR_INVALID_PATH, "would leave the store",
            lode_catalog_open_object(catalog, "../../etc/passwd", NULL, &reader, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "key is NULL", lode_catalog_open_object(catalog, NULL, NULL, &reader, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "reader is NULL", lode_catalog_open_object(catalog, "x", NULL, NULL, error));
    lode_snapshot_free(snapshot);
    lode_catalog_free(catalog);
}

int main(void)
{
    make_root(root);
    store = open_store(root);
    datasets();
    changes();
    damaged_histories();
    partitions();
    hostile_manifests();
    objects();
    limits();
    lode_catalog_free(NULL);
    lode_string_iterator_free(NULL);
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_catalog");
}
