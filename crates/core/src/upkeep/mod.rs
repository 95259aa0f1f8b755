//! Upkeep of a dataset that is in use: checking all that is stored of it ([`Dataset::verify`]), and removing
//! what dead writers left ([`Dataset::collect`]).
//!
//! [`Dataset::verify`]: crate::dataset::Dataset::verify
//! [`Dataset::collect`]: crate::dataset::Dataset::collect

mod collect;
mod verify;

pub use collect::{CollectOptions, Collection, Garbage, GarbageKind, MIN_AGE_DEFAULT, MIN_AGE_LEAST};
pub use verify::{Finding, FindingKind, Level, Verification};
