package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/cgo"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Progress is how far a call has come.
type Progress struct {
	// Records were taken, or keys and snapshots met.
	Records int64
	// BytesIn were taken or read.
	BytesIn int64
	// BytesStored were stored, after compression.
	BytesStored int64
}

// progress is a progress function as a callback, with the panic that came out of it.
type progress struct {
	tell     func(Progress) bool
	panicked any
}

//export lodeGoProgress
func lodeGoProgress(handle C.uintptr_t, records, bytesIn, bytesStored C.int64_t) (answer C.int32_t) {
	p := cgo.Handle(handle).Value().(*progress)
	defer func() {
		if value := recover(); value != nil {
			p.panicked = value
			answer = 1
		}
	}()
	if p.tell(Progress{int64(records), int64(bytesIn), int64(bytesStored)}) {
		return 0
	}
	return 1
}

//export lodeGoRelease
func lodeGoRelease(handle C.uintptr_t) { cgo.Handle(handle).Delete() }

// token is a cancel token that a context cancels. The context may do so at any time until close.
type token struct {
	mu       sync.Mutex
	raw      *C.lode_cancel_token
	stop     func() bool
	over     bool // cancelled
	detached bool // the call is over, and what it has made is still to be cancelled
}

func newToken(ctx context.Context) (*token, error) {
	if ctx.Done() == nil {
		return &token{}, nil
	}
	t := &token{}
	var raw *C.lode_error
	if err := check(C.lode_cancel_token_new(&t.raw, &raw), raw); err != nil {
		return nil, err
	}
	t.stop = context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		C.lode_cancel_token_cancel(t.raw)
		t.over = true
		if t.detached {
			t.free()
		}
	})
	return t, nil
}

// detach leaves the token to the context, which frees it when it is over. No close follows.
func (t *token) detach() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.detached = true
	if t.over {
		t.free()
	}
}

func (t *token) free() {
	C.lode_cancel_token_free(t.raw)
	t.raw = nil
}

func (t *token) close() {
	if t.stop == nil {
		return
	}
	t.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free()
}

// call is what one call that blocks is told: the context as deadline and cancel token, progress, and C texts.
type call struct {
	ctx      context.Context
	token    *token
	progress *progress
	told     cgo.Handle
	texts    []unsafe.Pointer
	pinned   runtime.Pinner // of the caller's memory that an option points to
}

// begin fails if the context is over already. close must follow.
func begin(ctx context.Context, tell func(Progress) bool) (*call, error) {
	if ctx == nil {
		return nil, refused(ErrInvalidArgument, "the context is nil: context.Background() has no limits")
	}
	if err := over(ctx); err != nil {
		return nil, err
	}
	t, err := newToken(ctx)
	if err != nil {
		return nil, err
	}
	c := &call{ctx: ctx, token: t}
	if tell != nil {
		c.progress = &progress{tell: tell}
		c.told = cgo.NewHandle(c.progress)
	}
	return c, nil
}

// over gives the error of a call whose context is over before it.
func over(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	status := ErrCancelled
	if errors.Is(err, context.DeadlineExceeded) {
		status = ErrDeadline
	}
	e := refused(status, "the context is over before the call: %v; nothing was done", context.Cause(ctx))
	e.Action = ActionRetry
	e.cause = ended(ctx)
	return e
}

// ended gives why a context is over, so that errors.Is finds both its error and its cause.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(cause, err) {
		return cause
	}
	return errors.Join(err, cause)
}

func (c *call) close() {
	c.token.close()
	if c.told != 0 {
		c.told.Delete()
	}
	for _, text := range c.texts {
		C.free(text)
	}
	c.pinned.Unpin()
}

// deadline gives milliseconds as the library takes them.
func deadline(ctx context.Context) C.int64_t {
	at, has := ctx.Deadline()
	if !has {
		return 0
	}
	left := time.Until(at)
	if left <= 0 {
		return -1
	}
	return C.int64_t((left + time.Millisecond - 1) / time.Millisecond)
}

func (c *call) options() *C.lode_call_options {
	var options C.lode_call_options
	C.lode_call_options_init(&options, C.sizeof_lode_call_options)
	options.deadline_ms = deadline(c.ctx)
	options.cancel = c.token.raw
	if c.told != 0 {
		C.lode_go_progress_of_call(&options, C.uintptr_t(c.told))
	}
	return &options
}

// text gives a text to the call. Its second result is an error if the text holds a NUL byte.
func (c *call) text(what, value string) (*C.char, error) {
	if at := strings.IndexByte(value, 0); at >= 0 {
		return nil, refused(ErrInvalidArgument, "the %s %q has a NUL byte at %d", what, value, at)
	}
	raw := C.CString(value)
	c.texts = append(c.texts, unsafe.Pointer(raw))
	return raw, nil
}

