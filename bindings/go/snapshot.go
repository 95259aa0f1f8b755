package lode

// #include <lode.h>
import "C"

import (
	"context"
	"encoding/json"
	"time"
	"unsafe"
)

// Snapshot is a committed snapshot: what its manifest says. It never changes; goroutines may share it. Its
// texts are copies. A closed one gives zero values.
type Snapshot struct {
	h      *handle
	id     string
	status Status
}

func newSnapshot(raw *C.lode_snapshot, status Status) *Snapshot {
	s := &Snapshot{id: C.GoString(C.lode_snapshot_id(raw)), status: status}
	s.h = own(s, "snapshot", unsafe.Pointer(raw), func(p unsafe.Pointer) { C.lode_snapshot_free((*C.lode_snapshot)(p)) })
	return s
}

// Close frees the snapshot's handle. It gives nil.
func (s *Snapshot) Close() error {
	s.h.close()
	return nil
}

// ID gives the snapshot's id, also of a closed one. Ids of one dataset stand in the order of its history.
func (s *Snapshot) ID() string { return s.id }

// CommitStatus says how the commit went that gave this snapshot: StatusOK, StatusAlreadyCommitted,
// StatusCommittedUnpublished or StatusCommittedBesideForeign. It is StatusOK for a snapshot that was found or
// listed.
func (s *Snapshot) CommitStatus() Status { return s.status }

// get reads one value of the snapshot.
func get[T any](s *Snapshot, read func(*C.lode_snapshot) T) (value T) {
	raw, err := s.h.use()
	if err != nil {
		return value
	}
	defer s.h.done()
	return read((*C.lode_snapshot)(raw))
}

// DatasetID gives the id of the snapshot's dataset.
func (s *Snapshot) DatasetID() string {
	return get(s, func(raw *C.lode_snapshot) string { return C.GoString(C.lode_snapshot_dataset_id(raw)) })
}

// ParentID gives the id of the snapshot before it; "" for a dataset's first.
func (s *Snapshot) ParentID() string {
	return get(s, func(raw *C.lode_snapshot) string { return C.GoString(C.lode_snapshot_parent_id(raw)) })
}

func timeOf(unixNanos C.int64_t) time.Time {
	if unixNanos == C.LODE_NO_TIMESTAMP {
		return time.Time{}
	}
	return time.Unix(0, int64(unixNanos)).UTC()
}

// CreatedAt says when it was committed, by the writer's clock.
func (s *Snapshot) CreatedAt() time.Time {
	return get(s, func(raw *C.lode_snapshot) time.Time { return timeOf(C.lode_snapshot_created_at(raw)) })
}

// RowCount says how many records it holds; a raw blob counts 1.
func (s *Snapshot) RowCount() int64 {
	return get(s, func(raw *C.lode_snapshot) int64 { return int64(C.lode_snapshot_row_count(raw)) })
}

// MinTimestamp gives the earliest time of a record; the zero time if none had one.
func (s *Snapshot) MinTimestamp() time.Time {
	return get(s, func(raw *C.lode_snapshot) time.Time { return timeOf(C.lode_snapshot_min_timestamp(raw)) })
}

// MaxTimestamp gives the latest time of a record; the zero time if none had one.
func (s *Snapshot) MaxTimestamp() time.Time {
	return get(s, func(raw *C.lode_snapshot) time.Time { return timeOf(C.lode_snapshot_max_timestamp(raw)) })
}

// Codec gives the codec's name in the manifest; "" for a raw blob.
func (s *Snapshot) Codec() string {
	return get(s, func(raw *C.lode_snapshot) string { return C.GoString(C.lode_snapshot_codec(raw)) })
}

// Compressor gives the compressor's name in the manifest.
func (s *Snapshot) Compressor() string {
	return get(s, func(raw *C.lode_snapshot) string { return C.GoString(C.lode_snapshot_compressor(raw)) })
}

// Metadata gives the metadata of the commit, one JSON object.
func (s *Snapshot) Metadata() json.RawMessage {
	return get(s, func(raw *C.lode_snapshot) json.RawMessage {
		return json.RawMessage(C.GoString(C.lode_snapshot_metadata_json(raw)))
	})
}

