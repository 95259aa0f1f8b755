//! The conformance suite of stores: every rule that commits and readers rely on (`docs/commit-protocol.md`,
//! section "What a store must give"), tried on a store that works, and named when it is broken.

use std::cell::RefCell;
use std::time::Duration;

use super::{Backend, Durability, LockWait, Object, Put, Store, Swap, key};
use crate::context::{CallOptions, Context, Retry};
use crate::error::{Error, Result, Status};
use crate::id;

/// A rule: what it says, and how it is tried.
type Rule = (&'static str, fn(&Trial<'_>) -> Result<()>);

const RULES: &[Rule] = &[
    ("an object that was never written is absent, everywhere", nothing_at_first),
    ("an object whose put answered success is there", a_put_is_there),
    ("an object reads back byte for byte", whole_objects),
    ("a read at an offset gives the object's bytes from there on, up to its end", ranges),
    ("an object is not seen before its put is finished, and not at all if that is given up", unseen_uploads),
    ("a put never replaces an object", put_if_absent),
    ("of two puts of one key that run at once exactly one succeeds", overlapping_puts),
    ("a swap happens only if the object has the expected bytes", swaps),
    ("a listing has every object below its prefix at once, each once, and no others", listings),
    ("keys are texts: what another system would escape or cut is kept", odd_keys),
    ("a removed object is gone at once, its neighbours are not, and its key is free again", removals),
];

/// A size that takes several reads and writes and is no power of two.
const LARGE: usize = 300_007;

impl Store {
    /// Tries every rule that a store must keep; an error names the first that is broken. It works under a
    /// folder of its own below `prefix`, and leaves nothing there.
    ///
    /// # Errors
    /// `Store` if a rule is broken; `Unsupported` if the store lacks what the suite needs; `InvalidPath`;
    /// `Deadline`, `Cancelled`, `Aborted`; the store's failure.
    pub fn verify(&self, prefix: &str, options: &CallOptions) -> Result<()> {
        let pause = Duration::from_millis(1);
        let context = Context::start(options).with_retry(Retry { attempts: 8, base: pause, cap: pause });
        let backend = self.bare();
        let root = format!("{}.verify-{:032x}/", key::folder(prefix)?, id::fresh_nonce());
        let (mut verdict, named) = (Ok(()), RefCell::default());
        for (number, (rule, holds)) in RULES.iter().enumerate() {
            let trial = Trial { backend, context: &context, root: format!("{root}{number}/"), named: &named };
            verdict = context
                .check("verifying a store")
                .and_then(|()| holds(&trial))
                .map_err(|error| error.context(format_args!("{}: {rule}", backend.describe())));
            if verdict.is_err() {
                break;
            }
        }
        // With any verdict, and even after the deadline: nothing is to stay.
        let cleaned = clean(backend, &root, named.into_inner());
        verdict.and(cleaned)
    }
}

/// What one rule is tried with.
struct Trial<'a> {
    backend: &'a dyn Backend,
    context: &'a Context,
    /// The folder that is this rule's alone.
    root: String,
    /// Every key that may have been written: a broken listing may hide some.
    named: &'a RefCell<Vec<String>>,
}

fn broken(what: impl std::fmt::Display) -> Error {
    Error::new(Status::Store, what)
}

/// Bytes that differ from place to place, so that a shift or a repetition shows.
fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}

/// Where two texts of bytes part.
fn differ(found: &[u8], expected: &[u8]) -> String {
    let at = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
    if found.len() == expected.len() {
        format!("differs from what was written at byte {at} of {}", expected.len())
    } else {
        format!(
            "has {} bytes, but {} were written (they are equal up to byte {at})",
            found.len(),
            expected.len()
        )
    }
}

