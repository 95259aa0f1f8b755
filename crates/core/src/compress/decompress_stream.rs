//! Decompressing.

use std::fmt;

use flate2::{Decompress, FlushDecompress};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer};

use super::Compressor;
use super::compress_stream::GZIP_WINDOW_BITS;
use crate::error::{Error, Result, Status};

/// The fewest bytes by which zstd knows how long a frame's header is.
const FRAME_HEADER_LEAST: usize = 5;

/// What one call of [`DecompressStream::decompress`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decompressed {
    /// Bytes of the input that were taken.
    pub consumed: usize,
    /// Bytes of the output that were filled.
    pub produced: usize,
}

/// Decompresses a data file: all its gzip members or zstd frames, one after another.
///
/// A zstd frame may ask for a window of up to 128 MiB; gzip's is 32 KiB. After gzip's last member zero bytes
/// may follow, as the program `gzip` allows them.
pub struct DecompressStream {
    state: State,
    place: Place,
    /// How many bytes of the file have been taken.
    taken: u64,
    /// How many members or frames have ended.
    complete: u64,
    /// Why nothing more can be decompressed: found in a call that gave the bytes before it.
    failure: Option<Error>,
}

enum State {
    None,
    Gzip(Box<Decompress>),
    Zstd(Box<Frames>),
}

/// zstd frames, one after another.
struct Frames {
    context: DCtx<'static>,
    /// How many bytes the context asks for next.
    wanted: usize,
    /// The context may hold bytes for which there was no room.
    may_hold_output: bool,
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
    /// In the zero bytes after the last gzip member.
    Padding,
}

/// What a step did, also where it failed.
struct Step {
    done: Decompressed,
    failure: Option<Error>,
}

impl DecompressStream {
    /// For one file.
    ///
    /// # Errors
    /// [`Status::NoMemory`].
    pub fn new(compressor: Compressor) -> Result<Self> {
        let state = match compressor {
            Compressor::None => State::None,
            Compressor::Gzip => {
                let inflate = super::unless_out_of_memory(|| Decompress::new_gzip(GZIP_WINDOW_BITS));
                State::Gzip(Box::new(inflate.ok_or_else(|| compressor.no_memory("reading"))?))
            }
            Compressor::Zstd => {
                let context = DCtx::try_create().ok_or_else(|| compressor.no_memory("reading"))?;
                State::Zstd(Box::new(Frames { context, wanted: FRAME_HEADER_LEAST, may_hold_output: false }))
            }
        };
        Ok(DecompressStream { state, place: Place::Start, taken: 0, complete: 0, failure: None })
    }

