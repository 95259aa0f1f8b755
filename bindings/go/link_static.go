//go:build static

package lode

// The archive comes first and defines everything, so that the shared library, which pkg-config names, is not
// needed.

// #cgo LDFLAGS: -l:liblode.a -Wl,--as-needed
// #cgo pkg-config: --static lode
import "C"
