/* Arrow streams and arrays as producers make them, and as they lie: every lie is a status with a message, and
 * every release is called exactly once. Run under valgrind and the address sanitizer, too.
 *
 * In a build without the feature "parquet" the functions say that they are not supported, and release what
 * they were given. */
#include "check.h"

enum { ROWS = 4 };

static lode_store *store;

/* ---- A producer with every way to lie ---- */

struct lie {
    const char *name;
    void (*tell)(struct ArrowArray *batch); /* changes a batch of (id int64, name utf8) */
    lode_status status;
    const char *words;
};

struct producer {
    int batches;
    const struct lie *lie;
    int schema_errno, next_errno, next_calls;
    const char *format; /* of the first column */
    int no_message;
    int streams_released, arrays_released, schemas_released;
    int arrays_given, schemas_given;
};

/* What the arrays of a batch point to. */
struct parts {
    int64_t ids[ROWS];
    int32_t offsets[ROWS + 1];
    char text[32];
    uint8_t validity[1];
    const void *top[1], *numbers[2], *names[3];
    struct ArrowArray columns[2];
    struct ArrowArray *children[2];
    struct producer *producer;
};

static void release_part(struct ArrowArray *array)
{
    array->release = NULL;
}

static void release_batch(struct ArrowArray *array)
{
    struct parts *parts = (struct parts *)array->private_data;
    parts->producer->arrays_released++;
    free(parts);
    array->release = NULL;
}

static void fill_batch(struct producer *self, struct ArrowArray *out)
{
    struct parts *parts = (struct parts *)calloc(1, sizeof *parts);
    REQUIRE(parts != NULL, "no memory");
    parts->producer = self;
    for (int row = 0; row < ROWS; row++) {
        parts->ids[row] = row + 1;
        parts->offsets[row + 1] = 2 * (row + 1);
    }
    memcpy(parts->text, "aabbccdd", 8);
    parts->validity[0] = 0x0f;
    parts->numbers[1] = parts->ids;
    parts->names[1] = parts->offsets;
    parts->names[2] = parts->text;
    parts->columns[0].length = parts->columns[1].length = ROWS;
    parts->columns[0].n_buffers = 2;
    parts->columns[1].n_buffers = 3;
    parts->columns[0].buffers = parts->numbers;
    parts->columns[1].buffers = parts->names;
    parts->columns[0].release = parts->columns[1].release = release_part;
    parts->children[0] = &parts->columns[0];
    parts->children[1] = &parts->columns[1];
    memset(out, 0, sizeof *out);
    out->length = ROWS;
    out->n_buffers = 1;
    out->buffers = parts->top;
    out->n_children = 2;
    out->children = parts->children;
    out->release = release_batch;
    out->private_data = parts;
    self->arrays_given++;
}

static void release_schema(struct ArrowSchema *schema)
{
    if (schema->private_data != NULL) {
        ((struct producer *)schema->private_data)->schemas_released++;
    }
    schema->release = NULL;
}

static struct ArrowSchema fields[2];
static struct ArrowSchema *field_pointers[2] = {&fields[0], &fields[1]};

static void fill_schema(struct producer *self, struct ArrowSchema *out)
{
    memset(fields, 0, sizeof fields);
    fields[0].format = self != NULL && self->format != NULL ? self->format : "l";
    fields[0].name = "id";
    fields[1].format = "u";
    fields[1].name = "name";
    fields[1].flags = ARROW_FLAG_NULLABLE;
    fields[0].release = fields[1].release = release_schema;
    memset(out, 0, sizeof *out);
    out->format = "+s";
    out->n_children = 2;
    out->children = field_pointers;
    out->release = release_schema;
    out->private_data = self;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct producer *self = (struct producer *)stream->private_data;
    if (self->schema_errno != 0) {
        return self->schema_errno;
    }
    fill_schema(self, out);
    self->schemas_given++;
    return 0;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct producer *self = (struct producer *)stream->private_data;
    self->next_calls++;
    memset(out, 0, sizeof *out);
    if (self->next_calls > self->batches) {
        return self->next_errno;
    }
    fill_batch(self, out);
    if (self->lie != NULL && self->lie->tell != NULL && self->next_calls == self->batches) {
        self->lie->tell(out);
    }
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    struct producer *self = (struct producer *)stream->private_data;
    return self->no_message ? NULL : "the producer's own words";
}

