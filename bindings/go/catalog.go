package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"iter"
	"math"
	"time"
	"unsafe"
)

// Catalog is a store, seen as datasets of one layout: what is stored, without the history that a Dataset
// makes of it. Nothing is written. Goroutines may share it.
type Catalog struct{ h *handle }

// OpenCatalog opens a catalog of a store; no I/O.
func OpenCatalog(store *Store, layout Layout) (*Catalog, error) {
	in, err := store.h.use()
	if err != nil {
		return nil, err
	}
	defer store.h.done()
	var options C.lode_catalog_options
	C.lode_catalog_options_init(&options, C.sizeof_lode_catalog_options)
	options.layout = C.int32_t(layout)
	var catalog *C.lode_catalog
	var raw *C.lode_error
	if err := check(C.lode_catalog_open((*C.lode_store)(in), &options, &catalog, &raw), raw); err != nil {
		return nil, err
	}
	k := &Catalog{}
	k.h = own(k, "catalog", unsafe.Pointer(catalog), func(p unsafe.Pointer) { C.lode_catalog_free((*C.lode_catalog)(p)) })
	return k, nil
}

// Close frees the catalog's handle. It gives nil.
func (k *Catalog) Close() error {
	k.h.close()
	return nil
}

// Datasets lists the ids of the datasets that have a snapshot, sorted. After an error it ends.
func (k *Catalog) Datasets(ctx context.Context) iter.Seq2[string, error] {
	return texts(ctx, func(c *call, ids **C.lode_string_iterator, raw **C.lode_error) (C.lode_status, error) {
		catalog, err := k.h.use()
		if err != nil {
			return 0, err
		}
		defer k.h.done()
		return C.lode_catalog_list_datasets((*C.lode_catalog)(catalog), c.options(), ids, raw), nil
	})
}

// Partitions lists the partitions of a dataset in which a snapshot has a file, sorted. After an error it
// ends.
func (k *Catalog) Partitions(ctx context.Context, datasetID string) iter.Seq2[string, error] {
	return texts(ctx, func(c *call, all **C.lode_string_iterator, raw **C.lode_error) (C.lode_status, error) {
		id, err := c.text("dataset's id", datasetID)
		if err != nil {
			return 0, err
		}
		catalog, err := k.h.use()
		if err != nil {
			return 0, err
		}
		defer k.h.done()
		return C.lode_catalog_list_partitions((*C.lode_catalog)(catalog), id, c.options(), all, raw), nil
	})
}

// Range narrows a listing of snapshots. The zero value is all.
type Range struct {
	// Partition: only snapshots with a file in this partition or below it.
	Partition string
	// From and To: only snapshots whose records' times reach into this range, both ends included; a zero time
	// leaves an end open.
	From, To time.Time
}

// Snapshots lists the snapshots of a dataset whose manifests are there, sorted by id. After an error it ends.
func (k *Catalog) Snapshots(ctx context.Context, datasetID string, within Range) iter.Seq2[*Snapshot, error] {
	return snapshots(ctx, func(c *call, all **C.lode_snapshot_iterator, raw **C.lode_error) (C.lode_status, error) {
		id, err := c.text("dataset's id", datasetID)
		if err != nil {
			return 0, err
		}
		partition, err := c.text("partition", within.Partition)
		if err != nil {
			return 0, err
		}
		times := [2]C.int64_t{math.MinInt64, math.MaxInt64}
		wanted := &times[0]
		switch {
		case within.From.IsZero() && within.To.IsZero():
			wanted = nil
		case within.To.IsZero():
			times[0] = nanos(within.From)
		case within.From.IsZero():
			times[1] = nanos(within.To)
		default:
			times = [2]C.int64_t{nanos(within.From), nanos(within.To)}
		}
		catalog, err := k.h.use()
		if err != nil {
			return 0, err
		}
		defer k.h.done()
		return C.lode_catalog_list_snapshots((*C.lode_catalog)(catalog), id, partition, wanted, c.options(), all, raw), nil
	})
}

// Manifest reads one manifest by its key.
func (k *Catalog) Manifest(ctx context.Context, key string) (*Snapshot, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer c.close()
	text, err := c.text("key", key)
	if err != nil {
		return nil, err
	}
	catalog, err := k.h.use()
	if err != nil {
		return nil, err
	}
	defer k.h.done()
	var snapshot *C.lode_snapshot
	var raw *C.lode_error
	status := C.lode_catalog_read_manifest((*C.lode_catalog)(catalog), text, c.options(), &snapshot, &raw)
	if err := c.check(status, raw); err != nil {
		return nil, err
	}
	return newSnapshot(snapshot, StatusOK), nil
}

// OpenObject opens any object of the store, to be read as it is stored. The context holds for every call on
// the reader.
func (k *Catalog) OpenObject(ctx context.Context, key string) (*BlobReader, error) {
	return openBlob(ctx, nil, func(options *C.lode_read_options, reader **C.lode_blob_reader, raw **C.lode_error) (C.lode_status, error) {
		c := &call{}
		text, err := c.text("key", key)
		if err != nil {
			return 0, err
		}
		defer C.free(unsafe.Pointer(text))
		catalog, err := k.h.use()
		if err != nil {
			return 0, err
		}
		defer k.h.done()
		return C.lode_catalog_open_object((*C.lode_catalog)(catalog), text, options, reader, raw), nil
	})
}
