package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"errors"
	"io"
	"math"
	"runtime/cgo"
	"unsafe"
)

// Backend is a store of the program's own: objects under keys, written once and whole, and swapped by
// comparison. OpenBackend makes a store of it. The struct lode_store_callbacks of lode.h says what each
// method must keep, and Store.CheckConformance tries it.
//
// A method fails with one of this package's statuses, alone or wrapped, or with fs.ErrNotExist or
// fs.ErrExist; any other error counts as ErrStore, and from Upload.Finish and CompareAndSwap, which then do
// not say whether the object has changed, as ErrCommitUnknown. A panic counts as such an error. The text of
// the error is in that of the call.
//
// The methods come on the goroutines whose calls need them, several at once unless the store is serial. They
// may use any handle but those over their own store. Byte slices are lent for the call.
type Backend interface {
	// BeginPut begins an object that must not replace one; it is not seen before Upload.Finish.
	// ErrPathExists.
	BeginPut(key string) (Upload, error)
	// Size gives an object's size in bytes; ErrNotFound.
	Size(key string) (uint64, error)
	// ReadAt reads at an offset, as io.ReaderAt does: fewer bytes than there is room for only at the object's
	// end, where io.EOF is fine, too. ErrNotFound.
	ReadAt(key string, p []byte, offset int64) (int, error)
	// List gives every key that begins with the prefix (empty, or ending in '/'), each once, in any order,
	// until yield says that it is enough.
	List(prefix string, yield func(key string) bool) error
	// Remove removes an object; that there is none is fine.
	Remove(key string) error
	// CompareAndSwap replaces an object's bytes if they are the expected ones (none: no object, or an empty
	// one), in one step; else ErrConflict. ErrBusy: try again a little later.
	CompareAndSwap(key string, expected, value []byte) error
}

// Upload is an object that is being written. Either Finish or Abort comes last.
type Upload interface {
	// Write adds all of the bytes at the object's end. After ErrNoSpace the same bytes may come again.
	Write(p []byte) (int, error)
	// Finish makes the object appear under its key, whole; ErrPathExists if the key is taken.
	Finish() error
	// Abort gives the object up.
	Abort()
}

// BackendOptions is how a Backend is used. The zero value is the default.
type BackendOptions struct {
	StoreOptions
	// Serial says never to call two methods at once.
	Serial bool
}

// OpenBackend makes a store of a Backend, which is used until the last handle over the store is freed.
func OpenBackend(backend Backend, options *BackendOptions) (*Store, error) {
	if backend == nil {
		return nil, refused(ErrInvalidArgument, "OpenBackend: there is no backend")
	}
	if options == nil {
		options = &BackendOptions{}
	}
	serial := C.int32_t(0)
	if options.Serial {
		serial = 1
	}
	var store *C.lode_store
	var raw *C.lode_error
	handle := C.uintptr_t(cgo.NewHandle(backend))
	status := C.lode_go_open_backend(handle, serial, storeOptions(&options.StoreOptions), &store, &raw)
	if err := check(status, raw); err != nil {
		return nil, err
	}
	return newStore(store), nil
}

func backendOf(handle C.uintptr_t) Backend { return cgo.Handle(handle).Value().(Backend) }

// upload keeps beside an Upload the bytes that are lent to it, so that what it might keep of them is Go's
// memory.
type upload struct {
	Upload
	lent []byte
}

func say(report *C.lode_callback_error, text string) {
	raw := C.CString(text)
	defer C.free(unsafe.Pointer(raw))
	C.lode_callback_error_set(report, raw)
}

// guard runs a method; its error or panic becomes a status and a text.
func guard(report *C.lode_callback_error, other Status, body func() (int64, error)) (answer C.int64_t) {
	defer func() {
		if value := recover(); value != nil {
			say(report, panicText(value))
			answer = C.int64_t(other)
		}
	}()
	got, err := body()
	if err != nil {
		say(report, err.Error())
		return C.int64_t(statusOf(err, other))
	}
	return C.int64_t(got)
}

//export lodeGoPutBegin
func lodeGoPutBegin(handle C.uintptr_t, key *C.char, begun *C.uintptr_t, report *C.lode_callback_error) C.int32_t {
	return C.int32_t(guard(report, ErrStore, func() (int64, error) {
		u, err := backendOf(handle).BeginPut(C.GoString(key))
		if err == nil && u == nil {
			err = errors.New("BeginPut gave no upload")
		}
		if err != nil {
			return 0, err
		}
		*begun = C.uintptr_t(cgo.NewHandle(&upload{Upload: u}))
		return 0, nil
	}))
}

