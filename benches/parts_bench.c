/* How many requests a commit of parts makes, beside an ordinary commit, on a store that counts them.

     parts_bench PARTS BETWEEN

   Prints one JSON object on a line: for each of four commits the requests by kind. "ordinary" and "parts": no
   other handle has committed since this one's last commit; with "_after": another handle has committed BETWEEN
   snapshots, after the parts were staged. */
#include "../tests/c/memory_store.h"

static const char *const KINDS[] = {"", "", "", "puts", "stats", "reads", "lists", "removes", "swaps"};

struct counted {
    struct memory_store memory;
    long counts[SWAP + 1];
    enum callback last;
    char key[256]; /* what the last callback was for */
};

/* To read an object takes a store of callbacks its size first, and perhaps several reads: one read here. */
static void count(struct memory_store *memory, enum callback callback, const char *key)
{
    struct counted *counted = memory->inside_ctx;
    int is_same = strcmp(counted->key, key) == 0;
    if (callback == READ && is_same && counted->last == STAT) {
        counted->counts[STAT]--;
    }
    if (callback != READ || !is_same || counted->last != READ) {
        counted->counts[callback]++;
    }
    counted->last = callback;
    snprintf(counted->key, sizeof counted->key, "%s", key);
}

static void begin(struct counted *counted)
{
    memset(counted->counts, 0, sizeof counted->counts);
    counted->last = NONE;
}

static void print(const struct counted *counted, const char *name, const char *before)
{
    printf("%s\"%s\":{", before, name);
    for (int kind = PUT_FINISH; kind <= SWAP; kind++) {
        printf("%s\"%s\":%ld", kind == PUT_FINISH ? "" : ",", KINDS[kind], counted->counts[kind]);
    }
    printf("}");
}

static void commit_record(lode_dataset *dataset)
{
    lode_bytes record = {(const uint8_t *)"{}", 2};
    lode_error *error = NULL;
    lode_status status = lode_dataset_write_records(dataset, &record, NULL, 1, "{}", NULL, NULL, &error);
    REQUIRE(status == LODE_OK, "a commit: %s", status < 0 ? lode_error_message(error) : lode_status_name(status));
}

static lode_part *stage_record(lode_dataset *dataset)
{
    lode_record_writer *writer = NULL;
    lode_part *part = NULL;
    lode_error *error = NULL;
    lode_status status = lode_dataset_open_record_writer(dataset, NULL, &writer, &error);
    if (status >= 0) status = lode_record_writer_append(writer, "{}", 2, NULL, &error);
    if (status >= 0) status = lode_record_writer_stage(writer, NULL, &part, &error);
    REQUIRE(status == LODE_OK, "staging: %s", status < 0 ? lode_error_message(error) : lode_status_name(status));
    lode_record_writer_free(writer);
    return part;
}

static void commit_parts(lode_dataset *dataset, lode_part **parts, size_t count)
{
    lode_error *error = NULL;
    lode_status status =
        lode_dataset_commit_parts(dataset, (const lode_part *const *)parts, count, "{}", NULL, NULL, &error);
    REQUIRE(status == LODE_OK, "parts: %s", status < 0 ? lode_error_message(error) : lode_status_name(status));
    for (size_t i = 0; i < count; i++) {
        lode_part_free(parts[i]);
    }
}

static lode_dataset *open_jsonl(lode_store *store)
{
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_JSONL;
    lode_dataset *dataset = NULL;
    lode_error *error = NULL;
    lode_status status = lode_dataset_open(store, "bench", &options, &dataset, &error);
    REQUIRE(status == LODE_OK, "open: %s", status < 0 ? lode_error_message(error) : lode_status_name(status));
    return dataset;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: parts_bench PARTS BETWEEN\n");
        return 2;
    }
    size_t count_of_parts = strtoul(argv[1], NULL, 10);
    int between = atoi(argv[2]);
    lode_part **parts = malloc(count_of_parts * sizeof(lode_part *));
    REQUIRE(parts != NULL, "no memory");
    struct counted counted = {0};
    lode_store *store = memory_open(&counted.memory);
    counted.memory.inside_ctx = &counted;
    counted.memory.inside = count;
    lode_dataset *dataset = open_jsonl(store), *others = open_jsonl(store);
    for (int i = 0; i < 3; i++) {
        commit_record(dataset);
    }
    begin(&counted);
    commit_record(dataset);
    print(&counted, "ordinary", "{");
    for (size_t i = 0; i < count_of_parts; i++) {
        parts[i] = stage_record(others);
    }
    begin(&counted);
    commit_parts(dataset, parts, count_of_parts);
    print(&counted, "parts", ",");

    for (int i = 0; i < between; i++) {
        commit_record(others);
    }
    begin(&counted);
    commit_record(dataset);
    print(&counted, "ordinary_after", ",");
    for (size_t i = 0; i < count_of_parts; i++) {
        parts[i] = stage_record(others);
    }
    for (int i = 0; i < between; i++) {
        commit_record(others);
    }
    begin(&counted);
    commit_parts(dataset, parts, count_of_parts);
    print(&counted, "parts_after", ",");
    printf("}\n");

    lode_dataset_free(dataset);
    lode_dataset_free(others);
    counted.memory.inside = NULL;
    memory_close(&counted.memory, store);
    free(parts);
    return checks_failed == 0 ? 0 : 1;
}
