//! `lode ls`: the datasets and volumes of a store, the snapshots or the partitions of one.

use std::collections::BTreeMap;

use lode_core::catalog::{Catalog, SnapshotFilter};
use lode_core::context::CallOptions;
use lode_core::dataset::Snapshot;
use lode_core::layout::Layout;
use lode_core::store::Store;
use serde_json::{Value, json};

use crate::args::{LayoutChoice, Ls};
use crate::failure::Result;
use crate::output::{self, Output};
use crate::store;

/// Runs the subcommand.
pub fn run(options: &Ls) -> Result<()> {
    let store = store::open(&options.store, false)?;
    let mut output = Output::new();
    match &options.dataset {
        None => datasets(&store, options, &mut output)?,
        Some(volume) if options.volume => {
            snapshots(&Catalog::open(&store, Layout::Volume), volume, options, &mut output)?;
        }
        Some(dataset) => {
            let (opened, _) = store::open_existing(&store, dataset, options.layout)?;
            let catalog = Catalog::open(&store, opened.options().layout);
            if options.partitions {
                partitions(&catalog, dataset, options, &mut output)?;
            } else {
                snapshots(&catalog, dataset, options, &mut output)?;
            }
        }
    }
    output.flush()
}

fn datasets(store: &Store, options: &Ls, output: &mut Output) -> Result<()> {
    let call = CallOptions::default();
    let mut found = BTreeMap::new();
    for layout in [Layout::Default, Layout::Hive, Layout::Volume] {
        let mut datasets = Catalog::open(store, layout).datasets(&call)?;
        while let Some(dataset) = datasets.next()? {
            // A volume may have the name of a dataset.
            found.insert((layout == Layout::Volume, dataset), layout);
        }
    }
    let mut rows = vec![row(&["DATASET", "LAYOUT", "NEWEST SNAPSHOT", "COMMITTED", "RECORDS", "STORED"])];
    for ((is_volume, dataset), layout) in found {
        let head = match layout {
            Layout::Hive => store::open_existing(store, &dataset, LayoutChoice::Hive).map(|(_, head)| head),
            Layout::Volume => {
                store::open_volume(store, &dataset).and_then(|volume| Ok(volume.latest(&call)?))
            }
            _ => store::open_existing(store, &dataset, LayoutChoice::Default).map(|(_, head)| head),
        };
        if options.json {
            let newest = head.as_ref().ok().map(summary);
            let error = head.as_ref().err().map(|failure| failure.message());
            output.json(
                &json!({ "dataset": dataset, "layout": layout.name(), "newest": newest, "error": error }),
            )?;
            continue;
        }
        let mut cells = vec![dataset, layout.name().to_owned()];
        match head {
            Ok(head) => {
                let manifest = head.manifest();
                let records = if is_volume { String::new() } else { output::number(manifest.row_count) };
                cells.extend([
                    head.id().to_owned(),
                    output::time(manifest.created_at),
                    records,
                    output::bytes(stored_bytes(&head)),
                ]);
            }
            Err(_) => cells.push("cannot be read (see lode log)".to_owned()),
        }
        rows.push(cells);
    }
    if options.json { Ok(()) } else { output.table(&rows) }
}

fn partitions(catalog: &Catalog, dataset: &str, options: &Ls, output: &mut Output) -> Result<()> {
    let mut partitions = catalog.partitions(dataset, &CallOptions::default())?;
    while let Some(partition) = partitions.next()? {
        if options.json {
            output.json(&json!({ "partition": partition }))?;
        } else {
            output.line(&output::printable(&partition))?;
        }
    }
    Ok(())
}

fn snapshots(catalog: &Catalog, dataset: &str, options: &Ls, output: &mut Output) -> Result<()> {
    let filter = SnapshotFilter {
        partition: options.partition.clone().unwrap_or_default(),
        ..SnapshotFilter::default()
    };
    let mut snapshots = catalog.snapshots(dataset, filter, &CallOptions::default())?;
    let heading = ["SNAPSHOT", "COMMITTED", content_heading(options.volume), "FILES", "STORED"];
    let mut rows = vec![row(&heading)];
    while let Some(snapshot) = snapshots.next()? {
        if options.json {
            output.json(&summary(&snapshot))?;
            continue;
        }
        let manifest = snapshot.manifest();
        rows.push(vec![
            snapshot.id().to_owned(),
            output::time(manifest.created_at),
            output::number(content_count(&snapshot)),
            output::number(files_of(&snapshot)),
            output::bytes(stored_bytes(&snapshot)),
        ]);
    }
    if options.json { Ok(()) } else { output.table(&rows) }
}

/// A heading.
pub fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// What the column of [`content_count`] is called.
pub fn content_heading(is_volume: bool) -> &'static str {
    if is_volume { "BLOCKS" } else { "RECORDS" }
}

/// How many records a dataset's snapshot has, or how many blocks a volume's.
pub fn content_count(snapshot: &Snapshot) -> u64 {
    let manifest = snapshot.manifest();
    manifest.address_space.as_ref().map_or(manifest.row_count, |space| space.blocks.len() as u64)
}

/// How many objects hold the data of a snapshot.
fn files_of(snapshot: &Snapshot) -> u64 {
    let manifest = snapshot.manifest();
    manifest.address_space.as_ref().map_or(manifest.files.len(), |space| space.blocks.len()) as u64
}

/// The bytes of all files of a snapshot, or of all blocks.
pub fn stored_bytes(snapshot: &Snapshot) -> u64 {
    let manifest = snapshot.manifest();
    let files = manifest.files.iter().map(|file| file.size_bytes);
    let blocks = manifest.address_space.iter().flat_map(|space| space.blocks.as_slice());
    files.chain(blocks.map(|block| block.length)).sum()
}

/// A snapshot in short, for programs.
pub fn summary(snapshot: &Snapshot) -> Value {
    let manifest = snapshot.manifest();
    let mut all = json!({
        "snapshot": snapshot.id(),
        "parent": manifest.parent_snapshot_id,
        "created_at": output::time(manifest.created_at),
        "files": files_of(snapshot),
        "stored_bytes": stored_bytes(snapshot),
    });
    match &manifest.address_space {
        Some(space) => all["total_length"] = json!(space.total_length),
        None => all["records"] = json!(manifest.row_count),
    }
    all
}
