package lode

import (
	"runtime"
	"sync"
	"unsafe"
)

// handle owns one handle of the library. It is freed when it is closed and the last call that uses it has
// ended, so that closing while another goroutine calls is no crash.
type handle struct {
	what string
	free func(unsafe.Pointer)

	mu     sync.Mutex
	raw    unsafe.Pointer
	uses   int
	closed bool
}

// use gives what is behind the handle for a call; done must follow.
func (h *handle) use() (unsafe.Pointer, error) {
	if h == nil {
		return nil, refused(ErrState, "the handle was made by no call of this package")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, refused(ErrState, "the %s is closed", h.what)
	}
	h.uses++
	return h.raw, nil
}

func (h *handle) done() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.uses--
	h.freeUnused()
}

func (h *handle) close() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.freeUnused()
}

func (h *handle) freeUnused() {
	if h.closed && h.uses == 0 && h.raw != nil {
		h.free(h.raw)
		h.raw = nil
	}
}

// own makes the handle of an owner, which is closed at the latest when the owner is garbage.
func own[T any](owner *T, what string, raw unsafe.Pointer, free func(unsafe.Pointer)) *handle {
	h := &handle{what: what, raw: raw, free: free}
	runtime.AddCleanup(owner, (*handle).close, h)
	return h
}
