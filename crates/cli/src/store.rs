//! Opening stores and datasets by what the command line says of them.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use lode_core::catalog::Catalog;
use lode_core::codec::Codec;
use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, DatasetOptions, Snapshot};
use lode_core::layout::Layout;
use lode_core::store::{LogLevel, Store, StoreOptions};
use lode_core::volume::{Volume, VolumeOptions};
use lode_core::{Error, Status};

use crate::args::{LayoutChoice, Target};
use crate::failure::{Failure, Result};
use crate::output;

/// The settings of stores in buckets, for the whole process.
static SETTINGS: OnceLock<String> = OnceLock::new();

/// Takes the settings of stores in buckets from a file.
pub fn take_settings(file: Option<&Path>) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let settings = fs::read_to_string(file)
        .map_err(|error| Failure::system(format!("read the settings in {}", file.display()), &error))?;
    let _ = SETTINGS.set(settings);
    Ok(())
}

/// Whether a URL names a bucket.
fn is_bucket(url: &str) -> bool {
    ["s3://", "gs://", "az://"].iter().any(|scheme| url.starts_with(scheme))
}

/// Opens a store. `make`: its directory is made if it does not exist.
pub fn open(url: &str, make: bool) -> Result<Store> {
    let log = |level: LogLevel, message: &str| {
        let level = match level {
            LogLevel::Warning => "warning",
            LogLevel::Info => "note",
        };
        output::say(&format!("{level}: {message}"));
    };
    let options = StoreOptions { log: Some(Box::new(log)) };
    if is_bucket(url) {
        let settings = SETTINGS.get().map_or(r#"{"credentials": "environment"}"#, String::as_str);
        return Ok(Store::open_url(url, settings, options)?);
    }
    let directory = directory_of(url)?;
    if make {
        make_durable(Path::new(&directory))?;
    }
    Ok(Store::open_filesystem(&directory, options)?)
}

/// The directory that a store's URL names (RFC 8089); a path stands for itself.
fn directory_of(url: &str) -> Result<String> {
    if url.is_empty() {
        return Err(Failure::Usage(
            "the store is empty; give a directory, or a URL such as file:/srv/lode".to_owned(),
        ));
    }
    if let Some(rest) = url.strip_prefix("file:") {
        let path = match rest.strip_prefix("//") {
            Some(with_host) => {
                let host_end = with_host.find('/').unwrap_or(with_host.len());
                let host = &with_host[..host_end];
                if !host.is_empty() && host != "localhost" {
                    let message = format!(
                        "{url}: the store is on the host {host:?}; only local directories can be opened"
                    );
                    return Err(Failure::Usage(message));
                }
                &with_host[host_end..]
            }
            None => rest,
        };
        if path.is_empty() {
            return Err(Failure::Usage(format!(
                "{url}: the URL names no directory; give file:/srv/lode, for example"
            )));
        }
        return percent_decoded(path)
            .ok_or_else(|| Failure::Usage(format!("{url}: a % must be followed by two hex digits")));
    }
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if let Some(scheme) = scheme
        && !scheme.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    {
        let message = format!(
            "{url}: stores of the kind {scheme:?} cannot be opened by this build; file: and plain directories can"
        );
        return Err(Failure::Usage(message));
    }
    Ok(url.to_owned())
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Makes a directory and those above it, and makes them durable: a snapshot in a directory whose own name is
/// lost with the power would be lost with it.
fn make_durable(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() || path.exists() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_durable(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => {}
        // Another process was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Failure::system(format!("make the directory {}", path.display()), &error)),
    }
    let parent = parent.unwrap_or(Path::new("."));
    fs::File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| Failure::system(format!("make the directory {} durable", path.display()), &error))
}

/// A dataset to read, in the layout that it has; a dataset without a snapshot is a failure.
pub fn open_existing(store: &Store, dataset: &str, layout: LayoutChoice) -> Result<(Dataset, Snapshot)> {
    let call = CallOptions::default();
    let mut missing = None;
    for layout in candidates(layout) {
        let opened = open_to_read(store, dataset, layout)?;
        match opened.latest(&call) {
            Ok(head) => return Ok((opened, head)),
            Err(error) if is_elsewhere(&error) => missing = missing.or(Some(error)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(missing
        .map_or_else(|| Failure::NotFound(format!("dataset {dataset:?} has no snapshot")), Failure::from))
}

/// The same for what a [`Target`] names.
pub fn open_target(target: &Target) -> Result<(Store, Dataset, Snapshot)> {
    let store = open(&target.store, false)?;
    let (dataset, head) = open_existing(&store, &target.dataset, target.layout)?;
    Ok((store, dataset, head))
}

/// The history that a [`Target`] names, of a dataset or of a volume, and its newest snapshot.
pub fn open_history_head(target: &Target, is_volume: bool) -> Result<(Dataset, Snapshot)> {
    if !is_volume {
        return open_target(target).map(|(_, dataset, head)| (dataset, head));
    }
    let volume = open_history(target, true)?;
    let head = volume.latest(&CallOptions::default())?;
    Ok((volume, head))
}

/// The snapshot of this id, or the head if there is none given.
pub fn snapshot_or_head(dataset: &Dataset, head: Snapshot, id: Option<&str>) -> Result<Snapshot> {
    match id {
        Some(id) => Ok(dataset.snapshot(id, &CallOptions::default())?),
        None => Ok(head),
    }
}

/// The layout of a dataset that may not exist yet; `None`: it does not.
pub fn find_layout(store: &Store, dataset: &str, choice: LayoutChoice) -> Result<Option<Layout>> {
    for layout in candidates(choice) {
        match open_to_read(store, dataset, layout)?.latest(&CallOptions::default()) {
            Err(error) if is_elsewhere(&error) => {}
            // What is wrong with it is told by what comes next.
            _ => return Ok(Some(layout)),
        }
    }
    Ok(None)
}

fn candidates(choice: LayoutChoice) -> Vec<Layout> {
    match choice {
        LayoutChoice::Auto => vec![Layout::Default, Layout::Hive, Layout::Flat],
        LayoutChoice::Default => vec![Layout::Default],
        LayoutChoice::Hive => vec![Layout::Hive],
        LayoutChoice::Flat => vec![Layout::Flat],
    }
}

/// It may still be there in another layout.
fn is_elsewhere(error: &Error) -> bool {
    matches!(error.status(), Status::NoSnapshots | Status::LayoutMismatch)
}

/// What is read follows each snapshot's manifest, so that the options say little.
pub fn open_to_read(store: &Store, dataset: &str, layout: Layout) -> Result<Dataset> {
    let partition_keys = match layout {
        Layout::Hive => partition_keys(store, dataset)?,
        Layout::Default | Layout::Flat | Layout::Volume => Vec::new(),
    };
    let options = DatasetOptions {
        codec: Codec::Jsonl,
        layout,
        partition_keys,
        #[cfg(feature = "parquet")]
        columns: lode_core::columns::ColumnOptions {
            types: lode_core::columns::SchemaTypes::Arrow,
            ..Default::default()
        },
        ..DatasetOptions::default()
    };
    Ok(Dataset::open(store, dataset, options)?)
}

/// The history of a volume.
pub fn open_volume(store: &Store, volume: &str) -> Result<Dataset> {
    Ok(Volume::open(store, volume, VolumeOptions::default())?.history().clone())
}

/// A dataset, or a volume, whose history may be in any state.
pub fn open_history(target: &Target, is_volume: bool) -> Result<Dataset> {
    let store = open(&target.store, false)?;
    if is_volume {
        return open_volume(&store, &target.dataset);
    }
    let layout = find_layout(&store, &target.dataset, target.layout)?.unwrap_or_default();
    open_to_read(&store, &target.dataset, layout)
}

/// The keys that a dataset in the hive layout is partitioned by, as one of its partitions has them.
pub fn partition_keys(store: &Store, dataset: &str) -> Result<Vec<String>> {
    let call = CallOptions::default();
    let first = match Catalog::open(store, Layout::Hive).partitions(dataset, &call) {
        Ok(mut partitions) => partitions.next()?,
        Err(error) if error.status() == Status::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let keys: Vec<String> = first
        .iter()
        .flat_map(|path| path.split('/'))
        .filter_map(|segment| segment.split_once('=').map(|(key, _)| key.to_owned()))
        .collect();
    // A dataset without partitions yet; the library wants a key, and reading needs none.
    Ok(if keys.is_empty() { vec!["partition".to_owned()] } else { keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_directories() {
        let cases = [
            (".", "."),
            ("/srv/lode", "/srv/lode"),
            ("with:colon", "with:colon"),
            ("file:/srv/lode", "/srv/lode"),
            ("file:///srv/with%20space", "/srv/with space"),
            ("file://localhost/srv", "/srv"),
            ("file:relative", "relative"),
        ];
        for (url, directory) in cases {
            assert_eq!(directory_of(url).unwrap(), directory, "{url}");
        }
        for url in ["", "file:", "file://host/srv", "file:/a%2", "file:/a%+1", "s3://bucket/prefix"] {
            assert!(matches!(directory_of(url), Err(Failure::Usage(_))), "{url}");
        }
    }
}
