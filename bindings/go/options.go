package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"encoding/json"
	"runtime/cgo"
	"time"
	"unsafe"
)

// LogLevel is how severe a log line is.
type LogLevel int32

// The levels of log lines.
const (
	// LogWarning: something that an operator should look at.
	LogWarning = LogLevel(C.LODE_LOG_WARNING)
	// LogInfo: worth knowing.
	LogInfo = LogLevel(C.LODE_LOG_INFO)
)

// StoreOptions is how to open a store. The zero value is the default.
type StoreOptions struct {
	// Log is told what is worth knowing but fails no call, perhaps by several goroutines at once. What it
	// panics with is dropped. nil: no log.
	Log func(LogLevel, string)
}

// storeOptions gives the options to a call. The library lets go of the log by lodeGoRelease.
func storeOptions(options *StoreOptions) *C.lode_store_options {
	var c C.lode_store_options
	C.lode_store_options_init(&c, C.sizeof_lode_store_options)
	if options != nil && options.Log != nil {
		C.lode_go_log(&c, C.uintptr_t(cgo.NewHandle(options.Log)))
	}
	return &c
}

//export lodeGoLog
func lodeGoLog(handle C.uintptr_t, level C.int32_t, message *C.char) {
	defer func() { _ = recover() }()
	cgo.Handle(handle).Value().(func(LogLevel, string))(LogLevel(level), C.GoString(message))
}

// Codec is how records become bytes.
type Codec int32

// The codecs.
const (
	// CodecNone: a dataset of raw blobs.
	CodecNone = Codec(C.LODE_CODEC_NONE)
	// CodecJSONL: one JSON document a line.
	CodecJSONL = Codec(C.LODE_CODEC_JSONL)
	// CodecParquet: Apache Parquet; feature "parquet".
	CodecParquet = Codec(C.LODE_CODEC_PARQUET)
)

// Compressor is how files are compressed.
type Compressor int32

// The compressors.
const (
	CompressorNone = Compressor(C.LODE_COMPRESSOR_NONE)
	CompressorGzip = Compressor(C.LODE_COMPRESSOR_GZIP)
	CompressorZstd = Compressor(C.LODE_COMPRESSOR_ZSTD)
)

// Checksum is how files are checked.
type Checksum int32

// The checksums.
const (
	// ChecksumXXH3: 64 bits, fast, finds damage.
	ChecksumXXH3 = Checksum(C.LODE_CHECKSUM_XXH3)
	ChecksumNone = Checksum(C.LODE_CHECKSUM_NONE)
	// ChecksumMD5 is what the Go library of this format writes.
	ChecksumMD5 = Checksum(C.LODE_CHECKSUM_MD5)
	// ChecksumSHA256 finds tampering, too, if the manifest is trusted.
	ChecksumSHA256 = Checksum(C.LODE_CHECKSUM_SHA256)
)

// Layout is where files lie.
type Layout int32

// The layouts.
const (
	// LayoutDefault: each snapshot's files in its own directory.
	LayoutDefault = Layout(C.LODE_LAYOUT_DEFAULT)
	// LayoutHive: partitioned by keys of the records, which Dataset.WriteRecords writes.
	LayoutHive = Layout(C.LODE_LAYOUT_HIVE)
	// LayoutFlat: the shortest paths, whose datasets cannot be listed.
	LayoutFlat = Layout(C.LODE_LAYOUT_FLAT)
)

// Durability is what a commit that returned survives.
type Durability int32

// The durabilities.
const (
	// DurabilityFull: a power cut.
	DurabilityFull = Durability(C.LODE_DURABILITY_FULL)
	// DurabilityProcess: a killed process; nothing is synced.
	DurabilityProcess = Durability(C.LODE_DURABILITY_PROCESS)
)

