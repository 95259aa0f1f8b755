//! Opening a dataset: its options are checked, without any I/O.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::partition;
use super::parts::CommittedParts;
use crate::checksum::Checksum;
use crate::codec::{Codec, DecoderOptions, EncoderOptions, MAX_RECORD_BYTES_DEFAULT};
#[cfg(feature = "parquet")]
use crate::columns::ColumnOptions;
use crate::commit::Target;
use crate::commit::go_compat::Sightings;
use crate::commit::machine::Knowledge;
use crate::compress::Compressor;
use crate::context::{CallOptions, Context, Retry};
use crate::error::{Error, Result, Status};
use crate::history::History;
use crate::id;
use crate::layout::Layout;
use crate::manifest::FileFormat;
use crate::store::{Durability, Store, sys};
use crate::threads::Threads;

/// How a dataset is written. What is read follows each snapshot's own manifest.
#[derive(Clone, Debug)]
pub struct DatasetOptions {
    /// How records are laid out; [`Codec::None`]: a dataset of raw blobs.
    pub codec: Codec,
    /// What data files go through.
    pub compressor: Compressor,
    /// The compressor's level; 0: its default.
    pub compression_level: i32,
    /// What data files are checked by.
    pub checksum: Checksum,
    /// Where the objects lie.
    pub layout: Layout,
    /// The keys of the records that the hive layout partitions by, in the order of its paths; empty for the
    /// others.
    pub partition_keys: Vec<String>,
    /// Whether records that come one after another are put into the partitions of the hive layout as they
    /// come. Without it they are refused there, and only arrays can be written.
    pub partition_streaming: bool,
    /// Then: how many partitions have an open file at a time; 0: 64. What is in memory grows with it.
    pub max_open_partitions: u32,
    /// A data file of records that has taken so many bytes of them, as they were given, is ended, and the
    /// following records go into another; 0: all records of a commit go into one file. The files keep the
    /// order of the records. More are gathered before this is checked: 256 KiB, 4 MiB with Zstandard up to
    /// level 4, 2 MiB with several threads, a row group with Parquet. An append that ends the fifth file or a
    /// later one syncs one of those before. Not for the hive layout, which divides records by their keys.
    pub target_file_bytes: u64,
    /// Whether the manifest tells of each file its records and, of each column, the least and greatest value
    /// and how many are null.
    pub file_statistics: bool,
    /// Which threads compress and hash what is written, and check records that one call writes; the calling
    /// one alone by default.
    pub threads: Threads,
    /// What a commit must survive.
    pub durability: Durability,
    /// How often to try again.
    pub retry: Retry,
    /// The longest record that is written or read, in bytes, its line break not counted. The Go library reads
    /// no longer ones than the default.
    pub max_record_bytes: u64,
    /// The columns of records, and how they are stored.
    #[cfg(feature = "parquet")]
    pub columns: ColumnOptions,
}

impl Default for DatasetOptions {
    fn default() -> Self {
        DatasetOptions {
            codec: Codec::None,
            compressor: Compressor::None,
            compression_level: 0,
            checksum: Checksum::Xxh3,
            layout: Layout::Default,
            partition_keys: Vec::new(),
            partition_streaming: false,
            max_open_partitions: 0,
            target_file_bytes: 0,
            file_statistics: false,
            threads: Threads::default(),
            durability: Durability::Full,
            retry: Retry::default(),
            max_record_bytes: MAX_RECORD_BYTES_DEFAULT,
            #[cfg(feature = "parquet")]
            columns: ColumnOptions::default(),
        }
    }
}

impl DatasetOptions {
    /// What the data file of this number (from 1) of one id and partition is called.
    pub(super) fn file_name(&self, number: u32) -> String {
        let (name, extension) = (self.codec.file_name(), self.compressor.extension());
        if number <= 1 { format!("{name}{extension}") } else { format!("{name}-{number}{extension}") }
    }

    /// Whether [`DatasetOptions::file_name`] gives this name for some number.
    pub(super) fn is_file_name(&self, name: &str) -> bool {
        let Some(rest) = name.strip_suffix(self.compressor.extension()) else { return false };
        let Some(number) = rest.strip_prefix(self.codec.file_name()) else { return false };
        number.is_empty()
            || number
                .strip_prefix('-')
                .and_then(|digits| digits.parse().ok())
                .is_some_and(|number: u32| number > 1 && self.file_name(number) == name)
    }

