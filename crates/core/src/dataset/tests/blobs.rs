//! Raw blobs: what is written in each way reads back, by stream and by range; and what is refused.

use super::faults::store_of;
use super::*;
use crate::context::CancelToken;
use crate::error::{Action, Status};
use crate::options::Producer;
use crate::store::Durability;
use crate::store::sim::{Errno, Fault, Op, SimDisk};
use std::time::Duration;

/// What a pipe gathers before it sends it on.
const CHUNK: usize = 256 << 10;

pub(super) fn blobs(store: &Store) -> Dataset {
    Dataset::open(store, "events", DatasetOptions { codec: Codec::None, ..options() }).expect("it opens")
}

/// Bytes that no compressor makes much smaller, the same for the same length.
pub(super) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.push(state.to_le_bytes()[3]);
    }
    bytes
}

/// A source that gives a blob in pieces of a size, and fails with `failure` at the end, if there is one.
pub(super) struct Pieces<'a> {
    data: &'a [u8],
    piece: usize,
    failure: Option<Error>,
    /// It has ended: asking again is a fault of the caller.
    ended: bool,
}

pub(super) fn pieces(data: &[u8], piece: usize) -> Pieces<'_> {
    Pieces { data, piece, failure: None, ended: false }
}

impl BlobSource for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        assert!(!self.ended, "it is not asked again after its end");
        assert!(buffer.len() >= 64 << 10, "there is always room for 64 KiB");
        let len = self.data.len().min(self.piece).min(buffer.len());
        buffer[..len].copy_from_slice(&self.data[..len]);
        self.data = &self.data[len..];
        self.ended = len == 0;
        if self.ended { self.failure.take().map_or(Ok(0), Err) } else { Ok(len) }
    }
}

fn write_blob(dataset: &Dataset, data: &[u8]) -> Result<Commit> {
    dataset.write_blob(data, Metadata::empty(), CommitOptions::default())
}

fn pull(dataset: &Dataset, data: &[u8], piece: usize) -> Result<Commit> {
    dataset.stream_write(&mut pieces(data, piece), Metadata::empty(), CommitOptions::default())
}

fn push(dataset: &Dataset, data: &[u8], piece: usize) -> Result<Commit> {
    let mut writer = dataset.blob_writer(BlobWriterOptions::default())?;
    for piece in data.chunks(piece) {
        writer.write(piece)?;
    }
    assert_eq!(writer.bytes(), data.len() as u64);
    writer.commit(Metadata::empty(), CommitOptions::default())
}

/// The whole stream, by a buffer of a size.
pub(super) fn stream(reader: &mut BlobReader, buffer: usize) -> Result<Vec<u8>> {
    let mut buffer = vec![0; buffer];
    let mut bytes = Vec::new();
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    assert_eq!(reader.read(&mut buffer)?, 0, "the end stays");
    Ok(bytes)
}

fn read_blob(dataset: &Dataset, snapshot: &Snapshot, verify: Verify) -> Result<Vec<u8>> {
    let options = ReadOptions { verify, ..ReadOptions::default() };
    stream(&mut dataset.read_blob(snapshot, options)?, 100_000)
}

const VERIFY: [Verify; 3] = [Verify::Streaming, Verify::First, Verify::SizeOnly];

#[test]
fn every_kind_of_blob_reads_back_however_it_was_written() {
    for (compressor, checksum) in formats() {
        let store = memory();
        let options = DatasetOptions { codec: Codec::None, compressor, checksum, ..options() };
        let dataset = Dataset::open(&store, "events", options).unwrap();
        // The reader goes by the manifest, not by its own options: even that of a dataset with a codec.
        let reader = open(&store);
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK / 2] {
            let data = noise(len);
            for (form, commit) in [
                ("memory", write_blob(&dataset, &data)),
                ("pulled in small pieces", pull(&dataset, &data, 997)),
                ("pulled in large pieces", pull(&dataset, &data, usize::MAX)),
                ("pushed in small pieces", push(&dataset, &data, 997)),
                ("pushed at once", push(&dataset, &data, 1 << 30)),
            ] {
                let what = format!("{compressor:?} {checksum:?}, {len} bytes, {form}");
                let commit = commit.unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(commit.outcome, Outcome::Committed, "{what}");
                let manifest = commit.snapshot.manifest();
                assert_eq!((manifest.codec.as_deref(), manifest.row_count), (None, 1), "{what}");
                assert!(!commit.snapshot.manifest_json().contains("\"codec\""), "{what}");
                let path = format!(
                    "datasets/events/snapshots/{}/data/blob{}",
                    commit.snapshot.id(),
                    compressor.extension()
                );
                let files: Vec<_> = manifest.files.iter().map(|file| &*file.path).collect();
                assert_eq!(files, [&*path], "{what}");
                assert_eq!(manifest.files[0].checksum.is_some(), checksum != Checksum::None, "{what}");
                let found = reader.snapshot(commit.snapshot.id(), &CallOptions::default()).unwrap();
                for verify in VERIFY {
                    assert!(read_blob(&reader, &found, verify).unwrap() == data, "{what}, {verify:?}");
                }
            }
        }
    }
}