static void release_stream(struct ArrowArrayStream *stream)
{
    ((struct producer *)stream->private_data)->streams_released++;
    stream->release = NULL;
}

static struct ArrowArrayStream stream_of(struct producer *producer)
{
    struct ArrowArrayStream stream = {get_schema, get_next, get_last_error, release_stream, producer};
    return stream;
}

static void all_released(const struct producer *self, const char *name)
{
    CHECK(self->streams_released == 1, "%s: the stream was released %d times", name, self->streams_released);
    CHECK(self->arrays_released == self->arrays_given, "%s: %d arrays given, %d released", name, self->arrays_given,
          self->arrays_released);
    CHECK(self->schemas_released == self->schemas_given, "%s: %d schemas given, %d released", name,
          self->schemas_given, self->schemas_released);
}

/* ---- The lies ---- */

static struct ArrowArray *column(struct ArrowArray *batch, int number)
{
    return batch->children[number];
}
static void negative_length(struct ArrowArray *batch) { batch->length = -1; }
static void negative_child_length(struct ArrowArray *batch) { column(batch, 0)->length = -4; }
static void huge_length(struct ArrowArray *batch) { column(batch, 0)->length = INT64_MAX; }
static void negative_offset(struct ArrowArray *batch) { column(batch, 1)->offset = -1; }
static void overflowing(struct ArrowArray *batch) { column(batch, 1)->offset = INT64_MAX; }
static void short_child(struct ArrowArray *batch) { column(batch, 0)->length = ROWS - 1; }
static void no_buffers(struct ArrowArray *batch) { column(batch, 0)->buffers = NULL; }
static void null_buffer(struct ArrowArray *batch) { column(batch, 0)->buffers[1] = NULL; }
static void null_text(struct ArrowArray *batch) { column(batch, 1)->buffers[2] = NULL; }
static void few_buffers(struct ArrowArray *batch) { column(batch, 1)->n_buffers = 2; }
static void many_children(struct ArrowArray *batch) { batch->n_children = 3; }
static void no_children(struct ArrowArray *batch) { batch->children = NULL; }
static void null_child(struct ArrowArray *batch) { batch->children[1] = NULL; }
static void released_child(struct ArrowArray *batch) { column(batch, 1)->release = NULL; }
static void falling_offsets(struct ArrowArray *batch) { ((int32_t *)(uintptr_t)column(batch, 1)->buffers[1])[2] = 1; }
static void below_zero(struct ArrowArray *batch) { ((int32_t *)(uintptr_t)column(batch, 1)->buffers[1])[0] = -2; }
static void negative_last(struct ArrowArray *batch) { ((int32_t *)(uintptr_t)column(batch, 1)->buffers[1])[ROWS] = INT32_MIN; }
static void no_text(struct ArrowArray *batch) { ((char *)(uintptr_t)column(batch, 1)->buffers[2])[3] = (char)0xff; }
static void split_character(struct ArrowArray *batch) { memcpy((char *)(uintptr_t)column(batch, 1)->buffers[2] + 1, "\xc3\xa9", 2); }
static void unknown_nulls(struct ArrowArray *batch) { column(batch, 1)->null_count = 2; }
static void many_nulls(struct ArrowArray *batch) { column(batch, 1)->null_count = ROWS + 1; }
static void lost_dictionary(struct ArrowArray *batch) { column(batch, 0)->dictionary = column(batch, 1); }
static uint8_t some_nulls[1] = {0x0b};
static void null_where_none_may_be(struct ArrowArray *batch)
{
    column(batch, 0)->buffers[0] = some_nulls;
    column(batch, 0)->null_count = 1;
}
static void hidden_nulls(struct ArrowArray *batch)
{
    column(batch, 0)->buffers[0] = some_nulls;
    column(batch, 0)->null_count = -1;
}
static void miscounted_nulls(struct ArrowArray *batch)
{
    column(batch, 1)->buffers[0] = some_nulls;
    column(batch, 1)->null_count = 3;
}
static void null_rows(struct ArrowArray *batch)
{
    batch->buffers[0] = some_nulls;
    batch->null_count = 1;
}

