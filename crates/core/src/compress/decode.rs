//! Decompressing.

use std::fmt;

use flate2::{Decompress, FlushDecompress};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer};

use super::Compressor;
use super::encode::GZIP_WINDOW_BITS;
use crate::error::{Error, Result, Status};

/// What one call of [`Decoder::decode`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that were taken.
    pub consumed: usize,
    /// Bytes of the output that were filled.
    pub produced: usize,
}

/// Decompresses a data file: all its gzip members or zstd frames, one after another.
///
/// A zstd frame may ask for a window of up to 128 MiB; gzip's is 32 KiB.
pub struct Decoder {
    state: State,
    place: Place,
}

enum State {
    None,
    Gzip(Box<Decompress>),
    Zstd(DCtx<'static>),
}

/// Where the input given so far ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before everything.
    Start,
    /// Inside a member or frame.
    Inside,
    /// After a member or frame.
    Between,
}

impl Decoder {
    /// A decoder for one file.
    ///
    /// # Errors
    /// [`Status::NoMemory`].
    pub fn new(compressor: Compressor) -> Result<Self> {
        let state = match compressor {
            Compressor::None => State::None,
            Compressor::Gzip => State::Gzip(Box::new(Decompress::new_gzip(GZIP_WINDOW_BITS))),
            Compressor::Zstd => {
                State::Zstd(DCtx::try_create().ok_or_else(|| compressor.no_memory("reading"))?)
            }
        };
        Ok(Decoder { state, place: Place::Start })
    }

    /// Decompresses from `input` into `output`, which must not be empty. Call it with the rest of the input
    /// until all of it was consumed and `output` was not filled to its end; only then it wants more input.
    ///
    /// # Errors
    /// [`Status::Corrupt`] for bytes that are no member or frame, before or after the first;
    /// [`Status::Unsupported`] for a window too large; [`Status::NoMemory`]. The decoder is of no use
    /// afterwards.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded> {
        let mut done = Decoded::default();
        if let State::None = self.state {
            let length = input.len().min(output.len());
            output[..length].copy_from_slice(&input[..length]);
            return Ok(Decoded { consumed: length, produced: length });
        }
        loop {
            let rest = &input[done.consumed..];
            if self.place != Place::Inside && rest.is_empty() {
                return Ok(done);
            }
            let step = self.step(rest, &mut output[done.produced..])?;
            done.consumed += step.consumed;
            done.produced += step.produced;
            let stuck = step == Decoded::default() && self.place == Place::Inside;
            if stuck || done.produced == output.len() {
                return Ok(done);
            }
            if done.consumed == input.len() {
                return Ok(done);
            }
        }
    }

    /// Whether the file may end here, its last byte having been consumed.
    ///
    /// # Errors
    /// [`Status::Corrupt`] inside a member or frame, and for an empty gzip file. (An empty zstd file is
    /// what the reference writes for no bytes.)
    pub fn finish(&self) -> Result<()> {
        let message = match (&self.state, self.place) {
            (State::Gzip(_), Place::Start) => "it is empty, not even a gzip header",
            (State::Gzip(_), Place::Inside) => "it ends inside a gzip member; the rest is missing",
            (State::Zstd(_), Place::Inside) => "it ends inside a zstd frame; the rest is missing",
            _ => return Ok(()),
        };
        Err(Error::new(Status::Corrupt, message))
    }

    /// Goes on in the member or frame, or begins the next one.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded> {
        match &mut self.state {
            State::None => Ok(Decoded::default()),
            State::Gzip(inflate) => {
                if self.place == Place::Between {
                    **inflate = Decompress::new_gzip(GZIP_WINDOW_BITS);
                }
                self.place = Place::Inside;
                let (consumed, produced) = (inflate.total_in(), inflate.total_out());
                let status = inflate.decompress(input, output, FlushDecompress::None).map_err(|error| {
                    Error::new(Status::Corrupt, format_args!("no valid gzip data: {error}"))
                })?;
                if status == flate2::Status::StreamEnd {
                    self.place = Place::Between;
                }
                Ok(Decoded {
                    consumed: (inflate.total_in() - consumed) as usize,
                    produced: (inflate.total_out() - produced) as usize,
                })
            }
            State::Zstd(context) => {
                let mut input = InBuffer::around(input);
                let mut output = OutBuffer::around(output);
                let wanted = context.decompress_stream(&mut output, &mut input).map_err(zstd_failure)?;
                self.place = if wanted == 0 { Place::Between } else { Place::Inside };
                Ok(Decoded { consumed: input.pos, produced: output.pos() })
            }
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::None => "Decoder(noop)",
            State::Gzip(_) => "Decoder(gzip)",
            State::Zstd(_) => "Decoder(zstd)",
        })
    }
}

fn zstd_failure(code: zstd_safe::ErrorCode) -> Error {
    if zstd_safe::is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_memory_allocation) {
        return Compressor::Zstd.no_memory("reading");
    }
    let name = zstd_safe::get_error_name(code);
    if zstd_safe::is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        let message = format!("a zstd frame asks for a window over 128 MiB, which is not supported ({name})");
        return Error::new(Status::Unsupported, message);
    }
    Error::new(Status::Corrupt, format_args!("no valid zstd data: {name}"))
}
