//! Compressors of data files (`docs/format.md`, section "Compression"): as streams, from bytes to bytes.
//!
//! A [`CompressStream`] takes bytes as they come and adds what is to be stored to a buffer of the caller's. A
//! [`DecompressStream`] fills the caller's buffer from stored bytes. Both keep their state on the heap, so
//! that they run on a small stack, and start no thread.

mod compress_stream;
mod decompress_stream;
#[cfg(test)]
mod tests;

pub use compress_stream::CompressStream;
pub use decompress_stream::{DecompressStream, Decompressed};

use crate::error::{Error, Result, Status};

/// What `make` gives; `None` if there was no memory for it. zlib's constructors panic then, and for no other
/// reason: what they are given is constant or was checked.
fn unless_out_of_memory<T>(make: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(make)).ok()
}

/// Which compressor a data file goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compressor {
    /// None: `noop` in the manifest.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compressor {
    /// The manifest's `compressor`.
    #[must_use]
    pub const fn manifest_name(self) -> &'static str {
        match self {
            Compressor::None => "noop",
            Compressor::Gzip => "gzip",
            Compressor::Zstd => "zstd",
        }
    }

    /// The compressor that a manifest's `compressor` names; `None` if this version does not know it.
    #[must_use]
    pub fn from_manifest_name(name: &str) -> Option<Self> {
        [Compressor::None, Compressor::Gzip, Compressor::Zstd]
            .into_iter()
            .find(|known| known.manifest_name() == name)
    }

    /// What the names of its data files end in.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Compressor::None => "",
            Compressor::Gzip => ".gz",
            Compressor::Zstd => ".zst",
        }
    }

    /// Whether the compressor has this level; 0 stands for its default (gzip 6, zstd 3).
    ///
    /// # Errors
    /// [`Status::InvalidArgument`], naming the range.
    pub fn check_level(self, level: i32) -> Result<()> {
        let (least, greatest) = match self {
            Compressor::None => (0, 0),
            Compressor::Gzip => (1, 9),
            Compressor::Zstd => (zstd::zstd_safe::min_c_level(), zstd::zstd_safe::max_c_level()),
        };
        if level == 0 || (least..=greatest).contains(&level) {
            return Ok(());
        }
        let message = match self {
            Compressor::None => format!("compression level {level} without a compressor; leave it 0"),
            Compressor::Gzip | Compressor::Zstd => format!(
                "compression level {level} is not one of {}: {least} to {greatest}, or 0 for the default",
                self.manifest_name()
            ),
        };
        Err(Error::new(Status::InvalidArgument, message))
    }

    fn no_memory(self, what: &str) -> Error {
        let name = self.manifest_name();
        Error::new(
            Status::NoMemory,
            format_args!("no memory for the {what} of {name}; free some and try again"),
        )
    }
}
