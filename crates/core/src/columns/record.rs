//! One strict pass from the bytes of a record to the values of its columns.
//!
//! Most records are flat objects whose keys come in the order of the record before: they are read in one pass
//! over their bytes, with what stood before each value then. All else, and all that is wrong, takes the
//! general way from the beginning: the check of any JSON document, then a walk over its members. Either way
//! the values are kept in slots until all of them are known to fit, so that a rejected record leaves no
//! trace.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::nested::{Nested, Refused};
use super::number;
use super::schema::{BytesText, ColumnType, Field};
use super::timestamp;
use super::violation::{Mismatch, Violation};
use crate::codec::json::flat_scan::{literal_len, number_len, string_len};
use crate::codec::json::members::{Member, Members};
use crate::codec::json::text::push_text;
use crate::codec::json::{Checker, Fault};
use crate::error::Result;

/// No column: the member is checked and ignored.
const IGNORED: usize = usize::MAX;

/// What stands before a value is remembered for so many members.
const EXPECTED_MAX: usize = 10_000;

/// How many expected members may be missing in a row before what is expected no longer helps.
const MISSING_MAX: usize = 8;

/// After so many keys that were not expected, what is expected is learnt anew.
const MISSES_MAX: u32 = 4096;

/// Buffers of so many bytes are kept from record to record.
const KEPT: usize = 256 << 10;

/// A number of so many bytes without an exponent is within the range of a float64.
const ALWAYS_IN_RANGE: usize = 300;

/// The value of a column in the current record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Slot {
    /// The record has no such member.
    Missing,
    Null,
    Bad(Mismatch),
    Whole(i64),
    Float(f64),
    Bool(bool),
    /// A string's bytes in the record.
    Text {
        start: usize,
        len: usize,
    },
    /// The bytes that a string stands for, which it does not have as they are.
    Decoded {
        start: usize,
        len: usize,
    },
    /// The bytes in the record of a list or struct.
    Nested {
        start: usize,
        len: usize,
    },
}

impl Slot {
    #[inline(always)]
    pub fn is_value(self) -> bool {
        !matches!(self, Slot::Missing | Slot::Null | Slot::Bad(_))
    }

    /// Whether it stands for the bytes of a text.
    #[cfg(fuzzing)]
    pub fn is_text(self) -> bool {
        matches!(self, Slot::Text { .. } | Slot::Decoded { .. })
    }

    #[inline(always)]
    pub fn text_len(self) -> usize {
        match self {
            Slot::Text { len, .. } | Slot::Decoded { len, .. } | Slot::Nested { len, .. } => len,
            _ => 0,
        }
    }

    /// The bytes of a list or struct.
    pub fn document(self, record: &[u8]) -> Option<&[u8]> {
        if let Slot::Nested { start, len } = self { Some(&record[start..start + len]) } else { None }
    }

    #[inline(always)]
    pub fn whole(self) -> i64 {
        if let Slot::Whole(value) = self { value } else { 0 }
    }

    #[inline(always)]
    pub fn float(self) -> f64 {
        if let Slot::Float(value) = self { value } else { 0.0 }
    }

    #[inline(always)]
    pub fn bool(self) -> bool {
        matches!(self, Slot::Bool(true))
    }
}

/// Why a record is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not exactly one JSON document.
    Fault(Fault),
    /// It does not fit the schema.
    Violation(Box<Violation>),
    /// There is a column of an Arrow type that no record has, whatever it is: why, for a person.
    ArrowType(String),
}

/// Finds the values of columns in records.
#[derive(Debug)]
pub(crate) struct RecordParser {
    checker: Checker,
    columns: Vec<Field>,
    places: HashMap<Vec<u8>, usize>,
    slots: Vec<Slot>,
    /// What strings stand for that have escapes, or are base64.
    decoded: Vec<u8>,
    text: String,
    /// What stood before the values of the last record that was read the general way, by their number.
    expected: Vec<Expected>,
    /// How many keys were others than expected since that record.
    misses: u32,
    /// Of a schema with columns that are not scalars.
    nested: Option<Box<NestedColumns>>,
}

/// Columns of lists and structs, or of types that records do not have.
#[derive(Debug)]
struct NestedColumns {
    /// Where the values of such a column are tried; none stays there.
    trials: Vec<Option<Nested>>,
    /// Why there can be no records at all.
    refused: Option<String>,
}

