//! Whole datasets: the Go library reads what we write, we read what it writes, and no record that we accept
//! is one that it cannot read.

use lode_core::checksum::Checksum;
use lode_core::codec::Codec;
use lode_core::compress::Compressor;
use lode_core::context::CallOptions;
use lode_core::dataset::{
    Commit, Dataset, DatasetOptions, Outcome, ReadOptions, Record, RecordSource, WriterOptions,
};
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::{Result, Status};

use crate::go::{Directory, Go};

pub const COMPRESSORS: [(Compressor, &str); 3] =
    [(Compressor::None, "noop"), (Compressor::Gzip, "gzip"), (Compressor::Zstd, "zstd")];

/// Records in memory, as the pull form wants them.
struct Records<'a>(std::slice::Iter<'a, Vec<u8>>);

impl RecordSource for Records<'_> {
    fn next(&mut self) -> Result<Option<Record<'_>>> {
        Ok(self.0.next().map(|data| Record { data, unix_nanos: None }))
    }
}

pub fn open(root: &str, compressor: Compressor, checksum: Checksum) -> Dataset {
    let store = crate::go::store(root);
    let options = DatasetOptions { codec: Codec::Jsonl, compressor, checksum, ..DatasetOptions::default() };
    Dataset::open(&store, "events", options).unwrap()
}

/// Writes by the pull form.
fn pull(dataset: &Dataset, records: &[Vec<u8>]) -> Result<Commit> {
    let metadata = Metadata::parse(r#"{"by":"lode","n":[1,{}]}"#).unwrap();
    dataset.stream_write_records(&mut Records(records.iter()), metadata, CommitOptions::default())
}

/// Writes by the push form.
pub fn push(dataset: &Dataset, records: &[Vec<u8>]) -> Result<Commit> {
    let mut writer = dataset.record_writer(WriterOptions::default())?;
    for record in records {
        writer.append(record, None)?;
    }
    writer.commit(Metadata::empty(), CommitOptions::default())
}

pub fn read(dataset: &Dataset, id: &str) -> Vec<Vec<u8>> {
    let snapshot = dataset.snapshot(id, &CallOptions::default()).unwrap();
    let mut reader = dataset.read(&snapshot, ReadOptions::default()).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record.to_vec());
    }
    records
}

/// `count` records in the form that Go writes after reading them: sorted keys, numbers as a float64 prints.
pub fn records(first: usize, count: usize) -> Vec<Vec<u8>> {
    (first..first + count)
        .map(|n| {
            format!(r#"{{"id":{n},"list":[2.5,null,true,{{}},[]],"text":"é <&> \" \\ 😀 {n}"}}"#).into_bytes()
        })
        .collect()
}

pub fn lines(records: &[Vec<u8>]) -> String {
    records.iter().map(|record| format!("{}\n", str::from_utf8(record).unwrap())).collect()
}

#[test]
fn go_reads_what_we_write() {
    let Some(go) = Go::find() else { return };
    for (compressor, name) in COMPRESSORS {
        for checksum in [Checksum::None, Checksum::Md5, Checksum::Sha256, Checksum::Xxh3] {
            let directory = Directory::new();
            let root = directory.as_str();
            let dataset = open(root, compressor, checksum);
            let written = [records(0, 3), records(3, 5_000), Vec::new()];
            let mut history = String::new();
            let mut parent = String::new();
            for (i, records) in written.iter().enumerate() {
                let form = if i == 0 { pull } else { push };
                let commit = form(&dataset, records).unwrap();
                assert_eq!(commit.outcome, Outcome::Committed);
                let manifest = commit.snapshot.manifest();
                let id = manifest.snapshot_id.clone();
                history += &format!("{id} {} {parent}\n", records.len());
                assert_eq!(go.text(&["latest", root, "events"], b""), format!("{id}\n"));
                assert_eq!(go.text(&["read", root, "events"], b""), lines(records), "{name}, {checksum:?}");
                assert_eq!(go.text(&["snapshots", root, "events"], b""), history);
                let path = directory.file_of(&format!("datasets/events/snapshots/{id}/manifest.json"));
                let theirs = go.text(&["manifest", &path], b"");
                assert_eq!(theirs, commit.snapshot.manifest_json(), "{name}, {checksum:?}");
                parent = id;
            }
            let first = history.split(' ').next().unwrap();
            assert_eq!(go.text(&["read", root, "events", first], b""), lines(&written[0]));
        }
    }
}

/// A file of zstd's fast levels is a frame for every 4 MiB.
#[test]
fn go_reads_files_of_several_frames() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let root = directory.as_str();
    let dataset = open(root, Compressor::Zstd, Checksum::Md5);
    let records = records(0, 150_000);
    for form in [pull, push] {
        let snapshot = form(&dataset, &records).unwrap().snapshot;
        let stored = directory.read(&snapshot.manifest().files[0].path);
        let size = zstd::zstd_safe::get_frame_content_size(&stored).unwrap().unwrap();
        assert!(size < lines(&records).len() as u64 / 2, "{size}: it is one frame");
        assert!(go.text(&["read", root, "events"], b"") == lines(&records), "Go reads other records");
        assert!(read(&dataset, snapshot.id()) == records, "we read other records");
    }
}

