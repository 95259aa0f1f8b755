package lodecompat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	lode "liblode"
)

// VolumeID names a volume.
type VolumeID string

// VolumeSnapshotID names a snapshot of a volume.
type VolumeSnapshotID string

// BlockRef is a range of bytes that is staged or committed.
type BlockRef struct {
	Offset   int64  `json:"offset"`
	Length   int64  `json:"length"`
	Path     string `json:"path"`
	Checksum string `json:"checksum,omitempty"`
}

// VolumeManifest says what a snapshot of a volume holds: all blocks that were ever committed.
type VolumeManifest struct {
	SchemaName        string           `json:"schema_name"`
	FormatVersion     string           `json:"format_version"`
	VolumeID          VolumeID         `json:"volume_id"`
	SnapshotID        VolumeSnapshotID `json:"snapshot_id"`
	CreatedAt         time.Time        `json:"created_at"`
	Metadata          Metadata         `json:"metadata"`
	TotalLength       int64            `json:"total_length"`
	Blocks            []BlockRef       `json:"blocks"`
	ParentSnapshotID  VolumeSnapshotID `json:"parent_snapshot_id,omitempty"`
	ChecksumAlgorithm string           `json:"checksum_algorithm,omitempty"`
}

// VolumeSnapshot is a committed snapshot of a volume.
type VolumeSnapshot struct {
	ID       VolumeSnapshotID
	Manifest *VolumeManifest
}

// VolumeWriter fills a volume.
type VolumeWriter interface {
	// StageWriteAt stages bytes, which no reader sees before they are committed.
	StageWriteAt(ctx context.Context, offset int64, r io.Reader) (BlockRef, error)
	// Commit commits blocks, at least one of them new; ErrOverlappingBlocks.
	Commit(ctx context.Context, blocks []BlockRef, metadata Metadata) (*VolumeSnapshot, error)
}

// VolumeReader reads a volume.
type VolumeReader interface {
	// ReadAt reads a range of a snapshot; ErrRangeMissing.
	ReadAt(ctx context.Context, snapshotID VolumeSnapshotID, offset, length int64) ([]byte, error)
	// Latest finds the newest snapshot; ErrNoSnapshots.
	Latest(ctx context.Context) (*VolumeSnapshot, error)
	// Snapshots lists all snapshots, oldest first.
	Snapshots(ctx context.Context) ([]*VolumeSnapshot, error)
	// Snapshot finds a snapshot; ErrNotFound.
	Snapshot(ctx context.Context, id VolumeSnapshotID) (*VolumeSnapshot, error)
}

// Volume is an address space of fixed length that is filled block by block.
type Volume interface {
	VolumeWriter
	VolumeReader
	// ID gives the volume's id.
	ID() VolumeID
}

type volume struct {
	id          VolumeID
	inner       *lode.Volume
	totalLength int64
	parent      parent
}

// NewVolume opens a volume of a store, of a length that never changes.
func NewVolume(id VolumeID, storeFactory StoreFactory, totalLength int64, opts ...Option) (Volume, error) {
	s, err := open(storeFactory)
	if err != nil {
		return nil, err
	}
	if totalLength <= 0 {
		return nil, errors.New("lode: the total length must be positive")
	}
	c := &config{}
	for _, opt := range opts {
		if err := opt.applyVolume(c); err != nil {
			return nil, fmt.Errorf("lode: %w", err)
		}
	}
	options := &lode.VolumeOptions{TotalLength: totalLength, RetryBase: c.retryBase, RetryCap: c.retryMax}
	if options.Checksum, err = c.checksumOf(); err != nil {
		return nil, err
	}
	inner, err := lode.OpenVolume(s.inner, string(id), options)
	if err != nil {
		return nil, translated(err)
	}
	return &volume{id: id, inner: inner, totalLength: totalLength, parent: parent{retries: c.retryCount}}, nil
}

func (v *volume) ID() VolumeID { return v.id }

func (v *volume) StageWriteAt(ctx context.Context, offset int64, r io.Reader) (BlockRef, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return BlockRef{}, fmt.Errorf("lode: failed to read block data: %w", err)
	}
	block, err := v.inner.StageWriteAt(ctx, data, offset)
	if err != nil {
		return BlockRef{}, translated(err)
	}
	defer block.Close()
	var ref BlockRef
	err = json.Unmarshal([]byte(block.JSON()), &ref)
	return ref, err
}

func (v *volume) Commit(ctx context.Context, blocks []BlockRef, metadata Metadata) (*VolumeSnapshot, error) {
	if len(blocks) == 0 {
		return nil, errors.New("lode: a commit needs at least one new block")
	}
	staged := make([]*lode.VolumeBlock, len(blocks))
	for i := range blocks {
		text, err := json.Marshal(blocks[i])
		if err != nil {
			return nil, err
		}
		if staged[i], err = v.inner.BlockFromJSON(string(text)); err != nil {
			return nil, translated(err)
		}
		defer staged[i].Close()
	}
	options, err := v.parent.expect(ctx, v.inner)
	if err != nil {
		return nil, err
	}
	s, err := v.inner.Commit(ctx, staged, notNil(metadata), options...)
	if err != nil {
		return nil, translated(err)
	}
	v.parent.know(s.ID())
	if s.CommitStatus() == lode.StatusAlreadyCommitted {
		_ = s.Close()
		return nil, errors.New("lode: a commit needs at least one new block: all of these are committed already")
	}
	return volumeSnapshot(s)
}

// volumeSnapshot gives a snapshot of package lode as one of this package, and frees it.
func volumeSnapshot(s *lode.Snapshot) (*VolumeSnapshot, error) {
	defer s.Close()
	var manifest VolumeManifest
	if err := json.Unmarshal(s.Manifest(), &manifest); err != nil {
		return nil, fmt.Errorf("lode: the manifest of %s: %w: %w", s.ID(), ErrManifestInvalid, err)
	}
	return &VolumeSnapshot{ID: VolumeSnapshotID(s.ID()), Manifest: &manifest}, nil
}

func (v *volume) ReadAt(ctx context.Context, snapshotID VolumeSnapshotID, offset, length int64) ([]byte, error) {
	if offset < 0 || length <= 0 || length > v.totalLength-offset {
		return nil, fmt.Errorf("lode: %d bytes at %d are no range of a volume of %d bytes", length, offset, v.totalLength)
	}
	s, err := v.inner.Snapshot(ctx, string(snapshotID))
	if err != nil {
		return nil, translated(err)
	}
	defer s.Close()
	data := make([]byte, length)
	if err := v.inner.ReadAt(ctx, s, data, offset, nil); err != nil {
		return nil, translated(err)
	}
	return data, nil
}

func (v *volume) Snapshot(ctx context.Context, id VolumeSnapshotID) (*VolumeSnapshot, error) {
	s, err := v.inner.Snapshot(ctx, string(id))
	if err != nil {
		return nil, translated(err)
	}
	return volumeSnapshot(s)
}

func (v *volume) Snapshots(ctx context.Context) ([]*VolumeSnapshot, error) {
	var all []*VolumeSnapshot
	for s, err := range v.inner.Snapshots(ctx) {
		if err != nil {
			return nil, translated(err)
		}
		one, err := volumeSnapshot(s)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (v *volume) Latest(ctx context.Context) (*VolumeSnapshot, error) {
	s, err := v.inner.Latest(ctx)
	if err != nil {
		return nil, translated(err)
	}
	v.parent.know(s.ID())
	return volumeSnapshot(s)
}
