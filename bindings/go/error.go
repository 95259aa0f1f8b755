package lode

// #include <lode.h>
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Status is the outcome of a call. Those of a failure are errors.
type Status int32

// Error gives the status's name, such as "LODE_ERR_CONFLICT".
func (s Status) Error() string { return C.GoString(C.lode_status_name(C.lode_status(s))) }

// String gives the status's name.
func (s Status) String() string { return s.Error() }

// Action is what to do about a failure.
type Action int32

// The actions.
const (
	// ActionNone: there is no error.
	ActionNone = Action(C.LODE_ACTION_NONE)
	// ActionRetry: certainly not committed; the same call may work later.
	ActionRetry = Action(C.LODE_ACTION_RETRY)
	// ActionResolve: perhaps committed. Resolve it by Dataset.ResolveCommit, or repeat the writer's commit.
	ActionResolve = Action(C.LODE_ACTION_RESOLVE)
	// ActionRebase: read the head and decide again.
	ActionRebase = Action(C.LODE_ACTION_REBASE)
	// ActionGiveUp: the same call will fail again.
	ActionGiveUp = Action(C.LODE_ACTION_GIVE_UP)
)

// String gives the action's name, such as "LODE_ACTION_RETRY".
func (a Action) String() string { return C.GoString(C.lode_action_name(C.int32_t(a))) }

// Error is what went wrong in one call, with its facts.
type Error struct {
	// Status is the failure's status.
	Status Status
	// Action is what to do about it. A program that retries decides by this.
	Action Action
	// Message says what happened, to what, why, and what to do: one line of English, whose wording may
	// change.
	Message string
	// Path is the path or store key that it is about, or "".
	Path string
	// SnapshotID is the snapshot whose commit is in doubt (ErrCommitUnknown), or the head (ErrConflict), or
	// "".
	SnapshotID string
	// Record is the number of the record that it is about, counted from 0 in its stream, or -1.
	Record int64
	// Offset is where in the record or file the fault lies, in bytes from its beginning, or -1.
	Offset int64
	// Errno is the operating system's error number, or 0.
	Errno syscall.Errno
	// CallbackCode is the number by which a callback failed, or 0.
	CallbackCode int32

	cause error
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the status, the system's error number if there is one, and what the caller's own code or the
// context gave as the reason, for errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	all := []error{e.Status}
	if e.Errno != 0 {
		all = append(all, e.Errno)
	}
	if e.cause != nil {
		all = append(all, e.cause)
	}
	return all
}

// refused makes an error of this package's own.
func refused(status Status, format string, arguments ...any) *Error {
	return &Error{Status: status, Action: ActionGiveUp, Message: fmt.Sprintf(format, arguments...), Record: -1, Offset: -1}
}

// check gives the error of a call, which it frees, or nil.
func check(status C.lode_status, raw *C.lode_error) error {
	if status >= 0 {
		return nil
	}
	return taken(status, raw)
}

func taken(status C.lode_status, raw *C.lode_error) *Error {
	defer C.lode_error_free(raw)
	return &Error{
		Status:       Status(status),
		Action:       Action(C.lode_error_action(raw)),
		Message:      C.GoString(C.lode_error_message(raw)),
		Path:         C.GoString(C.lode_error_path(raw)),
		SnapshotID:   C.GoString(C.lode_error_snapshot_id(raw)),
		Record:       int64(C.lode_error_record(raw)),
		Offset:       int64(C.lode_error_offset(raw)),
		Errno:        syscall.Errno(C.lode_error_errno(raw)),
		CallbackCode: int32(C.lode_error_callback_code(raw)),
	}
}

// because adds a reason to the error of a call, if it failed with one of these statuses.
func because(err, cause error, statuses ...Status) error {
	var e *Error
	if cause == nil || !errors.As(err, &e) {
		return err
	}
	for _, status := range statuses {
		if e.Status == status {
			e.cause = cause
		}
	}
	return err
}

// statusOf gives the status by which a callback fails with an error; other if the error has none.
func statusOf(err error, other Status) Status {
	var status Status
	switch {
	case errors.As(err, &status) && status < 0:
		return status
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case errors.Is(err, fs.ErrExist):
		return ErrPathExists
	case other != ErrCommitUnknown && errors.Is(err, context.Canceled):
		return ErrCancelled
	case other != ErrCommitUnknown && errors.Is(err, context.DeadlineExceeded):
		return ErrDeadline
	}
	return other
}