#[test]
fn ranges_are_those_of_the_blob_in_any_order_beside_the_stream() {
    let len = 3 * CHUNK + 123;
    let data = noise(len);
    let ranges: [(u64, usize); 12] = [
        (0, 1),
        (0, len),
        (5, 7),
        (len as u64 - 1, 1),
        (len as u64 - 1, 100),
        (len as u64, 1),
        (len as u64 + 1, 1),
        (u64::MAX, 10),
        (CHUNK as u64 - 3, 6),
        (3, 2 * CHUNK),
        (2 * CHUNK as u64 + 3, 10),
        (0, len + 1),
    ];
    for compressor in [Compressor::None, Compressor::Gzip, Compressor::Zstd] {
        let store = memory();
        let options = DatasetOptions { codec: Codec::None, compressor, ..options() };
        let dataset = Dataset::open(&store, "events", options).unwrap();
        let snapshot = write_blob(&dataset, &data).unwrap().snapshot;
        for verify in VERIFY {
            let options = ReadOptions { verify, ..ReadOptions::default() };
            let mut reader = dataset.read_blob(&snapshot, options).unwrap();
            let mut streamed = Vec::new();
            let mut buffer = vec![0; len + 10];
            for (offset, capacity) in ranges {
                let read = reader.read_at(offset, &mut buffer[..capacity]).unwrap();
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(len);
                let expected = &data[from..from.saturating_add(capacity).min(len)];
                assert!(
                    buffer[..read] == *expected,
                    "{compressor:?} {verify:?}: {capacity} bytes at {offset}"
                );
                let read = reader.read(&mut buffer[..10_000]).unwrap();
                streamed.extend_from_slice(&buffer[..read]);
            }
            streamed.extend(stream(&mut reader, 77_777).unwrap());
            assert!(streamed == data, "{compressor:?} {verify:?}: the ranges have moved the stream");
            assert_eq!(reader.read_at(1, &mut buffer[..3]).unwrap(), 3, "a range after the stream's end");
            assert_eq!(buffer[..3], data[1..4]);
        }
    }
}

#[test]
fn no_room_is_refused_and_the_reader_goes_on() {
    let dataset = blobs(&memory());
    let snapshot = write_blob(&dataset, b"abc").unwrap().snapshot;
    let mut reader = dataset.read_blob(&snapshot, ReadOptions::default()).unwrap();
    for error in [reader.read(&mut []).unwrap_err(), reader.read_at(0, &mut []).unwrap_err()] {
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().contains("buffer of no bytes"), "{error}");
    }
    assert_eq!(stream(&mut reader, 2).unwrap(), b"abc");
}

/// A blob whose stored bytes were replaced by `damage(them)`.
fn damaged(compressor: Compressor, damage: impl Fn(&mut Vec<u8>)) -> (Dataset, Snapshot) {
    let store = memory();
    let options = DatasetOptions { codec: Codec::None, compressor, ..options() };
    let dataset = Dataset::open(&store, "events", options).unwrap();
    let snapshot = write_blob(&dataset, &noise(2 * CHUNK)).unwrap().snapshot;
    let path = &snapshot.manifest().files[0].path;
    let mut bytes = store.backend().get(Context::unlimited(), path, 1 << 20).unwrap().unwrap();
    damage(&mut bytes);
    store.backend().delete(Context::unlimited(), path).unwrap();
    store.backend().put_if_absent(Context::unlimited(), path, &bytes, Durability::Full);
    (dataset, snapshot)
}

