package lode

// #include "callbacks.h"
import "C"

import (
	"runtime"
	"unsafe"
)

const (
	// lentMost is how many records are lent at once.
	lentMost = 1024
	// lentLeast is how many must be lent at once, and how long they must be, to be worth a crossing of their
	// own.
	lentLeast      = 64
	lentLeastBytes = 64
	// pinsMost is how much is pinned at once: one pin costs as much as the copies of a few records.
	pinsMost = 4
)

// lender lets C read records where they lie. Records that are slices of one buffer lie within the capacity of
// the first of them: what holds that one in its place holds them all.
type lender struct {
	pinner runtime.Pinner
	first  uintptr // where what was pinned last begins
	size   uintptr
	pins   int
}

// lend says whether C may read the record until release.
func (l *lender) lend(record []byte) bool {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(record))) - l.first
	return at < l.size && uintptr(len(record)) <= l.size-at || l.pin(record)
}

func (l *lender) pin(record []byte) bool {
	if len(record) == 0 || l.pins == pinsMost {
		return false
	}
	l.pins++
	data := unsafe.SliceData(record)
	l.pinner.Pin(data)
	l.first, l.size = uintptr(unsafe.Pointer(data)), uintptr(cap(record))
	return true
}

func (l *lender) release() {
	if l.pins > 0 {
		l.pinner.Unpin()
		l.first, l.size, l.pins = 0, 0, 0
	}
}

// lent is a record of Go as C sees it, while it is lent.
func lent(record []byte) C.lode_bytes {
	return C.lode_bytes{data: (*C.uint8_t)(unsafe.SliceData(record)), len: C.size_t(len(record))}
}
