//! `lode verify`: checks all that is stored of a dataset.

use std::sync::Arc;

use lode_core::context::{CallOptions, Progress as Reached, ProgressListener};
use lode_core::upkeep::{Finding, Level, Verification};
use serde_json::json;

use crate::args::{Verify, VerifyLevel};
use crate::failure::{Failure, Result};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::signals::Interrupts;
use crate::store;

/// Runs the subcommand.
pub fn run(options: &Verify) -> Result<()> {
    let interrupts = Interrupts::catch(true)?;
    let target = &options.target;
    let dataset = store::open_history(target, options.volume)?;
    let progress = Arc::new(Progress::new(options.quiet, None));
    let shown = Arc::clone(&progress);
    let listener = ProgressListener::new(move |reached: Reached| {
        shown.set(reached.bytes_in, format!("{} snapshots and files", output::number(reached.records)));
        true
    });
    let call = CallOptions {
        deadline: options.deadline,
        cancel: Some(interrupts.cancel_token()),
        progress: Some(listener),
    };
    let level = match options.level {
        VerifyLevel::Structure => Level::Structure,
        VerifyLevel::Sizes => Level::Sizes,
        VerifyLevel::Checksums => Level::Checksums,
        VerifyLevel::Records => Level::Records,
    };
    let mut output = Output::new();
    let mut unwritten = Ok(());
    let verified = dataset.verify(level, &call, &mut |finding| {
        unwritten = print(&mut output, finding, options.json);
        unwritten.is_ok()
    });
    interrupts.check()?;
    unwritten?;
    let verification = verified?;
    drop(call);
    progress.set(verification.bytes, "");
    summarize(&mut output, &verification, options.json)?;
    output.flush()?;
    match &verification.first {
        None => Ok(()),
        Some(_) => Err(Failure::other(format_args!(
            "{} {:?} is damaged in {} places",
            if options.volume { "volume" } else { "dataset" },
            target.dataset,
            output::number(verification.findings)
        ))),
    }
}

fn print(output: &mut Output, finding: &Finding, as_json: bool) -> Result<()> {
    if as_json {
        output.json(&json!({
            "finding": finding.kind.name(),
            "path": finding.path,
            "snapshot": finding.snapshot_id,
            "message": finding.message,
        }))?;
    } else {
        let line = format!("{}  {}: {}", finding.kind.name(), finding.path, finding.message);
        output.line(&output::printable(&line))?;
    }
    // Seen at once: a verification may take hours.
    output.flush()
}

fn summarize(output: &mut Output, verification: &Verification, as_json: bool) -> Result<()> {
    if as_json {
        return output.json(&json!({
            "snapshots": verification.snapshots,
            "files": verification.files,
            "bytes": verification.bytes,
            "findings": verification.findings,
            "unpublished": verification.unpublished,
        }));
    }
    let unpublished = match &verification.unpublished {
        Some(id) => format!("; {id} is decided, and the next commit publishes it"),
        None => String::new(),
    };
    output.line(&format!(
        "{} snapshots, {} files, {} read: {} findings{unpublished}",
        output::number(verification.snapshots),
        output::number(verification.files),
        output::bytes(verification.bytes),
        output::number(verification.findings),
    ))
}
