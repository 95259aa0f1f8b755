//! Reading a manifest: whole and right, or an error that names the field (`docs/format.md`, section "What a
//! manifest reader accepts").
//!
//! The input may be hostile, and it may be long. One pass of `serde_json` visits it and leaves each value
//! unparsed until its field is known; no depth of nesting deepens the call stack. The call's deadline is
//! checked between files, columns and members of the metadata, and the memory for what is read is bounded by
//! the manifest's size.

mod files;
mod volume;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use self::files::{ArrayOf, Element};
use super::json::{self, Elements};
use super::{ColumnStats, FORMAT_VERSION, FileRef, FileStats, Manifest, Metadata, SCHEMA_NAME, rfc3339};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::layout::Layout;
use crate::store::key;

/// What is read may take twice the manifest's size, or this if it is more: with the manifest's own bytes that
/// is three times its size.
const MEMORY_MIN: usize = 16 << 20;

/// The longest path of a file, in bytes. No store has keys as long.
const PATH_MAX: usize = 64 << 10;

/// How many files, columns or members are read between two checks of the deadline.
const BETWEEN_CHECKS: usize = 256;

/// Texts longer than this are shortened in messages, in bytes.
const SHOWN: usize = 200;

/// Which manifest is to be read, against which its content is checked.
#[derive(Clone, Copy, Debug)]
pub struct ManifestKey<'a> {
    /// Its dataset's layout.
    pub layout: Layout,
    /// Its dataset.
    pub dataset_id: &'a str,
    /// Its snapshot.
    pub snapshot_id: &'a str,
    /// The key that it was read from, which messages name: the canonical one, or that of a partition's copy.
    pub path: &'a str,
}

