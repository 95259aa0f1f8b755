//! The declared schema of records: names, types, and what may be null (`docs/parquet-arrow.md`, section
//! "Schema").

use std::sync::Arc;

use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{
    DataType, Field as ArrowField, FieldRef as ArrowFieldRef, Fields, Schema as ArrowSchema, SchemaRef,
    TimeUnit,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{SchemaTypes, arrow_type};
use crate::error::{Error, Result, Status};

/// The most columns that a schema may have.
pub const COLUMNS_MAX: usize = 10_000;

/// The time zone of every timestamp that is given out.
pub(crate) const UTC: &str = "UTC";

/// The portable types: those that the Go library reads; and whatever else Arrow has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A binary floating point number of 32 bits.
    Float32,
    /// A binary floating point number of 64 bits.
    Float64,
    /// UTF-8 text.
    String,
    /// True or false.
    Bool,
    /// Bytes, which in JSON are a string.
    Bytes(BytesText),
    /// A moment in nanoseconds since the Unix epoch, which in JSON is RFC 3339 text.
    Timestamp,
    /// None of these: the Arrow type that the field tells.
    Arrow,
}

/// How bytes are written as a JSON string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BytesText {
    /// The bytes are the string's UTF-8.
    #[default]
    Text,
    /// The string is their base64 (RFC 4648, section 4, with padding).
    Base64,
}

