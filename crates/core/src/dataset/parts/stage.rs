//! Staging: what a writer, an iterator or a source gives becomes a part.

use std::sync::Arc;

use super::line::{self, Line};
use super::{Inner, Part, Staged};
use crate::context::CallOptions;
use crate::dataset::blob_write::Blob;
use crate::dataset::pipe::Counts;
use crate::dataset::stream_write::Pulled;
use crate::dataset::transaction::{Source, StagedFiles, Terms, Transaction};
use crate::dataset::{BlobSource, Dataset, RecordSource};
use crate::error::Result;
use crate::options::ProgressFn;
use crate::store::Durability;

impl Dataset {
    /// Pulls all records from `records` into one part: all of them, or nothing. One record is in memory at a
    /// time, on the calling thread. `options.progress` hears of records, of their bytes, and of the bytes
    /// stored.
    ///
    /// # Errors
    /// As [`Dataset::stream_write_records`], but for what concerns the commit. Nothing is left then.
    pub fn stage_records(&self, records: &mut dyn RecordSource, options: &CallOptions) -> Result<Part> {
        self.require_codec("staging records")?;
        self.require_streaming("staging records")?;
        self.stage_source(&mut Pulled(records), options)
    }

    /// Pulls the bytes of a blob from `source` into one part: all of them, or nothing.
    ///
    /// # Errors
    /// As [`Dataset::stream_write`], but for what concerns the commit. Nothing is left then.
    pub fn stage_blob(&self, source: &mut dyn BlobSource, options: &CallOptions) -> Result<Part> {
        self.require_no_codec("staging a blob")?;
        self.stage_source(&mut Blob::Pulled(source), options)
    }

    fn stage_source(&self, source: &mut dyn Source, options: &CallOptions) -> Result<Part> {
        let mut transaction = Transaction::new(self.clone());
        staging(self, options, |terms| {
            terms.context.check("staging a part")?;
            source.fill(&mut transaction, terms)?;
            transaction.stage(terms)
        })
    }
}

impl Transaction {
    /// Makes the data a part.
    pub(in crate::dataset) fn stage_part(
        &mut self,
        source: &mut dyn Source,
        options: &CallOptions,
    ) -> Result<Part> {
        let dataset = self.dataset().clone();
        staging(&dataset, options, |terms| {
            self.check_committable()?;
            terms.context.check("staging a part")?;
            if self.is_streaming() {
                source.fill(self, terms)?;
            }
            self.stage(terms).inspect_err(|error| self.failed(error))
        })
    }
}

/// Makes a part of what `stage` gives, within these limits.
fn staging(
    dataset: &Dataset,
    options: &CallOptions,
    stage: impl FnOnce(&mut Terms<'_>) -> Result<StagedFiles>,
) -> Result<Part> {
    let listener = options.progress.clone();
    let mut hears = listener.map(|listener| move |at| listener.hears(at));
    let progress = hears.as_mut().map(|hears| hears as ProgressFn<'_>);
    let mut terms = Terms::staging(dataset, options, progress);
    let staged = stage(&mut terms).map_err(|error| dataset.named(error))?;
    Ok(Part::staged_here(dataset, staged))
}

impl Part {
    fn staged_here(dataset: &Dataset, staged: StagedFiles) -> Part {
        let counts = staged.files.iter().map(|data| data.counts);
        let counts = Counts {
            records: counts.clone().map(|counts| counts.records).sum(),
            bytes: counts.clone().map(|counts| counts.bytes).sum(),
            min_timestamp: counts.clone().filter_map(|counts| counts.min_timestamp).min(),
            max_timestamp: counts.filter_map(|counts| counts.max_timestamp).max(),
        };
        let files: Vec<_> = staged.files.into_iter().map(|data| data.file).collect();
        let options = dataset.options();
        let line = Line {
            dataset_id: dataset.id(),
            layout: options.layout,
            id: &staged.home.id,
            staged_at: (dataset.target().clock)(),
            is_durable: options.durability == Durability::Full,
            format: options.file_format(),
            counts,
            files: &files,
        };
        let json = line::write(&line);
        Part {
            inner: Arc::new(Inner {
                dataset: dataset.clone(),
                layout: options.layout,
                format: options.file_format(),
                is_durable: options.durability == Durability::Full,
                id: staged.home.id,
                files,
                counts,
                staged: Staged::Here(staged.staged),
                json,
                _hold: staged.hold,
            }),
        }
    }
}