// array gives texts to the call, as an array of C.
func (c *call) array(what string, values []string) (**C.char, error) {
	array := C.malloc(C.size_t(len(values)+1) * C.size_t(unsafe.Sizeof((*C.char)(nil))))
	c.texts = append(c.texts, array)
	texts := unsafe.Slice((**C.char)(array), len(values))
	for i, value := range values {
		text, err := c.text(what, value)
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	return (**C.char)(array), nil
}

// metadata gives metadata to the call; nil stays what it is, which the library refuses.
func (c *call) metadata(metadata Metadata) (*C.char, error) {
	if metadata == nil {
		return nil, nil
	}
	encoded, err := json.Marshal(metadata)
	if err != nil {
		e := refused(ErrMetadataInvalid, "the metadata cannot be JSON: %v", err)
		e.cause = err
		return nil, e
	}
	return c.text("metadata", string(encoded))
}

// check gives the error of the call, with the context's error if the context ended it. A panic of the
// progress function goes on here.
func (c *call) check(status C.lode_status, raw *C.lode_error) error {
	err := check(status, raw)
	if err == nil {
		return nil
	}
	if c.progress != nil && c.progress.panicked != nil {
		panic(c.progress.panicked)
	}
	if c.ctx.Err() != nil {
		return because(err, ended(c.ctx), ErrCancelled, ErrDeadline, ErrCommitUnknown)
	}
	// The library's clock may be ahead of the context's timer.
	return because(err, context.DeadlineExceeded, ErrDeadline)
}

// Metadata is what comes with a commit: one JSON object. Keys that begin with "lode." are reserved.
type Metadata map[string]any

// CommitOption says how a commit is to be made.
type CommitOption func(*commitOptions)

type commitOptions struct {
	parent      *string
	producer    string
	sequence    uint64
	position    string
	attempts    int
	attemptBase time.Duration
	attemptCap  time.Duration
	progress    func(Progress) bool
	verifyParts bool
}

// ExpectParent makes the commit fail with ErrConflict unless this snapshot is the head; "": no snapshot yet.
func ExpectParent(snapshotID string) CommitOption {
	return func(o *commitOptions) { o.parent = &snapshotID }
}

// ExactlyOnce names the producer's commit: if the sequence, from 1 and rising, is committed already, nothing
// is written and the snapshot's CommitStatus is StatusAlreadyCommitted. position is where the producer goes
// on after a restart.
func ExactlyOnce(producerID string, sequence uint64, position string) CommitOption {
	return func(o *commitOptions) { o.producer, o.sequence, o.position = producerID, sequence, position }
}

// Attempts lets the whole commit be tried so often while its failure advises it, with pauses that double from
// base to limit; 0 for either: the library's.
func Attempts(count int, base, limit time.Duration) CommitOption {
	return func(o *commitOptions) { o.attempts, o.attemptBase, o.attemptCap = count, base, limit }
}

// OnProgress is told from time to time how far the commit is; an answer of false stops it with ErrAborted.
func OnProgress(tell func(Progress) bool) CommitOption {
	return func(o *commitOptions) { o.progress = tell }
}

// VerifyParts lets Dataset.CommitParts compare each file with its checksum.
func VerifyParts() CommitOption {
	return func(o *commitOptions) { o.verifyParts = true }
}

func gather(options []CommitOption) *commitOptions {
	var all commitOptions
	for _, option := range options {
		if option != nil {
			option(&all)
		}
	}
	return &all
}

func milliseconds(d time.Duration) C.int32_t {
	const most = 1<<31 - 1
	return C.int32_t(min(max((d+time.Millisecond-1)/time.Millisecond, 0), most))
}

// commit gives the options of a commit to the call.
func (c *call) commit(o *commitOptions) (*C.lode_commit_options, error) {
	var options C.lode_commit_options
	C.lode_commit_options_init(&options, C.sizeof_lode_commit_options)
	options.deadline_ms = deadline(c.ctx)
	options.cancel = c.token.raw
	if c.told != 0 {
		C.lode_go_progress_of_commit(&options, C.uintptr_t(c.told))
	}
	var err error
	if o.parent != nil {
		if options.expected_parent, err = c.text("expected parent", *o.parent); err != nil {
			return nil, err
		}
	}
	if o.producer != "" {
		if options.producer_id, err = c.text("producer's id", o.producer); err != nil {
			return nil, err
		}
	} else if o.sequence != 0 {
		return nil, refused(ErrInvalidArgument, "sequence %d has no producer", o.sequence)
	}
	options.sequence = C.uint64_t(o.sequence)
	if o.position != "" {
		if options.position, err = c.text("position", o.position); err != nil {
			return nil, err
		}
	}
	if o.attempts < 0 || o.attempts > 1<<31-1 {
		return nil, refused(ErrInvalidArgument, "%d attempts: expected 0 to 2147483647", o.attempts)
	}
	options.attempts = C.int32_t(o.attempts)
	if o.verifyParts {
		options.verify_parts = 1
	}
	options.attempt_base_ms = milliseconds(o.attemptBase)
	options.attempt_cap_ms = milliseconds(o.attemptCap)
	return &options, nil
}

// Version gives the version of the library that is running, such as "0.1.0".
func Version() string { return C.GoString(C.lode_version()) }

// HasFeature says whether the library that is running has an optional feature, such as "parquet" or
// "object-store".
func HasFeature(name string) bool {
	raw := C.CString(name)
	defer C.free(unsafe.Pointer(raw))
	return C.lode_has_feature(raw) != 0
}

// panicText says what a panic was, for a message.
func panicText(value any) string { return fmt.Sprintf("panic: %v", value) }
