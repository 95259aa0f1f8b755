package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"io"
	"iter"
	"runtime"
	"runtime/cgo"
	"time"
	"unsafe"
)

// Dataset is a chain of immutable snapshots in a store. Goroutines may share it. What is made from it keeps
// what it needs of it: it may be closed before.
type Dataset struct {
	h  *handle
	id string
}

// OpenDataset opens a dataset of a store; no I/O. Its first commit makes it. nil options are the defaults,
// which have no codec: enough to read, and for raw blobs.
func OpenDataset(store *Store, id string, options *DatasetOptions) (*Dataset, error) {
	c, err := begin(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	defer c.close()
	text, err := c.text("dataset's id", id)
	if err != nil {
		return nil, err
	}
	given, err := c.dataset(options)
	if err != nil {
		return nil, err
	}
	in, err := store.h.use()
	if err != nil {
		return nil, err
	}
	defer store.h.done()
	var dataset *C.lode_dataset
	var raw *C.lode_error
	if err := check(C.lode_dataset_open((*C.lode_store)(in), text, given, &dataset, &raw), raw); err != nil {
		return nil, err
	}
	d := &Dataset{id: id}
	d.h = own(d, "dataset", unsafe.Pointer(dataset), func(p unsafe.Pointer) { C.lode_dataset_free((*C.lode_dataset)(p)) })
	return d, nil
}

// dataset gives the options of a dataset to the call.
func (c *call) dataset(o *DatasetOptions) (*C.lode_dataset_options, error) {
	var options C.lode_dataset_options
	C.lode_dataset_options_init(&options, C.sizeof_lode_dataset_options)
	if o == nil {
		return &options, nil
	}
	if o.RetryAttempts < 0 || o.RetryAttempts > 1<<31-1 {
		return nil, refused(ErrInvalidArgument, "RetryAttempts is %d: expected 0 to 2147483647", o.RetryAttempts)
	}
	if int(int32(o.CompressionLevel)) != o.CompressionLevel {
		return nil, refused(ErrInvalidArgument, "CompressionLevel is %d: no compressor has that", o.CompressionLevel)
	}
	if int(int32(o.MaxOpenPartitions)) != o.MaxOpenPartitions || int(int32(o.Threads)) != o.Threads {
		return nil, refused(ErrInvalidArgument, "MaxOpenPartitions is %d and Threads is %d: one is out of range",
			o.MaxOpenPartitions, o.Threads)
	}
	if o.PartitionStreaming {
		options.partition_streaming = 1
	}
	options.max_open_partitions = C.int32_t(o.MaxOpenPartitions)
	options.threads = C.int32_t(o.Threads)
	options.target_file_bytes = C.int64_t(o.TargetFileBytes)
	options.codec = C.int32_t(o.Codec)
	options.compressor = C.int32_t(o.Compressor)
	options.compression_level = C.int32_t(o.CompressionLevel)
	options.checksum = C.int32_t(o.Checksum)
	options.layout = C.int32_t(o.Layout)
	options.durability = C.int32_t(o.Durability)
	if o.FileStatistics {
		options.file_statistics = 1
	}
	options.retry_attempts = C.int32_t(o.RetryAttempts)
	options.retry_base_ms = milliseconds(o.RetryBase)
	options.retry_cap_ms = milliseconds(o.RetryCap)
	options.max_record_bytes = C.int64_t(o.MaxRecordBytes)
	if len(o.PartitionKeys) > 0 {
		array, err := c.array("partition key", o.PartitionKeys)
		if err != nil {
			return nil, err
		}
		options.partition_keys = array
		options.partition_key_count = C.size_t(len(o.PartitionKeys))
	}
	if err := c.columns(o, &options); err != nil {
		return nil, err
	}
	return &options, nil
}

// Close frees the dataset's handle. It gives nil.
func (d *Dataset) Close() error {
	d.h.close()
	return nil
}

// ID gives the dataset's id.
func (d *Dataset) ID() string { return d.id }

// committing runs a call that commits.
func (d *Dataset) committing(ctx context.Context, metadata Metadata, options []CommitOption,
	body func(dataset *C.lode_dataset, metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot,
		raw **C.lode_error) C.lode_status) (*Snapshot, error) {
	raw, err := d.h.use()
	if err != nil {
		return nil, err
	}
	defer d.h.done()
	return commit(ctx, metadata, options,
		func(metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot, failed **C.lode_error) C.lode_status {
			return body((*C.lode_dataset)(raw), metadata, options, snapshot, failed)
		})
}

func commit(ctx context.Context, metadata Metadata, given []CommitOption,
	body func(metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot,
		raw **C.lode_error) C.lode_status) (*Snapshot, error) {
	all := gather(given)
	c, err := begin(ctx, all.progress)
	if err != nil {
		return nil, err
	}
	defer c.close()
	text, err := c.metadata(metadata)
	if err != nil {
		return nil, err
	}
	options, err := c.commit(all)
	if err != nil {
		return nil, err
	}
	var snapshot *C.lode_snapshot
	var raw *C.lode_error
	status := body(text, options, &snapshot, &raw)
	if err := c.check(status, raw); err != nil {
		return nil, err
	}
	return newSnapshot(snapshot, Status(status)), nil
}

// StreamWriteRecords pulls all records from an iterator and commits them as one snapshot: all of them,
// durably, or none. What the records may be says [RecordIterator]. nil metadata is refused; Metadata{} says
// that there is none.
func (d *Dataset) StreamWriteRecords(ctx context.Context, records RecordIterator, metadata Metadata,
	options ...CommitOption) (*Snapshot, error) {
	pulled := newPulled(records)
	defer pulled.free()
	var handle cgo.Handle
	if records != nil {
		handle = cgo.NewHandle(pulled)
		defer handle.Delete()
	}
	snapshot, err := d.committing(ctx, metadata, options,
		func(dataset *C.lode_dataset, metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot,
			raw **C.lode_error) C.lode_status {
			return C.lode_go_stream_write_records(dataset, C.uintptr_t(handle), metadata, options, snapshot, raw)
		})
	if pulled.panicked != nil {
		panic(pulled.panicked)
	}
	return snapshot, pulled.explain(err)
}

// WriteRecords commits records that are held in memory as one snapshot, in a dataset of LayoutHive by
// partition. Each is what [RecordIterator] says of a record. nil metadata is refused.
func (d *Dataset) WriteRecords(ctx context.Context, records []any, metadata Metadata,
	options ...CommitOption) (*Snapshot, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	items := make([]C.lode_bytes, len(records)+1)
	times := make([]C.int64_t, len(records)+1)
	timed := false
	for i, record := range records {
		bytes, at, err := encode(record)
		if err != nil {
			err.Record = int64(i)
			return nil, err
		}
		if len(bytes) > 0 {
			first := unsafe.SliceData(bytes)
			pinner.Pin(first)
			items[i].data = (*C.uint8_t)(first)
		}
		items[i].len = C.size_t(len(bytes))
		times[i] = at
		timed = timed || at != C.LODE_NO_TIMESTAMP
	}
	return d.committing(ctx, metadata, options,
		func(dataset *C.lode_dataset, metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot,
			raw **C.lode_error) C.lode_status {
			if !timed {
				return C.lode_dataset_write_records(dataset, &items[0], nil, C.size_t(len(records)), metadata, options,
					snapshot, raw)
			}
			return C.lode_dataset_write_records(dataset, &items[0], &times[0], C.size_t(len(records)), metadata, options,
				snapshot, raw)
		})
}

// WriteBlob commits bytes as one snapshot, a raw blob. nil metadata is refused.
func (d *Dataset) WriteBlob(ctx context.Context, data []byte, metadata Metadata,
	options ...CommitOption) (*Snapshot, error) {
	lent := addressable(data)
	return d.committing(ctx, metadata, options,
		func(dataset *C.lode_dataset, metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot,
			raw **C.lode_error) C.lode_status {
			return C.lode_dataset_write_blob(dataset, unsafe.Pointer(&lent[0]), C.size_t(len(data)), metadata, options,
				snapshot, raw)
		})
}

// StreamWriteBlob pulls the bytes of a blob from a reader and commits them as one snapshot. The reader's
// error comes out of the call, and nothing is committed. nil metadata is refused.
func (d *Dataset) StreamWriteBlob(ctx context.Context, from io.Reader, metadata Metadata,
	options ...CommitOption) (*Snapshot, error) {
	source := source{reader: from}
	var handle cgo.Handle
	if from != nil {
		handle = cgo.NewHandle(&source)
		defer handle.Delete()
	}
	snapshot, err := d.committing(ctx, metadata, options,
		func(dataset *C.lode_dataset, metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot,
			raw **C.lode_error) C.lode_status {
			return C.lode_go_stream_write_blob(dataset, C.uintptr_t(handle), metadata, options, snapshot, raw)
		})
	if source.panicked != nil {
		panic(source.panicked)
	}
	return snapshot, because(err, source.err, ErrIterator)
}

// finding runs a call of a dataset or volume that finds a snapshot by a text; nil if the call says that there
// is none.
func finding(ctx context.Context, h *handle, what, text string,
	body func(from unsafe.Pointer, text *C.char, options *C.lode_call_options, snapshot **C.lode_snapshot,
		raw **C.lode_error) C.lode_status) (*Snapshot, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer c.close()
	given, err := c.text(what, text)
	if err != nil {
		return nil, err
	}
	from, err := h.use()
	if err != nil {
		return nil, err
	}
	defer h.done()
	var snapshot *C.lode_snapshot
	var raw *C.lode_error
	status := body(from, given, c.options(), &snapshot, &raw)
	if err := c.check(status, raw); err != nil || snapshot == nil {
		return nil, err
	}
	return newSnapshot(snapshot, StatusOK), nil
}

// listing runs a call of a dataset or volume that lists snapshots, after one or (after "": NULL) all.
func listing(ctx context.Context, h *handle, after string,
	body func(from unsafe.Pointer, after *C.char, options *C.lode_call_options, all **C.lode_snapshot_iterator,
		raw **C.lode_error) C.lode_status) iter.Seq2[*Snapshot, error] {
	return snapshots(ctx, func(c *call, all **C.lode_snapshot_iterator, raw **C.lode_error) (C.lode_status, error) {
		var id *C.char
		if after != "" {
			text, err := c.text("snapshot's id", after)
			if err != nil {
				return 0, err
			}
			id = text
		}
		from, err := h.use()
		if err != nil {
			return 0, err
		}
		defer h.done()
		return body(from, id, c.options(), all, raw), nil
	})
}

// finding runs a call that finds a snapshot by a text; nil if the call says that there is none.
func (d *Dataset) finding(ctx context.Context, what, text string,
	body func(dataset *C.lode_dataset, text *C.char, options *C.lode_call_options, snapshot **C.lode_snapshot,
		raw **C.lode_error) C.lode_status) (*Snapshot, error) {
	return finding(ctx, d.h, what, text, func(from unsafe.Pointer, text *C.char, options *C.lode_call_options,
		snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return body((*C.lode_dataset)(from), text, options, snapshot, raw)
	})
}

// Latest finds the newest snapshot; ErrNoSnapshots.
func (d *Dataset) Latest(ctx context.Context) (*Snapshot, error) {
	return d.finding(ctx, "", "", func(dataset *C.lode_dataset, _ *C.char, options *C.lode_call_options,
		snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_dataset_find_latest(dataset, options, snapshot, raw)
	})
}

// Snapshot finds a snapshot by its id; ErrSnapshotNotFound.
func (d *Dataset) Snapshot(ctx context.Context, id string) (*Snapshot, error) {
	return d.finding(ctx, "snapshot's id", id, func(dataset *C.lode_dataset, id *C.char, options *C.lode_call_options,
		snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_dataset_find_snapshot(dataset, id, options, snapshot, raw)
	})
}

// FindProducer finds the newest snapshot, if it tells of this producer, whose Producer then says where to go
// on; nil if nothing is remembered of it.
func (d *Dataset) FindProducer(ctx context.Context, producerID string) (*Snapshot, error) {
	return d.finding(ctx, "producer's id", producerID, func(dataset *C.lode_dataset, id *C.char,
		options *C.lode_call_options, snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_dataset_find_producer(dataset, id, options, snapshot, raw)
	})
}

// ResolveCommit resolves a commit that ended in ErrCommitUnknown, by its Error.SnapshotID: the snapshot if it
// is committed; nil if it is not, and never will be.
func (d *Dataset) ResolveCommit(ctx context.Context, snapshotID string) (*Snapshot, error) {
	return d.finding(ctx, "snapshot's id", snapshotID, func(dataset *C.lode_dataset, id *C.char,
		options *C.lode_call_options, snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_dataset_resolve_commit(dataset, id, options, snapshot, raw)
	})
}

// Adopt makes a snapshot the head of its dataset: the way out of ErrNeedsRepair.
func (d *Dataset) Adopt(ctx context.Context, snapshotID string) (*Snapshot, error) {
	return d.finding(ctx, "snapshot's id", snapshotID, func(dataset *C.lode_dataset, id *C.char,
		options *C.lode_call_options, snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_dataset_adopt(dataset, id, options, snapshot, raw)
	})
}

// Snapshots lists all snapshots, oldest first. After an error it ends.
func (d *Dataset) Snapshots(ctx context.Context) iter.Seq2[*Snapshot, error] {
	return listing(ctx, d.h, "", func(from unsafe.Pointer, _ *C.char, options *C.lode_call_options,
		all **C.lode_snapshot_iterator, raw **C.lode_error) C.lode_status {
		return C.lode_dataset_list_snapshots((*C.lode_dataset)(from), options, all, raw)
	})
}

// Changes lists the snapshots after one, oldest first; after "": all. After an error it ends.
func (d *Dataset) Changes(ctx context.Context, after string) iter.Seq2[*Snapshot, error] {
	return listing(ctx, d.h, after, func(from unsafe.Pointer, after *C.char, options *C.lode_call_options,
		all **C.lode_snapshot_iterator, raw **C.lode_error) C.lode_status {
		return C.lode_dataset_list_changes((*C.lode_dataset)(from), after, options, all, raw)
	})
}

// nanos gives a time as the library takes it; the zero time is none.
func nanos(t time.Time) C.int64_t {
	if t.IsZero() {
		return C.LODE_NO_TIMESTAMP
	}
	return C.int64_t(t.UnixNano())
}
