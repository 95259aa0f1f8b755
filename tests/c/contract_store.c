/* Stores: the direct calls on their objects; and stores of callbacks: what they may lack, answer, and
 * misreport, and how commits end when they do. */
#include "memory_store.h"

static lode_status commit(lode_store *store, const lode_commit_options *options, lode_error **error)
{
    lode_dataset *dataset = open_dataset(store, "events", NULL);
    struct feed feed = feed_of(FIVE, 5);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", options, NULL, error);
    CHECK(feed.released == 1, "released %d times", feed.released);
    lode_dataset_free(dataset);
    return status;
}

static lode_call_options over(void)
{
    lode_call_options call;
    lode_call_options_init(&call, sizeof call);
    call.deadline_ms = -1;
    return call;
}

/* ---- The direct calls, on every kind of store ---- */

static void direct_calls(lode_store *store)
{
    GIVES(LODE_OK, lode_store_put(store, "mine/a", "0123456789", 10, NULL, error));
    GIVES(LODE_OK, lode_store_put(store, "mine/empty", NULL, 0, NULL, error));
    REFUSED(LODE_ERR_PATH_EXISTS, "\"mine/a\" exists already", lode_store_put(store, "mine/a", "x", 1, NULL, error));
    GIVES(LODE_OK, lode_store_exists(store, "mine/a", NULL, error));
    GIVES(LODE_NONE, lode_store_exists(store, "mine/b", NULL, error));

    GIVES(LODE_OK, lode_store_put(store, "mine/c/d", "x", 1, NULL, error));

    lode_buffer *buffer = GARBAGE;
    GIVES(LODE_OK, lode_store_get(store, "mine/a", NULL, &buffer, error));
    CHECK(lode_buffer_len(buffer) == 10 && memcmp(lode_buffer_data(buffer), "0123456789", 10) == 0, "other bytes");
    lode_buffer_free(buffer);
    GIVES(LODE_OK, lode_store_get(store, "mine/empty", NULL, &buffer, error));
    CHECK(lode_buffer_len(buffer) == 0 && lode_buffer_data(buffer) == NULL, "an empty object has bytes");
    lode_buffer_free(buffer);
    REFUSED(LODE_ERR_NOT_FOUND, "no object \"mine/b\"", lode_store_get(store, "mine/b", NULL, &buffer, error));
    CHECK(buffer == NULL, "the output is not reset");

    char room[16];
    size_t len = 99;
    GIVES(LODE_OK, lode_store_read_at(store, "mine/a", 3, room, 4, NULL, &len, error));
    CHECK(len == 4 && memcmp(room, "3456", 4) == 0, "read %zu bytes", len);
    GIVES(LODE_OK, lode_store_read_at(store, "mine/a", 8, room, sizeof room, NULL, &len, error));
    CHECK(len == 2 && memcmp(room, "89", 2) == 0, "read %zu bytes", len);
    GIVES(LODE_OK, lode_store_read_at(store, "mine/a", UINT64_MAX, room, sizeof room, NULL, &len, error));
    CHECK(len == 0, "read %zu bytes beyond the end", len);
    GIVES(LODE_OK, lode_store_read_at(store, "mine/a", 0, NULL, 0, NULL, &len, error));
    REFUSED(LODE_ERR_NOT_FOUND, "no object", lode_store_read_at(store, "mine/b", 0, room, 1, NULL, &len, error));

    GIVES(LODE_OK, lode_store_compare_and_swap(store, "swapped/p", NULL, 0, "one", 3, NULL, error));
    REFUSED(LODE_ERR_CONFLICT, "\"swapped/p\" has 3 other bytes than the 0", lode_store_compare_and_swap(store, "swapped/p", "", 0, "two", 3, NULL, error));
    GIVES(LODE_OK, lode_store_compare_and_swap(store, "swapped/p", "one", 3, "two", 3, NULL, error));
    REFUSED(LODE_ERR_CONFLICT, "read it and decide again", lode_store_compare_and_swap(store, "swapped/p", "one", 3, "two", 3, NULL, error));
    REFUSED(LODE_ERR_CONFLICT, "does not exist", lode_store_compare_and_swap(store, "swapped/q", "one", 3, "two", 3, NULL, error));

    lode_string_iterator *keys = GARBAGE;
    const char *const expected[] = {"mine/a", "mine/c/d", "mine/empty"};
    const char *key = NULL;
    GIVES(LODE_OK, lode_store_list(store, "mine", NULL, &keys, error));
    for (size_t at = 0; at < 3; at++) {
        GIVES(LODE_ITEM, lode_string_iterator_next(keys, &key, error));
        CHECK(key != NULL && strcmp(key, expected[at]) == 0, "key %zu is %s, expected %s", at, key, expected[at]);
    }
    GIVES(LODE_OK, lode_string_iterator_next(keys, &key, error));
    CHECK(key == NULL, "a key at the end: %s", key);
    lode_string_iterator_free(keys);
    GIVES(LODE_OK, lode_store_list(store, "min", NULL, &keys, error));
    GIVES(LODE_OK, lode_string_iterator_next(keys, &key, error));
    lode_string_iterator_free(keys);

    GIVES(LODE_OK, lode_store_delete(store, "mine/a", NULL, error));
    GIVES(LODE_OK, lode_store_delete(store, "mine/a", NULL, error));
    GIVES(LODE_NONE, lode_store_exists(store, "mine/a", NULL, error));
}

