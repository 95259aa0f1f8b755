//! Reading a manifest: whole and right, or an error that names the field (`docs/format.md`, section "What a
//! manifest reader accepts").
//!
//! The input may be hostile. Values are split off unread and looked at one by one, so that no depth of nesting
//! deepens the call stack, and memory grows with the input's length alone.

use std::borrow::Cow;
use std::fmt;

use super::{ColumnStats, FORMAT_VERSION, FileRef, FileStats, Manifest, Metadata, SCHEMA_NAME, json, time};
use crate::error::{Error, Result, Status};
use crate::store::key;

/// What is wrong with a field.
struct Fault {
    field: String,
    what: String,
}

type Read<T> = std::result::Result<T, Box<Fault>>;

fn fault<T>(field: &str, what: impl fmt::Display) -> Read<T> {
    Err(Fault::new(field, format_args!("{what}")))
}

impl Manifest {
    /// Reads the manifest that `path` holds, which must be that of this snapshot of this dataset. Unknown keys are
    /// accepted, and `"files": null` is no files.
    ///
    /// # Errors
    /// `ManifestInvalid`, naming the path and the field: it is torn or followed by more, of another schema or
    /// major version, of another dataset or snapshot, lacks what it must have, or names a file outside the store.
    pub fn parse(bytes: &[u8], dataset_id: &str, snapshot_id: &str, path: &str) -> Result<Manifest> {
        let invalid = |what: String| {
            Error::new(Status::ManifestInvalid, format_args!("invalid manifest {path}: {what}"))
                .with_path(path)
                .with_snapshot_id(snapshot_id)
        };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            invalid(format!("it is not UTF-8 (at byte {at})")).with_offset(at as u64)
        })?;
        let members = json::members(text).map_err(|error| {
            invalid(match error.ends_early() {
                true => {
                    format!("it ends too early, after {} bytes: its writer did not finish it", bytes.len())
                }
                false => format!("it is not exactly one JSON object: {error}"),
            })
        })?;
        if !text.ends_with('}') {
            return Err(invalid("it is followed by white space".to_owned()));
        }
        read_manifest(members, dataset_id, snapshot_id)
            .map_err(|fault| invalid(format!("field {}: {}", fault.field, fault.what)))
    }
}

fn read_manifest(members: Vec<(Cow<'_, str>, &str)>, dataset_id: &str, snapshot_id: &str) -> Read<Manifest> {
    let [
        mut schema_name,
        mut format_version,
        mut dataset,
        mut snapshot,
        mut created_at,
        mut metadata,
        mut files,
        mut parent,
        mut row_count,
        mut min_timestamp,
        mut max_timestamp,
        mut codec,
        mut compressor,
        mut partitioner,
        mut checksum_algorithm,
    ] = [None; 15];
    let mut unknown = Vec::new();
    for (key, value) in members {
        let field = match &*key {
            "schema_name" => &mut schema_name,
            "format_version" => &mut format_version,
            "dataset_id" => &mut dataset,
            "snapshot_id" => &mut snapshot,
            "created_at" => &mut created_at,
            "metadata" => &mut metadata,
            "files" => &mut files,
            "parent_snapshot_id" => &mut parent,
            "row_count" => &mut row_count,
            "min_timestamp" => &mut min_timestamp,
            "max_timestamp" => &mut max_timestamp,
            "codec" => &mut codec,
            "compressor" => &mut compressor,
            "partitioner" => &mut partitioner,
            "checksum_algorithm" => &mut checksum_algorithm,
            _ => {
                unknown.push((key.into_owned(), json::compact(value)));
                continue;
            }
        };
        set(field, value, &key)?;
    }

    let schema_name = required_text(schema_name, "schema_name")?;
    if schema_name != SCHEMA_NAME {
        return fault("schema_name", format_args!("expected {SCHEMA_NAME:?}, found {schema_name:?}"));
    }
    let version = required_text(format_version, "format_version")?;
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if major(&version) != major(FORMAT_VERSION) {
        let advice = "read it with a version of the library that knows it";
        return fault("format_version", format_args!("expected 1.x, found {version:?}: {advice}"));
    }
    Ok(Manifest {
        dataset_id: matching_text(dataset, "dataset_id", dataset_id)?,
        snapshot_id: matching_text(snapshot, "snapshot_id", snapshot_id)?,
        created_at: read_created_at(created_at)?,
        metadata: read_metadata(metadata)?,
        files: read_files(files)?,
        parent_snapshot_id: optional_text(parent, "parent_snapshot_id")?,
        row_count: count(row_count, "row_count")?,
        min_timestamp: read_timestamp(min_timestamp, "min_timestamp")?,
        max_timestamp: read_timestamp(max_timestamp, "max_timestamp")?,
        codec: optional_text(codec, "codec")?,
        compressor: required_text(compressor, "compressor")?,
        partitioner: required_text(partitioner, "partitioner")?,
        checksum_algorithm: optional_text(checksum_algorithm, "checksum_algorithm")?,
        unknown,
    })
}

/// Keeps a field's value, unless it has one: readers differ on which of two would count.
fn set<'a>(field: &mut Option<&'a str>, value: &'a str, name: &str) -> Read<()> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => fault(name, "it occurs twice"),
    }
}

