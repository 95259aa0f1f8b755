//! A caller's Arrow stream, arrays and schemas as the library takes them.

use std::ffi::CStr;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, StructArray};
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};

use super::{ArrowArray, ArrowArrayStream, ArrowSchema, Moved, check};
use crate::call::Call;
use crate::panic::outside;
use lode_core::dataset::BatchSource;
use lode_core::error::{Error, Result, Status};

impl Call {
    #[cold]
    pub(super) fn no_stream(&self, what: &str) -> Error {
        self.fault(Status::NilIterator, format_args!("stream (an ArrowArrayStream) {what}"))
    }

    #[cold]
    pub(super) fn broken_array(&self, what: &str) -> Error {
        self.fault(Status::IteratorContract, format_args!("array (an ArrowArray) cannot be used: {what}"))
    }

    /// A schema of the caller's, which is only borrowed.
    ///
    /// # Safety
    /// `schema` is NULL or a struct as the Arrow C data interface says.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(in super::super) unsafe fn arrow_schema(
        &self,
        schema: *const ArrowSchema,
        name: &str,
    ) -> Result<Schema> {
        let invalid =
            |what: String| self.invalid(format_args!("{name} (an ArrowSchema) cannot be used: {what}"));
        // SAFETY: as asked of the caller.
        unsafe {
            check::schema(schema).map_err(invalid)?;
            read_schema(&*schema).map_err(invalid)
        }
    }
}

/// # Safety
/// The schema was checked.
unsafe fn read_schema(schema: &ArrowSchema) -> std::result::Result<Schema, String> {
    // SAFETY: the same layout; it is only borrowed.
    let schema = unsafe { &*(&raw const *schema).cast::<FFI_ArrowSchema>() };
    if schema.format() != "+s" {
        return Err(format!("its format is {:?}, expected a struct of columns, \"+s\"", schema.format()));
    }
    Schema::try_from(schema).map_err(|error| error.to_string())
}

/// The rows of an array of this schema, checked.
///
/// # Errors
/// What is wrong with the array, which is released.
///
/// # Safety
/// The array is as the Arrow C data interface says, as far as that cannot be checked here.
pub(super) unsafe fn batch(
    array: Moved<ArrowArray>,
    schema: &Schema,
) -> std::result::Result<RecordBatch, String> {
    // What may be null is checked against the dataset's schema, not against what the producer says.
    let fields: Fields = schema.fields().iter().map(|field| nullable(field)).collect();
    let data_type = DataType::Struct(fields.clone());
    // SAFETY: as asked of the caller.
    unsafe { check::array(&raw const array.0, &data_type)? };
    let mut array = std::mem::ManuallyDrop::new(array);
    // SAFETY: the same layout; the array is owned here, and the value made of it calls its release.
    let array = unsafe { FFI_ArrowArray::from_raw((&raw mut array.0).cast()) };
    // SAFETY: lengths, offsets and parts were checked; the rest is the producer's word.
    let data = unsafe { arrow_array::ffi::from_ffi_and_data_type(array, data_type) };
    let data = data.map_err(|error| error.to_string())?;
    data.validate_full().map_err(|error| error.to_string())?;
    let rows = StructArray::from(data);
    if rows.null_count() > 0 {
        return Err(format!("{} of its rows are null", rows.null_count()));
    }
    let count = rows.len();
    let (_, columns, _) = rows.into_parts();
    let schema: SchemaRef = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(count));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(|error| error.to_string())
}

fn nullable(field: &Field) -> Field {
    field.clone().with_nullable(true)
}

/// The caller's stream as the library pulls from it.
pub(super) struct CallerBatches {
    stream: Moved<ArrowArrayStream>,
    get_next: unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowArray) -> std::ffi::c_int,
    schema: SchemaRef,
    /// How many rows came so far.
    rows: u64,
    ended: bool,
}