    /// What an encoder of this dataset has to know.
    pub(crate) fn encoder_options(&self, statistics: bool) -> EncoderOptions<'_> {
        EncoderOptions {
            max_record_bytes: self.max_record_bytes,
            statistics,
            wanted: &[],
            #[cfg(feature = "parquet")]
            columns: &self.columns,
        }
    }

    /// The same for an encoder that only checks, and finds the values that make a record's partition.
    pub(crate) fn partition_encoder_options(&self) -> EncoderOptions<'_> {
        EncoderOptions { wanted: &self.partition_keys, ..self.encoder_options(false) }
    }

    /// What a decoder of this dataset has to know.
    pub(crate) fn decoder_options(&self) -> DecoderOptions<'_> {
        DecoderOptions {
            max_record_bytes: self.max_record_bytes,
            #[cfg(feature = "parquet")]
            columns: &self.columns,
            #[cfg(not(feature = "parquet"))]
            columns: std::marker::PhantomData,
        }
    }

    /// How data files are written.
    #[must_use]
    pub fn file_format(&self) -> FileFormat {
        FileFormat { codec: self.codec, compressor: self.compressor, checksum: self.checksum }
    }
}

/// A dataset in a store; clones are the same dataset, and threads may share it.
#[derive(Clone)]
pub struct Dataset {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    id: String,
    options: DatasetOptions,
    /// What this handle knows of the history. Never held while waiting for anything.
    knowledge: Mutex<Knowledge>,
    /// The time that new snapshots are dated by.
    clock: fn() -> i64,
    /// The time that the age of staged data is counted by: it goes on while the machine is suspended.
    boot_time: fn() -> Duration,
    /// What this handle has read of which snapshots hold which parts.
    committed: Mutex<CommittedParts>,
    /// What this handle has seen unchanged.
    sightings: Sightings,
    /// Of a volume: how long it is, if that was said.
    total_length: Option<u64>,
}

impl Dataset {
    /// Opens a dataset, which need not exist yet. No I/O.
    ///
    /// # Errors
    /// `InvalidArgument` for an id that is no path segment (`docs/format.md`, section "Dataset ids"), a level
    /// that the compressor lacks, no attempt at all, a record limit of 0, partition keys that the layout does
    /// not have or that cannot stand in a path. `CodecRequired` for the hive layout without a codec.
    /// `Unsupported` for Parquet with a compressor.
    pub fn open(store: &Store, id: &str, options: DatasetOptions) -> Result<Self> {
        if options.layout == Layout::Volume {
            let message = "layout: a dataset has none of a volume's; open a volume instead";
            return Err(Error::new(Status::InvalidArgument, message));
        }
        Self::open_history(store, id, options, None)
    }

