//! Input: a buffer of whole lines and the beginning of one more, filled from a file or a pipe. A pipe that is
//! set to not block is waited for, and a signal or a time-out ends the waiting.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::failure::{Failure, Result};
use crate::signals::Interrupts;

/// How much is read at once, and how long a buffer is at first.
const CHUNK: usize = 1 << 20;

/// How the filling of a buffer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// There are more bytes than before.
    More,
    /// The input has ended (a file that grows may go on later).
    End,
    /// The time was up, or a signal came, before there was anything.
    Nothing,
}

/// What bytes come from.
enum Source {
    File(File),
    Standard,
}

impl Source {
    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Source::File(file) => file.as_fd(),
            Source::Standard => rustix::stdio::stdin(),
        }
    }
}

/// A source of lines.
pub struct Input {
    name: String,
    source: Source,
    buffer: Vec<u8>,
    /// The bytes before it are done with.
    start: usize,
    /// Where `start` stands in the input, in bytes from its beginning.
    offset: u64,
    /// Line ends before `start`, counted from where reading began.
    lines: u64,
    /// The longest line that is held.
    longest: usize,
}

impl Input {
    /// Standard input.
    pub fn standard(longest: usize) -> Self {
        Self::over("standard input".to_owned(), Source::Standard, longest)
    }

    /// A file, from its beginning.
    pub fn open(path: &Path, longest: usize) -> Result<Self> {
        let file =
            File::open(path).map_err(|error| Failure::system(format!("open {}", path.display()), &error))?;
        Ok(Self::over(path.display().to_string(), Source::File(file), longest))
    }

    fn over(name: String, source: Source, longest: usize) -> Self {
        Input { name, source, buffer: Vec::new(), start: 0, offset: 0, lines: 0, longest }
    }

    /// For messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that is read, if it is one.
    pub fn file(&self) -> Option<&File> {
        match &self.source {
            Source::File(file) => Some(file),
            Source::Standard => None,
        }
    }

    /// Where the first byte of [`Input::data`] stands, in bytes from the input's beginning.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of the line that [`Input::data`] begins with, counted from 1 where reading began.
    pub fn line(&self) -> u64 {
        self.lines + 1
    }

    /// The bytes that are not done with.
    pub fn data(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Whether the buffer holds the longest line there may be, without its end.
    pub fn is_full(&self) -> bool {
        self.data().len() >= self.longest
    }

    /// `count` bytes more are done with.
    pub fn consume(&mut self, count: usize) {
        let done = &self.buffer[self.start..self.start + count];
        self.lines += done.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.start += count;
        self.offset += count as u64;
    }

    /// Goes to this place of the input before anything was read: a file seeks, a pipe reads and throws away.
    pub fn skip_to(&mut self, offset: u64, interrupts: &Interrupts) -> Result<()> {
        if let Source::File(file) = &self.source
            && file.metadata().is_ok_and(|metadata| metadata.is_file())
        {
            let len = file.metadata().map_err(|error| self.cannot_read(&error))?.len();
            if len < offset {
                return Err(self.too_short(offset, len));
            }
            rustix::fs::seek(file, rustix::fs::SeekFrom::Start(offset))
                .map_err(|errno| self.cannot_read(&errno.into()))?;
            self.offset = offset;
            return Ok(());
        }
        while self.offset < offset {
            match self.fill(interrupts, None)? {
                Filled::More => {
                    let rest = usize::try_from(offset - self.offset).unwrap_or(usize::MAX);
                    self.consume(rest.min(self.data().len()));
                }
                Filled::End => return Err(self.too_short(offset, self.offset)),
                Filled::Nothing => interrupts.check()?,
            }
        }
        self.lines = 0;
        Ok(())
    }

    fn too_short(&self, offset: u64, len: u64) -> Failure {
        Failure::other(format_args!(
            "{} has {len} bytes, but {offset} of it are committed already: it is not the input of the last run",
            self.name
        ))
    }

    /// Reads once more, waiting at most this long for something to come.
    pub fn fill(&mut self, interrupts: &Interrupts, timeout: Option<Duration>) -> Result<Filled> {
        let end = timeout.map(|timeout| Instant::now() + timeout);
        self.buffer.drain(..self.start);
        self.start = 0;
        loop {
            if interrupts.signal().is_some() {
                return Ok(Filled::Nothing);
            }
            if !self.wait(interrupts, end)? {
                return Ok(Filled::Nothing);
            }
            let held = self.buffer.len();
            self.buffer.reserve(CHUNK);
            self.buffer.resize(held + CHUNK, 0);
            let result = rustix::io::read(self.source.descriptor(), &mut self.buffer[held..]);
            self.buffer.truncate(held + *result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => return Ok(Filled::End),
                Ok(_) => return Ok(Filled::More),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => return Err(self.cannot_read(&errno.into())),
            }
        }
    }

    fn cannot_read(&self, error: &io::Error) -> Failure {
        Failure::system(format_args!("read {}", self.name), error)
    }

    /// Waits until there is something to read; `false`: the time is up or a signal has come.
    fn wait(&self, interrupts: &Interrupts, end: Option<Instant>) -> Result<bool> {
        let input = self.source.descriptor();
        let wake = interrupts.wake();
        wait_for(Some(&input), &wake, end).map_err(|error| self.cannot_read(&error))
    }
}

/// Waits until `input` can be read; `false`: the time is up, or `wake` can be read.
pub fn wait_for(
    input: Option<&BorrowedFd<'_>>,
    wake: &BorrowedFd<'_>,
    end: Option<Instant>,
) -> io::Result<bool> {
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        let mut descriptors = vec![PollFd::new(wake, PollFlags::IN)];
        descriptors.extend(input.map(|input| PollFd::new(input, PollFlags::IN)));
        match poll(&mut descriptors, left.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) if !descriptors[0].revents().is_empty() => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