#[test]
fn we_read_what_go_writes() {
    let Some(go) = Go::find() else { return };
    for (compressor, name) in COMPRESSORS {
        for checksum in ["none", "md5"] {
            let directory = Directory::new();
            let root = directory.as_str();
            let written = [records(0, 3), records(3, 5_000), Vec::new()];
            let ids = written.each_ref().map(|records| {
                let id = go.text(&["write", root, "events", name, checksum], lines(records).as_bytes());
                id.trim_end().to_owned()
            });
            // The snapshot's own compressor counts, not that of the dataset's options.
            let other = if compressor == Compressor::Gzip { Compressor::Zstd } else { Compressor::Gzip };
            let dataset = open(root, other, Checksum::Xxh3);
            let latest = dataset.latest(&CallOptions::default()).unwrap();
            assert_eq!(latest.manifest().snapshot_id, ids[2]);
            for (id, records) in ids.iter().zip(&written) {
                assert!(read(&dataset, id) == *records, "{name}, {checksum}, {id}: other records were read");
            }
            let mut snapshots = dataset.snapshots(&CallOptions::default()).unwrap();
            for (i, id) in ids.iter().enumerate() {
                let snapshot = snapshots.next().unwrap().unwrap();
                assert_eq!(snapshot.manifest().snapshot_id, *id);
                assert_eq!(snapshot.manifest().row_count, written[i].len() as u64);
            }
            assert!(snapshots.next().unwrap().is_none());
        }
    }
}

/// How one record fares.
enum Verdict {
    /// Stored as this line, which the Go library reads.
    Stored(Vec<u8>),
    /// Refused; nothing is committed.
    Refused(Status),
}