/// What is wrong with a field of a manifest: the source of the error that says so.
#[derive(Debug, thiserror::Error)]
#[error("field {field}: {what}")]
pub struct FieldError {
    field: String,
    what: String,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl FieldError {
    /// Where it stands, such as `files[3].size_bytes`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    #[cold]
    #[inline(never)]
    fn new(field: &str, what: fmt::Arguments<'_>) -> Box<FieldError> {
        Box::new(FieldError { field: field.to_owned(), what: what.to_string(), cause: None })
    }

    fn caused(
        field: &str,
        what: String,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Box<FieldError> {
        let mut error = FieldError::new(field, format_args!("{what}"));
        error.cause = Some(cause.into());
        error
    }

    /// The same fault, of a field inside `outer`; an empty field is `outer` itself.
    fn within(mut self: Box<Self>, outer: fmt::Arguments<'_>) -> Box<FieldError> {
        self.field = match self.field.as_str() {
            "" => outer.to_string(),
            field => format!("{outer}.{field}"),
        };
        self
    }
}

/// Why reading ended early.
enum Stop {
    /// A field is wrong.
    Field(Box<FieldError>),
    /// The call is over, or memory ran out.
    Call(Error),
}

impl From<Box<FieldError>> for Stop {
    fn from(error: Box<FieldError>) -> Self {
        Stop::Field(error)
    }
}

/// What is wrong with the metadata.
impl From<String> for Stop {
    fn from(what: String) -> Self {
        Stop::Field(FieldError::new("metadata", format_args!("{what}")))
    }
}

impl Stop {
    fn within(self, outer: fmt::Arguments<'_>) -> Self {
        match self {
            Stop::Field(error) => Stop::Field(error.within(outer)),
            Stop::Call(error) => Stop::Call(error),
        }
    }
}

type Read<T> = std::result::Result<T, Stop>;
type Field<T> = std::result::Result<T, Box<FieldError>>;

fn fault<T, E: From<Box<FieldError>>>(field: &str, what: impl fmt::Display) -> std::result::Result<T, E> {
    Err(FieldError::new(field, format_args!("{what}")).into())
}

impl Manifest {
    /// Reads the manifest that `key` names. Unknown keys are accepted, and `"files": null` is no files. At
    /// most three times the manifest's size is in memory, its own bytes included, or 16 MiB more than its
    /// size.
    ///
    /// # Errors
    /// `ManifestInvalid`, naming the path and the field (the source is a [`FieldError`]): it is torn or
    /// followed by more, of another schema or major version, of another dataset or snapshot, lacks what it
    /// must have, names a file outside of its own dataset, or would take more memory. `Deadline`,
    /// `Cancelled`, `Aborted`; `NoMemory`.
    pub fn parse(context: &Context, bytes: &[u8], key: ManifestKey<'_>) -> Result<Manifest> {
        let invalid = |what: fmt::Arguments<'_>| {
            Error::new(Status::ManifestInvalid, format_args!("invalid manifest {}: {what}", key.path))
                .with_path(key.path)
                .with_snapshot_id(key.snapshot_id)
        };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            invalid(format_args!("it is not UTF-8 (at byte {at})")).with_offset(at as u64).with_source(error)
        })?;
        let mut reading = Reading {
            key,
            prefix: key.layout.dataset_prefix(key.dataset_id),
            context,
            end: text.as_ptr() as usize + text.len(),
            memory: MEMORY_MIN.max(2 * text.len()),
            since_check: 0,
            stop: None,
        };
        let mut json = serde_json::Deserializer::from_str(text);
        let visited = match key.layout {
            Layout::Volume => {
                json.deserialize_map(TopLevel::new(&mut reading, &volume::KNOWN)).map(AnyFields::Volume)
            }
            _ => json.deserialize_map(TopLevel::new(&mut reading, &KNOWN)).map(AnyFields::Dataset),
        };
        let visited = visited.and_then(|fields| {
            json.end()?;
            Ok(fields)
        });
        // Its scratch space may be as large as the text nests deep.
        drop(json);
        let manifest = match (reading.stop.take(), visited) {
            (Some(stop), _) => Err(stop),
            (None, Ok(_)) if !text.ends_with('}') => {
                return Err(invalid(format_args!("it is followed by white space")));
            }
            (None, Ok(AnyFields::Dataset(fields))) => fields.into_manifest(&mut reading),
            (None, Ok(AnyFields::Volume(fields))) => fields.into_manifest(&mut reading),
            (None, Err(error)) if error.is_eof() => {
                let length = bytes.len();
                let what =
                    format_args!("it ends too early, after {length} bytes: its writer did not finish it");
                return Err(invalid(what).with_source(error));
            }
            (None, Err(error)) => {
                return Err(
                    invalid(format_args!("it is not exactly one JSON object: {error}")).with_source(error)
                );
            }
        };
        manifest.map_err(|stop| match stop {
            Stop::Field(error) => invalid(format_args!("{error}")).with_source(*error),
            Stop::Call(error) => error.with_path(key.path),
        })
    }
}

/// What reading needs to know, and what it has used up.
struct Reading<'a> {
    key: ManifestKey<'a>,
    /// Under which the dataset's files lie.
    prefix: String,
    context: &'a Context,
    /// The address at which the manifest's text ends.
    end: usize,
    /// How many bytes may still be taken.
    memory: usize,
    since_check: usize,
    /// Why the visit of the text was broken off.
    stop: Option<Stop>,
}

impl Reading<'_> {
    /// Counts one more file, column or member.
    fn step(&mut self) -> Read<()> {
        self.since_check += 1;
        if self.since_check < BETWEEN_CHECKS {
            return Ok(());
        }
        self.since_check = 0;
        self.context.check("reading a manifest").map_err(Stop::Call)
    }

    /// Counts memory that is taken.
    fn take(&mut self, bytes: usize) -> Read<()> {
        match self.memory.checked_sub(bytes) {
            Some(left) => {
                self.memory = left;
                Ok(())
            }
            None => fault("", "from here on it takes more than three times the manifest's size in memory"),
        }
    }

    /// Makes room for one more value, and not for many more than the text can still hold: `first` and
    /// `current` are the texts of the first value and of the one that is to come.
    fn make_room<T>(&mut self, values: &mut Vec<T>, first: &str, current: &str) -> Read<()> {
        if values.len() < values.capacity() {
            return Ok(());
        }
        let (first, current) = (first.as_ptr() as usize, current.as_ptr() as usize);
        let average = (current - first).checked_div(values.len()).unwrap_or(1).max(1);
        let more = (self.end.saturating_sub(current) / average + 1).min(values.len().max(4));
        self.take(more * size_of::<T>())?;
        values
            .try_reserve_exact(more)
            .map_err(|_| Stop::Call(Error::new(Status::NoMemory, "no memory for the values of a manifest")))
    }

    /// A text of its own in memory.
    fn owned(&mut self, text: Cow<'_, str>) -> Read<String> {
        self.take(text.len())?;
        Ok(text.into_owned())
    }
}

