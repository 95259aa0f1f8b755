//! A snapshot as Arrow record batches: all columns or some, row group by row group of a Parquet file, or from
//! the records of JSON lines where a schema is declared.

use std::sync::{Arc, Mutex};

use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema as ArrowSchema, SchemaRef};

use super::file_reader::FileReader;
use super::record_reader::{Watched, watched};
use super::{Dataset, ReadOptions, RecordReader, Snapshot, Verify};
use crate::checksum::Checksum;
use crate::codec::parquet::{Batches, Gathering, Selection, fitting};
use crate::codec::{Codec, SharedInput};
use crate::columns::{ColumnType, Columns, Comparison, RecordParser, Refusal, Schema, SchemaTypes};
use crate::compress::Compressor;
use crate::context::Context;
use crate::error::{Error, Result, Status};

/// How many rows a batch has at most where the caller does not say.
const BATCH_ROWS: usize = 65_536;

/// How many bytes a batch's values have at most, unless one row has more.
const BATCH_BYTES: usize = 8 << 20;

/// How to read a snapshot as batches.
#[derive(Clone, Debug, Default)]
pub struct ArrowReadOptions {
    /// Deadline, cancelling, and how much is checked.
    pub read: ReadOptions,
    /// The columns by name, in this order; `None`: all.
    pub columns: Option<Vec<String>>,
    /// The most rows of a batch; 0: 65,536. A batch may have fewer.
    pub batch_rows: usize,
    /// Row groups in which, by their statistics, no row can satisfy all of these are left out. Rows are not
    /// filtered: those that are given may satisfy them or not.
    pub comparisons: Vec<Comparison>,
}

/// Streams a snapshot's rows. It belongs to one thread at a time.
pub struct ArrowReader {
    dataset: Dataset,
    snapshot: Snapshot,
    options: ArrowReadOptions,
    schema: SchemaRef,
    rows: Rows,
    end: Option<Result<()>>,
}

enum Rows {
    Files(Box<Files>),
    Records(Box<FromRecords>),
}

/// The Parquet files of a snapshot.
struct Files {
    selection: Selection,
    compressor: Compressor,
    checksum: Option<Checksum>,
    next: usize,
    file: Option<OpenFile>,
    /// The rows of the files that were read.
    rows: u64,
}

struct OpenFile {
    path: String,
    input: Arc<Mutex<Watched>>,
    batches: Batches,
    /// Whether columns are given out with the portable types.
    is_portable: bool,
    /// Once rows came that are not given out as they were decoded.
    gathering: Option<Gathering>,
    /// Rows that were decoded, and the first of them that was not given out or gathered.
    decoded: Option<(RecordBatch, usize)>,
    /// How many rows were given out or gathered.
    given: u64,
}

/// Records as rows.
struct FromRecords {
    reader: RecordReader,
    parser: RecordParser,
    columns: Columns,
    number: u64,
}

impl Dataset {
    /// Begins to read a snapshot as Arrow batches: of a Parquet snapshot its columns, of JSON lines those of
    /// the dataset's schema. Opens the first file.
    ///
    /// # Errors
    /// `CodecRequired` for a raw blob; `SchemaRequired` for JSON lines without a schema; `ArrowType` for a
    /// column of a type that is not portable, unless the dataset was opened with [`SchemaTypes::Arrow`];
    /// `InvalidArgument` for a column that is not there; `InvalidFormat`; otherwise as [`Dataset::read`].
    pub fn read_arrow(&self, snapshot: &Snapshot, options: ArrowReadOptions) -> Result<ArrowReader> {
        let codec = snapshot.manifest().codec.as_deref().and_then(Codec::from_manifest_name);
        if codec == Some(Codec::Parquet) {
            return self.read_files(snapshot, options).map_err(|error| self.named(error));
        }
        // It says what is wrong with a snapshot without records.
        let reader = self.read(snapshot, options.read.clone())?;
        self.read_records_as_rows(snapshot, options, reader).map_err(|error| self.named(error))
    }

    fn read_files(&self, snapshot: &Snapshot, options: ArrowReadOptions) -> Result<ArrowReader> {
        self.check_own(snapshot)?;
        self.verify_manifest(snapshot, &options.read)?;
        let (compressor, checksum) = self.file_format(snapshot, options.read.verify)?;
        let any_type = self.options().columns.types == SchemaTypes::Arrow;
        let selection = Selection {
            columns: options.columns.clone().map(Into::into),
            comparisons: options.comparisons.clone().into(),
            any_type,
            keeps_forms: any_type,
            copied: true,
        };
        let files = Files { selection, compressor, checksum, next: 0, file: None, rows: 0 };
        let mut reader = ArrowReader {
            dataset: self.clone(),
            snapshot: snapshot.clone(),
            options,
            schema: Arc::new(ArrowSchema::empty()),
            rows: Rows::Files(Box::new(files)),
            end: None,
        };
        let context = self.begin(&reader.options.read.call);
        reader.schema = reader.first_schema(&context)?;
        Ok(reader)
    }

