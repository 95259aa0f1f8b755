//! A store of a test's own, and the tool run on it.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that goes with the test.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lode-cli-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a directory of the test's own");
        Directory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path below, as text.
    pub fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a UTF-8 path").to_owned()
    }

    /// Writes a file below.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), content).expect("the file can be written");
        self.at(name)
    }

    /// All files below, as paths relative to the directory.
    pub fn tree(&self) -> Vec<String> {
        let (mut found, mut directories) = (Vec::new(), vec![self.0.clone()]);
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry")) {
                if entry.file_type().expect("a type").is_dir() {
                    directories.push(entry.path());
                } else {
                    let path = entry.path();
                    found.push(path.strip_prefix(&self.0).expect("it is below").display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The tool with these arguments, and an environment without surprises.
pub fn lode<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lode"));
    command.args(arguments).stdin(Stdio::null());
    // Each of these decides over colours; of CI, that a terminal has them even where TERM is dumb.
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
    command
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The lines of standard output of a run that must have succeeded.
    #[track_caller]
    pub fn lines(&self) -> Vec<&str> {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout.lines().collect()
    }

    /// The one line of it.
    #[track_caller]
    pub fn line(&self) -> &str {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines[0]
    }

    /// A run that must have failed so, saying all of this.
    #[track_caller]
    pub fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:?}");
        }
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
        }
    }
}

/// Runs the tool to its end.
pub fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Ended {
    lode(arguments).output().expect("the tool can be run").into()
}

/// Runs the tool with this standard input.
pub fn run_with_input<S: AsRef<OsStr>>(arguments: &[S], input: &[u8]) -> Ended {
    let mut child = start(arguments);
    match child.stdin.take().expect("a pipe").write_all(input) {
        // The tool may end before it has read all: how it ended says why.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            panic!("the input cannot be written: {error}")
        }
        _ => {}
    }
    child.wait_with_output().expect("the tool ends").into()
}

/// Starts the tool with pipes on all sides.
pub fn start<S: AsRef<OsStr>>(arguments: &[S]) -> Child {
    let mut command = lode(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the tool can be run")
}

/// So many records, one a line.
pub fn records(from: usize, to: usize) -> String {
    (from..to).map(|number| format!("{{\"n\":{number},\"day\":\"2024-01-0{}\"}}\n", number % 3 + 1)).collect()
}