#[test]
fn a_changed_byte_is_found_and_named_as_far_as_it_is_looked_for() {
    let (dataset, snapshot) = damaged(Compressor::None, |bytes| bytes[CHUNK] ^= 1);
    let file = &snapshot.manifest().files[0];
    let expected = format!("expected {}", file.checksum.as_deref().unwrap());
    let is_corrupt = |error: &Error| {
        assert_eq!((error.status(), error.path()), (Status::Corrupt, Some(&*file.path)));
        assert!(
            error.message().contains("has the checksum") && error.message().contains(&expected),
            "{error}"
        );
        assert!(error.message().starts_with("dataset \"events\": "), "{error}");
    };
    let mut buffer = vec![0; 2 * CHUNK + 1];
    let mut reader = dataset.read_blob(&snapshot, ReadOptions::default()).unwrap();
    assert_eq!(reader.read(&mut buffer).unwrap(), 2 * CHUNK, "the bytes come before the verdict");
    is_corrupt(&reader.read(&mut buffer).unwrap_err());
    is_corrupt(&reader.read(&mut buffer).unwrap_err());
    assert_eq!(reader.read_at(0, &mut buffer).unwrap(), 2 * CHUNK, "a range is not the stream's concern");

    let options = ReadOptions { verify: Verify::First, ..ReadOptions::default() };
    let mut reader = dataset.read_blob(&snapshot, options.clone()).unwrap();
    is_corrupt(&reader.read_at(0, &mut buffer[..1]).unwrap_err());
    is_corrupt(&reader.read_at(0, &mut buffer[..1]).unwrap_err());
    is_corrupt(&reader.read(&mut buffer[..1]).unwrap_err());

    assert_eq!(read_blob(&dataset, &snapshot, Verify::SizeOnly).unwrap().len(), 2 * CHUNK);

    // Inside compressed bytes, by what the decoder or the checksum says.
    for compressor in [Compressor::Gzip, Compressor::Zstd] {
        let (dataset, snapshot) =
            damaged(compressor, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x55));
        let path = Some(&*snapshot.manifest().files[0].path);
        for verify in VERIFY {
            let error = read_blob(&dataset, &snapshot, verify).unwrap_err();
            assert_eq!((error.status(), error.path()), (Status::Corrupt, path), "{error}");
            let options = ReadOptions { verify, ..ReadOptions::default() };
            let mut reader = dataset.read_blob(&snapshot, options).unwrap();
            for _ in 0..2 {
                let error = reader.read_at(9, &mut buffer[..9]).unwrap_err();
                assert_eq!((error.status(), error.path()), (Status::Corrupt, path), "{error}");
            }
        }
    }
}

#[test]
fn a_file_of_another_size_or_none_is_found_whatever_is_checked() {
    for compressor in [Compressor::None, Compressor::Gzip, Compressor::Zstd] {
        for verify in VERIFY {
            let options = ReadOptions { verify, ..ReadOptions::default() };
            let mut buffer = [0; 10];
            for (dataset, snapshot) in [
                damaged(compressor, |bytes| bytes.push(0)),
                damaged(compressor, |bytes| bytes.truncate(bytes.len() - 1)),
            ] {
                let mut reader = dataset.read_blob(&snapshot, options.clone()).unwrap();
                let expected = format!("expected {}", snapshot.manifest().files[0].size_bytes);
                for error in [reader.read(&mut buffer), reader.read_at(0, &mut buffer)] {
                    let error = error.unwrap_err();
                    assert_eq!(error.status(), Status::Corrupt);
                    assert!(error.message().contains(&expected), "{error}");
                }
            }
            let (dataset, snapshot) = damaged(compressor, |_| {});
            let path = &snapshot.manifest().files[0].path;
            dataset.store().backend().delete(Context::unlimited(), path).unwrap();
            let mut reader = dataset.read_blob(&snapshot, options).unwrap();
            for error in [reader.read_at(0, &mut buffer), reader.read(&mut buffer)] {
                let error = error.unwrap_err();
                assert_eq!((error.status(), error.path()), (Status::Corrupt, Some(&**path)));
                assert!(error.message().contains("is missing"), "{error}");
            }
        }
    }
}

