//! Upkeep of a dataset that is in use: checking all that is stored of it ([`verify`]), and removing what dead
//! writers left ([`collect`]).

mod collect;
mod verify;

pub use collect::{CollectOptions, Collection, Garbage, GarbageKind, MIN_AGE_DEFAULT, MIN_AGE_LEAST};
pub use verify::{Finding, FindingKind, Level, Verification};
