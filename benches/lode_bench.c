/* The same work as the hand-written program's, through liblode.

     lode_bench write FORM INPUT ROOT [SETTING...]   all of INPUT into one snapshot
     lode_bench read FORM ROOT [SETTING...]          the newest snapshot's records, verified
     lode_bench generate COUNT ROOT [SETTING...]     COUNT made-up records, pulled: no input in memory
     lode_bench commits COUNT ROOT [SETTING...]      COUNT commits of one record each, each timed
     lode_bench files ROOT                           where the newest snapshot's data files lie
     lode_bench partition INPUT ROOT [SETTING...]    all of INPUT, in memory, into partitions by origin and
                                                     carrier (hive)
     lode_bench blob INPUT ROOT [SETTING...]         the file INPUT as one blob, pulled with read(2)
     lode_bench find COUNT ROOT                      COUNT times: opens the dataset, finds the newest snapshot
                                                     and what is newer than the one ten before; each timed

   FORM: of write pull, pull-batch, append, append-batch or append-lines, of read next or next-batch.
   SETTING: checksum=xxh3|none|md5|sha256 (xxh3), compress=none|gzip|zstd (none), level=N (0: the library's),
   durability=full|process (full), early=0|1 (0; whether a push writer starts its data for the disk before the
   commit), threads=N (1), stream=0|1 (0; into partitions as the records come, by origin and carrier, or by
   the key "p" of made-up records), verify=0|1|2 (0), warmup=N (0; commits through the same handle that are
   not timed one by one).

   Each prints one JSON object on a line. Times are in nanoseconds, from before the store is opened until the
   commit has returned or the last record is read, and leave out reading INPUT and finding its lines. */
#define _POSIX_C_SOURCE 200809L

#include "bench.h"

#include <lode.h>

#define DATASET "bench"
#define BATCH 1024 /* records handed over, or asked for, at a time by the batch forms */

typedef struct settings {
    lode_dataset_options dataset;
    lode_record_writer_options writer;
    int32_t verify;
    int32_t stream;
    int64_t warmup;
} settings;

static void check(lode_status status, lode_error *error, const char *what) {
    if (status >= 0) return;
    die("%s: %s: %s", what, lode_status_name(status), lode_error_message(error));
}

/* The value of `key` if `argument` is "key=value", else NULL. */
static const char *value_of(const char *argument, const char *key) {
    size_t len = strlen(key);
    return strncmp(argument, key, len) == 0 && argument[len] == '=' ? argument + len + 1 : NULL;
}

/* The place of `value` among the names, which stand in the order of the header's constants. */
static int32_t choice(const char *value, const char *const *names, int32_t count) {
    for (int32_t i = 0; i < count; i++)
        if (strcmp(value, names[i]) == 0) return i;
    die("lode_bench: unknown value '%s'", value);
    return -1;
}

static settings parse_settings(int count, char **arguments) {
    static const char *const checksums[] = {"xxh3", "none", "md5", "sha256"};
    static const char *const compressors[] = {"none", "gzip", "zstd"};
    static const char *const durabilities[] = {"full", "process"};
    settings set = {.verify = 0, .warmup = 0};
    lode_dataset_options_init(&set.dataset, sizeof set.dataset);
    lode_record_writer_options_init(&set.writer, sizeof set.writer);
    set.dataset.codec = LODE_CODEC_JSONL;
    for (int i = 0; i < count; i++) {
        const char *value;
        if ((value = value_of(arguments[i], "checksum")) != NULL) set.dataset.checksum = choice(value, checksums, 4);
        else if ((value = value_of(arguments[i], "compress")) != NULL) set.dataset.compressor = choice(value, compressors, 3);
        else if ((value = value_of(arguments[i], "level")) != NULL) set.dataset.compression_level = (int32_t)parse_count(value, "level");
        else if ((value = value_of(arguments[i], "durability")) != NULL) set.dataset.durability = choice(value, durabilities, 2);
        else if ((value = value_of(arguments[i], "early")) != NULL) set.writer.early_writeback = (int32_t)parse_count(value, "early");
        else if ((value = value_of(arguments[i], "threads")) != NULL) set.dataset.threads = (int32_t)parse_count(value, "threads");
        else if ((value = value_of(arguments[i], "stream")) != NULL) set.stream = (int32_t)parse_count(value, "stream");
        else if ((value = value_of(arguments[i], "verify")) != NULL) set.verify = (int32_t)parse_count(value, "verify");
        else if ((value = value_of(arguments[i], "warmup")) != NULL) set.warmup = parse_count(value, "warmup");
        else die("lode_bench: unknown setting '%s'", arguments[i]);
    }
    return set;
}

