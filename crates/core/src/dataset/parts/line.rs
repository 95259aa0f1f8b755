//! A part as one line of JSON (`docs/parts.md`, section "A part as JSON"), written and read. What is read may
//! come from anywhere: every field is checked, and memory is bounded by the text's length.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Inner, Part, Staged};
use crate::checksum::Checksum;
use crate::dataset::pipe::Counts;
use crate::dataset::{Dataset, partition};
use crate::error::{Error, Result, Status};
use crate::history::Id;
use crate::id::{Form, form};
use crate::layout::Layout;
use crate::manifest::json::compact;
use crate::manifest::{ColumnStats, FileFormat, FileRef, FileStats, rfc3339};
use crate::store::key;

/// The form that this version writes and reads.
const VERSION: u64 = 1;

/// The longest line that is read, in bytes: a part of very many partitions is long.
const LINE_MAX: usize = 64 << 20;

/// What a line says.
pub(super) struct Line<'a> {
    pub dataset_id: &'a str,
    pub layout: Layout,
    pub id: &'a Id,
    /// In Unix nanoseconds.
    pub staged_at: i64,
    pub is_durable: bool,
    pub format: FileFormat,
    pub counts: Counts,
    pub files: &'a [FileRef],
}

#[derive(Serialize)]
struct Written<'a> {
    lode_part: u64,
    dataset_id: &'a str,
    layout: &'a str,
    id: &'a str,
    staged_at: String,
    durable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    codec: Option<&'a str>,
    compressor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_algorithm: Option<&'a str>,
    row_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_timestamp: Option<String>,
    files: &'a [FileRef],
}

pub(super) fn write(line: &Line<'_>) -> String {
    // Every time of 64 bits can be printed.
    let time = |unix_nanos| rfc3339::format(unix_nanos).unwrap_or_default();
    let written = Written {
        lode_part: VERSION,
        dataset_id: line.dataset_id,
        layout: line.layout.name(),
        id: line.id,
        staged_at: time(line.staged_at),
        durable: line.is_durable,
        codec: line.format.codec.manifest_name(),
        compressor: line.format.compressor.manifest_name(),
        checksum_algorithm: line.format.checksum.name(),
        row_count: line.counts.records,
        min_timestamp: line.counts.min_timestamp.map(time),
        max_timestamp: line.counts.max_timestamp.map(time),
        files: line.files,
    };
    crate::manifest::json::to_string(&written)
}

#[derive(Deserialize)]
struct Version {
    lode_part: u64,
}

#[derive(Deserialize)]
struct Read {
    dataset_id: String,
    layout: String,
    id: String,
    staged_at: String,
    durable: bool,
    codec: Option<String>,
    compressor: String,
    checksum_algorithm: Option<String>,
    row_count: u64,
    min_timestamp: Option<String>,
    max_timestamp: Option<String>,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    size_bytes: u64,
    checksum: Option<String>,
    stats: Option<Stats>,
}

#[derive(Deserialize)]
struct Stats {
    row_count: u64,
    #[serde(default)]
    columns: Vec<Column>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    min: Option<Box<RawValue>>,
    max: Option<Box<RawValue>>,
    #[serde(default)]
    null_count: u64,
    #[serde(default)]
    distinct_count: u64,
}

impl Dataset {
    /// A part that any process has staged, from its line of JSON. No I/O: whether its files are there is
    /// found out by the commit.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the field, for what is no part, or none of this dataset as it is opened:
    /// another dataset, layout, codec, compressor or checksum, a path that is not one of its data files.
    /// `Unsupported` for the form of a later version.
    pub fn part_from_json(&self, json: &str) -> Result<Part> {
        self.read_part(json).map_err(|error| self.named(error.context("a part's JSON")))
    }

