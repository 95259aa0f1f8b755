//! A store of callbacks keeps every rule if they do, and says which they broke if they do not.

mod commits;
mod neighbour;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Answer, Callback, CallbackStore, Callbacks, Hearing, Refusal, Staged};
use lode_core::context::{CallOptions, CancelToken, Context, ProgressListener, Retry};
use lode_core::error::{Action, Error, Result, Status};
use lode_core::store::probe::Probed;
use lode_core::store::{Backend, Durability, LockWait, Put, Store, StoreOptions, Swap};

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// What a callback is to answer instead of doing its work.
type Instead = dyn Fn(Callback, &str) -> Option<i32> + Send + Sync;

/// Told after a callback has done its work, it may spoil the answer.
type Afterwards = dyn Fn(Callback, &str) -> Option<i32> + Send + Sync;

/// Callbacks over a map, with what they are to do wrong.
#[derive(Clone)]
struct Fake {
    objects: Objects,
    missing: Vec<Callback>,
    serial: bool,
    instead: Arc<Instead>,
    afterwards: Arc<Afterwards>,
    /// `put_begin` gives no upload.
    no_upload: bool,
    /// What `read` adds to its true answer.
    boast: u64,
    /// What `stat` adds to the true size.
    swell: u64,
    /// A key that `list` gives besides.
    besides: Option<Vec<u8>>,
    calls: Arc<AtomicUsize>,
    uploads: Arc<AtomicUsize>,
}

impl Default for Fake {
    fn default() -> Self {
        Fake {
            objects: Arc::default(),
            missing: Vec::new(),
            serial: false,
            instead: Arc::new(|_, _| None),
            afterwards: Arc::new(|_, _| None),
            no_upload: false,
            boast: 0,
            swell: 0,
            besides: None,
            calls: Arc::default(),
            uploads: Arc::default(),
        }
    }
}

fn refusal<T>(status: Status) -> Answer<T> {
    Err(Refusal { code: status as i32, text: String::new() })
}

impl Fake {
    fn begin(&self, callback: Callback, key: &str) -> Answer<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        spoilt((self.instead)(callback, key))
    }

    fn end<T>(&self, callback: Callback, key: &str, answer: T) -> Answer<T> {
        spoilt((self.afterwards)(callback, key)).map(|()| answer)
    }

    fn unprobed(&self) -> CallbackStore {
        CallbackStore::new(Box::new(self.clone()))
    }

    fn backend(&self) -> Probed {
        Probed::new(Arc::new(self.unprobed()))
    }

    fn store(&self) -> Store {
        Store::probed(Box::new(self.unprobed()), StoreOptions::default())
    }

    fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }
}

fn spoilt(code: Option<i32>) -> Answer<()> {
    code.map_or(Ok(()), |code| Err(Refusal { code, text: "as the test wants it".to_owned() }))
}

impl Callbacks for Fake {
    fn has(&self, callback: Callback) -> bool {
        !self.missing.contains(&callback)
    }

    fn is_serial(&self) -> bool {
        self.serial
    }

    fn put_begin(&self, key: &str) -> Answer<Option<Box<dyn Staged>>> {
        self.begin(Callback::PutBegin, key)?;
        if self.no_upload {
            return Ok(None);
        }
        self.uploads.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Box::new(FakeUpload { fake: self.clone(), key: key.to_owned(), bytes: Vec::new() })))
    }

    fn stat(&self, key: &str) -> Answer<u64> {
        self.begin(Callback::Stat, key)?;
        match self.objects.lock().unwrap().get(key) {
            Some(bytes) => Ok((bytes.len() as u64).wrapping_add(self.swell)),
            None => refusal(Status::NotFound),
        }
    }

    fn read(&self, key: &str, offset: u64, buffer: &mut [u8]) -> Answer<u64> {
        self.begin(Callback::Read, key)?;
        let objects = self.objects.lock().unwrap();
        let Some(bytes) = objects.get(key) else { return refusal(Status::NotFound) };
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count as u64 + self.boast)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&[u8]) -> Hearing) -> Answer<()> {
        self.begin(Callback::List, prefix)?;
        let keys = self.keys().into_iter().map(String::into_bytes).chain(self.besides.clone());
        for key in keys.filter(|key| key.starts_with(prefix.as_bytes()) || Some(key) == self.besides.as_ref())
        {
            // A callback that does not care what it is told.
            let _ = each(&key);
        }
        Ok(())
    }

    fn remove(&self, key: &str) -> Answer<()> {
        self.begin(Callback::Remove, key)?;
        match self.objects.lock().unwrap().remove(key) {
            Some(_) => Ok(()),
            None => refusal(Status::NotFound),
        }
    }

    fn compare_and_swap(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> Answer<()> {
        self.begin(Callback::CompareAndSwap, key)?;
        let mut objects = self.objects.lock().unwrap();
        if objects.get(key).map(Vec::as_slice).unwrap_or_default() != expected.unwrap_or_default() {
            return refusal(Status::Conflict);
        }
        objects.insert(key.to_owned(), value.to_vec());
        drop(objects);
        self.end(Callback::CompareAndSwap, key, ())
    }
}