static const struct lie lies[] = {
    {"negative length", negative_length, LODE_ERR_ITERATOR_CONTRACT, "length -1"},
    {"negative length of a column", negative_child_length, LODE_ERR_ITERATOR_CONTRACT, "length -4"},
    {"huge length", huge_length, LODE_ERR_ITERATOR_CONTRACT, "length"},
    {"negative offset", negative_offset, LODE_ERR_ITERATOR_CONTRACT, "offset -1"},
    {"length and offset overflow", overflowing, LODE_ERR_ITERATOR_CONTRACT, "offset"},
    {"a column shorter than its batch", short_child, LODE_ERR_ITERATOR_CONTRACT, "3 values, 4 are used"},
    {"no array of buffers", no_buffers, LODE_ERR_ITERATOR_CONTRACT, "n_buffers"},
    {"a NULL buffer", null_buffer, LODE_ERR_ITERATOR_CONTRACT, "NULL"},
    {"no bytes for texts", null_text, LODE_ERR_ITERATOR_CONTRACT, "no buffer for them"},
    {"too few buffers", few_buffers, LODE_ERR_ITERATOR_CONTRACT, "n_buffers 2"},
    {"too many children", many_children, LODE_ERR_ITERATOR_CONTRACT, "3 children, expected 2"},
    {"children is NULL", no_children, LODE_ERR_ITERATOR_CONTRACT, "children is NULL"},
    {"a child is NULL", null_child, LODE_ERR_ITERATOR_CONTRACT, "NULL"},
    {"a child was released", released_child, LODE_ERR_ITERATOR_CONTRACT, "was released"},
    {"falling offsets", falling_offsets, LODE_ERR_ITERATOR_CONTRACT, "after 2"},
    {"offsets below zero", below_zero, LODE_ERR_ITERATOR_CONTRACT, "is -2"},
    {"the last offset is negative", negative_last, LODE_ERR_ITERATOR_CONTRACT, "is -2147483648"},
    {"no UTF-8", no_text, LODE_ERR_ITERATOR_CONTRACT, "UTF"},
    {"a character over two texts", split_character, LODE_ERR_ITERATOR_CONTRACT, NULL},
    {"nulls that no buffer tells of", unknown_nulls, LODE_ERR_ITERATOR_CONTRACT, "no buffer that tells which"},
    {"more nulls than values", many_nulls, LODE_ERR_ITERATOR_CONTRACT, "5 of 4"},
    {"a dictionary that the type has not", lost_dictionary, LODE_ERR_ITERATOR_CONTRACT, "has a dictionary"},
    {"a null where none may be", null_where_none_may_be, LODE_ERR_SCHEMA_VIOLATION, "\"id\""},
    {"a null that is not counted", hidden_nulls, LODE_ERR_SCHEMA_VIOLATION, "\"id\""},
    {"nulls that are miscounted", miscounted_nulls, LODE_ERR_ITERATOR_CONTRACT, NULL},
    {"rows that are null", null_rows, LODE_ERR_ITERATOR_CONTRACT, "rows are null"},
};

/* ---- Statements ---- */

static lode_dataset_options parquet_options(void)
{
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_PARQUET;
    options.schema_json = "{\"fields\":[{\"name\":\"name\",\"type\":\"string\",\"nullable\":true},{\"name\":\"id\",\"type\":\"int64\"}]}";
    return options;
}

