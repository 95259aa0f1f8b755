package lodecompat

import (
	"errors"

	lode "liblode"
)

// What errors.Is finds in the errors of this package.
var (
	// ErrNotFound: the object, dataset or snapshot does not exist.
	ErrNotFound = errors.New("not found")
	// ErrNoSnapshots: the dataset has no snapshot.
	ErrNoSnapshots = errors.New("no snapshots")
	// ErrPathExists: the object exists, and is never overwritten.
	ErrPathExists = errors.New("path exists")
	// ErrNoManifests: the store has objects and no manifest.
	ErrNoManifests = errors.New("no manifests found")
	// ErrRangeReadNotSupported is here for programs that ask for it: every store of this package reads
	// ranges.
	ErrRangeReadNotSupported = errors.New("range read not supported")
	// ErrCodecConfigured: StreamWrite needs a dataset without a codec.
	ErrCodecConfigured = errors.New("StreamWrite requires a dataset without a codec")
	// ErrCodecNotStreamable: the codec cannot write in one pass.
	ErrCodecNotStreamable = errors.New("codec does not support streaming")
	// ErrNilIterator: there is no iterator.
	ErrNilIterator = errors.New("nil iterator")
	// ErrPartitioningNotSupported: a stream in one pass cannot be partitioned.
	ErrPartitioningNotSupported = errors.New("partitioning is not supported by StreamWriteRecords")
	// ErrSnapshotConflict: another writer has committed since the parent was found. Latest finds it.
	ErrSnapshotConflict = errors.New("snapshot conflict")
	// ErrDatasetsNotModeled: the layout cannot list datasets.
	ErrDatasetsNotModeled = errors.New("datasets not modeled by this layout")
	// ErrInvalidPath: the path would leave the store.
	ErrInvalidPath = errors.New("invalid path: escapes storage root")
	// ErrManifestInvalid: a manifest is not one.
	ErrManifestInvalid = errors.New("invalid manifest")
	// ErrOptionNotValidForDataset: the option is of readers only.
	ErrOptionNotValidForDataset = errors.New("option not valid for dataset")
	// ErrOptionNotValidForDatasetReader: the option is of datasets only.
	ErrOptionNotValidForDatasetReader = errors.New("option not valid for reader")
	// ErrOptionNotValidForVolume: the option is not of volumes.
	ErrOptionNotValidForVolume = errors.New("option not valid for volume")
	// ErrRangeMissing: the snapshot has not all of the range.
	ErrRangeMissing = errors.New("range missing: requested range is not fully committed")
	// ErrOverlappingBlocks: two blocks have bytes in common.
	ErrOverlappingBlocks = errors.New("overlapping blocks in cumulative manifest")
)

var sentinels = map[lode.Status]error{
	lode.ErrNotFound:                 ErrNotFound,
	lode.ErrSnapshotNotFound:         ErrNotFound,
	lode.ErrNoSnapshots:              ErrNoSnapshots,
	lode.ErrPathExists:               ErrPathExists,
	lode.ErrInvalidPath:              ErrInvalidPath,
	lode.ErrManifestInvalid:          ErrManifestInvalid,
	lode.ErrCodecNotStreamable:       ErrCodecNotStreamable,
	lode.ErrNilIterator:              ErrNilIterator,
	lode.ErrPartitioningNotSupported: ErrPartitioningNotSupported,
	lode.ErrConflict:                 ErrSnapshotConflict,
	lode.ErrDatasetsNotModeled:       ErrDatasetsNotModeled,
	lode.ErrRangeMissing:             ErrRangeMissing,
	lode.ErrOverlappingBlocks:        ErrOverlappingBlocks,
}

// failure is an error of package lode, in which errors.Is finds a value of this package, too.
type failure struct {
	sentinel error
	err      error
}

func (f *failure) Error() string   { return "lode: " + f.err.Error() }
func (f *failure) Unwrap() []error { return []error{f.sentinel, f.err} }

// translated gives an error of package lode as one of this package.
func translated(err error) error {
	var e *lode.Error
	if errors.As(err, &e) {
		if sentinel, known := sentinels[e.Status]; known {
			return &failure{sentinel, err}
		}
	}
	return err
}
