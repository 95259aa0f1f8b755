/* What cgo cannot say: the callbacks of lode.h, which are Go functions, and calls whose structs hold them. A
 * Go value is a number here, a cgo.Handle. */
#ifndef LODE_GO_CALLBACKS_H
#define LODE_GO_CALLBACKS_H

#include <lode.h>

void lode_go_progress_of_call(lode_call_options *options, uintptr_t handle);
void lode_go_progress_of_commit(lode_commit_options *options, uintptr_t handle);
void lode_go_log(lode_store_options *options, uintptr_t handle);

lode_status lode_go_stream_write_records(lode_dataset *dataset, uintptr_t handle, const char *metadata_json,
                                         const lode_commit_options *options, lode_snapshot **snapshot,
                                         lode_error **error);
lode_status lode_go_stream_write_blob(lode_dataset *dataset, uintptr_t handle, const char *metadata_json,
                                      const lode_commit_options *options, lode_snapshot **snapshot,
                                      lode_error **error);
lode_status lode_go_stage_records(lode_dataset *dataset, uintptr_t handle, const lode_call_options *options,
                                  lode_part **part, lode_error **error);
lode_status lode_go_stage_blob(lode_dataset *dataset, uintptr_t handle, const lode_call_options *options,
                               lode_part **part, lode_error **error);
lode_status lode_go_open_backend(uintptr_t handle, int32_t serial, const lode_store_options *options,
                                 lode_store **store, lode_error **error);
lode_status lode_go_verify(lode_dataset *dataset, int32_t level, uintptr_t handle, const lode_call_options *options,
                           lode_error **error);
lode_status lode_go_verify_volume(lode_volume *volume, int32_t level, uintptr_t handle,
                                  const lode_call_options *options, lode_error **error);
lode_status lode_go_collect(lode_dataset *dataset, const lode_collect_options *what, uintptr_t handle,
                            const lode_call_options *options, uint64_t *objects, uint64_t *bytes, lode_error **error);
lode_status lode_go_collect_volume(lode_volume *volume, const lode_collect_options *what, uintptr_t handle,
                                   const lode_call_options *options, uint64_t *objects, uint64_t *bytes,
                                   lode_error **error);
lode_status lode_go_stage_stream_at(lode_volume *volume, uint64_t offset, uint64_t len, uintptr_t handle,
                                    const lode_call_options *options, lode_volume_block **block, lode_error **error);

/* Releases a stream, or an array, that no call of the library has moved out. */
void lode_go_release_stream(struct ArrowArrayStream *stream);
void lode_go_release_array(struct ArrowArray *array);

#endif
