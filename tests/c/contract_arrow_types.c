/* Columns of Arrow types that are not portable, from C: lists of structs in and out, as arrays and as records, and
 * the lies that arrays within arrays can tell. Run under the address sanitizer, too. */
#include "check.h"

enum { ROWS = 3, ITEMS = 4 };

static lode_store *store;
static int released;

/* [{"n":1},{"n":2}], [], [{"n":3},{"n":4}]: each array with what it points to. */
struct rows {
    int64_t numbers[ITEMS];
    int32_t offsets[ROWS + 1];
    const void *number_buffers[2], *item_buffers[1], *list_buffers[2], *row_buffers[1];
    struct ArrowArray number, item, list;
    struct ArrowArray *number_place, *item_place, *list_place;
};

static void release_part(struct ArrowArray *array)
{
    array->release = NULL;
}

static void release_rows(struct ArrowArray *array)
{
    free(array->private_data);
    array->release = NULL;
    released++;
}

static void part(struct ArrowArray *array, int64_t length, int64_t n_buffers, const void **buffers,
                 struct ArrowArray **child)
{
    array->length = length;
    array->n_buffers = n_buffers;
    array->buffers = buffers;
    array->n_children = child == NULL ? 0 : 1;
    array->children = child;
    array->release = release_part;
}

static struct rows *fill(struct ArrowArray *out)
{
    struct rows *rows = (struct rows *)calloc(1, sizeof *rows);
    REQUIRE(rows != NULL, "no memory");
    static const int32_t offsets[ROWS + 1] = {0, 2, 2, 4};
    memcpy(rows->offsets, offsets, sizeof offsets);
    for (int item = 0; item < ITEMS; item++) rows->numbers[item] = item + 1;
    rows->number_buffers[1] = rows->numbers;
    rows->list_buffers[1] = rows->offsets;
    rows->number_place = &rows->number;
    rows->item_place = &rows->item;
    rows->list_place = &rows->list;
    part(&rows->number, ITEMS, 2, rows->number_buffers, NULL);
    part(&rows->item, ITEMS, 1, rows->item_buffers, &rows->number_place);
    part(&rows->list, ROWS, 2, rows->list_buffers, &rows->item_place);
    memset(out, 0, sizeof *out);
    part(out, ROWS, 1, rows->row_buffers, &rows->list_place);
    out->release = release_rows;
    out->private_data = rows;
    return rows;
}

static void release_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

/* A struct of "list", a list of structs of "n". */
static struct ArrowSchema *schema(void)
{
    static struct ArrowSchema levels[4];
    static struct ArrowSchema *places[3];
    static const char *const formats[4] = {"+s", "+l", "+s", "l"};
    static const char *const names[4] = {"", "list", "item", "n"};
    memset(levels, 0, sizeof levels);
    for (int level = 0; level < 4; level++) {
        levels[level].format = formats[level];
        levels[level].name = names[level];
        levels[level].flags = level < 3 ? ARROW_FLAG_NULLABLE : 0;
        levels[level].release = release_schema;
        if (level < 3) {
            places[level] = &levels[level + 1];
            levels[level].n_children = 1;
            levels[level].children = &places[level];
        }
    }
    return levels;
}

static void offsets_fall(struct rows *rows) { rows->offsets[2] = 1; }
static void offset_is_negative(struct rows *rows) { rows->offsets[0] = -1; }
static void offset_is_beyond(struct rows *rows) { rows->offsets[3] = ITEMS + 1; }
static void items_are_few(struct rows *rows) { rows->number.length = ITEMS - 1; }
static void no_child(struct rows *rows) { rows->item.n_children = 0; }
static void child_is_null(struct rows *rows) { rows->item_place = NULL; }
static void no_numbers(struct rows *rows) { rows->number_buffers[1] = NULL; }

static void null_within(struct rows *rows)
{
    static const uint8_t valid[1] = {0x0d};
    rows->number_buffers[0] = valid;
    rows->number.null_count = 1;
}

static const struct lie {
    const char *name;
    void (*tell)(struct rows *rows);
    const char *words;
} LIES[] = {
    {"offsets fall", offsets_fall, "offset 2 of an array is 1, after 2"},
    {"a negative offset", offset_is_negative, "offset 0 of an array is -1"},
    {"an offset beyond the items", offset_is_beyond, "5 are used"},
    {"too few numbers", items_are_few, "has 3 values, 4 are used"},
    {"a struct without its child", no_child, "has 0 children, expected 1"},
    {"a child that is NULL", child_is_null, "NULL or not aligned"},
    {"no buffer", no_numbers, "is NULL"},
    {"a null where none may be", null_within, "non-nullable"},
};

