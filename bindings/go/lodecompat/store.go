package lodecompat

import (
	"bytes"
	"context"
	"io"
	"math"
	"sync"

	lode "liblode"
)

type store struct{ inner *lode.Store }

// NewFS opens a store in a directory, which must exist.
func NewFS(root string) (Store, error) {
	inner, err := lode.OpenFilesystem(root, nil)
	if err != nil {
		return nil, translated(err)
	}
	return &store{inner}, nil
}

// NewFSFactory gives a factory of stores in a directory, which must exist when a store is made.
func NewFSFactory(root string) StoreFactory { return func() (Store, error) { return NewFS(root) } }

// NewMemory makes a store in memory.
func NewMemory() Store {
	inner, err := lode.OpenMemory(nil)
	if err != nil {
		panic(err) // memory ran out
	}
	return &store{inner}
}

// NewMemoryFactory gives a factory of stores in memory, each of its own.
func NewMemoryFactory() StoreFactory { return func() (Store, error) { return NewMemory(), nil } }

func (s *store) Put(ctx context.Context, path string, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return translated(s.inner.Put(ctx, path, data))
}

func (s *store) Get(ctx context.Context, path string) (io.ReadCloser, error) {
	data, err := s.inner.Get(ctx, path)
	if err != nil {
		return nil, translated(err)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *store) Exists(ctx context.Context, path string) (bool, error) {
	exists, err := s.inner.Exists(ctx, path)
	return exists, translated(err)
}

func (s *store) List(ctx context.Context, prefix string) ([]string, error) {
	var paths []string
	for path, err := range s.inner.List(ctx, prefix) {
		if err != nil {
			return nil, translated(err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func (s *store) Delete(ctx context.Context, path string) error {
	return translated(s.inner.Delete(ctx, path))
}

func (s *store) ReadRange(ctx context.Context, path string, offset, length int64) ([]byte, error) {
	if offset < 0 || length < 0 || length > math.MaxInt || offset > math.MaxInt64-length {
		return nil, ErrInvalidPath
	}
	data := make([]byte, int(length))
	n, err := s.inner.ReadAt(ctx, path, data, uint64(offset))
	if err != nil {
		return nil, translated(err)
	}
	return data[:n], nil
}

func (s *store) ReaderAt(ctx context.Context, path string) (io.ReaderAt, error) {
	exists, err := s.inner.Exists(ctx, path)
	if err != nil {
		return nil, translated(err)
	}
	if !exists {
		return nil, ErrNotFound
	}
	return &readerAt{ctx: ctx, store: s, path: path}, nil
}

func (s *store) CompareAndSwap(ctx context.Context, path, expected, replacement string) error {
	return translated(s.inner.CompareAndSwap(ctx, path, []byte(expected), []byte(replacement)))
}

type readerAt struct {
	ctx   context.Context
	store *store
	path  string
}

func (r *readerAt) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, ErrInvalidPath
	}
	n, err := r.store.inner.ReadAt(r.ctx, r.path, p, uint64(offset))
	if err != nil {
		return 0, translated(err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// object is a stored object that is read as a stream.
type object struct {
	mu     sync.Mutex
	reader *lode.BlobReader
}

func (o *object) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.reader.Read(p)
	if err != nil && err != io.EOF {
		err = translated(err)
	}
	return n, err
}

func (o *object) Close() error { return o.reader.Close() }
