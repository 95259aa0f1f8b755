package lodecompat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"sort"
	"strings"

	lode "liblode"
)

type reader struct {
	store   *store
	catalog *lode.Catalog
	layout  lode.Layout
}

// NewDatasetReader opens a reader of a store.
func NewDatasetReader(factory StoreFactory, opts ...Option) (DatasetReader, error) {
	s, err := open(factory)
	if err != nil {
		return nil, err
	}
	c := &config{layout: NewDefaultLayout()}
	for _, opt := range opts {
		if err := opt.applyReader(c); err != nil {
			return nil, fmt.Errorf("lode: %w", err)
		}
	}
	if c.layout == nil {
		return nil, errors.New("lode: the layout must not be nil")
	}
	is, _ := c.layout.lode()
	catalog, err := lode.OpenCatalog(s.inner, is)
	if err != nil {
		return nil, translated(err)
	}
	return &reader{s, catalog, is}, nil
}

// full says whether a listing has as many as it is limited to.
func full(count, limit int) bool { return limit > 0 && count >= limit }

func (r *reader) ListDatasets(ctx context.Context, opts DatasetListOptions) ([]DatasetID, error) {
	var ids []DatasetID
	for id, err := range r.catalog.Datasets(ctx) {
		if err != nil {
			return nil, translated(err)
		}
		if ids = append(ids, DatasetID(id)); full(len(ids), opts.Limit) {
			return ids, nil
		}
	}
	if len(ids) == 0 {
		for _, err := range r.store.inner.List(ctx, "datasets") {
			if err != nil {
				return nil, translated(err)
			}
			return nil, ErrNoManifests
		}
	}
	return ids, nil
}

func (r *reader) ListPartitions(ctx context.Context, dataset DatasetID, opts PartitionListOptions) ([]PartitionRef, error) {
	var partitions []PartitionRef
	for partition, err := range r.catalog.Partitions(ctx, string(dataset)) {
		if err != nil {
			return nil, translated(err)
		}
		if partitions = append(partitions, PartitionRef{partition}); full(len(partitions), opts.Limit) {
			break
		}
	}
	return partitions, nil
}

func (r *reader) ListManifests(ctx context.Context, dataset DatasetID, partition string, opts ManifestListOptions) ([]ManifestRef, error) {
	within := lode.Range{}
	if r.layout == lode.LayoutHive {
		within.Partition = partition
	}
	var refs []ManifestRef
	for s, err := range r.catalog.Snapshots(ctx, string(dataset), within) {
		if err != nil {
			return nil, translated(err)
		}
		ref := ManifestRef{ID: DatasetSnapshotID(s.ID()), Partition: firstPartition(s, partition)}
		_ = s.Close()
		if r.layout != lode.LayoutHive && partition != "" {
			continue // a layout without partitions has nothing in one
		}
		if refs = append(refs, ref); full(len(refs), opts.Limit) {
			break
		}
	}
	if len(refs) == 0 && within.Partition != "" {
		return nil, fmt.Errorf("lode: %w: no snapshot of %q has a file in %q", ErrNotFound, dataset, partition)
	}
	return refs, nil
}

// firstPartition gives the first partition of a snapshot, in the order of names, at or below a given one.
func firstPartition(s *lode.Snapshot, below string) string {
	var all []string
	for _, file := range s.Files() {
		_, rest, is := strings.Cut(file.Path, "/partitions/")
		partition, _, segments := strings.Cut(rest, "/segments/")
		if is && segments && (below == "" || partition == below || strings.HasPrefix(partition, below+"/")) {
			all = append(all, partition)
		}
	}
	if len(all) == 0 {
		return ""
	}
	sort.Strings(all)
	return all[0]
}

func (r *reader) GetManifest(ctx context.Context, dataset DatasetID, ref ManifestRef) (*Manifest, error) {
	key := path.Join("datasets", string(dataset), "snapshots", string(ref.ID), "manifest.json")
	switch {
	case r.layout == lode.LayoutFlat:
		key = path.Join(string(dataset), string(ref.ID), "manifest.json")
	case r.layout == lode.LayoutHive && ref.Partition == "":
		key = path.Join("datasets", string(dataset), "segments", string(ref.ID), "manifest.json")
	case r.layout == lode.LayoutHive:
		key = path.Join("datasets", string(dataset), "partitions", ref.Partition, "segments", string(ref.ID), "manifest.json")
	}
	s, err := r.catalog.Manifest(ctx, key)
	if err != nil {
		return nil, translated(err)
	}
	defer s.Close()
	var manifest Manifest
	if err := json.Unmarshal(s.Manifest(), &manifest); err != nil {
		return nil, fmt.Errorf("lode: %s: %w: %w", key, ErrManifestInvalid, err)
	}
	return &manifest, nil
}

func (r *reader) OpenObject(ctx context.Context, obj ObjectRef) (io.ReadCloser, error) {
	opened, err := r.catalog.OpenObject(ctx, obj.Path)
	if err != nil {
		return nil, translated(err)
	}
	return &object{reader: opened}, nil
}

func (r *reader) ReaderAt(ctx context.Context, obj ObjectRef) (io.ReaderAt, error) {
	return r.store.ReaderAt(ctx, obj.Path)
}