//export lodeGoPutWrite
func lodeGoPutWrite(handle C.uintptr_t, data *C.uint8_t, size C.size_t, report *C.lode_callback_error) C.int32_t {
	return C.int32_t(guard(report, ErrStore, func() (int64, error) {
		u := cgo.Handle(handle).Value().(*upload)
		u.lent = append(u.lent[:0], unsafe.Slice((*byte)(data), int(size))...)
		n, err := u.Write(u.lent)
		if err == nil && n != len(u.lent) {
			err = io.ErrShortWrite
		}
		return 0, err
	}))
}

//export lodeGoPutFinish
func lodeGoPutFinish(handle C.uintptr_t, report *C.lode_callback_error) C.int32_t {
	h := cgo.Handle(handle)
	defer h.Delete()
	return C.int32_t(guard(report, ErrCommitUnknown, func() (int64, error) {
		return 0, h.Value().(*upload).Finish()
	}))
}

//export lodeGoPutAbort
func lodeGoPutAbort(handle C.uintptr_t) {
	h := cgo.Handle(handle)
	defer h.Delete()
	defer func() { _ = recover() }()
	h.Value().(*upload).Abort()
}

//export lodeGoSize
func lodeGoSize(handle C.uintptr_t, key *C.char, size *C.uint64_t, report *C.lode_callback_error) C.int32_t {
	return C.int32_t(guard(report, ErrStore, func() (int64, error) {
		n, err := backendOf(handle).Size(C.GoString(key))
		if err == nil {
			*size = C.uint64_t(n)
		}
		return 0, err
	}))
}

//export lodeGoReadAt
func lodeGoReadAt(handle C.uintptr_t, key *C.char, offset C.uint64_t, buffer *C.uint8_t, capacity C.size_t,
	report *C.lode_callback_error) C.int64_t {
	return guard(report, ErrStore, func() (int64, error) {
		if offset > math.MaxInt64 {
			return 0, nil
		}
		p := make([]byte, int(capacity))
		n, err := backendOf(handle).ReadAt(C.GoString(key), p, int64(offset))
		if n < 0 || n > len(p) {
			return 0, refused(ErrStore, "ReadAt says that it has read %d of %d bytes", n, len(p))
		}
		if err != nil && !(errors.Is(err, io.EOF) && statusOf(err, 0) == 0) {
			return 0, err
		}
		copy(unsafe.Slice((*byte)(buffer), len(p)), p[:n])
		return int64(n), nil
	})
}

//export lodeGoList
func lodeGoList(handle C.uintptr_t, prefix *C.char, keys *C.lode_key_sink, report *C.lode_callback_error) C.int32_t {
	return C.int32_t(guard(report, ErrStore, func() (int64, error) {
		var bad error
		err := backendOf(handle).List(C.GoString(prefix), func(key string) bool {
			raw := C.CString(key)
			defer C.free(unsafe.Pointer(raw))
			answer := C.lode_key_sink_add(keys, raw)
			if answer < 0 {
				bad = refused(Status(answer), "List gave %q, which can be no key", key)
			}
			return answer == 0
		})
		return 0, errors.Join(bad, err)
	}))
}

//export lodeGoRemove
func lodeGoRemove(handle C.uintptr_t, key *C.char, report *C.lode_callback_error) C.int32_t {
	return C.int32_t(guard(report, ErrStore, func() (int64, error) {
		return 0, backendOf(handle).Remove(C.GoString(key))
	}))
}

//export lodeGoCompareAndSwap
func lodeGoCompareAndSwap(handle C.uintptr_t, key *C.char, expected *C.uint8_t, expectedLen C.size_t, value *C.uint8_t,
	valueLen C.size_t, report *C.lode_callback_error) C.int32_t {
	return C.int32_t(guard(report, ErrCommitUnknown, func() (int64, error) {
		return 0, backendOf(handle).CompareAndSwap(C.GoString(key), C.GoBytes(unsafe.Pointer(expected), C.int(expectedLen)),
			C.GoBytes(unsafe.Pointer(value), C.int(valueLen)))
	}))
}