impl Trial<'_> {
    fn key(&self, name: &str) -> String {
        let key = format!("{}{name}", self.root);
        if !key.ends_with('/') {
            self.named.borrow_mut().push(key.clone());
        }
        key
    }

    fn check(&self) -> Result<()> {
        self.context.step("verifying a store")
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<Put> {
        self.check()?;
        match self.backend.put_if_absent(self.context, key, data, Durability::Full) {
            Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => Err(error),
            put => Ok(put),
        }
    }

    /// A put that must succeed.
    fn write(&self, key: &str, data: &[u8]) -> Result<()> {
        match self.put(key, data)? {
            Put::Exists => {
                Err(broken(format_args!("the put of {key:?} finds it taken, but it was never written")))
            }
            _ => Ok(()),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.check()?;
        self.backend.get(self.context, key, u64::MAX)
    }

    /// The object must be this.
    fn expect(&self, key: &str, data: &[u8]) -> Result<()> {
        match self.get(key)? {
            None => Err(broken(format_args!("{key:?} was written, but is absent"))),
            Some(found) if found != data => Err(broken(format_args!("{key:?} {}", differ(&found, data)))),
            Some(_) => Ok(()),
        }
    }

    fn expect_absent(&self, key: &str, why: &str) -> Result<()> {
        if self.get(key)?.is_some() || self.backend.open(self.context, key)?.is_some() {
            return Err(broken(format_args!("{key:?} is there, but {why}")));
        }
        Ok(())
    }

    fn swap(&self, key: &str, expected: &[u8], value: &[u8]) -> Result<Swap> {
        self.check()?;
        let wait = LockWait::Deadline;
        match self.backend.compare_and_swap(self.context, key, expected, value, Durability::Full, wait) {
            Swap::Busy(error) | Swap::Failed(error) | Swap::Unknown(error) => Err(error),
            swap => Ok(swap),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.check()?;
        let mut keys = Vec::new();
        self.backend.list(self.context, prefix, None, &mut |key| {
            keys.push(key.to_owned());
            true
        })?;
        keys.sort_unstable();
        Ok(keys)
    }

    fn expect_listed(&self, prefix: &str, expected: &[String]) -> Result<()> {
        let found = self.list(prefix)?;
        if let Some(twice) = found.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(broken(format_args!("the listing of {prefix:?} has {:?} twice", twice[0])));
        }
        if let Some(missing) = expected.iter().find(|key| !found.contains(key)) {
            return Err(broken(format_args!("the listing of {prefix:?} lacks {missing:?}, which is there")));
        }
        match found.iter().find(|key| !expected.contains(key)) {
            Some(more) => {
                Err(broken(format_args!("the listing of {prefix:?} has {more:?}, which is not there")))
            }
            None => Ok(()),
        }
    }
}

fn nothing_at_first(trial: &Trial<'_>) -> Result<()> {
    let key = trial.key("nothing");
    trial.expect_absent(&key, "it was never written")?;
    trial.expect_listed(&trial.root, &[])?;
    // What it has not it removes well.
    trial.backend.delete(trial.context, &key)
}

fn a_put_is_there(trial: &Trial<'_>) -> Result<()> {
    for (name, data) in [("one", &b"x"[..]), ("empty", b""), ("folder/below", b"{\"a\":1}\n")] {
        let key = trial.key(name);
        trial.write(&key, data)?;
        match trial.backend.open(trial.context, &key)? {
            None => {
                return Err(broken(format_args!("the put of {key:?} answered success, but it is absent")));
            }
            Some(object) if object.size() != data.len() as u64 => {
                let what = format!("{key:?} has a size of {}, expected {}", object.size(), data.len());
                return Err(broken(what));
            }
            Some(_) => trial.expect(&key, data)?,
        }
    }
    Ok(())
}

fn whole_objects(trial: &Trial<'_>) -> Result<()> {
    // All bytes there are, zeros and line ends among them.
    let every: Vec<u8> = (0..=255).collect();
    for (name, data) in [("every", every), ("large", pattern(LARGE)), ("odd", pattern(65_537))] {
        let key = trial.key(name);
        let mut upload = trial.backend.upload(trial.context, &key, Durability::Full)?;
        let mut rest = &data[..];
        let mut size = 1;
        while !rest.is_empty() {
            trial.check()?;
            let (piece, after) = rest.split_at(size.min(rest.len()));
            upload.write(trial.context, piece)?;
            rest = after;
            size = size * 3 + 1;
        }
        match upload.finish(trial.context) {
            Put::Done => {}
            Put::Exists => return Err(broken(format_args!("the put of {key:?} finds it taken"))),
            Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => return Err(error),
        }
        trial.expect(&key, &data)?;
    }
    Ok(())
}

fn ranges(trial: &Trial<'_>) -> Result<()> {
    let key = trial.key("ranges");
    let data = pattern(LARGE);
    trial.write(&key, &data)?;
    let absent = || broken(format_args!("{key:?} was written, but is absent"));
    let mut object = trial.backend.open(trial.context, &key)?.ok_or_else(absent)?;
    let len = data.len();
    let cases = [
        (0, 1),
        (0, len),
        (1, 4096),
        (4095, 65_536),
        (len / 2, len),
        (len - 1, 1),
        (len - 1, 100),
        (len, 10),
    ];
    for (offset, wanted) in cases {
        trial.check()?;
        let found = read_range(trial.context, &mut *object, offset as u64, wanted)?;
        let expected = &data[offset..len.min(offset + wanted)];
        if found != expected {
            let what = differ(&found, expected).replace("were written", "are there");
            return Err(broken(format_args!(
                "a read of {wanted} bytes at offset {offset} of {key:?} {what}"
            )));
        }
    }
    Ok(())
}

fn read_range(context: &Context, object: &mut dyn Object, offset: u64, wanted: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; wanted];
    let mut filled = 0;
    while filled < wanted {
        match object.read_at(context, offset + filled as u64, &mut bytes[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn unseen_uploads(trial: &Trial<'_>) -> Result<()> {
    let key = trial.key("upload");
    let mut upload = trial.backend.upload(trial.context, &key, Durability::Full)?;
    upload.write(trial.context, b"not yet")?;
    trial.expect_absent(&key, "its put is not finished")?;
    trial.expect_listed(&trial.root, &[])?;
    drop(upload);
    trial.expect_absent(&key, "its put was given up")?;
    trial.expect_listed(&trial.root, &[])?;
    trial.write(&key, b"now")?;
    trial.expect(&key, b"now")
}

fn put_if_absent(trial: &Trial<'_>) -> Result<()> {
    for (name, first, second) in [("k", &b"first"[..], &b"second one"[..]), ("empty", b"", b"second")] {
        let key = trial.key(name);
        trial.write(&key, first)?;
        for data in [second, first] {
            if !matches!(trial.put(&key, data)?, Put::Exists) {
                let what = "a second put of it answered success, not that the path exists";
                return Err(broken(format_args!("{key:?} exists, but {what}")));
            }
            let after = |error: Error| error.context("after a second put, which was refused");
            trial.expect(&key, first).map_err(after)?;
        }
    }
    Ok(())
}

fn overlapping_puts(trial: &Trial<'_>) -> Result<()> {
    let key = trial.key("k");
    let mut one = trial.backend.upload(trial.context, &key, Durability::Full)?;
    let mut two = trial.backend.upload(trial.context, &key, Durability::Full)?;
    one.write(trial.context, b"one")?;
    two.write(trial.context, b"two")?;
    let (second, first) = (two.finish(trial.context), one.finish(trial.context));
    match (second, first) {
        (Put::Done, Put::Exists) => trial.expect(&key, b"two"),
        (Put::Exists, Put::Done) => trial.expect(&key, b"one"),
        (Put::Done, Put::Done) => Err(broken(format_args!("both puts of {key:?} answered success"))),
        (Put::Exists, Put::Exists) => Err(broken(format_args!("both puts of {key:?} find it taken"))),
        (Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error), _)
        | (_, Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error)) => Err(error),
    }
}

fn swaps(trial: &Trial<'_>) -> Result<()> {
    let key = trial.key("pointer");
    let refused = |expected: &[u8], there: Option<&[u8]>| {
        let shown = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(bytes));
        let found = there.map_or("is absent".to_owned(), |there| format!("holds {}", shown(there)));
        match trial.swap(&key, expected, b"stolen")? {
            Swap::Mismatch(_) => match there {
                Some(there) => trial.expect(&key, there),
                None => trial.expect_absent(&key, "a swap of it was refused"),
            },
            _ => {
                let what = match expected {
                    b"" => "no object is".to_owned(),
                    expected => format!("{} is", shown(expected)),
                };
                let answer = "but it answered success, not a conflict";
                Err(broken(format_args!(
                    "{key:?} {found}; a swap that says {what} expected must be refused, {answer}"
                )))
            }
        }
    };
    let done = |expected: &[u8], value: &[u8]| match trial.swap(&key, expected, value)? {
        Swap::Mismatch(_) => {
            let shown = String::from_utf8_lossy(expected);
            Err(broken(format_args!(
                "{key:?} has the expected bytes {shown:?}, but the swap answered a conflict"
            )))
        }
        _ => trial.expect(&key, value),
    };
    refused(b"something", None)?;
    done(b"", b"one")?;
    for expected in [&b""[..], b"on", b"one\n", b"One", b"two"] {
        refused(expected, Some(b"one"))?;
    }
    // Longer, shorter, and back: the whole object is replaced.
    done(b"one", b"a longer value than before")?;
    done(b"a longer value than before", b"2")?;
    done(b"2", b"one")?;
    refused(b"2", Some(b"one"))
}

fn listings(trial: &Trial<'_>) -> Result<()> {
    let names = ["foo/a", "foo/b/c", "foo/b/d", "foobar/e", "foo-bar", "f", "manifest.json"];
    let mut keys: Vec<String> = Vec::new();
    for name in names {
        let key = trial.key(name);
        trial.write(&key, name.as_bytes())?;
        keys.push(key);
        // Each shows at once: a listing that is behind would hide a commit.
        trial.expect_listed(&trial.root, &keys)?;
    }
    let below: Vec<String> = keys.iter().filter(|key| key.starts_with(&trial.key("foo/"))).cloned().collect();
    trial.expect_listed(&trial.key("foo/"), &below)?;
    trial.expect_listed(&trial.key("foo/b/"), &below[1..])?;
    trial.expect_listed(&trial.key("none/"), &[])?;
    let mut found = Vec::new();
    trial.backend.list_names(trial.context, &trial.key("foo/"), &mut |name| {
        found.push(name.to_owned());
        true
    })?;
    found.sort_unstable();
    if found != ["a", "b"] {
        return Err(broken(format_args!("the names directly below {:?} are {found:?}", trial.key("foo/"))));
    }
    // Many, so that a page that ends too early shows.
    let many: Vec<String> = (0..120).map(|n| trial.key(&format!("many/{n:03}"))).collect();
    for key in &many {
        trial.write(key, b"")?;
    }
    trial.expect_listed(&trial.key("many/"), &many)?;
    trial.backend.delete(trial.context, &keys[1])?;
    trial.expect_listed(&trial.key("foo/b/"), &below[2..])
}

fn odd_keys(trial: &Trial<'_>) -> Result<()> {
    let long = "x".repeat(200);
    let names = ["with space", "per%2Fcent", "a+b&c=d?e#f", "k=v", "żółw-😀", "...", &long];
    let mut keys = Vec::new();
    for name in names {
        let key = trial.key(name);
        trial.write(&key, name.as_bytes())?;
        keys.push(key);
    }
    for (key, name) in keys.iter().zip(names) {
        trial.expect(key, name.as_bytes())?;
    }
    trial.expect_listed(&trial.root, &keys)
}

fn removals(trial: &Trial<'_>) -> Result<()> {
    let (key, neighbour) = (trial.key("d/gone"), trial.key("d/stays"));
    trial.write(&key, b"one")?;
    trial.write(&neighbour, b"two")?;
    trial.backend.delete(trial.context, &key)?;
    trial.expect_absent(&key, "it was removed")?;
    trial.expect_listed(&trial.root, std::slice::from_ref(&neighbour))?;
    trial.backend.delete(trial.context, &key).map_err(|error| error.context("a second removal"))?;
    trial.expect(&neighbour, b"two")?;
    trial.write(&key, b"three")?;
    trial.expect(&key, b"three")
}

/// Removes what the suite may have written, and what is listed besides.
fn clean(backend: &dyn Backend, root: &str, mut keys: Vec<String>) -> Result<()> {
    let _ = backend.list(Context::unlimited(), root, None, &mut |key| {
        keys.push(key.to_owned());
        true
    });
    keys.sort_unstable();
    keys.dedup();
    let mut failure = Ok(());
    for key in keys {
        if let Err(error) = backend.delete(Context::unlimited(), &key) {
            failure = Err(error.context(format_args!("{}: what the suite wrote stays", backend.describe())));
        }
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    #[test]
    fn the_stores_of_this_library_keep_every_rule_and_nothing_stays() {
        let root = std::env::temp_dir().join(format!("lode-verify-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&root).unwrap();
        let disk = Store::open_filesystem(root.to_str().unwrap(), StoreOptions::default()).unwrap();
        for store in [disk, Store::open_memory(StoreOptions::default())] {
            store.put("p/mine", b"x", &CallOptions::default()).unwrap();
            for prefix in ["", "p", "p/"] {
                store.verify(prefix, &CallOptions::default()).unwrap();
            }
            let mut left = store.list("", &CallOptions::default()).unwrap();
            assert_eq!(left.next().unwrap().as_deref(), Some("p/mine"));
            assert_eq!(left.next().unwrap(), None);
        }
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_prefix_that_is_none_and_a_deadline_that_is_over_are_told() {
        let store = Store::open_memory(StoreOptions::default());
        let error = store.verify("a//b", &CallOptions::default()).unwrap_err();
        assert_eq!(error.status(), Status::InvalidPath);
        let over = CallOptions { deadline: Some(Duration::ZERO), cancel: None, ..CallOptions::default() };
        let error = store.verify("", &over).unwrap_err();
        assert_eq!(error.status(), Status::Deadline);
    }
}