    /// The history of a volume, which is a dataset's but for its manifests.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub(crate) fn open_volume(
        store: &Store,
        id: &str,
        options: DatasetOptions,
        total_length: Option<u64>,
    ) -> Result<Self> {
        Self::open_history(store, id, options, total_length)
    }

    fn open_history(
        store: &Store,
        id: &str,
        options: DatasetOptions,
        total_length: Option<u64>,
    ) -> Result<Self> {
        id::check_dataset_id(id)?;
        options.compressor.check_level(options.compression_level)?;
        if options.retry.attempts == 0 {
            return Err(Error::new(
                Status::InvalidArgument,
                "retry attempts: 0 is no try at all; give 1 or more",
            ));
        }
        if options.max_record_bytes == 0 {
            return Err(Error::new(Status::InvalidArgument, "max_record_bytes: 0 leaves room for no record"));
        }
        check_partitioning(&options)?;
        #[cfg(feature = "parquet")]
        check_columns(&options)?;
        let knowledge = Mutex::new(Knowledge::default());
        Ok(Dataset {
            inner: Arc::new(Inner {
                store: store.clone(),
                id: id.to_owned(),
                options,
                knowledge,
                clock: id::now,
                boot_time: sys::boot_time,
                committed: Mutex::default(),
                sightings: Sightings::default(),
                total_length,
            }),
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// How it is written.
    #[must_use]
    pub fn options(&self) -> &DatasetOptions {
        &self.inner.options
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The context of a call on this dataset.
    pub(crate) fn begin(&self, options: &CallOptions) -> Context {
        Context::start(options).with_retry(self.inner.options.retry)
    }

    /// Where commits go, and how.
    pub(crate) fn target(&self) -> Target<'_> {
        let options = &self.inner.options;
        Target {
            store: &self.inner.store,
            dataset: &self.inner.id,
            layout: options.layout,
            durability: options.durability,
            format: options.file_format(),
            total_length: self.inner.total_length,
            clock: self.inner.clock,
            sightings: &self.inner.sightings,
        }
    }

    /// Reads the dataset's history for a call.
    pub(crate) fn history<'a>(&'a self, context: &'a Context) -> History<'a> {
        self.target().history(context)
    }

    /// The same dataset with this schema, for one commit.
    #[cfg(feature = "parquet")]
    pub(super) fn with_schema(&self, schema: Arc<crate::columns::Schema>) -> Result<Self> {
        let Inner { store, id, options, clock, boot_time, .. } = &*self.inner;
        let columns = ColumnOptions { schema: Some(schema), ..options.columns.clone() };
        let dataset = Dataset::open(store, id, DatasetOptions { columns, ..options.clone() })?;
        let mut inner = Arc::into_inner(dataset.inner)
            .ok_or_else(|| Error::new(Status::Internal, "a dataset that was just opened is shared"))?;
        inner.knowledge = Mutex::new(self.knowledge());
        (inner.clock, inner.boot_time) = (*clock, *boot_time);
        Ok(Dataset { inner: Arc::new(inner) })
    }

    /// The same dataset, opened anew, with another clock.
    #[cfg(test)]
    pub(super) fn with_clock(self, clock: fn() -> i64) -> Self {
        let dataset =
            Dataset::open_history(self.store(), self.id(), self.options().clone(), self.inner.total_length)
                .expect("it was opened before");
        let mut inner = Arc::into_inner(dataset.inner).expect("there is no other");
        inner.clock = clock;
        Dataset { inner: Arc::new(inner) }
    }

    /// The same dataset, opened anew, with another clock for the age of staged data.
    #[cfg(test)]
    pub(super) fn with_boot_time(self, boot_time: fn() -> Duration) -> Self {
        let dataset =
            Dataset::open_history(self.store(), self.id(), self.options().clone(), self.inner.total_length)
                .expect("it was opened before");
        let mut inner = Arc::into_inner(dataset.inner).expect("there is no other");
        inner.boot_time = boot_time;
        Dataset { inner: Arc::new(inner) }
    }

    /// Now, in nanoseconds since the machine was started, time spent suspended included.
    pub(crate) fn boot_time(&self) -> i128 {
        i128::try_from((self.inner.boot_time)().as_nanos()).unwrap_or(i128::MAX)
    }

    /// What this handle has read of which snapshots hold which parts. Never locked while waiting for
    /// anything.
    pub(super) fn committed_parts(&self) -> MutexGuard<'_, CommittedParts> {
        // Each state of the value is valid, so that a panic elsewhere while it was locked does no harm.
        self.inner.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn knowledge(&self) -> Knowledge {
        // Each state of the value is valid, so that a panic elsewhere while it was locked does no harm.
        self.inner.knowledge.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds what a commit has learnt: threads that share the handle may have learnt more meanwhile.
    pub(crate) fn learn(&self, learnt: Knowledge) {
        let mut known = self.inner.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        if known.head.as_ref().is_some_and(|head| learnt.vanished.as_ref() == Some(&head.id)) {
            *known = Knowledge::default();
        }
        known.root |= learnt.root;
        let newer = match (&known.head, &learnt.head) {
            (Some(known), Some(learnt)) => learnt.id > known.id,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if newer {
            known.head = learnt.head;
        }
    }

    /// Whether what another wrote has to be synced before it is built on.
    pub(crate) fn syncs(&self) -> bool {
        self.options().durability == Durability::Full && self.store().backend().capabilities().persists
    }

    /// Records that come one after another are partitioned only if the caller has asked for it: each
    /// partition then has a file open at the same time.
    pub(super) fn require_streaming(&self, call: &str) -> Result<()> {
        if !self.is_partitioned() || self.inner.options.partition_streaming {
            return Ok(());
        }
        let message = format!(
            "{call} in one pass cannot be partitioned, and the dataset is (by {}): write an array of records, or open the \
             dataset with partition_streaming",
            self.inner.options.partition_keys.join(", ")
        );
        Err(self.named(Error::new(Status::PartitioningNotSupported, message)))
    }

    /// Whether its records lie in partitions.
    pub(super) fn is_partitioned(&self) -> bool {
        self.inner.options.layout == Layout::Hive
    }

    /// A dataset's errors name it.
    pub(crate) fn named(&self, error: Error) -> Error {
        error.context(format_args!("{} {:?}", self.inner.options.layout.noun(), self.inner.id))
    }

    pub(super) fn require_codec(&self, call: &str) -> Result<()> {
        if self.inner.options.codec != Codec::None {
            return Ok(());
        }
        let message =
            format!("{call} needs a codec, and the dataset was opened without one: open it with JSONL");
        Err(self.named(Error::new(Status::CodecRequired, message)))
    }
}

/// The hive layout partitions by keys of records, the others do not.
fn check_partitioning(options: &DatasetOptions) -> Result<()> {
    if options.target_file_bytes > 0 && (options.layout == Layout::Hive || options.codec == Codec::None) {
        let message = "target_file_bytes: only the records of a layout that is not partitioned are divided into files; \
                       use another layout and a codec, or leave it 0";
        return Err(Error::new(Status::InvalidArgument, message));
    }
    if options.layout == Layout::Hive {
        partition::check_keys(&options.partition_keys)?;
        if options.codec == Codec::None {
            let message =
                "the hive layout partitions by keys of records, so that it needs a codec: open it with JSONL";
            return Err(Error::new(Status::CodecRequired, message));
        }
    } else if options.partition_streaming {
        let message = format!(
            "partition_streaming: the {} layout is not partitioned; use the hive layout, or leave it 0",
            options.layout.name()
        );
        return Err(Error::new(Status::InvalidArgument, message));
    } else if let Some(key) = options.partition_keys.first() {
        let message = format!(
            "partition_keys: the {} layout is not partitioned (the first key is {key:?}); use the hive layout, or give \
             no keys",
            options.layout.name()
        );
        return Err(Error::new(Status::InvalidArgument, message));
    }
    Ok(())
}

/// Parquet compresses its pages itself, so that a reader finds them without decompressing the file.
#[cfg(feature = "parquet")]
fn check_columns(options: &DatasetOptions) -> Result<()> {
    options.columns.check()?;
    if options.codec == Codec::Parquet && options.compressor != Compressor::None {
        let message =
            "a Parquet file compresses its own pages: use no compressor, and choose the page compression";
        return Err(Error::new(Status::Unsupported, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    #[test]
    fn options_that_cannot_work_are_refused_by_name() {
        let store = Store::open_memory(StoreOptions::default());
        let cases = [
            ("", DatasetOptions::default(), "dataset id"),
            ("a/b", DatasetOptions::default(), "dataset id"),
            ("a", DatasetOptions { compression_level: 3, ..Default::default() }, "level"),
            ("a", DatasetOptions { max_record_bytes: 0, ..Default::default() }, "max_record_bytes"),
            (
                "a",
                DatasetOptions { retry: Retry { attempts: 0, ..Retry::default() }, ..Default::default() },
                "attempts",
            ),
            (
                "a",
                DatasetOptions { layout: Layout::Hive, codec: Codec::Jsonl, ..Default::default() },
                "at least one",
            ),
            (
                "a",
                DatasetOptions { partition_keys: vec!["day".into()], ..Default::default() },
                "not partitioned",
            ),
            (
                "a",
                DatasetOptions {
                    layout: Layout::Flat,
                    partition_keys: vec!["day".into()],
                    ..Default::default()
                },
                "the flat layout is not partitioned (the first key is \"day\")",
            ),
            (
                "a",
                DatasetOptions { partition_streaming: true, ..Default::default() },
                "partition_streaming: the default layout is not partitioned",
            ),
            (
                "a",
                DatasetOptions {
                    layout: Layout::Hive,
                    codec: Codec::Jsonl,
                    partition_keys: vec!["a/b".into()],
                    ..Default::default()
                },
                "partition key \"a/b\"",
            ),
        ];
        for (id, options, message) in cases {
            let Err(error) = Dataset::open(&store, id, options) else { panic!("{message} is accepted") };
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().contains(message), "{error}");
        }
        let raw = DatasetOptions {
            layout: Layout::Hive,
            partition_keys: vec!["day".into()],
            ..DatasetOptions::default()
        };
        let error = Dataset::open(&store, "a", raw).err().unwrap();
        assert_eq!(error.status(), Status::CodecRequired);
        assert!(error.message().contains("needs a codec"), "{error}");
    }
}
