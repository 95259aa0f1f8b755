//! Files and standard input, read to their end.

use std::path::Path;

use super::Session;
use super::position::Position;
use crate::failure::{Failure, Result};
use crate::input::{Filled, Input};

/// Reads all inputs, and commits what they hold.
pub fn run(session: &mut Session<'_>) -> Result<()> {
    let files = &session.options.files;
    let standard = [std::path::PathBuf::from("-")];
    let inputs = if files.is_empty() { &standard[..] } else { &files[..] };
    let start = session.commits.start().cloned();
    let first = match &start {
        Some(position) => begin(position, inputs)?,
        None => 0,
    };
    let mut last = start.clone();
    for (number, path) in inputs.iter().enumerate().skip(first) {
        let mut input = open(path, session.longest)?;
        if let Some(position) = &start
            && number == first
        {
            input.skip_to(position.offset, &session.interrupts)?;
        }
        read(session, &mut input)?;
        last = Some(Position::of(&input)?);
    }
    // Without any rule for smaller ones there is one snapshot, of no records if need be.
    let whole = !session.roll.is_wanted() && session.options.producer.is_none();
    if session.batch.records() > 0 || whole {
        session.commit(&last.unwrap_or_default())?;
    }
    Ok(())
}

/// The number of the input that the position is in.
fn begin(position: &Position, inputs: &[std::path::PathBuf]) -> Result<usize> {
    let found = inputs.iter().position(|path| {
        if path.as_os_str() == "-" { position.inode.is_none() } else { position.is_in(path) }
    });
    found.ok_or_else(|| {
        Failure::other(format_args!(
            "the last run of this producer ended at byte {} of {}, which is not among the inputs: repeat the same \
             command, or use another --producer",
            position.offset, position.input
        ))
    })
}

fn open(path: &Path, longest: usize) -> Result<Input> {
    if path.as_os_str() == "-" { Ok(Input::standard(longest)) } else { Input::open(path, longest) }
}

fn read(session: &mut Session<'_>, input: &mut Input) -> Result<()> {
    loop {
        // What is in the buffer already, of an input that was read up to where the last run has ended, comes
        // first.
        session.take_lines(input)?;
        match input.fill(&session.interrupts, session.age_left())? {
            Filled::More => {}
            Filled::End => return session.take_last(input),
            Filled::Nothing => session.interrupts.check()?,
        }
        if session.is_due() {
            session.commit(&Position::of(input)?)?;
        }
    }
}
