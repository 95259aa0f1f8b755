//! `lode gc`: removes what dead writers left.

use std::sync::Arc;

use lode_core::context::{CallOptions, Progress as Reached, ProgressListener};
use lode_core::upkeep::{CollectOptions, Garbage};
use serde_json::json;

use crate::args::Gc;
use crate::failure::Result;
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::signals::Interrupts;
use crate::store;

/// Runs the subcommand.
pub fn run(options: &Gc) -> Result<()> {
    let interrupts = Interrupts::catch(true)?;
    let dataset = store::open_history(&options.target, options.volume)?;
    let progress = Arc::new(Progress::new(options.quiet, None));
    let shown = Arc::clone(&progress);
    let listener = ProgressListener::new(move |reached: Reached| {
        shown.set(0, format!("{} objects", output::number(reached.records)));
        true
    });
    let call = CallOptions {
        deadline: options.deadline,
        cancel: Some(interrupts.cancel_token()),
        progress: Some(listener),
    };
    let wanted = CollectOptions { call, min_age: options.min_age, dry_run: options.dry_run };
    let mut output = Output::new();
    let mut unwritten = Ok(());
    let collected = dataset.collect(&wanted, &mut |garbage| {
        unwritten = print(&mut output, garbage, options.json);
        unwritten.is_ok()
    });
    interrupts.check()?;
    unwritten?;
    let collection = collected?;
    if options.json {
        output.json(&json!({
            "objects": collection.objects,
            "bytes": collection.bytes,
            "held": collection.held,
            "dry_run": options.dry_run,
        }))?;
    } else {
        let held = match collection.held {
            0 => String::new(),
            held => format!("; {} are held by living writers", output::number(held)),
        };
        output.line(&format!(
            "{} objects with {} {} removed{held}",
            output::number(collection.objects),
            output::bytes(collection.bytes),
            if options.dry_run { "would be" } else { "were" },
        ))?;
    }
    output.flush()
}

fn print(output: &mut Output, garbage: &Garbage<'_>, as_json: bool) -> Result<()> {
    let age = garbage.age.as_secs();
    if as_json {
        output.json(&json!({
            "removed": garbage.kind.name(),
            "path": garbage.path,
            "size": garbage.size,
            "age_seconds": age,
        }))?;
    } else {
        let line = format!("{}  {}  {}", garbage.kind.name(), output::bytes(garbage.size), garbage.path);
        output.line(&output::printable(&line))?;
    }
    // Seen at once: a clean-up may take long.
    output.flush()
}
