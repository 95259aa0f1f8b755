//! `lode show`: one snapshot.

use lode_core::dataset::Snapshot;
use lode_core::manifest::FileStats;
use serde_json::{Value, json};

use crate::args::Show;
use crate::failure::Result;
use crate::ls::{row, stored_bytes, summary};
use crate::output::{self, Output};
use crate::store;

/// Runs the subcommand.
pub fn run(options: &Show) -> Result<()> {
    let (dataset, head) = store::open_history_head(&options.target, options.volume)?;
    let snapshot = store::snapshot_or_head(&dataset, head, options.snapshot.as_deref())?;
    let mut output = Output::new();
    if options.manifest {
        output.write(snapshot.manifest_json().as_bytes())?;
        if !snapshot.manifest_json().ends_with('\n') && Output::is_terminal() {
            output.write(b"\n")?;
        }
    } else if options.json {
        output.json(&described(&snapshot)?)?;
    } else {
        print(&snapshot, &mut output)?;
    }
    output.flush()
}

fn print(snapshot: &Snapshot, output: &mut Output) -> Result<()> {
    let manifest = snapshot.manifest();
    let checksum = manifest.checksum_algorithm.clone().unwrap_or_else(|| "none".to_owned());
    let mut facts = vec![
        ("snapshot", snapshot.id().to_owned()),
        (if manifest.address_space.is_some() { "volume" } else { "dataset" }, manifest.dataset_id.clone()),
        ("parent", manifest.parent_snapshot_id.clone().unwrap_or_else(|| "none: it is the first".to_owned())),
        ("committed", output::time(manifest.created_at)),
    ];
    match &manifest.address_space {
        Some(space) => {
            let (length, blocks) =
                (output::bytes(space.total_length), output::number(space.blocks.len() as u64));
            facts.push((
                "filled",
                format!("{} of {length}, in {blocks} blocks", output::bytes(stored_bytes(snapshot))),
            ));
        }
        None => facts.extend([
            ("records", output::number(manifest.row_count)),
            (
                "stored",
                format!("{} in {} files", output::bytes(stored_bytes(snapshot)), manifest.files.len()),
            ),
            ("codec", manifest.codec.clone().unwrap_or_else(|| "none: raw bytes".to_owned())),
            ("compressor", manifest.compressor.clone()),
            ("partitioner", manifest.partitioner.clone()),
        ]),
    }
    facts.push(("checksum", checksum));
    if let (Some(from), Some(to)) = (manifest.min_timestamp, manifest.max_timestamp) {
        facts.push(("times", format!("{} to {}", output::time(from), output::time(to))));
    }
    facts.push(("metadata", manifest.metadata.user_json()));
    for (id, state) in snapshot.producers()? {
        facts.push(("producer", format!("{id}: sequence {}, position {}", state.sequence, state.position)));
    }
    for (name, value) in facts {
        output.line(&format!("{name:<12}{}", output::printable(&value)))?;
    }
    output.line("")?;
    if manifest.address_space.is_some() {
        return print_holes(snapshot, output);
    }
    let mut rows = vec![row(&["FILE", "STORED", "RECORDS", "CHECKSUM"])];
    for (index, file) in manifest.files.iter().enumerate() {
        rows.push(vec![
            snapshot.location(index).unwrap_or_else(|| file.path.clone()),
            output::bytes(file.size_bytes),
            manifest.file_row_count(index).map_or("unknown".to_owned(), output::number),
            file.checksum.clone().unwrap_or_default(),
        ]);
    }
    output.table(&rows)?;
    for file in &manifest.files {
        if let Some(stats) = file.stats.as_ref().filter(|stats| !stats.columns.is_empty()) {
            output.line("")?;
            output.line(&format!("Statistics of {}", output::printable(&file.path)))?;
            output.table(&statistics(stats))?;
        }
    }
    Ok(())
}

/// What no block of a volume fills yet, as offset and length in bytes.
fn holes(snapshot: &Snapshot) -> impl Iterator<Item = (u64, u64)> + '_ {
    std::iter::successors(snapshot.next_gap(0), |(offset, length)| snapshot.next_gap(offset + length))
}

fn print_holes(snapshot: &Snapshot, output: &mut Output) -> Result<()> {
    let mut rows = vec![row(&["HOLE AT", "BYTES"])];
    rows.extend(holes(snapshot).map(|(offset, length)| vec![offset.to_string(), length.to_string()]));
    if rows.len() == 1 {
        return output.line("It has no holes.");
    }
    output.table(&rows)
}

fn statistics(stats: &FileStats) -> Vec<Vec<String>> {
    let mut rows = vec![row(&["COLUMN", "LEAST", "GREATEST", "NULL OR MISSING"])];
    for column in &stats.columns {
        rows.push(vec![
            column.name.clone(),
            column.min.clone().unwrap_or_default(),
            column.max.clone().unwrap_or_default(),
            output::number(column.null_count),
        ]);
    }
    rows
}

fn described(snapshot: &Snapshot) -> Result<Value> {
    let manifest = snapshot.manifest();
    let parse =
        |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let files: Vec<Value> = manifest
        .files
        .iter()
        .enumerate()
        .map(|(index, file)| {
            let columns: Vec<Value> = file
                .stats
                .iter()
                .flat_map(|stats| &stats.columns)
                .map(|column| {
                    json!({
                        "name": column.name,
                        "min": parse(&column.min),
                        "max": parse(&column.max),
                        "null_count": column.null_count,
                    })
                })
                .collect();
            json!({
                "key": file.path,
                "location": snapshot.location(index),
                "stored_bytes": file.size_bytes,
                "checksum": file.checksum,
                "records": manifest.file_row_count(index),
                "columns": columns,
            })
        })
        .collect();
    let producers: serde_json::Map<String, Value> = snapshot
        .producers()?
        .into_iter()
        .map(|(id, state)| {
            (id, json!({ "sequence": state.sequence, "position": state.position, "snapshot": state.snapshot_id }))
        })
        .collect();
    let mut all = summary(snapshot);
    all["metadata"] = serde_json::from_str(&manifest.metadata.user_json()).unwrap_or(Value::Null);
    all["producers"] = Value::Object(producers);
    all["checksum_algorithm"] = json!(manifest.checksum_algorithm);
    if manifest.address_space.is_some() {
        all["volume"] = json!(manifest.dataset_id);
        all["holes"] = json!(holes(snapshot).collect::<Vec<_>>());
        return Ok(all);
    }
    all["dataset"] = json!(manifest.dataset_id);
    all["codec"] = json!(manifest.codec);
    all["compressor"] = json!(manifest.compressor);
    all["partitioner"] = json!(manifest.partitioner);
    all["min_timestamp"] = json!(manifest.min_timestamp.map(output::time));
    all["max_timestamp"] = json!(manifest.max_timestamp.map(output::time));
    all["files"] = Value::Array(files);
    Ok(all)
}
