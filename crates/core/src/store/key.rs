//! The rules for keys (`docs/format.md`, section "Keys").

use crate::error::{Error, Result, Status};

/// The longest key, in bytes: as long as the paths that systems allow.
pub const KEY_MAX: usize = 4_096;

/// How much of a key that is too long is shown in a message, in bytes.
const SHOWN: usize = 100;

/// Accepts a key that stays inside the root: not empty, not too long, no empty, `.` or `..` segment, no NUL,
/// no line break.
///
/// # Errors
/// `InvalidPath`, saying which rule it breaks.
pub fn check(key: &str) -> Result<()> {
    if key.len() > KEY_MAX {
        let shown = (0..=SHOWN).rev().find(|end| key.is_char_boundary(*end)).unwrap_or(0);
        let (beginning, len) = (&key[..shown], key.len());
        let fault = format_args!("it has {len} bytes, at most {KEY_MAX} are allowed");
        return Err(Error::new(Status::InvalidPath, format_args!("invalid key {beginning:?}…: {fault}")));
    }
    let fault = if key.is_empty() {
        "it is empty"
    } else if key.contains(['\n', '\r']) {
        "it holds a line break"
    } else if key.contains('\0') {
        "it holds a NUL character"
    } else if key.starts_with('/') {
        "it begins with '/'"
    } else if key.split('/').any(|s| s.is_empty()) {
        "it has an empty segment"
    } else if key.split('/').any(|s| s == "." || s == "..") {
        "it has a '.' or '..' segment and would leave the store"
    } else {
        return Ok(());
    };
    Err(Error::new(Status::InvalidPath, format_args!("invalid key {key:?}: {fault}")).with_path(key))
}

/// A listing's prefix with its `/`.
///
/// # Errors
/// `InvalidPath`.
pub fn folder(prefix: &str) -> Result<String> {
    let path = prefix.strip_suffix('/').unwrap_or(prefix);
    if path.is_empty() {
        return Ok(String::new());
    }
    check(path)?;
    Ok(format!("{path}/"))
}

/// A fresh name for a file that is not an object yet; it never ends in `manifest.json`.
pub fn temporary_name() -> String {
    format!(".lode-{}.tmp", uuid::Uuid::new_v4().simple())
}

/// Whether a segment is the name of a temporary file, ours or the Go library's; such files are never listed.
pub fn is_temporary(name: &str) -> bool {
    name.strip_prefix(".lode-").is_some_and(|rest| rest.ends_with(".tmp") || rest.starts_with("cas-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_that_a_key_breaks_is_named() {
        for (key, rule) in [
            ("", "it is empty"),
            ("a\0b", "NUL"),
            ("a\nb", "line break"),
            ("a\rb", "line break"),
            ("/a", "begins with '/'"),
            ("a//b", "empty segment"),
            ("a/", "empty segment"),
            ("a/../b", "would leave the store"),
            (".", "would leave the store"),
        ] {
            let error = check(key).unwrap_err();
            assert_eq!((error.status(), error.path()), (Status::InvalidPath, Some(key)));
            assert!(error.message().contains(rule), "{error}");
            assert!(!error.message().contains(['\n', '\r']), "a message is one line: {error}");
        }
    }

    #[test]
    fn a_long_key_is_refused_and_its_message_stays_short() {
        let longest = "ż".repeat(KEY_MAX / 2);
        check(&longest).unwrap();
        for key in [longest + "a", "é".repeat(1 << 20)] {
            let error = check(&key).unwrap_err();
            assert_eq!(error.status(), Status::InvalidPath);
            assert!(error.message().contains(&format!("{} bytes, at most 4096", key.len())), "{error}");
            assert!(error.message().len() < 300, "{error}");
            assert_eq!(error.path(), None);
        }
    }
}