static const char *const RECORDS[ROWS] = {"{\"list\":[{\"n\":1},{\"n\":2}]}", "{\"list\":[]}",
                                          "{\"list\":[{\"n\":3},{\"n\":4}]}"};

static void expect_records(lode_dataset *dataset, const lode_snapshot *snapshot)
{
    lode_record_reader *reader = NULL;
    GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
    for (int row = 0; row < 2 * ROWS; row++) {
        lode_bytes record = {NULL, 0};
        GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error));
        const char *expected = RECORDS[row % ROWS];
        CHECK(record.len == strlen(expected) && memcmp(record.data, expected, record.len) == 0, "record %d: %.*s", row,
              (int)record.len, (const char *)record.data);
    }
    lode_record_reader_free(reader);
}

static void expect_arrays(lode_dataset *dataset, const lode_snapshot *snapshot)
{
    struct ArrowArrayStream stream;
    struct ArrowSchema given;
    struct ArrowArray array;
    GIVES(LODE_OK, lode_dataset_read_arrow(dataset, snapshot, NULL, &stream, error));
    CHECK(stream.get_schema(&stream, &given) == 0, "the schema");
    CHECK(strcmp(given.children[0]->format, "+l") == 0, "a list comes as a list");
    CHECK(stream.get_next(&stream, &array) == 0 && array.length == 2 * ROWS, "all rows in one array");
    const struct ArrowArray *numbers = array.children[0]->children[0]->children[0];
    CHECK(numbers->length == 2 * ITEMS, "%d numbers", (int)numbers->length);
    const int64_t *values = (const int64_t *)numbers->buffers[1] + numbers->offset;
    for (int item = 0; item < 2 * ITEMS; item++) CHECK(values[item] == item % ITEMS + 1, "number %d", item);
    array.release(&array);
    given.release(&given);
    stream.release(&stream);
}

int main(void)
{
    char root[256];
    make_root(root);
    store = open_store(root);
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_PARQUET;
    options.arrow_schema = schema();
    lode_dataset *dataset = NULL;
    REFUSED(LODE_ERR_ARROW_TYPE, "\"+l\"", lode_dataset_open(store, "lists", &options, &dataset, error));
    options.schema_types = LODE_SCHEMA_ARROW;
    GIVES(LODE_OK, lode_dataset_open(store, "lists", &options, &dataset, error));

    lode_record_writer *writer = NULL;
    struct ArrowArray array;
    size_t taken = 0;
    GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
    fill(&array);
    GIVES(LODE_OK, lode_record_writer_append_arrow(writer, &array, schema(), &taken, error));
    CHECK(taken == ROWS && released == 1 && array.release == NULL, "it is taken and released");
    for (size_t number = 0; number < sizeof LIES / sizeof *LIES; number++) {
        const struct lie *lie = &LIES[number];
        lie->tell(fill(&array));
        lode_error *error = NULL;
        lode_status status = lode_record_writer_append_arrow(writer, &array, schema(), &taken, &error);
        CHECK(status == LODE_ERR_ITERATOR_CONTRACT, "%s: gave %s", lie->name, lode_status_name(status));
        CHECK(strstr(lode_error_message(error), lie->words) != NULL, "%s: %s", lie->name, lode_error_message(error));
        CHECK(taken == 0 && released == (int)number + 2, "%s: released once", lie->name);
        lode_error_free(error);
    }
    REFUSED(LODE_ERR_SCHEMA_VIOLATION, "expected an object",
            lode_record_writer_append(writer, "{\"list\":[1]}", 12, NULL, error));
    for (int row = 0; row < ROWS; row++)
        GIVES(LODE_OK, lode_record_writer_append(writer, RECORDS[row], strlen(RECORDS[row]), NULL, error));
    lode_snapshot *snapshot = NULL;
    GIVES(LODE_OK, lode_record_writer_commit(writer, "{}", NULL, &snapshot, error));
    CHECK(strcmp(lode_snapshot_metadata_json(snapshot), "{}") == 0, "the library's own keys are left out");
    expect_records(dataset, snapshot);
    expect_arrays(dataset, snapshot);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
    lode_store_free(store);
    remove_tree(root);
    return finish("contract_arrow_types");
}
