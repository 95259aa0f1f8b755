/*
 * lode.h - datasets as chains of immutable snapshots, for C
 *
 * A store holds datasets; a dataset is a chain of snapshots; a snapshot is a manifest and the data files that
 * it names. A program streams records into a dataset and commits them as one new snapshot: all of them,
 * durably, or none. What was committed is read back verified, by any reader of the Lode format.
 *
 *   #include <lode.h>
 *   #include <stdio.h>
 *   #include <string.h>
 *
 *   struct lines { FILE *file; char line[4096]; };
 *   static int32_t next(void *ctx) {
 *       struct lines *in = ctx;
 *       return fgets(in->line, sizeof in->line, in->file) ? 1 : ferror(in->file) ? -1 : 0;
 *   }
 *   static void record(void *ctx, lode_bytes *record) {
 *       record->data = (const uint8_t *)((struct lines *)ctx)->line;
 *       record->len = strlen((const char *)record->data);
 *   }
 *   int main(void) {
 *       struct lines in = { stdin, "" };
 *       lode_dataset_options options = { .struct_size = sizeof options, .codec = LODE_CODEC_JSONL };
 *       lode_record_iterator lines =
 *           { .struct_size = sizeof lines, .ctx = &in, .next = next, .record = record };
 *       lode_store *store = NULL; lode_dataset *events = NULL;
 *       lode_snapshot *snapshot = NULL; lode_error *error = NULL;
 *       int ok = lode_store_open_filesystem(".", NULL, &store, &error) >= 0
 *           && lode_dataset_open(store, "events", &options, &events, &error) >= 0
 *           && lode_dataset_stream_write_records(events, &lines, "{}", NULL, &snapshot, &error) >= 0;
 *       puts(ok ? lode_snapshot_id(snapshot) : lode_error_message(error));
 *       lode_error_free(error); lode_snapshot_free(snapshot); lode_dataset_free(events); lode_store_free(store);
 *       return ok ? 0 : 1;
 *   }
 *
 * CONVENTIONS
 *
 * Status    Every function that can fail returns a lode_status: below 0 a failure, 0 and above a success.
 *           Test `< 0`, never `!= LODE_OK`. Iterators and readers give LODE_ITEM for one item and LODE_OK
 *           for the end; after a failure they give the same failure again. Beside the statuses that each
 *           function lists, every one may return LODE_ERR_INTERNAL, LODE_ERR_UNKNOWN, and statuses of
 *           later versions; every call on a writer, reader or iterator may return LODE_ERR_FORKED.
 * Errors    The last argument of such a function, `error`, takes a lode_error, which the caller frees with
 *           lode_error_free; NULL if it is not wanted. A call that fails always sets it (to a static one
 *           if memory ran out), a call that succeeds sets it to NULL. There is no "last error" of a thread.
 *           What to do about a failure is in lode_error_action: retry, resolve, rebase, or give up.
 * Outputs   Outputs, `error` included, are reset when the call begins (nothing is freed by that) and
 *           written only on success, but for `taken` and `consumed`, which count on failure, too. An
 *           output must not be NULL unless its function says so.
 * Handles   Every handle is opaque and freed by the function of its own type, in any order: what was made
 *           from a handle keeps what it needs of it. Freeing NULL does nothing. A free never fails, never
 *           commits and never waits for a network. A handle stays valid until its own free.
 * Threads   Stores, datasets, volumes, catalogs, snapshots, parts, blocks, buffers, errors and cancel tokens
 *           may be used by any number of threads at once. A writer, reader or iterator belongs to one thread
 *           at a time; a second call on it at once gives LODE_ERR_STATE. The library starts no threads unless
 *           a dataset asks for them (lode_dataset_options.threads); callbacks come on the thread of the call
 *           that they belong to.
 * Lifetimes What a handle gives out as `const char *` lives until the handle is freed. What a reader gives
 *           out lives until its next call. What the caller gives is borrowed for the call, unless its
 *           description says longer.
 * Strings   Ids, paths and JSON are NUL-terminated UTF-8, and checked: anything else is
 *           LODE_ERR_INVALID_ARGUMENT. Records are bytes with a length.
 * Structs   A struct that the caller fills begins with `size_t struct_size`, its sizeof as the caller was
 *           compiled. All zero but that is valid and means the defaults: LODE_X_INIT initialises a lode_x so,
 *           and lode_x_init does it for what is in memory already. Structs grow at their end only: a size
 *           below the first version's, or above 65,536, is LODE_ERR_INVALID_ARGUMENT; a field that the
 *           library does not know must be zero, else the answer is LODE_ERR_UNSUPPORTED.
 * Writers   Any number of writers may commit to a dataset at once, from all threads, processes and machines.
 *           One that loses the race builds on the winner's snapshot, unless it expects a parent
 *           (LODE_ERR_CONFLICT). Writers of the Go library may alternate with them: the first commit after
 *           one of theirs adopts what they wrote. A commit waits for a Go writer that is in the middle of
 *           one, retry_attempts times, and then fails with LODE_ERR_BUSY: try again later; after a minute
 *           that writer has timed out. If a Go writer commits at the same time, the commit here returns
 *           LODE_COMMITTED_BESIDE_FOREIGN, and the next one LODE_ERR_NEEDS_REPAIR, whose way out is
 *           lode_dataset_adopt. LODE_ERR_LAYOUT_MISMATCH: the dataset has objects of another layout.
 * Callbacks An exception or a longjmp must not leave a callback. A callback may use any handle but a
 *           writer, reader or iterator that is in the middle of the call it belongs to.
 * Memory    A failed allocation is LODE_ERR_NO_MEMORY in each call that takes records or bytes into a writer,
 *           at any size, and in every other call from 4,096 bytes on: what grows with records, blobs,
 *           manifests and listings. A smaller one in those other calls (names, ids, handles' parts) ends the
 *           process by abort, and a line on standard error; nothing visible is lost by that.
 * Limits    A length above PTRDIFF_MAX is LODE_ERR_INVALID_ARGUMENT. A manifest has at most 256 MiB, and
 *           takes at most three times its size in memory, or 16 MiB more than its size. A listing holds at
 *           most 8 MiB of names: beyond some 50,000 of them the store is listed again for each further page.
 *           A key has at most 4,096 bytes, an id 255.
 * Forks     Stores, datasets, volumes, catalogs, snapshots, parts, blocks, buffers, tokens and errors work in
 *           a forked process as in its parent, but for those of buckets. A writer, reader or iterator belongs
 *           to the process that made it: in another one its calls give LODE_ERR_FORKED (of an Arrow stream
 *           EIO), and its free closes descriptors and removes nothing. The C library's fork is noticed, and
 *           all that calls it; a bare clone system call is not. If another thread is inside a call at the
 *           time of the fork, the new process must not use the handles of that call.
 * Process   The library prints nothing, installs no signal handler and no atexit function, and reads no
 *           environment variable, unless the settings of a bucket ask for its credentials. `append` never
 *           syncs; only a commit waits, and only within its deadline.
 *
 * STATUSES
 *
 *   name                                  number  action   meaning
 *   LODE_OK                                    0  NONE     done; from an iterator or reader: its end
 *   LODE_ITEM                                  1  NONE     an iterator or reader has given one item or batch
 *   LODE_ALREADY_COMMITTED                     2  NONE     this sequence was committed before; nothing was written
 *   LODE_COMMITTED_UNPUBLISHED                 3  NONE     committed and durable; the next writer publishes it
 *   LODE_COMMITTED_BESIDE_FOREIGN              4  NONE     committed, but a writer that ignores the slots was seen
 *   LODE_NONE                                  5  NONE     no such object, no such producer
 *   LODE_NOT_COMMITTED                         6  NONE     the commit in doubt did not happen, and never will
 *   LODE_ERR_UNKNOWN                          -1  GIVE_UP  a failure that this version has no name for
 *   LODE_ERR_INTERNAL                         -2  GIVE_UP  a bug in lode, caught before it reached the caller
 *   LODE_ERR_INVALID_ARGUMENT                 -3  GIVE_UP  NULL, out of range, or no UTF-8; the message names it
 *   LODE_ERR_STATE                            -4  GIVE_UP  the handle cannot do this now or any more
 *   LODE_ERR_NO_MEMORY                        -5  RETRY    memory ran out
 *   LODE_ERR_UNSUPPORTED                      -6  GIVE_UP  not in this build, store or version; the message names it
 *   LODE_ERR_FORKED                           -7  GIVE_UP  the handle belongs to the process this one was forked from
 *   LODE_ERR_IO                              -20  RETRY    the operating system failed; see lode_error_errno
 *   LODE_ERR_NO_SPACE                        -21  RETRY    the disk or the quota is full
 *   LODE_ERR_NOT_FOUND                       -22  GIVE_UP  the object or directory does not exist
 *   LODE_ERR_PATH_EXISTS                     -23  GIVE_UP  the object exists, and is never overwritten
 *   LODE_ERR_INVALID_PATH                    -24  GIVE_UP  the key is empty or would leave the store
 *   LODE_ERR_STORE                           -25  RETRY    a store of the caller's own failed
 *   LODE_ERR_ACCESS_DENIED                   -26  GIVE_UP  a service refuses the credentials
 *   LODE_ERR_NO_SNAPSHOTS                    -30  GIVE_UP  the dataset has no snapshot yet
 *   LODE_ERR_SNAPSHOT_NOT_FOUND              -31  GIVE_UP  no snapshot has this id
 *   LODE_ERR_MANIFEST_INVALID                -32  GIVE_UP  a manifest is not one; the message names the field
 *   LODE_ERR_CORRUPT                         -33  GIVE_UP  stored bytes are not those that were written
 *   LODE_ERR_DATASETS_NOT_MODELED            -34  GIVE_UP  the layout cannot list datasets
 *   LODE_ERR_INVALID_FORMAT                  -35  GIVE_UP  a data file is not of its codec's format, or is damaged
 *   LODE_ERR_NIL_ITERATOR                    -40  GIVE_UP  no iterator, or one without its callbacks
 *   LODE_ERR_ITERATOR                        -41  RETRY    the caller's iterator failed; its code is in the error
 *   LODE_ERR_ITERATOR_CONTRACT               -42  GIVE_UP  the iterator answered what it may not
 *   LODE_ERR_METADATA_REQUIRED               -50  GIVE_UP  metadata is NULL; "{}" will do
 *   LODE_ERR_METADATA_INVALID                -51  GIVE_UP  metadata is not one JSON object
 *   LODE_ERR_METADATA_RESERVED               -52  GIVE_UP  a metadata key begins with "lode."
 *   LODE_ERR_CODEC_REQUIRED                  -60  GIVE_UP  the call needs a dataset with a codec
 *   LODE_ERR_CODEC_NOT_STREAMABLE            -61  GIVE_UP  the codec cannot write in one pass
 *   LODE_ERR_PARTITIONING_NOT_SUPPORTED      -62  GIVE_UP  a stream in one pass cannot be partitioned
 *   LODE_ERR_SCHEMA_REQUIRED                 -63  GIVE_UP  the dataset was opened without the schema that this needs
 *   LODE_ERR_SCHEMA_INVALID                  -64  GIVE_UP  the schema is not valid; the message names the field
 *   LODE_ERR_ARROW_TYPE                      -65  GIVE_UP  a column is missing, or of an Arrow type not taken here
 *   LODE_ERR_INVALID_RECORD                  -70  GIVE_UP  a record is not one JSON document, or fits no partition
 *   LODE_ERR_RECORD_TOO_LARGE                -71  GIVE_UP  a record is over the dataset's limit
 *   LODE_ERR_SCHEMA_VIOLATION                -72  GIVE_UP  a record or a row does not fit the schema
 *   LODE_ERR_CONFLICT                        -80  REBASE   the head is not the expected parent; the error has the head
 *   LODE_ERR_COMMIT_UNKNOWN                  -81  RESOLVE  perhaps committed; the error has the snapshot's id
 *   LODE_ERR_DEADLINE                        -82  RETRY    the deadline passed; nothing was committed
 *   LODE_ERR_CANCELLED                       -83  RETRY    the cancel token was cancelled; nothing was committed
 *   LODE_ERR_ABORTED                         -84  RETRY    the progress callback stopped the call; nothing was committed
 *   LODE_ERR_BUSY                            -85  RETRY    another writer did not end within the tries
 *   LODE_ERR_NEEDS_REPAIR                    -86  GIVE_UP  the history needs a person's decision
 *   LODE_ERR_SEQUENCE_TOO_OLD                -87  GIVE_UP  the sequence is below those that are remembered
 *   LODE_ERR_LAYOUT_MISMATCH                 -88  GIVE_UP  the dataset was written with another layout
 *   LODE_ERR_UNORDERABLE_PARENT              -89  GIVE_UP  the parent's id has no place in the order of ids
 *   LODE_ERR_STAGED_TOO_OLD                  -90  GIVE_UP  staged more than 24 hours ago: clean-up may have removed it
 *   LODE_ERR_PART_COMMITTED                  -91  GIVE_UP  a snapshot holds the part already; its id is in the error
 *   LODE_ERR_RANGE_MISSING                   -36  GIVE_UP  no block of the volume's snapshot covers the range
 *   LODE_ERR_OVERLAPPING_BLOCKS              -37  GIVE_UP  a block overlaps another one; the message names both
 *   LODE_ERR_VOLUME_LENGTH_MISMATCH          -38  GIVE_UP  the volume has another length than it was opened with
 *   LODE_ERR_VOLUME_TOO_FRAGMENTED           -39  GIVE_UP  a snapshot would have more blocks than allowed
 *
 * The action is the usual one; an error may advise another: lode_error_action is right.
 *
 * Made by cbindgen from src: do not edit.
 */

#ifndef LODE_H
#define LODE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Before a function whose status must not be ignored: compilers that can warn do so. A program may define it
 * as nothing before it includes this header.
 */
#if !defined(LODE_MUST_CHECK)
#  if defined(__cplusplus) && __cplusplus >= 201703L
#    define LODE_MUST_CHECK [[nodiscard]]
#  elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L
#    define LODE_MUST_CHECK [[nodiscard]]
#  elif defined(__GNUC__)
#    define LODE_MUST_CHECK __attribute__((__warn_unused_result__))
#  else
#    define LODE_MUST_CHECK
#  endif
#endif

/**
 * Whether this header is of at least the given version, for `#if`: a program that uses what a later version
 * brought asks for that version. lode_version_number tells the version of the library that is running.
 */
#define LODE_CHECK_VERSION(major, minor, patch) \
    (LODE_VERSION_NUMBER >= (major) * 1000000 + (minor) * 1000 + (patch))

/*
 * The structs of the Arrow C data interface and of the Arrow C stream interface, as Apache Arrow specifies
 * them.
 */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

/** A type, or a schema of columns; see the Arrow C data interface. */
struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

/** An array of values; see the Arrow C data interface. */
struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

/** A stream of arrays of one type; see the Arrow C stream interface. */
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif /* ARROW_C_STREAM_INTERFACE */

/** The major version of this header. */
#define LODE_VERSION_MAJOR 0

/** The minor version of this header. */
#define LODE_VERSION_MINOR 1

/** The patch version of this header. */
#define LODE_VERSION_PATCH 0

/** The version of this header as one number: 1000000 * major + 1000 * minor + patch. */
#define LODE_VERSION_NUMBER 1000

/** Done. From an iterator or reader: its end. */
#define LODE_OK 0

/** An iterator or reader has given one item (or one batch); `LODE_OK` is its end. */
#define LODE_ITEM 1

/**
 * This exactly-once sequence was committed before; nothing was written. The snapshot that the call gives is
 * the head that says so: the one that committed the sequence, or a later one.
 */
#define LODE_ALREADY_COMMITTED 2

/** Committed and durable, but the pointer `latest` could not be moved; the next writer publishes it. */
#define LODE_COMMITTED_UNPUBLISHED 3

/** Committed here, but a writer that ignores the commit slots (another library) was seen. */
#define LODE_COMMITTED_BESIDE_FOREIGN 4

/**
 * What was asked for does not exist, which is an answer and not a failure: no such object, no such producer.
 */
#define LODE_NONE 5

/** The commit in doubt did not happen, and never will. */
#define LODE_NOT_COMMITTED 6

/** A failure that this version has no name for. */
#define LODE_ERR_UNKNOWN (-1)

/** A bug in lode, caught before it could reach the caller. The handles of the call can still be freed. */
#define LODE_ERR_INTERNAL (-2)

/** An argument is NULL, out of range or no valid UTF-8; the message names function and argument. */
#define LODE_ERR_INVALID_ARGUMENT (-3)

/** The handle cannot do this now or any more, such as a writer after its commit. */
#define LODE_ERR_STATE (-4)

/** Memory ran out. */
#define LODE_ERR_NO_MEMORY (-5)

/** This build, this store or this version cannot do it; the message names what is missing. */
#define LODE_ERR_UNSUPPORTED (-6)

/** The handle belongs to another process, from which this one was forked; make a new one here. */
#define LODE_ERR_FORKED (-7)

/** The operating system reported a failure; see `lode_error_errno`. */
#define LODE_ERR_IO (-20)

/**
 * The disk or the quota is full, or a limit on the size of files (RLIMIT_FSIZE) is met in a process that
 * ignores or blocks SIGXFSZ; any other is ended by that signal.
 */
#define LODE_ERR_NO_SPACE (-21)

/** The object or directory does not exist. */
#define LODE_ERR_NOT_FOUND (-22)

/** The object exists already, and objects are never overwritten. */
#define LODE_ERR_PATH_EXISTS (-23)

/**
 * The key breaks a rule for keys: it is empty or too long, holds a line break, or would leave the store's
 * root.
 */
#define LODE_ERR_INVALID_PATH (-24)

/** A store of the caller's own callbacks failed. */
#define LODE_ERR_STORE (-25)

/** The service that a store is on refuses the credentials, or what they may do. */
#define LODE_ERR_ACCESS_DENIED (-26)

/** The dataset has no snapshot yet. */
#define LODE_ERR_NO_SNAPSHOTS (-30)

/** No snapshot of the dataset has this id. */
#define LODE_ERR_SNAPSHOT_NOT_FOUND (-31)

/** A stored manifest is not valid; the message names the field. */
#define LODE_ERR_MANIFEST_INVALID (-32)

/** Stored bytes are not those that were written; the message names path, expected and found. */
#define LODE_ERR_CORRUPT (-33)

/** The dataset's layout cannot list datasets. */
#define LODE_ERR_DATASETS_NOT_MODELED (-34)

/** A data file is not of its codec's format, or is damaged; the message names what is wrong. */
#define LODE_ERR_INVALID_FORMAT (-35)

/** There is no iterator, or it lacks the callbacks that it needs. */
#define LODE_ERR_NIL_ITERATOR (-40)

/** The caller's iterator failed; see `lode_error_callback_code` and the message. */
#define LODE_ERR_ITERATOR (-41)

/** The caller's iterator answered what its contract does not allow. */
#define LODE_ERR_ITERATOR_CONTRACT (-42)

/** Metadata is NULL; `"{}"` says that there is none. */
#define LODE_ERR_METADATA_REQUIRED (-50)

/** Metadata is not one JSON object. */
#define LODE_ERR_METADATA_INVALID (-51)

/** A metadata key begins with `lode.`, which is reserved. */
#define LODE_ERR_METADATA_RESERVED (-52)

/** The call needs a dataset with a codec. */
#define LODE_ERR_CODEC_REQUIRED (-60)

/** The dataset's codec cannot write a stream in one pass. Those of this version all can. */
#define LODE_ERR_CODEC_NOT_STREAMABLE (-61)

/**
 * The dataset's layout is partitioned, and records that come one after another are not put into partitions
 * unless `partition_streaming` is set.
 */
#define LODE_ERR_PARTITIONING_NOT_SUPPORTED (-62)

/**
 * The codec (or the reading of JSON lines as columns) needs a schema, and the dataset was opened without
 * one.
 */
#define LODE_ERR_SCHEMA_REQUIRED (-63)

/** The schema given is not valid; the message names the field. */
#define LODE_ERR_SCHEMA_INVALID (-64)

/** A column has an Arrow type that is not taken here, or is missing; the message names field and type. */
#define LODE_ERR_ARROW_TYPE (-65)

/**
 * A record is not exactly one valid JSON document, or fits no partition; see `lode_error_record` and
 * `lode_error_offset`.
 */
#define LODE_ERR_INVALID_RECORD (-70)

/** A record is longer than the dataset's limit; see `lode_error_record`. */
#define LODE_ERR_RECORD_TOO_LARGE (-71)

/**
 * A record or a row does not fit the schema; the message names field and value. See `lode_error_record` and,
 * of a record, `lode_error_offset`.
 */
#define LODE_ERR_SCHEMA_VIOLATION (-72)

