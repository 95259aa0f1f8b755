//! Raw bytes: each input becomes a snapshot of its own.

use std::path::PathBuf;

use lode_core::context::CallOptions;
use lode_core::dataset::{BlobSource, Dataset};
use lode_core::options::CommitOptions;
use lode_core::{Error, Status};

use super::metadata;
use crate::args::Ingest;
use crate::failure::{Failure, Result};
use crate::input::{Filled, Input};
use crate::output::Output;
use crate::progress::Progress;
use crate::signals::Interrupts;

/// Stores each input.
pub fn run(options: &Ingest, dataset: &Dataset, interrupts: &Interrupts) -> Result<()> {
    let standard = [PathBuf::from("-")];
    let inputs = if options.files.is_empty() { &standard[..] } else { &options.files[..] };
    let mut output = Output::new();
    for path in inputs {
        let input = if path.as_os_str() == "-" {
            Input::standard(usize::MAX)
        } else {
            Input::open(path, usize::MAX)?
        };
        let total = input
            .file()
            .and_then(|file| file.metadata().ok())
            .filter(|file| file.is_file())
            .map(|file| file.len());
        let name = input.name().to_owned();
        let progress = Progress::new(options.quiet, total);
        let mut bytes = Bytes { input, interrupts, failure: None };
        let mut show = |so_far: lode_core::context::Progress| {
            progress.set(so_far.bytes_in, name.as_str());
            true
        };
        let commit = dataset.stream_write(
            &mut bytes,
            metadata(options)?,
            CommitOptions {
                call: CallOptions {
                    deadline: options.deadline,
                    cancel: Some(interrupts.cancel_token()),
                    ..CallOptions::default()
                },
                progress: Some(&mut show),
                expected_parent: options.expect_parent.as_deref(),
                ..CommitOptions::default()
            },
        );
        let commit = match (commit, bytes.failure.take()) {
            (Err(_), Some(failure)) => return Err(failure),
            (commit, _) => commit?,
        };
        if options.json {
            let size = commit.snapshot.manifest().files.first().map_or(0, |file| file.size_bytes);
            output.json(
                &serde_json::json!({ "snapshot": commit.snapshot.id(), "input": name, "stored_bytes": size }),
            )?;
        } else {
            output.line(commit.snapshot.id())?;
        }
        match output.flush() {
            // The ids have no reader any more; the other inputs are to be stored all the same.
            Err(Failure::ClosedOutput) => {}
            result => result?,
        }
    }
    Ok(())
}

/// The bytes of an input.
struct Bytes<'a> {
    input: Input,
    interrupts: &'a Interrupts,
    /// Why reading failed, in the command's own words.
    failure: Option<Failure>,
}

impl BlobSource for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> lode_core::Result<usize> {
        while self.input.data().is_empty() {
            let filled = self.input.fill(self.interrupts, None).and_then(|filled| {
                self.interrupts.check()?;
                Ok(filled)
            });
            match filled {
                Ok(Filled::End) => return Ok(0),
                Ok(Filled::More | Filled::Nothing) => {}
                Err(failure) => {
                    self.failure = Some(failure);
                    return Err(Error::new(Status::Iterator, "the input cannot be read"));
                }
            }
        }
        let count = self.input.data().len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.input.data()[..count]);
        self.input.consume(count);
        Ok(count)
    }
}
