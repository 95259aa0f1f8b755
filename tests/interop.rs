//! lode and the Go library `github.com/pithecene-io/lode` v0.9.0 on the same bytes: what one writes, the
//! other reads. The Go side is the small program in `tests/interop/`, built once a run. Without Go on the
//! machine each test says on standard error that it was skipped; under `LODE_STRICT=1` that is a failure.

#[path = "interop/blobs.rs"]
mod blobs;
#[path = "interop/catalog.rs"]
mod catalog;
#[path = "interop/datasets.rs"]
mod datasets;
#[path = "interop/go.rs"]
mod go;
#[path = "interop/layouts.rs"]
mod layouts;
#[path = "interop/live.rs"]
mod live;
#[path = "interop/manifests.rs"]
mod manifests;
#[path = "interop/matrix.rs"]
mod matrix;
#[path = "interop/turns.rs"]
mod turns;
