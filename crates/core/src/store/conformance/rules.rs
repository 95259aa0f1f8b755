//! The rules, one by one.

use super::{Trial, broken, differ, pattern};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::store::{Durability, LockWait, Object, Put, Swap, key};

/// A rule: what it says, and how it is tried.
type Rule = (&'static str, fn(&Trial<'_>) -> Result<()>);

pub(super) const RULES: &[Rule] = &[
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
    ("a listing begins after the key that it is told, in the order that the store promises", listing_starts),
    ("a listing ends when its caller has enough", listing_stops),
    ("temporary files are objects that no listing shows", temporary_files),
    ("an object longer than a reader's limit is corrupt", limits),
    ("an object that need not survive a power cut is an object", process_durability),
    ("what a store says that it can do, it can", capabilities),
    ("a key that breaks the rules for keys is refused by every operation", invalid_keys),
];

/// A size that takes several reads and writes and is no power of two.
const LARGE: usize = 300_007;

fn nothing_at_first(trial: &Trial<'_>) -> Result<()> {
    let key = trial.key("nothing");
    trial.expect_absent(&key, "it was never written")?;
    trial.expect_listed(&trial.root, &[])?;
    trial.expect_names(&trial.root, &[])?;
    // What it has not it removes well.
    trial.backend.delete(trial.context, &key)?;
    let file = trial.key("file");
    trial.write(&file, b"x")?;
    trial.expect_absent(&trial.key("file/below/it"), "what is above it is an object")
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
        match trial.backend.head(trial.context, &key)? {
            Some(head) if head.size == data.len() as u64 => {}
            head => {
                let what = format!("the head of {key:?} is {head:?}, expected {} bytes", data.len());
                return Err(broken(what));
            }
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
    let mut upload = trial.backend.upload(trial.context, &key, Durability::Full)?;
    upload.write(trial.context, b"now ")?;
    upload.start_writeback();
    upload.write(trial.context, b"it is")?;
    trial.expect_absent(&key, "its second put is not finished")?;
    match upload.finish(trial.context) {
        Put::Done => trial.expect(&key, b"now it is"),
        Put::Exists => Err(broken(format_args!("the put of {key:?} finds the one that was given up"))),
        Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => Err(error),
    }
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
    if !trial.backend.capabilities().has_conditional_uploads {
        return Ok(());
    }
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
    for (folder, names) in [
        ("", &["f", "foo", "foo-bar", "foobar", "manifest.json"][..]),
        ("foo/", &["a", "b"]),
        ("foo/b/", &["c", "d"]),
        ("none/", &[]),
        ("f/", &[]),
    ] {
        trial.expect_names(&trial.key(folder), names)?;
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
    trial.expect_names(&trial.key("d/"), &["stays"])?;
    trial.write(&key, b"three")?;
    trial.expect(&key, b"three")?;
    for key in [&key, &neighbour] {
        trial.backend.delete(trial.context, key)?;
    }
    // A folder is there for as long as there is an object in it.
    trial.expect_names(&trial.root, &[])
}

fn listing_starts(trial: &Trial<'_>) -> Result<()> {
    // '-' sorts before '/', and '0' after it.
    let names = ["a", "b-c", "b/c", "b/d", "b0", "c/d/e"];
    let keys: Vec<String> = names.iter().map(|name| trial.key(name)).collect();
    for key in &keys {
        trial.write(key, b"")?;
    }
    let between = trial.key("b/cc");
    let starts = keys.iter().chain([&between]).map(|key| Some(&**key)).chain([None]);
    for start in starts {
        trial.check()?;
        let mut found = Vec::new();
        trial.backend.list(trial.context, &trial.root, start, &mut |key| {
            found.push(key.to_owned());
            true
        })?;
        let expected: Vec<String> =
            keys.iter().filter(|key| start.is_none_or(|start| ***key > *start)).cloned().collect();
        if !trial.backend.capabilities().is_ordered {
            found.sort_unstable();
        }
        if found != expected {
            let what = format!("the listing after {start:?} gives {found:?}, expected {expected:?}");
            return Err(broken(what));
        }
    }
    Ok(())
}

fn listing_stops(trial: &Trial<'_>) -> Result<()> {
    for name in ["a/1", "a/2", "b/3"] {
        trial.write(&trial.key(name), b"")?;
    }
    let (context, root) = (trial.context, &*trial.root);
    let mut heard = 0;
    let once = &mut |_: &str| {
        heard += 1;
        false
    };
    trial.backend.list(context, root, None, once)?;
    trial.backend.list_names(context, root, once)?;
    match heard {
        2 => Ok(()),
        _ => Err(broken(format_args!("two listings that were stopped at their first key gave {heard} keys"))),
    }
}

fn temporary_files(trial: &Trial<'_>) -> Result<()> {
    // This library's, and the Go library's.
    let hidden = [key::temporary_name(), ".lode-cas-123".to_owned()].map(|name| trial.key(&name));
    let names = [".lode-kept", "x.tmp"];
    let shown = names.map(|name| trial.key(name));
    for key in hidden.iter().chain(&shown) {
        trial.write(key, b"x")?;
        trial.expect(key, b"x")?;
    }
    trial.expect_listed(&trial.root, &shown)?;
    trial.expect_names(&trial.root, &names)?;
    hidden.iter().try_for_each(|key| trial.backend.delete(trial.context, key))
}

fn limits(trial: &Trial<'_>) -> Result<()> {
    let key = trial.key("k");
    trial.write(&key, b"12345")?;
    let read = |limit| trial.backend.get(trial.context, &key, limit);
    if read(5)?.as_deref() != Some(b"12345") {
        return Err(broken(format_args!("a read of the 5 bytes of {key:?} with a limit of 5 gives others")));
    }
    match read(4) {
        Err(error) if error.status() == Status::Corrupt => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(broken(format_args!("a read of the 5 bytes of {key:?} with a limit of 4 succeeds"))),
    }
}

fn process_durability(trial: &Trial<'_>) -> Result<()> {
    let key = trial.key("k");
    let put = |data| trial.backend.put_if_absent(trial.context, &key, data, Durability::Process);
    for (data, is_there) in [(&b"one"[..], false), (b"two", true)] {
        match put(data) {
            Put::Done if !is_there => {}
            Put::Exists if is_there => {}
            Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => return Err(error),
            put => return Err(broken(format_args!("a put of {key:?} answers {put:?}"))),
        }
    }
    trial.expect(&key, b"one")?;
    trial.backend.persist(trial.context, &key)
}

fn capabilities(trial: &Trial<'_>) -> Result<()> {
    let (backend, context) = (trial.backend, trial.context);
    let (there, absent) = (trial.key("there"), trial.key("absent"));
    trial.write(&there, b"x")?;
    let says = backend.capabilities();
    if says.has_locations != backend.location(&there).is_some() {
        return Err(broken(format_args!("it says {says:?}, and gives the location of an object otherwise")));
    }
    if says.has_clock {
        let (age, of_none) = (backend.age(context, &there)?, backend.age(context, &absent)?);
        if age.is_none() || of_none.is_some() {
            return Err(broken(format_args!(
                "an object's age is {age:?}, that of an absent one {of_none:?}"
            )));
        }
    }
    backend.persist(context, &there)?;
    match backend.persist(context, &absent) {
        Err(error) if error.status() == Status::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(broken(format_args!("{absent:?} is made durable, but is absent"))),
    }
}

fn invalid_keys(trial: &Trial<'_>) -> Result<()> {
    let (backend, context) = (trial.backend, trial.context);
    let refused = |key: &str, answer: Result<()>| match answer {
        Err(error) if error.status() == Status::InvalidPath => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(broken(format_args!("the key {key:?} is taken for one"))),
    };
    for prefix in ["../", "a/../", "a//", "//"] {
        refused(prefix, backend.list(context, prefix, None, &mut |_| true))?;
        refused(prefix, backend.list_names(context, prefix, &mut |_| true))?;
    }
    for key in ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\0b", "a\nb", "a\r"] {
        let put = match backend.put_if_absent(context, key, b"x", Durability::Full) {
            Put::Failed(error) => Err(error),
            _ => Ok(()),
        };
        let swap =
            match backend.compare_and_swap(context, key, b"", b"x", Durability::Full, LockWait::Attempts) {
                Swap::Failed(error) => Err(error),
                _ => Ok(()),
            };
        let answers = [
            put,
            swap,
            backend.upload(context, key, Durability::Full).map(drop),
            backend.head(context, key).map(drop),
            backend.open(context, key).map(drop),
            backend.get(context, key, 9).map(drop),
            backend.delete(context, key),
            backend.persist(context, key),
        ];
        answers.into_iter().try_for_each(|answer| refused(key, answer))?;
    }
    Ok(())
}