// DatasetOptions is how a dataset is written; what is read follows each snapshot's manifest. The zero value
// is the default: a dataset of raw blobs.
type DatasetOptions struct {
	Codec      Codec
	Compressor Compressor
	// CompressionLevel is the compressor's level; 0: its default.
	CompressionLevel int
	Checksum         Checksum
	Layout           Layout
	// PartitionKeys are the keys to partition by, for LayoutHive at least one.
	PartitionKeys []string
	Durability    Durability
	// FileStatistics makes the manifest tell least, greatest and nulls of each key.
	FileStatistics bool
	// RetryAttempts is how often one request is tried; 0: a few times.
	RetryAttempts int
	// RetryBase is the pause before the second try; 0: a few milliseconds. Pauses double and are jittered.
	RetryBase time.Duration
	// RetryCap is the longest pause; 0: half a second.
	RetryCap time.Duration
	// MaxRecordBytes is the longest record accepted; 0: about 10 MiB.
	MaxRecordBytes int64
	// PartitionStreaming lets streams into LayoutHive be partitioned, with at most MaxOpenPartitions files
	// open; 0: as many as the library sees fit.
	PartitionStreaming bool
	MaxOpenPartitions  int
	// Threads that compress; 0: the calling one.
	Threads int
	// TargetFileBytes ends a file that has taken so many bytes of records: the following ones go into
	// another; 0: never.
	TargetFileBytes int64
	// Schema has the columns, which CodecParquet needs; nil: none, or those of ArrowSchema.
	Schema *Schema
	// ArrowSchema is the same as an ArrowSchema of C, a struct of columns: borrowed for the call.
	ArrowSchema unsafe.Pointer
	// RowGroupBytes is where a row group of a Parquet file ends; 0: at 32 MiB.
	RowGroupBytes int64
	// AnyArrowType lets columns have any Arrow type that Parquet stores; the Go library of the format cannot read
	// such snapshots.
	AnyArrowType bool
	// ParquetCompression is how the pages of a Parquet file are compressed.
	ParquetCompression ParquetCompression
}

// Verify is what a reader checks.
type Verify int32

// What a reader may check.
const (
	// VerifyStreaming: files as they stream; the verdict comes with the end.
	VerifyStreaming = Verify(C.LODE_VERIFY_STREAMING)
	// VerifyFirst: the manifest, and each file as a whole before its first record.
	VerifyFirst = Verify(C.LODE_VERIFY_FIRST)
	// VerifySizes: sizes only.
	VerifySizes = Verify(C.LODE_VERIFY_SIZES)
)

// Store is where objects live. Goroutines may share it. What is opened on it keeps what it needs of it: it
// may be closed before.
type Store struct{ h *handle }

func newStore(raw *C.lode_store) *Store {
	s := &Store{}
	s.h = own(s, "store", unsafe.Pointer(raw), func(p unsafe.Pointer) { C.lode_store_free((*C.lode_store)(p)) })
	return s
}

// OpenFilesystem opens a store in a directory, which must exist. nil options are the defaults.
func OpenFilesystem(root string, options *StoreOptions) (*Store, error) {
	c, err := begin(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	defer c.close()
	path, err := c.text("root", root)
	if err != nil {
		return nil, err
	}
	var store *C.lode_store
	var raw *C.lode_error
	if err := check(C.lode_store_open_filesystem(path, storeOptions(options), &store, &raw), raw); err != nil {
		return nil, err
	}
	return newStore(store), nil
}

// OpenMemory makes a store in this process's memory, gone with its last handle. nil options are the defaults.
func OpenMemory(options *StoreOptions) (*Store, error) {
	var store *C.lode_store
	var raw *C.lode_error
	if err := check(C.lode_store_open_memory(storeOptions(options), &store, &raw), raw); err != nil {
		return nil, err
	}
	return newStore(store), nil
}

// OpenURL opens a store by its URL: file:///path, memory:, or a bucket, such as s3://bucket/prefix. The
// settings are those that lode_store_open_url of lode.h lists; nil: none. nil options are the defaults.
func OpenURL(ctx context.Context, url string, settings map[string]any, options *StoreOptions) (*Store, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer c.close()
	text, err := c.text("URL", url)
	if err != nil {
		return nil, err
	}
	var given *C.char
	if settings != nil {
		encoded, err := json.Marshal(settings)
		if err != nil {
			return nil, refused(ErrInvalidArgument, "the settings cannot be JSON: %v", err)
		}
		if given, err = c.text("settings", string(encoded)); err != nil {
			return nil, err
		}
	}
	var store *C.lode_store
	var raw *C.lode_error
	status := C.lode_store_open_url(text, given, storeOptions(options), c.options(), &store, &raw)
	if err := c.check(status, raw); err != nil {
		return nil, err
	}
	return newStore(store), nil
}

// Close frees the store's handle. It gives nil.
func (s *Store) Close() error {
	s.h.close()
	return nil
}