static void expect_rows(lode_dataset *dataset, const lode_snapshot *snapshot, int64_t expected)
{
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    struct ArrowSchema schema;
    int64_t rows = 0;
    GIVES(LODE_OK, lode_dataset_read_arrow(dataset, snapshot, NULL, &stream, error));
    CHECK(stream.get_schema(&stream, &schema) == 0, "no schema: %s", stream.get_last_error(&stream));
    CHECK(strcmp(schema.format, "+s") == 0 && schema.n_children == 2, "the schema is %s", schema.format);
    CHECK(strcmp(schema.children[0]->name, "id") == 0 && strcmp(schema.children[1]->name, "name") == 0, "the columns");
    schema.release(&schema);
    for (;;) {
        CHECK(stream.get_next(&stream, &array) == 0, "no batch: %s", stream.get_last_error(&stream));
        if (array.release == NULL) {
            break;
        }
        CHECK(((const int64_t *)array.children[0]->buffers[1])[0] == 1, "the first id");
        rows += array.length;
        array.release(&array);
    }
    CHECK(stream.get_next(&stream, &array) == 0 && array.release == NULL, "the end stays");
    CHECK(stream.get_last_error(&stream) == NULL, "there was no failure");
    stream.release(&stream);
    CHECK(stream.release == NULL, "a released stream says so");
    CHECK(rows == expected, "%" PRId64 " rows, expected %" PRId64, rows, expected);
}

static void streams(void)
{
    lode_dataset_options options = parquet_options();
    lode_dataset *dataset = open_dataset(store, "streams", &options);
    struct producer good = {0};
    good.batches = 3;
    struct ArrowArrayStream stream = stream_of(&good);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, &snapshot, error));
    CHECK(stream.release == NULL, "the stream was not moved out");
    all_released(&good, "a good stream");
    expect_rows(dataset, snapshot, 3 * ROWS);
    lode_snapshot_free(snapshot);

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct producer liar = {0};
        liar.batches = 2;
        liar.lie = &lies[i];
        stream = stream_of(&liar);
        lode_error *error = NULL;
        lode_status status = lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, NULL, &error);
        CHECK(status == lies[i].status, "%s: gave %s: %s", lies[i].name, lode_status_name(status),
              status < 0 ? lode_error_message(error) : "-");
        CHECK(status >= 0 || lies[i].words == NULL || strstr(lode_error_message(error), lies[i].words) != NULL,
              "%s: the message lacks \"%s\": %s", lies[i].name, lies[i].words, lode_error_message(error));
        lode_error_free(error);
        CHECK(stream.release == NULL, "%s: the stream was not moved out", lies[i].name);
        all_released(&liar, lies[i].name);
    }
    lode_dataset_free(dataset);
}

static void failing_streams(void)
{
    lode_dataset_options options = parquet_options();
    lode_dataset *dataset = open_dataset(store, "failing", &options);
    for (int at = 0; at < 3; at++) {
        for (int silent = 0; silent < 2; silent++) {
            struct producer failing = {0};
            failing.batches = at == 0 ? 0 : at - 1;
            failing.schema_errno = at == 0 ? EPIPE : 0;
            failing.next_errno = EPIPE;
            failing.no_message = silent;
            struct ArrowArrayStream stream = stream_of(&failing);
            lode_error *error = NULL;
            lode_status status = lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, NULL, &error);
            CHECK(status == LODE_ERR_ITERATOR, "failing at call %d: %s", at, lode_status_name(status));
            CHECK(lode_error_callback_code(error) == EPIPE, "the code is %d", (int)lode_error_callback_code(error));
            CHECK(silent || strstr(lode_error_message(error), "the producer's own words") != NULL, "%s", lode_error_message(error));
            lode_error_free(error);
            all_released(&failing, "a failing stream");
        }
    }

    /* Types and arguments that are refused before the first array is pulled. */
    static const struct { const char *format; lode_status status; const char *words; } types[] = {
        {"u", LODE_ERR_ARROW_TYPE, "int64"},  {"tdD", LODE_ERR_ARROW_TYPE, "\"tdD\""},
        {"L", LODE_ERR_ARROW_TYPE, "\"id\""}, {"tsn:", LODE_ERR_ARROW_TYPE, "\"id\""},
        {"", LODE_ERR_ITERATOR_CONTRACT, "no format"},   {"\xff", LODE_ERR_ITERATOR_CONTRACT, "UTF-8"},
        {"?", LODE_ERR_ITERATOR_CONTRACT, NULL},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct producer other = {0};
        other.batches = 1;
        other.format = types[i].format;
        struct ArrowArrayStream stream = stream_of(&other);
        lode_error *error = NULL;
        lode_status status = lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, NULL, &error);
        CHECK(status == types[i].status, "format %s: %s", types[i].format, lode_status_name(status));
        CHECK(status >= 0 || types[i].words == NULL || strstr(lode_error_message(error), types[i].words) != NULL, "%s",
              lode_error_message(error));
        lode_error_free(error);
        CHECK(other.next_calls == 0, "format %s: it was pulled from", types[i].format);
        all_released(&other, "a stream of another type");
    }

    struct producer unused = {0};
    struct ArrowArrayStream stream = stream_of(&unused);
    lode_error *error = NULL;
    CHECK(lode_dataset_stream_write_arrow(NULL, &stream, "{}", NULL, NULL, NULL) == LODE_ERR_INVALID_ARGUMENT, "no dataset");
    all_released(&unused, "no dataset");
    memset(&unused, 0, sizeof unused);
    stream = stream_of(&unused);
    CHECK(lode_dataset_stream_write_arrow(dataset, &stream, NULL, NULL, NULL, NULL) == LODE_ERR_METADATA_REQUIRED, "no metadata");
    all_released(&unused, "no metadata");
    memset(&unused, 0, sizeof unused);
    stream = stream_of(&unused);
    stream.get_next = NULL;
    CHECK(lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, NULL, &error) == LODE_ERR_NIL_ITERATOR, "no get_next");
    CHECK(strstr(lode_error_message(error), "get_next") != NULL, "%s", lode_error_message(error));
    lode_error_free(error);
    all_released(&unused, "no get_next");
    memset(&stream, 0, sizeof stream);
    REFUSED(LODE_ERR_NIL_ITERATOR, "was released", lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, NULL, error));
    REFUSED(LODE_ERR_NIL_ITERATOR, "is NULL", lode_dataset_stream_write_arrow(dataset, NULL, "{}", NULL, NULL, error));
    lode_dataset_free(dataset);
}

