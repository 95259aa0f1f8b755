package lode

// #include <lode.h>
import "C"

// The statuses of a success.
const (
	// StatusOK: done; from an iterator or reader: its end.
	StatusOK = Status(C.LODE_OK)
	// StatusItem: an iterator or reader has given one item or batch.
	StatusItem = Status(C.LODE_ITEM)
	// StatusAlreadyCommitted: this sequence was committed before; nothing was written.
	StatusAlreadyCommitted = Status(C.LODE_ALREADY_COMMITTED)
	// StatusCommittedUnpublished: committed and durable; the next writer publishes it.
	StatusCommittedUnpublished = Status(C.LODE_COMMITTED_UNPUBLISHED)
	// StatusCommittedBesideForeign: committed, but a writer that ignores the slots was seen.
	StatusCommittedBesideForeign = Status(C.LODE_COMMITTED_BESIDE_FOREIGN)
	// StatusNone: no such object, no such producer.
	StatusNone = Status(C.LODE_NONE)
	// StatusNotCommitted: the commit in doubt did not happen, and never will.
	StatusNotCommitted = Status(C.LODE_NOT_COMMITTED)
)

// The statuses of a failure: errors.Is finds them in an error of this package, and a [Backend] returns them,
// alone or wrapped.
const (
	// ErrUnknown: a failure that this version has no name for.
	ErrUnknown = Status(C.LODE_ERR_UNKNOWN)
	// ErrInternal: a bug in lode, caught at its border.
	ErrInternal = Status(C.LODE_ERR_INTERNAL)
	// ErrInvalidArgument: NULL, out of range, or no UTF-8; the message names it.
	ErrInvalidArgument = Status(C.LODE_ERR_INVALID_ARGUMENT)
	// ErrState: the handle cannot do this now or any more.
	ErrState = Status(C.LODE_ERR_STATE)
	// ErrNoMemory: memory ran out.
	ErrNoMemory = Status(C.LODE_ERR_NO_MEMORY)
	// ErrUnsupported: not in this build, store or version; the message names it.
	ErrUnsupported = Status(C.LODE_ERR_UNSUPPORTED)
	// ErrForked: the handle belongs to the process this one was forked from.
	ErrForked = Status(C.LODE_ERR_FORKED)
	// ErrIO: the operating system failed; see lode_error_errno.
	ErrIO = Status(C.LODE_ERR_IO)
	// ErrNoSpace: the disk or the quota is full.
	ErrNoSpace = Status(C.LODE_ERR_NO_SPACE)
	// ErrNotFound: the object or directory does not exist.
	ErrNotFound = Status(C.LODE_ERR_NOT_FOUND)
	// ErrPathExists: the object exists, and is never overwritten.
	ErrPathExists = Status(C.LODE_ERR_PATH_EXISTS)
	// ErrInvalidPath: the key is empty or would leave the store.
	ErrInvalidPath = Status(C.LODE_ERR_INVALID_PATH)
	// ErrStore: a store of the caller's own failed.
	ErrStore = Status(C.LODE_ERR_STORE)
	// ErrAccessDenied: a service refuses the credentials.
	ErrAccessDenied = Status(C.LODE_ERR_ACCESS_DENIED)
	// ErrNoSnapshots: the dataset has no snapshot yet.
	ErrNoSnapshots = Status(C.LODE_ERR_NO_SNAPSHOTS)
	// ErrSnapshotNotFound: no snapshot has this id.
	ErrSnapshotNotFound = Status(C.LODE_ERR_SNAPSHOT_NOT_FOUND)
	// ErrManifestInvalid: a manifest is not one; the message names the field.
	ErrManifestInvalid = Status(C.LODE_ERR_MANIFEST_INVALID)
	// ErrCorrupt: stored bytes are not those that were written.
	ErrCorrupt = Status(C.LODE_ERR_CORRUPT)
	// ErrDatasetsNotModeled: the layout cannot list datasets.
	ErrDatasetsNotModeled = Status(C.LODE_ERR_DATASETS_NOT_MODELED)
	// ErrInvalidFormat: a data file is not of its codec's format, or is damaged.
	ErrInvalidFormat = Status(C.LODE_ERR_INVALID_FORMAT)
	// ErrNilIterator: no iterator, or one without its callbacks.
	ErrNilIterator = Status(C.LODE_ERR_NIL_ITERATOR)
	// ErrIterator: the caller's iterator failed; its code is in the error.
	ErrIterator = Status(C.LODE_ERR_ITERATOR)
	// ErrIteratorContract: the iterator answered what it may not.
	ErrIteratorContract = Status(C.LODE_ERR_ITERATOR_CONTRACT)
	// ErrMetadataRequired: metadata is NULL; "{}" will do.
	ErrMetadataRequired = Status(C.LODE_ERR_METADATA_REQUIRED)
	// ErrMetadataInvalid: metadata is not one JSON object.
	ErrMetadataInvalid = Status(C.LODE_ERR_METADATA_INVALID)
	// ErrMetadataReserved: a metadata key begins with "lode.".
	ErrMetadataReserved = Status(C.LODE_ERR_METADATA_RESERVED)
	// ErrCodecRequired: the call needs a dataset with a codec.
	ErrCodecRequired = Status(C.LODE_ERR_CODEC_REQUIRED)
	// ErrCodecNotStreamable: the codec cannot write in one pass.
	ErrCodecNotStreamable = Status(C.LODE_ERR_CODEC_NOT_STREAMABLE)
	// ErrPartitioningNotSupported: a stream in one pass cannot be partitioned.
	ErrPartitioningNotSupported = Status(C.LODE_ERR_PARTITIONING_NOT_SUPPORTED)
	// ErrSchemaRequired: the dataset was opened without the schema that this needs.
	ErrSchemaRequired = Status(C.LODE_ERR_SCHEMA_REQUIRED)
	// ErrSchemaInvalid: the schema is not valid; the message names the field.
	ErrSchemaInvalid = Status(C.LODE_ERR_SCHEMA_INVALID)
	// ErrArrowType: a column is missing, or of an Arrow type not taken here.
	ErrArrowType = Status(C.LODE_ERR_ARROW_TYPE)
	// ErrInvalidRecord: a record is not one JSON document, or fits no partition.
	ErrInvalidRecord = Status(C.LODE_ERR_INVALID_RECORD)
	// ErrRecordTooLarge: a record is over the dataset's limit.
	ErrRecordTooLarge = Status(C.LODE_ERR_RECORD_TOO_LARGE)
	// ErrSchemaViolation: a record or a row does not fit the schema.
	ErrSchemaViolation = Status(C.LODE_ERR_SCHEMA_VIOLATION)
	// ErrConflict: the head is not the expected parent; the error has the head.
	ErrConflict = Status(C.LODE_ERR_CONFLICT)
	// ErrCommitUnknown: perhaps committed; the error has the snapshot's id.
	ErrCommitUnknown = Status(C.LODE_ERR_COMMIT_UNKNOWN)
	// ErrDeadline: the deadline passed; nothing was committed.
	ErrDeadline = Status(C.LODE_ERR_DEADLINE)
	// ErrCancelled: the cancel token was cancelled; nothing was committed.
	ErrCancelled = Status(C.LODE_ERR_CANCELLED)
	// ErrAborted: the progress callback stopped the call; nothing was committed.
	ErrAborted = Status(C.LODE_ERR_ABORTED)
	// ErrBusy: another writer did not end within the tries.
	ErrBusy = Status(C.LODE_ERR_BUSY)
	// ErrNeedsRepair: the history needs a person's decision.
	ErrNeedsRepair = Status(C.LODE_ERR_NEEDS_REPAIR)
	// ErrSequenceTooOld: the sequence is below those that are remembered.
	ErrSequenceTooOld = Status(C.LODE_ERR_SEQUENCE_TOO_OLD)
	// ErrLayoutMismatch: the dataset was written with another layout.
	ErrLayoutMismatch = Status(C.LODE_ERR_LAYOUT_MISMATCH)
	// ErrUnorderableParent: the parent's id has no place in the order of ids.
	ErrUnorderableParent = Status(C.LODE_ERR_UNORDERABLE_PARENT)
	// ErrStagedTooOld: staged more than 24 hours ago: clean-up may have removed it.
	ErrStagedTooOld = Status(C.LODE_ERR_STAGED_TOO_OLD)
	// ErrPartCommitted: a snapshot holds the part already; its id is in the error.
	ErrPartCommitted = Status(C.LODE_ERR_PART_COMMITTED)
	// ErrRangeMissing: no block of the volume's snapshot covers the range.
	ErrRangeMissing = Status(C.LODE_ERR_RANGE_MISSING)
	// ErrOverlappingBlocks: a block overlaps another one; the message names both.
	ErrOverlappingBlocks = Status(C.LODE_ERR_OVERLAPPING_BLOCKS)
	// ErrVolumeLengthMismatch: the volume has another length than it was opened with.
	ErrVolumeLengthMismatch = Status(C.LODE_ERR_VOLUME_LENGTH_MISMATCH)
	// ErrVolumeTooFragmented: a snapshot would have more blocks than allowed.
	ErrVolumeTooFragmented = Status(C.LODE_ERR_VOLUME_TOO_FRAGMENTED)
)
