//go:build !static

package lode

// #cgo pkg-config: lode
import "C"
