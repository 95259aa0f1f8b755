//! What a volume promises: blocks in any order, each range once, read back verified, holes reported.

mod faults;
mod manifests;

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::dataset::{BlobSource, Outcome, ReadOptions, Verify};
use crate::manifest::Metadata;
use crate::options::{CommitOptions, Producer};
use crate::store::{Put, StoreOptions};
use crate::upkeep::{CollectOptions, FindingKind, Level};

const LENGTH: u64 = 1000;

fn memory() -> Store {
    Store::open_memory(StoreOptions::default())
}

fn options() -> VolumeOptions {
    let retry = Retry { attempts: 3, base: Duration::ZERO, cap: Duration::ZERO };
    VolumeOptions { total_length: Some(LENGTH), retry, ..VolumeOptions::default() }
}

fn open(store: &Store) -> Volume {
    Volume::open(store, "disk", options()).expect("it opens")
}

fn call() -> CallOptions {
    CallOptions::default()
}

/// Bytes that say where they are.
fn bytes(offset: u64, length: u64) -> Vec<u8> {
    (offset..offset + length).map(|at| (at % 251) as u8).collect()
}

fn stage(volume: &Volume, offset: u64, length: u64) -> VolumeBlock {
    volume.stage_write_at(offset, &bytes(offset, length), &call()).expect("it is staged")
}

fn commit(volume: &Volume, blocks: &[&VolumeBlock]) -> Result<crate::dataset::Commit> {
    volume.commit(blocks, Metadata::empty(), CommitOptions::default())
}

fn write(volume: &Volume, offset: u64, length: u64) -> Snapshot {
    commit(volume, &[&stage(volume, offset, length)]).expect("it is committed").snapshot
}

fn read(volume: &Volume, snapshot: &Snapshot, offset: u64, length: u64, verify: Verify) -> Result<Vec<u8>> {
    let mut room = vec![0xAA; usize::try_from(length).unwrap()];
    volume.read_at(snapshot, offset, &mut room, &ReadOptions { call: call(), verify })?;
    Ok(room)
}

fn ranges(snapshot: &Snapshot) -> Vec<(u64, u64)> {
    let space = snapshot.manifest().address_space.as_ref().expect("it is a volume's");
    space.blocks.as_slice().iter().map(|block| (block.offset, block.length)).collect()
}

fn replace(store: &Store, key: &str, bytes: &[u8]) {
    store.backend().delete(Context::unlimited(), key).unwrap();
    let put = store.backend().put_if_absent(Context::unlimited(), key, bytes, Durability::Process);
    assert!(matches!(put, Put::Done), "{put:?}");
}

/// A source of bytes, a few at a time.
struct Source(Vec<u8>, usize);

impl BlobSource for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.1.min(buffer.len()).min(self.0.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        Ok(count)
    }
}

#[test]
fn ranges_are_filled_in_any_order_and_read_back() {
    for checksum in [Checksum::None, Checksum::Xxh3, Checksum::Md5, Checksum::Sha256] {
        let store = memory();
        let volume = Volume::open(&store, "disk", VolumeOptions { checksum, ..options() }).unwrap();
        assert_eq!(volume.latest(&call()).err().unwrap().status(), Status::NoSnapshots);
        let (late, early) = (stage(&volume, 500, 100), stage(&volume, 0, 100));
        assert_eq!(
            volume.latest(&call()).err().unwrap().status(),
            Status::NoSnapshots,
            "staged is not visible"
        );
        let first = commit(&volume, &[&late, &early]).unwrap().snapshot;
        assert_eq!(ranges(&first), [(0, 100), (500, 100)]);
        let second = write(&volume, 100, 400);
        assert_eq!(ranges(&second), [(0, 100), (100, 400), (500, 100)]);
        for verify in [Verify::Streaming, Verify::First, Verify::SizeOnly] {
            for (offset, length) in [(0, 1), (0, 100), (50, 100), (99, 402), (0, 600), (599, 1)] {
                let found = read(&volume, &second, offset, length, verify).unwrap();
                assert_eq!(found, bytes(offset, length), "{checksum:?} {verify:?} {offset} {length}");
            }
        }
        // The older snapshot is as it was.
        assert_eq!(
            read(&volume, &first, 100, 1, Verify::Streaming).unwrap_err().status(),
            Status::RangeMissing
        );
        volume.verify_snapshot(&second, &ReadOptions::default()).unwrap();
        let all = |mut snapshots: Snapshots| {
            let mut ids = Vec::new();
            while let Some(snapshot) = snapshots.next().unwrap() {
                ids.push(snapshot.id().to_owned());
            }
            ids
        };
        let expected = [first.id().to_owned(), second.id().to_owned()];
        assert_eq!(all(volume.snapshots(&call()).unwrap()), expected);
        assert_eq!(all(volume.changes_since(Some(first.id()), &call()).unwrap()), expected[1..]);
        assert_eq!(volume.latest(&call()).unwrap().id(), second.id());
        assert_eq!(volume.snapshot(first.id(), &call()).unwrap().manifest_json(), first.manifest_json());
    }
}

