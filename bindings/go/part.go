package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"io"
	"runtime/cgo"
	"unsafe"
)

// Part is data that is durable and not yet in a snapshot, until Dataset.CommitParts names it, perhaps in
// another process: JSON is all that has to get there. Goroutines may share it. Closing it removes nothing:
// Discard does.
type Part struct{ h *handle }

func newPart(raw *C.lode_part) *Part {
	p := &Part{}
	p.h = own(p, "part", unsafe.Pointer(raw), func(raw unsafe.Pointer) { C.lode_part_free((*C.lode_part)(raw)) })
	return p
}

// staging runs a call that gives a part.
func staging(ctx context.Context, h *handle,
	body func(from unsafe.Pointer, options *C.lode_call_options, part **C.lode_part, raw **C.lode_error) C.lode_status) (*Part, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer c.close()
	from, err := h.use()
	if err != nil {
		return nil, err
	}
	defer h.done()
	var part *C.lode_part
	var raw *C.lode_error
	status := body(from, c.options(), &part, &raw)
	if err := c.check(status, raw); err != nil {
		return nil, err
	}
	return newPart(part), nil
}

// StageRecords pulls all records from an iterator into one part: all of them, or nothing.
func (d *Dataset) StageRecords(ctx context.Context, records RecordIterator) (*Part, error) {
	pulled := newPulled(records)
	defer pulled.free()
	var handle cgo.Handle
	if records != nil {
		handle = cgo.NewHandle(pulled)
		defer handle.Delete()
	}
	part, err := staging(ctx, d.h, func(from unsafe.Pointer, options *C.lode_call_options, part **C.lode_part,
		raw **C.lode_error) C.lode_status {
		return C.lode_go_stage_records((*C.lode_dataset)(from), C.uintptr_t(handle), options, part, raw)
	})
	if pulled.panicked != nil {
		panic(pulled.panicked)
	}
	return part, pulled.explain(err)
}

// StageBlob pulls the bytes of a blob from a reader into one part: all of them, or nothing.
func (d *Dataset) StageBlob(ctx context.Context, from io.Reader) (*Part, error) {
	source := source{reader: from}
	var handle cgo.Handle
	if from != nil {
		handle = cgo.NewHandle(&source)
		defer handle.Delete()
	}
	part, err := staging(ctx, d.h, func(from unsafe.Pointer, options *C.lode_call_options, part **C.lode_part,
		raw **C.lode_error) C.lode_status {
		return C.lode_go_stage_blob((*C.lode_dataset)(from), C.uintptr_t(handle), options, part, raw)
	})
	if source.panicked != nil {
		panic(source.panicked)
	}
	return part, because(err, source.err, ErrIterator)
}

// Stage makes the records that the writer has taken durable as a part, instead of committing them.
func (w *Writer) Stage(ctx context.Context) (*Part, error) {
	writer, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer w.leave()
	if err := w.flush(writer); err != nil {
		return nil, err
	}
	if err := w.report(); err != nil {
		return nil, err
	}
	return staging(ctx, w.h, func(from unsafe.Pointer, options *C.lode_call_options, part **C.lode_part,
		raw **C.lode_error) C.lode_status {
		return C.lode_record_writer_stage((*C.lode_record_writer)(from), options, part, raw)
	})
}

// Stage makes the bytes that the writer has taken durable as a part, instead of committing them.
func (w *BlobWriter) Stage(ctx context.Context) (*Part, error) {
	return staging(ctx, w.h, func(from unsafe.Pointer, options *C.lode_call_options, part **C.lode_part,
		raw **C.lode_error) C.lode_status {
		return C.lode_blob_writer_stage((*C.lode_blob_writer)(from), options, part, raw)
	})
}

// PartFromJSON gives a part that any process has staged, from its JSON.
func (d *Dataset) PartFromJSON(json string) (*Part, error) {
	c := &call{token: &token{}}
	defer c.close()
	text, err := c.text("part", json)
	if err != nil {
		return nil, err
	}
	return staging(context.Background(), d.h, func(from unsafe.Pointer, _ *C.lode_call_options, part **C.lode_part,
		raw **C.lode_error) C.lode_status {
		return C.lode_dataset_part_from_json((*C.lode_dataset)(from), text, part, raw)
	})
}

// CommitParts commits parts as one snapshot, in the order given. nil metadata is refused.
func (d *Dataset) CommitParts(ctx context.Context, parts []*Part, metadata Metadata,
	options ...CommitOption) (*Snapshot, error) {
	raw := make([]*C.lode_part, len(parts)+1)
	for i, part := range parts {
		if part == nil {
			return nil, refused(ErrInvalidArgument, "part %d is nil", i)
		}
		used, err := part.h.use()
		if err != nil {
			return nil, err
		}
		defer part.h.done()
		raw[i] = (*C.lode_part)(used)
	}
	return d.committing(ctx, metadata, options,
		func(dataset *C.lode_dataset, metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot,
			failed **C.lode_error) C.lode_status {
			return C.lode_dataset_commit_parts(dataset, &raw[0], C.size_t(len(parts)), metadata, options, snapshot, failed)
		})
}

// Discard removes the files of a part that will not be committed; ErrPartCommitted.
func (p *Part) Discard(ctx context.Context) error {
	c, err := begin(ctx, nil)
	if err != nil {
		return err
	}
	defer c.close()
	part, err := p.h.use()
	if err != nil {
		return err
	}
	defer p.h.done()
	var raw *C.lode_error
	status := C.lode_part_discard((*C.lode_part)(part), c.options(), &raw)
	return c.check(status, raw)
}

// PartInfo is what a part holds.
type PartInfo struct {
	// ID is the id that its files lie under.
	ID string
	// RecordCount is how many records it has; a raw blob counts 1.
	RecordCount int64
	// Size is how many bytes its files have as they are stored.
	Size int64
	// Paths are the store keys of its files.
	Paths []string
	// JSON is the part as one line, for Dataset.PartFromJSON.
	JSON string
}

// Info says what the part holds.
func (p *Part) Info() (PartInfo, error) {
	used, err := p.h.use()
	if err != nil {
		return PartInfo{}, err
	}
	defer p.h.done()
	part := (*C.lode_part)(used)
	info := PartInfo{
		ID:          C.GoString(C.lode_part_id(part)),
		RecordCount: int64(C.lode_part_record_count(part)),
		Size:        int64(C.lode_part_size(part)),
		JSON:        C.GoString(C.lode_part_json(part)),
	}
	for i := range C.lode_part_file_count(part) {
		info.Paths = append(info.Paths, C.GoString(C.lode_part_file_path(part, i)))
	}
	return info, nil
}

// Close frees the part's handle; its files stay. It gives nil.
func (p *Part) Close() error {
	p.h.close()
	return nil
}
