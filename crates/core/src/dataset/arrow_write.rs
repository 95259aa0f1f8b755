//! Arrow record batches into a snapshot: pulled from a source in one call, or pushed into a writer.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema as ArrowSchema, SchemaRef};

use super::commit::Commit;
use super::partition_stream::PartitionStream;
use super::pipe::{Opening, Pipe};
use super::stream_write::Record;
use super::transaction::{Source, Terms, Transaction};
use super::{Dataset, RecordWriter};
use crate::codec::Codec;
use crate::codec::json::wanted::Wanted;
use crate::columns::{
    Assignment, BytesText, ColumnOptions, ColumnType, Columns, Field, RowWriter, Schema, SchemaTypes,
    Violation, not_portable,
};
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
    /// schema, that of `batches` is taken for this snapshot. A dataset of JSON lines gets an object for each
    /// row. In the hive layout each batch is split by the values of its key columns, as records are.
    ///
    /// # Errors
    /// `CodecRequired`; `PartitioningNotSupported`; `ArrowType` for a column that is missing or of another
    /// type, before the first batch is pulled; what the source fails with; `SchemaViolation` for a value that
    /// does not fit, `InvalidRecord` for a row that belongs to no partition; otherwise as
    /// [`Dataset::stream_write_records`].
    pub fn stream_write_arrow(
        &self,
        batches: &mut dyn BatchSource,
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.require_codec("writing Arrow batches")?;
        self.require_streaming("writing Arrow batches")?;
        let terms = Terms::new(self, metadata, options)?;
        let arrow = batches.schema();
        let dataset = match &self.options().columns.schema {
            Some(_) => self.clone(),
            None => {
                let types = self.options().columns.types;
                let schema = Schema::from_arrow(&arrow, types).map_err(|error| self.named(error))?;
                self.with_schema(Arc::new(schema)).map_err(|error| self.named(error))?
            }
        };
        let feed = Feed::new(&dataset, &arrow).map_err(|error| self.named(error))?;
        Transaction::new(dataset).commit(&mut Pulled { batches, feed }, terms)
    }
}

impl RecordWriter {
    /// Appends the rows of a batch. Gives how many are in: on a failure the rows before that number are.
    ///
    /// # Errors
    /// `SchemaViolation`, `InvalidRecord` for a row that belongs to no partition: nothing was taken, and the
    /// writer stays usable. `ArrowType`: a column is missing or of another type; nothing was taken.
    /// `SchemaRequired` of a dataset without a schema. Otherwise as [`RecordWriter::append`].
    pub fn append_arrow(&mut self, batch: &RecordBatch) -> (usize, Result<()>) {
        let mut taken = 0;
        let outcome = self.append_rows(batch, &mut taken);
        (taken, outcome.map_err(|error| self.named(error)))
    }

    fn append_rows(&mut self, batch: &RecordBatch, taken: &mut usize) -> Result<()> {
        let mut feed = Feed::new(self.transaction.dataset(), batch.schema_ref())?;
        let before = self.records;
        let result = match &mut self.partitions {
            None => self.transaction.pipe().and_then(|pipe| {
                feed.append(pipe, batch, taken, &mut |_| Ok(()))?;
                Ok(pipe.progress())
            }),
            Some(partitions) => {
                let transaction = &mut self.transaction;
                let appended = transaction
                    .check_streaming()
                    .and_then(|()| feed.append_to_partitions(partitions, transaction, batch, taken));
                appended.map(|()| partitions.progress())
            }
        };
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
        if transaction.dataset().is_partitioned() {
            return self.fill_partitions(transaction, terms);
        }
        let pipe = transaction.open(&context, Opening::alone(true))?;
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

impl Pulled<'_> {
    /// The same into the files of partitions.
    fn fill_partitions(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        let dataset = transaction.dataset().clone();
        // What was pulled cannot be pulled again: after a failure from here on no try may follow.
        transaction.stream();
        let mut stream = PartitionStream::new(&dataset, true, &terms.context)?;
        while let Some(batch) = self.batches.next()? {
            terms.context.check("pulling Arrow batches")?;
            self.feed.append_to_partitions(&mut stream, transaction, &batch, &mut 0)?;
            terms.report(stream.progress())?;
        }
        stream.finish(transaction, terms)
    }
}

/// The way of batches of one schema into a pipe, or into those of partitions.
struct Feed {
    fields: Vec<Field>,
    assignment: Assignment,
    /// For a codec whose records are no rows.
    lines: Option<Lines>,
    /// Of a partitioned dataset of columns.
    keys: Option<Keys>,
}

/// What the partition of a row is found by.
struct Keys {
    fields: Vec<Field>,
    assignment: Assignment,
    lines: Lines,
    /// Finds their values in a row's record.
    wanted: Wanted,
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
        let lines = match is_columnar {
            true => None,
            false => Some(Lines::new(schema, &order, &options.columns)?),
        };
        let keys = match (is_columnar, dataset.is_partitioned()) {
            (true, true) => Some(Keys::new(&options.partition_keys, schema, arrow, &options.columns)?),
            _ => None,
        };
        Ok(Feed { fields, assignment, lines, keys })
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
                Some(lines) => lines.each(&sources, *taken..rows, first, &mut |record| {
                    pipe.append(record, None)?;
                    *taken += 1;
                    Ok(())
                })?,
            }
        }
        Ok(())
    }

    /// The same into the files of partitions: the partition of every row is found before any is taken.
    fn append_to_partitions(
        &mut self,
        stream: &mut PartitionStream,
        transaction: &mut Transaction,
        batch: &RecordBatch,
        taken: &mut usize,
    ) -> Result<()> {
        let first = stream.records();
        let rows = batch.num_rows();
        let refused = |(row, violation): (usize, Violation)| violation.into_error(first + row as u64);
        let sources = self.assignment.sources(self.fields.iter(), batch).map_err(refused)?;
        if let Some(lines) = &mut self.lines {
            while *taken < rows {
                lines.each(&sources, *taken..rows, first, &mut |data| {
                    stream.append(transaction, Record { data, unix_nanos: None })?;
                    *taken += 1;
                    Ok(())
                })?;
            }
            return Ok(());
        }
        let Some(Keys { fields, assignment, lines, wanted }) = &mut self.keys else { return Ok(()) };
        let keys = assignment.sources(fields.iter(), batch).map_err(refused)?;
        let mut partitions = Vec::with_capacity(rows);
        while partitions.len() < rows {
            lines.each(&keys, partitions.len()..rows, first, &mut |record| {
                let number = first + partitions.len() as u64;
                partitions.push(stream.partition_of(record, wanted.search(record), number)?);
                Ok(())
            })?;
        }
        // What earlier calls could not put into files comes first: if that fails, nothing of this batch is
        // taken.
        stream.append_waiting(transaction)?;
        stream.add(&self.assignment.chosen(batch)?, &partitions)?;
        *taken = rows;
        stream.append_waiting(transaction)
    }
}