#[test]
fn holes_are_reported_and_never_zeros() {
    let volume = open(&memory());
    commit(&volume, &[&stage(&volume, 10, 10), &stage(&volume, 20, 10), &stage(&volume, 50, 10)]).unwrap();
    let snapshot = volume.latest(&call()).unwrap();
    for (offset, length, gap) in
        [(0, 1, 0), (5, 10, 5), (15, 20, 30), (29, 2, 30), (59, 2, 60), (999, 1, 999)]
    {
        let error = read(&volume, &snapshot, offset, length, Verify::Streaming).unwrap_err();
        assert_eq!((error.status(), error.offset()), (Status::RangeMissing, Some(gap)), "{offset} {length}");
        assert_eq!(error.snapshot_id(), Some(snapshot.id()));
    }
    let gaps = |from| snapshot.next_gap(from);
    assert_eq!(
        [gaps(0), gaps(10), gaps(29), gaps(35)],
        [Some((0, 10)), Some((30, 20)), Some((30, 20)), Some((35, 15))]
    );
    assert_eq!(
        [gaps(50), gaps(700), gaps(1000), gaps(u64::MAX)],
        [Some((60, 940)), Some((700, 300)), None, None]
    );
}

#[test]
fn arguments_that_cannot_be_are_refused_before_a_byte_is_written() {
    let store = memory();
    let volume = open(&store);
    let invalid = |error: Error, words: &str| {
        assert_eq!(error.status(), Status::InvalidArgument, "{error}");
        assert!(error.message().contains("volume \"disk\"") && error.message().contains(words), "{error}");
    };
    for (offset, length, words) in [
        (0, 0, "has no bytes"),
        (1000, 1, "leaves the address space, which has 1000 bytes"),
        (999, 2, "leaves the address space"),
        (u64::MAX, 1, "leaves the address space"),
    ] {
        let data = vec![0; length];
        invalid(volume.stage_write_at(offset, &data, &call()).err().unwrap(), words);
        let mut source = Source(data, 10);
        let staged = volume.stage_stream_at(offset, length as u64, &mut source, &call());
        invalid(staged.err().unwrap(), words);
    }
    let staged = volume.stage_stream_at(0, 5 * (1 << 40) + 1, &mut Source(Vec::new(), 1), &call());
    invalid(staged.err().unwrap(), "5 TiB");
    invalid(commit(&volume, &[]).err().unwrap(), "at least one block");
    let short = volume.stage_stream_at(0, 10, &mut Source(bytes(0, 9), 4), &call());
    invalid(short.err().unwrap(), "ended after 9 bytes, expected 10");
    let long = volume.stage_stream_at(0, 10, &mut Source(bytes(0, 11), 4), &call());
    invalid(long.err().unwrap(), "more than the 10 bytes");
    let mut keys = 0;
    let count = &mut |_: &str| {
        keys += 1;
        true
    };
    store.backend().list(Context::unlimited(), "", None, count).unwrap();
    assert_eq!(keys, 0, "nothing is staged");
    let snapshot = write(&volume, 0, 10);
    for (offset, length, words) in [(0, 0, "has no bytes"), (990, 11, "leaves"), (u64::MAX, 2, "leaves")] {
        invalid(read(&volume, &snapshot, offset, length, Verify::Streaming).unwrap_err(), words);
    }
    for (wrong, words) in [
        (VolumeOptions { total_length: Some(0), ..options() }, "0 bytes"),
        (VolumeOptions { total_length: Some(1 << 63), ..options() }, "below 2^63"),
        (VolumeOptions { max_blocks: 0, ..options() }, "max_blocks"),
    ] {
        let error = Volume::open(&store, "disk", wrong).err().unwrap();
        assert!(error.status() == Status::InvalidArgument && error.message().contains(words), "{error}");
    }
    assert_eq!(Volume::open(&store, "a/b", options()).err().unwrap().status(), Status::InvalidArgument);
}

