package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"errors"
	"sync"
	"time"
	"unsafe"
)

// WriterOptions is how a Writer behaves. The zero value is the default.
type WriterOptions struct {
	// SkipBadRecords leaves out and counts records that are invalid or too large.
	SkipBadRecords bool
	// EarlyWriteback lets full pieces of data begin their way to the disk before the commit.
	EarlyWriteback bool
}

// Writer takes records as the program has them, and commits them as one snapshot. It belongs to one goroutine
// at a time: a second call at once fails with ErrState.
//
// Records are gathered in one buffer and given to the library once for each 64 KiB, so a record that is
// refused may show at a later Append, or at Flush or Commit. An error of status ErrInvalidRecord or
// ErrRecordTooLarge says by Error.Record which record was refused and is left out (errors.Join has them all,
// if several were); all others, that of the failing Append included, are taken, and a Commit that fails so
// has committed nothing and may be repeated. After any other error of an Append its record is not taken;
// after ErrNoSpace it may be appended again.
type Writer struct {
	h      *handle
	mu     sync.Mutex // tried, not waited for, but by Close
	closed bool
	bad    []error // of records that were refused, not reported yet
	lender lender
	*batch
}

// batch is what is gathered and not given yet, in memory of C.
type batch struct {
	memory  unsafe.Pointer
	data    []byte         // of batchBytes
	lengths []C.size_t     // of batchRecords
	times   []C.int64_t    // of batchRecords, filled from the first record on that has a time
	places  []C.lode_bytes // of lentMost: records that stay where they are
	used    int
	count   int
	timed   bool // whether a record has a time
}

const batchRecords = 4096

func newBatch() *batch {
	const ofLengths, ofTimes = batchRecords * C.sizeof_size_t, batchRecords * C.sizeof_int64_t
	memory := C.malloc(batchBytes + ofLengths + ofTimes + lentMost*C.sizeof_lode_bytes)
	lengths := unsafe.Add(memory, batchBytes)
	times := unsafe.Add(lengths, ofLengths)
	return &batch{
		memory:  memory,
		data:    unsafe.Slice((*byte)(memory), batchBytes),
		lengths: unsafe.Slice((*C.size_t)(lengths), batchRecords),
		times:   unsafe.Slice((*C.int64_t)(times), batchRecords),
		places:  unsafe.Slice((*C.lode_bytes)(unsafe.Add(times, ofTimes)), lentMost),
	}
}

// NewWriter begins a snapshot whose records will be pushed. nil options are the defaults.
func (d *Dataset) NewWriter(options *WriterOptions) (*Writer, error) {
	dataset, err := d.h.use()
	if err != nil {
		return nil, err
	}
	defer d.h.done()
	var c C.lode_record_writer_options
	C.lode_record_writer_options_init(&c, C.sizeof_lode_record_writer_options)
	if options != nil && options.SkipBadRecords {
		c.bad_records = C.LODE_BAD_RECORD_SKIP
	}
	if options != nil && options.EarlyWriteback {
		c.early_writeback = 1
	}
	var writer *C.lode_record_writer
	var raw *C.lode_error
	if err := check(C.lode_dataset_open_record_writer((*C.lode_dataset)(dataset), &c, &writer, &raw), raw); err != nil {
		return nil, err
	}
	w := &Writer{batch: newBatch()}
	memory := w.memory
	w.h = own(w, "writer", unsafe.Pointer(writer), func(p unsafe.Pointer) {
		C.lode_record_writer_free((*C.lode_record_writer)(p))
		C.free(memory)
	})
	return w, nil
}

// enter gives the writer to a call; leave must follow.
func (w *Writer) enter() (*C.lode_record_writer, error) {
	if !w.mu.TryLock() {
		return nil, refused(ErrState, "another goroutine is using the writer: let each have its own, or lock it")
	}
	raw, err := w.h.use()
	if err != nil {
		w.mu.Unlock()
		return nil, err
	}
	return (*C.lode_record_writer)(raw), nil
}

func (w *Writer) leave() {
	w.h.done()
	w.mu.Unlock()
}

// Append adds one record: exactly one JSON document. Its bytes are copied.
func (w *Writer) Append(record []byte) error { return w.append(record, C.LODE_NO_TIMESTAMP) }

// AppendAt adds one record with its time.
func (w *Writer) AppendAt(record []byte, at time.Time) error { return w.append(record, nanos(at)) }

func (w *Writer) append(record []byte, at C.int64_t) error {
	if !w.mu.TryLock() {
		return refused(ErrState, "another goroutine is using the writer: let each have its own, or lock it")
	}
	var err error
	if w.batch == nil || w.closed || !w.put(record, at) {
		err = w.appendSlowly(record, at)
	}
	w.mu.Unlock()
	return err
}