impl ColumnType {
    /// Its name in a schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ColumnType::Int32 => "int32",
            ColumnType::Int64 => "int64",
            ColumnType::Float32 => "float32",
            ColumnType::Float64 => "float64",
            ColumnType::String => "string",
            ColumnType::Bool => "bool",
            ColumnType::Bytes(_) => "bytes",
            ColumnType::Timestamp => "timestamp",
            ColumnType::Arrow => "an Arrow type",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [
            ColumnType::Int32,
            ColumnType::Int64,
            ColumnType::Float32,
            ColumnType::Float64,
            ColumnType::String,
            ColumnType::Bool,
            ColumnType::Bytes(BytesText::Text),
            ColumnType::Timestamp,
        ]
        .into_iter()
        .find(|known| known.name() == name)
    }

    /// The Arrow type that its columns are given out as; of [`ColumnType::Arrow`] only the field knows it.
    #[must_use]
    pub fn arrow(self) -> DataType {
        match self {
            ColumnType::Int32 => DataType::Int32,
            ColumnType::Int64 => DataType::Int64,
            ColumnType::Float32 => DataType::Float32,
            ColumnType::Float64 => DataType::Float64,
            ColumnType::String => DataType::Utf8,
            ColumnType::Bool => DataType::Boolean,
            ColumnType::Bytes(_) => DataType::Binary,
            ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
            ColumnType::Arrow => DataType::Null,
        }
    }

    /// The type that an Arrow type stands for where no schema was declared; none for one that is not
    /// portable. 32-bit unsigned numbers and narrower ones become the least of the types that hold them all.
    #[must_use]
    pub fn of_arrow(arrow: &DataType) -> Option<Self> {
        Some(match arrow {
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
                ColumnType::Int32
            }
            DataType::Int64 | DataType::UInt32 => ColumnType::Int64,
            DataType::Float32 => ColumnType::Float32,
            DataType::Float64 => ColumnType::Float64,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnType::String,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                ColumnType::Bytes(BytesText::Text)
            }
            DataType::Boolean => ColumnType::Bool,
            DataType::Timestamp(_, Some(_)) => ColumnType::Timestamp,
            DataType::Dictionary(_, values) => match ColumnType::of_arrow(values)? {
                text @ (ColumnType::String | ColumnType::Bytes(_)) => text,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Whether columns of an Arrow type are taken for it: the same type, or one that it holds all values of.
    #[must_use]
    pub fn takes(self, arrow: &DataType) -> bool {
        match (self, ColumnType::of_arrow(arrow)) {
            (ColumnType::Int64, Some(ColumnType::Int32))
            | (ColumnType::Float64, Some(ColumnType::Float32))
            | (ColumnType::Bytes(_), Some(ColumnType::Bytes(_))) => true,
            (own, Some(other)) => own == other,
            (_, None) => false,
        }
    }
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The key in records, the name of the column.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether it may be null or missing.
    pub nullable: bool,
    /// The field as it was declared, where any Arrow type may be; it may be one of the portable ones.
    arrow: Option<ArrowFieldRef>,
}

impl Field {
    /// A column of a portable type.
    #[must_use]
    pub fn new(name: impl Into<String>, column_type: ColumnType, nullable: bool) -> Self {
        Field { name: name.into(), column_type, nullable, arrow: None }
    }

    /// The column that an Arrow field stands for.
    ///
    /// # Errors
    /// `ArrowType` for a type that is not portable, or, of any [`SchemaTypes::Arrow`], for one that Parquet
    /// does not store; it names the field. `SchemaInvalid`: it is nested too deep.
    pub fn from_arrow(arrow: &ArrowField, types: SchemaTypes) -> Result<Self> {
        let (name, data_type) = (arrow.name(), arrow.data_type());
        let portable = ColumnType::of_arrow(data_type);
        if types == SchemaTypes::Portable {
            let column_type = portable.ok_or_else(|| not_portable(name, data_type))?;
            return Ok(Field::new(name, column_type, arrow.is_nullable()));
        }
        let stored = arrow_type::stored(data_type).ok_or_else(|| not_stored(name, data_type))?;
        let (_, depth) = arrow_type::extent(&stored);
        if depth > arrow_type::DEPTH_MAX {
            let most = arrow_type::DEPTH_MAX;
            return Err(invalid(format_args!(
                "the field {name:?} is nested {depth} levels deep, {most} at most are possible"
            )));
        }
        let column_type =
            portable.filter(|portable| portable.arrow() == *data_type).unwrap_or(ColumnType::Arrow);
        let declared = arrow.clone().with_data_type(arrow_type::given_back(data_type));
        let (nullable, arrow) = (arrow.is_nullable(), Some(Arc::new(declared)));
        Ok(Field { name: name.clone(), column_type, nullable, arrow })
    }

    /// The same column, where it may be null.
    #[must_use]
    pub(crate) fn into_nullable(self) -> Self {
        Field { nullable: true, ..self }
    }

    /// The Arrow type of the arrays that are stored.
    #[must_use]
    pub fn stored_type(&self) -> DataType {
        match (&self.arrow, self.column_type) {
            (Some(arrow), ColumnType::Arrow) => {
                arrow_type::stored(arrow.data_type()).unwrap_or(DataType::Null)
            }
            (_, portable) => portable.arrow(),
        }
    }

    /// The column's arrays that are stored, as Arrow tells of them.
    pub(crate) fn stored(&self) -> ArrowField {
        ArrowField::new(&*self.name, self.stored_type(), self.nullable)
    }

    /// The column as Arrow is told of it when it is read.
    pub(crate) fn arrow(&self) -> ArrowField {
        match &self.arrow {
            Some(arrow) => arrow.as_ref().clone().with_nullable(self.nullable),
            None => self.stored(),
        }
    }

    /// Whether columns of an Arrow type are taken for it: the same type, or one that it holds all values of.
    pub(crate) fn takes(&self, given: &DataType) -> bool {
        match self.column_type {
            ColumnType::Arrow => arrow_type::stored(given)
                .is_some_and(|given| arrow_type::is_alike(&given, &self.stored_type())),
            portable => portable.takes(given),
        }
    }

    /// How many columns a file has for it.
    fn columns(&self) -> usize {
        if self.column_type == ColumnType::Arrow { arrow_type::extent(&self.stored_type()).0 } else { 1 }
    }

    /// JSON records have values of its type.
    ///
    /// # Errors
    /// `ArrowType`, naming the field.
    pub(crate) fn check_json(&self) -> Result<()> {
        if self.column_type != ColumnType::Arrow || arrow_type::has_json(&self.stored_type()) {
            return Ok(());
        }
        Err(not_json(&self.name, &self.stored_type()))
    }

    /// What it takes, for messages.
    pub(crate) fn type_name(&self) -> String {
        match self.column_type {
            ColumnType::Arrow => self.stored_type().to_string(),
            portable => portable.name().to_owned(),
        }
    }
}

/// The columns of a dataset's records, in the order in which they were declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    fields: Vec<Field>,
}

/// A schema as JSON: one object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaJson<'a> {
    #[serde(borrow)]
    fields: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldJson {
    name: String,
    r#type: String,
    #[serde(default)]
    nullable: bool,
    json: Option<String>,
}

/// What tells a field in messages though its JSON may be wrong.
#[derive(Default, Deserialize)]
#[serde(default)]
struct FieldName {
    name: String,
}