#[test]
fn the_length_is_that_of_the_first_commit() {
    let store = memory();
    let unsaid = Volume::open(&store, "disk", VolumeOptions { total_length: None, ..options() }).unwrap();
    let block = stage(&unsaid, 0, 10);
    let error = commit(&unsaid, &[&block]).err().unwrap();
    assert!(error.status() == Status::InvalidArgument && error.message().contains("total_length"), "{error}");
    write(&open(&store), 10, 10);
    commit(&unsaid, &[&block]).unwrap();
    assert_eq!(ranges(&unsaid.latest(&call()).unwrap()), [(0, 10), (10, 10)]);
    let other =
        Volume::open(&store, "disk", VolumeOptions { total_length: Some(2000), ..options() }).unwrap();
    let error = other.stage_write_at(20, b"x", &call()).err().unwrap();
    assert_eq!(error.status(), Status::VolumeLengthMismatch);
    assert!(error.message().contains("1000 bytes long, and was opened with total_length 2000"), "{error}");
}

#[test]
fn ranges_that_overlap_conflict_and_others_merge() {
    let store = memory();
    let (one, two) = (open(&store), open(&store));
    let (a, b) = (stage(&one, 0, 100), stage(&two, 100, 100));
    let first = commit(&one, &[&a]).unwrap().snapshot;
    let second = commit(&two, &[&b]).unwrap().snapshot;
    assert_eq!(ranges(&second), [(0, 100), (100, 100)]);
    assert_eq!(second.manifest().parent_snapshot_id.as_deref(), Some(first.id()));
    for (offset, length) in [(50, 10), (0, 50), (199, 2), (50, 100), (0, 1000)] {
        let error = commit(&one, &[&stage(&one, offset, length)]).err().unwrap();
        assert_eq!(error.status(), Status::OverlappingBlocks, "{error}");
        assert!(error.message().contains(second.id()) && error.message().contains("overlaps ["), "{error}");
    }
    let error = commit(&one, &[&stage(&one, 300, 10), &stage(&one, 305, 10)]).err().unwrap();
    assert_eq!((error.status(), error.offset()), (Status::OverlappingBlocks, Some(305)));
    assert_eq!(volume_ids(&one).len(), 2, "nothing of it was committed");
}

fn volume_ids(volume: &Volume) -> HashSet<String> {
    let mut snapshots = volume.snapshots(&call()).unwrap();
    let mut ids = HashSet::new();
    while let Some(snapshot) = snapshots.next().unwrap() {
        ids.insert(snapshot.id().to_owned());
    }
    ids
}

