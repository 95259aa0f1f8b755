//! Clean-ups beside writers that are killed at random: processes of their own, on a real file system, with no
//! regard to age. Every acknowledged snapshot stays whole, and what the dead writers left is gone at the end.

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::audit::audit;
use super::*;
use crate::id::fresh_random;
use crate::store::Durability;
use crate::upkeep::CollectOptions;

/// Names the root to a process that is to be a writer.
const ROOT: &str = "LODE_TEST_WRITER";

/// How many writers are killed; more in a soak.
const ROUNDS: &str = "LODE_SOAK_ROUNDS";

fn open_at(root: &Path) -> Dataset {
    let root = root.to_str().expect("UTF-8");
    let store = Store::open_filesystem(root, StoreOptions::default()).expect("it opens");
    let options = DatasetOptions { durability: Durability::Process, retry: Retry::default(), ..options() };
    Dataset::open(&store, "events", options).expect("it opens")
}

#[test]
fn a_writer_of_its_own() {
    // Without the variable this is the name of a process, and no test.
    let Some(root) = std::env::var_os(ROOT) else { return };
    let dataset = open_at(Path::new(&root));
    let mut stdout = std::io::stdout();
    for number in 0_u64.. {
        let large = number % 8 == 7;
        let note = if large { "n".repeat((1 << 20) + 1) } else { String::new() };
        let metadata = Metadata::parse(&format!("{{\"note\":\"{note}\"}}")).expect("it is JSON");
        let committed =
            dataset.stream_write_records(&mut records(&["1", "2"]), metadata, CommitOptions::default());
        // What a clean-up took before it was held is a clear error, and nothing is committed.
        if let Ok(commit) = committed {
            writeln!(stdout, "committed {}", commit.snapshot.id()).expect("the parent reads");
        }
    }
}

struct Writer {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Writer {
    fn start(root: &Path) -> Writer {
        let mut child = Command::new(std::env::current_exe().expect("this test's program"))
            .args(["--exact", "dataset::tests::collect_kills::a_writer_of_its_own", "--nocapture"])
            .env(ROOT, root)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be run");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Writer { child, lines }
    }

    /// The next snapshot that it acknowledges; `None` at its end.
    fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).expect("it can be read") > 0 {
            // One that was killed may have written a part of its last line.
            if let Some((_, id)) = line.strip_suffix('\n').and_then(|line| line.split_once("committed ")) {
                return Some(id.to_owned());
            }
            line.clear();
        }
        None
    }

    /// Kills it; gives what it had acknowledged.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
        std::iter::from_fn(|| self.next()).collect()
    }
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn writers_killed_at_random_beside_clean_ups_lose_nothing_that_was_acknowledged() {
    let rounds: usize = std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6);
    let scratch = Scratch(std::env::temp_dir().join(format!("lode-kills-{}", std::process::id())));
    std::fs::create_dir_all(&scratch.0).expect("a directory can be made");
    let root = scratch.0.as_path();
    let sweep = || {
        let options = CollectOptions { min_age: Duration::ZERO, ..CollectOptions::default() };
        open_at(root).collect_older(&options, &mut |_| true)
    };
    let (done, removed) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut acknowledged = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // A directory that a commit removes under it ends one clean-up; the next begins anew.
                if let Ok(collection) = sweep() {
                    removed.fetch_add(collection.objects, Ordering::Relaxed);
                }
            }
        });
        let mut writers: Vec<Writer> = (0..3).map(|_| Writer::start(root)).collect();
        for round in 0..rounds {
            let mut writer = writers.swap_remove(round % writers.len());
            for _ in 0..1 + fresh_random() % 6 {
                acknowledged.extend(writer.next());
            }
            acknowledged.extend(writer.kill());
            writers.push(Writer::start(root));
        }
        for writer in writers {
            acknowledged.extend(writer.kill());
        }
        done.store(true, Ordering::Relaxed);
    });
    let dataset = open_at(root);
    audit(dataset.store(), &acknowledged).unwrap_or_else(|fault| panic!("after {rounds} kills: {fault}"));
    acknowledged.push(write(&dataset, &["3"]).expect("it goes on").snapshot.id().to_owned());
    sweep().expect("nothing disturbs it");
    let path = audit(dataset.store(), &acknowledged).expect("it is whole");
    let data = keys(dataset.store()).into_iter().filter(|key| key.contains("/data/")).count();
    assert_eq!(data, path.len(), "each snapshot has its data file, and there is no other");
    assert_eq!(sweep().expect("nothing disturbs it").objects, 0, "what was left is gone");
    assert!(acknowledged.len() > rounds, "they were killed while they wrote");
}