struct FakeUpload {
    fake: Fake,
    key: String,
    bytes: Vec<u8>,
}

impl Staged for FakeUpload {
    fn write(&mut self, data: &[u8]) -> Answer<()> {
        assert!(!data.is_empty(), "no callback for no bytes");
        self.fake.begin(Callback::PutWrite, &self.key)?;
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Answer<()> {
        self.fake.uploads.fetch_sub(1, Ordering::Relaxed);
        self.fake.begin(Callback::PutFinish, &self.key)?;
        {
            let mut objects = self.fake.objects.lock().unwrap();
            if objects.contains_key(&self.key) {
                return refusal(Status::PathExists);
            }
            objects.insert(self.key.clone(), self.bytes.clone());
        }
        self.fake.end(Callback::PutFinish, &self.key, ())
    }

    fn abort(self: Box<Self>) {
        self.fake.uploads.fetch_sub(1, Ordering::Relaxed);
    }
}

fn put(store: &dyn Backend, key: &str) -> Put {
    store.put_if_absent(Context::unlimited(), key, b"x", Durability::Full)
}

fn swap(store: &dyn Backend, key: &str, expected: &[u8], value: &[u8]) -> Swap {
    let pause = Duration::from_nanos(1);
    let context = Context::default().with_retry(Retry { attempts: 3, base: pause, cap: pause });
    store.compare_and_swap(&context, key, expected, value, Durability::Full, LockWait::Deadline)
}

#[track_caller]
fn refused<T>(answer: Result<T>, status: Status, fragment: &str) -> Error {
    let Err(error) = answer else { panic!("no failure where {status:?} was due ({fragment})") };
    assert_eq!(error.status(), status, "{error}");
    assert!(error.message().contains(fragment), "{error} lacks {fragment:?}");
    error
}

#[track_caller]
fn failed(put: Put, status: Status, fragment: &str) -> Error {
    match put {
        Put::Failed(error) => refused::<()>(Err(error), status, fragment),
        other => panic!("not failed but {other:?}"),
    }
}

/// Answers `code` whenever `callback` is called with a key that has `part`.
/// Answers with `code` where a key has this part, which no random one may have: no hexadecimal number.
fn when(callback: Callback, part: &'static str, code: i32) -> Arc<Instead> {
    Arc::new(move |called, key| (called == callback && key.contains(part)).then_some(code))
}

#[test]
fn callbacks_that_keep_the_rules_make_a_store_that_does() {
    for serial in [false, true] {
        let fake = Fake { serial, ..Fake::default() };
        fake.store().verify("p", &CallOptions::default()).unwrap();
        assert_eq!((fake.keys(), fake.uploads.load(Ordering::Relaxed)), (Vec::new(), 0));
    }
}

#[test]
fn a_trial_that_fails_is_made_again_by_the_next_write() {
    let broken = Arc::new(AtomicUsize::new(1));
    let times = Arc::clone(&broken);
    let instead = move |callback: Callback, key: &str| {
        let now = callback == Callback::PutFinish && key.contains(".probe-");
        (now && times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok())
            .then_some(Status::Io as i32)
    };
    let fake = Fake { instead: Arc::new(instead), ..Fake::default() };
    let store = fake.backend();
    failed(put(&store, "a/k"), Status::Io, "put_finish");
    assert!(matches!(put(&store, "a/k"), Put::Done));
    let calls = fake.calls.load(Ordering::Relaxed);
    assert!(matches!(put(&store, "a/l"), Put::Done));
    assert_eq!(fake.calls.load(Ordering::Relaxed) - calls, 3, "it is tried once");
    let dark = Fake { instead: when(Callback::PutFinish, ".probe-", -81), ..Fake::default() };
    failed(put(&dark.backend(), "a/k"), Status::Store, "no clear answer to a probe");
}

#[test]
fn answers_below_zero_keep_code_text_and_key() {
    for (code, status, name) in [
        (Status::Store as i32, Status::Store, "LODE_ERR_STORE (-25)"),
        (Status::Io as i32, Status::Io, "LODE_ERR_IO (-20)"),
        (Status::NoMemory as i32, Status::NoMemory, "LODE_ERR_NO_MEMORY (-5)"),
        (Status::Internal as i32, Status::Store, "LODE_ERR_INTERNAL (-2)"),
        (-7777, Status::Store, "-7777, which is no LODE_ERR_*"),
    ] {
        for callback in [Callback::Stat, Callback::Read, Callback::List, Callback::Remove] {
            let fake = Fake { instead: when(callback, "", code), ..Fake::default() };
            fake.objects.lock().unwrap().insert("k".into(), b"x".to_vec());
            let store = fake.backend();
            let answer = match callback {
                Callback::List => store.list(Context::unlimited(), "", None, &mut |_| true),
                Callback::Remove => store.delete(Context::unlimited(), "k"),
                _ => store.get(Context::unlimited(), "k", 9).map(drop),
            };
            let fragment =
                format!("{} of {:?} failed with {name}: as the test", callback.name(), key_of(callback));
            let error = refused(answer, status, &fragment);
            assert_eq!(error.callback_code(), Some(code));
        }
    }
}

fn key_of(callback: Callback) -> &'static str {
    if callback == Callback::List { "" } else { "k" }
}