/** The head is not the expected parent; `lode_error_snapshot_id` is the head. */
#define LODE_ERR_CONFLICT (-80)

/** The commit may or may not have happened; `lode_error_snapshot_id` is its snapshot's id. */
#define LODE_ERR_COMMIT_UNKNOWN (-81)

/** The deadline passed; nothing was committed. */
#define LODE_ERR_DEADLINE (-82)

/** The cancel token was cancelled; nothing was committed. */
#define LODE_ERR_CANCELLED (-83)

/** The progress callback stopped the call; nothing was committed. */
#define LODE_ERR_ABORTED (-84)

/**
 * Another writer is in the middle of a commit (of the Go library: perhaps it died there less than a minute
 * ago), and did not end within the tries; nothing was committed.
 */
#define LODE_ERR_BUSY (-85)

/**
 * The history needs a decision by a person; the message names the heads, lode_dataset_adopt makes one of
 * them the head.
 */
#define LODE_ERR_NEEDS_REPAIR (-86)

/** The exactly-once sequence is below the window of remembered ones: whether it is committed is unknown. */
#define LODE_ERR_SEQUENCE_TOO_OLD (-87)

/** The dataset was written with another layout. */
#define LODE_ERR_LAYOUT_MISMATCH (-88)

/** The parent's id has no place in the order of ids. */
#define LODE_ERR_UNORDERABLE_PARENT (-89)

/**
 * The data was staged more than 24 hours ago, by a clock that counts suspended time: clean-up may have
 * removed it, so that it is not committed any more. Its records are to be written again.
 */
#define LODE_ERR_STAGED_TOO_OLD (-90)

/** A snapshot, which lode_error_snapshot_id names, holds the part already: a part is committed once. */
#define LODE_ERR_PART_COMMITTED (-91)

/** No block of the volume's snapshot covers the range; lode_error_offset is the first byte without one. */
#define LODE_ERR_RANGE_MISSING (-36)

/** A block overlaps another one, of the same commit or of the volume; the message names both. */
#define LODE_ERR_OVERLAPPING_BLOCKS (-37)

/** The volume has another length than it was opened with. */
#define LODE_ERR_VOLUME_LENGTH_MISMATCH (-38)

/** A snapshot of the volume would have more blocks than `max_blocks`. */
#define LODE_ERR_VOLUME_TOO_FRAGMENTED (-39)

/** Nothing to do: there is no error. */
#define LODE_ACTION_NONE 0

/** Certainly not committed; the same call may work later. */
#define LODE_ACTION_RETRY 1

/**
 * Perhaps committed: resolve it with `lode_dataset_resolve_commit`, or repeat the writer's commit, which
 * resolves it first. Nothing else is safe.
 */
#define LODE_ACTION_RESOLVE 2

/** Read the head and decide again. */
#define LODE_ACTION_REBASE 3

/** The same call will fail again. */
#define LODE_ACTION_GIVE_UP 4

/** Level of a log message: an operator should check this. */
#define LODE_LOG_WARNING 1

/** Level of a log message: information. */
#define LODE_LOG_INFO 2

/**
 * Flag of a store of callbacks: the library never calls two of them at once. Without it, threads that share
 * the store call them concurrently.
 */
#define LODE_STORE_SERIAL 1

/** No codec: a dataset of raw blobs. The record calls answer LODE_ERR_CODEC_REQUIRED. */
#define LODE_CODEC_NONE 0

/** One JSON document a line. */
#define LODE_CODEC_JSONL 1

/** Apache Parquet; feature "parquet". */
#define LODE_CODEC_PARQUET 2

/** No compression. */
#define LODE_COMPRESSOR_NONE 0

/** gzip (RFC 1952). */
#define LODE_COMPRESSOR_GZIP 1

/** Zstandard (RFC 8878). */
#define LODE_COMPRESSOR_ZSTD 2

/** Every snapshot's files in its own directory, not partitioned. */
#define LODE_LAYOUT_DEFAULT 0

/**
 * Partitioned by keys of the records (`partition_keys`). Written by lode_dataset_write_records, and one
 * record after another if `partition_streaming` is set.
 */
#define LODE_LAYOUT_HIVE 1

/** The shortest paths, whose datasets cannot be listed; not partitioned. */
#define LODE_LAYOUT_FLAT 2

/** XXH3, 64 bits: fast, finds damage. */
#define LODE_CHECKSUM_XXH3 0

/** No checksum. */
#define LODE_CHECKSUM_NONE 1

/** MD5, which the Go library of this format writes. */
#define LODE_CHECKSUM_MD5 2

/** SHA-256: finds tampering, too, if the manifest is trusted. */
#define LODE_CHECKSUM_SHA256 3

/** Columns have the types that every reader of the format knows, the Go library included. */
#define LODE_SCHEMA_PORTABLE 0

/**
 * Columns may have any Arrow type that Parquet stores, nested ones too: DuckDB, Polars and PyArrow read such
 * snapshots, the Go library cannot. Records have the portable types, and lists and structs of them.
 */
#define LODE_SCHEMA_ARROW 1

/** Pages of a Parquet file are compressed with Snappy, as the Go library does it. */
#define LODE_PARQUET_SNAPPY 0

/** Pages of a Parquet file are not compressed. */
#define LODE_PARQUET_UNCOMPRESSED 1

/** Pages of a Parquet file are compressed with Zstandard, level 3. */
#define LODE_PARQUET_ZSTD 2

/** A commit that returned survives a power cut. */
#define LODE_DURABILITY_FULL 0

/** A commit that returned survives a killed process, not a power cut: nothing is synced. */
#define LODE_DURABILITY_PROCESS 1

/** "No timestamp", wherever a time in nanoseconds since the Unix epoch is given or taken. */
#define LODE_NO_TIMESTAMP INT64_MIN

/** A record that is invalid or too large fails its append; the writer stays usable. */
#define LODE_BAD_RECORD_FAIL 0

/** A record that is invalid or too large is left out and counted; see lode_record_writer_skipped_count. */
#define LODE_BAD_RECORD_SKIP 1

/** Files are checked as they stream, and the verdict on checksum and number of records comes with the end. */
#define LODE_VERIFY_STREAMING 0

/**
 * The manifest is compared with the commit slot that decided it, and each file is checked as a whole before
 * its first record (or byte) is given.
 */
#define LODE_VERIFY_FIRST 1

/** Only sizes are checked. */
#define LODE_VERIFY_SIZES 2

/** The column equals the value. */
#define LODE_COMPARE_EQUAL 0

/** The column has a value and does not equal it. */
#define LODE_COMPARE_NOT_EQUAL 1

/** The column is less than the value. */
#define LODE_COMPARE_LESS 2

/** The column is less than the value or equals it. */
#define LODE_COMPARE_LESS_OR_EQUAL 3

/** The column is greater than the value. */
#define LODE_COMPARE_GREATER 4

/** The column is greater than the value or equals it. */
#define LODE_COMPARE_GREATER_OR_EQUAL 5

/**
 * Slots, manifests, their copies and the pointer: that the history is one whole chain. No data file is
 * touched.
 */
#define LODE_VERIFY_LEVEL_STRUCTURE 0

/** Each data file is there with its size, too: one request a file. */
#define LODE_VERIFY_LEVEL_SIZES 1

/** Each data file is read and has its checksum, too. */
#define LODE_VERIFY_LEVEL_CHECKSUMS 2

/** Each data file is decoded and holds as many records as its manifest says, too. */
#define LODE_VERIFY_LEVEL_RECORDS 3

/** The store fails to read an object of this dataset, for a reason that concerns this object. */
#define LODE_FINDING_UNREADABLE 1

/** A commit slot, or its payload object, is not what a writer wrote. */
#define LODE_FINDING_SLOT_INVALID 2

/** A commit slot to which the path of slots does not lead. */
#define LODE_FINDING_SLOT_OFF_PATH 3

/** A manifest that must be there is missing. */
#define LODE_FINDING_MANIFEST_MISSING 4

/** A manifest is not valid; the message names the field. */
#define LODE_FINDING_MANIFEST_INVALID 5

/** A manifest is not the one that its commit slot decided. */
#define LODE_FINDING_MANIFEST_DIFFERS 6

/** A manifest to which the path of slots does not lead. */
#define LODE_FINDING_MANIFEST_OFF_PATH 7

/** Two snapshots have one parent. */
#define LODE_FINDING_FORK 8

/** The copy of a manifest beside a partition's files is missing. */
#define LODE_FINDING_COPY_MISSING 9

/** The copy of a manifest beside a partition's files is not that manifest. */
#define LODE_FINDING_COPY_DIFFERS 10

/** A copy of a manifest of a snapshot to which the path of slots does not lead. */
#define LODE_FINDING_COPY_OFF_PATH 11

/** There is no pointer to the newest snapshot, though there are several snapshots. */
#define LODE_FINDING_POINTER_MISSING 12

/** The pointer names no snapshot that can be read. */
#define LODE_FINDING_POINTER_WRONG 13

/** A data file is missing. */
#define LODE_FINDING_FILE_MISSING 14

/** A data file has another size than its manifest says. */
#define LODE_FINDING_FILE_SIZE 15

/** A data file has another checksum than its manifest says. */
#define LODE_FINDING_FILE_CHECKSUM 16

/** A data file cannot be decoded, or holds another number of records than its manifest says. */
#define LODE_FINDING_FILE_RECORDS 17

/** This build cannot check it: it lacks a codec, compressor or checksum, or a newer version wrote it. */
#define LODE_FINDING_UNSUPPORTED 18

/** A snapshot of a volume lacks a block that its parent has. */
#define LODE_FINDING_BLOCK_DROPPED 19

/** A temporary file. */
#define LODE_GARBAGE_TEMPORARY_FILE 1

/** A data file, perhaps one that was staged as a part. */
#define LODE_GARBAGE_DATA_FILE 2

/** The payload of a commit slot that was never put. */
#define LODE_GARBAGE_PAYLOAD 3

/** The key of a store's probe. */
#define LODE_GARBAGE_PROBE 4

/** An upload in several requests that was begun and never completed. */
#define LODE_GARBAGE_UPLOAD 5

/** A block of a volume. */
#define LODE_GARBAGE_BLOCK 6

/**
 * Reads the bytes of a raw blob in bounded memory, as a stream and by range; reading a range does not move
 * the stream. It belongs to one thread at a time.
 */
typedef struct lode_blob_reader lode_blob_reader;

/**
 * Takes the bytes of a raw blob as the caller has them, and commits them as one snapshot. It belongs to one
 * thread at a time; a call while another one uses it gives LODE_ERR_STATE.
 *
 * After a commit that succeeded, and after an abort, its calls give LODE_ERR_STATE. After a commit that
 * failed the bytes are kept and the commit may be repeated; it first resolves its own unknown outcome.
 * LODE_ERR_NO_SPACE leaves the writer usable, any other failure of a write stays. If the lack of space is
 * reported only by the sync of a commit, LODE_ERR_NO_SPACE loses the data, and later calls give
 * LODE_ERR_STATE.
 */
typedef struct lode_blob_writer lode_blob_writer;

/** Bytes that a call has read. Threads may share it. */
typedef struct lode_buffer lode_buffer;

/** Takes the text that a callback has to say about its failure. It lives for the callback alone. */
typedef struct lode_callback_error lode_callback_error;

/**
 * Cancels calls. One-shot and sticky: once cancelled it stays so, and every call that has it in its options,
 * now or later, ends with LODE_ERR_CANCELLED. Threads may share it.
 */
typedef struct lode_cancel_token lode_cancel_token;

/**
 * A view of a store as datasets of one layout. It shows what is stored, and does not follow the history as a
 * lode_dataset does: a snapshot is shown if its manifest exists. Nothing is ever written. Threads may share
 * it; iterators and readers made from it keep what they need of it: it may be freed before them.
 */
typedef struct lode_catalog lode_catalog;

/**
 * A dataset: a chain of immutable snapshots in a store. Threads may share it. Snapshots, writers, readers
 * and iterators made from it keep what they need of it: it may be freed before them.
 */
typedef struct lode_dataset lode_dataset;

/**
 * What went wrong in one call: status, advised action, message, and the facts as values. Made by the call
 * that failed, owned by the caller, independent of every other handle; any thread may read it.
 */
typedef struct lode_error lode_error;

/** Takes the keys that a `list` callback finds. It lives for the callback alone. */
typedef struct lode_key_sink lode_key_sink;

/**
 * Data files that are durable, under an id of their own, and not yet in a snapshot: what a writer, an
 * iterator or a source gave to one of the functions that stage. No reader sees them before
 * lode_dataset_commit_parts names the part, which may happen in another process or on another machine:
 * lode_part_json is all that has to get there.
 *
 * It never changes. Threads may share it, and it needs neither writer nor dataset to live on. Freeing it
 * removes nothing: lode_part_discard does. A part is to be committed within 24 hours after it was staged;
 * what is neither committed nor discarded is removed by clean-up later. While a part's handle lives in the
 * process that staged it, clean-up leaves it alone, on a filesystem.
 */
typedef struct lode_part lode_part;

/**
 * Streams the records of one snapshot, or of all since a position, in bounded memory. It belongs to one
 * thread at a time.
 */
typedef struct lode_record_reader lode_record_reader;

/**
 * Takes records as the caller has them, for event loops and daemons, and commits them as one snapshot. It
 * belongs to one thread at a time; a call while another one uses it, from a second thread or from a callback
 * of the first, gives LODE_ERR_STATE.
 *
 * After a commit that succeeded, and after an abort, its calls give LODE_ERR_STATE. After a commit that
 * failed the records are kept and the commit may be repeated; it first resolves its own unknown outcome. A
 * failed append took nothing of its bad record: LODE_ERR_INVALID_RECORD, LODE_ERR_RECORD_TOO_LARGE and
 * LODE_ERR_NO_SPACE leave the writer usable, any other failure stays. If the lack of space is reported only
 * by the sync of a commit, LODE_ERR_NO_SPACE loses the data, and later calls give LODE_ERR_STATE.
 */
typedef struct lode_record_writer lode_record_writer;

/**
 * A committed snapshot: what its manifest says. It never changes. Threads may share it; it needs neither
 * dataset nor store to live on. The texts that it gives out live until it is freed. The manifest, the
 * metadata and the texts of files are made when they are first asked for; where there is no memory for one,
 * the answer is NULL.
 *
 * A manifest has at most 256 MiB. A longer one is LODE_ERR_CORRUPT where it is read, and
 * LODE_ERR_INVALID_ARGUMENT where it would be written. One that would take more than three times its size in
 * memory to read, and more than 16 MiB beyond its size, is LODE_ERR_MANIFEST_INVALID.
 */
typedef struct lode_snapshot lode_snapshot;

/** Snapshots of a dataset or a volume, in order. It belongs to one thread at a time. */
typedef struct lode_snapshot_iterator lode_snapshot_iterator;

/**
 * Where objects live: a directory, a bucket, this process's memory, or the caller's own callbacks. Threads
 * may share it. What is opened on it keeps what it needs of it: it may be freed before them.
 */
typedef struct lode_store lode_store;

/**
 * Texts that a call lists: the keys of a store, the ids of datasets, partitions. It belongs to one thread at
 * a time.
 */
typedef struct lode_string_iterator lode_string_iterator;

/**
 * A volume: a fixed address space in a store, filled in any order and committed in snapshots. Threads may
 * share it. What was made from it keeps what it needs of it: it may be freed before them.
 */
typedef struct lode_volume lode_volume;

/**
 * A block that is staged: durable, and invisible until a commit names it. Any thread may use it; it needs
 * neither volume nor store to live on.
 */
typedef struct lode_volume_block lode_volume_block;

/**
 * The outcome of a call: below 0 a failure, 0 and above a success. Test `status < 0`, never
 * `status != LODE_OK`. The numbers are stable; treat one that this header does not list as
 * `LODE_ERR_UNKNOWN` if it is below 0 and as `LODE_OK` otherwise.
 */
typedef int32_t lode_status;

/**
 * How long a call that blocks but does not commit may take, and who may end it. All zero but `struct_size`:
 * no limits.
 */
typedef struct lode_call_options {
    /** sizeof(lode_call_options), as the caller was compiled. */
    size_t struct_size;
    /** Milliseconds from the start of the call. 0: no deadline; below 0: it is already over. */
    int64_t deadline_ms;
    /** Ends the call when cancelled. Borrowed for the call. NULL: none. */
    lode_cancel_token *cancel;
    /** Handed to `progress`. */
    void *progress_ctx;
    /**
     * Called repeatedly, also while the call waits, with the number of items that the call has processed
     * (keys, snapshots), of bytes read and of bytes written, as far as the call counts them. An answer of 0
     * goes on, any other stops the call with LODE_ERR_ABORTED. Called on the calling thread; an iterator
     * that the call makes calls it, too, so it and `progress_ctx` must stay valid until the iterator is
     * freed. NULL: none.
     */
    int32_t (*progress)(void *ctx, int64_t records, int64_t bytes_in, int64_t bytes_stored);
} lode_call_options;

/** Initialises a lode_call_options with the defaults, as lode_call_options_init does. */
#define LODE_CALL_OPTIONS_INIT \
    {sizeof(lode_call_options), 0, NULL, NULL, NULL}

/** How a commit is to be made. All zero but `struct_size`: no limits, any parent. */
typedef struct lode_commit_options {
    /** sizeof(lode_commit_options), as the caller was compiled. */
    size_t struct_size;
    /**
     * Milliseconds from the start of the call. 0: no deadline; below 0: it is already over. A commit that is
     * decided by then stays a success.
     */
    int64_t deadline_ms;
    /** Ends the call when cancelled. Borrowed for the call. NULL: none. */
    lode_cancel_token *cancel;
    /** Handed to `progress`. */
    void *progress_ctx;
    /**
     * Called from time to time with the number of records taken, of their bytes, and of bytes stored (after
     * compression). An answer of 0 goes on, any other stops the call with LODE_ERR_ABORTED, with nothing
     * committed. Called on the calling thread. NULL: none.
     */
    int32_t (*progress)(void *ctx, int64_t records, int64_t bytes_in, int64_t bytes_stored);
    /**
     * The snapshot that must be the head for the commit to happen, else LODE_ERR_CONFLICT; NUL-terminated
     * UTF-8, borrowed for the call. NULL: any. "": the dataset must have no snapshot yet.
     */
    const char *expected_parent;
    /**
     * The producer whose commit this is; NUL-terminated UTF-8, at most 255 bytes, borrowed for the call.
     * With it the commit happens exactly once, however often it is repeated, by this process or its
     * successor: if `sequence` is committed already, nothing is written and the call returns
     * LODE_ALREADY_COMMITTED. NULL: no producer.
     */
    const char *producer_id;
    /**
     * The producer's number of this commit: from 1, rising; it may skip. The last 64 of each producer are
     * remembered one by one, below them the answer is LODE_ERR_SEQUENCE_TOO_OLD; of producers the 1,024 that
     * committed last are remembered, and a sequence of one that was dropped counts as new. 0 without
     * `producer_id`.
     */
    uint64_t sequence;
    /**
     * Where the producer is to go on after a restart, for lode_snapshot_find_producer; opaque NUL-terminated
     * UTF-8, at most 4,096 bytes, borrowed for the call. NULL: "".
     */
    const char *position;
    /**
     * How often the whole commit is tried, the first try included, while its failure advises
     * LODE_ACTION_RETRY or LODE_ACTION_RESOLVE (which the next try resolves), within the deadline; the error
     * is then that of the last try. Never tried again: a commit whose iterator or source had begun to give,
     * unless all its data were stored; one that is over by deadline, token or progress callback; a conflict,
     * since `expected_parent` is the caller's to choose anew. 0 or 1: once.
     */
    int32_t attempts;
    /** Milliseconds before the second try; the pauses double and are jittered. 0: a few. */
    int32_t attempt_base_ms;
    /** The longest pause, in milliseconds. 0: half a second. */
    int32_t attempt_cap_ms;
    /**
     * For lode_dataset_commit_parts: whether the files of each part are read and compared with their
     * checksums before anything is decided; their sizes always are. 0: no, 1: yes.
     */
    int32_t verify_parts;
} lode_commit_options;

/** Initialises a lode_commit_options with the defaults, as lode_commit_options_init does. */
#define LODE_COMMIT_OPTIONS_INIT \
    {sizeof(lode_commit_options), 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0, 0}

/** How to open a store. All zero but `struct_size`: no log. */
typedef struct lode_store_options {
    /** sizeof(lode_store_options), as the caller was compiled. */
    size_t struct_size;
    /** Handed to `log` and `log_release`. Borrowed until `log_release`. */
    void *log_ctx;
    /**
     * Receives messages about what fails no call: `level` is one of LODE_LOG_*; `message` is UTF-8, borrowed
     * for the callback. Called on the thread whose call it is about, so on several at once if threads share
     * the store. It may use any handle but those of the call that it is about. NULL: no log.
     */
    void (*log)(void *ctx, int32_t level, const char *message);
    /**
     * Called exactly once when `log` will not be called any more: on the thread that frees the last handle
     * of the store (datasets, writers, readers and iterators count), or before an open that fails returns,
     * once `struct_size` was acceptable. NULL: none.
     */
    void (*log_release)(void *ctx);
} lode_store_options;

