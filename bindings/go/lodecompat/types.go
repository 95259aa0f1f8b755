package lodecompat

import (
	"context"
	"io"
	"time"
)

// DatasetID names a dataset.
type DatasetID string

// DatasetSnapshotID names a snapshot of a dataset.
type DatasetSnapshotID string

// Metadata is what comes with a commit.
type Metadata map[string]any

// D is a record literal.
type D = map[string]any

// R gives record literals as Dataset.Write takes them.
func R(records ...D) []any {
	all := make([]any, len(records))
	for i, record := range records {
		all[i] = record
	}
	return all
}

// Timestamped is a record with a time.
type Timestamped interface {
	Timestamp() time.Time
}

// RecordIterator gives records one after another.
type RecordIterator interface {
	Next() bool  // Moves to the next record; false if there are no more, or after a failure.
	Record() any // The current record.
	Err() error  // Why it failed; nil: it did not.
}

// ColumnStats are the statistics of one key in one file.
type ColumnStats struct {
	Name          string `json:"name"`
	Min           any    `json:"min,omitempty"`
	Max           any    `json:"max,omitempty"`
	NullCount     int64  `json:"null_count"`
	DistinctCount int64  `json:"distinct_count,omitempty"`
}

// FileStats are the statistics of one file.
type FileStats struct {
	RowCount int64         `json:"row_count"`
	Columns  []ColumnStats `json:"columns,omitempty"`
}

// FileRef is one data file of a snapshot.
type FileRef struct {
	Path      string     `json:"path"`
	SizeBytes int64      `json:"size_bytes"`
	Checksum  string     `json:"checksum,omitempty"`
	Stats     *FileStats `json:"stats,omitempty"`
}

// Manifest says what a snapshot holds.
type Manifest struct {
	SchemaName        string            `json:"schema_name"`
	FormatVersion     string            `json:"format_version"`
	DatasetID         DatasetID         `json:"dataset_id"`
	SnapshotID        DatasetSnapshotID `json:"snapshot_id"`
	CreatedAt         time.Time         `json:"created_at"`
	Metadata          Metadata          `json:"metadata"`
	Files             []FileRef         `json:"files"`
	ParentSnapshotID  DatasetSnapshotID `json:"parent_snapshot_id,omitempty"`
	RowCount          int64             `json:"row_count"`
	MinTimestamp      *time.Time        `json:"min_timestamp,omitempty"`
	MaxTimestamp      *time.Time        `json:"max_timestamp,omitempty"`
	Codec             string            `json:"codec,omitempty"`
	Compressor        string            `json:"compressor"`
	Partitioner       string            `json:"partitioner"`
	ChecksumAlgorithm string            `json:"checksum_algorithm,omitempty"`
}

// DatasetSnapshot is a committed snapshot.
type DatasetSnapshot struct {
	ID       DatasetSnapshotID
	Manifest *Manifest
}

// Dataset is a chain of snapshots.
type Dataset interface {
	// ID gives the dataset's id.
	ID() DatasetID
	// Write commits records, or without a codec one []byte, as a snapshot.
	Write(ctx context.Context, data []any, metadata Metadata) (*DatasetSnapshot, error)
	// Snapshot finds a snapshot; ErrNotFound.
	Snapshot(ctx context.Context, id DatasetSnapshotID) (*DatasetSnapshot, error)
	// Snapshots lists all snapshots, oldest first.
	Snapshots(ctx context.Context) ([]*DatasetSnapshot, error)
	// Read gives the records of a snapshot, or of one without a codec its bytes.
	Read(ctx context.Context, id DatasetSnapshotID) ([]any, error)
	// Latest finds the newest snapshot; ErrNoSnapshots.
	Latest(ctx context.Context) (*DatasetSnapshot, error)
	// StreamWrite begins a snapshot of bytes; ErrCodecConfigured.
	StreamWrite(ctx context.Context, metadata Metadata) (StreamWriter, error)
	// StreamWriteRecords pulls records and commits them as a snapshot.
	StreamWriteRecords(ctx context.Context, records RecordIterator, metadata Metadata) (*DatasetSnapshot, error)
}

