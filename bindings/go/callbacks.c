#include "callbacks.h"

#include "_cgo_export.h"

/* The Go functions are declared by cgo without const. */

static int32_t progress(void *ctx, int64_t records, int64_t bytes_in, int64_t bytes_stored)
{
    return lodeGoProgress((uintptr_t)ctx, records, bytes_in, bytes_stored);
}

void lode_go_progress_of_call(lode_call_options *options, uintptr_t handle)
{
    options->progress = progress;
    options->progress_ctx = (void *)handle;
}

void lode_go_progress_of_commit(lode_commit_options *options, uintptr_t handle)
{
    options->progress = progress;
    options->progress_ctx = (void *)handle;
}

static void log_line(void *ctx, int32_t level, const char *message)
{
    lodeGoLog((uintptr_t)ctx, level, (char *)message);
}

static void release(void *ctx)
{
    lodeGoRelease((uintptr_t)ctx);
}

void lode_go_log(lode_store_options *options, uintptr_t handle)
{
    options->log = log_line;
    options->log_ctx = (void *)handle;
    options->log_release = release;
}

static int64_t next_batch(void *ctx, lode_bytes *records, int64_t *unix_nanos, size_t capacity)
{
    return lodeGoNextBatch((uintptr_t)ctx, records, unix_nanos, capacity);
}

lode_status lode_go_stream_write_records(lode_dataset *dataset, uintptr_t handle, const char *metadata_json,
                                         const lode_commit_options *options, lode_snapshot **snapshot,
                                         lode_error **error)
{
    lode_record_iterator records = LODE_RECORD_ITERATOR_INIT;
    records.ctx = (void *)handle;
    records.next_batch = next_batch;
    return lode_dataset_stream_write_records(dataset, handle == 0 ? NULL : &records, metadata_json, options, snapshot,
                                             error);
}

static int64_t read_source(void *ctx, uint8_t *buffer, size_t capacity)
{
    return lodeGoReadSource((uintptr_t)ctx, buffer, capacity);
}

lode_status lode_go_stream_write_blob(lode_dataset *dataset, uintptr_t handle, const char *metadata_json,
                                      const lode_commit_options *options, lode_snapshot **snapshot,
                                      lode_error **error)
{
    lode_byte_source source = LODE_BYTE_SOURCE_INIT;
    source.ctx = (void *)handle;
    source.read = read_source;
    return lode_dataset_stream_write_blob(dataset, handle == 0 ? NULL : &source, metadata_json, options, snapshot, error);
}

lode_status lode_go_stage_records(lode_dataset *dataset, uintptr_t handle, const lode_call_options *options,
                                  lode_part **part, lode_error **error)
{
    lode_record_iterator records = LODE_RECORD_ITERATOR_INIT;
    records.ctx = (void *)handle;
    records.next_batch = next_batch;
    return lode_dataset_stage_records(dataset, handle == 0 ? NULL : &records, options, part, error);
}

lode_status lode_go_stage_blob(lode_dataset *dataset, uintptr_t handle, const lode_call_options *options,
                               lode_part **part, lode_error **error)
{
    lode_byte_source source = LODE_BYTE_SOURCE_INIT;
    source.ctx = (void *)handle;
    source.read = read_source;
    return lode_dataset_stage_blob(dataset, handle == 0 ? NULL : &source, options, part, error);
}

static int32_t put_begin(void *ctx, const char *key, int32_t if_absent, void **upload, lode_callback_error *error)
{
    (void)if_absent;
    uintptr_t begun = 0;
    int32_t answer = lodeGoPutBegin((uintptr_t)ctx, (char *)key, &begun, error);
    *upload = (void *)begun;
    return answer;
}

static int32_t put_write(void *ctx, void *upload, const uint8_t *data, size_t len, lode_callback_error *error)
{
    (void)ctx;
    return lodeGoPutWrite((uintptr_t)upload, (uint8_t *)data, len, error);
}

static int32_t put_finish(void *ctx, void *upload, lode_callback_error *error)
{
    (void)ctx;
    return lodeGoPutFinish((uintptr_t)upload, error);
}

static void put_abort(void *ctx, void *upload)
{
    (void)ctx;
    lodeGoPutAbort((uintptr_t)upload);
}

static int32_t stat_object(void *ctx, const char *key, uint64_t *size, lode_callback_error *error)
{
    return lodeGoSize((uintptr_t)ctx, (char *)key, size, error);
}

