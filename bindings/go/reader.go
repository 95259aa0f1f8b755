package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"iter"
	"sync"
	"unsafe"
)

// ReadOptions is how to read. The zero value is the default.
type ReadOptions struct {
	// Verify is what to check.
	Verify Verify
}

// reading gives the options of a reader, which holds on to the token.
func (c *call) reading(o *ReadOptions) *C.lode_read_options {
	var options C.lode_read_options
	C.lode_read_options_init(&options, C.sizeof_lode_read_options)
	options.cancel = c.token.raw
	if o != nil {
		options.verify = C.int32_t(o.Verify)
	}
	return &options
}

func (s *Snapshot) use() (*C.lode_snapshot, error) {
	if s == nil {
		return nil, refused(ErrInvalidArgument, "the snapshot is nil")
	}
	raw, err := s.h.use()
	return (*C.lode_snapshot)(raw), err
}

// Reader streams records, in bounded memory. It belongs to one goroutine at a time: a second call at once
// fails with ErrState. The context of the call that made it ends every call on it.
type Reader struct {
	h    *handle
	ctx  context.Context
	mu   sync.Mutex     // tried, not waited for: it guards room
	room []C.lode_bytes // what the library lends, of the largest batch so far
}

func (d *Dataset) open(ctx context.Context, options *ReadOptions,
	open func(*call, *C.lode_dataset, *C.lode_read_options, **C.lode_record_reader, **C.lode_error) (C.lode_status, error)) (*Reader, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	dataset, err := d.h.use()
	if err != nil {
		c.close()
		return nil, err
	}
	defer d.h.done()
	var reader *C.lode_record_reader
	var raw *C.lode_error
	status, err := open(c, (*C.lode_dataset)(dataset), c.reading(options), &reader, &raw)
	if err == nil {
		err = c.check(status, raw)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	r := &Reader{ctx: ctx}
	r.h = own(r, "reader", unsafe.Pointer(reader), func(p unsafe.Pointer) {
		C.lode_record_reader_free((*C.lode_record_reader)(p))
		c.close()
	})
	return r, nil
}

// OpenReader begins to read a snapshot's records. nil options are the defaults.
func (d *Dataset) OpenReader(ctx context.Context, snapshot *Snapshot, options *ReadOptions) (*Reader, error) {
	return d.open(ctx, options, func(_ *call, dataset *C.lode_dataset, options *C.lode_read_options,
		reader **C.lode_record_reader, raw **C.lode_error) (C.lode_status, error) {
		from, err := snapshot.use()
		if err != nil {
			return 0, err
		}
		defer snapshot.h.done()
		return C.lode_dataset_open_record_reader(dataset, from, options, reader, raw), nil
	})
}

// OpenReaderSince begins to read the records of all snapshots after a position (Reader.Position, or a
// snapshot's id), oldest first; "": from the first. nil options are the defaults.
func (d *Dataset) OpenReaderSince(ctx context.Context, position string, options *ReadOptions) (*Reader, error) {
	return d.open(ctx, options, func(c *call, dataset *C.lode_dataset, options *C.lode_read_options,
		reader **C.lode_record_reader, raw **C.lode_error) (C.lode_status, error) {
		text, err := c.text("position", position)
		if err != nil {
			return 0, err
		}
		return C.lode_dataset_open_record_reader_since(dataset, text, options, reader, raw), nil
	})
}

func (r *Reader) use() (unsafe.Pointer, error) {
	raw, err := r.h.use()
	if err != nil {
		return nil, err
	}
	if err := over(r.ctx); err != nil {
		r.h.done()
		return nil, err
	}
	return raw, nil
}

// Next gives the next record, a copy; nil at the end. A failure stays.
func (r *Reader) Next() ([]byte, error) {
	reader, err := r.use()
	if err != nil {
		return nil, err
	}
	defer r.h.done()
	var record C.lode_bytes
	var raw *C.lode_error
	status := C.lode_record_reader_next((*C.lode_record_reader)(reader), &record, &raw)
	if err := (&call{ctx: r.ctx}).check(status, raw); err != nil || Status(status) != StatusItem {
		return nil, err
	}
	return append([]byte{}, unsafe.Slice((*byte)(record.data), int(record.len))...), nil
}

// NextBatch gives the next records, as many as are at hand, at most the given number; none at the end. They
// are copies, in memory of one piece. Records that come before a failure are given first.
func (r *Reader) NextBatch(most int) ([][]byte, error) {
	if most < 1 {
		return nil, refused(ErrInvalidArgument, "a batch of %d records: expected at least 1", most)
	}
	if !r.mu.TryLock() {
		return nil, refused(ErrState, "another goroutine is using the reader: let each have its own, or lock it")
	}
	defer r.mu.Unlock()
	reader, err := r.use()
	if err != nil {
		return nil, err
	}
	defer r.h.done()
	if len(r.room) < most {
		r.room = make([]C.lode_bytes, most)
	}
	return nextBatch(r.ctx, (*C.lode_record_reader)(reader), r.room[:most])
}

func nextBatch(ctx context.Context, reader *C.lode_record_reader, room []C.lode_bytes) ([][]byte, error) {
	var count C.size_t
	var raw *C.lode_error
	status := C.lode_record_reader_next_batch(reader, &room[0], C.size_t(len(room)), &count, &raw)
	if err := (&call{ctx: ctx}).check(status, raw); err != nil {
		return nil, err
	}
	total := 0
	for _, record := range room[:count] {
		total += int(record.len)
	}
	memory := make([]byte, 0, total)
	records := make([][]byte, count)
	for i, record := range room[:count] {
		begin := len(memory)
		memory = append(memory, unsafe.Slice((*byte)(record.data), int(record.len))...)
		records[i] = memory[begin:len(memory):len(memory)]
	}
	return records, nil
}

// Position says where the reader has come to: OpenReaderSince goes on after the last record given.
func (r *Reader) Position() (string, error) {
	reader, err := r.use()
	if err != nil {
		return "", err
	}
	defer r.h.done()
	var position *C.char
	var raw *C.lode_error
	err = check(C.lode_record_reader_get_position((*C.lode_record_reader)(reader), &position, &raw), raw)
	return C.GoString(position), err
}

// WriteFile writes the records that are left to a file descriptor, each with a line break. Of an os.File the
// descriptor is Fd().
func (r *Reader) WriteFile(fd uintptr) error {
	reader, err := r.use()
	if err != nil {
		return err
	}
	defer r.h.done()
	var raw *C.lode_error
	status := C.lode_record_reader_read_to_fd((*C.lode_record_reader)(reader), C.int32_t(fd), &raw)
	return (&call{ctx: r.ctx}).check(status, raw)
}

// Close frees the reader. It gives nil.
func (r *Reader) Close() error {
	r.h.close()
	return nil
}

// Read gives the records of a snapshot, each a copy. A loop that has seen no error has read all that was to
// be verified; after an error it ends.
func (d *Dataset) Read(ctx context.Context, snapshot *Snapshot) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r, err := d.OpenReader(ctx, snapshot, nil)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		for {
			records, err := r.NextBatch(256)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(records) == 0 {
				return
			}
			for _, record := range records {
				if !yield(record, nil) {
					return
				}
			}
		}
	}
}