static void arrays(void)
{
    lode_dataset_options options = parquet_options();
    lode_dataset *dataset = open_dataset(store, "arrays", &options);
    lode_record_writer *writer = NULL;
    struct producer producer = {0};
    struct ArrowSchema schema;
    struct ArrowArray array;
    size_t taken = 77;
    fill_schema(NULL, &schema);
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    fill_batch(&producer, &array);
    GIVES(LODE_OK, lode_record_writer_append_arrow(writer, &array, &schema, &taken, error));
    CHECK(taken == ROWS && array.release == NULL, "%zu rows were taken", taken);
    GIVES(LODE_OK, lode_record_writer_append(writer, "{\"id\":9,\"name\":null}", 20, NULL, error));
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        fill_batch(&producer, &array);
        lies[i].tell(&array);
        lode_error *error = NULL;
        lode_status status = lode_record_writer_append_arrow(writer, &array, &schema, &taken, &error);
        CHECK(status == lies[i].status, "%s: gave %s: %s", lies[i].name, lode_status_name(status),
              status < 0 ? lode_error_message(error) : "-");
        CHECK(taken == 0 && array.release == NULL, "%s: %zu rows were taken", lies[i].name, taken);
        lode_error_free(error);
    }
    CHECK(producer.arrays_released == producer.arrays_given, "%d of %d arrays were released", producer.arrays_released,
          producer.arrays_given);
    CHECK(schema.release != NULL, "the schema is only borrowed");
    CHECK(lode_record_writer_record_count(writer) == ROWS + 1, "%" PRId64 " rows", lode_record_writer_record_count(writer));
    fill_batch(&producer, &array);
    GIVES(LODE_OK, lode_record_writer_append_arrow(writer, &array, &schema, &taken, error));
    memset(&array, 0, sizeof array);
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "array is NULL", lode_record_writer_append_arrow(writer, NULL, &schema, &taken, error));
    REFUSED(LODE_ERR_ITERATOR_CONTRACT, "was released", lode_record_writer_append_arrow(writer, &array, &schema, &taken, error));
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "schema", lode_record_writer_append_arrow(writer, &array, NULL, &taken, error));
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    expect_rows(dataset, snapshot, 2 * ROWS + 1);
    lode_record_writer_free(writer);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

