//! Compressing.

use std::fmt;

use flate2::{Compress, Compression, FlushCompress};
use zstd::zstd_safe::zstd_sys::{ZSTD_EndDirective, ZSTD_ErrorCode};
use zstd::zstd_safe::{self, CCtx, CParameter, InBuffer, OutBuffer};

use super::Compressor;
use crate::error::{Error, Result, Status};

/// Bytes that a stream is best given at a time, and room that is made for its output.
const CHUNK: usize = 256 * 1024;

/// Bytes that become one frame of zstd's fast levels. A frame that is compressed as a whole, out of the
/// caller's own buffer, takes a tenth less time than a part of a stream; that no frame knows the one before
/// it makes the file half a percent larger.
const FRAME: usize = 4 << 20;

/// The highest level whose frames are compressed as a whole. The higher ones aim at the smallest file, and
/// take so long that a frame would keep the caller waiting.
const FRAMED_LEVEL: i32 = 4;

/// Base-2 logarithm of gzip's window, the largest that the format has.
pub(super) const GZIP_WINDOW_BITS: u8 = 15;

/// gzip's default level.
const GZIP_DEFAULT_LEVEL: u32 = 6;

/// Compresses a stream of bytes into a gzip member or zstd frames.
pub struct CompressStream {
    state: State,
    ended: bool,
}