/// Where the one pass over a record has come to.
struct Pass {
    at: usize,
    /// The member that is expected next.
    number: usize,
    is_first: bool,
    non_ascii: bool,
}

/// What stands before a value: the separator, a key, a colon and the white space between them; and the key's
/// column.
#[derive(Debug)]
struct Expected {
    text: Box<[u8]>,
    column: usize,
}

impl RecordParser {
    /// A parser for columns with these fields.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new<'f>(fields: impl Iterator<Item = &'f Field>) -> Result<Self> {
        let columns: Vec<Field> = fields.cloned().collect();
        let place = |(place, field): (usize, &Field)| (field.name.as_bytes().to_vec(), place);
        let is_nested = columns.iter().any(|field| field.column_type == ColumnType::Arrow);
        Ok(RecordParser {
            nested: is_nested.then(|| Box::new(NestedColumns::new(&columns))),
            checker: Checker::new(&[])?,
            places: columns.iter().enumerate().map(place).collect(),
            slots: vec![Slot::Missing; columns.len()],
            columns,
            decoded: Vec::new(),
            text: String::new(),
            expected: Vec::new(),
            misses: 0,
        })
    }

    /// The values of the record that was parsed last, in the order of the columns.
    #[inline(always)]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The bytes that a slot of this record stands for.
    #[inline(always)]
    pub fn text<'a>(&'a self, slot: Slot, record: &'a [u8]) -> &'a [u8] {
        match slot {
            Slot::Text { start, len } => &record[start..start + len],
            Slot::Decoded { start, len } => &self.decoded[start..start + len],
            _ => &[],
        }
    }

    /// Finds the values of all columns and checks that they fit.
    ///
    /// # Errors
    /// Why the record is not taken.
    #[inline(always)]
    pub fn parse(&mut self, record: &[u8]) -> std::result::Result<(), Refusal> {
        if let Some(nested) = &self.nested {
            return match &nested.refused {
                None => self.general(record),
                Some(why) => Err(Refusal::ArrowType(why.clone())),
            };
        }
        if self.flat(record) {
            let fits = self.columns.iter().zip(&self.slots);
            let fits = fits.fold(true, |fits, (column, slot)| fits & fits_column(column, *slot));
            if fits {
                return Ok(());
            }
        }
        self.general(record)
    }

    /// Gives back memory that a huge record has taken; its values are then gone.
    pub fn release(&mut self) {
        if self.decoded.capacity() > KEPT {
            self.decoded = Vec::new();
        }
        if self.text.capacity() > KEPT {
            self.text = String::new();
        }
        if let Some(nested) = &mut self.nested {
            **nested = NestedColumns::new(&self.columns);
        }
    }

    fn begin(&mut self) {
        self.slots.fill(Slot::Missing);
        self.decoded.clear();
    }

    /// The one pass over a flat record. False: the general way decides.
    #[inline(never)]
    fn flat(&mut self, record: &[u8]) -> bool {
        if self.misses > MISSES_MAX {
            // Documents have changed: the next way before values is learnt anew.
            self.expected.clear();
        }
        if self.expected.is_empty() {
            return false;
        }
        self.begin();
        let mut pass = Pass { at: 0, number: 0, is_first: true, non_ascii: false };
        loop {
            let column = match self.expected.get(pass.number) {
                Some(expected) if record[pass.at..].starts_with(&expected.text) => {
                    pass.at += expected.text.len();
                    pass.number += 1;
                    expected.column
                }
                _ => match self.other_key(record, &mut pass) {
                    Some(column) => column,
                    None => return false,
                },
            };
            pass.is_first = false;
            let Some(len) = self.value(record, pass.at, column, &mut pass.non_ascii) else { return false };
            pass.at += len;
            let mut next = record.get(pass.at);
            if next.is_some_and(|byte| is_space(*byte)) {
                pass.at = skip_space(record, pass.at);
                next = record.get(pass.at);
            }
            match next {
                Some(b',') => {}
                Some(b'}') => return ends(record, pass.at + 1, pass.non_ascii),
                _ => return false,
            }
        }
    }

    /// Steps over separator, key and colon where others stand than are expected: a member that not every
    /// record has, or another order. Gives the key's column. `None`: the general way decides.
    #[inline(never)]
    fn other_key(&mut self, record: &[u8], pass: &mut Pass) -> Option<usize> {
        self.misses += 1;
        let separator = pass.at;
        let opening = if pass.is_first { skip_space(record, separator) } else { separator };
        if *record.get(opening)? != if pass.is_first { b'{' } else { b',' } {
            return None;
        }
        let at = skip_space(record, opening + 1);
        if *record.get(at)? != b'"' {
            return None;
        }
        let string = string_len(&record[at..])?;
        if string.escapes {
            return None;
        }
        pass.non_ascii |= string.non_ascii;
        let column = self.places.get(&record[at + 1..at + string.len - 1]).copied().unwrap_or(IGNORED);
        let at = skip_space(record, at + string.len);
        if *record.get(at)? != b':' {
            return None;
        }
        pass.at = skip_space(record, at + 1);
        // If members are missing here, it goes on behind this one; a new one leaves what is expected as it
        // was.
        let text = &record[separator..pass.at];
        let ahead = self.expected.get(pass.number..).unwrap_or_default();
        if let Some(found) = ahead.iter().take(MISSING_MAX).position(|expected| *expected.text == *text) {
            pass.number += found + 1;
        }
        Some(column)
    }

    /// Takes the scalar at `at` for a column; gives its length. `None`: the general way decides.
    #[inline(always)]
    fn value(&mut self, record: &[u8], at: usize, column: usize, non_ascii: &mut bool) -> Option<usize> {
        let rest = &record[at..];
        let column_type = self.columns.get(column).map(|field| field.column_type);
        let (slot, len) = match *rest.first()? {
            b'"' => {
                let string = string_len(rest)?;
                *non_ascii |= string.non_ascii;
                (self.string(record, at + 1, string.len - 2, string.escapes, column_type)?, string.len)
            }
            b'-' | b'0'..=b'9' => self.number(rest, column_type)?,
            b't' => (bool_slot(true, column_type), literal_len(rest, b"true")?),
            b'f' => (bool_slot(false, column_type), literal_len(rest, b"false")?),
            b'n' => (Slot::Null, literal_len(rest, b"null")?),
            _ => return None,
        };
        if let Some(place) = self.slots.get_mut(column) {
            *place = slot;
        }
        Some(len)
    }

    /// The slot and the length of the number that `rest` begins with. `None`: the general way decides.
    #[inline(always)]
    fn number(&self, rest: &[u8], column_type: Option<ColumnType>) -> Option<(Slot, usize)> {
        match column_type {
            Some(ColumnType::Int64 | ColumnType::Int32) => {
                if let Some((value, len)) = number::short_integer(rest) {
                    let fits = column_type == Some(ColumnType::Int64) || i32::try_from(value).is_ok();
                    return Some((
                        if fits { Slot::Whole(value) } else { Slot::Bad(Mismatch::Range("int32")) },
                        len,
                    ));
                }
            }
            Some(ColumnType::Float64) => {
                if let Some((value, len)) = number::short_float(rest) {
                    return Some((Slot::Float(value), len));
                }
            }
            _ => {}
        }
        let len = number_len(rest)?;
        let text = &rest[..len];
        // Where it has no column, only the check of the document knows whether its range is right.
        if column_type.is_none()
            && (len > ALWAYS_IN_RANGE || text.iter().any(|byte| matches!(byte, b'e' | b'E')))
        {
            return None;
        }
        Some((number_slot(text, column_type), len))
    }

    /// The slot of a string whose inner bytes stand at `start`. `None`: they are no UTF-8.
    #[inline(always)]
    fn string(
        &mut self,
        record: &[u8],
        start: usize,
        len: usize,
        escapes: bool,
        column_type: Option<ColumnType>,
    ) -> Option<Slot> {
        let Some(column_type) = column_type else { return Some(Slot::Missing) };
        match column_type {
            ColumnType::String | ColumnType::Bytes(BytesText::Text) if !escapes => {
                Some(Slot::Text { start, len })
            }
            ColumnType::Timestamp if !escapes => {
                Some(timestamp::parse(&record[start..start + len]).map_or_else(Slot::Bad, Slot::Whole))
            }
            _ => self.decoded_string(&record[start..start + len], escapes, column_type),
        }
    }

    #[inline(never)]
    fn decoded_string(&mut self, inner: &[u8], escapes: bool, column_type: ColumnType) -> Option<Slot> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        if escapes {
            // Exactly: growing by doubling would take up to twice as much.
            let _ = text.try_reserve_exact(inner.len());
            push_text(std::str::from_utf8(inner).ok()?, usize::MAX, &mut text);
        }
        let bytes = if escapes { text.as_bytes() } else { inner };
        let start = self.decoded.len();
        let slot = match column_type {
            ColumnType::String | ColumnType::Bytes(BytesText::Text) if start == 0 => {
                // Not copied, however long it is.
                let len = text.len();
                let decoded = std::mem::replace(&mut self.decoded, text.into_bytes());
                text = String::from_utf8(decoded).unwrap_or_default();
                Slot::Decoded { start, len }
            }
            ColumnType::String | ColumnType::Bytes(BytesText::Text) => {
                self.decoded.extend_from_slice(bytes);
                Slot::Decoded { start, len: bytes.len() }
            }
            ColumnType::Bytes(BytesText::Base64) => match STANDARD.decode_vec(bytes, &mut self.decoded) {
                Ok(()) => Slot::Decoded { start, len: self.decoded.len() - start },
                Err(_) => {
                    self.decoded.truncate(start);
                    Slot::Bad(Mismatch::Base64)
                }
            },
            ColumnType::Timestamp => timestamp::parse(bytes).map_or_else(Slot::Bad, Slot::Whole),
            other => Slot::Bad(Mismatch::Kind(expected_kind(other))),
        };
        self.text = text;
        Some(slot)
    }

    /// The general way: any document is checked, and its members are found one after another.
    #[inline(never)]
    fn general(&mut self, record: &[u8]) -> std::result::Result<(), Refusal> {
        if let Err(fault) = self.checker.check(record) {
            return Err(self.refusal(record, fault));
        }
        self.begin();
        let Some(members) = Members::of(record) else {
            return Err(Violation::no_object(record, skip_space(record, 0)).into());
        };
        self.expected.clear();
        self.misses = 0;
        let mut end = 0;
        for member in members {
            let column = self.column_of(&member);
            if self.nested.is_none() && self.expected.len() < EXPECTED_MAX && !member.key_has_escapes {
                // From the separator, which comes first after the value before and its white space.
                let separator = if end == 0 { 0 } else { skip_space(record, end) };
                let text = record[separator..member.offset].into();
                self.expected.push(Expected { text, column });
            }
            end = member.offset + member.value.len();
            let Some(column) = self.columns.get(column).map(|_| column) else { continue };
            self.slots[column] = match self.columns[column].column_type {
                ColumnType::Arrow => self.nested_slot(&member, column),
                column_type => self.slot_of(&member, record, column_type),
            };
        }
        let unfit =
            self.columns.iter().zip(&self.slots).position(|(column, slot)| !fits_column(column, *slot));
        match unfit {
            None => Ok(()),
            Some(column) => Err(self.violation(record, column)),
        }
    }

    fn column_of(&mut self, member: &Member<'_>) -> usize {
        if !member.key_has_escapes {
            return self.places.get(member.key).copied().unwrap_or(IGNORED);
        }
        self.text.clear();
        push_text(std::str::from_utf8(member.key).unwrap_or_default(), usize::MAX, &mut self.text);
        self.places.get(self.text.as_bytes()).copied().unwrap_or(IGNORED)
    }

    /// The slot of a member of a document that was checked.
    fn slot_of(&mut self, member: &Member<'_>, record: &[u8], column_type: ColumnType) -> Slot {
        match member.value.first() {
            Some(b'"') => {
                let (start, len) = (member.offset + 1, member.value.len() - 2);
                let escapes = member.value.contains(&b'\\');
                self.string(record, start, len, escapes, Some(column_type))
                    .unwrap_or(Slot::Bad(Mismatch::NotText))
            }
            Some(b't') => bool_slot(true, Some(column_type)),
            Some(b'f') => bool_slot(false, Some(column_type)),
            Some(b'n') => Slot::Null,
            Some(b'{' | b'[') => Slot::Bad(Mismatch::Kind(expected_kind(column_type))),
            _ => number_slot(member.value, Some(column_type)),
        }
    }

    /// The slot of the same in a column of lists or structs.
    fn nested_slot(&mut self, member: &Member<'_>, column: usize) -> Slot {
        if member.value == b"null" {
            return Slot::Null;
        }
        let trial = self.nested.as_mut().and_then(|nested| nested.trials[column].as_mut());
        let appended = trial.map(|trial| {
            let appended = trial.append(Some(member.value));
            trial.truncate(0);
            appended
        });
        match appended {
            Some(Err(Refused::Mismatch(why))) => Slot::Bad(why),
            // Where there is no memory now, it is asked for again when the record is added.
            _ => Slot::Nested { start: member.offset, len: member.value.len() },
        }
    }

    /// Says what does not fit: the last value of the column, or that there is none.
    #[cold]
    fn violation(&mut self, record: &[u8], column: usize) -> Refusal {
        let members = Members::of(record).into_iter().flatten();
        let mut last = None;
        for member in members {
            if self.column_of(&member) == column {
                last = Some((member.value, member.offset));
            }
        }
        let why = match self.slots[column] {
            Slot::Bad(why) => why,
            _ => Mismatch::Null,
        };
        Violation::of_value(&self.columns[column], last, why).into()
    }

    /// A number beyond a float64 is no fault of the document if it is the value of a column of numbers: there
    /// it does not fit.
    #[cold]
    fn refusal(&mut self, record: &[u8], fault: Fault) -> Refusal {
        if fault.is_number_beyond_range()
            && let Some(member) =
                Members::of(record).into_iter().flatten().find(|member| member.offset == fault.offset)
        {
            let place = self.column_of(&member);
            if let Some(field) = self.columns.get(place)
                && let Slot::Bad(why) = number_slot(member.value, Some(field.column_type))
            {
                return Violation::of_value(field, Some((member.value, member.offset)), why).into();
            }
        }
        Refusal::Fault(fault)
    }
}