static void schemas_and_options(void)
{
    static const struct { const char *json; lode_status status; const char *words; } schemas[] = {
        {"{\"fields\":[]}", LODE_ERR_SCHEMA_INVALID, "no fields"},
        {"{\"fields\":[{\"name\":\"a\",\"type\":\"date\"}]}", LODE_ERR_SCHEMA_INVALID, "\"a\""},
        {"not JSON", LODE_ERR_SCHEMA_INVALID, "schema_json"},
    };
    lode_dataset *dataset = NULL;
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        lode_dataset_options options = parquet_options();
        options.schema_json = schemas[i].json;
        REFUSED(schemas[i].status, schemas[i].words, lode_dataset_open(store, "a", &options, &dataset, error));
    }
    struct ArrowSchema arrow;
    fill_schema(NULL, &arrow);
    lode_dataset_options options = parquet_options();
    options.arrow_schema = &arrow;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "both", lode_dataset_open(store, "a", &options, &dataset, error));
    options.schema_json = NULL;
    options.compressor = LODE_COMPRESSOR_ZSTD;
    REFUSED(LODE_ERR_UNSUPPORTED, "page compression", lode_dataset_open(store, "a", &options, &dataset, error));
    options.compressor = LODE_COMPRESSOR_NONE;
    options.row_group_bytes = 5;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "row_group_bytes", lode_dataset_open(store, "a", &options, &dataset, error));
    options.row_group_bytes = -5;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "row_group_bytes", lode_dataset_open(store, "a", &options, &dataset, error));
    options.row_group_bytes = 1 << 20;
    options.parquet_compression = 3;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "parquet_compression", lode_dataset_open(store, "a", &options, &dataset, error));
    options.parquet_compression = LODE_PARQUET_UNCOMPRESSED;
    options.schema_types = 2;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "schema_types", lode_dataset_open(store, "a", &options, &dataset, error));
    options.schema_types = LODE_SCHEMA_PORTABLE;
    GIVES(LODE_OK, lode_dataset_open(store, "a", &options, &dataset, error));
    lode_dataset_free(dataset);
    fields[0].format = "tdD";
    REFUSED(LODE_ERR_ARROW_TYPE, "\"tdD\"", lode_dataset_open(store, "a", &options, &dataset, error));
    arrow.release = NULL;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "was released", lode_dataset_open(store, "a", &options, &dataset, error));

    options = parquet_options();
    options.schema_json = NULL;
    dataset = open_dataset(store, "none", &options);
    lode_record_writer *writer = NULL;
    REFUSED(LODE_ERR_SCHEMA_REQUIRED, "schema", lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    lode_dataset_free(dataset);

    /* Records: a violation names record and byte, and the writer goes on. */
    options = parquet_options();
    dataset = open_dataset(store, "records", &options);
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    GIVES(LODE_OK, lode_record_writer_append(writer, "{\"id\":1,\"name\":\"a\"}", 19, NULL, error));
    lode_error *error = NULL;
    CHECK(lode_record_writer_append(writer, "{\"id\":1.5}", 10, NULL, &error) == LODE_ERR_SCHEMA_VIOLATION, "a fraction");
    CHECK(lode_error_record(error) == 1 && lode_error_offset(error) == 6, "record %" PRId64 ", byte %" PRId64,
          lode_error_record(error), lode_error_offset(error));
    CHECK(lode_error_action(error) == LODE_ACTION_GIVE_UP, "the action");
    lode_error_free(error);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    lode_record_writer_free(writer);

    /* Reading: columns, comparisons and rows of a batch are for Arrow alone. */
    const char *const name[] = {"name"}, *const unknown[] = {"unknown"};
    lode_read_options read = LODE_READ_OPTIONS_INIT;
    struct ArrowArrayStream stream;
    lode_record_reader *reader = NULL;
    read.columns = name;
    read.column_count = 1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "lode_dataset_read_arrow", lode_dataset_open_record_reader(dataset, snapshot, &read, &reader, error));
    GIVES(LODE_OK, lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    struct ArrowArray array;
    CHECK(stream.get_next(&stream, &array) == 0 && array.n_children == 1 && array.length == 1, "one column");
    array.release(&array);
    stream.release(&stream);
    read.columns = unknown;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "\"unknown\"", lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    read.columns = name;
    read.batch_rows = -1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "batch_rows", lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    read.batch_rows = 0;
    lode_comparison comparison = {"id", "\"x\"", LODE_COMPARE_LESS};
    read.comparisons = &comparison;
    read.comparison_count = 1;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "\"id\"", lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    comparison.value_json = "[1]";
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "comparisons[0].value_json", lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    comparison.value_json = "1";
    comparison.operation = 6;
    REFUSED(LODE_ERR_INVALID_ARGUMENT, "comparisons[0].operation", lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    comparison.operation = LODE_COMPARE_LESS;
    GIVES(LODE_OK, lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    CHECK(stream.get_next(&stream, &array) == 0 && array.release == NULL, "no row group can have an id below 1");
    stream.release(&stream);

    /* A stream outlives what it was made from, and fails by an errno with the status in its words. */
    lode_cancel_token *cancel = NULL;
    GIVES(LODE_OK, lode_cancel_token_new(&cancel, error));
    memset(&read, 0, sizeof read);
    read.struct_size = sizeof read;
    read.cancel = cancel;
    GIVES(LODE_OK, lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_cancel_token_cancel(cancel);
    lode_cancel_token_free(cancel);
    for (int i = 0; i < 2; i++) {
        CHECK(stream.get_next(&stream, &array) == ECANCELED, "a cancelled call fails, and stays failed");
        CHECK(strncmp(stream.get_last_error(&stream), "CANCELLED: ", 11) == 0, "%s", stream.get_last_error(&stream));
    }
    stream.release(&stream);
}

static void json_lines(void)
{
    lode_dataset_options options = parquet_options();
    options.codec = LODE_CODEC_JSONL;
    lode_dataset *dataset = open_dataset(store, "lines", &options);
    struct producer producer = {0};
    producer.batches = 1;
    struct ArrowArrayStream stream = stream_of(&producer);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, &snapshot, error));
    all_released(&producer, "JSON lines");
    lode_record_reader *reader = NULL;
    lode_bytes record;
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
    GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error));
    static const char first[] = "{\"name\":\"aa\",\"id\":1}";
    CHECK(record.len == strlen(first) && memcmp(record.data, first, record.len) == 0, "the fields in their declared order: %.*s",
          (int)record.len, (const char *)record.data);
    lode_record_reader_free(reader);
    struct ArrowArray array;
    GIVES(LODE_OK, lode_dataset_read_arrow(dataset, snapshot, NULL, &stream, error));
    CHECK(stream.get_next(&stream, &array) == 0 && array.length == ROWS, "JSON lines as columns");
    array.release(&array);
    stream.release(&stream);
    lode_dataset *plain = open_dataset(store, "lines", NULL);
    REFUSED(LODE_ERR_SCHEMA_REQUIRED, "schema", lode_dataset_read_arrow(plain, snapshot, NULL, &stream, error));
    lode_dataset_free(plain);
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* Rows go where their key columns say: pulled and pushed. */
static void partitions(void)
{
    static const char *const keys[] = {"id"};
    lode_dataset_options options = parquet_options();
    options.layout = LODE_LAYOUT_HIVE;
    options.partition_keys = keys;
    options.partition_key_count = 1;
    lode_dataset *dataset = open_dataset(store, "partitions", &options);
    struct producer producer = {0};
    producer.batches = 3;
    struct ArrowArrayStream stream = stream_of(&producer);
    REFUSED_ONCE(LODE_ERR_PARTITIONING_NOT_SUPPORTED, "partition_streaming",
                 lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, NULL, error));
    all_released(&producer, "a dataset that is not partitioned in one pass");
    lode_dataset_free(dataset);
    options.partition_streaming = 1;
    dataset = open_dataset(store, "partitions", &options);
    memset(&producer, 0, sizeof producer);
    producer.batches = 3;
    stream = stream_of(&producer);
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, &snapshot, error));
    all_released(&producer, "a stream into partitions");
    CHECK(lode_snapshot_file_count(snapshot) == ROWS, "%zu files", lode_snapshot_file_count(snapshot));
    CHECK(lode_snapshot_row_count(snapshot) == 3 * ROWS, "%" PRId64 " rows", lode_snapshot_row_count(snapshot));
    lode_snapshot_free(snapshot);

    lode_record_writer *writer = NULL;
    struct ArrowSchema schema;
    struct ArrowArray array;
    size_t taken = 0;
    fill_schema(NULL, &schema);
    memset(&producer, 0, sizeof producer);
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    for (int i = 0; i < 2; i++) {
        fill_batch(&producer, &array);
        GIVES(LODE_OK, lode_record_writer_append_arrow(writer, &array, &schema, &taken, error));
        CHECK(taken == ROWS, "%zu rows were taken", taken);
    }
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    CHECK(lode_snapshot_row_count(snapshot) == 2 * ROWS, "%" PRId64 " rows", lode_snapshot_row_count(snapshot));
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);

    /* A row without its key belongs nowhere. */
    static const char *const names[] = {"name"};
    options.partition_keys = names;
    dataset = open_dataset(store, "named", &options);
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    fill_batch(&producer, &array);
    column(&array, 1)->buffers[0] = some_nulls;
    column(&array, 1)->null_count = -1;
    REFUSED_ONCE(LODE_ERR_INVALID_RECORD, "key \"name\": its value is null",
                 lode_record_writer_append_arrow(writer, &array, &schema, &taken, error));
    CHECK(taken == 0, "%zu rows were taken", taken);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
}

