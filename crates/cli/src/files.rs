//! `lode files`: where the data of snapshots lie, for other tools.

use lode_core::context::CallOptions;
use lode_core::dataset::Snapshot;
use lode_core::layout::Layout;
use serde_json::{Value, json};

use crate::args::{Files, FilesFormat};
use crate::failure::{Failure, Result};
use crate::output::{self, Output};
use crate::store;

/// A data file.
struct File {
    /// An absolute path, or in a bucket a URL such as `s3://bucket/prefix/datasets/…`.
    location: String,
    /// How it is read: its compressor, or Parquet.
    compressor: String,
    described: Value,
}

/// Runs the subcommand.
pub fn run(options: &Files) -> Result<()> {
    let (_, dataset, head) = store::open_target(&options.target)?;
    let layout = dataset.options().layout;
    let mut files = Vec::new();
    if options.all {
        let mut snapshots = dataset.snapshots(&CallOptions::default())?;
        while let Some(snapshot) = snapshots.next()? {
            add(&mut files, &snapshot, layout, options)?;
        }
    } else {
        let snapshot = store::snapshot_or_head(&dataset, head, options.snapshot.as_deref())?;
        add(&mut files, &snapshot, layout, options)?;
    }
    let mut output = Output::new();
    match options.format {
        FilesFormat::Paths => {
            files.iter().try_for_each(|file| output.line(&output::printable(&file.location)))?
        }
        FilesFormat::Json => files.iter().try_for_each(|file| output.json(&file.described))?,
        FilesFormat::Duckdb => output.line(&duckdb(&files)?)?,
        FilesFormat::Polars => output.line(&polars(&files)?)?,
    }
    output.flush()
}

fn add(files: &mut Vec<File>, snapshot: &Snapshot, layout: Layout, options: &Files) -> Result<()> {
    let manifest = snapshot.manifest();
    let for_records = matches!(options.format, FilesFormat::Duckdb | FilesFormat::Polars);
    if for_records && !matches!(manifest.codec.as_deref(), Some("jsonl" | PARQUET)) {
        let codec = manifest.codec.as_deref().unwrap_or("none: it is raw bytes");
        return Err(Failure::other(format_args!(
            "snapshot {} has the codec {codec}; a query can be made for jsonl and parquet",
            snapshot.id()
        )));
    }
    for (index, file) in manifest.files.iter().enumerate() {
        // A file of JSON lines without a line has no columns, which readers take for an error.
        if for_records
            && manifest.codec.as_deref() != Some(PARQUET)
            && manifest.file_row_count(index) == Some(0)
        {
            continue;
        }
        let partition = layout.partition_of(&manifest.dataset_id, &file.path);
        if let Some(wanted) = &options.partition {
            let wanted = wanted.trim_end_matches('/');
            let inside = partition.is_some_and(|partition| {
                partition.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if !inside {
                continue;
            }
        }
        let location = snapshot
            .location(index)
            .unwrap_or_else(|| format!("{}/{}", options.target.store.trim_end_matches('/'), file.path));
        files.push(File {
            location: location.clone(),
            compressor: match manifest.codec.as_deref() {
                // The file itself says what its pages are compressed with.
                Some(PARQUET) => PARQUET.to_owned(),
                _ => manifest.compressor.clone(),
            },
            described: json!({
                "snapshot": snapshot.id(),
                "key": file.path,
                "location": location,
                "partition": partition,
                "stored_bytes": file.size_bytes,
                "checksum": file.checksum,
                "checksum_algorithm": manifest.checksum_algorithm,
                "codec": manifest.codec,
                "compressor": manifest.compressor,
                "records": manifest.file_row_count(index),
            }),
        });
    }
    Ok(())
}

/// The codec whose files tell their compressor themselves.
const PARQUET: &str = "parquet";

/// The files by their compressors, each as the reader of a query calls it.
fn by_compressor<'a>(
    files: &'a [File],
    names: &[(&str, &'static str)],
) -> Result<Vec<(&'static str, Vec<&'a str>)>> {
    let mut groups: Vec<(&'static str, Vec<&'a str>)> = Vec::new();
    for file in files {
        let name = names.iter().find(|(compressor, _)| *compressor == file.compressor).map(|(_, name)| *name);
        let Some(name) = name else {
            return Err(Failure::other(format_args!(
                "no query can be made for the compressor {:?}",
                file.compressor
            )));
        };
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, paths)) => paths.push(&file.location),
            None => groups.push((name, vec![&file.location])),
        }
    }
    if groups.is_empty() {
        return Err(Failure::NotFound("there are no data files with records".to_owned()));
    }
    Ok(groups)
}

/// The files have no ending that tells what they are, so the query says it.
fn duckdb(files: &[File]) -> Result<String> {
    let groups = by_compressor(
        files,
        &[("noop", "uncompressed"), ("gzip", "gzip"), ("zstd", "zstd"), (PARQUET, PARQUET)],
    )?;
    let selects: Vec<String> = groups
        .iter()
        .map(|(compression, paths)| {
            let paths: Vec<String> =
                paths.iter().map(|path| format!("'{}'", path.replace('\'', "''"))).collect();
            if *compression == PARQUET {
                return format!("SELECT * FROM read_parquet([{}])", paths.join(", "));
            }
            format!(
                "SELECT * FROM read_json([{}], format = 'newline_delimited', compression = '{compression}')",
                paths.join(", ")
            )
        })
        .collect();
    Ok(format!("{};", selects.join("\nUNION ALL BY NAME\n")))
}

/// Polars finds out about compression by itself.
fn polars(files: &[File]) -> Result<String> {
    let reads = "pl.read_ndjson";
    let groups = by_compressor(
        files,
        &[("noop", reads), ("gzip", reads), ("zstd", reads), (PARQUET, "pl.read_parquet")],
    )?;
    let frames: Vec<String> = groups
        .iter()
        .map(|(read, paths)| {
            let paths: Vec<String> = paths.iter().map(|path| python_string(path)).collect();
            format!("[{read}(path) for path in [{}]]", paths.join(", "))
        })
        .collect();
    Ok(format!("pl.concat({}, how=\"diagonal_relaxed\")", frames.join(" + ")))
}

/// JSON's strings are Python's, but for characters beyond 16 bits, which JSON text here never escapes.
fn python_string(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(location: &str, compressor: &str) -> File {
        File { location: location.into(), compressor: compressor.into(), described: Value::Null }
    }

    #[test]
    fn a_query_quotes_paths_and_joins_what_is_compressed_differently() {
        let files = [file("/a'b/data", "noop"), file("/c/data.zst", "zstd"), file("/d/data", "noop")];
        let query = duckdb(&files).unwrap();
        assert_eq!(
            query,
            "SELECT * FROM read_json(['/a''b/data', '/d/data'], format = 'newline_delimited', compression = \
             'uncompressed')\nUNION ALL BY NAME\nSELECT * FROM read_json(['/c/data.zst'], format = \
             'newline_delimited', compression = 'zstd');"
        );
        let expression = polars(&[file("/a\"b\\", "gzip")]).unwrap();
        assert!(expression.contains(r#"["/a\"b\\"]"#), "{expression}");
    }

    #[test]
    fn a_query_needs_files_and_a_compressor_that_is_known() {
        assert!(matches!(duckdb(&[]), Err(Failure::NotFound(_))));
        assert!(
            matches!(duckdb(&[file("/a", "lzma")]), Err(Failure::Other(message)) if message.contains("lzma"))
        );
    }
}
