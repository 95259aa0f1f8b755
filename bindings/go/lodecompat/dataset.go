package lodecompat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	lode "liblode"
)

type dataset struct {
	id     DatasetID
	inner  *lode.Dataset
	codec  Codec
	parent parent
}

// parent is what the next commit builds on, as of the last commit or Latest.
type parent struct {
	retries int // 0: a commit that loses to another writer is a conflict

	mu sync.Mutex
	id *string // nil: not known
}

// NewDataset opens a dataset of a store.
func NewDataset(id DatasetID, factory StoreFactory, opts ...Option) (Dataset, error) {
	s, err := open(factory)
	if err != nil {
		return nil, err
	}
	c := &config{layout: NewDefaultLayout(), compressor: NewNoOpCompressor()}
	for _, opt := range opts {
		if err := opt.applyDataset(c); err != nil {
			return nil, fmt.Errorf("lode: %w", err)
		}
	}
	options, err := c.dataset()
	if err != nil {
		return nil, err
	}
	inner, err := lode.OpenDataset(s.inner, string(id), options)
	if err != nil {
		return nil, translated(err)
	}
	return &dataset{id: id, inner: inner, codec: c.codec, parent: parent{retries: c.retryCount}}, nil
}

func (d *dataset) ID() DatasetID { return d.id }

// snapshot gives a snapshot of package lode as one of this package, and frees it.
func snapshot(s *lode.Snapshot) (*DatasetSnapshot, error) {
	defer s.Close()
	var manifest Manifest
	if err := json.Unmarshal(s.Manifest(), &manifest); err != nil {
		return nil, fmt.Errorf("lode: the manifest of %s: %w: %w", s.ID(), ErrManifestInvalid, err)
	}
	return &DatasetSnapshot{ID: DatasetSnapshotID(s.ID()), Manifest: &manifest}, nil
}

func notNil(metadata Metadata) lode.Metadata {
	if metadata == nil {
		return lode.Metadata{}
	}
	return lode.Metadata(metadata)
}

// expect says what a commit must build on, if it is not to be retried. in is the dataset or volume.
func (p *parent) expect(ctx context.Context, in interface {
	Latest(context.Context) (*lode.Snapshot, error)
}) ([]lode.CommitOption, error) {
	if p.retries > 0 {
		return nil, nil
	}
	p.mu.Lock()
	known := p.id
	p.mu.Unlock()
	if known == nil {
		head := ""
		s, err := in.Latest(ctx)
		switch {
		case errors.Is(err, lode.ErrNoSnapshots):
		case err != nil:
			return nil, translated(err)
		default:
			head = s.ID()
			_ = s.Close()
		}
		known = &head
	}
	return []lode.CommitOption{lode.ExpectParent(*known)}, nil
}

func (p *parent) know(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id = &id
}

// committed gives what a commit gave, and keeps in mind what the next one builds on.
func (d *dataset) committed(s *lode.Snapshot, err error) (*DatasetSnapshot, error) {
	if err != nil {
		return nil, translated(err)
	}
	d.parent.know(s.ID())
	return snapshot(s)
}

func (d *dataset) Write(ctx context.Context, data []any, metadata Metadata) (*DatasetSnapshot, error) {
	var blob []byte
	if d.codec == nil {
		if len(data) != 1 {
			return nil, fmt.Errorf("lode: without a codec a snapshot is one []byte, not %d elements", len(data))
		}
		var is bool
		if blob, is = data[0].([]byte); !is {
			return nil, fmt.Errorf("lode: without a codec a snapshot is one []byte, not a %T", data[0])
		}
	}
	options, err := d.parent.expect(ctx, d.inner)
	if err != nil {
		return nil, err
	}
	if d.codec == nil {
		return d.committed(d.inner.WriteBlob(ctx, blob, notNil(metadata), options...))
	}
	records := make([]any, len(data))
	for i := range data {
		if records[i], err = encoded(data[i]); err != nil {
			return nil, err
		}
	}
	return d.committed(d.inner.WriteRecords(ctx, records, notNil(metadata), options...))
}

