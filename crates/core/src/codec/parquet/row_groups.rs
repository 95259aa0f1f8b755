//! The rows of a file in batches: row group after row group, of the columns that are wanted, page by page.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use parquet::basic::Type as Physical;
use parquet::schema::types::Type;

use super::file::ParquetInput;
use super::{footer, pages, spool};
use crate::codec::SharedInput;
use crate::columns::{ColumnType, UTC, not_portable};
use crate::error::{Error, Result, Status};

use super::comparison::{ColumnComparison, Comparison};

/// A batch's values have about so many bytes at most, unless one row has more.
const BATCH_BYTES: u64 = 8 << 20;

/// What is wanted of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// The columns by name, in this order; `None`: all, in the file's.
    pub columns: Option<Arc<[String]>>,
    /// A row group in which no row can satisfy all of these is left out.
    pub comparisons: Arc<[Comparison]>,
    /// Types that are not portable are read, too.
    pub any_type: bool,
}

/// Reads the batches of one file.
pub(crate) struct Batches {
    file: ParquetInput,
    metadata: ArrowReaderMetadata,
    /// The places in the file of the columns that are wanted, ascending.
    places: Vec<usize>,
    /// The columns of a batch as they were asked for: numbers of `places`.
    order: Vec<usize>,
    schema: SchemaRef,
    comparisons: Vec<ColumnComparison>,
    next_group: usize,
    group: Option<Group>,
    /// How many rows the row groups had that were read or left out so far.
    rows: u64,
    /// All bytes of the file were read once, front to back.
    is_checked: bool,
}

/// The row group that is being read.
struct Group {
    reader: ParquetRecordBatchReader,
    rows_left: usize,
}

impl Batches {
    /// Opens a file: checks its footer and what is asked of it.
    ///
    /// # Errors
    /// `InvalidFormat`; `ArrowType` for a column that is wanted and is of a type that is not read;
    /// `InvalidArgument` for a column that the file does not have; `Unsupported`; those of `input`.
    pub fn open(input: &SharedInput, selection: &Selection) -> Result<Self> {
        let (input, size, is_checked) = match input.size() {
            Some(size) => (input.clone(), size, false),
            None => {
                let copy = spool::copy_of(input)?;
                let size = copy.size().unwrap_or_default();
                (copy, size, true)
            }
        };
        let metadata = guarded(|| footer::read(&input, size))?;
        let file = ParquetInput::new(input, size);
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(!selection.any_type);
        let inferred = guarded(|| {
            ArrowReaderMetadata::try_new(Arc::new(metadata), options).map_err(|error| foreign(&error))
        })?;
        let fields = &with_moments(&inferred);
        let order = match &selection.columns {
            None => (0..fields.len()).collect::<Vec<_>>(),
            Some(names) => names.iter().map(|name| place_of(fields, name)).collect::<Result<_>>()?,
        };
        let mut places = order.clone();
        places.sort_unstable();
        places.dedup();
        if places.len() != order.len() {
            return Err(Error::new(Status::InvalidArgument, "a column is asked for twice"));
        }
        for place in &places {
            let field = &fields[*place];
            if !selection.any_type && ColumnType::of_arrow(field.data_type()).is_none() {
                return Err(not_portable(field.name(), field.data_type()));
            }
        }
        let order: Vec<usize> =
            order.iter().map(|place| places.binary_search(place).unwrap_or_default()).collect();
        // Views of the pages: a value that a dictionary has once is then in memory once.
        let viewed: Vec<Field> = fields.iter().map(|field| as_view(field, selection.any_type)).collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(viewed)));
        let parquet = inferred.metadata().clone();
        let metadata =
            guarded(|| ArrowReaderMetadata::try_new(parquet, options).map_err(|error| foreign(&error)))?;
        let read: Vec<_> = places.iter().map(|place| metadata.schema().field(*place).clone()).collect();
        let schema =
            Arc::new(Schema::new(order.iter().map(|place| read[*place].clone()).collect::<Vec<_>>()));
        let comparisons = selection
            .comparisons
            .iter()
            .map(|comparison| {
                let place = place_of(metadata.schema().fields(), &comparison.column)?;
                comparison.of_column(place, metadata.schema().field(place).data_type())
            })
            .collect::<Result<_>>()?;
        Ok(Batches {
            file,
            metadata,
            places,
            order,
            schema,
            comparisons,
            next_group: 0,
            group: None,
            rows: 0,
            is_checked,
        })
    }

    /// The columns of the batches. Strings and bytes come as views.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows the row groups had that were read or left out so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many rows of the row group are left.
    pub fn rows_left(&self) -> usize {
        self.group.as_ref().map_or(0, |group| group.rows_left)
    }

    /// The next rows, at most `most`; none at the end only, once the whole file has been checked.
    ///
    /// # Errors
    /// `InvalidFormat`; those of the input.
    pub fn next(&mut self, most: usize) -> Result<Option<RecordBatch>> {
        loop {
            let Some(group) = &mut self.group else {
                if self.next_group == self.metadata.metadata().num_row_groups() {
                    self.check_rest()?;
                    return Ok(None);
                }
                self.open_group(most)?;
                continue;
            };
            if group.rows_left == 0 {
                self.group = None;
                continue;
            }
            let file = &self.file;
            let batch = guarded(|| match group.reader.next() {
                Some(Ok(batch)) => Ok(Some(batch)),
                Some(Err(error)) => Err(file.failure(&error)),
                None => Ok(None),
            })?;
            let Some(batch) = batch.filter(|batch| batch.num_rows() <= group.rows_left) else {
                let number = self.next_group - 1;
                return Err(footer::invalid(format_args!(
                    "row group {number} has not as many rows as it tells"
                )));
            };
            group.rows_left -= batch.num_rows();
            let ordered = self.order.iter().map(|place| batch.column(*place).clone()).collect();
            return RecordBatch::try_new_with_options(
                self.schema.clone(),
                ordered,
                &arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
            )
            .map(Some)
            .map_err(footer::invalid);
        }
    }

    /// Opens the next row group, or leaves it out.
    fn open_group(&mut self, most: usize) -> Result<()> {
        let number = self.next_group;
        let parquet = self.metadata.metadata().clone();
        let group = parquet.row_group(number);
        self.next_group += 1;
        self.rows += group.num_rows() as u64;
        let is_empty = group.num_rows() == 0;
        if is_empty || self.comparisons.iter().any(|comparison| comparison.excludes(group)) {
            return Ok(());
        }
        let mut row_bytes = 1;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), self.places.iter().copied());
        for (leaf, chunk) in group.columns().iter().enumerate() {
            if mask.leaf_included(leaf) {
                row_bytes += pages::check(self.file.input(), chunk)?;
            }
        }
        let batch_size = usize::try_from(BATCH_BYTES / row_bytes).unwrap_or(most).clamp(1, most.max(1));
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.metadata.clone())
                .with_projection(mask)
                .with_row_groups(vec![number])
                .with_batch_size(batch_size);
        let file = &self.file;
        let reader = guarded(|| builder.build().map_err(|error| file.failure(&error)))?;
        let rows_left = usize::try_from(group.num_rows()).unwrap_or(usize::MAX);
        self.group = Some(Group { reader, rows_left });
        Ok(())
    }

    /// Reads the whole file once, so that all of it is checked, also what was not decoded.
    fn check_rest(&mut self) -> Result<()> {
        if self.is_checked || self.file.input().is_checked() {
            return Ok(());
        }
        let mut room = vec![0; 256 << 10];
        while self.file.input().read(&mut room)? > 0 {}
        self.is_checked = true;
        Ok(())
    }
}