/// The value, if it is there; null counts as missing, as in the Go library.
fn present(value: Option<&str>) -> Option<&str> {
    value.filter(|json| *json != "null")
}

/// The text; missing and empty are the same, as in the Go library.
fn optional_text(value: Option<&str>, name: &str) -> Read<Option<String>> {
    let Some(json) = present(value) else { return Ok(None) };
    if !json.starts_with('"') {
        return fault(name, format_args!("expected a string, found {}", json::kind(json)));
    }
    let Some(text) = json::text(json) else {
        return fault(name, "it is not a valid string: it has half a surrogate pair");
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn required_text(value: Option<&str>, name: &str) -> Read<String> {
    match optional_text(value, name)? {
        Some(text) => Ok(text),
        None => fault(name, "it is missing or empty"),
    }
}

fn matching_text(value: Option<&str>, name: &str, expected: &str) -> Read<String> {
    let found = required_text(value, name)?;
    if found == expected {
        return Ok(found);
    }
    fault(name, format_args!("expected {expected:?}, as its path says, found {found:?}"))
}

/// A whole number from 0 to 2^63 - 1; missing is 0, as in the Go library.
fn count(value: Option<&str>, name: &str) -> Read<u64> {
    let Some(json) = present(value) else { return Ok(0) };
    let found = || match json.len() {
        ..=40 => json.to_owned(),
        _ => json::kind(json).to_owned(),
    };
    let digits = json.strip_prefix('-').unwrap_or(json);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return fault(name, format_args!("expected a whole number, found {}", found()));
    }
    match json.parse::<i64>().map(u64::try_from) {
        Ok(Ok(count)) => Ok(count),
        _ if json.starts_with('-') => fault(name, format_args!("it must not be negative, found {}", found())),
        _ => fault(name, format_args!("expected at most {}, found {}", i64::MAX, found())),
    }
}

fn read_time(value: Option<&str>, name: &str) -> Read<Option<i128>> {
    let Some(text) = optional_text(value, name)? else {
        return match present(value) {
            Some(_) => fault(name, "expected a time, found an empty string"),
            None => Ok(None),
        };
    };
    match time::parse_rfc3339(&text) {
        Ok(unix_nanos) => Ok(Some(unix_nanos)),
        Err(what) => fault(name, format_args!("{text:?} is no RFC 3339 time: {what}")),
    }
}

fn read_created_at(value: Option<&str>) -> Read<i64> {
    const NAME: &str = "created_at";
    match read_time(value, NAME)?.map(i64::try_from) {
        Some(Ok(unix_nanos)) => Ok(unix_nanos),
        Some(Err(_)) => {
            let found = present(value).unwrap_or_default();
            fault(
                NAME,
                format_args!("{found} is outside the years 1678 to 2262, which 64 bits of nanoseconds hold"),
            )
        }
        None => fault(NAME, "it is missing"),
    }
}

fn read_timestamp(value: Option<&str>, name: &str) -> Read<Option<i64>> {
    // The least number is what "no timestamp" is in the C API.
    let nearest = |time: i128| time.clamp(i128::from(i64::MIN) + 1, i128::from(i64::MAX)) as i64;
    Ok(read_time(value, name)?.map(nearest))
}

fn read_metadata(value: Option<&str>) -> Read<Metadata> {
    const NAME: &str = "metadata";
    match present(value) {
        None => fault(NAME, "it is missing or null, and must be an object"),
        Some(json) if !json.starts_with('{') => {
            fault(NAME, format_args!("expected an object, found {}", json::kind(json)))
        }
        Some(json) => Metadata::from_stored(json).or_else(|what| fault(NAME, what)),
    }
}

fn read_files(value: Option<&str>) -> Read<Vec<FileRef>> {
    const NAME: &str = "files";
    let Some(value) = value else { return fault(NAME, "it is missing") };
    let Some(json) = present(Some(value)) else { return Ok(Vec::new()) };
    let elements = array(json, NAME)?;
    // Grown by what is read: the elements may be anything.
    let mut files = Vec::new();
    for (i, element) in elements.into_iter().enumerate() {
        files.push(read_file(element).map_err(|inner| inner.within(&format!("{NAME}[{i}]")))?);
    }
    Ok(files)
}

fn read_file(json: &str) -> Read<FileRef> {
    let [mut path, mut size_bytes, mut checksum, mut stats] = [None; 4];
    for (key, value) in object(json)? {
        let field = match &*key {
            "path" => &mut path,
            "size_bytes" => &mut size_bytes,
            "checksum" => &mut checksum,
            "stats" => &mut stats,
            _ => continue,
        };
        set(field, value, &key)?;
    }
    let path = required_text(path, "path")?;
    if let Err(error) = key::check(&path) {
        return fault("path", error.message());
    }
    Ok(FileRef {
        path,
        size_bytes: count(size_bytes, "size_bytes")?,
        checksum: optional_text(checksum, "checksum")?,
        stats: match present(stats) {
            Some(json) => Some(read_stats(json).map_err(|inner| inner.within("stats"))?),
            None => None,
        },
    })
}

fn read_stats(json: &str) -> Read<FileStats> {
    const COLUMNS: &str = "columns";
    let [mut row_count, mut columns] = [None; 2];
    for (key, value) in object(json)? {
        let field = match &*key {
            "row_count" => &mut row_count,
            COLUMNS => &mut columns,
            _ => continue,
        };
        set(field, value, &key)?;
    }
    let mut stats = FileStats { row_count: count(row_count, "row_count")?, columns: Vec::new() };
    if let Some(json) = present(columns) {
        for (i, element) in array(json, COLUMNS)?.into_iter().enumerate() {
            let column = read_column(element);
            stats.columns.push(column.map_err(|inner| inner.within(&format!("{COLUMNS}[{i}]")))?);
        }
    }
    Ok(stats)
}

fn read_column(json: &str) -> Read<ColumnStats> {
    let [mut name, mut min, mut max, mut null_count, mut distinct_count] = [None; 5];
    for (key, value) in object(json)? {
        let field = match &*key {
            "name" => &mut name,
            "min" => &mut min,
            "max" => &mut max,
            "null_count" => &mut null_count,
            "distinct_count" => &mut distinct_count,
            _ => continue,
        };
        set(field, value, &key)?;
    }
    Ok(ColumnStats {
        name: optional_text(name, "name")?.unwrap_or_default(),
        min: present(min).map(json::compact),
        max: present(max).map(json::compact),
        null_count: count(null_count, "null_count")?,
        distinct_count: count(distinct_count, "distinct_count")?,
    })
}

impl Fault {
    #[cold]
    #[inline(never)]
    fn new(field: &str, what: fmt::Arguments<'_>) -> Box<Fault> {
        Box::new(Fault { field: field.to_owned(), what: what.to_string() })
    }

    /// The same fault, of a field inside `outer`; an empty field is `outer` itself.
    fn within(mut self: Box<Self>, outer: &str) -> Box<Fault> {
        self.field = match self.field.as_str() {
            "" => outer.to_owned(),
            field => format!("{outer}.{field}"),
        };
        self
    }
}

/// The members of an object, which the caller names with [`Fault::within`].
fn object(json: &str) -> Read<Vec<(Cow<'_, str>, &str)>> {
    if !json.starts_with('{') {
        return fault("", format_args!("expected an object, found {}", json::kind(json)));
    }
    json::members(json).or_else(|error| fault("", error.to_string()))
}

fn array<'a>(json: &'a str, name: &str) -> Read<Vec<&'a str>> {
    if !json.starts_with('[') {
        return fault(name, format_args!("expected an array, found {}", json::kind(json)));
    }
    json::elements(json).or_else(|error| fault(name, error.to_string()))
}