#[test]
fn a_full_store_takes_the_same_bytes_again() {
    let full = Arc::new(AtomicUsize::new(0));
    let flag = Arc::clone(&full);
    let instead = move |callback, _: &str| {
        (callback == Callback::PutWrite && flag.load(Ordering::Relaxed) == 1)
            .then_some(Status::NoSpace as i32)
    };
    let fake = Fake { instead: Arc::new(instead), ..Fake::default() };
    let store = fake.backend();
    let mut upload = store.upload(Context::unlimited(), "k", Durability::Full).unwrap();
    full.store(1, Ordering::Relaxed);
    refused(upload.write(Context::unlimited(), b"abc"), Status::NoSpace, "put_write");
    full.store(0, Ordering::Relaxed);
    upload.write(Context::unlimited(), b"abc").unwrap();
    assert!(matches!(upload.finish(Context::unlimited()), Put::Done));
    assert_eq!(store.get(Context::unlimited(), "k", 9).unwrap().unwrap(), b"abc");
    failed(upload.finish(Context::unlimited()), Status::State, "its put_finish was called");
}

#[test]
fn a_failed_write_aborts_once_and_stays_failed() {
    let fake = Fake { instead: when(Callback::PutWrite, "broken", -25), ..Fake::default() };
    let store = fake.backend();
    let mut upload = store.upload(Context::unlimited(), "broken", Durability::Full).unwrap();
    assert_eq!(fake.uploads.load(Ordering::Relaxed), 1);
    refused(upload.write(Context::unlimited(), b"x"), Status::Store, "put_write");
    assert_eq!(fake.uploads.load(Ordering::Relaxed), 0);
    refused(upload.write(Context::unlimited(), b"x"), Status::Store, "put_write");
    failed(upload.finish(Context::unlimited()), Status::Store, "put_write");
    drop(upload);
    assert_eq!(fake.uploads.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_not_said_clearly_is_unknown() {
    for (code, unknown) in
        [(-81, true), (-1, true), (-82, true), (-83, true), (-999, true), (-25, false), (-20, false)]
    {
        let fake = Fake { instead: when(Callback::PutFinish, "doubt", code), ..Fake::default() };
        assert_eq!(matches!(put(&fake.backend(), "doubt"), Put::Unknown(_)), unknown, "{code}");
        let fake = Fake { instead: when(Callback::CompareAndSwap, "doubt", code), ..Fake::default() };
        assert_eq!(matches!(swap(&fake.backend(), "doubt", b"", b"x"), Swap::Unknown(_)), unknown, "{code}");
    }
    let fake = Fake { instead: when(Callback::PutFinish, "doubt", -81), ..Fake::default() };
    let error = refused(
        fake.store().put("doubt", b"x", &CallOptions::default()),
        Status::CommitUnknown,
        "it is unknown whether",
    );
    assert_eq!((error.action(), error.callback_code()), (Action::Resolve, Some(-81)));
}

#[test]
fn a_swap_that_is_refused_reads_what_is_there_and_a_busy_one_is_tried_again() {
    for code in [Status::Conflict, Status::PathExists, Status::NotFound] {
        let fake = Fake { instead: when(Callback::CompareAndSwap, "p", code as i32), ..Fake::default() };
        fake.objects.lock().unwrap().insert("p".into(), b"there".to_vec());
        // The trial's key has no such letter; its answers are true ones.
        let Swap::Mismatch(Some(current)) = swap(&fake.unprobed(), "p", b"", b"x") else {
            panic!("{code:?}")
        };
        assert_eq!(current, b"there");
    }
    let fake = Fake { instead: when(Callback::CompareAndSwap, "p", Status::Busy as i32), ..Fake::default() };
    let Swap::Busy(error) = swap(&fake.unprobed(), "p", b"", b"x") else { panic!("not busy") };
    refused::<()>(Err(error), Status::Busy, "compare_and_swap");
    assert_eq!(fake.calls.load(Ordering::Relaxed), 3);
}

#[test]
fn lies_are_told_from_answers() {
    let none = CallOptions::default;
    let object = |fake: &Fake| fake.objects.lock().unwrap().insert("k".into(), b"0123456789".to_vec());
    let boasting = Fake { boast: 60, ..Fake::default() };
    object(&boasting);
    let error =
        refused(boasting.store().get("k", &none()), Status::Store, "read of \"k\" answered 70 at offset 0");
    assert_eq!(error.callback_code(), Some(70));
    for (swell, fragment) in [
        (1, "does not give the 11 bytes that its stat answers"),
        (u64::MAX, "does not give the 9 bytes"),
        (1 << 40, "does not give the"),
        (1 << 63, "which cannot be"),
        (u64::MAX - 10, "gave no size"),
    ] {
        let fake = Fake { swell, ..Fake::default() };
        object(&fake);
        refused(fake.backend().get(Context::unlimited(), "k", u64::MAX), Status::Store, fragment);
        if swell == 1 {
            let mut buffer = [0; 20];
            refused(fake.store().read("k", 0, &mut buffer, &none()), Status::Store, "ends at byte 10");
        }
    }
    let uploadless = Fake { no_upload: true, ..Fake::default() };
    failed(put(&uploadless.backend(), "k"), Status::Store, "gave no upload");
    for (key, fragment) in [
        (&b"other/x"[..], "does not begin with that prefix"),
        (b"f/../x", "breaks the rules"),
        (b"f/\xff", "no UTF-8"),
        (b"f/", "breaks the rules"),
    ] {
        let fake = Fake { besides: Some(key.to_vec()), ..Fake::default() };
        refused(fake.store().list("f", &none()), Status::Store, fragment);
    }
}

#[test]
fn an_object_that_is_swapped_while_it_is_read_is_read_anew() {
    let fake = Fake::default();
    fake.objects.lock().unwrap().insert("latest".into(), b"short".to_vec());
    let objects = Arc::clone(&fake.objects);
    let swapped = move |callback, _: &str| {
        if callback == Callback::Read {
            objects.lock().unwrap().insert("latest".into(), b"a longer one".to_vec());
        }
        None
    };
    let fake = Fake { instead: Arc::new(swapped), ..fake };
    assert_eq!(fake.backend().get(Context::unlimited(), "latest", 99).unwrap().unwrap(), b"a longer one");
}

#[test]
fn a_callback_that_uses_its_own_store_is_refused() {
    let inner: Arc<Mutex<Option<Store>>> = Arc::default();
    let seen: Arc<Mutex<Vec<Error>>> = Arc::default();
    let (used, errors) = (Arc::clone(&inner), Arc::clone(&seen));
    let instead = move |callback, _: &str| {
        let store = used.lock().unwrap().clone();
        if let (Callback::Stat, Some(store)) = (callback, store) {
            errors.lock().unwrap().extend(store.exists("k", &CallOptions::default()).err());
        }
        None
    };
    for serial in [false, true] {
        let fake = Fake { serial, instead: Arc::new(instead.clone()), ..Fake::default() };
        let store = fake.store();
        *inner.lock().unwrap() = Some(store.clone());
        assert!(!store.exists("k", &CallOptions::default()).unwrap());
        *inner.lock().unwrap() = None;
        let error = seen.lock().unwrap().pop().unwrap();
        refused::<()>(Err(error), Status::State, "a callback must not use its own store");
    }
}

#[test]
fn an_upload_that_is_given_up_inside_a_callback_is_aborted_after_it() {
    let held: Arc<Mutex<Option<Box<dyn lode_core::store::Upload>>>> = Arc::default();
    let uploads: Arc<AtomicUsize> = Arc::default();
    let (dropped, count) = (Arc::clone(&held), Arc::clone(&uploads));
    let instead = move |callback, _: &str| {
        if callback == Callback::Stat && dropped.lock().unwrap().take().is_some() {
            assert_eq!(count.load(Ordering::Relaxed), 1, "not while another callback runs");
        }
        None
    };
    let fake = Fake { instead: Arc::new(instead), uploads, serial: true, ..Fake::default() };
    let store = fake.backend();
    let upload = store.upload(Context::unlimited(), "k", Durability::Full).unwrap();
    *held.lock().unwrap() = Some(upload);
    assert!(store.open(Context::unlimited(), "k").unwrap().is_none());
    assert_eq!(fake.uploads.load(Ordering::Relaxed), 0);
}

#[test]
fn a_serial_store_has_one_callback_at_a_time() {
    let running = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&running);
    let instead = move |_: Callback, _: &str| {
        assert_eq!(count.fetch_add(1, Ordering::SeqCst), 0, "two callbacks at once");
        std::thread::yield_now();
        count.fetch_sub(1, Ordering::SeqCst);
        None
    };
    let fake = Fake { serial: true, instead: Arc::new(instead), ..Fake::default() };
    let store = fake.store();
    let (threads, puts) = (4, 20);
    std::thread::scope(|scope| {
        for n in 0..threads {
            let store = store.clone();
            scope.spawn(move || {
                for m in 0..puts {
                    store.put(&format!("{n}/{m}"), b"x", &CallOptions::default()).unwrap();
                }
            });
        }
    });
    assert_eq!(fake.keys().len(), threads * puts);
}

#[test]
fn a_thread_that_waits_for_another_threads_callback_ends_when_it_is_told_to() {
    let (entered, inside) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let left = Mutex::new(left);
    let instead = move |_: Callback, key: &str| {
        if key == "slow" {
            entered.send(()).unwrap();
            let _ = left.lock().unwrap().recv();
        }
        None
    };
    let fake = Fake { serial: true, instead: Arc::new(instead), ..Fake::default() };
    let store = fake.store();
    std::thread::scope(|scope| {
        let slow = store.clone();
        scope.spawn(move || slow.exists("slow", &CallOptions::default()).unwrap());
        inside.recv().unwrap();
        // More questions than come before the wait, which asks until it is told to end.
        let asked = AtomicUsize::new(0);
        let progress = ProgressListener::new(move |_| asked.fetch_add(1, Ordering::Relaxed) < 100);
        let options = CallOptions { progress: Some(progress), ..CallOptions::default() };
        let answer = store.exists("k", &options);
        // Before anything is asserted: a failure must not leave the other thread waiting.
        leave.send(()).unwrap();
        refused(answer, Status::Aborted, "waiting for another thread's callback");
    });
}

#[test]
fn reading_and_listing_end_between_two_callbacks() {
    let fake = Fake::default();
    let data = vec![b'x'; 3 << 20];
    fake.objects.lock().unwrap().insert("big".into(), data);
    let token = CancelToken::new();
    let cancelled = token.clone();
    let fake = Fake {
        instead: Arc::new(move |callback, _: &str| {
            if callback == Callback::Read {
                cancelled.cancel();
            }
            None
        }),
        ..fake
    };
    let options = CallOptions { deadline: None, cancel: Some(token), ..CallOptions::default() };
    refused(fake.store().get("big", &options), Status::Cancelled, "cancelled while");
    assert_eq!(fake.calls.load(Ordering::Relaxed), 2, "stat, one read, and no more");
    let many = Fake::default();
    for n in 0..5000 {
        many.objects.lock().unwrap().insert(format!("{n:05}"), Vec::new());
    }
    let store = many.backend();
    let token = CancelToken::new();
    let context = Context::start(&CallOptions { cancel: Some(token.clone()), ..CallOptions::default() });
    let mut heard = 0;
    let answer = store.list(&context, "", None, &mut |_| {
        token.cancel();
        heard += 1;
        true
    });
    refused(answer, Status::Cancelled, "listing a callback store");
    assert_eq!(heard, 1023);
}