impl Schema {
    /// A schema of these columns.
    ///
    /// # Errors
    /// `SchemaInvalid`, naming the field: there are none, there are more than [`COLUMNS_MAX`], a name is
    /// empty or occurs twice.
    pub fn new(fields: Vec<Field>) -> Result<Self> {
        if fields.is_empty() {
            return Err(invalid("it has no fields"));
        }
        let columns: usize = fields.iter().map(Field::columns).sum();
        if columns > COLUMNS_MAX {
            return Err(invalid(format_args!(
                "it has {columns} columns, {COLUMNS_MAX} at most are possible"
            )));
        }
        if let Some(number) = fields.iter().position(|field| field.name.is_empty()) {
            return Err(invalid(format_args!("field {number} has an empty name")));
        }
        let mut names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(invalid(format_args!("there are two fields {:?}", twice[0])));
        }
        Ok(Schema { fields })
    }

    /// Reads a schema from JSON: `{"fields": [{"name": …, "type": …, "nullable": …, "json": …}]}`.
    ///
    /// # Errors
    /// `SchemaInvalid`, naming the field.
    pub fn from_json(json: &str) -> Result<Self> {
        let schema: SchemaJson = serde_json::from_str(json).map_err(|error| {
            let message = format!("{error}; expected {{\"fields\": [{{\"name\": …, \"type\": …}}, …]}}");
            invalid(message).with_source(error)
        })?;
        let fields = schema.fields.iter().enumerate().map(|(number, field)| field_from_json(number, field));
        Schema::new(fields.collect::<Result<_>>()?)
    }

    /// The schema that an Arrow schema stands for.
    ///
    /// # Errors
    /// As [`Field::from_arrow`] and [`Schema::new`].
    pub fn from_arrow(arrow: &ArrowSchema, types: SchemaTypes) -> Result<Self> {
        let fields = arrow.fields().iter().map(|field| Field::from_arrow(field, types));
        Schema::new(fields.collect::<Result<_>>()?)
    }

    /// Its columns, in the order in which they were declared.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The columns in the order in which a file has them, bytewise by name: numbers of fields.
    pub(crate) fn file_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.fields.len()).collect();
        order.sort_unstable_by(|a, b| self.fields[*a].name.cmp(&self.fields[*b].name));
        order
    }

    /// The Arrow schema with the columns in this order.
    pub(crate) fn arrow_in(&self, order: &[usize]) -> SchemaRef {
        let field = |number: &usize| self.fields[*number].arrow();
        Arc::new(ArrowSchema::new(order.iter().map(field).collect::<Fields>()))
    }
}