/// The keys of a manifest, those first that are read from their unparsed values.
const KNOWN: [&str; 15] = [
    "schema_name",
    "format_version",
    "dataset_id",
    "snapshot_id",
    "created_at",
    "metadata",
    "parent_snapshot_id",
    "row_count",
    "min_timestamp",
    "max_timestamp",
    "codec",
    "compressor",
    "partitioner",
    "checksum_algorithm",
    FILES,
];

const FILES: &str = "files";

/// The values of an object's known keys, unparsed.
struct Known<'a, const N: usize> {
    names: &'static [&'static str; N],
    values: [Option<&'a str>; N],
}

impl<'a, const N: usize> Known<'a, N> {
    fn new(names: &'static [&'static str; N]) -> Self {
        Known { names, values: [None; N] }
    }

    /// Keeps a value, unless there is one already; whether the key is known.
    fn put(&mut self, key: &str, value: &'a str) -> Field<bool> {
        let Some(at) = self.names.iter().position(|name| *name == key) else {
            return match self.names.iter().find(|name| is_alike(name, key)) {
                Some(name) => fault(key, format_args!("readers differ on it: some take it for {name:?}")),
                None => Ok(false),
            };
        };
        match self.values[at].replace(value) {
            None => Ok(true),
            Some(_) => fault(key, "it occurs twice"),
        }
    }

    /// The value of this key as it is there.
    fn value(&self, name: &str) -> Option<&'a str> {
        let at = self.names.iter().position(|known| *known == name);
        debug_assert!(at.is_some(), "{name} is not known");
        self.values[at?]
    }

    /// The value of this key; null counts as missing, as in the Go library.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.value(name).filter(|json| *json != "null")
    }

    /// The text; missing and empty are the same, as in the Go library.
    fn optional_text(&self, name: &str) -> Field<Option<Cow<'a, str>>> {
        let Some(json) = self.get(name) else { return Ok(None) };
        let Some(inner) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return fault(name, format_args!("expected a string, found {}", json::kind(json)));
        };
        let text = match inner.contains('\\') {
            false => Cow::Borrowed(inner),
            true => Cow::Owned(serde_json::from_str(json).map_err(|error| {
                FieldError::caused(name, format!("it is not a valid string: {error}"), error)
            })?),
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn required_text(&self, name: &str) -> Field<Cow<'a, str>> {
        match self.optional_text(name)? {
            Some(text) => Ok(text),
            None => fault(name, "it is missing or empty"),
        }
    }

    fn matching_text(&self, name: &str, expected: &str) -> Field<String> {
        let found = self.required_text(name)?;
        if found == expected {
            return Ok(found.into_owned());
        }
        let found = shown(&found);
        fault(name, format_args!("expected {expected:?}, as its path says, found {found}"))
    }

    /// A whole number from 0 to 2^63 - 1; missing is 0, as in the Go library.
    fn count(&self, name: &str) -> Field<u64> {
        let Some(json) = self.get(name) else { return Ok(0) };
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
            _ if json.starts_with('-') => {
                fault(name, format_args!("it must not be negative, found {}", found()))
            }
            _ => fault(name, format_args!("expected at most {}, found {}", i64::MAX, found())),
        }
    }

    fn time(&self, name: &str) -> Field<Option<i128>> {
        let Some(text) = self.optional_text(name)? else {
            return match self.get(name) {
                Some(_) => fault(name, "expected a time, found an empty string"),
                None => Ok(None),
            };
        };
        match rfc3339::parse(&text) {
            Ok(unix_nanos) => Ok(Some(unix_nanos)),
            Err(error) => {
                let what = format!("{} is no RFC 3339 time: {error}", shown(&text));
                Err(FieldError::caused(name, what, error))
            }
        }
    }

    fn created_at(&self) -> Field<i64> {
        const NAME: &str = "created_at";
        match self.time(NAME)?.map(i64::try_from) {
            Some(Ok(unix_nanos)) => Ok(unix_nanos),
            Some(Err(_)) => {
                let found = self.get(NAME).unwrap_or_default();
                let range = "the years 1678 to 2262, which 64 bits of nanoseconds hold";
                fault(NAME, format_args!("{found} is outside {range}"))
            }
            None => fault(NAME, "it is missing"),
        }
    }

    fn timestamp(&self, name: &str) -> Field<Option<i64>> {
        // The least number is what "no timestamp" is in the C API.
        let nearest = |time: i128| time.clamp(i128::from(i64::MIN) + 1, i128::from(i64::MAX)) as i64;
        Ok(self.time(name)?.map(nearest))
    }
}

