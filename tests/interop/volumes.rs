//! Volumes: the Go library reads those that we write, we read those that it writes, and each commits on top
//! of the other.

use lode_core::checksum::Checksum;
use lode_core::context::CallOptions;
use lode_core::dataset::{Outcome, ReadOptions, Snapshot, Verify};
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::upkeep::Level;
use lode_core::volume::{Volume, VolumeOptions};

use crate::go::{Directory, Go};

const LENGTH: &str = "1000";

fn open(root: &str, checksum: Checksum) -> Volume {
    let store = crate::go::store(root);
    let options = VolumeOptions { total_length: Some(1000), checksum, ..VolumeOptions::default() };
    Volume::open(&store, "disk", options).unwrap()
}

fn write(volume: &Volume, offset: u64, text: &str) -> Snapshot {
    let block = volume.stage_write_at(offset, text.as_bytes(), &CallOptions::default()).unwrap();
    let metadata = Metadata::parse(r#"{"by":"lode"}"#).unwrap();
    let commit = volume.commit(&[&block], metadata, CommitOptions::default()).unwrap();
    assert_eq!(commit.outcome, Outcome::Committed);
    commit.snapshot
}

fn read(volume: &Volume, snapshot: &Snapshot, offset: u64, length: usize) -> String {
    let mut room = vec![0; length];
    let options = ReadOptions { verify: Verify::First, ..ReadOptions::default() };
    volume.read_at(snapshot, offset, &mut room, &options).unwrap();
    String::from_utf8(room).unwrap()
}

fn go_reads(go: &Go, root: &str, offset: &str, length: &str) -> String {
    go.text(&["read-volume", root, "disk", LENGTH, offset, length], b"")
}

#[test]
fn go_reads_a_volume_that_we_write_in_every_checksum() {
    let Some(go) = Go::find() else { return };
    for checksum in [Checksum::None, Checksum::Xxh3, Checksum::Md5, Checksum::Sha256] {
        let directory = Directory::new();
        let root = directory.as_str();
        let volume = open(root, checksum);
        // Another's bytes have the plain name, so that ours get a tail.
        volume.stage_write_at(0, b"other", &CallOptions::default()).unwrap();
        let first = write(&volume, 0, "hello");
        let second = write(&volume, 5, " world");
        assert_eq!(go_reads(go, root, "0", "11"), "hello world");
        let older = go.text(&["read-volume", root, "disk", LENGTH, "0", "5", first.id()], b"");
        assert_eq!(older, "hello");
        let missing = go.run(&["read-volume", root, "disk", LENGTH, "5", "7"], b"");
        assert!(!missing.ok && missing.stderr.contains("range"), "{}", missing.stderr);
        let expected = format!("{}  1\n{} {} 2\n", first.id(), second.id(), first.id());
        assert_eq!(go.text(&["volume-snapshots", root, "disk", LENGTH], b""), expected);
        let again = go.text(&["volume-manifest", root, "disk", LENGTH], b"");
        assert_eq!(again, second.manifest_json(), "it writes the same bytes");
    }
}

#[test]
fn we_read_a_volume_that_go_writes_and_each_commits_on_top_of_the_other() {
    let Some(go) = Go::find() else { return };
    for sum in ["none", "md5"] {
        let directory = Directory::new();
        let root = directory.as_str();
        let wrote = |blocks: &[&str]| {
            let mut arguments = vec!["write-volume", root, "disk", LENGTH, sum];
            arguments.extend(blocks);
            go.text(&arguments, b"").trim().to_owned()
        };
        let theirs = wrote(&["10:go", "0:first"]);
        let volume = open(root, Checksum::Xxh3);
        let latest = volume.latest(&CallOptions::default()).unwrap();
        assert_eq!(latest.id(), theirs);
        assert_eq!(read(&volume, &latest, 0, 5), "first");
        assert_eq!((latest.next_gap(0), latest.next_gap(10)), (Some((5, 5)), Some((12, 988))));
        let ours = write(&volume, 5, "fills");
        assert_eq!(ours.manifest().parent_snapshot_id.as_deref(), Some(&*theirs));
        assert_eq!(ours.manifest().checksum_algorithm.as_deref(), Some("md5").filter(|_| sum == "md5"));
        assert_eq!(go_reads(go, root, "0", "12"), "firstfillsgo");
        let theirs = wrote(&["12:again"]);
        let latest = volume.latest(&CallOptions::default()).unwrap();
        assert_eq!(
            (latest.id(), latest.manifest().parent_snapshot_id.as_deref()),
            (&*theirs, Some(ours.id()))
        );
        let last = write(&open(root, Checksum::Xxh3), 17, "!");
        assert_eq!(read(&volume, &last, 0, 18), "firstfillsgoagain!");
        assert_eq!(go_reads(go, root, "0", "18"), "firstfillsgoagain!");
        let verified = volume
            .history()
            .verify(Level::Records, &CallOptions::default(), &mut |finding| panic!("{sum}: {finding:?}"));
        assert_eq!(verified.unwrap().snapshots, 4);
    }
}

#[test]
fn a_volume_of_go_that_mixes_checksums_is_read_by_what_each_block_has() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let root = directory.as_str();
    let volume = open(root, Checksum::Xxh3);
    write(&volume, 0, "xxh3");
    go.text(&["write-volume", root, "disk", LENGTH, "md5", "4:+md5"], b"");
    let latest = volume.latest(&CallOptions::default()).unwrap();
    assert_eq!(latest.manifest().checksum_algorithm.as_deref(), Some("md5"));
    assert_eq!(read(&volume, &latest, 0, 8), "xxh3+md5");
    volume.verify_snapshot(&latest, &ReadOptions::default()).unwrap();
}