#[test]
fn blobs_and_records_are_told_apart() {
    let store = memory();
    let (records, raw) = (open(&store), blobs(&store));
    for error in [
        write_blob(&records, b"x").err().unwrap(),
        pull(&records, b"x", 1).err().unwrap(),
        records.blob_writer(BlobWriterOptions::default()).err().unwrap(),
    ] {
        assert_eq!((error.status(), error.action()), (Status::InvalidArgument, Action::GiveUp));
        assert!(error.message().contains("writing a blob needs a dataset without a codec"), "{error}");
    }
    assert_eq!(write(&raw, &["1"]).err().unwrap().status(), Status::CodecRequired);
    assert_eq!(keys(&store), [""; 0]);

    let of_records = write(&records, &["1"]).unwrap().snapshot;
    let error = raw.read_blob(&of_records, ReadOptions::default()).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::InvalidArgument, Some(of_records.id())));
    assert!(error.message().contains("no raw blob: it holds records in the codec \"jsonl\""), "{error}");
    let of_bytes = write_blob(&raw, b"1").unwrap().snapshot;
    let error = records.read(&of_bytes, ReadOptions::default()).err().unwrap();
    assert_eq!(error.status(), Status::CodecRequired);
    assert_eq!(ids(&raw), [of_records.id(), of_bytes.id()], "one history holds both");

    let other = Dataset::open(&store, "other", DatasetOptions::default()).unwrap();
    let error = other.read_blob(&of_bytes, ReadOptions::default()).err().unwrap();
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(error.message().contains("is of the dataset \"events\""), "{error}");
}

#[test]
fn a_manifest_that_makes_no_blob_is_named() {
    let second =
        "\"files\": [\n    {\n      \"path\": \"datasets/events/x\",\n      \"size_bytes\": 1\n    },";
    let cases = [
        ("\"files\": [", second, Status::ManifestInvalid, "exactly one file, but the manifest"),
        ("\"compressor\": \"noop\"", "\"compressor\": \"lzma\"", Status::Unsupported, "compressor \"lzma\""),
        (
            "\"checksum_algorithm\": \"xxh3\"",
            "\"checksum_algorithm\": \"crc\"",
            Status::Unsupported,
            "checksum \"crc\"",
        ),
    ];
    for (from, to, status, message) in cases {
        let store = memory();
        let dataset = blobs(&store);
        let snapshot = write_blob(&dataset, b"1").unwrap().snapshot;
        let path = format!("datasets/events/snapshots/{}/manifest.json", snapshot.id());
        assert!(snapshot.manifest_json().contains(from));
        let json = snapshot.manifest_json().replace(from, to);
        store.backend().delete(Context::unlimited(), &path).unwrap();
        store.backend().put_if_absent(Context::unlimited(), &path, json.as_bytes(), Durability::Full);
        let changed = dataset.latest(&CallOptions::default()).unwrap();
        let error = dataset.read_blob(&changed, ReadOptions::default()).err().unwrap();
        assert_eq!((error.status(), error.path()), (status, Some(&*path)), "{error}");
        assert!(error.message().contains(message), "{error}");
    }
}

