//! Verification and the auditor in Python, which knows nothing of this library, find the same datasets whole and
//! the same ones damaged.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::damage::{history_of_go, history_of_ours, mixed_history, produce};
use super::vanished::{copy, restore};
use super::verify::verify_as;
use super::*;
use crate::upkeep::Level;

/// Reads lines of a directory, a layout and perhaps a file with the number of a bit to flip in it for the time
/// of the audit; writes a line for each: `0` for a whole dataset.
const AUDIT: &str = r#"
import contextlib, io, os, sys
sys.path.insert(0, sys.argv[1])
import audit

def verdict(root, layout):
    audit.problems.clear()
    sys.argv = ["audit.py", root, "events", "--layout", layout, "--go-ahead"]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return audit.main()
    except Exception:
        return 2

for line in sys.stdin.read().splitlines():
    root, layout, *flip = line.split("\t")
    if flip:
        path, bit = os.path.join(root, flip[0]), int(flip[1])
        whole = audit.read(path)
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        with open(path, "wb") as file:
            file.write(damaged)
    print(verdict(root, layout))
    if flip:
        with open(path, "wb") as file:
            file.write(whole)
"#;

/// A directory of this test's own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lode-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory can be made");
        Scratch(path)
    }

    /// Writes a store's objects as files; gives the root.
    fn write(&self, number: usize, objects: &[(String, Vec<u8>)]) -> PathBuf {
        let root = self.0.join(number.to_string());
        for (key, bytes) in objects {
            let path = root.join(key);
            fs::create_dir_all(path.parent().expect("a key has a folder")).expect("a directory can be made");
            fs::write(path, bytes).expect("a file can be written");
        }
        fs::create_dir_all(&root).expect("a directory can be made");
        root
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether the auditor finds each of these datasets whole; `None`: there is no Python.
fn audit(lines: &[String]) -> Option<Vec<bool>> {
    let auditor = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/c");
    let child = Command::new("python3")
        .args(["-c", AUDIT])
        .arg(&auditor)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let strict = std::env::var_os("LODE_STRICT").is_some_and(|value| value == "1");
            assert!(!strict, "LODE_STRICT=1, but python3 does not run: {error}");
            eprintln!("skipped: python3 does not run: {error}");
            return None;
        }
    };
    child.stdin.take().expect("it is piped").write_all(lines.join("\n").as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the auditor ends well");
    let verdicts = String::from_utf8(output.stdout).expect("it writes text");
    let verdicts: Vec<bool> = verdicts.lines().map(|line| line == "0").collect();
    assert_eq!(verdicts.len(), lines.len());
    Some(verdicts)
}

/// Whether verification finds the dataset whole.
fn is_whole(store: &Store, layout: Layout) -> bool {
    verify_as(store, layout, Level::Records).is_ok_and(|(verification, _)| verification.findings == 0)
}

fn hive_history(store: &Store) {
    for _ in 0..2 {
        write_held(&open_as(store, Layout::Hive), &["{\"p\":1}", "{\"p\":2}"]).unwrap();
    }
}

fn flat_history(store: &Store) {
    for _ in 0..2 {
        write(&open_as(store, Layout::Flat), &["1"]).unwrap();
    }
}

#[test]
fn both_agree_on_every_loss_of_one_or_two_objects() {
    let scratch = Scratch::new("losses");
    let (mut lines, mut whole, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (build, layout) in [
        (history_of_ours as fn(&Store), Layout::Default),
        (history_of_go, Layout::Default),
        (mixed_history, Layout::Default),
        (hive_history, Layout::Hive),
        (flat_history, Layout::Flat),
    ] {
        let original = memory();
        build(&original);
        let objects = copy(&original);
        for first in 0..objects.len() {
            for second in first..objects.len() {
                let lost = [&*objects[first].0, &*objects[second].0];
                let left: Vec<_> =
                    objects.iter().filter(|(key, _)| !lost.contains(&&**key)).cloned().collect();
                let store = memory();
                restore(&store, &left);
                whole.push(is_whole(&store, layout));
                let root = scratch.write(lines.len(), &left);
                lines.push(format!("{}\t{}", root.display(), layout.name()));
                names.push(format!("{layout:?} without {lost:?}"));
            }
        }
    }
    let Some(verdicts) = audit(&lines) else { return };
    for ((name, ours), theirs) in names.iter().zip(&whole).zip(&verdicts) {
        assert_eq!(ours, theirs, "{name}: verification finds it whole: {ours}, the auditor: {theirs}");
    }
    assert!(whole.iter().any(|whole| !whole));
}

#[test]
fn both_agree_on_a_flipped_bit_in_each_byte_of_manifest_slot_pointer_and_data() {
    let store = memory();
    let md5 = DatasetOptions { checksum: Checksum::Md5, ..options() };
    produce(&Dataset::open(&store, "events", md5.clone()).unwrap(), 1, "first").unwrap();
    let head = produce(&Dataset::open(&store, "events", md5).unwrap(), 3, "third").unwrap().snapshot;
    let first = ids(&open(&store)).remove(0);
    let objects = copy(&store);
    let scratch = Scratch::new("flips");
    let root = scratch.write(0, &objects);
    let is_concerned = |key: &str| {
        key.ends_with(&format!("{}/manifest.json", head.id()))
            || key.ends_with(&format!("_commits/{first}"))
            || key.ends_with("/latest")
            || key.ends_with("/data")
    };
    let (mut lines, mut whole) = (Vec::new(), Vec::new());
    for (place, (key, bytes)) in objects.iter().enumerate().filter(|(_, (key, _))| is_concerned(key)) {
        for bit in (0..bytes.len()).map(|byte| 8 * byte + byte % 8) {
            let mut damaged = objects.clone();
            damaged[place].1[bit / 8] ^= 1 << (bit % 8);
            restore(&store, &damaged);
            whole.push(is_whole(&store, Layout::Default));
            lines.push(format!("{}\tdefault\t{key}\t{bit}", root.display()));
        }
    }
    let Some(verdicts) = audit(&lines) else { return };
    for ((line, ours), theirs) in lines.iter().zip(&whole).zip(&verdicts) {
        assert_eq!(ours, theirs, "{line}: verification finds it whole: {ours}, the auditor: {theirs}");
    }
    let noticed = whole.iter().filter(|whole| !**whole).count();
    assert!(noticed * 100 > whole.len() * 99, "{noticed} of {} flips are found", whole.len());
}