static int64_t read_object(void *ctx, const char *key, uint64_t offset, uint8_t *buffer, size_t capacity,
                           lode_callback_error *error)
{
    return lodeGoReadAt((uintptr_t)ctx, (char *)key, offset, buffer, capacity, error);
}

static int32_t list(void *ctx, const char *prefix, lode_key_sink *keys, lode_callback_error *error)
{
    return lodeGoList((uintptr_t)ctx, (char *)prefix, keys, error);
}

static int32_t remove_object(void *ctx, const char *key, lode_callback_error *error)
{
    return lodeGoRemove((uintptr_t)ctx, (char *)key, error);
}

static int32_t compare_and_swap(void *ctx, const char *key, const uint8_t *expected, size_t expected_len,
                                const uint8_t *value, size_t value_len, lode_callback_error *error)
{
    return lodeGoCompareAndSwap((uintptr_t)ctx, (char *)key, (uint8_t *)expected, expected_len, (uint8_t *)value,
                                value_len, error);
}

lode_status lode_go_open_backend(uintptr_t handle, int32_t serial, const lode_store_options *options,
                                 lode_store **store, lode_error **error)
{
    lode_store_callbacks callbacks = LODE_STORE_CALLBACKS_INIT;
    callbacks.ctx = (void *)handle;
    callbacks.flags = serial ? LODE_STORE_SERIAL : 0;
    callbacks.put_begin = put_begin;
    callbacks.put_write = put_write;
    callbacks.put_finish = put_finish;
    callbacks.put_abort = put_abort;
    callbacks.stat = stat_object;
    callbacks.read = read_object;
    callbacks.list = list;
    callbacks.remove = remove_object;
    callbacks.compare_and_swap = compare_and_swap;
    callbacks.release = release;
    return lode_store_open_callbacks(&callbacks, options, store, error);
}

static int32_t finding(void *ctx, int32_t kind, const char *path, const char *snapshot_id, const char *message)
{
    return lodeGoFinding((uintptr_t)ctx, kind, (char *)path, (char *)snapshot_id, (char *)message);
}

lode_status lode_go_verify(lode_dataset *dataset, int32_t level, uintptr_t handle, const lode_call_options *options,
                           lode_error **error)
{
    return lode_dataset_verify(dataset, level, finding, (void *)handle, options, NULL, error);
}

lode_status lode_go_verify_volume(lode_volume *volume, int32_t level, uintptr_t handle,
                                  const lode_call_options *options, lode_error **error)
{
    return lode_volume_verify(volume, level, finding, (void *)handle, options, NULL, error);
}

static int32_t removed(void *ctx, int32_t kind, const char *path, uint64_t size, int64_t age_seconds)
{
    return lodeGoRemoved((uintptr_t)ctx, kind, (char *)path, size, age_seconds);
}

lode_status lode_go_collect(lode_dataset *dataset, const lode_collect_options *what, uintptr_t handle,
                            const lode_call_options *options, uint64_t *objects, uint64_t *bytes, lode_error **error)
{
    return lode_dataset_collect(dataset, what, handle == 0 ? NULL : removed, (void *)handle, options, objects, bytes,
                                error);
}

lode_status lode_go_collect_volume(lode_volume *volume, const lode_collect_options *what, uintptr_t handle,
                                   const lode_call_options *options, uint64_t *objects, uint64_t *bytes,
                                   lode_error **error)
{
    return lode_volume_collect(volume, what, handle == 0 ? NULL : removed, (void *)handle, options, objects, bytes,
                               error);
}

lode_status lode_go_stage_stream_at(lode_volume *volume, uint64_t offset, uint64_t len, uintptr_t handle,
                                    const lode_call_options *options, lode_volume_block **block, lode_error **error)
{
    lode_byte_source source = LODE_BYTE_SOURCE_INIT;
    source.ctx = (void *)handle;
    source.read = read_source;
    return lode_volume_stage_stream_at(volume, offset, len, handle == 0 ? NULL : &source, options, block, error);
}

void lode_go_release_stream(struct ArrowArrayStream *stream)
{
    if (stream != NULL && stream->release != NULL) {
        stream->release(stream);
        stream->release = NULL;
    }
}

void lode_go_release_array(struct ArrowArray *array)
{
    if (array != NULL && array->release != NULL) {
        array->release(array);
        array->release = NULL;
    }
}