// AppendBatch adds records as Append adds each, and costs less than as many calls. Those that are slices of
// one buffer, such as its lines, are not even copied if there are 64 or more. It gives how many are taken:
// after an error of refused records all of them, after any other those before the one to go on with.
func (w *Writer) AppendBatch(records [][]byte) (taken int, err error) {
	if !w.mu.TryLock() {
		return 0, refused(ErrState, "another goroutine is using the writer: let each have its own, or lock it")
	}
	defer w.mu.Unlock()
	var bad []error
	lend := w.batch != nil
	for taken < len(records) {
		if rest := records[taken:]; lend && len(rest) >= lentLeast && len(rest[0]) >= lentLeastBytes {
			n, err := w.appendLent(rest)
			taken += n
			if err != nil {
				w.bad = append(bad, w.bad...)
				return taken, err
			}
			if refused := w.report(); refused != nil {
				bad = append(bad, refused)
			}
			lend = n > 0
			continue
		}
		if w.batch != nil && !w.closed {
			taken += w.putAll(records[taken:])
			if taken == len(records) {
				break
			}
		}
		switch err := w.appendSlowly(records[taken], C.LODE_NO_TIMESTAMP); {
		case err == nil:
		case errors.Is(err, ErrInvalidRecord) || errors.Is(err, ErrRecordTooLarge):
			bad = append(bad, err)
		default:
			w.bad = append(w.bad, bad...)
			return taken, err
		}
		taken++
	}
	return taken, errors.Join(bad...)
}

// appendLent gives the first records to the library where they lie, and gives how many are dealt with: none
// if they are to be gathered. Refused records are kept in mind.
func (w *Writer) appendLent(records [][]byte) (taken int, err error) {
	defer w.lender.release()
	places := w.places
	count := 0
	for _, record := range records[:min(len(records), len(places))] {
		if !w.lender.lend(record) {
			break
		}
		places[count] = lent(record)
		count++
	}
	if count < lentLeast {
		return 0, nil
	}
	raw, err := w.h.use()
	if err != nil {
		return 0, err
	}
	defer w.h.done()
	writer := (*C.lode_record_writer)(raw)
	err = w.flush(writer)
	for taken < count && err == nil {
		var n C.size_t
		var failed *C.lode_error
		left := C.size_t(count - taken)
		err = check(C.lode_record_writer_append_records(writer, &places[taken], nil, left, &n, &failed), failed)
		taken += int(n)
		if w.keepIfBad(err) {
			taken++
			err = nil
		}
	}
	return taken, err
}

// appendSlowly makes room first, or says why there is none.
func (w *Writer) appendSlowly(record []byte, at C.int64_t) error {
	raw, err := w.h.use()
	if err != nil {
		return err
	}
	defer w.h.done()
	writer := (*C.lode_record_writer)(raw)
	if err := w.flush(writer); err != nil {
		return err
	}
	if len(record) <= batchBytes {
		w.put(record, at)
		return w.report()
	}
	var failed *C.lode_error
	err = check(C.lode_record_writer_append(writer, unsafe.Pointer(&record[0]), C.size_t(len(record)), &at, &failed), failed)
	if !w.keepIfBad(err) && err != nil {
		return err
	}
	return w.report()
}

// keepIfBad keeps the error of a record that was refused, and says whether it is one.
func (w *Writer) keepIfBad(err error) bool {
	e, is := err.(*Error)
	if !is || e.Status != ErrInvalidRecord && e.Status != ErrRecordTooLarge {
		return false
	}
	w.bad = append(w.bad, err)
	return true
}

// report gives the errors of the records that were refused, once.
func (w *Writer) report() error {
	bad := w.bad
	w.bad = nil
	if len(bad) == 1 {
		return bad[0]
	}
	return errors.Join(bad...)
}

// flush gives what is gathered to the library. Refused records are kept in mind and left out; after any other
// failure what is not taken stays.
func (w *Writer) flush(writer *C.lode_record_writer) error {
	b := w.batch
	first, begin := 0, 0
	var err error
	for first < b.count && err == nil {
		times := &b.times[first]
		if !b.timed {
			times = nil
		}
		var taken C.size_t
		var failed *C.lode_error
		err = check(C.lode_record_writer_append_batch(writer, unsafe.Add(b.memory, begin), &b.lengths[first], times,
			C.size_t(b.count-first), &taken, &failed), failed)
		gone := int(taken)
		if w.keepIfBad(err) {
			gone++
			err = nil
		}
		if first+gone == b.count {
			b.used, b.count, b.timed = 0, 0, false
			return err
		}
		for _, length := range b.lengths[first : first+gone] {
			begin += int(length)
		}
		first += gone
	}
	copy(b.data, b.data[begin:b.used])
	copy(b.lengths, b.lengths[first:b.count])
	copy(b.times, b.times[first:b.count])
	b.used -= begin
	b.count -= first
	b.timed = b.timed && b.count > 0
	return err
}

// put gathers a record; false if there is no room for it.
func (b *batch) put(record []byte, at C.int64_t) bool {
	used, count := b.used, b.count
	if count >= len(b.lengths) || len(record) > len(b.data)-used {
		return false
	}
	copy(b.data[used:], record)
	b.lengths[count] = C.size_t(len(record))
	b.used, b.count = used+len(record), count+1
	if b.timed || at != C.LODE_NO_TIMESTAMP {
		b.putTime(at)
	}
	return true
}