impl CallerBatches {
    /// Asks the stream for its schema.
    ///
    /// # Errors
    /// `NilIterator`, `Iterator`, `IteratorContract`.
    pub fn new(call: &Call, mut stream: Moved<ArrowArrayStream>) -> Result<Self> {
        let raw = &stream.0;
        if raw.release.is_none() {
            return Err(call.no_stream("was released"));
        }
        let (Some(get_schema), Some(get_next)) = (raw.get_schema, raw.get_next) else {
            return Err(call.no_stream("has no get_schema, or no get_next"));
        };
        let mut schema = OwnedSchema::empty();
        // SAFETY: the producer gave the function with the stream; the output lives on.
        match outside(|| unsafe { get_schema(&raw mut stream.0, &raw mut schema.0) }) {
            0 => {}
            errno => return Err(failed(&mut stream, "get_schema", errno, 0)),
        }
        let broken = |what: String| {
            call.fault(
                Status::IteratorContract,
                format_args!("the schema of the Arrow stream cannot be used: {what}"),
            )
        };
        // SAFETY: filled by the producer, as it says.
        let schema = unsafe {
            check::schema(&raw const schema.0).map_err(broken)?;
            read_schema(&schema.0).map_err(broken)?
        };
        Ok(CallerBatches { stream, get_next, schema: Arc::new(schema), rows: 0, ended: false })
    }
}

impl BatchSource for CallerBatches {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.ended {
            let message = "internal error in lode, please report it: the stream was asked after its end";
            return Err(Error::new(Status::Internal, message));
        }
        let mut array = Moved(released_array());
        let (get_next, stream) = (self.get_next, &raw mut self.stream.0);
        // SAFETY: the producer gave the function with the stream; the output lives on.
        let errno = outside(|| unsafe { get_next(stream, &raw mut array.0) });
        if errno != 0 {
            self.ended = true;
            // What a failed call left in its output is not its to give.
            std::mem::forget(array);
            return Err(failed(&mut self.stream, "get_next", errno, self.rows));
        }
        if array.0.release.is_none() {
            self.ended = true;
            return Ok(None);
        }
        // SAFETY: filled by the producer, as it says.
        let batch = unsafe { batch(array, &self.schema) }.map_err(|what| {
            self.ended = true;
            let rows = self.rows;
            let message = format!("the Arrow stream broke its contract after {rows} rows: {what}");
            Error::new(Status::IteratorContract, message).with_record(rows)
        })?;
        self.rows += batch.num_rows() as u64;
        Ok(Some(batch))
    }
}

/// The stream has answered an errno.
#[cold]
fn failed(stream: &mut Moved<ArrowArrayStream>, call: &str, errno: std::ffi::c_int, rows: u64) -> Error {
    let ask = stream.0.get_last_error;
    // SAFETY: the producer gave the function with the stream.
    let text = ask.map_or(std::ptr::null(), |ask| outside(|| unsafe { ask(&raw mut stream.0) }));
    // SAFETY: not NULL, so NUL-terminated, until the stream's next call.
    let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
    let text = text.unwrap_or_else(|| std::io::Error::from_raw_os_error(errno).to_string());
    let message = format!("the Arrow stream's {call} failed after {rows} rows with {errno}: {text}");
    Error::new(Status::Iterator, message).with_record(rows).with_callback_code(errno)
}

/// A schema that a producer fills, and that is released at its end.
struct OwnedSchema(ArrowSchema);

impl OwnedSchema {
    fn empty() -> Self {
        OwnedSchema(ArrowSchema {
            format: std::ptr::null(),
            name: std::ptr::null(),
            metadata: std::ptr::null(),
            flags: 0,
            n_children: 0,
            children: std::ptr::null_mut(),
            dictionary: std::ptr::null_mut(),
            release: None,
            private_data: std::ptr::null_mut(),
        })
    }
}

impl Drop for OwnedSchema {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: the producer gave the function with the schema; this is its one call.
            outside(|| unsafe { release(&raw mut self.0) });
        }
    }
}

fn released_array() -> ArrowArray {
    ArrowArray {
        length: 0,
        null_count: 0,
        offset: 0,
        n_buffers: 0,
        n_children: 0,
        buffers: std::ptr::null_mut(),
        children: std::ptr::null_mut(),
        dictionary: std::ptr::null_mut(),
        release: None,
        private_data: std::ptr::null_mut(),
    }
}
