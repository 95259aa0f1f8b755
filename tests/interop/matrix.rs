//! Every layout with every codec, compressor and checksum, both ways: what one side writes the other finds
//! with all that it has for reading, and reads as equal records or bytes. Blobs in the hive layout are the
//! one combination that neither side has.

use lode_core::checksum::Checksum;
use lode_core::codec::Codec;
use lode_core::compress::Compressor;
use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, DatasetOptions, ReadOptions, Record, Snapshot, Verify};
use lode_core::layout::Layout;
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::Durability;
use lode_core::{Result, Status};

use crate::catalog::listed;
use crate::datasets::COMPRESSORS;
use crate::go::{Directory, Go};

/// The layouts as both sides call them.
const LAYOUTS: [(Layout, &[&str], &str); 3] =
    [(Layout::Default, &[], "default"), (Layout::Hive, &["day"], "hive:day"), (Layout::Flat, &[], "flat")];

/// What we write. The Go library checks none of them, and must read them all.
const CHECKSUMS: [(Checksum, &str); 4] = [
    (Checksum::None, "none"),
    (Checksum::Md5, "md5"),
    (Checksum::Sha256, "sha256"),
    (Checksum::Xxh3, "xxh3"),
];

/// What the Go library writes: its own, one that its user brought and we know, and one that we do not know.
const THEIRS: [&str; 4] = ["none", "md5", "sha256", UNKNOWN];
const UNKNOWN: &str = "crc32";

/// Many runs of the Go program in one process.
#[derive(Default)]
struct Batch {
    input: Vec<u8>,
    commands: Vec<String>,
}

impl Batch {
    /// One more run, for this layout and with this standard input.
    fn add(&mut self, layout: &str, arguments: &[&str], stdin: &[u8]) {
        let placed =
            arguments.iter().map(|argument| crate::go::placed(argument.as_ref()).into_string().unwrap());
        let command = placed.collect::<Vec<_>>().join("\t");
        self.input.extend_from_slice(format!("{layout}\t{}\t{command}\n", stdin.len()).as_bytes());
        self.input.extend_from_slice(stdin);
        self.commands.push(format!("{layout}, {command:?}"));
    }

    /// The standard output of each, or why it failed.
    fn run(self, go: &Go) -> Vec<(String, std::result::Result<Vec<u8>, String>)> {
        let answer = go.run(&["batch"], &self.input);
        assert!(answer.ok, "{}", answer.stderr);
        let mut rest = &answer.stdout[..];
        let mut answers = Vec::new();
        for command in self.commands {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
            let (verdict, length) = str::from_utf8(&rest[..end]).unwrap().split_once(' ').unwrap();
            let (said, after) = rest[end + 1..].split_at(length.parse().unwrap());
            let said = match verdict {
                "ok" => Ok(said.to_vec()),
                _ => Err(String::from_utf8_lossy(said).into_owned()),
            };
            answers.push((command, said));
            rest = after;
        }
        assert_eq!(rest, b"");
        answers
    }
}

/// Three contents of a snapshot.
fn contents(codec: Codec) -> [Vec<u8>; 3] {
    // Sorted keys: the form in which Go writes what it has read.
    let line = |n: usize| format!("{{\"day\":\"2024-01-0{}\",\"n\":{n},\"text\":\"é 😀\"}}\n", n % 3);
    let lines = |count| (0..count).map(line).collect::<String>().into_bytes();
    match codec {
        Codec::None => {
            let large = (0..70_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 21) as u8).collect();
            [Vec::new(), b"\0\xff\r\n{".to_vec(), large]
        }
        _ => [lines(20), Vec::new(), lines(2)],
    }
}

fn rows(codec: Codec, content: &[u8]) -> usize {
    if codec == Codec::None { 1 } else { content.iter().filter(|byte| **byte == b'\n').count() }
}

/// Equal contents are equal texts: in the hive layout the order of the records is that of their partitions.
fn in_order(layout: Layout, content: &[u8]) -> Vec<u8> {
    if layout != Layout::Hive {
        return content.to_vec();
    }
    let mut lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    lines.sort();
    lines.concat()
}

