//! The caller's iterator, as callers get it right and wrong.

use super::*;
use crate::error::{
    lode_error_callback_code, lode_error_free, lode_error_message, lode_error_record, lode_error_status,
};
use crate::options::zeroed;
use crate::status::{LODE_ERR_INVALID_ARGUMENT, LODE_ERR_NIL_ITERATOR, LODE_ERR_UNSUPPORTED};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::ptr;

/// An iterator of C's whose answers are set beforehand, and which counts what it is asked.
#[derive(Default)]
struct Fake {
    next: VecDeque<i32>,
    records: VecDeque<Option<lode_bytes>>,
    times: VecDeque<(i32, i64)>,
    batches: VecDeque<(i64, Vec<(lode_bytes, i64)>)>,
    text: Option<&'static CStr>,
    /// The callbacks in the order in which they came.
    asked: Vec<&'static str>,
}

impl Fake {
    fn of<'a>(ctx: *mut c_void) -> &'a mut Self {
        // SAFETY: the tests give a Fake, used by one thread.
        unsafe { &mut *ctx.cast() }
    }

    fn iterator(&mut self) -> lode_record_iterator {
        lode_record_iterator {
            struct_size: size_of::<lode_record_iterator>(),
            ctx: ptr::from_mut(self).cast(),
            next: Some(next),
            record: Some(record),
            err: Some(err),
            timestamp: None,
            next_batch: None,
            release: Some(release),
        }
    }

    fn released(&self) -> usize {
        self.asked.iter().filter(|what| **what == "release").count()
    }
}

unsafe extern "C" fn next(ctx: *mut c_void) -> i32 {
    Fake::of(ctx).asked.push("next");
    Fake::of(ctx).next.pop_front().expect("next was called once too often")
}

unsafe extern "C" fn record(ctx: *mut c_void, record: *mut lode_bytes) {
    Fake::of(ctx).asked.push("record");
    if let Some(bytes) = Fake::of(ctx).records.pop_front().flatten() {
        // SAFETY: the library gives an output.
        unsafe { record.write(bytes) };
    }
}

unsafe extern "C" fn err(ctx: *mut c_void) -> *const c_char {
    Fake::of(ctx).asked.push("err");
    Fake::of(ctx).text.map_or(ptr::null(), CStr::as_ptr)
}

unsafe extern "C" fn timestamp(ctx: *mut c_void, unix_nanos: *mut i64) -> i32 {
    Fake::of(ctx).asked.push("timestamp");
    let (answer, time) = Fake::of(ctx).times.pop_front().unwrap();
    // SAFETY: the library gives an output.
    unsafe { unix_nanos.write(time) };
    answer
}

unsafe extern "C" fn next_batch(
    ctx: *mut c_void,
    records: *mut lode_bytes,
    unix_nanos: *mut i64,
    capacity: usize,
) -> i64 {
    Fake::of(ctx).asked.push("next_batch");
    let (answer, batch) = Fake::of(ctx).batches.pop_front().expect("next_batch was called once too often");
    assert!(batch.len() <= capacity);
    for (at, (bytes, time)) in batch.into_iter().enumerate() {
        // SAFETY: the library gives `capacity` places in each array.
        unsafe {
            assert_eq!(unix_nanos.add(at).read(), LODE_NO_TIMESTAMP);
            records.add(at).write(bytes);
            if time != LODE_NO_TIMESTAMP {
                unix_nanos.add(at).write(time);
            }
        }
    }
    answer
}

unsafe extern "C" fn release(ctx: *mut c_void) {
    Fake::of(ctx).asked.push("release");
}

const CALL: Call = Call { function: "lode_test" };

/// A record as the library saw it.
type Seen = (Vec<u8>, Option<i64>);

