//! Go readers work while writers of ours commit and are killed: they meet no error, see nothing go back,
//! vanish or change, and read the records that were committed. What a Go reader may see for a moment, and
//! why, is described in `watch.go`.
//!
//! Seeds decide how often each writer commits what, and how far into a commit it is killed; the machine
//! decides the rest. A writer is this test program again, told by its environment to write: it can be killed
//! like any other process.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use lode_core::Result;
use lode_core::checksum::Checksum;
use lode_core::codec::Codec;
use lode_core::compress::Compressor;
use lode_core::context::CallOptions;
use lode_core::dataset::{
    Commit, Dataset, DatasetOptions, Outcome, ReadOptions, Record, RecordSource, Snapshot, WriterOptions,
};
use lode_core::layout::Layout;
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::{Durability, Store, StoreOptions};

use crate::go::{Directory, Go};

/// Datasets a layout, one after the other: the first commit of each is the place where Go readers write, too.
const DATASETS: u64 = 3;
/// Go readers at the same time.
const WATCHERS: u64 = 2;
/// Writers at the same time, and how often each is killed.
const WRITERS: u64 = 3;
const KILLS: u64 = 4;
/// The most commits that a writer acknowledges before it is killed, but for those under way.
const COMMITS: u64 = 7;
/// The most records of a commit.
const RECORDS: u64 = 120;

/// In the environment of a writer: what it is to write.
const WORK: &str = "LODE_INTEROP_WRITER";

#[test]
fn go_watches_default_datasets_while_their_writers_are_killed() {
    let test = "live::go_watches_default_datasets_while_their_writers_are_killed";
    live(test, Layout::Default, "default", 1);
}

#[test]
fn go_watches_hive_datasets_while_their_writers_are_killed() {
    live("live::go_watches_hive_datasets_while_their_writers_are_killed", Layout::Hive, "hive:day", 2);
}

#[test]
fn go_watches_flat_datasets_while_their_writers_are_killed() {
    live("live::go_watches_flat_datasets_while_their_writers_are_killed", Layout::Flat, "flat", 3);
}

/// The whole of the test of that name, or, in a writer's process, the writing.
fn live(test: &str, layout: Layout, layout_name: &str, seed: u64) {
    if let Ok(work) = std::env::var(WORK) {
        write(&work, layout);
        return;
    }
    let Some(go) = Go::find() else { return };
    let seen = |number| {
        let directory = Directory::new();
        let run = Run {
            test,
            layout,
            layout_name,
            root: directory.as_str(),
            dataset: format!("live{number}"),
            seed: 1000 * (10 * seed + number),
        };
        run.whole(go, &directory)
    };
    let heads: u64 = (0..DATASETS).map(seen).sum();
    assert!(heads > DATASETS * WATCHERS, "the watchers saw the ends alone: nothing was watched");
}

/// A small generator of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to and including `most`.
    fn up_to(&mut self, most: u64) -> u64 {
        self.draw() % (most + 1)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.up_to(all.len() as u64 - 1)).unwrap()]
    }
}

/// The records of a commit, which tell its name and their numbers.
fn records(commit: &str, count: u64) -> Vec<String> {
    let record = |n: u64| format!(r#"{{"commit":"{commit}","day":"2024-01-0{}","n":{n}}}"#, n % 3);
    (0..count).map(record).collect()
}

/// Both kinds of dataset of these settings: of records, and, in a layout that has them, of blobs.
fn open(root: &str, dataset: &str, options: &DatasetOptions) -> (Dataset, Option<Dataset>) {
    let store = Store::open_filesystem(root, StoreOptions::default()).unwrap();
    let partition_keys = if options.layout == Layout::Hive { vec!["day".to_owned()] } else { Vec::new() };
    let records = DatasetOptions { codec: Codec::Jsonl, partition_keys, ..options.clone() };
    let blobs = DatasetOptions { codec: Codec::None, ..options.clone() };
    let blobs = (options.layout != Layout::Hive).then(|| Dataset::open(&store, dataset, blobs).unwrap());
    (Dataset::open(&store, dataset, records).unwrap(), blobs)
}

// ---- In the process of a writer ----

/// Records in memory, as the pull form wants them.
struct Pulled<'a>(std::slice::Iter<'a, String>);

impl RecordSource for Pulled<'_> {
    fn next(&mut self) -> Result<Option<Record<'_>>> {
        Ok(self.0.next().map(|text| Record { data: text.as_bytes(), unix_nanos: None }))
    }
}

