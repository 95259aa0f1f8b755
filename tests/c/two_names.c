/* Loads two copies of the library under two names, uses both at once, in a forked process, too, and goes on
 * after both were closed. What one copy made is read by the other.
 *
 *   two_names LIBRARY COPY
 */
#include "check.h"

#include <dlfcn.h>
#include <sys/wait.h>

/* What this program uses of a copy: nothing of the library is linked. */
struct copy {
    void *library;
    lode_status (*open_store)(const char *, const lode_store_options *, lode_store **, lode_error **);
    lode_status (*open_dataset)(lode_store *, const char *, const lode_dataset_options *, lode_dataset **, lode_error **);
    lode_status (*write)(lode_dataset *, const lode_record_iterator *, const char *, const lode_commit_options *,
        lode_snapshot **, lode_error **);
    lode_status (*find_latest)(lode_dataset *, const lode_call_options *, lode_snapshot **, lode_error **);
    int64_t (*row_count)(const lode_snapshot *);
    const char *(*parent)(const lode_snapshot *);
    void (*free_snapshot)(lode_snapshot *);
    void (*free_dataset)(lode_dataset *);
    void (*free_store)(lode_store *);
};

static void symbol(struct copy *copy, const char *name, void *function)
{
    void *found = dlsym(copy->library, name);
    REQUIRE(found != NULL, "dlsym: %s", dlerror());
    memcpy(function, &found, sizeof found);
}

static struct copy load(const char *path)
{
    struct copy copy;
    copy.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(copy.library != NULL, "dlopen: %s", dlerror());
    symbol(&copy, "lode_store_open_filesystem", &copy.open_store);
    symbol(&copy, "lode_dataset_open", &copy.open_dataset);
    symbol(&copy, "lode_dataset_stream_write_records", &copy.write);
    symbol(&copy, "lode_dataset_find_latest", &copy.find_latest);
    symbol(&copy, "lode_snapshot_row_count", &copy.row_count);
    symbol(&copy, "lode_snapshot_parent_id", &copy.parent);
    symbol(&copy, "lode_snapshot_free", &copy.free_snapshot);
    symbol(&copy, "lode_dataset_free", &copy.free_dataset);
    symbol(&copy, "lode_store_free", &copy.free_store);
    return copy;
}

/* A dataset and its store, opened by one copy. */
struct opened {
    lode_store *store;
    lode_dataset *dataset;
};

static struct opened open_by(const struct copy *copy, const char *root)
{
    struct opened opened = {NULL, NULL};
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_JSONL;
    REQUIRE(copy->open_store(root, NULL, &opened.store, NULL) == LODE_OK, "no store");
    REQUIRE(copy->open_dataset(opened.store, "events", &options, &opened.dataset, NULL) == LODE_OK, "no dataset");
    return opened;
}

/* Two records, without the library's own functions. */
static int32_t next(void *at)
{
    return ++*(int *)at < 2;
}

static void record(void *at, lode_bytes *record)
{
    record->data = (const uint8_t *)(*(int *)at == 0 ? "{\"a\":1}" : "{\"a\":2}");
    record->len = 7;
}

static void commit_by(const struct copy *copy, struct opened opened)
{
    int at = -1;
    lode_record_iterator iterator = LODE_RECORD_ITERATOR_INIT;
    iterator.ctx = &at;
    iterator.next = next;
    iterator.record = record;
    CHECK(copy->write(opened.dataset, &iterator, "{}", NULL, NULL, NULL) == LODE_OK, "a commit failed");
}

/* The head, as this copy sees it, is a snapshot of two records, the first one or a later one. */
static void expect_head(const struct copy *copy, struct opened opened, int has_parent)
{
    lode_snapshot *head = NULL;
    CHECK(copy->find_latest(opened.dataset, NULL, &head, NULL) == LODE_OK, "no head");
    CHECK(copy->row_count(head) == 2, "%d records", (int)copy->row_count(head));
    CHECK((copy->parent(head) != NULL) == has_parent, "the parent is %s", copy->parent(head) ? "there" : "missing");
    copy->free_snapshot(head);
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 3, "usage: two_names LIBRARY COPY");
    char root[256];
    make_root(root);
    struct copy copies[2] = {load(argv[1]), load(argv[2])};
    CHECK(copies[0].library != copies[1].library, "both names lead to one library");
    CHECK(copies[0].write != copies[1].write, "both names lead to one function");
    struct opened opened[2] = {open_by(&copies[0], root), open_by(&copies[1], root)};
    commit_by(&copies[0], opened[0]);
    expect_head(&copies[1], opened[1], 0);
    commit_by(&copies[1], opened[1]);
    expect_head(&copies[0], opened[0], 1);

    pid_t child = fork();
    REQUIRE(child >= 0, "fork: %s", strerror(errno));
    if (child == 0) {
        commit_by(&copies[1], opened[1]);
        commit_by(&copies[0], opened[0]);
        _exit(checks_failed != 0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the forked process ended with %d", status);

    /* The library stays mapped, because threads and handles may need it: handles go on working after a close.
     * */
    for (int i = 0; i < 2; i++) CHECK(dlclose(copies[i].library) == 0, "dlclose: %s", dlerror());
    for (int i = 0; i < 2; i++) {
        commit_by(&copies[i], opened[i]);
        expect_head(&copies[i], opened[i], 1);
    }
    struct copy again = load(argv[1]);
    CHECK(again.write == copies[0].write, "it was mapped anew");
    for (int i = 0; i < 2; i++) {
        copies[i].free_dataset(opened[i].dataset);
        copies[i].free_store(opened[i].store);
    }
    remove_tree(root);
    return finish("two_names");
}
