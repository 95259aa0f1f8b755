//! Row groups that can be left out: those in which, by the file's own statistics, no row satisfies a
//! comparison.

use std::cmp::Ordering;

use arrow_schema::{DataType, TimeUnit};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use crate::columns::parse_timestamp;
use crate::error::{Error, Result, Status};

/// How a column is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The column equals the value.
    Equal,
    /// It does not; a null neither equals a value nor not.
    NotEqual,
    /// It is less.
    Less,
    /// It is less or equal.
    LessOrEqual,
    /// It is greater.
    Greater,
    /// It is greater or equal.
    GreaterOrEqual,
}

/// A comparison that the rows wanted satisfy. A null and a float that is no number satisfy none.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The column's name.
    pub column: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: Literal,
}

/// A value to compare with. A timestamp is compared with its RFC 3339 text.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A whole number.
    Whole(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// True or false.
    Bool(bool),
}

impl Literal {
    /// Reads a value from JSON: a number, a string, true or false.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub fn from_json(json: &str) -> Result<Self> {
        let refused = || {
            let message =
                format!("{json:?} is no value to compare with: expected a number, a string, true or false");
            Error::new(Status::InvalidArgument, message)
        };
        match serde_json::from_str::<serde_json::Value>(json).map_err(|_| refused())? {
            serde_json::Value::Bool(value) => Ok(Literal::Bool(value)),
            serde_json::Value::String(text) => Ok(Literal::Text(text)),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Ok(Literal::Whole(whole)),
                None => number.as_f64().map(Literal::Float).ok_or_else(refused),
            },
            _ => Err(refused()),
        }
    }
}

/// A comparison with a column of a file.
pub(super) struct ColumnComparison {
    place: usize,
    operator: Operator,
    value: Value,
}

/// A value as the column's statistics have it.
enum Value {
    /// Of whole numbers; a timestamp's in nanoseconds, of which the file's unit has so many.
    Whole(i128, i64),
    Float(f64),
    Text(Vec<u8>),
    Bool(bool),
    /// The statistics of such a column are not compared.
    Unknown,
}

impl Comparison {
    /// Whether a column of this type can be compared so.
    ///
    /// # Errors
    /// `InvalidArgument`: the value is none of the type.
    pub(crate) fn check(&self, data_type: &DataType) -> Result<()> {
        self.of_column(0, data_type).map(drop)
    }

    /// The same with the file's column of this place and type.
    ///
    /// # Errors
    /// `InvalidArgument`: the value is none of the column's type.
    pub(super) fn of_column(&self, place: usize, data_type: &DataType) -> Result<ColumnComparison> {
        let value = match (data_type, &self.value) {
            (DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64, Literal::Whole(value)) => {
                Value::Whole((*value).into(), 1)
            }
            (DataType::UInt8 | DataType::UInt16 | DataType::UInt32, Literal::Whole(_)) => Value::Unknown,
            (DataType::Float32 | DataType::Float64, Literal::Whole(value)) => Value::Float(*value as f64),
            (DataType::Float32 | DataType::Float64, Literal::Float(value)) => Value::Float(*value),
            (DataType::Boolean, Literal::Bool(value)) => Value::Bool(*value),
            (
                DataType::Utf8 | DataType::Utf8View | DataType::Binary | DataType::BinaryView,
                Literal::Text(text),
            ) => Value::Text(text.clone().into_bytes()),
            (DataType::Timestamp(unit, Some(_)), Literal::Text(text)) => {
                let nanos = parse_timestamp(text).map_err(|what| {
                    let message = format!("the column {:?} is compared with {text:?}, {what}", self.column);
                    Error::new(Status::InvalidArgument, message)
                })?;
                let factor = match unit {
                    TimeUnit::Second => 1_000_000_000,
                    TimeUnit::Millisecond => 1_000_000,
                    TimeUnit::Microsecond => 1000,
                    TimeUnit::Nanosecond => 1,
                };
                Value::Whole(nanos.into(), factor)
            }
            (other, value) => {
                let message = format!(
                    "the column {:?} has the type {other}, which is not compared with {value:?}",
                    self.column
                );
                return Err(Error::new(Status::InvalidArgument, message));
            }
        };
        Ok(ColumnComparison { place, operator: self.operator, value })
    }
}

impl ColumnComparison {
    /// Whether no row of the group can satisfy it.
    pub fn excludes(&self, group: &RowGroupMetaData) -> bool {
        let Some(statistics) = group.columns().get(self.place).and_then(|column| column.statistics()) else {
            return false;
        };
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        if statistics.null_count_opt() == Some(rows) {
            return true;
        }
        let Some((least, greatest)) = self.range(statistics) else { return false };
        // How the least and the greatest value stand to the one asked for.
        match self.operator {
            Operator::Equal => least.is_gt() || greatest.is_lt(),
            Operator::NotEqual => {
                let exact = statistics.min_is_exact() && statistics.max_is_exact();
                exact && least.is_eq() && greatest.is_eq()
            }
            Operator::Less => least.is_ge(),
            Operator::LessOrEqual => least.is_gt(),
            Operator::Greater => greatest.is_le(),
            Operator::GreaterOrEqual => greatest.is_lt(),
        }
    }

    /// How the least and the greatest value of the column compare with the value asked for.
    fn range(&self, statistics: &Statistics) -> Option<(Ordering, Ordering)> {
        match (statistics, &self.value) {
            (Statistics::Int32(of), Value::Whole(value, factor)) => {
                let whole = |found: &i32| (i128::from(*found) * i128::from(*factor)).cmp(value);
                Some((whole(of.min_opt()?), whole(of.max_opt()?)))
            }
            (Statistics::Int64(of), Value::Whole(value, factor)) => {
                let whole = |found: &i64| (i128::from(*found) * i128::from(*factor)).cmp(value);
                Some((whole(of.min_opt()?), whole(of.max_opt()?)))
            }
            (Statistics::Float(of), Value::Float(value)) => {
                let float = |found: &f32| f64::from(*found).partial_cmp(value);
                Some((float(of.min_opt()?)?, float(of.max_opt()?)?))
            }
            (Statistics::Double(of), Value::Float(value)) => {
                let float = |found: &f64| found.partial_cmp(value);
                Some((float(of.min_opt()?)?, float(of.max_opt()?)?))
            }
            (Statistics::Boolean(of), Value::Bool(value)) => {
                Some((of.min_opt()?.cmp(value), of.max_opt()?.cmp(value)))
            }
            // Some old writers compared bytes as signed numbers.
            (Statistics::ByteArray(of), Value::Text(value)) if !statistics.is_min_max_deprecated() => {
                let text = |found: &parquet::data_type::ByteArray| found.data().cmp(value);
                Some((text(of.min_opt()?), text(of.max_opt()?)))
            }
            _ => None,
        }
    }
}