impl NestedColumns {
    fn new(columns: &[Field]) -> Self {
        let trial = |field: &Field| match field.column_type {
            ColumnType::Arrow => Nested::new(&field.stored_type(), field.nullable),
            _ => None,
        };
        let refused = columns.iter().find_map(|field| field.check_json().err());
        NestedColumns {
            trials: columns.iter().map(trial).collect(),
            refused: refused.map(|error| error.message().to_owned()),
        }
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Refusal::Violation(Box::new(violation))
    }
}

#[inline(always)]
fn fits_column(column: &Field, slot: Slot) -> bool {
    match slot {
        Slot::Missing | Slot::Null => column.nullable,
        Slot::Bad(_) => false,
        _ => true,
    }
}

/// Whether nothing but white space follows, and all is UTF-8.
#[inline(always)]
fn ends(record: &[u8], at: usize, non_ascii: bool) -> bool {
    skip_space(record, at) == record.len() && (!non_ascii || std::str::from_utf8(record).is_ok())
}

#[inline(always)]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[inline(always)]
fn skip_space(record: &[u8], mut at: usize) -> usize {
    while record.get(at).is_some_and(|byte| is_space(*byte)) {
        at += 1;
    }
    at
}

pub(super) fn bool_slot(value: bool, column_type: Option<ColumnType>) -> Slot {
    match column_type {
        Some(ColumnType::Bool) => Slot::Bool(value),
        Some(other) => Slot::Bad(Mismatch::Kind(expected_kind(other))),
        None => Slot::Missing,
    }
}

