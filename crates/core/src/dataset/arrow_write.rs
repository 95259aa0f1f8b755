//! Arrow record batches into a snapshot: pulled from a source in one call, or pushed into a writer.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema as ArrowSchema, SchemaRef};

use super::commit::Commit;
use super::pipe::Pipe;
use super::transaction::{Source, Terms, Transaction};
use super::{Dataset, RecordWriter};
use crate::codec::Codec;
use crate::columns::{Assignment, BytesText, Columns, Field, RowWriter, Schema};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::manifest::Metadata;
use crate::options::CommitOptions;

/// Gives record batches, one at a time.
pub trait BatchSource {
    /// The schema of all batches.
    fn schema(&self) -> SchemaRef;

    /// The next batch; `None` at the end. It is not asked again after that, or after a failure.
    ///
    /// # Errors
    /// Those that the writing call is to fail with.
    fn next(&mut self) -> Result<Option<RecordBatch>>;
}

impl Dataset {
    /// Pulls all rows from `batches` into one new snapshot: all of them and a manifest, or nothing
    /// (`docs/commit-protocol.md`, section "Committing"). Columns are found by name; where the dataset has no
    /// schema, that of `batches` is taken for this snapshot. A dataset of JSON lines gets an object for each row.
    ///
    /// # Errors
    /// `CodecRequired`; `PartitioningNotSupported`; `ArrowType` for a column that is missing or of another type,
    /// before the first batch is pulled; what the source fails with; `SchemaViolation` for a value that does not
    /// fit; otherwise as [`Dataset::stream_write_records`].
    pub fn stream_write_arrow(
        &self,
        batches: &mut dyn BatchSource,
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.require_codec("writing Arrow batches")?;
        self.require_no_partitions()?;
        let terms = Terms::new(self, metadata, options)?;
        let arrow = batches.schema();
        let dataset = match &self.options().columns.schema {
            Some(_) => self.clone(),
            None => {
                let schema = Schema::from_arrow(&arrow).map_err(|error| self.named(error))?;
                self.with_schema(Arc::new(schema)).map_err(|error| self.named(error))?
            }
        };
        let feed = Feed::new(&dataset, &arrow).map_err(|error| self.named(error))?;
        Transaction::new(dataset).commit(&mut Pulled { batches, feed }, terms)
    }
}

impl Dataset {
    /// Batches go into one file.
    fn require_no_partitions(&self) -> Result<()> {
        if !self.is_partitioned() {
            return Ok(());
        }
        let message = "Arrow batches are not put into partitions: write records, or use another layout";
        Err(self.named(Error::new(Status::PartitioningNotSupported, message)))
    }
}

impl RecordWriter {
    /// Appends the rows of a batch. Gives how many are in: on a failure the rows before that number are.
    ///
    /// # Errors
    /// `SchemaViolation`: nothing was taken, and the writer stays usable. `PartitioningNotSupported`. `ArrowType`: a column is missing or of
    /// another type; nothing was taken. `SchemaRequired` of a dataset without a schema. Otherwise as
    /// [`RecordWriter::append`].
    pub fn append_arrow(&mut self, batch: &RecordBatch) -> (usize, Result<()>) {
        let mut taken = 0;
        let outcome = self.append_rows(batch, &mut taken);
        (taken, outcome.map_err(|error| self.named(error)))
    }

    fn append_rows(&mut self, batch: &RecordBatch, taken: &mut usize) -> Result<()> {
        self.transaction.dataset().require_no_partitions()?;
        let mut feed = Feed::new(self.transaction.dataset(), batch.schema_ref())?;
        let before = self.records;
        let result = self.transaction.pipe().and_then(|pipe| {
            feed.append(pipe, batch, taken, &mut |_| Ok(()))?;
            Ok(pipe.progress())
        });
        self.records = before + *taken as u64;
        match result {
            Ok(progress) => {
                self.bytes = progress.bytes_in;
                Ok(())
            }
            Err(error) => {
                self.transaction.failed(&error);
                Err(error)
            }
        }
    }
}

/// Batches that are pulled when the protocol is ready for them.
struct Pulled<'a> {
    batches: &'a mut dyn BatchSource,
    feed: Feed,
}

impl Source for Pulled<'_> {
    fn fill(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        let context: Context = terms.context.clone();
        let pipe = transaction.open(&context, true)?;
        while let Some(batch) = self.batches.next()? {
            context.check("pulling Arrow batches")?;
            self.feed.append(pipe, &batch, &mut 0, &mut |pipe: &Pipe| {
                context.check("writing Arrow batches")?;
                terms.report(pipe.progress())
            })?;
        }
        Ok(())
    }
}

/// The way of batches of one schema into a pipe.
struct Feed {
    fields: Vec<Field>,
    assignment: Assignment,
    /// For a codec whose records are no rows.
    lines: Option<Lines>,
}

/// Rows as JSON records.
struct Lines {
    columns: Columns,
    bytes_text: Vec<(String, BytesText)>,
    record: Vec<u8>,
}

impl Feed {
    fn new(dataset: &Dataset, arrow: &ArrowSchema) -> Result<Self> {
        let options = dataset.options();
        let schema = options.columns.schema.as_ref().ok_or_else(|| {
            Error::new(
                Status::SchemaRequired,
                "Arrow batches are pushed into a dataset that was opened with a schema",
            )
        })?;
        let is_columnar = options.codec == Codec::Parquet;
        let order = if is_columnar { schema.file_order() } else { (0..schema.fields().len()).collect() };
        let fields: Vec<Field> = order.iter().map(|number| schema.fields()[*number].clone()).collect();
        let assignment = Assignment::new(fields.iter(), arrow)?;
        let lines = (!is_columnar).then(|| Lines {
            columns: Columns::new(schema, &order),
            bytes_text: fields
                .iter()
                .map(|field| (field.name.clone(), options.columns.bytes_text(&field.name)))
                .collect(),
            record: Vec::new(),
        });
        Ok(Feed { fields, assignment, lines })
    }

    /// Appends the rows of a batch, counting them in `taken`; `report` is called now and then.
    fn append(
        &mut self,
        pipe: &mut Pipe,
        batch: &RecordBatch,
        taken: &mut usize,
        report: &mut dyn FnMut(&Pipe) -> Result<()>,
    ) -> Result<()> {
        let first = pipe.progress().records;
        let sources = self
            .assignment
            .sources(self.fields.iter(), batch)
            .map_err(|(row, violation)| violation.into_error(first + row as u64))?;
        let rows = batch.num_rows();
        while *taken < rows {
            report(pipe)?;
            match &mut self.lines {
                None => *taken += pipe.extend(&sources, *taken..rows)?,
                Some(lines) => lines.append(pipe, &sources, *taken..rows, taken)?,
            }
        }
        Ok(())
    }
}

impl Lines {
    fn append(
        &mut self,
        pipe: &mut Pipe,
        sources: &[crate::columns::Source<'_>],
        rows: Range<usize>,
        taken: &mut usize,
    ) -> Result<()> {
        self.columns.extend(sources, rows)?;
        let batch = self.columns.finish_batch()?;
        let bytes_text = |name: &str| {
            self.bytes_text.iter().find(|(known, _)| known == name).map_or(BytesText::Text, |(_, text)| *text)
        };
        let writer = RowWriter::new(&batch, bytes_text)?;
        for row in 0..batch.num_rows() {
            self.record.clear();
            writer.push(row, pipe.progress().records, &mut self.record)?;
            pipe.append(&self.record, None)?;
            *taken += 1;
        }
        Ok(())
    }
}