// encoded gives a record as the Go library's codec encodes it: there a []byte is a text in base64.
func encoded(record any) (any, error) {
	bytes, is := record.([]byte)
	if !is {
		return record, nil
	}
	text, err := json.Marshal(bytes)
	return json.RawMessage(text), err
}

type iterator struct {
	RecordIterator
	err error
}

func (i *iterator) Next() bool { return i.err == nil && i.RecordIterator.Next() }

func (i *iterator) Record() any {
	record, err := encoded(i.RecordIterator.Record())
	if err != nil {
		i.err = err
	}
	return record
}

func (i *iterator) Err() error { return errors.Join(i.err, i.RecordIterator.Err()) }

func (d *dataset) StreamWriteRecords(ctx context.Context, records RecordIterator, metadata Metadata) (*DatasetSnapshot, error) {
	if records == nil {
		return nil, ErrNilIterator
	}
	options, err := d.parent.expect(ctx, d.inner)
	if err != nil {
		return nil, err
	}
	return d.committed(d.inner.StreamWriteRecords(ctx, &iterator{RecordIterator: records}, notNil(metadata), options...))
}

func (d *dataset) Snapshot(ctx context.Context, id DatasetSnapshotID) (*DatasetSnapshot, error) {
	s, err := d.inner.Snapshot(ctx, string(id))
	if err != nil {
		return nil, translated(err)
	}
	return snapshot(s)
}

func (d *dataset) Snapshots(ctx context.Context) ([]*DatasetSnapshot, error) {
	var all []*DatasetSnapshot
	for s, err := range d.inner.Snapshots(ctx) {
		if err != nil {
			return nil, translated(err)
		}
		one, err := snapshot(s)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (d *dataset) Latest(ctx context.Context) (*DatasetSnapshot, error) {
	s, err := d.inner.Latest(ctx)
	if err != nil {
		return nil, translated(err)
	}
	d.parent.know(s.ID())
	return snapshot(s)
}

func (d *dataset) Read(ctx context.Context, id DatasetSnapshotID) ([]any, error) {
	s, err := d.inner.Snapshot(ctx, string(id))
	if err != nil {
		return nil, translated(err)
	}
	defer s.Close()
	if d.codec == nil {
		reader, err := d.inner.OpenBlob(ctx, s, nil)
		if err != nil {
			return nil, translated(err)
		}
		defer reader.Close()
		data, err := io.ReadAll(reader)
		if err != nil {
			return nil, translated(err)
		}
		return []any{data}, nil
	}
	var records []any
	for line, err := range d.inner.Read(ctx, s) {
		if err != nil {
			return nil, translated(err)
		}
		var record any
		if err := json.Unmarshal(line, &record); err != nil {
			return nil, fmt.Errorf("lode: record %d of %s: %w", len(records), id, err)
		}
		records = append(records, record)
	}
	return records, nil
}

type streamWriter struct {
	dataset  *dataset
	inner    *lode.BlobWriter
	metadata lode.Metadata
	options  []lode.CommitOption
}

func (d *dataset) StreamWrite(ctx context.Context, metadata Metadata) (StreamWriter, error) {
	if d.codec != nil {
		return nil, ErrCodecConfigured
	}
	options, err := d.parent.expect(ctx, d.inner)
	if err != nil {
		return nil, err
	}
	inner, err := d.inner.NewBlobWriter()
	if err != nil {
		return nil, translated(err)
	}
	return &streamWriter{d, inner, notNil(metadata), options}, nil
}

func (w *streamWriter) Write(p []byte) (int, error) {
	n, err := w.inner.Write(p)
	return n, translated(err)
}

func (w *streamWriter) Commit(ctx context.Context) (*DatasetSnapshot, error) {
	return w.dataset.committed(w.inner.Commit(ctx, w.metadata, w.options...))
}

func (w *streamWriter) Abort(context.Context) error {
	return translated(w.inner.Abort())
}

func (w *streamWriter) Close() error { return w.inner.Close() }