// StreamWriter takes the bytes of a snapshot.
type StreamWriter interface {
	// Write adds bytes.
	Write(p []byte) (n int, err error)
	// Commit commits them.
	Commit(ctx context.Context) (*DatasetSnapshot, error)
	// Abort gives them up.
	Abort(ctx context.Context) error
	// Close gives them up if they are not committed.
	Close() error
}

// DatasetListOptions limit a listing; 0: no limit.
type DatasetListOptions struct{ Limit int }

// PartitionListOptions limit a listing; 0: no limit.
type PartitionListOptions struct{ Limit int }

// ManifestListOptions limit a listing; 0: no limit.
type ManifestListOptions struct{ Limit int }

// PartitionRef is one partition of a dataset.
type PartitionRef struct {
	// Path is the partition's path, such as "day=2024-01-01/source=foo".
	Path string
}

// ManifestRef is one snapshot of a dataset.
type ManifestRef struct {
	ID DatasetSnapshotID
	// Partition is the partition in which the manifest was found, in layouts that have any.
	Partition string
}

// ObjectRef is one object of a dataset.
type ObjectRef struct {
	Dataset  DatasetID
	Manifest ManifestRef
	Path     string
}

// DatasetReader reads what is stored.
type DatasetReader interface {
	// ListDatasets gives the datasets that have a snapshot; ErrDatasetsNotModeled, ErrNoManifests.
	ListDatasets(ctx context.Context, opts DatasetListOptions) ([]DatasetID, error)
	// ListPartitions gives the partitions of a dataset; ErrNotFound.
	ListPartitions(ctx context.Context, dataset DatasetID, opts PartitionListOptions) ([]PartitionRef, error)
	// ListManifests gives the snapshots of a dataset, those with a file in a partition if one is given;
	// ErrNotFound.
	ListManifests(ctx context.Context, dataset DatasetID, partition string, opts ManifestListOptions) ([]ManifestRef, error)
	// GetManifest reads a manifest; ErrNotFound.
	GetManifest(ctx context.Context, dataset DatasetID, ref ManifestRef) (*Manifest, error)
	// OpenObject opens an object; ErrNotFound.
	OpenObject(ctx context.Context, obj ObjectRef) (io.ReadCloser, error)
	// ReaderAt opens an object for reading at offsets; ErrNotFound.
	ReaderAt(ctx context.Context, obj ObjectRef) (io.ReaderAt, error)
}

// Store keeps objects under keys.
type Store interface {
	// Put writes an object; ErrPathExists.
	Put(ctx context.Context, path string, r io.Reader) error
	// Get opens an object; ErrNotFound.
	Get(ctx context.Context, path string) (io.ReadCloser, error)
	// Exists says whether there is an object.
	Exists(ctx context.Context, path string) (bool, error)
	// List gives the paths below a prefix.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete removes an object, if there is one.
	Delete(ctx context.Context, path string) error
	// ReadRange reads a part of an object; ErrNotFound.
	ReadRange(ctx context.Context, path string, offset, length int64) ([]byte, error)
	// ReaderAt opens an object for reading at offsets; ErrNotFound.
	ReaderAt(ctx context.Context, path string) (io.ReaderAt, error)
}

// ConditionalWriter swaps an object's content; every store of this package does.
type ConditionalWriter interface {
	// CompareAndSwap replaces the content if it is the expected one; ErrSnapshotConflict.
	CompareAndSwap(ctx context.Context, path, expected, replacement string) error
}

// StoreFactory makes a store.
type StoreFactory func() (Store, error)

// Codec is how records become bytes.
type Codec interface {
	// Name is what manifests call it.
	Name() string
}

// Compressor is how files are compressed.
type Compressor interface {
	// Name is what manifests call it.
	Name() string
	// Extension is what it adds to the names of files.
	Extension() string
}

// Checksum is how files are checked.
type Checksum interface {
	// Name is what manifests call it.
	Name() string
}