/* The dataset's options for records that go into partitions by these keys as they come. */
static void stream_by(settings *set, const char *const *keys, size_t count) {
    set->dataset.layout = LODE_LAYOUT_HIVE;
    set->dataset.partition_keys = keys;
    set->dataset.partition_key_count = count;
    set->dataset.partition_streaming = 1;
}

static lode_dataset *open_dataset(const char *root, const settings *set) {
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_error *error = NULL;
    check(lode_store_open_filesystem(root, NULL, &store, &error), error, "open the store");
    check(lode_dataset_open(store, DATASET, &set->dataset, &dataset, &error), error, "open the dataset");
    lode_store_free(store);
    return dataset;
}

/* The pull forms' iterator: walks an input's lines. */
typedef struct cursor {
    const line *lines;
    size_t count;
    size_t following; /* the line after the current one */
} cursor;

static int32_t cursor_next(void *ctx) {
    cursor *at = ctx;
    if (at->following == at->count) return 0;
    at->following++;
    return 1;
}

static void cursor_record(void *ctx, lode_bytes *record) {
    const cursor *at = ctx;
    const line *current = &at->lines[at->following - 1];
    record->data = current->data;
    record->len = current->len;
}

static int64_t cursor_next_batch(void *ctx, lode_bytes *records, int64_t *unix_nanos, size_t capacity) {
    cursor *at = ctx;
    (void)unix_nanos;
    size_t left = at->count - at->following, filled = left < capacity ? left : capacity;
    for (size_t i = 0; i < filled; i++) {
        const line *current = &at->lines[at->following++];
        records[i] = (lode_bytes){current->data, current->len};
    }
    return (int64_t)filled;
}

static void pull(lode_dataset *dataset, const lode_record_iterator *records, lode_snapshot **snapshot) {
    lode_error *error = NULL;
    check(lode_dataset_stream_write_records(dataset, records, "{}", NULL, snapshot, &error), error, "stream write");
}

static void push_each(lode_record_writer *writer, const input *in) {
    lode_error *error = NULL;
    for (size_t i = 0; i < in->count; i++)
        check(lode_record_writer_append(writer, in->lines[i].data, in->lines[i].len, NULL, &error), error, "append");
}

/* The records one after the other without their line feeds, as append_batch takes them. */
typedef struct packed {
    uint8_t *data;
    size_t *lengths;
} packed;

static packed pack(const input *in) {
    packed out = {must_allocate(in->len), must_allocate(in->count * sizeof(size_t))};
    uint8_t *to = out.data;
    for (size_t i = 0; i < in->count; i++) {
        memcpy(to, in->lines[i].data, in->lines[i].len);
        to += in->lines[i].len;
        out.lengths[i] = in->lines[i].len;
    }
    return out;
}

static void push_batches(lode_record_writer *writer, const packed *records, size_t count) {
    lode_error *error = NULL;
    const uint8_t *data = records->data;
    for (size_t first = 0; first < count; first += BATCH) {
        size_t size = count - first < BATCH ? count - first : BATCH, taken = 0;
        check(lode_record_writer_append_batch(writer, data, records->lengths + first, NULL, size, &taken, &error), error, "append_batch");
        if (taken != size) die("append_batch took %zu of %zu records", taken, size);
        for (size_t i = 0; i < size; i++) data += records->lengths[first + i];
    }
}

static void push_lines(lode_record_writer *writer, const input *in) {
    lode_error *error = NULL;
    size_t window = BUFFER_BYTES;
    for (size_t at = 0; at < in->len;) {
        size_t len = in->len - at < window ? in->len - at : window, consumed = 0;
        check(lode_record_writer_append_lines(writer, in->data + at, len, &consumed, &error), error, "append_lines");
        if (consumed == 0 && len == in->len - at) die("append_lines: consumed nothing of the last %zu bytes", len);
        if (consumed == 0) window *= 2; /* a line longer than the window */
        at += consumed;
    }
}

