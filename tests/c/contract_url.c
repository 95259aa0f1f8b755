/* Stores by their URL: what is refused before any request, and, where the library has the feature
 * object-store and S3_ENDPOINT names a server with the bucket `tests`, commits in a bucket, denied access,
 * and what a fork may do. */
#include "check.h"

#include <sys/wait.h>

static lode_status open_url(const char *url, const char *settings, lode_store **store, lode_error **error)
{
    lode_status status = lode_store_open_url(url, settings, NULL, NULL, store, error);
    CHECK(status >= 0 || *store == NULL, "a refused open of %s gave a store", url);
    return status;
}

static void refusals(void)
{
    lode_store *store = (lode_store *)GARBAGE;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "url is NULL", open_url(NULL, NULL, &store, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "store is NULL", lode_store_open_url("memory:", NULL, NULL, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "no scheme", open_url("/srv/lode", NULL, &store, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "\"ftp\" is unknown", open_url("ftp://host/x", NULL, &store, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "no setting \"region\"", open_url("memory:", "{\"region\":\"x\"}", &store, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "no JSON object", open_url("file:///", "{", &store, error));
    REFUSED(LODE_ERR_NOT_FOUND, "/no/such/place", open_url("file:///no/such/place", NULL, &store, error));
    lode_call_options over = LODE_CALL_OPTIONS_INIT;
    over.deadline_ms = -1;
    REFUSED(LODE_ERR_DEADLINE, "opening a store", lode_store_open_url("memory:", NULL, NULL, &over, &store, error));
    if (!lode_has_feature("object-store")) {
        REFUSED(LODE_ERR_UNSUPPORTED, "the feature object-store", open_url("s3://bucket/x", "{}", &store, error));
        return;
    }
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "\"access_key_id\"", open_url("s3://bucket/x", NULL, &store, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "no setting \"acount\"",
            open_url("az://c", "{\"acount\":\"x\",\"access_key\":\"y\"}", &store, error));
    REFUSED(LODE_ERR_INVALID_PATH, "prefix", open_url("gs://b/../x", "{\"credentials\":\"anonymous\"}", &store, error));
}

static void use(lode_store *store)
{
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_JSONL;
    lode_dataset *dataset = NULL;
    GIVES(LODE_OK, lode_dataset_open(store, "events", &options, &dataset, error));
    lode_record_writer *writer = NULL;
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_record_writer_append(writer, "{\"n\":1}", 7, NULL, error));
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_record_writer_free(writer);
    lode_record_reader *reader = NULL;
    lode_bytes record;
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
    GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error));
    CHECK(record.len == 7 && memcmp(record.data, "{\"n\":1}", 7) == 0, "another record");
    GIVES(LODE_OK, lode_record_reader_next(reader, &record, error));
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

static void local_stores(void)
{
    char root[256], url[300];
    make_root(root);
    snprintf(url, sizeof url, "file://%s", root);
    const char *urls[] = {url, "memory:"};
    for (size_t at = 0; at < 2; at++) {
        lode_store *store = NULL;
        GIVES(LODE_OK, open_url(urls[at], at == 0 ? NULL : "{}", &store, error));
        use(store);
        lode_store_free(store);
    }
    remove_tree(root);
}

/* Every call in a forked process is refused; the parent goes on. */
static void fork_and_use(lode_store *store)
{
    fflush(NULL);
    pid_t child = fork();
    REQUIRE(child >= 0, "fork failed");
    if (child == 0) {
        lode_buffer *buffer = NULL;
        char room[4];
        size_t len;
        checks_failed = 0;
        REFUSED(LODE_ERR_FORKED, "a store in a bucket", lode_store_get(store, "k", NULL, &buffer, error));
        REFUSED(LODE_ERR_FORKED, "a store in a bucket", lode_store_put(store, "k", "x", 1, NULL, error));
        REFUSED(LODE_ERR_FORKED, "a store in a bucket", lode_store_exists(store, "k", NULL, error));
        REFUSED(LODE_ERR_FORKED, "a store in a bucket", lode_store_read_at(store, "k", 0, room, 4, NULL, &len, error));
        REFUSED(LODE_ERR_FORKED, "a store in a bucket",
                lode_store_compare_and_swap(store, "k", NULL, 0, "x", 1, NULL, error));
        lode_store_free(store);
        _exit(checks_failed == 0 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child's checks failed");
    use(store);
}

static char pattern(size_t at)
{
    return (char)(at * 2654435761u >> 13);
}

/* A fork while a file arrives: the reader is refused in the child, and goes on in the parent. */
static void fork_while_reading(lode_store *store)
{
    const size_t len = 9 << 20;
    char *data = malloc(len), *room = malloc(len);
    REQUIRE(data != NULL && room != NULL, "no memory");
    for (size_t at = 0; at < len; at++)
        data[at] = pattern(at);
    lode_dataset *dataset = NULL;
    lode_snapshot *snapshot = NULL;
    lode_blob_reader *reader = NULL;
    GIVES(LODE_OK, lode_dataset_open(store, "blobs", NULL, &dataset, error));
    GIVES(LODE_OK, lode_dataset_write_blob(dataset, data, len, "{}", NULL, &snapshot, error));
    GIVES(LODE_OK, lode_dataset_open_blob_reader(dataset, snapshot, NULL, &reader, error));
    size_t at = 0, read = 0;
    while (at < 400000) {
        GIVES(LODE_ITEM, lode_blob_reader_read(reader, room + at, 400000 - at, &read, error));
        REQUIRE(read > 0, "nothing was read");
        at += read;
    }
    fflush(NULL);
    pid_t child = fork();
    REQUIRE(child >= 0, "fork failed");
    if (child == 0) {
        checks_failed = 0;
        REFUSED(LODE_ERR_FORKED, "forked from", lode_blob_reader_read(reader, room + at, len - at, &read, error));
        lode_blob_reader_free(reader);
        lode_snapshot_free(snapshot);
        lode_dataset_free(dataset);
        lode_store_free(store);
        _exit(checks_failed == 0 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child's checks failed");
    while (at < len) {
        GIVES(LODE_ITEM, lode_blob_reader_read(reader, room + at, len - at, &read, error));
        REQUIRE(read > 0, "nothing was read");
        at += read;
    }
    CHECK(memcmp(room, data, len) == 0, "other bytes");
    GIVES(LODE_OK, lode_blob_reader_read(reader, room, len, &read, error));
    lode_blob_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    free(data);
    free(room);
}

static void buckets(const char *endpoint)
{
    char settings[600], url[200];
    lode_store *store = NULL;
    snprintf(url, sizeof url, "s3://tests/c-%ld", (long)getpid());
    const char *form = "{\"endpoint\":\"%s\",\"allow_http\":true,\"access_key_id\":\"%s\",\"secret_access_key\":\"%s\"}";
    snprintf(settings, sizeof settings, form, endpoint, getenv("ACCESS_KEY_ID"), "a-wrong-secret");
    GIVES(LODE_OK, open_url(url, settings, &store, error));
    lode_buffer *buffer = NULL;
    REFUSED(LODE_ERR_ACCESS_DENIED, "SignatureDoesNotMatch", lode_store_get(store, "k", NULL, &buffer, error));
    lode_store_free(store);

    snprintf(settings, sizeof settings, form, endpoint, getenv("ACCESS_KEY_ID"), getenv("SECRET_ACCESS_KEY"));
    GIVES(LODE_OK, open_url(url, settings, &store, error));
    GIVES(LODE_OK, lode_store_check_conformance(store, "checked", NULL, error));
    use(store);
    fork_and_use(store);
    fork_while_reading(store);
    lode_store_free(store);
}

int main(void)
{
    refusals();
    local_stores();
    const char *endpoint = getenv("S3_ENDPOINT");
    if (endpoint != NULL) {
        REQUIRE(lode_has_feature("object-store"), "this library has no object stores");
        buckets(endpoint);
    }
    return finish("contract_url");
}
