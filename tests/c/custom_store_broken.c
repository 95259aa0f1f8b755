/* lode_store_check_conformance tells a store that keeps the rules from one that breaks them, names the rule,
 * and leaves nothing behind; and a dataset refuses to write where the conditions are not kept. */
#include "memory_store.h"

static lode_status verify(lode_store *store, lode_error **error)
{
    return lode_store_check_conformance(store, "trial/below", NULL, error);
}

static lode_status write_one(lode_store *store, lode_error **error)
{
    lode_dataset *dataset = open_dataset(store, "events", NULL);
    struct feed feed = feed_of(FIVE, 1);
    lode_record_iterator iterator = feed_iterator(&feed);
    lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, NULL, error);
    lode_dataset_free(dataset);
    return status;
}

static void whole(void)
{
    struct memory_store memory = {0};
    lode_store *store = memory_open(&memory);
    memory_set(&memory, "trial/mine", "x", 1);
    GIVES(LODE_OK, verify(store, error));
    GIVES(LODE_OK, lode_store_check_conformance(store, "", NULL, error));
    CHECK(memory_count(&memory) == 1, "%zu objects are left, expected the one that was there", memory_count(&memory));
    GIVES(LODE_OK, write_one(store, error));
    memory_close(&memory, store);

    char root[256];
    make_root(root);
    lode_store *disk = open_store(root);
    GIVES(LODE_OK, verify(disk, error));
    lode_store_free(disk);
    remove_tree(root);
}

/* The rule that is broken, as the suite names it; and what writing says, NULL: it cannot notice. */
static void broken(struct memory_store memory, const char *rule, const char *found, const char *writing)
{
    lode_store *store = memory_open(&memory);
    REFUSED(LODE_ERR_STORE, rule, verify(store, error));
    REFUSED(LODE_ERR_STORE, found, verify(store, error));
    CHECK(memory_count(&memory) == 0, "%s: the suite left %zu objects", rule, memory_count(&memory));
    if (writing != NULL) {
        REFUSED(LODE_ERR_UNSUPPORTED, writing, write_one(store, error));
    }
    memory_close(&memory, store);
}

static void each_broken_one(void)
{
    broken((struct memory_store){.overwrites = 1}, "a put never replaces an object", "a second put of it answered success",
           "ignores if_absent");
    broken((struct memory_store){.ignores_expected = 1}, "a swap happens only if the object has the expected bytes",
           "must be refused, but it answered success", "ignores the expected value");
    broken((struct memory_store){.lists_stale = 1}, "a listing has every object below its prefix at once", "lacks", NULL);
    broken((struct memory_store){.loses_a_byte = 1}, "an object whose put answered success is there", "has a size of 7, expected 8",
           "other bytes than those");
    broken((struct memory_store){.stores_nothing = 1}, "an object whose put answered success is there", "but it is absent",
           NULL);
    broken((struct memory_store){.truncates = 1}, "a read at an offset gives the object's bytes", "ends at byte 300006", NULL);
}

/* A store that takes everything and keeps nothing lets no commit pass, either. */
static void nothing_kept(void)
{
    struct memory_store memory = {.stores_nothing = 1};
    lode_store *store = memory_open(&memory);
    REFUSED(LODE_ERR_UNSUPPORTED, "its put ignores if_absent", write_one(store, error));
    memory_close(&memory, store);
}

static void refused_arguments(void)
{
    struct memory_store memory = {0};
    lode_store_callbacks callbacks = memory_callbacks(&memory);
    callbacks.remove = NULL;
    lode_store *store = NULL;
    GIVES(LODE_OK, lode_store_open_callbacks(&callbacks, NULL, &store, error));
    REFUSED(LODE_ERR_UNSUPPORTED, "the callback store has no remove", verify(store, error));
    CHECK(memory_count(&memory) == 0, "the suite left %zu objects", memory_count(&memory));
    REFUSED(LODE_ERR_INVALID_PATH, "'..'", lode_store_check_conformance(store, "../x", NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "prefix is NULL", lode_store_check_conformance(store, NULL, NULL, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "store", lode_store_check_conformance(NULL, "", NULL, error));
    lode_call_options call;
    lode_call_options_init(&call, sizeof call);
    call.deadline_ms = -1;
    REFUSED(LODE_ERR_DEADLINE, "deadline passed while verifying a store", lode_store_check_conformance(store, "", &call, error));
    memory_close(&memory, store);
}

int main(void)
{
    whole();
    each_broken_one();
    nothing_kept();
    refused_arguments();
    return finish("custom_store_broken");
}
