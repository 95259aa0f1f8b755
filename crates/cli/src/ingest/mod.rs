//! `lode ingest`: records from files, standard input, a growing file or rsyslog, committed as snapshots.

mod batch;
mod blobs;
mod commits;
mod follow;
mod inputs;
mod omprog;
mod position;
mod rejects;

use std::time::{Duration, Instant};

use lode_core::checksum::Checksum;
use lode_core::codec::Codec;
use lode_core::compress::Compressor;
use lode_core::dataset::{Dataset, DatasetOptions};
use lode_core::layout::Layout;
use lode_core::manifest::Metadata;
use lode_core::store::Durability;

use self::batch::Batch;
use self::commits::Commits;
use self::position::Position;
use self::rejects::Rejects;
use crate::args::{ChecksumName, CodecName, CompressorName, DurabilityName, Ingest, LayoutChoice};
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::output;
use crate::progress::Progress;
use crate::signals::Interrupts;
use crate::store;

/// White space around a record is no part of it, so a line may be this much longer.
const SLACK: usize = 1 << 20;

/// Runs the subcommand.
pub fn run(options: &Ingest) -> Result<()> {
    refuse_contradictions(options)?;
    // A growing file is committed up to where it was read when the first signal comes; all else is given up.
    let interrupts = Interrupts::catch(!options.follow)?;
    let dataset = open(options)?;
    match options.codec {
        CodecName::Blob => blobs::run(options, &dataset, &interrupts),
        CodecName::Jsonl | CodecName::Parquet => {
            let mut session = Session::new(options, &dataset, interrupts)?;
            if options.omprog {
                omprog::run(&mut session)
            } else if options.follow {
                follow::run(&mut session)
            } else {
                inputs::run(&mut session)
            }
        }
    }
}

/// What clap cannot be told.
fn refuse_contradictions(options: &Ingest) -> Result<()> {
    let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
    if options.codec == CodecName::Blob {
        let only_for_records = [
            (!options.partition_by.is_empty(), "--partition-by"),
            (options.statistics, "--statistics"),
            (options.roll_records.is_some(), "--roll-records"),
            (options.roll_bytes.is_some(), "--roll-bytes"),
            (options.roll_age.is_some(), "--roll-age"),
            (options.producer.is_some(), "--producer"),
            (options.follow, "--follow"),
            (options.omprog, "--omprog"),
            (options.rejects.is_some(), "--rejects"),
            (options.max_record.is_some(), "--max-record"),
        ];
        if let Some((_, name)) = only_for_records.iter().find(|(given, _)| *given) {
            return usage(&format!("{name} is for records, and --codec blob has none"));
        }
        if options.expect_parent.is_some() && options.files.len() > 1 {
            return usage(
                "--expect-parent is for a single snapshot, and each file of --codec blob becomes one",
            );
        }
    }
    match (options.codec, &options.schema) {
        (CodecName::Parquet, None) => return usage("--codec parquet needs the columns: give --schema FILE"),
        (CodecName::Jsonl | CodecName::Blob, Some(_)) => return usage("--schema is for --codec parquet"),
        (CodecName::Parquet, Some(_)) if options.compress == CompressorName::Gzip => {
            return usage(
                "--codec parquet compresses its pages: --compress zstd, or Snappy without --compress",
            );
        }
        _ => {}
    }
    if options.follow && (options.files.len() != 1 || options.files[0].as_os_str() == "-") {
        return usage("--follow follows exactly one file, which must be named");
    }
    if !options.partition_by.is_empty()
        && matches!(options.target.layout, LayoutChoice::Default | LayoutChoice::Flat)
    {
        return usage("--partition-by needs the hive layout");
    }
    Ok(())
}