enum State {
    Gzip(Box<Compress>),
    Zstd(CCtx<'static>),
    /// Each piece becomes a frame; whether there is one yet.
    Frames(CCtx<'static>, bool),
}

impl CompressStream {
    /// An encoder at `level`, 0 being the compressor's default; `None` if there is nothing to be done.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] for a level that the compressor does not have, [`Status::NoMemory`].
    pub fn new(compressor: Compressor, level: i32) -> Result<Option<Self>> {
        compressor.check_level(level)?;
        let state = match compressor {
            Compressor::None => return Ok(None),
            Compressor::Gzip => {
                let level =
                    u32::try_from(level).ok().filter(|level| *level > 0).unwrap_or(GZIP_DEFAULT_LEVEL);
                let deflate = || Compress::new_gzip(Compression::new(level), GZIP_WINDOW_BITS);
                let deflate = super::unless_out_of_memory(deflate);
                State::Gzip(Box::new(deflate.ok_or_else(|| compressor.no_memory("state"))?))
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
                if level <= FRAMED_LEVEL {
                    context.reset(zstd_safe::ResetDirective::SessionOnly).map_err(zstd_failure)?;
                    State::Frames(context, false)
                } else {
                    State::Zstd(context)
                }
            }
        };
        Ok(Some(CompressStream { state, ended: false }))
    }

    /// How many bytes it is best given at a time.
    #[must_use]
    pub fn piece(&self) -> usize {
        match self.state {
            State::Gzip(_) | State::Zstd(_) => CHUNK,
            State::Frames(..) => FRAME,
        }
    }

    /// The greatest length that this number of bytes can be compressed to.
    #[must_use]
    pub fn most(&self, bytes: usize) -> usize {
        match self.state {
            // zlib-rs makes a twentieth more of noise at its fastest level.
            State::Gzip(_) | State::Zstd(_) => bytes + bytes / 8 + 64,
            State::Frames(..) => zstd_safe::compress_bound(bytes),
        }
    }

    /// Compresses `input`, and adds to `out` what comes of it by now. At zstd's levels up to 4 each call
    /// makes frames of its own: give it [`CompressStream::piece`] bytes or some more at a time.
    ///
    /// # Errors
    /// [`Status::NoMemory`], after which the encoder is of no use; [`Status::State`] after
    /// [`CompressStream::finish`].
    pub fn write(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if self.ended {
            return Err(Error::new(
                Status::State,
                "the compressed stream is finished; begin another one to write more",
            ));
        }
        let mut rest = input;
        while !rest.is_empty() {
            let taken = match &mut self.state {
                State::Gzip(deflate) => deflate_step(deflate, rest, out, FlushCompress::None)?.0,
                State::Zstd(context) => zstd_step(context, rest, out, ZSTD_EndDirective::ZSTD_e_continue)?.0,
                State::Frames(context, begun) => {
                    // What is a little more than a frame becomes one all the same.
                    let whole = if rest.len() > FRAME + CHUNK { FRAME } else { rest.len() };
                    *begun = true;
                    frame(context, &rest[..whole], out)?;
                    whole
                }
            };
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// Compresses `input` into a member, or frames, that stand alone. The stream is then as good as new if
    /// [`CompressStream::is_reusable`], else over.
    ///
    /// # Errors
    /// [`Status::NoMemory`], after which the encoder is of no use.
    pub(crate) fn compress_whole(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match &mut self.state {
            State::Gzip(_) => {
                self.write(input, out)?;
                self.finish(out)
            }
            State::Zstd(context) | State::Frames(context, _) => frame(context, input, out),
        }
    }

    /// Whether [`CompressStream::compress_whole`] may be called again.
    pub(crate) fn is_reusable(&self) -> bool {
        !self.ended
    }

    /// Ends the stream and adds the rest of it to `out`; a stream of no bytes becomes an empty member or
    /// frame. Once it succeeded it does nothing.
    ///
    /// # Errors
    /// [`Status::NoMemory`], after which the encoder is of no use.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        while !self.ended {
            self.ended = match &mut self.state {
                State::Gzip(deflate) => deflate_step(deflate, &[], out, FlushCompress::Finish)?.1,
                State::Zstd(context) => zstd_step(context, &[], out, ZSTD_EndDirective::ZSTD_e_end)?.1,
                State::Frames(context, false) => frame(context, &[], out).map(|()| true)?,
                State::Frames(_, true) => true,
            };
        }
        Ok(())
    }
}

/// Makes room for some output.
fn make_room(compressor: Compressor, out: &mut Vec<u8>, least: usize) -> Result<()> {
    if out.capacity() - out.len() < least {
        out.try_reserve(least.max(CHUNK)).map_err(|_| compressor.no_memory("output"))?;
    }
    Ok(())
}

/// Compresses some of `input`: how much, and whether that was the end.
fn deflate_step(
    deflate: &mut Compress,
    input: &[u8],
    out: &mut Vec<u8>,
    flush: FlushCompress,
) -> Result<(usize, bool)> {
    make_room(Compressor::Gzip, out, 1024)?;
    let taken = deflate.total_in();
    let status = deflate.compress_vec(input, out, flush).map_err(gzip_failure)?;
    Ok(((deflate.total_in() - taken) as usize, status == flate2::Status::StreamEnd))
}

/// Compresses some of `input`: how much, and whether that was the end.
fn zstd_step(
    context: &mut CCtx<'static>,
    input: &[u8],
    out: &mut Vec<u8>,
    directive: ZSTD_EndDirective,
) -> Result<(usize, bool)> {
    make_room(Compressor::Zstd, out, 1024)?;
    let (mut input, filled) = (InBuffer::around(input), out.len());
    let left = context
        .compress_stream2(&mut OutBuffer::around_pos(out, filled), &mut input, directive)
        .map_err(zstd_failure)?;
    Ok((input.pos, left == 0))
}

/// Compresses `input` into a frame. With room for all that can come of it, zstd goes through it at once.
fn frame(context: &mut CCtx<'static>, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
    make_room(Compressor::Zstd, out, zstd_safe::compress_bound(input.len()))?;
    let mut rest = input;
    loop {
        let (taken, done) = zstd_step(context, rest, out, ZSTD_EndDirective::ZSTD_e_end)?;
        rest = &rest[taken..];
        if done {
            return Ok(());
        }
    }
}

impl fmt::Debug for CompressStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Gzip(_) => "CompressStream(gzip)",
            State::Zstd(_) | State::Frames(..) => "CompressStream(zstd)",
        })
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