#[test]
fn a_blob_that_is_not_committed_leaves_nothing() {
    struct Liar;
    impl BlobSource for Liar {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            Ok(buffer.len() + 1)
        }
    }
    type Fails = Box<dyn Fn(&Dataset, CommitOptions<'_>) -> Result<Commit>>;
    let data = noise(3 * CHUNK);
    let forms: Vec<Fails> = vec![
        Box::new(|dataset, options| dataset.write_blob(&noise(3 * CHUNK), Metadata::empty(), options)),
        Box::new(|dataset, options| {
            dataset.stream_write(&mut pieces(&noise(3 * CHUNK), CHUNK), Metadata::empty(), options)
        }),
        Box::new(|dataset, options| {
            let mut writer = dataset.blob_writer(BlobWriterOptions::default())?;
            writer.write(&noise(3 * CHUNK))?;
            writer.commit(Metadata::empty(), options)
        }),
    ];
    let cancelled = CancelToken::new();
    cancelled.cancel();
    for fails in &forms {
        let mut stop = |_| false;
        let over = CallOptions { deadline: Some(Duration::ZERO), cancel: None, ..CallOptions::default() };
        let cancel =
            CallOptions { deadline: None, cancel: Some(cancelled.clone()), ..CallOptions::default() };
        for (status, options) in [
            (Status::Deadline, CommitOptions { call: over, ..CommitOptions::default() }),
            (Status::Cancelled, CommitOptions { call: cancel, ..CommitOptions::default() }),
            (Status::Aborted, CommitOptions { progress: Some(&mut stop), ..CommitOptions::default() }),
            (Status::Conflict, CommitOptions { expected_parent: Some("x"), ..CommitOptions::default() }),
        ] {
            let store = memory();
            let error = fails(&blobs(&store), options).err().unwrap();
            assert_eq!(error.status(), status, "{error}");
            assert_eq!(keys(&store), [""; 0], "{error}");
        }
    }

    let store = memory();
    let dataset = blobs(&store);
    let mut source = pieces(&data, 1_000);
    source.failure = Some(Error::new(Status::Iterator, "the source is gone"));
    let error = dataset.stream_write(&mut source, Metadata::empty(), CommitOptions::default()).err().unwrap();
    assert_eq!((error.status(), error.action()), (Status::Iterator, Action::Retry));
    assert!(error.message().contains("the source is gone"), "{error}");
    let error = dataset.stream_write(&mut Liar, Metadata::empty(), CommitOptions::default()).err().unwrap();
    assert_eq!(error.status(), Status::IteratorContract);
    assert!(error.message().contains("gave 262145 bytes, with room for 262144"), "{error}");

    let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
    writer.write(&data).unwrap();
    writer.abort().unwrap();
    writer.abort().unwrap();
    for error in [
        writer.write(b"1").unwrap_err(),
        writer.commit(Metadata::empty(), CommitOptions::default()).err().unwrap(),
    ] {
        assert_eq!(error.status(), Status::State);
        assert!(error.message().contains("it was aborted"), "{error}");
    }
    drop(writer);
    let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
    writer.write(&data).unwrap();
    drop(writer);
    assert_eq!(keys(&store), [""; 0]);
}

#[test]
fn a_writer_that_has_committed_is_done_and_one_that_failed_commits_again() {
    let store = memory();
    let dataset = blobs(&store);
    let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
    writer.write(b"first").unwrap();
    let wrong = CommitOptions { expected_parent: Some("x"), ..CommitOptions::default() };
    assert_eq!(writer.commit(Metadata::empty(), wrong).err().unwrap().status(), Status::Conflict);
    // The head was found to be another before the data were closed.
    writer.write(b", second").unwrap();
    let metadata = Metadata::parse("{\"by\":\"test\"}").unwrap();
    let snapshot = writer.commit(metadata, CommitOptions::default()).unwrap().snapshot;
    assert_eq!(snapshot.manifest().metadata.user_json(), "{\"by\":\"test\"}");
    assert_eq!(read_blob(&dataset, &snapshot, Verify::Streaming).unwrap(), b"first, second");
    for error in [
        writer.write(b"1").unwrap_err(),
        writer.commit(Metadata::empty(), CommitOptions::default()).err().unwrap(),
        writer.abort().unwrap_err(),
    ] {
        assert_eq!(error.status(), Status::State);
        assert!(error.message().contains("it has committed"), "{error}");
    }
}

#[test]
fn a_producers_blob_is_committed_once() {
    let store = memory();
    let dataset = blobs(&store);
    let producer = Producer { id: "uploader", sequence: 1, position: "file 1" };
    let options = || CommitOptions { producer: Some(producer), ..CommitOptions::default() };
    let first = dataset.write_blob(b"once", Metadata::empty(), options()).unwrap();
    assert_eq!(first.outcome, Outcome::Committed);
    let before = keys(&store);
    let mut source = pieces(b"again", 1);
    let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
    writer.write(b"again").unwrap();
    for commit in [
        dataset.write_blob(b"again", Metadata::empty(), options()).unwrap(),
        dataset.stream_write(&mut source, Metadata::empty(), options()).unwrap(),
        writer.commit(Metadata::empty(), options()).unwrap(),
    ] {
        assert_eq!(commit.outcome, Outcome::AlreadyCommitted);
        assert_eq!(commit.snapshot.id(), first.snapshot.id());
    }
    assert_eq!(source.data, b"again", "nothing was pulled");
    assert_eq!(keys(&store), before);
}