/// Opens the dataset, which need not exist yet, to write to it.
fn open(options: &Ingest) -> Result<Dataset> {
    let target = &options.target;
    let store = store::open(&target.store, true)?;
    let layout = if !options.partition_by.is_empty() {
        Layout::Hive
    } else {
        match target.layout {
            LayoutChoice::Hive => Layout::Hive,
            LayoutChoice::Flat => Layout::Flat,
            LayoutChoice::Default => Layout::Default,
            LayoutChoice::Auto => {
                store::find_layout(&store, &target.dataset, target.layout)?.unwrap_or_default()
            }
        }
    };
    let partition_keys = match layout {
        Layout::Hive if options.partition_by.is_empty() => {
            return Err(Failure::Usage(format!(
                "dataset {:?} is in the hive layout: say with --partition-by which keys it is partitioned by",
                target.dataset
            )));
        }
        _ => options.partition_by.clone(),
    };
    let defaults = DatasetOptions::default();
    let options = DatasetOptions {
        codec: match options.codec {
            CodecName::Jsonl => Codec::Jsonl,
            CodecName::Blob => Codec::None,
            #[cfg(feature = "parquet")]
            CodecName::Parquet => Codec::Parquet,
            #[cfg(not(feature = "parquet"))]
            CodecName::Parquet => {
                let message = "--codec parquet: this build of lode has no Parquet (feature \"parquet\")";
                return Err(Failure::Usage(message.to_owned()));
            }
        },
        #[cfg(feature = "parquet")]
        columns: columns(options)?,
        compressor: match options.compress {
            _ if options.codec == CodecName::Parquet => Compressor::None,
            CompressorName::None => Compressor::None,
            CompressorName::Gzip => Compressor::Gzip,
            CompressorName::Zstd => Compressor::Zstd,
        },
        compression_level: options.level,
        checksum: match options.checksum {
            ChecksumName::Xxh3 => Checksum::Xxh3,
            ChecksumName::Md5 => Checksum::Md5,
            ChecksumName::Sha256 => Checksum::Sha256,
            ChecksumName::None => Checksum::None,
        },
        layout,
        partition_keys,
        file_statistics: options.statistics,
        durability: match options.durability {
            DurabilityName::Full => Durability::Full,
            DurabilityName::Process => Durability::Process,
        },
        max_record_bytes: options.max_record.map_or(defaults.max_record_bytes, |size| size.as_u64()),
        ..defaults
    };
    Ok(Dataset::open(&store, &target.dataset, options)?)
}

/// The columns that --schema declares, and how their pages are compressed.
#[cfg(feature = "parquet")]
fn columns(options: &Ingest) -> Result<lode_core::columns::ColumnOptions> {
    use lode_core::columns::{ColumnOptions, PageCompression, Schema};

    let Some(path) = &options.schema else { return Ok(ColumnOptions::default()) };
    let json = std::fs::read_to_string(path)
        .map_err(|error| Failure::other(format_args!("--schema {}: {error}", path.display())))?;
    let schema = Schema::from_json(&json)
        .map_err(|error| error.context(format_args!("--schema {}", path.display())))?;
    let page_compression = match options.compress {
        CompressorName::Zstd => PageCompression::Zstd,
        _ => PageCompression::Snappy,
    };
    Ok(ColumnOptions { schema: Some(schema.into()), page_compression, ..ColumnOptions::default() })
}

fn metadata(options: &Ingest) -> Result<Metadata> {
    Ok(Metadata::parse(&options.metadata).map_err(|error| error.context("--metadata"))?)
}

/// When a snapshot is committed before the input's end.
#[derive(Clone, Copy, Debug, Default)]
struct Roll {
    records: Option<u64>,
    bytes: Option<u64>,
    age: Option<Duration>,
}

impl Roll {
    fn is_wanted(self) -> bool {
        self.records.is_some() || self.bytes.is_some() || self.age.is_some()
    }
}

/// One run over some input: the snapshot that is being filled, and what has been committed.
struct Session<'a> {
    options: &'a Ingest,
    interrupts: Interrupts,
    commits: Commits<'a>,
    roll: Roll,
    batch: Batch,
    /// When the first record of the batch was taken.
    since: Option<Instant>,
    rejects: Option<Rejects>,
    progress: Progress,
    /// Bytes of records committed before this batch.
    bytes: u64,
    /// The longest line that is held.
    longest: usize,
}

impl<'a> Session<'a> {
    fn new(options: &'a Ingest, dataset: &'a Dataset, interrupts: Interrupts) -> Result<Self> {
        let mut roll = Roll {
            records: options.roll_records,
            bytes: options.roll_bytes.map(|size| size.as_u64()),
            age: options.roll_age,
        };
        if options.follow && !roll.is_wanted() {
            roll.bytes = Some(64 << 20);
            roll.age = Some(Duration::from_secs(10));
        }
        let commits = Commits::new(options, dataset, metadata(options)?, interrupts.cancel_token())?;
        let longest =
            usize::try_from(dataset.options().max_record_bytes).unwrap_or(usize::MAX).saturating_add(SLACK);
        Ok(Session {
            options,
            interrupts,
            roll,
            batch: Batch::new(dataset)?,
            since: None,
            rejects: options.rejects.as_deref().map(Rejects::open).transpose()?,
            progress: Progress::new(options.quiet || options.omprog, None),
            bytes: 0,
            longest,
            commits,
        })
    }