static void write_input(const char *form, const char *from, const char *root, settings *set) {
    static const char *const keys[] = {"origin", "carrier"};
    input in = load(from);
    if (set->stream) stream_by(set, keys, 2);
    cursor at = {in.lines, in.count, 0};
    lode_record_iterator records;
    lode_record_iterator_init(&records, sizeof records);
    records.ctx = &at;
    int pulls = 1, batched = strcmp(form, "append-batch") == 0;
    if (strcmp(form, "pull") == 0) {
        records.next = cursor_next;
        records.record = cursor_record;
    } else if (strcmp(form, "pull-batch") == 0) {
        records.next_batch = cursor_next_batch;
    } else if (batched || strcmp(form, "append") == 0 || strcmp(form, "append-lines") == 0) {
        pulls = 0;
    } else {
        die("lode_bench: unknown form of writing '%s'", form);
    }
    packed batches = {NULL, NULL};
    if (batched) batches = pack(&in);
    lode_snapshot *snapshot = NULL;

    int64_t start = now_ns();
    lode_dataset *dataset = open_dataset(root, set);
    if (pulls) {
        pull(dataset, &records, &snapshot);
    } else {
        lode_error *error = NULL;
        lode_record_writer *writer = NULL;
        check(lode_dataset_open_record_writer(dataset, &set->writer, &writer, &error), error, "open a writer");
        if (batched) push_batches(writer, &batches, in.count);
        else if (strcmp(form, "append") == 0) push_each(writer, &in);
        else push_lines(writer, &in);
        check(lode_record_writer_commit(writer, "{}", NULL, &snapshot, &error), error, "commit");
        lode_record_writer_free(writer);
    }
    int64_t end = now_ns();

    int64_t rows = lode_snapshot_row_count(snapshot);
    if (rows != (int64_t)in.count) die("the snapshot has %lld records, expected %zu", (long long)rows, in.count);
    report(end - start, rows, (int64_t)in.len);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

static lode_snapshot *latest(lode_dataset *dataset) {
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    check(lode_dataset_find_latest(dataset, NULL, &snapshot, &error), error, "find the newest snapshot");
    return snapshot;
}

static void read_back(const char *form, const char *root, const settings *set) {
    lode_bytes batch[BATCH];
    int64_t count = 0, bytes = 0;
    lode_error *error = NULL;
    lode_read_options options;
    lode_read_options_init(&options, sizeof options);
    options.verify = set->verify;
    int batched = strcmp(form, "next-batch") == 0;
    if (!batched && strcmp(form, "next") != 0) die("lode_bench: unknown form of reading '%s'", form);

    int64_t start = now_ns();
    lode_dataset *dataset = open_dataset(root, set);
    lode_snapshot *snapshot = latest(dataset);
    lode_record_reader *reader = NULL;
    check(lode_dataset_open_record_reader(dataset, snapshot, &options, &reader, &error), error, "open a reader");
    lode_status status;
    if (batched) {
        size_t got = 0;
        while ((status = lode_record_reader_next_batch(reader, batch, BATCH, &got, &error)) == LODE_ITEM) {
            count += (int64_t)got;
            for (size_t i = 0; i < got; i++) bytes += (int64_t)batch[i].len + 1;
        }
    } else {
        while ((status = lode_record_reader_next(reader, &batch[0], &error)) == LODE_ITEM) {
            count++;
            bytes += (int64_t)batch[0].len + 1;
        }
    }
    check(status, error, "read");
    int64_t end = now_ns();

    int64_t rows = lode_snapshot_row_count(snapshot);
    if (rows != count) die("read %lld records, the snapshot has %lld", (long long)count, (long long)rows);
    report(end - start, count, bytes);
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* An iterator that makes its records up in one small buffer. */
typedef struct generator {
    int64_t left;
    int64_t made;
    int64_t bytes;
    int64_t partitions; /* 0: the records have no key to partition by */
    char text[160];
} generator;

static int32_t generator_next(void *ctx) {
    generator *from = ctx;
    if (from->left == 0) return 0;
    from->left--;
    from->made++;
    return 1;
}

static void generator_record(void *ctx, lode_bytes *record) {
    generator *from = ctx;
    int len = from->partitions > 0 ? snprintf(from->text, sizeof from->text, "{\"id\":%lld,\"p\":%lld}", (long long)from->made,
                                              (long long)from->made % from->partitions)
                                   : snprintf(from->text, sizeof from->text, "{\"id\":%lld,\"event\":\"purchase\",\"user\":\"user-%llu\",\"amount\":%llu}",
                       (long long)from->made, (unsigned long long)from->made * 2654435761u % 1000003, (unsigned long long)from->made % 9973);
    from->bytes += len + 1;
    record->data = (const uint8_t *)from->text;
    record->len = (size_t)len;
}

static lode_record_iterator generator_iterator(generator *from) {
    lode_record_iterator records;
    lode_record_iterator_init(&records, sizeof records);
    records.ctx = from;
    records.next = generator_next;
    records.record = generator_record;
    return records;
}

static void generate(int64_t count, const char *root, settings *set) {
    static const char *const keys[] = {"p"};
    generator from = {.left = count, .made = 0, .bytes = 0, .partitions = set->stream ? 35 : 0};
    if (set->stream) stream_by(set, keys, 1);
    lode_record_iterator records = generator_iterator(&from);
    lode_snapshot *snapshot = NULL;
    int64_t start = now_ns();
    lode_dataset *dataset = open_dataset(root, set);
    pull(dataset, &records, &snapshot);
    int64_t end = now_ns();
    int64_t rows = lode_snapshot_row_count(snapshot);
    if (rows != count) die("the snapshot has %lld records, expected %lld", (long long)rows, (long long)count);
    report(end - start, rows, from.bytes);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

static void commits(int64_t count, const char *root, const settings *set) {
    generator from = {.left = 0, .made = 0, .bytes = 0};
    lode_record_iterator records = generator_iterator(&from);
    int64_t *took = must_allocate((size_t)count * sizeof *took);
    int64_t first = 0, warmup = 0;
    int64_t opening = now_ns();
    lode_dataset *dataset = open_dataset(root, set);
    for (int64_t i = -set->warmup; i < count; i++) {
        from.left = 1;
        int64_t start = now_ns();
        pull(dataset, &records, NULL);
        int64_t end = now_ns();
        if (i == -set->warmup) first = end - opening;
        if (i < 0) warmup += end - start;
        else took[i] = end - start;
    }
    printf("{\"first_ns\":%lld,\"warmup_ns\":%lld,\"commits\":[", (long long)first, (long long)warmup);
    for (int64_t i = 0; i < count; i++) printf("%s%lld", i == 0 ? "" : ",", (long long)took[i]);
    printf("]}\n");
    free(took);
    lode_dataset_free(dataset);
}

static void partition(const char *from, const char *root, settings *set) {
    static const char *const keys[] = {"origin", "carrier"};
    input in = load(from);
    lode_bytes *records = must_allocate(in.count * sizeof *records);
    for (size_t i = 0; i < in.count; i++) records[i] = (lode_bytes){in.lines[i].data, in.lines[i].len};
    set->dataset.layout = LODE_LAYOUT_HIVE;
    set->dataset.partition_keys = keys;
    set->dataset.partition_key_count = 2;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;

    int64_t start = now_ns();
    lode_dataset *dataset = open_dataset(root, set);
    check(lode_dataset_write_records(dataset, records, NULL, in.count, "{}", NULL, &snapshot, &error), error, "write records");
    int64_t end = now_ns();

    int64_t rows = lode_snapshot_row_count(snapshot);
    if (rows != (int64_t)in.count) die("the snapshot has %lld records, expected %zu", (long long)rows, in.count);
    printf("{\"ns\":%lld,\"records\":%lld,\"bytes\":%lld,\"files\":%zu}\n", (long long)(end - start), (long long)rows,
           (long long)in.len, lode_snapshot_file_count(snapshot));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* The blob's source: a file. */
static int64_t read_file(void *ctx, uint8_t *buffer, size_t capacity) {
    ssize_t got;
    do got = read(*(const int *)ctx, buffer, capacity);
    while (got < 0 && errno == EINTR);
    return got;
}

static void blob(const char *from, const char *root, settings *set) {
    set->dataset.codec = LODE_CODEC_NONE;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;

    int64_t start = now_ns();
    int fd = open(from, O_RDONLY);
    if (fd < 0) die_errno("open", from);
    lode_dataset *dataset = open_dataset(root, set);
    lode_byte_source source = {.struct_size = sizeof source, .ctx = &fd, .read = read_file};
    check(lode_dataset_stream_write_blob(dataset, &source, "{}", NULL, &snapshot, &error), error, "stream write");
    close(fd);
    int64_t end = now_ns();

    report(end - start, 1, (int64_t)lode_snapshot_file_size(snapshot, 0));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* What a program that follows a dataset does when it starts. */
static void find(int64_t count, const char *root, const settings *set) {
    enum { NEW = 10 };
    lode_error *error = NULL;
    lode_dataset *dataset = open_dataset(root, set);
    lode_snapshot *before = latest(dataset);
    for (int i = 0; i < NEW; i++) {
        lode_snapshot *parent = NULL;
        check(lode_dataset_find_snapshot(dataset, lode_snapshot_parent_id(before), NULL, &parent, &error), error, "find a parent");
        lode_snapshot_free(before);
        before = parent;
    }
    lode_dataset_free(dataset);
    int64_t *newest = must_allocate((size_t)count * sizeof *newest), *changes = must_allocate((size_t)count * sizeof *changes);
    for (int64_t i = 0; i < count; i++) {
        int64_t start = now_ns();
        dataset = open_dataset(root, set);
        lode_snapshot_free(latest(dataset));
        int64_t found = now_ns();
        lode_snapshot_iterator *iterator = NULL;
        lode_snapshot *snapshot = NULL;
        int seen = 0;
        lode_status status;
        check(lode_dataset_list_changes(dataset, lode_snapshot_id(before), NULL, &iterator, &error), error, "ask for the changes");
        while ((status = lode_snapshot_iterator_next(iterator, &snapshot, &error)) == LODE_ITEM) {
            seen++;
            lode_snapshot_free(snapshot);
        }
        check(status, error, "read the changes");
        int64_t end = now_ns();
        lode_snapshot_iterator_free(iterator);
        lode_dataset_free(dataset);
        if (seen != NEW) die("%d snapshots are newer, expected %d", seen, NEW);
        newest[i] = found - start;
        changes[i] = end - found;
    }
    printf("{\"latest\":[");
    for (int64_t i = 0; i < count; i++) printf("%s%lld", i == 0 ? "" : ",", (long long)newest[i]);
    printf("],\"changes\":[");
    for (int64_t i = 0; i < count; i++) printf("%s%lld", i == 0 ? "" : ",", (long long)changes[i]);
    printf("]}\n");
    free(newest);
    free(changes);
    lode_snapshot_free(before);
}

static void files(const char *root, const settings *set) {
    lode_dataset *dataset = open_dataset(root, set);
    lode_snapshot *snapshot = latest(dataset);
    printf("{\"files\":[");
    for (size_t i = 0; i < lode_snapshot_file_count(snapshot); i++)
        printf("%s{\"path\":\"%s\",\"bytes\":%lld}", i == 0 ? "" : ",", lode_snapshot_file_path(snapshot, i),
               (long long)lode_snapshot_file_size(snapshot, i));
    printf("]}\n");
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

int main(int argc, char **argv) {
    static const struct {
        const char *mode;
        int positional; /* the program's name, the mode and what must follow it; settings come after */
    } modes[] = {{"write", 5}, {"read", 4}, {"generate", 4}, {"commits", 4}, {"files", 3},
                 {"partition", 4}, {"blob", 4}, {"find", 4}};
    const char *mode = argc > 1 ? argv[1] : "";
    int positional = 0;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(mode, modes[i].mode) == 0) positional = modes[i].positional;
    if (positional == 0 || argc < positional) die("lode_bench: wrong arguments; the file's first comment says which there are");

    settings set = parse_settings(argc - positional, argv + positional);
    if (strcmp(mode, "write") == 0) write_input(argv[2], argv[3], argv[4], &set);
    else if (strcmp(mode, "read") == 0) read_back(argv[2], argv[3], &set);
    else if (strcmp(mode, "generate") == 0) generate(parse_count(argv[2], "COUNT"), argv[3], &set);
    else if (strcmp(mode, "commits") == 0) commits(parse_count(argv[2], "COUNT"), argv[3], &set);
    else if (strcmp(mode, "partition") == 0) partition(argv[2], argv[3], &set);
    else if (strcmp(mode, "blob") == 0) blob(argv[2], argv[3], &set);
    else if (strcmp(mode, "find") == 0) find(parse_count(argv[2], "COUNT"), argv[3], &set);
    else files(argv[2], &set);
    return fflush(stdout) == 0 ? 0 : 1;
}
