//! The Go program, and the directories that both sides use.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The Go program of this directory, built.
pub struct Go {
    program: PathBuf,
}

/// How a run of the Go program ended.
pub struct Answer {
    /// Whether it exited with status 0.
    pub ok: bool,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error: the failure, in one line.
    pub stderr: String,
}

impl Go {
    /// The program; `None`, after saying so, on a machine without Go.
    pub fn find() -> Option<&'static Go> {
        static BUILT: OnceLock<Option<Go>> = OnceLock::new();
        let built = BUILT.get_or_init(Go::build).as_ref();
        if built.is_none() {
            let strict = std::env::var_os("LODE_STRICT").is_some_and(|value| value == "1");
            assert!(!strict, "LODE_STRICT=1, but there is no `go` in PATH: install Go 1.25.6 or later");
            // Not by a macro: the test harness would swallow it.
            let test = std::thread::current().name().unwrap_or("interop").to_owned();
            let line = format!("skipped {test}: there is no `go` in PATH\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
        built
    }

    fn build() -> Option<Go> {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop-go");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
        let build =
            Command::new("go").arg("build").arg("-o").arg(&program).arg(".").current_dir(&source).output();
        match build {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => panic!("cannot run go: {error}"),
            Ok(output) => {
                let errors = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "go build failed in {}:\n{errors}", source.display());
                Some(Go { program })
            }
        }
    }

    /// Its path, for a run that lasts.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs the program with these arguments and this standard input.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S], stdin: &[u8]) -> Answer {
        self.run_as("default", arguments, stdin)
    }

    /// The same for datasets of this layout: `default`, `flat` or `hive:KEY,KEY...`.
    pub fn run_as<S: AsRef<OsStr>>(&self, layout: &str, arguments: &[S], stdin: &[u8]) -> Answer {
        let mut child = Command::new(&self.program)
            .env("LAYOUT", layout)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A program that fails early closes its end: its own message says why.
                let _ = input.write_all(stdin);
            });
            child.wait_with_output().unwrap()
        });
        Answer {
            ok: output.status.success(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
        }
    }

    /// Runs the program, which must succeed, and gives its standard output.
    pub fn text<S: AsRef<OsStr> + std::fmt::Debug>(&self, arguments: &[S], stdin: &[u8]) -> String {
        self.text_as("default", arguments, stdin)
    }

    /// The same for datasets of this layout.
    pub fn text_as<S: AsRef<OsStr> + std::fmt::Debug>(
        &self,
        layout: &str,
        arguments: &[S],
        stdin: &[u8],
    ) -> String {
        let answer = self.run_as(layout, arguments, stdin);
        assert!(answer.ok, "{layout}, {arguments:?}: {}", answer.stderr);
        String::from_utf8(answer.stdout).unwrap()
    }
}

/// An empty directory of one test, removed at its end.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("interop-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    /// The path, for a command line.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The path of `key` below it.
    pub fn join(&self, key: &str) -> PathBuf {
        self.0.join(key)
    }

    /// Writes a file below it and gives its path.
    pub fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A failure leaves it in the build directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
