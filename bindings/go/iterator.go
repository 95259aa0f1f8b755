package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"encoding/json"
	"io"
	"runtime/cgo"
	"time"
	"unsafe"
)

// RecordIterator gives records one after another, in memory one at a time.
//
// A record is one JSON document: a []byte or json.RawMessage is taken as it is, any other value is marshalled
// by encoding/json. One that has a method Timestamp() time.Time, or is a [Timed], has that time.
type RecordIterator interface {
	// Next moves to the next record. It gives false if there are no more, or if it failed.
	Next() bool
	// Record gives the current record. Its bytes are copied before the next call of Next.
	Record() any
	// Err says why it failed, after Next gave false; nil: it did not.
	Err() error
}

// BytesIterator is a RecordIterator whose records are JSON already. The calls that take a RecordIterator then
// ask Bytes, and never Record, which spares each record the allocation of a value of type any.
type BytesIterator interface {
	RecordIterator
	// Bytes gives the current record, as it is. Its bytes are copied before the next call of Next.
	Bytes() []byte
}

// BatchIterator is a RecordIterator that has many records at hand. The calls that take a RecordIterator then
// ask NextBatch, and neither Next nor Record.
type BatchIterator interface {
	RecordIterator
	// NextBatch gives the following records, each one JSON document; none if there are no more, or if it
	// failed. They must not change before it is called again or the call that asks is over: those that are
	// slices of one buffer are not copied.
	NextBatch() [][]byte
}

// Records gives records that are in memory, each one JSON document. They must not change before the call that
// takes the iterator is over.
func Records(records [][]byte) BatchIterator { return &inMemory{left: records} }

type inMemory struct {
	left    [][]byte
	current []byte
}

func (m *inMemory) Next() bool {
	if len(m.left) == 0 {
		return false
	}
	m.current, m.left = m.left[0], m.left[1:]
	return true
}

func (m *inMemory) Record() any { return m.current }
func (m *inMemory) Err() error  { return nil }

func (m *inMemory) NextBatch() [][]byte {
	batch := m.left
	m.left = nil
	return batch
}

// Timestamped is a record with a time.
type Timestamped interface {
	Timestamp() time.Time
}

// Timed is a record of any kind with a time of its own.
type Timed struct {
	Record any
	Time   time.Time
}

// Timestamp gives the time.
func (t Timed) Timestamp() time.Time { return t.Time }

// encode gives the bytes and the time of a record. What is bytes already comes first: it is the path of most
// records.
func encode(record any) ([]byte, C.int64_t, *Error) {
	at := C.int64_t(C.LODE_NO_TIMESTAMP)
	if bytes, is := asBytes(record); is {
		return bytes, at, nil
	}
	if timed, is := record.(Timestamped); is {
		at = nanos(timed.Timestamp())
	}
	if timed, is := record.(Timed); is {
		record = timed.Record
		if bytes, is := asBytes(record); is {
			return bytes, at, nil
		}
	}
	bytes, err := json.Marshal(record)
	if err != nil {
		e := refused(ErrInvalidRecord, "the record, a %T, cannot be JSON: %v", record, err)
		e.cause = err
		return nil, at, e
	}
	return bytes, at, nil
}

func asBytes(record any) ([]byte, bool) {
	switch bytes := record.(type) {
	case []byte:
		return bytes, true
	case json.RawMessage:
		return bytes, true
	}
	return nil, false
}

// batchBytes is how much is gathered before it is given to the library.
const batchBytes = 64 << 10

// pulled is a RecordIterator as the library pulls from it: in batches, by one buffer of C or where they lie.
type pulled struct {
	iterator RecordIterator
	bytes    BytesIterator // the same, if it is one
	batches  BatchIterator // the same, if it is one
	batch    [][]byte      // what the last batch has left
	lender   lender
	apart    bool // whether the batch is copied: its records are no slices of few buffers
	buffer   unsafe.Pointer
	size     int
	waiting  []byte // the record that the last batch had no room for
	waits    bool
	time     C.int64_t // of the record that waits
	count    int64
	ended    bool
	err      error
	refused  *Error
	panicked any
}

func newPulled(records RecordIterator) *pulled {
	p := &pulled{iterator: records}
	p.bytes, _ = records.(BytesIterator)
	p.batches, _ = records.(BatchIterator)
	return p
}

func (p *pulled) free() {
	p.lender.release()
	C.free(p.buffer)
}

// explain puts what the iterator said into the error of the call.
func (p *pulled) explain(err error) error {
	if p.refused != nil && err != nil {
		return p.refused
	}
	return because(err, p.err, ErrIterator)
}

// next gives the next record and its time; false at the end.
func (p *pulled) next() (record []byte, at C.int64_t, more bool) {
	if p.waits {
		p.waits = false
		return p.waiting, p.time, true
	}
	if p.ended || !p.iterator.Next() {
		p.ended = true
		return nil, 0, false
	}
	record, at, p.refused = encode(p.iterator.Record())
	if p.refused != nil {
		p.refused.Record = p.count
		return nil, 0, false
	}
	p.count++
	return record, at, true
}