static void direct_misuse(lode_store *store)
{
    lode_buffer *buffer = NULL;
    lode_string_iterator *keys = NULL;
    char room[4];
    size_t len;
    static const char *const wrong[] = {"", "/a", "a//b", "../a", "a/.", "a/"};
    for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
        REFUSED(LODE_ERR_INVALID_PATH, "invalid key", lode_store_put(store, wrong[at], "x", 1, NULL, error));
        REFUSED(LODE_ERR_INVALID_PATH, "invalid key", lode_store_get(store, wrong[at], NULL, &buffer, error));
        REFUSED(LODE_ERR_INVALID_PATH, "invalid key", lode_store_read_at(store, wrong[at], 0, room, 4, NULL, &len, error));
        REFUSED(LODE_ERR_INVALID_PATH, "invalid key", lode_store_exists(store, wrong[at], NULL, error));
        REFUSED(LODE_ERR_INVALID_PATH, "invalid key", lode_store_delete(store, wrong[at], NULL, error));
        REFUSED(LODE_ERR_INVALID_PATH, "invalid key",
                lode_store_compare_and_swap(store, wrong[at], NULL, 0, "x", 1, NULL, error));
    }
    REFUSED(LODE_ERR_INVALID_PATH, "invalid key", lode_store_list(store, "a//", NULL, &keys, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "store", lode_store_put(NULL, "k", "x", 1, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "key is NULL", lode_store_put(store, NULL, "x", 1, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "key is no valid UTF-8 at byte 1", lode_store_put(store, "a\xff", "x", 1, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "data (length 1) is NULL", lode_store_put(store, "k", NULL, 1, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "buffer is NULL", lode_store_get(store, "k", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "buffer (length 4) is NULL", lode_store_read_at(store, "k", 0, NULL, 4, NULL, &len, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "len is NULL", lode_store_read_at(store, "k", 0, room, 4, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "keys is NULL", lode_store_list(store, "", NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "prefix is NULL", lode_store_list(store, NULL, NULL, &keys, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "value (length 1) is NULL",
            lode_store_compare_and_swap(store, "k", NULL, 0, NULL, 1, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "expected (length 5) is NULL",
            lode_store_compare_and_swap(store, "k", NULL, 5, "x", 1, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "strings", lode_string_iterator_next(NULL, NULL, error));
    lode_string_iterator_free(NULL);
    lode_buffer_free(NULL);
    CHECK(lode_buffer_len(NULL) == 0 && lode_buffer_data(NULL) == NULL, "no buffer has bytes");

    lode_call_options call = over();
    REFUSED(LODE_ERR_DEADLINE, "while writing an object", lode_store_put(store, "k", "x", 1, &call, error));
    REFUSED(LODE_ERR_DEADLINE, "while reading an object", lode_store_get(store, "k", &call, &buffer, error));
    REFUSED(LODE_ERR_DEADLINE, "while reading an object", lode_store_read_at(store, "k", 0, room, 4, &call, &len, error));
    REFUSED(LODE_ERR_DEADLINE, "while looking for an object", lode_store_exists(store, "k", &call, error));
    REFUSED(LODE_ERR_DEADLINE, "while listing a store", lode_store_list(store, "", &call, &keys, error));
    REFUSED(LODE_ERR_DEADLINE, "while removing an object", lode_store_delete(store, "k", &call, error));
    REFUSED(LODE_ERR_DEADLINE, "while swapping an object",
            lode_store_compare_and_swap(store, "k", NULL, 0, "x", 1, &call, error));
    lode_cancel_token *token = NULL;
    GIVES(LODE_OK, lode_cancel_token_new(&token, error));
    lode_cancel_token_cancel(token);
    call.deadline_ms = 0;
    call.cancel = token;
    REFUSED(LODE_ERR_CANCELLED, "cancelled while writing an object", lode_store_put(store, "k", "x", 1, &call, error));
    lode_cancel_token_free(token);
    GIVES(LODE_NONE, lode_store_exists(store, "k", NULL, error));

    static char large[3000000];
    progress_log log = {.stop_at = 2};
    lode_call_options heard;
    lode_call_options_init(&heard, sizeof heard);
    heard.progress = log_progress;
    heard.progress_ctx = &log;
    if (elsewhere() == NULL) {
        REFUSED(LODE_ERR_ABORTED, "the progress callback stopped the call while",
                lode_store_put(store, "k", large, sizeof large, &heard, error));
        GIVES(LODE_NONE, lode_store_exists(store, "k", NULL, error));
    } else {
        /* It is one request: done before it is stopped, or stopped in flight, and then its outcome is not
         * known. */
        lode_status status = lode_store_put(store, "stopped", large, sizeof large, &heard, NULL);
        CHECK(status == LODE_OK || status == LODE_ERR_ABORTED || status == LODE_ERR_COMMIT_UNKNOWN, "%s",
              lode_status_name(status));
    }
    log = (progress_log){0};
    GIVES(LODE_OK, lode_store_put(store, "k", large, sizeof large, &heard, error));
    CHECK(elsewhere() != NULL || (log.bytes_stored == sizeof large && log.calls >= 3), "%" PRId64 " bytes, %d calls",
          log.bytes_stored, log.calls);
    log = (progress_log){0};
    GIVES(LODE_OK, lode_store_get(store, "k", &heard, &buffer, error));
    lode_buffer_free(buffer);
    CHECK(log.bytes_in > 1000000 && log.calls >= 3, "%" PRId64 " bytes, %d calls", log.bytes_in, log.calls);
    log = (progress_log){0};
    GIVES(LODE_OK, lode_store_delete(store, "k", &heard, error));
}

static void every_kind_of_store(void)
{
    char root[256];
    make_root(root);
    lode_store *store = open_store(root);
    direct_calls(store);
    direct_misuse(store);
    lode_store_free(store);
    remove_tree(root);
    GIVES(LODE_OK, lode_store_open_memory(NULL, &store, error));
    direct_calls(store);
    direct_misuse(store);
    lode_store_free(store);
    struct memory_store memory = {0};
    store = memory_open(&memory);
    direct_calls(store);
    direct_misuse(store);
    memory_close(&memory, store);
}

/* ---- Making a store of callbacks ---- */

static void making(void)
{
    struct memory_store memory = {0};
    lode_store_callbacks callbacks = memory_callbacks(&memory);
    lode_store *store = GARBAGE;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "callbacks is NULL", lode_store_open_callbacks(NULL, NULL, &store, error));
    CHECK(store == NULL, "the output is not reset");
    callbacks.struct_size = 16;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "struct_size 16", lode_store_open_callbacks(&callbacks, NULL, &store, error));
    CHECK(memory.released == 0, "released although it could not be read");
    callbacks.struct_size = sizeof callbacks;
    callbacks.flags = 6;
    REFUSED(LODE_ERR_UNSUPPORTED, "the bits 0x6", lode_store_open_callbacks(&callbacks, NULL, &store, error));
    CHECK(memory.released == 2, "refused, and released %d times instead of 2", memory.released);
    callbacks.flags = LODE_STORE_SERIAL;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "store is NULL", lode_store_open_callbacks(&callbacks, NULL, NULL, error));
    CHECK(memory.released == 4, "refused, and released %d times instead of 4", memory.released);
    struct {
        lode_store_callbacks callbacks;
        void *later;
    } later = {callbacks, &memory};
    later.callbacks.struct_size = sizeof later;
    REFUSED(LODE_ERR_UNSUPPORTED, "does not know", lode_store_open_callbacks(&later.callbacks, NULL, &store, error));
    lode_store_options options;
    lode_store_options_init(&options, sizeof options);
    options.struct_size = 1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "options", lode_store_open_callbacks(&callbacks, &options, &store, error));
    CHECK(memory.released == 8, "refused, and released %d times instead of 8", memory.released);

    /* It is released with its last child, not with its own handle. */
    memory.released = 0;
    GIVES(LODE_OK, lode_store_open_callbacks(&callbacks, NULL, &store, error));
    lode_dataset *dataset = open_dataset(store, "events", NULL);
    lode_store_free(store);
    lode_record_writer *writer = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_record_writer_append(writer, "{}", 2, NULL, error));
    lode_dataset_free(dataset);
    CHECK(memory.released == 0, "released while a writer is open");
    lode_record_writer_free(writer);
    CHECK(memory.released == 1 && memory.uploads == 0, "released %d times, %d uploads", memory.released, memory.uploads);
    CHECK(memory.objects == NULL, "a freed writer left an object");

    /* A store that can do nothing says so. */
    lode_store_callbacks_init(&callbacks, sizeof callbacks);
    GIVES(LODE_OK, lode_store_open_callbacks(&callbacks, NULL, &store, error));
    REFUSED(LODE_ERR_UNSUPPORTED, "the callback store has no stat", lode_store_exists(store, "k", NULL, error));
    REFUSED(LODE_ERR_UNSUPPORTED, "has no put_begin, no put_write", lode_store_put(store, "k", "x", 1, NULL, error));
    lode_store_free(store);

    /* Outside of a callback, or with NULL, nothing happens. */
    lode_callback_error_set(NULL, "not heard");
    CHECK(lode_key_sink_add(NULL, "k") == LODE_ERR_INVALID_ARGUMENT, "a key without a listing");
}

static void readable_only(void)
{
    struct memory_store memory = {0};
    lode_store_callbacks callbacks = memory_callbacks(&memory);
    lode_store *store = NULL;
    GIVES(LODE_OK, lode_store_open_callbacks(&callbacks, NULL, &store, error));
    GIVES(LODE_OK, commit(store, NULL, error));
    callbacks.compare_and_swap = NULL;
    callbacks.release = NULL;
    lode_store *swapless = NULL;
    GIVES(LODE_OK, lode_store_open_callbacks(&callbacks, NULL, &swapless, error));
    REFUSED(LODE_ERR_UNSUPPORTED, "can be read, but not written to: lode_store_callbacks has no compare_and_swap",
            commit(swapless, NULL, error));
    lode_dataset *dataset = open_dataset(swapless, "events", NULL);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_dataset_find_latest(dataset, NULL, &snapshot, error));
    size_t count = 0;
    GIVES(LODE_OK, read_all(dataset, snapshot, 0, &count, error));
    CHECK(count == 5, "%zu records, expected 5", count);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_store_free(swapless);

    memory.fails = PUT_BEGIN;
    memory.code = LODE_ERR_UNSUPPORTED;
    memory.times = -1;
    lode_store *refusing = NULL;
    GIVES(LODE_OK, lode_store_open_callbacks(&callbacks, NULL, &refusing, error));
    callbacks = memory_callbacks(&memory);
    callbacks.release = NULL;
    lode_store *again = NULL;
    GIVES(LODE_OK, lode_store_open_callbacks(&callbacks, NULL, &again, error));
    REFUSED(LODE_ERR_UNSUPPORTED, "its put_begin refuses if_absent", commit(again, NULL, error));
    lode_store_free(again);
    lode_store_free(refusing);
    memory_close(&memory, store);
}

/* ---- What callbacks answer ---- */

static void failures(void)
{
    static const struct {
        enum callback callback;
        const char *name;
        int32_t code;
        lode_status status;
    } cases[] = {
        {PUT_BEGIN, "put_begin", LODE_ERR_STORE, LODE_ERR_STORE},
        {PUT_WRITE, "put_write", LODE_ERR_IO, LODE_ERR_IO},
        {PUT_WRITE, "put_write", LODE_ERR_NO_SPACE, LODE_ERR_NO_SPACE},
        {PUT_FINISH, "put_finish", LODE_ERR_NO_MEMORY, LODE_ERR_NO_MEMORY},
        {STAT, "stat", -12345, LODE_ERR_STORE},
        {LIST, "list", LODE_ERR_STORE, LODE_ERR_STORE},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        struct memory_store memory = {0};
        lode_store *store = memory_open(&memory);
        GIVES(LODE_OK, lode_store_put(store, "datasets/events/trial", "x", 1, NULL, error));
        memory.fails = cases[at].callback;
        memory.code = cases[at].code;
        memory.times = -1;
        lode_error *error = NULL;
        lode_status status = commit(store, NULL, &error);
        CHECK(lode_error_callback_code(error) == cases[at].code, "%s: the code is %d", cases[at].name,
              (int)lode_error_callback_code(error));
        CHECK(status < 0 && strstr(lode_error_message(error), "as the test wants it") != NULL, "%s: the text is lost: %s",
              cases[at].name, lode_error_message(error));
        refused_at(__FILE__, __LINE__, cases[at].name, status, error, cases[at].status, cases[at].name);
        memory.fails = NONE;
        GIVES(LODE_OK, commit(store, NULL, error));
        memory_close(&memory, store);
    }
}

static void lies(void)
{
    struct memory_store memory = {0};
    lode_store *store = memory_open(&memory);
    lode_buffer *buffer = NULL;
    lode_string_iterator *keys = NULL;
    memory_set(&memory, "k", "0123456789", 10);
    memory.boast = 1000;
    REFUSED(LODE_ERR_STORE, "read of \"k\" answered 1010 at offset 0, with room for 11 bytes",
            lode_store_get(store, "k", NULL, &buffer, error));
    memory.boast = INT64_MAX - 10;
    REFUSED(LODE_ERR_STORE, "with room for 11 bytes", lode_store_get(store, "k", NULL, &buffer, error));
    memory.boast = 0;
    static const struct {
        const char *key;
        const char *fragment;
    } wrong[] = {
        {"elsewhere/k", "does not begin with that prefix"},
        {"f/../../etc/passwd", "would leave the store"},
        {"f/a\xff", "no UTF-8"},
        {"", "does not begin"},
    };
    for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
        memory.besides = wrong[at].key;
        REFUSED(LODE_ERR_STORE, wrong[at].fragment, lode_store_list(store, "f", NULL, &keys, error));
    }
    memory.besides = NULL;
    memory.no_upload = 1;
    REFUSED(LODE_ERR_STORE, "put_begin of \"datasets/events/_commits/.probe-", commit(store, NULL, error));
    REFUSED(LODE_ERR_STORE, "gave no upload", lode_store_put(store, "k2", "x", 1, NULL, error));
    memory_close(&memory, store);
}

/* A callback that uses the store it belongs to. */
static lode_status reentered;
static lode_store *own_store;

static void use_own_store(struct memory_store *memory, enum callback callback, const char *key)
{
    (void)key;
    if (callback == STAT && own_store != NULL) {
        lode_error *error = NULL;
        reentered = lode_store_exists(own_store, "k", NULL, &error);
        CHECK(error != NULL && strstr(lode_error_message(error), "must not use its own store") != NULL, "%s",
              lode_error_message(error));
        lode_error_free(error);
        lode_store *other = memory->inside_ctx;
        GIVES(LODE_NONE, lode_store_exists(other, "k", NULL, error));
    }
}

static void reentry(void)
{
    for (uint32_t flags = 0; flags <= LODE_STORE_SERIAL; flags++) {
        struct memory_store memory = {0};
        lode_store_callbacks callbacks = memory_callbacks(&memory);
        callbacks.flags = flags;
        lode_store *other = NULL;
        GIVES(LODE_OK, lode_store_open_memory(NULL, &other, error));
        GIVES(LODE_OK, lode_store_open_callbacks(&callbacks, NULL, &own_store, error));
        memory.inside = use_own_store;
        memory.inside_ctx = other;
        reentered = 0;
        GIVES(LODE_NONE, lode_store_exists(own_store, "k", NULL, error));
        CHECK(reentered == LODE_ERR_STATE, "re-entering gave %s", lode_status_name(reentered));
        lode_store *store = own_store;
        own_store = NULL;
        memory_close(&memory, store);
        lode_store_free(other);
    }
}

/* ---- In doubt ---- */

/* The calls on an object that is not there before. */
static lode_status put_anew(lode_store *store, const char *key, lode_error **error)
{
    lode_status status = lode_store_delete(store, key, NULL, error);
    return status < 0 ? status : lode_store_put(store, key, "x", 1, NULL, error);
}

static lode_status swap_anew(lode_store *store, const char *key, lode_error **error)
{
    lode_status status = lode_store_delete(store, key, NULL, error);
    return status < 0 ? status : lode_store_compare_and_swap(store, key, NULL, 0, "x", 1, NULL, error);
}

static void in_doubt(void)
{
    for (int resolve = 0; resolve < 2; resolve++) {
        struct memory_store memory = {0};
        lode_store *store = memory_open(&memory);
        GIVES(LODE_OK, commit(store, NULL, error));
        lode_dataset_options options = jsonl_options();
        options.retry_attempts = 2;
        options.retry_base_ms = 1;
        options.retry_cap_ms = 1;
        lode_dataset *dataset = open_dataset(store, "events", &options);
        lode_record_writer *writer = NULL;
        GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
        GIVES(LODE_OK, lode_record_writer_append(writer, "{}", 2, NULL, error));
        /* The slots arrive or not: the store cannot tell; nor can it be read. */
        memory.fails = PUT_FINISH;
        memory.only = "/_commits/";
        memory.code = LODE_ERR_COMMIT_UNKNOWN;
        memory.times = -1;
        lode_error *error = NULL;
        lode_snapshot *snapshot = NULL;
        lode_status status = lode_record_writer_commit(writer, "{}", NULL, &snapshot, &error);
        REQUIRE(status == LODE_ERR_COMMIT_UNKNOWN, "gave %s", lode_status_name(status));
        CHECK(strstr(lode_error_message(error), "as the test wants it") != NULL, "%s", lode_error_message(error));
        CHECK(lode_error_action(error) == LODE_ACTION_RESOLVE, "the action is %d", (int)lode_error_action(error));
        char id[64];
        snprintf(id, sizeof id, "%s", lode_error_snapshot_id(error));
        lode_error_free(error);
        REFUSED(LODE_ERR_COMMIT_UNKNOWN, id, lode_dataset_resolve_commit(dataset, id, NULL, &snapshot, error));
        REFUSED(LODE_ERR_COMMIT_UNKNOWN, "its data are kept", lode_record_writer_abort(writer, error));
        memory.fails = NONE;
        if (resolve) {
            GIVES(LODE_NOT_COMMITTED, lode_dataset_resolve_commit(dataset, id, NULL, &snapshot, error));
        } else {
            GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
            CHECK(strcmp(lode_snapshot_id(snapshot), id) == 0, "%s was in doubt, %s is committed", id,
                  lode_snapshot_id(snapshot));
            lode_snapshot_free(snapshot);
            GIVES(LODE_OK, lode_dataset_resolve_commit(dataset, id, NULL, &snapshot, error));
            lode_snapshot_free(snapshot);
        }
        lode_record_writer_free(writer);
        lode_dataset_free(dataset);
        memory_close(&memory, store);
    }

    /* An answer that is lost after the store did its work: the read-back finds the commit, once. */
    struct memory_store memory = {0};
    lode_store *store = memory_open(&memory);
    GIVES(LODE_OK, commit(store, NULL, error));
    memory.loses = PUT_FINISH;
    memory.only = "/_commits/";
    memory.code = LODE_ERR_COMMIT_UNKNOWN;
    memory.times = 1;
    GIVES(LODE_OK, commit(store, NULL, error));
    memory.loses = SWAP;
    memory.only = NULL;
    memory.times = 1;
    GIVES(LODE_OK, commit(store, NULL, error));
    /* The pointer cannot be moved: committed all the same. */
    memory.fails = SWAP;
    memory.code = LODE_ERR_STORE;
    memory.times = -1;
    GIVES(LODE_COMMITTED_UNPUBLISHED, commit(store, NULL, error));
    memory.fails = NONE;
    memory.loses = NONE;
    GIVES(LODE_OK, commit(store, NULL, error));
    /* What the store cannot say of an object of one's own, the call does not say either. */
    memory.loses = PUT_FINISH;
    memory.code = LODE_ERR_UNKNOWN;
    memory.times = -1;
    REFUSED(LODE_ERR_COMMIT_UNKNOWN, "it is unknown whether \"lost\"",
            put_anew(store, "lost", error));
    memory.loses = SWAP;
    REFUSED(LODE_ERR_COMMIT_UNKNOWN, "it is unknown whether \"pointer\"",
            swap_anew(store, "pointer", error));
    memory.loses = NONE;
    memory.fails = SWAP;
    memory.code = LODE_ERR_BUSY;
    REFUSED(LODE_ERR_BUSY, "compare_and_swap", lode_store_compare_and_swap(store, "pointer", NULL, 0, "x", 1, NULL, error));
    memory_close(&memory, store);
}

/* ---- Between two callbacks ---- */

static lode_cancel_token *token;
static int cancel_at;

static void cancel_at_call(struct memory_store *memory, enum callback callback, const char *key)
{
    (void)callback;
    (void)key;
    if (memory->calls == cancel_at) {
        lode_cancel_token_cancel(token);
    }
}

/* Cancelled in each callback of a commit, one after another: the call makes no other, and reports the
 * outcome. */
static void between_two_callbacks(void)
{
    int refused = 0, unpublished = 0;
    for (cancel_at = 1;; cancel_at++) {
        struct memory_store memory = {0};
        lode_store *store = memory_open(&memory);
        memory.inside = cancel_at_call;
        GIVES(LODE_OK, lode_cancel_token_new(&token, error));
        lode_commit_options options;
        lode_commit_options_init(&options, sizeof options);
        options.cancel = token;
        lode_error *error = NULL;
        lode_status status = commit(store, &options, &error);
        int made = memory.calls;
        memory.inside = NULL;
        lode_cancel_token_free(token);
        if (made < cancel_at) {
            CHECK(status == LODE_OK, "not cancelled, and gave %s", lode_status_name(status));
            memory_close(&memory, store);
            break;
        }
        /* Clean-up of what was begun does not wait. */
        if (status == LODE_ERR_CANCELLED) {
            refused++;
            CHECK(unpublished == 0, "cancelled after it was committed");
        } else if (status == LODE_COMMITTED_UNPUBLISHED) {
            unpublished++;
        } else {
            CHECK(status == LODE_OK && made == cancel_at, "cancelled in callback %d of %d: gave %s: %s", cancel_at, made,
                  lode_status_name(status), status < 0 ? lode_error_message(error) : "-");
        }
        lode_error_free(error);
        CHECK(memory.uploads == 0, "%d uploads are open", memory.uploads);
        for (const struct object *object = memory.objects; object != NULL; object = object->next) {
            CHECK(strstr(object->key, ".probe-") == NULL, "cancelled in callback %d: %s is left", cancel_at, object->key);
        }
        GIVES(LODE_OK, commit(store, NULL, error));
        memory_close(&memory, store);
    }
    CHECK(refused > 20 && unpublished > 2, "%d refused, %d unpublished", refused, unpublished);
}

int main(void)
{
    every_kind_of_store();
    making();
    readable_only();
    failures();
    lies();
    reentry();
    in_doubt();
    between_two_callbacks();
    return finish("contract_store");
}