/* A file that is none, of the size that the manifest tells. */
static void damaged(void)
{
    lode_dataset_options options = parquet_options();
    lode_dataset *dataset = open_dataset(store, "damaged", &options);
    static const char *const record[] = {"{\"id\":1}"};
    lode_snapshot *snapshot = commit_records(dataset, record, 1);
    size_t len;
    char *bytes = stored(store, lode_snapshot_file_path(snapshot, 0), &len);
    memcpy(bytes, "no Parquet", 10);
    store_bytes(store, lode_snapshot_file_path(snapshot, 0), bytes, len);
    free(bytes);
    struct ArrowArrayStream stream;
    lode_read_options read = LODE_READ_OPTIONS_INIT;
    read.verify = LODE_VERIFY_SIZES;
    REFUSED(LODE_ERR_INVALID_FORMAT, "PAR1", lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    read.verify = LODE_VERIFY_FIRST;
    REFUSED(LODE_ERR_CORRUPT, "checksum", lode_dataset_read_arrow(dataset, snapshot, &read, &stream, error));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

/* A build without the feature. */
static void unsupported(void)
{
    lode_dataset *dataset = open_dataset(store, "core", NULL), *other = NULL;
    lode_dataset_options options = parquet_options();
    REFUSED(LODE_ERR_UNSUPPORTED, "parquet", lode_dataset_open(store, "core", &options, &other, error));
    options.codec = LODE_CODEC_JSONL;
    REFUSED(LODE_ERR_UNSUPPORTED, "schema_json", lode_dataset_open(store, "core", &options, &other, error));
    struct producer producer = {0};
    struct ArrowArrayStream stream = stream_of(&producer);
    CHECK(lode_dataset_stream_write_arrow(dataset, &stream, "{}", NULL, NULL, NULL) == LODE_ERR_UNSUPPORTED, "a stream");
    all_released(&producer, "a build without Arrow");
    struct ArrowArray array;
    size_t taken = 0;
    fill_batch(&producer, &array);
    lode_record_writer *writer = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    CHECK(lode_record_writer_append_arrow(writer, &array, NULL, &taken, NULL) == LODE_ERR_UNSUPPORTED, "an array");
    CHECK(producer.arrays_released == 1 && array.release == NULL, "the array is released");
    lode_record_writer_free(writer);
    lode_snapshot *snapshot = commit_records(dataset, FIVE, 1);
    REFUSED(LODE_ERR_UNSUPPORTED, "parquet", lode_dataset_read_arrow(dataset, snapshot, NULL, &stream, error));
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
}

int main(void)
{
    char root[256];
    make_root(root);
    store = open_store(root);
    if (lode_has_feature("parquet")) {
        streams();
        failing_streams();
        arrays();
        schemas_and_options();
        json_lines();
        partitions();
        damaged();
    } else {
        unsupported();
    }
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_arrow");
}