// room gives the buffer, for a record of this length at least.
func (p *pulled) room(least int) []byte {
	if p.size < max(least, batchBytes) {
		C.free(p.buffer)
		p.size = max(least, batchBytes)
		p.buffer = C.malloc(C.size_t(p.size))
	}
	return unsafe.Slice((*byte)(p.buffer), p.size)
}

// fill gives records of any kind, with their times, and how many.
func (p *pulled) fill(out []C.lode_bytes, times []C.int64_t) int {
	room := p.room(0)
	for count := range out {
		record, at, more := p.next()
		if !more {
			return count
		}
		if len(record) > len(room) {
			if count > 0 {
				p.waiting, p.time, p.waits = record, at, true
				return count
			}
			room = p.room(len(record))
		}
		out[count] = lent(room[:copy(room, record)])
		room = room[len(record):]
		if at != C.LODE_NO_TIMESTAMP {
			times[count] = at
		}
	}
	return len(out)
}

// fillBytes gives records that are bytes, and how many.
func (p *pulled) fillBytes(out []C.lode_bytes) int {
	records, room := p.bytes, p.room(0)
	for count := range out {
		var record []byte
		switch {
		case p.waits:
			record, p.waits = p.waiting, false
		case !p.ended && records.Next():
			record = records.Bytes()
		default:
			p.ended = true
			return count
		}
		if len(record) > len(room) {
			if count > 0 {
				p.waiting, p.waits = record, true
				return count
			}
			room = p.room(len(record))
		}
		out[count] = lent(room[:copy(room, record)])
		room = room[len(record):]
	}
	return len(out)
}

// fillBatch gives what is left of a batch, where it lies as far as it can be lent, and how many.
func (p *pulled) fillBatch(out []C.lode_bytes) int {
	if len(p.batch) == 0 && !p.ended {
		p.lender.release()
		p.batch = p.batches.NextBatch()
		p.ended, p.apart = len(p.batch) == 0, false
	} else if p.lender.pins == pinsMost {
		p.lender.release()
	}
	batch := p.batch[:min(len(p.batch), len(out))]
	room := p.room(0)
	copied := 0
	for count, record := range batch {
		if !p.apart && p.lender.lend(record) {
			out[count] = lent(record)
			continue
		}
		if len(record) > len(room) {
			if count > 0 {
				batch = batch[:count]
				break
			}
			room = p.room(len(record))
		}
		out[count] = lent(room[:copy(room, record)])
		room = room[len(record):]
		copied++
	}
	p.apart = copied > len(batch)/2
	p.batch = p.batch[len(batch):]
	return len(batch)
}

//export lodeGoNextBatch
func lodeGoNextBatch(handle C.uintptr_t, records *C.lode_bytes, unixNanos *C.int64_t, capacity C.size_t) (answer C.int64_t) {
	p := cgo.Handle(handle).Value().(*pulled)
	defer func() {
		if value := recover(); value != nil {
			p.panicked = value
			answer = -1
		}
	}()
	out := unsafe.Slice(records, int(capacity))
	count := 0
	switch {
	case p.batches != nil:
		count = p.fillBatch(out)
	case p.bytes != nil:
		count = p.fillBytes(out)
	default:
		count = p.fill(out, unsafe.Slice(unixNanos, int(capacity))) // they come as C.LODE_NO_TIMESTAMP
	}
	if p.refused != nil {
		return -1
	}
	if p.ended && count == 0 {
		if p.err = p.iterator.Err(); p.err != nil {
			return -1
		}
	}
	return C.int64_t(count)
}

// source is an io.Reader as the library pulls from it.
type source struct {
	reader   io.Reader
	buffer   []byte
	err      error
	panicked any
}

//export lodeGoReadSource
func lodeGoReadSource(handle C.uintptr_t, to *C.uint8_t, capacity C.size_t) (answer C.int64_t) {
	s := cgo.Handle(handle).Value().(*source)
	defer func() {
		if value := recover(); value != nil {
			s.panicked = value
			answer = -1
		}
	}()
	if s.buffer == nil {
		s.buffer = make([]byte, batchBytes)
	}
	room := s.buffer[:min(len(s.buffer), int(capacity))]
	for range 100 {
		if s.err == io.EOF {
			s.err = nil
			return 0
		}
		if s.err != nil {
			return -1
		}
		n, err := s.reader.Read(room)
		if n < 0 || n > len(room) {
			s.err = refused(ErrIteratorContract, "the reader says that it has read %d of %d bytes", n, len(room))
			return -1
		}
		s.err = err
		if n > 0 {
			copy(unsafe.Slice((*byte)(to), n), room[:n])
			return C.int64_t(n)
		}
	}
	s.err = io.ErrNoProgress
	return -1
}
