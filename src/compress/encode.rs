//! Compressing.

use std::fmt;

use flate2::{Compress, Compression, FlushCompress};
use zstd::zstd_safe::zstd_sys::{ZSTD_EndDirective, ZSTD_ErrorCode};
use zstd::zstd_safe::{self, CCtx, CParameter, InBuffer, OutBuffer};

use super::Compressor;
use crate::error::{Error, Result, Status};

/// Compressed bytes handed to the sink at a time.
const CHUNK: usize = 256 * 1024;

/// Base-2 logarithm of gzip's window, the largest that the format has.
pub(super) const GZIP_WINDOW_BITS: u8 = 15;

/// gzip's default level.
const GZIP_DEFAULT_LEVEL: u32 = 6;

/// Compresses one stream of bytes into one gzip member or zstd frame.
pub struct Encoder {
    state: State,
    /// Compressed bytes not handed over yet are its first `filled`; its length is [`CHUNK`].
    out: Vec<u8>,
    filled: usize,
    taken: u64,
    ended: bool,
}

enum State {
    None,
    Gzip(Box<Compress>),
    Zstd(CCtx<'static>),
}

/// Takes compressed bytes.
type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

impl Encoder {
    /// An encoder at `level`; 0 is the compressor's default.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] for a level that the compressor does not have, [`Status::NoMemory`].
    pub fn new(compressor: Compressor, level: i32) -> Result<Self> {
        compressor.check_level(level)?;
        let mut out = Vec::new();
        if compressor != Compressor::None {
            out.try_reserve_exact(CHUNK).map_err(|_| compressor.no_memory("output"))?;
            out.resize(CHUNK, 0);
        }
        let state = match compressor {
            Compressor::None => State::None,
            Compressor::Gzip => {
                let level =
                    u32::try_from(level).ok().filter(|level| *level > 0).unwrap_or(GZIP_DEFAULT_LEVEL);
                State::Gzip(Box::new(Compress::new_gzip(Compression::new(level), GZIP_WINDOW_BITS)))
            }
            Compressor::Zstd => {
                let mut context = CCtx::try_create().ok_or_else(|| compressor.no_memory("state"))?;
                context.set_parameter(CParameter::CompressionLevel(level)).map_err(zstd_failure)?;
                // Nothing into nowhere: zstd takes its memory now, and not with the first bytes.
                let nowhere: &mut [u8] = &mut [];
                context
                    .compress_stream2(
                        &mut OutBuffer::around(nowhere),
                        &mut InBuffer::around(&[]),
                        ZSTD_EndDirective::ZSTD_e_continue,
                    )
                    .map_err(zstd_failure)?;
                State::Zstd(context)
            }
        };
        Ok(Encoder { state, out, filled: 0, taken: 0, ended: false })
    }

    /// Takes all of `input`, and hands compressed bytes to `sink` whenever a chunk of 256 KiB is full.
    /// Without a compressor the sink gets `input` itself.
    ///
    /// When the sink fails, what it was given is kept and given again first by the next call; go on with the
    /// input after the first [`Encoder::taken`] bytes of the stream. (Without a compressor the sink's failure
    /// takes nothing of `input`.)
    ///
    /// # Errors
    /// The sink's; [`Status::NoMemory`]; [`Status::State`] after [`Encoder::finish`].
    pub fn write(&mut self, input: &[u8], sink: Sink<'_>) -> Result<()> {
        if self.ended {
            return Err(Error::new(
                Status::State,
                "the compressed stream is finished; begin another one to write more",
            ));
        }
        if let State::None = self.state {
            if !input.is_empty() {
                sink(input)?;
                self.taken += input.len() as u64;
            }
            return Ok(());
        }
        let mut rest = input;
        while !rest.is_empty() {
            self.hand_over_full(sink)?;
            let taken = self.step(rest)?;
            self.taken += taken as u64;
            rest = &rest[taken..];
        }
        self.hand_over_full(sink)
    }

    /// Ends the stream and hands the rest of it to `sink`; a stream of no bytes becomes an empty member or
    /// frame. Call it again after a failure of the sink; once it succeeded it does nothing.
    ///
    /// # Errors
    /// The sink's; [`Status::NoMemory`].
    pub fn finish(&mut self, sink: Sink<'_>) -> Result<()> {
        while !self.ended {
            self.hand_over_full(sink)?;
            self.ended = self.end_step()?;
        }
        if self.filled > 0 {
            sink(&self.out[..self.filled])?;
            self.filled = 0;
        }
        Ok(())
    }

    /// Bytes of input taken since the stream began.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    fn hand_over_full(&mut self, sink: Sink<'_>) -> Result<()> {
        if self.filled == CHUNK {
            sink(&self.out)?;
            self.filled = 0;
        }
        Ok(())
    }

    /// Compresses some of `input` into the room that is left; how much it took.
    fn step(&mut self, input: &[u8]) -> Result<usize> {
        let room = &mut self.out[self.filled..];
        match &mut self.state {
            State::None => Ok(input.len()),
            State::Gzip(deflate) => {
                let (taken, made) = (deflate.total_in(), deflate.total_out());
                deflate.compress(input, room, FlushCompress::None).map_err(gzip_failure)?;
                self.filled += (deflate.total_out() - made) as usize;
                Ok((deflate.total_in() - taken) as usize)
            }
            State::Zstd(context) => {
                let mut input = InBuffer::around(input);
                let mut output = OutBuffer::around(room);
                context
                    .compress_stream2(&mut output, &mut input, ZSTD_EndDirective::ZSTD_e_continue)
                    .map_err(zstd_failure)?;
                self.filled += output.pos();
                Ok(input.pos)
            }
        }
    }

    /// Puts some of the stream's end into the room that is left; whether that was all of it.
    fn end_step(&mut self) -> Result<bool> {
        let room = &mut self.out[self.filled..];
        match &mut self.state {
            State::None => Ok(true),
            State::Gzip(deflate) => {
                let made = deflate.total_out();
                let status = deflate.compress(&[], room, FlushCompress::Finish).map_err(gzip_failure)?;
                self.filled += (deflate.total_out() - made) as usize;
                Ok(status == flate2::Status::StreamEnd)
            }
            State::Zstd(context) => {
                let mut output = OutBuffer::around(room);
                let left = context
                    .compress_stream2(&mut output, &mut InBuffer::around(&[]), ZSTD_EndDirective::ZSTD_e_end)
                    .map_err(zstd_failure)?;
                self.filled += output.pos();
                Ok(left == 0)
            }
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.state {
            State::None => "noop",
            State::Gzip(_) => "gzip",
            State::Zstd(_) => "zstd",
        };
        write!(f, "Encoder({name}, {} bytes taken)", self.taken)
    }
}

fn gzip_failure(error: flate2::CompressError) -> Error {
    Error::new(Status::Internal, format_args!("gzip cannot compress: {error}"))
}

fn zstd_failure(code: zstd_safe::ErrorCode) -> Error {
    if zstd_safe::is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_memory_allocation) {
        return Compressor::Zstd.no_memory("compressing");
    }
    Error::new(Status::Internal, format_args!("zstd cannot compress: {}", zstd_safe::get_error_name(code)))
}