/// Whether the Go library takes `key` for this name: it compares without regard to case, by Unicode's simple
/// folding.
fn is_alike(name: &str, key: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.len() <= 4 * name.len() && key.chars().map(fold).eq(name.chars())
}

/// A text as messages quote it.
fn shown(text: &str) -> String {
    match text.char_indices().find(|(at, _)| *at >= SHOWN) {
        None => format!("{text:?}"),
        Some((at, _)) => format!("{:?} and {} bytes more", &text[..at], text.len() - at),
    }
}

/// All that a manifest's text holds: the values of its known keys, and what it has many of.
struct Fields<'a, T, const N: usize> {
    known: Known<'a, N>,
    elements: Option<Vec<T>>,
    unknown: Vec<(String, String)>,
}

/// All that a manifest's text holds, of a dataset's or a volume's.
enum AnyFields<'a> {
    Dataset(Fields<'a, FileRef, 15>),
    Volume(volume::VolumeFields<'a>),
}

/// Refuses what has another schema or version: nothing else of it can be relied on. What was not read yet
/// is not missing before the end.
fn check_version<const N: usize>(known: &Known<'_, N>, schema_name: &str, at_end: bool) -> Field<()> {
    if at_end || known.value("schema_name").is_some() {
        let name = known.required_text("schema_name")?;
        if name != schema_name {
            let found = shown(&name);
            return fault("schema_name", format_args!("expected {schema_name:?}, found {found}"));
        }
    }
    if at_end || known.value("format_version").is_some() {
        let version = known.required_text("format_version")?;
        if version.split('.').next() != FORMAT_VERSION.split('.').next() {
            let (found, advice) = (shown(&version), "read it with a version of the library that knows it");
            return fault("format_version", format_args!("expected 1.x, found {found}: {advice}"));
        }
    }
    Ok(())
}

impl Fields<'_, FileRef, 15> {
    fn into_manifest(self, reading: &mut Reading<'_>) -> Read<Manifest> {
        check_version(&self.known, SCHEMA_NAME, true)?;
        let known = self.known;
        let own = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        Ok(Manifest {
            dataset_id: known.matching_text("dataset_id", reading.key.dataset_id)?,
            snapshot_id: known.matching_text("snapshot_id", reading.key.snapshot_id)?,
            created_at: known.created_at()?,
            metadata: read_metadata(known.get("metadata"), reading)?,
            files: match self.elements {
                Some(files) => files,
                None => return fault(FILES, "it is missing"),
            },
            parent_snapshot_id: own(known.optional_text("parent_snapshot_id")?),
            row_count: known.count("row_count")?,
            min_timestamp: known.timestamp("min_timestamp")?,
            max_timestamp: known.timestamp("max_timestamp")?,
            codec: own(known.optional_text("codec")?),
            compressor: known.required_text("compressor")?.into_owned(),
            partitioner: known.required_text("partitioner")?.into_owned(),
            checksum_algorithm: own(known.optional_text("checksum_algorithm")?),
            address_space: None,
            unknown: self.unknown,
        })
    }
}

