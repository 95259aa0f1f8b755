//! rsyslog's omprog with `confirmMessages="on"`: each line of standard input is answered by a line of
//! standard output. `OK` to a message says that it is durable; within a transaction a message is answered
//! `DEFER_COMMIT`, and the `OK` to the transaction's end says it for all of them. Any other answer makes
//! rsyslog keep the message and send it again.

use super::Session;
use super::batch::Batch;
use crate::failure::{Failure, Result};
use crate::input::{Filled, Input};
use crate::output::Output;

/// What rsyslog sends around the messages of a transaction, unless it is configured otherwise.
const BEGIN: &[u8] = b"BEGIN TRANSACTION";
const COMMIT: &[u8] = b"COMMIT TRANSACTION";

/// Answers until standard input ends.
pub fn run(session: &mut Session<'_>) -> Result<()> {
    let mut output = Output::new();
    let mut input = Input::standard(session.longest);
    let mut in_transaction = false;
    answer(&mut output, "OK")?;
    loop {
        let Some(len) = input.data().iter().position(|byte| *byte == b'\n') else {
            if input.is_full() {
                return Err(Failure::other(format_args!(
                    "a message has more than {} bytes; see rsyslog's maxMessageSize, and --max-record",
                    session.longest
                )));
            }
            match input.fill(&session.interrupts, None)? {
                Filled::More => continue,
                // What was not confirmed comes again.
                Filled::End => return Ok(()),
                Filled::Nothing => return session.interrupts.check(),
            }
        };
        let line = input.data()[..len].trim_ascii().to_vec();
        input.consume(len + 1);
        let reply = if line == BEGIN {
            in_transaction = true;
            discard(session)?;
            "OK".to_owned()
        } else if line == COMMIT {
            in_transaction = false;
            commit(session)
        } else {
            match take(session, &line) {
                Ok(()) if in_transaction => "DEFER_COMMIT".to_owned(),
                Ok(()) => commit(session),
                Err(failure) => refusal(session, &failure),
            }
        };
        // What was refused is sent again as a whole, in a new transaction.
        if reply != "OK" && reply != "DEFER_COMMIT" {
            discard(session)?;
        }
        answer(&mut output, &reply)?;
    }
}

fn answer(output: &mut Output, line: &str) -> Result<()> {
    output.line(line)?;
    output.flush()
}

fn take(session: &mut Session<'_>, message: &[u8]) -> Result<()> {
    if message.is_empty() {
        return Ok(());
    }
    match session.batch.append(message) {
        Ok(()) => Ok(()),
        Err(error) if super::is_bad_record(&error) && session.rejects.is_some() => {
            session.progress.say(&format!("{}; rejected", error.message()));
            let rejects = session.rejects.as_mut().expect("checked above");
            rejects.write(message)?;
            rejects.write(b"\n")
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes what was taken durable; gives the answer.
fn commit(session: &mut Session<'_>) -> String {
    let durable = match &mut session.rejects {
        Some(rejects) => rejects.make_durable(),
        None => Ok(()),
    };
    let committed = durable.and_then(|()| {
        if session.batch.records() == 0 {
            return Ok(());
        }
        let batch = std::mem::replace(&mut session.batch, Batch::new(session.commits.dataset())?);
        session.commits.commit(batch, None, &session.progress)
    });
    match committed {
        Ok(()) => "OK".to_owned(),
        Err(failure) => refusal(session, &failure),
    }
}

/// Says why, here and to rsyslog, on one line.
fn refusal(session: &Session<'_>, failure: &Failure) -> String {
    let message = match failure {
        Failure::Library(_, error) => format!("{} ({})", error.message(), error.status().name()),
        Failure::Other(message) | Failure::Usage(message) | Failure::NotFound(message) => message.clone(),
        Failure::ClosedOutput | Failure::Interrupted(_) => "interrupted".to_owned(),
    };
    let message = message.replace(['\n', '\r'], " ");
    session.progress.say(&message);
    format!("Error: {message}")
}

fn discard(session: &mut Session<'_>) -> Result<()> {
    if session.batch.records() > 0 {
        session.batch = Batch::new(session.commits.dataset())?;
    }
    Ok(())
}
