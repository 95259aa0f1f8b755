//! A compressed data file, as the Go library can write one: it is read from front to back once, into a file
//! without a name, which then gives its parts.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use crate::codec::{Input, SharedInput};
use crate::error::{Error, Result, Status};

/// Where such files are: no name of theirs is ever seen there.
const DIRECTORY: &str = "/var/tmp";

/// How many bytes are copied at once.
const CHUNK: usize = 256 << 10;

struct Spool {
    file: File,
    size: u64,
}

/// A copy of what `input` gives, checked to its end.
///
/// # Errors
/// Those of `input`; `Io` and `NoSpace` of the copy.
pub(super) fn copy_of(input: &SharedInput) -> Result<SharedInput> {
    let mut file = tempfile::tempfile_in(DIRECTORY).map_err(|error| failed("made", &error))?;
    let mut size = 0;
    let mut room = vec![0; CHUNK];
    loop {
        let read = input.read(&mut room)?;
        if read == 0 {
            return Ok(SharedInput::of(Arc::new(Mutex::new(Spool { file, size }))));
        }
        file.write_all(&room[..read]).map_err(|error| failed("written", &error))?;
        size += read as u64;
    }
}

impl Input for Spool {
    fn read(&mut self, _room: &mut [u8]) -> Result<usize> {
        // It was checked as it was copied.
        Ok(0)
    }

    fn size(&self) -> Option<u64> {
        Some(self.size)
    }

    fn read_at(&mut self, offset: u64, room: &mut [u8]) -> Result<usize> {
        loop {
            match self.file.read_at(room, offset) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => return read.map_err(|error| failed("read", &error)),
            }
        }
    }
}

#[cold]
fn failed(what: &str, error: &std::io::Error) -> Error {
    let message = format!(
        "the copy in {DIRECTORY} of a compressed Parquet file cannot be {what}: {error}; free space there"
    );
    let status = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Status::NoSpace,
        _ => Status::Io,
    };
    let failure = Error::new(status, message);
    match error.raw_os_error() {
        Some(errno) => failure.with_errno(errno),
        None => failure,
    }
}