    /// Decompresses from `input` into `output`, which must not be empty. Call it with the rest of the input
    /// until all of it was consumed and `output` was not filled to its end; only then it wants more input.
    ///
    /// # Errors
    /// [`Status::Corrupt`] for bytes that are no member or frame, before or after the first, or that
    /// contradict their checksum; [`Status::Unsupported`] for a window too large; [`Status::NoMemory`]. All
    /// that could be decompressed before the failure is given first, and a failure stays.
    pub fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decompressed> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut done = Decompressed::default();
        if let State::None = self.state {
            let length = input.len().min(output.len());
            output[..length].copy_from_slice(&input[..length]);
            return Ok(Decompressed { consumed: length, produced: length });
        }
        loop {
            let rest = &input[done.consumed..];
            if self.place != Place::Inside && rest.is_empty() {
                return Ok(done);
            }
            let Step { done: step, failure } = self.step(rest, &mut output[done.produced..]);
            done.consumed += step.consumed;
            done.produced += step.produced;
            self.taken += step.consumed as u64;
            if let Some(failure) = failure {
                self.failure = Some(failure.clone());
                return if done.produced > 0 { Ok(done) } else { Err(failure) };
            }
            let stuck = step == Decompressed::default() && self.place == Place::Inside;
            if stuck || done.produced == output.len() || done.consumed == input.len() {
                return Ok(done);
            }
        }
    }

    /// Whether the file may end here, its last byte having been consumed.
    ///
    /// # Errors
    /// [`Status::Corrupt`] inside a member or frame, and for an empty gzip file. (An empty zstd file is
    /// what the Go library writes for no bytes.)
    pub fn finish(&self) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let message = match (&self.state, self.place) {
            (State::Gzip(_), Place::Start) => "it is empty, not even a gzip header".to_owned(),
            (State::Gzip(_), Place::Inside) => {
                format!("it ends inside a gzip member, {}; the rest is missing", self.whereabouts(self.taken))
            }
            (State::Zstd(_), Place::Inside) => {
                format!("it ends inside a zstd frame, {}; the rest is missing", self.whereabouts(self.taken))
            }
            _ => return Ok(()),
        };
        Err(Error::new(Status::Corrupt, message))
    }

    /// Goes on in the member or frame, or begins the next one.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let after_first = self.place == Place::Between;
        match &mut self.state {
            State::None => Step { done: Decompressed::default(), failure: None },
            State::Gzip(_) if self.place == Place::Padding || (after_first && input[0] == 0) => {
                self.skip_padding(input)
            }
            State::Gzip(inflate) => {
                if after_first {
                    match super::unless_out_of_memory(|| Decompress::new_gzip(GZIP_WINDOW_BITS)) {
                        Some(next) => **inflate = next,
                        None => {
                            let failure = Some(Compressor::Gzip.no_memory("reading"));
                            return Step { done: Decompressed::default(), failure };
                        }
                    }
                }
                self.place = Place::Inside;
                let (consumed, produced) = (inflate.total_in(), inflate.total_out());
                let status = inflate.decompress(input, output, FlushDecompress::None);
                // Also of a step that failed.
                let done = Decompressed {
                    consumed: (inflate.total_in() - consumed) as usize,
                    produced: (inflate.total_out() - produced) as usize,
                };
                let failure = match status {
                    Ok(status) => {
                        if status == flate2::Status::StreamEnd {
                            self.place = Place::Between;
                            self.complete += 1;
                        }
                        None
                    }
                    Err(error) => {
                        Some(self.corrupt(done.consumed, format_args!("no valid gzip data: {error}")))
                    }
                };
                Step { done, failure }
            }
            State::Zstd(frames) => {
                let (done, result) = frames.step(input, output);
                let failure = match result {
                    Ok(true) => {
                        self.place = Place::Between;
                        self.complete += 1;
                        None
                    }
                    Ok(false) => {
                        self.place = Place::Inside;
                        None
                    }
                    Err(code) => Some(self.zstd_failure(done.consumed, code)),
                };
                Step { done, failure }
            }
        }
    }

    /// Takes zero bytes after the last gzip member. Nothing but zero bytes may follow them.
    fn skip_padding(&mut self, input: &[u8]) -> Step {
        self.place = Place::Padding;
        let zeros = input.iter().position(|byte| *byte != 0);
        let consumed = zeros.unwrap_or(input.len());
        let failure = zeros.map(|_| {
            self.corrupt(
                consumed,
                format_args!("no valid gzip data: something follows the zero bytes after its end"),
            )
        });
        Step { done: Decompressed { consumed, produced: 0 }, failure }
    }

    /// For bytes that cannot be right, found `ahead` bytes after those taken.
    #[cold]
    fn corrupt(&self, ahead: usize, what: fmt::Arguments<'_>) -> Error {
        let whereabouts = self.whereabouts(self.taken + ahead as u64);
        Error::new(Status::Corrupt, format_args!("{what}, {whereabouts}"))
    }

    /// Where in the file something is wrong.
    fn whereabouts(&self, byte: u64) -> String {
        let (one, many) = match self.state {
            State::Zstd(_) => ("frame", "frames"),
            State::Gzip(_) | State::None => ("member", "members"),
        };
        match self.complete {
            0 => format!("at byte {byte}, in the first {one}"),
            1 => format!("at byte {byte}, after 1 whole {one}"),
            complete => format!("at byte {byte}, after {complete} whole {many}"),
        }
    }

    #[cold]
    fn zstd_failure(&self, ahead: usize, code: zstd_safe::ErrorCode) -> Error {
        if zstd_safe::is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_memory_allocation) {
            return Compressor::Zstd.no_memory("reading");
        }
        let name = zstd_safe::get_error_name(code);
        if zstd_safe::is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
            let message =
                format!("a zstd frame asks for a window over 128 MiB, which is not supported ({name})");
            return Error::new(Status::Unsupported, message);
        }
        self.corrupt(ahead, format_args!("no valid zstd data: {name}"))
    }
}

impl Frames {
    /// Goes on in the frame, or begins the next one. Gives what was done, and whether the frame has ended.
    ///
    /// A call of zstd that fails does not tell what it has put out before. So each block is a call of its
    /// own, and so is the checksum after the last one: a call gets no more input than it asks for, and none
    /// while there is output of the call before.
    fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> (Decompressed, std::result::Result<bool, zstd_safe::ErrorCode>) {
        if self.may_hold_output {
            let (done, result) = self.call(&[], output);
            if done.produced > 0 || result.is_err() {
                return (done, result);
            }
        }
        let most = input.len().min(self.wanted);
        self.call(&input[..most], output)
    }

    fn call(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> (Decompressed, std::result::Result<bool, zstd_safe::ErrorCode>) {
        let room = output.len();
        let (mut input, mut output) = (InBuffer::around(input), OutBuffer::around(output));
        let result = self.context.decompress_stream(&mut output, &mut input);
        let done = Decompressed { consumed: input.pos, produced: output.pos() };
        self.may_hold_output = done.produced == room;
        if let Ok(wanted) = result {
            self.wanted = if wanted == 0 { FRAME_HEADER_LEAST } else { wanted };
        }
        (done, result.map(|wanted| wanted == 0))
    }
}

impl fmt::Debug for DecompressStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::None => "DecompressStream(noop)",
            State::Gzip(_) => "DecompressStream(gzip)",
            State::Zstd(_) => "DecompressStream(zstd)",
        })
    }
}