/// Records at the edge of what the Go library reads.
fn edges() -> Vec<(&'static str, Vec<u8>, Verdict)> {
    use Status::{InvalidRecord, RecordTooLarge};
    use Verdict::{Refused, Stored};

    const LINE: usize = 10 * 1024 * 1024;
    let text_of = |length: usize| format!("\"{}\"", "x".repeat(length - 2)).into_bytes();
    let arrays = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels)).into_bytes();
    let same = |what, record: Vec<u8>| (what, record.clone(), Stored(record));
    let refused = |what, record: &[u8], status| (what, record.to_vec(), Refused(status));
    vec![
        same("10 MiB less one byte", text_of(LINE - 1)),
        // The Go library's buffer of 10 MiB holds the line break, too.
        refused("exactly 10 MiB", &text_of(LINE), RecordTooLarge),
        refused("10 MiB and one byte", &text_of(LINE + 1), RecordTooLarge),
        same("the greatest number", b"1.7976931348623158e308".to_vec()),
        refused("a number that rounds to infinity", b"1.7976931348623159e308", InvalidRecord),
        refused("1e999", b"1e999", InvalidRecord),
        refused("1e999 within", b"{\"a\":[-1e999]}", InvalidRecord),
        same("numbers that round to zero", b"[1e-999,0e99999999999999999999,-0]".to_vec()),
        same("more digits than a float64 has", b"12345678901234567890123.00000000000000000001".to_vec()),
        // Read as U+FFFD, in Go as in most languages.
        same("half a surrogate pair", b"{\"\\ud800\":[\"\\udc00\",\"\\ud83dx\"]}".to_vec()),
        same("an escaped NUL", b"{\"\\u0000\":\"\\u0000\"}".to_vec()),
        refused("a NUL in a string", b"\"\0\"", InvalidRecord),
        refused("a NUL after the document", b"1\0", InvalidRecord),
        refused("a tab in a string", b"\"\t\"", InvalidRecord),
        // The Go library hands the bytes on as they are; no other reader of JSON needs to.
        refused("invalid UTF-8", b"\"\xff\"", InvalidRecord),
        refused("UTF-8 cut short", b"\"\xe2\x82\"", InvalidRecord),
        refused("UTF-8 of a surrogate", b"\"\xed\xa0\x80\"", InvalidRecord),
        refused("a byte order mark", b"\xef\xbb\xbf{}", InvalidRecord),
        same("10,000 levels of arrays", arrays(10_000)),
        refused("10,001 levels of arrays", &arrays(10_001), InvalidRecord),
        same("10,000 levels of objects", objects(10_000)),
        refused("10,001 levels of objects", &objects(10_001), InvalidRecord),
        refused("nothing", b"", InvalidRecord),
        refused("white space", b" \t ", InvalidRecord),
        refused("a line break", b"\n", InvalidRecord),
        refused("a CR LF", b"\r\n", InvalidRecord),
        refused("two documents", b"{} {}", InvalidRecord),
        refused("two documents on two lines", b"{}\n{}", InvalidRecord),
        (
            "line breaks between tokens",
            b"{\"a\":\n[1,\r\n2]\n}\n".to_vec(),
            Stored(b"{\"a\":[1,2]}".to_vec()),
        ),
        ("a CR LF after the document", b"{\"a\":1}\r\n".to_vec(), Stored(b"{\"a\":1}".to_vec())),
        same("white space around and between", b" \t{ \"a\" : [ 1 , 2 ] } ".to_vec()),
        same("a key twice", b"{\"a\":1,\"a\":2}".to_vec()),
        same("null", b"null".to_vec()),
    ]
}

#[test]
fn go_reads_every_record_that_we_accept() {
    let Some(go) = Go::find() else { return };
    for (what, record, verdict) in edges() {
        for (name, form) in [("pull", pull as fn(&_, &_) -> _), ("push", push)] {
            let directory = Directory::new();
            let root = directory.as_str();
            let dataset = open(root, Compressor::None, Checksum::Xxh3);
            let commit = form(&dataset, &[b"1".to_vec(), record.clone(), b"2".to_vec()]);
            match &verdict {
                Verdict::Stored(line) => {
                    let snapshot = commit.unwrap_or_else(|error| panic!("{what}, {name}: {error}")).snapshot;
                    let manifest = snapshot.manifest();
                    let stored = directory.read(&manifest.files[0].path);
                    let expected = [b"1\n", &line[..], b"\n2\n"].concat();
                    assert!(stored == expected, "{what}, {name}: other bytes were stored");
                    let answer = go.run(&["read", root, "events"], b"");
                    assert!(answer.ok, "{what}, {name}: {}", answer.stderr);
                    assert_eq!(answer.stderr, "3", "{what}, {name}");
                    assert_eq!(read(&dataset, &manifest.snapshot_id)[1], *line, "{what}, {name}");
                }
                Verdict::Refused(status) => {
                    let error = commit.err().unwrap_or_else(|| panic!("{what}, {name}: it was accepted"));
                    assert_eq!(error.status(), *status, "{what}, {name}: {error}");
                    assert_eq!(error.record(), Some(1), "{what}, {name}: {error}");
                    let latest = dataset.latest(&CallOptions::default()).err().unwrap();
                    assert_eq!(latest.status(), Status::NoSnapshots, "{what}, {name}: {latest}");
                }
            }
        }
    }
}