/// The slot of a valid number.
#[inline(never)]
pub(super) fn number_slot(text: &[u8], column_type: Option<ColumnType>) -> Slot {
    let Some(column_type) = column_type else { return Slot::Missing };
    let slot = match column_type {
        ColumnType::Int64 => number::integer(text).map(Slot::Whole),
        ColumnType::Int32 => match number::integer(text) {
            Ok(value) if i32::try_from(value).is_ok() => Ok(Slot::Whole(value)),
            Ok(_) | Err(Mismatch::Range(_)) => Err(Mismatch::Range("int32")),
            Err(why) => Err(why),
        },
        ColumnType::Float32 => number::float32(text).map(|value| Slot::Float(value.into())),
        ColumnType::Float64 => number::float64(text).map(Slot::Float),
        other => Err(Mismatch::Kind(expected_kind(other))),
    };
    slot.unwrap_or_else(Slot::Bad)
}

/// What a column takes, in words.
pub(super) fn expected_kind(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Int32 | ColumnType::Int64 => "a whole number",
        ColumnType::Float32 | ColumnType::Float64 => "a number",
        ColumnType::String | ColumnType::Bytes(BytesText::Text) => "a string",
        ColumnType::Bytes(BytesText::Base64) => "a string of base64",
        ColumnType::Bool => "true or false",
        ColumnType::Timestamp => "a string with an RFC 3339 time",
        ColumnType::Arrow => "a value of its Arrow type",
    }
}