/// Visits the manifest itself.
struct TopLevel<'r, 'a, T, const N: usize> {
    reading: &'r mut Reading<'a>,
    names: &'static [&'static str; N],
    element: PhantomData<T>,
}

impl<'r, 'a, T, const N: usize> TopLevel<'r, 'a, T, N> {
    fn new(reading: &'r mut Reading<'a>, names: &'static [&'static str; N]) -> Self {
        TopLevel { reading, names, element: PhantomData }
    }
}

impl<'de, T: Element, const N: usize> Visitor<'de> for TopLevel<'_, '_, T, N> {
    type Value = Fields<'de, T, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let reading = self.reading;
        let mut fields = Fields { known: Known::new(self.names), elements: None, unknown: Vec::new() };
        while let Some(key) = map.next_key::<&RawValue>()? {
            let key = json::key_text(key);
            let read = if key == T::FIELD {
                // A value's text stands for all of them, which are read at once.
                let begun = fields
                    .known
                    .put(T::FIELD, "[]")
                    .and_then(|_| check_version(&fields.known, T::SCHEMA_NAME, false));
                match begun {
                    Ok(()) => map.next_value_seed(ArrayOf::<T>::new(reading))?.map(|elements| {
                        fields.elements = Some(elements);
                    }),
                    Err(error) => Err(error.into()),
                }
            } else {
                let value = map.next_value::<&RawValue>()?.get();
                read_member(&mut fields.known, &mut fields.unknown, &key, value, reading)
            };
            if let Err(stop) = read {
                reading.stop = Some(stop);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(fields)
    }
}

fn read_member<'de, const N: usize>(
    known: &mut Known<'de, N>,
    unknown: &mut Vec<(String, String)>,
    key: &str,
    value: &'de str,
    reading: &mut Reading<'_>,
) -> Read<()> {
    if known.put(key, value)? {
        // What becomes of it is no longer than its text.
        return reading.take(value.len()).map_err(|stop| stop.within(format_args!("{key}")));
    }
    reading.step()?;
    let value = json::compact(value);
    let taken = key.len() + value.capacity() + size_of::<(String, String)>();
    // A vector doubles.
    reading.take(2 * taken).map_err(|stop| stop.within(format_args!("{}", shown(key))))?;
    unknown.push((key.to_owned(), value));
    Ok(())
}

/// The values of an object's known keys, the caller naming the object itself.
fn object<'a, const N: usize>(json: &'a str, names: &'static [&'static str; N]) -> Field<Known<'a, N>> {
    if !json.starts_with('{') {
        return fault("", format_args!("expected an object, found {}", json::kind(json)));
    }
    let mut known = Known::new(names);
    let broke = json::members(json, |key, value| match known.put(&key, value) {
        Ok(_) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    });
    match broke {
        Ok(None) => Ok(known),
        Ok(Some(error)) => Err(error),
        Err(error) => Err(FieldError::caused("", error.to_string(), error)),
    }
}

fn read_metadata(value: Option<&str>, reading: &mut Reading<'_>) -> Read<Metadata> {
    const NAME: &str = "metadata";
    match value {
        None => fault(NAME, "it is missing or null, and must be an object"),
        Some(json) if !json.starts_with('{') => {
            fault(NAME, format_args!("expected an object, found {}", json::kind(json)))
        }
        // Its text has been counted with the other fields.
        Some(json) => Metadata::from_stored(json, |bytes| {
            reading.step()?;
            reading.take(2 * bytes).map_err(|stop| stop.within(format_args!("{NAME}")))
        }),
    }
}
