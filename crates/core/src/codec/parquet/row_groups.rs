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
use super::row_bytes::RowBytes;
use super::{footer, pages, spool};
use crate::codec::SharedInput;
use crate::columns::{ColumnType, UTC, not_portable};
use crate::error::{Error, Result, Status};

use super::comparison::{ColumnComparison, Comparison};

/// How many rows with views are decoded at once: they stay in the processor's cache until they are gathered.
const ROWS_WITH_VIEWS: usize = 8192;

/// What is wanted of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// The columns by name, in this order; `None`: all, in the file's.
    pub columns: Option<Arc<[String]>>,
    /// A row group in which no row can satisfy all of these is left out.
    pub comparisons: Arc<[Comparison]>,
    /// Types that are not portable are read, too.
    pub any_type: bool,
    /// Where all types are those that are given out, texts are decoded to them, not to views, if that bounds
    /// what a batch takes.
    pub copied: bool,
    /// Strings and bytes come in the form that the file says, instead of views.
    pub keeps_forms: bool,
}

/// Reads the batches of one file.
pub(crate) struct Batches {
    file: ParquetInput,
    metadata: ArrowReaderMetadata,
    /// The file's columns, and those of a batch, with copied texts; only where they are wanted.
    copied: Option<(ArrowReaderMetadata, SchemaRef)>,
    any_type: bool,
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
    has_copies: bool,
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
        let form = |field: &Arc<Field>| if selection.keeps_forms { field.clone() } else { as_view(field) };
        let formed: arrow_schema::Fields = fields.iter().map(form).collect();
        let metadata = if formed == *inferred.schema().fields() {
            inferred.clone()
        } else {
            let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(formed)));
            let parquet = inferred.metadata().clone();
            guarded(|| ArrowReaderMetadata::try_new(parquet, options).map_err(|error| foreign(&error)))?
        };
        let ordered = |read: &Schema| {
            let field = |place: &usize| read.field(places[*place]).clone();
            Arc::new(Schema::new(order.iter().map(field).collect::<Vec<_>>()))
        };
        let schema = ordered(metadata.schema());
        let is_own = |place: &usize| {
            let data_type = inferred.schema().field(*place).data_type();
            ColumnType::of_arrow(data_type).is_some_and(|own| own.arrow() == *data_type)
        };
        let copied = (selection.copied && !selection.any_type && places.iter().all(is_own))
            .then(|| (inferred.clone(), ordered(inferred.schema())));
        let comparisons = selection
            .comparisons
            .iter()
            .map(|comparison| {
                let place = place_of(metadata.schema().fields(), &comparison.column)?;
                let parquet = metadata.parquet_schema();
                // A field that is nested has several columns of the file.
                let column = (0..parquet.num_columns())
                    .find(|column| parquet.get_column_root_idx(*column) == place)
                    .unwrap_or_default();
                comparison.of_column(column, metadata.schema().field(place).data_type())
            })
            .collect::<Result<_>>()?;
        Ok(Batches {
            file,
            metadata,
            copied,
            any_type: selection.any_type,
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

    /// The columns of the batches. Strings and bytes come as views, unless they are copied.
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

    /// Whether the batch that came last has the types that are given out.
    pub fn has_copies(&self) -> bool {
        self.group.as_ref().is_some_and(|group| group.has_copies)
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
            let schema = match &self.copied {
                Some((_, schema)) if group.has_copies => schema,
                _ => &self.schema,
            };
            return RecordBatch::try_new_with_options(
                schema.clone(),
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
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), self.places.iter().copied());
        let leaves = group.columns().iter().enumerate();
        let leaves = leaves.filter(|(leaf, _)| mask.leaf_included(*leaf)).map(|(_, chunk)| chunk);
        let (mut views, mut copies) = (RowBytes::none(), RowBytes::none());
        for chunk in leaves {
            let pages = pages::check(self.file.input(), chunk)?;
            views.add_views(chunk, group, &pages);
            if self.any_type || self.copied.is_some() {
                guarded(|| copies.add_copied(&self.file, chunk, group, &pages))?;
            }
        }
        let rows_left = usize::try_from(group.num_rows()).unwrap_or(usize::MAX);
        let most = most.min(rows_left);
        let (metadata, batch_size, has_copies) = match &self.copied {
            Some((metadata, _)) if copies.is_known(most) => (metadata, copies.rows(most), true),
            _ if self.any_type => (&self.metadata, copies.rows(most), false),
            _ => (&self.metadata, views.rows(most.min(ROWS_WITH_VIEWS)), false),
        };
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), metadata.clone())
            .with_projection(mask)
            .with_row_groups(vec![number])
            .with_batch_size(batch_size);
        let file = &self.file;
        let reader = guarded(|| builder.build().map_err(|error| file.failure(&error)))?;
        self.group = Some(Group { reader, rows_left, has_copies });
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

/// The field, its strings and bytes as views.
fn as_view(field: &Arc<Field>) -> Arc<Field> {
    let data_type = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        _ => return field.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
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
