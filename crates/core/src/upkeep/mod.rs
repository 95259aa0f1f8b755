//! Upkeep of a dataset that is in use: checking all that is stored of it ([`verify`]).

mod verify;

pub use verify::{Finding, FindingKind, Level, Verification};