/** Initialises a lode_store_options with the defaults, as lode_store_options_init does. */
#define LODE_STORE_OPTIONS_INIT \
    {sizeof(lode_store_options), NULL, NULL, NULL}

/**
 * A store of the caller's own: objects under keys, written once and whole, and swapped by comparison. All
 * zero but `struct_size`: a store that can do nothing.
 *
 * Every callback is given `ctx`. Keys and prefixes are NUL-terminated UTF-8, borrowed for the callback; a
 * key has no empty, "." or ".." segment between its '/'. Each callback answers 0 or above when it has done
 * what it says, or a LODE_ERR_* and, if it likes, a text by lode_callback_error_set: both are in the error
 * of the call, the number as lode_error_callback_code. A callback that is NULL is not supported: what needs
 * it fails with LODE_ERR_UNSUPPORTED. Reading takes `stat` and `read`, listing `list`; writing takes
 * everything but `remove` and `release`. Before its first write the store is tried under a key of its own
 * beside the dataset's slots, and refused for writing with LODE_ERR_UNSUPPORTED if it ignores a condition;
 * the key is removed again.
 *
 * What has answered success must be durable, as far as the store can be, and seen by every call that begins
 * afterwards. The callbacks come on the threads whose calls need them, on several at once unless `flags` say
 * LODE_STORE_SERIAL. Every call that reaches the store may fail with LODE_ERR_STORE, besides what its own
 * comment lists. A callback may use any handle but those over its own store: such a call fails with
 * LODE_ERR_STATE. It must not throw or longjmp out of itself. Between two callbacks a call checks its
 * deadline and its cancel token; it does not interrupt a callback.
 */
typedef struct lode_store_callbacks {
    /** sizeof(lode_store_callbacks), as the caller was compiled. */
    size_t struct_size;
    /** Handed to every callback. Borrowed until `release`. */
    void *ctx;
    /** LODE_STORE_SERIAL, or 0. */
    uint32_t flags;
    /**
     * Begins an object, which is not seen before `put_finish`. `if_absent` is 1: the object must not replace
     * one that has its key by then (in this version it is never 0). `upload` is output: what stands for the
     * object in the next three callbacks; not NULL. A key that is taken already may be answered here with
     * LODE_ERR_PATH_EXISTS. An answer below 0 leaves nothing to abort.
     */
    int32_t (*put_begin)(void *ctx,
                         const char *key,
                         int32_t if_absent,
                         void **upload,
                         lode_callback_error *error);
    /**
     * Adds `len` bytes (at least 1) at the object's end. After LODE_ERR_NO_SPACE, which takes none of them,
     * the same bytes may come again; after any other failure `put_abort` comes.
     */
    int32_t (*put_write)(void *ctx,
                         void *upload,
                         const uint8_t *data,
                         size_t len,
                         lode_callback_error *error);
    /**
     * Makes the object appear under its key, whole, and consumes `upload` with any answer. If the key is
     * taken nothing changes, and the answer is LODE_ERR_PATH_EXISTS. LODE_ERR_COMMIT_UNKNOWN says that the
     * store cannot tell whether the object appeared (its answer was lost); LODE_ERR_UNKNOWN,
     * LODE_ERR_DEADLINE, LODE_ERR_CANCELLED and numbers that are no LODE_ERR_* are taken for that, too. Any
     * other failure promises that it did not, and never will.
     */
    int32_t (*put_finish)(void *ctx, void *upload, lode_callback_error *error);
    /** Gives up an object that was begun and not finished; consumes `upload`. */
    void (*put_abort)(void *ctx, void *upload);
    /** Fills `size` with an object's size in bytes, or answers LODE_ERR_NOT_FOUND. */
    int32_t (*stat)(void *ctx, const char *key, uint64_t *size, lode_callback_error *error);
    /**
     * Reads at `offset` (in bytes) into `buffer`, which has room for `capacity` bytes, and answers how many
     * it has read: fewer than there is room for are fine, 0 only at or beyond the object's end.
     * LODE_ERR_NOT_FOUND: there is no such object. An object that is swapped must be given as it was before
     * or after, not mixed, where one call has room for all of it.
     */
    int64_t (*read)(void *ctx,
                    const char *key,
                    uint64_t offset,
                    uint8_t *buffer,
                    size_t capacity,
                    lode_callback_error *error);
    /**
     * Gives every key that begins with `prefix` (empty, or ending in '/') to lode_key_sink_add, each once,
     * in any order. No key is no failure.
     */
    int32_t (*list)(void *ctx,
                    const char *prefix,
                    lode_key_sink *keys,
                    lode_callback_error *error);
    /**
     * Removes an object. LODE_ERR_NOT_FOUND is as good as success. Without it what was given up stays: data
     * of commits that failed, and the key of the trial.
     */
    int32_t (*remove)(void *ctx, const char *key, lode_callback_error *error);
    /**
     * Replaces the object's bytes by `value` if they are `expected`, compared and replaced in one step;
     * `expected_len` 0: if there is no object, or an empty one. No pointer is NULL. If they are not, nothing
     * changes, and the answer is LODE_ERR_CONFLICT (LODE_ERR_PATH_EXISTS and LODE_ERR_NOT_FOUND are taken
     * for that). LODE_ERR_BUSY: try again a little later. LODE_ERR_COMMIT_UNKNOWN: the store cannot tell, as
     * for `put_finish`.
     */
    int32_t (*compare_and_swap)(void *ctx,
                                const char *key,
                                const uint8_t *expected,
                                size_t expected_len,
                                const uint8_t *value,
                                size_t value_len,
                                lode_callback_error *error);
    /**
     * Called exactly once, when no callback will be called any more: on the thread that frees the last
     * handle of the store (datasets, writers, readers and iterators count), or before a
     * lode_store_open_callbacks that fails returns, once `struct_size` was acceptable. NULL: none.
     */
    void (*release)(void *ctx);
} lode_store_callbacks;

/** Initialises a lode_store_callbacks with the defaults, as lode_store_callbacks_init does. */
#define LODE_STORE_CALLBACKS_INIT \
    {sizeof(lode_store_callbacks), NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL}

/**
 * How a dataset is written. What is read follows each snapshot's own manifest. All zero but `struct_size`:
 * no codec, no compression, checksum XXH3, the default layout, full durability.
 */
typedef struct lode_dataset_options {
    /** sizeof(lode_dataset_options), as the caller was compiled. */
    size_t struct_size;
    /** One of LODE_CODEC_*. */
    int32_t codec;
    /** One of LODE_COMPRESSOR_*. */
    int32_t compressor;
    /**
     * The compressor's level: 1 to 9 for gzip, up to 22 for Zstandard, where levels below 0 are faster
     * still. 0: the compressor's default (6, 3). Up to Zstandard's level 4, 4 MiB are gathered and then
     * compressed at once, else 256 KiB.
     */
    int32_t compression_level;
    /** One of LODE_CHECKSUM_*. */
    int32_t checksum;
    /** One of LODE_LAYOUT_*. */
    int32_t layout;
    /** One of LODE_DURABILITY_*. */
    int32_t durability;
    /**
     * Whether the manifest tells of each file its records and, of each key at the top of its records, the
     * least and greatest value (of numbers, strings or booleans) and how many are null or missing. Of the
     * first 100 keys; a key whose values are of several kinds, or whose least or greatest is over 64 bytes
     * long, has neither. 0: no, 1: yes.
     */
    int32_t file_statistics;
    /**
     * How often one request is tried while it meets other writers or passing failures, and how often a
     * writer of the Go library in the middle of a commit is waited for, before LODE_ERR_BUSY. 0: a few
     * times. A race lost to another writer of this library does not count: the commit is made again on top
     * of that one's.
     */
    int32_t retry_attempts;
    /** Milliseconds before the second try; the pauses double and are jittered. 0: a few. */
    int32_t retry_base_ms;
    /** The longest pause, in milliseconds. 0: half a second. */
    int32_t retry_cap_ms;
    /**
     * The longest record accepted, in bytes, its line break not counted. 0: the longest that every reader of
     * the format takes, about 10 MiB.
     */
    int64_t max_record_bytes;
    /**
     * The keys of the records to partition by, in the order of the paths `key=value/key=value`;
     * `partition_key_count` of them, NUL-terminated UTF-8, borrowed for the call. For LODE_LAYOUT_HIVE at
     * least one; NULL for the others.
     */
    const char *const *partition_keys;
    /** How many partition keys. */
    size_t partition_key_count;
    /**
     * For LODE_LAYOUT_HIVE: whether records that come one after another (lode_dataset_stream_write_records,
     * a lode_record_writer, staging) go into their partitions as they come, each into a file that stays
     * open. 0: no, such calls answer LODE_ERR_PARTITIONING_NOT_SUPPORTED and lode_dataset_write_records
     * alone writes; 1: yes. The append that needs one file more than `max_open_partitions` syncs the file
     * that was used least recently.
     */
    int32_t partition_streaming;
    /**
     * How many partitions have an open file at a time; each takes two descriptors, and memory: without
     * compression 0.4 MiB, with gzip 1 MiB, with Zstandard at level 3 up to 5 MiB; with several threads up
     * to 1.5 MiB more. 0: 64. If there are more partitions, those that are used least recently are finished,
     * and get a further file when their next record comes.
     */
    int32_t max_open_partitions;
    /**
     * How many threads work on what is written by one writer or call of this handle, pushed, pulled, in
     * partitions or as a part: the calling thread and `threads` - 1 others. 0 and 1: the calling thread
     * alone, and no thread is started. They compress, compute the checksum, and check the records of JSON
     * lines that one call writes, pulled or given as an array, without partitions and `file_statistics`;
     * some records more may have been pulled when a bad one is found. Records that are pushed are checked
     * before the call returns, by its thread. Records keep their order; each 2 MiB of them become a frame or
     * member of their own. Memory grows by up to 16 MiB a thread, half of that where records become small.
     */
    int32_t threads;
    /**
     * Gives the other threads: has `task` called with `arg` exactly once, on another thread, now or later,
     * and answers 0. Any other answer: `task` will not be called, and the calling thread does the work.
     * Called on the thread that writes. A task never waits for another, and one that is called late finds
     * nothing to do; it may be called after the writer, the dataset and the store were freed. NULL: the
     * library starts threads, each of which ends with its task.
     */
    int32_t (*spawn)(void *ctx, void (*task)(void *arg), void *arg);
    /** Handed to `spawn`. Borrowed until the dataset and all that was made from it are freed. */
    void *spawn_ctx;
    /**
     * The columns of the records, as a JSON object: `{"fields": [{"name": "id", "type": "int64"}, …]}`, in
     * which a field may also have `"nullable": true` and, of type bytes, `"json": "text"` or `"base64"`.
     * Types: int32, int64, float32, float64, string, bool, bytes, timestamp. NUL-terminated UTF-8, borrowed
     * for the call. With LODE_CODEC_PARQUET a write needs it or `arrow_schema`; with LODE_CODEC_JSONL it
     * says how rows of Arrow arrays become objects, and how records are read as columns. NULL: none.
     */
    const char *schema_json;
    /**
     * The same as an Arrow schema, a struct of columns, of whatever types `schema_types` allows. Borrowed for the call, never released by it. NULL:
     * none; not together with `schema_json`.
     */
    const struct ArrowSchema *arrow_schema;
    /**
     * A row group of a Parquet file ends when its encoded columns have so many bytes, or with 1,048,576
     * rows: 1 MiB to 1 GiB. Memory for writing is some 20 MiB more. 0: 32 MiB.
     */
    int64_t row_group_bytes;
    /** One of LODE_SCHEMA_*. */
    int32_t schema_types;
    /** One of LODE_PARQUET_*: how the pages of a Parquet file are compressed. */
    int32_t parquet_compression;
    /**
     * A data file that has taken so many bytes of records, as they were given, is ended, and the following
     * records go into another; the files keep the order of the records. What was gathered is divided no
     * further: 256 KiB, 4 MiB with Zstandard up to level 4, 2 MiB with several threads, a row group with
     * Parquet. The append that ends the fifth file, or a later one, syncs one of those before. Not for
     * blobs, nor for LODE_LAYOUT_HIVE, which divides records by their keys. 0: all records of a commit go
     * into one data file.
     */
    int64_t target_file_bytes;
} lode_dataset_options;