#[test]
fn a_commit_that_is_repeated_is_already_committed() {
    let store = memory();
    let volume = open(&store);
    let (a, b) = (stage(&volume, 0, 10), stage(&volume, 10, 10));
    let first = commit(&volume, &[&a, &a]).unwrap();
    assert_eq!((first.outcome, ranges(&first.snapshot)), (Outcome::Committed, vec![(0, 10)]));
    let again = commit(&open(&store), &[&a]).unwrap();
    assert_eq!((again.outcome, again.snapshot.id()), (Outcome::AlreadyCommitted, first.snapshot.id()));
    // The same bytes of the same range, staged again, under another path.
    let mut copy = a.inner.block.clone();
    copy.tail = std::num::NonZeroU64::new(7);
    let copy = VolumeBlock::new("disk", copy, a.inner.origin, None);
    assert_eq!(commit(&volume, &[&copy]).unwrap().outcome, Outcome::AlreadyCommitted);
    // One that is new beside one that is not.
    let both = commit(&volume, &[&copy, &b]).unwrap();
    assert_eq!((both.outcome, ranges(&both.snapshot)), (Outcome::Committed, vec![(0, 10), (10, 10)]));
    assert_eq!(volume_ids(&volume).len(), 2);
    let producer = Some(Producer { id: "feeder", sequence: 1, position: "20" });
    let keyed = || CommitOptions { producer, ..CommitOptions::default() };
    let c = stage(&volume, 20, 10);
    let third = volume.commit(&[&c], Metadata::empty(), keyed()).unwrap().snapshot;
    let again = volume.commit(&[&stage(&volume, 30, 10)], Metadata::empty(), keyed()).unwrap();
    assert_eq!((again.outcome, again.snapshot.id()), (Outcome::AlreadyCommitted, third.id()));
    let told = volume.producer_position("feeder", &call()).unwrap().unwrap();
    assert_eq!(told.producer("feeder").unwrap().unwrap().position, "20");
    let expects = CommitOptions { expected_parent: Some(first.snapshot.id()), ..CommitOptions::default() };
    let error = volume.commit(&[&stage(&volume, 40, 10)], Metadata::empty(), expects).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::Conflict, Some(third.id())));
}

#[test]
fn the_same_bytes_are_taken_over_and_other_bytes_get_a_name_of_their_own() {
    let store = memory();
    let volume = open(&store);
    let plain = "volumes/disk/data/0-10.bin";
    assert_eq!(stage(&volume, 0, 10).path(), plain);
    assert_eq!(stage(&open(&store), 0, 10).path(), plain);
    let other = volume.stage_write_at(0, &[9; 10], &call()).unwrap();
    assert!(other.path().starts_with("volumes/disk/data/0-10-") && other.path().ends_with(".bin"));
    let streamed = volume.stage_stream_at(0, 10, &mut Source(bytes(0, 10), 3), &call()).unwrap();
    assert_ne!(streamed.path(), plain, "a stream cannot be compared before it is read");
    let fresh = volume.stage_stream_at(10, 10, &mut Source(bytes(10, 10), 3), &call()).unwrap();
    assert_eq!(fresh.path(), "volumes/disk/data/10-10.bin");
    let snapshot = commit(&volume, &[&other, &fresh]).unwrap().snapshot;
    assert_eq!(read(&volume, &snapshot, 0, 11, Verify::Streaming).unwrap(), [&[9; 10][..], &[10]].concat());
    assert_eq!(commit(&volume, &[&stage(&volume, 0, 10)]).err().unwrap().status(), Status::OverlappingBlocks);
}