/// Pulls everything, as the library does; then the iterator is released.
fn pull(iterator: lode_record_iterator) -> (Vec<Seen>, Result<()>) {
    let mut source = match CallerRecords::new(&CALL, PullGuard(iterator)) {
        Ok(source) => source,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut seen = Vec::new();
    loop {
        match source.next() {
            Ok(Some(record)) => seen.push((record.data.to_vec(), record.unix_nanos)),
            Ok(None) => return (seen, Ok(())),
            Err(error) => return (seen, Err(error)),
        }
    }
}

fn bytes(text: &'static str) -> lode_bytes {
    lode_bytes::of(text.as_bytes())
}

#[test]
fn records_come_in_order_and_err_is_asked_once_at_the_end() {
    let mut fake = Fake {
        next: [1, 1, 0].into(),
        records: [Some(bytes("1")), Some(bytes("[2]"))].into(),
        ..Fake::default()
    };
    let (seen, outcome) = pull(fake.iterator());
    outcome.unwrap();
    assert_eq!(seen, [(b"1".to_vec(), None), (b"[2]".to_vec(), None)]);
    assert_eq!(fake.asked, ["next", "record", "next", "record", "next", "err", "release"]);
}

#[test]
fn the_time_is_asked_before_the_record_is_borrowed() {
    let mut fake = Fake {
        next: [1, 1, 0].into(),
        records: [Some(bytes("1")), Some(bytes("2"))].into(),
        times: [(1, 77), (0, 88)].into(),
        ..Fake::default()
    };
    let iterator = lode_record_iterator { timestamp: Some(timestamp), ..fake.iterator() };
    let (seen, outcome) = pull(iterator);
    outcome.unwrap();
    assert_eq!(seen, [(b"1".to_vec(), Some(77)), (b"2".to_vec(), None)]);
    assert_eq!(fake.asked[..3], ["next", "timestamp", "record"]);
}

#[test]
fn a_failure_keeps_the_callers_code_and_text() {
    let cases = [
        (-5, Some(c"disk on fire"), "failed at record 1 with code -5: disk on fire"),
        (-5, None, "failed at record 1 with code -5"),
        (i32::MIN, Some(c"\xff"), "with code -2147483648: \u{FFFD}"),
        (0, Some(c"half a file"), "ended with an error after 1 records: half a file"),
    ];
    for (code, text, expected) in cases {
        let mut fake =
            Fake { next: [1, code].into(), records: [Some(bytes("1"))].into(), text, ..Fake::default() };
        let (seen, outcome) = pull(fake.iterator());
        let error = outcome.unwrap_err();
        assert_eq!((seen.len(), error.status()), (1, Status::Iterator));
        assert_eq!((error.callback_code(), error.record()), (Some(code), Some(1)));
        assert!(error.message().contains(expected), "{error}");
        assert_eq!(fake.asked, ["next", "record", "next", "err", "release"]);
    }
}

#[test]
fn err_and_release_may_be_missing() {
    let mut fake = Fake { next: [-3].into(), text: Some(c"never asked"), ..Fake::default() };
    let iterator = lode_record_iterator { err: None, release: None, ..fake.iterator() };
    let error = pull(iterator).1.unwrap_err();
    assert_eq!((error.status(), error.callback_code()), (Status::Iterator, Some(-3)));
    assert_eq!(fake.asked, ["next"]);
}

#[test]
fn answers_outside_the_contract_are_named_with_their_number() {
    for answer in [2, 7, i32::MAX] {
        let mut fake = Fake { next: [answer].into(), ..Fake::default() };
        let error = pull(fake.iterator()).1.unwrap_err();
        assert_eq!((error.status(), error.callback_code()), (Status::IteratorContract, Some(answer)));
        assert!(error.message().contains(&format!("next answered {answer}")), "{error}");
        assert_eq!(fake.asked, ["next", "release"]);
    }
    for (answer, time, expected) in [
        (2, 5, "timestamp answered 2"),
        (-1, 5, "timestamp answered -1"),
        (1, LODE_NO_TIMESTAMP, "gave no time"),
    ] {
        let mut fake = Fake { next: [1].into(), times: [(answer, time)].into(), ..Fake::default() };
        let iterator = lode_record_iterator { timestamp: Some(timestamp), ..fake.iterator() };
        let error = pull(iterator).1.unwrap_err();
        assert_eq!(error.status(), Status::IteratorContract);
        assert!(error.message().contains(expected), "{error}");
        assert_eq!(fake.released(), 1);
    }
}

#[test]
fn a_record_that_is_none_is_noticed() {
    let mark = unfilled();
    let cases = [
        (None, "did not fill its output"),
        (Some(lode_bytes { len: 4, ..mark }), "only one half"),
        (Some(lode_bytes { len: usize::MAX, ..bytes("1") }), "only one half"),
        (Some(lode_bytes { data: ptr::null(), len: 3 }), "is NULL, but its length is not 0"),
        (Some(lode_bytes { len: isize::MAX as usize + 1, ..bytes("1") }), "PTRDIFF_MAX"),
    ];
    for (given, expected) in cases {
        let mut fake = Fake { next: [1].into(), records: [given].into(), ..Fake::default() };
        let (seen, outcome) = pull(fake.iterator());
        let error = outcome.unwrap_err();
        assert_eq!((seen.len(), error.status(), error.record()), (0, Status::IteratorContract, Some(0)));
        assert!(error.message().contains(expected), "{error}");
        assert_eq!(fake.released(), 1);
    }
}

#[test]
fn an_empty_record_may_be_null_and_is_the_codecs_to_judge() {
    let mut fake = Fake { next: [1, 0].into(), records: [Some(lode_bytes::EMPTY)].into(), ..Fake::default() };
    assert_eq!(pull(fake.iterator()).0, [(Vec::new(), None)]);
}

#[test]
fn batches_are_dealt_with_record_by_record() {
    let first = (0..BATCH).map(|n| (bytes("1"), n as i64)).collect();
    let mut fake = Fake {
        batches: [(BATCH as i64, first), (1, vec![(bytes("2"), LODE_NO_TIMESTAMP)]), (0, Vec::new())].into(),
        ..Fake::default()
    };
    let iterator =
        lode_record_iterator { next_batch: Some(next_batch), next: None, record: None, ..fake.iterator() };
    let (seen, outcome) = pull(iterator);
    outcome.unwrap();
    assert_eq!(seen.len(), BATCH + 1);
    assert_eq!((seen[0].1, seen[BATCH - 1].1), (Some(0), Some(BATCH as i64 - 1)));
    assert_eq!(seen[BATCH], (b"2".to_vec(), None));
    assert_eq!(fake.asked, ["next_batch", "next_batch", "next_batch", "err", "release"]);
}

#[test]
fn with_next_batch_the_single_callbacks_are_left_alone() {
    let mut fake = Fake { batches: [(1, vec![(bytes("1"), 5)]), (0, Vec::new())].into(), ..Fake::default() };
    let iterator =
        lode_record_iterator { next_batch: Some(next_batch), timestamp: Some(timestamp), ..fake.iterator() };
    pull(iterator).1.unwrap();
    assert_eq!(fake.asked, ["next_batch", "next_batch", "err", "release"]);
}

#[test]
fn a_batch_outside_the_contract_is_noticed() {
    let null = lode_bytes { data: ptr::null(), len: 1 };
    type Case = (i64, Vec<(lode_bytes, i64)>, usize, &'static str);
    let cases: [Case; 4] = [
        (BATCH as i64 + 1, Vec::new(), 0, "next_batch answered 65"),
        (i64::MAX, Vec::new(), 0, "next_batch answered 9223372036854775807"),
        (2, vec![(bytes("1"), 0)], 1, "next_batch did not fill its output"),
        (1, vec![(null, 0)], 0, "is NULL"),
    ];
    for (answer, batch, before, expected) in cases {
        let mut fake = Fake { batches: [(answer, batch)].into(), ..Fake::default() };
        let iterator = lode_record_iterator { next_batch: Some(next_batch), ..fake.iterator() };
        let (seen, outcome) = pull(iterator);
        let error = outcome.unwrap_err();
        assert_eq!((seen.len(), error.status()), (before, Status::IteratorContract));
        assert_eq!(error.record(), Some(before as u64));
        assert!(error.message().contains(expected), "{error}");
        assert_eq!(fake.released(), 1);
    }
}

#[test]
fn a_failing_batch_has_its_code_cut_to_32_bits() {
    for (answer, code) in [(-7, -7), (i64::MIN, i32::MIN)] {
        let mut fake = Fake { batches: [(answer, Vec::new())].into(), text: Some(c"no"), ..Fake::default() };
        let iterator = lode_record_iterator { next_batch: Some(next_batch), ..fake.iterator() };
        let error = pull(iterator).1.unwrap_err();
        assert_eq!((error.status(), error.callback_code()), (Status::Iterator, Some(code)));
        assert!(error.message().contains(&format!("code {answer}: no")), "{error}");
    }
}

#[test]
fn it_is_never_asked_again_after_its_end() {
    for answers in [vec![0], vec![-1], vec![7]] {
        let mut fake = Fake { next: answers.into(), ..Fake::default() };
        let mut source = CallerRecords::new(&CALL, PullGuard(fake.iterator())).unwrap();
        let _ = source.next();
        assert_eq!(source.next().unwrap_err().status(), Status::Internal);
        drop(source);
        assert_eq!(fake.asked.iter().filter(|what| **what == "next").count(), 1);
    }
}

#[test]
fn missing_callbacks_are_named_and_the_iterator_released() {
    for (has_next, has_record, expected) in
        [(false, false, "neither"), (true, false, "no record"), (false, true, "no next")]
    {
        let mut fake = Fake::default();
        let mut iterator = fake.iterator();
        iterator.next = iterator.next.filter(|_| has_next);
        iterator.record = iterator.record.filter(|_| has_record);
        let error = pull(iterator).1.unwrap_err();
        assert_eq!(error.status(), Status::NilIterator);
        assert!(error.message().contains(expected), "{error}");
        assert_eq!(fake.asked, ["release"]);
    }
}

#[test]
fn a_panic_while_pulling_releases_once() {
    let mut fake = Fake { next: [1].into(), records: [Some(bytes("1"))].into(), ..Fake::default() };
    let iterator = fake.iterator();
    crate::panic::query((), || {
        let mut source = CallerRecords::new(&CALL, PullGuard(iterator)).unwrap();
        let _ = source.next();
        panic!("half-way");
    });
    assert_eq!(fake.released(), 1);
}

/// Calls the export without a dataset.
fn refused(iterator: *const lode_record_iterator) -> (lode_status, String) {
    let mut error = ptr::null_mut();
    let mut snapshot = ptr::dangling_mut();
    // SAFETY: NULL is refused; outputs may be written; the iterator is NULL or as long as it says.
    unsafe {
        let status = lode_dataset_stream_write_records(
            ptr::null_mut(),
            iterator,
            ptr::null(),
            ptr::null(),
            &raw mut snapshot,
            &raw mut error,
        );
        assert!(snapshot.is_null());
        assert_eq!(lode_error_status(error), status);
        assert_eq!((lode_error_record(error), lode_error_callback_code(error)), (-1, 0));
        let message = CStr::from_ptr(lode_error_message(error)).to_str().unwrap().to_owned();
        lode_error_free(error);
        (status, message)
    }
}

#[test]
fn a_refused_call_releases_the_iterator_exactly_once_if_it_was_readable() {
    #[repr(C)]
    struct Later {
        iterator: lode_record_iterator,
        more: usize,
    }
    let mut fake = Fake::default();
    let mut later = Later { iterator: fake.iterator(), more: 1 };
    let whole = (&raw const later).cast::<lode_record_iterator>();
    assert_eq!(refused(whole).0, LODE_ERR_INVALID_ARGUMENT);
    assert_eq!(fake.released(), 1);
    later.iterator.struct_size = size_of::<Later>();
    let whole = (&raw const later).cast::<lode_record_iterator>();
    let (status, message) = refused(whole);
    assert_eq!(status, LODE_ERR_INVALID_ARGUMENT);
    assert!(message.contains("dataset (a lode_dataset) is NULL"), "{message}");
    assert_eq!(fake.released(), 2);
    for size in [0, 8, size_of::<lode_record_iterator>() - 1, usize::MAX] {
        later.iterator.struct_size = size;
        let whole = (&raw const later).cast::<lode_record_iterator>();
        assert_eq!(refused(whole).0, LODE_ERR_INVALID_ARGUMENT);
        assert_eq!(fake.released(), 2, "{size}");
    }
    assert_eq!(refused(ptr::null()).0, LODE_ERR_INVALID_ARGUMENT, "the dataset comes first");
    assert_eq!(later.more, 1);
}

mod on_a_dataset {
    //! The same through the export, on a dataset in memory.

    use super::*;
    use crate::handle::{self, give};
    use crate::status::{
        LODE_ERR_ITERATOR, LODE_ERR_METADATA_INVALID, LODE_ERR_METADATA_REQUIRED, LODE_ERR_METADATA_RESERVED,
        LODE_OK,
    };
    use lode_core::codec::Codec;
    use lode_core::dataset::{Dataset, DatasetOptions};
    use lode_core::store::{Store, StoreOptions};

    struct Owner(*mut lode_dataset);

    impl Owner {
        fn new() -> Self {
            let store = Store::open_memory(StoreOptions::default());
            let options = DatasetOptions { codec: Codec::Jsonl, ..DatasetOptions::default() };
            Owner(give(Dataset::open(&store, "events", options).unwrap()).unwrap())
        }

        fn write(&self, iterator: *const lode_record_iterator, metadata: *const c_char) -> lode_status {
            let (snapshot, error) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: a dataset, an iterator that is NULL or as long as it says, texts, NULL.
            unsafe {
                lode_dataset_stream_write_records(self.0, iterator, metadata, ptr::null(), snapshot, error)
            }
        }
    }

    impl Drop for Owner {
        fn drop(&mut self) {
            // SAFETY: ours, once.
            unsafe { handle::free(self.0) };
        }
    }

    #[test]
    fn each_refusal_has_its_status_and_releases_once() {
        #[repr(C)]
        struct Later {
            iterator: lode_record_iterator,
            more: usize,
        }
        let dataset = Owner::new();
        let none = c"{}".as_ptr();
        assert_eq!(dataset.write(ptr::null(), none), LODE_ERR_NIL_ITERATOR);
        let mut fake = Fake::default();
        for (metadata, expected) in [
            (ptr::null(), LODE_ERR_METADATA_REQUIRED),
            (c"[]".as_ptr(), LODE_ERR_METADATA_INVALID),
            (c"{".as_ptr(), LODE_ERR_METADATA_INVALID),
            (c"{\"lode.x\":1}".as_ptr(), LODE_ERR_METADATA_RESERVED),
            (c"\xff".as_ptr(), LODE_ERR_INVALID_ARGUMENT),
        ] {
            assert_eq!(
                {
                    let iterator = fake.iterator();
                    dataset.write(&raw const iterator, metadata)
                },
                expected
            );
            assert_eq!(fake.asked, ["release"]);
            fake.asked.clear();
        }
        let empty = lode_record_iterator { next: None, ..fake.iterator() };
        assert_eq!(
            dataset.write(&raw const empty, ptr::null()),
            LODE_ERR_NIL_ITERATOR,
            "before the metadata"
        );
        let mut later = Later { iterator: fake.iterator(), more: 1 };
        later.iterator.struct_size = size_of::<Later>();
        assert_eq!(dataset.write((&raw const later).cast(), none), LODE_ERR_UNSUPPORTED);
        assert_eq!(fake.asked, ["release", "release"]);
        let zeros: lode_record_iterator = zeroed();
        assert_eq!(dataset.write(&raw const zeros, none), LODE_ERR_INVALID_ARGUMENT);
    }

    #[test]
    fn a_commit_and_a_failure_release_once() {
        let dataset = Owner::new();
        let mut fake =
            Fake { next: [1, 0].into(), records: [Some(bytes("{\"id\":1}"))].into(), ..Fake::default() };
        let iterator = fake.iterator();
        assert_eq!(dataset.write(&raw const iterator, c"{}".as_ptr()), LODE_OK);
        assert_eq!(fake.released(), 1);
        let mut fake = Fake { next: [-9].into(), ..Fake::default() };
        let iterator = fake.iterator();
        assert_eq!(dataset.write(&raw const iterator, c"{}".as_ptr()), LODE_ERR_ITERATOR);
        assert_eq!(fake.asked, ["next", "err", "release"]);
    }
}
