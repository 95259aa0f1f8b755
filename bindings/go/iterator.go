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

// pulled is a RecordIterator as the library pulls from it: in batches, by one buffer of C.
type pulled struct {
	iterator RecordIterator
	bytes    BytesIterator // the same, if it is one
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
	bytes, _ := records.(BytesIterator)
	return &pulled{iterator: records, bytes: bytes}
}

func (p *pulled) free() { C.free(p.buffer) }

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
	if p.bytes != nil {
		p.count++
		return p.bytes.Bytes(), C.LODE_NO_TIMESTAMP, true
	}
	record, at, p.refused = encode(p.iterator.Record())
	if p.refused != nil {
		p.refused.Record = p.count
		return nil, 0, false
	}
	p.count++
	return record, at, true
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
	if p.size == 0 {
		p.buffer, p.size = C.malloc(batchBytes), batchBytes
	}
	out := unsafe.Slice(records, int(capacity))
	times := unsafe.Slice(unixNanos, int(capacity)) // they come as C.LODE_NO_TIMESTAMP
	room := unsafe.Slice((*byte)(p.buffer), p.size)
	count := 0
	for count < len(out) {
		record, at, more := p.next()
		if !more {
			break
		}
		if len(record) > len(room) {
			if count > 0 {
				p.waiting, p.time, p.waits = record, at, true
				break
			}
			C.free(p.buffer)
			p.buffer, p.size = C.malloc(C.size_t(len(record))), len(record)
			room = unsafe.Slice((*byte)(p.buffer), p.size)
		}
		copy(room, record)
		out[count].data = (*C.uint8_t)(unsafe.SliceData(room))
		out[count].len = C.size_t(len(record))
		if at != C.LODE_NO_TIMESTAMP {
			times[count] = at
		}
		room = room[len(record):]
		count++
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