/// Commits over and over, and acknowledges each on standard output.
fn write(work: &str, layout: Layout) {
    let [root, dataset, name, seed, commits] = work.split('\t').collect::<Vec<_>>()[..] else {
        panic!("{WORK}: {work:?}")
    };
    let mut random = Random(seed.parse().unwrap());
    let options = DatasetOptions {
        compressor: random.one_of(&[Compressor::None, Compressor::Gzip, Compressor::Zstd]),
        checksum: random.one_of(&[Checksum::None, Checksum::Md5, Checksum::Sha256, Checksum::Xxh3]),
        durability: random.one_of(&[Durability::Full, Durability::Process]),
        layout,
        ..DatasetOptions::default()
    };
    let datasets = open(root, dataset, &options);
    for number in 0..commits.parse::<u64>().unwrap() {
        let commit = format!("{name}-{number}");
        let records = records(&commit, random.up_to(RECORDS));
        let done = write_once(&datasets, layout, &commit, &records, random.up_to(3)).unwrap();
        assert_eq!(done.outcome, Outcome::Committed, "{commit}");
        // In one piece, and on a line of its own after anything that the test harness has printed.
        let line = format!("\nacknowledged {} {commit}\n", done.snapshot.id());
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

fn write_once(
    (dataset, blobs): &(Dataset, Option<Dataset>),
    layout: Layout,
    commit: &str,
    records: &[String],
    form: u64,
) -> Result<Commit> {
    let metadata = Metadata::parse(&format!(r#"{{"commit":"{commit}","records":{}}}"#, records.len()))?;
    let options = CommitOptions::default();
    match (form, blobs) {
        (0, Some(blobs)) => blobs.write_blob((records.join("\n") + "\n").as_bytes(), metadata, options),
        (1, _) if layout != Layout::Hive => {
            dataset.stream_write_records(&mut Pulled(records.iter()), metadata, options)
        }
        (2, _) if layout != Layout::Hive => {
            let mut writer = dataset.record_writer(WriterOptions::default())?;
            for record in records {
                writer.append(record.as_bytes(), None)?;
            }
            writer.commit(metadata, options)
        }
        _ => {
            let records: Vec<Record<'_>> =
                records.iter().map(|text| Record { data: text.as_bytes(), unix_nanos: None }).collect();
            dataset.write_records(&records, metadata, options)
        }
    }
}

// ---- Around them ----

/// One dataset with its writers and watchers, from the first commit to the last.
struct Run<'a> {
    test: &'a str,
    layout: Layout,
    layout_name: &'a str,
    root: &'a str,
    dataset: String,
    seed: u64,
}

/// An acknowledged commit: the snapshot's id and the commit's name.
type Acknowledged = (String, String);

impl Run<'_> {
    /// From the first commit to the last; gives how many times a watcher saw the dataset go on.
    fn whole(&self, go: &Go, directory: &Directory) -> u64 {
        let watchers: Vec<Watcher> = (0..WATCHERS).map(|n| Watcher::begin(self, go, self.seed + n)).collect();
        let mut acknowledged: Vec<Acknowledged> = std::thread::scope(|scope| {
            let writers: Vec<_> =
                (0..WRITERS).map(|place| scope.spawn(move || self.killed_writers(place))).collect();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        // All writers are killed: the next one completes what they left.
        let mut last = Writer::begin(self, "last", self.seed, 1);
        last.until(u64::MAX, &mut acknowledged);
        assert!(last.end().success(), "the last writer failed: {}", rest(&mut last.child));
        assert_eq!(acknowledged.last().unwrap().1, "last-0");

        let committed = self.read_everything(&acknowledged);
        self.audit(directory, &acknowledged, committed);
        watchers.into_iter().map(|watcher| watcher.end(self, committed)).sum()
    }

    /// One writer after the other in the same place, each killed; gives what they acknowledged.
    fn killed_writers(&self, place: u64) -> Vec<Acknowledged> {
        let mut random = Random(self.seed + 100 + place);
        let mut acknowledged = Vec::new();
        for life in 0..KILLS {
            let mut writer = Writer::begin(self, &format!("{place}-{life}"), random.draw(), u64::MAX);
            let at_once = life == 0 && random.up_to(1) == 0;
            let commits = if at_once { 0 } else { random.up_to(COMMITS) };
            // Without waiting for anything: the writer may be killed at any moment of a commit, or before its
            // first one.
            let moment = Duration::from_micros(random.up_to(if commits == 0 { 40_000 } else { 8_000 }));
            writer.until(commits, &mut acknowledged);
            std::thread::sleep(moment);
            writer.child.kill().unwrap();
            writer.until(u64::MAX, &mut acknowledged);
            let status = writer.end();
            assert_eq!(
                status.signal(),
                Some(9),
                "a writer ended by itself: {status}, {}",
                rest(&mut writer.child)
            );
        }
        acknowledged
    }

    /// Reads every snapshot with a reader of ours; gives how many there are.
    fn read_everything(&self, acknowledged: &[Acknowledged]) -> u64 {
        let options = DatasetOptions { layout: self.layout, ..DatasetOptions::default() };
        let (dataset, _) = open(self.root, &self.dataset, &options);
        let mut found = Vec::new();
        let mut snapshots = dataset.snapshots(&CallOptions::default()).unwrap();
        while let Some(snapshot) = snapshots.next().unwrap() {
            let metadata: serde_json::Value =
                serde_json::from_str(&snapshot.manifest().metadata.user_json()).unwrap();
            let commit = metadata["commit"].as_str().unwrap();
            let mut expected = records(commit, metadata["records"].as_u64().unwrap());
            let mut there = texts(&dataset, &snapshot);
            if self.layout == Layout::Hive {
                expected.sort();
                there.sort();
            }
            assert_eq!(there, expected, "{} of {}", snapshot.id(), self.dataset);
            found.push((snapshot.id().to_owned(), commit.to_owned()));
        }
        for commit in acknowledged {
            assert!(found.contains(commit), "{commit:?} was acknowledged and is not there");
        }
        let mut commits: Vec<&String> = found.iter().map(|(_, commit)| commit).collect();
        commits.sort();
        commits.dedup();
        assert_eq!(commits.len(), found.len(), "a commit is there twice");
        found.len() as u64
    }

    /// The second auditor, which knows nothing of this library.
    fn audit(&self, directory: &Directory, acknowledged: &[Acknowledged], committed: u64) {
        let ids: String = acknowledged.iter().map(|(id, _)| format!("{id}\n")).collect();
        let ids = directory.file("acknowledged", ids.as_bytes());
        let auditor = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/audit.py");
        let audit = Command::new("python3")
            .arg(auditor)
            .args([self.root, &self.dataset, "--layout", self.layout.name()])
            .args(["--acknowledged", &ids, "--length", &committed.to_string()])
            .output();
        match audit {
            Ok(audit) => {
                let said = String::from_utf8_lossy(&audit.stdout) + String::from_utf8_lossy(&audit.stderr);
                assert!(audit.status.success(), "{}: {said}", self.dataset);
            }
            Err(error) => {
                let strict = std::env::var_os("LODE_STRICT").is_some_and(|value| value == "1");
                assert!(!strict, "LODE_STRICT=1, but python3 does not run: {error}");
                let line = format!("skipped the auditor of {}: python3 does not run: {error}\n", self.test);
                std::io::stderr().write_all(line.as_bytes()).unwrap();
            }
        }
    }
}

/// A process of this program that writes.
struct Writer {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Writer {
    fn begin(run: &Run<'_>, name: &str, seed: u64, commits: u64) -> Writer {
        let work = format!("{}\t{}\t{name}\t{seed}\t{commits}", run.root, run.dataset);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([run.test, "--exact", "--nocapture"])
            .env(WORK, work)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Writer { child, output }
    }

    /// Waits for so many acknowledged commits, or for the end of its output.
    fn until(&mut self, commits: u64, acknowledged: &mut Vec<Acknowledged>) {
        let (mut seen, mut line) = (0, String::new());
        while seen < commits {
            line.clear();
            self.output.read_line(&mut line).unwrap();
            let Some(whole) = line.strip_suffix('\n') else { return };
            if let Some((id, commit)) =
                whole.strip_prefix("acknowledged ").and_then(|told| told.split_once(' '))
            {
                acknowledged.push((id.to_owned(), commit.to_owned()));
                seen += 1;
            }
        }
    }

    fn end(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

/// A Go reader at work.
struct Watcher {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Watcher {
    /// Begins one; it has made its first pass when this returns.
    fn begin(run: &Run<'_>, go: &Go, seed: u64) -> Watcher {
        let mut child = Command::new(go.program())
            .env("LAYOUT", run.layout_name)
            .args(["watch", run.root, &run.dataset, &seed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "watching\n", "{}", rest(&mut child));
        Watcher { child, output }
    }

    /// Ends it; it must have found nothing wrong, and must have seen all that was committed. Gives how many
    /// snapshots it has seen as the latest.
    fn end(mut self, run: &Run<'_>, committed: u64) -> u64 {
        drop(self.child.stdin.take());
        let mut counts = String::new();
        self.output.read_to_string(&mut counts).unwrap();
        let said = rest(&mut self.child);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "a Go reader of {} {}: {said}", run.layout_name, run.dataset);
        let count = |name: &str| -> u64 {
            let line = counts.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_start().parse().unwrap()
        };
        assert_eq!(count("snapshots"), committed, "{counts}");
        assert!(count("reads") >= committed, "{counts}");
        count("heads")
    }
}

/// The records of a snapshot, or the lines of its blob, as a reader of ours gives them.
fn texts(dataset: &Dataset, snapshot: &Snapshot) -> Vec<String> {
    let mut bytes = Vec::new();
    if snapshot.manifest().codec.is_none() {
        let mut blob = dataset.read_blob(snapshot, ReadOptions::default()).unwrap();
        let mut buffer = vec![0; 65_536];
        while let read @ 1.. = blob.read(&mut buffer).unwrap() {
            bytes.extend_from_slice(&buffer[..read]);
        }
    } else {
        let mut reader = dataset.read(snapshot, ReadOptions::default()).unwrap();
        while let Some(record) = reader.next().unwrap() {
            bytes.extend_from_slice(record);
            bytes.push(b'\n');
        }
    }
    let lines = str::from_utf8(&bytes).unwrap().lines();
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The rest of a child's standard error.
fn rest(child: &mut Child) -> String {
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}