#[test]
fn blocks_travel_as_json_and_are_checked_before_they_are_committed() {
    let store = memory();
    let volume = open(&store);
    let json = stage(&volume, 20, 5).json();
    assert_eq!(
        json,
        "{\"offset\":20,\"length\":5,\"path\":\"volumes/disk/data/20-5.bin\",\"checksum\":\"f2ee4a3ad3a6d0b4\"}"
            .replace("f2ee4a3ad3a6d0b4", &stage(&volume, 20, 5).inner.block.sum.text().unwrap())
    );
    let there = open(&store);
    let snapshot = commit(&there, &[&there.block_from_json(&json).unwrap()]).unwrap().snapshot;
    assert_eq!(read(&volume, &snapshot, 20, 5, Verify::First).unwrap(), bytes(20, 5));
    for (from, to, status, words) in [
        ("{", "", Status::InvalidArgument, "no block's JSON"),
        ("\"offset\":20,", "", Status::InvalidArgument, "no block's JSON"),
        ("\"offset\":20", "\"offset\":-1", Status::InvalidArgument, "no block's JSON"),
        ("\"offset\":20", "\"offset\":21", Status::InvalidPath, "is not that of its range"),
        (
            "\"length\":5",
            "\"length\":18446744073709551615",
            Status::InvalidArgument,
            "leaves the address space",
        ),
        ("\"length\":5", "\"length\":0", Status::InvalidArgument, "has no bytes"),
        ("volumes/disk", "volumes/other", Status::InvalidPath, "in this volume"),
        ("20-5.bin", "../20-5.bin", Status::InvalidPath, "is not that of its range"),
    ] {
        let error = there.block_from_json(&json.replacen(from, to, 1)).err().expect(words);
        assert!(error.status() == status && error.message().contains(words), "{error}");
    }
    let staged = stage(&volume, 40, 5).json();
    let forged = |from: &str, to: &str| there.block_from_json(&staged.replacen(from, to, 1)).unwrap();
    let sum = staged.split('"').nth(staged.split('"').count() - 2).unwrap().to_owned();
    let error = commit(&there, &[&forged(&sum, "0000000000000000")]).err().unwrap();
    assert!(error.status() == Status::Corrupt && error.message().contains("has the checksum"), "{error}");
    let missing = staged.replace("40", "60");
    let error = commit(&there, &[&there.block_from_json(&missing).unwrap()]).err().unwrap();
    assert!(error.status() == Status::NotFound && error.message().contains("is not there"), "{error}");
    replace(&store, "volumes/disk/data/40-5.bin", b"four");
    let error = commit(&there, &[&forged("x", "x")]).err().unwrap();
    assert!(
        error.status() == Status::Corrupt && error.message().contains("has 4 bytes, expected 5"),
        "{error}"
    );
    let elsewhere = Volume::open(&store, "other", options()).unwrap();
    let error = commit(&elsewhere, &[&stage(&volume, 70, 5)]).err().unwrap();
    assert!(
        error.status() == Status::InvalidArgument && error.message().contains("belongs to the volume"),
        "{error}"
    );
}

#[test]
fn damage_is_found_as_far_as_it_is_asked_for() {
    let store = memory();
    let volume = open(&store);
    let large = 2 << 20;
    let options = VolumeOptions { total_length: Some(4 << 20), ..options() };
    let big = Volume::open(&store, "big", options).unwrap();
    write(&volume, 0, 100);
    let snapshot = volume.latest(&call()).unwrap();
    let whole = write(&big, 0, large);
    for (volume, snapshot, key, length) in [
        (&volume, &snapshot, "volumes/disk/data/0-100.bin", 100),
        (&big, &whole, "volumes/big/data/0-2097152.bin", large),
    ] {
        let mut damaged = bytes(0, length);
        damaged[50] ^= 1;
        replace(&store, key, &damaged);
        let read = |verify, length| read(volume, snapshot, 0, length, verify).map(|_| ());
        let corrupt = |result: Result<()>| {
            let error = result.unwrap_err();
            assert_eq!((error.status(), error.path()), (Status::Corrupt, Some(key)), "{error}");
            let words = error.message();
            assert!(words.contains("expected") || words.contains("is missing"), "{error}");
        };
        corrupt(read(Verify::Streaming, length));
        corrupt(read(Verify::First, 1));
        corrupt(volume.verify_snapshot(snapshot, &ReadOptions::default()));
        read(Verify::SizeOnly, length).unwrap();
        match length {
            100 => corrupt(read(Verify::Streaming, 1)),
            // Of a large block only the part that is read is touched.
            _ => read(Verify::Streaming, 1).unwrap(),
        }
        let findings = |level| {
            let mut kinds = Vec::new();
            let mut each = |finding: &crate::upkeep::Finding| {
                kinds.push((finding.kind, finding.path.clone()));
                true
            };
            volume.history().verify(level, &call(), &mut each).unwrap();
            kinds
        };
        assert_eq!(findings(Level::Sizes), []);
        assert_eq!(findings(Level::Checksums), [(FindingKind::FileChecksum, key.to_owned())]);
        replace(&store, key, &damaged[1..]);
        for verify in [Verify::Streaming, Verify::First, Verify::SizeOnly] {
            corrupt(read(verify, 1));
        }
        assert_eq!(findings(Level::Sizes), [(FindingKind::FileSize, key.to_owned())]);
        store.backend().delete(Context::unlimited(), key).unwrap();
        corrupt(read(Verify::SizeOnly, 1));
        assert_eq!(findings(Level::Records), [(FindingKind::FileMissing, key.to_owned())]);
    }
}

