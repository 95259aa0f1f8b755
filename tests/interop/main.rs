//! lode and the Go library `github.com/pithecene-io/lode` v0.9.0 on the same bytes: what one writes, the
//! other reads. The Go side is the small program in `tests/interop/`, built once a run. Without Go on the
//! machine each test says on standard error that it was skipped; under `LODE_STRICT=1` that is a failure.

mod alternation;
mod blobs;
mod catalog;
mod datasets;
mod go;
mod layouts;
mod live;
mod manifests;
mod matrix;
#[cfg(feature = "parquet")]
mod parquet;
mod parts;
mod volumes;
