package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"io"
	"unsafe"
)

// BlobWriter takes the bytes of a raw blob, and commits them as one snapshot. It is an io.Writer. It belongs
// to one goroutine at a time: a second call at once fails with ErrState.
type BlobWriter struct{ h *handle }

// NewBlobWriter begins a snapshot, a raw blob, in a dataset of CodecNone.
func (d *Dataset) NewBlobWriter() (*BlobWriter, error) {
	dataset, err := d.h.use()
	if err != nil {
		return nil, err
	}
	defer d.h.done()
	var writer *C.lode_blob_writer
	var raw *C.lode_error
	if err := check(C.lode_dataset_open_blob_writer((*C.lode_dataset)(dataset), nil, &writer, &raw), raw); err != nil {
		return nil, err
	}
	w := &BlobWriter{}
	w.h = own(w, "writer", unsafe.Pointer(writer), func(p unsafe.Pointer) {
		C.lode_blob_writer_free((*C.lode_blob_writer)(p))
	})
	return w, nil
}

// Write adds bytes at the end: all of them, or none that count. After ErrNoSpace the same bytes may be
// written again.
func (w *BlobWriter) Write(p []byte) (int, error) {
	writer, err := w.h.use()
	if err != nil {
		return 0, err
	}
	defer w.h.done()
	var raw *C.lode_error
	lent := addressable(p)
	status := C.lode_blob_writer_write((*C.lode_blob_writer)(writer), unsafe.Pointer(&lent[0]), C.size_t(len(p)), &raw)
	if err := check(status, raw); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteFile adds the bytes that a file descriptor gives until its end. Of an os.File the descriptor is Fd().
func (w *BlobWriter) WriteFile(ctx context.Context, fd uintptr) error {
	c, err := begin(ctx, nil)
	if err != nil {
		return err
	}
	defer c.close()
	writer, err := w.h.use()
	if err != nil {
		return err
	}
	defer w.h.done()
	var raw *C.lode_error
	status := C.lode_blob_writer_write_from_fd((*C.lode_blob_writer)(writer), C.int32_t(fd), c.options(), &raw)
	return c.check(status, raw)
}

// Commit commits the bytes as one snapshot: all of them, durably, or none. After a failure they are kept, and
// the commit may be repeated. nil metadata is refused.
func (w *BlobWriter) Commit(ctx context.Context, metadata Metadata, options ...CommitOption) (*Snapshot, error) {
	writer, err := w.h.use()
	if err != nil {
		return nil, err
	}
	defer w.h.done()
	return commit(ctx, metadata, options,
		func(metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
			return C.lode_blob_writer_commit((*C.lode_blob_writer)(writer), metadata, options, snapshot, raw)
		})
}

// Abort gives the bytes up and removes what was staged.
func (w *BlobWriter) Abort() error {
	writer, err := w.h.use()
	if err != nil {
		return err
	}
	defer w.h.done()
	var raw *C.lode_error
	return check(C.lode_blob_writer_abort((*C.lode_blob_writer)(writer), &raw), raw)
}

// Close discards what is not committed, and frees the writer. It gives nil.
func (w *BlobWriter) Close() error {
	w.h.close()
	return nil
}

// BlobReader reads a raw blob. It is an io.Reader, an io.ReaderAt and an io.Closer; the two kinds of reading
// do not move each other. It belongs to one goroutine at a time: a second call at once fails with ErrState,
// ReadAt included.
type BlobReader struct {
	h   *handle
	ctx context.Context
}

// OpenBlob begins to read a snapshot that is a raw blob. The context holds for every call on the reader.
func (d *Dataset) OpenBlob(ctx context.Context, snapshot *Snapshot, options *ReadOptions) (*BlobReader, error) {
	return openBlob(ctx, options, func(options *C.lode_read_options, reader **C.lode_blob_reader, raw **C.lode_error) (C.lode_status, error) {
		dataset, err := d.h.use()
		if err != nil {
			return 0, err
		}
		defer d.h.done()
		from, err := snapshot.use()
		if err != nil {
			return 0, err
		}
		defer snapshot.h.done()
		return C.lode_dataset_open_blob_reader((*C.lode_dataset)(dataset), from, options, reader, raw), nil
	})
}

func openBlob(ctx context.Context, options *ReadOptions,
	open func(*C.lode_read_options, **C.lode_blob_reader, **C.lode_error) (C.lode_status, error)) (*BlobReader, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	var reader *C.lode_blob_reader
	var raw *C.lode_error
	status, err := open(c.reading(options), &reader, &raw)
	if err == nil {
		err = c.check(status, raw)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	r := &BlobReader{ctx: ctx}
	t := c.token
	r.h = own(r, "reader", unsafe.Pointer(reader), func(p unsafe.Pointer) {
		C.lode_blob_reader_free((*C.lode_blob_reader)(p))
		t.close()
	})
	return r, nil
}

func (r *BlobReader) use() (unsafe.Pointer, error) {
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

// Read gives the next bytes, at the end io.EOF. The verdict of the checksum comes with the end: bytes that
// came with no error before io.EOF are verified once it has come.
func (r *BlobReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	reader, err := r.use()
	if err != nil {
		return 0, err
	}
	defer r.h.done()
	var n C.size_t
	var raw *C.lode_error
	status := C.lode_blob_reader_read((*C.lode_blob_reader)(reader), unsafe.Pointer(&p[0]), C.size_t(len(p)), &n, &raw)
	if err := (&call{ctx: r.ctx}).check(status, raw); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, io.EOF
	}
	return int(n), nil
}

// ReadAt gives the bytes from an offset on, io.EOF with fewer than there is room for.
func (r *BlobReader) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, refused(ErrInvalidArgument, "offset %d is below 0", offset)
	}
	if len(p) == 0 {
		return 0, nil
	}
	reader, err := r.use()
	if err != nil {
		return 0, err
	}
	defer r.h.done()
	var n C.size_t
	var raw *C.lode_error
	status := C.lode_blob_reader_read_at((*C.lode_blob_reader)(reader), C.uint64_t(offset), unsafe.Pointer(&p[0]),
		C.size_t(len(p)), &n, &raw)
	if err := (&call{ctx: r.ctx}).check(status, raw); err != nil {
		return 0, err
	}
	if int(n) < len(p) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// WriteFile writes the bytes that are left to a file descriptor. Of an os.File the descriptor is Fd().
func (r *BlobReader) WriteFile(fd uintptr) error {
	reader, err := r.use()
	if err != nil {
		return err
	}
	defer r.h.done()
	var raw *C.lode_error
	status := C.lode_blob_reader_read_to_fd((*C.lode_blob_reader)(reader), C.int32_t(fd), &raw)
	return (&call{ctx: r.ctx}).check(status, raw)
}

// Close frees the reader. It gives nil.
func (r *BlobReader) Close() error {
	r.h.close()
	return nil
}