#[test]
fn each_read_has_its_deadline_and_its_token() {
    let dataset = blobs(&memory());
    let snapshot = write_blob(&dataset, &noise(CHUNK)).unwrap().snapshot;
    let token = CancelToken::new();
    let call = CallOptions { deadline: None, cancel: Some(token.clone()), ..CallOptions::default() };
    let mut reader = dataset.read_blob(&snapshot, ReadOptions { call, verify: Verify::Streaming }).unwrap();
    let mut buffer = [0; 100];
    assert_eq!(reader.read(&mut buffer).unwrap(), 100);
    assert_eq!(reader.read_at(7, &mut buffer).unwrap(), 100);
    token.cancel();
    for error in [reader.read(&mut buffer), reader.read_at(0, &mut buffer)] {
        let error = error.unwrap_err();
        assert_eq!(error.status(), Status::Cancelled);
        assert!(error.message().contains("cancelled while reading a"), "{error}");
    }
    let call = CallOptions { deadline: Some(Duration::ZERO), cancel: None, ..CallOptions::default() };
    let mut reader = dataset.read_blob(&snapshot, ReadOptions { call, verify: Verify::Streaming }).unwrap();
    for error in [reader.read(&mut buffer), reader.read_at(0, &mut buffer)] {
        assert_eq!(error.unwrap_err().status(), Status::Deadline);
    }
}

