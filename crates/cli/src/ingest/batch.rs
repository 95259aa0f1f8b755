//! The records of the snapshot that is being filled: staged in the store, or, if they are to be put into
//! partitions, held in memory.

use lode_core::dataset::{Dataset, RecordWriter, WriterOptions};
use lode_core::layout::Layout;
use lode_core::{Error, Result, Status};

/// Records on their way into one snapshot.
pub enum Batch {
    /// In a data file of the store that nothing names yet.
    Staged(Box<RecordWriter>),
    /// In memory.
    Held(Held),
}

/// Records in memory, one after another.
#[derive(Default)]
pub struct Held {
    /// The records.
    pub bytes: Vec<u8>,
    /// Where each of them ends.
    pub ends: Vec<usize>,
}

impl Batch {
    /// A batch without records.
    pub fn new(dataset: &Dataset) -> Result<Self> {
        match dataset.options().layout {
            Layout::Hive => Ok(Batch::Held(Held::default())),
            Layout::Default | Layout::Flat | Layout::Volume => {
                Ok(Batch::Staged(Box::new(dataset.record_writer(WriterOptions::default())?)))
            }
        }
    }

    /// How many records are in.
    pub fn records(&self) -> u64 {
        match self {
            Batch::Staged(writer) => writer.records(),
            Batch::Held(held) => held.ends.len() as u64,
        }
    }

    /// How many bytes they have.
    pub fn bytes(&self) -> u64 {
        match self {
            Batch::Staged(writer) => writer.bytes(),
            Batch::Held(held) => held.bytes.len() as u64,
        }
    }

    /// Takes the whole lines of `data`, blank ones left out; gives how many bytes were dealt with.
    pub fn append_lines(&mut self, data: &[u8]) -> (usize, Result<()>) {
        match self {
            Batch::Staged(writer) => writer.append_lines(data),
            Batch::Held(held) => {
                let mut consumed = 0;
                while let Some(len) = data[consumed..].iter().position(|byte| *byte == b'\n') {
                    let line = data[consumed..consumed + len].trim_ascii();
                    if !line.is_empty()
                        && let Err(error) = held.push(line)
                    {
                        return (consumed, Err(error));
                    }
                    consumed += len + 1;
                }
                (consumed, Ok(()))
            }
        }
    }

    /// Takes one record.
    pub fn append(&mut self, record: &[u8]) -> Result<()> {
        match self {
            Batch::Staged(writer) => writer.append(record, None),
            Batch::Held(held) => held.push(record),
        }
    }
}

impl Held {
    fn push(&mut self, record: &[u8]) -> Result<()> {
        if self.bytes.try_reserve(record.len()).is_err() || self.ends.try_reserve(1).is_err() {
            let message = format!(
                "no memory to hold the {} records of a snapshot until they can be put into partitions; commit smaller \
                 snapshots with --roll-bytes",
                self.ends.len()
            );
            return Err(Error::new(Status::NoMemory, message));
        }
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// The records.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}