#[test]
fn the_checksum_is_that_of_the_first_commit_even_if_two_first_commits_meet() {
    let store = memory();
    let md5 = Volume::open(&store, "disk", VolumeOptions { checksum: Checksum::Md5, ..options() }).unwrap();
    let xxh3 = open(&store);
    // Both have seen a volume without snapshots.
    let (a, b) = (stage(&md5, 0, 10), stage(&xxh3, 10, 10));
    commit(&md5, &[&a]).unwrap();
    let snapshot = commit(&xxh3, &[&b]).unwrap().snapshot;
    assert_eq!(snapshot.manifest().checksum_algorithm.as_deref(), Some("md5"));
    let space = snapshot.manifest().address_space.as_ref().unwrap();
    assert!(space.blocks.as_slice().iter().all(|block| block.sum.checksum() == Some(Checksum::Md5)));
    assert_eq!(read(&xxh3, &snapshot, 0, 20, Verify::First).unwrap(), bytes(0, 20));
    assert_eq!(
        open(&store).stage_write_at(20, b"x", &call()).unwrap().inner.block.sum.checksum(),
        Some(Checksum::Md5)
    );
}

#[test]
fn too_many_blocks_are_refused() {
    let volume = Volume::open(&memory(), "disk", VolumeOptions { max_blocks: 2, ..options() }).unwrap();
    write(&volume, 0, 10);
    write(&volume, 20, 10);
    let error = commit(&volume, &[&stage(&volume, 40, 10)]).err().unwrap();
    assert_eq!(error.status(), Status::VolumeTooFragmented);
    assert!(error.message().contains("would have 3 blocks, more than max_blocks, 2"), "{error}");
}

