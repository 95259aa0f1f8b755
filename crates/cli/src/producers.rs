//! `lode producers`: how far each exactly-once producer has come.

use lode_core::context::CallOptions;
use serde_json::json;

use crate::args::Producers;
use crate::failure::{Failure, Result};
use crate::ls::row;
use crate::output::{self, Output};
use crate::store;

/// Runs the subcommand.
pub fn run(options: &Producers) -> Result<()> {
    let (dataset, head) = store::open_history_head(&options.target, options.volume)?;
    let mut states = match &options.producer {
        // This one counts commits that are decided and not published yet, too.
        Some(producer) => match dataset.producer_position(producer, &CallOptions::default())? {
            Some(snapshot) => {
                snapshot.producer(producer)?.map(|state| (producer.clone(), state)).into_iter().collect()
            }
            None => {
                let message = format!("dataset {:?} knows no producer {producer:?}", options.target.dataset);
                return Err(Failure::NotFound(message));
            }
        },
        None => head.producers()?,
    };
    states.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut output = Output::new();
    let mut rows = vec![row(&["PRODUCER", "SEQUENCE", "SNAPSHOT", "POSITION"])];
    for (id, state) in states {
        if options.json {
            output.json(&json!({
                "producer": id,
                "sequence": state.sequence,
                "position": state.position,
                "snapshot": state.snapshot_id,
            }))?;
        } else {
            rows.push(vec![id, output::number(state.sequence), state.snapshot_id, state.position]);
        }
    }
    if !options.json {
        output.table(&rows)?;
    }
    output.flush()
}
