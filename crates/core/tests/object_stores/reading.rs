//! Reading an object in ranges, on a server that breaks one off, holds one back, or has another object.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lode_core::context::{CallOptions, Context, Retry};
use lode_core::store::Object;
use lode_core::{Error, Status};

use crate::mini_http::{Server, answer};
use crate::servers;

/// What the first request has, and each later one.
const FIRST: usize = 256 << 10;
const RANGE: usize = 4 << 20;

const SIZE: usize = FIRST + 3 * RANGE + 12_345;

/// What happens to a request that begins at some byte, each time or once.
#[derive(Clone, Copy)]
enum Fault {
    /// Its connection is closed after so many bytes.
    Broken(usize),
    /// Nothing comes after so many bytes, until the other side gives up.
    Held(usize),
    /// The object is another one by then.
    Replaced,
}

#[derive(Default)]
struct State {
    /// Where the ranges that were asked for begin and end.
    ranges: Vec<(usize, usize)>,
    /// By where a range begins.
    once: BTreeMap<usize, Fault>,
    /// To each that begins at this byte or after it.
    always: Option<(usize, Fault)>,
    /// Whether no request is answered before the one before it has been.
    is_serial: bool,
}

struct Bucket {
    server: Server,
    state: Arc<Mutex<State>>,
    bytes: Arc<Vec<u8>>,
}

