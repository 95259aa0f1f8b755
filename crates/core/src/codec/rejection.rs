//! Why a record was not taken.

use super::json::Fault;
use crate::error::{Error, Status};

/// Why a record was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is not exactly one JSON document.
    InvalidRecord(Fault),
    /// It is longer than allowed.
    TooLarge {
        /// Its length as it would be stored, in bytes, its line break not counted.
        len: u64,
        /// The longest allowed.
        limit: u64,
    },
    /// It does not fit the declared schema.
    #[cfg(feature = "parquet")]
    Violation(Box<crate::columns::Violation>),
    /// The encoder itself has failed, and is of no use any more.
    #[cfg(feature = "parquet")]
    Failed {
        /// Why, as a status.
        status: Status,
        /// Why, as text for people.
        message: String,
    },
    /// There is no memory for it.
    NoMemory {
        /// The bytes it needs.
        len: u64,
    },
}

impl Rejection {
    /// The error for record `number` of a call, counted from 0.
    #[cold]
    pub(crate) fn into_error(self, number: u64) -> Error {
        let error = match self {
            Rejection::InvalidRecord(fault) => {
                let message = format!(
                    "record {number} is not one JSON document: {} at byte {}",
                    fault.reason, fault.offset
                );
                Error::new(Status::InvalidRecord, message).with_offset(fault.offset as u64)
            }
            Rejection::TooLarge { len, limit } => {
                let message = format!("record {number} has {len} bytes, the dataset's limit is {limit}");
                Error::new(Status::RecordTooLarge, message)
            }
            #[cfg(feature = "parquet")]
            Rejection::Violation(violation) => violation.into_error(number),
            #[cfg(feature = "parquet")]
            Rejection::Failed { status, message } => Error::new(status, message),
            Rejection::NoMemory { len } => {
                Error::new(Status::NoMemory, format_args!("record {number}: no memory for its {len} bytes"))
            }
        };
        error.with_record(number)
    }
}
