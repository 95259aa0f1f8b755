/* A program that holds liblode.a beside what could get into its way: another Rust static library
 * (rust_neighbour.rs), functions of its own with zlib's names, and a zstd of its own, linked from libzstd.a.
 * The check static_neighbours links it so.
 *
 * It also has the clock fail under the library, which is an internal error there: a panic must end at the
 * boundary. */
#include "check.h"

#include <sys/syscall.h>
#include <time.h>

int32_t neighbour_catches_a_panic(int32_t seed);
unsigned ZSTD_versionNumber(void);

/* The names of zlib, which the library must not call. */
static int zlib_called;
#define OWN(name)                                                                                                      \
    int name(void);                                                                                                    \
    int name(void)                                                                                                     \
    {                                                                                                                  \
        return ++zlib_called;                                                                                          \
    }
OWN(deflate)
OWN(deflateInit_)
OWN(deflateInit2_)
OWN(deflateEnd)
OWN(inflate)
OWN(inflateInit_)
OWN(inflateInit2_)
OWN(inflateEnd)
OWN(compress)
OWN(uncompress)
OWN(adler32)
OWN(crc32)
OWN(crc32_z)
OWN(zlibVersion)

/* The clock of the C library, until it is broken. */
static int clock_is_broken;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock_is_broken) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}

enum { RECORDS = 5000 };

static lode_record_writer *filled_writer(lode_dataset *dataset)
{
    lode_error *error = NULL;
    lode_record_writer *writer = NULL;
    REQUIRE(lode_dataset_open_record_writer(dataset, NULL, &writer, &error) == LODE_OK, "no writer");
    for (int i = 0; i < RECORDS; i++) {
        char record[64];
        int len = snprintf(record, sizeof record, "{\"id\":%d,\"half\":%d}", i, i / 2);
        REQUIRE(lode_record_writer_append(writer, record, (size_t)len, NULL, &error) == LODE_OK, "append");
    }
    return writer;
}

static void round_trip(lode_store *store, int32_t compressor)
{
    lode_error *error = NULL;
    lode_snapshot *snapshot = NULL;
    lode_record_reader *reader = NULL;
    lode_dataset_options options = jsonl_options();
    options.compressor = compressor;
    char name[32];
    snprintf(name, sizeof name, "compressor-%d", (int)compressor);
    lode_dataset *dataset = open_dataset(store, name, &options);

    lode_record_writer *writer = filled_writer(dataset);
    REFUSED(LODE_ERR_INVALID_RECORD, NULL, lode_record_writer_append(writer, "{", 1, NULL, error));
    REQUIRE(lode_record_writer_commit(writer, "{}", NULL, &snapshot, &error) == LODE_OK, "commit");
    lode_record_writer_free(writer);

    REQUIRE(lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, &error) == LODE_OK, "read");
    int records = 0;
    lode_bytes record;
    while (lode_record_reader_next(reader, &record, &error) == LODE_ITEM) {
        records++;
    }
    CHECK(error == NULL && records == RECORDS, "compressor %d: %d of %d records", (int)compressor, records, RECORDS);
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

static void panic_ends_at_the_boundary(lode_store *store)
{
    lode_dataset_options options = jsonl_options();
    lode_dataset *dataset = open_dataset(store, "clock", &options);
    lode_record_writer *writer = filled_writer(dataset);
    clock_is_broken = 1;
    lode_error *error = NULL;
    lode_status status = lode_record_writer_commit(writer, "{}", NULL, NULL, &error);
    clock_is_broken = 0;
    refused_at(__FILE__, __LINE__, "commit without a clock", status, error, LODE_ERR_INTERNAL, "internal error in lode");
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
}

int main(void)
{
    char root[256];
    make_root(root);
    lode_store *store = open_store(root);

    CHECK(neighbour_catches_a_panic(1) == 1, "the neighbour's own panic");
    round_trip(store, LODE_COMPRESSOR_GZIP);
    round_trip(store, LODE_COMPRESSOR_ZSTD);
    panic_ends_at_the_boundary(store);
    CHECK(neighbour_catches_a_panic(2) == 2, "the library's panic ran the neighbour's hook, or took it away");
    round_trip(store, LODE_COMPRESSOR_NONE);
    CHECK(zlib_called == 0, "the library called a function of the program's, %d times", zlib_called);
    CHECK(ZSTD_versionNumber() > 0, "the program's own zstd");

    lode_store_free(store);
    remove_tree(root);
    return finish("static_neighbours");
}
