//! `lode resolve` and `lode adopt`: what a person decides about a history.

use std::time::Duration;

use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, Resolution};

use crate::args::{Adopt, Resolve, Target};
use crate::failure::Result;
use crate::output::Output;
use crate::signals::Interrupts;
use crate::store;

/// Runs `lode resolve`.
pub fn resolve(options: &Resolve) -> Result<()> {
    let (dataset, call) = open(&options.target, options.volume, options.deadline)?;
    let mut output = Output::new();
    match dataset.resolve_commit(&options.snapshot, &call)? {
        Resolution::Committed(snapshot) => output.line(&format!("committed: {}", snapshot.id()))?,
        Resolution::NotCommitted => {
            output.line(&format!("not committed, and never will be: {}", options.snapshot))?
        }
    }
    output.flush()
}

/// Runs `lode adopt`.
pub fn adopt(options: &Adopt) -> Result<()> {
    let (dataset, call) = open(&options.target, options.volume, options.deadline)?;
    let snapshot = dataset.adopt(&options.snapshot, &call)?;
    let mut output = Output::new();
    output.line(&format!("the head is {}", snapshot.id()))?;
    output.flush()
}

/// A dataset or volume whose history may be in any state.
fn open(target: &Target, is_volume: bool, deadline: Option<Duration>) -> Result<(Dataset, CallOptions)> {
    let interrupts = Interrupts::catch(true)?;
    let dataset = store::open_history(target, is_volume)?;
    let call = CallOptions { deadline, cancel: Some(interrupts.cancel_token()), ..CallOptions::default() };
    Ok((dataset, call))
}
