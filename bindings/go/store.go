package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"iter"
	"unsafe"
)

// addressable gives the bytes, or some byte if there are none, so that a call of C can be given the address
// of the first: written as &data[0] in the call, cgo knows that only the slice is handed over, not what else
// is beside it.
func addressable(data []byte) []byte {
	if len(data) == 0 {
		return make([]byte, 1)
	}
	return data
}

// with runs a call on the store and one key.
func (s *Store) with(ctx context.Context, key string,
	body func(c *call, store *C.lode_store, key *C.char, raw **C.lode_error) C.lode_status) (Status, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer c.close()
	text, err := c.text("key", key)
	if err != nil {
		return 0, err
	}
	store, err := s.h.use()
	if err != nil {
		return 0, err
	}
	defer s.h.done()
	var raw *C.lode_error
	status := body(c, (*C.lode_store)(store), text, &raw)
	return Status(status), c.check(status, raw)
}

// Put writes an object, whole and durable. It never replaces one: ErrPathExists.
func (s *Store) Put(ctx context.Context, key string, data []byte) error {
	_, err := s.with(ctx, key, func(c *call, store *C.lode_store, key *C.char, raw **C.lode_error) C.lode_status {
		lent := addressable(data)
		return C.lode_store_put(store, key, unsafe.Pointer(&lent[0]), C.size_t(len(data)), c.options(), raw)
	})
	return err
}

// Get reads a whole object; ErrNotFound.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	var buffer *C.lode_buffer
	_, err := s.with(ctx, key, func(c *call, store *C.lode_store, key *C.char, raw **C.lode_error) C.lode_status {
		return C.lode_store_get(store, key, c.options(), &buffer, raw)
	})
	if err != nil {
		return nil, err
	}
	defer C.lode_buffer_free(buffer)
	data := make([]byte, C.lode_buffer_len(buffer))
	copy(data, unsafe.Slice((*byte)(C.lode_buffer_data(buffer)), len(data)))
	return data, nil
}

// ReadAt reads from an offset until the buffer is full or the object ends: how many bytes. Fewer than there
// is room for are no failure.
func (s *Store) ReadAt(ctx context.Context, key string, p []byte, offset uint64) (int, error) {
	var n C.size_t
	_, err := s.with(ctx, key, func(c *call, store *C.lode_store, key *C.char, raw **C.lode_error) C.lode_status {
		lent := addressable(p)
		return C.lode_store_read_at(store, key, C.uint64_t(offset), unsafe.Pointer(&lent[0]), C.size_t(len(p)),
			c.options(), &n, raw)
	})
	return int(n), err
}

// Exists says whether there is an object.
func (s *Store) Exists(ctx context.Context, key string) (bool, error) {
	status, err := s.with(ctx, key, func(c *call, store *C.lode_store, key *C.char, raw **C.lode_error) C.lode_status {
		return C.lode_store_exists(store, key, c.options(), raw)
	})
	return err == nil && status == StatusOK, err
}

// Delete removes an object; that there is none is fine.
func (s *Store) Delete(ctx context.Context, key string) error {
	_, err := s.with(ctx, key, func(c *call, store *C.lode_store, key *C.char, raw **C.lode_error) C.lode_status {
		return C.lode_store_delete(store, key, c.options(), raw)
	})
	return err
}

// CompareAndSwap replaces an object's bytes if they are the expected ones (none: no object, or an empty one),
// in one step; else ErrConflict.
func (s *Store) CompareAndSwap(ctx context.Context, key string, expected, value []byte) error {
	_, err := s.with(ctx, key, func(c *call, store *C.lode_store, key *C.char, raw **C.lode_error) C.lode_status {
		e, v := addressable(expected), addressable(value)
		return C.lode_store_compare_and_swap(store, key, unsafe.Pointer(&e[0]), C.size_t(len(expected)),
			unsafe.Pointer(&v[0]), C.size_t(len(value)), c.options(), raw)
	})
	return err
}

// CheckConformance tries every rule that a store must keep, below a prefix, for the author of a Backend. The
// error names the first rule that is broken.
func (s *Store) CheckConformance(ctx context.Context, prefix string) error {
	_, err := s.with(ctx, prefix, func(c *call, store *C.lode_store, key *C.char, raw **C.lode_error) C.lode_status {
		return C.lode_store_check_conformance(store, key, c.options(), raw)
	})
	return err
}

// List gives the keys of a folder in bytewise order; "": all. After an error it ends.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return texts(ctx, func(c *call, keys **C.lode_string_iterator, raw **C.lode_error) (C.lode_status, error) {
		text, err := c.text("prefix", prefix)
		if err != nil {
			return 0, err
		}
		store, err := s.h.use()
		if err != nil {
			return 0, err
		}
		defer s.h.done()
		return C.lode_store_list((*C.lode_store)(store), text, c.options(), keys, raw), nil
	})
}

// texts gives what a string iterator gives, which each loop makes anew.
func texts(ctx context.Context,
	list func(*call, **C.lode_string_iterator, **C.lode_error) (C.lode_status, error)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		c, err := begin(ctx, nil)
		if err != nil {
			yield("", err)
			return
		}
		defer c.close()
		var keys *C.lode_string_iterator
		var raw *C.lode_error
		status, err := list(c, &keys, &raw)
		if err == nil {
			err = c.check(status, raw)
		}
		if err != nil {
			yield("", err)
			return
		}
		defer C.lode_string_iterator_free(keys)
		for {
			var key *C.char
			status := C.lode_string_iterator_next(keys, &key, &raw)
			if err := c.check(status, raw); err != nil {
				yield("", err)
				return
			}
			if Status(status) != StatusItem || !yield(C.GoString(key), nil) {
				return
			}
		}
	}
}

// snapshots gives what a snapshot iterator gives, which each loop makes anew.
func snapshots(ctx context.Context,
	list func(*call, **C.lode_snapshot_iterator, **C.lode_error) (C.lode_status, error)) iter.Seq2[*Snapshot, error] {
	return func(yield func(*Snapshot, error) bool) {
		c, err := begin(ctx, nil)
		if err != nil {
			yield(nil, err)
			return
		}
		defer c.close()
		var all *C.lode_snapshot_iterator
		var raw *C.lode_error
		status, err := list(c, &all, &raw)
		if err == nil {
			err = c.check(status, raw)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer C.lode_snapshot_iterator_free(all)
		for {
			var snapshot *C.lode_snapshot
			status := C.lode_snapshot_iterator_next(all, &snapshot, &raw)
			if err := c.check(status, raw); err != nil {
				yield(nil, err)
				return
			}
			if Status(status) != StatusItem || !yield(newSnapshot(snapshot, StatusOK), nil) {
				return
			}
		}
	}
}
