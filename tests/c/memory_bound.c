/* How much memory a snapshot takes: at most three times the size of its manifest, or 16 MiB more than that
 * size, as lode.h says, both while it is read and afterwards. Texts are made when they are asked for. */
#include "check.h"

#include <malloc.h>

/* ---- The C library's allocator, which counts what is allocated ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static size_t allocated, peak;

static void *counted(void *memory)
{
    allocated += memory == NULL ? 0 : malloc_usable_size(memory);
    if (allocated > peak) {
        peak = allocated;
    }
    return memory;
}

void *malloc(size_t size)
{
    return counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return counted(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    size_t before = memory == NULL ? 0 : malloc_usable_size(memory);
    void *moved = __libc_realloc(memory, size);
    if (moved != NULL) {
        allocated -= before;
    }
    return moved == NULL ? NULL : counted(moved);
}

void *memalign(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = counted(__libc_memalign(alignment, size));
    return *memory == NULL ? ENOMEM : 0;
}

void free(void *memory)
{
    allocated -= memory == NULL ? 0 : malloc_usable_size(memory);
    __libc_free(memory);
}

/* ---- Long manifests ---- */

#define ID "1795505256514401271"
#define PREFIX "datasets/long/snapshots/" ID

enum { FILES = 200000, NOTE = 40000000, ROOM = 64000000 };

static char *manifest;
static size_t length;

static FORMAT(1, 2) void add(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    length += (size_t)vsnprintf(manifest + length, ROOM - length, format, arguments);
    va_end(arguments);
    REQUIRE(length < ROOM, "the manifest has no room");
}

static void begin(void)
{
    length = 0;
    add("{\"schema_name\":\"lode-manifest\",\"format_version\":\"1.0.0\",\"dataset_id\":\"long\",\"snapshot_id\":\"" ID "\","
        "\"created_at\":\"2026-11-24T07:27:36.514753453Z\",\"codec\":\"jsonl\",\"compressor\":\"noop\","
        "\"partitioner\":\"noop\",\"checksum_algorithm\":\"md5\",\"row_count\":%d,", FILES);
}

static void many_files(void)
{
    begin();
    add("\"metadata\":{},\"files\":[");
    for (int i = 0; i < FILES; i++) {
        add("%s{\"path\":\"" PREFIX "/data/%06d\",\"size_bytes\":%d,\"checksum\":\"%032x\"}", i > 0 ? "," : "", i, i, i);
    }
    add("]}");
}

static void long_metadata(void)
{
    begin();
    add("\"files\":[],\"metadata\":{\"note\":\"");
    memset(manifest + length, 'x', NOTE);
    length += NOTE;
    add("\"}}");
}

static void expect_files(const lode_snapshot *snapshot)
{
    char expected[128];
    CHECK(lode_snapshot_file_count(snapshot) == FILES, "%zu files", lode_snapshot_file_count(snapshot));
    for (size_t i = 0; i < FILES; i += 997) {
        snprintf(expected, sizeof expected, PREFIX "/data/%06zu", i);
        const char *path = lode_snapshot_file_path(snapshot, i);
        CHECK(path != NULL && strcmp(path, expected) == 0, "path %zu: %s", i, path);
        CHECK(path == lode_snapshot_file_path(snapshot, i), "path %zu moves", i);
        const char *location = lode_snapshot_file_location(snapshot, i);
        CHECK(location != NULL && location[0] == '/' && strstr(location, expected) != NULL, "location %zu: %s", i, location);
        snprintf(expected, sizeof expected, "%032zx", i);
        const char *checksum = lode_snapshot_file_checksum(snapshot, i);
        CHECK(checksum != NULL && strcmp(checksum, expected) == 0, "checksum %zu: %s", i, checksum);
        CHECK(lode_snapshot_file_size(snapshot, i) == (int64_t)i, "size %zu: %" PRId64, i, lode_snapshot_file_size(snapshot, i));
    }
}

static void expect_metadata(const lode_snapshot *snapshot)
{
    const char *metadata = lode_snapshot_metadata_json(snapshot);
    CHECK(metadata != NULL && strlen(metadata) == NOTE + strlen("{\"note\":\"\"}"), "the metadata is cut");
}

static void expect_bound(const char *what, lode_store *store, void (*make)(void), void (*expect)(const lode_snapshot *))
{
    make();
    GIVES(LODE_OK, lode_store_delete(store, PREFIX "/manifest.json", NULL, error));
    GIVES(LODE_OK, lode_store_put(store, PREFIX "/manifest.json", manifest, length, NULL, error));
    lode_dataset *dataset = open_dataset(store, "long", NULL);
    lode_snapshot *snapshot = NULL;
    size_t before = peak = allocated;
    GIVES(LODE_OK, lode_dataset_find_snapshot(dataset, ID, NULL, &snapshot, error));
    size_t most = peak - before, kept = allocated - before;
    size_t bound = 3 * length > length + (16 << 20) ? 3 * length : length + (16 << 20);
    CHECK(most <= bound, "%s: %zu bytes for a manifest of %zu", what, most, length);
    const char *text = lode_snapshot_manifest_json(snapshot);
    CHECK(text != NULL && strncmp(text, manifest, length) == 0 && text[length] == '\0', "%s: another manifest", what);
    CHECK(text == lode_snapshot_manifest_json(snapshot), "%s: its text moves", what);
    expect(snapshot);
    printf("memory_bound: %s: a manifest of %zu bytes takes %zu while it is read, %zu afterwards, %zu with its texts\n",
           what, length, most, kept, allocated - before);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    CHECK(allocated < before + (1 << 20), "%s: %zu bytes stay", what, allocated - before);
}

int main(void)
{
    char root[256];
    make_root(root);
    lode_store *store = open_store(root);
    manifest = (char *)malloc(ROOM);
    REQUIRE(manifest != NULL, "no memory");
    expect_bound("many files", store, many_files, expect_files);
    expect_bound("long metadata", store, long_metadata, expect_metadata);
    lode_store_free(store);
    free(manifest);
    remove_tree(root);
    return finish("memory_bound");
}
