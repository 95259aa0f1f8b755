//! Servers that are started once for all tests of this program, and end with it.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use lode_core::store::{Store, StoreOptions};

pub const USER: &str = "lode-tests";
pub const SECRET: &str = "a-secret-of-these-tests";

/// A directory that is removed at the end.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn new(name: &str) -> TempDir {
        let path = std::env::temp_dir().join(format!("lode-{name}-{}-{}", std::process::id(), number()));
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A number that no other call gets.
pub fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A file in the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A server that another program is.
pub struct Server {
    pub port: u16,
    /// Its standard input: the server ends when it does.
    _child: Mutex<Child>,
    _data: TempDir,
}

impl Server {
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

/// Says that a test is skipped; under `LODE_STRICT=1` that is a failure.
pub fn skip(why: &str) {
    let strict = std::env::var_os("LODE_STRICT").is_some_and(|value| value == "1");
    assert!(!strict, "LODE_STRICT=1, but {why}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not by a macro: the test harness would swallow it.
    std::io::stderr().write_all(format!("skipped {test}: {why}\n").as_bytes()).unwrap();
}

fn prepared(script: &str) -> Result<String, String> {
    let output = Command::new("sh").arg(repository(script)).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned()),
        false => Err(format!("{script} failed")),
    }
}

/// A port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(data: TempDir, port: u16, command: &mut dyn FnMut(&mut Command)) -> Server {
    let mut supervised = Command::new("sh");
    supervised.arg(repository("tests/servers/supervise.sh")).stdin(Stdio::piped());
    supervised.stdout(Stdio::null()).stderr(Stdio::null());
    command(&mut supervised);
    let child = supervised.spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(120);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "a server does not listen at port {port}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Server { port, _child: Mutex::new(child), _data: data }
}

/// MinIO; `None`, after saying so, where it cannot be had.
pub fn minio() -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let program = prepared("tests/servers/minio.sh")?;
        let (data, port) = (TempDir::new("minio"), free_port());
        let path = data.0.clone();
        let server = start(data, port, &mut |command| {
            command
                .env("MINIO_ROOT_USER", USER)
                .env("MINIO_ROOT_PASSWORD", SECRET)
                .env("MINIO_BROWSER", "off");
            command
                .args([&program, "server", "--quiet", "--address", &format!("127.0.0.1:{port}")])
                .arg(&path);
        });
        let end = Instant::now() + Duration::from_secs(60);
        // It listens before it serves.
        loop {
            let made = s3(&server.url(), &["make", "tests"], b"");
            if made.status.success() {
                return Ok(server);
            }
            assert!(Instant::now() < end, "{}", String::from_utf8_lossy(&made.stderr));
        }
    });
    server.as_ref().map_err(|why| skip(why)).ok()
}

/// Azurite's blob server with the container `tests`; `None`, after saying so, where it cannot be had.
pub fn azurite() -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let program = prepared("tests/servers/azurite.sh")?;
        let (data, port) = (TempDir::new("azurite"), free_port());
        let path = data.0.clone();
        let server = start(data, port, &mut |command| {
            command.args([&program, "--silent", "--disableTelemetry", "--skipApiVersionCheck", "--loose"]);
            command
                .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string(), "--location"])
                .arg(&path);
        });
        let script = repository("tests/servers/azure_container.py");
        let made = Command::new("python3").arg(script).args([&server.url(), "tests"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(server)
    });
    server.as_ref().map_err(|why| skip(why)).ok()
}

/// The client of these tests.
pub fn s3(endpoint: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("python3")
        .arg(repository("tests/servers/s3.py"))
        .arg(endpoint)
        .args(arguments)
        .env("ACCESS_KEY_ID", USER)
        .env("SECRET_ACCESS_KEY", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// A prefix of the bucket `tests` that no other test uses.
pub fn fresh_prefix() -> String {
    format!("{}-{}", std::process::id(), number())
}

/// The settings for S3 at this endpoint, with more of them as JSON members.
pub fn s3_settings(endpoint: &str, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!(", {more}") };
    format!(
        r#"{{"endpoint": "{endpoint}", "allow_http": true, "access_key_id": "{USER}", "secret_access_key": "{SECRET}"{more}}}"#
    )
}

/// A store at this prefix of the bucket `tests`.
pub fn s3_store(endpoint: &str, prefix: &str, more: &str) -> Store {
    let settings = s3_settings(endpoint, more);
    Store::open_url(&format!("s3://tests/{prefix}"), &settings, StoreOptions::default()).unwrap()
}

/// A store on MinIO below a prefix of its own, with the prefix; `None`, after saying so, where there is none.
pub fn minio_store() -> Option<(Store, String)> {
    let prefix = fresh_prefix();
    minio().map(|server| (s3_store(&server.url(), &prefix, ""), prefix))
}

/// Has the second auditor read every object below a prefix of the bucket `tests`, with a client of its own.
#[track_caller]
pub fn audit(prefix: &str, dataset: &str, more: &[&str]) {
    let mirror = TempDir::new("mirror");
    let directory = mirror.0.to_str().unwrap();
    let endpoint = minio().expect("the server that the store is on").url();
    let copied = s3(&endpoint, &["mirror", "tests", &format!("{prefix}/"), directory], b"");
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let script = repository("tests/c/audit.py");
    let audited = Command::new("python3").arg(script).args([directory, dataset]).args(more).output().unwrap();
    let said = String::from_utf8_lossy(&audited.stdout);
    assert!(audited.status.success(), "{said}{}", String::from_utf8_lossy(&audited.stderr));
}