fn place_of(fields: &arrow_schema::Fields, name: &str) -> Result<usize> {
    fields
        .iter()
        .position(|field| field.name() == name)
        .ok_or_else(|| Error::new(Status::InvalidArgument, format_args!("the file has no column {name:?}")))
}

/// The file's fields; those of the old type INT96, which Spark still writes, are moments. Spark stores
/// microseconds, and dates far beyond what nanoseconds reach, which are found when they are widened; others
/// store nanoseconds.
fn with_moments(file: &ArrowReaderMetadata) -> arrow_schema::Fields {
    let metadata = file.metadata().file_metadata();
    let is_java = metadata.created_by().is_some_and(|writer| writer.starts_with("parquet-mr"));
    let unit = if is_java { TimeUnit::Microsecond } else { TimeUnit::Nanosecond };
    let columns = metadata.schema_descr().root_schema().get_fields();
    let field = |(field, column): (&Arc<Field>, &Arc<Type>)| -> Arc<Field> {
        if column.is_primitive() && column.get_physical_type() == Physical::INT96 {
            let moment = DataType::Timestamp(unit, Some(UTC.into()));
            Arc::new(field.as_ref().clone().with_data_type(moment))
        } else {
            field.clone()
        }
    };
    file.schema().fields().iter().zip(columns).map(field).collect()
}

/// The field, its strings and bytes as views; where any type is read, types stay as the file has them.
fn as_view(field: &Field, any_type: bool) -> Field {
    let data_type = match field.data_type() {
        DataType::Utf8 if !any_type => DataType::Utf8View,
        DataType::Binary if !any_type => DataType::BinaryView,
        other => other.clone(),
    };
    field.clone().with_data_type(data_type)
}

/// A schema that Arrow has no types for.
#[cold]
fn foreign(error: &parquet::errors::ParquetError) -> Error {
    footer::invalid(format_args!("its schema cannot be read as Arrow types: {error}"))
}

/// Decoding what may be damaged: a panic of the decoder is the file's fault, too.
fn guarded<T>(decode: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|payload| {
        let what = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("it cannot be decoded");
        Err(footer::invalid(what))
    })
}
