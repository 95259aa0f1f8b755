//! Threads and processes at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::memory::Memory;
use super::super::sim::SimDisk;
use super::*;

const THREADS: usize = 4;

fn stores() -> Vec<(Box<dyn Backend>, Option<TempDir>)> {
    let dir = TempDir::new();
    let disk = SimDisk::new();
    vec![
        (Box::new(dir.store()), Some(dir)),
        (Box::new(Filesystem::with_disk(disk.process().disk(), "/sim")), None),
        (Box::new(Memory::new()), None),
    ]
}

#[test]
fn of_several_puts_at_once_exactly_one_wins() {
    for (store, _dir) in stores() {
        for round in 0..50 {
            let key = format!("race/{round}/k");
            let (barrier, done) = (Barrier::new(THREADS), AtomicUsize::new(usize::MAX));
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (store, key, barrier, done) = (&store, &key, &barrier, &done);
                    scope.spawn(move || {
                        barrier.wait();
                        match store.put_if_absent(
                            Context::unlimited(),
                            key,
                            format!("{thread}").as_bytes(),
                            Durability::Process,
                        ) {
                            Put::Done => {
                                let before = done.swap(thread, Ordering::SeqCst);
                                assert_eq!(before, usize::MAX, "two winners");
                            }
                            Put::Exists => {}
                            other => panic!("{other:?}"),
                        }
                    });
                }
            });
            let winner = done.load(Ordering::SeqCst);
            assert_eq!(get(&*store, &key), Some(winner.to_string().into_bytes()));
        }
    }
}

#[test]
fn no_swap_is_lost() {
    const EACH: u64 = 25;
    for (store, _dir) in stores() {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                let store = &store;
                scope.spawn(move || {
                    for _ in 0..EACH {
                        loop {
                            let now = get(&**store, "d/count").unwrap_or_default();
                            let number: u64 = std::str::from_utf8(&now).expect("text").parse().unwrap_or(0);
                            let pause = Duration::from_micros(50);
                            let retry = Retry { attempts: 1_000_000, base: pause, cap: pause };
                            let (context, wait) = (Context::default().with_retry(retry), LockWait::Deadline);
                            let next = (number + 1).to_string();
                            let (next, durability) = (next.as_bytes(), Durability::Process);
                            match store.compare_and_swap(&context, "d/count", &now, next, durability, wait) {
                                Swap::Done => break,
                                Swap::Mismatch(_) => {}
                                other => panic!("{other:?}"),
                            }
                        }
                    }
                });
            }
        });
        let total = EACH * THREADS as u64;
        assert_eq!(get(&*store, "d/count"), Some(total.to_string().into_bytes()));
    }
}

#[test]
fn a_put_survives_others_that_remove_its_empty_directories() {
    for (store, _dir) in stores() {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let store = &store;
                scope.spawn(move || {
                    for round in 0..200 {
                        let key = format!("a/b/{thread}-{round}");
                        let put = store.put_if_absent(Context::unlimited(), &key, b"x", Durability::Process);
                        assert!(matches!(put, Put::Done), "{put:?}");
                        store.delete(Context::unlimited(), &key).expect("delete");
                        drop(store.upload(Context::unlimited(), &key, Durability::Process).expect("create"));
                    }
                });
            }
        });
        assert_eq!(list(&*store, ""), Vec::<String>::new());
    }
}

#[test]
fn the_lock_of_a_dead_process_is_free() {
    let disk = SimDisk::new();
    disk.plant("d/p", b"one");
    let holder = disk.process();
    let mut lock = holder.disk().open_dir("d").expect("open").open_lock("p.lock").expect("open");
    lock.try_lock().expect("the lock is free");
    let store = Filesystem::with_disk(disk.process().disk(), "/sim");
    assert!(matches!(swap(&store, "d/p", b"one", b"two", 2), Swap::Busy(_)));
    holder.kill();
    assert!(matches!(swap(&store, "d/p", b"one", b"two", 1), Swap::Done));
}