    fn read_records_as_rows(
        &self,
        snapshot: &Snapshot,
        options: ArrowReadOptions,
        reader: RecordReader,
    ) -> Result<ArrowReader> {
        let Some(schema) = self.options().columns.schema.clone() else {
            let message =
                "its records are JSON lines: open the dataset with a schema to read them as columns";
            return Err(Error::new(Status::SchemaRequired, message));
        };
        let place = |name: &String| {
            let found = schema.fields().iter().position(|field| field.name == *name);
            found.ok_or_else(|| {
                Error::new(Status::InvalidArgument, format_args!("the schema has no column {name:?}"))
            })
        };
        for comparison in &options.comparisons {
            let place = place(&comparison.column)?;
            comparison.check(&schema.fields()[place].stored_type())?;
        }
        let schema = match &options.columns {
            None => schema,
            Some(names) => {
                let chosen = names.iter().map(place).collect::<Result<Vec<_>>>()?;
                let fields = chosen.iter().map(|place| schema.fields()[*place].clone()).collect();
                Arc::new(Schema::new(fields)?)
            }
        };
        let order: Vec<usize> = (0..schema.fields().len()).collect();
        let columns = Columns::new(&schema, &order);
        let rows = FromRecords { parser: RecordParser::new(columns.fields())?, reader, columns, number: 0 };
        Ok(ArrowReader {
            dataset: self.clone(),
            snapshot: snapshot.clone(),
            options,
            schema: rows.columns.arrow().clone(),
            rows: Rows::Records(Box::new(rows)),
            end: None,
        })
    }
}

impl ArrowReader {
    /// The columns of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The next batch, of at least one row; `None` at the end, once all has been found right.
    ///
    /// # Errors
    /// `InvalidFormat`; `Corrupt`; `ArrowType` if the files of a snapshot differ in their columns;
    /// `SchemaViolation` for a record of JSON lines that does not fit the schema; `Deadline`, `Cancelled`;
    /// the store's failure. A failure stays.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(end) = &self.end {
            return end.clone().map(|()| None);
        }
        let next = self.advance().map_err(|error| self.dataset.named(error));
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.end = Some(Ok(())),
            Err(error) => self.end = Some(Err(error.clone())),
        }
        next
    }

    fn most(&self) -> usize {
        if self.options.batch_rows == 0 { BATCH_ROWS } else { self.options.batch_rows }
    }

    fn advance(&mut self) -> Result<Option<RecordBatch>> {
        let most = self.most();
        if let Rows::Records(rows) = &mut self.rows {
            return rows.next(most);
        }
        let context = self.dataset.begin(&self.options.read.call);
        loop {
            context.check("reading columns")?;
            let Rows::Files(files) = &mut self.rows else { return Ok(None) };
            if files.file.is_none() && !self.open_next(&context)? {
                return self.check_rows().map(|()| None);
            }
            let Rows::Files(files) = &mut self.rows else { return Ok(None) };
            if let Some(batch) = files.decode(&context, most, &self.schema)? {
                return Ok(Some(batch));
            }
        }
    }

    /// Opens the next file; false: there is none.
    fn open_next(&mut self, context: &Context) -> Result<bool> {
        let Rows::Files(files) = &mut self.rows else { return Ok(false) };
        let Some(file) = self.snapshot.manifest().files.get(files.next).cloned() else { return Ok(false) };
        files.next += 1;
        let path = file.path.clone();
        let mut open = FileReader::open(self.dataset.store(), file, files.compressor, context)?;
        open.check_by(files.checksum, self.options.read.verify, context)?;
        let input = Arc::new(Mutex::new(Watched { file: open, context: context.clone() }));
        let located = |error| located(error, &path);
        let batches = Batches::open(&SharedInput::of(input.clone()), &files.selection).map_err(located)?;
        let is_portable = !files.selection.any_type;
        files.file =
            Some(OpenFile { path, input, batches, is_portable, gathering: None, decoded: None, given: 0 });
        Ok(true)
    }

    /// The schema that the first file gives, or that is declared if there is no file.
    fn first_schema(&mut self, context: &Context) -> Result<SchemaRef> {
        if self.open_next(context)?
            && let Rows::Files(files) = &self.rows
            && let Some(file) = &files.file
        {
            return Ok(given_schema(file.batches.schema(), files.selection.any_type));
        }
        let declared = self.dataset.options().columns.schema.as_ref();
        Ok(declared
            .map_or_else(|| Arc::new(ArrowSchema::empty()), |schema| schema.arrow_in(&schema.file_order())))
    }

    fn check_rows(&self) -> Result<()> {
        let Rows::Files(files) = &self.rows else { return Ok(()) };
        let expected = self.snapshot.manifest().row_count;
        if self.options.read.verify == Verify::SizeOnly || files.rows == expected {
            return Ok(());
        }
        let found = files.rows;
        let message = format!("its manifest counts {expected} records, but its files hold {found}");
        Err(Error::new(Status::Corrupt, message).with_snapshot_id(self.snapshot.id()))
    }
}

