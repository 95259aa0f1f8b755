//! `lode cat`: the records of snapshots, or the bytes of blobs.

use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, ReadOptions, Snapshot, Verify};

use crate::args::Cat;
use crate::failure::Result;
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::signals::Interrupts;
use crate::store;

/// How many records are taken from the library at once.
const BATCH: usize = 1024;

/// How many bytes of a blob are taken at once.
const PIECE: usize = 256 << 10;

/// Runs the subcommand.
pub fn run(options: &Cat) -> Result<()> {
    let interrupts = Interrupts::catch(true)?;
    let (_, dataset, head) = store::open_target(&options.target)?;
    let call = CallOptions { cancel: Some(interrupts.cancel_token()), ..CallOptions::default() };
    let mut copy = Copy {
        dataset: &dataset,
        read: ReadOptions {
            call: call.clone(),
            verify: if options.verify_first { Verify::First } else { Verify::Streaming },
        },
        output: Output::new(),
        // Records and progress on one terminal would spoil each other.
        progress: Progress::new(options.quiet || Output::is_terminal(), None),
        bytes: 0,
        records: 0,
    };
    let result = if options.all || options.since.is_some() {
        let mut snapshots = dataset.changes_since(options.since.as_deref(), &call)?;
        std::iter::from_fn(|| snapshots.next().transpose()).try_for_each(|snapshot| copy.snapshot(&snapshot?))
    } else {
        let snapshot = store::snapshot_or_head(&dataset, head, options.snapshot.as_deref())?;
        copy.snapshot(&snapshot)
    };
    // What came before a fault is right, and comes first.
    let flushed = copy.output.flush();
    interrupts.check()?;
    result.and(flushed)
}

struct Copy<'a> {
    dataset: &'a Dataset,
    read: ReadOptions,
    output: Output,
    progress: Progress,
    bytes: u64,
    records: u64,
}

impl Copy<'_> {
    fn snapshot(&mut self, snapshot: &Snapshot) -> Result<()> {
        if snapshot.manifest().codec.is_none() {
            return self.blob(snapshot);
        }
        let mut reader = self.dataset.read(snapshot, self.read.clone())?;
        loop {
            let batch = reader.next_batch(BATCH)?;
            if batch.is_empty() {
                return Ok(());
            }
            for record in batch.iter() {
                self.output.write(record)?;
                self.output.write(b"\n")?;
                self.bytes += record.len() as u64 + 1;
            }
            self.records += batch.len() as u64;
            self.show();
        }
    }

    fn blob(&mut self, snapshot: &Snapshot) -> Result<()> {
        let mut reader = self.dataset.read_blob(snapshot, self.read.clone())?;
        let mut buffer = vec![0; PIECE];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(()),
                count => {
                    self.output.write(&buffer[..count])?;
                    self.bytes += count as u64;
                    self.show();
                }
            }
        }
    }

    fn show(&self) {
        if !self.progress.is_hidden() {
            self.progress.set(self.bytes, format!("{} records", output::number(self.records)));
        }
    }
}
