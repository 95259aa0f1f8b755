//! Dataset and snapshot ids (`docs/format.md`, section "Dataset ids" and section "Snapshot ids"): what is
//! allowed, what form an id has, and how ours are made.
//!
//! Bytewise order of snapshot ids is history order, so ours begin with the time, at a fixed width, and an id
//! of the Go library (the bare 19 digits) sorts below every id of this library with the same or a later time.
//! All but `now` and the two `fresh_*` functions are pure: the commit protocol is told time and randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result, Status};

/// Width of the time in an id, in decimal digits.
const TIME_DIGITS: usize = 19;
/// The first time that [`TIME_DIGITS`] digits cannot hold, in nanoseconds since the Unix epoch.
const TIME_LIMIT: u64 = 10_000_000_000_000_000_000;
/// The first time at which no snapshot is made any more, the beginning of the year 2262, in nanoseconds since
/// the Unix epoch: before its end the times of manifests leave 64 bits.
pub(crate) const TIME_END: i64 = 9_214_646_400_000_000_000;
/// Width of the randomness in an id, in lower-case hex digits.
const RANDOM_DIGITS: usize = 16;
/// The longest id, in bytes: an id is one path segment, and file systems allow no longer name.
const LONGEST: usize = 255;

/// Which writer's form a snapshot id has. An id has a place in the order of history only if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 19 digits, `-`, 16 lower-case hex digits: written by this library.
    Ours {
        /// The time in the id, in nanoseconds since the Unix epoch.
        nanos: u64,
    },
    /// 19 digits: written by the Go library.
    Go {
        /// The time in the id, in nanoseconds since the Unix epoch.
        nanos: u64,
    },
    /// Neither: nothing can be committed on top of it.
    Other,
}

/// Which form `id` has.
#[must_use]
pub fn form(id: &str) -> Form {
    let Some((digits, rest)) = id.split_at_checked(TIME_DIGITS) else { return Form::Other };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Form::Other;
    }
    // 19 digits always fit: TIME_LIMIT is below u64::MAX.
    let Ok(nanos) = digits.parse() else { return Form::Other };
    match rest.strip_prefix('-') {
        None if rest.is_empty() => Form::Go { nanos },
        Some(random)
            if random.len() == RANDOM_DIGITS
                && random.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) =>
        {
            Form::Ours { nanos }
        }
        _ => Form::Other,
    }
}

/// The snapshot id of this time (nanoseconds since the Unix epoch) and randomness; `None` if the time does
/// not fit 19 digits, after which ids would no longer be ordered.
#[must_use]
pub fn compose(nanos: u64, random: u64) -> Option<String> {
    (nanos < TIME_LIMIT).then(|| format!("{nanos:019}-{random:016x}"))
}

/// The current Unix time in nanoseconds; 0 before 1970, `i64::MAX` when 64 bits cannot hold it.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Randomness for one snapshot id: the low 64 bits of a version 4 UUID.
#[must_use]
pub fn fresh_random() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().1
}

/// A nonce for one attempt at a slot: a version 4 UUID.
#[must_use]
pub fn fresh_nonce() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}

/// Accepts a dataset id: one path segment, not empty, without control characters, not `.` or `..`, at most
/// 255 bytes (`docs/format.md`, section "Dataset ids").
///
/// # Errors
/// `InvalidArgument`, saying which rule it breaks.
pub fn check_dataset_id(id: &str) -> Result<()> {
    check_segment("dataset id", id)
}

/// Accepts a snapshot id given by a caller, by the rules of [`check_dataset_id`]: of any form, it must be one
/// path segment.
///
/// # Errors
/// `InvalidArgument`, saying which rule it breaks.
pub fn check_snapshot_id(id: &str) -> Result<()> {
    check_segment("snapshot id", id)
}

