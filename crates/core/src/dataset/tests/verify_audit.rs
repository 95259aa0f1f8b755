//! Verification and the auditor in Python, which knows nothing of this library, find the same datasets whole
//! and the same ones damaged.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::damage::{history_of_go, history_of_ours, mixed_history, produce};
use super::vanished::{copy, restore};
use super::verify::verify_as;
use super::*;
use crate::store::{Durability, Put};
use crate::upkeep::Level;
use crate::volume::{Volume, VolumeOptions};

/// Reads lines of a directory, a layout and perhaps a file with the number of a bit to flip in it for the
/// time of the audit; writes a line for each: `0` for a whole dataset.
const AUDIT: &str = r#"
import os, sys
sys.path.insert(0, sys.argv[1])
import audit

def verdict(root, layout):
    try:
        return len(audit.audit(root, "events", layout, go_ahead=True).problems)
    except Exception:
        return "unreadable"

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

/// Whether verification finds the dataset whole, or the volume.
fn is_whole(store: &Store, layout: Layout) -> bool {
    if layout == Layout::Volume {
        let verified = volume(store).history().verify(Level::Records, &CallOptions::default(), &mut |_| true);
        return verified.is_ok_and(|verification| verification.findings == 0);
    }
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

fn volume(store: &Store) -> Volume {
    let options =
        VolumeOptions { total_length: Some(100), checksum: Checksum::Md5, ..VolumeOptions::default() };
    Volume::open(store, "events", options).expect("it opens")
}

fn fill(store: &Store, offset: u64) {
    let volume = volume(store);
    // The second one's name is taken, so that it gets another.
    let taken = volume.stage_write_at(offset + 10, &[7; 10], &CallOptions::default()).expect("it is staged");
    let blocks = [(offset, 1), (offset + 10, 2)].map(|(offset, fill)| {
        volume.stage_write_at(offset, &[fill; 10], &CallOptions::default()).expect("it is staged")
    });
    drop(taken);
    let [first, second] = &blocks;
    volume.commit(&[first, second], Metadata::empty(), CommitOptions::default()).expect("it is committed");
}

fn volume_of_ours(store: &Store) {
    for offset in [40, 0, 20] {
        fill(store, offset);
    }
}

/// The manifest of a snapshot of `count` blocks, as the Go library writes it.
fn manifest_of_go(id: &str, parent: Option<&str>, count: usize) -> String {
    let block = |number: usize| {
        let (offset, sum) = (80 + 5 * number, md5_of(&[8; 5]));
        format!(
            "{{\"offset\": {offset}, \"length\": 5, \"path\": \"volumes/events/data/{offset}-5.bin\", \"checksum\": \"{sum}\"}}"
        )
    };
    let blocks = (0..count).map(block).collect::<Vec<_>>().join(",\n");
    let parent = parent.map(|id| format!("\"parent_snapshot_id\": \"{id}\", ")).unwrap_or_default();
    format!(
        "{{\"schema_name\": \"lode-volume-manifest\", \"format_version\": \"1.0.0\", \"volume_id\": \"events\", \
         \"snapshot_id\": \"{id}\", \"created_at\": \"2023-11-14T22:13:20Z\", \"metadata\": {{}}, \
         \"total_length\": 100, \"blocks\": [{blocks}], {parent}\"checksum_algorithm\": \"md5\"}}"
    )
}

fn md5_of(bytes: &[u8]) -> String {
    let mut hasher = Checksum::Md5.hasher().expect("it has one");
    hasher.update(bytes);
    hasher.finish()
}

fn put(store: &Store, key: &str, bytes: &[u8]) {
    let put = store.backend().put_if_absent(Context::unlimited(), key, bytes, Durability::Process);
    assert!(matches!(put, Put::Done), "{key}: {put:?}");
}

const GO: [&str; 2] = ["1700000000000000001", "1700000000000000002"];

fn volume_of_go(store: &Store) {
    for offset in [80, 85] {
        put(store, &format!("volumes/events/data/{offset}-5.bin"), &[8; 5]);
    }
    for (number, id) in GO.iter().enumerate() {
        let parent = number.checked_sub(1).map(|before| GO[before]);
        let manifest = manifest_of_go(id, parent, number + 1);
        put(store, &Layout::Volume.manifest_path("events", id), manifest.as_bytes());
    }
    put(store, &Layout::Volume.latest_path("events"), GO[1].as_bytes());
}

fn mixed_volume(store: &Store) {
    volume_of_go(store);
    fill(store, 0);
    fill(store, 20);
}

#[test]
fn both_agree_on_every_volumes_manifest_that_breaks_a_rule() {
    let scratch = Scratch::new("volumes");
    let (mut lines, mut whole, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let long = format!("\"checksum\": \"{}", "9".repeat(2000));
    for (from, to) in [
        ("\"offset\"", "\"offset\""),
        ("\"metadata\": {}", "\"metadata\": {\"by\": [1]}, \"later\": null"),
        ("lode-volume-manifest", "lode-manifest"),
        ("1.0.0", "2.0.0"),
        ("\"volume_id\": \"events\"", "\"volume_id\": \"other\""),
        ("\"snapshot_id\": \"17", "\"snapshot_id\": \"18"),
        ("2023-11-14T", "2023-11-14"),
        ("\"metadata\": {}", "\"metadata\": null"),
        ("\"total_length\": 100, ", ""),
        ("\"total_length\": 100", "\"total_length\": 0"),
        ("\"total_length\": 100", "\"total_length\": 89"),
        ("\"total_length\": 100", "\"total_length\": -100"),
        ("\"total_length\": 100", "\"total_length\": 100.5"),
        ("\"total_length\": 100", "\"total_length\": 9223372036854775808"),
        ("\"total_length\": 100", "\"total_length\": 100, \"total_length\": 100"),
        ("\"offset\": 85", "\"offset\": 84"),
        ("\"offset\": 85", "\"offset\": -85"),
        ("\"offset\": 85", "\"offset\": 85, \"offset\": 85"),
        (
            "85, \"length\": 5, \"path\": \"volumes/events/data/85-5",
            "84, \"length\": 5, \"path\": \"volumes/events/data/84-5",
        ),
        ("\"length\": 5", "\"length\": 0"),
        ("\"length\": 5", "\"length\": 6"),
        ("\"length\": 5", "\"length\": 18446744073709551615"),
        ("events/data/80-5", "events/data/80-6"),
        ("events/data/80-5", "other/data/80-5"),
        ("events/data/80-5.bin", "events/data/80-5-0000000000000000.bin"),
        ("events/data/80-5.bin", "events/data/80-5-00000000000000AB.bin"),
        ("volumes/events/data/80-5.bin", "../../etc/passwd"),
        ("\"checksum\": \"", &long),
        ("\"checksum\": \"", "\"checksum\": \"0"),
        ("\"blocks\": [", "\"blocks\": [7,"),
        ("\"blocks\": [", "\"blocks\": null, \"old\": ["),
        ("\"parent_snapshot_id\": \"17", "\"parent_snapshot_id\": \"16"),
    ] {
        let store = memory();
        volume_of_go(&store);
        let key = Layout::Volume.manifest_path("events", GO[1]);
        let manifest = manifest_of_go(GO[1], Some(GO[0]), 2);
        assert!(manifest.contains(from), "{from}");
        store.backend().delete(Context::unlimited(), &key).expect("it can be removed");
        put(&store, &key, manifest.replacen(from, to, 1).as_bytes());
        whole.push(is_whole(&store, Layout::Volume));
        lines.push(format!("{}\tvolume", scratch.write(lines.len(), &copy(&store)).display()));
        names.push(format!("{to} in place of {from}"));
    }
    // The first two changes break no rule; nor does a checksum that no version knows.
    assert!(whole[0] && whole[1]);
    assert!(whole.iter().filter(|whole| **whole).count() <= 3, "{whole:?}");
    let Some(verdicts) = audit(&lines) else { return };
    for ((name, ours), theirs) in names.iter().zip(&whole).zip(&verdicts) {
        assert_eq!(ours, theirs, "{name}: verification finds it whole: {ours}, the auditor: {theirs}");
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
        (volume_of_ours, Layout::Volume),
        (volume_of_go, Layout::Volume),
        (mixed_volume, Layout::Volume),
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
    let scratch = Scratch::new("flips");
    let (mut lines, mut whole) = (Vec::new(), Vec::new());
    for (number, layout) in [Layout::Default, Layout::Volume].into_iter().enumerate() {
        let store = memory();
        let (first, head) = match layout {
            Layout::Volume => {
                volume_of_ours(&store);
                let latest = volume(&store).latest(&CallOptions::default()).expect("it has one");
                ("root".to_owned(), latest.id().to_owned())
            }
            _ => {
                let md5 = DatasetOptions { checksum: Checksum::Md5, ..options() };
                produce(&Dataset::open(&store, "events", md5.clone()).unwrap(), 1, "first").unwrap();
                let head =
                    produce(&Dataset::open(&store, "events", md5).unwrap(), 3, "third").unwrap().snapshot;
                (ids(&open(&store)).remove(0), head.id().to_owned())
            }
        };
        let objects = copy(&store);
        let root = scratch.write(number, &objects);
        let is_concerned = |key: &str| {
            key.ends_with(&format!("{head}/manifest.json"))
                || key.ends_with(&format!("_commits/{first}"))
                || key.ends_with("/latest")
                || key.ends_with("/data")
                || key.contains("/data/40-10")
        };
        for (place, (key, bytes)) in objects.iter().enumerate().filter(|(_, (key, _))| is_concerned(key)) {
            for bit in (0..bytes.len()).map(|byte| 8 * byte + byte % 8) {
                let mut damaged = objects.clone();
                damaged[place].1[bit / 8] ^= 1 << (bit % 8);
                restore(&store, &damaged);
                whole.push(is_whole(&store, layout));
                lines.push(format!("{}\t{}\t{key}\t{bit}", root.display(), layout.name()));
            }
        }
    }
    let Some(verdicts) = audit(&lines) else { return };
    for ((line, ours), theirs) in lines.iter().zip(&whole).zip(&verdicts) {
        assert_eq!(ours, theirs, "{line}: verification finds it whole: {ours}, the auditor: {theirs}");
    }
    let noticed = whole.iter().filter(|whole| !**whole).count();
    assert!(noticed * 100 > whole.len() * 99, "{noticed} of {} flips are found", whole.len());
}
