//! Committing parts: an ordinary commit whose manifest names their files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Inner, Part, Staged};
use crate::commit::machine::Dated;
use crate::context::Context;
use crate::dataset::pipe::{Counts, DataFile};
use crate::dataset::transaction::{Source, Terms, Transaction};
use crate::dataset::{Commit, Dataset};
use crate::error::{Error, Result, Status};
use crate::history::Id;
use crate::id::{self, Form, TIME_END, form};
use crate::manifest::{FileRef, Metadata};
use crate::options::CommitOptions;
use crate::store::{Durability, StoreTime};

/// How many bytes are read at once to check a checksum.
const PIECE: usize = 256 << 10;

/// An id further than this ahead of the clock was made by no writer whose clock can be relied on.
const FURTHEST_AHEAD: i64 = 24 * 60 * 60 * 1_000_000_000;

/// The parts that a commit is to name.
pub(in crate::dataset) struct WantedParts {
    /// Their ids, by the random half of each.
    pub(super) ids: HashMap<u64, Id>,
    /// The least: no snapshot before it can name any.
    pub(super) oldest: Id,
}

impl Dataset {
    /// Commits these parts as one snapshot, in this order (`docs/parts.md`, section "Committing"). Their
    /// files stay with any outcome. Without parts the snapshot has no files.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the part by its number, for one of another dataset or format, or given
    /// twice; `NotFound` if one of its files is not there; `Corrupt` if that has another size, or checksum,
    /// if asked; `PartCommitted` if a snapshot holds one already; `StagedTooOld` if one was staged more than
    /// 24 hours ago; otherwise as [`Dataset::stream_write_records`].
    pub fn commit_parts(
        &self,
        parts: &[Part],
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        let mut source = Given { parts, verify: options.verify_parts };
        let terms = Terms::new(self, metadata, options)?;
        let wanted = self.wanted(parts).map_err(|error| self.named(error))?;
        Transaction::of_parts(self.clone(), wanted).commit(&mut source, terms)
    }

    /// Accepts parts that can become one snapshot of this dataset.
    fn wanted(&self, parts: &[Part]) -> Result<WantedParts> {
        let options = self.options();
        let mut ids: HashMap<u64, Id> = HashMap::new();
        ids.try_reserve(parts.len()).map_err(|_| no_memory(parts.len()))?;
        for (number, part) in parts.iter().enumerate() {
            let refuse = |what: std::fmt::Arguments<'_>| {
                let path = &part.inner.files[0].path;
                Err(Error::new(Status::InvalidArgument, format_args!("part {number} ({path}): {what}"))
                    .with_path(path))
            };
            let Inner { dataset, layout, format, id, .. } = &*part.inner;
            if dataset.id() != self.id() {
                return refuse(format_args!("it belongs to the dataset {:?}", dataset.id()));
            }
            if (*layout, *format) != (options.layout, options.file_format()) {
                return refuse(format_args!(
                    "it was staged with other options (layout {}, codec {}, compressor {}, checksum {}): all files of \
                     a snapshot are written by the same",
                    layout.name(),
                    format.codec.manifest_name().unwrap_or("none"),
                    format.compressor.manifest_name(),
                    format.checksum.name().unwrap_or("none"),
                ));
            }
            let ahead = nanos(id).saturating_sub((self.target().clock)());
            if ahead > FURTHEST_AHEAD || nanos(id) >= TIME_END - 1 {
                return refuse(format_args!(
                    "its id {id} is dated more than 24 hours ahead of this machine's clock: check the clocks of all \
                     writers"
                ));
            }
            match ids.entry(random(id)) {
                Entry::Vacant(free) => {
                    free.insert(id.clone());
                }
                Entry::Occupied(_) => return refuse(format_args!("it is given twice")),
            }
        }
        if options.codec.manifest_name().is_none() && !matches!(parts, [part] if part.inner.files.len() == 1)
        {
            let message = format!(
                "a raw blob is exactly one file, and there are {} parts: commit one, or open the dataset with a codec",
                parts.len()
            );
            return Err(Error::new(Status::InvalidArgument, message));
        }
        let oldest = ids.values().min().cloned().unwrap_or_else(|| Id::from(""));
        Ok(WantedParts { ids, oldest })
    }
}

/// The time in a part's id, in Unix nanoseconds.
pub(super) fn nanos(id: &str) -> i64 {
    match form(id) {
        Form::Ours { nanos } | Form::Go { nanos } => i64::try_from(nanos).unwrap_or(i64::MAX),
        Form::Other => 0,
    }
}

/// The random half of an id of this library's form; 0 for any other.
pub(super) fn random(id: &str) -> u64 {
    match form(id) {
        Form::Ours { .. } => id.rsplit('-').next().and_then(|hex| u64::from_str_radix(hex, 16).ok()),
        Form::Go { .. } | Form::Other => None,
    }
    .unwrap_or_default()
}

