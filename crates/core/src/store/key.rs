//! The rules for keys (`docs/format.md`, section "Keys").

use crate::error::{Error, Result, Status};

/// Accepts a key that stays inside the root: not empty, no empty, `.` or `..` segment, no NUL.
///
/// # Errors
/// `InvalidPath`, saying which rule it breaks.
pub fn check(key: &str) -> Result<()> {
    let fault = if key.is_empty() {
        "it is empty"
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
