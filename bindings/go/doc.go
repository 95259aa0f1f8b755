// Package lode keeps datasets as chains of immutable snapshots, by the C library liblode.
//
// A store holds datasets; a dataset is a chain of snapshots; a snapshot is a manifest and the data files that
// it names. A program streams records into a dataset and commits them as one new snapshot: all of them,
// durably, or none.
//
//	store, err := lode.OpenFilesystem("/var/lib/app", nil)
//	events, err := lode.OpenDataset(store, "events", &lode.DatasetOptions{Codec: lode.CodecJSONL})
//	snapshot, err := events.StreamWriteRecords(ctx, records, lode.Metadata{"host": "a1"})
//	for record, err := range events.Read(ctx, snapshot) {
//
// # Linking
//
// The package finds the library by pkg-config (lode.pc). With the build tag `static` the program contains
// liblode.a.
//
// # Errors
//
// A call that fails gives an *[Error] with the facts of the failure: what to do about it is its Action.
// errors.Is finds its [Status], such as [ErrConflict]; the context's error, if the context ended the call;
// and the error of the caller's own iterator or reader.
//
// # Contexts
//
// A context's deadline and cancelling end a call that blocks. A commit that is decided by then stays a
// success; with its answer outstanding the error is [ErrCommitUnknown].
//
// # Handles
//
// [Store], [Dataset], [Volume], [Snapshot] and [Catalog] may be used by any number of goroutines. A [Writer],
// [BlobWriter], [Reader] or [BlobReader] belongs to one at a time: a second call at once fails with
// [ErrState]. Close frees what is behind a handle; one that is forgotten is freed after the garbage collector
// has found it. A handle that is closed fails with [ErrState]; closing twice does nothing.
//
// # Callbacks
//
// A panic of an iterator, a reader, or a progress function comes out of the call that was given it, and
// nothing is committed. [Backend] says what becomes of a store's panics.
package lode
