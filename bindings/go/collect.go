package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"time"
	"unsafe"
)

// Garbage is one thing that a clean-up has removed, or would remove.
type Garbage struct {
	// Kind is one of LODE_GARBAGE_* of lode.h.
	Kind int32
	// Path is its key in the store.
	Path string
	// Size in bytes.
	Size int64
	// Age is how long it had stood unchanged, by the store's own clock.
	Age time.Duration
}

// CollectOptions is how a clean-up is to be done. The zero value is the default.
type CollectOptions struct {
	// MinAge: what has stood unchanged for less stays. At least 48 hours; 0: 7 days.
	MinAge time.Duration
	// DryRun only tells what would be removed.
	DryRun bool
	// Removed is told of each removal; an answer of false ends the call with ErrAborted.
	Removed func(Garbage) bool
}

// Collected is how much a clean-up has removed.
type Collected struct {
	// Objects is how many things.
	Objects int64
	// Bytes is how many bytes they had.
	Bytes int64
}

// removals is the function that is told, with the panic that came out of it.
type removals struct {
	tell     func(Garbage) bool
	panicked any
}

//export lodeGoRemoved
func lodeGoRemoved(handle C.uintptr_t, kind C.int32_t, path *C.char, size C.uint64_t, age C.int64_t) (answer C.int32_t) {
	r := cgo.Handle(handle).Value().(*removals)
	defer func() {
		if value := recover(); value != nil {
			r.panicked = value
			answer = 1
		}
	}()
	if r.tell(Garbage{int32(kind), C.GoString(path), int64(size), time.Duration(age) * time.Second}) {
		return 0
	}
	return 1
}

// Collect removes what dead writers left, never what is or becomes visible: readers, writers and other
// clean-ups may be at work meanwhile. nil options are the defaults.
func (d *Dataset) Collect(ctx context.Context, options *CollectOptions) (Collected, error) {
	return collect(ctx, d.h, options, func(from unsafe.Pointer, what *C.lode_collect_options, handle C.uintptr_t,
		options *C.lode_call_options, objects, bytes *C.uint64_t, raw **C.lode_error) C.lode_status {
		return C.lode_go_collect((*C.lode_dataset)(from), what, handle, options, objects, bytes, raw)
	})
}

func collect(ctx context.Context, h *handle, options *CollectOptions,
	body func(from unsafe.Pointer, what *C.lode_collect_options, handle C.uintptr_t, options *C.lode_call_options,
		objects, bytes *C.uint64_t, raw **C.lode_error) C.lode_status) (Collected, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return Collected{}, err
	}
	defer c.close()
	from, err := h.use()
	if err != nil {
		return Collected{}, err
	}
	defer h.done()
	var what C.lode_collect_options
	C.lode_collect_options_init(&what, C.sizeof_lode_collect_options)
	told := removals{}
	var handle cgo.Handle
	if options != nil {
		what.min_age_seconds = C.int64_t(options.MinAge / time.Second)
		if options.DryRun {
			what.dry_run = 1
		}
		if options.Removed != nil {
			told.tell = options.Removed
			handle = cgo.NewHandle(&told)
			defer handle.Delete()
		}
	}
	var objects, bytes C.uint64_t
	var raw *C.lode_error
	status := body(from, &what, C.uintptr_t(handle), c.options(), &objects, &bytes, &raw)
	err = c.check(status, raw)
	if told.panicked != nil {
		panic(told.panicked)
	}
	return Collected{int64(objects), int64(bytes)}, err
}
