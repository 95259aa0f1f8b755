//! What a store's URL says: which kind of store, and where.

use serde_json::{Map, Value};

use super::key;
use crate::error::{Error, Result, Status};

/// The services that keep objects in buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Amazon S3 and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Service {
    /// The scheme of its URLs.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Service::S3 => "s3",
            Service::Gcs => "gs",
            Service::Azure => "az",
        }
    }
}

/// Where a store is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// In a directory.
    Filesystem(String),
    /// In this process's memory.
    Memory,
    /// In a bucket (Azure says container), below a prefix without slashes at its ends, which may be empty.
    Bucket { service: Service, bucket: String, prefix: String },
}

const SCHEMES: &str = "file:, memory:, s3:, gs: or az:";

/// A failure that does not show the URL: there may be a password in it.
fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(Status::InvalidArgument, format_args!("invalid store URL: {what}"))
}

impl Location {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// `InvalidArgument`, `InvalidPath`; neither shows more of the URL than its scheme or its prefix.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(invalid(format_args!("it has no scheme, which is {SCHEMES}")));
        };
        match scheme {
            "file" => filesystem(rest).map(Location::Filesystem),
            "memory" if matches!(rest, "" | "//") => Ok(Location::Memory),
            "memory" => Err(invalid("nothing may follow memory:")),
            "s3" => bucket(Service::S3, rest),
            "gs" => bucket(Service::Gcs, rest),
            "az" => bucket(Service::Azure, rest),
            _ if scheme.len() <= 16 && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Err(invalid(format_args!("the scheme {scheme:?} is unknown; a store is opened by {SCHEMES}")))
            }
            _ => Err(invalid(format_args!("its scheme is none of {SCHEMES}"))),
        }
    }
}

/// Refuses settings for a store that has none.
///
/// # Errors
/// `InvalidArgument`, naming the setting.
pub(crate) fn check_no_settings(scheme: &str, json: &str) -> Result<()> {
    match settings(json)?.keys().next() {
        None => Ok(()),
        Some(name) => {
            let message = format!("a store of the scheme {scheme}: has no setting {name:?}");
            Err(Error::new(Status::InvalidArgument, message))
        }
    }
}

/// The JSON object of a store's settings; empty text: none. No message shows a value, which may be a secret.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn settings(json: &str) -> Result<Map<String, Value>> {
    let invalid = |what: std::fmt::Arguments<'_>| {
        Error::new(Status::InvalidArgument, format_args!("the settings of a store {what}"))
    };
    if json.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(json) {
        Ok(Value::Object(values)) => Ok(values),
        Ok(_) => Err(invalid(format_args!("are a JSON object"))),
        // Its text may quote the settings.
        Err(error) => {
            Err(invalid(format_args!("are no JSON object: line {}, column {}", error.line(), error.column())))
        }
    }
}

/// The path of `file:///path`, `file://localhost/path`, `file:/path` or `file:relative/path`.
fn filesystem(rest: &str) -> Result<String> {
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(named) => named
            .strip_prefix("localhost")
            .filter(|path| path.starts_with('/'))
            .or_else(|| named.starts_with('/').then_some(named))
            .ok_or_else(|| invalid("a file: URL names no other host than localhost: file:///path"))?,
    };
    if path.is_empty() {
        return Err(invalid("a path follows file:, as in file:///srv/lode"));
    }
    decoded(path)
        .ok_or_else(|| invalid("a % in a file: URL is followed by two hex digits that make UTF-8 text"))
}

/// Resolves percent escapes.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

fn bucket(service: Service, rest: &str) -> Result<Location> {
    let scheme = service.scheme();
    let shape = format!("it has the shape {scheme}://bucket/prefix");
    let Some(rest) = rest.strip_prefix("//") else { return Err(invalid(shape)) };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.contains('@') {
        return Err(invalid("credentials have no place in it: they go into the settings"));
    }
    if rest.contains(['?', '#']) {
        return Err(invalid("it has no query and no fragment: what a store needs goes into the settings"));
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'$');
    if bucket.is_empty() || !bucket.bytes().all(is_plain) || bucket.starts_with('.') {
        return Err(invalid(format_args!(
            "{shape}, and the bucket's name holds letters, digits, '-', '_' and '.'"
        )));
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if !prefix.is_empty() {
        key::check(prefix).map_err(|error| error.context("the prefix of the store's URL"))?;
    }
    Ok(Location::Bucket { service, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_which_store_and_where() {
        let s3 = |bucket: &str, prefix: &str| Location::Bucket {
            service: Service::S3,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        };
        for (url, location) in [
            ("file:///srv/lode", Location::Filesystem("/srv/lode".to_owned())),
            ("file:/srv/lode", Location::Filesystem("/srv/lode".to_owned())),
            ("file://localhost/srv/a%20b", Location::Filesystem("/srv/a b".to_owned())),
            ("file:there", Location::Filesystem("there".to_owned())),
            ("memory:", Location::Memory),
            ("memory://", Location::Memory),
            ("s3://b", s3("b", "")),
            ("s3://my-bucket.x/", s3("my-bucket.x", "")),
            ("s3://b/p/q/", s3("b", "p/q")),
            ("s3://b/day=a%20b", s3("b", "day=a%20b")),
        ] {
            assert_eq!(Location::parse(url).unwrap(), location, "{url}");
        }
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_showing_it() {
        for (url, fragment) in [
            ("", "no scheme"),
            ("/srv/hidden", "no scheme"),
            ("ftp://hidden/x", "\"ftp\" is unknown"),
            ("https://hidden/x", "\"https\" is unknown"),
            ("a hidden scheme://x", "none of"),
            ("memory:hidden", "nothing may follow"),
            ("file:", "a path follows"),
            ("file://hidden/x", "localhost"),
            ("file:///hidden%zz", "hex digits"),
            ("s3:hidden", "s3://bucket/prefix"),
            ("s3:///hidden", "s3://bucket/prefix"),
            ("s3://key:hidden@bucket/x", "settings"),
            ("s3://b/x?secret=hidden", "no query"),
            ("gs://hi dden", "gs://bucket/prefix"),
        ] {
            let error = Location::parse(url).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{url}: {error}");
            assert!(error.message().contains(fragment), "{url}: {error}");
            assert!(!error.message().contains("hidden"), "{url}: {error}");
        }
        let error = Location::parse("az://b/x/../y").unwrap_err();
        assert_eq!(error.status(), Status::InvalidPath);
    }
}
