package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"unsafe"
)

// VerifyLevel is how much of a dataset Dataset.Verify checks; each includes those before it.
type VerifyLevel int32

// The levels.
const (
	// VerifyLevelStructure: that its history is one unbroken chain.
	VerifyLevelStructure = VerifyLevel(C.LODE_VERIFY_LEVEL_STRUCTURE)
	// VerifyLevelSizes: that its files are there, of the right sizes.
	VerifyLevelSizes = VerifyLevel(C.LODE_VERIFY_LEVEL_SIZES)
	// VerifyLevelChecksums: that they are what was written.
	VerifyLevelChecksums = VerifyLevel(C.LODE_VERIFY_LEVEL_CHECKSUMS)
	// VerifyLevelRecords: that they hold their records.
	VerifyLevelRecords = VerifyLevel(C.LODE_VERIFY_LEVEL_RECORDS)
)

// Finding is what Dataset.Verify has found to be wrong.
type Finding struct {
	// Kind is one of LODE_FINDING_* of lode.h.
	Kind int32
	// Path is the key of the object.
	Path string
	// SnapshotID is the snapshot that it concerns, or "".
	SnapshotID string
	// Message says what is wrong.
	Message string
}

//export lodeGoFinding
func lodeGoFinding(handle C.uintptr_t, kind C.int32_t, path, snapshotID, message *C.char) C.int32_t {
	found := cgo.Handle(handle).Value().(*[]Finding)
	*found = append(*found, Finding{int32(kind), C.GoString(path), C.GoString(snapshotID), C.GoString(message)})
	return 0
}

// Verify checks a whole dataset against what the format promises, and gives what is wrong: nothing if all is
// well. An error says that it could not be checked. Nothing is written.
func (d *Dataset) Verify(ctx context.Context, level VerifyLevel) ([]Finding, error) {
	return verify(ctx, d.h, func(from unsafe.Pointer, handle C.uintptr_t, options *C.lode_call_options,
		raw **C.lode_error) C.lode_status {
		return C.lode_go_verify((*C.lode_dataset)(from), C.int32_t(level), handle, options, raw)
	})
}

func verify(ctx context.Context, h *handle, body func(from unsafe.Pointer, handle C.uintptr_t,
	options *C.lode_call_options, raw **C.lode_error) C.lode_status) ([]Finding, error) {
	c, err := begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer c.close()
	from, err := h.use()
	if err != nil {
		return nil, err
	}
	defer h.done()
	var found []Finding
	handle := cgo.NewHandle(&found)
	defer handle.Delete()
	var raw *C.lode_error
	status := body(from, C.uintptr_t(handle), c.options(), &raw)
	err = c.check(status, raw)
	if Status(status) == ErrCorrupt && len(found) > 0 {
		return found, nil
	}
	return found, err
}
