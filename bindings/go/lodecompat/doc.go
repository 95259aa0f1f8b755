// Package lodecompat has the public names of the Go library github.com/pithecene-io/lode/lode, version 0.9.0,
// over liblode. A program switches by changing one import line:
//
//	import lode "liblode/lodecompat"
//
// What it wrote before, it reads; what it writes now, programs with the Go library read. Commits are durable
// and survive concurrent writers.
//
// # What is left out
//
//   - Stores, codecs, compressors and checksums of the program's own. The library writes and reads files
//     itself, so [WithCodec], [WithCompressor] and [WithChecksum] take what this package makes, and a
//     [StoreFactory] gives what [NewFS] or [NewMemory] made. A store of the program's own is a Backend of
//     package lode. So the interfaces Codec, Compressor and Checksum have their Name here and none of the
//     methods that read or write; and StreamingRecordCodec, RecordStreamEncoder, StatisticalCodec,
//     StatisticalStreamEncoder and HashWriter, which only such a codec or checksum implements, are not here.
//   - NewParquetCodec with ParquetSchema, ParquetField, ParquetType, ParquetOption, ParquetCompression and
//     their constants, ErrSchemaViolation and ErrInvalidFormat: this package covers JSON lines and blobs,
//     which every build of liblode has; Parquet is a feature that a build may lack.
//   - NewS3Store and what else the package lode/s3 has: it is another package of the Go library.
//
// # What differs
//
//   - A dataset reads snapshots of any codec and compressor that liblode knows; the Go library refuses a
//     snapshot whose compressor is not the dataset's own.
//   - [WithRetryCount]: with 0, as without it, a commit that loses to another writer is
//     [ErrSnapshotConflict]. With more, a commit builds on the winner as often as it must, and does not end
//     in a conflict. [WithRetryJitter] is checked and has no effect: pauses are always jittered.
//   - A Write of no records has one empty file in its manifest, and no file in the Go library's.
//   - Messages of errors are liblode's. errors.Is finds the values of this package.
//   - Records over about 10 MiB, which the Go library writes and then cannot read, are refused as they are
//     written, as is what is no JSON: a json.RawMessage is checked.
package lodecompat
