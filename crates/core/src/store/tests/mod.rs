//! What every store must do, and what the one on a disk must do besides.

mod conformance;
mod counts;
mod faults;
mod interference;
mod power;
mod races;
mod real;
mod simulated;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::filesystem::Filesystem;
use super::{Backend, Durability, LockWait, Put, Swap};
use crate::context::Retry;
use crate::context::{CallOptions, Context};
use crate::error::{Error, Status};

/// A directory of its own for one test, removed at its end.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("lode-store-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path).expect("a temporary directory");
        TempDir(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn text(&self) -> &str {
        self.0.to_str().expect("a UTF-8 path")
    }

    fn store(&self) -> Filesystem {
        Filesystem::open(self.text()).expect("a store in an existing directory")
    }

    /// All names below, files and directories, sorted.
    fn tree(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut stack = vec![self.0.clone()];
        while let Some(dir) = stack.pop() {
            for entry in std::fs::read_dir(&dir).expect("a directory").map(|entry| entry.expect("an entry")) {
                names.push(entry.path().strip_prefix(&self.0).expect("a path below").display().to_string());
                if entry.file_type().expect("a type").is_dir() {
                    stack.push(entry.path());
                }
            }
        }
        names.sort();
        names
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A compare-and-swap that tries the lock so often, without a pause worth the name.
fn swap(store: &dyn Backend, key: &str, expected: &[u8], value: &[u8], attempts: u32) -> Swap {
    store.compare_and_swap(&tries(attempts), key, expected, value, Durability::Full, LockWait::Deadline)
}

/// A context of so many tries, without a pause worth the name.
fn tries(attempts: u32) -> Context {
    let pause = Duration::from_nanos(1);
    Context::default().with_retry(Retry { attempts, base: pause, cap: pause })
}

fn put(store: &dyn Backend, key: &str, data: &[u8]) -> Put {
    store.put_if_absent(Context::unlimited(), key, data, Durability::Full)
}

fn get(store: &dyn Backend, key: &str) -> Option<Vec<u8>> {
    store.get(Context::unlimited(), key, 1 << 20).expect("get")
}

fn list(store: &dyn Backend, prefix: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let all = &mut |key: &str| {
        keys.push(key.to_owned());
        true
    };
    store.list(Context::unlimited(), prefix, None, all).expect("list");
    keys.sort();
    keys
}

#[track_caller]
fn failed(put: Put) -> Error {
    match put {
        Put::Failed(error) => error,
        other => panic!("not failed but {other:?}"),
    }
}

#[track_caller]
fn assert_status<T>(answer: Result<T, Error>, status: Status) -> Error {
    match answer {
        Ok(_) => panic!("no failure where {status:?} was due"),
        Err(error) => {
            assert_eq!(error.status(), status, "{error}");
            error
        }
    }
}

/// A call whose deadline has passed.
fn overdue() -> Context {
    Context::start(&CallOptions { deadline: Some(Duration::ZERO), cancel: None, ..CallOptions::default() })
}
