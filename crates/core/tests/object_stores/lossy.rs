//! Each request of each kind of commit, in turn, is lost, answered late or wrong, or carried out twice. No
//! commit is lost, none happens twice, and no answer is wrong.

use std::time::Duration;

use lode_core::context::{CallOptions, Retry};
use lode_core::dataset::{BlobWriterOptions, Commit, Dataset, DatasetOptions, Outcome, Record, Snapshot};
use lode_core::layout::Layout;
use lode_core::manifest::Metadata;
use lode_core::options::{CommitOptions, Producer};
use lode_core::store::Store;
use lode_core::upkeep::Level;
use lode_core::{Result, Status};

use crate::commits::{append, jsonl};
use crate::tap::{FAULTS, Fault, Tap};
use crate::{azure, gcs, servers};

/// A kind of commit: its dataset, and how it commits.
struct Kind {
    id: &'static str,
    options: DatasetOptions,
    commit: fn(&Dataset, CommitOptions<'_>) -> Result<Commit>,
    audited_as: &'static [&'static str],
}

/// More than one part of five MiB, of bytes that nothing makes shorter.
fn large(dataset: &Dataset, options: CommitOptions<'_>) -> Result<Commit> {
    let mut writer = dataset.blob_writer(BlobWriterOptions::default())?;
    let piece: Vec<u8> = (0..1 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for _ in 0..6 {
        writer.write(&piece)?;
    }
    writer.commit(Metadata::empty(), options)
}

fn partitioned(dataset: &Dataset, options: CommitOptions<'_>) -> Result<Commit> {
    let records = [br#"{"day":1}"#, br#"{"day":2}"#].map(|data| Record { data, unix_nanos: None });
    dataset.write_records(&records, Metadata::empty(), options)
}

fn kinds() -> [Kind; 3] {
    [
        Kind {
            id: "records",
            options: jsonl(Layout::Default),
            commit: |dataset, options| append(dataset, "{}", options),
            audited_as: &[],
        },
        Kind {
            id: "partitions",
            options: jsonl(Layout::Hive),
            commit: partitioned,
            audited_as: &["--layout", "hive"],
        },
        Kind { id: "parts", options: DatasetOptions::default(), commit: large, audited_as: &[] },
    ]
}

/// How many snapshots after this one brought the sequence of the producer. Each snapshot of these tests
/// brings one.
fn times(dataset: &Dataset, since: &str, sequence: u64) -> usize {
    let mut snapshots = dataset.changes_since(Some(since), &CallOptions::default()).unwrap();
    let newest = |snapshot: Snapshot| snapshot.producer("tests").unwrap().map(|state| state.sequence);
    std::iter::from_fn(|| snapshots.next().unwrap())
        .filter(|snapshot| newest(snapshot.clone()) == Some(sequence))
        .count()
}

fn dataset(store: &Store, kind: &Kind) -> Dataset {
    // Pauses too short to be noticed.
    let pause = Duration::from_millis(1);
    let retry = Retry { attempts: 4, base: pause, cap: pause };
    Dataset::open(store, kind.id, DatasetOptions { retry, ..kind.options.clone() }).unwrap()
}

fn options(sequence: u64, deadline: Option<Duration>) -> CommitOptions<'static> {
    CommitOptions {
        producer: Some(Producer { id: "tests", sequence, position: "" }),
        call: CallOptions { deadline, ..CallOptions::default() },
        ..CommitOptions::default()
    }
}

#[test]
fn no_commit_is_lost_or_doubled_whichever_request_is_lost_late_or_doubled() {
    let Some(server) = servers::minio() else { return };
    let tap = Tap::before(server.address());
    let prefix = servers::fresh_prefix();
    let store = |url: &str| servers::s3_store(url, &prefix, r#""part_bytes": 5242880"#);
    nothing_is_lost(&tap, &|| store(&tap.url()), &store(&server.url()), &kinds());
    for kind in kinds() {
        servers::audit(&prefix, kind.id, kind.audited_as);
    }
}

#[test]
fn no_commit_is_lost_or_doubled_on_azurite_either() {
    let Some(server) = servers::azurite() else { return };
    let tap = Tap::before(server.address());
    let prefix = servers::fresh_prefix();
    let [records, _, parts] = kinds();
    let store = |url: &str| azure::store(url, &prefix);
    nothing_is_lost(&tap, &|| store(&tap.url()), &store(&server.url()), &[records, parts]);
}

#[test]
fn no_commit_is_lost_or_doubled_where_generations_are_the_condition() {
    let server = gcs::server();
    let tap = Tap::before(server.address.to_string());
    let [records, _, parts] = kinds();
    let store = |url: &str| gcs::store(url, r#", "part_bytes": 5242880"#);
    nothing_is_lost(&tap, &|| store(&tap.url()), &store(&server.url()), &[records, parts]);
}

/// Commits through a proxy that does each fault to each request, and judges by another way to the same
/// bucket.
fn nothing_is_lost(tap: &Tap, lossy: &dyn Fn() -> Store, plain: &Store, kinds: &[Kind]) {
    for kind in kinds {
        let lossy = lossy();
        let (through, judge) = (dataset(&lossy, kind), dataset(plain, kind));
        let mut sequence = 0;
        // The first commit probes the service, the second is as long as all that follow.
        for _ in 0..2 {
            tap.log();
            sequence += 1;
            (kind.commit)(&through, options(sequence, None)).unwrap();
        }
        let requests = tap.log();
        let mut before = judge.latest(&CallOptions::default()).unwrap().id().to_owned();
        for (number, request) in requests.iter().enumerate() {
            for fault in FAULTS {
                sequence += 1;
                let what = format!("{}: request {number} ({request}) {fault:?}", kind.id);
                // Only a late answer outlasts the call.
                let deadline = (fault == Fault::AppliedAndLate).then(|| Duration::from_millis(300));
                tap.arm(number, fault);
                let answer = (kind.commit)(&through, options(sequence, deadline));
                let happened = tap.release();
                let found = times(&judge, &before, sequence);
                match &answer {
                    // Until the next commit publishes it, other processes do not see it.
                    Ok(commit) if commit.outcome == Outcome::Unpublished => {
                        assert!(found <= 1, "{what}: {found}")
                    }
                    Ok(commit) => {
                        assert_eq!((commit.outcome, found), (Outcome::Committed, 1), "{what}");
                    }
                    Err(error) if error.status() == Status::CommitUnknown => {
                        assert!(found <= 1, "{what}: {found}")
                    }
                    Err(error) => assert_eq!(found, 0, "{what}: {error}"),
                }
                assert!(happened || deadline.is_some(), "{what}: the request was not made");
                // A repetition finds out, and commits if nothing was committed.
                let again = (kind.commit)(&through, options(sequence, None)).expect(&what);
                let was_committed = again.outcome == Outcome::AlreadyCommitted;
                match &answer {
                    Ok(_) => assert!(was_committed, "{what}: a commit that was acknowledged happened again"),
                    Err(error) if error.status() == Status::CommitUnknown => {}
                    Err(error) => assert!(!was_committed, "{what}: it was committed after all, not {error}"),
                }
                assert_eq!(times(&judge, &before, sequence), 1, "{what}");
                before = again.snapshot.id().to_owned();
            }
        }
        tap.log();
        let verified = judge.verify(Level::Checksums, &CallOptions::default(), &mut |_| true).unwrap();
        verified.verdict().unwrap();
    }
}