impl Bucket {
    fn new() -> Bucket {
        let bytes: Vec<u8> =
            (0..SIZE as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
        let (bytes, state) = (Arc::new(bytes), Arc::<Mutex<State>>::default());
        let (served, known) = (Arc::clone(&bytes), Arc::clone(&state));
        let answering = Mutex::new(());
        let server = Server::start(move |request, stream| {
            let is_serial = known.lock().unwrap().is_serial;
            let _answering = is_serial.then(|| answering.lock().unwrap());
            let range = request.header("range").unwrap().strip_prefix("bytes=").unwrap().to_owned();
            let (start, last) = range.split_once('-').unwrap();
            let (start, end) = (start.parse().unwrap(), last.parse::<usize>().unwrap() + 1);
            let fault = {
                let mut state = known.lock().unwrap();
                state.ranges.push((start, end));
                let always = state.always.filter(|(from, _)| start >= *from).map(|(_, fault)| fault);
                state.once.remove(&start).or(always)
            };
            let body = &served[start..end];
            let headers = [
                ("etag", "\"one\"".to_owned()),
                ("content-range", format!("bytes {start}-{last}/{SIZE}")),
                ("content-length", body.len().to_string()),
            ];
            match fault {
                None => answer(stream, 206, &headers, body),
                Some(Fault::Broken(after)) => {
                    answer(stream, 206, &headers, &body[..after]);
                    false
                }
                Some(Fault::Held(after)) => {
                    answer(stream, 206, &headers, &body[..after]);
                    let mut nothing = [0; 1];
                    stream.read(&mut nothing).is_ok_and(|read| read > 0)
                }
                Some(Fault::Replaced) => {
                    answer(stream, 412, &[], b"<Error><Code>PreconditionFailed</Code></Error>")
                }
            }
        });
        Bucket { server, state, bytes }
    }

    fn at(&self, start: usize, fault: Fault) {
        self.state.lock().unwrap().once.insert(start, fault);
    }

    fn always_from(&self, start: usize, fault: Fault) {
        self.state.lock().unwrap().always = Some((start, fault));
    }

    fn ranges(&self) -> Vec<(usize, usize)> {
        self.state.lock().unwrap().ranges.clone()
    }

    fn open(&self) -> Box<dyn Object> {
        let store = servers::s3_store(&self.server.url(), "p", r#""request_timeout_ms": 300"#);
        store.backend().open(Context::unlimited(), "k").unwrap().unwrap()
    }

    /// Reads on until so many bytes have been read, and compares them.
    #[track_caller]
    fn reads(&self, object: &mut dyn Object, context: &Context, at: &mut usize, end: usize) -> Option<Error> {
        let mut buffer = vec![0; 200_001];
        while *at < end {
            let most = buffer.len().min(end - *at);
            match object.read_at(context, *at as u64, &mut buffer[..most]) {
                Ok(0) => panic!("it ends at byte {at}"),
                Ok(count) => {
                    assert!(buffer[..count] == self.bytes[*at..][..count], "other bytes from byte {at} on");
                    *at += count;
                }
                Err(error) => return Some(error),
            }
        }
        None
    }
}

fn impatient() -> Context {
    let short = CallOptions { deadline: Some(Duration::from_millis(50)), ..CallOptions::default() };
    Context::start(&short)
}

/// Few tries, one soon after the other.
fn hasty() -> Context {
    let pause = Duration::from_millis(1);
    Context::start(&CallOptions::default()).with_retry(Retry { attempts: 4, base: pause, cap: pause })
}

fn whole_ranges() -> Vec<(usize, usize)> {
    let starts = (0..=3).map(|number| FIRST + number * RANGE);
    let later = starts.map(|start| (start, (start + RANGE).min(SIZE)));
    std::iter::once((0, FIRST)).chain(later).collect()
}

#[test]
fn an_object_is_read_in_ranges_and_one_of_them_ahead() {
    let bucket = Bucket::new();
    let mut object = bucket.open();
    let mut at = 0;
    while at < SIZE {
        let end = SIZE.min(at + 70_000);
        assert!(bucket.reads(&mut *object, Context::unlimited(), &mut at, end).is_none());
        // The one that is read now, and the one after it.
        let begun = bucket.ranges().iter().filter(|range| range.0 < at).count();
        assert!(bucket.ranges().len() <= begun + 1, "at byte {at}: {:?}", bucket.ranges());
    }
    assert_eq!(object.read_at(Context::unlimited(), SIZE as u64, &mut [0; 1]).unwrap(), 0);
    let mut ranges = bucket.ranges();
    ranges.sort_unstable();
    assert_eq!(ranges, whole_ranges());
}

#[test]
fn a_server_that_answers_one_request_after_the_other_is_read_all_the_same() {
    let bucket = Bucket::new();
    bucket.state.lock().unwrap().is_serial = true;
    for _ in 0..3 {
        assert!(bucket.reads(&mut *bucket.open(), Context::unlimited(), &mut 0, SIZE).is_none());
    }
    assert_eq!(bucket.ranges().len(), 3 * whole_ranges().len(), "nothing is asked for again");
}

#[test]
fn a_range_that_breaks_off_goes_on_where_it_broke() {
    let bucket = Bucket::new();
    bucket.at(FIRST, Fault::Broken(1_000_000));
    bucket.at(FIRST + 1_000_000, Fault::Broken(0));
    bucket.at(FIRST + RANGE, Fault::Broken(0));
    bucket.at(FIRST + 2 * RANGE, Fault::Broken(RANGE - 1));
    let mut object = bucket.open();
    assert!(bucket.reads(&mut *object, &hasty(), &mut 0, SIZE).is_none());
    let again = [
        (FIRST + RANGE, FIRST + 2 * RANGE),
        (FIRST + 1_000_000, FIRST + RANGE),
        (FIRST + 1_000_000, FIRST + RANGE),
        (FIRST + 3 * RANGE - 1, FIRST + 3 * RANGE),
    ];
    let (mut expected, mut ranges) = (whole_ranges(), bucket.ranges());
    expected.extend(again);
    expected.sort_unstable();
    ranges.sort_unstable();
    assert_eq!(ranges, expected);
}

#[test]
fn ranges_that_break_off_again_and_again_are_given_up() {
    let bucket = Bucket::new();
    bucket.always_from(FIRST, Fault::Broken(1_000));
    let mut at = 0;
    let error = bucket.reads(&mut *bucket.open(), &hasty(), &mut at, SIZE).unwrap();
    assert_eq!(error.status(), Status::Io, "{error}");
    assert!(error.message().contains("cannot read s3://tests/p/k"), "{error}");
    assert!(at > FIRST && bucket.ranges().len() < 10, "at byte {at}: {:?}", bucket.ranges());
}

#[test]
fn a_range_that_does_not_come_is_given_up_and_asked_for_again() {
    let bucket = Bucket::new();
    bucket.at(FIRST, Fault::Held(500_000));
    let mut at = 0;
    assert!(bucket.reads(&mut *bucket.open(), &hasty(), &mut at, SIZE).is_none());
    bucket.always_from(FIRST, Fault::Held(1_000));
    let mut at = 0;
    let error = bucket.reads(&mut *bucket.open(), &hasty(), &mut at, SIZE).unwrap();
    assert_eq!(error.status(), Status::Io, "{error}");
    assert!(error.message().contains("no answer within 300 ms"), "{error}");
    assert!(at > FIRST, "what came of it was given");
}

#[test]
fn a_call_that_has_no_more_time_leaves_the_range_to_the_next_call() {
    let bucket = Bucket::new();
    bucket.at(FIRST, Fault::Held(500_000));
    let (mut object, mut at) = (bucket.open(), 0);
    let error = bucket.reads(&mut *object, &impatient(), &mut at, SIZE).unwrap();
    assert_eq!(error.status(), Status::Deadline, "{error}");
    let before = bucket.ranges();
    let error = bucket.reads(&mut *object, &impatient(), &mut at, SIZE).unwrap();
    assert_eq!(error.status(), Status::Deadline, "{error}");
    assert_eq!(bucket.ranges(), before, "nothing is asked for again");
    assert!(bucket.reads(&mut *object, &hasty(), &mut at, SIZE).is_none());
}

#[test]
fn an_object_that_was_replaced_is_not_read_on() {
    for start in [FIRST, FIRST + RANGE] {
        let bucket = Bucket::new();
        bucket.always_from(start, Fault::Replaced);
        let mut at = 0;
        let error = bucket.reads(&mut *bucket.open(), &hasty(), &mut at, SIZE).unwrap();
        assert_eq!((error.status(), at), (Status::Corrupt, start), "{error}");
        assert!(error.message().contains("it was replaced"), "{error}");
    }
}

#[test]
fn a_reader_that_moves_about_keeps_whole_ranges() {
    let bucket = Bucket::new();
    let mut object = bucket.open();
    let mut byte = |at: usize| {
        let mut room = [0; 1];
        assert_eq!(object.read_at(&hasty(), at as u64, &mut room).unwrap(), 1);
        assert_eq!(room[0], bucket.bytes[at], "byte {at}");
    };
    for at in [5 << 20, (8 << 20) + 1, (6 << 20) + 7, 5 << 20, (9 << 20) - 2] {
        byte(at);
    }
    assert_eq!(bucket.ranges()[1..], [(5 << 20, 9 << 20)]);
    // From its end on one is read ahead.
    byte((9 << 20) - 1);
    for at in [9 << 20, (12 << 20) + 1, (9 << 20) + 1] {
        byte(at);
    }
    let mut ranges = bucket.ranges();
    ranges.sort_unstable();
    assert_eq!(ranges, [(0, FIRST), (5 << 20, 9 << 20), (9 << 20, SIZE)]);
    byte(1);
    assert_eq!(*bucket.ranges().last().unwrap(), (1, RANGE + 1));
}

#[test]
fn a_reader_that_is_dropped_leaves_the_store_to_others() {
    let bucket = Bucket::new();
    let store = servers::s3_store(&bucket.server.url(), "p", "");
    for end in [FIRST, FIRST + 1, FIRST + RANGE] {
        let mut object = store.backend().open(Context::unlimited(), "k").unwrap().unwrap();
        assert!(bucket.reads(&mut *object, &hasty(), &mut 0, end).is_none());
    }
    assert!(store.get("k", &CallOptions::default()).unwrap().unwrap() == *bucket.bytes);
}