impl Keys {
    /// The columns that a partitioned dataset's rows are told apart by: as they are declared, or as they
    /// come.
    ///
    /// # Errors
    /// `ArrowType` for a key that is no column, or of a type that is not portable.
    fn new(keys: &[String], schema: &Schema, arrow: &ArrowSchema, options: &ColumnOptions) -> Result<Self> {
        let field = |key: &String| -> Result<Field> {
            if let Some(declared) = schema.field(key) {
                if declared.column_type == ColumnType::Arrow {
                    return Err(not_portable(key, &declared.stored_type()));
                }
                // One that is null is refused as a record's is, naming the key.
                return Ok(declared.clone().into_nullable());
            }
            let Ok(given) = arrow.field_with_name(key) else {
                let message =
                    format!("the Arrow schema has no field {key:?}, by which the dataset is partitioned");
                return Err(Error::new(Status::ArrowType, message));
            };
            Ok(Field::from_arrow(given, SchemaTypes::Portable)?.into_nullable())
        };
        let fields = keys.iter().map(field).collect::<Result<Vec<_>>>()?;
        let assignment = Assignment::new(fields.iter(), arrow)?;
        let schema = Schema::new(fields.clone())?;
        let order: Vec<usize> = (0..fields.len()).collect();
        Ok(Keys {
            fields,
            assignment,
            lines: Lines::new(&schema, &order, options)?,
            wanted: Wanted::new(keys),
        })
    }
}

impl Lines {
    /// # Errors
    /// `ArrowType` for a column that JSON records do not have.
    fn new(schema: &Schema, order: &[usize], options: &ColumnOptions) -> Result<Self> {
        schema.fields().iter().try_for_each(Field::check_json)?;
        let bytes_text = |number: &usize| {
            (schema.fields()[*number].name.clone(), options.bytes_text(&schema.fields()[*number].name))
        };
        Ok(Lines {
            columns: Columns::new(schema, order),
            bytes_text: order.iter().map(bytes_text).collect(),
            record: Vec::new(),
        })
    }

    /// Gives some of these rows as records, one after another; `first` is the number of row 0, for messages.
    fn each(
        &mut self,
        sources: &[crate::columns::Source<'_>],
        rows: Range<usize>,
        first: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let number = first + rows.start as u64;
        self.columns.extend(sources, rows)?;
        let batch = self.columns.finish_batch()?;
        let bytes_text = |name: &str| {
            self.bytes_text.iter().find(|(known, _)| known == name).map_or(BytesText::Text, |(_, text)| *text)
        };
        let writer = RowWriter::new(&batch, bytes_text)?;
        for row in 0..batch.num_rows() {
            self.record.clear();
            writer.push(row, number + row as u64, &mut self.record)?;
            take(&self.record)?;
        }
        Ok(())
    }
}
