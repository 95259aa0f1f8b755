package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"io"
	"iter"
	"runtime/cgo"
	"time"
	"unsafe"
)

// VolumeOptions is how a volume is written; what is read follows each snapshot's manifest. The zero value is
// the default, which is enough to read.
type VolumeOptions struct {
	// TotalLength of the address space, in bytes: needed for the first commit; 0: as the volume has it.
	TotalLength int64
	// Checksum of the blocks; a volume keeps that of its first commit.
	Checksum   Checksum
	Durability Durability
	// RetryAttempts, RetryBase and RetryCap are those of DatasetOptions.
	RetryAttempts int
	RetryBase     time.Duration
	RetryCap      time.Duration
	// MaxBlocks is how many a snapshot may have; 0: 400,000.
	MaxBlocks int64
}

// Volume is an address space of fixed length that is filled block by block: each snapshot has the blocks of
// the one before it and more. Goroutines may share it.
type Volume struct {
	h  *handle
	id string
}

// VolumeBlock is a range of bytes that is durable and not yet in a snapshot, until Volume.Commit names it,
// perhaps in another process: JSON is all that has to get there. Goroutines may share it. Closing it removes
// nothing.
type VolumeBlock struct {
	h      *handle
	offset int64
	length int64
	json   string
}

func newVolumeBlock(raw *C.lode_volume_block) *VolumeBlock {
	b := &VolumeBlock{
		offset: int64(C.lode_volume_block_offset(raw)),
		length: int64(C.lode_volume_block_length(raw)),
		json:   C.GoString(C.lode_volume_block_json(raw)),
	}
	b.h = own(b, "block", unsafe.Pointer(raw), func(p unsafe.Pointer) { C.lode_volume_block_free((*C.lode_volume_block)(p)) })
	return b
}

// Offset says where the block begins in the volume, in bytes.
func (b *VolumeBlock) Offset() int64 { return b.offset }

// Length says how long the block is, in bytes.
func (b *VolumeBlock) Length() int64 { return b.length }

// JSON gives the block as one line, for Volume.BlockFromJSON.
func (b *VolumeBlock) JSON() string { return b.json }

// Close frees the block's handle; its bytes stay in the store. It gives nil.
func (b *VolumeBlock) Close() error {
	b.h.close()
	return nil
}