/** Initialises a lode_dataset_options with the defaults, as lode_dataset_options_init does. */
#define LODE_DATASET_OPTIONS_INIT \
    {sizeof(lode_dataset_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0}

/**
 * A run of bytes that belongs to the side that gave it; it is not NUL-terminated. `data` may be NULL if
 * `len` is 0. This struct never grows.
 */
typedef struct lode_bytes {
    /** The first byte. */
    const uint8_t *data;
    /** How many bytes. */
    size_t len;
} lode_bytes;

/**
 * An iterator over records, which the caller implements. It gives either one record at a time, by `next` and
 * `record`, or a batch at a time, by `next_batch`. All callbacks come on the thread of the call that was
 * given the iterator, never two at once. A callback may use any lode handle; it must not throw or longjmp
 * out of itself.
 *
 * For authors of bindings: a runtime that turns an exception of a callback into an answer of 0 makes a
 * stream that broke off look like one that ended. Choose an answer below 0 for that case (cffi: `error=-1`
 * of `def_extern` or `callback`), or catch the exception, keep it, and tell of it by `err`, which is asked
 * whenever `next` or `next_batch` has answered 0, too (ctypes, which always answers 0). Nothing is committed
 * then, and the binding raises the exception again when the call returns.
 */
typedef struct lode_record_iterator {
    /** sizeof(lode_record_iterator), as the caller was compiled. */
    size_t struct_size;
    /** Handed to every callback. Borrowed until `release`. */
    void *ctx;
    /**
     * Moves to the next record. Answer 1: a record is current; 0: there are no more; below 0: it failed, by
     * the caller's own code, and the call ends with LODE_ERR_ITERATOR. Never called again after 0 or a
     * failure.
     */
    int32_t (*next)(void *ctx);
    /**
     * Fills `record` with the current record: exactly one JSON document, without its line break. The bytes
     * stay the caller's; they must not change until the next callback with `ctx`.
     */
    void (*record)(void *ctx, lode_bytes *record);
    /**
     * Says why it failed: asked once, after `next` or `next_batch` answered 0 or less. The answer is
     * NUL-terminated UTF-8, borrowed until `release`; NULL: no error. A text after 0 is a failure, too.
     * NULL: never asked.
     */
    const char *(*err)(void *ctx);
    /**
     * The current record's time, in nanoseconds since the Unix epoch. Called once for each record, after
     * `next` and before `record`. Answer 1: `unix_nanos` was filled; 0: the record has no time. NULL: no
     * record has one.
     */
    int32_t (*timestamp)(void *ctx, int64_t *unix_nanos);
    /**
     * Gives up to `capacity` records at once, in `records`; their bytes must not change until the next
     * callback with `ctx`. Times go to `unix_nanos`, which comes filled with LODE_NO_TIMESTAMP. Answer how
     * many were filled; 0: there are no more; below 0: it failed, as for `next`. If it is there, `next`,
     * `record` and `timestamp` are not called. NULL: one record at a time.
     */
    int64_t (*next_batch)(void *ctx, lode_bytes *records, int64_t *unix_nanos, size_t capacity);
    /**
     * Called exactly once, before the call that was given the iterator returns, with any outcome; only
     * if `struct_size` was not acceptable it is not called. NULL: none.
     */
    void (*release)(void *ctx);
} lode_record_iterator;

/** Initialises a lode_record_iterator with the defaults, as lode_record_iterator_init does. */
#define LODE_RECORD_ITERATOR_INIT \
    {sizeof(lode_record_iterator), NULL, NULL, NULL, NULL, NULL, NULL, NULL}

/**
 * A source of bytes, which the caller implements. All callbacks come on the thread of the call that was
 * given the source, never two at once. A callback may use any lode handle; it must not throw or longjmp out
 * of itself.
 */
typedef struct lode_byte_source {
    /** sizeof(lode_byte_source), as the caller was compiled. */
    size_t struct_size;
    /** Handed to every callback. Borrowed until `release`. */
    void *ctx;
    /**
     * Fills the beginning of `buffer`, which has room for `capacity` bytes (at least 65536). Answer how many
     * were filled; 0: there are no more; below 0: it failed, by the caller's own code, and the call ends
     * with LODE_ERR_ITERATOR. Never called again after 0 or a failure.
     */
    int64_t (*read)(void *ctx, uint8_t *buffer, size_t capacity);
    /**
     * Says why it failed: asked once, after `read` answered 0 or less. The answer is NUL-terminated UTF-8,
     * borrowed until `release`; NULL: no error. A text after 0 is a failure, too. NULL: never asked.
     */
    const char *(*err)(void *ctx);
    /**
     * Called exactly once, before the call that was given the source returns, with any outcome; only if
     * `struct_size` was not acceptable it is not called. NULL: none.
     */
    void (*release)(void *ctx);
} lode_byte_source;

/** Initialises a lode_byte_source with the defaults, as lode_byte_source_init does. */
#define LODE_BYTE_SOURCE_INIT \
    {sizeof(lode_byte_source), NULL, NULL, NULL, NULL}

/** How a record writer behaves. All zero but `struct_size`: bad records fail their append. */
typedef struct lode_record_writer_options {
    /** sizeof(lode_record_writer_options), as the caller was compiled. */
    size_t struct_size;
    /** One of LODE_BAD_RECORD_*. */
    int32_t bad_records;
    /**
     * Whether the system begins to write full pieces of data to the disk as they are appended, so that the
     * commit has less to wait for. The append that completes a piece asks the system for it and does not
     * wait, but while the disk's queue is full the system may make it wait. 0: no, the commit does it all;
     * 1: yes.
     */
    int32_t early_writeback;
} lode_record_writer_options;

/** Initialises a lode_record_writer_options with the defaults, as lode_record_writer_options_init does. */
#define LODE_RECORD_WRITER_OPTIONS_INIT \
    {sizeof(lode_record_writer_options), 0, 0}

/**
 * How a blob writer behaves. All zero but `struct_size`: nothing is written back before the commit asks for
 * it.
 */
typedef struct lode_blob_writer_options {
    /** sizeof(lode_blob_writer_options), as the caller was compiled. */
    size_t struct_size;
    /** As in lode_record_writer_options. */
    int32_t early_writeback;
} lode_blob_writer_options;

/** Initialises a lode_blob_writer_options with the defaults, as lode_blob_writer_options_init does. */
#define LODE_BLOB_WRITER_OPTIONS_INIT \
    {sizeof(lode_blob_writer_options), 0}

/** A comparison of a column with a value. A null satisfies none, nor does a float that is no number. */
typedef struct lode_comparison {
    /** The column's name; NUL-terminated UTF-8. Not NULL. */
    const char *column;
    /**
     * The value as JSON: a number, true or false, or a string, with which a timestamp is compared as RFC
     * 3339; NUL-terminated UTF-8. Not NULL.
     */
    const char *value_json;
    /** One of LODE_COMPARE_*. */
    int32_t operation;
} lode_comparison;

/** How to read a snapshot. All zero but `struct_size`: no limits, verified as the records stream. */
typedef struct lode_read_options {
    /** sizeof(lode_read_options), as the caller was compiled. */
    size_t struct_size;
    /**
     * Milliseconds for each call on the reader, from the start of that call. 0: no deadline; below 0: it is
     * already over.
     */
    int64_t deadline_ms;
    /**
     * Ends the call that runs, and every later one, when cancelled. The reader keeps its own hold of it.
     * NULL: none.
     */
    lode_cancel_token *cancel;
    /** One of LODE_VERIFY_*. */
    int32_t verify;
    /**
     * The columns to read, in this order, for lode_dataset_read_arrow alone; `column_count` of them,
     * NUL-terminated UTF-8, borrowed for the call. NULL: all.
     */
    const char *const *columns;
    /** How many columns. */
    size_t column_count;
    /**
     * Comparisons that the rows wanted satisfy, all of them: row groups in which by a file's statistics no
     * row can are left out by lode_dataset_read_arrow; `comparison_count` of them, borrowed for the call.
     * NULL: none.
     */
    const lode_comparison *comparisons;
    /** How many comparisons. */
    size_t comparison_count;
    /** The most rows of a batch of lode_dataset_read_arrow; a batch may have fewer. 0: 65,536. */
    int32_t batch_rows;
} lode_read_options;

/** Initialises a lode_read_options with the defaults, as lode_read_options_init does. */
#define LODE_READ_OPTIONS_INIT \
    {sizeof(lode_read_options), 0, NULL, 0, NULL, 0, NULL, 0, 0}

/** Which datasets a catalog shows. All zero but `struct_size`: those of the default layout. */
typedef struct lode_catalog_options {
    /** sizeof(lode_catalog_options), as the caller was compiled. */
    size_t struct_size;
    /** One of LODE_LAYOUT_*: datasets of another layout are not seen. */
    int32_t layout;
} lode_catalog_options;

/** Initialises a lode_catalog_options with the defaults, as lode_catalog_options_init does. */
#define LODE_CATALOG_OPTIONS_INIT \
    {sizeof(lode_catalog_options), 0}

/** How a clean-up is to be done. All zero but `struct_size`: what is older than a week is removed. */
typedef struct lode_collect_options {
    /** sizeof(lode_collect_options), as the caller was compiled. */
    size_t struct_size;
    /**
     * Seconds: nothing that has stood unchanged for less is removed. At least 172800, which is 48 hours; 0:
     * 7 days.
     */
    int64_t min_age_seconds;
    /**
     * 1: a dry run: `removed` is called for what would be removed, and nothing is removed. 0: it is removed.
     */
    int32_t dry_run;
} lode_collect_options;

/** Initialises a lode_collect_options with the defaults, as lode_collect_options_init does. */
#define LODE_COLLECT_OPTIONS_INIT \
    {sizeof(lode_collect_options), 0, 0}

/**
 * How a volume is written. What is read follows each snapshot's own manifest. All zero but `struct_size`:
 * checksum XXH3, full durability, as long as the volume is.
 */
typedef struct lode_volume_options {
    /** sizeof(lode_volume_options), as the caller was compiled. */
    size_t struct_size;
    /**
     * How long the address space is, in bytes, below 2^63: needed for the first commit; later it must be the
     * same. 0: as the volume has it.
     */
    uint64_t total_length;
    /** One of LODE_CHECKSUM_*. A volume keeps the algorithm of its first commit. */
    int32_t checksum;
    /** One of LODE_DURABILITY_*. */
    int32_t durability;
    /** As in lode_dataset_options. */
    int32_t retry_attempts;
    /** As in lode_dataset_options. */
    int32_t retry_base_ms;
    /** As in lode_dataset_options. */
    int32_t retry_cap_ms;
    /**
     * How many blocks a snapshot may have. 0: 400,000, what the manifest of one snapshot holds on every
     * store.
     */
    uint64_t max_blocks;
} lode_volume_options;

/** Initialises a lode_volume_options with the defaults, as lode_volume_options_init does. */
#define LODE_VOLUME_OPTIONS_INIT \
    {sizeof(lode_volume_options), 0, 0, 0, 0, 0, 0, 0}

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * The version of the library that is running, such as "0.1.0".
 *
 * @return a static string, never NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_version(void);

/**
 * The version of the library that is running, as one number; compare it with LODE_VERSION_NUMBER, the
 * version of the header that the program was compiled with.
 *
 * @return 1000000 * major + 1000 * minor + patch.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int32_t lode_version_number(void);

/**
 * Whether this build has an optional feature: "parquet" (the Parquet codec) or "object-store" (S3 and
 * its like). What a build lacks answers LODE_ERR_UNSUPPORTED, naming the feature.
 *
 * @param feature the feature's name, NUL-terminated, borrowed for the call. NULL: no feature.
 * @return 1 if the build has it; 0 if not, if there is no such feature, or if `feature` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int32_t lode_has_feature(const char *feature);

/**
 * The name of a status, such as "LODE_ERR_CONFLICT", for logs and messages.
 *
 * @param status any number.
 * @return a static string, never NULL: for a number that is not listed "LODE_ERR_UNKNOWN" if it is below 0,
 *         else "LODE_OK", as which it is to be treated.
 *
 * Cannot fail. Any thread, also in a signal handler. Since 0.1.0.
 */
const char *lode_status_name(lode_status status);

/**
 * The name of an action, such as "LODE_ACTION_RETRY", for logs and messages.
 *
 * @param action any number, such as lode_error_action gives.
 * @return a static string, never NULL: "LODE_ACTION_GIVE_UP" for a number that is not listed.
 *
 * Cannot fail. Any thread, also in a signal handler. Since 0.1.0.
 */
const char *lode_action_name(int32_t action);

/**
 * The failure's status, the same that the call returned.
 *
 * @param error an error that a call gave. NULL: no error.
 * @return a status below 0; LODE_OK if `error` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
lode_status lode_error_status(const lode_error *error);

/**
 * What to do about the failure. A program that retries checks this, not the status.
 *
 * @param error an error that a call gave. NULL: no error.
 * @return LODE_ACTION_RETRY, LODE_ACTION_RESOLVE, LODE_ACTION_REBASE or LODE_ACTION_GIVE_UP;
 *         LODE_ACTION_NONE if `error` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int32_t lode_error_action(const lode_error *error);

/**
 * What happened, to what, why, and what to do: one line of English, for people. Its wording may change from
 * version to version.
 *
 * @param error an error that a call gave. NULL: no error.
 * @return UTF-8, owned by the error, until lode_error_free; "" if `error` is NULL. Never NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_error_message(const lode_error *error);

/**
 * The path or store key that the failure is about.
 *
 * @param error an error that a call gave. NULL: no error.
 * @return UTF-8, owned by the error, until lode_error_free; NULL if it is about none, or `error` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_error_path(const lode_error *error);

/**
 * The snapshot that the failure is about: for LODE_ERR_COMMIT_UNKNOWN the one whose commit is in doubt (give
 * it to lode_dataset_resolve_commit), for LODE_ERR_CONFLICT the head.
 *
 * @param error an error that a call gave. NULL: no error.
 * @return UTF-8, owned by the error, until lode_error_free; NULL if it is about none, if a conflict met a
 *         dataset without snapshots, or if `error` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_error_snapshot_id(const lode_error *error);

/**
 * The record that the failure is about.
 *
 * @param error an error that a call gave. NULL: no error.
 * @return the record's number in its stream, counted from 0; -1 if it is about none, or `error` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_error_record(const lode_error *error);

/**
 * Where in the record or file the fault lies.
 *
 * @param error an error that a call gave. NULL: no error.
 * @return bytes from the beginning, counted from 0; -1 if there is no such place, or `error` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_error_offset(const lode_error *error);

/**
 * The operating system's error number, such as ENOSPC.
 *
 * @param error an error that a call gave. NULL: no error.
 * @return an errno value; 0 if the failure did not come from the system, or `error` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int32_t lode_error_errno(const lode_error *error);

/**
 * The number by which the caller's own callback failed: for LODE_ERR_ITERATOR the answer of `next` (or of
 * `next_batch` or `read`, cut to 32 bits) or the errno of an Arrow stream, for LODE_ERR_ITERATOR_CONTRACT
 * the answer that is not allowed, for a failure of lode_store_callbacks the callback's answer.
 *
 * @param error an error that a call gave. NULL: no error.
 * @return the callback's number; 0 if no callback failed, or `error` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int32_t lode_error_callback_code(const lode_error *error);

/**
 * Frees an error and the texts it gave out.
 *
 * @param error an error that a call gave; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_error_free(lode_error *error);

/**
 * Makes a token that is not cancelled.
 *
 * @param token output: the token, which the caller owns and frees with lode_cancel_token_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_cancel_token_new(lode_cancel_token **token, lode_error **error);

/**
 * Cancels the calls that have this token. A running call ends at its next check; a commit that is decided by
 * then stays a success.
 *
 * @param token the token. NULL: nothing happens.
 *
 * Cannot fail. Any thread, also in a signal handler: it is one atomic store. Since 0.1.0.
 */
void lode_cancel_token_cancel(lode_cancel_token *token);

/**
 * Frees the caller's token. It cancels nothing: a running call keeps its own hold of the token.
 *
 * @param token the token; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_cancel_token_free(lode_cancel_token *token);

/**
 * Fills the options with the defaults: no limits.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_call_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_call_options_init(lode_call_options *options, size_t struct_size);

/**
 * Fills the options with the defaults: no limits, any parent.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_commit_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_commit_options_init(lode_commit_options *options, size_t struct_size);

/**
 * Fills the options with the defaults: no log.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_store_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_store_options_init(lode_store_options *options, size_t struct_size);

/**
 * Opens a store in a directory of the filesystem. Any number of stores, threads and processes may work on
 * one directory at once.
 *
 * @param root the directory, which must exist; NUL-terminated UTF-8, borrowed for the call. A relative path
 *        is relative to the working directory at the time of the call. Not NULL.
 * @param options the log. Borrowed for the call, but see `log_ctx`. NULL: the defaults.
 * @param store output: the store, which the caller owns and frees with lode_store_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also if `root` is no directory), LODE_ERR_UNSUPPORTED,
 *         LODE_ERR_NOT_FOUND (there is no such directory), LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_open_filesystem(const char *root,
                                       const lode_store_options *options,
                                       lode_store **store,
                                       lode_error **error);

/**
 * Makes an empty store in this process's memory, which ends with its last handle: for tests, and for data
 * that need not last.
 *
 * @param options the log. Borrowed for the call, but see `log_ctx`. NULL: the defaults.
 * @param store output: the store, which the caller owns and frees with lode_store_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_open_memory(const lode_store_options *options,
                                   lode_store **store,
                                   lode_error **error);

/**
 * Opens a store by its URL: `file:///path`, `memory:`, or a bucket: `s3://bucket/prefix`,
 * `gs://bucket/prefix` or `az://container/prefix`. Objects in a bucket are named by the prefix, "/" and
 * their key. No request is made: what is wrong with credentials, endpoint or bucket shows with the first
 * use. The first write of a handle tries, under the dataset's `_commits/.probe-*`, whether the service keeps
 * the conditions that commits rest on (LODE_ERR_UNSUPPORTED if not).
 *
 * Settings are the members of a JSON object, and an unknown one is refused. For all buckets:
 *
 * - "credentials": "explicit", the default, from the settings alone; "environment", from the provider's
 *   chain of variables, files and metadata services; "anonymous".
 * - "endpoint"; "path_style" (true with an endpoint); "allow_http" (false); "ca_file": PEM roots instead of
 *   the system's; "proxy_url" (none; the environment's is ignored).
 * - "request_timeout_ms" (30000); "transfer_timeout_ms" (300000), for bodies over 1 MiB;
 *   "connect_timeout_ms" (5000).
 * - "part_bytes": 5 MiB to 64 MiB (8 MiB); "spool_directory": where data wait for the commit. Without it
 *   they wait in memory, and are sent part by part.
 *
 * For s3: "access_key_id", "secret_access_key", "session_token", "region" ("us-east-1"). For az: "account",
 * and "access_key" or "sas_token". For gs: "service_account_json" (the text, not a path).
 *
 * A store in a bucket makes requests on the thread of the call that needs them, and no thread of its own. It
 * belongs to the process that opened it: in a forked one its calls give LODE_ERR_FORKED. Resolving a host's
 * name cannot be cut short by a deadline.
 *
 * @param url the URL; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param settings_json the settings, NUL-terminated UTF-8, borrowed for the call; no message and no log line
 *        shows a value of them. NULL: none.
 * @param options the log. Borrowed for the call, but see `log_ctx`. NULL: the defaults.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param store output: the store, which the caller owns and frees with lode_store_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (an unknown scheme or setting, which the message names, or a
 *         value that does not fit), LODE_ERR_INVALID_PATH (the prefix), LODE_ERR_UNSUPPORTED (a bucket, in a
 *         build without the feature object-store), LODE_ERR_NOT_FOUND, LODE_ERR_IO (a directory or a file
 *         that is named), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_open_url(const char *url,
                                const char *settings_json,
                                const lode_store_options *options,
                                const lode_call_options *call,
                                lode_store **store,
                                lode_error **error);

/**
 * Frees the caller's handle of a store. What was opened on it goes on working.
 *
 * @param store the store; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
 */
void lode_store_free(lode_store *store);

/**
 * Sets the text of a callback's failure. A later text replaces an earlier one.
 *
 * @param error what the callback was given. NULL: nothing happens.
 * @param message the text, one line; NUL-terminated UTF-8, copied; what is longer than 4,096 bytes is cut.
 *        NULL: none.
 *
 * Cannot fail. Within the callback only, on one thread at a time. Since 0.1.0.
 */
void lode_callback_error_set(lode_callback_error *error, const char *message);

/**
 * Gives one key of a listing.
 *
 * @param keys what the `list` callback was given. Not NULL.
 * @param key the key, whole, not only what follows the prefix; NUL-terminated UTF-8, copied. Not NULL.
 * @return 0: go on. 1: enough, the callback may return (with any answer, it is no failure). Below 0: the
 *         key is NULL or cannot be one, and the listing fails: LODE_ERR_INVALID_PATH,
 *         LODE_ERR_INVALID_ARGUMENT.
 *
 * Cannot fail but for such a key. Within the callback only, on one thread at a time. Since 0.1.0.
 */
int32_t lode_key_sink_add(lode_key_sink *keys, const char *key);

/**
 * Fills the struct with the defaults: no callbacks.
 *
 * @param callbacks the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_store_callbacks), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_store_callbacks_init(lode_store_callbacks *callbacks, size_t struct_size);

/**
 * Makes a store of the caller's own callbacks. It calls none of them yet.
 *
 * @param callbacks the callbacks; the struct is borrowed for the call, what it points to until `release`.
 *        Not NULL.
 * @param options the log. Borrowed for the call, but see `log_ctx`. NULL: the defaults.
 * @param store output: the store, which the caller owns and frees with lode_store_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_open_callbacks(const lode_store_callbacks *callbacks,
                                      const lode_store_options *options,
                                      lode_store **store,
                                      lode_error **error);

/**
 * Writes an object, whole and durable when the call returns. It never replaces one that is there. Objects
 * under a dataset's directory are the library's: another key there may make the dataset unreadable.
 *
 * @param store the store. Not NULL.
 * @param key where: segments between '/', none of them empty, "." or ".."; NUL-terminated UTF-8, borrowed
 *        for the call. Not NULL.
 * @param data the object's bytes, borrowed for the call. NULL: none, if `len` is 0.
 * @param len how many bytes.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_PATH_EXISTS, LODE_ERR_INVALID_PATH, LODE_ERR_COMMIT_UNKNOWN (the store cannot
 *         say whether the object is there; all other failures mean that nothing was written),
 *         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_put(lode_store *store,
                           const char *key,
                           const void *data,
                           size_t len,
                           const lode_call_options *call,
                           lode_error **error);

/**
 * Reads a whole object into memory.
 *
 * @param store the store. Not NULL.
 * @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param buffer output: the bytes, which the caller owns and frees with lode_buffer_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_NOT_FOUND, LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *         LODE_ERR_ABORTED, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE,
 *         LODE_ERR_CORRUPT, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_get(lode_store *store,
                           const char *key,
                           const lode_call_options *call,
                           lode_buffer **buffer,
                           lode_error **error);

/**
 * Reads a part of an object: from an offset until the buffer is full or the object ends.
 *
 * @param store the store. Not NULL.
 * @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param offset where to begin, in bytes; at or beyond the end nothing is read, which is no failure.
 * @param buffer where the bytes go; what is beyond `len` may be overwritten, too, and all of it by a call
 *        that fails. NULL: nothing is read, if `capacity` is 0.
 * @param capacity for how many bytes there is room.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param len output: how many bytes were read. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_NOT_FOUND, LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *         LODE_ERR_ABORTED, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE,
 *         LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_read_at(lode_store *store,
                               const char *key,
                               uint64_t offset,
                               void *buffer,
                               size_t capacity,
                               const lode_call_options *call,
                               size_t *len,
                               lode_error **error);

/**
 * Tells whether an object exists.
 *
 * @param store the store. Not NULL.
 * @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: there is. LODE_NONE: there is not. LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE,
 *         LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED,
 *         LODE_ERR_IO, LODE_ERR_STORE: it is unknown.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_exists(lode_store *store,
                              const char *key,
                              const lode_call_options *call,
                              lode_error **error);

/**
 * Lists keys in bytewise order. Keys that are added or removed during the listing may be missed. A bounded
 * number of keys is in memory, so a long listing reads the store several times.
 *
 * @param store the store. Not NULL.
 * @param prefix the folder whose keys are wanted, with or without a '/' at its end: "foo" has "foo/a/b", not
 *        "foobar"; NUL-terminated UTF-8, borrowed for the call. "": all keys. Not NULL.
 * @param call deadline and cancel token, for this call and, counted anew, for each
 *        lode_string_iterator_next. Borrowed for the call. NULL: the defaults.
 * @param keys output: the iterator, which the caller owns and frees with lode_string_iterator_free. Not
 *        NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
 *         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_list(lode_store *store,
                            const char *prefix,
                            const lode_call_options *call,
                            lode_string_iterator **keys,
                            lode_error **error);

/**
 * Removes an object; one that does not exist is no failure. What a snapshot names must stay: removing it
 * damages the dataset.
 *
 * @param store the store. Not NULL.
 * @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
 *         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_delete(lode_store *store,
                              const char *key,
                              const lode_call_options *call,
                              lode_error **error);

/**
 * Replaces an object's bytes if they are the expected ones, compared and replaced in one step: for small
 * objects that have several writers. Never use it on a dataset's "latest", which is the library's.
 *
 * @param store the store. Not NULL.
 * @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param expected the bytes that the object must have, borrowed for the call. NULL only if `expected_len` is
 *        0.
 * @param expected_len how many bytes. 0: there must be no object, or an empty one.
 * @param value the bytes that it is to have, borrowed for the call. NULL only if `value_len` is 0.
 * @param value_len how many bytes; 0 makes an empty object.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_CONFLICT (it has something else), LODE_ERR_BUSY (another writer holds its lock),
 *         LODE_ERR_COMMIT_UNKNOWN (the store cannot say; all other failures mean that nothing was changed),
 *         LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
 *         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE, LODE_ERR_NO_SPACE,
 *         LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_compare_and_swap(lode_store *store,
                                        const char *key,
                                        const void *expected,
                                        size_t expected_len,
                                        const void *value,
                                        size_t value_len,
                                        const lode_call_options *call,
                                        lode_error **error);

/**
 * Checks a store against every rule that a store must keep, for authors of stores: an error names the first
 * rule that is broken, what was expected and what was found. The check writes some hundred kilobytes under a
 * folder of its own below `prefix`, and removes them again. It cannot find what only a crash or a power cut
 * shows.
 *
 * @param store the store. Not NULL.
 * @param prefix where to work; NUL-terminated UTF-8, borrowed for the call. "": at the root. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: every rule held. LODE_ERR_STORE: a rule is broken, or the store failed.
 *         LODE_ERR_UNSUPPORTED (a callback that the suite needs is missing: all but `release`),
 *         LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
 *         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_store_check_conformance(lode_store *store,
                                         const char *prefix,
                                         const lode_call_options *call,
                                         lode_error **error);

/**
 * The bytes of a buffer.
 *
 * @param buffer the buffer. NULL: no bytes.
 * @return the first byte, borrowed until the buffer is freed; not NUL-terminated. NULL if there are none.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const uint8_t *lode_buffer_data(const lode_buffer *buffer);

/**
 * How many bytes a buffer has.
 *
 * @param buffer the buffer. NULL: no bytes.
 * @return the number of bytes.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
size_t lode_buffer_len(const lode_buffer *buffer);

/**
 * Frees a buffer.
 *
 * @param buffer the buffer; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_buffer_free(lode_buffer *buffer);

/**
 * Gives the next text.
 *
 * @param strings the iterator. Not NULL.
 * @param string output: the text; NUL-terminated UTF-8, borrowed until the next call on the iterator; NULL
 *        at the end. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_ITEM: there is one. LODE_OK: the end. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE (another call
 *         is using the iterator), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED and LODE_ERR_ABORTED (as the options
 *         of the call that made the iterator say, the time counted for each call anew), LODE_ERR_IO,
 *         LODE_ERR_STORE, LODE_ERR_CORRUPT, LODE_ERR_NO_MEMORY. A failure stays.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_string_iterator_next(lode_string_iterator *strings,
                                      const char **string,
                                      lode_error **error);

/**
 * Frees an iterator.
 *
 * @param strings the iterator; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. One thread at a time. Since 0.1.0.
 */
void lode_string_iterator_free(lode_string_iterator *strings);

/**
 * Fills the options with the defaults: no codec, no compression, checksum XXH3, the default layout, full
 * durability.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_dataset_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_dataset_options_init(lode_dataset_options *options, size_t struct_size);

/**
 * Opens a dataset. Does no I/O: a dataset need not be created, its first commit makes it.
 *
 * @param store the store; the dataset keeps its own hold of it. Not NULL.
 * @param dataset_id the dataset's id: one path segment of at most 255 bytes, without '/' and control
 *        characters, not "." or ".."; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param options how it is written. Borrowed for the call. NULL: the defaults, which have no codec: enough
 *        to read.
 * @param dataset output: the dataset, which the caller owns and frees with lode_dataset_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (the message names the field and its value, or the partition
 *         key that cannot stand in a path), LODE_ERR_CODEC_REQUIRED (the hive layout without a codec),
 *         LODE_ERR_SCHEMA_INVALID and LODE_ERR_ARROW_TYPE (the schema; the message names the field),
 *         LODE_ERR_UNSUPPORTED (a codec or setting that this build lacks, or Parquet with a compressor),
 *         LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_open(lode_store *store,
                              const char *dataset_id,
                              const lode_dataset_options *options,
                              lode_dataset **dataset,
                              lode_error **error);

/**
 * Frees the caller's handle of a dataset. What was made from it goes on working.
 *
 * @param dataset the dataset; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
 */
void lode_dataset_free(lode_dataset *dataset);

/**
 * Resolves a commit that ended in LODE_ERR_COMMIT_UNKNOWN, in this process or an earlier one: finds that it
 * happened, or makes certain that it cannot any more.
 *
 * @param dataset the dataset. Not NULL.
 * @param snapshot_id the snapshot in doubt, from lode_error_snapshot_id; NUL-terminated UTF-8, borrowed for
 *        the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, if it is committed, which the caller owns and frees with
 *        lode_snapshot_free; else NULL. NULL: not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: it is committed. LODE_NOT_COMMITTED: it is not, and never will be.
 *         LODE_ERR_COMMIT_UNKNOWN: still in doubt, ask again. LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY,
 *         LODE_ERR_NEEDS_REPAIR, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT (no writer of this
 *         library made that id), LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO,
 *         LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_resolve_commit(lode_dataset *dataset,
                                        const char *snapshot_id,
                                        const lode_call_options *call,
                                        lode_snapshot **snapshot,
                                        lode_error **error);

/**
 * Makes a snapshot the head of its dataset: the way out of LODE_ERR_NEEDS_REPAIR, whose message names the
 * heads to choose from. The snapshot's ancestors stay with it; snapshots that are none of them can still be
 * read by their ids, but nothing is built on them any more. What writers of this library have committed
 * stays: if they have gone on from another snapshot, only the newest of theirs can be chosen, and the error
 * names it. The pointer "latest" is set to the choice, regardless of what it named; or, where a snapshot
 * that does not stay sorts above it, to a new one that repeats the choice and sorts above all. No writer of
 * the Go library may be at work. The call may be repeated.
 *
 * @param dataset the dataset. Not NULL.
 * @param snapshot_id the snapshot to be the head; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. NULL: not
 *        wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_SNAPSHOT_NOT_FOUND, LODE_ERR_NEEDS_REPAIR (another must be chosen: see
 *         lode_error_message), LODE_ERR_UNORDERABLE_PARENT (nothing can sort after that id), LODE_ERR_BUSY,
 *         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_DEADLINE,
 *         LODE_ERR_CANCELLED, LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_SPACE,
 *         LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_adopt(lode_dataset *dataset,
                               const char *snapshot_id,
                               const lode_call_options *call,
                               lode_snapshot **snapshot,
                               lode_error **error);

/**
 * Finds the newest snapshot, if its manifest lists this producer: what a producer asks after a restart.
 * lode_snapshot_find_producer then gives the sequence and the position to go on from. A commit that is
 * decided but not published yet counts, and the answer is durable.
 *
 * @param dataset the dataset. Not NULL.
 * @param producer_id the producer, not empty; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free; NULL with
 *        LODE_NONE. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_NONE (the producer is not listed: it has committed nothing, or more than 1,024
 *         others have committed since); LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE,
 *         LODE_ERR_CANCELLED, LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_find_producer(lode_dataset *dataset,
                                       const char *producer_id,
                                       const lode_call_options *call,
                                       lode_snapshot **snapshot,
                                       lode_error **error);

/**
 * How far a producer had come with a snapshot.
 *
 * @param snapshot the snapshot. Not NULL.
 * @param producer_id the producer; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param sequence output: the highest sequence that is committed; 0 with LODE_NONE. NULL: not wanted.
 * @param position output: the position that came with it, NUL-terminated UTF-8, owned by the snapshot, until
 *        lode_snapshot_free; NULL with LODE_NONE. NULL: not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_NONE (the producer is not listed); LODE_ERR_INVALID_ARGUMENT, LODE_ERR_CORRUPT (the
 *         manifest's map of producers is not valid), LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_snapshot_find_producer(const lode_snapshot *snapshot,
                                        const char *producer_id,
                                        uint64_t *sequence,
                                        const char **position,
                                        lode_error **error);

/**
 * Commits bytes in memory as one new snapshot, a raw blob: the bytes as they are given, through the
 * dataset's compressor. Blocks until the commit is decided or has failed.
 *
 * @param dataset the dataset, opened with LODE_CODEC_NONE. Not NULL.
 * @param data the bytes; borrowed for the call. NULL only if `len` is 0.
 * @param len how many bytes; 0 makes an empty blob.
 * @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
 *        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
 *        at most 128 levels, the object itself included.
 * @param options deadline, cancel token, progress (a blob counts as one record), expected parent,
 *        exactly-once key. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN: committed.
 *         LODE_ALREADY_COMMITTED: the producer's sequence was committed before; nothing was written, and
 *         `snapshot` is the head that says so. Of the arguments: LODE_ERR_INVALID_ARGUMENT (also if the
 *         dataset has a codec), LODE_ERR_UNSUPPORTED, LODE_ERR_METADATA_REQUIRED, LODE_ERR_METADATA_INVALID,
 *         LODE_ERR_METADATA_RESERVED. Of the commit: LODE_ERR_CONFLICT, LODE_ERR_SEQUENCE_TOO_OLD,
 *         LODE_ERR_COMMIT_UNKNOWN, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY,
 *         LODE_ERR_NEEDS_REPAIR, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT. Of the store:
 *         LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_NO_MEMORY.
 *
 * Any thread; several may write to one dataset at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_write_blob(lode_dataset *dataset,
                                    const void *data,
                                    size_t len,
                                    const char *metadata_json,
                                    const lode_commit_options *options,
                                    lode_snapshot **snapshot,
                                    lode_error **error);

/**
 * Commits records that are held in memory as one new snapshot: either all of them and a manifest, or
 * nothing. In a dataset of LODE_LAYOUT_HIVE each partition that occurs becomes a file, and the manifest a
 * copy beside each; in the other layouts all records become one file. A record that is refused leaves
 * nothing of the others. The stored line is the record's bytes as given, but for line breaks between its
 * tokens, which are removed. Blocks until the commit is decided or has failed.
 *
 * A record's partition is `key=value/key=value`, by the dataset's partition keys at the top of the
 * record. The value is a string's text, a number as it is written, `true` or `false`, escaped for a path
 * as URLs are; if a key occurs twice, the last counts. A record without the key, with a value that is
 * null, an array or an object, or whose value makes a name of more than 255 bytes is
 * LODE_ERR_INVALID_RECORD; the message names record and key.
 *
 * @param dataset the dataset. Not NULL.
 * @param records the records, `count` of them, one JSON document each; the array and what it points to are
 *        borrowed for the call and must not change during it. NULL if `count` is 0.
 * @param unix_nanos the records' times, `count` of them, in nanoseconds since the Unix epoch;
 *        LODE_NO_TIMESTAMP: none. Borrowed for the call. NULL: no record has one.
 * @param count how many records. 0 is allowed: an empty snapshot.
 * @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
 *        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
 *        at most 128 levels, the object itself included.
 * @param options deadline, cancel token, progress, expected parent, exactly-once key. Borrowed for the call.
 *        NULL: the defaults.
 * @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN: committed.
 *         LODE_ALREADY_COMMITTED: the producer's sequence was committed before; nothing was written, and
 *         `snapshot` is the head that says so. Of the arguments: LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_METADATA_REQUIRED, LODE_ERR_METADATA_INVALID,
 *         LODE_ERR_METADATA_RESERVED, LODE_ERR_CODEC_REQUIRED. Of the records: LODE_ERR_INVALID_RECORD,
 *         LODE_ERR_RECORD_TOO_LARGE. Of the commit: LODE_ERR_CONFLICT, LODE_ERR_SEQUENCE_TOO_OLD,
 *         LODE_ERR_COMMIT_UNKNOWN, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY,
 *         LODE_ERR_NEEDS_REPAIR, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT. Of the store:
 *         LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_NO_MEMORY.
 *
 * Any thread; several may write to one dataset at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_write_records(lode_dataset *dataset,
                                       const lode_bytes *records,
                                       const int64_t *unix_nanos,
                                       size_t count,
                                       const char *metadata_json,
                                       const lode_commit_options *options,
                                       lode_snapshot **snapshot,
                                       lode_error **error);

/**
 * Fills an iterator with the defaults: no callbacks.
 *
 * @param iterator the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_record_iterator), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_record_iterator_init(lode_record_iterator *iterator, size_t struct_size);

/**
 * Pulls all records from an iterator and commits them as one new snapshot: either all of them and a
 * manifest, or nothing. One record (or one batch) is in memory at a time. The stored line is the record's
 * bytes as given, but for line breaks between its tokens, which are removed. Blocks until the commit is
 * decided or has failed.
 *
 * @param dataset the dataset. Not NULL.
 * @param records the iterator; the struct is borrowed for the call, which calls `release` before it returns.
 *        Not NULL.
 * @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
 *        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
 *        at most 128 levels, the object itself included.
 * @param options deadline, cancel token, progress, expected parent, exactly-once key. Borrowed for the call.
 *        NULL: the defaults.
 * @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN: committed.
 *         LODE_ALREADY_COMMITTED: the producer's sequence was committed before; nothing was written, and
 *         `snapshot` is the head that says so. Of the arguments: LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_NIL_ITERATOR, LODE_ERR_METADATA_REQUIRED,
 *         LODE_ERR_METADATA_INVALID, LODE_ERR_METADATA_RESERVED, LODE_ERR_CODEC_REQUIRED,
 *         LODE_ERR_PARTITIONING_NOT_SUPPORTED. Of the records: LODE_ERR_ITERATOR,
 *         LODE_ERR_ITERATOR_CONTRACT, LODE_ERR_INVALID_RECORD, LODE_ERR_RECORD_TOO_LARGE. Of the commit:
 *         LODE_ERR_CONFLICT, LODE_ERR_SEQUENCE_TOO_OLD, LODE_ERR_COMMIT_UNKNOWN, LODE_ERR_DEADLINE,
 *         LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY, LODE_ERR_NEEDS_REPAIR,
 *         LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT. Of the store: LODE_ERR_IO,
 *         LODE_ERR_NO_SPACE, LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_NO_MEMORY.
 *
 * Any thread; several may write to one dataset at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_stream_write_records(lode_dataset *dataset,
                                              const lode_record_iterator *records,
                                              const char *metadata_json,
                                              const lode_commit_options *options,
                                              lode_snapshot **snapshot,
                                              lode_error **error);

/**
 * Pulls all records from an iterator into one part: all of them, or nothing; see lode_part.
 *
 * @param dataset the dataset. Not NULL.
 * @param records the iterator; the struct is borrowed for the call, which calls `release` before it returns.
 *        Not NULL.
 * @param call deadline, cancel token, progress (records, their bytes, bytes stored). Borrowed for
 *         the call. NULL: no limits.
 * @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; else as lode_dataset_stream_write_records, but for what concerns metadata and commit.
 *
 * Any thread; several may write to one dataset at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_stage_records(lode_dataset *dataset,
                                       const lode_record_iterator *records,
                                       const lode_call_options *call,
                                       lode_part **part,
                                       lode_error **error);

/**
 * Fills a source with the defaults: no callbacks.
 *
 * @param source the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_byte_source), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_byte_source_init(lode_byte_source *source, size_t struct_size);

/**
 * Pulls the bytes of a blob from a source and commits them as one new snapshot: either all of them and a
 * manifest, or nothing. Memory stays the same at any size. Blocks until the commit is decided or has failed.
 *
 * @param dataset the dataset, opened with LODE_CODEC_NONE. Not NULL.
 * @param source the source; the struct is borrowed for the call, which calls `release` before it returns.
 *        Not NULL.
 * @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
 *        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
 *        at most 128 levels, the object itself included.
 * @param options deadline (also between two calls of `read`), cancel token, progress (a blob counts as one
 *        record), expected parent. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK. LODE_ERR_NIL_ITERATOR: there is no source, or no `read`. LODE_ERR_ITERATOR: it failed.
 *         LODE_ERR_ITERATOR_CONTRACT: it answered more than `capacity`. LODE_OK and all else as
 *         lode_dataset_write_blob.
 *
 * Any thread; several may write to one dataset at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_stream_write_blob(lode_dataset *dataset,
                                           const lode_byte_source *source,
                                           const char *metadata_json,
                                           const lode_commit_options *options,
                                           lode_snapshot **snapshot,
                                           lode_error **error);

/**
 * Pulls the bytes of a blob from a source into one part: all of them, or nothing; see lode_part.
 *
 * @param dataset the dataset, opened with LODE_CODEC_NONE. Not NULL.
 * @param source the source; the struct is borrowed for the call, which calls `release` before it returns.
 *        Not NULL.
 * @param call deadline, cancel token, progress. Borrowed for the call. NULL: no limits.
 * @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; else as lode_dataset_stream_write_blob, but for what concerns metadata and commit.
 *
 * Any thread; several may write to one dataset at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_stage_blob(lode_dataset *dataset,
                                    const lode_byte_source *source,
                                    const lode_call_options *call,
                                    lode_part **part,
                                    lode_error **error);

/**
 * Fills the options with the defaults: bad records fail their append.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_record_writer_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_record_writer_options_init(lode_record_writer_options *options, size_t struct_size);

/**
 * Begins a snapshot whose records will be pushed. No reader sees anything of it before the commit.
 *
 * @param dataset the dataset; the writer keeps its own hold of it. Not NULL.
 * @param options how the writer behaves. Borrowed for the call. NULL: the defaults.
 * @param writer output: the writer, which the caller owns and frees with lode_record_writer_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_CODEC_REQUIRED,
 *         LODE_ERR_PARTITIONING_NOT_SUPPORTED, LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_open_record_writer(lode_dataset *dataset,
                                            const lode_record_writer_options *options,
                                            lode_record_writer **writer,
                                            lode_error **error);

/**
 * Adds one record. Never syncs, and never waits for another writer.
 *
 * @param writer the writer. Not NULL.
 * @param data the record: exactly one JSON document, without its line break; borrowed for the call. NULL
 *        only if `len` is 0, which is no document.
 * @param len its length in bytes.
 * @param unix_nanos where its time stands, in nanoseconds since the Unix epoch; borrowed for the call. NULL
 *        (and, as in lode_record_writer_append_batch, the value LODE_NO_TIMESTAMP): the record has no time.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: the writer holds the record, or has skipped it by its option. LODE_ERR_INVALID_RECORD
 *         (see lode_error_offset), LODE_ERR_RECORD_TOO_LARGE, LODE_ERR_NO_SPACE: the writer stays usable; go
 *         on with the next record. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE, LODE_ERR_IO,
 *         LODE_ERR_NO_MEMORY.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_writer_append(lode_record_writer *writer,
                                      const void *data,
                                      size_t len,
                                      const int64_t *unix_nanos,
                                      lode_error **error);

/**
 * Adds many records that lie one after the other in one buffer.
 *
 * @param writer the writer. Not NULL.
 * @param data the records, each exactly one JSON document, with nothing between them; borrowed for the call.
 *        NULL only if the lengths add up to 0.
 * @param lengths `count` lengths in bytes, in order; borrowed for the call. NULL only if `count` is 0.
 * @param unix_nanos `count` times, in nanoseconds since the Unix epoch, LODE_NO_TIMESTAMP for none; borrowed
 *        for the call. NULL: no record has a time.
 * @param count how many records.
 * @param taken output, also on failure: how many records were processed, those skipped by the writer's
 *        option included. If the call fails, record number `taken` is the one that failed, and the writer
 *        holds those before it: go on at `taken` + 1. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: all were processed; else as lode_record_writer_append.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_writer_append_batch(lode_record_writer *writer,
                                            const void *data,
                                            const size_t *lengths,
                                            const int64_t *unix_nanos,
                                            size_t count,
                                            size_t *taken,
                                            lode_error **error);

/**
 * Adds many records that lie anywhere: one call for what an event loop or a binding has at hand, without
 * copying it together first.
 *
 * @param writer the writer. Not NULL.
 * @param records the records, `count` of them, one JSON document each; the array and what it points to are
 *        borrowed for the call. NULL only if `count` is 0.
 * @param unix_nanos `count` times, in nanoseconds since the Unix epoch, LODE_NO_TIMESTAMP for none; borrowed
 *        for the call. NULL: no record has a time.
 * @param count how many records.
 * @param taken output, also on failure: how many records were processed, those skipped by the writer's
 *        option included. If the call fails, record number `taken` is the one that failed, and the writer
 *        holds those before it: go on at `taken` + 1. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: all were processed; else as lode_record_writer_append.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_writer_append_records(lode_record_writer *writer,
                                              const lode_bytes *records,
                                              const int64_t *unix_nanos,
                                              size_t count,
                                              size_t *taken,
                                              lode_error **error);

/**
 * Adds the whole lines of a buffer, one record each, without times. Blank lines (nothing but white space)
 * are no records. What follows the last line break is left: it is the beginning of the next buffer. (A last
 * line without its break is given to lode_record_writer_append.)
 *
 * @param writer the writer. Not NULL.
 * @param data the buffer; borrowed for the call. NULL only if `len` is 0.
 * @param len its length in bytes.
 * @param consumed output, also on failure: how many bytes of whole lines were processed. If the call fails,
 *        the line that failed begins there, and the writer holds those before it. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: all whole lines were processed; else as lode_record_writer_append.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_writer_append_lines(lode_record_writer *writer,
                                            const void *data,
                                            size_t len,
                                            size_t *consumed,
                                            lode_error **error);

/**
 * How many records the writer holds. After a commit or an abort: how many it held then.
 *
 * @param writer the writer. NULL: see below.
 * @return the number of records; -1 if another call is using the writer, or `writer` is NULL.
 *
 * Cannot fail. One thread at a time. Since 0.1.0.
 */
int64_t lode_record_writer_record_count(const lode_record_writer *writer);

/**
 * How many bad records were left out, which happens with LODE_BAD_RECORD_SKIP only.
 *
 * @param writer the writer. NULL: see below.
 * @return the number of records; -1 if another call is using the writer, or `writer` is NULL.
 *
 * Cannot fail. One thread at a time. Since 0.1.0.
 */
int64_t lode_record_writer_skipped_count(const lode_record_writer *writer);

/**
 * How many bytes the writer's records have, before compression. After a commit or an abort: how many they
 * had then.
 *
 * @param writer the writer. NULL: see below.
 * @return bytes; -1 if another call is using the writer, or `writer` is NULL.
 *
 * Cannot fail. One thread at a time. Since 0.1.0.
 */
int64_t lode_record_writer_byte_count(const lode_record_writer *writer);

/**
 * Commits the records as one new snapshot: all of them and a manifest, or nothing. Blocks until the commit
 * is decided or has failed. No records make an empty snapshot.
 *
 * If it fails the records are kept, and the commit may be repeated, with other options too. A repetition
 * after LODE_ERR_COMMIT_UNKNOWN first resolves the commit before.
 *
 * @param writer the writer. Not NULL.
 * @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
 *        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
 *        at most 128 levels, the object itself included.
 * @param options deadline, cancel token, progress, expected parent, exactly-once key. Borrowed for the call.
 *        NULL: the defaults.
 * @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN: committed.
 *         LODE_ALREADY_COMMITTED: the producer's sequence was committed before; nothing was written, and
 *         `snapshot` is the head that says so. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED,
 *         LODE_ERR_METADATA_REQUIRED, LODE_ERR_METADATA_INVALID, LODE_ERR_METADATA_RESERVED, LODE_ERR_STATE,
 *         LODE_ERR_CONFLICT, LODE_ERR_SEQUENCE_TOO_OLD, LODE_ERR_COMMIT_UNKNOWN, LODE_ERR_DEADLINE,
 *         LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY, LODE_ERR_NEEDS_REPAIR,
 *         LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT, LODE_ERR_MANIFEST_INVALID,
 *         LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_writer_commit(lode_record_writer *writer,
                                      const char *metadata_json,
                                      const lode_commit_options *options,
                                      lode_snapshot **snapshot,
                                      lode_error **error);

/**
 * Gives the records up and removes what was staged. The writer can then only be freed; a second abort does
 * nothing.
 *
 * @param writer the writer. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_STATE (it is committed), LODE_ERR_COMMIT_UNKNOWN (a commit was tried and is
 *         still in doubt: its records are kept), LODE_ERR_INVALID_ARGUMENT.
 *
 * One thread at a time. Since 0.1.0.
 */
lode_status lode_record_writer_abort(lode_record_writer *writer, lode_error **error);

/**
 * Frees a writer. Records that were not committed are discarded; a free never commits.
 *
 * @param writer the writer; it is not valid afterwards. NULL: nothing happens. A callback of a call that
 *        uses the writer may free it, too: it then lives until that call ends.
 *
 * Cannot fail. One thread at a time. Since 0.1.0.
 */
void lode_record_writer_free(lode_record_writer *writer);

/**
 * Fills the options with the defaults: nothing is written back before the commit asks for it.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_blob_writer_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_blob_writer_options_init(lode_blob_writer_options *options, size_t struct_size);

/**
 * Begins a snapshot, a raw blob, whose bytes will be pushed. No reader sees anything of it
 * before the commit.
 *
 * @param dataset the dataset, opened with LODE_CODEC_NONE; the writer keeps its own hold of it. Not NULL.
 * @param options how the writer behaves. Borrowed for the call. NULL: the defaults.
 * @param writer output: the writer, which the caller owns and frees with lode_blob_writer_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also if the dataset has a codec), LODE_ERR_UNSUPPORTED,
 *         LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_open_blob_writer(lode_dataset *dataset,
                                          const lode_blob_writer_options *options,
                                          lode_blob_writer **writer,
                                          lode_error **error);

/**
 * Adds bytes at the end of the blob. Never syncs, and never waits for another writer.
 *
 * @param writer the writer. Not NULL.
 * @param data the bytes; borrowed for the call. NULL only if `len` is 0.
 * @param len how many bytes.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: the writer holds all of them. LODE_ERR_NO_SPACE: the writer stays usable. Of up to 262144
 *         bytes none was taken; of more perhaps some: make the same call again, and it goes on where it was.
 *         Until that has succeeded any other write, and a commit, gives LODE_ERR_STATE. LODE_ERR_STATE,
 *         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_blob_writer_write(lode_blob_writer *writer,
                                   const void *data,
                                   size_t len,
                                   lode_error **error);

/**
 * Commits the bytes as one new snapshot: all of them and a manifest, or nothing. Blocks until the commit is
 * decided or has failed. No bytes make an empty blob.
 *
 * If it fails the bytes are kept, and the commit may be repeated, with other options too. A repetition after
 * LODE_ERR_COMMIT_UNKNOWN first resolves the commit before.
 *
 * @param writer the writer. Not NULL.
 * @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
 *        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
 *        at most 128 levels, the object itself included.
 * @param options deadline, cancel token, progress, expected parent, exactly-once key. Borrowed for the call.
 *        NULL: the defaults.
 * @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_ERR_STATE: there is nothing to commit, or a write was taken in part only. LODE_OK and all
 *         else as lode_dataset_write_blob.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_blob_writer_commit(lode_blob_writer *writer,
                                    const char *metadata_json,
                                    const lode_commit_options *options,
                                    lode_snapshot **snapshot,
                                    lode_error **error);

/**
 * Gives the bytes up and removes what was staged. The writer can then only be freed; a second abort does
 * nothing.
 *
 * @param writer the writer. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_STATE (it is committed), LODE_ERR_COMMIT_UNKNOWN (a commit was tried and is
 *         still in doubt: its bytes are kept), LODE_ERR_INVALID_ARGUMENT.
 *
 * One thread at a time. Since 0.1.0.
 */
lode_status lode_blob_writer_abort(lode_blob_writer *writer, lode_error **error);

/**
 * Frees a writer. Bytes that were not committed are discarded; a free never commits.
 *
 * @param writer the writer; it is not valid afterwards. NULL: nothing happens. A callback of a call that
 *        uses the writer may free it, too: it then lives until that call ends.
 *
 * Cannot fail. One thread at a time. Since 0.1.0.
 */
void lode_blob_writer_free(lode_blob_writer *writer);

/**
 * Makes the records that a writer has taken durable as a part, instead of committing them. The writer can
 * then only be freed. If it fails the records are kept, and it may be repeated.
 *
 * @param writer the writer. Not NULL.
 * @param call deadline, cancel token, progress. Borrowed for the call. NULL: no limits.
 * @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_STATE, LODE_ERR_COMMIT_UNKNOWN
 *         (a commit was tried and is still in doubt), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *         LODE_ERR_ABORTED, LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_writer_stage(lode_record_writer *writer,
                                     const lode_call_options *call,
                                     lode_part **part,
                                     lode_error **error);

/**
 * Makes the bytes that a writer has taken durable as a part, instead of committing them. The writer can then
 * only be freed. If it fails the bytes are kept, and it may be repeated.
 *
 * @param writer the writer. Not NULL.
 * @param call deadline, cancel token, progress. Borrowed for the call. NULL: no limits.
 * @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK, and all else as lode_record_writer_stage; LODE_ERR_STATE also if a write was taken in
 *         part only.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_blob_writer_stage(lode_blob_writer *writer,
                                   const lode_call_options *call,
                                   lode_part **part,
                                   lode_error **error);

/**
 * A part that any process has staged, from the JSON that lode_part_json gave there. Nothing is read from the
 * store: whether the part's files are there, and are what they should be, is checked by the commit.
 *
 * @param dataset the dataset that the part belongs to, opened with the layout, codec, compressor and
 *         checksum that it was staged with. Not NULL.
 * @param json the part's JSON; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (naming the field: it is no part, or none of this dataset as it
 *         is opened), LODE_ERR_UNSUPPORTED (it is of the form of a later version), LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_part_from_json(lode_dataset *dataset,
                                        const char *json,
                                        lode_part **part,
                                        lode_error **error);

/**
 * Commits parts as one new snapshot, in the order given: their records are read in that order. Expected
 * parent, producer and the other options of a commit apply. The parts' files stay with any outcome, so that
 * a commit that failed may be repeated; no part is committed twice.
 *
 * The size of each file is checked (one request); with `verify_parts` its bytes are read and compared with
 * its checksum. To find whether a snapshot holds one of the parts already, the call reads the manifests of
 * the snapshots that were committed since the oldest part's writer was opened, each once for a dataset
 * handle.
 *
 * @param dataset the dataset that they belong to. Not NULL.
 * @param parts `count` parts of this dataset, each once; borrowed for the call. NULL only if `count` is 0.
 * @param count how many. 0: an empty snapshot. For a dataset of raw blobs, 1.
 * @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
 *         call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
 *         at most 128 levels, the object itself included.
 * @param options as for any commit, and `verify_parts`. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
 *         not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_ERR_INVALID_ARGUMENT: a part of another dataset or other options, or one that is given twice.
 *         LODE_ERR_NOT_FOUND: a part's file is not there (discarded, removed by clean-up, or another
 *         store's). LODE_ERR_CORRUPT: it has another size or checksum. LODE_ERR_PART_COMMITTED: the snapshot
 *         of lode_error_snapshot_id holds one of them. LODE_ERR_STAGED_TOO_OLD: one was staged more than 24
 *         hours ago. LODE_OK and all else as lode_dataset_stream_write_records, but for what concerns
 *         records.
 *
 * Any thread; several may write to one dataset at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_commit_parts(lode_dataset *dataset,
                                      const lode_part *const *parts,
                                      size_t count,
                                      const char *metadata_json,
                                      const lode_commit_options *options,
                                      lode_snapshot **snapshot,
                                      lode_error **error);

/**
 * Removes the files of a part that will not be committed. Files that do not exist any more are no failure. A
 * part that a commit in doubt may hold (LODE_ERR_COMMIT_UNKNOWN) is discarded only after that commit is
 * resolved.
 *
 * @param part the part; it stays valid until its free. Not NULL.
 * @param call deadline, cancel token, progress. Borrowed for the call. NULL: no limits.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_PART_COMMITTED (the snapshot of lode_error_snapshot_id holds it: nothing is
 *         removed), LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *         LODE_ERR_ABORTED, LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_part_discard(const lode_part *part,
                              const lode_call_options *call,
                              lode_error **error);

/**
 * A part as one line of JSON, without a line break, to be sent anywhere and given to
 * lode_dataset_part_from_json: path, size and checksum of each file, records, times, statistics, and when it
 * was staged.
 *
 * @param part the part. NULL: see below.
 * @return NUL-terminated UTF-8, owned by the part, until lode_part_free; NULL if `part` is NULL or there is
 *         no memory.
 *
 * Cannot fail otherwise. Any thread. Since 0.1.0.
 */
const char *lode_part_json(const lode_part *part);

/**
 * The id that a part's files lie under. It identifies the part.
 *
 * @param part the part. NULL: see below.
 * @return NUL-terminated UTF-8, owned by the part, until lode_part_free; NULL if `part` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_part_id(const lode_part *part);

/**
 * How many records a part has; a raw blob counts 1.
 *
 * @param part the part. NULL: see below.
 * @return the number of records; -1 if `part` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_part_record_count(const lode_part *part);

/**
 * How many bytes the files of a part have as they are stored.
 *
 * @param part the part. NULL: see below.
 * @return bytes; -1 if `part` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_part_size(const lode_part *part);

/**
 * How many files a part has: one, unless its writer wrote several.
 *
 * @param part the part. NULL: see below.
 * @return the number of files; 0 if `part` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
size_t lode_part_file_count(const lode_part *part);

/**
 * The store key of one of a part's files.
 *
 * @param part the part. NULL: see below.
 * @param index which file, from 0.
 * @return NUL-terminated UTF-8, owned by the part, until lode_part_free; NULL if `part` is NULL, `index` is
 *         out of range, or there is no memory.
 *
 * Cannot fail otherwise. Any thread. Since 0.1.0.
 */
const char *lode_part_file_path(const lode_part *part, size_t index);

/**
 * Frees a part's handle. Its files stay in the store.
 *
 * @param part the part; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_part_free(lode_part *part);

/**
 * Finds the newest snapshot of a dataset, its head.
 *
 * @param dataset the dataset. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_NO_SNAPSHOTS (there is none yet), LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_LAYOUT_MISMATCH (it has snapshots of another layout only),
 *         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_MANIFEST_INVALID,
 *         LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_find_latest(lode_dataset *dataset,
                                     const lode_call_options *call,
                                     lode_snapshot **snapshot,
                                     lode_error **error);

/**
 * Finds one snapshot of a dataset by its id.
 *
 * @param dataset the dataset. Not NULL.
 * @param snapshot_id the id; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_SNAPSHOT_NOT_FOUND, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED,
 *         LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
 *         LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_find_snapshot(lode_dataset *dataset,
                                       const char *snapshot_id,
                                       const lode_call_options *call,
                                       lode_snapshot **snapshot,
                                       lode_error **error);

/**
 * Begins to list the snapshots of a dataset, oldest first. The last one is the head as it is at this call;
 * snapshots committed later are not shown. A dataset without snapshots gives an iterator that is at its end.
 *
 * @param dataset the dataset. Not NULL.
 * @param call deadline and cancel token, for this call, and again for each lode_snapshot_iterator_next, from
 *        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
 *        defaults.
 * @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
 *        Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_LAYOUT_MISMATCH,
 *         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_MANIFEST_INVALID,
 *         LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_list_snapshots(lode_dataset *dataset,
                                        const lode_call_options *call,
                                        lode_snapshot_iterator **snapshots,
                                        lode_error **error);

/**
 * Begins to list what is new in a dataset: the snapshots after a given one, oldest first. The last one is
 * the head as it is at this call. The history is walked from the head to `snapshot_id`, so the cost is that
 * of what is new: one manifest for each, and beyond the first few hundred a second time when it is given.
 *
 * The head gives an iterator that is at its end, as does a snapshot that is committed but not published yet,
 * and a dataset without snapshots for NULL. Snapshots that only repeat their parent are left out.
 *
 * @param dataset the dataset. Not NULL.
 * @param snapshot_id the last snapshot that the caller knows; NUL-terminated UTF-8, borrowed for the call.
 *        NULL: none, so all are new.
 * @param call deadline and cancel token, for this call, and again for each lode_snapshot_iterator_next, from
 *        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
 *        defaults.
 * @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
 *        Its memory is some 40 bytes for each new snapshot, and a few MiB. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_SNAPSHOT_NOT_FOUND (it is no ancestor of the head), LODE_ERR_CORRUPT (also if a
 *         parent is missing, or does not sort below its child), LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
 *         LODE_ERR_MANIFEST_INVALID, LODE_ERR_STORE, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_list_changes(lode_dataset *dataset,
                                      const char *snapshot_id,
                                      const lode_call_options *call,
                                      lode_snapshot_iterator **snapshots,
                                      lode_error **error);

/**
 * Gives the next snapshot.
 *
 * @param snapshots the iterator. Not NULL.
 * @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free; NULL at the
 *        end. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_ITEM: there is one. LODE_OK: the end. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE (another call
 *         is using the iterator), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED and LODE_ERR_ABORTED (as the options
 *         of the call that made the iterator say), LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT,
 *         LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_STORE, LODE_ERR_IO, LODE_ERR_NO_MEMORY. A failure stays.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_snapshot_iterator_next(lode_snapshot_iterator *snapshots,
                                        lode_snapshot **snapshot,
                                        lode_error **error);

/**
 * Frees an iterator. The snapshots that it gave live on.
 *
 * @param snapshots the iterator; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. One thread at a time. Since 0.1.0.
 */
void lode_snapshot_iterator_free(lode_snapshot_iterator *snapshots);

/**
 * The snapshot's id. Ids of one dataset, compared as bytes, stand in the order of its history.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_id(const lode_snapshot *snapshot);

/**
 * The id of the dataset that the snapshot belongs to.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_dataset_id(const lode_snapshot *snapshot);

/**
 * The id of the snapshot before this one.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL for a dataset's first snapshot, or if
 *         `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_parent_id(const lode_snapshot *snapshot);

/**
 * When the snapshot was committed, by the writer's clock.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return nanoseconds since the Unix epoch; LODE_NO_TIMESTAMP if `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_snapshot_created_at(const lode_snapshot *snapshot);

/**
 * How many records the snapshot holds.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return the number of records, a raw blob counting 1; -1 if `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_snapshot_row_count(const lode_snapshot *snapshot);

/**
 * The earliest time of a record.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return nanoseconds since the Unix epoch; LODE_NO_TIMESTAMP if no record had a time, or if `snapshot` is
 *         NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_snapshot_min_timestamp(const lode_snapshot *snapshot);

/**
 * The latest time of a record.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return nanoseconds since the Unix epoch; LODE_NO_TIMESTAMP if no record had a time, or if `snapshot` is
 *         NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_snapshot_max_timestamp(const lode_snapshot *snapshot);

/**
 * The codec that the snapshot was written with, by its name in the manifest.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return "jsonl" or "parquet", owned by the snapshot, until lode_snapshot_free; NULL for a raw blob, or if
 *         `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_codec(const lode_snapshot *snapshot);

/**
 * The compressor that the snapshot was written with, by its name in the manifest.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return "noop", "gzip" or "zstd", owned by the snapshot, until lode_snapshot_free; NULL if `snapshot` is
 *         NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_compressor(const lode_snapshot *snapshot);

/**
 * The metadata that came with the commit, as one JSON object with its keys sorted.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; "{}" if there is none; NULL if `snapshot`
 *         is NULL or memory ran out.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_metadata_json(const lode_snapshot *snapshot);

/**
 * The whole manifest, byte for byte as it is stored.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return JSON text, UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `snapshot` is NULL or
 *         memory ran out.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_manifest_json(const lode_snapshot *snapshot);

/**
 * How many data files the snapshot has.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return the number of files; 0 if `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
size_t lode_snapshot_file_count(const lode_snapshot *snapshot);

/**
 * A data file's key in the store.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `index` is out of range,
 *         `snapshot` is NULL or memory ran out.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_file_path(const lode_snapshot *snapshot, size_t index);

/**
 * Where another program finds a data file: an absolute path, as of the opening of the store.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if the store has no such place,
 *         `index` is out of range, `snapshot` is NULL or memory ran out.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_file_location(const lode_snapshot *snapshot, size_t index);

/**
 * The checksum of a data file's stored (compressed) bytes, in lower-case hex. Which checksum it is, the
 * manifest says.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if the file has none, `index` is
 *         out of range, `snapshot` is NULL or memory ran out.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_file_checksum(const lode_snapshot *snapshot, size_t index);

/**
 * A data file's size as stored (compressed).
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
 * @return bytes; -1 if `index` is out of range or `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_snapshot_file_size(const lode_snapshot *snapshot, size_t index);

/**
 * How many records a data file holds.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
 * @return the number of records; -1 if the manifest does not say, if `index` is out of range or `snapshot`
 *         is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
int64_t lode_snapshot_file_row_count(const lode_snapshot *snapshot, size_t index);

/**
 * Frees a snapshot's handle and the texts it gave out. The snapshot itself stays in the store.
 *
 * @param snapshot the handle; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
 */
void lode_snapshot_free(lode_snapshot *snapshot);

/**
 * Fills the options with the defaults: no limits, verified as the records stream.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_read_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_read_options_init(lode_read_options *options, size_t struct_size);

/**
 * Begins to read a snapshot's records, in the order in which they were written. Codec, compressor and
 * checksum are those of the snapshot's manifest, not of the dataset's options.
 *
 * @param dataset the dataset that the snapshot belongs to; the reader keeps its own hold of it. Not NULL.
 * @param snapshot the snapshot; the reader keeps its own hold of it. Not NULL.
 * @param options deadline, cancel token and what to verify. Borrowed for the call. NULL: the defaults.
 * @param reader output: the reader, which the caller owns and frees with lode_record_reader_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also if the snapshot belongs to another dataset),
 *         LODE_ERR_UNSUPPORTED (the snapshot's codec or compressor is none of this build's),
 *         LODE_ERR_CODEC_REQUIRED (it is a raw blob), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *         LODE_ERR_NOT_FOUND, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_open_record_reader(lode_dataset *dataset,
                                            const lode_snapshot *snapshot,
                                            const lode_read_options *options,
                                            lode_record_reader **reader,
                                            lode_error **error);

/**
 * Begins to read the records of all snapshots that were committed after a position, oldest first, as one
 * stream. Its end is the end of the snapshot that is the head as this call runs; a reader made with the
 * position of the end gives what is committed later. Every snapshot read must hold records.
 *
 * @param dataset the dataset; the reader keeps its own hold of it. Not NULL.
 * @param position where to begin, as lode_record_reader_get_position gave it, or a snapshot's id, whose
 *        records, and those of all before it, are known; NUL-terminated UTF-8, borrowed for the call. NULL
 *        or "": nothing is known, begin with the first snapshot.
 * @param options deadline of this call and of each call on the reader, cancel token and what to verify.
 *        Borrowed for the call, but for the token, which the reader keeps its own hold of. NULL: the
 *        defaults.
 * @param reader output: the reader, which the caller owns and frees with lode_record_reader_free. Its memory
 *        is that of a reader of one snapshot, and some 40 bytes for each new snapshot. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_SNAPSHOT_NOT_FOUND (the position's snapshot is no ancestor of the head),
 *         LODE_ERR_INVALID_ARGUMENT (also if `position` is none), LODE_ERR_CODEC_REQUIRED (a raw blob),
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_MANIFEST_INVALID,
 *         LODE_ERR_CORRUPT, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_STORE, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_open_record_reader_since(lode_dataset *dataset,
                                                  const char *position,
                                                  const lode_read_options *options,
                                                  lode_record_reader **reader,
                                                  lode_error **error);

/**
 * Gives the position that a reader has reached. lode_dataset_open_record_reader_since goes on from there,
 * with the record after the last one that was given, also in the middle of a snapshot. A consumer that
 * stores the position together with what it made of the records takes each of them once.
 *
 * @param reader the reader. Not NULL.
 * @param position output: the position; NUL-terminated UTF-8 of at most 300 bytes, owned by the reader,
 *        until its next call or free; "" before the first record of all. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE (another call is using the reader),
 *         LODE_ERR_NO_MEMORY.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_reader_get_position(lode_record_reader *reader,
                                            const char **position,
                                            lode_error **error);

/**
 * Gives the next record.
 *
 * @param reader the reader. Not NULL.
 * @param record output: the record's bytes, without a line break, owned by the reader, until its next call
 *        or free; NULL and 0 at the end. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_ITEM: there is one. LODE_OK: the end; all that was to be verified is. LODE_ERR_CORRUPT (the
 *         message names path, expected and found), LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE (another call
 *         is using the reader), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_NOT_FOUND,
 *         LODE_ERR_RECORD_TOO_LARGE, LODE_ERR_IO, LODE_ERR_NO_MEMORY. A failure stays.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_reader_next(lode_record_reader *reader,
                                    lode_bytes *record,
                                    lode_error **error);

/**
 * Gives the next records, as many as are ready: a batch may be shorter than `capacity` before the end.
 * Records that come before a failure are given first.
 *
 * @param reader the reader. Not NULL.
 * @param records output: an array of the caller's with `capacity` places, of which the first `count` are
 *        filled with the records' bytes, without line breaks, owned by the reader, until its next call or
 *        free. Not NULL.
 * @param capacity how many records the array can hold, at least 1.
 * @param count output: how many records there are; 0 at the end. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_ITEM: there is at least one; else as lode_record_reader_next.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_reader_next_batch(lode_record_reader *reader,
                                          lode_bytes *records,
                                          size_t capacity,
                                          size_t *count,
                                          lode_error **error);

/**
 * Frees a reader and the records that it gave out.
 *
 * @param reader the reader; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. One thread at a time. Since 0.1.0.
 */
void lode_record_reader_free(lode_record_reader *reader);

/**
 * Begins to read a snapshot that is a raw blob. Compressor and checksum are those of the snapshot's
 * manifest, not of the dataset's options. Does no I/O: the file is opened by the first read.
 *
 * @param dataset the dataset that the snapshot belongs to; the reader keeps its own hold of it. Not NULL.
 * @param snapshot the snapshot; borrowed for the call. Not NULL.
 * @param options deadline of each call, cancel token and what to verify. Borrowed for the call, but for the
 *        token, which the reader keeps its own hold of. NULL: the defaults.
 * @param reader output: the reader, which the caller owns and frees with lode_blob_reader_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also if the snapshot holds records, or belongs to another
 *         dataset), LODE_ERR_UNSUPPORTED (its compressor or checksum is none of this build's),
 *         LODE_ERR_MANIFEST_INVALID (its manifest does not name exactly one file), LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_open_blob_reader(lode_dataset *dataset,
                                          const lode_snapshot *snapshot,
                                          const lode_read_options *options,
                                          lode_blob_reader **reader,
                                          lode_error **error);

/**
 * Gives the next bytes of the stream: as many as there is room for, unless the end or a fault comes first.
 * Bytes that come before a failure are given first. The checksum is compared at the end: read until LODE_OK.
 *
 * @param reader the reader. Not NULL.
 * @param buffer output: room for `capacity` bytes, of which the first `len` are filled. Not NULL.
 * @param capacity how many bytes there is room for, at least 1.
 * @param len output: how many bytes there are; 0 at the end. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_ITEM: there is at least one byte. LODE_OK: the end; all that was to be verified is.
 *         LODE_ERR_CORRUPT (the message names path, expected and found), LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_STATE (another call is using the reader), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *         LODE_ERR_NOT_FOUND, LODE_ERR_IO, LODE_ERR_NO_MEMORY. A failure stays, but for
 *         LODE_ERR_INVALID_ARGUMENT and LODE_ERR_STATE.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_blob_reader_read(lode_blob_reader *reader,
                                  void *buffer,
                                  size_t capacity,
                                  size_t *len,
                                  lode_error **error);

/**
 * Gives the bytes from an offset on: as many as there is room for, unless the blob's end comes first. The
 * call neither depends on the stream nor moves it.
 *
 * Bytes of a range are checked by the file's size only, unless the option `verify` is LODE_VERIFY_FIRST:
 * then the whole file is checked before the first byte. An uncompressed blob is read where the bytes are. A
 * compressed one has no such places: it is decoded from its beginning, or on from the end of the last range
 * if that is not beyond `offset`, so ranges in rising order cost as much as one stream, and each step back a
 * new beginning.
 *
 * @param reader the reader. Not NULL.
 * @param offset the first byte wanted, counted from 0 in the blob as it was given (not as it is stored).
 * @param buffer output: room for `capacity` bytes, of which the first `len` are filled. Not NULL.
 * @param capacity how many bytes there is room for, at least 1.
 * @param len output: how many bytes there are, fewer than `capacity` only at the blob's end; 0 at the end
 *        and beyond. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_ITEM: there is at least one byte. LODE_OK: there is none at `offset`. Failures as
 *         lode_blob_reader_read, but they do not stay.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_blob_reader_read_at(lode_blob_reader *reader,
                                     uint64_t offset,
                                     void *buffer,
                                     size_t capacity,
                                     size_t *len,
                                     lode_error **error);

/**
 * Frees a reader.
 *
 * @param reader the reader; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. One thread at a time. Since 0.1.0.
 */
void lode_blob_reader_free(lode_blob_reader *reader);

/**
 * Adds the lines that a file descriptor gives until its end, one record each, without times. Blank lines are
 * no records, and the last line needs no line break. Files, pipes, sockets and terminals work. The call
 * continues after a signal, and waits for a descriptor that does not block.
 *
 * The writer keeps what was read and not yet taken: after a failure the same call goes on from there,
 * without the line that was refused. A commit does not include it. The message about a refused line begins
 * with its number in what the descriptor gave, counted from 1, and with the byte, counted from 0.
 *
 * @param writer the writer. Not NULL.
 * @param fd the descriptor, open for reading; it stays the caller's, who closes it.
 * @param call deadline, cancel token and progress, of which the bytes read count. Borrowed for the call.
 *        NULL: the defaults, which wait for as long as the descriptor gives nothing.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: the writer holds all lines up to the end, or has skipped them by its option.
 *         LODE_ERR_INVALID_RECORD, LODE_ERR_RECORD_TOO_LARGE, LODE_ERR_NO_SPACE, LODE_ERR_DEADLINE,
 *         LODE_ERR_CANCELLED, LODE_ERR_ABORTED and failures of the descriptor (LODE_ERR_IO): the writer
 *         stays usable. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_STATE, LODE_ERR_NO_MEMORY.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_writer_append_from_fd(lode_record_writer *writer,
                                              int32_t fd,
                                              const lode_call_options *call,
                                              lode_error **error);

/**
 * Adds the bytes that a file descriptor gives until its end, as lode_record_writer_append_from_fd adds
 * lines.
 *
 * @param writer the writer. Not NULL.
 * @param fd the descriptor, open for reading; it stays the caller's, who closes it.
 * @param call deadline, cancel token and progress, of which the bytes read count. Borrowed for the call.
 *        NULL: the defaults, which wait for as long as the descriptor gives nothing.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: the writer holds all bytes up to the end. LODE_ERR_NO_SPACE, LODE_ERR_DEADLINE,
 *         LODE_ERR_CANCELLED, LODE_ERR_ABORTED and failures of the descriptor (LODE_ERR_IO): the writer
 *         stays usable, and the same call goes on where it was. LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_STATE, LODE_ERR_NO_MEMORY.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_blob_writer_write_from_fd(lode_blob_writer *writer,
                                           int32_t fd,
                                           const lode_call_options *call,
                                           lode_error **error);

/**
 * Writes the records that are left to a file descriptor, each with a line break, until the end. The call
 * continues after a partial write or a signal, and waits for a descriptor that does not block. A pipe or
 * socket without a reader is LODE_ERR_IO with EPIPE, and no signal.
 *
 * @param reader the reader; the deadline and cancel token of its options hold for this call. Not NULL.
 * @param fd the descriptor, open for writing; it stays the caller's, who closes it.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: the end; all that was to be verified is. Failures as lode_record_reader_next; and, which
 *         do not stay, LODE_ERR_IO and LODE_ERR_NO_SPACE of the descriptor, and LODE_ERR_DEADLINE and
 *         LODE_ERR_CANCELLED while it was waited for: what it has not taken is kept, and the same call goes
 *         on with it, also in the middle of a record.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_reader_read_to_fd(lode_record_reader *reader,
                                          int32_t fd,
                                          lode_error **error);

/**
 * Writes the bytes that are left of a blob to a file descriptor, as lode_record_reader_read_to_fd writes
 * records.
 *
 * @param reader the reader; the deadline and cancel token of its options hold for this call. Not NULL.
 * @param fd the descriptor, open for writing; it stays the caller's, who closes it.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: the end; all that was to be verified is. Failures as lode_blob_reader_read; and, which do
 *         not stay, LODE_ERR_IO and LODE_ERR_NO_SPACE of the descriptor, and LODE_ERR_DEADLINE and
 *         LODE_ERR_CANCELLED while it was waited for: what it has not taken is kept, and the same call goes
 *         on with it.
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_blob_reader_read_to_fd(lode_blob_reader *reader,
                                        int32_t fd,
                                        lode_error **error);

/**
 * Fills the options with the defaults: datasets of the default layout.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_catalog_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_catalog_options_init(lode_catalog_options *options, size_t struct_size);

/**
 * Opens a catalog of the datasets in a store that have this layout. No I/O.
 *
 * @param store the store; the catalog keeps its own hold of it. Not NULL.
 * @param options which layout. Borrowed for the call. NULL: the default layout.
 * @param catalog output: the catalog, which the caller owns and frees with lode_catalog_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_catalog_open(lode_store *store,
                              const lode_catalog_options *options,
                              lode_catalog **catalog,
                              lode_error **error);

/**
 * Begins to list the ids of the datasets that have a snapshot, sorted bytewise. A store without any gives an
 * iterator that is at its end.
 *
 * @param catalog the catalog. Not NULL.
 * @param call deadline and cancel token, for this call, and again for each lode_string_iterator_next, from
 *        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
 *        defaults.
 * @param ids output: the iterator, which the caller owns and frees with lode_string_iterator_free. Its
 *        memory is bounded: about 10 MiB, however many datasets there are. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_DATASETS_NOT_MODELED (the flat layout has no place of its own for datasets),
 *         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *         LODE_ERR_ABORTED, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_catalog_list_datasets(lode_catalog *catalog,
                                       const lode_call_options *call,
                                       lode_string_iterator **ids,
                                       lode_error **error);

/**
 * Begins to list the partitions of a dataset in which a committed snapshot has a file, such as
 * "day=2024-01-01/region=eu", sorted segment by segment. Only the hive layout has any: with another the
 * iterator is at its end.
 *
 * @param catalog the catalog. Not NULL.
 * @param dataset_id the dataset; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token, for this call, and again for each lode_string_iterator_next, from
 *        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
 *        defaults.
 * @param partitions output: the iterator, which the caller owns and frees with lode_string_iterator_free.
 *        Its memory is bounded: about 10 MiB for each partition key. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_NOT_FOUND (no snapshot of this layout is there), LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_STORE,
 *         LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_catalog_list_partitions(lode_catalog *catalog,
                                         const char *dataset_id,
                                         const lode_call_options *call,
                                         lode_string_iterator **partitions,
                                         lode_error **error);

/**
 * Begins to list the snapshots of a dataset, sorted by their ids: every one whose manifest is there, whether
 * or not the dataset's history leads to it. lode_dataset_list_snapshots gives the history.
 *
 * @param catalog the catalog. Not NULL.
 * @param dataset_id the dataset; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param partition_prefix only snapshots with a file in this partition or below it, such as "day=2024-01-01"
 *        for "day=2024-01-01/region=eu"; whole segments count, so that "day=2024" is no prefix of either.
 *        With a layout that has no partitions nothing lies in one. NUL-terminated UTF-8, borrowed for the
 *        call. NULL or "": all.
 * @param unix_nanos_range two numbers, from and to, in nanoseconds since the Unix epoch, both included: only
 *        snapshots whose records' times (lode_snapshot_min_timestamp to lode_snapshot_max_timestamp) reach
 *        into that range; those without times do not. INT64_MIN and INT64_MAX leave an end open. Borrowed
 *        for the call. NULL: all.
 * @param call deadline and cancel token, for this call, and again for each lode_snapshot_iterator_next, from
 *        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
 *        defaults.
 * @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
 *        Its memory is bounded: about 10 MiB, and one manifest. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_NOT_FOUND (no snapshot of this layout is there), LODE_ERR_INVALID_PATH (a prefix
 *         that no partition can have), LODE_ERR_INVALID_ARGUMENT (also if the range ends before it begins),
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_STORE,
 *         LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_catalog_list_snapshots(lode_catalog *catalog,
                                        const char *dataset_id,
                                        const char *partition_prefix,
                                        const int64_t *unix_nanos_range,
                                        const lode_call_options *call,
                                        lode_snapshot_iterator **snapshots,
                                        lode_error **error);

/**
 * Reads one manifest by its key.
 *
 * @param catalog the catalog. Not NULL.
 * @param key the key, which must have exactly the shape of a manifest's in the catalog's layout; in the hive
 *        layout the copies in partitions count, too. NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_NOT_FOUND (nothing is there), LODE_ERR_INVALID_PATH (the key breaks the rules
 *         for keys), LODE_ERR_INVALID_ARGUMENT (also if the key has another shape), LODE_ERR_UNSUPPORTED,
 *         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_MANIFEST_INVALID (the message
 *         names the field), LODE_ERR_CORRUPT (it is longer than 256 MiB), LODE_ERR_STORE, LODE_ERR_IO,
 *         LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_catalog_read_manifest(lode_catalog *catalog,
                                       const char *key,
                                       const lode_call_options *call,
                                       lode_snapshot **snapshot,
                                       lode_error **error);

/**
 * Opens any object of the store, such as a data file, to be read as it is stored: as a stream, or at any
 * place. Nothing is decompressed, and only the size at the time of the opening is checked: `verify` of the
 * options has no effect.
 *
 * @param catalog the catalog. Not NULL.
 * @param key the object's key, such as lode_snapshot_file_path gives it; NUL-terminated UTF-8, borrowed for
 *        the call. Not NULL.
 * @param options deadline of this call and of each call on the reader, and cancel token, which the reader
 *        keeps its own hold of. Borrowed for the call. NULL: the defaults.
 * @param reader output: the reader, which the caller owns and frees with lode_blob_reader_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_NOT_FOUND (nothing is there), LODE_ERR_INVALID_PATH (the key breaks the rules
 *         for keys), LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *         LODE_ERR_STORE, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_catalog_open_object(lode_catalog *catalog,
                                     const char *key,
                                     const lode_read_options *options,
                                     lode_blob_reader **reader,
                                     lode_error **error);

/**
 * Frees a catalog. What was made from it goes on working.
 *
 * @param catalog the catalog; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
 */
void lode_catalog_free(lode_catalog *catalog);

/**
 * Checks a whole dataset against what the format promises, the oldest snapshot first: that its history is
 * one unbroken chain, and, as `level` says, that its data files are there, are what was written, and hold
 * their records. Nothing is repaired or written. Writers may be at work at the same time. Memory grows with
 * the number of snapshots, by some 100 bytes each.
 *
 * A snapshot that is decided and not published yet, because its writer died or is at work, is no finding.
 * What the Go library has committed since the last commit of this library is checked, too.
 *
 * @param dataset the dataset, opened in its layout. Not NULL.
 * @param level one of LODE_VERIFY_LEVEL_*; each includes those before it.
 * @param finding called on the calling thread for each thing that is wrong: its kind, one of LODE_FINDING_*
 *        (treat one that this header does not list as any other damage); the key of the object in the store;
 *        the snapshot that it concerns, or NULL; and what is wrong, in words. The texts are NUL-terminated
 *        UTF-8, borrowed for the callback. It answers 0 to go on; anything else ends the call with
 *        LODE_ERR_ABORTED. NULL: only the outcome is wanted.
 * @param ctx handed to `finding`.
 * @param call deadline, cancel token and progress: snapshots and files, and bytes read. Borrowed for the
 *        call. NULL: the defaults.
 * @param findings output: how many things are wrong; written on success, and with LODE_ERR_CORRUPT. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: nothing is wrong; LODE_ERR_CORRUPT: something is (message and path are those of the first
 *        finding); LODE_ERR_NO_SNAPSHOTS: there is no such dataset; LODE_ERR_INVALID_ARGUMENT,
 *        LODE_ERR_UNSUPPORTED, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *        LODE_ERR_ABORTED, LODE_ERR_IO (a failure that concerns no single object), LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_verify(lode_dataset *dataset,
                                int32_t level,
                                int32_t (*finding)(void *ctx,
                                                   int32_t kind,
                                                   const char *path,
                                                   const char *snapshot_id,
                                                   const char *message),
                                void *ctx,
                                const lode_call_options *call,
                                uint64_t *findings,
                                lode_error **error);

/**
 * Fills the options with the defaults: what is older than a week is removed.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_collect_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_collect_options_init(lode_collect_options *options, size_t struct_size);

/**
 * Removes what dead writers left in a dataset: temporary files; data files, staged parts included, and
 * payload objects that no manifest and no commit slot names; probe keys; uploads in several requests that
 * were never completed. Never a manifest, a slot or the pointer, nor what another program put there.
 * Readers, writers and other clean-ups may be at work at the same time: nothing that is or becomes visible
 * is removed, because a commit refuses data that was staged more than 24 hours ago
 * (LODE_ERR_STAGED_TOO_OLD), and because on a filesystem a living writer holds a lock on what it has staged.
 *
 * @param dataset the dataset, opened in its layout. Not NULL.
 * @param options how old an object must be, and whether this is only a dry run. Borrowed for the call. NULL:
 *        the defaults.
 * @param removed called on the calling thread after each removal (with `dry_run`: for what would be
 *        removed): its kind, one of LODE_GARBAGE_*; its key in the store, NUL-terminated UTF-8, borrowed for
 *        the callback; its size in bytes; how many seconds it had stood unchanged by the store's own clock.
 *        It answers 0 to go on; anything else ends the call with LODE_ERR_ABORTED. NULL: only the counts are
 *        wanted.
 * @param ctx handed to `removed`.
 * @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
 * @param objects output: how many things were removed. NULL: not wanted.
 * @param bytes output: how many bytes they had. NULL: not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_UNSUPPORTED: the store cannot tell how old its objects are (memory, callbacks);
 *         LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_LAYOUT_MISMATCH: something that names data
 *         cannot be read, and nothing was removed; LODE_ERR_INVALID_ARGUMENT (also for less than 48 hours),
 *         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED (what was removed stays removed),
 *         LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_collect(lode_dataset *dataset,
                                 const lode_collect_options *options,
                                 int32_t (*removed)(void *ctx,
                                                    int32_t kind,
                                                    const char *path,
                                                    uint64_t size,
                                                    int64_t age_seconds),
                                 void *ctx,
                                 const lode_call_options *call,
                                 uint64_t *objects,
                                 uint64_t *bytes,
                                 lode_error **error);

/**
 * Fills the options with the defaults.
 *
 * @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
 * @param struct_size sizeof(lode_volume_options), in bytes; no more is written.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
void lode_volume_options_init(lode_volume_options *options, size_t struct_size);

/**
 * Opens a volume. Does no I/O: a volume need not be created, its first commit makes it.
 *
 * @param store the store; the volume keeps its own hold of it. Not NULL.
 * @param volume_id the volume's id, of the same form as a dataset's; NUL-terminated UTF-8, borrowed for the
 *        call. Not NULL.
 * @param options how it is written. Borrowed for the call. NULL: the defaults, which are enough to read.
 * @param volume output: the volume, which the caller owns and frees with lode_volume_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (the message names the field and its value),
 *         LODE_ERR_UNSUPPORTED, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_open(lode_store *store,
                             const char *volume_id,
                             const lode_volume_options *options,
                             lode_volume **volume,
                             lode_error **error);

/**
 * Frees the caller's handle of a volume. What was made from it goes on working.
 *
 * @param volume the volume; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
 */
void lode_volume_free(lode_volume *volume);

/**
 * Commits staged blocks, and all that the volume has, as one snapshot. Commits of ranges that do not overlap
 * all succeed, each building on the one before. Blocks that the head has already are left out; if it has all
 * of them, nothing is written and the call returns LODE_ALREADY_COMMITTED, so that a commit may be repeated
 * after a crash. Blocks of another process are read whole before, and compared with their length and
 * checksum.
 *
 * @param volume the volume. Not NULL.
 * @param blocks the blocks, in any order; the array is borrowed for the call, the blocks stay the caller's.
 *        Not NULL.
 * @param count how many blocks; at least 1.
 * @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
 *        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved.
 * @param options deadline, cancel token, expected parent, producer. Borrowed for the call. NULL: the
 *        defaults.
 * @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK, LODE_ALREADY_COMMITTED, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN;
 *         LODE_ERR_OVERLAPPING_BLOCKS: two overlap, or one overlaps what the head has, perhaps from another
 *         writer (the message names both ranges and the snapshot); LODE_ERR_INVALID_ARGUMENT: no block, one
 *         of another volume, one that leaves the address space, or a first commit without `total_length`;
 *         LODE_ERR_VOLUME_LENGTH_MISMATCH; LODE_ERR_VOLUME_TOO_FRAGMENTED; LODE_ERR_NOT_FOUND,
 *         LODE_ERR_CORRUPT: a block of another process is not what it says; LODE_ERR_STAGED_TOO_OLD: one was
 *         staged more than 24 hours ago; and all failures of a commit of lode_dataset_write_records.
 *
 * Any thread; several may write to one volume at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_commit(lode_volume *volume,
                               const lode_volume_block *const *blocks,
                               size_t count,
                               const char *metadata_json,
                               const lode_commit_options *options,
                               lode_snapshot **snapshot,
                               lode_error **error);

/**
 * Reads a range of a snapshot: all of it, or an error. That blocks cover it is known before the first is
 * read; a hole is LODE_ERR_RANGE_MISSING, and never zeros.
 *
 * @param volume the volume. Not NULL.
 * @param snapshot a snapshot of this volume. Not NULL.
 * @param offset where the range begins, in bytes.
 * @param buffer where the bytes go; written also when the call fails, and not to be used then. Not NULL.
 * @param len how many bytes; at least 1.
 * @param options deadline and cancel token; `verify`: with LODE_VERIFY_STREAMING blocks of up to 1 MiB, and
 *        those that the call reads whole, are compared with their checksums, of larger ones read in part the
 *        size; with LODE_VERIFY_FIRST every block that is touched is read whole and compared once per volume
 *        handle; with LODE_VERIFY_SIZES sizes alone are. Borrowed for the call. NULL: the defaults.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_RANGE_MISSING (lode_error_offset is the first byte that no block covers),
 *         LODE_ERR_INVALID_ARGUMENT (also for an empty range, one that leaves the address space, and
 *         another's snapshot), LODE_ERR_CORRUPT (a block is missing, or has another size or checksum),
 *         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread, several at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_read_at(lode_volume *volume,
                                const lode_snapshot *snapshot,
                                uint64_t offset,
                                void *buffer,
                                size_t len,
                                const lode_read_options *options,
                                lode_error **error);

/**
 * Checks all blocks of one snapshot: each is read whole and compared with its length and checksum.
 * lode_volume_verify checks the whole history.
 *
 * @param volume the volume. Not NULL.
 * @param snapshot a snapshot of this volume. Not NULL.
 * @param options deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_CORRUPT (the first block that is missing or differs), LODE_ERR_INVALID_ARGUMENT,
 *         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_verify_snapshot(lode_volume *volume,
                                        const lode_snapshot *snapshot,
                                        const lode_read_options *options,
                                        lode_error **error);

/**
 * How long the address space of a volume's snapshot is.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return its length in bytes; 0 for a dataset's snapshot, or if `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
uint64_t lode_snapshot_total_length(const lode_snapshot *snapshot);

/**
 * How many blocks a volume's snapshot has, those of its parent included.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @return the number of blocks; 0 for a dataset's snapshot, or if `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
size_t lode_snapshot_block_count(const lode_snapshot *snapshot);

/**
 * Where a block begins. Blocks are in the order of their offsets.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index which block, from 0.
 * @return its offset in bytes; 0 if `index` is out of range or `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
uint64_t lode_snapshot_block_offset(const lode_snapshot *snapshot, size_t index);

/**
 * How long a block is.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index which block, from 0.
 * @return its length in bytes; 0 if `index` is out of range or `snapshot` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
uint64_t lode_snapshot_block_length(const lode_snapshot *snapshot, size_t index);

/**
 * The key of a block's object in the store.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index which block, from 0.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `index` is out of range,
 *         `snapshot` is NULL, or there is no memory for it.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_block_path(const lode_snapshot *snapshot, size_t index);

/**
 * Where another program finds a block's object, as an absolute path.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index which block, from 0.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if the store has no such place,
 *         `index` is out of range, `snapshot` is NULL, or there is no memory for it.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_block_location(const lode_snapshot *snapshot, size_t index);

/**
 * The checksum of a block's bytes, in lower-case hex.
 *
 * @param snapshot the snapshot. NULL: see below.
 * @param index which block, from 0.
 * @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if there is none, `index` is out of
 *         range, `snapshot` is NULL, or there is no memory for it.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_snapshot_block_checksum(const lode_snapshot *snapshot, size_t index);

/**
 * Finds the first range at or after an offset that no block of a volume's snapshot covers. No I/O. Going on
 * from its end gives the next; a snapshot without one is complete.
 *
 * @param snapshot the snapshot. Not NULL.
 * @param from where to begin, in bytes.
 * @param offset output: where the range begins; 0 with LODE_OK. NULL: not wanted.
 * @param len output: how long it is; 0 with LODE_OK. NULL: not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_ITEM: there is one. LODE_OK: there is none, or it is a dataset's snapshot.
 *        LODE_ERR_INVALID_ARGUMENT.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_snapshot_next_gap(const lode_snapshot *snapshot,
                                   uint64_t from,
                                   uint64_t *offset,
                                   uint64_t *len,
                                   lode_error **error);

/**
 * Stages bytes in memory as a block: durable when the call returns, and invisible until lode_volume_commit
 * names it. Any number of threads and processes stage at once. If the range was staged before with the same
 * bytes, that object is used.
 *
 * @param volume the volume. Not NULL.
 * @param offset where the block begins, in bytes.
 * @param data the bytes, borrowed for the call. Not NULL.
 * @param len how many bytes; at least 1, and no more than the address space has from `offset` on.
 * @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
 * @param block output: the block, which the caller owns and frees with lode_volume_block_free. Not NULL.
 * @param error output: the error, if the call fails; nothing is staged then. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also for no bytes, and a range that leaves the address space),
 *         LODE_ERR_VOLUME_LENGTH_MISMATCH, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
 *         LODE_ERR_ABORTED, LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_SPACE,
 *         LODE_ERR_NO_MEMORY.
 *
 * Any thread, several at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_stage_write_at(lode_volume *volume,
                                       uint64_t offset,
                                       const void *data,
                                       size_t len,
                                       const lode_call_options *call,
                                       lode_volume_block **block,
                                       lode_error **error);

/**
 * Stages exactly `len` bytes that a source gives as a block, in bounded memory.
 *
 * @param volume the volume. Not NULL.
 * @param offset where the block begins, in bytes.
 * @param len how many bytes; at least 1, at most 5 TiB, and no more than the address space has from `offset`
 *        on.
 * @param source the source; the struct is borrowed for the call, which calls `release` before it returns.
 *        Not NULL.
 * @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
 * @param block output: the block, which the caller owns and frees with lode_volume_block_free. Not NULL.
 * @param error output: the error, if the call fails; nothing is staged then. NULL: not wanted.
 * @return LODE_OK. LODE_ERR_NIL_ITERATOR: there is no source, or no `read`. LODE_ERR_ITERATOR: it failed.
 *         LODE_ERR_ITERATOR_CONTRACT: it answered more than `capacity`. LODE_ERR_INVALID_ARGUMENT: it gave
 *         fewer bytes than `len`, or more. LODE_ERR_BUSY: another writer staged the range meanwhile; stage
 *         it again. All else as lode_volume_stage_write_at.
 *
 * Any thread, several at once. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_stage_stream_at(lode_volume *volume,
                                        uint64_t offset,
                                        uint64_t len,
                                        const lode_byte_source *source,
                                        const lode_call_options *call,
                                        lode_volume_block **block,
                                        lode_error **error);

/**
 * Makes a block from the JSON that lode_volume_block_json gave in another process, or before a restart. Does
 * no I/O: the block is read and compared before it is committed.
 *
 * @param volume the volume. Not NULL.
 * @param json the text; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param block output: the block, which the caller owns and frees with lode_volume_block_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (it is no such text, or leaves the address space),
 *         LODE_ERR_INVALID_PATH (its path is not that of its range in this volume), LODE_ERR_NO_MEMORY.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_block_from_json(lode_volume *volume,
                                        const char *json,
                                        lode_volume_block **block,
                                        lode_error **error);

/**
 * A block as one line of JSON, with offset, length, path and checksum, which can be sent anywhere.
 *
 * @param block the block. NULL: see below.
 * @return UTF-8, owned by the block, until lode_volume_block_free; NULL if `block` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
const char *lode_volume_block_json(const lode_volume_block *block);

/**
 * Where a block begins.
 *
 * @param block the block. NULL: see below.
 * @return the offset in the volume, in bytes; 0 if `block` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
uint64_t lode_volume_block_offset(const lode_volume_block *block);

/**
 * How long a block is.
 *
 * @param block the block. NULL: see below.
 * @return its length in bytes; 0 if `block` is NULL.
 *
 * Cannot fail. Any thread. Since 0.1.0.
 */
uint64_t lode_volume_block_length(const lode_volume_block *block);

/**
 * Frees the caller's handle of a block. The staged bytes stay in the store, invisible, until clean-up
 * removes them.
 *
 * @param block the block; it is not valid afterwards. NULL: nothing happens.
 *
 * Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
 */
void lode_volume_block_free(lode_volume_block *block);

/**
 * Finds the newest snapshot of a volume, its head: as lode_dataset_find_latest.
 *
 * @param volume the volume. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; the other statuses are those of lode_dataset_find_latest.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_find_latest(lode_volume *volume,
                                    const lode_call_options *call,
                                    lode_snapshot **snapshot,
                                    lode_error **error);

/**
 * Finds one snapshot of a volume by its id: as lode_dataset_find_snapshot.
 *
 * @param volume the volume. Not NULL.
 * @param snapshot_id the id; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; the other statuses are those of lode_dataset_find_snapshot.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_find_snapshot(lode_volume *volume,
                                      const char *snapshot_id,
                                      const lode_call_options *call,
                                      lode_snapshot **snapshot,
                                      lode_error **error);

/**
 * Begins to list the snapshots of a volume, oldest first: as lode_dataset_list_snapshots.
 *
 * @param volume the volume. Not NULL.
 * @param call deadline and cancel token, for this call and for each step. Borrowed for the call. NULL: the
 *        defaults.
 * @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
 *        Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; the other statuses are those of lode_dataset_list_snapshots.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_list_snapshots(lode_volume *volume,
                                       const lode_call_options *call,
                                       lode_snapshot_iterator **snapshots,
                                       lode_error **error);

/**
 * Begins to list what is new in a volume since a snapshot, oldest first: as lode_dataset_list_changes.
 *
 * @param volume the volume. Not NULL.
 * @param snapshot_id the last snapshot that the caller knows; NUL-terminated UTF-8, borrowed for the call.
 *        NULL: none.
 * @param call deadline and cancel token, for this call and for each step. Borrowed for the call. NULL: the
 *        defaults.
 * @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
 *        Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; the other statuses are those of lode_dataset_list_changes.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_list_changes(lode_volume *volume,
                                     const char *snapshot_id,
                                     const lode_call_options *call,
                                     lode_snapshot_iterator **snapshots,
                                     lode_error **error);

/**
 * Resolves a commit of a volume that ended in LODE_ERR_COMMIT_UNKNOWN: as lode_dataset_resolve_commit.
 * Repeating the commit with the same blocks does it, too.
 *
 * @param volume the volume. Not NULL.
 * @param snapshot_id the snapshot in doubt, from lode_error_snapshot_id; NUL-terminated UTF-8, borrowed for
 *        the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, if it is committed, which the caller owns. NULL: not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; the other statuses are those of lode_dataset_resolve_commit.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_resolve_commit(lode_volume *volume,
                                       const char *snapshot_id,
                                       const lode_call_options *call,
                                       lode_snapshot **snapshot,
                                       lode_error **error);

/**
 * Makes a snapshot the head of its volume: the way out of LODE_ERR_NEEDS_REPAIR, as lode_dataset_adopt.
 *
 * @param volume the volume. Not NULL.
 * @param snapshot_id the snapshot to be the head; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. NULL: not
 *        wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; the other statuses are those of lode_dataset_adopt.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_adopt(lode_volume *volume,
                              const char *snapshot_id,
                              const lode_call_options *call,
                              lode_snapshot **snapshot,
                              lode_error **error);

/**
 * Finds the newest snapshot of a volume, if its manifest lists a producer: as lode_dataset_find_producer.
 *
 * @param volume the volume. Not NULL.
 * @param producer_id the producer; NUL-terminated UTF-8, borrowed for the call. Not NULL.
 * @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
 * @param snapshot output: the snapshot, which the caller owns; NULL with LODE_NONE. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; the other statuses are those of lode_dataset_find_producer.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_find_producer(lode_volume *volume,
                                      const char *producer_id,
                                      const lode_call_options *call,
                                      lode_snapshot **snapshot,
                                      lode_error **error);

/**
 * Checks the whole history of a volume, as lode_dataset_verify does a dataset's: each block once, and that
 * each snapshot has the blocks of the one before it.
 *
 * @param volume the volume. Not NULL.
 * @param level one of LODE_VERIFY_LEVEL_*; blocks have no records, so that the last two are the same.
 * @param finding as for lode_dataset_verify. NULL: only the outcome is wanted.
 * @param ctx handed to `finding`.
 * @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
 * @param findings output: how many things are wrong; written on success, and with LODE_ERR_CORRUPT. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; the other statuses are those of lode_dataset_verify.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_verify(lode_volume *volume,
                               int32_t level,
                               int32_t (*finding)(void *ctx,
                                                  int32_t kind,
                                                  const char *path,
                                                  const char *snapshot_id,
                                                  const char *message),
                               void *ctx,
                               const lode_call_options *call,
                               uint64_t *findings,
                               lode_error **error);

/**
 * Removes staged blocks that no snapshot names, and what else dead writers left in a volume: as
 * lode_dataset_collect.
 *
 * @param volume the volume. Not NULL.
 * @param options how old an object must be, and whether this is only a dry run. Borrowed for the call. NULL:
 *        the defaults.
 * @param removed as for lode_dataset_collect. NULL: only the counts are wanted.
 * @param ctx handed to `removed`.
 * @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
 * @param objects output: how many things were removed. NULL: not wanted.
 * @param bytes output: how many bytes they had. NULL: not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; the other statuses are those of lode_dataset_collect.
 *
 * Any thread. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_volume_collect(lode_volume *volume,
                                const lode_collect_options *options,
                                int32_t (*removed)(void *ctx,
                                                   int32_t kind,
                                                   const char *path,
                                                   uint64_t size,
                                                   int64_t age_seconds),
                                void *ctx,
                                const lode_call_options *call,
                                uint64_t *objects,
                                uint64_t *bytes,
                                lode_error **error);

/**
 * Pulls all rows of an Arrow stream and commits them as one new snapshot: either all of them and a manifest,
 * or nothing. One array of the stream is in memory at a time, beside the row group that is being gathered.
 * Blocks until the commit is decided or has failed.
 *
 * Columns are found by name: those of the dataset's schema, or, if it has none, those of the stream. A
 * column that is missing, or whose type the schema's does not take, is refused before the first array is
 * pulled; further columns are ignored. Int32 takes narrower whole numbers, int64 also those of 32 bits,
 * float64 takes float32, and strings and bytes come with offsets of 32 or 64 bits, as views or as
 * dictionaries; timestamps of any unit must have a zone. A dataset of JSON lines takes a stream, too: each
 * row becomes an object with the schema's fields. A partitioned dataset takes one if it was opened with
 * `partition_streaming`: each array is split by the values of its key columns, whose texts in a path are
 * those of records.
 *
 * Checked of every array: lengths and offsets, UTF-8, nulls where the schema has none, the range of
 * timestamps. How large a buffer really is cannot be seen through this interface: that they hold what
 * lengths and offsets say is the producer's word.
 *
 * @param dataset the dataset. Not NULL.
 * @param stream the stream, an initialised ArrowArrayStream. It is moved out: its `release` is NULL when the
 *        call returns, with any outcome, and was called exactly once. Not NULL.
 * @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
 *        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
 *        at most 128 levels, the object itself included.
 * @param options deadline, cancel token, progress, expected parent, exactly-once key. Borrowed for the call.
 *        NULL: the defaults.
 * @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
 *        not wanted.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN: committed.
 *         LODE_ALREADY_COMMITTED: by the same key before; nothing was written. LODE_ERR_NIL_ITERATOR (the
 *         stream is NULL, was released, or lacks a callback), LODE_ERR_ITERATOR (it failed:
 *         lode_error_callback_code has its errno, the message its text), LODE_ERR_ITERATOR_CONTRACT (an
 *         array that cannot be), LODE_ERR_ARROW_TYPE (names field and format), LODE_ERR_SCHEMA_VIOLATION (a
 *         value that does not fit, naming field and row), LODE_ERR_INVALID_RECORD (a row that belongs to no
 *         partition, naming row and key), LODE_ERR_UNSUPPORTED (a build without the feature "parquet");
 *         otherwise as lode_dataset_stream_write_records.
 *
 * Any thread; the stream's callbacks come on it. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_stream_write_arrow(lode_dataset *dataset,
                                            struct ArrowArrayStream *stream,
                                            const char *metadata_json,
                                            const lode_commit_options *options,
                                            lode_snapshot **snapshot,
                                            lode_error **error);

/**
 * Adds the rows of an Arrow array of structs, of which each field is a column. What is checked, and how
 * columns are found, is told at lode_dataset_stream_write_arrow; the dataset must have been opened with a
 * schema. Never syncs, and never waits for another writer.
 *
 * @param writer the writer. Not NULL.
 * @param array the rows, an initialised ArrowArray. It is moved out: its `release` is NULL when the call
 *        returns, with any outcome, and was called exactly once. Not NULL.
 * @param schema the array's type, an initialised ArrowSchema; borrowed for the call and never released by
 *        it. Not NULL.
 * @param taken output, also on failure: how many rows are in. 0 if the call fails with
 *        LODE_ERR_SCHEMA_VIOLATION, LODE_ERR_INVALID_RECORD or before. After LODE_ERR_NO_SPACE in a
 *        partitioned dataset all rows may be in: the writer holds those that are not in their files yet. Not
 *        NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK: all rows are in. LODE_ERR_SCHEMA_VIOLATION, LODE_ERR_INVALID_RECORD (a row that belongs
 *         to no partition), LODE_ERR_ARROW_TYPE, LODE_ERR_ITERATOR_CONTRACT, LODE_ERR_NO_SPACE: the writer
 *         stays usable. LODE_ERR_SCHEMA_REQUIRED, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE, LODE_ERR_IO,
 *         LODE_ERR_NO_MEMORY, LODE_ERR_UNSUPPORTED (a build without the feature "parquet").
 *
 * One thread at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_record_writer_append_arrow(lode_record_writer *writer,
                                            struct ArrowArray *array,
                                            const struct ArrowSchema *schema,
                                            size_t *taken,
                                            lode_error **error);

/**
 * Begins to read a snapshot as an Arrow stream: all columns, or those that the options name, in batches. Of
 * a snapshot of JSON lines the columns are those of the dataset's schema. Opens the first file.
 *
 * Row groups of a Parquet file in which, by its statistics, no row can satisfy the options' comparisons are
 * left out. Rows are not filtered: those that come may satisfy the comparisons or not. In memory are one row
 * group's pages as they are read, and one batch.
 *
 * The stream's calls fail with EIO, or with ECANCELED after a deadline or a cancel token, and its
 * `get_last_error` begins with the status, as in "CORRUPT: …"; a failure stays. With LODE_VERIFY_STREAMING
 * the verdict on a file's checksum comes with its end.
 *
 * @param dataset the dataset that the snapshot belongs to; the stream keeps its own hold of it. Not NULL.
 * @param snapshot the snapshot; the stream keeps its own hold of it. Not NULL.
 * @param options deadline of each call, cancel token, what to verify, columns, rows of a batch, comparisons.
 *        Borrowed for the call, but for the token, which the stream keeps its own hold of. NULL: the
 *        defaults.
 * @param stream output: a place for a stream, which is written over without releasing what was there. The
 *        caller owns the stream and releases it by its `release`, on any thread. Not written if the call
 *        fails. Not NULL.
 * @param error output: the error, if the call fails. NULL: not wanted.
 * @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also for a column that is not there), LODE_ERR_CODEC_REQUIRED
 *         (a raw blob), LODE_ERR_SCHEMA_REQUIRED (JSON lines, and the dataset has no schema),
 *         LODE_ERR_ARROW_TYPE (a column of a type that is not portable, in a dataset of
 *         LODE_SCHEMA_PORTABLE), LODE_ERR_INVALID_FORMAT (no Parquet file, or a damaged one),
 *         LODE_ERR_CORRUPT, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_IO, LODE_ERR_NO_MEMORY,
 *         LODE_ERR_UNSUPPORTED (also: a build without the feature "parquet").
 *
 * Any thread; the stream belongs to one at a time. Since 0.1.0.
 */
LODE_MUST_CHECK
lode_status lode_dataset_read_arrow(lode_dataset *dataset,
                                    const lode_snapshot *snapshot,
                                    const lode_read_options *options,
                                    struct ArrowArrayStream *stream,
                                    lode_error **error);

#ifdef __cplusplus
}  /* extern "C" */
#endif  /* __cplusplus */

#endif  /* LODE_H */
