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
    let (_, dataset, head) = store::open_target(&options.target)?;
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
    let mut facts = vec![
        ("snapshot", snapshot.id().to_owned()),
        ("dataset", manifest.dataset_id.clone()),
        ("parent", manifest.parent_snapshot_id.clone().unwrap_or_else(|| "none: it is the first".to_owned())),
        ("committed", output::time(manifest.created_at)),
        ("records", output::number(manifest.row_count)),
        ("stored", format!("{} in {} files", output::bytes(stored_bytes(snapshot)), manifest.files.len())),
        ("codec", manifest.codec.clone().unwrap_or_else(|| "none: raw bytes".to_owned())),
        ("compressor", manifest.compressor.clone()),
        ("partitioner", manifest.partitioner.clone()),
        ("checksum", manifest.checksum_algorithm.clone().unwrap_or_else(|| "none".to_owned())),
    ];
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
    all["dataset"] = json!(manifest.dataset_id);
    all["codec"] = json!(manifest.codec);
    all["compressor"] = json!(manifest.compressor);
    all["partitioner"] = json!(manifest.partitioner);
    all["checksum_algorithm"] = json!(manifest.checksum_algorithm);
    all["min_timestamp"] = json!(manifest.min_timestamp.map(output::time));
    all["max_timestamp"] = json!(manifest.max_timestamp.map(output::time));
    all["metadata"] = serde_json::from_str(&manifest.metadata.user_json()).unwrap_or(Value::Null);
    all["producers"] = Value::Object(producers);
    all["files"] = Value::Array(files);
    Ok(all)
}
