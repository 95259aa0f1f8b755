//! A growing file, followed through its rotation.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Session;
use super::position::Position;
use crate::failure::{Failure, Result};
use crate::input::{Filled, Input, wait_for};

/// How often the end of the file is checked.
const INTERVAL: Duration = Duration::from_millis(200);

/// Follows the file until a signal comes; what was read by then is committed.
pub fn run(session: &mut Session<'_>) -> Result<()> {
    let path = session.options.files[0].clone();
    let mut input = match session.commits.start().cloned() {
        Some(position) => catch_up(session, &path, &position)?,
        None => None,
    };
    while session.interrupts.signal().is_none() {
        let Some(current) = &mut input else {
            input = open_if_there(&path, session.longest)?;
            if input.is_none() {
                pause(session)?;
            }
            continue;
        };
        read_to_end(session, current)?;
        if session.is_due() {
            session.commit(&Position::of(current)?)?;
        }
        match change_of(current, &path)? {
            Change::None => pause(session)?,
            Change::Rotated => {
                // What was written between the last look and the rotation, and a last line without its end.
                read_to_end(session, current)?;
                session.take_last(current)?;
                let end = Position::of(current)?;
                if session.batch.records() > 0 {
                    session.commit(&end)?;
                }
                input = open_if_there(&path, session.longest)?;
            }
            Change::Truncated => {
                session.progress.say(&format!("{} was cut: it is read from its beginning", path.display()));
                if session.batch.records() > 0 {
                    session.commit(&Position { offset: 0, ..Position::of(current)? })?;
                }
                input = open_if_there(&path, session.longest)?;
            }
        }
    }
    if let Some(input) = &input
        && session.batch.records() > 0
    {
        session.commit(&Position::of(input)?)?;
    }
    Ok(())
}

/// Goes on where the last run has ended: if the file was rotated since, with the rest of the rotated one, and
/// with those that came between, the oldest first.
fn catch_up(session: &mut Session<'_>, path: &Path, position: &Position) -> Result<Option<Input>> {
    if position.is_in(path) {
        let mut input = Input::open(path, session.longest)?;
        let len = input.file().and_then(|file| file.metadata().ok()).map_or(0, |metadata| metadata.len());
        if len < position.offset {
            session.progress.say(&format!("{} was cut: it is read from its beginning", path.display()));
        } else {
            input.skip_to(position.offset, &session.interrupts)?;
        }
        return Ok(Some(input));
    }
    let rotated = rotated_files(path)?;
    let Some(at) = rotated.iter().position(|file| position.is_in(file)) else {
        let message = format!(
            "the file that the last run had read up to byte {} is gone from beside {}, perhaps compressed: what was written \
             to it since is lost to this run",
            position.offset,
            path.display()
        );
        if !session.options.skip_lost {
            return Err(Failure::other(format_args!(
                "{message}. Bring it back, or accept that with --skip-lost"
            )));
        }
        session.progress.say(&message);
        return Ok(None);
    };
    for (number, file) in rotated[at..].iter().enumerate() {
        let mut input = Input::open(file, session.longest)?;
        if number == 0 {
            input.skip_to(position.offset, &session.interrupts)?;
        }
        read_to_end(session, &mut input)?;
        session.take_last(&mut input)?;
        if session.batch.records() > 0 {
            session.commit(&Position::of(&input)?)?;
        }
    }
    Ok(None)
}

/// The files beside the one that is followed whose names begin with its name, such as `app.log.1`: the least
/// recently written first.
fn rotated_files(path: &Path) -> Result<Vec<PathBuf>> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot =
        |error: std::io::Error| Failure::system(format_args!("list {}", directory.display()), &error);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let other = entry.file_name().to_string_lossy().into_owned();
        if other != name
            && other.starts_with(&name)
            && let Ok(metadata) = entry.metadata()
            && metadata.is_file()
        {
            found.push(((metadata.mtime(), metadata.mtime_nsec()), entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// What happened to the file under the name that is followed.
enum Change {
    None,
    /// The name is another file's, or no file's.
    Rotated,
    /// It has become shorter than what was read.
    Truncated,
}

fn change_of(input: &Input, path: &Path) -> Result<Change> {
    let position = Position::of(input)?;
    match fs::metadata(path) {
        Ok(_) if !position.is_in(path) => Ok(Change::Rotated),
        Ok(metadata) if metadata.len() < position.offset => Ok(Change::Truncated),
        Ok(_) => Ok(Change::None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Change::Rotated),
        Err(error) => Err(Failure::system(format_args!("look at {}", path.display()), &error)),
    }
}

fn open_if_there(path: &Path, longest: usize) -> Result<Option<Input>> {
    if path.exists() { Input::open(path, longest).map(Some) } else { Ok(None) }
}

fn read_to_end(session: &mut Session<'_>, input: &mut Input) -> Result<()> {
    while input.fill(&session.interrupts, None)? == Filled::More {
        session.take_lines(input)?;
    }
    Ok(())
}

/// Waits a moment, or until a signal comes.
fn pause(session: &Session<'_>) -> Result<()> {
    let end = Instant::now() + session.age_left().unwrap_or(INTERVAL).min(INTERVAL);
    wait_for(None, &session.interrupts.wake(), Some(end)).map_err(|error| Failure::system("wait", &error))?;
    Ok(())
}