// OpenVolume opens a volume of a store; no I/O. Its first commit makes it. nil options are the defaults.
func OpenVolume(store *Store, id string, options *VolumeOptions) (*Volume, error) {
	c, err := begin(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	defer c.close()
	text, err := c.text("volume's id", id)
	if err != nil {
		return nil, err
	}
	var given C.lode_volume_options
	C.lode_volume_options_init(&given, C.sizeof_lode_volume_options)
	if o := options; o != nil {
		if o.TotalLength < 0 || o.MaxBlocks < 0 || o.RetryAttempts < 0 || o.RetryAttempts > 1<<31-1 {
			return nil, refused(ErrInvalidArgument, "TotalLength is %d, MaxBlocks %d and RetryAttempts %d: one is out of range",
				o.TotalLength, o.MaxBlocks, o.RetryAttempts)
		}
		given.total_length = C.uint64_t(o.TotalLength)
		given.checksum = C.int32_t(o.Checksum)
		given.durability = C.int32_t(o.Durability)
		given.retry_attempts = C.int32_t(o.RetryAttempts)
		given.retry_base_ms = milliseconds(o.RetryBase)
		given.retry_cap_ms = milliseconds(o.RetryCap)
		given.max_blocks = C.uint64_t(o.MaxBlocks)
	}
	in, err := store.h.use()
	if err != nil {
		return nil, err
	}
	defer store.h.done()
	var volume *C.lode_volume
	var raw *C.lode_error
	if err := check(C.lode_volume_open((*C.lode_store)(in), text, &given, &volume, &raw), raw); err != nil {
		return nil, err
	}
	v := &Volume{id: id}
	v.h = own(v, "volume", unsafe.Pointer(volume), func(p unsafe.Pointer) { C.lode_volume_free((*C.lode_volume)(p)) })
	return v, nil
}

// Close frees the volume's handle. It gives nil.
func (v *Volume) Close() error {
	v.h.close()
	return nil
}

// ID gives the volume's id.
func (v *Volume) ID() string { return v.id }

// at refuses an offset that cannot be one.
func at(offset int64) (C.uint64_t, error) {
	if offset < 0 {
		return 0, refused(ErrInvalidArgument, "offset %d is below 0", offset)
	}
	return C.uint64_t(offset), nil
}

func (v *Volume) block(ctx context.Context, body func(volume *C.lode_volume, c *call, block **C.lode_volume_block,
	raw **C.lode_error) (C.lode_status, error)) (*VolumeBlock, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer c.close()
	volume, err := v.h.use()
	if err != nil {
		return nil, err
	}
	defer v.h.done()
	var block *C.lode_volume_block
	var raw *C.lode_error
	status, err := body((*C.lode_volume)(volume), c, &block, &raw)
	if err == nil {
		err = c.check(status, raw)
	}
	if err != nil {
		return nil, err
	}
	return newVolumeBlock(block), nil
}

// StageWriteAt stages bytes as a block: durable when the call returns, and invisible until a commit names it.
// Any number of goroutines and processes stage at once.
func (v *Volume) StageWriteAt(ctx context.Context, data []byte, offset int64) (*VolumeBlock, error) {
	from, err := at(offset)
	if err != nil {
		return nil, err
	}
	return v.block(ctx, func(volume *C.lode_volume, c *call, block **C.lode_volume_block, raw **C.lode_error) (C.lode_status, error) {
		lent := addressable(data)
		return C.lode_volume_stage_write_at(volume, from, unsafe.Pointer(&lent[0]), C.size_t(len(data)), c.options(), block,
			raw), nil
	})
}

// StageStreamAt stages exactly length bytes that a reader gives as a block, in bounded memory. The reader's
// error comes out of the call, and nothing is staged.
func (v *Volume) StageStreamAt(ctx context.Context, from io.Reader, offset, length int64) (*VolumeBlock, error) {
	begin, err := at(offset)
	if err != nil {
		return nil, err
	}
	if length < 1 {
		return nil, refused(ErrInvalidArgument, "a block of %d bytes: expected at least 1", length)
	}
	source := source{reader: from}
	var handle cgo.Handle
	if from != nil {
		handle = cgo.NewHandle(&source)
		defer handle.Delete()
	}
	block, err := v.block(ctx, func(volume *C.lode_volume, c *call, block **C.lode_volume_block, raw **C.lode_error) (C.lode_status, error) {
		return C.lode_go_stage_stream_at(volume, begin, C.uint64_t(length), C.uintptr_t(handle), c.options(), block, raw), nil
	})
	if source.panicked != nil {
		panic(source.panicked)
	}
	return block, because(err, source.err, ErrIterator)
}

// BlockFromJSON gives a block that any process has staged, from its JSON; no I/O.
func (v *Volume) BlockFromJSON(json string) (*VolumeBlock, error) {
	return v.block(context.Background(), func(volume *C.lode_volume, c *call, block **C.lode_volume_block,
		raw **C.lode_error) (C.lode_status, error) {
		text, err := c.text("block", json)
		if err != nil {
			return 0, err
		}
		return C.lode_volume_block_from_json(volume, text, block, raw), nil
	})
}

// Commit commits blocks, and all that the volume has, as one snapshot. Blocks that it has are left out, so
// that a commit may be repeated: if it has all of them, CommitStatus is StatusAlreadyCommitted. nil metadata
// is refused.
func (v *Volume) Commit(ctx context.Context, blocks []*VolumeBlock, metadata Metadata,
	options ...CommitOption) (*Snapshot, error) {
	raw := make([]*C.lode_volume_block, len(blocks)+1)
	for i, block := range blocks {
		if block == nil {
			return nil, refused(ErrInvalidArgument, "block %d is nil", i)
		}
		used, err := block.h.use()
		if err != nil {
			return nil, err
		}
		defer block.h.done()
		raw[i] = (*C.lode_volume_block)(used)
	}
	volume, err := v.h.use()
	if err != nil {
		return nil, err
	}
	defer v.h.done()
	return commit(ctx, metadata, options, func(metadata *C.char, options *C.lode_commit_options,
		snapshot **C.lode_snapshot, failed **C.lode_error) C.lode_status {
		return C.lode_volume_commit((*C.lode_volume)(volume), &raw[0], C.size_t(len(blocks)), metadata, options, snapshot,
			failed)
	})
}

// of runs a call on the volume and one of its snapshots.
func (v *Volume) of(ctx context.Context, snapshot *Snapshot, options *ReadOptions,
	body func(volume *C.lode_volume, snapshot *C.lode_snapshot, options *C.lode_read_options,
		raw **C.lode_error) C.lode_status) error {
	c, err := begin(ctx, nil)
	if err != nil {
		return err
	}
	defer c.close()
	volume, err := v.h.use()
	if err != nil {
		return err
	}
	defer v.h.done()
	from, err := snapshot.use()
	if err != nil {
		return err
	}
	defer snapshot.h.done()
	given := c.reading(options)
	given.deadline_ms = deadline(ctx)
	var raw *C.lode_error
	status := body((*C.lode_volume)(volume), from, given, &raw)
	return c.check(status, raw)
}

// ReadAt fills p with a range of a snapshot: all of it, or an error. A hole is ErrRangeMissing, whose
// Error.Offset is its first byte. nil options are the defaults.
func (v *Volume) ReadAt(ctx context.Context, snapshot *Snapshot, p []byte, offset int64, options *ReadOptions) error {
	from, err := at(offset)
	if err != nil {
		return err
	}
	return v.of(ctx, snapshot, options, func(volume *C.lode_volume, snapshot *C.lode_snapshot,
		options *C.lode_read_options, raw **C.lode_error) C.lode_status {
		lent := addressable(p)
		return C.lode_volume_read_at(volume, snapshot, from, unsafe.Pointer(&lent[0]), C.size_t(len(p)), options, raw)
	})
}

// VerifySnapshot checks all blocks of one snapshot; Verify checks the whole history. nil options are the
// defaults.
func (v *Volume) VerifySnapshot(ctx context.Context, snapshot *Snapshot, options *ReadOptions) error {
	return v.of(ctx, snapshot, options, func(volume *C.lode_volume, snapshot *C.lode_snapshot,
		options *C.lode_read_options, raw **C.lode_error) C.lode_status {
		return C.lode_volume_verify_snapshot(volume, snapshot, options, raw)
	})
}

// Verify checks the whole history of the volume, as Dataset.Verify does that of a dataset.
func (v *Volume) Verify(ctx context.Context, level VerifyLevel) ([]Finding, error) {
	return verify(ctx, v.h, func(from unsafe.Pointer, handle C.uintptr_t, options *C.lode_call_options,
		raw **C.lode_error) C.lode_status {
		return C.lode_go_verify_volume((*C.lode_volume)(from), C.int32_t(level), handle, options, raw)
	})
}

// Collect removes staged blocks that no snapshot names, and what else dead writers left, as Dataset.Collect.
func (v *Volume) Collect(ctx context.Context, options *CollectOptions) (Collected, error) {
	return collect(ctx, v.h, options, func(from unsafe.Pointer, what *C.lode_collect_options, handle C.uintptr_t,
		options *C.lode_call_options, objects, bytes *C.uint64_t, raw **C.lode_error) C.lode_status {
		return C.lode_go_collect_volume((*C.lode_volume)(from), what, handle, options, objects, bytes, raw)
	})
}

// Latest finds the newest snapshot; ErrNoSnapshots.
func (v *Volume) Latest(ctx context.Context) (*Snapshot, error) {
	return finding(ctx, v.h, "", "", func(from unsafe.Pointer, _ *C.char, options *C.lode_call_options,
		snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_volume_find_latest((*C.lode_volume)(from), options, snapshot, raw)
	})
}

// Snapshot finds a snapshot by its id; ErrSnapshotNotFound.
func (v *Volume) Snapshot(ctx context.Context, id string) (*Snapshot, error) {
	return finding(ctx, v.h, "snapshot's id", id, func(from unsafe.Pointer, id *C.char, options *C.lode_call_options,
		snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_volume_find_snapshot((*C.lode_volume)(from), id, options, snapshot, raw)
	})
}

// FindProducer finds the newest snapshot, if it tells of this producer; nil if nothing is remembered of it.
func (v *Volume) FindProducer(ctx context.Context, producerID string) (*Snapshot, error) {
	return finding(ctx, v.h, "producer's id", producerID, func(from unsafe.Pointer, id *C.char,
		options *C.lode_call_options, snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_volume_find_producer((*C.lode_volume)(from), id, options, snapshot, raw)
	})
}

// ResolveCommit resolves a commit that ended in ErrCommitUnknown, as Dataset.ResolveCommit.
func (v *Volume) ResolveCommit(ctx context.Context, snapshotID string) (*Snapshot, error) {
	return finding(ctx, v.h, "snapshot's id", snapshotID, func(from unsafe.Pointer, id *C.char,
		options *C.lode_call_options, snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_volume_resolve_commit((*C.lode_volume)(from), id, options, snapshot, raw)
	})
}

// Adopt makes a snapshot the head of its volume: the way out of ErrNeedsRepair.
func (v *Volume) Adopt(ctx context.Context, snapshotID string) (*Snapshot, error) {
	return finding(ctx, v.h, "snapshot's id", snapshotID, func(from unsafe.Pointer, id *C.char,
		options *C.lode_call_options, snapshot **C.lode_snapshot, raw **C.lode_error) C.lode_status {
		return C.lode_volume_adopt((*C.lode_volume)(from), id, options, snapshot, raw)
	})
}

// Snapshots lists all snapshots, oldest first. After an error it ends.
func (v *Volume) Snapshots(ctx context.Context) iter.Seq2[*Snapshot, error] {
	return listing(ctx, v.h, "", func(from unsafe.Pointer, _ *C.char, options *C.lode_call_options,
		all **C.lode_snapshot_iterator, raw **C.lode_error) C.lode_status {
		return C.lode_volume_list_snapshots((*C.lode_volume)(from), options, all, raw)
	})
}

// Changes lists the snapshots after one, oldest first; after "": all. After an error it ends.
func (v *Volume) Changes(ctx context.Context, after string) iter.Seq2[*Snapshot, error] {
	return listing(ctx, v.h, after, func(from unsafe.Pointer, after *C.char, options *C.lode_call_options,
		all **C.lode_snapshot_iterator, raw **C.lode_error) C.lode_status {
		return C.lode_volume_list_changes((*C.lode_volume)(from), after, options, all, raw)
	})
}