// Manifest gives the whole manifest as it is stored.
func (s *Snapshot) Manifest() json.RawMessage {
	return get(s, func(raw *C.lode_snapshot) json.RawMessage {
		return json.RawMessage(C.GoString(C.lode_snapshot_manifest_json(raw)))
	})
}

// File is one data file of a snapshot.
type File struct {
	// Path is its key in the store.
	Path string
	// Location is an absolute path or URL where another program finds it; "" if there is no such place.
	Location string
	// Checksum of the stored bytes, in lower-case hex; "" if it has none.
	Checksum string
	// Size in bytes, as stored.
	Size int64
	// RowCount is how many records it holds; -1 if the manifest does not say.
	RowCount int64
}

// Files gives the data files in the manifest's order.
func (s *Snapshot) Files() []File {
	return get(s, func(raw *C.lode_snapshot) []File {
		files := make([]File, C.lode_snapshot_file_count(raw))
		for i := range files {
			n := C.size_t(i)
			files[i] = File{
				Path:     C.GoString(C.lode_snapshot_file_path(raw, n)),
				Location: C.GoString(C.lode_snapshot_file_location(raw, n)),
				Checksum: C.GoString(C.lode_snapshot_file_checksum(raw, n)),
				Size:     int64(C.lode_snapshot_file_size(raw, n)),
				RowCount: int64(C.lode_snapshot_file_row_count(raw, n)),
			}
		}
		return files
	})
}

// BlockFile is one block of a volume's snapshot.
type BlockFile struct {
	// Offset is where it begins, in bytes.
	Offset int64
	// Length in bytes.
	Length int64
	// Path is its key in the store.
	Path string
	// Location is an absolute path or URL where another program finds it; "" if there is no such place.
	Location string
	// Checksum of its bytes, in lower-case hex; "" if it has none.
	Checksum string
}

// Gap is a range of a volume that no block covers.
type Gap struct {
	// Offset is where it begins, in bytes.
	Offset int64
	// Length in bytes.
	Length int64
}

// TotalLength says how long a volume's address space is, in bytes; 0 for a dataset's snapshot.
func (s *Snapshot) TotalLength() int64 {
	return get(s, func(raw *C.lode_snapshot) int64 { return int64(C.lode_snapshot_total_length(raw)) })
}

// Blocks gives the blocks of a volume's snapshot in the order of their offsets, those of its parent included.
func (s *Snapshot) Blocks() []BlockFile {
	return get(s, func(raw *C.lode_snapshot) []BlockFile {
		blocks := make([]BlockFile, C.lode_snapshot_block_count(raw))
		for i := range blocks {
			n := C.size_t(i)
			blocks[i] = BlockFile{
				Offset:   int64(C.lode_snapshot_block_offset(raw, n)),
				Length:   int64(C.lode_snapshot_block_length(raw, n)),
				Path:     C.GoString(C.lode_snapshot_block_path(raw, n)),
				Location: C.GoString(C.lode_snapshot_block_location(raw, n)),
				Checksum: C.GoString(C.lode_snapshot_block_checksum(raw, n)),
			}
		}
		return blocks
	})
}

// Gaps gives the ranges of a volume's snapshot that no block covers, in order: none if it is complete.
func (s *Snapshot) Gaps() []Gap {
	return get(s, func(raw *C.lode_snapshot) (gaps []Gap) {
		var from, offset, length C.uint64_t
		for C.lode_snapshot_next_gap(raw, from, &offset, &length, nil) == C.LODE_ITEM {
			gaps = append(gaps, Gap{int64(offset), int64(length)})
			from = offset + length
		}
		return gaps
	})
}

// Producer says how far a producer had come with the snapshot: its highest sequence, 0 if nothing is
// remembered of it, and the position that came with it.
func (s *Snapshot) Producer(producerID string) (sequence uint64, position string, err error) {
	c, err := begin(context.Background(), nil)
	if err != nil {
		return 0, "", err
	}
	defer c.close()
	id, err := c.text("producer's id", producerID)
	if err != nil {
		return 0, "", err
	}
	raw, err := s.h.use()
	if err != nil {
		return 0, "", err
	}
	defer s.h.done()
	var n C.uint64_t
	var text *C.char
	var failed *C.lode_error
	if err := check(C.lode_snapshot_find_producer((*C.lode_snapshot)(raw), id, &n, &text, &failed), failed); err != nil {
		return 0, "", err
	}
	return uint64(n), C.GoString(text), nil
}
