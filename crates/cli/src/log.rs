//! `lode log`: the chain of snapshots, from the newest back.

use lode_core::Status;
use lode_core::context::CallOptions;
use serde_json::{Value, json};

use crate::args::Log;
use crate::failure::{Failure, Result};
use crate::ls::{content_count, content_heading, row, stored_bytes, summary};
use crate::output::{self, Output};
use crate::store;

/// Runs the subcommand.
pub fn run(options: &Log) -> Result<()> {
    let (dataset, head) = store::open_history_head(&options.target, options.volume)?;
    let mut output = Output::new();
    let mut rows =
        vec![row(&["SNAPSHOT", "COMMITTED", content_heading(options.volume), "STORED", "METADATA"])];
    let mut next = Some(head);
    let mut count = 0;
    while let Some(snapshot) = next.take() {
        if options.max_count.is_some_and(|most| count >= most) {
            break;
        }
        count += 1;
        let manifest = snapshot.manifest();
        let metadata = manifest.metadata.user_json();
        let seals = manifest.is_noop();
        if options.json {
            let mut line = summary(&snapshot);
            line["metadata"] = serde_json::from_str(&metadata).unwrap_or(Value::Null);
            line["seals"] = json!(seals);
            output.json(&line)?;
        } else {
            let note = match &seals {
                Some(sealed) if sealed.is_empty() => "(fills a gap)".to_owned(),
                Some(sealed) => format!("(repeats {sealed})"),
                None if metadata == "{}" => String::new(),
                None => metadata,
            };
            rows.push(vec![
                snapshot.id().to_owned(),
                output::time(manifest.created_at),
                output::number(content_count(&snapshot)),
                output::bytes(stored_bytes(&snapshot)),
                note,
            ]);
        }
        if let Some(parent) = &manifest.parent_snapshot_id {
            match dataset.snapshot(parent, &CallOptions::default()) {
                Ok(parent) => next = Some(parent),
                Err(error) => {
                    // What could be read comes first.
                    if !options.json {
                        output.table(&rows)?;
                    }
                    output.flush()?;
                    let broken = error.status() == Status::SnapshotNotFound;
                    let what = format!(
                        "the chain {} at {parent}, the parent of {}",
                        if broken { "is broken" } else { "ends" },
                        snapshot.id()
                    );
                    return Err(Failure::Library(Some(what), error));
                }
            }
        }
    }
    if !options.json {
        output.table(&rows)?;
    }
    output.flush()
}