#[test]
fn any_object_is_read_as_it_is_stored() {
    let store = memory();
    let data = noise(2 * CHUNK + 5);
    store.backend().put_if_absent(Context::unlimited(), "some/where/else", &data, Durability::Full);
    let mut reader = BlobReader::open_object(&store, "some/where/else", ReadOptions::default()).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(reader.read_at(2 * CHUNK as u64, &mut buffer).unwrap(), 5);
    assert_eq!(buffer[..5], data[2 * CHUNK..]);
    assert!(stream(&mut reader, 1_000).unwrap() == data);
    for (key, status, message) in [
        ("some/where", Status::NotFound, "there is no object \"some/where\""),
        ("../x", Status::InvalidPath, ".."),
    ] {
        let error = BlobReader::open_object(&store, key, ReadOptions::default()).err().unwrap();
        assert_eq!((error.status(), error.path()), (status, Some(key)), "{error}");
        assert!(error.message().contains(message), "{error}");
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_loses_no_byte() {
    // zstd takes 4 MiB at a time, the others a chunk.
    for (compressor, chunks) in [(Compressor::None, 5), (Compressor::Gzip, 5), (Compressor::Zstd, 35)] {
        let large = noise(chunks * CHUNK + 77);
        for (op, number, fault) in [
            (Op::Write, 0, Fault::Fail(Errno::NOSPC)),
            (Op::Write, 2, Fault::Fail(Errno::NOSPC)),
            (Op::Write, 3, Fault::Fail(Errno::DQUOT)),
            (Op::Link, 0, Fault::Fail(Errno::NOSPC)),
            (Op::Link, 1, Fault::Fail(Errno::NOSPC)),
        ] {
            let disk = SimDisk::new();
            let process = disk.process();
            let options = DatasetOptions { codec: Codec::None, compressor, ..options() };
            let dataset = Dataset::open(&store_of(&process), "events", options).unwrap();
            let what = format!("{compressor:?} {op:?} {number}");
            process.fault_on(op, number, fault);
            let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
            let (mut full, mut expected) = (0, Vec::new());
            for data in [&large[..], &large[..1_000], &large[..], &large[..CHUNK]] {
                while let Err(error) = writer.write(data) {
                    assert_eq!(error.status(), Status::NoSpace, "{what}: {error}");
                    full += 1;
                    assert_eq!(writer.bytes(), expected.len() as u64, "{what}");
                }
                expected.extend_from_slice(data);
            }
            let commit = loop {
                match writer.commit(Metadata::empty(), CommitOptions::default()) {
                    Ok(commit) => break commit,
                    Err(error) => assert_eq!(error.status(), Status::NoSpace, "{what}: {error}"),
                }
                full += 1;
                if op == Op::Link {
                    let error = writer.write(b"1").unwrap_err();
                    assert_eq!(error.status(), Status::State, "{what}: {error}");
                    assert!(
                        error.message().contains("its data are closed since the commit was tried"),
                        "{error}"
                    );
                }
            };
            assert_eq!(full, 1, "{what}");
            let read = read_blob(&dataset, &commit.snapshot, Verify::Streaming).unwrap();
            assert!(read == expected, "{what}: other bytes");
            assert_eq!(disk.temporaries(), [""; 0], "{what}");
        }
    }
}

#[test]
fn a_write_that_was_taken_in_part_is_finished_first_and_a_small_one_is_never() {
    let disk = SimDisk::new();
    let process = disk.process();
    let dataset = blobs(&store_of(&process));
    let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
    // The pipe has room for the rest of a chunk only, which the small write does not fit into.
    writer.write(&noise(CHUNK - 5)).unwrap();
    process.fault_on(Op::Write, 0, Fault::Fail(Errno::NOSPC));
    assert_eq!(writer.write(&noise(10)).unwrap_err().status(), Status::NoSpace);
    writer.write(b"another").unwrap();

    let large = noise(4 * CHUNK);
    process.fault_on(Op::Write, 2, Fault::Fail(Errno::NOSPC));
    assert_eq!(writer.write(&large).unwrap_err().status(), Status::NoSpace);
    for error in [
        writer.write(b"1").unwrap_err(),
        writer.write(b"").unwrap_err(),
        writer.commit(Metadata::empty(), CommitOptions::default()).err().unwrap(),
    ] {
        assert_eq!(error.status(), Status::State);
        let parts = [&format!("of the last write, of {} bytes", 4 * CHUNK), "give the same", "events"];
        assert!(parts.iter().all(|part| error.message().contains(part)), "{error}");
    }
    writer.write(&large).unwrap();
    let commit = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
    let expected = [&noise(CHUNK - 5)[..], b"another", &large].concat();
    assert!(read_blob(&dataset, &commit.snapshot, Verify::Streaming).unwrap() == expected);

    // Or it is given up.
    let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
    process.fault_on(Op::Write, 1, Fault::Fail(Errno::NOSPC));
    assert_eq!(writer.write(&large).unwrap_err().status(), Status::NoSpace);
    writer.abort().unwrap();
    assert!(writer.write(&large).unwrap_err().message().contains("it was aborted"));
    assert_eq!(disk.temporaries(), [""; 0]);
}

#[test]
fn what_a_failed_write_leaves_cannot_be_committed() {
    let disk = SimDisk::new();
    let process = disk.process();
    let dataset = blobs(&store_of(&process));
    let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
    process.fault_on(Op::Write, 0, Fault::Fail(Errno::IO));
    assert_eq!(writer.write(&noise(2 * CHUNK)).unwrap_err().status(), Status::Io);
    assert_eq!(writer.write(b"1").unwrap_err().status(), Status::Io, "the failure stays");
    let error = writer.commit(Metadata::empty(), CommitOptions::default()).err().unwrap();
    assert_eq!(error.status(), Status::Io);
    drop(writer);
    assert_eq!(disk.temporaries(), [""; 0]);
}

#[test]
fn progress_counts_bytes_and_one_blob() {
    let dataset = blobs(&memory());
    let data = noise(3 * CHUNK);
    let mut seen = Vec::new();
    let mut progress = |so_far| {
        seen.push(so_far);
        true
    };
    let options = CommitOptions { progress: Some(&mut progress), ..CommitOptions::default() };
    dataset.stream_write(&mut pieces(&data, 10_000), Metadata::empty(), options).unwrap();
    assert!(seen.len() >= 3, "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0].bytes_in <= pair[1].bytes_in));
    let last = seen.last().unwrap();
    assert_eq!((last.records, last.bytes_in, last.bytes_stored), (1, 3 * CHUNK as u64, 3 * CHUNK as u64));
}