    /// Takes the whole lines that the input holds; commits whenever it is time.
    fn take_lines(&mut self, input: &mut Input) -> Result<()> {
        loop {
            let end = self.lines_to_take(input.data());
            let (consumed, result) = self.batch.append_lines(&input.data()[..end]);
            input.consume(consumed);
            if self.batch.records() > 0 && self.since.is_none() {
                self.since = Some(Instant::now());
            }
            match result {
                Ok(()) => {}
                Err(error) if is_bad_record(&error) => self.reject_line(input, &error)?,
                Err(error) => return Err(error.into()),
            }
            self.show();
            let is_due = self.is_due();
            if is_due {
                self.commit(&Position::of(input)?)?;
            }
            let has_line = input.data().contains(&b'\n');
            if consumed == 0 && !is_due && !has_line && !self.take_oversized(input)? {
                return Ok(());
            }
        }
    }

    /// How much of the data may go into the batch before its number of records is reached.
    fn lines_to_take(&self, data: &[u8]) -> usize {
        let Some(most) = self.roll.records else { return data.len() };
        let left = usize::try_from(most.saturating_sub(self.batch.records())).unwrap_or(usize::MAX);
        let ends = data.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        ends.take(left).last().unwrap_or(data.len())
    }

    /// A line that is longer than any record may be can be neither held nor taken; `true`: one was rejected.
    fn take_oversized(&mut self, input: &mut Input) -> Result<bool> {
        if !input.is_full() {
            return Ok(false);
        }
        let name = input.name().to_owned();
        let message = format!("{name}:{}: the line has more than {} bytes", input.line(), self.longest);
        if self.rejects.is_none() {
            return Err(Failure::other(format_args!("{message}; nothing of it was committed")));
        }
        self.progress.say(&format!("{message}; rejected"));
        loop {
            let end = input.data().iter().position(|byte| *byte == b'\n');
            let count = end.map_or(input.data().len(), |end| end + 1);
            if let Some(rejects) = &mut self.rejects {
                rejects.write(&input.data()[..count])?;
            }
            input.consume(count);
            if end.is_some() || input.fill(&self.interrupts, None)? != crate::input::Filled::More {
                self.interrupts.check()?;
                return Ok(true);
            }
        }
    }

    /// The input has ended: what is left is a line without its end.
    fn take_last(&mut self, input: &mut Input) -> Result<()> {
        let mut record = input.data();
        while let [rest @ .., b' ' | b'\t' | b'\r'] = record {
            record = rest;
        }
        let count = input.data().len();
        if !record.is_empty() {
            match self.batch.append(record) {
                Ok(()) => {}
                Err(error) if is_bad_record(&error) => return self.reject_line(input, &error),
                Err(error) => return Err(error.into()),
            }
        }
        input.consume(count);
        Ok(())
    }

    /// The line that the input's data begin with is no record.
    fn reject_line(&mut self, input: &mut Input, error: &lode_core::Error) -> Result<()> {
        let at = input.offset() + error.offset().unwrap_or(0);
        let place = format!("{}:{} (byte {at} of the input)", input.name(), input.line());
        let Some(rejects) = &mut self.rejects else {
            return Err(Failure::Library(Some(place), error.clone()));
        };
        let line = input.data();
        let line = &line[..line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |end| end + 1)];
        rejects.write(line)?;
        if !line.ends_with(b"\n") {
            rejects.write(b"\n")?;
        }
        let count = line.len();
        self.progress.say(&format!("{place}: {}; rejected", error.message()));
        input.consume(count);
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.batch.records() > 0
            && (self.roll.records.is_some_and(|most| self.batch.records() >= most)
                || self.roll.bytes.is_some_and(|most| self.batch.bytes() >= most)
                || self.age_left().is_some_and(|left| left.is_zero()))
    }

    /// How long the batch may wait for more; `None`: as long as it takes.
    fn age_left(&self) -> Option<Duration> {
        let (age, since) = (self.roll.age?, self.since?);
        Some(age.saturating_sub(since.elapsed()))
    }

    /// Commits what was taken, up to this position of the input.
    fn commit(&mut self, position: &Position) -> Result<()> {
        if let Some(rejects) = &mut self.rejects {
            rejects.make_durable()?;
        }
        self.bytes += self.batch.bytes();
        let batch = std::mem::replace(&mut self.batch, Batch::new(self.commits.dataset())?);
        self.since = None;
        self.progress.tick_by_itself();
        self.commits.commit(batch, Some(position), &self.progress)
    }

    fn show(&self) {
        if self.progress.is_hidden() {
            return;
        }
        let records = output::number(self.commits.records() + self.batch.records());
        let message = format!("{records} records, {} snapshots", self.commits.count());
        self.progress.set(self.bytes + self.batch.bytes(), message);
    }
}

fn is_bad_record(error: &lode_core::Error) -> bool {
    matches!(
        error.status(),
        lode_core::Status::InvalidRecord
            | lode_core::Status::RecordTooLarge
            | lode_core::Status::SchemaViolation
    )
}
