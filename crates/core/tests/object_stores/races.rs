//! Many clients at once: exactly one wins, and what was acknowledged is there.

use std::sync::Barrier;

use lode_core::Status;
use lode_core::context::CallOptions;
use lode_core::dataset::Outcome;
use lode_core::layout::Layout;
use lode_core::options::CommitOptions;
use lode_core::store::Store;

use crate::commits::{append, open};
use crate::servers;

/// The rounds in which a client's put won, and those in which its swap did.
type Won = (Vec<usize>, Vec<usize>);

const CLIENTS: usize = 32;
const ROUNDS: usize = 20;

#[test]
fn of_many_clients_that_put_or_swap_one_object_exactly_one_wins() {
    let Some(server) = servers::minio() else { return };
    let prefix = servers::fresh_prefix();
    exactly_one_wins(&|| servers::s3_store(&server.url(), &prefix, ""));
}

/// Of many clients, each with a store of its own, that put or swap one object.
pub fn exactly_one_wins(open: &(dyn Fn() -> Store + Sync)) {
    let none = CallOptions::default();
    let judge = open();
    let barrier = Barrier::new(CLIENTS);
    let won: Vec<Won> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (barrier, judge, none) = (&barrier, &judge, &none);
                scope.spawn(move || {
                    let store = open();
                    let (mut puts, mut swaps) = (Vec::new(), Vec::new());
                    let mine = format!("client {client}");
                    for round in 0..ROUNDS {
                        barrier.wait();
                        match store.put(&format!("create/{round}"), mine.as_bytes(), none) {
                            Ok(()) => puts.push(round),
                            Err(error) => assert_eq!(error.status(), Status::PathExists, "{error}"),
                        }
                        let before = if round == 0 { None } else { judge.get("swap", none).unwrap() };
                        let before = before.unwrap_or_default();
                        barrier.wait();
                        let value = format!("{mine} in round {round}");
                        match store.compare_and_swap("swap", &before, value.as_bytes(), none) {
                            Ok(()) => swaps.push(round),
                            Err(error) => assert_eq!(error.status(), Status::Conflict, "{error}"),
                        }
                        barrier.wait();
                    }
                    (puts, swaps)
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    for round in 0..ROUNDS {
        let winner = |which: fn(&Won) -> &Vec<usize>| {
            let winners: Vec<usize> =
                (0..CLIENTS).filter(|client| which(&won[*client]).contains(&round)).collect();
            assert_eq!(winners.len(), 1, "round {round}: {winners:?} win");
            winners[0]
        };
        let put = judge.get(&format!("create/{round}"), &none).unwrap().unwrap();
        assert_eq!(put, format!("client {}", winner(|(puts, _)| puts)).into_bytes());
        let swapped = winner(|(_, swaps)| swaps);
        if round + 1 == ROUNDS {
            let there = judge.get("swap", &none).unwrap().unwrap();
            assert_eq!(there, format!("client {swapped} in round {round}").into_bytes());
        }
    }
}

#[test]
fn many_writers_of_one_dataset_make_one_chain_with_every_commit_on_it() {
    let Some(server) = servers::minio() else { return };
    let prefix = servers::fresh_prefix();
    one_chain(&|| servers::s3_store(&server.url(), &prefix, ""));
    servers::audit(&prefix, "events", &[]);
}

/// Every commit of many writers is in one chain, once.
pub fn one_chain(store: &(dyn Fn() -> Store + Sync)) {
    const WRITERS: usize = 8;
    const COMMITS: usize = 5;
    let mut acknowledged: Vec<String> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let events = open(&store(), "events", Layout::Default);
                    let commit = |number| {
                        let record = format!(r#"{{"writer":{writer},"number":{number}}}"#);
                        let commit = append(&events, &record, CommitOptions::default()).unwrap();
                        assert!(matches!(commit.outcome, Outcome::Committed | Outcome::Unpublished));
                        commit.snapshot.id().to_owned()
                    };
                    (0..COMMITS).map(commit).collect::<Vec<String>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    acknowledged.sort();
    let events = open(&store(), "events", Layout::Default);
    let mut snapshots = events.changes_since(None, &CallOptions::default()).unwrap();
    let chain: Vec<String> =
        std::iter::from_fn(|| snapshots.next().unwrap()).map(|snapshot| snapshot.id().to_owned()).collect();
    assert_eq!(chain, acknowledged, "in the order of their ids, and each once");
}