impl Files {
    /// Decodes the next rows of the open file; none: it was closed at its end.
    fn decode(&mut self, context: &Context, most: usize, schema: &SchemaRef) -> Result<Option<RecordBatch>> {
        let Some(file) = &mut self.file else { return Ok(None) };
        watched(&file.input).context = context.clone();
        let path = file.path.clone();
        let located = |error| located(error, &path);
        let batch = if file.is_portable { file.gather(most) } else { file.batches.next(most) };
        let batch = batch.map_err(located)?;
        let Some(batch) = batch else {
            self.rows += file.batches.rows();
            self.file = None;
            return Ok(None);
        };
        given(&batch, schema).map_err(located).map(Some)
    }
}

impl OpenFile {
    /// The next rows with the types that are given out: as they were decoded, or gathered where they are
    /// views or of other types.
    fn gather(&mut self, most: usize) -> Result<Option<RecordBatch>> {
        loop {
            let (rows, next) = match &mut self.decoded {
                Some(decoded) => decoded,
                None => match self.batches.next(most)? {
                    Some(rows) => self.decoded.insert((rows, 0)),
                    None => {
                        let rest = self.gathering.as_mut().filter(|gathering| gathering.rows() > 0);
                        return rest.map(Gathering::finish).transpose();
                    }
                },
            };
            let left = *next..rows.num_rows();
            if self.batches.has_copies() && !left.is_empty() {
                // A batch is of one row group, so that none of its rows was gathered.
                let given = rows.slice(*next, fitting(rows, *next, BATCH_BYTES));
                *next += given.num_rows();
                if *next == rows.num_rows() {
                    self.decoded = None;
                }
                self.given += given.num_rows() as u64;
                return Ok(Some(given));
            }
            let gathering = match &mut self.gathering {
                Some(gathering) => gathering,
                None => self.gathering.insert(Gathering::new(self.batches.schema(), SchemaTypes::Portable)?),
            };
            if gathering.rows() == 0 {
                let expected = left.len().saturating_add(self.batches.rows_left());
                gathering.reserve(expected.min(most), BATCH_BYTES)?;
            }
            let taken = gathering.take(rows, left.clone(), self.given - *next as u64, most, BATCH_BYTES)?;
            *next += taken;
            self.given += taken as u64;
            if taken < left.len() {
                return gathering.finish().map(Some);
            }
            self.decoded = None;
            // A batch is of one row group, so that what is held of it is let go.
            if gathering.rows() >= most || (gathering.rows() > 0 && self.batches.rows_left() == 0) {
                return gathering.finish().map(Some);
            }
        }
    }
}

impl FromRecords {
    fn next(&mut self, most: usize) -> Result<Option<RecordBatch>> {
        while self.columns.rows() < most && self.columns.bytes() < BATCH_BYTES {
            let Some(record) = self.reader.next()? else { break };
            let number = self.number;
            self.parser.parse(record).map_err(|refusal| match refusal {
                Refusal::Violation(violation) => violation.into_error(number),
                Refusal::ArrowType(message) => Error::new(Status::ArrowType, message),
                Refusal::Fault(fault) => {
                    let message = format!("record {number} is not one JSON document: {}", fault.reason);
                    Error::new(Status::InvalidRecord, message)
                        .with_record(number)
                        .with_offset(fault.offset as u64)
                }
            })?;
            self.columns.push(&self.parser, record)?;
            self.number += 1;
        }
        if self.columns.rows() == 0 { Ok(None) } else { self.columns.finish_batch().map(Some) }
    }
}

#[cold]
fn located(error: Error, path: &str) -> Error {
    match error.status() {
        Status::InvalidFormat | Status::ArrowType => error.context(format_args!("the data file {path}")),
        _ => error,
    }
    .with_path(path)
}

/// The schema of the batches that are given out.
fn given_schema(read: &ArrowSchema, any_type: bool) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let data_type = match ColumnType::of_arrow(field.data_type()) {
            Some(own) if !any_type => own.arrow(),
            _ => field.data_type().clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable()).with_metadata(if any_type {
            field.metadata().clone()
        } else {
            Default::default()
        })
    };
    Arc::new(ArrowSchema::new(read.fields().iter().map(field).collect::<Vec<_>>()))
}

/// The batch as it is given out.
fn given(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let read = batch.schema_ref();
    if read.fields().len() != schema.fields().len() {
        return Err(differs("its columns are not those of the snapshot's first file"));
    }
    for ((array, own), field) in batch.columns().iter().zip(read.fields()).zip(schema.fields()) {
        let (found, expected) = (array.data_type(), field.data_type());
        if found != expected {
            let name = field.name();
            return Err(differs(format_args!(
                "its column {name:?} has the type {found}, that of the snapshot's first file {expected}"
            )));
        }
        if own.name() != field.name() || (!field.is_nullable() && array.null_count() > 0) {
            let (own, name) = (own.name(), field.name());
            return Err(differs(format_args!(
                "its column {own:?} is not as the column {name:?} of the snapshot's first file, or has nulls"
            )));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options)
        .map_err(|error| differs(format_args!("{error}")))
}

#[cold]
fn differs(what: impl std::fmt::Display) -> Error {
    Error::new(Status::ArrowType, what)
}
