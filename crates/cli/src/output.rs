//! Standard output: bytes, lines, tables and lines of JSON. A closed pipe ends the command quietly, and one
//! that is set to not block is waited for. What is said on standard error goes through here, too.

use std::io::{self, IsTerminal, Write};
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::failure::{Failure, Result};

/// How much is gathered before it is written.
const CAPACITY: usize = 64 << 10;

/// Standard output.
pub struct Output {
    buffer: Vec<u8>,
}

impl Output {
    /// Standard output, from here on written by this value alone.
    pub fn new() -> Self {
        Output { buffer: Vec::with_capacity(CAPACITY) }
    }

    /// Whether it is a terminal.
    pub fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > CAPACITY {
            self.flush()?;
        }
        if bytes.len() >= CAPACITY {
            return write_all(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds a line.
    pub fn line(&mut self, line: &str) -> Result<()> {
        self.write(line.as_bytes())?;
        self.write(b"\n")
    }

    /// Adds a value as a line of JSON.
    pub fn json(&mut self, value: &serde_json::Value) -> Result<()> {
        self.line(&value.to_string())
    }

    /// Adds a table: columns aligned, the first row in bold on a terminal.
    pub fn table(&mut self, rows: &[Vec<String>]) -> Result<()> {
        let mut writer = tabwriter::TabWriter::new(Vec::new()).padding(2).ansi(true);
        let bold = anstyle::Style::new().bold();
        for (number, row) in rows.iter().enumerate() {
            let line = row.iter().map(|cell| printable(cell)).collect::<Vec<_>>().join("\t");
            let line = if number == 0 { format!("{bold}{line}{bold:#}\n") } else { format!("{line}\n") };
            writer.write_all(line.as_bytes()).map_err(|error| Failure::system("make a table", &error))?;
        }
        let aligned =
            writer.into_inner().map_err(|error| Failure::other(format!("cannot make a table: {error}")))?;
        let aligned = String::from_utf8_lossy(&aligned);
        let coloured = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        for line in aligned.lines() {
            let line = line.trim_end();
            if coloured {
                self.line(line)?
            } else {
                self.line(&anstream::adapter::strip_str(line).to_string())?
            }
        }
        Ok(())
    }

    /// Writes all that was gathered.
    pub fn flush(&mut self) -> Result<()> {
        let result = write_all(&self.buffer);
        self.buffer.clear();
        result
    }
}

/// Text of a store for a person's terminal: control characters could do harm there.
pub fn printable(text: &str) -> String {
    if text.chars().any(char::is_control) { text.escape_debug().collect() } else { text.to_owned() }
}

/// Says something on standard error. Nothing depends on whether anyone can read it: a pipe that is closed
/// there, or a full disk, changes neither what the command does nor how it ends.
pub fn say(message: &str) {
    let _ = write_to(rustix::stdio::stderr(), format!("lode: {message}\n").as_bytes());
}

fn write_all(bytes: &[u8]) -> Result<()> {
    write_to(rustix::stdio::stdout(), bytes).map_err(|errno| match errno {
        Errno::PIPE => Failure::ClosedOutput,
        errno => Failure::system("write to standard output", &errno.into()),
    })
}

/// Writes all of it; a descriptor that is set to not block is waited for.
fn write_to(descriptor: BorrowedFd<'_>, mut bytes: &[u8]) -> std::result::Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(descriptor, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => match poll(&mut [PollFd::new(&descriptor, PollFlags::OUT)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            },
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// A point in time as RFC 3339.
pub fn time(unix_nanos: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_nanos))
        .ok()
        .and_then(|time| time.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_else(|| format!("{unix_nanos} ns"))
}

/// A size for a person.
pub fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// A number for a person.
pub fn number(count: u64) -> String {
    indicatif::HumanCount(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(printable("plain é"), "plain é");
        assert_eq!(printable("a\u{1b}[31m\n"), "a\\u{1b}[31m\\n");
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time(1_700_000_000_000_000_001), "2023-11-14T22:13:20.000000001Z");
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
    }
}