#[test]
fn a_volume_and_a_dataset_refuse_each_others_snapshots() {
    let store = memory();
    let volume = open(&store);
    let theirs = write(&volume, 0, 10);
    let dataset = Dataset::open(&store, "disk", DatasetOptions::default()).unwrap();
    let ours = dataset.write_blob(b"x", Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    let error = dataset.read_blob(&theirs, ReadOptions::default()).err().unwrap();
    assert!(
        error.status() == Status::InvalidArgument && error.message().contains("of the volume"),
        "{error}"
    );
    let error = read(&volume, &ours, 0, 1, Verify::Streaming).unwrap_err();
    assert!(
        error.status() == Status::InvalidArgument && error.message().contains("of the dataset"),
        "{error}"
    );
    let of_volume = DatasetOptions { layout: Layout::Volume, ..DatasetOptions::default() };
    assert_eq!(Dataset::open(&store, "disk", of_volume).err().unwrap().status(), Status::InvalidArgument);
}

#[test]
fn thirty_two_writers_of_other_ranges_all_get_in_and_of_two_of_one_range_one_does() {
    let store = memory();
    std::thread::scope(|scope| {
        for writer in 0..32 {
            let volume = open(&store);
            scope.spawn(move || write(&volume, 30 * writer, 30));
        }
    });
    let volume = open(&store);
    let snapshot = volume.latest(&call()).unwrap();
    assert_eq!(ranges(&snapshot).len(), 32);
    assert_eq!(volume_ids(&volume).len(), 32, "one chain");
    assert_eq!(read(&volume, &snapshot, 0, 960, Verify::First).unwrap(), bytes(0, 960));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let writers = [0_u8, 1].map(|fill| {
            let volume = open(&store);
            scope.spawn(move || {
                let block = volume.stage_write_at(960, &[fill; 10], &call()).unwrap();
                commit(&volume, &[&block]).map(|commit| commit.outcome).map_err(|error| error.status())
            })
        });
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(
        outcomes.iter().filter(|outcome| **outcome == Ok(Outcome::Committed)).count(),
        1,
        "{outcomes:?}"
    );
    assert!(outcomes.contains(&Err(Status::OverlappingBlocks)), "{outcomes:?}");
}

#[test]
fn a_million_blocks_are_a_table_of_48_bytes_each() {
    let blocks: Vec<Block> = (0..1_000_000_u64)
        .map(|n| Block {
            offset: 2 * n,
            length: 1,
            tail: None,
            sum: crate::manifest::Sum::Xxh3(n.to_be_bytes()),
        })
        .collect();
    let space = AddressSpace {
        total_length: 2_000_000,
        blocks: Arc::new(crate::manifest::BlockTable::from_sorted(blocks)),
    };
    let first = space.blocks.first_ending_after(1_000_001);
    assert_eq!(space.blocks.as_slice()[first].offset, 1_000_002);
    let gap = |from, end| super::read::first_gap(&space, from, end);
    assert_eq!(gap(1_000_000, 1_000_002), Some((1_000_001, 1)));
    assert_eq!(gap(1_000_000, 1_000_001), None, "what lies beyond the range does not matter");
    assert_eq!(gap(1_999_999, 2_000_000), Some((1_999_999, 1)));
    assert!(size_of::<Block>() <= 48);
}

#[test]
fn a_commit_after_another_of_the_same_handle_reads_the_pointer_alone() {
    // The table of the head is in the handle: the parent's manifest is not read again.
    let store = memory();
    let volume = open(&store);
    let first = write(&volume, 0, 10);
    let block = stage(&volume, 10, 10);
    let key = Layout::Volume.manifest_path("disk", first.id());
    let manifest = store.backend().get(Context::unlimited(), &key, 1 << 20).unwrap().unwrap();
    store.backend().delete(Context::unlimited(), &key).unwrap();
    let second = commit(&volume, &[&block]).unwrap().snapshot;
    replace(&store, &key, &manifest);
    assert_eq!(ranges(&second), [(0, 10), (10, 10)]);
}

#[test]
fn staged_blocks_that_nothing_names_are_cleaned_up() {
    let disk = crate::store::sim::SimDisk::new();
    let process = disk.process();
    let store = || {
        let backend = crate::store::filesystem::Filesystem::with_disk(process.disk(), "/sim");
        Store::new(Box::new(backend), StoreOptions::default())
    };
    let volume = open(&store());
    write(&volume, 0, 10);
    let held = stage(&volume, 10, 10);
    drop(stage(&volume, 20, 10));
    disk.pass(Duration::from_secs(8 * 24 * 60 * 60));
    let collect = || {
        let mut removed = Vec::new();
        let mut each = |garbage: &crate::upkeep::Garbage<'_>| {
            removed.push(garbage.path.to_owned());
            true
        };
        open(&store()).history().collect(&CollectOptions::default(), &mut each).unwrap();
        removed
    };
    assert_eq!(collect(), ["volumes/disk/data/20-10.bin"]);
    let snapshot = commit(&volume, &[&held]).unwrap().snapshot;
    assert_eq!(read(&volume, &snapshot, 0, 20, Verify::First).unwrap(), bytes(0, 20));
    disk.pass(Duration::from_secs(8 * 24 * 60 * 60));
    assert_eq!(collect(), Vec::<String>::new());
    // One that is old enough to be removed is not taken over.
    drop(stage(&volume, 30, 10));
    disk.pass(Duration::from_secs(2 * 24 * 60 * 60));
    assert_ne!(stage(&volume, 30, 10).path(), "volumes/disk/data/30-10.bin");
    let json = "{\"offset\":30,\"length\":10,\"path\":\"volumes/disk/data/30-10.bin\"}";
    let error = commit(&volume, &[&volume.block_from_json(json).unwrap()]).err().unwrap();
    assert_eq!(error.status(), Status::StagedTooOld, "{error}");
}