#[cold]
fn no_memory(parts: usize) -> Error {
    Error::new(Status::NoMemory, format_args!("no memory for committing {parts} parts"))
}

/// Parts that are checked when the protocol has found the head.
struct Given<'a> {
    parts: &'a [Part],
    verify: bool,
}

impl Source for Given<'_> {
    fn fill(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        let dataset = transaction.dataset().clone();
        let mut time = StoreTime::default();
        let mut files = Vec::new();
        let mut newest = 0;
        let mut records: u64 = 0;
        for (number, part) in self.parts.iter().enumerate() {
            let inner = &*part.inner;
            let named = |error: Error| error.context(format_args!("part {number}"));
            records = records
                .checked_add(inner.counts.records)
                .filter(|sum| i64::try_from(*sum).is_ok())
                .ok_or_else(|| {
                    Error::new(Status::InvalidArgument, "the parts have more records than 64 bits can count")
                })?;
            newest = newest.max(nanos(&inner.id));
            let mut staged = match inner.staged {
                Staged::Here(staged) => staged,
                Staged::Elsewhere(_) => i128::MAX,
            };
            for file in &inner.files {
                terms.context.check("checking parts")?;
                let age = dataset.check_file(file, &terms.context, &mut time).map_err(named)?;
                if let Staged::Elsewhere(staged_at) = inner.staged {
                    let age = age.unwrap_or_else(|| {
                        // By the clocks of two machines, as far as they agree.
                        i128::from((dataset.target().clock)().saturating_sub(staged_at).max(0))
                    });
                    staged = staged.min(dataset.boot_time().saturating_sub(age));
                }
                if self.verify {
                    dataset.verify_file(file, &terms.context).map_err(named)?;
                }
                if !inner.is_durable {
                    dataset.persist_file(file, &terms.context).map_err(named)?;
                }
            }
            for (index, file) in inner.files.iter().enumerate() {
                let counts = if index == 0 { inner.counts } else { Counts::default() };
                files.push(DataFile { file: file.clone(), counts, staged });
            }
        }
        for file in files {
            transaction.add(file);
        }
        transaction.complete(dataset.home_after(newest));
        Ok(())
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl Dataset {
    /// An id of this moment that sorts after all ids of this time, so that a snapshot that names a part sorts
    /// after it however the clocks are set: see [`WantedParts::oldest`].
    fn home_after(&self, newest: i64) -> Dated {
        let created_at = (self.target().clock)().max(newest + 1).max(0);
        let id = id::compose(created_at.unsigned_abs(), id::fresh_random()).unwrap_or_default();
        Dated { id: Id::from(id), created_at }
    }

    /// Finds the file with the size that it must have; gives its age in nanoseconds by the store's clock.
    fn check_file(&self, file: &FileRef, context: &Context, time: &mut StoreTime) -> Result<Option<i128>> {
        let path = &*file.path;
        let Some(found) = self.store().backend().inspect(context, path, time)? else {
            let message = format!(
                "its file {path} is not there: the part was discarded, was removed by clean-up, or belongs to another \
                 store; write its records again"
            );
            return Err(Error::new(Status::NotFound, message).with_path(path));
        };
        if found.size != file.size_bytes {
            let message = format!("its file {path} has {} bytes, expected {}", found.size, file.size_bytes);
            return Err(Error::new(Status::Corrupt, message).with_path(path));
        }
        Ok(found.age.map(|age| i128::try_from(age.as_nanos()).unwrap_or(i128::MAX)))
    }

    /// Compares the file with its checksum.
    fn verify_file(&self, file: &FileRef, context: &Context) -> Result<()> {
        let path = &*file.path;
        let (Some(mut hasher), Some(expected)) = (self.options().checksum.hasher(), &file.checksum) else {
            return Ok(());
        };
        let missing =
            || Error::new(Status::NotFound, format_args!("its file {path} has gone")).with_path(path);
        let mut object = self.store().backend().open(context, path)?.ok_or_else(missing)?;
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(PIECE).map_err(|_| {
            Error::new(Status::NoMemory, format_args!("no memory for a buffer of {PIECE} bytes"))
        })?;
        buffer.resize(PIECE, 0);
        let mut offset = 0;
        loop {
            context.check("verifying parts")?;
            match object.read_at(context, offset, &mut buffer)? {
                0 => break,
                count => {
                    hasher.update(&buffer[..count]);
                    offset += count as u64;
                }
            }
        }
        let found = hasher.finish();
        if found == *expected {
            return Ok(());
        }
        let message = format!("its file {path} has the checksum {found}, expected {expected}");
        Err(Error::new(Status::Corrupt, message).with_path(path))
    }

    /// Makes a file durable that was staged without, where this dataset's commits are.
    fn persist_file(&self, file: &FileRef, context: &Context) -> Result<()> {
        let backend = self.store().backend();
        if self.options().durability == Durability::Process || !backend.capabilities().persists {
            return Ok(());
        }
        backend.persist(context, &file.path)
    }
}
