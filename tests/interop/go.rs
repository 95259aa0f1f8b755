//! The Go program, and the stores that both sides use: directories, or, where LODE_TEST_STORE_URL names a
//! place, below that under the directory's name, with the settings in LODE_TEST_STORE_SETTINGS. The Go
//! program takes S3_ENDPOINT, ACCESS_KEY_ID and SECRET_ACCESS_KEY.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use lode_core::context::CallOptions;
use lode_core::store::{Store, StoreOptions};

/// Where stores lie that are no directories.
fn elsewhere() -> Option<String> {
    std::env::var("LODE_TEST_STORE_URL").ok().filter(|url| !url.is_empty())
}

/// Whether what only a directory has can be tried; says what is not.
pub fn on_directories(what: &str) -> bool {
    if elsewhere().is_some() {
        std::io::stderr().write_all(format!("on directories only: {what}\n").as_bytes()).unwrap();
    }
    elsewhere().is_none()
}

/// What both sides call the store of a test's directory, if that is none.
fn url(root: &OsStr) -> Option<String> {
    let name = Path::new(root).strip_prefix(env!("CARGO_TARGET_TMPDIR")).ok()?.to_str()?;
    let is_root = name.starts_with("interop-") && name != "interop-go" && !name.contains('/');
    elsewhere().filter(|_| is_root).map(|url| format!("{url}/{name}"))
}

/// An argument of the Go program: a test's directory is what both sides call its store.
pub fn placed(argument: &OsStr) -> OsString {
    url(argument).map_or_else(|| argument.to_owned(), Into::into)
}

/// The store of a test's directory.
pub fn store(root: &str) -> Store {
    let Some(url) = url(OsStr::new(root)) else {
        return Store::open_filesystem(root, StoreOptions::default()).unwrap();
    };
    let settings = std::env::var("LODE_TEST_STORE_SETTINGS").unwrap_or_default();
    Store::open_url(&url, &settings, StoreOptions::default()).unwrap()
}

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
            .args(arguments.iter().map(|argument| placed(argument.as_ref())))
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

    /// The bytes of an object of its store.
    pub fn read(&self, key: &str) -> Vec<u8> {
        store(self.as_str()).get(key, &CallOptions::default()).unwrap().unwrap()
    }

    /// Removes an object of its store.
    pub fn remove(&self, key: &str) {
        store(self.as_str()).delete(key, &CallOptions::default()).unwrap();
    }

    /// The keys below a prefix of its store.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys = store(self.as_str()).list(prefix, &CallOptions::default()).unwrap();
        std::iter::from_fn(|| keys.next().unwrap()).collect()
    }

    /// The path of a file with the bytes of an object of its store.
    pub fn file_of(&self, key: &str) -> String {
        match elsewhere() {
            None => self.join(key).to_str().unwrap().to_owned(),
            Some(_) => self.file("object", &self.read(key)),
        }
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
