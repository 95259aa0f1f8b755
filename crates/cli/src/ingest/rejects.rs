//! The file that takes what is no record.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// A file that lines are appended to, durable before the commit that leaves them out.
pub struct Rejects {
    path: PathBuf,
    file: File,
    /// Something was written that may be in the cache only.
    pending: bool,
}

impl Rejects {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        let file =
            opened.map_err(|error| Failure::system(format_args!("open {}", path.display()), &error))?;
        // The name of a new file must last, too.
        Ok(Rejects { path: path.to_owned(), file, pending: true })
    }

    /// Adds bytes at the end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.pending = true;
        self.file.write_all(bytes).map_err(|error| self.cannot("write to", &error))
    }

    /// Makes durable what was written.
    pub fn make_durable(&mut self) -> Result<()> {
        if !self.pending {
            return Ok(());
        }
        let parent =
            self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.file
            .sync_data()
            .and_then(|()| File::open(parent)?.sync_all())
            .map_err(|error| self.cannot("make durable", &error))?;
        self.pending = false;
        Ok(())
    }

    fn cannot(&self, what: &str, error: &std::io::Error) -> Failure {
        Failure::system(format_args!("{what} {}", self.path.display()), error)
    }
}