    fn read_part(&self, json: &str) -> Result<Part> {
        if json.len() > LINE_MAX {
            return Err(invalid(format_args!(
                "it has {} bytes, at most {LINE_MAX} are possible",
                json.len()
            )));
        }
        let malformed = |error: serde_json::Error| {
            invalid(format_args!("{error}: give what the part's own JSON was, unchanged")).with_source(error)
        };
        let version: Version = serde_json::from_str(json).map_err(malformed)?;
        if version.lode_part != VERSION {
            let message = format!(
                "lode_part: it is of the form {}, and this version reads the form {VERSION}: update lode",
                version.lode_part
            );
            return Err(Error::new(Status::Unsupported, message));
        }
        let read: Read = serde_json::from_str(json).map_err(malformed)?;
        self.check_dataset(&read)?;
        if !matches!(form(&read.id), Form::Ours { .. }) {
            return Err(invalid(format_args!("id: {:?} is no id that a part can have", shown(&read.id))));
        }
        if read.files.is_empty() {
            return Err(invalid("files: a part has at least one file"));
        }
        let time = |field: &str, text: &str| {
            let unix_nanos = rfc3339::parse(text)
                .map_err(|error| invalid(format_args!("{field}: {:?}: {error}", shown(text))))?;
            i64::try_from(unix_nanos)
                .map_err(|_| invalid(format_args!("{field}: {text} is beyond the times of 64 bits")))
        };
        let optional =
            |field: &str, text: &Option<String>| text.as_deref().map(|text| time(field, text)).transpose();
        let counts = Counts {
            records: within_64_bits("row_count", read.row_count)?,
            bytes: 0,
            min_timestamp: optional("min_timestamp", &read.min_timestamp)?,
            max_timestamp: optional("max_timestamp", &read.max_timestamp)?,
        };
        let staged_at = time("staged_at", &read.staged_at)?;
        let mut files = Vec::with_capacity(read.files.len());
        for (index, file) in read.files.into_iter().enumerate() {
            let file = self.read_file(&read.id, file);
            files.push(file.map_err(|error| error.context(format_args!("files[{index}]")))?);
        }
        let mut paths: Vec<(&str, usize)> = Vec::with_capacity(files.len());
        paths.extend(files.iter().enumerate().map(|(index, file)| (&*file.path, index)));
        paths.sort_unstable();
        if let Some(twice) = paths.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(invalid(format_args!("files: {} is there twice", twice[0].0)));
        }
        let options = self.options();
        Ok(Part {
            inner: Arc::new(Inner {
                dataset: self.clone(),
                id: Id::from(read.id),
                layout: options.layout,
                format: options.file_format(),
                files,
                counts,
                staged: Staged::Elsewhere(staged_at),
                is_durable: read.durable,
                json: json.to_owned(),
                _hold: None,
            }),
        })
    }

    /// The part is one of this dataset, written as this handle would write it: a manifest has one format for
    /// all files.
    fn check_dataset(&self, read: &Read) -> Result<()> {
        let options = self.options();
        let format = options.file_format();
        let text = |name: Option<&str>| name.unwrap_or("none").to_owned();
        for (field, found, expected) in [
            ("dataset_id", read.dataset_id.clone(), self.id().to_owned()),
            ("layout", read.layout.clone(), options.layout.name().to_owned()),
            ("codec", text(read.codec.as_deref()), text(format.codec.manifest_name())),
            ("compressor", read.compressor.clone(), format.compressor.manifest_name().to_owned()),
            ("checksum_algorithm", text(read.checksum_algorithm.as_deref()), text(format.checksum.name())),
        ] {
            if found != expected {
                return Err(invalid(format_args!(
                    "{field}: the part has {:?}, but the dataset was opened with {expected:?}: all parts of a \
                     snapshot are written by the same options",
                    shown(&found)
                )));
            }
        }
        Ok(())
    }

    fn read_file(&self, id: &str, file: File) -> Result<FileRef> {
        let path = shown(&file.path).to_owned();
        self.check_path(id, &file.path)?;
        let size_bytes =
            within_64_bits("size_bytes", file.size_bytes).map_err(|error| error.with_path(&path))?;
        check_checksum(self.options().checksum, file.checksum.as_deref())
            .map_err(|error| error.with_path(&path))?;
        let stats = file.stats.map(read_stats).transpose()?;
        Ok(FileRef { path: file.path, size_bytes, checksum: file.checksum, stats })
    }

    /// Accepts the path of a data file of this dataset under this id, and no other.
    fn check_path(&self, id: &str, path: &str) -> Result<()> {
        let options = self.options();
        let refuse = |what: &str| {
            let path = shown(path);
            Err(invalid(format_args!("path: {path:?} {what}")).with_path(path))
        };
        if let Err(error) = key::check(path) {
            return Err(error.with_status(Status::InvalidArgument).context("path"));
        }
        let Some(parsed) = options.layout.parse_data_path(self.id(), path) else {
            return refuse("is not where a data file of this dataset lies");
        };
        if parsed.snapshot != id {
            return refuse("does not lie under the part's id");
        }
        if !options.is_file_name(parsed.file) {
            return refuse("is not called as a data file of this codec and compressor is");
        }
        let is_placed = match options.layout {
            Layout::Hive => partition::is_partition(&options.partition_keys, parsed.partition),
            Layout::Default | Layout::Flat | Layout::Volume => true,
        };
        if !is_placed {
            return refuse("does not lie in a partition by the keys of this dataset");
        }
        Ok(())
    }
}

fn read_stats(stats: Stats) -> Result<FileStats> {
    let row_count = within_64_bits("stats.row_count", stats.row_count)?;
    let text = |value: Option<Box<RawValue>>| value.map(|value| compact(value.get()));
    let mut columns = Vec::with_capacity(stats.columns.len());
    for column in stats.columns {
        columns.push(ColumnStats {
            name: column.name,
            min: text(column.min),
            max: text(column.max),
            null_count: within_64_bits("null_count", column.null_count)?,
            distinct_count: within_64_bits("distinct_count", column.distinct_count)?,
        });
    }
    Ok(FileStats { row_count, columns })
}

/// Accepts what other readers can hold.
fn within_64_bits(field: &str, count: u64) -> Result<u64> {
    match i64::try_from(count) {
        Ok(_) => Ok(count),
        Err(_) => Err(invalid(format_args!(
            "{field}: {count} is more than the {} that any file can have",
            i64::MAX
        ))),
    }
}

fn check_checksum(algorithm: Checksum, checksum: Option<&str>) -> Result<()> {
    let digits = algorithm.hasher().map(|hasher| hasher.finish().len());
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match (digits, checksum) {
        (None, None) => Ok(()),
        (Some(digits), Some(checksum)) if checksum.len() == digits && is_hex(checksum) => Ok(()),
        (None, Some(_)) => Err(invalid("checksum: there is one, but no checksum_algorithm")),
        (Some(digits), _) => Err(invalid(format_args!(
            "checksum: a checksum by {} is {digits} hexadecimal digits",
            algorithm.name().unwrap_or_default()
        ))),
    }
}

/// So much of a text as a message holds.
fn shown(text: &str) -> &str {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cold]
fn invalid(message: impl std::fmt::Display) -> Error {
    Error::new(Status::InvalidArgument, message)
}
