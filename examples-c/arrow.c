/* The Arrow C stream interface in plain C: a producer of batches that a dataset takes, and a consumer of the
 * stream that a snapshot gives. No Arrow library is needed.
 *
 *   cc -std=c11 arrow.c -llode -o arrow && ./arrow STORE
 *
 * The library must have the feature "parquet".
 */
#include <lode.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 3, ROWS = 1000 };

/* ---- A producer: ROWS numbers and their names, BATCHES times. ---- */

/* What a batch's arrays own: allocated together, freed by the batch's release. */
typedef struct batch {
    int64_t numbers[ROWS];
    int32_t offsets[ROWS + 1];
    char names[ROWS * 8];
    const void *struct_buffers[1], *number_buffers[2], *name_buffers[3];
    struct ArrowArray columns[2];
    struct ArrowArray *children[2];
} batch;

/* A child is released with its parent: it has nothing of its own, and says that it is released. */
static void release_child_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static void release_batch(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release != NULL) {
            array->children[i]->release(array->children[i]);
        }
    }
    free(array->private_data);
    array->release = NULL;
}

typedef struct producer {
    int next;
    struct ArrowSchema fields[2];
    struct ArrowSchema *children[2];
} producer;

static void release_schema(struct ArrowSchema *schema)
{
    /* Its parts are the producer's. */
    schema->release = NULL;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    producer *self = stream->private_data;
    static const char *const formats[] = {"l", "u"}, *const names[] = {"number", "name"};
    for (int i = 0; i < 2; i++) {
        self->fields[i] = (struct ArrowSchema){.format = formats[i], .name = names[i], .release = release_schema};
        self->children[i] = &self->fields[i];
    }
    *out = (struct ArrowSchema){
        .format = "+s", .name = "", .n_children = 2, .children = self->children, .release = release_schema};
    return 0;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    producer *self = stream->private_data;
    *out = (struct ArrowArray){.release = NULL};
    if (self->next == BATCHES) {
        return 0; /* a released array is the end */
    }
    batch *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return ENOMEM;
    }
    for (int row = 0; row < ROWS; row++) {
        made->numbers[row] = (int64_t)self->next * ROWS + row;
        int len = snprintf(made->names + made->offsets[row], 8, "n%" PRId64, made->numbers[row]);
        made->offsets[row + 1] = made->offsets[row] + len;
    }
    self->next++;
    made->number_buffers[1] = made->numbers;
    made->name_buffers[1] = made->offsets;
    made->name_buffers[2] = made->names;
    made->columns[0] = (struct ArrowArray){
        .length = ROWS, .n_buffers = 2, .buffers = made->number_buffers, .release = release_child_array};
    made->columns[1] = (struct ArrowArray){
        .length = ROWS, .n_buffers = 3, .buffers = made->name_buffers, .release = release_child_array};
    made->children[0] = &made->columns[0];
    made->children[1] = &made->columns[1];
    *out = (struct ArrowArray){.length = ROWS,
                               .n_buffers = 1,
                               .buffers = made->struct_buffers,
                               .n_children = 2,
                               .children = made->children,
                               .release = release_batch,
                               .private_data = made};
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "no memory for a batch";
}

static void release_stream(struct ArrowArrayStream *stream)
{
    free(stream->private_data);
    stream->release = NULL;
}

/* ---- A consumer ---- */

/* Ends the program if a call has failed. */
static void require(lode_status status, lode_error *const *error)
{
    if (status < 0) {
        fprintf(stderr, "arrow: %s: %s\n", lode_status_name(status), lode_error_message(*error));
        exit(1);
    }
}

static void require_stream(struct ArrowArrayStream *stream, int errnum)
{
    if (errnum != 0) {
        const char *text = stream->get_last_error(stream);
        fprintf(stderr, "arrow: %s: %s\n", strerror(errnum), text != NULL ? text : "-");
        stream->release(stream);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: arrow STORE\n");
        return 2;
    }
    lode_store *store = NULL;
    lode_dataset *numbers = NULL;
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_PARQUET; /* no schema: the stream brings its own */
    require(lode_store_open_filesystem(argv[1], NULL, &store, &error), &error);
    require(lode_dataset_open(store, "numbers", &options, &numbers, &error), &error);

    struct ArrowArrayStream in = {.get_schema = get_schema,
                                  .get_next = get_next,
                                  .get_last_error = get_last_error,
                                  .release = release_stream,
                                  .private_data = calloc(1, sizeof(producer))};
    /* The call moves the stream out, and releases it whatever happens. */
    require(lode_dataset_stream_write_arrow(numbers, &in, "{}", NULL, &snapshot, &error), &error);
    printf("%" PRId64 " rows are in; the stream is released: %s\n", lode_snapshot_row_count(snapshot),
           in.release == NULL ? "yes" : "no");

    /* One column of the row groups that may hold numbers above 2500. */
    static const char *const columns[] = {"number"};
    static const lode_comparison above = {.column = "number", .value_json = "2500", .operation = LODE_COMPARE_GREATER};
    lode_read_options read = LODE_READ_OPTIONS_INIT;
    read.columns = columns;
    read.column_count = 1;
    read.comparisons = &above;
    read.comparison_count = 1;
    struct ArrowArrayStream out;
    require(lode_dataset_read_arrow(numbers, snapshot, &read, &out, &error), &error);
    int64_t rows = 0, wanted = 0;
    for (;;) {
        struct ArrowArray array;
        require_stream(&out, out.get_next(&out, &array));
        if (array.release == NULL) {
            break; /* the end */
        }
        const struct ArrowArray *column = array.children[0];
        const int64_t *values = (const int64_t *)column->buffers[1] + column->offset;
        for (int64_t row = 0; row < column->length; row++) {
            wanted += values[row] > 2500; /* rows are not filtered: a row group is given whole */
        }
        rows += array.length;
        array.release(&array);
    }
    out.release(&out);
    printf("%" PRId64 " rows were read, %" PRId64 " of them above 2500\n", rows, wanted);

    lode_snapshot_free(snapshot);
    lode_dataset_free(numbers);
    lode_store_free(store);
    return 0;
}
