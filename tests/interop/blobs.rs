//! Raw blobs: the Go library reads those that we write, and we read those that it writes, whole and by range.

use lode_core::checksum::Checksum;
use lode_core::codec::Codec;
use lode_core::compress::Compressor;
use lode_core::context::CallOptions;
use lode_core::dataset::{
    BlobReader, BlobSource, BlobWriterOptions, Commit, Dataset, DatasetOptions, ReadOptions,
};
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::{Result, Status};

use crate::datasets::COMPRESSORS;
use crate::go::{Directory, Go};

/// A way to write a blob.
type Form = fn(&Dataset, &[u8]) -> Result<Commit>;

struct Slice<'a>(&'a [u8]);

impl BlobSource for Slice<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let (head, rest) = self.0.split_at(self.0.len().min(buffer.len()));
        buffer[..head.len()].copy_from_slice(head);
        self.0 = rest;
        Ok(head.len())
    }
}

fn open(root: &str, compressor: Compressor, checksum: Checksum) -> Dataset {
    let store = crate::go::store(root);
    let options = DatasetOptions { codec: Codec::None, compressor, checksum, ..DatasetOptions::default() };
    Dataset::open(&store, "events", options).unwrap()
}

fn memory(dataset: &Dataset, data: &[u8]) -> Result<Commit> {
    dataset.write_blob(data, Metadata::parse(r#"{"by":"lode"}"#)?, CommitOptions::default())
}

fn pull(dataset: &Dataset, data: &[u8]) -> Result<Commit> {
    dataset.stream_write(&mut Slice(data), Metadata::empty(), CommitOptions::default())
}

fn push(dataset: &Dataset, data: &[u8]) -> Result<Commit> {
    let mut writer = dataset.blob_writer(BlobWriterOptions::default())?;
    for piece in data.chunks(12_345) {
        writer.write(piece)?;
    }
    writer.commit(Metadata::empty(), CommitOptions::default())
}

fn whole(reader: &mut BlobReader) -> Result<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 50_000]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(bytes),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// An empty blob, a small one, and one of more than one buffer, none of which is text.
fn contents() -> [Vec<u8>; 3] {
    let large = (0..700_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 21) as u8).collect();
    [Vec::new(), b"\0\xff\r\n{".to_vec(), large]
}

#[test]
fn go_reads_the_blobs_that_we_write() {
    let Some(go) = Go::find() else { return };
    for (compressor, name) in COMPRESSORS {
        for checksum in [Checksum::None, Checksum::Md5, Checksum::Sha256, Checksum::Xxh3] {
            let directory = Directory::new();
            let root = directory.as_str();
            let dataset = open(root, compressor, checksum);
            let forms: [Form; 3] = [memory, pull, push];
            for (i, data) in contents().iter().enumerate() {
                let snapshot = forms[i](&dataset, data).unwrap().snapshot;
                let id = snapshot.id();
                assert_eq!(go.text(&["latest", root, "events"], b""), format!("{id}\n"));
                for arguments in [&["read-blob", root, "events"][..], &["read-blob", root, "events", id]] {
                    let answer = go.run(arguments, b"");
                    assert!(answer.ok, "{name}, {checksum:?}: {}", answer.stderr);
                    assert!(answer.stdout == *data, "{name}, {checksum:?}: Go reads other bytes");
                }
                let path = directory.file_of(&format!("datasets/events/snapshots/{id}/manifest.json"));
                let theirs = go.text(&["manifest", &path], b"");
                assert_eq!(theirs, snapshot.manifest_json(), "{name}, {checksum:?}");
            }
        }
    }
}

#[test]
fn we_read_the_blobs_that_go_writes() {
    let Some(go) = Go::find() else { return };
    for (_, name) in COMPRESSORS {
        for checksum in ["none", "md5"] {
            for form in ["memory", "stream"] {
                let directory = Directory::new();
                let root = directory.as_str();
                let dataset = open(root, Compressor::None, Checksum::Xxh3);
                for data in contents() {
                    let what = format!("{name}, {checksum}, {form}, {} bytes", data.len());
                    let id = go.text(&["write-blob", root, "events", name, checksum, form], &data);
                    let snapshot = dataset.snapshot(id.trim_end(), &CallOptions::default()).unwrap();
                    assert_eq!(snapshot.manifest().row_count, 1, "{what}");
                    let mut reader = dataset.read_blob(&snapshot, ReadOptions::default()).unwrap();
                    let mut range = [0; 100];
                    let read = reader.read_at(600_000, &mut range).unwrap();
                    assert!(
                        range[..read] == data[data.len().min(600_000)..data.len().min(600_100)],
                        "{what}"
                    );
                    assert!(whole(&mut reader).unwrap() == data, "{what}: other bytes were read");
                    let error = dataset.read(&snapshot, ReadOptions::default()).err().unwrap();
                    assert_eq!(error.status(), Status::CodecRequired, "{what}");
                }
            }
        }
    }
}
