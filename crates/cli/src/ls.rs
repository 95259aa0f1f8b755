//! `lode ls`: the datasets of a store, the snapshots or the partitions of a dataset.

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
    for (layout, choice) in [(Layout::Default, LayoutChoice::Default), (Layout::Hive, LayoutChoice::Hive)] {
        let mut datasets = Catalog::open(store, layout).datasets(&call)?;
        while let Some(dataset) = datasets.next()? {
            found.insert(dataset, (layout, choice));
        }
    }
    let mut rows = vec![row(&["DATASET", "LAYOUT", "NEWEST SNAPSHOT", "COMMITTED", "RECORDS"])];
    for (dataset, (layout, choice)) in found {
        let head = store::open_existing(store, &dataset, choice);
        if options.json {
            let newest = head.as_ref().ok().map(|(_, head)| summary(head));
            let error = head.as_ref().err().map(|failure| format!("{failure:?}"));
            output.json(
                &json!({ "dataset": dataset, "layout": layout.name(), "newest": newest, "error": error }),
            )?;
            continue;
        }
        let mut cells = vec![dataset, layout.name().to_owned()];
        match head {
            Ok((_, head)) => {
                let manifest = head.manifest();
                cells.extend([
                    head.id().to_owned(),
                    output::time(manifest.created_at),
                    output::number(manifest.row_count),
                ]);
            }
            Err(_) => {
                cells.extend(["cannot be read (see lode log)".to_owned(), String::new(), String::new()])
            }
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
    let mut rows = vec![row(&["SNAPSHOT", "COMMITTED", "RECORDS", "FILES", "STORED"])];
    while let Some(snapshot) = snapshots.next()? {
        if options.json {
            output.json(&summary(&snapshot))?;
            continue;
        }
        let manifest = snapshot.manifest();
        rows.push(vec![
            snapshot.id().to_owned(),
            output::time(manifest.created_at),
            output::number(manifest.row_count),
            output::number(manifest.files.len() as u64),
            output::bytes(stored_bytes(&snapshot)),
        ]);
    }
    if options.json { Ok(()) } else { output.table(&rows) }
}

/// A heading.
pub fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// The bytes of all files of a snapshot.
pub fn stored_bytes(snapshot: &Snapshot) -> u64 {
    snapshot.manifest().files.iter().map(|file| file.size_bytes).sum()
}

/// A snapshot in short, for programs.
pub fn summary(snapshot: &Snapshot) -> Value {
    let manifest = snapshot.manifest();
    json!({
        "snapshot": snapshot.id(),
        "parent": manifest.parent_snapshot_id,
        "created_at": output::time(manifest.created_at),
        "records": manifest.row_count,
        "files": manifest.files.len(),
        "stored_bytes": stored_bytes(snapshot),
    })
}