/// What both sides find in a store of these datasets: all of them, then one's manifests.
fn found(layout: Layout, datasets: &[String], manifests: &[(String, usize)]) -> String {
    let mut datasets = datasets.to_vec();
    datasets.sort();
    let named: String = datasets.iter().map(|dataset| format!("dataset {dataset}\n")).collect();
    let manifest = |(id, rows): &(String, usize)| format!("manifest {id} {rows}\n");
    match layout {
        Layout::Default | Layout::Volume => named + &manifests.iter().map(manifest).collect::<String>(),
        Layout::Flat => {
            "datasets not modeled\n".to_owned() + &manifests.iter().map(manifest).collect::<String>()
        }
        // Record n is in the partition n % 3, and so in none with less records than that.
        Layout::Hive => (0..3).fold(named, |text, day| {
            let inside = manifests.iter().filter(|(_, rows)| *rows > day).map(manifest);
            text + &format!("partition day=2024-01-0{day}\n") + &inside.collect::<String>()
        }),
    }
}

/// The combinations of a layout: codec, compressor, and the checksum's number of so many.
fn combinations(layout: Layout, checksums: usize) -> Vec<(Codec, (Compressor, &'static str), usize)> {
    let mut all = Vec::new();
    for codec in [Codec::Jsonl, Codec::None] {
        for compressor in COMPRESSORS {
            for checksum in 0..checksums {
                if codec == Codec::Jsonl || layout != Layout::Hive {
                    all.push((codec, compressor, checksum));
                }
            }
        }
    }
    all
}

fn open(root: &str, id: &str, layout: Layout, keys: &[&str], more: DatasetOptions) -> Result<Dataset> {
    let store = crate::go::store(root);
    let partition_keys = keys.iter().map(|key| (*key).to_owned()).collect();
    // The durability of a commit does not show in what is read.
    Dataset::open(
        &store,
        id,
        DatasetOptions { layout, partition_keys, durability: Durability::Process, ..more },
    )
}

fn write(dataset: &Dataset, content: &[u8]) -> Snapshot {
    let commit = if dataset.options().codec == Codec::None {
        dataset.write_blob(content, Metadata::empty(), CommitOptions::default())
    } else {
        let lines = str::from_utf8(content).unwrap().lines();
        let records: Vec<Record<'_>> =
            lines.map(|line| Record { data: line.as_bytes(), unix_nanos: None }).collect();
        dataset.write_records(&records, Metadata::empty(), CommitOptions::default())
    };
    commit.unwrap().snapshot
}

fn read(dataset: &Dataset, snapshot: &Snapshot, verify: Verify) -> Result<Vec<u8>> {
    let options = ReadOptions { verify, ..ReadOptions::default() };
    let mut bytes = Vec::new();
    if snapshot.manifest().codec.is_none() {
        let mut blob = dataset.read_blob(snapshot, options)?;
        let mut buffer = vec![0; 50_000];
        while let read @ 1.. = blob.read(&mut buffer)? {
            bytes.extend_from_slice(&buffer[..read]);
        }
    } else {
        let mut records = dataset.read(snapshot, options)?;
        while let Some(record) = records.next()? {
            bytes.extend_from_slice(record);
            bytes.push(b'\n');
        }
    }
    Ok(bytes)
}

#[test]
fn go_reads_every_combination_that_we_write() {
    let Some(go) = Go::find() else { return };
    for (layout, keys, name) in LAYOUTS {
        let directory = Directory::new();
        let root = directory.as_str();
        let mut written = Vec::new();
        for (codec, (compressor, compress), checksum) in combinations(layout, CHECKSUMS.len()) {
            let (checksum, sum) = CHECKSUMS[checksum];
            let id = format!("{codec:?}-{compress}-{sum}").to_lowercase();
            let options = DatasetOptions { codec, compressor, checksum, ..DatasetOptions::default() };
            let dataset = open(root, &id, layout, keys, options).unwrap();
            let snapshots = contents(codec).map(|content| (write(&dataset, &content), content));
            written.push((id, codec, snapshots));
        }

        let ids: Vec<String> = written.iter().map(|(id, ..)| id.clone()).collect();
        let mut batch = Batch::default();
        let mut expected = Vec::new();
        for (id, codec, snapshots) in &written {
            let read = if *codec == Codec::None { "read-blob" } else { "read" };
            let (mut history, mut manifests) = (String::new(), Vec::new());
            for (snapshot, content) in snapshots {
                let rows = rows(*codec, content);
                let parent = snapshot.manifest().parent_snapshot_id.as_deref().unwrap_or_default();
                history += &format!("{} {rows} {parent}\n", snapshot.id());
                manifests.push((snapshot.id().to_owned(), rows));
                batch.add(name, &[read, root, id, snapshot.id()], b"");
                expected.push(content.clone());
            }
            let (latest, content) = &snapshots[2];
            batch.add(name, &[read, root, id], b"");
            expected.push(content.clone());
            batch.add(name, &["latest", root, id], b"");
            expected.push(format!("{}\n", latest.id()).into_bytes());
            batch.add(name, &["snapshots", root, id], b"");
            expected.push(history.into_bytes());
            batch.add(name, &["reader", root, id], b"");
            expected.push(found(layout, &ids, &manifests).into_bytes());
        }
        for ((command, answer), expected) in batch.run(go).into_iter().zip(expected) {
            let answer = answer.unwrap_or_else(|error| panic!("{command}: {error}"));
            let is_read = command.contains("\"read\\t");
            let equal = match is_read {
                true => in_order(layout, &answer) == in_order(layout, &expected),
                false => answer == expected,
            };
            assert!(equal, "{command}: {}", String::from_utf8_lossy(&answer));
        }
    }
}

#[test]
fn we_read_every_combination_that_go_writes() {
    let Some(go) = Go::find() else { return };
    for (layout, keys, name) in LAYOUTS {
        let directory = Directory::new();
        let root = directory.as_str();
        let mut batch = Batch::default();
        let mut ids = Vec::new();
        for (number, (codec, (_, compress), checksum)) in
            combinations(layout, THEIRS.len()).into_iter().enumerate()
        {
            let id = format!("{codec:?}-{compress}-{}", THEIRS[checksum]).to_lowercase();
            for content in contents(codec) {
                let form = ["memory", "stream"][number % 2];
                let arguments = ["write-blob", root, &id, compress, THEIRS[checksum], form];
                let records = ["write", root, &id, compress, THEIRS[checksum]];
                batch.add(name, if codec == Codec::None { &arguments } else { &records }, &content);
            }
            ids.push((id, codec, THEIRS[checksum]));
        }
        let mut answers = batch.run(go).into_iter().map(|(command, answer)| {
            let id = answer.unwrap_or_else(|error| panic!("{command}: {error}"));
            String::from_utf8(id).unwrap().trim_end().to_owned()
        });

        let store = crate::go::store(root);
        let names: Vec<String> = ids.iter().map(|(id, ..)| id.clone()).collect();
        for (id, codec, sum) in &ids {
            let what = format!("{name}, {id}");
            // The options of the dataset do not affect reading.
            let options = DatasetOptions { codec: Codec::Jsonl, ..DatasetOptions::default() };
            let dataset = open(root, id, layout, keys, options).unwrap();
            let mut snapshots = dataset.snapshots(&CallOptions::default()).unwrap();
            let mut manifests: Vec<(String, usize)> = Vec::new();
            for content in contents(*codec) {
                let snapshot = snapshots.next().unwrap().unwrap();
                let manifest = snapshot.manifest();
                assert_eq!(Some(snapshot.id()), answers.next().as_deref(), "{what}");
                assert_eq!(manifest.row_count, rows(*codec, &content) as u64, "{what}");
                let parent = manifests.last().map(|(id, _)| id.clone());
                assert_eq!(manifest.parent_snapshot_id, parent, "{what}");
                let named = Some(*sum).filter(|name| *name != "none");
                assert_eq!(manifest.checksum_algorithm.as_deref(), named, "{what}");
                let mut verify = Verify::default();
                // A checksum that this library does not know: read only without verifying.
                if *sum == UNKNOWN {
                    let error = read(&dataset, &snapshot, verify).err().unwrap();
                    assert_eq!(error.status(), Status::Unsupported, "{what}: {error}");
                    assert!(error.to_string().contains("the checksum \"crc32\""), "{what}: {error}");
                    verify = Verify::SizeOnly;
                }
                let theirs = read(&dataset, &snapshot, verify).unwrap();
                assert!(in_order(layout, &theirs) == in_order(layout, &content), "{what}: other records");
                manifests.push((snapshot.id().to_owned(), rows(*codec, &content)));
            }
            assert!(snapshots.next().unwrap().is_none(), "{what}");
            let latest = dataset.latest(&CallOptions::default()).unwrap();
            assert_eq!(latest.id(), manifests[2].0, "{what}");
            assert_eq!(listed(&store, layout, id), found(layout, &names, &manifests), "{what}");
        }
        assert!(answers.next().is_none());
    }
}

#[test]
fn neither_side_has_blobs_in_the_hive_layout() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let root = directory.as_str();
    let ours = open(root, "events", Layout::Hive, &["day"], DatasetOptions::default());
    assert_eq!(ours.err().unwrap().status(), Status::CodecRequired);
    let mut batch = Batch::default();
    batch.add("hive:day", &["write-blob", root, "events", "noop", "none", "memory"], b"blob");
    let theirs = batch.run(go).remove(0).1;
    assert!(theirs.unwrap_err().contains("requires a layout with noop partitioner"));
}