fn check_segment(what: &str, id: &str) -> Result<()> {
    let fault = if id.is_empty() {
        "it is empty".to_owned()
    } else if id.len() > LONGEST {
        // The id itself is left out: it may be of any length.
        return Err(Error::new(
            Status::InvalidArgument,
            format_args!("invalid {what}: it has {} bytes, at most {LONGEST} are allowed", id.len()),
        ));
    } else if id == "." || id == ".." {
        "'.' and '..' are not names".to_owned()
    } else if let Some((at, c)) = id.char_indices().find(|(_, c)| *c == '/' || c.is_control()) {
        if c == '/' {
            format!("it holds '/' at byte {at}, but must be a single path segment")
        } else {
            format!("it holds the control character U+{:04X} at byte {at}", u32::from(c))
        }
    } else {
        return Ok(());
    };
    Err(Error::new(Status::InvalidArgument, format_args!("invalid {what} {id:?}: {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart_exactly() {
        let nanos = 1_700_000_000_123_456_789;
        for (id, expected) in [
            ("1700000000123456789-00ff00ff00ff00ff", Form::Ours { nanos }),
            ("1700000000123456789", Form::Go { nanos }),
            ("0000000000000000000", Form::Go { nanos: 0 }),
            ("9999999999999999999-ffffffffffffffff", Form::Ours { nanos: 9_999_999_999_999_999_999 }),
            ("", Form::Other),
            ("root", Form::Other),
            ("170000000012345678", Form::Other),
            ("17000000001234567890", Form::Other),
            ("1700000000123456789-", Form::Other),
            ("1700000000123456789-00FF00FF00FF00FF", Form::Other),
            ("1700000000123456789-00ff00ff00ff00f", Form::Other),
            ("1700000000123456789-00ff00ff00ff00ff0", Form::Other),
            ("1700000000123456789_00ff00ff00ff00ff", Form::Other),
            ("1700000000123456789-00ff00ff00ff00fg", Form::Other),
            ("+700000000123456789", Form::Other),
            ("170000000012345678é", Form::Other),
            ("17000000001234567٣9", Form::Other),
        ] {
            assert_eq!(form(id), expected, "{id:?}");
        }
    }

    #[test]
    fn composed_ids_have_our_form_and_sort_by_time() {
        assert_eq!(compose(1, 0xab).as_deref(), Some("0000000000000000001-00000000000000ab"));
        assert_eq!(compose(TIME_LIMIT, 0), None);
        let last = compose(TIME_LIMIT - 1, u64::MAX).unwrap();
        assert_eq!(form(&last), Form::Ours { nanos: TIME_LIMIT - 1 });

        let ids = [
            compose(9, u64::MAX).unwrap(),
            "0000000000000000010".to_owned(),
            compose(10, 0).unwrap(),
            compose(10, 1).unwrap(),
            "0000000000000000011".to_owned(),
            compose(1_700_000_000_123_456_789, 0).unwrap(),
            last,
        ];
        assert!(ids.is_sorted(), "{ids:?}");
    }

    #[test]
    fn fresh_randomness_is_that_of_version_4_uuids() {
        let (a, b) = (fresh_random(), fresh_random());
        assert_ne!(a, b);
        assert_eq!(a >> 62, 0b10, "the low half begins with the variant");
        let (a, b) = (fresh_nonce(), fresh_nonce());
        assert_ne!(a, b);
        assert_eq!(a >> 76 & 0xf, 4, "the version");
    }

    #[test]
    fn ids_that_are_one_path_segment_are_accepted() {
        let longest = "x".repeat(255);
        for id in ["events", "a b", "été", "...", ".hidden", "day=2024-01-01", "%2F", "😀", &longest] {
            check_dataset_id(id).unwrap();
            check_snapshot_id(id).unwrap();
        }
    }

    #[test]
    fn other_ids_are_refused_with_the_rule_they_break() {
        let (long, wide) = ("x".repeat(256), "é".repeat(128));
        for (id, rule) in [
            ("", "it is empty"),
            (".", "'.' and '..' are not names"),
            ("..", "'.' and '..' are not names"),
            ("a/b", "it holds '/' at byte 1"),
            ("/", "it holds '/' at byte 0"),
            ("a\0b", "the control character U+0000 at byte 1"),
            ("é\n", "the control character U+000A at byte 2"),
            ("\u{7f}", "the control character U+007F"),
            ("\u{85}", "the control character U+0085"),
            (&long, "it has 256 bytes, at most 255"),
            (&wide, "it has 256 bytes, at most 255"),
        ] {
            for (what, checked) in
                [("dataset id", check_dataset_id(id)), ("snapshot id", check_snapshot_id(id))]
            {
                let error = checked.unwrap_err();
                assert_eq!(error.status(), Status::InvalidArgument);
                assert!(error.message().contains(what), "{error}");
                assert!(error.message().contains(rule), "{id:?}: {error}");
            }
        }
    }
}