// putTime gives the last record its time, and those before it none if they have been gathered without.
func (b *batch) putTime(at C.int64_t) {
	last := b.count - 1
	for i := 0; i < last && !b.timed; i++ {
		b.times[i] = C.LODE_NO_TIMESTAMP
	}
	b.times[last] = at
	b.timed = true
}

// putAll gathers the first records, without times, as long as there is room, and gives how many.
func (b *batch) putAll(records [][]byte) int {
	if b.timed {
		for i, record := range records {
			if !b.put(record, C.LODE_NO_TIMESTAMP) {
				return i
			}
		}
		return len(records)
	}
	// The state of the loop stays in registers: put would store it for each record.
	data, lengths := b.data[b.used:], b.lengths[b.count:]
	records = records[:min(len(records), len(lengths))]
	taken := 0
	for i, record := range records {
		if len(record) > len(data) {
			break
		}
		copy(data, record)
		data = data[len(record):]
		lengths[i] = C.size_t(len(record))
		taken = i + 1
	}
	b.used, b.count = len(b.data)-len(data), b.count+taken
	return taken
}

// enterFlushed begins a call for which nothing may wait: what was appended is with the library, and was
// taken.
func (w *Writer) enterFlushed() (*C.lode_record_writer, error) {
	writer, err := w.enter()
	if err != nil {
		return nil, err
	}
	if err = w.flush(writer); err == nil {
		err = w.report()
	}
	if err != nil {
		w.leave()
		return nil, err
	}
	return writer, nil
}

// AppendLines adds the whole lines of a buffer, one record each; blank lines are none. It gives how many
// bytes were dealt with: what follows the last line break is left, and after an error the bad line begins
// there.
func (w *Writer) AppendLines(lines []byte) (consumed int, err error) {
	writer, err := w.enterFlushed()
	if err != nil {
		return 0, err
	}
	defer w.leave()
	var n C.size_t
	var failed *C.lode_error
	lent := addressable(lines)
	err = check(C.lode_record_writer_append_lines(writer, unsafe.Pointer(&lent[0]), C.size_t(len(lines)), &n, &failed), failed)
	return int(n), err
}

// AppendFile adds the lines that a file descriptor gives until its end. The context's end leaves the writer
// usable, and the same call then goes on where it was. Of an os.File the descriptor is Fd().
func (w *Writer) AppendFile(ctx context.Context, fd uintptr) error {
	c, err := begin(ctx, nil)
	if err != nil {
		return err
	}
	defer c.close()
	writer, err := w.enter()
	if err != nil {
		return err
	}
	defer w.leave()
	if err := w.flush(writer); err != nil {
		return err
	}
	if err := w.report(); err != nil {
		return err
	}
	var raw *C.lode_error
	status := C.lode_record_writer_append_from_fd(writer, C.int32_t(fd), c.options(), &raw)
	return c.check(status, raw)
}

// Flush gives what is gathered to the library, so that refused records show now. It syncs nothing.
func (w *Writer) Flush() error {
	writer, err := w.enter()
	if err != nil {
		return err
	}
	defer w.leave()
	if err := w.flush(writer); err != nil {
		return err
	}
	return w.report()
}

// RecordCount says how many records are in or gathered.
func (w *Writer) RecordCount() (int64, error) {
	return w.number(func(writer *C.lode_record_writer) int64 {
		return int64(C.lode_record_writer_record_count(writer)) + int64(w.count)
	})
}

// SkippedCount says how many bad records were left out by the option; those that are gathered are not checked
// yet.
func (w *Writer) SkippedCount() (int64, error) {
	return w.number(func(writer *C.lode_record_writer) int64 {
		return int64(C.lode_record_writer_skipped_count(writer))
	})
}

// ByteCount says how many bytes the records that are in or gathered have, before compression.
func (w *Writer) ByteCount() (int64, error) {
	return w.number(func(writer *C.lode_record_writer) int64 {
		return int64(C.lode_record_writer_byte_count(writer)) + int64(w.used)
	})
}

func (w *Writer) number(read func(*C.lode_record_writer) int64) (int64, error) {
	writer, err := w.enter()
	if err != nil {
		return 0, err
	}
	defer w.leave()
	return read(writer), nil
}

// Commit commits the records as one snapshot: all of them, durably, or none. After a failure they are kept,
// and the commit may be repeated; it first resolves its own unknown outcome. nil metadata is refused.
func (w *Writer) Commit(ctx context.Context, metadata Metadata, options ...CommitOption) (*Snapshot, error) {
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
	return commit(ctx, metadata, options,
		func(metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
			return C.lode_record_writer_commit(writer, metadata, options, snapshot, raw)
		})
}

// Abort gives the records up and removes what was staged.
func (w *Writer) Abort() error {
	writer, err := w.enter()
	if err != nil {
		return err
	}
	defer w.leave()
	w.used, w.count = 0, 0
	var raw *C.lode_error
	return check(C.lode_record_writer_abort(writer, &raw), raw)
}

// Close discards what is not committed, and frees the writer. It waits for a call that uses it. It gives nil.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.h.close()
	return nil
}