fn field_from_json(number: usize, json: &RawValue) -> Result<Field> {
    let FieldName { name } = serde_json::from_str(json.get()).unwrap_or_default();
    let place = format!("field {number} ({name:?})");
    let field: FieldJson = serde_json::from_str(json.get())
        .map_err(|error| invalid(format_args!("{place}: {error}")).with_source(error))?;
    let column_type = ColumnType::from_name(&field.r#type).ok_or_else(|| {
        let known = "int32, int64, float32, float64, string, bool, bytes, timestamp";
        invalid(format_args!("{place}: unknown type {:?}; expected one of {known}", field.r#type))
    })?;
    let column_type = match (column_type, field.json.as_deref()) {
        (column_type, None) => column_type,
        (ColumnType::Bytes(_), Some("text")) => ColumnType::Bytes(BytesText::Text),
        (ColumnType::Bytes(_), Some("base64")) => ColumnType::Bytes(BytesText::Base64),
        (ColumnType::Bytes(_), Some(other)) => {
            return Err(invalid(format_args!("{place}: \"json\" is {other:?}; expected text or base64")));
        }
        (other, Some(_)) => {
            let message = format!("{place}: \"json\" is for fields of type bytes; this is {}", other.name());
            return Err(invalid(message));
        }
    };
    Ok(Field::new(field.name, column_type, field.nullable))
}

/// A column of a type that is none of the portable ones.
#[cold]
pub(crate) fn not_portable(name: &str, found: &DataType) -> Error {
    of_type(
        name,
        found,
        "which is none of the portable types int32, int64, float32, float64, string, bool, bytes and \
         timestamp with a zone; open the dataset with the Arrow schema types to store it, for readers other \
         than the Go library",
    )
}

/// A column of a type that no Parquet file stores.
#[cold]
fn not_stored(name: &str, found: &DataType) -> Error {
    of_type(name, found, "which Parquet does not store")
}

/// A column whose values JSON records do not have.
#[cold]
pub(crate) fn not_json(name: &str, found: &DataType) -> Error {
    of_type(
        name,
        found,
        "which JSON records do not have: they have the portable types, and lists and structs of them; write \
         and read such columns as Arrow",
    )
}

#[cold]
fn of_type(name: &str, found: &DataType, what: &str) -> Error {
    let format = FFI_ArrowSchema::try_from(found).map_or_else(|_| String::new(), |c| c.format().to_owned());
    let message = format!("the field {name:?} has the Arrow type {found} (format {format:?}), {what}");
    Error::new(Status::ArrowType, message)
}

#[cold]
fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(Status::SchemaInvalid, format_args!("the schema is not valid: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_reads_back_as_declared() {
        let json = r#"{"fields": [{"name": "id", "type": "int64"},
            {"name": "at", "type": "timestamp", "nullable": true},
            {"name": "raw", "type": "bytes", "json": "base64"}, {"name": "b", "type": "bytes", "json": "text"}]}"#;
        let schema = Schema::from_json(json).unwrap();
        let told: Vec<_> =
            schema.fields().iter().map(|field| (&*field.name, field.column_type, field.nullable)).collect();
        assert_eq!(
            told,
            [
                ("id", ColumnType::Int64, false),
                ("at", ColumnType::Timestamp, true),
                ("raw", ColumnType::Bytes(BytesText::Base64), false),
                ("b", ColumnType::Bytes(BytesText::Text), false),
            ]
        );
        assert_eq!(schema.file_order(), [1, 3, 0, 2], "bytewise by name");
    }

    #[test]
    fn what_is_wrong_with_a_schema_is_named() {
        let many = format!(
            "{{\"fields\":[{}]}}",
            (0..=COLUMNS_MAX)
                .map(|n| format!("{{\"name\":\"c{n}\",\"type\":\"bool\"}}"))
                .collect::<Vec<_>>()
                .join(",")
        );
        for (json, words) in [
            ("", "expected {\"fields\""),
            ("[]", "expected {\"fields\""),
            ("{}", "missing field `fields`"),
            (r#"{"fields":[]}"#, "no fields"),
            (r#"{"fields":[],"more":1}"#, "unknown field `more`"),
            (r#"{"fields":[],"fields":[]}"#, "duplicate field"),
            (r#"{"fields":[1]}"#, "field 0"),
            (r#"{"fields":[{"type":"bool"}]}"#, "missing field `name`"),
            (r#"{"fields":[{"name":"","type":"bool"}]}"#, "field 0 has an empty name"),
            (
                r#"{"fields":[{"name":"a","type":"bool"},{"name":"b","type":"int"}]}"#,
                "field 1 (\"b\"): unknown type \"int\"",
            ),
            (
                r#"{"fields":[{"name":"a","type":"bool","order":1}]}"#,
                "field 0 (\"a\"): unknown field `order`",
            ),
            (r#"{"fields":[{"name":"a","type":"bool"},{"name":"a","type":"bool"}]}"#, "two fields \"a\""),
            (r#"{"fields":[{"name":"a","type":"bool","json":"text"}]}"#, "is for fields of type bytes"),
            (r#"{"fields":[{"name":"a","type":"bytes","json":"hex"}]}"#, "\"hex\"; expected text or base64"),
            (r#"{"fields":[{"name":"a","type":"bool","nullable":1}]}"#, "field 0 (\"a\"): invalid type"),
            (&*many, "10001 columns"),
        ] {
            let error = Schema::from_json(json).unwrap_err();
            assert_eq!(error.status(), Status::SchemaInvalid, "{json}");
            assert!(error.message().contains(words), "{error}");
        }
    }

    #[test]
    fn arrow_types_stand_for_the_portable_type_that_holds_them() {
        let zone = |unit| DataType::Timestamp(unit, Some("+02:00".into()));
        let dictionary = |values| DataType::Dictionary(Box::new(DataType::UInt16), Box::new(values));
        let bytes = ColumnType::Bytes(BytesText::Text);
        for (arrow, own) in [
            (DataType::Int8, Some(ColumnType::Int32)),
            (DataType::UInt16, Some(ColumnType::Int32)),
            (DataType::UInt32, Some(ColumnType::Int64)),
            (DataType::UInt64, None),
            (DataType::Float16, None),
            (DataType::Utf8View, Some(ColumnType::String)),
            (DataType::LargeBinary, Some(bytes)),
            (dictionary(DataType::LargeUtf8), Some(ColumnType::String)),
            (dictionary(DataType::Int32), None),
            (zone(TimeUnit::Second), Some(ColumnType::Timestamp)),
            (DataType::Timestamp(TimeUnit::Nanosecond, None), None),
            (DataType::Date32, None),
        ] {
            assert_eq!(ColumnType::of_arrow(&arrow), own, "{arrow}");
        }
        assert!(ColumnType::Int64.takes(&DataType::Int8) && !ColumnType::Int32.takes(&DataType::UInt32));
        assert!(
            ColumnType::Float64.takes(&DataType::Float32) && !ColumnType::Float32.takes(&DataType::Float64)
        );
        assert!(ColumnType::Bytes(BytesText::Base64).takes(&DataType::Binary));
        assert!(!ColumnType::String.takes(&DataType::Binary));
        let arrow = ArrowSchema::new(vec![ArrowField::new("day", DataType::Date32, false)]);
        let error = Schema::from_arrow(&arrow, SchemaTypes::Portable).unwrap_err();
        assert_eq!(error.status(), Status::ArrowType);
        assert!(error.message().contains("\"day\"") && error.message().contains("\"tdD\""), "{error}");
    }
}
